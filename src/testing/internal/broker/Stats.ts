/** How much of what happens, in the last minute, hour and day (RocketMQ 5.3.3 `BrokerStatsManager`). */
import type { BrokerStatsItem } from "../../../protocol/body/BrokerStats.ts"

/** The spans of one count. */
export interface Spans {
  readonly statsMinute: BrokerStatsItem
  readonly statsHour: BrokerStatsItem
  readonly statsDay: BrokerStatsItem
}

/** Spans that are looked back on, and the buckets that they are counted in. */
const spans = [
  { name: "statsMinute", bucket: 10_000, buckets: 6 },
  { name: "statsHour", bucket: 600_000, buckets: 6 },
  { name: "statsDay", bucket: 3_600_000, buckets: 24 }
] as const

/** Sums of one span, the oldest bucket first to be overwritten. */
class Window {
  private readonly sums: Float64Array
  private readonly times: Float64Array
  /** Number of the bucket that each place holds. */
  private readonly numbers: Float64Array
  private readonly bucket: number

  constructor(bucket: number, buckets: number) {
    this.bucket = bucket
    this.sums = new Float64Array(buckets)
    this.times = new Float64Array(buckets)
    this.numbers = new Float64Array(buckets).fill(-1)
  }

  add(value: number, times: number, now: number): void {
    const number = Math.floor(now / this.bucket)
    const place = number % this.sums.length
    if (this.numbers[place] !== number) {
      this.numbers[place] = number
      this.sums[place] = 0
      this.times[place] = 0
    }
    this.sums[place]! += value
    this.times[place]! += times
  }

  read(now: number): BrokerStatsItem {
    const oldest = Math.floor(now / this.bucket) - this.sums.length
    let sum = 0
    let times = 0
    for (let place = 0; place < this.sums.length; place++) {
      if (this.numbers[place]! <= oldest) continue
      sum += this.sums[place]!
      times += this.times[place]!
    }
    return {
      sum,
      tps: (sum * 1_000) / (this.bucket * this.sums.length),
      avgpt: times === 0 ? 0 : sum / times
    }
  }
}

/** Counts by name and key, such as `TOPIC_PUT_NUMS` of a topic. */
export class Stats {
  private readonly items = new Map<string, Map<string, ReadonlyArray<Window>>>()
  private readonly totals = new Map<string, number>()
  private readonly now: () => number

  constructor(now: () => number) {
    this.now = now
  }

  add(name: string, key: string, value: number, times = 1): void {
    let keys = this.items.get(name)
    if (keys === undefined) this.items.set(name, keys = new Map())
    let windows = keys.get(key)
    if (windows === undefined) {
      keys.set(key, windows = spans.map(({ bucket, buckets }) => new Window(bucket, buckets)))
    }
    const now = this.now()
    for (const window of windows) window.add(value, times, now)
    this.totals.set(name, (this.totals.get(name) ?? 0) + value)
  }

  /** Everything of that name since the broker started. */
  total(name: string): number {
    return this.totals.get(name) ?? 0
  }

  /** `undefined` when it never happened. */
  read(name: string, key: string): Spans | undefined {
    const windows = this.items.get(name)?.get(key)
    if (windows === undefined) return undefined
    const now = this.now()
    return { statsMinute: windows[0]!.read(now), statsHour: windows[1]!.read(now), statsDay: windows[2]!.read(now) }
  }

  /** A topic has gone, and what its groups got of it. */
  forgetTopic(topic: string): void {
    this.forget((key) => key === topic || key.startsWith(`${topic}@`))
  }

  /** A group has gone. */
  forgetGroup(group: string): void {
    this.forget((key) => key.endsWith(`@${group}`))
  }

  private forget(isGone: (key: string) => boolean): void {
    for (const keys of this.items.values()) for (const key of [...keys.keys()]) if (isGone(key)) keys.delete(key)
  }

  /** A second, in the last minute. */
  rate(name: string, key: string): number {
    return this.read(name, key)?.statsMinute.tps ?? 0
  }
}
