/** POP requests that wait for messages (RocketMQ 5.3.3 `PopLongPollingService`). */
import * as Effect from "effect/Effect"
import type { RemotingReply } from "../../../remoting/RemotingRequest.ts"
import type { Call } from "./BrokerApi.ts"
import type { BrokerCore } from "./BrokerCore.ts"
import type { Placed } from "./BrokerStore.ts"
import type { SubscriptionFilter } from "./Subscriptions.ts"

/** Why a request may not wait. */
export type NotWaiting = "full" | "timeout"

interface Waiter {
  readonly filter: SubscriptionFilter | undefined
  readonly wake: () => void
}

/** What a request waits for. */
export interface Waiting {
  readonly topic: string
  readonly group: string
  /** -1: any queue. */
  readonly queueId: number
  /** When it stops waiting, in epoch milliseconds. */
  readonly until: number
  readonly filter: SubscriptionFilter | undefined
}

const keyOf = (topic: string, group: string, queueId: number): string => `${topic}@${group}@${queueId}`

/** The requests of one kind. */
export class Polls {
  private readonly waiters = new Map<string, Set<Waiter>>()
  /** Groups that have waited for a topic. */
  private readonly groups = new Map<string, Set<string>>()
  private total = 0
  private readonly core: BrokerCore
  private readonly latestFirst: boolean

  /** @param latestFirst whether the request that came last is the first to be woken */
  constructor(core: BrokerCore, latestFirst: boolean) {
    this.core = core
    this.latestFirst = latestFirst
  }

  /** Why the request may not wait now; `undefined` when it may. */
  problem(waiting: Waiting, pollTime: number): NotWaiting | undefined {
    const { maxPopPollingSize, popPollingSize } = this.core.settings
    if (pollTime <= 0) return "timeout"
    if (this.total >= maxPopPollingSize) return "full"
    if (this.core.now() >= waiting.until) return "timeout"
    return this.size(waiting.topic, waiting.group, waiting.queueId) > popPollingSize ? "full" : undefined
  }

  /**
   * Waits, and looks again whenever something came or the time is up.
   *
   * @param again answers, or says that it has to go on waiting
   */
  wait(call: Call, waiting: Waiting, again: () => RemotingReply | "wait"): Effect.Effect<RemotingReply> {
    return call.peer.suspend(
      Effect.callback<RemotingReply>((resume) => {
        let leave: () => void
        const look = (): void => {
          leave()
          const reply = again()
          if (reply === "wait") leave = this.enter({ filter: waiting.filter, wake: look }, waiting)
          else resume(Effect.succeed(reply))
        }
        leave = this.enter({ filter: waiting.filter, wake: look }, waiting)
        return Effect.sync(() => leave())
      })
    )
  }

  /** A message has come: of each group one that waits for any queue is woken, and one that waits for this. */
  arrived({ properties, queueId, tagsCode }: Placed, topic: string): void {
    for (const group of this.groups.get(topic) ?? []) {
      for (const id of [-1, queueId]) {
        this.wakeOne(topic, group, id, ({ filter }) =>
          filter === undefined ||
          (filter.byTagsCode(tagsCode) && (filter.byProperties === undefined || filter.byProperties(properties))))
      }
    }
  }

  /** Wakes one that waits; returns whether there was one. */
  wakeOne(topic: string, group: string, queueId: number, matches: (waiter: Waiter) => boolean = () => true): boolean {
    const waiters = this.waiters.get(keyOf(topic, group, queueId))
    if (waiters === undefined) return false
    const all = [...waiters]
    const first = this.latestFirst ? all[all.length - 1] : all[0]
    // Only the first is asked; it stays where it is when the message is not for it.
    if (first === undefined || !matches(first)) return false
    first.wake()
    return true
  }

  /** Requests that wait for that queue. */
  size(topic: string, group: string, queueId: number): number {
    return this.waiters.get(keyOf(topic, group, queueId))?.size ?? 0
  }

  private enter(waiter: Waiter, { group, queueId, topic, until }: Waiting): () => void {
    const key = keyOf(topic, group, queueId)
    const waiters = this.waiters.get(key) ?? new Set<Waiter>()
    this.waiters.set(key, waiters)
    waiters.add(waiter)
    const groups = this.groups.get(topic) ?? new Set<string>()
    this.groups.set(topic, groups)
    groups.add(group)
    this.total++
    const cancel = this.core.agenda.add(until, waiter.wake)
    let left = false
    return () => {
      if (left) return
      left = true
      this.total--
      cancel()
      waiters.delete(waiter)
      if (waiters.size === 0 && this.waiters.get(key) === waiters) this.waiters.delete(key)
    }
  }
}
