/**
 * The offsets of a message queue: the largest, the smallest, those at a time, and the time of the earliest message.
 *
 * Source: RocketMQ 5.5.0 `remoting.protocol.header`.
 */
import * as HeaderCodec from "./HeaderCodec.ts"

/** GET_MAX_OFFSET (30). */
export const GetMaxOffsetRequestHeader = HeaderCodec.makeRequest({
  topic: HeaderCodec.text,
  queueId: HeaderCodec.int,
  /** Whether only what the consume queue already shows counts; Java's default is `true`. */
  committed: HeaderCodec.withDefault(HeaderCodec.boolean, true)
})
export interface GetMaxOffsetRequestHeader extends HeaderCodec.Type<typeof GetMaxOffsetRequestHeader> {}

export const GetMaxOffsetResponseHeader = HeaderCodec.make({
  offset: HeaderCodec.long
})
export interface GetMaxOffsetResponseHeader extends HeaderCodec.Type<typeof GetMaxOffsetResponseHeader> {}

/** GET_MIN_OFFSET (31). */
export const GetMinOffsetRequestHeader = HeaderCodec.makeRequest({
  topic: HeaderCodec.text,
  queueId: HeaderCodec.int
})
export interface GetMinOffsetRequestHeader extends HeaderCodec.Type<typeof GetMinOffsetRequestHeader> {}

export const GetMinOffsetResponseHeader = HeaderCodec.make({
  offset: HeaderCodec.long
})
export interface GetMinOffsetResponseHeader extends HeaderCodec.Type<typeof GetMinOffsetResponseHeader> {}

/** SEARCH_OFFSET_BY_TIMESTAMP (29). */
export const SearchOffsetRequestHeader = HeaderCodec.makeRequest({
  topic: HeaderCodec.text,
  queueId: HeaderCodec.int,
  /** Milliseconds since the epoch; one after all messages gives the maximum. */
  timestamp: HeaderCodec.saturatingLong,
  /** Of several messages stored in that millisecond: the first (`LOWER`, the broker's default) or the last. */
  boundaryType: HeaderCodec.optional(HeaderCodec.literal("LOWER", "UPPER")),
  liteTopic: HeaderCodec.optional(HeaderCodec.text)
})
export interface SearchOffsetRequestHeader extends HeaderCodec.Type<typeof SearchOffsetRequestHeader> {}

export const SearchOffsetResponseHeader = HeaderCodec.make({
  offset: HeaderCodec.long
})
export interface SearchOffsetResponseHeader extends HeaderCodec.Type<typeof SearchOffsetResponseHeader> {}

/** GET_EARLIEST_MSG_STORETIME (32). */
export const GetEarliestMsgStoretimeRequestHeader = HeaderCodec.makeRequest({
  topic: HeaderCodec.text,
  queueId: HeaderCodec.int
})
export interface GetEarliestMsgStoretimeRequestHeader
  extends HeaderCodec.Type<typeof GetEarliestMsgStoretimeRequestHeader>
{}

export const GetEarliestMsgStoretimeResponseHeader = HeaderCodec.make({
  /** Milliseconds since the epoch; -1 for an empty queue. */
  timestamp: HeaderCodec.long
})
export interface GetEarliestMsgStoretimeResponseHeader
  extends HeaderCodec.Type<typeof GetEarliestMsgStoretimeResponseHeader>
{}
