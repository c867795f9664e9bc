import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Message from "../../../src/client/Message.ts"
import { Backend } from "../Backend.ts"
import { specify, type Subject } from "../Case.ts"
import * as Client from "../Client.ts"

const topicOf = Effect.gen(function*() {
  const backend = yield* Backend
  const topic = backend.fresh("requests")
  yield* backend.createTopic(topic)
  return topic
})

/** What a consumer of the topic would be handed, once there are so many. */
const receive = (topic: string, count: number) =>
  Effect.gen(function*() {
    const backend = yield* Backend
    const [brokerName] = [...backend.brokers.keys()]
    return (yield* backend.readUntil(topic, count)).map((stored) => {
      const received = Message.fromStored(stored, { brokerName })
      return "body" in received ? received : assert.fail(received.detail)
    })
  })

export const requests: Subject = {
  name: "requests",
  cases: [
    specify(
      "are answered by whoever gets the message",
      Effect.gen(function*() {
        const topic = yield* topicOf
        const asking = yield* Client.producer({ group: "contract-asking" })
        const answering = yield* Client.producer({ group: "contract-answering" }, { instanceName: "answering" })
        const request = yield* Effect.forkChild(asking.request({ topic, body: "how many?" }, { timeout: "20 seconds" }))
        const [question] = yield* receive(topic, 1)
        assert.strictEqual(Message.text(question), "how many?")
        assert.strictEqual(question.properties.REPLY_TO_CLIENT, asking.clientId)
        assert.strictEqual(question.properties.TTL, "20000")
        const replied = yield* answering.reply(question, "42", { tags: "red", properties: { unit: "pieces" } })
        assert.strictEqual(replied.status, "SendOk")
        const reply = yield* Fiber.join(request)
        assert.strictEqual(Message.text(reply), "42")
        assert.strictEqual(reply.tags, "red")
        assert.strictEqual(reply.properties.unit, "pieces")
        assert.strictEqual(reply.properties.CORRELATION_ID, question.properties.CORRELATION_ID)
      }),
      "request and reply"
    ),
    specify(
      "at once get their own replies each, compressed ones too",
      Effect.gen(function*() {
        const topic = yield* topicOf
        const asking = yield* Client.producer({ group: "contract-asking" })
        const answering = yield* Client.producer({ group: "contract-answering" }, { instanceName: "answering" })
        const bodies = ["one", "two", "three"]
        const fibers = yield* Effect.forEach(
          bodies,
          (body) => Effect.forkChild(asking.request({ topic, body }, { timeout: "20 seconds" }))
        )
        const questions = yield* receive(topic, bodies.length)
        yield* Effect.forEach(
          [...questions].reverse(),
          (question) => answering.reply(question, `re: ${Message.text(question)} `.repeat(2_000))
        )
        const replies = yield* Effect.forEach(fibers, (fiber) => Fiber.join(fiber))
        assert.deepStrictEqual(replies.map(Message.text), bodies.map((body) => `re: ${body} `.repeat(2_000)))
      }),
      "request and reply"
    ),
    specify(
      "that nobody answers in time fail with RequestTimeout",
      Effect.gen(function*() {
        const backend = yield* Backend
        const topic = yield* topicOf
        const asking = yield* Client.producer({ group: "contract-asking" })
        const request = yield* Effect.forkChild(
          Effect.flip(asking.request({ topic, body: "anybody?" }, { timeout: "1 second" }))
        )
        yield* backend.eventually(Effect.sync(() => request.pollUnsafe() !== undefined), "5 seconds")
        const { outcome, reason } = yield* Fiber.join(request)
        assert.strictEqual(reason._tag, "RequestTimeout")
        if (reason._tag === "RequestTimeout") {
          assert.strictEqual(reason.topic, topic)
          assert.strictEqual(reason.timeoutMillis, 1_000)
        }
        assert.strictEqual(outcome, "Unknown")
      }),
      "request and reply"
    ),
    specify(
      "whose client is gone cannot be replied to, and the broker says so",
      Effect.gen(function*() {
        const backend = yield* Backend
        const topic = yield* topicOf
        yield* Effect.scoped(Effect.gen(function*() {
          const asking = yield* Client.producer({ group: "contract-asking" }, { instanceName: "leaving" })
          const request = yield* Effect.forkChild(
            Effect.exit(asking.request({ topic, body: "bye" }, { timeout: "1 second" }))
          )
          yield* backend.eventually(Effect.sync(() => request.pollUnsafe() !== undefined), "5 seconds")
        }))
        const answering = yield* Client.producer({ group: "contract-answering", retries: 0 }, {
          instanceName: "answering"
        })
        const [question] = yield* receive(topic, 1)
        const { reason } = yield* Effect.flip(answering.reply(question, "too late"))
        assert.include(reason.message, "not found")
      }),
      "request and reply"
    ),
    specify(
      "are what is replied to, nothing else",
      Effect.gen(function*() {
        const topic = yield* topicOf
        const producer = yield* Client.producer()
        yield* producer.send({ topic, body: "no question" })
        const [message] = yield* receive(topic, 1)
        const { reason } = yield* Effect.flip(producer.reply(message, "no answer"))
        assert.strictEqual(reason._tag, "InvalidMessage")
      })
    ),
    specify(
      "fail with NotSupported where a proxy stands between",
      Effect.gen(function*() {
        const topic = yield* topicOf
        const producer = yield* Client.producer()
        const { reason } = yield* Effect.flip(producer.request({ topic, body: "how many?" }, { timeout: "2 seconds" }))
        assert.strictEqual(reason._tag, "NotSupported")
      }),
      "proxy"
    )
  ]
}
