import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import { HeartbeatData } from "../../src/protocol/body/HeartbeatData.ts"
import { LockBatchRequestBody } from "../../src/protocol/body/LockBatch.ts"
import { buildSubscriptionData } from "../../src/protocol/body/SubscriptionData.ts"
import { MqVersion } from "../../src/protocol/MqVersion.ts"
import { RequestCode } from "../../src/protocol/RequestCode.ts"
import type * as RemotingClient from "../../src/remoting/RemotingClient.ts"
import type { RemotingRequest } from "../../src/remoting/RemotingRequest.ts"
import { EmbeddedRocketMQ } from "../../src/testing/EmbeddedRocketMQ.ts"
import type { Options } from "../../src/testing/EmbeddedRocketMQ.ts"
import { goldenFrames } from "../protocol/golden.ts"
import { inMemory, jsonOf, makeClient, sendRequest, textOf, whilePassing } from "./support.ts"

const withProxies = (options: Options = {}) =>
  inMemory({ proxies: 1, topics: [{ name: "Orders", messageType: "MIXED", queues: 4 }], ...options })

/** Asks a proxy. */
const askVia = (client: RemotingClient.Service, request: RemotingRequest, options?: RemotingClient.InvokeOptions) =>
  Effect.flatMap(EmbeddedRocketMQ, (rocketmq) => client.invoke(rocketmq.addresses()[0]!, request, options))

const ask = (request: RemotingRequest, options?: RemotingClient.InvokeOptions) =>
  Effect.scoped(Effect.flatMap(makeClient(), (client) => askVia(client, request, options)))

const region: Readonly<Record<string, string>> = { MSG_REGION: "", TRACE_ON: "false" }

const heartbeat = (clientID: string, group: string): RemotingRequest => ({
  code: RequestCode.HEART_BEAT,
  body: HeartbeatData.encode({
    clientID,
    producerDataSet: [{ groupName: "producers" }],
    consumerDataSet: [{
      groupName: group,
      consumeType: "CONSUME_PASSIVELY",
      messageModel: "CLUSTERING",
      consumeFromWhere: "CONSUME_FROM_FIRST_OFFSET",
      subscriptionDataSet: [buildSubscriptionData("Orders", "red || blue", "TAG", 1)!],
      unitMode: false
    }],
    heartbeatFingerprint: 0,
    withoutSub: false
  })
})

const consumerList = (group: string): RemotingRequest => ({
  code: RequestCode.GET_CONSUMER_LIST_BY_GROUP,
  extFields: { consumerGroup: group }
})

const pull = (extFields: Readonly<Record<string, string>>): RemotingRequest => ({
  code: RequestCode.PULL_MESSAGE,
  extFields: {
    consumerGroup: "consumers",
    topic: "Orders",
    queueId: "0",
    queueOffset: "0",
    maxMsgNums: "32",
    sysFlag: "0",
    commitOffset: "0",
    suspendTimeoutMillis: "0",
    subVersion: "0",
    bname: "broker-a",
    ...extFields
  }
})

describe("codes", () => {
  it.effect("of the stock proxy are served, all others are unknown", () =>
    Effect.gen(function*() {
      const unknown = [12, 17, 25, 32, 33, 106, 200, 318, 324, 325, 351, 400, 200052, 200151, 9_999]
      for (const code of unknown) {
        const response = yield* ask({ code, extFields: { bname: "broker-a" } })
        assert.deepStrictEqual([response.code, response.remark], [3, ` request type ${code} not supported`])
      }
    }).pipe(Effect.provide(withProxies())))

  it.effect("of POP are in its table, and do not work", () =>
    Effect.gen(function*() {
      const pop = yield* ask({ code: RequestCode.POP_MESSAGE, extFields: { bname: "broker-a", topic: "Orders" } })
      assert.strictEqual(pop.code, 1)
      for (const code of [RequestCode.ACK_MESSAGE, RequestCode.CHANGE_MESSAGE_INVISIBLETIME]) {
        const failure = yield* Effect.flip(whilePassing("3 seconds", ask({ code, extFields: { bname: "broker-a" } })))
        assert.strictEqual(failure.reason._tag, "Timeout")
      }
    }).pipe(Effect.provide(withProxies())))
})

