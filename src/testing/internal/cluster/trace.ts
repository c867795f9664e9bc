/** What happens, in short lines for people. */
import { RequestCode } from "../../../protocol/RequestCode.ts"
import { ResponseCode, responseCodeName } from "../../../protocol/ResponseCode.ts"
import type { Entry } from "../../Journal.ts"
import type { Placed } from "../broker/BrokerStore.ts"

/** What clients and servers ask all the time: of interest only when it fails. */
const routine: ReadonlySet<number> = new Set([
  RequestCode.REGISTER_BROKER,
  RequestCode.BROKER_HEARTBEAT,
  RequestCode.QUERY_DATA_VERSION,
  RequestCode.HEART_BEAT,
  RequestCode.UPDATE_CONSUMER_OFFSET,
  RequestCode.GET_CONSUMER_LIST_BY_GROUP,
  RequestCode.LOCK_BATCH_MQ
])

/** Answers of pulls that found nothing. */
const nothingFound: ReadonlySet<number> = new Set([
  ResponseCode.PULL_NOT_FOUND,
  ResponseCode.PULL_RETRY_IMMEDIATELY,
  ResponseCode.POLLING_TIMEOUT
])

/** The fields that say what a request is about, whichever it has. */
const subjects = ["topic", "b", "consumerGroup", "group", "producerGroup", "brokerName", "cluster"]

/** A request has ended. */
export const request = (entry: Entry, trace: (line: string) => void): void => {
  const { code, extFields, name, outcome, peer, responseCode, server } = entry
  const succeeded = outcome === "Unanswered" || (outcome === "Answered" && responseCode === ResponseCode.SUCCESS)
  if (routine.has(code) && succeeded) return
  if (outcome === "Interrupted" || (responseCode !== undefined && nothingFound.has(responseCode))) return
  const subject = subjects.map((field) => extFields[field]).find((text) => text !== undefined)
  const answer = responseCode === undefined ? "" : `: ${responseCodeName(responseCode) ?? responseCode}`
  const how = outcome === "Answered" ? "" : `, ${outcome.toLowerCase()}`
  trace(`${server} ${name}${subject === undefined ? "" : ` ${subject}`} from ${peer}${answer}${how}`)
}

/** A message was stored. */
export const stored = (broker: string, { queueId, queueOffset, size, topic }: Placed): string =>
  `${broker} stored ${topic} queue ${queueId} offset ${queueOffset}, ${size} bytes`
