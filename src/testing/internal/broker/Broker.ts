/**
 * An embedded RocketMQ broker on a `RemotingServer`: it answers what a real one answers, from a store in memory.
 *
 * Source of behaviour and remarks: RocketMQ 5.3.3, modules `broker` and `store`.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { ResponseCode } from "../../../protocol/ResponseCode.ts"
import type { RemotingReply } from "../../../remoting/RemotingRequest.ts"
import * as Access from "./Access.ts"
import type { Due } from "./Agenda.ts"
import * as Assignment from "./Assignment.ts"
import * as BrokerAdmin from "./BrokerAdmin.ts"
import type { Broker, BrokerOptions, Call } from "./BrokerApi.ts"
import type { Handle, Handles } from "./BrokerCore.ts"
import { BrokerCore } from "./BrokerCore.ts"
import { BrokerStore } from "./BrokerStore.ts"
import * as ClientManage from "./ClientManage.ts"
import * as Delays from "./Delays.ts"
import * as GroupAdmin from "./GroupAdmin.ts"
import * as Offsets from "./Offsets.ts"
import * as Pop from "./Pop.ts"
import * as Pull from "./Pull.ts"
import * as Query from "./Query.ts"
import * as Reply from "./Reply.ts"
import * as Send from "./Send.ts"
import { defaults } from "./Settings.ts"
import * as TopicAdmin from "./TopicAdmin.ts"
import { topicConfig } from "./TopicTable.ts"
import * as Transactions from "./Transactions.ts"

export type {
  Broker,
  BrokerConditions,
  BrokerListener,
  BrokerOptions,
  BrokerUser,
  Call,
  Interceptor,
  Registration
} from "./BrokerApi.ts"

/** A store for a broker that is to survive its server, on the clock of who asks. */
export const makeStore: Effect.Effect<BrokerStore> = Effect.map(
  Clock.Clock,
  (clock) => new BrokerStore(() => Math.floor(clock.currentTimeMillisUnsafe()))
)

/** How long a timer may sleep at once: `setTimeout` takes no more than 2^31 - 1. */
const longestSleep = 86_400_000

/** As RocketMQ answers what its handlers throw. */
const failed = (error: unknown): RemotingReply => ({
  code: ResponseCode.SYSTEM_ERROR,
  remark: error instanceof Error ? `${error.name}: ${error.message}` : String(error)
})

/** What the request codes of a broker mean. */
const families: ReadonlyArray<(core: BrokerCore) => Handles> = [
  Send.make,
  Reply.make,
  Transactions.make,
  Query.make,
  ClientManage.make,
  Offsets.make,
  Pull.make,
  Pop.make,
  Assignment.make,
  TopicAdmin.make,
  GroupAdmin.make,
  BrokerAdmin.make
]

/** What a master does by itself. */
const services: ReadonlyArray<(core: BrokerCore) => void> = [Delays.start, Transactions.start]

/**
 * A broker in the current scope. Its requests are served until the scope closes; what is suspended then is settled by
 * the closing of its channels.
 */
