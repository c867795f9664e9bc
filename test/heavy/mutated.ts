/** What the fuzzers share: changes of bytes that come from outside, and what a decoder may take for them. */

/** The longest that one input may keep a decoder busy. */
export const slowMs = 50

const words = [0, 1, 3, 4, 7, 8, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xffff, 0xffffff, 0x1000000, 0x7fffffff]
  .flatMap((word) => [word, -word])
  .concat([2 ** 24 - 4, 2 ** 24 - 3, 2 ** 24 - 5, -(2 ** 31)])

export type Random = (below: number) => number

export const pick = <A>(random: Random, values: ReadonlyArray<A>): A => values[random(values.length)]

/** One change, of a kind that parsers get wrong. */
export const mutated = (
  frame: Buffer,
  random: Random,
  corpus: ReadonlyArray<Buffer>,
  tokens: ReadonlyArray<Buffer>
): Buffer => {
  const at = random(frame.length + 1)
  const to = Math.min(frame.length, at + random(12))
  switch (random(11)) {
    case 0: {
      const changed = Buffer.from(frame)
      changed[at % frame.length] ^= 1 << random(8)
      return changed
    }
    case 1: {
      const changed = Buffer.from(frame)
      changed[at % frame.length] = random(256)
      return changed
    }
    case 2:
      return Buffer.concat([frame.subarray(0, at), pick(random, tokens), frame.subarray(at)])
    case 3:
      return Buffer.concat([frame.subarray(0, at), pick(random, tokens), frame.subarray(to)])
    case 4:
      return Buffer.concat([frame.subarray(0, at), frame.subarray(to)])
    case 5:
      return Buffer.concat([frame.subarray(0, to), frame.subarray(at)])
    case 6: {
      const changed = Buffer.from(frame)
      if (frame.length >= 4) {
        changed.writeInt32BE(pick(random, words), random(frame.length - 3))
      }
      return changed
    }
    case 7: {
      const changed = Buffer.from(frame)
      if (frame.length >= 2) {
        changed.writeInt16BE((pick(random, words) << 16) >> 16, random(frame.length - 1))
      }
      return changed
    }
    case 8: {
      const other = pick(random, corpus)
      return Buffer.concat([frame.subarray(0, at), other.subarray(random(other.length))])
    }
    case 9:
      return frame.subarray(0, at)
    default:
      return Buffer.concat([frame, pick(random, corpus)])
  }
}

const milliseconds = (run: () => void): number => {
  const begin = performance.now()
  run()
  return performance.now() - begin
}

/** The least of several times, so that a pause of the machine is not taken for one of the parser. */
export const leastMilliseconds = (run: () => void): number => {
  let least = milliseconds(run)
  for (let again = 0; again < 4 && least > slowMs; again++) {
    least = Math.min(least, milliseconds(run))
  }
  return least
}

export const usedBytes = (): number => {
  if (globalThis.gc === undefined) {
    throw new Error("needs --expose-gc")
  }
  globalThis.gc()
  globalThis.gc()
  const { arrayBuffers, heapUsed } = process.memoryUsage()
  return heapUsed + arrayBuffers
}
