/**
 * An embedded RocketMQ name server.
 *
 * Source of behaviour and remarks: RocketMQ 5.3.3, module `namesrv`.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as BodyCodec from "../../../protocol/body/BodyCodec.ts"
import { ClusterInfo, GetBrokerMemberGroupResponseBody } from "../../../protocol/body/ClusterInfo.ts"
import { DataVersion } from "../../../protocol/body/DataVersion.ts"
import { KVTable } from "../../../protocol/body/KVTable.ts"
import * as PropertiesText from "../../../protocol/body/PropertiesText.ts"
import * as RegisterBroker from "../../../protocol/body/RegisterBroker.ts"
import { TopicList } from "../../../protocol/body/TopicList.ts"
import * as TopicRouteData from "../../../protocol/body/TopicRouteData.ts"
import type { RemotingCommand } from "../../../protocol/RemotingCommand.ts"
import { RequestCode } from "../../../protocol/RequestCode.ts"
import { ResponseCode } from "../../../protocol/ResponseCode.ts"
import type { Peer } from "../../../remoting/RemotingHandler.ts"
import type { RemotingReply } from "../../../remoting/RemotingRequest.ts"
import { flag, int, integer, nullPointer } from "../cluster/javaFields.ts"
import type { Duties, Serving, Surroundings } from "../cluster/Node.ts"
import { RouteTable } from "./RouteTable.ts"
import type { NameServerSettings } from "./Settings.ts"
import * as Settings from "./Settings.ts"

/** What survives a restart of a name server, as its files do; what brokers told it does not. */
export interface NameServerState {
  readonly settings: NameServerSettings
  /** Key–value pairs by namespace. */
  readonly pairs: Map<string, Map<string, string>>
}

/** A state without pairs. */
export const makeState = (settings: Partial<NameServerSettings>): NameServerState => ({
  settings: { ...Settings.defaults, ...settings },
  pairs: new Map()
})

/** The version from which routes are standard JSON whether or not that was asked for: V4_9_4. */
const standardJsonVersion = 401

/** RocketMQ 5.3.3 `NamesrvUtil.NAMESPACE_ORDER_TOPIC_CONFIG`. */
const orderNamespace = "ORDER_TOPIC_CONFIG"

/** RocketMQ 5.3.3 `FAQUrl.suggestTodo`. */
const seeFaq = "\nSee https://rocketmq.apache.org/docs/bestPractice/06FAQ for further details."

const firstScanMillis = 5_000

const succeeded: RemotingReply = {}

const disabled: RemotingReply = { code: ResponseCode.SYSTEM_ERROR, remark: "disable" }

/** What stands for the body of a registration that has none. */
const noBody = Buffer.from("{}")

/** How fastjson stumbles over a body. */
const malformed: RemotingReply = {
  code: ResponseCode.SYSTEM_ERROR,
  remark: "com.alibaba.fastjson2.JSONException: the body is not what it has to be"
}

/** Java makes `null` of such a body. */
const isMissing = (body: Uint8Array | undefined): boolean => body === undefined || Buffer.from(body).equals(nullBody)
const nullBody = Buffer.from("null")

/** One life of a name server. */
export const make = (
  serving: Serving,
  state: NameServerState,
  surroundings: Surroundings
): Effect.Effect<Duties, never, Scope.Scope> =>
  Effect.gen(function*() {
    const { clock } = surroundings
    const now = () => Math.floor(clock.currentTimeMillisUnsafe())
    const server = new NameServer(state, now)
    yield* serving.handleOther((request, peer) => Effect.sync(() => server.handle(request, peer)))
    const scan = Effect.gen(function*() {
      yield* Effect.sleep(firstScanMillis)
      while (true) {
        server.scan()
        yield* Effect.sleep(state.settings.scanNotActiveBrokerInterval)
      }
    })
    return {
      channelClosed: (channelId) => server.channelClosed(channelId),
      begin: Effect.asVoid(Effect.forkScoped(scan))
    }
  })

class NameServer {
  private readonly table: RouteTable
  private readonly state: NameServerState
  private readonly now: () => number
  private readonly startedAt: number
  /** Peers that brokers registered over. */
  private readonly brokers = new Map<string, Peer>()

