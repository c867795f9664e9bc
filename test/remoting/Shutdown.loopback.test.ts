import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as ChildProcess from "node:child_process"
import * as Path from "node:path"
import type { RemotingError } from "../../src/remoting/RemotingError.ts"
import * as LoadBalancer from "../../src/testing/LoadBalancer.ts"
import { host, over, overTcp, rawServer, until } from "./loopback.ts"
import { client, echoCode, echoServer } from "./support.ts"

/** Never answered by the servers here. */
const silentCode = 9_001

const inFlight = 1_024

/** What holds this process open because of sockets. */
const sockets = (): ReadonlyArray<string> =>
  process.getActiveResourcesInfo().filter((resource) => /TCP|TLS|Pipe|GetAddrInfo/.test(resource)).sort()

/** What became of requests, counted. */
const count = (exits: ReadonlyArray<Exit.Exit<unknown, RemotingError>>): Record<string, number> => {
  const counts: Record<string, number> = {}
  for (const exit of exits) {
    const error = Exit.isFailure(exit) ? exit.cause.reasons.find((reason) => reason._tag === "Fail")?.error : undefined
    const key = Exit.isSuccess(exit) ? "answered" : error === undefined ? "?" : `${error.reason._tag} ${error.outcome}`
    counts[key] = (counts[key] ?? 0) + 1
  }
  return counts
}

describe("a client that closes with 1,024 requests in flight", () => {
  const loaded = Effect.fnUntraced(function*() {
    const server = yield* echoServer(0, { host })
    yield* server.handle(silentCode, () => Effect.never)
    const scope = yield* Scope.fork(yield* Effect.scope)
    const c = yield* Scope.provide(client(), scope)
    yield* c.invoke(server.address, { code: echoCode })
    // Handlers of one connection are limited; what is beyond the limit waits at the server's door.
    const other = yield* rawServer(() => {})
    const ask = (address: string, code: number) =>
      Effect.forkChild(Effect.exit(c.invoke(address, { code }, { timeout: "20 seconds" })), { startImmediately: true })
    const asked = yield* Effect.forEach(
      Array.from({ length: inFlight }, (_, index) => index),
      (index) => index % 16 === 0 ? ask(server.address, silentCode) : ask(`${host}:${other}`, echoCode)
    )
    yield* Effect.sleep(50)
    assert.strictEqual((yield* c.stats).inFlight, inFlight)
    return { c, server, scope, asked }
  })

  it.live("settles them all at once: what was written is Unknown", () =>
    Effect.gen(function*() {
      const { asked, c, scope } = yield* loaded()
      yield* Scope.close(scope, Exit.void)
      const [elapsed, exits] = yield* Effect.timed(Fiber.joinAll(asked))
      assert.deepStrictEqual(count(exits), { "ShuttingDown Unknown": inFlight })
      assert.isBelow(Duration.toMillis(elapsed), 500)
      assert.strictEqual((yield* c.stats).inFlight, 0)
    }).pipe(overTcp))

  it.live("fails new requests at once, as NotSent", () =>
    Effect.gen(function*() {
      const { c, scope, server } = yield* loaded()
      yield* Scope.close(scope, Exit.void)
      const error = yield* Effect.flip(c.invoke(server.address, { code: echoCode }))
      assert.strictEqual(error.reason._tag, "ShuttingDown")
      assert.strictEqual(error.outcome, "NotSent")
      const oneway = yield* Effect.flip(c.invokeOneway(server.address, { code: echoCode }))
      assert.strictEqual(oneway.outcome, "NotSent")
    }).pipe(overTcp))

  it.live("leaves no socket behind", () =>
    Effect.gen(function*() {
      const before = sockets()
      yield* Effect.scoped(loaded()).pipe(overTcp)
      yield* until("all sockets are gone", () => sockets().length <= before.length)
      assert.deepStrictEqual(sockets(), before)
    }))

  it.live("in the middle of a swap settles what waits for it, and leaves no socket behind", () =>
    Effect.gen(function*() {
      const before = sockets()
      const counts = yield* Effect.gen(function*() {
        const server = yield* echoServer(0, { host })
        yield* server.handle(silentCode, () => Effect.never)
        const balancer = yield* LoadBalancer.make({ targets: [server.address], policy: "roundRobin" })
        const scope = yield* Scope.fork(yield* Effect.scope)
        const c = yield* Scope.provide(client(), scope)
        yield* c.invoke(balancer.address, { code: echoCode })
        const held = yield* Effect.forkChild(Effect.exit(c.invoke(balancer.address, { code: silentCode })), {
          startImmediately: true
        })
        yield* Effect.sleep(20)
        yield* Effect.forkChild(server.drain, { startImmediately: true })
        // Every further connection hangs: the swap does not come to its end.
        yield* balancer.delay("1 hour")
        const refused = yield* Effect.forEach(
          Array.from({ length: inFlight }),
          () =>
            Effect.forkChild(Effect.exit(c.invoke(balancer.address, { code: echoCode })), { startImmediately: true })
        )
        yield* Effect.sleep(100)
        yield* Scope.close(scope, Exit.void)
        return count(yield* Fiber.joinAll([held, ...refused]))
      }).pipe(Effect.scoped, overTcp)
      assert.deepStrictEqual(
        Object.keys(counts).filter((key) => !key.startsWith("ShuttingDown")),
        []
      )
      assert.strictEqual(Object.values(counts).reduce((sum, some) => sum + some), inFlight + 1)
      yield* until("all sockets are gone", () => sockets().length <= before.length)
    }))

  it.live("while it dials leaves no socket behind", () =>
    Effect.gen(function*() {
      const before = sockets()
      const counts = yield* Effect.gen(function*() {
        // It accepts and never shakes hands.
        const port = yield* rawServer(() => {})
        const scope = yield* Scope.fork(yield* Effect.scope)
        const c = yield* Scope.provide(client(), scope)
        const asked = yield* Effect.forEach(
          Array.from({ length: inFlight }),
          () =>
            Effect.forkChild(Effect.exit(c.invoke(`${host}:${port}`, { code: echoCode })), { startImmediately: true })
        )
        yield* Effect.sleep(50)
        yield* Scope.close(scope, Exit.void)
        return count(yield* Fiber.joinAll(asked))
      }).pipe(Effect.scoped, over({ tls: {} }))
      assert.deepStrictEqual(counts, { "ShuttingDown NotSent": inFlight })
      yield* until("all sockets are gone", () => sockets().length <= before.length)
    }))
})

