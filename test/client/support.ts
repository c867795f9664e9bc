/** What the tests of this folder build on: a client, name servers and brokers on a network in memory. */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as MqClient from "../../src/client/MqClient.ts"
import { HeartbeatData } from "../../src/protocol/body/HeartbeatData.ts"
import type { BrokerData, QueueData, TopicRouteData } from "../../src/protocol/body/TopicRouteData.ts"
import { encodeStandard } from "../../src/protocol/body/TopicRouteData.ts"
import type { ExtFields, RemotingCommand } from "../../src/protocol/RemotingCommand.ts"
import { RequestCode } from "../../src/protocol/RequestCode.ts"
import { ResponseCode } from "../../src/protocol/ResponseCode.ts"
import { RemotingClient } from "../../src/remoting/RemotingClient.ts"
import type * as Remoting from "../../src/remoting/RemotingClient.ts"
import type { Peer } from "../../src/remoting/RemotingHandler.ts"
import type { RemotingReply } from "../../src/remoting/RemotingRequest.ts"
import * as RemotingServer from "../../src/remoting/RemotingServer.ts"
import { client } from "../remoting/support.ts"

export * from "../remoting/support.ts"

/** A request as a server got it. */
export interface Got {
  readonly code: number
  readonly request: RemotingCommand
  readonly channel: string
  /** Milliseconds on the test's clock. */
  readonly at: number
}

/** What a server does with a request. `undefined`: what it does by default. */
export type Script = (request: RemotingCommand, peer: Peer) => Effect.Effect<RemotingReply | undefined> | undefined

/** A server on `10.0.0.1` that notes down what it gets. */
const server = (
  port: number,
  answer: Script,
  options?: RemotingServer.RemotingServerOptions
) =>
  Effect.gen(function*() {
    const clock = yield* Clock.Clock
    const service = yield* RemotingServer.make({ host: "10.0.0.1", port, metrics: false, ...options })
    const got: Array<Got> = []
    const peers = new Map<string, Peer>()
    const state: { script: Script } = { script: () => undefined }
    yield* service.handleOther((request, peer) =>
      Effect.suspend(() => {
        got.push({ code: request.code, request, channel: peer.channelId, at: clock.currentTimeMillisUnsafe() })
        peers.set(peer.channelId, peer)
        return state.script(request, peer) ?? answer(request, peer) ?? Effect.succeed({})
      })
    )
    return {
      ...service,
      got,
      /** Those who have asked something, by channel. */
      askers: peers,
      /** Requests with a code. */
      of: (code: number) => got.filter((one) => one.code === code),
      /** Does something else from now on. */
      becomes: (script: Script) => {
        state.script = script
      }
    }
  })

/** A name server that knows the given topics. */
export const nameServer = (port: number, topics: ReadonlyMap<string, TopicRouteData> = new Map()) =>
  Effect.gen(function*() {
    const routes = new Map(topics)
    const service = yield* server(port, (request) => {
      if (request.code !== RequestCode.GET_ROUTEINFO_BY_TOPIC) return undefined
      const route = routes.get(request.extFields.topic ?? "")
      return Effect.succeed(
        route === undefined
          ? {
            code: ResponseCode.TOPIC_NOT_EXIST,
            remark: `No topic route info in name server for the topic: ${request.extFields.topic}`
          }
          : { body: encodeStandard(route) }
      )
    })
    return {
      ...service,
      routes,
      /** Topics that it was asked for. */
      asked: () => service.of(RequestCode.GET_ROUTEINFO_BY_TOPIC).map(({ request }) => request.extFields.topic)
    }
  })

/** What a broker got as a heartbeat. */
export interface Beat {
  readonly channel: string
  readonly at: number
  readonly data: HeartbeatData
}

/** The answers to heartbeats of a broker of version 5. */
export const v2Fields = (subChange: boolean): ExtFields => ({
  IS_SUPPORT_HEART_BEAT_V2: "true",
  IS_SUB_CHANGE: String(subChange)
})

/** A broker that answers everything with success. */
export const broker = (port: number, options?: RemotingServer.RemotingServerOptions) =>
  Effect.gen(function*() {
    const service = yield* server(port, () => undefined, options)
    // Those without a body are probes of a silent channel.
    const beats = (): ReadonlyArray<Beat> =>
      service.of(RequestCode.HEART_BEAT).filter(({ request }) => request.body !== undefined).map((
        { at, channel, request }
      ) => ({
        channel,
        at,
        data: HeartbeatData.decode(request.body) as HeartbeatData
      }))
    return {
      ...service,
      beats,
      /** Codes of the requests by channel, in the order of the connections. */
      byChannel: () => {
        const channels = new Map<string, Array<number>>()
        for (const { channel, code } of service.got) {
          const codes = channels.get(channel) ?? []
          channels.set(channel, codes)
          codes.push(code)
        }
        return [...channels.values()]
      }
    }
  })

/** A broker in a route: its addresses by id. */
export const brokerData = (brokerName: string, addresses: Readonly<Record<number, string>>): BrokerData => ({
  brokerName,
  cluster: "DefaultCluster",
  brokerAddrs: new Map(Object.entries(addresses).map(([id, address]) => [Number(id), address])),
  enableActingMaster: false
})

/** Queues in a route. */
export const queueData = (brokerName: string, queues: number, perm = 6): QueueData => ({
  brokerName,
  readQueueNums: queues,
  writeQueueNums: queues,
  perm,
  topicSysFlag: 0
})

/** A route over brokers with one master each, four queues on each. */
export const route = (
  brokers: Readonly<Record<string, string | Readonly<Record<number, string>>>>,
  queues = 4
): TopicRouteData => ({
  brokerDatas: Object.entries(brokers).map(([name, at]) => brokerData(name, typeof at === "string" ? { 0: at } : at)),
  queueDatas: Object.keys(brokers).map((name) => queueData(name, queues)),
  filterServerTable: {}
})

/** A client in the current scope: all its services, and its connections. */
export const mqClient = (options: MqClient.MqClientOptions, remoting?: Remoting.RemotingClientOptions) =>
  Effect.gen(function*() {
    const connections = yield* client(remoting)
    const services = yield* Layer.build(
      MqClient.layerNoDeps({ clientIp: "10.1.1.1", instanceName: "test", ...options })
    ).pipe(Effect.provideService(RemotingClient, connections))
    return Context.add(services, RemotingClient, connections)
  })

/** A client in a scope of its own. */
export const closableClient = (options: MqClient.MqClientOptions, remoting?: Remoting.RemotingClientOptions) =>
  Effect.gen(function*() {
    const scope = yield* Scope.make()
    const context = yield* Scope.provide(mqClient(options, remoting), scope)
    return { scope, context }
  })
