import { assert, layer } from "@effect/vitest"
import * as Producer from "effect-rocketmq/client/Producer"
import * as RemotingClient from "effect-rocketmq/remoting/RemotingClient"
import * as LoadBalancer from "effect-rocketmq/testing/LoadBalancer"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { bodyText } from "../contract/Backend.ts"
import * as Broker from "./harness/Broker.ts"
import * as Cluster from "./harness/Cluster.ts"
import * as History from "./harness/History.ts"
import * as Load from "./harness/Load.ts"
import * as Proxy from "./harness/Proxy.ts"
import * as RealBackend from "./harness/RealBackend.ts"
import * as Requests from "./harness/Requests.ts"

const rate = 500
const drainSeconds = 3
const body = Buffer.alloc(1024, "x")

/** A client with connections of its own. */
const anotherClient = Effect.map(
  Layer.build(Layer.fresh(RemotingClient.layer)),
  (context) => Context.get(context, RemotingClient.RemotingClient)
)

layer(Cluster.layer("5.5.0"), { timeout: "3 minutes", excludeTestServices: true })(
  "two proxies 5.5.0 behind a load balancer, restarted in turn under load",
  (it) => {
    it.effect("lose only what was in flight when they close their sockets at once, and say that its outcome is unknown", () =>
      Effect.gen(function*() {
        const cluster = yield* Cluster.Cluster
        const topic = "stock-proxies"
        yield* Broker.createTopic(topic, cluster)
        const proxies = yield* Effect.all([Proxy.make(cluster), Proxy.make(cluster)], { concurrency: 2 })
        const balancer = yield* LoadBalancer.make({
          targets: proxies.map(({ address }) => address),
          policy: "roundRobin"
        })
        // So that some twenty requests are on their way at any time.
        yield* balancer.delay("20 millis")
        const client = yield* RemotingClient.RemotingClient
        const events = yield* History.record(client)
        const load = yield* Load.start(rate, () => client.invoke(balancer.address, Requests.send(topic, body)))
        yield* Effect.sleep("1 second")
        for (const proxy of proxies) {
          const { byTarget } = yield* balancer.connections
          assert.strictEqual(byTarget.get(proxy.address), 1)
          yield* proxy.restart
          yield* Effect.sleep("1 second")
        }
        const report = yield* load.finish

        const closed = events.filter(({ type }) => type === "Close")
        assert.strictEqual(closed.length, proxies.length)
        assert.isAbove(report.failures.length, 0)
        for (const failure of report.failures) {
          assert.strictEqual(failure.outcome, "Unknown", failure.detail)
          assert.strictEqual(failure.reason, "ChannelClosed", failure.detail)
          // It had been sent when a connection broke, and was told at once.
          assert.isTrue(
            closed.some(({ at }) => failure.startedAt <= at && Math.abs(failure.failedAt - at) < 500),
            failure.detail
          )
        }
        assert.deepStrictEqual(report.refused, {})
        assert.strictEqual(report.succeeded + report.failures.length, report.requests)
        const stored = yield* History.storedMessages([cluster.broker], topic)
        assert.isAtLeast(stored, report.succeeded)
        assert.isAtMost(stored, report.requests)
      }).pipe(Effect.provide(RemotingClient.layer)))

    it.effect("lose nothing that a producer sends at least once, though they close their sockets at once", () =>
      Effect.gen(function*() {
        const cluster = yield* Cluster.Cluster
        const topic = "stock-proxies-at-least-once"
        yield* Broker.createTopic(topic, cluster, { queues: 4 })
        const balancer = yield* LoadBalancer.make({ targets: [], policy: "roundRobin" })
        const advertisedPort = Number(balancer.address.split(":")[1])
        // Without a drain this is the stock proxy, but for the port that its routes name.
        const options = { nameServer: cluster.nameServer, advertisedPort }
        const proxies = yield* Effect.all([Proxy.make(options), Proxy.make(options)], { concurrency: 2 })
        yield* Effect.forEach(proxies, ({ address }) => balancer.addTarget(address))
        yield* balancer.delay("20 millis")
        const context = yield* Layer.build(
          Producer.layer({
            nameServers: [balancer.address],
            group: "proxied-producers",
            // A JVM that starts takes every core there is for seconds; the broker then answers late.
            timeout: "20 seconds",
            metrics: false
          })
        )
        const producer = Context.get(context, Producer.Producer)
        const load = yield* Load.start(
          200,
          (index) => Effect.as(producer.send({ topic, body: `${index}` }), { code: 0 })
        )
        yield* Effect.sleep("1 second")
        for (const proxy of proxies) {
          yield* proxy.restart
          yield* Effect.sleep("1 second")
        }
        const report = yield* load.finish

        assert.deepStrictEqual(Load.countFailures(report), {}, Load.sampleFailures(report))
        assert.strictEqual(report.succeeded, report.requests)
        // What was in flight when a socket closed went again.
        assert.isAbove((yield* producer.stats).retries, 0)
        const { read } = yield* RealBackend.make({
          name: "broker 5.5.0",
          nameServer: cluster.nameServer,
          brokers: { "broker-a": cluster.broker }
        })
        assert.strictEqual(new Set((yield* read(topic)).map(bodyText)).size, report.requests)
      }).pipe(Effect.provide(RemotingClient.layer)))

    it.effect("lose nothing when they drain, though the load balancer sends clients back to the draining one", () =>
      Effect.gen(function*() {
        const cluster = yield* Cluster.Cluster
        const topic = "draining-proxies"
        yield* Broker.createTopic(topic, cluster)
        const balancer = yield* LoadBalancer.make({ targets: [], policy: "random" })
        const advertisedPort = Number(balancer.address.split(":")[1])
        const options = { nameServer: cluster.nameServer, drainSeconds, advertisedPort }
        const proxies = yield* Effect.all([Proxy.make(options), Proxy.make(options)], { concurrency: 2 })
        yield* Effect.forEach(proxies, ({ address }) => balancer.addTarget(address))
        const clients = yield* Effect.replicateEffect(anotherClient, 16)
        const route = yield* clients[0].invoke(balancer.address, Requests.route(topic))
        assert.include(Buffer.from(route.body!).toString("utf8"), balancer.address)

        const load = yield* Load.start(
          rate,
          (index) => clients[index % clients.length].invoke(balancer.address, Requests.send(topic, body))
        )
        yield* Effect.sleep("1 second")
        for (const proxy of proxies) {
          yield* proxy.restart
          yield* Effect.sleep("1 second")
        }
        const report = yield* load.finish

        assert.deepStrictEqual(Load.countFailures(report), {})
        assert.deepStrictEqual(report.refused, {})
        assert.strictEqual(report.succeeded, report.requests)
        assert.strictEqual(yield* History.storedMessages([cluster.broker], topic), report.succeeded)
        const stats = yield* Effect.forEach(clients, (client) => client.stats)
        // Everyone had to leave the second proxy, and somebody was answered GO_AWAY more often than there were restarts.
        assert.isTrue(stats.every(({ swaps }) => swaps >= 1))
        assert.isTrue(stats.some(({ swaps }) => swaps > proxies.length))
      }).pipe(Effect.provide(RemotingClient.layer)))
  }
)
