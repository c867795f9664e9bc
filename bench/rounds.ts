import type { Sample, Window } from "./loadClient.ts"
import type { EchoServer } from "./processes.ts"
import { runClient } from "./processes.ts"
import type { Estimate } from "./statistics.ts"
import { estimate } from "./statistics.ts"

/** A client in the line-up, and the loads it is measured under. */
export interface Entry {
  readonly name: string
  readonly module: "./loadClient.ts" | "./javaClient.ts"
  /** Tells the module which client it is. */
  readonly client: string
  readonly inFlight: ReadonlyArray<number>
}

export interface Plan {
  readonly rounds: number
  readonly window: (entry: Entry, inFlight: number) => Window
}

/** What was measured in one round, by the entry's name. */
export type Round = ReadonlyMap<string, ReadonlyArray<Sample>>

/** A round that lost more than this share of the machine to others is not counted. */
const toleratedLoss = 0.05

/** Every second round is the one before it in reverse, and each pair of rounds starts one entry further. */
export const orderOf = <A>(entries: ReadonlyArray<A>, round: number): ReadonlyArray<A> => {
  const first = (round >> 1) % entries.length
  const rotated = [...entries.slice(first), ...entries.slice(0, first)]
  return round % 2 === 0 ? rotated : rotated.reverse()
}

const isDisturbed = (round: Round): boolean =>
  [...round.values()].some((samples) => samples.some((sample) => sample.lost > toleratedLoss))

export interface Played {
  /** The rounds that count. */
  readonly rounds: ReadonlyArray<Round>
  /** Rounds in which others took too much of the machine. */
  readonly disturbed: number
}

export const playRounds = async (
  entries: ReadonlyArray<Entry>,
  plan: Plan,
  server: EchoServer,
  observer: {
    readonly onRun: (round: number, name: string) => void
    readonly onSample: (round: number, name: string, sample: Sample) => void
  }
): Promise<Played> => {
  const rounds: Array<Round> = []
  for (let number = 0; number < plan.rounds; number++) {
    const round = new Map<string, ReadonlyArray<Sample>>()
    for (const entry of orderOf(entries, number)) {
      observer.onRun(number, entry.name)
      const windows = JSON.stringify(entry.inFlight.map((inFlight) => plan.window(entry, inFlight)))
      const samples = await runClient<ReadonlyArray<Sample>>(entry.module, [
        entry.client,
        String(server.port),
        String(server.pid),
        windows
      ])
      round.set(entry.name, samples)
      samples.forEach((sample) => observer.onSample(number, entry.name, sample))
    }
    rounds.push(round)
  }
  const calm = rounds.filter((round) => !isDisturbed(round))
  return {
    // With too few calm rounds, all of them count, and the control tells whether that was good enough.
    rounds: calm.length * 2 > rounds.length ? calm : rounds,
    disturbed: rounds.length - calm.length
  }
}

export type Quantity = (sample: Sample) => number

export const rate: Quantity = (sample) => sample.requestsPerSecond
export const cpu: Quantity = (sample) => sample.cpuMicros
export const p50: Quantity = (sample) => sample.p50Micros ?? NaN

const valuesOf = (rounds: ReadonlyArray<Round>, name: string, inFlight: number, quantity: Quantity) =>
  rounds.map((round) => {
    const sample = round.get(name)?.find((one) => one.inFlight === inFlight)
    if (sample === undefined) {
      throw new Error(`${name} was not measured with ${inFlight} in flight`)
    }
    return quantity(sample)
  })

/** What an entry has in the median round. */
export const absolute = (
  rounds: ReadonlyArray<Round>,
  name: string,
  inFlight: number,
  quantity: Quantity
): Estimate => estimate(valuesOf(rounds, name, inFlight, quantity))

/** What an entry has of another one's, paired in each round. */
export const ratio = (
  rounds: ReadonlyArray<Round>,
  name: string,
  against: string,
  inFlight: number,
  quantity: Quantity
): Estimate => {
  const base = valuesOf(rounds, against, inFlight, quantity)
  return estimate(valuesOf(rounds, name, inFlight, quantity).map((value, at) => value / base[at]))
}
