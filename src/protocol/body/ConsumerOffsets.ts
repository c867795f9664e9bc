/** All offsets of a broker: the answer to GET_ALL_CONSUMER_OFFSET (43). */
import * as BodyCodec from "./BodyCodec.ts"
import { DataVersion } from "./DataVersion.ts"

/** RocketMQ 5.5.0 `remoting.protocol.body.ConsumerOffsetSerializeWrapper`. */
export const ConsumerOffsetSerializeWrapper = BodyCodec.make({
  dataVersion: BodyCodec.optional(DataVersion),
  /** By `topic@group` and queue. */
  offsetTable: BodyCodec.withDefault(BodyCodec.record(BodyCodec.intMap(BodyCodec.long)), BodyCodec.noEntries)
})
export interface ConsumerOffsetSerializeWrapper extends BodyCodec.Type<typeof ConsumerOffsetSerializeWrapper> {}
