/** What a broker is made of, and what it tells. */
import type * as Effect from "effect/Effect"
import type { DataVersion } from "../../../protocol/body/DataVersion.ts"
import type { MessageQueue } from "../../../protocol/body/MessageQueue.ts"
import type { TopicConfig } from "../../../protocol/body/TopicConfig.ts"
import type { RemotingCommand } from "../../../protocol/RemotingCommand.ts"
import type { Peer } from "../../../remoting/RemotingHandler.ts"
import type { RemotingReply } from "../../../remoting/RemotingRequest.ts"
import type * as RemotingServer from "../../../remoting/RemotingServer.ts"
import type { BrokerStore, Placed } from "./BrokerStore.ts"
import type { BrokerSettings } from "./Settings.ts"

/** A request on its way through a broker. */
export interface Call {
  readonly request: RemotingCommand
  readonly peer: Peer
  /** Name of the broker that was asked. */
  readonly broker: string
}

/**
 * Faults: asked about each request. `undefined` lets it go its way.
 *
 * An effect may take time: it holds up this request alone.
 */
export interface Interceptor {
  /**
   * Before the handler. A reply is answered instead, and the request is not executed; `"drop"` neither executes nor
   * answers it; `undefined`, at once or as the effect's result, lets the handler run.
   */
  readonly before?: ((call: Call) => Effect.Effect<RemotingReply | "drop" | undefined> | undefined) | undefined
  /**
   * After the handler, before its answer leaves. What is returned leaves instead: none is a lost answer, several are
   * duplicates, sent one after the other.
   */
  readonly after?:
    | ((call: Call, reply: RemotingReply) => Effect.Effect<ReadonlyArray<RemotingReply>> | undefined)
    | undefined
}

/** Told of what happens, synchronously; must not throw. */
export interface BrokerListener {
  /** A handler is about to run: faults have let the request pass. */
  readonly executing?: ((call: Call) => void) | undefined
  /** A handler has answered; `undefined`: it answers nothing. */
  readonly answered?: ((call: Call, reply: RemotingReply | undefined) => void) | undefined
  /** A message was stored, in whatever topic. `request` is the code that caused it; none for what is due by time. */
  readonly stored?: ((placed: Placed, request: number | undefined) => void) | undefined
  /** Topics were made, changed or deleted: the name server has to know. */
  readonly topicsChanged?: (() => void) | undefined
}

/** A user that may ask this broker. */
export interface BrokerUser {
  readonly accessKey: string
  readonly secretKey: string
  /** May do everything. Default: `true` for those that say neither `publish` nor `subscribe`. */
  readonly superUser?: boolean | undefined
  /** Topics that it may publish to, by name, or by the beginning of names with `*` behind it; `*` for all. */
  readonly publish?: ReadonlyArray<string> | undefined
  /** Topics and groups that it may subscribe to, in the same form. */
  readonly subscribe?: ReadonlyArray<string> | undefined
}

/** What a broker is made of. */
export interface BrokerOptions {
  /** Where it serves. Its handlers are registered there before `make` gives way. */
  readonly server: Pick<RemotingServer.Service, "address" | "handle" | "peers" | "events">
  /** Default: a new one. Pass the one of an earlier broker for a restart, or of the master for a slave. */
  readonly store?: BrokerStore | undefined
  /** Default: `broker-a`. */
  readonly name?: string | undefined
  /** Default: `DefaultCluster`. */
  readonly cluster?: string | undefined
  /** 0 is the master, all others are slaves, which take no sends. Default: 0. */
  readonly id?: number | undefined
  /** `ip:port` that it is known by. Default: the server's. */
  readonly address?: string | undefined
  /** What differs from the defaults. */
  readonly settings?: Partial<BrokerSettings> | undefined
  /** Users, if requests have to be signed. Default: anybody may ask. */
  readonly users?: ReadonlyArray<BrokerUser> | undefined
  /**
   * The queues of a topic that can be read, on all brokers, which QUERY_ASSIGNMENT divides among consumers; `undefined`
   * when the topic is unknown. Default: the queues of this broker.
   */
  readonly readQueues?: ((topic: string) => ReadonlyArray<MessageQueue> | undefined) | undefined
  readonly interceptor?: Interceptor | undefined
  readonly listener?: BrokerListener | undefined
}

/** What the broker tells a name server. */
export interface Registration {
  readonly brokerName: string
  readonly brokerAddr: string
  readonly clusterName: string
  readonly brokerId: number
  readonly haServerAddr: string
  readonly topicConfigTable: ReadonlyArray<TopicConfig>
  readonly dataVersion: DataVersion
}

/** Conditions of the machine that a real broker may meet; read at each request, so set them at any time. */
export interface BrokerConditions {
  /** The disk is full: sends get SERVICE_NOT_AVAILABLE. */
  diskFull: boolean
  /** The page cache is busy: sends get SYSTEM_BUSY. */
  pageCacheBusy: boolean
  /** Status of messages that are stored: SEND's three codes beside success. Default: SUCCESS. */
  putStatus: "SUCCESS" | "FLUSH_DISK_TIMEOUT" | "FLUSH_SLAVE_TIMEOUT" | "SLAVE_NOT_AVAILABLE"
}

/** A running broker. */
export interface Broker {
  readonly name: string
  readonly cluster: string
  readonly id: number
  readonly address: string
  readonly store: BrokerStore
  /** The settings, which UPDATE_BROKER_CONFIG changes; they may be changed here too. */
  readonly settings: BrokerSettings
  readonly conditions: BrokerConditions
  /** What a name server is to know now. */
  readonly registration: () => Registration
  /** Makes or changes a topic, as an administrator would. */
  readonly createTopic: (
    topic: string,
    options?: Partial<Omit<TopicConfig, "topicName">> & { readonly queues?: number | undefined }
  ) => TopicConfig
  /** Ids of clients that are connected, by consumer group. */
  readonly consumers: (group: string) => ReadonlyArray<string>
  /** Ids of clients that are connected, by producer group. */
  readonly producers: (group: string) => ReadonlyArray<string>
}
