import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import * as ExtraInfo from "../../../src/protocol/header/ExtraInfo.ts"
import { isViolation } from "../../../src/protocol/header/HeaderCodec.ts"

const long = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }))
const mark = Schema.Literals(["0", "1", "2"])

describe("POP_CK", () => {
  const checkpoint: ExtraInfo.PopCheckpoint = {
    startOffset: 10,
    popTime: 1700000000123,
    invisibleTime: 60000,
    reviveQid: 3,
    retryMark: "0",
    brokerName: "broker-a",
    queueId: 7,
    queueOffset: 12
  }

  it("has its eight parts separated by blanks", () => {
    assert.strictEqual(ExtraInfo.encodeCheckpoint(checkpoint), "10 1700000000123 60000 3 0 broker-a 7 12")
    assert.deepStrictEqual(ExtraInfo.decodeCheckpoint("10 1700000000123 60000 3 0 broker-a 7 12"), checkpoint)
  })

  it.prop(
    "comes back as it was",
    [long, long, long, mark, Schema.NonEmptyString.check(Schema.isPattern(/^[^ ]+$/)), long],
    ([startOffset, popTime, queueOffset, retryMark, brokerName, queueId]) => {
      const value = { ...checkpoint, startOffset, popTime, queueOffset, retryMark, brokerName, queueId }
      assert.deepStrictEqual(ExtraInfo.decodeCheckpoint(ExtraInfo.encodeCheckpoint(value)), value)
    }
  )

  for (
    const text of [
      "",
      "10 1700000000123 60000 3 0 broker-a 7",
      "10 1700000000123 60000 3 0 broker-a 7 12 13",
      "x 1700000000123 60000 3 0 broker-a 7 12",
      "10 1700000000123 60000 3 3 broker-a 7 12",
      "10 1700000000123 60000 3 0 broker-a 7 ",
      "10 1700000000123 60000 3 0 broker-a  7 12",
      "10 9223372036854775807 60000 3 0 broker-a 7 12"
    ]
  ) {
    it(`is not ${JSON.stringify(text)}`, () => {
      assert.isUndefined(ExtraInfo.decodeCheckpoint(text))
    })
  }
})

describe("topics of popped messages", () => {
  it("have a mark", () => {
    assert.strictEqual(ExtraInfo.retryMark("orders"), "0")
    assert.strictEqual(ExtraInfo.retryMark("%RETRY%group_orders"), "1")
    assert.strictEqual(ExtraInfo.retryMark("%RETRY%group+orders"), "2")
    assert.strictEqual(ExtraInfo.retryMark("a+b"), "0")
  })

  it("are where acknowledgements go", () => {
    assert.strictEqual(ExtraInfo.realTopic("orders", "group", "0"), "orders")
    assert.strictEqual(ExtraInfo.realTopic("orders", "group", "1"), "%RETRY%group_orders")
    assert.strictEqual(ExtraInfo.realTopic("orders", "group", "2"), "%RETRY%group+orders")
  })

  it.prop("go by their marks", [mark, Schema.NonEmptyString], ([retryMark, group]) => {
    if (!group.includes("+")) {
      assert.strictEqual(ExtraInfo.retryMark(ExtraInfo.realTopic("orders", group, retryMark)), retryMark)
    }
  })
})

describe("infos of an answer to POP_MESSAGE", () => {
  it("are entries of three parts", () => {
    const offsets = new Map([["0@1", 10], ["2@3", 0]])
    assert.strictEqual(ExtraInfo.StartOffsetInfo.encode(offsets), "0 1 10;2 3 0")
    assert.deepStrictEqual(ExtraInfo.StartOffsetInfo.decode("0 1 10;2 3 0"), offsets)

    const messages = new Map([["0@1", [10, 11, 15]], ["1@0", [4]]])
    assert.strictEqual(ExtraInfo.MsgOffsetInfo.encode(messages), "0 1 10,11,15;1 0 4")
    assert.deepStrictEqual(ExtraInfo.MsgOffsetInfo.decode("0 1 10,11,15;1 0 4"), messages)

    const counts = new Map([["0@1", 2], ["0@qo1%15", 3]])
    assert.strictEqual(ExtraInfo.OrderCountInfo.encode(counts), "0 1 2;0 qo1%15 3")
    assert.deepStrictEqual(ExtraInfo.OrderCountInfo.decode("0 1 2;0 qo1%15 3"), counts)
  })

  it("name queues and messages by mark and number", () => {
    assert.strictEqual(ExtraInfo.queueKey("2", 3), "2@3")
    assert.strictEqual(ExtraInfo.messageKey("0", 1, 15), "0@qo1%15")
  })

  it("are empty when there is no text, and no text when they are empty", () => {
    assert.deepStrictEqual(ExtraInfo.StartOffsetInfo.decode(undefined), new Map())
    assert.deepStrictEqual(ExtraInfo.MsgOffsetInfo.decode(""), new Map())
    assert.isUndefined(ExtraInfo.OrderCountInfo.encode(new Map()))
  })

  for (const text of ["0 1", "0 1 x", "0 1 2 3", ";", "0 1 2;", "0 1 9007199254740992"]) {
    it(`are not ${JSON.stringify(text)}`, () => {
      const info = ExtraInfo.StartOffsetInfo.decode(text)
      assert.isTrue(isViolation(info))
      assert.deepInclude(info, { field: "startOffsetInfo" })
      assert.isTrue(isViolation(ExtraInfo.MsgOffsetInfo.decode(text)))
    })
  }

  it("name no queue twice", () => {
    assert.deepInclude(ExtraInfo.MsgOffsetInfo.decode("0 1 2;0 1 3"), {
      field: "msgOffsetInfo",
      detail: "names a queue twice"
    })
  })
})
