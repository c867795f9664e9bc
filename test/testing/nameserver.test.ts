import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import * as Zlib from "node:zlib"
import type { RemotingCommand } from "../../src/protocol/RemotingCommand.ts"
import { RequestCode } from "../../src/protocol/RequestCode.ts"
import * as RemotingClient from "../../src/remoting/RemotingClient.ts"
import type { RemotingRequest } from "../../src/remoting/RemotingRequest.ts"
import * as EmbeddedRocketMQ from "../../src/testing/EmbeddedRocketMQ.ts"
import { goldenFrames } from "../protocol/golden.ts"
import { askNameServer, assertSuccess, inMemory, jsonOf, makeClient, textOf, whilePassing } from "./support.ts"

const alone = (nameServerSettings?: Partial<EmbeddedRocketMQ.NameServerSettings>) =>
  inMemory({ brokers: 0, nameServerSettings: nameServerSettings ?? {} })

const topic = (topicName: string, changes: object = {}) => ({
  topicName,
  readQueueNums: 4,
  writeQueueNums: 4,
  perm: 6,
  topicSysFlag: 0,
  topicFilterType: "SINGLE_TAG",
  order: false,
  attributes: {},
  ...changes
})

interface Registration {
  readonly brokerName?: string
  readonly brokerAddr?: string
  readonly brokerId?: number
  readonly topics?: ReadonlyArray<ReturnType<typeof topic>>
  readonly counter?: number
  readonly fields?: Readonly<Record<string, string>>
}

/** A registration as real brokers send it. */
const registration = (options: Registration = {}): RemotingRequest => {
  const topics = options.topics ?? [topic("TBW102"), topic("Orders")]
  const version = { counter: options.counter ?? 0, stateVersion: 0, timestamp: 1_000 }
  const body = Buffer.from(JSON.stringify({
    filterServerList: [],
    topicConfigSerializeWrapper: {
      dataVersion: version,
      mappingDataVersion: version,
      topicConfigTable: Object.fromEntries(topics.map((one) => [one.topicName, one])),
      topicQueueMappingDetailMap: {},
      topicQueueMappingInfoMap: {}
    }
  }))
  return {
    code: RequestCode.REGISTER_BROKER,
    extFields: {
      brokerName: options.brokerName ?? "broker-a",
      brokerAddr: options.brokerAddr ?? "10.0.0.1:10911",
      clusterName: "DefaultCluster",
      haServerAddr: `${(options.brokerAddr ?? "10.0.0.1:10911").split(":")[0]}:10912`,
      brokerId: String(options.brokerId ?? 0),
      enableActingMaster: "false",
      compressed: "false",
      bodyCrc32: String(Zlib.crc32(body) & 0x7fffffff),
      ...options.fields
    },
    body
  }
}

const register = (options?: Registration) => askNameServer(registration(options))

const routeRequest = (name: string, changes: Partial<RemotingRequest> = {}): RemotingRequest => ({
  code: RequestCode.GET_ROUTEINFO_BY_TOPIC,
  extFields: { topic: name },
  ...changes
})

const route = (name: string) => askNameServer(routeRequest(name))

const codeOf = (response: RemotingCommand): number => response.code

