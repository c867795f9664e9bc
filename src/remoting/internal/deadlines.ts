/**
 * Deadlines without a timer per request. Requests with the same timeout expire
 * in the order of their submission, so each distinct timeout has a linked list
 * (6 ns a request against 385 ns for a timer); odd timeouts share a heap.
 */
import type { PendingCall } from "./pendingCall.ts"

/** Calls with one timeout, the earliest first. */
export class DeadlineList {
  head: PendingCall | undefined = undefined
  tail: PendingCall | undefined = undefined
}

/** Distinct timeouts that get a list of their own. */
const maxLists = 32

export class Deadlines {
  private readonly lists = new Map<number, DeadlineList>()
  /** Binary heap by deadline. */
  private heap: Array<PendingCall> = []
  /** Calls in the heap that have been removed: they stay until they are half of it. */
  private dead = 0
  private lastTimeout = -1
  private lastList: DeadlineList | undefined = undefined

  add(call: PendingCall): void {
    const timeout = call.options.timeoutMillis
    let list = this.lastList
    if (timeout !== this.lastTimeout || list === undefined) {
      list = this.lists.get(timeout)
      if (list === undefined) {
        if (this.lists.size >= maxLists) {
          this.push(call)
          return
        }
        list = new DeadlineList()
        this.lists.set(timeout, list)
      }
      this.lastTimeout = timeout
      this.lastList = list
    }
    const tail = list.tail
    // A cached clock reading may be older than the one before it.
    if (tail !== undefined && tail.deadline > call.deadline) {
      this.push(call)
      return
    }
    call.list = list
    call.previous = tail
    if (tail === undefined) list.head = call
    else tail.next = call
    list.tail = call
  }

  remove(call: PendingCall): void {
    const list = call.list
    if (list === undefined) {
      if (call.inHeap) this.removeFromHeap(call)
      return
    }
    const { next, previous } = call
    if (previous === undefined) list.head = next
    else previous.next = next
    if (next === undefined) list.tail = previous
    else next.previous = previous
    call.list = undefined
    call.next = undefined
    call.previous = undefined
  }

  /** The earliest deadline, or `Infinity`. */
  earliest(): number {
    let earliest = Infinity
    for (const list of this.lists.values()) {
      if (list.head !== undefined && list.head.deadline < earliest) earliest = list.head.deadline
    }
    while (this.heap.length > 0 && !this.heap[0]!.inHeap) this.pop()
    return this.heap.length > 0 ? Math.min(earliest, this.heap[0]!.deadline) : earliest
  }

  /** Takes out every call whose deadline is `now` or earlier. */
  takeDue(now: number): ReadonlyArray<PendingCall> {
    const due: Array<PendingCall> = []
    for (const list of this.lists.values()) {
      while (list.head !== undefined && list.head.deadline <= now) {
        const call = list.head
        this.remove(call)
        due.push(call)
      }
    }
    while (this.heap.length > 0 && (this.heap[0]!.deadline <= now || !this.heap[0]!.inHeap)) {
      const call = this.pop()
      if (call.inHeap) {
        call.inHeap = false
        due.push(call)
      }
    }
    return due.sort((left, right) => left.deadline - right.deadline)
  }

  private removeFromHeap(call: PendingCall): void {
    call.inHeap = false
    this.dead++
    if (this.heap.length < 64 || this.dead < this.heap.length / 2) return
    const live = this.heap.filter((one) => one.inHeap).sort((left, right) => left.deadline - right.deadline)
    // A sorted array is a heap.
    this.heap = live
    this.dead = 0
  }

  private push(call: PendingCall): void {
    const heap = this.heap
    call.inHeap = true
    let at = heap.push(call) - 1
    while (at > 0) {
      const parent = (at - 1) >>> 1
      if (heap[parent]!.deadline <= call.deadline) break
      heap[at] = heap[parent]!
      at = parent
    }
    heap[at] = call
  }

  private pop(): PendingCall {
    const heap = this.heap
    const top = heap[0]!
    if (!top.inHeap) this.dead--
    const last = heap.pop()!
    if (heap.length === 0) return top
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && heap[child + 1]!.deadline < heap[child]!.deadline) child++
      if (heap[child]!.deadline >= last.deadline) break
      heap[at] = heap[child]!
      at = child
    }
    heap[at] = last
    return top
  }
}
