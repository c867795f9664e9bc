import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { RequestCode } from "../../../src/protocol/RequestCode.ts"
import * as MemoryTransport from "../../../src/remoting/MemoryTransport.ts"
import * as Broker from "../../../src/testing/internal/broker/Broker.ts"
import { pass, settle } from "../../remoting/support.ts"
import { address, bodies, heartbeat, messages, pullRequest, setup, stored, subscription } from "./support.ts"

const live = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.provide(effect, MemoryTransport.layer)

/** Every code that a broker handles. */
const codes = Effect.scoped(Effect.gen(function*() {
  const all: Array<number> = []
  yield* Broker.make({
    server: {
      address,
      events: Stream.empty,
      peers: Effect.succeed([]),
      handle: (code) => Effect.sync(() => void all.push(code))
    }
  })
  return all
}))

/** Fields of requests, and what may well be in them. */
const plausible: Readonly<Record<string, ReadonlyArray<string>>> = {
  ...Object.fromEntries(
    ("queueId queueOffset commitOffset offset index tranStateTableOffset commitLogOffset timestamp beginTimestamp " +
      "bornTimestamp subVersion reconsumeTimes flag storeTimestamp topicSeq groupSeq consumeRetryTimes initMode")
      .split(" ").map((name) => [name, ["0", "1", "2", "-1"]])
  ),
  ...Object.fromEntries(
    ("unitMode fromTransactionCheck order suspend cleanOffset isForce isOrder readable batch forceQueryMode " +
      "setZeroIfNotFound offline jstackEnable force").split(" ").map((name) => [name, ["true", "false"]])
  ),
  ...Object.fromEntries(
    ("topic b defaultTopic filterTopic").split(" ").map((name) => [name, ["orders", "%RETRY%readers", "bills"]])
  ),
  ...Object.fromEntries(
    "group consumerGroup producerGroup groupName srcGroup destGroup compareGroup a c".split(" ")
      .map((name) => [name, ["readers"]])
  ),
  ...Object.fromEntries("clientID clientId clientAddr".split(" ").map((name) => [name, ["one", "two"]])),
  ...Object.fromEntries(
    "maxMsgNums maxNum count readQueueNums writeQueueNums maxTopicNum d".split(" ").map((name) => [name, ["1", "4"]])
  ),
  ...Object.fromEntries(
    "suspendTimeoutMillis pollTime invisibleTime endTimestamp bornTime".split(" ")
      .map((name) => [name, ["0", "10000", "60000"]])
  ),
  e: ["0", "1"],
  f: ["0", "4", "1"],
  g: ["0"],
  h: ["0"],
  i: ["TAGS\u0001red\u0002", "DELAY\u00012\u0002", "TRAN_MSG\u0001true\u0002PGROUP\u0001readers\u0002"],
  j: ["0", "17"],
  k: ["false"],
  l: ["3"],
  m: ["false", "true"],
  sysFlag: ["0", "2", "4", "6", "8"],
  subscription: ["*", "red || blue", "a > 1"],
  expressionType: ["TAG", "SQL92"],
  exp: ["*", "a > 1"],
  expType: ["TAG", "SQL92"],
  boundaryType: ["LOWER", "UPPER"],
  originMsgId: ["0A00000100002A9F0000000000000000"],
  msgId: ["0A00000100002A9F0000000000000000", "x"],
  delayLevel: ["0", "-1", "3"],
  maxReconsumeTimes: ["0", "16"],
  key: ["k"],
  recallHandle: ["x"],
  commitOrRollback: ["0", "8", "12"],
  transactionId: ["x"],
  attemptId: ["x"],
  extraInfo: ["0 0 10000 0 0 broker-a 0 0", "0 0 10000 999 1 broker-a 0 0"],
  perm: ["6", "2"],
  topicFilterType: ["SINGLE_TAG"],
  topicSysFlag: ["0"],
  attributes: ["+message.type=FIFO", "-message.type"],
  statsName: ["TOPIC_PUT_NUMS"],
  statsKey: ["orders"],
  brokerName: ["broker-a"],
  properties: ["TAGS\u0001red\u0002"],
  bornHost: ["10.0.0.2:1"],
  storeHost: ["10.0.0.2:1"],
  defaultTopicQueueNums: ["4"],
  topicList: ["orders;bills"],
  dataVersion: ["{}"],
  filterGroups: ["readers"]
}

