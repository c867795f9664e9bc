/**
 * What messages cost, in microseconds each: `node bench/messages.ts [--json]`. Measured as `bench/codec.ts` measures.
 *
 * Properties are those that a producer sends, and stored messages, of 200 bytes with 8 properties, arrive 32 at a time,
 * as a pull asks for by default.
 */
import { fileURLToPath } from "node:url"
import * as MessageProperties from "../src/protocol/message/MessageProperties.ts"
import * as StoredMessage from "../src/protocol/message/StoredMessage.ts"
import { frames, lowerQuartileUs } from "./codec.ts"

const perPull = 32

const properties = (i: number): MessageProperties.MessageProperties => ({
  KEYS: `order-${1000 + i}`,
  TAGS: "created",
  UNIQ_KEY: `7F0000010FA018B4AAC2${(0x1000000 + i).toString(16).toUpperCase()}0000`,
  WAIT: "true"
})

const stored = (i: number): Uint8Array =>
  StoredMessage.encode({
    topic: "order-events",
    queueId: i % 8,
    queueOffset: 1000 + i,
    physicalOffset: 4_000_000_000 + 500 * i,
    flag: 0,
    sysFlag: 0,
    bornTimestamp: 1_760_000_000_000 + i,
    bornHost: `10.1.2.3:${50_000 + i % 3}`,
    storeTimestamp: 1_760_000_000_001 + i,
    storeHost: "10.1.2.4:10911",
    reconsumeTimes: 0,
    preparedTransactionOffset: 0,
    body: Buffer.alloc(200, `{"order":${i},"state":"created"}`),
    properties: {
      ...properties(i),
      MSG_REGION: "DefaultRegion",
      TRACE_ON: "true",
      CLUSTER: "DefaultCluster",
      traceparent: `00-0af7651916cd43dd8448eb211c80319c-b7ad6b71692033${(10 + i).toString(16).padStart(2, "0")}-01`
    }
  })

const encodePropertiesUs = (): number => {
  const all = Array.from({ length: frames }, (_, i) => properties(i))
  let length = 0
  return lowerQuartileUs(() => {
    for (const each of all) {
      length += MessageProperties.encode(each).length
    }
    if (length === 0) {
      throw new Error("nothing was encoded")
    }
  })
}

const decodeStoredUs = (): number => {
  const messages = Array.from({ length: frames }, (_, i) => stored(i))
  const pulls = Array.from(
    { length: frames / perPull },
    (_, i) => Buffer.concat(messages.slice(i * perPull, (i + 1) * perPull))
  )
  return lowerQuartileUs(() => {
    for (const pull of pulls) {
      if (StoredMessage.decodeAll(pull).messages.length !== perPull) {
        throw new Error("messages were lost")
      }
    }
  })
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const times = {
    encodePropertiesUs: encodePropertiesUs(),
    decodeStoredUs: decodeStoredUs()
  }
  if (process.argv.includes("--json")) {
    console.log(JSON.stringify(times))
  } else {
    for (const [name, us] of Object.entries(times)) {
      console.log(`${name.padEnd(30)} ${us.toFixed(3)} µs`)
    }
  }
}
