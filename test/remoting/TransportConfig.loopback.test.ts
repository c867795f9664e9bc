import { assert, describe, it } from "@effect/vitest"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { inspect } from "node:util"
import * as Transport from "../../src/remoting/Transport.ts"
import { host, over, overTcp } from "./loopback.ts"
import { socksProxy } from "./socksProxy.ts"
import { client, echoCode, echoServer } from "./support.ts"

const file = (name: string): string => Path.join(import.meta.dirname, "../fixtures/tls", `${name}.pem`)

const pem = (name: string): string => Fs.readFileSync(file(name), "utf8")

/** Environment variables, without `ROCKETMQ_`. */
type Settings = Readonly<Record<string, string>>

const configured = (settings: Settings) =>
  Transport.layerConfig.pipe(
    Layer.provide(ConfigProvider.layer(ConfigProvider.fromEnv({
      env: Object.fromEntries(Object.entries(settings).map(([name, value]) => [`ROCKETMQ_${name}`, value]))
    })))
  )

/** Asks once over the transport that these settings make. */
const ask = (address: string, settings: Settings) =>
  Effect.gen(function*() {
    const c = yield* client({ connectTimeout: "2 seconds" })
    return yield* c.invoke(address, { code: echoCode }, { failFast: true })
  }).pipe(Effect.scoped, Effect.provide(configured(settings)))

/** The configuration error that these settings are. */
const refusal = (settings: Settings) =>
  Effect.map(Effect.flip(Effect.scoped(Layer.build(configured(settings)))), (error) => {
    assert.strictEqual(error._tag, "ConfigError")
    return error
  })

/** A server with TLS that demands a client certificate. */
const demanding = (certificate: string) =>
  echoServer(0, { host }).pipe(over({
    serverTls: {
      cert: pem(certificate),
      key: Redacted.make(pem(`${certificate}-key`)),
      clientCa: pem("authority")
    }
  }))

const plain = echoServer(0, { host }).pipe(overTcp)

describe("a transport from configuration", () => {
  it.live("is plain TCP when nothing is set", () =>
    Effect.gen(function*() {
      const server = yield* plain
      assert.strictEqual((yield* ask(server.address, {})).remark, server.address)
    }))

  it.live("is plain TCP when TLS is switched off", () =>
    Effect.gen(function*() {
      const server = yield* plain
      assert.strictEqual((yield* ask(server.address, { TLS_ENABLE: "false" })).remark, server.address)
    }))
})

