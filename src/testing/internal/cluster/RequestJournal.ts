/** The journal's memory: a ring of entries. */
import type { RemotingCommand } from "../../../protocol/RemotingCommand.ts"
import { requestCodeName } from "../../../protocol/RequestCode.ts"
import type { Address } from "../../../remoting/Address.ts"
import type { Entry, Journal, Outcome, Query } from "../../Journal.ts"

/** An entry while its request runs. */
export interface OpenEntry extends Entry {
  outcome: Outcome
  responseCode: number | undefined
}

export class RequestJournal implements Journal {
  private ring: Array<OpenEntry> = []
  /** Where the oldest entry is, once the ring is full. */
  private head = 0
  private sequence = 0
  private lost = 0
  private readonly limit: number
  private readonly listeners = new Set<(entry: Entry) => void>()

  constructor(limit: number) {
    this.limit = limit
  }

  /** A request has arrived. */
  begin(server: string, at: number, peer: Address, request: RemotingCommand): OpenEntry {
    const entry: OpenEntry = {
      sequence: this.sequence++,
      at,
      server,
      peer,
      code: request.code,
      name: requestCodeName(request.code) ?? String(request.code),
      oneway: request.isOneway,
      extFields: request.extFields,
      bodyLength: request.body?.length ?? 0,
      outcome: "Running",
      responseCode: undefined
    }
    if (this.ring.length < this.limit) this.ring.push(entry)
    else {
      this.lost++
      if (this.limit > 0) {
        this.ring[this.head] = entry
        this.head = (this.head + 1) % this.limit
      }
    }
    return entry
  }

  /** A request has ended. */
  end(entry: OpenEntry, outcome: Outcome, responseCode: number | undefined): void {
    entry.outcome = outcome
    entry.responseCode = responseCode
    for (const listener of this.listeners) listener(entry)
  }

  readonly listen = (listener: (entry: Entry) => void): () => void => {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  readonly entries = (query: Query = {}): ReadonlyArray<Entry> =>
    [...this.ring.slice(this.head), ...this.ring.slice(0, this.head)].filter((entry) => matches(entry, query))

  readonly count = (query: Query = {}): number => {
    let count = 0
    for (const entry of this.ring) if (matches(entry, query)) count++
    return count
  }

  readonly dropped = (): number => this.lost

  readonly clear = (): void => {
    this.ring = []
    this.head = 0
  }
}

const matches = (entry: Entry, query: Query): boolean =>
  (query.server === undefined || entry.server === query.server) &&
  (query.code === undefined || entry.code === query.code) &&
  (query.outcome === undefined || entry.outcome === query.outcome)
