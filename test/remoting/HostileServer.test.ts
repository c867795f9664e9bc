import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import { RequestCode } from "../../src/protocol/RequestCode.ts"
import * as MemoryTransport from "../../src/remoting/MemoryTransport.ts"
import * as Reconnection from "../../src/remoting/Reconnection.ts"
import { frame, scripted } from "./peers.ts"
import {
  brief,
  client,
  echoCode,
  echoServer,
  now,
  pass,
  readCode,
  recordEvents,
  settle,
  start,
  text
} from "./support.ts"

/** A frame around any header text. */
const jsonFrame = (header: string): Buffer => {
  const bytes = Buffer.from(header)
  const prefix = Buffer.alloc(8)
  prefix.writeInt32BE(4 + bytes.length, 0)
  prefix.writeInt32BE(bytes.length, 4)
  return Buffer.concat([prefix, bytes])
}

const words = (...values: ReadonlyArray<number>) => {
  const bytes = Buffer.alloc(4 * values.length)
  values.forEach((value, index) => bytes.writeInt32BE(value, 4 * index))
  return bytes
}

/** What is wrong with it, and what is sent. */
const violations: ReadonlyArray<readonly [kind: string, offset: number, what: string, bytes: Buffer]> = [
  ["InvalidLength", 0, "a length of zero", words(0)],
  ["InvalidLength", 0, "a negative length", words(-1)],
  ["FrameTooLarge", 0, "a frame over 16 MiB", words(16 * 1024 * 1024)],
  ["FrameTooLarge", 0, "the largest length", words(0x7fff_ffff)],
  ["InvalidHeaderLength", 5, "a header longer than its frame", words(10, 100)],
  ["HeaderTooLarge", 5, "a header over 1 MiB", words(2 * 1024 * 1024, 1024 * 1024 + 1)],
  ["UnknownSerializeType", 4, "an unknown header codec", words(10, 0x07000000)],
  ["InvalidJson", 8, "a header that is not JSON", jsonFrame("HTTP/1.1 400 Bad Request")],
  [
    "InvalidUtf8",
    19,
    "a remark that is not UTF-8",
    Buffer.concat([
      words(4 + 14, 14),
      Buffer.from("{\"remark\":\""),
      Buffer.from([0xff]),
      Buffer.from("\"}")
    ])
  ]
]

