import { assert, describe, it } from "@effect/vitest"
import { contents, frameOf, generator, parse, parseOne, randomChunks, single, splits } from "./frames.ts"
import { goldenFrames } from "./golden.ts"

/** The same command with a space in its JSON header, which keeps it off the decoder for the usual layout. */
const spaced = (frame: Buffer): Buffer => {
  const headerEnd = 8 + frame.readUIntBE(5, 3)
  return frameOf(
    0,
    frame.toString("utf8", 8, headerEnd).replace("{", "{ "),
    frame.subarray(headerEnd)
  )
}

describe("golden frames", () => {
  it("are there, in both serializations", () => {
    const types = goldenFrames.map((golden) => Buffer.from(golden.hex, "hex")[4])
    assert.include(types, 0)
    assert.include(types, 1)
  })

  for (const golden of goldenFrames) {
    describe(`${golden.name}: ${golden.description} (${golden.source})`, () => {
      const frame = Buffer.from(golden.hex, "hex")

      it("decodes to what was sent", () => {
        const command = parseOne(frame)
        const { expect } = golden
        assert.strictEqual(command.code, expect.code)
        assert.strictEqual(command.flag, expect.flag)
        assert.strictEqual(command.opaque, expect.opaque)
        assert.strictEqual(
          typeof expect.language === "number" ? command.language : command.languageName,
          expect.language
        )
        assert.strictEqual(command.version, expect.version)
        assert.strictEqual(command.remark, expect.remark)
        assert.deepStrictEqual({ ...command.extFields }, { ...expect.extFields })
        assert.strictEqual(
          command.body === undefined ? undefined : Buffer.from(command.body).toString("hex"),
          expect.bodyHex
        )
        assert.strictEqual(command.serialization, frame[4] === 0 ? "JSON" : "ROCKETMQ")
        assert.strictEqual(command.isResponse, (expect.flag & 1) === 1)
        assert.strictEqual(command.isOneway, (expect.flag & 2) === 2)
      })

      it("decodes alike at every split and byte by byte", () => {
        const whole = contents(parseOne(frame))
        for (const chunks of splits(frame)) {
          assert.deepStrictEqual(contents(parseOne(...chunks)), whole)
        }
        assert.deepStrictEqual(contents(parseOne(...single(frame))), whole)
      })
    })
  }

  it("decode alike in another JSON layout", () => {
    const frames = goldenFrames.map((golden) => Buffer.from(golden.hex, "hex")).filter((frame) => frame[4] === 0)
    assert.isNotEmpty(frames)
    for (const frame of frames) {
      assert.deepStrictEqual(contents(parseOne(spaced(frame))), contents(parseOne(frame)))
    }
  })

  it("decode alike when all are in one stream, however it is cut", () => {
    const stream = Buffer.concat(goldenFrames.map((golden) => Buffer.from(golden.hex, "hex")))
    const expected = goldenFrames.map((golden) => contents(parseOne(Buffer.from(golden.hex, "hex"))))
    const random = generator(1)
    for (let run = 0; run < 200; run++) {
      const { commands, parser, violation } = parse(randomChunks(stream, random))
      assert.isUndefined(violation)
      assert.deepStrictEqual(commands.map(contents), expected)
      assert.strictEqual(parser.bufferedBytes, 0)
    }
  })
})
