import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type { ReceivedMessage } from "../../../src/client/Message.ts"
import type { TransactionDecision } from "../../../src/client/Producer.ts"
import { isViolation } from "../../../src/protocol/header/HeaderCodec.ts"
import type { CheckTransactionStateRequestHeader } from "../../../src/protocol/header/Transaction.ts"
import { EndTransactionRequestHeader } from "../../../src/protocol/header/Transaction.ts"
import * as Compression from "../../../src/protocol/message/Compression.ts"
import type { StoredMessage } from "../../../src/protocol/message/StoredMessage.ts"
import * as SysFlag from "../../../src/protocol/message/SysFlag.ts"
import type { RemotingCommand } from "../../../src/protocol/RemotingCommand.ts"
import { RequestCode } from "../../../src/protocol/RequestCode.ts"
import * as MemoryTransport from "../../../src/remoting/MemoryTransport.ts"
import type { Peer } from "../../../src/remoting/RemotingHandler.ts"
import { pass, settle, start } from "../../remoting/support.ts"
import { answer, broker, reasonOf, route, single } from "./support.ts"

const order = { topic: "topic", body: "x" }

/** The END_TRANSACTIONs that a broker got. */
const ends = (commands: ReadonlyArray<RemotingCommand>) =>
  commands.filter(({ code }) => code === RequestCode.END_TRANSACTION).map((command) => {
    const header = EndTransactionRequestHeader.decode(command.extFields)
    if (isViolation(header)) throw new Error(`${header.field} ${header.detail}`)
    return { header, remark: command.remark, isOneway: command.isOneway }
  })

