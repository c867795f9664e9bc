/**
 * Memory per request in flight, beside its body: `memory.ts <port>`, the port of a silent server. All requests share
 * one body and one set of ext fields; the fiber that waits counts.
 */
import * as Effect from "effect/Effect"
import { setTimeout as sleep } from "node:timers/promises"
import { openClient } from "./ourClient.ts"

const few = 5_000
const many = 25_000

const [port] = process.argv.slice(2)
const invoke = await openClient(Number(port), { timeout: "10 minutes" })
let inFlight = 0

/** Heap and external memory in bytes, with so many requests in flight. */
const memoryWith = async (requests: number): Promise<number> => {
  for (; inFlight < requests; inFlight++) {
    Effect.runFork(invoke())
  }
  // until what was encoded has left for the socket
  await sleep(500)
  globalThis.gc!()
  // what the first collection found is given back in the background
  await sleep(100)
  globalThis.gc!()
  const { external, heapUsed } = process.memoryUsage()
  return heapUsed + external
}

const base = await memoryWith(few)
const bytesPerInFlight = (await memoryWith(many) - base) / (many - few)
process.send!(bytesPerInFlight, () => process.exit())
