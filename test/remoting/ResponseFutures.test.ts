import { assert, describe, it } from "@effect/vitest"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import * as TestClock from "effect/testing/TestClock"
import { PendingCall } from "../../src/remoting/internal/pendingCall.ts"
import * as MemoryTransport from "../../src/remoting/MemoryTransport.ts"
import * as Reconnection from "../../src/remoting/Reconnection.ts"
import * as RemotingClient from "../../src/remoting/RemotingClient.ts"
import type { Futures } from "../../src/remoting/ResponseFutures.ts"
import * as ResponseFutures from "../../src/remoting/ResponseFutures.ts"
import { frame, scripted } from "./peers.ts"
import { client, echoCode, echoServer, now, pass, settle, start, steady, text } from "./support.ts"

const largest = 0x7fff_ffff

/** A call that nobody answers. */
const callWith = (futures: Futures, timeoutMillis: number, resume: PendingCall["resume"] = () => {}) =>
  new PendingCall(
    futures,
    {
      refused: () => {},
      lost: () => {},
      expired: (call) => {
        throw new Error(`a call of ${call.options.timeoutMillis} ms expired`)
      }
    },
    "10.0.0.1:1",
    { code: echoCode },
    false,
    { timeoutMillis, goAwayHops: 0, repeatable: false, failFast: false },
    futures.now() + timeoutMillis,
    resume
  )

