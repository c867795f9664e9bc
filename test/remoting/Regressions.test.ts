/** What once went wrong, found by the simulation and made small. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import { ResponseCode } from "../../src/protocol/ResponseCode.ts"
import * as MemoryTransport from "../../src/remoting/MemoryTransport.ts"
import { client, echoCode, echoServer, recordEvents, settle } from "./support.ts"

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
