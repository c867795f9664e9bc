/**
 * The client side of the Remoting protocol: all addresses, one way to ask.
 *
 * ```ts
 * const program = Effect.gen(function*() {
 *   const client = yield* RemotingClient.RemotingClient
 *   return yield* client.invoke("127.0.0.1:9876", { code: RequestCode.GET_BROKER_CLUSTER_INFO })
 * }).pipe(Effect.provide(RemotingClient.layer))
 * ```
 */
import * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import * as Tracer from "effect/Tracer"
import type { LanguageCode } from "../protocol/LanguageCode.ts"
import * as MqVersion from "../protocol/MqVersion.ts"
import type { FrameLimits } from "../protocol/RemotingCodec.ts"
import type { RemotingCommand, SerializeType } from "../protocol/RemotingCommand.ts"
import type { Address } from "./Address.ts"
import { parse } from "./Address.ts"
import type { ChannelEvent, LinkState } from "./ChannelEvent.ts"
import type { Credentials } from "./Credentials.ts"
import { fromConfig as credentialsFromConfig, sign } from "./Credentials.ts"
import { type Fork, makeFork } from "./Fibers.ts"
import { DirectCalls } from "./internal/directCalls.ts"
import { EventHub } from "./internal/eventHub.ts"
import * as Failures from "./internal/failures.ts"
import { Handlers, registered } from "./internal/handlers.ts"
import { channelSettings, millis } from "./internal/options.ts"
import type { CallOptions } from "./internal/pendingCall.ts"
import { PendingCall } from "./internal/pendingCall.ts"
import { traced } from "./internal/tracing.ts"
import * as Metrics from "./Metrics.ts"
import * as Reconnection from "./Reconnection.ts"
import type { ChannelSettings, Observe, Prepare } from "./RemotingChannel.ts"
import type { RemotingError } from "./RemotingError.ts"
import type { Handler, Peer } from "./RemotingHandler.ts"
import type { LinkCounters, LinkHost, Registration } from "./RemotingLink.ts"
import { RemotingLink } from "./RemotingLink.ts"
import type { RemotingRequest } from "./RemotingRequest.ts"
import { isRepeatable } from "./Repeatable.ts"
import * as ResponseFutures from "./ResponseFutures.ts"
import type { RpcHook } from "./RpcHook.ts"
import { defined, ensure, ensureTakesTime } from "./Settings.ts"
import * as Transport from "./Transport.ts"

export type { Registration } from "./RemotingLink.ts"

/** How one request is to be treated. Not to be changed after it was given: a client keeps what it made of it. */
export interface InvokeOptions {
  /**
   * From the call to the answer, over all attempts. What leaves no time (0, less,
   * `NaN`) fails with `Timeout` before anything is sent; `Infinity` waits without
   * end. Default: the client's, 3 seconds.
   */
  readonly timeout?: Duration.Input | undefined
  /**
   * How many GO_AWAYs the request survives: 0 for a caller that has another
   * broker to go to. Default: as many as the timeout allows.
   */
  readonly goAwayHops?: number | undefined
  /** Whether executing the request twice does no harm. Default: by its code, see `Repeatable`. */
  readonly repeatable?: boolean | undefined
  /**
   * Fail at once while the address is down, instead of waiting for the re-dial;
   * with 0 `goAwayHops` also while its servers answer registrations with
   * GO_AWAY. Default: `false`.
   */
  readonly failFast?: boolean | undefined
}

/** Whom a registration is for. */
export interface ValidateOptions {
  /**
   * Whether the registration applies to an address, asked whenever it matters:
   * the answer may change. Default: it applies to all addresses. One that throws
   * says yes, and is told of.
   */
  readonly appliesTo?: ((address: Address) => boolean) | undefined
}

