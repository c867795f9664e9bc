/** Closes a client and a server with 1,024 requests in flight, says how those ended, and has nothing more to do. */
import * as RemotingClient from "effect-rocketmq/remoting/RemotingClient"
import * as RemotingServer from "effect-rocketmq/remoting/RemotingServer"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"

const program = Effect.gen(function*() {
  const scope = yield* Scope.make()
  const services = yield* Layer.buildWithScope(
    Layer.merge(RemotingServer.layerWith({ maxHandlers: 2_000 }), RemotingClient.layer),
    scope
  )
  const server = Context.get(services, RemotingServer.RemotingServer)
  const client = Context.get(services, RemotingClient.RemotingClient)
  yield* Scope.provide(server.handleOther(() => Effect.never), scope)
  const asked = yield* Effect.forEach(
    Array.from({ length: 1_024 }),
    () => Effect.forkChild(Effect.flip(client.invoke(server.address, { code: 310 })), { startImmediately: true })
  )
  yield* Effect.sleep(200)
  yield* Scope.close(scope, Exit.void)
  const counts: Record<string, number> = {}
  for (const error of yield* Fiber.joinAll(asked)) {
    const key = `${error.reason._tag} ${error.outcome}`
    counts[key] = (counts[key] ?? 0) + 1
  }
  process.stdout.write(`${JSON.stringify(counts)}\n`)
})

await Effect.runPromise(program)
