import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as Reconnection from "../../src/remoting/Reconnection.ts"
import * as RemotingServer from "../../src/remoting/RemotingServer.ts"
import * as LoadBalancer from "../../src/testing/LoadBalancer.ts"
import { host, overTcp, until } from "../remoting/loopback.ts"
import { client, echoCode, recordEvents } from "../remoting/support.ts"

const swaps = 2_000

/** Memory is looked at so often, after a warm-up. */
const sampleEvery = 100
const warmUp = 500

/** What a swap may leave behind, in bytes. It is noise: a channel that is kept by mistake costs 37,000. */
const allowedPerSwap = 2_048

const callers = 16

/** Quick, so that the swaps are what takes time. */
const policies = Reconnection.make({
  goAway: Reconnection.backoff({ base: 1, cap: 5 }),
  reconnect: Reconnection.backoff({ base: 1, cap: 5 })
})

/** What holds this process open because of sockets. */
const sockets = (): number =>
  process.getActiveResourcesInfo().filter((resource) => /TCP|GetAddrInfo/.test(resource)).length

const listeners = (): number => process.eventNames().reduce((count, name) => count + process.listenerCount(name), 0)

/** Bytes in use after a collection; the finalizers of what was collected get their turn first. */
const heap = Effect.gen(function*() {
  const { gc } = globalThis
  if (gc === undefined) return yield* Effect.die(new Error("run with --expose-gc"))
  for (let turn = 0; turn < 3; turn++) {
    gc()
    yield* Effect.sleep(5)
  }
  const { arrayBuffers, heapUsed } = process.memoryUsage()
  return heapUsed + arrayBuffers
})

/** Least squares: bytes per swap. */
const slope = (samples: ReadonlyArray<readonly [swap: number, bytes: number]>): number => {
  const mean = (values: ReadonlyArray<number>) => values.reduce((sum, value) => sum + value, 0) / values.length
  const x = mean(samples.map(([swap]) => swap))
  const y = mean(samples.map(([, bytes]) => bytes))
  const covariance = mean(samples.map(([swap, bytes]) => (swap - x) * (bytes - y)))
  return covariance / mean(samples.map(([swap]) => (swap - x) ** 2))
}

describe("two thousand swaps under load", () => {
  it.live("leave nothing behind: no request, no socket, no listener, no memory", () =>
    Effect.gen(function*() {
      const warnings: Array<string> = []
      const warned = (warning: Error) => warnings.push(String(warning))
      yield* Effect.acquireRelease(
        Effect.sync(() => process.on("warning", warned)),
        () => Effect.sync(() => process.off("warning", warned))
      )
      const socketsBefore = sockets()
      const listenersBefore = listeners()

      const run = Effect.gen(function*() {
        const world = yield* Effect.scope
        const start = Effect.gen(function*() {
          const scope = yield* Scope.fork(world)
          const server = yield* Scope.provide(
            RemotingServer.make({ host, metrics: false }),
            scope
          )
          yield* Scope.provide(server.handle(echoCode, () => Effect.as(Effect.sleep(1), {})), scope)
          return { server, scope }
        })
        let serving = yield* start
        const balancer = yield* LoadBalancer.make({ policy: "random", targets: [serving.server.address] })
        const c = yield* client({}, policies)
        const events = yield* recordEvents(c)
        const failures: Array<string> = []
        const load = { running: true, requests: 0, callers }
        const caller = Effect.gen(function*() {
          while (load.running) {
            load.requests++
            const exit = yield* Effect.exit(c.invoke(balancer.address, { code: echoCode }))
            if (Exit.isFailure(exit) && failures.length < 10) failures.push(String(exit.cause))
          }
          load.callers--
        })
        for (let index = 0; index < callers; index++) yield* Effect.forkScoped(caller)

        const samples: Array<readonly [swap: number, bytes: number]> = []
        for (let swap = 1; swap <= swaps; swap++) {
          const leaving = serving
          while ((yield* leaving.server.stats).accepted === 0) yield* Effect.sleep(1)
          serving = yield* start
          yield* balancer.addTarget(serving.server.address)
          yield* balancer.removeTarget(leaving.server.address)
          const draining = yield* Effect.forkChild(leaving.server.drain, { startImmediately: true })
          // The client leaves by itself once everything is answered.
          while ((yield* leaving.server.stats).connections > 0) yield* Effect.sleep(1)
          yield* Fiber.interrupt(draining)
          yield* Scope.close(leaving.scope, Exit.void)
          if (swap >= warmUp && swap % sampleEvery === 0) {
            events.length = 0
            samples.push([swap, yield* heap])
          }
        }
        load.running = false
        yield* until("every caller has its answer", () => load.callers === 0)
        const stats = yield* c.stats
        const link = (yield* c.links).get(balancer.address)
        return { failures, samples, stats, link, requests: load.requests }
      })
      const { failures, link, requests, samples, stats } = yield* Effect.scoped(run).pipe(overTcp)

      assert.deepStrictEqual(failures, [])
      assert.strictEqual(stats.swaps, swaps)
      assert.strictEqual(stats.hops, swaps)
      assert.strictEqual(stats.redials, 0)
      assert.strictEqual(stats.inFlight, 0)
      assert.strictEqual(stats.succeeded, requests)
      assert.strictEqual(link?.draining, 0)
      assert.strictEqual(link?.generation, swaps + 1)
      assert.isAtMost(slope(samples), allowedPerSwap, JSON.stringify(samples))
      yield* until("all sockets are gone", () => sockets() <= socketsBefore)
      assert.strictEqual(listeners(), listenersBefore)
      assert.deepStrictEqual(warnings, [])
    }), 120_000)
})
