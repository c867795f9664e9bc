import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as Redacted from "effect/Redacted"
import * as Fs from "node:fs"
import * as Net from "node:net"
import * as Path from "node:path"
import * as Tls from "node:tls"
import { inspect } from "node:util"
import * as Transport from "../../src/remoting/Transport.ts"
import * as LoadBalancer from "../../src/testing/LoadBalancer.ts"
import { host, over, overTcp, rawServer, until } from "./loopback.ts"
import { client, echoCode, echoServer, recordEvents } from "./support.ts"

const pem = (name: string): string =>
  Fs.readFileSync(Path.join(import.meta.dirname, "../fixtures/tls", `${name}.pem`), "utf8")

const passphrase = "passphrase-of-a-test"

const identity = (name: string) => ({ cert: pem(name), key: Redacted.make(pem(`${name}-key`)) })

const trusted: Transport.TlsClientOptions = { ca: pem("authority") }

/** A server that shows the certificate of that name. */
const secureServer = (name: string, options?: Partial<Transport.TlsServerOptions>, port = 0) =>
  echoServer(port, { host }).pipe(over({ serverTls: { ...identity(name), ...options } }))

/** A TLS server on a port of its own, for what ours does not offer. Returns its address. */
const rawTlsServer = (options: Tls.TlsOptions) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.callback<Tls.Server>((resume) => {
        const server = Tls.createServer(options)
        server.on("tlsClientError", () => {})
        server.listen({ host, port: 0 }, () => resume(Effect.succeed(server)))
      }),
      (server) => Effect.sync(() => server.close())
    ),
    (server) => {
      const bound = server.address()
      return `${host}:${typeof bound === "object" && bound !== null ? bound.port : 0}`
    }
  )

/** Asks once over TLS and returns the failure. */
const refusal = (address: string, tls: Transport.TlsClientOptions) =>
  Effect.gen(function*() {
    const c = yield* client({ connectTimeout: "2 seconds" })
    return yield* Effect.flip(c.invoke(address, { code: echoCode }, { failFast: true }))
  }).pipe(over({ tls }))

const answer = (address: string, tls: Transport.TlsClientOptions) =>
  Effect.gen(function*() {
    const c = yield* client()
    return yield* c.invoke(address, { code: echoCode, body: Buffer.from("secret") })
  }).pipe(over({ tls }))

const dialRaw = (address: string) =>
  Effect.acquireRelease(
    Effect.callback<Net.Socket>((resume) => {
      const { port } = new URL(`tcp://${address}`)
      const socket = Net.connect({ host, port: Number(port) })
      socket.on("error", () => {})
      socket.once("connect", () => resume(Effect.succeed(socket)))
    }),
    (socket) => Effect.sync(() => socket.destroy())
  )

describe("a server's certificate", () => {
  it.live("is accepted when a trusted authority signed it for the address", () =>
    Effect.gen(function*() {
      const server = yield* secureServer("server")
      const response = yield* answer(server.address, trusted)
      assert.strictEqual(Buffer.from(response.body!).toString(), "secret")
    }))

  it.live("is accepted for the name that it carries, too", () =>
    Effect.gen(function*() {
      const server = yield* secureServer("server")
      const response = yield* answer(server.address.replace(host, "localhost"), trusted)
      assert.strictEqual(response.code, 0)
    }))

  it.live("is accepted for an expected server name, whatever the address", () =>
    Effect.gen(function*() {
      const server = yield* secureServer("name-only")
      const response = yield* answer(server.address, { ...trusted, serverName: "broker.test" })
      assert.strictEqual(response.code, 0)
    }))

  const refused = (
    title: string,
    certificate: string,
    tls: Transport.TlsClientOptions,
    detail: RegExp
  ) =>
    it.live(`is refused when ${title}`, () =>
      Effect.gen(function*() {
        const server = yield* secureServer(certificate)
        const error = yield* refusal(server.address, tls)
        assert.strictEqual(error.reason._tag, "TlsFailed")
        assert.strictEqual(error.outcome, "NotSent")
        assert.match(error.message, detail)
        assert.deepStrictEqual(server.executed, [])
      }))

  refused("it has expired", "expired", trusted, /expired/)
  refused("it is self-signed", "self-signed", trusted, /self-signed/)
  refused("no known authority signed it", "server", { ca: pem("other-authority") }, /certificate/)
  refused("its authority is none that Node knows", "server", {}, /certificate/)
  refused("it does not carry the address", "name-only", trusted, /127\.0\.0\.1/)
  refused("it carries another name", "server", { ...trusted, serverName: "other.test" }, /other\.test/)

  it.live("is taken whatever it is when verification is switched off, and a warning says so", () =>
    Effect.gen(function*() {
      const said: Array<string> = []
      const logger = Logger.make(({ logLevel, message }) => {
        said.push(`${logLevel} ${String(message)}`)
      })
      const server = yield* secureServer("expired")
      const response = yield* Effect.gen(function*() {
        const c = yield* client()
        return yield* c.invoke(server.address, { code: echoCode })
      }).pipe(
        Effect.provide(Transport.layerWith({ tls: { insecureAcceptAnyCertificate: true, serverName: "other.test" } })),
        Effect.provide(Logger.layer([logger]))
      )
      assert.strictEqual(response.code, 0)
      assert.deepStrictEqual(said, ["Warn TLS certificates are not verified: anyone can pose as the server"])
    }))

  it.live("may be another one after a restart, and is verified anew", () =>
    Effect.gen(function*() {
      const first = yield* secureServer("server")
      const second = yield* secureServer("rotated")
      const balancer = yield* LoadBalancer.make({ targets: [first.address, second.address], policy: "roundRobin" })
      yield* Effect.gen(function*() {
        const c = yield* client()
        assert.strictEqual((yield* c.invoke(balancer.address, { code: echoCode })).remark, first.address)
        yield* Effect.forkChild(first.drain, { startImmediately: true })
        assert.strictEqual((yield* c.invoke(balancer.address, { code: echoCode })).remark, second.address)
      }).pipe(over({ tls: trusted }))
    }))

  it.live("that is not trusted ends a swap: the request goes nowhere", () =>
    Effect.gen(function*() {
      const first = yield* secureServer("server")
      const second = yield* secureServer("self-signed")
      const balancer = yield* LoadBalancer.make({ targets: [first.address, second.address], policy: "roundRobin" })
      const error = yield* Effect.gen(function*() {
        const c = yield* client()
        yield* c.invoke(balancer.address, { code: echoCode })
        yield* Effect.forkChild(first.drain, { startImmediately: true })
        yield* balancer.removeTarget(first.address)
        return yield* Effect.flip(c.invoke(balancer.address, { code: echoCode }, { timeout: 300 }))
      }).pipe(over({ tls: trusted }))
      assert.strictEqual(error.reason._tag, "GoAway")
      assert.strictEqual(error.outcome, "NotProcessed")
      assert.match(inspect(error), /self-signed/)
      assert.deepStrictEqual(second.executed, [])
    }))
})

