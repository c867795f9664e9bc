/** Offsets of groups and queues, and locks (RocketMQ 5.3.3 `ConsumerManageProcessor`, `AdminBrokerProcessor`). */
import {
  LockBatchRequestBody,
  LockBatchResponseBody,
  UnlockBatchRequestBody
} from "../../../protocol/body/LockBatch.ts"
import { QueryCorrectionOffsetBody } from "../../../protocol/body/QueryCorrectionOffset.ts"
import {
  QueryConsumerOffsetRequestHeader,
  QueryCorrectionOffsetHeader,
  UpdateConsumerOffsetRequestHeader
} from "../../../protocol/header/ConsumerOffset.ts"
import { isViolation } from "../../../protocol/header/HeaderCodec.ts"
import {
  GetEarliestMsgStoretimeRequestHeader,
  GetMaxOffsetRequestHeader,
  GetMinOffsetRequestHeader,
  SearchOffsetRequestHeader
} from "../../../protocol/header/QueueOffset.ts"
import { RequestCode } from "../../../protocol/RequestCode.ts"
import { ResponseCode } from "../../../protocol/ResponseCode.ts"
import type { RemotingReply } from "../../../remoting/RemotingRequest.ts"
import type { Call } from "./BrokerApi.ts"
import type { BrokerCore, Handles } from "./BrokerCore.ts"
import { decodeBody, headerOf, JavaException, lenientLong, lenientText } from "./BrokerCore.ts"

const offsetReply = (offset: number): RemotingReply => ({ extFields: { offset: String(offset) } })

/** A lock needs neither. */
const noLock = { clientId: "null", consumerGroup: "null" }

/** Java's greatest long, which a number does not hold. */
const unreachable = Number.MAX_SAFE_INTEGER

