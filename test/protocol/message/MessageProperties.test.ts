import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Schema from "effect/Schema"
import * as MessageProperties from "../../../src/protocol/message/MessageProperties.ts"
import { goldenProperties, properties } from "./messages.ts"

/** What a simple reading of Java's rules makes of a text. */
const reference = (text: string): Map<string, string> => {
  const found = new Map<string, string>()
  for (const property of text.split("\u0002")) {
    const separator = property.indexOf("\u0001")
    if (separator > 0 && separator < property.length - 1) {
      found.set(property.slice(0, separator), property.slice(separator + 1))
    }
  }
  return found
}

const entries = (decoded: MessageProperties.MessageProperties): Map<string, string> => new Map(Object.entries(decoded))

describe("encode", () => {
  it("ends every property, the last one too, with a separator", () => {
    assert.strictEqual(MessageProperties.encode({ KEYS: "k", TAGS: "t" }), "KEYS\u0001k\u0002TAGS\u0001t\u0002")
  })

  it("makes nothing of none", () => {
    assert.strictEqual(MessageProperties.encode({}), "")
  })

  it("leaves out what has no value", () => {
    assert.strictEqual(MessageProperties.encode({ a: undefined, b: "c" }), "b\u0001c\u0002")
  })
})

describe("decode", () => {
  for (const golden of goldenProperties) {
    it(`reads ${JSON.stringify(Buffer.from(golden.hex, "hex").toString())} as Java does`, () => {
      const decoded = MessageProperties.decode(Buffer.from(golden.hex, "hex").toString())
      assert.deepStrictEqual(entries(decoded), new Map(Object.entries(golden.expect)))
    })
  }

  it("takes every name for data", () => {
    const decoded = MessageProperties.decode("__proto__\u0001x\u0002")
    assert.deepStrictEqual(Object.keys(decoded), ["__proto__"])
    assert.strictEqual(decoded["__proto__"], "x")
    assert.isUndefined(decoded["constructor"])
    assert.isUndefined(MessageProperties.empty["toString"])
  })

  it("stays fast when nothing is where it should be", () => {
    const begin = performance.now()
    MessageProperties.decode("a\u0002".repeat(500_000))
    MessageProperties.decode("\u0002".repeat(1_000_000) + "\u0001")
    assert.isBelow(performance.now() - begin, 1000)
  })

  it.prop("undoes encode", [properties], ([record]) => {
    assert.deepStrictEqual(entries(MessageProperties.decode(MessageProperties.encode(record))), entries(record))
  })

  it.prop("follows Java's rules for any text, whatever was decoded before", [
    Arbitrary.array(
      Arbitrary.map(
        Arbitrary.array(Arbitrary.schema(Schema.Literals(["a", "ab", "\u0001", "\u0002", "é"])), { maxLength: 12 }),
        (parts) => parts.join("")
      ),
      { maxLength: 5 }
    )
  ], ([texts]) => {
    const decoder = new MessageProperties.PropertiesDecoder()
    for (const text of texts) {
      assert.deepStrictEqual(entries(decoder.decode(text)), reference(text))
    }
  }, { arbitrary: { runs: 2000 } })
})

describe("validate", () => {
  it("finds nothing wrong with what survives", () => {
    assert.isUndefined(MessageProperties.validate({ a: "b", "é": "\u0003", c: undefined }))
  })

  it("names the property that would not survive", () => {
    assert.strictEqual(MessageProperties.validate({ a: "b", c: "" })?.name, "c")
    assert.strictEqual(MessageProperties.validate({ "": "b" })?.name, "")
    assert.strictEqual(MessageProperties.validate({ "a\u0001": "b" })?.name, "a\u0001")
    assert.strictEqual(MessageProperties.validate({ "a\u0002": "b" })?.name, "a\u0002")
    assert.strictEqual(MessageProperties.validate({ a: "b\u0001" })?.name, "a")
    assert.strictEqual(MessageProperties.validate({ a: "b\u0002" })?.name, "a")
  })

  it("counts bytes, not characters, and separators too", () => {
    const fits = { a: "é".repeat((MessageProperties.maxBytes - 3) / 2) }
    assert.isUndefined(MessageProperties.validate(fits))
    const invalid = MessageProperties.validate({ a: `${fits.a}b` })
    assert.isDefined(invalid)
    assert.isUndefined(invalid?.name)
  })

  it.prop("finds nothing wrong with properties that decode to themselves", [
    Arbitrary.schema(Schema.Record(Schema.String, Schema.String))
  ], ([record]) => {
    const decoded = MessageProperties.decode(MessageProperties.encode(record))
    const survives = JSON.stringify([...entries(decoded)]) === JSON.stringify([...entries(record)])
    assert.strictEqual(MessageProperties.validate(record) === undefined, survives)
  })
})
