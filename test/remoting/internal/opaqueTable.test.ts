import { assert, describe, it } from "@effect/vitest"
import { OpaqueTable } from "../../../src/remoting/internal/opaqueTable.ts"
import type { PendingCall } from "../../../src/remoting/internal/pendingCall.ts"

const call = (opaque: number, sequence = opaque): PendingCall => ({ opaque, sequence }) as PendingCall

describe("OpaqueTable", () => {
  it("finds what was added, and nothing else", () => {
    const table = new OpaqueTable()
    const one = call(1)
    table.add(one)
    assert.strictEqual(table.get(1), one)
    assert.isUndefined(table.get(2))
    assert.isUndefined(table.get(1 + 256))
    assert.strictEqual(table.size, 1)
  })

  it("keeps a call that others of the same low bits come and go around", () => {
    const table = new OpaqueTable()
    const poll = call(7)
    table.add(poll)
    for (let lap = 1; lap <= 100; lap++) {
      const other = call(7 + lap * 256)
      table.add(other)
      assert.strictEqual(table.get(other.opaque), other)
      table.delete(other.opaque)
      assert.isUndefined(table.get(other.opaque))
    }
    assert.strictEqual(table.get(7), poll)
    assert.strictEqual(table.size, 1)
  })

  it("finds a call that had to give way when the first of its low bits has gone", () => {
    const table = new OpaqueTable()
    const second = call(7 + 256)
    table.add(call(7))
    table.add(second)
    table.delete(7)
    assert.strictEqual(table.get(second.opaque), second)
    table.delete(second.opaque)
    assert.strictEqual(table.size, 0)
  })

  it("deletes nothing that is not there", () => {
    const table = new OpaqueTable()
    table.add(call(1))
    table.delete(1 + 256)
    table.delete(2)
    assert.strictEqual(table.size, 1)
  })

  it("gives back everything, in the order of submission, and is empty then", () => {
    const table = new OpaqueTable()
    const calls = Array.from({ length: 1_000 }, (_, index) => call(0x7fff_ffff - index * 255, index))
    for (const one of calls) table.add(one)
    assert.strictEqual(table.size, 1_000)
    assert.deepStrictEqual(table.take().map(({ sequence }) => sequence), calls.map(({ sequence }) => sequence))
    assert.strictEqual(table.size, 0)
    assert.isTrue(calls.every(({ opaque }) => table.get(opaque) === undefined))
  })

  it("behaves like a Map, whatever is added and deleted", () => {
    const table = new OpaqueTable()
    const model = new Map<number, PendingCall>()
    let state = 42
    const random = (bound: number) => (state = (state * 1_103_515_245 + 12_345) & 0x7fff_ffff) % bound
    for (let step = 0; step < 20_000; step++) {
      const opaque = random(4_000)
      if (model.has(opaque)) {
        table.delete(opaque)
        model.delete(opaque)
      } else {
        const one = call(opaque)
        table.add(one)
        model.set(opaque, one)
      }
      const probe = random(4_000)
      assert.strictEqual(table.get(probe), model.get(probe))
      assert.strictEqual(table.size, model.size)
    }
  })
})
