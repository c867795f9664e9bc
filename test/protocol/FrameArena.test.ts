import { assert, describe, it } from "@effect/vitest"
import { FrameArena } from "../../src/protocol/FrameArena.ts"

const write = (arena: FrameArena, text: string): void => {
  arena.reserve(text.length)
  arena.length += arena.buffer.write(text, arena.length, "latin1")
}

describe("FrameArena", () => {
  it("keeps what was written while it grows", () => {
    const arena = new FrameArena(16)
    let expected = ""
    for (let i = 0; i < 2000; i++) {
      write(arena, `${i};`)
      expected += `${i};`
    }
    assert.strictEqual(arena.view().toString("latin1"), expected)
  })

  it("shows the same bytes as words, after growing too", () => {
    const arena = new FrameArena(16)
    for (let i = 0; i < 1000; i++) {
      arena.reserve(4)
      arena.words.setInt32(arena.length, i)
      arena.length += 4
    }
    assert.deepStrictEqual(
      Array.from({ length: 1000 }, (_, i) => arena.buffer.readInt32BE(4 * i)),
      Array.from({ length: 1000 }, (_, i) => i)
    )
  })

  it("keeps bytes before a position that is not written up to yet", () => {
    const arena = new FrameArena(16)
    arena.ensure(0, 4)
    arena.buffer.write("abcd", 0, "latin1")
    arena.ensure(4, 1_000_000)
    assert.strictEqual(arena.buffer.toString("latin1", 0, 4), "abcd")
    assert.isAtLeast(arena.buffer.length, 1_000_004)
    assert.strictEqual(arena.length, 0)
  })

  it("allocates nothing before it is written to", () => {
    assert.strictEqual(new FrameArena(1024 * 1024).buffer.length, 0)
  })

  it("writes over what it held after a reset", () => {
    const arena = new FrameArena()
    write(arena, "first")
    const slab = arena.buffer
    arena.reset()
    write(arena, "second")
    assert.strictEqual(arena.buffer, slab)
    assert.strictEqual(arena.view().toString("latin1"), "second")
  })

  it("never writes to what it handed away", () => {
    const arena = new FrameArena()
    const slabs: Array<Buffer> = []
    for (let i = 0; i < 100; i++) {
      write(arena, `slab ${i}`)
      slabs.push(arena.detach())
      assert.strictEqual(arena.length, 0)
    }
    assert.deepStrictEqual(
      slabs.map((slab) => slab.toString("latin1")),
      slabs.map((_, i) => `slab ${i}`)
    )
  })

  it("starts slabs that suit what recent ones held, from 1 KiB to 256 KiB", () => {
    const arena = new FrameArena(16 * 1024)
    const nextSlab = (size: number): number => {
      write(arena, "x".repeat(size))
      arena.detach()
      write(arena, "x")
      const { length } = arena.buffer
      arena.detach()
      return length
    }
    assert.isAtLeast(nextSlab(100_000), 200_000)
    assert.strictEqual(nextSlab(10_000_000), 256 * 1024)
    for (let i = 0; i < 20; i++) {
      nextSlab(1)
    }
    assert.strictEqual(nextSlab(1), 1024)
  })

  it("gives up a large slab on a reset", () => {
    const arena = new FrameArena()
    write(arena, "x".repeat(10_000_000))
    arena.reset()
    assert.strictEqual(arena.length, 0)
    assert.strictEqual(arena.buffer.length, 0)
    write(arena, "small")
    assert.strictEqual(arena.view().toString("latin1"), "small")
  })
})
