/** Settings that operators give, and what is wrong with them. For this layer and those above it. */
import * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"

/** A configuration error in words. */
export const invalid = (message: string, cause?: unknown): Config.ConfigError =>
  new Config.ConfigError(new ConfigProvider.SourceError({ message, cause }))

/** Fails with what is wrong unless a setting holds. */
export const ensure = (holds: boolean, message: string): Effect.Effect<void, Config.ConfigError> =>
  holds ? Effect.void : Effect.fail(invalid(message))

/** Fails unless a duration takes some time. */
export const ensureTakesTime = (name: string, input: Duration.Input): Effect.Effect<void, Config.ConfigError> =>
  ensure(Duration.toMillis(input) > 0, `${name} must be longer than nothing`)

/** Without the members that are `undefined`, which would hide those of a lower rank. */
export const defined = <A extends object>(options: A | undefined): A =>
  Object.fromEntries(Object.entries(options ?? {}).filter(([, value]) => value !== undefined)) as A
