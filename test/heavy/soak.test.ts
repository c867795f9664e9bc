import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as Metric from "effect/Metric"
import * as Scope from "effect/Scope"
import * as Net from "node:net"
import { queryObjects, setFlagsFromString } from "node:v8"
import { FrameArena } from "../../src/protocol/FrameArena.ts"
import { FrameParser } from "../../src/protocol/RemotingCodec.ts"
import { RemotingCommand } from "../../src/protocol/RemotingCommand.ts"
import { PendingCall } from "../../src/remoting/internal/pendingCall.ts"
import * as Reconnection from "../../src/remoting/Reconnection.ts"
import * as RemotingServer from "../../src/remoting/RemotingServer.ts"
import * as LoadBalancer from "../../src/testing/LoadBalancer.ts"
import { host, overTcp, until } from "../remoting/loopback.ts"
import { client, echoCode, recordEvents } from "../remoting/support.ts"

// Code that has not run for a while would leave the heap in the middle of the measurement, a megabyte at once.
setFlagsFromString("--no-flush-bytecode")

const swaps = 2_000

/** Memory is looked at so often, after a warm-up, while nothing is under way. */
const sampleEvery = 100
const warmUp = 600

/** A channel that was left is looked after for a second more; then nothing of it remains. */
const restMillis = 1_100

/**
 * Bytes that a swap may leave behind. Objects are counted besides; what grows by some 100 bytes a swap is V8's own: code
 * and feedback.
 */
const allowedPerSwap = 400

const callers = 16

/** Quick, so that the swaps are what takes time. */
const policies = Reconnection.make({
  goAway: Reconnection.backoff({ base: 1, cap: 5 }),
  reconnect: Reconnection.backoff({ base: 1, cap: 5 })
})

const active = (kind: RegExp): number => process.getActiveResourcesInfo().filter((one) => kind.test(one)).length

/** What holds this process open because of sockets. */
const sockets = (): number => active(/TCP|GetAddrInfo/)

const listeners = (): number => process.eventNames().reduce((count, name) => count + process.listenerCount(name), 0)

const finalizers = ({ state }: Scope.Scope): number =>
  state._tag !== "Open" ? 0 : state.finalizers?.size ?? (state.finalizer === undefined ? 0 : 1)

/** Bytes in use after a collection; the finalizers of what was collected get their turn first. */
const heap = Effect.gen(function*() {
  const { gc } = globalThis
  if (gc === undefined) return yield* Effect.die(new Error("run with --expose-gc"))
  for (let turn = 0; turn < 3; turn++) {
    gc()
    yield* Effect.sleep(2)
  }
  const { arrayBuffers, heapUsed } = process.memoryUsage()
  return heapUsed + arrayBuffers
})

type Sample = readonly [swap: number, bytes: number]

/** Least squares: bytes per swap, and how far off that may be with 95 % confidence: 2.18 is Student's t for 12. */
const regression = (samples: ReadonlyArray<Sample>) => {
  const mean = (values: ReadonlyArray<number>) => values.reduce((sum, value) => sum + value, 0) / values.length
  const x = mean(samples.map(([swap]) => swap))
  const y = mean(samples.map(([, bytes]) => bytes))
  const spread = samples.reduce((sum, [swap]) => sum + (swap - x) ** 2, 0)
  const slope = samples.reduce((sum, [swap, bytes]) => sum + (swap - x) * (bytes - y), 0) / spread
  const residual = samples.reduce((sum, [swap, bytes]) => sum + (bytes - y - slope * (swap - x)) ** 2, 0)
  return { slope, margin: 2.18 * Math.sqrt(residual / (samples.length - 2) / spread) }
}

