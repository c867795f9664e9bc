/** How far each group has read each queue (RocketMQ 5.3.3 `ConsumerOffsetManager`). */
export class ConsumerOffsets {
  /** By topic, then group, then queue id. */
  private readonly offsets = new Map<string, Map<string, Map<number, number>>>()
  /** Offsets that the next pull is sent back to. */
  private readonly resets = new Map<string, Map<string, Map<number, number>>>()
  /** Offsets of the last pulls. */
  private readonly pulled = new Map<string, Map<string, Map<number, number>>>()

  commit(group: string, topic: string, queueId: number, offset: number): void {
    queues(this.offsets, group, topic).set(queueId, offset)
  }

  commitPull(group: string, topic: string, queueId: number, offset: number): void {
    queues(this.pulled, group, topic).set(queueId, offset)
  }

  /** The offset of a group, one that it was reset to first; -1 when it has none. */
  query(group: string, topic: string, queueId: number): number {
    return this.resets.get(topic)?.get(group)?.get(queueId) ?? this.stored(group, topic, queueId)
  }

  /** The offset that was committed last; -1 when there is none. */
  stored(group: string, topic: string, queueId: number): number {
    return this.offsets.get(topic)?.get(group)?.get(queueId) ?? -1
  }

  /** The offset of the last pull, or else what was committed. */
  queryPull(group: string, topic: string, queueId: number): number {
    return this.pulled.get(topic)?.get(group)?.get(queueId) ?? this.query(group, topic, queueId)
  }

  /** Offsets of a group by queue id; `undefined` when it has none of that topic. */
  ofGroup(group: string, topic: string): ReadonlyMap<number, number> | undefined {
    return this.offsets.get(topic)?.get(group)
  }

  topicsOf(group: string): ReadonlyArray<string> {
    return [...this.offsets].filter(([, groups]) => groups.has(group)).map(([topic]) => topic)
  }

  groupsOf(topic: string): ReadonlyArray<string> {
    return [...(this.offsets.get(topic)?.keys() ?? [])]
  }

  /** Everything, by `topic@group`. */
  entries(): ReadonlyArray<readonly [string, ReadonlyMap<number, number>]> {
    return flat(this.offsets)
  }

  /** Offsets of the last pulls, by `topic@group`. */
  pullEntries(): ReadonlyArray<readonly [string, ReadonlyMap<number, number>]> {
    return flat(this.pulled)
  }

  /** The topics of each group. */
  topicsByGroup(): ReadonlyMap<string, ReadonlyArray<string>> {
    const topics = new Map<string, Array<string>>()
    for (const [topic, groups] of this.offsets) {
      for (const group of groups.keys()) topics.set(group, [...topics.get(group) ?? [], topic])
    }
    return topics
  }

  /** Sends the next pull of that queue back to `offset`. */
  reset(group: string, topic: string, queueId: number, offset: number): void {
    queues(this.resets, group, topic).set(queueId, offset)
    queues(this.offsets, group, topic).set(queueId, offset)
  }

  hasReset(group: string, topic: string, queueId: number): boolean {
    return this.resets.get(topic)?.get(group)?.has(queueId) === true
  }

  /** The offset that the queue was reset to, once. */
  takeReset(group: string, topic: string, queueId: number): number | undefined {
    const table = this.resets.get(topic)?.get(group)
    const offset = table?.get(queueId)
    table?.delete(queueId)
    return offset
  }

  clearPulls(group: string, topic: string): void {
    this.pulled.get(topic)?.delete(group)
  }

  clone(from: string, to: string, topic: string): void {
    const table = this.ofGroup(from, topic)
    if (table !== undefined) this.offsets.get(topic)!.set(to, new Map(table))
  }

  removeGroup(group: string): void {
    for (const table of [this.offsets, this.resets, this.pulled]) {
      for (const groups of table.values()) groups.delete(group)
    }
  }

  removeTopic(topic: string): void {
    for (const table of [this.offsets, this.resets, this.pulled]) table.delete(topic)
  }
}

const flat = (
  table: ReadonlyMap<string, ReadonlyMap<string, ReadonlyMap<number, number>>>
): ReadonlyArray<readonly [string, ReadonlyMap<number, number>]> =>
  [...table].flatMap(([topic, groups]) =>
    [...groups].map(([group, offsets]) => [`${topic}@${group}`, offsets] as const)
  )

const queues = (
  table: Map<string, Map<string, Map<number, number>>>,
  group: string,
  topic: string
): Map<number, number> => {
  let groups = table.get(topic)
  if (groups === undefined) table.set(topic, groups = new Map())
  let offsets = groups.get(group)
  if (offsets === undefined) groups.set(group, offsets = new Map())
  return offsets
}
