import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { isViolation } from "../../../src/protocol/header/HeaderCodec.ts"
import {
  CheckTransactionStateRequestHeader,
  CommitOrRollback,
  EndTransactionRequestHeader
} from "../../../src/protocol/header/Transaction.ts"
import * as MessageId from "../../../src/protocol/message/MessageId.ts"
import * as MessageProperties from "../../../src/protocol/message/MessageProperties.ts"
import type { RemotingCommand } from "../../../src/protocol/RemotingCommand.ts"
import { RequestCode } from "../../../src/protocol/RequestCode.ts"
import { ResponseCode } from "../../../src/protocol/ResponseCode.ts"
import * as MemoryTransport from "../../../src/remoting/MemoryTransport.ts"
import type * as RemotingClient from "../../../src/remoting/RemotingClient.ts"
import { pass, settle, start } from "../../remoting/support.ts"
import { address, anotherClient, bodies, heartbeat, inQueue, messages, sendRequest, setup, stored } from "./support.ts"

const live = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.provide(effect, MemoryTransport.layer)

const half = (client: RemotingClient.Service, body: string, properties?: Record<string, string>) =>
  stored(client, "orders", body, { properties: { TRAN_MSG: "true", PGROUP: "producers", ...properties } })

type Place = Effect.Success<ReturnType<typeof half>>

const end = (
  client: RemotingClient.Service,
  place: Place,
  commitOrRollback: number,
  more?: Partial<EndTransactionRequestHeader>
) =>
  client.invoke(address, {
    code: RequestCode.END_TRANSACTION,
    extFields: EndTransactionRequestHeader.encode({
      topic: "orders",
      producerGroup: "producers",
      tranStateTableOffset: place.queueOffset,
      commitLogOffset: MessageId.parseOffsetId(place.msgId)!.offset,
      commitOrRollback,
      fromTransactionCheck: false,
      msgId: place.transactionId!,
      ...more
    })
  })

/** The questions that a client is asked. */
const questions = (client: RemotingClient.Service) =>
  Effect.gen(function*() {
    const asked: Array<RemotingCommand> = []
    yield* client.handle(RequestCode.CHECK_TRANSACTION_STATE, (request) =>
      Effect.sync(() => {
        asked.push(request)
        return undefined
      }))
    yield* client.invoke(address, heartbeat({ producers: ["producers"] }))
    return asked
  })

const question = (request: RemotingCommand): CheckTransactionStateRequestHeader => {
  const header = CheckTransactionStateRequestHeader.decode(request.extFields)
  return isViolation(header) ? assert.fail(header.detail) : header
}

describe("a half message", () => {
  it.effect("is seen when it is committed", () =>
    Effect.gen(function*() {
      const { client, store } = yield* setup()
      const place = yield* half(client, "paid", { TAGS: "a" })
      assert.deepStrictEqual(inQueue(store, "orders"), [])
      assert.deepStrictEqual(inQueue(store, "RMQ_SYS_TRANS_HALF_TOPIC"), ["paid"])
      const answer = yield* end(client, place, CommitOrRollback.commit)
      assert.strictEqual(answer.code, 0, answer.remark)
      assert.deepStrictEqual(inQueue(store, "orders"), ["paid"])
      const message = store.messageIn("orders", 0, 0)!
      assert.strictEqual(message.sysFlag, 8)
      assert.strictEqual(message.preparedTransactionOffset, MessageId.parseOffsetId(place.msgId)!.offset)
      assert.strictEqual(message.properties.UNIQ_KEY, place.transactionId)
      assert.strictEqual(store.halves.size, 0)
    }).pipe(live))

  it.effect("is never seen when it is rolled back", () =>
    Effect.gen(function*() {
      const { client, store } = yield* setup()
      const place = yield* half(client, "void")
      assert.strictEqual((yield* end(client, place, CommitOrRollback.rollback)).code, 0)
      yield* pass("5 minutes")
      assert.deepStrictEqual(inQueue(store, "orders"), [])
      assert.strictEqual(store.halves.size, 0)
    }).pipe(live))

  it.effect("is not settled by who says not to know, and that is not answered", () =>
    Effect.gen(function*() {
      const { client, store } = yield* setup()
      const place = yield* half(client, "open")
      const fiber = yield* start(end(client, place, CommitOrRollback.unknown))
      yield* pass("4 seconds")
      assert.strictEqual((yield* Fiber.await(fiber))._tag, "Failure")
      assert.strictEqual(store.halves.size, 1)
    }).pipe(live))

  for (
    const [name, more, remark] of [
      ["of another group", { producerGroup: "others" }, "The producer group wrong"],
      ["at another offset of the queue", { tranStateTableOffset: 9 }, "The transaction state table offset wrong"],
      ["at another offset of the log", { commitLogOffset: 1 }, "Find prepared transaction message failed"]
    ] as const
  ) {
    it.effect(`is not settled by who speaks of one ${name}`, () =>
      Effect.gen(function*() {
        const { client, store } = yield* setup()
        const place = yield* half(client, "open")
        const answer = yield* end(client, place, CommitOrRollback.commit, more)
        assert.strictEqual(answer.code, ResponseCode.SYSTEM_ERROR)
        assert.strictEqual(answer.remark, remark)
        assert.deepStrictEqual(inQueue(store, "orders"), [])
      }).pipe(live))
  }

  it.effect("that is delayed waits once it is committed", () =>
    Effect.gen(function*() {
      const { client, store } = yield* setup()
      const place = yield* half(client, "later", { TIMER_DELAY_MS: "0" })
      assert.strictEqual((yield* end(client, place, CommitOrRollback.commit)).code, 0)
      assert.deepStrictEqual(inQueue(store, "orders"), ["later"])
    }).pipe(live))
})