describe("routes", () => {
  it.effect("name the address of the proxies for every broker", () =>
    Effect.gen(function*() {
      const rocketmq = yield* EmbeddedRocketMQ
      const request = { code: RequestCode.GET_ROUTEINFO_BY_TOPIC, extFields: { topic: "Orders" } }
      const response = yield* ask(request)
      assert.deepStrictEqual({ ...response.extFields }, region)
      const address = rocketmq.balancer!.address
      assert.deepStrictEqual(jsonOf(response), {
        brokerDatas: [{
          brokerAddrs: { 0: address, 1: address },
          brokerName: "broker-a",
          cluster: "DefaultCluster",
          enableActingMaster: false
        }],
        filterServerTable: {},
        queueDatas: [{ brokerName: "broker-a", perm: 6, readQueueNums: 4, topicSysFlag: 0, writeQueueNums: 4 }]
      })
      assert.include(textOf(yield* ask({ ...request, version: 400 })), `"brokerAddrs":{0:"${address}"`)
    }).pipe(Effect.provide(withProxies({ brokers: [{ slaves: 1 }] }))))

  it.effect("of a topic that nobody has do not exist, and are asked for again after 20 seconds", () =>
    Effect.gen(function*() {
      const rocketmq = yield* EmbeddedRocketMQ
      const request = { code: RequestCode.GET_ROUTEINFO_BY_TOPIC, extFields: { topic: "Late" } }
      const missing = yield* ask(request)
      assert.strictEqual(missing.code, 17)
      assert.strictEqual(
        missing.remark,
        "CODE: 17  DESC: No topic route info in name server for the topic: Late\n" +
          "For more information, please visit the url, https://rocketmq.apache.org/docs/bestPractice/06FAQ"
      )
      yield* rocketmq.createTopic("Late")
      assert.strictEqual((yield* ask(request)).code, 17)
      yield* TestClock.adjust("20 seconds")
      // The first to ask gets what is known, and has it looked up.
      assert.strictEqual((yield* ask(request)).code, 17)
      assert.strictEqual((yield* ask(request)).code, 0)
    }).pipe(Effect.provide(withProxies())))
})

