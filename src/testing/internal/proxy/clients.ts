/**
 * The clients of a proxy, by group and connection, and what proxies tell each other of them.
 *
 * RocketMQ's proxies do that through messages of the topic `DefaultHeartBeatSyncerTopic`; these do it directly.
 */
import type { ConsumerData } from "../../../protocol/body/HeartbeatData.ts"
import type { SubscriptionData } from "../../../protocol/body/SubscriptionData.ts"
import type { RemotingCommand } from "../../../protocol/RemotingCommand.ts"
import type { Peer } from "../../../remoting/RemotingHandler.ts"

/** One client on one connection. */
export interface Client {
  /** Unique among all proxies. */
  readonly channel: string
  readonly clientId: string
  readonly address: string
  readonly languageName: string
  readonly version: number
  /** `undefined`: it is connected to another proxy. */
  readonly peer: Peer | undefined
  lastHeard: number
}

/** A consumer group. */
export interface ConsumerGroup {
  consumeType: ConsumerData["consumeType"]
  messageModel: ConsumerData["messageModel"]
  consumeFromWhere: ConsumerData["consumeFromWhere"]
  readonly subscriptions: Map<string, SubscriptionData>
  readonly clients: Map<string, Client>
}

/** Tells proxies of each other's consumers. */
export class Hub {
  private readonly members = new Set<Clients>()

  join(member: Clients): () => void {
    this.members.add(member)
    return () => this.members.delete(member)
  }

  registered(from: Clients, data: ConsumerData, client: Client): void {
    for (const member of this.members) if (member !== from) member.register(data, { ...client, peer: undefined })
  }

  unregistered(from: Clients, group: string, channel: string): void {
    for (const member of this.members) if (member !== from) member.remove(group, channel)
  }
}

export class Clients {
  readonly consumers = new Map<string, ConsumerGroup>()
  private readonly producers = new Map<string, Map<string, Client>>()
  private readonly name: string
  private readonly hub: Hub
  private readonly now: () => number
  private nextProducer = 0

  constructor(name: string, hub: Hub, now: () => number) {
    this.name = name
    this.hub = hub
    this.now = now
  }

  /** A client as it introduces itself. */
  client(request: RemotingCommand, peer: Peer, clientId: string): Client {
    return {
      channel: this.channelOf(peer.channelId),
      clientId,
      address: peer.address,
      languageName: request.languageName ?? "OTHER",
      version: request.version,
      peer,
      lastHeard: this.now()
    }
  }

  registerProducer(group: string, client: Client): void {
    const clients = this.producers.get(group) ?? new Map<string, Client>()
    this.producers.set(group, clients.set(client.channel, client))
  }

  /** A consumer of this proxy: the others hear of it. */
  registerConsumer(data: ConsumerData, client: Client): void {
    this.hub.registered(this, data, client)
    this.register(data, client)
  }

  /** A consumer, wherever it is connected. */
  register(data: ConsumerData, client: Client): void {
    let group = this.consumers.get(data.groupName)
    if (group === undefined) {
      group = {
        consumeType: data.consumeType,
        messageModel: data.messageModel,
        consumeFromWhere: data.consumeFromWhere,
        subscriptions: new Map(),
        clients: new Map()
      }
      this.consumers.set(data.groupName, group)
    }
    group.consumeType = data.consumeType
    group.messageModel = data.messageModel
    group.consumeFromWhere = data.consumeFromWhere
    group.clients.set(client.channel, client)
    const topics = new Set(data.subscriptionDataSet.map(({ topic }) => topic))
    for (const subscription of data.subscriptionDataSet) {
      const known = group.subscriptions.get(subscription.topic)
      // An older client of the group does not take back what a newer one wants.
      if (known === undefined || subscription.subVersion > known.subVersion) {
        group.subscriptions.set(subscription.topic, subscription)
      }
    }
    for (const topic of group.subscriptions.keys()) if (!topics.has(topic)) group.subscriptions.delete(topic)
  }

  unregisterProducer(group: string, peer: Peer): void {
    this.removeProducer(group, this.channelOf(peer.channelId))
  }

  unregisterConsumer(group: string, peer: Peer): void {
    const channel = this.channelOf(peer.channelId)
    if (this.consumers.get(group)?.clients.has(channel) !== true) return
    this.hub.unregistered(this, group, channel)
    this.remove(group, channel)
  }

  /** A consumer is gone, wherever it was connected. */
  remove(group: string, channel: string): void {
    const known = this.consumers.get(group)
    known?.clients.delete(channel)
    if (known?.clients.size === 0) this.consumers.delete(group)
  }

  private removeProducer(group: string, channel: string): void {
    const clients = this.producers.get(group)
    clients?.delete(channel)
    if (clients?.size === 0) this.producers.delete(group)
  }

  /** A connection has closed. As with RocketMQ's, the other proxies do not hear of it: their entries expire. */
  channelClosed(channelId: string): void {
    const channel = this.channelOf(channelId)
    for (const group of [...this.producers.keys()]) this.removeProducer(group, channel)
    for (const group of [...this.consumers.keys()]) this.remove(group, channel)
  }

  /** Drops clients that were not heard of for so long, and closes their connections. */
  expire(millis: number): void {
    const old = this.now() - millis
    for (const [group, clients] of [...this.producers]) {
      for (const client of [...clients.values()]) {
        if (client.lastHeard >= old) continue
        this.removeProducer(group, client.channel)
        client.peer?.close()
      }
    }
    for (const [group, { clients }] of [...this.consumers]) {
      for (const client of [...clients.values()]) {
        if (client.lastHeard >= old) continue
        this.remove(group, client.channel)
        client.peer?.close()
      }
    }
  }

  hasProducers(group: string): boolean {
    return this.producers.has(group)
  }

  /** Some connected client of a producer group, each in turn. */
  someProducer(group: string): Peer | undefined {
    const clients = [...(this.producers.get(group)?.values() ?? [])].filter(({ peer }) => peer?.isOpen() === true)
    return clients.length === 0 ? undefined : clients[this.nextProducer++ % clients.length]!.peer
  }

  private channelOf(channelId: string): string {
    return `${this.name}/${channelId}`
  }
}
