/** What a name server can be told, by the names of RocketMQ 5.3.3 `NamesrvConfig`. */

/** Settings of an embedded name server. Times are in milliseconds unless the name says otherwise. */
export interface NameServerSettings {
  /** Whether routes carry the order configuration of the topic. Default: `false`. */
  orderMessageEnable: boolean
  /** Whether brokers are answered the order configuration of all topics. Default: `true`. */
  returnOrderTopicConfigToBroker: boolean
  /** How often brokers are looked at. Default: 5,000. */
  scanNotActiveBrokerInterval: number
  /** Whether a slave stands in for a master that has gone. Default: `false`. */
  supportActingMaster: boolean
  /** Whether the list of all topics is given out. Default: `true`. */
  enableAllTopicList: boolean
  /** Whether lists of some topics are given out. Default: `true`. */
  enableTopicList: boolean
  /** Whether routes are refused for a while after the start. Default: `false`. */
  needWaitForService: boolean
  /** For how long, in seconds. Default: 45. */
  waitSecondsForService: number
  /** Whether topics that a broker's registration does not name any more go. Default: `false`. */
  deleteTopicWithBrokerRegistration: boolean
}

/** The defaults of RocketMQ 5.3.3. */
export const defaults: Readonly<NameServerSettings> = {
  orderMessageEnable: false,
  returnOrderTopicConfigToBroker: true,
  scanNotActiveBrokerInterval: 5_000,
  supportActingMaster: false,
  enableAllTopicList: true,
  enableTopicList: true,
  needWaitForService: false,
  waitSecondsForService: 45,
  deleteTopicWithBrokerRegistration: false
}

/** Settings that no request may change. */
export const unchangeable: ReadonlyArray<string> = [
  "configBlackList",
  "configStorePath",
  "kvConfigPath",
  "rocketmqHome"
]

/** As properties, in the order of the names. */
export const toProperties = (settings: NameServerSettings): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(settings).map(([key, value]) => [key, String(value)]).sort(byName))

const byName = ([left = ""]: ReadonlyArray<string>, [right = ""]: ReadonlyArray<string>): number =>
  left < right ? -1 : 1

/** Takes over what properties set; keys that are none here are ignored, as RocketMQ does. */
export const update = (settings: NameServerSettings, properties: Readonly<Record<string, string>>): void => {
  for (const key of Object.keys(properties)) {
    if (!Object.hasOwn(defaults, key)) continue
    const text = properties[key]!
    const current = defaults[key as keyof NameServerSettings]
    const value = typeof current === "number" ? Number(text) : text.toLowerCase() === "true"
    if (typeof value === "number" && !Number.isFinite(value)) continue
    Object.assign(settings, { [key]: value })
  }
}
