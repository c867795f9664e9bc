/**
 * How brokers have been doing, from what became of the sends to them.
 *
 * A broker that failed is left alone for a while, twice as long each time, and
 * then gets one message to prove itself with before the others follow: so a
 * dead broker costs one send its share of the time now and then, and not all
 * that are made when its time is over. A broker that is slow is left alone for
 * a multiple of the time it took. Nobody is left alone when there is nobody else.
 */

/** Times in milliseconds. */
export interface HealthSettings {
  /** For how long a broker is left alone after a failure; doubles with each further one. */
  readonly failedMillis: number
  /** At most for so long. */
  readonly maxMillis: number
  /** An answer that took so long is slow. `Infinity`: none is. */
  readonly slowMillis: number
}

/** For how many times what its answer took a slow broker is left alone. */
const slowFactor = 4

/** The better, the lower. */
export const Standing = { Good: 0, Slow: 1, Failed: 3 } as const

/** One broker, for one producer. */
export class BrokerHealth {
  readonly brokerName: string
  private readonly registry: HealthRegistry
  /** Failures in a row; those of messages that were in flight together count once. */
  private failures = 0
  private failedAt = -Infinity
  private failedUntil = 0
  private slowUntil = 0
  private unwell = false
  /** A message is under way that shows whether a failed broker is back. */
  private trial = false

  constructor(registry: HealthRegistry, brokerName: string) {
    this.registry = registry
    this.brokerName = brokerName
  }

  /** How a broker stands at a time; see {@link Standing}. */
  standing(now: number): number {
    if (!this.unwell) return Standing.Good
    if (this.failures > 0) return now < this.failedUntil || this.trial ? Standing.Failed : Standing.Good
    if (now < this.slowUntil) return Standing.Slow
    this.recover()
    return Standing.Good
  }

  /** A message goes there. */
  chosen(): void {
    if (this.failures > 0) this.trial = true
  }

  /** It was acknowledged after so many milliseconds. */
  succeeded(now: number, millis: number): void {
    if (millis < this.registry.settings.slowMillis) {
      if (this.unwell) this.recover()
      return
    }
    this.failures = 0
    this.trial = false
    this.slowUntil = now + Math.min(slowFactor * millis, this.registry.settings.maxMillis)
    this.fallIll()
  }

  /** It failed, in a way that speaks against the broker. */
  failed(now: number, startedAt: number): void {
    this.trial = false
    // It was under way when another one failed: that is known already.
    if (this.failures > 0 && startedAt < this.failedAt) return
    this.failures++
    this.failedAt = now
    const { settings } = this.registry
    const millis = Math.min(settings.failedMillis * 2 ** Math.min(this.failures - 1, 30), settings.maxMillis)
    // Clients that lost a broker together do not come back to it together.
    this.failedUntil = now + millis * (0.8 + 0.4 * this.registry.random())
    this.fallIll()
  }

  /** It ended in a way that says nothing about the broker. */
  undecided(): void {
    this.trial = false
  }

  private fallIll(): void {
    if (this.unwell) return
    this.unwell = true
    this.registry.unwell++
  }

  private recover(): void {
    this.failures = 0
    this.trial = false
    this.slowUntil = 0
    if (!this.unwell) return
    this.unwell = false
    this.registry.unwell--
  }
}

/** All brokers that a producer has to do with. */
export class HealthRegistry {
  readonly settings: HealthSettings
  /** A number from 0 to 1. */
  readonly random: () => number
  /** How many do not stand well, as far as is known. */
  unwell = 0
  private readonly brokers = new Map<string, BrokerHealth>()

  constructor(settings: HealthSettings, random: () => number) {
    this.settings = settings
    this.random = random
  }

  of(brokerName: string): BrokerHealth {
    let health = this.brokers.get(brokerName)
    if (health === undefined) {
      health = new BrokerHealth(this, brokerName)
      this.brokers.set(brokerName, health)
    }
    return health
  }
}
