/**
 * What happens to the channels to brokers and proxies, for whoever has to act
 * on it: RocketMQ's `ChannelEventListener`, for the client API.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as PubSub from "effect/PubSub"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { ChannelEvent, ChannelEventType } from "../remoting/ChannelEvent.ts"
import { makeFork } from "../remoting/Fibers.ts"
import { RemotingClient } from "../remoting/RemotingClient.ts"
import { Registrations } from "./internal/registrations.ts"
import { TopicRoutes } from "./TopicRoutes.ts"

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
  /** For the heartbeats: what they know of channels, and what connections know nothing of. */
  readonly registrations: Registrations
  readonly tell: (event: ChannelEvent) => void
}

/** The listeners. */
export class ChannelEventListener extends Context.Service<ChannelEventListener, Service>()(
  "effect-rocketmq/client/ChannelEventListener"
) {}

/** Events that a listener may be behind; of more it loses the oldest. The room is taken at once: 16 bytes each. */
const capacity = 1_024

/** What leads to a channel in use. */
const beginnings: ReadonlySet<ChannelEventType> = new Set(["Connect", "Active", "Reconnected"])

const callbacks: Readonly<Record<ChannelEventType, keyof Listeners>> = {
  Connect: "onConnect",
  Active: "onActive",
  GoAway: "onGoAway",
  Draining: "onDraining",
  Reconnected: "onReconnected",
  Idle: "onIdle",
  Exception: "onException",
  Close: "onClose"
}

/** Listeners in the current scope. */
export const make = Effect.gen(function*(): Effect.fn.Return<
  Service,
  never,
  Scope.Scope | RemotingClient | TopicRoutes
> {
  const client = yield* RemotingClient
  const routes = yield* TopicRoutes
  const fork = yield* makeFork
  const hub = yield* Effect.acquireRelease(PubSub.sliding<ChannelEvent>(capacity), PubSub.shutdown)
  const registrations = new Registrations()
  /** Channels that listeners know of: they are told of the end, too, of one whose broker is gone from the routes. */
  const known = new Set<string>()
  /** Channels that were open before they were known as a broker's. What led to that may be told late, and is not. */
  const announced = new Set<string>()

  const publish = (event: ChannelEvent): void => {
    if (event.type === "Close") {
      known.delete(event.channelId)
      announced.delete(event.channelId)
      registrations.closed(event.channelId)
      // A dial that failed has no channel that could close.
    } else if (event.type !== "Exception") known.add(event.channelId)
    PubSub.publishUnsafe(hub, event)
  }

  const relay = (event: ChannelEvent): void => {
    const { address, channelId, type } = event
    if (!known.has(channelId) && !routes.brokerAddresses().has(address)) return
    if (announced.has(channelId) && beginnings.has(type)) return
    // It is told when they are.
    if (type === "Active" && registrations.isAwaited(address, channelId)) return
    publish(event)
  }

  fork(Stream.runForEach(client.events, (event) => Effect.sync(() => relay(event))))

  return {
    register: <R>(listeners: Listeners<R>) =>
      Effect.flatMap(PubSub.subscribe(hub), (subscription) =>
        Effect.asVoid(Effect.forkScoped(
          Stream.runForEach(Stream.fromSubscription(subscription), (event) => {
            const listen = listeners[callbacks[event.type]]
            return listen === undefined ? Effect.void : Effect.catchCause(
              Effect.suspend(() => listen(event)),
              (cause) => Effect.logWarning(`a listener failed on ${event.type} of ${event.address}`, cause)
            )
          }),
          { startImmediately: true }
        ))),
    events: Stream.fromPubSub(hub),
    registrations,
    tell: (event) => {
      announced.add(event.channelId)
      publish(event)
    }
  }
})

/** The listeners as a Layer. */
export const layer: Layer.Layer<ChannelEventListener, never, RemotingClient | TopicRoutes> = Layer.effect(
  ChannelEventListener,
  make
)
