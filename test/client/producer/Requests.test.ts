import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import * as Message from "../../../src/client/Message.ts"
import type { Reply } from "../../../src/client/ServerRequests.ts"
import * as Compression from "../../../src/protocol/message/Compression.ts"
import * as SysFlag from "../../../src/protocol/message/SysFlag.ts"
import { RequestCode } from "../../../src/protocol/RequestCode.ts"
import * as MemoryTransport from "../../../src/remoting/MemoryTransport.ts"
import type { Peer } from "../../../src/remoting/RemotingHandler.ts"
import { now, pass, settle, start } from "../../remoting/support.ts"
import { answer, pair, reasonOf, route, silence, single } from "./support.ts"

const message = { topic: "topic", body: "ping" }

const pushed = (properties: Record<string, string>, body: string | Uint8Array, sysFlag = 0): Reply => ({
  header: {
    producerGroup: "repliers",
    topic: "DefaultCluster_REPLY_TOPIC",
    defaultTopic: "TBW102",
    defaultTopicQueueNums: 4,
    queueId: 0,
    sysFlag,
    bornTimestamp: 11,
    flag: 3,
    properties: "",
    reconsumeTimes: 0,
    unitMode: false,
    bornHost: "/10.0.0.8:1",
    storeHost: "10.0.0.1:1",
    storeTimestamp: 12
  },
  properties,
  body: typeof body === "string" ? Buffer.from(body) : body,
  arrivedAt: 13,
  peer: { address: "10.0.0.1:1" } as Peer
})

type World = Effect.Success<ReturnType<typeof single>>

/** Replies to the last request. */
const reply = (w: World, body: string | Uint8Array, sysFlag?: number) =>
  Effect.gen(function*() {
    const id = w.a.sends.at(-1)!.properties.CORRELATION_ID
    w.serverRequests.expected.get(id)!(pushed({ CORRELATION_ID: id, UNIQ_KEY: "reply id", TAGS: "t" }, body, sysFlag))
    yield* settle
  })

