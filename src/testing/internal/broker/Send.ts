/** SEND in all its forms, and messages that consumers send back (RocketMQ 5.3.3 `SendMessageProcessor`). */
import * as DateTime from "effect/DateTime"
import type { TopicConfig } from "../../../protocol/body/TopicConfig.ts"
import { ConsumerSendMsgBackRequestHeader } from "../../../protocol/header/ConsumerSendMsgBack.ts"
import {
  SendMessageRequestHeader,
  SendMessageRequestHeaderV2,
  SendMessageResponseHeader
} from "../../../protocol/header/SendMessage.ts"
import * as MessageBatch from "../../../protocol/message/MessageBatch.ts"
import * as MessageId from "../../../protocol/message/MessageId.ts"
import * as MessageProperties from "../../../protocol/message/MessageProperties.ts"
import * as Names from "../../../protocol/message/Names.ts"
import { PropertyName } from "../../../protocol/message/PropertyName.ts"
import * as RecallHandle from "../../../protocol/message/RecallHandle.ts"
import * as SysFlag from "../../../protocol/message/SysFlag.ts"
import { RequestCode } from "../../../protocol/RequestCode.ts"
import { ResponseCode } from "../../../protocol/ResponseCode.ts"
import type { RemotingReply } from "../../../remoting/RemotingRequest.ts"
import type { Call } from "./BrokerApi.ts"
import type { BrokerCore, Handles, PutResult, Readings } from "./BrokerCore.ts"
import {
  delayLevel,
  headerOf,
  JavaException,
  lenientInt,
  lenientLong,
  lenientText,
  longOr,
  properties
} from "./BrokerCore.ts"
import type { NewMessage } from "./BrokerStore.ts"
import { describeTopic } from "./TopicTable.ts"
import { seeFaq, topicProblem } from "./validation.ts"

/** Version V3_4_9: from it on a request says how often a message may be tried. */
const saysMaxReconsumeTimes = 121

/** What an answer to a SEND has whatever its code. */
export const sendExtFields = (core: BrokerCore): Readonly<Record<string, string>> => ({
  MSG_REGION: core.settings.regionId,
  TRACE_ON: String(core.settings.traceOn)
})

/** A message that could not be stored, as SEND answers it; `undefined` when it was. */
export const putProblem = (core: BrokerCore, result: PutResult): RemotingReply | undefined => {
  const { settings } = core
  switch (result.status) {
    case "PUT_OK":
    case "FLUSH_DISK_TIMEOUT":
    case "FLUSH_SLAVE_TIMEOUT":
    case "SLAVE_NOT_AVAILABLE":
      return undefined
    case "MESSAGE_ILLEGAL":
    case "PROPERTIES_SIZE_EXCEEDED":
      return {
        code: ResponseCode.MESSAGE_ILLEGAL,
        remark: "the message is illegal, maybe msg body or properties length not matched. msg body length limit " +
          `${settings.maxMessageSize}B, msg properties length limit 32KB.`
      }
    case "WHEEL_TIMER_MSG_ILLEGAL":
      return {
        code: ResponseCode.MESSAGE_ILLEGAL,
        remark: "timer message illegal, the delay time should not be bigger than the max delay " +
          `${settings.timerMaxDelaySec * 1_000}ms; or if set del msg, the delay time should be bigger than the ` +
          "current time"
      }
    case "WHEEL_TIMER_NOT_ENABLE":
      return {
        code: ResponseCode.SYSTEM_ERROR,
        remark: `accurate timer message is not enabled, timerWheelEnable is ${settings.timerWheelEnable}`
      }
    case "SERVICE_NOT_AVAILABLE":
      return {
        code: ResponseCode.SERVICE_NOT_AVAILABLE,
        remark: "service not available now. It may be caused by one of the following reasons: the broker's disk is " +
          "full [CL:  1.00 CQ:  1.00 INDEX:  1.00], messages are put to the slave, message store has been shut down, " +
          "etc."
      }
    case "OS_PAGE_CACHE_BUSY":
      return { code: ResponseCode.SYSTEM_BUSY, remark: "[PC_SYNCHRONIZED]broker busy, start flow control for a while" }
  }
}

