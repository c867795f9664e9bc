/**
 * What a run does, decided beforehand from its seed and written down as plain
 * data: who there is, and one operation after the other. A plan with fewer
 * operations is a plan too, which is how a failing one is made small.
 */
import { RequestCode } from "../../src/protocol/RequestCode.ts"
import type { Order } from "./simulationRuntime.ts"
import { Dice } from "./simulationRuntime.ts"

/** What a handler does once it has written down that it ran. */
export type Work =
  | { readonly kind: "answer" }
  | { readonly kind: "sleep"; readonly millis: number }
  /** Suspended, as a long poll. */
  | { readonly kind: "poll"; readonly millis: number }
  | { readonly kind: "never" }
  | { readonly kind: "fail" }

export interface ServerPlan {
  readonly shutdownWaitMillis: number
  readonly maxHandlers: number
  readonly idleMillis: number
  /** Whether closing it drains it. */
  readonly graceful: boolean
}

/** When a policy of back-offs ends. `undefined`: never. */
export type Steps = number | undefined

export interface ClientPlan {
  readonly registered: boolean
  readonly version: number
  readonly serialization: "JSON" | "ROCKETMQ"
  readonly connectMillis: number
  readonly registrationMillis: number
  readonly probeAfterMillis: number
  readonly probeMillis: number
  readonly idleMillis: number
  readonly maxUnsentBytes: number
  readonly maxHandlers: number
  readonly maxInFlight: number
  readonly maxFrameSize: number
  readonly firstOpaque: number | undefined
  readonly jitter: boolean
  readonly goAwayEnabled: boolean
  /** Whether sends are replayed after GO_AWAY; reads always are. */
  readonly replaySends: boolean
  readonly goAwaySteps: Steps
  readonly reconnectSteps: Steps
}

/** How the balanced address chooses among its servers. */
export type Balance = "roundRobin" | "random" | "first" | "leastConnections"

/** What becomes of the next answers of a server. */
export type AnswerFault = "lose" | "duplicate" | "garbage" | "truncate" | "reset"

export type Operation =
  | {
    readonly type: "ask"
    readonly client: number
    /** A server, or -1 for the balanced address. */
    readonly target: number
    readonly code: number
    readonly oneway: boolean
    readonly count: number
    readonly timeoutMillis: number
    readonly goAwayHops: number | undefined
    readonly repeatable: boolean | undefined
    readonly failFast: boolean
    readonly bodyBytes: number
    readonly remark: string | undefined
    readonly work: Work
  }
  | {
    readonly type: "askBack"
    readonly server: number
    readonly peer: number
    readonly timeoutMillis: number
    readonly work: Work
  }
  | { readonly type: "interrupt"; readonly which: number }
  | { readonly type: "drain" | "stop" | "start" | "reset"; readonly server: number }
  | {
    readonly type: "fault"
    readonly target: number
    readonly fault: "refuse" | "blackHole" | "hold" | undefined
  }
  | { readonly type: "answers"; readonly server: number; readonly fault: AnswerFault; readonly count: number }
  | { readonly type: "registrations"; readonly server: number; readonly answer: "take" | "fail" | "ignore" }
  | { readonly type: "register" | "unregister" | "reopen"; readonly client: number }
  | { readonly type: "pass"; readonly millis: number }

/** An operation, and how many tasks run before the next one. `undefined`: as long as there are any. */
export type Step = Operation & { readonly tasks: number | undefined }

export interface Plan {
  readonly seed: number
  readonly order: Order
  readonly latencyMillis: number
  readonly connectLatencyMillis: number
  readonly maxChunk: number | undefined
  readonly window: number
  readonly balance: Balance
  readonly servers: ReadonlyArray<ServerPlan>
  readonly clients: ReadonlyArray<ClientPlan>
  readonly steps: ReadonlyArray<Step>
}

/** A code that is not repeated, and one that is. */
const sends = RequestCode.SEND_MESSAGE
const reads = RequestCode.QUERY_CONSUMER_OFFSET

const server = (dice: Dice): ServerPlan => ({
  shutdownWaitMillis: dice.pick([100, 1_000, 3_000, 10_000]),
  maxHandlers: dice.chance(0.15) ? dice.between(1, 4) : 128,
  idleMillis: dice.chance(0.1) ? dice.pick([1_000, 5_000]) : 120_000,
  graceful: dice.chance(0.5)
})

const client = (dice: Dice): ClientPlan => ({
  registered: dice.chance(0.5),
  version: dice.chance(0.1) ? 400 : 513,
  serialization: dice.pick(["JSON", "ROCKETMQ"]),
  connectMillis: dice.pick([300, 3_000]),
  registrationMillis: dice.pick([200, 1_000, 5_000]),
  probeAfterMillis: dice.pick([2_000, 10_000, 30_000]),
  probeMillis: dice.pick([500, 5_000]),
  idleMillis: dice.chance(0.25) ? dice.pick([1_500, 5_000]) : 120_000,
  maxUnsentBytes: dice.chance(0.15) ? 4_096 : 67_108_864,
  maxHandlers: dice.chance(0.15) ? dice.between(1, 3) : 128,
  maxInFlight: dice.chance(0.15) ? dice.between(3, 12) : 65_535,
  maxFrameSize: dice.chance(0.15) ? 2_048 : 16_777_216,
  firstOpaque: dice.chance(0.2) ? 0x7fff_ffff - dice.below(20) : undefined,
  jitter: dice.chance(0.7),
  goAwayEnabled: dice.chance(0.93),
  replaySends: dice.chance(0.9),
  goAwaySteps: dice.chance(0.12) ? dice.between(0, 3) : undefined,
  reconnectSteps: dice.chance(0.12) ? dice.between(1, 3) : undefined
})

