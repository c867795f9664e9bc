/**
 * A service of an application on top of the client, each provided as a Layer.
 *
 *     node --conditions=effect-rocketmq:source examples/layer.ts
 */
import { RequestCode } from "effect-rocketmq/protocol/RequestCode"
import * as RemotingClient from "effect-rocketmq/remoting/RemotingClient"
import type { RemotingError } from "effect-rocketmq/remoting/RemotingError"
import * as RemotingServer from "effect-rocketmq/remoting/RemotingServer"
import * as Console from "effect/Console"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"

/** What the application asks for. */
class Routes extends Context.Service<Routes, {
  readonly of: (nameServer: string, topic: string) => Effect.Effect<string, RemotingError>
}>()("example/Routes") {
  static readonly layerNoDeps = Layer.effect(
    Routes,
    Effect.gen(function*() {
      const client = yield* RemotingClient.RemotingClient
      return {
        of: (nameServer, topic) =>
          client.invoke(nameServer, { code: RequestCode.GET_ROUTEINFO_BY_TOPIC, extFields: { topic } }).pipe(
            Effect.map((response) => new TextDecoder().decode(response.body))
          )
      }
    })
  )
  static readonly layer = Layer.provide(Routes.layerNoDeps, RemotingClient.layer)
}

const program = Effect.gen(function*() {
  // In place of a name server, one that knows a single broker.
  const server = yield* RemotingServer.RemotingServer
  yield* server.handle(
    RequestCode.GET_ROUTEINFO_BY_TOPIC,
    ({ extFields }) => Effect.succeed({ body: new TextEncoder().encode(`${extFields["topic"]} is on broker-a`) })
  )

  const routes = yield* Routes
  yield* Console.log(yield* routes.of(server.address, "orders"))
})

await Effect.runPromise(
  program.pipe(Effect.scoped, Effect.provide(Layer.merge(Routes.layer, RemotingServer.layer)))
)
