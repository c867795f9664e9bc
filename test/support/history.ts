/**
 * What must hold of any run of clients and servers, whatever was done to them.
 *
 * Callers carry an id of their own in an ext field; servers write down the ids
 * of what they execute. The two are joined here. All of it is plain data, so
 * that a simulation, a test on loopback, a demo and a run against real servers
 * are judged alike.
 */
import type { ChannelEvent } from "../../src/remoting/ChannelEvent.ts"
import type { Outcome } from "../../src/remoting/RemotingError.ts"

/** How a call ended, for its caller. Times are in milliseconds, on one clock for all. */
export type Settlement =
  /** The answer of a handler. `id` is the id that the answer carries, `by` who says to have executed it. */
  | { readonly kind: "Acknowledged"; readonly at: number; readonly id: string; readonly by: string }
  /** An answer that says the request was not executed, such as SYSTEM_BUSY. */
  | { readonly kind: "Refused"; readonly at: number }
  /** A oneway request was handed over. */
  | { readonly kind: "Sent"; readonly at: number }
  | { readonly kind: Outcome; readonly at: number; readonly detail: string }
  | { readonly kind: "Interrupted"; readonly at: number }

/** A request as its caller saw it. */
export interface Call {
  /** Made by the caller, unique in the history. */
  readonly id: string
  readonly oneway: boolean
  /** Whether executing it twice does no harm. */
  readonly repeatable: boolean
  readonly deadline: number
  /** How many GO_AWAYs it may survive. Default: any number. */
  readonly goAwayHops?: number | undefined
  /** All that a server sees of the request, opaque apart. */
  readonly content: string
  readonly settlements: ReadonlyArray<Settlement>
}

/** A handler ran. */
export interface Execution {
  readonly id: string
  readonly at: number
  readonly by: string
  readonly content: string
}

/** A request was handed to a socket. */
export interface Attempt {
  readonly id: string
  readonly at: number
  /** Who sent it: opaques are unique for one sender. */
  readonly sender: string
  readonly opaque: number
  readonly content: string
}

/** GO_AWAY was received for an attempt. */
export interface Refusal {
  readonly id: string
  readonly at: number
}

/** What happened. Attempts and refusals are there where somebody listened on the wire. */
export interface History {
  readonly calls: ReadonlyArray<Call>
  readonly executions: ReadonlyArray<Execution>
  readonly wire?: {
    readonly attempts: ReadonlyArray<Attempt>
    readonly refusals: ReadonlyArray<Refusal>
  } | undefined
  /** Milliseconds by which a deadline may be missed: none in virtual time. Default: 0.001, for rounding. */
  readonly tolerance?: number | undefined
}

/** The rules, by name. */
export type Rule =
  | "settled exactly once"
  | "settled by its deadline"
  | "acknowledged means executed"
  | "the answer is its own"
  | "not repeatable means executed at most once"
  | "NotSent and NotProcessed mean never executed"
  | "refused means not executed"
  | "executed means asked"
  | "executed as asked"
  | "executed no more often than sent"
  | "NotSent means never handed to a socket"
  | "NotProcessed means every attempt was refused"
  | "resent only after GO_AWAY"
  | "no more hops than allowed"
  | "sent as asked"
  | "nothing sent after settlement"
  | "an opaque is used once"
  | "a channel has one life"
  | "one channel a generation"
  | "one current channel"
  | "one swap a go-away"

/** A broken rule. */
export interface Violation {
  readonly rule: Rule
  /** The call, or the channel. */
  readonly subject: string
  readonly detail: string
}

const grouped = <A>(items: ReadonlyArray<A>, key: (item: A) => string): ReadonlyMap<string, ReadonlyArray<A>> => {
  const groups = new Map<string, Array<A>>()
  for (const item of items) {
    const group = groups.get(key(item))
    if (group === undefined) groups.set(key(item), [item])
    else group.push(item)
  }
  return groups
}

