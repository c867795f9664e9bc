/** The consumer groups of a broker (RocketMQ 5.3.3 `SubscriptionGroupManager`). */
import type { DataVersion as DataVersionBody } from "../../../protocol/body/DataVersion.ts"
import type { SubscriptionGroupConfig } from "../../../protocol/body/SubscriptionGroupConfig.ts"
import * as Names from "../../../protocol/message/Names.ts"
import * as DataVersion from "./DataVersion.ts"
import type { BrokerSettings } from "./Settings.ts"
import { groupProblem } from "./validation.ts"

/** A group with the defaults of RocketMQ 5.3.3 `SubscriptionGroupConfig`. */
export const groupConfig = (
  groupName: string,
  options?: Partial<SubscriptionGroupConfig>
): SubscriptionGroupConfig => ({
  groupName,
  consumeEnable: true,
  consumeFromMinEnable: true,
  consumeBroadcastEnable: true,
  consumeMessageOrderly: false,
  retryQueueNums: 1,
  retryMaxTimes: 16,
  brokerId: 0,
  whichBrokerWhenConsumeSlowly: 1,
  notifyConsumerIdsChangedEnable: true,
  groupSysFlag: 0,
  consumeTimeoutMinute: 15,
  attributes: {},
  groupRetryPolicy: { type: "CUSTOMIZED" },
  ...options
})

const builtIn = [
  "TOOLS_CONSUMER",
  "FILTERSRV_CONSUMER",
  "SELF_TEST_C_GROUP",
  "CID_ONS-HTTP-PROXY",
  "CID_ONSAPI_PULL",
  "CID_ONSAPI_PERMISSION",
  "CID_ONSAPI_OWNER",
  "CID_RMQ_SYS_TRANS"
]

/** Groups by name. */
export class GroupTable {
  version: DataVersionBody
  private readonly groups = new Map<string, SubscriptionGroupConfig>(builtIn.map((name) => [name, groupConfig(name)]))
  /** By group, then by topic: bits of what is forbidden, 4: to read. */
  private readonly forbidden = new Map<string, Map<string, number>>()
  private readonly now: () => number

  constructor(now: () => number) {
    this.now = now
    this.version = DataVersion.initial(now())
  }

  /** The group, made on the spot where the settings allow it. */
  find(group: string, settings: BrokerSettings): SubscriptionGroupConfig | undefined {
    const present = this.groups.get(group)
    if (present !== undefined) return present
    if (!settings.autoCreateSubscriptionGroup && !Names.isSystemGroup(group)) return undefined
    return groupProblem(group) === undefined ? this.put(groupConfig(group)) : undefined
  }

  get(group: string): SubscriptionGroupConfig | undefined {
    return this.groups.get(group)
  }

  all(): IterableIterator<SubscriptionGroupConfig> {
    return this.groups.values()
  }

  put(config: SubscriptionGroupConfig): SubscriptionGroupConfig {
    const complete = config.groupRetryPolicy === undefined
      ? { ...config, groupRetryPolicy: { type: "CUSTOMIZED" as const } }
      : config
    this.groups.set(config.groupName, complete)
    this.version = DataVersion.next(this.version, this.now())
    return complete
  }

  delete(group: string): boolean {
    const deleted = this.groups.delete(group)
    if (deleted) this.version = DataVersion.next(this.version, this.now())
    return deleted
  }

  /** Whether the group may not read the topic. */
  isReadForbidden(group: string, topic: string): boolean {
    return ((this.forbidden.get(group)?.get(topic) ?? 0) & 4) !== 0
  }

  /** Sets or lifts the bit that forbids reading (RocketMQ 5.3.3 `PermName.INDEX_PERM_READ`). */
  forbidRead(group: string, topic: string, forbidden: boolean): void {
    const topics = this.forbidden.get(group) ?? new Map<string, number>()
    // Lifted for one topic, it is lifted for all of the group: so RocketMQ does it.
    if (forbidden) this.forbidden.set(group, topics.set(topic, 4))
    else this.forbidden.delete(group)
    this.version = DataVersion.next(this.version, this.now())
  }

  /** What is forbidden, as GET_ALL_SUBSCRIPTIONGROUP_CONFIG answers it. */
  forbiddenTable(): ReadonlyMap<string, ReadonlyMap<string, number>> {
    return this.forbidden
  }
}