describe("routes", () => {
  it.effect("are what a real name server answers", () =>
    Effect.gen(function*() {
      assertSuccess(yield* register())
      const response = yield* route("Orders")
      assertSuccess(response)
      assert.strictEqual(
        textOf(response),
        "{\"brokerDatas\":[{\"brokerAddrs\":{\"0\":\"10.0.0.1:10911\"},\"brokerName\":\"broker-a\"," +
          "\"cluster\":\"DefaultCluster\",\"enableActingMaster\":false}],\"filterServerTable\":{}," +
          "\"queueDatas\":[{\"brokerName\":\"broker-a\",\"perm\":6,\"readQueueNums\":4,\"topicSysFlag\":0," +
          "\"writeQueueNums\":4}]}"
      )
    }).pipe(Effect.provide(alone())))

  it.effect("have numbers as keys for clients older than 4.9.4 that do not ask for standard JSON", () =>
    Effect.gen(function*() {
      yield* register()
      const old = yield* askNameServer(routeRequest("Orders", { version: 400 }))
      assert.include(textOf(old), "\"brokerAddrs\":{0:\"10.0.0.1:10911\"}")
      const asking = yield* askNameServer(
        routeRequest("Orders", { version: 400, extFields: { topic: "Orders", acceptStandardJsonOnly: "true" } })
      )
      assert.include(textOf(asking), "\"brokerAddrs\":{\"0\":\"10.0.0.1:10911\"}")
    }).pipe(Effect.provide(alone())))

  it.effect("of a topic that nobody has are answered as a real name server words it", () =>
    Effect.gen(function*() {
      const name = "real-5.5.0-name-server-route-of-unknown-topic-answer-to-json"
      const real = goldenFrames.find((frame) => frame.name === name)!
      const response = yield* route("golden-nowhere")
      assert.deepStrictEqual([response.code, response.remark], [real.expect.code, real.expect.remark])
    }).pipe(Effect.provide(alone())))

  it.effect("of no topic at all do not exist either", () =>
    Effect.gen(function*() {
      const response = yield* askNameServer({ code: RequestCode.GET_ROUTEINFO_BY_TOPIC })
      assert.strictEqual(response.code, 17)
      assert.include(response.remark, "topic: null")
    }).pipe(Effect.provide(alone())))

  it.effect("are refused for a while where the name server is to wait", () =>
    Effect.gen(function*() {
      yield* register()
      const early = yield* route("Orders")
      assert.deepStrictEqual([early.code, early.remark], [1, "name server not ready"])
      yield* TestClock.adjust("45 seconds")
      assertSuccess(yield* route("Orders"))
    }).pipe(Effect.provide(alone({ needWaitForService: true }))))

  it.effect("carry the order configuration where that is switched on", () =>
    Effect.gen(function*() {
      yield* askNameServer({
        code: RequestCode.PUT_KV_CONFIG,
        extFields: { namespace: "ORDER_TOPIC_CONFIG", key: "Orders", value: "broker-a:4" }
      })
      const response = yield* register()
      assert.deepStrictEqual(jsonOf(response), { table: { Orders: "broker-a:4" } })
      assert.include(jsonOf(yield* route("Orders")) as object, { orderTopicConf: "broker-a:4" })
      assert.notInclude(textOf(yield* route("TBW102")), "orderTopicConf")
    }).pipe(Effect.provide(alone({ orderMessageEnable: true }))))
})

