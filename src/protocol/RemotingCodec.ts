/**
 * Frames: encoding them into an arena, and finding and validating them in what a peer sends.
 */
import type { FrameArena } from "./FrameArena.ts"
import { decodeHeader, isViolation } from "./internal/HeaderDecoder.ts"
import { encodeBinary, encodeJson } from "./internal/HeaderEncoder.ts"
import type { LanguageCode } from "./LanguageCode.ts"
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

const prefixSize = 8

const isInt16 = (value: number): boolean => value >= -32768 && value <= 32767

/**
 * Encodes one frame at the end of `arena`.
 *
 * A code or version that the two bytes of a ROCKETMQ header cannot hold makes the header JSON whatever `serialization`
 * says. Ext fields that are `undefined` or `null` are left out.
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
  extFields: ExtFields | undefined,
  body: Uint8Array | undefined,
  serialization: SerializeType,
  maxFrameSize: number
): ProtocolViolation.ProtocolViolation | undefined => {
  const binary = serialization === "ROCKETMQ" && isInt16(code) && isInt16(version)
  const header = (binary ? encodeBinary : encodeJson)(code, flag, opaque, language, version, remark, extFields)
  const bodySize = body === undefined ? 0 : body.length
  const size = prefixSize + header.length + bodySize
  if (header.length > defaultFrameLimits.maxHeaderSize) {
    return ProtocolViolation.make("HeaderTooLarge", 4, `a header of ${header.length} bytes`)
  }
  if (size > maxFrameSize) {
    return ProtocolViolation.make("FrameTooLarge", 0, `a frame of ${size} bytes is over the limit of ${maxFrameSize}`)
  }
  arena.reserve(size)
  const at = arena.length
  arena.buffer.writeInt32BE(size - 4, at)
  arena.buffer.writeInt32BE((binary ? 1 << 24 : 0) | header.length, at + 4)
  arena.buffer.set(header, at + prefixSize)
  if (body !== undefined) {
    arena.buffer.set(body, at + prefixSize + header.length)
  }
  arena.length = at + size
  return undefined
}

/**
 * Finds frames in a stream of chunks, however they are cut.
 */
export class FrameParser {
  private readonly limits: FrameLimits
  private held: Buffer = Buffer.alloc(0)
  private violation: ProtocolViolation.ProtocolViolation | undefined = undefined
  private stopped = false

  constructor(limits: FrameLimits) {
    this.limits = limits
  }

  /** Bytes of an unfinished frame that are held until the rest comes. */
  get bufferedBytes(): number {
    return this.held.length
  }

  /** Nothing further is delivered, and what is held is dropped. May be called from inside `onCommand`. */
  stop(): void {
    this.stopped = true
    this.held = Buffer.alloc(0)
  }

  /** Takes the next bytes of the stream and calls `onCommand` for every frame that they complete. */
  push(
    chunk: Uint8Array,
    onCommand: (command: RemotingCommand) => void
  ): ProtocolViolation.ProtocolViolation | undefined {
    if (this.violation !== undefined || this.stopped) {
      return this.violation
    }
    this.held = Buffer.concat([this.held, chunk])
    while (!this.stopped) {
      const at = this.held
      const size = this.frameSize(at)
      if (typeof size !== "number") {
        this.held = Buffer.alloc(0)
        return this.violation = size
      }
      if (at.length < size) {
        break
      }
      const serialization = at[4] === 0 ? "JSON" : "ROCKETMQ"
      const bodyStart = prefixSize + at.readUIntBE(5, 3)
      const header = decodeHeader(serialization, at, prefixSize, bodyStart, this.limits.maxExtFields)
      if (isViolation(header)) {
        this.held = Buffer.alloc(0)
        return this.violation = header
      }
      this.held = at.subarray(size)
      onCommand(
        new RemotingCommand(
          header.code,
          header.flag,
          header.opaque,
          serialization,
          at,
          prefixSize,
          bodyStart,
          size,
          header
        )
      )
    }
    return undefined
  }

  private frameSize(frame: Buffer): number | ProtocolViolation.ProtocolViolation {
    if (frame.length < 4) {
      return prefixSize
    }
    const length = frame.readInt32BE(0)
    if (length < 4) {
      return ProtocolViolation.make("InvalidLength", 0, `frame length ${length}`)
    }
    if (length + 4 > this.limits.maxFrameSize) {
      return ProtocolViolation.make(
        "FrameTooLarge",
        0,
        `a frame of ${length + 4} bytes is over the limit of ${this.limits.maxFrameSize}`
      )
    }
    if (frame.length < prefixSize) {
      return prefixSize
    }
    if (frame[4] > 1) {
      return ProtocolViolation.make("UnknownSerializeType", 4, `serialize type ${frame[4]}`)
    }
    const headerLength = frame.readUIntBE(5, 3)
    if (headerLength > length - 4) {
      return ProtocolViolation.make("InvalidHeaderLength", 4, `a header of ${headerLength} bytes in ${length}`)
    }
    if (headerLength > this.limits.maxHeaderSize) {
      return ProtocolViolation.make(
        "HeaderTooLarge",
        4,
        `a header of ${headerLength} bytes is over the limit of ${this.limits.maxHeaderSize}`
      )
    }
    return length + 4
  }
}
