/**
 * The client's groups, as its brokers know them: registered on each fresh
 * channel before anything else flows there, kept alive, and unregistered.
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type { ConsumerData } from "../protocol/body/HeartbeatData.ts"
import { fingerprint, HeartbeatData } from "../protocol/body/HeartbeatData.ts"
import { UnregisterClientRequestHeader } from "../protocol/header/ClientManagement.ts"
import { RequestCode } from "../protocol/RequestCode.ts"
import type { Address } from "../remoting/Address.ts"
import { describe } from "../remoting/Describe.ts"
import { makeFork } from "../remoting/Fibers.ts"
import { RemotingClient } from "../remoting/RemotingClient.ts"
import type { RemotingError } from "../remoting/RemotingError.ts"
import type { Peer } from "../remoting/RemotingHandler.ts"
import { ChannelEventListener } from "./ChannelEventListener.ts"
import type { ApiError } from "./ClientError.ts"
import { masterId } from "./internal/route.ts"
import * as Rpc from "./internal/rpc.ts"
import { TopicRoutes } from "./TopicRoutes.ts"

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

/** Options of the heartbeats. */
export interface HeartbeatsOptions {
  /** How brokers tell this client from others: no two clients of a group may have the same. */
  readonly clientId: string
  /** Time between two heartbeats. Default: 30 seconds; brokers forget a client after 120. */
  readonly interval?: Duration.Input | undefined
  /**
   * Leave the subscriptions out of heartbeats where nothing has changed, if the
   * server of the channel says that it understands that. Default: `true`.
   */
  readonly version2?: boolean | undefined
}

/** What is known of one channel. It ends with the channel: another one is another server. */
interface ChannelState {
  readonly peer: Peer
  /** Of what the server knows the subscriptions of; 0: of nothing. */
  fingerprint: number
  /** The server said that it understands heartbeats without subscriptions. */
  understandsV2: boolean
  /** Heartbeats in a row that it refused. */
  refusals: number
}

/** A refused heartbeat is sent again after a second, then two, and so on up to the interval. */
const againMillis = 1_000

/** Turns of the scheduler that last requests get to be written in. */
const farewellTurns = 3

