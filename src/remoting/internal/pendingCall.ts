/**
 * One logical request, from the caller's `invoke` to its one settlement,
 * across as many physical attempts as it takes.
 */
import * as Effect from "effect/Effect"
import * as Effectable from "effect/Effectable"
import type * as Exit from "effect/Exit"
import type * as Pull from "effect/Pull"
import type { RemotingCommand } from "../../protocol/RemotingCommand.ts"
import type { RemotingChannel } from "../RemotingChannel.ts"
import type { Outcome, Reason, RemotingError } from "../RemotingError.ts"
import type { RemotingRequest } from "../RemotingRequest.ts"
import type { Futures } from "../ResponseFutures.ts"
import type { DeadlineList } from "./deadlines.ts"

/** Where a call is. The order matters: each stage is further along. */
export const Stage = {
  /** No channel yet. */
  Waiting: 0,
  /** On a channel, not yet written: nothing of it has left this process. */
  Queued: 1,
  /** Handed to the socket. */
  Written: 2,
  /** The caller has its result. */
  Settled: 3
} as const

/** Who decides what becomes of a call when its channel cannot answer it. */
export interface CallOwner {
  /** GO_AWAY was answered: it was not processed. */
  readonly refused: (call: PendingCall, channel: RemotingChannel, response: RemotingCommand) => void
  /** The channel ended before an answer. `call.stage` says whether it was written. */
  readonly lost: (call: PendingCall, reason: Reason) => void
  /** The deadline passed. Returns the failure to settle with. */
  readonly expired: (call: PendingCall) => RemotingError
}

/** One step of a schedule: sleeps, or says that the schedule is done. */
export type RetryStep = (error: RemotingError) => Pull.Pull<unknown, never, unknown>

/** How a call is to be treated. One object serves all calls with the same options. */
export interface CallOptions {
  readonly timeoutMillis: number
  readonly goAwayHops: number
  /** `undefined`: by its code. */
  readonly repeatable: boolean | undefined
  readonly failFast: boolean
  /** The others wait for it, so no limit of requests in flight keeps it out. */
  readonly vital?: boolean | undefined
}

/** Where an unsettled call is kept: a channel, or a link without one. */
export interface CallTable {
  /** Whether a written call has this opaque. */
  readonly has: (opaque: number) => boolean
  /** Forgets a call that was settled in the given stage. */
  readonly remove: (call: PendingCall, stage: number) => void
}

/** What a request or a reply that waits is taken to occupy: its body, and 256 bytes. */
export const sizeOf = (message: { readonly body?: Uint8Array | undefined }): number => {
  const { body } = message
  if (body === undefined) return 256
  if (!(body instanceof Uint8Array)) throw new TypeError("a body is a Uint8Array")
  return 256 + body.length
}

/**
 * The call is also the Effect that gives it up, for `Effect.callback` to run
 * on interruption: two objects less per request than an Effect made for it.
 */
export class PendingCall extends Effectable.Class<void> {
  stage: number = Stage.Waiting
  opaque = 0
  /** GO_AWAYs received. */
  hops = 0
  /** The least certain outcome of the attempts that have ended. */
  outcome: Outcome = "NotSent"
  table: CallTable | undefined = undefined
  /** Order of submission, which replays keep. */
  sequence = 0
  /** Step of the `retryUnknown` schedule, once it has been needed. */
  retry: RetryStep | undefined = undefined
  // Intrusive list of equal timeouts: unlinking at settlement costs no search.
  list: DeadlineList | undefined = undefined
  inHeap = false
  previous: PendingCall | undefined = undefined
  next: PendingCall | undefined = undefined

  readonly futures: Futures
  readonly owner: CallOwner
  readonly address: string
  readonly request: RemotingRequest
  readonly oneway: boolean
  readonly options: CallOptions
  /** Bytes that it is taken to occupy while it waits. */
  readonly size: number
  /** Monotonic milliseconds. */
  readonly deadline: number
  readonly resume: (exit: Exit.Exit<RemotingCommand | undefined, RemotingError>) => void

  constructor(
    futures: Futures,
    owner: CallOwner,
    address: string,
    request: RemotingRequest,
    oneway: boolean,
    options: CallOptions,
    deadline: number,
    resume: (exit: Exit.Exit<RemotingCommand | undefined, RemotingError>) => void
  ) {
    super()
    this.futures = futures
    this.owner = owner
    this.address = address
    this.request = request
    this.oneway = oneway
    this.options = options
    this.size = sizeOf(request)
    this.deadline = deadline
    this.resume = resume
  }

  override asEffect(): Effect.Effect<void> {
    return Effect.sync(() => this.futures.interrupt(this))
  }
}
