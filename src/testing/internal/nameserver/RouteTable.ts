/**
 * What a name server knows: which brokers live where, and which topics they have. The rules are those of RocketMQ
 * 5.3.3 `RouteInfoManager`. It knows no time: whoever calls says what time it is.
 */
import type { DataVersion } from "../../../protocol/body/DataVersion.ts"
import type { TopicConfig } from "../../../protocol/body/TopicConfig.ts"
import type {
  BrokerData,
  QueueData,
  TopicQueueMappingInfo,
  TopicRouteData
} from "../../../protocol/body/TopicRouteData.ts"

/** One registration of a broker. */
export interface Registration {
  readonly clusterName: string
  readonly brokerName: string
  readonly brokerId: number
  readonly brokerAddr: string
  readonly haServerAddr: string | undefined
  readonly zoneName: string | undefined
  /** How long the broker counts as alive without another word. Default: 120 seconds. */
  readonly heartbeatTimeoutMillis: number | undefined
  /** `undefined`: the broker is older than RocketMQ 5. */
  readonly enableActingMaster: boolean | undefined
  readonly topics: ReadonlyArray<TopicConfig>
  readonly dataVersion: DataVersion
  /** What a static topic looks like on this broker, by topic; only handed on. */
  readonly queueMappings: Readonly<Record<string, TopicQueueMappingInfo>>
  /** The connection that it came over. */
  readonly channelId: string
  readonly now: number
}

/** The answer to a registration: where the master of a slave is. */
export interface RegistrationResult {
  readonly haServerAddr: string | undefined
  readonly masterAddr: string | undefined
}

/** How the rules may be bent. */
export interface RouteRules {
  /** Whether the slave with the lowest id stands in for a master that has gone. */
  readonly supportActingMaster: boolean
  /** Whether topics that a registration does not name any more go. */
  readonly deleteTopicWithBrokerRegistration: boolean
}

interface MutableBroker extends BrokerData {
  readonly brokerAddrs: Map<number, string>
  zoneName: string | undefined
  enableActingMaster: boolean
}

interface Live {
  readonly clusterName: string
  readonly brokerAddr: string
  readonly timeoutMillis: number
  readonly dataVersion: DataVersion
  readonly channelId: string
  readonly haServerAddr: string | undefined
  lastUpdate: number
}

/** RocketMQ 5.3.3 `RouteInfoManager.DEFAULT_BROKER_CHANNEL_EXPIRED_TIME`. */
const expiryMillis = 120_000

const writeBit = 2
const readWrite = 6
const unitBit = 1
const unitSubBit = 2

const liveKey = (clusterName: string, brokerAddr: string): string => JSON.stringify([clusterName, brokerAddr])

const sameVersion = (left: DataVersion, right: DataVersion): boolean =>
  left.stateVersion === right.stateVersion && left.timestamp === right.timestamp && left.counter === right.counter

export class RouteTable {
  private readonly topics = new Map<string, Map<string, QueueData>>()
  private readonly brokers = new Map<string, MutableBroker>()
  private readonly clusters = new Map<string, Set<string>>()
  private readonly live = new Map<string, Live>()
  private readonly queueMappings = new Map<string, Map<string, TopicQueueMappingInfo>>()
  private readonly rules: RouteRules

  /** @param rules read anew whenever one matters */
  constructor(rules: RouteRules) {
    this.rules = rules
  }

  /**
   * Takes a registration. `undefined`: it is the first of its broker and names exactly one topic, which is how a broker
   * tells of a change; the broker must introduce itself first.
   */
  register(registration: Registration): RegistrationResult | undefined {
    const { brokerAddr, brokerId, brokerName, clusterName, dataVersion, topics } = registration
    const names = this.clusters.get(clusterName) ?? new Set()
    this.clusters.set(clusterName, names.add(brokerName))
    let first = false
    let broker = this.brokers.get(brokerName)
    if (broker === undefined) {
      first = true
      broker = {
        cluster: clusterName,
        brokerName,
        brokerAddrs: new Map(),
        zoneName: undefined,
        enableActingMaster: false
      }
      this.brokers.set(brokerName, broker)
    }
    broker.enableActingMaster = registration.enableActingMaster === true
    broker.zoneName = registration.zoneName
    const addresses = broker.brokerAddrs
    // A slave that became the master, or the other way round.
    for (const [id, address] of addresses) if (address === brokerAddr && id !== brokerId) addresses.delete(id)

    const previous = addresses.get(brokerId)
    if (previous !== undefined && previous !== brokerAddr) {
      const older = this.live.get(liveKey(clusterName, previous))
      if (older !== undefined && older.dataVersion.stateVersion > dataVersion.stateVersion) {
        this.live.delete(liveKey(clusterName, brokerAddr))
        return { haServerAddr: undefined, masterAddr: undefined }
      }
    }
    if (previous === undefined && topics.length === 1) return undefined
    addresses.set(brokerId, brokerAddr)
    first ||= previous === undefined || previous === ""

    const isMaster = brokerId === 0
    const isPrimeSlave = registration.enableActingMaster !== undefined && !isMaster &&
      brokerId === Math.min(...addresses.keys())
    if (isMaster || isPrimeSlave) this.takeTopics(registration, broker, first, isPrimeSlave)

    this.live.set(liveKey(clusterName, brokerAddr), {
      clusterName,
      brokerAddr,
      timeoutMillis: registration.heartbeatTimeoutMillis ?? expiryMillis,
      dataVersion,
      channelId: registration.channelId,
      haServerAddr: registration.haServerAddr,
      lastUpdate: registration.now
    })
    const master = isMaster ? undefined : addresses.get(0)
    const liveMaster = master === undefined ? undefined : this.live.get(liveKey(clusterName, master))
    return liveMaster === undefined
      ? { haServerAddr: undefined, masterAddr: undefined }
      : { haServerAddr: liveMaster.haServerAddr, masterAddr: master }
  }

