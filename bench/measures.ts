import type { CodecTimes } from "./codec.ts"
import type { EmbeddedTimes } from "./embeddedClient.ts"
import type { Round } from "./rounds.ts"
import { absolute, cpu, p50, rate, ratio } from "./rounds.ts"
import type { SendQuantity, Sends } from "./sends.ts"
import { sendRatio } from "./sends.ts"
import type { Estimate } from "./statistics.ts"
import { estimate } from "./statistics.ts"

/** Everything that one run has measured. */
export interface Results {
  readonly rounds: ReadonlyArray<Round>
  readonly codec: ReadonlyArray<CodecTimes>
  readonly bytesPerInFlight: ReadonlyArray<number>
  readonly swapMs: ReadonlyArray<number>
  readonly embedded: ReadonlyArray<EmbeddedTimes>
  /** Or why there are none. */
  readonly sends: Sends | { readonly missing: string }
}

export interface Measure {
  readonly field: string
  readonly label: string
  readonly unit: "ratio" | "share" | "µs" | "ms" | "bytes"
  readonly better: "larger" | "smaller"
  /** What must be reached, and what should be. */
  readonly floor: number
  readonly goal: number
  /** Share of its floor that is enough for `--check`. */
  readonly enough: number
  /** `undefined` when what it takes is not there. */
  readonly of: (results: Results) => Estimate | undefined
}

/** Of the measures whose machine is two cores that a CI shares with others. */
const lenient = 0.7

/** A measure of sends, which only a real broker makes possible. */
const ofSends = (of: (sends: Sends) => Estimate) => ({ sends }: Results): Estimate | undefined =>
  "missing" in sends ? undefined : of(sends)

const sendRate: SendQuantity = (sample) => sample.messagesPerSecond
const sendCpu: SendQuantity = (sample) => sample.cpuMicros

