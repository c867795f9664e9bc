import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"
import { CheckClientRequestBody } from "../../../src/protocol/body/CheckClientRequestBody.ts"
import { ConsumerConnection, ProducerConnection } from "../../../src/protocol/body/Connections.ts"
import { GetConsumerListByGroupResponseBody } from "../../../src/protocol/body/ConsumerList.ts"
import { LockBatchRequestBody, LockBatchResponseBody } from "../../../src/protocol/body/LockBatch.ts"
import { QueryCorrectionOffsetBody } from "../../../src/protocol/body/QueryCorrectionOffset.ts"
import type { RemotingCommand } from "../../../src/protocol/RemotingCommand.ts"
import { RequestCode } from "../../../src/protocol/RequestCode.ts"
import { ResponseCode } from "../../../src/protocol/ResponseCode.ts"
import * as MemoryTransport from "../../../src/remoting/MemoryTransport.ts"
import type * as RemotingClient from "../../../src/remoting/RemotingClient.ts"
import { pass, settle } from "../../remoting/support.ts"
import { address, anotherClient, heartbeat, pullRequest, setup, stored, subscription } from "./support.ts"

const live = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.provide(effect, MemoryTransport.layer)

const group = (client: RemotingClient.Service, name = "readers") =>
  client.invoke(address, { code: RequestCode.GET_CONSUMER_LIST_BY_GROUP, extFields: { consumerGroup: name } })

const ids = (answer: RemotingCommand) => {
  const body = GetConsumerListByGroupResponseBody.decode(answer.body)
  return "consumerIdList" in body ? body.consumerIdList : assert.fail(body.detail)
}

const readers = (clientID: string, topics: ReadonlyArray<string> = ["orders"]) =>
  heartbeat({ clientID, consumers: { readers: topics.map((topic) => subscription(topic)) } })

describe("a heartbeat", () => {
  it.effect("registers its client, and is answered with what the broker can", () =>
    Effect.gen(function*() {
      const { broker, client } = yield* setup()
      const answer = yield* client.invoke(address, readers("one"))
      assert.deepStrictEqual({ ...answer.extFields }, { IS_SUPPORT_HEART_BEAT_V2: "true", IS_SUB_CHANGE: "true" })
      assert.deepStrictEqual(broker.consumers("readers"), ["one"])
      assert.deepStrictEqual(ids(yield* group(client)), ["one"])
      assert.strictEqual(broker.store.topics.get("%RETRY%readers")?.readQueueNums, 1)
    }).pipe(live))

  it.effect("registers a client once for each of its channels", () =>
    Effect.gen(function*() {
      const { client } = yield* setup()
      const other = yield* anotherClient()
      yield* client.invoke(address, readers("one"))
      yield* client.invoke(address, readers("one"))
      yield* other.invoke(address, readers("one"))
      assert.deepStrictEqual(ids(yield* group(client)), ["one", "one"])
    }).pipe(live))

  it.effect("may be a light one, which leaves the subscriptions as they are", () =>
    Effect.gen(function*() {
      const { client } = yield* setup()
      const first = yield* client.invoke(
        address,
        heartbeat({ consumers: { readers: [subscription("orders")] }, heartbeatFingerprint: 5 })
      )
      assert.strictEqual(first.extFields.IS_SUB_CHANGE, "false")
      yield* client.invoke(
        address,
        heartbeat({ consumers: { readers: [] }, heartbeatFingerprint: 5, withoutSub: true })
      )
      yield* stored(client, "orders", "x")
      assert.strictEqual((yield* client.invoke(address, pullRequest("orders", { sysFlag: 0 }))).code, 0)
      const changed = yield* client.invoke(
        address,
        heartbeat({ consumers: { readers: [subscription("others")] }, heartbeatFingerprint: 6 })
      )
      assert.strictEqual(changed.extFields.IS_SUB_CHANGE, "true")
    }).pipe(live))

  it.effect("does not register groups that nobody made, where they have to be", () =>
    Effect.gen(function*() {
      const { client } = yield* setup({ settings: { autoCreateSubscriptionGroup: false } })
      assert.strictEqual((yield* client.invoke(address, readers("one"))).code, 0)
      const answer = yield* group(client)
      assert.strictEqual(answer.code, ResponseCode.SYSTEM_ERROR)
      assert.strictEqual(answer.remark, "no consumer for this group, readers")
    }).pipe(live))

  it.effect("that is none is an error", () =>
    Effect.gen(function*() {
      const { client } = yield* setup()
      const answer = yield* client.invoke(address, { code: RequestCode.HEART_BEAT, body: Buffer.from("[") })
      assert.strictEqual(answer.code, ResponseCode.SYSTEM_ERROR)
    }).pipe(live))
})

