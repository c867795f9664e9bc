import type { CodecTimes } from "./codec.ts"
import type { Round } from "./rounds.ts"
import { absolute, cpu, p50, rate, ratio } from "./rounds.ts"
import type { Estimate } from "./statistics.ts"
import { estimate } from "./statistics.ts"

/** Everything that one run has measured. */
export interface Results {
  readonly rounds: ReadonlyArray<Round>
  readonly codec: ReadonlyArray<CodecTimes>
  readonly bytesPerInFlight: ReadonlyArray<number>
  readonly swapMs: ReadonlyArray<number>
}

export interface Measure {
  readonly field: string
  readonly label: string
  readonly unit: "ratio" | "share" | "µs" | "ms" | "bytes"
  readonly better: "larger" | "smaller"
  /** What must be reached, and what should be. */
  readonly floor: number
  readonly goal: number
  readonly of: (results: Results) => Estimate
}

export const measures: ReadonlyArray<Measure> = [
  {
    field: "rps64VsRaw",
    label: "requests/s, 64 in flight, against raw",
    unit: "ratio",
    better: "larger",
    floor: 0.6,
    goal: 0.8,
    of: ({ rounds }) => ratio(rounds, "ours", "raw", 64, rate)
  },
  {
    field: "rps64VsLimit",
    label: "requests/s, 64 in flight, against limit",
    unit: "ratio",
    better: "larger",
    floor: 0.5,
    goal: 0.7,
    of: ({ rounds }) => ratio(rounds, "ours", "limit", 64, rate)
  },
  {
    field: "rps1024VsRaw",
    label: "requests/s, 1,024 in flight, against raw",
    unit: "ratio",
    better: "larger",
    floor: 0.55,
    goal: 0.75,
    of: ({ rounds }) => ratio(rounds, "ours", "raw", 1024, rate)
  },
  {
    field: "rps64VsPerWrite",
    label: "requests/s, 64 in flight, against per-write",
    unit: "ratio",
    better: "larger",
    floor: 2,
    goal: 3,
    of: ({ rounds }) => ratio(rounds, "ours", "perWrite", 64, rate)
  },
  {
    field: "cpu64VsLimit",
    label: "client CPU per request, 64 in flight, against limit",
    unit: "ratio",
    better: "smaller",
    floor: 2.6,
    goal: 1.9,
    of: ({ rounds }) => ratio(rounds, "ours", "limit", 64, cpu)
  },
  {
    field: "p50VsRaw",
    label: "p50, one in flight, against raw",
    unit: "ratio",
    better: "smaller",
    floor: 1.1,
    goal: 1.03,
    of: ({ rounds }) => ratio(rounds, "ours", "raw", 1, p50)
  },
  {
    field: "encodeBinaryUs",
    label: "encode SEND_MESSAGE_V2, binary",
    unit: "µs",
    better: "smaller",
    floor: 1,
    goal: 0.4,
    of: ({ codec }) => estimate(codec.map((times) => times.encodeBinaryUs))
  },
  {
    field: "encodeJsonUs",
    label: "encode SEND_MESSAGE_V2, JSON",
    unit: "µs",
    better: "smaller",
    floor: 2,
    goal: 0.8,
    of: ({ codec }) => estimate(codec.map((times) => times.encodeJsonUs))
  },
  {
    field: "decodeUs",
    label: "decode a send answer, JSON",
    unit: "µs",
    better: "smaller",
    floor: 1,
    goal: 0.3,
    of: ({ codec }) => estimate(codec.map((times) => times.decodeUs))
  },
  {
    field: "bytesPerInFlight",
    label: "memory per request in flight, beside its body",
    unit: "bytes",
    better: "smaller",
    floor: 2048,
    goal: 1024,
    of: ({ bytesPerInFlight }) => estimate(bytesPerInFlight)
  },
  {
    field: "swapMs1024",
    label: "swap with 1,024 in flight, first GO_AWAY to last answer",
    unit: "ms",
    better: "smaller",
    floor: 150,
    goal: 10,
    of: ({ swapMs }) => estimate(swapMs)
  },
  {
    field: "metricsOverhead",
    label: "cost of metrics, in client CPU per request, 64 in flight",
    unit: "share",
    better: "smaller",
    floor: 0.15,
    goal: 0.03,
    of: ({ rounds }) => {
      const { interval: [low, high], value } = ratio(rounds, "ours", "oursWithoutMetrics", 64, cpu)
      return { value: value - 1, interval: [low - 1, high - 1] }
    }
  }
]

/** The same client twice: what is between the two is noise. */
export const aaControl = ({ rounds }: Results): Estimate => ratio(rounds, "limitAgain", "limit", 64, rate)

/** With a control further off than this, or whose interval leaves 1 out, a run says nothing. */
export const isVoid = ({ interval: [low, high], value }: Estimate): boolean =>
  Math.abs(value - 1) > 0.05 || low > 1 || high < 1

/** Whether a value is on the better side of a bound. */
const reaches = ({ better }: Measure, value: number, bound: number): boolean =>
  better === "larger" ? value >= bound : value <= bound

export const standing = (measure: Measure, value: number): "goal" | "floor" | "below" =>
  reaches(measure, value, measure.goal) ? "goal" : reaches(measure, value, measure.floor) ? "floor" : "below"

/** Worse than 0.7 of the floor, even at the better end of the interval: it is not noise. */
export const failsCheck = (measure: Measure, { interval: [low, high] }: Estimate): boolean =>
  measure.better === "larger" ? high < measure.floor * 0.7 : low > measure.floor / 0.7

/** Where each contestant stands beside the limit, with 64 in flight. */
export interface Place {
  readonly name: string
  readonly rate: Estimate
  readonly cpu: Estimate
  readonly rateVsLimit: Estimate
  readonly cpuVsLimit: Estimate
}

export const places = (rounds: ReadonlyArray<Round>): ReadonlyArray<Place> =>
  [...rounds[0].keys()]
    .map((name) => ({
      name,
      rate: absolute(rounds, name, 64, rate),
      cpu: absolute(rounds, name, 64, cpu),
      rateVsLimit: ratio(rounds, name, "limit", 64, rate),
      cpuVsLimit: ratio(rounds, name, "limit", 64, cpu)
    }))
    .sort((a, b) => b.rateVsLimit.value - a.rateVsLimit.value)
