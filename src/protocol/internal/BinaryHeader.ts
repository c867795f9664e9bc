/**
 * The ROCKETMQ binary header, read side (RocketMQ 5.3.3 `RocketMQSerializable.rocketMQProtocolDecode`).
 */
import { isUtf8 } from "node:buffer"
import { languageName } from "../LanguageCode.ts"
import * as ProtocolViolation from "../ProtocolViolation.ts"
import type { DecodedHeader } from "./HeaderDecoder.ts"

const fixedSize = 21

export const decodeBinaryHeader = (
  frame: Buffer,
  start: number,
  end: number,
  maxExtFields: number
): DecodedHeader | ProtocolViolation.ProtocolViolation => {
  const origin = start - 8
  const violation = (kind: ProtocolViolation.ViolationKind, at: number, message: string) =>
    ProtocolViolation.make(kind, at - origin, message)
  if (end - start < fixedSize) {
    return violation("InvalidBinary", start, `a binary header has at least ${fixedSize} bytes, not ${end - start}`)
  }
  const remarkLength = frame.readInt32BE(start + 13)
  const remarkStart = start + 17
  if (remarkLength < 0 || remarkLength > end - remarkStart - 4) {
    return violation("InvalidBinary", start + 13, `remark length ${remarkLength} is not within the header`)
  }
  if (!isUtf8(frame.subarray(remarkStart, remarkStart + remarkLength))) {
    return violation("InvalidUtf8", remarkStart, "the remark is not UTF-8")
  }
  const extStart = remarkStart + remarkLength + 4
  const extLength = frame.readInt32BE(extStart - 4)
  if (extLength < 0 || extLength > end - extStart) {
    return violation("InvalidBinary", extStart - 4, `ext fields length ${extLength} is not within the header`)
  }
  if (extLength < end - extStart) {
    return violation("InvalidBinary", extStart + extLength, `${end - extStart - extLength} bytes left over`)
  }
  const extFields: Record<string, string> = Object.create(null)
  let at = extStart
  let count = 0
  while (at < end) {
    if (++count > maxExtFields) {
      return violation("TooManyExtFields", at, `more than ${maxExtFields} ext fields`)
    }
    if (end - at < 2) {
      return violation("InvalidBinary", at, "truncated key length")
    }
    const keyLength = frame.readInt16BE(at)
    if (keyLength < 0 || keyLength > end - at - 2) {
      return violation("InvalidBinary", at, `key length ${keyLength} is not within the ext fields`)
    }
    const keyStart = at + 2
    at = keyStart + keyLength
    if (!isUtf8(frame.subarray(keyStart, at))) {
      return violation("InvalidUtf8", keyStart, "a key is not UTF-8")
    }
    if (end - at < 4) {
      return violation("InvalidBinary", at, "truncated value length")
    }
    const valueLength = frame.readInt32BE(at)
    if (valueLength < 0 || valueLength > end - at - 4) {
      return violation("InvalidBinary", at, `value length ${valueLength} is not within the ext fields`)
    }
    const valueStart = at + 4
    at = valueStart + valueLength
    if (!isUtf8(frame.subarray(valueStart, at))) {
      return violation("InvalidUtf8", valueStart, "a value is not UTF-8")
    }
    if (keyLength > 0 && valueLength > 0) {
      extFields[frame.toString("utf8", keyStart, keyStart + keyLength)] = frame.toString("utf8", valueStart, at)
    }
  }
  return {
    code: frame.readInt16BE(start),
    language: languageName(frame[start + 2]),
    version: frame.readInt16BE(start + 3),
    opaque: frame.readInt32BE(start + 5),
    flag: frame.readInt32BE(start + 9),
    remark: remarkLength === 0 ? undefined : frame.toString("utf8", remarkStart, remarkStart + remarkLength),
    extFields
  }
}
