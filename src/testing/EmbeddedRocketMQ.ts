/**
 * A whole RocketMQ in this process: name servers, brokers and proxies, in memory under `TestClock` or on TCP ports.
 *
 * Nothing is kept on disk. Apps are tested with `TestRocketMQ`, which adds the client; this module is the server side
 * with its controls: who runs, what goes wrong, what was executed and stored.
 */
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type { ReceivedMessage } from "../client/Message.ts"
import type { Address } from "../remoting/Address.ts"
import * as MemoryTransport from "../remoting/MemoryTransport.ts"
import type { ListenFailed } from "../remoting/RemotingError.ts"
import * as Transport from "../remoting/Transport.ts"
import type { Fault } from "./Fault.ts"
import type { BrokerConditions, BrokerUser } from "./internal/broker/BrokerApi.ts"
import type { BrokerSettings } from "./internal/broker/Settings.ts"
import * as Cluster from "./internal/cluster/cluster.ts"
import type { NameServerSettings } from "./internal/nameserver/Settings.ts"
import type { ProxySettings } from "./internal/proxy/Settings.ts"
import type { Journal } from "./Journal.ts"
import type { LoadBalancerError } from "./LoadBalancer.ts"

export type { BrokerConditions, BrokerSettings, BrokerUser, NameServerSettings, ProxySettings }

/** A topic that exists from the start. */
export interface TopicOptions {
  readonly name: string
  /** Queues for sending and for receiving, on each broker. Default: 8. */
  readonly queues?: number | undefined
  /** Queues for receiving, where they differ. */
  readonly readQueues?: number | undefined
  /** Queues for sending, where they differ. */
  readonly writeQueues?: number | undefined
  /** What may be done with it. Default: `readWrite`. */
  readonly permission?: "readWrite" | "read" | "write" | "none" | undefined
  /** The kind of messages that it is for; proxies take no others. Default: `NORMAL`. */
  readonly messageType?: "NORMAL" | "FIFO" | "DELAY" | "TRANSACTION" | "PRIORITY" | "LITE" | "MIXED" | undefined
  /** Further attributes, such as `{ "queue.type": "BatchCQ" }`. Default: none. */
  readonly attributes?: Readonly<Record<string, string>> | undefined
  /** Names of the brokers that have it. Default: all. */
  readonly brokers?: ReadonlyArray<string> | undefined
}

/** A master and its slaves. */
export interface BrokerOptions {
  /** Default: `broker-a` for the first, `broker-b` for the second, and so on. */
  readonly name?: string | undefined
  /** Default: the cluster's of {@link Options}. */
  readonly cluster?: string | undefined
  /** How many slaves, with ids from 1; they have at once what the master stores. Default: 0. */
  readonly slaves?: number | undefined
  /** What differs from the defaults, and from `brokerSettings` of {@link Options}. */
  readonly settings?: Partial<BrokerSettings> | undefined
  /** Who may ask, if not everybody: requests then have to be signed. Default: that of {@link Options}. */
  readonly users?: ReadonlyArray<BrokerUser> | undefined
}

/** What is to be there. */
export interface Options {
  /** How many name servers. Default: 1. */
  readonly nameServers?: number | undefined
  /** How many brokers, or which. Default: one, `broker-a`. */
  readonly brokers?: number | ReadonlyArray<string | BrokerOptions> | undefined
  /** Topics that exist from the start. Others come to be when they are first sent to. Default: none. */
  readonly topics?: ReadonlyArray<string | TopicOptions> | undefined
  /** How many proxies, all behind one address. Default: 0. */
  readonly proxies?: number | undefined
  /** How a connection to that address finds its proxy. Default: `roundRobin`. */
  readonly balance?: "roundRobin" | "random" | undefined
  /** Name of the cluster. Default: `DefaultCluster`. */
  readonly cluster?: string | undefined
  readonly nameServerSettings?: Partial<NameServerSettings> | undefined
  readonly brokerSettings?: Partial<BrokerSettings> | undefined
  readonly proxySettings?: Partial<ProxySettings> | undefined
  /** Who may ask brokers. Default: everybody. */
  readonly users?: ReadonlyArray<BrokerUser> | undefined
  /** How long a server that drains answers GO_AWAY before it stops. Default: 30 seconds. */
  readonly shutdownWaitTime?: Duration.Input | undefined
  /** Where to listen. Default: `127.0.0.1`. */
  readonly host?: string | undefined
  /**
   * Ports of the first server of each kind; the others follow. On TCP, those not named, and those that are taken, are of
   * the system's choice. In memory they are RocketMQ's own: 9876, 10911, 8081 and 8080.
   */
  readonly ports?: {
    readonly nameServer?: number | undefined
    readonly broker?: number | undefined
    readonly proxy?: number | undefined
    /** Of the address that all proxies are behind. */
    readonly balancer?: number | undefined
  } | undefined
  /** Requests that the journal remembers. Default: 10,000. */
  readonly journalLimit?: number | undefined
  /** Is told of what happens, in short lines. Default: nobody. */
  readonly trace?: ((line: string) => void) | undefined
}

