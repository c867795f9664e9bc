import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Tracer from "effect/Tracer"
import * as MessageId from "../../../src/protocol/message/MessageId.ts"
import { Backend, bodyText } from "../Backend.ts"
import { specify, type Subject } from "../Case.ts"
import * as Client from "../Client.ts"

/** A topic of its own. */
const topicOf = (queues = 1, type?: string) =>
  Effect.gen(function*() {
    const backend = yield* Backend
    const topic = backend.fresh("sends")
    yield* backend.createTopic(topic, { queues, ...(type === undefined ? {} : { type }) })
    return topic
  })

/** Spans that go somewhere: those of the native tracer are not asked for their context. */
const tracer = Tracer.make({
  span: (options) => ({
    ...Tracer.nativeTracer.span(options),
    _tag: "Span",
    name: options.name,
    spanId: "00f067aa0ba902b7",
    traceId: "4bf92f3577b34da6a3ce929d0e0e4736",
    parent: options.parent,
    annotations: options.annotations,
    status: { _tag: "Started", startTime: options.startTime },
    attributes: new Map(),
    links: options.links,
    sampled: true,
    kind: options.kind,
    end: () => {},
    attribute: () => {},
    event: () => {},
    addLinks: () => {}
  })
})

export const sends: Subject = {
  name: "sends",
  cases: [
    specify(
      "are stored as they were sent: body, flag, tags, keys and properties",
      Effect.gen(function*() {
        const backend = yield* Backend
        const topic = yield* topicOf()
        const producer = yield* Client.producer()
        yield* producer.send({
          topic,
          body: "größer als 日本 😀",
          tags: "red",
          keys: ["key-1", "key-2"],
          flag: -7,
          properties: { größe: "größer als 日本 😀", "a b": "c=d" }
        })
        const [message] = yield* backend.readUntil(topic, 1)
        assert.strictEqual(bodyText(message), "größer als 日本 😀")
        assert.strictEqual(message.topic, topic)
        assert.strictEqual(message.flag, -7)
        assert.strictEqual(message.sysFlag, 0)
        assert.strictEqual(message.reconsumeTimes, 0)
        assert.deepInclude({ ...message.properties }, {
          KEYS: "key-1 key-2",
          TAGS: "red",
          größe: "größer als 日本 😀",
          "a b": "c=d"
        })
        assert.match(message.properties.UNIQ_KEY, /^[0-9A-F]{32}([0-9A-F]{24})?$/)
      })
    ),
    specify(
      "take bytes as they are",
      Effect.gen(function*() {
        const backend = yield* Backend
        const topic = yield* topicOf()
        const producer = yield* Client.producer()
        const body = Uint8Array.from({ length: 256 }, (_, index) => index)
        yield* producer.send({ topic, body })
        const [message] = yield* backend.readUntil(topic, 1)
        assert.deepStrictEqual([...message.body], [...body])
      })
    ),
    specify(
      "are answered with the status, the ids, the queue and the offset",
      Effect.gen(function*() {
        const backend = yield* Backend
        const topic = yield* topicOf()
        const [brokerName] = [...backend.brokers.keys()]
        const producer = yield* Client.producer()
        const first = yield* producer.send({ topic, body: "first" })
        const second = yield* producer.send({ topic, body: "second" })
        const stored = yield* backend.readUntil(topic, 2)
        for (const [index, result] of [first, second].entries()) {
          assert.strictEqual(result.status, "SendOk")
          assert.deepStrictEqual(result.queue, { topic, brokerName, queueId: 0 })
          assert.strictEqual(result.queueOffset, index)
          assert.strictEqual(result.messageId, stored[index].properties.UNIQ_KEY)
          assert.strictEqual(
            result.offsetId,
            MessageId.createOffsetId(stored[index].storeHost, stored[index].physicalOffset)
          )
          assert.strictEqual(result.attempts, 1)
          assert.isUndefined(result.recallHandle)
        }
      })
    ),
    specify(
      "are answered with the broker's region, and whether it wants traces",
      Effect.gen(function*() {
        const topic = yield* topicOf()
        const producer = yield* Client.producer()
        const { regionId, traceOn } = yield* producer.send({ topic, body: "x" })
        assert.deepStrictEqual({ regionId, traceOn }, { regionId: "DefaultRegion", traceOn: true })
      }),
      "brokers"
    ),
    specify(
      "have ids of their own, each time",
      Effect.gen(function*() {
        const topic = yield* topicOf(4)
        const producer = yield* Client.producer()
        const message = { topic, body: "again" }
        const results = yield* Effect.all(Array.from({ length: 50 }, () => producer.send(message)), {
          concurrency: "unbounded"
        })
        assert.strictEqual(new Set(results.map(({ messageId }) => messageId)).size, 50)
        assert.strictEqual(new Set(results.map(({ offsetId }) => offsetId)).size, 50)
      })
    ),
    specify(
      "at once are all stored, once each",
      Effect.gen(function*() {
        const backend = yield* Backend
        const topic = yield* topicOf(4)
        const producer = yield* Client.producer()
        const bodies = Array.from({ length: 200 }, (_, index) => `${index}`)
        yield* Effect.forEach(bodies, (body) => producer.send({ topic, body }), { concurrency: "unbounded" })
        const stored = yield* backend.readUntil(topic, bodies.length)
        assert.deepStrictEqual(stored.map(bodyText).sort(), [...bodies].sort())
      })
    ),
    specify(
      "go to all queues in turn",
      Effect.gen(function*() {
        const backend = yield* Backend
        const topic = yield* topicOf(4)
        const producer = yield* Client.producer()
        const queues = yield* producer.queues(topic)
        const used: Record<string, number> = {}
        for (let index = 0; index < 2 * queues.length; index++) {
          const { queue } = yield* producer.send({ topic, body: `${index}` })
          used[`${queue.brokerName} ${queue.queueId}`] = (used[`${queue.brokerName} ${queue.queueId}`] ?? 0) + 1
        }
        assert.strictEqual(queues.length, 4 * backend.brokers.size)
        assert.deepStrictEqual(Object.values(used), queues.map(() => 2))
      })
    ),
    specify(
      "go to the queue that is asked for",
      Effect.gen(function*() {
        const backend = yield* Backend
        const topic = yield* topicOf(4)
        const producer = yield* Client.producer()
        const queue = (yield* producer.queues(topic))[2]
        const result = yield* producer.send({ topic, body: "here" }, { queue })
        assert.deepStrictEqual(result.queue, queue)
        const [message] = yield* backend.readUntil(topic, 1)
        assert.strictEqual(message.queueId, queue.queueId)
      })
    ),
    specify(
      "go to the queue that a selector chooses",
      Effect.gen(function*() {
        const backend = yield* Backend
        const topic = yield* topicOf(4)
        const producer = yield* Client.producer()
        yield* producer.send({ topic, body: "3" }, {
          selector: (queues, message) => queues.find(({ queueId }) => queueId === Number(message.body))
        })
        const [message] = yield* backend.readUntil(topic, 1)
        assert.strictEqual(message.queueId, 3)
      })
    ),
    specify(
      "with one sharding key go to one queue, in order",
      Effect.gen(function*() {
        const backend = yield* Backend
        const topic = yield* topicOf(4, "FIFO")
        const producer = yield* Client.producer()
        const keys = ["alice", "bob", "carol"]
        for (let index = 0; index < 5; index++) {
          for (const shardingKey of keys) {
            yield* producer.send({ topic, body: `${index}`, shardingKey })
          }
        }
        const stored = yield* backend.readUntil(topic, 15)
        for (const shardingKey of keys) {
          const those = stored.filter(({ properties }) => properties.__SHARDINGKEY === shardingKey)
          assert.strictEqual(new Set(those.map(({ queueId, storeHost }) => `${storeHost} ${queueId}`)).size, 1)
          assert.deepStrictEqual(those.map(bodyText), ["0", "1", "2", "3", "4"])
        }
      })
    ),
    specify(
      "without waiting for an answer are stored",
      Effect.gen(function*() {
        const backend = yield* Backend
        const topic = yield* topicOf()
        const producer = yield* Client.producer()
        yield* producer.sendOneway({ topic, body: "oneway", tags: "red" })
        const stored = yield* backend.readUntil(topic, 1)
        assert.deepStrictEqual(stored.map(bodyText), ["oneway"])
        assert.strictEqual(stored[0].properties.TAGS, "red")
      })
    ),
    specify(
      "that need not wait until the broker has stored them safely are stored",
      Effect.gen(function*() {
        const backend = yield* Backend
        const topic = yield* topicOf()
        const producer = yield* Client.producer()
        const { status } = yield* producer.send({ topic, body: "hasty", waitStoreMsgOk: false })
        assert.strictEqual(status, "SendOk")
        assert.strictEqual((yield* backend.readUntil(topic, 1)).length, 1)
      })
    ),
    specify(
      "carry their priority",
      Effect.gen(function*() {
        const backend = yield* Backend
        const topic = yield* topicOf(1, "PRIORITY")
        const producer = yield* Client.producer()
        yield* producer.send({ topic, body: "urgent", priority: 3 })
        const [message] = yield* backend.readUntil(topic, 1)
        assert.strictEqual(message.properties._SYS_MSG_PRIORITY_, "3")
      })
    ),
    specify(
      "carry the context of their span",
      Effect.gen(function*() {
        const backend = yield* Backend
        const topic = yield* topicOf()
        const producer = yield* Client.producer()
        yield* producer.send({ topic, body: "traced" }).pipe(
          Effect.withSpan("app"),
          Effect.withTracer(tracer)
        )
        const [message] = yield* backend.readUntil(topic, 1)
        assert.strictEqual(
          message.properties.traceparent,
          "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
        )
      })
    ),
    specify(
      "to a topic that does not exist create it",
      Effect.gen(function*() {
        const backend = yield* Backend
        const topic = backend.fresh("created")
        const producer = yield* Client.producer()
        const { status } = yield* producer.send({ topic, body: "first" })
        assert.strictEqual(status, "SendOk")
        assert.strictEqual((yield* backend.readUntil(topic, 1)).length, 1)
        assert.strictEqual((yield* producer.send({ topic, body: "second" })).attempts, 1)
      }),
      "auto-create"
    ),
    specify(
      "reach the topic of their namespace, and are answered with names without it",
      Effect.gen(function*() {
        const backend = yield* Backend
        const topic = backend.fresh("sends")
        yield* backend.createTopic(`tenant%${topic}`)
        const producer = yield* Client.producer({}, { namespace: "tenant" })
        const result = yield* producer.send({ topic, body: "mine" })
        assert.strictEqual(result.queue.topic, topic)
        const [message] = yield* backend.readUntil(`tenant%${topic}`, 1)
        assert.strictEqual(message.properties.INSTANCE_ID, "tenant")
        assert.strictEqual(message.topic, `tenant%${topic}`)
      })
    ),
    specify(
      "of a namespace of version 2 keep their names",
      Effect.gen(function*() {
        const backend = yield* Backend
        const topic = yield* topicOf()
        const producer = yield* Client.producer({}, { namespaceV2: "tenant" })
        yield* producer.send({ topic, body: "mine" })
        const [message] = yield* backend.readUntil(topic, 1)
        assert.strictEqual(message.topic, topic)
        assert.isUndefined(message.properties.INSTANCE_ID)
      })
    )
  ]
}

