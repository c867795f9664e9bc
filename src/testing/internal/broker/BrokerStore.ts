/**
 * What a broker keeps: messages, topics, groups, offsets, and what is to become of delayed messages, half messages and
 * popped ones. It is apart from the serving, so that it survives a restart, and a slave can serve the store of its
 * master.
 */
import type { SetMessageRequestModeRequestBody } from "../../../protocol/body/SetMessageRequestMode.ts"
import type { MessageProperties } from "../../../protocol/message/MessageProperties.ts"
import { keySeparator, PropertyName } from "../../../protocol/message/PropertyName.ts"
import * as StoredMessage from "../../../protocol/message/StoredMessage.ts"
import * as SysFlag from "../../../protocol/message/SysFlag.ts"
import { javaHashCode } from "../../../protocol/message/TagsCode.ts"
import { CommitLog } from "./CommitLog.ts"
import { ConsumeQueue } from "./ConsumeQueue.ts"
import { ConsumerOffsets } from "./ConsumerOffsets.ts"
import { GroupTable } from "./GroupTable.ts"
import { keyHash, KeyIndex } from "./KeyIndex.ts"
import type { BrokerSettings } from "./Settings.ts"
import { delayLevels } from "./Settings.ts"
import { TopicTable } from "./TopicTable.ts"

/** A message on its way into the store. */
export interface NewMessage {
  topic: string
  queueId: number
  readonly flag: number
  sysFlag: number
  readonly body: Uint8Array
  properties: MessageProperties
  /** The properties to store, where they are others than those that count on the way. */
  stored?: MessageProperties | undefined
  readonly bornTimestamp: number
  readonly bornHost: string
  readonly storeHost: string
  readonly reconsumeTimes: number
  preparedTransactionOffset: number
}

/** Where a message went. */
export interface Placed {
  readonly topic: string
  readonly queueId: number
  /** 0 for messages that no queue shows. */
  readonly queueOffset: number
  readonly physicalOffset: number
  /** Stored bytes. */
  readonly size: number
  readonly storeTimestamp: number
  readonly tagsCode: number
  readonly properties: MessageProperties
}

/** Told of what was stored, in the order in which it was. */
export type StoreListener = (placed: Placed) => void

/** How a read of a queue ended (RocketMQ 5.3.3 `GetMessageStatus`). */
export type ReadStatus =
  | "FOUND"
  | "NO_MATCHED_MESSAGE"
  | "OFFSET_OVERFLOW_BADLY"
  | "OFFSET_OVERFLOW_ONE"
  | "OFFSET_TOO_SMALL"
  | "NO_MESSAGE_IN_QUEUE"

/** What a read of a queue found. */
export interface ReadResult {
  readonly status: ReadStatus
  readonly nextBeginOffset: number
  readonly minOffset: number
  readonly maxOffset: number
  /** Stored messages; views of the log. */
  readonly messages: ReadonlyArray<Buffer>
  /** Their queue offsets. */
  readonly queueOffsets: ReadonlyArray<number>
  /** Messages, members of batches counted. */
  readonly count: number
}

/** Chooses messages: by the hash of their tags, then by what is stored. */
export interface ReadFilter {
  readonly byTagsCode: (tagsCode: number) => boolean
  readonly byMessage: ((message: Buffer) => boolean) | undefined
}

/** A message with a delivery time that waits. */
export interface Timer {
  readonly physicalOffset: number
  readonly size: number
}

/** A half message whose fate is not known. */
export interface HalfMessage {
  readonly queueOffset: number
  readonly physicalOffset: number
}

/** Messages of one queue that one POP has handed out, as long as not all of them are acknowledged. */
export interface Checkpoint {
  readonly group: string
  /** The topic that they lie in, which may be a retry topic. */
  readonly topic: string
  readonly queueId: number
  /** Queue offset at which the POP began. */
  readonly startOffset: number
  /** Epoch milliseconds. */
  readonly popTime: number
  readonly invisibleTime: number
  /** Queue offsets of those that are not acknowledged. */
  readonly pending: Set<number>
}

/** The key of a checkpoint among all. */
export const checkpointKey = (
  { group, popTime, queueId, startOffset, topic }: Omit<Checkpoint, "pending" | "invisibleTime">
): string => `${topic}@${group}@${queueId}@${startOffset}@${popTime}`

