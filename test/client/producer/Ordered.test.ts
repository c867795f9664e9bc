import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import { javaHashCode } from "../../../src/protocol/message/TagsCode.ts"
import * as MemoryTransport from "../../../src/remoting/MemoryTransport.ts"
import { network, pass, start } from "../../remoting/support.ts"
import { answer, broker, pair, reasonOf, route, silence, single, world } from "./support.ts"

const message = { topic: "topic", body: "x" }
const queueOfB = { topic: "topic", brokerName: "b", queueId: 1 }

describe("a sharding key", () => {
  it.effect("is a property, and always leads to the same queue", () =>
    Effect.gen(function*() {
      const { a, b, producer } = yield* pair()
      for (let count = 0; count < 3; count++) {
        for (const shardingKey of ["one", "two", "three", "four", "five"]) {
          yield* producer.send({ ...message, shardingKey })
        }
      }
      const queues = new Map<string, Set<string>>()
      for (const [name, one] of [["a", a], ["b", b]] as const) {
        for (const { header, properties } of one.stored) {
          const key = properties.__SHARDINGKEY
          queues.set(key, (queues.get(key) ?? new Set()).add(`${name} ${header.queueId}`))
        }
      }
      assert.strictEqual(queues.size, 5)
      for (const one of queues.values()) {
        assert.strictEqual(one.size, 1)
      }
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("leads to the queue that Java's SelectMessageQueueByHash chooses", () =>
    Effect.gen(function*() {
      const { producer } = yield* pair()
      const queues = yield* producer.queues("topic")
      for (const shardingKey of ["order-1", "order-2", "äöü", "polygenelubricants"]) {
        const { queue } = yield* producer.send({ ...message, shardingKey })
        assert.deepStrictEqual(queue, queues[Math.abs(javaHashCode(shardingKey) % 4)])
      }
    }).pipe(Effect.provide(MemoryTransport.layer)))
})

describe("the queues of a topic that is sent to by sharding key", () => {
  /** What is logged as a warning while an effect runs. */
  const warnings = <A, E, R>(effect: (lines: ReadonlyArray<string>) => Effect.Effect<A, E, R>) => {
    const lines: Array<string> = []
    const logger = Logger.make(({ logLevel, message: text }) => {
      if (logLevel === "Warn") lines.push(String(text))
    })
    return Effect.provide(effect(lines), Logger.layer([logger]))
  }

  it.effect("do not change silently", () =>
    warnings((lines) =>
      Effect.gen(function*() {
        const { producer, routes } = yield* pair()
        yield* producer.send({ ...message, shardingKey: "k" })
        routes.set(route("topic", [{ name: "a", port: 1 }]))
        yield* producer.send({ ...message, shardingKey: "k" })
        assert.strictEqual(lines.length, 1)
        assert.match(lines[0], /topic topic has 2 queues to send to, and had 4/)
        // A new route with the same queues is no change.
        routes.set(route("topic", [{ name: "a", port: 1 }]))
        yield* producer.send({ ...message, shardingKey: "k" })
        assert.strictEqual(lines.length, 1)
      })
    ).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("may change where nobody uses sharding keys", () =>
    warnings((lines) =>
      Effect.gen(function*() {
        const { producer, routes } = yield* pair()
        yield* producer.send(message)
        routes.set(route("topic", [{ name: "a", port: 1 }]))
        yield* producer.send(message)
        assert.strictEqual(lines.length, 0)
      })
    ).pipe(Effect.provide(MemoryTransport.layer)))
})

describe("a selector", () => {
  it.effect("chooses among the queues that can be sent to", () =>
    Effect.gen(function*() {
      const { b, producer } = yield* pair()
      const { queue } = yield* producer.send(message, {
        selector: (queues, given) => {
          assert.strictEqual(given, message)
          assert.deepStrictEqual(queues.map(({ brokerName, queueId }) => `${brokerName}${queueId}`), [
            "a0",
            "a1",
            "b0",
            "b1"
          ])
          return queues[3]
        }
      })
      assert.deepStrictEqual(queue, queueOfB)
      assert.strictEqual(b.stored[0].header.queueId, 1)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("that chooses nothing fails the send with NoQueue", () =>
    Effect.gen(function*() {
      const { a, producer } = yield* single()
      const reason = yield* reasonOf(producer.send(message, { selector: () => undefined }))
      assert(reason._tag === "NoQueue")
      assert.strictEqual(a.sends.length, 0)
      assert.strictEqual((yield* producer.stats).inFlight, 0)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("that throws is a defect, and leaves nothing in flight", () =>
    Effect.gen(function*() {
      const { producer } = yield* single()
      const exit = yield* Effect.exit(producer.send(message, {
        selector: () => {
          throw new Error("no idea")
        }
      }))
      assert.isTrue(Exit.isFailure(exit) && exit.cause.reasons[0]._tag === "Die")
      assert.strictEqual((yield* producer.stats).inFlight, 0)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("that throws before there is a route counts as not sent", () =>
    Effect.gen(function*() {
      const { producer, routes } = yield* single()
      routes.known.clear()
      yield* Effect.exit(producer.send(message, {
        selector: () => {
          throw new Error("no")
        }
      }))
      assert.deepInclude(yield* producer.stats, { notSent: 1, interrupted: 0, inFlight: 0 })
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("counts more than a sharding key", () =>
    Effect.gen(function*() {
      const { producer } = yield* pair()
      const { queue } = yield* producer.send({ ...message, shardingKey: "k" }, { selector: (queues) => queues[3] })
      assert.deepStrictEqual(queue, queueOfB)
    }).pipe(Effect.provide(MemoryTransport.layer)))
})

describe("a given queue", () => {
  it.effect("is where the message goes", () =>
    Effect.gen(function*() {
      const { producer } = yield* pair()
      for (let count = 0; count < 3; count++) {
        assert.deepStrictEqual((yield* producer.send(message, { queue: queueOfB })).queue, queueOfB)
      }
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("that is not known is looked up once more, and then NoQueue", () =>
    Effect.gen(function*() {
      const { producer, routes } = yield* pair()
      const reason = yield* reasonOf(producer.send(message, { queue: { ...queueOfB, queueId: 7 } }))
      assert(reason._tag === "NoQueue")
      assert.match(reason.detail, /queue 7 of b/)
      assert.deepStrictEqual(routes.refreshes, ["topic"])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("that is new is found", () =>
    Effect.gen(function*() {
      const { producer, routes } = yield* pair()
      routes.served.set("topic", route("topic", [{ name: "a", port: 1 }, { name: "b", port: 2, queues: 8 }]))
      const queue = { ...queueOfB, queueId: 7 }
      assert.deepStrictEqual((yield* producer.send(message, { queue })).queue, queue)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("of another topic is NoQueue", () =>
    Effect.gen(function*() {
      const { producer } = yield* pair()
      const reason = yield* reasonOf(producer.send(message, { queue: { ...queueOfB, topic: "other" } }))
      assert.strictEqual(reason._tag, "NoQueue")
    }).pipe(Effect.provide(MemoryTransport.layer)))
})

describe("a message with a queue", () => {
  for (
    const [what, options, more] of [
      ["given", { queue: queueOfB }, {}],
      ["selected", { selector: (queues: ReadonlyArray<typeof queueOfB>) => queues[3] }, {}],
      // Its hash is 3 modulo 4.
      ["by sharding key", {}, { shardingKey: "c" }]
    ] as const
  ) {
    it.effect(`${what}: is repeated there, and nowhere else`, () =>
      Effect.gen(function*() {
        const { a, b, producer } = yield* pair({}, { b: (_, index) => index < 2 ? answer(2) : undefined })
        const fiber = yield* start(producer.send({ ...message, ...more }, options))
        yield* pass("1 second")
        const { attempts, queue } = yield* Fiber.join(fiber)
        assert.strictEqual(attempts, 3)
        assert.deepStrictEqual(queue, queueOfB)
        assert.strictEqual(a.sends.length, 0)
        assert.deepStrictEqual(b.sends.map(({ header }) => header.queueId), [1, 1, 1])
        assert.strictEqual(new Set(b.sends.map(({ properties }) => properties.UNIQ_KEY)).size, 1)
      }).pipe(Effect.provide(MemoryTransport.layer)))
  }

  it.effect("has the whole of its time there", () =>
    Effect.gen(function*() {
      const { a, b, producer } = yield* pair({}, { b: () => silence })
      const fiber = yield* start(reasonOf(producer.send(message, { queue: queueOfB })))
      yield* pass("2999 millis")
      assert.isUndefined(fiber.pollUnsafe())
      yield* pass("1 millis")
      const reason = yield* Fiber.join(fiber)
      assert(reason._tag === "SendFailed")
      assert.strictEqual(a.sends.length, 0)
      assert.strictEqual(b.sends.length, 1)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("waits for its broker to come back", () =>
    Effect.gen(function*() {
      const a = yield* broker(1)
      const { make, routes } = yield* world()
      routes.set(route("topic", [{ name: "a", port: 1 }, { name: "b", port: 2 }]))
      const producer = yield* make()
      const fiber = yield* start(producer.send(message, { queue: queueOfB }))
      yield* pass("1 second")
      const b = yield* broker(2)
      yield* pass("2 seconds")
      yield* Fiber.join(fiber)
      assert.strictEqual(a.sends.length, 0)
      assert.strictEqual(b.stored.length, 1)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("goes to the address that its broker has moved to", () =>
    Effect.gen(function*() {
      const { b, producer, routes } = yield* pair({}, { b: () => answer(17) })
      const moved = yield* broker(3)
      routes.served.set("topic", route("topic", [{ name: "a", port: 1 }, { name: "b", port: 3 }]))
      const fiber = yield* start(producer.send(message, { queue: queueOfB }))
      yield* pass("1 second")
      assert.deepStrictEqual((yield* Fiber.join(fiber)).queue, queueOfB)
      assert.strictEqual(b.sends.length, 1)
      assert.strictEqual(moved.stored.length, 1)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("stays there while its broker is left out of the route", () =>
    Effect.gen(function*() {
      const net = yield* network
      const { a, b, producer, routes } = yield* pair({}, { b: (_, index) => index === 0 ? silence : undefined })
      const fiber = yield* start(producer.send(message, { queue: queueOfB }))
      routes.set(route("topic", [{ name: "a", port: 1 }]))
      net.reset(b.address)
      yield* pass("2 seconds")
      assert.deepStrictEqual((yield* Fiber.join(fiber)).queue, queueOfB)
      assert.strictEqual(a.sends.length, 0)
      assert.strictEqual(b.stored.length, 1)
    }).pipe(Effect.provide(MemoryTransport.layer)))
})
