/**
 * Topics: what admin tools ask of brokers about them.
 *
 * Source: RocketMQ 5.5.0 `remoting.protocol.header`.
 */
import * as HeaderCodec from "./HeaderCodec.ts"

/**
 * UPDATE_AND_CREATE_TOPIC (17), to each master; with a `TopicQueueMappingDetail`, UPDATE_AND_CREATE_STATIC_TOPIC
 * (513).
 */
export const CreateTopicRequestHeader = HeaderCodec.makeRequest({
  topic: HeaderCodec.text,
  /** `TBW102`. */
  defaultTopic: HeaderCodec.text,
  readQueueNums: HeaderCodec.int,
  writeQueueNums: HeaderCodec.int,
  /** The bits of `Permission`: 6 to read and write. */
  perm: HeaderCodec.int,
  topicFilterType: HeaderCodec.literal("SINGLE_TAG", "MULTI_TAG"),
  topicSysFlag: HeaderCodec.optional(HeaderCodec.int),
  order: HeaderCodec.withDefault(HeaderCodec.boolean, false),
  /** Changes to attributes, separated by commas: `+message.type=FIFO` sets one, `-message.type` removes it. */
  attributes: HeaderCodec.optional(HeaderCodec.text),
  force: HeaderCodec.withDefault(HeaderCodec.boolean, false)
})
export interface CreateTopicRequestHeader extends HeaderCodec.Type<typeof CreateTopicRequestHeader> {}

/** UPDATE_AND_CREATE_TOPIC_LIST (18); the body is a `CreateTopicListRequestBody`. */
export const CreateTopicListRequestHeader = HeaderCodec.makeRequest({})
export interface CreateTopicListRequestHeader extends HeaderCodec.Type<typeof CreateTopicListRequestHeader> {}

/** DELETE_TOPIC_IN_BROKER (215). */
export const DeleteTopicRequestHeader = HeaderCodec.makeRequest({
  topic: HeaderCodec.text
})
export interface DeleteTopicRequestHeader extends HeaderCodec.Type<typeof DeleteTopicRequestHeader> {}

/** GET_TOPIC_CONFIG (351); answered with a `TopicConfigAndQueueMapping`. */
export const GetTopicConfigRequestHeader = HeaderCodec.makeRequest({
  topic: HeaderCodec.text
})
export interface GetTopicConfigRequestHeader extends HeaderCodec.Type<typeof GetTopicConfigRequestHeader> {}

/**
 * GET_ALL_TOPIC_CONFIG (21); answered with a `TopicConfigSerializeWrapper`. Old versions send no header and get all
 * topics at once.
 */
export const GetAllTopicConfigRequestHeader = HeaderCodec.makeRequest({
  /** From which topic on: how many came before. */
  topicSeq: HeaderCodec.optional(HeaderCodec.int),
  /** The version, as JSON, that the earlier pages had. */
  dataVersion: HeaderCodec.optional(HeaderCodec.text),
  /** How many at most. */
  maxTopicNum: HeaderCodec.optional(HeaderCodec.int)
})
export interface GetAllTopicConfigRequestHeader extends HeaderCodec.Type<typeof GetAllTopicConfigRequestHeader> {}

export const GetAllTopicConfigResponseHeader = HeaderCodec.make({
  /** How many topics there are; old versions do not say. */
  totalTopicNum: HeaderCodec.optional(HeaderCodec.int)
})
export interface GetAllTopicConfigResponseHeader extends HeaderCodec.Type<typeof GetAllTopicConfigResponseHeader> {}

/** GET_TOPIC_STATS_INFO (202); answered with a `TopicStatsTable`. */
export const GetTopicStatsInfoRequestHeader = HeaderCodec.makeRequest({
  topic: HeaderCodec.text
})
export interface GetTopicStatsInfoRequestHeader extends HeaderCodec.Type<typeof GetTopicStatsInfoRequestHeader> {}

/** QUERY_TOPIC_CONSUME_BY_WHO (300); answered with a `GroupList`. */
export const QueryTopicConsumeByWhoRequestHeader = HeaderCodec.makeRequest({
  topic: HeaderCodec.text
})
export interface QueryTopicConsumeByWhoRequestHeader
  extends HeaderCodec.Type<typeof QueryTopicConsumeByWhoRequestHeader>
{}
