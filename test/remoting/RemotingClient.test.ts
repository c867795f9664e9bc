import { assert, describe, it } from "@effect/vitest"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import { LanguageCode } from "../../src/protocol/LanguageCode.ts"
import { MqVersion } from "../../src/protocol/MqVersion.ts"
import { RequestCode } from "../../src/protocol/RequestCode.ts"
import * as MemoryTransport from "../../src/remoting/MemoryTransport.ts"
import * as Reconnection from "../../src/remoting/Reconnection.ts"
import * as RemotingClient from "../../src/remoting/RemotingClient.ts"
import * as ResponseFutures from "../../src/remoting/ResponseFutures.ts"
import { frame, scripted } from "./peers.ts"
import { client, echoCode, echoServer, network, now, pass, readCode, settle, start, text } from "./support.ts"

/** Nobody listens there. */
const nobody = "10.0.0.9:9"

describe("invoke", () => {
  it.effect("returns the answer of the server", () =>
    Effect.gen(function*() {
      const server = yield* echoServer(1)
      const c = yield* client()
      const response = yield* c.invoke(server.address, { code: echoCode, body: Buffer.from("hello") })
      assert.strictEqual(response.code, 0)
      assert.strictEqual(response.remark, server.address)
      assert.strictEqual(text(response.body), "hello")
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("succeeds with whatever response code the server chose", () =>
    Effect.gen(function*() {
      const server = yield* echoServer(1)
      yield* server.handle(17, () => Effect.succeed({ code: 17, remark: "no route" }))
      const c = yield* client()
      const response = yield* c.invoke(server.address, { code: 17 })
      assert.strictEqual(response.code, 17)
      assert.strictEqual(response.remark, "no route")
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("announces OTHER, 5.5.0 and JSON, with ext fields though there are none", () =>
    Effect.gen(function*() {
      const server = yield* scripted(1, { command: ({ command, peer }) => peer.answer(command) })
      const c = yield* client()
      yield* c.invoke(server.address, { code: echoCode })
      const { command } = server.received[0]
      assert.strictEqual(command.language, LanguageCode.OTHER)
      assert.strictEqual(command.version, MqVersion.V5_5_0)
      assert.strictEqual(command.serialization, "JSON")
      assert.deepStrictEqual(Object.keys(command.extFields), [])
      assert.isFalse(command.isOneway)
      assert.isFalse(command.isResponse)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("sends what the request says: ext fields, body, remark, language, version, header codec", () =>
    Effect.gen(function*() {
      const server = yield* scripted(1, { command: ({ command, peer }) => peer.answer(command) })
      const c = yield* client()
      yield* c.invoke(server.address, {
        code: echoCode,
        extFields: { topic: "t" },
        body: Buffer.from("b"),
        remark: "r",
        language: LanguageCode.GO,
        version: 401,
        serialization: "ROCKETMQ"
      })
      const { command } = server.received[0]
      assert.strictEqual(command.code, echoCode)
      assert.strictEqual(command.extFields.topic, "t")
      assert.strictEqual(text(command.body), "b")
      assert.strictEqual(command.remark, "r")
      assert.strictEqual(command.language, LanguageCode.GO)
      assert.strictEqual(command.version, 401)
      assert.strictEqual(command.serialization, "ROCKETMQ")
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("announces the client's language, version and header codec where the request names none", () =>
    Effect.gen(function*() {
      const server = yield* scripted(1, { command: ({ command, peer }) => peer.answer(command) })
      const c = yield* client({ language: LanguageCode.PYTHON, version: 477, serialization: "ROCKETMQ" })
      yield* c.invoke(server.address, { code: echoCode })
      const { command } = server.received[0]
      assert.strictEqual(command.language, LanguageCode.PYTHON)
      assert.strictEqual(command.version, 477)
      assert.strictEqual(command.serialization, "ROCKETMQ")
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("sends a code that a short cannot hold with a JSON header", () =>
    Effect.gen(function*() {
      const server = yield* scripted(1, { command: ({ command, peer }) => peer.answer(command) })
      const c = yield* client({ serialization: "ROCKETMQ" })
      yield* c.invoke(server.address, { code: RequestCode.POP_MESSAGE })
      assert.strictEqual(server.received[0].command.code, RequestCode.POP_MESSAGE)
      assert.strictEqual(server.received[0].command.serialization, "JSON")
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("understands an answer with the other header codec", () =>
    Effect.gen(function*() {
      const server = yield* scripted(1, {
        command: ({ command, peer }) =>
          peer.answer(command, { serialization: command.serialization === "JSON" ? "ROCKETMQ" : "JSON", remark: "r" })
      })
      const c = yield* client()
      const toJson = yield* c.invoke(server.address, { code: echoCode })
      const toBinary = yield* c.invoke(server.address, { code: echoCode, serialization: "ROCKETMQ" })
      assert.deepStrictEqual([toJson.serialization, toJson.remark], ["ROCKETMQ", "r"])
      assert.deepStrictEqual([toBinary.serialization, toBinary.remark], ["JSON", "r"])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("brings each answer to its caller, in whatever order they come", () =>
    Effect.gen(function*() {
      const server = yield* scripted(1, {
        chunk: (peer) => {
          const batch = peer.received.splice(0).reverse()
          for (const { command } of batch) peer.answer(command, { body: command.body })
        }
      })
      const c = yield* client()
      const answers = yield* Effect.forEach(
        Array.from({ length: 64 }, (_, index) => index),
        (index) => c.invoke(server.address, { code: echoCode, body: Buffer.from(String(index)) }),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(answers.map((answer) => text(answer.body)), answers.map((_, index) => String(index)))
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("uses one connection per address, and one write for what is asked in one turn", () =>
    Effect.gen(function*() {
      const server = yield* scripted(1, { command: ({ command, peer }) => peer.answer(command) })
      const c = yield* client()
      yield* c.invoke(server.address, { code: echoCode })
      yield* Effect.forEach(
        Array.from({ length: 64 }),
        () => c.invoke(server.address, { code: echoCode }),
        { concurrency: "unbounded" }
      )
      assert.strictEqual(server.peers.length, 1)
      assert.strictEqual(server.peers[0].received.length, 65)
      assert.strictEqual(server.peers[0].chunks.length, 2)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("puts its answers together from however small pieces", () =>
    Effect.gen(function*() {
      const server = yield* echoServer(1)
      const c = yield* client()
      const body = Buffer.alloc(10_000, "0123456789")
      const response = yield* c.invoke(server.address, { code: echoCode, body })
      assert.isTrue(body.equals(response.body!))
    }).pipe(Effect.provide(MemoryTransport.layerWith({ maxChunk: 7 }))))

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

  it.effect("names in a time-out the address, code, opaque and time", () =>
    Effect.gen(function*() {
      const server = yield* scripted(1)
      const c = yield* client()
      const fiber = yield* start(Effect.flip(c.invoke(server.address, { code: echoCode }, { timeout: 500 })))
      yield* pass(500)
      const { reason } = yield* Fiber.join(fiber)
      assert(reason._tag === "Timeout")
      assert.strictEqual(reason.address, server.address)
      assert.strictEqual(reason.code, echoCode)
      assert.strictEqual(reason.opaque, server.received[0].command.opaque)
      assert.strictEqual(reason.timeoutMillis, 500)
      assert.include(reason.message, "500 ms")
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("waits three seconds unless told otherwise", () =>
    Effect.gen(function*() {
      const server = yield* scripted(1)
      const c = yield* client()
      const fiber = yield* start(Effect.flip(c.invoke(server.address, { code: echoCode })))
      yield* pass(2_999)
      assert.isUndefined(fiber.pollUnsafe())
      yield* pass(1)
      assert.strictEqual((yield* Fiber.join(fiber)).reason._tag, "Timeout")
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("uses the client's timeout where the request names none", () =>
    Effect.gen(function*() {
      const server = yield* scripted(1)
      const c = yield* client({ timeout: "700 millis" })
      const fiber = yield* start(Effect.flip(c.invoke(server.address, { code: echoCode })))
      yield* pass(699)
      assert.isUndefined(fiber.pollUnsafe())
      yield* pass(1)
      assert.strictEqual((yield* Fiber.join(fiber)).reason._tag, "Timeout")
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("waits for ever when told so", () =>
    Effect.gen(function*() {
      const server = yield* scripted(1)
      const c = yield* client({ probeAfter: Duration.infinity })
      const fiber = yield* start(c.invoke(server.address, { code: echoCode }, { timeout: Duration.infinity }))
      yield* pass("10 minutes")
      assert.isUndefined(fiber.pollUnsafe())
      server.peers[0].answer(server.received[0].command, { remark: "at last" })
      assert.strictEqual((yield* Fiber.join(fiber)).remark, "at last")
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("lets a request that is never answered disturb no other, and drops its late answer", () =>
    Effect.gen(function*() {
      const server = yield* scripted(1, {
        command: ({ command, peer }) => {
          if (command.code !== 1) peer.answer(command, { body: command.body })
        }
      })
      const c = yield* client()
      const stuck = yield* start(Effect.flip(c.invoke(server.address, { code: 1 }, { timeout: 500 })))
      const ask = (index: number) => c.invoke(server.address, { code: echoCode, body: Buffer.from(String(index)) })
      const indices = Array.from({ length: 63 }, (_, index) => index)
      const before = yield* Effect.forEach(indices, ask, { concurrency: "unbounded" })
      yield* pass(500)
      assert.strictEqual((yield* Fiber.join(stuck)).reason._tag, "Timeout")
      const late = server.received.find(({ command }) => command.code === 1)!.command
      server.peers[0].answer(late, { remark: "late" })
      const after = yield* Effect.forEach(indices, ask, { concurrency: "unbounded" })
      assert.deepStrictEqual(before.map((answer) => text(answer.body)), indices.map(String))
      assert.deepStrictEqual(after.map((answer) => text(answer.body)), indices.map(String))
      assert.strictEqual((yield* c.stats).dropped, 1)
      assert.strictEqual(server.peers.length, 1)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("refuses an address that is not host:port, at once", () =>
    Effect.gen(function*() {
      const c = yield* client()
      for (const address of ["", "broker", "broker:", "broker:0", "broker:65536", ":9876", "::1:9876"]) {
        const error = yield* Effect.flip(c.invoke(address, { code: echoCode }))
        assert.strictEqual(error.reason._tag, "InvalidAddress", address)
        assert.strictEqual(error.outcome, "NotSent")
        assert.isFalse(error.isRetryable)
      }
      assert.strictEqual((yield* c.stats).inFlight, 0)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("refuses a request over the frame limit before it is written, and sends the others", () =>
    Effect.gen(function*() {
      const server = yield* echoServer(1)
      const c = yield* client({ limits: { maxFrameSize: 1_024 } })
      const [large, small] = yield* Effect.all([
        Effect.flip(c.invoke(server.address, { code: echoCode, body: Buffer.alloc(1_024) })),
        c.invoke(server.address, { code: echoCode, body: Buffer.from("small") })
      ], { concurrency: "unbounded" })
      assert.strictEqual(large.reason._tag, "FrameTooLarge")
      assert.strictEqual(large.outcome, "NotSent")
      assert.isFalse(large.isRetryable)
      assert.strictEqual(text(small.body), "small")
      assert.strictEqual((yield* c.stats).inFlight, 0)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  for (
    const [what, request] of [
      ["a code that is no integer", { code: 1.5 }],
      ["a code that is no number", { code: NaN }],
      ["a code of more than 32 bits", { code: 2 ** 31 }],
      ["a version that is no integer", { code: echoCode, version: 0.5 }],
      ["a language of its own", { code: echoCode, language: 99 as LanguageCode }],
      ["ext fields that are no strings", {
        code: echoCode,
        serialization: "ROCKETMQ",
        extFields: { key: Symbol("value") as unknown as string }
      }]
    ] as const
  ) {
    it.effect(`refuses ${what} with InvalidRequest, and sends the others`, () =>
      Effect.gen(function*() {
        const server = yield* echoServer(1)
        const c = yield* client()
        const [bad, good] = yield* Effect.all([
          Effect.flip(c.invoke(server.address, request)),
          c.invoke(server.address, { code: echoCode })
        ], { concurrency: "unbounded" })
        assert.strictEqual(bad.reason._tag, "InvalidRequest")
        assert.strictEqual(bad.outcome, "NotSent")
        assert.isFalse(bad.isRetryable)
        assert.strictEqual(good.code, 0)
        assert.deepInclude(yield* c.stats, { inFlight: 0 })
      }).pipe(Effect.provide(MemoryTransport.layer)))
  }

  it.effect("refuses more ext fields than a header may have with FrameTooLarge", () =>
    Effect.gen(function*() {
      const server = yield* echoServer(1)
      const c = yield* client()
      const extFields = Object.fromEntries(Array.from({ length: 1_025 }, (_, index) => [`key${index}`, "value"]))
      const error = yield* Effect.flip(c.invoke(server.address, { code: echoCode, extFields }))
      assert.deepStrictEqual([error.reason._tag, error.outcome], ["FrameTooLarge", "NotSent"])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("fails with TooManyRequests at once beyond the limit of requests in flight", () =>
    Effect.gen(function*() {
      const server = yield* scripted(1)
      const c = yield* client({}, undefined, { maxInFlight: 2 })
      const first = yield* start(c.invoke(server.address, { code: echoCode }))
      yield* start(c.invoke(server.address, { code: echoCode }))
      const { reason } = yield* Effect.flip(c.invoke(server.address, { code: echoCode }))
      assert(reason._tag === "TooManyRequests")
      assert.strictEqual(reason.outcome, "NotSent")
      assert.strictEqual(reason.limit, 2)
      assert.strictEqual(server.received.length, 2)
      server.peers[0].answer(server.received[0].command)
      yield* Fiber.join(first)
      yield* start(c.invoke(server.address, { code: echoCode }))
      assert.strictEqual(server.received.length, 3)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("counts requests that wait for a connection as in flight", () =>
    Effect.gen(function*() {
      const net = yield* network
      net.fault(nobody, "blackHole")
      const c = yield* client({}, undefined, { maxInFlight: 1 })
      yield* start(Effect.exit(c.invoke(nobody, { code: echoCode })))
      const error = yield* Effect.flip(c.invoke(nobody, { code: echoCode }))
      assert.strictEqual(error.reason._tag, "TooManyRequests")
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("is an effect: running it again asks again", () =>
    Effect.gen(function*() {
      const server = yield* echoServer(1)
      const c = yield* client()
      const ask = c.invoke(server.address, { code: echoCode, extFields: { id: "a" } })
      assert.strictEqual(server.executed.length, 0)
      yield* ask
      yield* ask
      assert.deepStrictEqual(server.executed, ["a", "a"])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("may be asked again from where an answer arrives", () =>
    Effect.gen(function*() {
      const server = yield* echoServer(1)
      const c = yield* client()
      const ask = (count: number): Effect.Effect<number, unknown> =>
        count === 0
          ? Effect.succeed(0)
          : Effect.flatMap(c.invoke(server.address, { code: echoCode }), () => ask(count - 1))
      yield* Effect.all([ask(100), ask(100)], { concurrency: 2 })
      assert.strictEqual(server.executed.length, 200)
    }).pipe(Effect.provide(MemoryTransport.layer)))
})

describe("invokeOneway", () => {
  it.effect("succeeds once the request was handed to a connection", () =>
    Effect.gen(function*() {
      const server = yield* scripted(1)
      const c = yield* client()
      yield* c.invokeOneway(server.address, { code: echoCode, body: Buffer.from("b") })
      yield* settle
      assert.strictEqual(server.received.length, 1)
      assert.isTrue(server.received[0].command.isOneway)
      assert.isFalse(server.received[0].command.isResponse)
      assert.strictEqual(text(server.received[0].command.body), "b")
      assert.strictEqual((yield* c.stats).inFlight, 0)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("drops an answer that comes all the same", () =>
    Effect.gen(function*() {
      const server = yield* scripted(1, { command: ({ command, peer }) => peer.answer(command) })
      const c = yield* client()
      yield* c.invokeOneway(server.address, { code: echoCode })
      yield* settle
      assert.strictEqual((yield* c.stats).dropped, 1)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("fails NotSent at its deadline when there is no connection by then", () =>
    Effect.gen(function*() {
      const net = yield* network
      net.fault(nobody, "blackHole")
      const c = yield* client()
      const fiber = yield* start(Effect.flip(c.invokeOneway(nobody, { code: echoCode }, { timeout: 400 })))
      yield* pass(399)
      assert.isUndefined(fiber.pollUnsafe())
      yield* pass(1)
      assert.strictEqual((yield* Fiber.join(fiber)).outcome, "NotSent")
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("counts against the limit of requests in flight while it waits", () =>
    Effect.gen(function*() {
      const net = yield* network
      net.fault(nobody, "blackHole")
      const c = yield* client({}, undefined, { maxInFlight: 1 })
      yield* start(Effect.exit(c.invokeOneway(nobody, { code: echoCode })))
      const error = yield* Effect.flip(c.invokeOneway(nobody, { code: echoCode }))
      assert.strictEqual(error.reason._tag, "TooManyRequests")
    }).pipe(Effect.provide(MemoryTransport.layer)))
})

describe("mapAddress", () => {
  it.effect("dials where it says, and keeps the caller's address everywhere else", () =>
    Effect.gen(function*() {
      const server = yield* echoServer(1)
      const c = yield* client({ mapAddress: (address) => address === "broker-0" ? server.address : address })
      assert.strictEqual((yield* c.invoke("broker-0", { code: echoCode })).remark, server.address)
      assert.deepStrictEqual([...(yield* c.links).keys()], ["broker-0"])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("is asked anew on each dial, and may be an effect", () =>
    Effect.gen(function*() {
      const net = yield* network
      const first = yield* echoServer(1)
      const second = yield* echoServer(2)
      const targets = [first.address, second.address]
      const c = yield* client({ mapAddress: () => Effect.delay(Effect.sync(() => targets.shift()!), 20) })
      const one = yield* start(c.invoke("broker-0", { code: echoCode }))
      yield* pass(20)
      assert.strictEqual((yield* Fiber.join(one)).remark, first.address)
      net.reset(first.address)
      yield* settle
      const two = yield* start(c.invoke("broker-0", { code: echoCode }))
      yield* pass(200)
      assert.strictEqual((yield* Fiber.join(two)).remark, second.address)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("fails the request with its own failure when that is all there is by the deadline", () =>
    Effect.gen(function*() {
      const c = yield* client({ mapAddress: () => Effect.fail(new Error("no such pod")) })
      const fiber = yield* start(Effect.flip(c.invoke("broker-0", { code: echoCode })))
      yield* pass("3 seconds")
      const error = yield* Fiber.join(fiber)
      assert.strictEqual(error.reason._tag, "ConnectFailed")
      assert.strictEqual(error.outcome, "NotSent")
      assert.include(error.message, "no such pod")
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("survives a mapping that throws", () =>
    Effect.gen(function*() {
      const c = yield* client({
        mapAddress: () => {
          throw new Error("broken mapping")
        }
      })
      const fiber = yield* start(Effect.flip(c.invoke("broker-0", { code: echoCode })))
      yield* pass("3 seconds")
      const error = yield* Fiber.join(fiber)
      assert.strictEqual(error.reason._tag, "ConnectFailed")
      assert.strictEqual(error.outcome, "NotSent")
      assert.include(error.message, "broken mapping")
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("says so when it maps to something that is not host:port", () =>
    Effect.gen(function*() {
      const c = yield* client({ mapAddress: () => "nonsense" })
      const fiber = yield* start(Effect.flip(c.invoke("broker-0:1", { code: echoCode })))
      yield* pass("3 seconds")
      const error = yield* Fiber.join(fiber)
      assert.strictEqual(error.reason._tag, "InvalidAddress")
      assert.include(error.message, "nonsense")
    }).pipe(Effect.provide(MemoryTransport.layer)))
})

class Greeting extends Context.Service<Greeting, string>()("test/Greeting") {}

describe("handle", () => {
  /** A client with one open connection to a scripted server. */
  const connected = (options?: RemotingClient.RemotingClientOptions) =>
    Effect.gen(function*() {
      const server = yield* scripted(1, {
        command: ({ command, peer }) => {
          if (!command.isResponse) peer.answer(command)
        }
      })
      const c = yield* client(options)
      yield* c.invoke(server.address, { code: echoCode })
      const peer = server.peers[0]
      peer.received.splice(0)
      return { c, peer }
    })

  it.effect("answers requests of the server with what the handler returns", () =>
    Effect.gen(function*() {
      const { c, peer } = yield* connected()
      yield* c.handle(220, (request) => Effect.succeed({ remark: `saw ${text(request.body)}`, body: Buffer.from("b") }))
      peer.ask({ code: 220, opaque: 77, body: Buffer.from("x") })
      yield* settle
      const { command } = peer.received[0]
      assert.isTrue(command.isResponse)
      assert.strictEqual(command.opaque, 77)
      assert.strictEqual(command.code, 0)
      assert.strictEqual(command.remark, "saw x")
      assert.strictEqual(text(command.body), "b")
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("answers a code without a handler with REQUEST_CODE_NOT_SUPPORTED", () =>
    Effect.gen(function*() {
      const { peer } = yield* connected()
      peer.ask({ code: 220, opaque: 77 })
      yield* settle
      assert.strictEqual(peer.received[0].command.code, 3)
      assert.strictEqual(peer.received[0].command.opaque, 77)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("answers a failure and a defect with SYSTEM_ERROR", () =>
    Effect.gen(function*() {
      const { c, peer } = yield* connected()
      yield* c.handle(220, () => Effect.fail(new Error("no")))
      yield* c.handle(221, (): Effect.Effect<undefined> => {
        throw new Error("worse")
      })
      peer.ask({ code: 220, opaque: 1 })
      peer.ask({ code: 221, opaque: 2 })
      yield* settle
      assert.deepStrictEqual(peer.received.map(({ command }) => [command.opaque, command.code]), [[1, 1], [2, 1]])
      assert.include(peer.received[0].command.remark, "no")
      assert.include(peer.received[1].command.remark, "worse")
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("never answers a oneway request", () =>
    Effect.gen(function*() {
      const { c, peer } = yield* connected()
      let seen = 0
      yield* c.handle(40, () => Effect.sync(() => ({ remark: String(++seen) })))
      peer.ask({ code: 40, flag: 2 })
      peer.ask({ code: 41, flag: 2 })
      yield* settle
      assert.strictEqual(seen, 1)
      assert.strictEqual(peer.received.length, 0)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("sends no answer when the handler returns none", () =>
    Effect.gen(function*() {
      const { c, peer } = yield* connected()
      yield* c.handle(220, () => Effect.succeed(undefined))
      peer.ask({ code: 220 })
      yield* settle
      assert.strictEqual(peer.received.length, 0)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("serves until its scope closes, and the newest handler of a code counts", () =>
    Effect.gen(function*() {
      const { c, peer } = yield* connected()
      const scope = yield* Scope.make()
      yield* c.handle(220, () => Effect.succeed({ remark: "old" }))
      yield* Scope.provide(c.handle(220, () => Effect.succeed({ remark: "new" })), scope)
      peer.ask({ code: 220 })
      yield* settle
      yield* Scope.close(scope, Exit.void)
      peer.ask({ code: 220 })
      yield* settle
      assert.deepStrictEqual(peer.received.map(({ command }) => command.remark), ["new", "old"])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("gives the handler the services of the place where it was registered", () =>
    Effect.gen(function*() {
      const { c, peer } = yield* connected()
      yield* Effect.provideService(
        c.handle(220, () => Effect.map(Greeting, (remark) => ({ remark }))),
        Greeting,
        "good day"
      )
      peer.ask({ code: 220 })
      yield* settle
      assert.strictEqual(peer.received[0].command.remark, "good day")
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("lets the handler ask on the very channel that the request came on", () =>
    Effect.gen(function*() {
      const server = yield* echoServer(1)
      yield* server.handle(1, (_, peer) =>
        Effect.map(peer.invoke({ code: 220 }), (answer) => ({ remark: answer.remark })))
      const c = yield* client()
      yield* c.handle(220, (_, peer) =>
        Effect.map(peer.invoke({ code: echoCode }), (answer) => ({ remark: `${peer.address} ${answer.remark}` })))
      const response = yield* c.invoke(server.address, { code: 1 })
      assert.strictEqual(response.remark, `${server.address} ${server.address}`)
      assert.strictEqual((yield* server.stats).connections, 1)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("takes nothing more from a chunk once a handler has closed the channel", () =>
    Effect.gen(function*() {
      const { c, peer } = yield* connected()
      let handled = 0
      yield* c.handle(220, (_, by) =>
        Effect.sync(() => {
          handled++
          by.close()
          return undefined
        }))
      peer.send(Buffer.concat([frame({ code: 220, opaque: 1 }), frame({ code: 220, opaque: 2 })]))
      yield* settle
      assert.strictEqual(handled, 1)
      assert.isTrue(peer.closed)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("interrupts handlers whose channel has closed", () =>
    Effect.gen(function*() {
      const { c, peer } = yield* connected()
      let interrupted = false
      yield* c.handle(220, () => Effect.onInterrupt(Effect.never, () => Effect.sync(() => void (interrupted = true))))
      peer.ask({ code: 220 })
      yield* settle
      peer.end()
      yield* settle
      assert.isTrue(interrupted)
    }).pipe(Effect.provide(MemoryTransport.layer)))
})

describe("links", () => {
  it.effect("says what each address is doing", () =>
    Effect.gen(function*() {
      const net = yield* network
      const server = yield* scripted(1)
      net.fault(nobody, "blackHole")
      const c = yield* client()
      assert.strictEqual((yield* c.links).size, 0)
      yield* start(Effect.exit(c.invoke(server.address, { code: echoCode })))
      yield* start(Effect.exit(c.invoke(nobody, { code: echoCode })))
      const links = yield* c.links
      const up = links.get(server.address)!
      assert.deepStrictEqual(
        [up.status, up.generation, up.inFlight, up.waiting, up.draining, up.lastEvent?.type],
        ["Active", 1, 1, 0, 0, "Active"]
      )
      const down = links.get(nobody)!
      assert.deepStrictEqual(
        [down.status, down.generation, down.inFlight, down.waiting, down.channelId],
        ["Connecting", 1, 0, 1, undefined]
      )
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("is a copy of this moment", () =>
    Effect.gen(function*() {
      const server = yield* echoServer(1)
      const c = yield* client()
      const before = yield* c.links
      yield* c.invoke(server.address, { code: echoCode })
      assert.strictEqual(before.size, 0)
      assert.strictEqual((yield* c.links).size, 1)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("closes a connection unused for two minutes, and forgets the address in the end", () =>
    Effect.gen(function*() {
      const server = yield* echoServer(1, { idleTimeout: "1 hour" })
      const c = yield* client()
      yield* c.invoke(server.address, { code: echoCode })
      yield* pass("119 seconds")
      assert.strictEqual((yield* server.stats).connections, 1)
      yield* pass("3 seconds")
      assert.strictEqual((yield* server.stats).connections, 0)
      assert.strictEqual((yield* c.links).get(server.address)?.status, "Idle")
      yield* pass("122 seconds")
      assert.strictEqual((yield* c.links).size, 0)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("keeps a connection on which a long poll hangs", () =>
    Effect.gen(function*() {
      const server = yield* echoServer(1, { idleTimeout: "1 hour" })
      yield* server.handle(11, () => Effect.delay(Effect.succeed({ remark: "found" }), "5 minutes"))
      const c = yield* client({ probeAfter: Duration.infinity })
      const poll = yield* start(c.invoke(server.address, { code: 11 }, { timeout: "10 minutes" }))
      yield* pass("5 minutes")
      assert.strictEqual((yield* Fiber.join(poll)).remark, "found")
      assert.strictEqual((yield* c.links).get(server.address)?.generation, 1)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("dials again on demand after an idle connection was closed, without a back-off", () =>
    Effect.gen(function*() {
      const server = yield* echoServer(1, { idleTimeout: "1 hour" })
      const c = yield* client()
      yield* c.invoke(server.address, { code: echoCode })
      yield* pass("125 seconds")
      const before = yield* now
      yield* c.invoke(server.address, { code: echoCode })
      assert.strictEqual(yield* now, before)
      assert.strictEqual((yield* c.links).get(server.address)?.generation, 2)
    }).pipe(Effect.provide(MemoryTransport.layer)))
})

describe("stats", () => {
  it.effect("counts every request once, by what became of it", () =>
    Effect.gen(function*() {
      const server = yield* scripted(1, {
        command: ({ command, peer }) => {
          if (command.code === echoCode) peer.answer(command)
        }
      })
      const c = yield* client()
      yield* c.invoke(server.address, { code: echoCode })
      yield* c.invokeOneway(server.address, { code: echoCode + 1 })
      yield* Effect.flip(c.invoke("nonsense", { code: echoCode }))
      const unanswered = yield* start(Effect.exit(c.invoke(server.address, { code: 1 })))
      const given = yield* start(c.invoke(server.address, { code: 1 }))
      yield* Fiber.interrupt(given)
      assert.strictEqual((yield* c.stats).inFlight, 1)
      yield* pass("3 seconds")
      yield* Fiber.join(unanswered)
      const stats = yield* c.stats
      assert.deepInclude(stats, {
        inFlight: 0,
        succeeded: 2,
        notSent: 1,
        notProcessed: 0,
        unknown: 1,
        interrupted: 1,
        dropped: 0,
        goAways: 0,
        swaps: 0,
        redials: 0
      })
      assert.strictEqual(stats.bytesOut, server.peers[0].bytes)
      assert.isAbove(stats.bytesIn, 0)
    }).pipe(Effect.provide(MemoryTransport.layer)))
})

describe("closing", () => {
  it.effect("settles every request: Unknown if it was written, NotSent if not", () =>
    Effect.gen(function*() {
      const net = yield* network
      const server = yield* scripted(1)
      net.fault(nobody, "blackHole")
      const scope = yield* Scope.make()
      const c = yield* Scope.provide(client(), scope)
      const written = yield* start(Effect.flip(c.invoke(server.address, { code: readCode })))
      const waiting = yield* start(Effect.flip(c.invoke(nobody, { code: echoCode })))
      yield* Scope.close(scope, Exit.void)
      const one = yield* Fiber.join(written)
      const two = yield* Fiber.join(waiting)
      assert.deepStrictEqual([one.reason._tag, one.outcome], ["ShuttingDown", "Unknown"])
      assert.deepStrictEqual([two.reason._tag, two.outcome], ["ShuttingDown", "NotSent"])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("closes every connection, needs no time for it, and fails what comes later", () =>
    Effect.gen(function*() {
      const server = yield* echoServer(1)
      const scope = yield* Scope.make()
      const c = yield* Scope.provide(client(), scope)
      yield* c.invoke(server.address, { code: echoCode })
      yield* Scope.close(scope, Exit.void)
      yield* settle
      assert.strictEqual((yield* server.stats).connections, 0)
      const error = yield* Effect.flip(c.invoke(server.address, { code: echoCode }))
      assert.deepStrictEqual([error.reason._tag, error.outcome], ["ShuttingDown", "NotSent"])
      assert.strictEqual((yield* c.links).size, 0)
      assert.strictEqual((yield* server.stats).accepted, 1)
    }).pipe(Effect.provide(MemoryTransport.layer)))
})

describe("layers", () => {
  it.effect("layerNoDeps is built of parts that a test provides", () =>
    Effect.gen(function*() {
      const server = yield* echoServer(1)
      const c = yield* RemotingClient.RemotingClient
      assert.strictEqual((yield* c.invoke(server.address, { code: echoCode })).remark, server.address)
    }).pipe(
      Effect.provide(
        RemotingClient.layerNoDeps({ metrics: false }).pipe(
          Layer.provide([ResponseFutures.layer, Reconnection.layer]),
          Layer.provideMerge(MemoryTransport.layer)
        )
      )
    ))

  it.effect("layerConfig reads the options of a client", () =>
    Effect.gen(function*() {
      const read = yield* RemotingClient.config.parse(ConfigProvider.fromUnknown({
        ROCKETMQ: {
          TIMEOUT: "10 seconds",
          CONNECT_TIMEOUT: "1 second",
          IDLE_TIMEOUT: "1 minute",
          PROBE_AFTER: "20 seconds",
          PROBE_TIMEOUT: "2 seconds",
          SERIALIZE_TYPE: "ROCKETMQ",
          VERSION: "477"
        }
      }))
      assert.strictEqual(Duration.toMillis(read.timeout!), 10_000)
      assert.strictEqual(Duration.toMillis(read.connectTimeout!), 1_000)
      assert.strictEqual(Duration.toMillis(read.idleTimeout!), 60_000)
      assert.strictEqual(Duration.toMillis(read.probeAfter!), 20_000)
      assert.strictEqual(Duration.toMillis(read.probeTimeout!), 2_000)
      assert.strictEqual(read.serialization, "ROCKETMQ")
      assert.strictEqual(read.version, 477)
    }))

  it.effect("layerConfig reads the limit of requests in flight", () =>
    Effect.gen(function*() {
      const c = yield* RemotingClient.RemotingClient
      yield* start(Effect.exit(c.invoke("127.0.0.1:1", { code: echoCode })))
      const { reason } = yield* Effect.flip(c.invoke("127.0.0.1:1", { code: echoCode }))
      assert(reason._tag === "TooManyRequests")
      assert.strictEqual(reason.limit, 1)
    }).pipe(
      Effect.provide(
        RemotingClient.layerConfig({ metrics: false }).pipe(
          Layer.provide(ConfigProvider.layer(ConfigProvider.fromUnknown({ ROCKETMQ: { MAX_IN_FLIGHT: "1" } })))
        )
      )
    ))

  it.effect("layerConfig fails on a value that is none", () =>
    Effect.gen(function*() {
      const exit = yield* Effect.exit(
        Effect.scoped(Layer.build(
          RemotingClient.layerConfig().pipe(
            Layer.provide(ConfigProvider.layer(ConfigProvider.fromUnknown({ ROCKETMQ: { TIMEOUT: "soon" } })))
          )
        ))
      )
      assert.isTrue(Exit.isFailure(exit))
    }))
})
