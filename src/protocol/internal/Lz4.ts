/**
 * The LZ4 frame format (its specification 1.6.x) with the LZ4 block format inside.
 *
 * A frame: magic number, flags, block size, perhaps the content's size, checksum of these, blocks, a size of 0, perhaps
 * the content's checksum. A block: sequences of a token (two lengths), literals, and a distance back to copy from.
 * Numbers are little-endian.
 *
 * It is decompressed in two passes. The first goes through all lengths and distances: it finds what is malformed and how
 * large the content is, so that the second copies without looking, into just as many bytes as it takes, and only if
 * those are not too many.
 */
import { xxHash32 } from "./XxHash32.ts"

/** Why a frame was not decompressed: `limit` bytes do not hold it, or what is wrong with it. */
export type Lz4Failure = "TooLarge" | { readonly malformed: string }

const magic = 0x184d2204
const skippableMagic = 0x184d2a50
const versionBits = 0x40
const versionMask = 0xc0
const independentFlag = 0x20
const blockChecksumFlag = 0x10
const contentSizeFlag = 0x08
const contentChecksumFlag = 0x04
const reservedFlag = 0x02
const dictionaryFlag = 0x01
const storedBit = 0x80000000

const smallestMatch = 4
/** The last match of a block begins at least so many bytes before its end, and ends 5 before. */
const lastMatchDistance = 12
const lastLiterals = 5
const largestDistance = 65535

/** The largest size of a block by the number, 4 to 7, that stands for it in a frame. */
const blockSize = (id: number): number => 1 << (2 * id + 8)

const malformed = (detail: string): Lz4Failure => ({ malformed: detail })

const headerChecksum = (bytes: Uint8Array, start: number, end: number): number =>
  (xxHash32(bytes, start, end) >>> 8) & 0xff

/** One block of a frame as the first pass has found it. */
interface Block {
  readonly start: number
  readonly end: number
  readonly stored: boolean
}

/** The content's checksum, at `at` in the frame, of the content from `start` up to `end`. */
interface Checksum {
  readonly at: number
  readonly start: number
  readonly end: number
}

/** The first pass. */
class Survey {
  readonly blocks: Array<Block> = []
  readonly checksums: Array<Checksum> = []
  /** The size of the content so far. */
  size = 0
  failure: Lz4Failure | undefined = undefined
  private readonly bytes: Uint8Array
  private readonly view: DataView
  private readonly limit: number

  constructor(bytes: Uint8Array, limit: number) {
    this.bytes = bytes
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    this.limit = limit
    let at = 0
    let frames = 0
    while (at < bytes.length) {
      const isFrame = bytes.length - at >= 4 && this.view.getUint32(at, true) === magic
      at = isFrame ? this.frame(at + 4) : this.skippable(at)
      if (at < 0) {
        return
      }
      frames += isFrame ? 1 : 0
    }
    if (frames === 0) {
      this.failure = malformed("there is no frame")
    }
  }

  private fail(detail: string): -1 {
    this.failure = malformed(detail)
    return -1
  }

  /** Goes through a frame that is to be skipped; the position after it, or -1. */
  private skippable(at: number): number {
    const left = this.bytes.length - at
    if (left < 8 || ((this.view.getUint32(at, true) ^ skippableMagic) & ~0xf) !== 0) {
      return this.fail("no frame begins where one should")
    }
    const size = this.view.getUint32(at + 4, true)
    return size > left - 8 ? this.fail("a frame is cut off") : at + 8 + size
  }

  /** Goes through the frame whose magic number ends at `at`; the position after it, or -1. */
  private frame(at: number): number {
    const { bytes, view } = this
    const end = bytes.length
    if (end - at < 3) {
      return this.fail("a frame is cut off")
    }
    const flags = bytes[at]
    const id = bytes[at + 1] >> 4
    if ((flags & versionMask) !== versionBits || (flags & reservedFlag) !== 0) {
      return this.fail("a frame of an unknown version")
    }
    if ((flags & dictionaryFlag) !== 0) {
      return this.fail("a frame that needs a dictionary")
    }
    if (id < 4 || id > 7 || (bytes[at + 1] & 0xf) !== 0) {
      return this.fail("an unknown size of blocks")
    }
    const headerEnd = at + 2 + ((flags & contentSizeFlag) !== 0 ? 8 : 0)
    if (headerEnd >= end) {
      return this.fail("a frame is cut off")
    }
    if (bytes[headerEnd] !== headerChecksum(bytes, at, headerEnd)) {
      return this.fail("the checksum of a frame's header is wrong")
    }
    const contentStart = this.size
    let next = headerEnd + 1
    for (;;) {
      if (end - next < 4) {
        return this.fail("a frame is cut off")
      }
      const word = view.getUint32(next, true)
      next += 4
      if (word === 0) {
        break
      }
      const stored = word >= storedBit
      const blockEnd = next + (stored ? word - storedBit : word)
      const checksumSize = (flags & blockChecksumFlag) !== 0 ? 4 : 0
      if (blockEnd + checksumSize > end) {
        return this.fail("a frame is cut off")
      }
      if (checksumSize > 0 && view.getUint32(blockEnd, true) !== xxHash32(bytes, next, blockEnd)) {
        return this.fail("the checksum of a block is wrong")
      }
      const reach = (flags & independentFlag) !== 0 ? this.size : contentStart
      if (!this.block({ start: next, end: blockEnd, stored }, reach, blockSize(id))) {
        return -1
      }
      next = blockEnd + checksumSize
    }
    if ((flags & contentSizeFlag) !== 0) {
      const size = view.getUint32(at + 2, true) + view.getUint32(at + 6, true) * 2 ** 32
      if (size !== this.size - contentStart) {
        return this.fail("a frame has not the size it says")
      }
    }
    if ((flags & contentChecksumFlag) !== 0) {
      if (end - next < 4) {
        return this.fail("a frame is cut off")
      }
      this.checksums.push({ at: next, start: contentStart, end: this.size })
      next += 4
    }
    return next
  }

