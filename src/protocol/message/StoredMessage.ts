/**
 * Messages as brokers store them, which is how consumers get them.
 *
 * A message is: size 4 bytes, magic code 4, checksum of the body 4, queue id 4, flag 4, queue offset 8, physical offset 8,
 * system flag 4, born timestamp 8, born host 8 or 20, store timestamp 8, store host 8 or 20, reconsume times 4, prepared
 * transaction offset 8, body length 4, body, topic length 1 or 2, topic, properties length 2, properties. Numbers are
 * signed and big-endian, texts are UTF-8. The magic code says how long the topic's length is, the system flag how long
 * hosts are.
 *
 * Source: RocketMQ 5.3.3 `common.message.MessageDecoder` and `MessageVersion`.
 */
import { crc32 } from "node:zlib"
import * as HostPort from "../internal/HostPort.ts"
import * as Compression from "./Compression.ts"
import * as MessageBatch from "./MessageBatch.ts"
import * as MessageId from "./MessageId.ts"
import * as MessageProperties from "./MessageProperties.ts"
import * as MessageViolation from "./MessageViolation.ts"
import * as SysFlag from "./SysFlag.ts"

/** A message as it is stored. */
export interface StoredMessage {
  readonly topic: string
  readonly queueId: number
  /** The position in the queue. */
  readonly queueOffset: number
  /** The position in the broker's commit log, in bytes. */
  readonly physicalOffset: number
  /** The user's. */
  readonly flag: number
  /** The bits of `SysFlag`. */
  readonly sysFlag: number
  /** When the producer made it, in milliseconds since 1970, by its clock. */
  readonly bornTimestamp: number
  /** The producer's address as the broker saw it: `1.2.3.4:5` or `[::1]:5`. */
  readonly bornHost: string
  /** When the broker stored it, in milliseconds since 1970, by its clock. */
  readonly storeTimestamp: number
  /** The address of the broker that stored it: `1.2.3.4:5` or `[::1]:5`. */
  readonly storeHost: string
  /** How often it was delivered again. */
  readonly reconsumeTimes: number
  /** Of a message that completes a transaction, the physical offset of its half message. */
  readonly preparedTransactionOffset: number
  /** The checksum of `body`. Nobody checks it on the way to a consumer. */
  readonly bodyCrc: number
  /** The body as it is stored: compressed when `sysFlag` says so, see `decodeBody`. */
  readonly body: Uint8Array
  readonly properties: MessageProperties.MessageProperties
}

/** A message to encode: without `bodyCrc` it is computed, and the properties may have been encoded before. */
export interface StoredMessageInput extends Omit<StoredMessage, "bodyCrc" | "properties"> {
  readonly bodyCrc?: number | undefined
  readonly properties: MessageProperties.MessageProperties | string
}

/** What bytes were decoded to. */
export interface DecodedMessages {
  readonly messages: ReadonlyArray<StoredMessage>
  /** Why there are no more messages than these, if not because the bytes end. */
  readonly violation: MessageViolation.MessageViolation | undefined
}

/** The magic code of a message whose topic has at most 127 bytes. */
export const magicV1 = -626843481

/** The magic code of a message with a topic of any length. */
export const magicV2 = -626843477

const magicOffset = 4
const crcOffset = 8
const queueIdOffset = 12
const flagOffset = 16
const queueOffsetOffset = 20
const physicalOffsetOffset = 28
const sysFlagOffset = 36
const bornTimestampOffset = 40
const bornHostOffset = 48
/** All up to the body but for the bytes of the two IPs. */
const fixedSize = 80
const largestV1Topic = 127
const largestTopic = 32767
const word = 2 ** 32

/** The checksum of a body: CRC-32 without its highest bit. */
export const bodyCrc = (body: Uint8Array): number => crc32(body) & 0x7fffffff

const writeLong = (bytes: Buffer, at: number, value: number): void => {
  if (!Number.isSafeInteger(value)) {
    throw new RangeError(`${value} is no integer of 53 bits`)
  }
  bytes.writeInt32BE(Math.floor(value / word), at)
  bytes.writeInt32BE(value | 0, at + 4)
}

const hostOf = (text: string): HostPort.HostPort => {
  const host = HostPort.parse(text)
  if (host === undefined) {
    throw new RangeError(`${text} is not an IP address and a port`)
  }
  return host
}

