/**
 * Offsets by queue: the bodies of RESET_CONSUMER_CLIENT_OFFSET (220), and the answers to INVOKE_BROKER_TO_RESET_OFFSET
 * (222), INVOKE_BROKER_TO_GET_CONSUMER_STATUS (223) and GET_CONSUMER_STATUS_FROM_CLIENT (221).
 *
 * Source: RocketMQ 5.5.0 `remoting.protocol.body`, `common.message.MessageQueueForC`.
 */
import * as BodyCodec from "./BodyCodec.ts"
import { MessageQueue } from "./MessageQueue.ts"

export const ResetOffsetBody = BodyCodec.make({
  offsetTable: BodyCodec.withDefault(BodyCodec.objectMap(MessageQueue, BodyCodec.long), [])
})
export interface ResetOffsetBody extends BodyCodec.Type<typeof ResetOffsetBody> {}

export const MessageQueueForC = BodyCodec.make({
  brokerName: BodyCodec.text,
  offset: BodyCodec.withDefault(BodyCodec.long, 0),
  queueId: BodyCodec.withDefault(BodyCodec.int, 0),
  topic: BodyCodec.text
})
export interface MessageQueueForC extends BodyCodec.Type<typeof MessageQueueForC> {}

/** What clients in C++ are sent, whose JSON has no objects as keys. */
export const ResetOffsetBodyForC = BodyCodec.make({
  offsetTable: BodyCodec.withDefault(BodyCodec.list(MessageQueueForC), [])
})
export interface ResetOffsetBodyForC extends BodyCodec.Type<typeof ResetOffsetBodyForC> {}

export const GetConsumerStatusBody = BodyCodec.make({
  /** The broker's answer: offsets by client id. */
  consumerTable: BodyCodec.withDefault(
    BodyCodec.record(BodyCodec.objectMap(MessageQueue, BodyCodec.long)),
    BodyCodec.noEntries
  ),
  /** A client's answer. */
  messageQueueTable: BodyCodec.withDefault(BodyCodec.objectMap(MessageQueue, BodyCodec.long), [])
})
export interface GetConsumerStatusBody extends BodyCodec.Type<typeof GetConsumerStatusBody> {}
