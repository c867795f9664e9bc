import { grown, grownLength } from "./arrays.ts"

/** One queue of a topic: where its messages lie in the commit log, in 16 bytes a message. */
export class ConsumeQueue {
  /** Offset of the first message that is still there. */
  minOffset = 0
  /** Offset that the next message gets. */
  maxOffset = 0
  private positions = new Float64Array(16)
  private sizes = new Int32Array(16)
  private tags = new Int32Array(16)
  /** Queue offset of the first slot. */
  private first = 0

  /** Adds the message at that physical offset. One that holds a batch takes as many queue offsets as it has members. */
  add(position: number, size: number, tagsCode: number, members = 1): void {
    for (let member = 0; member < members; member++) {
      const slot = this.maxOffset - this.first
      if (slot === this.positions.length) this.grow()
      this.positions[slot] = position
      this.sizes[slot] = size
      this.tags[slot] = tagsCode
      this.maxOffset++
    }
  }

  /** The queue offset after the message at `offset`. */
  after(offset: number): number {
    const position = this.position(offset)
    let next = offset + 1
    while (next < this.maxOffset && this.position(next) === position) next++
    return next
  }

  /** Physical offset of a message between `minOffset` and `maxOffset`. */
  position(offset: number): number {
    return this.positions[offset - this.first]!
  }

  /** Stored size of a message between `minOffset` and `maxOffset`. */
  size(offset: number): number {
    return this.sizes[offset - this.first]!
  }

  /** Hash of its tags; 0 when it has none. */
  tagsCode(offset: number): number {
    return this.tags[offset - this.first]!
  }

  /** Forgets what lies before that physical offset. */
  dropBefore(position: number): void {
    while (this.minOffset < this.maxOffset && this.position(this.minOffset) < position) this.minOffset++
    const gone = this.minOffset - this.first
    if (gone < 1_024 || gone < this.positions.length / 2) return
    this.positions = this.positions.slice(gone)
    this.sizes = this.sizes.slice(gone)
    this.tags = this.tags.slice(gone)
    this.first = this.minOffset
  }

  private grow(): void {
    const length = grownLength(this.positions.length)
    this.positions = grown(this.positions, new Float64Array(length))
    this.sizes = grown(this.sizes, new Int32Array(length))
    this.tags = grown(this.tags, new Int32Array(length))
  }
}
