/**
 * A message that consumers get if, and only if, a transaction of the app's own was committed.
 *
 *     node --conditions=effect-rocketmq:source examples/transaction.ts
 */
import * as Message from "effect-rocketmq/client/Message"
import * as Producer from "effect-rocketmq/client/Producer"
import { EmbeddedRocketMQ } from "effect-rocketmq/testing"
import * as Console from "effect/Console"
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"

class OutOfStock extends Data.TaggedError("OutOfStock")<{ readonly item: string }> {}

/** The app's database: it knows which orders were placed. */
class Orders extends Context.Service<Orders, {
  readonly place: (id: string, item: string) => Effect.Effect<void, OutOfStock>
  readonly isPlaced: (id: string) => Effect.Effect<boolean>
}>()("example/Orders") {
  static readonly layer = Layer.sync(Orders, () => {
    const placed = new Set<string>()
    return {
      place: (id, item) =>
        item === "unicorn" ? Effect.fail(new OutOfStock({ item })) : Effect.sync(() => void placed.add(id)),
      isPlaced: (id) => Effect.sync(() => placed.has(id))
    }
  })
}

const placeOrder = (id: string, item: string) =>
  Effect.gen(function*() {
    const producer = yield* Producer.Producer
    const orders = yield* Orders
    // The broker has stored the message before the order is placed, and shows it after.
    return yield* producer.sendInTransaction(
      { topic: "orders", body: `${id}: ${item}`, keys: id },
      () => Effect.as(orders.place(id, item), "Commit" as const)
    )
  })

const program = Effect.gen(function*() {
  const { state } = yield* placeOrder("order-1", "horse")
  yield* Console.log(`order-1: ${state}`)

  yield* placeOrder("order-2", "unicorn").pipe(
    Effect.catchTag("OutOfStock", ({ item }) => Console.log(`order-2: no ${item}, and no message either`))
  )

  const rocketmq = yield* EmbeddedRocketMQ.EmbeddedRocketMQ
  yield* Console.log(`consumers get: ${rocketmq.messages("orders").map(Message.text).join(", ")}`)
})

const Shop = Layer.unwrap(
  Effect.map(EmbeddedRocketMQ.EmbeddedRocketMQ, (rocketmq) =>
    Producer.layer({
      group: "shop",
      nameServers: rocketmq.addresses(),
      // Where the app did not come to say what it decided, the broker asks any producer of the group.
      checkTransaction: (message) =>
        Effect.gen(function*() {
          const orders = yield* Orders
          return (yield* orders.isPlaced(message.keys[0])) ? "Commit" as const : "Rollback" as const
        })
    }))
)

await Effect.runPromise(
  program.pipe(
    Effect.provide(Shop),
    Effect.provide(Layer.merge(Orders.layer, EmbeddedRocketMQ.layerTcp({ topics: ["orders"] })))
  )
)
