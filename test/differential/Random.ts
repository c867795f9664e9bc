/** Random numbers from a seed, the same on every machine (mulberry32). */
export class Random {
  private state: number

  constructor(seed: number) {
    this.state = seed >>> 0
  }

  /** From 0 to less than 1. */
  next(): number {
    this.state = (this.state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(this.state ^ (this.state >>> 15), this.state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000
  }

  /** An integer from 0 to less than `limit`. */
  below(limit: number): number {
    return Math.floor(this.next() * limit)
  }

  /** Whether something happens that happens `percent` times in a hundred. */
  chance(percent: number): boolean {
    return this.below(100) < percent
  }

  pick<T>(values: ReadonlyArray<T>): T {
    return values[this.below(values.length)]!
  }

  /** One of `values`, as often as its weight says. */
  weighted<T>(values: ReadonlyArray<readonly [weight: number, value: T]>): T {
    let left = this.below(values.reduce((sum, [weight]) => sum + weight, 0))
    for (const [weight, value] of values) {
      if (left < weight) return value
      left -= weight
    }
    return values.at(-1)![1]
  }
}