  /** Goes through a block that may copy from `reach` on in the content. */
  private block(block: Block, reach: number, largest: number): boolean {
    const before = this.size
    const size = block.stored
      ? block.end - block.start
      : this.sequences(block.start, block.end, before - reach)
    if (size < 0) {
      return false
    }
    if (size > largest) {
      this.fail("a block is larger than the frame allows")
      return false
    }
    if (size > this.limit - before) {
      this.failure = "TooLarge"
      return false
    }
    this.size = before + size
    this.blocks.push(block)
    return true
  }

  /** The size of what a block's sequences make, of which the first can copy from `reach` bytes before; or -1. */
  private sequences(start: number, end: number, reach: number): number {
    const { bytes } = this
    let at = start
    let size = 0
    for (;;) {
      if (at >= end) {
        return this.fail("a block ends with a match")
      }
      const token = bytes[at++]
      let literals = token >> 4
      if (literals === 15) {
        let more: number
        do {
          if (at >= end) {
            return this.fail("a block is cut off")
          }
          more = bytes[at++]
          literals += more
        } while (more === 255)
      }
      at += literals
      size += literals
      if (at >= end) {
        return at === end ? size : this.fail("a block is cut off")
      }
      if (at + 2 > end) {
        return this.fail("a block is cut off")
      }
      const distance = bytes[at] | (bytes[at + 1] << 8)
      at += 2
      if (distance === 0 || distance > reach + size) {
        return this.fail("a match begins before the content")
      }
      let match = (token & 15) + smallestMatch
      if (match === 15 + smallestMatch) {
        let more: number
        do {
          if (at >= end) {
            return this.fail("a block is cut off")
          }
          more = bytes[at++]
          match += more
        } while (more === 255)
      }
      size += match
    }
  }
}

/** From how many bytes on a native copy pays. */
const longCopy = 48

/** Copies a match to `to`; when it is longer than its distance it repeats itself. */
const copyMatch = (content: Uint8Array, to: number, distance: number, size: number): void => {
  if (size < longCopy) {
    for (let i = 0; i < size; i++) {
      content[to + i] = content[to + i - distance]
    }
    return
  }
  let copied = Math.min(distance, size)
  content.copyWithin(to, to - distance, to - distance + copied)
  while (copied < size) {
    const more = Math.min(copied, size - copied)
    content.copyWithin(to + copied, to, to + more)
    copied += more
  }
}

const copyLiterals = (content: Uint8Array, to: number, bytes: Uint8Array, from: number, size: number): void => {
  if (size < longCopy) {
    for (let i = 0; i < size; i++) {
      content[to + i] = bytes[from + i]
    }
  } else {
    content.set(bytes.subarray(from, from + size), to)
  }
}

/** Writes what a block's sequences make; the position after it. The first pass has been through them. */
const writeSequences = (content: Uint8Array, position: number, bytes: Uint8Array, block: Block): number => {
  let to = position
  let at = block.start
  for (;;) {
    const token = bytes[at++]
    let literals = token >> 4
    if (literals === 15) {
      let more: number
      do {
        more = bytes[at++]
        literals += more
      } while (more === 255)
    }
    copyLiterals(content, to, bytes, at, literals)
    at += literals
    to += literals
    if (at === block.end) {
      return to
    }
    const distance = bytes[at] | (bytes[at + 1] << 8)
    at += 2
    let match = (token & 15) + smallestMatch
    if (match === 15 + smallestMatch) {
      let more: number
      do {
        more = bytes[at++]
        match += more
      } while (more === 255)
    }
    copyMatch(content, to, distance, match)
    to += match
  }
}

