import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as TestClock from "effect/testing/TestClock"
import { ConsumerSendMsgBackRequestHeader } from "../../../src/protocol/header/ConsumerSendMsgBack.ts"
import { SendMessageRequestHeader, SendMessageResponseHeader } from "../../../src/protocol/header/SendMessage.ts"
import * as MessageBatch from "../../../src/protocol/message/MessageBatch.ts"
import * as MessageId from "../../../src/protocol/message/MessageId.ts"
import * as RecallHandle from "../../../src/protocol/message/RecallHandle.ts"
import * as StoredMessage from "../../../src/protocol/message/StoredMessage.ts"
import { RequestCode } from "../../../src/protocol/RequestCode.ts"
import { ResponseCode } from "../../../src/protocol/ResponseCode.ts"
import * as MemoryTransport from "../../../src/remoting/MemoryTransport.ts"
import { pass } from "../../remoting/support.ts"
import { address, decoded, inQueue, messages, send, sendRequest, setup, stored } from "./support.ts"

const live = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.provide(effect, MemoryTransport.layer)

describe("a send", () => {
  it.effect("is stored byte for byte as a real broker stores it, and answered with its place", () =>
    Effect.gen(function*() {
      yield* TestClock.setTime(1_700_000_000_000)
      const { client, store } = yield* setup()
      const answer = yield* send(client, "orders", "hello", {
        header: { flag: 7, bornTimestamp: 1_699_999_999_000 },
        properties: { TAGS: "paid", KEYS: "a b" }
      })
      const header = decoded(SendMessageResponseHeader, answer)
      assert.strictEqual(answer.extFields.MSG_REGION, "DefaultRegion")
      assert.strictEqual(answer.extFields.TRACE_ON, "true")
      assert.strictEqual(answer.version, 513)
      assert.strictEqual(header.queueId, 0)
      assert.strictEqual(header.queueOffset, 0)
      assert.deepStrictEqual(MessageId.parseOffsetId(header.msgId), { host: address, offset: 0 })
      const message = store.messageAt(0)!
      assert.strictEqual(header.transactionId, message.properties.UNIQ_KEY)
      assert.deepStrictEqual({ ...message, body: Buffer.from(message.body).toString(), properties: undefined }, {
        topic: "orders",
        queueId: 0,
        queueOffset: 0,
        physicalOffset: 0,
        flag: 7,
        sysFlag: 0,
        bornTimestamp: 1_699_999_999_000,
        bornHost: "127.0.0.1:40000",
        storeTimestamp: 1_700_000_000_000,
        storeHost: address,
        reconsumeTimes: 0,
        preparedTransactionOffset: 0,
        bodyCrc: StoredMessage.bodyCrc(Buffer.from("hello")),
        body: "hello",
        properties: undefined
      })
      assert.deepStrictEqual({ ...message.properties, UNIQ_KEY: "" }, {
        UNIQ_KEY: "",
        WAIT: "true",
        TAGS: "paid",
        KEYS: "a b",
        MSG_REGION: "DefaultRegion",
        TRACE_ON: "true",
        CLUSTER: "DefaultCluster"
      })
    }).pipe(live))

  it.effect("counts physical offsets by stored sizes, and leaves the rest of a file blank", () =>
    Effect.gen(function*() {
      const { client, store } = yield* setup({ settings: { mappedFileSizeCommitLog: 1_000 } })
      const places = yield* Effect.forEach(["1", "2", "3", "4"], (body) => stored(client, "orders", body.repeat(80)))
      const offsets = places.map((place) => MessageId.parseOffsetId(place.msgId)!.offset)
      const size = store.log.lookAt(0)!.length
      assert.isTrue(size * 4 > 1_000 && size * 3 + 8 <= 1_000)
      assert.deepStrictEqual(offsets, [0, size, 2 * size, 1_000])
    }).pipe(live))

  it.effect("may be spelled out, as SEND_MESSAGE", () =>
    Effect.gen(function*() {
      const { client, store } = yield* setup()
      const answer = yield* client.invoke(address, {
        code: RequestCode.SEND_MESSAGE,
        extFields: SendMessageRequestHeader.encode({
          producerGroup: "producers",
          topic: "orders",
          defaultTopic: "TBW102",
          defaultTopicQueueNums: 4,
          queueId: 3,
          sysFlag: 0,
          bornTimestamp: 0,
          flag: 0,
          properties: "",
          reconsumeTimes: 0,
          unitMode: false,
          batch: false
        }),
        body: Buffer.from("plain")
      })
      assert.strictEqual(decoded(SendMessageResponseHeader, answer).queueId, 3)
      // A message without one is given an id.
      assert.match(store.messageAt(0)!.properties.UNIQ_KEY!, /^0A000001[0-9A-F]{24}$/)
    }).pipe(live))

  it.effect("creates its topic after the template, with no more queues than that has", () =>
    Effect.gen(function*() {
      let changes = 0
      const { client, store } = yield* setup({ listener: { topicsChanged: () => void changes++ } })
      yield* stored(client, "four", "x")
      yield* stored(client, "eight", "x", { header: { defaultTopicQueueNums: 100 } })
      assert.strictEqual(store.topics.get("four")?.writeQueueNums, 4)
      assert.strictEqual(store.topics.get("eight")?.readQueueNums, 8)
      assert.strictEqual(store.topics.get("four")?.perm, 6)
      assert.strictEqual(changes, 2)
      assert.strictEqual(store.topics.version.counter, 2)
    }).pipe(live))

  it.effect("goes to any queue when it names none, the same for the same seed", () =>
    Effect.gen(function*() {
      const queues = (seed: string) =>
        Effect.gen(function*() {
          const { client } = yield* setup()
          const places = yield* Effect.forEach(
            Array.from({ length: 20 }),
            () => stored(client, "orders", "x", { header: { queueId: -1 } })
          )
          return places.map((place) => place.queueId)
        }).pipe(Effect.scoped, live, Random.withSeed(seed))
      const one = yield* queues("one")
      assert.deepStrictEqual([...new Set(one)].sort(), [0, 1, 2, 3])
      assert.deepStrictEqual(yield* queues("one"), one)
      assert.notDeepEqual(yield* queues("two"), one)
    }))
})

