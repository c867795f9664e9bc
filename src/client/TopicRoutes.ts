/**
 * Where topics are: their queues, and the brokers that have them, as the name
 * servers say.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as PubSub from "effect/PubSub"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { TopicRouteData } from "../protocol/body/TopicRouteData.ts"
import { autoCreateTopic } from "../protocol/message/Names.ts"
import { ResponseCode } from "../protocol/ResponseCode.ts"
import type { Address } from "../remoting/Address.ts"
import type { ChannelEvent } from "../remoting/ChannelEvent.ts"
import { describe } from "../remoting/Describe.ts"
import { makeFork } from "../remoting/Fibers.ts"
import { RemotingClient } from "../remoting/RemotingClient.ts"
import type { ClientError, NameServerAttempt } from "./ClientError.ts"
import { clientError, DeadlineExceeded, NameServersFailed, RouteInvalid, TopicNotFound } from "./ClientError.ts"
import { addressesOf, asCreated, keyOf, makeRoute, masterId, RouteViolation } from "./internal/route.ts"
import { SingleFlight } from "./internal/singleFlight.ts"
import { MqClientApi } from "./MqClientApi.ts"
import { NameServers } from "./NameServers.ts"

/** One queue of a topic. */
export interface MessageQueue {
  readonly topic: string
  /** For a static topic a name that stands for all brokers, see {@link TopicRoute.brokerNameOf}. */
  readonly brokerName: string
  readonly queueId: number
}

/** A broker: a master and its slaves. */
export interface BrokerRoute {
  readonly brokerName: string
  readonly cluster: string
  /** By broker id; 0 is the master. */
  readonly addresses: ReadonlyMap<number, Address>
  /** The address of the master; `undefined` while there is none. */
  readonly master: Address | undefined
}

/** The route of a topic at one moment: a new object when it changes, the same one while it does not. */
export interface TopicRoute {
  readonly topic: string
  /** What the name server answered. */
  readonly data: TopicRouteData
  /** Queues to send to: of brokers that may be written to and whose master is there. By broker name and queue id. */
  readonly writeQueues: ReadonlyArray<MessageQueue>
  /** Queues to receive from. By broker name and queue id. */
  readonly readQueues: ReadonlyArray<MessageQueue>
  /** The brokers that have queues of the topic, by name. */
  readonly brokers: ReadonlyMap<string, BrokerRoute>
  /**
   * The broker that has a queue now. The queue's own, except for a static
   * topic, whose queues move between brokers; `undefined`: none has it.
   */
  readonly brokerNameOf: (queue: MessageQueue) => string | undefined
  /** The topic does not exist yet: this is where the brokers would create it (the route of `TBW102`). */
  readonly autoCreated: boolean
  /** The name servers give the queues of this topic in a fixed order (`orderTopicConf`). */
  readonly ordered: boolean
}

/** A broker as an address is known by: several, where a proxy or a load balancer stands for them. */
export interface BrokerAt {
  readonly brokerName: string
  readonly brokerId: number
}

/** How {@link Service.get} is to look for a route. */
export interface GetOptions {
  /** Where the topic does not exist, take the route along which brokers create it. Default: `false`. */
  readonly create?: boolean | undefined
  /** How many queues a topic that is created gets on a broker, at most. Default: 4. */
  readonly defaultTopicQueueNums?: number | undefined
  /**
   * Within it name servers that fail are asked again, after pauses of up to a
   * second, by {@link Service.get}. Default: they are asked once, within their
   * own timeout of 3 seconds; twice that where a topic is to be created.
   */
  readonly timeout?: Duration.Input | undefined
}

