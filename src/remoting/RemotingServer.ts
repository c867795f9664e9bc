/**
 * The server side of the Remoting protocol: handlers by code, requests to its
 * peers, and a drain that tells clients to go elsewhere before it stops. The
 * official Java client can talk to it.
 */
import * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import type { LanguageCode } from "../protocol/LanguageCode.ts"
import * as MqVersion from "../protocol/MqVersion.ts"
import type { FrameLimits } from "../protocol/RemotingCodec.ts"
import type { RemotingCommand, SerializeType } from "../protocol/RemotingCommand.ts"
import { ResponseCode } from "../protocol/ResponseCode.ts"
import type { ChannelEvent, ChannelEventType } from "./ChannelEvent.ts"
import { makeFork } from "./Fibers.ts"
import { DirectCalls } from "./internal/directCalls.ts"
import { EventHub } from "./internal/eventHub.ts"
import { Handlers, registered } from "./internal/handlers.ts"
import { tendFrame, tendTraffic } from "./internal/housekeeping.ts"
import { channelSettings, millis } from "./internal/options.ts"
import * as Metrics from "./Metrics.ts"
import type { ChannelOwner } from "./RemotingChannel.ts"
import { RemotingChannel } from "./RemotingChannel.ts"
import type { ListenFailed, Reason } from "./RemotingError.ts"
import { ShuttingDown } from "./RemotingError.ts"
import type { Handler, Peer } from "./RemotingHandler.ts"
import type { RemotingReply } from "./RemotingRequest.ts"
import * as ResponseFutures from "./ResponseFutures.ts"
import { defined } from "./Settings.ts"
import { layer as tcp, Transport } from "./Transport.ts"

/** Options of a server. */
export interface RemotingServerOptions {
  /** Default: `127.0.0.1`. */
  readonly host?: string | undefined
  /** Default: 0, a port of the system's choice. */
  readonly port?: number | undefined
  /** Announced language. Default: OTHER (7). */
  readonly language?: LanguageCode | undefined
  /** Announced version. Default: 513 (5.5.0). */
  readonly version?: number | undefined
  /** Header codec of answers, whatever was asked, as RocketMQ 5.x does. Default: JSON. */
  readonly serialization?: SerializeType | undefined
  /** Limits of what is sent and accepted. Default: 16 MiB a frame, 1 MiB a header, 1,024 ext fields. */
  readonly limits?: Partial<FrameLimits> | undefined
  /** Handlers that may run at once for one connection; more requests get SYSTEM_BUSY. Default: 128. */
  readonly maxHandlers?: number | undefined
  /** Bytes of requests to a peer that may wait for it to read. Default: 64 MiB. */
  readonly maxUnsentBytes?: number | undefined
  /** Requests to peers that may wait for an answer, at most. Default: 65,535. */
  readonly maxInFlight?: number | undefined
  /** Timeout of requests to peers that name none. Default: 3 seconds. */
  readonly timeout?: Duration.Input | undefined
  /** A connection on which nothing happens for so long is closed. Default: 120 seconds. */
  readonly idleTimeout?: Duration.Input | undefined
  /** A frame that was begun must be finished in this time. Default: 30 seconds. */
  readonly frameTimeout?: Duration.Input | undefined
  /**
   * Closing the scope drains first, and takes `shutdownWaitTime`. A code whose
   * handlers have gone is answered as if the server were draining already,
   * since their scopes close first. Default: `false`, it stops at once
   * (RocketMQ 5.3.3 `NettyServerConfig`).
   */
  readonly enableShutdownGracefully?: boolean | undefined
  /** How long a drain lasts. Default: 30 seconds. */
  readonly shutdownWaitTime?: Duration.Input | undefined
  /**
   * GO_AWAY is answered to peers that announce a version above this one; the
   * others are served until the end. Default: 475 (5.3.1), as servers since
   * 5.3.2 do.
   */
  readonly goAwayGate?: number | undefined
  /** Value of the metrics' attribute `server`. Names in use get a number: `remoting-2`. Default: `remoting`. */
  readonly name?: string | undefined
  /** Whether to register metrics. Default: `true`. */
  readonly metrics?: boolean | undefined
}

/** What a server has done since it was made. */
export interface ServerStats {
  readonly connections: number
  readonly accepted: number
  /** Requests handed to a handler. */
  readonly requests: number
  /** Requests answered with GO_AWAY. */
  readonly goAways: number
  /** Oneway requests dropped while draining. */
  readonly droppedOneways: number
  readonly bytesIn: number
  readonly bytesOut: number
}

