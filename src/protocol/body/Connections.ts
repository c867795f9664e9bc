/**
 * The clients of groups: the answers to GET_CONSUMER_CONNECTION_LIST (203), GET_PRODUCER_CONNECTION_LIST (204) and
 * GET_ALL_PRODUCER_INFO (328).
 *
 * Source: RocketMQ 5.5.0 `remoting.protocol.body`.
 */
import * as BodyCodec from "./BodyCodec.ts"
import { ConsumeFromWhere, ConsumeType, MessageModel } from "./HeartbeatData.ts"
import { SubscriptionData } from "./SubscriptionData.ts"

/** A client on one channel. */
export const Connection = BodyCodec.make({
  /** `ip:port`. */
  clientAddr: BodyCodec.optional(BodyCodec.text),
  clientId: BodyCodec.optional(BodyCodec.text),
  /** A name of `LanguageCode`, or one that is newer. */
  language: BodyCodec.optional(BodyCodec.text),
  /** An ordinal of `MqVersion`. */
  version: BodyCodec.withDefault(BodyCodec.int, 0)
})
export interface Connection extends BodyCodec.Type<typeof Connection> {}

export const ConsumerConnection = BodyCodec.make({
  connectionSet: BodyCodec.withDefault(BodyCodec.list(Connection), []),
  consumeFromWhere: BodyCodec.optional(ConsumeFromWhere),
  consumeType: BodyCodec.optional(ConsumeType),
  messageModel: BodyCodec.optional(MessageModel),
  /** By topic. */
  subscriptionTable: BodyCodec.withDefault(BodyCodec.record(SubscriptionData), BodyCodec.noEntries)
})
export interface ConsumerConnection extends BodyCodec.Type<typeof ConsumerConnection> {}

export const ProducerConnection = BodyCodec.make({
  connectionSet: BodyCodec.withDefault(BodyCodec.list(Connection), [])
})
export interface ProducerConnection extends BodyCodec.Type<typeof ProducerConnection> {}

export const ProducerInfo = BodyCodec.make({
  clientId: BodyCodec.optional(BodyCodec.text),
  language: BodyCodec.optional(BodyCodec.text),
  /** Milliseconds since the epoch. */
  lastUpdateTimestamp: BodyCodec.withDefault(BodyCodec.long, 0),
  remoteIP: BodyCodec.optional(BodyCodec.text),
  version: BodyCodec.withDefault(BodyCodec.int, 0)
})
export interface ProducerInfo extends BodyCodec.Type<typeof ProducerInfo> {}

export const ProducerTableInfo = BodyCodec.make({
  /** By group. */
  data: BodyCodec.withDefault(BodyCodec.record(BodyCodec.list(ProducerInfo)), BodyCodec.noEntries)
})
export interface ProducerTableInfo extends BodyCodec.Type<typeof ProducerTableInfo> {}
