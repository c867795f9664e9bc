import { assert, describe, it } from "@effect/vitest"
import * as Permission from "../../../src/protocol/message/Permission.ts"

describe("Permission", () => {
  it("reads the bits", () => {
    assert.isTrue(Permission.isReadable(6))
    assert.isTrue(Permission.isWritable(6))
    assert.isFalse(Permission.isReadable(2))
    assert.isFalse(Permission.isWritable(4))
    assert.isTrue(Permission.isInherited(7))
    assert.isFalse(Permission.isInherited(6))
    assert.isTrue(Permission.isPriority(8))
    assert.isFalse(Permission.isPriority(7))
  })

  it("takes those of topics for valid", () => {
    assert.deepStrictEqual([-1, 0, 6, 7, 8, 1.5].map(Permission.isValid), [false, true, true, true, false, false])
  })

  it("writes three letters", () => {
    assert.deepStrictEqual([0, 2, 4, 6, 7].map(Permission.format), ["---", "-W-", "R--", "RW-", "RWX"])
  })
})
