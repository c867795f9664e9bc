/**
 * What a simulated run stands on: randomness from a seed, a scheduler whose
 * every step is taken by a plain loop, and a clock that the run moves on.
 * Nothing of it waits for the event loop, so a run is one synchronous
 * computation, the same each time.
 */
import type * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type * as Scheduler from "effect/Scheduler"

/** Pseudo-random numbers (xoshiro128**), seeded. */
export class Dice {
  private a: number
  private b: number
  private c: number
  private d: number

  constructor(seed: number, stream: number) {
    let state = (Math.imul(seed, 0x9e37_79b9) ^ Math.imul(stream + 1, 0x85eb_ca6b)) | 0
    const mixed = () => {
      state = (state + 0x6d2b_79f5) | 0
      let word = Math.imul(state ^ (state >>> 15), state | 1)
      word ^= word + Math.imul(word ^ (word >>> 7), word | 61)
      return (word ^ (word >>> 14)) | 0
    }
    this.a = mixed()
    this.b = mixed()
    this.c = mixed()
    this.d = mixed() | 1
  }

  private word(): number {
    const product = Math.imul(this.b, 5)
    const result = Math.imul((product << 7) | (product >>> 25), 9) >>> 0
    const shifted = this.b << 9
    this.c ^= this.a
    this.d ^= this.b
    this.b ^= this.c
    this.a ^= this.d
    this.c ^= shifted
    this.d = (this.d << 11) | (this.d >>> 21)
    return result
  }

  /** From 0 to 1, 1 excluded. */
  next(): number {
    return this.word() / 0x1_0000_0000
  }
  /** An integer from 0 to `bound`, `bound` excluded. */
  below(bound: number): number {
    return Math.floor(this.next() * bound)
  }
  between(least: number, most: number): number {
    return least + this.below(most - least + 1)
  }
  chance(probability: number): boolean {
    return this.next() < probability
  }
  pick<A>(items: ReadonlyArray<A>): A {
    return items[this.below(items.length)]!
  }

  // As `Random` asks for them.
  nextDoubleUnsafe(): number {
    return (this.word() * 0x20_0000 + (this.word() >>> 11)) / 0x20_0000_0000_0000
  }
  nextIntUnsafe(): number {
    return Math.floor((this.nextDoubleUnsafe() * 2 - 1) * Number.MAX_SAFE_INTEGER)
  }
}

/**
 * - `fifo`: tasks run in the order in which they were scheduled.
 * - `random`: each dispatcher keeps its order, the dispatchers take turns at
 *   random, and fibers yield at random steps: every interleaving that Effect
 *   allows may come.
 */
export type Order = "fifo" | "random"

type Task = () => void

/** More steps than any run takes: something goes round in circles. */
const maxSteps = 1_000_000

export class SimulationScheduler implements Scheduler.Scheduler {
  readonly executionMode = "async"
  /** What tasks threw: plain code has nobody to throw to. */
  readonly defects: Array<unknown> = []
  private readonly order: Order
  private readonly dice: Dice
  /** Queues that hold something, each newest first. */
  private readonly queues: Array<Array<Task>> = []
  private incoming: Array<Task> = []
  private microtasks: Array<Task> = []
  private steps = 0

  constructor(order: Order, dice: Dice) {
    this.order = order
    this.dice = dice
  }

  shouldYield(fiber: Fiber.Fiber<unknown, unknown>): boolean {
    return fiber.currentOpCount >= 2_048 || (this.order === "random" && this.dice.chance(0.03))
  }

  makeDispatcher(): Scheduler.SchedulerDispatcher {
    if (this.order === "fifo") return { scheduleTask: (task) => void this.incoming.push(task), flush: () => {} }
    const queue: Array<Task> = []
    return {
      scheduleTask: (task) => {
        if (queue.push(task) === 1) this.queues.push(queue)
      },
      flush: () => {}
    }
  }

  /** Stands for `queueMicrotask`: the task runs as soon as the one that runs now has ended. */
  readonly queueMicrotask = (task: Task): void => void this.microtasks.push(task)

  /** Nothing is left to do without time. */
  get idle(): boolean {
    return this.incoming.length === 0 && this.queues.length === 0 && this.microtasks.length === 0
  }

