import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as BodyCodec from "../../../src/protocol/body/BodyCodec.ts"
import { BrokerStatsData } from "../../../src/protocol/body/BrokerStats.ts"
import { ConsumerOffsetSerializeWrapper } from "../../../src/protocol/body/ConsumerOffsets.ts"
import { ConsumeStats, ConsumeStatsList, QueryConsumeTimeSpanBody } from "../../../src/protocol/body/ConsumeStats.ts"
import { GroupList } from "../../../src/protocol/body/GroupList.ts"
import { KVTable } from "../../../src/protocol/body/KVTable.ts"
import { QueryConsumeQueueResponseBody } from "../../../src/protocol/body/QueryConsumeQueue.ts"
import { QuerySubscriptionResponseBody } from "../../../src/protocol/body/QuerySubscription.ts"
import { GetConsumerStatusBody, ResetOffsetBody } from "../../../src/protocol/body/ResetOffset.ts"
import {
  GroupForbidden,
  SubscriptionGroupConfig,
  SubscriptionGroupList,
  SubscriptionGroupWrapper
} from "../../../src/protocol/body/SubscriptionGroupConfig.ts"
import {
  CreateTopicListRequestBody,
  TopicConfig,
  TopicConfigSerializeWrapper
} from "../../../src/protocol/body/TopicConfig.ts"
import { TopicList } from "../../../src/protocol/body/TopicList.ts"
import { TopicStatsTable } from "../../../src/protocol/body/TopicStats.ts"
import { CreateTopicRequestHeader } from "../../../src/protocol/header/TopicAdmin.ts"
import * as StoredMessage from "../../../src/protocol/message/StoredMessage.ts"
import type { RemotingCommand } from "../../../src/protocol/RemotingCommand.ts"
import { RequestCode } from "../../../src/protocol/RequestCode.ts"
import { ResponseCode } from "../../../src/protocol/ResponseCode.ts"
import * as MemoryTransport from "../../../src/remoting/MemoryTransport.ts"
import type * as RemotingClient from "../../../src/remoting/RemotingClient.ts"
import { parseProperties } from "../../../src/testing/internal/broker/BrokerAdmin.ts"
import { pass, settle } from "../../remoting/support.ts"
import { address, anotherClient, heartbeat, pullRequest, send, setup, stored, subscription } from "./support.ts"

const live = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.provide(effect, MemoryTransport.layer)

const ask = (client: RemotingClient.Service, code: number, extFields?: Record<string, string>, body?: Uint8Array) =>
  client.invoke(address, { code, extFields, body })

const bodyOf = <T>(codec: BodyCodec.BodyCodec<T>, answer: RemotingCommand): T => {
  assert.strictEqual(answer.code, 0, answer.remark)
  const value = codec.decode(answer.body)
  if (typeof value === "object" && value !== null && "detail" in value && "path" in value) {
    return assert.fail(String(value.detail))
  }
  return value as T
}

const refused = (answer: RemotingCommand, code: number, remark: string) =>
  assert.deepStrictEqual([answer.code, answer.remark], [code, remark])

const createTopic = (
  client: RemotingClient.Service,
  topic: string,
  more: Partial<CreateTopicRequestHeader> = {}
) =>
  ask(
    client,
    RequestCode.UPDATE_AND_CREATE_TOPIC,
    {
      ...CreateTopicRequestHeader.encode({
        topic,
        defaultTopic: "TBW102",
        readQueueNums: 2,
        writeQueueNums: 2,
        perm: 6,
        topicFilterType: "SINGLE_TAG",
        topicSysFlag: 0,
        order: false,
        force: false,
        ...more
      })
    }
  )

const topicOf = (client: RemotingClient.Service, topic: string) =>
  Effect.map(ask(client, RequestCode.GET_TOPIC_CONFIG, { topic }), (answer) => bodyOf(TopicConfig, answer))

