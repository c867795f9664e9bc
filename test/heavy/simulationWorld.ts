/**
 * What all simulations have in common: virtual time, a network in memory and
 * randomness from a seed, on a scheduler that the run itself drives; and what
 * is written down of a run.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Metric from "effect/Metric"
import * as Random from "effect/Random"
import * as Scheduler from "effect/Scheduler"
import * as Scope from "effect/Scope"
import { createHash } from "node:crypto"
import * as MemoryTransport from "../../src/remoting/MemoryTransport.ts"
import type { Transport } from "../../src/remoting/Transport.ts"
import type { Order } from "./simulationRuntime.ts"
import { Dice, SimulationClock, SimulationScheduler } from "./simulationRuntime.ts"

/** What a run had to show. */
export interface Report {
  /** One line each. Empty: all is well. */
  readonly violations: ReadonlyArray<string>
  /** Of every byte, event, execution and settlement with its virtual time, where it was asked for. */
  readonly hash: string
  readonly trace: ReadonlyArray<string>
  /** How often what happened. */
  readonly counts: Readonly<Record<string, number>>
}

export interface RunOptions {
  /** Compute the hash. */
  readonly hashed?: boolean | undefined
  /** Keep the trace. */
  readonly traced?: boolean | undefined
}

/** What of a plan makes the world of its run. */
export interface WorldPlan {
  readonly seed: number
  readonly order: Order
  readonly latencyMillis: number
  readonly connectLatencyMillis: number
  readonly maxChunk: number | undefined
  readonly window: number
}

/** Whether something may be logged in a run in which all is well. */
export type Expected = (level: string, message: string) => boolean

export class World {
  protected readonly scheduler: SimulationScheduler
  protected readonly scope = Scope.makeUnsafe()
  protected readonly context: Context.Context<Transport | MemoryTransport.MemoryNetwork>
  private readonly clock = new SimulationClock()
  protected readonly network: MemoryTransport.Network
  private readonly problems: Array<string> = []
  private readonly hash
  private readonly lines: Array<string> = []
  private readonly options: RunOptions
  private readonly counts: Record<string, number> = {}
  private liveFibers = 0

  constructor(plan: WorldPlan, options: RunOptions, expected: Expected) {
    this.options = options
    this.hash = options.hashed === true ? createHash("sha256") : undefined
    this.scheduler = new SimulationScheduler(plan.order, new Dice(plan.seed, 2))
    const logger = Logger.make(({ cause, logLevel, message }) => {
      if (expected(logLevel, String(message))) return
      if (logLevel === "Warn" || logLevel === "Error" || logLevel === "Fatal") {
        this.problem(`logged: ${String(message)} ${Cause.pretty(cause)}`)
      }
    })
    const base = Context.make(Scheduler.Scheduler, this.scheduler).pipe(
      Context.add(Clock.Clock, this.clock),
      Context.add(Random.Random, new Dice(plan.seed, 3)),
      Context.add(Logger.CurrentLoggers, new Set([logger])),
      Context.add(Metric.FiberRuntimeMetrics, {
        recordFiberStart: () => void this.liveFibers++,
        recordFiberEnd: () => void this.liveFibers--
      })
    )
    this.context = Context.merge(
      base,
      this.settle(
        base,
        Layer.buildWithScope(
          MemoryTransport.layerWith({
            latency: plan.latencyMillis,
            connectLatency: plan.connectLatencyMillis,
            window: plan.window,
            ...(plan.maxChunk === undefined ? {} : { maxChunk: plan.maxChunk })
          }),
          this.scope
        )
      )
    )
    this.network = Context.get(this.context, MemoryTransport.MemoryNetwork)
  }

  /** Does everything that the run does; whatever is thrown is a problem. */
  protected report(run: () => void): Report {
    const { queueMicrotask } = globalThis
    const { stackTraceLimit } = Error
    // Of the errors that a run means to make nobody reads the stacks, which take a tenth of its time.
    if (this.options.traced !== true) Error.stackTraceLimit = 0
    // A run is one turn of the event loop: what waits for the end of a turn would wait for the end of the run.
    globalThis.queueMicrotask = this.scheduler.queueMicrotask
    try {
      run()
    } catch (defect) {
      this.problem(`the run broke off: ${defect instanceof Error ? defect.stack : String(defect)}`)
    } finally {
      globalThis.queueMicrotask = queueMicrotask
      Error.stackTraceLimit = stackTraceLimit
    }
    for (const defect of this.scheduler.defects) {
      this.problem(`thrown: ${defect instanceof Error ? defect.stack : String(defect)}`)
    }
    return {
      violations: this.problems,
      hash: this.hash?.digest("hex") ?? "",
      trace: this.lines,
      counts: this.counts
    }
  }

  protected now(): number {
    return this.clock.currentTimeMillisUnsafe()
  }

  protected problem(text: string): void {
    this.problems.push(text)
    this.trace(`PROBLEM ${text}`)
  }

  protected count(what: string): void {
    this.counts[what] = (this.counts[what] ?? 0) + 1
  }

  /** Whether anybody reads a trace. */
  protected get isTraced(): boolean {
    return this.hash !== undefined || this.options.traced === true
  }

  protected trace(line: string, bytes?: Uint8Array): void {
    if (!this.isTraced) return
    const at = `${this.now()} ${line}`
    this.hash?.update(at)
    if (bytes !== undefined) this.hash?.update(bytes)
    if (this.options.traced === true) this.lines.push(bytes === undefined ? at : `${at} ${bytes.length}`)
  }

  protected fork<A, E>(effect: Effect.Effect<A, E>): Fiber.Fiber<A, E> {
    return Effect.runForkWith(this.context)(effect)
  }

  /** Runs an effect that needs no time to its end. */
  protected settle<A, E, R>(context: Context.Context<R>, effect: Effect.Effect<A, E, R>): A {
    const fiber = Effect.runForkWith(context)(effect)
    this.scheduler.run()
    const exit = fiber.pollUnsafe()
    if (exit === undefined) throw new Error("an effect that needs no time did not end")
    if (Exit.isFailure(exit)) throw Cause.squash(exit.cause)
    return exit.value
  }

  protected do<A, E>(effect: Effect.Effect<A, E>): A {
    return this.settle(this.context, effect)
  }

  protected pass(millis: number): void {
    this.scheduler.run()
    this.clock.pass(millis, () => this.scheduler.run())
  }

  /** Lets time pass until something holds, for so long at most. Returns whether it does. */
  protected wait(millis: number, until: () => boolean, step = 100): boolean {
    for (const end = this.now() + millis; !until();) {
      if (this.now() >= end) return false
      this.pass(step)
    }
    return true
  }

  /** Closes the world, in which nobody must be left. */
  protected end(): void {
    this.fork(Scope.close(this.scope, Exit.void))
    this.scheduler.run()
    if (this.liveFibers !== 0) this.problem(`${this.liveFibers} fibers live on`)
  }
}
