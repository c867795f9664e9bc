import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { BatchAckMessageRequestBody, toBitSet } from "../../../src/protocol/body/BatchAck.ts"
import { QueryAssignmentRequestBody, QueryAssignmentResponseBody } from "../../../src/protocol/body/QueryAssignment.ts"
import { SetMessageRequestModeRequestBody } from "../../../src/protocol/body/SetMessageRequestMode.ts"
import type { PopCheckpoint } from "../../../src/protocol/header/ExtraInfo.ts"
import { encodeCheckpoint } from "../../../src/protocol/header/ExtraInfo.ts"
import {
  AckMessageRequestHeader,
  ChangeInvisibleTimeRequestHeader,
  ChangeInvisibleTimeResponseHeader,
  PopMessageRequestHeader,
  PopMessageResponseHeader
} from "../../../src/protocol/header/PopMessage.ts"
import { RequestCode } from "../../../src/protocol/RequestCode.ts"
import { ResponseCode } from "../../../src/protocol/ResponseCode.ts"
import * as MemoryTransport from "../../../src/remoting/MemoryTransport.ts"
import type * as RemotingClient from "../../../src/remoting/RemotingClient.ts"
import { pass, settle, start } from "../../remoting/support.ts"
import { address, bodies, decoded, heartbeat, messages, receipt, setup, stored, subscription } from "./support.ts"

const live = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.provide(effect, MemoryTransport.layer)

const popRequest = (options?: Partial<PopMessageRequestHeader>) => ({
  code: RequestCode.POP_MESSAGE,
  extFields: PopMessageRequestHeader.encode({
    consumerGroup: "readers",
    topic: "orders",
    queueId: 0,
    maxMsgNums: 32,
    invisibleTime: 10_000,
    pollTime: 0,
    bornTime: 0,
    initMode: 0,
    order: false,
    ...options
  })
})

const pop = (client: RemotingClient.Service, options?: Partial<PopMessageRequestHeader>) =>
  client.invoke(address, popRequest(options), { timeout: "60 seconds" })

const ack = (client: RemotingClient.Service, of: PopCheckpoint, topic = "orders") =>
  client.invoke(address, {
    code: RequestCode.ACK_MESSAGE,
    extFields: AckMessageRequestHeader.encode({
      consumerGroup: "readers",
      topic,
      queueId: of.queueId,
      extraInfo: encodeCheckpoint(of),
      offset: of.queueOffset
    })
  })

const change = (client: RemotingClient.Service, of: PopCheckpoint, invisibleTime: number, topic = "orders") =>
  client.invoke(address, {
    code: RequestCode.CHANGE_MESSAGE_INVISIBLETIME,
    extFields: ChangeInvisibleTimeRequestHeader.encode({
      consumerGroup: "readers",
      topic,
      queueId: of.queueId,
      extraInfo: encodeCheckpoint(of),
      offset: of.queueOffset,
      invisibleTime,
      suspend: false
    })
  })

const three = (given: Effect.Success<ReturnType<typeof setup>>) =>
  Effect.andThen(
    Effect.sync(() => void given.broker.createTopic("orders", { queues: 1 })),
    Effect.forEach(["1", "2", "3"], (body) => stored(given.client, "orders", body))
  )

