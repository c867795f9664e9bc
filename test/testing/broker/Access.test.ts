import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { AclCredentials } from "../../../src/protocol/AclSignature.ts"
import { signRequest } from "../../../src/protocol/AclSignature.ts"
import { LockBatchRequestBody } from "../../../src/protocol/body/LockBatch.ts"
import type { RemotingCommand } from "../../../src/protocol/RemotingCommand.ts"
import { RequestCode } from "../../../src/protocol/RequestCode.ts"
import { ResponseCode } from "../../../src/protocol/ResponseCode.ts"
import * as MemoryTransport from "../../../src/remoting/MemoryTransport.ts"
import type * as RemotingClient from "../../../src/remoting/RemotingClient.ts"
import type { RemotingRequest } from "../../../src/remoting/RemotingRequest.ts"
import type { BrokerUser } from "../../../src/testing/internal/broker/Broker.ts"
import { address, heartbeat, pullRequest, sendRequest, setup, subscription } from "./support.ts"

const live = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.provide(effect, MemoryTransport.layer)

const root: BrokerUser = { accessKey: "root", secretKey: "of all" }
const writer: BrokerUser = { accessKey: "writer", secretKey: "w", publish: ["orders", "log-*"] }
const reader: BrokerUser = { accessKey: "reader", secretKey: "r", subscribe: ["orders", "readers"] }

const users = [root, writer, reader]

const as = (client: RemotingClient.Service, user: AclCredentials, request: RemotingRequest) =>
  client.invoke(address, { ...request, extFields: signRequest(request.extFields ?? {}, request.body, user) })

const refused = (answer: RemotingCommand, remark: string) =>
  assert.deepStrictEqual([answer.code, answer.remark], [ResponseCode.NO_PERMISSION, remark])

const denied = (answer: RemotingCommand, user: string, key: string) => {
  assert.strictEqual(answer.code, ResponseCode.NO_PERMISSION)
  assert.match(
    answer.remark ?? "",
    new RegExp(
      `^User:${user} has no permission to access ${key.replace("*", "\\*")} from \\S+, no matched policies\\.$`
    )
  )
}

describe("a broker with users", () => {
  it.effect("asks who it is, and for a signature that is right", () =>
    Effect.gen(function*() {
      const { client, store } = yield* setup({ users })
      const request = sendRequest("orders", "x")
      refused(yield* client.invoke(address, request), "username cannot be null.")
      refused(yield* as(client, { accessKey: "nobody", secretKey: "x" }, request), "User:nobody is not found.")
      refused(yield* as(client, { accessKey: "root", secretKey: "wrong" }, request), "check signature failed.")
      const signed = signRequest(request.extFields, request.body, root)
      refused(
        yield* client.invoke(address, { ...request, extFields: { ...signed, a: "other" } }),
        "check signature failed."
      )
      refused(
        yield* client.invoke(address, { ...request, extFields: signed, body: Buffer.from("other") }),
        "check signature failed."
      )
      const { Signature: _, ...unsigned } = signed
      refused(yield* client.invoke(address, { ...request, extFields: unsigned }), "check signature failed.")
      assert.isUndefined(store.topics.get("orders"))
      assert.strictEqual((yield* as(client, root, request)).code, 0)
    }).pipe(live))

  it.effect("lets them do what they may", () =>
    Effect.gen(function*() {
      const { broker, client } = yield* setup({ users })
      broker.createTopic("orders")
      broker.createTopic("log-1")
      broker.createTopic("bills")
      assert.strictEqual((yield* as(client, writer, sendRequest("orders", "x"))).code, 0)
      assert.strictEqual((yield* as(client, writer, sendRequest("log-1", "x"))).code, 0)
      denied(yield* as(client, writer, sendRequest("bills", "x")), "writer", "Topic:bills")
      denied(yield* as(client, writer, pullRequest("orders")), "writer", "Topic:orders")
      assert.strictEqual((yield* as(client, reader, pullRequest("orders"))).code, 0)
      denied(yield* as(client, reader, pullRequest("bills")), "reader", "Topic:bills")
      denied(yield* as(client, reader, pullRequest("orders", { consumerGroup: "others" })), "reader", "Group:others")
      denied(yield* as(client, reader, sendRequest("orders", "x")), "reader", "Topic:orders")
    }).pipe(live))

  it.effect("looks into heartbeats and locks", () =>
    Effect.gen(function*() {
      const { broker, client } = yield* setup({ users })
      broker.createTopic("orders")
      const beat = (group: string, topic: string) => heartbeat({ consumers: { [group]: [subscription(topic)] } })
      assert.strictEqual((yield* as(client, reader, beat("readers", "orders"))).code, 0)
      assert.strictEqual((yield* as(client, reader, beat("readers", "%RETRY%readers"))).code, 0)
      denied(yield* as(client, reader, beat("others", "orders")), "reader", "Group:others")
      denied(yield* as(client, reader, beat("readers", "bills")), "reader", "Topic:bills")
      const lock = (topic: string) => ({
        code: RequestCode.LOCK_BATCH_MQ,
        body: LockBatchRequestBody.encode({
          consumerGroup: "readers",
          clientId: "one",
          mqSet: [{ topic, brokerName: "broker-a", queueId: 0 }],
          onlyThisBroker: false
        })
      })
      assert.strictEqual((yield* as(client, reader, lock("orders"))).code, 0)
      denied(yield* as(client, reader, lock("bills")), "reader", "Topic:bills")
    }).pipe(live))

  it.effect("leaves its administration to super users", () =>
    Effect.gen(function*() {
      const { client } = yield* setup({ users: [...users, { ...writer, accessKey: "boss", superUser: true }] })
      const config = { code: RequestCode.GET_BROKER_CONFIG }
      denied(yield* as(client, writer, config), "writer", "Cluster:*")
      assert.strictEqual((yield* as(client, root, config)).code, 0)
      assert.strictEqual((yield* as(client, { accessKey: "boss", secretKey: "w" }, config)).code, 0)
    }).pipe(live))

  it.effect("does not choke on bodies that are none", () =>
    Effect.gen(function*() {
      const { client } = yield* setup({ users })
      const answer = yield* as(client, reader, { code: RequestCode.HEART_BEAT, body: Buffer.from("[") })
      assert.strictEqual(answer.code, ResponseCode.SYSTEM_ERROR)
      assert.strictEqual(
        (yield* as(client, reader, { code: RequestCode.LOCK_BATCH_MQ })).code,
        ResponseCode.SYSTEM_ERROR
      )
    }).pipe(live))
})
