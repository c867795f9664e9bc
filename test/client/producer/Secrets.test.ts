import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as Redacted from "effect/Redacted"
import * as References from "effect/References"
import * as Stream from "effect/Stream"
import * as Tracer from "effect/Tracer"
import { inspect } from "node:util"
import { ChannelEventListener } from "../../../src/client/ChannelEventListener.ts"
import { MqClient } from "../../../src/client/MqClient.ts"
import { Producer } from "../../../src/client/Producer.ts"
import { TopicRoutes } from "../../../src/client/TopicRoutes.ts"
import { RemotingClient } from "../../../src/remoting/RemotingClient.ts"
import { EmbeddedRocketMQ, Fault, TestRocketMQ } from "../../../src/testing/index.ts"
import { pass } from "../../remoting/support.ts"

const canary = "canary-4712"

/** All that this process may show of a value. */
const prints = (value: unknown): ReadonlyArray<string> => [
  inspect(value, { depth: 12, showHidden: true, maxStringLength: Infinity, maxArrayLength: Infinity }),
  String(value),
  JSON.stringify(value, (_, one: unknown) => typeof one === "bigint" ? String(one) : one) ?? ""
]

/** What is sent by somebody whose secret key is the canary, with all that is said and shown of it. */
const heard = (secretKey: string, known: boolean) => {
  const all: Array<unknown> = []
  const told = { lines: 0, spans: 0 }
  const tracer = Tracer.make({
    span: (options) => {
      const span = Tracer.nativeTracer.span(options)
      all.push(span)
      told.spans++
      return span
    }
  })
  const logger = Logger.make((line) => {
    all.push(Logger.formatStructured.log(line), Logger.formatLogFmt.log(line))
    told.lines++
  })
  const program = Effect.gen(function*() {
    const producer = yield* Producer
    const rocketmq = yield* EmbeddedRocketMQ.EmbeddedRocketMQ
    const listener = yield* ChannelEventListener
    yield* Effect.forkScoped(
      Stream.runForEach(listener.events, (event) => Effect.sync(() => all.push(event))),
      { startImmediately: true }
    )
    const message = { topic: "orders", body: canary, keys: canary, properties: { mine: canary } }
    const exits: Array<Exit.Exit<unknown, unknown>> = []
    const run = Effect.fnUntraced(function*(effect: Effect.Effect<unknown, unknown>) {
      const fiber = yield* Effect.forkChild(Effect.exit(effect), { startImmediately: true })
      yield* pass("10 seconds")
      exits.push(yield* Fiber.join(fiber))
    })
    yield* run(producer.send(message))
    yield* run(producer.sendBatch([message]))
    yield* run(producer.sendInTransaction(message, () => Effect.fail("no")))
    yield* rocketmq.broker().inject(Fault.loseAnswer({ codes: Fault.sends }))
    yield* run(producer.send(message, { timeout: "1 second" }))
    yield* rocketmq.broker().stop
    yield* run(producer.send(message, { timeout: "1 second" }))
    yield* run(producer.request(message, { timeout: "1 second" }))
    const failures = exits.flatMap((exit) => Exit.isFailure(exit) ? [exit.cause, Cause.squash(exit.cause)] : [])
    for (const exit of exits) if (Exit.isFailure(exit)) yield* Effect.logError("a send failed", exit.cause)
    all.push(
      exits,
      failures,
      failures.map(String),
      exits.map((exit) => Exit.isFailure(exit) && Cause.pretty(exit.cause))
    )
    all.push(producer, yield* producer.stats, yield* MqClient, yield* TopicRoutes, yield* RemotingClient)
    all.push(yield* (yield* RemotingClient).links)
    return failures
  })
  return program.pipe(
    Effect.provide(TestRocketMQ.layerWith({
      topics: ["orders"],
      users: [{ accessKey: "shop", secretKey: known ? secretKey : "another" }],
      remoting: {
        credentials: {
          accessKey: "shop",
          secretKey: Redacted.make(secretKey),
          securityToken: Redacted.make(`${secretKey}-token`)
        }
      }
    })),
    Effect.withTracer(tracer),
    Effect.provide(Logger.layer([logger])),
    Effect.provideService(References.MinimumLogLevel, "All"),
    Effect.map((failures) => ({ all, failures, told }))
  )
}

describe("credentials and messages", () => {
  for (const [what, known] of [["that are right", true], ["that are wrong", false]] as const) {
    it.effect(`${what} are in no error, log line, span, event or print-out`, () =>
      Effect.gen(function*() {
        const { all, failures, told } = yield* heard(canary, known)
        assert.isAtLeast(failures.length, 6)
        assert.isAtLeast(told.spans, 6)
        assert.isAtLeast(told.lines, 3)
        if (!known) assert.include(String(failures[1]), "check the access key and the secret key")
        for (const one of all.flat()) {
          for (const print of prints(one)) {
            assert.isFalse(print.includes(canary), print)
            assert.isFalse(print.includes("Signature"), print)
          }
        }
      }).pipe(Effect.scoped))
  }
})
