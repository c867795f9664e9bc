/** From what a name server answers to a route, and what two answers have in common. */
import { encodeStandard } from "../../protocol/body/TopicRouteData.ts"
import type { QueueData, TopicRouteData } from "../../protocol/body/TopicRouteData.ts"
import { isReadable, isWritable } from "../../protocol/message/Permission.ts"
import type { Address } from "../../remoting/Address.ts"
import type { BrokerRoute, MessageQueue, TopicRoute } from "../TopicRoutes.ts"

/** RocketMQ 5.3.3 `MixAll.MASTER_ID`. */
export const masterId = 0

/** More than any cluster has: a route must not cost more memory than its text. */
const maxQueues = 65_536

/** Why a route is none. */
export class RouteViolation {
  readonly detail: string

  constructor(detail: string) {
    this.detail = detail
  }
}

const compare = (left: string, right: string): number => left < right ? -1 : left > right ? 1 : 0

/** RocketMQ 5.3.3 `MQClientInstance`: queues are offered by broker name. */
const byBrokerName = (left: { readonly brokerName: string }, right: { readonly brokerName: string }): number =>
  compare(left.brokerName, right.brokerName)

/** The same whatever the order in which a name server lists brokers. */
export const keyOf = (data: TopicRouteData): string =>
  Buffer.from(
    encodeStandard({
      ...data,
      brokerDatas: [...data.brokerDatas]
        .sort(byBrokerName)
        .map((broker) => ({
          ...broker,
          brokerAddrs: new Map([...broker.brokerAddrs].sort(([left], [right]) => left - right))
        })),
      queueDatas: [...data.queueDatas].sort(byBrokerName)
    })
  ).toString("utf8")

const brokersOf = (data: TopicRouteData): ReadonlyMap<string, BrokerRoute> =>
  new Map(data.brokerDatas.map((broker): readonly [string, BrokerRoute] => [broker.brokerName, {
    brokerName: broker.brokerName,
    cluster: broker.cluster,
    addresses: broker.brokerAddrs,
    master: broker.brokerAddrs.get(masterId)
  }]))

/** `brokerA:4;brokerB:4`. */
const orderedQueues = (topic: string, conf: string): ReadonlyArray<MessageQueue> | RouteViolation => {
  const queues: Array<MessageQueue> = []
  for (const part of conf.split(";")) {
    if (part === "") continue
    const colon = part.lastIndexOf(":")
    const count = /^\d{1,5}$/.test(part.slice(colon + 1)) ? Number(part.slice(colon + 1)) : undefined
    if (colon <= 0 || count === undefined || queues.length + count > maxQueues) {
      return new RouteViolation(`orderTopicConf ${JSON.stringify(conf.slice(0, 100))} is not broker:queues;…`)
    }
    const brokerName = part.slice(0, colon)
    for (let queueId = 0; queueId < count; queueId++) queues.push({ topic, brokerName, queueId })
  }
  return queues
}

/** The queues of a static topic and the brokers that have them. */
interface StaticQueues {
  readonly queues: ReadonlyArray<MessageQueue>
  readonly homes: ReadonlyMap<string, ReadonlyMap<number, string>>
}

/**
 * RocketMQ 5.3.3 `ClientMetadata.topicRouteData2EndpointsForStaticTopic`: of
 * several brokers that claim a queue, the one with the newest mapping has it.
 */
const staticQueues = (topic: string, data: TopicRouteData): StaticQueues => {
  const scopes = new Map<string, Map<number, { readonly home: string; readonly epoch: number }>>()
  for (const [brokerName, info] of Object.entries(data.topicQueueMappingByBroker ?? {})) {
    const name = `__syslo__${info.scope === "__global__" ? info.scope.slice(2) : info.scope}`
    const claims = scopes.get(name) ?? new Map()
    scopes.set(name, claims)
    for (const queueId of info.currIdMap.keys()) {
      const claim = claims.get(queueId)
      if (claim === undefined || claim.epoch <= info.epoch) {
        claims.set(queueId, { home: info.bname ?? brokerName, epoch: info.epoch })
      }
    }
  }
  const queues: Array<MessageQueue> = []
  for (const [brokerName, claims] of scopes) {
    for (const queueId of claims.keys()) queues.push({ topic, brokerName, queueId })
  }
  return {
    queues: queues.sort((left, right) => left.queueId - right.queueId || byBrokerName(left, right)),
    homes: new Map(
      [...scopes].map(([name, claims]) => [name, new Map([...claims].map(([id, { home }]) => [id, home]))])
    )
  }
}

