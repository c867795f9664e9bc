/**
 * Frames: encoding them into an arena, and finding and validating them in what a peer sends.
 */
import type { FrameArena } from "./FrameArena.ts"
import { codeOf, flagOf, opaqueOf, validateBinaryHeader } from "./internal/BinaryHeader.ts"
import { writeBinaryHeader, writeJsonHeader } from "./internal/HeaderEncoder.ts"
import { decodeJsonHeader } from "./internal/JsonHeader.ts"
import { JsonScan } from "./internal/JsonScan.ts"
import { type LanguageCode, languageName } from "./LanguageCode.ts"
import { PreparedFields } from "./PreparedFields.ts"
import * as ProtocolViolation from "./ProtocolViolation.ts"
import { type ExtFields, RemotingCommand, type SerializeType } from "./RemotingCommand.ts"

/** What a `FrameParser` accepts. */
export interface FrameLimits {
  /** The largest frame in bytes, its 4 length bytes included. */
  readonly maxFrameSize: number
  /** The largest header in bytes. */
  readonly maxHeaderSize: number
  /** The most ext fields in a header. */
  readonly maxExtFields: number
}

/** 16 MiB a frame, as in RocketMQ's own decoder; 1 MiB a header; 1,024 ext fields. */
export const defaultFrameLimits: FrameLimits = {
  maxFrameSize: 16 * 1024 * 1024,
  maxHeaderSize: 1024 * 1024,
  maxExtFields: 1024
}

/** The length word and the header word. */
const prefixSize = 8

/** The high byte of the header word for a ROCKETMQ header; for a JSON one it is 0. */
const binaryType = 1

const isInt16 = (value: number): boolean => (value << 16) >> 16 === value

/**
 * Encodes one frame at the end of `arena`.
 *
 * A code or version that the two bytes of a ROCKETMQ header cannot hold makes the header JSON whatever `serialization`
 * says. Ext fields that are `undefined` or `null` are left out, and in a ROCKETMQ header one with an empty value, or an
 * empty remark, reads as absent on the other side. Lone surrogates become U+FFFD.
 *
 * `code`, `flag`, `opaque` and `version` are integers of 32 bits. The header's limits are those of `defaultFrameLimits`.
 *
 * @returns `undefined`, or the violation, and then `arena` holds what it held before
 */
export const encodeFrame = (
  arena: FrameArena,
  code: number,
  flag: number,
  opaque: number,
  language: LanguageCode,
  version: number,
  remark: string | undefined,
  extFields: ExtFields | PreparedFields | undefined,
  body: Uint8Array | undefined,
  serialization: SerializeType,
  maxFrameSize: number
): ProtocolViolation.ProtocolViolation | undefined => {
  if (
    (code | 0) !== code || (flag | 0) !== flag || (opaque | 0) !== opaque || (version | 0) !== version ||
    languageName(language) === undefined || (remark !== undefined && typeof remark !== "string")
  ) {
    return ProtocolViolation.make(
      "InvalidField",
      prefixSize,
      "code, flag, opaque and version are integers of 32 bits, language is one of LanguageCode, remark is a string"
    )
  }
  const { maxExtFields, maxHeaderSize } = defaultFrameLimits
  const start = arena.length
  const bodySize = body === undefined ? 0 : body.length
  const headerRoom = maxFrameSize - prefixSize - bodySize
  const limit = start + prefixSize + Math.min(maxHeaderSize, headerRoom)
  const binary = serialization === "ROCKETMQ" && isInt16(code) && isInt16(version)
  const end = binary
    ? writeBinaryHeader(
      arena,
      start,
      limit,
      code,
      flag,
      opaque,
      language,
      version,
      remark,
      extFields instanceof PreparedFields ? extFields.toRecord() : extFields,
      maxExtFields
    )
    : writeJsonHeader(
      arena,
      start,
      limit,
      code,
      flag,
      opaque,
      language,
      version,
      remark,
      extFields,
      maxExtFields
    )
  if (typeof end !== "number" || end > limit) {
    return typeof end !== "number" && end.kind !== "HeaderTooLarge"
      ? end
      : headerRoom < maxHeaderSize
      ? ProtocolViolation.make("FrameTooLarge", 0, `the frame is over the limit of ${maxFrameSize} bytes`)
      : ProtocolViolation.make("HeaderTooLarge", 4, `the header is over the limit of ${maxHeaderSize} bytes`)
  }
  arena.ensure(end, bodySize)
  const { buffer, words } = arena
  const headerSize = end - start - prefixSize
  words.setInt32(start, 4 + headerSize + bodySize)
  words.setInt32(start + 4, binary ? binaryType << 24 | headerSize : headerSize)
  if (body !== undefined) {
    buffer.set(body, end)
  }
  arena.length = end + bodySize
  return undefined
}

/** How many bytes more than it has received a parser may allocate for an unfinished frame. */
const allocationAhead = 64 * 1024

/** From this size on a chunk that is part of a larger frame is kept rather than copied. */
const keptChunkSize = 16 * 1024

const noBytes: Buffer = Buffer.alloc(0)