/** The response code of a message that was stored. */
const putCode = (result: PutResult): number => {
  switch (result.status) {
    case "FLUSH_DISK_TIMEOUT":
      return ResponseCode.FLUSH_DISK_TIMEOUT
    case "FLUSH_SLAVE_TIMEOUT":
      return ResponseCode.FLUSH_SLAVE_TIMEOUT
    case "SLAVE_NOT_AVAILABLE":
      return ResponseCode.SLAVE_NOT_AVAILABLE
    default:
      return ResponseCode.SUCCESS
  }
}

/** What a send may lack. */
const readings: Readings = {
  producerGroup: lenientText(""),
  defaultTopic: lenientText(""),
  defaultTopicQueueNums: lenientInt("0"),
  bornTimestamp: lenientLong(),
  reconsumeTimes: lenientInt(),
  maxReconsumeTimes: lenientInt()
}

/** The same in short; numbers that are none are not passed over there. */
const readingsV2: Readings = {
  a: lenientText(""),
  c: lenientText(""),
  d: lenientText("0"),
  g: longOr()
}

/** An answer is not stored as it is, so it may lack more. */
const replyReadings: Readings = { ...readings, topic: lenientText(""), sysFlag: lenientInt("0") }
const replyReadingsV2: Readings = { ...readingsV2, b: lenientText(""), f: lenientText("0") }

/** The header of a send, in either spelling. */
export const sendHeader = (call: Call): SendMessageRequestHeader => {
  switch (call.request.code) {
    case RequestCode.SEND_MESSAGE:
      return headerOf(SendMessageRequestHeader, call, readings)
    case RequestCode.SEND_REPLY_MESSAGE:
      return headerOf(SendMessageRequestHeader, call, replyReadings)
    case RequestCode.SEND_REPLY_MESSAGE_V2:
      return headerOf(SendMessageRequestHeaderV2, call, replyReadingsV2)
    default:
      return headerOf(SendMessageRequestHeaderV2, call, readingsV2)
  }
}

/** The body, which is not left out. */
export const bodyOf = (call: Call): Uint8Array => {
  const { body } = call.request
  if (body === undefined) throw new JavaException("java.lang.NullPointerException", "the request has no body")
  return body
}

/** Properties as the broker keeps them: with its region, and without the receipt of an earlier POP. */
const receivedProperties = (core: BrokerCore, header: SendMessageRequestHeader): MessageProperties.MessageProperties =>
  properties(MessageProperties.decode(header.properties), {
    [PropertyName.MSG_REGION]: core.settings.regionId,
    [PropertyName.TRACE_ON]: String(core.settings.traceOn),
    [PropertyName.POP_CK]: undefined
  })

/**
 * The topic of a send, made if need be, or what is wrong with the request (RocketMQ 5.3.3
 * `AbstractSendMessageProcessor.msgCheck`).
 */
export const checkSend = (
  core: BrokerCore,
  call: Call,
  header: SendMessageRequestHeader
): { readonly topic: TopicConfig } | { readonly refused: RemotingReply } => {
  const { settings, store } = core
  const { topic } = header
  if ((settings.brokerPermission & 2) === 0 && store.topics.get(topic)?.order === true) {
    return {
      refused: { code: ResponseCode.NO_PERMISSION, remark: `the broker[${core.ip}] sending message is forbidden` }
    }
  }
  const problem = topicProblem(topic)
  if (problem !== undefined) return { refused: { code: ResponseCode.INVALID_PARAMETER, remark: problem } }
  if (Names.isSendForbidden(topic)) {
    return {
      refused: { code: ResponseCode.NO_PERMISSION, remark: `Sending message to topic[${topic}] is forbidden.` }
    }
  }
  const isRetry = Names.isRetryTopic(topic)
  const flag = header.unitMode ? isRetry ? 2 : 1 : 0
  const config = store.topics.get(topic) ??
    store.topics.createBySend(topic, header.defaultTopic, header.defaultTopicQueueNums, flag, settings) ??
    (isRetry ? store.topics.createBySendBack(topic, 1, 6, flag) : undefined)
  if (config === undefined) {
    return {
      refused: {
        code: ResponseCode.TOPIC_NOT_EXIST,
        remark: `topic[${topic}] not exist, apply first please!${seeFaq}`
      }
    }
  }
  if (header.queueId >= Math.max(config.writeQueueNums, config.readQueueNums)) {
    return {
      refused: {
        code: ResponseCode.INVALID_PARAMETER,
        remark: `request queueId[${header.queueId}] is illegal, ${describeTopic(config)} Producer: ${call.peer.address}`
      }
    }
  }
  return { topic: config }
}

