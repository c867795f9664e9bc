/** The producer with all its parts, on the embedded RocketMQ. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type { ClientError } from "../../../src/client/ClientError.ts"
import * as Message from "../../../src/client/Message.ts"
import * as Producer from "../../../src/client/Producer.ts"
import { RequestCode } from "../../../src/protocol/RequestCode.ts"
import { ResponseCode } from "../../../src/protocol/ResponseCode.ts"
import * as EmbeddedRocketMQ from "../../../src/testing/EmbeddedRocketMQ.ts"
import * as Fault from "../../../src/testing/Fault.ts"
import * as TestRocketMQ from "../../../src/testing/TestRocketMQ.ts"
import { pass, start } from "../../remoting/support.ts"
import { reasonOf } from "./support.ts"

const services = Effect.all({ producer: Producer.Producer, rocketmq: EmbeddedRocketMQ.EmbeddedRocketMQ })

/** Sends a message every so many milliseconds for a while, however long each takes. */
const load = (producer: Producer.Service, everyMillis: number, count: number) =>
  Effect.gen(function*() {
    const fibers: Array<Fiber.Fiber<Message.SendResult, unknown>> = []
    for (let index = 0; index < count; index++) {
      fibers.push(yield* Effect.forkChild(producer.send({ topic: "orders", body: `${index}` })))
      yield* Effect.sleep(everyMillis)
    }
    return yield* Effect.forEach(fibers, Fiber.join)
  })

describe("a name server that answers nothing", () => {
  /** It is a while before it says where anything is. */
  const silence = Fault.refuse({ code: ResponseCode.SYSTEM_BUSY }, { codes: [RequestCode.GET_ROUTEINFO_BY_TOPIC] })

  it.effect("is asked again as long as a send has time, in whatever form", () =>
    Effect.gen(function*() {
      const { producer, rocketmq } = yield* services
      const [names] = rocketmq.nameServers
      yield* names.inject(silence)
      const forms: ReadonlyArray<Effect.Effect<unknown, ClientError>> = [
        producer.send({ topic: "t1", body: "x" }, { timeout: "20 seconds" }),
        producer.sendOneway({ topic: "t2", body: "x" }, { timeout: "20 seconds" }),
        producer.sendBatch([{ topic: "t3", body: "x" }], { timeout: "20 seconds" }),
        producer.sendInTransaction({ topic: "t4", body: "x" }, () => Effect.succeed("Commit"), {
          timeout: "20 seconds"
        }),
        producer.request({ topic: "t5", body: "x" }, { timeout: "20 seconds" })
      ]
      const fibers = yield* Effect.forEach(forms, (form) => start(Effect.exit(form)))
      yield* pass("15 seconds")
      for (const fiber of fibers) assert.isUndefined(fiber.pollUnsafe())
      yield* names.clearFaults
      yield* pass("2 seconds")
      for (const fiber of fibers.slice(0, 4)) assert.isTrue(Exit.isSuccess(yield* Fiber.join(fiber)))
      for (const topic of ["t1", "t2", "t3", "t4", "t5"]) assert.strictEqual(rocketmq.messages(topic).length, 1, topic)
    }).pipe(Effect.provide(TestRocketMQ.layer)))

  it.effect("is asked again when its connection is refused, until it is back", () =>
    Effect.gen(function*() {
      const { producer, rocketmq } = yield* services
      const [names] = rocketmq.nameServers
      yield* names.stop
      const fiber = yield* start(producer.send({ topic: "orders", body: "x" }, { timeout: "2 minutes" }))
      yield* pass("10 seconds")
      // Brokers tell it of themselves before it says anything of topics.
      yield* names.inject(silence)
      yield* names.start
      yield* pass("40 seconds")
      assert.isUndefined(fiber.pollUnsafe())
      yield* names.clearFaults
      yield* pass("2 seconds")
      assert.strictEqual((yield* Fiber.join(fiber)).status, "SendOk")
    }).pipe(Effect.provide(TestRocketMQ.layer)))

  it.effect("fails a send at its deadline, with what it failed with", () =>
    Effect.gen(function*() {
      const { producer, rocketmq } = yield* services
      yield* rocketmq.nameServers[0].inject(silence)
      const fiber = yield* start(reasonOf(producer.send({ topic: "orders", body: "x" }, { timeout: "5 seconds" })))
      yield* pass("4999 millis")
      assert.isUndefined(fiber.pollUnsafe())
      yield* pass("1 millis")
      const reason = yield* Fiber.join(fiber)
      assert(reason._tag === "DeadlineExceeded")
      assert.deepStrictEqual([reason.timeoutMillis, reason.outcome], [5_000, "NotSent"])
      assert.strictEqual((reason.cause as ClientError).reason._tag, "NameServersFailed")
    }).pipe(Effect.provide(TestRocketMQ.layer)))
})

