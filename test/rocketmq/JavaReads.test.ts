import { assert, layer } from "@effect/vitest"
import * as Message from "effect-rocketmq/client/Message"
import * as Producer from "effect-rocketmq/client/Producer"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import { rmSync } from "node:fs"
import * as Backend from "../contract/Backend.ts"
import * as Broker from "./harness/Broker.ts"
import * as Cluster from "./harness/Cluster.ts"
import type { HarnessError } from "./harness/HarnessError.ts"
import * as Peer from "./harness/Peer.ts"
import * as RealBackend from "./harness/RealBackend.ts"

/** The official Java client and mqadmin, at the cluster. */
class JavaPeer extends Context.Service<JavaPeer, Peer.Peer>()("effect-rocketmq/test/JavaPeer") {}

const javaPeer: Layer.Layer<JavaPeer, HarnessError, Cluster.Cluster> = Layer.effect(
  JavaPeer,
  Effect.flatMap(Cluster.Cluster, ({ nameServer }) => Peer.make(nameServer.address))
)

const backendLayer = RealBackend.layer(
  Effect.map(Cluster.Cluster, ({ broker, nameServer }) => ({
    name: "broker 5.5.0",
    nameServer,
    brokers: { "broker-a": broker }
  }))
)

const group = "both-producers"

/** A producer of ours, in the current scope. */
const ours = (options?: Partial<Producer.ProducerOptions> & { readonly namespace?: string }) =>
  Effect.gen(function*() {
    const { nameServer } = yield* Cluster.Cluster
    const { namespace, ...rest } = options ?? {}
    const context = yield* Layer.build(
      Producer.layer({
        nameServers: [nameServer.address],
        group,
        metrics: false,
        ...(namespace === undefined ? {} : { namespace }),
        ...rest
      })
    )
    return Context.get(context, Producer.Producer)
  })

/** What no two messages have in common: where and when they were stored, ids, and what counts time. */
const ofItsOwn = new Set([
  "UNIQ_KEY",
  "__transactionId__",
  "MIN_OFFSET",
  "MAX_OFFSET",
  "TIMER_ENQUEUE_MS",
  "TIMER_DEQUEUE_MS",
  "TIMER_OUT_MS",
  "TIMER_DELAY_LEVEL",
  "TIMER_DELIVER_MS"
])

/** A message without what no two messages have in common; of such properties, whether they are there. */
const comparable = (message: Peer.PeerReceived) => {
  const {
    bodyCrc,
    bornHost,
    bornTimestamp,
    msgId,
    offsetMsgId,
    preparedTransactionOffset,
    properties,
    queueOffset: _queueOffset,
    storeSize: _storeSize,
    storeTimestamp,
    transactionId,
    ...rest
  } = message
  const compressed = message.body.length >= 4_096
  return {
    ...rest,
    bornHost,
    // Two compressors need not come to the same bytes.
    bodyCrc: compressed ? 0 : bodyCrc,
    half: preparedTransactionOffset > 0,
    transactionId: transactionId !== undefined,
    // An id of IPv4 is shorter.
    msgId: /^([0-9A-F]{32}|[0-9A-F]{56})$/.test(msgId) && msgId === properties.UNIQ_KEY,
    offsetMsgId: /^[0-9A-F]{32}$/.test(offsetMsgId),
    times: bornTimestamp > 1.7e12 && storeTimestamp >= bornTimestamp - 1_000,
    properties: Object.fromEntries(
      Object.entries(properties).map((
        [name, value]
      ) => [name, ofItsOwn.has(name) ? "…" : name === "REAL_TOPIC" && value === message.topic ? "<topic>" : value])
        .sort()
    )
  }
}

interface Comparison {
  readonly name: string
  /** How many messages each side sends. Default: 1. */
  readonly count?: number
  readonly type?: string
  readonly queues?: number
  /** The namespace of both sides. */
  readonly namespace?: string
  readonly java: (peer: Peer.Peer, topic: string) => Effect.Effect<unknown, unknown>
  readonly ours: (producer: Producer.Service, topic: string) => Effect.Effect<unknown, unknown>
  readonly options?: Partial<Producer.ProducerOptions>
}

