/**
 * Moves by GO_AWAY: `swap.ts <port>`. Ready once it is connected and warm; for each message it gets, 1,024 requests at
 * once, and the time of the last answer in milliseconds of the machine's monotonic clock.
 */
import * as Effect from "effect/Effect"
import { setTimeout as sleep } from "node:timers/promises"
import { openClient } from "./ourClient.ts"

const [port] = process.argv.slice(2)
const invoke = await openClient(Number(port))

const burst = () =>
  Effect.runPromise(Effect.forEach(Array.from({ length: 1024 }, invoke), (one) => one, {
    concurrency: "unbounded",
    discard: true
  }))

for (let warmUp = 0; warmUp < 20; warmUp++) {
  await burst()
}
process.on("message", async () => {
  // A connection that lasted for a second starts the go-away schedule anew: this is a first swap, not one of a series.
  await sleep(1100)
  await burst()
  process.send!(Number(process.hrtime.bigint()) / 1e6)
})
process.on("disconnect", () => process.exit())
process.send!("ready")
