import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import * as Message from "../../src/client/Message.ts"
import { Producer } from "../../src/client/Producer.ts"
import { EmbeddedRocketMQ } from "../../src/testing/EmbeddedRocketMQ.ts"
import * as Fault from "../../src/testing/Fault.ts"
import * as TestRocketMQ from "../../src/testing/TestRocketMQ.ts"

describe("in memory", () => {
  it.effect("a producer sends", () =>
    Effect.gen(function*() {
      const producer = yield* Producer
      const rocketmq = yield* EmbeddedRocketMQ
      const result = yield* producer.send({ topic: "Orders", body: "a", keys: "order-1" })
      assert.strictEqual(result.status, "SendOk")
      const [stored] = rocketmq.messages("Orders")
      assert.deepStrictEqual(
        [Message.text(stored!), stored!.keys, stored!.messageId],
        ["a", ["order-1"], result.messageId]
      )
    }).pipe(Effect.provide(TestRocketMQ.layer)))

  it.effect("the same through proxies", () =>
    Effect.gen(function*() {
      const producer = yield* Producer
      const rocketmq = yield* EmbeddedRocketMQ
      yield* producer.send({ topic: "Orders", body: "a" })
      assert.strictEqual(rocketmq.messages("Orders").length, 1)
      assert.strictEqual(rocketmq.journal.count({ server: "broker-a", code: 310 }), 1)
      assert.isAtLeast(rocketmq.journal.count({ server: "proxy-1" }), 1)
    }).pipe(Effect.provide(TestRocketMQ.layerWith({ proxies: 3, topics: ["Orders"] }))))

  it.effect("a message whose answer was lost is sent again, elsewhere", () =>
    Effect.gen(function*() {
      const producer = yield* Producer
      const rocketmq = yield* EmbeddedRocketMQ
      for (const broker of rocketmq.brokers) {
        yield* broker.inject(Fault.loseAnswer({ codes: Fault.sends, times: 1 }))
      }
      const fiber = yield* Effect.forkChild(producer.send({ topic: "Orders", body: "a" }))
      yield* TestClock.adjust("3 seconds")
      const result = yield* Fiber.join(fiber)
      assert.strictEqual(result.attempts, 3)
      assert.deepStrictEqual(
        rocketmq.messages("Orders").map(({ messageId }) => messageId),
        [result.messageId, result.messageId, result.messageId]
      )
    }).pipe(Effect.provide(TestRocketMQ.layerWith({ brokers: 2, topics: ["Orders"] }))))
})

describe("on TCP", () => {
  it.live("a producer sends", () =>
    Effect.gen(function*() {
      const producer = yield* Producer
      const rocketmq = yield* EmbeddedRocketMQ
      yield* producer.send({ topic: "Orders", body: "a" })
      assert.strictEqual(rocketmq.messages("Orders").length, 1)
    }).pipe(Effect.provide(TestRocketMQ.layerTcp({ brokers: 2 }))))

  it.live("the same through proxies behind a load balancer", () =>
    Effect.gen(function*() {
      const producer = yield* Producer
      const rocketmq = yield* EmbeddedRocketMQ
      yield* producer.send({ topic: "Orders", body: "a" })
      assert.strictEqual(rocketmq.messages("Orders").length, 1)
      assert.strictEqual(rocketmq.addresses()[0], rocketmq.balancer?.address)
    }).pipe(Effect.provide(TestRocketMQ.layerTcp({ proxies: 2, topics: ["Orders"] }))))
})