describe("a registration", () => {
  it.effect("with one topic is refused while the broker is unknown", () =>
    Effect.gen(function*() {
      const early = yield* register({ topics: [topic("Orders")] })
      assert.deepStrictEqual([early.code, early.remark], [1, "register broker failed"])
      assertSuccess(yield* register())
      assertSuccess(yield* register({ topics: [topic("Invoices")], counter: 1 }))
      assertSuccess(yield* route("Invoices"))
      assertSuccess(yield* route("Orders"))
    }).pipe(Effect.provide(alone())))

  it.effect("with another checksum than its body's is refused", () =>
    Effect.gen(function*() {
      const response = yield* register({ fields: { bodyCrc32: "1" } })
      assert.deepStrictEqual([response.code, response.remark], [1, "crc32 not match"])
    }).pipe(Effect.provide(alone())))

  it.effect("may come deflated", () =>
    Effect.gen(function*() {
      const part = (text: string) => {
        const bytes = Buffer.from(text)
        const length = Buffer.alloc(4)
        length.writeInt32BE(bytes.length)
        return [length, bytes]
      }
      const count = (value: number) => {
        const bytes = Buffer.alloc(4)
        bytes.writeInt32BE(value)
        return bytes
      }
      const head = [
        ...part("{\"counter\":2,\"stateVersion\":0,\"timestamp\":1}"),
        count(2),
        ...part("Orders 3 2 4 SINGLE_TAG {}"),
        ...part("TBW102 8 8 7 SINGLE_TAG {}"),
        ...part("[]")
      ]
      const mapping = "{\"bname\":\"broker-a\",\"currIdMap\":{0:1},\"topic\":\"Orders\",\"totalQueues\":1}"
      const send = (body: Buffer, version: number) =>
        Effect.gen(function*() {
          const request = registration()
          return yield* askNameServer({
            ...request,
            version,
            body,
            extFields: { ...request.extFields, compressed: "true", bodyCrc32: String(Zlib.crc32(body) & 0x7fffffff) }
          })
        })
      assertSuccess(yield* send(Zlib.deflateSync(Buffer.concat(head)), 411))
      assert.include(
        textOf(yield* route("Orders")),
        "\"perm\":4,\"readQueueNums\":3,\"topicSysFlag\":0,\"writeQueueNums\":2"
      )
      assertSuccess(yield* send(Zlib.deflateSync(Buffer.concat([...head, count(1), ...part(mapping)])), 513))
      const torn = yield* send(Zlib.deflateSync(Buffer.concat(head)), 513)
      assert.strictEqual(torn.code, 1)
    }).pipe(Effect.provide(alone())))

  it.effect("with a body that is none is refused", () =>
    Effect.gen(function*() {
      const request = registration()
      const response = yield* askNameServer({
        ...request,
        body: Buffer.from("no JSON"),
        extFields: { ...request.extFields, bodyCrc32: "0" }
      })
      assert.strictEqual(response.code, 1)
    }).pipe(Effect.provide(alone())))

  it.effect("of a slave is answered with its master, and its topics do not count while there is one", () =>
    Effect.gen(function*() {
      yield* register()
      const slave = yield* register({ brokerId: 1, brokerAddr: "10.0.0.2:10911", topics: [topic("A"), topic("B")] })
      assert.deepStrictEqual({ ...slave.extFields }, { haServerAddr: "10.0.0.1:10912", masterAddr: "10.0.0.1:10911" })
      assert.strictEqual((yield* route("A")).code, 17)
      assert.include(
        textOf(yield* route("Orders")),
        "\"brokerAddrs\":{\"0\":\"10.0.0.1:10911\",\"1\":\"10.0.0.2:10911\"}"
      )
    }).pipe(Effect.provide(alone())))

  it.effect("that did not change since the last one changes no topic", () =>
    Effect.gen(function*() {
      yield* register()
      yield* register({ topics: [topic("TBW102"), topic("Orders", { perm: 4 })] })
      assert.include(textOf(yield* route("Orders")), "\"perm\":6")
      yield* register({ topics: [topic("TBW102"), topic("Orders", { perm: 4 })], counter: 1 })
      assert.include(textOf(yield* route("Orders")), "\"perm\":4")
    }).pipe(Effect.provide(alone())))

  it.effect("of a slave that became the master moves its address", () =>
    Effect.gen(function*() {
      yield* register()
      yield* register({ brokerId: 1, brokerAddr: "10.0.0.2:10911" })
      yield* askNameServer({
        code: RequestCode.UNREGISTER_BROKER,
        extFields: {
          brokerName: "broker-a",
          brokerAddr: "10.0.0.1:10911",
          clusterName: "DefaultCluster",
          brokerId: "0"
        }
      })
      yield* register({ brokerId: 0, brokerAddr: "10.0.0.2:10911" })
      assert.include(textOf(yield* route("Orders")), "\"brokerAddrs\":{\"0\":\"10.0.0.2:10911\"}")
    }).pipe(Effect.provide(alone())))

  it.effect("with topics left out takes them away only where that is switched on", () =>
    Effect.gen(function*() {
      yield* register()
      yield* register({ topics: [topic("TBW102"), topic("Invoices")], counter: 1 })
      assert.strictEqual((yield* route("Orders")).code, 17)
    }).pipe(Effect.provide(alone({ deleteTopicWithBrokerRegistration: true }))))
})

