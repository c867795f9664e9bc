import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type { ApiError } from "../../src/client/ClientError.ts"
import * as MqClientApi from "../../src/client/MqClientApi.ts"
import { BatchAckMessageRequestBody } from "../../src/protocol/body/BatchAck.ts"
import { CheckClientRequestBody } from "../../src/protocol/body/CheckClientRequestBody.ts"
import { GetConsumerListByGroupResponseBody } from "../../src/protocol/body/ConsumerList.ts"
import { HeartbeatData } from "../../src/protocol/body/HeartbeatData.ts"
import { LockBatchRequestBody, LockBatchResponseBody } from "../../src/protocol/body/LockBatch.ts"
import { QueryAssignmentRequestBody, QueryAssignmentResponseBody } from "../../src/protocol/body/QueryAssignment.ts"
import { QueryCorrectionOffsetBody } from "../../src/protocol/body/QueryCorrectionOffset.ts"
import { SetMessageRequestModeRequestBody } from "../../src/protocol/body/SetMessageRequestMode.ts"
import { encodeStandard } from "../../src/protocol/body/TopicRouteData.ts"
import type { ExtFields, RemotingCommand } from "../../src/protocol/RemotingCommand.ts"
import { RequestCode } from "../../src/protocol/RequestCode.ts"
import { ResponseCode } from "../../src/protocol/ResponseCode.ts"
import * as MemoryTransport from "../../src/remoting/MemoryTransport.ts"
import type { RemotingReply } from "../../src/remoting/RemotingRequest.ts"
import { broker, client, pass, route, settle, start, text } from "./support.ts"

/** A broker that answers as told, and the typed requests to it. */
const api = Effect.gen(function*() {
  const one = yield* broker(1)
  const connections = yield* client()
  return { one, address: one.address, api: MqClientApi.make(connections) }
})

const queue = { topic: "T", brokerName: "a", queueId: 1 }
const bytes = Buffer.from("bytes")
const send = {
  producerGroup: "P",
  topic: "T",
  defaultTopic: "TBW102",
  defaultTopicQueueNums: 4,
  queueId: 1,
  sysFlag: 0,
  bornTimestamp: 1_700_000_000_000,
  flag: 0,
  properties: "k\u0001v\u0002",
  reconsumeTimes: 0,
  unitMode: false,
  batch: false,
  brokerName: "a"
}
const pull = {
  consumerGroup: "C",
  topic: "T",
  queueId: 1,
  queueOffset: 2,
  maxMsgNums: 32,
  sysFlag: 2,
  commitOffset: 0,
  suspendTimeoutMillis: 15_000,
  subVersion: 3,
  brokerName: "a"
}
const endTransaction = {
  producerGroup: "P",
  tranStateTableOffset: 1,
  commitLogOffset: 2,
  commitOrRollback: 8,
  fromTransactionCheck: false,
  msgId: "M",
  brokerName: "a"
}
const heartbeat = {
  clientID: "c",
  consumerDataSet: [],
  heartbeatFingerprint: 0,
  producerDataSet: [{ groupName: "P" }],
  withoutSub: false
}
const lock = { clientId: "c", consumerGroup: "C", mqSet: [queue], onlyThisBroker: false }
const routeData = route({ a: "10.0.0.1:1" })
const sentFields = { msgId: "0A", queueId: "1", queueOffset: "7", MSG_REGION: "R", TRACE_ON: "true" }
const popFields = { popTime: "1", invisibleTime: "2", reviveQid: "3", restNum: "4" }

interface Case {
  readonly name: string
  readonly code: number
  readonly ask: (service: MqClientApi.Service, address: string) => Effect.Effect<unknown, ApiError>
  /** What the request must carry. */
  readonly fields?: ExtFields
  readonly body?: (body: Uint8Array | undefined) => unknown
  /** What the request's body must be read as. */
  readonly expectedBody?: unknown
  readonly reply: RemotingReply
  readonly answer: unknown
}

