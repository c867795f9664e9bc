/**
 * The fast path for JSON headers: validates, without making an object, a header in the one layout that RocketMQ's own
 * encoder writes and ours too, and picks up what is needed to route the command.
 *
 * That layout has no spaces and its members are in alphabetical order: `code`, `extFields` (may be left out), `flag`,
 * `language`, `opaque`, `remark` (may be left out), `serializeTypeCurrentRPC` ("JSON"), `version`. Texts are ASCII
 * without escapes, ext fields are texts, numbers are plain 32-bit integers. What is accepted here is JSON of the right
 * types by construction; anything else is left to the full decoder.
 *
 * Four bytes at a time are compared and searched, because this loop is the largest single cost of an answer.
 */
import type { DecodedHeader } from "./DecodedHeader.ts"

// What comes before each value, and the same text as words; the last ones of some overlap.
const codeStart = "{\"code\":"
const extFieldsStart = ",\"extFields\":{"
const flagStart = ",\"flag\":"
const languageStart = ",\"language\":\""
const opaqueStart = ",\"opaque\":"
const remarkStart = ",\"remark\":\""
const typeStart = ",\"serializeTypeCurrentRPC\":\"JSON\",\"version\":"

/** The 4 characters of `text` at `at` as a little-endian word. */
const wordAt = (text: string, at: number): number => Buffer.from(text, "latin1").readInt32LE(at)

const code0 = wordAt(codeStart, 0)
const code4 = wordAt(codeStart, 4)
const extFields0 = wordAt(extFieldsStart, 0)
const extFields4 = wordAt(extFieldsStart, 4)
const extFields8 = wordAt(extFieldsStart, 8)
const extFields10 = wordAt(extFieldsStart, 10)
const flag0 = wordAt(flagStart, 0)
const flag4 = wordAt(flagStart, 4)
const language0 = wordAt(languageStart, 0)
const language4 = wordAt(languageStart, 4)
const language8 = wordAt(languageStart, 8)
const language9 = wordAt(languageStart, 9)
const opaque0 = wordAt(opaqueStart, 0)
const opaque4 = wordAt(opaqueStart, 4)
const opaque6 = wordAt(opaqueStart, 6)
const remark0 = wordAt(remarkStart, 0)
const remark4 = wordAt(remarkStart, 4)
const remark7 = wordAt(remarkStart, 7)
const type0 = wordAt(typeStart, 0)
const type4 = wordAt(typeStart, 4)
const type8 = wordAt(typeStart, 8)
const type12 = wordAt(typeStart, 12)
const type16 = wordAt(typeStart, 16)
const type20 = wordAt(typeStart, 20)
const type24 = wordAt(typeStart, 24)
const type28 = wordAt(typeStart, 28)
const type32 = wordAt(typeStart, 32)
const type36 = wordAt(typeStart, 36)
const type40 = wordAt(typeStart, 40)

/** Less than the size of any header in this layout. */
const shortest = 80

/** The most digits of an integer of 32 bits. */
const maxDigits = 10

const quote = 0x22
const comma = 0x2c
const minus = 0x2d
const colon = 0x3a
const closingBrace = 0x7d

/**
 * The position of the quote that ends the text which begins at `at`, or -1 when the text is not plain ASCII or fewer
 * than 3 bytes come after it before `end`; in the usual layout there are always more.
 */
const textEnd = (bytes: DataView, at: number, end: number): number => {
  for (const last = end - 4; at <= last; at += 4) {
    const word = bytes.getInt32(at, true)
    const quotes = word ^ 0x22222222
    const backslashes = word ^ 0x5c5c5c5c
    // The high bit of each byte that is a quote, a backslash, a control character or not ASCII. Borrows can set bits
    // wrongly, but only above the first that is right.
    const special =
      (word | (word - 0x20202020) | ((quotes - 0x01010101) & ~quotes) | ((backslashes - 0x01010101) & ~backslashes)) &
      0x80808080
    if (special !== 0) {
      at += (31 - Math.clz32(special & -special)) >> 3
      return at <= last && bytes.getUint8(at) === quote ? at : -1
    }
  }
  return -1
}

/** Reads headers in the usual layout, one after the other. */
export class JsonScan {
  /** `code` of the header scanned last. */
  code = 0
  /** `flag` of the header scanned last. */
  flag = 0
  /** `opaque` of the header scanned last. */
  opaque = 0
  private int = 0

