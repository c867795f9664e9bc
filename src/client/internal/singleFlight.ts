/** Work that all who want it at a time share. */
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Fork } from "../../remoting/Fibers.ts"
import type { ClientError } from "../ClientError.ts"
import { clientError, ShuttingDown } from "../ClientError.ts"

/**
 * One run a key at a time, in a fiber of its own: whoever gives up waiting does
 * not take it from the others.
 */
export class SingleFlight<K, A> {
  private readonly fork: Fork
  private readonly running = new Map<K, Deferred.Deferred<A, ClientError>>()

  constructor(fork: Fork) {
    this.fork = fork
  }

  has(key: K): boolean {
    return this.running.has(key)
  }

  /** Starts `work` unless it runs. Returns what to wait for. */
  start(key: K, work: Effect.Effect<A, ClientError>): Deferred.Deferred<A, ClientError> {
    const known = this.running.get(key)
    if (known !== undefined) return known
    const deferred = Deferred.makeUnsafe<A, ClientError>()
    this.running.set(key, deferred)
    const fiber = this.fork(
      Effect.matchCause(work, {
        onSuccess: (value) => this.settle(key, deferred, Exit.succeed(value)),
        onFailure: (cause) => this.settle(key, deferred, Exit.failCause(cause))
      })
    )
    // A fiber that is interrupted runs no continuation of its own.
    fiber.addObserver((exit) => {
      if (Exit.isFailure(exit)) this.settle(key, deferred, Exit.failCause(exit.cause))
    })
    return deferred
  }

  run(key: K, work: Effect.Effect<A, ClientError>): Effect.Effect<A, ClientError> {
    return Effect.suspend(() => Deferred.await(this.start(key, work)))
  }

  private settle(key: K, deferred: Deferred.Deferred<A, ClientError>, exit: Exit.Exit<A, ClientError>): void {
    // Forgotten first: those who are resumed may want it anew.
    if (this.running.get(key) === deferred) this.running.delete(key)
    Deferred.doneUnsafe(
      deferred,
      Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause)
        ? Exit.fail(clientError(new ShuttingDown({ what: "the client", outcome: "NotSent" })))
        : exit
    )
  }
}
