import { assert, layer } from "@effect/vitest"
import * as Message from "effect-rocketmq/client/Message"
import * as MqClient from "effect-rocketmq/client/MqClient"
import * as MqClientApi from "effect-rocketmq/client/MqClientApi"
import { RequestCode } from "effect-rocketmq/protocol/RequestCode"
import { ResponseCode } from "effect-rocketmq/protocol/ResponseCode"
import * as EmbeddedRocketMQ from "effect-rocketmq/testing/EmbeddedRocketMQ"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import { rmSync } from "node:fs"
import type { HarnessError } from "./harness/HarnessError.ts"
import * as Peer from "./harness/Peer.ts"

/** The official Java client and mqadmin, at the name server of the embedded RocketMQ. */
class JavaPeer extends Context.Service<JavaPeer, Peer.Peer>()("effect-rocketmq/test/JavaPeer") {}

const brokers = ["broker-a", "broker-b"]
const queues = 4

/** In real time: what takes long by default is short. */
const rocketmqLayer = EmbeddedRocketMQ.layerTcp({
  brokers,
  proxies: 2,
  brokerSettings: {
    messageDelayLevel: "1s 1s 1s 1s 1s 1s",
    timerPrecisionMs: 100,
    transactionTimeOut: 300,
    transactionCheckInterval: 300,
    // A check counts when there is nobody to ask, too.
    transactionCheckMax: 100
  },
  proxySettings: { topicRouteServiceCacheRefreshSeconds: 1, transactionHeartbeatPeriodSecond: 1 }
})

const peerLayer: Layer.Layer<JavaPeer, HarnessError, EmbeddedRocketMQ.EmbeddedRocketMQ> = Layer.effect(
  JavaPeer,
  Effect.flatMap(EmbeddedRocketMQ.EmbeddedRocketMQ, ({ nameServers }) => Peer.make(nameServers[0]!.address))
)

/** Ours, to ask brokers what they know. */
const clientLayer = Layer.unwrap(
  Effect.map(
    EmbeddedRocketMQ.EmbeddedRocketMQ,
    ({ nameServers }) => MqClient.layer({ nameServers: [nameServers[0]!.address] })
  )
)

/** Waits until it holds, which it must within ten seconds. */
const eventually = (what: string, holds: () => boolean) =>
  Effect.sync(holds).pipe(
    Effect.repeat({ until: (held) => held, times: 200, schedule: Schedule.spaced("50 millis") }),
    Effect.map((held) => assert.isTrue(held, what))
  )

/** A topic on both brokers. */
const newTopic = Effect.fnUntraced(function*(name: string, options: Partial<EmbeddedRocketMQ.TopicOptions> = {}) {
  const rocketmq = yield* EmbeddedRocketMQ.EmbeddedRocketMQ
  yield* rocketmq.createTopic({ name, queues, ...options })
  return {
    name,
    stored: () => rocketmq.messages(name),
    bodies: () => rocketmq.messages(name).map(Message.text).sort()
  }
})

/** Requests that were executed and speak of the topic. */
const journaled = Effect.fnUntraced(function*(topic: string, ...codes: ReadonlyArray<number>) {
  const { journal } = yield* EmbeddedRocketMQ.EmbeddedRocketMQ
  return journal.entries().filter(({ code, extFields }) =>
    codes.includes(code) && (extFields.topic === topic || extFields.b === topic)
  )
})

/** What a group has consumed of a topic, by what brokers know of it; `undefined` when they know nothing. */
const committed = Effect.fnUntraced(function*(consumerGroup: string, topic: string) {
  const rocketmq = yield* EmbeddedRocketMQ.EmbeddedRocketMQ
  const api = yield* MqClientApi.MqClientApi
  let sum: number | undefined
  for (const { address } of rocketmq.brokers) {
    for (let queueId = 0; queueId < queues; queueId++) {
      const answer = yield* Effect.result(
        api.queryConsumerOffset(address, { consumerGroup, topic, queueId, setZeroIfNotFound: false })
      )
      if (answer._tag === "Success") {
        sum = (sum ?? 0) + answer.success.offset
      }
    }
  }
  return sum
})

/** Waits until a group has consumed as many messages of a topic. */
const untilCommitted = (group: string, topic: string, count: number) =>
  committed(group, topic).pipe(
    Effect.repeat({ until: (sum) => sum === count, times: 100, schedule: Schedule.spaced("100 millis") }),
    Effect.map((sum) => assert.strictEqual(sum, count, `offsets of ${group} in ${topic}`))
  )

/** Waits until consumers have divided the queues of a topic: before, two may read the same one. */
const untilDivided = Effect.fnUntraced(function*(peer: Peer.Peer, topic: string, ids: ReadonlyArray<string>) {
  const assigned = yield* Effect.forEach(ids, (id) => peer.assigned(id, topic)).pipe(
    Effect.repeat({
      until: (shares) => shares.every(({ length }) => length === brokers.length * queues / ids.length),
      times: 200,
      schedule: Schedule.spaced("50 millis")
    })
  )
  assert.strictEqual(new Set(assigned.flat()).size, brokers.length * queues, "each queue is somebody's")
})

const numbered = (count: number, prefix = "m"): ReadonlyArray<string> =>
  Array.from({ length: count }, (_, index) => `${prefix}-${String(index).padStart(3, "0")}`)

const takenBodies = (deliveries: ReadonlyArray<Peer.PeerDelivery>): ReadonlyArray<string> =>
  deliveries.filter(({ taken }) => taken).map(({ body }) => body)

const sorted = (texts: ReadonlyArray<string>): ReadonlyArray<string> => [...texts].sort()

/** The cells of the lines of a table that mqadmin printed, without its head. */
const rows = (printed: string): ReadonlyArray<ReadonlyArray<string>> => {
  const lines = printed.split("\n")
  const head = lines.findIndex((line) => line.startsWith("#"))
  const after = lines.slice(head + 1)
  const end = after.findIndex((line) => line.trim() === "")
  return after.slice(0, end < 0 ? after.length : end).map((line) => line.trim().split(/\s+/))
}

