/**
 * What can become of a request that was not answered.
 *
 * Every failure is a {@link RemotingError} whose `reason` says where it went
 * wrong and whose `outcome` says what the server did with the request.
 */
import * as Schema from "effect/Schema"

/**
 * What is known of a failed request:
 *
 * - `NotSent`: it was never handed to a socket. It was not executed.
 * - `NotProcessed`: a server refused it with GO_AWAY before looking at it. It
 *   was not executed.
 * - `Unknown`: it was handed to a socket and never answered. It may or may not
 *   have been executed.
 */
export type Outcome = "NotSent" | "NotProcessed" | "Unknown"

/** Schema of {@link Outcome}. */
export const Outcome = Schema.Literals(["NotSent", "NotProcessed", "Unknown"])

const Fields = {
  /** The address as the caller gave it. */
  address: Schema.String,
  /** Request code, where a request was concerned. */
  code: Schema.optional(Schema.Number),
  /** Opaque of the last attempt that was written. */
  opaque: Schema.optional(Schema.Int),
  outcome: Outcome,
  /** What happened, in a sentence. */
  detail: Schema.String,
  cause: Schema.optional(Schema.Defect())
}

const known: Record<Outcome, string> = {
  NotSent: "It was not sent",
  NotProcessed: "The server did not process it",
  Unknown: "Whether the server executed it is unknown"
}

const advice = (outcome: Outcome): string =>
  outcome === "Unknown" ? "send it again only if executing it twice does no harm" : "it can be sent again"

const describe = (reason: {
  readonly address: string
  readonly code?: number | undefined
  readonly opaque?: number | undefined
  readonly outcome: Outcome
  readonly detail: string
  readonly isRetryable: boolean
}): string => {
  if (reason.code === undefined) return `${reason.detail} [${reason.address}]`
  const opaque = reason.opaque === undefined ? "" : ` (opaque ${reason.opaque})`
  const again = reason.isRetryable ? `; ${advice(reason.outcome)}` : ""
  return `request ${reason.code}${opaque} to ${reason.address}: ${reason.detail}. ${known[reason.outcome]}${again}.`
}

/** The address is not `host:port`. */
export class InvalidAddress extends Schema.TaggedError<InvalidAddress>("effect-rocketmq/remoting/InvalidAddress")(
  "InvalidAddress",
  Fields
) {
  override get message(): string {
    return describe(this)
  }
  get isRetryable(): boolean {
    return false
  }
}

/** The name could not be resolved, or no TCP connection came about in time. */
export class ConnectFailed extends Schema.TaggedError<ConnectFailed>("effect-rocketmq/remoting/ConnectFailed")(
  "ConnectFailed",
  Fields
) {
  override get message(): string {
    return describe(this)
  }
  get isRetryable(): boolean {
    return true
  }
}

/** The TLS handshake failed: an untrusted or expired certificate, another name, a peer that speaks no TLS. */
export class TlsFailed extends Schema.TaggedError<TlsFailed>("effect-rocketmq/remoting/TlsFailed")(
  "TlsFailed",
  Fields
) {
  override get message(): string {
    return describe(this)
  }
  get isRetryable(): boolean {
    return false
  }
}

/** The credentials to sign with could not be had. */
export class CredentialsFailed
  extends Schema.TaggedError<CredentialsFailed>("effect-rocketmq/remoting/CredentialsFailed")(
    "CredentialsFailed",
    Fields
  )
{
  override get message(): string {
    return describe(this)
  }
  get isRetryable(): boolean {
    return true
  }
}

/** A registration (`onValidate`) failed on the fresh channel, so nothing else was sent on it. */
export class RegistrationFailed
  extends Schema.TaggedError<RegistrationFailed>("effect-rocketmq/remoting/RegistrationFailed")(
    "RegistrationFailed",
    Fields
  )
{
  override get message(): string {
    return describe(this)
  }
  get isRetryable(): boolean {
    return true
  }
}

/** No answer within the request's timeout. The channel stays open. */
export class Timeout extends Schema.TaggedError<Timeout>("effect-rocketmq/remoting/Timeout")("Timeout", {
  ...Fields,
  /** The request's timeout in milliseconds. */
  timeoutMillis: Schema.Number
}) {
  override get message(): string {
    return describe(this)
  }
  get isRetryable(): boolean {
    return true
  }
}

/** The connection broke or was closed while the request was on it. */
export class ChannelClosed extends Schema.TaggedError<ChannelClosed>("effect-rocketmq/remoting/ChannelClosed")(
  "ChannelClosed",
  { ...Fields, channelId: Schema.optional(Schema.String) }
) {
  override get message(): string {
    return describe(this)
  }
  get isRetryable(): boolean {
    return true
  }
}

