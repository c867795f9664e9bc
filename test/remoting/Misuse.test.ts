import { assert, describe, it } from "@effect/vitest"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as MemoryTransport from "../../src/remoting/MemoryTransport.ts"
import * as Reconnection from "../../src/remoting/Reconnection.ts"
import * as RemotingClient from "../../src/remoting/RemotingClient.ts"
import * as ResponseFutures from "../../src/remoting/ResponseFutures.ts"
import { client, echoCode, echoServer, pass, readCode, settle, start, steady } from "./support.ts"

describe("a timeout that leaves no time", () => {
  for (const timeout of [0, -5, Number.NaN]) {
    it.effect(`of ${timeout} ms sends nothing, and counts once`, () =>
      Effect.gen(function*() {
        const server = yield* echoServer(1)
        const c = yield* client()
        yield* c.invoke(server.address, { code: echoCode })
        const error = yield* Effect.flip(c.invoke(server.address, { code: echoCode }, { timeout }))
        assert.deepStrictEqual([error.reason._tag, error.outcome], ["Timeout", "NotSent"])
        yield* settle
        assert.strictEqual(server.executed.length, 1)
        assert.strictEqual((yield* c.stats).inFlight, 0)
      }).pipe(Effect.provide(MemoryTransport.layer)))
  }

  it.effect("does not settle a request before it is on its way", () =>
    Effect.gen(function*() {
      const server = yield* echoServer(1)
      yield* server.handle(1, () => Effect.never)
      const c = yield* client()
      yield* c.invoke(server.address, { code: echoCode })
      const fiber = yield* start(Effect.flip(c.invoke(server.address, { code: 1 }, { timeout: 0.0001 })))
      yield* pass(1)
      assert.strictEqual((yield* Fiber.join(fiber)).outcome, "Unknown")
      assert.strictEqual((yield* c.stats).inFlight, 0)
    }).pipe(Effect.provide(MemoryTransport.layer)))
})

describe("a callback that throws", () => {
  const boo = () => {
    throw new Error("boo")
  }

  it.effect("as replay means no: the caller gets GoAway", () =>
    Effect.gen(function*() {
      const server = yield* echoServer(1)
      const c = yield* client({}, { ...steady, replay: boo })
      yield* c.invoke(server.address, { code: echoCode })
      yield* Effect.forkChild(server.drain)
      yield* settle
      const error = yield* Effect.flip(c.invoke(server.address, { code: echoCode }))
      assert.deepStrictEqual([error.reason._tag, error.outcome], ["GoAway", "NotProcessed"])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("as repeatable means no: the outcome is Unknown", () =>
    Effect.gen(function*() {
      const network = yield* MemoryTransport.MemoryNetwork
      const server = yield* echoServer(1)
      yield* server.handle(readCode, () => Effect.never)
      const c = yield* client({ repeatable: boo })
      const fiber = yield* start(Effect.flip(c.invoke(server.address, { code: readCode })))
      network.reset(server.address)
      yield* settle
      const error = yield* Fiber.join(fiber)
      assert.deepStrictEqual([error.reason._tag, error.outcome], ["ChannelClosed", "Unknown"])
    }).pipe(Effect.provide(MemoryTransport.layer)))
})

describe("a request that is none", () => {
  it.effect("fails its caller, and the deadlines of the others hold", () =>
    Effect.gen(function*() {
      const server = yield* echoServer(1)
      yield* server.handle(1, () => Effect.never)
      const c = yield* client()
      const waiting = yield* start(Effect.flip(c.invoke(server.address, { code: 1 }, { timeout: 500 })))
      const body: unknown = 5
      for (const request of [undefined, { code: echoCode, body }] as Array<unknown>) {
        const exit = yield* Effect.exit(c.invoke(server.address, request as { code: number }))
        assert.isTrue(Exit.isFailure(exit))
      }
      yield* pass(500)
      assert.strictEqual((yield* Fiber.join(waiting)).reason._tag, "Timeout")
      assert.strictEqual((yield* c.stats).inFlight, 0)
    }).pipe(Effect.provide(MemoryTransport.layer)))
})

describe("settings", () => {
  const built = (env: Record<string, string>, options?: RemotingClient.RemotingClientOptions) =>
    Effect.exit(
      Effect.scoped(Layer.build(RemotingClient.layerConfig({ metrics: false, ...options })))
    ).pipe(Effect.provide(ConfigProvider.layer(ConfigProvider.fromEnv({ env }))))

  const wrong: ReadonlyArray<[string, Record<string, string>]> = [
    ["an access key without a secret key", { ROCKETMQ_ACCESS_KEY: "me" }],
    ["a secret key without an access key", { ROCKETMQ_SECRET_KEY: "s" }],
    ["a security token alone", { ROCKETMQ_SECURITY_TOKEN: "t" }],
    ["a TLS setting without TLS", { ROCKETMQ_TLS_SERVER_NAME: "broker.example" }],
    ["a certificate without its key", { ROCKETMQ_TLS_ENABLE: "true", ROCKETMQ_TLS_CERT_FILE: "cert.pem" }],
    ["a negative timeout", { ROCKETMQ_TIMEOUT: "-1 seconds" }],
    ["a negative limit", { ROCKETMQ_MAX_IN_FLIGHT: "-1" }],
    ["a back-off that shrinks", { ROCKETMQ_GO_AWAY_FACTOR: "-3" }],
    ["a version that a short cannot hold", { ROCKETMQ_VERSION: "40000" }]
  ]
  for (const [what, env] of wrong) {
    it.effect(`do not go with ${what}`, () =>
      Effect.gen(function*() {
        const exit = yield* built(env)
        assert.isTrue(Exit.isFailure(exit))
        assert.include(String(Exit.isFailure(exit) ? exit.cause : ""), "ConfigError")
      }))
  }

  it.effect("are not hidden by options that are undefined", () =>
    Effect.gen(function*() {
      const env = { ROCKETMQ_TIMEOUT: "-1 seconds" }
      assert.isTrue(Exit.isFailure(yield* built(env, { timeout: undefined })))
    }))
})

describe("metrics", () => {
  it.effect("of two clients with the same name are told apart, and the first's outlive the second", () =>
    Effect.gen(function*() {
      const server = yield* echoServer(1)
      const named = Effect.gen(function*() {
        return yield* RemotingClient.make().pipe(
          Effect.provideService(ResponseFutures.ResponseFutures, yield* ResponseFutures.make()),
          Effect.provideService(Reconnection.Reconnection, steady)
        )
      })
      const successes = Effect.map(
        Metric.snapshot,
        (metrics) =>
          metrics.flatMap((metric) =>
            metric.id === "rocketmq_remoting_requests" && metric.attributes?.["outcome"] === "Success"
              ? [[metric.attributes["client"], "count" in metric.state ? Number(metric.state.count) : -1]]
              : []
          )
      )
      const first = yield* named
      yield* Effect.scoped(Effect.gen(function*() {
        const second = yield* named
        yield* first.invoke(server.address, { code: echoCode })
        yield* second.invoke(server.address, { code: echoCode })
        yield* second.invoke(server.address, { code: echoCode })
        assert.deepStrictEqual(yield* successes, [["remoting", 1], ["remoting-2", 2]])
      }))
      assert.deepStrictEqual(yield* successes, [["remoting", 1]])
    }).pipe(
      Effect.provide(MemoryTransport.layer),
      Effect.provideService(Metric.MetricRegistry, new Map())
    ))
})
