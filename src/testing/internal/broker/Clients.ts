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
  private readonly consumerGroups = new Map<string, Group>()
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
    if (present === undefined) clients.set(client.peer.channelId, client)
    else present.heard = this.now()
  }

  unregisterProducer(group: string, channelId: string): void {
    const clients = this.producerGroups.get(group)
    if (clients?.delete(channelId) === true && clients.size === 0) this.producerGroups.delete(group)
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
    if (info.clients.size === 0) this.consumerGroups.delete(group)
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
        this.unregisterProducer(group, client.peer.channelId)
      }
    }
    for (const [group, info] of [...this.consumerGroups]) {
      for (const [channelId, client] of [...info.clients]) {
        if (client.heard >= before) continue
        late.add(client)
        info.clients.delete(channelId)
      }
      if (info.clients.size === 0) this.consumerGroups.delete(group)
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
    for (const clients of this.producerGroups.values()) {
      for (const client of clients.values()) if (client.clientId === clientId && client.peer.isOpen()) return client
    }
    return undefined
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

  /** Notes a subscription that came with a request. */
  compensate(group: string, topic: string, subscription: SubscriptionData): void {
    const topics = this.compensated.get(group) ?? new Map<string, SubscriptionData>()
    this.compensated.set(group, topics)
    topics.set(topic, subscription)
  }

  /** Groups whose members subscribe to the topic. */
  groupsOf(topic: string): ReadonlyArray<string> {
    return [...this.consumerGroups].filter(([, info]) => info.subscriptions.has(topic)).map(([group]) => group)
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
