/**
 * The ways in which bodies of messages are compressed.
 *
 * Source: RocketMQ 5.3.3 `common.compression`: ZLIB is a stream of RFC 1950, ZSTD frames of RFC 8878, LZ4 frames of the
 * LZ4 frame format.
 */
import { constants, deflateSync, inflateSync, zstdCompressSync, zstdDecompressSync } from "node:zlib"
import * as Lz4 from "../internal/Lz4.ts"
import * as ZstdFrames from "../internal/ZstdFrames.ts"

/** How a body is compressed. */
export type CompressionType = "ZLIB" | "LZ4" | "ZSTD"

/**
 * Why a body could not be decompressed.
 *
 * - `TooLarge`: it would take more bytes than are allowed.
 * - `Malformed`: it is not what its type says, or it is cut off.
 * - `UnknownType`: the flags of the message stand for no known type.
 */
export type DecompressionFailureKind = "TooLarge" | "Malformed" | "UnknownType"

/** Why a body could not be decompressed. */
export interface DecompressionFailure {
  readonly kind: DecompressionFailureKind
  readonly detail: string
}

/** The level that Java's producers compress with unless they are told otherwise. */
export const defaultLevel = 5

/** Makes a `DecompressionFailure`. */
export const failure = (kind: DecompressionFailureKind, detail: string): DecompressionFailure => ({ kind, detail })

/** Whether a result is a failure, not bytes. */
export const isFailure = (result: Uint8Array | DecompressionFailure): result is DecompressionFailure =>
  !(result instanceof Uint8Array)

/** Whether a level is one of the type: an integer of 0 to 9 for ZLIB, of 1 to 22 for ZSTD, of 0 to 22 for LZ4. */
export const isLevel = (type: CompressionType, level: number): boolean =>
  Number.isInteger(level) && level >= (type === "ZSTD" ? 1 : 0) && level <= (type === "ZLIB" ? 9 : 22)

/**
 * Compresses a body.
 *
 * @param level how hard it tries, see `isLevel`; 5 by default. LZ4 has no levels, as in Java any one does the same.
 * @throws RangeError when the level is not one of the type
 */
export const compress = (type: CompressionType, bytes: Uint8Array, level: number = defaultLevel): Uint8Array => {
  if (!isLevel(type, level)) {
    throw new RangeError(`${type} has no level ${level}`)
  }
  switch (type) {
    case "ZLIB":
      return deflateSync(bytes, { level })
    case "ZSTD":
      return zstdCompressSync(bytes, { params: { [constants.ZSTD_c_compressionLevel]: level } })
    case "LZ4":
      return Lz4.compress(bytes)
  }
}

const tooLarge = (maxBytes: number): DecompressionFailure =>
  failure("TooLarge", `the decompressed body has more than ${maxBytes} bytes`)

const failureOf = (error: unknown, maxBytes: number): DecompressionFailure => {
  const code = error instanceof Error && "code" in error ? error.code : undefined
  return code === "ERR_BUFFER_TOO_LARGE" ? tooLarge(maxBytes) : failure("Malformed", `zlib answered ${String(code)}`)
}

/** Node takes no limit of 0: what is returned may have one byte too many. */
const outputLimit = (maxBytes: number): number => Math.max(1, maxBytes)

const inflate = (bytes: Uint8Array, maxBytes: number): Uint8Array | DecompressionFailure => {
  try {
    const body = inflateSync(bytes, { maxOutputLength: outputLimit(maxBytes) })
    return body.length > maxBytes ? tooLarge(maxBytes) : body
  } catch (error) {
    return failureOf(error, maxBytes)
  }
}

/** Producers write one frame. Empty ones, of 9 bytes, cost as much as full ones and must not keep a consumer busy. */
const maxZstdFrames = 1000

/** Frame by frame: what Node does of more than one, and of one that is cut off, depends on its version. */
const inflateZstd = (bytes: Uint8Array, maxBytes: number): Uint8Array | DecompressionFailure => {
  const parts: Array<Uint8Array> = []
  let at = 0
  let size = 0
  try {
    do {
      if (parts.length === maxZstdFrames) {
        return failure("Malformed", `more than ${maxZstdFrames} frames`)
      }
      const end = ZstdFrames.endOfFrame(bytes, at)
      if (end === ZstdFrames.noFrame) {
        return failure("Malformed", `no whole frame of ZSTD at ${at}`)
      }
      const part = zstdDecompressSync(bytes.subarray(at, end), { maxOutputLength: outputLimit(maxBytes - size) })
      size += part.length
      if (size > maxBytes) {
        return tooLarge(maxBytes)
      }
      at = end
      parts.push(part)
    } while (at < bytes.length)
  } catch (error) {
    return failureOf(error, maxBytes)
  }
  return parts.length === 1 ? parts[0] : Buffer.concat(parts, size)
}

/**
 * Decompresses a body that has at most `maxBytes` then; memory is taken for no more than these. The result is never a
 * view of `bytes`. As in Java what follows a stream of ZLIB is ignored, and what follows a frame of ZSTD or LZ4 has to be
 * another frame.
 */
export const decompress = (
  type: CompressionType,
  bytes: Uint8Array,
  maxBytes: number
): Uint8Array | DecompressionFailure => {
  switch (type) {
    case "ZLIB":
      return inflate(bytes, maxBytes)
    case "ZSTD":
      return inflateZstd(bytes, maxBytes)
    case "LZ4": {
      const body = Lz4.decompress(bytes, maxBytes)
      return body instanceof Uint8Array
        ? body
        : body === "TooLarge"
        ? tooLarge(maxBytes)
        : failure("Malformed", body.malformed)
    }
  }
}
