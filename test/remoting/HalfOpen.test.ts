import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { RequestCode } from "../../src/protocol/RequestCode.ts"
import * as MemoryTransport from "../../src/remoting/MemoryTransport.ts"
import { frame, scripted } from "./peers.ts"
import { brief, client, echoCode, network, pass, readCode, recordEvents, start } from "./support.ts"

const minute = { timeout: "1 minute" } as const

/** A server that answers nothing but, if told so, probes. */
const silent = (options: { readonly probes?: number | undefined } = {}) =>
  scripted(1, {
    command: ({ command, peer }) => {
      if (command.code === RequestCode.HEART_BEAT && options.probes !== undefined) {
        peer.answer(command, { code: options.probes })
      }
    }
  })

const probes = (server: { readonly received: ReadonlyArray<{ command: { code: number }; at: number }> }) =>
  server.received.filter(({ command }) => command.code === RequestCode.HEART_BEAT).map(({ at }) => at)

describe("a silent connection", () => {
  it.effect("is probed with an empty heartbeat after 30 seconds when a request waits on it", () =>
    Effect.gen(function*() {
      const server = yield* silent({ probes: 0 })
      const c = yield* client()
      yield* start(Effect.exit(c.invoke(server.address, { code: echoCode }, minute)))
      yield* pass("29 seconds")
      assert.deepStrictEqual(probes(server), [])
      yield* pass("2 seconds")
      assert.strictEqual(probes(server).length, 1)
      const probe = server.received[1].command
      assert.isUndefined(probe.body)
      assert.isFalse(probe.isOneway)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("is probed when something is registered on it", () =>
    Effect.gen(function*() {
      const server = yield* scripted(1, { command: ({ command, peer }) => peer.answer(command) })
      const c = yield* client()
      yield* c.onValidate(() => Effect.void)
      yield* c.invoke(server.address, { code: echoCode })
      yield* pass("40 seconds")
      assert.strictEqual(probes(server).length, 1)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("is not probed when there is nothing to gain", () =>
    Effect.gen(function*() {
      const server = yield* scripted(1, { command: ({ command, peer }) => peer.answer(command) })
      const c = yield* client()
      yield* c.invoke(server.address, { code: echoCode })
      yield* pass("110 seconds")
      assert.deepStrictEqual(probes(server), [])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("is not probed while it drains", () =>
    Effect.gen(function*() {
      const server = yield* scripted(1, {
        command: ({ command, peer }) => {
          if (command.code === 1) peer.goAway(command)
        }
      })
      const c = yield* client()
      yield* start(Effect.exit(c.invoke(server.address, { code: echoCode }, { timeout: "2 minutes" })))
      yield* start(Effect.exit(c.invoke(server.address, { code: 1 }, { goAwayHops: 0 })))
      yield* pass("100 seconds")
      assert.deepStrictEqual(probes(server), [])
      assert.isFalse(server.peers[0].closed)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("is not silent while anything comes: answers, requests, parts of a frame", () =>
    Effect.gen(function*() {
      const server = yield* silent()
      const c = yield* client()
      yield* start(Effect.exit(c.invoke(server.address, { code: echoCode }, { timeout: "5 minutes" })))
      const [peer] = server.peers
      const large = frame({ code: 1, flag: 2, body: Buffer.alloc(10) })
      for (
        const send of [
          () => peer.ask({ code: 40, flag: 2 }),
          () => peer.send(large.subarray(0, 20)),
          () => peer.send(large.subarray(20)),
          () => peer.send(frame({ flag: 1, opaque: 0x7fff_fff0 }))
        ]
      ) {
        yield* pass("25 seconds")
        send()
      }
      yield* pass("25 seconds")
      assert.deepStrictEqual(probes(server), [])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  for (const code of [0, 1, 3]) {
    it.effect(`lives when it answers a probe with code ${code}, and is probed again after as long a silence`, () =>
      Effect.gen(function*() {
        const server = yield* silent({ probes: code })
        const c = yield* client()
        const fiber = yield* start(c.invoke(server.address, { code: echoCode }, { timeout: "5 minutes" }))
        yield* pass("100 seconds")
        assert.strictEqual(probes(server).length, 3)
        server.peers[0].answer(server.received[0].command)
        yield* Fiber.join(fiber)
        assert.strictEqual(server.peers.length, 1)
      }).pipe(Effect.provide(MemoryTransport.layer)))
  }

  it.effect("lives when something else comes instead of the answer to the probe", () =>
    Effect.gen(function*() {
      const server = yield* silent()
      const c = yield* client()
      yield* start(Effect.exit(c.invoke(server.address, { code: echoCode }, minute)))
      yield* pass("31 seconds")
      assert.strictEqual(probes(server).length, 1)
      server.peers[0].ask({ code: 40, flag: 2 })
      yield* pass("10 seconds")
      assert.isFalse(server.peers[0].closed)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("lives when a hook keeps the probe from being sent", () =>
    Effect.gen(function*() {
      const server = yield* silent()
      const c = yield* client({
        hooks: [{
          before: (_, request) => {
            if (request.code === RequestCode.HEART_BEAT) throw new Error("bad hook")
            return request
          }
        }]
      })
      const fiber = yield* start(c.invoke(server.address, { code: echoCode }, minute))
      yield* pass("45 seconds")
      server.peers[0].answer(server.received[0].command, { remark: "late but here" })
      assert.strictEqual((yield* Fiber.join(fiber)).remark, "late but here")
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("is probed though as many requests are in flight as may be", () =>
    Effect.gen(function*() {
      const server = yield* silent({ probes: 0 })
      const c = yield* client({}, undefined, { maxInFlight: 1 })
      const fiber = yield* start(c.invoke(server.address, { code: echoCode }, minute))
      yield* pass("45 seconds")
      assert.strictEqual(probes(server).length, 1)
      server.peers[0].answer(server.received[0].command, { remark: "late but here" })
      assert.strictEqual((yield* Fiber.join(fiber)).remark, "late but here")
    }).pipe(Effect.provide(MemoryTransport.layer)))
})

describe("a dead peer", () => {
  it.effect("is found five seconds after the probe: what was written is Unknown, what may be repeated goes on", () =>
    Effect.gen(function*() {
      const net = yield* network
      let dead = true
      const server = yield* scripted(1, {
        command: ({ command, peer }) => {
          if (!dead) peer.answer(command, { remark: "alive" })
        }
      })
      const c = yield* client()
      const events = yield* recordEvents(c)
      const sent = yield* start(Effect.flip(c.invoke(server.address, { code: echoCode }, minute)))
      const read = yield* start(c.invoke(server.address, { code: readCode }, minute))
      net.fault(server.address, "blackHole")
      yield* pass("33 seconds")
      assert.isUndefined(sent.pollUnsafe())
      net.fault(server.address, undefined)
      dead = false
      yield* pass("4 seconds")
      const error = yield* Fiber.join(sent)
      assert.deepStrictEqual([error.reason._tag, error.outcome], ["ChannelClosed", "Unknown"])
      assert.include(error.message, "probe")
      assert.strictEqual((yield* Fiber.join(read)).remark, "alive")
      assert.deepStrictEqual(brief(events), [
        "Connect 1",
        "Active 1",
        "Exception 1",
        "Close 1",
        "Connect 2",
        "Active 2",
        "Reconnected 2"
      ])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("is found as fast as probeAfter and probeTimeout say", () =>
    Effect.gen(function*() {
      const server = yield* silent()
      const c = yield* client({ probeAfter: "10 seconds", probeTimeout: "2 seconds" })
      const fiber = yield* start(Effect.flip(c.invoke(server.address, { code: echoCode }, minute)))
      yield* pass("10 seconds")
      assert.isUndefined(fiber.pollUnsafe())
      yield* pass("3 seconds")
      assert.strictEqual((yield* Fiber.join(fiber)).reason._tag, "ChannelClosed")
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("does not take a slow one along: the request's own timeout leaves the connection alone", () =>
    Effect.gen(function*() {
      const server = yield* silent({ probes: 0 })
      const c = yield* client()
      for (let round = 0; round < 20; round++) {
        const fiber = yield* start(Effect.flip(c.invoke(server.address, { code: echoCode })))
        yield* pass("3 seconds")
        assert.strictEqual((yield* Fiber.join(fiber)).reason._tag, "Timeout")
      }
      assert.strictEqual(server.peers.length, 1)
      assert.isFalse(server.peers[0].closed)
    }).pipe(Effect.provide(MemoryTransport.layer)))
})
