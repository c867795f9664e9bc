/**
 * Which brokers there are: the answers to GET_BROKER_CLUSTER_INFO (106) and GET_BROKER_MEMBER_GROUP (901).
 *
 * Source: RocketMQ 5.5.0 `remoting.protocol.body`.
 */
import * as BodyCodec from "./BodyCodec.ts"
import { BrokerData } from "./TopicRouteData.ts"

export const ClusterInfo = BodyCodec.make({
  /** By broker name. */
  brokerAddrTable: BodyCodec.withDefault(BodyCodec.record(BrokerData), BodyCodec.noEntries),
  /** Broker names by cluster. */
  clusterAddrTable: BodyCodec.withDefault(BodyCodec.record(BodyCodec.list(BodyCodec.text)), BodyCodec.noEntries)
})
export interface ClusterInfo extends BodyCodec.Type<typeof ClusterInfo> {}

/** A broker: a master and its slaves. */
export const BrokerMemberGroup = BodyCodec.make({
  /** `host:port` by broker id. */
  brokerAddrs: BodyCodec.withDefault(BodyCodec.intMap(BodyCodec.text), new Map()),
  brokerName: BodyCodec.optional(BodyCodec.text),
  cluster: BodyCodec.optional(BodyCodec.text)
})
export interface BrokerMemberGroup extends BodyCodec.Type<typeof BrokerMemberGroup> {}

export const GetBrokerMemberGroupResponseBody = BodyCodec.make({
  brokerMemberGroup: BodyCodec.optional(BrokerMemberGroup)
})
export interface GetBrokerMemberGroupResponseBody extends BodyCodec.Type<typeof GetBrokerMemberGroupResponseBody> {}
