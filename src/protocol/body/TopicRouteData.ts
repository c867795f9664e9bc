/**
 * Where a topic is: the body of the answer to GET_ROUTEINFO_BY_TOPIC (105), and of REGISTER_TOPIC_IN_NAMESRV (217).
 *
 * Source: RocketMQ 5.5.0 `remoting.protocol.route`, `remoting.protocol.statictopic.TopicQueueMappingInfo`,
 * `namesrv.processor.ClientRequestProcessor`.
 */
import * as BodyCodec from "./BodyCodec.ts"

/** The queues that a topic has on one broker. */
export const QueueData = BodyCodec.make({
  brokerName: BodyCodec.text,
  /** The bits of `Permission`. */
  perm: BodyCodec.withDefault(BodyCodec.int, 0),
  readQueueNums: BodyCodec.withDefault(BodyCodec.int, 0),
  topicSysFlag: BodyCodec.withDefault(BodyCodec.int, 0),
  writeQueueNums: BodyCodec.withDefault(BodyCodec.int, 0)
})
export interface QueueData extends BodyCodec.Type<typeof QueueData> {}

/** A broker: a master and its slaves. */
export const BrokerData = BodyCodec.make({
  /** `host:port` by broker id; 0 is the master. */
  brokerAddrs: BodyCodec.withDefault(BodyCodec.intMap(BodyCodec.text), new Map()),
  brokerName: BodyCodec.text,
  cluster: BodyCodec.withDefault(BodyCodec.text, ""),
  /** Whether a slave stands in for a master that is gone. */
  enableActingMaster: BodyCodec.withDefault(BodyCodec.boolean, false),
  zoneName: BodyCodec.optional(BodyCodec.text)
})
export interface BrokerData extends BodyCodec.Type<typeof BrokerData> {}

/** The members of `TopicQueueMappingInfo`, which other bodies extend. */
export const topicQueueMappingInfo = {
  /** The broker of the physical queues. */
  bname: BodyCodec.optional(BodyCodec.text),
  /** The physical queue by logical queue. */
  currIdMap: BodyCodec.withDefault(BodyCodec.intMap(BodyCodec.int), new Map()),
  dirty: BodyCodec.withDefault(BodyCodec.boolean, false),
  epoch: BodyCodec.withDefault(BodyCodec.long, 0),
  /** Part of the name that stands for all brokers: `__syslo__<scope>`. */
  scope: BodyCodec.withDefault(BodyCodec.text, "__global__"),
  topic: BodyCodec.optional(BodyCodec.text),
  totalQueues: BodyCodec.withDefault(BodyCodec.int, 0)
} as const

/** Which queues of a static topic a broker has. */
export const TopicQueueMappingInfo = BodyCodec.make(topicQueueMappingInfo)
export interface TopicQueueMappingInfo extends BodyCodec.Type<typeof TopicQueueMappingInfo> {}

/**
 * The route of a topic. `encode` writes the form that servers write for requests of old versions, with broker ids
 * unquoted; `encodeStandard` the other.
 */
export const TopicRouteData = BodyCodec.make({
  brokerDatas: BodyCodec.withDefault(BodyCodec.list(BrokerData), []),
  /** Filter servers by broker address; RocketMQ 4 had some. */
  filterServerTable: BodyCodec.withDefault(BodyCodec.record(BodyCodec.list(BodyCodec.text)), BodyCodec.noEntries),
  /** `brokerA:4;brokerB:4`: the queues of an ordered topic, whatever brokers there are. */
  orderTopicConf: BodyCodec.optional(BodyCodec.text),
  queueDatas: BodyCodec.withDefault(BodyCodec.list(QueueData), []),
  /** For static topics, by broker name. */
  topicQueueMappingByBroker: BodyCodec.optional(BodyCodec.record(TopicQueueMappingInfo))
})
export interface TopicRouteData extends BodyCodec.Type<typeof TopicRouteData> {}

/** The route as standard JSON: for requests of version 401 (4.9.4) or later, and those with `acceptStandardJsonOnly`. */
export const encodeStandard = (route: TopicRouteData): Uint8Array =>
  Buffer.from(TopicRouteData.write(route, "Standard"), "utf8")
