/** What a producer counts, as metrics that cost its hot path nothing: plain numbers, read when somebody asks. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import type * as Scope from "effect/Scope"
import type { SenderCounters } from "./sender.ts"
import type { SendGate } from "./sendGate.ts"

interface Reading {
  readonly name: string
  readonly description: string
  readonly kind: "counter" | "gauge"
  readonly attributes?: Readonly<Record<string, string>>
  readonly read: () => number
}

const readings = (counters: SenderCounters, gate: SendGate): ReadonlyArray<Reading> => {
  const messages = (outcome: string, read: () => number): Reading => ({
    name: "rocketmq_producer_messages",
    description: "Sends that have ended, by outcome; a batch is one",
    kind: "counter",
    attributes: { outcome },
    read
  })
  const gauge = (name: string, description: string, read: () => number): Reading => ({
    name: `rocketmq_producer_${name}`,
    description,
    kind: "gauge",
    read
  })
  return [
    messages("Acknowledged", () => counters.acknowledged),
    messages("NotSent", () => counters.notSent),
    messages("NotProcessed", () => counters.notProcessed),
    messages("Unknown", () => counters.unknown),
    messages("Interrupted", () => counters.interrupted),
    {
      name: "rocketmq_producer_retries",
      description: "Attempts beyond the first of a send",
      kind: "counter",
      read: () => counters.retries
    },
    {
      name: "rocketmq_producer_bytes",
      description: "Bytes of bodies that were acknowledged, as they were sent",
      kind: "counter",
      read: () => counters.bytes
    },
    gauge("in_flight", "Sends that wait for an answer", () => gate.messages),
    gauge("in_flight_bytes", "Bytes of their bodies", () => gate.bytes),
    gauge("waiting", "Sends that wait for room", () => gate.waiting)
  ]
}

const ignore = () => {}

/** Names in use, by registry: two of one name would hide each other's series. */
const names = new WeakMap<object, Set<string>>()

/** Registers the metrics of a producer until the scope closes, under a name that no other has. */
export const register = Effect.fnUntraced(function*(
  counters: SenderCounters,
  gate: SendGate,
  wanted: string
): Effect.fn.Return<void, never, Scope.Scope> {
  const context: Context.Context<never> = yield* Effect.context<never>()
  const registry = Context.get(context, Metric.MetricRegistry)
  const taken = names.get(registry) ?? new Set()
  names.set(registry, taken)
  let name = wanted
  for (let number = 2; taken.has(name); number++) name = `${wanted}-${number}`
  taken.add(name)
  const registrations = readings(counters, gate).map((reading) => {
    const options = { description: reading.description, attributes: { producer: name, ...reading.attributes } }
    return reading.kind === "counter"
      ? Metric.registerUnsafe(Metric.counter(reading.name, { ...options, incremental: true }), context, {
        get: () => ({ count: reading.read(), incremental: true }),
        update: ignore,
        modify: ignore
      })
      : Metric.registerUnsafe(Metric.gauge(reading.name, options), context, {
        get: () => ({ value: reading.read() }),
        update: ignore,
        modify: ignore
      })
  })
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      for (const registration of registrations) registration.remove()
      taken.delete(name)
    })
  )
})
