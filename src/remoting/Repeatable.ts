/**
 * Which requests may be executed twice without harm, by code. Only such
 * requests are sent again after their connection broke without an answer.
 */
import { RequestCode } from "../protocol/RequestCode.ts"

const codes: ReadonlySet<number> = new Set([
  RequestCode.PULL_MESSAGE,
  RequestCode.LITE_PULL_MESSAGE,
  RequestCode.PEEK_MESSAGE,
  RequestCode.QUERY_MESSAGE,
  RequestCode.VIEW_MESSAGE_BY_ID,
  RequestCode.QUERY_CONSUMER_OFFSET,
  RequestCode.SEARCH_OFFSET_BY_TIMESTAMP,
  RequestCode.GET_MAX_OFFSET,
  RequestCode.GET_MIN_OFFSET,
  RequestCode.GET_EARLIEST_MSG_STORETIME,
  RequestCode.HEART_BEAT,
  RequestCode.UNREGISTER_CLIENT,
  RequestCode.CHECK_CLIENT_CONFIG,
  RequestCode.GET_CONSUMER_LIST_BY_GROUP,
  RequestCode.LOCK_BATCH_MQ,
  RequestCode.QUERY_ASSIGNMENT,
  RequestCode.QUERY_CORRECTION_OFFSET,
  RequestCode.NOTIFICATION,
  RequestCode.POLLING_INFO,
  RequestCode.GET_ROUTEINFO_BY_TOPIC,
  RequestCode.GET_BROKER_CLUSTER_INFO,
  RequestCode.GET_ALL_TOPIC_LIST_FROM_NAMESERVER,
  RequestCode.GET_KV_CONFIG,
  RequestCode.GET_CONSUMER_CONNECTION_LIST,
  RequestCode.GET_PRODUCER_CONNECTION_LIST,
  RequestCode.GET_TOPIC_STATS_INFO,
  RequestCode.GET_CONSUME_STATS,
  RequestCode.GET_BROKER_RUNTIME_INFO
])

/**
 * The default of `RemotingClient`'s `repeatable`: reads, heartbeats and queue
 * locks. Not among them: sends, END_TRANSACTION, POP (it hides messages),
 * RECALL, and UPDATE_CONSUMER_OFFSET, whose late second execution rewinds.
 */
export const isRepeatable = (code: number): boolean => codes.has(code)