const writeHost = (bytes: Buffer, at: number, host: HostPort.HostPort): number => {
  bytes.set(host.ip, at)
  return bytes.writeInt32BE(host.port, at + host.ip.length)
}

const withHostBits = (sysFlag: number, bornHost: HostPort.HostPort, storeHost: HostPort.HostPort): number =>
  (sysFlag & ~(SysFlag.bornHostV6 | SysFlag.storeHostV6)) |
  (bornHost.ip.length === 16 ? SysFlag.bornHostV6 : 0) |
  (storeHost.ip.length === 16 ? SysFlag.storeHostV6 : 0)

/**
 * The bytes of a message. The bits of its system flag that say how long hosts are follow the hosts, and the magic code is
 * that of the older layout whenever the topic allows.
 *
 * @throws RangeError when no bytes stand for the message: a host is not `ip:port`, an offset or timestamp is no safe
 * integer, the topic or the properties take more than 32767 bytes
 */
export const encode = (message: StoredMessageInput): Uint8Array => {
  const { body } = message
  const bornHost = hostOf(message.bornHost)
  const storeHost = hostOf(message.storeHost)
  const properties = typeof message.properties === "string"
    ? message.properties
    : MessageProperties.encode(message.properties)
  const propertiesSize = Buffer.byteLength(properties)
  const topicSize = Buffer.byteLength(message.topic)
  if (propertiesSize > MessageProperties.maxBytes || topicSize > largestTopic) {
    throw new RangeError(`A topic of ${topicSize} bytes and properties of ${propertiesSize} are too long to store`)
  }
  const topicLengthSize = topicSize > largestV1Topic ? 2 : 1
  const size = fixedSize + bornHost.ip.length + storeHost.ip.length + body.length + topicLengthSize + topicSize + 2 +
    propertiesSize
  const bytes = Buffer.allocUnsafe(size)
  bytes.writeInt32BE(size, 0)
  bytes.writeInt32BE(topicLengthSize === 1 ? magicV1 : magicV2, magicOffset)
  bytes.writeInt32BE(message.bodyCrc ?? bodyCrc(body), crcOffset)
  bytes.writeInt32BE(message.queueId, queueIdOffset)
  bytes.writeInt32BE(message.flag, flagOffset)
  writeLong(bytes, queueOffsetOffset, message.queueOffset)
  writeLong(bytes, physicalOffsetOffset, message.physicalOffset)
  bytes.writeInt32BE(withHostBits(message.sysFlag, bornHost, storeHost), sysFlagOffset)
  writeLong(bytes, bornTimestampOffset, message.bornTimestamp)
  let at = writeHost(bytes, bornHostOffset, bornHost)
  writeLong(bytes, at, message.storeTimestamp)
  at = writeHost(bytes, at + 8, storeHost)
  at = bytes.writeInt32BE(message.reconsumeTimes, at)
  writeLong(bytes, at, message.preparedTransactionOffset)
  at = bytes.writeInt32BE(body.length, at + 8)
  bytes.set(body, at)
  at += body.length
  at = topicLengthSize === 1 ? bytes.writeInt8(topicSize, at) : bytes.writeInt16BE(topicSize, at)
  at += bytes.write(message.topic, at, "utf8")
  at = bytes.writeInt16BE(propertiesSize, at)
  bytes.write(properties, at, "utf8")
  return bytes
}

/** Turns the bytes of hosts into texts, and the bytes it has seen last into the same text. */
class HostReader {
  private ip = 0
  private port = -1
  private text = ""

  read(buffer: Buffer, view: DataView, at: number, ipSize: 4 | 16, port: number): string {
    if (ipSize === 16) {
      return HostPort.format(buffer, at, ipSize, port)
    }
    const ip = view.getInt32(at)
    if (ip !== this.ip || port !== this.port) {
      this.ip = ip
      this.port = port
      this.text = HostPort.format(buffer, at, ipSize, port)
    }
    return this.text
  }
}

