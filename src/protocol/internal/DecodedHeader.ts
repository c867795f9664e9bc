import type { ExtFields } from "../RemotingCommand.ts"

/** A whole header, whichever way it was written. */
export interface DecodedHeader {
  readonly code: number
  /** The name on the wire, or of the number on the wire; `undefined` when that number stands for none. */
  readonly language: string | undefined
  readonly version: number
  readonly opaque: number
  readonly flag: number
  readonly remark: string | undefined
  readonly extFields: ExtFields
}