describe("a server", () => {
  it.live("with a key that is none does not listen, and says so", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(secureServer("server", { key: Redacted.make("no key at all") }))
      assert.strictEqual(error._tag, "ListenFailed")
      assert.notInclude(inspect(error, { depth: Infinity, showHidden: true }), "no key at all")
    }))

  it.live("on a port that is none does not listen, and says so", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(secureServer("server", {}, 70_000))
      assert.strictEqual(error._tag, "ListenFailed")
      assert.strictEqual(error.address, "127.0.0.1:70000")
    }))
})

describe("a handshake", () => {
  it.live("with a server that offers TLS 1.1 at most fails", () =>
    Effect.gen(function*() {
      const address = yield* rawTlsServer({
        cert: pem("server"),
        key: pem("server-key"),
        minVersion: "TLSv1.1",
        maxVersion: "TLSv1.1",
        ciphers: "DEFAULT@SECLEVEL=0"
      })
      const error = yield* refusal(address, trusted)
      assert.strictEqual(error.reason._tag, "TlsFailed")
      assert.strictEqual(error.outcome, "NotSent")
    }))

  it.live("with a server that speaks no TLS fails, and nothing is sent in the clear", () =>
    Effect.gen(function*() {
      const heard: Array<Buffer> = []
      const port = yield* rawServer((socket) =>
        socket.once("data", (chunk) => {
          heard.push(chunk)
          socket.end("this is not TLS")
        })
      )
      const error = yield* refusal(`${host}:${port}`, trusted)
      assert.strictEqual(error.reason._tag, "TlsFailed")
      assert.strictEqual(error.outcome, "NotSent")
      assert.isAbove(heard.length, 0)
      // 22, 3: a TLS handshake record.
      for (const chunk of heard) assert.deepStrictEqual([...chunk.subarray(0, 2)], [22, 3])
    }))

  it.live("that a RocketMQ server without TLS gets is a broken frame to it", () =>
    Effect.gen(function*() {
      const server = yield* echoServer(0, { host }).pipe(overTcp)
      const error = yield* refusal(server.address, trusted)
      assert.strictEqual(error.reason._tag, "TlsFailed")
      assert.deepStrictEqual(server.executed, [])
    }))

  it.live("is what a server with TLS insists on: a client without is cut off", () =>
    Effect.gen(function*() {
      const server = yield* secureServer("server")
      const error = yield* Effect.gen(function*() {
        const c = yield* client()
        return yield* Effect.flip(c.invoke(server.address, { code: echoCode }))
      }).pipe(overTcp)
      assert.strictEqual(error.reason._tag, "ChannelClosed")
      assert.strictEqual(error.outcome, "Unknown")
      assert.deepStrictEqual(server.executed, [])
    }))

  it.live("that the server never answers fails in the time of a dial", () =>
    Effect.gen(function*() {
      const port = yield* rawServer(() => {})
      const c = yield* client({ connectTimeout: 150 })
      const [elapsed, error] = yield* Effect.timed(
        Effect.flip(c.invoke(`${host}:${port}`, { code: echoCode }, { failFast: true }))
      )
      assert.strictEqual(error.reason._tag, "TlsFailed")
      assert.strictEqual(error.outcome, "NotSent")
      assert.isBelow(Duration.toMillis(elapsed), 2_000)
    }).pipe(over({ tls: trusted })))

  it.live("that failed is tried again until the request's deadline", () =>
    Effect.gen(function*() {
      let dials = 0
      const port = yield* rawServer((socket) => {
        dials++
        socket.destroy()
      })
      const c = yield* client()
      const error = yield* Effect.flip(c.invoke(`${host}:${port}`, { code: echoCode }, { timeout: 400 }))
      assert.strictEqual(error.reason._tag, "TlsFailed")
      assert.strictEqual(error.outcome, "NotSent")
      assert.isAbove(dials, 1)
    }).pipe(over({ tls: trusted })))

  it.live("that a client never begins does not hold a server that stops", () =>
    Effect.gen(function*() {
      const server = yield* secureServer("server")
      const socket = yield* dialRaw(server.address)
      yield* server.stop
      yield* until("the silent connection is closed", () => socket.destroyed)
    }))
})

