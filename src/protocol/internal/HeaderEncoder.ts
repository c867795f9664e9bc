/**
 * The two header codecs, write side. Every writer writes at position `at` into an arena whose `length` stays where it
 * was, and returns the position after what it wrote, or a violation. `start` is where the frame begins, and `limit` the
 * position that its header must not pass: a text that alone would pass it is refused before it is written, the exact
 * check is left to the caller.
 *
 * Short texts are written character by character, longer ones by a native call, which costs as much as some 30
 * characters.
 */
import type { FrameArena } from "../FrameArena.ts"
import { LanguageCode } from "../LanguageCode.ts"
import { PreparedFields } from "../PreparedFields.ts"
import * as ProtocolViolation from "../ProtocolViolation.ts"
import type { ExtFields } from "../RemotingCommand.ts"

type Written = number | ProtocolViolation.ProtocolViolation

/** From how many characters on a native call pays. */
const shortText = 32

/** The same for a JSON string, whose characters have to be looked at in any case. */
const shortJsonText = 64

/** The largest ROCKETMQ key: its length is a signed short. */
const maxBinaryKey = 32767

/** 1 for each ASCII character that stands for itself in a JSON string. */
const plain = new Uint8Array(128)
for (let character = 0x20; character < 0x80; character++) {
  plain[character] = character === 0x22 || character === 0x5c ? 0 : 1
}

const hexDigits = Buffer.from("0123456789abcdef", "latin1")

/** The letter after the backslash for control characters that have one, by character. */
const shortEscapes = Buffer.alloc(0x20)
shortEscapes[0x08] = 0x62
shortEscapes[0x09] = 0x74
shortEscapes[0x0a] = 0x6e
shortEscapes[0x0c] = 0x66
shortEscapes[0x0d] = 0x72

/** A constant ASCII text as little-endian words, the last one padded: writing it may touch 3 bytes too many. */
class Literal {
  readonly size: number
  readonly words: Int32Array

  constructor(text: string) {
    const bytes = Buffer.alloc((text.length + 3) & ~3)
    bytes.write(text, "latin1")
    this.size = text.length
    this.words = Int32Array.from({ length: bytes.length / 4 }, (_, i) => bytes.readInt32LE(4 * i))
  }
}

const codeStart = new Literal("{\"code\":")
const extFieldsStart = new Literal(",\"extFields\":{")
const flagStart = new Literal("},\"flag\":")
const languageToOpaque: ReadonlyArray<Literal> = Object.keys(LanguageCode).map((name) =>
  new Literal(`,"language":"${name}","opaque":`)
)
const remarkStart = new Literal(",\"remark\":\"")
const typeToVersion = new Literal(",\"serializeTypeCurrentRPC\":\"JSON\",\"version\":")

const writeLiteral = (words: DataView, at: number, literal: Literal): number => {
  const source = literal.words
  for (let i = 0; i < source.length; i++) {
    words.setInt32(at + 4 * i, source[i], true)
  }
  return at + literal.size
}

/** Writes an integer of 32 bits in decimal. */
const writeDecimal = (buffer: Buffer, at: number, value: number): number => {
  if (value < 0) {
    return at + buffer.write(String(value), at, "latin1")
  }
  let end = at + 1
  for (let rest = value; rest >= 10; rest = (rest / 10) | 0) {
    end++
  }
  for (let position = end - 1, rest = value; position >= at; position--) {
    const tenth = (rest / 10) | 0
    buffer[position] = 0x30 + rest - 10 * tenth
    rest = tenth
  }
  return end
}

/** Writes `text` as UTF-8, for which there must be room for 3 bytes a character. */
const writeUtf8 = (buffer: Buffer, at: number, text: string): number => {
  const size = text.length
  if (size < shortText) {
    let i = 0
    for (; i < size; i++) {
      const character = text.charCodeAt(i)
      if (character > 127) {
        break
      }
      buffer[at + i] = character
    }
    if (i === size) {
      return at + size
    }
  }
  return at + buffer.write(text, at, "utf8")
}

/** Writes `text` as the inside of a JSON string, for which there must be room for 8 bytes a character. */
const writeJsonText = (arena: FrameArena, at: number, text: string): number => {
  const size = text.length
  if (size < shortJsonText) {
    const buffer = arena.buffer
    let to = at
    let i = 0
    for (; i < size; i++) {
      const character = text.charCodeAt(i)
      if (character > 127) {
        break
      }
      if (plain[character] !== 0) {
        buffer[to++] = character
      } else {
        to = writeEscape(buffer, to, character)
      }
    }
    if (i === size) {
      return to
    }
  }
  return writeEscaped(arena, at, text)
}

/**
 * The same for any text. It is first written as UTF-8 so far ahead that the escapes, 5 bytes longer at most than what
 * they stand for, never overtake it.
 */
