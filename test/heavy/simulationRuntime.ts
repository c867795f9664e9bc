/**
 * What a simulated run stands on: randomness from a seed, and a scheduler
 * whose every step is taken by a plain loop. Nothing of it waits for the event
 * loop, so a run is one synchronous computation, the same each time.
 */
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
const maxSteps = 300_000

export class SimulationScheduler implements Scheduler.Scheduler {
  readonly executionMode = "async"
  /** What tasks threw: plain code has nobody to throw to. */
  readonly defects: Array<unknown> = []
  private readonly order: Order
  private readonly dice: Dice
  /** Queues that hold something, each newest first. */
  private readonly queues: Array<Array<Task>> = []
  private incoming: Array<Task> = []
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

  /** Nothing is left to do without time. */
  get idle(): boolean {
    return this.incoming.length === 0 && this.queues.length === 0
  }

  /** Runs until nothing is left to do, or so many tasks. */
  run(tasks = Infinity): void {
    for (let left = tasks; left > 0; left--) {
      const task = this.take()
      if (task === undefined) return
      if (++this.steps > maxSteps) throw new Error("tasks without end")
      try {
        task()
      } catch (defect) {
        this.defects.push(defect)
      }
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
