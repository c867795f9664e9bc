/** Steps of a sequence. What they ask for may refer to what earlier ones came to, on each side its own. */
import type { Exchange, Session } from "./Session.ts"

export interface Step {
  /** Stays when other steps are left out. */
  readonly id: number
  /** In words, for whoever reads a failure. */
  readonly name: string
  /** Does it on one side; nothing comes of a step that refers to one that failed or was left out. */
  readonly run: (session: Session) => Promise<ReadonlyArray<Exchange>>
  /** Whether asking again changes nothing: it is then repeated until both agree, up to a limit. */
  readonly repeatable: boolean
  /** Whether all that was stored has to show in its queues before. */
  readonly settles: boolean
  /** Queues that show later what it stored. A negative id: whichever the answer names. */
  readonly fills: ReadonlyArray<readonly [topic: string, queueId: number]>
  /** Whether its messages lie in a queue of everybody: where in it, no two sides agree. */
  readonly shared: boolean
}