/** Reads messages one after the other. */
class MessageReader {
  violation: MessageViolation.MessageViolation | undefined = undefined
  private readonly buffer: Buffer
  private readonly view: DataView
  private readonly bornHosts = new HostReader()
  private readonly storeHosts = new HostReader()
  private readonly properties = new MessageProperties.PropertiesDecoder()
  private start = 0
  private topic = ""
  private topicAt = 0
  private topicEnd = 0

  constructor(bytes: Uint8Array) {
    this.buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  }

  private fail(kind: MessageViolation.MessageViolationKind, offset: number, detail: string): undefined {
    this.violation = MessageViolation.make(kind, offset, detail)
    return undefined
  }

  private long(at: number): number {
    return this.view.getInt32(at) * word + this.view.getUint32(at + 4)
  }

  /** A timestamp no consumer depends on: one that is out of range must not make the message unreadable. */
  private timestamp(at: number): number {
    return Math.min(Math.max(this.long(at), Number.MIN_SAFE_INTEGER), Number.MAX_SAFE_INTEGER)
  }

  private truncated(part: string): undefined {
    return this.fail("Truncated", this.buffer.length, `the bytes end inside ${part}`)
  }

  /** The topic in `buffer[at..end)`, most often the one before, which is then neither decoded nor kept again. */
  private text(at: number, end: number): string {
    const { buffer, topicAt, topicEnd } = this
    let same = end - at === topicEnd - topicAt
    for (let i = 0; same && i < end - at; i++) {
      same = buffer[at + i] === buffer[topicAt + i]
    }
    if (!same) {
      this.topic = buffer.toString("utf8", at, end)
      this.topicAt = at
      this.topicEnd = end
    }
    return this.topic
  }

  /** The next message; `undefined` when there is none, or with a violation. */
  next(): StoredMessage | undefined {
    const { buffer, start, view } = this
    const end = buffer.length
    if (start === end) {
      return undefined
    }
    if (end - start < fixedSize + 8) {
      return this.truncated("a message")
    }
    const magic = view.getInt32(start + magicOffset)
    if (magic !== magicV1 && magic !== magicV2) {
      return this.fail("UnknownMagic", start + magicOffset, `a magic code of ${magic}`)
    }
    const queueOffset = this.long(start + queueOffsetOffset)
    const physicalOffset = this.long(start + physicalOffsetOffset)
    const sysFlag = view.getInt32(start + sysFlagOffset)
    const bornIpSize = (sysFlag & SysFlag.bornHostV6) === 0 ? 4 : 16
    const storeIpSize = (sysFlag & SysFlag.storeHostV6) === 0 ? 4 : 16
    const bodyAt = start + fixedSize + bornIpSize + storeIpSize
    if (bodyAt > end) {
      return this.truncated("a message")
    }
    const bornHostAt = start + bornHostOffset
    const bornPort = view.getInt32(bornHostAt + bornIpSize)
    const storeTimestampAt = bornHostAt + bornIpSize + 4
    const storeHostAt = storeTimestampAt + 8
    const storePort = view.getInt32(storeHostAt + storeIpSize)
    const preparedAt = bodyAt - 12
    const preparedTransactionOffset = this.long(preparedAt)
    if (
      !Number.isSafeInteger(queueOffset) || !Number.isSafeInteger(physicalOffset) ||
      !Number.isSafeInteger(preparedTransactionOffset)
    ) {
      return this.fail("UnsafeInteger", start + queueOffsetOffset, "an offset of a message is beyond 53 bits")
    }
    if (((bornPort | storePort) & ~0xffff) !== 0) {
      return this.fail("InvalidHost", bornHostAt, `a host of a message with port ${bornPort} or ${storePort}`)
    }
    const bodyLength = view.getInt32(bodyAt - 4)
    if (bodyLength < 0) {
      return this.fail("InvalidLength", bodyAt - 4, `a body's length of ${bodyLength}`)
    }
    const bodyEnd = bodyAt + bodyLength
    const topicAt = bodyEnd + (magic === magicV1 ? 1 : 2)
    if (topicAt > end) {
      return this.truncated("a body")
    }
    const topicLength = magic === magicV1 ? view.getInt8(bodyEnd) : view.getInt16(bodyEnd)
    if (topicLength < 0) {
      return this.fail("InvalidLength", bodyEnd, `a topic's length of ${topicLength}`)
    }
    const topicEnd = topicAt + topicLength
    const propertiesAt = topicEnd + 2
    if (propertiesAt > end) {
      return this.truncated("a topic")
    }
    const propertiesLength = view.getInt16(topicEnd)
    if (propertiesLength < 0) {
      return this.fail("InvalidLength", topicEnd, `the properties' length of ${propertiesLength}`)
    }
    const propertiesEnd = propertiesAt + propertiesLength
    if (propertiesEnd > end) {
      return this.truncated("the properties")
    }
    this.start = propertiesEnd
    return {
      topic: this.text(topicAt, topicEnd),
      queueId: view.getInt32(start + queueIdOffset),
      queueOffset,
      physicalOffset,
      flag: view.getInt32(start + flagOffset),
      sysFlag,
      bornTimestamp: this.timestamp(start + bornTimestampOffset),
      bornHost: this.bornHosts.read(buffer, view, bornHostAt, bornIpSize, bornPort),
      storeTimestamp: this.timestamp(storeTimestampAt),
      storeHost: this.storeHosts.read(buffer, view, storeHostAt, storeIpSize, storePort),
      reconsumeTimes: view.getInt32(preparedAt - 4),
      preparedTransactionOffset,
      bodyCrc: view.getInt32(start + crcOffset),
      body: buffer.subarray(bodyAt, bodyEnd),
      properties: propertiesLength === 0
        ? MessageProperties.empty
        : this.properties.decode(buffer.toString("utf8", propertiesAt, propertiesEnd))
    }
  }
}

