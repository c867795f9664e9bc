import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Tracer from "effect/Tracer"
import { RequestCode } from "../../src/protocol/RequestCode.ts"
import * as MemoryTransport from "../../src/remoting/MemoryTransport.ts"
import { scripted } from "./peers.ts"
import { balanced, client, echoCode, echoServer, network, pass, start } from "./support.ts"

/** A tracer that keeps its spans. */
const recording = () => {
  const spans: Array<Tracer.Span> = []
  const tracer = Tracer.make({
    span: (options) => {
      const span = Tracer.nativeTracer.span(options)
      spans.push(span)
      return span
    }
  })
  return { spans, tracer }
}

const attributes = (span: Tracer.Span) => Object.fromEntries(span.attributes)

describe("a request's span", () => {
  it.effect("is of kind client, and named by the request code", () => {
    const { spans, tracer } = recording()
    return Effect.gen(function*() {
      const server = yield* echoServer(1)
      const c = yield* client()
      yield* c.invoke(server.address, { code: RequestCode.GET_ROUTEINFO_BY_TOPIC, body: Buffer.from("1234") })
      assert.strictEqual(spans.length, 1)
      const [span] = spans
      assert.strictEqual(span.name, "rocketmq GET_ROUTEINFO_BY_TOPIC")
      assert.strictEqual(span.kind, "client")
      assert.deepStrictEqual(attributes(span), {
        "messaging.system": "rocketmq",
        "rpc.system": "rocketmq-remoting",
        "rpc.method": "GET_ROUTEINFO_BY_TOPIC",
        "rocketmq.request.code": RequestCode.GET_ROUTEINFO_BY_TOPIC,
        "rocketmq.request.oneway": false,
        "rocketmq.response.code": 0,
        "messaging.message.body.size": 4,
        "server.address": "10.0.0.1",
        "server.port": 1
      })
      assert.strictEqual(span.status._tag, "Ended")
    }).pipe(Effect.withTracer(tracer), Effect.provide(MemoryTransport.layer))
  })

  it.effect("is named by the number of a code that has no name", () => {
    const { spans, tracer } = recording()
    return Effect.gen(function*() {
      const server = yield* echoServer(1)
      const c = yield* client()
      yield* c.invokeOneway(server.address, { code: 29_999 })
      assert.strictEqual(spans[0].name, "rocketmq 29999")
      assert.strictEqual(attributes(spans[0])["rocketmq.request.oneway"], true)
    }).pipe(Effect.withTracer(tracer), Effect.provide(MemoryTransport.layer))
  })

  it.effect("is a child of the caller's", () => {
    const { spans, tracer } = recording()
    return Effect.gen(function*() {
      const server = yield* echoServer(1)
      const c = yield* client()
      yield* Effect.withSpan(c.invoke(server.address, { code: echoCode }), "caller")
      const [caller, request] = spans
      assert.strictEqual(caller.name, "caller")
      assert(request.parent._tag === "Some")
      assert.strictEqual(request.parent.value.spanId, caller.spanId)
    }).pipe(Effect.withTracer(tracer), Effect.provide(MemoryTransport.layer))
  })

  it.effect("says what became of a request that failed", () => {
    const { spans, tracer } = recording()
    return Effect.gen(function*() {
      const server = yield* scripted(1)
      const c = yield* client()
      const fiber = yield* start(Effect.flip(c.invoke(server.address, { code: echoCode })))
      yield* pass("3 seconds")
      yield* Fiber.join(fiber)
      assert.deepInclude(attributes(spans[0]), { "error.type": "Timeout", "rocketmq.request.outcome": "Unknown" })
      const { status } = spans[0]
      assert(status._tag === "Ended")
      assert.strictEqual(status.exit._tag, "Failure")
      assert.strictEqual(status.endTime - status.startTime, 3_000_000_000n)
    }).pipe(Effect.withTracer(tracer), Effect.provide(MemoryTransport.layer))
  })

  it.effect("is one over all attempts", () => {
    const { spans, tracer } = recording()
    return Effect.gen(function*() {
      const net = yield* network
      const first = yield* scripted(1, { command: ({ command, peer }) => peer.goAway(command) })
      const second = yield* echoServer(2)
      let dials = 0
      net.balance(balanced, [first.address, second.address], ([one, two]) => dials++ === 0 ? one : two)
      const c = yield* client()
      const fiber = yield* start(c.invoke(balanced, { code: echoCode }))
      yield* pass(10)
      yield* Fiber.join(fiber)
      assert.strictEqual(spans.length, 1)
      assert.deepInclude(attributes(spans[0]), { "rocketmq.response.code": 0, "server.address": "10.0.0.100" })
    }).pipe(Effect.withTracer(tracer), Effect.provide(MemoryTransport.layer))
  })

  it.effect("ends when its caller is interrupted, and the request is forgotten", () => {
    const { spans, tracer } = recording()
    return Effect.gen(function*() {
      const server = yield* scripted(1)
      const c = yield* client()
      const fiber = yield* start(c.invoke(server.address, { code: echoCode }))
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(spans[0].status._tag, "Ended")
      assert.deepInclude(yield* c.stats, { inFlight: 0, interrupted: 1 })
    }).pipe(Effect.withTracer(tracer), Effect.provide(MemoryTransport.layer))
  })

  it.effect("is none where tracing is switched off", () => {
    const { spans, tracer } = recording()
    return Effect.gen(function*() {
      const server = yield* echoServer(1)
      const c = yield* client()
      yield* Effect.withTracerEnabled(c.invoke(server.address, { code: echoCode }), false)
      assert.strictEqual(spans.length, 0)
    }).pipe(Effect.withTracer(tracer), Effect.provide(MemoryTransport.layer))
  })

  it.effect("is none under Effect's own tracer, which keeps spans for nobody", () =>
    Effect.gen(function*() {
      const { span } = Tracer.nativeTracer
      const names: Array<string> = []
      yield* Effect.acquireRelease(
        Effect.sync(() =>
          Reflect.set(Tracer.nativeTracer, "span", (options: Parameters<typeof span>[0]) => {
            names.push(options.name)
            return span.call(Tracer.nativeTracer, options)
          })
        ),
        () => Effect.sync(() => Reflect.set(Tracer.nativeTracer, "span", span))
      )
      const server = yield* echoServer(1)
      const c = yield* client()
      yield* Effect.withSpan(c.invoke(server.address, { code: echoCode }), "caller")
      assert.deepStrictEqual(names, ["caller"])
    }).pipe(Effect.withTracer(Tracer.nativeTracer), Effect.provide(MemoryTransport.layer)))
})
