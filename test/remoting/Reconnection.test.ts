import { assert, describe, it } from "@effect/vitest"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"
import * as MemoryTransport from "../../src/remoting/MemoryTransport.ts"
import * as Reconnection from "../../src/remoting/Reconnection.ts"
import { ConnectFailed, RemotingError } from "../../src/remoting/RemotingError.ts"
import { scripted } from "./peers.ts"
import { client, echoCode, pass, start, steady } from "./support.ts"

const failure = new RemotingError({
  reason: new ConnectFailed({ address: "10.0.0.1:1", outcome: "NotSent", detail: "a test" })
})

/** The first delays of a policy in milliseconds; fewer when it ends. */
const delays = (policy: Reconnection.Policy, count: number) =>
  Effect.gen(function*() {
    const step = yield* Schedule.toStep(policy)
    const taken: Array<number> = []
    for (let now = 0; taken.length < count;) {
      const next = yield* Effect.exit(step(now, failure))
      if (Exit.isFailure(next)) break
      const millis = Duration.toMillis(next.value[1])
      now += millis
      taken.push(millis)
    }
    return taken
  })

/** Upper bounds of the first delays, as `count` seeds show them. */
const largest = (policy: Reconnection.Policy, count: number) =>
  Effect.map(
    Effect.forEach(
      Array.from({ length: 400 }, (_, seed) => seed),
      (seed) => Effect.provideService(delays(policy, count), Random.Random, seeded(seed))
    ),
    (rows) => ({
      least: Array.from({ length: count }, (_, index) => Math.min(...rows.map((row) => row[index]))),
      most: Array.from({ length: count }, (_, index) => Math.max(...rows.map((row) => row[index])))
    })
  )

/** A generator of random numbers of its own for each seed. */
const seeded = (seed: number): typeof Random.Random.Service => {
  let state = Math.imul(seed + 1, 0x9e3779b9) >>> 0
  const next = () => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x6d2b79f5) >>> 0
    return state / 2 ** 32
  }
  return { nextDoubleUnsafe: next, nextIntUnsafe: () => Math.floor(next() * 2 ** 31) }
}

const closeTo = (actual: ReadonlyArray<number>, bounds: ReadonlyArray<number>) => {
  for (const [index, bound] of bounds.entries()) {
    assert.isAtMost(actual[index], bound)
    assert.isAtLeast(actual[index], bound * 0.95)
  }
}

describe("backoff", () => {
  it.effect("doubles from base to cap without jitter", () =>
    Effect.gen(function*() {
      const policy = Reconnection.backoff({ base: 50, cap: "1 second", jitter: false })
      assert.deepStrictEqual(yield* delays(policy, 7), [50, 100, 200, 400, 800, 1_000, 1_000])
    }))

  it.effect("grows by its factor", () =>
    Effect.gen(function*() {
      const policy = Reconnection.backoff({ base: 10, factor: 3, cap: 200, jitter: false })
      assert.deepStrictEqual(yield* delays(policy, 5), [10, 30, 90, 200, 200])
    }))

  it.effect("may have another first delay; base follows it", () =>
    Effect.gen(function*() {
      const policy = Reconnection.backoff({ first: 0, base: 25, cap: 250, jitter: false })
      assert.deepStrictEqual(yield* delays(policy, 6), [0, 25, 50, 100, 200, 250])
    }))

  it.effect("never waits longer than cap, however often", () =>
    Effect.gen(function*() {
      const policy = Reconnection.backoff({ base: 300, cap: 200, jitter: false })
      assert.deepStrictEqual(new Set(yield* delays(policy, 2_000)), new Set([200]))
    }))

  it.effect("has full jitter by default: anything from nothing to the bound", () =>
    Effect.gen(function*() {
      const { least, most } = yield* largest(Reconnection.backoff({ base: 100, cap: 400 }), 4)
      closeTo(most, [100, 200, 400, 400])
      for (const [index, delay] of least.entries()) assert.isBelow(delay, [5, 10, 20, 20][index])
    }))

  it.effect("is the same for the same seed, and another for another", () =>
    Effect.gen(function*() {
      const policy = Reconnection.backoff({ base: 100, cap: "10 seconds" })
      const one = yield* delays(policy, 20).pipe(Random.withSeed("one"))
      assert.deepStrictEqual(yield* delays(policy, 20).pipe(Random.withSeed("one")), one)
      assert.notDeepEqual(yield* delays(policy, 20).pipe(Random.withSeed("two")), one)
    }))

  it.effect("starts anew each time it is used", () =>
    Effect.gen(function*() {
      const policy = Reconnection.backoff({ base: 1, cap: 1_000, jitter: false })
      yield* delays(policy, 5)
      assert.deepStrictEqual(yield* delays(policy, 3), [1, 2, 4])
    }))
})