describe("topics", () => {
  it.effect("are created and altered", () =>
    Effect.gen(function*() {
      const { broker, client, store } = yield* setup()
      const before = store.topics.version
      assert.strictEqual((yield* createTopic(client, "orders")).code, 0)
      assert.deepInclude(yield* topicOf(client, "orders"), {
        topicName: "orders",
        readQueueNums: 2,
        writeQueueNums: 2,
        perm: 6,
        order: false
      })
      assert.strictEqual(store.topics.version.counter, before.counter + 1)
      assert.strictEqual((yield* createTopic(client, "orders", { readQueueNums: 4, perm: 4, order: true })).code, 0)
      assert.deepInclude(yield* topicOf(client, "orders"), {
        readQueueNums: 4,
        writeQueueNums: 2,
        perm: 4,
        order: true
      })
      assert.strictEqual(
        broker.registration().topicConfigTable.find(({ topicName }) => topicName === "orders")?.readQueueNums,
        4
      )
    }).pipe(live))

  it.effect("are refused with names that are none or the system's", () =>
    Effect.gen(function*() {
      const { client } = yield* setup()
      refused(
        yield* createTopic(client, "a b"),
        ResponseCode.INVALID_PARAMETER,
        "The specified topic: a b, contains illegal characters, allowing only ^[%|a-zA-Z0-9_-]+$"
      )
      refused(
        yield* createTopic(client, "TBW102"),
        ResponseCode.INVALID_PARAMETER,
        "The topic[TBW102] is conflict with system topic."
      )
      refused(
        yield* ask(client, RequestCode.GET_TOPIC_CONFIG, { topic: "nowhere" }),
        ResponseCode.TOPIC_NOT_EXIST,
        "No topic in this broker. topic: nowhere"
      )
    }).pipe(live))

  it.effect("have attributes, which are added, altered and removed", () =>
    Effect.gen(function*() {
      const { client } = yield* setup()
      const alter = (attributes: string) => createTopic(client, "orders", { attributes })
      assert.strictEqual((yield* alter("+message.type=FIFO,+queue.type=SimpleCQ")).code, 0)
      assert.deepStrictEqual({ ...(yield* topicOf(client, "orders")).attributes }, {
        "message.type": "FIFO",
        "queue.type": "SimpleCQ"
      })
      assert.strictEqual((yield* alter("+message.type=DELAY,+reserve.time=5")).code, 0)
      assert.strictEqual((yield* alter("-reserve.time")).code, 0)
      assert.deepStrictEqual({ ...(yield* topicOf(client, "orders")).attributes }, {
        "message.type": "DELAY",
        "queue.type": "SimpleCQ"
      })
      for (
        const [attributes, remark] of [
          ["+queue.type=BatchCQ", "attempt to update an unchangeable attribute. key: queue.type"],
          ["+colour=red", "unsupported key: colour"],
          ["-reserve.time", "attempt to delete a nonexistent key: reserve.time"],
          [
            "+message.type=LOUD",
            "value is not in set: [UNSPECIFIED, MIXED, TRANSACTION, PRIORITY, FIFO, DELAY, LITE, NORMAL]"
          ],
          ["+reserve.time=-2", "value is not in range(-1, 9223372036854775807)"],
          ["message.type=FIFO", "add/alter attribute format is wrong: message.type"],
          ["message", "delete attribute format is wrong: message"],
          ["+message.type=FIFO,+message.type=FIFO", "key duplication: +message.type"],
          ["+message.type=FIFO,-message.type", "alter duplication key. key: message.type"]
        ] as const
      ) refused(yield* alter(attributes), ResponseCode.SYSTEM_ERROR, remark)
      refused(
        yield* createTopic(client, "others", { attributes: "-message.type" }),
        ResponseCode.SYSTEM_ERROR,
        "only add attribute is supported while creating topic. key: message.type"
      )
      refused(
        yield* alter("+message.type=MIXED"),
        ResponseCode.INVALID_PARAMETER,
        "MIXED message type is not supported."
      )
    }).pipe(live))

  it.effect("are created several at once, or none when one of them is wrong", () =>
    Effect.gen(function*() {
      const { client, store } = yield* setup()
      const topic = (topicName: string): TopicConfig => ({
        attributes: {},
        order: false,
        perm: 6,
        readQueueNums: 1,
        writeQueueNums: 1,
        topicFilterType: "SINGLE_TAG",
        topicName,
        topicSysFlag: 0
      })
      const create = (...names: ReadonlyArray<string>) =>
        ask(
          client,
          RequestCode.UPDATE_AND_CREATE_TOPIC_LIST,
          {},
          CreateTopicListRequestBody.encode({ topicConfigList: names.map(topic) })
        )
      assert.strictEqual((yield* create("a", "b")).code, 0)
      assert.strictEqual((yield* create("c", "TBW102")).code, ResponseCode.INVALID_PARAMETER)
      assert.deepStrictEqual(["a", "b", "c"].map((name) => store.topics.get(name) !== undefined), [true, true, false])
    }).pipe(live))

  it.effect("are deleted with their messages and offsets", () =>
    Effect.gen(function*() {
      const { client, store } = yield* setup()
      yield* stored(client, "orders", "x")
      store.offsets.commit("readers", "orders", 0, 1)
      assert.strictEqual((yield* ask(client, RequestCode.DELETE_TOPIC_IN_BROKER, { topic: "orders" })).code, 0)
      assert.isUndefined(store.topics.get("orders"))
      assert.isUndefined(store.findQueue("orders", 0))
      assert.strictEqual(store.offsets.query("readers", "orders", 0), -1)
      assert.strictEqual((yield* client.invoke(address, pullRequest("orders"))).code, ResponseCode.TOPIC_NOT_EXIST)
      refused(
        yield* ask(client, RequestCode.DELETE_TOPIC_IN_BROKER, { topic: "TBW102" }),
        ResponseCode.INVALID_PARAMETER,
        "The topic[TBW102] is conflict with system topic."
      )
      refused(
        yield* ask(client, RequestCode.DELETE_TOPIC_IN_BROKER, { topic: " " }),
        ResponseCode.INVALID_PARAMETER,
        "The specified topic is blank."
      )
      // Sent to again, it starts anew.
      assert.strictEqual((yield* stored(client, "orders", "y")).queueOffset, 0)
    }).pipe(live))

  it.effect("are listed, all or by pages", () =>
    Effect.gen(function*() {
      const { client, store } = yield* setup()
      yield* createTopic(client, "orders")
      const list = (extFields: Record<string, string>) => ask(client, RequestCode.GET_ALL_TOPIC_CONFIG, extFields)
      const all = yield* list({})
      const { dataVersion, topicConfigTable } = bodyOf(TopicConfigSerializeWrapper, all)
      const names = Object.keys(topicConfigTable)
      assert.include(names, "orders")
      assert.strictEqual(all.extFields.totalTopicNum, String(names.length))
      assert.deepStrictEqual({ ...dataVersion }, { ...store.topics.version })
      const version = JSON.stringify(dataVersion)
      const paged = yield* list({ topicSeq: "2", maxTopicNum: "3", dataVersion: version })
      assert.deepStrictEqual(
        Object.keys(bodyOf(TopicConfigSerializeWrapper, paged).topicConfigTable),
        names.slice(2, 5)
      )
      // Those of another version start again.
      const again = yield* list({ topicSeq: "2", maxTopicNum: "3", dataVersion: `{"counter":0,"timestamp":1}` })
      assert.deepStrictEqual(
        Object.keys(bodyOf(TopicConfigSerializeWrapper, again).topicConfigTable),
        names.slice(0, 3)
      )
      const system = yield* ask(client, RequestCode.GET_SYSTEM_TOPIC_LIST_FROM_BROKER)
      assert.includeMembers([...bodyOf(TopicList, system).topicList], [
        "TBW102",
        "SCHEDULE_TOPIC_XXXX",
        "OFFSET_MOVED_EVENT"
      ])
    }).pipe(live))

  it.effect("say where their queues begin and end", () =>
    Effect.gen(function*() {
      const { client } = yield* setup()
      yield* createTopic(client, "orders", { readQueueNums: 1 })
      yield* pass("5 seconds")
      yield* stored(client, "orders", "x")
      yield* stored(client, "orders", "y")
      const { offsetTable, topicPutTps } = bodyOf(
        TopicStatsTable,
        yield* ask(client, RequestCode.GET_TOPIC_STATS_INFO, { topic: "orders" })
      )
      assert.deepStrictEqual(
        offsetTable.map(([{ queueId }, { lastUpdateTimestamp, maxOffset, minOffset }]) => [
          queueId,
          minOffset,
          maxOffset,
          lastUpdateTimestamp
        ]),
        [[0, 0, 2, 5_000], [1, 0, 0, 0]]
      )
      assert.isAbove(topicPutTps, 0)
      refused(
        yield* ask(client, RequestCode.GET_TOPIC_STATS_INFO, { topic: "nowhere" }),
        ResponseCode.TOPIC_NOT_EXIST,
        "topic[nowhere] not exist"
      )
    }).pipe(live))

  it.effect("show the entries of their queues", () =>
    Effect.gen(function*() {
      const { client, store } = yield* setup()
      yield* stored(client, "orders", "x", { properties: { TAGS: "red" } })
      yield* stored(client, "orders", "y")
      const entries = (index: string, queueId = "0") =>
        ask(client, RequestCode.QUERY_CONSUME_QUEUE, { topic: "orders", queueId, index, count: "10" })
      const { maxQueueIndex, minQueueIndex, queueData } = bodyOf(QueryConsumeQueueResponseBody, yield* entries("0"))
      assert.deepStrictEqual([minQueueIndex, maxQueueIndex], [0, 2])
      const queue = store.findQueue("orders", 0)!
      assert.deepStrictEqual(
        queueData.map(({ physicOffset, physicSize, tagsCode }) => [physicOffset, physicSize, Number(tagsCode)]),
        [[queue.position(0), queue.size(0), 112_785], [queue.position(1), queue.size(1), 0]]
      )
      assert.strictEqual((yield* entries("2")).code, 0)
      refused(yield* entries("0", "9"), ResponseCode.SYSTEM_ERROR, "9@orders is not exist!")
    }).pipe(live))

  it.effect("have queues once they are looked through for a time, but not once they are asked where they end", () =>
    Effect.gen(function*() {
      const { client } = yield* setup()
      yield* stored(client, "orders", "x")
      const queue = { topic: "orders", queueId: "1" }
      const entries = ask(client, RequestCode.QUERY_CONSUME_QUEUE, { ...queue, index: "0", count: "10" })
      yield* ask(client, RequestCode.GET_MAX_OFFSET, queue)
      refused(yield* entries, ResponseCode.SYSTEM_ERROR, "1@orders is not exist!")
      yield* ask(client, RequestCode.SEARCH_OFFSET_BY_TIMESTAMP, { ...queue, timestamp: "1000" })
      assert.strictEqual((yield* entries).code, ResponseCode.SUCCESS)
    }).pipe(live))
})

