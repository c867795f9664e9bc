/**
 * What name servers are asked and told. Where a request has a `brokerName`, that is its subject, and goes by that name.
 *
 * Source: RocketMQ 5.5.0 `remoting.protocol.header.namesrv`, `namesrv.processor.DefaultRequestProcessor`.
 */
import * as HeaderCodec from "./HeaderCodec.ts"

/** GET_ROUTEINFO_BY_TOPIC (105); answered with a `TopicRouteData`, or code 17. */
export const GetRouteInfoRequestHeader = HeaderCodec.makeRequest({
  topic: HeaderCodec.text,
  /** `true`: the answer is to be standard JSON; it is in any case for a request of version 401 (4.9.4) or later. */
  acceptStandardJsonOnly: HeaderCodec.optional(HeaderCodec.boolean)
})
export interface GetRouteInfoRequestHeader extends HeaderCodec.Type<typeof GetRouteInfoRequestHeader> {}

/** REGISTER_BROKER (103); the body is a `RegisterBrokerBody`. */
export const RegisterBrokerRequestHeader = HeaderCodec.make({
  brokerName: HeaderCodec.text,
  /** `host:port`. */
  brokerAddr: HeaderCodec.text,
  clusterName: HeaderCodec.text,
  /** Where slaves fetch from: `host:port`. */
  haServerAddr: HeaderCodec.text,
  /** 0 is the master. */
  brokerId: HeaderCodec.long,
  /** After how long without another registration the broker is gone; the server's default is 120 s. */
  heartbeatTimeoutMillis: HeaderCodec.optional(HeaderCodec.long),
  /** Whether a slave may stand in for the master. */
  enableActingMaster: HeaderCodec.optional(HeaderCodec.boolean),
  /** Whether the body is deflated. */
  compressed: HeaderCodec.withDefault(HeaderCodec.boolean, false),
  /** CRC-32 of the body without its highest bit; 0: not to be checked. */
  bodyCrc32: HeaderCodec.withDefault(HeaderCodec.int, 0),
  /** An ext field beside Java's class. */
  zoneName: HeaderCodec.named("__ZONE_NAME", HeaderCodec.optional(HeaderCodec.text))
})
export interface RegisterBrokerRequestHeader extends HeaderCodec.Type<typeof RegisterBrokerRequestHeader> {}

/** The answer; the body may be a `KVTable` of the topics in order. */
export const RegisterBrokerResponseHeader = HeaderCodec.make({
  /** Of the master, for a slave. */
  haServerAddr: HeaderCodec.optional(HeaderCodec.text),
  masterAddr: HeaderCodec.optional(HeaderCodec.text)
})
export interface RegisterBrokerResponseHeader extends HeaderCodec.Type<typeof RegisterBrokerResponseHeader> {}

/** UNREGISTER_BROKER (104). */
export const UnRegisterBrokerRequestHeader = HeaderCodec.make({
  brokerName: HeaderCodec.text,
  /** `host:port`. */
  brokerAddr: HeaderCodec.text,
  clusterName: HeaderCodec.text,
  /** 0 is the master. */
  brokerId: HeaderCodec.long
})
export interface UnRegisterBrokerRequestHeader extends HeaderCodec.Type<typeof UnRegisterBrokerRequestHeader> {}

/** BROKER_HEARTBEAT (904), oneway. */
export const BrokerHeartbeatRequestHeader = HeaderCodec.make({
  clusterName: HeaderCodec.text,
  /** `host:port`. */
  brokerAddr: HeaderCodec.text,
  brokerName: HeaderCodec.text,
  brokerId: HeaderCodec.optional(HeaderCodec.long),
  epoch: HeaderCodec.optional(HeaderCodec.int),
  maxOffset: HeaderCodec.optional(HeaderCodec.long),
  confirmOffset: HeaderCodec.optional(HeaderCodec.long),
  /** Milliseconds; spelled as RocketMQ does. */
  heartbeatTimeoutMills: HeaderCodec.optional(HeaderCodec.long),
  electionPriority: HeaderCodec.optional(HeaderCodec.int)
})
export interface BrokerHeartbeatRequestHeader extends HeaderCodec.Type<typeof BrokerHeartbeatRequestHeader> {}

/** QUERY_DATA_VERSION (322): whether the server knows the broker's topics as of the `DataVersion` in the body. */
export const QueryDataVersionRequestHeader = HeaderCodec.make({
  brokerName: HeaderCodec.text,
  /** `host:port`. */
  brokerAddr: HeaderCodec.text,
  clusterName: HeaderCodec.text,
  /** 0 is the master. */
  brokerId: HeaderCodec.long
})
export interface QueryDataVersionRequestHeader extends HeaderCodec.Type<typeof QueryDataVersionRequestHeader> {}

