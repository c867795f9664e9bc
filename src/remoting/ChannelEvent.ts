/**
 * What happens to a client's or a server's channels. The names are those of
 * RocketMQ's `ChannelEventListener`, with the states of a go-away added.
 */

/**
 * - `Connect`: a connection was established.
 * - `Active`: its registrations are answered; requests flow on it.
 * - `GoAway`: its server answered GO_AWAY for the first time.
 * - `Draining`: no new request is written to it; those in flight finish.
 * - `Reconnected`: this channel took the place of an earlier generation.
 * - `Idle`: nothing used the channel for the idle time; it is being closed.
 * - `Exception`: a dial failed, or the channel broke.
 * - `Close`: it is closed. The last event of a channel.
 */
export type ChannelEventType =
  | "Connect"
  | "Active"
  | "GoAway"
  | "Draining"
  | "Reconnected"
  | "Idle"
  | "Exception"
  | "Close"

/** One event of one channel. */
export interface ChannelEvent {
  readonly type: ChannelEventType
  /** The address as requests name it; on a server, the peer's `ip:port`. */
  readonly address: string
  /** Unique within its client or server. A dial that failed has the id that the channel would have had. */
  readonly channelId: string
  /** Grows with each dial of this address, by 1 as long as the address is not evicted. */
  readonly generation: number
  /** Why, in a sentence. */
  readonly reason: string
  /** The error behind an `Exception`, and behind a `Close` that followed one. */
  readonly cause?: unknown
}

/** What a link is doing. */
export type LinkStatus = "Idle" | "Connecting" | "Validating" | "Active" | "Down"

/** The state of one address, always readable, however slow a subscriber to the events is. */
export interface LinkState {
  readonly address: string
  /**
   * - `Idle`: no connection, and nobody asks for one.
   * - `Connecting`, `Validating`: on the way to a channel.
   * - `Active`: requests flow.
   * - `Down`: the last dial or registration failed; the next one is waiting for its back-off.
   */
  readonly status: LinkStatus
  /** Generation of the current or last channel; 0 before the first dial. */
  readonly generation: number
  /** The current channel. */
  readonly channelId: string | undefined
  /** Requests that wait for a channel. */
  readonly waiting: number
  /** Requests that wait for an answer on the current channel. */
  readonly inFlight: number
  /** Channels that no longer take requests and finish those they have. */
  readonly draining: number
  /** The newest event of this address. */
  readonly lastEvent: ChannelEvent | undefined
}
