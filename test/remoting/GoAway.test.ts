import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"
import { LanguageCode } from "../../src/protocol/LanguageCode.ts"
import { MqVersion } from "../../src/protocol/MqVersion.ts"
import { RequestCode } from "../../src/protocol/RequestCode.ts"
import * as MemoryTransport from "../../src/remoting/MemoryTransport.ts"
import * as Reconnection from "../../src/remoting/Reconnection.ts"
import type { RemotingRequest } from "../../src/remoting/RemotingRequest.ts"
import type { Received } from "./peers.ts"
import { scripted } from "./peers.ts"
import {
  balanced,
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

/** A scripted server that refuses everything, or only some codes. */
const refusing = (port: number, refuses: (received: Received) => boolean = () => true) =>
  scripted(port, {
    command: (received) => {
      if (refuses(received)) received.peer.goAway(received.command)
      else received.peer.answer(received.command, { remark: `${port}` })
    }
  })

/** A scripted server that answers everything with its port. */
const serving = (port: number) => refusing(port, () => false)

/** The balanced address leads to each target in turn, then stays with the last. */
const inTurn = (targets: ReadonlyArray<string>) =>
  Effect.map(network, (net) => {
    let next = 0
    net.balance(balanced, targets, (all) => all[Math.min(next++, all.length - 1)])
  })

describe("a swap", () => {
  it.effect("moves a refused request to the next server behind the address", () =>
    Effect.gen(function*() {
      const [first, second] = [yield* refusing(1), yield* serving(2)]
      yield* inTurn([first.address, second.address])
      const c = yield* client()
      const fiber = yield* start(c.invoke(balanced, { code: echoCode }))
      yield* pass(10)
      const response = yield* Fiber.join(fiber)
      assert.strictEqual(response.code, 0)
      assert.strictEqual(response.remark, "2")
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("tells GoAway, Draining, Connect, Active, Reconnected, Close, in this order", () =>
    Effect.gen(function*() {
      const [first, second] = [yield* echoServer(1), yield* echoServer(2)]
      yield* inTurn([first.address, second.address])
      const c = yield* client()
      const events = yield* recordEvents(c)
      yield* c.invoke(balanced, { code: echoCode })
      yield* start(first.drain)
      const fiber = yield* start(c.invoke(balanced, { code: echoCode }))
      yield* pass(10)
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
      assert.deepStrictEqual(new Set(events.map((event) => event.address)), new Set([balanced]))
      assert.strictEqual(new Set(events.map((event) => event.channelId)).size, 2)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("makes before it breaks: the old connection closes when the new one is active", () =>
    Effect.gen(function*() {
      const first = yield* refusing(1)
      let oldWasOpen = false
      const second = yield* scripted(2, {
        open: () => {
          oldWasOpen = !first.peers[0].closed
        },
        command: ({ command, peer }) => peer.answer(command)
      })
      yield* inTurn([first.address, second.address])
      const c = yield* client()
      const fiber = yield* start(c.invoke(balanced, { code: echoCode }))
      yield* pass(9)
      assert.isFalse(first.peers[0].closed)
      yield* pass(1)
      yield* Fiber.join(fiber)
      yield* settle
      assert.isTrue(oldWasOpen)
      assert.isTrue(first.peers[0].closed)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("waits as the goAway policy says before it dials", () =>
    Effect.gen(function*() {
      const [first, second] = [yield* refusing(1), yield* serving(2)]
      yield* inTurn([first.address, second.address])
      const c = yield* client({}, { ...steady, goAway: Schedule.spaced("40 millis") })
      yield* start(c.invoke(balanced, { code: echoCode }))
      yield* pass(39)
      assert.strictEqual(second.peers.length, 0)
      yield* pass(1)
      assert.strictEqual(second.peers.length, 1)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("takes at most 50 ms before the first hop by default", () =>
    Effect.gen(function*() {
      const [first, second] = [yield* refusing(1), yield* serving(2)]
      yield* inTurn([first.address, second.address])
      const c = yield* client({}, Reconnection.make())
      const fiber = yield* start(c.invoke(balanced, { code: echoCode }))
      yield* pass(50)
      assert.strictEqual((yield* Fiber.join(fiber)).remark, "2")
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("is one for all requests that one generation refused: 1,024 in flight, 100 generations", () =>
    Effect.gen(function*() {
      const count = 1_024
      const rounds = 100
      const served: Array<string> = []
      // Each connection but the last refuses all requests once it has all of them.
      const server = yield* scripted(1, {
        chunk: (peer) => {
          if (peer.received.length < count) return
          for (const { command } of peer.received.splice(0)) {
            if (peer.index < rounds) peer.goAway(command)
            else {
              served.push(text(command.body)!)
              peer.answer(command)
            }
          }
        }
      })
      const c = yield* client()
      const fibers = yield* Effect.forEach(
        Array.from({ length: count }, (_, index) => String(index)),
        (id) => Effect.forkChild(c.invoke(server.address, { code: echoCode, body: Buffer.from(id) }))
      )
      yield* pass(10 * rounds)
      const answers = yield* Effect.forEach(fibers, Fiber.join)
      assert.isTrue(answers.every((answer) => answer.code === 0))
      assert.strictEqual(server.peers.length, rounds + 1)
      assert.strictEqual(served.length, count)
      assert.strictEqual(new Set(served).size, count)
      assert.deepInclude(yield* c.stats, {
        goAways: count * rounds,
        swaps: rounds,
        hops: rounds,
        replays: count * rounds,
        redials: 0,
        succeeded: count,
        inFlight: 0
      })
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("is not repeated by a refusal that comes late on the old connection", () =>
    Effect.gen(function*() {
      const first = yield* scripted(1)
      const second = yield* serving(2)
      yield* inTurn([first.address, second.address])
      const c = yield* client()
      const one = yield* start(c.invoke(balanced, { code: echoCode, body: Buffer.from("1") }))
      const two = yield* start(c.invoke(balanced, { code: echoCode, body: Buffer.from("2") }))
      const [peer] = first.peers
      peer.goAway(first.received[0].command)
      yield* pass(100)
      assert.strictEqual((yield* Fiber.join(one)).remark, "2")
      peer.goAway(first.received[1].command)
      yield* settle
      assert.strictEqual((yield* Fiber.join(two)).remark, "2")
      assert.strictEqual(second.peers.length, 1)
      assert.deepInclude(yield* c.stats, { goAways: 2, swaps: 1, hops: 1, replays: 2 })
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("keeps the order in which the requests were made", () =>
    Effect.gen(function*() {
      const first = yield* scripted(1, {
        chunk: (peer) => {
          for (const { command } of peer.received.splice(0).reverse()) peer.goAway(command)
        }
      })
      const second = yield* serving(2)
      yield* inTurn([first.address, second.address])
      const c = yield* client()
      yield* Effect.forEach(
        Array.from({ length: 20 }, (_, index) => String(index)),
        (id) => Effect.forkChild(c.invoke(balanced, { code: echoCode, body: Buffer.from(id) }))
      )
      yield* pass(10)
      assert.deepStrictEqual(
        second.received.map(({ command }) => text(command.body)),
        Array.from({ length: 20 }, (_, index) => String(index))
      )
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("sends the same request again under another opaque", () =>
    Effect.gen(function*() {
      const [first, second] = [yield* refusing(1), yield* serving(2)]
      yield* inTurn([first.address, second.address])
      const c = yield* client()
      const request: RemotingRequest = {
        code: echoCode,
        extFields: { topic: "t", queueId: "3" },
        body: Buffer.from("body"),
        remark: "remark",
        language: LanguageCode.PYTHON,
        version: 480,
        serialization: "ROCKETMQ"
      }
      yield* start(c.invoke(balanced, request))
      yield* pass(10)
      const say = ({ command }: Received) => ({
        code: command.code,
        flag: command.flag,
        extFields: { ...command.extFields },
        body: text(command.body),
        remark: command.remark,
        language: command.language,
        version: command.version,
        serialization: command.serialization
      })
      assert.deepStrictEqual(say(first.received[0]), {
        code: echoCode,
        flag: 0,
        extFields: { topic: "t", queueId: "3" },
        body: "body",
        remark: "remark",
        language: LanguageCode.PYTHON,
        version: 480,
        serialization: "ROCKETMQ"
      })
      assert.deepStrictEqual(say(second.received[0]), say(first.received[0]))
      assert.notStrictEqual(second.received[0].command.opaque, first.received[0].command.opaque)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("retires the connection for new requests, oneway included, from the first GO_AWAY on", () =>
    Effect.gen(function*() {
      const first = yield* scripted(1)
      const second = yield* serving(2)
      yield* inTurn([first.address, second.address])
      const c = yield* client()
      yield* start(c.invoke(balanced, { code: 1 }))
      yield* start(c.invoke(balanced, { code: 2 }))
      first.peers[0].goAway(first.received[0].command)
      yield* settle
      yield* start(c.invoke(balanced, { code: 3 }))
      yield* start(c.invokeOneway(balanced, { code: 4 }))
      yield* pass(10)
      assert.deepStrictEqual(first.received.map(({ command }) => command.code), [1, 2])
      assert.deepStrictEqual(second.received.map(({ command }) => command.code), [1, 3, 4])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("takes along what was not written yet, oneway included, exactly once", () =>
    Effect.gen(function*() {
      const first = yield* scripted(1)
      const second = yield* serving(2)
      yield* inTurn([first.address, second.address])
      const c = yield* client()
      yield* start(c.invoke(balanced, { code: 1 }))
      const [peer] = first.peers
      peer.connection.pause()
      // The second fills the window, so the others wait.
      yield* start(c.invoke(balanced, { code: 2, body: Buffer.alloc(2_000) }))
      const three = yield* start(c.invoke(balanced, { code: 3 }))
      const four = yield* start(c.invokeOneway(balanced, { code: 4 }))
      assert.isUndefined(four.pollUnsafe())
      peer.goAway(first.received[0].command)
      yield* pass(10)
      yield* Fiber.join(three)
      yield* Fiber.join(four)
      peer.connection.resume()
      yield* settle
      assert.deepStrictEqual(first.received.map(({ command }) => command.code), [1, 2])
      assert.deepStrictEqual(second.received.map(({ command }) => command.code), [1, 3, 4])
    }).pipe(Effect.provide(MemoryTransport.layerWith({ window: 1_000 }))))

  it.effect("leaves what was asked of that very peer where it is", () =>
    Effect.gen(function*() {
      const first = yield* scripted(1, {
        command: ({ command, peer }) => {
          if (command.code === 9) peer.answer(command, { remark: "first" })
        }
      })
      const second = yield* serving(2)
      yield* inTurn([first.address, second.address])
      const c = yield* client()
      let answer: string | undefined
      yield* c.handle(220, (_, peer) =>
        Effect.map(peer.invoke({ code: 9 }), ({ remark }) => {
          answer = remark
          return undefined
        }))
      yield* start(c.invoke(balanced, { code: 1 }))
      const [peer] = first.peers
      peer.connection.pause()
      yield* start(Effect.exit(c.invoke(balanced, { code: 2, body: Buffer.alloc(2_000) })))
      peer.ask({ code: 220 })
      yield* settle
      peer.goAway(first.received[0].command)
      yield* pass(10)
      peer.connection.resume()
      yield* settle
      assert.strictEqual(answer, "first")
      assert.deepStrictEqual(second.received.map(({ command }) => command.code), [1])
    }).pipe(Effect.provide(MemoryTransport.layerWith({ window: 1_000 }))))

  it.effect("replays requests of every code, a name server's too", () =>
    Effect.gen(function*() {
      const [first, second] = [yield* refusing(1), yield* serving(2)]
      yield* inTurn([first.address, second.address])
      const c = yield* client()
      const codes = [RequestCode.SEND_MESSAGE_V2, RequestCode.GET_ROUTEINFO_BY_TOPIC, RequestCode.POP_MESSAGE, 99]
      yield* Effect.forEach(codes, (code) => Effect.forkChild(c.invoke(balanced, { code })))
      yield* pass(10)
      assert.deepStrictEqual(second.received.map(({ command }) => command.code), codes)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("resolves the name again, and prefers other records than the one that went away", () =>
    Effect.gen(function*() {
      const net = yield* network
      net.resolve("broker", ["10.0.0.1", "10.0.0.2"])
      const first = yield* refusing(7)
      net.balance("10.0.0.2:7", ["10.0.0.1:8"])
      const second = yield* serving(8)
      const c = yield* client()
      const fiber = yield* start(c.invoke("broker:7", { code: echoCode }))
      yield* pass(10)
      assert.strictEqual((yield* Fiber.join(fiber)).remark, "8")
      assert.strictEqual(first.peers.length, 1)
      assert.strictEqual(second.peers.length, 1)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("goes on when a dial in the middle of it fails", () =>
    Effect.gen(function*() {
      const net = yield* network
      const [first, second] = [yield* refusing(1), yield* serving(2)]
      yield* inTurn([first.address, "10.0.0.1:3", "10.0.0.1:3", second.address])
      net.fault("10.0.0.1:3", "refuse")
      const c = yield* client()
      const fiber = yield* start(c.invoke(balanced, { code: echoCode }))
      // One hop of 10 ms, then re-dials after 100 and 200 ms.
      yield* pass(309)
      assert.isUndefined(fiber.pollUnsafe())
      yield* pass(1)
      assert.strictEqual((yield* Fiber.join(fiber)).remark, "2")
      assert.deepInclude(yield* c.stats, { swaps: 1, hops: 1, redials: 2 })
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("goes on when a dial in the middle of it hangs, with time left for the next", () =>
    Effect.gen(function*() {
      const net = yield* network
      const [first, second] = [yield* refusing(1), yield* serving(2)]
      yield* inTurn([first.address, "10.0.0.1:3", second.address])
      net.fault("10.0.0.1:3", "blackHole")
      const c = yield* client()
      const fiber = yield* start(c.invoke(balanced, { code: echoCode }))
      yield* pass(2_999)
      assert.strictEqual((yield* Fiber.join(fiber)).remark, "2")
    }).pipe(Effect.provide(MemoryTransport.layer)))
})

describe("what is in flight on the old connection", () => {
  it.effect("is answered there", () =>
    Effect.gen(function*() {
      const first = yield* scripted(1)
      const second = yield* serving(2)
      yield* inTurn([first.address, second.address])
      const c = yield* client()
      yield* start(c.invoke(balanced, { code: 1 }))
      const two = yield* start(c.invoke(balanced, { code: 2 }))
      const [peer] = first.peers
      peer.goAway(first.received[0].command)
      yield* pass(100)
      assert.isFalse(peer.closed)
      peer.answer(first.received[1].command, { remark: "old" })
      yield* settle
      assert.strictEqual((yield* Fiber.join(two)).remark, "old")
      assert.isTrue(peer.closed)
      assert.strictEqual(second.received.length, 1)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("finishes, long polls included, and no probe is sent meanwhile", () =>
    Effect.gen(function*() {
      const first = yield* echoServer(1, { shutdownWaitTime: "60 seconds" })
      const second = yield* echoServer(2)
      yield* first.handle(RequestCode.PULL_MESSAGE, (_, peer) =>
        Effect.as(peer.suspend(Effect.sleep("40 seconds")), { remark: "found" }))
      let heartbeats = 0
      yield* first.handle(RequestCode.HEART_BEAT, () =>
        Effect.sync(() => ({ remark: String(++heartbeats) })))
      yield* inTurn([first.address, second.address])
      const c = yield* client({ idleTimeout: "1 hour" })
      const polls = yield* Effect.forEach(
        Array.from({ length: 32 }),
        () => Effect.forkChild(c.invoke(balanced, { code: RequestCode.PULL_MESSAGE }, { timeout: "1 minute" }))
      )
      yield* settle
      yield* start(first.drain)
      const send = yield* start(c.invoke(balanced, { code: echoCode }))
      yield* pass(10)
      assert.strictEqual((yield* Fiber.join(send)).remark, second.address)
      yield* pass("39 seconds")
      assert.strictEqual((yield* first.stats).connections, 1)
      assert.strictEqual(heartbeats, 0)
      yield* pass("1 second")
      const answers = yield* Effect.forEach(polls, Fiber.join)
      assert.isTrue(answers.every((answer) => answer.remark === "found"))
      yield* settle
      assert.strictEqual((yield* first.stats).connections, 0)
      assert.strictEqual((yield* c.links).get(balanced)?.draining, 0)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("holds the old connection no longer than its latest deadline", () =>
    Effect.gen(function*() {
      const first = yield* scripted(1)
      const second = yield* serving(2)
      yield* inTurn([first.address, second.address])
      const c = yield* client()
      yield* start(c.invoke(balanced, { code: 1 }))
      yield* start(Effect.exit(c.invoke(balanced, { code: 2 }, { timeout: "1 second" })))
      yield* start(Effect.exit(c.invoke(balanced, { code: 3 }, { timeout: "5 seconds" })))
      first.peers[0].goAway(first.received[0].command)
      yield* pass(4_999)
      assert.isFalse(first.peers[0].closed)
      yield* pass(1)
      assert.isTrue(first.peers[0].closed)
      assert.strictEqual(first.peers[0].closedAt, 5_000)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("is settled when the old server closes, and the new connection does not notice", () =>
    Effect.gen(function*() {
      const first = yield* scripted(1)
      const second = yield* serving(2)
      yield* inTurn([first.address, second.address])
      const c = yield* client()
      yield* start(c.invoke(balanced, { code: 1 }))
      const poll = yield* start(Effect.flip(c.invoke(balanced, { code: echoCode }, { timeout: "1 minute" })))
      first.peers[0].goAway(first.received[0].command)
      yield* pass(100)
      first.peers[0].end()
      yield* settle
      const error = yield* Fiber.join(poll)
      assert.deepStrictEqual([error.reason._tag, error.outcome], ["ChannelClosed", "Unknown"])
      assert.strictEqual((yield* c.invoke(balanced, { code: echoCode })).remark, "2")
      assert.strictEqual(second.peers.length, 1)
      assert.strictEqual((yield* c.links).get(balanced)?.status, "Active")
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("includes the server's requests: their handlers finish, and their answers leave", () =>
    Effect.gen(function*() {
      const first = yield* scripted(1)
      const second = yield* serving(2)
      yield* inTurn([first.address, second.address])
      const c = yield* client()
      yield* c.handle(220, () => Effect.delay(Effect.succeed({ remark: "done" }), "2 seconds"))
      yield* start(c.invoke(balanced, { code: 1 }))
      const [peer] = first.peers
      peer.ask({ code: 220, opaque: 5 })
      peer.goAway(first.received[0].command)
      yield* pass(1_999)
      assert.isFalse(peer.closed)
      yield* pass(1)
      const reply = first.received.at(-1)!.command
      assert.isTrue(reply.isResponse)
      assert.deepStrictEqual([reply.opaque, reply.remark], [5, "done"])
      assert.isTrue(peer.closed)
    }).pipe(Effect.provide(MemoryTransport.layer)))
})

describe("hops", () => {
  it.effect("go on as long as the deadline allows: a balancer that gives the dying server back 1 to 20 times", () =>
    Effect.gen(function*() {
      const dying = yield* refusing(1)
      const healthy = yield* serving(2)
      const c = yield* client()
      const net = yield* network
      for (let times = 1; times <= 20; times++) {
        const address = `10.0.1.1:${times}`
        let dials = 0
        net.balance(address, [dying.address, healthy.address], ([bad, good]) => dials++ < times ? bad : good)
        const before = dying.peers.length
        const fiber = yield* start(c.invoke(address, { code: echoCode }))
        yield* pass(10 * times)
        assert.strictEqual((yield* Fiber.join(fiber)).remark, "2")
        assert.strictEqual(dying.peers.length - before, times)
      }
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("end at the deadline, exactly, with GoAway, NotProcessed", () =>
    Effect.gen(function*() {
      const dying = yield* refusing(1)
      const c = yield* client()
      const fiber = yield* start(Effect.flip(c.invoke(dying.address, { code: echoCode }, { timeout: 1_005 })))
      yield* pass(1_004)
      assert.isUndefined(fiber.pollUnsafe())
      yield* pass(1)
      const { reason } = yield* Fiber.join(fiber)
      assert(reason._tag === "GoAway")
      assert.strictEqual(reason.outcome, "NotProcessed")
      assert.strictEqual(reason.hops, 101)
      assert.isTrue(reason.isRetryable)
      assert.strictEqual(dying.peers.length, 101)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("are some 26 in three seconds by default", () =>
    Effect.gen(function*() {
      const dying = yield* refusing(1)
      const c = yield* client({}, Reconnection.make())
      const fiber = yield* start(Effect.flip(c.invoke(dying.address, { code: echoCode })))
      yield* pass(3_000)
      assert.strictEqual((yield* Fiber.join(fiber)).reason._tag, "GoAway")
      assert.isAtLeast(dying.peers.length, 18)
      assert.isAtMost(dying.peers.length, 40)
    }).pipe(Effect.provide(MemoryTransport.layer), Random.withSeed("hops")))

  it.effect("say why, when other dials failed meanwhile", () =>
    Effect.gen(function*() {
      const net = yield* network
      const dying = yield* refusing(1)
      yield* inTurn([dying.address, "10.0.0.1:3"])
      net.fault("10.0.0.1:3", "refuse")
      const c = yield* client()
      const fiber = yield* start(Effect.flip(c.invoke(balanced, { code: echoCode }, { timeout: 500 })))
      yield* pass(500)
      const { reason } = yield* Fiber.join(fiber)
      assert(reason._tag === "GoAway")
      assert.strictEqual(reason.outcome, "NotProcessed")
      assert.strictEqual(reason.hops, 1)
      assert.include(String((reason.cause as Error).message), "refused")
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("are as many as goAwayHops allows", () =>
    Effect.gen(function*() {
      const dying = yield* refusing(1)
      const c = yield* client()
      for (const goAwayHops of [0, 1, 5]) {
        const before = dying.received.length
        const fiber = yield* start(Effect.flip(c.invoke(dying.address, { code: echoCode }, { goAwayHops })))
        yield* pass(100)
        const { reason } = yield* Fiber.join(fiber)
        assert(reason._tag === "GoAway")
        assert.strictEqual(reason.outcome, "NotProcessed")
        assert.strictEqual(reason.hops, goAwayHops + 1)
        assert.strictEqual(dying.received.length - before, goAwayHops + 1)
      }
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("of one caller that has used them up do not end the swap of the others", () =>
    Effect.gen(function*() {
      const [first, second] = [yield* refusing(1), yield* serving(2)]
      yield* inTurn([first.address, second.address])
      const c = yield* client()
      const patient = yield* Effect.forkChild(c.invoke(balanced, { code: echoCode }))
      const impatient = yield* Effect.forkChild(
        Effect.flip(c.invoke(balanced, { code: echoCode }, { goAwayHops: 0 }))
      )
      assert.strictEqual((yield* Fiber.join(impatient)).reason._tag, "GoAway")
      yield* pass(10)
      assert.strictEqual((yield* Fiber.join(patient)).remark, "2")
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("start with the first delay again once a connection was validated and lived a second", () =>
    Effect.gen(function*() {
      let refuses = true
      const server = yield* refusing(1, () => refuses)
      const c = yield* client({}, {
        ...steady,
        goAway: Reconnection.backoff({ base: 10, cap: 10_000, jitter: false })
      })
      const openings = () => server.peers.map((peer) => peer.openedAt)
      const one = yield* start(c.invoke(server.address, { code: echoCode }))
      yield* pass(10 + 20)
      refuses = false
      yield* pass(40)
      yield* Fiber.join(one)
      assert.deepStrictEqual(openings(), [0, 10, 30, 70])
      refuses = true
      // The connection is younger than a second: the delays go on to grow.
      const two = yield* start(c.invoke(server.address, { code: echoCode }))
      yield* pass(10)
      refuses = false
      yield* pass(70)
      yield* Fiber.join(two)
      assert.deepStrictEqual(openings(), [0, 10, 30, 70, 150])
      yield* pass(1_000)
      refuses = true
      const at = yield* now
      const three = yield* start(c.invoke(server.address, { code: echoCode }))
      refuses = false
      yield* pass(10)
      yield* Fiber.join(three)
      assert.strictEqual(openings().at(-1), at + 10)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("do not start anew after a connection that lived but answered nothing except GO_AWAY", () =>
    Effect.gen(function*() {
      const server = yield* scripted(1)
      const c = yield* client({}, {
        ...steady,
        goAway: Reconnection.backoff({ base: 10, cap: 10_000, jitter: false })
      })
      yield* start(c.invoke(server.address, { code: echoCode }, { timeout: "1 minute" }))
      const refuse = Effect.sync(() => server.received.at(-1)!.peer.goAway(server.received.at(-1)!.command))
      for (const delay of [10, 20, 40]) {
        yield* pass(2_000)
        const at = yield* now
        yield* refuse
        yield* pass(delay)
        assert.strictEqual(server.peers.at(-1)!.openedAt, at + delay)
      }
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("end when the policy does, with GoAway for those who wait; the next request starts anew", () =>
    Effect.gen(function*() {
      const net = yield* network
      const dying = yield* refusing(1)
      const healthy = yield* serving(2)
      net.balance(balanced, [dying.address])
      const c = yield* client({}, { ...steady, goAway: Schedule.spaced(10).pipe(Schedule.upTo({ times: 2 })) })
      const fiber = yield* start(Effect.flip(c.invoke(balanced, { code: echoCode })))
      yield* pass(20)
      const { reason } = yield* Fiber.join(fiber)
      assert(reason._tag === "GoAway")
      assert.deepStrictEqual([reason.outcome, reason.hops], ["NotProcessed", 3])
      net.balance(balanced, [healthy.address])
      const again = yield* start(c.invoke(balanced, { code: echoCode }))
      yield* pass(10)
      assert.strictEqual((yield* Fiber.join(again)).remark, "2")
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("may have ended for a caller who asks again at once: that starts anew too", () =>
    Effect.gen(function*() {
      const net = yield* network
      const dying = yield* refusing(1)
      const healthy = yield* serving(2)
      net.balance(balanced, [dying.address, dying.address, dying.address, healthy.address])
      const c = yield* client({}, { ...steady, goAway: Schedule.spaced(10).pipe(Schedule.upTo({ times: 2 })) })
      const ask = c.invoke(balanced, { code: echoCode })
      const fiber = yield* start(Effect.catch(ask, () => ask))
      yield* pass(500)
      assert.strictEqual((yield* Fiber.join(fiber)).remark, "2")
    }).pipe(Effect.provide(MemoryTransport.layer)))
})

describe("who asks for a swap", () => {
  it.effect("nobody: nothing is dialled until the next request", () =>
    Effect.gen(function*() {
      const [first, second] = [yield* refusing(1), yield* serving(2)]
      yield* inTurn([first.address, second.address])
      const c = yield* client()
      yield* Effect.flip(c.invoke(balanced, { code: echoCode }, { goAwayHops: 0 }))
      yield* pass("1 minute")
      assert.strictEqual(second.peers.length, 0)
      assert.isTrue(first.peers[0].closed)
      assert.strictEqual((yield* c.links).get(balanced)?.status, "Idle")
      const fiber = yield* start(c.invoke(balanced, { code: echoCode }))
      yield* pass(10)
      assert.strictEqual((yield* Fiber.join(fiber)).remark, "2")
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("a registration: the address stays connected", () =>
    Effect.gen(function*() {
      const [first, second] = [yield* refusing(1, ({ command }) => command.code === 1), yield* serving(2)]
      yield* inTurn([first.address, second.address])
      const c = yield* client()
      yield* c.onValidate((channel) => channel.invoke({ code: RequestCode.HEART_BEAT }))
      yield* Effect.flip(c.invoke(balanced, { code: 1 }, { goAwayHops: 0 }))
      yield* pass(10)
      assert.strictEqual(second.received.length, 1)
      assert.strictEqual((yield* c.links).get(balanced)?.status, "Active")
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("a caller who gave up: nothing more is dialled", () =>
    Effect.gen(function*() {
      const dying = yield* refusing(1)
      const c = yield* client()
      yield* start(Effect.exit(c.invoke(dying.address, { code: echoCode }, { timeout: 95 })))
      yield* pass(95)
      assert.strictEqual(dying.peers.length, 10)
      yield* pass("1 minute")
      assert.strictEqual(dying.peers.length, 10)
      assert.isTrue(dying.peers.every((peer) => peer.closed))
    }).pipe(Effect.provide(MemoryTransport.layer)))
})

describe("where GO_AWAY comes from", () => {
  it.effect("an answer to the probe of a silent connection", () =>
    Effect.gen(function*() {
      const first = yield* refusing(1, ({ command }) => command.code === RequestCode.HEART_BEAT)
      const second = yield* serving(2)
      yield* inTurn([first.address, second.address])
      const c = yield* client({ idleTimeout: "1 hour" })
      // An address with a registration is worth a probe.
      yield* c.onValidate(() => Effect.void)
      const events = yield* recordEvents(c)
      yield* c.invoke(balanced, { code: echoCode })
      yield* pass("35 seconds")
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

  it.effect("a registration on the fresh connection: the next hop, and no request meets that connection", () =>
    Effect.gen(function*() {
      const first = yield* refusing(1)
      const second = yield* serving(2)
      yield* inTurn([first.address, first.address, second.address])
      const c = yield* client()
      yield* c.onValidate((channel) => channel.invoke({ code: RequestCode.HEART_BEAT }))
      const fiber = yield* start(c.invoke(balanced, { code: echoCode }))
      yield* pass(20)
      assert.strictEqual((yield* Fiber.join(fiber)).remark, "2")
      assert.deepStrictEqual(first.received.map(({ command }) => command.code), [
        RequestCode.HEART_BEAT,
        RequestCode.HEART_BEAT
      ])
      yield* settle
      assert.isTrue(first.peers.every((peer) => peer.closed))
      assert.deepInclude(yield* c.stats, { goAways: 2, hops: 2, redials: 0, replays: 0 })
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("a registration that does not mind: that connection is done for all the same", () =>
    Effect.gen(function*() {
      const first = yield* refusing(1, ({ command }) => command.code === RequestCode.HEART_BEAT)
      const second = yield* serving(2)
      yield* inTurn([first.address, second.address])
      const c = yield* client()
      yield* c.onValidate((channel) => Effect.exit(channel.invoke({ code: RequestCode.HEART_BEAT })))
      const fiber = yield* start(c.invoke(balanced, { code: echoCode }))
      yield* pass(10)
      assert.strictEqual((yield* Fiber.join(fiber)).remark, "2")
      assert.deepStrictEqual(first.received.map(({ command }) => command.code), [RequestCode.HEART_BEAT])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("a registration, all the time: callers get GoAway, NotSent, for nothing of theirs is ever written", () =>
    Effect.gen(function*() {
      const dying = yield* refusing(1)
      const c = yield* client()
      yield* c.onValidate((channel) => channel.invoke({ code: RequestCode.HEART_BEAT }))
      const fiber = yield* start(Effect.flip(c.invoke(dying.address, { code: echoCode }, { timeout: 500 })))
      yield* pass(500)
      const error = yield* Fiber.join(fiber)
      assert.deepStrictEqual([error.reason._tag, error.outcome], ["GoAway", "NotSent"])
      assert.deepInclude(yield* c.stats, { notSent: 1, notProcessed: 0, replays: 0 })
      assert.deepStrictEqual(
        new Set(dying.received.map(({ command }) => command.code)),
        new Set([RequestCode.HEART_BEAT])
      )
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("what one side asks the other from a handler", () =>
    Effect.gen(function*() {
      const first = yield* refusing(1, ({ command }) => !command.isResponse && command.code === 1)
      const second = yield* serving(2)
      yield* inTurn([first.address, second.address])
      const c = yield* client()
      yield* c.handle(220, (_, peer) => Effect.as(Effect.exit(peer.invoke({ code: 1 })), { remark: "asked" }))
      yield* c.invoke(balanced, { code: echoCode })
      first.peers[0].ask({ code: 220 })
      yield* settle
      const fiber = yield* start(c.invoke(balanced, { code: echoCode }))
      yield* pass(10)
      assert.strictEqual((yield* Fiber.join(fiber)).remark, "2")
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("a broker behind a healthy proxy that relays it: treated alike", () =>
    Effect.gen(function*() {
      let brokerDrains = true
      const proxy = yield* refusing(1, ({ command }) => brokerDrains && command.code === echoCode)
      const c = yield* client()
      const other = yield* start(c.invoke(proxy.address, { code: readCode }))
      yield* Fiber.join(other)
      const fiber = yield* start(c.invoke(proxy.address, { code: echoCode }))
      yield* pass(20)
      assert.isUndefined(fiber.pollUnsafe())
      brokerDrains = false
      yield* pass(10)
      assert.strictEqual((yield* Fiber.join(fiber)).remark, "1")
      assert.deepInclude(yield* c.stats, { swaps: 3, notProcessed: 0, unknown: 0 })
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("twice for one request: the second is dropped", () =>
    Effect.gen(function*() {
      const first = yield* scripted(1)
      const second = yield* serving(2)
      yield* inTurn([first.address, second.address])
      const c = yield* client()
      const fiber = yield* start(c.invoke(balanced, { code: echoCode }))
      first.peers[0].goAway(first.received[0].command)
      first.peers[0].goAway(first.received[0].command)
      yield* pass(10)
      assert.strictEqual((yield* Fiber.join(fiber)).remark, "2")
      assert.deepInclude(yield* c.stats, { goAways: 1, dropped: 1, replays: 1 })
    }).pipe(Effect.provide(MemoryTransport.layer)))
})

describe("policies", () => {
  it.effect("may refuse to replay a code; the connection is retired all the same", () =>
    Effect.gen(function*() {
      const [first, second] = [yield* refusing(1), yield* serving(2)]
      yield* inTurn([first.address, second.address])
      const c = yield* client({}, { ...steady, replay: (code) => code !== RequestCode.POP_MESSAGE })
      const popped = yield* Effect.flip(c.invoke(balanced, { code: RequestCode.POP_MESSAGE }))
      assert(popped.reason._tag === "GoAway")
      assert.deepStrictEqual([popped.outcome, popped.reason.hops], ["NotProcessed", 1])
      const sent = yield* start(c.invoke(balanced, { code: echoCode }))
      yield* pass(10)
      assert.strictEqual((yield* Fiber.join(sent)).remark, "2")
      assert.strictEqual(first.received.length, 1)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("may switch it off: the caller gets GoAway, and the connection stays", () =>
    Effect.gen(function*() {
      const server = yield* refusing(1, ({ command }) => command.code === echoCode)
      const c = yield* client({}, { ...steady, goAwayEnabled: false })
      const events = yield* recordEvents(c)
      const error = yield* Effect.flip(c.invoke(server.address, { code: echoCode }))
      assert.deepStrictEqual([error.reason._tag, error.outcome], ["GoAway", "NotProcessed"])
      assert.strictEqual((yield* c.invoke(server.address, { code: readCode })).remark, "1")
      assert.strictEqual(server.peers.length, 1)
      yield* settle
      assert.deepStrictEqual(brief(events), ["Connect 1", "Active 1"])
      assert.deepInclude(yield* c.stats, { goAways: 1, swaps: 0, notProcessed: 1 })
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("leave re-dialling on when it is switched off", () =>
    Effect.gen(function*() {
      const server = yield* serving(1)
      const c = yield* client({}, { ...steady, goAwayEnabled: false })
      yield* c.invoke(server.address, { code: echoCode })
      server.peers[0].end()
      yield* settle
      const fiber = yield* start(c.invoke(server.address, { code: echoCode }))
      yield* pass(100)
      assert.strictEqual((yield* Fiber.join(fiber)).remark, "1")
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("treat GO_AWAY to a registration as any other failure of it when switched off", () =>
    Effect.gen(function*() {
      const server = yield* refusing(1)
      const c = yield* client({}, { ...steady, goAwayEnabled: false })
      yield* c.onValidate((channel) => channel.invoke({ code: RequestCode.HEART_BEAT }))
      const fiber = yield* start(Effect.flip(c.invoke(server.address, { code: echoCode }, { timeout: 500 })))
      yield* pass(500)
      const error = yield* Fiber.join(fiber)
      assert.deepStrictEqual([error.reason._tag, error.outcome], ["RegistrationFailed", "NotSent"])
      // At once, then after 100 and 200 ms.
      assert.strictEqual(server.peers.length, 3)
    }).pipe(Effect.provide(MemoryTransport.layer)))
})

describe("the version gate", () => {
  it.effect("5.3.1 and older are served until the sockets close", () =>
    Effect.gen(function*() {
      const server = yield* echoServer(1, { shutdownWaitTime: "10 seconds" })
      const old = yield* client({ version: MqVersion.V5_3_1 })
      const young = yield* client({ version: MqVersion.V5_3_1 + 1 })
      yield* old.invoke(server.address, { code: echoCode })
      yield* start(server.drain)
      assert.strictEqual((yield* old.invoke(server.address, { code: echoCode })).code, 0)
      const error = yield* Effect.flip(young.invoke(server.address, { code: echoCode }, { goAwayHops: 0 }))
      assert.strictEqual(error.reason._tag, "GoAway")
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("is passed by the default version", () =>
    Effect.gen(function*() {
      const server = yield* scripted(1, { command: ({ command, peer }) => peer.answer(command) })
      const c = yield* client()
      yield* c.invoke(server.address, { code: echoCode })
      assert.isAtLeast(server.received[0].command.version, 476)
    }).pipe(Effect.provide(MemoryTransport.layer)))
})
