/**
 * Mutated frames against the parser: 10⁶ of them, or `FUZZ_FRAMES`. `FUZZ_SEED` replays a run.
 */
import { assert, describe, it } from "@effect/vitest"
import { defaultFrameLimits, FrameParser } from "../../src/protocol/RemotingCodec.ts"
import type { RemotingCommand } from "../../src/protocol/RemotingCommand.ts"
import {
  binaryEntry,
  binaryHeader,
  contents,
  encoded,
  frameOf,
  generator,
  jsonFrame,
  parse
} from "../protocol/frames.ts"
import { goldenFrames } from "../protocol/golden.ts"
import { leastMilliseconds, mutated, pick, type Random, slowMs, usedBytes } from "./mutated.ts"

const count = Number(process.env["FUZZ_FRAMES"] ?? 1_000_000)
const seed = Number(process.env["FUZZ_SEED"] ?? Math.trunc(Math.random() * 2 ** 32))

const corpus: ReadonlyArray<Buffer> = [
  ...goldenFrames.map((golden) => Buffer.from(golden.hex, "hex")),
  ...(["JSON", "ROCKETMQ"] as const).flatMap((serialization) => [
    encoded({ serialization }),
    encoded({ serialization, remark: "é日😀\n\"", extFields: { é: "日", "": "x", a: "", __proto__: "p" } }),
    encoded({ serialization, extFields: Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`k${i}`, `${i}`])) })
  ]),
  jsonFrame(" { \"x\" : [ 1 , { \"y\" : null } ] , \"extFields\" : { \"a\" : 1.5e3 , \"b\" : true } } ")
]

const tokens = [
  ..."{}[]:,\"\\'0-+.eE \n\u0000é日",
  "null",
  "true",
  "-1",
  "1e9",
  "2147483648",
  "99999999999999999999",
  "\"a\":",
  "\"__proto__\":",
  "\"opaque\":",
  "\"extFields\":{",
  "\\ud800",
  "\\u0000",
  "[[[[",
  "{\"a\":"
].map((token) => Buffer.from(token))

/** The frame with lengths that agree with its size, so that what was changed in its header is looked at. */
const mended = (frame: Buffer, headerSize: number): Buffer => {
  if (frame.length < 8) {
    return frame
  }
  const changed = Buffer.from(frame)
  changed.writeInt32BE(frame.length - 4, 0)
  changed.writeUIntBE(Math.max(0, Math.min(headerSize, frame.length - 8)), 5, 3)
  return changed
}

const nextFrame = (random: Random): Buffer => {
  const original = pick(random, corpus)
  let frame = original
  for (let changes = 1 + random(3); changes > 0 && frame.length > 0; changes--) {
    frame = mutated(frame, random, corpus, tokens)
  }
  return random(4) === 0 ? frame : mended(frame, original.readUIntBE(5, 3) + frame.length - original.length)
}

const cut = (frame: Buffer, random: Random): ReadonlyArray<Buffer> => {
  if (random(4) !== 0 || frame.length === 0) {
    return [frame]
  }
  const at = random(frame.length)
  return [frame.subarray(0, at), frame.subarray(at)]
}

const isInt32 = (value: number): boolean => (value | 0) === value

/** Uses all that a command offers and checks that it is what it promises to be. */
const inspect = (command: RemotingCommand): void => {
  const { body, extFields, remark } = command
  const sound = isInt32(command.code) && isInt32(command.flag) && isInt32(command.opaque) &&
    isInt32(command.version) && (remark === undefined || typeof remark === "string") &&
    (body === undefined || body.length > 0) && Object.getPrototypeOf(extFields) === null &&
    (command.language === undefined || command.languageName !== undefined) &&
    Object.values(extFields).every((value) => typeof value === "string")
  if (!sound) {
    throw new Error("a command that is not sound")
  }
}

const inspectAll = (chunks: ReadonlyArray<Buffer>, size: number): void => {
  const parser = new FrameParser(defaultFrameLimits)
  for (const chunk of chunks) {
    const violation = parser.push(chunk, inspect)
    if (
      violation !== undefined &&
      (violation.offset < 0 || violation.offset > size || violation.message.length === 0 || parser.bufferedBytes !== 0)
    ) {
      throw new Error(`a violation that is not sound: ${JSON.stringify(violation)}`)
    }
  }
}

/** The other layout of the same JSON header must be judged and decoded alike. */
const compareLayouts = (frame: Buffer): void => {
  if (frame.length < 8 || frame[4] !== 0) {
    return
  }
  const headerEnd = Math.min(frame.length, 8 + frame.readUIntBE(5, 3))
  const spaced = frameOf(0, Buffer.concat([Buffer.of(0x20), frame.subarray(8, headerEnd)]), frame.subarray(headerEnd))
  const compact = frameOf(0, frame.subarray(8, headerEnd), frame.subarray(headerEnd))
  const left = parse([compact])
  const right = parse([spaced])
  assert.deepStrictEqual(left.commands.map(contents), right.commands.map(contents))
  assert.strictEqual(left.violation?.kind, right.violation?.kind)
}