describe("what is forwarded", () => {
  it.effect("needs the name of its broker", () =>
    Effect.gen(function*() {
      const name = "real-5.5.0-proxy-missing-bname-answer-to-json"
      const real = goldenFrames.find((frame) => frame.name === name)!
      const expected = [real.expect.code, real.expect.remark, { ...real.expect.extFields }]
      const response = yield* ask({
        code: RequestCode.QUERY_CONSUMER_OFFSET,
        extFields: { consumerGroup: "g", topic: "Orders", queueId: "0" }
      })
      assert.deepStrictEqual([response.code, response.remark, { ...response.extFields }], expected)
      const { n, ...fields } = sendRequest("Orders", "a").extFields!
      const send = yield* ask({ ...sendRequest("Orders", "a"), extFields: fields })
      assert.deepStrictEqual([n, send.code, send.remark], ["broker-a", real.expect.code, real.expect.remark])
    }).pipe(Effect.provide(withProxies())))

  it.effect("of a broker that nobody knows fails as a route does", () =>
    Effect.gen(function*() {
      const response = yield* ask(sendRequest("Orders", "a", { brokerName: "broker-x" }))
      assert.strictEqual(response.code, 17)
      assert.include(response.remark, "for the topic: broker-x")
    }).pipe(Effect.provide(withProxies())))

  it.effect("comes back with the proxy's region and trace flag", () =>
    Effect.gen(function*() {
      const rocketmq = yield* EmbeddedRocketMQ
      const response = yield* ask(sendRequest("Orders", "a", { queueId: 1 }))
      assert.strictEqual(response.code, 0)
      assert.include({ ...response.extFields }, { queueId: "1", queueOffset: "0", ...region })
      assert.strictEqual(rocketmq.messages("Orders").length, 1)
      const maximum = yield* ask({
        code: RequestCode.GET_MAX_OFFSET,
        extFields: { topic: "Orders", queueId: "1", bname: "broker-a" }
      })
      assert.deepStrictEqual({ ...maximum.extFields }, { offset: "1", ...region })
    }).pipe(Effect.provide(withProxies())))

  it.effect("carries the version of its client: a broker that drains serves old ones", () =>
    Effect.gen(function*() {
      const rocketmq = yield* EmbeddedRocketMQ
      assert.strictEqual((yield* ask(sendRequest("Orders", "warm up"))).code, 0)
      yield* Effect.forkChild(rocketmq.broker().drain, { startImmediately: true })
      yield* TestClock.adjust("1 second")
      const old = yield* ask(sendRequest("Orders", "old", { version: MqVersion.V5_3_1 }))
      assert.strictEqual(old.code, 0)
      const { address } = rocketmq.broker()
      const young = yield* whilePassing("1 second", ask(sendRequest("Orders", "young")))
      assert.deepStrictEqual([young.code, young.remark], [1, `send request to <${address}> failed`])
      assert.strictEqual(rocketmq.messages("Orders").length, 2)
    }).pipe(Effect.provide(withProxies())))

  it.effect("fails while the broker is down, and reaches it when it is back", () =>
    Effect.gen(function*() {
      const rocketmq = yield* EmbeddedRocketMQ
      assert.strictEqual((yield* ask(sendRequest("Orders", "before"))).code, 0)
      yield* rocketmq.broker().stop
      const { address } = rocketmq.broker()
      const down = yield* whilePassing("1 second", ask(sendRequest("Orders", "down")))
      assert.strictEqual(down.code, 1)
      assert.include(down.remark, `<${address}> failed`)
      yield* rocketmq.broker().start
      const back = yield* whilePassing("1 second", ask(sendRequest("Orders", "back")))
      assert.strictEqual(back.code, 0)
    }).pipe(Effect.provide(withProxies())))

  it.effect("of a broker without master goes to a name server, which does not know what is meant", () =>
    Effect.gen(function*() {
      const rocketmq = yield* EmbeddedRocketMQ
      yield* rocketmq.broker().stop
      yield* TestClock.adjust(0)
      const response = yield* ask({
        code: RequestCode.GET_MAX_OFFSET,
        extFields: { topic: "Orders", queueId: "0", bname: "broker-a" }
      })
      assert.deepStrictEqual([response.code, response.remark], [3, " request type 30 not supported"])
    }).pipe(Effect.provide(withProxies({ brokers: [{ slaves: 1 }] }))))
})

