import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import * as FastJson from "../../../src/protocol/body/FastJson.ts"
import { plain } from "./bodies.ts"

const parsed = (text: string): unknown => {
  const value = FastJson.parse(text)
  if (FastJson.isViolation(value)) {
    throw new Error(`${value.offset}: ${value.detail}`)
  }
  return value
}

const violationOf = (text: string | Uint8Array): FastJson.JsonViolation => {
  const value = FastJson.parse(text)
  assert.isTrue(FastJson.isViolation(value))
  return value as FastJson.JsonViolation
}

describe("JSON", () => {
  // Not compared with what JSON.parse reads: in Node 24 and 26, once it has read the key "\\", it takes a key that is one
  // escape, as "\n", for "\\" where that had stood.
  it.prop("is read as what was written", [Schema.Json], ([value]) => {
    const text = JSON.stringify(value)
    // What looks like a reference is one.
    if (!text.includes("$ref")) {
      assert.strictEqual(JSON.stringify(parsed(text)), text)
    }
  })

  it.prop("of any kind is read or refused", [Schema.String], ([text]) => {
    FastJson.parse(text)
  })

  it("may have space around everything", () => {
    assert.deepStrictEqual(plain(parsed(" \t\r\n{ \"a\" : [ 1 , 2 ] , \"b\" : { } } ")), { a: [1, 2], b: {} })
  })

  it("is read from bytes, with U+FFFD for what is not UTF-8", () => {
    assert.strictEqual(FastJson.parse(Buffer.from("\"größe\"")), "größe")
    assert.strictEqual(FastJson.parse(Buffer.from([0x22, 0xff, 0x22])), "\ufffd")
    assert.strictEqual(FastJson.parse(Buffer.from("xx\"a\"").subarray(2)), "a")
  })

  it("has numbers of every form", () => {
    assert.deepStrictEqual(parsed("[0,-0.5,1e3,1.5E-2,007,9007199254740993]"), [0, -0.5, 1000, 0.015, 7, 2 ** 53])
  })

  it("has escapes, those of fastjson too", () => {
    assert.strictEqual(
      parsed(String.raw`"\"\'\\\/\b\f\n\r\t\v\0\7é\x41\ud83d\ude00"`),
      "\"'\\/\b\f\n\r\t\v\0\x07éA😀"
    )
  })

  it("takes the last of two values for a key", () => {
    assert.deepStrictEqual(plain(parsed("{\"a\":1,\"a\":2}")), { a: 2 })
  })

  it("takes every key for data", () => {
    const value = parsed("{\"__proto__\":{\"x\":1},\"constructor\":2}") as Readonly<Record<string, unknown>>
    assert.isNull(Object.getPrototypeOf(value))
    assert.deepStrictEqual(Object.keys(value), ["__proto__", "constructor"])
    assert.isUndefined((value as { readonly x?: unknown }).x)
  })
})

describe("fastjson's JSON", () => {
  it("has numbers and words as keys", () => {
    assert.deepStrictEqual(plain(parsed("{0:\"a\",-1:\"b\",topic:1,\"2\":3}")), { 0: "a", "-1": "b", topic: 1, 2: 3 })
  })

  it("has single quotes", () => {
    assert.deepStrictEqual(plain(parsed("{'a\"':'it\\'s'}")), { "a\"": "it's" })
  })

  it("has objects as keys", () => {
    const value = parsed("{{\"queueId\":1}:5,{\"queueId\":1}:6}")
    assert.instanceOf(value, Map)
    assert.deepStrictEqual(plain(value), [[{ queueId: 1 }, 5], [{ queueId: 1 }, 6]])
  })

  it("has NaN and undefined for null", () => {
    assert.deepStrictEqual(parsed("[NaN,undefined,null]"), [null, null, null])
  })

  it("takes what was written by fastjson 1.2.83 for one ConsumeStats twice, and one OffsetWrapper twice", () => {
    const offsets = { brokerOffset: 5 }
    const table = [[{ brokerName: "b", queueId: 4, topic: "t" }, offsets], [
      { brokerName: "b-a%x", queueId: 3, topic: "t" },
      offsets
    ]]
    assert.deepStrictEqual(
      plain(
        parsed(
          "{\"consumeStatsList\":[{\"g\":[{\"offsetTable\":{{\"brokerName\":\"b\",\"queueId\":4,\"topic\":\"t\"}:" +
            "{\"brokerOffset\":5},{\"brokerName\":\"b-a%x\",\"queueId\":3,\"topic\":\"t\"}:{\"$ref\":" +
            String
              .raw`"$.consumeStatsList[0].g[0].offsetTable.MessageQueue\\ \\[topic\\=t\\,\\ brokerName\\=b\\,\\ queueId\\=4\\]"` +
            "}}}]},{\"g2\":[{\"$ref\":\"$.consumeStatsList[0].g[0]\"}]}]}"
        )
      ),
      { consumeStatsList: [{ g: [{ offsetTable: table }] }, { g2: [{ offsetTable: table }] }] }
    )
  })
})

