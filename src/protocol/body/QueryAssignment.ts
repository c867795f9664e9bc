/**
 * Which queues of a topic a consumer is to take, as the broker assigns them: the bodies of QUERY_ASSIGNMENT (400) and of
 * its answer.
 *
 * Source: RocketMQ 5.5.0 `remoting.protocol.body`, `common.message.MessageQueueAssignment`.
 */
import * as BodyCodec from "./BodyCodec.ts"
import { MessageModel } from "./HeartbeatData.ts"
import { MessageQueue } from "./MessageQueue.ts"
import { MessageRequestMode } from "./SetMessageRequestMode.ts"

export const QueryAssignmentRequestBody = BodyCodec.make({
  clientId: BodyCodec.text,
  consumerGroup: BodyCodec.text,
  messageModel: BodyCodec.optional(MessageModel),
  /** `AVG` or `AVG_BY_CIRCLE`. */
  strategyName: BodyCodec.optional(BodyCodec.text),
  topic: BodyCodec.text
})
export interface QueryAssignmentRequestBody extends BodyCodec.Type<typeof QueryAssignmentRequestBody> {}

/** One queue. One without an id (-1) stands for all queues of its broker, to be popped. */
export const MessageQueueAssignment = BodyCodec.make({
  attachments: BodyCodec.optional(BodyCodec.record(BodyCodec.text)),
  messageQueue: MessageQueue,
  /** How to take from it. */
  mode: BodyCodec.withDefault(MessageRequestMode, "PULL")
})
export interface MessageQueueAssignment extends BodyCodec.Type<typeof MessageQueueAssignment> {}

export const QueryAssignmentResponseBody = BodyCodec.make({
  /** Left out: keep what you have. Empty: nothing. */
  messageQueueAssignments: BodyCodec.optional(BodyCodec.list(MessageQueueAssignment))
})
export interface QueryAssignmentResponseBody extends BodyCodec.Type<typeof QueryAssignmentResponseBody> {}
