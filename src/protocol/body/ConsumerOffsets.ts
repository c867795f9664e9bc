/** All offsets of a broker: the answer to GET_ALL_CONSUMER_OFFSET (43). */
import * as BodyCodec from "./BodyCodec.ts"
import { DataVersion } from "./DataVersion.ts"

/** RocketMQ 5.5.0 `remoting.protocol.body.ConsumerOffsetSerializeWrapper`. */
export const ConsumerOffsetSerializeWrapper = BodyCodec.make({
  dataVersion: BodyCodec.optional(DataVersion),
  /** The topics of each group. Since 5.5.0. */
  groupTopicMap: BodyCodec.optional(BodyCodec.record(BodyCodec.list(BodyCodec.text))),
  /** By `topic@group` and queue. */
  offsetTable: BodyCodec.withDefault(BodyCodec.record(BodyCodec.intMap(BodyCodec.long)), BodyCodec.noEntries),
  /** Where the last pulls ended, likewise. Since 5.5.0. */
  pullOffsetTable: BodyCodec.optional(BodyCodec.record(BodyCodec.intMap(BodyCodec.long)))
})
export interface ConsumerOffsetSerializeWrapper extends BodyCodec.Type<typeof ConsumerOffsetSerializeWrapper> {}