/** Options of a client. */
export interface RemotingClientOptions {
  /** Timeout of requests that name none. Default: 3 seconds. */
  readonly timeout?: Duration.Input | undefined
  /** Upper bound of one dial, its TLS handshake included. Default: 3 seconds. */
  readonly connectTimeout?: Duration.Input | undefined
  /** Upper bound of the registrations of one fresh channel together. Default: 5 seconds. */
  readonly registrationTimeout?: Duration.Input | undefined
  /** A channel silent for so long, with something to lose, is probed. Default: 30 seconds. */
  readonly probeAfter?: Duration.Input | undefined
  /** A probe not answered in this time means a dead peer. Default: 5 seconds. */
  readonly probeTimeout?: Duration.Input | undefined
  /** A connection unused for so long, and without registrations, is closed. Default: 120 seconds. */
  readonly idleTimeout?: Duration.Input | undefined
  /** A frame that was begun must be finished in this time. Default: 30 seconds. */
  readonly frameTimeout?: Duration.Input | undefined
  /** Announced language. Default: OTHER (7), which every server knows. */
  readonly language?: LanguageCode | undefined
  /** Announced version. Servers answer GO_AWAY only to 476 (5.3.2) and newer. Default: 513 (5.5.0). */
  readonly version?: number | undefined
  /** Header codec. Default: JSON. */
  readonly serialization?: SerializeType | undefined
  /**
   * Limits of what is accepted. Default: 16 MiB a frame, 1 MiB a header, 1,024
   * ext fields. Of what is sent, the frame's is this one and the others are the defaults.
   */
  readonly limits?: Partial<FrameLimits> | undefined
  /** Bytes of requests that may wait for a connection, or for a peer that does not read. Default: 64 MiB. */
  readonly maxUnsentBytes?: number | undefined
  /** Handlers of one server's requests that may run at once. Default: 128. */
  readonly maxHandlers?: number | undefined
  /** Hooks around each attempt. Default: none. */
  readonly hooks?: ReadonlyArray<RpcHook> | undefined
  /** Whom to sign as; an Effect is run anew for each connection. Default: nobody. */
  readonly credentials?: Credentials | Effect.Effect<Credentials, unknown> | undefined
  /** Where to dial instead, behind NAT or in Kubernetes. Default: the address itself. */
  readonly mapAddress?: ((address: Address) => Address | Effect.Effect<Address, unknown>) | undefined
  /** Whether requests with a code may be executed twice. Default: `Repeatable.isRepeatable`. */
  readonly repeatable?: ((code: number) => boolean) | undefined
  /** Value of the metrics' attribute `client`. Names in use get a number: `remoting-2`. Default: `remoting`. */
  readonly name?: string | undefined
  /** Whether to register metrics. Default: `true`. */
  readonly metrics?: boolean | undefined
}

/** What a client has done since it was made. */
export interface ClientStats extends ResponseFutures.FuturesStats, Readonly<LinkCounters> {
  readonly bytesIn: number
  readonly bytesOut: number
}

/** See {@link RemotingClient}. */
export interface Service {
  /**
   * Asks and waits for the answer, whatever its code: a response code is not
   * a failure here. Interrupting the effect forgets the request.
   */
  readonly invoke: (
    address: Address,
    request: RemotingRequest,
    options?: InvokeOptions
  ) => Effect.Effect<RemotingCommand, RemotingError>
  /**
   * Sends without waiting for an answer. Succeeds when the request was handed
   * to a connection; a server that is draining drops it without a word.
   */
  readonly invokeOneway: (
    address: Address,
    request: RemotingRequest,
    options?: InvokeOptions
  ) => Effect.Effect<void, RemotingError>
  /**
   * `invoke` or `invokeOneway` for plain code on a hot path: `done` is called
   * once, perhaps before this returns, on the stack of whoever settles the
   * request, and must not throw; a oneway request settles with `undefined`.
   * Returns what gives the request up, after which `done` is not called. Makes
   * no span.
   */
  readonly submitUnsafe: (
    address: Address,
    request: RemotingRequest,
    options: InvokeOptions | undefined,
    oneway: boolean,
    done: (exit: Exit.Exit<RemotingCommand | undefined, RemotingError>) => void
  ) => Effect.Effect<void>
  /** Serves requests of servers with a code, until the scope closes. The newest handler of a code counts. */
  readonly handle: <R>(code: number, handler: Handler<R>) => Effect.Effect<void, never, R | Scope.Scope>
  /**
   * Runs on each fresh channel, before anything else flows there, until the
   * scope closes. Addresses to which a registration applies stay connected, and
   * are let go once none does. Channels that are open already are registered
   * by `revalidate` alone.
   */
  readonly onValidate: <R = never>(
    registration: (channel: Peer) => Effect.Effect<unknown, unknown, R>,
    options?: ValidateOptions
  ) => Effect.Effect<void, never, R | Scope.Scope>
  /**
   * Runs the registrations that apply to an address now: on its channel, beside
   * what flows there; or, where there is none, on the one that is dialled for
   * it, for which nobody waits here. Fails with what a registration fails with,
   * or when they take longer than `registrationTimeout`; the channel stays open,
   * unless the server answered GO_AWAY.
   */
  readonly revalidate: (address: Address) => Effect.Effect<void, unknown>
  /**
   * What happens to channels from now on; ends when the client closes. A
   * subscriber more than 65,536 events behind loses the oldest.
   */
  readonly events: Stream.Stream<ChannelEvent>
  /** The state of each address, at this moment. */
  readonly links: Effect.Effect<ReadonlyMap<Address, LinkState>>
  /** Counts, at this moment. */
  readonly stats: Effect.Effect<ClientStats>
}