describe("a broker", () => {
  it.effect("that is not heard of for 120 seconds is dropped, and its connection closed", () =>
    Effect.gen(function*() {
      const rocketmq = yield* EmbeddedRocketMQ.EmbeddedRocketMQ
      const broker = yield* makeClient()
      yield* broker.invoke(rocketmq.nameServers[0]!.address, registration())
      yield* TestClock.adjust("119 seconds")
      assertSuccess(yield* route("Orders"))
      yield* TestClock.adjust("7 seconds")
      assert.strictEqual((yield* route("Orders")).code, 17)
    }).pipe(Effect.provide(alone()), Effect.scoped))

  it.effect("may say how long it counts as alive", () =>
    Effect.gen(function*() {
      yield* register({ fields: { heartbeatTimeoutMillis: "10000" } })
      yield* TestClock.adjust("16 seconds")
      // The connection that it came over was closed.
      assert.strictEqual((yield* whilePassing("1 second", route("Orders"))).code, 17)
    }).pipe(Effect.provide(alone())))

  it.effect("stays by heartbeats and by asking for its data version", () =>
    Effect.gen(function*() {
      yield* register()
      const fields = { brokerName: "broker-a", brokerAddr: "10.0.0.1:10911", clusterName: "DefaultCluster" }
      yield* TestClock.adjust("100 seconds")
      assertSuccess(yield* askNameServer({ code: RequestCode.BROKER_HEARTBEAT, extFields: fields }))
      yield* TestClock.adjust("100 seconds")
      const body = Buffer.from("{\"counter\":0,\"stateVersion\":0,\"timestamp\":1000}")
      const same = yield* askNameServer({
        code: RequestCode.QUERY_DATA_VERSION,
        extFields: { ...fields, brokerId: "0" },
        body
      })
      assert.strictEqual(same.extFields["changed"], "false")
      assert.deepStrictEqual(jsonOf(same), { counter: 0, stateVersion: 0, timestamp: 1_000 })
      yield* TestClock.adjust("100 seconds")
      assertSuccess(yield* route("Orders"))
      const other = yield* askNameServer({
        code: RequestCode.QUERY_DATA_VERSION,
        extFields: { ...fields, brokerId: "0" },
        body: Buffer.from("{\"counter\":1,\"stateVersion\":0,\"timestamp\":1000}")
      })
      assert.strictEqual(other.extFields["changed"], "true")
    }).pipe(Effect.provide(alone())))

  it.effect("goes when its connection closes", () =>
    Effect.gen(function*() {
      const rocketmq = yield* EmbeddedRocketMQ.EmbeddedRocketMQ
      const scope = yield* Scope.make()
      const broker = yield* Scope.provide(makeClient(), scope)
      yield* broker.invoke(rocketmq.nameServers[0]!.address, registration())
      assertSuccess(yield* route("Orders"))
      yield* Scope.close(scope, Exit.void)
      yield* TestClock.adjust(0)
      assert.strictEqual((yield* route("Orders")).code, 17)
    }).pipe(Effect.provide(alone())))

  it.effect("goes when it says so, and its slave keeps the topics", () =>
    Effect.gen(function*() {
      yield* register()
      yield* register({ brokerId: 1, brokerAddr: "10.0.0.2:10911" })
      const leave = (brokerAddr: string, brokerId: string) =>
        askNameServer({
          code: RequestCode.UNREGISTER_BROKER,
          extFields: { brokerName: "broker-a", brokerAddr, clusterName: "DefaultCluster", brokerId }
        })
      assertSuccess(yield* leave("10.0.0.1:10911", "0"))
      assert.include(textOf(yield* route("Orders")), "\"brokerAddrs\":{\"1\":\"10.0.0.2:10911\"}")
      assertSuccess(yield* leave("10.0.0.2:10911", "1"))
      assert.strictEqual((yield* route("Orders")).code, 17)
      assert.strictEqual(
        textOf(yield* askNameServer({ code: RequestCode.GET_BROKER_CLUSTER_INFO })),
        "{\"brokerAddrTable\":{},\"clusterAddrTable\":{}}"
      )
    }).pipe(Effect.provide(alone())))

  it.effect("has a slave that acts as master where both sides want that", () =>
    Effect.gen(function*() {
      const fields = { enableActingMaster: "true" }
      yield* register({ fields })
      yield* register({ brokerId: 1, brokerAddr: "10.0.0.2:10911", fields })
      yield* askNameServer({
        code: RequestCode.UNREGISTER_BROKER,
        extFields: {
          brokerName: "broker-a",
          brokerAddr: "10.0.0.1:10911",
          clusterName: "DefaultCluster",
          brokerId: "0"
        }
      })
      const text = textOf(yield* route("Orders"))
      assert.include(text, "\"brokerAddrs\":{\"0\":\"10.0.0.2:10911\"}")
      assert.include(text, "\"perm\":4")
    }).pipe(Effect.provide(alone({ supportActingMaster: true }))))

  it.effect("loses the right to write and gets it back", () =>
    Effect.gen(function*() {
      yield* register({ topics: [topic("TBW102"), topic("Orders"), topic("Sealed", { perm: 4 })] })
      const wiped = yield* askNameServer({
        code: RequestCode.WIPE_WRITE_PERM_OF_BROKER,
        extFields: { brokerName: "broker-a" }
      })
      assert.strictEqual(wiped.extFields["wipeTopicCount"], "3")
      assert.include(textOf(yield* route("Orders")), "\"perm\":4")
      const added = yield* askNameServer({
        code: RequestCode.ADD_WRITE_PERM_OF_BROKER,
        extFields: { brokerName: "broker-a" }
      })
      assert.strictEqual(added.extFields["addTopicCount"], "3")
      assert.include(textOf(yield* route("Sealed")), "\"perm\":6")
    }).pipe(Effect.provide(alone())))
})