/** The queue of a send: any writable one where it names none. */
export const queueOf = (core: BrokerCore, header: SendMessageRequestHeader, topic: TopicConfig): number => {
  if (header.queueId >= 0) return header.queueId
  if (topic.writeQueueNums === 0) throw new JavaException("java.lang.ArithmeticException", "/ by zero")
  return core.pick(topic.writeQueueNums)
}

const incoming = (
  core: BrokerCore,
  call: Call,
  header: SendMessageRequestHeader,
  topic: TopicConfig,
  queueId: number,
  flag: number,
  body: Uint8Array,
  all: NewMessage["properties"]
): NewMessage => ({
  topic: header.topic,
  queueId,
  flag,
  sysFlag: topic.topicFilterType === "MULTI_TAG" ? header.sysFlag | SysFlag.multiTags : header.sysFlag,
  body,
  properties: all,
  stored: undefined,
  bornTimestamp: header.bornTimestamp,
  bornHost: call.peer.address,
  storeHost: core.address,
  reconsumeTimes: header.reconsumeTimes,
  preparedTransactionOffset: 0
})

/** The sends of a broker. */
export const make = (core: BrokerCore): Handles => {
  const { settings, store } = core
  let ids = 0

  /** A UNIQ_KEY for a message whose producer gave it none. */
  const uniqKey = (): string => {
    const now = core.now()
    const month = DateTime.toEpochMillis(DateTime.startOf(DateTime.makeUnsafe(now), "month"))
    const ip = Uint8Array.from(core.ip.split(".").map(Number))
    return MessageId.uniqKey({
      ip: ip.length === 4 ? ip : new Uint8Array(16),
      process: 0,
      salt: 0,
      millisSinceMonth: now - month,
      counter: ids++
    })
  }

  const answer = (
    call: Call,
    result: PutResult,
    queueId: number,
    message: NewMessage,
    batchUniqId: string | undefined
  ): RemotingReply => {
    const problem = putProblem(core, result)
    if (problem !== undefined) return { ...problem, extFields: sendExtFields(core) }
    const first = result.placed[0]!
    return {
      code: putCode(result),
      extFields: SendMessageResponseHeader.encode({
        msgId: result.placed.map((one) => MessageId.createOffsetId(core.address, one.physicalOffset)).join(","),
        queueId,
        queueOffset: first.queueOffset,
        transactionId: message.properties[PropertyName.UNIQ_KEY],
        batchUniqId,
        recallHandle: recallHandle(call, message),
        regionId: settings.regionId,
        traceOn: settings.traceOn
      })
    }
  }

  const recallHandle = (call: Call, message: NewMessage): string | undefined => {
    if (call.request.code === RequestCode.SEND_BATCH_MESSAGE) return undefined
    const due = message.properties[PropertyName.TIMER_OUT_MS]
    const topic = message.properties[PropertyName.REAL_TOPIC]
    if (due === undefined || topic === undefined || Names.isRetryTopic(topic)) return undefined
    return RecallHandle.encode({
      topic,
      brokerName: core.name,
      deliverTimestamp: Number(due) + 1,
      uniqKey: message.properties[PropertyName.UNIQ_KEY]!
    })
  }

  /** A message of a retry topic that was tried too often goes to the dead letters. */
  const redirect = (
    call: Call,
    header: SendMessageRequestHeader,
    message: NewMessage
  ): RemotingReply | undefined => {
    if (!Names.isRetryTopic(header.topic)) return undefined
    const group = groupOf(header.topic)
    const config = store.groups.find(group, settings)
    if (config === undefined) {
      return {
        code: ResponseCode.SUBSCRIPTION_GROUP_NOT_EXIST,
        remark: `subscription group not exist, ${group} ${seeFaq}`
      }
    }
    const limit = call.request.version >= saysMaxReconsumeTimes && header.maxReconsumeTimes !== undefined
      ? header.maxReconsumeTimes
      : config.retryMaxTimes
    // Locked queues: it is consumed in order, and must not come again later.
    if (header.reconsumeTimes > limit || !core.locks.isAllExpired(group)) {
      const dlq = Names.dlqTopic(group)
      store.topics.createBySendBack(dlq, 1, 6, 0)
      message.properties = properties(message.properties, { [PropertyName.DELAY]: "-1" })
      message.topic = dlq
      message.queueId = 0
    }
    return undefined
  }

  const single = (call: Call, header: SendMessageRequestHeader, body: Uint8Array): RemotingReply => {
    const checked = checkSend(core, call, header)
    if ("refused" in checked) return { ...checked.refused, extFields: sendExtFields(core) }
    const queueId = queueOf(core, header, checked.topic)
    const received = receivedProperties(core, header)
    const message = incoming(
      core,
      call,
      header,
      checked.topic,
      queueId,
      header.flag,
      body,
      properties(received, {
        [PropertyName.UNIQ_KEY]: received[PropertyName.UNIQ_KEY] ?? uniqKey(),
        [PropertyName.CLUSTER]: core.cluster
      })
    )
    const refused = redirect(call, header, message)
    if (refused !== undefined) return { ...refused, extFields: sendExtFields(core) }
    if (checked.topic.attributes["cleanup.policy"] === "COMPACTION" && !message.properties[PropertyName.KEYS]?.trim()) {
      return {
        code: ResponseCode.MESSAGE_ILLEGAL,
        remark: "Required message key is missing",
        extFields: sendExtFields(core)
      }
    }
    const isHalf = message.properties[PropertyName.TRAN_MSG]?.toLowerCase() === "true" &&
      !(message.reconsumeTimes > 0 && delayLevel(message) > 0)
    if (isHalf) {
      if (settings.rejectTransactionMessage) {
        return {
          code: ResponseCode.NO_PERMISSION,
          remark: `the broker[${core.ip}] sending transaction message is forbidden`,
          extFields: sendExtFields(core)
        }
      }
      halve(message)
    }
    const result = core.put(message)
    return answer(call, result, queueId, message, undefined)
  }

  const batch = (call: Call, header: SendMessageRequestHeader, body: Uint8Array): RemotingReply => {
    const checked = checkSend(core, call, header)
    if ("refused" in checked) return { ...checked.refused, extFields: sendExtFields(core) }
    const illegal = (remark: string): RemotingReply => ({
      code: ResponseCode.MESSAGE_ILLEGAL,
      remark,
      extFields: sendExtFields(core)
    })
    const queueId = queueOf(core, header, checked.topic)
    if (header.topic.length > 127) return illegal(`message topic length too long ${header.topic.length}`)
    if (Names.isRetryTopic(header.topic)) return illegal(`batch request does not support retry group ${header.topic}`)
    const received = properties(receivedProperties(core, header), { [PropertyName.CLUSTER]: core.cluster })
    const whole = incoming(core, call, header, checked.topic, queueId, header.flag, body, received)
    const members = MessageBatch.decode(body)
    if (!Array.isArray(members)) {
      throw new JavaException("java.nio.BufferUnderflowException", "the batch is cut off")
    }
    const id = received[PropertyName.UNIQ_KEY]
    if (checked.topic.attributes["queue.type"] === "BatchCQ" && id !== undefined) {
      whole.sysFlag |= SysFlag.needUnwrap | SysFlag.innerBatch
      whole.properties = properties(received, { [PropertyName.INNER_NUM]: String(members.length) })
      return answer(call, core.put(whole), queueId, whole, id)
    }
    if (SysFlag.transactionType(whole.sysFlag) !== SysFlag.transactionNone || delayLevel(whole) > 0) {
      return answer(call, { status: "MESSAGE_ILLEGAL", placed: [] }, queueId, whole, undefined)
    }
    if (body.length > settings.maxMessageSize) {
      throw new JavaException("java.lang.RuntimeException", "message body size exceeded")
    }
    const result = core.putBatch(
      members.map((member) =>
        incoming(core, call, header, checked.topic, queueId, member.flag, member.body, member.properties)
      )
    )
    return answer(call, result, queueId, whole, undefined)
  }

  const send = (call: Call): RemotingReply => {
    // RocketMQ 5.3.3 `SendMessageProcessor.rejectRequest`.
    if (core.isSlave || core.conditions.pageCacheBusy) {
      return {
        code: ResponseCode.SYSTEM_BUSY,
        remark: "[REJECTREQUEST]system busy, start flow control for a while"
      }
    }
    const header = sendHeader(call)
    const body = bodyOf(call)
    return header.batch ? batch(call, header, body) : single(call, header, body)
  }

  return [
    [RequestCode.SEND_MESSAGE, send],
    [RequestCode.SEND_MESSAGE_V2, send],
    [RequestCode.SEND_BATCH_MESSAGE, send],
    [RequestCode.CONSUMER_SEND_MSG_BACK, (call) => sendBack(core, call)]
  ]
}

