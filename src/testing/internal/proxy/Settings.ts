/** What a proxy can be told, by the names of RocketMQ 5.3.3 `ProxyConfig`. */

/** Settings of an embedded proxy. Times are in milliseconds unless the name says otherwise. */
export interface ProxySettings {
  /** Answered as MSG_REGION. Default: empty. */
  regionId: string
  /** Answered as TRACE_ON. Default: `false`. */
  traceOn: boolean
  /** Whether messages must be of the kind that their topic is for. Default: `true`. */
  enableTopicMessageTypeCheck: boolean
  /** How old a route may be before it is looked up again, in seconds. Default: 20. */
  topicRouteServiceCacheRefreshSeconds: number
  /** How long a route that nobody asks for is remembered, in seconds. Default: 300. */
  topicRouteServiceCacheExpiredSeconds: number
  /** How old a topic's configuration may be before it is looked up again, in seconds. Default: 20. */
  topicConfigCacheRefreshSeconds: number
  /** How long a topic's configuration that nobody asks for is remembered, in seconds. Default: 300. */
  topicConfigCacheExpiredSeconds: number
  /** How old the settings of a consumer group may be before they are looked up again, in seconds. Default: 20. */
  subscriptionGroupConfigCacheRefreshSeconds: number
  /** How long the settings of a group that nobody asks for are remembered, in seconds. Default: 300. */
  subscriptionGroupConfigCacheExpiredSeconds: number
  /** How often brokers are told of groups with transactions, in seconds. Default: 20. */
  transactionHeartbeatPeriodSecond: number
  /** How long the answer to a check of a transaction is taken. Default: 30,000. */
  transactionDataExpireMillis: number
  /** Clients not heard of for so long are dropped. Default: 120,000. */
  channelExpiredTimeout: number
}

/** The defaults of RocketMQ 5.3.3. */
export const defaults: Readonly<ProxySettings> = {
  regionId: "",
  traceOn: false,
  enableTopicMessageTypeCheck: true,
  topicRouteServiceCacheRefreshSeconds: 20,
  topicRouteServiceCacheExpiredSeconds: 300,
  topicConfigCacheRefreshSeconds: 20,
  topicConfigCacheExpiredSeconds: 300,
  subscriptionGroupConfigCacheRefreshSeconds: 20,
  subscriptionGroupConfigCacheExpiredSeconds: 300,
  transactionHeartbeatPeriodSecond: 20,
  transactionDataExpireMillis: 30_000,
  channelExpiredTimeout: 120_000
}