describe("references", () => {
  it("mean the very object that was written before", () => {
    const value = parsed("{\"a\":{\"x\":[1]},\"b\":{\"$ref\":\"$.a\"},\"c\":{\"$ref\":\"$.a.x\"}}") as Record<
      string,
      never
    >
    assert.strictEqual(value["b"], value["a"])
    assert.strictEqual(value["c"], value["a"]["x"])
  })

  it("lead through arrays, escaped keys and single-quoted ones", () => {
    const value = parsed(
      String
        .raw`{"%RETRY%g":[{"a.b":{}},[0,{'y':{}}]],"r":[{"$ref":"$.\\%RETRY\\%g[0].a\\.b"},{"$ref":"$.\\%RETRY\\%g[1][1].y"}]}`
    ) as Record<string, ReadonlyArray<never>>
    assert.strictEqual(value["r"][0], value["%RETRY%g"][0]["a.b"])
    assert.strictEqual(value["r"][1], value["%RETRY%g"][1][1]["y"])
  })

  it("mean what contains them: @ the object or array, .. the one around it, $ the whole", () => {
    const value = parsed("{\"a\":[{\"$ref\":\"@\"},{\"$ref\":\"..\"},{\"b\":{\"$ref\":\"..\"}},{\"$ref\":\"$\"}]}") as {
      readonly a: ReadonlyArray<never>
    }
    assert.strictEqual<unknown>(value.a[0], value.a)
    assert.strictEqual<unknown>(value.a[1], value)
    assert.strictEqual<unknown>(value.a[2]["b"], value.a)
    assert.strictEqual<unknown>(value.a[3], value)
  })

  it("mean the key of a map with one key by the name null", () => {
    const value = parsed("{\"a\":{{\"queueId\":1}:5},\"b\":{{\"$ref\":\"$.a.null\"}:6}}") as Record<
      string,
      Map<unknown, unknown>
    >
    assert.strictEqual([...value["b"].keys()][0], [...value["a"].keys()][0])
  })

  it("are null when they lead nowhere", () => {
    for (
      const path of [
        "$.b",
        "$.a[2]",
        "$.a[x]",
        "$.a.x",
        "$.a[0].y",
        "$.a[0",
        "$a",
        "#",
        "",
        "$.m.null",
        "$.m.nothing",
        "$.a[-1]"
      ]
    ) {
      const value = parsed(
        `{"a":[1,2],"m":{{"a":1}:1,{"topic":{}}:2},"r":{"$ref":${JSON.stringify(path)}}}`
      ) as Record<string, unknown>
      assert.isNull(value["r"], path)
    }
    assert.isNull(parsed("{\"$ref\":\"$\"}"))
    assert.deepStrictEqual(parsed("[{\"$ref\":\"..\"}]"), [null])
  })

  it("are data when they are not all of their object, or not a text", () => {
    assert.deepStrictEqual(plain(parsed("[{\"$ref\":\"$\",\"a\":1},{\"a\":1,\"$ref\":\"$\"},{\"$ref\":1}]")), [
      { $ref: "$", a: 1 },
      { a: 1, $ref: "$" },
      { $ref: 1 }
    ])
  })

  it("to entries of a map that is not closed yet are found", () => {
    const key = (id: number) => `{"topic":"t","brokerName":"b","queueId":${id}}`
    const text = String.raw`\\ \\[topic\\=t\\,\\ brokerName\\=b\\,\\ queueId\\=`
    const value = parsed(
      `{"m":{${key(0)}:{"x":0},${key(1)}:{"$ref":"$.m.MessageQueue${text}0\\\\]"},${key(2)}:{"x":2},` +
        `${key(3)}:{"$ref":"$.m.MessageQueue${text}2\\\\]"}}}`
    ) as { readonly m: Map<unknown, unknown> }
    const values = [...value.m.values()]
    assert.strictEqual(values[1], values[0])
    assert.strictEqual(values[3], values[2])
    assert.deepStrictEqual(plain(values[2]), { x: 2 })
  })
})

