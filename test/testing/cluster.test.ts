import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import * as Scheduler from "effect/Scheduler"
import * as TestClock from "effect/testing/TestClock"
import { Producer } from "../../src/client/Producer.ts"
import { MqVersion } from "../../src/protocol/MqVersion.ts"
import { RequestCode } from "../../src/protocol/RequestCode.ts"
import { ResponseCode } from "../../src/protocol/ResponseCode.ts"
import * as RemotingClient from "../../src/remoting/RemotingClient.ts"
import { EmbeddedRocketMQ } from "../../src/testing/EmbeddedRocketMQ.ts"
import * as Fault from "../../src/testing/Fault.ts"
import * as TestRocketMQ from "../../src/testing/TestRocketMQ.ts"
import {
  askNameServer,
  assertSuccess,
  inMemory,
  makeClient,
  send,
  sendRequest,
  textOf,
  whilePassing
} from "./support.ts"

const route = (topic: string) => askNameServer({ code: RequestCode.GET_ROUTEINFO_BY_TOPIC, extFields: { topic } })

const seeded = Random.withSeed("cluster")

const producerSend = (body: string) => Effect.flatMap(Producer, (producer) => producer.send({ topic: "Orders", body }))

const bodiesOf = (topic: string) =>
  Effect.map(EmbeddedRocketMQ, (rocketmq) => rocketmq.messages(topic).map(({ body }) => Buffer.from(body).toString()))

describe("what is there", () => {
  it.effect("by default: one name server, one broker, topics as they are sent to", () =>
    Effect.gen(function*() {
      const rocketmq = yield* EmbeddedRocketMQ
      assert.deepStrictEqual(rocketmq.nameServers.map(({ name, state }) => [name, state]), [[
        "nameserver-1",
        "serving"
      ]])
      assert.deepStrictEqual(rocketmq.brokers.map(({ name, state }) => [name, state]), [["broker-a", "serving"]])
      assert.strictEqual(rocketmq.balancer, undefined)
      assert.strictEqual((yield* route("Orders")).code, 17)
      assertSuccess(yield* send("Orders", "first"))
      // Known to the name server when the send is answered.
      assertSuccess(yield* route("Orders"))
      assert.deepStrictEqual(yield* bodiesOf("Orders"), ["first"])
    }).pipe(Effect.provide(inMemory())))

  it.effect("topics with queues, permission and type, on all brokers or on some", () =>
    Effect.gen(function*() {
      const text = textOf(yield* route("Orders"))
      assert.include(
        text,
        "\"brokerName\":\"broker-a\",\"perm\":6,\"readQueueNums\":3,\"topicSysFlag\":0,\"writeQueueNums\":2"
      )
      assert.include(text, "\"brokerName\":\"broker-b\"")
      const sealed = textOf(yield* route("Sealed"))
      assert.include(sealed, "\"perm\":4")
      assert.notInclude(sealed, "broker-a")
      const client = yield* RemotingClient.RemotingClient
      const rocketmq = yield* EmbeddedRocketMQ
      const config = yield* client.invoke(rocketmq.broker("broker-b").address, {
        code: RequestCode.GET_TOPIC_CONFIG,
        extFields: { topic: "Sealed" }
      })
      assert.include(textOf(config), "\"message.type\":\"FIFO\"")
    }).pipe(Effect.provide(inMemory({
      brokers: 2,
      topics: [
        { name: "Orders", readQueues: 3, writeQueues: 2 },
        { name: "Sealed", permission: "read", messageType: "FIFO", brokers: ["broker-b"] }
      ]
    }))))

  it.effect("several name servers, which all know every broker", () =>
    Effect.gen(function*() {
      const rocketmq = yield* EmbeddedRocketMQ
      const client = yield* RemotingClient.RemotingClient
      assert.deepStrictEqual(rocketmq.addresses(), ["127.0.0.1:9876", "127.0.0.1:9877"])
      for (const address of rocketmq.addresses()) {
        assertSuccess(
          yield* client.invoke(address, { code: RequestCode.GET_ROUTEINFO_BY_TOPIC, extFields: { topic: "Orders" } })
        )
      }
    }).pipe(Effect.provide(inMemory({ nameServers: 2, topics: ["Orders"] }))))

  it.effect("a topic that is created later", () =>
    Effect.gen(function*() {
      const rocketmq = yield* EmbeddedRocketMQ
      yield* rocketmq.createTopic({ name: "Late", queues: 1 })
      assert.include(textOf(yield* route("Late")), "\"writeQueueNums\":1")
    }).pipe(Effect.provide(inMemory())))
})