describe("TLS from configuration", () => {
  it.live("takes authority, client certificate, key and the server's name", () =>
    Effect.gen(function*() {
      // Its certificate carries broker.test, and not the address.
      const server = yield* demanding("name-only")
      const response = yield* ask(server.address, {
        TLS_ENABLE: "true",
        TLS_CA_FILE: file("authority"),
        TLS_CERT_FILE: file("client"),
        TLS_KEY_FILE: file("client-key"),
        TLS_SERVER_NAME: "broker.test"
      })
      assert.strictEqual(response.remark, server.address)
    }))

  it.live("takes the passphrase of an encrypted key", () =>
    Effect.gen(function*() {
      const server = yield* demanding("server")
      const response = yield* ask(server.address, {
        TLS_ENABLE: "true",
        TLS_CA_FILE: file("authority"),
        TLS_CERT_FILE: file("client"),
        TLS_KEY_FILE: file("client-key-encrypted"),
        TLS_PASSPHRASE: "passphrase-of-a-test"
      })
      assert.strictEqual(response.remark, server.address)
    }))

  it.live("trusts the authority in the file and no other", () =>
    Effect.gen(function*() {
      const server = yield* echoServer(0, { host }).pipe(
        over({ serverTls: { cert: pem("server"), key: Redacted.make(pem("server-key")) } })
      )
      assert.strictEqual(
        (yield* ask(server.address, { TLS_ENABLE: "true", TLS_CA_FILE: file("authority") })).remark,
        server.address
      )
      for (const settings of [{}, { TLS_CA_FILE: file("other-authority") }]) {
        const error = yield* Effect.flip(ask(server.address, { TLS_ENABLE: "true", ...settings }))
        assert(error._tag === "RemotingError")
        assert.deepStrictEqual([error.reason._tag, error.outcome], ["TlsFailed", "NotSent"])
      }
      assert.strictEqual(server.executed.length, 1)
    }))

  it.live("insists on the server's name", () =>
    Effect.gen(function*() {
      const server = yield* demanding("name-only")
      const error = yield* Effect.flip(ask(server.address, {
        TLS_ENABLE: "true",
        TLS_CA_FILE: file("authority"),
        TLS_CERT_FILE: file("client"),
        TLS_KEY_FILE: file("client-key"),
        TLS_SERVER_NAME: "other.test"
      }))
      assert(error._tag === "RemotingError")
      assert.strictEqual(error.reason._tag, "TlsFailed")
      assert.include(error.message, "other.test")
    }))

  for (const name of ["TLS_CA_FILE", "TLS_CERT_FILE", "TLS_KEY_FILE"]) {
    it.effect(`refuses a ${name} that is not there, and names it`, () =>
      Effect.gen(function*() {
        const missing = file("no-such-file")
        const error = yield* refusal({
          TLS_ENABLE: "true",
          TLS_CERT_FILE: file("client"),
          TLS_KEY_FILE: file("client-key"),
          [name]: missing
        })
        assert.include(error.message, missing)
      }))
  }

  for (const name of ["TLS_CERT_FILE", "TLS_KEY_FILE"]) {
    it.effect(`refuses ${name} without its other half`, () =>
      refusal({ TLS_ENABLE: "true", TLS_CA_FILE: file("authority"), [name]: file("client") }))
  }

  // Whoever sets one of these expects encryption: going on in the clear would be the worst answer.
  for (const enable of [{}, { TLS_ENABLE: "false" }]) {
    for (const name of ["TLS_CA_FILE", "TLS_CERT_FILE", "TLS_KEY_FILE", "TLS_SERVER_NAME"]) {
      it.effect(`refuses ${name} ${"TLS_ENABLE" in enable ? "with TLS_ENABLE=false" : "without TLS_ENABLE"}`, () =>
        refusal({ ...enable, [name]: file("authority") }))
    }
  }

  it.effect("refuses a TLS_ENABLE that is neither true nor false", () => refusal({ TLS_ENABLE: "perhaps" }))

  it.live("leaves no trace of its passphrase in errors", () =>
    Effect.gen(function*() {
      const canary = "canary-of-a-test"
      const settings = {
        TLS_ENABLE: "true",
        TLS_CERT_FILE: file("client"),
        TLS_KEY_FILE: file("client-key-encrypted"),
        TLS_PASSPHRASE: canary
      }
      const server = yield* demanding("server")
      const failed = yield* Effect.flip(ask(server.address, settings))
      assert.strictEqual(failed._tag, "RemotingError")
      const refused = yield* refusal({ ...settings, TLS_CA_FILE: file("no-such-file") })
      for (const error of [failed, refused]) {
        assert.notInclude(inspect(error, { depth: Infinity, showHidden: true }), canary)
        assert.notInclude(JSON.stringify(error), canary)
      }
    }))
})

describe("a SOCKS5 proxy from configuration", () => {
  it.live("takes host, port, user name and password", () =>
    Effect.gen(function*() {
      const server = yield* plain
      const proxy = yield* socksProxy({ password: { username: "user", password: "word" } })
      const response = yield* ask(server.address, {
        SOCKS_HOST: host,
        SOCKS_PORT: String(proxy.port),
        SOCKS_USERNAME: "user",
        SOCKS_PASSWORD: "word"
      })
      assert.strictEqual(response.remark, server.address)
      assert.deepStrictEqual(proxy.asked, [server.address])
      assert.deepStrictEqual(proxy.given, ["user:word"])
    }))

  it.live("needs no user name", () =>
    Effect.gen(function*() {
      const server = yield* plain
      const proxy = yield* socksProxy()
      yield* ask(server.address, { SOCKS_HOST: host, SOCKS_PORT: String(proxy.port) })
      assert.deepStrictEqual([proxy.asked, proxy.given], [[server.address], []])
    }))

  it.live("is at port 1080 unless another is set", () =>
    Effect.gen(function*() {
      // Nobody listens there: the failure names where the proxy was looked for.
      const error = yield* Effect.flip(ask("10.0.0.1:10911", { SOCKS_HOST: "127.0.0.2" }))
      assert(error._tag === "RemotingError")
      assert.strictEqual(error.reason._tag, "ConnectFailed")
      assert.include(error.message, "127.0.0.2:1080")
    }))

  it.live("carries TLS", () =>
    Effect.gen(function*() {
      const server = yield* demanding("name-only")
      const proxy = yield* socksProxy({ names: { "broker.test": server.address } })
      const response = yield* ask("broker.test:10911", {
        SOCKS_HOST: host,
        SOCKS_PORT: String(proxy.port),
        TLS_ENABLE: "true",
        TLS_CA_FILE: file("authority"),
        TLS_CERT_FILE: file("client"),
        TLS_KEY_FILE: file("client-key")
      })
      assert.strictEqual(response.remark, server.address)
      assert.deepStrictEqual(proxy.asked, ["broker.test:10911"])
    }))

  it.effect("refuses a port that is none", () => refusal({ SOCKS_HOST: host, SOCKS_PORT: "70000" }))
})
