/** POP and its kin (RocketMQ 5.3.3 `PopMessageProcessor`, `AckMessageProcessor`, `ChangeInvisibleTimeProcessor`). */
import type * as Effect from "effect/Effect"
import type { BatchAck } from "../../../protocol/body/BatchAck.ts"
import { BatchAckMessageRequestBody, bitsOf } from "../../../protocol/body/BatchAck.ts"
import { isViolation } from "../../../protocol/body/BodyCodec.ts"
import type { SubscriptionGroupConfig } from "../../../protocol/body/SubscriptionGroupConfig.ts"
import type { TopicConfig } from "../../../protocol/body/TopicConfig.ts"
import type { PopCheckpoint } from "../../../protocol/header/ExtraInfo.ts"
import {
  decodeCheckpoint,
  encodeCheckpoint,
  orderReviveQueue,
  realTopic,
  retryMark
} from "../../../protocol/header/ExtraInfo.ts"
import {
  AckMessageRequestHeader,
  ChangeInvisibleTimeRequestHeader,
  ChangeInvisibleTimeResponseHeader,
  NotificationRequestHeader,
  NotificationResponseHeader,
  PeekMessageRequestHeader,
  PollingInfoRequestHeader,
  PollingInfoResponseHeader,
  PopMessageRequestHeader,
  PopMessageResponseHeader
} from "../../../protocol/header/PopMessage.ts"
import * as Names from "../../../protocol/message/Names.ts"
import { PropertyName } from "../../../protocol/message/PropertyName.ts"
import * as StoredMessage from "../../../protocol/message/StoredMessage.ts"
import type { ExtFields } from "../../../protocol/RemotingCommand.ts"
import { RequestCode } from "../../../protocol/RequestCode.ts"
import { ResponseCode } from "../../../protocol/ResponseCode.ts"
import type { RemotingReply } from "../../../remoting/RemotingRequest.ts"
import type { Call } from "./BrokerApi.ts"
import type { BrokerCore, Handles, Readings } from "./BrokerCore.ts"
import {
  headerIn,
  headerOf,
  isNullBody,
  JavaException,
  lenientInt,
  lenientLong,
  lenientText,
  properties
} from "./BrokerCore.ts"
import type { Checkpoint, OrderedPop, ReadResult } from "./BrokerStore.ts"
import { checkpointKey, decode } from "./BrokerStore.ts"
import type { NotWaiting, Waiting } from "./Polls.ts"
import { Polls } from "./Polls.ts"
import type { SubscriptionFilter } from "./Subscriptions.ts"
import { Filters, fromRequest, isTagType } from "./Subscriptions.ts"
import { seeFaq } from "./validation.ts"

/** Most messages that one POP gets. */
const maxMessages = 32

/** How much later than its poll time a request may come, in milliseconds. */
const tolerance = 500

/** A revival that could not be stored is tried again after so many milliseconds. */
const retryMillis = 1_000

const anyBytes = 134_217_728

const orderKey = (topic: string, group: string, queueId: number): string => `${topic}@${group}@${queueId}`

/** What Java takes for 0 when it is missing or no number. */
const popReadings: Readings = {
  queueId: lenientInt("0"),
  maxMsgNums: lenientInt("0"),
  invisibleTime: lenientLong("0"),
  pollTime: lenientLong("0"),
  bornTime: lenientLong("0"),
  initMode: lenientInt("0")
}
const queueReadings: Readings = { queueId: lenientInt("0"), maxMsgNums: lenientInt("0") }
const ackReadings: Readings = {
  consumerGroup: lenientText("null"),
  offset: lenientLong(),
  invisibleTime: lenientLong()
}

/** A request that does not say when it was made was made now. */
const withBornTime = (fields: ExtFields, now: number): ExtFields => {
  const bornTime = popReadings.bornTime!(fields.bornTime)
  return bornTime === "0" ? { ...fields, bornTime: String(now) } : fields
}

/** Java's headers of answers have numbers from the start, whatever becomes of the request. */
const noPop = PopMessageResponseHeader.encode({ popTime: 0, invisibleTime: 0, reviveQid: 0, restNum: 0 })
const noChange = ChangeInvisibleTimeResponseHeader.encode({ popTime: 0, invisibleTime: 0, reviveQid: 0 })
const noNotification = NotificationResponseHeader.encode({ hasMsg: false, pollingFull: false })
const noPolling = PollingInfoResponseHeader.encode({ pollingNum: 0 })

