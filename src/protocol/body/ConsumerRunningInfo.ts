/**
 * How a consumer is doing: the answer to GET_CONSUMER_RUNNING_INFO (307).
 *
 * Source: RocketMQ 5.5.0 `remoting.protocol.body.ConsumerRunningInfo` and those it is made of.
 */
import * as BodyCodec from "./BodyCodec.ts"
import { MessageQueue } from "./MessageQueue.ts"
import { SubscriptionData } from "./SubscriptionData.ts"

const long = BodyCodec.withDefault(BodyCodec.long, 0)
const int = BodyCodec.withDefault(BodyCodec.int, 0)
const double = BodyCodec.withDefault(BodyCodec.double, 0)
const boolean = BodyCodec.withDefault(BodyCodec.boolean, false)

/** The messages of one queue that the consumer holds. Times in milliseconds since the epoch. */
export const ProcessQueueInfo = BodyCodec.make({
  cachedMsgCount: int,
  cachedMsgMaxOffset: long,
  cachedMsgMinOffset: long,
  cachedMsgSizeInMiB: int,
  commitOffset: long,
  /** Spelled as RocketMQ does. */
  droped: boolean,
  lastConsumeTimestamp: long,
  lastLockTimestamp: long,
  lastPullTimestamp: long,
  locked: boolean,
  transactionMsgCount: int,
  transactionMsgMaxOffset: long,
  transactionMsgMinOffset: long,
  tryUnlockTimes: long
})
export interface ProcessQueueInfo extends BodyCodec.Type<typeof ProcessQueueInfo> {}

/** The same for a queue that is popped. */
export const PopProcessQueueInfo = BodyCodec.make({
  droped: boolean,
  lastPopTimestamp: long,
  waitAckCount: int
})
export interface PopProcessQueueInfo extends BodyCodec.Type<typeof PopProcessQueueInfo> {}

/** Rates of one topic: response times in milliseconds, messages a second, and what failed in the last hour. */
export const ConsumeStatus = BodyCodec.make({
  consumeFailedMsgs: long,
  consumeFailedTPS: double,
  consumeOKTPS: double,
  consumeRT: double,
  pullRT: double,
  pullTPS: double
})
export interface ConsumeStatus extends BodyCodec.Type<typeof ConsumeStatus> {}

/** Names of `ConsumerRunningInfo.properties` beside the consumer's own settings. */
export const ConsumerProperty = {
  nameServers: "PROP_NAMESERVER_ADDR",
  threadPoolCoreSize: "PROP_THREADPOOL_CORE_SIZE",
  consumeOrderly: "PROP_CONSUMEORDERLY",
  consumeType: "PROP_CONSUME_TYPE",
  clientVersion: "PROP_CLIENT_VERSION",
  /** Milliseconds since the epoch. */
  startTimestamp: "PROP_CONSUMER_START_TIMESTAMP"
} as const

export const ConsumerRunningInfo = BodyCodec.make({
  /** The stacks of all threads, if they were asked for. */
  jstack: BodyCodec.optional(BodyCodec.text),
  mqPopTable: BodyCodec.withDefault(BodyCodec.objectMap(MessageQueue, PopProcessQueueInfo), []),
  mqTable: BodyCodec.withDefault(BodyCodec.objectMap(MessageQueue, ProcessQueueInfo), []),
  properties: BodyCodec.withDefault(BodyCodec.record(BodyCodec.text), BodyCodec.noEntries),
  /** By topic. */
  statusTable: BodyCodec.withDefault(BodyCodec.record(ConsumeStatus), BodyCodec.noEntries),
  subscriptionSet: BodyCodec.withDefault(BodyCodec.list(SubscriptionData), []),
  userConsumerInfo: BodyCodec.withDefault(BodyCodec.record(BodyCodec.text), BodyCodec.noEntries)
})
export interface ConsumerRunningInfo extends BodyCodec.Type<typeof ConsumerRunningInfo> {}
