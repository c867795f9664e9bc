/** From what happened to a channel or a link to the error of one call. */
import type { Reason } from "../RemotingError.ts"
import {
  ChannelClosed,
  ConnectFailed,
  CredentialsFailed,
  GoAway,
  InvalidAddress,
  ProtocolViolation,
  RegistrationFailed,
  RemotingError,
  ShuttingDown,
  Timeout,
  TlsFailed,
  TooManyRequests,
  worst
} from "../RemotingError.ts"
import type { PendingCall } from "./pendingCall.ts"
import { Stage } from "./pendingCall.ts"

const about = (call: PendingCall) => ({
  address: call.address,
  code: call.request.code,
  ...(call.opaque === 0 ? {} : { opaque: call.opaque })
})

const causeOf = (cause: unknown) => cause === undefined ? {} : { cause }

const outcomeOf = (call: PendingCall) => call.stage === Stage.Written ? "Unknown" : call.outcome

/** The channel ended before the answer. */
export const closed = (call: PendingCall, reason: Reason): RemotingError => {
  const fields = { ...about(call), outcome: outcomeOf(call), detail: reason.detail, ...causeOf(reason.cause) }
  switch (reason._tag) {
    case "ProtocolViolation":
      return new RemotingError({
        reason: new ProtocolViolation({ ...fields, kind: reason.kind, offset: reason.offset })
      })
    case "ShuttingDown":
      return new RemotingError({ reason: new ShuttingDown(fields) })
    case "TlsFailed":
      return new RemotingError({ reason: new TlsFailed(fields) })
    case "ChannelClosed":
      return new RemotingError({
        reason: new ChannelClosed({ ...fields, channelId: reason.channelId })
      })
    default:
      return new RemotingError({ reason: new ChannelClosed(fields) })
  }
}

/** GO_AWAY was answered and the call goes no further. */
export const goAway = (call: PendingCall, detail: string, cause?: Reason): RemotingError =>
  new RemotingError({
    reason: new GoAway({
      ...about(call),
      outcome: call.hops > 0 ? worst(call.outcome, "NotProcessed") : call.outcome,
      hops: call.hops,
      detail,
      ...causeOf(cause)
    })
  })

/** The deadline passed. */
export const timeout = (call: PendingCall, detail: string, cause?: Reason): RemotingError =>
  new RemotingError({
    reason: new Timeout({
      ...about(call),
      outcome: outcomeOf(call),
      timeoutMillis: call.options.timeoutMillis,
      detail,
      ...causeOf(cause)
    })
  })

/** There is no channel, because of `failure`. */
export const unavailable = (call: PendingCall, failure: Reason): RemotingError => {
  const fields = { ...about(call), outcome: outcomeOf(call), detail: failure.detail, ...causeOf(failure.cause) }
  switch (failure._tag) {
    case "ConnectFailed":
      return new RemotingError({ reason: new ConnectFailed(fields) })
    case "TlsFailed":
      return new RemotingError({ reason: new TlsFailed(fields) })
    case "CredentialsFailed":
      return new RemotingError({ reason: new CredentialsFailed(fields) })
    case "RegistrationFailed":
      return new RemotingError({ reason: new RegistrationFailed(fields) })
    case "InvalidAddress":
      return new RemotingError({ reason: new InvalidAddress(fields) })
    default:
      return closed(call, failure)
  }
}

/** The address is none. */
export const invalidAddress = (call: PendingCall): RemotingError =>
  new RemotingError({
    reason: new InvalidAddress({
      ...about(call),
      outcome: outcomeOf(call),
      detail: `${JSON.stringify(call.address)} is not host:port`
    })
  })

/** The client or server is closing. */
export const shuttingDown = (call: PendingCall): RemotingError =>
  new RemotingError({
    reason: new ShuttingDown({ ...about(call), outcome: outcomeOf(call), detail: "the client is closing" })
  })

/** Too many requests, or bytes, are waiting. */
export const tooMany = (call: PendingCall, limit: number, what: string): RemotingError =>
  new RemotingError({
    reason: new TooManyRequests({
      ...about(call),
      outcome: outcomeOf(call),
      limit,
      detail: `the limit of ${limit} ${what} is reached`
    })
  })
