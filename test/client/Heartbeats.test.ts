import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import { Heartbeats } from "../../src/client/Heartbeats.ts"
import { TopicRoutes } from "../../src/client/TopicRoutes.ts"
import type { ConsumerData } from "../../src/protocol/body/HeartbeatData.ts"
import { RequestCode } from "../../src/protocol/RequestCode.ts"
import { ResponseCode } from "../../src/protocol/ResponseCode.ts"
import * as MemoryTransport from "../../src/remoting/MemoryTransport.ts"
import { RemotingClient } from "../../src/remoting/RemotingClient.ts"
import {
  balanced,
  broker,
  closableClient,
  echoCode,
  mqClient,
  nameServer,
  network,
  now,
  pass,
  route,
  settle,
  start,
  v2Fields
} from "./support.ts"

const { HEART_BEAT, UNREGISTER_CLIENT, GET_ROUTEINFO_BY_TOPIC } = RequestCode

const consumer = (groupName: string, topic = "T"): ConsumerData => ({
  groupName,
  consumeType: "CONSUME_PASSIVELY",
  messageModel: "CLUSTERING",
  consumeFromWhere: "CONSUME_FROM_LAST_OFFSET",
  unitMode: false,
  subscriptionDataSet: [{
    topic,
    subString: "*",
    tagsSet: [],
    codeSet: [],
    subVersion: 1,
    classFilterMode: false,
    expressionType: "TAG"
  }]
})

/** A broker with a topic, a name server that knows it, and a client that knows neither yet. */
const cluster = Effect.gen(function*() {
  const one = yield* broker(1)
  const names = yield* nameServer(9, new Map([["T", route({ a: one.address })]]))
  const context = yield* mqClient({ nameServers: names.address })
  return {
    one,
    names,
    context,
    client: Context.get(context, RemotingClient),
    heartbeats: Context.get(context, Heartbeats),
    routes: Context.get(context, TopicRoutes)
  }
})

