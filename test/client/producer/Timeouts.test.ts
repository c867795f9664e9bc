/** Which timeouts there are. */
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type { ClientError } from "../../../src/client/ClientError.ts"
import type { ReceivedMessage } from "../../../src/client/Message.ts"
import type { Service } from "../../../src/client/Producer.ts"
import * as RecallHandle from "../../../src/protocol/message/RecallHandle.ts"
import * as MemoryTransport from "../../../src/remoting/MemoryTransport.ts"
import { pass, settle, start } from "../../remoting/support.ts"
import { acknowledgement, reasonOf, route, silence, single } from "./support.ts"

const message = { topic: "topic", body: "x" }

const received = {
  topic: "topic",
  messageId: "id",
  properties: { CLUSTER: "C", CORRELATION_ID: "c", REPLY_TO_CLIENT: "r" }
} as unknown as ReceivedMessage

const handle = RecallHandle.encode({ topic: "topic", brokerName: "a", deliverTimestamp: 1, uniqKey: "key" })

const forms: Readonly<
  Record<string, (producer: Service, timeout?: Duration.Input) => Effect.Effect<unknown, ClientError>>
> = {
  send: (producer, timeout) => producer.send(message, { timeout }),
  sendOneway: (producer, timeout) => producer.sendOneway(message, { timeout }),
  sendBatch: (producer, timeout) => producer.sendBatch([message], { timeout }),
  sendInTransaction: (producer, timeout) =>
    producer.sendInTransaction(message, () => Effect.succeed("Commit"), { timeout }),
  request: (producer, timeout) => producer.request(message, { timeout }),
  reply: (producer, timeout) => producer.reply(received, "x", { timeout }),
  recall: (producer, timeout) => producer.recall("topic", handle, { timeout })
}

const none: ReadonlyArray<readonly [string, unknown]> = [
  ["0", 0],
  ["-1", -1],
  ["NaN", Number.NaN],
  ["-Infinity", "-Infinity"],
  ["no duration", "soon"],
  ["an object", {}]
]

describe("a timeout that leaves no time", () => {
  for (const [name, form] of Object.entries(forms)) {
    it.effect(`${name}: fails at once, before anything is sent`, () =>
      Effect.gen(function*() {
        const { a, producer, routes } = yield* single()
        routes.set(route("C_REPLY_TOPIC", [{ name: "a", port: 1 }]))
        for (const [what, timeout] of none) {
          const exit = yield* Effect.exit(Effect.flip(form(producer, timeout as Duration.Input)))
          if (Exit.isFailure(exit)) return assert.fail(`${what}: ${String(exit.cause)}`)
          const { outcome, reason } = exit.value
          assert.deepStrictEqual([reason._tag, outcome], ["DeadlineExceeded", "NotSent"], what)
        }
        assert.deepStrictEqual([a.sends.length, a.others.length], [0, 0])
        const stats = yield* producer.stats
        assert.strictEqual(stats.inFlight, 0)
      }).pipe(Effect.provide(MemoryTransport.layer)))
  }

  it.effect("may be the producer's, for sends that name none", () =>
    Effect.gen(function*() {
      const { a, producer } = yield* single({ timeout: 0 })
      assert.strictEqual((yield* reasonOf(producer.send(message)))._tag, "DeadlineExceeded")
      yield* producer.send(message, { timeout: 1_000 })
      assert.strictEqual(a.stored.length, 1)
    }).pipe(Effect.provide(MemoryTransport.layer)))
})

describe("a timeout without end", () => {
  for (const [name, form] of Object.entries(forms)) {
    if (["sendOneway", "request", "recall"].includes(name)) continue
    for (const asOption of [true, false]) {
      it.effect(`${name}: waits for an answer as long as it takes${asOption ? ", for the whole producer" : ""}`, () =>
        Effect.gen(function*() {
          const { producer, routes } = yield* single(
            asOption ? { timeout: "Infinity" } : {},
            (send) => Effect.delay(Effect.succeed(acknowledgement(send, 1, 1)), "60 minutes")
          )
          routes.set(route("C_REPLY_TOPIC", [{ name: "a", port: 1 }]))
          const fiber = yield* start(form(producer, asOption ? undefined : Duration.infinity))
          yield* pass("59 minutes")
          assert.isUndefined(fiber.pollUnsafe())
          yield* pass("1 minutes")
          assert.isTrue(Exit.isSuccess(yield* Fiber.await(fiber)))
        }).pipe(Effect.provide(MemoryTransport.layer)))
    }
  }

  it.effect("recall: goes by what the broker answers", () =>
    Effect.gen(function*() {
      const { producer } = yield* single()
      // The broker of the test answers without a message id.
      const reason = yield* reasonOf(producer.recall("topic", handle, { timeout: Number.POSITIVE_INFINITY }))
      assert.strictEqual(reason._tag, "MalformedResponse")
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("waits for a route and for room as long as it takes", () =>
    Effect.gen(function*() {
      const { a, producer, routes } = yield* single({ maxInFlight: 1, timeout: "Infinity" })
      routes.served.set("other", route("other", [{ name: "a", port: 1 }]))
      routes.delayMillis = 2_000
      const first = yield* start(producer.send({ ...message, topic: "other" }))
      const second = yield* start(producer.send(message))
      yield* pass("1999 millis")
      assert.isUndefined(first.pollUnsafe())
      assert.strictEqual((yield* producer.stats).waiting, 1)
      yield* pass("1 millis")
      yield* Fiber.join(first)
      yield* Fiber.join(second)
      assert.strictEqual(a.stored.length, 2)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  for (const [timeout, ttl] of [["Infinity", "9007199254740991"], [1e30, "9007199254740991"], [1.5, "2"]] as const) {
    it.effect(`of a request is a TTL that is a number: ${timeout}`, () =>
      Effect.gen(function*() {
        const { a, producer } = yield* single({}, () => silence)
        yield* start(Effect.exit(producer.request(message, { timeout })))
        yield* settle
        assert.strictEqual(a.sends[0].properties.TTL, ttl)
      }).pipe(Effect.provide(MemoryTransport.layer)))
  }
})
