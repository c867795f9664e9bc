import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import Dns from "node:dns"
import { syncBuiltinESMExports } from "node:module"
import * as Net from "node:net"
import { host, over, overTcp, rawServer, until } from "./loopback.ts"
import { client, echoCode, echoServer, readCode } from "./support.ts"

/** A second address of this machine. */
const otherHost = process.platform === "darwin" ? "::1" : "127.0.0.2"

const mebibyte = 1_048_576

describe("a host name", () => {
  /** Answers look-ups of `broker.test` until the scope closes. Returns the records, to be changed. */
  const name = "broker.test"
  const records = (...first: ReadonlyArray<string>) =>
    Effect.map(
      Effect.acquireRelease(
        Effect.sync(() => {
          const ips = [...first]
          const { lookup } = Dns
          const fake = (
            wanted: string,
            _options: object,
            callback: (error: Error | null, found: ReadonlyArray<{ readonly address: string }>) => void
          ) => {
            const known = wanted === name && ips.length > 0
            queueMicrotask(() =>
              callback(known ? null : new Error(`getaddrinfo ENOTFOUND ${wanted}`), ips.map((address) => ({ address })))
            )
          }
          Object.assign(Dns, { lookup: fake })
          syncBuiltinESMExports()
          return { ips, lookup }
        }),
        ({ lookup }) =>
          Effect.sync(() => {
            Object.assign(Dns, { lookup })
            syncBuiltinESMExports()
          })
      ),
      ({ ips }) => ips
    )

  const portOf = (address: string): number => Number(address.slice(address.lastIndexOf(":") + 1))

  it.live("with several records leads to the next one when the first refuses", () =>
    Effect.gen(function*() {
      const server = yield* echoServer(0, { host })
      yield* records(otherHost, host)
      const c = yield* client()
      const response = yield* c.invoke(`${name}:${portOf(server.address)}`, { code: echoCode })
      assert.strictEqual(response.remark, server.address)
      assert.strictEqual((yield* c.stats).redials, 0)
    }).pipe(overTcp))

  it.live("leads to another record after GO_AWAY, though the first is still there", () =>
    Effect.gen(function*() {
      const first = yield* echoServer(0, { host })
      const port = portOf(first.address)
      const second = yield* echoServer(port, { host: otherHost })
      yield* records(host, otherHost)
      const c = yield* client()
      assert.strictEqual((yield* c.invoke(`${name}:${port}`, { code: echoCode })).remark, first.address)
      yield* Effect.forkChild(first.drain, { startImmediately: true })
      assert.strictEqual((yield* c.invoke(`${name}:${port}`, { code: echoCode })).remark, second.address)
      assert.strictEqual((yield* c.stats).goAways, 1)
    }).pipe(overTcp))

  it.live("is resolved anew on each dial", () =>
    Effect.gen(function*() {
      const first = yield* echoServer(0, { host })
      const port = portOf(first.address)
      const second = yield* echoServer(port, { host: otherHost })
      const ips = yield* records(host)
      const c = yield* client()
      assert.strictEqual((yield* c.invoke(`${name}:${port}`, { code: echoCode })).remark, first.address)
      ips.splice(0, 1, otherHost)
      yield* first.stop
      assert.strictEqual((yield* c.invoke(`${name}:${port}`, { code: readCode })).remark, second.address)
    }).pipe(overTcp))

  it.live("that nobody knows is a failed dial", () =>
    Effect.gen(function*() {
      yield* records()
      const c = yield* client()
      const error = yield* Effect.flip(c.invoke(`${name}:9876`, { code: echoCode }, { failFast: true }))
      assert.strictEqual(error.reason._tag, "ConnectFailed")
      assert.strictEqual(error.outcome, "NotSent")
      assert.include(error.message, `cannot resolve ${name}`)
    }).pipe(overTcp))
})

describe("an address where nobody listens", () => {
  it.live("is waited for: the request goes out once somebody does", () =>
    Effect.gen(function*() {
      const port = yield* Effect.scoped(rawServer(() => {}))
      const c = yield* client()
      const asked = yield* Effect.forkChild(c.invoke(`${host}:${port}`, { code: echoCode }), { startImmediately: true })
      yield* Effect.sleep(50)
      const server = yield* echoServer(port, { host })
      assert.strictEqual((yield* Fiber.join(asked)).remark, server.address)
      assert.strictEqual(server.executed.length, 1)
    }).pipe(overTcp))

  it.live("fails a request that does not wait, as NotSent", () =>
    Effect.gen(function*() {
      const port = yield* Effect.scoped(rawServer(() => {}))
      const c = yield* client()
      const error = yield* Effect.flip(c.invoke(`${host}:${port}`, { code: echoCode }, { failFast: true }))
      assert.strictEqual(error.reason._tag, "ConnectFailed")
      assert.strictEqual(error.outcome, "NotSent")
      assert.match(error.message, /ECONNREFUSED/)
    }).pipe(overTcp))
})