describe("the kind of a message", () => {
  it.effect("must be the one that its topic is for", () =>
    Effect.gen(function*() {
      const fifo = { __SHARDINGKEY: "a" }
      const codes = (topic: string) =>
        Effect.forEach([{}, fifo, { DELAY: "1" }, { TRAN_MSG: "true" }], (properties) =>
          Effect.map(ask(sendRequest(topic, "a", { properties })), ({ code }) => code))
      assert.deepStrictEqual(yield* codes("Plain"), [0, 13, 13, 13])
      assert.deepStrictEqual(yield* codes("Ordered"), [13, 0, 13, 13])
      assert.deepStrictEqual(yield* codes("Delayed"), [13, 13, 0, 13])
      assert.deepStrictEqual(yield* codes("Mixed"), [0, 0, 0, 0])
      const actual = (properties: Readonly<Record<string, string>>) =>
        Effect.map(ask(sendRequest("Plain", "a", { properties })), ({ remark }) =>
          remark?.split(" ").at(-1))
      // What a real 5.5.0 proxy makes of them.
      const priority = { _SYS_MSG_PRIORITY_: "1" }
      const lite = { __LITE_TOPIC: "x" }
      assert.strictEqual(yield* actual(priority), "PRIORITY")
      assert.strictEqual(yield* actual({ ...priority, ...fifo }), "FIFO")
      assert.strictEqual(yield* actual({ ...priority, ...fifo, DELAY: "1" }), "DELAY")
      assert.strictEqual(yield* actual(lite), "LITE")
      assert.strictEqual(yield* actual({ ...lite, ...priority }), "PRIORITY")
      const wrong = yield* ask(sendRequest("Plain", "a", { properties: fifo }))
      assert.strictEqual(
        wrong.remark,
        "TopicMessageType validate failed, the expected type is NORMAL, but actual type is FIFO"
      )
      const nowhere = yield* ask(sendRequest("Nowhere", "a"))
      assert.deepStrictEqual(
        [nowhere.code, nowhere.remark],
        [13, "TopicMessageType validate failed, the expected type is UNSPECIFIED, but actual type is NORMAL"]
      )
      assert.strictEqual((yield* ask(sendRequest("%RETRY%g", "a", { properties: fifo }))).code, 0)
    }).pipe(Effect.provide(withProxies({
      topics: [
        "Plain",
        { name: "Ordered", messageType: "FIFO" },
        { name: "Delayed", messageType: "DELAY" },
        { name: "Mixed", messageType: "MIXED" },
        "%RETRY%g"
      ]
    }))))

  it.effect("is not looked at where that is switched off", () =>
    Effect.gen(function*() {
      const response = yield* ask(sendRequest("New", "a", { properties: { __SHARDINGKEY: "a" } }))
      assert.strictEqual(response.code, 0)
    }).pipe(Effect.provide(withProxies({ proxySettings: { enableTopicMessageTypeCheck: false } }))))
})

