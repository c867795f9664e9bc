import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { FrameArena } from "../../src/protocol/FrameArena.ts"
import { LanguageCode } from "../../src/protocol/LanguageCode.ts"
import { FieldsTemplate, type PreparedFields } from "../../src/protocol/PreparedFields.ts"
import { defaultFrameLimits, encodeFrame } from "../../src/protocol/RemotingCodec.ts"
import type { ExtFields, SerializeType } from "../../src/protocol/RemotingCommand.ts"
import { wellFormed } from "./frames.ts"

const encode = (
  extFields: ExtFields | PreparedFields,
  serialization: SerializeType = "JSON",
  maxFrameSize = defaultFrameLimits.maxFrameSize
) => {
  const arena = new FrameArena()
  const violation = encodeFrame(
    arena,
    310,
    0,
    7,
    LanguageCode.OTHER,
    513,
    undefined,
    extFields,
    Buffer.from("body"),
    serialization,
    maxFrameSize
  )
  return violation === undefined ? Buffer.from(arena.view()).toString("latin1") : violation.kind
}

const texts = Schema.Struct({
  head: Schema.String,
  first: Schema.String,
  middle: Schema.String,
  before: Schema.String,
  second: Schema.String,
  after: Schema.String,
  tail: Schema.String
})

describe("FieldsTemplate", () => {
  for (const serialization of ["JSON", "ROCKETMQ"] as const) {
    it.prop(`goes as the same bytes as the record (${serialization})`, [texts], ([t]) => {
      const record = (first: string, second: string) => ({
        "a\"": t.head,
        g: first,
        "h\u0001": t.middle,
        i: second,
        j: t.tail
      })
      const [before, after] = [wellFormed(t.before), wellFormed(t.after)]
      const template = new FieldsTemplate(record("", ""), "g", "i", before, after)
      assert.strictEqual(
        encode(template.fill(t.first, t.second), serialization),
        encode(record(t.first, before + t.second + after), serialization)
      )
    }, { arbitrary: { runs: 300 } })
  }

  it("may have its values first and last", () => {
    const template = new FieldsTemplate({ a: "", b: "" }, "a", "b")
    assert.strictEqual(encode(template.fill("1", "2")), encode({ a: "1", b: "2" }))
  })

  it("gives the record back", () => {
    const template = new FieldsTemplate({ a: "x", g: "", i: "", j: "y" }, "g", "i", "<", ">")
    assert.deepStrictEqual(template.fill("1", "2").toRecord(), { a: "x", g: "1", i: "<2>", j: "y" })
  })

  it("is not changed with the record that it was made of", () => {
    const fields = { a: "x", g: "", i: "" }
    const template = new FieldsTemplate(fields, "g", "i")
    fields.a = "z"
    assert.strictEqual(template.fill("1", "2").toRecord().a, "x")
  })

  it("is refused over the limits, as the record is", () => {
    const template = new FieldsTemplate({ a: "x".repeat(100), g: "", i: "" }, "g", "i")
    assert.strictEqual(encode(template.fill("1", "2"), "JSON", 100), "FrameTooLarge")
    assert.strictEqual(encode(template.fill("1", "2".repeat(2 << 20)), "JSON"), "HeaderTooLarge")
    const many = Object.fromEntries(Array.from({ length: 1025 }, (_, index) => [`field${index}`, ""]))
    assert.strictEqual(encode(new FieldsTemplate(many, "field0", "field1").fill("1", "2")), "TooManyExtFields")
  })

  it("takes the names of two of its fields, in their order", () => {
    assert.throws(() => new FieldsTemplate({ a: "", b: "" }, "b", "a"), RangeError)
    assert.throws(() => new FieldsTemplate({ a: "" }, "a", "a"), RangeError)
    assert.throws(() => new FieldsTemplate({ a: "" }, "a", "b"), RangeError)
  })
})
