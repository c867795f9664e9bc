/** The version of a table: of topics, of groups. Later ones have a larger counter, or a later time. */
import * as BodyCodec from "./BodyCodec.ts"

/** RocketMQ 5.5.0 `remoting.protocol.DataVersion`. */
export const DataVersion = BodyCodec.make({
  counter: BodyCodec.withDefault(BodyCodec.long, 0),
  /** Which master of the broker's group; 0 without such a group. */
  stateVersion: BodyCodec.withDefault(BodyCodec.long, 0),
  /** When it was made, in milliseconds since the epoch. */
  timestamp: BodyCodec.withDefault(BodyCodec.long, 0)
})
export interface DataVersion extends BodyCodec.Type<typeof DataVersion> {}

/** The version of a table that never changed. */
export const zero: DataVersion = { counter: 0, stateVersion: 0, timestamp: 0 }
