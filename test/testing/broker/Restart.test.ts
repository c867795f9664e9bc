import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"
import { encodeCheckpoint } from "../../../src/protocol/header/ExtraInfo.ts"
import { AckMessageRequestHeader, PopMessageRequestHeader } from "../../../src/protocol/header/PopMessage.ts"
import { PullMessageResponseHeader, PullSysFlag } from "../../../src/protocol/header/PullMessage.ts"
import { CommitOrRollback, EndTransactionRequestHeader } from "../../../src/protocol/header/Transaction.ts"
import * as MessageId from "../../../src/protocol/message/MessageId.ts"
import { RequestCode } from "../../../src/protocol/RequestCode.ts"
import { ResponseCode } from "../../../src/protocol/ResponseCode.ts"
import * as MemoryTransport from "../../../src/remoting/MemoryTransport.ts"
import type * as RemotingClient from "../../../src/remoting/RemotingClient.ts"
import * as RemotingServer from "../../../src/remoting/RemotingServer.ts"
import * as Broker from "../../../src/testing/internal/broker/Broker.ts"
import { pass, settle } from "../../remoting/support.ts"
import {
  address,
  bodies,
  decoded,
  heartbeat,
  inQueue,
  messages,
  pullRequest,
  receipt,
  sendRequest,
  setup,
  stored
} from "./support.ts"

const live = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.provide(effect, MemoryTransport.layer)

/** A life of a broker: what is done while it lives. */
const life = <A, E, R>(
  store: Broker.Broker["store"],
  use: (given: Effect.Success<ReturnType<typeof setup>>) => Effect.Effect<A, E, R>,
  settings?: Broker.BrokerOptions["settings"]
) => Effect.scoped(Effect.flatMap(setup({ store, settings }), use))

const pop = (client: RemotingClient.Service, order: boolean) =>
  client.invoke(address, {
    code: RequestCode.POP_MESSAGE,
    extFields: PopMessageRequestHeader.encode({
      consumerGroup: "readers",
      topic: "orders",
      queueId: 0,
      maxMsgNums: 1,
      invisibleTime: 10_000,
      pollTime: 0,
      bornTime: 0,
      initMode: 0,
      order
    })
  })