const groupConfig = (groupName: string, more: Partial<SubscriptionGroupConfig> = {}): SubscriptionGroupConfig => {
  const config = SubscriptionGroupConfig.decode(Buffer.from(JSON.stringify({ groupName })))
  return "groupName" in config ? { ...config, ...more } : assert.fail(config.detail)
}

describe("groups", () => {
  it.effect("are created, altered, listed and deleted", () =>
    Effect.gen(function*() {
      const { client, store } = yield* setup()
      const put = (config: SubscriptionGroupConfig) =>
        ask(
          client,
          RequestCode.UPDATE_AND_CREATE_SUBSCRIPTIONGROUP,
          {},
          SubscriptionGroupConfig.encode(config)
        )
      const get = (group: string) => ask(client, RequestCode.GET_SUBSCRIPTIONGROUP_CONFIG, { group })
      assert.strictEqual((yield* put(groupConfig("readers", { retryMaxTimes: 3 }))).code, 0)
      assert.strictEqual((yield* put(groupConfig("readers", { retryMaxTimes: 4, consumeEnable: false }))).code, 0)
      assert.deepInclude(bodyOf(SubscriptionGroupConfig, yield* get("readers")), {
        groupName: "readers",
        retryMaxTimes: 4,
        consumeEnable: false
      })
      assert.strictEqual(
        (yield* ask(
          client,
          RequestCode.UPDATE_AND_CREATE_SUBSCRIPTIONGROUP_LIST,
          {},
          SubscriptionGroupList.encode({ groupConfigList: [groupConfig("a"), groupConfig("b")] })
        )).code,
        0
      )
      const list = yield* ask(client, RequestCode.GET_ALL_SUBSCRIPTIONGROUP_CONFIG)
      const { subscriptionGroupTable } = bodyOf(SubscriptionGroupWrapper, list)
      assert.includeMembers(Object.keys(subscriptionGroupTable), ["readers", "a", "b", "TOOLS_CONSUMER"])
      assert.strictEqual(list.extFields.totalGroupNum, String(Object.keys(subscriptionGroupTable).length))
      store.offsets.commit("a", "orders", 0, 7)
      store.offsets.commit("b", "orders", 0, 7)
      yield* ask(client, RequestCode.DELETE_SUBSCRIPTIONGROUP, { groupName: "a" })
      yield* ask(client, RequestCode.DELETE_SUBSCRIPTIONGROUP, { groupName: "b", cleanOffset: "true" })
      // Where its offsets stay, a real one makes the group anew.
      assert.deepStrictEqual(["a", "b"].map((group) => store.groups.get(group) !== undefined), [true, false])
      assert.deepStrictEqual(["a", "b"].map((group) => store.offsets.query(group, "orders", 0)), [7, -1])
      assert.strictEqual((yield* put(groupConfig("a b"))).code, ResponseCode.INVALID_PARAMETER)
    }).pipe(live))

  it.effect("that nobody made are made when asked for, where that may be", () =>
    Effect.gen(function*() {
      const { client } = yield* setup()
      const get = (group: string) => ask(client, RequestCode.GET_SUBSCRIPTIONGROUP_CONFIG, { group })
      assert.strictEqual(bodyOf(SubscriptionGroupConfig, yield* get("readers")).retryMaxTimes, 16)
      yield* ask(client, RequestCode.UPDATE_BROKER_CONFIG, {}, Buffer.from("autoCreateSubscriptionGroup=false\n"))
      refused(yield* get("others"), ResponseCode.SUBSCRIPTION_GROUP_NOT_EXIST, "No group in this broker")
    }).pipe(live))

  it.effect("may be forbidden to read a topic", () =>
    Effect.gen(function*() {
      const { client } = yield* setup()
      yield* stored(client, "orders", "x")
      yield* client.invoke(address, heartbeat({ consumers: { readers: [subscription("orders")] } }))
      const forbid = (readable?: string) =>
        ask(client, RequestCode.UPDATE_AND_GET_GROUP_FORBIDDEN, {
          group: "readers",
          topic: "orders",
          ...(readable === undefined ? {} : { readable })
        })
      assert.strictEqual(bodyOf(GroupForbidden, yield* forbid()).readable, true)
      assert.strictEqual(bodyOf(GroupForbidden, yield* forbid("false")).readable, false)
      // Pulls that bring their subscription are not asked.
      assert.strictEqual((yield* client.invoke(address, pullRequest("orders"))).code, 0)
      const answer = yield* client.invoke(address, pullRequest("orders", { sysFlag: 0 }))
      assert.deepStrictEqual([answer.code, answer.extFields.forbiddenType], [ResponseCode.NO_PERMISSION, "5"])
      assert.strictEqual(bodyOf(GroupForbidden, yield* forbid("true")).readable, true)
      assert.strictEqual((yield* client.invoke(address, pullRequest("orders", { sysFlag: 0 }))).code, 0)
    }).pipe(live))

  it.effect("say how far they are", () =>
    Effect.gen(function*() {
      const { client, store } = yield* setup()
      yield* createTopic(client, "orders")
      yield* pass("1 second")
      yield* stored(client, "orders", "a")
      yield* pass("1 second")
      yield* stored(client, "orders", "b")
      yield* stored(client, "orders", "c")
      store.offsets.commit("readers", "orders", 0, 1)
      yield* client.invoke(address, pullRequest("orders", { queueOffset: 1 }))
      const { consumeTps, offsetTable } = bodyOf(
        ConsumeStats,
        yield* ask(client, RequestCode.GET_CONSUME_STATS, { consumerGroup: "readers" })
      )
      assert.isAbove(consumeTps, 0)
      assert.deepStrictEqual(
        offsetTable.map(([{ brokerName, queueId, topic }, offsets]) => [
          `${topic}@${brokerName}:${queueId}`,
          offsets.brokerOffset,
          offsets.consumerOffset,
          offsets.lastTimestamp
        ]),
        [["orders@broker-a:0", 3, 1, 1_000], ["orders@broker-a:1", 0, 0, 0]]
      )
      const { consumeStatsList, totalDiff } = bodyOf(
        ConsumeStatsList,
        yield* ask(client, RequestCode.GET_BROKER_CONSUME_STATS, { isOrder: "false" })
      )
      assert.strictEqual(totalDiff, 2)
      assert.include(consumeStatsList.flatMap((entry) => Object.keys(entry)), "readers")
      const { consumeTimeSpanSet } = bodyOf(
        QueryConsumeTimeSpanBody,
        yield* ask(client, RequestCode.QUERY_CONSUME_TIME_SPAN, { group: "readers", topic: "orders" })
      )
      assert.deepInclude(consumeTimeSpanSet[0], {
        minTimeStamp: 1_000,
        maxTimeStamp: 2_000,
        consumeTimeStamp: 1_000
      })
      const { offsetTable: all } = bodyOf(
        ConsumerOffsetSerializeWrapper,
        yield* ask(client, RequestCode.GET_ALL_CONSUMER_OFFSET)
      )
      assert.deepStrictEqual(Object.keys(all), ["orders@readers"])
    }).pipe(live))

  it.effect("show who reads what", () =>
    Effect.gen(function*() {
      const { client, store } = yield* setup()
      yield* createTopic(client, "orders")
      yield* client.invoke(address, heartbeat({ consumers: { online: [subscription("orders", "red")] } }))
      store.offsets.commit("offline", "orders", 0, 1)
      const who = yield* ask(client, RequestCode.QUERY_TOPIC_CONSUME_BY_WHO, { topic: "orders" })
      assert.deepStrictEqual([...bodyOf(GroupList, who).groupList].sort(), ["offline", "online"])
      const what = yield* ask(client, RequestCode.QUERY_TOPICS_BY_CONSUMER, { group: "offline" })
      assert.deepStrictEqual(bodyOf(TopicList, what).topicList, ["orders"])
      const subscriptions = yield* ask(client, RequestCode.QUERY_SUBSCRIPTION_BY_CONSUMER, {
        group: "online",
        topic: "orders"
      })
      assert.strictEqual(bodyOf(QuerySubscriptionResponseBody, subscriptions).subscriptionData?.subString, "red")
    }).pipe(live))

  it.effect("may be given the offsets of another", () =>
    Effect.gen(function*() {
      const { client, store } = yield* setup()
      yield* createTopic(client, "orders")
      store.offsets.commit("readers", "orders", 0, 5)
      store.offsets.commit("readers", "orders", 1, 6)
      yield* ask(client, RequestCode.CLONE_GROUP_OFFSET, { srcGroup: "readers", destGroup: "others", topic: "orders" })
      assert.deepStrictEqual([0, 1].map((queueId) => store.offsets.query("others", "orders", queueId)), [5, 6])
    }).pipe(live))
})

