import { assert, layer } from "@effect/vitest"
import type * as ClientError from "effect-rocketmq/client/ClientError"
import * as MqClient from "effect-rocketmq/client/MqClient"
import * as Producer from "effect-rocketmq/client/Producer"
import type { Credentials } from "effect-rocketmq/remoting/Credentials"
import * as RemotingClient from "effect-rocketmq/remoting/RemotingClient"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Redacted from "effect/Redacted"
import * as References from "effect/References"
import * as Tracer from "effect/Tracer"
import { inspect } from "node:util"
import * as SecuredCluster from "./harness/Secured.ts"

class Secured extends Context.Service<Secured, SecuredCluster.SecuredCluster>()("effect-rocketmq/test/Secured") {}

const topic = "secured"

const secured = Layer.effect(
  Secured,
  Effect.tap(SecuredCluster.make, ({ createTopic }) => createTopic(topic))
)

/** A producer that signs so, with its client, in the current scope. */
const producerAs = (credentials: Credentials | undefined) =>
  Effect.gen(function*() {
    const { nameServer } = yield* Secured
    const client = MqClient.layer({
      nameServers: [nameServer.address],
      remoting: { metrics: false },
      ...(credentials === undefined ? {} : { credentials })
    })
    return yield* Layer.build(Layer.provideMerge(Producer.layerNoDeps({ group: "shop", metrics: false }), client))
  })

const sendAs = (credentials: Credentials | undefined) =>
  Effect.flatMap(
    producerAs(credentials),
    (context) => Context.get(context, Producer.Producer).send({ topic, body: "x" }, { timeout: "20 seconds" })
  )

/** Why somebody who signs so is denied, and the remark of the broker. */
const denied = (credentials: Credentials | undefined) =>
  Effect.gen(function*() {
    const { broker } = yield* Secured
    const { outcome, reason } = yield* Effect.flip(sendAs(credentials))
    assert.strictEqual(reason._tag, "AccessDenied", reason.message)
    const { denial, error, isRetryable } = reason as ClientError.AccessDenied
    assert.strictEqual(error.address, broker.address)
    assert.strictEqual(error.codeName, "NO_PERMISSION")
    assert.isFalse(isRetryable)
    assert.strictEqual(outcome, "NotProcessed")
    return { denial, remark: error.remark }
  })

layer(secured, { timeout: "3 minutes", excludeTestServices: true })(
  "a broker 5.5.0 that authenticates and authorizes",
  (it) => {
    it.effect("takes messages of whoever may send", () =>
      Effect.gen(function*() {
        const { administrator } = yield* Secured
        const { status } = yield* sendAs(administrator)
        assert.strictEqual(status, "SendOk")
      }))

    it.effect("denies whoever does not sign: MissingCredentials", () =>
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* denied(undefined), {
          denial: "MissingCredentials",
          remark: "username cannot be null."
        })
      }))

    it.effect("denies a wrong secret key: WrongCredentials", () =>
      Effect.gen(function*() {
        const { administrator } = yield* Secured
        assert.deepStrictEqual(yield* denied({ ...administrator, secretKey: Redacted.make("another") }), {
          denial: "WrongCredentials",
          remark: "check signature failed."
        })
      }))

    it.effect("denies a user whom nobody knows: WrongCredentials", () =>
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* denied({ accessKey: "nobody", secretKey: Redacted.make("another") }), {
          denial: "WrongCredentials",
          remark: "User:nobody is not found."
        })
      }))

    it.effect("denies a user who may not send to the topic: Forbidden", () =>
      Effect.gen(function*() {
        const { stranger } = yield* Secured
        assert.deepStrictEqual(yield* denied(stranger), {
          denial: "Forbidden",
          remark: `User:stranger has no permission to access Topic:${topic} from 127.0.0.1, no matched policies.`
        })
      }))

    it.effect("lets credentials that were renewed in from then on", () =>
      Effect.gen(function*() {
        const { administrator } = yield* Secured
        let current: Credentials = { ...administrator, secretKey: Redacted.make("not yet") }
        const { nameServer } = yield* Secured
        const context = yield* Layer.build(Producer.layer({
          nameServers: [nameServer.address],
          group: "shop",
          metrics: false,
          credentials: Effect.sync(() => current)
        }))
        const { send } = Context.get(context, Producer.Producer)
        const { reason } = yield* Effect.flip(send({ topic, body: "x" }))
        assert.strictEqual(reason._tag, "AccessDenied")
        current = administrator
        yield* Effect.scoped(Effect.gen(function*() {
          const again = yield* Layer.build(Producer.layer({
            nameServers: [nameServer.address],
            group: "shop",
            metrics: false,
            credentials: Effect.sync(() => current)
          }))
          assert.strictEqual((yield* Context.get(again, Producer.Producer).send({ topic, body: "x" })).status, "SendOk")
        }))
      }))

    it.effect("makes nobody say what a secret is: not logs, errors, spans, nor what is printed of the client", () =>
      Effect.gen(function*() {
        const { administrator } = yield* Secured
        const right = Redacted.value(administrator.secretKey)
        const wrong = "canary-4712"
        const shown: Array<unknown> = []
        let spans = 0
        const tracer = Tracer.make({
          span: (options) => {
            const span = Tracer.nativeTracer.span(options)
            shown.push(span)
            spans++
            return span
          }
        })
        const logger = Logger.make((line) => {
          shown.push(Logger.formatStructured.log(line), Logger.formatLogFmt.log(line))
        })
        yield* Effect.gen(function*() {
          for (
            const credentials of [
              administrator,
              { ...administrator, secretKey: Redacted.make(wrong), securityToken: Redacted.make(wrong) }
            ]
          ) {
            const context = yield* producerAs(credentials)
            const producer = Context.get(context, Producer.Producer)
            const exit = yield* Effect.exit(producer.send({ topic, body: "x" }))
            if (exit._tag === "Failure") {
              yield* Effect.logError("the send failed", exit.cause)
              shown.push(exit.cause, Cause.squash(exit.cause), Cause.pretty(exit.cause))
            }
            const client = Context.get(context, RemotingClient.RemotingClient)
            shown.push(exit, producer, client, yield* client.links, Context.get(context, MqClient.MqClient))
          }
        }).pipe(
          Effect.withTracer(tracer),
          Effect.provide(Logger.layer([logger])),
          Effect.provideService(References.MinimumLogLevel, "All")
        )
        assert.isAtLeast(spans, 2)
        for (const value of shown) {
          const printed = [
            inspect(value, { depth: 12, showHidden: true, maxStringLength: Infinity, maxArrayLength: Infinity }),
            String(value),
            JSON.stringify(value, (_, one: unknown) => typeof one === "bigint" ? String(one) : one) ?? ""
          ].join("\n")
          assert.notInclude(printed, right)
          assert.notInclude(printed, wrong)
        }
      }))
  }
)