describe("lists", () => {
  it.effect("name topics, clusters and brokers", () =>
    Effect.gen(function*() {
      yield* register()
      yield* register({
        brokerName: "broker-b",
        brokerAddr: "10.0.0.3:10911",
        topics: [
          topic("Unit", { topicSysFlag: 1 }),
          topic("Sub", { topicSysFlag: 2 }),
          topic("Both", { topicSysFlag: 3 })
        ]
      })
      const list = (code: number, extFields = {}) => Effect.map(askNameServer({ code, extFields }), jsonOf)
      assert.deepStrictEqual(yield* list(RequestCode.GET_ALL_TOPIC_LIST_FROM_NAMESERVER), {
        topicList: ["TBW102", "Orders", "Unit", "Sub", "Both"]
      })
      assert.deepStrictEqual(yield* list(RequestCode.GET_TOPICS_BY_CLUSTER, { cluster: "DefaultCluster" }), {
        topicList: ["TBW102", "Orders", "Unit", "Sub", "Both"]
      })
      assert.deepStrictEqual(yield* list(RequestCode.GET_TOPICS_BY_CLUSTER, { cluster: "nowhere" }), { topicList: [] })
      assert.deepStrictEqual(yield* list(RequestCode.GET_SYSTEM_TOPIC_LIST_FROM_NS), {
        brokerAddr: "10.0.0.1:10911",
        topicList: ["DefaultCluster", "broker-a", "broker-b"]
      })
      assert.deepStrictEqual(yield* list(RequestCode.GET_UNIT_TOPIC_LIST), { topicList: ["Unit", "Both"] })
      assert.deepStrictEqual(yield* list(RequestCode.GET_HAS_UNIT_SUB_TOPIC_LIST), { topicList: ["Sub", "Both"] })
      assert.deepStrictEqual(yield* list(RequestCode.GET_HAS_UNIT_SUB_UNUNIT_TOPIC_LIST), { topicList: ["Sub"] })
      assert.strictEqual(
        textOf(
          yield* askNameServer({
            code: RequestCode.GET_BROKER_MEMBER_GROUP,
            extFields: { clusterName: "DefaultCluster", brokerName: "broker-b" }
          })
        ),
        "{\"brokerMemberGroup\":{\"brokerAddrs\":{0:\"10.0.0.3:10911\"},\"brokerName\":\"broker-b\"," +
          "\"cluster\":\"DefaultCluster\"}}"
      )
    }).pipe(Effect.provide(alone())))

  it.effect("can be switched off", () =>
    Effect.gen(function*() {
      for (
        const code of [RequestCode.GET_ALL_TOPIC_LIST_FROM_NAMESERVER, RequestCode.GET_TOPICS_BY_CLUSTER, 311, 312, 313]
      ) {
        const response = yield* askNameServer({ code, extFields: { cluster: "DefaultCluster" } })
        assert.deepStrictEqual([response.code, response.remark], [1, "disable"])
      }
    }).pipe(Effect.provide(alone({ enableAllTopicList: false, enableTopicList: false }))))
})

