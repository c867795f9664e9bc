import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as SchemaTransformation from "effect/SchemaTransformation"
import type { ReceivedMessage } from "../../../src/client/Message.ts"
import { Producer } from "../../../src/client/Producer.ts"
import * as TypedTopic from "../../../src/client/TypedTopic.ts"
import * as MessageBatch from "../../../src/protocol/message/MessageBatch.ts"
import * as MemoryTransport from "../../../src/remoting/MemoryTransport.ts"
import { reasonOf, single } from "./support.ts"

const Order = Schema.Struct({
  id: Schema.String,
  amount: Schema.Int.check(Schema.isGreaterThan(0)),
  placed: Schema.Date
})
const orders = TypedTopic.json("topic", Order)
const order = { id: "o1", amount: 3, placed: new Date(1_700_000_000_000) }

const received = (body: Uint8Array | string) =>
  ({
    topic: "topic",
    messageId: "ID",
    body: typeof body === "string" ? Buffer.from(body) : body
  }) as ReceivedMessage

describe("a topic of JSON", () => {
  it.effect("sends what the schema encodes a value to", () =>
    Effect.gen(function*() {
      const { a, producer } = yield* single()
      const result = yield* Effect.provideService(
        orders.send(order, { keys: "o1", tags: "new" }, { timeout: 1_000 }),
        Producer,
        producer
      )
      assert.strictEqual(result.status, "SendOk")
      assert.deepStrictEqual(JSON.parse(Buffer.from(a.stored[0].body).toString()), {
        id: "o1",
        amount: 3,
        placed: "2023-11-14T22:13:20.000Z"
      })
      assert.strictEqual(a.stored[0].properties.KEYS, "o1")
      assert.strictEqual(a.stored[0].properties.TAGS, "new")
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("decodes what it has encoded", () =>
    Effect.gen(function*() {
      const body = yield* orders.encode(order)
      assert.deepStrictEqual(yield* orders.decode(received(body)), order)
    }))

  it.effect("sends several as one batch", () =>
    Effect.gen(function*() {
      const { a, producer } = yield* single()
      yield* Effect.provideService(orders.sendBatch([order, { ...order, id: "o2" }]), Producer, producer)
      const messages = MessageBatch.decode(a.stored[0].body)
      assert(Array.isArray(messages))
      const bodies = messages.map((one) => JSON.parse(Buffer.from(one.body).toString()).id)
      assert.deepStrictEqual(bodies, ["o1", "o2"])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("fails with EncodeFailed for a value that is none, and sends nothing", () =>
    Effect.gen(function*() {
      const { a, producer } = yield* single()
      const reason = yield* reasonOf(
        Effect.provideService(orders.send({ ...order, amount: 0 }), Producer, producer)
      )
      assert(reason._tag === "EncodeFailed")
      assert.strictEqual(reason.topic, "topic")
      assert.match(reason.detail, /amount/)
      assert.strictEqual(reason.outcome, "NotSent")
      assert.strictEqual(a.sends.length, 0)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  for (
    const [what, body] of [
      ["that is no JSON", "{"],
      ["that is no UTF-8", Uint8Array.of(0x22, 0xff, 0x22)],
      ["that lacks a field", "{\"id\":\"o1\"}"],
      ["that has a wrong value", "{\"id\":\"o1\",\"amount\":-1,\"placed\":\"2023-11-14T22:13:20.000Z\"}"]
    ] as const
  ) {
    it.effect(`fails with DecodeFailed for a body ${what}`, () =>
      Effect.gen(function*() {
        const reason = yield* reasonOf(orders.decode(received(body)))
        assert(reason._tag === "DecodeFailed")
        assert.strictEqual(reason.messageId, "ID")
        assert.strictEqual(reason.topic, "topic")
      }))
  }

  const Anything = Schema.Struct({ a: Schema.String, b: Schema.Array(Schema.Int), c: Schema.optional(Schema.Boolean) })

  it.effect.prop(
    "comes back as it was, whatever it is",
    [Arbitrary.schema(Anything)],
    ([value]) =>
      Effect.gen(function*() {
        const topic = TypedTopic.json("topic", Anything)
        const decoded = yield* topic.decode(received(yield* topic.encode(value)))
        // JSON has no negative zero.
        assert.deepStrictEqual(decoded, { ...value, b: value.b.map((one) => one + 0) })
      })
  )
})

describe("a topic of text", () => {
  it.effect("sends the text that the schema encodes to", () =>
    Effect.gen(function*() {
      const numbers = TypedTopic.text("topic", Schema.NumberFromString)
      assert.strictEqual(Buffer.from(yield* numbers.encode(42)).toString(), "42")
      assert.strictEqual(yield* numbers.decode(received("42")), 42)
      assert.strictEqual((yield* reasonOf(numbers.decode(received(Uint8Array.of(0xff)))))._tag, "DecodeFailed")
    }))
})

describe("a topic of bytes", () => {
  it.effect("sends the bytes that the schema encodes to", () =>
    Effect.gen(function*() {
      const raw = TypedTopic.bytes("topic", Schema.Uint8Array)
      assert.deepStrictEqual([...(yield* raw.encode(Uint8Array.of(1, 2)))], [1, 2])
      assert.deepStrictEqual([...(yield* raw.decode(received(Uint8Array.of(3))))], [3])
    }))
})

it.effect("a schema may need services to encode and decode", () =>
  Effect.gen(function*() {
    class Key extends Context.Service<Key, number>()("Key") {}
    const Shifted = Schema.Int.pipe(
      Schema.decodeTo(
        Schema.Int,
        SchemaTransformation.transformEffect<number, number, Key, Key>({
          decode: (value) => Key.use((key) => Effect.succeed(value - key)),
          encode: (value) => Key.use((key) => Effect.succeed(value + key))
        })
      )
    )
    const topic = TypedTopic.json("topic", Shifted)
    const body = yield* Effect.provideService(topic.encode(1), Key, 41)
    assert.strictEqual(Buffer.from(body).toString(), "42")
    assert.strictEqual(yield* Effect.provideService(topic.decode(received(body)), Key, 41), 1)
  }))