const cases: ReadonlyArray<Case> = [
  {
    name: "sendMessage",
    code: RequestCode.SEND_MESSAGE_V2,
    ask: (service, address) => service.sendMessage(address, send, bytes),
    fields: { a: "P", b: "T", e: "1", i: "k\u0001v\u0002", m: "false", n: "a", bname: "a" },
    body: text,
    expectedBody: "bytes",
    reply: { extFields: sentFields },
    answer: {
      code: 0,
      header: { msgId: "0A", queueId: 1, queueOffset: 7, regionId: "R", traceOn: true },
      extFields: sentFields
    }
  },
  {
    name: "sendMessage of a batch",
    code: RequestCode.SEND_BATCH_MESSAGE,
    ask: (service, address) => service.sendMessage(address, { ...send, batch: true }, bytes),
    fields: { m: "true" },
    reply: { extFields: sentFields },
    answer: {
      code: 0,
      header: { msgId: "0A", queueId: 1, queueOffset: 7, regionId: "R", traceOn: true },
      extFields: sentFields
    }
  },
  {
    name: "sendReplyMessage",
    code: RequestCode.SEND_REPLY_MESSAGE_V2,
    ask: (service, address) => service.sendReplyMessage(address, send, bytes),
    fields: { a: "P", n: "a" },
    reply: { extFields: { msgId: "0", queueId: "1", queueOffset: "0" } },
    answer: {
      code: 0,
      header: { msgId: "0", queueId: 1, queueOffset: 0 },
      extFields: { msgId: "0", queueId: "1", queueOffset: "0" }
    }
  },
  {
    name: "recallMessage",
    code: RequestCode.RECALL_MESSAGE,
    ask: (service, address) => service.recallMessage(address, { topic: "T", recallHandle: "h", brokerName: "a" }),
    fields: { topic: "T", recallHandle: "h", bname: "a" },
    reply: { extFields: { msgId: "M" } },
    answer: { msgId: "M" }
  },
  {
    name: "endTransaction",
    code: RequestCode.END_TRANSACTION,
    ask: (service, address) => service.endTransaction(address, endTransaction, { remark: "because" }),
    fields: { producerGroup: "P", tranStateTableOffset: "1", commitOrRollback: "8", bname: "a" },
    reply: {},
    answer: undefined
  },
  {
    name: "consumerSendMsgBack",
    code: RequestCode.CONSUMER_SEND_MSG_BACK,
    ask: (service, address) =>
      service.consumerSendMsgBack(address, { offset: 1, group: "C", delayLevel: 3, unitMode: false }),
    fields: { offset: "1", group: "C", delayLevel: "3" },
    reply: {},
    answer: undefined
  },
  ...([["pullMessage", RequestCode.PULL_MESSAGE], ["litePullMessage", RequestCode.LITE_PULL_MESSAGE]] as const).map((
    [name, code]
  ): Case => ({
    name,
    code,
    ask: (service, address) => service[name](address, pull),
    fields: { consumerGroup: "C", queueOffset: "2", suspendTimeoutMillis: "15000", bname: "a" },
    reply: {
      code: ResponseCode.PULL_NOT_FOUND,
      extFields: { suggestWhichBrokerId: "0", nextBeginOffset: "2", minOffset: "0", maxOffset: "2" }
    },
    answer: {
      code: ResponseCode.PULL_NOT_FOUND,
      header: { suggestWhichBrokerId: 0, nextBeginOffset: 2, minOffset: 0, maxOffset: 2 },
      body: undefined
    }
  })),
  {
    name: "popMessage",
    code: RequestCode.POP_MESSAGE,
    ask: (service, address) =>
      Effect.map(
        service.popMessage(address, {
          consumerGroup: "C",
          topic: "T",
          queueId: -1,
          maxMsgNums: 32,
          invisibleTime: 60_000,
          pollTime: 15_000,
          bornTime: 0,
          initMode: 1,
          order: false
        }),
        (answer) => ({ ...answer, body: text(answer.body) })
      ),
    fields: { queueId: "-1", invisibleTime: "60000", bornTime: "0" },
    reply: { extFields: popFields, body: bytes },
    answer: {
      code: 0,
      header: { popTime: 1, invisibleTime: 2, reviveQid: 3, restNum: 4 },
      body: "bytes"
    }
  },
  {
    name: "ackMessage",
    code: RequestCode.ACK_MESSAGE,
    ask: (service, address) =>
      service.ackMessage(address, { consumerGroup: "C", topic: "T", queueId: 1, extraInfo: "x", offset: 2 }),
    fields: { extraInfo: "x", offset: "2" },
    reply: {},
    answer: undefined
  },
  {
    name: "batchAckMessage",
    code: RequestCode.BATCH_ACK_MESSAGE,
    ask: (service, address) => service.batchAckMessage(address, { brokerName: "a", acks: [] }),
    body: BatchAckMessageRequestBody.decode,
    expectedBody: { brokerName: "a", acks: [] },
    reply: {},
    answer: undefined
  },
  {
    name: "changeInvisibleTime",
    code: RequestCode.CHANGE_MESSAGE_INVISIBLETIME,
    ask: (service, address) =>
      service.changeInvisibleTime(address, {
        consumerGroup: "C",
        topic: "T",
        queueId: 1,
        extraInfo: "x",
        offset: 2,
        invisibleTime: 9,
        suspend: false
      }),
    fields: { invisibleTime: "9" },
    reply: { extFields: popFields },
    answer: { popTime: 1, invisibleTime: 2, reviveQid: 3 }
  },
  {
    name: "peekMessage",
    code: RequestCode.PEEK_MESSAGE,
    ask: (service, address) =>
      service.peekMessage(address, { topic: "T", queueId: 1, maxMsgNums: 1, consumerGroup: "C" }),
    fields: { maxMsgNums: "1" },
    reply: { code: ResponseCode.PULL_NOT_FOUND, extFields: popFields },
    answer: {
      code: ResponseCode.PULL_NOT_FOUND,
      header: { popTime: 1, invisibleTime: 2, reviveQid: 3, restNum: 4 },
      body: undefined
    }
  },
  {
    name: "notification",
    code: RequestCode.NOTIFICATION,
    ask: (service, address) =>
      service.notification(address, {
        consumerGroup: "C",
        topic: "T",
        queueId: -1,
        pollTime: 1,
        bornTime: 0,
        order: false
      }),
    fields: { pollTime: "1" },
    reply: { extFields: { hasMsg: "true" } },
    answer: { hasMsg: true, pollingFull: false }
  },
  {
    name: "pollingInfo",
    code: RequestCode.POLLING_INFO,
    ask: (service, address) => service.pollingInfo(address, { consumerGroup: "C", topic: "T", queueId: 1 }),
    fields: { queueId: "1" },
    reply: { extFields: { pollingNum: "5" } },
    answer: { pollingNum: 5 }
  },
  {
    name: "queryConsumerOffset",
    code: RequestCode.QUERY_CONSUMER_OFFSET,
    ask: (service, address) => service.queryConsumerOffset(address, { consumerGroup: "C", topic: "T", queueId: 1 }),
    fields: { consumerGroup: "C" },
    reply: { extFields: { offset: "6" } },
    answer: { offset: 6 }
  },
  {
    name: "updateConsumerOffset",
    code: RequestCode.UPDATE_CONSUMER_OFFSET,
    ask: (service, address) =>
      service.updateConsumerOffset(address, { consumerGroup: "C", topic: "T", queueId: 1, commitOffset: 6 }),
    fields: { commitOffset: "6" },
    reply: {},
    answer: undefined
  },
  {
    name: "getMaxOffset",
    code: RequestCode.GET_MAX_OFFSET,
    ask: (service, address) => service.getMaxOffset(address, { topic: "T", queueId: 1, committed: true }),
    fields: { topic: "T", committed: "true" },
    reply: { extFields: { offset: "6" } },
    answer: { offset: 6 }
  },
  {
    name: "getMinOffset",
    code: RequestCode.GET_MIN_OFFSET,
    ask: (service, address) => service.getMinOffset(address, { topic: "T", queueId: 1 }),
    fields: { topic: "T" },
    reply: { extFields: { offset: "0" } },
    answer: { offset: 0 }
  },
  {
    name: "searchOffset",
    code: RequestCode.SEARCH_OFFSET_BY_TIMESTAMP,
    ask: (service, address) => service.searchOffset(address, { topic: "T", queueId: 1, timestamp: 5 }),
    fields: { timestamp: "5" },
    reply: { extFields: { offset: "3" } },
    answer: { offset: 3 }
  },
  {
    name: "getEarliestMsgStoretime",
    code: RequestCode.GET_EARLIEST_MSG_STORETIME,
    ask: (service, address) => service.getEarliestMsgStoretime(address, { topic: "T", queueId: 1 }),
    fields: { topic: "T" },
    reply: { extFields: { timestamp: "3" } },
    answer: { timestamp: 3 }
  },
  {
    name: "queryCorrectionOffset",
    code: RequestCode.QUERY_CORRECTION_OFFSET,
    ask: (service, address) => service.queryCorrectionOffset(address, { compareGroup: "C", topic: "T" }),
    fields: { compareGroup: "C" },
    reply: { body: QueryCorrectionOffsetBody.encode({ correctionOffsets: new Map([[1, 2]]) }) },
    answer: { correctionOffsets: new Map([[1, 2]]) }
  },
  {
    name: "getConsumerListByGroup",
    code: RequestCode.GET_CONSUMER_LIST_BY_GROUP,
    ask: (service, address) => service.getConsumerListByGroup(address, { consumerGroup: "C" }),
    fields: { consumerGroup: "C" },
    reply: { body: GetConsumerListByGroupResponseBody.encode({ consumerIdList: ["x", "x"] }) },
    answer: { consumerIdList: ["x", "x"] }
  },
  {
    name: "lockBatchMq",
    code: RequestCode.LOCK_BATCH_MQ,
    ask: (service, address) => service.lockBatchMq(address, lock, { brokerName: "a" }),
    fields: { bname: "a" },
    body: LockBatchRequestBody.decode,
    expectedBody: lock,
    reply: { body: LockBatchResponseBody.encode({ lockOKMQSet: [queue] }) },
    answer: { lockOKMQSet: [queue] }
  },
  {
    name: "unlockBatchMq",
    code: RequestCode.UNLOCK_BATCH_MQ,
    ask: (service, address) => service.unlockBatchMq(address, lock),
    body: LockBatchRequestBody.decode,
    expectedBody: lock,
    reply: {},
    answer: undefined
  },
  {
    name: "queryAssignment",
    code: RequestCode.QUERY_ASSIGNMENT,
    ask: (service, address) => service.queryAssignment(address, { clientId: "c", consumerGroup: "C", topic: "T" }),
    body: QueryAssignmentRequestBody.decode,
    expectedBody: { clientId: "c", consumerGroup: "C", topic: "T" },
    reply: {
      body: QueryAssignmentResponseBody.encode({ messageQueueAssignments: [{ messageQueue: queue, mode: "POP" }] })
    },
    answer: { messageQueueAssignments: [{ messageQueue: queue, mode: "POP" }] }
  },
  {
    name: "setMessageRequestMode",
    code: RequestCode.SET_MESSAGE_REQUEST_MODE,
    ask: (service, address) =>
      service.setMessageRequestMode(address, { consumerGroup: "C", topic: "T", mode: "POP", popShareQueueNum: 1 }),
    body: SetMessageRequestModeRequestBody.decode,
    expectedBody: { consumerGroup: "C", topic: "T", mode: "POP", popShareQueueNum: 1 },
    reply: {},
    answer: undefined
  },
  {
    name: "checkClientConfig",
    code: RequestCode.CHECK_CLIENT_CONFIG,
    ask: (service, address) =>
      service.checkClientConfig(address, {
        clientId: "c",
        group: "C",
        subscriptionData: {
          topic: "T",
          subString: "a > 1",
          tagsSet: [],
          codeSet: [],
          subVersion: 1,
          classFilterMode: false,
          expressionType: "SQL92"
        }
      }),
    body: (body) => (CheckClientRequestBody.decode(body) as CheckClientRequestBody).subscriptionData.subString,
    expectedBody: "a > 1",
    reply: {},
    answer: undefined
  },
  {
    name: "heartbeat",
    code: RequestCode.HEART_BEAT,
    ask: (service, address) => service.heartbeat(address, heartbeat),
    body: HeartbeatData.decode,
    expectedBody: heartbeat,
    reply: { extFields: { IS_SUPPORT_HEART_BEAT_V2: "true", IS_SUB_CHANGE: "false" } },
    answer: { header: { isSupportHeartBeatV2: true, isSubChange: false }, version: 513 }
  },
  {
    name: "unregisterClient",
    code: RequestCode.UNREGISTER_CLIENT,
    ask: (service, address) => service.unregisterClient(address, { clientID: "c", producerGroup: "P" }),
    fields: { clientID: "c", producerGroup: "P" },
    reply: {},
    answer: undefined
  },
  {
    name: "getRouteInfoByTopic",
    code: RequestCode.GET_ROUTEINFO_BY_TOPIC,
    ask: (service, address) => service.getRouteInfoByTopic(address, { topic: "T" }),
    fields: { topic: "T" },
    reply: { body: encodeStandard(routeData) },
    answer: routeData
  },
  {
    name: "queryMessage",
    code: RequestCode.QUERY_MESSAGE,
    ask: (service, address) =>
      Effect.map(
        service.queryMessage(address, {
          topic: "T",
          key: "k",
          maxNum: 32,
          beginTimestamp: 0,
          endTimestamp: 9,
          uniqueKeyQuery: true
        }),
        ({ body, header }) => ({ header, body: text(body) })
      ),
    fields: { key: "k", _UNIQUE_KEY_QUERY: "true" },
    reply: { extFields: { indexLastUpdateTimestamp: "1", indexLastUpdatePhyoffset: "2" }, body: bytes },
    answer: { header: { indexLastUpdateTimestamp: 1, indexLastUpdatePhyoffset: 2 }, body: "bytes" }
  },
  {
    name: "viewMessage",
    code: RequestCode.VIEW_MESSAGE_BY_ID,
    ask: (service, address) => Effect.map(service.viewMessage(address, { offset: 5 }), text),
    fields: { offset: "5" },
    reply: { body: bytes },
    answer: "bytes"
  }
]

