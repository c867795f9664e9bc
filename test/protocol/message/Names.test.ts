import { assert, describe, it } from "@effect/vitest"
import * as Names from "../../../src/protocol/message/Names.ts"

describe("validateTopic", () => {
  it("takes what Java takes", () => {
    for (const topic of ["t", "%RETRY%group_topic", "a|b-c_d%E0", "TBW102", "x".repeat(127)]) {
      assert.isUndefined(Names.validateTopic(topic))
    }
  })

  it("refuses the empty, the long, and other characters", () => {
    for (const topic of ["", " ", "a b", "a.b", "a+b", "é", "a\n", "x".repeat(128)]) {
      assert.isDefined(Names.validateTopic(topic), topic)
    }
  })

  it("lets retry and dead letter topics be longer", () => {
    for (const prefix of ["%RETRY%", "%DLQ%"]) {
      assert.isUndefined(Names.validateTopic(prefix.padEnd(255, "x")))
      assert.isDefined(Names.validateTopic(prefix.padEnd(256, "x")))
    }
  })
})

describe("validateGroup", () => {
  it("leaves room for the names of retry topics", () => {
    assert.isUndefined(Names.validateGroup("g".repeat(120)))
    assert.isDefined(Names.validateGroup("g".repeat(121)))
    assert.isUndefined(Names.validateTopic(Names.retryTopic("g".repeat(120))))
  })

  it("refuses the empty and other characters", () => {
    assert.isDefined(Names.validateGroup(""))
    assert.isDefined(Names.validateGroup("a:b"))
  })
})

describe("names of the system", () => {
  it("are known by the whole name or by its beginning", () => {
    assert.isTrue(Names.isSystemTopic("TBW102"))
    assert.isTrue(Names.isSystemTopic("rmq_sys_REVIVE_LOG_cluster"))
    assert.isFalse(Names.isSystemTopic("RMQ_SYS_of_mine"))
    assert.isTrue(Names.isSystemGroup("CID_RMQ_SYS_TRANS"))
    assert.isFalse(Names.isSystemGroup("CID"))
  })

  it("are not to be sent to, but for some", () => {
    assert.isTrue(Names.isSendForbidden("SCHEDULE_TOPIC_XXXX"))
    assert.isTrue(Names.isSendForbidden("RMQ_SYS_TRANS_HALF_TOPIC"))
    assert.isFalse(Names.isSendForbidden("RMQ_SYS_TRACE_TOPIC"))
    assert.isFalse(Names.isSendForbidden("TBW102"))
  })
})

describe("names of a group's topics", () => {
  it("begin with what they are for", () => {
    assert.strictEqual(Names.retryTopic("g"), "%RETRY%g")
    assert.strictEqual(Names.dlqTopic("g"), "%DLQ%g")
    assert.strictEqual(Names.replyTopic("c"), "c_REPLY_TOPIC")
    assert.isTrue(Names.isRetryTopic("%RETRY%g"))
    assert.isFalse(Names.isRetryTopic("g%RETRY%"))
    assert.isTrue(Names.isDlqTopic("%DLQ%g"))
    assert.isTrue(Names.isLmq("%LMQ%q"))
  })

  it("lead back to the topic that is popped", () => {
    assert.strictEqual(Names.normalTopic(Names.popRetryTopicV1("t_1", "g"), "g"), "t_1")
    assert.strictEqual(Names.normalTopic(Names.popRetryTopicV2("t_1", "g"), "g"), "t_1")
    assert.strictEqual(Names.normalTopic("t", "g"), "t")
    assert.strictEqual(Names.normalTopic("%RETRY%other_t", "g"), "%RETRY%other_t")
  })

  it("lead back to the group", () => {
    assert.strictEqual(Names.parseGroup("%RETRY%g"), "g")
    assert.strictEqual(Names.parseGroup(Names.popRetryTopicV2("t", "g_1")), "g_1")
    assert.isUndefined(Names.parseGroup("t"))
  })
})
