import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Schema from "effect/Schema"
import { readFileSync } from "node:fs"
import { isViolation } from "../../../src/protocol/body/BodyCodec.ts"
import * as FastJson from "../../../src/protocol/body/FastJson.ts"
import { encodeStandard, TopicRouteData } from "../../../src/protocol/body/TopicRouteData.ts"
import { bodyCodecs, plain } from "./bodies.ts"

interface Golden {
  /** `sample <class>`: something in every field; `empty <class>`: the defaults. */
  readonly name: string
  /** The releases of RocketMQ that write it so. */
  readonly releases: ReadonlyArray<string>
  readonly json: string
}

const goldens: ReadonlyArray<Golden> = JSON.parse(
  readFileSync(new URL("../../fixtures/values/bodies.json", import.meta.url), "utf8")
)

const goldensOf = (kind: string) =>
  goldens.filter(({ name }) => name.startsWith(`${kind} `)).map((golden) => ({
    ...golden,
    name: golden.name.slice(kind.length + 1)
  }))

/**
 * Without what one side alone has: Java writes times as texts too, which it reads nowhere, and 5.3.3 does not write what
 * is forbidden to groups.
 */
const comparable = (name: string, json: unknown): unknown =>
  JSON.parse(
    JSON.stringify(plain(json)),
    (key, value) =>
      key.endsWith("Str") || (name === "SubscriptionGroupWrapper" && key === "forbiddenTable") ? undefined : value
  )

const samples = goldensOf("sample")

const decode = (name: string, json: Uint8Array | string) => bodyCodecs.get(name)!.decode(Buffer.from(json))

const decoded = (name: string, json: string): unknown => {
  const value = decode(name, json)
  if (isViolation(value)) {
    throw new Error(`${name}: ${value.path} ${value.detail}`)
  }
  return value
}

describe("bodies", () => {
  it("are those of Java", () => {
    assert.deepStrictEqual(new Set(samples.map(({ name }) => name)), new Set(bodyCodecs.keys()))
  })

  for (const { json, name, releases } of samples) {
    it(`${name} of ${releases.join(" and ")} have all that Java writes, and are written the same`, () => {
      const bytes = bodyCodecs.get(name)!.encode(decoded(name, json))
      assert.deepStrictEqual(comparable(name, FastJson.parse(bytes)), comparable(name, FastJson.parse(json)))
    })
  }

  // What must be there is missing in Java's own empty object, too.
  const empties = goldensOf("empty").filter((golden) => !isViolation(decode(golden.name, golden.json)))
  for (const { json, name, releases } of empties) {
    it(`${name} have the defaults of ${releases.join(" and ")}`, () => {
      assert.deepStrictEqual(decoded(name, name.endsWith("[]") ? "[]" : "{}"), decoded(name, json))
    })
  }
})

/** A value of the same shape: Java's longs are larger than any int. */
const like = (value: unknown): Arbitrary.Arbitrary<unknown> => {
  if (Array.isArray(value)) {
    return Arbitrary.all(value.map(like))
  }
  if (value instanceof Map) {
    return Arbitrary.map(
      Arbitrary.all([...value].map(([key, element]) => Arbitrary.all([Arbitrary.Constant(key), like(element)]))),
      (entries) => new Map(entries as Array<[unknown, unknown]>)
    )
  }
  if (value instanceof Uint8Array) {
    return Arbitrary.map(
      Arbitrary.array(Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 255 })))),
      (bytes) => Uint8Array.from(bytes)
    )
  }
  if (typeof value === "object" && value !== null) {
    return Arbitrary.all(Object.fromEntries(Object.entries(value).map(([key, member]) => [key, like(member)])))
  }
  if (typeof value === "number") {
    const maximum = value > 0x7fffffff ? Number.MAX_SAFE_INTEGER : 0x7fffffff
    return Arbitrary.map(
      Arbitrary.schema(
        Number.isInteger(value) ? Schema.Int.check(Schema.isBetween({ minimum: -maximum, maximum })) : Schema.Finite
      ),
      (number) => number + 0
    )
  }
  // Those with a number at their end are texts of any kind, the others are constants of enums.
  return Arbitrary.schema(
    typeof value === "boolean"
      ? Schema.Boolean
      : /-\d+$/.test(String(value))
      ? Schema.String
      : Schema.Literal(value as string)
  )
}

describe("round trips", () => {
  for (const { json, name } of samples) {
    const codec = bodyCodecs.get(name)!
    it.prop(`of ${name}`, [like(decoded(name, json))], ([value]) => {
      assert.deepStrictEqual(plain(codec.decode(codec.encode(value))), plain(value))
    }, { arbitrary: { runs: 50 } })
  }
})

describe("hostile bodies", () => {
  /** What may stand in the place of anything. */
  const junk = [
    "null",
    "5",
    "-1.5",
    "\"x\"",
    "true",
    "[]",
    "{}",
    "{{}:{}}",
    "[null]",
    "{\"$ref\":\"$\"}",
    "{\"$ref\":\"@\"}"
  ]
  for (const { json, name } of samples) {
    it(`of ${name} are read or refused, whatever stands in the place of a value`, () => {
      const values = [...json.matchAll(/(?<=[:[,])(?:"[^"]*"(?!:)|-?[\d.]+|true|false)(?=[,\]}])/g)]
      assert.isNotEmpty(values)
      for (const match of values) {
        for (const text of junk) {
          decode(name, json.slice(0, match.index) + text + json.slice(match.index + match[0].length))
        }
      }
    })

    it(`of ${name} are refused when they are cut off`, () => {
      for (let end = 0; end < json.length; end += 1 + (json.length >> 6)) {
        assert.isTrue(isViolation(decode(name, json.slice(0, end))))
      }
    })
  }
})

describe("TopicRouteData", () => {
  const { json } = samples.find(({ name }) => name === "TopicRouteData")!

  it("has numbers as keys in one form, and is standard JSON in the other", () => {
    const route = decoded("TopicRouteData", json) as TopicRouteData
    assert.include(Buffer.from(TopicRouteData.encode(route)).toString(), "{170000000001:\"")
    const standard = Buffer.from(encodeStandard(route)).toString()
    assert.include(standard, "{\"170000000001\":\"")
    assert.deepStrictEqual(JSON.parse(standard), plain(FastJson.parse(json)))
    assert.deepStrictEqual(TopicRouteData.decode(Buffer.from(standard)), route)
  })
})
