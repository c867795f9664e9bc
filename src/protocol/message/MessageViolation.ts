/**
 * What is wrong with bytes that should be messages, as plain data.
 */

/**
 * The rule that was broken.
 *
 * - `Truncated`: the bytes end inside a message.
 * - `InvalidLength`: a length is negative or impossible.
 * - `UnknownMagic`: a message begins with a magic code of no known layout.
 * - `InvalidHost`: the port of an address is none.
 * - `UnsafeInteger`: an offset is no integer of 53 bits.
 * - `Undecompressable`: what an inner batch holds cannot be decompressed.
 */
export type MessageViolationKind =
  | "Truncated"
  | "InvalidLength"
  | "UnknownMagic"
  | "InvalidHost"
  | "UnsafeInteger"
  | "Undecompressable"

/** What is wrong with bytes that should be messages. */
export interface MessageViolation {
  readonly kind: MessageViolationKind
  /** Where in the bytes, from 0. */
  readonly offset: number
  /** What is wrong, in words. */
  readonly detail: string
}

/** Makes a `MessageViolation`. */
export const make = (kind: MessageViolationKind, offset: number, detail: string): MessageViolation => ({
  kind,
  offset,
  detail
})
