import { assert } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { Backend, bodyText } from "../Backend.ts"
import { specify, type Subject } from "../Case.ts"
import * as Client from "../Client.ts"

const topicOf = Effect.gen(function*() {
  const backend = yield* Backend
  const topic = backend.fresh("delays")
  yield* backend.createTopic(topic, { type: "DELAY" })
  return topic
})

/** Real brokers look at their timers once a second. */
const tolerance = 1_100

export const delays: Subject = {
  name: "delays",
  cases: [
    specify(
      "of level 1: consumers get the message a second later, not before",
      Effect.gen(function*() {
        const backend = yield* Backend
        const topic = yield* topicOf
        const producer = yield* Client.producer()
        const start = yield* Clock.currentTimeMillis
        const { recallHandle, status } = yield* producer.send({ topic, body: "later", delayLevel: 1, tags: "red" })
        assert.strictEqual(status, "SendOk")
        assert.isUndefined(recallHandle)
        assert.deepStrictEqual(yield* backend.read(topic), [])
        const [message] = yield* backend.readUntil(topic, 1)
        assert.strictEqual(bodyText(message), "later")
        assert.strictEqual(message.properties.DELAY, "1")
        assert.strictEqual(message.properties.TAGS, "red")
        assert.isAtLeast(message.storeTimestamp - start, 1_000)
      })
    ),
    specify(
      "of two seconds: consumers get the message then, not before",
      Effect.gen(function*() {
        const backend = yield* Backend
        const topic = yield* topicOf
        const producer = yield* Client.producer()
        const start = yield* Clock.currentTimeMillis
        const { recallHandle } = yield* producer.send({ topic, body: "later", delay: "2 seconds" })
        assert.isString(recallHandle)
        assert.deepStrictEqual(yield* backend.read(topic), [])
        const [message] = yield* backend.readUntil(topic, 1)
        assert.strictEqual(bodyText(message), "later")
        assert.isAtLeast(message.storeTimestamp - start, 2_000 - tolerance)
      }),
      "timer messages"
    ),
    specify(
      "until a time: consumers get the message then, not before",
      Effect.gen(function*() {
        const backend = yield* Backend
        const topic = yield* topicOf
        const producer = yield* Client.producer()
        const at = (yield* Clock.currentTimeMillis) + 2_000
        yield* producer.send({ topic, body: "later", deliverAt: at })
        assert.deepStrictEqual(yield* backend.read(topic), [])
        const [message] = yield* backend.readUntil(topic, 1)
        assert.strictEqual(bodyText(message), "later")
        assert.isAtLeast(message.storeTimestamp, at - tolerance)
      }),
      "timer messages"
    ),
    specify(
      "end when the message is recalled: consumers never get it",
      Effect.gen(function*() {
        const backend = yield* Backend
        const topic = yield* topicOf
        const producer = yield* Client.producer()
        const { messageId, recallHandle } = yield* producer.send({ topic, body: "recalled", delay: "4 seconds" })
        yield* producer.send({ topic, body: "not recalled", delay: "4 seconds" })
        assert.strictEqual(yield* producer.recall(topic, recallHandle!), messageId)
        yield* backend.readUntil(topic, 1)
        yield* backend.pass("2 seconds")
        assert.deepStrictEqual((yield* backend.read(topic)).map(bodyText), ["not recalled"])
      }),
      "recall"
    ),
    specify(
      "cannot be recalled with a handle that no broker gave",
      Effect.gen(function*() {
        const topic = yield* topicOf
        const producer = yield* Client.producer()
        const { outcome, reason } = yield* Effect.flip(producer.recall(topic, "bm9uc2Vuc2U"))
        assert.strictEqual(reason._tag, "InvalidMessage")
        assert.strictEqual(outcome, "NotSent")
      })
    )
  ]
}
