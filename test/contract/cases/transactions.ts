import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Message from "../../../src/client/Message.ts"
import type { TransactionDecision } from "../../../src/client/Producer.ts"
import { Backend, bodyText } from "../Backend.ts"
import { specify, type Subject } from "../Case.ts"
import * as Client from "../Client.ts"

const topicOf = Effect.gen(function*() {
  const backend = yield* Backend
  const topic = backend.fresh("transactions")
  yield* backend.createTopic(topic, { type: "TRANSACTION" })
  return topic
})

/** A group of its own: brokers ask any member of a group, also one of another case. */
const groupOf = Effect.map(Backend, (backend) => backend.fresh("transactional"))

/** A producer that decides so when it is asked, and what it was asked about. */
const deciding = (decision: TransactionDecision) =>
  Effect.gen(function*() {
    const group = yield* groupOf
    const asked: Array<Message.ReceivedMessage> = []
    const producer = yield* Client.producer({
      group,
      checkTransaction: (message) =>
        Effect.sync(() => {
          asked.push(message)
          return decision
        })
    })
    return { asked, group, producer }
  })

const unknown = Effect.succeed("Unknown" as const)

export const transactions: Subject = {
  name: "transactions",
  cases: [
    specify(
      "that commit: consumers get the message once the local transaction has ended, not before",
      Effect.gen(function*() {
        const backend = yield* Backend
        const topic = yield* topicOf
        const producer = yield* Client.producer({ group: yield* groupOf })
        const result = yield* producer.sendInTransaction(
          { topic, body: "ordered", tags: "red", keys: "key" },
          (half) =>
            Effect.map(backend.read(topic), (messages) => {
              assert.strictEqual(half.status, "SendOk")
              assert.deepStrictEqual(messages, [])
              return "Commit" as const
            })
        )
        assert.strictEqual(result.state, "Commit")
        assert.isTrue(result.acknowledged)
        const [message] = yield* backend.readUntil(topic, 1)
        assert.strictEqual(bodyText(message), "ordered")
        assert.strictEqual(message.sysFlag, 8)
        assert.deepInclude({ ...message.properties }, {
          KEYS: "key",
          PGROUP: producer.group,
          TAGS: "red",
          TRAN_MSG: "true",
          UNIQ_KEY: result.messageId
        })
        assert.strictEqual(result.transactionId, result.messageId)
      }),
      "ends of transactions"
    ),
    specify(
      "that roll back: consumers never get the message, and no broker asks",
      Effect.gen(function*() {
        const backend = yield* Backend
        const topic = yield* topicOf
        const { asked, producer } = yield* deciding("Commit")
        const result = yield* producer.sendInTransaction(
          { topic, body: "no" },
          () => Effect.succeed("Rollback" as const)
        )
        assert.strictEqual(result.state, "Rollback")
        assert.isTrue(result.acknowledged)
        yield* backend.pass("4 seconds")
        assert.deepStrictEqual(yield* backend.read(topic), [])
        assert.deepStrictEqual(asked, [])
      }),
      "ends of transactions"
    ),
    specify(
      "whose local transaction fails are rolled back, and the failure is the caller's",
      Effect.gen(function*() {
        const backend = yield* Backend
        const topic = yield* topicOf
        const { asked, producer } = yield* deciding("Commit")
        const failure = yield* Effect.flip(
          producer.sendInTransaction({ topic, body: "no" }, () => Effect.fail("out of stock" as const))
        )
        assert.strictEqual(failure, "out of stock")
        yield* backend.pass("4 seconds")
        assert.deepStrictEqual(yield* backend.read(topic), [])
        assert.deepStrictEqual(asked, [])
      }),
      "ends of transactions"
    ),
    specify(
      "that are undecided: the broker asks, with the message, and a commit is done",
      Effect.gen(function*() {
        const backend = yield* Backend
        const topic = yield* topicOf
        const { asked, producer } = yield* deciding("Commit")
        const result = yield* producer.sendInTransaction(
          { topic, body: "ordered", tags: "red", keys: ["a", "b"], properties: { n: "1" } },
          () => unknown
        )
        assert.strictEqual(result.state, "Unknown")
        assert.isFalse(result.acknowledged)
        const stored = yield* backend.readUntil(topic, 1, "20 seconds")
        assert.deepStrictEqual(stored.map(bodyText), ["ordered"])
        assert.isAtLeast(asked.length, 1)
        const [message] = asked
        assert.strictEqual(Message.text(message), "ordered")
        assert.strictEqual(message.topic, topic)
        assert.strictEqual(message.tags, "red")
        assert.deepStrictEqual([...message.keys], ["a", "b"])
        assert.strictEqual(message.properties.n, "1")
        assert.strictEqual(message.messageId, result.messageId)
        assert.strictEqual(message.transactionId, result.transactionId)
      })
    ),
    specify(
      "that are undecided: the broker asks, and a rollback is the end of it",
      Effect.gen(function*() {
        const backend = yield* Backend
        const topic = yield* topicOf
        const { asked, producer } = yield* deciding("Rollback")
        yield* producer.sendInTransaction({ topic, body: "no" }, () => unknown)
        assert.isTrue(yield* backend.eventually(Effect.sync(() => asked.length > 0), "20 seconds"))
        yield* backend.pass("4 seconds")
        assert.deepStrictEqual(yield* backend.read(topic), [])
      })
    ),
    specify(
      "that end through a proxy, which tells nobody: the broker asks",
      Effect.gen(function*() {
        const backend = yield* Backend
        const topic = yield* topicOf
        const { asked, producer } = yield* deciding("Commit")
        yield* producer.sendInTransaction({ topic, body: "ordered" }, () => Effect.succeed("Commit" as const))
        const stored = yield* backend.readUntil(topic, 1)
        assert.deepStrictEqual(stored.map(bodyText), ["ordered"])
        assert.isAtLeast(asked.length, 1)
      }),
      "proxy"
    ),
    specify(
      "that stay undecided: the broker asks again",
      Effect.gen(function*() {
        const backend = yield* Backend
        const topic = yield* topicOf
        const { asked, producer } = yield* deciding("Unknown")
        yield* producer.sendInTransaction({ topic, body: "who knows" }, () => unknown)
        assert.isTrue(yield* backend.eventually(Effect.sync(() => asked.length >= 2), "20 seconds"))
        assert.deepStrictEqual(yield* backend.read(topic), [])
      })
    ),
    specify(
      "whose check fails: the broker asks again",
      Effect.gen(function*() {
        const backend = yield* Backend
        const topic = yield* topicOf
        let asked = 0
        const producer = yield* Client.producer({
          group: yield* groupOf,
          checkTransaction: () =>
            Effect.suspend(() => {
              asked++
              return asked === 1 ? Effect.fail("the database is down") : Effect.succeed("Commit" as const)
            })
        })
        yield* producer.sendInTransaction({ topic, body: "in the end" }, () => unknown)
        const stored = yield* backend.readUntil(topic, 1, "20 seconds")
        assert.deepStrictEqual(stored.map(bodyText), ["in the end"])
        assert.isAtLeast(asked, 2)
      })
    ),
    specify(
      "whose producer is gone: another one of its group is asked",
      Effect.gen(function*() {
        const backend = yield* Backend
        const topic = yield* topicOf
        const { asked, group, producer } = yield* deciding("Commit")
        // Known to the broker from its first message on.
        const other = backend.fresh("transactions")
        yield* backend.createTopic(other)
        yield* producer.send({ topic: other, body: "here I am" })
        yield* Effect.scoped(Effect.gen(function*() {
          const leaving = yield* Client.producer({ group })
          yield* leaving.sendInTransaction({ topic, body: "ordered" }, () => unknown)
        }))
        const stored = yield* backend.readUntil(topic, 1, "20 seconds")
        assert.deepStrictEqual(stored.map(bodyText), ["ordered"])
        assert.isAtLeast(asked.length, 1)
      })
    ),
    specify(
      "cannot be delayed",
      Effect.gen(function*() {
        const topic = yield* topicOf
        const producer = yield* Client.producer({ group: yield* groupOf })
        const failure = yield* Effect.flip(
          producer.sendInTransaction({ topic, body: "later", delayLevel: 1 }, () => Effect.succeed("Commit" as const))
        )
        assert.strictEqual(failure.reason._tag, "InvalidMessage")
      })
    )
  ]
}
