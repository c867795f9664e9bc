/**
 * Runs a simulation for many seeds.
 *
 * - `SIM_SEED=7` runs one seed; if it fails, with as few operations as still
 *   fail, and prints what happened.
 * - `SIM_FIRST`, `SIM_SEEDS` and `SIM_OPS` run other seeds, more of them, or
 *   longer ones.
 */
import { assert, it } from "@effect/vitest"
import type { Report, RunOptions } from "./simulationWorld.ts"

const setting = (name: string, fallback: number): number => {
  const value = Number(process.env[name] ?? fallback)
  if (!Number.isSafeInteger(value) || value < 1) throw new Error(`${name} is not a positive number`)
  return value
}

const only = process.env.SIM_SEED === undefined ? undefined : setting("SIM_SEED", 1)
const operations = setting("SIM_OPS", 200)
const first = only ?? setting("SIM_FIRST", 1)
const last = only ?? first + setting("SIM_SEEDS", 2_000) - 1

/** Seeds of one test: enough to see where the time goes. */
const batch = 250

/** Each so-manieth seed runs twice. */
const repeated = 50

/** Seeds among which everything must be met. */
const telling = 60

/** A plan with fewer steps is a plan too. */
interface Stepped {
  readonly steps: ReadonlyArray<unknown>
}

/** What is simulated. */
export interface Simulation<P extends Stepped> {
  readonly planOf: (seed: number, operations: number) => P
  readonly simulate: (plan: P, options?: RunOptions) => Report
}

/** Lets the runner hear from this process. */
const breathe = () => new Promise((resolve) => setImmediate(resolve))

/** What is wrong, without its numbers. */
const kindOf = (violation: string): string => violation.replace(/\d[\d.]*/g, "0").slice(0, 60)

/** Leaves out operations as long as the run still fails in the same way. */
const minimise = <P extends Stepped>({ simulate }: Simulation<P>, plan: P, violation: string): P => {
  const fails = (smaller: P) => simulate(smaller).violations.some((one) => kindOf(one) === kindOf(violation))
  let smallest = plan
  for (let size = plan.steps.length >> 1; size >= 1; size >>= 1) {
    for (let at = 0; at < smallest.steps.length;) {
      const smaller = { ...smallest, steps: [...smallest.steps.slice(0, at), ...smallest.steps.slice(at + size)] }
      if (fails(smaller)) smallest = smaller
      else at += size
    }
  }
  return smallest
}

const tell = <P extends Stepped>(simulation: Simulation<P>, plan: P, violation: string): string => {
  const small = minimise(simulation, plan, violation)
  const { steps, ...setup } = small
  return [
    JSON.stringify(setup),
    ...steps.map((step) => JSON.stringify(step)),
    ...simulation.simulate(small, { traced: true }).trace
  ].join("\n")
}

/** The seeds break no rule. */
export const breaksNoRule = <P extends Stepped>(simulation: Simulation<P>): void => {
  for (let from = first; from <= last; from += batch) {
    const to = Math.min(last, from + batch - 1)
    it(`breaks no rule: seeds ${from} to ${to}, ${operations} operations each`, { timeout: 200_000 }, async () => {
      const failed: Array<string> = []
      for (let seed = from; seed <= to; seed++) {
        const plan = simulation.planOf(seed, operations)
        const { violations } = simulation.simulate(plan)
        if (violations.length > 0) {
          failed.push(
            `seed ${seed} (SIM_SEED=${seed} SIM_OPS=${operations} runs it alone): ${violations.slice(0, 3).join("; ")}`
          )
          if (only !== undefined) failed.push(tell(simulation, plan, violations[0]!))
        }
        await breathe()
      }
      assert.strictEqual(failed.length, 0, failed.slice(0, 10).join("\n"))
    })
  }
}

/** A run can be replayed. */
export const isTheSameAgain = <P extends Stepped>({ planOf, simulate }: Simulation<P>): void => {
  it("is the same to the last byte when it is run again", { timeout: 200_000 }, async () => {
    const hashes = new Set<string>()
    let seeds = 0
    for (let seed = first; seed <= last; seed += repeated) {
      const plan = planOf(seed, operations)
      const { hash } = simulate(plan, { hashed: true })
      assert.strictEqual(simulate(plan, { hashed: true }).hash, hash, `seed ${seed}`)
      hashes.add(hash)
      seeds++
      await breathe()
    }
    assert.strictEqual(hashes.size, seeds)
  })
}

/** All of that comes about in some run. */
export const meets = <P extends Stepped>({ planOf, simulate }: Simulation<P>, all: ReadonlyArray<string>): void => {
  it("meets everything there is to meet", async () => {
    const missing = new Set(all)
    for (let seed = 1; seed <= telling; seed++) {
      for (const met of Object.keys(simulate(planOf(seed, 200)).counts)) missing.delete(met)
      await breathe()
    }
    assert.deepStrictEqual([...missing], [])
  })
}
