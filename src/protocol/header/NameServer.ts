/**
 * What name servers are asked and told.
 *
 * Source: RocketMQ 5.5.0 `remoting.protocol.header.namesrv`.
 */
import * as HeaderCodec from "./HeaderCodec.ts"

/** GET_ROUTEINFO_BY_TOPIC (105); answered with a `TopicRouteData`, or code 17. */
export const GetRouteInfoRequestHeader = HeaderCodec.makeRequest({
  topic: HeaderCodec.text,
  /** `true`: the answer is to be standard JSON; it is in any case for a request of version 401 (4.9.4) or later. */
  acceptStandardJsonOnly: HeaderCodec.optional(HeaderCodec.boolean)
})
export interface GetRouteInfoRequestHeader extends HeaderCodec.Type<typeof GetRouteInfoRequestHeader> {}
