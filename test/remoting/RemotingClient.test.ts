import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import * as MemoryTransport from "../../src/remoting/MemoryTransport.ts"
import { balanced, brief, client, echoCode, echoServer, recordEvents, settle } from "./support.ts"

describe("invoke", () => {
  it.effect("returns the answer of the server", () =>
    Effect.gen(function*() {
      const server = yield* echoServer(1)
      const c = yield* client()
      const response = yield* c.invoke(server.address, { code: echoCode, body: Buffer.from("hello") })
      assert.strictEqual(response.code, 0)
      assert.strictEqual(response.remark, server.address)
      assert.strictEqual(Buffer.from(response.body!).toString(), "hello")
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("times out at its deadline, exactly, and the channel stays", () =>
    Effect.gen(function*() {
      const server = yield* echoServer(1)
      yield* server.handle(1, () => Effect.never)
      const c = yield* client()
      const fiber = yield* Effect.forkChild(Effect.flip(c.invoke(server.address, { code: 1 }, { timeout: 500 })))
      yield* TestClock.adjust(499)
      assert.isUndefined(fiber.pollUnsafe())
      yield* TestClock.adjust(1)
      const error = yield* Fiber.join(fiber)
      assert.strictEqual(error.reason._tag, "Timeout")
      assert.strictEqual(error.outcome, "Unknown")
      assert.strictEqual((yield* c.links).get(server.address)?.status, "Active")
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("moves to another server after GO_AWAY", () =>
    Effect.gen(function*() {
      const network = yield* MemoryTransport.MemoryNetwork
      const first = yield* echoServer(1)
      const second = yield* echoServer(2)
      network.balance(balanced, [first.address, second.address])
      const c = yield* client()
      const events = yield* recordEvents(c)
      assert.strictEqual((yield* c.invoke(balanced, { code: echoCode })).remark, first.address)
      yield* Effect.forkChild(first.drain)
      yield* settle
      const fiber = yield* Effect.forkChild(c.invoke(balanced, { code: echoCode }))
      yield* settle
      yield* TestClock.adjust(10)
      assert.strictEqual((yield* Fiber.join(fiber)).remark, second.address)
      yield* settle
      assert.deepStrictEqual(brief(events), [
        "Connect 1",
        "Active 1",
        "GoAway 1",
        "Draining 1",
        "Connect 2",
        "Active 2",
        "Reconnected 2",
        "Close 1"
      ])
    }).pipe(Effect.provide(MemoryTransport.layer)))
})
