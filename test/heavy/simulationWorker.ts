/** The thread of `SecondCore`. */
import { parentPort, workerData } from "node:worker_threads"
import type { Name, SeedsWanted } from "./simulationRuns.ts"
import { loadSimulation, runHere } from "./simulationRuns.ts"

const simulation = await loadSimulation(workerData as Name)

parentPort!.on("message", async (wanted: SeedsWanted) => {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- there is none between threads
  parentPort!.postMessage(await runHere(simulation, wanted))
})