describe("two thousand swaps under load", () => {
  it.live(
    "leave nothing behind: no request, no socket, no listener, no fiber, no memory",
    () =>
      Effect.gen(function*() {
        const warnings: Array<string> = []
        const warned = (warning: Error) => warning.name !== "ExperimentalWarning" && warnings.push(String(warning))
        yield* Effect.acquireRelease(
          Effect.sync(() => process.on("warning", warned)),
          () => Effect.sync(() => process.off("warning", warned))
        )
        const socketsBefore = sockets()
        const listenersBefore = listeners()
        const metricsBefore = (yield* Metric.snapshot).length
        const fiberType = yield* Effect.withFiber((fiber) => Effect.succeed(fiber.constructor))

        const run = Effect.gen(function*() {
          const world = yield* Effect.scope
          const start = Effect.gen(function*() {
            const scope = yield* Scope.fork(world)
            const server = yield* Scope.provide(RemotingServer.make({ host }), scope)
            yield* Scope.provide(server.handle(echoCode, () => Effect.as(Effect.sleep(1), {})), scope)
            return { server, scope }
          })
          let serving = yield* start
          const balancer = yield* LoadBalancer.make({ policy: "random", targets: [serving.server.address] })
          const clientScope = yield* Scope.fork(world)
          const c = yield* Scope.provide(client({ metrics: true }, policies), clientScope)
          const events = yield* recordEvents(c)
          const failures: Array<string> = []
          const load = { running: true, paused: 0, requests: 0, callers }
          const gate = yield* Latch.make(true)
          const caller = Effect.gen(function*() {
            while (load.running) {
              load.paused++
              yield* gate.await
              load.paused--
              load.requests++
              const exit = yield* Effect.exit(c.invoke(balancer.address, { code: echoCode }))
              if (Exit.isFailure(exit) && failures.length < 10) failures.push(String(exit.cause))
            }
            load.callers--
          })
          for (let index = 0; index < callers; index++) yield* Effect.forkScoped(caller)

          /** Everything that can be counted, while nothing is under way. */
          const census = Effect.gen(function*() {
            const link = (yield* c.links).get(balancer.address)
            return {
              inFlight: (yield* c.stats).inFlight,
              draining: link?.draining,
              links: (yield* c.links).size,
              connections: (yield* serving.server.stats).connections,
              balanced: (yield* balancer.connections).open,
              openSockets: active(/^TCPSocketWrap$/),
              listening: active(/^TCPServerWrap$/),
              timers: active(/^Timeout$/),
              listeners: listeners(),
              metrics: (yield* Metric.snapshot).length - metricsBefore,
              finalizers: finalizers(world) + finalizers(clientScope) + finalizers(serving.scope)
            }
          })
          /** Objects that a collection does not take. */
          const objects = () => {
            const count = (kind: Function) => queryObjects(kind, { format: "count" })
            return {
              PendingCall: count(PendingCall),
              RemotingCommand: count(RemotingCommand),
              FrameParser: count(FrameParser),
              FrameArena: count(FrameArena),
              Socket: count(Net.Socket),
              Server: count(Net.Server),
              Fiber: count(fiberType),
              // Functions, arrays, Maps and all others too.
              Object: count(Object)
            }
          }

          const samples: Array<Sample> = []
          const censuses: Array<Effect.Success<typeof census>> = []
          const counted: Array<ReturnType<typeof objects>> = []
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
              yield* gate.close
              yield* until("nothing is under way", () => load.paused === callers)
              yield* Effect.sleep(restMillis)
              events.length = 0
              if (swap === warmUp || swap === swaps) counted.push(objects())
              if (swap > warmUp) {
                samples.push([swap, yield* heap])
                censuses.push(yield* census)
              }
              yield* gate.open
            }
          }
          load.running = false
          yield* until("every caller has its answer", () => load.callers === 0)
          const stats = yield* c.stats
          const link = (yield* c.links).get(balancer.address)
          return { failures, samples, censuses, counted, stats, link, requests: load.requests }
        })
        const { censuses, counted, failures, link, requests, samples, stats } = yield* Effect.scoped(run).pipe(overTcp)

        assert.deepStrictEqual(failures, [])
        assert.strictEqual(stats.swaps, swaps)
        assert.strictEqual(stats.hops, swaps)
        assert.strictEqual(stats.redials, 0)
        assert.strictEqual(stats.inFlight, 0)
        assert.strictEqual(stats.succeeded, requests)
        assert.strictEqual(link?.draining, 0)
        assert.strictEqual(link?.generation, swaps + 1)
        for (const found of censuses) {
          assert.deepInclude(found, {
            inFlight: 0,
            draining: 0,
            links: 1,
            connections: 1,
            balanced: 1,
            // Both ends of two connections: to the balancer, and from there to the server.
            openSockets: 4,
            listening: 2,
            listeners: listenersBefore,
            metrics: censuses[0].metrics
          })
          assert.isAtMost(found.timers, censuses[0].timers + 2)
          assert.isAtMost(found.finalizers, censuses[0].finalizers + 2)
        }
        const [early, late] = counted
        assert.strictEqual(late.PendingCall, 0)
        // What each caller was answered last.
        assert.isAtMost(late.RemotingCommand, callers)
        // One for each end of the connection.
        assert.strictEqual(late.FrameParser, 2)
        assert.strictEqual(late.FrameArena, 2)
        for (const kind of ["Socket", "Server", "Fiber"] as const) {
          assert.isAtMost(late[kind], early[kind] + 2, kind)
        }
        // Less than one object for four swaps: what the callers were answered last is a hundred.
        assert.isAtMost(late.Object - early.Object, (swaps - warmUp) / 4)
        const { margin, slope } = regression(samples)
        assert(
          slope <= allowedPerSwap || slope - margin <= 0,
          `${slope} +- ${margin} bytes a swap: ${samples.join(" ")}`
        )
        assert.strictEqual((yield* Metric.snapshot).length, metricsBefore)
        yield* until("all sockets are gone", () => sockets() <= socketsBefore)
        assert.strictEqual(listeners(), listenersBefore)
        assert.deepStrictEqual(warnings, [])
      }),
    200_000
  )
})
