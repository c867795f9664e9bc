/** Serving what the other side asks. */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type { RemotingCommand } from "../protocol/RemotingCommand.ts"
import type { RemotingError } from "./RemotingError.ts"
import type { RemotingReply, RemotingRequest } from "./RemotingRequest.ts"

/** The side that a request came from, on the channel that it came on. */
export interface Peer {
  /** On a client: the address of the link. On a server: the peer's `ip:port`. */
  readonly address: string
  readonly channelId: string
  /** Asks the peer something, on this very channel. */
  readonly invoke: (
    request: RemotingRequest,
    options?: { readonly timeout?: Duration.Input | undefined }
  ) => Effect.Effect<RemotingCommand, RemotingError>
  /** Tells the peer something, on this very channel. */
  readonly invokeOneway: (
    request: RemotingRequest,
    options?: { readonly timeout?: Duration.Input | undefined }
  ) => Effect.Effect<void, RemotingError>
  /**
   * Waits without counting as running, for long polls: at most 128 handlers
   * run at once on a channel, and any number may be suspended.
   */
  readonly suspend: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  /**
   * Answers a request by its opaque, besides what its handler returns: an answer too many, for tests of the other side.
   */
  readonly answer: (opaque: number, reply: RemotingReply) => void
  /** Whether the channel is still open. */
  readonly isOpen: () => boolean
  /** Closes the channel at once. */
  readonly close: () => void
}

/**
 * Answers a request. `undefined` sends no answer; a oneway request gets none
 * whatever is returned. A failure or defect is answered with SYSTEM_ERROR (1).
 * When the channel closes, its handlers are interrupted.
 */
export type Handler<R> = (
  request: RemotingCommand,
  peer: Peer
) => Effect.Effect<RemotingReply | undefined, unknown, R>
