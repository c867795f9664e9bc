import { assert, describe, it } from "@effect/vitest"
import { JsonScan } from "../../src/protocol/internal/JsonScan.ts"
import { LanguageCode } from "../../src/protocol/LanguageCode.ts"
import { encoded } from "./frames.ts"
import { goldenFrames } from "./golden.ts"

const scanned = (header: Buffer | string): JsonScan | undefined => {
  const bytes = new Uint8Array(Buffer.from(header))
  const scan = new JsonScan()
  return scan.scan(new DataView(bytes.buffer), 0, bytes.length, 8) ? scan : undefined
}

const headerOf = (frame: Buffer): Buffer => frame.subarray(8, 8 + frame.readUIntBE(5, 3))

describe("JsonScan", () => {
  it("takes what RocketMQ's servers answer, unless a text needs an escape", () => {
    let taken = 0
    for (const golden of goldenFrames) {
      const frame = Buffer.from(golden.hex, "hex")
      if (frame[4] === 0 && golden.source.startsWith("Apache RocketMQ")) {
        const plain = /^[ -~]*$/.test(headerOf(frame).toString("utf8")) && !headerOf(frame).includes("\\")
        const { code, flag, opaque } = golden.expect
        const scan = scanned(headerOf(frame))
        assert.strictEqual(scan !== undefined, plain, golden.name)
        if (scan !== undefined) {
          assert.deepInclude(scan, { code, flag, opaque })
          taken++
        }
      }
    }
    assert.isAbove(taken, 10)
  })

  it("takes what we encode, unless a text needs an escape", () => {
    const texts = ["", "a", "abc", "abcd", "abcde", "~ !#[]^_`{|}", "x".repeat(100)]
    for (const text of texts) {
      for (const remark of [undefined, text]) {
        for (const extFields of [{}, { [text]: text }, { a: text, b: "", [text]: "d" }]) {
          for (const number of [0, 1, -1, 9, 10, 2147483647, -2147483648]) {
            const header = headerOf(encoded({
              code: number,
              flag: number,
              opaque: number,
              version: number,
              language: LanguageCode.NODE_JS,
              remark,
              extFields
            }))
            assert.deepInclude(scanned(header), { code: number, flag: number, opaque: number }, header.toString())
          }
        }
      }
    }
  })

  it("leaves what it does not know to the full decoder", () => {
    const usual = headerOf(encoded({ remark: "fine", extFields: { a: "b" } })).toString()
    assert.isDefined(scanned(usual))
    const others = [
      ` ${usual}`,
      `${usual} `,
      usual.replace("105", "0105"),
      usual.replace("105", "-0"),
      usual.replace("105", "2147483648"),
      usual.replace("105", "-2147483649"),
      usual.replace("105", "1.5"),
      usual.replace("105", "\"105\""),
      usual.replace("\"b\"", "1"),
      usual.replace("\"b\"", "null"),
      usual.replace("\"b\"", "{}"),
      usual.replace("\"b\"", "\"\\n\""),
      usual.replace("\"b\"", "\"é\""),
      usual.replace("\"b\"", "\"\u0001\""),
      usual.replace("\"b\"}", "\"b\",}"),
      usual.replace("fine", "\\\""),
      usual.replace("JSON", "JSOX"),
      usual.replace("\"language\":\"OTHER\",", ""),
      usual.replace("\"flag\":0,", ""),
      usual.replace("{\"a\":\"b\"}", "null"),
      usual.replace("{\"a\":\"b\"}", `{${"\"a\":\"b\",".repeat(8)}"a":"b"}`)
    ]
    for (const other of others) {
      assert.notStrictEqual(other, usual)
      assert.isUndefined(scanned(other), other)
    }
    for (let end = 0; end < usual.length; end++) {
      assert.isUndefined(scanned(usual.slice(0, end)))
    }
  })
})
