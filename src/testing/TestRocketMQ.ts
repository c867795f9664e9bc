/**
 * RocketMQ for tests of apps: an embedded one, and a client and a producer that are connected to it.
 *
 * ```ts
 * it.effect("an order is sent", () =>
 *   Effect.gen(function*() {
 *     yield* placeOrder("order-1")
 *     const rocketmq = yield* EmbeddedRocketMQ.EmbeddedRocketMQ
 *     assert.strictEqual(rocketmq.messages("orders").length, 1)
 *   }).pipe(Effect.provide(TestRocketMQ.layer)))
 * ```
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as MqClient from "../client/MqClient.ts"
import * as Producer from "../client/Producer.ts"
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
  /** Options of the client. Its name servers are those of the embedded RocketMQ, or its proxies if it has any. */
  readonly client?: Omit<MqClient.MqClientOptions, "nameServers"> | undefined
  /** Options of the client's connections. */
  readonly remoting?: RemotingClientOptions | undefined
  /** Policies of the client's connections, with the defaults for those left out. */
  readonly reconnection?: Parameters<typeof Reconnection.make>[0]
  /** Options of the producer. Its group is `TestProducers` unless they name another. */
  readonly producer?: Partial<Producer.ProducerOptions> | undefined
}

/** What the layers provide: the embedded RocketMQ with its transport, and the client. */
export type Services =
  | Embedded.EmbeddedRocketMQ
  | Transport.Transport
  | RemotingClient.RemotingClient
  | MqClient.Services
  | Producer.Producer

const defaultGroup = "TestProducers"

type ClientServices = RemotingClient.RemotingClient | MqClient.Services | Producer.Producer

/** The client, connected to what there is. Options that make no sense, such as a group without a name, are defects. */
const client = (
  options: Options
): Layer.Layer<ClientServices, never, Embedded.EmbeddedRocketMQ | Transport.Transport> => {
  const connections = RemotingClient.layerNoDeps({
    metrics: false,
    ...options.remoting,
    hooks: [...MqClient.hooks(options.client ?? {}), ...(options.remoting?.hooks ?? [])]
  }).pipe(
    Layer.provide([Layer.fresh(ResponseFutures.layer), Reconnection.layerWith(options.reconnection)])
  )
  const services = Layer.unwrap(
    Effect.map(Embedded.EmbeddedRocketMQ, (rocketmq) =>
      // An address that is the same on every machine: it is part of the ids of messages.
      MqClient.layerNoDeps({ clientIp: "127.0.0.1", ...options.client, nameServers: rocketmq.addresses() }))
  )
  const producer = Producer.layerNoDeps({ group: defaultGroup, metrics: false, ...options.producer })
  return producer.pipe(Layer.orDie, Layer.provideMerge(services), Layer.provideMerge(connections))
}

/**
 * In memory: no ports, and under `TestClock` no time passes that the test does not let pass. Each test that this layer
 * is provided to has a RocketMQ of its own.
 */
export const layerWith = (
  options: Options = {},
  network?: NetworkOptions
): Layer.Layer<Services | MemoryNetwork> => Layer.provideMerge(client(options), Embedded.layerMemory(options, network))

/** In memory: one name server, one broker, topics as they are sent to. */
export const layer: Layer.Layer<Services | MemoryNetwork> = layerWith()

/** On TCP, at ports of the system's choice unless the options name them; time is that of the machine. */
export const layerTcp = (options: Options = {}): Layer.Layer<Services, ListenFailed | LoadBalancerError> =>
  Layer.provideMerge(
    client(options),
    Layer.provideMerge(Embedded.layerNoDeps(options), Transport.layer)
  )