/** Messages that a group reads in order, of one queue: no other is handed out before they are settled. */
export interface OrderedPop {
  readonly popTime: number
  readonly invisibleTime: number
  readonly attemptId: string | undefined
  /** Queue offsets, ascending. */
  readonly offsets: ReadonlyArray<number>
  /** How often those that were handed out before were. */
  readonly counts: ReadonlyMap<number, number>
  readonly acked: Set<number>
  /** When those whose invisible time was changed become visible. */
  readonly visibleAt: Map<number, number>
}

/** Everything that a broker keeps. */
export class BrokerStore {
  readonly log = new CommitLog()
  readonly keys = new KeyIndex()
  readonly topics: TopicTable
  readonly groups: GroupTable
  readonly offsets = new ConsumerOffsets()
  /** Offset of the first message of each delay level that waits, by level from 1 on. */
  readonly delayOffsets = new Map<number, number>()
  /** Messages with a delivery time that wait, by their TIMER_OUT_MS. */
  readonly timers = new Map<number, Array<Timer>>()
  /** Half messages by their queue offset. */
  readonly halves = new Map<number, HalfMessage>()
  /** What POP has handed out, by `checkpointKey`. */
  readonly checkpoints = new Map<string, Checkpoint>()
  /** What POP has handed out in order, by topic, group and queue: `topic@group@queueId`. */
  readonly orderedPops = new Map<string, OrderedPop>()
  /** How groups take messages, by topic, then by group. */
  readonly requestModes = new Map<string, Map<string, SetMessageRequestModeRequestBody>>()
  /** Told of every message. */
  readonly listeners = new Set<StoreListener>()
  /** Whether messages may be stored, as RocketMQ's running flags say; a full disk clears it. */
  writable = true
  readonly startedAt: number
  private readonly queues = new Map<string, Map<number, ConsumeQueue>>()
  private readonly now: () => number

  /** @param now the time in epoch milliseconds */
  constructor(now: () => number) {
    this.now = now
    this.startedAt = now()
    this.topics = new TopicTable(now)
    this.groups = new GroupTable(now)
  }

  /** Stores a message at the end of its queue. */
  put(message: NewMessage, settings: BrokerSettings): Placed {
    return this.putAll([message], settings)[0]!
  }

  /** Stores messages of one queue together. */
  putAll(messages: ReadonlyArray<NewMessage>, settings: BrokerSettings): ReadonlyArray<Placed> {
    const { queueId, topic } = messages[0]!
    const storeTimestamp = this.now()
    const queue = this.queue(topic, queueId)
    let queueOffset = queue.maxOffset
    const encoded = messages.map((message) => {
      const offset = isHidden(message.sysFlag) ? 0 : queueOffset
      // Member by member: a spread takes longer than the encoding.
      const bytes = StoredMessage.encode({
        topic: message.topic,
        queueId: message.queueId,
        flag: message.flag,
        sysFlag: message.sysFlag,
        body: message.body,
        properties: message.stored ?? message.properties,
        bornTimestamp: message.bornTimestamp,
        bornHost: message.bornHost,
        storeHost: message.storeHost,
        reconsumeTimes: message.reconsumeTimes,
        preparedTransactionOffset: message.preparedTransactionOffset,
        queueOffset: offset,
        physicalOffset: 0,
        storeTimestamp
      })
      if (!isHidden(message.sysFlag)) queueOffset += members(message)
      return { message, bytes, offset }
    })
    const starts: Array<number> = []
    let size = 0
    for (const { bytes } of encoded) {
      starts.push(size)
      size += bytes.length
    }
    const all = encoded.length === 1 ? encoded[0]!.bytes : Buffer.concat(encoded.map(({ bytes }) => bytes))
    const positions = this.log.appendAll(all, starts, settings.mappedFileSizeCommitLog)
    const placed = encoded.map(({ bytes, message, offset }, index): Placed => {
      const physicalOffset = positions[index]!
      const properties = message.stored ?? message.properties
      const tags = properties[PropertyName.TAGS]
      const tagsCode = tags === undefined ? 0 : javaHashCode(tags)
      if (!isHidden(message.sysFlag)) queue.add(physicalOffset, bytes.length, tagsCode, members(message))
      this.index(message, properties, physicalOffset, storeTimestamp)
      return {
        topic,
        queueId,
        queueOffset: offset,
        physicalOffset,
        size: bytes.length,
        storeTimestamp,
        tagsCode,
        properties
      }
    })
    for (const one of placed) for (const listener of this.listeners) listener(one)
    return placed
  }

