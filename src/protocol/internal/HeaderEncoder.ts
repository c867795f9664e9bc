/**
 * The two header codecs, write side.
 */
import { languageName } from "../LanguageCode.ts"
import type { ExtFields } from "../RemotingCommand.ts"

export const encodeJson = (
  code: number,
  flag: number,
  opaque: number,
  language: number,
  version: number,
  remark: string | undefined,
  extFields: ExtFields | undefined
): Buffer => {
  const ext: Record<string, string> = Object.create(null)
  if (extFields !== undefined) {
    for (const key of Object.keys(extFields)) {
      if (extFields[key] !== undefined && extFields[key] !== null) {
        ext[key] = extFields[key]
      }
    }
  }
  return Buffer.from(
    JSON.stringify({
      code,
      extFields: ext,
      flag,
      language: languageName(language),
      opaque,
      remark,
      serializeTypeCurrentRPC: "JSON",
      version
    })
  )
}

export const encodeBinary = (
  code: number,
  flag: number,
  opaque: number,
  language: number,
  version: number,
  remark: string | undefined,
  extFields: ExtFields | undefined
): Buffer => {
  const parts: Array<Buffer> = []
  const fixed = Buffer.alloc(13)
  fixed.writeInt16BE(code, 0)
  fixed[2] = language
  fixed.writeInt16BE(version, 3)
  fixed.writeInt32BE(opaque, 5)
  fixed.writeInt32BE(flag, 9)
  const int = (value: number) => {
    const bytes = Buffer.alloc(4)
    bytes.writeInt32BE(value)
    return bytes
  }
  const short = (value: number) => {
    const bytes = Buffer.alloc(2)
    bytes.writeInt16BE(value)
    return bytes
  }
  const remarkBytes = Buffer.from(remark ?? "")
  for (const key of Object.keys(extFields ?? {})) {
    const value = extFields?.[key]
    if (value !== undefined && value !== null) {
      const keyBytes = Buffer.from(key)
      const valueBytes = Buffer.from(value)
      parts.push(short(keyBytes.length), keyBytes, int(valueBytes.length), valueBytes)
    }
  }
  const ext = Buffer.concat(parts)
  return Buffer.concat([fixed, int(remarkBytes.length), remarkBytes, int(ext.length), ext])
}
