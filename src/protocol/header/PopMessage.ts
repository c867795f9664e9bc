/**
 * POP: messages that one consumer of a group takes for a while, and acknowledges. All codes are too large for ROCKETMQ
 * headers and go with JSON ones. What the texts in these headers mean is in `ExtraInfo`.
 *
 * Source: RocketMQ 5.5.0 `remoting.protocol.header`.
 */
import * as HeaderCodec from "./HeaderCodec.ts"

/** POP_MESSAGE (200050). Times in milliseconds. */
export const PopMessageRequestHeader = HeaderCodec.makeRequest({
  consumerGroup: HeaderCodec.text,
  topic: HeaderCodec.text,
  /** -1: any readable queue. */
  queueId: HeaderCodec.int,
  /** How many messages at most; the broker allows 32. */
  maxMsgNums: HeaderCodec.int,
  /** For how long nobody else gets the messages. */
  invisibleTime: HeaderCodec.long,
  /** How long to wait for a message. */
  pollTime: HeaderCodec.long,
  /**
   * When the request was made, since the epoch, by the broker's clock; 0: when it comes to the broker, so that no
   * clock matters.
   */
  bornTime: HeaderCodec.long,
  /** Where a group begins that has no offset: 0 at the first message, 1 after the last. */
  initMode: HeaderCodec.int,
  /** `TAG` or `SQL92`. */
  expType: HeaderCodec.optional(HeaderCodec.text),
  /** The filter expression. */
  exp: HeaderCodec.optional(HeaderCodec.text),
  /** Whether the messages of a queue are to come in order. */
  order: HeaderCodec.withDefault(HeaderCodec.boolean, false),
  /** The same for each try of an ordered pop: a try again gets the same messages. */
  attemptId: HeaderCodec.optional(HeaderCodec.text)
})
export interface PopMessageRequestHeader extends HeaderCodec.Type<typeof PopMessageRequestHeader> {}

/** The answer, also to PEEK_MESSAGE; the body holds the messages. */
export const PopMessageResponseHeader = HeaderCodec.make({
  /** When the broker answered, in milliseconds since the epoch. */
  popTime: HeaderCodec.long,
  invisibleTime: HeaderCodec.long,
  /** The queue in which the broker keeps the checkpoints; 999 for an ordered pop. */
  reviveQid: HeaderCodec.int,
  /** How many messages are left. */
  restNum: HeaderCodec.withDefault(HeaderCodec.long, 0),
  startOffsetInfo: HeaderCodec.optional(HeaderCodec.text),
  msgOffsetInfo: HeaderCodec.optional(HeaderCodec.text),
  orderCountInfo: HeaderCodec.optional(HeaderCodec.text)
})
export interface PopMessageResponseHeader extends HeaderCodec.Type<typeof PopMessageResponseHeader> {}

/** ACK_MESSAGE (200051). */
export const AckMessageRequestHeader = HeaderCodec.makeRequest({
  consumerGroup: HeaderCodec.text,
  /** The topic that the message lies in: for one that came again, the retry topic (`realTopic`). */
  topic: HeaderCodec.text,
  queueId: HeaderCodec.int,
  /** The message's `POP_CK`. */
  extraInfo: HeaderCodec.text,
  /** Its queue offset: the last part of `POP_CK`. */
  offset: HeaderCodec.long,
  liteTopic: HeaderCodec.optional(HeaderCodec.text)
})
export interface AckMessageRequestHeader extends HeaderCodec.Type<typeof AckMessageRequestHeader> {}

/** CHANGE_MESSAGE_INVISIBLETIME (200053): the message stays invisible for longer, or comes again sooner. */
export const ChangeInvisibleTimeRequestHeader = HeaderCodec.makeRequest({
  consumerGroup: HeaderCodec.text,
  /** As for an acknowledgement. */
  topic: HeaderCodec.text,
  queueId: HeaderCodec.int,
  /** The message's `POP_CK`. */
  extraInfo: HeaderCodec.text,
  offset: HeaderCodec.long,
  /** From now on, in milliseconds. */
  invisibleTime: HeaderCodec.long,
  liteTopic: HeaderCodec.optional(HeaderCodec.text),
  /** Since 5.5.0. */
  suspend: HeaderCodec.withDefault(HeaderCodec.boolean, false)
})
export interface ChangeInvisibleTimeRequestHeader extends HeaderCodec.Type<typeof ChangeInvisibleTimeRequestHeader> {}

/** The answer: parts of the message's new `POP_CK`. */
export const ChangeInvisibleTimeResponseHeader = HeaderCodec.make({
  popTime: HeaderCodec.long,
  invisibleTime: HeaderCodec.long,
  reviveQid: HeaderCodec.int
})
export interface ChangeInvisibleTimeResponseHeader extends HeaderCodec.Type<typeof ChangeInvisibleTimeResponseHeader> {}

/** PEEK_MESSAGE (200052): the next messages, which stay visible. Answered with a `PopMessageResponseHeader`. */
export const PeekMessageRequestHeader = HeaderCodec.makeRequest({
  topic: HeaderCodec.text,
  queueId: HeaderCodec.int,
  maxMsgNums: HeaderCodec.int,
  consumerGroup: HeaderCodec.text
})
export interface PeekMessageRequestHeader extends HeaderCodec.Type<typeof PeekMessageRequestHeader> {}

/** NOTIFICATION (200054): whether a pop would find a message; waits for one. */
export const NotificationRequestHeader = HeaderCodec.makeRequest({
  consumerGroup: HeaderCodec.text,
  topic: HeaderCodec.text,
  /** -1: any queue. */
  queueId: HeaderCodec.int,
  /** Milliseconds. */
  pollTime: HeaderCodec.long,
  /** As for a pop. */
  bornTime: HeaderCodec.long,
  order: HeaderCodec.withDefault(HeaderCodec.boolean, false),
  attemptId: HeaderCodec.optional(HeaderCodec.text),
  expType: HeaderCodec.optional(HeaderCodec.text),
  exp: HeaderCodec.optional(HeaderCodec.text)
})
export interface NotificationRequestHeader extends HeaderCodec.Type<typeof NotificationRequestHeader> {}

export const NotificationResponseHeader = HeaderCodec.make({
  hasMsg: HeaderCodec.withDefault(HeaderCodec.boolean, false),
  /** That too many wait already. */
  pollingFull: HeaderCodec.withDefault(HeaderCodec.boolean, false)
})
export interface NotificationResponseHeader extends HeaderCodec.Type<typeof NotificationResponseHeader> {}

/** POLLING_INFO (200055): how many pops wait. */
export const PollingInfoRequestHeader = HeaderCodec.makeRequest({
  consumerGroup: HeaderCodec.text,
  topic: HeaderCodec.text,
  queueId: HeaderCodec.int
})
export interface PollingInfoRequestHeader extends HeaderCodec.Type<typeof PollingInfoRequestHeader> {}

export const PollingInfoResponseHeader = HeaderCodec.make({
  pollingNum: HeaderCodec.int
})
export interface PollingInfoResponseHeader extends HeaderCodec.Type<typeof PollingInfoResponseHeader> {}
