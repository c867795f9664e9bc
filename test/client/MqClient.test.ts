import { assert, describe, it } from "@effect/vitest"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import * as Redacted from "effect/Redacted"
import { Heartbeats } from "../../src/client/Heartbeats.ts"
import * as MqClient from "../../src/client/MqClient.ts"
import { MqClientApi } from "../../src/client/MqClientApi.ts"
import { NameServers } from "../../src/client/NameServers.ts"
import { TopicRoutes } from "../../src/client/TopicRoutes.ts"
import * as MemoryTransport from "../../src/remoting/MemoryTransport.ts"
import * as Reconnection from "../../src/remoting/Reconnection.ts"
import * as RemotingClient from "../../src/remoting/RemotingClient.ts"
import * as ResponseFutures from "../../src/remoting/ResponseFutures.ts"
import { broker, client, echoCode, mqClient, nameServer, route } from "./support.ts"

describe("a client's id", () => {
  it.effect("is its address and a random instance name", () =>
    Effect.gen(function*() {
      const one = yield* MqClient.make({ clientIp: "10.1.1.1" })
      const two = yield* MqClient.make({ clientIp: "10.1.1.1" })
      assert.match(one.clientId, /^10\.1\.1\.1@[0-9a-f]{16}$/)
      assert.notStrictEqual(one.clientId, two.clientId)
      assert.strictEqual(one.ip, "10.1.1.1")
    }))

  it.effect("is the same for the same seed", () =>
    Effect.gen(function*() {
      const make = Effect.provide(MqClient.make({ clientIp: "10.1.1.1" }), Layer.empty).pipe(Random.withSeed("seed"))
      assert.strictEqual((yield* make).clientId, (yield* make).clientId)
    }))

  it.effect("may have a unit, a given instance name, or be given as a whole", () =>
    Effect.gen(function*() {
      const parts = { clientIp: "10.1.1.1", instanceName: "i" }
      assert.strictEqual((yield* MqClient.make(parts)).clientId, "10.1.1.1@i")
      assert.strictEqual((yield* MqClient.make({ ...parts, unitName: "u" })).clientId, "10.1.1.1@i@u")
      assert.strictEqual((yield* MqClient.make({ ...parts, unitName: "" })).clientId, "10.1.1.1@i")
      assert.strictEqual((yield* MqClient.make({ ...parts, clientId: "whole" })).clientId, "whole")
    }))

  it.effect("has the defaults where its parts are empty", () =>
    Effect.gen(function*() {
      const make = MqClient.make({ clientIp: "", clientId: "", instanceName: "", unitName: "" })
      const [one, other] = [yield* make, yield* make]
      assert.match(one.clientId, /^[0-9a-f.:]+@[0-9a-f]{16}$/)
      assert.notStrictEqual(one.clientId, other.clientId)
    }))

  it.effect("has an address of this machine where none is given", () =>
    Effect.gen(function*() {
      const { clientId, ip } = yield* MqClient.make()
      assert.isTrue(clientId.startsWith(`${ip}@`))
      assert.match(ip, /^[0-9a-f.:]+$/)
    }))
})

