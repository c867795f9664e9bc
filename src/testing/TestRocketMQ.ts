/**
 * RocketMQ for tests of apps: an embedded one, and a client that is connected to it.
 *
 * ```ts
 * it.effect("sends", () => Effect.gen(function*() {
 *   const rocketmq = yield* EmbeddedRocketMQ
 *   …
 * }).pipe(Effect.provide(TestRocketMQ.layer)))
 * ```
 */
import * as Layer from "effect/Layer"
import type { MemoryNetwork, NetworkOptions } from "../remoting/MemoryTransport.ts"
import * as Reconnection from "../remoting/Reconnection.ts"
import type { RemotingClientOptions } from "../remoting/RemotingClient.ts"
import * as RemotingClient from "../remoting/RemotingClient.ts"
import type { ListenFailed } from "../remoting/RemotingError.ts"
import * as ResponseFutures from "../remoting/ResponseFutures.ts"
import * as Transport from "../remoting/Transport.ts"
import * as Embedded from "./EmbeddedRocketMQ.ts"
import type { LoadBalancerError } from "./LoadBalancer.ts"

/** What is to be there, and how the client behaves. */
export interface Options extends Embedded.Options {
  /** Options of the client's connections. */
  readonly remoting?: RemotingClientOptions | undefined
}

/** What the layers provide on any transport. */
export type Services = Embedded.EmbeddedRocketMQ | RemotingClient.RemotingClient | Transport.Transport

/** The client, connected to what there is. */
const client = (
  options: Options
): Layer.Layer<RemotingClient.RemotingClient, never, Embedded.EmbeddedRocketMQ | Transport.Transport> =>
  RemotingClient.layerNoDeps({ metrics: false, ...options.remoting }).pipe(
    Layer.provide([Layer.fresh(ResponseFutures.layer), Reconnection.layer])
  )

/**
 * In memory: no ports, and under `TestClock` no time passes that the test does not let pass. Each use of this layer in
 * a test is a RocketMQ of its own.
 */
export const layerWith = (
  options: Options = {},
  network?: NetworkOptions
): Layer.Layer<Services | MemoryNetwork> =>
  Layer.provideMerge(client(options), Embedded.layerMemory(options, network))

/** In memory: one name server, one broker, topics as they are sent to. */
export const layer: Layer.Layer<Services | MemoryNetwork> = layerWith()

/** On TCP, at ports of the system's choice unless the options name them; time is that of the machine. */
export const layerTcp = (options: Options = {}): Layer.Layer<Services, ListenFailed | LoadBalancerError> =>
  Layer.provideMerge(
    client(options),
    Layer.provideMerge(Embedded.layerNoDeps(options), Transport.layer)
  )
