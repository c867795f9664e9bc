import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import type { ClientError } from "../../src/client/ClientError.ts"
import { Heartbeats } from "../../src/client/Heartbeats.ts"
import type { TopicRoutesOptions } from "../../src/client/TopicRoutes.ts"
import { TopicRoutes } from "../../src/client/TopicRoutes.ts"
import { encodeStandard, TopicRouteData } from "../../src/protocol/body/TopicRouteData.ts"
import { ResponseCode } from "../../src/protocol/ResponseCode.ts"
import * as MemoryTransport from "../../src/remoting/MemoryTransport.ts"
import { RemotingClient } from "../../src/remoting/RemotingClient.ts"
import { goldenFrames } from "../protocol/golden.ts"
import {
  broker,
  echoCode,
  mqClient,
  nameServer,
  network,
  now,
  pass,
  queueData,
  route,
  settle,
  start
} from "./support.ts"

/** Routes of one name server that knows the given topics. */
const routing = (topics: Readonly<Record<string, TopicRouteData>>, options?: TopicRoutesOptions) =>
  Effect.gen(function*() {
    const names = yield* nameServer(9, new Map(Object.entries(topics)))
    const context = yield* mqClient({ nameServers: names.address, routes: options })
    return { names, context, routes: Context.get(context, TopicRoutes), client: Context.get(context, RemotingClient) }
  })

/** Queues as `broker/id`. */
const brief = (queues: ReadonlyArray<{ readonly brokerName: string; readonly queueId: number }>) =>
  queues.map(({ brokerName, queueId }) => `${brokerName}/${queueId}`)