const body = Buffer.from("größer als 日本 😀")
const large = Buffer.from("größer ".repeat(1_000))

const comparisons: ReadonlyArray<Comparison> = [
  {
    name: "plain messages",
    java: (peer, topic) => peer.send({ topic, body }, { group }),
    ours: (producer, topic) => producer.send({ topic, body })
  },
  {
    name: "flags, tags, keys and properties",
    java: (peer, topic) =>
      peer.send({
        topic,
        body,
        flag: -7,
        tags: "red",
        keys: ["key-1", "key-2"],
        properties: { größe: "größer als 日本 😀", "a b": "c=d" }
      }, { group }),
    ours: (producer, topic) =>
      producer.send({
        topic,
        body,
        flag: -7,
        tags: "red",
        keys: ["key-1", "key-2"],
        properties: { größe: "größer als 日本 😀", "a b": "c=d" }
      })
  },
  {
    name: "messages that need not wait",
    java: (peer, topic) => peer.send({ topic, body, waitStoreMsgOk: false }, { group }),
    ours: (producer, topic) => producer.send({ topic, body, waitStoreMsgOk: false })
  },
  {
    name: "oneway messages",
    java: (peer, topic) => peer.sendOneway({ topic, body, tags: "red" }, { group }),
    ours: (producer, topic) => producer.sendOneway({ topic, body, tags: "red" })
  },
  {
    name: "batches",
    count: 3,
    java: (peer, topic) =>
      peer.sendBatch([
        { topic, body, tags: "red", keys: ["key-1"], flag: 3 },
        { topic, body: Buffer.from("second"), properties: { n: "2" } },
        { topic, body: Buffer.from("third") }
      ], { group }),
    ours: (producer, topic) =>
      producer.sendBatch([
        { topic, body, tags: "red", keys: ["key-1"], flag: 3 },
        { topic, body: "second", properties: { n: "2" } },
        { topic, body: "third" }
      ])
  },
  ...(["ZLIB", "LZ4", "ZSTD"] as const).map((type): Comparison => ({
    name: `bodies compressed by ${type}`,
    java: (peer, topic) => peer.send({ topic, body: large }, { group, compressType: type }),
    ours: (producer, topic) => producer.send({ topic, body: large }),
    options: { compression: { type } }
  })),
  {
    name: "messages with a sharding key",
    java: (peer, topic) => peer.send({ topic, body, shardingKey: "order-1" }, { group }),
    ours: (producer, topic) => producer.send({ topic, body, shardingKey: "order-1" })
  },
  {
    name: "messages with a priority",
    java: (peer, topic) => peer.send({ topic, body, priority: 3 }, { group }),
    ours: (producer, topic) => producer.send({ topic, body, priority: 3 })
  },
  {
    name: "messages delayed by level",
    java: (peer, topic) => peer.send({ topic, body, delayLevel: 1, tags: "red" }, { group }),
    ours: (producer, topic) => producer.send({ topic, body, delayLevel: 1, tags: "red" })
  },
  {
    name: "messages delayed by time",
    java: (peer, topic) => peer.send({ topic, body, delayMillis: 1_500, tags: "red" }, { group }),
    ours: (producer, topic) => producer.send({ topic, body, delay: 1_500, tags: "red" })
  },
  {
    name: "messages delivered at a time",
    java: (peer, topic) => peer.send({ topic, body, deliverAtMillis: Date.now() + 1_500 }, { group }),
    ours: (producer, topic) => producer.send({ topic, body, deliverAt: Date.now() + 1_500 })
  },
  {
    name: "messages of transactions",
    type: "TRANSACTION",
    java: (peer, topic) =>
      peer.sendInTransaction({ topic, body, tags: "red", keys: ["key"] }, {
        group: "both-transactions",
        state: "COMMIT_MESSAGE"
      }),
    ours: (producer, topic) =>
      producer.sendInTransaction({ topic, body, tags: "red", keys: "key" }, () => Effect.succeed("Commit" as const)),
    options: { group: "both-transactions" }
  },
  {
    name: "messages of transactions that the broker asked about",
    type: "TRANSACTION",
    java: (peer, topic) =>
      peer.sendInTransaction({ topic, body }, {
        group: "both-asked",
        state: "UNKNOW",
        checked: "COMMIT_MESSAGE"
      }),
    ours: (producer, topic) => producer.sendInTransaction({ topic, body }, () => Effect.succeed("Unknown" as const)),
    options: { group: "both-asked-ours", checkTransaction: () => Effect.succeed("Commit" as const) }
  },
  {
    name: "messages of a namespace",
    namespace: "tenant",
    java: (peer, topic) => peer.send({ topic, body, tags: "red" }, { group, namespace: "tenant" }),
    ours: (producer, topic) => producer.send({ topic, body, tags: "red" })
  }
]

