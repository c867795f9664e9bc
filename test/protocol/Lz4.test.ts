import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Schema from "effect/Schema"
import { compress, decompress } from "../../src/protocol/internal/Lz4.ts"
import { xxHash32 } from "../../src/protocol/internal/XxHash32.ts"

const limit = 1_000_000

const uint32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}

const hash = (bytes: Uint8Array): Buffer => uint32(xxHash32(bytes, 0, bytes.length))

interface Parts {
  readonly flags?: number
  readonly blockSize?: number
  /** What comes between the block size and the header's checksum. */
  readonly fields?: Uint8Array
  readonly headerChecksum?: number
  readonly blocks?: ReadonlyArray<Uint8Array>
  /** What comes after the size of 0 that ends the blocks. */
  readonly end?: Uint8Array
}

/** A frame by hand, of blocks with their sizes; as it should be but for what is given. */
const frame = (parts: Parts): Buffer => {
  const descriptor = Buffer.concat([
    Buffer.of(parts.flags ?? 0x60, parts.blockSize ?? 0x40),
    parts.fields ?? Buffer.alloc(0)
  ])
  return Buffer.concat([
    uint32(0x184d2204),
    descriptor,
    Buffer.of(parts.headerChecksum ?? (xxHash32(descriptor, 0, descriptor.length) >>> 8) & 0xff),
    ...(parts.blocks ?? []),
    uint32(0),
    parts.end ?? Buffer.alloc(0)
  ])
}

const block = (...bytes: ReadonlyArray<number>): Buffer => Buffer.concat([uint32(bytes.length), Buffer.from(bytes)])
const stored = (content: Uint8Array): Buffer => Buffer.concat([uint32(2 ** 31 + content.length), content])

/** "abcd", and then 8 bytes from 4 back, then "xyzzy". */
const repeated = block(0x44, 0x61, 0x62, 0x63, 0x64, 4, 0, 0x50, 0x78, 0x79, 0x7a, 0x7a, 0x79)
const repeatedText = "abcdabcdabcdxyzzy"

const textOf = (bytes: Uint8Array, maxBytes: number = limit): string => {
  const content = decompress(bytes, maxBytes)
  if (content === "TooLarge") {
    return content
  }
  return content instanceof Uint8Array ? Buffer.from(content).toString() : `malformed: ${content.malformed}`
}

describe("frames of the reference implementation", () => {
  it("with the content's size, checksums of blocks and content", () => {
    const bytes = Buffer.from(
      "04224d187c402300000000000000eb100000006f68656c6c6f200600055068656c6c6f7220b52800000000bd9cd674",
      "hex"
    )
    assert.strictEqual(textOf(bytes), "hello hello hello hello hello hello")
    assert.strictEqual(textOf(bytes, 34), "TooLarge")
  })

  it("with blocks that refer to earlier ones", () => {
    const bytes = Buffer.from(
      `04224d1844405e110100007f616263646566670700${"ff".repeat(256)}e15065666761621b0000000ffe${
        "ff".repeat(18)
      }6950636465666700000000785ba6fc`,
      "hex"
    )
    assert.isTrue(textOf(bytes) === "abcdefg".repeat(10_000))
  })
})

describe("what is read", () => {
  it("sequences with literals and matches", () => {
    assert.strictEqual(textOf(frame({ blocks: [repeated] })), repeatedText)
  })

  it("blocks that are stored as they are", () => {
    assert.strictEqual(textOf(frame({ blocks: [stored(Buffer.from("abc")), repeated] })), `abc${repeatedText}`)
  })

  it("several frames, and frames to skip between them", () => {
    const skipped = Buffer.concat([uint32(0x184d2a53), uint32(3), Buffer.from("xyz")])
    const one = frame({ blocks: [repeated] })
    assert.strictEqual(textOf(Buffer.concat([skipped, one, skipped, one, skipped])), repeatedText + repeatedText)
  })

  it("frames without blocks", () => {
    assert.strictEqual(textOf(frame({})), "")
  })

  it("matches of any distance and size", () => {
    for (let distance = 1; distance < 70; distance++) {
      const start = "0123456789".repeat(8).slice(0, distance)
      for (let size = 4; size < 200; size += 7) {
        const literals = distance < 15 ? [] : [distance - 15]
        const more = size - 4 < 15 ? [] : [size - 4 - 15]
        const bytes = block(
          (Math.min(distance, 15) << 4) | Math.min(size - 4, 15),
          ...literals,
          ...Buffer.from(start),
          distance,
          0,
          ...more,
          0
        )
        const repeats = start.repeat(Math.ceil(size / distance)).slice(0, size)
        assert.strictEqual(textOf(frame({ blocks: [bytes] })), start + repeats)
      }
    }
  })
})

