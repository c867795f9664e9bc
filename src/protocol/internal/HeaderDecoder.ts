/**
 * The two header codecs, read side.
 */
import type { ProtocolViolation } from "../ProtocolViolation.ts"
import type { ExtFields, SerializeType } from "../RemotingCommand.ts"
import { decodeBinaryHeader } from "./BinaryHeader.ts"
import { decodeJsonHeader } from "./JsonHeader.ts"

/** A whole header. `language` is a name, `undefined` when a binary header has a number that stands for none. */
export interface DecodedHeader {
  readonly code: number
  readonly language: string | undefined
  readonly version: number
  readonly opaque: number
  readonly flag: number
  readonly remark: string | undefined
  readonly extFields: ExtFields
}

/** Decodes the header in `frame[start..end)`; `start` is 8 bytes into its frame. */
export const decodeHeader = (
  serialization: SerializeType,
  frame: Buffer,
  start: number,
  end: number,
  maxExtFields: number
): DecodedHeader | ProtocolViolation =>
  serialization === "JSON"
    ? decodeJsonHeader(frame, start, end, maxExtFields)
    : decodeBinaryHeader(frame, start, end, maxExtFields)

/** Tells the two results of `decodeHeader` apart. */
export const isViolation = (result: DecodedHeader | ProtocolViolation): result is ProtocolViolation => "kind" in result

/** Decodes a header that was found valid before. */
export const decodeValidated = (
  serialization: SerializeType,
  frame: Buffer,
  start: number,
  end: number
): DecodedHeader => {
  const header = decodeHeader(serialization, frame, start, end, Infinity)
  if (isViolation(header)) {
    throw new Error(`a validated header did not decode: ${header.message}`)
  }
  return header
}
