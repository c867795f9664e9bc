import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as LoadBalancer from "../../src/testing/LoadBalancer.ts"
import { host, overTcp, serverProcess, until } from "./loopback.ts"
import { client, echoCode, echoServer, readCode, recordEvents } from "./support.ts"

const probeAfter = 400
const probeTimeout = 300

/** From the last sign of life to the verdict, at most. */
const verdictMillis = probeAfter + probeTimeout + 1_000

/** For a busy machine. */
const slack = 500

const probing = { probeAfter, probeTimeout }

const millisOf = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.map(Effect.timed(effect), ([elapsed, value]) => [Duration.toMillis(elapsed), value] as const)

describe("a peer that has vanished without a word", () => {
  const behindBalancer = Effect.gen(function*() {
    const server = yield* echoServer(0, { host })
    const balancer = yield* LoadBalancer.make({ targets: [server.address], policy: "roundRobin" })
    return {
      server,
      balancer,
      // Open connections swallow everything from now on; new ones are as good as ever.
      vanish: Effect.andThen(balancer.blackHole(), balancer.clear())
    }
  })

  it.live("is found dead by a probe: what was written is Unknown", () =>
    Effect.gen(function*() {
      const { balancer, server, vanish } = yield* behindBalancer
      const c = yield* client(probing)
      yield* c.invoke(balancer.address, { code: echoCode })
      yield* vanish
      const [elapsed, error] = yield* millisOf(
        Effect.flip(c.invoke(balancer.address, { code: echoCode }, { timeout: "20 seconds" }))
      )
      assert.strictEqual(error.reason._tag, "ChannelClosed")
      assert.strictEqual(error.outcome, "Unknown")
      assert.match(error.message, /did not answer a probe/)
      assert.isAtMost(elapsed, verdictMillis + slack)
      assert.strictEqual(server.executed.length, 1)
    }).pipe(overTcp))

  it.live("is replaced: what may be repeated goes on over a new connection", () =>
    Effect.gen(function*() {
      const { balancer, server, vanish } = yield* behindBalancer
      const c = yield* client(probing)
      yield* c.invoke(balancer.address, { code: echoCode })
      yield* vanish
      const [elapsed, response] = yield* millisOf(
        c.invoke(balancer.address, { code: readCode }, { timeout: "20 seconds" })
      )
      assert.strictEqual(response.remark, server.address)
      assert.isAtMost(elapsed, verdictMillis + slack)
      assert.strictEqual((yield* server.stats).accepted, 2)
    }).pipe(overTcp))

  it.live("is noticed without any request while something is registered", () =>
    Effect.gen(function*() {
      const { balancer, server, vanish } = yield* behindBalancer
      const c = yield* client(probing)
      const events = yield* recordEvents(c)
      let registrations = 0
      yield* c.onValidate(() => Effect.sync(() => registrations++))
      yield* c.invoke(balancer.address, { code: echoCode })
      yield* vanish
      const [elapsed] = yield* millisOf(
        until("the new connection is registered", () => registrations === 2, verdictMillis + 2_000)
      )
      assert.isAtMost(elapsed, verdictMillis + slack)
      yield* until("all is told", () => events.some((event) => event.type === "Reconnected"))
      assert.deepStrictEqual(
        events.map((event) => `${event.type} ${event.generation}`),
        ["Connect 1", "Active 1", "Exception 1", "Close 1", "Connect 2", "Active 2", "Reconnected 2"]
      )
      assert.strictEqual(server.executed.length, 1)
    }).pipe(overTcp))

  it.live("does not take along the requests of other addresses", () =>
    Effect.gen(function*() {
      const { balancer, vanish } = yield* behindBalancer
      const other = yield* echoServer(0, { host })
      yield* other.handle(1, () => Effect.as(Effect.sleep(verdictMillis + 200), { remark: "slow" }))
      const c = yield* client(probing)
      yield* c.invoke(balancer.address, { code: echoCode })
      const slow = yield* Effect.forkChild(c.invoke(other.address, { code: 1 }, { timeout: "20 seconds" }), {
        startImmediately: true
      })
      yield* vanish
      yield* Effect.flip(c.invoke(balancer.address, { code: echoCode }, { timeout: "20 seconds" }))
      assert.strictEqual((yield* Fiber.join(slow)).remark, "slow")
      assert.strictEqual((yield* other.stats).accepted, 1)
    }).pipe(overTcp))
})

describe("a peer whose process is stopped", () => {
  it.live("is found dead though its system still accepts, and is used again once it runs", () =>
    Effect.gen(function*() {
      const server = yield* serverProcess
      const c = yield* client(probing)
      yield* c.invoke(server.address, { code: echoCode })
      yield* server.signal("SIGSTOP")
      const [elapsed, error] = yield* millisOf(
        Effect.flip(c.invoke(server.address, { code: echoCode }, { timeout: "20 seconds" }))
      )
      assert.strictEqual(error.outcome, "Unknown")
      assert.isAtMost(elapsed, verdictMillis + slack)
      yield* server.signal("SIGCONT")
      assert.strictEqual((yield* c.invoke(server.address, { code: echoCode })).code, 0)
    }).pipe(overTcp))

  it.live("for less than the probe's time is not given up", () =>
    Effect.gen(function*() {
      const server = yield* serverProcess
      const c = yield* client({ probeAfter, probeTimeout: "10 seconds" })
      yield* c.invoke(server.address, { code: echoCode })
      yield* server.signal("SIGSTOP")
      const asked = yield* Effect.forkChild(c.invoke(server.address, { code: echoCode }, { timeout: "20 seconds" }), {
        startImmediately: true
      })
      yield* Effect.sleep(verdictMillis)
      yield* server.signal("SIGCONT")
      assert.strictEqual((yield* Fiber.join(asked)).code, 0)
      assert.strictEqual((yield* c.stats).redials, 0)
    }).pipe(overTcp))
})