/** See {@link TopicRoutes}. */
export interface Service {
  /** The route that is known, whether or not the topic exists yet. Synchronous, for the hot path. */
  readonly getUnsafe: (topic: string) => TopicRoute | undefined
  /**
   * The route that is known, or the one that the name servers give now; all who
   * ask for one topic at a time share one request. Fails with `TopicNotFound`,
   * `RouteInvalid`, `NoNameServers`, `NameServersFailed`, `AccessDenied` or,
   * where there is a timeout, `DeadlineExceeded`, whose cause is what the name
   * servers failed with last.
   */
  readonly get: (topic: string, options?: GetOptions) => Effect.Effect<TopicRoute, ClientError>
  /** Asks the name servers now. When that fails, the known route stays. */
  readonly refresh: (topic: string, options?: GetOptions) => Effect.Effect<TopicRoute, ClientError>
  /**
   * Has the name servers asked soon, in a fiber of its own: at once, unless the
   * topic was asked for within the last second. For whoever finds out on the hot
   * path that a route is wrong.
   */
  readonly refreshSoon: (topic: string) => void
  /** The brokers of all routes, by address, at this moment. */
  readonly brokerAddresses: () => ReadonlyMap<Address, ReadonlyArray<BrokerAt>>
  /** A broker of any route, by name. */
  readonly broker: (brokerName: string) => BrokerRoute | undefined
  /** The address of a broker's master. */
  readonly masterOf: (brokerName: string) => Address | undefined
  /** Each route that is new or has changed, from now on. */
  readonly changes: Stream.Stream<TopicRoute>
  /**
   * Runs with addresses that have become brokers' addresses, or masters' that
   * were slaves', before the route that names them is handed out, until the scope closes. It is waited for;
   * what it fails with is logged.
   */
  readonly onNewAddresses: <R>(
    prepare: (addresses: ReadonlyArray<Address>) => Effect.Effect<unknown, unknown, R>
  ) => Effect.Effect<void, never, R | Scope.Scope>
}

/** The routes. */
export class TopicRoutes extends Context.Service<TopicRoutes, Service>()("effect-rocketmq/client/TopicRoutes") {}

/** Options of the routes. */
export interface TopicRoutesOptions {
  /** How often the name servers are asked for the topics in use. Default: 30 seconds. */
  readonly pollInterval?: Duration.Input | undefined
  /** A topic that nobody asked for in so long is no longer looked after. Default: 1 hour. */
  readonly unusedFor?: Duration.Input | undefined
  /** For how long a topic that does not exist is not asked for again. Default: 1 second. */
  readonly notFoundFor?: Duration.Input | undefined
  /** How long `refreshSoon` lets pass between two requests for one topic. Default: 1 second. */
  readonly refreshSpacing?: Duration.Input | undefined
}

/** Those who ask for one topic until there is an answer: one fiber does for all of them. */
interface Round {
  /** How many they are. */
  waiting: number
  /** What the name servers failed with last. */
  error: ClientError
}

/** The pause before name servers that failed are asked again: at first so long, then twice as long each time. */
const firstPauseMillis = 20
const maxPauseMillis = 1_000

/** Whether name servers may do better in a moment. */
const mayPass = ({ isRetryable, reason }: ClientError): boolean =>
  isRetryable && (reason._tag === "NameServersFailed" || reason._tag === "NoNameServers")

/** What is known of one topic. */
interface Entry {
  readonly topic: string
  /** As it is handed out. */
  route: TopicRoute | undefined
  /** As it counts for the brokers: a moment ahead of `route`. */
  latest: TopicRoute | undefined
  /** {@link keyOf} what `latest` was made from. */
  key: string
  /** Order of the answers: the newest says where a broker is. */
  order: number
  /** Somebody asked since the last poll. */
  used: boolean
  /** Monotonic milliseconds. */
  usedAt: number
  askedAt: number
  /** How many queues it is to be created with, where that was asked for. */
  create: number | undefined
  /** A refresh waits for its time. */
  soon: boolean
}

/** Routes that a listener may be behind; of more it loses the oldest. The room is taken at once: 16 bytes each. */
const maxBehind = 1_024

/** Requests for routes that a poll has on their way at a time. */
const concurrency = 8