/** What is encoded again and parsed again must be the same. */
const compareRoundTrip = (frame: Buffer): void => {
  for (const command of parse([frame]).commands) {
    if (command.language !== undefined) {
      const again = encoded({
        code: command.code,
        flag: command.flag,
        opaque: command.opaque,
        language: command.language,
        version: command.version,
        remark: command.remark,
        extFields: command.extFields,
        body: command.body,
        serialization: command.serialization
      })
      // Escapes can make lone surrogates, which have no UTF-8.
      if (!/\\u[dD][89a-fA-F]/.test(frame.toString("latin1"))) {
        assert.deepStrictEqual(parse([again]).commands.map(contents), [contents(command)])
      }
    }
  }
}

describe(`fuzzing the parser, FUZZ_SEED=${seed} FUZZ_FRAMES=${count}`, () => {
  it("never throws, never stalls, never leaks", () => {
    const random = generator(seed)
    let usedEarly = 0
    for (let i = 0; i < count; i++) {
      const frame = nextFrame(random)
      const chunks = cut(frame, random)
      try {
        const took = leastMilliseconds(() => inspectAll(chunks, frame.length))
        assert.isAtMost(took, slowMs)
        if (i % 16 === 0) {
          compareLayouts(frame)
          compareRoundTrip(frame)
        }
      } catch (error) {
        throw new Error(`frame ${i} of FUZZ_SEED=${seed}: ${frame.toString("hex")}`, { cause: error })
      }
      if (i === Math.floor(count / 10)) {
        usedEarly = usedBytes()
      }
    }
    assert.isAtMost(usedBytes() - usedEarly, 1024 * 1024)
    assert.deepStrictEqual(Object.keys(Object.prototype), [])
  })

  const mebibyte = 1024 * 1024
  const filled = (begin: string, unit: string, end: string, size: number): string =>
    begin + unit.repeat(Math.floor((size - begin.length - end.length) / unit.length)) + end
  const large: ReadonlyArray<readonly [string, Buffer]> = [
    ["a JSON header of 15 MiB", jsonFrame(filled("{\"a\":\"", "x", "\"}", 15 * mebibyte))],
    ["10⁶ ext fields, JSON", jsonFrame(filled("{\"extFields\":{", "\"a\":\"\",", "\"a\":\"\"}}", mebibyte))],
    [
      "10⁶ ext fields, binary",
      frameOf(1, binaryHeader("", Buffer.concat(Array.from({ length: 131_000 }, () => binaryEntry("a", "b")))))
    ],
    ["1 MiB of unknown members", jsonFrame(filled("{\"a\":0", ",\"\":0", "}", mebibyte))],
    ["1 MiB of unknown members with names", jsonFrame(filled("{\"a\":0", ",\"code \":0", "}", mebibyte))],
    ["1 MiB of the same known member", jsonFrame(filled("{\"a\":0", ",\"code\":0", "}", mebibyte))],
    ["1 MiB of unknown nested members", jsonFrame(filled("{\"a\":{\"\":0", ",\"\":0", "}}", mebibyte))],
    ["1 MiB of numbers", jsonFrame(filled("{\"a\":[0", ",0", "]}", mebibyte))],
    ["1 MiB of literals", jsonFrame(filled("{\"a\":[null", ",null", "]}", mebibyte))],
    ["1 MiB of empty strings", jsonFrame(filled("{\"a\":[\"\"", ",\"\"", "]}", mebibyte))],
    ["1 MiB of empty objects", jsonFrame(filled("{\"a\":[{}", ",{}", "]}", mebibyte))],
    ["1 MiB of empty arrays", jsonFrame(filled("{\"a\":[[]", ",[]", "]}", mebibyte))],
    ["1 MiB of nested arrays", jsonFrame(filled("{\"a\":", "[", "", mebibyte))],
    ["1 MiB of nested objects", jsonFrame(filled("", "{\"a\":", "", mebibyte))],
    ["1 MiB of digits", jsonFrame(filled("{\"code\":", "1", "}", mebibyte))],
    ["1 MiB of digits in the usual layout", jsonFrame(filled("{\"code\":1", "1", ",\"extFields\":{}}", mebibyte))],
    ["1 MiB of escapes", jsonFrame(filled("{\"remark\":\"", "\\u0001", "\"}", mebibyte))],
    ["1 MiB of backslashes", jsonFrame(filled("{\"remark\":\"", "\\\\", "\"}", mebibyte))],
    ["1 MiB of text that is not ASCII", jsonFrame(filled("{\"remark\":\"", "é", "\"}", mebibyte))],
    ["1 MiB of space", jsonFrame(filled("{", " ", "}", mebibyte))],
    [
      "1 MiB of text that is not UTF-8 at its end",
      frameOf(0, Buffer.concat([Buffer.from(filled("{\"remark\":\"", "日", "", mebibyte - 2)), Buffer.of(0xff)]))
    ],
    ["a binary remark of 1 MiB", frameOf(1, binaryHeader("é".repeat(mebibyte / 2 - 100), Buffer.alloc(0)))],
    ["a body of 16 MiB", frameOf(0, "{}", Buffer.alloc(16 * mebibyte - 10))]
  ]

  it.each(large)("takes less than 50 ms for %s", (_, frame) => {
    assert.isAtMost(leastMilliseconds(() => inspectAll([frame], frame.length)), slowMs)
  })
})