  constructor(state: NameServerState, now: () => number) {
    this.state = state
    this.now = now
    this.startedAt = now()
    this.table = new RouteTable(state.settings)
  }

  channelClosed(channelId: string): void {
    this.brokers.delete(channelId)
    this.table.channelClosed(channelId)
  }

  /** Drops brokers that were not heard of in time, and closes their connections. */
  scan(): void {
    for (const channelId of this.table.expire(this.now())) {
      const peer = this.brokers.get(channelId)
      this.brokers.delete(channelId)
      peer?.close()
    }
  }

  handle(request: RemotingCommand, peer: Peer): RemotingReply {
    const fields = request.extFields
    const { settings } = this.state
    switch (request.code) {
      case RequestCode.GET_ROUTEINFO_BY_TOPIC:
        return this.route(request)
      case RequestCode.REGISTER_BROKER:
        return this.register(request, peer)
      case RequestCode.UNREGISTER_BROKER:
        return this.unregister(request)
      case RequestCode.BROKER_HEARTBEAT:
        if (fields["clusterName"] === undefined || fields["brokerAddr"] === undefined) return nullPointer
        this.table.touch(fields["clusterName"], fields["brokerAddr"], this.now())
        return succeeded
      case RequestCode.QUERY_DATA_VERSION:
        return this.dataVersion(request)
      case RequestCode.GET_BROKER_CLUSTER_INFO:
        return this.clusterInfo()
      case RequestCode.GET_BROKER_MEMBER_GROUP:
        return this.memberGroup(request)
      case RequestCode.WIPE_WRITE_PERM_OF_BROKER:
        return {
          extFields: { wipeTopicCount: String(this.table.wipeWritePermission(String(fields["brokerName"]))) }
        }
      case RequestCode.ADD_WRITE_PERM_OF_BROKER:
        return { extFields: { addTopicCount: String(this.table.addWritePermission(String(fields["brokerName"]))) } }
      case RequestCode.GET_ALL_TOPIC_LIST_FROM_NAMESERVER:
        return settings.enableAllTopicList ? topicList(this.table.allTopics) : disabled
      case RequestCode.GET_TOPICS_BY_CLUSTER:
        return settings.enableTopicList ? topicList(this.table.topicsOfCluster(String(fields["cluster"]))) : disabled
      case RequestCode.GET_UNIT_TOPIC_LIST:
        return settings.enableTopicList ? topicList(this.table.topicsOfKind("unit")) : disabled
      case RequestCode.GET_HAS_UNIT_SUB_TOPIC_LIST:
        return settings.enableTopicList ? topicList(this.table.topicsOfKind("unitSubscription")) : disabled
      case RequestCode.GET_HAS_UNIT_SUB_UNUNIT_TOPIC_LIST:
        return settings.enableTopicList ? topicList(this.table.topicsOfKind("unitSubscriptionOnly")) : disabled
      case RequestCode.GET_SYSTEM_TOPIC_LIST_FROM_NS:
        return this.systemTopics()
      case RequestCode.DELETE_TOPIC_IN_NAMESRV:
        this.table.deleteTopic(
          String(fields["topic"]),
          fields["clusterName"] === "" ? undefined : fields["clusterName"]
        )
        return succeeded
      case RequestCode.REGISTER_TOPIC_IN_NAMESRV:
        return this.registerTopic(request)
      case RequestCode.PUT_KV_CONFIG:
        return this.putPair(request)
      case RequestCode.GET_KV_CONFIG:
        return this.getPair(request)
      case RequestCode.DELETE_KV_CONFIG:
        this.state.pairs.get(String(fields["namespace"]))?.delete(String(fields["key"]))
        return succeeded
      case RequestCode.GET_KVLIST_BY_NAMESPACE:
        return this.listPairs(request)
      case RequestCode.UPDATE_NAMESRV_CONFIG:
        return this.updateSettings(request)
      case RequestCode.GET_NAMESRV_CONFIG:
        return { body: PropertiesText.encode(Settings.toProperties(settings)) }
      default:
        return {
          code: ResponseCode.REQUEST_CODE_NOT_SUPPORTED,
          remark: ` request type ${request.code} not supported`
        }
    }
  }

