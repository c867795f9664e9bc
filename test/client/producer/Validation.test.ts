import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { Message } from "../../../src/client/Message.ts"
import * as MessageBatch from "../../../src/protocol/message/MessageBatch.ts"
import * as MemoryTransport from "../../../src/remoting/MemoryTransport.ts"
import { reasonOf, single, world } from "./support.ts"

/** Fails before anything is sent. */
const refused = (message: Message, tag: string, check: (reason: { readonly [key: string]: unknown }) => void) =>
  Effect.gen(function*() {
    const { a, producer } = yield* single()
    const reason = yield* reasonOf(producer.send(message))
    assert.strictEqual(reason._tag, tag)
    assert.strictEqual(reason.outcome, "NotSent")
    assert.isFalse(reason.isRetryable)
    check(reason as unknown as Record<string, unknown>)
    const oneway = yield* reasonOf(producer.sendOneway(message))
    assert.strictEqual(oneway._tag, tag)
    assert.strictEqual(a.sends.length, 0)
    const stats = yield* producer.stats
    assert.strictEqual(stats.inFlight, 0)
    assert.strictEqual(stats.inFlightBytes, 0)
  }).pipe(Effect.provide(MemoryTransport.layer))

describe("a topic's name", () => {
  for (
    const [what, topic] of [
      ["empty", ""],
      ["with characters that are not allowed", "orders/paid"],
      ["with a blank", "my topic"],
      ["longer than 127 characters", "t".repeat(128)],
      ["of a topic that only brokers send to", "SCHEDULE_TOPIC_XXXX"],
      ["of the half messages", "RMQ_SYS_TRANS_HALF_TOPIC"]
    ] as const
  ) {
    it.effect(`${what} is InvalidName`, () =>
      refused({ topic, body: "x" }, "InvalidName", (reason) => {
        assert.strictEqual(reason.kind, "topic")
        assert.strictEqual(reason.name, topic)
      }))
  }

  it.effect("that is no string is InvalidName", () =>
    refused({ topic: undefined as unknown as string, body: "x" }, "InvalidName", (reason) => {
      assert.strictEqual(reason.name, "undefined")
    }))

  it.effect("of 127 characters is taken", () =>
    Effect.gen(function*() {
      const { producer } = yield* single()
      const reason = yield* reasonOf(producer.send({ topic: "t".repeat(127), body: "x" }))
      assert.strictEqual(reason._tag, "TopicNotFound")
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("is judged with its namespace", () =>
    Effect.gen(function*() {
      const { producer } = yield* single({}, undefined, { namespace: "ns" })
      const reason = yield* reasonOf(producer.send({ topic: "t".repeat(125), body: "x" }))
      assert.strictEqual(reason._tag, "InvalidName")
    }).pipe(Effect.provide(MemoryTransport.layer)))
})

describe("a group's name", () => {
  for (
    const [what, group] of [
      ["empty", ""],
      ["with characters that are not allowed", "my group"],
      ["longer than 120 characters", "g".repeat(121)]
    ] as const
  ) {
    it.effect(`${what} is InvalidName`, () =>
      Effect.gen(function*() {
        const { make } = yield* world()
        const error = yield* Effect.flip(make({ group }))
        assert(error.reason._tag === "InvalidName")
        assert.strictEqual(error.reason.kind, "group")
        assert.strictEqual(error.reason.name, group)
      }).pipe(Effect.provide(MemoryTransport.layer)))
  }
})

describe("a message is InvalidMessage", () => {
  const invalid = (what: string, field: string, message: Partial<Message>, detail: RegExp) =>
    it.effect(what, () =>
      refused({ topic: "topic", body: "x", ...message }, "InvalidMessage", (reason) => {
        assert.strictEqual(reason.field, field)
        assert.strictEqual(reason.topic, "topic")
        assert.match(String(reason.detail), detail)
      }))

  invalid("with an empty string as body", "body", { body: "" }, /empty/)
  invalid("with no bytes as body", "body", { body: new Uint8Array(0) }, /empty/)
  invalid("with a body of another type", "body", { body: 42 as unknown as string }, /neither/)
  invalid("with blank tags", "tags", { tags: " " }, /blank/)
  invalid("with a separator in its tags", "tags", { tags: "a\u0001b" }, /U\+0001/)
  invalid("with blank keys", "keys", { keys: "" }, /blank/)
  invalid("with a blank key", "keys", { keys: ["a", " "] }, /blank/)
  invalid("with a key that has a blank in it", "keys", { keys: ["a b"] }, /"a b"/)
  invalid("with a separator in its keys", "keys", { keys: "a\u0002b" }, /U\+0002/)
  invalid("with a separator in one of its keys", "keys", { keys: ["a\u0002b"] }, /U\+0002/)
  invalid("with a blank sharding key", "shardingKey", { shardingKey: "" }, /blank/)
  invalid("with a separator in its sharding key", "shardingKey", { shardingKey: "a\u0001" }, /U\+0001/)
  invalid("with a flag that is no integer", "flag", { flag: 1.5 }, /integer/)
  invalid("with a flag over 32 bits", "flag", { flag: 2 ** 31 }, /integer/)
  invalid("with a priority below 0", "priority", { priority: -1 }, /integer/)
  invalid("with a priority that is no integer", "priority", { priority: 0.5 }, /integer/)
  invalid("with a delay level below 0", "delayLevel", { delayLevel: -1 }, /integer/)
  invalid("with a delay level that is no integer", "delayLevel", { delayLevel: 1.5 }, /integer/)
  invalid("with no delay at all", "delay", { delay: 0 }, /above 0/)
  invalid("with a delay without end", "delay", { delay: "Infinity" }, /finite/)
  invalid("with a time to deliver at that is no number", "deliverAt", { deliverAt: Number.NaN }, /milliseconds/)
  invalid("with a time to deliver at before 1970", "deliverAt", { deliverAt: -1 }, /milliseconds/)
  invalid("with a time to deliver at between milliseconds", "deliverAt", { deliverAt: 1.5 }, /milliseconds/)
  invalid("with a delay and a delay level", "delay", { delay: 1, delayLevel: 1 }, /only one/)
  invalid("with a delay level and a time to deliver at", "deliverAt", { deliverAt: 1, delayLevel: 1 }, /only one/)
  invalid("with a property of an empty name", "properties", { properties: { "": "x" } }, /blank name/)
  invalid("with a property of an empty value", "properties", { properties: { name: "" } }, /blank/)
  invalid("with a property of a blank value", "properties", { properties: { name: "  " } }, /blank/)
  invalid("with a separator in a property's name", "properties", { properties: { "a\u0001": "x" } }, /U\+0001/)
  invalid("with a separator in a property's value", "properties", { properties: { a: "x\u0002y" } }, /U\+0002/)
  invalid(
    "with a property that is no string",
    "properties",
    { properties: { a: 1 as unknown as string } },
    /not a string/
  )
  for (const name of ["UNIQ_KEY", "CLUSTER", "TRAN_MSG", "POP_CK", "REAL_TOPIC", "CORRELATION_ID", "MSG_REGION"]) {
    invalid(`with a property named ${name}`, "properties", { properties: { [name]: "x" } }, /reserved for the system/)
  }
  for (
    const [name, field] of [
      ["TAGS", "tags"],
      ["KEYS", "keys"],
      ["WAIT", "waitStoreMsgOk"],
      ["DELAY", "delayLevel"],
      ["TIMER_DELAY_MS", "delay"],
      ["TIMER_DELIVER_MS", "deliverAt"],
      ["__SHARDINGKEY", "shardingKey"],
      ["_SYS_MSG_PRIORITY_", "priority"]
    ] as const
  ) {
    invalid(
      `with a property named ${name}, which has a field of its own`,
      "properties",
      { properties: { [name]: "x" } },
      new RegExp(`set ${field} instead`)
    )
  }
  invalid(
    "with properties of more than 32,767 bytes",
    "properties",
    { properties: { a: "x".repeat(32_767) } },
    /at most 32767/
  )
  invalid("whose properties are too long in UTF-8", "properties", { properties: { a: "ü".repeat(16_384) } }, /32767/)
})

describe("a body", () => {
  const limit = 4_194_304

  it.effect("of more than 4 MiB is MessageTooLarge", () =>
    refused({ topic: "topic", body: new Uint8Array(limit + 1) }, "MessageTooLarge", (reason) => {
      assert.strictEqual(reason.size, limit + 1)
      assert.strictEqual(reason.limit, limit)
    }))

  it.effect("of a string is measured in UTF-8", () =>
    refused({ topic: "topic", body: "ü".repeat(limit / 2 + 1) }, "MessageTooLarge", (reason) => {
      assert.strictEqual(reason.size, limit + 2)
    }))

  it.effect("of 4 MiB is taken", () =>
    Effect.gen(function*() {
      const { a, producer } = yield* single()
      yield* producer.send({ topic: "topic", body: new Uint8Array(limit) })
      yield* producer.send({ topic: "topic", body: "ü".repeat(limit / 2) })
      assert.strictEqual(a.stored.length, 2)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("may be as large as the app says", () =>
    Effect.gen(function*() {
      const { a, producer } = yield* single({ maxMessageSize: 10 })
      yield* producer.send({ topic: "topic", body: "1234567890" })
      const reason = yield* reasonOf(producer.send({ topic: "topic", body: "12345678901" }))
      assert(reason._tag === "MessageTooLarge")
      assert.strictEqual(reason.limit, 10)
      assert.strictEqual(a.stored.length, 1)
    }).pipe(Effect.provide(MemoryTransport.layer)))
})

describe("a batch", () => {
  const invalid = (
    what: string,
    field: string,
    messages: ReadonlyArray<Message>,
    detail: RegExp
  ) =>
    it.effect(what, () =>
      Effect.gen(function*() {
        const { a, producer } = yield* single()
        const reason = yield* reasonOf(producer.sendBatch(messages))
        assert(reason._tag === "InvalidMessage")
        assert.strictEqual(reason.field, field)
        assert.match(reason.detail, detail)
        assert.strictEqual(a.sends.length, 0)
      }).pipe(Effect.provide(MemoryTransport.layer)))

  const one = { topic: "topic", body: "x" }
  invalid("of no messages is refused", "batch", [], /empty/)
  invalid("of two topics is refused", "topic", [one, { ...one, topic: "other" }], /message 1 .*another/)
  invalid("with a delay level is refused", "delay", [one, { ...one, delayLevel: 1 }], /message 1/)
  invalid("with a delay is refused", "delay", [{ ...one, delay: 1_000 }], /message 0/)
  invalid("with a time to deliver at is refused", "delay", [{ ...one, deliverAt: 1_000 }], /message 0/)
  invalid("of different wait flags is refused", "waitStoreMsgOk", [one, { ...one, waitStoreMsgOk: false }], /differs/)
  invalid("of different sharding keys is refused", "shardingKey", [one, { ...one, shardingKey: "k" }], /differs/)
  invalid("with an empty body is refused", "body", [one, { ...one, body: "" }], /empty/)
  invalid("with a wrong flag is refused", "flag", [one, { ...one, flag: 0.5 }], /message 1/)
  invalid("with a reserved property is refused", "properties", [{ ...one, properties: { UNIQ_KEY: "x" } }], /reserved/)
  invalid("to a retry topic is refused", "topic", [{ ...one, topic: "%RETRY%group" }], /retry topic/)
  invalid(
    "with properties of more than 32,767 bytes is refused",
    "properties",
    [one, { ...one, properties: { a: "x".repeat(32_767) } }],
    /at most 32767/
  )

  it.effect("to a topic with a wrong name is InvalidName", () =>
    Effect.gen(function*() {
      const { producer } = yield* single()
      const reason = yield* reasonOf(producer.sendBatch([{ topic: "a b", body: "x" }]))
      assert.strictEqual(reason._tag, "InvalidName")
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("is limited as a whole", () =>
    Effect.gen(function*() {
      const whole = MessageBatch.encode(
        [1, 2].map(() => ({
          flag: 0,
          body: new Uint8Array(100),
          properties: `UNIQ_KEY\u0001${"0".repeat(32)}\u0002WAIT\u0001true\u0002`
        }))
      ).length
      const { a, producer } = yield* single({ maxMessageSize: whole })
      const messages = [1, 2].map(() => ({ topic: "topic", body: new Uint8Array(100) }))
      yield* producer.sendBatch(messages)
      assert.strictEqual(a.stored[0].body.length, whole)
      const reason = yield* reasonOf(
        producer.sendBatch([...messages.slice(1), { topic: "topic", body: new Uint8Array(101) }])
      )
      assert(reason._tag === "MessageTooLarge")
      assert.strictEqual(reason.size, whole + 1)
      assert.strictEqual(a.sends.length, 1)
    }).pipe(Effect.provide(MemoryTransport.layer)))
})

describe("a message of a transaction", () => {
  for (const more of [{ delayLevel: 1 }, { delay: 1_000 }, { deliverAt: 1_000 }]) {
    it.effect(`cannot be delayed: ${Object.keys(more)[0]}`, () =>
      Effect.gen(function*() {
        const { a, producer } = yield* single()
        const reason = yield* reasonOf(
          producer.sendInTransaction({ topic: "topic", body: "x", ...more }, () => Effect.succeed("Commit"))
        )
        assert(reason._tag === "InvalidMessage")
        assert.strictEqual(reason.field, "delay")
        assert.strictEqual(a.sends.length, 0)
      }).pipe(Effect.provide(MemoryTransport.layer)))
  }
})