describe("name servers", () => {
  it.effect("hear of brokers again within 30 seconds of their own restart", () =>
    Effect.gen(function*() {
      const rocketmq = yield* EmbeddedRocketMQ
      yield* TestClock.adjust("15 seconds")
      yield* rocketmq.nameServers[0]!.restart({ graceful: false })
      assert.strictEqual((yield* whilePassing("1 second", route("Orders"))).code, 17)
      yield* TestClock.adjust("30 seconds")
      assertSuccess(yield* route("Orders"))
    }).pipe(Effect.provide(inMemory({ topics: ["Orders"] }))))

  it.effect("forget a broker that stops, at once", () =>
    Effect.gen(function*() {
      const rocketmq = yield* EmbeddedRocketMQ
      yield* rocketmq.broker().stop
      yield* TestClock.adjust(0)
      assert.strictEqual((yield* route("Orders")).code, 17)
      yield* rocketmq.broker().start
      assertSuccess(yield* route("Orders"))
    }).pipe(Effect.provide(inMemory({ topics: ["Orders"] }))))

  it.effect("keep brokers that go on", () =>
    Effect.gen(function*() {
      yield* TestClock.adjust("10 minutes")
      assertSuccess(yield* route("Orders"))
    }).pipe(Effect.provide(inMemory({ topics: ["Orders"] }))))
})

describe("a broker that drains", () => {
  it.effect("leaves the name servers, answers GO_AWAY to clients that know it, and stops when the wait is over", () =>
    Effect.gen(function*() {
      const rocketmq = yield* EmbeddedRocketMQ
      const broker = rocketmq.broker()
      assertSuccess(yield* send("Orders", "before"))
      const drain = yield* Effect.forkChild(broker.drain, { startImmediately: true })
      yield* TestClock.adjust(0)
      assert.strictEqual(broker.state, "draining")
      assert.strictEqual((yield* route("Orders")).code, 17)
      assertSuccess(yield* send("Orders", "old client", { version: MqVersion.V5_3_1 }))
      const refused = yield* Effect.flip(send("Orders", "new client", { goAwayHops: 0 }))
      assert.deepStrictEqual([refused.reason._tag, refused.outcome], ["GoAway", "NotProcessed"])
      assert.strictEqual((yield* broker.stats).goAways, 1)
      yield* TestClock.adjust("10 seconds")
      yield* Fiber.join(drain)
      assert.strictEqual(broker.state, "stopped")
      yield* broker.start
      assert.strictEqual(broker.state, "serving")
      assert.deepStrictEqual(yield* bodiesOf("Orders"), ["before", "old client"])
      assert.strictEqual((yield* broker.stats).goAways, 1)
    }).pipe(Effect.provide(inMemory({ topics: ["Orders"], shutdownWaitTime: "10 seconds" }))))
})

