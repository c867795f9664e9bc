/**
 * How much a producer has in flight, and who waits for less. Whoever finds
 * room pays two additions; those who wait have a place in a queue, and all of
 * them together one fiber.
 */
import type * as Fiber from "effect/Fiber"

/** What ends a wait. */
export type Entry = "entered" | "timedOut" | "closed"

/** Somebody who waits for room. */
export class Waiter {
  readonly bytes: number
  /** Monotonic milliseconds. */
  readonly deadline: number
  readonly done: (entry: Entry) => void
  waiting = true

  constructor(bytes: number, deadline: number, done: (entry: Entry) => void) {
    this.bytes = bytes
    this.deadline = deadline
    this.done = done
  }
}

/** What a gate needs of its producer. */
export interface GateHost {
  /** Monotonic milliseconds. */
  readonly now: () => number
  /** A fiber that runs `then` in so many milliseconds. */
  readonly after: (millis: number, then: () => void) => Fiber.Fiber<void> | undefined
}

/** What conversions between clock units may be off, in milliseconds. */
const rounding = 0.0005

/** A bound on messages and bytes in flight. Those who wait enter in the order in which they came. */
export class SendGate {
  readonly maxMessages: number
  readonly maxBytes: number
  messages = 0
  bytes = 0
  private readonly host: GateHost
  private queue: Array<Waiter> = []
  /** Where the queue begins; what is before has left it. */
  private head = 0
  private live = 0
  private sweeper: Fiber.Fiber<void> | undefined = undefined
  private wakeAt = Infinity
  private admitting = false
  /** Deadlines are in the order of the queue, as they are when all have the same timeout. */
  private ordered = true
  private lastDeadline = -Infinity

  constructor(maxMessages: number, maxBytes: number, host: GateHost) {
    this.maxMessages = maxMessages
    this.maxBytes = maxBytes
    this.host = host
  }

  /** How many wait. */
  get waiting(): number {
    return this.live
  }

  /** Which bound keeps a message of so many bytes out, were nobody waiting. */
  full(bytes: number): "messages" | "bytes" | undefined {
    if (this.messages >= this.maxMessages) return "messages"
    // One message that alone is over the bound goes when nothing else does.
    return this.bytes + bytes > this.maxBytes && this.messages > 0 ? "bytes" : undefined
  }

  /** Takes a message in, if there is room and nobody was there before. */
  tryEnter(bytes: number): boolean {
    if (this.live > 0 || this.messages >= this.maxMessages) return false
    if (this.bytes + bytes > this.maxBytes && this.messages > 0) return false
    this.messages++
    this.bytes += bytes
    return true
  }

  /** Waits for room. `done` is called once, and not in this call, unless the wait is left before. */
  wait(bytes: number, deadline: number, done: (entry: Entry) => void): Waiter {
    const waiter = new Waiter(bytes, deadline, done)
    this.queue.push(waiter)
    this.live++
    if (deadline < this.lastDeadline) this.ordered = false
    this.lastDeadline = deadline
    if (deadline < this.wakeAt) this.wake(deadline)
    return waiter
  }

  /** Gives a wait up. */
  leave(waiter: Waiter): void {
    if (!waiter.waiting) return
    this.remove(waiter)
    // It may have been the large one that kept those behind it out.
    this.admit()
  }

  /** A message has left. */
  exit(bytes: number): void {
    this.messages--
    this.bytes -= bytes
    if (this.live > 0) this.admit()
  }

  /** Nobody is let in any more. */
  close(): void {
    const waiters = this.queue.slice(this.head).filter((waiter) => waiter.waiting)
    for (const waiter of waiters) this.remove(waiter)
    for (const waiter of waiters) waiter.done("closed")
  }

  private remove(waiter: Waiter): void {
    waiter.waiting = false
    this.live--
    this.trim()
  }

  /** Forgets those who have left, at both ends at once and in between when they are most. */
  private trim(): void {
    const { queue } = this
    if (this.live === 0) {
      queue.length = 0
      this.head = 0
      this.ordered = true
      this.lastDeadline = -Infinity
      this.sleep()
      return
    }
    while (!queue[this.head].waiting) this.head++
    if (queue.length > 64 && this.live < queue.length / 2) {
      this.queue = queue.filter((waiter) => waiter.waiting)
      this.head = 0
    }
  }

  /** Lets in as many as there is room for. Those let in may send and leave on this stack. */
  private admit(): void {
    if (this.admitting) return
    this.admitting = true
    while (this.live > 0) {
      const waiter = this.queue[this.head]
      if (this.full(waiter.bytes) !== undefined) break
      this.messages++
      this.bytes += waiter.bytes
      this.remove(waiter)
      waiter.done("entered")
    }
    this.admitting = false
  }

  private sleep(): void {
    this.wakeAt = Infinity
    const { sweeper } = this
    this.sweeper = undefined
    sweeper?.interruptUnsafe()
  }

  private wake(at: number): void {
    this.sleep()
    this.wakeAt = at
    this.sweeper = this.host.after(Math.max(0, at - this.host.now()), this.expire)
  }

  private readonly expire = (): void => {
    this.sweeper = undefined
    this.wakeAt = Infinity
    const now = this.host.now() + rounding
    const due: Array<Waiter> = []
    let next = Infinity
    for (let index = this.head; index < this.queue.length; index++) {
      const waiter = this.queue[index]
      if (!waiter.waiting) continue
      if (waiter.deadline <= now) due.push(waiter)
      else {
        if (waiter.deadline < next) next = waiter.deadline
        if (this.ordered) break
      }
    }
    for (const waiter of due) this.remove(waiter)
    if (next < this.wakeAt) this.wake(next)
    for (const waiter of due) waiter.done("timedOut")
    this.admit()
  }
}
