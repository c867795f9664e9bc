import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import { RequestCode } from "../../src/protocol/RequestCode.ts"
import * as MemoryTransport from "../../src/remoting/MemoryTransport.ts"
import { scripted } from "./peers.ts"
import { balanced, client, echoCode, network, pass, readCode, settle, start, steady } from "./support.ts"

describe("interrupting a caller", () => {
  it.effect("forgets the request; its late answer is dropped, and the channel stays", () =>
    Effect.gen(function*() {
      const server = yield* scripted(1)
      const c = yield* client()
      const fiber = yield* start(c.invoke(server.address, { code: echoCode }))
      yield* Fiber.interrupt(fiber)
      assert.deepInclude(yield* c.stats, { inFlight: 0, interrupted: 1 })
      server.peers[0].answer(server.received[0].command)
      yield* settle
      assert.deepInclude(yield* c.stats, { dropped: 1 })
      assert.isFalse(server.peers[0].closed)
      assert.strictEqual((yield* c.links).get(server.address)?.inFlight, 0)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("in the turn of its request sends nothing", () =>
    Effect.gen(function*() {
      const server = yield* scripted(1)
      const c = yield* client()
      yield* start(Effect.exit(c.invoke(server.address, { code: 1 })))
      const fiber = yield* Effect.forkChild(c.invoke(server.address, { code: 2 }), { startImmediately: true })
      yield* Fiber.interrupt(fiber)
      yield* settle
      assert.deepStrictEqual(server.received.map(({ command }) => command.code), [1])
      assert.deepInclude(yield* c.stats, { inFlight: 1, interrupted: 1 })
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("while it waits for a connection sends nothing later", () =>
    Effect.gen(function*() {
      const server = yield* scripted(1)
      const c = yield* client()
      const one = yield* start(Effect.exit(c.invoke(server.address, { code: 1 })))
      const two = yield* start(c.invoke(server.address, { code: 2 }))
      yield* Fiber.interrupt(two)
      yield* pass(50)
      assert.deepStrictEqual(server.received.map(({ command }) => command.code), [1])
      assert.isUndefined(one.pollUnsafe())
    }).pipe(Effect.provide(MemoryTransport.layerWith({ connectLatency: 50 }))))

  it.effect("while it waits for its repetition sends nothing later", () =>
    Effect.gen(function*() {
      const server = yield* scripted(1, { command: ({ peer }) => peer.end() })
      const c = yield* client({}, { ...steady, retryUnknown: Schedule.spaced(500) })
      const fiber = yield* start(c.invoke(server.address, { code: readCode }))
      yield* pass(100)
      yield* Fiber.interrupt(fiber)
      yield* pass(2_000)
      assert.strictEqual(server.received.length, 1)
      assert.deepInclude(yield* c.stats, { inFlight: 0, interrupted: 1 })
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("does not interrupt the dial that others wait for", () =>
    Effect.gen(function*() {
      const server = yield* scripted(1, { command: ({ command, peer }) => peer.answer(command) })
      const c = yield* client()
      const first = yield* start(c.invoke(server.address, { code: 1 }))
      const second = yield* start(c.invoke(server.address, { code: 2 }))
      yield* pass(25)
      yield* Fiber.interrupt(first)
      yield* pass(25)
      yield* Fiber.join(second)
      assert.strictEqual(server.peers.length, 1)
    }).pipe(Effect.provide(MemoryTransport.layerWith({ connectLatency: 50 }))))

  it.effect("of a oneway request that is not written yet takes it back", () =>
    Effect.gen(function*() {
      const server = yield* scripted(1)
      const c = yield* client()
      const fiber = yield* start(c.invokeOneway(server.address, { code: 1 }))
      yield* Fiber.interrupt(fiber)
      yield* pass("1 second")
      assert.strictEqual(server.received.length, 0)
    }).pipe(Effect.provide(MemoryTransport.layerWith({ connectLatency: 50 }))))
})

/** Dial, registration, GO_AWAY, hop, dial, registration, replay: some 30 ms with these latencies. */
const latencies = { connectLatency: 5, latency: 1 } as const

/** A swap under way: two requests of which the first server refuses both. */
const swapping = Effect.gen(function*() {
  const net = yield* network
  const first = yield* scripted(1, {
    command: ({ command, peer }) => {
      if (command.code === RequestCode.HEART_BEAT) peer.answer(command)
      else peer.goAway(command)
    }
  })
  const second = yield* scripted(2, { command: ({ command, peer }) => peer.answer(command, { remark: "second" }) })
  let dials = 0
  net.balance(balanced, [first.address, second.address], ([one, two]) => dials++ === 0 ? one : two)
  const scope = yield* Scope.make()
  const c = yield* Scope.provide(client(), scope)
  yield* c.onValidate((channel) => channel.invoke({ code: RequestCode.HEART_BEAT }))
  const victim = yield* Effect.forkChild(c.invoke(balanced, { code: 1 }), { startImmediately: true })
  const other = yield* Effect.forkChild(c.invoke(balanced, { code: 2 }), { startImmediately: true })
  return { c, first, second, victim, other, scope }
})

/** Half milliseconds from the first dial until all is done. */
const instants = Array.from({ length: 70 }, (_, index) => index / 2)

/** Turns of the scheduler; with no latencies the first half of the swap takes these. */
const turns = Array.from({ length: 40 }, (_, index) => index)

describe("interrupting a caller at any moment of a swap", () => {
  const check = (reach: Effect.Effect<void>) =>
    Effect.gen(function*() {
      const { c, first, other, second, victim } = yield* swapping
      yield* reach
      const early = victim.pollUnsafe() === undefined
      yield* Fiber.interrupt(victim)
      yield* pass(100)
      assert.strictEqual((yield* Fiber.join(other)).remark, "second")
      const stats = yield* c.stats
      assert.deepInclude(stats, { inFlight: 0, swaps: 1, interrupted: early ? 1 : 0 })
      const link = (yield* c.links).get(balanced)!
      assert.deepStrictEqual([link.status, link.waiting, link.inFlight, link.draining], ["Active", 0, 0, 0])
      assert.deepStrictEqual([first.peers.length, second.peers.length], [1, 1])
      assert.deepStrictEqual([first.peers[0].closed, second.peers[0].closed], [true, false])
      assert.isAtMost(second.received.filter(({ command }) => command.code === 1).length, 1)
    }).pipe(Effect.scoped)

  it.effect("leaves the swap to the others: at each half millisecond of it", () =>
    Effect.forEach(
      instants,
      (at) => Effect.provide(check(pass(at)), MemoryTransport.layerWith(latencies)),
      { discard: true }
    ))

  it.effect("leaves the swap to the others: after each turn of the scheduler", () =>
    Effect.forEach(
      turns,
      (count) =>
        Effect.provide(
          check(Effect.forEach(Array.from({ length: count }), () => Effect.yieldNow, { discard: true })),
          MemoryTransport.layer
        ),
      { discard: true }
    ))
})

describe("closing the client at any moment of a swap", () => {
  const check = (reach: Effect.Effect<void>) =>
    Effect.gen(function*() {
      const { c, first, other, scope, second, victim } = yield* swapping
      yield* reach
      const open = [victim, other].filter((fiber) => fiber.pollUnsafe() === undefined)
      yield* Scope.close(scope, Exit.void)
      for (const fiber of open) {
        const exit = yield* Fiber.await(fiber)
        assert.isTrue(Exit.isFailure(exit))
        const error = yield* Effect.flip(exit)
        assert.strictEqual(error.reason._tag, "ShuttingDown")
      }
      assert.deepInclude(yield* c.stats, { inFlight: 0 })
      yield* pass(100)
      assert.isTrue([...first.peers, ...second.peers].every((peer) => peer.closed))
      const dials = first.peers.length + second.peers.length
      yield* pass("1 minute")
      assert.strictEqual(first.peers.length + second.peers.length, dials)
    }).pipe(Effect.scoped)

  it.effect("settles everybody and closes both connections: at each half millisecond of it", () =>
    Effect.forEach(
      instants,
      (at) => Effect.provide(check(pass(at)), MemoryTransport.layerWith(latencies)),
      { discard: true }
    ))

  it.effect("settles everybody and closes both connections: after each turn of the scheduler", () =>
    Effect.forEach(
      turns,
      (count) =>
        Effect.provide(
          check(Effect.forEach(Array.from({ length: count }), () => Effect.yieldNow, { discard: true })),
          MemoryTransport.layer
        ),
      { discard: true }
    ))
})
