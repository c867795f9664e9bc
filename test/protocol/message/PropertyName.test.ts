import { assert, describe, it } from "@effect/vitest"
import { isReserved, PropertyName } from "../../../src/protocol/message/PropertyName.ts"

describe("names of properties", () => {
  it("are reserved for the system, but for those that users may set", () => {
    const free = Object.values(PropertyName).filter((name) => !isReserved(name))
    assert.sameMembers(free, [
      "INNER_NUM",
      "INNER_BASE",
      "TRANS_OFFSET",
      "CHECK_IMMUNITY_TIME_IN_SECONDS",
      "__transactionId__",
      "TRANSACTION_CHECK_TIMES",
      "__SHARDINGKEY",
      "PROPERTY_FORWARD_QUEUE_ID",
      "REDIRECT",
      "INNER_MULTI_DISPATCH",
      "TRACE_CONTEXT",
      "TIMER_ROLL_LABEL",
      "__RMQ.TRANSIENT.TOPIC_SYS_FLAG",
      "__RMQ.TRANSIENT.GROUP_SYS_FLAG"
    ])
  })

  it("that nobody knows are free", () => {
    assert.isFalse(isReserved("constructor"))
    assert.isFalse(isReserved("mine"))
  })
})
