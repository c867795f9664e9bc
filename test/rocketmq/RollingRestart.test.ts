import { assert, describe, it, layer } from "@effect/vitest"
import * as MqClient from "effect-rocketmq/client/MqClient"
import * as Producer from "effect-rocketmq/client/Producer"
import * as RemotingClient from "effect-rocketmq/remoting/RemotingClient"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Backend, bodyText } from "../contract/Backend.ts"
import * as Broker from "./harness/Broker.ts"
import * as Load from "./harness/Load.ts"
import * as NameServer from "./harness/NameServer.ts"
import * as RealBackend from "./harness/RealBackend.ts"
import type { Server } from "./harness/Server.ts"

const rate = 500
const drainSeconds = 3
const group = "rolling-producers"

/** A JVM that starts takes every core there is for seconds; the brokers that go on then answer late. */
const timeout = "20 seconds"

/** Two brokers that drain, on one name server. */
class TwoBrokers extends Context.Service<TwoBrokers, {
  readonly nameServer: Server
  readonly brokers: ReadonlyArray<Server>
  readonly createTopic: (topic: string) => Effect.Effect<void>
}>()("effect-rocketmq/test/TwoBrokers") {}

const twoBrokers = Layer.effect(
  TwoBrokers,
  Effect.gen(function*() {
    const nameServer = yield* NameServer.make({ version: "5.5.0" })
    const brokers = yield* Effect.forEach(
      ["broker-a", "broker-b"],
      (name) => Broker.make({ version: "5.5.0", nameServer, name, drainSeconds }),
      { concurrency: 2 }
    )
    return {
      nameServer,
      brokers,
      createTopic: (topic) => Effect.orDie(Broker.createTopic(topic, { broker: brokers, nameServer }, { queues: 4 }))
    }
  })
)

const backend = RealBackend.layer(
  Effect.map(TwoBrokers, ({ brokers: [a, b], nameServer }) => ({
    name: "two brokers 5.5.0",
    nameServer,
    brokers: { "broker-a": a, "broker-b": b }
  }))
)

/** A producer at these name servers, with its client, in the current scope. */
const producerAt = (nameServers: ReadonlyArray<string>, options?: Partial<Producer.ProducerOptions>) =>
  Effect.gen(function*() {
    const client = MqClient.layer({ nameServers, remoting: { metrics: false } })
    const context = yield* Layer.build(
      Layer.provideMerge(Producer.layerNoDeps({ group, timeout, metrics: false, ...options }), client)
    )
    return {
      producer: Context.get(context, Producer.Producer),
      client: Context.get(context, RemotingClient.RemotingClient)
    }
  })

/** Sends the number of each message as its body, at a steady rate. */
const startLoad = (producer: Producer.Service, topic: string) =>
  Load.start(rate, (index) => Effect.as(producer.send({ topic, body: `${index}` }), { code: 0 }))

/** How often each number is stored. */
const storedNumbers = (topic: string) =>
  Effect.gen(function*() {
    const { read } = yield* Backend
    const counts = new Map<number, number>()
    for (const message of yield* read(topic)) {
      const number = Number(bodyText(message))
      counts.set(number, (counts.get(number) ?? 0) + 1)
    }
    return counts
  })

/** No send failed, no message is lost, none is stored twice. */
const assertStoredOnce = (report: Load.LoadReport, stored: ReadonlyMap<number, number>) => {
  assert.deepStrictEqual(Load.countFailures(report), {}, Load.sampleFailures(report))
  assert.strictEqual(report.succeeded, report.requests)
  assert.isAbove(report.requests, rate)
  assert.deepStrictEqual([...stored].filter(([, count]) => count > 1), [])
  assert.strictEqual(stored.size, report.requests)
}

