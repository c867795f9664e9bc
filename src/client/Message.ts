/**
 * Messages: what an app sends, what it receives, and what a broker says of one
 * that was sent.
 */
import type * as DateTime from "effect/DateTime"
import type * as Duration from "effect/Duration"
import type * as Compression from "../protocol/message/Compression.ts"
import * as MessageId from "../protocol/message/MessageId.ts"
import type { MessageProperties } from "../protocol/message/MessageProperties.ts"
import * as Namespace from "../protocol/message/Namespace.ts"
import { keySeparator, PropertyName } from "../protocol/message/PropertyName.ts"
import * as StoredMessage from "../protocol/message/StoredMessage.ts"
import type { MessageQueue } from "./TopicRoutes.ts"

/**
 * A message to be sent. It is not looked at after the send has ended, and must
 * not be changed before.
 */
export interface Message {
  /** The topic, without namespace. */
  readonly topic: string
  /** At least one byte. A string is sent as UTF-8. */
  readonly body: Uint8Array | string
  /** The tag that consumers filter by. */
  readonly tags?: string | undefined
  /**
   * Keys that the message can be found by. One string may hold several,
   * separated by blanks; in an array none may contain a blank.
   */
  readonly keys?: string | ReadonlyArray<string> | undefined
  /**
   * Properties of the app's own. Names of the system, and empty names and
   * values, are refused; with everything else that goes along they may take
   * 32,767 bytes.
   */
  readonly properties?: Readonly<Record<string, string>> | undefined
  /** A number of the app's own, of 32 bits. Default: 0. */
  readonly flag?: number | undefined
  /**
   * One of the broker's delay levels, from 1: with its defaults `1s 5s 10s 30s
   * 1m 2m 3m 4m 5m 6m 7m 8m 9m 10m 20m 30m 1h 2h` (RocketMQ 5.3.3
   * `MessageStoreConfig.messageDelayLevel`). Default: 0, none.
   */
  readonly delayLevel?: number | undefined
  /** Deliver so long after the broker has stored it. Needs a broker of version 5. */
  readonly delay?: Duration.Input | undefined
  /** Deliver at this time, in milliseconds since 1970 when it is a number. Needs a broker of version 5. */
  readonly deliverAt?: DateTime.DateTime | number | undefined
  /** From 0, the higher the sooner. Needs a broker of version 5.4 and a topic for priorities. */
  readonly priority?: number | undefined
  /** Messages with one key go to one queue, in the order of their sends. */
  readonly shardingKey?: string | undefined
  /** `false`: the broker may answer before the message is as safe as it is configured to be. Default: `true`. */
  readonly waitStoreMsgOk?: boolean | undefined
}

/** A message as a consumer, a transaction check or a request gets it. */
export interface ReceivedMessage {
  /** The topic, without namespace. */
  readonly topic: string
  /** The broker that it came from. */
  readonly brokerName: string
  readonly queueId: number
  readonly queueOffset: number
  /** The id that its producer gave it (`UNIQ_KEY`), or its offset id when it has none. */
  readonly messageId: string
  /** Where it is stored: the broker's address and a position in its commit log. */
  readonly offsetId: string
  /** Inflated, when it was sent compressed. */
  readonly body: Uint8Array
  readonly tags: string | undefined
  readonly keys: ReadonlyArray<string>
  /** All properties, those of the system included; a record without a prototype. */
  readonly properties: MessageProperties
  readonly flag: number
  /** Bits of `SysFlag`. */
  readonly sysFlag: number
  /** When its producer made it, in milliseconds since 1970. */
  readonly bornTimestamp: number
  /** Its producer, `ip:port`. */
  readonly bornHost: string
  /** When its broker stored it, in milliseconds since 1970. */
  readonly storeTimestamp: number
  /** Its broker, `ip:port`. */
  readonly storeHost: string
  /** How often it was delivered before. */
  readonly reconsumeTimes: number
  /** The position of its half message in the commit log; 0 outside of transactions. */
  readonly preparedTransactionOffset: number
  /** The id of its transaction, for a half message. */
  readonly transactionId: string | undefined
}