/** Judges a history that has ended. No violations: an empty list. */
export const checkHistory = (history: History): ReadonlyArray<Violation> => {
  const violations: Array<Violation> = []
  const tolerance = history.tolerance ?? 0.001
  const executions = grouped(history.executions, (execution) => execution.id)
  const attempts = grouped(history.wire?.attempts ?? [], (attempt) => attempt.id)
  const refusals = grouped(history.wire?.refusals ?? [], (refusal) => refusal.id)
  const calls = new Map<string, Call>()
  const broken = (rule: Rule, subject: string, detail: string) => {
    violations.push({ rule, subject, detail })
  }

  for (const call of history.calls) {
    const { id } = call
    if (calls.has(id)) throw new Error(`two calls have the id ${id}: the history itself is wrong`)
    calls.set(id, call)
    const executed = executions.get(id) ?? []
    const by = executed.map((execution) => `${execution.by} at ${execution.at}`).join(", ")
    if (call.settlements.length !== 1) {
      broken(
        "settled exactly once",
        id,
        `settled ${call.settlements.length} times: ${call.settlements.map((one) => one.kind).join(", ")}`
      )
    }
    for (const settlement of call.settlements) {
      if (settlement.at > call.deadline + tolerance) {
        broken("settled by its deadline", id, `${settlement.kind} at ${settlement.at}, due at ${call.deadline}`)
      }
      if (settlement.kind === "Acknowledged") {
        if (settlement.id !== id) broken("the answer is its own", id, `it got the answer to ${settlement.id}`)
        if (!executed.some((execution) => execution.by === settlement.by)) {
          broken(
            "acknowledged means executed",
            id,
            `${settlement.by} answered; executed by ${by === "" ? "nobody" : by}`
          )
        }
      }
      if ((settlement.kind === "NotSent" || settlement.kind === "NotProcessed") && executed.length > 0) {
        broken(
          "NotSent and NotProcessed mean never executed",
          id,
          `${settlement.kind} (${settlement.detail}), yet executed by ${by}`
        )
      }
      if (settlement.kind === "Refused" && executed.length > 0 && !call.repeatable) {
        broken("refused means not executed", id, `executed by ${by}`)
      }
    }
    if (!call.repeatable && executed.length > 1) {
      broken("not repeatable means executed at most once", id, `executed by ${by}`)
    }
    for (const execution of executed) {
      if (execution.content !== call.content) {
        broken("executed as asked", id, `asked ${call.content}, executed ${execution.content}`)
      }
    }
    if (history.wire === undefined) continue

    const sent = attempts.get(id) ?? []
    const refused = refusals.get(id) ?? []
    const settlement = call.settlements[0]
    if (executed.length > sent.length) {
      broken("executed no more often than sent", id, `sent ${sent.length} times, executed by ${by}`)
    }
    if (settlement?.kind === "NotSent" && sent.length > 0) {
      broken("NotSent means never handed to a socket", id, `it was, at ${sent.map((one) => one.at).join(", ")}`)
    }
    if (settlement?.kind === "NotProcessed" && refused.length !== sent.length) {
      broken(
        "NotProcessed means every attempt was refused",
        id,
        `${sent.length} attempts, ${refused.length} of them refused`
      )
    }
    if (!call.repeatable && sent.length > refused.length + 1) {
      broken("resent only after GO_AWAY", id, `${sent.length} attempts, ${refused.length} of them refused`)
    }
    if (refused.length > (call.goAwayHops ?? Infinity) + 1) {
      broken("no more hops than allowed", id, `refused ${refused.length} times, allowed ${call.goAwayHops} hops`)
    }
    for (const attempt of sent) {
      if (attempt.content !== call.content) {
        broken("sent as asked", id, `asked ${call.content}, sent ${attempt.content}`)
      }
      if (settlement !== undefined && attempt.at > settlement.at + tolerance) {
        broken("nothing sent after settlement", id, `${settlement.kind} at ${settlement.at}, sent at ${attempt.at}`)
      }
    }
  }

  for (const execution of history.executions) {
    if (!calls.has(execution.id)) {
      broken("executed means asked", execution.id, `${execution.by} executed what nobody asked`)
    }
  }
  const opaques = new Map<string, Attempt>()
  for (const attempt of history.wire?.attempts ?? []) {
    const key = `${attempt.sender} ${attempt.opaque}`
    const earlier = opaques.get(key)
    if (earlier !== undefined) {
      broken(
        "an opaque is used once",
        attempt.id,
        `${attempt.sender} sent ${earlier.id} and ${attempt.id} with opaque ${attempt.opaque}`
      )
    }
    opaques.set(key, attempt)
  }
  return violations
}

