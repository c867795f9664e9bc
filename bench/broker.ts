/** A name server and a broker 5.5.0 with a topic for sends. Needs a JDK and Maven. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { setTimeout as sleep } from "node:timers/promises"
import * as Broker from "../test/rocketmq/harness/Broker.ts"
import { HarnessError } from "../test/rocketmq/harness/HarnessError.ts"
import * as NameServer from "../test/rocketmq/harness/NameServer.ts"
import { probe } from "../test/rocketmq/harness/Probe.ts"

const version = "5.5.0"

/** UPDATE_AND_CREATE_TOPIC, GET_ROUTEINFO_BY_TOPIC and GET_MAX_OFFSET. */
const codes = { createTopic: 17, route: 105, maxOffset: 30 }

export interface SendBroker {
  /** `host:port`. */
  readonly nameServer: string
  readonly port: number
  readonly topic: string
  readonly queues: number
  /** How many messages of the topic it has stored. */
  readonly stored: () => Promise<number>
}

const topic = "bench-sends"
const queues = 4

const createTopic = async (broker: number, nameServer: number): Promise<void> => {
  const made = await probe(broker, codes.createTopic, {
    topic,
    defaultTopic: "TBW102",
    readQueueNums: String(queues),
    writeQueueNums: String(queues),
    perm: "6",
    topicFilterType: "SINGLE_TAG",
    topicSysFlag: "0",
    order: "false"
  })
  if (made.code !== 0) {
    throw new Error(`the broker did not create the topic: ${made.code} ${made.remark}`)
  }
  for (let attempt = 0; attempt < 200; attempt++) {
    if ((await probe(nameServer, codes.route, { topic, acceptStandardJsonOnly: "true" })).code === 0) {
      return
    }
    await sleep(50)
  }
  throw new Error("the name server heard nothing of the topic")
}

const countStored = async (broker: number): Promise<number> => {
  let stored = 0
  for (let queueId = 0; queueId < queues; queueId++) {
    const answer = await probe(broker, codes.maxOffset, { topic, queueId: String(queueId), bname: "broker-a" })
    stored += Number(answer.extFields.offset)
  }
  return stored
}

export const make: Effect.Effect<SendBroker, HarnessError, Scope.Scope> = Effect.gen(function*() {
  const nameServer = yield* NameServer.make({ version })
  const broker = yield* Broker.make({
    version,
    nameServer,
    // The optimising compiler, which the harness leaves out: under load for minutes it pays.
    flags: ["-XX:TieredStopAtLevel=4"],
    settings: {
      mappedFileSizeCommitLog: 256 << 20,
      mappedFileSizeConsumeQueue: 6_000_000,
      // A disk that is slow for a moment is no failure of the client's.
      waitTimeMillsInSendQueue: 20_000,
      osPageCacheBusyTimeOutMills: 20_000,
      // A run writes gigabytes that nobody reads: what is not written to any more goes, at any hour.
      fileReservedTime: 0,
      deleteWhen: Array.from({ length: 24 }, (_, hour) => String(hour).padStart(2, "0")).join(";"),
      destroyMapedFileIntervalForcibly: 1000
    }
  })
  yield* Effect.tryPromise({
    try: () => createTopic(broker.port, nameServer.port),
    catch: (cause) => new HarnessError({ message: String(cause) })
  })
  return { nameServer: nameServer.address, port: broker.port, topic, queues, stored: () => countStored(broker.port) }
})