/** Offsets and locks. */
export const make = (core: BrokerCore): Handles => {
  const { settings, store } = core

  const query = (call: Call): RemotingReply => {
    const { consumerGroup, queueId, setZeroIfNotFound, topic } = headerOf(QueryConsumerOffsetRequestHeader, call, {
      consumerGroup: lenientText("null")
    })
    const offset = settings.useServerSideResetOffset
      ? store.offsets.query(consumerGroup, topic, queueId)
      : store.offsets.stored(consumerGroup, topic, queueId)
    if (offset >= 0) return offsetReply(offset)
    if (setZeroIfNotFound === false) {
      return {
        code: ResponseCode.QUERY_NOT_FOUND,
        remark: "Not found, do not set to zero, maybe this group boot first"
      }
    }
    const queue = store.queue(topic, queueId)
    // A new group begins at the first message of a young topic.
    if (queue.minOffset <= 0 && queue.maxOffset > 0) return offsetReply(0)
    return {
      code: ResponseCode.QUERY_NOT_FOUND,
      remark: "Not found, V3_0_6_SNAPSHOT maybe this group consumer boot first"
    }
  }

  const update = (call: Call): RemotingReply => {
    const { extFields } = call.request
    const { consumerGroup: group = "null", topic } = extFields
    if (topic === undefined) throw new JavaException("java.lang.NullPointerException", "there is no topic")
    if (store.groups.get(group) === undefined) {
      return { code: ResponseCode.SUBSCRIPTION_GROUP_NOT_EXIST, remark: `Group ${group} not exist!` }
    }
    if (store.topics.get(topic) === undefined) {
      return { code: ResponseCode.TOPIC_NOT_EXIST, remark: `Topic ${topic} not exist!` }
    }
    const header = UpdateConsumerOffsetRequestHeader.decode({
      ...extFields,
      commitOffset: lenientLong("")(extFields.commitOffset) ?? ""
    })
    if (isViolation(header)) {
      const name = header.field === "queueId" ? "QueueId" : "Offset"
      return { code: ResponseCode.INVALID_PARAMETER, remark: `${name} is null, topic is ${topic}` }
    }
    if (settings.useServerSideResetOffset && store.offsets.hasReset(group, topic, header.queueId)) {
      return { remark: "Offset has been previously reset" }
    }
    store.offsets.commit(group, topic, header.queueId, header.commitOffset)
    return { code: ResponseCode.SUCCESS }
  }

  const search = (call: Call): RemotingReply => {
    const { boundaryType, queueId, timestamp, topic } = headerOf(SearchOffsetRequestHeader, call, {
      timestamp: lenientLong(),
      // Whatever is no such word.
      boundaryType: (text) => text?.toUpperCase() === "UPPER" ? "UPPER" : "LOWER"
    })
    return offsetReply(store.offsetByTime(topic, queueId, timestamp, boundaryType ?? "LOWER"))
  }

  const earliest = (call: Call): RemotingReply => {
    const { queueId, topic } = headerOf(GetEarliestMsgStoretimeRequestHeader, call)
    const queue = store.findQueue(topic, queueId)
    const timestamp = queue === undefined ? -1 : store.storeTimestampIn(topic, queueId, queue.minOffset)
    return { extFields: { timestamp: String(timestamp) } }
  }

  /** The least offset that any group has of each queue, and whether another group is behind it. */
  const correction = (call: Call): RemotingReply => {
    const { compareGroup, filterGroups, topic } = headerOf(QueryCorrectionOffsetHeader, call, {
      compareGroup: lenientText("null")
    })
    for (const group of (filterGroups ?? "").split(",")) if (group.trim() !== "") store.offsets.removeGroup(group)
    const least = new Map<number, number>()
    for (const group of store.offsets.groupsOf(topic)) {
      for (const [queueId, offset] of store.offsets.ofGroup(group, topic)!) {
        if (offset < store.queue(topic, queueId).minOffset) continue
        least.set(queueId, Math.min(offset, least.get(queueId) ?? unreachable))
      }
    }
    for (const [queueId, offset] of store.offsets.ofGroup(compareGroup, topic) ?? []) {
      const other = least.get(queueId)
      if (other === undefined) throw new JavaException("java.lang.NullPointerException", `no queue ${queueId}`)
      if (other > offset) least.set(queueId, unreachable)
    }
    return { body: QueryCorrectionOffsetBody.encode({ correctionOffsets: least }) }
  }

  const lock = (call: Call): RemotingReply => {
    const { clientId, consumerGroup, mqSet } = decodeBody(LockBatchRequestBody, call, noLock)
    const lockOKMQSet = core.locks.lock(consumerGroup, clientId, mqSet)
    return { body: LockBatchResponseBody.encode({ lockOKMQSet }) }
  }

  const unlock = (call: Call): RemotingReply => {
    const { clientId, consumerGroup, mqSet } = decodeBody(UnlockBatchRequestBody, call, noLock)
    core.locks.unlock(consumerGroup, clientId, mqSet)
    return { code: ResponseCode.SUCCESS }
  }

  return [
    [RequestCode.QUERY_CONSUMER_OFFSET, query],
    [RequestCode.UPDATE_CONSUMER_OFFSET, update],
    [RequestCode.SEARCH_OFFSET_BY_TIMESTAMP, search],
    [RequestCode.GET_MAX_OFFSET, (call) => {
      const { queueId, topic } = headerOf(GetMaxOffsetRequestHeader, call)
      return offsetReply(store.findQueue(topic, queueId)?.maxOffset ?? 0)
    }],
    [RequestCode.GET_MIN_OFFSET, (call) => {
      const { queueId, topic } = headerOf(GetMinOffsetRequestHeader, call)
      return offsetReply(store.queue(topic, queueId).minOffset)
    }],
    [RequestCode.GET_EARLIEST_MSG_STORETIME, earliest],
    [RequestCode.QUERY_CORRECTION_OFFSET, correction],
    [RequestCode.LOCK_BATCH_MQ, lock],
    [RequestCode.UNLOCK_BATCH_MQ, unlock]
  ]
}
