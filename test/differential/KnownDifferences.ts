/**
 * Where the embedded one differs from a real 5.5.0, and why it may. Each must still occur, else it is to be removed; but
 * for accidents.
 */
import { RequestCode } from "../../src/protocol/RequestCode.ts"
import type { Difference } from "./Outcome.ts"

export interface KnownDifference {
  /** In words. */
  readonly what: string
  readonly why: string
  /** Whether `difference` is this one; `bad`: what is wrong with the request, where that is known. */
  readonly is: (difference: Difference, bad: string) => boolean
}

const codes = (...all: ReadonlyArray<number>): (difference: Difference) => boolean => {
  const set = new Set(all)
  return ({ request }) => set.has(request)
}

/** Seen in sequences. Most need some hundred of them to occur. */
export const knownInSequences: ReadonlyArray<KnownDifference> = [
  {
    what: "QUERY_CONSUME_QUEUE does not print the filter data of an SQL92 subscription",
    why: "it is a dump of the real broker's inner state (bloom filter, born time), for people to look at",
    is: ({ path, request }) => request === RequestCode.QUERY_CONSUME_QUEUE && path === "body.filterData"
  }
]

/** Accidents of the real one's timing, seen once in some thousand sequences. None may occur when a sequence is tried anew. */
export const accidents: ReadonlyArray<KnownDifference> = [
  {
    what: "a name server goes on to tell what a topic was before it was changed",
    why:
      "the real broker passes on its topics' version as it is by then: of two changes at once both may have the second's, " +
      "and a name server takes no change of a known topic with a version that it has",
    is: ({ path, request }) => request === RequestCode.GET_ROUTEINFO_BY_TOPIC && path.startsWith("body.queueDatas.")
  }
]

/** Seen with bad input. */
export const knownWithBadInput: ReadonlyArray<KnownDifference> = [
  {
    what: "a list where a text should be is refused",
    why: "fastjson2 makes a text of any value; no client depends on it",
    is: ({ path }, bad) => path === "code" && bad.endsWith("an empty list")
  },
  {
    what: "-1 where a boolean should be is refused",
    why: "fastjson2 takes every number but 0 for true; no client depends on it",
    is: ({ path }, bad) => path === "code" && /(Enable|onlyThisBroker|withoutSub) -1$/.test(bad)
  },
  {
    what: "numbers beyond 2^53 - 1 are told as 2^53 - 1",
    why: "a long is a number here, and these are no offsets or times of anything",
    is: ({ embedded, real }, bad) =>
      bad.includes("2^63 - 1") && JSON.stringify(real)?.includes("9223372036854775807") === true &&
      JSON.stringify(embedded)?.includes("9007199254740991") === true
  },
  {
    what: "a POP with a poll time of 2^63 - 1 milliseconds waits",
    why: "Java's sum of time and poll time overflows, so that the real one answers at once",
    is: ({ request }, bad) => request === RequestCode.POP_MESSAGE && bad === "pollTime 2^63 - 1"
  },
  {
    what: "a heartbeat without a client id is refused",
    why: "the real one registers a client without an id, over which later heartbeats of the connection stumble",
    is: ({ path, request }, bad) =>
      request === RequestCode.HEART_BEAT && path === "code" && (bad === "body {}" || bad.includes("clientID"))
  },
  {
    what: "null for a list is an empty one",
    why: "the real one stumbles over it, but takes a member that is missing for an empty list; no client sends null",
    is: codesAnd(
      codes(RequestCode.HEART_BEAT, RequestCode.LOCK_BATCH_MQ),
      /(producerDataSet|consumerDataSet|mqSet) null$/
    )
  },
  {
    what: "the group of a lock may be missing",
    why: "the real one stumbles over it, unless everything else is missing too",
    is: codesAnd(
      codes(RequestCode.LOCK_BATCH_MQ, RequestCode.UNLOCK_BATCH_MQ),
      /^body ({}|without consumerGroup|with consumerGroup null)$/
    )
  },
  {
    what: "SET_MESSAGE_REQUEST_MODE takes a mode that is a number for PULL",
    why: "the real one stumbles over -1, the number of no mode",
    is: codesAnd(codes(RequestCode.SET_MESSAGE_REQUEST_MODE), /mode -1$/)
  },
  {
    what: "QUERY_ASSIGNMENT without a client id assigns nothing",
    why: "the real one leaves the list out, which tells the client to keep what it has",
    is: ({ path, request }, bad) =>
      request === RequestCode.QUERY_ASSIGNMENT && path === "body.messageQueueAssignments" && bad.includes("clientId")
  },
  {
    what: "REGISTER_BROKER refuses a list of filter servers that is none",
    why: "fastjson2 makes a list of one of any value; no broker sends that",
    is: codesAnd(codes(RequestCode.REGISTER_BROKER), /filterServerList/)
  }
]

