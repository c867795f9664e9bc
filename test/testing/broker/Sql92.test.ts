import { assert, describe, it } from "@effect/vitest"
import * as Sql92 from "../../../src/testing/internal/broker/Sql92.ts"

const matches = (text: string, properties: Readonly<Record<string, string>>): boolean => {
  const filter = Sql92.compile(text)
  if (filter === undefined) return assert.fail(`${text} is no filter`)
  return filter(properties)
}

describe("an SQL92 filter", () => {
  const properties = { a: "5", b: "abc", c: "true", e: "1.5", quote: "it's" }

  for (
    const [text, expected] of [
      ["a = 5", true],
      ["a = '5'", true],
      ["a = 6", false],
      ["a <> 6", true],
      ["a > 4", true],
      ["a >= 5 AND a <= 5", true],
      ["a < 5", false],
      ["a > 4.5", true],
      ["4 < a", true],
      ["e > 1.4 and e < 1.6", true],
      // A text that is no integer cannot be compared with one: the whole filter fails.
      ["e > 1", false],
      ["e = 1 OR a = 5", false],
      ["a = 5 OR e = 1", true],
      ["b > 1", false],
      ["a > e", true],
      ["b > c", false],
      ["a BETWEEN 1 AND 5", true],
      ["a NOT BETWEEN 1 AND 5", false],
      ["a NOT BETWEEN 6 AND 7", true],
      ["b IN ('x', 'abc')", true],
      ["b NOT IN ('x', 'abc')", false],
      ["b NOT IN ('x')", true],
      ["b IS NULL", false],
      ["d IS NULL", true],
      ["d IS NOT NULL", false],
      ["b is not null", true],
      ["b CONTAINS 'b'", true],
      ["b NOT CONTAINS 'b'", false],
      ["b STARTSWITH 'ab'", true],
      ["b ENDSWITH 'ab'", false],
      ["b NOT ENDSWITH 'ab'", true],
      ["b CONTAINS ''", false],
      // What is missing is neither.
      ["d CONTAINS 'b'", false],
      ["d NOT CONTAINS 'b'", false],
      ["d = 5", false],
      ["d <> 5", false],
      ["NOT (d = 5)", false],
      ["d = 5 OR a = 5", true],
      ["d = 5 AND a = 5", false],
      ["d IN ('x')", false],
      ["d NOT IN ('x')", false],
      ["c = TRUE", true],
      ["c = false", false],
      // A property is a text, and a text is not true.
      ["c", false],
      ["NOT c", true],
      ["a", false],
      ["TRUE", true],
      ["NOT FALSE", true],
      ["NOT (a = 5 AND b = 'x') AND c = TRUE", true],
      ["a = 5 OR b = 'x' AND c = FALSE", true],
      ["(a = 5 OR b = 'x') AND c = FALSE", false],
      ["quote = 'it''s'", true],
      ["a = +5", true],
      ["a = - -5", true],
      ["a > -1", true],
      ["a = 5 -- a remark\n AND b = 'abc'", true],
      ["a /* a remark */ = 5", true],
      ["a = 5L", true],
      ["a = 5E0", true],
      ["a = 3000000000", false],
      ["1 = 1", true],
      ["1 < 2.5", true],
      // What follows the filter is not looked at.
      ["a = 5 )", true],
      ["a = 5 b = 7", true]
    ] as const
  ) {
    it(`${JSON.stringify(text)} is ${expected}`, () => assert.strictEqual(matches(text, properties), expected))
  }

  for (
    const text of [
      "",
      "a = ",
      "a = = 5",
      "a = 'x",
      "5",
      "'x'",
      "a AND 5",
      "a > 'x'",
      "a > TRUE",
      "a = NULL",
      "TRUE = 1",
      "a BETWEEN 5 AND 1",
      "a BETWEEN 'a' AND 'b'",
      "5 IN ('5')",
      "a IN ()",
      "a IN (5)",
      "a = 0.0",
      "a = 99999999999999999999",
      "a = 1 AND",
      "a = --5\n",
      "(a = 1",
      "a # 1",
      "a = 5 #",
      "(".repeat(100_000)
    ]
  ) {
    const name = text.length > 40 ? "what is too deep" : JSON.stringify(text)
    it(`${name} is none`, () => assert.isUndefined(Sql92.compile(text)))
  }

  it("takes longs for what they are", () => {
    assert.isTrue(matches("a = 3000000000", { a: "3000000000" }))
    assert.isFalse(matches("a = 5", { a: "3000000000" }))
    assert.isTrue(matches("a > 9007199254740992", { a: "9007199254740993" }))
  })

  it("reads properties by names that mean something elsewhere", () => {
    assert.isTrue(matches("__proto__ IS NULL", Object.create(null)))
  })
})
