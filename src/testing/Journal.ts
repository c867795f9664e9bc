/** The order of what embedded servers did: every request that one of them executed, and what came of it. */
import type { ExtFields } from "../protocol/RemotingCommand.ts"
import type { Address } from "../remoting/Address.ts"

/**
 * What came of a request:
 *
 * - `Running`: it has not ended; a long poll waits.
 * - `Answered`: it was executed and answered; `responseCode` says how.
 * - `Unanswered`: it was executed, and nobody wanted an answer.
 * - `Lost`: it was executed, and a fault swallowed the answer, or closed the connection in its place.
 * - `Refused`: a fault answered it; it was not executed.
 * - `Interrupted`: its connection closed, or its server stopped, before it ended.
 * - `Failed`: the server failed over it, and answered SYSTEM_ERROR (1).
 */
export type Outcome = "Running" | "Answered" | "Unanswered" | "Lost" | "Refused" | "Interrupted" | "Failed"

/**
 * A request that reached a server. What was answered GO_AWAY never did. The entry changes while the request runs, and
 * not any more after that.
 */
export interface Entry {
  /** Counts from 0, over all servers. */
  readonly sequence: number
  /** When it arrived, in epoch milliseconds. */
  readonly at: number
  /** The server's name. */
  readonly server: string
  /** Who asked. */
  readonly peer: Address
  /** Request code. */
  readonly code: number
  /** The code's name, or the code where RocketMQ has none for it. */
  readonly name: string
  readonly oneway: boolean
  readonly extFields: ExtFields
  /** Bytes of the body. */
  readonly bodyLength: number
  readonly outcome: Outcome
  readonly responseCode: number | undefined
}

/** Which entries are wanted. Default: all. */
export interface Query {
  readonly server?: string | undefined
  /** Request code. */
  readonly code?: number | undefined
  readonly outcome?: Outcome | undefined
}

/** The requests that were executed, oldest first. */
export interface Journal {
  readonly entries: (query?: Query) => ReadonlyArray<Entry>
  /** How many there are. */
  readonly count: (query?: Query) => number
  /** Entries that were dropped since there were more than the limit. */
  readonly dropped: () => number
  /** Calls `listener` whenever a request has ended, at once; returns what stops that. It must not throw. */
  readonly listen: (listener: (entry: Entry) => void) => () => void
  /** Forgets all entries. */
  readonly clear: () => void
}
