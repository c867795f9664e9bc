/**
 * Whether a group pulls or pops from a topic: the body of SET_MESSAGE_REQUEST_MODE (401), and what
 * GET_ALL_MESSAGE_REQUEST_MODE (402) is answered with.
 *
 * Source: RocketMQ 5.5.0 `remoting.protocol.body`, `common.message.MessageRequestMode`.
 */
import * as BodyCodec from "./BodyCodec.ts"

/** How consumers get messages. */
export const MessageRequestMode = BodyCodec.enumeration("PULL", "POP")
export type MessageRequestMode = BodyCodec.Type<typeof MessageRequestMode>

export const SetMessageRequestModeRequestBody = BodyCodec.make({
  consumerGroup: BodyCodec.text,
  mode: BodyCodec.withDefault(MessageRequestMode, "PULL"),
  /** How many consumers share a queue when they pop; 0: all share all. */
  popShareQueueNum: BodyCodec.withDefault(BodyCodec.int, 0),
  topic: BodyCodec.text
})
export interface SetMessageRequestModeRequestBody extends BodyCodec.Type<typeof SetMessageRequestModeRequestBody> {}

export const MessageRequestModeSerializeWrapper = BodyCodec.make({
  /** By topic and group. */
  messageRequestModeMap: BodyCodec.withDefault(
    BodyCodec.record(BodyCodec.record(SetMessageRequestModeRequestBody)),
    BodyCodec.noEntries
  )
})
export interface MessageRequestModeSerializeWrapper extends BodyCodec.Type<typeof MessageRequestModeSerializeWrapper> {}
