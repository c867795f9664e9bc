/** Producers and consumers that are connected, a registration for each channel (RocketMQ 5.3.3 `ProducerManager`, `ConsumerManager`). */
import type { ConsumerData } from "../../../protocol/body/HeartbeatData.ts"
import type { SubscriptionData } from "../../../protocol/body/SubscriptionData.ts"
import type { Peer } from "../../../remoting/RemotingHandler.ts"

/** One client on one channel. */
export interface Client {
  readonly clientId: string
  readonly peer: Peer
  /** Name of its language, as it announced itself. */
  readonly language: string
  readonly version: number
  /** When it was last heard of, in epoch milliseconds. */
  heard: number
}

/** What a consumer says of itself beside its subscriptions. */
export interface ConsumerTraits {
  readonly consumeType: ConsumerData["consumeType"]
  readonly messageModel: ConsumerData["messageModel"]
  readonly consumeFromWhere: ConsumerData["consumeFromWhere"]
}

/** A consumer group that has members. */
export interface ConsumerGroup extends ConsumerTraits {
  readonly clients: ReadonlyMap<string, Client>
  readonly subscriptions: ReadonlyMap<string, SubscriptionData>
}

class Group implements ConsumerGroup {
  consumeType: ConsumerData["consumeType"]
  messageModel: ConsumerData["messageModel"]
  consumeFromWhere: ConsumerData["consumeFromWhere"]
  /** By channel id. */
  readonly clients = new Map<string, Client>()
  /** By topic. */
  readonly subscriptions = new Map<string, SubscriptionData>()
}

/** Registrations. */
export class Clients {
  /** Members of a consumer group came or went, or its subscriptions changed: its clients are to be told. */
  onChange: ((group: string, clients: ReadonlyArray<Client>) => void) | undefined = undefined
  private readonly producerGroups = new Map<string, Map<string, Client>>()
  /** Producers by their ids (RocketMQ 5.3.3 `ProducerManager.clientChannelTable`). */
  private readonly byClientId = new Map<string, Client>()
  private readonly consumerGroups = new Map<string, Group>()
  /** Groups by topics that they subscribe to, or did (RocketMQ 5.3.3 `ConsumerManager.topicGroupTable`). */
  private readonly topicGroups = new Map<string, Set<string>>()
  /** Subscriptions that requests brought with them, of groups without heartbeats. */
  private readonly compensated = new Map<string, Map<string, SubscriptionData>>()
  private readonly now: () => number
  private turn = 0

  constructor(now: () => number) {
    this.now = now
  }

  registerProducer(group: string, client: Client): void {
    const clients = this.producerGroups.get(group) ?? new Map<string, Client>()
    this.producerGroups.set(group, clients)
    const present = clients.get(client.peer.channelId)
    if (present === undefined) {
      clients.set(client.peer.channelId, client)
      this.byClientId.set(client.clientId, client)
    } else present.heard = this.now()
  }

  /** @param clientId what it says that it is. Default: what it said when it came */
  unregisterProducer(group: string, channelId: string, clientId?: string): void {
    const clients = this.producerGroups.get(group)
    if (clients === undefined) return
    const client = clients.get(channelId)
    clients.delete(channelId)
    // It is not found any more, although it may be in other groups.
    this.byClientId.delete(clientId ?? client?.clientId ?? "")
    if (clients.size === 0) this.producerGroups.delete(group)
  }

  /** @param subscriptions `undefined` leaves those that are known. */
  registerConsumer(
    group: string,
    client: Client,
    traits: ConsumerTraits,
    subscriptions: ReadonlyArray<SubscriptionData> | undefined,
    notify: boolean
  ): void {
    const info = this.consumerGroups.get(group) ?? new Group()
    this.consumerGroups.set(group, info)
    for (const { topic } of subscriptions ?? []) {
      this.topicGroups.set(topic, (this.topicGroups.get(topic) ?? new Set()).add(group))
    }
    Object.assign(info, {
      consumeType: traits.consumeType,
      messageModel: traits.messageModel,
      consumeFromWhere: traits.consumeFromWhere
    })
    const present = info.clients.get(client.peer.channelId)
    const joined = present === undefined
    if (present === undefined || present.clientId !== client.clientId) info.clients.set(client.peer.channelId, client)
    else present.heard = this.now()
    const changed = subscriptions !== undefined && updateSubscriptions(info.subscriptions, subscriptions)
    if ((joined || changed) && notify) this.changed(group, info)
  }

  unregisterConsumer(group: string, channelId: string, notify: boolean): void {
    const info = this.consumerGroups.get(group)
    if (info === undefined) return
    info.clients.delete(channelId)
    if (info.clients.size === 0) this.forget(group, info)
    if (notify) this.changed(group, info)
  }

