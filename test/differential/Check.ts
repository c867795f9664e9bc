/** Tries many sequences, and makes the first that fails as short as it can. */
import { Generator } from "./Generator.ts"
import { accidents, knownAs, type KnownDifference } from "./KnownDifferences.ts"
import type { Deviation, RunResult } from "./Runner.ts"
import { describeRequest, run, shrink } from "./Runner.ts"
import type { Addresses, Sides } from "./Sides.ts"

/** Requests of a sequence, about: some steps make two, and some none. */
export const sequenceLength = 50

/** Sequences that run at the same time, each with names of its own. */
const lanes = 12

export interface CheckOptions extends Sides<Addresses> {
  readonly sequences: number
  readonly firstSeed: number
  readonly known: ReadonlyArray<KnownDifference>
}

export interface Failure {
  readonly seed: number
  readonly deviation: Deviation
  /** What is left of the sequence, as the embedded one was asked. */
  readonly minimal: ReadonlyArray<string>
}

export interface CheckResult {
  readonly requests: number
  readonly failure: Failure | undefined
  readonly seen: ReadonlySet<KnownDifference>
  /** Codes that were asked for. */
  readonly codes: ReadonlySet<number>
}

export const check = async (options: CheckOptions): Promise<CheckResult> => {
  const { embedded, firstSeed, known, real, sequences } = options
  const seen = new Set<KnownDifference>()
  const codes = new Set<number>()
  let requests = 0
  let attempts = 0
  let next = firstSeed
  let found: { readonly seed: number; readonly deviation: Deviation } | undefined

  const isKnown = ({ difference }: Deviation): boolean => {
    const one = knownAs(known, difference)
    if (one !== undefined) seen.add(one)
    return one !== undefined
  }

  /** A sequence with new names, or what is left of it. */
  const attempt = (seed: number, ids?: ReadonlySet<number>): Promise<RunResult> => {
    const generator = new Generator(seed, `r${++attempts}`, Date.now())
    const steps = generator.sequence(sequenceLength).filter(({ id }) => ids === undefined || ids.has(id))
    return run(steps, { embedded, real, prefix: generator.prefix, isKnown, stopAtFirst: true })
  }

  const lane = async (): Promise<void> => {
    while (found === undefined && next < firstSeed + sequences) {
      const seed = next++
      const result = await attempt(seed)
      requests += result.requests
      for (const code of result.codes.keys()) codes.add(code)
      let deviation = result.deviations.find((one) => !isKnown(one))
      if (deviation !== undefined && knownAs(accidents, deviation.difference) !== undefined) {
        deviation = (await attempt(seed)).deviations.find((one) => !isKnown(one))
      }
      if (deviation !== undefined) found ??= { seed, deviation }
    }
  }
  await Promise.all(Array.from({ length: lanes }, lane))
  if (found === undefined) return { requests, failure: undefined, seen, codes }

  const { deviation, seed } = found
  const isSame = (one: Deviation): boolean =>
    !isKnown(one) && one.difference.request === deviation.difference.request &&
    one.difference.path.split(".")[0] === deviation.difference.path.split(".")[0]
  const all = new Generator(seed, "all", Date.now()).sequence(sequenceLength).map(({ id }) => id)
  const upTo = all.slice(0, all.indexOf(deviation.step.id) + 1)
  const ids = await shrink(upTo, async (left) => (await attempt(seed, new Set(left))).deviations.some(isSame))
  const last = await attempt(seed, new Set(ids))
  const minimal = last.asked.map(describeRequest)
  return { requests, failure: { seed, deviation: last.deviations.find(isSame) ?? deviation, minimal }, seen, codes }
}

export const describeFailure = ({ deviation: { difference, request }, minimal, seed }: Failure): string =>
  [
    `DIFFERENTIAL_SEED=${seed}: ${difference.path} of the answer to ${describeRequest(request)}`,
    `embedded: ${JSON.stringify(difference.embedded)}`,
    `real:     ${JSON.stringify(difference.real)}`,
    "the shortest sequence that shows it, as the embedded one was asked:",
    ...minimal.map((line) => `  ${line}`)
  ].join("\n")
