/**
 * The ways in which bodies of messages are compressed.
 *
 * Source: RocketMQ 5.3.3 `common.compression`: ZLIB is a stream of RFC 1950, ZSTD one frame or several of RFC 8878, LZ4
 * one frame or several of the LZ4 frame format.
 */
/** How a body is compressed. */
export type CompressionType = "ZLIB" | "LZ4" | "ZSTD"

/**
 * Why a body could not be decompressed.
 *
 * - `TooLarge`: it would take more than the bytes allowed.
 * - `Malformed`: it is not what its type says, or it is cut off.
 * - `UnknownType`: the flags of the message stand for no known type.
 */
export type DecompressionFailureKind = "TooLarge" | "Malformed" | "UnknownType"

/** A body that could not be decompressed. */
export interface DecompressionFailure {
  readonly kind: DecompressionFailureKind
  readonly detail: string
}
