/** Offsets that other groups have: the answer to QUERY_CORRECTION_OFFSET (308). */
import * as BodyCodec from "./BodyCodec.ts"

/** RocketMQ 5.5.0 `remoting.protocol.body.QueryCorrectionOffsetBody`. */
export const QueryCorrectionOffsetBody = BodyCodec.make({
  /** By queue. */
  correctionOffsets: BodyCodec.withDefault(BodyCodec.intMap(BodyCodec.long), new Map())
})
export interface QueryCorrectionOffsetBody extends BodyCodec.Type<typeof QueryCorrectionOffsetBody> {}
