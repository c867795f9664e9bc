import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { Deadlines } from "../../../src/remoting/internal/deadlines.ts"
import { PendingCall } from "../../../src/remoting/internal/pendingCall.ts"
import * as ResponseFutures from "../../../src/remoting/ResponseFutures.ts"

const nobody: PendingCall["owner"] = {
  refused: () => {},
  lost: () => {},
  expired: () => {
    throw new Error("nobody asks")
  }
}

/** Makes calls with a timeout, submitted at a time, and numbers them from 1. */
const calls = Effect.map(ResponseFutures.make(), (futures) => {
  let made = 0
  return (timeoutMillis: number, at: number) => {
    const call = new PendingCall(
      futures,
      nobody,
      "10.0.0.1:1",
      { code: 1 },
      false,
      { timeoutMillis, goAwayHops: 0, repeatable: false, failFast: false },
      at + timeoutMillis,
      () => {}
    )
    call.sequence = ++made
    return call
  }
})

const numbers = (taken: Iterable<PendingCall>) => Array.from(taken, (call) => call.sequence)

const ascending = (left: number, right: number) => left - right

/** Numbers in [0, below), the same for the same seed. */
const generator = (seed: number) => {
  let state = seed
  return (below: number) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

describe("Deadlines", () => {
  it.effect("knows no deadline when there is none", () =>
    Effect.gen(function*() {
      const deadlines = new Deadlines()
      assert.strictEqual(deadlines.earliest(), Infinity)
      assert.deepStrictEqual(deadlines.takeDue(Infinity), [])
      const call = (yield* calls)(3_000, 0)
      deadlines.add(call)
      assert.strictEqual(deadlines.earliest(), 3_000)
      deadlines.remove(call)
      assert.strictEqual(deadlines.earliest(), Infinity)
      assert.deepStrictEqual(deadlines.takeDue(Infinity), [])
    }))

  it.effect("takes out what is due, no more, and each once", () =>
    Effect.gen(function*() {
      const make = yield* calls
      const deadlines = new Deadlines()
      const [one, two, three] = [make(100, 0), make(100, 50), make(100, 100)]
      for (const call of [one, two, three]) deadlines.add(call)
      assert.deepStrictEqual(numbers(deadlines.takeDue(150)), [1, 2])
      assert.deepStrictEqual(deadlines.takeDue(150), [])
      assert.strictEqual(deadlines.earliest(), 200)
    }))

  it.effect("takes a call whose clock reading was older than the one before it", () =>
    Effect.gen(function*() {
      const make = yield* calls
      const deadlines = new Deadlines()
      const [one, early, two] = [make(100, 10), make(100, 9), make(100, 11)]
      for (const call of [one, early, two]) deadlines.add(call)
      assert.strictEqual(deadlines.earliest(), 109)
      assert.deepStrictEqual(numbers(deadlines.takeDue(200)), [2, 1, 3])
    }))

  it.effect("removes what was taken out already without harm", () =>
    Effect.gen(function*() {
      const make = yield* calls
      const deadlines = new Deadlines()
      const [one, two] = [make(100, 0), make(100, 1)]
      deadlines.add(one)
      deadlines.add(two)
      deadlines.takeDue(100)
      deadlines.remove(one)
      deadlines.remove(one)
      assert.deepStrictEqual(numbers(deadlines.takeDue(101)), [2])
    }))

  for (const timeouts of [1, 5, 32, 33, 1_000]) {
    it.effect(`agrees with a plain list, with ${timeouts} different timeouts`, () =>
      Effect.gen(function*() {
        const make = yield* calls
        const random = generator(timeouts)
        const deadlines = new Deadlines()
        const model = new Set<PendingCall>()
        let now = 0
        for (let step = 0; step < 5_000; step++) {
          const choice = random(10)
          if (choice < 5) {
            // A reading of the clock may be a little old.
            const call = make(10 + random(timeouts) * 3, now - random(2))
            deadlines.add(call)
            model.add(call)
          } else if (choice < 8 && model.size > 0) {
            const call = [...model][random(model.size)]
            deadlines.remove(call)
            model.delete(call)
          } else {
            now += random(5)
            const due = [...model].filter((call) => call.deadline <= now)
            for (const call of due) model.delete(call)
            const taken = deadlines.takeDue(now)
            assert.deepStrictEqual(numbers(taken).sort(ascending), numbers(due).sort(ascending))
            assert.isTrue(taken.every((call, index) => index === 0 || taken[index - 1].deadline <= call.deadline))
          }
          assert.strictEqual(deadlines.earliest(), Math.min(Infinity, ...[...model].map((call) => call.deadline)))
        }
      }))
  }

  it.effect("lets go of removed calls: the heap does not grow with them", () =>
    Effect.gen(function*() {
      const make = yield* calls
      const deadlines = new Deadlines()
      // 32 timeouts have lists, all others share the heap.
      for (let index = 0; index < 32; index++) deadlines.add(make(index + 1, 1_000_000))
      for (let index = 0; index < 10_000; index++) {
        const call = make(100 + (index % 500), index)
        deadlines.add(call)
        deadlines.remove(call)
      }
      const heap: unknown = Reflect.get(deadlines, "heap")
      assert(Array.isArray(heap))
      assert.isBelow(heap.length, 128)
    }))
})
