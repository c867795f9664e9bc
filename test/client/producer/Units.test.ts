import { assert, describe, it, onTestFinished } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import { HealthRegistry, Standing } from "../../../src/client/internal/brokerHealth.ts"
import type { Entry } from "../../../src/client/internal/sendGate.ts"
import { SendGate } from "../../../src/client/internal/sendGate.ts"
import * as UniqKeys from "../../../src/client/internal/uniqKeys.ts"
import { WriteRoute } from "../../../src/client/internal/writeRoute.ts"
import * as MessageId from "../../../src/protocol/message/MessageId.ts"
import { route } from "./support.ts"

describe("UniqKeys", () => {
  const prefix = MessageId.uniqKeyPrefix(Uint8Array.of(10, 0, 0, 1), 0x1234, 0x89abcdef)

  it("are those of the protocol", () => {
    const keys = new UniqKeys.UniqKeys(prefix, 0xfffe)
    const now = Date.UTC(2023, 10, 14, 22, 13, 20)
    const millisSinceMonth = now - new Date(2023, 10, 1).getTime()
    const expected = (counter: number) =>
      MessageId.uniqKey({
        ip: Uint8Array.of(10, 0, 0, 1),
        process: 0x1234,
        salt: 0x89abcdef,
        millisSinceMonth,
        counter
      })
    assert.deepStrictEqual([keys.next(now), keys.next(now), keys.next(now)], [
      expected(0xfffe),
      expected(0xffff),
      expected(0)
    ])
  })

  it("count from the beginning of each month, in local time", () => {
    const { TZ } = process.env
    process.env.TZ = "Asia/Shanghai"
    onTestFinished(() => {
      if (TZ === undefined) delete process.env.TZ
      else process.env.TZ = TZ
    })
    const keys = new UniqKeys.UniqKeys(prefix, 0)
    const newYear = Date.UTC(2023, 11, 31, 16)
    const millis = (key: string) => MessageId.parseUniqKey(key)!.millisSinceMonth
    assert.strictEqual(millis(keys.next(newYear - 1)), 31 * 86_400_000 - 1)
    assert.strictEqual(millis(keys.next(newYear)), 0)
    assert.strictEqual(millis(keys.next(newYear + 5)), 5)
    // The clock was set back.
    assert.strictEqual(millis(keys.next(newYear - 10)), 31 * 86_400_000 - 10)
  })

  it.effect("of two producers differ", () =>
    Effect.gen(function*() {
      const [first, second] = [
        yield* UniqKeys.make(Uint8Array.of(1, 2, 3, 4)),
        yield* UniqKeys.make(Uint8Array.of(1, 2, 3, 4))
      ]
      assert.notStrictEqual(first.next(0).slice(8, 20), second.next(0).slice(8, 20))
      assert.strictEqual(first.next(0).slice(0, 8), "01020304")
    }))

  it.effect("of a client with an IPv6 address are longer", () =>
    Effect.gen(function*() {
      const keys = yield* UniqKeys.make(new Uint8Array(16))
      assert.strictEqual(keys.next(0).length, 56)
    }))
})

describe("WriteRoute", () => {
  const settings = { failedMillis: 1_000, maxMillis: 30_000, slowMillis: 550 }
  const three = (health: HealthRegistry) =>
    new WriteRoute(
      route("topic", [{ name: "a", port: 1 }, { name: "b", port: 2 }, { name: "c", port: 3 }]),
      "topic",
      health
    )
  const name = (target: { readonly brokerName: string; readonly queueId: number }) =>
    `${target.brokerName}${target.queueId}`

  it("leaves out queues whose broker has no address", () => {
    const full = route("topic", [{ name: "a", port: 1 }, { name: "b", port: 2 }])
    const brokers = new Map(
      [...full.brokers].map(([key, one]) => [key, { ...one, master: key === "a" ? undefined : one.master }])
    )
    const made = new WriteRoute({ ...full, brokers }, "topic", new HealthRegistry(settings, () => 0.5))
    assert.deepStrictEqual(made.targets.map(name), ["b0", "b1"])
    assert.isFalse(made.several)
  })

  it("goes round in turn", () => {
    const health = new HealthRegistry(settings, () => 0.5)
    const made = three(health)
    assert.deepStrictEqual([0, 1, 2, 3, 4, 5, 6].map((turn) => name(made.choose(turn, 0, []))), [
      "a0",
      "a1",
      "b0",
      "b1",
      "c0",
      "c1",
      "a0"
    ])
  })

  it("goes to a broker that was not tried, then to the one tried longest ago, at its other queue", () => {
    const made = three(new HealthRegistry(settings, () => 0.5))
    const tried = [made.targets[0]]
    const chosen: Array<string> = []
    for (let count = 0; count < 6; count++) {
      const target = made.choose(0, 0, tried)
      chosen.push(name(target))
      tried.push(target)
    }
    assert.deepStrictEqual(chosen, ["b0", "c0", "a1", "b1", "c1", "a0"])
  })

  it("goes to another address before another broker", () => {
    const full = route("topic", [{ name: "a", port: 1, queues: 1 }, { name: "b", port: 1, queues: 1 }, {
      name: "c",
      port: 3,
      queues: 1
    }])
    const made = new WriteRoute(full, "topic", new HealthRegistry(settings, () => 0.5))
    assert.strictEqual(name(made.choose(0, 0, [made.targets[0]])), "c0")
    assert.strictEqual(name(made.choose(0, 0, [made.targets[0], made.targets[2]])), "b0")
  })

  it("leaves brokers alone that are slow or failed, the latter more", () => {
    const health = new HealthRegistry(settings, () => 0.5)
    const made = three(health)
    health.of("a").failed(0, 0)
    health.of("b").succeeded(0, 1_000)
    assert.strictEqual(health.of("a").standing(0), Standing.Failed)
    assert.strictEqual(health.of("b").standing(0), Standing.Slow)
    for (let turn = 0; turn < 6; turn++) assert.strictEqual(made.choose(turn, 0, []).brokerName, "c")
    health.of("c").failed(0, 0)
    for (let turn = 0; turn < 6; turn++) assert.strictEqual(made.choose(turn, 0, []).brokerName, "b")
    health.of("b").failed(0, 0)
    assert.deepStrictEqual([0, 2, 4].map((turn) => made.choose(turn, 0, []).brokerName), ["a", "b", "c"])
  })
})

