import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Schema from "effect/Schema"
import { FrameArena } from "../../src/protocol/FrameArena.ts"
import { LanguageCode } from "../../src/protocol/LanguageCode.ts"
import type { ViolationKind } from "../../src/protocol/ProtocolViolation.ts"
import { defaultFrameLimits, FrameParser } from "../../src/protocol/RemotingCodec.ts"
import type { RemotingCommand } from "../../src/protocol/RemotingCommand.ts"
import {
  type CommandFields,
  contents,
  encoded,
  encodeInto,
  frameOf,
  generator,
  jsonFrame,
  parse,
  parseOne,
  randomChunks,
  single,
  wellFormed
} from "./frames.ts"

/** The beginning of a frame. */
const prefix = (length: number, word: number): Buffer => {
  const bytes = Buffer.alloc(8)
  bytes.writeInt32BE(length, 0)
  bytes.writeUInt32BE(word, 4)
  return bytes
}

const headerOf = (frame: Buffer): string => frame.toString("utf8", 8, 8 + frame.readUIntBE(5, 3))

describe("encodeFrame", () => {
  it("begins a frame with its length and the header's type and length", () => {
    const json = encoded({ body: new Uint8Array(5) })
    assert.strictEqual(json.readInt32BE(0), json.length - 4)
    assert.strictEqual(json.readInt32BE(4), json.length - 8 - 5)
    const binary = encoded({ serialization: "ROCKETMQ", body: new Uint8Array(5) })
    assert.strictEqual(binary.readInt32BE(0), binary.length - 4)
    assert.strictEqual(binary.readInt32BE(4), 0x01000000 + 21)
  })

  it("writes the binary headers of RocketMQSerializableTest", () => {
    const fields: CommandFields = {
      code: 103,
      version: 2333,
      language: LanguageCode.JAVA,
      opaque: 7,
      serialization: "ROCKETMQ"
    }
    assert.strictEqual(
      encoded(fields).toString("hex"),
      "0000001901000015006700091d00000007000000000000000000000000"
    )
    assert.strictEqual(
      encoded({ ...fields, remark: "Sample Remark" }).toString("hex"),
      "0000002601000022006700091d00000007000000000000000d53616d706c652052656d61726b00000000"
    )
    assert.strictEqual(
      encoded({ ...fields, extFields: { key: "value" } }).toString("hex"),
      "0000002701000023006700091d0000000700000000000000000000000e00036b65790000000576616c7565"
    )
  })

  it("writes JSON members in alphabetical order, without spaces, with extFields even when there are none", () => {
    assert.strictEqual(
      headerOf(encoded({ code: 34, opaque: 2147483647, version: 477 })),
      "{\"code\":34,\"extFields\":{},\"flag\":0,\"language\":\"OTHER\",\"opaque\":2147483647,\"serializeTypeCurrentRPC\":\"JSON\",\"version\":477}"
    )
    assert.strictEqual(
      headerOf(
        encoded({
          code: -1,
          flag: 3,
          opaque: -2147483648,
          language: LanguageCode.JAVA,
          version: 0,
          remark: "r",
          extFields: { b: "2", a: "1" }
        })
      ),
      "{\"code\":-1,\"extFields\":{\"b\":\"2\",\"a\":\"1\"},\"flag\":3,\"language\":\"JAVA\",\"opaque\":-2147483648,\"remark\":\"r\",\"serializeTypeCurrentRPC\":\"JSON\",\"version\":0}"
    )
  })

  it("escapes as JSON asks, whatever the length of a text", () => {
    const text = "\u0000\u0001\b\t\n\u000b\f\r\u001f \"\\/\u007f\u0080é日😀\ud800"
    for (const value of [text, text.repeat(20), `${"x".repeat(100)}"`, `"${"x".repeat(100)}`]) {
      const header = JSON.parse(headerOf(encoded({ remark: value, extFields: { [value]: value } })))
      assert.strictEqual(header.remark, wellFormed(value))
      assert.deepStrictEqual(header.extFields, { [wellFormed(value)]: wellFormed(value) })
    }
    const header = headerOf(encoded({ remark: "\u0001\b\n\"\\\ud800" }))
    assert.include(header, "\"remark\":\"\\u0001\\b\\n\\\"\\\\\ufffd\"")
  })

  it("uses a JSON header for codes and versions that a short cannot hold", () => {
    for (const code of [32768, 200050, -32769]) {
      assert.deepInclude(contents(parseOne(encoded({ code, serialization: "ROCKETMQ" }))), {
        code,
        serialization: "JSON"
      })
    }
    assert.deepInclude(contents(parseOne(encoded({ version: 32768, serialization: "ROCKETMQ" }))), {
      version: 32768,
      serialization: "JSON"
    })
    for (const code of [32767, -32768, -1006]) {
      assert.deepInclude(contents(parseOne(encoded({ code, serialization: "ROCKETMQ" }))), {
        code,
        serialization: "ROCKETMQ"
      })
    }
  })

  it("leaves out ext fields without a value and those that are inherited", () => {
    const own: Record<string, string> = { a: "1" }
    const absent = { b: undefined, c: null } as unknown as Record<string, string>
    const inherited = Object.create({ d: "4" }) as Record<string, string>
    for (const serialization of ["JSON", "ROCKETMQ"] as const) {
      assert.deepStrictEqual(
        contents(
          parseOne(encoded({ serialization, extFields: Object.assign(inherited, own, absent) }))
        ).extFields,
        [["a", "1"]]
      )
    }
  })

  it("appends to what the arena holds", () => {
    const arena = new FrameArena(16)
    for (let opaque = 0; opaque < 100; opaque++) {
      const serialization = opaque % 2 === 0 ? "JSON" : "ROCKETMQ"
      assert.isUndefined(encodeInto(arena, { opaque, serialization, body: new Uint8Array(opaque) }))
    }
    const { commands, violation } = parse([arena.detach()])
    assert.isUndefined(violation)
    assert.deepStrictEqual(
      commands.map((command) => [command.opaque, command.body?.length ?? 0]),
      Array.from({ length: 100 }, (_, opaque) => [opaque, opaque])
    )
  })

  describe("refuses, and leaves the arena as it was:", () => {
    const key = "k".repeat(32767)
    const many = Object.fromEntries(Array.from({ length: 1025 }, (_, i) => [`k${i}`, "v"]))
    const cases: ReadonlyArray<readonly [string, CommandFields, number, ViolationKind, number]> = [
      ["a frame over the limit by its body", { body: new Uint8Array(1000) }, 1000, "FrameTooLarge", 0],
      ["a frame over the limit by its header", { extFields: { a: "x".repeat(2000) } }, 1000, "FrameTooLarge", 0],
      ["a remark over the header's limit", { remark: "x".repeat(1024 * 1024) }, 1 << 24, "HeaderTooLarge", 4],
      ["an ext field over the header's limit", { extFields: { a: "x".repeat(2 ** 24) } }, 1 << 26, "HeaderTooLarge", 4],
      ["a header too large by its UTF-8", { extFields: { a: "日".repeat(500_000) } }, 1 << 24, "HeaderTooLarge", 4],
      ["too many ext fields", { extFields: many }, 1 << 24, "TooManyExtFields", 8],
      ["a code that is no integer", { code: 1.5 }, 1 << 24, "InvalidField", 8],
      ["a code that is no number", { code: NaN }, 1 << 24, "InvalidField", 8],
      ["an opaque over 32 bits", { opaque: 2 ** 31 }, 1 << 24, "InvalidField", 8],
      ["a flag over 32 bits", { flag: 2 ** 32 }, 1 << 24, "InvalidField", 8],
      ["a version over 32 bits", { version: -(2 ** 31) - 1 }, 1 << 24, "InvalidField", 8],
      ["an unknown language", { language: 14 as LanguageCode }, 1 << 24, "InvalidField", 8],
      ["a remark that is no text", { remark: 1 as unknown as string }, 1 << 24, "InvalidField", 8],
      ["an ext field that is no text", { extFields: { a: 1 as unknown as string } }, 1 << 24, "InvalidField", 8]
    ]
    for (const [name, fields, maxFrameSize, kind, smallestOffset] of cases) {
      for (const serialization of ["JSON", "ROCKETMQ"] as const) {
        it(`${name} (${serialization})`, () => {
          const arena = new FrameArena(64)
          assert.isUndefined(encodeInto(arena, { opaque: 99 }))
          const before = Buffer.from(arena.view())
          const violation = encodeInto(arena, { ...fields, serialization }, maxFrameSize)
          assert.strictEqual(violation?.kind, kind)
          assert.isAtLeast(violation?.offset ?? -1, smallestOffset)
          assert.deepStrictEqual(arena.view(), before)
          // Nor was much allocated to find out.
          assert.isAtMost(arena.buffer.length, 16 * 1024 * 1024)
        })
      }
    }

    it("a binary key of more than 32,767 bytes, which JSON can have", () => {
      const arena = new FrameArena()
      assert.isUndefined(encodeInto(arena, { extFields: { [key]: "v" }, serialization: "ROCKETMQ" }))
      arena.reset()
      const violation = encodeInto(arena, { extFields: { a: "b", [`${key}k`]: "v" }, serialization: "ROCKETMQ" })
      assert.deepInclude(violation, { kind: "InvalidField", offset: 8 + 21 + 2 + 1 + 4 + 1 })
      assert.strictEqual(arena.length, 0)
      assert.isUndefined(encodeInto(arena, { extFields: { [`${key}k`]: "v" } }))
    })
  })

  it("accepts a frame of exactly the limit", () => {
    for (const serialization of ["JSON", "ROCKETMQ"] as const) {
      const fields: CommandFields = { serialization, extFields: { a: "b" }, body: new Uint8Array(100) }
      const size = encoded(fields).length
      assert.isUndefined(encodeInto(new FrameArena(), fields, size))
      assert.deepInclude(encodeInto(new FrameArena(), fields, size - 1), { kind: "FrameTooLarge", offset: 0 })
    }
  })
})

