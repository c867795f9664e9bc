import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import type { ClientError } from "../../../src/client/ClientError.ts"
import type * as Producer from "../../../src/client/Producer.ts"
import * as MemoryTransport from "../../../src/remoting/MemoryTransport.ts"
import { pass, start } from "../../remoting/support.ts"
import type { Behaviour } from "./support.ts"
import { acknowledgement, answer, broker, reasonOf, route, silence, world } from "./support.ts"

const message = { topic: "topic", body: "x" }

const after = (millis: number): Behaviour => (send, index) =>
  Effect.delay(Effect.succeed(acknowledgement(send, 1, index + 1)), millis)

/** A producer in a scope that the test closes; the client and the broker outlive it. */
const closable = (behave: Behaviour | undefined, options?: Partial<Producer.ProducerOptions>) =>
  Effect.gen(function*() {
    const a = yield* broker(1, { behave })
    const w = yield* world()
    w.routes.set(route("topic", [{ name: "a", port: 1 }]))
    const scope = yield* Scope.make()
    const producer = yield* Scope.provide(w.make({ drainTimeout: "5 seconds", ...options }), scope)
    return { ...w, a, producer, close: Scope.close(scope, Exit.void) }
  })

describe("closing the scope of a producer", () => {
  it.effect("takes nothing in any more", () =>
    Effect.gen(function*() {
      const { a, close, producer } = yield* closable(undefined)
      yield* close
      const effects: ReadonlyArray<Effect.Effect<unknown, ClientError>> = [
        producer.send(message),
        producer.sendOneway(message),
        producer.sendBatch([message]),
        producer.sendInTransaction(message, () => Effect.succeed("Commit")),
        producer.request(message),
        producer.recall("topic", "handle")
      ]
      for (const effect of effects) {
        const reason = yield* reasonOf(effect)
        assert.strictEqual(reason._tag, "ShuttingDown")
        assert.strictEqual(reason.outcome, "NotSent")
      }
      assert.strictEqual(a.sends.length, 0)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("registers the group before, and takes it back at the end", () =>
    Effect.gen(function*() {
      const { close, registered } = yield* closable(undefined)
      assert.deepStrictEqual(registered, ["+producers"])
      yield* close
      assert.deepStrictEqual(registered, ["+producers", "-producers"])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("takes no time when nothing is in flight", () =>
    Effect.gen(function*() {
      const { close, producer } = yield* closable(undefined)
      yield* producer.send(message)
      yield* close
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("lets what is in flight finish, and unregisters then", () =>
    Effect.gen(function*() {
      const { close, producer, registered } = yield* closable(after(1_000))
      const fiber = yield* start(producer.send(message))
      const closing = yield* start(close)
      yield* pass("999 millis")
      assert.isUndefined(closing.pollUnsafe())
      assert.deepStrictEqual(registered, ["+producers"])
      yield* pass("1 millis")
      assert.strictEqual((yield* Fiber.join(fiber)).attempts, 1)
      yield* Fiber.join(closing)
      assert.deepStrictEqual(registered, ["+producers", "-producers"])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("lets what is being sent again finish as well", () =>
    Effect.gen(function*() {
      const { close, producer } = yield* closable((_, index) => index === 0 ? answer(2) : undefined)
      const fiber = yield* start(producer.send(message))
      const closing = yield* start(close)
      yield* pass("100 millis")
      assert.strictEqual((yield* Fiber.join(fiber)).attempts, 2)
      yield* Fiber.join(closing)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("ends at the latest deadline of what is in flight", () =>
    Effect.gen(function*() {
      const { close, producer } = yield* closable(() => silence)
      const fiber = yield* start(reasonOf(producer.send(message)))
      const closing = yield* start(close)
      yield* pass("3 seconds")
      assert.strictEqual((yield* Fiber.join(fiber))._tag, "SendFailed")
      yield* Fiber.join(closing)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("ends what takes longer than `drainTimeout`, with outcome Unknown", () =>
    Effect.gen(function*() {
      const { close, producer, remoting } = yield* closable(() => silence, { drainTimeout: "1 second" })
      const fibers = [
        yield* start(reasonOf(producer.send(message))),
        yield* start(reasonOf(producer.send(message)))
      ]
      const closing = yield* start(close)
      yield* pass("999 millis")
      assert.isUndefined(closing.pollUnsafe())
      yield* pass("1 millis")
      for (const fiber of fibers) {
        const reason = yield* Fiber.join(fiber)
        assert(reason._tag === "ShuttingDown")
        assert.strictEqual(reason.outcome, "Unknown")
      }
      yield* Fiber.join(closing)
      assert.strictEqual((yield* remoting.stats).inFlight, 0)
      assert.strictEqual((yield* producer.stats).inFlight, 0)
      assert.strictEqual((yield* producer.stats).unknown, 2)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("ends what is being sent again, too", () =>
    Effect.gen(function*() {
      const { close, producer, remoting } = yield* closable((_, index) => index === 0 ? answer(2) : silence, {
        drainTimeout: "1 second"
      })
      const fiber = yield* start(reasonOf(producer.send(message)))
      yield* pass("100 millis")
      const closing = yield* start(close)
      yield* pass("1 second")
      const reason = yield* Fiber.join(fiber)
      assert(reason._tag === "ShuttingDown")
      assert.strictEqual(reason.outcome, "Unknown")
      yield* Fiber.join(closing)
      assert.strictEqual((yield* remoting.stats).inFlight, 0)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("waits for nothing when `drainTimeout` is 0", () =>
    Effect.gen(function*() {
      const { close, producer } = yield* closable(() => silence, { drainTimeout: 0 })
      const fiber = yield* start(reasonOf(producer.send(message)))
      yield* close
      assert.strictEqual((yield* Fiber.join(fiber))._tag, "ShuttingDown")
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("sends away those who wait for room", () =>
    Effect.gen(function*() {
      const { close, producer } = yield* closable(after(1_000), { maxInFlight: 1 })
      const first = yield* start(producer.send(message))
      const second = yield* start(reasonOf(producer.send(message)))
      const closing = yield* start(close)
      const reason = yield* Fiber.join(second)
      assert(reason._tag === "ShuttingDown")
      assert.strictEqual(reason.outcome, "NotSent")
      yield* pass("1 second")
      yield* Fiber.join(first)
      yield* Fiber.join(closing)
    }).pipe(Effect.provide(MemoryTransport.layer)))
})

describe("closing the scope of a producer that says nothing of a drain", () => {
  const unsaid = { drainTimeout: undefined }

  it.effect("does not wait for a clock that nobody moves", () =>
    Effect.gen(function*() {
      const { close, producer } = yield* closable(() => silence, unsaid)
      const fiber = yield* start(reasonOf(producer.send(message)))
      yield* close
      assert.strictEqual((yield* Fiber.join(fiber))._tag, "ShuttingDown")
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("lets finish what needs no time", () =>
    Effect.gen(function*() {
      const { close, producer } = yield* closable(undefined, unsaid)
      const fiber = yield* Effect.forkChild(producer.send(message), { startImmediately: true })
      yield* close
      assert.strictEqual((yield* Fiber.join(fiber)).status, "SendOk")
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("waits by a clock that moves", () =>
    Effect.gen(function*() {
      const clock = yield* Clock.Clock
      let ticks = 0n
      const moving: Clock.Clock = Object.assign(Object.create(clock), {
        monotonicTimeNanosUnsafe: () => clock.monotonicTimeNanosUnsafe() + ++ticks
      })
      const { close, producer } = yield* Effect.provideService(
        closable(after(1_000), unsaid),
        Clock.Clock,
        moving
      )
      const fiber = yield* start(producer.send(message))
      const closing = yield* start(close)
      assert.isUndefined(closing.pollUnsafe())
      yield* pass("1 second")
      yield* Fiber.join(closing)
      assert.strictEqual((yield* Fiber.join(fiber)).status, "SendOk")
    }).pipe(Effect.provide(MemoryTransport.layer)))
})

describe("closing the client", () => {
  it.effect("fails what is in flight with ShuttingDown", () =>
    Effect.gen(function*() {
      yield* broker(1, { behave: () => silence })
      const scope = yield* Scope.make()
      const w = yield* Scope.provide(world(), scope)
      w.routes.set(route("topic", [{ name: "a", port: 1 }]))
      const producer = yield* w.make()
      const fiber = yield* start(reasonOf(producer.send(message)))
      yield* Scope.close(scope, Exit.void)
      const reason = yield* Fiber.join(fiber)
      assert(reason._tag === "ShuttingDown")
      assert.strictEqual(reason.what, "the client")
      assert.strictEqual(reason.outcome, "Unknown")
    }).pipe(Effect.provide(MemoryTransport.layer)))
})
