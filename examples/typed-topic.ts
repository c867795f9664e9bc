/**
 * A topic whose bodies have a type: encoded by its Schema when they are sent, decoded by it when they are received.
 *
 *     node --conditions=effect-rocketmq:source examples/typed-topic.ts
 */
import * as Producer from "effect-rocketmq/client/Producer"
import * as TypedTopic from "effect-rocketmq/client/TypedTopic"
import { EmbeddedRocketMQ } from "effect-rocketmq/testing"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"

const Order = Schema.Struct({
  id: Schema.String,
  amount: Schema.Int.check(Schema.isGreaterThan(0)),
  placed: Schema.Date
})

/** Shared by who sends and who receives. */
const orders = TypedTopic.json("orders", Order)

const program = Effect.gen(function*() {
  const order = { id: "order-1", amount: 3, placed: new Date("2026-11-24T12:00:00Z") }
  yield* orders.send(order, { keys: order.id })

  // What a consumer gets.
  const rocketmq = yield* EmbeddedRocketMQ.EmbeddedRocketMQ
  const [message] = rocketmq.messages("orders")
  const received = yield* orders.decode(message)
  yield* Console.log(`received: ${received.amount} of ${received.id}, placed in ${received.placed.getFullYear()}`)

  yield* orders.send({ ...order, amount: 0 }).pipe(
    Effect.catchReason("ClientError", "EncodeFailed", ({ topic }) => Console.log(`not sent: no order for ${topic}`))
  )
})

const Shop = Layer.unwrap(
  Effect.map(
    EmbeddedRocketMQ.EmbeddedRocketMQ,
    (rocketmq) => Producer.layer({ group: "shop", nameServers: rocketmq.addresses() })
  )
)

await Effect.runPromise(
  program.pipe(Effect.provide(Shop), Effect.provide(EmbeddedRocketMQ.layerTcp({ topics: ["orders"] })))
)
