/** What holds of every send, whatever brokers do: checked against what they have stored. */
import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import type { SendOptions } from "../../../src/client/Producer.ts"
import * as MemoryTransport from "../../../src/remoting/MemoryTransport.ts"
import { network, pass, settle } from "../../remoting/support.ts"
import type { Behaviour } from "./support.ts"
import { acknowledgement, answer, broker, route, silence, world } from "./support.ts"

const upTo = (maximum: number) => Schema.Int.check(Schema.isBetween({ minimum: 0, maximum }))

/** What a broker does with one message. */
const Reaction = Schema.Struct({
  kind: Schema.Literals([
    "store",
    "store",
    "store",
    "storeLate",
    "storeSilently",
    "ignore",
    "busy",
    "error",
    "errorStored",
    "noPermission",
    "illegal"
  ]),
  millis: upTo(4_000)
})

/** What happens to the network or a broker, and then. */
const Happening = Schema.Struct({
  kind: Schema.Literals(["reset", "refuse", "blackHole", "heal", "nothing"]),
  broker: upTo(2),
  millis: upTo(900)
})

const Plan = Schema.Struct({
  reactions: Schema.Array(Reaction),
  happenings: Schema.Array(Happening),
  sends: Schema.Array(Schema.Struct({
    delivery: Schema.Literals(["atLeastOnce", "atMostOnce"]),
    ordered: Schema.Boolean,
    timeout: Schema.Literals([200, 1_000, 3_000]),
    interruptAfter: Schema.Literals([0, 0, 0, 150])
  })),
  brokers: Schema.Literals([1, 2, 3])
})

const plans = Arbitrary.schema(Plan)

const names = ["a", "b", "c"]

const play = (plan: typeof Plan.Type) =>
  Effect.gen(function*() {
    const net = yield* network
    const w = yield* world()
    let reaction = 0
    /** Message ids that each broker has stored, in order. */
    const stored: Array<{ readonly id: string; readonly queue: string }> = []
    const brokers = yield* Effect.forEach(names.slice(0, plan.brokers), (name, index) => {
      const behave: Behaviour = (send, count) => {
        const { kind, millis } = plan.reactions[reaction++ % Math.max(plan.reactions.length, 1)] ??
          { kind: "store", millis: 0 }
        const keep = () => void stored.push({ id: send.properties.UNIQ_KEY, queue: `${name}${send.header.queueId}` })
        const acknowledge = Effect.succeed(acknowledgement(send, index + 1, count + 1))
        switch (kind) {
          case "store":
            keep()
            return acknowledge
          case "storeLate":
            keep()
            return Effect.delay(acknowledge, millis)
          case "storeSilently":
            keep()
            return silence
          case "ignore":
            return silence
          case "busy":
            return answer(2)
          case "error":
            return answer(1)
          case "errorStored":
            keep()
            return answer(1)
          case "noPermission":
            return answer(16)
          case "illegal":
            return answer(13)
        }
      }
      return broker(index + 1, { behave })
    })
    w.routes.set(route("topic", brokers.map((_, index) => ({ name: names[index], port: index + 1 }))))
    const producer = yield* w.make({ maxInFlight: 3 })

    const sends = yield* Effect.forEach(plan.sends, (send, index) =>
      Effect.forkChild(
        Effect.gen(function*() {
          // Differences of milliseconds, which are no whole numbers, are rounded.
          const startedAt = yield* Clock.monotonicTimeNanos
          const options: SendOptions = { delivery: send.delivery, timeout: send.timeout }
          const exit = yield* Effect.exit(
            producer.send(
              { topic: "topic", body: `${index}`, keys: `key-${index}`, ...(send.ordered ? { shardingKey: "k" } : {}) },
              options
            )
          )
          return { send, exit, millis: Number((yield* Clock.monotonicTimeNanos) - startedAt) / 1_000_000 }
        }),
        { startImmediately: true }
      ))
    const interruptions = sends.flatMap((fiber, index) =>
      plan.sends[index].interruptAfter === 0 ? [] : [Effect.delay(Fiber.interrupt(fiber), 150)]
    )
    yield* Effect.forEach(interruptions, (interruption) => Effect.forkChild(interruption))

    for (const { broker: index, kind, millis } of plan.happenings) {
      const address = `10.0.0.1:${(index % plan.brokers) + 1}`
      if (kind === "reset") net.reset(address)
      else if (kind !== "nothing") net.fault(address, kind === "heal" ? undefined : kind)
      yield* pass(millis)
    }
    yield* pass("4 seconds")
    yield* settle

    for (const fiber of sends) {
      const outcome = fiber.pollUnsafe()
      assert.isDefined(outcome, "a send outlived its deadline")
      if (Exit.isFailure(outcome)) continue
      const { exit, millis, send } = outcome.value
      assert.isAtMost(millis, send.timeout)
      if (Exit.isSuccess(exit)) {
        const { messageId, queue, status } = exit.value
        assert.strictEqual(status, "SendOk")
        assert.isTrue(
          stored.some((one) => one.id === messageId && one.queue === `${queue.brokerName}${queue.queueId}`),
          "an acknowledged message is not stored where the result says"
        )
        if (send.delivery === "atMostOnce") assert.strictEqual(stored.filter((one) => one.id === messageId).length, 1)
      } else {
        for (const reason of exit.cause.reasons) {
          if (reason._tag !== "Fail") continue
          const { outcome: fate, reason: why } = reason.error
          const id = why._tag === "SendFailed" ? why.messageId : undefined
          if (id === undefined) continue
          const count = stored.filter((one) => one.id === id).length
          if (fate !== "Unknown") assert.strictEqual(count, 0, `a message that is ${fate} was stored`)
          if (send.delivery === "atMostOnce") assert.isAtMost(count, 1)
        }
      }
    }
    // The queue of a sharding key is one, whatever happened.
    const keyed = brokers.flatMap((one, index) =>
      one.sends.filter(({ properties }) => properties.__SHARDINGKEY === "k").map(({ header }) =>
        `${names[index]}${header.queueId}`
      )
    )
    assert.isAtMost(new Set(keyed).size, 1)
    // A message has one id, and each id one message.
    const ids = new Map<string, Set<string>>()
    for (const one of brokers) {
      for (const { properties } of one.sends) {
        ids.set(properties.KEYS, (ids.get(properties.KEYS) ?? new Set()).add(properties.UNIQ_KEY))
      }
    }
    for (const one of ids.values()) assert.strictEqual(one.size, 1)
    const stats = yield* producer.stats
    assert.strictEqual(stats.inFlight, 0)
    assert.strictEqual(stats.inFlightBytes, 0)
    assert.strictEqual(stats.waiting, 0)
    assert.strictEqual(
      stats.acknowledged + stats.notSent + stats.notProcessed + stats.unknown + stats.interrupted,
      plan.sends.length
    )
    assert.strictEqual((yield* w.remoting.stats).inFlight, 0)
  }).pipe(Effect.scoped, Effect.provide(MemoryTransport.layerWith({ latency: 1 })))

describe("whatever brokers and the network do", () => {
  it.effect.prop(
    "no send outlives its deadline, is misplaced, misreported or stored against its delivery",
    [plans],
    ([plan]) => play(plan),
    { arbitrary: { runs: 150 } }
  )
})
