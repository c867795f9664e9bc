/** The ids that a producer gives its messages. */
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import { uniqKeyPrefix } from "../../protocol/message/MessageId.ts"

const hexPairs: ReadonlyArray<string> = Array.from(
  { length: 256 },
  (_, value) => value.toString(16).toUpperCase().padStart(2, "0")
)

/**
 * When the month in which a time lies, or one some months later, begins in
 * local time. The first look at a zone of `DateTime` takes 20 ms, which every
 * process would pay as it starts.
 */
const startOfMonth = (now: number, later: number): number => {
  // oxlint-disable no-restricted-globals -- the time is given
  const date = new Date(now)
  return new Date(date.getFullYear(), date.getMonth() + later).getTime()
  // oxlint-enable no-restricted-globals
}

/**
 * Makes `UNIQ_KEY`s: what a client's ids begin with, the milliseconds since the
 * month began in local time, from which tools guess when a message was sent,
 * and a counter (RocketMQ 5.3.3 `MessageClientIDSetter`). They are unique as
 * long as fewer than 65,536 are made in a millisecond.
 */
export class UniqKeys {
  private readonly prefix: string
  private counter: number
  private monthStart = Infinity
  private monthEnd = -Infinity
  private millis = NaN
  /** The prefix and the time, as long as it is the same. */
  private stem = ""

  constructor(prefix: string, firstCounter: number) {
    this.prefix = prefix
    this.counter = firstCounter & 0xffff
  }

  /** @param now milliseconds since 1970 */
  next(now: number): string {
    if (now !== this.millis) this.moveTo(now)
    const counter = this.counter
    this.counter = (counter + 1) & 0xffff
    return this.stem + hexPairs[counter >>> 8] + hexPairs[counter & 0xff]
  }

  private moveTo(now: number): void {
    if (now >= this.monthEnd || now < this.monthStart) {
      this.monthStart = startOfMonth(now, 0)
      this.monthEnd = startOfMonth(now, 1)
    }
    const passed = (now - this.monthStart) >>> 0
    this.stem = this.prefix + hexPairs[passed >>> 24] + hexPairs[(passed >>> 16) & 0xff] +
      hexPairs[(passed >>> 8) & 0xff] + hexPairs[passed & 0xff]
    this.millis = now
  }
}

/**
 * A generator whose ids nobody else makes, as far as 64 random bits can tell.
 *
 * @param ip what ids begin with: the 4 or 16 bytes of the client's address
 */
export const make = Effect.fnUntraced(function*(ip: Uint8Array): Effect.fn.Return<UniqKeys> {
  const process = yield* Random.nextIntBetween(0, 0xffff)
  const salt = yield* Random.nextIntBetween(0, 0xffff_ffff)
  const first = yield* Random.nextIntBetween(0, 0xffff)
  return new UniqKeys(uniqKeyPrefix(ip, process, salt), first)
})
