/** Channel events, from one client or server to everybody who listens. */
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import type { ChannelEvent } from "../ChannelEvent.ts"

/** Events that a subscriber may be behind. */
const capacity = 65_536

type Subscription = Queue.Queue<ChannelEvent, Cause.Done>

/** A queue each: nobody holds up another, and without a subscriber an event costs nothing. */
export class EventHub {
  private readonly subscriptions = new Set<Subscription>()
  private ended = false

  /** The events from the moment of subscription on. */
  readonly stream: Stream.Stream<ChannelEvent> = Stream.unwrap(
    Effect.map(
      Effect.acquireRelease(
        Effect.tap(Queue.sliding<ChannelEvent, Cause.Done>(capacity), (subscription) =>
          Effect.sync(() => {
            if (this.ended) Queue.endUnsafe(subscription)
            else this.subscriptions.add(subscription)
          })),
        (subscription) => Effect.sync(() => void this.subscriptions.delete(subscription))
      ),
      Stream.fromQueue
    )
  )

  emit(event: ChannelEvent): void {
    for (const subscription of this.subscriptions) Queue.offerUnsafe(subscription, event)
  }

  /** Nothing more will come: the streams end with what they have. */
  end(): void {
    this.ended = true
    for (const subscription of this.subscriptions) Queue.endUnsafe(subscription)
    this.subscriptions.clear()
  }
}
