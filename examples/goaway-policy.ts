/**
 * A caller with another broker to go to does not wait for the first one to
 * come back: it takes GO_AWAY as an answer, and goes on.
 *
 *     node --conditions=effect-rocketmq:source examples/goaway-policy.ts
 */
import { RequestCode } from "effect-rocketmq/protocol/RequestCode"
import * as Reconnection from "effect-rocketmq/remoting/Reconnection"
import * as RemotingClient from "effect-rocketmq/remoting/RemotingClient"
import * as RemotingServer from "effect-rocketmq/remoting/RemotingServer"
import * as ResponseFutures from "effect-rocketmq/remoting/ResponseFutures"
import * as Transport from "effect-rocketmq/remoting/Transport"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"

const Client = RemotingClient.layerNoDeps().pipe(
  Layer.provide([
    Transport.layer,
    ResponseFutures.layer,
    Reconnection.layerWith({
      // Where an address leads to several servers: at most five of them, 20 ms apart.
      goAway: Schedule.spaced("20 millis").pipe(Schedule.upTo({ times: 5 })),
      // A transaction is ended on the broker that knows it, or not at all.
      replay: (code) => code !== RequestCode.END_TRANSACTION
    })
  ])
)

const broker = (name: string) =>
  Effect.gen(function*() {
    const server = yield* RemotingServer.make({ shutdownWaitTime: "1 second" })
    yield* server.handleOther(() => Effect.succeed({ remark: name }))
    return server
  }).pipe(Effect.provide(Transport.layer))

const program = Effect.gen(function*() {
  const client = yield* RemotingClient.RemotingClient
  const first = yield* broker("broker-a")
  const second = yield* broker("broker-b")
  const message = { code: RequestCode.SEND_MESSAGE_V2, body: new TextEncoder().encode("hello") }

  // No hops: GO_AWAY comes back as an error, NotProcessed, which is proof that broker-a did not take the message.
  const send = client.invoke(first.address, message, { goAwayHops: 0 }).pipe(
    Effect.catchReason("RemotingError", "GoAway", () => client.invoke(second.address, message))
  )
  yield* Console.log(`before the restart: ${(yield* send).remark}`)
  yield* Effect.forkChild(first.drain, { startImmediately: true })
  yield* Console.log(`during the restart: ${(yield* send).remark}`)
})

await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(Client)))