describe("bytes that are not the protocol", () => {
  for (const [kind, offset, what, bytes] of violations) {
    it.effect(`${what}: ${kind} at byte ${offset}`, () =>
      Effect.gen(function*() {
        const server = yield* scripted(1)
        const bystander = yield* echoServer(2)
        const c = yield* client()
        yield* c.invoke(bystander.address, { code: echoCode })
        const events = yield* recordEvents(c)
        const fiber = yield* start(Effect.flip(c.invoke(server.address, { code: echoCode })))
        server.peers[0].send(bytes)
        yield* settle
        const { reason } = yield* Fiber.join(fiber)
        assert(reason._tag === "ProtocolViolation", reason._tag)
        assert.deepStrictEqual([reason.kind, reason.outcome], [kind, "Unknown"])
        assert.strictEqual(reason.offset, offset, reason.detail)
        assert.strictEqual(reason.code, echoCode)
        assert.isTrue(server.peers[0].closed)
        yield* settle
        assert.deepStrictEqual(brief(events), ["Connect 1", "Active 1", "Exception 1", "Close 1"])
        assert.deepStrictEqual(new Set(events.map((event) => event.address)), new Set([server.address]))
        assert.strictEqual((yield* c.links).get(bystander.address)?.status, "Active")
      }).pipe(Effect.provide(MemoryTransport.layer)))
  }

  it.effect("do not undo the answers before them in the same chunk, and nothing after them counts", () =>
    Effect.gen(function*() {
      const server = yield* scripted(1)
      const c = yield* client()
      const one = yield* start(c.invoke(server.address, { code: 1 }))
      const two = yield* start(Effect.flip(c.invoke(server.address, { code: 2 })))
      const [first, second] = server.received.map(({ command }) => command.opaque)
      server.peers[0].send(Buffer.concat([
        frame({ flag: 1, opaque: first, remark: "good" }),
        words(-5),
        frame({ flag: 1, opaque: second, remark: "too late" })
      ]))
      yield* settle
      assert.strictEqual((yield* Fiber.join(one)).remark, "good")
      assert.strictEqual((yield* Fiber.join(two)).reason._tag, "ProtocolViolation")
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("are survived: a request that may be repeated goes on over a new connection", () =>
    Effect.gen(function*() {
      const server = yield* scripted(1, {
        command: ({ command, peer }) => {
          if (peer.index === 0) peer.send(words(0))
          else peer.answer(command)
        }
      })
      const c = yield* client()
      const fiber = yield* start(c.invoke(server.address, { code: readCode }))
      yield* pass(200)
      assert.strictEqual((yield* Fiber.join(fiber)).code, 0)
    }).pipe(Effect.provide(MemoryTransport.layer)))
})

describe("a frame that does not come to its end", () => {
  it.effect("ends the connection 30 seconds after it was begun, however many bytes trickle in", () =>
    Effect.gen(function*() {
      const server = yield* scripted(1)
      const c = yield* client()
      const fiber = yield* start(Effect.flip(c.invoke(server.address, { code: echoCode }, { timeout: "1 hour" })))
      const [peer] = server.peers
      peer.send(words(16 * 1024 * 1024 - 4))
      for (let second = 0; second < 28; second++) {
        yield* pass("1 second")
        peer.send(Buffer.alloc(1))
      }
      assert.isUndefined(fiber.pollUnsafe())
      yield* pass("4 seconds")
      const { reason } = yield* Fiber.join(fiber)
      assert(reason._tag === "ProtocolViolation")
      assert.deepStrictEqual([reason.kind, reason.outcome], ["FrameStalled", "Unknown"])
      assert.isTrue(peer.closed)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("may be any one: many slow frames in a row are none", () =>
    Effect.gen(function*() {
      const server = yield* scripted(1)
      const c = yield* client()
      const fiber = yield* start(Effect.exit(c.invoke(server.address, { code: echoCode }, { timeout: "1 hour" })))
      const [peer] = server.peers
      const whole = frame({ code: 40, flag: 2, body: Buffer.alloc(100) })
      // Never at rest, but each frame takes 20 seconds.
      peer.send(whole.subarray(0, 50))
      for (let round = 0; round < 10; round++) {
        yield* pass("20 seconds")
        peer.send(Buffer.concat([whole.subarray(50), whole.subarray(0, 50)]))
      }
      yield* settle
      assert.isUndefined(fiber.pollUnsafe())
      assert.isFalse(peer.closed)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("has its time from when it was begun, on a fresh connection too", () =>
    Effect.gen(function*() {
      const server = yield* scripted(1)
      const c = yield* client()
      yield* pass("1 hour")
      const fiber = yield* start(c.invoke(server.address, { code: echoCode }))
      const answer = frame({ flag: 1, opaque: server.received[0].command.opaque, body: Buffer.alloc(100) })
      server.peers[0].send(answer.subarray(0, 50))
      yield* pass("2 seconds")
      server.peers[0].send(answer.subarray(50))
      assert.strictEqual((yield* Fiber.join(fiber)).code, 0)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("has the time that frameTimeout says", () =>
    Effect.gen(function*() {
      const server = yield* scripted(1)
      const c = yield* client({ frameTimeout: "3 seconds" })
      const fiber = yield* start(Effect.flip(c.invoke(server.address, { code: echoCode }, { timeout: "1 hour" })))
      server.peers[0].send(words(100))
      yield* pass("3 seconds")
      assert.isUndefined(fiber.pollUnsafe())
      yield* pass("2 seconds")
      assert.strictEqual((yield* Fiber.join(fiber)).reason._tag, "ProtocolViolation")
    }).pipe(Effect.provide(MemoryTransport.layer)))
})

describe("ext fields with the names of Object's own", () => {
  const names = ["__proto__", "constructor", "toString", "hasOwnProperty", "valueOf"]

  for (const serialization of ["JSON", "ROCKETMQ"] as const) {
    it.effect(`are plain keys: ${serialization}`, () =>
      Effect.gen(function*() {
        const extFields: Record<string, string> = Object.create(null)
        for (const name of names) extFields[name] = `value of ${name}`
        const server = yield* scripted(1, {
          command: ({ command, peer }) => peer.answer(command, { extFields: command.extFields, serialization })
        })
        const c = yield* client({ serialization })
        const response = yield* c.invoke(server.address, { code: echoCode, extFields })
        assert.deepStrictEqual(Object.keys(response.extFields).sort(), names.slice().sort())
        for (const name of names) assert.strictEqual(response.extFields[name], `value of ${name}`)
        assert.isNull(Object.getPrototypeOf(response.extFields))
        assert.strictEqual(Object.getPrototypeOf({}), Object.prototype)
        assert.strictEqual(String({}), "[object Object]")
      }).pipe(Effect.provide(MemoryTransport.layer)))
  }
})

describe("a flood of requests", () => {
  it.effect("runs 128 handlers at once; the others are answered SYSTEM_BUSY: 100,000 requests", () =>
    Effect.gen(function*() {
      const count = 100_000
      const server = yield* scripted(1, {
        command: ({ command, peer }) => {
          if (command.code === echoCode) peer.answer(command)
        }
      })
      const c = yield* client()
      let running = 0
      let most = 0
      yield* c.handle(220, () =>
        Effect.suspend(() => {
          most = Math.max(most, ++running)
          return Effect.never
        }).pipe(Effect.ensuring(Effect.sync(() => running--))))
      yield* c.invoke(server.address, { code: echoCode })
      const [peer] = server.peers
      peer.received.splice(0)
      const batch: Array<Buffer> = []
      for (let index = 0; index < count; index++) {
        batch.push(frame({ code: 220, opaque: index }))
        if (batch.length === 1_000) {
          peer.send(Buffer.concat(batch.splice(0)))
          yield* settle
        }
      }
      yield* settle
      assert.deepStrictEqual([running, most], [128, 128])
      assert.strictEqual(peer.received.length, count - 128)
      assert.isTrue(peer.received.every(({ command }) => command.code === 2))
      assert.include(peer.received[0].command.remark, "system busy")
      // Our own requests are not held up.
      assert.strictEqual((yield* c.invoke(server.address, { code: echoCode })).code, 0)
      peer.end()
      yield* settle
      assert.strictEqual(running, 0)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("counts handlers per connection, and as many as maxHandlers says", () =>
    Effect.gen(function*() {
      const [one, two] = [yield* scripted(1), yield* scripted(2)]
      const c = yield* client({ maxHandlers: 2 })
      yield* c.handle(220, () => Effect.never)
      for (const { address } of [one, two]) yield* start(Effect.exit(c.invoke(address, { code: echoCode })))
      for (const { peers: [peer] } of [one, two]) {
        for (let opaque = 1; opaque <= 3; opaque++) peer.ask({ code: 220, opaque })
        // Oneway beyond the limit: dropped.
        peer.ask({ code: 220, opaque: 4, flag: 2 })
      }
      yield* settle
      for (const { peers: [peer] } of [one, two]) {
        assert.deepStrictEqual(peer.received.slice(1).map(({ command }) => [command.opaque, command.code]), [[3, 2]])
      }
    }).pipe(Effect.provide(MemoryTransport.layer)))
})

describe("GO_AWAY for ever", () => {
  const refuseAll = scripted(1, { command: ({ command, peer }) => peer.goAway(command) })

  // Each delay is random between 0 and its bound, so what is bounded is the mean of a minute.
  it.effect("to everything, for a minute: no more than 10 connects a second on average, some 8", () =>
    Effect.gen(function*() {
      const server = yield* refuseAll
      const c = yield* client({}, Reconnection.make())
      const fiber = yield* start(
        Effect.flip(c.invoke(server.address, { code: echoCode }, { timeout: "1 minute" }))
      )
      yield* pass("1 minute")
      const error = yield* Fiber.join(fiber)
      assert.deepStrictEqual([error.reason._tag, error.outcome], ["GoAway", "NotProcessed"])
      assert.isAtMost(server.peers.length, 600)
      assert.isAtLeast(server.peers.length, 400)
    }).pipe(Effect.provide(MemoryTransport.layer), Random.withSeed("for ever")))

  it.effect("to everything, with 64 callers that ask again and again: the same connects as with one", () =>
    Effect.gen(function*() {
      /** When this many callers made the client connect, in a minute. */
      const connects = (callers: number) =>
        Effect.gen(function*() {
          const server = yield* refuseAll
          const c = yield* client({}, Reconnection.make())
          const since = yield* now
          const ask = Effect.exit(c.invoke(server.address, { code: echoCode }, { timeout: "1 second" }))
          const fibers = yield* Effect.forEach(
            Array.from({ length: callers }),
            () => Effect.forkChild(Effect.forever(ask))
          )
          yield* pass("1 minute")
          yield* Fiber.interruptAll(fibers)
          assert.strictEqual((yield* c.stats).inFlight, 0)
          assert.strictEqual((yield* c.stats).notProcessed, 60 * callers)
          return server.peers.map(({ openedAt }) => Math.round(openedAt - since))
        }).pipe(Effect.scoped, Random.withSeed("for ever"))
      const alone = yield* connects(1)
      assert.isAtMost(alone.length, 600)
      assert.deepStrictEqual(yield* connects(64), alone)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("to heartbeats only: requests fail with GoAway, NotSent, for none is ever written", () =>
    Effect.gen(function*() {
      const server = yield* scripted(1, {
        command: ({ command, peer }) => {
          if (command.code === RequestCode.HEART_BEAT) peer.goAway(command)
          else peer.answer(command)
        }
      })
      const c = yield* client({}, Reconnection.make())
      yield* c.onValidate((channel) => channel.invoke({ code: RequestCode.HEART_BEAT }))
      const fiber = yield* start(Effect.flip(c.invoke(server.address, { code: echoCode })))
      yield* pass("1 minute")
      const error = yield* Fiber.join(fiber)
      assert.deepStrictEqual([error.reason._tag, error.outcome], ["GoAway", "NotSent"])
      assert.deepInclude(yield* c.stats, { notSent: 1, notProcessed: 0, replays: 0 })
      assert.deepStrictEqual(
        new Set(server.received.map(({ command }) => command.code)),
        new Set([RequestCode.HEART_BEAT])
      )
      assert.isAtMost(server.peers.length, 600)
    }).pipe(Effect.provide(MemoryTransport.layer), Random.withSeed("heartbeats")))

  it.effect("is one thing, a server that closes at once another: at most a connect a second on average", () =>
    Effect.gen(function*() {
      const server = yield* scripted(1, { open: (peer) => peer.end() })
      const c = yield* client({}, Reconnection.make())
      const ask = Effect.exit(c.invoke(server.address, { code: readCode }, { timeout: "1 second" }))
      const fiber = yield* start(Effect.forever(ask))
      yield* pass("1 minute")
      yield* Fiber.interrupt(fiber)
      assert.isAtMost(server.peers.length, 60)
      assert.isAtLeast(server.peers.length, 12)
    }).pipe(Effect.provide(MemoryTransport.layer), Random.withSeed("closes")))
})

describe("answers of any kind", () => {
  it.effect("with a body of 15 MiB arrive whole, in however many pieces", () =>
    Effect.gen(function*() {
      const body = Buffer.alloc(15 * 1024 * 1024, "0123456789abcdef")
      const server = yield* scripted(1, { command: ({ command, peer }) => peer.answer(command, { body }) })
      const c = yield* client()
      const response = yield* c.invoke(server.address, { code: echoCode })
      assert.isTrue(body.equals(response.body!))
    }).pipe(Effect.provide(MemoryTransport.layerWith({ maxChunk: 131_072, window: 32 * 1024 * 1024 }))))

  it.effect("with a code that no list has are answers", () =>
    Effect.gen(function*() {
      const server = yield* scripted(1, {
        command: ({ command, peer }) =>
          peer.answer(command, { code: 2_000_000_000, remark: "?", body: Buffer.from("b") })
      })
      const c = yield* client()
      const response = yield* c.invoke(server.address, { code: echoCode })
      assert.deepStrictEqual([response.code, response.remark, text(response.body)], [2_000_000_000, "?", "b"])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("with the oneway bit set, too, are answers", () =>
    Effect.gen(function*() {
      const server = yield* scripted(1, {
        command: ({ command, peer }) => peer.send(frame({ flag: 3, opaque: command.opaque, remark: "odd" }))
      })
      const c = yield* client()
      assert.strictEqual((yield* c.invoke(server.address, { code: echoCode })).remark, "odd")
    }).pipe(Effect.provide(MemoryTransport.layer)))
})
