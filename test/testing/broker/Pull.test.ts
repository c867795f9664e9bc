import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { PullMessageResponseHeader, PullSysFlag } from "../../../src/protocol/header/PullMessage.ts"
import * as MessageBatch from "../../../src/protocol/message/MessageBatch.ts"
import { RequestCode } from "../../../src/protocol/RequestCode.ts"
import { ResponseCode } from "../../../src/protocol/ResponseCode.ts"
import * as MemoryTransport from "../../../src/remoting/MemoryTransport.ts"
import { pass, settle, start } from "../../remoting/support.ts"
import {
  address,
  anotherClient,
  bodies,
  decoded,
  header,
  heartbeat,
  messages,
  pullRequest,
  sendRequest,
  setup,
  stored,
  subscription
} from "./support.ts"

const live = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.provide(effect, MemoryTransport.layer)

const suspend = PullSysFlag.subscription | PullSysFlag.suspend

describe("a pull", () => {
  it.effect("gets the messages of a queue from an offset on, and where to go on", () =>
    Effect.gen(function*() {
      const { client } = yield* setup()
      yield* Effect.forEach(["1", "2", "3"], (body) => stored(client, "orders", body))
      const answer = yield* client.invoke(address, pullRequest("orders", { queueOffset: 1 }))
      assert.deepStrictEqual(decoded(PullMessageResponseHeader, answer), {
        suggestWhichBrokerId: 0,
        nextBeginOffset: 3,
        minOffset: 0,
        maxOffset: 3,
        topicSysFlag: 0,
        groupSysFlag: 0
      })
      assert.strictEqual(answer.remark, "FOUND")
      assert.deepStrictEqual(bodies(messages(answer)), ["2", "3"])
    }).pipe(live))

  it.effect("gets no more messages than it asks for, than 32, and than 256 KiB", () =>
    Effect.gen(function*() {
      const { client } = yield* setup()
      yield* Effect.forEach(Array.from({ length: 40 }), () => stored(client, "small", "x"))
      yield* Effect.forEach(Array.from({ length: 4 }), () => stored(client, "large", "x".repeat(100_000)))
      const count = (topic: string, maxMsgNums: number) =>
        Effect.map(client.invoke(address, pullRequest(topic, { maxMsgNums })), (answer) => messages(answer).length)
      assert.strictEqual(yield* count("small", 5), 5)
      assert.strictEqual(yield* count("small", 40), 32)
      assert.strictEqual(yield* count("large", 32), 2)
    }).pipe(live))

  it.effect("gets a whole batch that is one message, from any of its offsets", () =>
    Effect.gen(function*() {
      const { broker, client } = yield* setup()
      broker.createTopic("orders", { queues: 1, attributes: { "queue.type": "BatchCQ" } })
      const body = MessageBatch.encode(["1", "2", "3"].map((one) => ({
        flag: 0,
        body: Buffer.from(one),
        properties: ""
      })))
      yield* client.invoke(address, {
        ...sendRequest("orders", body, { header: { batch: true } }),
        code: RequestCode.SEND_BATCH_MESSAGE
      })
      const answer = yield* client.invoke(address, pullRequest("orders", { queueOffset: 1 }))
      assert.strictEqual(decoded(PullMessageResponseHeader, answer).nextBeginOffset, 3)
      assert.strictEqual(messages(answer).length, 1)
    }).pipe(live))

  for (
    const [name, queueOffset, code, nextBeginOffset] of [
      ["behind the last message finds nothing", 2, ResponseCode.PULL_NOT_FOUND, 2],
      ["further behind is sent to the end", 5, ResponseCode.PULL_OFFSET_MOVED, 2]
    ] as const
  ) {
    it.effect(name, () =>
      Effect.gen(function*() {
        const { client } = yield* setup()
        yield* stored(client, "orders", "1")
        yield* stored(client, "orders", "2")
        const answer = yield* client.invoke(address, pullRequest("orders", { queueOffset }))
        assert.strictEqual(answer.code, code)
        assert.strictEqual(header(PullMessageResponseHeader, answer).nextBeginOffset, nextBeginOffset)
      }).pipe(live))
  }

  it.effect("before the first message that is left is sent there", () =>
    Effect.gen(function*() {
      const { client, store } = yield* setup()
      yield* stored(client, "orders", "1")
      yield* pass("1 seconds")
      yield* stored(client, "orders", "2")
      store.expire(1_000)
      const answer = yield* client.invoke(address, pullRequest("orders"))
      assert.strictEqual(answer.code, ResponseCode.PULL_OFFSET_MOVED)
      assert.strictEqual(answer.remark, "OFFSET_TOO_SMALL")
      assert.strictEqual(header(PullMessageResponseHeader, answer).nextBeginOffset, 1)
    }).pipe(live))

  it.effect("of a queue without messages is sent to its beginning", () =>
    Effect.gen(function*() {
      const { broker, client } = yield* setup()
      broker.createTopic("orders")
      const answer = yield* client.invoke(address, pullRequest("orders", { queueOffset: 7 }))
      assert.strictEqual(answer.code, ResponseCode.PULL_OFFSET_MOVED)
      assert.strictEqual(header(PullMessageResponseHeader, answer).nextBeginOffset, 0)
      assert.strictEqual((yield* client.invoke(address, pullRequest("orders"))).code, ResponseCode.PULL_NOT_FOUND)
    }).pipe(live))

  it.effect("stores the offset that it commits", () =>
    Effect.gen(function*() {
      const { client, store } = yield* setup()
      yield* stored(client, "orders", "1")
      yield* client.invoke(
        address,
        pullRequest("orders", { sysFlag: PullSysFlag.subscription | PullSysFlag.commitOffset, commitOffset: 1 })
      )
      assert.strictEqual(store.offsets.stored("readers", "orders", 0), 1)
      yield* client.invoke(address, pullRequest("orders", { commitOffset: 0 }))
      assert.strictEqual(store.offsets.stored("readers", "orders", 0), 1)
    }).pipe(live))
})

