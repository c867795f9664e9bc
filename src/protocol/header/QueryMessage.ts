/**
 * Looking messages up: QUERY_MESSAGE (12) by key, VIEW_MESSAGE_BY_ID (33) by commit log offset, QUERY_CONSUME_QUEUE
 * (321) by queue.
 *
 * Source: RocketMQ 5.5.0 `remoting.protocol.header`, `common.MixAll.UNIQUE_MSG_QUERY_FLAG`.
 */
import * as HeaderCodec from "./HeaderCodec.ts"

/** QUERY_MESSAGE. The broker finds keys by their hash: whoever asks has to compare the keys themselves. */
export const QueryMessageRequestHeader = HeaderCodec.makeRequest({
  topic: HeaderCodec.text,
  key: HeaderCodec.text,
  /** How many messages at most. */
  maxNum: HeaderCodec.int,
  /** Milliseconds since the epoch of storing. */
  beginTimestamp: HeaderCodec.saturatingLong,
  /** Milliseconds since the epoch; Java asks for `Long.MAX_VALUE`, which decodes to `Number.MAX_SAFE_INTEGER`. */
  endTimestamp: HeaderCodec.saturatingLong,
  /** Since 5.5.0: which kind of key. */
  indexType: HeaderCodec.optional(HeaderCodec.text),
  /** Since 5.5.0: where the last answer ended. */
  lastKey: HeaderCodec.optional(HeaderCodec.text),
  /** Whether `key` is a `UNIQ_KEY`; an ext field beside Java's class. */
  uniqueKeyQuery: HeaderCodec.named("_UNIQUE_KEY_QUERY", HeaderCodec.optional(HeaderCodec.boolean))
})
export interface QueryMessageRequestHeader extends HeaderCodec.Type<typeof QueryMessageRequestHeader> {}

/** The answer; the body holds the messages. */
export const QueryMessageResponseHeader = HeaderCodec.make({
  indexLastUpdateTimestamp: HeaderCodec.long,
  indexLastUpdatePhyoffset: HeaderCodec.long
})
export interface QueryMessageResponseHeader extends HeaderCodec.Type<typeof QueryMessageResponseHeader> {}

/** VIEW_MESSAGE_BY_ID; the body of the answer is the message. */
export const ViewMessageRequestHeader = HeaderCodec.makeRequest({
  topic: HeaderCodec.optional(HeaderCodec.text),
  /** The commit log offset, which is part of the offset id. */
  offset: HeaderCodec.long
})
export interface ViewMessageRequestHeader extends HeaderCodec.Type<typeof ViewMessageRequestHeader> {}

/** QUERY_CONSUME_QUEUE; answered with a `QueryConsumeQueueResponseBody`. */
export const QueryConsumeQueueRequestHeader = HeaderCodec.makeRequest({
  topic: HeaderCodec.text,
  queueId: HeaderCodec.int,
  /** The queue offset to begin with. */
  index: HeaderCodec.long,
  count: HeaderCodec.int,
  /** Whose subscription is to be tried on the entries. */
  consumerGroup: HeaderCodec.optional(HeaderCodec.text)
})
export interface QueryConsumeQueueRequestHeader extends HeaderCodec.Type<typeof QueryConsumeQueueRequestHeader> {}