describe("topics", () => {
  it.effect("can be deleted, of one cluster or everywhere", () =>
    Effect.gen(function*() {
      yield* register()
      const remove = (extFields: Readonly<Record<string, string>>) =>
        askNameServer({ code: RequestCode.DELETE_TOPIC_IN_NAMESRV, extFields })
      assertSuccess(yield* remove({ topic: "Orders", clusterName: "elsewhere" }))
      assertSuccess(yield* route("Orders"))
      assertSuccess(yield* remove({ topic: "Orders", clusterName: "DefaultCluster" }))
      assert.strictEqual((yield* route("Orders")).code, 17)
      assertSuccess(yield* remove({ topic: "TBW102" }))
      assert.strictEqual((yield* route("TBW102")).code, 17)
    }).pipe(Effect.provide(alone())))

  it.effect("can be registered on brokers that are known", () =>
    Effect.gen(function*() {
      yield* register()
      const add = (name: string, brokerName: string) =>
        askNameServer({
          code: RequestCode.REGISTER_TOPIC_IN_NAMESRV,
          extFields: { topic: name },
          body: Buffer.from(JSON.stringify({
            queueDatas: [{ brokerName, perm: 6, readQueueNums: 1, writeQueueNums: 1, topicSysFlag: 0 }],
            brokerDatas: []
          }))
        })
      assertSuccess(yield* add("Known", "broker-a"))
      assertSuccess(yield* route("Known"))
      assertSuccess(yield* add("Unknown", "broker-x"))
      assert.strictEqual((yield* route("Unknown")).code, 17)
    }).pipe(Effect.provide(alone())))
})

