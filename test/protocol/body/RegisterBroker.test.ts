import { assert, describe, it } from "@effect/vitest"
import { readFileSync } from "node:fs"
import { deflateSync } from "node:zlib"
import * as BodyCodec from "../../../src/protocol/body/BodyCodec.ts"
import * as RegisterBroker from "../../../src/protocol/body/RegisterBroker.ts"
import { MqVersion } from "../../../src/protocol/MqVersion.ts"
import { plain } from "./bodies.ts"

const goldens: ReadonlyArray<{ readonly name: string; readonly json: string }> = JSON.parse(
  readFileSync(new URL("../../fixtures/values/bodies.json", import.meta.url), "utf8")
)
const golden = (name: string): string => goldens.find((each) => each.name === name)!.json

const decoded = (value: RegisterBroker.RegisterBrokerBody | BodyCodec.BodyViolation) => {
  if (BodyCodec.isViolation(value)) {
    throw new Error(`${value.path} ${value.detail}`)
  }
  return value
}

const sample = decoded(RegisterBroker.RegisterBrokerBody.decode(Buffer.from(golden("sample RegisterBrokerBody"))))
const zero = { counter: 0, stateVersion: 0, timestamp: 0 }

/** What the deflated form keeps of a body; it names topics and mappings after themselves. */
const kept = (body: RegisterBroker.RegisterBrokerBody): unknown => {
  const { dataVersion, topicConfigTable, topicQueueMappingInfoMap } = body.topicConfigSerializeWrapper
  return plain({
    filterServerList: body.filterServerList,
    topicConfigSerializeWrapper: {
      dataVersion,
      mappingDataVersion: zero,
      topicConfigTable: Object.fromEntries(
        Object.values(topicConfigTable).map((topic) => [topic.topicName, { ...topic, order: false, topicSysFlag: 0 }])
      ),
      topicQueueMappingDetailMap: {},
      topicQueueMappingInfoMap: Object.fromEntries(
        Object.values(topicQueueMappingInfoMap).map((mapping) => [mapping.topic, mapping])
      )
    }
  })
}

const compressed = Buffer.from(golden("compressed RegisterBrokerBody"), "hex")

/** A deflated body of these parts. */
const deflated = (...parts: ReadonlyArray<string | number>): Uint8Array =>
  deflateSync(Buffer.concat(parts.flatMap((part) => {
    const bytes = Buffer.from(typeof part === "string" ? part : "")
    const size = Buffer.alloc(4)
    size.writeInt32BE(typeof part === "string" ? bytes.length : part)
    return [size, bytes]
  })))

const version = "{\"counter\":1,\"stateVersion\":0,\"timestamp\":5}"

describe("decodeCompressed", () => {
  it("reads what Java deflates", () => {
    const body = decoded(RegisterBroker.decodeCompressed(compressed, MqVersion.V5_5_0))
    assert.deepStrictEqual(plain(body), kept(sample))
  })

  it("reads what encodeCompressed deflates", () => {
    const body = decoded(
      RegisterBroker.decodeCompressed(RegisterBroker.encodeCompressed(sample), MqVersion.V5_0_0)
    )
    assert.deepStrictEqual(plain(body), kept(sample))
  })

  it("looks for queue mappings from 5.0.0 on", () => {
    const bytes = deflated(version, 0, "[]")
    const body = decoded(RegisterBroker.decodeCompressed(bytes, MqVersion.V4_9_4))
    assert.deepStrictEqual(body.topicConfigSerializeWrapper.dataVersion, { counter: 1, stateVersion: 0, timestamp: 5 })
    assert.isTrue(BodyCodec.isViolation(RegisterBroker.decodeCompressed(bytes, MqVersion.V5_0_0)))
  })

  it("leaves out attributes that are none, as Java does", () => {
    for (const attributes of ["", " ", " {\"a", " {\"a\":\"b c\"}"]) {
      const bytes = deflated(version, 1, `t 4 8 6 SINGLE_TAG${attributes}`, "[]")
      const body = decoded(RegisterBroker.decodeCompressed(bytes, MqVersion.V4_9_4))
      assert.deepInclude(plain(body.topicConfigSerializeWrapper.topicConfigTable), {
        t: {
          attributes: attributes.endsWith("}") ? { a: "b c" } : {},
          order: false,
          perm: 6,
          readQueueNums: 4,
          topicFilterType: "SINGLE_TAG",
          topicName: "t",
          topicSysFlag: 0,
          writeQueueNums: 8
        }
      })
    }
  })

  it("takes every topic for data", () => {
    const bytes = deflated(version, 1, "__proto__ 1 1 6 SINGLE_TAG {}", "[]")
    const body = decoded(RegisterBroker.decodeCompressed(bytes, MqVersion.V4_9_4))
    assert.deepStrictEqual(Object.keys(body.topicConfigSerializeWrapper.topicConfigTable), ["__proto__"])
  })

  const broken: Readonly<Record<string, Uint8Array | undefined>> = {
    "nothing": undefined,
    "bytes that are not deflated": Buffer.from("{}"),
    "a deflated body that ends early": compressed.subarray(0, 100),
    "a body without parts": deflated(),
    "a version that is none": deflated("x", 0, "[]", 0),
    "a part of a negative length": deflated(-1),
    "a part that is longer than the body": deflated(version, 1, 1000),
    "fewer topics than announced": deflated(version, 0x7fffffff, "t 4 8 6 SINGLE_TAG {}"),
    "a topic without settings": deflated(version, 1, "t 4 8 6", "[]", 0),
    "a topic whose settings are no numbers": deflated(version, 1, "t x 8 6 SINGLE_TAG {}", "[]", 0)
  }
  for (const [what, bytes] of Object.entries(broken)) {
    it(`refuses ${what}`, () => {
      assert.isTrue(BodyCodec.isViolation(RegisterBroker.decodeCompressed(bytes, MqVersion.V5_0_0)))
    })
  }

  it("refuses a body that inflates beyond the limit", () => {
    const bomb = deflateSync(Buffer.alloc(1 << 20))
    assert.isTrue(BodyCodec.isViolation(RegisterBroker.decodeCompressed(bomb, MqVersion.V5_0_0, 1 << 10)))
  })
})

describe("bodyCrc32", () => {
  it("is the CRC-32 without its highest bit", () => {
    assert.strictEqual(RegisterBroker.bodyCrc32(Buffer.from("123456789")), 0xcbf43926 & 0x7fffffff)
  })
})
