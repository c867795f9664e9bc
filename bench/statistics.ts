export const median = (values: ReadonlyArray<number>): number => {
  const sorted = values.slice().sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

/** A small generator with a seed (mulberry32), so that the same samples give the same interval. */
const generator = (seed: number) => {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}

export interface Estimate {
  readonly value: number
  /** 95 % confidence interval of the median, by bootstrap. */
  readonly interval: readonly [low: number, high: number]
}

export const estimate = (values: ReadonlyArray<number>): Estimate => {
  const random = generator(values.length)
  const medians = Array.from(
    { length: 2000 },
    () => median(Array.from(values, () => values[Math.floor(random() * values.length)]))
  ).sort((a, b) => a - b)
  return { value: median(values), interval: [medians[49], medians[1949]] }
}
