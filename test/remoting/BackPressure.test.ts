import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as MemoryTransport from "../../src/remoting/MemoryTransport.ts"
import { dial, frame, scripted } from "./peers.ts"
import { client, echoCode, echoServer, now, pass, settle, start } from "./support.ts"

const window = 1_000

const narrow = MemoryTransport.layerWith({ window })

/** Fills the window: what follows waits. */
const filler = { code: 0, body: Buffer.alloc(2 * window) }

/** A client whose server has stopped reading. */
const stuck = (options?: Parameters<typeof client>[0]) =>
  Effect.gen(function*() {
    const server = yield* scripted(1)
    const c = yield* client(options)
    yield* start(Effect.exit(c.invoke(server.address, { code: 0 })))
    const [peer] = server.peers
    peer.connection.pause()
    yield* start(Effect.exit(c.invoke(server.address, filler, { timeout: "1 hour" })))
    peer.received.splice(0)
    return { c, server, peer }
  })

describe("a server that stops reading", () => {
  it.effect("holds requests back: those that reach their deadline fail NotSent", () =>
    Effect.gen(function*() {
      const { c, server } = yield* stuck()
      const fibers = yield* Effect.forEach(
        [500, 1_000],
        (timeout) =>
          start(
            Effect.flip(c.invoke(server.address, { code: echoCode }, { timeout })).pipe(
              Effect.bindTo("error"),
              Effect.bind("at", () => now)
            )
          )
      )
      yield* pass("1 second")
      const settled = yield* Effect.forEach(fibers, Fiber.join)
      assert.deepStrictEqual(settled.map(({ at, error }) => [error.reason._tag, error.outcome, at]), [
        ["Timeout", "NotSent", 500],
        ["Timeout", "NotSent", 1_000]
      ])
    }).pipe(Effect.provide(narrow)))

  it.effect("gets what still waits when it reads again, in order, and nothing that has settled meanwhile", () =>
    Effect.gen(function*() {
      const { c, peer, server } = yield* stuck()
      const ask = (code: number, timeout: number) => start(Effect.exit(c.invoke(server.address, { code }, { timeout })))
      yield* ask(1, 5_000)
      yield* ask(2, 100)
      yield* ask(3, 5_000)
      const four = yield* ask(4, 5_000)
      const oneway = yield* start(c.invokeOneway(server.address, { code: 5 }))
      yield* ask(6, 5_000)
      yield* pass(100)
      yield* Fiber.interrupt(four)
      assert.isUndefined(oneway.pollUnsafe())
      peer.connection.resume()
      yield* settle
      assert.deepStrictEqual(peer.received.map(({ command }) => command.code), [0, 1, 3, 5, 6])
      yield* Fiber.join(oneway)
    }).pipe(Effect.provide(narrow)))

  it.effect("is written to in pieces: a whole frame goes out at once, then the socket has a say", () =>
    Effect.gen(function*() {
      const server = yield* scripted(1)
      const c = yield* client()
      yield* start(Effect.exit(c.invoke(server.address, { code: 0 })))
      const [peer] = server.peers
      peer.connection.pause()
      // Each is longer than what is handed to the socket at once.
      const body = Buffer.alloc(300_000)
      const fibers = yield* Effect.forEach(
        [1, 2, 3],
        (code) => Effect.forkChild(Effect.exit(c.invoke(server.address, { code, body })))
      )
      yield* settle
      const before = (yield* c.stats).bytesOut
      assert.isAbove(before, 300_000)
      assert.isBelow(before, 600_000)
      peer.connection.resume()
      yield* settle
      assert.deepStrictEqual(peer.received.map(({ command }) => command.code), [0, 1, 2, 3])
      for (const { command } of peer.received.slice(1)) peer.answer(command)
      const exits = yield* Effect.forEach(fibers, Fiber.join)
      assert.isTrue(exits.every(Exit.isSuccess))
    }).pipe(Effect.provide(narrow)))

  it.effect("does not make us hold more than maxUnsentBytes: more fail at once, NotSent", () =>
    Effect.gen(function*() {
      const { c, peer, server } = yield* stuck({ maxUnsentBytes: 10_000 })
      const body = Buffer.alloc(3_000)
      const held = yield* Effect.forEach(
        [1, 2, 3],
        (code) => start(Effect.exit(c.invoke(server.address, { code, body })))
      )
      const error = yield* Effect.flip(c.invoke(server.address, { code: 4, body }))
      assert(error.reason._tag === "TooManyRequests")
      assert.deepStrictEqual([error.reason.outcome, error.reason.limit], ["NotSent", 10_000])
      assert.isTrue(held.every((fiber) => fiber.pollUnsafe() === undefined))
      peer.connection.resume()
      yield* settle
      const late = yield* start(Effect.exit(c.invoke(server.address, { code: 5, body })))
      assert.deepStrictEqual(peer.received.map(({ command }) => command.code), [0, 1, 2, 3, 5])
      assert.isUndefined(late.pollUnsafe())
    }).pipe(Effect.provide(narrow)))

  it.effect("frees the room of requests that have settled", () =>
    Effect.gen(function*() {
      const { c, server } = yield* stuck({ maxUnsentBytes: 10_000 })
      const body = Buffer.alloc(3_000)
      for (let round = 0; round < 100; round++) {
        const fibers = yield* Effect.forEach(
          [1, 2, 3],
          (code) => start(Effect.flip(c.invoke(server.address, { code, body }, { timeout: 10 })))
        )
        yield* pass(10)
        const errors = yield* Effect.forEach(fibers, Fiber.join)
        assert.isTrue(errors.every((error) => error.reason._tag === "Timeout"))
      }
    }).pipe(Effect.provide(narrow)))

  it.effect("does not hold up another address", () =>
    Effect.gen(function*() {
      const { c } = yield* stuck()
      const other = yield* echoServer(2)
      assert.strictEqual((yield* c.invoke(other.address, { code: echoCode })).code, 0)
      assert.strictEqual(yield* now, 0)
    }).pipe(Effect.provide(narrow)))

  it.effect("still gets its own requests answered once it reads", () =>
    Effect.gen(function*() {
      const { c, peer } = yield* stuck()
      yield* c.handle(220, () => Effect.succeed({ remark: "here" }))
      peer.ask({ code: 220, opaque: 1 })
      yield* settle
      peer.connection.resume()
      yield* settle
      assert.deepStrictEqual(peer.received.map(({ command }) => command.remark), [undefined, "here"])
    }).pipe(Effect.provide(narrow)))
})

