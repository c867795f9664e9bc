/**
 * For an app that speaks in Promises: one runtime with the producer in it, closed when the app ends.
 *
 *     node --conditions=effect-rocketmq:source examples/promise.ts
 */
import type { ClientError } from "effect-rocketmq/client/ClientError"
import type { Message, SendResult } from "effect-rocketmq/client/Message"
import * as Producer from "effect-rocketmq/client/Producer"
import { EmbeddedRocketMQ } from "effect-rocketmq/testing"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"

// In place of a cluster there is an embedded one; an app has `Producer.layer({ group, nameServers })` alone.
const Shop = Layer.unwrap(
  Effect.map(
    EmbeddedRocketMQ.EmbeddedRocketMQ,
    (rocketmq) => Producer.layer({ group: "shop", nameServers: rocketmq.addresses() })
  )
).pipe(Layer.provide(EmbeddedRocketMQ.layerTcp({ topics: ["orders"] })))

const runtime = ManagedRuntime.make(Shop)

/** Sends a message. Rejects with a `ClientError`; stops at once when the signal says so. */
const send = (message: Message, signal?: AbortSignal): Promise<SendResult> =>
  runtime.runPromise(Producer.Producer.use((producer) => producer.send(message)), { signal })

const results = await Promise.all(["one", "two", "three"].map((body) => send({ topic: "orders", body })))
console.log(`sent: ${results.map(({ status }) => status).join(", ")}`)

try {
  await send({ topic: "no such topic", body: "x" })
} catch (error) {
  console.log(`rejected: ${(error as ClientError).reason._tag}`)
}

// Lets what is in flight finish, unregisters, and closes the connections.
await runtime.dispose()