describe("a broker that has been restarted", () => {
  it.effect("has its messages, topics and offsets", () =>
    Effect.gen(function*() {
      const store = yield* Broker.makeStore
      yield* life(store, ({ broker, client }) =>
        Effect.gen(function*() {
          broker.createTopic("bills", { queues: 3 })
          yield* stored(client, "orders", "x", { properties: { KEYS: "k" } })
          store.offsets.commit("readers", "orders", 0, 1)
        }))
      yield* life(store, ({ broker, client }) =>
        Effect.gen(function*() {
          assert.strictEqual(store.topics.get("bills")?.readQueueNums, 3)
          assert.include(broker.registration().topicConfigTable.map(({ topicName }) => topicName), "orders")
          assert.deepStrictEqual(bodies(messages(yield* client.invoke(address, pullRequest("orders")))), ["x"])
          assert.strictEqual((yield* stored(client, "orders", "y")).queueOffset, 1)
          assert.strictEqual(store.offsets.query("readers", "orders", 0), 1)
          assert.deepStrictEqual(broker.consumers("readers"), [])
        }))
    }).pipe(live))

  it.effect("delivers what is due later, once, and at once what was due meanwhile", () =>
    Effect.gen(function*() {
      const store = yield* Broker.makeStore
      yield* life(store, ({ client }) =>
        Effect.gen(function*() {
          yield* stored(client, "orders", "level", { properties: { DELAY: "3" } })
          yield* stored(client, "orders", "early level", { properties: { DELAY: "2" } })
          yield* stored(client, "bills", "timer", { properties: { TIMER_DELAY_SEC: "10" } })
          yield* stored(client, "bills", "early timer", { properties: { TIMER_DELAY_SEC: "5" } })
          yield* pass("2 seconds")
        }))
      yield* TestClock.adjust("4 seconds")
      assert.isUndefined(store.findQueue("orders", 0))
      yield* life(store, ({ client }) =>
        Effect.gen(function*() {
          yield* settle
          yield* pass("1 millis")
          assert.deepStrictEqual(inQueue(store, "orders"), ["early level"])
          assert.deepStrictEqual(inQueue(store, "bills"), ["early timer"])
          yield* pass("3998 millis")
          assert.strictEqual(inQueue(store, "orders").length, 1)
          yield* pass("1500 millis")
          assert.deepStrictEqual(inQueue(store, "orders"), ["early level", "level"])
          assert.deepStrictEqual(inQueue(store, "bills"), ["early timer", "timer"])
          yield* stored(client, "orders", "now")
        }))
      yield* life(store, () => pass("1 minute"))
      assert.strictEqual(inQueue(store, "orders").length, 3)
      assert.strictEqual(inQueue(store, "bills").length, 2)
    }).pipe(live))

  it.effect("asks about half messages, and takes the answers", () =>
    Effect.gen(function*() {
      const store = yield* Broker.makeStore
      const places = yield* life(store, ({ client }) =>
        Effect.forEach(["one", "two"], (body) =>
          stored(client, "orders", body, { properties: { TRAN_MSG: "true", PGROUP: "producers" } })))
      assert.strictEqual(store.halves.size, 2)
      yield* life(store, ({ client }) =>
        Effect.gen(function*() {
          const asked: Array<string> = []
          yield* client.handle(RequestCode.CHECK_TRANSACTION_STATE, (request) =>
            Effect.sync(() => {
              asked.push(...bodies(messages(request)))
              return undefined
            }))
          yield* client.invoke(address, heartbeat({ producers: ["producers"] }))
          const { msgId, queueOffset, transactionId } = places[0]!
          const ended = yield* client.invoke(address, {
            code: RequestCode.END_TRANSACTION,
            extFields: EndTransactionRequestHeader.encode({
              topic: "orders",
              producerGroup: "producers",
              tranStateTableOffset: queueOffset,
              commitLogOffset: MessageId.parseOffsetId(msgId)!.offset,
              commitOrRollback: CommitOrRollback.commit,
              fromTransactionCheck: false,
              msgId: transactionId!
            })
          })
          assert.strictEqual(ended.code, 0)
          assert.deepStrictEqual(inQueue(store, "orders"), ["one"])
          yield* pass("2 minutes")
          assert.include(asked, "two")
          assert.notInclude(asked, "one")
        }))
    }).pipe(live))

  it.effect("knows what POP has handed out", () =>
    Effect.gen(function*() {
      const store = yield* Broker.makeStore
      const extraInfo = yield* life(store, ({ client }) =>
        Effect.gen(function*() {
          for (const body of ["one", "two", "three"]) yield* stored(client, "orders", body)
          const answer = yield* pop(client, false)
          assert.strictEqual(bodies(messages(yield* pop(client, false)))[0], "two")
          return encodeCheckpoint(receipt(answer, messages(answer)[0]!))
        }))
      yield* life(store, ({ client }) =>
        Effect.gen(function*() {
          const answer = yield* client.invoke(address, {
            code: RequestCode.ACK_MESSAGE,
            extFields: AckMessageRequestHeader.encode({
              consumerGroup: "readers",
              topic: "orders",
              queueId: 0,
              extraInfo,
              offset: 0
            })
          })
          assert.strictEqual(answer.code, 0, answer.remark)
          assert.strictEqual(bodies(messages(yield* pop(client, false)))[0], "three")
          yield* pass("11 seconds")
          // Those that nobody acknowledged come again, whoever handed them out.
          const again = [yield* pop(client, false), yield* pop(client, false)]
          assert.deepStrictEqual(again.flatMap((one) => bodies(messages(one))), ["two", "three"])
        }))
    }).pipe(live))

  it.effect("holds back what follows messages handed out in order", () =>
    Effect.gen(function*() {
      const store = yield* Broker.makeStore
      yield* life(store, ({ client }) =>
        Effect.gen(function*() {
          for (const body of ["one", "two"]) yield* stored(client, "orders", body)
          assert.deepStrictEqual(bodies(messages(yield* pop(client, true))), ["one"])
        }))
      yield* life(store, ({ client }) =>
        Effect.gen(function*() {
          assert.deepStrictEqual(bodies(messages(yield* pop(client, true))), [])
          yield* pass("11 seconds")
          assert.deepStrictEqual(bodies(messages(yield* pop(client, true))), ["one"])
        }))
    }).pipe(live))
})

describe("a slave", () => {
  const pair = Effect.gen(function*() {
    const given = yield* setup()
    const server = yield* RemotingServer.make({ host: "10.0.0.2", port: 10_911, metrics: false })
    const slave = yield* Broker.make({ server, store: given.store, id: 1, settings: { slaveReadEnable: true } })
    return { ...given, slave, other: slave.address }
  })

  it.effect("serves what its master stores, and stores nothing itself", () =>
    Effect.gen(function*() {
      const { client, other } = yield* pair
      yield* stored(client, "orders", "x")
      assert.deepStrictEqual(bodies(messages(yield* client.invoke(other, pullRequest("orders")))), ["x"])

      const sent = yield* client.invoke(other, sendRequest("orders", "y"))
      assert.strictEqual(sent.code, ResponseCode.SYSTEM_BUSY)
    }).pipe(live))

  it.effect("lets nobody wait", () =>
    Effect.gen(function*() {
      const { client, other } = yield* pair
      yield* stored(client, "orders", "x")
      const sysFlag = PullSysFlag.subscription | PullSysFlag.suspend
      const answer = yield* client.invoke(other, pullRequest("orders", { queueOffset: 1, sysFlag }))
      assert.strictEqual(answer.code, ResponseCode.PULL_RETRY_IMMEDIATELY)
    }).pipe(live))

  it.effect("leaves it to its master what happens by time", () =>
    Effect.gen(function*() {
      const { client, store } = yield* pair
      yield* stored(client, "orders", "late", { properties: { DELAY: "3" } })
      yield* pass("20 seconds")
      assert.deepStrictEqual(inQueue(store, "orders"), ["late"])
    }).pipe(live))

  it.effect("sends readers back to its master", () =>
    Effect.gen(function*() {
      const { client, other } = yield* pair
      yield* stored(client, "orders", "x")
      const { suggestWhichBrokerId } = decoded(
        PullMessageResponseHeader,
        yield* client.invoke(other, pullRequest("orders"))
      )
      assert.strictEqual(suggestWhichBrokerId, 0)
    }).pipe(live))
})
