/**
 * The JSON header, read side (RocketMQ 5.3.3 `RemotingSerializable`): a strict JSON reader that knows at which byte
 * something is wrong, keeps the digits of numbers as they were sent, and never recurses deeper than it allows.
 */
import { isUtf8 } from "node:buffer"
import { languageName } from "../LanguageCode.ts"
import * as ProtocolViolation from "../ProtocolViolation.ts"
import type { DecodedHeader } from "./DecodedHeader.ts"
import { invalidUtf8At } from "./Utf8.ts"

/** The most characters of an integer of 32 bits. */
const maxIntSize = 11

/** How many members a header may have besides its ext fields, those of nested objects included. */
const maxMembers = 64

/** How deeply members that we do not know may be nested; those that we know are not. */
const maxDepth = 64

const tab = 0x09
const lineFeed = 0x0a
const carriageReturn = 0x0d
const space = 0x20
const quote = 0x22
const plus = 0x2b
const comma = 0x2c
const minus = 0x2d
const dot = 0x2e
const zero = 0x30
const nine = 0x39
const colon = 0x3a
const openingBracket = 0x5b
const backslash = 0x5c
const closingBracket = 0x5d
const nullStart = 0x6e
const trueStart = 0x74
const openingBrace = 0x7b
const closingBrace = 0x7d

/** The members of a header; Java's defaults where the header has none, or `null`. */
interface Members {
  code: number
  language: string | undefined
  version: number
  opaque: number
  flag: number
  remark: string | undefined
  extFields: Record<string, string>
}

/**
 * Reads JSON. Every reading method moves `at` past what it read, or leaves `violation` set and returns something
 * meaningless.
 */
class JsonReader {
  violation: ProtocolViolation.ProtocolViolation | undefined = undefined
  at: number
  private readonly frame: Buffer
  private readonly end: number
  private readonly origin: number
  private membersLeft: number
  /** Where the key of the present member begins, with its quote. */
  private keyAt = 0
  private keyEnd = 0
  private keyEscaped = false

  constructor(frame: Buffer, start: number, end: number, maxExtFields: number) {
    this.frame = frame
    this.at = start
    this.end = end
    this.origin = start - 8
    this.membersLeft = maxMembers + maxExtFields
  }

  fail(kind: ProtocolViolation.ViolationKind, at: number, message: string): void {
    this.violation ??= ProtocolViolation.make(kind, at - this.origin, message)
  }

  /** The next byte that is not space, without moving past it; 0 at the end, which begins no JSON token either. */
  peek(): number {
    const frame = this.frame
    for (; this.at < this.end; this.at++) {
      const byte = frame[this.at]
      if (byte !== space && byte !== lineFeed && byte !== carriageReturn && byte !== tab) {
        return byte
      }
    }
    return 0
  }

  /** Moves past one byte after any space, which must be `byte`. */
  expect(byte: number): void {
    if (this.peek() === byte && this.at < this.end) {
      this.at++
    } else {
      this.fail("InvalidJson", this.at, `expected ${JSON.stringify(String.fromCharCode(byte))}${this.found()}`)
    }
  }

  /** Fails unless only space is left. */
  expectEnd(): void {
    this.peek()
    if (this.at < this.end) {
      this.fail("InvalidJson", this.at, "there is more after the header object")
    }
  }

  /** Reads an object: `member` is called for each key, with `at` before the value, which it must read. */
  readObject(member: () => void): void {
    this.expect(openingBrace)
    if (this.violation !== undefined) {
      return
    }
    if (this.peek() === closingBrace) {
      this.at++
      return
    }
    for (;;) {
      if (this.peek() !== quote) {
        return this.fail("InvalidJson", this.at, `expected a key${this.found()}`)
      }
      const keyAt = this.at
      if (this.membersLeft-- === 0) {
        return this.fail("TooManyExtFields", keyAt, "more members than the limit")
      }
      this.keyEscaped = this.passString()
      this.keyAt = keyAt
      this.keyEnd = this.at
      this.expect(colon)
      if (this.violation !== undefined) {
        return
      }
      this.peek()
      member()
      if (this.violation !== undefined) {
        return
      }
      if (this.peek() === closingBrace) {
        this.at++
        return
      }
      this.expect(comma)
      if (this.violation !== undefined) {
        return
      }
    }
  }

  /** The key of the member that is being read, until another object begins. */
  key(): string {
    return this.text(this.keyAt, this.keyEnd, this.keyEscaped)
  }

