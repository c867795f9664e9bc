import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { FieldsTemplate } from "../../src/protocol/PreparedFields.ts"
import { RequestCode } from "../../src/protocol/RequestCode.ts"
import * as MemoryTransport from "../../src/remoting/MemoryTransport.ts"
import type { RpcHook } from "../../src/remoting/RpcHook.ts"
import { scripted } from "./peers.ts"
import { balanced, brief, client, echoCode, network, pass, recordEvents, settle, start } from "./support.ts"

/** Adds a field, with how often it was asked. */
const adding = (key: string): RpcHook => {
  let count = 0
  return {
    before: (_, request) => ({ ...request, extFields: { ...request.extFields, [key]: String(++count) } })
  }
}

const answering = (port: number) =>
  scripted(port, { command: ({ command, peer }) => peer.answer(command, { remark: `${port}` }) })

/** Refuses on the first server, answers on the second. */
const swapped = Effect.gen(function*() {
  const net = yield* network
  const first = yield* scripted(1, { command: ({ command, peer }) => peer.goAway(command) })
  const second = yield* answering(2)
  let dials = 0
  net.balance(balanced, [first.address, second.address], ([one, two]) => dials++ === 0 ? one : two)
  return { first, second }
})

describe("before", () => {
  it.effect("changes what is sent, not the caller's request", () =>
    Effect.gen(function*() {
      const server = yield* answering(1)
      const c = yield* client({ hooks: [adding("hooked")] })
      const request = Object.freeze({ code: echoCode, extFields: Object.freeze({ topic: "t" }) })
      yield* c.invoke(server.address, request)
      assert.deepStrictEqual({ ...server.received[0].command.extFields }, { topic: "t", hooked: "1" })
      assert.deepStrictEqual(request.extFields, { topic: "t" })
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("runs in the order of the hooks, each on what the one before returned", () =>
    Effect.gen(function*() {
      const server = yield* answering(1)
      const append = (letter: string): RpcHook => ({
        before: (_, request) => ({ ...request, remark: (request.remark ?? "") + letter })
      })
      const c = yield* client({ hooks: [append("a"), {}, append("b"), append("c")] })
      yield* c.invoke(server.address, { code: echoCode })
      assert.strictEqual(server.received[0].command.remark, "abc")
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("sees prepared fields as a record, and may change them", () =>
    Effect.gen(function*() {
      const server = yield* answering(1)
      const after: Array<unknown> = []
      const c = yield* client({
        hooks: [adding("hooked"), { after: (_, { extFields, prepared }) => after.push({ extFields, prepared }) }]
      })
      const prepared = new FieldsTemplate({ topic: "t", g: "", i: "" }, "g", "i", "<", ">").fill("1", "2")
      yield* c.invoke(server.address, { code: echoCode, prepared })
      const fields = { topic: "t", g: "1", i: "<2>" }
      assert.deepStrictEqual({ ...server.received[0].command.extFields }, { ...fields, hooked: "1" })
      assert.deepStrictEqual(after, [{ extFields: fields, prepared: undefined }])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("prepared fields arrive where nobody looks at them", () =>
    Effect.gen(function*() {
      const server = yield* answering(1)
      const c = yield* client({})
      const prepared = new FieldsTemplate({ topic: "t", g: "", i: "" }, "g", "i").fill("1", "2")
      yield* c.invoke(server.address, { code: echoCode, prepared })
      assert.deepStrictEqual({ ...server.received[0].command.extFields }, { topic: "t", g: "1", i: "2" })
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("is told the address as the caller gave it", () =>
    Effect.gen(function*() {
      const server = yield* answering(1)
      const seen: Array<string> = []
      const c = yield* client({
        mapAddress: () => server.address,
        hooks: [{
          before: (address, request) => {
            seen.push(address)
            return request
          }
        }]
      })
      yield* c.invoke("broker-0:1", { code: echoCode })
      assert.deepStrictEqual(seen, ["broker-0:1"])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("runs for each attempt, each time on the caller's request", () =>
    Effect.gen(function*() {
      const { first, second } = yield* swapped
      const c = yield* client({ hooks: [adding("attempt")] })
      yield* start(c.invoke(balanced, { code: echoCode, extFields: { topic: "t" } }))
      yield* pass(10)
      assert.deepStrictEqual({ ...first.received[0].command.extFields }, { topic: "t", attempt: "1" })
      assert.deepStrictEqual({ ...second.received[0].command.extFields }, { topic: "t", attempt: "2" })
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("runs for oneway requests, registrations and what handlers ask, too", () =>
    Effect.gen(function*() {
      const server = yield* answering(1)
      const c = yield* client({ hooks: [adding("hooked")] })
      yield* c.onValidate((channel) => channel.invoke({ code: RequestCode.HEART_BEAT }))
      yield* c.handle(220, (_, peer) => Effect.as(peer.invoke({ code: 9 }), undefined))
      yield* c.invokeOneway(server.address, { code: echoCode })
      yield* settle
      server.peers[0].ask({ code: 220 })
      yield* settle
      assert.deepStrictEqual(
        server.received.map(({ command }) => [command.code, command.extFields.hooked]),
        [[RequestCode.HEART_BEAT, "1"], [echoCode, "2"], [9, "3"]]
      )
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("that throws ends the request with HookFailed, NotSent, and no other", () =>
    Effect.gen(function*() {
      const server = yield* answering(1)
      const c = yield* client({
        hooks: [{
          before: (_, request) => {
            if (request.code === 1) throw new Error("bad hook")
            return request
          }
        }]
      })
      const [bad, good] = yield* Effect.all([
        Effect.flip(c.invoke(server.address, { code: 1 })),
        c.invoke(server.address, { code: 2 })
      ], { concurrency: "unbounded" })
      assert.deepStrictEqual([bad.reason._tag, bad.outcome], ["HookFailed", "NotSent"])
      assert.include(String(bad.reason.cause), "bad hook")
      assert.strictEqual(good.remark, "1")
      assert.deepStrictEqual(server.received.map(({ command }) => command.code), [2])
      assert.deepInclude(yield* c.stats, { inFlight: 0 })
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("that throws for a replay ends the request NotProcessed", () =>
    Effect.gen(function*() {
      yield* swapped
      let calls = 0
      const c = yield* client({
        hooks: [{
          before: (_, request) => {
            if (++calls === 2) throw new Error("bad hook")
            return request
          }
        }]
      })
      const fiber = yield* start(Effect.flip(c.invoke(balanced, { code: echoCode })))
      yield* pass(10)
      const error = yield* Fiber.join(fiber)
      assert.deepStrictEqual([error.reason._tag, error.outcome], ["HookFailed", "NotProcessed"])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("that makes the request too large ends it with FrameTooLarge", () =>
    Effect.gen(function*() {
      const server = yield* answering(1)
      const c = yield* client({
        limits: { maxFrameSize: 1_000 },
        hooks: [{ before: (_, request) => ({ ...request, body: Buffer.alloc(1_000) }) }]
      })
      const error = yield* Effect.flip(c.invoke(server.address, { code: echoCode }))
      assert.deepStrictEqual([error.reason._tag, error.outcome], ["FrameTooLarge", "NotSent"])
    }).pipe(Effect.provide(MemoryTransport.layer)))
})

describe("after", () => {
  it.effect("is told of each answer, GO_AWAY too, with the caller's request", () =>
    Effect.gen(function*() {
      yield* swapped
      const seen: Array<readonly [string, number, number, string | undefined]> = []
      const c = yield* client({
        hooks: [adding("attempt"), {
          after: (address, request, response) => {
            seen.push([address, request.code, response.code, request.extFields?.attempt])
          }
        }]
      })
      yield* start(c.invoke(balanced, { code: echoCode }))
      yield* pass(10)
      assert.deepStrictEqual(seen, [
        [balanced, echoCode, 1500, undefined],
        [balanced, echoCode, 0, undefined]
      ])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("is not told of answers that nobody waits for", () =>
    Effect.gen(function*() {
      const server = yield* scripted(1)
      let seen = 0
      const c = yield* client({ hooks: [{ after: () => void seen++ }] })
      const fiber = yield* start(c.invoke(server.address, { code: echoCode }))
      yield* Fiber.interrupt(fiber)
      server.peers[0].answer(server.received[0].command)
      yield* settle
      assert.strictEqual(seen, 0)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("that throws is told as an Exception; the answer reaches the caller, and the other hooks", () =>
    Effect.gen(function*() {
      const server = yield* answering(1)
      let seen = 0
      const c = yield* client({
        hooks: [{
          after: () => {
            throw new Error("bad hook")
          }
        }, { after: () => void seen++ }]
      })
      const events = yield* recordEvents(c)
      assert.strictEqual((yield* c.invoke(server.address, { code: echoCode })).remark, "1")
      yield* settle
      assert.strictEqual(seen, 1)
      assert.deepStrictEqual(brief(events), ["Connect 1", "Active 1", "Exception 1"])
      assert.include(events[2].reason, "bad hook")
      assert.strictEqual((yield* c.links).get(server.address)?.status, "Active")
    }).pipe(Effect.provide(MemoryTransport.layer)))
})
