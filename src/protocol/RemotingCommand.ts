/**
 * A command as it came off the wire: a request or the answer to one.
 */
import { decodeBinaryHeader } from "./internal/BinaryHeader.ts"
import type { DecodedHeader } from "./internal/DecodedHeader.ts"
import { decodeScannedHeader } from "./internal/JsonScan.ts"
import * as LanguageCode from "./LanguageCode.ts"

/**
 * The open string fields of a command's header. Decoded ones have no prototype, so that every key, `__proto__` too, is
 * plain data.
 */
export type ExtFields = Readonly<Record<string, string>>

/** How a header is written: as JSON or in RocketMQ's binary form. */
export type SerializeType = "JSON" | "ROCKETMQ"

/** The bit in `flag` that makes a command a response (RocketMQ `RemotingCommand.RPC_TYPE`). */
export const responseFlag = 1

/** The bit in `flag` that makes a request one nobody answers (RocketMQ `RemotingCommand.RPC_ONEWAY`). */
export const onewayFlag = 2

/**
 * A decoded command. `code`, `flag`, `opaque` and `serialization` are there at once; the rest of the header is decoded
 * when one of its getters is first used. The header was validated completely before, so no getter fails.
 *
 * A command keeps the bytes it came in alive, up to a whole socket read: copy what is to be kept for long.
 */
export class RemotingCommand {
  /** Request code, or response code when `isResponse`. */
  readonly code: number
  /** Bit 0: response, bit 1: oneway; other bits have no meaning. */
  readonly flag: number
  /** The number that joins a request with its response. 0 when a JSON header has none. */
  readonly opaque: number
  /** How the header was written. */
  readonly serialization: SerializeType
  private readonly frame: Buffer
  private readonly headerStart: number
  private readonly bodyStart: number
  private readonly frameEnd: number
  private decoded: DecodedHeader | undefined
  private bodyView: Uint8Array | undefined

  /** Made by `FrameParser` alone, which has validated the header. */
  constructor(
    code: number,
    flag: number,
    opaque: number,
    serialization: SerializeType,
    frame: Buffer,
    headerStart: number,
    bodyStart: number,
    frameEnd: number,
    decoded: DecodedHeader | undefined
  ) {
    this.code = code
    this.flag = flag
    this.opaque = opaque
    this.serialization = serialization
    this.frame = frame
    this.headerStart = headerStart
    this.bodyStart = bodyStart
    this.frameEnd = frameEnd
    this.decoded = decoded
    this.bodyView = undefined
  }

  /** Whether this is the answer to a request. */
  get isResponse(): boolean {
    return (this.flag & responseFlag) !== 0
  }

  /** Whether the sender wants no answer. */
  get isOneway(): boolean {
    return (this.flag & onewayFlag) !== 0
  }

  /** The language of the sender, or `undefined` when it is none of `LanguageCode`. JAVA when a JSON header has none. */
  get language(): LanguageCode.LanguageCode | undefined {
    const name = this.header.language
    return name === undefined ? undefined : LanguageCode.languageCode(name)
  }

  /** The name of the sender's language; in a JSON header it may be one that `LanguageCode` does not know. */
  get languageName(): string | undefined {
    return this.header.language
  }

  /** The version of the sender, an ordinal of `MqVersion`. */
  get version(): number {
    return this.header.version
  }

  /** A text for people, most often what went wrong. A remark does not make a response an error; its code does. */
  get remark(): string | undefined {
    return this.header.remark
  }

  /** The string fields of the header; empty when there are none. */
  get extFields(): ExtFields {
    return this.header.extFields
  }

  /** What follows the header, as a view of the received bytes; `undefined` when nothing does. */
  get body(): Uint8Array | undefined {
    if (this.bodyView === undefined && this.frameEnd > this.bodyStart) {
      this.bodyView = this.frame.subarray(this.bodyStart, this.frameEnd)
    }
    return this.bodyView
  }

  /**
   * For what is read of so many answers that it must not cost a record of ext fields: `read` with a JSON header whose
   * bytes are those that RocketMQ's own encoder and ours would write – no spaces, members in alphabetical order, ASCII
   * texts without escapes – and that nobody has decoded. `undefined` for any other header: use `extFields`.
   */
  readScanned<A>(read: (frame: Buffer, start: number, end: number) => A): A | undefined {
    return this.decoded === undefined && this.serialization === "JSON"
      ? read(this.frame, this.headerStart, this.bodyStart)
      : undefined
  }

  private get header(): DecodedHeader {
    return this.decoded ??= this.serialization === "ROCKETMQ"
      ? decodeBinaryHeader(this.frame, this.headerStart, this.bodyStart)
      : decodeScannedHeader(this.frame, this.headerStart, this.bodyStart, this.code, this.flag, this.opaque)
  }
}