layer(Layer.provideMerge(backend, twoBrokers), { timeout: "3 minutes", excludeTestServices: true })(
  "two brokers 5.5.0 under 500 messages a second",
  (it) => {
    it.effect("restarted in turn, gracefully: no send fails, no message is lost, none is stored twice", () =>
      Effect.gen(function*() {
        const { brokers, createTopic, nameServer } = yield* TwoBrokers
        const topic = "rolling-brokers"
        yield* createTopic(topic)
        const { client, producer } = yield* producerAt([nameServer.address])
        const load = yield* startLoad(producer, topic)
        yield* Effect.sleep("1 second")
        for (const broker of brokers) {
          yield* broker.restart
          yield* Broker.awaitRoute(topic, brokers, nameServer)
          yield* Effect.sleep("2 seconds")
        }
        const report = yield* load.finish
        assertStoredOnce(report, yield* storedNumbers(topic))
        assert.isAtLeast((yield* client.stats).goAways, 2)
        // Both are in use again, and know the producer.
        const { producers } = yield* Backend
        assert.deepStrictEqual(yield* producers(group), [producer.clientId])
      }))

    it.effect("one of which stands still: sends move to the other, within their deadline", () =>
      Effect.gen(function*() {
        const { brokers, createTopic, nameServer } = yield* TwoBrokers
        const topic = "frozen-broker"
        yield* createTopic(topic)
        const { producer } = yield* producerAt([nameServer.address], { timeout: "6 seconds" })
        const load = yield* startLoad(producer, topic)
        yield* Effect.sleep("1 second")
        yield* Effect.scoped(Effect.gen(function*() {
          yield* brokers[0].freeze
          yield* Effect.sleep("5 seconds")
        }))
        yield* Effect.sleep("1 second")
        const report = yield* load.finish
        const stored = yield* storedNumbers(topic)
        assert.deepStrictEqual(Load.countFailures(report), {}, Load.sampleFailures(report))
        assert.strictEqual(report.succeeded, report.requests)
        // What the broker was sent before it stood still may be stored there as well as at the other.
        assert.strictEqual(stored.size, report.requests)
        assert.isBelow(report.maxLatencyMillis, 6_500)
      }))

    it.effect("whose name server is lost and comes back: nothing is noticed", () =>
      Effect.gen(function*() {
        const { brokers, createTopic, nameServer } = yield* TwoBrokers
        const topic = "lost-name-server"
        yield* createTopic(topic)
        const { producer } = yield* producerAt([nameServer.address])
        const load = yield* startLoad(producer, topic)
        yield* Effect.sleep("1 second")
        yield* nameServer.kill
        yield* Effect.sleep("3 seconds")
        yield* nameServer.start
        yield* Broker.awaitRoute(topic, brokers, nameServer)
        yield* Effect.sleep("1 second")
        const report = yield* load.finish
        assertStoredOnce(report, yield* storedNumbers(topic))
        assert.strictEqual((yield* producer.stats).retries, 0)
      }))
  }
)

describe("two name servers 5.5.0", () => {
  it.live("one of which drains: routes come from the other, and sends notice nothing", () =>
    Effect.gen(function*() {
      const nameServers = yield* Effect.all(
        [NameServer.make({ version: "5.5.0", drainSeconds }), NameServer.make({ version: "5.5.0", drainSeconds })],
        { concurrency: 2 }
      )
      const [first, second] = nameServers
      const broker = yield* Broker.make({ version: "5.5.0", nameServer: first, moreNameServers: [second] })
      const topics = Array.from({ length: 6 }, (_, index) => `two-name-servers-${index}`)
      for (const topic of topics) {
        yield* Broker.createTopic(topic, { broker, nameServer: first })
        yield* Broker.awaitRoute(topic, [broker], second)
      }
      const { producer } = yield* producerAt(nameServers.map(({ address }) => address))
      const load = yield* Load.start(
        rate,
        (index) => Effect.as(producer.send({ topic: topics[index % 3], body: `${index}` }), { code: 0 })
      )
      yield* Effect.sleep("1 second")
      yield* first.terminate
      yield* Effect.sleep("500 millis")
      // Topics that nobody has asked for yet, while the first one answers GO_AWAY and when it is gone.
      yield* producer.send({ topic: topics[3], body: "while it drains" })
      yield* first.awaitClosed
      yield* producer.send({ topic: topics[4], body: "once it is gone" })
      yield* second.kill
      yield* first.kill
      yield* first.start
      yield* Broker.awaitRoute(topics[5], [broker], first)
      yield* producer.send({ topic: topics[5], body: "back at the first" })
      const report = yield* load.finish
      assert.deepStrictEqual(Load.countFailures(report), {}, Load.sampleFailures(report))
      assert.strictEqual(report.succeeded, report.requests)
    }))
})
