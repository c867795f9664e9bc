/**
 * What a client tells brokers of itself: the body of HEART_BEAT (34).
 *
 * Source: RocketMQ 5.5.0 `remoting.protocol.heartbeat`, `common.consumer.ConsumeFromWhere`.
 */
import { javaHashCode } from "../message/TagsCode.ts"
import * as BodyCodec from "./BodyCodec.ts"
import { SubscriptionData } from "./SubscriptionData.ts"

/** Whether a consumer pulls by itself, is pushed to, or pops. */
export const ConsumeType = BodyCodec.enumeration("CONSUME_ACTIVELY", "CONSUME_PASSIVELY", "CONSUME_POP")
export type ConsumeType = BodyCodec.Type<typeof ConsumeType>

/** Whether each consumer of a group gets every message, or one of them. `LITE_SELECTIVE` is of RocketMQ 5.5.0. */
export const MessageModel = BodyCodec.enumeration("BROADCASTING", "CLUSTERING", "LITE_SELECTIVE")
export type MessageModel = BodyCodec.Type<typeof MessageModel>

/** Where a group begins that has no offset. The three in the middle are of the past. */
export const ConsumeFromWhere = BodyCodec.enumeration(
  "CONSUME_FROM_LAST_OFFSET",
  "CONSUME_FROM_LAST_OFFSET_AND_FROM_MIN_WHEN_BOOT_FIRST",
  "CONSUME_FROM_MIN_OFFSET",
  "CONSUME_FROM_MAX_OFFSET",
  "CONSUME_FROM_FIRST_OFFSET",
  "CONSUME_FROM_TIMESTAMP"
)
export type ConsumeFromWhere = BodyCodec.Type<typeof ConsumeFromWhere>

/** A group that the client sends as. */
export const ProducerData = BodyCodec.make({
  groupName: BodyCodec.text
})
export interface ProducerData extends BodyCodec.Type<typeof ProducerData> {}

/** A group that the client receives as. */
export const ConsumerData = BodyCodec.make({
  consumeFromWhere: BodyCodec.optional(ConsumeFromWhere),
  consumeType: BodyCodec.optional(ConsumeType),
  groupName: BodyCodec.text,
  messageModel: BodyCodec.optional(MessageModel),
  subscriptionDataSet: BodyCodec.withDefault(BodyCodec.list(SubscriptionData), []),
  unitMode: BodyCodec.withDefault(BodyCodec.boolean, false)
})
export interface ConsumerData extends BodyCodec.Type<typeof ConsumerData> {}

/**
 * A heartbeat. To a broker that understands it (`HeartbeatResponseHeader.isSupportHeartBeatV2`) a client may send, after
 * a full one, heartbeats without subscriptions: both with the `fingerprint`, which the broker only looks at for not
 * being 0, the light ones with `withoutSub` and empty `subscriptionDataSet`s.
 */
export const HeartbeatData = BodyCodec.make({
  clientID: BodyCodec.text,
  consumerDataSet: BodyCodec.withDefault(BodyCodec.list(ConsumerData), []),
  heartbeatFingerprint: BodyCodec.withDefault(BodyCodec.int, 0),
  producerDataSet: BodyCodec.withDefault(BodyCodec.list(ProducerData), []),
  withoutSub: BodyCodec.withDefault(BodyCodec.boolean, false)
})
export interface HeartbeatData extends BodyCodec.Type<typeof HeartbeatData> {}

const sorted = <T>(shape: BodyCodec.Shape<T>, values: ReadonlyArray<T>): string =>
  values.map((value) => shape.write(value, "FastJson")).sort().join(",")

/**
 * A hash of all that a heartbeat says of its groups, whatever their order and the versions of their subscriptions; never
 * 0. Another one than last time: the heartbeat has to be a full one.
 *
 * Java takes the hash of the JSON, in the order of its hash sets; no two clients have to agree on it.
 */
export const fingerprint = (heartbeat: HeartbeatData): number => {
  const consumers = heartbeat.consumerDataSet.map((consumer) => {
    const subscriptions = consumer.subscriptionDataSet.map((subscription) => ({
      ...subscription,
      codeSet: [...subscription.codeSet].sort((a, b) => a - b),
      subVersion: 0,
      tagsSet: [...subscription.tagsSet].sort()
    }))
    return ConsumerData.write({ ...consumer, subscriptionDataSet: [] }, "FastJson") +
      sorted(SubscriptionData, subscriptions)
  })
  const hash = javaHashCode([sorted(ProducerData, heartbeat.producerDataSet), ...consumers.sort()].join("\n"))
  return hash === 0 ? 1 : hash
}
