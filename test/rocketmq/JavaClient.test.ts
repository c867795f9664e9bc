import { assert, describe, it } from "@effect/vitest"
import * as RemotingServer from "effect-rocketmq/remoting/RemotingServer"
import * as Transport from "effect-rocketmq/remoting/Transport"
import * as LoadBalancer from "effect-rocketmq/testing/LoadBalancer"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as EchoClient from "./harness/EchoClient.ts"

const echoCode = 1000

/** A server that answers `echoCode` with the body of the request. */
const echoServer = (options?: RemotingServer.RemotingServerOptions) =>
  Effect.gen(function*() {
    const server = yield* RemotingServer.make({ metrics: false, ...options })
    yield* server.handle(echoCode, ({ body }) => Effect.succeed({ body }))
    return server
  })

/** Done when the server has executed so many requests. */
const executed = (server: RemotingServer.Service, requests: number): Effect.Effect<void> =>
  Effect.flatMap(server.stats, (stats) =>
    stats.requests >= requests
      ? Effect.void
      : Effect.andThen(Effect.sleep("20 millis"), Effect.suspend(() => executed(server, requests))))

describe("the official Java client 5.5.0 with our server", () => {
  for (const serialization of ["JSON", "ROCKETMQ"] as const) {
    for (const mode of ["sync", "async"] as const) {
      it.live(`gets every ${mode} echo, both sides using ${serialization} headers`, () =>
        Effect.gen(function*() {
          const server = yield* echoServer({ serialization })
          const result = yield* EchoClient.run({
            address: server.address,
            mode,
            inFlight: 16,
            window: { count: 5_000 },
            code: echoCode,
            serialization
          })
          assert.deepStrictEqual(result.failures, {})
          assert.strictEqual(result.succeeded, 5_000)
          assert.strictEqual((yield* server.stats).requests, 5_000)
        }).pipe(Effect.provide(Transport.layer)))
    }
  }

  it.live("has its oneway requests executed, and gets no answers", () =>
    Effect.gen(function*() {
      const server = yield* echoServer()
      const before = yield* server.stats
      const result = yield* EchoClient.run({
        address: server.address,
        mode: "oneway",
        inFlight: 4,
        window: { count: 5_000 },
        code: echoCode
      })
      assert.strictEqual(result.succeeded, 5_000)
      yield* executed(server, 5_000)
      const after = yield* server.stats
      assert.strictEqual(after.requests, 5_000)
      assert.strictEqual(after.bytesOut, before.bytesOut)
    }).pipe(Effect.provide(Transport.layer)))

  it.live("gets code 3 for a request that nobody handles", () =>
    Effect.gen(function*() {
      const server = yield* echoServer()
      const result = yield* EchoClient.run({
        address: server.address,
        mode: "sync",
        inFlight: 1,
        window: { count: 10 },
        code: echoCode + 1
      })
      assert.deepStrictEqual(result.failures, { ResponseCode3: 10 })
    }).pipe(Effect.provide(Transport.layer)))

  for (const mode of ["sync", "async"] as const) {
    it.live(`survives the drain of one of two servers behind a load balancer, ${mode}`, () =>
      Effect.gen(function*() {
        const first = yield* echoServer({ shutdownWaitTime: "2 seconds" })
        const second = yield* echoServer()
        const balancer = yield* LoadBalancer.make({ targets: [first.address, second.address], policy: "roundRobin" })
        const client = yield* Effect.forkScoped(EchoClient.run({
          address: balancer.address,
          mode,
          inFlight: 16,
          window: { seconds: 6 },
          rate: 500,
          code: echoCode
        }))
        yield* executed(first, 500)
        yield* first.drain
        const result = yield* Fiber.join(client)

        assert.deepStrictEqual(result.failures, {})
        assert.strictEqual(result.succeeded, result.requests)
        const [one, other] = [yield* first.stats, yield* second.stats]
        assert.isAbove(one.goAways, 0)
        assert.isAbove(other.requests, 0)
        assert.strictEqual(one.requests + other.requests, result.requests)
      }).pipe(Effect.provide(Transport.layer)))
  }
})
