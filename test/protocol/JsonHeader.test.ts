import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Schema from "effect/Schema"
import type { ViolationKind } from "../../src/protocol/ProtocolViolation.ts"
import { defaultFrameLimits } from "../../src/protocol/RemotingCodec.ts"
import { contents, jsonFrame, parse, parseOne } from "./frames.ts"

const usual =
  "{\"code\":0,\"extFields\":{\"queueId\":\"2\",\"msgId\":\"7F00000100002A9F0000000000000DE6\"},\"flag\":1,\"language\":\"JAVA\"," +
  "\"opaque\":1234,\"remark\":\"all is well\",\"serializeTypeCurrentRPC\":\"JSON\",\"version\":513}"

/** What a header with only these members says. */
const decoded = (header: string) => {
  const { extFields, ...rest } = contents(parseOne(jsonFrame(header)))
  return { ...rest, extFields: Object.fromEntries(extFields) }
}

describe("a JSON header", () => {
  it("in the layout of RocketMQ's encoder is decoded", () => {
    assert.deepStrictEqual(decoded(usual), {
      code: 0,
      flag: 1,
      opaque: 1234,
      serialization: "JSON",
      language: 0,
      languageName: "JAVA",
      version: 513,
      remark: "all is well",
      extFields: { queueId: "2", msgId: "7F00000100002A9F0000000000000DE6" },
      body: undefined
    })
  })

  it("may have its members in any order, with spaces, and others that we do not know", () => {
    assert.deepStrictEqual(
      decoded(
        "\r\n\t {\"zone\" : [1, {\"a\":[]}, -1.5e3, true, null, \"x\"], \"version\":513, \"remark\":\"all is well\" ,\"opaque\":1234, \"language\":\"JAVA\",\"flag\":1, " +
          "\"extFields\": { \"queueId\": \"2\", \"msgId\": \"7F00000100002A9F0000000000000DE6\" } , \"code\":0 }\n"
      ),
      decoded(usual)
    )
  })

  it("has Java's defaults for members that are missing or null", () => {
    const defaults = {
      code: 0,
      flag: 0,
      opaque: 0,
      serialization: "JSON",
      language: 0,
      languageName: "JAVA",
      version: 0,
      remark: undefined,
      extFields: {},
      body: undefined
    } as const
    assert.deepStrictEqual(decoded("{}"), defaults)
    assert.deepStrictEqual(
      decoded(
        "{\"code\":null,\"flag\":null,\"opaque\":null,\"language\":null,\"version\":null,\"remark\":null,\"extFields\":null}"
      ),
      defaults
    )
  })

  it("may name a language that we do not know", () => {
    const command = parseOne(jsonFrame(usual.replace("JAVA", "KOTLIN")))
    assert.isUndefined(command.language)
    assert.strictEqual(command.languageName, "KOTLIN")
  })

  it("may give the language's number", () => {
    assert.deepInclude(decoded("{\"language\":7}"), { language: 7, languageName: "OTHER" })
    assert.deepInclude(decoded("{\"language\":99}"), { language: undefined, languageName: undefined })
  })

  it("may have ext fields that are not texts: they become text as written, null is dropped", () => {
    assert.deepStrictEqual(
      decoded(
        "{\"extFields\":{\"a\":1,\"b\":9223372036854775807,\"c\":1.50,\"d\":-1E+2,\"e\":true,\"f\":false,\"g\":null,\"h\":\"\"}}"
      ).extFields,
      { a: "1", b: "9223372036854775807", c: "1.50", d: "-1E+2", e: "true", f: "false", h: "" }
    )
  })

  it("counts the last of two equal keys", () => {
    assert.deepStrictEqual(decoded("{\"code\":1,\"extFields\":{\"a\":\"1\",\"a\":\"2\"},\"code\":2}").code, 2)
    assert.deepStrictEqual(decoded("{\"extFields\":{\"a\":\"1\",\"a\":\"2\"}}").extFields, { a: "2" })
    assert.deepStrictEqual(decoded("{\"extFields\":{\"a\":\"1\",\"a\":null}}").extFields, {})
    assert.deepStrictEqual(decoded("{\"extFields\":{\"a\":\"1\"},\"extFields\":{\"b\":\"2\"}}").extFields, { b: "2" })
    assert.deepStrictEqual(
      decoded(usual.replace("\"queueId\":\"2\"", "\"queueId\":\"1\",\"queueId\":\"2\"")),
      decoded(usual)
    )
  })

  it("decodes escapes and characters outside ASCII", () => {
    assert.deepInclude(
      decoded("{\"remark\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0001\\u00e9\\uD83D\\ude00\\ud800 é 日 😀\"}"),
      { remark: "\"\\/\b\f\n\r\t\u0001é😀\ud800 é 日 😀" }
    )
  })

  it("has plain keys whatever they are called", () => {
    const names = ["__proto__", "constructor", "toString", "hasOwnProperty", "valueOf"]
    const members = names.map((name) => `"${name}":"${name}!"`).join(",")
    for (
      const header of [
        usual.replace("\"queueId\":\"2\"", members),
        `{"extFields":{ ${members} }, "__proto__":{"opaque":5}, "constructor":1}`
      ]
    ) {
      const { extFields } = parseOne(jsonFrame(header))
      for (const name of names) {
        assert.strictEqual(extFields[name], `${name}!`)
        assert.include(Object.keys(extFields), name)
      }
      assert.isNull(Object.getPrototypeOf(extFields))
      assert.isUndefined(extFields["isPrototypeOf"])
    }
    assert.isUndefined(({} as Record<string, unknown>)["opaque"])
  })

  it("may have as many ext fields as the limit, and no more", () => {
    const limits = { ...defaultFrameLimits, maxExtFields: 3 }
    const members = (count: number) => Array.from({ length: count }, (_, i) => `"k${i}":"v"`).join(",")
    for (const space of ["", " "]) {
      const header = (count: number) =>
        `{"code":0,"extFields":{${space}${
          members(count)
        }},"flag":1,"language":"JAVA","opaque":1,"serializeTypeCurrentRPC":"JSON","version":513}`
      assert.strictEqual(Object.keys(parse([jsonFrame(header(3))], limits).commands[0].extFields).length, 3)
      const violation = parse([jsonFrame(header(4))], limits).violation
      assert.deepInclude(violation, {
        kind: "TooManyExtFields",
        offset: 8 + header(4).indexOf("\"k3\"")
      })
    }
  })

  it("may have 64 members besides as many ext fields as the limit, and no more", () => {
    const header = (count: number) => `{"a":{${Array.from({ length: count }, () => "\"x\":0").join(",")}}}`
    const limits = { ...defaultFrameLimits, maxExtFields: 3 }
    assert.strictEqual(parse([jsonFrame(header(66))], limits).commands.length, 1)
    assert.deepInclude(parse([jsonFrame(header(67))], limits).violation, {
      kind: "TooManyExtFields",
      offset: 8 + header(67).lastIndexOf("\"x\"")
    })
  })

  describe("is refused, with the byte where it is wrong, when it", () => {
    const limit = 2 ** 31
    const cases: ReadonlyArray<readonly [string, string, ViolationKind, string]> = [
      ["is empty", "", "InvalidJson", "$"],
      ["is only space", "  ", "InvalidJson", "  $"],
      ["is a text", "\"code\"", "InvalidJson", "$\"code\""],
      ["is an array", "[]", "InvalidJson", "$[]"],
      ["is null", "null", "InvalidJson", "$null"],
      ["is a number", "1", "InvalidJson", "$1"],
      ["is cut off", "{\"code\":1", "InvalidJson", "{\"code\":1$"],
      ["is cut off in a text", "{\"code", "InvalidJson", "{\"code$"],
      ["is cut off before a value", "{\"code\":", "InvalidJson", "{\"code\":$"],
      ["has more after the object", "{} {}", "InvalidJson", "{} ${}"],
      ["has a trailing comma", "{\"code\":1,}", "InvalidJson", "{\"code\":1,$}"],
      ["lacks a comma", "{\"code\":1 \"flag\":1}", "InvalidJson", "{\"code\":1 $\"flag\":1}"],
      ["lacks a colon", "{\"code\" 1}", "InvalidJson", "{\"code\" $1}"],
      ["has a key without quotes", "{code:1}", "InvalidJson", "{$code:1}"],
      ["has single quotes", "{'code':1}", "InvalidJson", "{$'code':1}"],
      ["has a comment", "{/**/\"code\":1}", "InvalidJson", "{$/**/\"code\":1}"],
      ["begins with a byte order mark", "\ufeff{}", "InvalidJson", "$\ufeff{}"],
      ["has a control character in a text", "{\"a\":\"x\ny\"}", "InvalidJson", "{\"a\":\"x$\ny\"}"],
      ["has a NUL between tokens", "{\u0000}", "InvalidJson", "{$\u0000}"],
      ["has an unknown escape", "{\"a\":\"\\x\"}", "InvalidJson", "{\"a\":\"$\\x\"}"],
      ["has half an escape", "{\"a\":\"\\u12\"}", "InvalidJson", "{\"a\":\"$\\u12\"}"],
      ["is cut off in an escape", "{\"a\":\"\\", "InvalidJson", "{\"a\":\"$\\"],
      ["has a literal that is none", "{\"a\":nul}", "InvalidJson", "{\"a\":$nul}"],
      ["has NaN", "{\"code\":NaN}", "InvalidJson", "{\"code\":$NaN}"],
      ["has a leading zero", "{\"code\":01}", "InvalidJson", "{\"code\":$01}"],
      ["has a plus sign", "{\"code\":+1}", "InvalidJson", "{\"code\":$+1}"],
      ["has a lone minus sign", "{\"code\":-}", "InvalidJson", "{\"code\":$-}"],
      ["has a fraction without digits", "{\"a\":1.}", "InvalidJson", "{\"a\":$1.}"],
      ["has an exponent without digits", "{\"a\":1e}", "InvalidJson", "{\"a\":$1e}"],
      ["has an unclosed array", "{\"a\":[1}", "InvalidJson", "{\"a\":[1$}"],
      ["has a fractional code", "{\"code\":1.5}", "InvalidField", "{\"code\":$1.5}"],
      ["has a code with an exponent", "{\"code\":1e2}", "InvalidField", "{\"code\":$1e2}"],
      ["has a code over 32 bits", `{"code":${limit}}`, "InvalidField", `{"code":$${limit}}`],
      ["has a code that is a text", "{\"code\":\"1\"}", "InvalidField", "{\"code\":$\"1\"}"],
      ["has a code of 12 digits", "{\"code\":000000000001}", "InvalidJson", "{\"code\":$000000000001}"],
      ["has a code with a fraction of 0", "{\"code\":1.0}", "InvalidField", "{\"code\":$1.0}"],
      ["has a code that is true", "{\"code\":true}", "InvalidField", "{\"code\":$true}"],
      ["has a code that is an array", "{\"code\":[1]}", "InvalidField", "{\"code\":$[1]}"],
      ["has an opaque over 32 bits", `{"opaque":${-limit - 1}}`, "InvalidField", `{"opaque":$${-limit - 1}}`],
      ["has a flag that is an object", "{\"flag\":{}}", "InvalidField", "{\"flag\":${}}"],
      ["has a version that is a text", "{\"version\":\"513\"}", "InvalidField", "{\"version\":$\"513\"}"],
      ["has a language that is an array", "{\"language\":[]}", "InvalidField", "{\"language\":$[]}"],
      ["has a language that is true", "{\"language\":true}", "InvalidField", "{\"language\":$true}"],
      ["has a remark that is an object", "{\"remark\":{}}", "InvalidField", "{\"remark\":${}}"],
      ["has ext fields that are a text", "{\"extFields\":\"a\"}", "InvalidField", "{\"extFields\":$\"a\"}"],
      ["has ext fields that are an array", "{\"extFields\":[]}", "InvalidField", "{\"extFields\":$[]}"],
      ["has a nested ext field", "{\"extFields\":{\"a\":{}}}", "InvalidField", "{\"extFields\":{\"a\":${}}}"],
      ["has an array for an ext field", "{\"extFields\":{\"a\":[]}}", "InvalidField", "{\"extFields\":{\"a\":$[]}}"]
    ]
    for (const [name, header, kind, marked] of cases) {
      it(`${name}: ${kind}`, () => {
        const { commands, violation } = parse([Buffer.concat([jsonFrame("{}"), jsonFrame(header, Buffer.from("n}"))])])
        assert.strictEqual(commands.length, 1)
        assert.deepInclude(violation, { kind, offset: 8 + Buffer.from(marked).indexOf("$") })
        assert.isNotEmpty(violation?.message)
      })
    }

    it("is cut off anywhere", () => {
      for (let end = 0; end < usual.length; end++) {
        for (const body of [Buffer.alloc(0), Buffer.from(usual.slice(end))]) {
          assert.deepInclude(parse([jsonFrame(usual.slice(0, end), body)]).violation, {
            kind: "InvalidJson",
            offset: 8 + end
          })
        }
      }
    })

    const nested = (depth: number) => `{"a":${"[".repeat(depth)}${"]".repeat(depth)}}`

    it("is nested more than 64 deep", () => {
      assert.strictEqual(parse([jsonFrame(nested(63))]).commands.length, 1)
      assert.deepInclude(parse([jsonFrame(nested(64))]).violation, { kind: "InvalidJson", offset: 8 + 5 + 63 })
      assert.deepInclude(parse([jsonFrame(nested(100_000))]).violation, { kind: "InvalidJson", offset: 8 + 5 + 63 })
      assert.deepInclude(parse([jsonFrame(`{"a":${"{\"a\":".repeat(100_000)}`)]).violation, {
        kind: "InvalidJson",
        offset: 8 + 5 + 63 * 5
      })
    })

    it("is not UTF-8", () => {
      for (const bad of ["80", "c0af", "c3", "e282", "eda080", "f0808080", "f4908080", "f5808080", "ff"]) {
        const before = "{\"remark\":\"é日😀"
        const header = Buffer.concat([Buffer.from(before), Buffer.from(bad, "hex"), Buffer.from("\"}")])
        const bytes = Buffer.concat([jsonFrame("x".repeat(header.length)).subarray(0, 8), header])
        assert.deepInclude(parse([bytes]).violation, {
          kind: "InvalidUtf8",
          offset: 8 + Buffer.from(before).length
        })
      }
    })
  })

  it("never differs between the decoder for the usual layout and the one for any", () => {
    const bytes = Buffer.from(usual)
    const replacements = [..."\"\\{}[]:,0129-+.eE xté\n\u0000\u007f"].map((character) => Buffer.from(character))
    let valid = 0
    for (let at = 0; at < bytes.length; at++) {
      for (const replacement of [...replacements, Buffer.alloc(0)]) {
        for (const removed of [0, 1]) {
          const header = Buffer.concat([bytes.subarray(0, at), replacement, bytes.subarray(at + removed)])
          const compact = parse([jsonFrame(header.toString("utf8"))])
          const spaced = parse([jsonFrame(` ${header.toString("utf8")}`)])
          if (compact.violation === undefined) {
            valid++
            assert.deepStrictEqual(compact.commands.map(contents), spaced.commands.map(contents))
          } else {
            assert.deepInclude(spaced.violation, {
              kind: compact.violation.kind,
              offset: compact.violation.offset + 1
            })
          }
        }
      }
    }
    assert.isAbove(valid, 1000)
  })

  const text = Arbitrary.schema(
    Schema.Literals([
      ..."{}[]:,\"\\/ \n\t0123456789-+.eEabcfnrtulsé日😀\u0000\u001f",
      "true",
      "false",
      "null",
      "\"a\":",
      "\"\"",
      "\\u0041",
      "[]",
      "{}"
    ])
  )
  const json = Arbitrary.map(Arbitrary.schema(Schema.Json), (value) => JSON.stringify(value))

  it.prop("is JSON for us exactly when it is for JSON.parse", [
    Arbitrary.array(text, { maxLength: 12 }),
    json,
    Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 1000 })))
  ], ([parts, value, cut]) => {
    const noise = parts.join("")
    const at = cut % value.length
    for (const member of [noise, `[${noise}]`, `"${noise}"`, value, value.slice(0, at) + noise + value.slice(at)]) {
      const header = `{"x":${member}}`
      let expected = true
      try {
        expected = Object.keys(JSON.parse(header)).length > 0
      } catch {
        expected = false
      }
      const { violation } = parse([jsonFrame(header)])
      if (expected !== (violation === undefined)) {
        assert.fail(`${header}: ${violation?.message}`)
      }
    }
  }, { arbitrary: { runs: 2000 } })
})
