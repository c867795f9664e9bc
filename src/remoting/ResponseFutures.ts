/**
 * Every request that waits for an answer: one table a channel, one way to
 * settle, one mechanism for deadlines, for clients and servers, for `invoke`,
 * `invokeOneway` and what is asked of a peer alike.
 */
import * as Clock from "effect/Clock"
import * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"
import type { RemotingCommand } from "../protocol/RemotingCommand.ts"
import { type Fork, makeFork } from "./Fibers.ts"
import { Deadlines } from "./internal/deadlines.ts"
import * as Failures from "./internal/failures.ts"
import type { CallTable, PendingCall } from "./internal/pendingCall.ts"
import { Stage } from "./internal/pendingCall.ts"
import type { RemotingError } from "./RemotingError.ts"
import { ensure } from "./Settings.ts"

/** Options of {@link ResponseFutures}. */
export interface ResponseFuturesOptions {
  /**
   * Requests in flight, at most: more fail at once with `TooManyRequests`.
   * Registrations and probes are not kept out. Default: 65,535.
   */
  readonly maxInFlight?: number | undefined
  /** First opaque. Default: random. */
  readonly firstOpaque?: number | undefined
}

/** Counts of a {@link ResponseFutures}. */
export interface FuturesStats {
  /** Requests submitted and not settled, whether written or waiting for a channel. */
  readonly inFlight: number
  /** Settled with a response. */
  readonly succeeded: number
  /** Settled with an error, by its outcome. */
  readonly notSent: number
  readonly notProcessed: number
  readonly unknown: number
  /** Given up by their callers. */
  readonly interrupted: number
  /** Answers that nobody waited for: late, duplicate or unsolicited. */
  readonly dropped: number
}

/** Half a microsecond: what conversions between clock units may be off. */
const rounding = 0.0005

/** Milliseconds by which a wake-up may be late before it counts as a blocked event loop. */
const blocked = 5

/**
 * The futures of one client or server. Its methods are called synchronously on
 * the hot path.
 */
export class Futures {
  readonly maxInFlight: number
  inFlight = 0
  succeeded = 0
  notSent = 0
  notProcessed = 0
  unknown = 0
  interrupted = 0
  dropped = 0

  private opaque: number
  /** Opaques have gone round: a live one may be met again. */
  private wrapped = false
  private sequence = 0
  private readonly tables = new Set<CallTable>()
  private readonly deadlines = new Deadlines()
  private readonly clock: Clock.Clock
  private readonly fork: Fork
  private sweeper: Fiber.Fiber<void> | undefined
  private wakeAt = Infinity

  constructor(
    clock: Clock.Clock,
    fork: Fork,
    maxInFlight: number,
    firstOpaque: number
  ) {
    this.clock = clock
    this.fork = fork
    this.maxInFlight = maxInFlight
    this.opaque = (firstOpaque & 0x7fff_ffff) || 1
  }

  /** Monotonic milliseconds. */
  now(): number {
    return Number(this.clock.monotonicTimeNanosUnsafe()) / 1_000_000
  }

  /** Registers the table of a new channel. */
  open(table: CallTable): void {
    this.tables.add(table)
  }

  /** Forgets the table of a closed channel. */
  close(table: CallTable): void {
    this.tables.delete(table)
  }

  /** Takes a call in. `false`: it was settled at once, since it has no time or too many are in flight. */
  submit(call: PendingCall): boolean {
    const { timeoutMillis, vital } = call.options
    // Not a number is no time either.
    if (!(timeoutMillis > 0)) return this.reject(call, Failures.timeout(call, `a timeout of ${timeoutMillis} ms`))
    if (this.inFlight >= this.maxInFlight && !vital) {
      return this.reject(call, Failures.tooMany(call, this.maxInFlight, "requests in flight"))
    }
    this.inFlight++
    call.sequence = ++this.sequence
    this.deadlines.add(call)
    if (call.deadline < this.wakeAt) this.wake(call.deadline)
    return true
  }

  /** The next opaque: a positive int that no live call of any channel has. */
  nextOpaque(): number {
    let opaque = this.opaque
    while (this.wrapped && this.isLive(opaque)) opaque = this.following(opaque)
    this.opaque = this.following(opaque)
    return opaque
  }

  private following(opaque: number): number {
    if (opaque < 0x7fff_ffff) return opaque + 1
    this.wrapped = true
    return 1
  }

  private isLive(opaque: number): boolean {
    for (const table of this.tables) if (table.has(opaque)) return true
    return false
  }

  /** Settles with a response; a oneway request settles with `undefined` once it was written. */
  succeed(call: PendingCall, response: RemotingCommand | undefined): void {
    if (call.stage === Stage.Settled) return
    this.release(call)
    this.succeeded++
    call.resume(Exit.succeed(response))
  }

