import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Fs from "node:fs"
import * as Net from "node:net"
import * as Path from "node:path"
import { inspect } from "node:util"
import type * as Transport from "../../src/remoting/Transport.ts"
import { host, over, overTcp, rawServer, until } from "./loopback.ts"
import type { ProxyOptions } from "./socksProxy.ts"
import { socksProxy } from "./socksProxy.ts"
import { client, echoCode, echoServer, recordEvents } from "./support.ts"

const pem = (name: string): string =>
  Fs.readFileSync(Path.join(import.meta.dirname, "../fixtures/tls", `${name}.pem`), "utf8")

const ask = (address: string, tcp: Transport.TcpOptions) =>
  Effect.gen(function*() {
    const c = yield* client({ connectTimeout: 500 })
    return yield* c.invoke(address, { code: echoCode, body: Buffer.from("hello") }, { failFast: true })
  }).pipe(over(tcp))

const server = echoServer(0, { host }).pipe(overTcp)

describe("a SOCKS5 proxy", () => {
  it.live("carries requests to an IP address", () =>
    Effect.gen(function*() {
      const { address } = yield* server
      const proxy = yield* socksProxy()
      const response = yield* ask(address, { socks: { host, port: proxy.port } })
      assert.strictEqual(Buffer.from(response.body!).toString(), "hello")
      assert.deepStrictEqual(proxy.asked, [address])
    }))

  it.live("resolves names itself", () =>
    Effect.gen(function*() {
      const { address } = yield* server
      const proxy = yield* socksProxy({ names: { "broker.test": address } })
      const response = yield* ask("broker.test:10911", { socks: { host, port: proxy.port } })
      assert.strictEqual(response.remark, address)
      assert.deepStrictEqual(proxy.asked, ["broker.test:10911"])
    }))

  it.live("may want a user name and a password", () =>
    Effect.gen(function*() {
      const { address } = yield* server
      const proxy = yield* socksProxy({ password: { username: "user", password: "word" } })
      const response = yield* ask(address, {
        socks: { host, port: proxy.port, username: "user", password: Redacted.make("word") }
      })
      assert.strictEqual(response.remark, address)
      assert.deepStrictEqual(proxy.given, ["user:word"])
    }))

  it.live("that offers both is asked without the password", () =>
    Effect.gen(function*() {
      const { address } = yield* server
      const proxy = yield* socksProxy()
      yield* ask(address, { socks: { host, port: proxy.port, username: "user", password: Redacted.make("word") } })
      assert.deepStrictEqual(proxy.given, [])
    }))

  it.live("may answer byte by byte", () =>
    Effect.gen(function*() {
      const { address } = yield* server
      const proxy = yield* socksProxy({ password: { username: "user", password: "word" }, trickle: true })
      const response = yield* ask(address, {
        socks: { host, port: proxy.port, username: "user", password: Redacted.make("word") }
      })
      assert.strictEqual(response.remark, address)
    }))

  it.live("carries TLS to the server, whose certificate is still verified by the name asked for", () =>
    Effect.gen(function*() {
      const secure = yield* echoServer(0, { host }).pipe(
        over({ serverTls: { cert: pem("name-only"), key: Redacted.make(pem("name-only-key")) } })
      )
      const proxy = yield* socksProxy({ names: { "broker.test": secure.address, "other.test": secure.address } })
      const tcp = { socks: { host, port: proxy.port }, tls: { ca: pem("authority") } }
      assert.strictEqual((yield* ask("broker.test:10911", tcp)).remark, secure.address)
      const error = yield* Effect.flip(ask("other.test:10911", tcp))
      assert.strictEqual(error.reason._tag, "TlsFailed")
    }))

  const failing = (title: string, options: ProxyOptions, detail: RegExp, username?: string) =>
    it.live(`${title} fails the dial, and says why`, () =>
      Effect.gen(function*() {
        const { address, executed } = yield* server
        const proxy = yield* socksProxy(options)
        const error = yield* Effect.flip(
          ask(address, {
            socks: { host, port: proxy.port, username, password: Redacted.make("canary-of-a-test") }
          })
        )
        assert.strictEqual(error.reason._tag, "ConnectFailed")
        assert.strictEqual(error.outcome, "NotSent")
        assert.match(error.message, detail)
        assert.include(error.message, String(proxy.port))
        assert.notInclude(inspect(error, { depth: Infinity, showHidden: true }), "canary-of-a-test")
        assert.deepStrictEqual(executed, [])
      }))

  failing("that refuses the connection", { reply: 2 }, /not allowed by its rules/)
  failing("that cannot reach the server", { reply: 4 }, /host unreachable/)
  failing("that wants a password nobody gave", { password: { username: "a", password: "b" } }, /user name and password/)
  failing("that knows another password", { password: { username: "user", password: "b" } }, /refused/, "user")
  failing("that says nothing", { silent: true }, /no connection in \d+ ms/)

  it.live("that is no SOCKS5 proxy fails the dial, and says so", () =>
    Effect.gen(function*() {
      const port = yield* rawServer((socket) => socket.write("HTTP/1.1 400 Bad Request\r\n\r\n"))
      const error = yield* Effect.flip(ask("10.0.0.1:10911", { socks: { host, port } }))
      assert.strictEqual(error.reason._tag, "ConnectFailed")
      assert.match(error.message, /is not a SOCKS5 proxy/)
    }))

  it.live("that nobody runs fails the dial, and is named", () =>
    Effect.gen(function*() {
      const port = yield* Effect.scoped(rawServer(() => {}))
      const error = yield* Effect.flip(ask("10.0.0.1:10911", { socks: { host, port } }))
      assert.strictEqual(error.reason._tag, "ConnectFailed")
      assert.include(error.message, `${host}:${port}`)
    }))

  it.live("that closes an open connection breaks the channel, and a new one is made", () =>
    Effect.gen(function*() {
      const { address } = yield* server
      const sockets: Array<Net.Socket> = []
      const proxy = yield* socksProxy()
      const front = yield* rawServer((socket) => {
        sockets.push(socket)
        const upstream = Net.connect(proxy.port, host)
        upstream.on("error", () => {})
        socket.pipe(upstream).pipe(socket)
        socket.on("close", () => upstream.destroy())
      })
      const c = yield* client().pipe(over({ socks: { host, port: front } }))
      const events = yield* recordEvents(c)
      yield* c.invoke(address, { code: echoCode })
      for (const socket of sockets) socket.destroy()
      yield* until("the end of the channel is told", () => events.some((event) => event.type === "Close"))
      assert.strictEqual((yield* c.invoke(address, { code: echoCode })).remark, address)
      assert.strictEqual(proxy.asked.length, 2)
    }))
})
