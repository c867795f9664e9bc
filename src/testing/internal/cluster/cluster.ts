/** Puts the servers together and starts them. */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"
import * as Message from "../../../client/Message.ts"
import type { MessageQueue } from "../../../protocol/body/MessageQueue.ts"
import type { Address } from "../../../remoting/Address.ts"
import { format } from "../../../remoting/Address.ts"
import { MemoryNetwork } from "../../../remoting/MemoryTransport.ts"
import type { ListenFailed } from "../../../remoting/RemotingError.ts"
import { Transport } from "../../../remoting/Transport.ts"
import type * as Embedded from "../../EmbeddedRocketMQ.ts"
import type { LoadBalancerError } from "../../LoadBalancer.ts"
import type { Broker, BrokerListener } from "../broker/BrokerApi.ts"
import * as NameServer from "../nameserver/nameServer.ts"
import * as Proxy from "../proxy/proxy.ts"
import type { Balancer } from "./balancer.ts"
import * as Balancers from "./balancer.ts"
import type { BrokerGroup } from "./brokerNode.ts"
import { BrokerNode } from "./brokerNode.ts"
import type { Surroundings } from "./Node.ts"
import { Node } from "./Node.ts"
import { RequestJournal } from "./RequestJournal.ts"
import * as Trace from "./trace.ts"

const defaultHost = "127.0.0.1"
const defaultCluster = "DefaultCluster"
const defaultShutdownWaitMillis = 30_000
const defaultJournalLimit = 10_000
const defaultQueues = 8

/** Where the first of each kind listens in memory. Brokers are as far apart as their further ports take. */
const memoryPorts = { nameServer: 9_876, broker: 10_911, proxy: 8_081, balancer: 8_080 }
const brokerPortStep = 10

const permissions = { readWrite: 6, read: 4, write: 2, none: 0 }

const letters = "abcdefghijklmnopqrstuvwxyz"

const brokersOf = (options: Embedded.Options): ReadonlyArray<Embedded.BrokerOptions & { readonly name: string }> => {
  const given: ReadonlyArray<string | Embedded.BrokerOptions> = typeof options.brokers === "object"
    ? options.brokers
    : Array.from({ length: options.brokers ?? 1 }, () => ({}))
  return given.map((one, index) => {
    const broker = typeof one === "string" ? { name: one } : one
    return { ...broker, name: broker.name ?? `broker-${letters[index] ?? index}` }
  })
}

const topicOf = (topic: string | Embedded.TopicOptions): Embedded.TopicOptions =>
  typeof topic === "string" ? { name: topic } : topic

/** Makes or changes a topic on one broker. */
const putTopic = (broker: Broker, topic: Embedded.TopicOptions): void => {
  if (topic.brokers !== undefined && !topic.brokers.includes(broker.name)) return
  const queues = topic.queues ?? defaultQueues
  broker.createTopic(topic.name, {
    readQueueNums: topic.readQueues ?? queues,
    writeQueueNums: topic.writeQueues ?? queues,
    perm: permissions[topic.permission ?? "readWrite"],
    attributes: {
      ...(topic.messageType === undefined ? {} : { "message.type": topic.messageType }),
      ...topic.attributes
    }
  })
}

/** A node as users see it. */
class ServerControls implements Embedded.Server {
  readonly node: Node
  readonly start: Effect.Effect<void, ListenFailed>
  readonly stop: Effect.Effect<void>
  readonly drain: Effect.Effect<void>
  readonly inject: Embedded.Server["inject"]
  readonly injectScoped: Embedded.Server["injectScoped"]
  readonly clearFaults: Effect.Effect<void>
  readonly stats: Effect.Effect<Embedded.ServerStats>

  constructor(node: Node, moved: (before: Address) => Effect.Effect<void>) {
    this.node = node
    this.start = Effect.suspend(() => {
      const before = node.address
      return Effect.andThen(node.start, Effect.suspend(() => moved(before)))
    })
    this.stop = node.stop
    this.drain = node.drain
    this.inject = node.inject
    this.injectScoped = node.injectScoped
    this.clearFaults = node.clearFaults
    this.stats = node.stats
  }

  get name(): string {
    return this.node.name
  }
  get address(): Address {
    return this.node.address
  }
  get state(): Embedded.Server["state"] {
    return this.node.state
  }

  readonly restart = (options: Embedded.RestartOptions = {}): Effect.Effect<void, ListenFailed> =>
    (options.graceful === false ? this.stop : this.drain).pipe(
      Effect.andThen(options.downTime === undefined ? Effect.void : Effect.sleep(options.downTime)),
      Effect.andThen(options.keepStore === false ? this.loseStore : Effect.void),
      Effect.andThen(this.start)
    )