describe("a server that takes so many connections", () => {
  /** One client, with a connection of its own until the scope closes. */
  const ask = (address: string) =>
    Effect.gen(function*() {
      const c = yield* client()
      return yield* Effect.exit(c.invoke(address, { code: echoCode }, { timeout: "2 seconds" }))
    }).pipe(overTcp)

  const bounded = echoServer(0, { host }).pipe(over({ maxConnections: 2 }))

  it.live("closes the next one at once, without reading from it", () =>
    Effect.gen(function*() {
      const server = yield* bounded
      for (let within = 0; within < 2; within++) assert.isTrue(Exit.isSuccess(yield* ask(server.address)))
      let heard = 0
      const socket = yield* Effect.acquireRelease(
        Effect.sync(() => Net.connect(Number(server.address.split(":")[1]), host)),
        (open) => Effect.sync(() => open.destroy())
      )
      socket.on("error", () => {})
      socket.on("data", (chunk) => {
        heard += chunk.length
      })
      yield* until("it is closed", () => socket.closed)
      assert.strictEqual(heard, 0)
      assert.isTrue(Exit.isFailure(yield* ask(server.address)))
      assert.strictEqual(server.executed.length, 2)
      assert.deepInclude(yield* server.stats, { connections: 2, accepted: 2 })
    }))

  it.live("has room again as soon as one of them goes", () =>
    Effect.gen(function*() {
      const server = yield* bounded
      assert.isTrue(Exit.isSuccess(yield* ask(server.address)))
      assert.isTrue(Exit.isSuccess(yield* Effect.scoped(ask(server.address))))
      while ((yield* server.stats).connections > 1) yield* Effect.sleep(1)
      assert.isTrue(Exit.isSuccess(yield* ask(server.address)))
      assert.isTrue(Exit.isFailure(yield* ask(server.address)))
      assert.deepInclude(yield* server.stats, { connections: 2, accepted: 3 })
    }))
})

describe("a oneway request", () => {
  it.live("is handed over without an answer, in order", () =>
    Effect.gen(function*() {
      const server = yield* echoServer(0, { host })
      const c = yield* client()
      const count = 1_000
      for (let id = 0; id < count; id++) {
        yield* c.invokeOneway(server.address, { code: echoCode, extFields: { id: String(id) } })
      }
      yield* until("all have arrived", () => server.executed.length === count)
      assert.deepStrictEqual(server.executed, Array.from({ length: count }, (_, id) => String(id)))
      const stats = yield* c.stats
      assert.strictEqual(stats.inFlight, 0)
      assert.strictEqual(stats.dropped, 0)
    }).pipe(overTcp))
})

describe("a large body", () => {
  /** No two mebibytes alike. */
  const large = Buffer.alloc(
    4 * mebibyte,
    (() => {
      const bytes = Buffer.alloc(65_521)
      for (let index = 0; index < bytes.length; index++) bytes[index] = (index * 31) & 0xff
      return bytes
    })()
  )

  for (const serialization of ["JSON", "ROCKETMQ"] as const) {
    it.live(`of 4 MiB goes both ways, eight at a time, with ${serialization} headers`, () =>
      Effect.gen(function*() {
        const server = yield* echoServer(0, { host, serialization })
        const c = yield* client({ serialization })
        const responses = yield* Effect.all(
          Array.from({ length: 8 }, () =>
            c.invoke(server.address, { code: echoCode, body: large }, { timeout: "10 seconds" })),
          { concurrency: "unbounded" }
        )
        for (const response of responses) {
          assert.isTrue(large.equals(response.body!))
        }
      }).pipe(overTcp))
  }

  it.live("over the limit is refused before it is written, and the connection stays", () =>
    Effect.gen(function*() {
      const server = yield* echoServer(0, { host })
      const c = yield* client()
      const error = yield* Effect.flip(c.invoke(server.address, { code: echoCode, body: Buffer.alloc(16 * mebibyte) }))
      assert.strictEqual(error.reason._tag, "FrameTooLarge")
      assert.strictEqual(error.outcome, "NotSent")
      assert.strictEqual((yield* c.invoke(server.address, { code: echoCode })).code, 0)
      assert.strictEqual((yield* server.stats).accepted, 1)
    }).pipe(overTcp))

  it.live("in an answer that is over the limit becomes an error, and the connection stays", () =>
    Effect.gen(function*() {
      const server = yield* echoServer(0, { host })
      yield* server.handle(1, () => Effect.succeed({ body: Buffer.alloc(16 * mebibyte) }))
      const c = yield* client()
      const response = yield* c.invoke(server.address, { code: 1 })
      assert.strictEqual(response.code, 1)
      assert.match(response.remark!, /does not fit a frame/)
      assert.strictEqual((yield* c.invoke(server.address, { code: echoCode })).code, 0)
    }).pipe(overTcp))
})