/**
 * All messages in `bytes`, one behind the other, up to the first that is none. As in Java the size that a message begins
 * with is not looked at. A timestamp beyond 53 bits becomes the nearest integer within.
 *
 * Bodies are views of `bytes` and keep them alive: copy what is to be kept for long.
 */
export const decodeAll = (bytes: Uint8Array): DecodedMessages => {
  const reader = new MessageReader(bytes)
  const messages: Array<StoredMessage> = []
  for (let message = reader.next(); message !== undefined; message = reader.next()) {
    messages.push(message)
  }
  return { messages, violation: reader.violation }
}

/**
 * The body as the producer's user gave it. A compressed one is decompressed if it has at most `maxBytes` then; one that
 * is not is what it is, however large.
 */
export const decodeBody = (
  message: StoredMessage,
  maxBytes: number
): Uint8Array | Compression.DecompressionFailure => {
  if (!SysFlag.isCompressed(message.sysFlag)) {
    return message.body
  }
  const type = SysFlag.compressionType(message.sysFlag)
  return type === undefined
    ? Compression.failure("UnknownType", `a system flag of 0x${(message.sysFlag >>> 0).toString(16)}`)
    : Compression.decompress(type, message.body, maxBytes)
}

/**
 * The messages of an inner batch, or just the message when it is none. As in Java the n-th one has the batch's queue
 * offset plus n, its own flag, body and properties, no reconsume times, and for the rest what the batch has; a compressed
 * batch is decompressed first, if it has at most `maxBytes` then. What Java does besides, to give each the batch's
 * property WAIT, is left out: it told the broker how to store the batch.
 */
export const expandInnerBatch = (message: StoredMessage, maxBytes: number): DecodedMessages => {
  if (!SysFlag.isWrapped(message.sysFlag)) {
    return { messages: [message], violation: undefined }
  }
  const body = decodeBody(message, maxBytes)
  if (Compression.isFailure(body)) {
    return { messages: [], violation: MessageViolation.make("Undecompressable", 0, body.detail) }
  }
  const inner = MessageBatch.decode(body)
  if (MessageBatch.isViolation(inner)) {
    return { messages: [], violation: inner }
  }
  const sysFlag = SysFlag.withoutCompressed(message.sysFlag)
  return {
    messages: inner.map((each, i) => ({
      ...message,
      queueOffset: message.queueOffset + i,
      sysFlag,
      flag: each.flag,
      reconsumeTimes: 0,
      preparedTransactionOffset: 0,
      bodyCrc: 0,
      body: each.body,
      properties: each.properties
    })),
    violation: undefined
  }
}

/** The offset id of a message. */
export const offsetId = (message: StoredMessage): string =>
  MessageId.createOffsetId(message.storeHost, message.physicalOffset)
