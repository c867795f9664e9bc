/** Where the queues of a topic begin and end: the answer to GET_TOPIC_STATS_INFO (202). */
import * as BodyCodec from "./BodyCodec.ts"
import { MessageQueue } from "./MessageQueue.ts"

/** RocketMQ 5.5.0 `remoting.protocol.admin.TopicOffset`. */
export const TopicOffset = BodyCodec.make({
  /** When the last message was stored, in milliseconds since the epoch. */
  lastUpdateTimestamp: BodyCodec.withDefault(BodyCodec.long, 0),
  maxOffset: BodyCodec.withDefault(BodyCodec.long, 0),
  minOffset: BodyCodec.withDefault(BodyCodec.long, 0)
})
export interface TopicOffset extends BodyCodec.Type<typeof TopicOffset> {}

/** RocketMQ 5.5.0 `remoting.protocol.admin.TopicStatsTable`. */
export const TopicStatsTable = BodyCodec.make({
  offsetTable: BodyCodec.withDefault(BodyCodec.objectMap(MessageQueue, TopicOffset), []),
  /** Messages a second. */
  topicPutTps: BodyCodec.withDefault(BodyCodec.double, 0)
})
export interface TopicStatsTable extends BodyCodec.Type<typeof TopicStatsTable> {}
