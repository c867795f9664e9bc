/** What the tests of this folder build on: servers and clients on a network in memory. */
import * as Clock from "effect/Clock"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import type * as ChannelEvent from "../../src/remoting/ChannelEvent.ts"
import * as MemoryTransport from "../../src/remoting/MemoryTransport.ts"
import * as Reconnection from "../../src/remoting/Reconnection.ts"
import * as RemotingClient from "../../src/remoting/RemotingClient.ts"
import * as RemotingServer from "../../src/remoting/RemotingServer.ts"
import * as ResponseFutures from "../../src/remoting/ResponseFutures.ts"

/** A code that nobody repeats, like a send. */
export const echoCode = 310

/** A code that may be repeated, like a route query. */
export const readCode = 105

/** The address that several servers stand behind. */
export const balanced = "10.0.0.100:8080"

/** Policies without randomness. */
export const steady = Reconnection.make({
  goAway: Reconnection.backoff({ base: 10, cap: 10, jitter: false }),
  reconnect: Reconnection.backoff({ base: 100, cap: 1_000, jitter: false }),
  retryUnknown: Reconnection.backoff({ base: 10, cap: 10, jitter: false })
})

/** A client on the network in memory, in the current scope. */
export const client = (
  options?: RemotingClient.RemotingClientOptions,
  policies: Reconnection.ReconnectionPolicies = steady,
  futures?: ResponseFutures.ResponseFuturesOptions
) =>
  Effect.gen(function*() {
    const table = yield* ResponseFutures.make(futures)
    return yield* RemotingClient.make({ metrics: false, ...options }).pipe(
      Effect.provideService(ResponseFutures.ResponseFutures, table),
      Effect.provideService(Reconnection.Reconnection, policies)
    )
  })

/** A server on the network in memory that echoes bodies and says who it is in the remark. */
export const echoServer = (port: number, options?: RemotingServer.RemotingServerOptions) =>
  Effect.gen(function*() {
    const server = yield* RemotingServer.make({ host: "10.0.0.1", port, metrics: false, ...options })
    const executed: Array<string> = []
    yield* server.handleOther((request) =>
      Effect.sync(() => {
        executed.push(request.extFields.id ?? "")
        return request.body === undefined ? { remark: server.address } : { remark: server.address, body: request.body }
      })
    )
    return { ...server, executed }
  })

/** Every event of a client from now on. */
export const recordEvents = (service: Pick<RemotingClient.Service, "events">) =>
  Effect.gen(function*() {
    const seen: Array<ChannelEvent.ChannelEvent> = []
    yield* Effect.forkScoped(Stream.runForEach(service.events, (event) => Effect.sync(() => seen.push(event))), {
      startImmediately: true
    })
    yield* Effect.yieldNow
    return seen
  })

/** Events as `Type generation`. */
export const brief = (events: ReadonlyArray<ChannelEvent.ChannelEvent>): ReadonlyArray<string> =>
  events.map((event) => `${event.type} ${event.generation}`)

/** Milliseconds on the test's clock. */
export const now = Clock.currentTimeMillis

/** The network's controls. */
export const network = MemoryTransport.MemoryNetwork

/** Lets everything that was started run, then lets the time pass. */
export const pass = (duration: Duration.Input) =>
  Effect.andThen(settle, Effect.andThen(TestClock.adjust(duration), settle))

/** Starts an effect, and lets it run as far as it gets without time. */
export const start = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.tap(Effect.forkChild(effect, { startImmediately: true }), () => settle)

/** Bytes as text. */
export const text = (bytes: Uint8Array | undefined): string | undefined =>
  bytes === undefined ? undefined : Buffer.from(bytes).toString()

/** Lets everything run that needs no time. */
export const settle = Effect.forEach(Array.from({ length: 20 }), () => Effect.yieldNow, { discard: true })