  /** A channel has closed. */
  closed(channelId: string): void {
    for (const group of [...this.producerGroups.keys()]) this.unregisterProducer(group, channelId)
    for (const [group, info] of [...this.consumerGroups]) {
      if (info.clients.has(channelId)) this.unregisterConsumer(group, channelId, true)
    }
  }

  /** Drops and disconnects clients that were not heard of for so many milliseconds. */
  expire(timeout: number): void {
    const before = this.now() - timeout
    const late = new Set<Client>()
    for (const [group, clients] of [...this.producerGroups]) {
      for (const client of [...clients.values()]) {
        if (client.heard >= before) continue
        late.add(client)
        const { channelId } = client.peer
        // Unless it has come back over another channel.
        const isNewest = this.byClientId.get(client.clientId)?.peer.channelId === channelId
        this.unregisterProducer(group, channelId, isNewest ? client.clientId : "")
      }
    }
    for (const [group, info] of [...this.consumerGroups]) {
      for (const [channelId, client] of [...info.clients]) {
        if (client.heard >= before) continue
        late.add(client)
        info.clients.delete(channelId)
      }
      if (info.clients.size === 0) this.forget(group, info)
    }
    for (const client of late) client.peer.close()
  }

  /** Whether anybody is registered. */
  get isEmpty(): boolean {
    return this.producerGroups.size === 0 && this.consumerGroups.size === 0
  }

  consumerGroup(group: string): ConsumerGroup | undefined {
    return this.consumerGroups.get(group)
  }

  /** Names of consumer groups that have members. */
  consumerGroupNames(): ReadonlyArray<string> {
    return [...this.consumerGroups.keys()]
  }

  producers(group: string): ReadonlyArray<Client> {
    return [...(this.producerGroups.get(group)?.values() ?? [])]
  }

  /** Producers by group. */
  allProducers(): ReadonlyArray<readonly [string, ReadonlyArray<Client>]> {
    return [...this.producerGroups].map(([group, clients]) => [group, [...clients.values()]] as const)
  }

  /** A producer of the group that can be asked, each in turn. */
  availableProducer(group: string): Client | undefined {
    const open = this.producers(group).filter((client) => client.peer.isOpen())
    return open.length === 0 ? undefined : open[++this.turn % open.length]
  }

  /** The producer that has that id, whatever its group. */
  producer(clientId: string): Client | undefined {
    const client = this.byClientId.get(clientId)
    return client?.peer.isOpen() === true ? client : undefined
  }

  /** The consumer of the group that has that id. */
  consumer(group: string, clientId: string): Client | undefined {
    for (const client of this.consumerGroups.get(group)?.clients.values() ?? []) {
      if (client.clientId === clientId) return client
    }
    return undefined
  }

  subscription(group: string, topic: string): SubscriptionData | undefined {
    return this.consumerGroups.get(group)?.subscriptions.get(topic) ?? this.compensated.get(group)?.get(topic)
  }

  /** Whether a group has members, or subscriptions that requests brought with them. */
  isKnown(group: string): boolean {
    return this.consumerGroups.has(group) || this.compensated.has(group)
  }

  /** Notes that a group reads, whether or not it is connected. */
  compensateGroup(group: string): void {
    if (!this.compensated.has(group)) this.compensated.set(group, new Map())
  }

  /** Notes a subscription that came with a request. */
  compensate(group: string, topic: string, subscription: SubscriptionData): void {
    const topics = this.compensated.get(group) ?? new Map<string, SubscriptionData>()
    this.compensated.set(group, topics)
    topics.set(topic, subscription)
  }

  /** Groups whose members subscribe to the topic, or did at first: RocketMQ forgets what they subscribe to in the end. */
  groupsOf(topic: string): ReadonlyArray<string> {
    return [...this.topicGroups.get(topic) ?? []]
  }

  private forget(group: string, info: Group): void {
    this.consumerGroups.delete(group)
    for (const topic of info.subscriptions.keys()) {
      const groups = this.topicGroups.get(topic)
      groups?.delete(group)
      if (groups?.size === 0) this.topicGroups.delete(topic)
    }
  }

  private changed(group: string, info: Group): void {
    if (info.messageModel !== "BROADCASTING") this.onChange?.(group, [...info.clients.values()])
  }
}

/** Returns whether topics came or went; a new expression for a known topic changes nothing for the others. */
const updateSubscriptions = (
  known: Map<string, SubscriptionData>,
  subscriptions: ReadonlyArray<SubscriptionData>
): boolean => {
  let changed = false
  const topics = new Set<string>()
  for (const subscription of subscriptions) {
    topics.add(subscription.topic)
    const old = known.get(subscription.topic)
    if (old === undefined) {
      changed = true
      known.set(subscription.topic, subscription)
    } else if (subscription.subVersion > old.subVersion) known.set(subscription.topic, subscription)
  }
  for (const topic of [...known.keys()]) {
    if (topics.has(topic)) continue
    known.delete(topic)
    changed = true
  }
  return changed
}