  private route(request: RemotingCommand): RemotingReply {
    const { settings } = this.state
    const { topic } = request.extFields
    if (settings.needWaitForService && this.now() - this.startedAt < settings.waitSecondsForService * 1_000) {
      return { code: ResponseCode.SYSTEM_ERROR, remark: "name server not ready" }
    }
    const route = topic === undefined ? undefined : this.table.route(topic)
    if (route === undefined) {
      return {
        code: ResponseCode.TOPIC_NOT_EXIST,
        remark: `No topic route info in name server for the topic: ${topic ?? "null"}${seeFaq}`
      }
    }
    const order = settings.orderMessageEnable ? this.state.pairs.get(orderNamespace)?.get(topic!) : undefined
    const standard = request.version >= standardJsonVersion ||
      flag(request.extFields, "acceptStandardJsonOnly") === true
    const ordered = order === undefined ? route : { ...route, orderTopicConf: order }
    return {
      body: standard ? TopicRouteData.encodeStandard(ordered) : TopicRouteData.TopicRouteData.encode(ordered)
    }
  }

  private register(request: RemotingCommand, peer: Peer): RemotingReply {
    // A broker that is back at once must not be taken for the one whose connection has just closed.
    for (const [channelId, broker] of [...this.brokers]) if (!broker.isOpen()) this.channelClosed(channelId)
    const { body, extFields: fields } = request
    const crc = int(fields, "bodyCrc32") ?? 0
    if (crc !== 0 && (body === undefined || RegisterBroker.bodyCrc32(body) !== crc)) {
      return { code: ResponseCode.SYSTEM_ERROR, remark: "crc32 not match" }
    }
    const decoded = body !== undefined && flag(fields, "compressed") === true
      ? RegisterBroker.decodeCompressed(body, request.version)
      : RegisterBroker.RegisterBrokerBody.decode(body ?? noBody)
    if (BodyCodec.isViolation(decoded)) {
      return { code: ResponseCode.SYSTEM_ERROR, remark: "Failed to decode RegisterBrokerBody" }
    }
    const { dataVersion, topicConfigTable, topicQueueMappingInfoMap } = decoded.topicConfigSerializeWrapper
    const brokerId = integer(fields, "brokerId")
    if (brokerId === undefined) return nullPointer
    const { brokerAddr, brokerName, clusterName } = fields
    const result = brokerAddr === undefined || brokerName === undefined || clusterName === undefined
      // RocketMQ stumbles, logs it, and answers success.
      ? { haServerAddr: undefined, masterAddr: undefined }
      : this.table.register({
        clusterName,
        brokerName,
        brokerId,
        brokerAddr,
        haServerAddr: fields["haServerAddr"],
        zoneName: fields["__ZONE_NAME"],
        heartbeatTimeoutMillis: integer(fields, "heartbeatTimeoutMillis"),
        enableActingMaster: flag(fields, "enableActingMaster"),
        topics: Object.values(topicConfigTable),
        dataVersion,
        queueMappings: topicQueueMappingInfoMap,
        channelId: peer.channelId,
        now: this.now()
      })
    if (result === undefined) return { code: ResponseCode.SYSTEM_ERROR, remark: "register broker failed" }
    this.brokers.set(peer.channelId, peer)
    const { haServerAddr, masterAddr } = result
    const orders = this.state.settings.returnOrderTopicConfigToBroker ? this.state.pairs.get(orderNamespace) : undefined
    return {
      extFields: {
        ...(haServerAddr === undefined ? {} : { haServerAddr }),
        ...(masterAddr === undefined ? {} : { masterAddr })
      },
      ...(orders === undefined ? {} : { body: pairsBody(orders) })
    }
  }

  private unregister(request: RemotingCommand): RemotingReply {
    const { brokerAddr, brokerName, clusterName } = request.extFields
    if (brokerAddr !== undefined && brokerName !== undefined && clusterName !== undefined) {
      this.table.unregister(clusterName, brokerAddr, brokerName)
    }
    return succeeded
  }

