/** Keys and values: the answer to GET_BROKER_RUNTIME_INFO (28), GET_KVLIST_BY_NAMESPACE (219) and REGISTER_BROKER (103). */
import * as BodyCodec from "./BodyCodec.ts"

/** RocketMQ 5.5.0 `remoting.protocol.body.KVTable`. */
export const KVTable = BodyCodec.make({
  table: BodyCodec.withDefault(BodyCodec.record(BodyCodec.text), BodyCodec.noEntries)
})
export interface KVTable extends BodyCodec.Type<typeof KVTable> {}