describe("a route", () => {
  it.effect("has the queues of the topic, by broker name and queue id", () =>
    Effect.gen(function*() {
      const { routes } = yield* routing({ T: route({ b: "10.0.0.1:2", a: "10.0.0.1:1" }, 2) })
      const found = yield* routes.get("T")
      assert.deepStrictEqual(brief(found.writeQueues), ["a/0", "a/1", "b/0", "b/1"])
      assert.deepStrictEqual(brief(found.readQueues), ["a/0", "a/1", "b/0", "b/1"])
      assert.deepStrictEqual(found.writeQueues[0], { topic: "T", brokerName: "a", queueId: 0 })
      assert.deepStrictEqual([found.topic, found.autoCreated, found.ordered], ["T", false, false])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("knows masters and slaves by broker id", () =>
    Effect.gen(function*() {
      const { routes } = yield* routing({ T: route({ a: { 0: "10.0.0.1:1", 1: "10.0.0.1:2" } }) })
      const { brokers } = yield* routes.get("T")
      assert.deepStrictEqual(brokers.get("a"), {
        brokerName: "a",
        cluster: "DefaultCluster",
        addresses: new Map([[0, "10.0.0.1:1"], [1, "10.0.0.1:2"]]),
        master: "10.0.0.1:1"
      })
      assert.strictEqual(routes.masterOf("a"), "10.0.0.1:1")
      assert.isUndefined(routes.masterOf("b"))
      assert.deepStrictEqual(routes.broker("a"), brokers.get("a"))
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("offers no queue for writing of a broker without its master, and all for reading", () =>
    Effect.gen(function*() {
      const { routes } = yield* routing({ T: route({ a: { 1: "10.0.0.1:2" }, b: "10.0.0.1:3" }, 1) })
      const { brokers, readQueues, writeQueues } = yield* routes.get("T")
      assert.deepStrictEqual(brief(writeQueues), ["b/0"])
      assert.deepStrictEqual(brief(readQueues), ["a/0", "b/0"])
      assert.isUndefined(brokers.get("a")?.master)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("minds the permissions of each broker, and the two numbers of queues", () =>
    Effect.gen(function*() {
      const data = {
        ...route({ a: "10.0.0.1:1", b: "10.0.0.1:2", c: "10.0.0.1:3" }),
        queueDatas: [queueData("a", 1, 4), queueData("b", 1, 2), { ...queueData("c", 1), readQueueNums: 2 }]
      }
      const { routes } = yield* routing({ T: data })
      const { readQueues, writeQueues } = yield* routes.get("T")
      assert.deepStrictEqual(brief(writeQueues), ["b/0", "c/0"])
      assert.deepStrictEqual(brief(readQueues), ["a/0", "c/0", "c/1"])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("has the queues of an ordered topic in the order that was configured", () =>
    Effect.gen(function*() {
      const { routes } = yield* routing({
        T: { ...route({ a: "10.0.0.1:1", b: "10.0.0.1:2" }), orderTopicConf: "b:2;a:1" }
      })
      const { ordered, writeQueues } = yield* routes.get("T")
      assert.isTrue(ordered)
      assert.deepStrictEqual(brief(writeQueues), ["b/0", "b/1", "a/0"])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("of a static topic has queues that stand for all brokers, and says which one has them", () =>
    Effect.gen(function*() {
      const info = { scope: "__global__", totalQueues: 3, dirty: false }
      const { routes } = yield* routing({
        T: {
          ...route({ a: "10.0.0.1:1", b: "10.0.0.1:2" }),
          topicQueueMappingByBroker: {
            a: { ...info, bname: "a", epoch: 1, currIdMap: new Map([[0, 0], [1, 1]]) },
            b: { ...info, bname: "b", epoch: 2, currIdMap: new Map([[1, 0], [2, 1]]) }
          }
        }
      })
      const found = yield* routes.get("T")
      assert.deepStrictEqual(brief(found.writeQueues), [
        "__syslo__global__/0",
        "__syslo__global__/1",
        "__syslo__global__/2"
      ])
      assert.deepStrictEqual(found.writeQueues.map(found.brokerNameOf), ["a", "b", "b"])
      assert.deepStrictEqual(found.readQueues, found.writeQueues)
      assert.isUndefined(found.brokerNameOf({ topic: "T", brokerName: "__syslo__global__", queueId: 3 }))
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("is read in the form of old name servers, too: broker ids without quotes", () =>
    Effect.gen(function*() {
      const { names, routes } = yield* routing({})
      const data = route({ a: { 0: "10.0.0.1:1", 1: "10.0.0.1:2" } }, 1)
      const body = TopicRouteData.encode(data)
      assert.include(Buffer.from(body).toString(), "{0:\"10.0.0.1:1\"")
      names.becomes(() => Effect.succeed({ body }))
      const { brokers, writeQueues } = yield* routes.get("T")
      assert.deepStrictEqual(brief(writeQueues), ["a/0"])
      assert.deepStrictEqual([...brokers.get("a")!.addresses.keys()], [0, 1])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  for (const { expect, name, source } of goldenFrames.filter((one) => /^real-.*-route-answer-/.test(one.name))) {
    it.effect(`is read as real servers write it: ${source} (${name})`, () =>
      Effect.gen(function*() {
        const { names, routes } = yield* routing({})
        names.becomes(() => Effect.succeed({ body: Buffer.from(expect.bodyHex ?? "", "hex") }))
        const found = yield* routes.get("T")
        assert.deepStrictEqual(brief(found.writeQueues), ["broker-a/0", "broker-a/1", "broker-a/2", "broker-a/3"])
        assert.match(found.brokers.get("broker-a")?.master ?? "", /^127\.0\.0\.1:\d+$/)
      }).pipe(Effect.provide(MemoryTransport.layer)))
  }

  it.effect("that is none is an error that names the name server", () =>
    Effect.gen(function*() {
      const { names, routes } = yield* routing({
        Ordered: { ...route({ a: "10.0.0.1:1" }), orderTopicConf: "a:many" },
        Huge: { ...route({ a: "10.0.0.1:1" }), queueDatas: [queueData("a", 2_000_000_000)] }
      })
      for (const topic of ["Ordered", "Huge"]) {
        const { message, reason } = yield* Effect.flip(routes.get(topic))
        assert.strictEqual(reason._tag, "RouteInvalid")
        assert.include(message, names.address)
        assert.include(message, topic)
      }
      names.becomes(() => Effect.succeed({ body: Buffer.from("{]") }))
      const { message, outcome, reason } = yield* Effect.flip(routes.get("T"))
      assert.deepStrictEqual([reason._tag, outcome], ["RouteInvalid", "NotSent"])
      assert.include(message, names.address)
    }).pipe(Effect.provide(MemoryTransport.layer)))
})

describe("looking a route up", () => {
  it.effect("asks once for all who ask at a time, and not again while it is known", () =>
    Effect.gen(function*() {
      const { names, routes } = yield* routing({ T: route({ a: "10.0.0.1:1" }) })
      assert.isUndefined(routes.getUnsafe("T"))
      const all = yield* Effect.forEach(Array.from({ length: 100 }), () => routes.get("T"), {
        concurrency: "unbounded"
      })
      assert.strictEqual(new Set(all).size, 1)
      assert.strictEqual(yield* routes.get("T"), all[0])
      assert.strictEqual(routes.getUnsafe("T"), all[0])
      assert.deepStrictEqual(names.asked(), ["T"])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("goes on for the others when one gives up", () =>
    Effect.gen(function*() {
      const { names, routes } = yield* routing({})
      const body = encodeStandard(route({ a: "10.0.0.1:1" }))
      names.becomes(() => Effect.delay(Effect.succeed({ body }), 100))
      const first = yield* start(routes.get("T"))
      const second = yield* start(routes.get("T"))
      yield* Fiber.interrupt(first)
      yield* pass(100)
      assert.strictEqual((yield* Fiber.join(second)).topic, "T")
      assert.strictEqual(names.asked().length, 1)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("fails for a topic that does not exist, naming it and the name servers that were asked", () =>
    Effect.gen(function*() {
      const one = yield* nameServer(8)
      const two = yield* nameServer(9)
      const context = yield* mqClient({ nameServers: `${one.address};${two.address}` })
      const { message, outcome, reason } = yield* Effect.flip(Context.get(context, TopicRoutes).get("Missing"))
      if (reason._tag !== "TopicNotFound") return assert.fail(reason._tag)
      assert.strictEqual(outcome, "NotSent")
      assert.strictEqual(reason.topic, "Missing")
      assert.deepStrictEqual([...reason.nameServers].sort(), [one.address, two.address])
      assert.include(message, "Missing")
      assert.include(message, one.address)
      assert.include(message, two.address)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("finds what one of the name servers knows: one that has just started knows little", () =>
    Effect.gen(function*() {
      const fresh = yield* nameServer(8)
      const old = yield* nameServer(9, new Map([["T", route({ a: "10.0.0.1:1" })]]))
      for (const nameServers of [[fresh.address, old.address], [old.address, fresh.address]]) {
        const context = yield* mqClient({ nameServers })
        assert.isDefined(yield* Context.get(context, TopicRoutes).get("T"))
      }
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("does not ask for a missing topic again for a second", () =>
    Effect.gen(function*() {
      const { names, routes } = yield* routing({})
      const loop = Effect.forEach(Array.from({ length: 100 }), () => Effect.exit(routes.get("T")))
      yield* loop
      yield* pass(999)
      yield* loop
      assert.strictEqual(names.asked().length, 1)
      names.routes.set("T", route({ a: "10.0.0.1:1" }))
      yield* pass(1)
      assert.isDefined(yield* routes.get("T"))
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("asks at once when it is to be refreshed, and a topic that has come about is found", () =>
    Effect.gen(function*() {
      const { names, routes } = yield* routing({})
      yield* Effect.flip(routes.get("T"))
      names.routes.set("T", route({ a: "10.0.0.1:1" }))
      assert.isDefined(yield* routes.refresh("T"))
      assert.isDefined(routes.getUnsafe("T"))
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("ends at the caller's deadline", () =>
    Effect.gen(function*() {
      const { names, routes } = yield* routing({})
      names.becomes(() => Effect.never)
      const fiber = yield* start(Effect.flip(routes.get("T", { timeout: "1 second" })))
      yield* pass(999)
      assert.isUndefined(fiber.pollUnsafe())
      yield* pass(1)
      const { message, outcome, reason } = yield* Fiber.join(fiber)
      assert.deepStrictEqual([reason._tag, outcome], ["DeadlineExceeded", "NotSent"])
      assert.include(message, names.address)
      assert.include(message, "topic T")
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("tells at its deadline which name servers cannot be reached, and why", () =>
    Effect.gen(function*() {
      const { names, routes } = yield* routing({})
      const net = yield* network
      net.fault(names.address, "refuse")
      const fiber = yield* start(Effect.flip(routes.get("T", { timeout: 999.5 })))
      yield* pass("1 second")
      const { message } = yield* Fiber.join(fiber)
      assert.include(message, "1000 ms were not enough")
      assert.include(message, `${names.address} (cannot connect to ${names.address}: connection refused`)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("is asked for again within the caller's timeout while name servers fail", () =>
    Effect.gen(function*() {
      const { names, routes } = yield* routing({ T: route({ a: "10.0.0.1:1" }) })
      const net = yield* network
      net.fault(names.address, "refuse")
      const fiber = yield* start(routes.get("T", { timeout: "20 seconds" }))
      yield* pass("15 seconds")
      assert.isUndefined(fiber.pollUnsafe())
      net.fault(names.address, undefined)
      yield* pass("5 seconds")
      assert.isDefined(yield* Fiber.join(fiber))
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("is asked for again at once, then after pauses of up to a second, by one fiber for all who wait", () =>
    Effect.gen(function*() {
      const { names, routes } = yield* routing({ T: route({ a: "10.0.0.1:1" }) })
      names.becomes(() => Effect.succeed({ code: ResponseCode.SYSTEM_BUSY }))
      const fibers = yield* Effect.forEach(
        Array.from({ length: 50 }),
        (_, index) => start(routes.get("T", { timeout: `${10 + index} seconds` }))
      )
      yield* pass("9 seconds")
      // Each has asked for itself at first.
      const times = names.got.slice(49).map(({ at }) => at)
      const pauses = times.slice(1).map((at, index) => at - times[index])
      assert.isAtMost(pauses[0], 20)
      assert.isAtLeast(Math.min(...pauses.slice(6)), 500)
      assert.isAtMost(Math.max(...pauses), 1_000)
      assert.isAbove(times.length, 12)
      names.becomes(() => undefined)
      yield* pass("1 seconds")
      for (const fiber of fibers) assert.isDefined(yield* Fiber.join(fiber))
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("is not asked for again by anybody when nobody waits any more", () =>
    Effect.gen(function*() {
      const { names, routes } = yield* routing({})
      names.becomes(() => Effect.succeed({ code: ResponseCode.SYSTEM_BUSY }))
      const fiber = yield* start(Effect.flip(routes.get("T", { timeout: "2 seconds" })))
      const other = yield* start(routes.get("T", { timeout: "Infinity" }))
      yield* pass("2 seconds")
      const { reason } = yield* Fiber.join(fiber)
      assert(reason._tag === "DeadlineExceeded")
      assert.strictEqual((reason.cause as ClientError).reason._tag, "NameServersFailed")
      yield* Fiber.interrupt(other)
      const { length } = names.got
      yield* pass("10 seconds")
      assert.strictEqual(names.got.length, length)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("is not waited for when a name server that comes back does not know it", () =>
    Effect.gen(function*() {
      const { names, routes } = yield* routing({})
      names.becomes(() => Effect.succeed({ code: ResponseCode.SYSTEM_BUSY }))
      const fiber = yield* start(Effect.flip(routes.get("T", { create: true, timeout: "Infinity" })))
      yield* pass("5 seconds")
      assert.isUndefined(fiber.pollUnsafe())
      names.becomes(() => undefined)
      yield* pass("1 seconds")
      assert.strictEqual((yield* Fiber.join(fiber)).reason._tag, "TopicNotFound")
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("is asked for again while an address server fails, too, and not where there is none", () =>
    Effect.gen(function*() {
      const names = yield* nameServer(9, new Map([["T", route({ a: "10.0.0.1:1" })]]))
      let answer = { status: 503, body: "" }
      const context = yield* mqClient({
        addressServer: "http://names.example/list",
        fetch: () => Effect.sync(() => answer)
      })
      const routes = Context.get(context, TopicRoutes)
      const late = yield* start(Effect.flip(routes.get("T", { timeout: "2 seconds" })))
      const fiber = yield* start(routes.get("T", { timeout: "20 seconds" }))
      yield* pass("10 seconds")
      assert.include((yield* Fiber.join(late)).message, "it answered 503")
      answer = { status: 200, body: names.address }
      yield* pass("1 seconds")
      assert.isDefined(yield* Fiber.join(fiber))
      const none = Context.get(yield* mqClient({}), TopicRoutes)
      const { reason } = yield* Effect.flip(none.get("T", { timeout: "20 seconds" }))
      assert.strictEqual(reason._tag, "NoNameServers")
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("has three seconds where the caller says nothing, and tells of each name server", () =>
    Effect.gen(function*() {
      const { names, routes } = yield* routing({})
      names.becomes(() => Effect.never)
      const fiber = yield* start(Effect.flip(routes.get("T")))
      yield* pass("3 seconds")
      const { message, outcome, reason } = yield* Fiber.join(fiber)
      assert.deepStrictEqual([reason._tag, outcome], ["NameServersFailed", "NotSent"])
      assert.include(message, names.address)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("tells that no name server is known", () =>
    Effect.gen(function*() {
      const context = yield* mqClient({})
      const { outcome, reason } = yield* Effect.flip(Context.get(context, TopicRoutes).get("T"))
      assert.deepStrictEqual([reason._tag, outcome], ["NoNameServers", "NotSent"])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("tells that the credentials are missing", () =>
    Effect.gen(function*() {
      const { names, routes } = yield* routing({})
      names.becomes(() => Effect.succeed({ code: ResponseCode.NO_PERMISSION, remark: "username cannot be null." }))
      const { reason } = yield* Effect.flip(routes.get("T"))
      if (reason._tag !== "AccessDenied") return assert.fail(reason._tag)
      assert.strictEqual(reason.denial, "MissingCredentials")
    }).pipe(Effect.provide(MemoryTransport.layer)))
})

describe("a topic that does not exist yet", () => {
  const defaults = { TBW102: { ...route({ a: "10.0.0.1:1" }, 8), queueDatas: [queueData("a", 8, 7)] } }

  it.effect("is where the brokers would create it, with as many queues as that gives", () =>
    Effect.gen(function*() {
      const { names, routes } = yield* routing(defaults)
      const found = yield* routes.get("T", { create: true })
      assert.isTrue(found.autoCreated)
      assert.strictEqual(found.topic, "T")
      assert.deepStrictEqual(brief(found.writeQueues), ["a/0", "a/1", "a/2", "a/3"])
      assert.deepStrictEqual(brief(found.readQueues), brief(found.writeQueues))
      assert.strictEqual(found.writeQueues[0].topic, "T")
      assert.deepStrictEqual(names.asked(), ["T", "TBW102"])
      assert.strictEqual(yield* routes.get("T", { create: true }), found)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("may be wanted with another number of queues, of which there are no more than the default topic's", () =>
    Effect.gen(function*() {
      const { routes } = yield* routing(defaults)
      const few = yield* routes.get("T", { create: true, defaultTopicQueueNums: 2 })
      const many = yield* routes.get("U", { create: true, defaultTopicQueueNums: 100 })
      assert.deepStrictEqual([few.writeQueues.length, many.writeQueues.length], [2, 8])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("is an error for those who create none", () =>
    Effect.gen(function*() {
      const { routes } = yield* routing(defaults)
      yield* routes.get("T", { create: true })
      assert.strictEqual((yield* Effect.flip(routes.get("T"))).reason._tag, "TopicNotFound")
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("is an error where the cluster creates none", () =>
    Effect.gen(function*() {
      const { names, routes } = yield* routing({})
      const { message, reason } = yield* Effect.flip(routes.get("T", { create: true }))
      assert.strictEqual(reason._tag, "TopicNotFound")
      assert.include(message, "TBW102")
      assert.include(message, names.address)
      yield* Effect.flip(routes.get("T", { create: true }))
      assert.deepStrictEqual(names.asked(), ["T", "TBW102"])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("is a real one once it exists", () =>
    Effect.gen(function*() {
      const { names, routes } = yield* routing(defaults)
      const before = yield* routes.get("T", { create: true })
      yield* pass("30 seconds")
      assert.strictEqual(routes.getUnsafe("T"), before)
      names.routes.set("T", route({ a: "10.0.0.1:1" }, 3))
      yield* pass("30 seconds")
      const after = routes.getUnsafe("T")
      assert.isFalse(after?.autoCreated)
      assert.strictEqual(after?.writeQueues.length, 3)
    }).pipe(Effect.provide(MemoryTransport.layer)))
})

describe("routes that are known", () => {
  it.effect("are asked for every 30 seconds; the same answer, in whatever order, leaves the same object", () =>
    Effect.gen(function*() {
      const { names, routes } = yield* routing({ T: route({ a: "10.0.0.1:1", b: "10.0.0.1:2" }) })
      const found = yield* routes.get("T")
      const { brokerDatas, queueDatas, ...rest } = route({ a: "10.0.0.1:1", b: "10.0.0.1:2" })
      names.routes.set("T", {
        ...rest,
        brokerDatas: [...brokerDatas].reverse(),
        queueDatas: [...queueDatas].reverse()
      })
      yield* pass("90 seconds")
      assert.deepStrictEqual(names.of(105).map(({ at }) => at), [0, 30_000, 60_000, 90_000])
      assert.strictEqual(routes.getUnsafe("T"), found)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("are replaced when they change, and whoever listens is told", () =>
    Effect.gen(function*() {
      const { names, routes } = yield* routing({ T: route({ a: "10.0.0.1:1" }, 1) })
      const seen: Array<number> = []
      yield* Effect.forkScoped(
        Stream.runForEach(routes.changes, ({ writeQueues }) => Effect.sync(() => seen.push(writeQueues.length))),
        { startImmediately: true }
      )
      yield* settle
      const before = yield* routes.get("T")
      names.routes.set("T", route({ a: "10.0.0.1:1" }, 2))
      yield* pass("60 seconds")
      assert.notStrictEqual(routes.getUnsafe("T"), before)
      assert.deepStrictEqual(seen, [1, 2])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("stay when the name servers fail or have forgotten the topic", () =>
    Effect.gen(function*() {
      const net = yield* network
      const { names, routes } = yield* routing({ T: route({ a: "10.0.0.1:1" }) })
      const found = yield* routes.get("T")
      names.routes.delete("T")
      yield* pass("30 seconds")
      assert.strictEqual((yield* Effect.flip(routes.refresh("T"))).reason._tag, "TopicNotFound")
      net.fault(names.address, "refuse")
      net.reset(names.address)
      yield* pass("2 minutes")
      assert.strictEqual(routes.getUnsafe("T"), found)
      assert.strictEqual(yield* routes.get("T"), found)
      assert.strictEqual(routes.masterOf("a"), "10.0.0.1:1")
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("are asked for one by one no more once no name server answers", () =>
    Effect.gen(function*() {
      const topics = Object.fromEntries(
        Array.from({ length: 100 }, (_, index) => [`T${index}`, route({ a: "10.0.0.1:1" })] as const)
      )
      const { names, routes } = yield* routing(topics)
      yield* Effect.forEach(Object.keys(topics), (topic) => routes.get(topic), { concurrency: 10 })
      names.becomes(() => Effect.never)
      names.got.length = 0
      yield* pass("40 seconds")
      assert.isAtMost(names.asked().length, 16)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("are looked after until nobody has asked for them for long", () =>
    Effect.gen(function*() {
      const { names, routes } = yield* routing(
        { T: route({ a: "10.0.0.1:1" }), U: route({ b: "10.0.0.1:2" }) },
        { unusedFor: "5 minutes" }
      )
      yield* routes.get("T")
      yield* routes.get("U")
      yield* pass("5 minutes")
      assert.isDefined(routes.getUnsafe("T"))
      yield* pass("1 minute")
      assert.isUndefined(routes.getUnsafe("U"))
      assert.isDefined(routes.getUnsafe("T"))
      assert.deepStrictEqual([...routes.brokerAddresses().keys()], ["10.0.0.1:1"])
      names.got.length = 0
      yield* pass("30 seconds")
      assert.deepStrictEqual(names.asked(), ["T"])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("of one topic are asked for by all who find fault with them at once, and then once a second", () =>
    Effect.gen(function*() {
      const { names, routes } = yield* routing({ T: route({ a: "10.0.0.1:1" }) })
      yield* routes.get("T")
      names.got.length = 0
      yield* pass("10 seconds")
      for (let index = 0; index < 100; index++) {
        routes.refreshSoon("T")
        yield* pass(30)
      }
      assert.deepStrictEqual(names.of(105).map(({ at }) => at), [10_000, 11_000, 12_000, 13_000])
      routes.refreshSoon("nobody knows it")
      yield* settle
    }).pipe(Effect.provide(MemoryTransport.layer)))
})

describe("the brokers of all routes", () => {
  it.effect("are known by address: several behind one", () =>
    Effect.gen(function*() {
      const proxy = "10.0.0.1:8080"
      const { routes } = yield* routing({ T: route({ a: { 0: proxy, 1: proxy }, b: proxy }) })
      yield* routes.get("T")
      assert.deepStrictEqual([...routes.brokerAddresses()], [[proxy, [
        { brokerName: "a", brokerId: 0 },
        { brokerName: "a", brokerId: 1 },
        { brokerName: "b", brokerId: 0 }
      ]]])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("are where the newest answer says", () =>
    Effect.gen(function*() {
      const { names, routes } = yield* routing({ T: route({ a: "10.0.0.1:1" }), U: route({ a: "10.0.0.1:1" }) })
      yield* routes.get("T")
      yield* routes.get("U")
      names.routes.set("T", route({ a: "10.0.0.1:2" }))
      yield* routes.refresh("T")
      assert.strictEqual(routes.masterOf("a"), "10.0.0.1:2")
      // An answer that says the same as before is the newest all the same.
      yield* routes.refresh("U")
      assert.strictEqual(routes.masterOf("a"), "10.0.0.1:1")
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("are those of older routes too, as long as they are handed out", () =>
    Effect.gen(function*() {
      const { names, routes } = yield* routing({ T: route({ a: "10.0.0.1:1" }), U: route({ a: "10.0.0.1:1" }) })
      yield* routes.get("T")
      yield* routes.get("U")
      names.routes.set("T", route({ a: { 1: "10.0.0.1:2" } }))
      yield* routes.refresh("T")
      assert.isUndefined(routes.masterOf("a"))
      assert.deepStrictEqual([...routes.brokerAddresses()], [
        ["10.0.0.1:1", [{ brokerName: "a", brokerId: 0 }]],
        ["10.0.0.1:2", [{ brokerName: "a", brokerId: 1 }]]
      ])
      names.routes.set("U", route({ a: { 1: "10.0.0.1:2" } }))
      yield* routes.refresh("U")
      assert.deepStrictEqual([...routes.brokerAddresses().keys()], ["10.0.0.1:2"])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("that were slaves' are prepared for anew when masters are there", () =>
    Effect.gen(function*() {
      const { names, routes } = yield* routing({ T: route({ a: { 1: "10.0.0.1:1" } }) })
      const told: Array<ReadonlyArray<string>> = []
      yield* routes.onNewAddresses((fresh) => Effect.sync(() => told.push(fresh)))
      yield* routes.get("T")
      names.routes.set("T", route({ a: { 0: "10.0.0.1:1", 1: "10.0.0.1:1" } }))
      yield* routes.refresh("T")
      assert.deepStrictEqual(told, [["10.0.0.1:1"], ["10.0.0.1:1"]])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("that another route prepares for are waited for", () =>
    Effect.gen(function*() {
      const { routes } = yield* routing({ T: route({ a: "10.0.0.1:1" }), U: route({ a: "10.0.0.1:1" }) })
      const told: Array<ReadonlyArray<string>> = []
      yield* routes.onNewAddresses((fresh) => Effect.delay(Effect.sync(() => told.push(fresh)), 100))
      yield* start(routes.get("T"))
      yield* start(routes.get("U"))
      yield* pass(99)
      assert.isUndefined(routes.getUnsafe("U"))
      yield* pass(1)
      assert.isDefined(routes.getUnsafe("U"))
      assert.deepStrictEqual(told, [["10.0.0.1:1"]])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("that are new can be prepared for before their route is handed out", () =>
    Effect.gen(function*() {
      const { names, routes } = yield* routing({ T: route({ a: "10.0.0.1:1" }) })
      const told: Array<ReadonlyArray<string>> = []
      yield* routes.onNewAddresses((fresh) => Effect.delay(Effect.sync(() => told.push(fresh)), 100))
      yield* routes.onNewAddresses(() => Effect.fail("whatever"))
      const fiber = yield* start(routes.get("T"))
      yield* pass(99)
      assert.isUndefined(routes.getUnsafe("T"))
      yield* pass(1)
      assert.strictEqual(routes.getUnsafe("T"), yield* Fiber.join(fiber))
      names.routes.set("T", route({ a: "10.0.0.1:1", b: "10.0.0.1:2" }))
      yield* pass("31 seconds")
      assert.deepStrictEqual(told, [["10.0.0.1:1"], ["10.0.0.1:2"]])
    }).pipe(Effect.provide(MemoryTransport.layer)))
})

describe("a route is refreshed at once", () => {
  /** Two brokers, a client that sends, and routes that are a while old. */
  const sending = Effect.gen(function*() {
    const one = yield* broker(1)
    const two = yield* broker(2)
    const made = yield* routing({ T: route({ a: one.address, b: two.address }), U: route({ b: two.address }) })
    yield* Context.get(made.context, Heartbeats).registerProducer("P")
    yield* made.routes.get("T")
    yield* made.routes.get("U")
    yield* pass("10 seconds")
    made.names.got.length = 0
    return { ...made, one, two }
  })

  it.effect("when a broker goes away", () =>
    Effect.gen(function*() {
      const { client, names, one, routes, two } = yield* sending
      names.routes.set("T", route({ b: two.address }))
      one.becomes(() => Effect.succeed({ code: ResponseCode.GO_AWAY }))
      yield* start(Effect.exit(client.invoke(one.address, { code: echoCode }, { goAwayHops: 0 })))
      yield* settle
      assert.deepStrictEqual(names.asked(), ["T"])
      assert.deepStrictEqual([...routes.getUnsafe("T")!.brokers.keys()], ["b"])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("when a broker is gone, and not at every vain attempt to reach it", () =>
    Effect.gen(function*() {
      const net = yield* network
      const { names, one } = yield* sending
      net.fault(one.address, "refuse")
      net.reset(one.address)
      yield* pass("15 seconds")
      assert.isAtLeast(net.dials(one.address), 10)
      assert.isAtMost(names.asked().length, 2)
      assert.deepStrictEqual([...new Set(names.asked())], ["T"])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("and a name server that is lost and back is not noticed", () =>
    Effect.gen(function*() {
      const net = yield* network
      const lost = yield* nameServer(7, new Map([["T", route({ a: "10.0.0.1:1" })]]))
      const other = yield* nameServer(8, new Map([["T", route({ a: "10.0.0.1:1" })]]))
      const context = yield* mqClient({ nameServers: [lost.address, other.address] })
      const routes = Context.get(context, TopicRoutes)
      const found = yield* routes.get("T")
      net.fault(lost.address, "blackHole")
      yield* pass("65 seconds")
      net.fault(lost.address, undefined)
      const at = yield* now
      assert.strictEqual(yield* routes.refresh("T"), found)
      assert.strictEqual(yield* now, at)
    }).pipe(Effect.provide(MemoryTransport.layer)))
})