describe("clients", () => {
  it.effect("are listed by group while they are connected", () =>
    Effect.gen(function*() {
      const client = yield* makeClient()
      const missing = yield* askVia(client, consumerList("consumers"))
      assert.strictEqual(missing.code, 1)
      const offline = yield* askVia(client, {
        code: RequestCode.GET_CONSUMER_CONNECTION_LIST,
        extFields: { consumerGroup: "consumers" }
      })
      assert.deepStrictEqual([offline.code, offline.remark], [206, "the consumer group[consumers] not online"])

      const beat = yield* askVia(client, heartbeat("client-1", "consumers"))
      assert.deepStrictEqual([beat.code, beat.remark, { ...beat.extFields }], [0, "", region])
      assert.deepStrictEqual(jsonOf(yield* askVia(client, consumerList("consumers"))), { consumerIdList: ["client-1"] })
      const connections = yield* askVia(client, {
        code: RequestCode.GET_CONSUMER_CONNECTION_LIST,
        extFields: { consumerGroup: "consumers" }
      })
      assert.include(textOf(connections), "\"clientId\":\"client-1\",\"language\":\"OTHER\",\"version\":513")
      assert.include(textOf(connections), "\"subString\":\"red || blue\"")

      const left = yield* askVia(client, {
        code: RequestCode.UNREGISTER_CLIENT,
        extFields: { clientID: "client-1", consumerGroup: "consumers" }
      })
      assert.deepStrictEqual([left.code, left.remark], [0, ""])
      assert.strictEqual((yield* askVia(client, consumerList("consumers"))).code, 1)
    }).pipe(Effect.provide(withProxies()), Effect.scoped))

  it.effect("are known to all proxies; that their connection closed, only to their own until they expire", () =>
    Effect.gen(function*() {
      const rocketmq = yield* EmbeddedRocketMQ
      const [first, second] = rocketmq.proxies
      const scope = yield* Scope.make()
      const consumer = yield* Scope.provide(makeClient(), scope)
      const other = yield* makeClient()
      yield* consumer.invoke(first!.address, heartbeat("client-1", "consumers"))
      const seenBy = (address: string) =>
        Effect.map(
          other.invoke(address, consumerList("consumers")),
          (response) => response.code === 0 ? textOf(response) : response.code
        )
      assert.strictEqual(yield* seenBy(second!.address), "{\"consumerIdList\":[\"client-1\"]}")
      yield* Scope.close(scope, Exit.void)
      yield* TestClock.adjust(0)
      assert.strictEqual(yield* seenBy(first!.address), 1)
      assert.strictEqual(yield* seenBy(second!.address), "{\"consumerIdList\":[\"client-1\"]}")
      yield* TestClock.adjust("131 seconds")
      assert.strictEqual(yield* whilePassing("1 second", seenBy(second!.address)), 1)
    }).pipe(Effect.provide(withProxies({ proxies: 2 })), Effect.scoped))

  it.effect("make their consumer groups known to a broker", () =>
    Effect.gen(function*() {
      const client = yield* makeClient()
      const update: RemotingRequest = {
        code: RequestCode.UPDATE_CONSUMER_OFFSET,
        extFields: { consumerGroup: "consumers", topic: "Orders", queueId: "0", commitOffset: "0", bname: "broker-a" }
      }
      assert.strictEqual((yield* askVia(client, update)).code, 26)
      yield* askVia(client, heartbeat("client-1", "consumers"))
      assert.strictEqual((yield* askVia(client, update)).code, 0)
    }).pipe(Effect.provide(withProxies()), Effect.scoped))

  it.effect("need no configuration of theirs checked", () =>
    Effect.gen(function*() {
      const response = yield* ask({ code: RequestCode.CHECK_CLIENT_CONFIG })
      assert.deepStrictEqual([response.code, response.remark], [0, ""])
    }).pipe(Effect.provide(withProxies())))
})

describe("a pull", () => {
  it.effect("without a subscription takes that of its group's heartbeat", () =>
    Effect.gen(function*() {
      const client = yield* makeClient()
      yield* askVia(client, sendRequest("Orders", "green", { properties: { TAGS: "green" } }))
      yield* askVia(client, sendRequest("Orders", "red", { properties: { TAGS: "red" } }))
      const stranger = yield* askVia(client, pull({}))
      assert.deepStrictEqual([stranger.code, stranger.remark], [25, "the consumer's subscription not latest"])
      yield* askVia(client, heartbeat("client-1", "consumers"))
      const elsewhere = yield* askVia(client, pull({ topic: "Invoices" }))
      assert.deepStrictEqual([elsewhere.code, elsewhere.remark], [24, "the consumer's subscription not exist"])
      const found = yield* askVia(client, pull({}))
      assert.strictEqual(found.code, 0)
      assert.include(textOf(found), "red")
      assert.notInclude(textOf(found), "green")
    }).pipe(Effect.provide(withProxies()), Effect.scoped))

  it.effect("with a subscription needs no heartbeat", () =>
    Effect.gen(function*() {
      yield* ask(sendRequest("Orders", "red", { properties: { TAGS: "red" } }))
      const found = yield* ask(pull({ sysFlag: "4", subscription: "*", expressionType: "TAG" }))
      assert.strictEqual(found.code, 0)
      assert.include(textOf(found), "red")
    }).pipe(Effect.provide(withProxies())))

  it.effect("that is none is told so", () =>
    Effect.gen(function*() {
      const response = yield* ask({ code: RequestCode.PULL_MESSAGE, extFields: { bname: "broker-a" } })
      assert.strictEqual(response.code, 1)
    }).pipe(Effect.provide(withProxies())))
})

