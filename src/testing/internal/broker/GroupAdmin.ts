/** Consumer groups as an administrator makes and sees them (RocketMQ 5.3.3 `AdminBrokerProcessor`, `Broker2Client`). */
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import { ConsumerOffsetSerializeWrapper } from "../../../protocol/body/ConsumerOffsets.ts"
import type { OffsetWrapper } from "../../../protocol/body/ConsumeStats.ts"
import { ConsumeStats, ConsumeStatsList, QueryConsumeTimeSpanBody } from "../../../protocol/body/ConsumeStats.ts"
import { GroupList } from "../../../protocol/body/GroupList.ts"
import type { MessageQueue } from "../../../protocol/body/MessageQueue.ts"
import { QuerySubscriptionResponseBody } from "../../../protocol/body/QuerySubscription.ts"
import { GetConsumerStatusBody, ResetOffsetBody, ResetOffsetBodyForC } from "../../../protocol/body/ResetOffset.ts"
import {
  GroupForbidden,
  SubscriptionGroupConfig,
  SubscriptionGroupList,
  SubscriptionGroupWrapper
} from "../../../protocol/body/SubscriptionGroupConfig.ts"
import { TopicList } from "../../../protocol/body/TopicList.ts"
import { GetConsumeStatsInBrokerHeader } from "../../../protocol/header/BrokerAdmin.ts"
import {
  CloneGroupOffsetRequestHeader,
  ConsumeMessageDirectlyResultRequestHeader,
  DeleteSubscriptionGroupRequestHeader,
  GetAllSubscriptionGroupRequestHeader,
  GetConsumerRunningInfoRequestHeader,
  GetConsumerStatusRequestHeader,
  GetConsumeStatsRequestHeader,
  GetSubscriptionGroupConfigRequestHeader,
  QueryConsumeTimeSpanRequestHeader,
  QuerySubscriptionByConsumerRequestHeader,
  QueryTopicsByConsumerRequestHeader,
  ResetOffsetRequestHeader,
  UpdateGroupForbiddenRequestHeader
} from "../../../protocol/header/GroupAdmin.ts"
import { QueryTopicConsumeByWhoRequestHeader } from "../../../protocol/header/TopicAdmin.ts"
import { LanguageCode } from "../../../protocol/LanguageCode.ts"
import * as MessageId from "../../../protocol/message/MessageId.ts"
import { RequestCode } from "../../../protocol/RequestCode.ts"
import { ResponseCode } from "../../../protocol/ResponseCode.ts"
import type { RemotingReply } from "../../../remoting/RemotingRequest.ts"
import type { Call } from "./BrokerApi.ts"
import type { BrokerCore, Handles } from "./BrokerCore.ts"
import {
  decodeBody,
  headerOf,
  isNullBody,
  JavaException,
  lenientInt,
  lenientLong,
  lenientText,
  objectOf
} from "./BrokerCore.ts"
import { isVersion, page } from "./TopicAdmin.ts"
import { groupProblem, versionName } from "./validation.ts"

/** How long a client has for what a broker asks it in the name of an administrator. */
const relayTimeout = 10_000
const statusTimeout = 5_000

/** Versions V3_0_7_SNAPSHOT and V3_1_8_SNAPSHOT: from them on a client can be asked. */
const canReset = 28
const canRelay = 62

/** RocketMQ 5.3.3 `UtilAll.timeMillisToHumanString2`, in UTC. */
const humanTime = (millis: number): string =>
  DateTime.formatIso(DateTime.makeUnsafe(millis)).replace("T", "#").replace(".", ":").replace("Z", "")

const recordOf = <T>(entries: Iterable<readonly [string, T]>): Readonly<Record<string, T>> => {
  const record: Record<string, T> = Object.create(null)
  for (const [key, value] of entries) record[key] = value
  return record
}