function codesAnd(
  matches: (difference: Difference) => boolean,
  pattern: RegExp
): (difference: Difference, bad: string) => boolean {
  return (difference, bad) => matches(difference) && pattern.test(bad)
}

/** The known difference that it is. */
export const knownAs = (
  known: ReadonlyArray<KnownDifference>,
  difference: Difference,
  bad = ""
): KnownDifference | undefined => known.find((one) => one.is(difference, bad))

const replication = "replication between brokers and elections: slaves of the embedded one share its store"
const coldData = "reading from disk: the embedded one has none"
const rocksDb = "a store of files: the embedded one has none"
const users = "users are options of the embedded one, not made by requests"
const lite = "lite topics of 5.5.0, of which this client knows nothing"
const timer = "the timer wheel between brokers"

/** Codes that a real broker serves and the embedded one does not, and why not. */
export const notServed: ReadonlyMap<number, string> = new Map([
  [RequestCode.GET_TIMER_CHECK_POINT, timer],
  [RequestCode.GET_TIMER_METRICS, timer],
  [RequestCode.CHECK_ROCKSDB_CQ_WRITE_PROGRESS, rocksDb],
  [RequestCode.EXPORT_ROCKSDB_CONFIG_TO_JSON, rocksDb],
  [RequestCode.UPDATE_AND_CREATE_STATIC_TOPIC, "static topics, which move between brokers"],
  [RequestCode.NOTIFY_MIN_BROKER_ID_CHANGE, replication],
  [RequestCode.EXCHANGE_BROKER_HA_INFO, replication],
  [RequestCode.GET_BROKER_HA_STATUS, replication],
  [RequestCode.RESET_MASTER_FLUSH_OFFSET, replication],
  [RequestCode.GET_BROKER_EPOCH_CACHE, replication],
  [RequestCode.NOTIFY_BROKER_ROLE_CHANGED, replication],
  [RequestCode.UPDATE_COLD_DATA_FLOW_CTR_CONFIG, coldData],
  [RequestCode.REMOVE_COLD_DATA_FLOW_CTR_CONFIG, coldData],
  [RequestCode.GET_COLD_DATA_FLOW_CTR_INFO, coldData],
  [RequestCode.SET_COMMITLOG_READ_MODE, coldData],
  [RequestCode.AUTH_CREATE_USER, users],
  [RequestCode.AUTH_UPDATE_USER, users],
  [RequestCode.AUTH_DELETE_USER, users],
  [RequestCode.AUTH_GET_USER, users],
  [RequestCode.AUTH_LIST_USER, users],
  [RequestCode.AUTH_CREATE_ACL, users],
  [RequestCode.AUTH_UPDATE_ACL, users],
  [RequestCode.AUTH_DELETE_ACL, users],
  [RequestCode.AUTH_GET_ACL, users],
  [RequestCode.AUTH_LIST_ACL, users],
  [RequestCode.SWITCH_TIMER_ENGINE, timer],
  [RequestCode.POP_ROLLBACK, "what POP keeps between versions of the real broker"],
  [RequestCode.POP_LITE_MESSAGE, lite],
  [RequestCode.LITE_SUBSCRIPTION_CTL, lite],
  [RequestCode.GET_BROKER_LITE_INFO, lite],
  [RequestCode.GET_PARENT_TOPIC_INFO, lite],
  [RequestCode.GET_LITE_TOPIC_INFO, lite],
  [RequestCode.GET_LITE_CLIENT_INFO, lite],
  [RequestCode.GET_LITE_GROUP_INFO, lite],
  [RequestCode.TRIGGER_LITE_DISPATCH, lite]
])
