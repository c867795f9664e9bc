import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Schema from "effect/Schema"
import { readFileSync } from "node:fs"
import { isViolation } from "../../../src/protocol/header/HeaderCodec.ts"
import { PullMessageRequestHeader } from "../../../src/protocol/header/PullMessage.ts"
import { QueryMessageRequestHeader } from "../../../src/protocol/header/QueryMessage.ts"
import {
  SendMessageRequestHeader,
  SendMessageRequestHeaderV2,
  SendMessageResponseHeader
} from "../../../src/protocol/header/SendMessage.ts"
import type { ExtFields } from "../../../src/protocol/RemotingCommand.ts"
import { type Header, headerCodecs, withoutClass } from "./headers.ts"

interface Golden {
  readonly name: string
  /** What Java writes for a header with something in every field. */
  readonly fields: ExtFields
  /** The fields that Java says must be there. */
  readonly notNull: ReadonlyArray<string>
}

const goldens: ReadonlyArray<Golden> = JSON.parse(
  readFileSync(new URL("../../fixtures/values/headers.json", import.meta.url), "utf8")
)

/** Fields of Java's base classes that are not part of a header here: hooks add the namespace. */
const ofTheBase = new Set(["lo", "ns", "nsd", "oway"])

/** What a header has of Java's fields. */
const known = (fields: ExtFields): ExtFields =>
  Object.fromEntries(Object.entries(fields).filter(([name]) => !ofTheBase.has(name)))

const decoded = (name: string, fields: ExtFields): Header => {
  const header = headerCodecs.get(name)!.decode(fields)
  if (isViolation(header)) {
    throw new Error(`${name}: ${header.field} ${header.detail}`)
  }
  return header
}

const without = (fields: ExtFields, field: string): ExtFields =>
  Object.fromEntries(Object.entries(fields).filter(([name]) => name !== field))

describe("headers", () => {
  it("are those of Java, and two more", () => {
    assert.deepStrictEqual(
      new Set([...goldens.map(({ name }) => name), ...withoutClass]),
      new Set(headerCodecs.keys())
    )
  })

  for (const { fields, name, notNull } of goldens) {
    describe(`${name}`, () => {
      const codec = headerCodecs.get(name)!
      // The two names of the broker are one field here.
      const written = name === "SendMessageRequestHeaderV2" ? { ...fields, bname: fields["n"] } : fields

      it("has the fields that Java writes, under the same names, and no others", () => {
        assert.deepStrictEqual({ ...codec.encode(decoded(name, written)) }, known(written))
      })

      it("needs no field that Java does not need, and takes a missing one for a violation or a default", () => {
        for (const field of Object.keys(known(fields))) {
          const header = codec.decode(without(without(written, field), field === "n" ? "bname" : field))
          if (isViolation(header)) {
            assert.strictEqual(header.detail, "is missing")
            assert.include([...notNull, ...needed[name] ?? []], field)
          } else {
            assert.isAtMost(Object.keys(codec.encode(header)).length, Object.keys(known(written)).length)
          }
        }
      })

      it("says which number it cannot read", () => {
        for (const [field, text] of Object.entries(known(fields))) {
          if (/^\d+$/.test(text)) {
            const header = codec.decode({ ...fields, [field]: "many" })
            assert.isTrue(isViolation(header), field)
          }
        }
      })
    })
  }
})

/** What is needed without Java saying so: without it the request means nothing. */
const needed: Readonly<Record<string, ReadonlyArray<string>>> = {
  CreateAclRequestHeader: ["subject"],
  CreateUserRequestHeader: ["username"],
  DeleteAclRequestHeader: ["subject"],
  DeleteUserRequestHeader: ["username"],
  GetAclRequestHeader: ["subject"],
  GetUserRequestHeader: ["username"],
  UpdateAclRequestHeader: ["subject"],
  UpdateUserRequestHeader: ["username"],
  QueryConsumeQueueRequestHeader: ["topic", "queueId", "index", "count"]
}

const int = Schema.Int.check(Schema.isBetween({ minimum: -0x80000000, maximum: 0x7fffffff }))
const long = Schema.Int

/** A value of the same kind as one of Java's: its longs are larger than any int. */
const like = (value: string | number | boolean): Arbitrary.Arbitrary<string | number | boolean> =>
  typeof value === "boolean"
    ? Arbitrary.schema(Schema.Boolean)
    : typeof value === "string"
    ? Arbitrary.schema(value === "UPPER" || value === "MULTI_TAG" ? Schema.Literal(value) : Schema.String)
    : Arbitrary.map(Arbitrary.schema(value > 0x7fffffff ? long : int), (number) => number + 0)

describe("round trips", () => {
  for (const { fields, name } of goldens) {
    const codec = headerCodecs.get(name)!
    const sample = decoded(name, fields)
    const header = Arbitrary.all(Object.fromEntries(Object.entries(sample).map(([key, value]) => [key, like(value)])))
    it.prop(`of ${name}`, [header], ([values]) => {
      assert.deepStrictEqual(codec.decode(codec.encode(values)), values)
    })
  }
})

