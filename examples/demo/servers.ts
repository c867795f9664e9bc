/** Servers that drain, stop and start again, and the load balancer in front of them. */
import type { ListenFailed } from "effect-rocketmq/remoting/RemotingError"
import * as RemotingServer from "effect-rocketmq/remoting/RemotingServer"
import * as Transport from "effect-rocketmq/remoting/Transport"
import * as LoadBalancer from "effect-rocketmq/testing/LoadBalancer"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Random from "effect/Random"
import * as Scope from "effect/Scope"
import type { History } from "./history.ts"

/** SEND_MESSAGE_V2: executing it twice would do harm, so the client never repeats it on a guess. */
export const sendMessage = 310

/** Executing a request takes up to so long. */
const handlerMillis = 20

/** How long a server answers GO_AWAY before it stops. */
const shutdownWaitMillis = 600

/** The load balancer finds out so much later that a server is going or gone, as health checks do. */
const deregisterMillis = 200

/** From stop to start. */
const downMillis = 100

/** From the start of one server to the restart of the next. */
const pauseMillis = 100

/** One life of a server, from start to stop. */
interface Life {
  readonly service: RemotingServer.Service
  readonly scope: Scope.Closeable
}

/** One server through all its restarts. */
export interface DemoServer {
  readonly name: string
  address: string
  state: "serving" | "draining" | "stopped"
  life: Life | undefined
  executed: number
  /** Requests answered with GO_AWAY in the lives before this one. */
  refusedBefore: number
}

/** Three servers behind one address. */
export interface Fleet {
  readonly servers: ReadonlyArray<DemoServer>
  readonly balancer: LoadBalancer.LoadBalancer
  /** Drains a server, or stops it at once, and brings it back. */
  readonly restart: (
    server: DemoServer,
    graceful: boolean
  ) => Effect.Effect<void, LoadBalancer.LoadBalancerError | ListenFailed>
}

/** Listens on a port, or on any other when somebody has taken it meanwhile. */
const listen = (port: number) => {
  const on = (wanted: number) =>
    RemotingServer.make({ port: wanted, shutdownWaitTime: shutdownWaitMillis, metrics: false }).pipe(
      Effect.provideService(Transport.Transport, Transport.make())
    )
  return Effect.catchTag(on(port), "ListenFailed", (error) => port === 0 ? Effect.fail(error) : on(0))
}

/** Executes requests: takes its time, then says who it is. */
const serve = (server: DemoServer, history: History, service: RemotingServer.Service) => {
  const answer = { remark: server.name }
  return service.handle(
    sendMessage,
    Effect.fnUntraced(function*(request) {
      const id = Number(request.extFields["id"])
      history.begun(id)
      yield* Effect.sleep((yield* Random.next) * handlerMillis)
      history.completed(id)
      server.executed++
      return answer
    })
  )
}

const portOf = (address: string): number => Number(address.slice(address.lastIndexOf(":") + 1))

/** Starts the fleet; it ends with the current scope. */
export const makeFleet = Effect.fnUntraced(function*(history: History, note: (text: string) => void) {
  const fleetScope = yield* Effect.scope

  const start = Effect.fnUntraced(function*(server: DemoServer) {
    const scope = yield* Scope.fork(fleetScope)
    const service = yield* Scope.provide(
      Effect.tap(listen(portOf(server.address)), (listening) => serve(server, history, listening)),
      scope
    )
    server.life = { service, scope }
    server.address = service.address
    server.state = "serving"
  })

  const stop = Effect.fnUntraced(function*(server: DemoServer, graceful: boolean) {
    const { life } = server
    if (life === undefined) return
    if (graceful) {
      server.state = "draining"
      note(`server ${server.name} drains: it answers GO_AWAY for ${shutdownWaitMillis} ms`)
      yield* life.service.drain
    }
    server.state = "stopped"
    note(`server ${server.name} has stopped`)
    server.life = undefined
    server.refusedBefore += (yield* life.service.stats).goAways
    yield* Scope.close(life.scope, Exit.void)
  })

  const servers = ["A", "B", "C"].map((name): DemoServer => ({
    name,
    address: "127.0.0.1:0",
    state: "stopped",
    life: undefined,
    executed: 0,
    refusedBefore: 0
  }))
  yield* Effect.forEach(servers, start, { discard: true })
  const balancer = yield* LoadBalancer.make({ policy: "random", targets: servers.map((server) => server.address) })

  const restart = Effect.fnUntraced(function*(server: DemoServer, graceful: boolean) {
    const deregister = balancer.removeTarget(server.address)
    yield* Effect.all([stop(server, graceful), Effect.delay(deregister, deregisterMillis)], { concurrency: 2 })
    yield* Effect.sleep(downMillis)
    yield* start(server)
    yield* balancer.addTarget(server.address)
    note(`server ${server.name} is back`)
    yield* Effect.sleep(pauseMillis)
  })

  return { servers, balancer, restart } satisfies Fleet
})

/** Requests that a server has answered with GO_AWAY, over all its lives. */
export const refusedBy = (server: DemoServer): Effect.Effect<number> =>
  server.life === undefined
    ? Effect.succeed(server.refusedBefore)
    : Effect.map(server.life.service.stats, (stats) => server.refusedBefore + stats.goAways)