describe("locks", () => {
  it.effect("go to the broker of their first queue", () =>
    Effect.gen(function*() {
      const lock = (mqSet: ReadonlyArray<{ topic: string; brokerName: string; queueId: number }>) =>
        ask({
          code: RequestCode.LOCK_BATCH_MQ,
          body: LockBatchRequestBody.encode({
            clientId: "client-1",
            consumerGroup: "consumers",
            mqSet,
            onlyThisBroker: false
          })
        })
      const queue = { topic: "Orders", brokerName: "broker-a", queueId: 0 }
      assert.deepStrictEqual(jsonOf(yield* lock([queue])), { lockOKMQSet: [queue] })
      const none = yield* lock([])
      assert.deepStrictEqual([none.code, none.remark], [0, "MessageQueue set is empty"])
    }).pipe(Effect.provide(withProxies())))
})

describe("a transaction", () => {
  const half = sendRequest("Orders", "half", {
    sysFlag: 4,
    properties: { TRAN_MSG: "true", PGROUP: "producers", UNIQ_KEY: "key-1" }
  })

  const end = (extFields: Readonly<Record<string, string>>): RemotingRequest => ({
    code: RequestCode.END_TRANSACTION,
    extFields: {
      topic: "Orders",
      producerGroup: "producers",
      tranStateTableOffset: "0",
      commitLogOffset: "0",
      commitOrRollback: "8",
      fromTransactionCheck: "false",
      msgId: "key-1",
      transactionId: "key-1",
      bname: "broker-a",
      ...extFields
    }
  })

  it.effect("that no broker has asked about does not end here, and its end is answered with success all the same", () =>
    Effect.gen(function*() {
      const rocketmq = yield* EmbeddedRocketMQ
      assert.strictEqual((yield* ask(half)).code, 0)
      const ended = yield* ask(end({}))
      assert.deepStrictEqual([ended.code, ended.remark], [0, undefined])
      assert.strictEqual(rocketmq.journal.count({ server: "broker-a", code: RequestCode.END_TRANSACTION }), 0)
      assert.strictEqual(rocketmq.messages("Orders").length, 0)
    }).pipe(Effect.provide(withProxies())))

  it.effect("ends by the answer to the broker's question, which reaches a producer of the group", () =>
    Effect.gen(function*() {
      const rocketmq = yield* EmbeddedRocketMQ
      const client = yield* makeClient()
      const asked = yield* Deferred.make<Readonly<Record<string, string>>>()
      yield* client.handle(
        RequestCode.CHECK_TRANSACTION_STATE,
        (request) => Effect.as(Deferred.succeed(asked, { ...request.extFields }), undefined)
      )
      yield* askVia(client, heartbeat("client-1", "consumers"))
      assert.strictEqual((yield* askVia(client, half)).code, 0)
      for (let beat = 0; beat < 3; beat++) {
        yield* TestClock.adjust("20 seconds")
        yield* askVia(client, heartbeat("client-1", "consumers"))
      }
      const header = yield* Deferred.await(asked)
      assert.deepInclude(header, { topic: "Orders", transactionId: "key-1", msgId: "key-1" })
      assert.strictEqual((yield* askVia(client, end({ fromTransactionCheck: "true" }))).code, 0)
      yield* TestClock.adjust(0)
      assert.deepStrictEqual(rocketmq.messages("Orders").map(({ body }) => Buffer.from(body).toString()), ["half"])
    }).pipe(Effect.provide(withProxies()), Effect.scoped))
})

