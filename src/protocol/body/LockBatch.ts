/**
 * Locks of queues, for consumers in order: the bodies of LOCK_BATCH_MQ (41) and UNLOCK_BATCH_MQ (42).
 *
 * Source: RocketMQ 5.5.0 `remoting.protocol.body`.
 */
import * as BodyCodec from "./BodyCodec.ts"
import { MessageQueue } from "./MessageQueue.ts"

const request = {
  clientId: BodyCodec.text,
  consumerGroup: BodyCodec.text,
  mqSet: BodyCodec.withDefault(BodyCodec.list(MessageQueue), []),
  /** Whether the broker must not ask its replicas. */
  onlyThisBroker: BodyCodec.withDefault(BodyCodec.boolean, false)
} as const

/** LOCK_BATCH_MQ. */
export const LockBatchRequestBody = BodyCodec.make(request)
export interface LockBatchRequestBody extends BodyCodec.Type<typeof LockBatchRequestBody> {}

/** The queues that are locked now. */
export const LockBatchResponseBody = BodyCodec.make({
  lockOKMQSet: BodyCodec.withDefault(BodyCodec.list(MessageQueue), [])
})
export interface LockBatchResponseBody extends BodyCodec.Type<typeof LockBatchResponseBody> {}

/** UNLOCK_BATCH_MQ. */
export const UnlockBatchRequestBody = BodyCodec.make(request)
export interface UnlockBatchRequestBody extends BodyCodec.Type<typeof UnlockBatchRequestBody> {}
