import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { QueryAssignmentRequestBody, QueryAssignmentResponseBody } from "../../../src/protocol/body/QueryAssignment.ts"
import { RequestCode } from "../../../src/protocol/RequestCode.ts"
import * as RemotingClient from "../../../src/remoting/RemotingClient.ts"
import { EmbeddedRocketMQ } from "../../../src/testing/EmbeddedRocketMQ.ts"
import { inMemory } from "../support.ts"
import { heartbeat, subscription } from "./support.ts"

const assigned = (broker: string, topic: string, clientId = "one") =>
  Effect.gen(function*() {
    const client = yield* RemotingClient.RemotingClient
    const rocketmq = yield* EmbeddedRocketMQ
    const answer = yield* client.invoke(rocketmq.broker(broker).address, {
      code: RequestCode.QUERY_ASSIGNMENT,
      body: QueryAssignmentRequestBody.encode({
        topic,
        consumerGroup: "readers",
        clientId,
        strategyName: "AVG",
        messageModel: "CLUSTERING"
      })
    })
    const body = QueryAssignmentResponseBody.decode(answer.body)
    if ("detail" in body) return assert.fail(body.detail)
    return body.messageQueueAssignments?.map(({ messageQueue }) =>
      `${messageQueue?.brokerName}:${messageQueue?.queueId}`
    )
  })

const online = (broker: string) =>
  Effect.gen(function*() {
    const client = yield* RemotingClient.RemotingClient
    const rocketmq = yield* EmbeddedRocketMQ
    yield* client.invoke(
      rocketmq.broker(broker).address,
      heartbeat({ clientID: "one", consumers: { readers: [subscription("Orders")] } })
    )
  })

describe("any broker of a cluster", () => {
  it.effect("divides the queues of all that run", () =>
    Effect.gen(function*() {
      yield* online("broker-b")
      assert.deepStrictEqual(yield* assigned("broker-b", "Orders"), [
        "broker-a:0",
        "broker-a:1",
        "broker-b:0",
        "broker-b:1"
      ])
      assert.deepStrictEqual(yield* assigned("broker-b", "Closed"), undefined)
      const rocketmq = yield* EmbeddedRocketMQ
      yield* rocketmq.broker("broker-a").stop
      assert.deepStrictEqual(yield* assigned("broker-b", "Orders"), ["broker-b:0", "broker-b:1"])
    }).pipe(Effect.provide(inMemory({
      brokers: 2,
      topics: [{ name: "Orders", queues: 2 }, { name: "Closed", queues: 2, permission: "write" }]
    }))))
})
