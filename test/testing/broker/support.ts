/** What the tests of the embedded broker build on: a broker and clients on a network in memory. */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { ConsumerData } from "../../../src/protocol/body/HeartbeatData.ts"
import { HeartbeatData } from "../../../src/protocol/body/HeartbeatData.ts"
import type { SubscriptionData } from "../../../src/protocol/body/SubscriptionData.ts"
import { buildSubscriptionData } from "../../../src/protocol/body/SubscriptionData.ts"
import type { PopCheckpoint } from "../../../src/protocol/header/ExtraInfo.ts"
import { decodeCheckpoint } from "../../../src/protocol/header/ExtraInfo.ts"
import type * as HeaderCodec from "../../../src/protocol/header/HeaderCodec.ts"
import { isViolation } from "../../../src/protocol/header/HeaderCodec.ts"
import { PopMessageResponseHeader } from "../../../src/protocol/header/PopMessage.ts"
import { PullMessageRequestHeader, PullSysFlag } from "../../../src/protocol/header/PullMessage.ts"
import type { SendMessageRequestHeader } from "../../../src/protocol/header/SendMessage.ts"
import { SendMessageRequestHeaderV2, SendMessageResponseHeader } from "../../../src/protocol/header/SendMessage.ts"
import * as MessageProperties from "../../../src/protocol/message/MessageProperties.ts"
import * as StoredMessage from "../../../src/protocol/message/StoredMessage.ts"
import type { RemotingCommand } from "../../../src/protocol/RemotingCommand.ts"
import { RequestCode } from "../../../src/protocol/RequestCode.ts"
import type * as RemotingClient from "../../../src/remoting/RemotingClient.ts"
import * as RemotingServer from "../../../src/remoting/RemotingServer.ts"
import * as Broker from "../../../src/testing/internal/broker/Broker.ts"
import { client } from "../../remoting/support.ts"

export const address = "10.0.0.1:10911"

/** A broker on a server of its own. */
export const broker = (options?: Partial<Broker.BrokerOptions>) =>
  Effect.gen(function*() {
    const server = yield* RemotingServer.make({ host: "10.0.0.1", port: 10_911, metrics: false })
    return yield* Broker.make({ server, ...options })
  })

/** A broker and a client. */
export const setup = (options?: Partial<Broker.BrokerOptions>) =>
  Effect.gen(function*() {
    const embedded = yield* broker(options)
    return { broker: embedded, store: embedded.store, client: yield* client() }
  })

/** A connection that is nobody else's. */
export const anotherClient = client

/** What a message is sent with, beside its body. */
export interface SendOptions {
  readonly header?: Partial<SendMessageRequestHeader>
  readonly properties?: Readonly<Record<string, string>>
}

let ids = 0

/** A request to store a message. */
export const sendRequest = (topic: string, body: string | Uint8Array, options: SendOptions = {}) => ({
  code: RequestCode.SEND_MESSAGE_V2,
  extFields: SendMessageRequestHeaderV2.encode({
    producerGroup: "producers",
    topic,
    defaultTopic: "TBW102",
    defaultTopicQueueNums: 4,
    queueId: 0,
    sysFlag: 0,
    bornTimestamp: 0,
    flag: 0,
    properties: MessageProperties.encode({
      UNIQ_KEY: `0A00000100010000000000000000${(++ids).toString(16).toUpperCase().padStart(4, "0")}`,
      WAIT: "true",
      ...options.properties
    }),
    reconsumeTimes: 0,
    unitMode: false,
    batch: false,
    brokerName: "broker-a",
    ...options.header
  }),
  body: typeof body === "string" ? Buffer.from(body) : body
})

/** Sends a message; the answer. */
export const send = (
  service: RemotingClient.Service,
  topic: string,
  body: string | Uint8Array,
  options?: SendOptions
) => service.invoke(address, sendRequest(topic, body, options))

/** Sends a message that must be stored; its place. */
export const stored = (
  service: RemotingClient.Service,
  topic: string,
  body: string | Uint8Array,
  options?: SendOptions
) => Effect.map(send(service, topic, body, options), (answer) => decoded(SendMessageResponseHeader, answer))

/** The header of a successful answer. */
export const decoded = <T>(codec: HeaderCodec.HeaderCodec<T>, answer: RemotingCommand): T => {
  assert.strictEqual(answer.code, 0, answer.remark)
  return header(codec, answer)
}