describe("a client certificate", () => {
  const demanding = () => secureServer("server", { clientCa: pem("authority") })

  it.live("opens a server that demands one", () =>
    Effect.gen(function*() {
      const server = yield* demanding()
      assert.strictEqual((yield* answer(server.address, { ...trusted, ...identity("client") })).code, 0)
    }))

  it.live("works with an encrypted key and its passphrase", () =>
    Effect.gen(function*() {
      const server = yield* demanding()
      const response = yield* answer(server.address, {
        ...trusted,
        cert: pem("client"),
        key: Redacted.make(pem("client-key-encrypted")),
        passphrase: Redacted.make(passphrase)
      })
      assert.strictEqual(response.code, 0)
    }))

  const rawDemanding = (version: "TLSv1.2" | "TLSv1.3") =>
    rawTlsServer({
      cert: pem("server"),
      key: pem("server-key"),
      ca: pem("authority"),
      requestCert: true,
      rejectUnauthorized: true,
      minVersion: version,
      maxVersion: version
    })

  it.live("that is missing is a failed handshake over TLS 1.2", () =>
    Effect.gen(function*() {
      const error = yield* refusal(yield* rawDemanding("TLSv1.2"), trusted)
      assert.strictEqual(error.reason._tag, "TlsFailed")
      assert.strictEqual(error.outcome, "NotSent")
    }))

  it.live("of another authority is a failed handshake over TLS 1.2", () =>
    Effect.gen(function*() {
      const error = yield* refusal(yield* rawDemanding("TLSv1.2"), { ...trusted, ...identity("foreign-client") })
      assert.strictEqual(error.reason._tag, "TlsFailed")
      assert.strictEqual(error.outcome, "NotSent")
    }))

  it.live("that is missing is a failed handshake over TLS 1.3, too, though the request was on its way", () =>
    Effect.gen(function*() {
      const server = yield* demanding()
      const error = yield* refusal(server.address, trusted)
      assert.strictEqual(error.reason._tag, "TlsFailed")
      assert.strictEqual(error.outcome, "Unknown")
      assert.match(error.message, /certificate required/)
      assert.deepStrictEqual(server.executed, [])
    }))

  it.live("of another authority is refused over TLS 1.3 after the client's handshake: nothing is executed", () =>
    Effect.gen(function*() {
      const server = yield* demanding()
      const error = yield* refusal(server.address, { ...trusted, ...identity("foreign-client") })
      assert.strictEqual(error.reason._tag, "ChannelClosed")
      assert.strictEqual(error.outcome, "Unknown")
      assert.deepStrictEqual(server.executed, [])
    }))

  it.live("with the key of another fails before anything is sent", () =>
    Effect.gen(function*() {
      const server = yield* demanding()
      const error = yield* refusal(server.address, {
        ...trusted,
        cert: pem("client"),
        key: Redacted.make(pem("foreign-client-key"))
      })
      assert.strictEqual(error.reason._tag, "TlsFailed")
      assert.strictEqual(error.outcome, "NotSent")
    }))

  it.live("leaves no trace of its key or passphrase in errors and events", () =>
    Effect.gen(function*() {
      const server = yield* demanding()
      const key = pem("client-key-encrypted")
      const tls: Transport.TlsClientOptions = {
        ...trusted,
        cert: pem("client"),
        key: Redacted.make(key),
        passphrase: Redacted.make(`wrong-${passphrase}`)
      }
      const c = yield* client().pipe(over({ tls }))
      const events = yield* recordEvents(c)
      const error = yield* Effect.flip(c.invoke(server.address, { code: echoCode }, { failFast: true }))
      yield* until("the failed dial is told", () => events.length > 0)
      assert.strictEqual(error.reason._tag, "TlsFailed")
      const whole = { depth: Infinity, showHidden: true }
      const traces = [
        error.message,
        String(error),
        JSON.stringify(error),
        inspect(error, whole),
        inspect(events, whole),
        JSON.stringify(events),
        inspect(tls, whole),
        JSON.stringify(tls)
      ]
      for (const trace of traces) {
        assert.notInclude(trace, passphrase)
        assert.notInclude(trace, key.split("\n")[1]!)
      }
    }))
})