describe("the clients of a group", () => {
  const told = (client: RemotingClient.Service) =>
    Effect.gen(function*() {
      const groups: Array<string> = []
      yield* client.handle(RequestCode.NOTIFY_CONSUMER_IDS_CHANGED, (request) =>
        Effect.sync(() => {
          groups.push(request.extFields.consumerGroup!)
          return undefined
        }))
      return groups
    })

  it.effect("are told when one comes, unregisters or is lost", () =>
    Effect.gen(function*() {
      const { broker, client } = yield* setup()
      const heard = yield* told(client)
      yield* client.invoke(address, readers("one"))
      yield* settle
      assert.strictEqual(heard.length, 1)
      // The same again is no news.
      yield* client.invoke(address, readers("one"))
      const other = yield* anotherClient()
      yield* other.invoke(address, readers("two"))
      yield* settle
      assert.strictEqual(heard.length, 2)
      yield* other.invoke(address, {
        code: RequestCode.UNREGISTER_CLIENT,
        extFields: { clientID: "two", consumerGroup: "readers" }
      })
      yield* settle
      assert.strictEqual(heard.length, 3)
      yield* Effect.scoped(Effect.flatMap(anotherClient(), (third) => third.invoke(address, readers("three"))))
      yield* settle
      assert.deepStrictEqual(heard, Array.from({ length: 5 }, () => "readers"))
      assert.deepStrictEqual(broker.consumers("readers"), ["one"])
    }).pipe(live))

  it.effect("are not told of broadcasting, or where that is switched off", () =>
    Effect.gen(function*() {
      const { broker, client } = yield* setup()
      const heard = yield* told(client)
      yield* client.invoke(
        address,
        heartbeat({ consumers: { all: [subscription("orders")] }, consumer: { messageModel: "BROADCASTING" } })
      )
      broker.settings.notifyConsumerIdsChangedEnable = false
      yield* client.invoke(address, readers("one"))
      yield* settle
      assert.deepStrictEqual(heard, [])
    }).pipe(live))

  it.effect("are dropped and disconnected when they were not heard of for two minutes", () =>
    Effect.gen(function*() {
      const { broker, client } = yield* setup()
      yield* client.invoke(
        address,
        heartbeat({ clientID: "one", producers: ["writers"], consumers: { readers: [subscription("orders")] } })
      )
      assert.deepStrictEqual(broker.producers("writers"), ["one"])
      // Alive, but for heartbeats.
      yield* Effect.forEach(Array.from({ length: 12 }), () => Effect.andThen(pass("10 seconds"), group(client)))
      assert.deepStrictEqual(broker.consumers("readers"), ["one"])
      const network = yield* MemoryTransport.MemoryNetwork
      yield* pass("10 seconds")
      assert.deepStrictEqual(broker.consumers("readers"), [])
      assert.deepStrictEqual(broker.producers("writers"), [])
      assert.strictEqual(network.connections(address), 0)
    }).pipe(live))

  it.effect("are shown with language, version and subscriptions", () =>
    Effect.gen(function*() {
      const { client } = yield* setup()
      yield* client.invoke(
        address,
        heartbeat({ clientID: "one", producers: ["writers"], consumers: { readers: [subscription("orders", "a")] } })
      )
      const consumers = yield* client.invoke(address, {
        code: RequestCode.GET_CONSUMER_CONNECTION_LIST,
        extFields: { consumerGroup: "readers" }
      })
      const body = ConsumerConnection.decode(consumers.body)
      if (!("connectionSet" in body)) return assert.fail(body.detail)
      assert.deepStrictEqual(body.connectionSet, [
        { clientId: "one", clientAddr: "127.0.0.1:40000", language: "OTHER", version: 513 }
      ])
      assert.strictEqual(body.consumeType, "CONSUME_PASSIVELY")
      assert.strictEqual(body.subscriptionTable.orders?.subString, "a")
      const producers = yield* client.invoke(address, {
        code: RequestCode.GET_PRODUCER_CONNECTION_LIST,
        extFields: { producerGroup: "writers" }
      })
      const other = ProducerConnection.decode(producers.body)
      assert.isTrue("connectionSet" in other && other.connectionSet[0]?.clientId === "one")
    }).pipe(live))

  it.effect("are missed by name", () =>
    Effect.gen(function*() {
      const { client } = yield* setup()
      const consumers = yield* client.invoke(address, {
        code: RequestCode.GET_CONSUMER_CONNECTION_LIST,
        extFields: { consumerGroup: "readers" }
      })
      assert.strictEqual(consumers.code, ResponseCode.CONSUMER_NOT_ONLINE)
      assert.strictEqual(consumers.remark, "the consumer group[readers] not online")
      const producers = yield* client.invoke(address, {
        code: RequestCode.GET_PRODUCER_CONNECTION_LIST,
        extFields: { producerGroup: "writers" }
      })
      assert.strictEqual(producers.code, ResponseCode.SYSTEM_ERROR)
      assert.strictEqual(producers.remark, "the producer group[writers] not exist")
    }).pipe(live))
})

