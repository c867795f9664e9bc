import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import { LanguageCode } from "../../src/protocol/LanguageCode.ts"
import { RequestCode } from "../../src/protocol/RequestCode.ts"
import * as MemoryTransport from "../../src/remoting/MemoryTransport.ts"
import * as Reconnection from "../../src/remoting/Reconnection.ts"
import { isRepeatable } from "../../src/remoting/Repeatable.ts"
import { frame, type RawPeer, scripted } from "./peers.ts"
import {
  brief,
  client,
  echoCode,
  echoServer,
  network,
  now,
  pass,
  readCode,
  recordEvents,
  settle,
  start,
  steady,
  text
} from "./support.ts"

/** A server that answers on every connection but the first. */
const brokenOnce = (port: number) =>
  scripted(port, {
    command: ({ command, peer }) => {
      if (peer.index > 0) peer.answer(command, { remark: String(peer.index) })
    }
  })

const finish = (peer: RawPeer) => Effect.sync(() => peer.end())

describe("a written request whose connection ends", () => {
  it.effect("settles at once with ChannelClosed, Unknown, when it must not be repeated", () =>
    Effect.gen(function*() {
      const server = yield* brokenOnce(1)
      const c = yield* client()
      const fiber = yield* start(Effect.flip(c.invoke(server.address, { code: echoCode })))
      yield* finish(server.peers[0])
      yield* settle
      const { reason } = yield* Fiber.join(fiber)
      assert(reason._tag === "ChannelClosed")
      assert.strictEqual(reason.outcome, "Unknown")
      assert.strictEqual(reason.code, echoCode)
      assert.strictEqual(reason.opaque, server.received[0].command.opaque)
      assert.strictEqual(yield* now, 0)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("says what broke it", () =>
    Effect.gen(function*() {
      const net = yield* network
      const server = yield* brokenOnce(1)
      const c = yield* client()
      const fiber = yield* start(Effect.flip(c.invoke(server.address, { code: echoCode })))
      net.reset(server.address)
      yield* settle
      const { reason } = yield* Fiber.join(fiber)
      assert.deepStrictEqual([reason._tag, reason.outcome], ["ChannelClosed", "Unknown"])
      assert.include(reason.message, "ECONNRESET")
      assert.include(String(reason.cause), "ECONNRESET")
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("goes on over a new connection when it may be repeated", () =>
    Effect.gen(function*() {
      const server = yield* brokenOnce(1)
      const c = yield* client()
      const fiber = yield* start(c.invoke(server.address, { code: readCode, body: Buffer.from("b") }))
      yield* finish(server.peers[0])
      yield* pass(10 + 100)
      assert.strictEqual((yield* Fiber.join(fiber)).remark, "1")
      assert.deepStrictEqual(server.received.map(({ command }) => [command.code, text(command.body)]), [
        [readCode, "b"],
        [readCode, "b"]
      ])
      assert.notStrictEqual(server.received[0].command.opaque, server.received[1].command.opaque)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("may be declared repeatable, or not, by its caller", () =>
    Effect.gen(function*() {
      const server = yield* brokenOnce(1)
      const c = yield* client()
      const repeated = yield* start(c.invoke(server.address, { code: echoCode }, { repeatable: true }))
      const once = yield* start(Effect.flip(c.invoke(server.address, { code: readCode }, { repeatable: false })))
      yield* finish(server.peers[0])
      yield* pass(200)
      assert.strictEqual((yield* Fiber.join(repeated)).remark, "1")
      assert.strictEqual((yield* Fiber.join(once)).outcome, "Unknown")
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("may be declared repeatable, or not, by its client, code by code", () =>
    Effect.gen(function*() {
      const server = yield* brokenOnce(1)
      const c = yield* client({ repeatable: (code) => code === echoCode })
      const repeated = yield* start(c.invoke(server.address, { code: echoCode }))
      const once = yield* start(Effect.flip(c.invoke(server.address, { code: readCode })))
      yield* finish(server.peers[0])
      yield* pass(200)
      assert.strictEqual((yield* Fiber.join(repeated)).remark, "1")
      assert.strictEqual((yield* Fiber.join(once)).outcome, "Unknown")
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("is repeated as retryUnknown says, one schedule a request, and then fails Unknown", () =>
    Effect.gen(function*() {
      // Every connection ends as soon as something was asked on it.
      const server = yield* scripted(1, { command: ({ peer }) => peer.end() })
      const c = yield* client({}, {
        ...steady,
        reconnect: Schedule.spaced(1),
        retryUnknown: Schedule.spaced(10).pipe(Schedule.upTo({ times: 2 }))
      })
      for (let index = 0; index < 2; index++) {
        const before = server.received.length
        const fiber = yield* start(Effect.flip(c.invoke(server.address, { code: readCode })))
        yield* pass(100)
        const error = yield* Fiber.join(fiber)
        assert.deepStrictEqual([error.reason._tag, error.outcome], ["ChannelClosed", "Unknown"])
        assert.strictEqual(server.received.length - before, 3)
      }
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("stays Unknown when its deadline comes before its repetition", () =>
    Effect.gen(function*() {
      const net = yield* network
      const server = yield* brokenOnce(1)
      const c = yield* client()
      const fiber = yield* start(Effect.flip(c.invoke(server.address, { code: readCode }, { timeout: 500 })))
      net.fault(server.address, "refuse")
      yield* finish(server.peers[0])
      yield* pass(499)
      assert.isUndefined(fiber.pollUnsafe())
      yield* pass(1)
      const error = yield* Fiber.join(fiber)
      assert.deepStrictEqual([error.reason._tag, error.outcome], ["Timeout", "Unknown"])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("settles when the client closes before its repetition", () =>
    Effect.gen(function*() {
      const server = yield* brokenOnce(1)
      const scope = yield* Scope.make()
      const c = yield* Scope.provide(client({}, { ...steady, retryUnknown: Schedule.spaced("1 second") }), scope)
      const fiber = yield* start(Effect.flip(c.invoke(server.address, { code: readCode })))
      yield* finish(server.peers[0])
      yield* pass(500)
      yield* Scope.close(scope, Exit.void)
      const error = yield* Fiber.join(fiber)
      assert.deepStrictEqual([error.reason._tag, error.outcome], ["ShuttingDown", "Unknown"])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("keeps its oneway success: nobody promised more", () =>
    Effect.gen(function*() {
      const server = yield* brokenOnce(1)
      const c = yield* client()
      yield* c.invokeOneway(server.address, { code: readCode })
      yield* settle
      yield* finish(server.peers[0])
      yield* pass(1_000)
      assert.strictEqual(server.received.length, 1)
    }).pipe(Effect.provide(MemoryTransport.layer)))
})

describe("a connection cut after each byte of three requests", () => {
  const frames = 3
  const firstOpaque = 1_000_000_000
  const size = frame({
    code: echoCode,
    opaque: firstOpaque,
    language: LanguageCode.OTHER,
    body: Buffer.from("0")
  }).length

  /** Three requests in one write, cut after so many bytes: outcomes, and what was executed where. */
  const cut = (bytes: number, kind: "FIN" | "RST") =>
    Effect.gen(function*() {
      const net = yield* network
      const executed: Array<string> = []
      const server = yield* scripted(1, {
        command: ({ command, peer }) => {
          executed.push(text(command.body)!)
          if (peer.index > 0) peer.answer(command)
        },
        chunk: (peer) => {
          if (peer.index > 0 || peer.bytes !== bytes) return
          if (kind === "FIN") peer.connection.destroy()
          else net.reset(server.address)
        }
      })
      const c = yield* client({}, steady, { firstOpaque })
      const fibers = yield* Effect.forEach(
        Array.from({ length: frames }, (_, index) => String(index)),
        (id) => Effect.forkChild(Effect.flip(c.invoke(server.address, { code: echoCode, body: Buffer.from(id) })))
      )
      yield* settle
      const errors = yield* Effect.forEach(fibers, Fiber.join)
      return { errors, executed, chunks: server.peers[0].chunks.length }
    }).pipe(Effect.provide(MemoryTransport.layerWith({ maxChunk: 1 })), Effect.scoped)

  for (const kind of ["RST", "FIN"] as const) {
    it.effect(`leaves each of them Unknown, and executed at most once: ${kind}`, () =>
      Effect.gen(function*() {
        for (let bytes = 1; bytes <= frames * size; bytes++) {
          const { chunks, errors, executed } = yield* cut(bytes, kind)
          assert.strictEqual(chunks, bytes)
          assert.deepStrictEqual(
            errors.map((error) => [error.reason._tag, error.outcome]),
            Array.from({ length: frames }, () => ["ChannelClosed", "Unknown"]),
            `cut after byte ${bytes}`
          )
          assert.deepStrictEqual(executed, ["0", "1", "2"].slice(0, Math.floor(bytes / size)))
        }
      }))
  }

  it.effect("sends what was not handed to the socket over the next connection, exactly once", () =>
    Effect.gen(function*() {
      const executed: Array<string> = []
      const server = yield* scripted(1, {
        command: ({ command, peer }) => {
          executed.push(`${peer.index}:${command.extFields.id}`)
          if (peer.index > 0) peer.answer(command)
        }
      })
      const c = yield* client()
      // Each fills a write of its own, and the first fills the window.
      const body = Buffer.alloc(300_000)
      yield* start(c.invokeOneway(server.address, { code: 1, extFields: { id: "first" } }))
      server.peers[0].connection.pause()
      const fibers = yield* Effect.forEach(
        ["a", "b", "c"],
        (id) => Effect.forkChild(Effect.exit(c.invoke(server.address, { code: echoCode, extFields: { id }, body })))
      )
      yield* settle
      yield* finish(server.peers[0])
      yield* pass(100)
      const [a, b, d] = yield* Effect.forEach(fibers, Fiber.join)
      assert.isTrue(Exit.isFailure(a))
      assert.isTrue(Exit.isSuccess(b))
      assert.isTrue(Exit.isSuccess(d))
      assert.deepStrictEqual(executed.filter((one) => !one.endsWith("first")).filter((one) => !one.startsWith("0")), [
        "1:b",
        "1:c"
      ])
      assert.deepInclude(yield* c.stats, { unknown: 1, notSent: 0, notProcessed: 0 })
    }).pipe(Effect.provide(MemoryTransport.layerWith({ window: 1_000 }))))
})

describe("re-dialling", () => {
  it.effect("happens once for all who wait, and all are served", () =>
    Effect.gen(function*() {
      const net = yield* network
      const server = yield* echoServer(1)
      net.fault(server.address, "refuse")
      const c = yield* client()
      const fibers = yield* Effect.forEach(
        Array.from({ length: 1_000 }),
        () => Effect.forkChild(c.invoke(server.address, { code: echoCode }))
      )
      yield* settle
      assert.strictEqual(net.dials(server.address), 1)
      net.fault(server.address, undefined)
      yield* pass(100)
      yield* Effect.forEach(fibers, Fiber.join)
      assert.strictEqual(net.dials(server.address), 2)
      assert.deepInclude(yield* c.stats, { redials: 1, succeeded: 1_000 })
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("waits longer each time, as the reconnect policy says", () =>
    Effect.gen(function*() {
      const net = yield* network
      const at: Array<number> = []
      net.fault("10.0.0.1:1", "refuse")
      const c = yield* client()
      const events = yield* recordEvents(c)
      yield* start(Effect.exit(c.invoke("10.0.0.1:1", { code: echoCode }, { timeout: "10 seconds" })))
      for (let seen = 0, time = 0; time <= 5_000; time += 50) {
        while (seen < events.length) {
          at.push(time)
          seen++
        }
        yield* pass(50)
      }
      // 100, 200, 400, 800 and then always 1,000 ms apart.
      assert.deepStrictEqual(at, [0, 100, 300, 700, 1_500, 2_500, 3_500, 4_500])
      assert.isTrue(events.every((event) => event.type === "Exception"))
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("goes on to wait longer while fresh connections end at once", () =>
    Effect.gen(function*() {
      const server = yield* scripted(1, { open: (peer) => peer.end() })
      const c = yield* client({}, { ...steady, retryUnknown: Schedule.spaced(0) })
      yield* start(Effect.exit(c.invoke(server.address, { code: readCode }, { timeout: "10 seconds" })))
      yield* pass(5_000)
      assert.deepStrictEqual(server.peers.map((peer) => peer.openedAt), [
        0,
        100,
        300,
        700,
        1_500,
        2_500,
        3_500,
        4_500
      ])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("goes on to wait longer after a connection that answered but lived less than a second", () =>
    Effect.gen(function*() {
      const server = yield* scripted(1, { command: ({ command, peer }) => peer.answer(command) })
      const c = yield* client()
      let life = 999
      const gaps: Array<number> = []
      yield* c.invoke(server.address, { code: echoCode })
      for (let round = 0; round < 4; round++) {
        if (round === 3) life = 1_000
        yield* pass(server.peers.at(-1)!.openedAt + life - (yield* now))
        yield* finish(server.peers.at(-1)!)
        yield* settle
        const closed = yield* now
        const fiber = yield* start(c.invoke(server.address, { code: echoCode }))
        yield* pass(900)
        yield* Fiber.join(fiber)
        gaps.push(server.peers.at(-1)!.openedAt - closed)
      }
      assert.deepStrictEqual(gaps, [100, 200, 400, 100])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("goes on to wait longer after a connection that lived but answered nothing", () =>
    Effect.gen(function*() {
      const server = yield* scripted(1)
      const c = yield* client()
      yield* start(Effect.exit(c.invoke(server.address, { code: echoCode })))
      const gaps: Array<number> = []
      for (let round = 0; round < 3; round++) {
        yield* pass(2_000)
        yield* finish(server.peers.at(-1)!)
        yield* settle
        const closed = yield* now
        yield* start(Effect.exit(c.invoke(server.address, { code: echoCode })))
        yield* pass(900)
        gaps.push(server.peers.at(-1)!.openedAt - closed)
      }
      assert.deepStrictEqual(gaps, [100, 200, 400])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("does not wait for what was known 30 seconds ago", () =>
    Effect.gen(function*() {
      const net = yield* network
      const server = yield* echoServer(1)
      const c = yield* client({}, { ...steady, reconnect: Schedule.spaced("2 seconds") })
      yield* c.invoke(server.address, { code: echoCode })
      net.fault(server.address, "refuse")
      net.reset(server.address)
      const fiber = yield* start(Effect.flip(c.invoke(server.address, { code: echoCode })))
      yield* pass("3 seconds")
      assert.strictEqual((yield* Fiber.join(fiber)).reason._tag, "ConnectFailed")
      net.fault(server.address, undefined)
      yield* pass("32 seconds")
      const at = yield* now
      assert.strictEqual((yield* c.invoke(server.address, { code: echoCode }, { failFast: true })).code, 0)
      assert.strictEqual(yield* now, at)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("waits for its back-off after a connection that had lived for long", () =>
    Effect.gen(function*() {
      const server = yield* scripted(1, { command: ({ command, peer }) => peer.answer(command) })
      const c = yield* client()
      yield* c.invoke(server.address, { code: echoCode })
      yield* pass("1 minute")
      yield* finish(server.peers[0])
      yield* settle
      const fiber = yield* start(c.invoke(server.address, { code: echoCode }))
      yield* pass(99)
      assert.isUndefined(fiber.pollUnsafe())
      yield* pass(1)
      yield* Fiber.join(fiber)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("does not happen when nobody waits and nothing is registered", () =>
    Effect.gen(function*() {
      const server = yield* scripted(1, { command: ({ command, peer }) => peer.answer(command) })
      const c = yield* client()
      yield* c.invoke(server.address, { code: echoCode })
      yield* finish(server.peers[0])
      yield* pass("1 minute")
      assert.strictEqual(server.peers.length, 1)
      assert.strictEqual((yield* c.links).get(server.address)?.status, "Idle")
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("happens by itself when something is registered", () =>
    Effect.gen(function*() {
      const server = yield* scripted(1, { command: ({ command, peer }) => peer.answer(command) })
      const c = yield* client()
      yield* c.onValidate((channel) => channel.invoke({ code: RequestCode.HEART_BEAT }))
      yield* c.invoke(server.address, { code: echoCode })
      yield* finish(server.peers[0])
      yield* pass(100)
      assert.strictEqual(server.peers.length, 2)
      assert.strictEqual((yield* c.links).get(server.address)?.status, "Active")
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("resolves the name again, and prefers other records than the one that failed", () =>
    Effect.gen(function*() {
      const net = yield* network
      net.resolve("broker", ["10.0.0.1"])
      const server = yield* scripted(1, { command: ({ command, peer }) => peer.answer(command) })
      const other = yield* scripted(2, {
        command: ({ command, peer }) => peer.answer(command, { remark: "other" })
      })
      net.balance("10.0.0.2:1", [other.address])
      const c = yield* client()
      yield* c.invoke("broker:1", { code: echoCode })
      net.resolve("broker", ["10.0.0.1", "10.0.0.2"])
      yield* finish(server.peers[0])
      yield* settle
      const fiber = yield* start(c.invoke("broker:1", { code: echoCode }))
      yield* pass(100)
      assert.strictEqual((yield* Fiber.join(fiber)).remark, "other")
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("tells Exception, Close, Connect, Active, Reconnected", () =>
    Effect.gen(function*() {
      const net = yield* network
      const server = yield* scripted(1, { command: ({ command, peer }) => peer.answer(command) })
      const c = yield* client()
      const events = yield* recordEvents(c)
      yield* c.invoke(server.address, { code: echoCode })
      net.reset(server.address)
      yield* settle
      yield* start(c.invoke(server.address, { code: echoCode }))
      yield* pass(100)
      assert.deepStrictEqual(brief(events), [
        "Connect 1",
        "Active 1",
        "Exception 1",
        "Close 1",
        "Connect 2",
        "Active 2",
        "Reconnected 2"
      ])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("tells no Exception when the server just closed", () =>
    Effect.gen(function*() {
      const server = yield* scripted(1, { command: ({ command, peer }) => peer.answer(command) })
      const c = yield* client()
      const events = yield* recordEvents(c)
      yield* c.invoke(server.address, { code: echoCode })
      yield* finish(server.peers[0])
      yield* settle
      assert.deepStrictEqual(brief(events), ["Connect 1", "Active 1", "Close 1"])
    }).pipe(Effect.provide(MemoryTransport.layer)))
})

describe("an unsent request", () => {
  it.effect("waits for the address to come back, and is sent once", () =>
    Effect.gen(function*() {
      const net = yield* network
      const server = yield* echoServer(1)
      net.fault(server.address, "refuse")
      const c = yield* client()
      const fiber = yield* start(c.invoke(server.address, { code: echoCode, extFields: { id: "a" } }))
      yield* pass(2_000)
      net.fault(server.address, undefined)
      yield* pass(999)
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(server.executed, ["a"])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("fails at its deadline, exactly, with why the address is down", () =>
    Effect.gen(function*() {
      const net = yield* network
      net.fault("10.0.0.1:1", "refuse")
      const c = yield* client()
      const fiber = yield* start(Effect.flip(c.invoke("10.0.0.1:1", { code: echoCode })))
      yield* pass(2_999)
      assert.isUndefined(fiber.pollUnsafe())
      yield* pass(1)
      const { reason } = yield* Fiber.join(fiber)
      assert.deepStrictEqual([reason._tag, reason.outcome], ["ConnectFailed", "NotSent"])
      assert.isTrue(reason.isRetryable)
      assert.include(reason.message, "refused")
      assert.include(reason.message, "10.0.0.1:1")
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("says Timeout, NotSent, when no dial had failed by its deadline", () =>
    Effect.gen(function*() {
      const net = yield* network
      net.fault("10.0.0.1:1", "blackHole")
      const c = yield* client()
      const fiber = yield* start(Effect.flip(c.invoke("10.0.0.1:1", { code: echoCode }, { timeout: 200 })))
      yield* pass(200)
      const error = yield* Fiber.join(fiber)
      assert.deepStrictEqual([error.reason._tag, error.outcome], ["Timeout", "NotSent"])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("gives one dial half of the longest remaining time, and no less than 250 ms", () =>
    Effect.gen(function*() {
      const net = yield* network
      net.fault("10.0.0.1:1", "blackHole")
      const c = yield* client({}, { ...steady, reconnect: Schedule.spaced(0) })
      const events = yield* recordEvents(c)
      yield* start(Effect.exit(c.invoke("10.0.0.1:1", { code: echoCode }, { timeout: 2_000 })))
      const at: Array<number> = []
      for (let time = 0; time < 2_000; time += 125) {
        yield* pass(125)
        while (at.length < events.length) at.push(yield* now)
      }
      assert.deepStrictEqual(at, [1_000, 1_500, 1_750, 2_000])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("gives one dial no more than connectTimeout", () =>
    Effect.gen(function*() {
      const net = yield* network
      net.fault("10.0.0.1:1", "blackHole")
      const c = yield* client({ connectTimeout: 300 })
      const events = yield* recordEvents(c)
      yield* start(Effect.exit(c.invoke("10.0.0.1:1", { code: echoCode }, { timeout: "10 seconds" })))
      yield* pass(299)
      assert.strictEqual(events.length, 0)
      yield* pass(1)
      assert.deepStrictEqual(brief(events), ["Exception 1"])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("of another address is not held up", () =>
    Effect.gen(function*() {
      const net = yield* network
      net.fault("10.0.0.9:1", "blackHole")
      const server = yield* echoServer(1)
      const c = yield* client()
      yield* start(Effect.exit(c.invoke("10.0.0.9:1", { code: echoCode })))
      assert.strictEqual((yield* c.invoke(server.address, { code: echoCode })).code, 0)
      assert.strictEqual(yield* now, 0)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("fails when the reconnect policy ends; the next one starts anew", () =>
    Effect.gen(function*() {
      const net = yield* network
      const server = yield* echoServer(1)
      net.fault(server.address, "refuse")
      const c = yield* client({}, { ...steady, reconnect: Schedule.spaced(10).pipe(Schedule.upTo({ times: 2 })) })
      const fiber = yield* start(Effect.flip(c.invoke(server.address, { code: echoCode })))
      yield* pass(20)
      const error = yield* Fiber.join(fiber)
      assert.deepStrictEqual([error.reason._tag, error.outcome], ["ConnectFailed", "NotSent"])
      net.fault(server.address, undefined)
      const again = yield* start(c.invoke(server.address, { code: echoCode }))
      yield* pass(10)
      assert.strictEqual((yield* Fiber.join(again)).code, 0)
    }).pipe(Effect.provide(MemoryTransport.layer)))
})

describe("failFast", () => {
  it.effect("waits for the first dial", () =>
    Effect.gen(function*() {
      const server = yield* echoServer(1)
      const c = yield* client()
      const fiber = yield* start(c.invoke(server.address, { code: echoCode }, { failFast: true }))
      yield* pass(50)
      assert.strictEqual((yield* Fiber.join(fiber)).code, 0)
    }).pipe(Effect.provide(MemoryTransport.layerWith({ connectLatency: 50 }))))

  it.effect("fails with the dial that failed, and at once while the address is down", () =>
    Effect.gen(function*() {
      const net = yield* network
      net.fault("10.0.0.1:1", "refuse")
      const c = yield* client()
      const patient = yield* start(Effect.exit(c.invoke("10.0.0.1:1", { code: echoCode })))
      for (let round = 0; round < 3; round++) {
        const error = yield* Effect.flip(c.invoke("10.0.0.1:1", { code: echoCode }, { failFast: true }))
        assert.deepStrictEqual([error.reason._tag, error.outcome], ["ConnectFailed", "NotSent"])
      }
      assert.strictEqual(yield* now, 0)
      assert.isUndefined(patient.pollUnsafe())
      assert.strictEqual((yield* c.links).get("10.0.0.1:1")?.status, "Down")
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("is served again once the address is back, though nobody waited for that", () =>
    Effect.gen(function*() {
      const net = yield* network
      const server = yield* echoServer(1)
      net.fault(server.address, "refuse")
      const c = yield* client()
      const ask = c.invoke(server.address, { code: echoCode }, { failFast: true })
      yield* Effect.flip(ask)
      net.fault(server.address, undefined)
      yield* Effect.flip(ask)
      yield* pass(100)
      assert.strictEqual((yield* ask).code, 0)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("does not make up for asking: one dial per back-off, however many ask", () =>
    Effect.gen(function*() {
      const net = yield* network
      net.fault("10.0.0.1:1", "refuse")
      const c = yield* client()
      const ask = Effect.flip(c.invoke("10.0.0.1:1", { code: echoCode }, { failFast: true }))
      for (let time = 0; time < 1_500; time += 10) {
        yield* ask
        yield* pass(10)
      }
      // At once, and some 100, 200, 400 and 800 ms later.
      assert.isAtMost(net.dials("10.0.0.1:1"), 5)
      assert.isAtLeast(net.dials("10.0.0.1:1"), 4)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("settles a request that was not written when its connection broke", () =>
    Effect.gen(function*() {
      const net = yield* network
      const server = yield* scripted(1)
      const c = yield* client()
      yield* start(Effect.exit(c.invoke(server.address, { code: 1 })))
      server.peers[0].connection.pause()
      yield* start(Effect.exit(c.invoke(server.address, { code: 2, body: Buffer.alloc(2_000) })))
      const fiber = yield* start(Effect.flip(c.invoke(server.address, { code: 3 }, { failFast: true })))
      net.reset(server.address)
      yield* settle
      const error = yield* Fiber.join(fiber)
      assert.deepStrictEqual([error.reason._tag, error.outcome], ["ChannelClosed", "NotSent"])
    }).pipe(Effect.provide(MemoryTransport.layerWith({ window: 1_000 }))))
})

describe("codes that may be repeated by default", () => {
  it("are reads, heartbeats and queue locks", () => {
    for (
      const code of [
        RequestCode.GET_ROUTEINFO_BY_TOPIC,
        RequestCode.HEART_BEAT,
        RequestCode.QUERY_CONSUMER_OFFSET,
        RequestCode.PULL_MESSAGE,
        RequestCode.LOCK_BATCH_MQ,
        RequestCode.UNREGISTER_CLIENT
      ]
    ) {
      assert.isTrue(isRepeatable(code), String(code))
    }
  })

  it("are not sends, END_TRANSACTION, POP, RECALL, nor UPDATE_CONSUMER_OFFSET", () => {
    for (
      const code of [
        RequestCode.SEND_MESSAGE,
        RequestCode.SEND_MESSAGE_V2,
        RequestCode.SEND_BATCH_MESSAGE,
        RequestCode.CONSUMER_SEND_MSG_BACK,
        RequestCode.END_TRANSACTION,
        RequestCode.POP_MESSAGE,
        RequestCode.RECALL_MESSAGE,
        RequestCode.UPDATE_CONSUMER_OFFSET,
        12_345
      ]
    ) {
      assert.isFalse(isRepeatable(code), String(code))
    }
  })
})

describe("the default policies", () => {
  it.effect("re-dial within 50 ms the first time", () =>
    Effect.gen(function*() {
      const server = yield* brokenOnce(1)
      const c = yield* client({}, Reconnection.make())
      const fiber = yield* start(c.invoke(server.address, { code: readCode }))
      yield* finish(server.peers[0])
      yield* pass(60)
      assert.strictEqual((yield* Fiber.join(fiber)).remark, "1")
    }).pipe(Effect.provide(MemoryTransport.layer)))
})
