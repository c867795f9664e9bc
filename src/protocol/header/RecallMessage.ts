/**
 * RECALL_MESSAGE (370): takes a timer message back that was not delivered yet.
 *
 * Source: RocketMQ 5.5.0 `remoting.protocol.header.RecallMessageRequestHeader` and `RecallMessageResponseHeader`.
 */
import * as HeaderCodec from "./HeaderCodec.ts"

/** RECALL_MESSAGE. */
export const RecallMessageRequestHeader = HeaderCodec.makeRequest({
  producerGroup: HeaderCodec.optional(HeaderCodec.text),
  topic: HeaderCodec.text,
  /** From the answer to the message's SEND. */
  recallHandle: HeaderCodec.text
})
export interface RecallMessageRequestHeader extends HeaderCodec.Type<typeof RecallMessageRequestHeader> {}

export const RecallMessageResponseHeader = HeaderCodec.make({
  /** The `UNIQ_KEY` of the message that was recalled. */
  msgId: HeaderCodec.text
})
export interface RecallMessageResponseHeader extends HeaderCodec.Type<typeof RecallMessageResponseHeader> {}
