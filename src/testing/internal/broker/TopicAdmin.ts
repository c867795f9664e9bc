/** Topics as an administrator makes and sees them (RocketMQ 5.3.3 `AdminBrokerProcessor`). */
import { QueryConsumeQueueResponseBody } from "../../../protocol/body/QueryConsumeQueue.ts"
import { TopicConfigAndMappingSerializeWrapper } from "../../../protocol/body/RegisterBroker.ts"
import type { TopicConfig } from "../../../protocol/body/TopicConfig.ts"
import { CreateTopicListRequestBody, TopicConfig as TopicConfigBody } from "../../../protocol/body/TopicConfig.ts"
import { TopicList } from "../../../protocol/body/TopicList.ts"
import { TopicStatsTable } from "../../../protocol/body/TopicStats.ts"
import { QueryConsumeQueueRequestHeader } from "../../../protocol/header/QueryMessage.ts"
import {
  CreateTopicRequestHeader,
  DeleteTopicRequestHeader,
  GetAllTopicConfigRequestHeader,
  GetTopicConfigRequestHeader,
  GetTopicStatsInfoRequestHeader
} from "../../../protocol/header/TopicAdmin.ts"
import * as Names from "../../../protocol/message/Names.ts"
import { RequestCode } from "../../../protocol/RequestCode.ts"
import { ResponseCode } from "../../../protocol/ResponseCode.ts"
import type { RemotingReply } from "../../../remoting/RemotingRequest.ts"
import * as Attributes from "./attributes.ts"
import type { Call } from "./BrokerApi.ts"
import type { BrokerCore, Handles } from "./BrokerCore.ts"
import { decodeBody, headerOf, JavaException, lenientInt, lenientLong, lenientText, objectOf } from "./BrokerCore.ts"
import { topicConfig } from "./TopicTable.ts"
import { topicProblem } from "./validation.ts"

/** Topics that one answer lists at most, when a client asks for pages. */
export const pageSize = 2_000

/** A page of a table: entries from `from` on, unless the version that the client has is another. */
export const page = <T>(
  all: ReadonlyArray<T>,
  from: number | undefined,
  limit: number | undefined,
  isSameVersion: boolean
): ReadonlyArray<T> => {
  const start = isSameVersion ? Math.max(0, from ?? 0) : 0
  return all.slice(start, start + Math.min(pageSize, limit ?? pageSize))
}

