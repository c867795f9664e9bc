/** The bytes of every message of a broker, in the order in which they were stored, at the offsets that a real one gives. */

/** Position of the queue offset in a stored message (RocketMQ 5.3.3 `MessageDecoder`). */
const queueOffsetAt = 20
const physicalOffsetAt = 28
const sysFlagAt = 36
const bornHostV6 = 0x10
/** Smallest stored message: empty body, topic and properties, both hosts IPv4. */
const leastSize = 91
/** What the end of a commit log file needs. */
const fileEnd = 8

const magics: ReadonlySet<number> = new Set([-626_843_481, -626_843_477])

interface Segment {
  /** Physical offset of its first byte. */
  readonly start: number
  readonly bytes: Buffer
  used: number
}

const smallestSegment = 65_536
const largestSegment = 4_194_304

/** The log. Offsets are exact to 2^53 - 1. */
export class CommitLog {
  /** Offset of the first message that is still there. */
  minOffset = 0
  /** Where the next message goes, unless the file ends before. */
  maxOffset = 0
  private segments: Array<Segment> = []

  /** Appends a message in its stored layout; its own physical offset is filled in. Returns that offset. */
  append(message: Uint8Array, fileSize: number): number {
    return this.appendAll(message, [0], fileSize)[0]!
  }

  /**
   * Appends messages that must stay together, in one file: those that start at `starts` of `messages`. Returns their
   * physical offsets.
   */
  appendAll(messages: Uint8Array, starts: ReadonlyArray<number>, fileSize: number): ReadonlyArray<number> {
    const left = fileSize - (this.maxOffset % fileSize)
    // RocketMQ 5.3.3 `CommitLog.DefaultAppendMessageCallback`: the rest of the file stays blank.
    if (messages.length + fileEnd > left) this.maxOffset += left
    const segment = this.segmentFor(messages.length)
    const at = segment.used
    segment.bytes.set(messages, at)
    segment.used += messages.length
    const offset = this.maxOffset
    for (const start of starts) writeLong(segment.bytes, at + start + physicalOffsetAt, offset + start)
    this.maxOffset += messages.length
    return starts.map((start) => offset + start)
  }

  /** The bytes of the message of that size at that offset; a view. */
  read(offset: number, size: number): Buffer | undefined {
    const segment = this.find(offset)
    if (segment === undefined || offset < this.minOffset) return undefined
    const at = offset - segment.start
    return at + size > segment.used ? undefined : segment.bytes.subarray(at, at + size)
  }

  /** The bytes of the message that starts at that offset, if one does; a view. */
  lookAt(offset: number): Buffer | undefined {
    const segment = this.find(offset)
    if (segment === undefined || offset < this.minOffset) return undefined
    const at = offset - segment.start
    if (at + leastSize > segment.used) return undefined
    const size = segment.bytes.readInt32BE(at)
    if (size < leastSize || at + size > segment.used || !magics.has(segment.bytes.readInt32BE(at + 4))) return undefined
    return readLong(segment.bytes, at + physicalOffsetAt) === offset
      ? segment.bytes.subarray(at, at + size)
      : undefined
  }

  /** When the message at that offset was stored; -1 when there is none. */
  storeTimestamp(offset: number): number {
    const segment = this.find(offset)
    return segment === undefined || offset < this.minOffset
      ? -1
      : storeTimestampOf(segment.bytes, offset - segment.start)
  }

  /** Forgets every message before that offset. */
  dropBefore(offset: number): void {
    this.minOffset = Math.min(Math.max(this.minOffset, offset), this.maxOffset)
    this.segments = this.segments.filter((segment) => segment.start + segment.used > this.minOffset)
  }

  /** Bytes of memory that the log takes. */
  get allocated(): number {
    return this.segments.reduce((sum, segment) => sum + segment.bytes.length, 0)
  }

  private segmentFor(size: number): Segment {
    const last = this.segments[this.segments.length - 1]
    if (
      last !== undefined && last.start + last.used === this.maxOffset && last.used + size <= last.bytes.length
    ) return last
    const usual = Math.min(largestSegment, last === undefined ? smallestSegment : last.bytes.length * 2)
    const segment = { start: this.maxOffset, bytes: Buffer.allocUnsafeSlow(Math.max(size, usual)), used: 0 }
    this.segments.push(segment)
    return segment
  }

  private find(offset: number): Segment | undefined {
    let low = 0
    let high = this.segments.length - 1
    while (low <= high) {
      const middle = (low + high) >>> 1
      const segment = this.segments[middle]!
      if (offset < segment.start) high = middle - 1
      else if (offset >= segment.start + segment.used) low = middle + 1
      else return segment
    }
    return undefined
  }
}

/** A long at that place. Those of a log never exceed 2^53 - 1. */
export const readLong = (bytes: Buffer, at: number): number =>
  bytes.readInt32BE(at) * 4_294_967_296 + bytes.readUInt32BE(at + 4)

/** Writes a long that is no negative number. */
export const writeLong = (bytes: Buffer, at: number, value: number): void => {
  bytes.writeUInt32BE(Math.floor(value / 4_294_967_296), at)
  bytes.writeUInt32BE(value % 4_294_967_296, at + 4)
}

/** The queue offset of the stored message at that place. */
export const queueOffsetOf = (bytes: Buffer, at: number): number => readLong(bytes, at + queueOffsetAt)

/** The store timestamp of the stored message at that place. */
export const storeTimestampOf = (bytes: Buffer, at: number): number =>
  readLong(bytes, at + sysFlagAt + 12 + ((bytes.readInt32BE(at + sysFlagAt) & bornHostV6) === 0 ? 8 : 20))
