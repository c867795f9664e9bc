/** The package's producer as its users have it: one fiber per message in flight. */
import * as Producer from "effect-rocketmq/client/Producer"
import * as Effect from "effect/Effect"
import { SendLoad } from "./load.ts"

const load = new SendLoad()
const { nameServer, topic } = load.options
const message = { topic, body: load.body }

const program = Effect.gen(function*() {
  const producer = yield* Producer.Producer
  yield* producer.send(message)
  load.onFirst()
  const work = Effect.gen(function*() {
    do {
      yield* producer.send(message)
    } while (load.onAcknowledged())
  })
  yield* Effect.promise(() => load.run(() => void Effect.runPromise(work)))
})

await Effect.runPromise(
  program.pipe(
    Effect.provide(Producer.layer({ nameServers: [nameServer], group: "bench_producer", timeout: "20 seconds" }))
  )
)