/** The client. Closing its scope settles every request: `Unknown` if it was written, `NotSent` if not. */
export class RemotingClient extends Context.Service<RemotingClient, Service>()(
  "effect-rocketmq/remoting/RemotingClient"
) {}

/** Timeouts below this are counted from the call itself; longer ones may end early by as long as its turn had run. */
const exactMillis = 1_000

/** How often channels are looked at. Two looks find a silence, so a probe is at most a second late. */
const tendMillis = 500

/** What a callback says of something. Of one that throws is told, and `otherwise` counts. */
const guarded = <A>(fork: Fork, name: string, ask: (about: A) => boolean, otherwise = false) => (about: A): boolean => {
  try {
    return ask(about)
  } catch (cause) {
    fork(Effect.logError(`${name} failed for ${String(about)}`, cause))
    return otherwise
  }
}

/** A registration, and whom it is for. */
interface RegistrationEntry {
  readonly register: Registration
  readonly appliesTo: ((address: Address) => boolean) | undefined
}

/** A client in the current scope. */
export const make = Effect.fnUntraced(function*(
  options: RemotingClientOptions = {}
): Effect.fn.Return<
  Service,
  never,
  Scope.Scope | Transport.Transport | ResponseFutures.ResponseFutures | Reconnection.Reconnection
> {
  const transport = yield* Transport.Transport
  const futures = yield* ResponseFutures.ResponseFutures
  const policies = yield* Reconnection.Reconnection
  // Of its own: what the client opens and forks ends after its finalizer has settled the requests.
  const scope = yield* Effect.flatMap(Effect.scope, Scope.fork)
  const fork = yield* Scope.provide(makeFork, scope)
  const events = new EventHub()

  const settings = channelSettings(options, false)
  const defaults: CallOptions = {
    timeoutMillis: millis(options.timeout, 3_000),
    goAwayHops: Infinity,
    repeatable: undefined,
    failFast: false,
    vital: false
  }
  const counters: LinkCounters = { goAways: 0, swaps: 0, hops: 0, replays: 0, redials: 0 }
  const links = new Map<Address, RemotingLink>()
  const registrations = new Set<RegistrationEntry>()
  const handlers = new Handlers(options.maxHandlers ?? 128)
  const hooks = options.hooks ?? []
  const { mapAddress } = options
  let closing = false
  let channels = 0
  /** Highest generation of the links that were evicted: no address may count backwards. */
  let forgotten = 0
  let warnedOfPlainCredentials = false

  const direct = new DirectCalls(futures, defaults.timeoutMillis, settings.maxUnsentBytes, (channel) => {
    counters.goAways++
    if (policies.goAwayEnabled) links.get(channel.address)?.goAwaySeen(channel)
  })

  const applyHooks = (address: Address): Prepare | undefined => {
    const before = hooks.flatMap((hook) => hook.before === undefined ? [] : [hook.before])
    return before.length === 0
      ? undefined
      : (request) => before.reduce((changed, hook) => hook(address, changed), request)
  }

  /** Signs last: a field that is added afterwards makes the signature wrong. */
  const preparation = (
    address: Address,
    connection: Transport.Connection
  ): Effect.Effect<Prepare | undefined, unknown> => {
    const hooked = applyHooks(address)
    const { credentials } = options
    if (credentials === undefined) return Effect.succeed(hooked)
    const prepare = Effect.map(
      Effect.isEffect(credentials) ? credentials : Effect.succeed(credentials),
      (identity): Prepare => (request) => sign(hooked === undefined ? request : hooked(request), identity)
    )
    if (connection.encrypted || warnedOfPlainCredentials) return prepare
    warnedOfPlainCredentials = true
    return Effect.andThen(
      Effect.logWarning("requests are signed but not encrypted: whoever reads them can replay them; use TLS"),
      prepare
    )
  }

  const observation = (address: Address): Observe | undefined => {
    const after = hooks.flatMap((hook) => hook.after === undefined ? [] : [hook.after])
    if (after.length === 0) return undefined
    return (request, response) => {
      for (const hook of after) {
        try {
          hook(address, request, response)
        } catch (cause) {
          links.get(address)?.hookFailed(cause)
        }
      }
    }
  }

  const host: LinkHost = {
    futures,
    transport,
    policies: { ...policies, replay: guarded(fork, "replay", policies.replay) },
    settings,
    handlers,
    direct,
    registrationsOf: (address) => {
      const applying: Array<Registration> = []
      for (const { appliesTo, register } of registrations) {
        if (appliesTo === undefined || appliesTo(address)) applying.push(register)
      }
      return applying
    },
    times: {
      connect: millis(options.connectTimeout, 3_000),
      registration: millis(options.registrationTimeout, 5_000),
      probeAfter: millis(options.probeAfter, 30_000),
      probe: millis(options.probeTimeout, 5_000),
      idle: millis(options.idleTimeout, 120_000),
      frame: millis(options.frameTimeout, 30_000)
    },
    counters,
    scope,
    fork,
    emit: (event) => events.emit(event),
    mapAddress: (address) => {
      if (mapAddress === undefined) return Effect.succeed(address)
      return Effect.suspend(() => {
        const mapped = mapAddress(address)
        return typeof mapped === "string" ? Effect.succeed(mapped) : mapped
      })
    },
    preparation,
    observation,
    repeatable: guarded(fork, "repeatable", options.repeatable ?? isRepeatable),
    nextChannelId: () => String(++channels),
    closing: () => closing
  }

  /** One housekeeper for all links, while there are any. */
  let tending = false
  const tend = Effect.gen(function*() {
    while (links.size > 0) {
      yield* Effect.sleep(tendMillis)
      const now = futures.now()
      for (const link of [...links.values()]) {
        link.tend(now)
        if (link.forgettable(now)) {
          links.delete(link.address)
          forgotten = Math.max(forgotten, link.state().generation)
        }
      }
    }
    tending = false
  })

  const linkOf = (address: Address): RemotingLink | undefined => {
    const known = links.get(address)
    if (known !== undefined) return known
    if (parse(address) === undefined && mapAddress === undefined) return undefined
    const link = new RemotingLink(host, address, forgotten)
    links.set(address, link)
    if (!tending) {
      tending = true
      fork(tend)
    }
    return link
  }

  // Whoever sends much gives the same object again and again.
  let lastGiven: InvokeOptions | undefined = undefined
  let lastResolved = defaults

  const resolveOptions = (given: InvokeOptions): CallOptions => {
    if (given === lastGiven) return lastResolved
    lastGiven = given
    lastResolved = {
      timeoutMillis: given.timeout === undefined ? defaults.timeoutMillis : Duration.toMillis(given.timeout),
      goAwayHops: given.goAwayHops ?? defaults.goAwayHops,
      repeatable: given.repeatable,
      failFast: given.failFast ?? defaults.failFast,
      vital: false
    }
    return lastResolved
  }

  const enqueue = (
    address: Address,
    request: RemotingRequest,
    given: InvokeOptions | undefined,
    oneway: boolean,
    resume: PendingCall["resume"]
  ): PendingCall => {
    const callOptions = given === undefined ? defaults : resolveOptions(given)
    const link = closing ? undefined : linkOf(address)
    const channel = link?.current
    // A turn's first reading serves the whole turn, where that matters little.
    const exact = channel === undefined || callOptions.timeoutMillis < exactMillis
    const now = exact ? futures.now() : channel.now()
    const call = new PendingCall(
      futures,
      link ?? nowhere,
      address,
      request,
      oneway,
      callOptions,
      now + callOptions.timeoutMillis,
      resume
    )
    if (!futures.submit(call)) return call
    if (closing) futures.fail(call, Failures.shuttingDown(call))
    else if (link === undefined) futures.fail(call, Failures.invalidAddress(call))
    else link.submit(call)
    return call
  }

  // The success path of a request is one callback, one Map set and delete, and
  // no Effect between caller and channel: each step more costs 3 to 10 % of
  // the rate at 64 in flight.
  const submit = (
    address: Address,
    request: RemotingRequest,
    given: InvokeOptions | undefined,
    oneway: boolean
  ): Effect.Effect<RemotingCommand | undefined, RemotingError> =>
    Effect.callback((resume) => {
      // The native tracer keeps spans that nobody exports; they cost 770 ns each.
      const { tracer, tracerEnabled } = Fiber.getCurrent()!.cache
      if (tracer === undefined || tracer === Tracer.nativeTracer || !tracerEnabled) {
        return enqueue(address, request, given, oneway, resume)
      }
      resume(
        traced(
          address,
          request,
          oneway,
          Effect.callback((settle) => enqueue(address, request, given, oneway, settle))
        )
      )
      return undefined
    })

  const nowhere = {
    refused: () => {},
    lost: () => {},
    expired: Failures.shuttingDown
  }

  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      closing = true
      for (const link of links.values()) link.shutdown()
      links.clear()
      events.end()
    })
  )

  if (options.metrics !== false) {
    yield* Metrics.register(readings(futures, counters, settings.traffic), "client", options.name ?? "remoting")
  }

  return {
    // A two-way request never succeeds without a response.
    invoke: (address, request, given) =>
      submit(address, request, given, false) as Effect.Effect<RemotingCommand, RemotingError>,
    invokeOneway: (address, request, given) => Effect.asVoid(submit(address, request, given, true)),
    submitUnsafe: enqueue,
    handle: (code, handler) => registered(handler, (bound) => handlers.register(code, bound)),
    onValidate: <R>(registration: (channel: Peer) => Effect.Effect<unknown, unknown, R>, given?: ValidateOptions) =>
      Effect.contextWith((context: Context.Context<R>) =>
        Effect.asVoid(
          Effect.acquireRelease(
            Effect.sync(() => {
              const appliesTo = given?.appliesTo
              // One entry per call, though the same function is given twice.
              const entry: RegistrationEntry = {
                register: (channel) => Effect.provideContext(registration(channel), context),
                appliesTo: appliesTo === undefined ? undefined : guarded(fork, "appliesTo", appliesTo, true)
              }
              registrations.add(entry)
              return entry
            }),
            (entry) => Effect.sync(() => void registrations.delete(entry))
          )
        )
      ),
    revalidate: (address) => Effect.suspend(() => (closing ? undefined : linkOf(address))?.revalidate() ?? Effect.void),
    events: events.stream,
    links: Effect.sync(() => new Map([...links].map(([address, link]) => [address, link.state()]))),
    stats: Effect.sync(() => ({ ...futures.stats(), ...counters, ...settings.traffic }))
  }
})

