/** Real servers as a backend of the contract suite. */
import * as RemotingClient from "effect-rocketmq/remoting/RemotingClient"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Backend from "../../contract/Backend.ts"
import type { Server } from "./Server.ts"

export interface RealBackendOptions {
  readonly name: string
  readonly offers?: ReadonlySet<Backend.Capability>
  readonly nameServer: Server
  /** By name. */
  readonly brokers: Readonly<Record<string, Server>>
  /** What apps talk to instead of the name server. */
  readonly proxy?: Server
}

const connections = (
  options?: RemotingClient.RemotingClientOptions
): Layer.Layer<RemotingClient.RemotingClient> => Layer.fresh(RemotingClient.layerWith({ metrics: false, ...options }))

export const make = (
  options: RealBackendOptions
): Effect.Effect<Backend.Service, never, RemotingClient.RemotingClient> =>
  Backend.make({
    name: options.name,
    offers: options.offers ?? new Set(),
    nameServers: [(options.proxy ?? options.nameServer).address],
    nameServer: options.nameServer.address,
    brokers: new Map(Object.entries(options.brokers).map(([name, { address }]) => [name, address])),
    connections,
    pass: Effect.sleep
  })

/** The same as a Layer, over servers of the context. */
export const layer = <E, R>(
  options: Effect.Effect<RealBackendOptions, E, R>
): Layer.Layer<Backend.Backend, E, R> =>
  Layer.provide(Layer.effect(Backend.Backend, Effect.flatMap(options, make)), connections())
