/**
 * What callers saw joined with what servers did: the one judge of a run.
 *
 * Requests are numbered from 0. Each costs two bytes, so that minutes of full
 * load fit in a few megabytes.
 */
import type { Outcome } from "effect-rocketmq/remoting/RemotingError"

/** What became of a request at its caller. */
const Fate = { Pending: 0, Acknowledged: 1, NotSent: 2, NotProcessed: 3, Unknown: 4 } as const

/** In a byte of `executions`: how often a handler was entered, and whether one came to its end. */
const countMask = 0x7f
const completedBit = 0x80

/** The numbers of one run. */
export interface Verdict {
  readonly requests: number
  /** Every request whose caller got an error, those with an unknown outcome included. */
  readonly failed: number
  /** Failed, and nobody can say whether the server executed it. */
  readonly unknown: number
  /** Acknowledged but not executed, or never settled. */
  readonly lost: number
  /** Executed more than once. */
  readonly duplicated: number
  /** Reported as not executed, and executed all the same. */
  readonly misreported: number
  /** Longest time between a call and its result, in milliseconds. */
  readonly maxLatencyMs: number
}

export class History {
  requests = 0
  acknowledged = 0
  failed = 0
  unknown = 0
  maxLatencyMs = 0
  private fates = new Uint8Array(65_536)
  private executions = new Uint8Array(65_536)

  /** A caller makes a request. Returns its number. */
  submitted(): number {
    if (this.requests === this.fates.length) {
      this.fates = grown(this.fates)
      this.executions = grown(this.executions)
    }
    return this.requests++
  }

  /** A server begins to execute a request. */
  begun(id: number): void {
    if ((this.executions[id] & countMask) < countMask) this.executions[id]++
  }

  /** A server has executed a request and is about to acknowledge it. */
  completed(id: number): void {
    this.executions[id] |= completedBit
  }

  /** A caller got its answer. */
  succeeded(id: number, latencyMs: number): void {
    this.acknowledged++
    this.settled(id, Fate.Acknowledged, latencyMs)
  }

  /** A caller got an error. */
  refused(id: number, outcome: Outcome, latencyMs: number): void {
    this.failed++
    if (outcome === "Unknown") this.unknown++
    this.settled(id, Fate[outcome], latencyMs)
  }

  /** To be asked when nothing is on its way any more. */
  verdict(): Verdict {
    let lost = 0
    let duplicated = 0
    let misreported = 0
    for (let id = 0; id < this.requests; id++) {
      const fate = this.fates[id]
      const times = this.executions[id] & countMask
      const completed = (this.executions[id] & completedBit) !== 0
      if (fate === Fate.Pending || (fate === Fate.Acknowledged && !completed)) lost++
      if (times > 1) duplicated++
      if (times > 0 && (fate === Fate.NotSent || fate === Fate.NotProcessed)) misreported++
    }
    return {
      requests: this.requests,
      failed: this.failed,
      unknown: this.unknown,
      lost,
      duplicated,
      misreported,
      maxLatencyMs: Math.round(this.maxLatencyMs)
    }
  }

  private settled(id: number, fate: number, latencyMs: number): void {
    this.fates[id] = fate
    if (latencyMs > this.maxLatencyMs) this.maxLatencyMs = latencyMs
  }
}

const grown = (bytes: Uint8Array): Uint8Array<ArrayBuffer> => {
  const larger = new Uint8Array(bytes.length * 2)
  larger.set(bytes)
  return larger
}