/** Java's `DefaultMQProducer.defaultTopicQueueNums` of 5.3.3. */
const defaultQueues = 4

const isSameBroker = (broker: BrokerRoute, other: BrokerRoute | undefined): boolean =>
  other !== undefined && broker.cluster === other.cluster && broker.addresses.size === other.addresses.size &&
  [...broker.addresses].every(([id, address]) => other.addresses.get(id) === address)

/** Whether a master is at an address. */
const isMasters = (known: ReadonlyMap<Address, ReadonlyArray<BrokerAt>>, address: Address): boolean =>
  known.get(address)?.some(({ brokerId }) => brokerId === masterId) === true

const isNotFound = ({ error }: NameServerAttempt): boolean =>
  error._tag === "BrokerError" && error.code === ResponseCode.TOPIC_NOT_EXIST

/** What became of asking for a topic. */
const failureOf = (topic: string, error: ClientError): ClientError => {
  const { reason } = error
  if (reason._tag !== "NameServersFailed") return error
  const { attempts } = reason
  const without = attempts.filter(isNotFound)
  if (without.length > 0) {
    const others = attempts.filter((attempt) => !isNotFound(attempt))
    return clientError(
      new TopicNotFound({
        topic,
        nameServers: without.map(({ address }) => address),
        ...(others.length === 0
          ? {}
          : { detail: others.map((other) => `${other.address} did not answer: ${describe(other.error)}`).join("; ") })
      })
    )
  }
  const malformed = attempts.find(({ error: one }) => one._tag === "MalformedResponse")
  if (malformed !== undefined && attempts.every(({ error: one }) => one._tag === "MalformedResponse")) {
    const { error: violation } = malformed
    const detail = violation._tag === "MalformedResponse" ? `${violation.field} ${violation.detail}` : ""
    return clientError(new RouteInvalid({ topic, address: malformed.address, detail }))
  }
  // Whatever was to be done with the topic, nothing of it was sent.
  return clientError(new NameServersFailed({ detail: reason.detail, attempts, outcome: "NotSent" }))
}

