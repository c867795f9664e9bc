/**
 * A client as a whole: its identity, and the services that producers and
 * consumers are built on.
 *
 * ```ts
 * const Client = MqClient.layer({ nameServers: "127.0.0.1:9876" })
 * ```
 */
import * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import * as Os from "node:os"
import * as Namespace from "../protocol/message/Namespace.ts"
import type { Credentials } from "../remoting/Credentials.ts"
import * as Reconnection from "../remoting/Reconnection.ts"
import * as RemotingClient from "../remoting/RemotingClient.ts"
import * as ResponseFutures from "../remoting/ResponseFutures.ts"
import type { RpcHook } from "../remoting/RpcHook.ts"
import { defined, ensure } from "../remoting/Settings.ts"
import * as Transport from "../remoting/Transport.ts"
import * as ChannelEventListener from "./ChannelEventListener.ts"
import * as Heartbeats from "./Heartbeats.ts"
import * as MqClientApi from "./MqClientApi.ts"
import * as NameServers from "./NameServers.ts"
import * as ServerRequests from "./ServerRequests.ts"
import * as TopicRoutes from "./TopicRoutes.ts"

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

/** Who the client is. What is empty, as variables of the environment may be, is not given. */
export interface IdentityOptions {
  /** The whole id, instead of its parts. No two clients of a group may have the same. */
  readonly clientId?: string | undefined
  /** Default: an address of this machine, IPv4 before IPv6. */
  readonly clientIp?: string | undefined
  /** Default: random, a new one for each client. */
  readonly instanceName?: string | undefined
  /** Part of the client id. Default: none. */
  readonly unitName?: string | undefined
  /**
   * Namespace of version 1, which goes before topics and groups. Default: that
   * of an endpoint of an instance among the name servers
   * (`http://MQ_INST_….host:port`), else none.
   */
  readonly namespace?: string | undefined
  /**
   * Namespace of version 2, which goes into each request as `ns` and `nsd`; the
   * servers of RocketMQ itself ignore it. With {@link layerNoDeps} it needs the
   * {@link hooks} as well. Default: none.
   */
  readonly namespaceV2?: string | undefined
}

/** Options of a client without its connections. */
export interface MqClientOptions extends IdentityOptions, NameServers.NameServersOptions {
  readonly routes?: TopicRoutes.TopicRoutesOptions | undefined
  readonly heartbeats?: Omit<Heartbeats.HeartbeatsOptions, "clientId"> | undefined
}

/** Options of a client over TCP. */
export interface MqClientTcpOptions extends MqClientOptions {
  /** Whom to sign as; an Effect is run anew for each connection. Default: nobody. */
  readonly credentials?: RemotingClient.RemotingClientOptions["credentials"]
  /** Where to dial instead, behind NAT or in Kubernetes. Default: the address itself. */
  readonly mapAddress?: RemotingClient.RemotingClientOptions["mapAddress"]
  /** TLS to every server, name servers too. Default: plain TCP. */
  readonly tls?: Transport.TcpOptions["tls"]
  /** Everything else about connections. */
  readonly remoting?: RemotingClient.RemotingClientOptions | undefined
  /** Everything else about TCP. */
  readonly transport?: Transport.TcpOptions | undefined
}

/** Signing on behalf of somebody, as clients take it. */
export type { Credentials }

/** What {@link layerNoDeps} provides. */
export type Services =
  | MqClient
  | MqClientApi.MqClientApi
  | NameServers.NameServers
  | TopicRoutes.TopicRoutes
  | Heartbeats.Heartbeats
  | ChannelEventListener.ChannelEventListener
  | ServerRequests.ServerRequests

/** What other machines may know this one by. */
const localAddress = (): string => {
  const addresses = Object.values(Os.networkInterfaces()).flatMap((one) => one ?? []).filter((one) => !one.internal)
  const ipv4 = addresses.find(({ family }) => family === "IPv4")
  // Addresses of a link alone mean nothing elsewhere.
  const ipv6 = addresses.find(({ address, family }) => family === "IPv6" && !address.startsWith("fe80:"))
  return (ipv4 ?? ipv6)?.address ?? "127.0.0.1"
}

const hex = Effect.map(Random.next, (random) => Math.floor(random * 0x1_0000_0000).toString(16).padStart(8, "0"))

const given = (text: string | undefined): string | undefined => text === "" ? undefined : text

/** An identity. */
export const make = Effect.fnUntraced(function*(
  options: IdentityOptions & Pick<NameServers.NameServersOptions, "nameServers"> = {}
): Effect.fn.Return<Service> {
  const ip = given(options.clientIp) ?? localAddress()
  // Java makes `ip@` of an empty name, which is one id for all clients of a machine.
  const instanceName = given(options.instanceName) ?? `${yield* hex}${yield* hex}`
  const unit = given(options.unitName) === undefined ? "" : `@${options.unitName}`
  const namespace = options.namespace ?? NameServers.instanceOf(options.nameServers ?? [])
  return {
    clientId: given(options.clientId) ?? `${ip}@${instanceName}${unit}`,
    ip,
    namespace,
    namespaceV2: options.namespaceV2,
    wrap: namespace === undefined ? (name) => name : (name) => Namespace.wrap(namespace, name),
    unwrap: namespace === undefined ? (name) => name : (name) => Namespace.unwrap(namespace, name)
  }
})