const values = [
  "",
  " ",
  "0",
  "1",
  "-1",
  "3",
  "32",
  "7",
  "2147483647",
  "-2147483648",
  "9223372036854775807",
  "1e5",
  "NaN",
  "true",
  "TAG",
  "SQL92",
  "a > ((",
  "%RETRY%readers",
  "%DLQ%readers",
  "TBW102",
  "orders",
  "orders",
  "orders",
  "readers",
  "readers",
  "0 0 0 0 0 broker-a 0 0",
  "0 1 2 3 0 broker-a 0 1",
  "0A000001000029",
  "0A0000010000299F0000000000000000",
  "UNIQ_KEY\u0001x\u0002DELAY\u000199\u0002",
  "TIMER_DELAY_MS\u0001-5\u0002",
  "TRAN_MSG\u0001true\u0002",
  "\u0000\u0001\u0002",
  "__proto__",
  "constructor",
  "é".repeat(300),
  "x".repeat(300)
]

const requestBodies = [
  undefined,
  "",
  "{",
  "[]",
  "null",
  "{}",
  "1",
  `{"mqSet":null}`,
  `{"mqSet":[{}],"consumerGroup":"readers","clientId":"one"}`,
  `{"acks":[{}]}`,
  `{"consumerDataSet":[{}],"clientID":"one"}`,
  `{"consumerDataSet":[{"groupName":"readers","subscriptionDataSet":[{}]}],"clientID":"one"}`,
  `{"groupName":"__proto__"}`,
  "\u0000\u0000\u0000\u0020\u0000\u0000",
  "key=value"
]

const pick = <A>(all: ReadonlyArray<A>) => Effect.map(Random.next, (share) => all[Math.floor(share * all.length)]!)

/** A request that is more or less wrong. */
const request = (code: number) =>
  Effect.gen(function*() {
    const extFields: Record<string, string> = {}
    const wrong = 0.1 * (yield* Random.next)
    for (const [field, likely] of Object.entries(plausible)) {
      const chance = yield* Random.next
      if (chance < wrong) continue
      extFields[field] = yield* pick(chance < 2 * wrong ? values : likely)
    }
    const body = yield* pick(requestBodies)
    return { code, extFields, body: body === undefined ? undefined : Buffer.from(body) }
  })

/** Codes whose requests are oneway by nature, or that may be answered by another: clients wait for none. */
const unanswered: ReadonlySet<number> = new Set([RequestCode.END_TRANSACTION])

const trial = (seed: string) =>
  Effect.gen(function*() {
    const { broker, client, store } = yield* setup()
    const outcome: Array<string> = []
    yield* client.invoke(address, heartbeat({ clientID: "one", consumers: { readers: [subscription("orders")] } }))
    for (let index = 0; index < 5; index++) yield* stored(client, "orders", "x")
    for (const code of yield* codes) {
      const requests = yield* Effect.all(Array.from({ length: 6 }, () => request(code)))
      const asking = yield* Effect.forEach(requests, (one) =>
        Effect.forkChild(Effect.result(client.invoke(address, one, { timeout: "1 hour" }))))
      yield* settle
      // Whoever may wait does not wait for ever; whoever asks for a century's patience is left alone.
      yield* pass("5 minutes")
      for (const [index, fiber] of asking.entries()) {
        const exit = fiber.pollUnsafe()
        if (exit === undefined) {
          const { extFields } = requests[index]!
          const patient = Object.values(extFields).some((value) =>
            value.length > 9
          )
          assert.isTrue(patient || unanswered.has(code), `${code} ${JSON.stringify(extFields)} was not answered`)
          yield* Fiber.interrupt(fiber)
          continue
        }
        const result = yield* exit
        outcome.push(
          result._tag === "Success"
            ? `${code} ${result.success.code} ${result.success.remark}`
            : `${code} ${result.failure.reason._tag}`
        )
      }
      // Settings that keep it from serving are no crash.
      Object.assign(broker.settings, { ...(yield* pristine) })
    }
    // It goes on.
    broker.createTopic("afterwards", { perm: 6, queues: 1 })
    yield* stored(client, "afterwards", seed)
    assert.deepStrictEqual(bodies(messages(yield* client.invoke(address, pullRequest("afterwards")))), [seed])
    return { outcome, offset: store.log.maxOffset }
  }).pipe(Random.withSeed(seed), Effect.scoped, live, Effect.provide(TestClock.layer()))

const pristine = Effect.scoped(Effect.map(
  Broker.make({
    server: { address, events: Stream.empty, peers: Effect.succeed([]), handle: () => Effect.void }
  }),
  ({ settings }) => settings
))

describe("a broker", () => {
  for (const seed of ["one", "two", "three", "four"]) {
    it.effect(`answers whatever it is sent, and goes on: ${seed}`, () => trial(seed))
  }

  it.effect("does the same for the same seed", () =>
    Effect.gen(function*() {
      const first = yield* trial("again")
      const second = yield* trial("again")
      assert.deepStrictEqual(first, second)
    }))
})
