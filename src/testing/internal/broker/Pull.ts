/** PULL with long polling (RocketMQ 5.3.3 `PullMessageProcessor`, `PullRequestHoldService`). */
import * as Effect from "effect/Effect"
import type { SubscriptionData } from "../../../protocol/body/SubscriptionData.ts"
import type { SubscriptionGroupConfig } from "../../../protocol/body/SubscriptionGroupConfig.ts"
import {
  PullMessageRequestHeader,
  PullMessageResponseHeader,
  PullSysFlag
} from "../../../protocol/header/PullMessage.ts"
import { RequestCode } from "../../../protocol/RequestCode.ts"
import { ResponseCode } from "../../../protocol/ResponseCode.ts"
import type { RemotingReply } from "../../../remoting/RemotingRequest.ts"
import type { Call } from "./BrokerApi.ts"
import type { BrokerCore, Handles, Readings } from "./BrokerCore.ts"
import { headerOf, longOr } from "./BrokerCore.ts"
import type { Placed } from "./BrokerStore.ts"
import type { SubscriptionFilter } from "./Subscriptions.ts"
import { Filters, fromRequest, isTagType } from "./Subscriptions.ts"
import { seeFaq } from "./validation.ts"

/** What a pull may lack, if it does not need it. */
const readings: Readings = {
  queueOffset: longOr(),
  commitOffset: longOr("0"),
  suspendTimeoutMillis: longOr("0"),
  subVersion: longOr("0")
}

/** RocketMQ 5.3.3 `ForbiddenType`. */
const Forbidden = { broker: "1", group: "2", topic: "3", broadcasting: "4", subscription: "5" } as const

/** How often pulls that wait are looked at whatever happens. */
const checkMillis = 5_000

/** Most bytes that a pull gets, whatever it asks for (`MAX_PULL_MSG_SIZE`). */
const maxPullBytes = 134_217_728

/** A pull that waits for a message. */
interface Held {
  readonly offset: number
  readonly filter: SubscriptionFilter
  /** Looks once more, and answers whatever there is. */
  readonly wake: () => void
}

/** A pull that may read, or why it may not. */
type Admission =
  | { readonly refused: RemotingReply }
  | {
    readonly header: PullMessageRequestHeader
    readonly group: SubscriptionGroupConfig
    readonly topicSysFlag: number
    readonly filter: SubscriptionFilter
  }