/** Consumer groups. */
export const make = (core: BrokerCore): Handles => {
  const { clients, settings, store } = core

  const putAll = (configs: ReadonlyArray<SubscriptionGroupConfig>): RemotingReply => {
    for (const { groupName } of configs) {
      const problem = groupProblem(groupName)
      if (problem !== undefined) return { code: ResponseCode.INVALID_PARAMETER, remark: problem }
    }
    // None of the attributes that groups may have is known yet.
    const unknown = configs.flatMap(({ attributes }) => Object.keys(attributes))[0]
    if (unknown !== undefined) {
      throw new JavaException("java.lang.RuntimeException", `unsupported key: ${unknown.slice(1)}`)
    }
    for (const config of configs) store.groups.put(config)
    return { code: ResponseCode.SUCCESS }
  }

  const put = (call: Call): RemotingReply => {
    // No configuration: nothing to do.
    if (isNullBody(call.request.body)) return { code: ResponseCode.SUCCESS }
    return putAll([decodeBody(SubscriptionGroupConfig, call, { groupName: "" })])
  }

  const putList = (call: Call): RemotingReply => {
    if (!Array.isArray(objectOf(call.request.body)?.groupConfigList)) {
      throw new JavaException("java.lang.NullPointerException", "there is no list")
    }
    return putAll(decodeBody(SubscriptionGroupList, call).groupConfigList)
  }

  const all = (call: Call): RemotingReply => {
    const { dataVersion, groupSeq, maxGroupNum } = headerOf(GetAllSubscriptionGroupRequestHeader, call)
    const groups = [...store.groups.all()]
    const { version } = store.groups
    const asked = dataVersion !== undefined || groupSeq !== undefined || maxGroupNum !== undefined
    const shown = asked
      ? page(groups, groupSeq, maxGroupNum, dataVersion === undefined || isVersion(dataVersion, version))
      : groups
    return {
      extFields: { totalGroupNum: String(groups.length) },
      body: SubscriptionGroupWrapper.encode({
        subscriptionGroupTable: recordOf(shown.map((group) => [group.groupName, group] as const)),
        forbiddenTable: recordOf(
          [...store.groups.forbiddenTable()].map(([group, topics]) => [group, recordOf(topics)] as const)
        ),
        dataVersion: version
      })
    }
  }

  const one = (call: Call): RemotingReply => {
    const { group } = headerOf(GetSubscriptionGroupConfigRequestHeader, call)
    const config = store.groups.find(group, settings)
    return config === undefined
      ? { code: ResponseCode.SUBSCRIPTION_GROUP_NOT_EXIST, remark: "No group in this broker" }
      : { body: SubscriptionGroupConfig.encode(config) }
  }

  const remove = (call: Call): RemotingReply => {
    const { cleanOffset, groupName } = headerOf(DeleteSubscriptionGroupRequestHeader, call)
    store.groups.delete(groupName)
    core.stats.forgetGroup(groupName)
    // RocketMQ 5.5.0 asks for it once more then, which makes it anew where that is allowed.
    if (!cleanOffset) store.groups.find(groupName, settings)
    if (cleanOffset) store.offsets.removeGroup(groupName)
    return { code: ResponseCode.SUCCESS }
  }

  const forbid = (call: Call): RemotingReply => {
    const { group, readable, topic } = headerOf(UpdateGroupForbiddenRequestHeader, call, { topic: lenientText("null") })
    if (readable !== undefined) store.groups.forbidRead(group, topic, !readable)
    return {
      remark: "",
      body: GroupForbidden.encode({
        group,
        topic: call.request.extFields.topic,
        readable: !store.groups.isReadForbidden(group, topic)
      })
    }
  }

  // ---- how far groups are ----

  const progress = (group: string, topic: string, queueId: number): OffsetWrapper => {
    const consumerOffset = Math.max(0, store.offsets.query(group, topic, queueId))
    return {
      brokerOffset: store.findQueue(topic, queueId)?.maxOffset ?? 0,
      consumerOffset,
      pullOffset: Math.max(consumerOffset, store.offsets.queryPull(group, topic, queueId)),
      lastTimestamp: consumerOffset > 0
        ? Math.max(0, store.storeTimestampIn(topic, queueId, consumerOffset - 1))
        : 0
    }
  }

  /** A group that has subscriptions is shown with those topics alone. */
  const isShown = (group: string, topic: string): boolean =>
    clients.subscription(group, topic) !== undefined || (clients.consumerGroup(group)?.subscriptions.size ?? 0) === 0

  const progressOf = (
    group: string,
    topic: string,
    queues: number
  ): ReadonlyArray<readonly [MessageQueue, OffsetWrapper]> =>
    Array.from(
      { length: queues },
      (_, queueId) => [{ topic, brokerName: core.name, queueId }, progress(group, topic, queueId)] as const
    )

  const consumeStats = (call: Call): RemotingReply => {
    const { consumerGroup: group, topic, topicList } = headerOf(GetConsumeStatsRequestHeader, call)
    const given = (topicList ?? "").split(";").filter((name) => name !== "")
    const topics = given.length > 0
      ? given
      : (topic === undefined || topic.trim() === "" ? store.offsets.topicsOf(group) : [topic])
        .filter((name) => isShown(group, name))
    const known = topics.flatMap((name) => store.topics.get(name) ?? [])
    return {
      body: ConsumeStats.encode({
        offsetTable: known.flatMap(({ readQueueNums, topicName }) => progressOf(group, topicName, readQueueNums)),
        consumeTps: known.reduce(
          (sum, { topicName }) => sum + core.stats.rate("GROUP_GET_NUMS", `${topicName}@${group}`),
          0
        )
      })
    }
  }

  const brokerConsumeStats = (call: Call): RemotingReply => {
    const { isOrder } = headerOf(GetConsumeStatsInBrokerHeader, call, { isOrder: lenientText("false") })
    let totalDiff = 0
    let totalInflightDiff = 0
    const consumeStatsList = [...store.groups.all()].map(({ groupName: group }) => {
      const list = store.offsets.topicsOf(group).flatMap((topic) => {
        const config = store.topics.get(topic)
        if (config === undefined || (isOrder && !config.order) || !isShown(group, topic)) return []
        // RocketMQ leaves out where pulls ended, here, and so counts less than nothing.
        const offsetTable = progressOf(group, topic, config.writeQueueNums)
          .map(([queue, wrapper]) => [queue, { ...wrapper, pullOffset: 0 }] as const)
        for (const [, { brokerOffset, consumerOffset, pullOffset }] of offsetTable) {
          totalDiff += brokerOffset - consumerOffset
          totalInflightDiff += pullOffset - consumerOffset
        }
        return [{ offsetTable, consumeTps: core.stats.rate("GROUP_GET_NUMS", `${topic}@${group}`) }]
      })
      return recordOf([[group, list] as const])
    })
    return {
      body: ConsumeStatsList.encode({ brokerAddr: core.address, consumeStatsList, totalDiff, totalInflightDiff })
    }
  }

  const allOffsets = (): RemotingReply => ({
    body: ConsumerOffsetSerializeWrapper.encode({
      dataVersion: store.groups.version,
      groupTopicMap: recordOf(store.offsets.topicsByGroup()),
      offsetTable: recordOf(store.offsets.entries()),
      pullOffsetTable: recordOf(store.offsets.pullEntries())
    })
  })

  const timeSpan = (call: Call): RemotingReply => {
    const { group, topic } = headerOf(QueryConsumeTimeSpanRequestHeader, call, { group: lenientText("null") })
    const config = store.topics.get(topic)
    if (config === undefined) return { code: ResponseCode.TOPIC_NOT_EXIST, remark: `topic[${topic}] not exist` }
    const consumeTimeSpanSet = Array.from({ length: config.writeQueueNums }, (_, queueId) => {
      const queue = store.findQueue(topic, queueId)
      const at = (offset: number) => store.storeTimestampIn(topic, queueId, offset)
      const max = queue?.maxOffset ?? 0
      const minTimeStamp = queue === undefined ? -1 : at(queue.minOffset)
      const offset = store.offsets.query(group, topic, queueId)
      const maxTimeStamp = at(max - 1)
      const consumeTimeStamp = offset > 0 ? at(offset - 1) : minTimeStamp
      return {
        messageQueue: { topic, brokerName: core.name, queueId },
        minTimeStamp,
        minTimeStampStr: humanTime(minTimeStamp),
        maxTimeStamp,
        maxTimeStampStr: humanTime(maxTimeStamp),
        consumeTimeStamp,
        consumeTimeStampStr: humanTime(consumeTimeStamp),
        delayTime: offset < max ? core.now() - at(offset) : 0
      }
    })
    return { body: QueryConsumeTimeSpanBody.encode({ consumeTimeSpanSet }) }
  }

  const clone = (call: Call): RemotingReply => {
    const { destGroup, offline, srcGroup, topic } = headerOf(CloneGroupOffsetRequestHeader, call, {
      srcGroup: lenientText("null"),
      destGroup: lenientText("null")
    })
    if (call.request.extFields.srcGroup === undefined && topic === undefined) {
      throw new JavaException("java.lang.NullPointerException", "there is no group")
    }
    const topics = topic === undefined || topic.trim() === "" ? store.offsets.topicsOf(srcGroup) : [topic]
    for (const name of topics) {
      if (store.topics.get(name) === undefined || (!offline && !isShown(srcGroup, name))) continue
      store.offsets.clone(srcGroup, destGroup, name)
    }
    return { code: ResponseCode.SUCCESS }
  }

  // ---- offsets set back or forward ----

  const target = (topic: string, queueId: number, timestamp: number): number =>
    timestamp < 0
      ? store.findQueue(topic, queueId)?.maxOffset ?? 0
      : store.offsetByTime(topic, queueId, timestamp, "LOWER")

  const resetHere = (header: ResetOffsetRequestHeader): RemotingReply => {
    const { group, offset, queueId, timestamp, topic } = header
    if (core.isSlave) return { code: ResponseCode.SYSTEM_ERROR, remark: "Can not reset offset in slave broker" }
    const config = store.topics.get(topic)
    if (config === undefined) return { code: ResponseCode.TOPIC_NOT_EXIST, remark: `Topic ${topic} does not exist` }
    if (store.groups.get(group) === undefined) {
      return { code: ResponseCode.SUBSCRIPTION_GROUP_NOT_EXIST, remark: `Group ${group} does not exist` }
    }
    const offsets = new Map<number, number>()
    if (queueId < 0) {
      for (let id = 0; id < config.readQueueNums; id++) offsets.set(id, target(topic, id, timestamp))
    } else if (offset === undefined || offset === -1) offsets.set(queueId, target(topic, queueId, timestamp))
    else {
      const { maxOffset: max, minOffset: min } = store.queue(topic, queueId)
      if (offset < min || offset > max + 1) {
        return {
          code: ResponseCode.SYSTEM_ERROR,
          remark: `Target offset ${offset} not in consume queue range [${min}-${max}]`
        }
      }
      offsets.set(queueId, offset)
    }
    if (offsets.size === 0) return { code: ResponseCode.SYSTEM_ERROR, remark: "No queues to reset." }
    for (const [id, to] of offsets) store.offsets.reset(group, topic, id, to)
    const offsetTable = [...offsets].map(([id, to]) => [{ topic, brokerName: core.name, queueId: id }, to] as const)
    return { body: ResetOffsetBody.encode({ offsetTable }) }
  }

  /** Clients are told to go elsewhere, as before RocketMQ 5.1. */
  const resetThere = (call: Call, header: ResetOffsetRequestHeader): RemotingReply => {
    const { group, isForce, timestamp, topic } = header
    const config = store.topics.get(topic)
    if (config === undefined) {
      return {
        code: ResponseCode.TOPIC_NOT_EXIST,
        remark: `[reset-offset] reset offset failed, no topic in this broker. topic=${topic}`
      }
    }
    const offsetTable: Array<readonly [MessageQueue, number]> = []
    for (let queueId = 0; queueId < config.writeQueueNums; queueId++) {
      const offset = store.offsets.query(group, topic, queueId)
      if (offset === -1) {
        return { code: ResponseCode.SYSTEM_ERROR, remark: `THe consumer group <${group}> not exist` }
      }
      const to = target(topic, queueId, timestamp)
      offsetTable.push([{ topic, brokerName: core.name, queueId }, isForce || to < offset ? to : offset])
    }
    const members = [...(clients.consumerGroup(group)?.clients.values() ?? [])]
    if (members.length === 0) {
      return {
        code: ResponseCode.CONSUMER_NOT_ONLINE,
        remark: `Consumer not online, so can not reset offset, Group: ${group} Topic: ${topic} Timestamp: ${timestamp}`
      }
    }
    const extFields = ResetOffsetRequestHeader.encode({ group, topic, queueId: -1, timestamp, isForce: false })
    const body = call.request.language === LanguageCode.CPP
      ? ResetOffsetBodyForC.encode({ offsetTable: offsetTable.map(([queue, offset]) => ({ ...queue, offset })) })
      : ResetOffsetBody.encode({ offsetTable })
    for (const { peer, version } of members) {
      if (version < canReset) return tooOld(version)
      core.fork(Effect.ignore(peer.invokeOneway({ code: RequestCode.RESET_CONSUMER_CLIENT_OFFSET, extFields, body })))
    }
    return { body: ResetOffsetBody.encode({ offsetTable }) }
  }

  const tooOld = (version: number): RemotingReply => ({
    code: ResponseCode.SYSTEM_ERROR,
    remark: `the client does not support this feature. version=${versionName(version)}`
  })

  const reset = (call: Call): RemotingReply => {
    const header = headerOf(ResetOffsetRequestHeader, call, {
      group: lenientText("null"),
      queueId: lenientInt("-1"),
      offset: lenientLong(),
      timestamp: lenientLong("0")
    })
    return settings.useServerSideResetOffset ? resetHere(header) : resetThere(call, header)
  }

  // ---- what clients are asked ----

  const status = (call: Call): RemotingReply | Effect.Effect<RemotingReply> => {
    const { clientAddr, group, topic } = headerOf(GetConsumerStatusRequestHeader, call)
    const info = clients.consumerGroup(group)
    if (info === undefined) throw new JavaException("java.lang.NullPointerException", `nobody is in ${group}`)
    const asked = [...info.clients.values()].filter((client) =>
      clientAddr === undefined || clientAddr.trim() === "" || clientAddr === client.clientId
    )
    const old = asked.find((client) => client.version < canReset)
    if (old !== undefined) return tooOld(old.version)
    const request = { code: RequestCode.GET_CONSUMER_STATUS_FROM_CLIENT, extFields: { topic, group } }
    const table: Record<string, GetConsumerStatusBody["messageQueueTable"]> = Object.create(null)
    return Effect.map(
      Effect.forEach(asked, (client) =>
        Effect.match(client.peer.invoke(request, { timeout: statusTimeout }), {
          onSuccess: (answer) => {
            const body = GetConsumerStatusBody.decode(answer.body)
            if (answer.code === ResponseCode.SUCCESS && "messageQueueTable" in body) {
              table[client.clientId] = body.messageQueueTable
            }
          },
          onFailure: () => {}
        }), { discard: true }),
      (): RemotingReply => ({
        body: GetConsumerStatusBody.encode({ consumerTable: table, messageQueueTable: [] })
      })
    )
  }

  /** Hands a request on to a client, and its answer back. */
  const relay = (
    call: Call,
    group: string,
    clientId: string,
    more?: { readonly extFields: Readonly<Record<string, string>>; readonly body: Uint8Array | undefined }
  ): RemotingReply | Effect.Effect<RemotingReply> => {
    const client = clients.consumer(group, clientId)
    if (client === undefined) {
      return { code: ResponseCode.SYSTEM_ERROR, remark: `The Consumer <${group}> <${clientId}> not online` }
    }
    if (client.version < canRelay) {
      return {
        code: ResponseCode.SYSTEM_ERROR,
        remark: `The Consumer <${clientId}> Version <${versionName(client.version)}> too low to finish, please ` +
          "upgrade it to V3_1_8_SNAPSHOT"
      }
    }
    const request = {
      code: call.request.code,
      extFields: { ...call.request.extFields, ...more?.extFields },
      body: more === undefined ? call.request.body : more.body
    }
    return Effect.match(client.peer.invoke(request, { timeout: relayTimeout }), {
      onSuccess: ({ body, code, extFields, remark }): RemotingReply => ({ code, extFields, remark, body }),
      onFailure: (error): RemotingReply =>
        error.reason._tag === "Timeout"
          ? {
            code: ResponseCode.CONSUME_MSG_TIMEOUT,
            remark: `consumer <${group}> <${clientId}> Timeout: ${error.message}`
          }
          : {
            code: ResponseCode.SYSTEM_ERROR,
            remark: `invoke consumer <${group}> <${clientId}> Exception: ${error.message}`
          }
    })
  }

  const consumeDirectly = (call: Call): RemotingReply | Effect.Effect<RemotingReply> => {
    const { clientId, consumerGroup, msgId, topic } = headerOf(ConsumeMessageDirectlyResultRequestHeader, call)
    const config = topic === undefined ? undefined : store.topics.get(topic)
    const group = store.groups.find(consumerGroup, settings)
    const id = msgId === undefined ? undefined : MessageId.parseOffsetId(msgId)
    const message = id === undefined ? undefined : store.log.lookAt(id.offset)
    if (message === undefined) throw new JavaException("java.lang.NullPointerException", "there is no such message")
    return relay(call, consumerGroup, clientId ?? "null", {
      extFields: {
        brokerName: core.name,
        ...(config === undefined ? {} : { topicSysFlag: String(config.topicSysFlag) }),
        ...(group === undefined ? {} : { groupSysFlag: String(group.groupSysFlag) })
      },
      // The log's own bytes may go before the client has read them.
      body: Uint8Array.from(message)
    })
  }

  // ---- who reads what ----

  const readers = (call: Call): RemotingReply => {
    const { topic } = headerOf(QueryTopicConsumeByWhoRequestHeader, call)
    return {
      body: GroupList.encode({
        groupList: [...new Set([...clients.groupsOf(topic), ...store.offsets.groupsOf(topic)])]
      })
    }
  }

  const topicsOf = (call: Call): RemotingReply => {
    const { group } = headerOf(QueryTopicsByConsumerRequestHeader, call)
    return { body: TopicList.encode({ topicList: store.offsets.topicsOf(group), brokerAddr: core.address }) }
  }

  const subscription = (call: Call): RemotingReply => {
    const { group, topic } = headerOf(QuerySubscriptionByConsumerRequestHeader, call)
    // Of a group that is connected, whoever names no topic asks in vain.
    if (topic === undefined && clients.isKnown(group)) {
      throw new JavaException("java.lang.NullPointerException", "there is no topic")
    }
    return {
      body: QuerySubscriptionResponseBody.encode({
        group,
        topic,
        subscriptionData: topic === undefined ? undefined : clients.subscription(group, topic)
      })
    }
  }

  return [
    [RequestCode.UPDATE_AND_CREATE_SUBSCRIPTIONGROUP, put],
    [RequestCode.UPDATE_AND_CREATE_SUBSCRIPTIONGROUP_LIST, putList],
    [RequestCode.GET_ALL_SUBSCRIPTIONGROUP_CONFIG, all],
    [RequestCode.GET_SUBSCRIPTIONGROUP_CONFIG, one],
    [RequestCode.DELETE_SUBSCRIPTIONGROUP, remove],
    [RequestCode.UPDATE_AND_GET_GROUP_FORBIDDEN, forbid],
    [RequestCode.GET_CONSUME_STATS, consumeStats],
    [RequestCode.GET_BROKER_CONSUME_STATS, brokerConsumeStats],
    [RequestCode.GET_ALL_CONSUMER_OFFSET, allOffsets],
    [RequestCode.QUERY_CONSUME_TIME_SPAN, timeSpan],
    [RequestCode.CLONE_GROUP_OFFSET, clone],
    [RequestCode.INVOKE_BROKER_TO_RESET_OFFSET, reset],
    [RequestCode.INVOKE_BROKER_TO_GET_CONSUMER_STATUS, status],
    [RequestCode.GET_CONSUMER_RUNNING_INFO, (call) => {
      const { clientId, consumerGroup } = headerOf(GetConsumerRunningInfoRequestHeader, call, {
        clientId: lenientText("null")
      })
      return relay(call, consumerGroup, clientId)
    }],
    [RequestCode.CONSUME_MESSAGE_DIRECTLY, consumeDirectly],
    [RequestCode.QUERY_TOPIC_CONSUME_BY_WHO, readers],
    [RequestCode.QUERY_TOPICS_BY_CONSUMER, topicsOf],
    [RequestCode.QUERY_SUBSCRIPTION_BY_CONSUMER, subscription]
  ]
}
