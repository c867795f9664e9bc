/** Whether a broker understands a subscription: the body of CHECK_CLIENT_CONFIG (46). */
import * as BodyCodec from "./BodyCodec.ts"
import { SubscriptionData } from "./SubscriptionData.ts"

/**
 * RocketMQ 5.5.0 `remoting.protocol.body.CheckClientRequestBody`. Answered with code 23 when the expression is wrong.
 */
export const CheckClientRequestBody = BodyCodec.make({
  clientId: BodyCodec.text,
  group: BodyCodec.text,
  namespace: BodyCodec.optional(BodyCodec.text),
  subscriptionData: SubscriptionData
})
export interface CheckClientRequestBody extends BodyCodec.Type<typeof CheckClientRequestBody> {}
