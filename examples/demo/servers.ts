/** An embedded RocketMQ: a broker, and three proxies behind one address that drain, stop and start again. */
import type { ListenFailed } from "effect-rocketmq/remoting/RemotingError"
import * as EmbeddedRocketMQ from "effect-rocketmq/testing/EmbeddedRocketMQ"
import * as Fault from "effect-rocketmq/testing/Fault"
import type * as TestRocketMQ from "effect-rocketmq/testing/TestRocketMQ"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type { History } from "./history.ts"

/** Where the messages go. */
export const topic = "demo"

/** The broker takes so long for a message. */
const sendMillis = 10

/** How long a proxy answers GO_AWAY before it stops. */
const shutdownWaitMillis = 600

/** The load balancer finds out so much later that a proxy is going, as health checks do. */
const deregisterMillis = 200

/** From stop to start. */
const downMillis = 100

/** From the start of one proxy to the restart of the next. */
const pauseMillis = 100

/** What is embedded. */
export const options: TestRocketMQ.Options = {
  topics: [topic],
  proxies: 3,
  balance: "random",
  shutdownWaitTime: shutdownWaitMillis
}

/** One proxy, as the screen calls it. */
export interface DemoServer {
  readonly name: string
  readonly server: EmbeddedRocketMQ.Server
}

/** Three proxies behind one address. */
export interface Fleet {
  readonly servers: ReadonlyArray<DemoServer>
  /** Open connections to a proxy. */
  readonly connections: (one: DemoServer) => Effect.Effect<number>
  /** Drains a proxy, or stops it at once, and brings it back. */
  readonly restart: (one: DemoServer, graceful: boolean) => Effect.Effect<void, ListenFailed>
}

/** The fleet of the embedded RocketMQ, whose broker takes its time. `answered` is told which proxy answers a send. */
export const makeFleet = Effect.fnUntraced(function*(
  note: (text: string) => void,
  answered: (server: string) => void
) {
  const rocketmq = yield* EmbeddedRocketMQ.EmbeddedRocketMQ
  yield* rocketmq.broker().inject(Fault.slow(sendMillis, { codes: Fault.sends }))
  const servers = rocketmq.proxies.map((server, index): DemoServer => ({ name: "ABC"[index], server }))
  const names = new Map(servers.map(({ name, server }) => [server.name, name]))
  const codes = new Set(Fault.sends)
  yield* Effect.acquireRelease(
    Effect.sync(() =>
      rocketmq.journal.listen((entry) => {
        const name = names.get(entry.server)
        if (name !== undefined && entry.outcome === "Answered" && codes.has(entry.code)) answered(name)
      })
    ),
    (unlisten) => Effect.sync(unlisten)
  )
  const balancer = rocketmq.balancer!

  const stop = Effect.fnUntraced(function*({ name, server }: DemoServer, graceful: boolean) {
    if (graceful) note(`server ${name} drains: it answers GO_AWAY for ${shutdownWaitMillis} ms`)
    yield* graceful ? server.drain : server.stop
    note(`server ${name} has stopped`)
  })

  const restart = Effect.fnUntraced(function*(one: DemoServer, graceful: boolean) {
    const deregistering = yield* Effect.forkChild(Effect.delay(balancer.remove(one.server), deregisterMillis))
    yield* stop(one, graceful)
    yield* Fiber.join(deregistering)
    yield* Effect.sleep(downMillis)
    yield* one.server.start
    yield* balancer.add(one.server)
    note(`server ${one.name} is back`)
    yield* Effect.sleep(pauseMillis)
  })

  return {
    servers,
    connections: ({ server }) => balancer.connections(server),
    restart
  } satisfies Fleet
})

/** Tells the history what the broker has stored. To be asked when nothing is on its way any more. */
export const readStore = (history: History): Effect.Effect<void, never, EmbeddedRocketMQ.EmbeddedRocketMQ> =>
  Effect.map(EmbeddedRocketMQ.EmbeddedRocketMQ, (rocketmq) => {
    for (const { keys: [id] } of rocketmq.messages(topic)) history.stored(Number(id))
  })
