/** A time-out of three seconds, tested in no time: the network is in memory, and time is TestClock's. */
import { assert, it } from "@effect/vitest"
import * as MemoryTransport from "effect-rocketmq/remoting/MemoryTransport"
import * as Reconnection from "effect-rocketmq/remoting/Reconnection"
import * as RemotingClient from "effect-rocketmq/remoting/RemotingClient"
import * as RemotingServer from "effect-rocketmq/remoting/RemotingServer"
import * as ResponseFutures from "effect-rocketmq/remoting/ResponseFutures"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/testing/TestClock"

const ClientAndServer = Layer.merge(
  RemotingClient.layerNoDeps().pipe(Layer.provide([ResponseFutures.layer, Reconnection.layer])),
  RemotingServer.layerNoDeps({ host: "10.0.0.1", port: 10_911 })
).pipe(Layer.provide(MemoryTransport.layer))

it.effect("a request that nobody answers fails after three seconds, and nobody knows whether it was executed", () =>
  Effect.gen(function*() {
    const server = yield* RemotingServer.RemotingServer
    const client = yield* RemotingClient.RemotingClient
    yield* server.handleOther(() => Effect.never)

    const asked = yield* Effect.forkChild(Effect.flip(client.invoke(server.address, { code: 310 })))
    yield* TestClock.adjust("2999 millis")
    assert.isUndefined(asked.pollUnsafe())
    yield* TestClock.adjust("1 millis")
    const error = yield* Fiber.join(asked)
    assert.strictEqual(error.reason._tag, "Timeout")
    assert.strictEqual(error.outcome, "Unknown")
  }).pipe(Effect.provide(ClientAndServer)))