/** The header of an answer, whatever its code. */
export const header = <T>(codec: HeaderCodec.HeaderCodec<T>, answer: RemotingCommand): T => {
  const value = codec.decode(answer.extFields)
  if (isViolation(value)) return assert.fail(`${value.field} ${value.detail}`)
  return value
}

/** The messages in the body of an answer. */
export const messages = (answer: RemotingCommand): ReadonlyArray<StoredMessage.StoredMessage> => {
  if (answer.body === undefined) return []
  const { messages: all, violation } = StoredMessage.decodeAll(answer.body)
  assert.isUndefined(violation)
  return all
}

/** The bodies of messages, as texts. */
export const bodies = (all: ReadonlyArray<StoredMessage.StoredMessage>): ReadonlyArray<string> =>
  all.map((message) => Buffer.from(message.body).toString())

/** What a queue of the store holds, as texts. */
export const inQueue = (store: Broker.Broker["store"], topic: string, queueId = 0): ReadonlyArray<string> => {
  const queue = store.findQueue(topic, queueId)
  if (queue === undefined) return []
  return Array.from(
    { length: queue.maxOffset - queue.minOffset },
    (_, index) => Buffer.from(store.messageIn(topic, queueId, queue.minOffset + index)!.body).toString()
  )
}

/** What a client says of itself in a heartbeat. */
export const heartbeat = (data: {
  readonly clientID?: string
  readonly producers?: ReadonlyArray<string>
  readonly consumers?: Readonly<Record<string, ReadonlyArray<SubscriptionData>>>
  readonly consumer?: Partial<ConsumerData>
  readonly heartbeatFingerprint?: number
  readonly withoutSub?: boolean
}) => ({
  code: RequestCode.HEART_BEAT,
  body: HeartbeatData.encode({
    clientID: data.clientID ?? "client",
    producerDataSet: (data.producers ?? []).map((groupName) => ({ groupName })),
    consumerDataSet: Object.entries(data.consumers ?? {}).map(([groupName, subscriptionDataSet]) => ({
      groupName,
      consumeType: "CONSUME_PASSIVELY",
      messageModel: "CLUSTERING",
      consumeFromWhere: "CONSUME_FROM_FIRST_OFFSET",
      subscriptionDataSet,
      unitMode: false,
      ...data.consumer
    })),
    heartbeatFingerprint: data.heartbeatFingerprint ?? 0,
    withoutSub: data.withoutSub ?? false
  })
})

/** A subscription to a topic. */
export const subscription = (
  topic: string,
  expression = "*",
  expressionType: "TAG" | "SQL92" = "TAG",
  subVersion = 0
): SubscriptionData => buildSubscriptionData(topic, expression, expressionType, subVersion)!

/** A pull of the group "readers" that brings its subscription with it. */
export const pullRequest = (topic: string, options: Partial<PullMessageRequestHeader> = {}) => ({
  code: RequestCode.PULL_MESSAGE,
  extFields: PullMessageRequestHeader.encode({
    consumerGroup: "readers",
    topic,
    queueId: 0,
    queueOffset: 0,
    maxMsgNums: 32,
    sysFlag: PullSysFlag.subscription,
    commitOffset: 0,
    suspendTimeoutMillis: 15_000,
    subscription: "*",
    subVersion: 0,
    expressionType: "TAG",
    ...options
  })
})

/** The receipt of a message of a POP's answer, as a client puts it together. */
export const receipt = (answer: RemotingCommand, message: StoredMessage.StoredMessage): PopCheckpoint => {
  if (message.properties.POP_CK !== undefined) return decodeCheckpoint(message.properties.POP_CK)!
  const of = decoded(PopMessageResponseHeader, answer)
  const entry = of.startOffsetInfo!.split(";").map((text) => text.split(" "))
    .find(([mark, queueId]) => mark === "0" && queueId === String(message.queueId))!
  return {
    startOffset: Number(entry[2]),
    popTime: of.popTime,
    invisibleTime: of.invisibleTime,
    reviveQid: of.reviveQid,
    retryMark: "0",
    brokerName: "broker-a",
    queueId: message.queueId,
    queueOffset: message.queueOffset
  }
}
