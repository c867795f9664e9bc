/**
 * The two ids of a message: the offset id, which says where a broker stored it, and the `UNIQ_KEY`, which a client makes.
 * Both are upper-case hexadecimal, of 32 characters with IPv4 and 56 with IPv6.
 *
 * Source: RocketMQ 5.3.3 `common.message.MessageDecoder` (`createMessageId`, `decodeMessageId`) and
 * `common.message.MessageClientIDSetter`.
 */
import * as HostPort from "../internal/HostPort.ts"

/** Where a message is stored. */
export interface OffsetId {
  /** The broker, `1.2.3.4:5` or `[::1]:5`. */
  readonly host: string
  /** The position in the broker's commit log, in bytes. */
  readonly offset: number
}

/** The parts of a `UNIQ_KEY`. */
export interface UniqKey {
  /** The client's address, 4 or 16 bytes; any bytes that tell clients apart. */
  readonly ip: Uint8Array
  /** The process id; the lower 16 bits count. */
  readonly process: number
  /** What tells several clients in a process apart; the lower 32 bits count. */
  readonly salt: number
  /** Milliseconds since the month began, in the client's time zone; the lower 32 bits count. */
  readonly millisSinceMonth: number
  /** Counts the messages; the lower 16 bits count. */
  readonly counter: number
}

const hex = (value: number, digits: number): string => value.toString(16).toUpperCase().padStart(digits, "0")

const upperHex = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("hex").toUpperCase()

const idPattern = /^(?:[0-9a-fA-F]{32}|[0-9a-fA-F]{56})$/

const bytesOf = (id: string): Buffer | undefined => idPattern.test(id) ? Buffer.from(id, "hex") : undefined

/** The hosts that offset ids were made for last, most often a handful of brokers, and what their ids begin with. */
const hostPrefixes = new Map<string, string>()
const rememberedHosts = 64

const hostPrefix = (storeHost: string): string => {
  const known = hostPrefixes.get(storeHost)
  if (known !== undefined) {
    return known
  }
  const host = HostPort.parse(storeHost)
  if (host === undefined) {
    throw new RangeError(`${storeHost} is not an IP address and a port`)
  }
  if (hostPrefixes.size === rememberedHosts) {
    hostPrefixes.clear()
  }
  const prefix = upperHex(host.ip) + hex(host.port, 8)
  hostPrefixes.set(storeHost, prefix)
  return prefix
}

/**
 * The offset id of the message that a broker stored at a position of its commit log.
 *
 * @throws RangeError when the host is not `ip:port` or the offset is no safe integer from 0
 */
export const createOffsetId = (storeHost: string, physicalOffset: number): string => {
  if (!Number.isSafeInteger(physicalOffset) || physicalOffset < 0) {
    throw new RangeError(`${physicalOffset} is no offset`)
  }
  return hostPrefix(storeHost) + hex(physicalOffset, 16)
}

/** Where the message with an offset id is stored; `undefined` when it is no offset id. */
export const parseOffsetId = (id: string): OffsetId | undefined => {
  const bytes = bytesOf(id)
  if (bytes === undefined) {
    return undefined
  }
  const ipSize = bytes.length === 16 ? 4 : 16
  const port = bytes.readUInt32BE(ipSize)
  const offset = bytes.readInt32BE(ipSize + 4) * 2 ** 32 + bytes.readUInt32BE(ipSize + 8)
  return port > 65535 || offset < 0 || !Number.isSafeInteger(offset)
    ? undefined
    : { host: HostPort.format(bytes, 0, ipSize, port), offset }
}

/** What all `UNIQ_KEY`s of a client begin with. */
export const uniqKeyPrefix = (ip: Uint8Array, process: number, salt: number): string =>
  upperHex(ip) + hex(process & 0xffff, 4) + hex(salt >>> 0, 8)

/** A `UNIQ_KEY` that begins with `prefix`; see `UniqKey` for the other parts. */
export const uniqKeyOf = (prefix: string, millisSinceMonth: number, counter: number): string =>
  prefix + hex(millisSinceMonth >>> 0, 8) + hex(counter & 0xffff, 4)

/** The `UNIQ_KEY` of the given parts. */
export const uniqKey = (parts: UniqKey): string =>
  uniqKeyOf(uniqKeyPrefix(parts.ip, parts.process, parts.salt), parts.millisSinceMonth, parts.counter)

/** The parts of a `UNIQ_KEY`; `undefined` when it is none. */
export const parseUniqKey = (id: string): UniqKey | undefined => {
  const bytes = bytesOf(id)
  if (bytes === undefined) {
    return undefined
  }
  const ipSize = bytes.length - 12
  return {
    ip: Uint8Array.from(bytes.subarray(0, ipSize)),
    process: bytes.readUInt16BE(ipSize),
    salt: bytes.readUInt32BE(ipSize + 2),
    millisSinceMonth: bytes.readUInt32BE(ipSize + 6),
    counter: bytes.readUInt16BE(ipSize + 10)
  }
}
