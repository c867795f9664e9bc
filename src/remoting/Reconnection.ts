/**
 * The policies of reconnection, as Schedules: how a GO_AWAY is answered, how a
 * broken address is dialled again, and how requests with an unknown outcome
 * that may be repeated are repeated.
 */
import * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"
import type { RemotingError } from "./RemotingError.ts"
import { ensure } from "./Settings.ts"

/** A policy: steps with the error that caused the step; its delays come before the next attempt. */
export type Policy = Schedule.Schedule<unknown, RemotingError>

/** See {@link Reconnection}. */
export interface ReconnectionPolicies {
  /**
   * Before each connect that follows a GO_AWAY. One step a hop; when it is
   * done, those who wait get `GoAway`. It starts anew once a channel was
   * validated and lived for a second. Default: a random delay of up to 50 ms
   * first, which spreads the clients of one server, then full jitter of
   * 25 ms doubling to 250 ms: some 26 hops in 3 s.
   */
  readonly goAway: Policy
  /**
   * Before each re-dial after a failed dial, a failed registration or a broken
   * connection. Starts anew like `goAway`. Default: full jitter of 50 ms
   * doubling to 5 s.
   */
  readonly reconnect: Policy
  /**
   * Before a repeatable request whose connection broke is sent again, one
   * schedule a request. Default: full jitter of 10 ms doubling to 250 ms. The
   * request's deadline and the pace of `reconnect` bound it.
   */
  readonly retryUnknown: Policy
  /**
   * Whether a request with this code is sent again after GO_AWAY, which is
   * proof that it was not executed. Default: every code.
   */
  readonly replay: (code: number) => boolean
  /**
   * `false`: GO_AWAY retires no channel and moves no request; the caller gets
   * `GoAway`, `NotProcessed`. Default: `true`.
   */
  readonly goAwayEnabled: boolean
}

/** Numbers to build a back-off from. */
export interface Backoff {
  /** First delay's upper bound. */
  readonly base: Duration.Input
  /** Growth from one delay to the next. Default: 2. */
  readonly factor?: number | undefined
  /** Upper bound of all delays. */
  readonly cap: Duration.Input
  /** Upper bound of the very first delay, where it differs from `base`. */
  readonly first?: Duration.Input | undefined
  /** Full jitter: each delay is random between 0 and its bound. Default: `true`. */
  readonly jitter?: boolean | undefined
}

/** Exponential back-off with full jitter, drawing from `Random`: the same seed gives the same delays. */
export const backoff = (options: Backoff): Policy => {
  const base = Duration.toMillis(options.base)
  const cap = Duration.toMillis(options.cap)
  const first = options.first === undefined ? Math.min(base, cap) : Duration.toMillis(options.first)
  const factor = options.factor ?? 2
  const bound = (attempt: number) => {
    if (attempt === 1) return first
    const exponent = options.first === undefined ? attempt - 1 : attempt - 2
    return Math.min(cap, base * factor ** exponent)
  }
  return Schedule.forever.pipe(
    Schedule.modifyDelay(({ attempt }) =>
      options.jitter === false
        ? Effect.succeed(Duration.millis(bound(attempt)))
        : Effect.map(Random.next, (random) => Duration.millis(random * bound(attempt)))
    )
  )
}

/** Default of {@link ReconnectionPolicies.goAway}. */
export const defaultGoAway: Policy = backoff({ first: 50, base: 25, cap: 250 })

/** Default of {@link ReconnectionPolicies.reconnect}. */
export const defaultReconnect: Policy = backoff({ base: 50, cap: 5_000 })

/** Default of {@link ReconnectionPolicies.retryUnknown}. */
export const defaultRetryUnknown: Policy = backoff({ base: 10, cap: 250 })

/** The policies as one service, replaceable as a whole or one by one. */
export class Reconnection extends Context.Service<Reconnection, ReconnectionPolicies>()(
  "effect-rocketmq/remoting/Reconnection"
) {}

/** The policies, with defaults for those left out. */
export const make = (
  options?: { readonly [K in keyof ReconnectionPolicies]?: ReconnectionPolicies[K] | undefined }
): ReconnectionPolicies => ({
  goAway: options?.goAway ?? defaultGoAway,
  reconnect: options?.reconnect ?? defaultReconnect,
  retryUnknown: options?.retryUnknown ?? defaultRetryUnknown,
  replay: options?.replay ?? (() => true),
  goAwayEnabled: options?.goAwayEnabled ?? true
})

/** The policies as a Layer, with defaults for those left out. */
export const layerWith = (options: Parameters<typeof make>[0]): Layer.Layer<Reconnection> =>
  Layer.succeed(Reconnection, make(options))

/** The default policies as a Layer. */
export const layer: Layer.Layer<Reconnection> = layerWith(undefined)

const backoffConfig = (defaults: { readonly base: number; readonly cap: number }) =>
  Config.all({
    base: Config.Duration("BASE").pipe(Config.withDefault(Duration.millis(defaults.base))),
    factor: Config.Number("FACTOR").pipe(Config.withDefault(2)),
    cap: Config.Duration("CAP").pipe(Config.withDefault(Duration.millis(defaults.cap))),
    jitter: Config.Boolean("JITTER").pipe(Config.withDefault(true))
  })

/** What {@link layerConfig} reads. */
export const config: Config.Config<ReconnectionPolicies> = Config.all({
  goAway: Config.all({
    enabled: Config.Boolean("ENABLED").pipe(Config.withDefault(true)),
    first: Config.Duration("FIRST").pipe(Config.withDefault(undefined)),
    backoff: backoffConfig({ base: 25, cap: 250 })
  }).pipe(Config.nested("GO_AWAY")),
  reconnect: backoffConfig({ base: 50, cap: 5_000 }).pipe(Config.nested("RECONNECT")),
  retryUnknown: backoffConfig({ base: 10, cap: 250 }).pipe(Config.nested("RETRY_UNKNOWN"))
}).pipe(
  Config.nested("ROCKETMQ"),
  Config.map(({ goAway, reconnect, retryUnknown }) =>
    make({
      goAway: backoff({ ...goAway.backoff, first: goAway.first ?? (goAway.backoff.jitter ? 50 : 0) }),
      reconnect: backoff(reconnect),
      retryUnknown: backoff(retryUnknown),
      goAwayEnabled: goAway.enabled
    })
  )
)

/**
 * The policies from configuration: `ROCKETMQ_GO_AWAY_{ENABLED,FIRST,BASE,FACTOR,CAP,JITTER}`,
 * `ROCKETMQ_RECONNECT_{BASE,FACTOR,CAP,JITTER}` and `ROCKETMQ_RETRY_UNKNOWN_{BASE,FACTOR,CAP,JITTER}`;
 * durations such as `250 millis`. What is not set keeps its default; without
 * jitter the first hop takes no time unless `ROCKETMQ_GO_AWAY_FIRST` is set.
 */
export const layerConfig: Layer.Layer<Reconnection, Config.ConfigError> = Layer.effect(
  Reconnection,
  Effect.gen(function*() {
    for (const policy of ["GO_AWAY", "RECONNECT", "RETRY_UNKNOWN"]) {
      const name = `ROCKETMQ_${policy}_FACTOR`
      const factor = yield* Config.Number(name).pipe(Config.withDefault(2))
      yield* ensure(factor >= 1, `${name} must be 1 or more, and is ${factor}`)
    }
    return yield* config
  })
)