describe("a peer that does not read", () => {
  /** A server behind a gate that reads nothing until it is opened. */
  const gated = Effect.fnUntraced(function*() {
    const server = yield* echoServer(0, { host })
    const waiting: Array<() => void> = []
    const port = yield* rawServer((socket) => {
      socket.pause()
      waiting.push(() => {
        const upstream = Net.connect(Number(server.address.split(":")[1]), host)
        upstream.on("error", () => {})
        upstream.on("close", () => socket.destroy())
        socket.on("close", () => upstream.destroy())
        socket.pipe(upstream).pipe(socket)
      })
    })
    return {
      server,
      address: `${host}:${port}`,
      open: Effect.sync(() => {
        for (const open of waiting) open()
      })
    }
  })

  const body = Buffer.alloc(mebibyte)
  const count = 64
  const request = (id: number) => ({ code: echoCode, body, extFields: { id: String(id) } })

  it.live("holds at most the configured bytes; more fails at once, and is not sent", () =>
    Effect.gen(function*() {
      const gate = yield* gated()
      const c = yield* client({ maxUnsentBytes: 8 * mebibyte })
      const ask = (ids: number) =>
        Effect.all(
          Array.from({ length: ids }, (_, id) => Effect.exit(c.invoke(gate.address, request(id), { timeout: 600 }))),
          { concurrency: "unbounded" }
        )
      // More than the system takes, so that the connection pushes back.
      const filling = yield* Effect.forkChild(ask(16), { startImmediately: true })
      yield* Effect.sleep(100)
      const exits = yield* ask(count)
      yield* Fiber.join(filling)
      const outcomes = new Map<string, number>()
      for (const exit of exits) {
        const error = Exit.isFailure(exit) && exit.cause.reasons[0]._tag === "Fail"
          ? exit.cause.reasons[0].error
          : undefined
        const key = error === undefined ? "answered" : `${error.reason._tag} ${error.outcome}`
        outcomes.set(key, (outcomes.get(key) ?? 0) + 1)
      }
      const counted = (key: string) => outcomes.get(key) ?? 0
      assert.isAtMost(counted("Timeout NotSent"), 8)
      assert.isAtLeast(counted("TooManyRequests NotSent"), count - 8)
      assert.strictEqual(counted("TooManyRequests NotSent") + counted("Timeout NotSent"), count)
    }).pipe(overTcp))

  it.live("that reads again gets what was waiting, in order, and nothing twice", () =>
    Effect.gen(function*() {
      const gate = yield* gated()
      const c = yield* client({ maxUnsentBytes: 2 * count * mebibyte })
      const asked = yield* Effect.forkChild(
        Effect.all(
          Array.from({ length: count }, (_, id) => c.invoke(gate.address, request(id), { timeout: "15 seconds" })),
          { concurrency: "unbounded" }
        ),
        { startImmediately: true }
      )
      yield* Effect.sleep(100)
      assert.deepStrictEqual(gate.server.executed, [])
      yield* gate.open
      yield* Fiber.join(asked)
      assert.deepStrictEqual(gate.server.executed, Array.from({ length: count }, (_, id) => String(id)))
    }).pipe(overTcp))

  it.live("is not read from either: its requests wait until it reads", () =>
    Effect.gen(function*() {
      const server = yield* echoServer(0, { host })
      const answer = Buffer.alloc(262_144)
      let served = 0
      yield* server.handle(1, () =>
        Effect.sync(() => {
          served++
          return { body: answer }
        }))
      const total = 400
      const header = Buffer.from(JSON.stringify({ code: 1, language: "JAVA", version: 513, flag: 0, extFields: {} }))
      const frame = Buffer.alloc(8 + header.length + 1_000)
      frame.writeInt32BE(frame.length - 4, 0)
      frame.writeInt32BE(header.length, 4)
      header.copy(frame, 8)
      const socket = yield* Effect.acquireRelease(
        Effect.sync(() => Net.connect(Number(server.address.split(":")[1]), host)),
        (open) => Effect.sync(() => open.destroy())
      )
      socket.pause()
      for (let sent = 0; sent < total; sent++) socket.write(frame)
      yield* Effect.sleep(300)
      const early = served
      assert.isBelow(early, total)
      let received = 0
      socket.on("data", (chunk) => {
        received += chunk.length
      })
      socket.resume()
      yield* until("all are answered", () => received > total * answer.length, 15_000)
      assert.strictEqual(served, total)
    }).pipe(overTcp))
})
