/**
 * Settings as `java.util.Properties` writes them: what UPDATE_BROKER_CONFIG (25) and UPDATE_NAMESRV_CONFIG (318) take,
 * and GET_BROKER_CONFIG (26) and GET_NAMESRV_CONFIG (319) give.
 *
 * Source: `java.util.Properties.load`, RocketMQ 5.3.3 `common.MixAll.properties2String` and `string2Properties`.
 */
import * as BodyCodec from "./BodyCodec.ts"

const escapes: Readonly<Record<string, string>> = { "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r" }

const escape = (text: string, isKey: boolean): string => {
  let escaped = ""
  for (let i = 0; i < text.length; i++) {
    const character = text[i]
    const code = text.charCodeAt(i)
    escaped += escapes[character] ??
      // Java reads the bytes of UTF-8 as single characters.
      (code < 0x20 || code > 0x7e
        ? `\\u${code.toString(16).padStart(4, "0")}`
        : character === "\\" || (character === " " && (isKey || i === 0)) || (isKey && "=:#!".includes(character))
        ? `\\${character}`
        : character)
  }
  return escaped
}

/** `name=value` in a line each. */
export const encode = (properties: Readonly<Record<string, string>>): Uint8Array =>
  Buffer.from(
    Object.keys(properties).map((name) => `${escape(name, true)}=${escape(properties[name], false)}\n`).join(""),
    "utf8"
  )

const isBlank = (character: string | undefined): boolean =>
  character === " " || character === "\t" || character === "\f"

/** Natural lines without their leading blanks, comments left out, those that end in a backslash joined with the next. */
const logicalLines = (text: string): ReadonlyArray<string> => {
  const lines: Array<string> = []
  let open: Array<string> | undefined
  for (const natural of text.split(/\r\n|\r|\n/)) {
    let start = 0
    while (isBlank(natural[start])) {
      start++
    }
    if (open === undefined && (start === natural.length || natural[start] === "#" || natural[start] === "!")) {
      continue
    }
    let end = natural.length
    while (end > start && natural[end - 1] === "\\") {
      end--
    }
    const continues = (natural.length - end) % 2 === 1
    open ??= []
    open.push(natural.slice(start, continues ? natural.length - 1 : natural.length))
    if (!continues) {
      lines.push(open.join(""))
      open = undefined
    }
  }
  if (open !== undefined) {
    lines.push(open.join(""))
  }
  return lines
}

/** The text without escapes; `undefined` when one is cut off. */
const unescape = (text: string): string | undefined => {
  let unescaped = ""
  for (let i = 0; i < text.length; i++) {
    if (text[i] !== "\\") {
      unescaped += text[i]
      continue
    }
    i++
    if (text[i] === "u") {
      const digits = text.slice(i + 1, i + 5)
      if (!/^[\da-fA-F]{4}$/.test(digits)) {
        return undefined
      }
      unescaped += String.fromCharCode(Number.parseInt(digits, 16))
      i += 4
    } else {
      const letter = "tnfr".indexOf(text[i] ?? " ")
      unescaped += letter < 0 ? text[i] ?? "" : "\t\n\f\r"[letter]
    }
  }
  return unescaped
}

/** The settings, without a prototype; of a name that comes twice the last one counts. Violates only by a broken escape. */
export const decode = (bytes: Uint8Array | undefined): Readonly<Record<string, string>> | BodyCodec.BodyViolation => {
  const properties: Record<string, string> = Object.create(null)
  const text = bytes === undefined ? "" : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8")
  for (const line of logicalLines(text)) {
    let end = 0
    while (end < line.length && line[end] !== "=" && line[end] !== ":" && !isBlank(line[end])) {
      end += line[end] === "\\" ? 2 : 1
    }
    let start = end
    while (isBlank(line[start])) {
      start++
    }
    if (line[start] === "=" || line[start] === ":") {
      start++
      while (isBlank(line[start])) {
        start++
      }
    }
    const name = unescape(line.slice(0, end))
    const value = unescape(line.slice(start))
    if (name === undefined || value === undefined) {
      return BodyCodec.violation("$", "has an escape that ends early")
    }
    properties[name] = value
  }
  return properties
}