describe("a POP", () => {
  it.effect("hands out messages, and says where they lie", () =>
    Effect.gen(function*() {
      const given = yield* setup()
      yield* three(given)
      const answer = yield* pop(given.client, { maxMsgNums: 2 })
      assert.deepStrictEqual(bodies(messages(answer)), ["1", "2"])
      assert.strictEqual(answer.remark, "FOUND")
      assert.deepStrictEqual(decoded(PopMessageResponseHeader, answer), {
        popTime: 0,
        invisibleTime: 10_000,
        reviveQid: 0,
        restNum: 1,
        startOffsetInfo: "0 0 0",
        msgOffsetInfo: "0 0 0,1"
      })
      assert.deepStrictEqual(bodies(messages(yield* pop(given.client))), ["3"])
      assert.strictEqual((yield* pop(given.client)).code, ResponseCode.POLLING_TIMEOUT)
    }).pipe(live))

  it.effect("from any queue takes from all of them", () =>
    Effect.gen(function*() {
      const { broker, client } = yield* setup()
      broker.createTopic("orders", { queues: 3 })
      yield* Effect.forEach([0, 1, 2], (queueId) => stored(client, "orders", `${queueId}`, { header: { queueId } }))
      const answer = yield* pop(client, { queueId: -1 })
      assert.deepStrictEqual([...bodies(messages(answer))].sort(), ["0", "1", "2"])
    }).pipe(live))

  it.effect("is filtered", () =>
    Effect.gen(function*() {
      const { broker, client } = yield* setup()
      broker.createTopic("orders", { queues: 1 })
      yield* Effect.forEach(["a", "b", "c"], (tag) => stored(client, "orders", tag, { properties: { TAGS: tag } }))
      const tagged = yield* pop(client, { exp: "a", expType: "TAG", maxMsgNums: 1 })
      assert.deepStrictEqual(bodies(messages(tagged)), ["a"])
      const sql = yield* pop(client, { exp: "TAGS = 'c'", expType: "SQL92" })
      assert.deepStrictEqual(bodies(messages(sql)), ["c"])
      const bad = yield* pop(client, { exp: "TAGS =", expType: "SQL92" })
      assert.strictEqual(bad.code, ResponseCode.SUBSCRIPTION_PARSE_FAILED)
    }).pipe(live))

  it.effect("of a new group begins where it asks to", () =>
    Effect.gen(function*() {
      const given = yield* setup()
      yield* pass("1 seconds")
      yield* three(given)
      given.store.expire(1_000)
      yield* pass("1 seconds")
      yield* stored(given.client, "orders", "4")
      given.store.expire(2_000)
      // The first message has gone: the last one is where the others begin.
      assert.deepStrictEqual(bodies(messages(yield* pop(given.client, { initMode: 1 }))), ["4"])
      assert.deepStrictEqual(
        bodies(messages(yield* pop(given.client, { initMode: 0, consumerGroup: "others" }))),
        ["4"]
      )
    }).pipe(live))

  it.effect("waits for a message", () =>
    Effect.gen(function*() {
      const { broker, client } = yield* setup()
      broker.createTopic("orders", { queues: 1 })
      const fiber = yield* start(pop(client, { pollTime: 15_000, queueId: -1 }))
      yield* pass("5 seconds")
      const polling = yield* client.invoke(address, {
        code: RequestCode.POLLING_INFO,
        extFields: { consumerGroup: "readers", topic: "orders", queueId: "-1" }
      })
      assert.strictEqual(polling.extFields.pollingNum, "1")
      yield* stored(client, "orders", "new")
      const answer = yield* Fiber.join(fiber)
      assert.deepStrictEqual(bodies(messages(answer)), ["new"])
      assert.strictEqual(decoded(PopMessageResponseHeader, answer).popTime, 5_000)
    }).pipe(live))

  it.effect("waits no longer than it says, even past messages for others", () =>
    Effect.gen(function*() {
      const { broker, client } = yield* setup()
      broker.createTopic("orders", { queues: 1 })
      const fiber = yield* start(pop(client, { pollTime: 15_000, exp: "a", expType: "TAG" }))
      yield* stored(client, "orders", "other", { properties: { TAGS: "b" } })
      yield* pass("14999 millis")
      assert.isUndefined(fiber.pollUnsafe())
      yield* pass("1 millis")
      const answer = yield* Fiber.join(fiber)
      assert.strictEqual(answer.code, ResponseCode.POLLING_TIMEOUT)
      assert.strictEqual(answer.remark, "NO_MESSAGE_IN_QUEUE")
    }).pipe(live))

  it.effect("wakes one of those that wait for each message", () =>
    Effect.gen(function*() {
      const { broker, client } = yield* setup()
      broker.createTopic("orders", { queues: 1 })
      const first = yield* start(pop(client, { pollTime: 15_000 }))
      const second = yield* start(pop(client, { pollTime: 15_000 }))
      yield* stored(client, "orders", "1")
      yield* settle
      assert.deepStrictEqual(bodies(messages(yield* Fiber.join(first))), ["1"])
      assert.isUndefined(second.pollUnsafe())
      yield* stored(client, "orders", "2")
      assert.deepStrictEqual(bodies(messages(yield* Fiber.join(second))), ["2"])
    }).pipe(live))

  it.effect("is refused when too many wait, or it comes too late", () =>
    Effect.gen(function*() {
      const { broker, client } = yield* setup({ settings: { popPollingSize: 0 } })
      broker.createTopic("orders", { queues: 1 })
      yield* start(pop(client, { pollTime: 15_000 }))
      assert.strictEqual((yield* pop(client, { pollTime: 15_000 })).code, ResponseCode.POLLING_FULL)
      yield* pass("10 seconds")
      const late = yield* pop(client, { pollTime: 1_000, bornTime: 8_000 })
      assert.strictEqual(late.code, ResponseCode.POLLING_TIMEOUT)
      assert.strictEqual(late.remark, "the broker[10.0.0.1] pop message is timeout too much")
    }).pipe(live))

  for (
    const [name, options, code, remark] of [
      ["more than 32", { maxMsgNums: 33 }, ResponseCode.INVALID_PARAMETER, /pop message's num is greater than 32$/],
      ["an unknown topic", { topic: "nobody" }, ResponseCode.TOPIC_NOT_EXIST, /^topic\[nobody\] not exist, apply/],
      ["an unknown queue", { queueId: 1 }, ResponseCode.INVALID_PARAMETER, /^queueId\[1\] is illegal, topic:\[orders\]/]
    ] as const
  ) {
    it.effect(`is refused for ${name}`, () =>
      Effect.gen(function*() {
        const { broker, client } = yield* setup()
        broker.createTopic("orders", { queues: 1 })
        const answer = yield* pop(client, options)
        assert.strictEqual(answer.code, code)
        assert.match(answer.remark!, remark)
      }).pipe(live))
  }
})

describe("a popped message", () => {
  it.effect("does not come again once it is acknowledged", () =>
    Effect.gen(function*() {
      const given = yield* setup()
      yield* three(given)
      const answer = yield* pop(given.client)
      for (const message of messages(answer)) {
        assert.strictEqual((yield* ack(given.client, receipt(answer, message))).code, 0)
      }
      assert.strictEqual(given.store.checkpoints.size, 0)
      yield* pass("1 minutes")
      assert.strictEqual((yield* pop(given.client)).code, ResponseCode.POLLING_TIMEOUT)
    }).pipe(live))

  it.effect("comes again when its time is up, with the receipt of its retry topic", () =>
    Effect.gen(function*() {
      const given = yield* setup()
      yield* three(given)
      const first = yield* pop(given.client)
      yield* ack(given.client, receipt(first, messages(first)[1]!))
      yield* pass("9999 millis")
      assert.strictEqual((yield* pop(given.client)).code, ResponseCode.POLLING_TIMEOUT)
      yield* pass("1 millis")
      const second = yield* pop(given.client)
      assert.deepStrictEqual(bodies(messages(second)), ["1", "3"])
      const [message] = messages(second)
      assert.strictEqual(message!.topic, "orders")
      assert.strictEqual(message!.reconsumeTimes, 1)
      assert.strictEqual(message!.properties["1ST_POP_TIME"], "0")
      const of = receipt(second, message!)
      assert.strictEqual(of.retryMark, "1")
      assert.strictEqual((yield* ack(given.client, of, "%RETRY%readers_orders")).code, 0)
      yield* pass("10 seconds")
      const third = yield* pop(given.client)
      assert.deepStrictEqual(bodies(messages(third)), ["3"])
      assert.strictEqual(messages(third)[0]!.reconsumeTimes, 2)
    }).pipe(live))

  for (const enableRetryTopicV2 of [false, true]) {
    it.effect(`comes to one of its group that waits, and to no other (retry topics v${enableRetryTopicV2 ? 2 : 1})`, () =>
      Effect.gen(function*() {
        const { broker, client } = yield* setup({ settings: { enableRetryTopicV2 } })
        broker.createTopic("orders", { queues: 1 })
        yield* stored(client, "orders", "1")
        for (const [consumerGroup, invisibleTime] of [["readers", 10_000], ["others", 20_000]] as const) {
          assert.deepStrictEqual(bodies(messages(yield* pop(client, { consumerGroup, invisibleTime }))), ["1"])
        }
        const waiting = { pollTime: 15_000, queueId: -1 }
        const readers = yield* start(pop(client, waiting))
        const others = yield* start(pop(client, { ...waiting, consumerGroup: "others" }))
        yield* pass("9999 millis")
        assert.isUndefined(readers.pollUnsafe())
        yield* pass("1 millis")
        const answer = yield* Fiber.join(readers)
        assert.deepStrictEqual(bodies(messages(answer)), ["1"])
        assert.strictEqual(messages(answer)[0]!.properties.ORIGIN_GROUP, "readers")
        assert.isUndefined(others.pollUnsafe())
      }).pipe(live))
  }

  it.effect("comes again although it is acknowledged too late", () =>
    Effect.gen(function*() {
      const given = yield* setup()
      yield* three(given)
      const answer = yield* pop(given.client, { maxMsgNums: 1 })
      yield* pass("10 seconds")
      assert.strictEqual((yield* ack(given.client, receipt(answer, messages(answer)[0]!))).code, 0)
      assert.include(bodies(messages(yield* pop(given.client))), "1")
    }).pipe(live))

  it.effect("may stay invisible for longer, or shorter", () =>
    Effect.gen(function*() {
      const given = yield* setup()
      yield* three(given)
      const answer = yield* pop(given.client, { maxMsgNums: 1 })
      const of = receipt(answer, messages(answer)[0]!)
      yield* pass("5 seconds")
      const changed = decoded(ChangeInvisibleTimeResponseHeader, yield* change(given.client, of, 30_000))
      assert.deepStrictEqual(changed, { popTime: 5_000, invisibleTime: 30_000, reviveQid: 0 })
      yield* pop(given.client)
      yield* pass("29999 millis")
      const none = yield* pop(given.client)
      assert.notInclude(bodies(messages(none)), "1")
      yield* pass("1 millis")
      assert.include(bodies(messages(yield* pop(given.client))), "1")
    }).pipe(live))

  it.effect("is acknowledged with others at once", () =>
    Effect.gen(function*() {
      const given = yield* setup()
      yield* three(given)
      const answer = yield* pop(given.client)
      const { invisibleTime, popTime, reviveQid, startOffset } = receipt(answer, messages(answer)[0]!)
      const batch = (acks: ReadonlyArray<number>) =>
        given.client.invoke(address, {
          code: RequestCode.BATCH_ACK_MESSAGE,
          body: BatchAckMessageRequestBody.encode({
            brokerName: "broker-a",
            acks: acks.length === 0 ? [] : [{
              consumerGroup: "readers",
              topic: "orders",
              retryMark: "0",
              startOffset,
              queueId: 0,
              reviveQueueId: reviveQid,
              popTime,
              invisibleTime,
              bitSet: toBitSet(acks)
            }]
          })
        })
      assert.strictEqual((yield* batch([0, 2])).code, 0)
      assert.strictEqual((yield* batch([])).code, ResponseCode.NO_MESSAGE)
      yield* pass("10 seconds")
      assert.deepStrictEqual(bodies(messages(yield* pop(given.client))), ["2"])
    }).pipe(live))

  it.effect("is none at an offset that the queue has not, or in no queue or topic", () =>
    Effect.gen(function*() {
      const given = yield* setup()
      yield* three(given)
      const answer = yield* pop(given.client)
      const of = receipt(answer, messages(answer)[0]!)
      const none = yield* ack(given.client, { ...of, queueOffset: 4 })
      assert.strictEqual(none.code, ResponseCode.NO_MESSAGE)
      assert.strictEqual(none.remark, "offset is illegal, key:orders@0, commit:4, store:0~3")
      assert.strictEqual((yield* ack(given.client, { ...of, queueId: 1 })).code, ResponseCode.MESSAGE_ILLEGAL)
      assert.strictEqual((yield* ack(given.client, of, "nobody")).code, ResponseCode.TOPIC_NOT_EXIST)
      assert.strictEqual((yield* change(given.client, { ...of, queueOffset: 3 }, 1)).code, ResponseCode.NO_MESSAGE)
    }).pipe(live))
})

describe("an ordered POP", () => {
  it.effect("hands out nothing behind what is not settled, unless it is the same attempt", () =>
    Effect.gen(function*() {
      const given = yield* setup()
      yield* three(given)
      const options = { order: true, maxMsgNums: 2, attemptId: "a" }
      const first = yield* pop(given.client, options)
      assert.deepStrictEqual(bodies(messages(first)), ["1", "2"])
      const header = decoded(PopMessageResponseHeader, first)
      assert.strictEqual(header.reviveQid, 999)
      assert.strictEqual(header.orderCountInfo, "0 0 0")
      assert.strictEqual((yield* pop(given.client, { ...options, attemptId: "b" })).code, ResponseCode.POLLING_TIMEOUT)
      assert.deepStrictEqual(bodies(messages(yield* pop(given.client, options))), ["1", "2"])
    }).pipe(live))

  it.effect("goes on when all are acknowledged, and tells who waits", () =>
    Effect.gen(function*() {
      const given = yield* setup()
      yield* three(given)
      const first = yield* pop(given.client, { order: true, maxMsgNums: 2 })
      const waiting = yield* start(pop(given.client, { order: true, pollTime: 15_000 }))
      yield* Effect.forEach(messages(first), (message) => ack(given.client, receipt(first, message)))
      yield* settle
      assert.deepStrictEqual(bodies(messages(yield* Fiber.join(waiting))), ["3"])
      assert.strictEqual(given.store.offsets.stored("readers", "orders", 0), 2)
    }).pipe(live))

  it.effect("hands out the same again when the time is up, and counts", () =>
    Effect.gen(function*() {
      const given = yield* setup()
      yield* three(given)
      const first = yield* pop(given.client, { order: true, maxMsgNums: 2 })
      yield* ack(given.client, receipt(first, messages(first)[0]!))
      const waiting = yield* start(pop(given.client, { order: true, pollTime: 15_000 }))
      yield* pass("10 seconds")
      yield* settle
      const second = yield* Fiber.join(waiting)
      assert.deepStrictEqual(bodies(messages(second)), ["2", "3"])
      assert.strictEqual(decoded(PopMessageResponseHeader, second).orderCountInfo, "0 qo0%1 1;0 0 0")
    }).pipe(live))

  it.effect("waits as long as a message's time was changed to", () =>
    Effect.gen(function*() {
      const given = yield* setup()
      yield* three(given)
      const first = yield* pop(given.client, { order: true, maxMsgNums: 1 })
      const of = receipt(first, messages(first)[0]!)
      yield* pass("5 seconds")
      const changed = decoded(ChangeInvisibleTimeResponseHeader, yield* change(given.client, of, 20_000))
      assert.deepStrictEqual(changed, { popTime: 0, invisibleTime: 25_000, reviveQid: 999 })
      yield* pass("19999 millis")
      assert.strictEqual((yield* pop(given.client, { order: true })).code, ResponseCode.POLLING_TIMEOUT)
      yield* pass("1 millis")
      assert.strictEqual((yield* pop(given.client, { order: true })).code, 0)
    }).pipe(live))

  it.effect("takes acknowledgements for what it handed out alone", () =>
    Effect.gen(function*() {
      const given = yield* setup()
      yield* three(given)
      const first = yield* pop(given.client, { order: true, maxMsgNums: 1 })
      const of = receipt(first, messages(first)[0]!)
      const other = yield* ack(given.client, { ...of, queueOffset: 2 })
      assert.strictEqual(other.code, ResponseCode.MESSAGE_ILLEGAL)
      assert.match(other.remark!, /^offset is illegal, key:orders@readers@0, old:0, commit:2, next:-1, /)
    }).pipe(live))
})

describe("a look at a queue", () => {
  it.effect("takes nothing from it", () =>
    Effect.gen(function*() {
      const given = yield* setup()
      yield* three(given)
      const peek = given.client.invoke(address, {
        code: RequestCode.PEEK_MESSAGE,
        extFields: { consumerGroup: "readers", topic: "orders", queueId: "0", maxMsgNums: "2" }
      })
      const answer = yield* peek
      assert.deepStrictEqual(bodies(messages(answer)), ["1", "2"])
      assert.strictEqual(answer.extFields.restNum, "3")
      yield* pop(given.client)
      assert.strictEqual((yield* peek).code, ResponseCode.PULL_NOT_FOUND)
    }).pipe(live))

  it.effect("may wait for a message, and says whether there is one", () =>
    Effect.gen(function*() {
      const { broker, client } = yield* setup()
      broker.createTopic("orders", { queues: 1 })
      const notify = client.invoke(
        address,
        {
          code: RequestCode.NOTIFICATION,
          extFields: { consumerGroup: "readers", topic: "orders", queueId: "-1", pollTime: "15000", bornTime: "0" }
        },
        { timeout: "30 seconds" }
      )
      const waiting = yield* start(notify)
      yield* stored(client, "orders", "x")
      assert.strictEqual((yield* Fiber.join(waiting)).extFields.hasMsg, "true")
      assert.strictEqual((yield* notify).extFields.hasMsg, "true")
      yield* pop(client, { invisibleTime: 60_000 })
      const idle = yield* start(notify)
      yield* pass("15 seconds")
      assert.strictEqual((yield* Fiber.join(idle)).extFields.hasMsg, "false")
    }).pipe(live))
})

describe("assignment", () => {
  const assignment = (client: RemotingClient.Service, clientId: string, strategyName = "AVG") =>
    Effect.map(
      client.invoke(address, {
        code: RequestCode.QUERY_ASSIGNMENT,
        body: QueryAssignmentRequestBody.encode({
          clientId,
          consumerGroup: "readers",
          messageModel: "CLUSTERING",
          strategyName,
          topic: "orders"
        })
      }),
      (answer) => {
        const body = QueryAssignmentResponseBody.decode(answer.body)
        return "detail" in body
          ? assert.fail(body.detail)
          : body.messageQueueAssignments?.map(({ messageQueue, mode }) => `${messageQueue.queueId} ${mode}`)
      }
    )
  const mode = (topic: string, popShareQueueNum = -1) => ({
    code: RequestCode.SET_MESSAGE_REQUEST_MODE,
    body: SetMessageRequestModeRequestBody.encode({
      topic,
      consumerGroup: "readers",
      mode: "POP",
      popShareQueueNum
    })
  })
  const members = (client: RemotingClient.Service, ids: ReadonlyArray<string>) =>
    Effect.forEach(
      ids,
      (clientID) => client.invoke(address, heartbeat({ clientID, consumers: { readers: [subscription("orders")] } }))
    )

  it.effect("divides the queues of a topic among the members of a group", () =>
    Effect.gen(function*() {
      const { broker, client } = yield* setup({
        readQueues: (topic) => Array.from({ length: 5 }, (_, queueId) => ({ topic, brokerName: "broker-a", queueId }))
      })
      broker.createTopic("orders", { queues: 5 })
      yield* members(client, ["one"])
      assert.deepStrictEqual(yield* assignment(client, "one"), ["0 PULL", "1 PULL", "2 PULL", "3 PULL", "4 PULL"])
      assert.deepStrictEqual(yield* assignment(client, "stranger"), [])
      assert.isUndefined(yield* assignment(client, "one", "NONE"))
    }).pipe(live))

  it.effect("in POP mode gives all queues to all members", () =>
    Effect.gen(function*() {
      const { broker, client } = yield* setup()
      broker.createTopic("orders", { queues: 4 })
      yield* members(client, ["one"])
      assert.strictEqual((yield* client.invoke(address, mode("orders"))).code, 0)
      assert.deepStrictEqual(yield* assignment(client, "one"), ["-1 POP"])
    }).pipe(live))

  it.effect("is for topics that there are, and no retry topics", () =>
    Effect.gen(function*() {
      const { client } = yield* setup()
      const unknown = yield* client.invoke(address, mode("nobody"))
      assert.strictEqual(unknown.code, ResponseCode.TOPIC_NOT_EXIST)
      assert.strictEqual(unknown.remark, "topic[nobody] not exist")
      const retry = yield* client.invoke(address, mode("%RETRY%readers"))
      assert.strictEqual(retry.code, ResponseCode.NO_PERMISSION)
      assert.isUndefined(yield* assignment(client, "one"))
    }).pipe(live))
})