describe("many requests at once", () => {
  it.effect("wait for their turn, as in the queues of real proxies", () =>
    Effect.gen(function*() {
      const client = yield* makeClient()
      const answers = yield* Effect.forEach(
        Array.from({ length: 500 }, (_, index) => String(index)),
        (body) => askVia(client, sendRequest("Orders", body)),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual([...new Set(answers.map(({ code }) => code))], [0])
    }).pipe(Effect.provide(withProxies()), Effect.scoped))
})

describe("several proxies behind one address", () => {
  it.effect("serve in turn, and those that stop are passed over", () =>
    Effect.gen(function*() {
      const rocketmq = yield* EmbeddedRocketMQ
      const sendsOf = (name: string) => rocketmq.journal.count({ server: name, code: RequestCode.SEND_MESSAGE_V2 })
      for (let sends = 0; sends < 6; sends++) yield* ask(sendRequest("Orders", "a"))
      assert.deepStrictEqual(["proxy-1", "proxy-2", "proxy-3"].map(sendsOf), [2, 2, 2])
      yield* rocketmq.proxies[1]!.stop
      for (let sends = 0; sends < 4; sends++) yield* ask(sendRequest("Orders", "a"))
      assert.deepStrictEqual(["proxy-1", "proxy-2", "proxy-3"].map(sendsOf), [4, 2, 4])
      yield* rocketmq.proxies[1]!.start
      yield* rocketmq.balancer!.remove(rocketmq.proxies[0]!)
      assert.deepStrictEqual(rocketmq.balancer!.targets(), ["proxy-2", "proxy-3"])
      for (let sends = 0; sends < 4; sends++) yield* ask(sendRequest("Orders", "a"))
      assert.deepStrictEqual(["proxy-1", "proxy-2", "proxy-3"].map(sendsOf), [4, 4, 6])
    }).pipe(Effect.provide(withProxies({ proxies: 3 }))))

  it.effect("close at once when they are stopped, and drain when they are told to", () =>
    Effect.gen(function*() {
      const rocketmq = yield* EmbeddedRocketMQ
      const client = yield* makeClient()
      const [proxy] = rocketmq.proxies
      const request = { code: RequestCode.CHECK_CLIENT_CONFIG }
      yield* client.invoke(proxy!.address, request)
      yield* Effect.forkChild(proxy!.drain, { startImmediately: true })
      const refused = yield* Effect.flip(client.invoke(proxy!.address, request, { goAwayHops: 0 }))
      assert.strictEqual(refused.reason._tag, "GoAway")
      yield* proxy!.stop
      assert.strictEqual(proxy!.state, "stopped")
      yield* TestClock.adjust(0)
    }).pipe(Effect.provide(withProxies()), Effect.scoped))
})

describe("whatever is asked", () => {
  it.effect("missing, malformed and absurd fields and bodies are answered, and the proxy goes on", () =>
    Effect.gen(function*() {
      const client = yield* makeClient()
      // ACK_MESSAGE and CHANGE_MESSAGE_INVISIBLETIME are never answered.
      const codes = [10, 310, 320, 36, 37, 370, 34, 35, 46, 11, 361, 200_050, 15, 203, 38, 30, 31, 14, 29, 41, 42, 105]
      const names = [
        ...["topic", "consumerGroup", "producerGroup", "queueId", "sysFlag", "suspendTimeoutMillis", "properties"],
        ...["commitOrRollback", "transactionId", "recallHandle", "offset", "a", "b", "e", "i", "n", "bname"]
      ]
      const values = ["", "\u0001", "-1", "9".repeat(40), "__proto__", "broker-a"]
      const bodies = [
        undefined,
        Buffer.alloc(0),
        Buffer.from("{"),
        Buffer.from("{\"mqSet\":[{}]}"),
        Buffer.alloc(64, 0xff)
      ]
      let asked = 0
      for (const code of codes) {
        for (const value of values) {
          for (const body of bodies) {
            const extFields = asked % 4 === 0
              ? {}
              : Object.fromEntries(names.map((name, index) => [name, index % 3 === asked % 3 ? "broker-a" : value]))
            const response = yield* askVia(client, { code, extFields, body })
            assert.isAtLeast(response.code, 0, `${code} ${value}`)
            asked++
          }
        }
      }
      assert.strictEqual((yield* askVia(client, sendRequest("Orders", "after all"))).code, 0)
    }).pipe(Effect.provide(withProxies()), Effect.scoped))
})