describe("opaques", () => {
  it.effect("count up from the first one, and from 1 again after the largest int", () =>
    Effect.gen(function*() {
      const server = yield* scripted(1, { command: ({ command, peer }) => peer.answer(command) })
      const c = yield* client({}, steady, { firstOpaque: largest - 2 })
      for (let index = 0; index < 6; index++) yield* c.invoke(server.address, { code: echoCode })
      assert.deepStrictEqual(server.received.map(({ command }) => command.opaque), [
        largest - 2,
        largest - 1,
        largest,
        1,
        2,
        3
      ])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("are unique per client, over all its addresses", () =>
    Effect.gen(function*() {
      const first = yield* scripted(1, { command: ({ command, peer }) => peer.answer(command) })
      const second = yield* scripted(2, { command: ({ command, peer }) => peer.answer(command) })
      const c = yield* client()
      for (let index = 0; index < 10; index++) {
        yield* c.invoke(first.address, { code: echoCode })
        yield* c.invoke(second.address, { code: echoCode })
      }
      const opaques = [...first.received, ...second.received].map(({ command }) => command.opaque)
      assert.strictEqual(new Set(opaques).size, 20)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("begin at a random place, positive, and at the same for the same seed", () =>
    Effect.gen(function*() {
      const first = (seed: string) =>
        Effect.map(ResponseFutures.make(), (futures) => futures.nextOpaque()).pipe(Random.withSeed(seed))
      const opaques = yield* Effect.forEach(["a", "b", "c", "d"], first)
      assert.strictEqual(new Set(opaques).size, 4)
      assert.isTrue(opaques.every((opaque) => Number.isInteger(opaque) && opaque > 0 && opaque <= largest))
      assert.deepStrictEqual(yield* Effect.forEach(["a", "b", "c", "d"], first), opaques)
    }))

  it.effect("skip those that a live request of any connection has, once they have gone round", () =>
    Effect.gen(function*() {
      const futures = yield* ResponseFutures.make({ firstOpaque: largest - 1 })
      const table = (live: ReadonlyArray<number>) => ({
        has: (opaque: number) => live.includes(opaque),
        remove: () => {}
      })
      const closing = table([3])
      futures.open(table([1, 2]))
      futures.open(table([4]))
      futures.open(closing)
      const opaques = Array.from({ length: 3 }, () => futures.nextOpaque())
      futures.close(closing)
      assert.deepStrictEqual(opaques.concat(futures.nextOpaque()), [largest - 1, largest, 5, 6])
    }))

  it.effect("of 10,000 long-lived requests on both sides of the largest int never get mixed up", () =>
    Effect.gen(function*() {
      const server = yield* scripted(1)
      const c = yield* client({}, steady, { firstOpaque: largest - 5_000 })
      const fibers = yield* Effect.forEach(
        Array.from({ length: 10_000 }, (_, index) => String(index)),
        (id) => Effect.forkChild(c.invoke(server.address, { code: echoCode, body: Buffer.from(id) }))
      )
      yield* settle
      assert.strictEqual(server.received.length, 10_000)
      assert.strictEqual(new Set(server.received.map(({ command }) => command.opaque)).size, 10_000)
      const [peer] = server.peers
      for (const { command } of server.received.slice().reverse()) peer.answer(command, { body: command.body })
      const answers = yield* Effect.forEach(fibers, Fiber.join)
      assert.deepStrictEqual(answers.map((answer) => text(answer.body)), answers.map((_, index) => String(index)))
      assert.deepInclude(yield* c.stats, { dropped: 0, inFlight: 0 })
    }).pipe(Effect.provide(MemoryTransport.layer)))
})

describe("an answer that nobody waits for", () => {
  it.effect("is dropped and counted: late, duplicate, unsolicited", () =>
    Effect.gen(function*() {
      const server = yield* scripted(1)
      const c = yield* client()
      const timed = yield* start(Effect.exit(c.invoke(server.address, { code: 1 }, { timeout: 100 })))
      yield* pass(100)
      yield* Fiber.join(timed)
      const [peer] = server.peers
      peer.answer(server.received[0].command)
      const fiber = yield* start(c.invoke(server.address, { code: 2 }))
      peer.answer(server.received[1].command, { remark: "first" })
      peer.answer(server.received[1].command, { remark: "second" })
      peer.send(frame({ flag: 1, opaque: server.received[1].command.opaque + 1 }))
      yield* settle
      assert.strictEqual((yield* Fiber.join(fiber)).remark, "first")
      assert.deepInclude(yield* c.stats, { dropped: 3, succeeded: 1 })
      assert.isFalse(peer.closed)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("does not reach a request of another connection", () =>
    Effect.gen(function*() {
      const first = yield* scripted(1)
      const second = yield* scripted(2)
      const c = yield* client()
      const fiber = yield* start(c.invoke(first.address, { code: 1 }))
      yield* start(Effect.exit(c.invoke(second.address, { code: 2 })))
      second.peers[0].answer(first.received[0].command, { remark: "wrong" })
      yield* settle
      assert.isUndefined(fiber.pollUnsafe())
      first.peers[0].answer(first.received[0].command, { remark: "right" })
      assert.strictEqual((yield* Fiber.join(fiber)).remark, "right")
    }).pipe(Effect.provide(MemoryTransport.layer)))
})

describe("a request of the server", () => {
  it.effect("is none of our answers, though it has the opaque of one of our requests", () =>
    Effect.gen(function*() {
      const server = yield* scripted(1)
      const c = yield* client()
      yield* c.handle(220, () => Effect.succeed({ remark: "ours" }))
      const fiber = yield* start(c.invoke(server.address, { code: echoCode }))
      const [peer] = server.peers
      const { opaque } = server.received[0].command
      peer.ask({ code: 220, opaque })
      yield* settle
      assert.isUndefined(fiber.pollUnsafe())
      const reply = server.received[1].command
      assert.deepStrictEqual([reply.isResponse, reply.opaque, reply.remark], [true, opaque, "ours"])
      peer.answer(server.received[0].command, { remark: "theirs" })
      assert.strictEqual((yield* Fiber.join(fiber)).remark, "theirs")
      assert.strictEqual((yield* c.stats).dropped, 0)
    }).pipe(Effect.provide(MemoryTransport.layer)))
})

describe("the limit of requests in flight", () => {
  it.effect("is 65,535 by default", () =>
    Effect.gen(function*() {
      const futures = yield* ResponseFutures.make()
      for (let index = 0; index < 65_535; index++) assert(futures.submit(callWith(futures, Infinity)))
      assert.isFalse(futures.submit(callWith(futures, Infinity)))
      assert.strictEqual(futures.inFlight, 65_535)
    }))

  it.effect("is read from ROCKETMQ_MAX_IN_FLIGHT by layerConfig", () =>
    Effect.gen(function*() {
      const futures = yield* ResponseFutures.ResponseFutures
      assert.strictEqual(futures.maxInFlight, 7)
    }).pipe(
      Effect.provide(
        ResponseFutures.layerConfig.pipe(
          Layer.provide(ConfigProvider.layer(ConfigProvider.fromUnknown({ ROCKETMQ: { MAX_IN_FLIGHT: "7" } })))
        )
      )
    ))
})

class One extends Context.Service<One, Futures>()("test/One") {}
class Two extends Context.Service<Two, Futures>()("test/Two") {}

describe("layers", () => {
  it.effect("are never shared by two clients", () =>
    Effect.gen(function*() {
      assert.notStrictEqual(yield* One, yield* Two)
    }).pipe(
      Effect.provide(
        Layer.mergeAll(
          Layer.effect(One, ResponseFutures.ResponseFutures).pipe(Layer.provide(ResponseFutures.layer)),
          Layer.effect(Two, ResponseFutures.ResponseFutures).pipe(Layer.provide(ResponseFutures.layer))
        )
      )
    ))
})

describe("settling", () => {
  it.effect("happens once: what comes after it is ignored", () =>
    Effect.gen(function*() {
      const futures = yield* ResponseFutures.make()
      const exits: Array<boolean> = []
      const call = callWith(futures, Infinity, (exit) => exits.push(Exit.isSuccess(exit)))
      futures.submit(call)
      futures.succeed(call, undefined)
      futures.succeed(call, undefined)
      futures.interrupt(call)
      assert.deepStrictEqual(exits, [true])
      assert.deepInclude(futures.stats(), { inFlight: 0, succeeded: 1, interrupted: 0 })
    }))

  it.effect("leaves no table of a closed connection behind", () =>
    Effect.gen(function*() {
      const futures = yield* ResponseFutures.make()
      const server = yield* scripted(1, {
        command: ({ command, peer }) => {
          if (peer.index < 100) peer.goAway(command)
          else peer.answer(command)
        }
      })
      const c = yield* RemotingClient.make({ metrics: false }).pipe(
        Effect.provideService(ResponseFutures.ResponseFutures, futures),
        Effect.provideService(Reconnection.Reconnection, steady)
      )
      const fiber = yield* start(c.invoke(server.address, { code: echoCode }))
      yield* pass("2 seconds")
      yield* Fiber.join(fiber)
      yield* settle
      const tables: unknown = Reflect.get(futures, "tables")
      assert(tables instanceof Set)
      assert.strictEqual(tables.size, 1)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("leaves nothing behind: 10,000 requests, half answered, the others timed out", () =>
    Effect.gen(function*() {
      const server = yield* echoServer(1)
      yield* server.handle(1, () => Effect.never)
      const c = yield* client({}, steady)
      const fibers = yield* Effect.forEach(
        Array.from({ length: 10_000 }, (_, index) => index),
        (index) => Effect.forkChild(Effect.exit(c.invoke(server.address, { code: index % 100 === 0 ? 1 : echoCode })))
      )
      yield* pass("3 seconds")
      const exits = yield* Effect.forEach(fibers, Fiber.join)
      assert.strictEqual(exits.filter(Exit.isSuccess).length, 9_900)
      assert.deepInclude(yield* c.stats, { inFlight: 0, succeeded: 9_900, unknown: 100 })
    }).pipe(Effect.provide(MemoryTransport.layer)))
})

describe("deadlines", () => {
  it.effect("pass exactly, however many different timeouts there are", () =>
    Effect.gen(function*() {
      const server = yield* scripted(1)
      const c = yield* client()
      const timeouts = Array.from({ length: 300 }, (_, index) => 1 + ((index * 7_919) % 2_000))
      const settled = yield* Effect.forEach(
        timeouts,
        (timeout) =>
          Effect.forkChild(Effect.andThen(Effect.flip(c.invoke(server.address, { code: 1 }, { timeout })), now))
      )
      yield* pass("2 seconds")
      assert.deepStrictEqual(yield* Effect.forEach(settled, Fiber.join), timeouts)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("that come before those already set are not missed", () =>
    Effect.gen(function*() {
      const server = yield* scripted(1)
      const c = yield* client()
      const at: Array<readonly [number, number]> = []
      const ask = (timeout: number) =>
        start(
          Effect.flip(c.invoke(server.address, { code: 1 }, { timeout })).pipe(
            Effect.andThen(now),
            Effect.map((time) => at.push([timeout, time]))
          )
        )
      yield* ask(5_000)
      yield* pass(1_000)
      yield* ask(2_000)
      yield* pass(500)
      yield* ask(100)
      yield* ask(0)
      yield* pass(5_000)
      assert.deepStrictEqual(at, [[0, 1_500], [100, 1_600], [2_000, 3_000], [5_000, 5_000]])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("may be fractions of a millisecond", () =>
    Effect.gen(function*() {
      const server = yield* scripted(1)
      const c = yield* client()
      const fiber = yield* start(Effect.flip(c.invoke(server.address, { code: 1 }, { timeout: "250 micros" })))
      yield* TestClock.adjust("249 micros")
      assert.isUndefined(fiber.pollUnsafe())
      yield* TestClock.adjust("1 micros")
      assert.strictEqual((yield* Fiber.join(fiber)).reason._tag, "Timeout")
    }).pipe(Effect.provide(MemoryTransport.layer)))
})