describe("request", () => {
  it.effect("sends a message and succeeds with its reply", () =>
    Effect.gen(function*() {
      const w = yield* single()
      const fiber = yield* start(w.producer.request(message, { timeout: 1_500 }))
      yield* settle
      const { code, properties } = w.a.stored[0]
      assert.strictEqual(code, RequestCode.SEND_MESSAGE_V2)
      assert.match(properties.CORRELATION_ID, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
      assert.strictEqual(properties.REPLY_TO_CLIENT, "10.0.0.7@test")
      assert.strictEqual(properties.TTL, "1500")
      yield* reply(w, "pong")
      const received = yield* Fiber.join(fiber)
      assert.strictEqual(Message.text(received), "pong")
      assert.strictEqual(received.messageId, "reply id")
      assert.strictEqual(received.tags, "t")
      assert.strictEqual(received.bornHost, "10.0.0.8:1")
      assert.strictEqual(received.storeHost, "10.0.0.1:1")
      assert.strictEqual(received.flag, 3)
      assert.strictEqual(w.serverRequests.expected.size, 0)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("takes its correlation ids from Random", () =>
    Effect.gen(function*() {
      const id = Effect.gen(function*() {
        const w = yield* single()
        yield* start(w.producer.request(message))
        yield* settle
        return w.a.stored[0].properties.CORRELATION_ID
      }).pipe(Effect.scoped, Effect.provide(MemoryTransport.layerWith({})), Random.withSeed("seed"))
      assert.strictEqual(yield* id, yield* id)
    }))

  it.effect("inflates a reply that is compressed", () =>
    Effect.gen(function*() {
      const w = yield* single()
      const fiber = yield* start(w.producer.request(message))
      yield* settle
      yield* reply(w, Compression.compress("ZLIB", Buffer.from("pong".repeat(99))), SysFlag.compressionFlag("ZLIB"))
      assert.strictEqual(Message.text(yield* Fiber.join(fiber)), "pong".repeat(99))
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("fails with DecodeFailed when it cannot be inflated", () =>
    Effect.gen(function*() {
      const w = yield* single()
      const fiber = yield* start(reasonOf(w.producer.request(message)))
      yield* settle
      yield* reply(w, "pong", SysFlag.compressionFlag("ZLIB"))
      assert.strictEqual((yield* Fiber.join(fiber))._tag, "DecodeFailed")
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("fails with RequestTimeout when there is no reply in time, and expects none any more", () =>
    Effect.gen(function*() {
      const w = yield* single()
      const fiber = yield* start(reasonOf(w.producer.request(message, { timeout: "2 seconds" })))
      yield* pass("1999 millis")
      assert.isUndefined(fiber.pollUnsafe())
      assert.strictEqual(w.serverRequests.expected.size, 1)
      yield* pass("1 millis")
      const reason = yield* Fiber.join(fiber)
      assert(reason._tag === "RequestTimeout")
      assert.strictEqual(reason.topic, "topic")
      assert.strictEqual(reason.timeoutMillis, 2_000)
      assert.strictEqual(reason.correlationId, w.a.stored[0].properties.CORRELATION_ID)
      assert.strictEqual(reason.outcome, "Unknown")
      assert.strictEqual(w.serverRequests.expected.size, 0)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("fails as a send does when the request cannot be sent", () =>
    Effect.gen(function*() {
      const w = yield* single({}, () => answer(13))
      const reason = yield* reasonOf(w.producer.request(message))
      assert.strictEqual(reason._tag, "Refused")
      assert.strictEqual(w.serverRequests.expected.size, 0)
      assert.strictEqual((yield* reasonOf(w.producer.request({ topic: "topic", body: "" })))._tag, "InvalidMessage")
      assert.strictEqual((yield* reasonOf(w.producer.request({ topic: "none", body: "x" })))._tag, "TopicNotFound")
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("fails at its deadline when the request is not even acknowledged", () =>
    Effect.gen(function*() {
      const w = yield* single({}, () => silence)
      const fiber = yield* start(reasonOf(w.producer.request(message)))
      yield* pass("2999 millis")
      assert.isUndefined(fiber.pollUnsafe())
      yield* pass("1 millis")
      assert.include(["SendFailed", "DeadlineExceeded"], (yield* Fiber.join(fiber))._tag)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("tells which broker did not acknowledge it", () =>
    Effect.gen(function*() {
      const w = yield* single({}, () => silence)
      const fiber = yield* start(reasonOf(w.producer.request(message)))
      yield* pass("3 seconds")
      const reason = yield* Fiber.join(fiber)
      assert(reason._tag === "SendFailed")
      assert.strictEqual(reason.outcome, "Unknown")
      assert.deepStrictEqual(reason.attempts.map(({ brokerName }) => brokerName), ["a"])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("was not sent when its time was up before it was known where the topic is", () =>
    Effect.gen(function*() {
      const w = yield* single()
      w.routes.known.clear()
      w.routes.delayMillis = 60_000
      const fiber = yield* start(Effect.zip(reasonOf(w.producer.request(message)), now))
      yield* pass("10 seconds")
      const [reason, at] = yield* Fiber.join(fiber)
      assert.strictEqual(reason.outcome, "NotSent")
      assert.strictEqual(at, 3_000)
      assert.strictEqual(w.a.sends.length, 0)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("has what is left of its time for each part, and the rest for the reply", () =>
    Effect.gen(function*() {
      const w = yield* single()
      w.routes.known.clear()
      w.routes.delayMillis = 700
      w.a.control.delayMillis = 700
      const fiber = yield* start(Effect.zip(reasonOf(w.producer.request(message)), now))
      yield* pass("10 seconds")
      const [reason, at] = yield* Fiber.join(fiber)
      assert.strictEqual(reason._tag, "RequestTimeout")
      assert.strictEqual(at, 3_000)
      assert.strictEqual(w.a.stored.length, 1)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("takes a reply that overtakes the acknowledgement", () =>
    Effect.gen(function*() {
      const w = yield* single({}, () => silence)
      const fiber = yield* start(w.producer.request(message))
      yield* settle
      yield* reply(w, "pong")
      assert.strictEqual(Message.text(yield* Fiber.join(fiber)), "pong")
      assert.strictEqual((yield* w.producer.stats).inFlight, 0)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("expects nothing any more when it is interrupted", () =>
    Effect.gen(function*() {
      const w = yield* single()
      const fiber = yield* start(w.producer.request(message))
      yield* settle
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(w.serverRequests.expected.size, 0)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("goes to another broker like any message", () =>
    Effect.gen(function*() {
      const w = yield* pair({}, { a: () => answer(2), b: () => answer(2) })
      const fiber = yield* start(reasonOf(w.producer.request(message)))
      yield* pass("1 second")
      assert.strictEqual((yield* Fiber.join(fiber))._tag, "SendFailed")
      assert.strictEqual(
        new Set([...w.a.sends, ...w.b.sends].map(({ properties }) => properties.CORRELATION_ID)).size,
        1
      )
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("looks for the route of the reply topic, so that its brokers know this client", () =>
    Effect.gen(function*() {
      const w = yield* single()
      yield* start(w.producer.request(message))
      yield* settle
      assert.deepStrictEqual(w.routes.gets, ["topic", "DefaultCluster_REPLY_TOPIC"])
      w.routes.set(route("DefaultCluster_REPLY_TOPIC", [{ name: "a", port: 1 }]))
      yield* start(w.producer.request(message))
      yield* settle
      assert.deepStrictEqual(w.routes.gets, ["topic", "DefaultCluster_REPLY_TOPIC", "topic"])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("is NotSupported through a proxy, before anything is sent, and asks it once", () =>
    Effect.gen(function*() {
      const w = yield* single()
      yield* w.a.handle(RequestCode.GET_EARLIEST_MSG_STORETIME, () => {
        w.a.others.length++
        return answer(3, "request type 32 not supported")
      })
      for (let count = 0; count < 2; count++) {
        const reason = yield* reasonOf(w.producer.request(message))
        assert(reason._tag === "NotSupported")
        assert.match(reason.by, /10\.0\.0\.1:1.*proxy/)
      }
      assert.strictEqual(w.a.sends.length, 0)
      assert.strictEqual(w.a.others.length, 1)
    }).pipe(Effect.provide(MemoryTransport.layer)))
})

describe("reply", () => {
  const request = (properties: Record<string, string>): Message.ReceivedMessage => ({
    topic: "topic",
    brokerName: "a",
    queueId: 0,
    queueOffset: 0,
    messageId: "request id",
    offsetId: "",
    body: Buffer.from("ping"),
    tags: undefined,
    keys: [],
    properties,
    flag: 0,
    sysFlag: 0,
    bornTimestamp: 0,
    bornHost: "10.0.0.7:1",
    storeTimestamp: 0,
    storeHost: "10.0.0.1:1",
    reconsumeTimes: 0,
    preparedTransactionOffset: 0,
    transactionId: undefined
  })
  const complete = {
    CLUSTER: "DefaultCluster",
    CORRELATION_ID: "correlation",
    REPLY_TO_CLIENT: "10.0.0.9@client",
    TTL: "3000"
  }

  it.effect("goes to the reply topic of the request's cluster, for the client that asked", () =>
    Effect.gen(function*() {
      const w = yield* single({}, undefined, { namespace: "ns" })
      w.routes.set(route("DefaultCluster_REPLY_TOPIC", [{ name: "a", port: 1 }]))
      const result = yield* w.producer.reply(request(complete), "pong", { tags: "t", properties: { p: "v" } })
      const [{ body, code, header, properties }] = w.a.stored
      assert.strictEqual(code, RequestCode.SEND_REPLY_MESSAGE_V2)
      assert.strictEqual(header.topic, "DefaultCluster_REPLY_TOPIC")
      assert.strictEqual(Buffer.from(body).toString(), "pong")
      assert.strictEqual(properties.MSG_TYPE, "reply")
      assert.strictEqual(properties.CORRELATION_ID, "correlation")
      assert.strictEqual(properties.REPLY_TO_CLIENT, "10.0.0.9@client")
      assert.strictEqual(properties.TTL, "3000")
      assert.strictEqual(properties.TAGS, "t")
      assert.strictEqual(properties.p, "v")
      assert.strictEqual(result.status, "SendOk")
    }).pipe(Effect.provide(MemoryTransport.layer)))

  for (const missing of ["CLUSTER", "CORRELATION_ID", "REPLY_TO_CLIENT"] as const) {
    it.effect(`to a message without ${missing} is InvalidMessage`, () =>
      Effect.gen(function*() {
        const w = yield* single()
        const { [missing]: _, ...others } = complete
        const reason = yield* reasonOf(w.producer.reply(request(others), "pong"))
        assert(reason._tag === "InvalidMessage")
        assert.match(reason.detail, new RegExp(missing))
      }).pipe(Effect.provide(MemoryTransport.layer)))
  }

  it.effect("is NotSupported by a proxy", () =>
    Effect.gen(function*() {
      const w = yield* single({}, () => answer(3, "request type 325 not supported"))
      w.routes.set(route("DefaultCluster_REPLY_TOPIC", [{ name: "a", port: 1 }]))
      const reason = yield* reasonOf(w.producer.reply(request(complete), "pong"))
      assert(reason._tag === "NotSupported")
    }).pipe(Effect.provide(MemoryTransport.layer)))
})

describe("recall", () => {
  const handle = Buffer.from("v1 topic a 1000 0A000001B554EED3554E000000006310").toString("base64url") + "=="
  const handleOf = (broker: string) => {
    const encoded = Buffer.from(`v1 topic ${broker} 1000 ID`).toString("base64url")
    return encoded.padEnd(Math.ceil(encoded.length / 4) * 4, "=")
  }

  it.effect("asks the broker that has the message, and succeeds with its id", () =>
    Effect.gen(function*() {
      const w = yield* pair()
      yield* w.b.handle(RequestCode.RECALL_MESSAGE, (command) => {
        w.b.others.push(command)
        return Effect.succeed({ code: 0, extFields: { msgId: "ID" } })
      })
      assert.strictEqual(yield* w.producer.recall("topic", handleOf("b")), "ID")
      assert.deepStrictEqual({ ...w.b.others.at(-1)!.extFields }, {
        producerGroup: "producers",
        topic: "topic",
        recallHandle: handleOf("b"),
        bname: "b"
      })
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("asks a proxy about a broker that only it knows", () =>
    Effect.gen(function*() {
      const w = yield* single()
      yield* w.a.handle(RequestCode.RECALL_MESSAGE, (command) =>
        Effect.succeed({ code: 0, extFields: { msgId: command.extFields.bname } }))
      assert.strictEqual(yield* w.producer.recall("topic", handleOf("elsewhere")), "elsewhere")
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("fails with what the broker says", () =>
    Effect.gen(function*() {
      const w = yield* single()
      yield* w.a.handle(RequestCode.RECALL_MESSAGE, () => answer(16, "recall failed, operation is forbidden"))
      const reason = yield* reasonOf(w.producer.recall("topic", handleOf("a")))
      assert(reason._tag === "Refused")
      assert.strictEqual(reason.error.code, 16)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("has the timeout that its caller gave", () =>
    Effect.gen(function*() {
      const w = yield* single()
      yield* w.a.handle(RequestCode.RECALL_MESSAGE, () => silence)
      const fiber = yield* start(reasonOf(w.producer.recall("topic", handleOf("a"), { timeout: 500 })))
      yield* pass("500 millis")
      const reason = yield* Fiber.join(fiber)
      assert(reason._tag === "Failed")
      assert.strictEqual(reason.outcome, "Unknown")
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("takes no longer than that when the name servers take a part of it", () =>
    Effect.gen(function*() {
      const w = yield* single()
      w.routes.known.clear()
      w.routes.delayMillis = 300
      yield* w.a.handle(RequestCode.RECALL_MESSAGE, () => silence)
      const fiber = yield* start(reasonOf(w.producer.recall("topic", handleOf("a"), { timeout: 500 })))
      yield* pass("500 millis")
      assert.strictEqual((yield* Fiber.join(fiber))._tag, "Failed")
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("refuses what is no handle, and topics that have none", () =>
    Effect.gen(function*() {
      const w = yield* single()
      const reason = yield* reasonOf(w.producer.recall("topic", "no handle"))
      assert(reason._tag === "InvalidMessage")
      assert.strictEqual(reason.field, "recallHandle")
      for (const topic of ["%RETRY%group", "%DLQ%group", "a b"]) {
        assert.strictEqual((yield* reasonOf(w.producer.recall(topic, handle)))._tag, "InvalidName")
      }
      assert.strictEqual((yield* reasonOf(w.producer.recall("other", handle)))._tag, "TopicNotFound")
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("is NoQueue while no broker is there", () =>
    Effect.gen(function*() {
      const w = yield* single()
      w.routes.set(route("topic", [], {}))
      assert.strictEqual((yield* reasonOf(w.producer.recall("topic", handle)))._tag, "NoQueue")
    }).pipe(Effect.provide(MemoryTransport.layer)))
})