  /** Reads a value that must be an integer of 32 bits; `null` counts as 0, Java's default. */
  readInt(member: string): number {
    const byte = this.peek()
    const start = this.at
    if (byte === openingBrace || byte === openingBracket) {
      this.failInt(member, start)
      return 0
    }
    this.passScalar(byte)
    if (byte === nullStart) {
      return 0
    }
    const size = this.at - start
    if ((byte !== minus && (byte < zero || byte > nine)) || size > maxIntSize) {
      this.failInt(member, start)
      return 0
    }
    const text = this.frame.toString("latin1", start, this.at)
    const value = Number(text)
    if ((value | 0) !== value || text.includes(".") || text.includes("e") || text.includes("E")) {
      this.failInt(member, start)
    }
    return value | 0
  }

  /** Reads a value that must be a text; numbers, `true` and `false` become text as written, `null` is `undefined`. */
  readText(member: string): string | undefined {
    const byte = this.peek()
    const start = this.at
    if (byte === openingBrace || byte === openingBracket) {
      this.fail("InvalidField", start, `${member} is ${byte === openingBrace ? "an object" : "an array"}`)
      return undefined
    }
    const escaped = this.passScalar(byte)
    if (this.violation !== undefined) {
      return undefined
    }
    if (byte === quote) {
      return this.text(start, this.at, escaped)
    }
    return byte === nullStart ? undefined : this.frame.toString("latin1", start, this.at)
  }

  /** Reads the ext fields object into `extFields`; `null` counts as none. */
  readExtFields(extFields: Record<string, string>, maxExtFields: number): void {
    if (this.peek() !== openingBrace) {
      const at = this.at
      if (this.readText("extFields") !== undefined) {
        this.fail("InvalidField", at, "extFields is not an object")
      }
      return
    }
    let count = 0
    this.readObject(() => {
      count++
      if (count > maxExtFields) {
        return this.fail("TooManyExtFields", this.keyAt, `more than ${maxExtFields} ext fields`)
      }
      const key = this.key()
      const value = this.readText("an ext field")
      if (value === undefined) {
        delete extFields[key]
      } else {
        extFields[key] = value
      }
    })
  }

  /** Moves past any value. */
  skipValue(depth: number): void {
    const byte = this.peek()
    if (byte !== openingBrace && byte !== openingBracket) {
      this.passScalar(byte)
      return
    }
    if (depth === maxDepth) {
      return this.fail("InvalidJson", this.at, `nested more than ${maxDepth} deep`)
    }
    if (byte === openingBrace) {
      return this.readObject(() => this.skipValue(depth + 1))
    }
    this.at++
    if (this.peek() === closingBracket) {
      this.at++
      return
    }
    for (;;) {
      this.skipValue(depth + 1)
      if (this.violation !== undefined) {
        return
      }
      if (this.peek() === closingBracket) {
        this.at++
        return
      }
      this.expect(comma)
      if (this.violation !== undefined) {
        return
      }
    }
  }

  /** The string between the quotes at `start` and before `end`. */
  private text(start: number, end: number, escaped: boolean): string {
    return escaped
      ? JSON.parse(this.frame.toString("utf8", start, end))
      : this.frame.toString("utf8", start + 1, end - 1)
  }

  /** Moves past a value that begins with `byte` and is neither object nor array; whether it is a string with escapes. */
  private passScalar(byte: number): boolean {
    if (byte === quote) {
      return this.passString()
    }
    if (byte === minus || (byte >= zero && byte <= nine)) {
      this.passNumber()
    } else {
      this.passLiteral(byte)
    }
    return false
  }

  /** Moves past a string, with `at` on its opening quote; whether it has escapes. */
  private passString(): boolean {
    const frame = this.frame
    const end = this.end
    let escaped = false
    for (let at = this.at + 1; at < end; at++) {
      const byte = frame[at]
      if (byte === quote) {
        this.at = at + 1
        return escaped
      }
      if (byte < space) {
        this.fail("InvalidJson", at, "a control character in a string")
        return false
      }
      if (byte === backslash) {
        escaped = true
        const size = escapeSize(frame, at, end)
        if (size === 0) {
          this.fail("InvalidJson", at, "an escape that JSON does not have")
          return false
        }
        at += size - 1
      }
    }
    this.fail("InvalidJson", end, "the header ends inside a string")
    return false
  }

