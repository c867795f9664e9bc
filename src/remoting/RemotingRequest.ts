/** What a caller hands to `invoke`, and what a handler answers with. */
import type { LanguageCode } from "../protocol/LanguageCode.ts"
import type { PreparedFields } from "../protocol/PreparedFields.ts"
import type { ExtFields, SerializeType } from "../protocol/RemotingCommand.ts"

/**
 * A request. It is never changed: hooks and signatures work on copies, and a
 * replay sends the same again under another opaque. The body must stay as it
 * is until the request is answered.
 */
export interface RemotingRequest {
  /** Request code. */
  readonly code: number
  /** Custom header. Sent as `{}` when left out: some processors expect the field. */
  readonly extFields?: ExtFields | undefined
  /** Custom header in a form that is faster to write, in place of `extFields`. Hooks see it as `extFields`. */
  readonly prepared?: PreparedFields | undefined
  readonly body?: Uint8Array | undefined
  readonly remark?: string | undefined
  /** Language code. Default: the client's. */
  readonly language?: LanguageCode | undefined
  /** Announced version. Default: the client's. */
  readonly version?: number | undefined
  /** Header codec. Default: the client's; codes that a short cannot hold always go as JSON. */
  readonly serialization?: SerializeType | undefined
}

/** An answer to a request of the peer. */
export interface RemotingReply {
  /** Response code. Default: 0, success. */
  readonly code?: number | undefined
  readonly extFields?: ExtFields | undefined
  readonly body?: Uint8Array | undefined
  readonly remark?: string | undefined
}
