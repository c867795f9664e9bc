/**
 * The texts in which a broker packs what belongs to popped messages.
 *
 * Source: RocketMQ 5.3.3 `remoting.protocol.header.ExtraInfoUtil`, `common.KeyBuilder`.
 */
import { type HeaderViolation, violation } from "./HeaderCodec.ts"

/** Which kind of topic a message lies in: the topic itself, or one of the group's retry topics for it. */
export const RetryMark = {
  normal: "0",
  /** `%RETRY%group_topic` */
  retryV1: "1",
  /** `%RETRY%group+topic` */
  retryV2: "2"
} as const
export type RetryMark = (typeof RetryMark)[keyof typeof RetryMark]

/** The revive queue of an ordered pop. */
export const orderReviveQueue = 999

const retryPrefix = "%RETRY%"

/** The mark of a topic. */
export const retryMark = (topic: string): RetryMark =>
  !topic.startsWith(retryPrefix) ? RetryMark.normal : topic.includes("+") ? RetryMark.retryV2 : RetryMark.retryV1

/** The topic in which a message of `topic` with that mark lies: where acknowledgements go. */
export const realTopic = (topic: string, group: string, mark: RetryMark): string =>
  mark === RetryMark.normal ? topic : `${retryPrefix}${group}${mark === RetryMark.retryV1 ? "_" : "+"}${topic}`

/** The property `POP_CK`, the `extraInfo` of acknowledgements. Times in milliseconds. */
export interface PopCheckpoint {
  /** The queue offset at which the pop began. */
  readonly startOffset: number
  /** When the broker answered, since the epoch. */
  readonly popTime: number
  readonly invisibleTime: number
  /** Where the broker keeps the checkpoint; `orderReviveQueue` for an ordered pop. */
  readonly reviveQid: number
  readonly retryMark: RetryMark
  readonly brokerName: string
  readonly queueId: number
  /** The message's own queue offset. */
  readonly queueOffset: number
}

/** Writes a `POP_CK`. */
export const encodeCheckpoint = (checkpoint: PopCheckpoint): string =>
  `${checkpoint.startOffset} ${checkpoint.popTime} ${checkpoint.invisibleTime} ${checkpoint.reviveQid} ` +
  `${checkpoint.retryMark} ${checkpoint.brokerName} ${checkpoint.queueId} ${checkpoint.queueOffset}`

/** A `long` of Java that a number holds exactly, else `NaN`. */
const parseLong = (text: string): number => {
  const value = /^[+-]?\d+$/.test(text) ? Number(text) : Number.NaN
  return Number.isSafeInteger(value) ? value + 0 : Number.NaN
}

const isRetryMark = (text: string): text is RetryMark => text === "0" || text === "1" || text === "2"

/** Reads a `POP_CK`; `undefined` when the text is none. */
export const decodeCheckpoint = (text: string): PopCheckpoint | undefined => {
  const parts = text.split(" ")
  const [startOffset, popTime, invisibleTime, reviveQid] = parts.slice(0, 4).map(parseLong)
  const [mark, brokerName] = parts.slice(4, 6)
  const [queueId, queueOffset] = parts.slice(6).map(parseLong)
  const sum = startOffset + popTime + invisibleTime + reviveQid + queueId + queueOffset
  // A number that is missing or none makes the sum one too.
  return parts.length === 8 && !Number.isNaN(sum) && isRetryMark(mark)
    ? { startOffset, popTime, invisibleTime, reviveQid, retryMark: mark, brokerName, queueId, queueOffset }
    : undefined
}

/** How maps name a queue: by the mark of its topic and its number. */
export const queueKey = (mark: RetryMark, queueId: number): string => `${mark}@${queueId}`

/** How `OrderCountInfo` names a message, where a count is not one of the whole queue. */
export const messageKey = (mark: RetryMark, queueId: number, queueOffset: number): string =>
  `${mark}@qo${queueId}%${queueOffset}`

/** Entries `mark queue value` separated by semicolons, and the map by `mark@queue` that they stand for. */
export interface InfoCodec<T> {
  /** `undefined` for an empty map, which stands for no field. */
  readonly encode: (info: ReadonlyMap<string, T>) => string | undefined
  /** An empty map when there is no text. */
  readonly decode: (text: string | undefined) => ReadonlyMap<string, T> | HeaderViolation
}

const makeInfo = <T>(field: string, parse: (text: string) => T | undefined): InfoCodec<T> => ({
  encode: (info) =>
    info.size === 0 ? undefined : [...info].map(([key, value]) => `${key.replace("@", " ")} ${value}`).join(";"),
  decode: (text) => {
    const info = new Map<string, T>()
    if (text === undefined || text === "") {
      return info
    }
    for (const entry of text.split(";")) {
      const parts = entry.split(" ")
      const key = `${parts[0]}@${parts[1]}`
      const value = parts.length === 3 ? parse(parts[2]) : undefined
      if (value === undefined) {
        return violation(field, "has an entry that is not of three parts, or not of numbers")
      }
      if (info.has(key)) {
        return violation(field, "names a queue twice")
      }
      info.set(key, value)
    }
    return info
  }
})

const parseOffset = (text: string): number | undefined => {
  const value = parseLong(text)
  return Number.isNaN(value) ? undefined : value
}

/** `startOffsetInfo`: where the pop began, by `queueKey`. */
export const StartOffsetInfo: InfoCodec<number> = makeInfo("startOffsetInfo", parseOffset)

/** `msgOffsetInfo`: the queue offsets of the messages, by `queueKey`. */
export const MsgOffsetInfo: InfoCodec<ReadonlyArray<number>> = makeInfo<ReadonlyArray<number>>(
  "msgOffsetInfo",
  (text) => {
    const offsets = text.split(",").map(parseLong)
    return offsets.some(Number.isNaN) ? undefined : offsets
  }
)

/** `orderCountInfo`: how often messages were consumed before, by `queueKey` or `messageKey`. */
export const OrderCountInfo: InfoCodec<number> = makeInfo("orderCountInfo", parseOffset)
