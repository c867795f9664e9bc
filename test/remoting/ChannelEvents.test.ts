import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { ChannelEvent } from "../../src/remoting/ChannelEvent.ts"
import { EventHub } from "../../src/remoting/internal/eventHub.ts"
import * as MemoryTransport from "../../src/remoting/MemoryTransport.ts"
import * as Reconnection from "../../src/remoting/Reconnection.ts"
import { scripted } from "./peers.ts"
import { brief, client, echoCode, echoServer, network, pass, recordEvents, settle, start, steady } from "./support.ts"

/** A server each of whose connections answers one request and refuses the next. */
const restless = (port: number) =>
  scripted(port, {
    command: ({ command, peer }) => {
      if (peer.received.length === 1) peer.answer(command)
      else peer.goAway(command)
    }
  })

/** Swaps so often, a millisecond each. */
const swap = (address: string, c: Effect.Success<ReturnType<typeof client>>, swaps: number) =>
  Effect.gen(function*() {
    const fiber = yield* start(Effect.gen(function*() {
      for (let index = 0; index <= swaps; index++) yield* c.invoke(address, { code: echoCode })
    }))
    yield* pass(swaps)
    yield* Fiber.join(fiber)
    yield* settle
  })

const fast = { ...steady, goAway: Reconnection.backoff({ base: 1, cap: 1, jitter: false }) }

