/** Names of topics: the answer to GET_ALL_TOPIC_LIST_FROM_NAMESERVER (206), GET_TOPICS_BY_CLUSTER (224) and others. */
import * as BodyCodec from "./BodyCodec.ts"

/** RocketMQ 5.5.0 `remoting.protocol.body.TopicList`. */
export const TopicList = BodyCodec.make({
  brokerAddr: BodyCodec.optional(BodyCodec.text),
  topicList: BodyCodec.withDefault(BodyCodec.list(BodyCodec.text), [])
})
export interface TopicList extends BodyCodec.Type<typeof TopicList> {}
