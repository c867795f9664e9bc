import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { isViolation } from "../../../src/protocol/body/BodyCodec.ts"
import * as PropertiesText from "../../../src/protocol/body/PropertiesText.ts"
import { plain } from "./bodies.ts"

const decode = (text: string): unknown => plain(PropertiesText.decode(Buffer.from(text)))

describe("encode", () => {
  it("writes a line for each property", () => {
    const text = PropertiesText.encode({ brokerName: "broker-a", autoCreateTopicEnable: "false" })
    assert.strictEqual(Buffer.from(text).toString(), "brokerName=broker-a\nautoCreateTopicEnable=false\n")
  })

  it("escapes what Java would read as something else", () => {
    const text = PropertiesText.encode({ "a b:c=d#": " x y\\=\n", "é": "ü😀" })
    assert.strictEqual(
      Buffer.from(text).toString(),
      "a\\ b\\:c\\=d\\#=\\ x y\\\\=\\n\n\\u00e9=\\u00fc\\ud83d\\ude00\n"
    )
  })

  it.prop("is read back as it was", [Schema.Record(Schema.String, Schema.String)], ([properties]) => {
    assert.deepStrictEqual(plain(PropertiesText.decode(PropertiesText.encode(properties))), plain(properties))
  })
})

describe("decode", () => {
  it("reads lines as java.util.Properties does", () => {
    assert.deepStrictEqual(
      decode(
        "# comment\n! another \\\n\n  a = 1 \r\nb:2\rc 3\nd\t:\t4\ne\nf=\n = g\nh\\ i\\=\\::=x=y\n" +
          "j = 1,\\\n    2,\\\n  # 3\nk=\\u00e9\\t\\q\nl=a\\\\\nm=end\\"
      ),
      {
        a: "1 ",
        b: "2",
        c: "3",
        d: "4",
        e: "",
        f: "",
        "": "g",
        "h i=:": "=x=y",
        j: "1,2,# 3",
        k: "é\tq",
        l: "a\\",
        m: "end"
      }
    )
  })

  it("takes the last of two values, and every name for data", () => {
    const properties = PropertiesText.decode(Buffer.from("a=1\na=2\n__proto__=3")) as Readonly<Record<string, string>>
    assert.deepStrictEqual(Object.entries(properties), [["a", "2"], ["__proto__", "3"]])
  })

  it("finds nothing in nothing", () => {
    assert.deepStrictEqual(plain(PropertiesText.decode(undefined)), {})
    assert.deepStrictEqual(decode(""), {})
  })

  it("refuses an escape that ends early", () => {
    assert.isTrue(isViolation(PropertiesText.decode(Buffer.from("a=\\u12"))))
    assert.isTrue(isViolation(PropertiesText.decode(Buffer.from("\\uxyz1=a"))))
  })

  it.prop("reads or refuses any text", [Schema.String], ([text]) => {
    PropertiesText.decode(Buffer.from(text))
  })
})
