import { assert, describe, it } from "@effect/vitest"
import * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as MqClient from "../../../src/client/MqClient.ts"
import * as Producer from "../../../src/client/Producer.ts"
import * as EmbeddedRocketMQ from "../../../src/testing/EmbeddedRocketMQ.ts"

const embedded = EmbeddedRocketMQ.EmbeddedRocketMQ
const onPorts = EmbeddedRocketMQ.layerTcp({ topics: ["orders"] })

const environment = (values: Record<string, string>) => ConfigProvider.layer(ConfigProvider.fromEnv({ env: values }))

const send = Producer.Producer.use((producer) => producer.send({ topic: "orders", body: "x" }))

describe("Producer.layer", () => {
  it.live("is all that an app needs", () =>
    Effect.gen(function*() {
      const rocketmq = yield* embedded
      const result = yield* Effect.provide(send, Producer.layer({ group: "shop", nameServers: rocketmq.addresses() }))
      assert.strictEqual(rocketmq.messages("orders")[0].messageId, result.messageId)
    }).pipe(Effect.provide(onPorts)))

  it.live("fails with InvalidName for a group's name that is none", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(
        Effect.provide(send, Producer.layer({ group: "a b", nameServers: "127.0.0.1:1" }))
      )
      assert(error.reason._tag === "InvalidName")
    }))

  it.live("gives the client what is the client's", () =>
    Effect.gen(function*() {
      const rocketmq = yield* embedded
      yield* Effect.provide(
        send,
        Producer.layer({
          group: "shop",
          nameServers: rocketmq.addresses(),
          namespace: "ns",
          instanceName: "one",
          clientIp: "127.0.0.1",
          timeout: "5 seconds"
        })
      )
      assert.strictEqual(rocketmq.messages("ns%orders").length, 1)
    }).pipe(Effect.provide(onPorts)))
})

describe("Producer.layerNoDeps", () => {
  it.live("shares a client with others", () =>
    Effect.gen(function*() {
      const rocketmq = yield* embedded
      const client = MqClient.layer({ nameServers: rocketmq.addresses() })
      const ids = yield* Effect.gen(function*() {
        const first = yield* Producer.make({ group: "first", metrics: false })
        const second = yield* Producer.make({ group: "second", metrics: false })
        return [first.clientId, second.clientId]
      }).pipe(Effect.scoped, Effect.provide(client))
      assert.strictEqual(ids[0], ids[1])
    }).pipe(Effect.provide(onPorts)))
})

describe("Producer.layerConfig", () => {
  it.live("reads what it needs from the environment", () =>
    Effect.gen(function*() {
      const rocketmq = yield* embedded
      const result = yield* Effect.provide(
        send,
        Layer.provide(
          Producer.layerConfig(),
          environment({
            ROCKETMQ_NAMESRV_ADDR: rocketmq.addresses().join(";"),
            ROCKETMQ_PRODUCER_GROUP: "shop",
            ROCKETMQ_NAMESPACE: "ns",
            ROCKETMQ_SEND_TIMEOUT: "5 seconds"
          })
        )
      )
      assert.strictEqual(rocketmq.messages("ns%orders")[0].messageId, result.messageId)
    }).pipe(Effect.provide(onPorts)))

  it.live("takes what it is given first", () =>
    Effect.gen(function*() {
      const rocketmq = yield* embedded
      const group = yield* Effect.provide(
        Producer.Producer.use((producer) => Effect.succeed(producer.group)),
        Layer.provide(
          Producer.layerConfig({ group: "given", timeout: undefined }),
          environment({ NAMESRV_ADDR: rocketmq.addresses().join(";"), ROCKETMQ_PRODUCER_GROUP: "read" })
        )
      )
      assert.strictEqual(group, "given")
    }).pipe(Effect.provide(onPorts)))

  it.effect("uses what is read: a delivery, a limit", () =>
    Effect.gen(function*() {
      const read = yield* Effect.provide(
        Effect.gen(function*() {
          return yield* Producer.config
        }),
        environment({
          ROCKETMQ_DELIVERY: "atMostOnce",
          ROCKETMQ_MAX_MESSAGE_SIZE: "100",
          ROCKETMQ_SEND_RETRIES: "7"
        })
      )
      assert.strictEqual(read.delivery, "atMostOnce")
      assert.strictEqual(read.maxMessageSize, 100)
      assert.strictEqual(read.retries, 7)
      assert.isUndefined(read.group)
    }))

  for (
    const [what, values, message] of [
      ["no group", {}, /ROCKETMQ_PRODUCER_GROUP/],
      ["a timeout of nothing", { ROCKETMQ_SEND_TIMEOUT: "0 millis" }, /ROCKETMQ_SEND_TIMEOUT/],
      ["retries below 0", { ROCKETMQ_SEND_RETRIES: "-1" }, /ROCKETMQ_SEND_RETRIES/],
      ["a limit of 0", { ROCKETMQ_MAX_MESSAGE_SIZE: "0" }, /ROCKETMQ_MAX_MESSAGE_SIZE/],
      ["another delivery", { ROCKETMQ_DELIVERY: "exactlyOnce" }, /atLeastOnce/]
    ] as const
  ) {
    it.effect(`fails with ConfigError for ${what}`, () =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(
          Effect.provide(
            send,
            Layer.provide(
              Producer.layerConfig(),
              environment({
                NAMESRV_ADDR: "127.0.0.1:1",
                ...(what === "no group" ? {} : { ROCKETMQ_PRODUCER_GROUP: "shop" }),
                ...values
              })
            )
          )
        )
        assert.instanceOf(error, Config.ConfigError)
        assert.match(error.message, message)
      }))
  }
})
