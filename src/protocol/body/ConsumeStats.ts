/**
 * How far consumer groups have come: the answers to GET_CONSUME_STATS (208), GET_BROKER_CONSUME_STATS (317) and
 * QUERY_CONSUME_TIME_SPAN (303).
 *
 * Source: RocketMQ 5.5.0 `remoting.protocol.admin`, `remoting.protocol.body`.
 */
import * as BodyCodec from "./BodyCodec.ts"
import { MessageQueue } from "./MessageQueue.ts"

/** One queue. */
export const OffsetWrapper = BodyCodec.make({
  /** Where the queue ends. */
  brokerOffset: BodyCodec.withDefault(BodyCodec.long, 0),
  /** What the group has stored. */
  consumerOffset: BodyCodec.withDefault(BodyCodec.long, 0),
  /** When the last message that was consumed was stored, in milliseconds since the epoch. */
  lastTimestamp: BodyCodec.withDefault(BodyCodec.long, 0),
  /** What was handed out. */
  pullOffset: BodyCodec.withDefault(BodyCodec.long, 0)
})
export interface OffsetWrapper extends BodyCodec.Type<typeof OffsetWrapper> {}

export const ConsumeStats = BodyCodec.make({
  /** Messages a second. */
  consumeTps: BodyCodec.withDefault(BodyCodec.double, 0),
  offsetTable: BodyCodec.withDefault(BodyCodec.objectMap(MessageQueue, OffsetWrapper), [])
})
export interface ConsumeStats extends BodyCodec.Type<typeof ConsumeStats> {}

export const ConsumeStatsList = BodyCodec.make({
  brokerAddr: BodyCodec.optional(BodyCodec.text),
  /** By group, each in a record of its own. */
  consumeStatsList: BodyCodec.withDefault(BodyCodec.list(BodyCodec.record(BodyCodec.list(ConsumeStats))), []),
  /** How many messages all groups are behind. */
  totalDiff: BodyCodec.withDefault(BodyCodec.long, 0),
  totalInflightDiff: BodyCodec.withDefault(BodyCodec.long, 0)
})
export interface ConsumeStatsList extends BodyCodec.Type<typeof ConsumeStatsList> {}

/** Times of storing, in milliseconds since the epoch. */
export const QueueTimeSpan = BodyCodec.make({
  /** Of the next message for the group. */
  consumeTimeStamp: BodyCodec.withDefault(BodyCodec.long, 0),
  /** The same in words, such as `2026-01-31#23:59:59:999`, in the broker's time zone; of no use to a program. */
  consumeTimeStampStr: BodyCodec.optional(BodyCodec.text),
  /** For how long it has waited, in milliseconds. */
  delayTime: BodyCodec.withDefault(BodyCodec.long, 0),
  maxTimeStamp: BodyCodec.withDefault(BodyCodec.long, 0),
  maxTimeStampStr: BodyCodec.optional(BodyCodec.text),
  messageQueue: MessageQueue,
  minTimeStamp: BodyCodec.withDefault(BodyCodec.long, 0),
  minTimeStampStr: BodyCodec.optional(BodyCodec.text)
})
export interface QueueTimeSpan extends BodyCodec.Type<typeof QueueTimeSpan> {}

export const QueryConsumeTimeSpanBody = BodyCodec.make({
  consumeTimeSpanSet: BodyCodec.withDefault(BodyCodec.list(QueueTimeSpan), [])
})
export interface QueryConsumeTimeSpanBody extends BodyCodec.Type<typeof QueryConsumeTimeSpanBody> {}