describe("FrameParser", () => {
  describe("refuses, before it has buffered more than the first 8 bytes:", () => {
    const limits = { maxFrameSize: 1000, maxHeaderSize: 100, maxExtFields: 4 }
    const cases: ReadonlyArray<readonly [string, Buffer, ViolationKind, number]> = [
      ["a length of 0", prefix(0, 0), "InvalidLength", 0],
      ["a length of 3", prefix(3, 0), "InvalidLength", 0],
      ["a length of -1", prefix(-1, 0), "InvalidLength", 0],
      ["the smallest length", prefix(-(2 ** 31), 0), "InvalidLength", 0],
      ["the largest length", prefix(2 ** 31 - 1, 0), "FrameTooLarge", 0],
      ["a frame of one byte over the limit", prefix(997, 0), "FrameTooLarge", 0],
      ["serialize type 2", prefix(500, 0x02000000), "UnknownSerializeType", 4],
      ["serialize type 255", prefix(500, 0xff000000), "UnknownSerializeType", 4],
      ["a header longer than its frame", prefix(50, 47), "InvalidHeaderLength", 5],
      ["a header over the limit", prefix(500, 101), "HeaderTooLarge", 5]
    ]
    for (const [name, bytes, kind, offset] of cases) {
      it(`${name}: ${kind}`, () => {
        const more = Buffer.concat([bytes, Buffer.alloc(5000)])
        for (const chunks of [[bytes], [...single(bytes)], [more]]) {
          const { commands, parser, violation } = parse(chunks, limits)
          assert.deepInclude(violation, { kind, offset })
          assert.isNotEmpty(violation?.message)
          assert.isEmpty(commands)
          assert.strictEqual(parser.bufferedBytes, 0)
        }
      })
    }

    it("an invalid length as soon as its 4 bytes are there", () => {
      assert.strictEqual(parse([prefix(3, 0).subarray(0, 4)]).violation?.kind, "InvalidLength")
      assert.isUndefined(parse([prefix(3, 0).subarray(0, 3)]).violation)
    })
  })

  it("takes a frame of exactly the limit, its 4 length bytes included", () => {
    const body = new Uint8Array(200)
    const frame = encoded({ body })
    const limits = { ...defaultFrameLimits, maxFrameSize: frame.length }
    assert.strictEqual(parse([frame], limits).commands.length, 1)
    assert.strictEqual(
      parse([frame], { ...limits, maxFrameSize: frame.length - 1 }).violation?.kind,
      "FrameTooLarge"
    )
  })

  it("takes a header of exactly its limit", () => {
    const frame = encoded({})
    const headerSize = frame.readUIntBE(5, 3)
    assert.strictEqual(parse([frame], { ...defaultFrameLimits, maxHeaderSize: headerSize }).commands.length, 1)
    assert.deepInclude(parse([frame], { ...defaultFrameLimits, maxHeaderSize: headerSize - 1 }).violation, {
      kind: "HeaderTooLarge",
      offset: 5
    })
  })

  it("hands over the frames before a violation, and returns the same violation ever after", () => {
    const good = encoded({ opaque: 1 })
    const { commands, parser, violation } = parse([Buffer.concat([good, good, prefix(-1, 0), good]), good])
    assert.strictEqual(commands.length, 2)
    assert.strictEqual(violation?.kind, "InvalidLength")
    assert.strictEqual(parser.push(good, () => assert.fail("handed over")), violation)
    assert.strictEqual(parser.bufferedBytes, 0)
  })

  it("counts a violation's offset from the beginning of its frame", () => {
    const bad = jsonFrame("{\"code\":1,}")
    const { violation } = parse([Buffer.concat([encoded({}), bad])])
    assert.deepInclude(violation, { kind: "InvalidJson", offset: 8 + 10 })
    assert.deepStrictEqual(parse([encoded({}), ...single(bad)]).violation, violation)
  })

  it("tells no body from a body", () => {
    assert.isUndefined(parseOne(encoded({ body: new Uint8Array(0) })).body)
    assert.deepStrictEqual([...(parseOne(encoded({ body: Uint8Array.of(0) })).body ?? [])], [0])
  })

  it("hands over views of a chunk that holds the whole frame", () => {
    const frame = encoded({ body: Buffer.from("body") })
    const chunk = new Uint8Array(frame)
    const { body } = parseOne(chunk)
    assert.strictEqual(body?.buffer, chunk.buffer)
    assert.strictEqual(Buffer.from(body ?? []).toString(), "body")
  })

  it("hands over the same body each time it is asked", () => {
    const command = parseOne(encoded({ body: Buffer.from("body") }))
    assert.strictEqual(command.body, command.body)
  })

  it("finds 1,000 frames in one chunk", () => {
    const arena = new FrameArena()
    for (let opaque = 0; opaque < 1000; opaque++) {
      encodeInto(arena, { opaque, serialization: opaque % 3 === 0 ? "ROCKETMQ" : "JSON", body: Buffer.from("b") })
    }
    const { commands, parser, violation } = parse([arena.detach()])
    assert.isUndefined(violation)
    assert.deepStrictEqual(
      commands.map((command) => command.opaque),
      Array.from({ length: 1000 }, (_, opaque) => opaque)
    )
    assert.strictEqual(parser.bufferedBytes, 0)
  })

  it("finds the same frames in 10,000 random chunkings", () => {
    const frames = [
      encoded({ opaque: 1, extFields: { a: "é" }, body: Buffer.alloc(40, 1) }),
      encoded({ opaque: 2, serialization: "ROCKETMQ", extFields: { a: "b" } }),
      jsonFrame("{ \"opaque\" : 3 }", Buffer.alloc(100, 3)),
      encoded({ opaque: 4 })
    ]
    const stream = Buffer.concat(frames)
    const expected = frames.map((frame) => contents(parseOne(frame)))
    const random = generator(7)
    for (let run = 0; run < 10_000; run++) {
      const { commands, violation } = parse(randomChunks(stream, random))
      if (violation !== undefined || commands.length !== 4) {
        assert.fail(`run ${run}: ${commands.length} commands, ${violation?.message}`)
      }
      if (run % 100 === 0) {
        assert.deepStrictEqual(commands.map(contents), expected)
      } else {
        assert.deepStrictEqual(commands.map((command) => command.opaque), [1, 2, 3, 4])
      }
    }
  })

  describe("an unfinished frame", () => {
    it("is held, and counted", () => {
      const frame = encoded({ body: new Uint8Array(100) })
      const parser = new FrameParser()
      let delivered = 0
      for (let at = 0; at < frame.length; at++) {
        assert.strictEqual(parser.bufferedBytes, at)
        parser.push(frame.subarray(at, at + 1), () => delivered++)
      }
      assert.strictEqual(parser.bufferedBytes, 0)
      assert.strictEqual(delivered, 1)
    })

    it("costs no memory for what was only announced", () => {
      const parsers = Array.from({ length: 256 }, () => new FrameParser())
      const before = process.memoryUsage().arrayBuffers
      for (const parser of parsers) {
        parser.push(prefix(2 ** 24 - 4, 0), () => assert.fail("handed over"))
        for (let i = 0; i < 16; i++) {
          parser.push(Buffer.from([0x20]), () => assert.fail("handed over"))
        }
        assert.strictEqual(parser.bufferedBytes, 24)
      }
      const perParser = (process.memoryUsage().arrayBuffers - before) / parsers.length
      assert.isAtMost(perParser, 68 * 1024)
    })

    for (const size of [60_000, 64 * 1024, 200_000, 3_000_000]) {
      for (const chunkSize of [1_009, 64 * 1024, 100_000]) {
        it(`of ${size} bytes arrives in chunks of ${chunkSize}`, () => {
          const random = generator(size + chunkSize)
          const body = Buffer.from(Array.from({ length: 256 }, () => random(256)))
          const large = encoded({ opaque: 1, body: Buffer.alloc(size, body) })
          const stream = Buffer.concat([encoded({ opaque: 0 }), large, encoded({ opaque: 2 }), large])
          const chunks: Array<Uint8Array> = []
          for (let at = 0; at < stream.length; at += chunkSize) {
            chunks.push(new Uint8Array(stream.subarray(at, at + chunkSize)))
          }
          const { commands, parser, violation } = parse(chunks)
          assert.isUndefined(violation)
          assert.deepStrictEqual(commands.map((command) => command.opaque), [0, 1, 2, 1])
          for (const at of [1, 3]) {
            assert.isTrue(Buffer.alloc(size, body).equals(commands[at].body ?? Buffer.alloc(0)))
          }
          assert.strictEqual(parser.bufferedBytes, 0)
        })
      }
    }
  })

  describe("from inside onCommand", () => {
    const frames = Buffer.concat([0, 1, 2, 3].map((opaque) => encoded({ opaque })))

    it("can be stopped, and then hands over nothing further", () => {
      const parser = new FrameParser()
      const seen: Array<number> = []
      const onCommand = (command: RemotingCommand) => {
        seen.push(command.opaque)
        if (command.opaque === 1) {
          parser.stop()
        }
      }
      assert.isUndefined(parser.push(Buffer.concat([frames, frames.subarray(0, 20)]), onCommand))
      assert.isUndefined(parser.push(frames, onCommand))
      assert.deepStrictEqual(seen, [0, 1])
      assert.strictEqual(parser.bufferedBytes, 0)
    })

    it("can be stopped on a frame that came in two chunks", () => {
      const parser = new FrameParser()
      const seen: Array<number> = []
      const onCommand = (command: RemotingCommand) => {
        seen.push(command.opaque)
        parser.stop()
      }
      parser.push(frames.subarray(0, 20), onCommand)
      parser.push(frames.subarray(20), onCommand)
      assert.deepStrictEqual(seen, [0])
    })

    it("takes a chunk after the present one", () => {
      const parser = new FrameParser()
      const seen: Array<number> = []
      const nested = Buffer.concat([encoded({ opaque: 10 }), prefix(-1, 0)])
      const violation = parser.push(frames, ({ opaque: outer }) => {
        seen.push(outer)
        if (outer === 1) {
          assert.isUndefined(parser.push(nested, ({ opaque }) => seen.push(opaque)))
        }
      })
      assert.deepStrictEqual(seen, [0, 1, 2, 3, 10])
      assert.strictEqual(violation?.kind, "InvalidLength")
    })

    it("is stopped by an error, which is passed on", () => {
      const parser = new FrameParser()
      const defect = new Error("from the handler")
      assert.throws(() =>
        parser.push(frames, () => {
          throw defect
        }), defect)
      assert.isUndefined(parser.push(frames, () => assert.fail("handed over")))
    })
  })

  it("forgets an unfinished frame when stopped", () => {
    const parser = new FrameParser()
    parser.push(encoded({}).subarray(0, 50), () => assert.fail("handed over"))
    assert.strictEqual(parser.bufferedBytes, 50)
    parser.stop()
    assert.strictEqual(parser.bufferedBytes, 0)
  })
})