const writeEscaped = (arena: FrameArena, at: number, text: string): number => {
  const { buffer, words } = arena
  let from = at + 5 * text.length
  const end = from + buffer.write(text, from, "utf8")
  const lastWord = end - 4
  for (;;) {
    for (; from <= lastWord; from += 4) {
      const word = words.getInt32(from, true)
      const quotes = word ^ 0x22222222
      const backslashes = word ^ 0x5c5c5c5c
      // Not 0 when one of the bytes is a quote, a backslash or a control character.
      const special = (((word - 0x20202020) & ~word) | ((quotes - 0x01010101) & ~quotes) |
        ((backslashes - 0x01010101) & ~backslashes)) & 0x80808080
      if (special !== 0) {
        break
      }
      words.setInt32(at, word, true)
      at += 4
    }
    for (; from < end; from++) {
      const byte = buffer[from]
      if (byte < 128 && plain[byte] === 0) {
        break
      }
      buffer[at++] = byte
    }
    if (from === end) {
      return at
    }
    at = writeEscape(buffer, at, buffer[from++])
  }
}

const writeEscape = (buffer: Buffer, at: number, byte: number): number => {
  buffer[at] = 0x5c
  if (byte >= 0x20) {
    buffer[at + 1] = byte
    return at + 2
  }
  if (shortEscapes[byte] !== 0) {
    buffer[at + 1] = shortEscapes[byte]
    return at + 2
  }
  buffer[at + 1] = 0x75
  buffer[at + 2] = 0x30
  buffer[at + 3] = 0x30
  buffer[at + 4] = hexDigits[byte >>> 4]
  buffer[at + 5] = hexDigits[byte & 15]
  return at + 6
}

/** That the limit is passed; which limit it is, the caller knows. */
const tooLarge = (offset: number): ProtocolViolation.ProtocolViolation =>
  ProtocolViolation.make("HeaderTooLarge", offset, "the header is over its limit")

/** Key length in 2 bytes, key, value length in 4 bytes, value. */
const writeBinaryField = (
  arena: FrameArena,
  start: number,
  limit: number,
  at: number,
  key: string,
  value: string
): Written => {
  const characters = key.length + value.length
  if (at + characters > limit) {
    return tooLarge(at - start)
  }
  arena.ensure(at, 3 * characters + 6)
  const { buffer, words } = arena
  const keyStart = at + 2
  const keyEnd = writeUtf8(buffer, keyStart, key)
  if (keyEnd - keyStart > maxBinaryKey) {
    return ProtocolViolation.make("InvalidField", at - start, `a key of more than ${maxBinaryKey} bytes`)
  }
  words.setInt16(at, keyEnd - keyStart)
  const valueStart = keyEnd + 4
  const end = writeUtf8(buffer, valueStart, value)
  words.setInt32(keyEnd, end - valueStart)
  return end
}

/** Key and value as JSON, and a comma. */
const writeJsonField = (
  arena: FrameArena,
  start: number,
  limit: number,
  at: number,
  key: string,
  value: string
): Written => {
  const characters = key.length + value.length
  if (at + characters > limit) {
    return tooLarge(at - start)
  }
  arena.ensure(at, 8 * characters + 6)
  const buffer = arena.buffer
  buffer[at] = 0x22
  at = writeJsonText(arena, at + 1, key)
  buffer[at] = 0x22
  buffer[at + 1] = 0x3a
  buffer[at + 2] = 0x22
  at = writeJsonText(arena, at + 3, value)
  buffer[at] = 0x22
  buffer[at + 1] = 0x2c
  return at + 2
}

/** The same as `writeFields` for JSON. */
const writePrepared = (
  arena: FrameArena,
  start: number,
  limit: number,
  at: number,
  fields: PreparedFields,
  maxExtFields: number
): Written => {
  const { first, second, template } = fields
  const [head, middle, tail] = template.json
  if (template.count > maxExtFields) {
    return ProtocolViolation.make("TooManyExtFields", at - start, "more ext fields than the limit")
  }
  const characters = first.length + second.length
  const constant = head.length + middle.length + tail.length
  if (at + constant + characters > limit) {
    return tooLarge(at - start)
  }
  arena.ensure(at, constant + 8 * characters)
  const { buffer } = arena
  buffer.set(head, at)
  at = writeJsonText(arena, at + head.length, first)
  buffer.set(middle, at)
  at = writeJsonText(arena, at + middle.length, second)
  buffer.set(tail, at)
  return at + tail.length
}

const hasOwn = Object.prototype.hasOwnProperty

