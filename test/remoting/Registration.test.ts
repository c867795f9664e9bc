import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import { RequestCode } from "../../src/protocol/RequestCode.ts"
import * as MemoryTransport from "../../src/remoting/MemoryTransport.ts"
import * as Reconnection from "../../src/remoting/Reconnection.ts"
import type { Registration } from "../../src/remoting/RemotingClient.ts"
import { type Received, scripted } from "./peers.ts"
import { brief, client, echoCode, network, now, pass, recordEvents, settle, start, steady } from "./support.ts"

const heartbeat: Registration = (channel) => channel.invoke({ code: RequestCode.HEART_BEAT })

const codes = (received: ReadonlyArray<Received>) => received.map(({ command }) => command.code)

/** A server that answers everything. */
const serving = (port: number) => scripted(port, { command: ({ command, peer }) => peer.answer(command) })

describe("onValidate", () => {
  it.effect("runs on the fresh connection before anything else flows there", () =>
    Effect.gen(function*() {
      const server = yield* scripted(1)
      const c = yield* client()
      yield* c.onValidate(heartbeat)
      const fiber = yield* start(c.invoke(server.address, { code: echoCode }))
      yield* start(c.invokeOneway(server.address, { code: echoCode }))
      yield* pass(500)
      assert.deepStrictEqual(codes(server.received), [RequestCode.HEART_BEAT])
      assert.strictEqual((yield* c.links).get(server.address)?.status, "Validating")
      server.peers[0].answer(server.received[0].command)
      yield* settle
      assert.deepStrictEqual(codes(server.received), [RequestCode.HEART_BEAT, echoCode, echoCode])
      assert.strictEqual((yield* c.links).get(server.address)?.status, "Active")
      server.peers[0].answer(server.received[1].command)
      yield* Fiber.join(fiber)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("tells Active only when it was answered", () =>
    Effect.gen(function*() {
      const server = yield* scripted(1)
      const c = yield* client()
      const events = yield* recordEvents(c)
      yield* c.onValidate(heartbeat)
      yield* start(Effect.exit(c.invoke(server.address, { code: echoCode })))
      assert.deepStrictEqual(brief(events), ["Connect 1"])
      server.peers[0].answer(server.received[0].command)
      yield* settle
      assert.deepStrictEqual(brief(events), ["Connect 1", "Active 1"])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("answered with GO_AWAY fails those who can go elsewhere at once, and keeps the others", () =>
    Effect.gen(function*() {
      const server = yield* scripted(1, {
        command: ({ command, peer }) => peer.goAway(command)
      })
      const c = yield* client()
      yield* c.onValidate(heartbeat)
      const patient = yield* start(Effect.exit(c.invoke(server.address, { code: echoCode })))
      const elsewhere = { failFast: true, goAwayHops: 0 }
      for (let round = 0; round < 3; round++) {
        const error = yield* Effect.flip(c.invoke(server.address, { code: echoCode }, elsewhere))
        assert.deepStrictEqual([error.reason._tag, error.outcome], ["GoAway", "NotSent"])
      }
      assert.strictEqual(yield* now, 0)
      assert.isUndefined(patient.pollUnsafe())
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("runs every registration, in the order in which they were given", () =>
    Effect.gen(function*() {
      const server = yield* serving(1)
      const c = yield* client()
      yield* c.onValidate((channel) => channel.invoke({ code: 1 }))
      yield* c.onValidate((channel) => channel.invokeOneway({ code: 2 }))
      yield* c.onValidate((channel) => channel.invoke({ code: 3 }))
      yield* c.invoke(server.address, { code: echoCode })
      assert.deepStrictEqual(codes(server.received), [1, 2, 3, echoCode])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("runs the same function once for each time it was given", () =>
    Effect.gen(function*() {
      const server = yield* serving(1)
      const c = yield* client()
      const scope = yield* Scope.make()
      yield* c.onValidate(heartbeat)
      yield* Scope.provide(c.onValidate(heartbeat), scope)
      yield* Scope.close(scope, Exit.void)
      yield* c.invoke(server.address, { code: echoCode })
      assert.deepStrictEqual(codes(server.received), [RequestCode.HEART_BEAT, echoCode])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("is told the address and the connection that it runs on", () =>
    Effect.gen(function*() {
      const server = yield* serving(1)
      const c = yield* client()
      const seen: Array<readonly [string, string, boolean]> = []
      yield* c.onValidate((channel) =>
        Effect.sync(() => seen.push([channel.address, channel.channelId, channel.isOpen()]))
      )
      yield* c.invoke(server.address, { code: echoCode })
      assert.deepStrictEqual(seen, [[
        server.address,
        (yield* c.links).get(server.address)!.channelId!,
        true
      ]])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("runs on each fresh connection, and not on those that are open already", () =>
    Effect.gen(function*() {
      const server = yield* serving(1)
      const c = yield* client()
      yield* c.invoke(server.address, { code: echoCode })
      yield* c.onValidate(heartbeat)
      yield* c.invoke(server.address, { code: echoCode })
      assert.deepStrictEqual(codes(server.received), [echoCode, echoCode])
      server.peers[0].end()
      yield* pass(100)
      assert.deepStrictEqual(codes(server.peers[1].received), [RequestCode.HEART_BEAT])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("dials nobody by itself", () =>
    Effect.gen(function*() {
      const c = yield* client()
      yield* c.onValidate(heartbeat)
      yield* pass("10 seconds")
      assert.strictEqual((yield* c.links).size, 0)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("keeps an unused address connected until its scope closes", () =>
    Effect.gen(function*() {
      const server = yield* serving(1)
      const c = yield* client()
      const scope = yield* Scope.make()
      yield* Scope.provide(c.onValidate(heartbeat), scope)
      yield* c.invoke(server.address, { code: echoCode })
      yield* pass("10 minutes")
      assert.isFalse(server.peers[0].closed)
      yield* Scope.close(scope, Exit.void)
      yield* pass("2 minutes")
      assert.isTrue(server.peers[0].closed)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("does not keep the server from asking meanwhile", () =>
    Effect.gen(function*() {
      const server = yield* scripted(1)
      const c = yield* client()
      yield* c.onValidate(heartbeat)
      yield* c.handle(220, () => Effect.succeed({ remark: "here" }))
      yield* start(Effect.exit(c.invoke(server.address, { code: echoCode })))
      server.peers[0].ask({ code: 220, opaque: 9 })
      yield* settle
      assert.strictEqual(server.received[1].command.remark, "here")
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("is through before any replay: a server that demands it rejects nothing in 1,000 swaps", () =>
    Effect.gen(function*() {
      const swaps = 1_000
      let rejected = 0
      // Each connection answers one request and then refuses the next.
      const server = yield* scripted(1, {
        command: ({ command, peer }) => {
          if (peer.received[0].command.code !== RequestCode.HEART_BEAT) rejected++
          if (command.code === RequestCode.HEART_BEAT || peer.received.length === 2) peer.answer(command)
          else peer.goAway(command)
        }
      })
      const c = yield* client({}, { ...steady, goAway: Reconnection.backoff({ base: 1, cap: 1, jitter: false }) })
      yield* c.onValidate(heartbeat)
      const loop = Effect.gen(function*() {
        for (let index = 0; index <= swaps; index++) yield* c.invoke(server.address, { code: echoCode })
      })
      const fiber = yield* start(loop)
      yield* pass(swaps)
      yield* Fiber.join(fiber)
      assert.strictEqual(rejected, 0)
      assert.deepInclude(yield* c.stats, { swaps, replays: swaps, goAways: swaps, notProcessed: 0, unknown: 0 })
      assert.strictEqual(server.received.length, (swaps + 1) * 2 + swaps)
    }).pipe(Effect.provide(MemoryTransport.layer)))
})

describe("a registration that fails", () => {
  it.effect("ends that connection; the next is dialled as the reconnect policy says", () =>
    Effect.gen(function*() {
      const server = yield* serving(1)
      const c = yield* client()
      let fails = 2
      yield* c.onValidate(() => fails-- > 0 ? Effect.fail(new Error("not now")) : Effect.void)
      const events = yield* recordEvents(c)
      const fiber = yield* start(c.invoke(server.address, { code: echoCode }))
      yield* pass(100 + 200)
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(server.peers.map((peer) => [peer.openedAt, peer.closed]), [
        [0, true],
        [100, true],
        [300, false]
      ])
      assert.deepStrictEqual(server.peers.map((peer) => codes(peer.received)), [[], [], [echoCode]])
      yield* settle
      assert.deepStrictEqual(brief(events), [
        "Connect 1",
        "Exception 1",
        "Close 1",
        "Connect 2",
        "Exception 2",
        "Close 2",
        "Connect 3",
        "Active 3"
      ])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("is why callers fail at their deadline: RegistrationFailed, NotSent, with the cause", () =>
    Effect.gen(function*() {
      const server = yield* serving(1)
      const c = yield* client()
      yield* c.onValidate(() => Effect.fail(new Error("no permission")))
      const fiber = yield* start(Effect.flip(c.invoke(server.address, { code: echoCode }, { timeout: 500 })))
      yield* pass(499)
      assert.isUndefined(fiber.pollUnsafe())
      yield* pass(1)
      const { reason } = yield* Fiber.join(fiber)
      assert.deepStrictEqual([reason._tag, reason.outcome], ["RegistrationFailed", "NotSent"])
      assert.include(reason.message, "no permission")
      assert.include(String(reason.cause), "no permission")
      assert.isFalse(codes(server.received).includes(echoCode))
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("may be a defect", () =>
    Effect.gen(function*() {
      const server = yield* serving(1)
      const c = yield* client()
      yield* c.onValidate((): Effect.Effect<void> => {
        throw new Error("broken registration")
      })
      const fiber = yield* start(Effect.flip(c.invoke(server.address, { code: echoCode }, { timeout: 500 })))
      yield* pass(500)
      const { reason } = yield* Fiber.join(fiber)
      assert.deepStrictEqual([reason._tag, reason.outcome], ["RegistrationFailed", "NotSent"])
      assert.include(reason.message, "broken registration")
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("may be one with anything", () =>
    Effect.gen(function*() {
      const server = yield* serving(1)
      for (const cause of [undefined, null, Symbol("s"), Object.create(null), () => 1, { a: 1n }]) {
        const c = yield* client()
        yield* c.onValidate(() => Effect.fail(cause))
        const error = yield* Effect.flip(c.invoke(server.address, { code: echoCode }, { failFast: true }))
        assert.deepStrictEqual([error.reason._tag, error.outcome], ["RegistrationFailed", "NotSent"])
      }
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("fails those at once that asked for it", () =>
    Effect.gen(function*() {
      const server = yield* serving(1)
      const c = yield* client()
      yield* c.onValidate(() => Effect.fail(new Error("no permission")))
      const error = yield* Effect.flip(c.invoke(server.address, { code: echoCode }, { failFast: true }))
      assert.deepStrictEqual([error.reason._tag, error.outcome], ["RegistrationFailed", "NotSent"])
      assert.strictEqual(yield* now, 0)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("may be one that is never answered: all of them together have five seconds", () =>
    Effect.gen(function*() {
      const server = yield* scripted(1, {
        command: ({ command, peer }) => {
          if (peer.index > 0 || command.code === 1) peer.answer(command)
        }
      })
      const c = yield* client()
      yield* c.onValidate((channel) => Effect.delay(channel.invoke({ code: 1 }), "3 seconds"))
      yield* c.onValidate((channel) => channel.invoke({ code: 2 }, { timeout: "1 minute" }))
      const fiber = yield* start(c.invoke(server.address, { code: echoCode }, { timeout: "1 minute" }))
      yield* pass(4_999)
      assert.isFalse(server.peers[0].closed)
      yield* pass(1)
      assert.isTrue(server.peers[0].closed)
      yield* pass("4 seconds")
      yield* Fiber.join(fiber)
      assert.strictEqual(server.peers.length, 2)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("has another time when the client says so", () =>
    Effect.gen(function*() {
      const server = yield* scripted(1)
      const c = yield* client({ registrationTimeout: 700 })
      yield* c.onValidate(() => Effect.never)
      yield* start(Effect.exit(c.invoke(server.address, { code: echoCode })))
      yield* pass(699)
      assert.isFalse(server.peers[0].closed)
      yield* pass(1)
      assert.isTrue(server.peers[0].closed)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("may be cut short by the end of the connection", () =>
    Effect.gen(function*() {
      const server = yield* scripted(1, {
        command: ({ command, peer }) => {
          if (peer.index === 0) peer.end()
          else peer.answer(command)
        }
      })
      const c = yield* client()
      yield* c.onValidate(heartbeat)
      const fiber = yield* start(c.invoke(server.address, { code: echoCode }))
      yield* pass(100)
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(server.peers.map((peer) => codes(peer.received)), [
        [RequestCode.HEART_BEAT],
        [RequestCode.HEART_BEAT, echoCode]
      ])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("may close the connection itself", () =>
    Effect.gen(function*() {
      const server = yield* serving(1)
      const c = yield* client()
      let first = true
      yield* c.onValidate((channel) =>
        Effect.sync(() => {
          if (first) channel.close()
          first = false
        })
      )
      const fiber = yield* start(c.invoke(server.address, { code: echoCode }))
      yield* pass(100)
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(server.peers.map((peer) => codes(peer.received)), [[], [echoCode]])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("does not disturb another address", () =>
    Effect.gen(function*() {
      const good = yield* serving(1)
      const bad = yield* serving(2)
      const c = yield* client()
      yield* c.onValidate((channel) => channel.address === bad.address ? Effect.fail(new Error("no")) : Effect.void)
      yield* start(Effect.exit(c.invoke(bad.address, { code: echoCode })))
      assert.strictEqual((yield* c.invoke(good.address, { code: echoCode })).code, 0)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("on an address that is gone for good dials on with the longest delay, and no faster", () =>
    Effect.gen(function*() {
      const net = yield* network
      const server = yield* serving(1)
      const c = yield* client()
      yield* c.onValidate(heartbeat)
      yield* c.invoke(server.address, { code: echoCode })
      net.fault(server.address, "refuse")
      net.reset(server.address)
      yield* pass("100 seconds")
      // 100, 200, 400, 800 ms, then one a second.
      assert.isAtLeast(net.dials(server.address), 100)
      assert.isAtMost(net.dials(server.address), 104)
    }).pipe(Effect.provide(MemoryTransport.layer)))
})

describe("a registration that applies to some addresses", () => {
  it.effect("runs there and nowhere else", () =>
    Effect.gen(function*() {
      const broker = yield* serving(1)
      const nameServer = yield* serving(2)
      const c = yield* client()
      yield* c.onValidate(heartbeat, { appliesTo: (address) => address === broker.address })
      yield* c.invoke(broker.address, { code: echoCode })
      yield* c.invoke(nameServer.address, { code: echoCode })
      assert.deepStrictEqual(codes(broker.received), [RequestCode.HEART_BEAT, echoCode])
      assert.deepStrictEqual(codes(nameServer.received), [echoCode])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("runs in the order of all that apply", () =>
    Effect.gen(function*() {
      const server = yield* serving(1)
      const c = yield* client()
      yield* c.onValidate((channel) => channel.invoke({ code: 1 }), { appliesTo: () => true })
      yield* c.onValidate((channel) => channel.invoke({ code: 2 }), { appliesTo: () => false })
      yield* c.onValidate((channel) => channel.invoke({ code: 3 }))
      yield* c.invoke(server.address, { code: echoCode })
      assert.deepStrictEqual(codes(server.received), [1, 3, echoCode])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("says in Active whether there was one", () =>
    Effect.gen(function*() {
      const broker = yield* serving(1)
      const nameServer = yield* serving(2)
      const c = yield* client()
      const events = yield* recordEvents(c)
      yield* c.onValidate(heartbeat, { appliesTo: (address) => address === broker.address })
      yield* c.invoke(broker.address, { code: echoCode })
      yield* c.invoke(nameServer.address, { code: echoCode })
      yield* settle
      assert.deepStrictEqual(
        events.filter(({ type }) => type === "Active").map(({ address, reason }) => [address, reason]),
        [[broker.address, "its registrations are answered"], [nameServer.address, "connected"]]
      )
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("lets go of the others when they are unused", () =>
    Effect.gen(function*() {
      const broker = yield* serving(1)
      const nameServer = yield* serving(2)
      const c = yield* client()
      yield* c.onValidate(heartbeat, { appliesTo: (address) => address === broker.address })
      yield* c.invoke(broker.address, { code: echoCode })
      yield* c.invoke(nameServer.address, { code: echoCode })
      yield* pass("10 minutes")
      assert.isFalse(broker.peers[0].closed)
      assert.isTrue(nameServer.peers[0].closed)
      assert.deepStrictEqual([...(yield* c.links).keys()], [broker.address])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("does not dial the others again without a request for them", () =>
    Effect.gen(function*() {
      const net = yield* network
      const nameServer = yield* serving(1)
      const c = yield* client()
      yield* c.onValidate(heartbeat, { appliesTo: () => false })
      yield* c.invoke(nameServer.address, { code: echoCode })
      nameServer.peers[0].end()
      yield* pass("1 minute")
      assert.strictEqual(net.dials(nameServer.address), 1)
      assert.strictEqual((yield* c.links).get(nameServer.address)?.status, "Idle")
      yield* c.invoke(nameServer.address, { code: echoCode })
      assert.strictEqual(net.dials(nameServer.address), 2)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("does not probe the others while they are silent", () =>
    Effect.gen(function*() {
      const nameServer = yield* serving(1)
      const c = yield* client()
      yield* c.onValidate(heartbeat, { appliesTo: () => false })
      yield* c.invoke(nameServer.address, { code: echoCode })
      yield* pass("1 minute")
      assert.deepStrictEqual(codes(nameServer.received), [echoCode])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("lets go of an address to which it no longer applies", () =>
    Effect.gen(function*() {
      const server = yield* serving(1)
      const c = yield* client()
      let applies = true
      yield* c.onValidate(heartbeat, { appliesTo: () => applies })
      yield* c.invoke(server.address, { code: echoCode })
      yield* pass("10 minutes")
      assert.isFalse(server.peers[0].closed)
      applies = false
      yield* pass("2 minutes")
      assert.isTrue(server.peers[0].closed)
      yield* pass("2 minutes")
      assert.strictEqual((yield* c.links).size, 0)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("stops dialling an address that is gone once it no longer applies to it", () =>
    Effect.gen(function*() {
      const net = yield* network
      const server = yield* serving(1)
      const c = yield* client()
      let applies = true
      yield* c.onValidate(heartbeat, { appliesTo: () => applies })
      yield* c.invoke(server.address, { code: echoCode })
      net.fault(server.address, "refuse")
      net.reset(server.address)
      yield* pass("10 seconds")
      const dials = net.dials(server.address)
      assert.isAtLeast(dials, 10)
      applies = false
      yield* pass("10 seconds")
      assert.strictEqual(net.dials(server.address), dials)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("runs on the next connection of an address to which it has come to apply", () =>
    Effect.gen(function*() {
      const server = yield* serving(1)
      const c = yield* client()
      let applies = false
      yield* c.onValidate(heartbeat, { appliesTo: () => applies })
      yield* c.invoke(server.address, { code: echoCode })
      applies = true
      server.peers[0].end()
      yield* pass(100)
      assert.deepStrictEqual(codes(server.peers[1].received), [RequestCode.HEART_BEAT])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("applies where the question throws", () =>
    Effect.gen(function*() {
      const server = yield* serving(1)
      const c = yield* client()
      yield* c.onValidate(heartbeat, {
        appliesTo: () => {
          throw new Error("who knows")
        }
      })
      yield* c.invoke(server.address, { code: echoCode })
      assert.deepStrictEqual(codes(server.received), [RequestCode.HEART_BEAT, echoCode])
    }).pipe(Effect.provide(MemoryTransport.layer)))
})

describe("revalidate", () => {
  it.effect("runs the registrations on the channel that is open, beside what flows there", () =>
    Effect.gen(function*() {
      const server = yield* scripted(1, {
        command: ({ command, peer }) => {
          if (command.code !== echoCode) peer.answer(command)
        }
      })
      const c = yield* client()
      yield* start(Effect.exit(c.invoke(server.address, { code: echoCode })))
      yield* c.onValidate(heartbeat)
      yield* c.revalidate(server.address)
      assert.deepStrictEqual(codes(server.received), [echoCode, RequestCode.HEART_BEAT])
      assert.strictEqual(server.peers.length, 1)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("waits for them, and fails with what they fail with; the channel stays", () =>
    Effect.gen(function*() {
      const server = yield* serving(1)
      const c = yield* client()
      yield* c.invoke(server.address, { code: echoCode })
      yield* c.onValidate(() => Effect.delay(Effect.fail("no"), 200))
      const fiber = yield* start(Effect.flip(c.revalidate(server.address)))
      yield* pass(199)
      assert.isUndefined(fiber.pollUnsafe())
      yield* pass(1)
      assert.strictEqual(yield* Fiber.join(fiber), "no")
      assert.isFalse(server.peers[0].closed)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("gives them five seconds together", () =>
    Effect.gen(function*() {
      const server = yield* serving(1)
      const c = yield* client()
      yield* c.invoke(server.address, { code: echoCode })
      yield* c.onValidate(() => Effect.never)
      const fiber = yield* start(Effect.flip(c.revalidate(server.address)))
      yield* pass(4_999)
      assert.isUndefined(fiber.pollUnsafe())
      yield* pass(1)
      assert.include(String(yield* Fiber.join(fiber)), "5000 ms")
      assert.isFalse(server.peers[0].closed)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("dials where no channel is open, and does not wait for it", () =>
    Effect.gen(function*() {
      const server = yield* serving(1)
      const c = yield* client()
      yield* c.onValidate(heartbeat)
      yield* c.revalidate(server.address)
      yield* settle
      assert.deepStrictEqual(codes(server.received), [RequestCode.HEART_BEAT])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("dials nobody to whom no registration applies", () =>
    Effect.gen(function*() {
      const server = yield* serving(1)
      const c = yield* client()
      yield* c.onValidate(heartbeat, { appliesTo: () => false })
      yield* c.revalidate(server.address)
      yield* settle
      assert.strictEqual(server.peers.length, 0)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("answered with GO_AWAY retires the channel, and the next is registered first", () =>
    Effect.gen(function*() {
      const server = yield* scripted(1, {
        command: ({ command, peer }) => {
          if (peer.index === 0 && command.code === RequestCode.HEART_BEAT) peer.goAway(command)
          else peer.answer(command)
        }
      })
      const c = yield* client()
      yield* c.invoke(server.address, { code: echoCode })
      yield* c.onValidate(heartbeat)
      yield* start(Effect.exit(c.revalidate(server.address)))
      yield* pass(10)
      yield* c.invoke(server.address, { code: echoCode })
      assert.deepStrictEqual(server.peers.map((peer) => codes(peer.received)), [
        [echoCode, RequestCode.HEART_BEAT],
        [RequestCode.HEART_BEAT, echoCode]
      ])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("does nothing for what is no address, or on a client that has closed", () =>
    Effect.gen(function*() {
      const server = yield* serving(1)
      const scope = yield* Scope.make()
      const c = yield* Scope.provide(client(), scope)
      yield* c.onValidate(heartbeat)
      yield* c.revalidate("nowhere")
      assert.strictEqual((yield* c.links).size, 0)
      yield* Scope.close(scope, Exit.void)
      yield* c.revalidate(server.address)
      yield* settle
      assert.strictEqual(server.peers.length, 0)
    }).pipe(Effect.provide(MemoryTransport.layer)))
})