describe("BrokerHealth", () => {
  const settings = { failedMillis: 1_000, maxMillis: 30_000, slowMillis: 550 }

  it("counts failures of messages that were in flight together once", () => {
    const health = new HealthRegistry(settings, () => 0.5)
    const broker = health.of("a")
    broker.failed(100, 0)
    for (let count = 0; count < 20; count++) broker.failed(101, 50)
    assert.strictEqual(broker.standing(1_099), Standing.Failed)
    assert.strictEqual(broker.standing(1_100), Standing.Good)
  })

  it("doubles with each further failure, to an end, and varies by a fifth", () => {
    const health = new HealthRegistry(settings, () => 0.5)
    const broker = health.of("a")
    let now = 0
    for (const millis of [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]) {
      broker.failed(now, now)
      assert.strictEqual(broker.standing(now + millis - 1), Standing.Failed)
      assert.strictEqual(broker.standing(now + millis), Standing.Good)
      now += millis
    }
    for (const [random, millis] of [[0, 800], [1, 1_200]] as const) {
      const other = new HealthRegistry(settings, () => random).of("a")
      other.failed(0, 0)
      assert.strictEqual(other.standing(millis - 0.001), Standing.Failed)
      assert.strictEqual(other.standing(millis + 0.001), Standing.Good)
    }
  })

  it("is good again after one success", () => {
    const health = new HealthRegistry(settings, () => 0.5)
    const broker = health.of("a")
    broker.failed(0, 0)
    assert.strictEqual(health.unwell, 1)
    broker.succeeded(10, 5)
    assert.strictEqual(broker.standing(10), Standing.Good)
    assert.strictEqual(health.unwell, 0)
    broker.failed(20, 20)
    assert.strictEqual(broker.standing(1_020), Standing.Good)
  })

  it("has one message at a time prove it, which may end without a verdict", () => {
    const broker = new HealthRegistry(settings, () => 0.5).of("a")
    broker.failed(0, 0)
    assert.strictEqual(broker.standing(1_000), Standing.Good)
    broker.chosen()
    assert.strictEqual(broker.standing(1_000), Standing.Failed)
    broker.undecided()
    assert.strictEqual(broker.standing(1_000), Standing.Good)
  })

  it("is slow for four times as long as its answer took", () => {
    const health = new HealthRegistry(settings, () => 0.5)
    const broker = health.of("a")
    broker.succeeded(0, 549)
    assert.strictEqual(broker.standing(0), Standing.Good)
    broker.succeeded(0, 600)
    assert.strictEqual(broker.standing(2_399), Standing.Slow)
    assert.strictEqual(broker.standing(2_400), Standing.Good)
    assert.strictEqual(health.unwell, 0)
    broker.succeeded(0, 20_000)
    assert.strictEqual(broker.standing(29_999), Standing.Slow)
    assert.strictEqual(broker.standing(30_000), Standing.Good)
  })
})

/** A gate whose clock the test turns. */
const gate = (messages: number, bytes: number) => {
  const state = { now: 0, wakeAt: Infinity, wake: () => {} }
  const made = new SendGate(messages, bytes, {
    now: () => state.now,
    after: (millis, then) => {
      state.wakeAt = state.now + millis
      state.wake = then
      return { interruptUnsafe: () => (state.wakeAt = Infinity) } as unknown as Fiber.Fiber<void>
    }
  })
  const pass = (millis: number) => {
    const until = state.now + millis
    while (state.wakeAt <= until) {
      state.now = state.wakeAt
      state.wakeAt = Infinity
      state.wake()
    }
    state.now = until
  }
  return { gate: made, pass, state }
}