/** PULL_MESSAGE and LITE_PULL_MESSAGE. */
export const make = (core: BrokerCore): Handles => {
  const { settings, store } = core
  const filters = new Filters(core)
  /** By topic, then by queue id. */
  const held = new Map<string, Map<number, Set<Held>>>()
  let checking = false

  const heldIn = (topic: string, queueId: number): Set<Held> | undefined => held.get(topic)?.get(queueId)

  const hold = (topic: string, queueId: number, pull: Held): () => void => {
    const queues = held.get(topic) ?? new Map<number, Set<Held>>()
    held.set(topic, queues)
    const pulls = queues.get(queueId) ?? new Set<Held>()
    queues.set(queueId, pulls)
    pulls.add(pull)
    return () => {
      pulls.delete(pull)
      if (pulls.size === 0 && queues.get(queueId) === pulls) queues.delete(queueId)
      if (queues.size === 0 && held.get(topic) === queues) held.delete(topic)
    }
  }

  core.onStored(({ properties, queueId, queueOffset, tagsCode, topic }: Placed) => {
    const pulls = heldIn(topic, queueId)
    if (pulls === undefined) return
    for (const pull of [...pulls]) {
      if (queueOffset < pull.offset) continue
      const { byProperties, byTagsCode } = pull.filter
      if (byTagsCode(tagsCode) && (byProperties === undefined || byProperties(properties))) pull.wake()
      else checkSoon()
    }
  })

  /** A pull that waits beside messages that are none of its own is told so, for it to go on behind them. */
  const checkSoon = (): void => {
    if (checking) return
    checking = true
    const rounds = Math.floor((core.now() - core.startedAt) / checkMillis) + 1
    core.agenda.add(core.startedAt + rounds * checkMillis, () => {
      checking = false
      for (const [topic, queues] of [...held]) {
        for (const [queueId, pulls] of [...queues]) {
          const newest = store.findQueue(topic, queueId)?.maxOffset ?? 0
          for (const pull of [...pulls]) if (newest > pull.offset) pull.wake()
        }
      }
    })
  }

  const forbidden = (remark: string, type: string): Admission => ({
    refused: { code: ResponseCode.NO_PERMISSION, remark, extFields: { forbiddenType: type } }
  })
  const refuse = (code: number, remark: string): Admission => ({ refused: { code, remark } })

  const admit = (call: Call): Admission => {
    const header = headerOf(PullMessageRequestHeader, call, readings)
    const { consumerGroup, topic } = header
    if ((settings.brokerPermission & 4) === 0) {
      return forbidden(`the broker[${core.ip}] pulling message is forbidden`, Forbidden.broker)
    }
    const group = store.groups.find(consumerGroup, settings)
    if (group === undefined) {
      return refuse(
        ResponseCode.SUBSCRIPTION_GROUP_NOT_EXIST,
        `subscription group [${consumerGroup}] does not exist, ${seeFaq}`
      )
    }
    if (!group.consumeEnable) {
      return forbidden(`subscription group no permission, ${consumerGroup}`, Forbidden.group)
    }
    const config = store.topics.get(topic)
    if (config === undefined) {
      return refuse(ResponseCode.TOPIC_NOT_EXIST, `topic[${topic}] not exist, apply first please! ${seeFaq}`)
    }
    if ((config.perm & 4) === 0) return forbidden(`the topic[${topic}] pulling message is forbidden`, Forbidden.topic)
    if (header.queueId < 0 || header.queueId >= config.readQueueNums) {
      return refuse(
        ResponseCode.INVALID_PARAMETER,
        `queueId[${header.queueId}] is illegal, topic:[${topic}] topicConfig.readQueueNums:[${config.readQueueNums}] ` +
          `consumer:[/${call.peer.address}]`
      )
    }
    core.clients.compensateGroup(consumerGroup)
    const found = (header.sysFlag & PullSysFlag.subscription) === 0
      ? known(header, group)
      : brought(header)
    if ("refused" in found) return found
    if (!isTagType(found.subscription.expressionType) && !settings.enablePropertyFilter) {
      return refuse(
        ResponseCode.SYSTEM_ERROR,
        `The broker does not support consumer to filter message by ${found.subscription.expressionType}`
      )
    }
    const filter = filters.of(found.subscription, consumerGroup)
    return { header, group, topicSysFlag: config.topicSysFlag, filter }
  }

  /** The subscription that the pull brings with it. */
  const brought = (
    { consumerGroup, expressionType, subscription: expression, topic }: PullMessageRequestHeader
  ): { readonly refused: RemotingReply } | { readonly subscription: SubscriptionData } => {
    // The version that it says is not looked at.
    const subscription = fromRequest(topic, expression, expressionType, core.now())
    if (subscription === undefined) {
      return {
        refused: {
          code: ResponseCode.SUBSCRIPTION_PARSE_FAILED,
          remark: "parse the consumer's subscription failed"
        }
      }
    }
    core.clients.compensate(consumerGroup, topic, subscription)
    return { subscription }
  }

  /** The subscription that the group's heartbeats told of. */
  const known = (
    { consumerGroup, subVersion, topic }: PullMessageRequestHeader,
    config: SubscriptionGroupConfig
  ): { readonly refused: RemotingReply } | { readonly subscription: SubscriptionData } => {
    const none = (code: number, remark: string) => ({ refused: { code, remark } })
    const group = core.clients.consumerGroup(consumerGroup)
    if (group === undefined) {
      return none(ResponseCode.SUBSCRIPTION_NOT_EXIST, `the consumer's group info not exist${seeFaq}`)
    }
    const denied = (remark: string, type: string) => ({
      refused: { code: ResponseCode.NO_PERMISSION, remark, extFields: { forbiddenType: type } }
    })
    if (!config.consumeBroadcastEnable && group.messageModel === "BROADCASTING") {
      return denied(`the consumer group[${consumerGroup}] can not consume by broadcast way`, Forbidden.broadcasting)
    }
    if (store.groups.isReadForbidden(consumerGroup, topic)) {
      return denied(
        `the consumer group[${consumerGroup}] is forbidden for topic[${topic}]`,
        Forbidden.subscription
      )
    }
    const subscription = group.subscriptions.get(topic)
    if (subscription === undefined) {
      return none(ResponseCode.SUBSCRIPTION_NOT_EXIST, `the consumer's subscription not exist${seeFaq}`)
    }
    if (subscription.subVersion < subVersion) {
      return none(ResponseCode.SUBSCRIPTION_NOT_LATEST, "the consumer's subscription not latest")
    }
    const { expressionType, subString } = subscription
    if (!isTagType(expressionType) && filters.compile(subString, expressionType) === undefined) {
      return none(
        ResponseCode.FILTER_DATA_NOT_EXIST,
        "The broker's consumer filter data is not exist!Your expression may be wrong!"
      )
    }
    return { subscription }
  }

  const read = ({ filter, header }: Exclude<Admission, { readonly refused: RemotingReply }>) => {
    const { consumerGroup, maxMsgNums, queueId, queueOffset, topic } = header
    const reset = store.offsets.takeReset(consumerGroup, topic, queueId)
    if (reset !== undefined && settings.useServerSideResetOffset) {
      const queue = store.queue(topic, queueId)
      return {
        status: "OFFSET_RESET" as const,
        nextBeginOffset: reset,
        minOffset: queue.minOffset,
        maxOffset: queue.maxOffset,
        messages: []
      }
    }
    return store.read(topic, queueId, queueOffset, maxMsgNums, maxPullBytes, filter, settings)
  }

  const codeOf = (status: ReturnType<typeof read>["status"], queueOffset: number): number => {
    switch (status) {
      case "FOUND":
        return ResponseCode.SUCCESS
      case "NO_MATCHED_MESSAGE":
        return ResponseCode.PULL_RETRY_IMMEDIATELY
      case "NO_MESSAGE_IN_QUEUE":
        return queueOffset === 0 ? ResponseCode.PULL_NOT_FOUND : ResponseCode.PULL_OFFSET_MOVED
      case "OFFSET_OVERFLOW_ONE":
        return ResponseCode.PULL_NOT_FOUND
      case "OFFSET_OVERFLOW_BADLY":
      case "OFFSET_TOO_SMALL":
      case "OFFSET_RESET":
        return ResponseCode.PULL_OFFSET_MOVED
    }
  }

  /** Answers a pull, or says how long it may wait. */
  const process = (
    call: Call,
    maySuspend: boolean
  ): { readonly reply: RemotingReply } | {
    readonly wait: number
    readonly pull: Omit<Held, "wake">
    readonly key: readonly [string, number]
  } => {
    const admission = admit(call)
    if ("refused" in admission) return { reply: admission.refused }
    const { filter, group, header, topicSysFlag } = admission
    const { consumerGroup, queueId, queueOffset, sysFlag, topic } = header
    const result = read(admission)
    let code = codeOf(result.status, queueOffset)
    // A slave sends readers back to its master.
    if (core.isSlave && code !== ResponseCode.SUCCESS) code = ResponseCode.PULL_RETRY_IMMEDIATELY
    store.offsets.commitPull(consumerGroup, topic, queueId, result.nextBeginOffset)
    if (maySuspend && (sysFlag & PullSysFlag.commitOffset) !== 0) {
      store.offsets.commit(consumerGroup, topic, queueId, header.commitOffset)
    }
    if (code === ResponseCode.PULL_NOT_FOUND && maySuspend && (sysFlag & PullSysFlag.suspend) !== 0) {
      return {
        wait: settings.longPollingEnable ? header.suspendTimeoutMillis : settings.shortPollingTimeMills,
        pull: { offset: queueOffset, filter },
        key: [topic, queueId]
      }
    }
    const { maxOffset, messages, minOffset, nextBeginOffset, status } = result
    core.countGot(consumerGroup, topic, messages)
    return {
      reply: {
        code,
        remark: status,
        extFields: PullMessageResponseHeader.encode({
          suggestWhichBrokerId: settings.slaveReadEnable && !core.isSlave ? group.brokerId : 0,
          nextBeginOffset,
          minOffset,
          maxOffset,
          topicSysFlag,
          groupSysFlag: group.groupSysFlag
        }),
        ...(messages.length === 0 ? {} : { body: messages.length === 1 ? messages[0] : Buffer.concat(messages) })
      }
    }
  }

  const pull = (call: Call): RemotingReply | Effect.Effect<RemotingReply> => {
    if (core.isSlave && !settings.slaveReadEnable) {
      return {
        code: ResponseCode.SYSTEM_BUSY,
        remark: "[REJECTREQUEST]system busy, start flow control for a while"
      }
    }
    const first = process(call, true)
    if ("reply" in first) return first.reply
    const { key: [topic, queueId], pull: waiting, wait } = first
    return call.peer.suspend(
      Effect.callback<RemotingReply>((resume) => {
        const wake = (): void => {
          release()
          const again = process(call, false)
          // It may not wait once more, so it is a reply.
          if ("reply" in again) resume(Effect.succeed(again.reply))
        }
        const leave = hold(topic, queueId, { ...waiting, wake })
        const cancel = core.agenda.add(core.now() + Math.max(0, wait), wake)
        const release = (): void => {
          leave()
          cancel()
        }
        return Effect.sync(release)
      })
    )
  }

  return [
    [RequestCode.PULL_MESSAGE, pull],
    [RequestCode.LITE_PULL_MESSAGE, pull]
  ]
}
