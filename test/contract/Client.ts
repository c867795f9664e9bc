/** The client under test, connected to the backend of a case, in the scope of the case. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as MqClient from "../../src/client/MqClient.ts"
import * as Producer from "../../src/client/Producer.ts"
import type * as RemotingClient from "../../src/remoting/RemotingClient.ts"
import { Backend } from "./Backend.ts"

export { Producer } from "../../src/client/Producer.ts"

export interface ClientOptions extends MqClient.MqClientOptions {
  readonly remoting?: RemotingClient.RemotingClientOptions
}

const client = (options: ClientOptions | undefined) =>
  Effect.map(Backend, (backend) =>
    Layer.provideMerge(
      MqClient.layerNoDeps({ nameServers: backend.nameServers, ...options }),
      backend.connections({ hooks: MqClient.hooks(options ?? {}), ...options?.remoting })
    ))

/** The services of a client of its own. */
const services = (options: ClientOptions | undefined) => Effect.flatMap(client(options), (layer) => Layer.build(layer))

type Services = Effect.Success<ReturnType<typeof services>> extends Context.Context<infer I> ? I : never

/** One service of a client of its own. */
export const get = <I extends Services, S>(service: Context.Key<I, S>, options?: ClientOptions) =>
  Effect.map(services(options), (context) => Context.get(context, service))

type Options = Partial<Producer.ProducerOptions>

const producerOptions = (options: Options | undefined): Producer.ProducerOptions => ({
  group: "contract-producers",
  metrics: false,
  ...options
})

/** A producer on a client of its own, and the client's services. */
export const producerWith = (options?: Options, clientOptions?: ClientOptions) =>
  Effect.flatMap(
    client(clientOptions),
    (layer) => Layer.build(Layer.provideMerge(Producer.layerNoDeps(producerOptions(options)), layer))
  )

/** A producer on a client of its own. */
export const producer = (options?: Options, clientOptions?: ClientOptions) =>
  Effect.map(producerWith(options, clientOptions), (context) => Context.get(context, Producer.Producer))

/** Producers, one a group, that share a client. */
export const producersOfOneClient = (groups: ReadonlyArray<string>) =>
  Effect.gen(function*() {
    const context = yield* services(undefined)
    const producers = yield* Effect.forEach(groups, (group) =>
      Effect.provideContext(Producer.make(producerOptions({ group })), context))
    return { clientId: Context.get(context, MqClient.MqClient).clientId, producers }
  })
