/**
 * Dialling and listening. This is the one module that touches sockets; all
 * above it sees a {@link Connection}.
 */
import * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as Dns from "node:dns"
import * as Fs from "node:fs/promises"
import * as Net from "node:net"
import * as Tls from "node:tls"
import { format } from "./Address.ts"
import * as Socks5 from "./internal/socks5.ts"
import { ListenFailed } from "./RemotingError.ts"
import { ensure, invalid } from "./Settings.ts"

/** What a {@link Connection} tells its owner. All are called on the event loop, never before `attach`. */
export interface ConnectionHandler {
  /** Bytes from the peer. They stay as they are for as long as the owner holds them. */
  readonly onData: (chunk: Uint8Array) => void
  /** More may be written, after a `write` that said otherwise. */
  readonly onDrain: () => void
  /** The connection has ended: by the peer (`undefined`), or by an error. Called once, and last. */
  readonly onClose: (cause: unknown) => void
}

/** An open connection, in plain callbacks: it is the hot path. */
export interface Connection {
  /** The peer's `ip:port`. */
  readonly remote: string
  /** Our `ip:port`. */
  readonly local: string
  /** Whether the bytes are encrypted on the way. */
  readonly encrypted: boolean
  /** Bytes handed to `write` that the operating system has not taken yet. */
  readonly unsentBytes: number
  /**
   * Sends bytes. They may be reused at once when `unsentBytes` is then zero;
   * otherwise they must stay as they are. `false`: the peer or the network is
   * slower than we are, write no more until `onDrain`.
   */
  readonly write: (bytes: Uint8Array) => boolean
  /** Sends what was written, then closes. */
  readonly end: () => void
  /** Closes at once. */
  readonly destroy: () => void
  /** Stops reading, so that the peer is pushed back. */
  readonly pause: () => void
  readonly resume: () => void
  /** Starts delivery. */
  readonly attach: (handler: ConnectionHandler) => void
  /** Runs a task when this turn of the event loop is over: what is written in one turn leaves in one write. */
  readonly defer: (task: () => void) => void
}

/** Whom to dial. */
export interface ConnectTarget {
  /** Host name or IP literal. Names are resolved anew on each dial. */
  readonly host: string
  readonly port: number
  /** IP addresses to try only when the name has no others. */
  readonly avoid: ReadonlySet<string>
  /** How long the dial may take, in milliseconds. */
  readonly timeoutMillis: number
}

/** Why a dial failed. The caller makes a `RemotingError` of it. */
export class DialError {
  readonly _tag = "DialError"
  readonly kind: "Connect" | "Tls"
  readonly detail: string
  readonly cause: unknown
  /** IP address that was tried last, when one was. */
  readonly ip: string | undefined
  constructor(kind: "Connect" | "Tls", detail: string, cause: unknown, ip: string | undefined) {
    this.kind = kind
    this.detail = detail
    this.cause = cause
    this.ip = ip
  }
}

/** A listening socket. */
export interface Listener {
  /** The bound `ip:port`. */
  readonly address: string
  /** Stops accepting; open connections stay. */
  readonly close: Effect.Effect<void>
}

/** Where to listen. */
export interface ListenOptions {
  /** Default: `127.0.0.1`. */
  readonly host?: string | undefined
  /** Default: 0, a port of the system's choice. */
  readonly port?: number | undefined
}

/** Dials and listens. */
export class Transport extends Context.Service<Transport, {
  /** Opens a connection. The scope closes it; after that nothing of it is left. */
  readonly connect: (target: ConnectTarget) => Effect.Effect<Connection, DialError, Scope.Scope>
  /** Listens until the scope closes. `accept` is called for each connection and must `attach` in the same turn. */
  readonly listen: (
    options: ListenOptions,
    accept: (connection: Connection) => void
  ) => Effect.Effect<Listener, ListenFailed, Scope.Scope>
}>()("effect-rocketmq/remoting/Transport") {}