describe("a producer is asked", () => {
  it.effect("about a half message of 6 seconds, every half minute, at its new place each time", () =>
    Effect.gen(function*() {
      const { client, store } = yield* setup()
      const asked = yield* questions(client)
      const place = yield* half(client, "open")
      yield* pass("29999 millis")
      assert.strictEqual(asked.length, 0)
      yield* pass("1 millis")
      assert.strictEqual(asked.length, 1)
      const first = question(asked[0]!)
      assert.strictEqual(first.msgId, place.transactionId)
      assert.strictEqual(first.tranStateTableOffset, 1)
      const [body] = messages(asked[0]!)
      assert.deepStrictEqual(bodies([body!]), ["open"])
      assert.strictEqual(body!.topic, "orders")
      assert.strictEqual(body!.properties.TRANSACTION_CHECK_TIMES, "1")
      yield* pass("30 seconds")
      assert.strictEqual(asked.length, 2)
      const second = question(asked[1]!)
      assert.strictEqual(second.tranStateTableOffset, 2)
      const answer = yield* end(client, place, CommitOrRollback.commit, {
        tranStateTableOffset: second.tranStateTableOffset,
        commitLogOffset: second.commitLogOffset,
        fromTransactionCheck: true
      })
      assert.strictEqual(answer.code, 0, answer.remark)
      assert.deepStrictEqual(inQueue(store, "orders"), ["open"])
      yield* pass("1 minutes")
      assert.strictEqual(asked.length, 2)
    }).pipe(live))

  it.effect("not while the message is young", () =>
    Effect.gen(function*() {
      const { client } = yield* setup()
      const asked = yield* questions(client)
      yield* pass("25 seconds")
      yield* stored(client, "orders", "young", {
        properties: { TRAN_MSG: "true", PGROUP: "producers" },
        header: { bornTimestamp: 25_000 }
      })
      yield* pass("5 seconds")
      assert.strictEqual(asked.length, 0)
      yield* pass("30 seconds")
      assert.strictEqual(asked.length, 1)
    }).pipe(live))

  it.effect("not before the time that the message names, and its word is late after that", () =>
    Effect.gen(function*() {
      const { client } = yield* setup()
      const asked = yield* questions(client)
      const place = yield* half(client, "immune", { CHECK_IMMUNITY_TIME_IN_SECONDS: "50" })
      yield* pass("30 seconds")
      assert.strictEqual(asked.length, 0)
      yield* pass("30 seconds")
      assert.strictEqual(asked.length, 1)
      assert.strictEqual((yield* end(client, place, CommitOrRollback.commit)).code, ResponseCode.ILLEGAL_OPERATION)
    }).pipe(live))

  it.effect("fifteen times, and then the message is put aside", () =>
    Effect.gen(function*() {
      const { client, store } = yield* setup()
      const asked = yield* questions(client)
      yield* half(client, "forgotten")
      for (let round = 0; round < 20; round++) {
        yield* pass("30 seconds")
        yield* client.invoke(address, heartbeat({ producers: ["producers"] }))
      }
      assert.strictEqual(asked.length, 15)
      assert.deepStrictEqual(inQueue(store, "TRANS_CHECK_MAX_TIME_TOPIC"), ["forgotten"])
      assert.strictEqual(store.halves.size, 0)
    }).pipe(live))

  it.effect("only where one of the group is connected", () =>
    Effect.gen(function*() {
      const { client, store } = yield* setup()
      yield* half(client, "orphan")
      yield* pass("1 minutes")
      assert.strictEqual(store.messageIn("RMQ_SYS_TRANS_HALF_TOPIC", 0, 2)?.properties.TRANSACTION_CHECK_TIMES, "2")
      const asked = yield* questions(yield* anotherClient())
      yield* pass("30 seconds")
      assert.strictEqual(asked.length, 1)
    }).pipe(live))
})