/** PGROUP of the two sides of the case whose groups must differ, for each to be asked about its own. */
const unified = (message: ReturnType<typeof comparable>) => ({
  ...message,
  properties: Object.fromEntries(
    Object.entries(message.properties).map((
      [name, value]
    ) => [name, value === "both-asked-ours" ? "both-asked" : value])
  )
})

layer(
  Layer.provideMerge(
    Layer.merge(javaPeer, backendLayer),
    Cluster.layer("5.5.0", {
      recallMessageEnable: true,
      transactionTimeOut: 1_000,
      transactionCheckInterval: 1_000,
      transactionOpBatchInterval: 50
    })
  ),
  { timeout: "3 minutes", excludeTestServices: true }
)("what the official Java 5.5.0 reads of ours equals what it reads of its own", (it) => {
  for (const [index, comparison] of comparisons.entries()) {
    it.effect(comparison.name, () =>
      Effect.gen(function*() {
        const cluster = yield* Cluster.Cluster
        const peer = yield* JavaPeer
        const count = comparison.count ?? 1
        const { namespace } = comparison
        const name = (topic: string) => namespace === undefined ? topic : `${namespace}%${topic}`
        const read = (topic: string) =>
          peer.read(topic, count, { timeoutMillis: 10_000, ...(namespace === undefined ? {} : { namespace }) })
        const [theirTopic, ourTopic] = [`java-${index}`, `ours-${index}`]
        for (const topic of [theirTopic, ourTopic]) {
          yield* Broker.createTopic(name(topic), cluster)
        }
        yield* comparison.java(peer, theirTopic)
        const producer = yield* ours({ ...comparison.options, ...(namespace === undefined ? {} : { namespace }) })
        yield* comparison.ours(producer, ourTopic)
        const theirs = (yield* read(theirTopic)).map(comparable)
        const of = (yield* read(ourTopic)).map(comparable).map(unified)
        assert.strictEqual(theirs.length, count)
        assert.deepStrictEqual(
          of.map((message) => ({ ...message, topic: theirTopic })),
          theirs.map((message) => ({
            ...message,
            topic: theirTopic
          }))
        )
      }))
  }

  it.effect("mqadmin: messages by id, by unique key and by key, and who sent them", () =>
    Effect.gen(function*() {
      const cluster = yield* Cluster.Cluster
      const peer = yield* JavaPeer
      const [theirTopic, ourTopic] = ["mqadmin-java", "mqadmin-ours"]
      for (const topic of [theirTopic, ourTopic]) {
        yield* Broker.createTopic(topic, cluster)
      }
      const message = { body, tags: "red", keys: ["key-1", "key-2"], properties: { n: "1" } }
      const producer = yield* ours()
      const theirs = yield* peer.send({ topic: theirTopic, ...message }, { group })
      const sent = yield* producer.send({ topic: ourTopic, ...message })
      yield* peer.read(theirTopic, 1)
      yield* peer.read(ourTopic, 1)

      const looks = (topic: string, messageId: string, offsetId: string) =>
        Effect.gen(function*() {
          const printed = [
            yield* peer.admin("queryMsgById", "-t", topic, "-i", offsetId),
            yield* peer.admin("queryMsgByUniqueKey", "-t", topic, "-i", messageId),
            // The index is filled behind the log.
            yield* peer.admin("queryMsgByKey", "-t", topic, "-k", "key-2").pipe(
              Effect.repeat({
                until: (table) => table.includes(messageId),
                times: 50,
                schedule: Schedule.spaced("100 millis")
              })
            )
          ].join("\n")
          for (const [, path] of printed.matchAll(/Message Body Path: *(\S+)/g)) {
            yield* Effect.sync(() => rmSync(path, { force: true }))
          }
          return printed
            .replaceAll(messageId, "<id>")
            .replaceAll(offsetId, "<offset id>")
            .replaceAll(topic, "<topic>")
            .replaceAll(/\d{4}-\d\d-\d\d [\d:,]+/g, "<time>")
            .replaceAll(/CommitLog Offset: *\d+/g, "<offset>")
            .replaceAll(/(Born Host: *[\d.]+:)\d+/g, "$1<port>")
            .replaceAll(/\b1\d{12}@/g, "<hour>@")
            .replaceAll(/<id>@\d+/g, "<id>@<offset>")
            .replaceAll(/ {2,}/g, " ")
        })
      const [of, their] = [
        yield* looks(ourTopic, sent.messageId, sent.offsetId),
        yield* looks(theirTopic, theirs.msgId, theirs.offsetMsgId!)
      ]
      // Properties are printed in the order of a hash table, and the id is a part of it.
      assert.sameMembers(of.split(/[\n,{}]+/), their.split(/[\n,{}]+/))
      assert.include(of, "Tags: [red]")

      const connections = yield* peer.admin("producerConnection", "-t", ourTopic, "-g", group)
      assert.include(connections, producer.clientId)
      assert.include(connections, "V5_5_0")
      const status = yield* peer.admin("topicStatus", "-t", ourTopic)
      assert.match(status, /broker-a +0 +0 +1 /)
    }))

  it.effect("its consumer replies to our requests, and we reply to its own", () =>
    Effect.gen(function*() {
      const cluster = yield* Cluster.Cluster
      const peer = yield* JavaPeer
      for (const topic of ["asked-by-us", "asked-by-java"]) {
        yield* Broker.createTopic(topic, cluster)
      }
      const producer = yield* ours({ group: "asking" })
      yield* peer.reply("asked-by-us", "java-repliers")
      const reply = yield* producer.request({ topic: "asked-by-us", body: "größer als 日本" }, {
        timeout: "20 seconds"
      })
      assert.strictEqual(Message.text(reply), "re: größer als 日本")
      const compressed = yield* producer.request({ topic: "asked-by-us", body: "x".repeat(10_000) }, {
        timeout: "20 seconds"
      })
      assert.strictEqual(Message.text(compressed), `re: ${"x".repeat(10_000)}`)

      const asked = yield* Effect.forkChild(
        peer.request({ topic: "asked-by-java", body }, { timeoutMillis: 20_000 })
      )
      const backend = yield* Backend.Backend
      const [question] = yield* backend.readUntil("asked-by-java", 1)
      const received = Message.fromStored(question, { brokerName: "broker-a" })
      assert.isTrue("body" in received)
      if ("body" in received) {
        yield* producer.reply(received, `re: ${Message.text(received)}`)
      }
      const answered = yield* Fiber.join(asked)
      assert.strictEqual(Buffer.from(answered.body, "base64").toString("utf8"), `re: ${body.toString("utf8")}`)
    }))

  it.effect("recalls by our handles, and we by its own", () =>
    Effect.gen(function*() {
      const cluster = yield* Cluster.Cluster
      const peer = yield* JavaPeer
      yield* Broker.createTopic("recalls", cluster)
      const producer = yield* ours()
      const our = yield* producer.send({ topic: "recalls", body, delay: "60 seconds" })
      const their = yield* peer.send({ topic: "recalls", body, delayMillis: 60_000 }, { group })
      assert.strictEqual(yield* peer.recall("recalls", our.recallHandle!), our.messageId)
      assert.strictEqual(yield* producer.recall("recalls", their.recallHandle!), their.msgId)
    }))
})
