/**
 * Brokers themselves: their settings, their statistics. Requests without a header of their own take
 * `BrokerRequestHeader`: GET_BROKER_RUNTIME_INFO (28), GET_ALL_CONSUMER_OFFSET (43), CHECK_CLIENT_CONFIG (46) and others.
 *
 * Source: RocketMQ 5.5.0 `remoting.protocol.header`.
 */
import * as HeaderCodec from "./HeaderCodec.ts"

/** A request of which all is said by its code and body. Java sends no header with it. */
export const BrokerRequestHeader = HeaderCodec.makeRequest({})
export interface BrokerRequestHeader extends HeaderCodec.Type<typeof BrokerRequestHeader> {}

/** The answer to GET_BROKER_CONFIG (26); the body holds the settings (`PropertiesText`). */
export const GetBrokerConfigResponseHeader = HeaderCodec.make({
  /** The version of the settings, as JSON. */
  version: HeaderCodec.text
})
export interface GetBrokerConfigResponseHeader extends HeaderCodec.Type<typeof GetBrokerConfigResponseHeader> {}

/** VIEW_BROKER_STATS_DATA (315); answered with a `BrokerStatsData`. */
export const ViewBrokerStatsDataRequestHeader = HeaderCodec.makeRequest({
  /** Such as `TOPIC_PUT_NUMS`, `GROUP_GET_NUMS`. */
  statsName: HeaderCodec.text,
  /** Such as the topic, `topic@group`. */
  statsKey: HeaderCodec.text
})
export interface ViewBrokerStatsDataRequestHeader extends HeaderCodec.Type<typeof ViewBrokerStatsDataRequestHeader> {}

/** GET_BROKER_CONSUME_STATS (317); answered with a `ConsumeStatsList`. */
export const GetConsumeStatsInBrokerHeader = HeaderCodec.makeRequest({
  /** Whether only of consumers in order. */
  isOrder: HeaderCodec.boolean
})
export interface GetConsumeStatsInBrokerHeader extends HeaderCodec.Type<typeof GetConsumeStatsInBrokerHeader> {}

/** CHECK_ROCKSDB_CQ_WRITE_PROGRESS (354). */
export const CheckRocksdbCqWriteProgressRequestHeader = HeaderCodec.makeRequest({
  topic: HeaderCodec.text,
  /** Milliseconds since the epoch. */
  checkStoreTime: HeaderCodec.withDefault(HeaderCodec.long, 0)
})
export interface CheckRocksdbCqWriteProgressRequestHeader
  extends HeaderCodec.Type<typeof CheckRocksdbCqWriteProgressRequestHeader>
{}

/** EXPORT_ROCKSDB_CONFIG_TO_JSON (355). */
export const ExportRocksDBConfigToJsonRequestHeader = HeaderCodec.makeRequest({
  /** Such as `topics;subscriptionGroups`. */
  configType: HeaderCodec.text
})
export interface ExportRocksDBConfigToJsonRequestHeader
  extends HeaderCodec.Type<typeof ExportRocksDBConfigToJsonRequestHeader>
{}