/** TLS for the client side. Certificates are verified unless `insecureAcceptAnyCertificate` says otherwise. */
export interface TlsClientOptions {
  /** Own certificate authorities, PEM. Default: those of Node. */
  readonly ca?: string | Uint8Array | ReadonlyArray<string | Uint8Array> | undefined
  /** Client certificate chain, PEM. */
  readonly cert?: string | Uint8Array | undefined
  /** Client key, PEM. */
  readonly key?: Redacted.Redacted<string> | undefined
  /** Passphrase of the client key. */
  readonly passphrase?: Redacted.Redacted<string> | undefined
  /**
   * The name that the server's certificate must carry, also sent as SNI.
   * Default: the host of the address. Routes name brokers by IP, so a
   * certificate that carries only a name needs this.
   */
  readonly serverName?: string | undefined
  /** Default: `TLSv1.2`. */
  readonly minVersion?: "TLSv1.2" | "TLSv1.3" | undefined
  /** Accepts any certificate: encryption without knowing with whom. Logs a warning. Default: `false`. */
  readonly insecureAcceptAnyCertificate?: boolean | undefined
}

/** TLS for the server side. */
export interface TlsServerOptions {
  /** Certificate chain, PEM. */
  readonly cert: string | Uint8Array
  /** Key, PEM. */
  readonly key: Redacted.Redacted<string>
  readonly passphrase?: Redacted.Redacted<string> | undefined
  /** Authorities for client certificates; when given, clients must present one. */
  readonly clientCa?: string | Uint8Array | ReadonlyArray<string | Uint8Array> | undefined
  /** Default: `TLSv1.2`. */
  readonly minVersion?: "TLSv1.2" | "TLSv1.3" | undefined
}

/** A SOCKS5 proxy (RFC 1928, 1929). Host names are resolved by the proxy. */
export interface SocksOptions {
  readonly host: string
  readonly port: number
  readonly username?: string | undefined
  readonly password?: Redacted.Redacted<string> | undefined
}

/** Options of the TCP transport. */
export interface TcpOptions {
  /** Default: plain TCP. */
  readonly tls?: TlsClientOptions | undefined
  /** TLS for what is listened on. Default: plain TCP. */
  readonly serverTls?: TlsServerOptions | undefined
  /** Default: none. */
  readonly socks?: SocksOptions | undefined
  /** Open connections of a listener, at most; more are closed at once. Default: no limit. */
  readonly maxConnections?: number | undefined
}

const errorText = (cause: unknown): string => cause instanceof Error ? cause.message : String(cause)

/** Keeps a socket whose fate no longer matters from crashing the process by a late `error` event. */
const ignoreError = () => {}

class SocketConnection implements Connection {
  readonly remote: string
  readonly local: string
  readonly encrypted: boolean
  readonly socket: Net.Socket
  private ended = false
  private handler: ConnectionHandler | undefined
  private failure: unknown

  constructor(socket: Net.Socket, encrypted: boolean) {
    this.socket = socket
    this.encrypted = encrypted
    this.remote = format(socket.remoteAddress ?? "unknown", socket.remotePort ?? 0)
    this.local = format(socket.localAddress ?? "unknown", socket.localPort ?? 0)
    socket.on("error", (cause) => {
      this.failure = cause
    })
  }

  get unsentBytes(): number {
    return this.socket.writableLength
  }
  readonly write = (bytes: Uint8Array): boolean => {
    const socket = this.socket
    socket.write(bytes)
    // The return value of `socket.write` speaks of the moment before the
    // system took the bytes; most often it has taken all of them by now.
    return socket.writableLength < socket.writableHighWaterMark
  }
  readonly end = (): void => {
    this.socket.destroySoon()
  }
  readonly destroy = (): void => {
    this.socket.destroy()
  }
  readonly pause = (): void => {
    this.socket.pause()
  }
  readonly resume = (): void => {
    this.socket.resume()
  }
  readonly defer = (task: () => void): void => {
    queueMicrotask(task)
  }
  readonly attach = (handler: ConnectionHandler): void => {
    this.handler = handler
    const socket = this.socket
    if (socket.destroyed) {
      this.finish()
      return
    }
    socket.on("data", handler.onData)
    socket.on("drain", handler.onDrain)
    // A server that closes answers nothing any more: FIN is the end, without
    // waiting for what we could still write.
    socket.on("end", () => {
      socket.destroy()
      this.finish()
    })
    socket.on("close", () => this.finish())
    // The negotiation with a SOCKS proxy leaves it paused.
    socket.resume()
  }
  private finish(): void {
    if (this.ended) return
    this.ended = true
    this.handler?.onClose(this.failure)
  }
}

