/** Simulations by name, and runs of their seeds, on this core or on another. */
import { Worker } from "node:worker_threads"
import type { Report, RunOptions } from "./simulationWorld.ts"

/** A plan with fewer steps is a plan too. */
export interface Stepped {
  readonly steps: ReadonlyArray<unknown>
}

/** What is simulated. */
export interface Simulation {
  readonly planOf: (seed: number, operations: number) => Stepped
  readonly simulate: (plan: Stepped, options?: RunOptions) => Report
}

/** The modules of a simulation are `name.ts` and `namePlan.ts`. */
export type Name = "simulation" | "clusterSimulation"

export const loadSimulation = async (name: Name): Promise<Simulation> => {
  const { simulate } = await import(`./${name}.ts`) as Pick<Simulation, "simulate">
  const { planOf } = await import(`./${name}Plan.ts`) as Pick<Simulation, "planOf">
  return { planOf, simulate }
}

/** Seeds to run, of so many operations each. */
export interface SeedsWanted {
  readonly seeds: ReadonlyArray<number>
  readonly operations: number
}

/** A seed that broke rules. */
export interface Failure {
  readonly seed: number
  readonly violations: ReadonlyArray<string>
}

/** Lets others of this thread have their turn. */
export const breathe = () => new Promise((resolve) => setImmediate(resolve))

/** Runs seeds in this thread. */
export const runHere = async (
  { planOf, simulate }: Simulation,
  { operations, seeds }: SeedsWanted
): Promise<ReadonlyArray<Failure>> => {
  const failures: Array<Failure> = []
  for (const seed of seeds) {
    const { violations } = simulate(planOf(seed, operations))
    if (violations.length > 0) failures.push({ seed, violations })
    await breathe()
  }
  return failures
}

/** A thread that runs seeds on another core: a run needs nothing but its seed. */
export class SecondCore {
  private readonly worker: Worker

  constructor(name: Name) {
    this.worker = new Worker(new URL("simulationWorker.ts", import.meta.url), {
      workerData: name,
      execArgv: ["--conditions=effect-rocketmq:source"]
    })
  }

  run(wanted: SeedsWanted): Promise<ReadonlyArray<Failure>> {
    return new Promise((resolve, reject) => {
      const done = (failures: ReadonlyArray<Failure>) => {
        this.worker.off("error", reject)
        resolve(failures)
      }
      this.worker.once("error", reject)
      this.worker.once("message", done)
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- there is none between threads
      this.worker.postMessage(wanted)
    })
  }

  close(): Promise<unknown> {
    return this.worker.terminate()
  }
}
