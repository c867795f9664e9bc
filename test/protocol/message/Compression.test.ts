import { assert, describe, it } from "@effect/vitest"
import { crc32 } from "node:zlib"
import * as Compression from "../../../src/protocol/message/Compression.ts"
import { bytes, compressible, goldenCompressed, hexOf } from "./messages.ts"

const types = ["ZLIB", "LZ4", "ZSTD"] as const

const kindOf = (result: Uint8Array | Compression.DecompressionFailure): string =>
  Compression.isFailure(result) ? result.kind : "bytes"

const body = Buffer.from("{\"order\":1,\"state\":\"created\"}".repeat(300))

const limit = 1_000_000

/** Bytes that look random, always the same. */
const noise = (size: number): Buffer => {
  const made = Buffer.alloc(size)
  let state = 1
  for (let i = 0; i < size; i++) {
    state = (Math.imul(state, 1103515245) + 12345) | 0
    made[i] = state >>> 16
  }
  return made
}

describe("bodies that Java compressed", () => {
  for (const { expect, hex, name } of goldenCompressed) {
    it(`are decompressed: ${name}`, () => {
      const result = Compression.decompress(expect.type, Buffer.from(hex, "hex"), expect.size)
      if (Compression.isFailure(result)) {
        assert.fail(result.detail)
      }
      assert.strictEqual(result.length, expect.size)
      assert.strictEqual(crc32(result) & 0x7fffffff, expect.crc)
    })

    it(`are refused at every place where they are cut off: ${name}`, () => {
      const whole = Buffer.from(hex, "hex")
      for (let size = 0; size < whole.length; size++) {
        assert.strictEqual(
          kindOf(Compression.decompress(expect.type, whole.subarray(0, size), 100_000)),
          "Malformed",
          `${size} of ${whole.length}`
        )
      }
    })
  }

  const notEmpty = goldenCompressed.filter(({ expect }) => expect.size > 0)
  it.each(notEmpty)("are refused when they are larger than allowed: $name", ({ expect, hex }) => {
    for (const maxBytes of [0, expect.size - 1]) {
      assert.strictEqual(kindOf(Compression.decompress(expect.type, Buffer.from(hex, "hex"), maxBytes)), "TooLarge")
    }
  })
})

describe.each(types)("%s", (type) => {
  it.prop("gives back what was compressed", [compressible], ([original]) => {
    const result = Compression.decompress(type, Compression.compress(type, original), original.length)
    if (Compression.isFailure(result)) {
      assert.fail(result.detail)
    }
    assert.strictEqual(hexOf(result), hexOf(original))
  }, { arbitrary: { runs: 300 } })

  it("makes less of what repeats itself", () => {
    assert.isBelow(Compression.compress(type, body).length, body.length / 10)
  })

  it("hardly makes more of what does not", () => {
    const random = noise(100_000)
    const compressed = Compression.compress(type, random)
    assert.isBelow(compressed.length, random.length + 200)
    assert.deepStrictEqual(Compression.decompress(type, compressed, random.length), random)
  })

  it.prop("takes any bytes for what they are", [bytes(60)], ([junk]) => {
    const result = Compression.decompress(type, junk, 1000)
    assert.isTrue(Compression.isFailure(result) || result.length <= 1000)
  }, { arbitrary: { runs: 500 } })

  it("takes any change of compressed bytes", () => {
    const compressed = Compression.compress(type, Buffer.concat([noise(100), body.subarray(0, 400), noise(30)]))
    for (let at = 0; at < compressed.length; at++) {
      for (const value of [0, 1, 0x0f, 0x7f, 0x80, 0xf0, 0xff]) {
        const changed = Buffer.from(compressed)
        changed[at] = value
        const result = Compression.decompress(type, changed, 5000)
        assert.isTrue(Compression.isFailure(result) || result.length <= 5000)
      }
    }
  })

  it("stops early when a few bytes stand for too many", () => {
    const bomb = Compression.compress(type, Buffer.alloc(64 * 1024 * 1024))
    assert.isBelow(bomb.length, 1024 * 1024)
    const before = process.memoryUsage().arrayBuffers
    assert.strictEqual(kindOf(Compression.decompress(type, bomb, 4 * 1024 * 1024)), "TooLarge")
    assert.isBelow(process.memoryUsage().arrayBuffers - before, 32 * 1024 * 1024)
  })

  it("has levels", () => {
    assert.isTrue(Compression.isLevel(type, Compression.defaultLevel))
    assert.isFalse(Compression.isLevel(type, -1))
    assert.isFalse(Compression.isLevel(type, 23))
    assert.isFalse(Compression.isLevel(type, 1.5))
    assert.throws(() => Compression.compress(type, body, 23), RangeError)
    for (const level of [1, 9]) {
      const result = Compression.decompress(type, Compression.compress(type, body, level), body.length)
      assert.deepStrictEqual(result, body)
    }
  })
})

describe("what follows", () => {
  const more = (type: Compression.CompressionType, rest: Uint8Array, maxBytes: number) =>
    Compression.decompress(type, Buffer.concat([Compression.compress(type, body), rest]), maxBytes)

  for (const type of ["ZSTD", "LZ4"] as const) {
    it(`a frame of ${type} is another frame`, () => {
      const result = more(type, Compression.compress(type, Buffer.from("end")), body.length + 3)
      assert.deepStrictEqual(result, Buffer.concat([body, Buffer.from("end")]))
      assert.strictEqual(
        kindOf(more(type, Compression.compress(type, Buffer.from("end")), body.length + 2)),
        "TooLarge"
      )
      assert.strictEqual(kindOf(more(type, Compression.compress(type, Buffer.from("end")), body.length)), "TooLarge")
      assert.strictEqual(kindOf(more(type, Buffer.alloc(8), limit)), "Malformed")
      assert.strictEqual(kindOf(more(type, Buffer.of(1), limit)), "Malformed")
      assert.strictEqual(kindOf(more(type, Compression.compress(type, body).subarray(0, -1), limit)), "Malformed")
    })

    it(`a frame of ${type} may be one to skip`, () => {
      const skipped = Buffer.from("502a4d1803000000aabbcc", "hex")
      assert.deepStrictEqual(more(type, skipped, body.length), body)
    })
  }

  it("is not endless: frames of ZSTD cost time though there be nothing in them", () => {
    const empty = Compression.compress("ZSTD", Buffer.alloc(0))
    const frames = (count: number): Buffer => Buffer.concat(Array.from({ length: count }, () => empty))
    assert.deepStrictEqual(Compression.decompress("ZSTD", frames(1000), limit), Buffer.alloc(0))
    assert.strictEqual(kindOf(Compression.decompress("ZSTD", frames(1001), limit)), "Malformed")
  })

  it("a stream of ZLIB does not count", () => {
    assert.deepStrictEqual(more("ZLIB", Buffer.from("end"), body.length), body)
  })
})