describe("setting offsets back", () => {
  const reset = (client: RemotingClient.Service, more: Record<string, string>) =>
    ask(client, RequestCode.INVOKE_BROKER_TO_RESET_OFFSET, {
      group: "readers",
      topic: "orders",
      timestamp: "-1",
      isForce: "true",
      ...more
    })

  const prepared = (options?: Parameters<typeof setup>[0]) =>
    Effect.gen(function*() {
      const made = yield* setup(options)
      yield* createTopic(made.client, "orders", { readQueueNums: 1, writeQueueNums: 1 })
      yield* made.client.invoke(address, heartbeat({ consumers: { readers: [subscription("orders")] } }))
      for (const body of ["a", "b", "c"]) {
        yield* pass("1 second")
        yield* stored(made.client, "orders", body)
      }
      made.store.offsets.commit("readers", "orders", 0, 3)
      return made
    })

  it.effect("is the broker's own doing: who pulls is sent there", () =>
    Effect.gen(function*() {
      const { client, store } = yield* prepared()
      const { offsetTable } = bodyOf(ResetOffsetBody, yield* reset(client, { timestamp: "2000" }))
      assert.deepStrictEqual(offsetTable.map(([{ queueId }, offset]) => [queueId, offset]), [[0, 1]])
      const moved = yield* client.invoke(address, pullRequest("orders", { queueOffset: 3 }))
      assert.deepStrictEqual([moved.code, moved.extFields.nextBeginOffset], [ResponseCode.PULL_OFFSET_MOVED, "1"])
      // What was stored before that is not overwritten by what the client knew.
      const late = yield* ask(client, RequestCode.UPDATE_CONSUMER_OFFSET, {
        consumerGroup: "readers",
        topic: "orders",
        queueId: "0",
        commitOffset: "3"
      })
      assert.strictEqual(late.code, 0)
      assert.strictEqual(store.offsets.query("readers", "orders", 0), 3)
    }).pipe(live))

  it.effect("outlasts what clients store meanwhile", () =>
    Effect.gen(function*() {
      const { client, store } = yield* prepared()
      yield* reset(client, { queueId: "0", offset: "2" })
      const late = yield* ask(client, RequestCode.UPDATE_CONSUMER_OFFSET, {
        consumerGroup: "readers",
        topic: "orders",
        queueId: "0",
        commitOffset: "3"
      })
      refused(late, ResponseCode.SUCCESS, "Offset has been previously reset")
      assert.strictEqual(store.offsets.query("readers", "orders", 0), 2)
    }).pipe(live))

  it.effect("needs a topic, a group, and an offset that is", () =>
    Effect.gen(function*() {
      const { client } = yield* prepared()
      refused(yield* reset(client, { topic: "no" }), ResponseCode.TOPIC_NOT_EXIST, "Topic no does not exist")
      refused(
        yield* reset(client, { group: "no" }),
        ResponseCode.SUBSCRIPTION_GROUP_NOT_EXIST,
        "Group no does not exist"
      )
      refused(
        yield* reset(client, { queueId: "0", offset: "99" }),
        ResponseCode.SYSTEM_ERROR,
        "Target offset 99 not in consume queue range [0-3]"
      )
    }).pipe(live))

  it.effect("is left to the clients where the broker does not do it", () =>
    Effect.gen(function*() {
      const { client, store } = yield* prepared({ settings: { useServerSideResetOffset: false } })
      const heard: Array<RemotingCommand> = []
      yield* client.handle(RequestCode.RESET_CONSUMER_CLIENT_OFFSET, (request) =>
        Effect.sync(() => {
          heard.push(request)
          return undefined
        }))
      const { offsetTable } = bodyOf(ResetOffsetBody, yield* reset(client, { timestamp: "1000" }))
      yield* settle
      assert.deepStrictEqual(offsetTable.map(([, offset]) => offset), [0])
      assert.strictEqual(store.offsets.query("readers", "orders", 0), 3)
      assert.deepInclude({ ...heard[0]?.extFields }, { group: "readers", topic: "orders", timestamp: "1000" })
      refused(
        yield* reset(client, { group: "nobody" }),
        ResponseCode.SYSTEM_ERROR,
        "THe consumer group <nobody> not exist"
      )
      store.offsets.commit("nobody", "orders", 0, 3)
      assert.strictEqual((yield* reset(client, { group: "nobody" })).code, ResponseCode.CONSUMER_NOT_ONLINE)
    }).pipe(live))
})