describe("what is refused", () => {
  const content = Buffer.from(repeatedText)
  const wrong = [
    ["nothing at all", Buffer.alloc(0)],
    ["only frames to skip", Buffer.concat([uint32(0x184d2a50), uint32(0)])],
    ["a frame to skip that is cut off", Buffer.concat([frame({}), uint32(0x184d2a50), uint32(1)])],
    ["another magic number", Buffer.concat([uint32(0x184d2205), frame({}).subarray(4)])],
    ["what follows a frame and is none", Buffer.concat([frame({ blocks: [repeated] }), Buffer.of(0)])],
    ["another version", frame({ flags: 0xa0 })],
    ["reserved flags", frame({ flags: 0x62 })],
    ["a dictionary", frame({ flags: 0x61, fields: uint32(1) })],
    ["an unknown size of blocks", frame({ blockSize: 0x30 })],
    ["reserved bits of the block size", frame({ blockSize: 0x41 })],
    ["a wrong checksum of the header", frame({ headerChecksum: 0 })],
    ["a wrong checksum of a block", frame({ flags: 0x70, blocks: [repeated, uint32(1)] })],
    ["a wrong checksum of the content", frame({ flags: 0x64, blocks: [repeated], end: uint32(1) })],
    [
      "a wrong size of the content",
      frame({ flags: 0x68, fields: Buffer.of(16, 0, 0, 0, 0, 0, 0, 0), blocks: [repeated] })
    ],
    ["a block larger than the frame allows", frame({ blocks: [stored(Buffer.alloc(65_537))] })],
    ["a match before the content", frame({ blocks: [block(0x10, 0x61, 2, 0, 0)] })],
    ["a distance of 0", frame({ blocks: [block(0x10, 0x61, 0, 0, 0)] })],
    ["a match in an earlier block when blocks are independent", frame({ blocks: [repeated, block(0x00, 4, 0, 0)] })],
    [
      "a match in an earlier frame",
      Buffer.concat([
        frame({ blocks: [repeated] }),
        frame({ flags: 0x40, blocks: [block(0x00, 4, 0, 0)] })
      ])
    ],
    ["a block that ends with a match", frame({ blocks: [block(0x10, 0x61, 1, 0)] })],
    ["a block that ends inside a distance", frame({ blocks: [block(0x10, 0x61, 1)] })],
    ["a block that ends inside a length of literals", frame({ blocks: [block(0xf0, 0xff, 0xff)] })],
    ["a block that ends inside a length of a match", frame({ blocks: [block(0x1f, 0x61, 1, 0, 0xff)] })],
    ["a block that ends inside literals", frame({ blocks: [block(0x50, 0x61)] })]
  ] as const

  it.each(wrong)("%s", (_, bytes) => {
    assert.match(textOf(bytes), /^malformed: ./)
  })

  it("nothing of these when it is right", () => {
    const size = Buffer.of(content.length, 0, 0, 0, 0, 0, 0, 0)
    assert.strictEqual(
      textOf(frame({
        flags: 0x7c,
        fields: size,
        blocks: [repeated, hash(repeated.subarray(4))],
        end: hash(content)
      })),
      repeatedText
    )
    assert.strictEqual(
      textOf(frame({ flags: 0x40, blocks: [repeated, block(0x00, 4, 0, 0)] })),
      `${repeatedText}yzzy`
    )
  })
})

describe("what is written", () => {
  it("is read by the rules of the format: matches end 5 bytes before the end", () => {
    for (let size = 0; size < 40; size++) {
      const content = Buffer.alloc(size, "a")
      assert.strictEqual(textOf(compress(content)), content.toString())
    }
  })

  it("takes several blocks for more than 4 MiB", () => {
    const content = Buffer.alloc(9 * 1024 * 1024, "abcdefg")
    const compressed = compress(content)
    assert.isBelow(compressed.length, 40_000)
    const result = decompress(compressed, content.length)
    assert.isTrue(result instanceof Uint8Array && content.equals(result))
  })

  it.prop("is read again, whatever it is", [
    Arbitrary.array(
      Arbitrary.all([
        Arbitrary.schema(Schema.Literals(["a", "ab", "abc", "0123456789abcdef", "\u0000", "é", "xyz", "zyx"])),
        Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 3000 })))
      ]),
      { maxLength: 40 }
    )
  ], ([parts]) => {
    const content = parts.map(([text, times]) => text.repeat(times)).join("")
    assert.strictEqual(textOf(compress(Buffer.from(content)), 10_000_000), content)
  }, { arbitrary: { runs: 200 } })
})