const readings = (
  futures: ResponseFutures.Futures,
  counters: LinkCounters,
  traffic: ChannelSettings["traffic"]
): ReadonlyArray<Metrics.Reading> => {
  const counter = (
    name: string,
    description: string,
    read: () => number,
    attributes?: Readonly<Record<string, string>>
  ): Metrics.Reading => ({ name: `rocketmq_remoting_${name}`, description, kind: "counter", read, attributes })
  const requests = (outcome: string, read: () => number) =>
    counter("requests", "Requests that were settled, by outcome", read, { outcome })
  return [
    {
      name: "rocketmq_remoting_in_flight",
      description: "Requests that wait for a channel or an answer",
      kind: "gauge",
      read: () => futures.inFlight
    },
    requests("Success", () => futures.succeeded),
    requests("NotSent", () => futures.notSent),
    requests("NotProcessed", () => futures.notProcessed),
    requests("Unknown", () => futures.unknown),
    requests("Interrupted", () => futures.interrupted),
    counter("go_aways", "GO_AWAY answers received", () => counters.goAways),
    counter("swaps", "Channels replaced after GO_AWAY", () => counters.swaps),
    counter("hops", "Connects that followed a GO_AWAY", () => counters.hops),
    counter("replays", "Requests sent again after GO_AWAY", () => counters.replays),
    counter("redials", "Connects that followed a broken connection or a failed dial", () => counters.redials),
    counter("dropped_answers", "Answers nobody waited for: late, duplicate, unsolicited", () => futures.dropped),
    counter("bytes_sent", "Bytes handed to connections", () => traffic.bytesOut),
    counter("bytes_received", "Bytes received", () => traffic.bytesIn)
  ]
}