/**
 * Finds frames in a stream of bytes, however it is cut into chunks, validates their headers and hands them over as
 * commands.
 *
 * A frame that lies whole in a chunk is handed over as views of that chunk, which must therefore never be written to
 * again. An unfinished frame is held; what is allocated for it follows what was received, never what a peer announces:
 * at most 64 KiB more. Only when fewer than 64 KiB are missing is a larger frame put together, and for a moment there
 * twice.
 *
 * After a violation there is no way to find the next frame, so the parser is done: it returns the same violation from
 * then on.
 */
export class FrameParser {
  private readonly limits: FrameLimits
  private readonly scan = new JsonScan()
  private violation: ProtocolViolation.ProtocolViolation | undefined = undefined
  private stopped = false
  private busy = false
  /** Chunks that were pushed from inside `onCommand`. */
  private readonly waiting: Array<readonly [Buffer, (command: RemotingCommand) => void]> = []

  /** The first 8 bytes of the unfinished frame. */
  private readonly prefix = Buffer.alloc(prefixSize)
  /** Bytes received of the unfinished frame. */
  private received = 0
  /** The whole size of the unfinished frame, 0 until its first 8 bytes are there. */
  private size = 0
  /** The unfinished frame, once all of it may be allocated. */
  private frame = noBytes
  /** Before that: what was received, in order; the last block may be one that `blockFree` bytes can be added to. */
  private blocks: Array<Buffer> = []
  private blockFree = 0

  constructor(limits: FrameLimits = defaultFrameLimits) {
    this.limits = limits
  }

  /** Bytes of an unfinished frame that are held until the rest comes. */
  get bufferedBytes(): number {
    return this.received
  }

  /**
   * Takes the next bytes of the stream and calls `onCommand` for each frame that they complete, in order.
   *
   * `onCommand` may do anything, `stop` and `push` included; a chunk that it pushes is taken after the present one, and
   * a violation in it is returned by the outer call. If `onCommand` throws, the error leaves `push` and the parser is
   * stopped.
   *
   * @returns the violation that ended the stream, if any. The frames before it were handed over.
   */
  push(
    chunk: Uint8Array,
    onCommand: (command: RemotingCommand) => void
  ): ProtocolViolation.ProtocolViolation | undefined {
    if (this.violation !== undefined || this.stopped) {
      return this.violation
    }
    const bytes = chunk instanceof Buffer ? chunk : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
    if (this.busy) {
      this.waiting.push([bytes, onCommand])
      return undefined
    }
    this.busy = true
    let completed = false
    try {
      this.take(bytes, onCommand)
      while (this.waiting.length > 0 && this.violation === undefined && !this.stopped) {
        const [next, nextOnCommand] = this.waiting.shift()!
        this.take(next, nextOnCommand)
      }
      completed = true
      return this.violation
    } finally {
      this.busy = false
      if (!completed) {
        this.stop()
      }
    }
  }

  /** Hands over nothing further, ignores what is pushed, and drops what is held. May be called from `onCommand`. */
  stop(): void {
    this.stopped = true
    this.waiting.length = 0
    this.release()
  }

  private fail(violation: ProtocolViolation.ProtocolViolation): void {
    this.violation = violation
    this.waiting.length = 0
    this.release()
  }

  private release(): void {
    this.received = 0
    this.size = 0
    this.frame = noBytes
    this.blocks = []
    this.blockFree = 0
  }

  private take(chunk: Buffer, onCommand: (command: RemotingCommand) => void): void {
    let at = 0
    if (this.received > 0) {
      at = this.hold(chunk, 0)
      if (this.size === 0 || this.received < this.size) {
        return
      }
      const frame = this.frame
      this.release()
      this.deliver(frame, viewOf(frame), 0, frame.length, onCommand)
    }
    const bytes = viewOf(chunk)
    const limits = this.limits
    while (chunk.length - at >= prefixSize && this.violation === undefined && !this.stopped) {
      const length = bytes.getInt32(at)
      const word = bytes.getInt32(at + 4)
      const violation = checkPrefix(length, word, limits)
      if (violation !== undefined) {
        return this.fail(violation)
      }
      const next = at + 4 + length
      if (next > chunk.length) {
        break
      }
      const frameAt = at
      at = next
      this.deliver(chunk, bytes, frameAt, next, onCommand)
    }
    if (at < chunk.length && this.violation === undefined && !this.stopped) {
      this.hold(chunk, at)
    }
  }

