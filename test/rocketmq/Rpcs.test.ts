import { assert, layer } from "@effect/vitest"
import type { RemotingCommand, SerializeType } from "effect-rocketmq/protocol/RemotingCommand"
import { ResponseCode } from "effect-rocketmq/protocol/ResponseCode"
import * as RemotingClient from "effect-rocketmq/remoting/RemotingClient"
import * as Effect from "effect/Effect"
import * as Broker from "./harness/Broker.ts"
import * as Cluster from "./harness/Cluster.ts"
import * as Requests from "./harness/Requests.ts"
import type { RocketmqVersion } from "./harness/Toolchain.ts"

const text = ({ body }: RemotingCommand): string => Buffer.from(body ?? []).toString("utf8")

const serializations: ReadonlyArray<SerializeType> = ["JSON", "ROCKETMQ"]

interface Addresses {
  /** Whom to ask for routes. */
  readonly routes: string
  /** Where to send messages and heartbeats. */
  readonly messages: string
}

/** The header of an answer: 5.x answers in JSON whatever it was asked in, 4.x as it was asked. */
const answeredIn = (version: RocketmqVersion, asked: SerializeType): SerializeType =>
  version === "4.9.7" ? asked : "JSON"

const scenario = (version: RocketmqVersion, serialization: SerializeType, { messages, routes }: Addresses) =>
  Effect.gen(function*() {
    const client = yield* RemotingClient.RemotingClient
    const topic = `rpcs-${serialization}-${messages.replace(/\D/g, "")}`
    const group = {
      clientId: `127.0.0.1@${topic}`,
      producerGroup: "suite-producers",
      consumerGroup: `consumers-of-${topic}`,
      topic
    }
    const header = answeredIn(version, serialization)
    yield* Broker.createTopic(topic, yield* Cluster.Cluster)

    const unknown = yield* client.invoke(routes, Requests.route(`${topic}-nowhere`))
    assert.strictEqual(unknown.code, ResponseCode.TOPIC_NOT_EXIST)
    assert.strictEqual(unknown.serialization, header)
    assert.include(unknown.remark, `${topic}-nowhere`)

    const stored = yield* client.invoke(
      messages,
      Requests.send(topic, Buffer.from("größer als 日本"), "TAGS\u0001red\u0002")
    )
    assert.strictEqual(stored.code, ResponseCode.SUCCESS, stored.remark)
    assert.strictEqual(stored.serialization, header)
    assert.strictEqual(stored.extFields.queueOffset, "0")

    const found = yield* client.invoke(routes, Requests.route(topic))
    assert.strictEqual(found.code, ResponseCode.SUCCESS, found.remark)
    assert.strictEqual(found.serialization, header)
    assert.deepInclude(JSON.parse(text(found)).brokerDatas[0], {
      brokerName: Requests.brokerName,
      brokerAddrs: { 0: messages }
    })

    const alive = yield* client.invoke(messages, Requests.heartbeat(group))
    assert.strictEqual(alive.code, ResponseCode.SUCCESS, alive.remark)
    const members = yield* client.invoke(messages, Requests.consumers(group.consumerGroup))
    assert.deepStrictEqual(JSON.parse(text(members)), { consumerIdList: [group.clientId] })

    const left = yield* client.invoke(messages, Requests.unregister(group))
    assert.strictEqual(left.code, ResponseCode.SUCCESS, left.remark)
    const nobody = yield* client.invoke(messages, Requests.consumers(group.consumerGroup))
    assert.notInclude(text(nobody), group.clientId)

    return stored
  }).pipe(Effect.provide(RemotingClient.layerWith({ serialization })))

for (const version of ["5.5.0", "4.9.7"] as const) {
  layer(Cluster.layer(version), { timeout: "3 minutes", excludeTestServices: true })(
    `name server and broker ${version}`,
    (it) => {
      for (const serialization of serializations) {
        it.effect(`answer route, send, heartbeat and unregister with ${serialization} headers`, () =>
          Effect.gen(function*() {
            const { broker, nameServer } = yield* Cluster.Cluster
            const stored = yield* scenario(version, serialization, {
              routes: nameServer.address,
              messages: broker.address
            })
            const client = yield* RemotingClient.RemotingClient
            const message = yield* client.invoke(broker.address, Requests.viewMessage(stored.extFields.msgId!))
            assert.include(text(message), "größer als 日本")
          }).pipe(Effect.provide(RemotingClient.layer)))
      }

      it.effect("do not care which language a client names", () =>
        Effect.gen(function*() {
          const { broker } = yield* Cluster.Cluster
          const client = yield* RemotingClient.RemotingClient
          const answer = yield* client.invoke(broker.address, Requests.send("rpcs-language", Buffer.from("x")))
          assert.strictEqual(answer.code, ResponseCode.SUCCESS, answer.remark)
        }).pipe(Effect.provide(RemotingClient.layerWith({ language: 13 }))))

      if (version === "5.5.0") {
        it.layer(Cluster.proxyLayer, { timeout: "3 minutes" })("behind a proxy 5.5.0", (it) => {
          for (const serialization of serializations) {
            it.effect(`answer route, send, heartbeat and unregister with ${serialization} headers`, () =>
              Effect.gen(function*() {
                const proxy = yield* Cluster.ProxyServer
                const { broker } = yield* Cluster.Cluster
                const stored = yield* scenario(version, serialization, {
                  routes: proxy.address,
                  messages: proxy.address
                })
                const client = yield* RemotingClient.RemotingClient
                const message = yield* client.invoke(broker.address, Requests.viewMessage(stored.extFields.msgId!))
                assert.include(text(message), "größer als 日本")
              }).pipe(Effect.provide(RemotingClient.layer)))
          }
        })
      }
    }
  )
}