/**
 * A server answered GO_AWAY (response code 1500), and the request goes no
 * further: its deadline, its `goAwayHops` or the policy ended it.
 */
export class GoAway extends Schema.TaggedError<GoAway>("effect-rocketmq/remoting/GoAway")("GoAway", {
  ...Fields,
  /** How many connections refused the request. */
  hops: Schema.Int
}) {
  override get message(): string {
    return describe(this)
  }
  get isRetryable(): boolean {
    return true
  }
}

/** Too many requests are in flight, or too many bytes wait for a socket that does not take them. */
export class TooManyRequests extends Schema.TaggedError<TooManyRequests>("effect-rocketmq/remoting/TooManyRequests")(
  "TooManyRequests",
  { ...Fields, limit: Schema.Int }
) {
  override get message(): string {
    return describe(this)
  }
  get isRetryable(): boolean {
    return true
  }
}

/** The request cannot be written as a frame within the limits. */
export class FrameTooLarge extends Schema.TaggedError<FrameTooLarge>("effect-rocketmq/remoting/FrameTooLarge")(
  "FrameTooLarge",
  Fields
) {
  override get message(): string {
    return describe(this)
  }
  get isRetryable(): boolean {
    return false
  }
}

/** The peer sent bytes that are not the protocol. The channel was closed. */
export class ProtocolViolation
  extends Schema.TaggedError<ProtocolViolation>("effect-rocketmq/remoting/ProtocolViolation")("ProtocolViolation", {
    ...Fields,
    /** What was wrong. */
    kind: Schema.String,
    /** Byte of the frame at which it was found; 0 is the first length byte. */
    offset: Schema.Int
  })
{
  override get message(): string {
    return describe(this)
  }
  get isRetryable(): boolean {
    return false
  }
}

/** The request cannot be written as a frame: a field is out of range or of the wrong type. */
export class InvalidRequest extends Schema.TaggedError<InvalidRequest>("effect-rocketmq/remoting/InvalidRequest")(
  "InvalidRequest",
  Fields
) {
  override get message(): string {
    return describe(this)
  }
  get isRetryable(): boolean {
    return false
  }
}

/** A hook threw before the request was written. */
export class HookFailed extends Schema.TaggedError<HookFailed>("effect-rocketmq/remoting/HookFailed")(
  "HookFailed",
  Fields
) {
  override get message(): string {
    return describe(this)
  }
  get isRetryable(): boolean {
    return false
  }
}

/** The client or server is being closed. */
export class ShuttingDown extends Schema.TaggedError<ShuttingDown>("effect-rocketmq/remoting/ShuttingDown")(
  "ShuttingDown",
  Fields
) {
  override get message(): string {
    return describe(this)
  }
  get isRetryable(): boolean {
    return false
  }
}

/** Every way in which a request, a dial or a channel can fail. */
export const Reason = Schema.Union([
  InvalidAddress,
  ConnectFailed,
  TlsFailed,
  CredentialsFailed,
  RegistrationFailed,
  Timeout,
  ChannelClosed,
  GoAway,
  TooManyRequests,
  FrameTooLarge,
  InvalidRequest,
  ProtocolViolation,
  HookFailed,
  ShuttingDown
])

/** Every way in which a request, a dial or a channel can fail. */
export type Reason = typeof Reason.Type

/**
 * The failure of a request. Match on the reason with
 * `Effect.catchReason("RemotingError", "GoAway", …)`.
 */
export class RemotingError extends Schema.TaggedError<RemotingError>("effect-rocketmq/remoting/RemotingError")(
  "RemotingError",
  { reason: Reason }
) {
  /** The reason. A getter, since a property would make every print of an error twice as long. */
  override get cause(): Reason {
    return this.reason
  }
  override get message(): string {
    return this.reason.message
  }
  /** What became of the request. */
  get outcome(): Outcome {
    return this.reason.outcome
  }
  /** Whether the same request may succeed when it is sent again (whether that is safe, `outcome` says). */
  get isRetryable(): boolean {
    return this.reason.isRetryable
  }
}

/** A {@link RemotingServer} could not listen. */
export class ListenFailed extends Schema.TaggedError<ListenFailed>("effect-rocketmq/remoting/ListenFailed")(
  "ListenFailed",
  { address: Schema.String, cause: Schema.optional(Schema.Defect()) }
) {
  override get message(): string {
    return `cannot listen on ${this.address}: ${this.cause instanceof Error ? this.cause.message : String(this.cause)}`
  }
}

const severity: Record<Outcome, number> = { NotSent: 0, NotProcessed: 1, Unknown: 2 }

/** The outcome of several attempts: the least certain one. */
export const worst = (left: Outcome, right: Outcome): Outcome => severity[left] >= severity[right] ? left : right
