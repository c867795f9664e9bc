import { assert, describe, it } from "@effect/vitest"
import { xxHash32 } from "../../src/protocol/internal/XxHash32.ts"

describe("xxHash32", () => {
  it("is XXH32 with the seed 0", () => {
    const vectors: ReadonlyArray<readonly [string, number]> = [
      ["", 0x02cc5d05],
      ["a", 0x550d7456],
      ["abc", 0x32d153ff],
      ["Nobody inspects the spammish repetition", 0xe2293b2f]
    ]
    for (const [text, hash] of vectors) {
      const bytes = Buffer.from(`<${text}>`)
      assert.strictEqual(xxHash32(bytes, 1, bytes.length - 1), hash)
    }
  })
})
