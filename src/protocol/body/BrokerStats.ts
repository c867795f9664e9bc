/** Rates of a broker: the answer to VIEW_BROKER_STATS_DATA (315). */
import * as BodyCodec from "./BodyCodec.ts"

/** RocketMQ 5.5.0 `remoting.protocol.body.BrokerStatsItem`. */
export const BrokerStatsItem = BodyCodec.make({
  /** The mean of each event. */
  avgpt: BodyCodec.withDefault(BodyCodec.double, 0),
  sum: BodyCodec.withDefault(BodyCodec.long, 0),
  /** A second. */
  tps: BodyCodec.withDefault(BodyCodec.double, 0)
})
export interface BrokerStatsItem extends BodyCodec.Type<typeof BrokerStatsItem> {}

/** RocketMQ 5.5.0 `remoting.protocol.body.BrokerStatsData`. */
export const BrokerStatsData = BodyCodec.make({
  statsDay: BodyCodec.optional(BrokerStatsItem),
  statsHour: BodyCodec.optional(BrokerStatsItem),
  statsMinute: BodyCodec.optional(BrokerStatsItem)
})
export interface BrokerStatsData extends BodyCodec.Type<typeof BrokerStatsData> {}
