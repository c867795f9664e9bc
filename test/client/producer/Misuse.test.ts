/** What TypeScript keeps an app from: given by JavaScript, it fails as anything else that is not valid. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Tracer from "effect/Tracer"
import type { ClientError } from "../../../src/client/ClientError.ts"
import type { ReceivedMessage } from "../../../src/client/Message.ts"
import type { Service } from "../../../src/client/Producer.ts"
import * as MemoryTransport from "../../../src/remoting/MemoryTransport.ts"
import { reasonOf, single, world } from "./support.ts"

const message = { topic: "topic", body: "x" }

/** What is no message, batch, topic or handle. */
const junk: ReadonlyArray<readonly [string, unknown]> = [
  ["undefined", undefined],
  ["null", null],
  ["a number", 7],
  ["a bigint", 7n],
  ["a symbol", Symbol("s")],
  ["a function", () => message],
  ["an object of nothing", Object.create(null)],
  ["an array of null", [null]]
]

type Call = (producer: Service, given: never) => Effect.Effect<unknown, ClientError>

const commit = () => Effect.succeed("Commit" as const)

const calls: Readonly<Record<string, Call>> = {
  send: (producer, given) => producer.send(given),
  sendOneway: (producer, given) => producer.sendOneway(given),
  sendBatch: (producer, given) => producer.sendBatch(given),
  "sendBatch, in a batch": (producer, given) => producer.sendBatch([message, given]),
  sendInTransaction: (producer, given) => producer.sendInTransaction(given, commit),
  "sendInTransaction, as local transaction": (producer, given) =>
    // A function is none of the junk.
    typeof given === "function" ? producer.send(null as never) : producer.sendInTransaction(message, given),
  request: (producer, given) => producer.request(given),
  reply: (producer, given) => producer.reply(given, "x"),
  "reply, to what has no properties": (producer, given) =>
    producer.reply({ topic: "topic", messageId: "id", properties: given } as unknown as ReceivedMessage, "x"),
  "recall, as topic": (producer, given) => producer.recall(given, "handle"),
  "recall, as handle": (producer, given) => producer.recall("topic", given),
  queues: (producer, given) => producer.queues(given)
}

describe("what is no message, topic or handle", () => {
  for (const [name, call] of Object.entries(calls)) {
    for (const namespace of [undefined, "ns"]) {
      it.effect(`${name}${namespace === undefined ? "" : ", in a namespace"}: is not valid, and nothing is sent`, () =>
        Effect.gen(function*() {
          const { a, producer } = yield* single({}, undefined, namespace === undefined ? undefined : { namespace })
          for (const [what, given] of junk) {
            const exit = yield* Effect.exit(Effect.flip(Effect.suspend(() => call(producer, given as never))))
            if (Exit.isFailure(exit)) return assert.fail(`${what}: ${String(exit.cause)}`)
            const { outcome, reason } = exit.value
            assert.include(["InvalidMessage", "InvalidName"], reason._tag, what)
            assert.strictEqual(outcome, "NotSent")
            assert.isNotEmpty(exit.value.message)
          }
          assert.strictEqual(a.sends.length, 0)
          assert.strictEqual((yield* producer.stats).inFlight, 0)
        }).pipe(Effect.provide(MemoryTransport.layer)))
    }
  }

  it.effect("is not valid where sends are traced, either", () =>
    Effect.gen(function*() {
      const { a, producer } = yield* single()
      for (const [what, given] of junk) {
        for (const call of [calls.send, calls.sendBatch, calls.sendInTransaction, calls["sendBatch, in a batch"]]) {
          const exit = yield* Effect.exit(Effect.flip(Effect.suspend(() => call(producer, given as never))))
          if (Exit.isFailure(exit)) return assert.fail(`${what}: ${String(exit.cause)}`)
          assert.include(["InvalidMessage", "InvalidName"], exit.value.reason._tag, what)
        }
        const topic = yield* Effect.exit(Effect.flip(producer.send({ topic: given as never, body: "x" })))
        if (Exit.isFailure(topic)) return assert.fail(`${what}: ${String(topic.cause)}`)
      }
      assert.strictEqual(a.sends.length, 0)
    }).pipe(
      Effect.withTracer(Tracer.make({ span: (options) => new Tracer.NativeSpan(options) })),
      Effect.provide(MemoryTransport.layer)
    ))
})

/** Some of the junk is as it must be for some fields. */
const isValid = (field: string, given: unknown): boolean => {
  switch (field) {
    case "topic":
    case "body":
      return false
    case "properties":
      return given === undefined ||
        (typeof given === "object" && given !== null && Object.getPrototypeOf(given) === null)
    case "flag":
      return given === undefined || given === null || typeof given === "number"
    case "delay":
      return given === undefined || typeof given === "number" || typeof given === "bigint"
    case "delayLevel":
    case "deliverAt":
    case "priority":
      return given === undefined || typeof given === "number"
    default:
      return given === undefined
  }
}

describe("a field of a message", () => {
  for (
    const field of [
      "topic",
      "body",
      "tags",
      "keys",
      "properties",
      "shardingKey",
      "priority",
      "flag",
      "delay",
      "delayLevel",
      "deliverAt"
    ]
  ) {
    it.effect(`${field}: of another type is not valid`, () =>
      Effect.gen(function*() {
        const { a, producer } = yield* single()
        for (const [what, given] of junk) {
          if (isValid(field, given)) continue
          for (const batched of [false, true]) {
            const wrong = { ...message, [field]: given }
            const exit = yield* Effect.exit(
              Effect.flip(batched ? producer.sendBatch([wrong]) : Effect.asVoid(producer.send(wrong)))
            )
            if (Exit.isFailure(exit)) return assert.fail(`${what}: ${String(exit.cause)}`)
            assert.strictEqual(exit.value.reason._tag, field === "topic" ? "InvalidName" : "InvalidMessage", what)
          }
        }
        assert.strictEqual(a.sends.length, 0)
      }).pipe(Effect.provide(MemoryTransport.layer)))
  }
})

describe("options that are null", () => {
  it.effect("are none", () =>
    Effect.gen(function*() {
      const { a, producer } = yield* single()
      yield* producer.send(message, null as never)
      yield* producer.sendOneway(message, null as never)
      yield* producer.sendBatch([message], null as never)
      yield* producer.sendInTransaction(message, commit, null as never)
      yield* producer.send(message, { delivery: null, queue: null, selector: null, timeout: null } as never)
      assert.strictEqual(a.sends.length, 5)
      const reason = yield* reasonOf(producer.recall("topic", "none", null as never))
      assert.strictEqual(reason._tag, "InvalidMessage")
    }).pipe(Effect.provide(MemoryTransport.layer)))
})

describe("a group", () => {
  for (const [what, group] of junk) {
    it.effect(`that is ${what} is InvalidName`, () =>
      Effect.gen(function*() {
        const { make } = yield* world()
        const reason = yield* reasonOf(make({ group: group as string }))
        assert.strictEqual(reason._tag, "InvalidName")
      }).pipe(Effect.provide(MemoryTransport.layer)))
  }
})