  private takeTopics(registration: Registration, broker: MutableBroker, first: boolean, isPrimeSlave: boolean): void {
    const { brokerAddr, brokerName, clusterName, dataVersion, queueMappings, topics } = registration
    if (this.rules.deleteTopicWithBrokerRegistration && Object.keys(queueMappings).length === 0) {
      const names = new Set(topics.map(({ topicName }) => topicName))
      for (const [topic, queues] of this.topics) {
        if (!names.has(topic)) this.removeQueues(topic, queues, brokerName)
      }
    }
    const known = this.dataVersion(clusterName, brokerAddr)
    const changed = first || known === undefined || !sameVersion(known, dataVersion)
    for (const topic of topics) {
      const queues = this.topics.get(topic.topicName) ?? new Map<string, QueueData>()
      if (!changed && queues.has(brokerName)) continue
      this.topics.set(topic.topicName, queues)
      queues.set(brokerName, {
        brokerName,
        readQueueNums: topic.readQueueNums,
        writeQueueNums: topic.writeQueueNums,
        perm: isPrimeSlave && broker.enableActingMaster ? topic.perm & ~writeBit : topic.perm,
        topicSysFlag: topic.topicSysFlag
      })
    }
    if (!changed) return
    for (const topic of Object.keys(queueMappings)) {
      const mapping = queueMappings[topic]!
      const ofTopic = this.queueMappings.get(topic) ?? new Map<string, TopicQueueMappingInfo>()
      this.queueMappings.set(topic, ofTopic.set(mapping.bname ?? brokerName, mapping))
    }
  }

  /** A broker goes; what only it had goes with it. */
  unregister(clusterName: string, brokerAddr: string, brokerName: string): void {
    this.live.delete(liveKey(clusterName, brokerAddr))
    const broker = this.brokers.get(brokerName)
    if (broker === undefined) return
    for (const [id, address] of broker.brokerAddrs) if (address === brokerAddr) broker.brokerAddrs.delete(id)
    if (broker.brokerAddrs.size > 0) {
      if (broker.enableActingMaster && !broker.brokerAddrs.has(0)) this.changePermission(brokerName, wipe)
      return
    }
    this.brokers.delete(brokerName)
    const names = this.clusters.get(clusterName)
    names?.delete(brokerName)
    if (names?.size === 0) this.clusters.delete(clusterName)
    for (const [topic, queues] of this.topics) this.removeQueues(topic, queues, brokerName)
  }

  /** A connection has closed: the broker that last registered over it is gone. */
  channelClosed(channelId: string): void {
    for (const live of this.live.values()) {
      if (live.channelId === channelId) {
        this.forget(live)
        return
      }
    }
  }

  /** Drops brokers not heard of in time; returns the connections that they registered over. */
  expire(now: number): ReadonlyArray<string> {
    const expired = [...this.live.values()].filter((live) => live.lastUpdate + live.timeoutMillis < now)
    for (const live of expired) this.forget(live)
    return expired.map(({ channelId }) => channelId)
  }

  private forget(live: Live): void {
    for (const broker of this.brokers.values()) {
      if (broker.cluster !== live.clusterName) continue
      for (const address of broker.brokerAddrs.values()) {
        if (address === live.brokerAddr) {
          this.unregister(live.clusterName, live.brokerAddr, broker.brokerName)
          return
        }
      }
    }
  }

  /** A broker is alive. */
  touch(clusterName: string, brokerAddr: string, now: number): void {
    const live = this.live.get(liveKey(clusterName, brokerAddr))
    if (live !== undefined) live.lastUpdate = now
  }

