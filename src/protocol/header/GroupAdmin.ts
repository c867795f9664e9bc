/**
 * Groups and their clients: what admin tools ask of brokers, and brokers then of clients.
 *
 * Source: RocketMQ 5.5.0 `remoting.protocol.header`, `broker.processor.AdminBrokerProcessor`.
 */
import * as HeaderCodec from "./HeaderCodec.ts"

/** GET_SUBSCRIPTIONGROUP_CONFIG (352); answered with a `SubscriptionGroupConfig`. */
export const GetSubscriptionGroupConfigRequestHeader = HeaderCodec.makeRequest({
  group: HeaderCodec.text
})
export interface GetSubscriptionGroupConfigRequestHeader
  extends HeaderCodec.Type<typeof GetSubscriptionGroupConfigRequestHeader>
{}

/** DELETE_SUBSCRIPTIONGROUP (207). */
export const DeleteSubscriptionGroupRequestHeader = HeaderCodec.makeRequest({
  groupName: HeaderCodec.text,
  /** Whether its offsets go too. */
  cleanOffset: HeaderCodec.withDefault(HeaderCodec.boolean, false)
})
export interface DeleteSubscriptionGroupRequestHeader
  extends HeaderCodec.Type<typeof DeleteSubscriptionGroupRequestHeader>
{}

/**
 * GET_ALL_SUBSCRIPTIONGROUP_CONFIG (201); answered with a `SubscriptionGroupWrapper`. Old versions send no header and
 * get all groups at once.
 */
export const GetAllSubscriptionGroupRequestHeader = HeaderCodec.makeRequest({
  /** From which group on: how many came before. */
  groupSeq: HeaderCodec.optional(HeaderCodec.int),
  /** The version, as JSON, that the earlier pages had. */
  dataVersion: HeaderCodec.optional(HeaderCodec.text),
  /** How many at most. */
  maxGroupNum: HeaderCodec.optional(HeaderCodec.int)
})
export interface GetAllSubscriptionGroupRequestHeader
  extends HeaderCodec.Type<typeof GetAllSubscriptionGroupRequestHeader>
{}

export const GetAllSubscriptionGroupResponseHeader = HeaderCodec.make({
  /** How many groups there are; old versions do not say. */
  totalGroupNum: HeaderCodec.optional(HeaderCodec.int)
})
export interface GetAllSubscriptionGroupResponseHeader
  extends HeaderCodec.Type<typeof GetAllSubscriptionGroupResponseHeader>
{}

/** UPDATE_AND_GET_GROUP_FORBIDDEN (353); answered with a `GroupForbidden`. */
export const UpdateGroupForbiddenRequestHeader = HeaderCodec.makeRequest({
  group: HeaderCodec.text,
  topic: HeaderCodec.text,
  /** Left out: only ask. */
  readable: HeaderCodec.optional(HeaderCodec.boolean)
})
export interface UpdateGroupForbiddenRequestHeader extends HeaderCodec.Type<typeof UpdateGroupForbiddenRequestHeader> {}

/** GET_CONSUME_STATS (208); answered with a `ConsumeStats`. */
export const GetConsumeStatsRequestHeader = HeaderCodec.makeRequest({
  consumerGroup: HeaderCodec.text,
  /** Left out: all topics of the group. */
  topic: HeaderCodec.optional(HeaderCodec.text),
  /** Several topics, separated by `;`. */
  topicList: HeaderCodec.optional(HeaderCodec.text)
})
export interface GetConsumeStatsRequestHeader extends HeaderCodec.Type<typeof GetConsumeStatsRequestHeader> {}

/** GET_CONSUMER_CONNECTION_LIST (203); answered with a `ConsumerConnection`, or code 206. */
export const GetConsumerConnectionListRequestHeader = HeaderCodec.makeRequest({
  consumerGroup: HeaderCodec.text
})
export interface GetConsumerConnectionListRequestHeader
  extends HeaderCodec.Type<typeof GetConsumerConnectionListRequestHeader>
{}

/** GET_PRODUCER_CONNECTION_LIST (204); answered with a `ProducerConnection`. */
export const GetProducerConnectionListRequestHeader = HeaderCodec.makeRequest({
  producerGroup: HeaderCodec.text
})
export interface GetProducerConnectionListRequestHeader
  extends HeaderCodec.Type<typeof GetProducerConnectionListRequestHeader>
{}

/** GET_ALL_PRODUCER_INFO (328); answered with a `ProducerTableInfo`. */
export const GetAllProducerInfoRequestHeader = HeaderCodec.makeRequest({})
export interface GetAllProducerInfoRequestHeader extends HeaderCodec.Type<typeof GetAllProducerInfoRequestHeader> {}

/**
 * INVOKE_BROKER_TO_RESET_OFFSET (222), answered with a `ResetOffsetBody`; and RESET_CONSUMER_CLIENT_OFFSET (220),
 * which brokers send to the clients of the group, with a `ResetOffsetBody`, or for C++ a `ResetOffsetBodyForC`.
 */