/** As Java's records: without a prototype or with, the same. */
const plain = (value: unknown): unknown =>
  value instanceof Map || value === undefined || typeof value !== "object" || value === null
    ? value
    : Array.isArray(value)
    ? value.map(plain)
    : Object.fromEntries(
      Object.entries(value).filter(([, one]) => one !== undefined).map(([key, one]) => [key, plain(one)])
    )

describe("each request", () => {
  for (const one of cases) {
    it.effect(`${one.name} goes out typed, comes back typed, and a refusal is a BrokerError`, () =>
      Effect.gen(function*() {
        const { address, api: service, one: server } = yield* api
        const got: Array<RemotingCommand> = []
        server.becomes((request) => {
          got.push(request)
          return Effect.succeed(one.reply)
        })
        assert.deepStrictEqual(plain(yield* one.ask(service, address)), plain(one.answer))
        assert.strictEqual(got[0].code, one.code)
        for (const [field, value] of Object.entries(one.fields ?? {})) {
          assert.strictEqual(got[0].extFields[field], value, field)
        }
        if (one.body !== undefined) assert.deepStrictEqual(plain(one.body(got[0].body)), plain(one.expectedBody))

        server.becomes(() => Effect.succeed({ code: ResponseCode.SYSTEM_ERROR, remark: "store is broken" }))
        const error = yield* Effect.flip(one.ask(service, address))
        if (error._tag !== "BrokerError") return assert.fail(error._tag)
        assert.deepInclude({ ...error }, {
          address,
          requestCode: one.code,
          code: ResponseCode.SYSTEM_ERROR,
          codeName: "SYSTEM_ERROR",
          remark: "store is broken",
          outcome: "Unknown"
        })
        assert.isTrue(error.isRetryable)
      }).pipe(Effect.provide(MemoryTransport.layer)))
  }

  it("is there once", () => {
    const named = new Set(cases.map(({ name }) => name.split(" ")[0]))
    const oneways = Object.keys(MqClientApi.make({} as never)).filter((name) => !name.endsWith("Oneway"))
    assert.deepStrictEqual([...named].sort(), oneways.sort())
  })
})

