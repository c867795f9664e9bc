/**
 * What a run against a whole cluster does, decided beforehand from its seed
 * and written down as plain data; see `simulationPlan.ts`.
 */
import type { Delivery } from "../../src/client/Producer.ts"
import type { Order } from "./simulationRuntime.ts"
import { Dice } from "./simulationRuntime.ts"
import type { WorldPlan } from "./simulationWorld.ts"

export interface ProducerPlan {
  readonly delivery: Delivery
  readonly retries: number
  readonly timeoutMillis: number
  readonly maxInFlight: number
  /** Bodies of so many bytes are compressed. */
  readonly threshold: number
  /** For how long a broker that failed is left alone. */
  readonly avoidMillis: number
}

export interface ClientPlan {
  readonly producers: ReadonlyArray<ProducerPlan>
  readonly serialization: "JSON" | "ROCKETMQ"
  readonly connectMillis: number
  readonly registrationMillis: number
  readonly idleMillis: number
  readonly maxInFlight: number
}

/** What local transactions decide, and what is answered when a broker asks. */
export type Decision = "Commit" | "Rollback" | "Unknown"

/** How a local transaction ends. */
export type Local =
  | { readonly kind: "decide"; readonly decision: Decision; readonly millis: number }
  | { readonly kind: "fail" | "interrupt"; readonly millis: number }

export type Topic = "plain" | "made"

/** Each of the kinds of sends. */
export type Send =
  | { readonly kind: "send"; readonly topic: Topic; readonly bodyBytes: number; readonly count: number }
  /** A chain: the next is sent when the one before has ended. */
  | {
    readonly kind: "ordered"
    readonly by: "key" | "queue" | "selector"
    readonly key: number
    readonly count: number
  }
  | { readonly kind: "batch"; readonly topic: Topic; readonly count: number }
  | { readonly kind: "oneway"; readonly topic: Topic; readonly count: number }
  | { readonly kind: "delayed"; readonly level: number; readonly millis: number; readonly recall: boolean }
  | { readonly kind: "transaction"; readonly local: Local; readonly check: Decision }
  | { readonly kind: "request" }

/** What goes wrong with requests to a server. */
export type ServerFault =
  | {
    readonly kind: "loseAnswer" | "duplicateAnswer" | "closeConnection" | "busy" | "diskFull" | "noPermission" | "fail"
  }
  | { readonly kind: "slow" | "late"; readonly millis: number }

/** Which requests a fault meets. */
export type Met = "sends" | "transactions" | "heartbeats" | "routes" | "registrations" | "all"

export type Role = "broker" | "slave" | "nameServer" | "proxy"

/** A server, by what it is and its number among those. */
export interface Which {
  readonly role: Role
  readonly index: number
}

export type Operation =
  | {
    readonly type: "send"
    readonly client: number
    readonly producer: number
    readonly send: Send
    readonly timeoutMillis: number | undefined
    readonly delivery: Delivery | undefined
  }
  | { readonly type: "interrupt"; readonly which: number }
  /** All requests that nobody has replied to get their reply. */
  | { readonly type: "reply"; readonly client: number }
  | { readonly type: "drain" | "stop" | "start" | "loseStore" | "reset" | "clear"; readonly server: Which }
  | {
    readonly type: "inject"
    readonly server: Which
    readonly fault: ServerFault
    readonly meets: Met
    readonly times: number
  }
  | { readonly type: "status"; readonly broker: number; readonly status: number }
  | { readonly type: "network"; readonly server: Which; readonly fault: "refuse" | "blackHole" | undefined }
  /** Who manages the cluster changes a topic on all brokers. */
  | { readonly type: "topic"; readonly permission: "readWrite" | "read"; readonly queues: number }
  | { readonly type: "reopen"; readonly client: number }
  | {
    readonly type: "reproduce"
    readonly client: number
    readonly producer: number
    readonly drain: number | undefined
  }
  | { readonly type: "pass"; readonly millis: number }

/** An operation, and how many tasks run before the next one. `undefined`: as long as there are any. */
export type Step = Operation & { readonly tasks: number | undefined }

