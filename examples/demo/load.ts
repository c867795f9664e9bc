/** Callers that keep messages in flight, each waiting for its acknowledgement before it sends again. */
import * as Producer from "effect-rocketmq/client/Producer"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type { History } from "./history.ts"
import { topic } from "./servers.ts"

/** Messages in flight, all the time. */
export const inFlight = 64

/** An application that got an error reports it and goes on a little later. */
const pauseAfterErrorMillis = 20

/** Longer than any send may take, its timeout being 3 seconds. */
const settleMillis = 5_000

const body = new Uint8Array(1_024)

/** Starts the load. The returned effect stops it: nothing new is sent, and what is on its way gets its answer. */
export const start = Effect.fnUntraced(function*(history: History) {
  const producer = yield* Producer.Producer
  const clock = yield* Clock.Clock
  const now = (): number => Number(clock.monotonicTimeNanosUnsafe()) / 1_000_000
  const load = { stopping: false }

  const caller = Effect.gen(function*() {
    while (!load.stopping) {
      const id = history.submitted()
      const since = now()
      const result = yield* Effect.result(producer.send({ topic, body, keys: String(id) }))
      if (result._tag === "Success") history.acknowledged(id, now() - since)
      else {
        history.refused(id, result.failure.outcome, now() - since)
        yield* Effect.sleep(pauseAfterErrorMillis)
      }
    }
  })

  const callers = yield* Effect.forEach(Array.from({ length: inFlight }), () => Effect.forkScoped(caller))

  return Effect.suspend(() => {
    load.stopping = true
    return Effect.asVoid(Effect.timeoutOption(Fiber.awaitAll(callers), settleMillis))
  })
})