it.effect("a filter is checked before it is used", () =>
  Effect.gen(function*() {
    const { broker, client } = yield* setup()
    const check = (expression: string, type: "TAG" | "SQL92") =>
      client.invoke(address, {
        code: RequestCode.CHECK_CLIENT_CONFIG,
        body: CheckClientRequestBody.encode({
          clientId: "one",
          group: "readers",
          subscriptionData: subscription("orders", expression, type)
        })
      })
    assert.strictEqual((yield* check("a || b", "TAG")).code, 0)
    assert.strictEqual((yield* check("a > 1", "SQL92")).code, 0)
    const answer = yield* check("a >", "SQL92")
    assert.strictEqual(answer.code, ResponseCode.SUBSCRIPTION_PARSE_FAILED)
    assert.strictEqual(answer.remark, "Invalid MessageSelector. ")
    broker.settings.enablePropertyFilter = false
    assert.strictEqual((yield* check("a > 1", "SQL92")).code, ResponseCode.SYSTEM_ERROR)
  }).pipe(live))

describe("offsets", () => {
  const offsets = (client: RemotingClient.Service) => ({
    query: (extFields?: Record<string, string>) =>
      client.invoke(address, {
        code: RequestCode.QUERY_CONSUMER_OFFSET,
        extFields: { consumerGroup: "readers", topic: "orders", queueId: "0", ...extFields }
      }),
    update: (extFields: Record<string, string>) =>
      client.invoke(address, {
        code: RequestCode.UPDATE_CONSUMER_OFFSET,
        extFields: { consumerGroup: "readers", topic: "orders", queueId: "0", ...extFields }
      }),
    ask: (code: number, extFields?: Record<string, string>) =>
      client.invoke(address, { code, extFields: { topic: "orders", queueId: "0", ...extFields } })
  })

  it.effect("of a group are what it stored last", () =>
    Effect.gen(function*() {
      const { client } = yield* setup()
      const { query, update } = offsets(client)
      yield* client.invoke(address, readers("one"))
      yield* stored(client, "orders", "1")
      assert.strictEqual((yield* update({ commitOffset: "5" })).code, 0)
      assert.strictEqual((yield* query()).extFields.offset, "5")
    }).pipe(live))

  it.effect("of a new group are 0 on a young topic, unless it asks not to be told so", () =>
    Effect.gen(function*() {
      const { client } = yield* setup()
      const { query } = offsets(client)
      const none = yield* query()
      assert.strictEqual(none.code, ResponseCode.QUERY_NOT_FOUND)
      assert.strictEqual(none.remark, "Not found, V3_0_6_SNAPSHOT maybe this group consumer boot first")
      yield* stored(client, "orders", "1")
      assert.strictEqual((yield* query()).extFields.offset, "0")
      const asked = yield* query({ setZeroIfNotFound: "false" })
      assert.strictEqual(asked.code, ResponseCode.QUERY_NOT_FOUND)
      assert.strictEqual(asked.remark, "Not found, do not set to zero, maybe this group boot first")
    }).pipe(live))

  it.effect("are stored for groups, topics and queues that there are", () =>
    Effect.gen(function*() {
      const { client } = yield* setup()
      const { update } = offsets(client)
      assert.strictEqual((yield* update({ commitOffset: "1" })).remark, "Group readers not exist!")
      yield* client.invoke(address, readers("one"))
      const topic = yield* update({ commitOffset: "1" })
      assert.strictEqual(topic.code, ResponseCode.TOPIC_NOT_EXIST)
      assert.strictEqual(topic.remark, "Topic orders not exist!")
      yield* stored(client, "orders", "1")
      const none = yield* update({})
      assert.strictEqual(none.code, ResponseCode.INVALID_PARAMETER)
      assert.strictEqual(none.remark, "Offset is null, topic is orders")
      assert.strictEqual((yield* update({ queueId: "x" })).remark, "QueueId is null, topic is orders")
    }).pipe(live))

  it.effect("of queues are their ends, and those at a time", () =>
    Effect.gen(function*() {
      yield* TestClock.setTime(1_000)
      const { client } = yield* setup()
      const { ask } = offsets(client)
      const offset = (code: number, extFields?: Record<string, string>) =>
        Effect.map(ask(code, extFields), (answer) => Number(answer.extFields.offset))
      assert.strictEqual((yield* ask(RequestCode.GET_EARLIEST_MSG_STORETIME)).extFields.timestamp, "-1")
      yield* stored(client, "orders", "1")
      yield* stored(client, "orders", "2")
      yield* pass("1 seconds")
      yield* stored(client, "orders", "3")
      assert.strictEqual(yield* offset(RequestCode.GET_MAX_OFFSET), 3)
      assert.strictEqual(yield* offset(RequestCode.GET_MIN_OFFSET), 0)
      assert.strictEqual((yield* ask(RequestCode.GET_EARLIEST_MSG_STORETIME)).extFields.timestamp, "1000")
      const at = (timestamp: number, boundaryType: string) =>
        offset(RequestCode.SEARCH_OFFSET_BY_TIMESTAMP, { timestamp: String(timestamp), boundaryType })
      assert.strictEqual(yield* at(0, "LOWER"), 0)
      assert.strictEqual(yield* at(1_000, "LOWER"), 0)
      assert.strictEqual(yield* at(1_000, "UPPER"), 1)
      assert.strictEqual(yield* at(1_500, "LOWER"), 2)
      assert.strictEqual(yield* at(1_500, "UPPER"), 1)
      assert.strictEqual(yield* at(2_500, "LOWER"), 3)
      assert.strictEqual(yield* at(2_500, "UPPER"), 2)
    }).pipe(live))

  it.effect("of other groups are the least that any has", () =>
    Effect.gen(function*() {
      const { client, store } = yield* setup()
      store.offsets.commit("a", "orders", 0, 5)
      store.offsets.commit("b", "orders", 0, 3)
      store.offsets.commit("b", "orders", 1, 7)
      const answer = yield* client.invoke(address, {
        code: RequestCode.QUERY_CORRECTION_OFFSET,
        extFields: { topic: "orders", compareGroup: "c" }
      })
      const body = QueryCorrectionOffsetBody.decode(answer.body)
      assert.isTrue("correctionOffsets" in body)
      assert.deepStrictEqual("correctionOffsets" in body && [...body.correctionOffsets], [[0, 3], [1, 7]])
    }).pipe(live))
})

