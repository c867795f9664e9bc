/** Entries of a queue's index: the answer to QUERY_CONSUME_QUEUE (321). */
import * as BodyCodec from "./BodyCodec.ts"
import { SubscriptionData } from "./SubscriptionData.ts"

/** RocketMQ 5.5.0 `remoting.protocol.body.ConsumeQueueData`. */
export const ConsumeQueueData = BodyCodec.make({
  bitMap: BodyCodec.optional(BodyCodec.text),
  /** Whether the subscription selects it. */
  eval: BodyCodec.withDefault(BodyCodec.boolean, false),
  extendDataJson: BodyCodec.optional(BodyCodec.text),
  msg: BodyCodec.optional(BodyCodec.text),
  /** Where the message is in the commit log. */
  physicOffset: BodyCodec.withDefault(BodyCodec.long, 0),
  physicSize: BodyCodec.withDefault(BodyCodec.int, 0),
  tagsCode: BodyCodec.withDefault(BodyCodec.long, 0)
})
export interface ConsumeQueueData extends BodyCodec.Type<typeof ConsumeQueueData> {}

/** RocketMQ 5.5.0 `remoting.protocol.body.QueryConsumeQueueResponseBody`. */
export const QueryConsumeQueueResponseBody = BodyCodec.make({
  filterData: BodyCodec.optional(BodyCodec.text),
  maxQueueIndex: BodyCodec.withDefault(BodyCodec.long, 0),
  minQueueIndex: BodyCodec.withDefault(BodyCodec.long, 0),
  queueData: BodyCodec.withDefault(BodyCodec.list(ConsumeQueueData), []),
  subscriptionData: BodyCodec.optional(SubscriptionData)
})
export interface QueryConsumeQueueResponseBody extends BodyCodec.Type<typeof QueryConsumeQueueResponseBody> {}
