/**
 * Metrics that cost the hot path nothing: counts are plain numbers, read when
 * somebody takes a snapshot. For this layer and those above it.
 */
import * as Context from "effect/Context"
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

/** Names in use, by registry: two of one name would hide each other's series. */
const names = new WeakMap<object, Set<string>>()

/**
 * Registers the readings until the scope closes, under a name that nobody else
 * has.
 *
 * @param kind the attribute that has the name
 * @param wanted the name, unless it is taken: then with a number behind it
 */
export const register = Effect.fnUntraced(function*(
  readings: ReadonlyArray<Reading>,
  kind: string,
  wanted: string
): Effect.fn.Return<void, never, Scope.Scope> {
  const context: Context.Context<never> = yield* Effect.context<never>()
  const registry = Context.get(context, Metric.MetricRegistry)
  const taken = names.get(registry) ?? new Set()
  names.set(registry, taken)
  let name = wanted
  for (let number = 2; taken.has(`${kind} ${name}`); number++) name = `${wanted}-${number}`
  taken.add(`${kind} ${name}`)
  const registrations = readings.map((reading) => {
    const options = {
      description: reading.description,
      attributes: { [kind]: name, ...reading.attributes }
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
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      for (const registration of registrations) registration.remove()
      taken.delete(`${kind} ${name}`)
    })
  )
})