  private passNumber(): void {
    const integer = this.byteAt(this.at) === minus ? this.at + 1 : this.at
    let at = this.skipDigits(integer)
    let valid = at > integer && (this.frame[integer] !== zero || at === integer + 1)
    if (this.byteAt(at) === dot) {
      const fraction = at + 1
      at = this.skipDigits(fraction)
      valid &&= at > fraction
    }
    if ((this.byteAt(at) | 0x20) === 0x65) {
      const sign = this.byteAt(at + 1)
      const exponent = sign === plus || sign === minus ? at + 2 : at + 1
      at = this.skipDigits(exponent)
      valid &&= at > exponent
    }
    if (valid) {
      this.at = at
    } else {
      this.fail("InvalidJson", this.at, "not a number")
    }
  }

  private passLiteral(byte: number): void {
    const literal = byte === trueStart ? "true" : byte === nullStart ? "null" : "false"
    for (let i = 0; i < literal.length; i++) {
      if (this.byteAt(this.at + i) !== literal.charCodeAt(i)) {
        return this.fail("InvalidJson", this.at, `expected a value${this.found()}`)
      }
    }
    this.at += literal.length
  }

  private failInt(member: string, at: number): void {
    this.fail("InvalidField", at, `${member} is not an integer of 32 bits`)
  }

  private byteAt(at: number): number {
    return at < this.end ? this.frame[at] : 0
  }

  private skipDigits(at: number): number {
    while (at < this.end && this.frame[at] >= zero && this.frame[at] <= nine) {
      at++
    }
    return at
  }

  private found(): string {
    if (this.at >= this.end) {
      return ", found the end of the header"
    }
    const byte = this.frame[this.at]
    return byte > space && byte < 0x7f
      ? `, found ${JSON.stringify(String.fromCharCode(byte))}`
      : `, found byte 0x${byte.toString(16).padStart(2, "0")}`
  }
}

const isHexDigit = (byte: number): boolean =>
  (byte >= zero && byte <= nine) || ((byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x66)

/** The bytes that the escape at `at` takes, 0 when it is none. */
const escapeSize = (frame: Buffer, at: number, end: number): number => {
  switch (at + 1 < end ? frame[at + 1] : 0) {
    case quote:
    case backslash:
    case 0x2f: // solidus
    case 0x62: // b
    case 0x66: // f
    case 0x6e: // n
    case 0x72: // r
    case 0x74: // t
      return 2
    case 0x75: // u
      return at + 5 < end && isHexDigit(frame[at + 2]) && isHexDigit(frame[at + 3]) && isHexDigit(frame[at + 4]) &&
          isHexDigit(frame[at + 5])
        ? 6
        : 0
    default:
      return 0
  }
}

const readLanguage = (reader: JsonReader): string | undefined => {
  const at = reader.at
  const numeric = reader.peek() !== quote
  const text = reader.readText("language")
  if (text === undefined) {
    return "JAVA"
  }
  if (!numeric) {
    return text
  }
  if (!/^\d+$/.test(text)) {
    reader.fail("InvalidField", at, "language is neither a name nor a number")
  }
  return languageName(Number(text))
}

/**
 * Decodes the JSON header in `frame[start..end)`, which begins 8 bytes into its frame.
 *
 * Members that are missing or `null` take Java's defaults: code, flag, opaque and version 0, language JAVA. Unknown
 * members are ignored if they are not too many, and of a key that comes twice the last one counts. Numbers, `true` and
 * `false` in ext fields become text as they were written; `null` is dropped.
 */
export const decodeJsonHeader = (
  frame: Buffer,
  start: number,
  end: number,
  maxExtFields: number
): DecodedHeader | ProtocolViolation.ProtocolViolation => {
  if (!isUtf8(frame.subarray(start, end))) {
    return ProtocolViolation.make(
      "InvalidUtf8",
      invalidUtf8At(frame, start, end) - start + 8,
      "the header is not UTF-8"
    )
  }
  const reader = new JsonReader(frame, start, end, maxExtFields)
  const members: Members = {
    code: 0,
    language: "JAVA",
    version: 0,
    opaque: 0,
    flag: 0,
    remark: undefined,
    extFields: Object.create(null)
  }
  reader.readObject(() => {
    const key = reader.key()
    switch (key) {
      case "code":
        members.code = reader.readInt(key)
        return
      case "flag":
        members.flag = reader.readInt(key)
        return
      case "opaque":
        members.opaque = reader.readInt(key)
        return
      case "version":
        members.version = reader.readInt(key)
        return
      case "language":
        members.language = readLanguage(reader)
        return
      case "remark":
        members.remark = reader.readText(key)
        return
      case "extFields":
        members.extFields = Object.create(null)
        reader.readExtFields(members.extFields, maxExtFields)
        return
      default:
        reader.skipValue(1)
    }
  })
  if (reader.violation === undefined) {
    reader.expectEnd()
  }
  return reader.violation ?? members
}
