/**
 * Metrics that cost the hot path nothing: counts are plain numbers, read when
 * somebody takes a snapshot.
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import type * as Scope from "effect/Scope"

/** A metric and how to read it. */
export interface Reading {
  readonly name: string
  readonly description: string
  readonly kind: "counter" | "gauge"
  readonly attributes?: Readonly<Record<string, string>> | undefined
  readonly read: () => number
}

const ignore = () => {}

/** Registers the readings until the scope closes. */
export const register = Effect.fnUntraced(function*(
  readings: ReadonlyArray<Reading>,
  attributes: Readonly<Record<string, string>>
): Effect.fn.Return<void, never, Scope.Scope> {
  const context: Context.Context<never> = yield* Effect.context<never>()
  const registrations = readings.map((reading) => {
    const options = {
      description: reading.description,
      attributes: { ...attributes, ...reading.attributes }
    }
    return reading.kind === "counter"
      ? Metric.registerUnsafe(Metric.counter(reading.name, { ...options, incremental: true }), context, {
        get: () => ({ count: reading.read(), incremental: true }),
        update: ignore,
        modify: ignore
      })
      : Metric.registerUnsafe(Metric.gauge(reading.name, options), context, {
        get: () => ({ value: reading.read() }),
        update: ignore,
        modify: ignore
      })
  })
  yield* Effect.addFinalizer(() => Effect.sync(() => registrations.forEach((registration) => registration.remove())))
})
