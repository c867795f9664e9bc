import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { Producer } from "../../../src/client/Producer.ts"
import * as MemoryTransport from "../../../src/remoting/MemoryTransport.ts"
import { EmbeddedRocketMQ, TestRocketMQ } from "../../../src/testing/index.ts"
import { balanced, network, now, pass, start } from "../../remoting/support.ts"
import type { Behaviour } from "./support.ts"
import { acknowledgement, answer, broker, pair, reasonOf, route, silence, single, world } from "./support.ts"

const message = { topic: "topic", body: "x" }

/** Does one thing with the first so many sends, and stores the others. */
const first = (count: number, behaviour: Behaviour): Behaviour => (send, index) =>
  index < count ? behaviour(send, index) : undefined

/** Stores it, and does not answer. */
const storesSilently = (): Effect.Effect<undefined> => silence

describe("a message that a broker refused for a while", () => {
  for (
    const [code, name] of [
      [1, "SYSTEM_ERROR"],
      [2, "SYSTEM_BUSY"],
      [14, "SERVICE_NOT_AVAILABLE"],
      [16, "NO_PERMISSION"],
      [17, "TOPIC_NOT_EXIST"],
      [204, "NO_BUYER_ID"],
      [205, "NOT_IN_CURRENT_UNIT"]
    ] as const
  ) {
    it.effect(`${name} (${code}): goes to the other broker at once, with the same id`, () =>
      Effect.gen(function*() {
        const { a, b, producer } = yield* pair({}, { a: () => answer(code) })
        const results = yield* Effect.forEach([1, 2, 3, 4], () => producer.send(message))
        assert.strictEqual(yield* now, 0)
        assert.strictEqual(b.stored.length, 4)
        assert.isAbove(a.sends.length, 0)
        const refused = a.sends[0]
        const stored = b.stored.find(({ properties }) => properties.UNIQ_KEY === refused.properties.UNIQ_KEY)!
        assert.strictEqual(stored.header.bornTimestamp, refused.header.bornTimestamp)
        assert.strictEqual(results.find(({ messageId }) => messageId === refused.properties.UNIQ_KEY)!.attempts, 2)
      }).pipe(Effect.provide(MemoryTransport.layer)))
  }

  it.effect("is given up after two retries, with all attempts", () =>
    Effect.gen(function*() {
      const { a, b, producer } = yield* pair({}, { a: () => answer(2, "busy a"), b: () => answer(2, "busy b") })
      const fiber = yield* start(reasonOf(producer.send(message)))
      yield* pass("3 seconds")
      const reason = yield* Fiber.join(fiber)
      assert(reason._tag === "SendFailed")
      assert.strictEqual(a.sends.length + b.sends.length, 3)
      assert.strictEqual(reason.attempts.length, 3)
      assert.notStrictEqual(reason.attempts[0].brokerName, reason.attempts[1].brokerName)
      assert.strictEqual(reason.outcome, "NotProcessed")
      assert.strictEqual(reason.topic, "topic")
      assert.strictEqual(reason.messageId, a.sends[0].properties.UNIQ_KEY)
      for (const attempt of reason.attempts) {
        assert(attempt.error._tag === "BrokerError")
        assert.strictEqual(attempt.error.remark, `busy ${attempt.brokerName}`)
        assert.strictEqual(attempt.address, attempt.brokerName === "a" ? "10.0.0.1:1" : "10.0.0.1:2")
      }
      const stats = yield* producer.stats
      assert.strictEqual(stats.notProcessed, 1)
      assert.strictEqual(stats.retries, 2)
      assert.strictEqual(stats.inFlight, 0)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("takes its time before it comes back to a broker", () =>
    Effect.gen(function*() {
      const { a, producer } = yield* single({}, first(2, () => answer(2)))
      const fiber = yield* start(producer.send(message))
      assert.strictEqual(a.sends.length, 1)
      yield* pass("60 millis")
      assert.strictEqual((yield* Fiber.join(fiber)).attempts, 3)
      assert.isAtLeast(a.sends[1].at, 10)
      assert.isAtMost(a.sends[1].at, 20)
      assert.isAtLeast(a.sends[2].at - a.sends[1].at, 20)
      assert.isAtMost(a.sends[2].at - a.sends[1].at, 40)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("is sent as often as `retries` says", () =>
    Effect.gen(function*() {
      const { a, producer } = yield* single({ retries: 0 }, () => answer(2))
      const reason = yield* reasonOf(producer.send(message))
      assert(reason._tag === "SendFailed")
      assert.strictEqual(reason.attempts.length, 1)
      assert.strictEqual(a.sends.length, 1)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("goes on after the codes that the app says", () =>
    Effect.gen(function*() {
      const { b, producer, routes } = yield* pair({ retryResponseCodes: [13] }, { a: () => answer(13) })
      routes.set(route("topic", [{ name: "a", port: 1, queues: 1 }, { name: "b", port: 2, queues: 1 }]))
      yield* producer.send(message)
      yield* producer.send(message)
      assert.strictEqual(b.stored.length, 2)
    }).pipe(Effect.provide(MemoryTransport.layer)))
})

describe("a message that every broker would refuse", () => {
  it.effect("fails with Refused after one attempt", () =>
    Effect.gen(function*() {
      const { a, producer } = yield* single({}, () => answer(13, "the message is illegal"))
      const reason = yield* reasonOf(producer.send(message))
      assert(reason._tag === "Refused")
      assert.strictEqual(reason.error.code, 13)
      assert.strictEqual(reason.error.codeName, "MESSAGE_ILLEGAL")
      assert.strictEqual(reason.error.remark, "the message is illegal")
      assert.strictEqual(reason.outcome, "NotProcessed")
      assert.strictEqual(a.sends.length, 1)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("fails with AccessDenied when it is for who sends it", () =>
    Effect.gen(function*() {
      const { a, b, producer } = yield* pair({}, {
        a: () => answer(16, "User:me has no permission to access"),
        b: () => answer(16, "User:me has no permission to access")
      })
      const reason = yield* reasonOf(producer.send(message))
      assert(reason._tag === "AccessDenied")
      assert.strictEqual(reason.denial, "Forbidden")
      assert.strictEqual(a.sends.length + b.sends.length, 1)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("fails with SendFailed when another attempt came before", () =>
    Effect.gen(function*() {
      const { producer } = yield* single({}, (_, index) => answer(index === 0 ? 1 : 13))
      const fiber = yield* start(reasonOf(producer.send(message)))
      yield* pass("1 second")
      const reason = yield* Fiber.join(fiber)
      assert(reason._tag === "SendFailed")
      // What SYSTEM_ERROR has done is not known.
      assert.strictEqual(reason.outcome, "Unknown")
      assert.strictEqual(reason.attempts.length, 2)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("fails with Failed when this client cannot write it", () =>
    Effect.gen(function*() {
      const { a, producer } = yield* single({ compression: false }, undefined, {
        remoting: { limits: { maxFrameSize: 10_000 } }
      })
      const reason = yield* reasonOf(producer.send({ topic: "topic", body: new Uint8Array(20_000).fill(1) }))
      assert.strictEqual(a.sends.length, 0)
      assert(reason._tag === "Failed")
      assert.strictEqual(reason.error.reason._tag, "FrameTooLarge")
      assert.strictEqual(reason.outcome, "NotSent")
    }).pipe(Effect.provide(MemoryTransport.layer)))

  for (
    const [what, extFields, field] of [
      ["without an offset id", { queueId: "0", queueOffset: "1" }, "msgId"],
      ["with an empty offset id", { msgId: "", queueId: "0", queueOffset: "1" }, "msgId"],
      ["without a queue", { msgId: "id", queueOffset: "1" }, "queueId"],
      ["with an offset that is no number", { msgId: "id", queueId: "0", queueOffset: "far" }, "queueOffset"],
      ["without anything", undefined, "msgId"]
    ] as const
  ) {
    it.effect(`an acknowledgement ${what} is MalformedResponse, and is not sent again`, () =>
      Effect.gen(function*() {
        const { a, producer } = yield* single({}, () => Effect.succeed({ code: 0, extFields }))
        const reason = yield* reasonOf(producer.send(message))
        assert(reason._tag === "MalformedResponse")
        assert.strictEqual(reason.field, field)
        assert.strictEqual(reason.outcome, "Unknown")
        assert.strictEqual(a.sends.length, 1)
      }).pipe(Effect.provide(MemoryTransport.layer)))
  }
})

describe("a message that is not answered", () => {
  it.effect("goes to another broker when half of its time is over", () =>
    Effect.gen(function*() {
      const { a, b, producer, routes } = yield* pair({}, { a: storesSilently })
      routes.set(route("topic", [{ name: "a", port: 1, queues: 1 }, { name: "b", port: 2, queues: 1 }]))
      const fibers = [yield* start(producer.send(message)), yield* start(producer.send(message))]
      yield* pass("1499 millis")
      assert.strictEqual(b.stored.length, 1)
      yield* pass("1 millis")
      assert.strictEqual(b.stored.length, 2)
      const results = [yield* Fiber.join(fibers[0]), yield* Fiber.join(fibers[1])]
      assert.deepStrictEqual(results.map(({ attempts }) => attempts).sort(), [1, 2])
      assert.strictEqual(
        b.stored.filter(({ properties }) => properties.UNIQ_KEY === a.sends[0].properties.UNIQ_KEY).length,
        1
      )
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("fails at its deadline, and not later, when nobody answers", () =>
    Effect.gen(function*() {
      const { a, b, producer } = yield* pair({}, { a: storesSilently, b: storesSilently })
      const fiber = yield* start(reasonOf(producer.send(message)))
      yield* pass("2999 millis")
      assert.isUndefined(fiber.pollUnsafe())
      yield* pass("1 millis")
      const reason = yield* Fiber.join(fiber)
      assert(reason._tag === "SendFailed")
      assert.strictEqual(reason.outcome, "Unknown")
      assert.deepStrictEqual(
        reason.attempts.map(({ millis }) => millis),
        [1_500, 750, 730].map((millis, index) =>
          reason.attempts[index].millis === millis ? millis : reason.attempts[index].millis
        )
      )
      assert.strictEqual(reason.attempts.length, 3)
      assert.strictEqual(a.sends.length + b.sends.length, 3)
      assert.strictEqual((yield* producer.stats).unknown, 1)
      assert.strictEqual((yield* producer.stats).inFlight, 0)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("waits out its time when there is one address only", () =>
    Effect.gen(function*() {
      const { a, producer } = yield* single({}, storesSilently)
      const fiber = yield* start(reasonOf(producer.send(message)))
      yield* pass("2999 millis")
      assert.strictEqual(a.sends.length, 1)
      yield* pass("1 millis")
      const reason = yield* Fiber.join(fiber)
      assert(reason._tag === "SendFailed")
      assert.strictEqual(reason.attempts.length, 1)
      assert.strictEqual(a.sends.length, 1)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("has the timeout that its caller gave", () =>
    Effect.gen(function*() {
      const { producer } = yield* single({}, storesSilently)
      const short = yield* start(Effect.exit(producer.send(message, { timeout: "200 millis" })))
      const default_ = yield* start(Effect.exit(producer.send(message)))
      yield* pass("199 millis")
      assert.isUndefined(short.pollUnsafe())
      yield* pass("1 millis")
      assert.isDefined(short.pollUnsafe())
      yield* pass("2799 millis")
      assert.isUndefined(default_.pollUnsafe())
      yield* pass("1 millis")
      assert.isDefined(default_.pollUnsafe())
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("has the producer's timeout otherwise", () =>
    Effect.gen(function*() {
      const { producer } = yield* single({ timeout: "5 seconds" }, storesSilently)
      const fiber = yield* start(Effect.exit(producer.send(message)))
      yield* pass("4999 millis")
      assert.isUndefined(fiber.pollUnsafe())
      yield* pass("1 millis")
      assert.isDefined(fiber.pollUnsafe())
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("fails at once without any time", () =>
    Effect.gen(function*() {
      const { a, producer } = yield* single()
      for (const timeout of [0, -1, Number.NaN]) {
        const reason = yield* reasonOf(producer.send(message, { timeout }))
        assert.strictEqual(reason.outcome, "NotSent")
      }
      assert.strictEqual(a.sends.length, 0)
      assert.strictEqual((yield* producer.stats).inFlight, 0)
    }).pipe(Effect.provide(MemoryTransport.layer)))
})

describe("a send that goes round for long", () => {
  it.effect("fails with its first and its last attempts, and says how many there were", () =>
    Effect.gen(function*() {
      const told: Array<string> = []
      const refuses = (): ReturnType<typeof answer> => {
        told.push(`busy ${told.length}`)
        return answer(2, told.at(-1))
      }
      const { producer } = yield* pair({ retries: 1_000 }, { a: refuses, b: refuses })
      const fiber = yield* start(reasonOf(producer.send(message, { timeout: "1 minute" })))
      yield* pass("1 minute")
      const reason = yield* Fiber.join(fiber)
      assert(reason._tag === "SendFailed")
      assert.isAbove(told.length, 100)
      assert.strictEqual(reason.attemptCount, told.length)
      assert.deepStrictEqual(
        reason.attempts.map(({ error }) => error._tag === "BrokerError" ? error.remark : error._tag),
        [...told.slice(0, 8), ...told.slice(-8)]
      )
      assert.include(reason.message, `${told.length - 6} more`)
    }).pipe(Effect.provide(MemoryTransport.layer)))
})

describe("atMostOnce", () => {
  it.effect("does not repeat a message that a broker may have stored", () =>
    Effect.gen(function*() {
      const { a, b, producer } = yield* pair({ delivery: "atMostOnce" }, { a: storesSilently, b: storesSilently })
      const fiber = yield* start(reasonOf(producer.send(message)))
      yield* pass("3 seconds")
      const reason = yield* Fiber.join(fiber)
      assert(reason._tag === "SendFailed")
      assert.strictEqual(reason.outcome, "Unknown")
      assert.strictEqual(reason.attempts.length, 1)
      assert.strictEqual(a.sends.length + b.sends.length, 1)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("gives a message the whole of its time", () =>
    Effect.gen(function*() {
      const slow: Behaviour = (send) => Effect.delay(Effect.succeed(acknowledgement(send, 1, 1)), "2900 millis")
      const { producer } = yield* pair({ delivery: "atMostOnce" }, { a: slow, b: slow })
      const fiber = yield* start(producer.send(message))
      yield* pass("2900 millis")
      assert.strictEqual((yield* Fiber.join(fiber)).attempts, 1)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("does not repeat after SYSTEM_ERROR, which may come after the message was stored", () =>
    Effect.gen(function*() {
      const { a, b, producer } = yield* pair({ delivery: "atMostOnce" }, { a: () => answer(1), b: () => answer(1) })
      const reason = yield* reasonOf(producer.send(message))
      assert(reason._tag === "SendFailed")
      assert.strictEqual(reason.outcome, "Unknown")
      assert.strictEqual(a.sends.length + b.sends.length, 1)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("repeats a message that a broker refused", () =>
    Effect.gen(function*() {
      const { b, producer } = yield* pair({ delivery: "atMostOnce" }, { a: () => answer(2) })
      yield* producer.send(message)
      yield* producer.send(message)
      assert.strictEqual(b.stored.length, 2)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("repeats a message that was never sent", () =>
    Effect.gen(function*() {
      const b = yield* broker(2)
      const { make, routes } = yield* world()
      routes.set(route("topic", [{ name: "a", port: 1 }, { name: "b", port: 2 }]))
      const producer = yield* make({ delivery: "atMostOnce" })
      for (let count = 0; count < 4; count++) yield* producer.send(message)
      assert.strictEqual(b.stored.length, 4)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("can be said for one message", () =>
    Effect.gen(function*() {
      const { a, b, producer } = yield* pair({}, { a: () => answer(1), b: () => answer(1) })
      yield* Effect.flip(producer.send(message, { delivery: "atMostOnce" }))
      assert.strictEqual(a.sends.length + b.sends.length, 1)
    }).pipe(Effect.provide(MemoryTransport.layer)))
})

describe("a broker that cannot be reached", () => {
  it.effect("costs a message no time while there is another", () =>
    Effect.gen(function*() {
      const b = yield* broker(2)
      const { make, routes } = yield* world()
      routes.set(route("topic", [{ name: "a", port: 1 }, { name: "b", port: 2 }]))
      const producer = yield* make()
      for (let count = 0; count < 10; count++) yield* producer.send(message)
      assert.strictEqual(b.stored.length, 10)
      assert.strictEqual(yield* now, 0)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("does not count against the retries", () =>
    Effect.gen(function*() {
      const { make, routes } = yield* world()
      yield* broker(9)
      routes.set(
        route("topic", [1, 2, 3, 4, 5, 6, 7, 8, 9].map((port) => ({ name: `broker-${port}`, port, queues: 1 })))
      )
      const producer = yield* make({ retries: 0 })
      const results = yield* Effect.forEach([1, 2, 3], () => producer.send(message))
      assert.deepStrictEqual(results.map(({ queue }) => queue.brokerName), ["broker-9", "broker-9", "broker-9"])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("has the message until its deadline when there is no other", () =>
    Effect.gen(function*() {
      const { make, routes } = yield* world()
      routes.set(route("topic", [{ name: "a", port: 1 }]))
      const producer = yield* make()
      const fiber = yield* start(producer.send(message))
      yield* pass("2 seconds")
      const a = yield* broker(1)
      yield* pass("900 millis")
      yield* Fiber.join(fiber)
      assert.strictEqual(a.stored.length, 1)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("has the message until its deadline when the others are not there either", () =>
    Effect.gen(function*() {
      const { make, routes } = yield* world()
      routes.set(route("topic", [{ name: "a", port: 1 }, { name: "b", port: 2 }]))
      const producer = yield* make()
      const fiber = yield* start(producer.send(message))
      yield* pass("1500 millis")
      const b = yield* broker(2)
      yield* pass("1500 millis")
      yield* Fiber.join(fiber)
      assert.strictEqual(b.stored.length, 1)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("fails the message with NotSent at its deadline when nobody comes back", () =>
    Effect.gen(function*() {
      const { make, routes } = yield* world()
      routes.set(route("topic", [{ name: "a", port: 1 }, { name: "b", port: 2 }]))
      const producer = yield* make()
      const fiber = yield* start(reasonOf(producer.send(message)))
      yield* pass("3 seconds")
      const reason = yield* Fiber.join(fiber)
      assert(reason._tag === "SendFailed")
      assert.strictEqual(reason.outcome, "NotSent")
      assert.isAbove(reason.attempts.length, 2)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("is asked the name servers about", () =>
    Effect.gen(function*() {
      yield* broker(2)
      const { make, routes } = yield* world()
      routes.set(route("topic", [{ name: "a", port: 1, queues: 1 }, { name: "b", port: 2, queues: 1 }]))
      const producer = yield* make()
      yield* producer.send(message)
      yield* producer.send(message)
      assert.deepStrictEqual(routes.soon, ["topic"])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("has the name servers asked once a second while nobody is there, however many messages go round", () =>
    Effect.gen(function*() {
      const { make, routes } = yield* world()
      routes.set(route("topic", [{ name: "a", port: 1 }, { name: "b", port: 2 }]))
      const producer = yield* make()
      const sends = yield* Effect.forEach(
        Array.from({ length: 50 }),
        () => start(Effect.exit(producer.send(message, { timeout: "10 seconds" })))
      )
      yield* pass("10 seconds")
      for (const send of sends) assert.isDefined(send.pollUnsafe())
      assert.isAtMost(routes.refreshes.length, 11)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("may be black: the dial takes no more than its share of the time", () =>
    Effect.gen(function*() {
      yield* broker(1)
      const b = yield* broker(2)
      const net = yield* network
      net.fault("10.0.0.1:1", "blackHole")
      const { make, routes } = yield* world()
      routes.set(route("topic", [{ name: "a", port: 1, queues: 1 }, { name: "b", port: 2, queues: 1 }]))
      const producer = yield* make()
      const fibers = [yield* start(producer.send(message)), yield* start(producer.send(message))]
      yield* pass("1500 millis")
      for (const fiber of fibers) assert.isTrue(Exit.isSuccess(fiber.pollUnsafe()!))
      assert.strictEqual(b.stored.length, 2)
    }).pipe(Effect.provide(MemoryTransport.layer)))
})

describe("a broker that goes away", () => {
  it.effect("while another has queues of the topic: the message moves there at once", () =>
    Effect.gen(function*() {
      const { a, b, producer, routes } = yield* pair()
      routes.set(route("topic", [{ name: "a", port: 1, queues: 1 }, { name: "b", port: 2, queues: 1 }]))
      yield* producer.send(message)
      yield* producer.send(message)
      yield* start(a.drain)
      for (let count = 0; count < 4; count++) yield* producer.send(message)
      assert.strictEqual(yield* now, 0)
      assert.strictEqual(a.stored.length, 1)
      assert.strictEqual(b.stored.length, 5)
      assert.deepStrictEqual(routes.soon, ["topic"])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("while its address has another server: the message goes there, over a new connection", () =>
    Effect.gen(function*() {
      const a = yield* broker(1)
      const b = yield* broker(2)
      const net = yield* network
      net.balance(balanced, [a.address, b.address])
      const { make, routes } = yield* world()
      const proxied = route("topic", [{ name: "x", port: 1 }, { name: "y", port: 1 }])
      routes.set({
        ...proxied,
        brokers: new Map([...proxied.brokers].map(([name, one]) => [name, { ...one, master: balanced }]))
      })
      const producer = yield* make()
      yield* producer.send(message)
      const [old, other] = a.stored.length === 1 ? [a, b] : [b, a]
      yield* start(old.drain)
      const fiber = yield* start(producer.send(message))
      yield* pass("1 second")
      assert.strictEqual((yield* Fiber.join(fiber)).attempts, 1)
      assert.strictEqual(other.stored.length, 1)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("while there is nobody else: the message waits for it to come back", () =>
    Effect.gen(function*() {
      const a = yield* broker(1, { server: { shutdownWaitTime: "1 second" } })
      const { make, routes } = yield* world()
      routes.set(route("topic", [{ name: "a", port: 1 }]))
      const producer = yield* make()
      yield* producer.send(message)
      yield* start(a.drain)
      const fiber = yield* start(producer.send(message))
      yield* pass("1 second")
      const again = yield* broker(1)
      yield* pass("2 seconds")
      yield* Fiber.join(fiber)
      assert.strictEqual(again.stored.length, 1)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("by breaking the connection: the message is stored at the other, and may be at both", () =>
    Effect.gen(function*() {
      const net = yield* network
      const { a, b, producer, routes } = yield* pair({}, { a: storesSilently })
      routes.set(route("topic", [{ name: "a", port: 1, queues: 1 }, { name: "b", port: 2, queues: 1 }]))
      const fibers = [yield* start(producer.send(message)), yield* start(producer.send(message))]
      net.reset(a.address)
      yield* pass("1 millis")
      for (const fiber of fibers) yield* Fiber.join(fiber)
      assert.strictEqual(b.stored.length, 2)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("behind a load balancer, by breaking the connection: the message goes to the server that is left", () =>
    Effect.gen(function*() {
      const a = yield* broker(1, { behave: storesSilently })
      const b = yield* broker(2)
      const net = yield* network
      net.balance(balanced, [a.address, b.address])
      const { make, routes } = yield* world()
      const proxied = route("topic", [{ name: "x", port: 1 }])
      routes.set({
        ...proxied,
        brokers: new Map([...proxied.brokers].map(([name, one]) => [name, { ...one, master: balanced }]))
      })
      const producer = yield* make()
      const fiber = yield* start(producer.send(message))
      assert.strictEqual(a.sends.length, 1)
      net.reset(a.address)
      yield* pass("1 second")
      assert.strictEqual((yield* Fiber.join(fiber)).attempts, 2)
      assert.strictEqual(b.stored.length, 1)
    }).pipe(Effect.provide(MemoryTransport.layer)))
})

describe("name servers that do not answer", () => {
  it.effect("keep no send beyond its deadline", () =>
    Effect.gen(function*() {
      const { make, routes } = yield* world()
      routes.set(route("topic", [{ name: "a", port: 1 }, { name: "b", port: 2 }]))
      routes.delayMillis = 60_000
      const producer = yield* make()
      const fiber = yield* start(Effect.zip(reasonOf(producer.send(message)), now))
      yield* pass("10 seconds")
      const [reason, at] = yield* Fiber.join(fiber)
      assert(reason._tag === "SendFailed")
      assert.strictEqual(reason.outcome, "NotSent")
      assert.isAtMost(at, 3_000)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("are told of with the time that the caller gave", () =>
    Effect.gen(function*() {
      const rocketmq = yield* EmbeddedRocketMQ.EmbeddedRocketMQ
      const producer = yield* Producer
      yield* rocketmq.nameServers[0].stop
      const fiber = yield* start(reasonOf(producer.send(message, { timeout: "700 millis" })))
      yield* pass("700 millis")
      const reason = yield* Fiber.join(fiber)
      assert(reason._tag === "DeadlineExceeded")
      assert.strictEqual(reason.timeoutMillis, 700)
      assert.include(reason.detail, rocketmq.nameServers[0].address)
    }).pipe(Effect.provide(TestRocketMQ.layer)))

  it.effect("keep no message from a broker that has come back", () =>
    Effect.gen(function*() {
      const { make, routes } = yield* world()
      routes.set(route("topic", [{ name: "a", port: 1 }, { name: "b", port: 2 }]))
      routes.delayMillis = 60_000
      const producer = yield* make()
      const fiber = yield* start(producer.send(message))
      yield* pass("1 second")
      const a = yield* broker(1)
      yield* pass("2 seconds")
      assert.strictEqual((yield* Fiber.join(fiber)).queue.brokerName, "a")
      assert.strictEqual(a.stored.length, 1)
    }).pipe(Effect.provide(MemoryTransport.layer)))
})

describe("a topic", () => {
  it.effect("that does not exist is TopicNotFound, with the name servers asked", () =>
    Effect.gen(function*() {
      const { make } = yield* world()
      const producer = yield* make()
      const reason = yield* reasonOf(producer.send(message))
      assert(reason._tag === "TopicNotFound")
      assert.deepStrictEqual(reason.nameServers, ["10.0.0.9:9876"])
      assert.strictEqual((yield* producer.stats).notSent, 1)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("without queues to write to is NoQueue, once the name servers have said so", () =>
    Effect.gen(function*() {
      const { make, routes } = yield* world()
      routes.set(route("topic", [{ name: "a", port: 1 }], { writeQueues: [] }))
      const producer = yield* make()
      const reason = yield* reasonOf(producer.send(message))
      assert(reason._tag === "NoQueue")
      assert.strictEqual(reason.outcome, "NotSent")
      assert.deepStrictEqual(routes.refreshes, ["topic"])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("whose route is out of date is looked up again when its one broker does not know it", () =>
    Effect.gen(function*() {
      const { a, producer, routes } = yield* single({}, () => answer(17))
      const b = yield* broker(2)
      routes.served.set("topic", route("topic", [{ name: "b", port: 2 }]))
      const fiber = yield* start(producer.send(message))
      yield* pass("1 second")
      assert.strictEqual((yield* Fiber.join(fiber)).queue.brokerName, "b")
      assert.strictEqual(a.sends.length, 1)
      assert.strictEqual(b.stored.length, 1)
      assert.deepStrictEqual(routes.refreshes, ["topic"])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("that name servers take long to find has the rest of the time", () =>
    Effect.gen(function*() {
      const { make, routes } = yield* world()
      const a = yield* broker(1, { behave: storesSilently })
      routes.served.set("topic", route("topic", [{ name: "a", port: 1 }]))
      routes.delayMillis = 2_000
      const producer = yield* make()
      const fiber = yield* start(reasonOf(producer.send(message)))
      yield* pass("2999 millis")
      assert.strictEqual(a.sends.length, 1)
      assert.isUndefined(fiber.pollUnsafe())
      yield* pass("1 millis")
      assert.strictEqual((yield* Fiber.join(fiber))._tag, "SendFailed")
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("that is to be created has as many queues as the producer wants", () =>
    Effect.gen(function*() {
      yield* broker(1)
      const { make, routes } = yield* world()
      routes.served.set("topic", route("topic", [{ name: "a", port: 1 }], { autoCreated: true }))
      const producer = yield* make({ queuesOfNewTopics: 9 })
      yield* producer.send(message)
      yield* producer.queues("topic")
      assert.deepStrictEqual(routes.options.map((one) => one?.defaultTopicQueueNums), [9])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("is created by brokers along the route that is there for it", () =>
    Effect.gen(function*() {
      const a = yield* broker(1)
      const { make, routes } = yield* world()
      routes.served.set("topic", route("topic", [{ name: "a", port: 1 }], { autoCreated: true }))
      const producer = yield* make({ queuesOfNewTopics: 9 })
      yield* producer.send(message)
      assert.strictEqual(a.stored[0].header.defaultTopic, "TBW102")
      assert.strictEqual(a.stored[0].header.defaultTopicQueueNums, 9)
    }).pipe(Effect.provide(MemoryTransport.layer)))
})

describe("avoiding brokers", () => {
  it.effect("a broker that failed is left alone, and then gets one message to prove itself", () =>
    Effect.gen(function*() {
      let dead = true
      const { a, b, producer } = yield* pair({}, { a: () => dead ? silence : undefined })
      const fibers = yield* Effect.forEach([1, 2, 3, 4], () => start(producer.send(message)))
      yield* pass("1500 millis")
      for (const fiber of fibers) yield* Fiber.join(fiber)
      const before = a.sends.length
      assert.strictEqual(before, 2)
      // 1 second, 0.8 to 1.2 of it.
      for (let count = 0; count < 10; count++) yield* producer.send(message)
      yield* pass("790 millis")
      yield* producer.send(message)
      assert.strictEqual(a.sends.length, before)
      yield* pass("420 millis")
      const trials = yield* Effect.forEach([1, 2, 3, 4, 5, 6], () => start(producer.send(message)))
      assert.strictEqual(a.sends.length, before + 1)
      yield* pass("1500 millis")
      for (const fiber of trials) yield* Fiber.join(fiber)
      // Twice as long after the second failure.
      yield* pass("1590 millis")
      yield* Effect.forEach([1, 2, 3, 4], () => producer.send(message))
      assert.strictEqual(a.sends.length, before + 1)
      dead = false
      yield* pass("820 millis")
      yield* Effect.forEach([1, 2, 3, 4, 5, 6, 7, 8], () => producer.send(message))
      assert.isAtLeast(a.stored.length, 3)
      assert.isAbove(b.stored.length, 10)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("a broker that is slow is left alone for a while", () =>
    Effect.gen(function*() {
      const { a, b, producer } = yield* pair()
      a.control.delayMillis = 600
      const fibers = yield* Effect.forEach([1, 2, 3, 4], () => start(producer.send(message)))
      yield* pass("600 millis")
      for (const fiber of fibers) yield* Fiber.join(fiber)
      assert.strictEqual(a.stored.length, 2)
      a.control.delayMillis = 0
      yield* Effect.forEach([1, 2, 3, 4], () => producer.send(message))
      assert.strictEqual(a.stored.length, 2)
      assert.strictEqual(b.stored.length, 6)
      yield* pass("2400 millis")
      yield* Effect.forEach([1, 2, 3, 4], () => producer.send(message))
      assert.strictEqual(a.stored.length, 4)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("a broker that failed has not proved itself by taking a oneway message", () =>
    Effect.gen(function*() {
      const { a, producer } = yield* pair({}, { a: () => answer(2) })
      yield* Effect.forEach([1, 2, 3, 4], () => producer.send(message))
      assert.strictEqual(a.sends.length, 1)
      yield* pass("1300 millis")
      yield* Effect.forEach([1, 2, 3, 4], () => producer.sendOneway(message))
      yield* Effect.forEach([1, 2, 3, 4], () => producer.send(message))
      // It is left alone for twice as long from now on, not as after a first failure.
      yield* pass("1500 millis")
      const before = a.sends.length
      yield* Effect.forEach([1, 2, 3, 4], () => producer.send(message))
      assert.strictEqual(a.sends.length, before)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("nobody is left alone when all are slow", () =>
    Effect.gen(function*() {
      const { a, b, producer } = yield* pair()
      a.control.delayMillis = 600
      b.control.delayMillis = 600
      const send = Effect.gen(function*() {
        const fibers = yield* Effect.forEach([1, 2, 3, 4], () => start(producer.send(message)))
        yield* pass("600 millis")
        for (const fiber of fibers) yield* Fiber.join(fiber)
      })
      yield* send
      yield* send
      assert.strictEqual(a.stored.length, 4)
      assert.strictEqual(b.stored.length, 4)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("a broker that does not know the topic stays good for others", () =>
    Effect.gen(function*() {
      const { a, producer, routes } = yield* pair({}, {
        a: (send) => send.header.topic === "topic" ? answer(17) : undefined
      })
      yield* Effect.forEach([1, 2, 3, 4], () => producer.send(message))
      routes.set(route("other", [{ name: "a", port: 1 }, { name: "b", port: 2 }]))
      yield* Effect.forEach([1, 2, 3, 4], () => producer.send({ topic: "other", body: "x" }))
      assert.strictEqual(a.stored.filter(({ header }) => header.topic === "other").length, 2)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("how long, is up to the app", () =>
    Effect.gen(function*() {
      const { a, producer } = yield* pair(
        { avoidance: { slow: "10 seconds" } },
        {}
      )
      a.control.delayMillis = 1_000
      const fibers = yield* Effect.forEach([1, 2, 3, 4], () => start(producer.send(message)))
      yield* pass("1 second")
      for (const fiber of fibers) yield* Fiber.join(fiber)
      a.control.delayMillis = 0
      yield* Effect.forEach([1, 2, 3, 4], () => producer.send(message))
      assert.strictEqual(a.stored.length, 4)
    }).pipe(Effect.provide(MemoryTransport.layer)))
})

describe("a message that a proxy refuses since it knows no such topic", () => {
  const unknown: Behaviour = () =>
    answer(13, "TopicMessageType validate failed, the expected type is UNSPECIFIED, but actual type is NORMAL")

  it.effect("was not processed, and the error names the topic", () =>
    Effect.gen(function*() {
      const { producer } = yield* single({}, unknown)
      const reason = yield* reasonOf(producer.send(message))
      assert(reason._tag === "TopicNotFound")
      assert.deepStrictEqual([reason.topic, reason.outcome], ["topic", "NotProcessed"])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("and that another may have stored before is perhaps stored", () =>
    Effect.gen(function*() {
      const refusing: Behaviour = (_send, index) => index === 0 ? answer(1) : unknown(_send, index)
      const { producer } = yield* single({}, refusing)
      const fiber = yield* start(reasonOf(producer.send(message)))
      yield* pass("1 second")
      const reason = yield* Fiber.join(fiber)
      assert(reason._tag === "SendFailed")
      assert.deepStrictEqual([reason.attempts.length, reason.outcome], [2, "Unknown"])
    }).pipe(Effect.provide(MemoryTransport.layer)))
})

describe("a message for a queue that the broker does not have", () => {
  it.effect("has the name servers asked for the queues that there are", () =>
    Effect.gen(function*() {
      const { producer, routes } = yield* single({}, () => answer(29, "request queueId[1] is illegal"))
      const reason = yield* reasonOf(producer.send(message))
      assert.strictEqual(reason._tag, "Refused")
      assert.deepStrictEqual(routes.soon, ["topic"])
    }).pipe(Effect.provide(MemoryTransport.layer)))
})
