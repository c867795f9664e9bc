import { assert, describe, it } from "@effect/vitest"
import { buildSubscriptionData } from "../../../src/protocol/body/SubscriptionData.ts"

describe("buildSubscriptionData", () => {
  const all = {
    classFilterMode: false,
    codeSet: [],
    expressionType: "TAG",
    subString: "*",
    subVersion: 5,
    tagsSet: [],
    topic: "t"
  }

  it("subscribes to all messages without an expression, or with *", () => {
    assert.deepStrictEqual(buildSubscriptionData("t", "", "TAG", 5), all)
    assert.deepStrictEqual(buildSubscriptionData("t", "*", "TAG", 5), all)
  })

  it("subscribes to tags by their hashes, and leaves the expression as it is", () => {
    assert.deepStrictEqual(buildSubscriptionData("t", " TagA || TagB||", "TAG", 5), {
      ...all,
      // String.hashCode of Java.
      codeSet: [2598919, 2598920],
      subString: " TagA || TagB||",
      tagsSet: ["TagA", "TagB"]
    })
  })

  it("names a tag once", () => {
    assert.deepInclude(buildSubscriptionData("t", "a||a|| a", "TAG", 5), { codeSet: [97], tagsSet: ["a"] })
  })

  it("takes a single bar for part of a tag", () => {
    assert.deepInclude(buildSubscriptionData("t", "a|b|||c", "TAG", 5), { tagsSet: ["a|b", "|c"] })
  })

  it("trims what Java trims", () => {
    assert.deepInclude(buildSubscriptionData("t", "\u0001a\t||\u00a0", "TAG", 5), { tagsSet: ["a", "\u00a0"] })
  })

  it("subscribes to no tag when there are only blanks", () => {
    assert.deepInclude(buildSubscriptionData("t", " || ", "TAG", 5), { codeSet: [], subString: " || ", tagsSet: [] })
  })

  it("refuses what Java refuses", () => {
    assert.isUndefined(buildSubscriptionData("t", "||", "TAG", 5))
    assert.isUndefined(buildSubscriptionData("t", "||||", "TAG", 5))
    assert.isUndefined(buildSubscriptionData("t", "", "SQL92", 5))
  })

  it("leaves SQL to the broker", () => {
    assert.deepStrictEqual(buildSubscriptionData("t", "a > 5 OR b = 'x||y'", "SQL92", 5), {
      ...all,
      expressionType: "SQL92",
      subString: "a > 5 OR b = 'x||y'"
    })
  })
})
