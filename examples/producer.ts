/**
 * Sending: one message, a batch, in order, later, and what is known when it does not work.
 *
 *     node --conditions=effect-rocketmq:source examples/producer.ts
 *
 * In place of a cluster there is an embedded one; an app has `Producer.layer({ group, nameServers })` alone, or
 * `Producer.layerConfig()`, which reads the environment.
 */
import * as Producer from "effect-rocketmq/client/Producer"
import { EmbeddedRocketMQ } from "effect-rocketmq/testing"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"

const program = Effect.gen(function*() {
  const producer = yield* Producer.Producer

  const first = yield* producer.send({ topic: "orders", body: "order 1", keys: "order-1", tags: "placed" })
  yield* Console.log(`sent: ${first.status} after ${first.attempts} attempt`)

  const batch = yield* producer.sendBatch([
    { topic: "orders", body: "order 2", keys: "order-2" },
    { topic: "orders", body: "order 3", keys: "order-3" }
  ])
  yield* Console.log(`sent as one: ${batch.messageIds.length} messages`)

  // What has one sharding key goes to one queue, in the order in which it is sent.
  const steps = yield* Effect.forEach(
    ["placed", "paid", "shipped"],
    (step) => producer.send({ topic: "orders", body: step, shardingKey: "order-1" })
  )
  yield* Console.log(`in order: ${new Set(steps.map(({ queue }) => queue.queueId)).size} queue for ${steps.length}`)

  yield* producer.send({ topic: "orders", body: "are you happy with it?", delay: "1 hour" })

  // An error says what went wrong, and what became of the message.
  yield* producer.send({ topic: "orders", body: "" }).pipe(
    Effect.catchReason(
      "ClientError",
      "InvalidMessage",
      ({ detail, field, outcome }) => Console.log(`refused: the ${field} ${detail}, ${outcome}`)
    )
  )

  // Sent once at most: one whose fate is not known is not sent again.
  yield* producer.send({ topic: "orders", body: "order 4" }, { delivery: "atMostOnce", timeout: "1 second" })
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
