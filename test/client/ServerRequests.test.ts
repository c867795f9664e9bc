import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import type { DirectConsumption, OffsetReset, Reply, TransactionCheck } from "../../src/client/ServerRequests.ts"
import { ServerRequests } from "../../src/client/ServerRequests.ts"
import { ConsumeMessageDirectlyResult } from "../../src/protocol/body/ConsumeMessageDirectlyResult.ts"
import { ConsumerRunningInfo } from "../../src/protocol/body/ConsumerRunningInfo.ts"
import { GetConsumerStatusBody, ResetOffsetBody, ResetOffsetBodyForC } from "../../src/protocol/body/ResetOffset.ts"
import * as MessageProperties from "../../src/protocol/message/MessageProperties.ts"
import * as StoredMessage from "../../src/protocol/message/StoredMessage.ts"
import { RequestCode } from "../../src/protocol/RequestCode.ts"
import { ResponseCode } from "../../src/protocol/ResponseCode.ts"
import * as MemoryTransport from "../../src/remoting/MemoryTransport.ts"
import { RemotingClient } from "../../src/remoting/RemotingClient.ts"
import type { RemotingRequest } from "../../src/remoting/RemotingRequest.ts"
import { broker, echoCode, mqClient, pass, settle, start, text } from "./support.ts"

/** A client, a broker that it is connected to, and a way to ask it. */
const asked = Effect.gen(function*() {
  const one = yield* broker(1)
  const context = yield* mqClient({ nameServers: "10.0.0.1:9" })
  yield* Context.get(context, RemotingClient).invoke(one.address, { code: echoCode })
  const [peer] = [...one.askers.values()]
  return {
    one,
    requests: Context.get(context, ServerRequests),
    ask: (request: RemotingRequest) => peer.invoke(request),
    tell: (request: RemotingRequest) => Effect.andThen(peer.invokeOneway(request), settle)
  }
})

const stored = (properties: Readonly<Record<string, string>>) =>
  StoredMessage.encode({
    topic: "T",
    queueId: 1,
    queueOffset: 2,
    physicalOffset: 3,
    flag: 0,
    sysFlag: 4,
    bornTimestamp: 5,
    bornHost: "10.1.1.1:1",
    storeTimestamp: 6,
    storeHost: "10.0.0.1:1",
    reconsumeTimes: 0,
    preparedTransactionOffset: 0,
    body: Buffer.from("half"),
    properties
  })

const queue = { topic: "T", brokerName: "a", queueId: 1 }