describe("a broker that restarts", () => {
  it.effect("has what it stored", () =>
    Effect.gen(function*() {
      const rocketmq = yield* EmbeddedRocketMQ
      yield* send("Orders", "kept")
      yield* rocketmq.broker().restart({ graceful: false })
      assertSuccess(yield* whilePassing("1 second", send("Orders", "after")))
      assert.deepStrictEqual(yield* bodiesOf("Orders"), ["kept", "after"])
    }).pipe(Effect.provide(inMemory())))

  it.effect("or has lost it, and only has the topics that it is to have", () =>
    Effect.gen(function*() {
      const rocketmq = yield* EmbeddedRocketMQ
      yield* send("Orders", "lost")
      yield* send("Incidental", "lost")
      yield* rocketmq.broker().restart({ graceful: false, keepStore: false })
      assert.deepStrictEqual(yield* bodiesOf("Orders"), [])
      assertSuccess(yield* route("Orders"))
      assert.strictEqual((yield* route("Incidental")).code, 17)
    }).pipe(Effect.provide(inMemory({ topics: ["Orders"] }))))

  it.effect("may be told to start twice", () =>
    Effect.gen(function*() {
      const rocketmq = yield* EmbeddedRocketMQ
      const broker = rocketmq.broker()
      yield* broker.stop
      rocketmq.journal.clear()
      yield* Effect.all([broker.start, broker.start], { concurrency: 2 })
      yield* broker.start
      assert.strictEqual(broker.state, "serving")
      assert.strictEqual(rocketmq.journal.count({ code: RequestCode.REGISTER_BROKER }), 1)
    }).pipe(Effect.provide(inMemory())))

  it.effect("is stopped when its start is given up", () =>
    Effect.gen(function*() {
      const rocketmq = yield* EmbeddedRocketMQ
      const broker = rocketmq.broker()
      yield* broker.stop
      // It waits for a name server that takes its time.
      yield* rocketmq.nameServers[0]!.inject(Fault.slow("10 seconds"))
      const start = yield* Effect.forkChild(broker.start, { startImmediately: true })
      yield* TestClock.adjust("1 second")
      yield* Fiber.interrupt(start)
      assert.strictEqual(broker.state, "stopped")
      yield* rocketmq.nameServers[0]!.clearFaults
      yield* broker.start
      assert.strictEqual(broker.state, "serving")
      assert.strictEqual(broker.address, "127.0.0.1:10911")
    }).pipe(Effect.provide(inMemory())))

  it.effect("answers nobody before it can serve", () =>
    Effect.gen(function*() {
      const server = (yield* EmbeddedRocketMQ).nameServers[0]!
      yield* server.stop
      // Whoever starts it gives way at each step, to clients that have waited for that.
      yield* Effect.forkChild(Effect.provideService(server.start, Scheduler.MaxOpsBeforeYield, 5))
      const codes = new Set<number>()
      let early = 0
      while (server.state === "stopped") {
        const exit = yield* Effect.exit(Effect.scoped(Effect.flatMap(makeClient(), (client) =>
          client.invoke(server.address, {
            code: RequestCode.GET_ROUTEINFO_BY_TOPIC,
            extFields: { topic: "Orders" }
          }, { failFast: true }))))
        if (Exit.isSuccess(exit)) {
          codes.add(exit.value.code)
        } else early++
      }
      codes.add((yield* route("Orders")).code)
      assert.deepStrictEqual([...codes], [ResponseCode.TOPIC_NOT_EXIST])
      assert.isAbove(early, 0)
    }).pipe(Effect.provide(inMemory())))

  it.effect("is down for as long as it is told", () =>
    Effect.gen(function*() {
      const rocketmq = yield* EmbeddedRocketMQ
      const restart = yield* Effect.forkChild(rocketmq.broker().restart({ graceful: false, downTime: "5 seconds" }))
      yield* TestClock.adjust("4 seconds")
      assert.strictEqual(rocketmq.broker().state, "stopped")
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(restart)
      assert.strictEqual(rocketmq.broker().state, "serving")
    }).pipe(Effect.provide(inMemory())))
})