/** The content of one frame or several, if it has at most `limit` bytes. */
export const decompress = (bytes: Uint8Array, limit: number): Uint8Array | Lz4Failure => {
  const survey = new Survey(bytes, limit)
  if (survey.failure !== undefined) {
    return survey.failure
  }
  const content = Buffer.allocUnsafe(survey.size)
  let to = 0
  for (const block of survey.blocks) {
    if (block.stored) {
      content.set(bytes.subarray(block.start, block.end), to)
      to += block.end - block.start
    } else {
      to = writeSequences(content, to, bytes, block)
    }
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  for (const { at, end, start } of survey.checksums) {
    if (view.getUint32(at, true) !== xxHash32(content, start, end)) {
      return malformed("the checksum of the content is wrong")
    }
  }
  return content
}

/** Writes what is left of a length that its 4 bits of a token do not hold; the position after it. */
const writeLength = (out: Uint8Array, position: number, length: number): number => {
  let at = position
  let rest = length - 15
  for (; rest >= 255; rest -= 255) {
    out[at++] = 255
  }
  out[at++] = rest
  return at
}

/** The most bytes that a block of so many incompressible ones takes. */
const bound = (size: number): number => size + Math.floor(size / 255) + 16

/**
 * Compresses `bytes[start..end)`, at most 4 MiB, into one block at `position`; the position after it. For each position
 * it looks at one earlier one whose next 4 bytes have the same hash, and the longer it finds nothing the more positions
 * it leaves out.
 */
const writeBlock = (
  out: Uint8Array,
  position: number,
  bytes: Uint8Array,
  view: DataView,
  start: number,
  end: number,
  hashShift: number
): number => {
  // Positions plus 1, relative to the block; 0 stands for none.
  const table = new Int32Array(1 << (32 - hashShift))
  const lastMatch = end - lastMatchDistance
  const matchEnd = end - lastLiterals
  let to = position
  let anchor = start
  let at = start
  let misses = 0
  while (at <= lastMatch) {
    const word = view.getInt32(at, true)
    const hash = Math.imul(word, 0x9e3779b1) >>> hashShift
    const candidate = start + table[hash] - 1
    table[hash] = at - start + 1
    if (candidate < start || at - candidate > largestDistance || view.getInt32(candidate, true) !== word) {
      at += 1 + (misses++ >> 6)
      continue
    }
    misses = 0
    let from = candidate
    while (at > anchor && from > start && bytes[at - 1] === bytes[from - 1]) {
      at--
      from--
    }
    const distance = at - from
    let match = at + smallestMatch
    while (match < matchEnd && bytes[match] === bytes[match - distance]) {
      match++
    }
    const literals = at - anchor
    const matchLength = match - at - smallestMatch
    out[to++] = (Math.min(literals, 15) << 4) | Math.min(matchLength, 15)
    if (literals >= 15) {
      to = writeLength(out, to, literals)
    }
    copyLiterals(out, to, bytes, anchor, literals)
    to += literals
    out[to++] = distance & 0xff
    out[to++] = distance >> 8
    if (matchLength >= 15) {
      to = writeLength(out, to, matchLength)
    }
    at = match
    anchor = match
  }
  const literals = end - anchor
  out[to++] = Math.min(literals, 15) << 4
  if (literals >= 15) {
    to = writeLength(out, to, literals)
  }
  copyLiterals(out, to, bytes, anchor, literals)
  return to + literals
}

/**
 * One frame of independent blocks without checksums, which is what Java writes and all that it reads: its reader refuses
 * blocks that refer to earlier ones.
 */
export const compress = (bytes: Uint8Array): Uint8Array => {
  const size = bytes.length
  let id = 4
  while (id < 7 && size > blockSize(id)) {
    id++
  }
  const largest = blockSize(id)
  const blocks = Math.ceil(size / largest)
  const out = Buffer.allocUnsafe(11 + blocks * (4 + bound(Math.min(size, largest))))
  const view = new DataView(bytes.buffer, bytes.byteOffset, size)
  out.writeUInt32LE(magic, 0)
  out[4] = versionBits | independentFlag
  out[5] = id << 4
  out[6] = headerChecksum(out, 4, 6)
  let to = 7
  for (let start = 0; start < size; start += largest) {
    const end = Math.min(size, start + largest)
    const hashBits = Math.min(14, Math.max(8, 32 - Math.clz32(end - start)))
    let blockEnd = writeBlock(out, to + 4, bytes, view, start, end, 32 - hashBits)
    let word = blockEnd - to - 4
    if (word >= end - start) {
      out.set(bytes.subarray(start, end), to + 4)
      word = storedBit + end - start
      blockEnd = to + 4 + end - start
    }
    out.writeUInt32LE(word, to)
    to = blockEnd
  }
  out.writeUInt32LE(0, to)
  return out.subarray(0, to + 4)
}
