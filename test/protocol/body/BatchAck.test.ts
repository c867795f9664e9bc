import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { BatchAckMessageRequestBody, bitsOf, toBitSet } from "../../../src/protocol/body/BatchAck.ts"

describe("bit sets", () => {
  it("are as Java's BitSet.toByteArray has them", () => {
    assert.deepStrictEqual([...toBitSet([1, 9])], [2, 2])
    assert.deepStrictEqual([...toBitSet([0])], [1])
    assert.deepStrictEqual([...toBitSet([31])], [0, 0, 0, 128])
    assert.deepStrictEqual([...toBitSet([])], [])
  })

  it.prop(
    "give back their bits in order",
    [Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 2000 })))],
    ([bits]) => {
      assert.deepStrictEqual(bitsOf(toBitSet(bits)), [...new Set(bits)].sort((a, b) => a - b))
    }
  )
})

describe("BatchAckMessageRequestBody", () => {
  it("has short names, and its bits in base64", () => {
    const body = {
      brokerName: "b",
      acks: [{
        consumerGroup: "g",
        topic: "t",
        retryMark: "0" as const,
        startOffset: 100,
        queueId: 1,
        reviveQueueId: 2,
        popTime: 1700000000000,
        invisibleTime: 60000,
        bitSet: toBitSet([1, 9])
      }]
    }
    const json = Buffer.from(BatchAckMessageRequestBody.encode(body)).toString()
    assert.deepStrictEqual(JSON.parse(json), {
      brokerName: "b",
      acks: [{ c: "g", t: "t", r: "0", so: 100, q: 1, rq: 2, pt: 1700000000000, it: 60000, b: "AgI=" }]
    })
    assert.deepStrictEqual(BatchAckMessageRequestBody.decode(Buffer.from(json)), body)
  })
})
