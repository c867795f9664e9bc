/**
 * Values that are looked up anew when they are asked for and older than they may be; until the new one is there, the
 * old one is given out (Caffeine's `refreshAfterWrite`, `expireAfterAccess`).
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"

/** RocketMQ 5.3.3 `ProxyConfig.topicRouteServiceCacheMaxNum` and its kin. */
const maxEntries = 20_000

interface Entry<V> {
  readonly value: V
  readonly loadedAt: number
  usedAt: number
  refreshing: boolean
}

export class RefreshingCache<V, E> {
  private readonly entries = new Map<string, Entry<V>>()
  private readonly loading = new Map<string, Deferred.Deferred<V, E>>()
  private readonly load: (key: string) => Effect.Effect<V, E>
  private readonly fork: (effect: Effect.Effect<void>) => void
  private readonly now: () => number
  private readonly refreshMillis: () => number
  private readonly expireMillis: () => number

  /** @param fork runs a lookup that nobody waits for */
  constructor(
    load: (key: string) => Effect.Effect<V, E>,
    fork: (effect: Effect.Effect<void>) => void,
    now: () => number,
    refreshMillis: () => number,
    expireMillis: () => number
  ) {
    this.load = load
    this.fork = fork
    this.now = now
    this.refreshMillis = refreshMillis
    this.expireMillis = expireMillis
  }

  get(key: string): Effect.Effect<V, E> {
    return Effect.suspend(() => {
      const now = this.now()
      const entry = this.entries.get(key)
      if (entry === undefined || now - entry.usedAt >= this.expireMillis()) return this.first(key)
      entry.usedAt = now
      if (!entry.refreshing && now - entry.loadedAt >= this.refreshMillis()) {
        entry.refreshing = true
        this.fork(
          Effect.matchEffect(this.load(key), {
            // The old value does until the next attempt.
            onFailure: () => Effect.sync(() => this.put(key, entry.value)),
            onSuccess: (value) => Effect.sync(() => this.put(key, value))
          })
        )
      }
      return Effect.succeed(entry.value)
    })
  }

  /** Those that ask for the same key at the same time wait for one lookup. */
  private first(key: string): Effect.Effect<V, E> {
    const running = this.loading.get(key)
    if (running !== undefined) return Deferred.await(running)
    const deferred = Deferred.makeUnsafe<V, E>()
    this.loading.set(key, deferred)
    this.fork(
      Effect.asVoid(
        Effect.onExit(this.load(key), (exit) => {
          this.loading.delete(key)
          if (exit._tag === "Success") this.put(key, exit.value)
          return Deferred.done(deferred, exit)
        }).pipe(Effect.exit)
      )
    )
    return Deferred.await(deferred)
  }

  private put(key: string, value: V): void {
    const now = this.now()
    this.entries.delete(key)
    this.entries.set(key, { value, loadedAt: now, usedAt: now, refreshing: false })
    if (this.entries.size <= maxEntries) return
    // The one that was looked up longest ago.
    for (const oldest of this.entries.keys()) {
      this.entries.delete(oldest)
      return
    }
  }
}