describe("violations", () => {
  const cases: ReadonlyArray<readonly [string, number]> = [
    ["", 0],
    ["  ", 2],
    ["[1,2", 4],
    ["[1 2]", 3],
    ["[1,]", 3],
    ["{\"a\"}", 4],
    ["{\"a\":}", 5],
    ["{\"a\":1,}", 7],
    ["{,}", 1],
    ["{\"a\":1", 6],
    ["{\"a\" 1}", 5],
    ["\"a", 0],
    ["\"\\q\"", 0],
    ["\"\\u12g4\"", 0],
    ["\"\\", 0],
    ["-", 0],
    ["tru", 0],
    ["truer", 0],
    ["1 2", 2],
    ["{{\"a\":1}}", 8],
    ["{{\"a\":1}:1,\"b\":2}", 11],
    ["{\"b\":2,{\"a\":1}:1}", 7]
  ]
  for (const [text, offset] of cases) {
    it(`of ${text === "" ? "nothing" : text} are at ${offset}`, () => {
      assert.strictEqual(violationOf(text).offset, offset)
    })
  }

  it("end what is nested too deeply", () => {
    assert.deepStrictEqual(plain(parsed("[".repeat(64) + "]".repeat(64))), JSON.parse("[".repeat(64) + "]".repeat(64)))
    assert.include(violationOf("[".repeat(65)).detail, "nested")
    assert.include(violationOf("{\"a\":".repeat(1e6)).detail, "nested")
    assert.include(violationOf("{".repeat(1e6)).detail, "nested")
  })
})

describe("hostile texts", () => {
  /** All of these would take minutes in time that is not in proportion to their length. */
  const size = 200_000
  const key = (id: number) => `{"topic":"t","brokerName":"b","queueId":${id}}`
  const entries = (value: (id: number) => string) =>
    `{"m":{${Array.from({ length: size / 10 }, (_, id) => `${key(id)}:${value(id)}`).join(",")}}}`
  const texts: Readonly<Record<string, string>> = {
    "a long string": `"${"a".repeat(size)}`,
    "many escapes": `"${"\\n".repeat(size)}"`,
    "a long number": "1".repeat(size),
    "a long key": `{${"a".repeat(size)}`,
    "many references to the whole": `[${"{\"$ref\":\"$\"},".repeat(size)}0]`,
    "a long path": `{"a":{},"b":{"$ref":"$${".a".repeat(size)}"}}`,
    "a path of brackets": `{"a":{},"b":{"$ref":"$${"[0]".repeat(size)}"}}`,
    "references into a map that grows": entries((id) =>
      `{"$ref":"$.m.MessageQueue\\\\ \\\\[topic\\\\=t\\\\,\\\\ brokerName\\\\=b\\\\,\\\\ queueId\\\\=${id - 1}\\\\]"}`
    ),
    "references to keys": entries(() => "{\"$ref\":\"$.m.null\"}"),
    "what begins like references": "{\"$ref\":".repeat(size)
  }
  for (const [name, text] of Object.entries(texts)) {
    it(`such as ${name} take no time`, { timeout: 2000 }, () => {
      assert.isDefined(FastJson.parse(text))
    })
  }
})