describe("a topic that does not exist", () => {
  it.effect("is created with the first message, and has a route from then on", () =>
    Effect.gen(function*() {
      const { producer, rocketmq } = yield* services
      const result = yield* producer.send({ topic: "orders", body: "hello", keys: ["k1", "k2"], tags: "t" })
      const [message] = rocketmq.messages("orders")
      assert.strictEqual(Message.text(message), "hello")
      assert.strictEqual(message.messageId, result.messageId)
      assert.strictEqual(message.offsetId, result.offsetId)
      assert.strictEqual(message.queueId, result.queue.queueId)
      assert.strictEqual(message.queueOffset, result.queueOffset)
      assert.deepStrictEqual(message.keys, ["k1", "k2"])
      assert.strictEqual((yield* producer.queues("orders")).length, 4)
    }).pipe(Effect.provide(TestRocketMQ.layer)))

  it.effect("is TopicNotFound where brokers create none", () =>
    Effect.gen(function*() {
      const { producer } = yield* services
      const reason = yield* reasonOf(producer.send({ topic: "orders", body: "hello" }))
      assert(reason._tag === "TopicNotFound")
      assert.strictEqual(reason.topic, "orders")
    }).pipe(Effect.provide(TestRocketMQ.layerWith({ brokerSettings: { autoCreateTopicEnable: false } }))))
})

describe("brokers that are restarted in turn under load", () => {
  it.effect("with GO_AWAY: no message fails, is lost or stored twice", () =>
    Effect.gen(function*() {
      const { producer, rocketmq } = yield* services
      const sending = yield* start(load(producer, 5, 2_000))
      const restarting = yield* start(Effect.gen(function*() {
        for (const broker of rocketmq.brokers) {
          yield* Effect.sleep("1 second")
          yield* broker.restart({ graceful: true, downTime: "500 millis" })
        }
      }))
      for (let step = 0; step < 110; step++) yield* pass("100 millis")
      yield* pass("10 seconds")
      yield* Fiber.join(restarting)
      const results = yield* Fiber.join(sending)
      const stored = rocketmq.messages("orders").map(({ messageId }) => messageId)
      assert.strictEqual(stored.length, 2_000)
      assert.deepStrictEqual([...stored].sort(), results.map(({ messageId }) => messageId).sort())
    }).pipe(
      Effect.provide(
        TestRocketMQ.layerWith({ brokers: 2, topics: [{ name: "orders", queues: 4 }], shutdownWaitTime: "2 seconds" })
      )
    ))

  it.effect("abruptly: no message fails or is lost", () =>
    Effect.gen(function*() {
      const { producer, rocketmq } = yield* services
      const sending = yield* start(load(producer, 10, 500))
      const restarting = yield* start(Effect.gen(function*() {
        for (const broker of rocketmq.brokers) {
          yield* Effect.sleep("1 second")
          yield* broker.restart({ graceful: false, downTime: "500 millis" })
        }
      }))
      for (let step = 0; step < 60; step++) yield* pass("100 millis")
      yield* pass("5 seconds")
      yield* Fiber.join(restarting)
      const results = yield* Fiber.join(sending)
      const stored = new Set(rocketmq.messages("orders").map(({ messageId }) => messageId))
      for (const { messageId } of results) assert.isTrue(stored.has(messageId))
    }).pipe(
      Effect.provide(TestRocketMQ.layerWith({ brokers: 2, topics: [{ name: "orders", queues: 4 }] }))
    ))
})