  /**
   * The queue, made when it is new: in RocketMQ a queue exists once it was read, or asked where it begins or where a time
   * is (but not once it was asked where it ends).
   */
  queue(topic: string, queueId: number): ConsumeQueue {
    let queues = this.queues.get(topic)
    if (queues === undefined) this.queues.set(topic, queues = new Map())
    let queue = queues.get(queueId)
    if (queue === undefined) queues.set(queueId, queue = new ConsumeQueue())
    return queue
  }

  /** The queue, if it has ever been used. */
  findQueue(topic: string, queueId: number): ConsumeQueue | undefined {
    return this.queues.get(topic)?.get(queueId)
  }

  /** Reads messages of a queue (RocketMQ 5.3.3 `DefaultMessageStore.getMessage`). */
  read(
    topic: string,
    queueId: number,
    offset: number,
    limit: number,
    maxBytes: number,
    filter: ReadFilter | undefined,
    settings: BrokerSettings
  ): ReadResult {
    const queue = this.queue(topic, queueId)
    const { maxOffset, minOffset } = queue
    const none = (status: ReadStatus, nextBeginOffset: number): ReadResult => ({
      status,
      nextBeginOffset,
      minOffset,
      maxOffset,
      messages: [],
      queueOffsets: [],
      count: 0
    })
    if (maxOffset === 0) return none("NO_MESSAGE_IN_QUEUE", 0)
    if (offset < minOffset) return none("OFFSET_TOO_SMALL", minOffset)
    if (offset === maxOffset) return none("OFFSET_OVERFLOW_ONE", offset)
    if (offset > maxOffset) return none("OFFSET_OVERFLOW_BADLY", maxOffset)
    const messages: Array<Buffer> = []
    const queueOffsets: Array<number> = []
    let bytes = 0
    let count = 0
    let at = offset
    // RocketMQ 5.3.3 `maxFilterMessageSize`, in entries of 20 bytes.
    const last = offset + Math.max(800, limit)
    const room = Math.max(maxBytes, 100)
    while (at < maxOffset && at < last) {
      const size = queue.size(at)
      const after = queue.after(at)
      if (count > 0) {
        const total = bytes + size
        if (count + (after - at) > limit || total > room || total > settings.maxTransferBytesOnMessageInMemory) break
        if (count >= settings.maxTransferCountOnMessageInMemory) break
      }
      if (bytes >= room) break
      const message = filter === undefined || filter.byTagsCode(queue.tagsCode(at))
        ? this.log.read(queue.position(at), size)
        : undefined
      if (message !== undefined && (filter?.byMessage === undefined || filter.byMessage(message))) {
        messages.push(message)
        queueOffsets.push(at)
        bytes += size
        count += after - at
      }
      at = after
    }
    return {
      status: count > 0 ? "FOUND" : "NO_MATCHED_MESSAGE",
      nextBeginOffset: at,
      minOffset,
      maxOffset,
      messages,
      queueOffsets,
      count
    }
  }

  /** The message that starts at that physical offset. */
  messageAt(physicalOffset: number): StoredMessage.StoredMessage | undefined {
    const bytes = this.log.lookAt(physicalOffset)
    return bytes === undefined ? undefined : decode(bytes)
  }

  /** The message at an offset of a queue. */
  messageIn(topic: string, queueId: number, offset: number): StoredMessage.StoredMessage | undefined {
    const bytes = this.bytesIn(topic, queueId, offset)
    return bytes === undefined ? undefined : decode(bytes)
  }

  /** The stored bytes of the message at an offset of a queue; a view. */
  bytesIn(topic: string, queueId: number, offset: number): Buffer | undefined {
    const queue = this.findQueue(topic, queueId)
    return queue === undefined || offset < queue.minOffset || offset >= queue.maxOffset
      ? undefined
      : this.log.read(queue.position(offset), queue.size(offset))
  }