const pem = (value: string | Uint8Array | ReadonlyArray<string | Uint8Array>): Array<string | Buffer> =>
  (Array.isArray(value) ? value : [value]).map((one: string | Uint8Array) =>
    typeof one === "string" ? one : Buffer.from(one)
  )

const lookup = (host: string): Effect.Effect<ReadonlyArray<string>, DialError> => {
  if (Net.isIP(host) !== 0) return Effect.succeed([host])
  return Effect.callback((resume) => {
    Dns.lookup(host, { all: true }, (error, records) => {
      resume(
        error === null && records.length > 0
          ? Effect.succeed(records.map((record) => record.address))
          : Effect.fail(new DialError("Connect", `cannot resolve ${host}`, error ?? undefined, undefined))
      )
    })
  })
}

/** Resolves when `event` fires, fails when the socket breaks first. The socket is not touched on interruption. */
const awaitEvent = (
  socket: Net.Socket,
  event: "connect" | "secureConnect",
  failure: (cause: unknown) => DialError
): Effect.Effect<void, DialError> =>
  Effect.callback((resume) => {
    const cleanup = () => {
      socket.off(event, onReady)
      socket.off("error", onError)
      socket.off("close", onClose)
    }
    const onReady = () => {
      cleanup()
      resume(Effect.void)
    }
    const onError = (cause: unknown) => {
      cleanup()
      resume(Effect.fail(failure(cause)))
    }
    const onClose = () => onError(new Error("the connection was closed during the handshake"))
    socket.on(event, onReady)
    socket.on("error", onError)
    socket.on("close", onClose)
    return Effect.sync(cleanup)
  })

const within = <A>(
  effect: Effect.Effect<A, DialError>,
  millis: number,
  onTimeout: () => DialError
): Effect.Effect<A, DialError> =>
  Effect.timeoutOrElse(effect, { duration: Duration.millis(millis), orElse: () => Effect.fail(onTimeout()) })

/** The negotiation with a SOCKS5 proxy on a connected socket. */
const negotiateSocks = (
  socket: Net.Socket,
  options: SocksOptions,
  target: ConnectTarget
): Effect.Effect<void, DialError> =>
  Effect.callback((resume) => {
    const failed = (detail: string, cause?: unknown) => {
      cleanup()
      resume(
        Effect.fail(
          new DialError("Connect", `SOCKS5 proxy ${format(options.host, options.port)}: ${detail}`, cause, undefined)
        )
      )
    }
    const session = Socks5.make({
      host: target.host,
      port: target.port,
      username: options.username,
      password: options.password === undefined ? undefined : Redacted.value(options.password)
    })
    const onData = (chunk: Buffer) => {
      const step = session.push(chunk)
      if (step.send !== undefined) socket.write(step.send)
      if (step.failure !== undefined) return failed(step.failure)
      if (step.done) {
        cleanup()
        // Whatever the server already said belongs to the protocol above.
        if (step.rest.length > 0) socket.unshift(step.rest)
        resume(Effect.void)
      }
    }
    const onError = (cause: unknown) => failed(errorText(cause), cause)
    const onClose = () => failed("closed the connection")
    const cleanup = () => {
      socket.off("data", onData)
      socket.off("error", onError)
      socket.off("close", onClose)
      socket.pause()
    }
    socket.on("data", onData)
    socket.on("error", onError)
    socket.on("close", onClose)
    socket.write(session.greeting)
    return Effect.sync(cleanup)
  })

