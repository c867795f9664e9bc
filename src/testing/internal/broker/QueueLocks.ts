/** Which client of a group has which queue to itself (RocketMQ 5.3.3 `RebalanceLockManager`). */
import type { BrokerSettings } from "./Settings.ts"

/** A queue. */
export interface QueueName {
  readonly topic: string
  readonly brokerName: string
  readonly queueId: number
}

interface Lock {
  clientId: string
  /** When it was last asked for, in epoch milliseconds. */
  touched: number
}

const keyOf = (queue: QueueName): string => `${queue.topic}\u0001${queue.brokerName}\u0001${queue.queueId}`

/** Locks by group. A lock that is not renewed ends after `lockMaxLiveTime`. */
export class QueueLocks {
  private readonly groups = new Map<string, Map<string, Lock>>()
  private readonly now: () => number
  private readonly settings: BrokerSettings

  constructor(now: () => number, settings: BrokerSettings) {
    this.now = now
    this.settings = settings
  }

  /** Locks what it can; returns the queues that are locked for the client now. */
  lock(group: string, clientId: string, queues: ReadonlyArray<QueueName>): ReadonlyArray<QueueName> {
    const locks = this.groups.get(group) ?? new Map<string, Lock>()
    this.groups.set(group, locks)
    const now = this.now()
    return queues.filter((queue) => {
      const key = keyOf(queue)
      const lock = locks.get(key)
      if (lock !== undefined && lock.clientId !== clientId && !this.isExpired(lock, now)) return false
      locks.set(key, { clientId, touched: now })
      return true
    })
  }

  /** Gives back those that the client has. */
  unlock(group: string, clientId: string, queues: ReadonlyArray<QueueName>): void {
    const locks = this.groups.get(group)
    for (const queue of queues) {
      const key = keyOf(queue)
      if (locks?.get(key)?.clientId === clientId) locks.delete(key)
    }
  }

  /** Whether no queue of the group is locked. */
  isAllExpired(group: string): boolean {
    const now = this.now()
    return [...(this.groups.get(group)?.values() ?? [])].every((lock) => this.isExpired(lock, now))
  }

  private isExpired(lock: Lock, now: number): boolean {
    return now - lock.touched > this.settings.lockMaxLiveTime
  }
}