/** Routes in the current scope. */
export const make = Effect.fnUntraced(function*(
  options: TopicRoutesOptions = {}
): Effect.fn.Return<Service, never, Scope.Scope | NameServers | MqClientApi | RemotingClient> {
  const nameServers = yield* NameServers
  const api = yield* MqClientApi
  const client = yield* RemotingClient
  const clock = yield* Clock.Clock
  const random = yield* Random.Random
  const fork = yield* makeFork
  const now = () => Number(clock.monotonicTimeNanosUnsafe()) / 1_000_000
  const unusedMillis = Duration.toMillis(options.unusedFor ?? "1 hour")
  const notFoundMillis = Duration.toMillis(options.notFoundFor ?? "1 second")
  const spacingMillis = Duration.toMillis(options.refreshSpacing ?? "1 second")

  const entries = new Map<string, Entry>()
  /** Topics that do not exist, and until when that is believed. */
  const missing = new Map<string, { readonly until: number; readonly error: ClientError }>()
  const flights = new SingleFlight<string, TopicRoute>(fork)
  const rounds = new Map<string, Round>()
  const preparations = new Set<(addresses: ReadonlyArray<Address>) => Effect.Effect<unknown, unknown>>()
  const changes = yield* Effect.acquireRelease(PubSub.sliding<TopicRoute>(maxBehind), PubSub.shutdown)
  let order = 0

  // --- brokers -----------------------------------------------------------------

  let brokers: ReadonlyMap<string, BrokerRoute> = new Map()
  let addresses: ReadonlyMap<Address, ReadonlyArray<BrokerAt>> = new Map()

  /**
   * Puts the brokers of all routes together. Where they differ the newest
   * answer says where a broker is; yet whoever goes by an older route goes to
   * the address that this one names, so that is a broker's too.
   */
  const collect = (): void => {
    const table = new Map<string, BrokerRoute>()
    const index = new Map<Address, Array<BrokerAt>>()
    const add = (broker: BrokerRoute): void => {
      for (const [brokerId, address] of broker.addresses) {
        const { brokerName } = broker
        const known = index.get(address)
        if (known === undefined) index.set(address, [{ brokerName, brokerId }])
        else if (!known.some((one) => one.brokerName === brokerName && one.brokerId === brokerId)) {
          known.push({ brokerName, brokerId })
        }
      }
    }
    for (const { latest, route } of [...entries.values()].sort((left, right) => left.order - right.order)) {
      for (const broker of latest?.brokers.values() ?? []) {
        table.set(broker.brokerName, broker)
        add(broker)
      }
      // What is handed out until the latest one is prepared.
      if (route !== latest) { for (const broker of route?.brokers.values() ?? []) add(broker) }
    }
    brokers = table
    addresses = index
  }

  /** Addresses for which preparations are under way. */
  const preparing = new Map<Address, Deferred.Deferred<void>>()

  const prepare = (fresh: ReadonlyArray<Address>): Effect.Effect<void> => {
    if (fresh.length === 0 || preparations.size === 0) return Effect.void
    const done = Deferred.makeUnsafe<void>()
    for (const address of fresh) preparing.set(address, done)
    return Effect.forEach(
      [...preparations],
      (one) =>
        Effect.catchCause(one(fresh), (cause) => Effect.logWarning("new broker addresses were not prepared", cause)),
      { concurrency: "unbounded", discard: true }
    ).pipe(
      Effect.ensuring(Effect.sync(() => {
        for (const address of fresh) if (preparing.get(address) === done) preparing.delete(address)
        Deferred.doneUnsafe(done, Exit.void)
      }))
    )
  }

  /** Waits for what another route has begun for addresses that it has in common with this one. */
  const prepared = (all: ReadonlySet<Address>): Effect.Effect<void> =>
    Effect.suspend(() => {
      const others = new Set<Deferred.Deferred<void>>()
      for (const [address, done] of preparing) if (all.has(address)) others.add(done)
      return others.size === 0 ? Effect.void : Effect.forEach(others, Deferred.await, { discard: true })
    })

  // --- routes --------------------------------------------------------------------

  const newEntry = (topic: string): Entry => {
    const entry: Entry = {
      topic,
      route: undefined,
      latest: undefined,
      key: "",
      order: 0,
      used: true,
      usedAt: now(),
      askedAt: now(),
      create: undefined,
      soon: false
    }
    entries.set(topic, entry)
    return entry
  }

  /** Takes an answer in: the route that is known, if it says the same, or the new one. */
  const install = (
    topic: string,
    address: Address,
    data: TopicRouteData,
    autoCreated: boolean
  ): Effect.Effect<TopicRoute, ClientError> =>
    Effect.suspend(() => {
      const key = keyOf(data)
      const known = entries.get(topic)
      missing.delete(topic)
      if (known?.route !== undefined && known.route === known.latest && known.key === key) {
        const { route: same } = known
        if (same.autoCreated === autoCreated) {
          known.order = ++order
          // Another route may have said otherwise of its brokers meanwhile.
          if (
            [...same.brokers.values()].some((broker) => !isSameBroker(broker, brokers.get(broker.brokerName)))
          ) collect()
          return Effect.succeed(same)
        }
      }
      const route = makeRoute(topic, data, autoCreated)
      if (route instanceof RouteViolation) {
        return Effect.fail(clientError(new RouteInvalid({ topic, address, detail: route.detail })))
      }
      const entry = known ?? newEntry(topic)
      entry.order = ++order
      entry.key = key
      entry.latest = route
      const before = addresses
      collect()
      const named = addressesOf(route.brokers.values())
      const fresh = [...named].filter((one) =>
        !before.has(one) || (isMasters(addresses, one) && !isMasters(before, one))
      )
      return Effect.map(Effect.andThen(prepare(fresh), prepared(named)), () => {
        const replaced = entry.route !== undefined
        entry.route = route
        if (replaced) collect()
        PubSub.publishUnsafe(changes, route)
        return route
      })
    })

  const ask = (
    topic: string
  ): Effect.Effect<{ readonly address: Address; readonly data: TopicRouteData }, ClientError> =>
    Effect.mapError(
      nameServers.use(
        (address, invoke) =>
          Effect.map(api.getRouteInfoByTopic(address, { topic }, invoke), (data) => ({ address, data })),
        {
          detail: `where topic ${topic} is`,
          // One that has just started does not know everything yet.
          elsewhere: ({ code }) => code === ResponseCode.TOPIC_NOT_EXIST
        }
      ),
      (error) => failureOf(topic, error)
    )

  const believeMissing = (topic: string, error: ClientError): void => {
    if (error.reason._tag === "TopicNotFound") missing.set(topic, { until: now() + notFoundMillis, error })
  }

  const believedMissing = (topic: string): ClientError | undefined => {
    const known = missing.get(topic)
    if (known === undefined) return undefined
    if (known.until > now()) return known.error
    missing.delete(topic)
    return undefined
  }

  /** Asks for a topic as it is. */
  const fetch = (topic: string): Effect.Effect<TopicRoute, ClientError> =>
    flights.run(
      topic,
      Effect.suspend(() => {
        const entry = entries.get(topic)
        if (entry !== undefined) entry.askedAt = now()
        return ask(topic).pipe(
          Effect.flatMap(({ address, data }) => install(topic, address, data, false)),
          Effect.tapError((error) => Effect.sync(() => believeMissing(topic, error)))
        )
      })
    )

  /** Asks for the route along which brokers would create a topic. */
  const fetchCreated = (topic: string, queues: number, missed: ClientError): Effect.Effect<TopicRoute, ClientError> =>
    // No topic has a blank in its name.
    flights.run(
      `create ${topic}`,
      Effect.suspend(() => {
        const known = believedMissing(autoCreateTopic)
        const asked = known === undefined
          ? Effect.tapError(
            ask(autoCreateTopic),
            (error) => Effect.sync(() => believeMissing(autoCreateTopic, error))
          )
          : Effect.fail(known)
        return asked.pipe(
          Effect.mapError((error) => {
            if (error.reason._tag !== "TopicNotFound" || missed.reason._tag !== "TopicNotFound") return error
            return clientError(
              new TopicNotFound({
                topic,
                nameServers: missed.reason.nameServers,
                detail: `nor does the default topic ${autoCreateTopic}, so the brokers do not create topics`
              })
            )
          }),
          Effect.flatMap(({ address, data }) => {
            // It may have come about meanwhile.
            const real = entries.get(topic)?.route
            if (real !== undefined && !real.autoCreated) return Effect.succeed(real)
            return Effect.tap(install(topic, address, asCreated(data, queues), true), () =>
              Effect.sync(() => {
                const entry = entries.get(topic)
                if (entry !== undefined) entry.create = queues
              }))
          })
        )
      })
    )

  const queuesOf = (topic: string, how: GetOptions | undefined): number | undefined =>
    how?.create === true ? how.defaultTopicQueueNums ?? defaultQueues : entries.get(topic)?.create

  const lookUp = (
    topic: string,
    queues: number | undefined,
    patient: boolean
  ): Effect.Effect<TopicRoute, ClientError> =>
    Effect.suspend(() => {
      const known = patient ? undefined : believedMissing(topic)
      const asked = known === undefined ? fetch(topic) : Effect.fail(known)
      return queues === undefined
        ? asked
        : Effect.catch(asked, (error) =>
          error.reason._tag === "TopicNotFound" ? fetchCreated(topic, queues, error) : Effect.fail(error))
    })

  /** What is looked up has a timeout of its own; whoever has less time gives up before. */
  const within = (
    topic: string,
    timeout: Duration.Input | undefined,
    looked: Effect.Effect<TopicRoute, ClientError>,
    failure: () => ClientError | undefined = () => undefined
  ): Effect.Effect<TopicRoute, ClientError> =>
    timeout === undefined ? looked : Effect.timeoutOrElse(looked, {
      duration: timeout,
      orElse: () =>
        Effect.flatMap(client.links, (links) => {
          const asked = nameServers.addresses().map((address) => {
            const link = links.get(address)
            return link?.status === "Active" || link?.lastEvent?.type !== "Exception"
              ? address
              : `${address} (${link.lastEvent.reason})`
          })
          const last = failure()
          const why = asked.length > 0
            ? `; they are ${asked.join(", ")}`
            : last?.reason._tag === "NoNameServers"
            ? `; ${last.reason.detail}`
            : ""
          return Effect.fail(
            clientError(
              new DeadlineExceeded({
                detail: `no name server said where topic ${topic} is${why}`,
                timeoutMillis: Math.round(Duration.toMillis(timeout)),
                outcome: "NotSent",
                ...(last === undefined ? {} : { cause: last })
              })
            )
          )
        })
    })

  const getUnsafe = (topic: string): TopicRoute | undefined => {
    const entry = entries.get(topic)
    if (entry === undefined) return undefined
    entry.used = true
    return entry.route
  }

  /** Looks up, and while the name servers fail again and again. Returns what they failed with last, too. */
  const persist = (
    topic: string,
    queues: number | undefined,
    look: Effect.Effect<TopicRoute, ClientError>
  ): readonly [Effect.Effect<TopicRoute, ClientError>, () => ClientError | undefined] => {
    // No topic has a blank in its name.
    const key = `again ${queues ?? ""} ${topic}`
    let joined: Round | undefined
    const again = (round: Round, pause: number): Effect.Effect<TopicRoute, ClientError> =>
      Effect.delay(
        Effect.suspend(() => round.waiting > 0 ? look : Effect.fail(round.error)),
        pause * (0.5 + 0.5 * random.nextDoubleUnsafe())
      ).pipe(
        Effect.catch((error) => {
          if (round.waiting === 0 || !mayPass(error)) return Effect.fail(error)
          round.error = error
          return again(round, Math.min(2 * pause, maxPauseMillis))
        })
      )
    const join = (error: ClientError) =>
      Effect.suspend(() => {
        const round = rounds.get(key) ?? { waiting: 0, error }
        joined = round
        rounds.set(key, round)
        round.waiting++
        return Effect.ensuring(
          flights.run(key, Effect.ensuring(again(round, firstPauseMillis), Effect.sync(() => rounds.delete(key)))),
          Effect.sync(() => void round.waiting--)
        )
      })
    return [
      Effect.catch(look, (error) => mayPass(error) ? join(error) : Effect.fail(error)),
      () => joined?.error
    ]
  }

  const get: Service["get"] = (topic, how) => {
    const queues = how?.create === true ? queuesOf(topic, how) : undefined
    const look = Effect.suspend(() => {
      const known = getUnsafe(topic)
      // Whoever does not create topics has no use for one that does not exist.
      return known !== undefined && (!known.autoCreated || queues !== undefined)
        ? Effect.succeed(known)
        : lookUp(topic, queues, false)
    })
    if (how?.timeout === undefined) return look
    return Effect.suspend(() => within(topic, how.timeout, ...persist(topic, queues, look)))
  }

  const refresh: Service["refresh"] = (topic, how) =>
    Effect.suspend(() => within(topic, how?.timeout, lookUp(topic, queuesOf(topic, how), true)))

  /** Without a timeout of its own: the name servers have one. */
  const renew = (entry: Entry): Effect.Effect<TopicRoute, ClientError> =>
    Effect.suspend(() => lookUp(entry.topic, entry.create, true))

  const refreshSoon = (topic: string): void => {
    const entry = entries.get(topic)
    if (entry === undefined || entry.soon) return
    entry.soon = true
    const wait = Math.max(0, entry.askedAt + spacingMillis - now())
    const asked = Effect.suspend(() => {
      entry.soon = false
      return Effect.ignore(renew(entry))
    })
    fork(wait === 0 ? asked : Effect.delay(asked, Duration.millis(wait)))
  }

  // --- staying up to date ----------------------------------------------------------

  /** Addresses that are known to be down: one that is dialled in vain for hours says nothing new. */
  const down = new Set<Address>()

  /** Forgets topics that nobody wants, and what is believed missing no longer. */
  const forget = (): void => {
    const at = now()
    for (const [topic, { until }] of missing) if (until <= at) missing.delete(topic)
    let forgotten = false
    for (const entry of [...entries.values()]) {
      if (entry.used) {
        entry.used = false
        entry.usedAt = at
      } else if (at - entry.usedAt >= unusedMillis) {
        entries.delete(entry.topic)
        forgotten = true
      }
    }
    if (forgotten) collect()
    for (const address of down) if (!addresses.has(address)) down.delete(address)
  }

  const poll = Effect.suspend(() => {
    forget()
    let failure: ClientError | undefined
    return Effect.andThen(
      Effect.forEach(
        [...entries.values()],
        (entry) =>
          // While no name server answers, asking for the others as well would only hammer them.
          failure !== undefined
            ? Effect.void
            : Effect.matchEffect(renew(entry), {
              onSuccess: () => Effect.void,
              onFailure: (error) =>
                Effect.sync(() => {
                  const { _tag } = error.reason
                  if (_tag === "NameServersFailed" || _tag === "NoNameServers") failure = error
                })
            }),
        { concurrency, discard: true }
      ),
      Effect.suspend(() =>
        failure === undefined ? Effect.void : Effect.logWarning(`routes stay as they are: ${failure.message}`)
      )
    )
  })

  const pollInterval = Duration.fromInputUnsafe(options.pollInterval ?? "30 seconds")
  fork(Effect.forever(Effect.delay(poll, pollInterval)))

  const observe = (event: ChannelEvent): void => {
    if (event.type === "Active") {
      down.delete(event.address)
      return
    }
    const broken = event.type === "GoAway" || event.type === "Exception"
    if (!broken || down.has(event.address) || !addresses.has(event.address)) return
    down.add(event.address)
    const names = new Set(addresses.get(event.address)!.map(({ brokerName }) => brokerName))
    for (const { latest, topic } of [...entries.values()]) {
      if (latest !== undefined && [...latest.brokers.keys()].some((name) => names.has(name))) refreshSoon(topic)
    }
  }

  fork(Stream.runForEach(client.events, (event) => Effect.sync(() => observe(event))))

  return {
    getUnsafe,
    get,
    refresh,
    refreshSoon,
    brokerAddresses: () => addresses,
    broker: (brokerName) => brokers.get(brokerName),
    masterOf: (brokerName) => brokers.get(brokerName)?.addresses.get(masterId),
    changes: Stream.fromPubSub(changes),
    onNewAddresses: <R>(one: (fresh: ReadonlyArray<Address>) => Effect.Effect<unknown, unknown, R>) =>
      Effect.contextWith((context: Context.Context<R>) =>
        Effect.asVoid(
          Effect.acquireRelease(
            Effect.sync(() => {
              const preparation = (fresh: ReadonlyArray<Address>) => Effect.provideContext(one(fresh), context)
              preparations.add(preparation)
              return preparation
            }),
            (preparation) => Effect.sync(() => void preparations.delete(preparation))
          )
        )
      )
  }
})

/** Routes as a Layer. */
export const layer = (
  options?: TopicRoutesOptions
): Layer.Layer<TopicRoutes, never, NameServers | MqClientApi | RemotingClient> =>
  Layer.effect(TopicRoutes, make(options))