const clientTlsOptions = (tls: TlsClientOptions, host: string): Tls.ConnectionOptions => {
  const name = tls.serverName ?? host
  return {
    // An IP literal is no legal SNI; the certificate is checked against it all the same.
    ...(Net.isIP(name) === 0 ? { servername: name } : {}),
    ...(tls.ca === undefined ? {} : { ca: pem(tls.ca) }),
    ...(tls.cert === undefined ? {} : { cert: pem(tls.cert) }),
    ...(tls.key === undefined ? {} : { key: Redacted.value(tls.key) }),
    ...(tls.passphrase === undefined ? {} : { passphrase: Redacted.value(tls.passphrase) }),
    checkServerIdentity: (_host, certificate) => Tls.checkServerIdentity(name, certificate),
    minVersion: tls.minVersion ?? "TLSv1.2",
    rejectUnauthorized: tls.insecureAcceptAnyCertificate !== true
  }
}

const dialOne = Effect.fnUntraced(function*(
  options: TcpOptions,
  target: ConnectTarget,
  ip: string,
  timeoutMillis: number
) {
  const via = options.socks === undefined ? { host: ip, port: target.port } : options.socks
  let socket: Net.Socket = new Net.Socket()
  socket.on("error", ignoreError)
  const through = options.socks === undefined ? "" : ` through SOCKS5 proxy ${format(via.host, via.port)}`
  const detail = `cannot connect to ${format(ip, target.port)}${through}`
  const tlsFailed = (cause: unknown) =>
    new DialError("Tls", `TLS handshake with ${format(ip, target.port)} failed: ${errorText(cause)}`, cause, ip)
  const limit = `in ${Math.round(timeoutMillis)} ms`
  let onTimeout = () => new DialError("Connect", `${detail}: no connection ${limit}`, undefined, ip)
  const secured = Effect.gen(function*() {
    yield* Effect.suspend(() => {
      const connected = awaitEvent(
        socket,
        "connect",
        (cause) => new DialError("Connect", `${detail}: ${errorText(cause)}`, cause, ip)
      )
      socket.connect({ host: via.host, port: via.port })
      return connected
    })
    socket.setNoDelay(true)
    if (options.socks !== undefined) yield* negotiateSocks(socket, options.socks, target)
    if (options.tls === undefined) return new SocketConnection(socket, false)
    onTimeout = () => tlsFailed(new Error(`no answer ${limit}`))
    const tlsOptions = options.tls
    const secure = yield* Effect.try({
      try: () => Tls.connect({ ...clientTlsOptions(tlsOptions, target.host), socket }),
      catch: tlsFailed
    })
    secure.on("error", ignoreError)
    socket = secure
    yield* awaitEvent(secure, "secureConnect", tlsFailed)
    return new SocketConnection(secure, true)
  })
  return yield* within(secured, timeoutMillis, () => onTimeout()).pipe(
    Effect.onError(() => Effect.sync(() => socket.destroy()))
  )
})

const dial = Effect.fnUntraced(function*(options: TcpOptions, target: ConnectTarget) {
  // A proxy resolves names itself.
  const resolved = options.socks !== undefined
    ? [target.host]
    : yield* within(
      lookup(target.host),
      target.timeoutMillis,
      () =>
        new DialError("Connect", `cannot resolve ${target.host} in ${target.timeoutMillis} ms`, undefined, undefined)
    )
  const preferred = resolved.filter((ip) => !target.avoid.has(ip))
  const candidates = preferred.concat(resolved.filter((ip) => target.avoid.has(ip)))
  let failure: DialError | undefined
  for (const [index, ip] of candidates.entries()) {
    // One address that swallows packets must leave time for the others.
    const attempt = yield* Effect.result(
      dialOne(options, target, ip, target.timeoutMillis / (candidates.length - index))
    )
    if (attempt._tag === "Success") return attempt.success
    failure = attempt.failure
    if (failure.kind === "Tls") break
  }
  return yield* Effect.fail(
    failure ?? new DialError("Connect", `${target.host} has no address`, undefined, undefined)
  )
})

