/**
 * The ROCKETMQ binary header, read side (RocketMQ 5.3.3 `RocketMQSerializable.rocketMQProtocolDecode`).
 *
 * code 2 bytes, language 1, version 2, opaque 4, flag 4, remark length 4, remark, ext fields length 4, and then per ext
 * field: key length 2, key, value length 4, value. Numbers are signed and big-endian, texts are UTF-8.
 */
import { languageName } from "../LanguageCode.ts"
import * as ProtocolViolation from "../ProtocolViolation.ts"
import type { DecodedHeader } from "./DecodedHeader.ts"
import { invalidUtf8At } from "./Utf8.ts"

const languageOffset = 2
const versionOffset = 3
const opaqueOffset = 5
const flagOffset = 9
const remarkLengthOffset = 13
const remarkOffset = 17
const smallest = 21

/** `code` of the header at `start`. */
export const codeOf = (bytes: DataView, start: number): number => bytes.getInt16(start)

/** `opaque` of the header at `start`. */
export const opaqueOf = (bytes: DataView, start: number): number => bytes.getInt32(start + opaqueOffset)

/** `flag` of the header at `start`. */
export const flagOf = (bytes: DataView, start: number): number => bytes.getInt32(start + flagOffset)

/**
 * Validates the header in `frame[start..end)`, which begins 8 bytes into its frame; `bytes` shows the same bytes as
 * `frame`.
 */
export const validateBinaryHeader = (
  frame: Buffer,
  bytes: DataView,
  start: number,
  end: number,
  maxExtFields: number
): ProtocolViolation.ProtocolViolation | undefined => {
  const origin = start - 8
  if (end - start < smallest) {
    return ProtocolViolation.make(
      "InvalidBinary",
      8,
      `a binary header has at least ${smallest} bytes, this one has ${end - start}`
    )
  }
  let at = start + remarkOffset
  const remarkLength = bytes.getInt32(start + remarkLengthOffset)
  if (remarkLength < 0 || remarkLength > end - at - 4) {
    return ProtocolViolation.make(
      "InvalidBinary",
      start + remarkLengthOffset - origin,
      `the remark's length of ${remarkLength} does not fit the header`
    )
  }
  let invalidAt = invalidUtf8At(frame, at, at + remarkLength)
  at += remarkLength
  if (invalidAt !== at) {
    return ProtocolViolation.make("InvalidUtf8", invalidAt - origin, "the remark is not UTF-8")
  }
  const extLength = bytes.getInt32(at)
  at += 4
  if (extLength < 0 || extLength > end - at) {
    return ProtocolViolation.make(
      "InvalidBinary",
      at - 4 - origin,
      `the ext fields' length of ${extLength} does not fit the header`
    )
  }
  if (extLength < end - at) {
    return ProtocolViolation.make(
      "InvalidBinary",
      at + extLength - origin,
      `${end - at - extLength} bytes are left over after the header`
    )
  }
  for (let count = 0; at < end; count++) {
    if (count === maxExtFields) {
      return ProtocolViolation.make("TooManyExtFields", at - origin, `more than ${maxExtFields} ext fields`)
    }
    if (end - at < 2) {
      return ProtocolViolation.make("InvalidBinary", at - origin, "the header ends inside the length of a key")
    }
    const keyLength = bytes.getInt16(at)
    at += 2
    if (keyLength < 0 || keyLength > end - at) {
      return ProtocolViolation.make(
        "InvalidBinary",
        at - 2 - origin,
        `a key's length of ${keyLength} does not fit the ext fields`
      )
    }
    invalidAt = invalidUtf8At(frame, at, at + keyLength)
    at += keyLength
    if (invalidAt !== at) {
      return ProtocolViolation.make("InvalidUtf8", invalidAt - origin, "a key is not UTF-8")
    }
    if (end - at < 4) {
      return ProtocolViolation.make("InvalidBinary", at - origin, "the header ends inside the length of a value")
    }
    const valueLength = bytes.getInt32(at)
    at += 4
    if (valueLength < 0 || valueLength > end - at) {
      return ProtocolViolation.make(
        "InvalidBinary",
        at - 4 - origin,
        `a value's length of ${valueLength} does not fit the ext fields`
      )
    }
    invalidAt = invalidUtf8At(frame, at, at + valueLength)
    at += valueLength
    if (invalidAt !== at) {
      return ProtocolViolation.make("InvalidUtf8", invalidAt - origin, "a value is not UTF-8")
    }
  }
  return undefined
}

/**
 * Decodes the header in `frame[start..end)`, which was validated before. As in Java an empty remark is none, an ext field
 * with an empty key or value is left out, and of a key that comes twice the last one counts.
 */
export const decodeBinaryHeader = (frame: Buffer, start: number, end: number): DecodedHeader => {
  const remarkLength = frame.readInt32BE(start + remarkLengthOffset)
  const remarkEnd = start + remarkOffset + remarkLength
  const extFields: Record<string, string> = Object.create(null)
  let at = remarkEnd + 4
  while (at < end) {
    const keyStart = at + 2
    const keyEnd = keyStart + frame.readInt16BE(at)
    const valueStart = keyEnd + 4
    at = valueStart + frame.readInt32BE(keyEnd)
    if (keyEnd > keyStart) {
      const key = frame.toString("utf8", keyStart, keyEnd)
      if (at > valueStart) {
        extFields[key] = frame.toString("utf8", valueStart, at)
      } else {
        delete extFields[key]
      }
    }
  }
  return {
    code: frame.readInt16BE(start),
    language: languageName(frame[start + languageOffset]),
    version: frame.readInt16BE(start + versionOffset),
    opaque: frame.readInt32BE(start + opaqueOffset),
    flag: frame.readInt32BE(start + flagOffset),
    remark: remarkLength === 0 ? undefined : frame.toString("utf8", start + remarkOffset, remarkEnd),
    extFields
  }
}
