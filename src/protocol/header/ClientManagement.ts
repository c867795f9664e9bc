/**
 * Clients as servers know them: heartbeats (34), unregistering (35), the clients of a group (38, 40), and the locks of
 * queues (41, 42).
 *
 * Source: RocketMQ 5.5.0 `remoting.protocol.header`, `broker.processor.ClientManageProcessor`.
 */
import * as HeaderCodec from "./HeaderCodec.ts"

/** HEART_BEAT; the body is a `HeartbeatData`. */
export const HeartbeatRequestHeader = HeaderCodec.makeRequest({})
export interface HeartbeatRequestHeader extends HeaderCodec.Type<typeof HeartbeatRequestHeader> {}

/** The ext fields of a broker's answer to HEART_BEAT, for which Java has no class; a proxy sends none. */
export const HeartbeatResponseHeader = HeaderCodec.make({
  /** Whether heartbeats without subscriptions are understood (`HeartbeatData`). */
  isSupportHeartBeatV2: HeaderCodec.named(
    "IS_SUPPORT_HEART_BEAT_V2",
    HeaderCodec.withDefault(HeaderCodec.boolean, false)
  ),
  /** Whether this heartbeat changed a subscription. */
  isSubChange: HeaderCodec.named("IS_SUB_CHANGE", HeaderCodec.withDefault(HeaderCodec.boolean, false))
})
export interface HeartbeatResponseHeader extends HeaderCodec.Type<typeof HeartbeatResponseHeader> {}

/** UNREGISTER_CLIENT: the client leaves the groups that are named. */
export const UnregisterClientRequestHeader = HeaderCodec.makeRequest({
  clientID: HeaderCodec.text,
  producerGroup: HeaderCodec.optional(HeaderCodec.text),
  consumerGroup: HeaderCodec.optional(HeaderCodec.text)
})
export interface UnregisterClientRequestHeader extends HeaderCodec.Type<typeof UnregisterClientRequestHeader> {}

/** GET_CONSUMER_LIST_BY_GROUP; answered with a `GetConsumerListByGroupResponseBody`. */
export const GetConsumerListByGroupRequestHeader = HeaderCodec.makeRequest({
  consumerGroup: HeaderCodec.text
})
export interface GetConsumerListByGroupRequestHeader
  extends HeaderCodec.Type<typeof GetConsumerListByGroupRequestHeader>
{}

/** NOTIFY_CONSUMER_IDS_CHANGED, which brokers and proxies send to the clients of a group, oneway. */
export const NotifyConsumerIdsChangedRequestHeader = HeaderCodec.makeRequest({
  consumerGroup: HeaderCodec.text
})
export interface NotifyConsumerIdsChangedRequestHeader
  extends HeaderCodec.Type<typeof NotifyConsumerIdsChangedRequestHeader>
{}

/** LOCK_BATCH_MQ; the body is a `LockBatchRequestBody`. */
export const LockBatchMqRequestHeader = HeaderCodec.makeRequest({})
export interface LockBatchMqRequestHeader extends HeaderCodec.Type<typeof LockBatchMqRequestHeader> {}

/** UNLOCK_BATCH_MQ; the body is an `UnlockBatchRequestBody`. */
export const UnlockBatchMqRequestHeader = HeaderCodec.makeRequest({})
export interface UnlockBatchMqRequestHeader extends HeaderCodec.Type<typeof UnlockBatchMqRequestHeader> {}
