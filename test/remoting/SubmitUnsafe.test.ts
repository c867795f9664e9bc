import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { RemotingCommand } from "../../src/protocol/RemotingCommand.ts"
import * as MemoryTransport from "../../src/remoting/MemoryTransport.ts"
import type { RemotingError } from "../../src/remoting/RemotingError.ts"
import { scripted } from "./peers.ts"
import { client, echoCode, echoServer, pass, settle } from "./support.ts"

type Ended = Exit.Exit<RemotingCommand | undefined, RemotingError>

describe("submitUnsafe", () => {
  it.effect("calls back with the answer, once", () =>
    Effect.gen(function*() {
      const server = yield* echoServer(1)
      const c = yield* client()
      const ended: Array<Ended> = []
      c.submitUnsafe(server.address, { code: echoCode, body: Buffer.from("x") }, undefined, false, (exit) =>
        ended.push(exit))
      assert.strictEqual(ended.length, 0)
      yield* settle
      assert.strictEqual(ended.length, 1)
      assert(Exit.isSuccess(ended[0]))
      assert.strictEqual(Buffer.from(ended[0].value!.body!).toString(), "x")
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("calls back with nothing once a oneway request was written", () =>
    Effect.gen(function*() {
      const server = yield* echoServer(1)
      const c = yield* client()
      const ended: Array<Ended> = []
      c.submitUnsafe(server.address, { code: echoCode }, undefined, true, (exit) => ended.push(exit))
      yield* settle
      assert.deepStrictEqual(ended, [Exit.succeed(undefined)])
      assert.strictEqual(server.executed.length, 1)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("calls back with the failure, at once where there is no time", () =>
    Effect.gen(function*() {
      const c = yield* client()
      const ended: Array<Ended> = []
      c.submitUnsafe("10.0.0.1:1", { code: echoCode }, { timeout: 0 }, false, (exit) => ended.push(exit))
      assert.strictEqual(ended.length, 1)
      assert.isTrue(Exit.isFailure(ended[0]))
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("does not call back when it was given up", () =>
    Effect.gen(function*() {
      const server = yield* scripted(1)
      const c = yield* client()
      const ended: Array<Ended> = []
      const giveUp = c.submitUnsafe("10.0.0.1:1", { code: echoCode }, undefined, false, (exit) => ended.push(exit))
      yield* settle
      yield* giveUp
      server.received[0].peer.answer(server.received[0].command)
      yield* pass("5 seconds")
      assert.strictEqual(ended.length, 0)
      assert.strictEqual((yield* c.stats).interrupted, 1)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("treats requests as their options say, though one object serves many", () =>
    Effect.gen(function*() {
      yield* scripted(1)
      const c = yield* client()
      const ended: Array<string> = []
      const short = { timeout: 1_500 }
      const long = { timeout: "2 seconds" } as const
      for (const options of [short, long, short]) {
        c.submitUnsafe("10.0.0.1:1", { code: echoCode }, options, false, () => ended.push(String(options.timeout)))
      }
      yield* pass("1500 millis")
      assert.deepStrictEqual(ended, ["1500", "1500"])
      yield* pass("500 millis")
      assert.deepStrictEqual(ended, ["1500", "1500", "2 seconds"])
    }).pipe(Effect.provide(MemoryTransport.layer)))
})
