import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Metric from "effect/Metric"
import * as Tracer from "effect/Tracer"
import * as MessageBatch from "../../../src/protocol/message/MessageBatch.ts"
import * as MemoryTransport from "../../../src/remoting/MemoryTransport.ts"
import { pass, start } from "../../remoting/support.ts"
import { answer, pair, single } from "./support.ts"

/** A tracer that keeps its spans. */
const recording = (change: (span: Tracer.Span) => Tracer.Span = (span) => span) => {
  const spans: Array<Tracer.Span> = []
  const tracer = Tracer.make({
    span: (options) => {
      const span = change(Tracer.nativeTracer.span(options))
      spans.push(span)
      return span
    }
  })
  return { spans, tracer }
}

const attributes = (span: Tracer.Span) => Object.fromEntries(span.attributes)
const message = { topic: "topic", body: "x" }

describe("a send's span", () => {
  it.effect("is of kind producer, and says what OpenTelemetry asks of messaging", () => {
    const { spans, tracer } = recording()
    return Effect.gen(function*() {
      const { producer } = yield* single()
      const result = yield* producer.send({ ...message, tags: "t", keys: "secret", properties: { p: "secret" } })
      const [send, request] = spans
      assert.strictEqual(send.name, "send topic")
      assert.strictEqual(send.kind, "producer")
      assert.deepStrictEqual(attributes(send), {
        "messaging.system": "rocketmq",
        "messaging.operation.name": "send",
        "messaging.operation.type": "send",
        "messaging.destination.name": "topic",
        "messaging.client.id": "10.0.0.7@test",
        "messaging.rocketmq.client_group": "producers",
        "messaging.rocketmq.message.type": "normal",
        "messaging.rocketmq.message.tag": "t",
        "messaging.message.id": result.messageId,
        "messaging.destination.partition.id": String(result.queue.queueId),
        "rocketmq.broker.name": "a",
        "rocketmq.send.status": "SendOk",
        "rocketmq.send.attempts": 1
      })
      assert.strictEqual(send.status._tag, "Ended")
      assert.strictEqual(request.name, "rocketmq SEND_MESSAGE_V2")
      assert(request.parent._tag === "Some")
      assert.strictEqual(request.parent.value.spanId, send.spanId)
    }).pipe(Effect.withTracer(tracer), Effect.provide(MemoryTransport.layer))
  })

  it.effect("is there once, over all attempts, each of which has its own", () => {
    const { spans, tracer } = recording()
    return Effect.gen(function*() {
      const { a, producer } = yield* single({}, (_, index) => index < 2 ? answer(2) : undefined)
      const fiber = yield* start(producer.send(message))
      yield* pass("1 second")
      yield* Fiber.join(fiber)
      assert.strictEqual(spans.filter(({ kind }) => kind === "producer").length, 1)
      assert.strictEqual(spans.filter(({ kind }) => kind === "client").length, 3)
      assert.strictEqual(attributes(spans[0])["rocketmq.send.attempts"], 3)
      // The context is that of the one send, in each attempt.
      assert.strictEqual(new Set(a.sends.map(({ properties }) => properties.traceparent)).size, 1)
    }).pipe(Effect.withTracer(tracer), Effect.provide(MemoryTransport.layer))
  })

  it.effect("says what became of a message that failed", () => {
    const { spans, tracer } = recording()
    return Effect.gen(function*() {
      const { producer } = yield* single({}, () => answer(13))
      yield* Effect.flip(producer.send(message))
      assert.strictEqual(attributes(spans[0])["error.type"], "Refused")
      assert.strictEqual(attributes(spans[0])["rocketmq.send.outcome"], "NotProcessed")
    }).pipe(Effect.withTracer(tracer), Effect.provide(MemoryTransport.layer))
  })

  for (
    const [type, more] of [
      ["delay", { delayLevel: 2 }],
      ["delay", { delay: 1_000 }],
      ["fifo", { shardingKey: "k" }],
      ["priority", { priority: 1 }]
    ] as const
  ) {
    it.effect(`says that a message is of type ${type}: ${Object.keys(more)[0]}`, () => {
      const { spans, tracer } = recording()
      return Effect.gen(function*() {
        const { producer } = yield* single()
        yield* producer.send({ ...message, ...more })
        assert.strictEqual(attributes(spans[0])["messaging.rocketmq.message.type"], type)
      }).pipe(Effect.withTracer(tracer), Effect.provide(MemoryTransport.layer))
    })
  }

  it.effect("says that a message is a transaction's", () => {
    const { spans, tracer } = recording()
    return Effect.gen(function*() {
      const { producer } = yield* single()
      yield* producer.sendInTransaction(message, () => Effect.succeed("Commit"))
      assert.strictEqual(attributes(spans[0])["messaging.rocketmq.message.type"], "transaction")
    }).pipe(Effect.withTracer(tracer), Effect.provide(MemoryTransport.layer))
  })

  it.effect("counts the messages of a batch, and is carried by each of them", () => {
    const { spans, tracer } = recording()
    return Effect.gen(function*() {
      const { a, producer } = yield* single()
      yield* producer.sendBatch([message, message])
      assert.strictEqual(attributes(spans[0])["messaging.batch.message_count"], 2)
      const messages = MessageBatch.decode(a.stored[0].body)
      assert(Array.isArray(messages))
      for (const one of messages) {
        assert.strictEqual(one.properties.traceparent, `00-${spans[0].traceId}-${spans[0].spanId}-01`)
      }
    }).pipe(Effect.withTracer(tracer), Effect.provide(MemoryTransport.layer))
  })

  it.effect("names the namespace", () => {
    const { spans, tracer } = recording()
    return Effect.gen(function*() {
      const { producer } = yield* single({}, undefined, { namespace: "ns" })
      yield* producer.sendOneway(message)
      assert.strictEqual(attributes(spans[0])["messaging.rocketmq.namespace"], "ns")
      assert.strictEqual(attributes(spans[0])["messaging.destination.name"], "topic")
    }).pipe(Effect.withTracer(tracer), Effect.provide(MemoryTransport.layer))
  })

  it.effect("is not made by the native tracer, which nobody exports", () =>
    Effect.gen(function*() {
      const { a, producer } = yield* single()
      yield* Effect.withSpan(producer.send(message), "outer")
      assert.isUndefined(a.stored[0].properties.traceparent)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("is not made where tracing is switched off", () => {
    const { spans, tracer } = recording()
    return Effect.gen(function*() {
      const { producer } = yield* single()
      yield* Effect.withTracerEnabled(producer.send(message), false)
      assert.strictEqual(spans.length, 0)
    }).pipe(Effect.withTracer(tracer), Effect.provide(MemoryTransport.layer))
  })
})

describe("the context of a span", () => {
  it.effect("goes along as W3C traceparent", () => {
    const { spans, tracer } = recording()
    return Effect.gen(function*() {
      const { a, producer } = yield* single()
      yield* Effect.withSpan(producer.send(message), "outer")
      const [outer, send] = spans
      assert.strictEqual(outer.name, "outer")
      assert.strictEqual(a.stored[0].properties.traceparent, `00-${outer.traceId}-${send.spanId}-01`)
      assert.match(a.stored[0].properties.traceparent, /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/)
    }).pipe(Effect.withTracer(tracer), Effect.provide(MemoryTransport.layer))
  })

  it.effect("has the vendors' state, where the tracer has one", () => {
    const { tracer } = recording((span) =>
      Object.assign(span, {
        span: { spanContext: () => ({ traceState: { serialize: () => "vendor=1" } }) }
      })
    )
    return Effect.gen(function*() {
      const { a, producer } = yield* single()
      yield* producer.send(message)
      assert.strictEqual(a.stored[0].properties.tracestate, "vendor=1")
    }).pipe(Effect.withTracer(tracer), Effect.provide(MemoryTransport.layer))
  })

  it.effect("gives way to one that the app has set", () => {
    const { tracer } = recording()
    return Effect.gen(function*() {
      const { a, producer } = yield* single()
      yield* producer.send({ ...message, properties: { traceparent: "mine" } })
      assert.strictEqual(a.stored[0].properties.traceparent, "mine")
    }).pipe(Effect.withTracer(tracer), Effect.provide(MemoryTransport.layer))
  })

  it.effect("gives way in those messages of a batch for which the app has set one", () => {
    const { spans, tracer } = recording()
    return Effect.gen(function*() {
      const { a, producer } = yield* single()
      const own = { ...message, properties: { traceparent: "mine" } }
      yield* producer.sendBatch([own, message])
      yield* producer.sendBatch([message, own])
      const carried = a.stored.map(({ body }) => {
        const messages = MessageBatch.decode(body)
        assert(Array.isArray(messages))
        return messages.map(({ properties }) => properties.traceparent)
      })
      const ofSpan = (index: number) => `00-${spans[index].traceId}-${spans[index].spanId}-01`
      const batches = spans.flatMap(({ kind }, index) => kind === "producer" ? [index] : [])
      assert.deepStrictEqual(carried, [["mine", ofSpan(batches[0])], [ofSpan(batches[1]), "mine"]])
    }).pipe(Effect.withTracer(tracer), Effect.provide(MemoryTransport.layer))
  })

  it.effect("stays here when the app says so", () => {
    const { tracer } = recording()
    return Effect.gen(function*() {
      const { a, producer } = yield* single({ propagateTrace: false })
      yield* producer.send(message)
      assert.isUndefined(a.stored[0].properties.traceparent)
    }).pipe(Effect.withTracer(tracer), Effect.provide(MemoryTransport.layer))
  })
})

describe("a producer's metrics", () => {
  const read = (name: string, producer: string, outcome?: string) =>
    Effect.map(Metric.snapshot, (snapshot) => {
      const found = snapshot.find((one) =>
        one.id === name && one.attributes?.producer === producer &&
        (outcome === undefined || one.attributes?.outcome === outcome)
      )
      const state = found?.state as { readonly count?: number; readonly value?: number } | undefined
      return state?.count ?? state?.value
    })

  it.effect("count what became of its messages, and are gone with it", () =>
    Effect.gen(function*() {
      yield* Effect.scoped(Effect.gen(function*() {
        const { producer } = yield* pair({ metrics: true, name: "counted" }, {
          a: () => answer(13),
          b: () => answer(13)
        })
        yield* Effect.flip(producer.send(message))
        assert.strictEqual(yield* read("rocketmq_producer_messages", "counted", "NotProcessed"), 1)
        assert.strictEqual(yield* read("rocketmq_producer_messages", "counted", "Acknowledged"), 0)
        assert.strictEqual(yield* read("rocketmq_producer_in_flight", "counted"), 0)
      }))
      assert.isUndefined(yield* read("rocketmq_producer_messages", "counted", "NotProcessed"))
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("are named by the group, with a number for the second of a name", () =>
    Effect.gen(function*() {
      const { a, make } = yield* single({ metrics: true, group: "named" })
      const second = yield* make({ metrics: true, group: "named" })
      yield* second.send({ topic: "topic", body: "12345" })
      assert.strictEqual(a.stored.length, 1)
      assert.strictEqual(yield* read("rocketmq_producer_bytes", "named"), 0)
      assert.strictEqual(yield* read("rocketmq_producer_bytes", "named-2"), 5)
      assert.strictEqual(yield* read("rocketmq_producer_messages", "named-2", "Acknowledged"), 1)
    }).pipe(Effect.provide(MemoryTransport.layer)))
})