describe("a slave", () => {
  it.effect("has what its master stores, takes no sends, and serves reads when the master has gone", () =>
    Effect.gen(function*() {
      const rocketmq = yield* EmbeddedRocketMQ
      const client = yield* RemotingClient.RemotingClient
      yield* send("Orders", "replicated", { queueId: 0 })
      const slave = rocketmq.broker("broker-a", 1)
      assert.strictEqual(slave.name, "broker-a#1")
      assert.include(
        textOf(yield* route("Orders")),
        `"brokerAddrs":{"0":"${rocketmq.broker().address}","1":"${slave.address}"}`
      )
      const refused = yield* client.invoke(slave.address, sendRequest("Orders", "to the slave"))
      assert.deepStrictEqual(
        [refused.code, refused.remark],
        [2, "[REJECTREQUEST]system busy, start flow control for a while"]
      )
      yield* rocketmq.broker().stop
      yield* TestClock.adjust(0)
      assert.include(textOf(yield* route("Orders")), `"brokerAddrs":{"1":"${slave.address}"}`)
      const maximum = yield* client.invoke(slave.address, {
        code: RequestCode.GET_MAX_OFFSET,
        extFields: { topic: "Orders", queueId: "0" }
      })
      assert.strictEqual(maximum.extFields["offset"], "1")
    }).pipe(Effect.provide(inMemory({ brokers: [{ slaves: 1 }], topics: ["Orders"] }))))
})

describe("faults", () => {
  it.effect("hold requests up", () =>
    Effect.gen(function*() {
      const rocketmq = yield* EmbeddedRocketMQ
      yield* rocketmq.broker().inject(Fault.slow("2 seconds", { codes: Fault.sends, times: 1 }))
      const fiber = yield* Effect.forkChild(send("Orders", "slow"), { startImmediately: true })
      yield* TestClock.adjust("1999 millis")
      assert.deepStrictEqual(yield* bodiesOf("Orders"), [])
      yield* TestClock.adjust("1 millis")
      assertSuccess(yield* Fiber.join(fiber))
      assertSuccess(yield* send("Orders", "fast"))
    }).pipe(Effect.provide(inMemory())))

  it.effect("hold answers up", () =>
    Effect.gen(function*() {
      const rocketmq = yield* EmbeddedRocketMQ
      yield* rocketmq.broker().inject(Fault.late("5 seconds"))
      const failure = yield* Effect.flip(whilePassing("4 seconds", send("Orders", "executed")))
      assert.deepStrictEqual([failure.reason._tag, failure.outcome], ["Timeout", "Unknown"])
      assert.deepStrictEqual(yield* bodiesOf("Orders"), ["executed"])
      const client = yield* RemotingClient.RemotingClient
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* client.stats).dropped, 1)
    }).pipe(Effect.provide(inMemory())))

  it.effect("lose answers", () =>
    Effect.gen(function*() {
      const rocketmq = yield* EmbeddedRocketMQ
      yield* rocketmq.broker().inject(Fault.loseAnswer({ times: 1 }))
      const failure = yield* Effect.flip(whilePassing("3 seconds", send("Orders", "executed")))
      assert.strictEqual(failure.outcome, "Unknown")
      assert.deepStrictEqual(yield* bodiesOf("Orders"), ["executed"])
      assert.deepStrictEqual(
        rocketmq.journal.entries({ code: RequestCode.SEND_MESSAGE_V2 }).map(({ outcome }) => outcome),
        ["Lost"]
      )
    }).pipe(Effect.provide(inMemory())))

  it.effect("duplicate answers", () =>
    Effect.gen(function*() {
      const rocketmq = yield* EmbeddedRocketMQ
      const client = yield* RemotingClient.RemotingClient
      yield* rocketmq.broker().inject(Fault.duplicateAnswer())
      assertSuccess(yield* send("Orders", "once"))
      yield* TestClock.adjust(0)
      assert.strictEqual((yield* client.stats).dropped, 1)
      assert.deepStrictEqual(yield* bodiesOf("Orders"), ["once"])
    }).pipe(Effect.provide(inMemory())))

  it.effect("close connections", () =>
    Effect.gen(function*() {
      const rocketmq = yield* EmbeddedRocketMQ
      yield* rocketmq.broker().inject(Fault.closeConnection({ times: 1 }))
      const failure = yield* Effect.flip(send("Orders", "executed"))
      assert.deepStrictEqual([failure.reason._tag, failure.outcome], ["ChannelClosed", "Unknown"])
      assert.deepStrictEqual(yield* bodiesOf("Orders"), ["executed"])
    }).pipe(Effect.provide(inMemory())))

  it.effect("refuse sends as busy, full and forbidden brokers do", () =>
    Effect.gen(function*() {
      const rocketmq = yield* EmbeddedRocketMQ
      const broker = rocketmq.broker()
      const codeWith = (fault: Fault.Fault) =>
        Effect.scoped(Effect.andThen(broker.injectScoped(fault), Effect.map(send("Orders", "no"), ({ code }) => code)))
      assert.strictEqual(yield* codeWith(Fault.busy()), 2)
      assert.strictEqual(yield* codeWith(Fault.diskFull()), 14)
      assert.strictEqual(yield* codeWith(Fault.noPermission()), 16)
      assert.strictEqual(yield* codeWith(Fault.refuse({ code: 215 }, { codes: [310] })), 215)
      assertSuccess(yield* send("Orders", "yes"))
      assert.deepStrictEqual(yield* bodiesOf("Orders"), ["yes"])
      assert.strictEqual(rocketmq.journal.count({ outcome: "Refused" }), 4)
    }).pipe(Effect.provide(inMemory())))

  it.effect("meet a share of requests, the same ones for a seed", () => {
    const run = Effect.gen(function*() {
      const rocketmq = yield* EmbeddedRocketMQ
      yield* rocketmq.broker().inject(Fault.busy({ probability: 0.5 }))
      const codes = yield* Effect.forEach(
        Array.from({ length: 40 }),
        () => Effect.map(send("Orders", "perhaps"), ({ code }) => code)
      )
      yield* rocketmq.broker().clearFaults
      assertSuccess(yield* send("Orders", "surely"))
      return codes
    }).pipe(Effect.provide(inMemory()))
    return Effect.gen(function*() {
      const first = yield* seeded(run)
      assert.isTrue(first.includes(0) && first.includes(2))
      assert.deepStrictEqual(yield* seeded(run), first)
    })
  })
})