  /** Whether `bytes[at..end)` is a valid header in the usual layout with at most `maxExtFields` ext fields. */
  scan(bytes: DataView, at: number, end: number, maxExtFields: number): boolean {
    if (end - at < shortest || bytes.getInt32(at, true) !== code0 || bytes.getInt32(at + 4, true) !== code4) {
      return false
    }
    at = this.readInt(bytes, at + 8, end)
    this.code = this.int
    if (at < 0) {
      return false
    }
    if (bytes.getInt32(at, true) === extFields0) {
      if (
        bytes.getInt32(at + 4, true) !== extFields4 ||
        bytes.getInt32(at + 8, true) !== extFields8 ||
        bytes.getInt32(at + 10, true) !== extFields10
      ) {
        return false
      }
      at += extFieldsStart.length
      if (bytes.getUint8(at) === closingBrace) {
        at += 1
      } else {
        for (let count = 0;; count++) {
          if (count === maxExtFields || bytes.getUint8(at) !== quote) {
            return false
          }
          at = textEnd(bytes, at + 1, end)
          if (at < 0 || bytes.getUint8(at + 1) !== colon || bytes.getUint8(at + 2) !== quote) {
            return false
          }
          at = textEnd(bytes, at + 3, end)
          if (at < 0) {
            return false
          }
          const next = bytes.getUint8(at + 1)
          at += 2
          if (next !== comma) {
            if (next === closingBrace) {
              break
            }
            return false
          }
        }
      }
    }
    if (end - at < 12 || bytes.getInt32(at, true) !== flag0 || bytes.getInt32(at + 4, true) !== flag4) {
      return false
    }
    at = this.readInt(bytes, at + 8, end)
    this.flag = this.int
    if (
      at < 0 || end - at < 16 ||
      bytes.getInt32(at, true) !== language0 ||
      bytes.getInt32(at + 4, true) !== language4 ||
      bytes.getInt32(at + 8, true) !== language8 ||
      bytes.getInt32(at + 9, true) !== language9
    ) {
      return false
    }
    at = textEnd(bytes, at + 13, end)
    if (
      at < 0 || end - at < 16 ||
      bytes.getInt32(at + 1, true) !== opaque0 ||
      bytes.getInt32(at + 5, true) !== opaque4 ||
      bytes.getInt32(at + 7, true) !== opaque6
    ) {
      return false
    }
    at = this.readInt(bytes, at + 11, end)
    this.opaque = this.int
    if (at < 0 || end - at < typeStart.length + 2) {
      return false
    }
    if (bytes.getInt32(at, true) === remark0) {
      if (bytes.getInt32(at + 4, true) !== remark4 || bytes.getInt32(at + 7, true) !== remark7) {
        return false
      }
      at = textEnd(bytes, at + 11, end) + 1
      if (at === 0 || end - at < typeStart.length + 2) {
        return false
      }
    }
    if (
      bytes.getInt32(at, true) !== type0 ||
      bytes.getInt32(at + 4, true) !== type4 ||
      bytes.getInt32(at + 8, true) !== type8 ||
      bytes.getInt32(at + 12, true) !== type12 ||
      bytes.getInt32(at + 16, true) !== type16 ||
      bytes.getInt32(at + 20, true) !== type20 ||
      bytes.getInt32(at + 24, true) !== type24 ||
      bytes.getInt32(at + 28, true) !== type28 ||
      bytes.getInt32(at + 32, true) !== type32 ||
      bytes.getInt32(at + 36, true) !== type36 ||
      bytes.getInt32(at + 40, true) !== type40
    ) {
      return false
    }
    at = this.readInt(bytes, at + typeStart.length, end)
    return at >= 0 && at + 1 === end && bytes.getUint8(at) === closingBrace
  }

  /** Reads the integer at `at` into `int`; the position after it, or -1 when it is not one of 32 bits as Java writes it. */
  private readInt(bytes: DataView, at: number, end: number): number {
    const negative = bytes.getUint8(at) === minus
    if (negative) {
      at += 1
    }
    const first = at
    const last = Math.min(end, at + maxDigits + 1)
    let value = 0
    for (; at < last; at++) {
      const digit = bytes.getUint8(at) - 0x30
      if (digit < 0 || digit > 9) {
        break
      }
      value = value * 10 + digit
    }
    const digits = at - first
    if (
      digits === 0 || digits > maxDigits || value > (negative ? 2147483648 : 2147483647) ||
      (bytes.getUint8(first) === 0x30 && (digits > 1 || negative))
    ) {
      return -1
    }
    this.int = negative ? -value : value
    return at
  }
}

/** Decodes the header in `frame[start..end)`, which `JsonScan` has accepted before. */
export const decodeScannedHeader = (
  frame: Buffer,
  start: number,
  end: number,
  code: number,
  flag: number,
  opaque: number
): DecodedHeader => {
  // Texts in this layout have no escapes: every quote begins or ends one.
  const text = frame.toString("latin1", start, end)
  const extFields: Record<string, string> = Object.create(null)
  let at = text.indexOf(",", 8)
  if (text.startsWith(extFieldsStart, at)) {
    at += extFieldsStart.length - 1
    while (text.charCodeAt(at + 1) === quote) {
      const keyEnd = text.indexOf("\"", at + 2)
      const valueEnd = text.indexOf("\"", keyEnd + 3)
      extFields[text.slice(at + 2, keyEnd)] = text.slice(keyEnd + 3, valueEnd)
      at = valueEnd + 1
    }
    at = text.indexOf(flagStart, at)
  }
  at = text.indexOf(languageStart, at) + languageStart.length
  const languageEnd = text.indexOf("\"", at)
  const language = text.slice(at, languageEnd)
  at = text.indexOf(",", languageEnd + 2)
  let remark: string | undefined = undefined
  if (text.startsWith(remarkStart, at)) {
    at += remarkStart.length
    const remarkEnd = text.indexOf("\"", at)
    remark = text.slice(at, remarkEnd)
    at = remarkEnd + 1
  }
  const version = Number(text.slice(at + typeStart.length, -1))
  return { code, language, version, opaque, flag, remark, extFields }
}