  /** Runs until nothing is left to do, or so many tasks. */
  run(tasks = Infinity): void {
    this.endTurn()
    for (let left = tasks; left > 0; left--) {
      const task = this.take()
      if (task === undefined) return
      if (++this.steps > maxSteps) throw new Error("tasks without end")
      this.perform(task)
      this.endTurn()
    }
  }

  private endTurn(): void {
    // Those that they make have their turn at once, too.
    while (this.microtasks.length > 0) {
      const tasks = this.microtasks
      this.microtasks = []
      for (const task of tasks) this.perform(task)
    }
  }

  private perform(task: Task): void {
    try {
      task()
    } catch (defect) {
      this.defects.push(defect)
    }
  }

  private at = 0

  private take(): Task | undefined {
    if (this.order === "fifo") {
      const task = this.incoming[this.at]
      if (task === undefined) return undefined
      if (++this.at === this.incoming.length) {
        this.incoming = []
        this.at = 0
      }
      return task
    }
    if (this.queues.length === 0) return undefined
    const index = this.dice.below(this.queues.length)
    const queue = this.queues[index]!
    const task = queue.shift()!
    if (queue.length === 0) {
      const last = this.queues.pop()!
      if (last !== queue) this.queues[index] = last
    }
    return task
  }
}

interface Sleeper {
  /** Nanoseconds. */
  readonly at: number
  /** Of two that wake at one time the earlier wakes first. */
  readonly order: number
  /** `undefined`: it was interrupted. */
  resume: ((effect: Effect.Effect<void>) => void) | undefined
}

const isBefore = (left: Sleeper, right: Sleeper): boolean =>
  left.at < right.at || (left.at === right.at && left.order < right.order)

/**
 * Time that passes when it is told to. `TestClock` does the same for tests in
 * which the event loop runs, at ten times the cost: a run has some thousands
 * of sleeps.
 */
export class SimulationClock implements Clock.Clock {
  /** Nanoseconds. */
  private time = 0
  private order = 0
  /** A heap: the first to wake is the first. */
  private readonly sleepers: Array<Sleeper> = []

  readonly currentTimeMillis = Effect.sync(() => this.currentTimeMillisUnsafe())
  readonly currentTimeNanos = Effect.sync(() => this.currentTimeNanosUnsafe())
  readonly monotonicTimeNanos = Effect.sync(() => this.monotonicTimeNanosUnsafe())

  currentTimeMillisUnsafe(): number {
    return this.time / 1_000_000
  }
  currentTimeNanosUnsafe(): bigint {
    return BigInt(this.time)
  }
  monotonicTimeNanosUnsafe(): bigint {
    return BigInt(this.time)
  }

  sleep(duration: Duration.Duration): Effect.Effect<void> {
    const nanos = Math.round(Duration.toMillis(duration) * 1_000_000)
    if (nanos <= 0) return Effect.yieldNow
    if (!Number.isFinite(nanos)) return Effect.never
    return Effect.callback((resume) => {
      const sleeper: Sleeper = { at: this.time + nanos, order: this.order++, resume }
      this.insert(sleeper)
      return Effect.sync(() => {
        sleeper.resume = undefined
      })
    })
  }

  /** Lets time pass, and `run` do what there is to do each time that somebody wakes. */
  pass(millis: number, run: () => void): void {
    const end = this.time + Math.round(millis * 1_000_000)
    for (;;) {
      const [first] = this.sleepers
      if (first === undefined || first.at > end) break
      this.removeFirst()
      if (first.resume === undefined) continue
      this.time = Math.max(this.time, first.at)
      first.resume(Effect.void)
      run()
    }
    this.time = end
    run()
  }

  private insert(sleeper: Sleeper): void {
    const { sleepers } = this
    let at = sleepers.push(sleeper) - 1
    while (at > 0) {
      const above = (at - 1) >> 1
      if (!isBefore(sleeper, sleepers[above]!)) break
      sleepers[at] = sleepers[above]!
      at = above
    }
    sleepers[at] = sleeper
  }

  private removeFirst(): void {
    const { sleepers } = this
    const moved = sleepers.pop()!
    const size = sleepers.length
    if (size === 0) return
    let at = 0
    for (;;) {
      let below = 2 * at + 1
      if (below >= size) break
      if (below + 1 < size && isBefore(sleepers[below + 1]!, sleepers[below]!)) below++
      if (!isBefore(sleepers[below]!, moved)) break
      sleepers[at] = sleepers[below]!
      at = below
    }
    sleepers[at] = moved
  }
}
