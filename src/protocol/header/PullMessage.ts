/**
 * PULL_MESSAGE (11) and LITE_PULL_MESSAGE (361).
 *
 * Source: RocketMQ 5.5.0 `remoting.protocol.header.PullMessageRequestHeader` and `PullMessageResponseHeader`,
 * `common.sysflag.PullSysFlag`.
 */
import * as HeaderCodec from "./HeaderCodec.ts"

/** The bits of a pull's `sysFlag`. */
export const PullSysFlag = {
  /** `commitOffset` is to be stored. */
  commitOffset: 1,
  /** Wait for a message, up to `suspendTimeoutMillis`. */
  suspend: 2,
  /** `subscription` and `expressionType` count, not what the heartbeat said. */
  subscription: 4,
  classFilter: 8,
  /** The pull of a consumer that assigns its queues itself. */
  litePull: 16
} as const

/** PULL_MESSAGE and LITE_PULL_MESSAGE. */
export const PullMessageRequestHeader = HeaderCodec.makeRequest({
  consumerGroup: HeaderCodec.text,
  topic: HeaderCodec.text,
  queueId: HeaderCodec.int,
  /** From where on. */
  queueOffset: HeaderCodec.long,
  /** How many messages at most. */
  maxMsgNums: HeaderCodec.int,
  /** The bits of `PullSysFlag`. */
  sysFlag: HeaderCodec.int,
  /** The offset to store for the group, when the flag says so. */
  commitOffset: HeaderCodec.long,
  /** How long to wait for a message, in milliseconds, when the flag says so. */
  suspendTimeoutMillis: HeaderCodec.long,
  /** The filter expression, when the flag says so. */
  subscription: HeaderCodec.optional(HeaderCodec.text),
  /** The version of the subscription, in milliseconds since the epoch; the broker compares it with the heartbeat's. */
  subVersion: HeaderCodec.long,
  /** `TAG` or `SQL92`. */
  expressionType: HeaderCodec.optional(HeaderCodec.text),
  /** How many bytes at most; the broker has its own limit. */
  maxMsgBytes: HeaderCodec.optional(HeaderCodec.int),
  /** Who asks, in RocketMQ's `RequestSource`: -1 SDK, 0 proxy for ordered, 1 for broadcast, 2 for streaming. */
  requestSource: HeaderCodec.optional(HeaderCodec.int),
  /** The client that a proxy asks for; spelled as RocketMQ does. */
  proxyFrowardClientId: HeaderCodec.optional(HeaderCodec.text),
  liteTopic: HeaderCodec.optional(HeaderCodec.text)
})
export interface PullMessageRequestHeader extends HeaderCodec.Type<typeof PullMessageRequestHeader> {}

/** The answer, also to codes 19, 20 and 21. */
export const PullMessageResponseHeader = HeaderCodec.make({
  /** The broker id to pull from next: 0 the master, others slaves. */
  suggestWhichBrokerId: HeaderCodec.long,
  /** From where on to pull next. */
  nextBeginOffset: HeaderCodec.long,
  minOffset: HeaderCodec.long,
  maxOffset: HeaderCodec.long,
  /** To be added to the queue offsets of the messages. */
  offsetDelta: HeaderCodec.optional(HeaderCodec.long),
  topicSysFlag: HeaderCodec.optional(HeaderCodec.int),
  groupSysFlag: HeaderCodec.optional(HeaderCodec.int),
  /** What forbids reading: 1 the broker, 2 the group, 3 the topic, 4 broadcasting, 5 the subscription. */
  forbiddenType: HeaderCodec.optional(HeaderCodec.int)
})
export interface PullMessageResponseHeader extends HeaderCodec.Type<typeof PullMessageResponseHeader> {}
