/**
 * CONSUMER_SEND_MSG_BACK (36): a message that could not be consumed is to come again later.
 *
 * Source: RocketMQ 5.5.0 `remoting.protocol.header.ConsumerSendMsgBackRequestHeader`.
 */
import * as HeaderCodec from "./HeaderCodec.ts"

/** CONSUMER_SEND_MSG_BACK. */
export const ConsumerSendMsgBackRequestHeader = HeaderCodec.makeRequest({
  /** The commit log offset of the message. */
  offset: HeaderCodec.long,
  group: HeaderCodec.text,
  /** The delay level; 0: 3 more than the times it was consumed; negative: to the dead letters at once. */
  delayLevel: HeaderCodec.int,
  /** The offset id of the message. */
  originMsgId: HeaderCodec.optional(HeaderCodec.text),
  originTopic: HeaderCodec.optional(HeaderCodec.text),
  unitMode: HeaderCodec.withDefault(HeaderCodec.boolean, false),
  /** After how many attempts the message goes to the dead letters; the broker's default is the group's: 16. */
  maxReconsumeTimes: HeaderCodec.optional(HeaderCodec.int)
})
export interface ConsumerSendMsgBackRequestHeader extends HeaderCodec.Type<typeof ConsumerSendMsgBackRequestHeader> {}