  /** Validates the header of the frame in `frame[at..end)`, whose first 8 bytes are in order, and hands it over. */
  private deliver(
    frame: Buffer,
    bytes: DataView,
    at: number,
    end: number,
    onCommand: (command: RemotingCommand) => void
  ): void {
    const headerStart = at + prefixSize
    const word = bytes.getInt32(at + 4)
    const bodyStart = headerStart + (word & 0xffffff)
    const { maxExtFields } = this.limits
    const scan = this.scan
    if (word >>> 24 === 0) {
      if (scan.scan(bytes, headerStart, bodyStart, maxExtFields)) {
        onCommand(
          new RemotingCommand(
            scan.code,
            scan.flag,
            scan.opaque,
            "JSON",
            frame,
            headerStart,
            bodyStart,
            end,
            undefined
          )
        )
        return
      }
      const header = decodeJsonHeader(frame, headerStart, bodyStart, maxExtFields)
      if ("kind" in header) {
        return this.fail(header)
      }
      onCommand(
        new RemotingCommand(
          header.code,
          header.flag,
          header.opaque,
          "JSON",
          frame,
          headerStart,
          bodyStart,
          end,
          header
        )
      )
      return
    }
    const violation = validateBinaryHeader(frame, bytes, headerStart, bodyStart, maxExtFields)
    if (violation !== undefined) {
      return this.fail(violation)
    }
    onCommand(
      new RemotingCommand(
        codeOf(bytes, headerStart),
        flagOf(bytes, headerStart),
        opaqueOf(bytes, headerStart),
        "ROCKETMQ",
        frame,
        headerStart,
        bodyStart,
        end,
        undefined
      )
    )
  }

  /** Holds bytes of the unfinished frame from `chunk[at..]`, never more than belong to it; returns where they end. */
  private hold(chunk: Buffer, at: number): number {
    if (this.size === 0) {
      const before = this.received
      const taken = Math.min(prefixSize - before, chunk.length - at)
      chunk.copy(this.prefix, before, at, at + taken)
      this.received = before + taken
      at += taken
      const violation = checkPartialPrefix(this.prefix, this.received, this.limits)
      if (violation !== undefined) {
        this.fail(violation)
        return at
      }
      if (this.received < prefixSize) {
        return at
      }
      this.size = this.prefix.readInt32BE(0) + 4
      this.append(this.prefix, 0, prefixSize, 0)
    }
    const taken = Math.min(this.size - this.received, chunk.length - at)
    this.append(chunk, at, at + taken, this.received)
    this.received += taken
    return at + taken
  }

  /** Stores `source[from..to)`, the bytes of the frame that follow the first `stored`. */
  private append(source: Buffer, from: number, to: number, stored: number): void {
    if (this.frame.length === 0) {
      if (this.size > stored + (to - from) + allocationAhead) {
        this.appendBlock(source, from, to)
        return
      }
      this.frame = Buffer.allocUnsafe(this.size)
      let at = 0
      for (const block of this.blocks) {
        at += block.copy(this.frame, at, 0, Math.min(block.length, stored - at))
      }
      this.blocks = []
    }
    source.copy(this.frame, stored, from, to)
  }

  private appendBlock(source: Buffer, from: number, to: number): void {
    while (from < to) {
      if (this.blockFree === 0) {
        if (to - from >= keptChunkSize && source.buffer.byteLength === to - from) {
          this.blocks.push(source)
          return
        }
        this.blocks.push(Buffer.allocUnsafeSlow(allocationAhead))
        this.blockFree = allocationAhead
      }
      const block = this.blocks[this.blocks.length - 1]
      const taken = Math.min(this.blockFree, to - from)
      source.copy(block, block.length - this.blockFree, from, from + taken)
      this.blockFree -= taken
      from += taken
    }
  }
}

const viewOf = (bytes: Buffer): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.length)

const checkLength = (length: number, limits: FrameLimits): ProtocolViolation.ProtocolViolation | undefined => {
  if (length < 4) {
    return ProtocolViolation.make("InvalidLength", 0, `a frame length of ${length} does not cover the header length`)
  }
  if (length + 4 > limits.maxFrameSize) {
    return ProtocolViolation.make(
      "FrameTooLarge",
      0,
      `a frame of ${length + 4} bytes is over the limit of ${limits.maxFrameSize}`
    )
  }
  return undefined
}

const checkPrefix = (
  length: number,
  word: number,
  limits: FrameLimits
): ProtocolViolation.ProtocolViolation | undefined => {
  const headerLength = word & 0xffffff
  if (
    length >= 4 && length + 4 <= limits.maxFrameSize && word >>> 24 <= 1 && headerLength <= length - 4 &&
    headerLength <= limits.maxHeaderSize
  ) {
    return undefined
  }
  const violation = checkLength(length, limits)
  if (violation !== undefined) {
    return violation
  }
  if (word >>> 24 > 1) {
    return ProtocolViolation.make("UnknownSerializeType", 4, `${word >>> 24} is no serialize type`)
  }
  if (headerLength > length - 4) {
    return ProtocolViolation.make(
      "InvalidHeaderLength",
      5,
      `a header of ${headerLength} bytes does not fit a frame of ${length + 4}`
    )
  }
  return ProtocolViolation.make(
    "HeaderTooLarge",
    5,
    `a header of ${headerLength} bytes is over the limit of ${limits.maxHeaderSize}`
  )
}

/** Checks what there is of the first 8 bytes of a frame. */
const checkPartialPrefix = (
  prefix: Buffer,
  received: number,
  limits: FrameLimits
): ProtocolViolation.ProtocolViolation | undefined => {
  if (received < 4) {
    return undefined
  }
  return received < prefixSize
    ? checkLength(prefix.readInt32BE(0), limits)
    : checkPrefix(prefix.readInt32BE(0), prefix.readInt32BE(4), limits)
}