/** A channel on its way through its events. */
interface Life {
  readonly channelId: string
  readonly seen: Array<ChannelEvent["type"]>
}

/** What may follow what in the life of one channel; a failed dial is an `Exception` alone. */
const successors: Record<ChannelEvent["type"], ReadonlyArray<ChannelEvent["type"]>> = {
  Connect: ["Active", "GoAway", "Exception", "Close"],
  Active: ["Reconnected", "GoAway", "Idle", "Exception", "Close"],
  Reconnected: ["GoAway", "Idle", "Exception", "Close"],
  GoAway: ["Draining", "Close"],
  Draining: ["Exception", "Close"],
  Idle: ["Exception", "Close"],
  Exception: ["Close"],
  Close: []
}

/**
 * Judges the events that one subscriber of one client saw, in order.
 *
 * @param ended whether the client was closed: then every channel must be, too
 */
export const checkEvents = (events: ReadonlyArray<ChannelEvent>, ended: boolean): ReadonlyArray<Violation> => {
  const violations: Array<Violation> = []
  const broken = (rule: Rule, subject: string, detail: string) => {
    violations.push({ rule, subject, detail })
  }
  for (const [address, told] of grouped(events, (event) => event.address)) {
    const lives = new Map<number, Life>()
    let newest = 0
    let current: number | undefined
    for (const event of told) {
      const subject = `${address} generation ${event.generation}`
      const known = lives.get(event.generation)
      const life = known ?? { channelId: event.channelId, seen: [] }
      lives.set(event.generation, life)
      if (known === undefined) {
        if (event.generation <= newest) {
          broken("one channel a generation", subject, `it began after generation ${newest}`)
        }
        newest = Math.max(newest, event.generation)
        if (event.type !== "Connect" && event.type !== "Exception") {
          broken("a channel has one life", subject, `it began with ${event.type}`)
        }
      } else {
        if (life.channelId !== event.channelId) {
          broken("one channel a generation", subject, `channels ${life.channelId} and ${event.channelId}`)
        }
        const last = life.seen[life.seen.length - 1]!
        if (life.seen[0] === "Exception" || !successors[last].includes(event.type)) {
          broken("a channel has one life", subject, `${[...life.seen, event.type].join(" ")}`)
        }
      }
      if (event.type === "GoAway" && life.seen.includes("GoAway")) {
        broken("one swap a go-away", subject, [...life.seen, event.type].join(" "))
      }
      if (event.type === "GoAway" || event.type === "Idle" || event.type === "Close") {
        if (current === event.generation) current = undefined
      }
      if (event.type === "Active") {
        if (current !== undefined) {
          broken("one current channel", subject, `generation ${current} was active still`)
        }
        current = event.generation
      }
      life.seen.push(event.type)
    }
    if (!ended) continue
    for (const [generation, life] of lives) {
      if (life.seen[0] === "Connect" && life.seen[life.seen.length - 1] !== "Close") {
        broken(
          "a channel has one life",
          `${address} generation ${generation}`,
          `it never closed: ${life.seen.join(" ")}`
        )
      }
    }
  }
  return violations
}