/** One server and what can be done to it. */
export interface Server {
  /** Such as `nameserver-1`, `broker-a`, `broker-a#1` for its first slave, or `proxy-1`. */
  readonly name: string
  /** Where it listens, or listened last. */
  readonly address: Address
  readonly state: "serving" | "draining" | "stopped"
  /** Starts it again, at the same address unless somebody has taken that. */
  readonly start: Effect.Effect<void, ListenFailed>
  /** Stops it at once: its connections close, and what it was doing is not answered. */
  readonly stop: Effect.Effect<void>
  /**
   * Stops it as RocketMQ's `enableShutdownGracefully` does: a broker leaves the name servers; requests are answered
   * GO_AWAY, those that run finish, and after `shutdownWaitTime` it stops, which is when this ends. (A stock proxy
   * knows no drain.)
   */
  readonly drain: Effect.Effect<void>
  /** Stops it, one way or the other, and starts it again. */
  readonly restart: (options?: RestartOptions) => Effect.Effect<void, ListenFailed>
  /** From now on that goes wrong, until it has met as many requests as it is for. */
  readonly inject: (fault: Fault) => Effect.Effect<void>
  /** That goes wrong until the scope closes. */
  readonly injectScoped: (fault: Fault) => Effect.Effect<void, never, Scope.Scope>
  /** Nothing goes wrong any more. */
  readonly clearFaults: Effect.Effect<void>
  /** Counts, at this moment. */
  readonly stats: Effect.Effect<ServerStats>
}

/** What a server has done, over all its lives, and what it holds. */
export interface ServerStats {
  /** Open connections. */
  readonly connections: number
  /** Requests handed to a handler. */
  readonly requests: number
  /** Requests answered GO_AWAY. */
  readonly goAways: number
}

/** How a server is to be restarted. */
export interface RestartOptions {
  /** Whether it drains first. Default: `true`. */
  readonly graceful?: boolean | undefined
  /** From stop to start. Default: no time. */
  readonly downTime?: Duration.Input | undefined
  /** A broker: whether it still has what it stored; topics named in {@link Options} it has in any case. Default: `true`. */
  readonly keepStore?: boolean | undefined
}

/** One broker. */
export interface BrokerServer extends Server {
  /** The name that it shares with its slaves, or with its master. */
  readonly brokerName: string
  /** 0: a master. */
  readonly brokerId: number
  /** Sets conditions of its machine, such as a full disk; they last until it stops. */
  readonly setConditions: (conditions: Partial<BrokerConditions>) => Effect.Effect<void>
  /** Ids of the clients of a consumer group that are connected to it. */
  readonly consumers: (group: string) => ReadonlyArray<string>
  /** Ids of the clients of a producer group that are connected to it. */
  readonly producers: (group: string) => ReadonlyArray<string>
}

/** The address that all proxies are behind. */
export interface Balancer {
  readonly address: Address
  /** Names of the proxies that new connections go to. */
  readonly targets: () => ReadonlyArray<string>
  /** New connections go to this proxy too. */
  readonly add: (proxy: Server) => Effect.Effect<void>
  /** New connections no longer go to this proxy; those that exist go on. */
  readonly remove: (proxy: Server) => Effect.Effect<void>
  /** Open connections to a proxy. */
  readonly connections: (proxy: Server) => Effect.Effect<number>
}

/** Which stored messages are wanted. */
export interface MessageQuery {
  readonly topic: string
  readonly queueId?: number | undefined
  /** Name of the broker. Default: all of them. */
  readonly broker?: string | undefined
}

/** See {@link EmbeddedRocketMQ}. */
export interface Service {
  readonly nameServers: ReadonlyArray<Server>
  /** Masters and slaves; each master before its slaves. */
  readonly brokers: ReadonlyArray<BrokerServer>
  readonly proxies: ReadonlyArray<Server>
  /** A broker by its name, a slave with its id. Default: the first master. Throws when there is no such broker. */
  readonly broker: (name?: string, id?: number) => BrokerServer
  /** Where the proxies are, if there are any. A proxy that cannot be reached is passed over. */
  readonly balancer: Balancer | undefined
  /** Addresses for a client's `nameServers`: that of the proxies if there are any, else the name servers'. */
  readonly addresses: () => ReadonlyArray<Address>
  /** Every request that a server executed. */
  readonly journal: Journal
  /**
   * Messages of a topic that are stored, of each broker in the order in which they were. Topics of the system are none
   * but topics: `%RETRY%group`, `%DLQ%group`.
   */
  readonly messages: (query: string | MessageQuery) => ReadonlyArray<ReceivedMessage>
  /** Makes or changes a topic, as an administrator would; name servers know it when this ends. */
  readonly createTopic: (topic: string | TopicOptions) => Effect.Effect<void>
}

/** The embedded RocketMQ. Closing its scope stops it. */
export class EmbeddedRocketMQ extends Context.Service<EmbeddedRocketMQ, Service>()(
  "effect-rocketmq/testing/EmbeddedRocketMQ"
) {}

/**
 * An embedded RocketMQ in the current scope, on whatever transport there is. With a `MemoryNetwork` beside it proxies
 * are balanced by that; otherwise by a TCP load balancer. It serves when this ends: brokers have registered.
 */
export const make: (
  options?: Options
) => Effect.Effect<Service, ListenFailed | LoadBalancerError, Scope.Scope | Transport.Transport> = Cluster.make

/** On whatever transport there is. */
export const layerNoDeps = (
  options?: Options
): Layer.Layer<EmbeddedRocketMQ, ListenFailed | LoadBalancerError, Transport.Transport> =>
  Layer.effect(EmbeddedRocketMQ, make(options))

/** On TCP, at ports of the system's choice unless the options name them. Clients bring their own transport. */
export const layerTcp = (options?: Options): Layer.Layer<EmbeddedRocketMQ, ListenFailed | LoadBalancerError> =>
  Layer.provide(layerNoDeps(options), Transport.layer)

/** On a network in memory, which is there for clients too. */
export const layerMemory = (
  options?: Options,
  network?: MemoryTransport.NetworkOptions
): Layer.Layer<EmbeddedRocketMQ | Transport.Transport | MemoryTransport.MemoryNetwork> =>
  // Ports of a network of its own are free.
  Layer.orDie(Layer.provideMerge(layerNoDeps(options), MemoryTransport.layerWith(network ?? {})))
