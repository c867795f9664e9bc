import { assert, describe, it } from "@effect/vitest"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as TestClock from "effect/testing/TestClock"
import * as Compression from "../../../src/protocol/message/Compression.ts"
import * as MessageBatch from "../../../src/protocol/message/MessageBatch.ts"
import * as MessageProperties from "../../../src/protocol/message/MessageProperties.ts"
import * as SysFlag from "../../../src/protocol/message/SysFlag.ts"
import { RequestCode } from "../../../src/protocol/RequestCode.ts"
import * as MemoryTransport from "../../../src/remoting/MemoryTransport.ts"
import { answer, broker, pair, route, single, world } from "./support.ts"

const text = (bytes: Uint8Array) => Buffer.from(bytes).toString()

describe("send", () => {
  it.effect("succeeds with what the broker says of the message", () =>
    Effect.gen(function*() {
      const { a, producer } = yield* single()
      const result = yield* producer.send({ topic: "topic", body: "hello" })
      assert.strictEqual(a.stored.length, 1)
      const [stored] = a.stored
      assert.strictEqual(text(stored.body), "hello")
      assert.deepStrictEqual(result, {
        status: "SendOk",
        messageId: stored.properties.UNIQ_KEY,
        offsetId: "0A0000010000000100000000000003E8",
        queue: { topic: "topic", brokerName: "a", queueId: stored.header.queueId },
        queueOffset: 0,
        transactionId: undefined,
        regionId: "DefaultRegion",
        traceOn: true,
        recallHandle: undefined,
        attempts: 1
      })
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("fills the header as the Java producer does", () =>
    Effect.gen(function*() {
      const { a, producer } = yield* single()
      yield* TestClock.setTime(1_234_567)
      yield* producer.send({ topic: "topic", body: "hello", flag: 7 })
      const [{ code, command, header }] = a.stored
      assert.strictEqual(code, RequestCode.SEND_MESSAGE_V2)
      assert.deepStrictEqual({ ...header, properties: "", queueId: 0 }, {
        producerGroup: "producers",
        topic: "topic",
        defaultTopic: "TBW102",
        defaultTopicQueueNums: 4,
        queueId: 0,
        sysFlag: 0,
        bornTimestamp: 1_234_567,
        flag: 7,
        properties: "",
        reconsumeTimes: 0,
        unitMode: false,
        batch: false,
        brokerName: "a"
      })
      assert.strictEqual(command.extFields.bname, "a")
      assert.strictEqual(command.extFields.n, "a")
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("takes bytes as they are, and strings as UTF-8", () =>
    Effect.gen(function*() {
      const { a, producer } = yield* single()
      yield* producer.send({ topic: "topic", body: Uint8Array.of(0, 255, 1) })
      yield* producer.send({ topic: "topic", body: "grüße 你好" })
      assert.deepStrictEqual([...a.stored[0].body], [0, 255, 1])
      assert.strictEqual(text(a.stored[1].body), "grüße 你好")
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("carries tags, keys and properties", () =>
    Effect.gen(function*() {
      const { a, producer } = yield* single()
      yield* producer.send({
        topic: "topic",
        body: "x",
        tags: "red",
        keys: ["k1", "k2"],
        properties: { colour: "blau", "my-key": "ü" }
      })
      const { UNIQ_KEY, ...others } = a.stored[0].properties
      assert.match(UNIQ_KEY, /^[0-9A-F]{32}$/)
      assert.deepStrictEqual(others, { WAIT: "true", TAGS: "red", KEYS: "k1 k2", colour: "blau", "my-key": "ü" })
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("takes a property that is named as what objects inherit", () =>
    Effect.gen(function*() {
      const { a, producer } = yield* single()
      const properties: Record<string, string> = Object.create(null)
      properties["__proto__" as string] = "data"
      properties["constructor" as string] = "data"
      yield* producer.send({ topic: "topic", body: "x", properties })
      assert.strictEqual(a.stored[0].properties["__proto__" as string], "data")
      assert.strictEqual(a.stored[0].properties["constructor" as string], "data")
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("takes several keys in one string", () =>
    Effect.gen(function*() {
      const { a, producer } = yield* single()
      yield* producer.send({ topic: "topic", body: "x", keys: "k1 k2" })
      assert.strictEqual(a.stored[0].properties.KEYS, "k1 k2")
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("tells the broker when it need not wait until the message is safe", () =>
    Effect.gen(function*() {
      const { a, producer } = yield* single()
      yield* producer.send({ topic: "topic", body: "x", waitStoreMsgOk: false })
      assert.strictEqual(a.stored[0].properties.WAIT, "false")
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("carries a delay level", () =>
    Effect.gen(function*() {
      const { a, producer } = yield* single()
      yield* producer.send({ topic: "topic", body: "x", delayLevel: 3 })
      yield* producer.send({ topic: "topic", body: "x", delayLevel: 0 })
      assert.strictEqual(a.stored[0].properties.DELAY, "3")
      assert.isUndefined(a.stored[1].properties.DELAY)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("carries a delay, rounded up to milliseconds", () =>
    Effect.gen(function*() {
      const { a, producer } = yield* single()
      yield* producer.send({ topic: "topic", body: "x", delay: "90 seconds" })
      yield* producer.send({ topic: "topic", body: "x", delay: 0.5 })
      assert.strictEqual(a.stored[0].properties.TIMER_DELAY_MS, "90000")
      assert.strictEqual(a.stored[1].properties.TIMER_DELAY_MS, "1")
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("carries a time to deliver at, as a number or a DateTime", () =>
    Effect.gen(function*() {
      const { a, producer } = yield* single()
      yield* producer.send({ topic: "topic", body: "x", deliverAt: 1_700_000_000_123 })
      yield* producer.send({ topic: "topic", body: "x", deliverAt: DateTime.makeUnsafe(1_700_000_000_456) })
      assert.strictEqual(a.stored[0].properties.TIMER_DELIVER_MS, "1700000000123")
      assert.strictEqual(a.stored[1].properties.TIMER_DELIVER_MS, "1700000000456")
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("hands over the recall handle of a timer message, and a region that traces nothing", () =>
    Effect.gen(function*() {
      const { producer } = yield* single({}, () =>
        Effect.succeed({
          code: 0,
          extFields: {
            msgId: "0A0000010000000100000000000003E8",
            queueId: "1",
            queueOffset: "5",
            recallHandle: "handle",
            transactionId: "id",
            MSG_REGION: "hangzhou",
            TRACE_ON: "false"
          }
        }))
      const result = yield* producer.send({ topic: "topic", body: "x", delay: 1_000 })
      assert.strictEqual(result.recallHandle, "handle")
      assert.strictEqual(result.transactionId, "id")
      assert.strictEqual(result.regionId, "hangzhou")
      assert.strictEqual(result.traceOn, false)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("carries a priority, and names the queue that the broker chose by it", () =>
    Effect.gen(function*() {
      const { a, producer } = yield* single({}, () =>
        Effect.succeed({
          code: 0,
          extFields: { msgId: "0A0000010000000100000000000003E8", queueId: "7", queueOffset: "5" }
        }))
      const result = yield* producer.send({ topic: "topic", body: "x", priority: 9 })
      assert.strictEqual(a.sends[0].properties._SYS_MSG_PRIORITY_, "9")
      assert.deepStrictEqual(result.queue, { topic: "topic", brokerName: "a", queueId: 7 })
    }).pipe(Effect.provide(MemoryTransport.layer)))

  for (
    const [code, status] of [
      [10, "FlushDiskTimeout"],
      [12, "FlushSlaveTimeout"],
      [11, "SlaveNotAvailable"]
    ] as const
  ) {
    it.effect(`succeeds with ${status} for code ${code}, and is not repeated`, () =>
      Effect.gen(function*() {
        const { a, producer } = yield* single({}, () =>
          Effect.succeed({
            code,
            extFields: { msgId: "0A0000010000000100000000000003E8", queueId: "1", queueOffset: "5" }
          }))
        const result = yield* producer.send({ topic: "topic", body: "x" })
        assert.strictEqual(result.status, status)
        assert.strictEqual(result.queueOffset, 5)
        assert.strictEqual(a.sends.length, 1)
      }).pipe(Effect.provide(MemoryTransport.layer)))
  }

  it.effect("gives each message an id of its own", () =>
    Effect.gen(function*() {
      const { a, producer } = yield* single()
      yield* Effect.forEach(Array.from({ length: 1_000 }), () => producer.send({ topic: "topic", body: "x" }), {
        concurrency: "unbounded"
      })
      assert.strictEqual(new Set(a.stored.map(({ properties }) => properties.UNIQ_KEY)).size, 1_000)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("goes through the queues of all brokers in turn", () =>
    Effect.gen(function*() {
      const { a, b, producer } = yield* pair()
      for (let count = 0; count < 8; count++) yield* producer.send({ topic: "topic", body: "x" })
      for (const one of [a, b]) {
        assert.deepStrictEqual(one.stored.map(({ header }) => header.queueId).sort(), [0, 0, 1, 1])
      }
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("learns the route with the first message", () =>
    Effect.gen(function*() {
      const a = yield* broker(1)
      const { make, routes } = yield* world()
      routes.served.set("topic", route("topic", [{ name: "a", port: 1 }]))
      const producer = yield* make()
      const result = yield* producer.send({ topic: "topic", body: "x" })
      assert.strictEqual(result.attempts, 1)
      assert.strictEqual(a.stored.length, 1)
      yield* producer.send({ topic: "topic", body: "x" })
      assert.deepStrictEqual(routes.gets, ["topic"])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("follows the route when it changes", () =>
    Effect.gen(function*() {
      const { a, b, producer, routes } = yield* pair()
      routes.set(route("topic", [{ name: "b", port: 2 }]))
      for (let count = 0; count < 4; count++) yield* producer.send({ topic: "topic", body: "x" })
      assert.strictEqual(a.stored.length, 0)
      assert.strictEqual(b.stored.length, 4)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("sends to the broker that has the queue of a static topic now", () =>
    Effect.gen(function*() {
      const { a, b, producer, routes } = yield* pair()
      routes.set(route("topic", [{ name: "a", port: 1 }, { name: "b", port: 2 }], {
        writeQueues: [{ topic: "topic", brokerName: "__syslo____global__", queueId: 0 }],
        brokerNameOf: () => "b"
      }))
      const result = yield* producer.send({ topic: "topic", body: "x" })
      assert.strictEqual(a.sends.length, 0)
      assert.strictEqual(b.sends[0].header.brokerName, "b")
      assert.strictEqual(result.queue.brokerName, "__syslo____global__")
    }).pipe(Effect.provide(MemoryTransport.layer)))
})

describe("a defect of the connections", () => {
  it.effect("is one of the send, and leaves nothing in flight", () =>
    Effect.gen(function*() {
      const { producer } = yield* single({}, undefined, {
        between: (remoting) => ({
          ...remoting,
          submitUnsafe: (_address, _request, _options, _oneway, done) => {
            done(Exit.die(new Error("a bug")))
            return Effect.void
          }
        })
      })
      const exit = yield* Effect.exit(producer.send({ topic: "topic", body: "x" }))
      assert.isTrue(Exit.isFailure(exit) && exit.cause.reasons[0]._tag === "Die")
      const stats = yield* producer.stats
      assert.strictEqual(stats.inFlight, 0)
      assert.strictEqual(stats.unknown, 1)
    }).pipe(Effect.provide(MemoryTransport.layer)))
})

describe("compression", () => {
  const large = "compress me, please. ".repeat(300)

  for (const type of ["ZLIB", "LZ4", "ZSTD"] as const) {
    it.effect(`by ${type} is told by the system flag`, () =>
      Effect.gen(function*() {
        const { a, producer } = yield* single({ compression: { type } })
        yield* producer.send({ topic: "topic", body: large })
        const [{ body, header }] = a.stored
        assert.isTrue(SysFlag.isCompressed(header.sysFlag))
        assert.strictEqual(SysFlag.compressionType(header.sysFlag), type)
        const inflated = Compression.decompress(type, body, 1_000_000)
        assert(inflated instanceof Uint8Array)
        assert.strictEqual(text(inflated), large)
      }).pipe(Effect.provide(MemoryTransport.layer)))
  }

  it.effect("is ZLIB unless said otherwise, from 4,096 bytes on", () =>
    Effect.gen(function*() {
      const { a, producer } = yield* single()
      yield* producer.send({ topic: "topic", body: "a".repeat(4_095) })
      yield* producer.send({ topic: "topic", body: "a".repeat(4_096) })
      assert.strictEqual(a.stored[0].header.sysFlag, 0)
      assert.strictEqual(a.stored[0].body.length, 4_095)
      assert.strictEqual(a.stored[1].header.sysFlag, SysFlag.compressed | SysFlag.compressionZlib)
      assert.isBelow(a.stored[1].body.length, 100)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("is left out where it is switched off", () =>
    Effect.gen(function*() {
      const { a, producer } = yield* single({ compression: false })
      yield* producer.send({ topic: "topic", body: large })
      assert.strictEqual(a.stored[0].header.sysFlag, 0)
      assert.strictEqual(text(a.stored[0].body), large)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("is left out where it would make the body larger", () =>
    Effect.gen(function*() {
      const { a, producer } = yield* single({ compression: { threshold: 1 } })
      yield* producer.send({ topic: "topic", body: "ab" })
      assert.strictEqual(a.stored[0].header.sysFlag, 0)
      assert.strictEqual(text(a.stored[0].body), "ab")
    }).pipe(Effect.provide(MemoryTransport.layer)))
})

describe("namespaces of the first kind", () => {
  it.effect("are part of topic and group on the wire, and of no result", () =>
    Effect.gen(function*() {
      const { a, producer, registered } = yield* single({}, undefined, { namespace: "ns" })
      const result = yield* producer.send({ topic: "topic", body: "x" })
      assert.strictEqual(a.stored[0].header.topic, "ns%topic")
      assert.strictEqual(a.stored[0].header.producerGroup, "ns%producers")
      assert.strictEqual(a.stored[0].properties.INSTANCE_ID, "ns")
      assert.strictEqual(result.queue.topic, "topic")
      assert.deepStrictEqual(registered, ["+ns%producers"])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("are taken off the queues that selectors choose from", () =>
    Effect.gen(function*() {
      const { a, producer } = yield* single({}, undefined, { namespace: "ns" })
      yield* producer.send({ topic: "topic", body: "x" }, {
        selector: (queues) => {
          assert.deepStrictEqual(queues.map(({ topic }) => topic), ["topic", "topic"])
          return queues[1]
        }
      })
      assert.strictEqual(a.stored[0].header.queueId, 1)
    }).pipe(Effect.provide(MemoryTransport.layer)))
})

describe("sendBatch", () => {
  it.effect("sends messages of one topic as one", () =>
    Effect.gen(function*() {
      const { a, producer } = yield* single({}, (send) =>
        Effect.succeed({
          code: 0,
          extFields: {
            msgId: "0A0000010000000100000000000003E8,0A0000010000000100000000000007D0",
            queueId: String(send.header.queueId),
            queueOffset: "3"
          }
        }))
      const result = yield* producer.sendBatch([
        { topic: "topic", body: "one", tags: "t", flag: 1 },
        { topic: "topic", body: "two", keys: "k", properties: { p: "v" } }
      ])
      const [{ body, code, header, properties }] = a.sends
      assert.strictEqual(code, RequestCode.SEND_BATCH_MESSAGE)
      assert.strictEqual(header.batch, true)
      assert.strictEqual(header.sysFlag, 0)
      assert.strictEqual(properties.WAIT, "true")
      const messages = MessageBatch.decode(body)
      assert(Array.isArray(messages))
      assert.deepStrictEqual(
        messages.map((message) => [text(message.body), message.flag, message.properties.UNIQ_KEY]),
        [["one", 1, result.messageIds[0]], ["two", 0, result.messageIds[1]]]
      )
      assert.strictEqual(messages[0].properties.TAGS, "t")
      assert.strictEqual(messages[1].properties.KEYS, "k")
      assert.strictEqual(messages[1].properties.p, "v")
      assert.strictEqual(messages[1].properties.WAIT, "true")
      assert.strictEqual(result.messageId, result.messageIds.join(","))
      assert.strictEqual(result.offsetIds.length, 2)
      assert.strictEqual(result.queueOffset, 3)
      assert.strictEqual(new Set([properties.UNIQ_KEY, ...result.messageIds]).size, 3)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("is not compressed", () =>
    Effect.gen(function*() {
      const { a, producer } = yield* single()
      yield* producer.sendBatch([{ topic: "topic", body: "a".repeat(10_000) }])
      assert.strictEqual(a.stored[0].header.sysFlag, 0)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("goes to the queue of its sharding key, or to a given one", () =>
    Effect.gen(function*() {
      const { producer } = yield* pair()
      const keyed = yield* producer.sendBatch([{ topic: "topic", body: "x", shardingKey: "k" }])
      const plain = yield* producer.send({ topic: "topic", body: "x", shardingKey: "k" })
      assert.deepStrictEqual(keyed.queue, plain.queue)
      const queue = { topic: "topic", brokerName: "b", queueId: 1 }
      const given = yield* producer.sendBatch([{ topic: "topic", body: "x" }], { queue })
      assert.deepStrictEqual(given.queue, queue)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("carries the namespace once for all", () =>
    Effect.gen(function*() {
      const { a, producer } = yield* single({}, undefined, { namespace: "ns" })
      yield* producer.sendBatch([{ topic: "topic", body: "x" }])
      assert.strictEqual(a.stored[0].properties.INSTANCE_ID, "ns")
      const messages = MessageBatch.decode(a.stored[0].body)
      assert(Array.isArray(messages))
      assert.isUndefined(messages[0].properties.INSTANCE_ID)
    }).pipe(Effect.provide(MemoryTransport.layer)))
})

describe("sendOneway", () => {
  it.effect("succeeds once the message was written, whatever the broker makes of it", () =>
    Effect.gen(function*() {
      const { a, producer } = yield* single({}, () => answer(1))
      const nothing = yield* producer.sendOneway({ topic: "topic", body: "x" })
      assert.isUndefined(nothing)
      yield* Effect.yieldNow
      assert.strictEqual(a.sends.length, 1)
      assert.isTrue(a.sends[0].command.isOneway)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("counts as acknowledged, and leaves nothing in flight", () =>
    Effect.gen(function*() {
      const { producer } = yield* single()
      yield* producer.sendOneway({ topic: "topic", body: "x" })
      const stats = yield* producer.stats
      assert.strictEqual(stats.acknowledged, 1)
      assert.strictEqual(stats.inFlight, 0)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("goes elsewhere while a broker cannot be reached", () =>
    Effect.gen(function*() {
      const b = yield* broker(2)
      const { make, routes } = yield* world()
      routes.set(route("topic", [{ name: "a", port: 1 }, { name: "b", port: 2 }]))
      const producer = yield* make()
      for (let count = 0; count < 4; count++) yield* producer.sendOneway({ topic: "topic", body: "x" })
      yield* Effect.yieldNow
      assert.strictEqual(b.sends.length, 4)
    }).pipe(Effect.provide(MemoryTransport.layer)))
})

describe("queues", () => {
  it.effect("are those that can be sent to, by the topic's name in the app", () =>
    Effect.gen(function*() {
      const { producer } = yield* single({}, undefined, { namespace: "ns" })
      assert.deepStrictEqual(yield* producer.queues("topic"), [
        { topic: "topic", brokerName: "a", queueId: 0 },
        { topic: "topic", brokerName: "a", queueId: 1 }
      ])
    }).pipe(Effect.provide(MemoryTransport.layer)))
})

it.effect("properties that were sent are those that were given, whatever they are", () =>
  Effect.gen(function*() {
    const { a, producer } = yield* single()
    const properties = Object.fromEntries(Array.from({ length: 50 }, (_, index) => [`name${index}`, `välue ${index}`]))
    yield* producer.send({ topic: "topic", body: "x", properties })
    const decoded = MessageProperties.decode(a.stored[0].header.properties)
    for (const [name, value] of Object.entries(properties)) assert.strictEqual(decoded[name], value)
  }).pipe(Effect.provide(MemoryTransport.layer)))
