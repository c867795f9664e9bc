import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { ChannelEventListener } from "../../src/client/ChannelEventListener.ts"
import { Heartbeats } from "../../src/client/Heartbeats.ts"
import { TopicRoutes } from "../../src/client/TopicRoutes.ts"
import { RequestCode } from "../../src/protocol/RequestCode.ts"
import { ResponseCode } from "../../src/protocol/ResponseCode.ts"
import type { ChannelEvent } from "../../src/remoting/ChannelEvent.ts"
import * as MemoryTransport from "../../src/remoting/MemoryTransport.ts"
import { RemotingClient } from "../../src/remoting/RemotingClient.ts"
import { brief, broker, echoCode, mqClient, nameServer, network, pass, route, settle, start } from "./support.ts"

/** A broker with a topic, a client that sends, and what its listeners are told. */
const listening = Effect.gen(function*() {
  const one = yield* broker(1)
  const names = yield* nameServer(9, new Map([["T", route({ a: one.address })]]))
  const context = yield* mqClient({ nameServers: names.address })
  const listener = Context.get(context, ChannelEventListener)
  const events: Array<ChannelEvent> = []
  yield* Effect.forkScoped(
    Stream.runForEach(listener.events, (event) => Effect.sync(() => events.push(event))),
    { startImmediately: true }
  )
  yield* settle
  yield* Context.get(context, Heartbeats).registerProducer("P")
  return {
    one,
    names,
    listener,
    events,
    client: Context.get(context, RemotingClient),
    routes: Context.get(context, TopicRoutes)
  }
})

describe("the channel event listener", () => {
  it.effect("tells of a broker's channel, and Active once the groups are registered", () =>
    Effect.gen(function*() {
      const { events, one, routes } = yield* listening
      one.becomes((request) =>
        request.code === RequestCode.HEART_BEAT ? Effect.delay(Effect.succeed({}), 100) : undefined
      )
      yield* routes.get("T")
      yield* settle
      assert.deepStrictEqual(brief(events), ["Connect 1"])
      yield* pass(100)
      assert.deepStrictEqual(brief(events), ["Connect 1", "Active 1"])
      assert.deepStrictEqual([...new Set(events.map(({ address }) => address))], [one.address])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("tells nothing of name servers", () =>
    Effect.gen(function*() {
      const { events, names, routes } = yield* listening
      yield* routes.get("T")
      yield* settle
      assert.strictEqual(names.got.length, 1)
      assert.isFalse(events.some(({ address }) => address === names.address))
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("tells of a go-away with all its steps, and of the registration before Active", () =>
    Effect.gen(function*() {
      const { client, events, one, routes } = yield* listening
      yield* routes.get("T")
      yield* settle
      let refused = false
      one.becomes((request) => {
        if (refused || request.code !== echoCode) return undefined
        refused = true
        return Effect.succeed({ code: ResponseCode.GO_AWAY })
      })
      events.length = 0
      yield* start(client.invoke(one.address, { code: echoCode }))
      yield* pass(100)
      assert.deepStrictEqual(brief(events), [
        "GoAway 1",
        "Draining 1",
        "Connect 2",
        "Active 2",
        "Reconnected 2",
        "Close 1"
      ])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("tells of a broken channel, vain dials and the next channel", () =>
    Effect.gen(function*() {
      const net = yield* network
      const { events, one, routes } = yield* listening
      yield* routes.get("T")
      yield* settle
      events.length = 0
      net.fault(one.address, "refuse")
      net.reset(one.address)
      yield* pass(150)
      net.fault(one.address, undefined)
      yield* pass(500)
      assert.deepStrictEqual(brief(events), [
        "Exception 1",
        "Close 1",
        "Exception 2",
        "Connect 3",
        "Active 3",
        "Reconnected 3"
      ])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("tells Active of a channel that was open before its address was known as a broker's", () =>
    Effect.gen(function*() {
      const proxy = yield* nameServer(1)
      proxy.routes.set("T", route({ a: proxy.address }))
      const context = yield* mqClient({ nameServers: proxy.address })
      const events: Array<ChannelEvent> = []
      yield* Context.get(context, ChannelEventListener).register({
        onConnect: (event) => Effect.sync(() => events.push(event)),
        onActive: (event) => Effect.sync(() => events.push(event)),
        onClose: (event) => Effect.sync(() => events.push(event))
      })
      yield* Context.get(context, Heartbeats).registerProducer("P")
      yield* Context.get(context, TopicRoutes).get("T")
      yield* settle
      assert.deepStrictEqual(
        events.map(({ address, generation, reason, type }) => [type, address, generation, reason]),
        [
          ["Active", proxy.address, 1, "its groups are registered"]
        ]
      )
      const { channelId } = (yield* Context.get(context, RemotingClient).links).get(proxy.address)!
      assert.strictEqual(events[0].channelId, channelId)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("tells of the end of a channel whose broker has left the routes", () =>
    Effect.gen(function*() {
      const { events, names, routes } = yield* listening
      const two = yield* broker(2)
      yield* routes.get("T")
      yield* settle
      names.routes.set("T", route({ b: two.address }))
      yield* pass("3 minutes")
      assert.deepStrictEqual(
        events.filter(({ address }) => address !== two.address).map(({ type }) => type),
        ["Connect", "Active", "Idle", "Close"]
      )
    }).pipe(Effect.provide(MemoryTransport.layer)))
})

describe("a listener", () => {
  it.effect("is told until its scope closes", () =>
    Effect.gen(function*() {
      const net = yield* network
      const { listener, one, routes } = yield* listening
      const scope = yield* Scope.make()
      const told: Array<string> = []
      yield* Scope.provide(
        listener.register({
          onActive: ({ generation }) => Effect.sync(() => told.push(`Active ${generation}`)),
          onException: ({ generation }) => Effect.sync(() => told.push(`Exception ${generation}`))
        }),
        scope
      )
      yield* routes.get("T")
      yield* settle
      net.reset(one.address)
      yield* pass(500)
      assert.deepStrictEqual(told, ["Active 1", "Exception 1", "Active 2"])
      yield* Scope.close(scope, Exit.void)
      net.reset(one.address)
      yield* pass(500)
      assert.strictEqual(told.length, 3)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("that takes its time, or fails, delays nobody and loses nothing", () =>
    Effect.gen(function*() {
      const net = yield* network
      const { listener, one, routes } = yield* listening
      const slow: Array<number> = []
      const quick: Array<number> = []
      yield* listener.register({
        onActive: ({ generation }) => Effect.delay(Effect.sync(() => slow.push(generation)), "1 minute")
      })
      yield* listener.register({ onActive: () => Effect.fail("no") })
      yield* listener.register({
        onActive: (): Effect.Effect<void> => {
          throw new Error("broken listener")
        }
      })
      yield* listener.register({ onActive: ({ generation }) => Effect.sync(() => quick.push(generation)) })
      yield* routes.get("T")
      yield* settle
      net.reset(one.address)
      yield* pass(500)
      net.reset(one.address)
      yield* pass(500)
      assert.deepStrictEqual(quick, [1, 2, 3])
      assert.deepStrictEqual(slow, [])
      yield* pass("3 minutes")
      assert.deepStrictEqual(slow, [1, 2, 3])
    }).pipe(Effect.provide(MemoryTransport.layer)))
})
