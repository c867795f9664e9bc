/**
 * The offsets that consumer groups have stored: QUERY_CONSUMER_OFFSET (14) and UPDATE_CONSUMER_OFFSET (15), and the ones
 * that other groups would have (QUERY_CORRECTION_OFFSET, 308).
 *
 * Source: RocketMQ 5.5.0 `remoting.protocol.header`.
 */
import * as HeaderCodec from "./HeaderCodec.ts"

/** QUERY_CONSUMER_OFFSET; answered with code 22 when the group has no offset. */
export const QueryConsumerOffsetRequestHeader = HeaderCodec.makeRequest({
  consumerGroup: HeaderCodec.text,
  topic: HeaderCodec.text,
  queueId: HeaderCodec.int,
  /**
   * `false`: without an offset always code 22. Else the broker answers 0 for a queue whose first message is still in
   * memory.
   */
  setZeroIfNotFound: HeaderCodec.optional(HeaderCodec.boolean)
})
export interface QueryConsumerOffsetRequestHeader extends HeaderCodec.Type<typeof QueryConsumerOffsetRequestHeader> {}

export const QueryConsumerOffsetResponseHeader = HeaderCodec.make({
  offset: HeaderCodec.long
})
export interface QueryConsumerOffsetResponseHeader extends HeaderCodec.Type<typeof QueryConsumerOffsetResponseHeader> {}

/** UPDATE_CONSUMER_OFFSET. */
export const UpdateConsumerOffsetRequestHeader = HeaderCodec.makeRequest({
  consumerGroup: HeaderCodec.text,
  topic: HeaderCodec.text,
  queueId: HeaderCodec.int,
  commitOffset: HeaderCodec.long
})
export interface UpdateConsumerOffsetRequestHeader extends HeaderCodec.Type<typeof UpdateConsumerOffsetRequestHeader> {}

/** QUERY_CORRECTION_OFFSET; answered with a `QueryCorrectionOffsetBody`. */
export const QueryCorrectionOffsetHeader = HeaderCodec.makeRequest({
  /** Groups to leave out, separated by commas. */
  filterGroups: HeaderCodec.optional(HeaderCodec.text),
  compareGroup: HeaderCodec.text,
  topic: HeaderCodec.text
})
export interface QueryCorrectionOffsetHeader extends HeaderCodec.Type<typeof QueryCorrectionOffsetHeader> {}