/** The queues of one kind, broker by broker. */
const plainQueues = (
  topic: string,
  datas: ReadonlyArray<QueueData>,
  has: (data: QueueData) => boolean,
  count: (data: QueueData) => number
): ReadonlyArray<MessageQueue> | RouteViolation => {
  const queues: Array<MessageQueue> = []
  for (const data of datas) {
    if (!has(data)) continue
    const { brokerName } = data
    if (queues.length + count(data) > maxQueues) return new RouteViolation(`it has more than ${maxQueues} queues`)
    for (let queueId = 0; queueId < count(data); queueId++) queues.push({ topic, brokerName, queueId })
  }
  return queues
}

const ownBroker = (queue: MessageQueue): string => queue.brokerName

/**
 * The route that an answer stands for, as RocketMQ 5.3.3 `MQClientInstance`
 * reads it (`topicRouteData2TopicPublishInfo`, `topicRouteData2TopicSubscribeInfo`).
 */
export const makeRoute = (topic: string, data: TopicRouteData, autoCreated: boolean): TopicRoute | RouteViolation => {
  const brokers = brokersOf(data)
  const datas = [...data.queueDatas].sort(byBrokerName)
  const hasMaster = (brokerName: string): boolean => brokers.get(brokerName)?.master !== undefined
  const common = { topic, data, brokers, autoCreated }

  const readQueues = plainQueues(topic, datas, ({ perm }) => isReadable(perm), ({ readQueueNums }) => readQueueNums)
  if (readQueues instanceof RouteViolation) return readQueues

  if (data.orderTopicConf !== undefined && data.orderTopicConf !== "") {
    const writeQueues = orderedQueues(topic, data.orderTopicConf)
    if (writeQueues instanceof RouteViolation) return writeQueues
    return { ...common, writeQueues, readQueues, brokerNameOf: ownBroker, ordered: true }
  }

  if (data.topicQueueMappingByBroker !== undefined && Object.keys(data.topicQueueMappingByBroker).length > 0) {
    const { homes, queues } = staticQueues(topic, data)
    const brokerNameOf = (queue: MessageQueue) => homes.get(queue.brokerName)?.get(queue.queueId)
    const allowed = (queue: MessageQueue, allows: (perm: number) => boolean): boolean => {
      const home = brokerNameOf(queue)
      return datas.every(({ brokerName, perm }) => brokerName !== home || allows(perm))
    }
    return {
      ...common,
      writeQueues: queues.filter((queue) => hasMaster(brokerNameOf(queue) ?? "") && allowed(queue, isWritable)),
      readQueues: queues.filter((queue) => allowed(queue, isReadable)),
      brokerNameOf,
      ordered: false
    }
  }

  const writeQueues = plainQueues(
    topic,
    datas,
    ({ brokerName, perm }) => isWritable(perm) && hasMaster(brokerName),
    ({ writeQueueNums }) => writeQueueNums
  )
  if (writeQueues instanceof RouteViolation) return writeQueues
  return { ...common, writeQueues, readQueues, brokerNameOf: ownBroker, ordered: false }
}

/**
 * The route that a topic will have once it is created after the default topic
 * (RocketMQ 5.3.3 `MQClientInstance.updateTopicRouteInfoFromNameServer`).
 */
export const asCreated = (data: TopicRouteData, queues: number): TopicRouteData => ({
  ...data,
  queueDatas: data.queueDatas.map((one) => {
    const count = Math.min(queues, one.readQueueNums)
    return { ...one, readQueueNums: count, writeQueueNums: count }
  })
})

/** Every address of a route's brokers. */
export const addressesOf = (brokers: Iterable<BrokerRoute>): ReadonlySet<Address> => {
  const addresses = new Set<Address>()
  for (const broker of brokers) for (const address of broker.addresses.values()) addresses.add(address)
  return addresses
}