export interface Plan extends WorldPlan {
  readonly order: Order
  /** Two proxies behind one address; otherwise clients know the name servers, and ask brokers themselves. */
  readonly proxies: boolean
  readonly balance: "roundRobin" | "random"
  /** The first broker has a slave. */
  readonly slave: boolean
  readonly shutdownWaitMillis: number
  /** Queues on each broker. */
  readonly queues: number
  readonly clients: ReadonlyArray<ClientPlan>
  readonly steps: ReadonlyArray<Step>
}

const producer = (dice: Dice): ProducerPlan => ({
  delivery: dice.chance(0.5) ? "atMostOnce" : "atLeastOnce",
  retries: dice.pick([0, 1, 2, 2, 2, 5]),
  timeoutMillis: dice.pick([500, 3_000, 3_000, 3_000, 10_000]),
  maxInFlight: dice.chance(0.15) ? dice.between(1, 4) : 10_000,
  threshold: dice.pick([300, 4_096]),
  avoidMillis: dice.pick([200, 1_000, 1_000, 5_000])
})

const client = (dice: Dice): ClientPlan => ({
  producers: Array.from({ length: dice.between(1, 2) }, () => producer(dice)),
  serialization: dice.pick(["JSON", "ROCKETMQ"]),
  connectMillis: dice.pick([300, 3_000]),
  registrationMillis: dice.pick([500, 5_000]),
  idleMillis: dice.chance(0.2) ? dice.pick([1_500, 5_000]) : 120_000,
  maxInFlight: dice.chance(0.1) ? dice.between(4, 12) : 65_535
})

const local = (dice: Dice): Local => {
  const millis = dice.pick([0, 0, 0, 5, 300, 2_500])
  const roll = dice.next()
  if (roll < 0.06) return { kind: "fail", millis }
  if (roll < 0.1) return { kind: "interrupt", millis }
  return { kind: "decide", decision: dice.pick(["Commit", "Commit", "Rollback", "Unknown"]), millis }
}

const count = (dice: Dice): number => dice.chance(0.2) ? dice.between(2, 4) : 1

const send = (dice: Dice): Send => {
  const roll = dice.next()
  const topic = dice.chance(0.15) ? "made" : "plain"
  if (roll < 0.35) {
    return { kind: "send", topic, bodyBytes: dice.chance(0.2) ? dice.below(2_000) : 0, count: count(dice) }
  }
  if (roll < 0.55) {
    return {
      kind: "ordered",
      by: dice.pick(["key", "key", "queue", "selector"]),
      key: dice.below(4),
      count: dice.between(1, 3)
    }
  }
  if (roll < 0.65) return { kind: "batch", topic, count: dice.between(1, 5) }
  if (roll < 0.72) return { kind: "oneway", topic, count: count(dice) }
  if (roll < 0.8) {
    return {
      kind: "delayed",
      level: dice.chance(0.5) ? dice.between(1, 3) : 0,
      millis: dice.pick([1_000, 4_000, 15_000]),
      recall: dice.chance(0.3)
    }
  }
  if (roll < 0.95) return { kind: "transaction", local: local(dice), check: dice.pick(["Commit", "Rollback"]) }
  return { kind: "request" }
}

const fault = (dice: Dice): ServerFault => {
  const kind = dice.pick<ServerFault["kind"]>(
    [
      "loseAnswer",
      "loseAnswer",
      "duplicateAnswer",
      "closeConnection",
      "busy",
      "diskFull",
      "noPermission",
      "fail",
      "slow",
      "late"
    ]
  )
  return kind === "slow" || kind === "late" ? { kind, millis: dice.pick([5, 200, 1_000, 5_000]) } : { kind }
}

const millis = (dice: Dice): number => {
  const roll = dice.next()
  if (roll < 0.35) return dice.below(4)
  if (roll < 0.75) return dice.below(60)
  if (roll < 0.93) return dice.below(600)
  return roll < 0.99 ? dice.below(4_000) : dice.pick([12_000, 35_000])
}

