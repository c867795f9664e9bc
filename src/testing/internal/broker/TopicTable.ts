/** The topics of a broker (RocketMQ 5.3.3 `TopicConfigManager`). */
import type { DataVersion as DataVersionBody } from "../../../protocol/body/DataVersion.ts"
import type { TopicConfig } from "../../../protocol/body/TopicConfig.ts"
import * as Names from "../../../protocol/message/Names.ts"
import * as DataVersion from "./DataVersion.ts"
import type { BrokerSettings } from "./Settings.ts"

const inherit = 1

/** Where delayed messages with a delivery time wait (RocketMQ 5.3.3 `TimerMessageStore`). */
export const timerTopic = "rmq_sys_wheel_timer"

/** A topic with the defaults of RocketMQ 5.3.3 `TopicConfig`. */
export const topicConfig = (topicName: string, options?: Partial<TopicConfig>): TopicConfig => ({
  topicName,
  readQueueNums: 16,
  writeQueueNums: 16,
  perm: 6,
  topicFilterType: "SINGLE_TAG",
  topicSysFlag: 0,
  order: false,
  attributes: {},
  ...options
})

/** As RocketMQ's remarks print it (`TopicConfig.toString`). */
export const describeTopic = (config: TopicConfig): string =>
  `TopicConfig [topicName=${config.topicName}, readQueueNums=${config.readQueueNums}, writeQueueNums=` +
  `${config.writeQueueNums}, perm=${permText(config.perm)}, topicFilterType=${config.topicFilterType}, topicSysFlag=` +
  `${config.topicSysFlag}, order=${config.order}, attributes={${
    Object.entries(config.attributes).map(([key, value]) => `${key}=${value}`).join(", ")
  }}]`

const permText = (perm: number): string =>
  `${(perm & 4) === 0 ? "-" : "R"}${(perm & 2) === 0 ? "-" : "W"}${(perm & inherit) === 0 ? "-" : "X"}`

/** Topics by name. What changes the table counts up its version and tells `listeners`. */
export class TopicTable {
  version: DataVersionBody
  /** Told of every change. */
  readonly listeners = new Set<() => void>()
  private readonly topics = new Map<string, TopicConfig>()
  private readonly system = new Set<string>()
  private readonly now: () => number

  constructor(now: () => number) {
    this.now = now
    this.version = DataVersion.initial(now())
  }

  /** The topics that a broker has from its start. Those that exist stay as they are. */
  init(cluster: string, broker: string, settings: BrokerSettings): void {
    const add = (topicName: string, queues?: number, perm?: number): void => {
      this.system.add(topicName)
      if (this.topics.has(topicName)) return
      const nums = queues === undefined ? {} : { readQueueNums: queues, writeQueueNums: queues }
      this.topics.set(topicName, topicConfig(topicName, perm === undefined ? nums : { ...nums, perm }))
    }
    add("SELF_TEST_TOPIC", 1)
    if (settings.autoCreateTopicEnable) add(Names.autoCreateTopic, settings.defaultTopicQueueNums, 7)
    add("BenchmarkTest", 1_024)
    add(cluster, undefined, settings.clusterTopicEnable ? 7 : inherit)
    add(broker, 1, settings.brokerTopicEnable ? 7 : inherit)
    add("OFFSET_MOVED_EVENT", 1)
    add(Names.scheduleTopic, 18)
    if (settings.traceTopicEnable) add(settings.msgTraceTopicName, 1)
    add(`${cluster}_REPLY_TOPIC`, 1)
    add(`rmq_sys_REVIVE_LOG_${cluster}`, settings.reviveQueueNum)
    add(`rmq_sys_SYNC_BROKER_MEMBER_${broker}`, 1, inherit)
    add(Names.transactionHalfTopic, 1)
    add(Names.transactionOpTopic, 1)
    if (settings.timerWheelEnable) add(timerTopic, 1)
  }

  get(topic: string): TopicConfig | undefined {
    return this.topics.get(topic)
  }

  /** Every topic, system topics included. */
  all(): IterableIterator<TopicConfig> {
    return this.topics.values()
  }

  /** Whether the broker made it for itself. */
  isSystem(topic: string): boolean {
    return this.system.has(topic) || Names.isSystemTopic(topic)
  }

  /** The names that {@link isSystem} knows. */
  systemNames(): ReadonlyArray<string> {
    return [...new Set([...Names.systemTopics, ...this.system])]
  }

  /** Sets a topic, new or not. */
  put(config: TopicConfig): TopicConfig {
    this.topics.set(config.topicName, config)
    this.changed()
    return config
  }

  /** Removes a topic. */
  delete(topic: string): void {
    if (this.topics.delete(topic)) this.changed()
  }

  /** Counts the version up, although no topic was changed. */
  touch(): void {
    this.changed()
  }

  private changed(): void {
    this.version = DataVersion.next(this.version, this.now())
    for (const listener of this.listeners) listener()
  }

  /** RocketMQ 5.3.3 `createTopicInSendMessageMethod`. */
  createBySend(
    topic: string,
    defaultTopic: string,
    queues: number,
    topicSysFlag: number,
    settings: BrokerSettings
  ): TopicConfig | undefined {
    let template = this.topics.get(defaultTopic)
    if (template === undefined) return undefined
    if (defaultTopic === Names.autoCreateTopic && !settings.autoCreateTopicEnable) {
      template = { ...template, perm: 6 }
      this.topics.set(defaultTopic, template)
    }
    if ((template.perm & inherit) === 0) return undefined
    const nums = Math.max(0, Math.min(queues, template.writeQueueNums))
    return this.put(
      topicConfig(topic, {
        readQueueNums: nums,
        writeQueueNums: nums,
        perm: template.perm & ~inherit,
        topicSysFlag,
        topicFilterType: template.topicFilterType
      })
    )
  }

  /** RocketMQ 5.3.3 `createTopicInSendMessageBackMethod`. */
  createBySendBack(topic: string, queues: number, perm: number, topicSysFlag: number, order = false): TopicConfig {
    const present = this.topics.get(topic)
    if (present !== undefined) return present.order === order ? present : this.put({ ...present, order })
    return this.put(
      topicConfig(topic, { readQueueNums: queues, writeQueueNums: queues, perm, topicSysFlag, order })
    )
  }
}