describe("a pull is filtered", () => {
  const sendTagged = (client: Effect.Success<ReturnType<typeof setup>>["client"]) =>
    Effect.forEach(
      [["1", { TAGS: "a", price: "5" }], ["2", { TAGS: "b", price: "15" }], ["3", { price: "25" }]] as const,
      ([body, properties]) => stored(client, "orders", body, { properties })
    )

  it.effect("by tags", () =>
    Effect.gen(function*() {
      const { client } = yield* setup()
      yield* sendTagged(client)
      const pulled = (expression: string) =>
        Effect.map(client.invoke(address, pullRequest("orders", { subscription: expression })), (answer) =>
          bodies(messages(answer)))
      assert.deepStrictEqual(yield* pulled("a || b"), ["1", "2"])
      assert.deepStrictEqual(yield* pulled("b"), ["2"])
      assert.deepStrictEqual(yield* pulled("*"), ["1", "2", "3"])
    }).pipe(live))

  it.effect("by SQL92", () =>
    Effect.gen(function*() {
      const { client } = yield* setup()
      yield* sendTagged(client)
      const answer = yield* client.invoke(
        address,
        pullRequest("orders", { subscription: "price > 10 AND TAGS IS NOT NULL", expressionType: "SQL92" })
      )
      assert.deepStrictEqual(bodies(messages(answer)), ["2"])
    }).pipe(live))

  it.effect("and goes on at once behind what does not match", () =>
    Effect.gen(function*() {
      const { client } = yield* setup()
      yield* sendTagged(client)
      const answer = yield* client.invoke(address, pullRequest("orders", { subscription: "c", sysFlag: suspend }))
      assert.strictEqual(answer.code, ResponseCode.PULL_RETRY_IMMEDIATELY)
      assert.strictEqual(header(PullMessageResponseHeader, answer).nextBeginOffset, 3)
    }).pipe(live))

  it.effect("unless SQL92 is switched off", () =>
    Effect.gen(function*() {
      const { client } = yield* setup({ settings: { enablePropertyFilter: false } })
      yield* sendTagged(client)
      const answer = yield* client.invoke(
        address,
        pullRequest("orders", { subscription: "price > 10", expressionType: "SQL92" })
      )
      assert.strictEqual(answer.code, ResponseCode.SYSTEM_ERROR)
      assert.strictEqual(answer.remark, "The broker does not support consumer to filter message by SQL92")
    }).pipe(live))
})