export const ResetOffsetRequestHeader = HeaderCodec.makeRequest({
  group: HeaderCodec.text,
  topic: HeaderCodec.text,
  /** -1: all queues. */
  queueId: HeaderCodec.withDefault(HeaderCodec.int, -1),
  /** Left out: by time. */
  offset: HeaderCodec.optional(HeaderCodec.long),
  /** Milliseconds since the epoch; -1: after the last message. */
  timestamp: HeaderCodec.long,
  /** Whether offsets may move forward too. */
  isForce: HeaderCodec.withDefault(HeaderCodec.boolean, false)
})
export interface ResetOffsetRequestHeader extends HeaderCodec.Type<typeof ResetOffsetRequestHeader> {}

/**
 * INVOKE_BROKER_TO_GET_CONSUMER_STATUS (223), and GET_CONSUMER_STATUS_FROM_CLIENT (221), which brokers send to
 * clients; answered with a `GetConsumerStatusBody`.
 */
export const GetConsumerStatusRequestHeader = HeaderCodec.makeRequest({
  topic: HeaderCodec.text,
  group: HeaderCodec.text,
  /** Only of this client. */
  clientAddr: HeaderCodec.optional(HeaderCodec.text)
})
export interface GetConsumerStatusRequestHeader extends HeaderCodec.Type<typeof GetConsumerStatusRequestHeader> {}

/** GET_CONSUMER_RUNNING_INFO (307), which the broker passes on to the client; answered with a `ConsumerRunningInfo`. */
export const GetConsumerRunningInfoRequestHeader = HeaderCodec.makeRequest({
  consumerGroup: HeaderCodec.text,
  clientId: HeaderCodec.text,
  /** Whether with the stacks of all threads. */
  jstackEnable: HeaderCodec.withDefault(HeaderCodec.boolean, false)
})
export interface GetConsumerRunningInfoRequestHeader
  extends HeaderCodec.Type<typeof GetConsumerRunningInfoRequestHeader>
{}

/**
 * CONSUME_MESSAGE_DIRECTLY (309), which the broker passes on to the client with the message for a body; answered with
 * a `ConsumeMessageDirectlyResult`.
 */
export const ConsumeMessageDirectlyResultRequestHeader = HeaderCodec.make({
  consumerGroup: HeaderCodec.text,
  clientId: HeaderCodec.optional(HeaderCodec.text),
  /** The offset id. */
  msgId: HeaderCodec.optional(HeaderCodec.text),
  /** The broker's own, which it adds; under this name, not as `bname`. */
  brokerName: HeaderCodec.optional(HeaderCodec.text),
  topic: HeaderCodec.optional(HeaderCodec.text),
  topicSysFlag: HeaderCodec.optional(HeaderCodec.int),
  groupSysFlag: HeaderCodec.optional(HeaderCodec.int),
  /** What other requests call `brokerName`. */
  bname: HeaderCodec.optional(HeaderCodec.text)
})
export interface ConsumeMessageDirectlyResultRequestHeader
  extends HeaderCodec.Type<typeof ConsumeMessageDirectlyResultRequestHeader>
{}

/** CLONE_GROUP_OFFSET (314). */
export const CloneGroupOffsetRequestHeader = HeaderCodec.makeRequest({
  srcGroup: HeaderCodec.text,
  destGroup: HeaderCodec.text,
  /** Left out: all topics. */
  topic: HeaderCodec.optional(HeaderCodec.text),
  offline: HeaderCodec.withDefault(HeaderCodec.boolean, false)
})
export interface CloneGroupOffsetRequestHeader extends HeaderCodec.Type<typeof CloneGroupOffsetRequestHeader> {}

/** QUERY_TOPICS_BY_CONSUMER (343); answered with a `TopicList`. */
export const QueryTopicsByConsumerRequestHeader = HeaderCodec.makeRequest({
  group: HeaderCodec.text
})
export interface QueryTopicsByConsumerRequestHeader
  extends HeaderCodec.Type<typeof QueryTopicsByConsumerRequestHeader>
{}

/** QUERY_SUBSCRIPTION_BY_CONSUMER (345); answered with a `QuerySubscriptionResponseBody`. */
export const QuerySubscriptionByConsumerRequestHeader = HeaderCodec.makeRequest({
  group: HeaderCodec.text,
  topic: HeaderCodec.optional(HeaderCodec.text)
})
export interface QuerySubscriptionByConsumerRequestHeader
  extends HeaderCodec.Type<typeof QuerySubscriptionByConsumerRequestHeader>
{}

/** QUERY_CONSUME_TIME_SPAN (303); answered with a `QueryConsumeTimeSpanBody`. */
export const QueryConsumeTimeSpanRequestHeader = HeaderCodec.makeRequest({
  topic: HeaderCodec.text,
  group: HeaderCodec.text
})
export interface QueryConsumeTimeSpanRequestHeader extends HeaderCodec.Type<typeof QueryConsumeTimeSpanRequestHeader> {}
