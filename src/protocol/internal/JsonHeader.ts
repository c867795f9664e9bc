/**
 * The JSON header, read side (RocketMQ 5.3.3 `RemotingSerializable`).
 */
import { isUtf8 } from "node:buffer"
import { languageName } from "../LanguageCode.ts"
import * as ProtocolViolation from "../ProtocolViolation.ts"
import type { DecodedHeader } from "./HeaderDecoder.ts"

const int = (value: unknown): number | undefined =>
  value === undefined || value === null ? 0 : typeof value === "number" && (value | 0) === value ? value : undefined

export const decodeJsonHeader = (
  frame: Buffer,
  start: number,
  end: number,
  maxExtFields: number
): DecodedHeader | ProtocolViolation.ProtocolViolation => {
  const bytes = frame.subarray(start, end)
  if (!isUtf8(bytes)) {
    return ProtocolViolation.make("InvalidUtf8", 8, "the header is not UTF-8")
  }
  let json: unknown
  try {
    json = JSON.parse(bytes.toString("utf8"))
  } catch {
    return ProtocolViolation.make("InvalidJson", 8, "the header is not JSON")
  }
  if (typeof json !== "object" || json === null || Array.isArray(json)) {
    return ProtocolViolation.make("InvalidField", 8, "the header is not an object")
  }
  const members = new Map<string, unknown>(Object.entries(json))
  const code = int(members.get("code"))
  const flag = int(members.get("flag"))
  const opaque = int(members.get("opaque"))
  const version = int(members.get("version"))
  if (code === undefined || flag === undefined || opaque === undefined || version === undefined) {
    return ProtocolViolation.make("InvalidField", 8, "code, flag, opaque and version are integers")
  }
  const language = members.get("language") ?? "JAVA"
  const remark = members.get("remark") ?? undefined
  const ext = members.get("extFields") ?? {}
  if (typeof ext !== "object" || Array.isArray(ext)) {
    return ProtocolViolation.make("InvalidField", 8, "extFields is not an object")
  }
  const extFields: Record<string, string> = Object.create(null)
  let count = 0
  for (const [key, value] of Object.entries(ext)) {
    if (++count > maxExtFields) {
      return ProtocolViolation.make("TooManyExtFields", 8, `more than ${maxExtFields} ext fields`)
    }
    if (typeof value === "object") {
      if (value !== null) {
        return ProtocolViolation.make("InvalidField", 8, "an ext field is nested")
      }
    } else {
      extFields[key] = String(value)
    }
  }
  return {
    code,
    flag,
    opaque,
    version,
    language: typeof language === "number" ? languageName(language) : String(language),
    remark: remark === undefined ? undefined : String(remark),
    extFields
  }
}