describe("a namespace", () => {
  it.effect("of version 1 is part of every name", () =>
    Effect.gen(function*() {
      const { namespace, unwrap, wrap } = yield* MqClient.make({ namespace: "ns" })
      assert.strictEqual(namespace, "ns")
      assert.strictEqual(wrap("T"), "ns%T")
      assert.strictEqual(wrap("%RETRY%C"), "%RETRY%ns%C")
      assert.strictEqual(wrap(wrap("T")), "ns%T")
      assert.strictEqual(unwrap("ns%T"), "T")
      assert.strictEqual(unwrap("%RETRY%ns%C"), "%RETRY%C")
    }))

  it.effect("is that of an instance's endpoint, where none is given", () =>
    Effect.gen(function*() {
      const nameServers = "http://MQ_INST_1_a.example.com:80"
      assert.strictEqual((yield* MqClient.make({ nameServers })).namespace, "MQ_INST_1_a")
      assert.strictEqual((yield* MqClient.make({ nameServers, namespace: "ns" })).namespace, "ns")
      const none = yield* MqClient.make({ nameServers: "example.com:80" })
      assert.isUndefined(none.namespace)
      assert.strictEqual(none.wrap("T"), "T")
      assert.strictEqual(none.unwrap("a%T"), "a%T")
    }))

  it.effect("of version 2 goes into each request, heartbeats too, and is signed", () =>
    Effect.gen(function*() {
      const one = yield* broker(1)
      const names = yield* nameServer(9, new Map([["T", route({ a: one.address })]]))
      const context = yield* mqClient({ nameServers: names.address, namespaceV2: "ns" }, {
        hooks: MqClient.hooks({ namespaceV2: "ns" }),
        credentials: { accessKey: "key", secretKey: Redacted.make("secret") }
      })
      yield* Context.get(context, Heartbeats).registerProducer("P")
      yield* Context.get(context, TopicRoutes).get("T")
      yield* Context.get(context, RemotingClient.RemotingClient).invoke(one.address, {
        code: echoCode,
        extFields: { a: "b" }
      })
      assert.strictEqual(one.got.length, 2)
      for (const { request } of [...names.got, ...one.got]) {
        assert.deepInclude({ ...request.extFields }, { ns: "ns", nsd: "true", AccessKey: "key" })
      }
      assert.strictEqual(one.got[1].request.extFields.a, "b")
      assert.strictEqual(Context.get(context, MqClient.MqClient).namespaceV2, "ns")
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it("of version 2 that is empty is none", () => {
    assert.deepStrictEqual(MqClient.hooks({ namespaceV2: "" }), [])
    assert.deepStrictEqual(MqClient.hooks({}), [])
  })
})

describe("layers", () => {
  it.effect("of two clients in one graph share nothing", () =>
    Effect.gen(function*() {
      const one = yield* broker(1)
      const two = yield* broker(2)
      const made = (port: number) =>
        Effect.gen(function*() {
          const connections = yield* client()
          const names = yield* nameServer(
            port,
            new Map([["T", route({ a: port === 8 ? one.address : two.address })]])
          )
          return MqClient.layerNoDeps({ nameServers: names.address }).pipe(
            Layer.provide(Layer.succeed(RemotingClient.RemotingClient, connections))
          )
        })
      class First extends Context.Service<First, MqClientApi["Service"]>()("test/First") {}
      class Second extends Context.Service<Second, MqClientApi["Service"]>()("test/Second") {}
      const context = yield* Layer.build(
        Layer.merge(
          Layer.effect(First, MqClientApi).pipe(Layer.provide(yield* made(8))),
          Layer.effect(Second, MqClientApi).pipe(Layer.provide(yield* made(9)))
        )
      )
      assert.notStrictEqual(Context.get(context, First), Context.get(context, Second))
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("of one client may be built by hand, part by part", () =>
    Effect.gen(function*() {
      const names = yield* nameServer(9, new Map([["T", route({ a: "10.0.0.1:1" })]]))
      const Client = MqClient.layerNoDeps({ nameServers: names.address }).pipe(
        Layer.provideMerge(RemotingClient.layerNoDeps({ metrics: false })),
        Layer.provide([ResponseFutures.layer, Reconnection.layer])
      )
      const found = yield* Effect.flatMap(TopicRoutes, (routes) => routes.get("T")).pipe(Effect.provide(Client))
      assert.strictEqual(found.topic, "T")
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("over TCP take all options", () =>
    Effect.gen(function*() {
      const addresses = yield* Effect.map(NameServers, (names) => names.addresses()).pipe(
        Effect.provide(MqClient.layer({
          nameServers: "127.0.0.1:9876",
          mapAddress: (address) => address,
          credentials: { accessKey: "key", secretKey: Redacted.make("secret") },
          tls: { serverName: "names.example" },
          remoting: { metrics: false }
        }))
      )
      assert.deepStrictEqual(addresses, ["127.0.0.1:9876"])
    }))
})

describe("configuration", () => {
  const read = (
    settings: Readonly<Record<string, string>>,
    options: Parameters<typeof MqClient.layerConfig>[0] = {}
  ) =>
    Effect.gen(function*() {
      const names = yield* NameServers
      const identity = yield* MqClient.MqClient
      return { addresses: names.addresses(), ...identity }
    }).pipe(
      Effect.provide(MqClient.layerConfig({ remoting: { metrics: false }, ...options })),
      Effect.provide(ConfigProvider.layer(ConfigProvider.fromEnv({ env: settings })))
    )

  it.effect("names the name servers, and the client", () =>
    Effect.gen(function*() {
      const made = yield* read({
        ROCKETMQ_NAMESRV_ADDR: "a:1;b:2",
        ROCKETMQ_NAMESPACE: "ns",
        ROCKETMQ_NAMESPACE_V2: "ns2",
        ROCKETMQ_CLIENT_IP: "10.1.1.1",
        ROCKETMQ_INSTANCE_NAME: "i",
        ROCKETMQ_UNIT_NAME: "u"
      })
      assert.deepInclude(made, {
        addresses: ["a:1", "b:2"],
        clientId: "10.1.1.1@i@u",
        namespace: "ns",
        namespaceV2: "ns2"
      })
    }))

  it.effect("takes NAMESRV_ADDR, as other clients do, where there is none of its own", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual((yield* read({ NAMESRV_ADDR: "c:3" })).addresses, ["c:3"])
      assert.deepStrictEqual((yield* read({ NAMESRV_ADDR: "c:3", ROCKETMQ_NAMESRV_ADDR: "a:1" })).addresses, ["a:1"])
    }))

  it.effect("is of a lower rank than options", () =>
    Effect.gen(function*() {
      const made = yield* read({ NAMESRV_ADDR: "c:3", ROCKETMQ_NAMESPACE: "ns" }, {
        nameServers: "d:4",
        namespace: undefined
      })
      assert.deepInclude(made, { addresses: ["d:4"], namespace: "ns" })
    }))

  it.effect("may name an address server instead", () =>
    Effect.gen(function*() {
      const urls: Array<string> = []
      const made = yield* read({ ROCKETMQ_NAMESRV_DOMAIN: "jmenv.example", ROCKETMQ_NAMESRV_SUBGROUP: "mine" }, {
        fetch: (url) =>
          Effect.sync(() => {
            urls.push(url)
            return { status: 200, body: "e:5" }
          })
      })
      assert.deepStrictEqual(made.addresses, ["e:5"])
      assert.deepStrictEqual(urls, ["http://jmenv.example:8080/rocketmq/mine"])
    }))

  it.effect("without name servers is an error that says what to set", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(read({}))
      assert.include(error.message, "ROCKETMQ_NAMESRV_ADDR")
    }))
})