/** What one POP has gathered. */
interface Gathered {
  readonly messages: Array<Uint8Array>
  readonly startOffsets: Array<string>
  readonly messageOffsets: Array<string>
  readonly orderCounts: Array<string>
  rest: number
}

interface Pop {
  readonly header: PopMessageRequestHeader
  readonly filter: SubscriptionFilter | undefined
  readonly popTime: number
  readonly reviveQid: number
}

/** POP_MESSAGE, ACK_MESSAGE, BATCH_ACK_MESSAGE, CHANGE_MESSAGE_INVISIBLETIME, PEEK_MESSAGE, NOTIFICATION, POLLING_INFO. */
export const make = (core: BrokerCore): Handles => {
  const { settings, store } = core
  const filters = new Filters(core)
  const polls = new Polls(core, false)
  const notifications = new Polls(core, true)
  /** What takes back the revival of each checkpoint. */
  const revivals = new Map<string, () => void>()
  let pops = 0

  const retryTopicOf = (topic: string, group: string): string =>
    settings.enableRetryTopicV2 ? Names.popRetryTopicV2(topic, group) : Names.popRetryTopicV1(topic, group)

  core.onStored((placed) => {
    if (!Names.isRetryTopic(placed.topic)) {
      polls.arrived(placed, placed.topic)
      notifications.arrived(placed, placed.topic)
      return
    }
    // Of what a group has not acknowledged that group alone is told, whatever it filters by (RocketMQ 5.5.0; older
    // ones tell nobody, unless `enableRetryTopicV2` is on).
    const group = placed.properties[PropertyName.ORIGIN_GROUP]
    const topic = group === undefined ? placed.topic : Names.normalTopic(placed.topic, group)
    if (group === undefined || topic === placed.topic) return
    for (const waiting of [polls, notifications]) {
      waiting.wakeOne(topic, group, -1)
      waiting.wakeOne(topic, group, placed.queueId)
    }
  })

  // ---- what is invisible ----

  const revive = (checkpoint: Checkpoint): void => {
    const key = checkpointKey(checkpoint)
    revivals.delete(key)
    const { group, popTime, queueId, topic } = checkpoint
    const retry = Names.isRetryTopic(topic) ? topic : retryTopicOf(topic, group)
    for (const offset of [...checkpoint.pending].sort((left, right) => left - right)) {
      const message = store.messageIn(topic, queueId, offset)
      if (message !== undefined) {
        if (store.topics.get(retry) === undefined) {
          store.topics.createBySendBack(retry, 1, 6, 0)
          if (store.offsets.query(group, retry, 0) < 0) store.offsets.commit(group, retry, 0, 0)
        }
        const result = core.put({
          topic: retry,
          queueId: 0,
          flag: message.flag,
          sysFlag: message.sysFlag,
          body: message.body,
          properties: properties(message.properties, {
            [PropertyName.FIRST_POP_TIME]: message.reconsumeTimes === 0
              ? String(popTime)
              : message.properties[PropertyName.FIRST_POP_TIME] ?? String(popTime),
            [PropertyName.ORIGIN_GROUP]: group
          }),
          bornTimestamp: message.bornTimestamp,
          bornHost: core.address,
          storeHost: core.address,
          reconsumeTimes: message.reconsumeTimes + 1,
          preparedTransactionOffset: 0
        })
        if (result.placed.length === 0) {
          revivals.set(key, core.agenda.add(core.now() + retryMillis, () => revive(checkpoint)))
          return
        }
      }
      checkpoint.pending.delete(offset)
    }
    store.checkpoints.delete(key)
  }

  const hide = (checkpoint: Checkpoint): void => {
    const key = checkpointKey(checkpoint)
    store.checkpoints.set(key, checkpoint)
    revivals.get(key)?.()
    revivals.set(
      key,
      core.agenda.add(checkpoint.popTime + checkpoint.invisibleTime, () => revive(checkpoint))
    )
  }

  const settle = (of: Omit<Checkpoint, "pending" | "invisibleTime">, offset: number): void => {
    const key = checkpointKey(of)
    const checkpoint = store.checkpoints.get(key)
    // Too late: it has become visible again.
    if (checkpoint === undefined) return
    checkpoint.pending.delete(offset)
    if (checkpoint.pending.size > 0) return
    store.checkpoints.delete(key)
    revivals.get(key)?.()
    revivals.delete(key)
  }

  if (!core.isSlave) { for (const checkpoint of [...store.checkpoints.values()]) hide(checkpoint) }

  // ---- order ----

  /** When the first of those that are not acknowledged becomes visible; `undefined` when all are visible. */
  const blockedUntil = (pop: OrderedPop): number | undefined => {
    for (const offset of pop.offsets) {
      if (pop.acked.has(offset)) continue
      const visible = pop.visibleAt.get(offset) ?? pop.popTime + pop.invisibleTime
      if (core.now() < visible) return visible
    }
    return undefined
  }

  const isBlocked = (attemptId: string | undefined, topic: string, group: string, queueId: number): boolean => {
    const pop = store.orderedPops.get(orderKey(topic, group, queueId))
    if (pop === undefined || (pop.attemptId !== undefined && pop.attemptId === attemptId)) return false
    return blockedUntil(pop) !== undefined
  }

  /** Who waits is told when the queue becomes free. */
  const watch = (topic: string, group: string, queueId: number): void => {
    const pop = store.orderedPops.get(orderKey(topic, group, queueId))
    const until = pop === undefined ? undefined : blockedUntil(pop)
    if (until === undefined) return
    core.agenda.add(until, () => {
      if (isBlocked(undefined, topic, group, queueId)) return
      const queue = store.findQueue(topic, queueId)
      if (queue === undefined || queue.maxOffset <= store.offsets.query(group, topic, queueId)) return
      if (!polls.wakeOne(topic, group, -1)) polls.wakeOne(topic, group, queueId)
      notifications.wakeOne(topic, group, -1)
      notifications.wakeOne(topic, group, queueId)
    })
  }

  const handOutInOrder = (pop: Pop, topic: string, queueId: number, offsets: ReadonlyArray<number>): Array<string> => {
    const { attemptId, consumerGroup: group, invisibleTime } = pop.header
    const key = orderKey(topic, group, queueId)
    const before = store.orderedPops.get(key)
    const isSameAttempt = before?.attemptId !== undefined && before.attemptId === attemptId
    const counts = isSameAttempt
      ? before!.counts
      : new Map(
        offsets.filter((offset) => before?.offsets.includes(offset) === true)
          .map((offset) => [offset, (before!.counts.get(offset) ?? 0) + 1])
      )
    store.orderedPops.set(key, {
      popTime: pop.popTime,
      invisibleTime,
      attemptId,
      offsets,
      counts,
      acked: new Set(),
      visibleAt: new Map()
    })
    watch(topic, group, queueId)
    const mark = retryMark(topic)
    const each = [...counts].map(([offset, count]) => `${mark} qo${queueId}%${offset} ${count}`)
    // Of messages that are new the count is 0, and so is the least.
    const least = counts.size === offsets.length ? Math.min(...counts.values()) : 0
    return [...each, `${mark} ${queueId} ${least}`]
  }

  // ---- POP ----

  const initialOffset = (topic: string, group: string, queueId: number, initMode: number): number => {
    const { maxOffset: max, minOffset: min } = store.queue(topic, queueId)
    const fromStart = initMode === 0 || Names.isRetryTopic(topic) || (min <= 0 && max > 0)
    const offset = fromStart ? min : Math.max(0, max - 1)
    store.offsets.commit(group, topic, queueId, offset)
    return offset
  }

  const popOffset = (topic: string, group: string, queueId: number, initMode: number): number => {
    const reset = store.offsets.takeReset(group, topic, queueId)
    if (reset !== undefined && settings.useServerSideResetOffset) {
      store.orderedPops.delete(orderKey(topic, group, queueId))
      store.offsets.commit(group, topic, queueId, reset)
      return reset
    }
    const offset = store.offsets.query(group, topic, queueId)
    return offset < 0 ? initialOffset(topic, group, queueId, initMode) : offset
  }

  /** A message of a retry topic, as one of its topic. */
  const asOriginal = (bytes: Uint8Array, topic: string, checkpoint: Omit<PopCheckpoint, "queueOffset">): Uint8Array => {
    const message = decode(bytes)
    if (message === undefined) return bytes
    return StoredMessage.encode({
      ...message,
      topic,
      properties: properties(message.properties, {
        [PropertyName.POP_CK]: message.properties[PropertyName.POP_CK] ??
          encodeCheckpoint({ ...checkpoint, queueOffset: message.queueOffset })
      })
    })
  }

  const popQueue = (pop: Pop, gathered: Gathered, topic: string, queueId: number): void => {
    const { attemptId, consumerGroup: group, initMode, invisibleTime, maxMsgNums, order } = pop.header
    const start = popOffset(topic, group, queueId, initMode)
    if (order && isBlocked(attemptId, topic, group, queueId)) return
    const left = maxMsgNums - gathered.messages.length
    if (left <= 0) {
      gathered.rest += (store.findQueue(topic, queueId)?.maxOffset ?? 0) - start
      return
    }
    const read = (from: number): ReadResult => store.read(topic, queueId, from, left, anyBytes, pop.filter, settings)
    let from = start
    let result = read(from)
    if (result.status === "OFFSET_TOO_SMALL" || result.status === "OFFSET_OVERFLOW_BADLY") {
      from = result.nextBeginOffset
      store.offsets.commit(group, topic, queueId, from)
      result = read(from)
    }
    const { messages, nextBeginOffset, queueOffsets } = result
    gathered.rest += result.maxOffset - nextBeginOffset
    if (messages.length === 0) {
      if (result.status === "NO_MATCHED_MESSAGE") store.offsets.commit(group, topic, queueId, nextBeginOffset)
      return
    }
    if (order) {
      gathered.orderCounts.push(...handOutInOrder(pop, topic, queueId, queueOffsets))
      store.offsets.commit(group, topic, queueId, from)
    } else {
      hide({
        group,
        topic,
        queueId,
        startOffset: from,
        popTime: pop.popTime,
        invisibleTime,
        pending: new Set(queueOffsets)
      })
      store.offsets.commit(group, topic, queueId, nextBeginOffset)
    }
    core.countGot(group, topic, messages)
    const mark = retryMark(topic)
    gathered.startOffsets.push(`${mark} ${queueId} ${from}`)
    gathered.messageOffsets.push(`${mark} ${queueId} ${queueOffsets.join(",")}`)
    for (const message of messages) {
      gathered.messages.push(
        mark === "0" ? message : asOriginal(message, pop.header.topic, {
          startOffset: from,
          popTime: pop.popTime,
          invisibleTime,
          reviveQid: pop.reviveQid,
          retryMark: mark,
          brokerName: core.name,
          queueId
        })
      )
    }
  }

  const popTopic = (pop: Pop, gathered: Gathered, topic: string, start: number): void => {
    const config = store.topics.get(topic)
    if (config === undefined) return
    for (let step = 0; step < config.readQueueNums; step++) {
      popQueue(pop, gathered, topic, (start + step) % config.readQueueNums)
    }
  }

  const gather = (pop: Pop): Gathered => {
    const { consumerGroup, maxMsgNums, order, queueId, topic } = pop.header
    const gathered: Gathered = { messages: [], startOffsets: [], messageOffsets: [], orderCounts: [], rest: 0 }
    // A slave has nowhere to note what it hands out.
    if (core.isSlave) return gathered
    const start = core.pick(100)
    const retryFirst = start < settings.popFromRetryProbability
    const retry = retryTopicOf(topic, consumerGroup)
    if (retryFirst && !order) popTopic(pop, gathered, retry, start)
    if (queueId < 0) popTopic(pop, gathered, topic, start)
    else popQueue(pop, gathered, topic, queueId)
    if (!retryFirst && !order && gathered.messages.length < maxMsgNums) popTopic(pop, gathered, retry, start)
    return gathered
  }

  type Refusal = { readonly refused: RemotingReply }

  /** What all requests of this kind are checked for. */
  const admit = (
    call: Call,
    { consumerGroup, queueId, topic }: { consumerGroup: string; queueId: number; topic: string },
    verb: "pop" | "peeking"
  ): Refusal | { readonly config: TopicConfig; readonly group: SubscriptionGroupConfig } => {
    const refuse = (code: number, remark: string): Refusal => ({ refused: { code, remark } })
    if ((settings.brokerPermission & 4) === 0) {
      return refuse(ResponseCode.NO_PERMISSION, `the broker[${core.ip}] ${verb} message is forbidden`)
    }
    const config = store.topics.get(topic)
    if (config === undefined) {
      return refuse(ResponseCode.TOPIC_NOT_EXIST, `topic[${topic}] not exist, apply first please! ${seeFaq}`)
    }
    if ((config.perm & 4) === 0) {
      return refuse(ResponseCode.NO_PERMISSION, `the topic[${topic}] peeking message is forbidden`)
    }
    if (queueId >= config.readQueueNums) {
      return refuse(ResponseCode.INVALID_PARAMETER, illegalQueue(call, topic, queueId, config))
    }
    const group = store.groups.find(consumerGroup, settings)
    if (group === undefined) {
      return refuse(
        ResponseCode.SUBSCRIPTION_GROUP_NOT_EXIST,
        `subscription group [${consumerGroup}] does not exist, ${seeFaq}`
      )
    }
    return group.consumeEnable
      ? { config, group }
      : refuse(ResponseCode.NO_PERMISSION, `subscription group no permission, ${consumerGroup}`)
  }

  const illegalQueue = (call: Call, topic: string, queueId: number, config: TopicConfig): string =>
    `queueId[${queueId}] is illegal, topic:[${topic}] topicConfig.readQueueNums:[${config.readQueueNums}] ` +
    `consumer:[/${call.peer.address}]`

  const filterOf = (
    { consumerGroup, exp, expType, topic }: PopMessageRequestHeader
  ): Refusal | { readonly filter: SubscriptionFilter | undefined } => {
    const now = core.now()
    const retry = retryTopicOf(topic, consumerGroup)
    const wanted = exp === undefined || exp === ""
      ? fromRequest(topic, "*", "TAG", now)!
      : fromRequest(topic, exp, expType, now)
    const isFilter = wanted !== undefined &&
      (isTagType(wanted.expressionType) || filters.compile(wanted.subString, wanted.expressionType) !== undefined)
    if (!isFilter) {
      return {
        refused: {
          code: ResponseCode.SUBSCRIPTION_PARSE_FAILED,
          remark: "parse the consumer's subscription failed"
        }
      }
    }
    core.clients.compensate(consumerGroup, topic, wanted)
    core.clients.compensate(consumerGroup, retry, fromRequest(retry, "*", "TAG", now)!)
    return { filter: exp === undefined || exp === "" ? undefined : filters.of(wanted, consumerGroup) }
  }

  const popReply = (pop: Pop, gathered: Gathered, none: NotWaiting): RemotingReply => {
    const found = gathered.messages.length > 0
    const { invisibleTime, order } = pop.header
    return {
      code: found
        ? ResponseCode.SUCCESS
        : none === "full"
        ? ResponseCode.POLLING_FULL
        : ResponseCode.POLLING_TIMEOUT,
      remark: found ? "FOUND" : "NO_MESSAGE_IN_QUEUE",
      extFields: PopMessageResponseHeader.encode({
        popTime: pop.popTime,
        invisibleTime,
        reviveQid: pop.reviveQid,
        restNum: gathered.rest,
        startOffsetInfo: gathered.startOffsets.join(";"),
        msgOffsetInfo: gathered.messageOffsets.join(";"),
        orderCountInfo: order ? gathered.orderCounts.join(";") : undefined
      }),
      ...(found ? { body: Buffer.concat(gathered.messages) } : {})
    }
  }

  const pop = (call: Call): RemotingReply | Effect.Effect<RemotingReply> => {
    const asked = headerIn(PopMessageRequestHeader, withBornTime(call.request.extFields, core.now()), popReadings)
    core.clients.compensateGroup(asked.consumerGroup)
    const refuse = (code: number, remark: string): RemotingReply => ({ code, remark, extFields: noPop })
    if (core.now() - asked.bornTime - asked.pollTime > tolerance) {
      return refuse(ResponseCode.POLLING_TIMEOUT, `the broker[${core.ip}] pop message is timeout too much`)
    }
    if ((settings.brokerPermission & 4) === 0) {
      return refuse(ResponseCode.NO_PERMISSION, `the broker[${core.ip}] pop message is forbidden`)
    }
    if (asked.maxMsgNums > maxMessages) {
      return refuse(ResponseCode.INVALID_PARAMETER, `the broker[${core.ip}] pop message's num is greater than 32`)
    }
    if (!settings.timerWheelEnable) {
      return refuse(
        ResponseCode.SYSTEM_ERROR,
        `the broker[${core.ip}] pop message is forbidden because timerWheelEnable is false`
      )
    }
    const admission = admit(call, asked, "pop")
    if ("refused" in admission) return { ...admission.refused, extFields: noPop }
    const wanted = filterOf(asked)
    if ("refused" in wanted) return { ...wanted.refused, extFields: noPop }
    if (asked.maxMsgNums < 0) throw new JavaException("java.lang.IllegalArgumentException", "maxMsgNums is negative")
    const { consumerGroup: group, queueId, topic } = asked
    const waiting: Waiting = { topic, group, queueId, until: asked.bornTime + asked.pollTime, filter: wanted.filter }
    const attempt = (): RemotingReply | "wait" => {
      const one: Pop = {
        header: asked,
        filter: wanted.filter,
        popTime: core.now(),
        reviveQid: asked.order ? orderReviveQueue : pops++ % settings.reviveQueueNum
      }
      const gathered = gather(one)
      if (gathered.messages.length > 0) {
        // There is more: for another one, who waits for the same.
        if (gathered.rest > 0) polls.wakeOne(topic, group, queueId)
        return popReply(one, gathered, "timeout")
      }
      const problem = polls.problem(waiting, asked.pollTime)
      return problem === undefined ? "wait" : popReply(one, gathered, problem)
    }
    const first = attempt()
    return first === "wait" ? polls.wait(call, waiting, attempt) : first
  }

  // ---- acknowledging ----

  const ackInOrder = (
    call: Call,
    topic: string,
    group: string,
    queueId: number,
    offset: number,
    popTime: number
  ): RemotingReply | undefined => {
    const old = store.offsets.query(group, topic, queueId)
    if (offset < old) return undefined
    const handedOut = store.orderedPops.get(orderKey(topic, group, queueId))
    const next = commitAndNext(handedOut, offset, popTime)
    if (next === -1) {
      return {
        code: ResponseCode.MESSAGE_ILLEGAL,
        remark: `offset is illegal, key:${topic}@${group}@${queueId}, old:${old}, commit:${offset}, next:${next}, ` +
          `/${call.peer.address}`
      }
    }
    if (next < 0) return undefined
    if (!store.offsets.hasReset(group, topic, queueId)) store.offsets.commit(group, topic, queueId, next)
    if (!isBlocked(undefined, topic, group, queueId)) {
      polls.wakeOne(topic, group, -1)
      polls.wakeOne(topic, group, queueId)
    } else watch(topic, group, queueId)
    return undefined
  }

  /** The offset from which to go on; -1: it was not handed out, -2: it is too late. */
  const commitAndNext = (handedOut: OrderedPop | undefined, offset: number, popTime: number): number => {
    if (handedOut === undefined) return offset + 1
    if (handedOut.popTime !== popTime) return -2
    if (!handedOut.offsets.includes(offset)) return -1
    handedOut.acked.add(offset)
    const { acked, offsets } = handedOut
    return offsets.find((one) => !acked.has(one)) ?? offsets[offsets.length - 1]! + 1
  }

  const checkpointOf = (text: string): PopCheckpoint => {
    const checkpoint = decodeCheckpoint(text)
    if (checkpoint === undefined) {
      throw new JavaException("java.lang.IllegalArgumentException", `decode extraInfo error, extraInfo: ${text}`)
    }
    return checkpoint
  }

  /** The topic of an acknowledgement, and whether the queue is one of it. */
  const admitAck = (
    call: Call,
    { queueId, topic }: { readonly queueId: number; readonly topic: string }
  ): RemotingReply | undefined => {
    const config = store.topics.get(topic)
    if (config === undefined) {
      return {
        code: ResponseCode.TOPIC_NOT_EXIST,
        remark: `topic[${topic}] not exist, apply first please! ${seeFaq}`
      }
    }
    return queueId >= config.readQueueNums || queueId < 0
      ? { code: ResponseCode.MESSAGE_ILLEGAL, remark: illegalQueue(call, topic, queueId, config) }
      : undefined
  }

  const ends = (topic: string, queueId: number) => {
    const queue = store.findQueue(topic, queueId)
    return { min: queue?.minOffset ?? 0, max: queue?.maxOffset ?? 0 }
  }

  const ack = (call: Call): RemotingReply => {
    const header = headerOf(AckMessageRequestHeader, call, ackReadings)
    const refused = admitAck(call, header)
    if (refused !== undefined) return refused
    const { consumerGroup: group, offset, queueId, topic } = header
    const { max, min } = ends(topic, queueId)
    if (offset < min || offset > max) {
      return {
        code: ResponseCode.NO_MESSAGE,
        remark: `offset is illegal, key:${topic}@${queueId}, commit:${offset}, store:${min}~${max}`
      }
    }
    const { popTime, reviveQid, startOffset } = checkpointOf(header.extraInfo)
    if (reviveQid === orderReviveQueue) {
      return ackInOrder(call, topic, group, queueId, offset, popTime) ?? { code: ResponseCode.SUCCESS }
    }
    core.stats.add("GROUP_ACK_NUMS", `${topic}@${group}`, 1)
    settle({ topic, group, queueId, startOffset, popTime }, offset)
    return { code: ResponseCode.SUCCESS }
  }

  const batchAck = (call: Call): RemotingReply => {
    const body = BatchAckMessageRequestBody.decode(call.request.body)
    if (isViolation(body) && !isNullBody(call.request.body)) {
      throw new JavaException("com.alibaba.fastjson.JSONException", `${body.path} ${body.detail}`)
    }
    if (isViolation(body) || body.acks.length === 0) return { code: ResponseCode.NO_MESSAGE }
    let failed: RemotingReply | undefined = undefined
    for (const one of body.acks) failed = ackOne(call, one) ?? failed
    return failed ?? { code: ResponseCode.SUCCESS }
  }

  const ackOne = (call: Call, one: BatchAck): RemotingReply | undefined => {
    const { consumerGroup: group, popTime, queueId, reviveQueueId, startOffset } = one
    const topic = realTopic(one.topic, group, one.retryMark)
    const { max, min } = ends(topic, queueId)
    let failed: RemotingReply | undefined = undefined
    for (const bit of bitsOf(one.bitSet)) {
      const offset = startOffset + bit
      if (offset < min || offset > max) continue
      if (reviveQueueId === orderReviveQueue) {
        failed = ackInOrder(call, topic, group, queueId, offset, popTime) ?? failed
      } else settle({ topic, group, queueId, startOffset, popTime }, offset)
    }
    return failed
  }

  const changeInvisibleTime = (call: Call): RemotingReply => {
    const header = headerOf(ChangeInvisibleTimeRequestHeader, call, ackReadings)
    const refused = admitAck(call, header)
    if (refused !== undefined) return { ...refused, extFields: noChange }
    const { consumerGroup: group, invisibleTime, offset, queueId, topic } = header
    const { max, min } = ends(topic, queueId)
    if (offset < min || offset >= max) return { code: ResponseCode.NO_MESSAGE, extFields: noChange }
    const { popTime, reviveQid, startOffset } = checkpointOf(header.extraInfo)
    const now = core.now()
    if (reviveQid === orderReviveQueue) {
      if (offset < store.offsets.query(group, topic, queueId)) return { extFields: noChange }
      const one = store.orderedPops.get(orderKey(topic, group, queueId))
      if (one?.popTime === popTime) {
        one.visibleAt.set(offset, now + invisibleTime)
        watch(topic, group, queueId)
      }
      return {
        extFields: ChangeInvisibleTimeResponseHeader.encode({
          popTime,
          invisibleTime: now + invisibleTime - popTime,
          reviveQid
        })
      }
    }
    // A message of the timer's would have to be kept for longer than the timer keeps any.
    if (invisibleTime > settings.timerMaxDelaySec * 1_000 && invisibleTime < Number.MAX_SAFE_INTEGER) {
      return { code: ResponseCode.SYSTEM_ERROR, extFields: noChange }
    }
    hide({ group, topic, queueId, startOffset: offset, popTime: now, invisibleTime, pending: new Set([offset]) })
    // The one before it, unless the two are the same.
    if (startOffset !== offset || popTime !== now) settle({ topic, group, queueId, startOffset, popTime }, offset)
    return { extFields: ChangeInvisibleTimeResponseHeader.encode({ popTime: now, invisibleTime, reviveQid }) }
  }

  // ---- looking ----

  const readOffset = (topic: string, group: string, queueId: number): number => {
    const offset = store.offsets.query(group, topic, queueId)
    return offset < 0 ? store.queue(topic, queueId).minOffset : offset
  }

  const peek = (call: Call): RemotingReply => {
    const header = headerOf(PeekMessageRequestHeader, call, queueReadings)
    const admission = admit(call, header, "peeking")
    if ("refused" in admission) return { ...admission.refused, extFields: noPop }
    if (header.maxMsgNums < 0) throw new JavaException("java.lang.IllegalArgumentException", "maxMsgNums is negative")
    const { consumerGroup: group, maxMsgNums, queueId, topic } = header
    const messages: Array<Uint8Array> = []
    let rest = 0
    const peekQueue = (from: string, id: number): void => {
      const offset = readOffset(from, group, id)
      rest += ends(from, id).max - offset
      const left = maxMsgNums - messages.length
      if (left <= 0) return
      const read = (at: number) => store.read(from, id, at, left, anyBytes, undefined, settings)
      const result = read(offset)
      const again = result.status === "OFFSET_TOO_SMALL" || result.status === "OFFSET_OVERFLOW_BADLY"
      messages.push(...(again ? read(result.nextBeginOffset) : result).messages)
    }
    const peekTopic = (from: string, start: number): void => {
      const queues = store.topics.get(from)?.readQueueNums ?? 0
      for (let step = 0; step < queues; step++) peekQueue(from, (start + step) % queues)
    }
    const start = core.pick(100)
    const retry = retryTopicOf(topic, group)
    const retryFirst = start % 5 === 0
    if (retryFirst) peekTopic(retry, start)
    if (queueId < 0) peekTopic(topic, start)
    else peekQueue(topic, queueId)
    if (!retryFirst && messages.length < maxMsgNums) peekTopic(retry, start)
    const found = messages.length > 0
    return {
      code: found ? ResponseCode.SUCCESS : ResponseCode.PULL_NOT_FOUND,
      remark: found ? "FOUND" : "NO_MESSAGE_IN_QUEUE",
      extFields: PopMessageResponseHeader.encode({ popTime: 0, invisibleTime: 0, reviveQid: 0, restNum: rest }),
      ...(found ? { body: Buffer.concat(messages) } : {})
    }
  }

  const hasMessage = (
    { attemptId, consumerGroup: group, order, queueId, topic }: NotificationRequestHeader
  ): boolean => {
    const inQueue = (from: string, id: number): boolean =>
      !(order && isBlocked(attemptId, topic, group, id)) && ends(from, id).max > readOffset(from, group, id)
    const inTopic = (from: string): boolean => {
      const queues = store.topics.get(from)?.readQueueNums ?? 0
      for (let id = 0; id < queues; id++) if (inQueue(from, id)) return true
      return false
    }
    return (queueId < 0 ? inTopic(topic) : inQueue(topic, queueId)) || inTopic(retryTopicOf(topic, group))
  }

  const notification = (call: Call): RemotingReply | Effect.Effect<RemotingReply> => {
    const header = headerIn(
      NotificationRequestHeader,
      withBornTime(call.request.extFields, core.now()),
      { ...queueReadings, pollTime: lenientLong("0"), bornTime: lenientLong("0") }
    )
    const admission = admit(call, header, "peeking")
    if ("refused" in admission) return { ...admission.refused, extFields: noNotification }
    const { bornTime, consumerGroup: group, pollTime, queueId, topic } = header
    const waiting: Waiting = { topic, group, queueId, until: bornTime + pollTime, filter: undefined }
    const attempt = (): RemotingReply | "wait" => {
      const hasMsg = hasMessage(header)
      const problem = hasMsg ? undefined : notifications.problem(waiting, pollTime)
      if (!hasMsg && problem === undefined) return "wait"
      return { extFields: NotificationResponseHeader.encode({ hasMsg, pollingFull: problem === "full" }) }
    }
    const first = attempt()
    return first === "wait" ? notifications.wait(call, waiting, attempt) : first
  }

  const pollingInfo = (call: Call): RemotingReply => {
    const header = headerOf(PollingInfoRequestHeader, call, { queueId: lenientInt("0") })
    const admission = admit(call, header, "peeking")
    if ("refused" in admission) return { ...admission.refused, extFields: noPolling }
    const pollingNum = polls.size(header.topic, header.consumerGroup, header.queueId)
    return { extFields: PollingInfoResponseHeader.encode({ pollingNum }) }
  }

  return [
    [RequestCode.POP_MESSAGE, pop],
    [RequestCode.ACK_MESSAGE, ack],
    [RequestCode.BATCH_ACK_MESSAGE, batchAck],
    [RequestCode.CHANGE_MESSAGE_INVISIBLETIME, changeInvisibleTime],
    [RequestCode.PEEK_MESSAGE, peek],
    [RequestCode.NOTIFICATION, notification],
    [RequestCode.POLLING_INFO, pollingInfo]
  ]
}
