import { assert, describe, it } from "@effect/vitest"
import { javaHashCode, tagsCode } from "../../../src/protocol/message/TagsCode.ts"

describe("javaHashCode", () => {
  it("is that of Java's strings", () => {
    assert.strictEqual(javaHashCode(""), 0)
    assert.strictEqual(javaHashCode("a"), 97)
    assert.strictEqual(javaHashCode("TagA"), 2_598_919)
    assert.strictEqual(javaHashCode("polygenelubricants"), -(2 ** 31))
    assert.strictEqual(javaHashCode("😀"), 1_772_899)
  })
})

describe("tagsCode", () => {
  it("is 0 without tags", () => {
    assert.strictEqual(tagsCode(undefined), 0)
    assert.strictEqual(tagsCode("TagA"), 2_598_919)
  })
})
