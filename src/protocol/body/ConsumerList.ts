/** The clients of a consumer group: the body of the answer to GET_CONSUMER_LIST_BY_GROUP (38). */
import * as BodyCodec from "./BodyCodec.ts"

/** RocketMQ 5.5.0 `remoting.protocol.header.GetConsumerListByGroupResponseBody`. */
export const GetConsumerListByGroupResponseBody = BodyCodec.make({
  /** May name a client twice: once a channel. */
  consumerIdList: BodyCodec.withDefault(BodyCodec.list(BodyCodec.text), [])
})
export interface GetConsumerListByGroupResponseBody extends BodyCodec.Type<typeof GetConsumerListByGroupResponseBody> {}
