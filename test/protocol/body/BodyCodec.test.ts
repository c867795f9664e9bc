import { assert, describe, it } from "@effect/vitest"
import * as BodyCodec from "../../../src/protocol/body/BodyCodec.ts"

const Inner = BodyCodec.make({
  id: BodyCodec.int,
  name: BodyCodec.optional(BodyCodec.text)
})

const codec = BodyCodec.make({
  topic: BodyCodec.text,
  offset: BodyCodec.withDefault(BodyCodec.long, -1),
  tps: BodyCodec.withDefault(BodyCodec.double, 0),
  order: BodyCodec.withDefault(BodyCodec.boolean, true),
  mode: BodyCodec.optional(BodyCodec.enumeration("PULL", "POP")),
  inner: BodyCodec.optional(Inner),
  list: BodyCodec.withDefault(BodyCodec.list(Inner), []),
  table: BodyCodec.withDefault(BodyCodec.record(BodyCodec.int), BodyCodec.noEntries),
  byId: BodyCodec.withDefault(BodyCodec.intMap(BodyCodec.text), new Map()),
  byInner: BodyCodec.withDefault(BodyCodec.objectMap(Inner, BodyCodec.long), []),
  bits: BodyCodec.named("b", BodyCodec.optional(BodyCodec.base64)),
  kind: BodyCodec.withDefault(BodyCodec.enumeration("A", "B"), "A")
})
type Body = BodyCodec.Type<typeof codec>

const empty: Body = {
  topic: "t",
  offset: -1,
  tps: 0,
  order: true,
  list: [],
  table: BodyCodec.noEntries,
  byId: new Map(),
  byInner: [],
  kind: "A"
}

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString("utf8")

const decode = (json: string): Body | BodyCodec.BodyViolation => codec.decode(Buffer.from(json))

const member = (json: string): Body => {
  const body = decode(`{"topic":"t",${json}}`)
  if (BodyCodec.isViolation(body)) {
    throw new Error(`${body.path} ${body.detail}`)
  }
  return body
}

const violationOf = (json: string): string => {
  const violation = decode(json)
  assert.isTrue(BodyCodec.isViolation(violation))
  const { detail, path } = violation as BodyCodec.BodyViolation
  return `${path} ${detail}`
}

describe("encode", () => {
  it("writes members in the order of the description, as fastjson does", () => {
    assert.strictEqual(
      text(codec.encode({
        topic: "ü\"",
        offset: 9007199254740991,
        tps: 1.5,
        order: false,
        mode: "POP",
        inner: { id: 1, name: "n" },
        list: [{ id: 2 }, { id: 3 }],
        table: { a: 1, ["__proto__x"]: 2 },
        byId: new Map([[0, "a"], [-1, "b"]]),
        byInner: [[{ id: 1 }, 5], [{ id: 2 }, 6]],
        bits: Uint8Array.of(2, 2),
        kind: "B"
      })),
      "{\"topic\":\"ü\\\"\",\"offset\":9007199254740991,\"tps\":1.5,\"order\":false,\"mode\":\"POP\"," +
        "\"inner\":{\"id\":1,\"name\":\"n\"},\"list\":[{\"id\":2},{\"id\":3}],\"table\":{\"a\":1,\"__proto__x\":2}," +
        "\"byId\":{0:\"a\",-1:\"b\"},\"byInner\":{{\"id\":1}:5,{\"id\":2}:6},\"b\":\"AgI=\",\"kind\":\"B\"}"
    )
  })

  it("leaves out what is undefined", () => {
    assert.strictEqual(text(Inner.encode({ id: 1, name: undefined })), "{\"id\":1}")
  })

  it("writes null for what is not finite", () => {
    assert.include(text(codec.encode({ ...empty, tps: Number.NaN })), "\"tps\":null")
  })

  it("quotes numbers as keys in standard JSON", () => {
    assert.include(codec.write({ ...empty, byId: new Map([[0, "a"]]) }, "Standard"), "{\"0\":\"a\"}")
  })
})

