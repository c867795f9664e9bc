/** What a producer counts, as metrics that cost its hot path nothing: plain numbers, read when somebody asks. */
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Metrics from "../../remoting/Metrics.ts"
import type { SenderCounters } from "./sender.ts"
import type { SendGate } from "./sendGate.ts"

const readings = (counters: SenderCounters, gate: SendGate): ReadonlyArray<Metrics.Reading> => {
  const messages = (outcome: string, read: () => number): Metrics.Reading => ({
    name: "rocketmq_producer_messages",
    description: "Sends that have ended, by outcome; a batch is one",
    kind: "counter",
    attributes: { outcome },
    read
  })
  const gauge = (name: string, description: string, read: () => number): Metrics.Reading => ({
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

/** Registers the metrics of a producer until the scope closes, under a name that no other has. */
export const register = (
  counters: SenderCounters,
  gate: SendGate,
  wanted: string
): Effect.Effect<void, never, Scope.Scope> => Metrics.register(readings(counters, gate), "producer", wanted)