describe("sendInTransaction", () => {
  it.effect("sends a half message, runs the local transaction, and commits", () =>
    Effect.gen(function*() {
      const { a, producer } = yield* single()
      const seen: Array<string> = []
      const result = yield* producer.sendInTransaction(order, (half) =>
        Effect.sync(() => {
          seen.push(half.messageId)
          assert.strictEqual(a.stored.length, 1)
          assert.strictEqual(ends(a.others).length, 0)
          return "Commit"
        }))
      const [stored] = a.stored
      assert.strictEqual(stored.properties.TRAN_MSG, "true")
      assert.strictEqual(stored.properties.PGROUP, "producers")
      assert.strictEqual(SysFlag.transactionType(stored.header.sysFlag), SysFlag.transactionPrepared)
      assert.deepStrictEqual(seen, [stored.properties.UNIQ_KEY])
      assert.deepStrictEqual(ends(a.others), [{
        header: {
          topic: "topic",
          producerGroup: "producers",
          tranStateTableOffset: 0,
          commitLogOffset: 1_000,
          commitOrRollback: 8,
          fromTransactionCheck: false,
          msgId: stored.properties.UNIQ_KEY,
          transactionId: stored.properties.UNIQ_KEY,
          brokerName: "a"
        },
        remark: undefined,
        isOneway: false
      }])
      assert.strictEqual(result.state, "Commit")
      assert.isTrue(result.acknowledged)
      assert.strictEqual(result.transactionId, stored.properties.UNIQ_KEY)
      assert.strictEqual(result.status, "SendOk")
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("rolls back when the local transaction says so", () =>
    Effect.gen(function*() {
      const { a, producer } = yield* single()
      const result = yield* producer.sendInTransaction(order, () => Effect.succeed("Rollback"))
      assert.strictEqual(ends(a.others)[0].header.commitOrRollback, 12)
      assert.strictEqual(result.state, "Rollback")
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("tells the broker oneway when the local transaction does not know, for there is no answer to that", () =>
    Effect.gen(function*() {
      const { a, producer } = yield* single()
      const result = yield* producer.sendInTransaction(order, () => Effect.succeed("Unknown"))
      yield* settle
      assert.strictEqual(ends(a.others)[0].header.commitOrRollback, 0)
      assert.isTrue(ends(a.others)[0].isOneway)
      assert.strictEqual(result.state, "Unknown")
      assert.isFalse(result.acknowledged)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("rolls back when the local transaction fails, says why, and fails with the same", () =>
    Effect.gen(function*() {
      const { a, producer } = yield* single()
      class OutOfStock extends Error {
        readonly _tag = "OutOfStock"
      }
      const error = yield* Effect.flip(
        producer.sendInTransaction(order, () => Effect.fail(new OutOfStock("no more of these")))
      )
      assert.instanceOf(error, OutOfStock)
      const [end] = ends(a.others)
      assert.strictEqual(end.header.commitOrRollback, 12)
      assert.strictEqual(end.remark, "the local transaction failed: no more of these")
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("rolls back when the local transaction dies", () =>
    Effect.gen(function*() {
      const { a, producer } = yield* single()
      const exit = yield* Effect.exit(producer.sendInTransaction(order, (): Effect.Effect<TransactionDecision> => {
        throw new Error("a bug")
      }))
      assert.isTrue(Exit.isFailure(exit) && exit.cause.reasons[0]._tag === "Die")
      assert.strictEqual(ends(a.others)[0].header.commitOrRollback, 12)
      assert.strictEqual(ends(a.others)[0].remark, "the local transaction failed: a bug")
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("does not know when the local transaction is interrupted", () =>
    Effect.gen(function*() {
      const { a, producer } = yield* single()
      const fiber = yield* start(producer.sendInTransaction(order, () => Effect.never))
      yield* settle
      assert.strictEqual(a.stored.length, 1)
      yield* Fiber.interrupt(fiber)
      yield* settle
      assert.strictEqual(ends(a.others)[0].header.commitOrRollback, 0)
      assert.strictEqual((yield* producer.stats).inFlight, 0)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("tells what was decided though the caller is interrupted while it does", () =>
    Effect.gen(function*() {
      const { a, producer } = yield* single()
      let interrupt: Effect.Effect<void> = Effect.void
      const fiber = yield* start(
        producer.sendInTransaction(order, () => Effect.uninterruptible(Effect.as(interrupt, "Commit" as const)))
      )
      interrupt = Effect.asVoid(Effect.forkDetach(Fiber.interrupt(fiber)))
      yield* settle
      yield* Fiber.await(fiber)
      assert.strictEqual(ends(a.others)[0].header.commitOrRollback, 8)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("rolls a half message back that was not stored safely, without running the local transaction", () =>
    Effect.gen(function*() {
      const { a, producer } = yield* single({}, () =>
        Effect.succeed({
          code: 11,
          extFields: { msgId: "0A0000010000000100000000000003E8", queueId: "0", queueOffset: "4" }
        }))
      const result = yield* producer.sendInTransaction(order, () => Effect.die("must not run"))
      assert.strictEqual(result.state, "Rollback")
      assert.strictEqual(result.status, "SlaveNotAvailable")
      assert.strictEqual(ends(a.others)[0].header.commitOrRollback, 12)
      assert.strictEqual(ends(a.others)[0].header.tranStateTableOffset, 4)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("fails without running the local transaction when the half message is not sent", () =>
    Effect.gen(function*() {
      const { a, producer } = yield* single({}, () => answer(13))
      const reason = yield* reasonOf(producer.sendInTransaction(order, () => Effect.die("must not run")))
      assert.strictEqual(reason._tag, "Refused")
      assert.strictEqual(ends(a.others).length, 0)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("succeeds though the broker cannot be told: it will ask", () =>
    Effect.gen(function*() {
      const { a, producer } = yield* single()
      yield* a.handle(RequestCode.END_TRANSACTION, () => Effect.succeed({ code: 1, remark: "not today" }))
      const result = yield* producer.sendInTransaction(order, () => Effect.succeed("Commit"))
      assert.strictEqual(result.state, "Commit")
      assert.isFalse(result.acknowledged)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("tells the broker that has the half message, by the namespace's names", () =>
    Effect.gen(function*() {
      const { a, producer } = yield* single({}, undefined, { namespace: "ns" })
      yield* producer.sendInTransaction(order, () => Effect.succeed("Commit"))
      assert.strictEqual(a.stored[0].properties.PGROUP, "ns%producers")
      assert.strictEqual(ends(a.others)[0].header.topic, "ns%topic")
      assert.strictEqual(ends(a.others)[0].header.producerGroup, "ns%producers")
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("tells the broker of a static topic's queue", () =>
    Effect.gen(function*() {
      const { a, producer, routes } = yield* single()
      routes.set(route("topic", [{ name: "a", port: 1 }], {
        writeQueues: [{ topic: "topic", brokerName: "__syslo____global__", queueId: 0 }],
        brokerNameOf: () => "a"
      }))
      yield* producer.sendInTransaction(order, () => Effect.succeed("Commit"))
      assert.strictEqual(ends(a.others)[0].header.brokerName, "a")
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("tells the broker where it is once the local transaction has ended", () =>
    Effect.gen(function*() {
      const { a, producer, routes } = yield* single()
      const moved = yield* broker(2)
      const result = yield* producer.sendInTransaction(order, () =>
        Effect.sync(() => {
          routes.set(route("topic", [{ name: "a", port: 2 }]))
          return "Commit"
        }))
      assert.isTrue(result.acknowledged)
      assert.strictEqual(ends(a.others).length, 0)
      assert.strictEqual(ends(moved.others).length, 1)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("tells the broker where it was while the name servers do not know it", () =>
    Effect.gen(function*() {
      const { a, producer, routes } = yield* single()
      const result = yield* producer.sendInTransaction(order, () =>
        Effect.sync(() => {
          routes.known.clear()
          return "Commit"
        }))
      assert.isTrue(result.acknowledged)
      assert.strictEqual(ends(a.others).length, 1)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("tells the broker that had a static topic's queue when it took the half message", () =>
    Effect.gen(function*() {
      const { a, producer, routes } = yield* single()
      const b = yield* broker(2)
      const brokers = [{ name: "a", port: 1 }, { name: "b", port: 2 }]
      const writeQueues = [{ topic: "topic", brokerName: "__syslo____global__", queueId: 0 }]
      routes.set(route("topic", brokers, { writeQueues, brokerNameOf: () => "a" }))
      yield* producer.sendInTransaction(order, () =>
        Effect.sync(() => {
          routes.set(route("topic", brokers, { writeQueues, brokerNameOf: () => "b" }))
          return "Commit"
        }))
      assert.strictEqual(ends(a.others)[0].header.brokerName, "a")
      assert.strictEqual(ends(b.others).length, 0)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("cuts a remark that is too long for a log", () =>
    Effect.gen(function*() {
      const { a, producer } = yield* single()
      yield* Effect.exit(producer.sendInTransaction(order, () => Effect.fail(new Error("x".repeat(10_000)))))
      assert.strictEqual(ends(a.others)[0].remark!.length, 1_000)
    }).pipe(Effect.provide(MemoryTransport.layer)))
})

describe("a broker's question about a transaction", () => {
  const header: CheckTransactionStateRequestHeader = {
    topic: "topic",
    tranStateTableOffset: 7,
    commitLogOffset: 99,
    msgId: "offset id",
    transactionId: "transaction",
    offsetMsgId: "offset id",
    brokerName: "a"
  }

  const half = (more: Partial<StoredMessage> = {}): StoredMessage => ({
    topic: "topic",
    queueId: 1,
    queueOffset: 7,
    physicalOffset: 99,
    flag: 0,
    sysFlag: SysFlag.transactionPrepared,
    bornTimestamp: 1,
    bornHost: "10.0.0.7:1",
    storeTimestamp: 2,
    storeHost: "10.0.0.1:1",
    reconsumeTimes: 0,
    preparedTransactionOffset: 0,
    bodyCrc: 0,
    body: Buffer.from("half"),
    properties: { UNIQ_KEY: "0A000001B554EED3554E000000006310", TRAN_MSG: "true", PGROUP: "producers", KEYS: "k" },
    ...more
  })

  const peer = (address: string) => ({ address, channelId: "1" }) as Peer

  const ask = (
    w: Effect.Success<ReturnType<typeof single>>,
    message = half(),
    question: Partial<CheckTransactionStateRequestHeader> = {}
  ) =>
    Effect.andThen(
      w.serverRequests.producers.get("producers")!.checkTransactionState!({
        message,
        header: { ...header, ...question },
        peer: peer(w.a.address)
      }),
      settle
    )

  for (const [decision, code] of [["Commit", 8], ["Rollback", 12]] as const) {
    it.effect(`is answered with ${decision}, to where it came from`, () =>
      Effect.gen(function*() {
        const seen: Array<ReceivedMessage> = []
        const w = yield* single({
          checkTransaction: (message) =>
            Effect.sync(() => {
              seen.push(message)
              return decision
            })
        })
        yield* ask(w)
        assert.strictEqual(seen.length, 1)
        assert.strictEqual(seen[0].messageId, "0A000001B554EED3554E000000006310")
        assert.strictEqual(seen[0].transactionId, "0A000001B554EED3554E000000006310")
        assert.strictEqual(Buffer.from(seen[0].body).toString(), "half")
        assert.deepStrictEqual(seen[0].keys, ["k"])
        assert.strictEqual(seen[0].brokerName, "a")
        assert.deepStrictEqual(ends(w.a.others), [{
          header: {
            topic: "topic",
            producerGroup: "producers",
            tranStateTableOffset: 7,
            commitLogOffset: 99,
            commitOrRollback: code,
            fromTransactionCheck: true,
            msgId: "0A000001B554EED3554E000000006310",
            transactionId: "transaction",
            brokerName: "a"
          },
          remark: undefined,
          isOneway: false
        }])
      }).pipe(Effect.provide(MemoryTransport.layer)))
  }

  it.effect("is answered oneway when nobody knows", () =>
    Effect.gen(function*() {
      const w = yield* single({ checkTransaction: () => Effect.succeed("Unknown") })
      yield* ask(w)
      assert.strictEqual(ends(w.a.others)[0].header.commitOrRollback, 0)
      assert.isTrue(ends(w.a.others)[0].isOneway)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("is answered with what is not known, and why, when the check fails or dies", () =>
    Effect.gen(function*() {
      const checks: Array<Effect.Effect<TransactionDecision, Error>> = [
        Effect.fail(new Error("no database")),
        Effect.die(new Error("a bug"))
      ]
      const w = yield* single({ checkTransaction: () => checks.shift()! })
      yield* ask(w)
      yield* ask(w)
      assert.deepStrictEqual(
        ends(w.a.others).map((end) => [end.header.commitOrRollback, end.remark]),
        [[0, "the check failed: no database"], [0, "the check failed: a bug"]]
      )
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("may need services of the app", () =>
    Effect.gen(function*() {
      class Database extends Context.Service<Database, { readonly decision: TransactionDecision }>()("Database") {}
      const w = yield* Effect.provideService(
        single({ checkTransaction: () => Database.use(({ decision }) => Effect.succeed(decision)) }),
        Database,
        { decision: "Commit" }
      )
      yield* ask(w)
      assert.strictEqual(ends(w.a.others)[0].header.commitOrRollback, 8)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("has its message inflated", () =>
    Effect.gen(function*() {
      const bodies: Array<string> = []
      const w = yield* single({
        checkTransaction: (message) =>
          Effect.sync(() => {
            bodies.push(Buffer.from(message.body).toString())
            return "Commit"
          })
      })
      yield* ask(
        w,
        half({
          body: Compression.compress("ZSTD", Buffer.from("half".repeat(10))),
          sysFlag: SysFlag.transactionPrepared | SysFlag.compressionFlag("ZSTD")
        })
      )
      assert.deepStrictEqual(bodies, ["half".repeat(10)])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("is left when its message cannot be inflated", () =>
    Effect.gen(function*() {
      const w = yield* single({ checkTransaction: () => Effect.die("must not run") })
      yield* ask(w, half({ sysFlag: SysFlag.compressionFlag("ZSTD") }))
      assert.strictEqual(ends(w.a.others).length, 0)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("names its message as best it can", () =>
    Effect.gen(function*() {
      const w = yield* single({ checkTransaction: () => Effect.succeed("Commit") })
      yield* ask(w, half({ properties: {} }), { topic: undefined })
      assert.strictEqual(ends(w.a.others)[0].header.msgId, "offset id")
      assert.strictEqual(ends(w.a.others)[0].header.topic, "topic")
      yield* ask(w, half({ properties: {} }), { msgId: undefined })
      assert.strictEqual(ends(w.a.others)[1].header.msgId, "0A000001000000010000000000000063")
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("waits while as many are being answered as may be", () =>
    Effect.gen(function*() {
      let running = 0
      let most = 0
      const w = yield* single({
        maxTransactionChecks: 2,
        checkTransaction: () =>
          Effect.gen(function*() {
            running++
            most = Math.max(most, running)
            yield* Effect.sleep("1 second")
            running--
            return "Commit" as const
          })
      })
      for (let count = 0; count < 5; count++) yield* ask(w)
      yield* pass("1 second")
      assert.strictEqual(ends(w.a.others).length, 2)
      yield* pass("1 second")
      yield* pass("1 second")
      assert.strictEqual(ends(w.a.others).length, 5)
      assert.strictEqual(most, 2)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("is left to be asked again when 2,000 wait already", () =>
    Effect.gen(function*() {
      const w = yield* single({ maxTransactionChecks: 1, checkTransaction: () => Effect.never })
      const check = w.serverRequests.producers.get("producers")!.checkTransactionState!
      const question = { message: half(), header, peer: peer(w.a.address) }
      for (let count = 0; count < 2_010; count++) yield* check(question)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("finds nobody where there is no check", () =>
    Effect.gen(function*() {
      const w = yield* single()
      assert.isFalse(w.serverRequests.producers.has("producers"))
    }).pipe(Effect.provide(MemoryTransport.layer)))
})
