/** Fibers that plain code starts, supervised by a scope. For this layer and those above it. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"

/** Starts a fiber that ends with the scope. It runs at once, on the caller's stack, until it has to wait. */
export type Fork = (effect: Effect.Effect<void>) => Fiber.Fiber<void>

/** A defect in a fiber that nobody joins would vanish: it is logged. */
const reported = (effect: Effect.Effect<void>): Effect.Effect<void> =>
  Effect.tapCause(
    effect,
    (cause) => Cause.hasInterruptsOnly(cause) ? Effect.void : Effect.logError("a fiber failed unexpectedly", cause)
  )

/** Makes a {@link Fork} of the current scope, clock, random and loggers. */
export const makeFork: Effect.Effect<Fork, never, Scope.Scope> = Effect.gen(function*() {
  const scope = yield* Effect.scope
  const context = yield* Effect.context<never>()
  const runFork = Effect.runForkWith(context)
  return (effect) => Fiber.runIn(runFork(reported(effect)), scope)
})