describe("a command", () => {
  const text = Arbitrary.map(
    Arbitrary.array(
      Arbitrary.schema(
        Schema.Union([
          Schema.Literals(["\"", "\\", "/", "\u0000", "\u0001", "\n", "\u001f", "\u007f", "\u0080", "é", "\u07ff"]),
          Schema.Literals(["\u0800", "日", "\ud7ff", "\ue000", "\uffff", "😀", "\u{10ffff}", "\ud800", "\udfff"]),
          Schema.Literals([
            "__proto__",
            "constructor",
            "toString",
            "abcdefghijklmnopqrstuvwxyz",
            "0",
            " ",
            "{",
            "}",
            ","
          ]),
          Schema.String
        ])
      ),
      { maxLength: 12 }
    ),
    (parts) => parts.join("")
  )
  const int32 = Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: -(2 ** 31), maximum: 2 ** 31 - 1 })))
  const command = Arbitrary.all({
    code: int32,
    flag: int32,
    opaque: int32,
    version: int32,
    language: Arbitrary.schema(Schema.Literals(Object.values(LanguageCode))),
    remark: Arbitrary.flatMap(
      Arbitrary.schema(Schema.Boolean),
      (some) => some ? text : Arbitrary.Constant(undefined)
    ),
    extFields: Arbitrary.map(Arbitrary.array(Arbitrary.all([text, text]), { maxLength: 8 }), (entries) => {
      const extFields: Record<string, string> = Object.create(null)
      for (const [key, value] of entries) {
        extFields[key] = value
      }
      return extFields
    }),
    body: Arbitrary.map(
      Arbitrary.array(Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 255 })))),
      (bytes) => Uint8Array.from(bytes)
    )
  })

  for (const serialization of ["JSON", "ROCKETMQ"] as const) {
    it.prop(`survives encoding and decoding (${serialization})`, [command], ([fields]) => {
      const decoded = parseOne(encoded({ ...fields, serialization }))
      const binary = decoded.serialization === "ROCKETMQ"
      const entries = new Map<string, string>()
      for (const [key, value] of Object.entries(fields.extFields)) {
        entries.set(wellFormed(key), wellFormed(value))
      }
      assert.deepStrictEqual(
        new Map(Object.entries(decoded.extFields)),
        new Map([...entries].filter(([key, value]) => !binary || (key !== "" && value !== "")))
      )
      assert.strictEqual(decoded.code, fields.code)
      assert.strictEqual(decoded.flag, fields.flag)
      assert.strictEqual(decoded.opaque, fields.opaque)
      assert.strictEqual(decoded.version, fields.version)
      assert.strictEqual(decoded.language, fields.language)
      assert.strictEqual(
        decoded.remark,
        binary && fields.remark === ""
          ? undefined
          : (fields.remark === undefined ? undefined : wellFormed(fields.remark))
      )
      assert.deepStrictEqual([...(decoded.body ?? [])], [...fields.body])
    }, { arbitrary: { runs: 500 } })
  }

  it.prop("decodes alike in either JSON layout", [command], ([fields]) => {
    const frame = encoded({ ...fields, serialization: "JSON" })
    const headerEnd = 8 + frame.readUIntBE(5, 3)
    const spaced = frameOf(0, `${frame.toString("utf8", 8, headerEnd - 1)} }`, frame.subarray(headerEnd))
    assert.deepStrictEqual(contents(parseOne(spaced)), contents(parseOne(frame)))
  }, { arbitrary: { runs: 300 } })
})