  protected get loseStore(): Effect.Effect<void> {
    return Effect.void
  }
}

class BrokerControls extends ServerControls implements Embedded.BrokerServer {
  readonly brokerNode: BrokerNode

  constructor(brokerNode: BrokerNode) {
    super(brokerNode.node, () => Effect.void)
    this.brokerNode = brokerNode
  }

  get brokerName(): string {
    return this.brokerNode.group.name
  }
  get brokerId(): number {
    return this.brokerNode.id
  }

  readonly setConditions: Embedded.BrokerServer["setConditions"] = (conditions) =>
    Effect.sync(() => {
      const { broker } = this.brokerNode
      if (broker !== undefined) Object.assign(broker.conditions, conditions)
    })

  readonly consumers = (group: string): ReadonlyArray<string> => this.brokerNode.broker?.consumers(group) ?? []
  readonly producers = (group: string): ReadonlyArray<string> => this.brokerNode.broker?.producers(group) ?? []

  protected override get loseStore(): Effect.Effect<void> {
    return this.brokerNode.loseStore
  }
}

/** See `EmbeddedRocketMQ.make`. */
export const make = Effect.fnUntraced(function*(
  options: Embedded.Options = {}
): Effect.fn.Return<Embedded.Service, ListenFailed | LoadBalancerError, Scope.Scope | Transport> {
  const transport = yield* Transport
  const network = yield* Effect.serviceOption(MemoryNetwork)
  const random = yield* Random.Random
  const scope = yield* Effect.scope
  const journal = new RequestJournal(options.journalLimit ?? defaultJournalLimit)
  const trace = options.trace
  if (trace !== undefined) journal.listen((entry) => Trace.request(entry, trace))
  const host = options.host ?? defaultHost
  const cluster = options.cluster ?? defaultCluster
  const surroundings: Surroundings = {
    transport,
    clock: yield* Clock.Clock,
    random,
    journal,
    scope,
    host,
    shutdownWaitMillis: options.shutdownWaitTime === undefined
      ? defaultShutdownWaitMillis
      : Duration.toMillis(options.shutdownWaitTime),
    note: trace ?? (() => {})
  }
  const inMemory = Option.isSome(network)
  /** The port of the nth server of a kind; 0 is one of the system's choice. */
  const portOf = (kind: "nameServer" | "broker" | "proxy", index: number): number => {
    const first = options.ports?.[kind] ?? (inMemory ? memoryPorts[kind] : 0)
    return first === 0 ? 0 : first + index * (kind === "broker" ? brokerPortStep : 1)
  }

  const nameServers = Array.from({ length: options.nameServers ?? 1 }, (_, index) => {
    const state = NameServer.makeState(options.nameServerSettings ?? {})
    return new Node(
      `nameserver-${index + 1}`,
      portOf("nameServer", index),
      surroundings,
      (serving) => NameServer.make(serving, state, surroundings)
    )
  })
  const nameServerAddresses = (): ReadonlyArray<Address> => nameServers.map(({ address }) => address)

  const topics = (options.topics ?? []).map(topicOf)
  const listener = (name: string): BrokerListener =>
    trace === undefined
      ? {}
      : {
        stored: (placed) => trace(Trace.stored(name, placed))
      }
  const brokers: Array<BrokerNode> = []
  for (const broker of brokersOf(options)) {
    const group: BrokerGroup = {
      name: broker.name,
      cluster: broker.cluster ?? cluster,
      store: undefined,
      provision: (made) => {
        for (const topic of topics) putTopic(made, topic)
      }
    }
    for (let id = 0; id <= (broker.slaves ?? 0); id++) {
      brokers.push(
        new BrokerNode(group, {
          id,
          port: portOf("broker", brokers.length),
          settings: { ...options.brokerSettings, ...broker.settings },
          users: broker.users ?? options.users,
          listener: listener(broker.name),
          nameServers: nameServerAddresses,
          readQueues: (topic) => readQueuesOf(brokers, topic)
        }, surroundings)
      )
    }
  }

  for (const node of nameServers) yield* node.start
  for (const { node } of brokers) yield* node.start

  let balancer: Balancer | undefined
  const hub = new Proxy.Hub()
  const proxies = Array.from({ length: options.proxies ?? 0 }, (_, index) =>
    new Node(
      `proxy-${index + 1}`,
      portOf("proxy", index),
      surroundings,
      (serving) =>
        Proxy.make(serving, surroundings, {
          settings: options.proxySettings ?? {},
          hub,
          nameServers: nameServerAddresses,
          cluster,
          advertised: () => balancer?.address ?? serving.address
        })
    ))
  for (const node of proxies) yield* node.start
  if (proxies.length > 0) {
    const policy = options.balance ?? "roundRobin"
    balancer = inMemory
      ? Balancers.inMemory(
        network.value,
        format(host, options.ports?.balancer ?? memoryPorts.balancer),
        policy,
        proxies,
        random
      )
      : yield* Balancers.onTcp(host, options.ports?.balancer ?? 0, policy, proxies)
  }

  const brokerControls = brokers.map((node) => new BrokerControls(node))
  const proxyControls = proxies.map((node) =>
    new ServerControls(node, (before) => balancer?.moved(node, before) ?? Effect.void)
  )
  const proxyOf = (server: Embedded.Server): Node => {
    const found = proxies.find(({ name }) => name === server.name)
    if (found === undefined) throw new Error(`${server.name} is no proxy`)
    return found
  }

  const broker = (name?: string, id = 0): Embedded.BrokerServer => {
    const found = brokerControls.find((one) => (name ?? one.brokerName) === one.brokerName && one.brokerId === id)
    if (found === undefined) throw new Error(`there is no broker ${name ?? ""} with id ${id}`)
    return found
  }

  return {
    nameServers: nameServers.map((node) => new ServerControls(node, () => Effect.void)),
    brokers: brokerControls,
    proxies: proxyControls,
    broker,
    balancer: balancer === undefined ? undefined : {
      address: balancer.address,
      targets: balancer.targets,
      add: (server) => Effect.suspend(() => balancer!.add(proxyOf(server))),
      remove: (server) => Effect.suspend(() => balancer!.remove(proxyOf(server))),
      connections: (server) => Effect.suspend(() => balancer!.connections(proxyOf(server)))
    },
    addresses: () => balancer === undefined ? nameServerAddresses() : [balancer.address],
    journal,
    messages: (query) => messagesOf(brokers, typeof query === "string" ? { topic: query } : query),
    createTopic: (topic) =>
      Effect.suspend(() => {
        const masters = brokers.filter(({ id }) => id === 0)
        for (const master of masters) if (master.broker !== undefined) putTopic(master.broker, topicOf(topic))
        return Effect.forEach(masters, (master) => master.announce, { concurrency: "unbounded", discard: true })
      })
  }
})