describe("what clients are asked through the broker", () => {
  const online = Effect.gen(function*() {
    const made = yield* setup()
    const reader = yield* anotherClient()
    yield* reader.invoke(address, heartbeat({ clientID: "one", consumers: { readers: [subscription("orders")] } }))
    return { ...made, reader }
  })

  it.effect("is handed on, and the answer back", () =>
    Effect.gen(function*() {
      const { client, reader } = yield* online
      yield* reader.handle(RequestCode.GET_CONSUMER_RUNNING_INFO, (request) =>
        Effect.succeed({ body: Buffer.from(`{"asked":"${request.extFields.clientId}"}`) }))
      const answer = yield* ask(client, RequestCode.GET_CONSUMER_RUNNING_INFO, {
        consumerGroup: "readers",
        clientId: "one",
        jstackEnable: "false"
      })
      assert.strictEqual(Buffer.from(answer.body!).toString(), `{"asked":"one"}`)
      refused(
        yield* ask(client, RequestCode.GET_CONSUMER_RUNNING_INFO, {
          consumerGroup: "readers",
          clientId: "two",
          jstackEnable: "false"
        }),
        ResponseCode.SYSTEM_ERROR,
        "The Consumer <readers> <two> not online"
      )
    }).pipe(live))

  it.effect("is given up after 10 seconds", () =>
    Effect.gen(function*() {
      const { client, reader } = yield* online
      yield* reader.handle(RequestCode.GET_CONSUMER_RUNNING_INFO, () => Effect.never)
      const asking = yield* Effect.forkChild(client.invoke(address, {
        code: RequestCode.GET_CONSUMER_RUNNING_INFO,
        extFields: { consumerGroup: "readers", clientId: "one", jstackEnable: "false" }
      }, { timeout: 30_000 }))
      yield* settle
      yield* pass("10 seconds")
      assert.strictEqual((yield* Fiber.join(asking)).code, ResponseCode.CONSUME_MSG_TIMEOUT)
    }).pipe(live))

  it.effect("may be to consume a message", () =>
    Effect.gen(function*() {
      const { client, reader } = yield* online
      const { msgId } = yield* stored(client, "orders", "now")
      yield* reader.handle(RequestCode.CONSUME_MESSAGE_DIRECTLY, (request) =>
        Effect.sync(() => {
          const { messages } = StoredMessage.decodeAll(request.body!)
          return { remark: `${request.extFields.brokerName} ${Buffer.from(messages[0]!.body).toString()}` }
        }))
      const answer = yield* ask(client, RequestCode.CONSUME_MESSAGE_DIRECTLY, {
        consumerGroup: "readers",
        clientId: "one",
        msgId,
        topic: "orders"
      })
      assert.strictEqual(answer.remark, "broker-a now")
    }).pipe(live))

  it.effect("may be where they are", () =>
    Effect.gen(function*() {
      const { client, reader } = yield* online
      yield* reader.handle(RequestCode.GET_CONSUMER_STATUS_FROM_CLIENT, () =>
        Effect.succeed({
          body: GetConsumerStatusBody.encode({
            consumerTable: {},
            messageQueueTable: [[{ topic: "orders", brokerName: "broker-a", queueId: 0 }, 4]]
          })
        }))
      const { consumerTable } = bodyOf(
        GetConsumerStatusBody,
        yield* ask(client, RequestCode.INVOKE_BROKER_TO_GET_CONSUMER_STATUS, { topic: "orders", group: "readers" })
      )
      assert.deepStrictEqual(consumerTable.one?.map(([{ queueId }, offset]) => [queueId, offset]), [[0, 4]])
    }).pipe(live))
})