describe("an answer of request and reply", () => {
  const reply = (properties: Record<string, string>) => ({
    ...sendRequest("DefaultCluster_REPLY_TOPIC", "pong", { properties: { MSG_TYPE: "reply", ...properties } }),
    code: RequestCode.SEND_REPLY_MESSAGE_V2
  })

  it.effect("is pushed to who asked, and stored", () =>
    Effect.gen(function*() {
      const { client, store } = yield* setup()
      const pushed: Array<RemotingCommand> = []
      yield* client.handle(RequestCode.PUSH_REPLY_MESSAGE_TO_CLIENT, (request) =>
        Effect.sync(() => {
          pushed.push(request)
          return {}
        }))
      yield* client.invoke(address, heartbeat({ clientID: "asker", producers: ["producers"] }))
      const replier = yield* anotherClient()
      const answer = yield* replier.invoke(address, reply({ REPLY_TO_CLIENT: "asker", CORRELATION_ID: "7" }))
      assert.strictEqual(answer.code, 0, answer.remark)
      assert.strictEqual(Buffer.from(pushed[0]!.body!).toString(), "pong")
      const properties = MessageProperties.decode(pushed[0]!.extFields.properties!)
      assert.strictEqual(properties.CORRELATION_ID, "7")
      assert.strictEqual(properties.PUSH_REPLY_TIME, "0")
      assert.strictEqual(pushed[0]!.extFields.bornHost, "127.0.0.1:40001")
      assert.deepStrictEqual(inQueue(store, "DefaultCluster_REPLY_TOPIC"), ["pong"])
    }).pipe(live))

  for (
    const [name, properties, remark] of [
      ["is nowhere", { REPLY_TO_CLIENT: "nobody" }, "push reply message fail, channel of <nobody> not found."],
      ["is not named", {}, "reply message properties[REPLY_TO_CLIENT] is null"],
      ["does not take it", { REPLY_TO_CLIENT: "asker" }, "push reply message to askerfail."]
    ] as const
  ) {
    it.effect(`fails when who asked ${name}`, () =>
      Effect.gen(function*() {
        const { client } = yield* setup()
        yield* client.invoke(address, heartbeat({ clientID: "asker", producers: ["producers"] }))
        const answer = yield* client.invoke(address, reply(properties))
        assert.strictEqual(answer.code, ResponseCode.SYSTEM_ERROR)
        assert.strictEqual(answer.remark, remark)
      }).pipe(live))
  }

  it.effect("waits for who asked no longer than ten seconds", () =>
    Effect.gen(function*() {
      const { client } = yield* setup()
      yield* client.handle(RequestCode.PUSH_REPLY_MESSAGE_TO_CLIENT, () => Effect.never)
      yield* client.invoke(address, heartbeat({ clientID: "asker", producers: ["producers"] }))
      const fiber = yield* start(
        client.invoke(address, reply({ REPLY_TO_CLIENT: "asker" }), { timeout: "30 seconds" })
      )
      yield* pass("10 seconds")
      yield* settle
      assert.strictEqual((yield* Fiber.join(fiber)).code, ResponseCode.SYSTEM_ERROR)
    }).pipe(live))
})
