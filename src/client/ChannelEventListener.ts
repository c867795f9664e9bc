/**
 * What happens to the channels to brokers and proxies, for whoever has to act
 * on it: RocketMQ's `ChannelEventListener`, for the client API.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import type { ChannelEvent } from "../remoting/ChannelEvent.ts"

/** What to do on events of one kind. */
export type Listen<R> = (event: ChannelEvent) => Effect.Effect<unknown, unknown, R>

/** What a listener wants to be told, by the type of the event. */
export interface Listeners<R = never> {
  /** A connection was established. */
  readonly onConnect?: Listen<R> | undefined
  /** The client's groups are registered on the channel; requests flow. */
  readonly onActive?: Listen<R> | undefined
  /** Its server answered GO_AWAY for the first time. */
  readonly onGoAway?: Listen<R> | undefined
  /** Nothing new is written to it; what is in flight finishes. */
  readonly onDraining?: Listen<R> | undefined
  /** The channel took the place of an earlier one. */
  readonly onReconnected?: Listen<R> | undefined
  /** Nothing used it; it is being closed. */
  readonly onIdle?: Listen<R> | undefined
  /** A dial failed, or the channel broke. */
  readonly onException?: Listen<R> | undefined
  /** It is closed. */
  readonly onClose?: Listen<R> | undefined
}

/** See {@link ChannelEventListener}. */
export interface Service {
  /**
   * Tells a listener what happens to channels of brokers and proxies, in order
   * and one at a time, until the scope closes. A listener that takes its time
   * delays only itself; what it fails with is logged.
   */
  readonly register: <R = never>(listeners: Listeners<R>) => Effect.Effect<void, never, R | Scope.Scope>
  /**
   * The same events as a Stream, from now on. `Active` means that the client's
   * groups are registered there; for a channel that was open before its address
   * was known as a broker's, it comes when they are.
   */
  readonly events: Stream.Stream<ChannelEvent>
}

/** The listeners. */
export class ChannelEventListener extends Context.Service<ChannelEventListener, Service>()(
  "effect-rocketmq/client/ChannelEventListener"
) {}
