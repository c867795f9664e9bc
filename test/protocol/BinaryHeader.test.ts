import { assert, describe, it } from "@effect/vitest"
import type { ViolationKind } from "../../src/protocol/ProtocolViolation.ts"
import { defaultFrameLimits } from "../../src/protocol/RemotingCodec.ts"
import { binaryEntry, binaryHeader, contents, encoded, frameOf, parse, parseOne } from "./frames.ts"

const noFields = Buffer.alloc(0)

/** Where the ext fields begin in a frame whose header has no remark. */
const fieldsAt = 8 + 21

describe("a ROCKETMQ header", () => {
  it("is decoded", () => {
    const header = binaryHeader(
      "Sample Remark",
      Buffer.concat([binaryEntry("key", "value"), binaryEntry("ключ", "值")])
    )
    assert.deepStrictEqual(contents(parseOne(frameOf(1, header, Buffer.from("body")))), {
      code: 103,
      flag: 0,
      opaque: 7,
      serialization: "ROCKETMQ",
      language: 0,
      languageName: "JAVA",
      version: 2333,
      remark: "Sample Remark",
      extFields: [["key", "value"], ["ключ", "值"]],
      body: Buffer.from("body").toString("hex")
    })
  })

  it("has signed numbers", () => {
    const header = binaryHeader("", noFields)
    header.set(Buffer.from("ffff0dffffffffffffffffffff", "hex"))
    header[2] = 13
    assert.deepInclude(contents(parseOne(frameOf(1, header))), {
      code: -1,
      languageName: "NODE_JS",
      version: -1,
      opaque: -1,
      flag: -1
    })
  })

  it("may have a language that we do not know", () => {
    const header = binaryHeader("", noFields)
    header[2] = 200
    const command = parseOne(frameOf(1, header))
    assert.isUndefined(command.language)
    assert.isUndefined(command.languageName)
  })

  it("has no remark when it is empty", () => {
    assert.isUndefined(parseOne(frameOf(1, binaryHeader("", noFields))).remark)
  })

  it("leaves out an ext field with an empty key or value", () => {
    const fields = Buffer.concat([binaryEntry("a", ""), binaryEntry("", "x"), binaryEntry("b", "1")])
    assert.deepStrictEqual(contents(parseOne(frameOf(1, binaryHeader("", fields)))).extFields, [["b", "1"]])
  })

  it("counts the last of two equal keys", () => {
    const fields = Buffer.concat([
      binaryEntry("a", "1"),
      binaryEntry("b", "1"),
      binaryEntry("a", "2"),
      binaryEntry("b", "")
    ])
    assert.deepStrictEqual(contents(parseOne(frameOf(1, binaryHeader("", fields)))).extFields, [["a", "2"]])
  })

  it("has plain keys whatever they are called", () => {
    const names = ["__proto__", "constructor", "toString"]
    const fields = Buffer.concat(names.map((name) => binaryEntry(name, `${name}!`)))
    const { extFields } = parseOne(frameOf(1, binaryHeader("", fields)))
    assert.deepStrictEqual(Object.entries(extFields), names.map((name) => [name, `${name}!`]))
    assert.isNull(Object.getPrototypeOf(extFields))
  })

  it("may have a key of 32,767 bytes", () => {
    const key = "k".repeat(32767)
    assert.strictEqual(parseOne(frameOf(1, binaryHeader("", binaryEntry(key, "v")))).extFields[key], "v")
  })

  it("may have as many ext fields as the limit, and no more", () => {
    const limits = { ...defaultFrameLimits, maxExtFields: 3 }
    const fields = (count: number) => Buffer.concat(Array.from({ length: count }, (_, i) => binaryEntry(`${i}`, "v")))
    assert.strictEqual(
      Object.keys(parse([frameOf(1, binaryHeader("", fields(3)))], limits).commands[0].extFields).length,
      3
    )
    assert.deepInclude(parse([frameOf(1, binaryHeader("", fields(4)))], limits).violation, {
      kind: "TooManyExtFields",
      offset: fieldsAt + 3 * 8
    })
  })

  describe("is refused, with the byte where it is wrong, when", () => {
    const field = binaryEntry("key", "value")
    const after = fieldsAt + field.length
    const cases: ReadonlyArray<readonly [string, Buffer, ViolationKind, number]> = [
      ["it is empty", Buffer.alloc(0), "InvalidBinary", 8],
      ["it has 20 bytes", binaryHeader("", noFields).subarray(0, 20), "InvalidBinary", 8],
      ["its remark has a negative length", binaryHeader("", noFields, -1), "InvalidBinary", 21],
      ["its remark has the smallest length", binaryHeader("", noFields, -(2 ** 31)), "InvalidBinary", 21],
      ["its remark has the largest length", binaryHeader("", noFields, 2 ** 31 - 1), "InvalidBinary", 21],
      ["its remark leaves no room for the ext fields' length", binaryHeader("ab", noFields, 3), "InvalidBinary", 21],
      ["its remark is not UTF-8", binaryHeader(Buffer.from("61c328", "hex"), noFields), "InvalidUtf8", 26],
      ["its ext fields have a negative length", binaryHeader("", noFields, 0, -1), "InvalidBinary", 25],
      ["its ext fields reach past it", binaryHeader("", field, 0, field.length + 1), "InvalidBinary", 25],
      ["bytes are left over", binaryHeader("", Buffer.concat([field, field]), 0, field.length), "InvalidBinary", after],
      ["it ends in a key's length", binaryHeader("", Buffer.concat([field, Buffer.of(0)])), "InvalidBinary", after],
      ["a key has a negative length", binaryHeader("", binaryEntry("key", "v", -1)), "InvalidBinary", fieldsAt],
      [
        "a key has a length of 32,768",
        binaryHeader("", binaryEntry("k".repeat(32768), "v", -32768)),
        "InvalidBinary",
        fieldsAt
      ],
      ["a key reaches past it", binaryHeader("", binaryEntry("key", "", 8)), "InvalidBinary", fieldsAt],
      ["it ends in a value's length", binaryHeader("", binaryEntry("key", "", 4)), "InvalidBinary", fieldsAt + 6],
      [
        "a value has a negative length",
        binaryHeader("", binaryEntry("key", "v", 3, -1)),
        "InvalidBinary",
        fieldsAt + 5
      ],
      ["a value reaches past it", binaryHeader("", binaryEntry("key", "v", 3, 2)), "InvalidBinary", fieldsAt + 5],
      [
        "a key is not UTF-8",
        binaryHeader("", binaryEntry(Buffer.from("6bff", "hex"), "v")),
        "InvalidUtf8",
        fieldsAt + 3
      ],
      [
        "a value is not UTF-8",
        binaryHeader("", binaryEntry("k", Buffer.from("eda080", "hex"))),
        "InvalidUtf8",
        fieldsAt + 7
      ]
    ]
    for (const [name, header, kind, offset] of cases) {
      it(`${name}: ${kind}`, () => {
        const body = Buffer.alloc(64, 0x61)
        const { commands, violation } = parse([Buffer.concat([encoded({}), frameOf(1, header, body)])])
        assert.strictEqual(commands.length, 1)
        assert.deepInclude(violation, { kind, offset })
        assert.isNotEmpty(violation?.message)
      })
    }
  })
})