export const batches: Subject = {
  name: "batches",
  cases: [
    specify(
      "are stored message by message, in one queue, in order",
      Effect.gen(function*() {
        const backend = yield* Backend
        const topic = yield* topicOf(4)
        const producer = yield* Client.producer()
        const result = yield* producer.sendBatch([
          { topic, body: "first", tags: "red", properties: { n: "1" } },
          { topic, body: "second", keys: "key-2", flag: 2 },
          { topic, body: "third" }
        ])
        const stored = yield* backend.readUntil(topic, 3)
        assert.deepStrictEqual(stored.map(bodyText), ["first", "second", "third"])
        assert.deepStrictEqual(stored.map(({ queueId }) => queueId), Array(3).fill(result.queue.queueId))
        assert.deepStrictEqual(stored.map(({ queueOffset }) => queueOffset), [0, 1, 2])
        assert.deepStrictEqual(stored.map(({ properties }) => properties.TAGS), ["red", undefined, undefined])
        assert.deepStrictEqual(stored.map(({ properties }) => properties.KEYS), [undefined, "key-2", undefined])
        assert.deepStrictEqual(stored.map(({ properties }) => properties.n), ["1", undefined, undefined])
        assert.deepStrictEqual(stored.map(({ flag }) => flag), [0, 2, 0])
      })
    ),
    specify(
      "are answered with the ids of all messages",
      Effect.gen(function*() {
        const backend = yield* Backend
        const topic = yield* topicOf()
        const producer = yield* Client.producer()
        const result = yield* producer.sendBatch([{ topic, body: "first" }, { topic, body: "second" }])
        const stored = yield* backend.readUntil(topic, 2)
        assert.strictEqual(result.status, "SendOk")
        assert.strictEqual(result.queueOffset, 0)
        assert.strictEqual(new Set(result.messageIds).size, 2)
        assert.deepStrictEqual(
          result.offsetIds,
          stored.map(({ physicalOffset, storeHost }) => MessageId.createOffsetId(storeHost, physicalOffset))
        )
      })
    ),
    specify(
      "are stored with the ids of the messages",
      Effect.gen(function*() {
        const backend = yield* Backend
        const topic = yield* topicOf()
        const producer = yield* Client.producer()
        const { messageIds } = yield* producer.sendBatch([{ topic, body: "first" }, { topic, body: "second" }])
        const stored = yield* backend.readUntil(topic, 2)
        assert.deepStrictEqual(messageIds, stored.map(({ properties }) => properties.UNIQ_KEY))
      }),
      "ids in batches"
    ),
    specify(
      "of one message are batches",
      Effect.gen(function*() {
        const backend = yield* Backend
        const topic = yield* topicOf()
        const producer = yield* Client.producer()
        const { messageIds, offsetIds } = yield* producer.sendBatch([{ topic, body: "only" }])
        const stored = yield* backend.readUntil(topic, 1)
        assert.deepStrictEqual(stored.map(bodyText), ["only"])
        assert.strictEqual(messageIds.length, 1)
        assert.strictEqual(offsetIds.length, 1)
      })
    ),
    specify(
      "of a hundred messages are stored",
      Effect.gen(function*() {
        const backend = yield* Backend
        const topic = yield* topicOf()
        const producer = yield* Client.producer()
        const bodies = Array.from({ length: 100 }, (_, index) => `${index} ${"x".repeat(1_000)}`)
        yield* producer.sendBatch(bodies.map((body) => ({ topic, body })))
        const stored = yield* backend.readUntil(topic, 100)
        assert.deepStrictEqual(stored.map(bodyText), bodies)
      })
    )
  ]
}