describe("a pull that waits", () => {
  it.effect("is answered when a message comes", () =>
    Effect.gen(function*() {
      const { broker, client } = yield* setup()
      broker.createTopic("orders", { queues: 1 })
      const fiber = yield* start(
        client.invoke(address, pullRequest("orders", { sysFlag: suspend }), { timeout: "30 seconds" })
      )
      yield* pass("3 seconds")
      assert.isUndefined(fiber.pollUnsafe())
      yield* stored(client, "orders", "new")
      const answer = yield* Fiber.join(fiber)
      assert.deepStrictEqual(bodies(messages(answer)), ["new"])
    }).pipe(live))

  it.effect("is answered when its time is up", () =>
    Effect.gen(function*() {
      const { broker, client } = yield* setup()
      broker.createTopic("orders", { queues: 1 })
      const fiber = yield* start(
        client.invoke(address, pullRequest("orders", { sysFlag: suspend }), { timeout: "30 seconds" })
      )
      yield* pass("14999 millis")
      assert.isUndefined(fiber.pollUnsafe())
      yield* pass("1 millis")
      assert.strictEqual((yield* Fiber.join(fiber)).code, ResponseCode.PULL_NOT_FOUND)
    }).pipe(live))

  it.effect("waits a second where there is no long polling", () =>
    Effect.gen(function*() {
      const { broker, client } = yield* setup({ settings: { longPollingEnable: false } })
      broker.createTopic("orders", { queues: 1 })
      const fiber = yield* start(
        client.invoke(address, pullRequest("orders", { sysFlag: suspend }), { timeout: "30 seconds" })
      )
      yield* pass("1 seconds")
      assert.strictEqual((yield* Fiber.join(fiber)).code, ResponseCode.PULL_NOT_FOUND)
    }).pipe(live))

  it.effect("is told within 5 seconds of messages that are none of its own", () =>
    Effect.gen(function*() {
      const { broker, client } = yield* setup()
      broker.createTopic("orders", { queues: 1 })
      const fiber = yield* start(
        client.invoke(address, pullRequest("orders", { sysFlag: suspend, subscription: "a" }), {
          timeout: "30 seconds"
        })
      )
      yield* stored(client, "orders", "other", { properties: { TAGS: "b" } })
      yield* settle
      assert.isUndefined(fiber.pollUnsafe())
      yield* pass("5 seconds")
      const answer = yield* Fiber.join(fiber)
      assert.strictEqual(answer.code, ResponseCode.PULL_RETRY_IMMEDIATELY)
      assert.strictEqual(header(PullMessageResponseHeader, answer).nextBeginOffset, 1)
    }).pipe(live))

  it.effect("does not keep others from the handlers of its channel, and goes with its channel", () =>
    Effect.gen(function*() {
      const { broker, client } = yield* setup()
      broker.createTopic("orders", { queues: 1 })
      yield* Effect.scoped(Effect.gen(function*() {
        const waiting = yield* anotherClient()
        for (let count = 0; count < 200; count++) {
          yield* Effect.forkScoped(
            waiting.invoke(address, pullRequest("orders", { sysFlag: suspend }), { timeout: "30 seconds" }),
            { startImmediately: true }
          )
        }
        yield* stored(waiting, "others", "x")
      }))
      yield* settle
      // Nobody is left to be woken.
      yield* stored(client, "orders", "x")
    }).pipe(live))
})