describe("proxies that are restarted in turn under load", () => {
  it.effect("no message fails or is lost", () =>
    Effect.gen(function*() {
      const { producer, rocketmq } = yield* services
      const sending = yield* start(load(producer, 10, 500))
      const restarting = yield* start(Effect.gen(function*() {
        for (const proxy of rocketmq.proxies) {
          yield* Effect.sleep("1 second")
          yield* proxy.restart({ graceful: false, downTime: "500 millis" })
        }
      }))
      for (let step = 0; step < 80; step++) yield* pass("100 millis")
      yield* pass("5 seconds")
      yield* Fiber.join(restarting)
      const results = yield* Fiber.join(sending)
      const stored = new Set(rocketmq.messages("orders").map(({ messageId }) => messageId))
      for (const { messageId } of results) assert.isTrue(stored.has(messageId))
    }).pipe(
      Effect.provide(TestRocketMQ.layerWith({ brokers: 2, proxies: 3, topics: [{ name: "orders", queues: 4 }] }))
    ))
})

describe("a transaction", () => {
  it.effect("shows its message when it is committed, and hides it when it is rolled back", () =>
    Effect.gen(function*() {
      const { producer, rocketmq } = yield* services
      const committed = yield* producer.sendInTransaction({ topic: "orders", body: "yes" }, () =>
        Effect.sync(() => {
          assert.strictEqual(rocketmq.messages("orders").length, 0)
          return "Commit"
        }))
      yield* producer.sendInTransaction({ topic: "orders", body: "no" }, () => Effect.succeed("Rollback"))
      assert.isTrue(committed.acknowledged)
      const messages = rocketmq.messages("orders")
      assert.deepStrictEqual(messages.map(Message.text), ["yes"])
      assert.strictEqual(messages[0].messageId, committed.messageId)
    }).pipe(Effect.provide(TestRocketMQ.layer)))

  it.effect("of which nothing is known is asked about, and then decided", () => {
    const asked: Array<string> = []
    return Effect.gen(function*() {
      const { producer, rocketmq } = yield* services
      const { messageId, state } = yield* producer.sendInTransaction(
        { topic: "orders", body: "maybe" },
        () => Effect.succeed("Unknown")
      )
      assert.strictEqual(state, "Unknown")
      for (let minute = 0; minute < 4 && rocketmq.messages("orders").length === 0; minute++) yield* pass("30 seconds")
      assert.deepStrictEqual([...new Set(asked)], [messageId])
      assert.deepStrictEqual(rocketmq.messages("orders").map(Message.text), ["maybe"])
    }).pipe(Effect.provide(TestRocketMQ.layerWith({
      producer: {
        checkTransaction: (message) =>
          Effect.sync(() => {
            asked.push(message.messageId)
            return "Commit" as const
          })
      }
    })))
  })

  it.effect("is asked about through a proxy that started later once that one has passed on another of the group", () =>
    Effect.gen(function*() {
      const { producer, rocketmq } = yield* services
      const undecided = producer.sendInTransaction({ topic: "orders", body: "x" }, () => Effect.succeed("Unknown"))
      const stored = () => rocketmq.messages("orders").length
      yield* undecided
      // No proxy lives for the 20 seconds after which it tells brokers of groups with transactions.
      for (let round = 0; round < 5; round++) {
        for (const proxy of rocketmq.proxies) {
          const restarting = yield* start(proxy.restart({ graceful: false, downTime: "1 second" }))
          yield* pass("9 seconds")
          yield* Fiber.join(restarting)
        }
      }
      yield* pass("2 minutes")
      // Nor have those that live longer heard of this group's: a heartbeat does not say that it has any.
      assert.strictEqual(stored(), 0)
      yield* undecided
      yield* pass("2 minutes")
      assert.strictEqual(stored(), 2)
    }).pipe(
      Effect.provide(TestRocketMQ.layerWith({
        topics: [{ name: "orders", messageType: "TRANSACTION" }],
        proxies: 2,
        producer: { checkTransaction: () => Effect.succeed("Commit") }
      }))
    ))
})

