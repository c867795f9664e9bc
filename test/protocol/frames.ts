/** What the tests of the protocol layer share: frames built by hand, and parsing with everything that came of it. */
import { FrameArena } from "../../src/protocol/FrameArena.ts"
import { LanguageCode } from "../../src/protocol/LanguageCode.ts"
import type { ProtocolViolation } from "../../src/protocol/ProtocolViolation.ts"
import { defaultFrameLimits, encodeFrame, type FrameLimits, FrameParser } from "../../src/protocol/RemotingCodec.ts"
import type { ExtFields, RemotingCommand, SerializeType } from "../../src/protocol/RemotingCommand.ts"

export interface CommandFields {
  readonly code?: number
  readonly flag?: number
  readonly opaque?: number
  readonly language?: LanguageCode
  readonly version?: number
  readonly remark?: string | undefined
  readonly extFields?: ExtFields | undefined
  readonly body?: Uint8Array | undefined
  readonly serialization?: SerializeType
}

/** Encodes one frame into `arena`. */
export const encodeInto = (
  arena: FrameArena,
  fields: CommandFields,
  maxFrameSize: number = defaultFrameLimits.maxFrameSize
): ProtocolViolation | undefined =>
  encodeFrame(
    arena,
    fields.code ?? 105,
    fields.flag ?? 0,
    fields.opaque ?? 1,
    fields.language ?? LanguageCode.OTHER,
    fields.version ?? 513,
    fields.remark,
    fields.extFields,
    fields.body,
    fields.serialization ?? "JSON",
    maxFrameSize
  )

/** Encodes one frame that breaks no rule. */
export const encoded = (fields: CommandFields): Buffer => {
  const arena = new FrameArena()
  const violation = encodeInto(arena, fields)
  if (violation !== undefined) {
    throw new Error(`${violation.kind}: ${violation.message}`)
  }
  return arena.detach()
}

/** A frame around any header bytes. */
export const frameOf = (type: number, header: Uint8Array | string, body: Uint8Array = new Uint8Array(0)): Buffer => {
  const headerBytes = typeof header === "string" ? Buffer.from(header, "utf8") : header
  const frame = Buffer.alloc(8 + headerBytes.length + body.length)
  frame.writeInt32BE(4 + headerBytes.length + body.length, 0)
  frame.writeUInt32BE(type * 2 ** 24 + headerBytes.length, 4)
  frame.set(headerBytes, 8)
  frame.set(body, 8 + headerBytes.length)
  return frame
}

/** A frame with a JSON header. */
export const jsonFrame = (header: string, body?: Uint8Array): Buffer => frameOf(0, header, body)

/** The number in `size` bytes. */
const number = (value: number, size: 1 | 2 | 4): Buffer => {
  const bytes = Buffer.alloc(size)
  bytes.writeIntBE(value, 0, size)
  return bytes
}

/** One ext field of a ROCKETMQ header; lengths as they are unless given. */
export const binaryEntry = (
  key: Uint8Array | string,
  value: Uint8Array | string,
  keyLength: number = Buffer.from(key).length,
  valueLength: number = Buffer.from(value).length
): Buffer => Buffer.concat([number(keyLength, 2), Buffer.from(key), number(valueLength, 4), Buffer.from(value)])

/** A ROCKETMQ header of code 103, language JAVA, version 2333, opaque 7, flag 0; lengths as they are unless given. */
export const binaryHeader = (
  remark: Uint8Array | string,
  extFields: Uint8Array,
  remarkLength: number = Buffer.from(remark).length,
  extLength: number = extFields.length
): Buffer =>
  Buffer.concat([
    Buffer.from("006700091d0000000700000000", "hex"),
    number(remarkLength, 4),
    Buffer.from(remark),
    number(extLength, 4),
    extFields
  ])

export interface Parsed {
  readonly commands: ReadonlyArray<RemotingCommand>
  readonly violation: ProtocolViolation | undefined
  readonly parser: FrameParser
}

/** Pushes the chunks one after the other, also after a violation. */
export const parse = (chunks: Iterable<Uint8Array>, limits: FrameLimits = defaultFrameLimits): Parsed => {
  const parser = new FrameParser(limits)
  const commands: Array<RemotingCommand> = []
  let violation: ProtocolViolation | undefined
  for (const chunk of chunks) {
    violation = parser.push(chunk, (command) => commands.push(command))
  }
  return { commands, violation, parser }
}

/** The only command in `chunks`. */
export const parseOne = (...chunks: ReadonlyArray<Uint8Array>): RemotingCommand => {
  const { commands, violation } = parse(chunks)
  if (violation !== undefined || commands.length !== 1) {
    throw new Error(`${commands.length} commands, ${violation?.kind}: ${violation?.message}`)
  }
  return commands[0]
}

/** All that a command says, as plain data. */
export const contents = (command: RemotingCommand) => ({
  code: command.code,
  flag: command.flag,
  opaque: command.opaque,
  serialization: command.serialization,
  language: command.language,
  languageName: command.languageName,
  version: command.version,
  remark: command.remark,
  extFields: Object.entries(command.extFields),
  body: command.body === undefined ? undefined : Buffer.from(command.body).toString("hex")
})

/** Every way to cut `bytes` in two. */
export const splits = function*(bytes: Buffer): Generator<ReadonlyArray<Buffer>> {
  for (let at = 1; at < bytes.length; at++) {
    yield [bytes.subarray(0, at), bytes.subarray(at)]
  }
}

/** `bytes` in chunks of one byte. */
export const single = (bytes: Buffer): ReadonlyArray<Buffer> => Array.from(bytes, (_, at) => bytes.subarray(at, at + 1))

/** `text` as it is after a round trip through UTF-8: lone surrogates have become U+FFFD. */
export const wellFormed = (text: string): string => Buffer.from(text, "utf8").toString("utf8")

/** A small seeded generator of numbers, uniform in [0, below). */
export const generator = (seed: number): (below: number) => number => {
  let state = seed >>> 0
  return (below) => {
    state = (state + 0x9e3779b9) >>> 0
    let mixed = state
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x21f0aaad)
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97)
    return Math.floor((((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32) * below)
  }
}

/** `bytes` cut at random places. */
export const randomChunks = (bytes: Buffer, random: (below: number) => number): ReadonlyArray<Buffer> => {
  const chunks: Array<Buffer> = []
  let at = 0
  while (at < bytes.length) {
    const size = 1 + random(random(4) === 0 ? bytes.length : 24)
    chunks.push(bytes.subarray(at, Math.min(at + size, bytes.length)))
    at += size
  }
  return chunks
}