/** The answer; the body is the `DataVersion` that the server knows, if any. */
export const QueryDataVersionResponseHeader = HeaderCodec.make({
  changed: HeaderCodec.boolean
})
export interface QueryDataVersionResponseHeader extends HeaderCodec.Type<typeof QueryDataVersionResponseHeader> {}

/** REGISTER_TOPIC_IN_NAMESRV (217); the body is a `TopicRouteData`. */
export const RegisterTopicRequestHeader = HeaderCodec.makeRequest({
  topic: HeaderCodec.text
})
export interface RegisterTopicRequestHeader extends HeaderCodec.Type<typeof RegisterTopicRequestHeader> {}

/** DELETE_TOPIC_IN_NAMESRV (216). */
export const DeleteTopicFromNamesrvRequestHeader = HeaderCodec.makeRequest({
  topic: HeaderCodec.text,
  /** Left out: of all clusters. */
  clusterName: HeaderCodec.optional(HeaderCodec.text)
})
export interface DeleteTopicFromNamesrvRequestHeader
  extends HeaderCodec.Type<typeof DeleteTopicFromNamesrvRequestHeader>
{}

/** GET_TOPICS_BY_CLUSTER (224); answered with a `TopicList`. */
export const GetTopicsByClusterRequestHeader = HeaderCodec.makeRequest({
  cluster: HeaderCodec.text
})
export interface GetTopicsByClusterRequestHeader extends HeaderCodec.Type<typeof GetTopicsByClusterRequestHeader> {}

/** WIPE_WRITE_PERM_OF_BROKER (205): no topic of the broker can be written to any more. */
export const WipeWritePermOfBrokerRequestHeader = HeaderCodec.make({
  brokerName: HeaderCodec.text
})
export interface WipeWritePermOfBrokerRequestHeader
  extends HeaderCodec.Type<typeof WipeWritePermOfBrokerRequestHeader>
{}

export const WipeWritePermOfBrokerResponseHeader = HeaderCodec.make({
  wipeTopicCount: HeaderCodec.int
})
export interface WipeWritePermOfBrokerResponseHeader
  extends HeaderCodec.Type<typeof WipeWritePermOfBrokerResponseHeader>
{}

/** ADD_WRITE_PERM_OF_BROKER (327). */
export const AddWritePermOfBrokerRequestHeader = HeaderCodec.make({
  brokerName: HeaderCodec.text
})
export interface AddWritePermOfBrokerRequestHeader extends HeaderCodec.Type<typeof AddWritePermOfBrokerRequestHeader> {}

export const AddWritePermOfBrokerResponseHeader = HeaderCodec.make({
  addTopicCount: HeaderCodec.int
})
export interface AddWritePermOfBrokerResponseHeader
  extends HeaderCodec.Type<typeof AddWritePermOfBrokerResponseHeader>
{}

/** GET_BROKER_MEMBER_GROUP (901); answered with a `GetBrokerMemberGroupResponseBody`. */
export const GetBrokerMemberGroupRequestHeader = HeaderCodec.make({
  clusterName: HeaderCodec.text,
  brokerName: HeaderCodec.text
})
export interface GetBrokerMemberGroupRequestHeader extends HeaderCodec.Type<typeof GetBrokerMemberGroupRequestHeader> {}

/** PUT_KV_CONFIG (100). */
export const PutKVConfigRequestHeader = HeaderCodec.makeRequest({
  /** `ORDER_TOPIC_CONFIG` for the queues of topics in order. */
  namespace: HeaderCodec.text,
  key: HeaderCodec.text,
  value: HeaderCodec.text
})
export interface PutKVConfigRequestHeader extends HeaderCodec.Type<typeof PutKVConfigRequestHeader> {}

/** GET_KV_CONFIG (101); answered with code 22 when there is none. */
export const GetKVConfigRequestHeader = HeaderCodec.makeRequest({
  namespace: HeaderCodec.text,
  key: HeaderCodec.text
})
export interface GetKVConfigRequestHeader extends HeaderCodec.Type<typeof GetKVConfigRequestHeader> {}

export const GetKVConfigResponseHeader = HeaderCodec.make({
  value: HeaderCodec.optional(HeaderCodec.text)
})
export interface GetKVConfigResponseHeader extends HeaderCodec.Type<typeof GetKVConfigResponseHeader> {}

/** DELETE_KV_CONFIG (102). */
export const DeleteKVConfigRequestHeader = HeaderCodec.makeRequest({
  namespace: HeaderCodec.text,
  key: HeaderCodec.text
})
export interface DeleteKVConfigRequestHeader extends HeaderCodec.Type<typeof DeleteKVConfigRequestHeader> {}

/** GET_KVLIST_BY_NAMESPACE (219); answered with a `KVTable`, or code 22. */
export const GetKVListByNamespaceRequestHeader = HeaderCodec.makeRequest({
  namespace: HeaderCodec.text
})
export interface GetKVListByNamespaceRequestHeader extends HeaderCodec.Type<typeof GetKVListByNamespaceRequestHeader> {}