describe("key–value pairs", () => {
  it.effect("are put, read, listed and deleted", () =>
    Effect.gen(function*() {
      const ask = (code: number, extFields: Readonly<Record<string, string>>) => askNameServer({ code, extFields })
      const missing = yield* ask(RequestCode.GET_KV_CONFIG, { namespace: "ns", key: "a" })
      assert.deepStrictEqual([missing.code, missing.remark], [22, "No config item, Namespace: ns Key: a"])
      const empty = yield* ask(RequestCode.GET_KVLIST_BY_NAMESPACE, { namespace: "ns" })
      assert.deepStrictEqual([empty.code, empty.remark], [22, "No config item, Namespace: ns"])
      const nameless = yield* ask(RequestCode.PUT_KV_CONFIG, { key: "a", value: "1" })
      assert.deepStrictEqual([nameless.code, nameless.remark], [1, "namespace or key is null"])
      assertSuccess(yield* ask(RequestCode.PUT_KV_CONFIG, { namespace: "ns", key: "a", value: "1" }))
      assertSuccess(yield* ask(RequestCode.PUT_KV_CONFIG, { namespace: "ns", key: "__proto__", value: "2" }))
      const found = yield* ask(RequestCode.GET_KV_CONFIG, { namespace: "ns", key: "a" })
      assert.strictEqual(found.extFields["value"], "1")
      const list = yield* ask(RequestCode.GET_KVLIST_BY_NAMESPACE, { namespace: "ns" })
      assert.strictEqual(textOf(list), "{\"table\":{\"a\":\"1\",\"__proto__\":\"2\"}}")
      assertSuccess(yield* ask(RequestCode.DELETE_KV_CONFIG, { namespace: "ns", key: "a" }))
      assert.strictEqual((yield* ask(RequestCode.GET_KV_CONFIG, { namespace: "ns", key: "a" })).code, 22)
    }).pipe(Effect.provide(alone())))

  it.effect("survive a restart, and what brokers registered does not", () =>
    Effect.gen(function*() {
      const rocketmq = yield* EmbeddedRocketMQ.EmbeddedRocketMQ
      yield* register()
      yield* askNameServer({
        code: RequestCode.PUT_KV_CONFIG,
        extFields: { namespace: "ns", key: "a", value: "1" }
      })
      yield* rocketmq.nameServers[0]!.restart({ graceful: false })
      const found = yield* whilePassing(
        "1 second",
        askNameServer({ code: RequestCode.GET_KV_CONFIG, extFields: { namespace: "ns", key: "a" } })
      )
      assert.strictEqual(found.extFields["value"], "1")
      assert.strictEqual((yield* route("Orders")).code, 17)
    }).pipe(Effect.provide(alone())))
})

describe("settings", () => {
  it.effect("are read and changed by requests", () =>
    Effect.gen(function*() {
      const update = (text: string) =>
        askNameServer({ code: RequestCode.UPDATE_NAMESRV_CONFIG, body: Buffer.from(text) })
      assertSuccess(yield* update("orderMessageEnable=true\nunknownKey=1\n# a comment\nwaitSecondsForService=7\n"))
      const text = textOf(yield* askNameServer({ code: RequestCode.GET_NAMESRV_CONFIG }))
      assert.include(text, "orderMessageEnable=true\n")
      assert.include(text, "waitSecondsForService=7\n")
      assert.notInclude(text, "unknownKey")
      const forbidden = yield* update("kvConfigPath=/x\n")
      assert.deepStrictEqual([forbidden.code, forbidden.remark], [16, "Can not update config in black list."])
    }).pipe(Effect.provide(alone())))
})

describe("whatever is asked", () => {
  it.effect("unknown codes get code 3", () =>
    Effect.gen(function*() {
      const response = yield* askNameServer({ code: 9_999 })
      assert.deepStrictEqual([response.code, response.remark], [3, " request type 9999 not supported"])
    }).pipe(Effect.provide(alone())))

  it.effect("missing, malformed and absurd fields and bodies are answered, and the server goes on", () =>
    Effect.gen(function*() {
      const codes = [
        ...[100, 101, 102, 103, 104, 105, 106, 205, 206, 216, 217, 219, 224, 304, 311, 312, 313, 318, 319, 322, 327],
        ...[901, 904]
      ]
      const names = ["brokerName", "brokerAddr", "clusterName", "brokerId", "topic", "namespace", "key", "cluster"]
      const values = ["", "\u0000", "-1", "9".repeat(40), "__proto__", "{", "é".repeat(100)]
      const bodies = [undefined, Buffer.alloc(0), Buffer.from("{"), Buffer.from("[1,2"), Buffer.alloc(64, 0xff)]
      let asked = 0
      for (const code of codes) {
        for (const value of values) {
          for (const body of bodies) {
            const extFields = asked % 3 === 0 ? {} : Object.fromEntries(names.map((name) => [name, value]))
            const response = yield* askNameServer({ code, extFields, body })
            assert.isAtLeast(codeOf(response), 0)
            asked++
          }
        }
      }
      yield* register()
      assertSuccess(yield* route("Orders"))
      const client = yield* RemotingClient.RemotingClient
      assert.strictEqual((yield* client.stats).unknown, 0)
    }).pipe(Effect.provide(alone())))
})