/** Writes all ext fields. */
const writeFields = (
  arena: FrameArena,
  start: number,
  limit: number,
  at: number,
  extFields: ExtFields,
  binary: boolean,
  maxExtFields: number
): Written => {
  let count = 0
  // A record without a prototype has its keys in a table, which for-in walks slowly; other records are the reverse.
  const keys = Object.getPrototypeOf(extFields) === null ? Object.keys(extFields) : undefined
  if (keys !== undefined) {
    for (let i = 0; i < keys.length; i++) {
      const value: unknown = extFields[keys[i]]
      if (value !== undefined && value !== null) {
        const written = writeField(arena, start, limit, at, keys[i], value, binary, ++count > maxExtFields)
        if (typeof written !== "number") {
          return written
        }
        at = written
      }
    }
    return at
  }
  for (const key in extFields) {
    if (hasOwn.call(extFields, key)) {
      const value: unknown = extFields[key]
      if (value !== undefined && value !== null) {
        const written = writeField(arena, start, limit, at, key, value, binary, ++count > maxExtFields)
        if (typeof written !== "number") {
          return written
        }
        at = written
      }
    }
  }
  return at
}

const writeField = (
  arena: FrameArena,
  start: number,
  limit: number,
  at: number,
  key: string,
  value: unknown,
  binary: boolean,
  tooMany: boolean
): Written => {
  if (tooMany) {
    return ProtocolViolation.make("TooManyExtFields", at - start, "more ext fields than the limit")
  }
  if (typeof value !== "string") {
    return ProtocolViolation.make("InvalidField", at - start, "an ext field is not a string")
  }
  return binary
    ? writeBinaryField(arena, start, limit, at, key, value)
    : writeJsonField(arena, start, limit, at, key, value)
}

/**
 * Writes a ROCKETMQ header (RocketMQ 5.3.3 `RocketMQSerializable.rocketMQProtocolEncode`) after the 8 bytes that begin
 * the frame at `start`. `code` and `version` fit a short.
 */
export const writeBinaryHeader = (
  arena: FrameArena,
  start: number,
  limit: number,
  code: number,
  flag: number,
  opaque: number,
  language: number,
  version: number,
  remark: string | undefined,
  extFields: ExtFields | undefined,
  maxExtFields: number
): Written => {
  const header = start + 8
  const remarkSize = remark === undefined ? 0 : remark.length
  if (header + 21 + remarkSize > limit) {
    return tooLarge(8)
  }
  arena.ensure(start, 8 + 21 + 3 * remarkSize)
  const { buffer, words } = arena
  words.setInt16(header, code)
  buffer[header + 2] = language
  words.setInt16(header + 3, version)
  words.setInt32(header + 5, opaque)
  words.setInt32(header + 9, flag)
  const remarkEnd = remark === undefined ? header + 17 : writeUtf8(buffer, header + 17, remark)
  words.setInt32(header + 13, remarkEnd - header - 17)
  const extStart = remarkEnd + 4
  if (extFields === undefined) {
    words.setInt32(remarkEnd, 0)
    return extStart
  }
  const end = writeFields(arena, start, limit, extStart, extFields, true, maxExtFields)
  if (typeof end === "number") {
    arena.words.setInt32(remarkEnd, end - extStart)
  }
  return end
}

/**
 * Writes a JSON header (RocketMQ 5.3.3 `RemotingSerializable.encode`: members in alphabetical order, no spaces) after the
 * 8 bytes that begin the frame at `start`. `extFields` is written even when it is empty, because servers dereference it.
 */
export const writeJsonHeader = (
  arena: FrameArena,
  start: number,
  limit: number,
  code: number,
  flag: number,
  opaque: number,
  language: number,
  version: number,
  remark: string | undefined,
  extFields: ExtFields | PreparedFields | undefined,
  maxExtFields: number
): Written => {
  const header = start + 8
  arena.ensure(start, 64)
  let at = writeLiteral(arena.words, header, codeStart)
  at = writeDecimal(arena.buffer, at, code)
  at = writeLiteral(arena.words, at, extFieldsStart)
  if (extFields !== undefined) {
    const end = extFields instanceof PreparedFields
      ? writePrepared(arena, start, limit, at, extFields, maxExtFields)
      : writeFields(arena, start, limit, at, extFields, false, maxExtFields)
    if (typeof end !== "number") {
      return end
    }
    // Without the comma after the last field.
    at = end === at ? at : end - 1
  }
  const remarkSize = remark === undefined ? 0 : remark.length
  if (at + remarkSize > limit) {
    return tooLarge(at - start)
  }
  arena.ensure(at, 192 + 8 * remarkSize)
  const { buffer, words } = arena
  at = writeLiteral(words, at, flagStart)
  at = writeDecimal(buffer, at, flag)
  at = writeLiteral(words, at, languageToOpaque[language])
  at = writeDecimal(buffer, at, opaque)
  if (remark !== undefined) {
    at = writeLiteral(words, at, remarkStart)
    at = writeJsonText(arena, at, remark)
    buffer[at++] = 0x22
  }
  at = writeLiteral(words, at, typeToVersion)
  at = writeDecimal(buffer, at, version)
  buffer[at] = 0x7d
  return at + 1
}