const send = {
  producerGroup: "group",
  topic: "topic",
  defaultTopic: "TBW102",
  defaultTopicQueueNums: 4,
  queueId: 3,
  sysFlag: 1,
  bornTimestamp: 1700000000123,
  flag: 7,
  properties: "KEYS\u0001k\u0002",
  reconsumeTimes: 0,
  unitMode: false,
  batch: true
}

describe("SendMessageRequestHeaderV2", () => {
  const short: ExtFields = {
    a: "group",
    b: "topic",
    c: "TBW102",
    d: "4",
    e: "3",
    f: "1",
    g: "1700000000123",
    h: "7",
    i: "KEYS\u0001k\u0002",
    j: "0",
    k: "false",
    m: "true"
  }

  it("has names of one letter, and the broker's twice", () => {
    assert.deepStrictEqual({ ...SendMessageRequestHeaderV2.encode({ ...send, brokerName: "b-a" }) }, {
      ...short,
      n: "b-a",
      bname: "b-a"
    })
  })

  it("has no name of a broker that is not given", () => {
    assert.deepStrictEqual({ ...SendMessageRequestHeaderV2.encode(send) }, short)
  })

  it("says after how many attempts messages go to the dead letters", () => {
    assert.deepStrictEqual(
      { ...SendMessageRequestHeaderV2.encode({ ...send, maxReconsumeTimes: 16, brokerName: "b" }) },
      { ...short, n: "b", bname: "b", l: "16" }
    )
    assert.deepStrictEqual({ ...SendMessageRequestHeaderV2.encode({ ...send, maxReconsumeTimes: 16 }) }, {
      ...short,
      l: "16"
    })
  })

  it("is the same record as the header with names in full", () => {
    const header = { ...send, maxReconsumeTimes: 3, brokerName: "b" }
    assert.deepStrictEqual(
      SendMessageRequestHeaderV2.decode(SendMessageRequestHeaderV2.encode(header)),
      SendMessageRequestHeader.decode(SendMessageRequestHeader.encode(header))
    )
  })

  it("finds the broker under either name, the short one first", () => {
    assert.deepInclude(SendMessageRequestHeaderV2.decode({ ...short, bname: "b" }), { brokerName: "b" })
    assert.deepInclude(SendMessageRequestHeaderV2.decode({ ...short, n: "a", bname: "b" }), { brokerName: "a" })
  })

  it("reads what Java leaves out as its defaults", () => {
    const { i: _i, j: _j, k: _k, m: _m, ...rest } = short
    assert.deepStrictEqual(SendMessageRequestHeaderV2.decode(rest), { ...send, properties: "", batch: false })
  })

  it("names a field that it cannot read as it is called in the record", () => {
    assert.deepInclude(SendMessageRequestHeaderV2.decode({ ...short, e: "x" }), { field: "queueId" })
  })
})

describe("SendMessageResponseHeader", () => {
  it("has the region and the tracing that brokers add", () => {
    assert.deepStrictEqual(
      SendMessageResponseHeader.decode({
        msgId: "7F00000100002A9F0000000000000001",
        queueId: "1",
        queueOffset: "12",
        MSG_REGION: "DefaultRegion",
        TRACE_ON: "true"
      }),
      {
        msgId: "7F00000100002A9F0000000000000001",
        queueId: 1,
        queueOffset: 12,
        regionId: "DefaultRegion",
        traceOn: true
      }
    )
  })
})

describe("PullMessageRequestHeader", () => {
  it("is written field by field", () => {
    assert.deepStrictEqual(
      PullMessageRequestHeader.encode({
        consumerGroup: "g",
        topic: "t",
        queueId: 2,
        queueOffset: 5,
        maxMsgNums: 32,
        sysFlag: 6,
        commitOffset: 0,
        suspendTimeoutMillis: 15000,
        subscription: "*",
        subVersion: 1700000000000,
        expressionType: "TAG",
        brokerName: "b"
      }),
      {
        consumerGroup: "g",
        topic: "t",
        queueId: "2",
        queueOffset: "5",
        maxMsgNums: "32",
        sysFlag: "6",
        commitOffset: "0",
        suspendTimeoutMillis: "15000",
        subscription: "*",
        subVersion: "1700000000000",
        expressionType: "TAG",
        bname: "b"
      }
    )
  })
})

describe("QueryMessageRequestHeader", () => {
  it("takes Java's end of time for the largest number", () => {
    assert.deepStrictEqual(
      QueryMessageRequestHeader.decode({
        topic: "t",
        key: "k",
        maxNum: "64",
        beginTimestamp: "0",
        endTimestamp: "9223372036854775807",
        _UNIQUE_KEY_QUERY: "false"
      }),
      {
        topic: "t",
        key: "k",
        maxNum: 64,
        beginTimestamp: 0,
        endTimestamp: Number.MAX_SAFE_INTEGER,
        uniqueKeyQuery: false
      }
    )
  })
})