describe("decode", () => {
  it("takes defaults for what is missing or null, and ignores what it does not know", () => {
    assert.deepStrictEqual(decode("{\"topic\":\"t\"}"), empty)
    assert.deepStrictEqual(
      decode(
        "{\"topic\":\"t\",\"offset\":null,\"mode\":null,\"inner\":null,\"list\":null,\"byInner\":null,\"more\":[1]}"
      ),
      empty
    )
  })

  it("takes numbers and booleans for texts, and texts for numbers and booleans", () => {
    assert.strictEqual(member("\"topic\":5").topic, "5")
    assert.strictEqual(member("\"topic\":true").topic, "true")
    assert.strictEqual(member("\"offset\":\"12\"").offset, 12)
    assert.strictEqual(member("\"tps\":\"1.5e2\"").tps, 150)
    assert.strictEqual(member("\"order\":\"FALSE\"").order, false)
    assert.strictEqual(member("\"order\":0").order, false)
    assert.strictEqual(member("\"order\":1").order, true)
  })

  it("takes keys of integers quoted or not", () => {
    assert.deepStrictEqual(
      member("\"byId\":{0:\"a\",\"1\":\"b\",-2:\"c\"}").byId,
      new Map([[0, "a"], [1, "b"], [-2, "c"]])
    )
  })

  it("takes a map of objects that is empty", () => {
    assert.deepStrictEqual(member("\"byInner\":{}").byInner, [])
  })

  it("takes an enum by its name or its ordinal, and one that is unknown for a missing one", () => {
    assert.strictEqual(member("\"mode\":\"POP\"").mode, "POP")
    assert.strictEqual(member("\"mode\":1").mode, "POP")
    assert.isUndefined(member("\"mode\":\"LITE\"").mode)
    assert.isUndefined(member("\"mode\":7").mode)
    assert.strictEqual(member("\"kind\":\"C\"").kind, "A")
  })

  it("keeps every key of a record as data", () => {
    const { table } = member("\"table\":{\"__proto__\":1,\"constructor\":2}")
    assert.deepStrictEqual(Object.keys(table), ["__proto__", "constructor"])
    assert.isUndefined(table["toString"])
    assert.isUndefined(member("\"order\":true").table["toString"])
  })

  it("leaves out of a record what is null", () => {
    assert.deepStrictEqual(Object.keys(member("\"table\":{\"a\":null,\"b\":1}").table), ["b"])
  })

  it("says that there is no body", () => {
    for (const bytes of [undefined, new Uint8Array(0)]) {
      assert.deepInclude(codec.decode(bytes), { path: "$", detail: "there is no body" })
    }
  })

  const violations: Readonly<Record<string, string>> = {
    "{\"topic\":": "$ is not JSON at character 9: expected a value",
    "[]": "$ is not an object",
    "null": "$ is not an object",
    "{}": "$.topic is missing",
    "{\"topic\":null}": "$.topic is missing",
    "{\"topic\":[]}": "$.topic is not a text",
    "{\"topic\":\"t\",\"offset\":9007199254740992}": "$.offset is not an integer of 53 bits",
    "{\"topic\":\"t\",\"offset\":1.5}": "$.offset is not an integer of 53 bits",
    "{\"topic\":\"t\",\"offset\":\"\"}": "$.offset is not an integer of 53 bits",
    "{\"topic\":\"t\",\"offset\":\"0x10\"}": "$.offset is not an integer of 53 bits",
    "{\"topic\":\"t\",\"tps\":{}}": "$.tps is not a number",
    "{\"topic\":\"t\",\"order\":\"yes\"}": "$.order is not a boolean",
    "{\"topic\":\"t\",\"mode\":{}}": "$.mode is none of PULL, POP",
    "{\"topic\":\"t\",\"inner\":{}}": "$.inner.id is missing",
    "{\"topic\":\"t\",\"inner\":{\"id\":2147483648}}": "$.inner.id is not an integer of 32 bits",
    "{\"topic\":\"t\",\"list\":{}}": "$.list is not an array",
    "{\"topic\":\"t\",\"list\":[{\"id\":1},{\"id\":\"x\"}]}": "$.list[1].id is not an integer of 32 bits",
    "{\"topic\":\"t\",\"list\":[null]}": "$.list[0] is missing",
    "{\"topic\":\"t\",\"table\":[]}": "$.table is not an object",
    "{\"topic\":\"t\",\"table\":{\"a b\":\"x\"}}": "$.table[\"a b\"] is not an integer of 32 bits",
    "{\"topic\":\"t\",\"table\":{{\"a\":1}:1}}": "$.table is not an object",
    "{\"topic\":\"t\",\"byId\":{\"a\":\"x\"}}": "$.byId.a is not named by an integer",
    "{\"topic\":\"t\",\"byId\":{\"1\":null}}": "$.byId.1 is missing",
    "{\"topic\":\"t\",\"byInner\":{\"a\":1}}": "$.byInner is not an object with objects as keys",
    "{\"topic\":\"t\",\"byInner\":{{\"id\":1}:1,{\"x\":1}:2}}": "$.byInner[key 1].id is missing",
    "{\"topic\":\"t\",\"byInner\":{{\"id\":1}:{}}}": "$.byInner[value 0] is not an integer of 53 bits",
    "{\"topic\":\"t\",\"b\":\"?\"}": "$.b is not base64"
  }
  for (const [json, violation] of Object.entries(violations)) {
    it(`says of ${json} that ${violation}`, () => {
      assert.strictEqual(violationOf(json), violation)
    })
  }
})

describe("references", () => {
  it("stand for the values that they mean", () => {
    assert.deepStrictEqual(
      member("\"inner\":{\"id\":1},\"list\":[{\"$ref\":\"$.inner\"},{\"$ref\":\"$.list[0]\"}]").list,
      [{ id: 1 }, { id: 1 }]
    )
  })

  it("to what contains them are not followed for ever", () => {
    assert.strictEqual(violationOf("{\"topic\":\"t\",\"inner\":{\"$ref\":\"$\"}}"), "$.inner.id is missing")
    assert.strictEqual(violationOf("{\"topic\":\"t\",\"list\":[{\"$ref\":\"@\"}]}"), "$.list[0] is not an object")
  })

  it("do not blow a small text up", { timeout: 2000 }, () => {
    const wrapper = BodyCodec.make({ lists: BodyCodec.list(BodyCodec.list(BodyCodec.int)) })
    const size = 20_000
    const json = `{"lists":[[${"1,".repeat(size)}1]${",{\"$ref\":\"$.lists[0]\"}".repeat(size)}]}`
    const violation = wrapper.decode(Buffer.from(json))
    assert.isTrue(BodyCodec.isViolation(violation))
    assert.include((violation as BodyCodec.BodyViolation).detail, "much larger than its text")
  })
})

describe("isViolation", () => {
  it("takes no body for a violation", () => {
    assert.isFalse(BodyCodec.isViolation({ path: "$", detail: "x" }))
    assert.isTrue(BodyCodec.isViolation(BodyCodec.violation("$", "x")))
  })
})