describe("a pull is refused", () => {
  const refused = (
    name: string,
    options: Parameters<typeof pullRequest>[1],
    code: number,
    remark: string | RegExp,
    prepare?: (given: Effect.Success<ReturnType<typeof setup>>) => void,
    settings?: Parameters<typeof setup>[0]
  ) =>
    it.effect(name, () =>
      Effect.gen(function*() {
        const given = yield* setup(settings)
        given.broker.createTopic("orders", { queues: 1 })
        prepare?.(given)
        const answer = yield* given.client.invoke(address, pullRequest("orders", options))
        assert.strictEqual(answer.code, code, answer.remark)
        if (typeof remark === "string") assert.strictEqual(answer.remark, remark)
        else assert.match(answer.remark!, remark)
      }).pipe(live))

  refused(
    "for an unknown topic",
    { topic: "nobody" },
    ResponseCode.TOPIC_NOT_EXIST,
    /^topic\[nobody\] not exist, apply first please! \nSee /
  )
  refused(
    "for an unknown group",
    {},
    ResponseCode.SUBSCRIPTION_GROUP_NOT_EXIST,
    /^subscription group \[readers\] does not exist, \nSee /,
    undefined,
    { settings: { autoCreateSubscriptionGroup: false } }
  )
  refused(
    "for a queue that is none",
    { queueId: 1 },
    ResponseCode.INVALID_PARAMETER,
    "queueId[1] is illegal, topic:[orders] topicConfig.readQueueNums:[1] consumer:[/127.0.0.1:40000]"
  )
  refused(
    "for a topic that is not readable",
    {},
    ResponseCode.NO_PERMISSION,
    "the topic[orders] pulling message is forbidden",
    ({ broker }) => void broker.createTopic("orders", { perm: 2 })
  )
  refused(
    "by a broker that is not readable",
    {},
    ResponseCode.NO_PERMISSION,
    "the broker[10.0.0.1] pulling message is forbidden",
    ({ broker }) => void (broker.settings.brokerPermission = 2)
  )
  refused(
    "by a slave that must not be read",
    {},
    ResponseCode.SYSTEM_BUSY,
    /^\[REJECTREQUEST\]/,
    undefined,
    { id: 1 }
  )
  refused(
    "for an empty SQL92 expression",
    { subscription: "", expressionType: "SQL92" },
    ResponseCode.SUBSCRIPTION_PARSE_FAILED,
    "parse the consumer's subscription failed"
  )
  refused(
    "without subscription, for a group without clients",
    { sysFlag: 0 },
    ResponseCode.SUBSCRIPTION_NOT_EXIST,
    /^the consumer's group info not exist\nSee /
  )

  const afterHeartbeat = (
    name: string,
    options: Parameters<typeof pullRequest>[1],
    of: ReturnType<typeof subscription>,
    code: number,
    remark: RegExp
  ) =>
    it.effect(name, () =>
      Effect.gen(function*() {
        const { broker, client } = yield* setup()
        broker.createTopic("orders", { queues: 1 })
        yield* client.invoke(address, heartbeat({ consumers: { readers: [of] } }))
        const answer = yield* client.invoke(address, pullRequest("orders", { sysFlag: 0, ...options }))
        assert.strictEqual(answer.code, code)
        assert.match(answer.remark!, remark)
      }).pipe(live))

  afterHeartbeat(
    "for a topic that the group does not subscribe to",
    {},
    subscription("others"),
    ResponseCode.SUBSCRIPTION_NOT_EXIST,
    /^the consumer's subscription not exist\nSee /
  )
  afterHeartbeat(
    "for a subscription newer than the broker's",
    { subVersion: 8 },
    subscription("orders", "*", "TAG", 7),
    ResponseCode.SUBSCRIPTION_NOT_LATEST,
    /^the consumer's subscription not latest$/
  )
  afterHeartbeat(
    "for a filter that is none",
    {},
    subscription("orders", "a >", "SQL92"),
    ResponseCode.FILTER_DATA_NOT_EXIST,
    /^The broker's consumer filter data is not exist!/
  )
  afterHeartbeat(
    "not at all where the heartbeat said it",
    {},
    subscription("orders", "a"),
    ResponseCode.PULL_NOT_FOUND,
    /^NO_MESSAGE_IN_QUEUE$/
  )
})

it.effect("a reader of a slave is sent back to the master", () =>
  Effect.gen(function*() {
    const { broker, client, store } = yield* setup({ id: 1, settings: { slaveReadEnable: true } })
    broker.createTopic("orders", { queues: 1 })
    store.put(
      {
        topic: "orders",
        queueId: 0,
        flag: 0,
        sysFlag: 0,
        body: Buffer.from("1"),
        properties: {},
        bornTimestamp: 0,
        bornHost: "10.0.0.9:1",
        storeHost: address,
        reconsumeTimes: 0,
        preparedTransactionOffset: 0
      },
      broker.settings
    )
    const found = yield* client.invoke(address, pullRequest("orders"))
    assert.deepStrictEqual(bodies(messages(found)), ["1"])
    const none = yield* client.invoke(address, pullRequest("orders", { queueOffset: 1, sysFlag: suspend }))
    assert.strictEqual(none.code, ResponseCode.PULL_RETRY_IMMEDIATELY)
    assert.strictEqual(header(PullMessageResponseHeader, none).suggestWhichBrokerId, 0)
  }).pipe(live))