/** The client without its parts: a test swaps any one of them. */
export const layerNoDeps = (options?: RemotingClientOptions): Layer.Layer<
  RemotingClient,
  never,
  Transport.Transport | ResponseFutures.ResponseFutures | Reconnection.Reconnection
> => Layer.effect(RemotingClient, make(options))

/** The client over plain TCP with the default policies. */
export const layerWith = (options: RemotingClientOptions): Layer.Layer<RemotingClient> =>
  layerNoDeps(options).pipe(
    Layer.provide([Transport.layer, ResponseFutures.layer, Reconnection.layer])
  )

/** The client over plain TCP with all defaults. */
export const layer: Layer.Layer<RemotingClient> = layerWith({})

const durations = {
  timeout: "TIMEOUT",
  connectTimeout: "CONNECT_TIMEOUT",
  idleTimeout: "IDLE_TIMEOUT",
  probeAfter: "PROBE_AFTER",
  probeTimeout: "PROBE_TIMEOUT"
} as const

/** What {@link layerConfig} reads. */
export const config: Config.Config<RemotingClientOptions> = Config.all({
  timeout: Config.Duration(durations.timeout).pipe(Config.withDefault(Duration.seconds(3))),
  connectTimeout: Config.Duration(durations.connectTimeout).pipe(Config.withDefault(Duration.seconds(3))),
  idleTimeout: Config.Duration(durations.idleTimeout).pipe(Config.withDefault(Duration.seconds(120))),
  probeAfter: Config.Duration(durations.probeAfter).pipe(Config.withDefault(Duration.seconds(30))),
  probeTimeout: Config.Duration(durations.probeTimeout).pipe(Config.withDefault(Duration.seconds(5))),
  serialization: Config.Literals(["JSON", "ROCKETMQ"], "SERIALIZE_TYPE").pipe(
    Config.withDefault("JSON" as const)
  ),
  version: Config.Int("VERSION").pipe(Config.withDefault(MqVersion.current as number))
}).pipe(Config.nested("ROCKETMQ"))

