/** What a real broker 5.5.0 does with requests that are not quite what they should be; see `test/rocketmq/Differential.test.ts`. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { RequestCode } from "../../../src/protocol/RequestCode.ts"
import { ResponseCode } from "../../../src/protocol/ResponseCode.ts"
import * as MemoryTransport from "../../../src/remoting/MemoryTransport.ts"
import type { RemotingRequest } from "../../../src/remoting/RemotingRequest.ts"
import { address, sendRequest, setup } from "./support.ts"

/** The code of the answer. */
const codeOf = (request: RemotingRequest, before: ReadonlyArray<RemotingRequest> = []) =>
  Effect.gen(function*() {
    const { client } = yield* setup()
    for (const one of before) yield* client.invoke(address, one)
    return (yield* client.invoke(address, request)).code
  }).pipe(Effect.provide(MemoryTransport.layer))

const without = (request: RemotingRequest, ...names: ReadonlyArray<string>): RemotingRequest => ({
  ...request,
  extFields: Object.fromEntries(Object.entries(request.extFields ?? {}).filter(([name]) => !names.includes(name)))
})

const withFields = (request: RemotingRequest, fields: Readonly<Record<string, string>>): RemotingRequest => ({
  ...request,
  extFields: { ...request.extFields, ...fields }
})

const sent = sendRequest("orders", "body")

const pop: RemotingRequest = {
  code: RequestCode.POP_MESSAGE,
  extFields: { consumerGroup: "readers", topic: "orders", queueId: "0", maxMsgNums: "1", initMode: "0" }
}

const commit = (group: string): RemotingRequest => ({
  code: RequestCode.UPDATE_CONSUMER_OFFSET,
  extFields: { consumerGroup: group, topic: "orders", queueId: "0", commitOffset: "1" }
})

const remove = (groupName: string, cleanOffset: boolean): RemotingRequest => ({
  code: RequestCode.DELETE_SUBSCRIPTIONGROUP,
  extFields: { groupName, cleanOffset: String(cleanOffset) }
})

describe("requests that lack something", () => {
  it.effect("are sends to a topic that exists, without the template and its queues", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* codeOf(without(sent, "a", "c", "d"), [sent]), ResponseCode.SUCCESS)
      assert.strictEqual(yield* codeOf(withFields(sent, { d: "many" }), [sent]), ResponseCode.SYSTEM_ERROR)
    }))

  it.effect("are pops without times", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* codeOf(pop, [sent]), ResponseCode.SUCCESS)
      assert.strictEqual(yield* codeOf(withFields(pop, { maxMsgNums: "-1" }), [sent]), ResponseCode.SYSTEM_ERROR)
    }))

  it.effect("are searches by time with a boundary that is none", () =>
    Effect.gen(function*() {
      const search = {
        code: RequestCode.SEARCH_OFFSET_BY_TIMESTAMP,
        extFields: { topic: "orders", queueId: "0", timestamp: "0", boundaryType: "MIDDLE" }
      }
      assert.strictEqual(yield* codeOf(search, [sent]), ResponseCode.SUCCESS)
      assert.strictEqual(
        yield* codeOf(withFields(search, { timestamp: "99999999999999999999" }), [sent]),
        ResponseCode.SYSTEM_ERROR
      )
    }))

  it.effect("are ends of transactions that say neither, which is an error", () =>
    Effect.gen(function*() {
      const end = {
        code: RequestCode.END_TRANSACTION,
        extFields: {
          producerGroup: "producers",
          tranStateTableOffset: "0",
          commitLogOffset: "0",
          commitOrRollback: "7",
          msgId: "id"
        }
      }
      assert.strictEqual(yield* codeOf(end, [sent]), ResponseCode.SYSTEM_ERROR)
    }))
})

describe("a group that is deleted", () => {
  it.effect("is gone if its offsets go too", () =>
    Effect.gen(function*() {
      const code = yield* codeOf(commit("readers"), [sent, remove("readers", true)])
      assert.strictEqual(code, ResponseCode.SUBSCRIPTION_GROUP_NOT_EXIST)
    }))

  it.effect("is made anew if they do not", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* codeOf(commit("readers"), [sent, remove("readers", false)]), ResponseCode.SUCCESS)
    }))
})

describe("answers", () => {
  it.effect("of pops that are refused have the numbers of those that are not", () =>
    Effect.gen(function*() {
      const { client } = yield* setup()
      const { code, extFields } = yield* client.invoke(address, pop)
      assert.deepStrictEqual({ code, extFields: { ...extFields } }, {
        code: ResponseCode.TOPIC_NOT_EXIST,
        extFields: { popTime: "0", invisibleTime: "0", reviveQid: "0", restNum: "0" }
      })
    }).pipe(Effect.provide(MemoryTransport.layer)))
})