describe("SendGate", () => {
  it("keeps no fiber while nobody waits", () => {
    const { gate: one, state } = gate(1, 100)
    assert.isTrue(one.tryEnter(10))
    one.exit(10)
    assert.strictEqual(state.wakeAt, Infinity)
    one.tryEnter(10)
    one.wait(10, 50, () => {})
    assert.strictEqual(state.wakeAt, 50)
    one.exit(10)
    assert.strictEqual(state.wakeAt, Infinity)
  })

  it("wakes for the earliest deadline, whatever the order", () => {
    const { gate: one, pass } = gate(1, 100)
    one.tryEnter(1)
    const ended: Array<string> = []
    for (const deadline of [300, 100, 200]) {
      one.wait(1, deadline, (entry) => ended.push(`${deadline} ${entry}`))
    }
    pass(100)
    assert.deepStrictEqual(ended, ["100 timedOut"])
    pass(100)
    assert.deepStrictEqual(ended, ["100 timedOut", "200 timedOut"])
    one.exit(1)
    assert.deepStrictEqual(ended, ["100 timedOut", "200 timedOut", "300 entered"])
    assert.strictEqual(one.waiting, 0)
  })

  it("lets those in who fit once one that did not has timed out", () => {
    const { gate: one, pass } = gate(10, 10)
    one.tryEnter(6)
    const ended: Array<string> = []
    one.wait(8, 50, (entry) => ended.push(`large ${entry}`))
    one.wait(2, 100, (entry) => ended.push(`small ${entry}`))
    pass(50)
    assert.deepStrictEqual(ended, ["large timedOut", "small entered"])
  })

  it("lets in on the stack of who leaves, and whoever is let in may leave at once", () => {
    const { gate: one } = gate(1, 100)
    one.tryEnter(1)
    const order: Array<number> = []
    for (let index = 0; index < 5; index++) {
      one.wait(1, 1_000, () => {
        order.push(index)
        one.exit(1)
      })
    }
    one.exit(1)
    assert.deepStrictEqual(order, [0, 1, 2, 3, 4])
    assert.strictEqual(one.messages, 0)
    assert.strictEqual(one.bytes, 0)
  })

  const Step = Schema.Struct({
    kind: Schema.Literals(["enter", "enter", "exit", "leave", "pass"]),
    bytes: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 12 })),
    pick: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 1_000 }))
  })

  it.prop(
    "never lets more in than the bounds, keeps the order, forgets nobody, and lets nobody outlive a deadline",
    [Arbitrary.array(Arbitrary.schema(Step), { maxLength: 120 })],
    ([steps]) => {
      const { gate: one, pass, state } = gate(4, 20)
      const inside: Array<number> = []
      const waiters: Array<{ readonly bytes: number; readonly deadline: number; ended: Entry | "left" | undefined }> =
        []
      const handles: Array<ReturnType<SendGate["wait"]>> = []
      const entered: Array<number> = []
      for (const { bytes, kind, pick } of steps) {
        if (kind === "enter") {
          if (one.tryEnter(bytes)) inside.push(bytes)
          else {
            const deadline = state.now + (pick % 50) + 1
            const waiter = { bytes, deadline, ended: undefined as Entry | undefined }
            const index = waiters.push(waiter) - 1
            handles.push(one.wait(bytes, deadline, (entry) => {
              assert.isUndefined(waiter.ended)
              waiter.ended = entry
              assert.isAtMost(state.now, deadline)
              if (entry === "entered") {
                inside.push(bytes)
                entered.push(index)
              } else assert.strictEqual(state.now, deadline)
            }))
          }
        } else if (kind === "exit" && inside.length > 0) {
          one.exit(inside.splice(pick % inside.length, 1)[0])
        } else if (kind === "leave" && waiters.length > 0) {
          const index = pick % waiters.length
          if (waiters[index].ended === undefined) {
            waiters[index].ended = "left"
            one.leave(handles[index])
          }
        } else if (kind === "pass") pass(pick % 30)
        const sum = inside.reduce((total, size) => total + size, 0)
        assert.strictEqual(one.messages, inside.length)
        assert.strictEqual(one.bytes, sum)
        assert.isTrue(inside.length <= 4)
        assert.isTrue(sum <= 20 || inside.length === 1)
        const waiting = waiters.filter(({ ended }) => ended === undefined)
        assert.strictEqual(one.waiting, waiting.length)
        // Whoever is first in the queue does not fit.
        if (waiting.length > 0) assert.isDefined(one.full(waiting[0].bytes))
      }
      assert.deepStrictEqual(entered, [...entered].sort((left, right) => left - right))
    }
  )

  it("tells those who wait when it closes", () => {
    const { gate: one } = gate(1, 100)
    one.tryEnter(1)
    const ended: Array<Entry> = []
    one.wait(1, 10, (entry) => ended.push(entry))
    one.wait(1, 20, (entry) => ended.push(entry))
    one.close()
    assert.deepStrictEqual(ended, ["closed", "closed"])
    assert.strictEqual(one.waiting, 0)
  })
})
