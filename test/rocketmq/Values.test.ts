import { assert, describe, it } from "@effect/vitest"
import { isViolation } from "effect-rocketmq/protocol/body/BodyCodec"
import * as FastJson from "effect-rocketmq/protocol/body/FastJson"
import { encodeCompressed, type RegisterBrokerBody } from "effect-rocketmq/protocol/body/RegisterBroker"
import { encodeStandard, type TopicRouteData } from "effect-rocketmq/protocol/body/TopicRouteData"
import * as Effect from "effect/Effect"
import { bodyCodecs, plain } from "../protocol/body/bodies.ts"
import { headerCodecs, withoutClass } from "../protocol/header/headers.ts"
import * as JavaValues from "./harness/JavaValues.ts"

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex")

/** Sets and maps of Java have an order of their own. */
const unordered = (json: unknown): unknown =>
  Array.isArray(json)
    ? json.map(unordered).sort((a, b) => JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)
    : typeof json === "object" && json !== null
    ? Object.fromEntries(
      Object.entries(json).sort(([a], [b]) => a < b ? -1 : 1).map(([key, value]) => [key, unordered(value)])
    )
    : json

const comparable = (json: string): unknown => unordered(plain(FastJson.parse(json)))

const decoded = (name: string, json: string): unknown => {
  const value = bodyCodecs.get(name)!.decode(Buffer.from(json))
  assert.isFalse(isViolation(value), name)
  return value
}

describe("Java 5.5.0", () => {
  it.effect("reads our headers as we mean them", () =>
    Effect.gen(function*() {
      const names = [...headerCodecs.keys()].filter((name) => !withoutClass.has(name))
      const samples = yield* JavaValues.answers("5.5.0", "HeadersMain", names.map((name) => `sample ${name}`))
      const ours = names.map((name, i) => {
        const codec = headerCodecs.get(name)!
        const fields = JSON.parse(samples[i])
        // Of this number alone Java wants to know that it stands for something.
        const header = codec.decode("commitOrRollback" in fields ? { ...fields, commitOrRollback: "8" } : fields)
        return JSON.stringify(codec.encode(header as Parameters<typeof codec.encode>[0]))
      })
      const theirs = yield* JavaValues.answers(
        "5.5.0",
        "HeadersMain",
        names.map((name, i) => `read ${name} ${hex(Buffer.from(ours[i]))}`)
      )
      theirs.forEach((fields, i) => {
        const { bname, ...rest } = JSON.parse(ours[i])
        // Of the two names of the broker it reads only the short one.
        const expected = names[i] === "SendMessageRequestHeaderV2" || bname === undefined ? rest : { ...rest, bname }
        assert.deepStrictEqual(JSON.parse(fields), expected, names[i])
      })
    }))
})

for (const release of JavaValues.releases) {
  describe(`Java ${release}`, () => {
    it.effect("reads our bodies as we mean them", () =>
      Effect.gen(function*() {
        const names = [...bodyCodecs.keys()]
        const samples = yield* JavaValues.answers(release, "BodiesMain", names.map((name) => `sample ${name}`))
        const theirs = yield* JavaValues.answers(
          release,
          "BodiesMain",
          names.map((name, i) => `read ${name} ${hex(bodyCodecs.get(name)!.encode(decoded(name, samples[i])))}`)
        )
        names.forEach((name, i) => assert.deepStrictEqual(comparable(theirs[i]), comparable(samples[i]), name))
      }))

    it.effect("reads routes in standard JSON, and deflated registrations", () =>
      Effect.gen(function*() {
        const [routeSample, registrationSample] = yield* JavaValues.answers(release, "BodiesMain", [
          "sample TopicRouteData",
          "sample RegisterBrokerBody"
        ])
        const route = decoded("TopicRouteData", routeSample) as TopicRouteData
        const registration = decoded("RegisterBrokerBody", registrationSample) as RegisterBrokerBody
        const [readRoute, readRegistration] = yield* JavaValues.answers(release, "BodiesMain", [
          `read TopicRouteData ${hex(encodeStandard(route))}`,
          `read-compressed ${hex(encodeCompressed(registration))}`
        ])
        assert.deepStrictEqual(comparable(readRoute), comparable(routeSample))
        const { filterServerList, topicConfigSerializeWrapper } = registration
        const read = decoded("RegisterBrokerBody", readRegistration) as RegisterBrokerBody
        assert.deepStrictEqual(read.filterServerList, filterServerList)
        assert.deepStrictEqual(read.topicConfigSerializeWrapper.dataVersion, topicConfigSerializeWrapper.dataVersion)
        assert.sameDeepMembers(
          Object.values(read.topicConfigSerializeWrapper.topicConfigTable).map((topic) => plain(topic)),
          Object.values(topicConfigSerializeWrapper.topicConfigTable).map((topic) =>
            plain({ ...topic, order: false, topicSysFlag: 0 })
          )
        )
        assert.sameDeepMembers(
          Object.values(read.topicConfigSerializeWrapper.topicQueueMappingInfoMap).map(plain),
          Object.values(topicConfigSerializeWrapper.topicQueueMappingInfoMap).map(plain)
        )
      }))
  })
}
