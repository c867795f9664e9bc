import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Scheduler from "effect/Scheduler"
import * as MemoryTransport from "../../../src/remoting/MemoryTransport.ts"
import { pass, start } from "../../remoting/support.ts"
import type { Behaviour } from "./support.ts"
import { acknowledgement, reasonOf, silence, single } from "./support.ts"

const message = (body: string) => ({ topic: "topic", body })

/** Answers each message so many milliseconds after it came. */
const after = (millis: number): Behaviour => (send, index) =>
  Effect.delay(Effect.succeed(acknowledgement(send, 1, index + 1)), millis)

const bodies = (sends: ReadonlyArray<{ readonly body: Uint8Array }>) =>
  sends.map(({ body }) => Buffer.from(body).toString())

describe("messages in flight", () => {
  it.effect("are at most so many; the others wait, and go in their order", () =>
    Effect.gen(function*() {
      const { a, producer } = yield* single({ maxInFlight: 2 }, after(100))
      const fibers = yield* Effect.forEach(["1", "2", "3", "4", "5"], (body) => start(producer.send(message(body))))
      assert.deepStrictEqual(bodies(a.sends), ["1", "2"])
      const stats = yield* producer.stats
      assert.strictEqual(stats.inFlight, 2)
      assert.strictEqual(stats.waiting, 3)
      yield* pass("100 millis")
      assert.deepStrictEqual(bodies(a.sends), ["1", "2", "3", "4"])
      yield* pass("200 millis")
      for (const fiber of fibers) yield* Fiber.join(fiber)
      assert.deepStrictEqual(bodies(a.sends), ["1", "2", "3", "4", "5"])
      assert.strictEqual((yield* producer.stats).waiting, 0)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("hold at most so many bytes", () =>
    Effect.gen(function*() {
      const { a, producer } = yield* single({ maxInFlightBytes: 10 }, after(100))
      const fibers = yield* Effect.forEach(["aaaa", "bbbb", "cccc", "d"], (body) => start(producer.send(message(body))))
      // The small one does not overtake.
      assert.deepStrictEqual(bodies(a.sends), ["aaaa", "bbbb"])
      assert.strictEqual((yield* producer.stats).inFlightBytes, 8)
      yield* pass("200 millis")
      for (const fiber of fibers) yield* Fiber.join(fiber)
      assert.strictEqual((yield* producer.stats).inFlightBytes, 0)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("may be one that alone is over the bound", () =>
    Effect.gen(function*() {
      const { a, producer } = yield* single({ maxInFlightBytes: 4 }, after(100))
      const fibers = yield* Effect.forEach(["x", "too large", "y"], (body) => start(producer.send(message(body))))
      assert.deepStrictEqual(bodies(a.sends), ["x"])
      yield* pass("100 millis")
      assert.deepStrictEqual(bodies(a.sends), ["x", "too large"])
      yield* pass("200 millis")
      for (const fiber of fibers) yield* Fiber.join(fiber)
      assert.deepStrictEqual(bodies(a.sends), ["x", "too large", "y"])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("are counted compressed", () =>
    Effect.gen(function*() {
      const { producer } = yield* single({}, after(100))
      const fiber = yield* start(producer.send(message("a".repeat(100_000))))
      assert.isBelow((yield* producer.stats).inFlightBytes, 1_000)
      yield* pass("100 millis")
      yield* Fiber.join(fiber)
    }).pipe(Effect.provide(MemoryTransport.layer)))
})

describe("a message that waits", () => {
  it.effect("fails with TooManyMessages at its deadline, and tells which bound it was", () =>
    Effect.gen(function*() {
      const { a, producer } = yield* single({ maxInFlight: 1 }, () => silence)
      const blocking = yield* start(Effect.exit(producer.send(message("x"), { timeout: "10 seconds" })))
      const short = yield* start(reasonOf(producer.send(message("y"), { timeout: "1 second" })))
      const long = yield* start(reasonOf(producer.send(message("z"))))
      yield* pass("999 millis")
      assert.isUndefined(short.pollUnsafe())
      yield* pass("1 millis")
      const reason = yield* Fiber.join(short)
      assert(reason._tag === "TooManyMessages")
      assert.strictEqual(reason.kind, "messages")
      assert.strictEqual(reason.limit, 1)
      assert.strictEqual(reason.outcome, "NotSent")
      assert.isUndefined(long.pollUnsafe())
      yield* pass("2 seconds")
      assert.strictEqual((yield* Fiber.join(long))._tag, "TooManyMessages")
      assert.strictEqual(a.sends.length, 1)
      assert.strictEqual((yield* producer.stats).notSent, 2)
      yield* pass("7 seconds")
      yield* Fiber.join(blocking)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("is told of the bytes when they are the bound", () =>
    Effect.gen(function*() {
      const { producer } = yield* single({ maxInFlightBytes: 2 }, () => silence)
      yield* start(Effect.exit(producer.send(message("xx"))))
      const fiber = yield* start(reasonOf(producer.send(message("y"), { timeout: 100 })))
      yield* pass("100 millis")
      const reason = yield* Fiber.join(fiber)
      assert(reason._tag === "TooManyMessages")
      assert.strictEqual(reason.kind, "bytes")
      assert.strictEqual(reason.limit, 2)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("has what is left of its time", () =>
    Effect.gen(function*() {
      const { producer } = yield* single({ maxInFlight: 1 }, (send, index) =>
        index === 0 ? Effect.delay(Effect.succeed(acknowledgement(send, 1, 1)), "2 seconds") : silence)
      yield* start(producer.send(message("x")))
      const fiber = yield* start(reasonOf(producer.send(message("y"))))
      yield* pass("2999 millis")
      assert.isUndefined(fiber.pollUnsafe())
      yield* pass("1 millis")
      const reason = yield* Fiber.join(fiber)
      assert(reason._tag === "SendFailed")
      assert.strictEqual(reason.attempts[0].millis, 1_000)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("makes room for those behind it when it is given up", () =>
    Effect.gen(function*() {
      const { a, producer } = yield* single({ maxInFlightBytes: 10 }, after(100))
      yield* start(producer.send(message("aaaa")))
      const large = yield* start(producer.send(message("bbbbbbbb")))
      const small = yield* start(producer.send(message("c")))
      assert.deepStrictEqual(bodies(a.sends), ["aaaa"])
      yield* Fiber.interrupt(large)
      yield* pass("1 millis")
      assert.deepStrictEqual(bodies(a.sends), ["aaaa", "c"])
      yield* pass("200 millis")
      yield* Fiber.join(small)
      assert.strictEqual((yield* producer.stats).interrupted, 1)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("without any time fails at once", () =>
    Effect.gen(function*() {
      const { producer } = yield* single({ maxInFlight: 1 }, () => silence)
      yield* start(Effect.exit(producer.send(message("x"))))
      const reason = yield* reasonOf(producer.send(message("y"), { timeout: 0 }))
      assert.strictEqual(reason._tag, "TooManyMessages")
    }).pipe(Effect.provide(MemoryTransport.layer)))
})

describe("a message that is given up", () => {
  it.effect("leaves its room to others", () =>
    Effect.gen(function*() {
      const { a, producer } = yield* single({ maxInFlight: 1 }, (_, index) => index === 0 ? silence : undefined)
      const first = yield* start(producer.send(message("x")))
      const second = yield* start(producer.send(message("y")))
      yield* Fiber.interrupt(first)
      yield* pass("1 millis")
      yield* Fiber.join(second)
      assert.deepStrictEqual(bodies(a.sends), ["x", "y"])
      const stats = yield* producer.stats
      assert.strictEqual(stats.interrupted, 1)
      assert.strictEqual(stats.inFlight, 0)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("while it goes from broker to broker leaves nothing in flight", () =>
    Effect.gen(function*() {
      const { producer, remoting } = yield* single(
        {},
        (_, index) => index === 0 ? Effect.succeed({ code: 2 }) : silence
      )
      const fiber = yield* start(producer.send(message("x")))
      yield* pass("100 millis")
      yield* Fiber.interrupt(fiber)
      const stats = yield* producer.stats
      assert.strictEqual(stats.interrupted, 1)
      assert.strictEqual(stats.inFlight, 0)
      assert.strictEqual((yield* remoting.stats).inFlight, 0)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("leaves nothing in flight, however far it has come", () =>
    Effect.gen(function*() {
      const { producer } = yield* single({})
      // Its fiber gives way at each step, and of a topic that nobody has asked for the route is not known.
      const send = (topic: string) =>
        Effect.provideService(producer.send({ topic, body: "x" }), Scheduler.MaxOpsBeforeYield, 3)
      const counts: Array<number> = []
      for (let steps = 0; steps < 40; steps++) {
        const fiber = yield* Effect.forkChild(send(`topic-${steps}`), { startImmediately: true })
        for (let left = steps; left > 0; left--) yield* Effect.yieldNow
        yield* Fiber.interrupt(fiber)
        counts.push((yield* producer.stats).inFlight)
      }
      assert.deepStrictEqual(counts, counts.map(() => 0))
      assert.isAbove((yield* producer.stats).interrupted, 0)
    }).pipe(Effect.provide(MemoryTransport.layer)))
})
