/**
 * PUSH_REPLY_MESSAGE_TO_CLIENT (326): the reply to a request message, which the broker sends to whoever made the request.
 *
 * Source: RocketMQ 5.5.0 `remoting.protocol.header.ReplyMessageRequestHeader`.
 */
import * as HeaderCodec from "./HeaderCodec.ts"

/** PUSH_REPLY_MESSAGE_TO_CLIENT; the body is that of the reply, compressed as `sysFlag` says. */
export const ReplyMessageRequestHeader = HeaderCodec.makeRequest({
  producerGroup: HeaderCodec.text,
  topic: HeaderCodec.text,
  defaultTopic: HeaderCodec.text,
  defaultTopicQueueNums: HeaderCodec.int,
  queueId: HeaderCodec.int,
  sysFlag: HeaderCodec.int,
  /** Milliseconds since the epoch. */
  bornTimestamp: HeaderCodec.long,
  flag: HeaderCodec.int,
  /** The reply's properties, encoded; its correlation id is among them. */
  properties: HeaderCodec.withDefault(HeaderCodec.text, ""),
  reconsumeTimes: HeaderCodec.withDefault(HeaderCodec.int, 0),
  unitMode: HeaderCodec.withDefault(HeaderCodec.boolean, false),
  /** Who sent the reply: `ip:port`. */
  bornHost: HeaderCodec.text,
  /** The broker: `ip:port`. */
  storeHost: HeaderCodec.text,
  /** Milliseconds since the epoch. */
  storeTimestamp: HeaderCodec.long
})
export interface ReplyMessageRequestHeader extends HeaderCodec.Type<typeof ReplyMessageRequestHeader> {}