describe("locks of queues", () => {
  const queue = { topic: "orders", brokerName: "broker-a", queueId: 0 }
  const request = (code: number, clientId: string) => ({
    code,
    body: LockBatchRequestBody.encode({ clientId, consumerGroup: "readers", mqSet: [queue], onlyThisBroker: false })
  })
  const lock = (client: RemotingClient.Service, clientId: string) =>
    Effect.map(client.invoke(address, request(RequestCode.LOCK_BATCH_MQ, clientId)), (answer) => {
      const body = LockBatchResponseBody.decode(answer.body)
      return "lockOKMQSet" in body ? body.lockOKMQSet : assert.fail(body.detail)
    })

  it.effect("are one client's until it gives them back", () =>
    Effect.gen(function*() {
      const { client } = yield* setup()
      assert.deepStrictEqual(yield* lock(client, "one"), [queue])
      assert.deepStrictEqual(yield* lock(client, "two"), [])
      yield* client.invoke(address, request(RequestCode.UNLOCK_BATCH_MQ, "two"))
      assert.deepStrictEqual(yield* lock(client, "two"), [])
      yield* client.invoke(address, request(RequestCode.UNLOCK_BATCH_MQ, "one"))
      assert.deepStrictEqual(yield* lock(client, "two"), [queue])
    }).pipe(live))

  it.effect("end when they are not renewed for a minute", () =>
    Effect.gen(function*() {
      const { client } = yield* setup()
      yield* lock(client, "one")
      yield* pass("60 seconds")
      assert.deepStrictEqual(yield* lock(client, "two"), [])
      yield* lock(client, "one")
      yield* pass("60001 millis")
      assert.deepStrictEqual(yield* lock(client, "two"), [queue])
    }).pipe(live))
})
