/**
 * The bits of a message's system flag.
 *
 * Source: RocketMQ 5.3.3 `common.sysflag.MessageSysFlag` and `common.compression.CompressionType`.
 */
import type { CompressionType } from "./Compression.ts"

/** The body is compressed. */
export const compressed = 0x1

/** Set by brokers for a topic filtered by several tags. */
export const multiTags = 0x2

/** The transaction bits: the message is no part of a transaction, or no longer. */
export const transactionNone = 0x0

/** The transaction bits: a half message. */
export const transactionPrepared = 0x4

/** The transaction bits: committed. */
export const transactionCommit = 0x8

/** The transaction bits: rolled back. */
export const transactionRollback = 0xc

/** The born host is an IPv6 address. */
export const bornHostV6 = 0x10

/** The store host is an IPv6 address. */
export const storeHostV6 = 0x20

/** An inner batch is to be expanded by who reads it. */
export const needUnwrap = 0x40

/** The message holds several, as one body. */
export const innerBatch = 0x80

/** The compression bits for LZ4. */
export const compressionLz4 = 0x100

/** The compression bits for ZSTD. */
export const compressionZstd = 0x200

/** The compression bits for ZLIB. Messages of old clients have none of the bits, which means ZLIB too. */
export const compressionZlib = 0x300

const transactionMask = 0xc
const compressionMask = 0x700

/** One of `transactionNone`, `transactionPrepared`, `transactionCommit` and `transactionRollback`. */
export const transactionType = (flag: number): number => flag & transactionMask

/** `flag` with other transaction bits. */
export const withTransactionType = (flag: number, type: number): number => (flag & ~transactionMask) | type

/** How the body is compressed when `isCompressed`; `undefined` when the bits stand for nothing known. */
export const compressionType = (flag: number): CompressionType | undefined => {
  switch (flag & compressionMask) {
    case compressionLz4:
      return "LZ4"
    case compressionZstd:
      return "ZSTD"
    case compressionZlib:
    case 0:
      return "ZLIB"
    default:
      return undefined
  }
}

/** All bits, `compressed` included, of a body that is compressed in this way. */
export const compressionFlag = (type: CompressionType): number =>
  type === "LZ4"
    ? compressed | compressionLz4
    : type === "ZSTD"
    ? compressed | compressionZstd
    : compressed | compressionZlib

/** Whether the body is compressed. */
export const isCompressed = (flag: number): boolean => (flag & compressed) !== 0

/** `flag` for the inflated body: without `compressed`; as in Java the bits that say how it was compressed remain. */
export const withoutCompressed = (flag: number): number => flag & ~compressed

/** Whether the message is an inner batch that who reads it has to expand. */
export const isWrapped = (flag: number): boolean => (flag & (innerBatch | needUnwrap)) === (innerBatch | needUnwrap)