export const compression: Subject = {
  name: "compression",
  cases: [
    ...(["ZLIB", "LZ4", "ZSTD"] as const).map((type) =>
      specify(
        `${type}: makes bodies of 4,096 bytes and more smaller, and says so`,
        Effect.gen(function*() {
          const backend = yield* Backend
          const topic = yield* topicOf()
          const producer = yield* Client.producer({ compression: { type } })
          const text = "größer ".repeat(1_000)
          yield* producer.send({ topic, body: text })
          yield* producer.send({ topic, body: "x".repeat(4_095) })
          const [large, small] = yield* backend.readUntil(topic, 2)
          assert.isBelow(large.body.length, 1_000)
          assert.strictEqual(large.sysFlag, 1 | { LZ4: 0x100, ZSTD: 0x200, ZLIB: 0x300 }[type])
          assert.strictEqual(bodyText(large), text)
          assert.strictEqual(small.sysFlag, 0)
          assert.strictEqual(small.body.length, 4_095)
        })
      )
    ),
    specify(
      "can be switched off",
      Effect.gen(function*() {
        const backend = yield* Backend
        const topic = yield* topicOf()
        const producer = yield* Client.producer({ compression: false })
        yield* producer.send({ topic, body: "x".repeat(10_000) })
        const [message] = yield* backend.readUntil(topic, 1)
        assert.strictEqual(message.sysFlag, 0)
        assert.strictEqual(message.body.length, 10_000)
      })
    )
  ]
}