/** The queues of a topic that can be read, of all brokers that run. */
const readQueuesOf = (brokers: ReadonlyArray<BrokerNode>, topic: string): ReadonlyArray<MessageQueue> | undefined => {
  const serving = new Set(brokers.filter(({ broker }) => broker !== undefined).map(({ group }) => group))
  const configs = [...serving].flatMap(({ name, store }) => {
    const config = store?.topics.get(topic)
    return config === undefined ? [] : [{ brokerName: name, config }]
  })
  if (configs.length === 0) return undefined
  return configs.flatMap(({ brokerName, config: { perm, readQueueNums } }) =>
    (perm & permissions.read) === 0
      ? []
      : Array.from({ length: readQueueNums }, (_, queueId) => ({ topic, brokerName, queueId }))
  )
}

/** Messages of the stores, whether or not their brokers run. */
const messagesOf = (
  brokers: ReadonlyArray<BrokerNode>,
  query: Embedded.MessageQuery
): ReadonlyArray<Message.ReceivedMessage> => {
  const found: Array<Message.ReceivedMessage> = []
  for (const { group, id } of brokers) {
    if (id !== 0 || group.store === undefined || (query.broker !== undefined && query.broker !== group.name)) continue
    const { store } = group
    const config = store.topics.get(query.topic)
    const queues = config === undefined ? 0 : Math.max(config.readQueueNums, config.writeQueueNums)
    const ofBroker: Array<{ readonly position: number; readonly message: Message.ReceivedMessage }> = []
    for (let queueId = 0; queueId < queues; queueId++) {
      const queue = store.findQueue(query.topic, queueId)
      if (queue === undefined || (query.queueId !== undefined && query.queueId !== queueId)) continue
      for (let offset = queue.minOffset; offset < queue.maxOffset; offset++) {
        const stored = store.messageIn(query.topic, queueId, offset)
        if (stored === undefined) continue
        const message = Message.fromStored(stored, { brokerName: group.name })
        // A body that cannot be inflated is no message to an app.
        if ("messageId" in message) ofBroker.push({ position: stored.physicalOffset, message })
      }
    }
    found.push(...ofBroker.sort((left, right) => left.position - right.position).map(({ message }) => message))
  }
  return found
}