describe("a send", () => {
  it.effect("is stored with four codes, and refused with all others", () =>
    Effect.gen(function*() {
      const { address, api: service, one } = yield* api
      for (const code of [0, 10, 11, 12]) {
        one.becomes(() => Effect.succeed({ code, extFields: sentFields }))
        assert.strictEqual((yield* service.sendMessage(address, send, bytes)).code, code)
      }
      for (const code of [1, 2, 13, 14, 16, 17, 215]) {
        one.becomes(() => Effect.succeed({ code, extFields: sentFields }))
        const error = yield* Effect.flip(service.sendMessage(address, send, bytes))
        assert.deepInclude({ ...error }, { _tag: "BrokerError", code })
      }
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("whose answer lacks something may have been stored", () =>
    Effect.gen(function*() {
      const { address, api: service, one } = yield* api
      one.becomes(() => Effect.succeed({ extFields: { msgId: "0A", queueId: "1" } }))
      const error = yield* Effect.flip(service.sendMessage(address, send, bytes))
      assert.deepInclude({ ...error }, { _tag: "MalformedResponse", address, requestCode: 310, field: "queueOffset" })
      assert.strictEqual(error.outcome, "Unknown")
      assert.isFalse(error.isRetryable)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("that is not answered fails as a request does", () =>
    Effect.gen(function*() {
      const { address, api: service, one } = yield* api
      one.becomes(() => Effect.never)
      const fiber = yield* start(Effect.flip(service.sendMessage(address, send, bytes, { timeout: 500 })))
      yield* pass(500)
      const error = yield* Fiber.join(fiber)
      assert.strictEqual(error._tag, "RemotingError")
      assert.strictEqual(error.outcome, "Unknown")
    }).pipe(Effect.provide(MemoryTransport.layer)))
})

describe("a pop", () => {
  it.effect("that found nothing has no header", () =>
    Effect.gen(function*() {
      const { address, api: service, one } = yield* api
      for (const code of [ResponseCode.PULL_NOT_FOUND, ResponseCode.POLLING_FULL, ResponseCode.POLLING_TIMEOUT]) {
        one.becomes(() => Effect.succeed({ code }))
        const answer = yield* service.popMessage(address, {
          consumerGroup: "C",
          topic: "T",
          queueId: -1,
          maxMsgNums: 1,
          invisibleTime: 1,
          pollTime: 1,
          bornTime: 0,
          initMode: 0,
          order: false
        })
        assert.deepStrictEqual(answer, { code, header: undefined, body: undefined })
      }
    }).pipe(Effect.provide(MemoryTransport.layer)))
})

describe("a pull", () => {
  it.effect("succeeds with four codes", () =>
    Effect.gen(function*() {
      const { address, api: service, one } = yield* api
      const extFields = { suggestWhichBrokerId: "0", nextBeginOffset: "2", minOffset: "0", maxOffset: "2" }
      for (const code of [0, 19, 20, 21]) {
        one.becomes(() => Effect.succeed({ code, extFields }))
        assert.strictEqual((yield* service.pullMessage(address, pull)).code, code)
      }
      one.becomes(() => Effect.succeed({ code: ResponseCode.SUBSCRIPTION_NOT_EXIST }))
      const error = yield* Effect.flip(service.pullMessage(address, pull))
      assert.deepInclude({ ...error }, { codeName: "SUBSCRIPTION_NOT_EXIST", outcome: "NotProcessed" })
      assert.isTrue(error.isRetryable)
    }).pipe(Effect.provide(MemoryTransport.layer)))
})

describe("a request without an answer", () => {
  it.effect("goes out oneway", () =>
    Effect.gen(function*() {
      const { address, api: service, one } = yield* api
      yield* service.sendMessageOneway(address, send, bytes)
      yield* service.sendMessageOneway(address, { ...send, batch: true }, bytes)
      yield* service.endTransactionOneway(address, endTransaction, { remark: "because" })
      yield* service.updateConsumerOffsetOneway(address, {
        consumerGroup: "C",
        topic: "T",
        queueId: 1,
        commitOffset: 6
      })
      yield* service.unlockBatchMqOneway(address, lock, { brokerName: "a" })
      yield* service.unregisterClientOneway(address, { clientID: "c", consumerGroup: "C" })
      yield* settle
      assert.deepStrictEqual(one.got.map(({ code, request }) => [code, request.isOneway]), [
        [310, true],
        [320, true],
        [37, true],
        [15, true],
        [42, true],
        [35, true]
      ])
      assert.strictEqual(one.got[2].request.remark, "because")
      assert.strictEqual(one.got[4].request.extFields.bname, "a")
    }).pipe(Effect.provide(MemoryTransport.layer)))
})

describe("a malformed answer", () => {
  it.effect("names the field of the header, or where in the body", () =>
    Effect.gen(function*() {
      const { address, api: service, one } = yield* api
      one.becomes(() => Effect.succeed({ extFields: { offset: "many" }, body: Buffer.from("{\"lockOKMQSet\":[{}]}") }))
      const inHeader = yield* Effect.flip(service.getMaxOffset(address, { topic: "T", queueId: 1, committed: true }))
      assert.deepInclude({ ...inHeader }, { _tag: "MalformedResponse", field: "offset", requestCode: 30 })
      const inBody = yield* Effect.flip(service.lockBatchMq(address, lock))
      assert.deepInclude({ ...inBody }, { _tag: "MalformedResponse", field: "body", requestCode: 41 })
      assert.include(inBody.message, "lockOKMQSet[0]")
      one.becomes(() => Effect.succeed({}))
      const missing = yield* Effect.flip(service.viewMessage(address, { offset: 5 }))
      assert.deepInclude({ ...missing }, { _tag: "MalformedResponse", field: "body", detail: "is missing" })
    }).pipe(Effect.provide(MemoryTransport.layer)))
})
