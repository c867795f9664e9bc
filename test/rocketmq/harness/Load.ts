/** Requests at a steady rate, and what became of each. */
import type { Outcome } from "effect-rocketmq/remoting/RemotingError"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FiberSet from "effect/FiberSet"
import type * as Scope from "effect/Scope"

/** A request that was not answered. Times are those of `performance.now()`. */
export interface LoadFailure {
  readonly reason: string
  readonly outcome: Outcome
  readonly detail: string
  readonly startedAt: number
  readonly failedAt: number
}

export interface LoadReport {
  readonly requests: number
  /** Answered with response code 0. */
  readonly succeeded: number
  /** Answered with another response code: the code and how often. */
  readonly refused: Readonly<Record<string, number>>
  readonly failures: ReadonlyArray<LoadFailure>
  /** The most requests that waited for an answer at one time. */
  readonly maxInFlight: number
  readonly maxLatencyMillis: number
}

/** Failures by reason and outcome. */
export const countFailures = ({ failures }: LoadReport): Readonly<Record<string, number>> => {
  const counts: Record<string, number> = {}
  for (const { outcome, reason } of failures) {
    const kind = `${reason}, ${outcome}`
    counts[kind] = (counts[kind] ?? 0) + 1
  }
  return counts
}

/** One failure of each kind, as it was told, for the message of an assertion. */
export const sampleFailures = ({ failures }: LoadReport): string => {
  const samples = new Map<string, string>()
  for (const { detail, outcome, reason, startedAt, failedAt } of failures) {
    const kind = `${reason}, ${outcome}`
    if (!samples.has(kind)) {
      samples.set(kind, `${kind} at ${Math.round(startedAt)}, after ${Math.round(failedAt - startedAt)} ms: ${detail}`)
    }
  }
  return [...samples.values()].join("\n")
}

export interface Load {
  /** Sends no more, waits for the requests in flight, and says what became of all. */
  readonly finish: Effect.Effect<LoadReport>
  /** Requests that were answered with response code 0 so far. */
  readonly succeeded: Effect.Effect<number>
}

/** What a failure says of itself, be it a RemotingError or a ClientError. */
export interface Failure {
  readonly message: string
  readonly outcome: Outcome
  readonly reason: { readonly _tag: string }
}

const tickMillis = 5

/** Starts to perform `request`, `rate` times a second, on the live clock, until `finish` or the end of the scope. */
export const start = <R>(
  rate: number,
  request: (index: number) => Effect.Effect<{ readonly code: number }, Failure, R>
): Effect.Effect<Load, never, R | Scope.Scope> =>
  Effect.gen(function*() {
    const requests = yield* FiberSet.make<void>()
    const failures: Array<LoadFailure> = []
    const refused: Record<string, number> = {}
    let due = 0
    let issued = 0
    let settled = 0
    let succeeded = 0
    let maxInFlight = 0
    let maxLatencyMillis = 0

    const one = (index: number): Effect.Effect<void, never, R> =>
      Effect.suspend(() => {
        const startedAt = performance.now()
        issued++
        maxInFlight = Math.max(maxInFlight, issued - settled)
        return request(index).pipe(
          Effect.match({
            onSuccess: ({ code }) => {
              if (code === 0) {
                succeeded++
              } else {
                refused[code] = (refused[code] ?? 0) + 1
              }
            },
            onFailure: ({ message, outcome, reason }) => {
              failures.push({ reason: reason._tag, outcome, detail: message, startedAt, failedAt: performance.now() })
            }
          }),
          Effect.andThen(Effect.sync(() => {
            settled++
            maxLatencyMillis = Math.max(maxLatencyMillis, performance.now() - startedAt)
          }))
        )
      })

    const begin = performance.now()
    const pacer = yield* Effect.gen(function*() {
      while (true) {
        // A late tick sends what was due meanwhile.
        const until = Math.floor((performance.now() - begin) * rate / 1000)
        while (due < until) {
          yield* FiberSet.run(requests, one(due++))
        }
        yield* Effect.sleep(tickMillis)
      }
    }).pipe(Effect.forkScoped)

    return {
      succeeded: Effect.sync(() => succeeded),
      finish: Effect.gen(function*() {
        yield* Fiber.interrupt(pacer)
        yield* FiberSet.awaitEmpty(requests)
        return { requests: issued, succeeded, refused, failures, maxInFlight, maxLatencyMillis }
      })
    }
  })