/** See {@link RemotingServer}. */
export interface Service {
  /** The bound `ip:port`. */
  readonly address: string
  /**
   * Serves a code until the scope closes. The newest handler of a code counts.
   * The server listens from the start: register before the first asynchronous
   * step, or early clients are told that the code is not supported.
   */
  readonly handle: <R>(code: number, handler: Handler<R>) => Effect.Effect<void, never, R | Scope.Scope>
  /** Serves the codes that have no handler; without it they get REQUEST_CODE_NOT_SUPPORTED (3). */
  readonly handleOther: <R>(handler: Handler<R>) => Effect.Effect<void, never, R | Scope.Scope>
  /** Those connected now. */
  readonly peers: Effect.Effect<ReadonlyArray<Peer>>
  /**
   * What happens to channels from now on; ends when the server closes. A
   * subscriber more than 65,536 events behind loses the oldest.
   */
  readonly events: Stream.Stream<ChannelEvent>
  /** Counts, at this moment. */
  readonly stats: Effect.Effect<ServerStats>
  /**
   * Stops as RocketMQ's `NettyRemotingServer.shutdown` does: every two-way
   * request of a peer above the version gate is answered GO_AWAY, on old and
   * on new connections, after its handler was looked up; oneway requests of
   * such peers are dropped; running and suspended requests finish; the
   * listener stays open. After `shutdownWaitTime` all is closed.
   */
  readonly drain: Effect.Effect<void>
  /** Stops at once: the listener and every connection are closed. */
  readonly stop: Effect.Effect<void>
}

/** The server. Closing its scope stops it. */
export class RemotingServer extends Context.Service<RemotingServer, Service>()(
  "effect-rocketmq/remoting/RemotingServer"
) {}

/** RocketMQ 5.3.3 `NettyRemotingAbstract.processRequestCommand`. */
const goAway: RemotingReply = { code: ResponseCode.GO_AWAY, remark: "please go away" }

const tendMillis = 1_000

/** A server in the current scope, listening. */
export const make = Effect.fnUntraced(function*(
  options: RemotingServerOptions = {}
): Effect.fn.Return<Service, ListenFailed, Scope.Scope | Transport> {
  const transport = yield* Transport
  const graceful = options.enableShutdownGracefully === true
  // Of its own: deadlines and housekeeping go on while the server's scope closes and drains.
  const scope = yield* Effect.flatMap(Effect.scope, Scope.fork)
  const futures = yield* Scope.provide(ResponseFutures.make({ maxInFlight: options.maxInFlight }), scope)
  const fork = yield* Scope.provide(makeFork, scope)
  const events = new EventHub()
  const settings = channelSettings(options, true)
  const handlers = new Handlers(options.maxHandlers ?? 128)
  const direct = new DirectCalls(futures, millis(options.timeout, 3_000), settings.maxUnsentBytes, () => {})
  const gate = options.goAwayGate ?? MqVersion.goAwayGate
  const shutdownWaitTime = Duration.fromInputUnsafe(options.shutdownWaitTime ?? "30 seconds")
  const idle = millis(options.idleTimeout, 120_000)
  const frame = millis(options.frameTimeout, 30_000)
  const channels = new Map<RemotingChannel, Peer>()
  const counts = { accepted: 0, requests: 0, goAways: 0, droppedOneways: 0 }
  let draining = false
  let stopped = false

  const tell = (type: ChannelEventType, channel: RemotingChannel, reason: string, cause?: unknown): void => {
    events.emit({
      type,
      address: channel.address,
      channelId: channel.id,
      generation: channel.generation,
      reason,
      ...(cause === undefined ? {} : { cause })
    })
  }

  const owner: ChannelOwner = {
    request: (channel: RemotingChannel, command: RemotingCommand) => {
      const handler = handlers.find(command.code)
      const peer = channels.get(channel)
      if (peer === undefined) return
      // Scopes close from the inside: handlers may go before the server that drains.
      const leaving = handler === undefined ? (draining || graceful) && handlers.had(command.code) : draining
      if (leaving && command.version > gate) {
        if (command.isOneway) counts.droppedOneways++
        else {
          counts.goAways++
          channel.reply(command.opaque, goAway)
        }
      } else if (handler === undefined) {
        if (!command.isOneway) channel.reply(command.opaque, handlers.unsupported(command.code))
      } else {
        counts.requests++
        handlers.run(handler, channel, command, peer)
      }
    },
    goAway: () => {},
    drained: () => {},
    closed: (channel: RemotingChannel, reason: Reason) => {
      channels.delete(channel)
      handlers.closed(channel)
      if (reason._tag !== "ShuttingDown" && (reason._tag !== "ChannelClosed" || reason.cause !== undefined)) {
        tell("Exception", channel, reason.detail, reason.cause ?? reason)
      }
      tell("Close", channel, reason.detail, reason.cause)
    }
  }

  let tending = false
  const tend = Effect.gen(function*() {
    while (channels.size > 0) {
      yield* Effect.sleep(tendMillis)
      const now = futures.now()
      for (const channel of [...channels.keys()]) {
        tendTraffic(channel, now)
        tendFrame(channel, now, frame)
        // Neither read nor written, as the idle handler of RocketMQ's servers.
        if (!channel.closed && now - Math.max(channel.lastHeard, channel.lastUsed) >= idle) {
          tell("Idle", channel, `nothing happened for ${idle} ms`)
          channel.end(channel.closedReason(`nothing happened for ${idle} ms`))
        }
      }
    }
    tending = false
  })

  const listener = yield* transport.listen({ host: options.host, port: options.port }, (connection) => {
    if (stopped) {
      connection.destroy()
      return
    }
    counts.accepted++
    const channel = new RemotingChannel(
      String(counts.accepted),
      connection.remote,
      1,
      connection,
      settings,
      futures,
      owner
    )
    channels.set(channel, direct.peer(channel))
    tell("Connect", channel, "accepted")
    tell("Active", channel, "accepted")
    channel.start()
    if (!tending) {
      tending = true
      fork(tend)
    }
  })

  const stop = Effect.suspend(() => {
    if (stopped) return Effect.void
    stopped = true
    return Effect.map(listener.close, () => {
      for (const channel of [...channels.keys()]) {
        channel.end(
          new ShuttingDown({ address: channel.address, outcome: "Unknown", detail: "the server is closing" })
        )
      }
    })
  })

  const drain = Effect.suspend(() => {
    if (stopped) return Effect.void
    draining = true
    return Effect.andThen(Effect.sleep(shutdownWaitTime), stop)
  })

  yield* Effect.addFinalizer(() => Effect.map(graceful ? drain : stop, () => events.end()))

  if (options.metrics !== false) {
    const counter = (name: string, description: string, read: () => number): Metrics.Reading => ({
      name: `rocketmq_remoting_server_${name}`,
      description,
      kind: "counter",
      read
    })
    yield* Metrics.register(
      [
        {
          name: "rocketmq_remoting_server_connections",
          description: "Open connections",
          kind: "gauge",
          read: () => channels.size
        },
        counter("requests", "Requests handed to a handler", () => counts.requests),
        counter("go_aways", "Requests answered with GO_AWAY", () => counts.goAways),
        counter("dropped_oneways", "Oneway requests dropped while draining", () => counts.droppedOneways),
        counter("bytes_sent", "Bytes handed to connections", () => settings.traffic.bytesOut),
        counter("bytes_received", "Bytes received", () => settings.traffic.bytesIn)
      ],
      "server",
      options.name ?? "remoting"
    )
  }

  return {
    address: listener.address,
    handle: (code, handler) => registered(handler, (bound) => handlers.register(code, bound)),
    handleOther: (handler) => registered(handler, (bound) => handlers.registerFallback(bound)),
    peers: Effect.sync(() => [...channels.values()]),
    events: events.stream,
    stats: Effect.sync(() => ({ connections: channels.size, ...counts, ...settings.traffic })),
    drain,
    stop
  }
})