/**
 * The client over TCP from configuration: `ROCKETMQ_TIMEOUT`,
 * `ROCKETMQ_CONNECT_TIMEOUT`, `ROCKETMQ_IDLE_TIMEOUT`, `ROCKETMQ_PROBE_AFTER`,
 * `ROCKETMQ_PROBE_TIMEOUT`, `ROCKETMQ_SERIALIZE_TYPE` (`JSON`, `ROCKETMQ`),
 * `ROCKETMQ_VERSION`; `ROCKETMQ_ACCESS_KEY` with `ROCKETMQ_SECRET_KEY` and
 * `ROCKETMQ_SECURITY_TOKEN`; and what `Transport.layerConfig`,
 * `Reconnection.layerConfig` and `ResponseFutures.layerConfig` read. Options
 * given here, unless they are `undefined`, come first.
 */
export const layerConfig = (options?: RemotingClientOptions): Layer.Layer<RemotingClient, Config.ConfigError> =>
  Layer.effect(
    RemotingClient,
    Effect.gen(function*() {
      const read = yield* config
      for (const [name, duration] of Object.entries(durations)) {
        yield* ensureTakesTime(`ROCKETMQ_${duration}`, read[name as keyof typeof durations]!)
      }
      const version = read.version ?? MqVersion.current
      yield* ensure(version >= 0 && version <= 32_767, `ROCKETMQ_VERSION must be 0 to 32767, and is ${version}`)
      const credentials = yield* credentialsFromConfig
      return yield* make({ ...read, ...defined({ credentials }), ...defined(options) })
    })
  ).pipe(Layer.provide([Transport.layerConfig, ResponseFutures.layerConfig, Reconnection.layerConfig]))