describe("a delayed message", () => {
  it.effect("is there after its delay", () =>
    Effect.gen(function*() {
      const { producer, rocketmq } = yield* services
      yield* producer.send({ topic: "orders", body: "later", delayLevel: 2 })
      yield* pass("4 seconds")
      assert.strictEqual(rocketmq.messages("orders").length, 0)
      yield* pass("3 seconds")
      assert.deepStrictEqual(rocketmq.messages("orders").map(Message.text), ["later"])
    }).pipe(Effect.provide(TestRocketMQ.layer)))

  it.effect("can be recalled", () =>
    Effect.gen(function*() {
      const { producer, rocketmq } = yield* services
      const { messageId, recallHandle } = yield* producer.send({ topic: "orders", body: "never", delay: "1 minute" })
      assert.isDefined(recallHandle)
      assert.strictEqual(yield* producer.recall("orders", recallHandle), messageId)
      yield* pass("2 minutes")
      assert.strictEqual(rocketmq.messages("orders").length, 0)
    }).pipe(Effect.provide(TestRocketMQ.layerWith({ brokerSettings: { recallMessageEnable: true } }))))
})

describe("request and reply", () => {
  it.effect("meet at the broker", () =>
    Effect.gen(function*() {
      const { producer, rocketmq } = yield* services
      const asking = yield* start(producer.request({ topic: "questions", body: "ping" }))
      yield* pass("10 millis")
      const [question] = rocketmq.messages("questions")
      yield* producer.reply(question, "pong")
      yield* pass("10 millis")
      assert.strictEqual(Message.text(yield* Fiber.join(asking)), "pong")
    }).pipe(Effect.provide(TestRocketMQ.layerWith({ topics: ["questions"] }))))

  it.effect("do not meet through a proxy, which is said at once", () =>
    Effect.gen(function*() {
      const { producer } = yield* services
      const reason = yield* reasonOf(producer.request({ topic: "questions", body: "ping" }))
      assert.strictEqual(reason._tag, "NotSupported")
    }).pipe(Effect.provide(TestRocketMQ.layerWith({ topics: ["questions"], proxies: 1 }))))
})

describe("a client with several producers", () => {
  it.effect("registers each group at the brokers, until its scope closes", () =>
    Effect.gen(function*() {
      const { producer, rocketmq } = yield* services
      yield* producer.send({ topic: "orders", body: "x" })
      const broker = rocketmq.broker()
      assert.strictEqual(broker.producers("TestProducers").length, 1)
      yield* Effect.scoped(Effect.gen(function*() {
        const second = yield* Producer.make({ group: "others", metrics: false })
        yield* second.send({ topic: "orders", body: "y" })
        assert.deepStrictEqual(broker.producers("others"), [second.clientId])
      }))
      yield* pass("1 millis")
      assert.deepStrictEqual(broker.producers("others"), [])
      assert.strictEqual(broker.producers("TestProducers").length, 1)
      assert.strictEqual(rocketmq.messages("orders").length, 2)
      assert.strictEqual((yield* broker.stats).connections >= 1, true)
    }).pipe(Effect.provide(TestRocketMQ.layer)))
})

describe("two producers of one group on one client", () => {
  it.effect("are registered until the last of them closes", () =>
    Effect.gen(function*() {
      const { producer, rocketmq } = yield* services
      yield* producer.send({ topic: "orders", body: "x" })
      yield* Effect.scoped(Producer.make({ group: "TestProducers", metrics: false }))
      yield* pass("1 millis")
      assert.strictEqual(rocketmq.broker().producers("TestProducers").length, 1)
    }).pipe(Effect.provide(TestRocketMQ.layer)))
})

describe("a namespace", () => {
  it.effect("goes before the topic at the broker alone", () =>
    Effect.gen(function*() {
      const { producer, rocketmq } = yield* services
      const { queue } = yield* producer.send({ topic: "orders", body: "x" })
      assert.strictEqual(queue.topic, "orders")
      assert.strictEqual(rocketmq.messages("ns%orders").length, 1)
    }).pipe(Effect.provide(TestRocketMQ.layerWith({ client: { namespace: "ns" } }))))
})
