/** Names of groups: the answer to QUERY_TOPIC_CONSUME_BY_WHO (300). */
import * as BodyCodec from "./BodyCodec.ts"

/** RocketMQ 5.5.0 `remoting.protocol.body.GroupList`. */
export const GroupList = BodyCodec.make({
  groupList: BodyCodec.withDefault(BodyCodec.list(BodyCodec.text), [])
})
export interface GroupList extends BodyCodec.Type<typeof GroupList> {}
