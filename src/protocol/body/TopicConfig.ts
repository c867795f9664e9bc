/**
 * The settings of topics on a broker: what UPDATE_AND_CREATE_TOPIC_LIST (18) takes, and GET_ALL_TOPIC_CONFIG (21) and
 * GET_TOPIC_CONFIG (351) give.
 *
 * Source: RocketMQ 5.5.0 `common.TopicConfig`, `remoting.protocol.body`, `remoting.protocol.statictopic`.
 */
import * as BodyCodec from "./BodyCodec.ts"
import { DataVersion, zero } from "./DataVersion.ts"
import { topicQueueMappingInfo } from "./TopicRouteData.ts"

/** Whether messages of a topic have one tag or several; nothing looks at it. */
export const TopicFilterType = BodyCodec.enumeration("SINGLE_TAG", "MULTI_TAG")
export type TopicFilterType = BodyCodec.Type<typeof TopicFilterType>

const topicConfig = {
  /** Such as `message.type` (`NORMAL`, `FIFO`, `DELAY`, `TRANSACTION`, `MIXED`), `queue.type`, `cleanup.policy`. */
  attributes: BodyCodec.withDefault(BodyCodec.record(BodyCodec.text), BodyCodec.noEntries),
  order: BodyCodec.withDefault(BodyCodec.boolean, false),
  /** The bits of `Permission`. */
  perm: BodyCodec.withDefault(BodyCodec.int, 6),
  readQueueNums: BodyCodec.withDefault(BodyCodec.int, 16),
  topicFilterType: BodyCodec.withDefault(TopicFilterType, "SINGLE_TAG"),
  topicName: BodyCodec.text,
  topicSysFlag: BodyCodec.withDefault(BodyCodec.int, 0),
  writeQueueNums: BodyCodec.withDefault(BodyCodec.int, 16)
} as const

/** A topic. */
export const TopicConfig = BodyCodec.make(topicConfig)
export interface TopicConfig extends BodyCodec.Type<typeof TopicConfig> {}

export const CreateTopicListRequestBody = BodyCodec.make({
  topicConfigList: BodyCodec.withDefault(BodyCodec.list(TopicConfig), [])
})
export interface CreateTopicListRequestBody extends BodyCodec.Type<typeof CreateTopicListRequestBody> {}

/** The members of `TopicConfigSerializeWrapper`, which another body extends. */
export const topicConfigSerializeWrapper = {
  dataVersion: BodyCodec.withDefault(DataVersion, zero),
  /** By topic. */
  topicConfigTable: BodyCodec.withDefault(BodyCodec.record(TopicConfig), BodyCodec.noEntries)
} as const

/** All topics of a broker. */
export const TopicConfigSerializeWrapper = BodyCodec.make(topicConfigSerializeWrapper)
export interface TopicConfigSerializeWrapper extends BodyCodec.Type<typeof TopicConfigSerializeWrapper> {}

/**
 * A part of a logical queue of a static topic: the stretch of it that a physical queue holds. Times in milliseconds
 * since the epoch, -1 while it has no end.
 */
export const LogicQueueMappingItem = BodyCodec.make({
  bname: BodyCodec.optional(BodyCodec.text),
  endOffset: BodyCodec.withDefault(BodyCodec.long, -1),
  gen: BodyCodec.withDefault(BodyCodec.int, 0),
  logicOffset: BodyCodec.withDefault(BodyCodec.long, 0),
  queueId: BodyCodec.withDefault(BodyCodec.int, 0),
  startOffset: BodyCodec.withDefault(BodyCodec.long, 0),
  timeOfEnd: BodyCodec.withDefault(BodyCodec.long, -1),
  timeOfStart: BodyCodec.withDefault(BodyCodec.long, -1)
})
export interface LogicQueueMappingItem extends BodyCodec.Type<typeof LogicQueueMappingItem> {}

/** The logical queues of a static topic: what UPDATE_AND_CREATE_STATIC_TOPIC (513) takes. */
export const TopicQueueMappingDetail = BodyCodec.make({
  ...topicQueueMappingInfo,
  /** By logical queue. */
  hostedQueues: BodyCodec.withDefault(BodyCodec.intMap(BodyCodec.list(LogicQueueMappingItem)), new Map())
})
export interface TopicQueueMappingDetail extends BodyCodec.Type<typeof TopicQueueMappingDetail> {}

export const TopicConfigAndQueueMapping = BodyCodec.make({
  ...topicConfig,
  mappingDetail: BodyCodec.optional(TopicQueueMappingDetail)
})
export interface TopicConfigAndQueueMapping extends BodyCodec.Type<typeof TopicConfigAndQueueMapping> {}
