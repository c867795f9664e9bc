import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as LoadBalancer from "../../src/testing/LoadBalancer.ts"
import { host, overTcp, serverProcess } from "./loopback.ts"
import { client, echoCode, echoServer, readCode } from "./support.ts"

const hour = 3_600_000

/** For a busy machine. */
const slack = 500

describe("a wall clock that jumps", () => {
  /** The real clock, whose wall time can be put forward and back; the monotonic time is the real one. */
  const jumpingClock = Effect.map(Clock.Clock, (real) => {
    const offset = { millis: 0 }
    const clock: Clock.Clock = {
      currentTimeMillisUnsafe: () => real.currentTimeMillisUnsafe() + offset.millis,
      currentTimeMillis: Effect.sync(() => real.currentTimeMillisUnsafe() + offset.millis),
      currentTimeNanosUnsafe: () => real.currentTimeNanosUnsafe() + BigInt(offset.millis) * 1_000_000n,
      currentTimeNanos: Effect.sync(() => real.currentTimeNanosUnsafe() + BigInt(offset.millis) * 1_000_000n),
      monotonicTimeNanosUnsafe: () => real.monotonicTimeNanosUnsafe(),
      monotonicTimeNanos: real.monotonicTimeNanos,
      sleep: (duration) => real.sleep(duration)
    }
    return { clock, jump: (millis: number) => Effect.sync(() => void (offset.millis += millis)) }
  })

  for (const [title, millis] of [["an hour ahead", hour], ["an hour back", -hour]] as const) {
    it.live(`${title} neither ends a request early nor keeps it`, () =>
      Effect.gen(function*() {
        const { clock, jump } = yield* jumpingClock
        yield* Effect.gen(function*() {
          const server = yield* echoServer(0, { host })
          yield* server.handle(1, () => Effect.as(Effect.sleep(300), { remark: "slow" }))
          yield* server.handle(2, () => Effect.never)
          const c = yield* client()
          yield* c.invoke(server.address, { code: echoCode })
          const answered = yield* Effect.forkChild(c.invoke(server.address, { code: 1 }), { startImmediately: true })
          const unanswered = yield* Effect.forkChild(
            Effect.timed(Effect.flip(c.invoke(server.address, { code: 2 }, { timeout: 400 }))),
            { startImmediately: true }
          )
          yield* Effect.sleep(100)
          yield* jump(millis)
          assert.strictEqual((yield* Fiber.join(answered)).remark, "slow")
          const [elapsed, error] = yield* Fiber.join(unanswered)
          assert.strictEqual(error.reason._tag, "Timeout")
          assert.isAtLeast(Duration.toMillis(elapsed), 399)
          assert.isAtMost(Duration.toMillis(elapsed), 400 + slack)
          assert.strictEqual((yield* server.stats).accepted, 1)
        }).pipe(Effect.provideService(Clock.Clock, clock))
      }).pipe(overTcp))

    it.live(`${title} neither speeds up nor stalls a swap`, () =>
      Effect.gen(function*() {
        const { clock, jump } = yield* jumpingClock
        yield* Effect.gen(function*() {
          const first = yield* echoServer(0, { host })
          const second = yield* echoServer(0, { host })
          const balancer = yield* LoadBalancer.make({
            targets: [first.address, second.address],
            policy: "roundRobin"
          })
          const c = yield* client()
          yield* c.invoke(balancer.address, { code: echoCode })
          yield* Effect.forkChild(first.drain, { startImmediately: true })
          yield* balancer.refuse()
          const asked = yield* Effect.forkChild(Effect.timed(c.invoke(balancer.address, { code: echoCode })), {
            startImmediately: true
          })
          yield* Effect.sleep(50)
          yield* jump(millis)
          yield* balancer.clear()
          const [elapsed, response] = yield* Fiber.join(asked)
          assert.strictEqual(response.remark, second.address)
          assert.isAtMost(Duration.toMillis(elapsed), 300 + slack)
        }).pipe(Effect.provideService(Clock.Clock, clock))
      }).pipe(overTcp))
  }
})

describe("an event loop that was blocked", () => {
  /** Nothing else runs in this process meanwhile. */
  const block = (millis: number): void => {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, millis)
  }

  it.live("past the deadline takes the answers that had arrived for what they are", () =>
    Effect.gen(function*() {
      const server = yield* serverProcess
      const c = yield* client()
      yield* c.invoke(server.address, { code: echoCode })
      // The answers come 100 ms after the request, and are 2 MiB together.
      const asked = yield* Effect.forEach(
        Array.from({ length: 64 }),
        () =>
          Effect.forkChild(
            Effect.exit(
              c.invoke(
                server.address,
                { code: echoCode, extFields: { delay: "100", bytes: "32768" } },
                { timeout: 300 }
              )
            ),
            { startImmediately: true }
          )
      )
      // One turn, in which the requests are written.
      yield* Effect.sleep(1)
      block(1_500)
      const exits = yield* Fiber.joinAll(asked)
      assert.strictEqual(exits.filter(Exit.isSuccess).length, 64)
    }).pipe(overTcp))

  it.live("ends what was not answered, right after it", () =>
    Effect.gen(function*() {
      const server = yield* serverProcess
      const c = yield* client()
      yield* c.invoke(server.address, { code: echoCode })
      const asked = yield* Effect.forkChild(
        Effect.timed(
          Effect.flip(
            c.invoke(server.address, { code: echoCode, extFields: { delay: "10000" } }, { timeout: 100 })
          )
        ),
        { startImmediately: true }
      )
      yield* Effect.sleep(1)
      block(600)
      const [elapsed, error] = yield* Fiber.join(asked)
      assert.strictEqual(error.reason._tag, "Timeout")
      assert.isAtMost(Duration.toMillis(elapsed), 600 + slack)
    }).pipe(overTcp))

  it.live("does not take a peer for dead that answered its probe meanwhile", () =>
    Effect.gen(function*() {
      const server = yield* serverProcess
      const c = yield* client({ probeAfter: 200, probeTimeout: 100 })
      const asked = yield* Effect.forkChild(
        c.invoke(server.address, { code: readCode, extFields: { delay: "2500" } }, { timeout: "20 seconds" }),
        { startImmediately: true }
      )
      for (let turn = 0; turn < 4; turn++) {
        yield* Effect.sleep(100)
        block(500)
      }
      assert.strictEqual((yield* Fiber.join(asked)).code, 0)
      assert.strictEqual((yield* c.stats).redials, 0)
    }).pipe(overTcp))
})