/** Operations by weight. A run leaves some kinds out, so that the others meet undisturbed. */
const weights: ReadonlyArray<readonly [Operation["type"], weight: number, always: boolean]> = [
  ["send", 34, true],
  ["pass", 32, true],
  ["interrupt", 2, false],
  ["reply", 2, true],
  ["drain", 3, false],
  ["stop", 2, false],
  ["start", 6, true],
  ["loseStore", 0.7, false],
  ["reset", 2, false],
  ["inject", 6, false],
  ["clear", 1, true],
  ["status", 0.7, false],
  ["network", 3, false],
  ["topic", 1, false],
  ["reopen", 0.5, false],
  ["reproduce", 0.5, false]
]

/** The plan of a seed. */
export const planOf = (seed: number, operations: number): Plan => {
  const dice = new Dice(seed, 1)
  const proxies = dice.chance(0.4)
  const slave = dice.chance(0.25)
  const queues = dice.pick([1, 2, 4])
  const clients = Array.from({ length: dice.between(1, 3) }, () => client(dice))
  const chosen = weights.filter(([, , always]) => always || dice.chance(0.65))
  const total = chosen.reduce((sum, [, weight]) => sum + weight, 0)
  const partial = dice.pick([0, 0.3, 0.7])
  const type = (): Operation["type"] => {
    let roll = dice.next() * total
    for (const [name, weight] of chosen) {
      roll -= weight
      if (roll < 0) return name
    }
    return "pass"
  }
  const server = (): Which => {
    const roll = dice.next()
    if (slave && roll < 0.08) return { role: "slave", index: 0 }
    if (roll < 0.2) return { role: "nameServer", index: dice.below(2) }
    return { role: proxies && roll < 0.55 ? "proxy" : "broker", index: dice.below(2) }
  }
  const meets = (): Met =>
    dice.pick(["sends", "sends", "sends", "transactions", "heartbeats", "routes", "registrations", "all"])
  const operation = (): Operation => {
    const name = type()
    switch (name) {
      case "send": {
        const which = dice.below(clients.length)
        return {
          type: name,
          client: which,
          producer: dice.below(clients[which]!.producers.length),
          send: send(dice),
          timeoutMillis: dice.chance(0.3) ? dice.pick([10, 100, 1_000, 3_000, 10_000]) : undefined,
          delivery: dice.chance(0.1) ? dice.pick(["atLeastOnce", "atMostOnce"]) : undefined
        }
      }
      case "interrupt":
        return { type: name, which: dice.below(1_000) }
      case "reply":
        return { type: name, client: dice.below(clients.length) }
      case "loseStore":
        return { type: name, server: { role: "broker", index: dice.below(2) } }
      case "drain":
      case "stop":
      case "start":
      case "reset":
      case "clear":
        return { type: name, server: server() }
      case "inject":
        return { type: name, server: server(), fault: fault(dice), meets: meets(), times: dice.between(1, 4) }
      case "status":
        return { type: name, broker: dice.below(2), status: dice.below(4) }
      case "network":
        return {
          type: name,
          server: server(),
          fault: dice.pick(["refuse", "blackHole", undefined, undefined, undefined])
        }
      case "topic":
        return { type: name, permission: dice.pick(["readWrite", "readWrite", "read"]), queues: dice.pick([1, 2, 4]) }
      case "reopen":
        return { type: name, client: dice.below(clients.length) }
      case "reproduce": {
        const which = dice.below(clients.length)
        return {
          type: name,
          client: which,
          producer: dice.below(clients[which]!.producers.length),
          drain: dice.pick([undefined, 0, 100, 2_000])
        }
      }
      case "pass":
        return { type: name, millis: millis(dice) }
    }
  }
  return {
    seed,
    order: dice.pick(["fifo", "random"]),
    latencyMillis: dice.pick([0, 0, 0, 0.4, 5]),
    connectLatencyMillis: dice.pick([0, 0, 3, 50]),
    maxChunk: dice.chance(0.2) ? dice.pick([60, 500]) : undefined,
    window: dice.chance(0.1) ? dice.pick([300, 4_000]) : 1_048_576,
    proxies,
    balance: dice.pick(["roundRobin", "random"]),
    slave,
    shutdownWaitMillis: dice.pick([300, 2_000, 10_000]),
    queues,
    clients,
    steps: Array.from({ length: operations }, () => ({
      ...operation(),
      tasks: dice.chance(partial) ? dice.below(20) : undefined
    }))
  }
}