describe("the journal", () => {
  it.effect("tells in order who was asked what, by whom, and what came of it", () =>
    Effect.gen(function*() {
      const rocketmq = yield* EmbeddedRocketMQ
      yield* send("Orders", "a body")
      yield* askNameServer({ code: 9_999 })
      const entries = rocketmq.journal.entries().map(({ bodyLength, name, oneway, outcome, responseCode, server }) => ({
        server,
        name,
        outcome,
        responseCode,
        oneway,
        bodyLength: name === "SEND_MESSAGE_V2" ? bodyLength : undefined
      }))
      const common = { outcome: "Answered" as const, oneway: false, bodyLength: undefined }
      assert.deepStrictEqual(entries, [
        { ...common, server: "nameserver-1", name: "REGISTER_BROKER", responseCode: 0 },
        { ...common, server: "broker-a", name: "SEND_MESSAGE_V2", responseCode: 0, bodyLength: 6 },
        { ...common, server: "nameserver-1", name: "REGISTER_BROKER", responseCode: 0 },
        { ...common, server: "nameserver-1", name: "9999", responseCode: 3 }
      ])
      const [sent] = rocketmq.journal.entries({ code: RequestCode.SEND_MESSAGE_V2 })
      assert.strictEqual(sent?.extFields["b"], "Orders")
      assert.strictEqual(rocketmq.journal.count({ server: "nameserver-1" }), 3)
      rocketmq.journal.clear()
      assert.strictEqual(rocketmq.journal.count(), 0)
    }).pipe(Effect.provide(inMemory())))

  it.effect("tells of requests as they end", () =>
    Effect.gen(function*() {
      const rocketmq = yield* EmbeddedRocketMQ
      const seen: Array<string> = []
      const unlisten = rocketmq.journal.listen(({ name, outcome }) => seen.push(`${name} ${outcome}`))
      yield* send("Orders", "a")
      unlisten()
      yield* send("Orders", "b")
      assert.deepStrictEqual(seen, ["SEND_MESSAGE_V2 Answered"])
    }).pipe(Effect.provide(inMemory({ topics: ["Orders"] }))))

  it.effect("is the same for the same seed, whatever goes wrong", () => {
    const run = Effect.gen(function*() {
      const rocketmq = yield* EmbeddedRocketMQ
      for (const broker of rocketmq.brokers) {
        yield* broker.inject(Fault.loseAnswer({ codes: Fault.sends, probability: 0.2 }))
        yield* broker.inject(Fault.slow("30 millis", { probability: 0.3 }))
      }
      const sends = yield* Effect.forkChild(Effect.forEach(
        Array.from({ length: 100 }, (_, order) => `order-${order}`),
        (body) => Effect.ignore(producerSend(body)),
        { concurrency: 8 }
      ))
      const restarts = yield* Effect.forkChild(
        Effect.forEach([...rocketmq.proxies, ...rocketmq.brokers], (server) => server.restart({ downTime: "1 second" }))
      )
      yield* TestClock.adjust("10 minutes")
      yield* Fiber.join(restarts)
      yield* Fiber.join(sends)
      return [
        rocketmq.journal.entries().map(({ at, name, outcome, peer, responseCode, server }) =>
          `${at} ${server} ${peer} ${name} ${outcome} ${responseCode}`
        ),
        rocketmq.messages("Orders").map(({ body, messageId }) => `${messageId} ${Buffer.from(body).toString()}`)
      ]
    }).pipe(
      Effect.provide(TestRocketMQ.layerWith({
        brokers: 2,
        proxies: 2,
        balance: "random",
        shutdownWaitTime: "2 seconds",
        topics: ["Orders"]
      })),
      Effect.provide(TestClock.layer())
    )
    return Effect.gen(function*() {
      const first = yield* seeded(run)
      assert.isAbove(first[1]!.length, 50)
      assert.deepStrictEqual(yield* seeded(run), first)
    })
  })

  it.effect("remembers so many requests and counts the others", () =>
    Effect.gen(function*() {
      const rocketmq = yield* EmbeddedRocketMQ
      for (const body of ["1", "2", "3", "4"]) yield* send("Orders", body)
      assert.deepStrictEqual(rocketmq.journal.entries().map(({ sequence }) => sequence), [2, 3, 4])
      assert.strictEqual(rocketmq.journal.dropped(), 2)
    }).pipe(Effect.provide(inMemory({ journalLimit: 3, topics: ["Orders"] }))))
})