  private dataVersion(request: RemotingCommand): RemotingReply {
    const { brokerAddr, clusterName } = request.extFields
    if (brokerAddr === undefined || clusterName === undefined) return nullPointer
    const version = DataVersion.decode(request.body)
    if (BodyCodec.isViolation(version) && !isMissing(request.body)) return malformed
    const changed = BodyCodec.isViolation(version) || this.table.isChanged(clusterName, brokerAddr, version)
    this.table.touch(clusterName, brokerAddr, this.now())
    const known = this.table.dataVersion(clusterName, brokerAddr)
    return {
      extFields: { changed: String(changed) },
      ...(known === undefined ? {} : { body: DataVersion.encode(known) })
    }
  }

  private clusterInfo(): RemotingReply {
    return {
      body: ClusterInfo.encode({
        brokerAddrTable: Object.fromEntries(this.table.allBrokers),
        clusterAddrTable: Object.fromEntries([...this.table.allClusters].map(([name, names]) => [name, [...names]]))
      })
    }
  }

  private memberGroup(request: RemotingCommand): RemotingReply {
    const { brokerName, clusterName } = request.extFields
    const broker = brokerName === undefined ? undefined : this.table.allBrokers.get(brokerName)
    return {
      body: GetBrokerMemberGroupResponseBody.encode({
        brokerMemberGroup: { brokerAddrs: broker?.brokerAddrs ?? new Map(), brokerName, cluster: clusterName }
      })
    }
  }

  private systemTopics(): RemotingReply {
    const names = [...this.table.allClusters].flatMap(([name, brokers]) => [name, ...brokers])
    const [address] = [...this.table.allBrokers.values()].flatMap(({ brokerAddrs }) => [...brokerAddrs.values()])
    return { body: TopicList.encode({ brokerAddr: address, topicList: [...new Set(names)] }) }
  }

  private registerTopic(request: RemotingCommand): RemotingReply {
    const route = TopicRouteData.TopicRouteData.decode(request.body)
    const { topic } = request.extFields
    if (BodyCodec.isViolation(route) && !isMissing(request.body)) return malformed
    if (!BodyCodec.isViolation(route) && topic !== undefined) this.table.registerTopic(topic, route.queueDatas)
    return succeeded
  }

  private putPair(request: RemotingCommand): RemotingReply {
    const { key, namespace, value } = request.extFields
    if (namespace === undefined || key === undefined) {
      return { code: ResponseCode.SYSTEM_ERROR, remark: "namespace or key is null" }
    }
    const { pairs } = this.state
    const ofNamespace = pairs.get(namespace) ?? new Map<string, string>()
    pairs.set(namespace, ofNamespace)
    // RocketMQ keeps a missing value as one, and then does not find it.
    if (value === undefined) ofNamespace.delete(key)
    else ofNamespace.set(key, value)
    return succeeded
  }

  private getPair(request: RemotingCommand): RemotingReply {
    const { key = "null", namespace = "null" } = request.extFields
    const value = this.state.pairs.get(namespace)?.get(key)
    return value === undefined
      ? { code: ResponseCode.QUERY_NOT_FOUND, remark: `No config item, Namespace: ${namespace} Key: ${key}` }
      : { extFields: { value } }
  }

  private listPairs(request: RemotingCommand): RemotingReply {
    const { namespace = "null" } = request.extFields
    const pairs = this.state.pairs.get(namespace)
    return pairs === undefined
      ? { code: ResponseCode.QUERY_NOT_FOUND, remark: `No config item, Namespace: ${namespace}` }
      : { body: pairsBody(pairs) }
  }

  private updateSettings(request: RemotingCommand): RemotingReply {
    const properties = PropertiesText.decode(request.body)
    if (BodyCodec.isViolation(properties)) return { code: ResponseCode.SYSTEM_ERROR, remark: "string2Properties error" }
    if (Settings.unchangeable.some((key) => properties[key] !== undefined)) {
      return { code: ResponseCode.NO_PERMISSION, remark: "Can not update config in black list." }
    }
    Settings.update(this.state.settings, properties)
    return succeeded
  }
}

const topicList = (topics: ReadonlyArray<string>): RemotingReply => ({ body: TopicList.encode({ topicList: topics }) })

const pairsBody = (pairs: ReadonlyMap<string, string>): Uint8Array =>
  KVTable.encode({ table: Object.fromEntries(pairs) })