const work = (dice: Dice, slow: boolean): Work => {
  const roll = dice.next()
  if (roll < (slow ? 0.3 : 0.75)) return { kind: "answer" }
  if (roll < 0.88) return { kind: "sleep", millis: dice.pick([0, 1, 5, 30, 200, 1_000, 4_000]) }
  if (roll < 0.95) return { kind: "poll", millis: dice.pick([50, 500, 3_000, 15_000]) }
  return { kind: roll < 0.97 ? "never" : "fail" }
}

const answered = (given: Work): Work => given.kind === "never" ? { kind: "answer" } : given

const millis = (dice: Dice): number => {
  const roll = dice.next()
  if (roll < 0.35) return dice.below(4)
  if (roll < 0.8) return dice.below(60)
  if (roll < 0.95) return dice.below(600)
  return roll < 0.995 ? dice.below(4_000) : dice.pick([12_000, 36_000])
}

/** Operations by weight. A run leaves some kinds out, so that the others meet undisturbed. */
const weights: ReadonlyArray<readonly [Operation["type"], weight: number, always: boolean]> = [
  ["ask", 30, true],
  ["pass", 30, true],
  ["interrupt", 4, false],
  ["drain", 4, false],
  ["stop", 2, false],
  ["start", 5, true],
  ["reset", 2, false],
  ["fault", 4, false],
  ["answers", 3, false],
  ["registrations", 1.5, false],
  ["register", 0.7, false],
  ["unregister", 0.7, false],
  ["reopen", 0.7, false],
  ["askBack", 4, false]
]

/** The plan of a seed. */
export const planOf = (seed: number, operations: number): Plan => {
  const dice = new Dice(seed, 1)
  const servers = Array.from({ length: dice.between(2, 4) }, () => server(dice))
  const clients = Array.from({ length: dice.between(1, 3) }, () => client(dice))
  const chosen = weights.filter(([, , always]) => always || dice.chance(0.65))
  const total = chosen.reduce((sum, [, weight]) => sum + weight, 0)
  const slow = dice.chance(0.3)
  const bursts = dice.chance(0.15)
  const partial = dice.pick([0, 0.3, 0.7])
  const directly = dice.pick([0, 0.2, 0.5])
  const type = (): Operation["type"] => {
    let roll = dice.next() * total
    for (const [name, weight] of chosen) {
      roll -= weight
      if (roll < 0) return name
    }
    return "pass"
  }
  const anyServer = () => dice.below(servers.length)
  const operation = (): Operation => {
    const name = type()
    switch (name) {
      case "ask":
        return {
          type: name,
          client: dice.below(clients.length),
          target: dice.chance(directly) ? anyServer() : -1,
          code: dice.chance(0.6) ? sends : reads,
          oneway: dice.chance(0.12),
          count: bursts && dice.chance(0.1) ? dice.between(10, 40) : dice.chance(0.3) ? dice.between(2, 6) : 1,
          timeoutMillis: dice.pick([10, 50, 200, 1_000, 1_000, 3_000, 3_000, 10_000]),
          goAwayHops: dice.chance(0.15) ? dice.below(3) : undefined,
          repeatable: dice.chance(0.1) ? dice.chance(0.5) : undefined,
          failFast: dice.chance(0.15),
          bodyBytes: dice.chance(0.2) ? dice.below(4_000) : 0,
          remark: dice.chance(0.1) ? "remark ß" : undefined,
          work: work(dice, slow)
        }
      case "askBack":
        return {
          type: name,
          server: anyServer(),
          peer: dice.below(8),
          timeoutMillis: dice.pick([20, 500, 3_000]),
          // One that never ended would hold a draining connection open for ever.
          work: answered(work(dice, slow))
        }
      case "interrupt":
        return { type: name, which: dice.below(1_000) }
      case "drain":
      case "stop":
      case "start":
      case "reset":
        return { type: name, server: anyServer() }
      case "fault":
        return {
          type: name,
          target: dice.chance(0.2) ? -1 : anyServer(),
          fault: dice.pick(["refuse", "blackHole", "hold", undefined, undefined, undefined])
        }
      case "answers":
        return {
          type: name,
          server: anyServer(),
          fault: dice.pick(["lose", "duplicate", "garbage", "truncate", "reset"]),
          count: dice.between(1, 4)
        }
      case "registrations":
        return { type: name, server: anyServer(), answer: dice.pick(["take", "take", "fail", "ignore"]) }
      case "register":
      case "unregister":
      case "reopen":
        return { type: name, client: dice.below(clients.length) }
      case "pass":
        return { type: name, millis: millis(dice) }
    }
  }
  return {
    seed,
    order: dice.pick(["fifo", "random"]),
    latencyMillis: dice.pick([0, 0, 0.4, 5, 80]),
    connectLatencyMillis: dice.pick([0, 0, 3, 200]),
    maxChunk: dice.chance(0.4) ? dice.pick([2, 60, 500]) : undefined,
    window: dice.chance(0.2) ? dice.pick([1, 300, 4_000]) : 1_048_576,
    balance: dice.pick(["roundRobin", "random", "random", "first", "leastConnections"]),
    servers,
    clients,
    steps: Array.from({ length: operations }, () => ({
      ...operation(),
      tasks: dice.chance(partial) ? dice.below(12) : undefined
    }))
  }
}
