/**
 * Written calls by opaque. Opaques are handed out in sequence, so their low
 * bits are a perfect hash, but for the few calls that outlive a whole lap, such
 * as long polls: those go to a Map. A Map alone rehashes every hundred
 * insertions or so, and what it leaves behind cost 20 % of the rate at 1,024 in
 * flight and ten times longer pauses of the garbage collector.
 */
import type { PendingCall } from "./pendingCall.ts"

const smallest = 256

export class OpaqueTable {
  private slots: Array<PendingCall | undefined> = new Array<undefined>(smallest).fill(undefined)
  private mask = smallest - 1
  private readonly overflow = new Map<number, PendingCall>()
  private count = 0

  get size(): number {
    return this.count
  }

  /** The opaque of the call must not be in the table yet. */
  add(call: PendingCall): void {
    if (this.count >= this.slots.length >>> 1) this.grow()
    this.count++
    this.put(call)
  }

  get(opaque: number): PendingCall | undefined {
    const call = this.slots[opaque & this.mask]
    if (call !== undefined && call.opaque === opaque) return call
    return this.overflow.size === 0 ? undefined : this.overflow.get(opaque)
  }

  delete(opaque: number): void {
    const at = opaque & this.mask
    const call = this.slots[at]
    if (call !== undefined && call.opaque === opaque) this.slots[at] = undefined
    else if (this.overflow.size === 0 || !this.overflow.delete(opaque)) return
    this.count--
  }

  /** Empties the table. Returns what was in it, in the order of submission. */
  take(): ReadonlyArray<PendingCall> {
    const calls = this.all().sort((left, right) => left.sequence - right.sequence)
    this.slots.fill(undefined)
    this.overflow.clear()
    this.count = 0
    return calls
  }

  private put(call: PendingCall): void {
    const at = call.opaque & this.mask
    if (this.slots[at] === undefined) this.slots[at] = call
    else this.overflow.set(call.opaque, call)
  }

  private all(): Array<PendingCall> {
    const calls: Array<PendingCall> = []
    for (const call of this.slots) if (call !== undefined) calls.push(call)
    for (const call of this.overflow.values()) calls.push(call)
    return calls
  }

  private grow(): void {
    const calls = this.all()
    this.slots = new Array<undefined>(this.slots.length * 2).fill(undefined)
    this.mask = this.slots.length - 1
    this.overflow.clear()
    for (const call of calls) this.put(call)
  }
}
