import { assert, describe, it } from "@effect/vitest"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import { MqVersion } from "../../src/protocol/MqVersion.ts"
import * as MemoryTransport from "../../src/remoting/MemoryTransport.ts"
import type { Peer } from "../../src/remoting/RemotingHandler.ts"
import * as RemotingServer from "../../src/remoting/RemotingServer.ts"
import { dial, frame, type RawPeer } from "./peers.ts"
import {
  brief,
  client,
  echoCode,
  echoServer,
  network,
  now,
  pass,
  recordEvents,
  settle,
  start,
  text
} from "./support.ts"

const where = { host: "10.0.0.1", port: 1, metrics: false } as const

/** A server without handlers, and a client of it that does as it is told. */
const bare = (options?: RemotingServer.RemotingServerOptions) =>
  Effect.gen(function*() {
    const server = yield* RemotingServer.make({ ...where, ...options })
    const peer = yield* dial(server.address)
    return { server, peer }
  })

/** What came back: opaque and code. */
const answers = (peer: RawPeer) => peer.received.map(({ command }) => [command.opaque, command.code])

describe("a server", () => {
  it.effect("answers with what the handler of the code returns", () =>
    Effect.gen(function*() {
      const { peer, server } = yield* bare()
      yield* server.handle(105, (request) =>
        Effect.succeed({
          code: 17,
          remark: `no ${request.extFields.topic}`,
          extFields: { a: "b" },
          body: Buffer.from("body")
        }))
      peer.ask({ code: 105, opaque: 7, extFields: { topic: "t" } })
      yield* settle
      const { command } = peer.received[0]
      assert.deepStrictEqual(
        [command.isResponse, command.opaque, command.code, command.remark, text(command.body)],
        [true, 7, 17, "no t", "body"]
      )
      assert.deepStrictEqual({ ...command.extFields }, { a: "b" })
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("answers a code without a handler with REQUEST_CODE_NOT_SUPPORTED, in Java's words", () =>
    Effect.gen(function*() {
      const { peer } = yield* bare()
      peer.ask({ code: 4711, opaque: 7 })
      peer.ask({ code: 4711, opaque: 8, flag: 2 })
      yield* settle
      assert.deepStrictEqual(answers(peer), [[7, 3]])
      assert.strictEqual(peer.received[0].command.remark, " request type 4711 not supported")
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("hands the codes without a handler to handleOther, if there is one", () =>
    Effect.gen(function*() {
      const { peer, server } = yield* bare()
      const scope = yield* Scope.make()
      yield* server.handle(1, () => Effect.succeed({ remark: "one" }))
      yield* Scope.provide(server.handleOther(({ code }) => Effect.succeed({ remark: `other ${code}` })), scope)
      peer.ask({ code: 1, opaque: 1 })
      peer.ask({ code: 2, opaque: 2 })
      yield* settle
      yield* Scope.close(scope, Exit.void)
      peer.ask({ code: 2, opaque: 3 })
      yield* settle
      assert.deepStrictEqual(peer.received.map(({ command }) => command.remark), [
        "one",
        "other 2",
        " request type 2 not supported"
      ])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("answers as its handlers finish, not in the order of the requests", () =>
    Effect.gen(function*() {
      const { peer, server } = yield* bare()
      yield* server.handle(1, (request) => Effect.delay(Effect.succeed({}), Number(request.extFields.ms)))
      peer.ask({ code: 1, opaque: 1, extFields: { ms: "20" } })
      peer.ask({ code: 1, opaque: 2, extFields: { ms: "10" } })
      peer.ask({ code: 1, opaque: 3, extFields: { ms: "0" } })
      yield* pass(20)
      assert.deepStrictEqual(answers(peer), [[3, 0], [2, 0], [1, 0]])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("answers a failure and a defect with SYSTEM_ERROR, and goes on", () =>
    Effect.gen(function*() {
      const { peer, server } = yield* bare()
      yield* server.handle(1, () => Effect.fail(new Error("no")))
      yield* server.handle(2, (): Effect.Effect<undefined> => {
        throw new TypeError("worse")
      })
      yield* server.handle(3, () => Effect.fail("just text"))
      for (const code of [1, 2, 3, 1]) peer.ask({ code, opaque: code })
      yield* settle
      assert.deepStrictEqual(peer.received.map(({ command }) => [command.code, command.remark]), [
        [1, "Error: no"],
        [1, "TypeError: worse"],
        [1, "just text"],
        [1, "Error: no"]
      ])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("answers SYSTEM_ERROR whatever a handler fails with", () =>
    Effect.gen(function*() {
      const { peer, server } = yield* bare()
      const causes: ReadonlyArray<unknown> = [undefined, null, Symbol("s"), Object.create(null), () => 1, { a: 1n }]
      yield* server.handle(1, (request) => Effect.fail(causes[Number(request.extFields.index)]))
      for (const index of causes.keys()) peer.ask({ code: 1, opaque: index + 1, extFields: { index: String(index) } })
      yield* settle
      assert.deepStrictEqual(answers(peer), causes.map((_, index) => [index + 1, 1]))
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("answers SYSTEM_ERROR in place of an answer that cannot be encoded, and goes on", () =>
    Effect.gen(function*() {
      const { peer, server } = yield* bare()
      yield* server.handle(1, () => Effect.succeed({ code: 1.5 }))
      yield* server.handle(2, () => Effect.succeed({ extFields: { key: Symbol("value") as unknown as string } }))
      yield* server.handle(3, () => Effect.succeed({}))
      for (const code of [1, 2, 3]) peer.ask({ code, opaque: code })
      yield* settle
      assert.deepStrictEqual(answers(peer), [[1, 1], [2, 1], [3, 0]])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("answers with JSON headers unless told otherwise, whatever was asked", () =>
    Effect.gen(function*() {
      for (const serialization of ["JSON", "ROCKETMQ"] as const) {
        const server = yield* RemotingServer.make({ ...where, port: undefined, serialization })
        yield* server.handleOther(() => Effect.succeed({}))
        const peer = yield* dial(server.address)
        peer.ask({ code: 1, serialization: "JSON" })
        peer.ask({ code: 1, serialization: "ROCKETMQ" })
        yield* settle
        assert.deepStrictEqual(peer.received.map(({ command }) => command.serialization), [
          serialization,
          serialization
        ])
      }
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("answers SYSTEM_ERROR when the answer does not fit a frame", () =>
    Effect.gen(function*() {
      const { peer, server } = yield* bare({ limits: { maxFrameSize: 1_000 } })
      yield* server.handle(1, () => Effect.succeed({ body: Buffer.alloc(1_000) }))
      peer.ask({ code: 1, opaque: 5 })
      yield* settle
      assert.deepStrictEqual(answers(peer), [[5, 1]])
      assert.include(peer.received[0].command.remark, "frame")
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("serves 10,000 requests in one chunk, in order", () =>
    Effect.gen(function*() {
      const { peer, server } = yield* bare()
      yield* server.handle(1, () => Effect.succeed({}))
      peer.send(Buffer.concat(Array.from({ length: 10_000 }, (_, opaque) => frame({ code: 1, opaque }))))
      yield* settle
      assert.deepStrictEqual(
        peer.received.map(({ command }) => command.opaque),
        Array.from({ length: 10_000 }, (_, opaque) => opaque)
      )
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("tells of its peers while they are connected", () =>
    Effect.gen(function*() {
      const { peer, server } = yield* bare()
      yield* settle
      const [one] = yield* server.peers
      assert.strictEqual(one.address, peer.connection.local)
      assert.isTrue(one.isOpen())
      peer.end()
      yield* settle
      assert.isFalse(one.isOpen())
      assert.deepStrictEqual(yield* server.peers, [])
      assert.deepInclude(yield* server.stats, { connections: 0, accepted: 1 })
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("ends a connection that breaks the protocol, and only that", () =>
    Effect.gen(function*() {
      const { peer, server } = yield* bare()
      const other = yield* dial(server.address)
      const events = yield* recordEvents(server)
      yield* server.handle(1, () => Effect.succeed({}))
      peer.send(Buffer.from("GET / HTTP/1.1\r\n\r\n"))
      yield* settle
      assert.isTrue(peer.closed)
      other.ask({ code: 1 })
      yield* settle
      assert.strictEqual(other.received.length, 1)
      assert.deepStrictEqual(brief(events), ["Exception 1", "Close 1"])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("ends a connection whose frame is not finished in 30 seconds", () =>
    Effect.gen(function*() {
      const { peer } = yield* bare()
      peer.send(frame({ code: 1, body: Buffer.alloc(100) }).subarray(0, 60))
      for (let second = 0; second < 29; second++) yield* pass("1 second")
      assert.isFalse(peer.closed)
      yield* pass("3 seconds")
      assert.isTrue(peer.closed)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("closes a connection on which nothing happens for 120 seconds", () =>
    Effect.gen(function*() {
      const { peer, server } = yield* bare()
      const events = yield* recordEvents(server)
      yield* server.handle(1, () => Effect.succeed({}))
      yield* pass("100 seconds")
      peer.ask({ code: 1 })
      yield* pass("119 seconds")
      assert.isFalse(peer.closed)
      yield* pass("3 seconds")
      assert.isTrue(peer.closed)
      assert.deepStrictEqual(brief(events), ["Idle 1", "Close 1"])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("keeps a connection on which a long poll hangs", () =>
    Effect.gen(function*() {
      const { peer, server } = yield* bare()
      yield* server.handle(11, (_, by) => Effect.as(by.suspend(Effect.sleep("5 minutes")), {}))
      peer.ask({ code: 11 })
      yield* pass("5 minutes")
      assert.strictEqual(peer.received.length, 1)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("interrupts handlers whose client has gone", () =>
    Effect.gen(function*() {
      const { peer, server } = yield* bare()
      let interrupted = 0
      yield* server.handle(1, (_, by) =>
        Effect.onInterrupt(by.suspend(Effect.never), () => Effect.sync(() => interrupted++)))
      yield* server.handle(2, () =>
        Effect.onInterrupt(Effect.never, () => Effect.sync(() => interrupted++)))
      peer.ask({ code: 1 })
      peer.ask({ code: 2 })
      yield* settle
      peer.end()
      yield* settle
      assert.strictEqual(interrupted, 2)
    }).pipe(Effect.provide(MemoryTransport.layer)))
})

describe("running work", () => {
  it.effect("is bounded to 128 handlers a connection: more requests get SYSTEM_BUSY, oneway ones nothing", () =>
    Effect.gen(function*() {
      const { peer, server } = yield* bare()
      const release = yield* Deferred.make<void>()
      yield* server.handle(1, () => Effect.as(Deferred.await(release), {}))
      for (let opaque = 1; opaque <= 130; opaque++) peer.ask({ code: 1, opaque })
      peer.ask({ code: 1, opaque: 131, flag: 2 })
      yield* settle
      assert.deepStrictEqual(answers(peer), [[129, 2], [130, 2]])
      assert.strictEqual(
        peer.received[0].command.remark,
        "[OVERLOAD]system busy, start flow control for a while"
      )
      yield* Deferred.succeed(release, undefined)
      yield* settle
      assert.strictEqual(peer.received.length, 130)
      peer.ask({ code: 1, opaque: 200 })
      yield* settle
      assert.deepStrictEqual(answers(peer).at(-1), [200, 0])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("does not count what is suspended", () =>
    Effect.gen(function*() {
      const { peer, server } = yield* bare({ maxHandlers: 2 })
      const release = yield* Deferred.make<void>()
      yield* server.handle(11, (_, by) => Effect.as(by.suspend(Deferred.await(release)), { remark: "found" }))
      yield* server.handle(1, () => Effect.never)
      yield* server.handle(2, () => Effect.succeed({}))
      for (let opaque = 1; opaque <= 1_000; opaque++) peer.ask({ code: 11, opaque })
      peer.ask({ code: 1, opaque: 1_001 })
      peer.ask({ code: 2, opaque: 1_002 })
      peer.ask({ code: 1, opaque: 1_003 })
      peer.ask({ code: 2, opaque: 1_004 })
      yield* settle
      assert.deepStrictEqual(answers(peer), [[1_002, 0], [1_004, 2]])
      yield* Deferred.succeed(release, undefined)
      yield* settle
      assert.strictEqual(peer.received.length, 1_002)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("is counted again when it resumes", () =>
    Effect.gen(function*() {
      const { peer, server } = yield* bare({ maxHandlers: 1 })
      yield* server.handle(11, (_, by) => Effect.as(Effect.andThen(by.suspend(Effect.sleep(10)), Effect.sleep(10)), {}))
      yield* server.handle(2, () => Effect.succeed({}))
      peer.ask({ code: 11, opaque: 1 })
      yield* settle
      peer.ask({ code: 2, opaque: 2 })
      yield* pass(10)
      peer.ask({ code: 2, opaque: 3 })
      yield* pass(10)
      peer.ask({ code: 2, opaque: 4 })
      yield* settle
      assert.deepStrictEqual(answers(peer), [[2, 0], [3, 2], [1, 0], [4, 0]])
    }).pipe(Effect.provide(MemoryTransport.layer)))
})

describe("requests to the peer", () => {
  const asked = Effect.gen(function*() {
    const { peer, server } = yield* bare()
    yield* settle
    const [by] = yield* server.peers
    return { server, peer, by }
  })

  it.effect("are answered by it", () =>
    Effect.gen(function*() {
      const { by, peer } = yield* asked
      const fiber = yield* start(by.invoke({ code: 220, body: Buffer.from("b") }))
      const { command } = peer.received[0]
      assert.deepStrictEqual([command.code, text(command.body), command.isResponse], [220, "b", false])
      peer.answer(command, { remark: "done" })
      assert.strictEqual((yield* Fiber.join(fiber)).remark, "done")
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("may be oneway", () =>
    Effect.gen(function*() {
      const { by, peer } = yield* asked
      yield* by.invokeOneway({ code: 40 })
      yield* settle
      assert.isTrue(peer.received[0].command.isOneway)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("time out after three seconds, or as they say, and leave the channel alone", () =>
    Effect.gen(function*() {
      const { by, peer } = yield* asked
      const three = yield* start(Effect.andThen(Effect.flip(by.invoke({ code: 220 })), now))
      const one = yield* start(Effect.flip(by.invoke({ code: 220 }, { timeout: "1 second" })))
      yield* pass("3 seconds")
      const error = yield* Fiber.join(one)
      assert.deepStrictEqual([error.reason._tag, error.outcome], ["Timeout", "Unknown"])
      assert.strictEqual(yield* Fiber.join(three), 3_000)
      assert.isFalse(peer.closed)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("settle Unknown when it goes, and fail NotSent when it has gone", () =>
    Effect.gen(function*() {
      const { by, peer } = yield* asked
      const fiber = yield* start(Effect.flip(by.invoke({ code: 220 })))
      peer.end()
      yield* settle
      const written = yield* Fiber.join(fiber)
      const late = yield* Effect.flip(by.invoke({ code: 220 }))
      const oneway = yield* Effect.flip(by.invokeOneway({ code: 220 }))
      assert.deepStrictEqual([written.reason._tag, written.outcome], ["ChannelClosed", "Unknown"])
      assert.deepStrictEqual([late.reason._tag, late.outcome], ["ChannelClosed", "NotSent"])
      assert.deepStrictEqual([oneway.reason._tag, oneway.outcome], ["ChannelClosed", "NotSent"])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("and the peer's own, both ways at once, never get mixed up", () =>
    Effect.gen(function*() {
      const server = yield* echoServer(1)
      // Both sides count from the same opaque.
      const c = yield* client({}, undefined, { firstOpaque: 1 })
      yield* c.handle(220, (request) => Effect.succeed({ body: Buffer.from(`client ${text(request.body)}`) }))
      yield* c.invoke(server.address, { code: echoCode })
      const [by] = yield* server.peers
      const bodies = Array.from({ length: 200 }, (_, index) => String(index))
      const [forth, back] = yield* Effect.all([
        Effect.forEach(bodies, (body) => c.invoke(server.address, { code: echoCode, body: Buffer.from(body) }), {
          concurrency: "unbounded"
        }),
        Effect.forEach(bodies, (body) => by.invoke({ code: 220, body: Buffer.from(body) }), {
          concurrency: "unbounded"
        })
      ], { concurrency: 2 })
      assert.deepStrictEqual(forth.map(({ body }) => text(body)), bodies)
      assert.deepStrictEqual(back.map(({ body }) => text(body)), bodies.map((body) => `client ${body}`))
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("may close the connection", () =>
    Effect.gen(function*() {
      const { by, peer } = yield* asked
      by.close()
      yield* settle
      assert.isTrue(peer.closed)
    }).pipe(Effect.provide(MemoryTransport.layer)))
})

describe("drain", () => {
  const young = MqVersion.V5_3_1 + 1

  it.effect("answers two-way requests with GO_AWAY, on old and on new connections: the listener stays open", () =>
    Effect.gen(function*() {
      const { peer, server } = yield* bare()
      yield* server.handle(1, () => Effect.succeed({}))
      yield* start(server.drain)
      const later = yield* dial(server.address)
      peer.ask({ code: 1, opaque: 1, version: young })
      later.ask({ code: 1, opaque: 2, version: young })
      yield* settle
      assert.deepStrictEqual(answers(peer), [[1, 1500]])
      assert.deepStrictEqual(answers(later), [[2, 1500]])
      assert.isString(peer.received[0].command.remark)
      assert.deepInclude(yield* server.stats, { goAways: 2, requests: 0 })
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("looks the handler up first: an unknown code is not supported, rather than gone away", () =>
    Effect.gen(function*() {
      const { peer, server } = yield* bare()
      yield* start(server.drain)
      peer.ask({ code: 1, opaque: 1, version: young })
      yield* settle
      assert.deepStrictEqual(answers(peer), [[1, 3]])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("serves peers that announce 5.3.1 or older to the end, oneway too", () =>
    Effect.gen(function*() {
      const { peer, server } = yield* bare()
      let executed = 0
      yield* server.handle(1, () => Effect.sync(() => ({ remark: String(++executed) })))
      yield* start(server.drain)
      peer.ask({ code: 1, opaque: 1, version: MqVersion.V5_3_1 })
      peer.ask({ code: 1, opaque: 2, version: 0 })
      peer.ask({ code: 1, opaque: 3, version: MqVersion.V5_3_1, flag: 2 })
      yield* settle
      assert.deepStrictEqual(answers(peer), [[1, 0], [2, 0]])
      assert.strictEqual(executed, 3)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("has its gate elsewhere when told so", () =>
    Effect.gen(function*() {
      const { peer, server } = yield* bare({ goAwayGate: 500 })
      yield* server.handle(1, () => Effect.succeed({}))
      yield* start(server.drain)
      peer.ask({ code: 1, opaque: 1, version: 500 })
      peer.ask({ code: 1, opaque: 2, version: 501 })
      yield* settle
      assert.deepStrictEqual(answers(peer), [[1, 0], [2, 1500]])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("drops oneway requests without a word, and counts them", () =>
    Effect.gen(function*() {
      const { peer, server } = yield* bare()
      let executed = 0
      yield* server.handle(1, () => Effect.sync(() => ({ remark: String(++executed) })))
      yield* start(server.drain)
      peer.ask({ code: 1, flag: 2, version: young })
      yield* settle
      assert.strictEqual(executed, 0)
      assert.strictEqual(peer.received.length, 0)
      assert.deepInclude(yield* server.stats, { droppedOneways: 1, goAways: 0 })
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("lets running and suspended requests finish", () =>
    Effect.gen(function*() {
      const { peer, server } = yield* bare()
      yield* server.handle(1, () => Effect.as(Effect.sleep("10 seconds"), {}))
      yield* server.handle(11, (_, by) => Effect.as(by.suspend(Effect.sleep("20 seconds")), {}))
      peer.ask({ code: 1, opaque: 1, version: young })
      peer.ask({ code: 11, opaque: 2, version: young })
      yield* settle
      yield* start(server.drain)
      yield* pass("20 seconds")
      assert.deepStrictEqual(answers(peer), [[1, 0], [2, 0]])
      assert.isFalse(peer.closed)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("closes everything after shutdownWaitTime, 30 seconds, whatever runs", () =>
    Effect.gen(function*() {
      const net = yield* network
      const { peer, server } = yield* bare()
      let interrupted = false
      yield* server.handle(
        1,
        () => Effect.onInterrupt(Effect.never, () => Effect.sync(() => void (interrupted = true)))
      )
      peer.ask({ code: 1 })
      yield* settle
      const drain = yield* start(server.drain)
      yield* pass(29_999)
      assert.isFalse(peer.closed)
      assert.isUndefined(drain.pollUnsafe())
      yield* pass(1)
      yield* Fiber.join(drain)
      assert.isTrue(peer.closed)
      assert.isTrue(interrupted)
      assert.strictEqual(net.connections(server.address), 0)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("lasts as long as shutdownWaitTime says", () =>
    Effect.gen(function*() {
      const { peer, server } = yield* bare({ shutdownWaitTime: "2 seconds" })
      yield* start(server.drain)
      yield* pass(1_999)
      assert.isFalse(peer.closed)
      yield* pass(1)
      assert.isTrue(peer.closed)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("still asks its peers, and answers theirs with what its handlers return", () =>
    Effect.gen(function*() {
      const { peer, server } = yield* bare()
      yield* server.handle(1, (_, by) => Effect.map(by.invoke({ code: 220 }), ({ remark }) => ({ remark })))
      peer.ask({ code: 1, opaque: 1, version: young })
      yield* settle
      yield* start(server.drain)
      peer.answer(peer.received[0].command, { remark: "from the peer" })
      yield* settle
      assert.strictEqual(peer.received[1].command.remark, "from the peer")
    }).pipe(Effect.provide(MemoryTransport.layer)))
})

describe("closing a server's scope", () => {
  it.effect("stops at once by default: listener and connections", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const { peer, server } = yield* Scope.provide(bare(), scope)
      const stranger = yield* dial(server.address)
      yield* Scope.close(scope, Exit.void)
      yield* settle
      assert.strictEqual(yield* now, 0)
      assert.isTrue(peer.closed)
      assert.isTrue(stranger.closed)
      const c = yield* client()
      const error = yield* Effect.flip(c.invoke(server.address, { code: 1 }, { failFast: true }))
      assert.strictEqual(error.reason._tag, "ConnectFailed")
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("drains first with enableShutdownGracefully", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const server = yield* Scope.provide(
        RemotingServer.make({ ...where, enableShutdownGracefully: true, shutdownWaitTime: "10 seconds" }),
        scope
      )
      yield* server.handle(1, () => Effect.succeed({}))
      const peer = yield* dial(server.address)
      const closing = yield* start(Scope.close(scope, Exit.void))
      peer.ask({ code: 1, opaque: 1 })
      yield* pass(9_999)
      assert.deepStrictEqual(answers(peer), [[1, 1500]])
      assert.isUndefined(closing.pollUnsafe())
      yield* pass(1)
      yield* Fiber.join(closing)
      assert.isTrue(peer.closed)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("does nothing more after stop", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const { peer, server } = yield* Scope.provide(bare({ enableShutdownGracefully: true }), scope)
      yield* server.stop
      yield* settle
      assert.isTrue(peer.closed)
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(yield* now, 0)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("settles what was asked of peers", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const { server } = yield* Scope.provide(bare(), scope)
      yield* settle
      const [by]: ReadonlyArray<Peer> = yield* server.peers
      const fiber = yield* start(Effect.flip(by.invoke({ code: 220 })))
      yield* Scope.close(scope, Exit.void)
      const error = yield* Fiber.join(fiber)
      assert.deepStrictEqual([error.reason._tag, error.outcome], ["ShuttingDown", "Unknown"])
    }).pipe(Effect.provide(MemoryTransport.layer)))
})

describe("listening", () => {
  it.effect("fails with ListenFailed where somebody listens already", () =>
    Effect.gen(function*() {
      const { server } = yield* bare()
      const error = yield* Effect.flip(RemotingServer.make(where))
      assert.strictEqual(error._tag, "ListenFailed")
      assert.strictEqual(error.address, server.address)
      assert.include(error.message, server.address)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("is possible again where a server was stopped", () =>
    Effect.gen(function*() {
      const { server } = yield* bare()
      yield* server.stop
      const again = yield* echoServer(1)
      assert.strictEqual(again.address, server.address)
      const c = yield* client()
      assert.strictEqual((yield* c.invoke(again.address, { code: echoCode })).code, 0)
    }).pipe(Effect.provide(MemoryTransport.layer)))
})

describe("layers", () => {
  it.effect("layerNoDeps listens on a transport that a test provides", () =>
    Effect.gen(function*() {
      const server = yield* RemotingServer.RemotingServer
      yield* server.handleOther(() => Effect.succeed({ remark: "here" }))
      const c = yield* client()
      assert.strictEqual((yield* c.invoke(server.address, { code: 1 })).remark, "here")
    }).pipe(
      Effect.provide(RemotingServer.layerNoDeps(where).pipe(Layer.provideMerge(MemoryTransport.layer)))
    ))

  it.effect("layerConfig reads host, port and how to shut down", () =>
    Effect.gen(function*() {
      const read = yield* RemotingServer.config.parse(ConfigProvider.fromUnknown({
        ROCKETMQ_SERVER: {
          HOST: "0.0.0.0",
          PORT: "10911",
          ENABLE_SHUTDOWN_GRACEFULLY: "true",
          SHUTDOWN_WAIT_TIME: "5 seconds"
        }
      }))
      assert.deepInclude(read, { host: "0.0.0.0", port: 10_911, enableShutdownGracefully: true })
      assert.strictEqual(Duration.toMillis(read.shutdownWaitTime!), 5_000)
      const defaults = yield* RemotingServer.config.parse(ConfigProvider.fromUnknown({}))
      assert.deepInclude(defaults, { host: "127.0.0.1", port: 0, enableShutdownGracefully: false })
    }))
})