/** Topics. */
export const make = (core: BrokerCore): Handles => {
  const { settings, store } = core

  const nameProblem = (topic: string): RemotingReply | undefined => {
    const problem = topicProblem(topic)
    if (problem !== undefined) return { code: ResponseCode.INVALID_PARAMETER, remark: problem }
    return systemProblem(topic)
  }

  const systemProblem = (topic: string): RemotingReply | undefined =>
    settings.validateSystemTopicWhenUpdateTopic && store.topics.isSystem(topic)
      ? { code: ResponseCode.INVALID_PARAMETER, remark: `The topic[${topic}] is conflict with system topic.` }
      : undefined

  const mixedProblem = (changes: ReadonlyMap<string, string>): RemotingReply | undefined =>
    !settings.enableMixedMessageType && changes.get("+message.type") === "MIXED"
      ? { code: ResponseCode.INVALID_PARAMETER, remark: "MIXED message type is not supported." }
      : undefined

  /** Sets topics; what is wrong with one keeps all from being set. */
  const put = (
    configs: ReadonlyArray<readonly [config: TopicConfig, changes: ReadonlyMap<string, string>]>
  ): RemotingReply => {
    for (const [config, changes] of configs) {
      const refused = nameProblem(config.topicName) ?? mixedProblem(changes)
      if (refused !== undefined) return refused
    }
    try {
      const altered = configs.map(([config, changes]) => ({
        ...config,
        attributes: Attributes.alter(store.topics.get(config.topicName)?.attributes, changes)
      }))
      for (const config of altered) store.topics.put(config)
      return { code: ResponseCode.SUCCESS }
    } catch (error) {
      if (error instanceof Attributes.AttributeError) return { code: ResponseCode.SYSTEM_ERROR, remark: error.message }
      throw error
    }
  }

  const create = (call: Call): RemotingReply => {
    const header = headerOf(CreateTopicRequestHeader, call, {
      defaultTopic: lenientText(""),
      topicSysFlag: lenientInt()
    })
    const problem = nameProblem(header.topic)
    if (problem !== undefined) return problem
    try {
      const changes = Attributes.parse(header.attributes)
      const config = topicConfig(header.topic, {
        readQueueNums: header.readQueueNums,
        writeQueueNums: header.writeQueueNums,
        topicFilterType: header.topicFilterType,
        perm: header.perm,
        topicSysFlag: header.topicSysFlag ?? 0,
        order: header.order
      })
      return put([[config, changes]])
    } catch (error) {
      if (error instanceof Attributes.AttributeError) return { code: ResponseCode.SYSTEM_ERROR, remark: error.message }
      throw error
    }
  }

  const createList = (call: Call): RemotingReply => {
    if (!Array.isArray(objectOf(call.request.body)?.topicConfigList)) {
      throw new JavaException("java.lang.NullPointerException", "there is no list")
    }
    const { topicConfigList } = decodeBody(CreateTopicListRequestBody, call)
    return put(topicConfigList.map((config) => [config, new Map(Object.entries(config.attributes))] as const))
  }

  const remove = (call: Call): RemotingReply => {
    const { topic } = headerOf(DeleteTopicRequestHeader, call, { topic: lenientText("") })
    if (topic.trim() === "") return { code: ResponseCode.INVALID_PARAMETER, remark: "The specified topic is blank." }
    const problem = systemProblem(topic)
    if (problem !== undefined) return problem
    const retries = store.offsets.groupsOf(topic).flatMap((group) => [
      Names.popRetryTopicV1(topic, group),
      Names.popRetryTopicV2(topic, group)
    ])
    for (const name of [topic, ...retries.filter((retry) => store.topics.get(retry) !== undefined)]) {
      store.topics.delete(name)
      store.offsets.removeTopic(name)
      store.deleteQueues(name)
      core.stats.forgetTopic(name)
    }
    return { code: ResponseCode.SUCCESS }
  }

  const all = (call: Call): RemotingReply => {
    const { dataVersion, maxTopicNum, topicSeq } = headerOf(GetAllTopicConfigRequestHeader, call)
    const topics = [...store.topics.all()]
    const version = store.topics.version
    const asked = dataVersion !== undefined || maxTopicNum !== undefined || topicSeq !== undefined
    const shown = asked
      ? page(topics, topicSeq, maxTopicNum, dataVersion === undefined || isVersion(dataVersion, version))
      : topics
    const topicConfigTable: Record<string, TopicConfig> = Object.create(null)
    for (const config of shown) topicConfigTable[config.topicName] = config
    return {
      extFields: { totalTopicNum: String(topics.length) },
      body: TopicConfigAndMappingSerializeWrapper.encode({
        topicConfigTable,
        dataVersion: version,
        mappingDataVersion: { counter: 0, stateVersion: 0, timestamp: store.startedAt },
        topicQueueMappingDetailMap: {},
        topicQueueMappingInfoMap: {}
      })
    }
  }

  const one = (call: Call): RemotingReply => {
    const { topic } = headerOf(GetTopicConfigRequestHeader, call)
    const config = store.topics.get(topic)
    return config === undefined
      ? { code: ResponseCode.TOPIC_NOT_EXIST, remark: `No topic in this broker. topic: ${topic}` }
      : { body: TopicConfigBody.encode(config) }
  }

  const stats = (call: Call): RemotingReply => {
    const { topic } = headerOf(GetTopicStatsInfoRequestHeader, call)
    const config = store.topics.get(topic)
    if (config === undefined) return { code: ResponseCode.TOPIC_NOT_EXIST, remark: `topic[${topic}] not exist` }
    const queues = Math.max(config.readQueueNums, config.writeQueueNums)
    const offsetTable = Array.from({ length: queues }, (_, queueId) => {
      const { maxOffset, minOffset } = store.queue(topic, queueId)
      return [
        { topic, brokerName: core.name, queueId },
        {
          minOffset,
          maxOffset,
          lastUpdateTimestamp: maxOffset > 0 ? store.storeTimestampIn(topic, queueId, maxOffset - 1) : 0
        }
      ] as const
    })
    return {
      body: TopicStatsTable.encode({ offsetTable, topicPutTps: core.stats.rate("TOPIC_PUT_NUMS", topic) })
    }
  }

  const system = (): RemotingReply => ({ body: TopicList.encode({ topicList: store.topics.systemNames() }) })

  const consumeQueue = (call: Call): RemotingReply => {
    const { consumerGroup, count, index, queueId, topic } = headerOf(QueryConsumeQueueRequestHeader, call, {
      queueId: lenientInt("0"),
      index: lenientLong("0"),
      count: lenientInt("0")
    })
    const queue = store.findQueue(topic, queueId)
    if (queue === undefined) {
      return { code: ResponseCode.SYSTEM_ERROR, remark: `${queueId}@${topic} is not exist!` }
    }
    if (index < queue.minOffset || index >= queue.maxOffset) {
      return { remark: `Index ${index} of ${queueId}@${topic} is not exist!` }
    }
    const end = Math.min(queue.maxOffset, index + count)
    const queueData = Array.from({ length: Math.max(0, end - index) }, (_, step) => ({
      physicOffset: queue.position(index + step),
      physicSize: queue.size(index + step),
      tagsCode: queue.tagsCode(index + step),
      eval: false
    }))
    const subscription = consumerGroup === undefined ? undefined : core.clients.subscription(consumerGroup, topic)
    return {
      body: QueryConsumeQueueResponseBody.encode({
        minQueueIndex: queue.minOffset,
        maxQueueIndex: queue.maxOffset,
        queueData,
        subscriptionData: subscription,
        filterData: consumerGroup === undefined
          ? undefined
          : subscription === undefined
          ? `${consumerGroup}@${topic} is not online!`
          : "null"
      })
    }
  }

  return [
    [RequestCode.UPDATE_AND_CREATE_TOPIC, create],
    [RequestCode.UPDATE_AND_CREATE_TOPIC_LIST, createList],
    [RequestCode.DELETE_TOPIC_IN_BROKER, remove],
    [RequestCode.GET_ALL_TOPIC_CONFIG, all],
    [RequestCode.GET_TOPIC_CONFIG, one],
    [RequestCode.GET_TOPIC_STATS_INFO, stats],
    [RequestCode.GET_SYSTEM_TOPIC_LIST_FROM_BROKER, system],
    [RequestCode.QUERY_CONSUME_QUEUE, consumeQueue]
  ]
}

/** Whether a version in a request, which is JSON, is that one. */
export const isVersion = (text: string, version: { readonly counter: number; readonly timestamp: number }): boolean =>
  text.includes(`"counter":${version.counter}`) && text.includes(`"timestamp":${version.timestamp}`)
