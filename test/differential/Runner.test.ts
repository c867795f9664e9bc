import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { Generator } from "./Generator.ts"
import type { Outcome } from "./Outcome.ts"
import { differences, outcomeOf } from "./Outcome.ts"
import { shrink } from "./Runner.ts"

const options = { addresses: ["127.0.0.1:10911"], prefix: "s1" }

const answer = (code: number, remark: string | undefined, extFields: Record<string, string>, body = "") => ({
  code,
  remark,
  extFields,
  body: Buffer.from(body)
})

describe("outcomes", () => {
  it("know neither hosts, ids nor times", () => {
    const outcome = (port: number, time: number): Outcome =>
      outcomeOf(
        17,
        answer(1, `queue of 127.0.0.1:${port} at ${time}`, { msgId: `7F000001${"0".repeat(20)}${port % 9}ABC` }),
        {
          ...options,
          addresses: []
        }
      )
    const now = Date.now()
    assert.deepStrictEqual(differences(outcome(10_911, now), outcome(10_912, now + 5)), [])
  })

  it("differ in times that requests named", () => {
    const outcome = (time: number) => outcomeOf(30, answer(0, undefined, { offset: String(time) }), options)
    assert.deepStrictEqual(
      differences(outcome(1_600_000_000_000), outcome(1_600_000_000_001)).map(({ path }) => path),
      ["extFields.offset"]
    )
  })

  it("have no order in lists and objects of bodies", () => {
    const outcome = (body: string) => outcomeOf(38, answer(0, undefined, {}, body), options)
    assert.deepStrictEqual(
      differences(outcome("{\"a\":1,\"b\":[{\"c\":1},{\"c\":2}]}"), outcome("{\"b\":[{\"c\":2},{\"c\":1}],\"a\":1}")),
      []
    )
  })

  it("of lists of everything have but what is of the sequence", () => {
    const outcome = (body: string) => outcomeOf(206, answer(0, undefined, {}, body), options)
    assert.deepStrictEqual(
      differences(outcome("{\"topicList\":[\"s1-a\",\"other\"]}"), outcome("{\"topicList\":[\"s1-a\"]}")),
      []
    )
    assert.strictEqual(
      differences(outcome("{\"topicList\":[\"s1-a\",\"s1-b\"]}"), outcome("{\"topicList\":[\"s1-a\"]}")).length,
      1
    )
  })

  it("with different codes differ in that alone", () => {
    const found = differences(
      outcomeOf(11, answer(0, undefined, { offset: "1" }), options),
      outcomeOf(11, answer(19, "none", {}), options)
    )
    assert.deepStrictEqual(found.map(({ path }) => path), ["code"])
  })
})

describe("sequences", () => {
  it("are those of their seed, but for their names", () => {
    const names = (run: string) => new Generator(7, run, 0).sequence(50).map(({ id, name }) => `${id} ${name}`)
    assert.deepStrictEqual(names("a"), names("b"))
  })

  it.effect("are shortened to what shows the difference", () =>
    Effect.promise(async () => {
      const all = Array.from({ length: 50 }, (_, index) => index)
      const fails = (left: ReadonlyArray<number>) => Promise.resolve(left.includes(3) && left.includes(41))
      assert.deepStrictEqual(await shrink(all, fails), [3, 41])
    }))
})