describe("a server that asks without reading the answers", () => {
  it.effect("loses its connection when more than maxUnsentBytes of answers wait", () =>
    Effect.gen(function*() {
      const { c, peer } = yield* stuck({ maxUnsentBytes: 10_000 })
      let answered = 0
      yield* c.handle(220, () => Effect.sync(() => ({ body: Buffer.alloc(1_000, ++answered) })))
      for (let opaque = 1; opaque <= 7; opaque++) peer.ask({ code: 220, opaque })
      yield* settle
      assert.strictEqual(answered, 7)
      assert.isFalse(peer.closed)
      for (let opaque = 8; opaque <= 100; opaque++) peer.ask({ code: 220, opaque })
      yield* settle
      assert.isTrue(peer.closed)
      assert.isBelow(answered, 20)
    }).pipe(Effect.provide(narrow)))
})

describe("a server that reads the answers", () => {
  it.effect("may be answered more than maxUnsentBytes at once", () =>
    Effect.gen(function*() {
      const server = yield* scripted(1)
      const c = yield* client({ maxUnsentBytes: 10_000 })
      yield* c.handle(220, () => Effect.succeed({ body: Buffer.alloc(30_000) }))
      yield* start(Effect.exit(c.invoke(server.address, { code: 0 })))
      const [peer] = server.peers
      peer.send(Buffer.concat([1, 2, 3].map((opaque) => frame({ code: 220, opaque }))))
      yield* settle
      assert.deepStrictEqual(peer.received.slice(1).map(({ command }) => command.body?.length), [
        30_000,
        30_000,
        30_000
      ])
    }).pipe(Effect.provide(narrow)))
})

describe("a client that stops reading", () => {
  it.effect("is not read from either, so its requests do not pile up answers", () =>
    Effect.gen(function*() {
      const server = yield* echoServer(1)
      const peer = yield* dial(server.address)
      peer.connection.pause()
      const body = Buffer.alloc(500)
      for (let index = 1; index <= 1_000; index++) {
        peer.send(frame({ code: echoCode, opaque: index, body }))
        yield* Effect.yieldNow
      }
      yield* settle
      assert.isBelow((yield* server.stats).requests, 20)
      peer.connection.resume()
      yield* settle
      yield* pass("1 second")
      assert.strictEqual((yield* server.stats).requests, 1_000)
      assert.deepStrictEqual(
        peer.received.map(({ command }) => command.opaque),
        Array.from({ length: 1_000 }, (_, index) => index + 1)
      )
    }).pipe(Effect.provide(narrow)))
})

describe("an address without a connection", () => {
  it.effect("does not make us hold more than maxUnsentBytes either, and frees the room of what has settled", () =>
    Effect.gen(function*() {
      const network = yield* MemoryTransport.MemoryNetwork
      const server = yield* echoServer(1)
      network.fault(server.address, "refuse")
      const c = yield* client({ maxUnsentBytes: 3_000 })
      const request = { code: echoCode, body: Buffer.alloc(1_000) }
      const first = yield* start(Effect.exit(c.invoke(server.address, request, { timeout: 500 })))
      const second = yield* start(c.invoke(server.address, request, { timeout: "1 minute" }))
      const refused = yield* Effect.flip(c.invoke(server.address, request))
      assert.deepStrictEqual([refused.reason._tag, refused.outcome], ["TooManyRequests", "NotSent"])
      yield* pass(500)
      assert.isTrue(Exit.isFailure(yield* Fiber.join(first)))
      const third = yield* start(c.invoke(server.address, request, { timeout: "1 minute" }))
      network.fault(server.address, undefined)
      yield* pass(5_000)
      assert.strictEqual((yield* Fiber.join(second)).code, 0)
      assert.strictEqual((yield* Fiber.join(third)).code, 0)
    }).pipe(Effect.provide(MemoryTransport.layer)))
})