/**
 * What the broker did with a message. All four are successes; in those other
 * than `SendOk` the broker took the message, and it may be lost if the broker
 * fails now.
 *
 * - `FlushDiskTimeout`: it is not on disk yet (`flushDiskType=SYNC_FLUSH`).
 * - `FlushSlaveTimeout`: no slave has it yet (`brokerRole=SYNC_MASTER`).
 * - `SlaveNotAvailable`: there is no slave that could take it.
 */
export type SendStatus = "SendOk" | "FlushDiskTimeout" | "FlushSlaveTimeout" | "SlaveNotAvailable"

/** What is known of a message that was sent. */
export interface SendResult {
  readonly status: SendStatus
  /** The id that the client gave the message (`UNIQ_KEY`); those of a batch are joined by commas. */
  readonly messageId: string
  /** Where the broker stored it; those of a batch are joined by commas. */
  readonly offsetId: string
  /** The queue that it is in, by the topic's name without namespace. */
  readonly queue: MessageQueue
  /** Its offset in that queue; of a batch, the first one's. */
  readonly queueOffset: number
  /** Of a half message: the transaction's. */
  readonly transactionId: string | undefined
  /** The broker's region. */
  readonly regionId: string | undefined
  /** Whether the broker wants the message traced. */
  readonly traceOn: boolean
  /** Of a timer message: what it can be recalled with. */
  readonly recallHandle: string | undefined
  /** How many requests it took. More than one: the message may be stored more than once. */
  readonly attempts: number
}

/** The body as text. */
export const text = (message: ReceivedMessage): string => {
  const { body } = message
  return Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString("utf8")
}

/** The keys in a `KEYS` property. */
export const splitKeys = (keys: string | undefined): ReadonlyArray<string> =>
  keys === undefined ? [] : keys.split(keySeparator).filter((key) => key !== "")

/** What a stored message does not say of itself. */
export interface Origin {
  readonly brokerName: string
  /** The client's namespace, which is taken off the topic. Default: none. */
  readonly namespace?: string | undefined
  /** The most bytes that a body may have when it is inflated. Default: 64 MiB. */
  readonly maxBodySize?: number | undefined
}

const defaultMaxBodySize = 67_108_864

/** A message as a broker stores it, for the app; or why its body cannot be inflated. */
export const fromStored = (
  stored: StoredMessage.StoredMessage,
  origin: Origin
): ReceivedMessage | Compression.DecompressionFailure => {
  const body = StoredMessage.decodeBody(stored, origin.maxBodySize ?? defaultMaxBodySize)
  if (!(body instanceof Uint8Array)) return body
  const { properties } = stored
  const offsetId = MessageId.createOffsetId(stored.storeHost, stored.physicalOffset)
  const uniqKey: string | undefined = properties[PropertyName.UNIQ_KEY]
  return {
    topic: Namespace.unwrap(origin.namespace ?? "", stored.topic),
    brokerName: origin.brokerName,
    queueId: stored.queueId,
    queueOffset: stored.queueOffset,
    messageId: uniqKey ?? offsetId,
    offsetId,
    body,
    tags: properties[PropertyName.TAGS],
    keys: splitKeys(properties[PropertyName.KEYS]),
    properties,
    flag: stored.flag,
    sysFlag: stored.sysFlag,
    bornTimestamp: stored.bornTimestamp,
    bornHost: stored.bornHost,
    storeTimestamp: stored.storeTimestamp,
    storeHost: stored.storeHost,
    reconsumeTimes: stored.reconsumeTimes,
    preparedTransactionOffset: stored.preparedTransactionOffset,
    transactionId: properties[PropertyName.TRANSACTION_ID] ??
      (properties[PropertyName.TRAN_MSG] === "true" ? uniqKey : undefined)
  }
}
