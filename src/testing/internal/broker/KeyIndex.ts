import { grown, grownLength } from "./arrays.ts"

/**
 * Which messages carry a key, as RocketMQ 5.3.3 `IndexFile` keeps it: by the hash of topic and key, so that one key may
 * find the messages of another, 20 bytes a key.
 */
export class KeyIndex {
  /** When the message that was indexed last was stored; 0 at first. */
  lastTimestamp = 0
  /** Its physical offset. */
  lastPosition = 0
  private beginTimestamp = 0
  private count = 0
  private hashes = new Int32Array(64)
  private positions = new Float64Array(64)
  private seconds = new Int32Array(64)
  /** Slot of the entry before it in the same bucket, plus one. */
  private previous = new Int32Array(64)
  private buckets = new Int32Array(64)

  /** Adds a key of the message that was stored at that time and place. */
  add(hash: number, position: number, timestamp: number): void {
    if (this.count === 0) this.beginTimestamp = timestamp
    if (this.count === this.hashes.length) this.grow()
    const slot = this.count++
    this.hashes[slot] = hash
    this.positions[slot] = position
    this.seconds[slot] = Math.max(0, Math.trunc((timestamp - this.beginTimestamp) / 1_000))
    this.link(slot)
    this.lastTimestamp = timestamp
    this.lastPosition = position
  }

  /** Physical offsets of messages with that key stored between two times, those stored last first. */
  find(hash: number, limit: number, begin: number, end: number): Array<number> {
    const found: Array<number> = []
    if (this.count === 0 || end < this.beginTimestamp || begin > this.lastTimestamp) return found
    for (let slot = this.buckets[hash & (this.buckets.length - 1)]! - 1; slot >= 0 && found.length < limit;) {
      // A resolution of seconds, from the first entry on.
      const time = this.beginTimestamp + this.seconds[slot]! * 1_000
      if (this.hashes[slot] === hash && time >= begin && time <= end) found.push(this.positions[slot]!)
      if (time < begin) break
      slot = this.previous[slot]! - 1
    }
    return found
  }

  private link(slot: number): void {
    const bucket = this.hashes[slot]! & (this.buckets.length - 1)
    this.previous[slot] = this.buckets[bucket]!
    this.buckets[bucket] = slot + 1
  }

  private grow(): void {
    const length = grownLength(this.hashes.length)
    this.hashes = grown(this.hashes, new Int32Array(length))
    this.positions = grown(this.positions, new Float64Array(length))
    this.seconds = grown(this.seconds, new Int32Array(length))
    this.previous = grown(this.previous, new Int32Array(length))
    if (length <= 2 * this.buckets.length) return
    this.buckets = new Int32Array(2 * this.buckets.length)
    for (let slot = 0; slot < this.count; slot++) this.link(slot)
  }
}

/** RocketMQ 5.3.3 `IndexFile.indexKeyHashMethod`, of the hash of a Java string. */
export const keyHash = (javaHash: number): number => javaHash === -2_147_483_648 ? 0 : Math.abs(javaHash)