/** A TLS server, and the connections that are still shaking hands: nobody else would close those. */
const makeTlsServer = (tls: TlsServerOptions, onSocket: (socket: Net.Socket) => void) => {
  const shakingHands = new Map<string, Net.Socket>()
  const keyOf = (socket: Net.Socket) => format(socket.remoteAddress ?? "unknown", socket.remotePort ?? 0)
  const server = Tls.createServer({
    cert: pem(tls.cert),
    key: Redacted.value(tls.key),
    ...(tls.passphrase === undefined ? {} : { passphrase: Redacted.value(tls.passphrase) }),
    ...(tls.clientCa === undefined
      ? {}
      : { ca: pem(tls.clientCa), requestCert: true, rejectUnauthorized: true }),
    minVersion: tls.minVersion ?? "TLSv1.2"
  }, (socket) => {
    shakingHands.delete(keyOf(socket))
    onSocket(socket)
  })
  server.on("connection", (socket) => {
    const key = keyOf(socket)
    shakingHands.set(key, socket)
    socket.once("close", () => {
      if (shakingHands.get(key) === socket) shakingHands.delete(key)
    })
  })
  server.on("tlsClientError", (_error, socket) => socket.destroy())
  return { server, shakingHands }
}

const listenTcp = (options: TcpOptions, where: ListenOptions, accept: (connection: Connection) => void) => {
  const host = where.host ?? "127.0.0.1"
  const onSocket = (socket: Net.Socket) => {
    socket.setNoDelay(true)
    accept(new SocketConnection(socket, options.serverTls !== undefined))
  }
  const failed = (cause: unknown) => new ListenFailed({ address: format(host, where.port ?? 0), cause })
  const create = Effect.try({
    try: (): { readonly server: Net.Server; readonly shakingHands?: ReadonlyMap<string, Net.Socket> } =>
      options.serverTls === undefined
        ? { server: Net.createServer({ noDelay: true }, onSocket) }
        : makeTlsServer(options.serverTls, onSocket),
    catch: failed
  })
  const listening = (server: Net.Server): Effect.Effect<void, ListenFailed> =>
    Effect.callback((resume) => {
      if (options.maxConnections !== undefined) server.maxConnections = options.maxConnections
      const onError = (cause: unknown) => resume(Effect.fail(failed(cause)))
      server.once("error", onError)
      try {
        server.listen({ host, port: where.port ?? 0, backlog: 1024 }, () => {
          server.off("error", onError)
          // EMFILE and its like on accept: the connection is refused, the server goes on.
          server.on("error", ignoreError)
          resume(Effect.void)
        })
      } catch (cause) {
        onError(cause)
      }
      return Effect.sync(() => server.close())
    })
  const acquire = Effect.flatMap(create, ({ server, shakingHands }) => {
    const close = Effect.sync(() => {
      server.close()
      for (const socket of shakingHands?.values() ?? []) socket.destroy()
    })
    return Effect.as(listening(server), { server, close })
  })
  return Effect.map(Effect.acquireRelease(acquire, ({ close }) => close), ({ close, server }): Listener => {
    const bound = server.address()
    return {
      address: typeof bound === "object" && bound !== null ? format(bound.address, bound.port) : String(bound),
      close
    }
  })
}

/** TCP, with TLS and SOCKS5 by option. */
export const make = (options?: TcpOptions): Transport["Service"] => {
  const tcp = options ?? {}
  return {
    connect: (target) =>
      Effect.acquireRelease(
        dial(tcp, target),
        (connection) => Effect.sync(connection.destroy),
        { interruptible: true }
      ),
    listen: (where, accept) => listenTcp(tcp, where, accept)
  }
}

