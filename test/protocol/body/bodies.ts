/** All codecs of bodies. */
import * as Authentication from "../../../src/protocol/body/Authentication.ts"
import * as BatchAck from "../../../src/protocol/body/BatchAck.ts"
import type { BodyCodec } from "../../../src/protocol/body/BodyCodec.ts"
import * as BrokerStats from "../../../src/protocol/body/BrokerStats.ts"
import * as CheckClientRequestBody from "../../../src/protocol/body/CheckClientRequestBody.ts"
import * as ClusterInfo from "../../../src/protocol/body/ClusterInfo.ts"
import * as Connections from "../../../src/protocol/body/Connections.ts"
import * as ConsumeMessageDirectlyResult from "../../../src/protocol/body/ConsumeMessageDirectlyResult.ts"
import * as ConsumerList from "../../../src/protocol/body/ConsumerList.ts"
import * as ConsumerOffsets from "../../../src/protocol/body/ConsumerOffsets.ts"
import * as ConsumerRunningInfo from "../../../src/protocol/body/ConsumerRunningInfo.ts"
import * as ConsumeStats from "../../../src/protocol/body/ConsumeStats.ts"
import * as DataVersion from "../../../src/protocol/body/DataVersion.ts"
import * as GroupList from "../../../src/protocol/body/GroupList.ts"
import * as HeartbeatData from "../../../src/protocol/body/HeartbeatData.ts"
import * as KVTable from "../../../src/protocol/body/KVTable.ts"
import * as LockBatch from "../../../src/protocol/body/LockBatch.ts"
import * as MessageQueue from "../../../src/protocol/body/MessageQueue.ts"
import * as QueryAssignment from "../../../src/protocol/body/QueryAssignment.ts"
import * as QueryConsumeQueue from "../../../src/protocol/body/QueryConsumeQueue.ts"
import * as QueryCorrectionOffset from "../../../src/protocol/body/QueryCorrectionOffset.ts"
import * as QuerySubscription from "../../../src/protocol/body/QuerySubscription.ts"
import * as RegisterBroker from "../../../src/protocol/body/RegisterBroker.ts"
import * as ResetOffset from "../../../src/protocol/body/ResetOffset.ts"
import * as SetMessageRequestMode from "../../../src/protocol/body/SetMessageRequestMode.ts"
import * as SubscriptionData from "../../../src/protocol/body/SubscriptionData.ts"
import * as SubscriptionGroupConfig from "../../../src/protocol/body/SubscriptionGroupConfig.ts"
import * as TopicConfig from "../../../src/protocol/body/TopicConfig.ts"
import * as TopicList from "../../../src/protocol/body/TopicList.ts"
import * as TopicRouteData from "../../../src/protocol/body/TopicRouteData.ts"
import * as TopicStats from "../../../src/protocol/body/TopicStats.ts"

const isCodec = (value: unknown): value is BodyCodec<unknown> =>
  typeof value === "object" && value !== null && "encode" in value && "decode" in value

const exported: Readonly<Record<string, unknown>> = {
  ...Authentication,
  ...BatchAck,
  ...BrokerStats,
  ...CheckClientRequestBody,
  ...ClusterInfo,
  ...Connections,
  ...ConsumeMessageDirectlyResult,
  ...ConsumerList,
  ...ConsumerOffsets,
  ...ConsumerRunningInfo,
  ...ConsumeStats,
  ...DataVersion,
  ...GroupList,
  ...HeartbeatData,
  ...KVTable,
  ...LockBatch,
  ...MessageQueue,
  ...QueryAssignment,
  ...QueryConsumeQueue,
  ...QueryCorrectionOffset,
  ...QuerySubscription,
  ...RegisterBroker,
  ...ResetOffset,
  ...SetMessageRequestMode,
  ...SubscriptionData,
  ...SubscriptionGroupConfig,
  ...TopicConfig,
  ...TopicList,
  ...TopicRouteData,
  ...TopicStats
}

const lists: Readonly<Record<string, string>> = { UserInfoList: "UserInfo[]", AclInfoList: "AclInfo[]" }
const nested: Readonly<Record<string, string>> = {
  PolicyInfo: "AclInfo$PolicyInfo",
  PolicyEntryInfo: "AclInfo$PolicyEntryInfo"
}

/** Every codec by the name of its class in Java, with `[]` for a list of that class. */
export const bodyCodecs: ReadonlyMap<string, BodyCodec<unknown>> = new Map(
  Object.entries(exported)
    .filter((entry): entry is [string, BodyCodec<unknown>] => isCodec(entry[1]))
    .map(([name, codec]) => [lists[name] ?? nested[name] ?? name, codec])
)

/** A value without null prototypes and maps, to be compared: objects as keys become pairs. */
export const plain = (value: unknown): unknown =>
  value instanceof Map
    ? [...value].map(([key, element]) => [plain(key), plain(element)])
    : Array.isArray(value)
    ? value.map(plain)
    : typeof value === "object" && value !== null && !(value instanceof Uint8Array)
    ? Object.fromEntries(Object.entries(value).map(([key, element]) => [key, plain(element)]))
    : value