export const make = Effect.fnUntraced(function*(
  options: BrokerOptions
): Effect.fn.Return<Broker, never, Scope.Scope> {
  const clock = yield* Clock.Clock
  const random = yield* Random.Random
  const scope = yield* Effect.scope
  const context = yield* Effect.context<never>()
  const runFork = Effect.runForkWith(context)
  const fork = (effect: Effect.Effect<void>) => Fiber.runIn(runFork(effect), scope)
  const now = () => Math.floor(clock.currentTimeMillisUnsafe())
  const { interceptor, listener, server } = options
  const store = options.store ?? new BrokerStore(now)
  const core = new BrokerCore({
    name: options.name ?? "broker-a",
    cluster: options.cluster ?? "DefaultCluster",
    id: options.id ?? 0,
    address: options.address ?? server.address,
    store,
    settings: { ...defaults, ...options.settings },
    users: options.users,
    readQueues: options.readQueues,
    listener,
    now,
    random: () => random.nextDoubleUnsafe(),
    fork: (effect) => void fork(effect)
  })
  store.topics.init(core.cluster, core.name, core.settings)

  const finish = (call: Call, reply: RemotingReply | undefined): Effect.Effect<RemotingReply | undefined> => {
    listener?.answered?.(call, reply)
    const altered = reply === undefined ? undefined : interceptor?.after?.(call, reply)
    if (altered === undefined) return Effect.succeed(reply)
    return Effect.map(altered, (replies) => {
      const last = replies[replies.length - 1]
      for (const one of replies.slice(0, -1)) call.peer.answer(call.request.opaque, one)
      return last
    })
  }
  const execute = (handle: Handle, call: Call): Effect.Effect<RemotingReply | undefined> => {
    const denied = Access.refusal(core.users, call)
    if (denied !== undefined) return finish(call, denied)
    listener?.executing?.(call)
    core.executing = call.request.code
    try {
      const result = handle(call)
      return Effect.isEffect(result)
        ? Effect.flatMap(
          Effect.catchDefect(result, (defect) => Effect.succeed(failed(defect))),
          (reply) => finish(call, reply)
        )
        : finish(call, result)
    } catch (error) {
      return finish(call, failed(error))
    } finally {
      core.executing = undefined
    }
  }
  const serve = (code: number, handle: Handle) =>
    server.handle(code, (request, peer) => {
      const call: Call = { request, peer, broker: core.name }
      const verdict = interceptor?.before?.(call)
      if (verdict === undefined) return execute(handle, call)
      return Effect.flatMap(
        verdict,
        (reply) => reply === undefined ? execute(handle, call) : Effect.succeed(reply === "drop" ? undefined : reply)
      )
    })

  // What fails must not keep the rest from being done.
  const run = (due: Due): void => {
    try {
      due.run()
    } catch (error) {
      fork(Effect.logError("Embedded broker: what was due has failed", error))
    }
  }

  // One fiber sleeps until the first thing is due; an earlier one replaces it.
  let sleeper: Fiber.Fiber<void> | undefined = undefined
  const arm = (): void => {
    sleeper?.interruptUnsafe()
    const at = core.agenda.earliest()
    if (at === Infinity) {
      sleeper = undefined
      return
    }
    const wait = at - now()
    sleeper = fork(
      Effect.flatMap(
        // Never on the stack of who added it: that may not be done yet.
        wait > 0 ? Effect.sleep(Math.min(longestSleep, wait)) : Effect.yieldNow,
        () =>
          Effect.sync(() => {
            sleeper = undefined
            for (let due = core.agenda.takeDue(now()); due !== undefined; due = core.agenda.takeDue(now())) run(due)
            arm()
          })
      )
    )
  }
  core.agenda.onEarlier = arm

  for (const family of families) {
    for (const [code, handle] of family(core)) yield* serve(code, handle)
  }
  if (!core.isSlave) { for (const start of services) start(core) }
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      for (const dispose of core.disposers) dispose()
    })
  )
  yield* Effect.forkScoped(
    Stream.runForEach(server.events, (event) =>
      Effect.sync(() => {
        if (event.type === "Close") core.clients.closed(event.channelId)
      })),
    { startImmediately: true }
  )
  if (listener?.topicsChanged !== undefined) {
    const { topicsChanged } = listener
    store.topics.listeners.add(topicsChanged)
    yield* Effect.addFinalizer(() => Effect.sync(() => void store.topics.listeners.delete(topicsChanged)))
  }

  return {
    name: core.name,
    cluster: core.cluster,
    id: core.id,
    address: core.address,
    store,
    settings: core.settings,
    conditions: core.conditions,
    registration: () => ({
      brokerName: core.name,
      brokerAddr: core.address,
      clusterName: core.cluster,
      brokerId: core.id,
      haServerAddr: `${core.ip}:${Number(core.address.slice(core.address.lastIndexOf(":") + 1)) + 1}`,
      topicConfigTable: [...store.topics.all()],
      dataVersion: store.topics.version
    }),
    createTopic: (topic, { queues, ...config } = {}) =>
      store.topics.put(
        topicConfig(topic, {
          ...store.topics.get(topic),
          readQueueNums: queues ?? store.topics.get(topic)?.readQueueNums ?? core.settings.defaultTopicQueueNums,
          writeQueueNums: queues ?? store.topics.get(topic)?.writeQueueNums ?? core.settings.defaultTopicQueueNums,
          ...config
        })
      ),
    consumers: (group) => [...(core.clients.consumerGroup(group)?.clients.values() ?? [])].map((one) => one.clientId),
    producers: (group) => core.clients.producers(group).map((one) => one.clientId)
  }
})
