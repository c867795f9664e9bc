/**
 * What a proxy knows of transactions: only what brokers ask about. The end of a transaction that no broker has asked
 * about yet leads nowhere, and is answered with success all the same; the broker asks later
 * (RocketMQ 5.3.3 `TransactionDataManager`, `TransactionActivity`).
 */

/** Where the half message of a transaction is. */
export interface TransactionData {
  readonly brokerName: string
  readonly tranStateTableOffset: number
  readonly commitLogOffset: number
  readonly expiresAt: number
}

/** RocketMQ 5.3.3 `ProxyConfig.transactionDataMaxNum`. */
const maxOfOne = 15

export class Transactions {
  private readonly byId = new Map<string, Array<TransactionData>>()

  add(group: string, transactionId: string, data: TransactionData): void {
    const key = keyOf(group, transactionId)
    const known = this.byId.get(key) ?? []
    this.byId.set(key, known)
    known.push(data)
    if (known.length > maxOfOne) known.shift()
  }

  /** Takes the newest that is still good. */
  take(group: string, transactionId: string, now: number): TransactionData | undefined {
    const key = keyOf(group, transactionId)
    const known = this.byId.get(key)
    if (known === undefined) return undefined
    let data = known.pop()
    while (data !== undefined && data.expiresAt < now) data = known.pop()
    if (known.length === 0) this.byId.delete(key)
    return data
  }

  expire(now: number): void {
    for (const [key, known] of this.byId) {
      const left = known.filter(({ expiresAt }) => expiresAt >= now)
      if (left.length === 0) this.byId.delete(key)
      else this.byId.set(key, left)
    }
  }
}

const keyOf = (group: string, transactionId: string): string => `${group}@${transactionId}`
