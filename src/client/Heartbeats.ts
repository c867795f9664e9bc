/**
 * The client's groups, as its brokers know them: registered on each fresh
 * channel before anything else flows there, kept alive, and unregistered.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { ConsumerData } from "../protocol/body/HeartbeatData.ts"

/** See {@link Heartbeats}. */
export interface Service {
  /** How brokers tell this client from others: `ip@instance` or `ip@instance@unit`. */
  readonly clientId: string
  /**
   * A group that this client sends as, until the scope closes. Registered on
   * every open channel at once, and on each fresh one first.
   */
  readonly registerProducer: (group: string) => Effect.Effect<void, never, Scope.Scope>
  /**
   * A group that this client receives as, until the scope closes. `data` is
   * asked before each heartbeat; what it returns must not be changed later.
   */
  readonly registerConsumer: (group: string, data: () => ConsumerData) => Effect.Effect<void, never, Scope.Scope>
  /**
   * Sends a heartbeat to all brokers now, in parallel, and waits for the
   * answers: when subscriptions have changed. A broker that fails is logged; its
   * turn comes again.
   */
  readonly send: Effect.Effect<void>
}

/** The heartbeats. */
export class Heartbeats extends Context.Service<Heartbeats, Service>()("effect-rocketmq/client/Heartbeats") {}
