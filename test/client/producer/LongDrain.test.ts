import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Producer from "../../../src/client/Producer.ts"
import * as EmbeddedRocketMQ from "../../../src/testing/EmbeddedRocketMQ.ts"
import * as TestRocketMQ from "../../../src/testing/TestRocketMQ.ts"
import { pass, start } from "../../remoting/support.ts"

describe("a broker that drains for longer than a send may take", () => {
  it.effect("is left for one that came back, though the route that is known does not have it yet", () =>
    Effect.gen(function*() {
      const producer = yield* Producer.Producer
      const rocketmq = yield* EmbeddedRocketMQ.EmbeddedRocketMQ
      const [a, b] = rocketmq.brokers
      yield* producer.send({ topic: "orders", body: "x" })
      const leaving = yield* start(a.drain)
      // Refused by the one that leaves, and noticed.
      const meanwhile = yield* start(
        Effect.forEach(["1", "2", "3", "4"], (body) => producer.send({ topic: "orders", body }))
      )
      yield* pass("2 seconds")
      yield* Fiber.join(meanwhile)
      assert.deepStrictEqual((yield* producer.queues("orders")).map(({ brokerName }) => brokerName), [b.brokerName])
      yield* pass("10 seconds")
      yield* Fiber.join(leaving)
      yield* a.start

      yield* start(b.drain)
      const sending = yield* start(producer.send({ topic: "orders", body: "y" }))
      yield* pass("2 seconds")
      const { queue } = yield* Fiber.join(sending)
      assert.strictEqual(queue.brokerName, a.brokerName)
    }).pipe(
      Effect.provide(
        TestRocketMQ.layerWith({ brokers: 2, topics: [{ name: "orders", queues: 1 }], shutdownWaitTime: "10 seconds" })
      )
    ))
})