describe("on a fresh channel", () => {
  it.effect("all groups are registered with one heartbeat, before anything else flows", () =>
    Effect.gen(function*() {
      const { client, heartbeats, one, routes } = yield* cluster
      yield* heartbeats.registerProducer("P1")
      yield* heartbeats.registerProducer("P2")
      yield* heartbeats.registerConsumer("C1", () => consumer("C1"))
      yield* routes.get("T")
      yield* client.invoke(one.address, { code: echoCode })
      assert.deepStrictEqual(one.byChannel(), [[HEART_BEAT, echoCode]])
      const [{ data }] = one.beats()
      assert.strictEqual(data.clientID, "10.1.1.1@test")
      assert.deepStrictEqual(data.producerDataSet.map(({ groupName }) => groupName), ["P1", "P2"])
      assert.deepStrictEqual(
        data.consumerDataSet.map(({ groupName, subscriptionDataSet }) => [
          groupName,
          subscriptionDataSet.map(({ topic }) => topic)
        ]),
        [["C1", ["T"]]]
      )
      assert.isFalse(data.withoutSub)
      assert.notStrictEqual(data.heartbeatFingerprint, 0)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("requests wait until the heartbeat is answered", () =>
    Effect.gen(function*() {
      const { client, heartbeats, one, routes } = yield* cluster
      one.becomes((request) => request.code === HEART_BEAT ? Effect.delay(Effect.succeed({}), "1 second") : undefined)
      yield* heartbeats.registerProducer("P")
      yield* routes.get("T")
      const fiber = yield* start(client.invoke(one.address, { code: echoCode }))
      yield* pass(999)
      assert.deepStrictEqual(one.byChannel(), [[HEART_BEAT]])
      yield* pass(1)
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(one.byChannel(), [[HEART_BEAT, echoCode]])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("after a broken connection the groups are registered again first", () =>
    Effect.gen(function*() {
      const net = yield* network
      const { client, heartbeats, one, routes } = yield* cluster
      yield* heartbeats.registerProducer("P")
      yield* routes.get("T")
      yield* client.invoke(one.address, { code: echoCode })
      net.reset(one.address)
      const fiber = yield* start(client.invoke(one.address, { code: echoCode }))
      yield* pass(100)
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(one.byChannel(), [[HEART_BEAT, echoCode], [HEART_BEAT, echoCode]])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("the channel that takes over after GO_AWAY is registered before the refused request comes", () =>
    Effect.gen(function*() {
      const { client, heartbeats, one, routes } = yield* cluster
      let refused = false
      one.becomes((request) => {
        if (refused || request.code !== echoCode) return undefined
        refused = true
        return Effect.succeed({ code: ResponseCode.GO_AWAY })
      })
      yield* heartbeats.registerProducer("P")
      yield* routes.get("T")
      const fiber = yield* start(client.invoke(one.address, { code: echoCode }))
      yield* pass(10)
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(one.byChannel(), [[HEART_BEAT, echoCode], [HEART_BEAT, echoCode]])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("a server that answers the heartbeat with GO_AWAY is left for the next one behind the address", () =>
    Effect.gen(function*() {
      const net = yield* network
      const leaving = yield* broker(1)
      const staying = yield* broker(2)
      net.balance(balanced, [leaving.address, staying.address])
      leaving.becomes(() => Effect.succeed({ code: ResponseCode.GO_AWAY }))
      const names = yield* nameServer(9, new Map([["T", route({ a: balanced })]]))
      const context = yield* mqClient({ nameServers: names.address })
      yield* Context.get(context, Heartbeats).registerProducer("P")
      yield* Context.get(context, TopicRoutes).get("T")
      const fiber = yield* start(Context.get(context, RemotingClient).invoke(balanced, { code: echoCode }))
      yield* pass(10)
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(leaving.byChannel(), [[HEART_BEAT]])
      assert.deepStrictEqual(staying.byChannel(), [[HEART_BEAT, echoCode]])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("host names are registered like addresses", () =>
    Effect.gen(function*() {
      const net = yield* network
      const one = yield* broker(1)
      net.resolve("broker.example", ["10.0.0.1"])
      const names = yield* nameServer(9, new Map([["T", route({ a: "broker.example:1" })]]))
      const context = yield* mqClient({ nameServers: names.address })
      yield* Context.get(context, Heartbeats).registerProducer("P")
      yield* Context.get(context, TopicRoutes).get("T")
      yield* Context.get(context, RemotingClient).invoke("broker.example:1", { code: echoCode })
      assert.deepStrictEqual(one.byChannel(), [[HEART_BEAT, echoCode]])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("several brokers behind one address are one channel, and one registration", () =>
    Effect.gen(function*() {
      const net = yield* network
      const proxy = yield* broker(1)
      net.balance(balanced, [proxy.address])
      const names = yield* nameServer(9, new Map([["T", route({ a: { 0: balanced, 1: balanced }, b: balanced })]]))
      const context = yield* mqClient({ nameServers: names.address })
      yield* Context.get(context, Heartbeats).registerConsumer("C", () => consumer("C"))
      yield* Context.get(context, TopicRoutes).get("T")
      yield* settle
      assert.strictEqual(proxy.beats().length, 1)
      yield* pass("30 seconds")
      assert.strictEqual(proxy.beats().length, 2)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("a server that refuses the heartbeat is asked all the same, and the heartbeat comes again", () =>
    Effect.gen(function*() {
      const { client, heartbeats, one, routes } = yield* cluster
      let refusals = 2
      one.becomes((request) =>
        request.code === HEART_BEAT && refusals-- > 0
          ? Effect.succeed({ code: ResponseCode.SYSTEM_BUSY, remark: "[OVERLOAD]" })
          : undefined
      )
      yield* heartbeats.registerProducer("P")
      yield* routes.get("T")
      yield* client.invoke(one.address, { code: echoCode })
      assert.deepStrictEqual(one.byChannel(), [[HEART_BEAT, echoCode]])
      yield* pass(1_000 + 2_000)
      assert.deepStrictEqual(one.beats().map(({ at }) => at), [0, 1_000, 3_000])
      yield* pass("20 seconds")
      assert.strictEqual(one.beats().length, 3)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("a server that refuses the credentials is not pressed", () =>
    Effect.gen(function*() {
      const { client, heartbeats, one, routes } = yield* cluster
      one.becomes((request) =>
        request.code === HEART_BEAT
          ? Effect.succeed({ code: ResponseCode.NO_PERMISSION, remark: "check signature failed." })
          : undefined
      )
      yield* heartbeats.registerProducer("P")
      yield* routes.get("T")
      yield* client.invoke(one.address, { code: echoCode })
      yield* pass("29 seconds")
      assert.strictEqual(one.beats().length, 1)
      yield* pass("1 second")
      assert.strictEqual(one.beats().length, 2)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("name servers are not registered, and not kept connected", () =>
    Effect.gen(function*() {
      const { context, heartbeats, names } = yield* cluster
      yield* heartbeats.registerProducer("P")
      yield* Context.get(context, TopicRoutes).get("T")
      yield* pass("1 second")
      assert.deepStrictEqual(names.got.map(({ code }) => code), [GET_ROUTEINFO_BY_TOPIC])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("nothing is registered while there is no group", () =>
    Effect.gen(function*() {
      const { client, one, routes } = yield* cluster
      yield* routes.get("T")
      yield* client.invoke(one.address, { code: echoCode })
      yield* pass("1 minute")
      assert.deepStrictEqual(one.byChannel(), [[echoCode]])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("groups that come while the heartbeat is under way are registered before anything else flows", () =>
    Effect.gen(function*() {
      const { client, heartbeats, one, routes } = yield* cluster
      one.becomes((request) => request.code === HEART_BEAT ? Effect.delay(Effect.succeed({}), 100) : undefined)
      yield* heartbeats.registerProducer("P1")
      yield* routes.get("T")
      const fiber = yield* start(client.invoke(one.address, { code: echoCode }))
      yield* pass(50)
      yield* heartbeats.registerProducer("P2")
      yield* pass(150)
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(one.byChannel(), [[HEART_BEAT, HEART_BEAT, echoCode]])
      assert.deepStrictEqual(one.beats().map(({ data }) => data.producerDataSet.length), [1, 2])
    }).pipe(Effect.provide(MemoryTransport.layer)))
})

describe("on a channel that is open", () => {
  it.effect("a new group is registered at once", () =>
    Effect.gen(function*() {
      const { client, heartbeats, one, routes } = yield* cluster
      yield* routes.get("T")
      yield* client.invoke(one.address, { code: echoCode })
      yield* heartbeats.registerProducer("P")
      yield* client.invoke(one.address, { code: echoCode })
      assert.deepStrictEqual(one.byChannel(), [[echoCode, HEART_BEAT, echoCode]])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("a proxy that is its own name server is registered before its route is handed out", () =>
    Effect.gen(function*() {
      const proxy = yield* nameServer(1)
      proxy.routes.set("T", route({ a: proxy.address, b: proxy.address }))
      const context = yield* mqClient({ nameServers: proxy.address })
      yield* Context.get(context, Heartbeats).registerProducer("P")
      yield* Context.get(context, TopicRoutes).get("T")
      yield* Context.get(context, RemotingClient).invoke(proxy.address, { code: echoCode })
      assert.deepStrictEqual(proxy.got.map(({ code }) => code), [GET_ROUTEINFO_BY_TOPIC, HEART_BEAT, echoCode])
      assert.strictEqual(new Set(proxy.got.map(({ channel }) => channel)).size, 1)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("after a swap such a proxy is registered first, before routes too", () =>
    Effect.gen(function*() {
      const net = yield* network
      const proxy = yield* nameServer(1)
      proxy.routes.set("T", route({ a: proxy.address }))
      const context = yield* mqClient({ nameServers: proxy.address })
      yield* Context.get(context, Heartbeats).registerProducer("P")
      yield* Context.get(context, TopicRoutes).get("T")
      proxy.got.length = 0
      net.reset(proxy.address)
      const fiber = yield* start(Context.get(context, TopicRoutes).refresh("T"))
      yield* pass(100)
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(proxy.got.map(({ code }) => code), [HEART_BEAT, GET_ROUTEINFO_BY_TOPIC])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("a proxy that does not answer the heartbeat holds its route up no longer than that takes", () =>
    Effect.gen(function*() {
      const proxy = yield* nameServer(1)
      proxy.routes.set("T", route({ a: proxy.address }))
      proxy.becomes((request) => request.code === HEART_BEAT ? Effect.never : undefined)
      const context = yield* mqClient({ nameServers: proxy.address })
      yield* Context.get(context, Heartbeats).registerProducer("P")
      const fiber = yield* start(Context.get(context, TopicRoutes).get("T"))
      yield* pass("3 seconds")
      assert.strictEqual((yield* Fiber.join(fiber)).topic, "T")
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("the new brokers of a route are connected and registered without a request for them", () =>
    Effect.gen(function*() {
      const { heartbeats, one, routes } = yield* cluster
      yield* heartbeats.registerProducer("P")
      yield* routes.get("T")
      yield* settle
      assert.deepStrictEqual(one.byChannel(), [[HEART_BEAT]])
    }).pipe(Effect.provide(MemoryTransport.layer)))
})

describe("the heartbeats", () => {
  it.effect("go out every 30 seconds", () =>
    Effect.gen(function*() {
      const { heartbeats, one, routes } = yield* cluster
      yield* heartbeats.registerProducer("P")
      yield* routes.get("T")
      yield* pass("90 seconds")
      assert.deepStrictEqual(one.beats().map(({ at }) => at), [0, 30_000, 60_000, 90_000])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("go to all brokers at once: one that is slow delays none", () =>
    Effect.gen(function*() {
      const slow = yield* broker(1)
      const quick = yield* broker(2)
      const names = yield* nameServer(9, new Map([["T", route({ a: slow.address, b: quick.address })]]))
      const context = yield* mqClient({ nameServers: names.address })
      yield* Context.get(context, Heartbeats).registerProducer("P")
      yield* Context.get(context, TopicRoutes).get("T")
      yield* settle
      slow.becomes(() => Effect.delay(Effect.succeed({}), "2900 millis"))
      yield* pass("2 minutes")
      assert.deepStrictEqual(quick.beats().map(({ at }) => at), [0, 30_000, 60_000, 90_000, 120_000])
      assert.deepStrictEqual(slow.beats().map(({ at }) => at), [0, 30_000, 60_000, 90_000, 120_000])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("of a client that only sends go to masters only", () =>
    Effect.gen(function*() {
      const master = yield* broker(1)
      const slave = yield* broker(2)
      const names = yield* nameServer(
        9,
        new Map([["T", route({ a: { 0: master.address, 1: slave.address } })]])
      )
      const context = yield* mqClient({ nameServers: names.address })
      const heartbeats = Context.get(context, Heartbeats)
      yield* heartbeats.registerProducer("P")
      yield* Context.get(context, TopicRoutes).get("T")
      yield* pass("30 seconds")
      assert.strictEqual(master.beats().length, 2)
      assert.strictEqual(slave.got.length, 0)
      yield* heartbeats.registerConsumer("C", () => consumer("C"))
      yield* settle
      assert.strictEqual(slave.beats().length, 1)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("can be sent at any time, and waited for", () =>
    Effect.gen(function*() {
      const { heartbeats, one, routes } = yield* cluster
      yield* heartbeats.registerProducer("P")
      yield* routes.get("T")
      yield* settle
      one.becomes(() => Effect.delay(Effect.succeed({}), 500))
      const fiber = yield* start(heartbeats.send)
      yield* pass(499)
      assert.isUndefined(fiber.pollUnsafe())
      yield* pass(1)
      yield* Fiber.join(fiber)
      assert.strictEqual(one.beats().length, 2)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("stop going to a broker that has left the routes, and its channel is let go", () =>
    Effect.gen(function*() {
      const { heartbeats, names, one, routes } = yield* cluster
      const two = yield* broker(2)
      yield* heartbeats.registerProducer("P")
      yield* routes.get("T")
      yield* settle
      names.routes.set("T", route({ b: two.address }))
      yield* pass("30 seconds")
      const before = one.beats().length
      yield* pass("3 minutes")
      assert.strictEqual(one.beats().length, before)
      assert.strictEqual((yield* one.peers).length, 0)
      assert.isAtLeast(two.beats().length, 6)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("dial a broker that was down when it became known", () =>
    Effect.gen(function*() {
      const net = yield* network
      const { heartbeats, one, routes } = yield* cluster
      net.fault(one.address, "refuse")
      yield* heartbeats.registerProducer("P")
      yield* routes.get("T")
      yield* pass("10 seconds")
      assert.strictEqual(one.beats().length, 0)
      net.fault(one.address, undefined)
      yield* pass("1 second")
      assert.strictEqual(one.beats().length, 1)
    }).pipe(Effect.provide(MemoryTransport.layer)))
})

describe("heartbeats of version 2", () => {
  /** A consumer on a broker that answers heartbeats as told. */
  const consuming = (subChange: () => boolean) =>
    Effect.gen(function*() {
      const made = yield* cluster
      made.one.becomes((request) =>
        request.code === HEART_BEAT ? Effect.succeed({ extFields: v2Fields(subChange()) }) : undefined
      )
      const subscription = { topic: "T" }
      yield* made.heartbeats.registerConsumer("C", () => consumer("C", subscription.topic))
      yield* made.routes.get("T")
      yield* settle
      return { ...made, subscription }
    })

  const light = (beats: ReadonlyArray<{ readonly data: { readonly withoutSub: boolean } }>) =>
    beats.map(({ data }) => data.withoutSub)

  it.effect("leave the subscriptions out where the server said on that channel that it understands that", () =>
    Effect.gen(function*() {
      const { one } = yield* consuming(() => false)
      yield* pass("60 seconds")
      assert.deepStrictEqual(light(one.beats()), [false, true, true])
      const [full, second] = one.beats()
      assert.deepStrictEqual(second.data.consumerDataSet.map((data) => [data.groupName, data.subscriptionDataSet]), [
        ["C", []]
      ])
      assert.strictEqual(second.data.heartbeatFingerprint, full.data.heartbeatFingerprint)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("are full to a server that did not say so, such as a proxy", () =>
    Effect.gen(function*() {
      const { heartbeats, one, routes } = yield* cluster
      yield* heartbeats.registerConsumer("C", () => consumer("C"))
      yield* routes.get("T")
      yield* pass("60 seconds")
      assert.deepStrictEqual(light(one.beats()), [false, false, false])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("are full on a fresh channel, whatever the old one knew", () =>
    Effect.gen(function*() {
      const net = yield* network
      const { one } = yield* consuming(() => false)
      yield* pass("30 seconds")
      net.reset(one.address)
      yield* pass(100)
      assert.deepStrictEqual(light(one.beats()), [false, true, false])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("are full when a subscription has changed", () =>
    Effect.gen(function*() {
      const { heartbeats, one, subscription } = yield* consuming(() => false)
      yield* heartbeats.send
      subscription.topic = "U"
      yield* heartbeats.send
      yield* heartbeats.send
      assert.deepStrictEqual(light(one.beats()), [false, true, false, true])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("are full when a group has come or gone", () =>
    Effect.gen(function*() {
      const { heartbeats, one } = yield* consuming(() => false)
      const scope = yield* Scope.make()
      yield* Scope.provide(heartbeats.registerConsumer("D", () => consumer("D")), scope)
      yield* settle
      yield* heartbeats.send
      yield* Scope.close(scope, Exit.void)
      yield* heartbeats.send
      assert.deepStrictEqual(light(one.beats()), [false, false, true, false])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("are sent again in full at once when the server says that its subscriptions are others", () =>
    Effect.gen(function*() {
      let changes = false
      const { heartbeats, one } = yield* consuming(() => changes)
      changes = true
      yield* heartbeats.send
      assert.deepStrictEqual(light(one.beats()), [false, true, false])
      changes = false
      yield* heartbeats.send
      yield* heartbeats.send
      assert.deepStrictEqual(light(one.beats()), [false, true, false, false, true])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("have no fingerprint where there is no subscription", () =>
    Effect.gen(function*() {
      const { heartbeats, one, routes } = yield* cluster
      one.becomes(() => Effect.succeed({ extFields: v2Fields(false) }))
      yield* heartbeats.registerProducer("P")
      yield* routes.get("T")
      yield* pass("30 seconds")
      assert.deepStrictEqual(one.beats().map(({ data }) => [data.heartbeatFingerprint, data.withoutSub]), [
        [0, false],
        [0, false]
      ])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("can be switched off", () =>
    Effect.gen(function*() {
      const one = yield* broker(1)
      one.becomes(() => Effect.succeed({ extFields: v2Fields(false) }))
      const names = yield* nameServer(9, new Map([["T", route({ a: one.address })]]))
      const context = yield* mqClient({ nameServers: names.address, heartbeats: { version2: false } })
      yield* Context.get(context, Heartbeats).registerConsumer("C", () => consumer("C"))
      yield* Context.get(context, TopicRoutes).get("T")
      yield* pass("60 seconds")
      assert.deepStrictEqual(one.beats().map(({ data }) => [data.heartbeatFingerprint, data.withoutSub]), [
        [0, false],
        [0, false],
        [0, false]
      ])
    }).pipe(Effect.provide(MemoryTransport.layer)))
})

describe("the end of a group", () => {
  const goodbyes = (
    one: { readonly of: (code: number) => ReadonlyArray<{ readonly request: { readonly extFields: unknown } }> }
  ) => one.of(UNREGISTER_CLIENT).map(({ request }) => ({ ...(request.extFields as object) }))

  it.effect("is told to its brokers, and later heartbeats are without it", () =>
    Effect.gen(function*() {
      const { heartbeats, one, routes } = yield* cluster
      const scope = yield* Scope.make()
      yield* heartbeats.registerProducer("P1")
      yield* Scope.provide(heartbeats.registerProducer("P2"), scope)
      yield* Scope.provide(heartbeats.registerConsumer("C", () => consumer("C")), scope)
      yield* routes.get("T")
      yield* settle
      yield* Scope.close(scope, Exit.void)
      yield* settle
      assert.deepStrictEqual(goodbyes(one), [
        { clientID: "10.1.1.1@test", consumerGroup: "C" },
        { clientID: "10.1.1.1@test", producerGroup: "P2" }
      ])
      yield* heartbeats.send
      const { data } = one.beats()[one.beats().length - 1]
      assert.deepStrictEqual([data.producerDataSet, data.consumerDataSet], [[{ groupName: "P1" }], []])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("comes with its last registration", () =>
    Effect.gen(function*() {
      const { heartbeats, one, routes } = yield* cluster
      const scope = yield* Scope.make()
      yield* heartbeats.registerProducer("P")
      yield* Scope.provide(heartbeats.registerProducer("P"), scope)
      yield* routes.get("T")
      yield* settle
      yield* Scope.close(scope, Exit.void)
      yield* settle
      assert.deepStrictEqual(goodbyes(one), [])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("is told when the client closes, and takes no time", () =>
    Effect.gen(function*() {
      const one = yield* broker(1)
      const two = yield* broker(2)
      const names = yield* nameServer(9, new Map([["T", route({ a: one.address, b: two.address })]]))
      const { context, scope } = yield* closableClient({ nameServers: names.address })
      yield* Scope.provide(Context.get(context, Heartbeats).registerProducer("P"), scope)
      yield* Context.get(context, TopicRoutes).get("T")
      yield* settle
      // It does not answer any more.
      two.becomes(() => Effect.never)
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(yield* now, 0)
      yield* settle
      assert.deepStrictEqual(goodbyes(one), [{ clientID: "10.1.1.1@test", producerGroup: "P" }])
      assert.deepStrictEqual(goodbyes(two), [{ clientID: "10.1.1.1@test", producerGroup: "P" }])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("is told by the client where the group's own scope stays open", () =>
    Effect.gen(function*() {
      const one = yield* broker(1)
      const names = yield* nameServer(9, new Map([["T", route({ a: one.address })]]))
      const { context, scope } = yield* closableClient({ nameServers: names.address })
      yield* Context.get(context, Heartbeats).registerProducer("P")
      yield* Context.get(context, Heartbeats).registerConsumer("C", () => consumer("C"))
      yield* Context.get(context, TopicRoutes).get("T")
      yield* settle
      yield* Scope.close(scope, Exit.void)
      yield* settle
      assert.deepStrictEqual(goodbyes(one), [
        { clientID: "10.1.1.1@test", producerGroup: "P" },
        { clientID: "10.1.1.1@test", consumerGroup: "C" }
      ])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("does not dial brokers that are down", () =>
    Effect.gen(function*() {
      const net = yield* network
      const one = yield* broker(1)
      const names = yield* nameServer(9, new Map([["T", route({ a: one.address })]]))
      const { context, scope } = yield* closableClient({ nameServers: names.address })
      yield* Scope.provide(Context.get(context, Heartbeats).registerProducer("P"), scope)
      yield* Context.get(context, TopicRoutes).get("T")
      yield* settle
      net.fault(one.address, "refuse")
      net.reset(one.address)
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(goodbyes(one), [])
    }).pipe(Effect.provide(MemoryTransport.layer)))
})
