import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Metric from "effect/Metric"
import * as Scope from "effect/Scope"
import * as MemoryTransport from "../../src/remoting/MemoryTransport.ts"
import { scripted } from "./peers.ts"
import { balanced, client, echoCode, echoServer, network, pass, readCode, settle, start } from "./support.ts"

/** The values of one client's or server's metrics; those with an outcome as `requests Success`. */
const read = (attribute: "client" | "server", name: string) =>
  Effect.map(Metric.snapshot, (snapshots) => {
    const values: Record<string, number> = {}
    for (const { attributes, id, state } of snapshots) {
      if (attributes?.[attribute] !== name) continue
      const short = id.replace(/^rocketmq_remoting_(server_)?/, "")
      const key = attributes.outcome === undefined ? short : `${short} ${attributes.outcome}`
      values[key] = "count" in state ? Number(state.count) : "value" in state ? Number(state.value) : NaN
    }
    return values
  })

describe("a client's metrics", () => {
  it.effect("count requests by outcome, and say how many are in flight", () =>
    Effect.gen(function*() {
      const server = yield* scripted(1, {
        command: ({ command, peer }) => {
          if (command.code === echoCode) peer.answer(command)
          if (command.code === 2) peer.goAway(command)
        }
      })
      const c = yield* client({ metrics: true, name: "outcomes" })
      yield* c.invoke(server.address, { code: echoCode })
      yield* c.invokeOneway(server.address, { code: 9 })
      yield* Effect.flip(c.invoke("nonsense", { code: echoCode }))
      const timed = yield* start(Effect.exit(c.invoke(server.address, { code: 1 }, { timeout: 10 })))
      yield* pass(10)
      yield* Fiber.join(timed)
      const given = yield* start(c.invoke(server.address, { code: 1 }))
      yield* Fiber.interrupt(given)
      yield* start(Effect.exit(c.invoke(server.address, { code: 1 })))
      assert.deepInclude(yield* read("client", "outcomes"), {
        "requests Success": 2,
        "requests NotSent": 1,
        "requests NotProcessed": 0,
        "requests Unknown": 1,
        "requests Interrupted": 1,
        "in_flight": 1
      })
      yield* Effect.flip(c.invoke(server.address, { code: 2 }, { goAwayHops: 0 }))
      assert.deepInclude(yield* read("client", "outcomes"), { "requests NotProcessed": 1 })
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("count go-aways, swaps, hops and replays", () =>
    Effect.gen(function*() {
      const net = yield* network
      const bad = yield* scripted(1, { command: ({ command, peer }) => peer.goAway(command) })
      const good = yield* echoServer(2)
      let dials = 0
      net.balance(balanced, [bad.address, good.address], ([one, two]) => dials++ < 3 ? one : two)
      const c = yield* client({ metrics: true, name: "swaps" })
      yield* start(c.invoke(balanced, { code: echoCode }))
      yield* start(c.invoke(balanced, { code: echoCode }))
      yield* pass(100)
      const values = yield* read("client", "swaps")
      // The second waits for the swap that the first began: the first connection refuses one, the next two both.
      assert.deepInclude(values, { go_aways: 5, swaps: 3, hops: 3, replays: 5, redials: 0 })
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("count re-dials, dropped answers and bytes", () =>
    Effect.gen(function*() {
      const net = yield* network
      const server = yield* scripted(1, {
        command: ({ command, peer }) => {
          peer.answer(command)
          peer.answer(command)
        }
      })
      const c = yield* client({ metrics: true, name: "bytes" })
      yield* c.invoke(server.address, { code: readCode })
      net.reset(server.address)
      yield* settle
      yield* start(c.invoke(server.address, { code: readCode }))
      yield* pass(100)
      const values = yield* read("client", "bytes")
      assert.deepInclude(values, { redials: 1, dropped_answers: 2, swaps: 0 })
      assert.strictEqual(values.bytes_sent, server.peers.reduce((sum, peer) => sum + peer.bytes, 0))
      assert.isAbove(values.bytes_received, 0)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("are gone when it has closed", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      yield* Scope.provide(client({ metrics: true, name: "short" }), scope)
      assert.isAbove(Object.keys(yield* read("client", "short")).length, 0)
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(yield* read("client", "short"), {})
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("are of one client each", () =>
    Effect.gen(function*() {
      const server = yield* echoServer(1)
      const one = yield* client({ metrics: true, name: "one" })
      yield* client({ metrics: true, name: "two" })
      yield* one.invoke(server.address, { code: echoCode })
      assert.strictEqual((yield* read("client", "one"))["requests Success"], 1)
      assert.strictEqual((yield* read("client", "two"))["requests Success"], 0)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("can be switched off", () =>
    Effect.gen(function*() {
      yield* client({ metrics: false, name: "off" })
      assert.deepStrictEqual(yield* read("client", "off"), {})
    }).pipe(Effect.provide(MemoryTransport.layer)))
})

describe("a server's metrics", () => {
  it.effect("count connections, requests, go-aways, dropped oneways and bytes", () =>
    Effect.gen(function*() {
      const server = yield* echoServer(1, { metrics: true, name: "broker" })
      const c = yield* client()
      yield* c.invoke(server.address, { code: echoCode })
      yield* start(server.drain)
      yield* c.invokeOneway(server.address, { code: echoCode })
      yield* Effect.flip(c.invoke(server.address, { code: echoCode }, { goAwayHops: 0 }))
      yield* settle
      const values = yield* read("server", "broker")
      assert.deepInclude(values, { connections: 0, requests: 1, go_aways: 1, dropped_oneways: 1 })
      const stats = yield* server.stats
      assert.deepStrictEqual([values.bytes_received, values.bytes_sent], [stats.bytesIn, stats.bytesOut])
      assert.isAbove(values.bytes_received, 0)
    }).pipe(Effect.provide(MemoryTransport.layer)))
})
