/**
 * What is wrong with a frame, as plain data: nothing in this layer throws because of what a peer sent.
 */

/**
 * The rule that was broken.
 *
 * - `InvalidLength`: the length word is negative or smaller than the header word it must cover.
 * - `FrameTooLarge`: the frame, its 4 length bytes included, is over the limit.
 * - `UnknownSerializeType`: the high byte of the header word is neither 0 (JSON) nor 1 (ROCKETMQ binary).
 * - `InvalidHeaderLength`: the header is longer than the frame that holds it.
 * - `HeaderTooLarge`: the header is over the limit.
 * - `InvalidJson`: a JSON header is not JSON, or nested too deeply.
 * - `InvalidBinary`: a ROCKETMQ header is truncated, one of its lengths is negative or reaches past what holds it, or
 *   bytes are left over.
 * - `InvalidUtf8`: text in a header is not UTF-8.
 * - `InvalidField`: a header member has a value of the wrong type or out of range.
 * - `TooManyExtFields`: more ext fields than the limit, or a JSON header with more than 64 other members.
 */
export type ViolationKind =
  | "InvalidLength"
  | "FrameTooLarge"
  | "UnknownSerializeType"
  | "InvalidHeaderLength"
  | "HeaderTooLarge"
  | "InvalidJson"
  | "InvalidBinary"
  | "InvalidUtf8"
  | "InvalidField"
  | "TooManyExtFields"

/** A broken rule of the protocol, in a frame that was received or in one that was to be encoded. */
export interface ProtocolViolation {
  readonly kind: ViolationKind
  /**
   * Where in the frame, in bytes; 0 is the first byte of the length word. In a frame that could not be encoded, where
   * the offending part would have begun.
   */
  readonly offset: number
  /** What is wrong, in words; quotes nothing that could be a secret. */
  readonly message: string
}

/** Makes a `ProtocolViolation`. */
export const make = (kind: ViolationKind, offset: number, message: string): ProtocolViolation => ({
  kind,
  offset,
  message
})
