import { assert, describe, it } from "@effect/vitest"
import * as HeaderCodec from "../../../src/protocol/header/HeaderCodec.ts"

const codec = HeaderCodec.makeRequest({
  topic: HeaderCodec.text,
  queueId: HeaderCodec.int,
  offset: HeaderCodec.long,
  until: HeaderCodec.saturatingLong,
  order: HeaderCodec.boolean,
  boundaryType: HeaderCodec.literal("LOWER", "UPPER"),
  attemptId: HeaderCodec.optional(HeaderCodec.text),
  reconsumeTimes: HeaderCodec.withDefault(HeaderCodec.int, 0),
  zone: HeaderCodec.named("__ZONE_NAME", HeaderCodec.optional(HeaderCodec.text))
})

const header: HeaderCodec.Type<typeof codec> = {
  topic: "t",
  queueId: -1,
  offset: 9007199254740991,
  until: 3,
  order: true,
  boundaryType: "UPPER",
  reconsumeTimes: 2
}

const fields = {
  topic: "t",
  queueId: "-1",
  offset: "9007199254740991",
  until: "3",
  order: "true",
  boundaryType: "UPPER",
  reconsumeTimes: "2"
}

/** Decodes the fields with one of them replaced. */
const decodeWith = (field: string, text: string) => codec.decode({ ...fields, [field]: text })

const member = (field: string, text: string): unknown =>
  (decodeWith(field, text) as unknown as Readonly<Record<string, unknown>>)[field]

describe("encode", () => {
  it("writes every value as a text, in the order of the description", () => {
    assert.deepStrictEqual(Object.entries(codec.encode(header)), Object.entries(fields))
  })

  it("leaves out what is undefined", () => {
    assert.deepStrictEqual(codec.encode({ ...header, attemptId: undefined, brokerName: undefined }), fields)
  })

  it("writes a field under its name on the wire", () => {
    assert.deepStrictEqual(codec.encode({ ...header, zone: "z", brokerName: "b" }), {
      ...fields,
      __ZONE_NAME: "z",
      bname: "b"
    })
  })
})

describe("decode", () => {
  it("gives back what was encoded", () => {
    const full = { ...header, attemptId: "", zone: "z", brokerName: "b" }
    assert.deepStrictEqual(codec.decode(codec.encode(full)), full)
  })

  it("leaves out what is missing and may be", () => {
    assert.deepStrictEqual(Object.keys(codec.decode(fields)), Object.keys(header))
  })

  it("takes the default for what is missing and has one", () => {
    const { reconsumeTimes: _, ...rest } = fields
    assert.deepStrictEqual(codec.decode(rest), { ...header, reconsumeTimes: 0 })
  })

  it("names the first field that is missing", () => {
    const violation = codec.decode({ topic: "t", offset: "1" })
    assert.isTrue(HeaderCodec.isViolation(violation))
    assert.deepInclude(violation, { field: "queueId", detail: "is missing" })
  })

  it("ignores fields that it does not know", () => {
    assert.deepStrictEqual(codec.decode({ ...fields, AccessKey: "a", ["__proto__x"]: "b" }), header)
  })

  it("takes an empty text for one", () => {
    assert.strictEqual(member("topic", ""), "")
  })

  for (const text of ["2147483648", "-2147483649", "1.5", "1e3", "0x10", " 1", "", "NaN", "١"]) {
    it(`refuses ${JSON.stringify(text)} as int`, () => {
      assert.deepInclude(decodeWith("queueId", text), { field: "queueId", detail: "is not an integer of 32 bits" })
    })
  }

  it("reads an int as Java does", () => {
    assert.strictEqual(member("queueId", "+5"), 5)
    assert.strictEqual(member("queueId", "007"), 7)
    assert.strictEqual(member("queueId", "-2147483648"), -2147483648)
    assert.isTrue(Object.is(member("queueId", "-0"), 0))
  })

  for (const text of ["9007199254740992", "-9007199254740992", "9223372036854775807", "1e3", ""]) {
    it(`refuses ${JSON.stringify(text)} as long`, () => {
      assert.deepInclude(decodeWith("offset", text), { field: "offset", detail: "is not an integer of 53 bits" })
    })
  }

  it("stops at the limit for a long of which only the order matters", () => {
    assert.strictEqual(member("until", "9223372036854775807"), Number.MAX_SAFE_INTEGER)
    assert.strictEqual(member("until", "-9223372036854775808"), Number.MIN_SAFE_INTEGER)
    assert.strictEqual(member("until", "5"), 5)
    assert.isTrue(HeaderCodec.isViolation(decodeWith("until", "soon")))
  })

  it("takes for true only the text, in any case", () => {
    for (const text of ["true", "TRUE", "True"]) {
      assert.isTrue(member("order", text), text)
    }
    for (const text of ["false", "yes", "1", ""]) {
      assert.isFalse(member("order", text), text)
    }
  })

  it("knows a literal in any case, and no other", () => {
    assert.strictEqual(member("boundaryType", "upper"), "UPPER")
    assert.deepInclude(decodeWith("boundaryType", "MIDDLE"), {
      field: "boundaryType",
      detail: "is not LOWER or UPPER"
    })
  })
})

describe("isViolation", () => {
  it("takes no header for a violation", () => {
    assert.isFalse(HeaderCodec.isViolation({ field: "a", detail: "b" }))
    assert.isFalse(HeaderCodec.isViolation(undefined))
    assert.isTrue(HeaderCodec.isViolation(HeaderCodec.violation("a", "b")))
  })
})