describe("stored messages", () => {
  it.effect("are found by topic, queue and broker, in the order in which they were stored", () =>
    Effect.gen(function*() {
      const rocketmq = yield* EmbeddedRocketMQ
      yield* send("Orders", "a", { queueId: 2 })
      yield* send("Orders", "b", { queueId: 1, brokerName: "broker-b" })
      yield* send("Orders", "c", { queueId: 1, properties: { TAGS: "red", KEYS: "k1 k2" } })
      const brief = (query: Parameters<typeof rocketmq.messages>[0]) =>
        rocketmq.messages(query).map(({ body, brokerName, queueId, queueOffset }) =>
          `${brokerName}/${queueId}@${queueOffset} ${Buffer.from(body).toString()}`
        )
      assert.deepStrictEqual(brief("Orders"), ["broker-a/2@0 a", "broker-a/1@0 c", "broker-b/1@0 b"])
      assert.deepStrictEqual(brief({ topic: "Orders", queueId: 1 }), ["broker-a/1@0 c", "broker-b/1@0 b"])
      assert.deepStrictEqual(brief({ topic: "Orders", broker: "broker-b" }), ["broker-b/1@0 b"])
      const [tagged] = rocketmq.messages({ topic: "Orders", queueId: 1, broker: "broker-a" })
      assert.deepStrictEqual([tagged?.tags, tagged?.keys], ["red", ["k1", "k2"]])
      assert.deepStrictEqual(brief("Nowhere"), [])
    }).pipe(Effect.provide(inMemory({ brokers: 2, topics: ["Orders"] }))))
})