describe("the default policies", () => {
  it.effect("goAway: up to 50 ms first, then up to 25 ms doubling to 250 ms", () =>
    Effect.gen(function*() {
      const { most } = yield* largest(Reconnection.defaultGoAway, 7)
      closeTo(most, [50, 25, 50, 100, 200, 250, 250])
    }))

  it.effect("reconnect: up to 50 ms doubling to 5 s", () =>
    Effect.gen(function*() {
      const { most } = yield* largest(Reconnection.defaultReconnect, 9)
      closeTo(most, [50, 100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000])
    }))

  it.effect("retryUnknown: up to 10 ms doubling to 250 ms", () =>
    Effect.gen(function*() {
      const { most } = yield* largest(Reconnection.defaultRetryUnknown, 7)
      closeTo(most, [10, 20, 40, 80, 160, 250, 250])
    }))

  it("replay every code, and are on", () => {
    const policies = Reconnection.make()
    assert.isTrue(policies.goAwayEnabled)
    assert.isTrue([0, 10, 310, 200_050].every(policies.replay))
  })
})

describe("policies", () => {
  it.effect("are replaced one by one", () =>
    Effect.gen(function*() {
      const goAway = Schedule.spaced(1)
      const policies = yield* Reconnection.Reconnection.pipe(
        Effect.provide(Reconnection.layerWith({ goAway, replay: (code) => code === 1 }))
      )
      assert.strictEqual(policies.goAway, goAway)
      assert.strictEqual(policies.reconnect, Reconnection.defaultReconnect)
      assert.strictEqual(policies.retryUnknown, Reconnection.defaultRetryUnknown)
      assert.deepStrictEqual([policies.replay(1), policies.replay(2)], [true, false])
    }))

  it.effect("are any schedules, and see the error that made them step", () =>
    Effect.gen(function*() {
      const seen: Array<string> = []
      const noting = (name: string): Reconnection.Policy =>
        Schedule.spaced(10).pipe(
          Schedule.setInputType<RemotingError>(),
          Schedule.tap(({ input }) => Effect.sync(() => seen.push(`${name} ${input.reason._tag}`)))
        )
      const server = yield* scripted(1, {
        command: ({ command, peer }) => {
          if (peer.index === 0) peer.goAway(command)
          else if (peer.index === 1) peer.end()
          else peer.answer(command)
        }
      })
      const c = yield* client({}, {
        ...steady,
        goAway: noting("goAway"),
        reconnect: noting("reconnect"),
        retryUnknown: noting("retryUnknown")
      })
      const fiber = yield* start(c.invoke(server.address, { code: echoCode }, { repeatable: true }))
      yield* pass(100)
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(seen, ["goAway GoAway", "retryUnknown ChannelClosed", "reconnect ChannelClosed"])
    }).pipe(Effect.provide(MemoryTransport.layer)))
})

describe("layerConfig", () => {
  const from = (settings: Record<string, unknown>) =>
    Reconnection.Reconnection.pipe(
      Effect.provide(
        Reconnection.layerConfig.pipe(
          Layer.provide(ConfigProvider.layer(ConfigProvider.fromUnknown({ ROCKETMQ: settings })))
        )
      )
    )

  it.effect("builds the schedules from numbers", () =>
    Effect.gen(function*() {
      const policies = yield* from({
        GO_AWAY: { FIRST: "30 millis", BASE: "10 millis", FACTOR: "3", CAP: "100 millis", JITTER: "false" },
        RECONNECT: { BASE: "1 second", CAP: "4 seconds", JITTER: "false" },
        RETRY_UNKNOWN: { BASE: "5 millis", CAP: "20 millis", JITTER: "false" }
      })
      assert.deepStrictEqual(yield* delays(policies.goAway, 5), [30, 10, 30, 90, 100])
      assert.deepStrictEqual(yield* delays(policies.reconnect, 4), [1_000, 2_000, 4_000, 4_000])
      assert.deepStrictEqual(yield* delays(policies.retryUnknown, 4), [5, 10, 20, 20])
    }))

  it.effect("takes no time before the first hop when jitter is off and nothing else is said", () =>
    Effect.gen(function*() {
      const policies = yield* from({ GO_AWAY: { JITTER: "false" } })
      assert.deepStrictEqual(yield* delays(policies.goAway, 3), [0, 25, 50])
    }))

  it.effect("keeps the defaults of what is not set", () =>
    Effect.gen(function*() {
      const policies = yield* from({})
      assert.isTrue(policies.goAwayEnabled)
      closeTo((yield* largest(policies.goAway, 5)).most, [50, 25, 50, 100, 200])
      closeTo((yield* largest(policies.reconnect, 5)).most, [50, 100, 200, 400, 800])
    }))

  it.effect("switches go-away off", () =>
    Effect.gen(function*() {
      assert.isFalse((yield* from({ GO_AWAY: { ENABLED: "false" } })).goAwayEnabled)
    }))

  it.effect("fails on what is no duration", () =>
    Effect.gen(function*() {
      assert.isTrue(Exit.isFailure(yield* Effect.exit(from({ RECONNECT: { BASE: "soon" } }))))
    }))

  it.effect("reads environment variables", () =>
    Effect.gen(function*() {
      const policies = yield* Reconnection.Reconnection.pipe(
        Effect.provide(
          Reconnection.layerConfig.pipe(
            Layer.provide(ConfigProvider.layer(ConfigProvider.fromEnv({
              env: {
                ROCKETMQ_GO_AWAY_ENABLED: "false",
                ROCKETMQ_GO_AWAY_FIRST: "7 millis",
                ROCKETMQ_GO_AWAY_JITTER: "no"
              }
            })))
          )
        )
      )
      assert.isFalse(policies.goAwayEnabled)
      assert.deepStrictEqual(yield* delays(policies.goAway, 2), [7, 25])
    }))
})
