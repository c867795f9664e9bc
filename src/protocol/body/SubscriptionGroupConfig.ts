/**
 * The settings of consumer groups on a broker: what UPDATE_AND_CREATE_SUBSCRIPTIONGROUP (200) and its list (225) take,
 * and GET_ALL_SUBSCRIPTIONGROUP_CONFIG (201), GET_SUBSCRIPTIONGROUP_CONFIG (352) and UPDATE_AND_GET_GROUP_FORBIDDEN (353)
 * give.
 *
 * Source: RocketMQ 5.5.0 `remoting.protocol.subscription`, `remoting.protocol.body`.
 */
import * as BodyCodec from "./BodyCodec.ts"
import { DataVersion, zero } from "./DataVersion.ts"

export const SimpleSubscriptionData = BodyCodec.make({
  expression: BodyCodec.optional(BodyCodec.text),
  expressionType: BodyCodec.optional(BodyCodec.text),
  topic: BodyCodec.text,
  version: BodyCodec.withDefault(BodyCodec.long, 0)
})
export interface SimpleSubscriptionData extends BodyCodec.Type<typeof SimpleSubscriptionData> {}

/** Delays that grow: milliseconds. */
export const ExponentialRetryPolicy = BodyCodec.make({
  initial: BodyCodec.withDefault(BodyCodec.long, 5000),
  max: BodyCodec.withDefault(BodyCodec.long, 7200000),
  multiplier: BodyCodec.withDefault(BodyCodec.long, 2)
})
export interface ExponentialRetryPolicy extends BodyCodec.Type<typeof ExponentialRetryPolicy> {}

/** From a second to two hours, in milliseconds. */
const defaultDelays = [
  1,
  5,
  10,
  30,
  ...Array.from({ length: 10 }, (_, minutes) => 60 * (1 + minutes)),
  1200,
  1800,
  3600,
  7200
].map((seconds) => 1000 * seconds)

/** Delays in milliseconds, one after the other; the last one stays. */
export const CustomizedRetryPolicy = BodyCodec.make({
  next: BodyCodec.withDefault(BodyCodec.list(BodyCodec.long), defaultDelays)
})
export interface CustomizedRetryPolicy extends BodyCodec.Type<typeof CustomizedRetryPolicy> {}

/** When messages that failed come again, in proxies. */
export const GroupRetryPolicy = BodyCodec.make({
  customizedRetryPolicy: BodyCodec.optional(CustomizedRetryPolicy),
  exponentialRetryPolicy: BodyCodec.optional(ExponentialRetryPolicy),
  type: BodyCodec.withDefault(BodyCodec.enumeration("EXPONENTIAL", "CUSTOMIZED"), "CUSTOMIZED")
})
export interface GroupRetryPolicy extends BodyCodec.Type<typeof GroupRetryPolicy> {}

/** A consumer group. */
export const SubscriptionGroupConfig = BodyCodec.make({
  attributes: BodyCodec.withDefault(BodyCodec.record(BodyCodec.text), BodyCodec.noEntries),
  /** The broker id to read from. */
  brokerId: BodyCodec.withDefault(BodyCodec.long, 0),
  consumeBroadcastEnable: BodyCodec.withDefault(BodyCodec.boolean, true),
  /** `false`: the group gets nothing. */
  consumeEnable: BodyCodec.withDefault(BodyCodec.boolean, true),
  consumeFromMinEnable: BodyCodec.withDefault(BodyCodec.boolean, true),
  /** Whether proxies deliver in order. */
  consumeMessageOrderly: BodyCodec.withDefault(BodyCodec.boolean, false),
  consumeTimeoutMinute: BodyCodec.withDefault(BodyCodec.int, 15),
  groupName: BodyCodec.text,
  groupRetryPolicy: BodyCodec.optional(GroupRetryPolicy),
  groupSysFlag: BodyCodec.withDefault(BodyCodec.int, 0),
  /** Whether clients are told when others come and go. */
  notifyConsumerIdsChangedEnable: BodyCodec.withDefault(BodyCodec.boolean, true),
  /** After how many attempts a message goes to the dead letters. */
  retryMaxTimes: BodyCodec.withDefault(BodyCodec.int, 16),
  /** The queues of the retry topic. */
  retryQueueNums: BodyCodec.withDefault(BodyCodec.int, 1),
  /** What the group may subscribe to. */
  subscriptionDataSet: BodyCodec.optional(BodyCodec.list(SimpleSubscriptionData)),
  /** The broker id to read from when the master has the messages no longer in memory. */
  whichBrokerWhenConsumeSlowly: BodyCodec.withDefault(BodyCodec.long, 1)
})
export interface SubscriptionGroupConfig extends BodyCodec.Type<typeof SubscriptionGroupConfig> {}

export const SubscriptionGroupList = BodyCodec.make({
  groupConfigList: BodyCodec.withDefault(BodyCodec.list(SubscriptionGroupConfig), [])
})
export interface SubscriptionGroupList extends BodyCodec.Type<typeof SubscriptionGroupList> {}

/** All consumer groups of a broker. */
export const SubscriptionGroupWrapper = BodyCodec.make({
  dataVersion: BodyCodec.withDefault(DataVersion, zero),
  /** What is forbidden, bit by bit, by group and topic. */
  forbiddenTable: BodyCodec.withDefault(BodyCodec.record(BodyCodec.record(BodyCodec.int)), BodyCodec.noEntries),
  /** By group. */
  subscriptionGroupTable: BodyCodec.withDefault(BodyCodec.record(SubscriptionGroupConfig), BodyCodec.noEntries)
})
export interface SubscriptionGroupWrapper extends BodyCodec.Type<typeof SubscriptionGroupWrapper> {}

export const GroupForbidden = BodyCodec.make({
  group: BodyCodec.optional(BodyCodec.text),
  readable: BodyCodec.optional(BodyCodec.boolean),
  topic: BodyCodec.optional(BodyCodec.text)
})
export interface GroupForbidden extends BodyCodec.Type<typeof GroupForbidden> {}