  /** Settles with an error. */
  fail(call: PendingCall, error: RemotingError): void {
    if (call.stage === Stage.Settled) return
    this.release(call)
    if (error.outcome === "NotSent") this.notSent++
    else if (error.outcome === "NotProcessed") this.notProcessed++
    else this.unknown++
    call.resume(Exit.fail(error))
  }

  private reject(call: PendingCall, error: RemotingError): false {
    call.stage = Stage.Settled
    this.notSent++
    call.resume(Exit.fail(error))
    return false
  }

  /** The caller no longer waits. */
  interrupt(call: PendingCall): void {
    if (call.stage === Stage.Settled) return
    this.release(call)
    this.interrupted++
  }

  /** Everything is undone before the caller runs: it may submit the next request on this stack. */
  private release(call: PendingCall): void {
    const stage = call.stage
    call.stage = Stage.Settled
    this.inFlight--
    this.deadlines.remove(call)
    const table = call.table
    if (table !== undefined) {
      call.table = undefined
      table.remove(call, stage)
    }
  }

  private wake(at: number): void {
    this.wakeAt = at
    const previous = this.sweeper
    this.sweeper = undefined
    previous?.interruptUnsafe()
    this.sweeper = this.fork(this.sweep)
  }

  /** The one sweeper: sleeps until the earliest deadline, as long as there is one. */
  private readonly sweep: Effect.Effect<void> = Effect.suspend(() => {
    const wait = this.wakeAt - this.now()
    // Never on the stack of who submits: that call is not on its way yet.
    return Effect.andThen(wait > rounding ? Effect.sleep(wait) : Effect.yieldNow, this.due)
  })

  private readonly due: Effect.Effect<void> = Effect.suspend(() => {
    const wait = this.wakeAt - this.now()
    if (wait > rounding) return this.sweep
    // After a blocked event loop, answers may have arrived that nobody has
    // read: they are better than a time-out. Two turns let them in.
    const expire = wait < -blocked
      ? Effect.andThen(Effect.andThen(Effect.yieldNow, Effect.yieldNow), this.expire)
      : this.expire
    return Effect.flatMap(expire, () => {
      this.wakeAt = this.deadlines.earliest()
      return this.wakeAt === Infinity ? Effect.void : this.sweep
    })
  })

  private readonly expire = Effect.sync(() => {
    for (const call of this.deadlines.takeDue(this.now() + rounding)) {
      if (call.stage !== Stage.Settled) this.fail(call, call.owner.expired(call))
    }
  })

  /** Counts at this moment. */
  stats(): FuturesStats {
    return {
      inFlight: this.inFlight,
      succeeded: this.succeeded,
      notSent: this.notSent,
      notProcessed: this.notProcessed,
      unknown: this.unknown,
      interrupted: this.interrupted,
      dropped: this.dropped
    }
  }
}

/** The futures of one client or server. `Layer.fresh` keeps two clients from sharing them. */
export class ResponseFutures extends Context.Service<ResponseFutures, Futures>()(
  "effect-rocketmq/remoting/ResponseFutures"
) {}

/** Futures whose sweeper ends with the scope. */
export const make = Effect.fnUntraced(function*(
  options?: ResponseFuturesOptions
): Effect.fn.Return<Futures, never, Scope.Scope> {
  const clock = yield* Clock.Clock
  const fork = yield* makeFork
  const firstOpaque = options?.firstOpaque ?? (yield* Random.nextIntBetween(1, 0x7fff_ffff))
  return new Futures(
    clock,
    fork,
    options?.maxInFlight ?? 65_535,
    firstOpaque
  )
})

/** Futures with the given options, as a Layer that is never shared. */
export const layerWith = (options: ResponseFuturesOptions): Layer.Layer<ResponseFutures> =>
  Layer.fresh(Layer.effect(ResponseFutures, make(options)))

/** Futures with the defaults, as a Layer that is never shared. */
export const layer: Layer.Layer<ResponseFutures> = layerWith({})

/** Futures from configuration: `ROCKETMQ_MAX_IN_FLIGHT`. */
export const layerConfig: Layer.Layer<ResponseFutures, Config.ConfigError> = Layer.fresh(
  Layer.effect(
    ResponseFutures,
    Effect.gen(function*() {
      const maxInFlight = yield* Config.Int("MAX_IN_FLIGHT").pipe(
        Config.withDefault(65_535),
        Config.nested("ROCKETMQ")
      )
      yield* ensure(maxInFlight >= 0, `ROCKETMQ_MAX_IN_FLIGHT must not be negative, and is ${maxInFlight}`)
      return yield* make({ maxInFlight })
    })
  )
)
