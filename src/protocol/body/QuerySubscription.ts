/** What a group wants of a topic: the answer to QUERY_SUBSCRIPTION_BY_CONSUMER (345). */
import * as BodyCodec from "./BodyCodec.ts"
import { SubscriptionData } from "./SubscriptionData.ts"

/** RocketMQ 5.5.0 `remoting.protocol.body.QuerySubscriptionResponseBody`. */
export const QuerySubscriptionResponseBody = BodyCodec.make({
  group: BodyCodec.optional(BodyCodec.text),
  subscriptionData: BodyCodec.optional(SubscriptionData),
  topic: BodyCodec.optional(BodyCodec.text)
})
export interface QuerySubscriptionResponseBody extends BodyCodec.Type<typeof QuerySubscriptionResponseBody> {}
