/**
 * Tests of a simulation with many seeds.
 *
 * - `SIM_SEED=7` runs one seed; if it fails, with as few operations as still
 *   fail, and prints what happened.
 * - `SIM_FIRST`, `SIM_SEEDS` and `SIM_OPS` run other seeds, more of them, or
 *   longer ones.
 */
import { afterAll, assert, it } from "@effect/vitest"
import type { Name, Simulation, Stepped } from "./simulationRuns.ts"
import { breathe, runHere, SecondCore } from "./simulationRuns.ts"

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

/** What is wrong, without its numbers. */
const kindOf = (violation: string): string => violation.replace(/\d[\d.]*/g, "0").slice(0, 60)

/** Leaves out operations as long as the run still fails in the same way. */
const minimise = ({ simulate }: Simulation, plan: Stepped, violation: string): Stepped => {
  const fails = (smaller: Stepped) => simulate(smaller).violations.some((one) => kindOf(one) === kindOf(violation))
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

const tell = (simulation: Simulation, seed: number, violation: string): string => {
  const small = minimise(simulation, simulation.planOf(seed, operations), violation)
  const { steps, ...setup } = small
  return [
    JSON.stringify(setup),
    ...steps.map((step) => JSON.stringify(step)),
    ...simulation.simulate(small, { traced: true }).trace
  ].join("\n")
}

/**
 * A simulation's tests: its seeds break no rule, a run can be replayed, and
 * `all` of that comes about in some run.
 */
export const testSimulation = (name: Name, simulation: Simulation, all: ReadonlyArray<string>): void => {
  const { planOf, simulate } = simulation
  let second: SecondCore | undefined

  for (let from = first; from <= last; from += batch) {
    const to = Math.min(last, from + batch - 1)
    it(`breaks no rule: seeds ${from} to ${to}, ${operations} operations each`, { timeout: 200_000 }, async () => {
      const seeds = Array.from({ length: to - from + 1 }, (_, index) => from + index)
      if (seeds.length > 1) second ??= new SecondCore(name)
      const [even, odd] = await Promise.all([
        runHere(simulation, { operations, seeds: seeds.filter((seed) => seeds.length === 1 || seed % 2 === 0) }),
        second?.run({ operations, seeds: seeds.filter((seed) => seed % 2 !== 0) }) ?? []
      ])
      const failed = [...even, ...odd].sort((left, right) => left.seed - right.seed).map(({ seed, violations }) =>
        `seed ${seed} (SIM_SEED=${seed} SIM_OPS=${operations} runs it alone): ${violations.slice(0, 3).join("; ")}` +
        (only === undefined ? "" : `\n${tell(simulation, seed, violations[0]!)}`)
      )
      assert.strictEqual(failed.length, 0, failed.slice(0, 10).join("\n"))
    })
  }

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

  it("meets everything there is to meet", { timeout: 200_000 }, async () => {
    const missing = new Set(all)
    for (let seed = 1; seed <= telling; seed++) {
      for (const met of Object.keys(simulate(planOf(seed, 200)).counts)) missing.delete(met)
      await breathe()
    }
    assert.deepStrictEqual([...missing], [])
  })

  afterAll(() => second?.close())
}
