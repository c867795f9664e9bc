import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import * as SendAnswer from "../../../src/protocol/header/SendAnswer.ts"
import { encoded, frameOf, parseOne } from "../frames.ts"

const text = Schema.Union([
  Schema.Literals(["", "0", "7", "-1", "+3", "12345", "00012", "1.5", "1e3", "x", "true", "false", "DefaultRegion"]),
  Schema.Literals(["9007199254740991", "9007199254740992", "999999999999999", "9999999999999999", "-9007199254740993"]),
  Schema.Literals(["7F00000100003DBE00000000000DE600", "DefaultRegiom", "größe", "\u0001", "\"", "\\"]),
  Schema.String
])

const key = Schema.Union([
  Schema.Literals(["msgId", "queueId", "queueOffset", "transactionId", "recallHandle", "MSG_REGION", "TRACE_ON"]),
  // As long as one of those.
  Schema.Literals(["msgIe", "queueIf", "queueOffsez", "transactionIe", "recallHandlf", "MSG_REGIOO", "TRACE_OM"]),
  Schema.Literals(["", "batchUniqId", "a", "__proto__"])
])

const fields = Schema.Array(Schema.Tuple([key, text]))

const recordOf = (entries: ReadonlyArray<readonly [string, string]>): Record<string, string> => {
  const record: Record<string, string> = Object.create(null)
  for (const [name, value] of entries) {
    record[name] = value
  }
  return record
}

const expected = (extFields: Readonly<Record<string, string | undefined>>) => {
  const number = (value: string | undefined) =>
    value !== undefined && /^[+-]?\d+$/.test(value) && Number.isSafeInteger(Number(value)) ? Number(value) : Number.NaN
  return {
    msgId: extFields.msgId,
    queueId: number(extFields.queueId),
    queueOffset: number(extFields.queueOffset),
    transactionId: extFields.transactionId,
    recallHandle: extFields.recallHandle,
    regionId: extFields.MSG_REGION,
    traceOn: extFields.TRACE_ON !== "false"
  }
}

describe("SendAnswer.read", () => {
  for (const serialization of ["JSON", "ROCKETMQ"] as const) {
    it.prop(`says what the ext fields say (${serialization})`, [fields], ([entries]) => {
      const frame = encoded({ flag: 1, code: 11, extFields: recordOf(entries), serialization })
      const answer = SendAnswer.read(parseOne(frame))
      assert.deepStrictEqual({ ...answer }, expected(parseOne(frame).extFields))
    }, { arbitrary: { runs: 500 } })
  }

  it.prop("says the same of any layout of JSON", [fields], ([entries]) => {
    const frame = encoded({ flag: 1, extFields: recordOf(entries) })
    const spaced = frameOf(0, ` ${frame.toString("utf8", 8)}`)
    assert.deepStrictEqual({ ...SendAnswer.read(parseOne(spaced)) }, { ...SendAnswer.read(parseOne(frame)) })
  }, { arbitrary: { runs: 200 } })

  it("says the same after somebody has looked at the ext fields", () => {
    const command = parseOne(encoded({ flag: 1, extFields: { queueId: "3", queueOffset: "12", msgId: "ID" } }))
    assert.strictEqual(command.extFields.queueId, "3")
    assert.deepStrictEqual({ ...SendAnswer.read(command) }, expected(command.extFields))
  })

  it("finds nothing where there are no ext fields", () => {
    const header = `{"code":0,"flag":1,"language":"JAVA","opaque":1,"serializeTypeCurrentRPC":"JSON","version":513}`
    assert.deepStrictEqual({ ...SendAnswer.read(parseOne(frameOf(0, header))) }, expected({}))
    assert.deepStrictEqual({ ...SendAnswer.read(parseOne(encoded({ flag: 1, extFields: {} }))) }, expected({}))
  })
})
