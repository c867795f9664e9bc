/** A client as a whole: its identity, and the services that producers and consumers are built on. */
import * as Context from "effect/Context"

/** See {@link MqClient}. */
export interface Service {
  /** How brokers tell this client from others: `ip@instance` or `ip@instance@unit`. */
  readonly clientId: string
  /** The address of this machine that is part of the client id, and of message ids. */
  readonly ip: string
  /** Namespace of version 1: a part of every name. */
  readonly namespace: string | undefined
  /** Namespace of version 2: an ext field of every request. */
  readonly namespaceV2: string | undefined
  /** A topic or group as brokers name it: with the namespace of version 1, if any. */
  readonly wrap: (name: string) => string
  /** A topic or group as the app names it. */
  readonly unwrap: (name: string) => string
}

/** The client's identity. */
export class MqClient extends Context.Service<MqClient, Service>()("effect-rocketmq/client/MqClient") {}