/** Fastjson writes numbers as they are where JSON has names. */
const routeOf = (printed: string) => JSON.parse(printed.replaceAll(/([{,]\s*)(\d+):/g, "$1\"$2\":"))

/** By queue, the offsets in the order in which they were taken. */
const byQueue = (deliveries: ReadonlyArray<Peer.PeerDelivery>): ReadonlyMap<string, ReadonlyArray<number>> => {
  const offsets = new Map<string, Array<number>>()
  for (const { brokerName, queueId, queueOffset, taken } of deliveries) {
    if (taken) {
      const queue = `${brokerName}/${queueId}`
      offsets.set(queue, [...offsets.get(queue) ?? [], queueOffset])
    }
  }
  return offsets
}

layer(
  Layer.mergeAll(peerLayer, clientLayer).pipe(Layer.provideMerge(rocketmqLayer)),
  { timeout: "1 minute", excludeTestServices: true }
)("the official Java 5.5.0 and the embedded RocketMQ", (it) => {
  // Producers.

  it.effect("a message that is sent is stored where the producer says", () =>
    Effect.gen(function*() {
      const peer = yield* JavaPeer
      const topic = yield* newTopic("sync")
      const result = yield* peer.send({
        topic: topic.name,
        body: Buffer.from("größer als 日本 😀"),
        tags: "red",
        keys: ["key-1", "key-2"],
        flag: 7,
        properties: { größe: "日本" }
      })
      const [message, ...others] = topic.stored()
      assert.isEmpty(others)
      assert.strictEqual(Message.text(message!), "größer als 日本 😀")
      assert.deepInclude(message, { tags: "red", keys: ["key-1", "key-2"], flag: 7 })
      assert.strictEqual(message!.properties.größe, "日本")
      assert.deepInclude(result, {
        status: "SEND_OK",
        msgId: message!.messageId,
        offsetMsgId: message!.offsetId,
        brokerName: message!.brokerName,
        queueId: message!.queueId,
        queueOffset: message!.queueOffset,
        regionId: "DefaultRegion"
      })
      const [request] = yield* journaled(topic.name, RequestCode.SEND_MESSAGE_V2)
      assert.deepInclude(request, { outcome: "Answered", responseCode: ResponseCode.SUCCESS })
    }))

  it.effect("a topic comes to be when it is sent to", () =>
    Effect.gen(function*() {
      const peer = yield* JavaPeer
      const rocketmq = yield* EmbeddedRocketMQ.EmbeddedRocketMQ
      const result = yield* peer.send({ topic: "created-by-java", body: Buffer.from("first") })
      assert.strictEqual(result.status, "SEND_OK")
      assert.deepStrictEqual(rocketmq.messages("created-by-java").map(Message.text), ["first"])
    }))

  it.effect("messages sent asynchronously, oneway and compressed are stored", () =>
    Effect.gen(function*() {
      const peer = yield* JavaPeer
      const topic = yield* newTopic("forms")
      const result = yield* peer.send({ topic: topic.name, body: Buffer.from("async") }, { async: true })
      assert.deepInclude(result, { status: "SEND_OK", msgId: topic.stored()[0]!.messageId })
      yield* peer.sendOneway({ topic: topic.name, body: Buffer.from("oneway") })
      const large = "größer ".repeat(1_000)
      for (const compressType of ["ZLIB", "LZ4", "ZSTD"] as const) {
        yield* peer.send({ topic: topic.name, body: Buffer.from(compressType + large) }, { compressType })
      }
      yield* eventually("all are there", () => topic.stored().length === 5)
      assert.deepStrictEqual(
        topic.bodies(),
        ["async", "oneway", `ZLIB${large}`, `LZ4${large}`, `ZSTD${large}`].sort()
      )
      assert.lengthOf(topic.stored().filter(({ sysFlag }) => (sysFlag & 1) === 1), 3)
      const requests = yield* journaled(topic.name, RequestCode.SEND_MESSAGE_V2)
      assert.sameMembers(
        requests.map(({ oneway, outcome }) => `${outcome} ${oneway}`),
        ["Answered false", "Unanswered true", "Answered false", "Answered false", "Answered false"]
      )
    }))

  it.effect("batches are messages one after the other in a queue", () =>
    Effect.gen(function*() {
      const peer = yield* JavaPeer
      const topic = yield* newTopic("batches")
      for (const async of [false, true]) {
        const before = topic.stored().length
        const result = yield* peer.sendBatch([
          { topic: topic.name, body: Buffer.from("one"), tags: "red" },
          { topic: topic.name, body: Buffer.from("two"), keys: ["key"] },
          { topic: topic.name, body: Buffer.from("three"), properties: { n: "3" } }
        ], { async })
        const ids = new Set(result.msgId.split(","))
        const messages = topic.stored().filter(({ messageId }) => ids.has(messageId))
        assert.strictEqual(topic.stored().length, before + 3)
        assert.deepStrictEqual(messages.map(Message.text), ["one", "two", "three"])
        assert.deepStrictEqual(
          messages.map(({ brokerName, queueId, queueOffset }) => ({ brokerName, queueId, queueOffset })),
          [0, 1, 2].map((index) => ({
            brokerName: result.brokerName,
            queueId: result.queueId,
            queueOffset: result.queueOffset + index
          }))
        )
        assert.strictEqual(result.offsetMsgId, messages.map(({ offsetId }) => offsetId).join(","))
        assert.strictEqual(messages[2]!.properties.n, "3")
      }
      assert.lengthOf(yield* journaled(topic.name, RequestCode.SEND_BATCH_MESSAGE), 2)
    }))

  it.effect("messages of an order stay in order", () =>
    Effect.gen(function*() {
      const peer = yield* JavaPeer
      const topic = yield* newTopic("ordered")
      for (const body of numbered(5)) {
        for (const selectBy of ["order-1", "order-2", "order-3"]) {
          yield* peer.send({ topic: topic.name, body: Buffer.from(`${selectBy} ${body}`) }, { selectBy })
        }
      }
      for (const order of ["order-1", "order-2", "order-3"]) {
        const messages = topic.stored().filter((message) => Message.text(message).startsWith(order))
        assert.deepStrictEqual(messages.map(Message.text), numbered(5).map((body) => `${order} ${body}`))
        assert.strictEqual(new Set(messages.map(({ brokerName, queueId }) => `${brokerName}/${queueId}`)).size, 1)
      }
    }))

  it.effect("what a broker cannot store is sent to the other", () =>
    Effect.gen(function*() {
      const peer = yield* JavaPeer
      const rocketmq = yield* EmbeddedRocketMQ.EmbeddedRocketMQ
      const topic = yield* newTopic("full")
      yield* rocketmq.broker("broker-a").setConditions({ diskFull: true })
      const results = yield* Effect.forEach(numbered(8), (body) =>
        peer.send({ topic: topic.name, body: Buffer.from(body) })).pipe(
          Effect.ensuring(rocketmq.broker("broker-a").setConditions({ diskFull: false }))
        )
      assert.deepStrictEqual(topic.bodies(), numbered(8))
      assert.deepStrictEqual([
        ...new Set(results.map(({ brokerName }) =>
          brokerName
        ))
      ], ["broker-b"])
      const refused = yield* journaled(topic.name, RequestCode.SEND_MESSAGE_V2)
      assert.isTrue(refused.some(({ responseCode }) => responseCode === ResponseCode.SERVICE_NOT_AVAILABLE))
    }))

  it.effect("refusals reach the producer with their codes", () =>
    Effect.gen(function*() {
      const peer = yield* JavaPeer
      const topic = yield* newTopic("refused")
      const { message } = yield* Effect.flip(
        peer.send({ topic: topic.name, body: Buffer.from("no") }, { queue: { brokerName: "broker-a", queueId: 9 } })
      )
      assert.match(message, /CODE: 29 +DESC: request queueId\[9\] is illegal/)
      assert.isEmpty(topic.stored())
    }))

  it.effect("messages of transactions are there when they are committed", () =>
    Effect.gen(function*() {
      const peer = yield* JavaPeer
      const topic = yield* newTopic("transactions", { messageType: "TRANSACTION" })
      const begin = (body: string, state: Peer.LocalTransactionState, checked?: Peer.LocalTransactionState) =>
        peer.sendInTransaction({ topic: topic.name, body: Buffer.from(body), tags: "red" }, {
          state,
          ...(checked === undefined ? {} : { checked })
        })
      const result = yield* begin("committed", "COMMIT_MESSAGE")
      assert.strictEqual(result.status, "SEND_OK")
      yield* begin("rolled back", "ROLLBACK_MESSAGE")
      yield* eventually("what is committed is there", () => topic.bodies().includes("committed"))
      assert.deepInclude(topic.stored()[0], {
        messageId: result.msgId,
        transactionId: result.transactionId,
        tags: "red"
      })

      yield* begin("unknown, then committed", "UNKNOW", "COMMIT_MESSAGE")
      yield* begin("unknown, then rolled back", "UNKNOW", "ROLLBACK_MESSAGE")
      yield* eventually("the broker asks", () => topic.bodies().includes("unknown, then committed"))
      const { journal } = yield* EmbeddedRocketMQ.EmbeddedRocketMQ
      const checks = () =>
        journal.entries({ code: RequestCode.END_TRANSACTION })
          .filter(({ extFields }) => extFields.fromTransactionCheck === "true")
          .map(({ extFields }) => extFields.commitOrRollback)
      yield* eventually("both were asked about", () => new Set(checks()).size === 2)
      assert.deepStrictEqual(topic.bodies(), ["committed", "unknown, then committed"])
    }))

  it.effect("delayed messages are there when they are due, unless they are recalled", () =>
    Effect.gen(function*() {
      const peer = yield* JavaPeer
      const topic = yield* newTopic("delayed", { messageType: "DELAY" })
      const recalled = yield* peer.send({ topic: topic.name, body: Buffer.from("recalled"), delayMillis: 1_500 })
      assert.strictEqual(yield* peer.recall(topic.name, recalled.recallHandle!), recalled.msgId)
      const begin = Date.now()
      yield* peer.send({ topic: topic.name, body: Buffer.from("level"), delayLevel: 1 })
      yield* peer.send({ topic: topic.name, body: Buffer.from("delay"), delayMillis: 1_000 })
      yield* peer.send({ topic: topic.name, body: Buffer.from("time"), deliverAtMillis: begin + 1_500 })
      assert.isEmpty(topic.stored())
      yield* eventually("all are delivered", () => topic.stored().length === 3)
      for (const message of topic.stored()) {
        const due = Message.text(message) === "time" ? begin + 1_500 : message.bornTimestamp + 1_000
        assert.isAtLeast(message.storeTimestamp, due - 100, Message.text(message))
      }
      assert.deepStrictEqual(topic.bodies(), ["delay", "level", "time"])
    }))

  it.effect("requests are answered", () =>
    Effect.gen(function*() {
      const peer = yield* JavaPeer
      const { journal } = yield* EmbeddedRocketMQ.EmbeddedRocketMQ
      const topic = yield* newTopic("requests")
      yield* peer.reply(topic.name, "repliers")
      for (const async of [false, true]) {
        const reply = yield* peer.request({ topic: topic.name, body: Buffer.from(`async: ${async}`) }, {
          async,
          timeoutMillis: 10_000
        })
        assert.strictEqual(Buffer.from(reply.body, "base64").toString(), `re: async: ${async}`)
      }
      assert.lengthOf(topic.stored(), 2)
      const replies = () =>
        [RequestCode.SEND_REPLY_MESSAGE, RequestCode.SEND_REPLY_MESSAGE_V2].flatMap((code) =>
          journal.entries({ code, outcome: "Answered" })
        )
      yield* eventually("who replied is answered", () => replies().length === 2)
      assert.deepStrictEqual(replies().map(({ responseCode }) => responseCode), [0, 0])
    }))

  // Consumers.

  it.effect("a group's consumers take each message once", () =>
    Effect.gen(function*() {
      const peer = yield* JavaPeer
      const rocketmq = yield* EmbeddedRocketMQ.EmbeddedRocketMQ
      const topic = yield* newTopic("concurrent")
      const group = "concurrent-consumers"
      yield* peer.subscribe({ id: "concurrent-1", group, topic: topic.name })
      yield* peer.subscribe({ id: "concurrent-2", group, topic: topic.name })
      const members = () => rocketmq.brokers.map(({ consumers }) => consumers(group).length)
      yield* eventually("both are known to both brokers", () => members().every((count) => count === 2))
      yield* untilDivided(peer, topic.name, ["concurrent-1", "concurrent-2"])
      for (const body of numbered(40)) {
        yield* peer.send({ topic: topic.name, body: Buffer.from(body) })
      }
      const deliveries = yield* peer.consumed(group, 40)
      assert.deepStrictEqual(sorted(takenBodies(deliveries)), numbered(40))
      assert.sameMembers([...new Set(deliveries.map(({ consumer }) => consumer))], ["concurrent-1", "concurrent-2"])

      yield* peer.leave("concurrent-1")
      yield* eventually("one has left", () => members().every((count) => count === 1))
      yield* Effect.forEach(numbered(8, "n"), (body) => peer.send({ topic: topic.name, body: Buffer.from(body) }))
      const later = (yield* peer.consumed(group, 48)).slice(40)
      assert.deepStrictEqual(sorted(takenBodies(later)), numbered(8, "n"))
      assert.isTrue(later.every(({ consumer }) => consumer === "concurrent-2"))
      yield* peer.leave("concurrent-2")
      assert.deepStrictEqual(members(), [0, 0])
      assert.strictEqual(yield* committed(group, topic.name), 48)
    }))

  it.effect("a message that is failed comes again, and in the end goes to the dead letters", () =>
    Effect.gen(function*() {
      const peer = yield* JavaPeer
      const rocketmq = yield* EmbeddedRocketMQ.EmbeddedRocketMQ
      const topic = yield* newTopic("failing")
      const group = "failing-consumers"
      yield* peer.subscribe({ id: "failing", group, topic: topic.name, maxReconsumeTimes: 2 })
      const once = yield* peer.send({ topic: topic.name, body: Buffer.from("once"), properties: { failures: "1" } })
      const ever = yield* peer.send({ topic: topic.name, body: Buffer.from("ever"), properties: { failures: "9" } })
      const fine = yield* peer.send({ topic: topic.name, body: Buffer.from("fine") })
      const dead = () => rocketmq.messages(`%DLQ%${group}`)
      yield* eventually("one is dead", () => dead().length === 1)
      const deliveries = yield* peer.consumed(group, 2)
      const tries = (body: string) =>
        deliveries.filter((one) => one.body === body).map(({ msgId, reconsumeTimes, taken }) => ({
          msgId,
          reconsumeTimes,
          taken
        }))
      assert.deepStrictEqual(tries("fine"), [{ msgId: fine.msgId, reconsumeTimes: 0, taken: true }])
      assert.deepStrictEqual(tries("once"), [
        { msgId: once.msgId, reconsumeTimes: 0, taken: false },
        { msgId: once.msgId, reconsumeTimes: 1, taken: true }
      ])
      assert.deepStrictEqual(
        tries("ever"),
        [0, 1, 2].map((reconsumeTimes) => ({
          msgId: ever.msgId,
          reconsumeTimes,
          taken: false
        }))
      )
      assert.isTrue(deliveries.every((one) => one.topic === topic.name))
      assert.strictEqual(Message.text(dead()[0]!), "ever")
      assert.strictEqual(dead()[0]!.messageId, ever.msgId)
      yield* peer.leave("failing")
      assert.strictEqual(yield* committed(group, topic.name), 3)
    }))

  it.effect("consumers in order take each queue in its order, also one after the other", () =>
    Effect.gen(function*() {
      const peer = yield* JavaPeer
      const topic = yield* newTopic("orderly")
      const group = "orderly-consumers"
      const send = (bodies: ReadonlyArray<string>, failing?: string) =>
        Effect.forEach(bodies, (body, index) =>
          peer.send({
            topic: topic.name,
            body: Buffer.from(body),
            ...(body === failing ? { properties: { failures: "2" } } : {})
          }, { selectBy: `order-${index % 5}` }))
      yield* peer.subscribe({ id: "orderly-1", group, topic: topic.name, orderly: true })
      yield* peer.subscribe({ id: "orderly-2", group, topic: topic.name, orderly: true })
      yield* untilDivided(peer, topic.name, ["orderly-1", "orderly-2"])
      yield* send(numbered(20), "m-003")
      const first = yield* peer.consumed(group, 20)
      assert.deepStrictEqual(sorted(takenBodies(first)), numbered(20))
      assert.lengthOf(first.filter(({ body }) => body === "m-003"), 3)
      yield* peer.leave("orderly-1")
      yield* send(numbered(20, "n"))
      const all = yield* peer.consumed(group, 40)
      assert.deepStrictEqual(sorted(takenBodies(all)), [...numbered(20), ...numbered(20, "n")])
      for (const offsets of byQueue(all).values()) {
        assert.deepStrictEqual(offsets, offsets.map((_, index) => index))
      }
      assert.isTrue(all.slice(first.length).every(({ consumer }) => consumer === "orderly-2"))
      yield* peer.leave("orderly-2")
      assert.strictEqual(yield* committed(group, topic.name), 40)
      const { journal } = yield* EmbeddedRocketMQ.EmbeddedRocketMQ
      assert.isAbove(journal.count({ code: RequestCode.LOCK_BATCH_MQ, outcome: "Answered" }), 0)
      assert.isAbove(journal.count({ code: RequestCode.UNLOCK_BATCH_MQ }), 0)
    }))

  it.effect("filters by tag and by SQL let through what they match", () =>
    Effect.gen(function*() {
      const peer = yield* JavaPeer
      const topic = yield* newTopic("filtered")
      for (const [index, body] of numbered(12).entries()) {
        yield* peer.send({
          topic: topic.name,
          body: Buffer.from(body),
          tags: ["red", "green", "blue"][index % 3]!,
          properties: { n: String(index) }
        })
      }
      const subscriptions = [
        { group: "by-tag", expression: "red || green", sql: false, matches: (index: number) => index % 3 !== 2 },
        {
          group: "by-sql",
          expression: "(n BETWEEN 4 AND 9 OR n = 11) AND TAGS IN ('red', 'blue')",
          sql: true,
          matches: (index: number) => (index >= 4 && index <= 9 || index === 11) && index % 3 !== 1
        }
      ]
      for (const { group, expression, sql } of subscriptions) {
        yield* peer.subscribe({ id: group, group, topic: topic.name, expression, sql })
      }
      const expected = subscriptions.map(({ matches }) => numbered(12).filter((_, index) => matches(index)))
      for (const [index, { group }] of subscriptions.entries()) {
        yield* peer.consumed(group, expected[index]!.length)
      }
      // What does not match is passed over when something comes that does.
      for (const brokerName of brokers) {
        for (let queueId = 0; queueId < queues; queueId++) {
          yield* peer.send({ topic: topic.name, body: Buffer.from("end"), tags: "red", properties: { n: "11" } }, {
            queue: { brokerName, queueId }
          })
        }
      }
      const ends = Array.from({ length: brokers.length * queues }, () => "end")
      for (const [index, { group }] of subscriptions.entries()) {
        const bodies = [...ends, ...expected[index]!]
        assert.deepStrictEqual(sorted(takenBodies(yield* peer.consumed(group, bodies.length))), bodies)
        yield* peer.leave(group)
        assert.strictEqual(yield* committed(group, topic.name), 12 + ends.length)
      }
    }))

  it.effect("each consumer of a broadcast takes each message, and brokers keep no offsets", () =>
    Effect.gen(function*() {
      const peer = yield* JavaPeer
      const rocketmq = yield* EmbeddedRocketMQ.EmbeddedRocketMQ
      const topic = yield* newTopic("broadcast")
      const group = "listeners"
      for (const id of ["broadcast-1", "broadcast-2"]) {
        yield* peer.subscribe({ id, group, topic: topic.name, broadcasting: true })
      }
      yield* eventually(
        "both are there",
        () => rocketmq.brokers.every(({ consumers }) => consumers(group).length === 2)
      )
      yield* Effect.forEach(numbered(8), (body) => peer.send({ topic: topic.name, body: Buffer.from(body) }))
      const deliveries = yield* peer.consumed(group, 16)
      for (const id of ["broadcast-1", "broadcast-2"]) {
        assert.deepStrictEqual(sorted(takenBodies(deliveries.filter(({ consumer }) => consumer === id))), numbered(8))
        yield* peer.leave(id)
      }
      assert.isUndefined(yield* committed(group, topic.name))
    }))

  it.effect("pull consumers and lite pull consumers go on where their group is", () =>
    Effect.gen(function*() {
      const peer = yield* JavaPeer
      const topic = yield* newTopic("pulled")
      const send = (bodies: ReadonlyArray<string>) =>
        Effect.forEach(bodies, (body) => peer.send({ topic: topic.name, body: Buffer.from(body) }))
      yield* send(numbered(12))
      const bodies = (messages: ReadonlyArray<Peer.PeerPulled>) => messages.map(({ body }) => body)

      const pull = { group: "pullers", topic: topic.name }
      const half = yield* peer.pull({ id: "pull-1", count: 6, ...pull })
      assert.strictEqual(yield* committed("pullers", topic.name), 6)
      const rest = yield* peer.pull({ id: "pull-2", count: 6, ...pull })
      assert.deepStrictEqual(sorted(bodies([...half, ...rest])), numbered(12))
      assert.strictEqual(yield* committed("pullers", topic.name), 12)

      const lite = { group: "lite-pullers", topic: topic.name }
      const all = yield* peer.litePull({ id: "lite-1", count: 12, ...lite })
      assert.deepStrictEqual(sorted(bodies(all)), numbered(12))
      assert.strictEqual(yield* committed("lite-pullers", topic.name), 12)
      yield* send(numbered(4, "n"))
      const later = yield* peer.litePull({ id: "lite-2", count: 4, ...lite })
      assert.deepStrictEqual(sorted(bodies(later)), numbered(4, "n"))

      const assigned = yield* peer.litePull({
        id: "lite-3",
        count: 16,
        assign: true,
        group: "assigned-pullers",
        topic: topic.name
      })
      assert.deepStrictEqual(sorted(bodies(assigned)), [...numbered(12), ...numbered(4, "n")])
      assert.strictEqual(yield* committed("assigned-pullers", topic.name), 16)
    }))

  it.effect("consumers that pop share queues, acknowledge, and see again what they failed", () =>
    Effect.gen(function*() {
      const peer = yield* JavaPeer
      const { journal } = yield* EmbeddedRocketMQ.EmbeddedRocketMQ
      const topic = yield* newTopic("popped")
      const group = "poppers"
      const printed = yield* peer.admin(
        ...["setConsumeMode", "-c", "DefaultCluster", "-t", topic.name, "-g", group, "-m", "POP", "-q", "2"]
      )
      assert.lengthOf([...printed.matchAll(/set consume mode to \S+ success/g)], 2)
      assert.lengthOf(journal.entries({ code: RequestCode.SET_MESSAGE_REQUEST_MODE, outcome: "Answered" }), 2)
      for (const id of ["pop-1", "pop-2"]) {
        yield* peer.subscribe({ id, group, topic: topic.name, pop: true })
      }
      for (const body of numbered(30)) {
        yield* peer.send({
          topic: topic.name,
          body: Buffer.from(body),
          ...(body === "m-007" ? { properties: { failures: "1" } } : {})
        })
      }
      const deliveries = yield* peer.consumed(group, 30)
      assert.deepStrictEqual(sorted(takenBodies(deliveries)), numbered(30))
      assert.deepStrictEqual(
        deliveries.filter(({ body }) => body === "m-007").map(({ reconsumeTimes, taken }) => [reconsumeTimes, taken]),
        [[0, false], [1, true]]
      )
      for (const id of ["pop-1", "pop-2"]) {
        yield* peer.leave(id)
      }
      assert.strictEqual(yield* committed(group, topic.name), 30)
      const codes = new Set(
        journal.entries().filter(({ extFields }) => extFields.consumerGroup === group && extFields.topic === topic.name)
          .map(({ code }) => code)
      )
      assert.isTrue(codes.has(RequestCode.POP_MESSAGE))
      assert.isTrue(codes.has(RequestCode.ACK_MESSAGE))
      assert.isTrue(codes.has(RequestCode.CHANGE_MESSAGE_INVISIBLETIME))
      assert.isFalse(codes.has(RequestCode.PULL_MESSAGE))
    }))

  // mqadmin.

  it.effect("mqadmin: makes a topic, sends to it, finds the message, and takes the topic away", () =>
    Effect.gen(function*() {
      const peer = yield* JavaPeer
      const rocketmq = yield* EmbeddedRocketMQ.EmbeddedRocketMQ
      const topic = "made-by-mqadmin"
      const made = yield* peer.admin("updateTopic", "-c", "DefaultCluster", "-t", topic, "-r", "3", "-w", "2")
      for (const { address } of rocketmq.brokers) {
        assert.include(made, `create topic to ${address} success.`)
      }
      assert.include(made, "readQueueNums=3, writeQueueNums=2, perm=RW-")

      const sent = rows(
        yield* peer.admin(
          "sendMessage",
          "-t",
          topic,
          "-p",
          "hello",
          "-k",
          "key-1",
          "-c",
          "red",
          "-b",
          "broker-b",
          "-i",
          "1"
        )
      )
      const [message] = rocketmq.messages(topic)
      assert.deepStrictEqual(sent, [["broker-b", "1", "SEND_OK", message!.messageId]])
      assert.strictEqual(Message.text(message!), "hello")

      const listed = (yield* peer.admin("topicList")).trim().split("\n")
      assert.includeMembers(listed, [topic, "broker-a", "broker-b", "DefaultCluster", "TBW102"])

      const route = routeOf(yield* peer.admin("topicRoute", "-t", topic))
      assert.sameDeepMembers(
        route.brokerDatas.map(({ brokerAddrs, brokerName, cluster }: Record<string, unknown>) => ({
          brokerAddrs,
          brokerName,
          cluster
        })),
        rocketmq.brokers.map(({ address, brokerName }) => ({
          brokerAddrs: { 0: address },
          brokerName,
          cluster: "DefaultCluster"
        }))
      )
      assert.sameDeepMembers(
        route.queueDatas,
        brokers.map((brokerName) => ({ brokerName, perm: 6, readQueueNums: 3, writeQueueNums: 2, topicSysFlag: 0 }))
      )

      const status = rows(yield* peer.admin("topicStatus", "-t", topic))
      assert.deepStrictEqual(
        status.map((cells) => cells.slice(0, 4).join(" ")),
        [
          "broker-a 0 0 0",
          "broker-a 1 0 0",
          "broker-a 2 0 0",
          "broker-b 0 0 0",
          "broker-b 1 0 1",
          "broker-b 2 0 0"
        ]
      )

      const byId = yield* peer.admin("queryMsgById", "-t", topic, "-i", message!.offsetId)
      const field = (name: string) => new RegExp(`${name}: +(.*)`).exec(byId)?.[1]
      assert.strictEqual(field("OffsetID"), message!.offsetId)
      assert.strictEqual(field("Topic"), topic)
      assert.strictEqual(field("Tags"), "[red]")
      assert.strictEqual(field("Keys"), "[key-1]")
      assert.strictEqual(field("Queue ID"), "1")
      assert.strictEqual(field("Queue Offset"), "0")
      assert.strictEqual(field("Store Host"), rocketmq.broker("broker-b").address)
      assert.strictEqual(field("Born Host")?.split(":")[0], "127.0.0.1")
      assert.include(field("Properties"), `UNIQ_KEY=${message!.messageId}`)
      rmSync(field("Message Body Path")!, { force: true })

      const byUniqueKey = yield* peer.admin("queryMsgByUniqueKey", "-t", topic, "-i", message!.messageId)
      assert.match(byUniqueKey, /Store Timestamp: +\S+/)
      assert.match(byUniqueKey, new RegExp(`Properties: +.*UNIQ_KEY=${message!.messageId}`))
      rmSync(/Message Body Path: +(.*)/.exec(byUniqueKey)![1]!, { force: true })

      const byKey = rows(yield* peer.admin("queryMsgByKey", "-t", topic, "-k", "key-1"))
      assert.deepStrictEqual(byKey.map((cells) => cells.slice(0, 3)), [[message!.messageId, "1", "0"]])

      const deleted = yield* peer.admin("deleteTopic", "-c", "DefaultCluster", "-t", topic)
      assert.include(deleted, `delete topic [${topic}] from cluster [DefaultCluster] success.`)
      assert.include(deleted, `delete topic [${topic}] from NameServer success.`)
      assert.notInclude((yield* peer.admin("topicList")).split("\n"), topic)
      assert.isEmpty(rocketmq.messages(topic))
    }))

  it.effect("mqadmin: the cluster and its brokers", () =>
    Effect.gen(function*() {
      const peer = yield* JavaPeer
      const rocketmq = yield* EmbeddedRocketMQ.EmbeddedRocketMQ
      const cluster = rows(yield* peer.admin("clusterList"))
      assert.deepStrictEqual(
        cluster.map((cells) => cells.slice(0, 5).join(" ")),
        rocketmq.brokers.map(({ address, brokerName }) => `DefaultCluster ${brokerName} 0 ${address} V5_5_0`)
      )
      assert.isTrue(cluster.every((cells) => cells[cells.length - 1] === "true"))
      const stored = (name: string) =>
        rocketmq.journal.entries({ server: name, code: RequestCode.SEND_MESSAGE_V2, outcome: "Answered" }).length
      for (const { address, name } of rocketmq.brokers) {
        const status = yield* peer.admin("brokerStatus", "-b", address)
        assert.match(status, /brokerVersionDesc +: V5_5_0/)
        const put = Number(/msgPutTotalTodayNow +: (\d+)/.exec(status)?.[1])
        assert.isAtLeast(put, stored(name) / 2)
      }
    }))

  it.effect("mqadmin: who is connected, and how far groups have come", () =>
    Effect.gen(function*() {
      const peer = yield* JavaPeer
      const rocketmq = yield* EmbeddedRocketMQ.EmbeddedRocketMQ
      const topic = yield* newTopic("progress")
      const group = "watched"
      const made = yield* peer.admin("updateSubGroup", "-c", "DefaultCluster", "-g", group, "-r", "3", "-s", "true")
      assert.lengthOf([...made.matchAll(/create subscription group to \S+ success/g)], 2)
      assert.include(made, "retryMaxTimes=3")
      yield* peer.subscribe({ id: "watched-1", group, topic: topic.name, expression: "red || green" })
      for (const body of numbered(10)) {
        yield* peer.send({ topic: topic.name, body: Buffer.from(body), tags: "red" }, { group: "watched-producers" })
      }
      yield* peer.consumed(group, 10)
      yield* peer.commit("watched-1")
      yield* untilCommitted(group, topic.name, 10)

      const consumers = yield* peer.admin("consumerConnection", "-g", group)
      assert.match(consumers, /\S+@watched-1 +127\.0\.0\.1:\d+ +JAVA +V5_5_0/)
      assert.match(consumers, /progress +red \|\| green/)
      assert.include(consumers, "ConsumeType: CONSUME_PASSIVELY")
      assert.include(consumers, "MessageModel: CLUSTERING")
      assert.include(consumers, "ConsumeFromWhere: CONSUME_FROM_FIRST_OFFSET")

      const producers = yield* peer.admin("producerConnection", "-g", "watched-producers", "-t", topic.name)
      assert.match(producers, /0001 +\S+@producer-\d+ +127\.0\.0\.1:\d+ +JAVA +V5_5_0/)

      const printed = yield* peer.admin("consumerProgress", "-g", group)
      const progress = rows(printed).filter(([name]) => name === topic.name)
      const counts = new Map<string, number>()
      for (const { brokerName, queueId } of rocketmq.messages(topic.name)) {
        const queue = `${brokerName} ${queueId}`
        counts.set(queue, (counts.get(queue) ?? 0) + 1)
      }
      assert.deepStrictEqual(
        progress.map((cells) => cells.slice(1, 6).join(" ")),
        brokers.flatMap((name) =>
          Array.from({ length: queues }, (_, queueId) => {
            const count = counts.get(`${name} ${queueId}`) ?? 0
            return `${name} ${queueId} ${count} ${count} 0`
          })
        )
      )
      assert.include(printed, "Consume Diff Total: 0")
      const groups = rows(yield* peer.admin("consumerProgress"))
      assert.deepInclude(groups.map((cells) => [cells[0], cells[1], cells[2], cells[3], cells[4]]), [
        group,
        "1",
        "V5_5_0",
        "PUSH",
        "CLUSTERING"
      ])
      yield* peer.leave("watched-1")
    }))

  it.effect("mqadmin: what a consumer does, and a message that it takes again", () =>
    Effect.gen(function*() {
      const peer = yield* JavaPeer
      const rocketmq = yield* EmbeddedRocketMQ.EmbeddedRocketMQ
      const topic = yield* newTopic("again")
      const group = "again-consumers"
      yield* peer.subscribe({ id: "again-1", group, topic: topic.name })
      yield* peer.send({ topic: topic.name, body: Buffer.from("once more") })
      yield* peer.consumed(group, 1)
      const clientId = rocketmq.broker().consumers(group)[0]!

      const status = yield* peer.admin("consumerStatus", "-g", group, "-i", clientId)
      assert.match(status, /#Consumer Subscription#[^]*Topic: again +ClassFilter: false +SubExpression: \*/)
      assert.match(status, /PROP_CONSUME_TYPE +: CONSUME_PASSIVELY/)

      const { offsetId } = topic.stored()[0]!
      const result = yield* peer.admin("queryMsgById", "-t", topic.name, "-i", offsetId, "-g", group, "-d", clientId)
      assert.include(result, "consumeResult=CR_SUCCESS")
      assert.deepStrictEqual(takenBodies(yield* peer.consumed(group, 2)), ["once more", "once more"])
      yield* peer.leave("again-1")
      assert.strictEqual(yield* committed(group, topic.name), 1)
    }))

  // Through the proxies.

  it.effect("through a proxy: messages of all forms", () =>
    Effect.gen(function*() {
      const rocketmq = yield* EmbeddedRocketMQ.EmbeddedRocketMQ
      const peer = (yield* JavaPeer).at(rocketmq.balancer!.address)
      const topic = yield* newTopic("proxied")
      const options = { group: "proxied-producers" }
      const result = yield* peer.send({ topic: topic.name, body: Buffer.from("sync"), keys: ["key"] }, options)
      assert.deepInclude(result, { status: "SEND_OK", msgId: topic.stored()[0]!.messageId })
      yield* peer.send({ topic: topic.name, body: Buffer.from("async") }, { ...options, async: true })
      yield* peer.sendOneway({ topic: topic.name, body: Buffer.from("oneway") }, options)
      yield* peer.send({ topic: topic.name, body: Buffer.from("chosen") }, { ...options, selectBy: "order-1" })
      const batch = numbered(3).map((body) => ({ topic: topic.name, body: Buffer.from(body) }))
      yield* peer.sendBatch(batch, options)
      yield* eventually("all are there", () => topic.stored().length === 7)
      assert.deepStrictEqual(topic.bodies(), ["async", "chosen", ...numbered(3), "oneway", "sync"])
      const servers = (yield* journaled(topic.name, RequestCode.SEND_MESSAGE_V2)).map(({ server }) => server)
      assert.isTrue(servers.some((name) => name.startsWith("proxy-")))

      const delayed = yield* newTopic("proxied-delays", { messageType: "DELAY" })
      yield* peer.send({ topic: delayed.name, body: Buffer.from("level"), delayLevel: 1 }, options)
      yield* peer.send({ topic: delayed.name, body: Buffer.from("delay"), delayMillis: 1_000 }, options)

      const transactions = yield* newTopic("proxied-transactions", { messageType: "TRANSACTION" })
      const begin = (body: string, state: Peer.LocalTransactionState, checked: Peer.LocalTransactionState) =>
        peer.sendInTransaction({ topic: transactions.name, body: Buffer.from(body) }, {
          group: "proxied-transactions",
          state,
          checked
        })
      yield* begin("committed", "COMMIT_MESSAGE", "COMMIT_MESSAGE")
      // A proxy lets brokers ask clients whom it has heard of.
      const [half] = yield* journaled(transactions.name, RequestCode.SEND_MESSAGE_V2)
      yield* eventually("the producer is known", () =>
        rocketmq.journal.entries({ code: RequestCode.HEART_BEAT }).some((entry) => entry.peer === half!.peer))
      yield* begin("rolled back", "ROLLBACK_MESSAGE", "ROLLBACK_MESSAGE")
      yield* begin("unknown, then committed", "UNKNOW", "COMMIT_MESSAGE")
      yield* eventually("transactions have ended", () =>
        transactions.stored().length === 2)
      assert.deepStrictEqual(transactions.bodies(), ["committed", "unknown, then committed"])
      yield* eventually("delays are over", () => delayed.stored().length === 2)

      const { message } = yield* Effect.flip(
        peer.send({ topic: topic.name, body: Buffer.from("no"), delayLevel: 1 }, options)
      )
      assert.match(message, /CODE: 13/)
    }))

  it.effect("through a proxy: push consumers, with retries, filters and order", () =>
    Effect.gen(function*() {
      const rocketmq = yield* EmbeddedRocketMQ.EmbeddedRocketMQ
      const peer = (yield* JavaPeer).at(rocketmq.balancer!.address)
      const topic = yield* newTopic("proxied-pushes")
      const options = { group: "proxied-producers" }
      const groups = ["proxied-consumers", "proxied-orderly", "proxied-filter"] as const
      yield* peer.subscribe({ id: "proxied-1", group: groups[0], topic: topic.name, maxReconsumeTimes: 1 })
      yield* peer.subscribe({ id: "proxied-2", group: groups[0], topic: topic.name, maxReconsumeTimes: 1 })
      yield* peer.subscribe({ id: "proxied-3", group: groups[1], topic: topic.name, orderly: true })
      yield* peer.subscribe({ id: "proxied-4", group: groups[2], topic: topic.name, expression: "red" })
      yield* untilDivided(peer, topic.name, ["proxied-1", "proxied-2"])
      for (const [index, body] of numbered(24).entries()) {
        yield* peer.send({
          topic: topic.name,
          body: Buffer.from(body),
          tags: index % 2 === 0 ? "red" : "green",
          ...(body === "m-007" ? { properties: { failures: "1" } } : {})
        }, { ...options, selectBy: `order-${index % 6}` })
      }
      const concurrent = yield* peer.consumed(groups[0], 24)
      assert.deepStrictEqual(sorted(takenBodies(concurrent)), numbered(24))
      assert.deepStrictEqual(
        concurrent.filter(({ body }) => body === "m-007").map(({ reconsumeTimes, taken }) => [reconsumeTimes, taken]),
        [[0, false], [1, true]]
      )
      const orderly = yield* peer.consumed(groups[1], 24)
      for (const offsets of byQueue(orderly).values()) {
        assert.deepStrictEqual(offsets, offsets.map((_, index) => index))
      }
      const red = numbered(24).filter((_, index) => index % 2 === 0)
      assert.deepStrictEqual(sorted(takenBodies(yield* peer.consumed(groups[2], red.length))), red)
      yield* peer.send({ topic: topic.name, body: Buffer.from("ever"), properties: { failures: "9" } }, options)
      yield* eventually("it is dead", () => rocketmq.messages(`%DLQ%${groups[0]}`).length === 1)
      yield* Effect.forEach(["proxied-1", "proxied-2", "proxied-3", "proxied-4"], peer.leave)
      // Each message was taken, or is among the dead.
      yield* untilCommitted(groups[0], topic.name, 25)
    }))
})