describe("a transaction check", () => {
  const check = (group: string): RemotingRequest => ({
    code: RequestCode.CHECK_TRANSACTION_STATE,
    extFields: { tranStateTableOffset: "7", commitLogOffset: "8", msgId: "M", bname: "a" },
    body: stored({ PGROUP: group, UNIQ_KEY: "M" })
  })

  it.effect("goes to the producer group that it names, with the message and who asks", () =>
    Effect.gen(function*() {
      const { one, requests, tell } = yield* asked
      const got: Array<TransactionCheck> = []
      yield* requests.registerProducer("P", { checkTransactionState: (one_) => Effect.sync(() => got.push(one_)) })
      yield* requests.registerProducer("Q", { checkTransactionState: () => Effect.die("not asked") })
      yield* tell(check("P"))
      assert.strictEqual(got.length, 1)
      const [{ header, message, peer }] = got
      assert.deepStrictEqual(
        [header.tranStateTableOffset, header.commitLogOffset, header.msgId, header.brokerName],
        [7, 8, "M", "a"]
      )
      assert.strictEqual(message.topic, "T")
      assert.strictEqual(text(message.body), "half")
      assert.strictEqual(peer.address, one.address)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("is not answered, whether the group is known or not", () =>
    Effect.gen(function*() {
      const { ask, requests } = yield* asked
      yield* requests.registerProducer("P", { checkTransactionState: () => Effect.void })
      for (const group of ["P", "unknown"]) {
        const fiber = yield* start(Effect.flip(ask(check(group))))
        yield* pass("3 seconds")
        assert.strictEqual((yield* Fiber.join(fiber)).reason._tag, "Timeout")
      }
    }).pipe(Effect.provide(MemoryTransport.layer)))
})

describe("what is asked of a consumer group", () => {
  it.effect("members that came or went", () =>
    Effect.gen(function*() {
      const { requests, tell } = yield* asked
      let told = 0
      yield* requests.registerConsumer("C", { consumerIdsChanged: () => Effect.sync(() => told++) })
      yield* tell({ code: RequestCode.NOTIFY_CONSUMER_IDS_CHANGED, extFields: { consumerGroup: "C" } })
      yield* tell({ code: RequestCode.NOTIFY_CONSUMER_IDS_CHANGED, extFields: { consumerGroup: "D" } })
      assert.strictEqual(told, 1)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("offsets to reset, in both forms that brokers send", () =>
    Effect.gen(function*() {
      const { requests, tell } = yield* asked
      const got: Array<OffsetReset> = []
      yield* requests.registerConsumer("C", { resetOffset: (reset) => Effect.sync(() => got.push(reset)) })
      const extFields = { group: "C", topic: "T", timestamp: "99", isForce: "true" }
      const code = RequestCode.RESET_CONSUMER_CLIENT_OFFSET
      yield* tell({ code, extFields, body: ResetOffsetBody.encode({ offsetTable: [[queue, 5]] }) })
      yield* tell({ code, extFields, body: ResetOffsetBodyForC.encode({ offsetTable: [{ ...queue, offset: 6 }] }) })
      yield* tell({ code, extFields })
      assert.deepStrictEqual(got.map(({ offsets }) => offsets), [
        [{ queue, offset: 5 }],
        [{ queue, offset: 6 }],
        []
      ])
      assert.deepInclude(got[0], { topic: "T", group: "C", timestamp: 99, isForce: true })
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("how far it has come; an unknown group has come nowhere", () =>
    Effect.gen(function*() {
      const { ask, requests } = yield* asked
      yield* requests.registerConsumer("C", {
        consumerStatus: (topic) => Effect.succeed([{ queue: { ...queue, topic }, offset: 5 }])
      })
      const status = (group: string) =>
        Effect.map(
          ask({ code: RequestCode.GET_CONSUMER_STATUS_FROM_CLIENT, extFields: { topic: "U", group } }),
          ({ body, code }) => [code, GetConsumerStatusBody.decode(body)] as const
        )
      const [code, known] = yield* status("C")
      assert.strictEqual(code, ResponseCode.SUCCESS)
      assert.deepInclude(known, { messageQueueTable: [[{ ...queue, topic: "U" }, 5]] })
      assert.deepInclude((yield* status("D"))[1], { messageQueueTable: [] })
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("how it is doing", () =>
    Effect.gen(function*() {
      const { ask, requests } = yield* asked
      yield* requests.registerConsumer("C", {
        runningInfo: () =>
          Effect.succeed({
            jstack: undefined,
            mqPopTable: [],
            mqTable: [],
            properties: { PROP_CONSUME_TYPE: "CONSUME_PASSIVELY" },
            statusTable: {},
            subscriptionSet: [],
            userConsumerInfo: {}
          })
      })
      const { body, code } = yield* ask({
        code: RequestCode.GET_CONSUMER_RUNNING_INFO,
        extFields: { consumerGroup: "C", clientId: "x", jstackEnable: "false" }
      })
      assert.strictEqual(code, ResponseCode.SUCCESS)
      const info = ConsumerRunningInfo.decode(body) as ConsumerRunningInfo
      assert.strictEqual(info.properties.PROP_CONSUME_TYPE, "CONSUME_PASSIVELY")
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("a message to consume at once", () =>
    Effect.gen(function*() {
      const { ask, requests } = yield* asked
      const got: Array<DirectConsumption> = []
      yield* requests.registerConsumer("C", {
        consumeMessageDirectly: (consumption) =>
          Effect.sync(() => {
            got.push(consumption)
            return { order: false, autoCommit: true, consumeResult: "CR_SUCCESS", spentTimeMills: 1 } as const
          })
      })
      const { body, code } = yield* ask({
        code: RequestCode.CONSUME_MESSAGE_DIRECTLY,
        extFields: { consumerGroup: "C", brokerName: "a" },
        body: stored({})
      })
      assert.strictEqual(code, ResponseCode.SUCCESS)
      assert.deepInclude(ConsumeMessageDirectlyResult.decode(body), { consumeResult: "CR_SUCCESS" })
      assert.strictEqual(text(got[0].message.body), "half")
      assert.strictEqual(got[0].header.brokerName, "a")
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("of a group that is not there is answered as RocketMQ's client does", () =>
    Effect.gen(function*() {
      const { ask, requests } = yield* asked
      // It does not do either of these.
      yield* requests.registerConsumer("D", {})
      for (const code of [RequestCode.GET_CONSUMER_RUNNING_INFO, RequestCode.CONSUME_MESSAGE_DIRECTLY]) {
        for (const consumerGroup of ["C", "D"]) {
          const answer = yield* ask({ code, extFields: { consumerGroup, clientId: "x" }, body: stored({}) })
          assert.deepStrictEqual(
            [answer.code, answer.remark],
            [ResponseCode.SYSTEM_ERROR, `The Consumer Group <${consumerGroup}> not exist in this consumer`]
          )
        }
      }
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("that fails, or cannot be read, is answered with SYSTEM_ERROR and why", () =>
    Effect.gen(function*() {
      const { ask, requests } = yield* asked
      yield* requests.registerConsumer("C", { runningInfo: () => Effect.fail(new Error("no idea")) })
      const failed = yield* ask({
        code: RequestCode.GET_CONSUMER_RUNNING_INFO,
        extFields: { consumerGroup: "C", clientId: "x" }
      })
      assert.strictEqual(failed.code, ResponseCode.SYSTEM_ERROR)
      assert.include(failed.remark, "no idea")
      const unreadable = yield* ask({ code: RequestCode.GET_CONSUMER_RUNNING_INFO })
      assert.strictEqual(unreadable.code, ResponseCode.SYSTEM_ERROR)
      assert.include(unreadable.remark, "consumerGroup")
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("goes to the newest registration, until its scope closes", () =>
    Effect.gen(function*() {
      const { requests, tell } = yield* asked
      const told: Array<string> = []
      const scope = yield* Scope.make()
      const register = (name: string) =>
        requests.registerConsumer("C", { consumerIdsChanged: () => Effect.sync(() => told.push(name)) })
      yield* register("old")
      yield* Scope.provide(register("new"), scope)
      const notify = tell({ code: RequestCode.NOTIFY_CONSUMER_IDS_CHANGED, extFields: { consumerGroup: "C" } })
      yield* notify
      yield* Scope.close(scope, Exit.void)
      yield* notify
      assert.deepStrictEqual(told, ["new", "old"])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("may need services", () =>
    Effect.gen(function*() {
      class Store extends Context.Service<Store, { readonly seen: Array<string> }>()("test/Store") {}
      const { requests, tell } = yield* asked
      const seen: Array<string> = []
      yield* requests.registerConsumer("C", {
        consumerIdsChanged: () => Effect.map(Store, (store) => store.seen.push("here"))
      }).pipe(Effect.provideService(Store, { seen }))
      yield* tell({ code: RequestCode.NOTIFY_CONSUMER_IDS_CHANGED, extFields: { consumerGroup: "C" } })
      assert.deepStrictEqual(seen, ["here"])
    }).pipe(Effect.provide(MemoryTransport.layer)))
})

describe("a reply", () => {
  const push = (correlationId: string): RemotingRequest => ({
    code: RequestCode.PUSH_REPLY_MESSAGE_TO_CLIENT,
    extFields: {
      producerGroup: "P",
      topic: "R",
      defaultTopic: "TBW102",
      defaultTopicQueueNums: "4",
      queueId: "0",
      sysFlag: "0",
      bornTimestamp: "1",
      flag: "0",
      properties: MessageProperties.encode({ CORRELATION_ID: correlationId, k: "v" }),
      bornHost: "10.1.1.1:1",
      storeHost: "10.0.0.1:1",
      storeTimestamp: "2"
    },
    body: Buffer.from("pong")
  })

  it.effect("goes to whoever expects its correlation id, once", () =>
    Effect.gen(function*() {
      const { ask, requests } = yield* asked
      const got: Array<Reply> = []
      requests.expectReply("c1", (reply) => got.push(reply))
      yield* pass(1_234)
      assert.strictEqual((yield* ask(push("c1"))).code, ResponseCode.SUCCESS)
      assert.strictEqual((yield* ask(push("c1"))).code, ResponseCode.SUCCESS)
      assert.strictEqual(got.length, 1)
      const [{ arrivedAt, body, header, properties }] = got
      assert.deepStrictEqual([text(body), properties.k, header.topic, arrivedAt], ["pong", "v", "R", 1_234])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("that nobody expects, or not any more, is taken all the same", () =>
    Effect.gen(function*() {
      const { ask, requests } = yield* asked
      const forget = requests.expectReply("c1", () => assert.fail("it was forgotten"))
      forget()
      forget()
      assert.strictEqual((yield* ask(push("c1"))).code, ResponseCode.SUCCESS)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("that cannot be read or delivered is answered as RocketMQ's client does", () =>
    Effect.gen(function*() {
      const { ask, requests } = yield* asked
      requests.expectReply("c1", () => {
        throw new Error("no room")
      })
      for (const request of [push("c1"), { ...push("c2"), extFields: {} }]) {
        const answer = yield* ask(request)
        assert.deepStrictEqual([answer.code, answer.remark], [
          ResponseCode.SYSTEM_ERROR,
          "process reply message fail"
        ])
      }
    }).pipe(Effect.provide(MemoryTransport.layer)))
})

describe("any other request", () => {
  it.effect("is not supported", () =>
    Effect.gen(function*() {
      const { ask } = yield* asked
      const answer = yield* ask({ code: 12_345 })
      assert.deepStrictEqual([answer.code, answer.remark], [
        ResponseCode.REQUEST_CODE_NOT_SUPPORTED,
        " request type 12345 not supported"
      ])
    }).pipe(Effect.provide(MemoryTransport.layer)))
})
