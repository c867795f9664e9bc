/**
 * A growing buffer that frames are encoded into, so that all frames of one tick leave in one write.
 */

/** The bounds of a new slab's size; a slab that has to hold more grows beyond. */
const smallestCapacity = 1024
const largestCapacity = 256 * 1024

const empty: Buffer = Buffer.alloc(0)

const viewOf = (slab: Buffer): DataView => new DataView(slab.buffer, slab.byteOffset, slab.length)

const emptyWords = viewOf(empty)

const within = (capacity: number): number => Math.min(Math.max(capacity, smallestCapacity), largestCapacity)

/**
 * A growing write buffer. `buffer[0]` up to `buffer[length - 1]` is what was written; the rest is scratch space.
 *
 * A writer calls `reserve(n)`, writes at `length` into `buffer`, and then advances `length`; what it wrote without
 * advancing `length` never happened.
 */
export class FrameArena {
  /** The current slab. Replaced by `reserve` and `detach`: never hold on to it across those. */
  buffer: Buffer = empty
  /** The same slab, for whole words. */
  words: DataView = emptyWords
  /** The number of bytes written. */
  length = 0
  private nextCapacity: number

  /** @param capacity the size in bytes of the first slab, 1 KiB to 256 KiB, allocated when first needed */
  constructor(capacity: number = 16 * 1024) {
    this.nextCapacity = within(capacity)
  }

  /** Makes room for `size` more bytes after `length`. What was written stays, though perhaps in a new slab. */
  reserve(size: number): void {
    this.ensure(this.length, size)
  }

  /** Makes room for `size` bytes from position `at` on, and keeps all bytes before it, written or not. */
  ensure(at: number, size: number): void {
    if (at + size > this.buffer.length) {
      this.grow(at, at + size)
    }
  }

  /** The written bytes, in place: valid until the next `reset`. */
  view(): Buffer {
    return this.buffer.subarray(0, this.length)
  }

  /** Forgets what was written and keeps the slab unless it is large. Only when nobody reads the last `view` any more. */
  reset(): void {
    if (this.buffer.length > largestCapacity) {
      this.drop()
    }
    this.length = 0
  }

  /**
   * Hands the written bytes away, to be owned by the caller, and starts a new slab when next needed. Its size follows
   * what recent slabs held.
   */
  detach(): Buffer {
    const written = this.view()
    this.nextCapacity = within(Math.max(this.length * 2, this.nextCapacity >>> 1))
    this.drop()
    return written
  }

  private drop(): void {
    this.buffer = empty
    this.words = emptyWords
    this.length = 0
  }

  private grow(kept: number, needed: number): void {
    const capacity = Math.max(needed, this.nextCapacity, 2 * this.buffer.length)
    const grown = Buffer.allocUnsafe(capacity)
    this.buffer.copy(grown, 0, 0, kept)
    this.buffer = grown
    this.words = viewOf(grown)
  }
}
