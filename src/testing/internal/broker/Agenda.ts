/** What is to happen at some time, for one broker: a heap, and the fiber that sleeps until its first entry is due. */

/** Something due. */
export interface Due {
  /** Epoch milliseconds. */
  readonly at: number
  /** Runs once, no earlier than `at`. */
  readonly run: () => void
}

interface Entry extends Due {
  readonly order: number
  cancelled: boolean
}

/** Entries by time, of equal times the one that was added first. */
export class Agenda {
  private heap: Array<Entry> = []
  private added = 0
  private live = 0
  /** Told when a new entry comes before all others. */
  onEarlier: (() => void) | undefined = undefined

  /** Adds an entry; returns what takes it back. */
  add(at: number, run: () => void): () => void {
    const entry: Entry = { at, run, order: this.added++, cancelled: false }
    this.push(entry)
    this.live++
    if (this.heap[0] === entry) this.onEarlier?.()
    return () => {
      if (entry.cancelled) return
      entry.cancelled = true
      this.live--
      this.sweep()
    }
  }

  /** The time of the first entry, or `Infinity`. */
  earliest(): number {
    while (this.heap.length > 0 && this.heap[0]!.cancelled) this.pop()
    return this.heap.length > 0 ? this.heap[0]!.at : Infinity
  }

  /** Takes out the first entry if it is due. */
  takeDue(now: number): Due | undefined {
    if (this.earliest() > now) return undefined
    const entry = this.pop()
    entry.cancelled = true
    this.live--
    return entry
  }

  /** Entries that wait. */
  get size(): number {
    return this.live
  }

  /** Entries taken back stay until they are half of the heap. */
  private sweep(): void {
    if (this.heap.length < 64 || this.live > this.heap.length / 2) return
    // A sorted array is a heap.
    this.heap = this.heap.filter((entry) => !entry.cancelled).sort((left, right) => before(left, right) ? -1 : 1)
  }

  private push(entry: Entry): void {
    const heap = this.heap
    let at = heap.push(entry) - 1
    while (at > 0) {
      const parent = (at - 1) >>> 1
      if (before(heap[parent]!, entry)) break
      heap[at] = heap[parent]!
      at = parent
    }
    heap[at] = entry
  }

  private pop(): Entry {
    const heap = this.heap
    const top = heap[0]!
    const last = heap.pop()!
    if (heap.length === 0) return top
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++
      if (before(last, heap[child]!)) break
      heap[at] = heap[child]!
      at = child
    }
    heap[at] = last
    return top
  }
}

const before = (left: Entry, right: Entry): boolean =>
  left.at < right.at || (left.at === right.at && left.order < right.order)
