import { assert, describe, it } from "@effect/vitest"
import * as RecallHandle from "../../../src/protocol/message/RecallHandle.ts"
import { goldenRecallHandles } from "./messages.ts"

const encodeText = (text: string): string => Buffer.from(text).toString("base64url")

describe("recall handles", () => {
  for (const { handle, ...parts } of goldenRecallHandles) {
    it(`are read and written as Java does: ${handle}`, () => {
      assert.deepStrictEqual(RecallHandle.decode(handle), parts)
      assert.strictEqual(RecallHandle.encode(parts), handle)
    })
  }

  it("may lack their padding", () => {
    const { handle, ...parts } = goldenRecallHandles.find((golden) => golden.handle.endsWith("="))!
    assert.deepStrictEqual(RecallHandle.decode(handle.replaceAll("=", "")), parts)
  })

  it("are nothing else", () => {
    for (
      const handle of [
        "",
        "=",
        "not base64!",
        encodeText("v1 topic broker 1"),
        encodeText("v2 topic broker 1 id"),
        encodeText("v1 topic broker soon id"),
        encodeText("v1 topic broker 99999999999999999999 id"),
        encodeText("v1 topic broker 9999999999999999 id"),
        encodeText("v1 topic broker 1 ")
      ]
    ) {
      assert.isUndefined(RecallHandle.decode(handle), handle)
    }
  })
})