export const measures: ReadonlyArray<Measure> = [
  {
    field: "rps64VsRaw",
    label: "requests/s, 64 in flight, against raw",
    unit: "ratio",
    better: "larger",
    floor: 0.6,
    goal: 0.8,
    enough: lenient,
    of: ({ rounds }) => ratio(rounds, "ours", "raw", 64, rate)
  },
  {
    field: "rps64VsLimit",
    label: "requests/s, 64 in flight, against limit",
    unit: "ratio",
    better: "larger",
    floor: 0.5,
    goal: 0.7,
    enough: lenient,
    of: ({ rounds }) => ratio(rounds, "ours", "limit", 64, rate)
  },
  {
    field: "rps1024VsRaw",
    label: "requests/s, 1,024 in flight, against raw",
    unit: "ratio",
    better: "larger",
    floor: 0.55,
    goal: 0.75,
    enough: lenient,
    of: ({ rounds }) => ratio(rounds, "ours", "raw", 1024, rate)
  },
  {
    field: "rps64VsPerWrite",
    label: "requests/s, 64 in flight, against per-write",
    unit: "ratio",
    better: "larger",
    floor: 2,
    goal: 3,
    enough: lenient,
    of: ({ rounds }) => ratio(rounds, "ours", "perWrite", 64, rate)
  },
  {
    field: "cpu64VsLimit",
    label: "client CPU per request, 64 in flight, against limit",
    unit: "ratio",
    better: "smaller",
    floor: 2.6,
    goal: 1.9,
    enough: lenient,
    of: ({ rounds }) => ratio(rounds, "ours", "limit", 64, cpu)
  },
  {
    field: "p50VsRaw",
    label: "p50, one in flight, against raw",
    unit: "ratio",
    better: "smaller",
    floor: 1.1,
    goal: 1.03,
    enough: lenient,
    of: ({ rounds }) => ratio(rounds, "ours", "raw", 1, p50)
  },
  {
    field: "encodeBinaryUs",
    label: "encode SEND_MESSAGE_V2, binary",
    unit: "µs",
    better: "smaller",
    floor: 1,
    goal: 0.4,
    enough: lenient,
    of: ({ codec }) => estimate(codec.map((times) => times.encodeBinaryUs))
  },
  {
    field: "encodeJsonUs",
    label: "encode SEND_MESSAGE_V2, JSON",
    unit: "µs",
    better: "smaller",
    floor: 2,
    goal: 0.8,
    enough: lenient,
    of: ({ codec }) => estimate(codec.map((times) => times.encodeJsonUs))
  },
  {
    field: "decodeUs",
    label: "decode a send answer, JSON",
    unit: "µs",
    better: "smaller",
    floor: 1,
    goal: 0.3,
    enough: lenient,
    of: ({ codec }) => estimate(codec.map((times) => times.decodeUs))
  },
  {
    field: "bytesPerInFlight",
    label: "memory per request in flight, beside its body",
    unit: "bytes",
    better: "smaller",
    floor: 2048,
    goal: 1024,
    enough: lenient,
    of: ({ bytesPerInFlight }) => estimate(bytesPerInFlight)
  },
  {
    field: "swapMs1024",
    label: "swap with 1,024 in flight, first GO_AWAY to last answer",
    unit: "ms",
    better: "smaller",
    floor: 150,
    goal: 10,
    enough: lenient,
    of: ({ swapMs }) => estimate(swapMs)
  },
  {
    field: "metricsOverhead",
    label: "cost of metrics, in client CPU per request, 64 in flight",
    unit: "share",
    better: "smaller",
    floor: 0.15,
    goal: 0.03,
    enough: lenient,
    of: ({ rounds }) => {
      const { interval: [low, high], value } = ratio(rounds, "ours", "oursWithoutMetrics", 64, cpu)
      return { value: value - 1, interval: [low - 1, high - 1] }
    }
  },
  {
    field: "sendCpuVsLimit",
    label: "CPU per message sent, 64 in flight, against limit",
    unit: "ratio",
    better: "smaller",
    floor: 2.5,
    goal: 1.5,
    enough: 1,
    of: ofSends((sends) => sendRatio(sends, "ours", "limit", sendCpu))
  },
  {
    field: "send64VsLimit",
    label: "messages/s, 64 in flight, against limit",
    unit: "ratio",
    better: "larger",
    floor: 0.85,
    goal: 0.97,
    enough: 1,
    of: ofSends((sends) => sendRatio(sends, "ours", "limit", sendRate))
  },
  {
    field: "send64VsJavaSync",
    label: "messages/s, 64 in flight, against Java, sync",
    unit: "ratio",
    better: "larger",
    floor: 1.2,
    goal: 1.5,
    enough: 1,
    of: ofSends((sends) => sendRatio(sends, "ours", "javaSync", sendRate))
  },
  {
    field: "send64VsJavaAsync",
    label: "messages/s, 64 in flight, against Java, async",
    unit: "ratio",
    better: "larger",
    floor: 1,
    goal: 1.2,
    enough: 1,
    of: ofSends((sends) => sendRatio(sends, "ours", "javaAsync", sendRate))
  },
  {
    field: "coldStartVsJava",
    label: "process start to first message acknowledged, against Java",
    unit: "ratio",
    better: "smaller",
    floor: 0.7,
    goal: 0.4,
    enough: 1,
    of: ofSends((sends) => sendRatio(sends, "ours", "javaSync", (sample) => sample.firstMs))
  },
  {
    field: "rssVsJava",
    label: "resident memory after sends, against Java, sync",
    unit: "ratio",
    better: "smaller",
    floor: 0.5,
    goal: 0.3,
    enough: 1,
    of: ofSends((sends) => sendRatio(sends, "ours", "javaSync", (sample) => sample.rssBytes))
  },
  {
    field: "embeddedStartMs",
    label: "embedded: layer built to first route",
    unit: "ms",
    better: "smaller",
    floor: 40,
    goal: 20,
    enough: lenient,
    of: ({ embedded }) => estimate(embedded.map((times) => times.startMs))
  },
  {
    field: "embeddedFirstStartMs",
    label: "embedded: the same, the first of a process",
    unit: "ms",
    better: "smaller",
    floor: 60,
    goal: 20,
    enough: lenient,
    of: ({ embedded }) => estimate(embedded.map((times) => times.firstStartMs))
  },
  {
    field: "embeddedSendsPerSecond",
    label: "embedded: sends/s in memory, against TCP",
    unit: "ratio",
    better: "larger",
    floor: 1,
    goal: 1.5,
    enough: lenient,
    of: ({ embedded }) => estimate(embedded.map((times) => times.sendsVsTcp))
  },
  {
    field: "embeddedBytesPerMessage",
    label: "embedded: memory per stored message, beside its body",
    unit: "bytes",
    better: "smaller",
    floor: 600,
    goal: 300,
    enough: lenient,
    of: ({ embedded }) => estimate(embedded.map((times) => times.bytesPerMessage))
  }
]

/** The same client twice: what is between the two is noise. */
export const aaControl = ({ rounds }: Results): Estimate => ratio(rounds, "limitAgain", "limit", 64, rate)

/** The same for the limit of sends. */
export const sendControl = ofSends((sends) => sendRatio(sends, "limitAgain", "limit", sendRate))

/** With a control further off than this, or whose interval leaves 1 out, a run says nothing. */
export const isVoid = ({ interval: [low, high], value }: Estimate): boolean =>
  Math.abs(value - 1) > 0.05 || low > 1 || high < 1

/** The fields of the measures that this run could not take. */
export const notMeasured = (results: Results): ReadonlyArray<string> =>
  measures.filter(({ of }) => of(results) === undefined).map(({ field }) => field)

/** Whether a value is on the better side of a bound. */
const reaches = ({ better }: Measure, value: number, bound: number): boolean =>
  better === "larger" ? value >= bound : value <= bound

export const standing = (measure: Measure, value: number): "goal" | "floor" | "below" =>
  reaches(measure, value, measure.goal) ? "goal" : reaches(measure, value, measure.floor) ? "floor" : "below"

/** The floor is missed even at the better end of the interval, by more than is tolerated: it is not noise. */
export const failsCheck = (measure: Measure, { interval: [low, high] }: Estimate): boolean =>
  measure.better === "larger" ? high < measure.floor * measure.enough : low > measure.floor / measure.enough

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
