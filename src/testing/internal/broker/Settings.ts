/** What a broker can be told, by the names of RocketMQ 5.5.0 `BrokerConfig` and `MessageStoreConfig`. */

/** Settings of one embedded broker. Times are in milliseconds unless the name says otherwise. */
export interface BrokerSettings {
  /** Bits of what clients may do here: read 4, write 2. Default: 6. */
  brokerPermission: number
  /** Queues of the template topic TBW102. Default: 8. */
  defaultTopicQueueNums: number
  /** Whether a send creates a topic that does not exist. Default: `true`. */
  autoCreateTopicEnable: boolean
  /** Whether groups come to be when they are first used. Default: `true`. */
  autoCreateSubscriptionGroup: boolean
  clusterTopicEnable: boolean
  brokerTopicEnable: boolean
  /** Whether RMQ_SYS_TRACE_TOPIC exists. Default: `true` (RocketMQ: `false`). */
  traceTopicEnable: boolean
  msgTraceTopicName: string
  /** Answered as MSG_REGION. Default: `DefaultRegion`. */
  regionId: string
  /** Answered as TRACE_ON. Default: `true`. */
  traceOn: boolean
  rejectTransactionMessage: boolean
  /** Age of a half message at its first check. Default: 6,000. */
  transactionTimeOut: number
  /** Checks of a half message before it is given up. Default: 15. */
  transactionCheckMax: number
  /** Time between two rounds of checks. Default: 30,000. */
  transactionCheckInterval: number
  longPollingEnable: boolean
  /** How long a pull waits when long polling is off. Default: 1,000. */
  shortPollingTimeMills: number
  notifyConsumerIdsChangedEnable: boolean
  /** Whether SQL92 filters are served. Default: `true` (RocketMQ: `false`). */
  enablePropertyFilter: boolean
  /** Whether SQL92 filters look at retry messages. Default: `false`. */
  filterSupportRetry: boolean
  slaveReadEnable: boolean
  /** Whether delayed messages can be recalled. Default: `true` (RocketMQ: `false`). */
  recallMessageEnable: boolean
  /** Whether answers of request–reply are stored too. Default: `true`. */
  storeReplyMessageEnable: boolean
  /** Whether a reset of offsets is done here rather than pushed to clients. Default: `true`. */
  useServerSideResetOffset: boolean
  /** Clients not heard of for so long are dropped. Default: 120,000. */
  channelExpiredTimeout: number
  /** Queues of the topic that POP keeps its books in. Default: 8. */
  reviveQueueNum: number
  /** Per cent of POP requests that look at the retry topic first. Default: 20. */
  popFromRetryProbability: number
  /** Suspended POP requests of one queue. Default: 1,024. */
  popPollingSize: number
  /** Suspended POP requests of the broker. Default: 100,000. */
  maxPopPollingSize: number
  defaultPopShareQueueNum: number
  enableRetryTopicV2: boolean
  /** Whether topics may have the message type MIXED. Default: `false`. */
  enableMixedMessageType: boolean
  validateSystemTopicWhenUpdateTopic: boolean
  /** Largest body of a message, in bytes. Default: 4 MiB. */
  maxMessageSize: number
  /** Size of a commit log file, in bytes: physical offsets skip what does not fit. Default: 1 GiB. */
  mappedFileSizeCommitLog: number
  /** The delays of the levels from 1 on. */
  messageDelayLevel: string
  timerWheelEnable: boolean
  /** Granularity of delivery times. Default: 1,000. */
  timerPrecisionMs: number
  /** Furthest delivery time, in seconds. Default: 3 days. */
  timerMaxDelaySec: number
  /** Bytes of messages in one answer to a pull. Default: 256 KiB. */
  maxTransferBytesOnMessageInMemory: number
  /** Messages in one answer to a pull. Default: 32. */
  maxTransferCountOnMessageInMemory: number
  /** Most messages that one query by key looks at. Default: 64. */
  maxMsgsNumBatch: number
  /** How long a queue stays locked for a consumer. Default: 60,000 (`rocketmq.broker.rebalance.lockMaxLiveTime`). */
  lockMaxLiveTime: number
}

/** The defaults: RocketMQ 5.5.0's, but for features that it has switched off and tests want. */
export const defaults: Readonly<BrokerSettings> = {
  brokerPermission: 6,
  defaultTopicQueueNums: 8,
  autoCreateTopicEnable: true,
  autoCreateSubscriptionGroup: true,
  clusterTopicEnable: true,
  brokerTopicEnable: true,
  traceTopicEnable: true,
  msgTraceTopicName: "RMQ_SYS_TRACE_TOPIC",
  regionId: "DefaultRegion",
  traceOn: true,
  rejectTransactionMessage: false,
  transactionTimeOut: 6_000,
  transactionCheckMax: 15,
  transactionCheckInterval: 30_000,
  longPollingEnable: true,
  shortPollingTimeMills: 1_000,
  notifyConsumerIdsChangedEnable: true,
  enablePropertyFilter: true,
  filterSupportRetry: false,
  slaveReadEnable: false,
  recallMessageEnable: true,
  storeReplyMessageEnable: true,
  useServerSideResetOffset: true,
  channelExpiredTimeout: 120_000,
  reviveQueueNum: 8,
  popFromRetryProbability: 20,
  popPollingSize: 1_024,
  maxPopPollingSize: 100_000,
  defaultPopShareQueueNum: -1,
  enableRetryTopicV2: false,
  enableMixedMessageType: false,
  validateSystemTopicWhenUpdateTopic: true,
  maxMessageSize: 4_194_304,
  mappedFileSizeCommitLog: 1_073_741_824,
  messageDelayLevel: "1s 5s 10s 30s 1m 2m 3m 4m 5m 6m 7m 8m 9m 10m 20m 30m 1h 2h",
  timerWheelEnable: true,
  timerPrecisionMs: 1_000,
  timerMaxDelaySec: 259_200,
  maxTransferBytesOnMessageInMemory: 262_144,
  maxTransferCountOnMessageInMemory: 32,
  maxMsgsNumBatch: 64,
  lockMaxLiveTime: 60_000
}

const units: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** The delays of the levels, in milliseconds: level 1 is at index 0. */
export const delayLevels = (text: string): ReadonlyArray<number> =>
  text.split(" ").map((level) => Number(level.slice(0, -1)) * (units[level.slice(-1)] ?? 0))

/** As a Java properties text, which GET_BROKER_CONFIG answers. */
export const toProperties = (settings: BrokerSettings, more: Readonly<Record<string, string>>): string =>
  Object.entries({ ...more, ...settings }).map(([key, value]) => `${key}=${value}\n`).join("")

/** Takes over what a properties text sets; keys that are none here are ignored, as RocketMQ does. */
export const update = (settings: BrokerSettings, properties: ReadonlyMap<string, string>): void => {
  for (const [key, text] of properties) {
    if (!Object.hasOwn(defaults, key)) continue
    const name = key as keyof BrokerSettings
    const current = defaults[name]
    const value = typeof current === "number" ? Number(text) : typeof current === "boolean" ? text === "true" : text
    if (typeof value === "number" && !Number.isFinite(value)) continue
    Object.assign(settings, { [name]: value })
  }
}