describe("a server that stops under load", () => {
  it.live("at once cuts its clients off: what was written is Unknown, and no socket stays", () =>
    Effect.gen(function*() {
      const before = sockets()
      yield* Effect.gen(function*() {
        const scope = yield* Scope.fork(yield* Effect.scope)
        const server = yield* Scope.provide(echoServer(0, { host, maxHandlers: 2_000 }), scope)
        yield* server.handle(silentCode, () => Effect.never)
        const c = yield* client()
        yield* c.invoke(server.address, { code: echoCode })
        const asked = yield* Effect.forEach(
          Array.from({ length: inFlight }),
          () =>
            Effect.forkChild(Effect.exit(c.invoke(server.address, { code: silentCode })), { startImmediately: true })
        )
        yield* Effect.sleep(50)
        yield* Scope.close(scope, Exit.void)
        assert.deepStrictEqual(count(yield* Fiber.joinAll(asked)), { "ChannelClosed Unknown": inFlight })
      }).pipe(Effect.scoped, overTcp)
      yield* until("all sockets are gone", () => sockets().length <= before.length)
    }))

  it.live("gracefully finishes what it has begun, then closes", () =>
    Effect.gen(function*() {
      yield* Effect.gen(function*() {
        const scope = yield* Scope.fork(yield* Effect.scope)
        const server = yield* Scope.provide(
          echoServer(0, { host, maxHandlers: 2_000, enableShutdownGracefully: true, shutdownWaitTime: "1 second" }),
          scope
        )
        yield* server.handle(1, () => Effect.as(Effect.sleep(300), { remark: "done" }))
        const c = yield* client()
        yield* c.invoke(server.address, { code: echoCode })
        const asked = yield* Effect.forEach(
          Array.from({ length: inFlight }),
          () => Effect.forkChild(Effect.exit(c.invoke(server.address, { code: 1 })), { startImmediately: true })
        )
        yield* Effect.sleep(50)
        const [elapsed] = yield* Effect.timed(Scope.close(scope, Exit.void))
        assert.isAtLeast(Duration.toMillis(elapsed), 999)
        assert.deepStrictEqual(count(yield* Fiber.joinAll(asked)), { answered: inFlight })
        assert.strictEqual((yield* server.stats).connections, 0)
      }).pipe(Effect.scoped, overTcp)
    }))
})

describe("a process whose client and server close under load", () => {
  it.live("ends by itself", () =>
    Effect.gen(function*() {
      const child = yield* Effect.acquireRelease(
        Effect.sync(() =>
          ChildProcess.spawn(
            process.execPath,
            ["--conditions=effect-rocketmq:source", Path.join(import.meta.dirname, "closingProcess.ts")],
            { stdio: ["ignore", "pipe", "inherit"], env: { PATH: process.env["PATH"] } }
          )
        ),
        (started) => Effect.sync(() => started.kill("SIGKILL"))
      )
      let said = ""
      child.stdout.on("data", (chunk: Buffer) => {
        said += chunk.toString()
      })
      const code = yield* Effect.callback<number | null>((resume) => {
        child.on("close", (status) => resume(Effect.succeed(status)))
      }).pipe(Effect.timeout("10 seconds"))
      assert.strictEqual(said, "{\"ShuttingDown Unknown\":1024}\n")
      assert.strictEqual(code, 0)
    }))
})
