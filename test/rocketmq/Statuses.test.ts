import { assert, layer } from "@effect/vitest"
import type { SendStatus } from "effect-rocketmq/client/Message"
import * as Producer from "effect-rocketmq/client/Producer"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Broker from "./harness/Broker.ts"
import * as NameServer from "./harness/NameServer.ts"

const topic = "statuses"

/** Brokers that store what they are sent less safely than they should, each in its own way. */
const brokers = {
  // A master that waits for slaves: 5.x to no avail, 4.x in the knowledge that there are none.
  "waits-for-slaves": {
    version: "5.5.0",
    settings: { brokerRole: "SYNC_MASTER", inSyncReplicas: 2, slaveTimeout: 100 }
  },
  "without-slaves": { version: "4.9.7", settings: { brokerRole: "SYNC_MASTER" } },
  "slow-disk": { version: "4.9.7", settings: { flushDiskType: "SYNC_FLUSH", syncFlushTimeout: 0 } }
} as const

/** A producer at a name server that knows all of them. */
const producer = Layer.unwrap(
  Effect.gen(function*() {
    const nameServer = yield* NameServer.make({ version: "5.5.0" })
    for (const [name, { settings, version }] of Object.entries(brokers)) {
      const broker = yield* Broker.make({ version, nameServer, name, settings })
      yield* Broker.createTopic(topic, { broker, nameServer })
    }
    return Producer.layer({ nameServers: [nameServer.address], group: "statuses", metrics: false })
  })
)

/** The status that a broker answers with, of as many messages as it takes; the same for a batch. */
const statusOf = (brokerName: keyof typeof brokers, status: SendStatus) =>
  Effect.gen(function*() {
    const { send, sendBatch } = yield* Producer.Producer
    const options = { queue: { topic, brokerName, queueId: 0 }, timeout: "20 seconds" } as const
    const ask = (which: Effect.Effect<{ readonly status: string; readonly attempts: number }, unknown>) =>
      Effect.repeat(which, { until: (result) => result.status === status, times: 20 })
    const single = yield* ask(send({ topic, body: "x" }, options))
    assert.strictEqual(single.status, status)
    // A success all the same: it is not sent again.
    assert.strictEqual(single.attempts, 1)
    assert.strictEqual((yield* ask(sendBatch([{ topic, body: "x" }, { topic, body: "y" }], options))).status, status)
  })

layer(producer, { timeout: "3 minutes", excludeTestServices: true })("messages that are stored, though", (it) => {
  it.effect("no slave had them in time are FlushSlaveTimeout", () => statusOf("waits-for-slaves", "FlushSlaveTimeout"))

  it.effect("there is no slave to have them are SlaveNotAvailable", () =>
    statusOf("without-slaves", "SlaveNotAvailable"))

  it.effect("not on disk in time are FlushDiskTimeout", () => statusOf("slow-disk", "FlushDiskTimeout"))

  it.effect("that need not wait are SendOk", () =>
    Effect.gen(function*() {
      const { send } = yield* Producer.Producer
      for (const brokerName of Object.keys(brokers)) {
        const { status } = yield* send({ topic, body: "x", waitStoreMsgOk: false }, {
          queue: { topic, brokerName, queueId: 0 },
          timeout: "20 seconds"
        })
        assert.strictEqual(status, "SendOk", brokerName)
      }
    }))
})
