/**
 * What callers saw joined with what the broker stored: the one judge of a run.
 *
 * Messages are numbered from 0. Each costs two bytes, so that minutes of full
 * load fit in a few megabytes.
 */
import type { Outcome } from "effect-rocketmq/remoting/RemotingError"

/** What became of a message at its caller. */
const Fate = { Pending: 0, Acknowledged: 1, NotSent: 2, NotProcessed: 3, Unknown: 4 } as const

const maxTimes = 0xff

/** The numbers of one run. */
export interface Verdict {
  readonly requests: number
  /** Every message whose caller got an error, those with an unknown outcome included. */
  readonly failed: number
  /** Failed, and the caller cannot say whether it is stored. */
  readonly unknown: number
  /** Acknowledged but not stored, or never settled. */
  readonly lost: number
  /** Stored more than once. */
  readonly duplicated: number
  /** Reported as not stored, and stored all the same. */
  readonly misreported: number
  /** Longest time between a call and its result, in milliseconds. */
  readonly maxLatencyMs: number
}

export class History {
  requests = 0
  failed = 0
  unknown = 0
  maxLatencyMs = 0
  private fates = new Uint8Array(65_536)
  /** How often a message is stored. */
  private times = new Uint8Array(65_536)

  /** A caller sends a message. Returns its number. */
  submitted(): number {
    if (this.requests === this.fates.length) {
      this.fates = grown(this.fates)
      this.times = grown(this.times)
    }
    return this.requests++
  }

  /** A caller got its acknowledgement. */
  acknowledged(id: number, latencyMs: number): void {
    this.settled(id, Fate.Acknowledged, latencyMs)
  }

  /** A caller got an error. */
  refused(id: number, outcome: Outcome, latencyMs: number): void {
    this.failed++
    if (outcome === "Unknown") this.unknown++
    this.settled(id, Fate[outcome], latencyMs)
  }

  /** The broker has the message; once more with each call. */
  stored(id: number): void {
    if (this.times[id] < maxTimes) this.times[id]++
  }

  /** To be asked when the store was read. */
  verdict(): Verdict {
    let lost = 0
    let duplicated = 0
    let misreported = 0
    for (let id = 0; id < this.requests; id++) {
      const fate = this.fates[id]
      const times = this.times[id]
      if (fate === Fate.Pending || (fate === Fate.Acknowledged && times === 0)) lost++
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
