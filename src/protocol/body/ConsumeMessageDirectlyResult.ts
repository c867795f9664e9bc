/** What became of a message that was to be consumed at once: the answer to CONSUME_MESSAGE_DIRECTLY (309). */
import * as BodyCodec from "./BodyCodec.ts"

/** RocketMQ 5.5.0 `remoting.protocol.body.CMResult`. */
export const CMResult = BodyCodec.enumeration(
  "CR_SUCCESS",
  "CR_LATER",
  "CR_ROLLBACK",
  "CR_COMMIT",
  "CR_THROW_EXCEPTION",
  "CR_RETURN_NULL"
)
export type CMResult = BodyCodec.Type<typeof CMResult>

/** RocketMQ 5.5.0 `remoting.protocol.body.ConsumeMessageDirectlyResult`. */
export const ConsumeMessageDirectlyResult = BodyCodec.make({
  autoCommit: BodyCodec.withDefault(BodyCodec.boolean, true),
  consumeResult: BodyCodec.optional(CMResult),
  /** Whether the consumer is one in order. */
  order: BodyCodec.withDefault(BodyCodec.boolean, false),
  remark: BodyCodec.optional(BodyCodec.text),
  /** Milliseconds; spelled as RocketMQ does. */
  spentTimeMills: BodyCodec.withDefault(BodyCodec.long, 0)
})
export interface ConsumeMessageDirectlyResult extends BodyCodec.Type<typeof ConsumeMessageDirectlyResult> {}