/** The hooks that a client's connections need: the namespace of version 2 in each request. */
export const hooks = (options: Pick<IdentityOptions, "namespaceV2">): ReadonlyArray<RpcHook> => {
  const { namespaceV2 } = options
  if (namespaceV2 === undefined || namespaceV2 === "") return []
  return [{
    before: (_address, request) => ({
      ...request,
      extFields: { ...request.extFields, nsd: "true", ns: namespaceV2 }
    })
  }]
}

/** The client on connections of the context. */
export const layerNoDeps = (
  options: MqClientOptions = {}
): Layer.Layer<Services, never, RemotingClient.RemotingClient> =>
  Layer.unwrap(
    Effect.map(make(options), (identity) =>
      // Fresh: two clients in one graph of layers must not share parts.
      Layer.fresh(
        Heartbeats.layer({ ...options.heartbeats, clientId: identity.clientId }).pipe(
          Layer.provideMerge(ChannelEventListener.layer),
          Layer.provideMerge(TopicRoutes.layer(options.routes)),
          Layer.provideMerge(
            Layer.mergeAll(
              Layer.succeed(MqClient, identity),
              MqClientApi.layer,
              NameServers.layer(options),
              ServerRequests.layer
            )
          )
        )
      ))
  )

const remotingOptions = (options: MqClientTcpOptions): RemotingClient.RemotingClientOptions => ({
  ...options.remoting,
  ...(options.credentials === undefined ? {} : { credentials: options.credentials }),
  ...(options.mapAddress === undefined ? {} : { mapAddress: options.mapAddress }),
  hooks: [...hooks(options), ...(options.remoting?.hooks ?? [])]
})

/** The client over TCP, with its connections. */
export const layer = (options: MqClientTcpOptions = {}): Layer.Layer<Services | RemotingClient.RemotingClient> =>
  layerNoDeps(options).pipe(
    Layer.provideMerge(RemotingClient.layerNoDeps(remotingOptions(options))),
    Layer.provide([
      Transport.layerWith({
        ...options.transport,
        ...(options.tls === undefined ? {} : { tls: options.tls })
      }),
      ResponseFutures.layer,
      Reconnection.layer
    ])
  )

const text = (name: string) => Config.String(name).pipe(Config.withDefault(undefined))

/** What {@link layerConfig} reads beside the settings of connections. */
export const config: Config.Config<MqClientOptions> = Config.all({
  ours: Config.all({
    nameServers: text("NAMESRV_ADDR"),
    domain: text("NAMESRV_DOMAIN"),
    subgroup: text("NAMESRV_SUBGROUP"),
    namespace: text("NAMESPACE"),
    namespaceV2: text("NAMESPACE_V2"),
    clientIp: text("CLIENT_IP"),
    instanceName: text("INSTANCE_NAME"),
    unitName: text("UNIT_NAME")
  }).pipe(Config.nested("ROCKETMQ")),
  common: text("NAMESRV_ADDR")
}).pipe(
  Config.map(({ common, ours: { domain, nameServers, subgroup, ...identity } }): MqClientOptions => ({
    ...identity,
    nameServers: nameServers ?? common,
    addressServer: domain === undefined ? undefined : { domain, subgroup, unitName: identity.unitName }
  }))
)

/**
 * The client over TCP from configuration: `ROCKETMQ_NAMESRV_ADDR`, or
 * `NAMESRV_ADDR` as other clients of RocketMQ have it; or
 * `ROCKETMQ_NAMESRV_DOMAIN` with `ROCKETMQ_NAMESRV_SUBGROUP` of an address
 * server; `ROCKETMQ_NAMESPACE`, `ROCKETMQ_NAMESPACE_V2`, `ROCKETMQ_CLIENT_IP`,
 * `ROCKETMQ_INSTANCE_NAME`, `ROCKETMQ_UNIT_NAME`; and what
 * `RemotingClient.layerConfig` reads: credentials, TLS, timeouts. Options given
 * here, unless they are `undefined`, come first. Fails where no name server is
 * configured.
 */
export const layerConfig = (
  options: Omit<MqClientTcpOptions, "tls" | "transport"> = {}
): Layer.Layer<Services | RemotingClient.RemotingClient, Config.ConfigError> =>
  Layer.unwrap(
    Effect.gen(function*() {
      const all: MqClientTcpOptions = { ...(yield* config), ...defined(options) }
      yield* ensure(
        NameServers.parseAddresses(all.nameServers ?? []).length > 0 || all.addressServer !== undefined,
        "no name server: set ROCKETMQ_NAMESRV_ADDR, NAMESRV_ADDR or ROCKETMQ_NAMESRV_DOMAIN"
      )
      return layerNoDeps(all).pipe(Layer.provideMerge(RemotingClient.layerConfig(remotingOptions(all))))
    })
  )