/** The server without its transport. */
export const layerNoDeps = (
  options?: RemotingServerOptions
): Layer.Layer<RemotingServer, ListenFailed, Transport> => Layer.effect(RemotingServer, make(options))

/** The server over plain TCP, on `127.0.0.1` and a port of the system's choice unless said otherwise. */
export const layerWith = (options: RemotingServerOptions): Layer.Layer<RemotingServer, ListenFailed> =>
  Layer.provide(layerNoDeps(options), tcp)

/** The server over plain TCP with all defaults. */
export const layer: Layer.Layer<RemotingServer, ListenFailed> = layerWith({})

/** What {@link layerConfig} reads. */
export const config: Config.Config<RemotingServerOptions> = Config.all({
  host: Config.String("HOST").pipe(Config.withDefault("127.0.0.1")),
  port: Config.Port("PORT").pipe(Config.withDefault(0)),
  enableShutdownGracefully: Config.Boolean("ENABLE_SHUTDOWN_GRACEFULLY").pipe(Config.withDefault(false)),
  shutdownWaitTime: Config.Duration("SHUTDOWN_WAIT_TIME").pipe(Config.withDefault(Duration.seconds(30)))
}).pipe(Config.nested("ROCKETMQ_SERVER"))

/**
 * The server over plain TCP from configuration: `ROCKETMQ_SERVER_HOST`,
 * `ROCKETMQ_SERVER_PORT`, `ROCKETMQ_SERVER_ENABLE_SHUTDOWN_GRACEFULLY` and
 * `ROCKETMQ_SERVER_SHUTDOWN_WAIT_TIME`. Options given here, unless they are
 * `undefined`, come first.
 */
export const layerConfig = (
  options?: RemotingServerOptions
): Layer.Layer<RemotingServer, ListenFailed | Config.ConfigError> =>
  Layer.effect(RemotingServer, Effect.flatMap(config, (read) => make({ ...read, ...defined(options) }))).pipe(
    Layer.provide(tcp)
  )