  /** When the message at an offset of a queue was stored; -1 when there is none. */
  storeTimestampIn(topic: string, queueId: number, offset: number): number {
    const queue = this.findQueue(topic, queueId)
    return queue === undefined || offset < queue.minOffset || offset >= queue.maxOffset
      ? -1
      : this.log.storeTimestamp(queue.position(offset))
  }

  /**
   * The offset of the first (`LOWER`) or last (`UPPER`) message of a queue stored at that time, or else the one after
   * (`LOWER`) or before it (`UPPER`), as RocketMQ 5.3.3 `ConsumeQueue.getOffsetInQueueByTime` finds it.
   */
  offsetByTime(topic: string, queueId: number, timestamp: number, boundary: "LOWER" | "UPPER"): number {
    const queue = this.queue(topic, queueId)
    if (queue.minOffset === queue.maxOffset) return 0
    const time = (offset: number) => this.log.storeTimestamp(queue.position(offset))
    if (time(queue.maxOffset - 1) < timestamp) return boundary === "LOWER" ? queue.maxOffset : queue.maxOffset - 1
    if (time(queue.minOffset) > timestamp) return boundary === "LOWER" ? queue.minOffset : 0
    // The first offset whose time is not less, or (UPPER) greater.
    let low = queue.minOffset
    let high = queue.maxOffset
    while (low < high) {
      const middle = Math.floor((low + high) / 2)
      const before = boundary === "LOWER" ? time(middle) < timestamp : time(middle) <= timestamp
      if (before) low = middle + 1
      else high = middle
    }
    return boundary === "LOWER" ? low : low - 1
  }

  /** Physical offsets of messages with a key, as they lie in the log. */
  find(topic: string, key: string, limit: number, begin: number, end: number): ReadonlyArray<number> {
    return this.keys.find(keyHash(javaHashCode(`${topic}#${key}`)), limit, begin, end).sort((a, b) => a - b)
  }

  /** Forgets the messages stored before that time; queues begin later from then on. */
  expire(before: number): void {
    let keep = this.log.maxOffset
    for (const queues of this.queues.values()) {
      for (const queue of queues.values()) {
        for (let at = queue.minOffset; at < queue.maxOffset; at++) {
          const position = queue.position(at)
          if (this.log.storeTimestamp(position) < before) continue
          keep = Math.min(keep, position)
          break
        }
      }
    }
    this.log.dropBefore(keep)
    for (const queues of this.queues.values()) for (const queue of queues.values()) queue.dropBefore(keep)
  }

  /** Forgets the queues of a topic. */
  deleteQueues(topic: string): void {
    this.queues.delete(topic)
  }

  /** Delays of the levels, from level 1 at index 0, in milliseconds. */
  delays(settings: BrokerSettings): ReadonlyArray<number> {
    return delayLevels(settings.messageDelayLevel)
  }

  private index(message: NewMessage, properties: MessageProperties, position: number, timestamp: number): void {
    if (SysFlag.transactionType(message.sysFlag) === SysFlag.transactionRollback) return
    const { topic } = message
    const add = (key: string): void => this.keys.add(keyHash(javaHashCode(`${topic}#${key}`)), position, timestamp)
    const uniqKey = properties[PropertyName.UNIQ_KEY]
    if (uniqKey !== undefined) add(uniqKey)
    const keys = properties[PropertyName.KEYS]
    if (keys !== undefined) { for (const key of keys.split(keySeparator)) if (key !== "") add(key) }
  }
}

/** Half messages and rolled back ones: no queue shows them. */
const isHidden = (sysFlag: number): boolean => {
  const type = SysFlag.transactionType(sysFlag)
  return type === SysFlag.transactionPrepared || type === SysFlag.transactionRollback
}

/** Queue offsets that a message takes: those of its members when it is an inner batch. */
const members = (message: NewMessage): number =>
  (message.sysFlag & SysFlag.innerBatch) === 0 ? 1 : Number(message.properties[PropertyName.INNER_NUM] ?? 1)

/** A stored message; its bytes are known to be one. */
export const decode = (bytes: Uint8Array): StoredMessage.StoredMessage | undefined =>
  StoredMessage.decodeAll(bytes).messages[0]
