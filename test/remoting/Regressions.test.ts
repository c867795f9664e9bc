/** What once went wrong, found by the simulation and made small. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import { RequestCode } from "../../src/protocol/RequestCode.ts"
import { ResponseCode } from "../../src/protocol/ResponseCode.ts"
import * as MemoryTransport from "../../src/remoting/MemoryTransport.ts"
import {
  balanced,
  brief,
  client,
  echoCode,
  echoServer,
  network,
  pass,
  recordEvents,
  settle,
  start,
  steady
} from "./support.ts"

describe("RemotingServer", () => {
  it.effect("answers GO_AWAY while it drains though the scope of its handlers has closed", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const server = yield* Scope.provide(
        echoServer(1, { enableShutdownGracefully: true, shutdownWaitTime: "10 seconds" }),
        scope
      )
      const c = yield* client()
      assert.strictEqual((yield* c.invoke(server.address, { code: echoCode })).code, ResponseCode.SUCCESS)
      yield* Effect.forkChild(Scope.close(scope, Exit.void))
      yield* settle
      const error = yield* Effect.flip(c.invoke(server.address, { code: echoCode }, { goAwayHops: 0 }))
      assert.strictEqual(error.outcome, "NotProcessed")
      yield* TestClock.adjust("10 seconds")
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("times its requests to peers out while it drains", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const server = yield* Scope.provide(
        echoServer(1, { enableShutdownGracefully: true, shutdownWaitTime: "10 seconds" }),
        scope
      )
      const c = yield* client()
      yield* c.handle(1, () => Effect.never)
      yield* c.invoke(server.address, { code: echoCode })
      const [peer] = yield* server.peers
      yield* Effect.forkChild(Scope.close(scope, Exit.void))
      yield* settle
      const asked = yield* Effect.forkChild(Effect.flip(peer!.invoke({ code: 1 }, { timeout: 50 })))
      yield* settle
      yield* TestClock.adjust(50)
      assert.strictEqual((yield* Fiber.join(asked)).reason._tag, "Timeout")
      yield* TestClock.adjust("10 seconds")
    }).pipe(Effect.provide(MemoryTransport.layer)))
})

describe("RemotingClient", () => {
  it.effect("counts no generation twice, though the address was evicted in between", () =>
    Effect.gen(function*() {
      const server = yield* echoServer(1)
      const c = yield* client({ idleTimeout: "1 second" })
      const events = yield* recordEvents(c)
      yield* c.invoke(server.address, { code: echoCode })
      yield* TestClock.adjust("5 seconds")
      assert.isUndefined((yield* c.links).get(server.address))
      yield* c.invoke(server.address, { code: echoCode })
      yield* settle
      assert.deepStrictEqual(
        events.filter((event) => event.type === "Connect").map((event) => event.generation),
        [1, 2]
      )
    }).pipe(Effect.provide(MemoryTransport.layer)))
})

describe("a link", () => {
  it.effect("retires its channel for a GO_AWAY that comes after the caller has gone", () =>
    Effect.gen(function*() {
      const net = yield* network
      const first = yield* echoServer(1)
      const second = yield* echoServer(2)
      net.balance(balanced, [first.address, second.address])
      const c = yield* client()
      const before = yield* start(c.invoke(balanced, { code: echoCode }))
      yield* pass(20)
      yield* Fiber.join(before)
      yield* Effect.forkChild(first.drain)
      yield* settle
      const refused = yield* start(Effect.flip(c.invoke(balanced, { code: echoCode }, { timeout: 15 })))
      yield* pass(20)
      assert.strictEqual((yield* Fiber.join(refused)).reason._tag, "Timeout")
      // It knows from the late answer: no second request is needed to find out.
      const after = yield* start(c.invoke(balanced, { code: echoCode }, { goAwayHops: 0 }))
      yield* pass(100)
      const response = yield* Fiber.join(after)
      assert.strictEqual(response.remark, second.address)
    }).pipe(Effect.provide(MemoryTransport.layerWith({ latency: 10 }))))

  it.effect("that is closed while a registration is under way tells so, and nothing else", () =>
    Effect.gen(function*() {
      const server = yield* echoServer(1)
      yield* server.handle(RequestCode.HEART_BEAT, () => Effect.never)
      const scope = yield* Scope.make()
      const c = yield* Scope.provide(client(), scope)
      const events = yield* recordEvents(c)
      yield* Scope.provide(c.onValidate((peer) => peer.invoke({ code: RequestCode.HEART_BEAT })), scope)
      const waiting = yield* start(Effect.flip(c.invoke(server.address, { code: echoCode }, { failFast: true })))
      yield* Scope.close(scope, Exit.void)
      yield* settle
      assert.strictEqual((yield* Fiber.join(waiting)).reason._tag, "ShuttingDown")
      assert.deepStrictEqual(brief(events), ["Connect 1", "Close 1"])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("registers though those who wait for it are as many as may be in flight", () =>
    Effect.gen(function*() {
      const server = yield* echoServer(1)
      const c = yield* client(undefined, steady, { maxInFlight: 2 })
      yield* c.onValidate((peer) => peer.invoke({ code: RequestCode.HEART_BEAT }))
      const first = yield* start(c.invoke(server.address, { code: echoCode }))
      const second = yield* start(c.invoke(server.address, { code: echoCode }))
      yield* pass(10)
      assert.strictEqual((yield* Fiber.join(first)).remark, server.address)
      assert.strictEqual((yield* Fiber.join(second)).remark, server.address)
    }).pipe(Effect.provide(MemoryTransport.layerWith({ connectLatency: 10 }))))

  it.effect("finds a peer dead that takes nothing more, though nothing written is unanswered", () =>
    Effect.gen(function*() {
      const net = yield* network
      const server = yield* echoServer(1)
      const c = yield* client()
      yield* c.invoke(server.address, { code: echoCode })
      net.fault(server.address, "blackHole")
      const written = yield* start(Effect.flip(c.invoke(server.address, { code: echoCode, body: Buffer.alloc(2_000) })))
      yield* pass("3 seconds")
      assert.strictEqual((yield* Fiber.join(written)).outcome, "Unknown")
      net.fault(server.address, undefined)
      const queued = yield* start(c.invoke(server.address, { code: echoCode }, { timeout: "60 seconds" }))
      yield* pass("40 seconds")
      assert.strictEqual((yield* Fiber.join(queued)).remark, server.address)
    }).pipe(Effect.provide(MemoryTransport.layerWith({ window: 1_000 }))))

  it.effect("whose policy is done does not dial for those who have been told", () =>
    Effect.gen(function*() {
      const net = yield* network
      const address = "10.0.0.1:1"
      const c = yield* client(undefined, { ...steady, reconnect: Schedule.upTo(steady.reconnect, { times: 1 }) })
      const asked = yield* start(Effect.flip(c.invoke(address, { code: echoCode })))
      yield* pass("5 seconds")
      assert.strictEqual((yield* Fiber.join(asked)).outcome, "NotSent")
      const dials = net.dials(address)
      const error = yield* Effect.flip(c.invoke(address, { code: echoCode }, { failFast: true }))
      assert.strictEqual(error.reason._tag, "ConnectFailed")
      yield* pass("5 seconds")
      assert.strictEqual(net.dials(address), dials + 1)
    }).pipe(Effect.provide(MemoryTransport.layer)))
})

describe("MemoryTransport", () => {
  it.effect("keeps listening where an earlier listener is closed a second time", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const earlier = yield* Scope.provide(echoServer(1), scope)
      yield* earlier.stop
      const later = yield* echoServer(1)
      yield* Scope.close(scope, Exit.void)
      const c = yield* client()
      assert.strictEqual((yield* c.invoke(later.address, { code: echoCode })).remark, later.address)
    }).pipe(Effect.provide(MemoryTransport.layer)))
})