/** The group of a retry topic (RocketMQ 5.3.3 `KeyBuilder.parseGroup`). */
const groupOf = (retryTopic: string): string => {
  const rest = retryTopic.slice(Names.retryPrefix.length)
  const plus = rest.indexOf("+")
  return plus < 0 ? rest : rest.slice(0, plus)
}

/** Turns a message into the half of a transaction. */
const halve = (message: NewMessage): void => {
  message.properties = properties(message.properties, {
    [PropertyName.TRANSACTION_ID]: message.properties[PropertyName.UNIQ_KEY],
    [PropertyName.REAL_TOPIC]: message.topic,
    [PropertyName.REAL_QID]: String(message.queueId)
  })
  message.sysFlag = SysFlag.withTransactionType(message.sysFlag, SysFlag.transactionNone)
  message.topic = Names.transactionHalfTopic
  message.queueId = 0
}

/** RocketMQ 5.3.3 `AbstractSendMessageProcessor.consumerSendMsgBack`. */
const sendBack = (core: BrokerCore, call: Call): RemotingReply => {
  const { settings, store } = core
  if (core.isSlave) {
    return { code: ResponseCode.SYSTEM_ERROR, remark: `no master available along with ${core.ip}` }
  }
  const header = headerOf(ConsumerSendMsgBackRequestHeader, call, {
    offset: lenientLong(),
    maxReconsumeTimes: lenientInt()
  })
  const group = store.groups.find(header.group, settings)
  if (group === undefined) {
    return {
      code: ResponseCode.SUBSCRIPTION_GROUP_NOT_EXIST,
      remark: `subscription group not exist, ${header.group} ${seeFaq}`
    }
  }
  if ((settings.brokerPermission & 2) === 0) {
    return { code: ResponseCode.NO_PERMISSION, remark: `the broker[${core.ip}] sending message is forbidden` }
  }
  if (group.retryQueueNums <= 0) return { code: ResponseCode.SUCCESS }
  let topic = Names.retryTopic(header.group)
  let queueId = core.pick(group.retryQueueNums)
  const config = store.topics.createBySendBack(topic, group.retryQueueNums, 6, header.unitMode ? 2 : 0)
  if ((config.perm & 2) === 0) {
    return { code: ResponseCode.NO_PERMISSION, remark: `the topic[${topic}] sending message is forbidden` }
  }
  const message = store.messageAt(header.offset)
  if (message === undefined) {
    return { code: ResponseCode.SYSTEM_ERROR, remark: `look message by offset failed, ${header.offset}` }
  }
  const limit = call.request.version >= saysMaxReconsumeTimes && header.maxReconsumeTimes !== undefined
    ? header.maxReconsumeTimes
    : group.retryMaxTimes
  const isDead = message.reconsumeTimes >= limit || header.delayLevel < 0
  if (isDead) {
    topic = Names.dlqTopic(header.group)
    queueId = 0
    store.topics.createBySendBack(topic, 1, 6, 0)
  }
  const level = isDead ? 0 : header.delayLevel === 0 ? 3 + message.reconsumeTimes : header.delayLevel
  const result = core.put({
    topic,
    queueId,
    flag: message.flag,
    sysFlag: message.sysFlag,
    body: message.body,
    properties: properties(message.properties, {
      [PropertyName.RETRY_TOPIC]: message.properties[PropertyName.RETRY_TOPIC] ?? message.topic,
      [PropertyName.WAIT]: "false",
      [PropertyName.DELAY]: String(level),
      [PropertyName.ORIGIN_MESSAGE_ID]: message.properties[PropertyName.ORIGIN_MESSAGE_ID]?.trim() ||
        MessageId.createOffsetId(message.storeHost, message.physicalOffset)
    }),
    bornTimestamp: message.bornTimestamp,
    bornHost: message.bornHost,
    storeHost: core.address,
    reconsumeTimes: message.reconsumeTimes + 1,
    preparedTransactionOffset: 0
  })
  if (result.status === "PUT_OK") {
    core.stats.add(
      "SNDBCK_PUT_NUMS",
      `${message.properties[PropertyName.RETRY_TOPIC] ?? message.topic}@${header.group}`,
      1
    )
  }
  return result.status === "PUT_OK"
    ? { code: ResponseCode.SUCCESS }
    : { code: ResponseCode.SYSTEM_ERROR, remark: result.status }
}
