import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Message from "../../../src/client/Message.ts"
import { Backend } from "../Backend.ts"
import { specify, type Subject } from "../Case.ts"
import * as Client from "../Client.ts"

const topicOf = (permission = 6) =>
  Effect.gen(function*() {
    const backend = yield* Backend
    const topic = backend.fresh("refusals")
    yield* backend.createTopic(topic, { permission })
    return topic
  })

/** A message that nothing is sent of; how the producer names what is wrong. */
const refused = (name: string, message: Omit<Message.Message, "topic">, field: string) =>
  specify(
    name,
    Effect.gen(function*() {
      const topic = yield* topicOf()
      const producer = yield* Client.producer()
      const { isRetryable, outcome, reason } = yield* Effect.flip(producer.send({ topic, ...message }))
      assert.strictEqual(reason._tag, "InvalidMessage")
      if (reason._tag === "InvalidMessage") {
        assert.strictEqual(reason.topic, topic)
        assert.strictEqual(reason.field, field)
      }
      assert.strictEqual(outcome, "NotSent")
      assert.isFalse(isRetryable)
    })
  )

const misnamed = (name: string, topic: string) =>
  specify(
    name,
    Effect.gen(function*() {
      const producer = yield* Client.producer()
      const { outcome, reason } = yield* Effect.flip(producer.send({ topic, body: "x" }))
      assert.strictEqual(reason._tag, "InvalidName")
      if (reason._tag === "InvalidName") {
        assert.strictEqual(reason.name, topic)
      }
      assert.strictEqual(outcome, "NotSent")
    })
  )

/** Batches that are none. */
const brokenBatch = (name: string, make: (topic: string) => ReadonlyArray<Message.Message>, field: string) =>
  specify(
    name,
    Effect.gen(function*() {
      const topic = yield* topicOf()
      const producer = yield* Client.producer()
      const { reason } = yield* Effect.flip(producer.sendBatch(make(topic)))
      assert.strictEqual(reason._tag, "InvalidMessage")
      if (reason._tag === "InvalidMessage") {
        assert.strictEqual(reason.field, field)
      }
    })
  )

const limit = 4 * 1024 * 1024

export const refusals: Subject = {
  name: "refusals, before anything is sent",
  cases: [
    misnamed("of a topic without a name", ""),
    misnamed("of a topic with a blank in its name", "two words"),
    misnamed("of a topic with a name of 128 characters", "x".repeat(128)),
    misnamed("of a topic that only brokers send to", "SCHEDULE_TOPIC_XXXX"),
    misnamed("of the topic of half messages", "RMQ_SYS_TRANS_HALF_TOPIC"),
    refused("of an empty body", { body: "" }, "body"),
    refused("of an empty array of bytes", { body: new Uint8Array(0) }, "body"),
    refused("of a reserved property", { body: "x", properties: { UNIQ_KEY: "mine" } }, "properties"),
    refused("of a property that has a field of its own", { body: "x", properties: { TAGS: "red" } }, "properties"),
    refused("of a property without a name", { body: "x", properties: { "": "value" } }, "properties"),
    refused("of a property without a value", { body: "x", properties: { name: "" } }, "properties"),
    refused("of a property that holds a separator", { body: "x", properties: { name: "a\u0002b" } }, "properties"),
    refused(
      "of properties of more than 32,767 bytes",
      { body: "x", properties: { name: "ü".repeat(16_400) } },
      "properties"
    ),
    refused("of a tag that holds a separator", { body: "x", tags: "a\u0001b" }, "tags"),
    refused("of a blank tag", { body: "x", tags: " " }, "tags"),
    refused("of a key with a blank in it", { body: "x", keys: ["two words"] }, "keys"),
    refused("of a flag of more than 32 bits", { body: "x", flag: 2 ** 31 }, "flag"),
    refused("of a negative priority", { body: "x", priority: -1 }, "priority"),
    refused("of a negative delay level", { body: "x", delayLevel: -1 }, "delayLevel"),
    refused("of no delay", { body: "x", delay: 0 }, "delay"),
    refused("of two delays", { body: "x", delay: "1 second", delayLevel: 1 }, "delay"),
    refused("of a blank sharding key", { body: "x", shardingKey: "" }, "shardingKey"),
    brokenBatch("of a batch without messages", () => [], "batch"),
    brokenBatch(
      "of a batch for two topics",
      (topic) => [{ topic, body: "x" }, { topic: `${topic}-2`, body: "x" }],
      "topic"
    ),
    brokenBatch(
      "of a batch with a delayed message",
      (topic) => [{ topic, body: "x" }, { topic, body: "x", delayLevel: 1 }],
      "delay"
    ),
    brokenBatch(
      "of a batch whose messages disagree on waiting",
      (topic) => [{ topic, body: "x" }, { topic, body: "x", waitStoreMsgOk: false }],
      "waitStoreMsgOk"
    ),
    specify(
      "of a body of more than 4 MiB, and no byte less",
      Effect.gen(function*() {
        const topic = yield* topicOf()
        const producer = yield* Client.producer({ compression: false })
        const { reason } = yield* Effect.flip(producer.send({ topic, body: new Uint8Array(limit + 1) }))
        assert.strictEqual(reason._tag, "MessageTooLarge")
        if (reason._tag === "MessageTooLarge") {
          assert.deepInclude(reason, { topic, size: limit + 1, limit })
        }
        const { status } = yield* producer.send({ topic, body: new Uint8Array(limit) }, { timeout: "20 seconds" })
        assert.strictEqual(status, "SendOk")
      })
    ),
    specify(
      "of a batch that is larger as a whole",
      Effect.gen(function*() {
        const topic = yield* topicOf()
        const producer = yield* Client.producer({ maxMessageSize: 10_000 })
        const body = new Uint8Array(4_000)
        const { reason } = yield* Effect.flip(producer.sendBatch([{ topic, body }, { topic, body }, { topic, body }]))
        assert.strictEqual(reason._tag, "MessageTooLarge")
      })
    ),
    specify(
      "of a group whose name is none",
      Effect.gen(function*() {
        const { reason } = yield* Effect.flip(Client.producer({ group: "two words" }))
        assert.strictEqual(reason._tag, "InvalidName")
      })
    ),
    specify(
      "of a queue that the topic does not have",
      Effect.gen(function*() {
        const backend = yield* Backend
        const topic = yield* topicOf()
        const [brokerName] = [...backend.brokers.keys()]
        const producer = yield* Client.producer()
        const { reason } = yield* Effect.flip(
          producer.send({ topic, body: "x" }, { queue: { topic, brokerName, queueId: 7 } })
        )
        assert.strictEqual(reason._tag, "NoQueue")
      })
    ),
    specify(
      "of a topic that may only be read",
      Effect.gen(function*() {
        const topic = yield* topicOf(4)
        const producer = yield* Client.producer()
        const { reason } = yield* Effect.flip(producer.send({ topic, body: "x" }))
        assert.strictEqual(reason._tag, "NoQueue")
        assert.include(reason.message, topic)
      })
    ),
    specify(
      "of a topic that does not exist, where none is created",
      Effect.gen(function*() {
        const backend = yield* Backend
        const topic = backend.fresh("nowhere")
        const producer = yield* Client.producer()
        const { reason } = yield* Effect.flip(producer.send({ topic, body: "x" }))
        assert.strictEqual(reason._tag, "TopicNotFound")
        if (reason._tag === "TopicNotFound") {
          assert.strictEqual(reason.topic, topic)
          assert.deepStrictEqual(reason.nameServers, backend.nameServers)
        }
      }),
      "proxy"
    )
  ]
}
