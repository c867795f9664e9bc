import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { ResponseCode } from "../../src/protocol/ResponseCode.ts"
import * as MemoryTransport from "../../src/remoting/MemoryTransport.ts"
import * as RemotingServer from "../../src/remoting/RemotingServer.ts"
import { client, settle, start } from "./support.ts"

const serve = (options?: RemotingServer.RemotingServerOptions) =>
  RemotingServer.make({ port: 1, metrics: false, ...options })

describe("a handler", () => {
  it.effect("that closes its own channel is interrupted", () =>
    Effect.gen(function*() {
      const server = yield* serve()
      let interrupted = false
      yield* server.handle(1, (_request, peer) =>
        Effect.suspend(() => {
          peer.close()
          return Effect.never
        }).pipe(Effect.onInterrupt(() =>
          Effect.sync(() => {
            interrupted = true
          })
        )))
      const c = yield* client()
      yield* Effect.exit(c.invoke(server.address, { code: 1 }))
      yield* settle
      assert.isTrue(interrupted)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("gives its place back once, however often it waits at the same time", () =>
    Effect.gen(function*() {
      const server = yield* serve({ maxHandlers: 1 })
      const gate = yield* Deferred.make<void>()
      yield* server.handle(1, (_request, peer) =>
        Effect.as(
          Effect.all([peer.suspend(peer.suspend(Deferred.await(gate))), peer.suspend(Deferred.await(gate))], {
            concurrency: 2
          }),
          {}
        ))
      yield* server.handle(2, () => Effect.as(Deferred.await(gate), {}))
      const c = yield* client()
      const polls = yield* Effect.forEach([1, 2], () => start(c.invoke(server.address, { code: 1 })))
      yield* settle
      const running = yield* start(c.invoke(server.address, { code: 2 }))
      yield* settle
      const refused = yield* c.invoke(server.address, { code: 2 })
      assert.strictEqual(refused.code, ResponseCode.SYSTEM_BUSY)
      yield* Deferred.succeed(gate, undefined)
      yield* settle
      for (const fiber of [...polls, running]) assert.isTrue(Exit.isSuccess(fiber.pollUnsafe()!))
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("of codes that have none goes with its scope, though a newer one went later", () =>
    Effect.gen(function*() {
      const server = yield* serve()
      const scopes = yield* Effect.forEach(["old", "new"], (remark) =>
        Effect.gen(function*() {
          const scope = yield* Scope.make()
          yield* Scope.provide(server.handleOther(() => Effect.succeed({ remark })), scope)
          return scope
        }))
      const c = yield* client()
      assert.strictEqual((yield* c.invoke(server.address, { code: 1 })).remark, "new")
      for (const scope of scopes) yield* Scope.close(scope, Exit.void)
      assert.strictEqual(
        (yield* c.invoke(server.address, { code: 1 })).code,
        ResponseCode.REQUEST_CODE_NOT_SUPPORTED
      )
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("that answers with something else than bytes is answered for with an error", () =>
    Effect.gen(function*() {
      const server = yield* serve()
      const body: unknown = "text"
      yield* server.handle(1, () => Effect.succeed({ body: body as Uint8Array }))
      const c = yield* client()
      assert.strictEqual((yield* c.invoke(server.address, { code: 1 })).code, ResponseCode.SYSTEM_ERROR)
    }).pipe(Effect.provide(MemoryTransport.layer)))
})