/** Heartbeats in the current scope. */
export const make = Effect.fnUntraced(function*(
  options: HeartbeatsOptions
): Effect.fn.Return<Service, never, Scope.Scope | RemotingClient | TopicRoutes | ChannelEventListener> {
  const client = yield* RemotingClient
  const { clientId } = options
  const routes = yield* TopicRoutes
  const listener = yield* ChannelEventListener
  const { registrations } = listener
  const fork = yield* makeFork
  const interval = Duration.toMillis(options.interval ?? "30 seconds")
  const version2 = options.version2 !== false

  /** How often each group is registered. */
  const producers = new Map<string, number>()
  /** The newest registration of a group counts. */
  const consumers = new Map<string, Array<() => ConsumerData>>()
  /** Grows when groups come and go. */
  let revision = 0
  const channels = new Map<Address, ChannelState>()
  let closed = false

  // --- what is said ------------------------------------------------------------

  const heartbeatData = (): HeartbeatData => ({
    clientID: clientId,
    consumerDataSet: [...consumers.values()].map((sources) => sources[sources.length - 1]!()),
    heartbeatFingerprint: 0,
    producerDataSet: [...producers.keys()].map((groupName) => ({ groupName })),
    withoutSub: false
  })

  const withoutSubscriptions = (data: HeartbeatData): HeartbeatData => ({
    ...data,
    consumerDataSet: data.consumerDataSet.map((consumer) => ({ ...consumer, subscriptionDataSet: [] })),
    withoutSub: true
  })

  // --- to whom -------------------------------------------------------------------

  /** Slaves have nothing to do with producers (RocketMQ 5.3.3 `MQClientInstance.sendHeartbeatToAllBroker`). */
  const appliesTo = (address: Address): boolean => {
    if (closed || (producers.size === 0 && consumers.size === 0)) return false
    const brokers = routes.brokerAddresses().get(address)
    return brokers !== undefined && (consumers.size > 0 || brokers.some(({ brokerId }) => brokerId === masterId))
  }

  const addresses = (): ReadonlyArray<Address> => [...routes.brokerAddresses().keys()].filter(appliesTo)

  // --- one heartbeat ---------------------------------------------------------------

  const stateOf = (peer: Peer): ChannelState => {
    const known = channels.get(peer.address)
    if (known?.peer.channelId === peer.channelId) return known
    const state: ChannelState = { peer, fingerprint: 0, understandsV2: false, refusals: 0 }
    channels.set(peer.address, state)
    return state
  }

  /** A server that refuses is one that is there: what else it is asked it answers for itself. */
  const refused = (state: ChannelState, error: Exclude<ApiError, RemotingError>): Effect.Effect<void> => {
    const { peer } = state
    registrations.answered(peer.channelId)
    state.fingerprint = 0
    const denied = error._tag === "BrokerError" && error.denial !== undefined
    const wait = !denied ? Math.min(interval, againMillis * 2 ** state.refusals) : interval
    state.refusals = Math.min(state.refusals + 1, 16)
    if (wait < interval) {
      fork(Effect.delay(
        Effect.suspend(() =>
          channels.get(peer.address) === state && peer.isOpen() ? beatOn(peer.address) : Effect.void
        ),
        Duration.millis(wait)
      ))
    }
    return Effect.logWarning(`the groups of ${clientId} are not registered: ${error.message}`)
  }

  const beat = (state: ChannelState): Effect.Effect<void, ApiError> =>
    Effect.suspend(() => {
      const { peer } = state
      const sent = revision
      const data = heartbeatData()
      if (data.consumerDataSet.length === 0 && data.producerDataSet.length === 0) return Effect.void
      // Without subscriptions there is nothing to leave out.
      const print = version2 && data.consumerDataSet.length > 0 ? fingerprint(data) : 0
      const light = print !== 0 && state.understandsV2 && state.fingerprint === print
      const body = HeartbeatData.encode({
        ...(light ? withoutSubscriptions(data) : data),
        heartbeatFingerprint: print
      })
      return Effect.flatMap(
        peer.invoke({ code: RequestCode.HEART_BEAT, body }),
        (response): Effect.Effect<void, ApiError> =>
          Effect.flatMap(Rpc.heartbeat(peer.address, response), ({ header }) => {
            state.refusals = 0
            registrations.answered(peer.channelId)
            state.understandsV2 = header.isSupportHeartBeatV2
            state.fingerprint = header.isSupportHeartBeatV2 && !header.isSubChange ? print : 0
            // Its picture of the subscriptions is another one, or groups came and went meanwhile.
            return (light && header.isSubChange) || revision !== sent ? beat(state) : Effect.void
          })
      )
    })

  /** On a fresh channel, and again on one that is open. */
  const register = (peer: Peer): Effect.Effect<void, RemotingError> =>
    Effect.suspend(() => {
      const state = stateOf(peer)
      return Effect.catchIf(
        beat(state),
        (error) => error._tag !== "RemotingError",
        (error) => refused(state, error)
      )
    })

  // --- to an address -----------------------------------------------------------------

  /** Addresses whose last heartbeat failed: of an outage is told once. */
  const failing = new Set<Address>()

  /** Whoever listens learns of a channel that was open before its address was known as a broker's. */
  const tellOfFirst = (address: Address, before: string | undefined): Effect.Effect<void> =>
    Effect.map(client.links, (links) => {
      const state = channels.get(address)
      const link = links.get(address)
      if (state === undefined || state.peer.channelId === before || link?.channelId !== state.peer.channelId) return
      listener.tell({
        type: "Active",
        address,
        channelId: state.peer.channelId,
        generation: link.generation,
        reason: "its groups are registered"
      })
    })

  /** A heartbeat on the channel that is open; where there is none, one is dialled, and the heartbeat comes first there. */
  const beatOn = (address: Address): Effect.Effect<void> =>
    Effect.suspend(() => {
      const before = channels.get(address)?.peer.channelId
      return Effect.matchCauseEffect(client.revalidate(address), {
        onSuccess: () => {
          failing.delete(address)
          return tellOfFirst(address, before)
        },
        onFailure: (cause) => {
          if (Cause.hasInterruptsOnly(cause) || failing.has(address)) return Effect.void
          failing.add(address)
          return Effect.logWarning(`no heartbeat to ${address}: ${describe(Cause.squash(cause))}`)
        }
      })
    })

  const beatEverywhere: Effect.Effect<void> = Effect.suspend(() =>
    Effect.forEach(addresses(), beatOn, { concurrency: "unbounded", discard: true })
  )

  /** Written before whatever the caller does next. */
  const changed = (): void => {
    revision++
    for (const address of addresses()) fork(beatOn(address))
  }

  // --- coming and going ----------------------------------------------------------------

  /**
   * Says goodbye on the channels that are open. Without waiting for answers: a
   * scope that closes must not hang on a silent server, and the end of its
   * connection tells a server the same.
   */
  const farewell = (groups: ReadonlyArray<{ readonly producerGroup?: string; readonly consumerGroup?: string }>) =>
    Effect.gen(function*() {
      for (const { peer } of channels.values()) {
        if (!peer.isOpen()) continue
        for (const group of groups) {
          const extFields = UnregisterClientRequestHeader.encode({ clientID: clientId, ...group })
          // Not in the scope that closes; the connection's end settles it.
          yield* Effect.forkDetach(
            Effect.ignore(peer.invokeOneway({ code: RequestCode.UNREGISTER_CLIENT, extFields })),
            { startImmediately: true }
          )
        }
      }
      for (let turn = 0; turn < farewellTurns; turn++) yield* Effect.yieldNow
    })

  registrations.appliesTo = appliesTo
  yield* client.onValidate(register, { appliesTo })
  yield* routes.onNewAddresses((fresh) =>
    Effect.forEach(fresh.filter(appliesTo), beatOn, { concurrency: "unbounded", discard: true })
  )

  const beating = new Set<Address>()
  const tick = Effect.sync(() => {
    const known = routes.brokerAddresses()
    for (const [address, { peer }] of channels) if (!known.has(address) && !peer.isOpen()) channels.delete(address)
    for (const address of failing) if (!known.has(address)) failing.delete(address)
    // Each by itself: a slow broker delays nobody, and is not asked again while it is being asked.
    for (const address of addresses()) {
      if (beating.has(address)) continue
      beating.add(address)
      fork(Effect.ensuring(beatOn(address), Effect.sync(() => beating.delete(address))))
    }
  })
  fork(Effect.forever(Effect.delay(tick, Duration.millis(interval))))

  yield* Effect.addFinalizer(() =>
    Effect.suspend(() => {
      closed = true
      const groups = [
        ...[...producers.keys()].map((producerGroup) => ({ producerGroup })),
        ...[...consumers.keys()].map((consumerGroup) => ({ consumerGroup }))
      ]
      return groups.length === 0 ? Effect.void : farewell(groups)
    })
  )

  return {
    clientId,
    registerProducer: (group) =>
      Effect.asVoid(Effect.acquireRelease(
        Effect.sync(() => {
          producers.set(group, (producers.get(group) ?? 0) + 1)
          changed()
        }),
        () =>
          Effect.suspend(() => {
            const left = producers.get(group)! - 1
            if (left > 0) {
              producers.set(group, left)
              return Effect.void
            }
            producers.delete(group)
            revision++
            return closed ? Effect.void : farewell([{ producerGroup: group }])
          })
      )),
    registerConsumer: (group, data) =>
      Effect.asVoid(Effect.acquireRelease(
        Effect.sync(() => {
          const sources = consumers.get(group)
          if (sources === undefined) consumers.set(group, [data])
          else sources.push(data)
          changed()
        }),
        () =>
          Effect.suspend(() => {
            const sources = consumers.get(group)!
            sources.splice(sources.indexOf(data), 1)
            if (sources.length > 0) {
              changed()
              return Effect.void
            }
            consumers.delete(group)
            revision++
            return closed ? Effect.void : farewell([{ consumerGroup: group }])
          })
      )),
    send: beatEverywhere
  }
})

/** The heartbeats as a Layer. */
export const layer = (
  options: HeartbeatsOptions
): Layer.Layer<Heartbeats, never, RemotingClient | TopicRoutes | ChannelEventListener> =>
  Layer.effect(Heartbeats, make(options))
