import { assert, describe, it } from "@effect/vitest"
import * as HeartbeatData from "../../../src/protocol/body/HeartbeatData.ts"
import { buildSubscriptionData } from "../../../src/protocol/body/SubscriptionData.ts"

const consumer = (groupName: string, expression: string, subVersion = 1): HeartbeatData.ConsumerData => ({
  groupName,
  consumeType: "CONSUME_PASSIVELY",
  messageModel: "CLUSTERING",
  consumeFromWhere: "CONSUME_FROM_LAST_OFFSET",
  subscriptionDataSet: [
    buildSubscriptionData("t", expression, "TAG", subVersion)!,
    buildSubscriptionData("u", "*", "TAG", subVersion)!
  ],
  unitMode: false
})

const heartbeat: HeartbeatData.HeartbeatData = {
  clientID: "10.0.0.1@1",
  producerDataSet: [{ groupName: "p" }, { groupName: "q" }],
  consumerDataSet: [consumer("g", "a||b"), consumer("h", "*")],
  heartbeatFingerprint: 0,
  withoutSub: false
}

describe("HeartbeatData", () => {
  it("has the names that Java has", () => {
    assert.strictEqual(
      Buffer.from(HeartbeatData.HeartbeatData.encode({ ...heartbeat, consumerDataSet: [consumer("g", "*")] }))
        .toString(),
      "{\"clientID\":\"10.0.0.1@1\",\"consumerDataSet\":[{\"consumeFromWhere\":\"CONSUME_FROM_LAST_OFFSET\"," +
        "\"consumeType\":\"CONSUME_PASSIVELY\",\"groupName\":\"g\",\"messageModel\":\"CLUSTERING\"," +
        "\"subscriptionDataSet\":[{\"classFilterMode\":false,\"codeSet\":[],\"expressionType\":\"TAG\"," +
        "\"subString\":\"*\",\"subVersion\":1,\"tagsSet\":[],\"topic\":\"t\"},{\"classFilterMode\":false," +
        "\"codeSet\":[],\"expressionType\":\"TAG\",\"subString\":\"*\",\"subVersion\":1,\"tagsSet\":[]," +
        "\"topic\":\"u\"}],\"unitMode\":false}],\"heartbeatFingerprint\":0,\"producerDataSet\":[{\"groupName\":\"p\"}," +
        "{\"groupName\":\"q\"}],\"withoutSub\":false}"
    )
  })

  it("is read from what fastjson 1.2.83 writes for a subscription of two groups", () => {
    const json =
      "{\"clientID\":\"c\",\"consumerDataSet\":[{\"groupName\":\"g\",\"subscriptionDataSet\":[{\"classFilterMode\":false," +
      "\"codeSet\":[],\"expressionType\":\"TAG\",\"subString\":\"*\",\"subVersion\":1,\"tagsSet\":[],\"topic\":\"t\"}]," +
      "\"unitMode\":false},{\"groupName\":\"h\",\"subscriptionDataSet\":[{\"$ref\":" +
      "\"$.consumerDataSet[0].subscriptionDataSet[0]\"}],\"unitMode\":false}],\"heartbeatFingerprint\":0," +
      "\"producerDataSet\":[],\"withoutSub\":false}"
    const subscriptionDataSet = [buildSubscriptionData("t", "*", "TAG", 1)!]
    assert.deepStrictEqual(HeartbeatData.HeartbeatData.decode(Buffer.from(json)), {
      clientID: "c",
      consumerDataSet: [
        { groupName: "g", subscriptionDataSet, unitMode: false },
        { groupName: "h", subscriptionDataSet, unitMode: false }
      ],
      heartbeatFingerprint: 0,
      producerDataSet: [],
      withoutSub: false
    })
  })
})

describe("fingerprint", () => {
  const fingerprint = HeartbeatData.fingerprint(heartbeat)

  it("is an integer of 32 bits, and not 0", () => {
    assert.strictEqual(fingerprint | 0, fingerprint)
    assert.notStrictEqual(fingerprint, 0)
    assert.notStrictEqual(
      HeartbeatData.fingerprint({ ...heartbeat, consumerDataSet: [], producerDataSet: [] }),
      0
    )
  })

  it("does not depend on versions, the client, itself, nor any order", () => {
    const other: HeartbeatData.HeartbeatData = {
      clientID: "another",
      producerDataSet: heartbeat.producerDataSet.toReversed(),
      consumerDataSet: [consumer("g", "a||b", 7), consumer("h", "*", 8)].map((data) => ({
        ...data,
        subscriptionDataSet: data.subscriptionDataSet.map((subscription) => ({
          ...subscription,
          codeSet: subscription.codeSet.toReversed(),
          tagsSet: subscription.tagsSet.toReversed()
        })).reverse()
      })).reverse(),
      heartbeatFingerprint: fingerprint,
      withoutSub: true
    }
    assert.strictEqual(HeartbeatData.fingerprint(other), fingerprint)
  })

  it("changes with groups and subscriptions", () => {
    const changed: ReadonlyArray<Partial<HeartbeatData.HeartbeatData>> = [
      { producerDataSet: [{ groupName: "p" }] },
      { consumerDataSet: [consumer("g", "a||b")] },
      { consumerDataSet: [consumer("g", "a"), consumer("h", "*")] },
      { consumerDataSet: [consumer("g", "*"), consumer("h", "a||b")] },
      { consumerDataSet: [{ ...consumer("g", "a||b"), messageModel: "BROADCASTING" }, consumer("h", "*")] }
    ]
    const all = changed.map((part) => HeartbeatData.fingerprint({ ...heartbeat, ...part }))
    assert.strictEqual(new Set([fingerprint, ...all]).size, 1 + changed.length)
  })
})