  /** The version of a broker's topics as last registered. */
  dataVersion(clusterName: string, brokerAddr: string): DataVersion | undefined {
    return this.live.get(liveKey(clusterName, brokerAddr))?.dataVersion
  }

  /** Whether a broker's topics are others than those it registered. */
  isChanged(clusterName: string, brokerAddr: string, version: DataVersion): boolean {
    const known = this.dataVersion(clusterName, brokerAddr)
    return known === undefined || !sameVersion(known, version)
  }

  /** The route of a topic, or `undefined` when no broker has it. */
  route(topic: string): TopicRouteData | undefined {
    const queues = this.topics.get(topic)
    if (queues === undefined) return undefined
    const brokerDatas = [...queues.keys()].flatMap((name) => {
      const broker = this.brokers.get(name)
      return broker === undefined ? [] : [this.withActingMaster(broker, queues.get(name)!)]
    })
    if (brokerDatas.length === 0) return undefined
    const mappings = this.queueMappings.get(topic)
    return {
      queueDatas: [...queues.values()],
      brokerDatas,
      filterServerTable: {},
      topicQueueMappingByBroker: mappings === undefined ? undefined : Object.fromEntries(mappings)
    }
  }

  private withActingMaster(broker: MutableBroker, queues: QueueData): BrokerData {
    const brokerAddrs = new Map(broker.brokerAddrs)
    const { enableActingMaster } = broker
    if (
      this.rules.supportActingMaster && enableActingMaster && brokerAddrs.size > 0 && !brokerAddrs.has(0) &&
      (queues.perm & writeBit) === 0
    ) {
      const lowest = Math.min(...brokerAddrs.keys())
      const address = brokerAddrs.get(lowest)!
      brokerAddrs.delete(lowest)
      brokerAddrs.set(0, address)
    }
    return { ...broker, brokerAddrs }
  }

  /** Every broker, by name. */
  get allBrokers(): ReadonlyMap<string, BrokerData> {
    return this.brokers
  }

  /** The names of the brokers of each cluster. */
  get allClusters(): ReadonlyMap<string, ReadonlySet<string>> {
    return this.clusters
  }

  get allTopics(): ReadonlyArray<string> {
    return [...this.topics.keys()]
  }

  topicsOfCluster(cluster: string): ReadonlyArray<string> {
    const names = this.clusters.get(cluster)
    if (names === undefined) return []
    return this.allTopics.filter((topic) => [...this.topics.get(topic)!.keys()].some((name) => names.has(name)))
  }

  /** Topics of the given kind, told by the first broker that has them. */
  topicsOfKind(kind: "unit" | "unitSubscription" | "unitSubscriptionOnly"): ReadonlyArray<string> {
    return this.allTopics.filter((topic) => {
      const [queues] = this.topics.get(topic)!.values()
      const unit = (queues!.topicSysFlag & unitBit) !== 0
      const subscription = (queues!.topicSysFlag & unitSubBit) !== 0
      return kind === "unit" ? unit : kind === "unitSubscription" ? subscription : subscription && !unit
    })
  }

  /** Adds queues of a topic; nothing happens when one of them is of a broker that is not registered. */
  registerTopic(topic: string, queues: ReadonlyArray<QueueData>): void {
    if (queues.length === 0) return
    const known = this.topics.get(topic)
    const all = known ?? new Map<string, QueueData>()
    for (const entry of queues) {
      if (!this.brokers.has(entry.brokerName)) return
      all.set(entry.brokerName, entry)
    }
    this.topics.set(topic, all)
  }

  /** Forgets a topic, of the brokers of one cluster or of all. */
  deleteTopic(topic: string, cluster?: string): void {
    const queues = this.topics.get(topic)
    if (queues === undefined) return
    if (cluster === undefined) this.topics.delete(topic)
    else for (const name of this.clusters.get(cluster) ?? []) this.removeQueues(topic, queues, name)
  }

  /** Takes the right to write from every topic of a broker; returns how many there are. */
  wipeWritePermission(brokerName: string): number {
    return this.changePermission(brokerName, wipe)
  }

  /** Gives it back; topics that were not writable before are now, as in RocketMQ. */
  addWritePermission(brokerName: string): number {
    return this.changePermission(brokerName, () => readWrite)
  }

  private changePermission(brokerName: string, change: (perm: number) => number): number {
    let count = 0
    for (const queues of this.topics.values()) {
      const entry = queues.get(brokerName)
      if (entry === undefined) continue
      queues.set(brokerName, { ...entry, perm: change(entry.perm) })
      count++
    }
    return count
  }

  private removeQueues(topic: string, queues: Map<string, QueueData>, brokerName: string): void {
    queues.delete(brokerName)
    if (queues.size === 0) this.topics.delete(topic)
  }
}

const wipe = (perm: number): number => perm & ~writeBit