/** TCP with the given options, as a Layer. */
export const layerWith = (options: TcpOptions): Layer.Layer<Transport> =>
  Layer.effect(
    Transport,
    Effect.as(
      options.tls?.insecureAcceptAnyCertificate === true
        ? Effect.logWarning("TLS certificates are not verified: anyone can pose as the server")
        : Effect.void,
      make(options)
    )
  )

/** Plain TCP, as a Layer. */
export const layer: Layer.Layer<Transport> = Layer.succeed(Transport, make())

/** A file named by a setting. A file that cannot be read is a configuration error. */
const readFile = (path: string): Effect.Effect<string, Config.ConfigError> =>
  Effect.tryPromise({
    try: () => Fs.readFile(path, "utf8"),
    catch: (cause) => invalid(`cannot read ${path}: ${errorText(cause)}`, cause)
  })

/** What {@link layerConfig} reads, before it reads the files. */
export const config = Config.all({
  tls: Config.all({
    enable: Config.Boolean("ENABLE").pipe(Config.withDefault(false)),
    caFile: Config.option(Config.String("CA_FILE")),
    certFile: Config.option(Config.String("CERT_FILE")),
    keyFile: Config.option(Config.String("KEY_FILE")),
    passphrase: Config.option(Config.Redacted("PASSPHRASE")),
    serverName: Config.option(Config.String("SERVER_NAME"))
  }).pipe(Config.nested("TLS")),
  socks: Config.all({
    host: Config.option(Config.String("HOST")),
    port: Config.Port("PORT").pipe(Config.withDefault(1080)),
    username: Config.option(Config.String("USERNAME")),
    password: Config.option(Config.Redacted("PASSWORD"))
  }).pipe(Config.nested("SOCKS"))
}).pipe(Config.nested("ROCKETMQ"))

const fromConfig = Effect.gen(function*() {
  const { socks, tls } = yield* config
  const { enable, ...parts } = tls
  const given = Object.values(parts).some((one) => Option.isSome<unknown>(one))
  yield* ensure(enable || !given, "ROCKETMQ_TLS_ENABLE must be true where other ROCKETMQ_TLS_ settings are given")
  yield* ensure(
    Option.isSome(tls.certFile) === Option.isSome(tls.keyFile),
    "ROCKETMQ_TLS_CERT_FILE and ROCKETMQ_TLS_KEY_FILE belong together"
  )
  const file = (path: Option.Option<string>) => Option.isNone(path) ? Effect.undefined : readFile(path.value)
  const key = yield* file(tls.keyFile)
  const options: TcpOptions = {
    tls: tls.enable
      ? {
        ca: yield* file(tls.caFile),
        cert: yield* file(tls.certFile),
        key: key === undefined ? undefined : Redacted.make(key, { label: "TLS key" }),
        passphrase: Option.getOrUndefined(tls.passphrase),
        serverName: Option.getOrUndefined(tls.serverName)
      }
      : undefined,
    socks: Option.isNone(socks.host)
      ? undefined
      : {
        host: socks.host.value,
        port: socks.port,
        username: Option.getOrUndefined(socks.username),
        password: Option.getOrUndefined(socks.password)
      }
  }
  return make(options)
})

/**
 * TCP from configuration: `ROCKETMQ_TLS_ENABLE` with `ROCKETMQ_TLS_CA_FILE`,
 * `ROCKETMQ_TLS_CERT_FILE`, `ROCKETMQ_TLS_KEY_FILE` (PEM files, read once),
 * `ROCKETMQ_TLS_PASSPHRASE` and `ROCKETMQ_TLS_SERVER_NAME`, none of which may
 * be given without it;
 * `ROCKETMQ_SOCKS_HOST` with `ROCKETMQ_SOCKS_PORT` (1080),
 * `ROCKETMQ_SOCKS_USERNAME` and `ROCKETMQ_SOCKS_PASSWORD`. Default: plain TCP.
 */
export const layerConfig: Layer.Layer<Transport, Config.ConfigError> = Layer.effect(Transport, fromConfig)