describe("events", () => {
  it.effect("of 10,000 swaps reach a subscriber that keeps up, all of them, in order", () =>
    Effect.gen(function*() {
      const swaps = 10_000
      const server = yield* restless(1)
      const c = yield* client({}, fast)
      const events = yield* recordEvents(c)
      yield* swap(server.address, c, swaps)
      const expected = ["Connect 1", "Active 1"]
      for (let generation = 1; generation <= swaps; generation++) {
        expected.push(
          `GoAway ${generation}`,
          `Draining ${generation}`,
          `Connect ${generation + 1}`,
          `Active ${generation + 1}`,
          `Reconnected ${generation + 1}`,
          `Close ${generation}`
        )
      }
      assert.deepStrictEqual(brief(events), expected)
      assert.deepInclude(yield* c.stats, { swaps })
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("wait for a slow subscriber; the state of the address is right all the same", () =>
    Effect.gen(function*() {
      const swaps = 100
      const server = yield* restless(1)
      const c = yield* client({}, fast)
      const pull = yield* Stream.toPull(c.events)
      const subscription = yield* start(pull)
      yield* swap(server.address, c, swaps)
      const state = (yield* c.links).get(server.address)!
      assert.deepStrictEqual(
        [state.status, state.generation, ...brief([state.lastEvent!])],
        ["Active", swaps + 1, `Close ${swaps}`]
      )
      const seen = [...(yield* Fiber.join(subscription))]
      while (seen.length < 2 + 6 * swaps) seen.push(...(yield* pull))
      assert.strictEqual(seen.at(-1), state.lastEvent)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("beyond 65,536 of them a slow subscriber loses the oldest", () =>
    Effect.gen(function*() {
      const hub = new EventHub()
      const pull = yield* Stream.toPull(hub.stream)
      const event = (generation: number): ChannelEvent => ({
        type: "Connect",
        address: "10.0.0.1:1",
        channelId: "1",
        generation,
        reason: "a test"
      })
      const subscription = yield* start(pull)
      hub.emit(event(0))
      assert.deepStrictEqual(brief(yield* Fiber.join(subscription)), ["Connect 0"])
      for (let generation = 1; generation <= 70_000; generation++) hub.emit(event(generation))
      const seen: Array<ChannelEvent> = []
      while (seen.length < 65_536) seen.push(...(yield* pull))
      assert.strictEqual(seen[0].generation, 70_000 - 65_536 + 1)
      assert.strictEqual(seen.at(-1)?.generation, 70_000)
      assert.strictEqual(seen.length, 65_536)
    }))

  it.effect("reach every subscriber, whatever the others do", () =>
    Effect.gen(function*() {
      const server = yield* restless(1)
      const c = yield* client({}, fast)
      yield* Effect.forkScoped(Stream.runForEach(c.events, () => Effect.never), { startImmediately: true })
      yield* Effect.forkScoped(Stream.runForEach(c.events, () => Effect.die(new Error("a bad subscriber"))), {
        startImmediately: true
      })
      const one = yield* recordEvents(c)
      const two = yield* recordEvents(c)
      yield* swap(server.address, c, 10)
      assert.strictEqual(one.length, 62)
      assert.deepStrictEqual(brief(one), brief(two))
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("come from the moment of subscription on", () =>
    Effect.gen(function*() {
      const server = yield* restless(1)
      const c = yield* client({}, fast)
      yield* swap(server.address, c, 3)
      const events = yield* recordEvents(c)
      const fiber = yield* start(c.invoke(server.address, { code: echoCode }))
      yield* pass(1)
      yield* Fiber.join(fiber)
      yield* settle
      assert.deepStrictEqual(brief(events).slice(0, 2), ["GoAway 4", "Draining 4"])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("say address, connection, generation and why", () =>
    Effect.gen(function*() {
      const net = yield* network
      const server = yield* echoServer(1)
      const c = yield* client()
      const events = yield* recordEvents(c)
      yield* c.invoke(server.address, { code: echoCode })
      net.reset(server.address)
      yield* settle
      assert.deepStrictEqual(
        events.map(({ address, channelId, generation, type }) => [type, address, channelId, generation]),
        ["Connect", "Active", "Exception", "Close"].map((type) => [type, server.address, "1", 1])
      )
      assert.isTrue(events.every((event) => event.reason.length > 0))
      assert.include(events[2].reason, "ECONNRESET")
      assert.include(String(events[2].cause), "ECONNRESET")
      assert.isUndefined(events[0].cause)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("tell of a dial that failed, with the number that its connection would have had", () =>
    Effect.gen(function*() {
      const net = yield* network
      const server = yield* echoServer(1)
      net.fault(server.address, "refuse")
      const c = yield* client()
      const events = yield* recordEvents(c)
      const fiber = yield* start(c.invoke(server.address, { code: echoCode }))
      net.fault(server.address, undefined)
      yield* pass(100)
      yield* Fiber.join(fiber)
      yield* settle
      assert.deepStrictEqual(brief(events), ["Exception 1", "Connect 2", "Active 2"])
      assert.deepStrictEqual(events.map((event) => event.channelId), ["1", "2", "2"])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("tell Idle, then Close, of a connection that nothing uses", () =>
    Effect.gen(function*() {
      const server = yield* echoServer(1, { idleTimeout: "1 hour" })
      const c = yield* client({ idleTimeout: "10 seconds" })
      const events = yield* recordEvents(c)
      yield* c.invoke(server.address, { code: echoCode })
      yield* pass("12 seconds")
      assert.deepStrictEqual(brief(events), ["Connect 1", "Active 1", "Idle 1", "Close 1"])
      assert.strictEqual((yield* c.links).get(server.address)?.status, "Idle")
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("never count backwards, though an address was forgotten meanwhile", () =>
    Effect.gen(function*() {
      const server = yield* echoServer(1, { idleTimeout: "1 hour" })
      const c = yield* client({ idleTimeout: "10 seconds" })
      const events = yield* recordEvents(c)
      yield* c.invoke(server.address, { code: echoCode })
      yield* pass("1 minute")
      assert.strictEqual((yield* c.links).size, 0)
      yield* c.invoke(server.address, { code: echoCode })
      yield* settle
      assert.deepStrictEqual(brief(events).slice(4, 6), ["Connect 2", "Active 2"])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("end with Close for each connection when the client closes", () =>
    Effect.gen(function*() {
      const server = yield* echoServer(1)
      const scope = yield* Scope.make()
      const c = yield* Scope.provide(client(), scope)
      const collected = yield* start(Stream.runCollect(c.events))
      yield* c.invoke(server.address, { code: echoCode })
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(brief(yield* Fiber.join(collected)), ["Connect 1", "Active 1", "Close 1"])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("are none after the client has closed", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const c = yield* Scope.provide(client(), scope)
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(yield* Stream.runCollect(c.events), [])
    }).pipe(Effect.provide(MemoryTransport.layer)))
})

describe("a server's events", () => {
  it.effect("name the peer of each connection", () =>
    Effect.gen(function*() {
      const server = yield* echoServer(1)
      const events = yield* recordEvents(server)
      const scope = yield* Scope.make()
      const c = yield* Scope.provide(client(), scope)
      yield* c.invoke(server.address, { code: echoCode })
      const [peer] = yield* server.peers
      yield* Scope.close(scope, Exit.void)
      yield* settle
      assert.deepStrictEqual(events.map(({ address, type }) => [type, address]), [
        ["Connect", peer.address],
        ["Active", peer.address],
        ["Close", peer.address]
      ])
    }).pipe(Effect.provide(MemoryTransport.layer)))
})
