/** Messages by key and by offset (RocketMQ 5.3.3 `QueryMessageProcessor`), and recall of delayed ones. */
import {
  QueryMessageRequestHeader,
  QueryMessageResponseHeader,
  ViewMessageRequestHeader
} from "../../../protocol/header/QueryMessage.ts"
import { RecallMessageRequestHeader, RecallMessageResponseHeader } from "../../../protocol/header/RecallMessage.ts"
import { PropertyName } from "../../../protocol/message/PropertyName.ts"
import * as RecallHandle from "../../../protocol/message/RecallHandle.ts"
import { RequestCode } from "../../../protocol/RequestCode.ts"
import { ResponseCode } from "../../../protocol/ResponseCode.ts"
import type { RemotingReply } from "../../../remoting/RemotingRequest.ts"
import type { Call } from "./BrokerApi.ts"
import type { BrokerCore, Handles } from "./BrokerCore.ts"
import { headerOf, lenientInt, lenientLong, lenientText, properties } from "./BrokerCore.ts"

/** Messages that a query by UNIQ_KEY returns at most (`defaultQueryMaxNum`). */
const uniqKeyLimit = 32

/** QUERY_MESSAGE, VIEW_MESSAGE_BY_ID, RECALL_MESSAGE. */
export const make = (core: BrokerCore): Handles => [
  [RequestCode.QUERY_MESSAGE, (call) => query(core, call)],
  [RequestCode.VIEW_MESSAGE_BY_ID, (call) => view(core, call)],
  [RequestCode.RECALL_MESSAGE, (call) => recall(core, call)]
]

const query = (core: BrokerCore, call: Call): RemotingReply => {
  const { settings, store } = core
  const isUnique = call.request.extFields._UNIQUE_KEY_QUERY === "true"
  const header = headerOf(QueryMessageRequestHeader, call, {
    topic: lenientText("null"),
    key: lenientText("null"),
    ...(isUnique ? { maxNum: lenientInt(String(uniqKeyLimit)) } : {}),
    beginTimestamp: lenientLong(),
    endTimestamp: lenientLong()
  })
  const limit = isUnique ? uniqKeyLimit : header.maxNum
  const offsets = store.find(
    header.topic,
    header.key,
    Math.min(limit, settings.maxMsgsNumBatch),
    header.beginTimestamp,
    header.endTimestamp
  )
  const messages = offsets.flatMap((offset) => store.log.lookAt(offset) ?? [])
  const extFields = QueryMessageResponseHeader.encode(
    messages.length === 0
      ? { indexLastUpdateTimestamp: 0, indexLastUpdatePhyoffset: 0 }
      : {
        indexLastUpdateTimestamp: store.keys.lastTimestamp,
        indexLastUpdatePhyoffset: store.keys.lastPosition
      }
  )
  return messages.length === 0
    ? {
      code: ResponseCode.QUERY_NOT_FOUND,
      remark: "can not find message, maybe time range not correct",
      extFields
    }
    : { extFields, body: Buffer.concat(messages) }
}

const view = (core: BrokerCore, call: Call): RemotingReply => {
  const { offset } = headerOf(ViewMessageRequestHeader, call, { offset: lenientLong() })
  const message = core.store.log.lookAt(offset)
  return message === undefined
    ? { code: ResponseCode.SYSTEM_ERROR, remark: `can not find message by the offset, ${offset}` }
    : { body: message }
}

const recall = (core: BrokerCore, call: Call): RemotingReply => {
  const { settings, store } = core
  const header = headerOf(RecallMessageRequestHeader, call, { recallHandle: lenientText("") })
  const region = { MSG_REGION: settings.regionId }
  const refused = (code: number, remark: string): RemotingReply => ({ code, remark, extFields: region })
  if (!settings.recallMessageEnable) {
    return refused(ResponseCode.NO_PERMISSION, "recall failed, operation is forbidden")
  }
  const unavailable = "recall failed, broker service not available"
  if (core.isSlave) return refused(ResponseCode.SLAVE_NOT_AVAILABLE, unavailable)
  if ((settings.brokerPermission & 2) === 0) return refused(ResponseCode.SERVICE_NOT_AVAILABLE, unavailable)
  if (store.topics.get(header.topic) === undefined) {
    return refused(ResponseCode.TOPIC_NOT_EXIST, `recall failed, the topic[${header.topic}] not exist`)
  }
  const handle = RecallHandle.decode(header.recallHandle)
  if (handle === undefined) return refused(ResponseCode.ILLEGAL_OPERATION, "recall handle is invalid")
  if (handle.topic !== header.topic) {
    return refused(ResponseCode.ILLEGAL_OPERATION, "recall failed, topic not match")
  }
  if (handle.brokerName !== core.name) return refused(ResponseCode.ILLEGAL_OPERATION, unavailable)
  const now = core.now()
  const left = handle.deliverTimestamp - now
  if (left <= 0 || left >= settings.timerMaxDelaySec * 1_000) {
    return refused(ResponseCode.ILLEGAL_OPERATION, "recall failed, timestamp invalid")
  }
  const result = core.put({
    topic: handle.topic,
    queueId: 0,
    flag: 0,
    sysFlag: 0,
    body: Buffer.from("0"),
    properties: properties(Object.create(null), {
      [PropertyName.TAGS]: "_RECALL_TAG_",
      [PropertyName.TIMER_DEL_UNIQKEY]: `${handle.topic}+${handle.uniqKey}`,
      [PropertyName.UNIQ_KEY]: handle.uniqKey,
      [PropertyName.TIMER_DELIVER_MS]: String(handle.deliverTimestamp),
      [PropertyName.BORN_TIMESTAMP]: String(now),
      [PropertyName.PGROUP]: header.producerGroup
    }),
    bornTimestamp: now,
    bornHost: call.peer.address,
    storeHost: core.address,
    reconsumeTimes: 0,
    preparedTransactionOffset: 0
  })
  return result.placed.length === 0
    ? refused(ResponseCode.SYSTEM_ERROR, "recall failed, execute error")
    : { extFields: { ...region, ...RecallMessageResponseHeader.encode({ msgId: handle.uniqKey }) } }
}