describe("a send is refused", () => {
  const refused = (
    name: string,
    request: (client: Effect.Success<ReturnType<typeof setup>>) => Parameters<typeof send>,
    code: number,
    remark: RegExp,
    settings?: Parameters<typeof setup>[0]
  ) =>
    it.effect(name, () =>
      Effect.gen(function*() {
        const given = yield* setup(settings)
        const answer = yield* send(...request(given))
        assert.strictEqual(answer.code, code, answer.remark)
        assert.match(answer.remark ?? "", remark)
        assert.strictEqual(given.store.log.maxOffset, 0)
      }).pipe(live))

  refused(
    "for an unknown topic without auto-creation",
    ({ client }) => [client, "orders", "x"],
    ResponseCode.TOPIC_NOT_EXIST,
    /^topic\[orders\] not exist, apply first please!\nSee https:/,
    { settings: { autoCreateTopicEnable: false } }
  )
  refused(
    "for a name with other characters",
    ({ client }) => [client, "or.ders", "x"],
    ResponseCode.INVALID_PARAMETER,
    /^The specified topic: or\.ders, contains illegal characters, allowing only/
  )
  refused(
    "for a name that is too long",
    ({ client }) => [client, "t".repeat(128), "x"],
    ResponseCode.INVALID_PARAMETER,
    /is longer than topic max length: 127$/
  )
  refused(
    "for a topic of the system",
    ({ client }) => [client, "SCHEDULE_TOPIC_XXXX", "x"],
    ResponseCode.NO_PERMISSION,
    /^Sending message to topic\[SCHEDULE_TOPIC_XXXX\] is forbidden\.$/
  )
  refused(
    "for a queue that the topic has not",
    ({ client }) => [client, "orders", "x", { header: { queueId: 4 } }],
    ResponseCode.INVALID_PARAMETER,
    /^request queueId\[4\] is illegal, TopicConfig \[topicName=orders, readQueueNums=4, .*Producer: 127\.0\.0\.1:40000$/
  )
  refused(
    "for a body that is too large",
    ({ client }) => [client, "orders", "x".repeat(101)],
    ResponseCode.MESSAGE_ILLEGAL,
    /msg body length limit 100B, msg properties length limit 32KB\.$/,
    { settings: { maxMessageSize: 100 } }
  )
  refused(
    "for properties that are too large",
    ({ client }) => [client, "orders", "x", { properties: { long: "x".repeat(32_767) } }],
    ResponseCode.MESSAGE_ILLEGAL,
    /^the message is illegal/
  )
  refused(
    "for a body that is missing",
    ({ client }) => [client, "orders", ""],
    ResponseCode.SYSTEM_ERROR,
    /^java\.lang\.NullPointerException/
  )
  refused(
    "by a broker whose disk is full",
    ({ broker, client }) => {
      broker.conditions.diskFull = true
      return [client, "orders", "x"]
    },
    ResponseCode.SERVICE_NOT_AVAILABLE,
    /^service not available now\. .*the broker's disk is full/
  )
  refused(
    "by a broker that is busy",
    ({ broker, client }) => {
      broker.conditions.pageCacheBusy = true
      return [client, "orders", "x"]
    },
    ResponseCode.SYSTEM_BUSY,
    /^\[REJECTREQUEST\]system busy/
  )
  refused(
    "by a slave",
    ({ client }) => [client, "orders", "x"],
    ResponseCode.SYSTEM_BUSY,
    /^\[REJECTREQUEST\]/,
    { id: 1 }
  )
  refused(
    "for a delivery time further away than allowed",
    ({ client }) => [client, "orders", "x", { properties: { TIMER_DELAY_SEC: "259201" } }],
    ResponseCode.MESSAGE_ILLEGAL,
    /^timer message illegal, the delay time should not be bigger than the max delay 259200000ms/
  )
  refused(
    "for a half message where they are forbidden",
    ({ client }) => [client, "orders", "x", { properties: { TRAN_MSG: "true", PGROUP: "producers" } }],
    ResponseCode.NO_PERMISSION,
    /^the broker\[10\.0\.0\.1\] sending transaction message is forbidden$/,
    { settings: { rejectTransactionMessage: true } }
  )
})

it.effect("a stored message may be answered with another status, unless it does not wait for that", () =>
  Effect.gen(function*() {
    const { broker, client } = yield* setup()
    broker.conditions.putStatus = "FLUSH_SLAVE_TIMEOUT"
    const answer = yield* send(client, "orders", "x")
    assert.strictEqual(answer.code, ResponseCode.FLUSH_SLAVE_TIMEOUT)
    assert.strictEqual(answer.extFields.queueOffset, "0")
    yield* stored(client, "orders", "x", { properties: { WAIT: "false" } })
  }).pipe(live))

describe("a batch", () => {
  const batch = (bodies: ReadonlyArray<string>, topic = "orders") => ({
    ...sendRequest(
      topic,
      MessageBatch.encode(
        bodies.map((body) => ({ flag: 0, body: Buffer.from(body), properties: { UNIQ_KEY: `K${body}` } }))
      ),
      { header: { batch: true } }
    ),
    code: RequestCode.SEND_BATCH_MESSAGE
  })

  it.effect("is stored as its messages, one after the other", () =>
    Effect.gen(function*() {
      const { client, store } = yield* setup()
      const header = decoded(SendMessageResponseHeader, yield* client.invoke(address, batch(["1", "2", "3"])))
      assert.deepStrictEqual(inQueue(store, "orders"), ["1", "2", "3"])
      const offsets = header.msgId.split(",").map((id) => MessageId.parseOffsetId(id)!.offset)
      assert.deepStrictEqual(offsets.map((offset) => store.messageAt(offset)?.queueOffset), [0, 1, 2])
      assert.strictEqual(header.queueOffset, 0)
    }).pipe(live))

  it.effect("is stored as one message where the topic is for that, and takes an offset a member", () =>
    Effect.gen(function*() {
      const { broker, client, store } = yield* setup()
      broker.createTopic("orders", { queues: 1, attributes: { "queue.type": "BatchCQ" } })
      const header = decoded(SendMessageResponseHeader, yield* client.invoke(address, batch(["1", "2", "3"])))
      assert.strictEqual(header.batchUniqId, store.messageAt(0)?.properties.UNIQ_KEY)
      assert.strictEqual(store.queue("orders", 0).maxOffset, 3)
      assert.strictEqual(store.queue("orders", 0).after(0), 3)
      assert.strictEqual(StoredMessage.expandInnerBatch(store.messageAt(0)!, 1_000).messages.length, 3)
    }).pipe(live))

  it.effect("is not for retry topics", () =>
    Effect.gen(function*() {
      const { client } = yield* setup()
      const answer = yield* client.invoke(address, batch(["1"], "%RETRY%readers"))
      assert.strictEqual(answer.code, ResponseCode.MESSAGE_ILLEGAL)
      assert.strictEqual(answer.remark, "batch request does not support retry group %RETRY%readers")
    }).pipe(live))

  it.effect("that is cut off is an error, and the broker goes on", () =>
    Effect.gen(function*() {
      const { client, store } = yield* setup()
      const request = batch(["1", "2"])
      const answer = yield* client.invoke(address, { ...request, body: request.body.subarray(0, -3) })
      assert.strictEqual(answer.code, ResponseCode.SYSTEM_ERROR)
      assert.deepStrictEqual(inQueue(store, "orders"), [])
      yield* stored(client, "orders", "x")
    }).pipe(live))
})

describe("delays", () => {
  it.effect("a level delays by its time, counted from storing", () =>
    Effect.gen(function*() {
      const { client, store } = yield* setup()
      yield* stored(client, "orders", "later", { properties: { DELAY: "2" } })
      assert.deepStrictEqual(inQueue(store, "SCHEDULE_TOPIC_XXXX", 1), ["later"])
      yield* pass("4999 millis")
      assert.deepStrictEqual(inQueue(store, "orders"), [])
      yield* pass("1 millis")
      assert.deepStrictEqual(inQueue(store, "orders"), ["later"])
      const { properties } = store.messageIn("orders", 0, 0)!
      assert.strictEqual(properties.REAL_TOPIC, "orders")
    }).pipe(live))

  it.effect("a level above the last is the last", () =>
    Effect.gen(function*() {
      const { client, store } = yield* setup()
      yield* stored(client, "orders", "later", { properties: { DELAY: "99" } })
      yield* pass("2 hours")
      assert.deepStrictEqual(inQueue(store, "orders"), ["later"])
    }).pipe(live))

  it.effect("messages of a level keep their order", () =>
    Effect.gen(function*() {
      const { client, store } = yield* setup()
      yield* stored(client, "orders", "1", { properties: { DELAY: "1" } })
      yield* pass("500 millis")
      yield* stored(client, "orders", "2", { properties: { DELAY: "1" } })
      yield* pass("500 millis")
      assert.deepStrictEqual(inQueue(store, "orders"), ["1"])
      yield* pass("500 millis")
      assert.deepStrictEqual(inQueue(store, "orders"), ["1", "2"])
    }).pipe(live))

  for (
    const [name, properties] of [
      ["a delay in milliseconds", { TIMER_DELAY_MS: "2500" }],
      ["a delay in seconds", { TIMER_DELAY_SEC: "3" }],
      ["a time", { TIMER_DELIVER_MS: "1700000003000" }]
    ] as const
  ) {
    it.effect(`${name} delivers at the first full second from then on`, () =>
      Effect.gen(function*() {
        yield* TestClock.setTime(1_700_000_000_000)
        const { client, store } = yield* setup()
        const place = yield* stored(client, "orders", "later", { properties })
        assert.isString(place.recallHandle)
        yield* pass("2999 millis")
        assert.deepStrictEqual(inQueue(store, "orders"), [])
        yield* pass("1 millis")
        assert.deepStrictEqual(inQueue(store, "orders"), ["later"])
      }).pipe(live))
  }

  it.effect("a time that has passed delivers at once", () =>
    Effect.gen(function*() {
      yield* TestClock.setTime(1_700_000_000_000)
      const { client, store } = yield* setup()
      yield* stored(client, "orders", "now", { properties: { TIMER_DELIVER_MS: "1600000000000" } })
      assert.deepStrictEqual(inQueue(store, "orders"), ["now"])
    }).pipe(live))

  it.effect("a message that waits is recalled by its handle, and no other", () =>
    Effect.gen(function*() {
      yield* TestClock.setTime(1_700_000_000_000)
      const { client, store } = yield* setup()
      const place = yield* stored(client, "orders", "recalled", { properties: { TIMER_DELAY_SEC: "10" } })
      yield* stored(client, "orders", "kept", { properties: { TIMER_DELAY_SEC: "10" } })
      yield* pass("2 seconds")
      const answer = yield* client.invoke(address, {
        code: RequestCode.RECALL_MESSAGE,
        extFields: { producerGroup: "producers", topic: "orders", recallHandle: place.recallHandle! }
      })
      assert.strictEqual(answer.code, 0, answer.remark)
      assert.strictEqual(answer.extFields.msgId, RecallHandle.decode(place.recallHandle!)?.uniqKey)
      yield* pass("20 seconds")
      assert.deepStrictEqual(inQueue(store, "orders"), ["kept"])
    }).pipe(live))

  it.effect("what cannot be recalled any more is refused", () =>
    Effect.gen(function*() {
      yield* TestClock.setTime(1_700_000_000_000)
      const { client } = yield* setup()
      const place = yield* stored(client, "orders", "gone", { properties: { TIMER_DELAY_SEC: "10" } })
      const recall = (extFields: Record<string, string>) =>
        client.invoke(address, {
          code: RequestCode.RECALL_MESSAGE,
          extFields: { topic: "orders", recallHandle: place.recallHandle!, ...extFields }
        })
      yield* stored(client, "others", "x")
      assert.strictEqual((yield* recall({ topic: "others" })).remark, "recall failed, topic not match")
      assert.strictEqual((yield* recall({ recallHandle: "djE=" })).remark, "recall handle is invalid")
      assert.strictEqual((yield* recall({ topic: "nobody" })).code, ResponseCode.TOPIC_NOT_EXIST)
      yield* pass("11 seconds")
      const answer = yield* recall({})
      assert.strictEqual(answer.code, ResponseCode.ILLEGAL_OPERATION)
      assert.strictEqual(answer.remark, "recall failed, timestamp invalid")
    }).pipe(live))
})

describe("a message sent back", () => {
  const sendBack = (offset: number, more?: Record<string, string>) => ({
    code: RequestCode.CONSUMER_SEND_MSG_BACK,
    extFields: {
      ...ConsumerSendMsgBackRequestHeader.encode({
        offset,
        group: "readers",
        delayLevel: 0,
        originTopic: "orders",
        unitMode: false
      }),
      ...more
    }
  })

  it.effect("comes again in the group's retry topic, later each time", () =>
    Effect.gen(function*() {
      const { client, store } = yield* setup()
      const place = yield* stored(client, "orders", "again")
      assert.strictEqual((yield* client.invoke(address, sendBack(0))).code, 0)
      yield* pass("10 seconds")
      const first = store.messageIn("%RETRY%readers", 0, 0)!
      assert.strictEqual(first.reconsumeTimes, 1)
      assert.strictEqual(first.properties.RETRY_TOPIC, "orders")
      assert.strictEqual(first.properties.ORIGIN_MESSAGE_ID, place.msgId)
      assert.strictEqual((yield* client.invoke(address, sendBack(first.physicalOffset))).code, 0)
      yield* pass("29 seconds")
      assert.strictEqual(store.queue("%RETRY%readers", 0).maxOffset, 1)
      yield* pass("1 seconds")
      const second = store.messageIn("%RETRY%readers", 0, 1)!
      assert.strictEqual(second.reconsumeTimes, 2)
      assert.strictEqual(second.properties.ORIGIN_MESSAGE_ID, place.msgId)
    }).pipe(live))

  it.effect("goes to the dead letters when it was tried often enough, or is asked to", () =>
    Effect.gen(function*() {
      const { client, store } = yield* setup()
      yield* stored(client, "orders", "dead")
      assert.strictEqual((yield* client.invoke(address, sendBack(0, { delayLevel: "-1" }))).code, 0)
      assert.strictEqual((yield* client.invoke(address, sendBack(0, { maxReconsumeTimes: "0" }))).code, 0)
      assert.deepStrictEqual(inQueue(store, "%DLQ%readers"), ["dead", "dead"])
      assert.strictEqual(store.topics.get("%DLQ%readers")?.perm, 6)
    }).pipe(live))

  it.effect("must be one", () =>
    Effect.gen(function*() {
      const { client } = yield* setup()
      const answer = yield* client.invoke(address, sendBack(12_345))
      assert.strictEqual(answer.code, ResponseCode.SYSTEM_ERROR)
      assert.strictEqual(answer.remark, "look message by offset failed, 12345")
    }).pipe(live))

  it.effect("needs a group", () =>
    Effect.gen(function*() {
      const { client } = yield* setup({ settings: { autoCreateSubscriptionGroup: false } })
      const answer = yield* client.invoke(address, sendBack(0))
      assert.strictEqual(answer.code, ResponseCode.SUBSCRIPTION_GROUP_NOT_EXIST)
      assert.match(answer.remark!, /^subscription group not exist, readers \nSee /)
    }).pipe(live))

  it.effect("may be a message of its own, which goes to the dead letters the same way", () =>
    Effect.gen(function*() {
      const { client, store } = yield* setup()
      const retry = (reconsumeTimes: number) =>
        stored(client, "%RETRY%readers", `try ${reconsumeTimes}`, { header: { reconsumeTimes, maxReconsumeTimes: 3 } })
      yield* retry(3)
      yield* retry(4)
      assert.deepStrictEqual(inQueue(store, "%RETRY%readers"), ["try 3"])
      assert.deepStrictEqual(inQueue(store, "%DLQ%readers"), ["try 4"])
    }).pipe(live))
})

describe("queries", () => {
  const query = (key: string, more?: Record<string, string>) => ({
    code: RequestCode.QUERY_MESSAGE,
    extFields: {
      topic: "orders",
      key,
      maxNum: "32",
      beginTimestamp: "0",
      endTimestamp: "9223372036854775807",
      ...more
    }
  })

  it.effect("find messages by each of their keys and by their id", () =>
    Effect.gen(function*() {
      const { client } = yield* setup()
      yield* stored(client, "orders", "1", { properties: { KEYS: "a b" } })
      const place = yield* stored(client, "orders", "2", { properties: { KEYS: "b" } })
      const found = (key: string, more?: Record<string, string>) =>
        Effect.map(client.invoke(address, query(key, more)), (answer) =>
          messages(answer).map((one) => Buffer.from(one.body).toString()))
      assert.deepStrictEqual(yield* found("a"), ["1"])
      assert.deepStrictEqual(yield* found("b"), ["1", "2"])
      // The latest, where not all fit.
      assert.deepStrictEqual(yield* found("b", { maxNum: "1" }), ["2"])
      assert.deepStrictEqual(yield* found(place.transactionId!, { _UNIQUE_KEY_QUERY: "true" }), ["2"])
    }).pipe(live))

  it.effect("say when there is nothing, as outside the times", () =>
    Effect.gen(function*() {
      yield* TestClock.setTime(1_700_000_000_000)
      const { client } = yield* setup()
      yield* stored(client, "orders", "1", { properties: { KEYS: "a" } })
      const answer = yield* client.invoke(address, query("c"))
      assert.strictEqual(answer.code, ResponseCode.QUERY_NOT_FOUND)
      assert.strictEqual(answer.remark, "can not find message, maybe time range not correct")
      const late = yield* client.invoke(address, query("a", { beginTimestamp: "1700000001000" }))
      assert.strictEqual(late.code, ResponseCode.QUERY_NOT_FOUND)
    }).pipe(live))

  it.effect("find a message by its offset", () =>
    Effect.gen(function*() {
      const { client } = yield* setup()
      yield* stored(client, "orders", "1")
      const place = yield* stored(client, "orders", "2")
      const view = (offset: number) =>
        client.invoke(address, { code: RequestCode.VIEW_MESSAGE_BY_ID, extFields: { offset: String(offset) } })
      const { offset } = MessageId.parseOffsetId(place.msgId)!
      assert.strictEqual(Buffer.from(messages(yield* view(offset))[0]!.body).toString(), "2")
      const answer = yield* view(offset + 1)
      assert.strictEqual(answer.code, ResponseCode.SYSTEM_ERROR)
      assert.strictEqual(answer.remark, `can not find message by the offset, ${offset + 1}`)
    }).pipe(live))
})