describe("the broker", () => {
  it.effect("shows its settings and lets them be changed", () =>
    Effect.gen(function*() {
      const { broker, client } = yield* setup()
      const config = yield* ask(client, RequestCode.GET_BROKER_CONFIG)
      const properties = parseProperties(Buffer.from(config.body!).toString())
      assert.strictEqual(properties.get("brokerName"), "broker-a")
      assert.strictEqual(properties.get("autoCreateTopicEnable"), "true")
      assert.isDefined(config.extFields.version)
      const change = (text: string) => ask(client, RequestCode.UPDATE_BROKER_CONFIG, {}, Buffer.from(text))
      assert.strictEqual((yield* change("# a comment\nautoCreateTopicEnable = false\nmaxMessageSize:100\n")).code, 0)
      assert.strictEqual(broker.settings.autoCreateTopicEnable, false)
      assert.strictEqual((yield* send(client, "orders", "x")).code, ResponseCode.TOPIC_NOT_EXIST)
      refused(yield* change("rocketmqHome=/x"), ResponseCode.NO_PERMISSION, "Can not update config in black list.")
      const before = broker.store.topics.version.counter
      yield* change("brokerPermission=2")
      assert.strictEqual(broker.store.topics.version.counter, before + 1)
      assert.strictEqual((yield* client.invoke(address, pullRequest("orders"))).code, ResponseCode.NO_PERMISSION)
    }).pipe(live))

  it.effect("shows figures", () =>
    Effect.gen(function*() {
      const { client } = yield* setup()
      yield* stored(client, "orders", "x")
      yield* stored(client, "orders", "late", { properties: { DELAY: "3" } })
      yield* client.invoke(address, pullRequest("orders"))
      yield* pass("10 seconds")
      const { table } = bodyOf(KVTable, yield* ask(client, RequestCode.GET_BROKER_RUNTIME_INFO))
      assert.deepInclude({ ...table }, { brokerActive: "true", putMessageTimesTotal: "3", msgGetTotalTodayNow: "1" })
      assert.strictEqual(table.scheduleMessageOffset_3, "1,1")
      const view = (statsName: string, statsKey: string) =>
        ask(client, RequestCode.VIEW_BROKER_STATS_DATA, { statsName, statsKey })
      assert.strictEqual(bodyOf(BrokerStatsData, yield* view("TOPIC_PUT_NUMS", "orders")).statsMinute?.sum, 2)
      refused(
        yield* view("TOPIC_PUT_NUMS", "no"),
        ResponseCode.SYSTEM_ERROR,
        "The stats <TOPIC_PUT_NUMS> <no> not exist"
      )
      yield* pass("2 minutes")
      const later = bodyOf(BrokerStatsData, yield* view("TOPIC_PUT_NUMS", "orders"))
      assert.deepStrictEqual([later.statsMinute?.sum, later.statsHour?.sum], [0, 2])
    }).pipe(live))

  it.effect("knows codes that it does not know", () =>
    Effect.gen(function*() {
      const { client } = yield* setup()
      refused(
        yield* ask(client, 9_999),
        ResponseCode.REQUEST_CODE_NOT_SUPPORTED,
        " request type 9999 not supported"
      )
    }).pipe(live))
})
