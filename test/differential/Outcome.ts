/** What a server answered, without what differs between any two servers: ids, hosts and ports, times, positions. */
import * as FastJson from "../../src/protocol/body/FastJson.ts"
import * as RecallHandle from "../../src/protocol/message/RecallHandle.ts"
import * as StoredMessage from "../../src/protocol/message/StoredMessage.ts"
import { RequestCode } from "../../src/protocol/RequestCode.ts"
import { ResponseCode } from "../../src/protocol/ResponseCode.ts"
import type { Answer, Silence } from "./Wire.ts"

/** Plain data that can be compared. */
export type Plain = string | number | boolean | null | ReadonlyArray<Plain> | { readonly [key: string]: Plain }

export interface Outcome {
  readonly request: number
  readonly code: number | Silence
  readonly remark: string | null
  readonly extFields: { readonly [key: string]: Plain }
  readonly body: Plain
}

export interface Options {
  /** Addresses of the servers, which remarks and routes name. */
  readonly addresses: ReadonlyArray<string>
  /** What the names of this run begin with: lists of everything are compared in these alone. */
  readonly prefix: string
  /** Whether queue offsets are those of a queue that others use too. */
  readonly shared?: boolean | undefined
}

/** Requests whose answers list what everybody made. */
const listings: ReadonlySet<number> = new Set([
  RequestCode.GET_ALL_TOPIC_CONFIG,
  RequestCode.GET_ALL_SUBSCRIPTIONGROUP_CONFIG,
  RequestCode.GET_ALL_CONSUMER_OFFSET,
  RequestCode.GET_ALL_MESSAGE_REQUEST_MODE,
  RequestCode.GET_ALL_PRODUCER_INFO,
  RequestCode.GET_BROKER_CONSUME_STATS,
  RequestCode.GET_ALL_TOPIC_LIST_FROM_NAMESERVER,
  RequestCode.GET_TOPICS_BY_CLUSTER,
  RequestCode.GET_UNIT_TOPIC_LIST,
  RequestCode.GET_HAS_UNIT_SUB_TOPIC_LIST,
  RequestCode.GET_HAS_UNIT_SUB_UNUNIT_TOPIC_LIST,
  RequestCode.GET_KVLIST_BY_NAMESPACE,
  RequestCode.GET_BROKER_CLUSTER_INFO
])

const messageBodies: ReadonlySet<number> = new Set([
  RequestCode.PULL_MESSAGE,
  RequestCode.LITE_PULL_MESSAGE,
  RequestCode.QUERY_MESSAGE,
  RequestCode.VIEW_MESSAGE_BY_ID,
  RequestCode.POP_MESSAGE,
  RequestCode.PEEK_MESSAGE
])

/** The settings of a server: compared by a test of their own. */
const propertiesBodies: ReadonlySet<number> = new Set([RequestCode.GET_BROKER_CONFIG, RequestCode.GET_NAMESRV_CONFIG])

/** Figures of the whole server. */
const figuresOnly: ReadonlySet<number> = new Set([
  RequestCode.GET_BROKER_RUNTIME_INFO,
  RequestCode.VIEW_BROKER_STATS_DATA,
  RequestCode.GET_ALL_DELAY_OFFSET
])

/** Ten days around now. Times that requests name are far from it. */
const recent = 864_000_000

const isRecent = (value: number): boolean => Math.abs(value - Date.now()) < recent

/** A text without times, hosts, ids. */
export const text = (value: string, { addresses }: Options): string => {
  let rest = value
  for (const address of addresses) rest = rest.replaceAll(address, "<server>")
  return rest
    .replaceAll(/127\.0\.0\.1:\d+/g, "<client>")
    .replaceAll(/\b7F000001[0-9A-F]{24}\b/g, "<offset id>")
    .replaceAll(/\b\d{4}-\d\d-\d\d#\d\d:\d\d:\d\d:\d{3}\b/g, "<date>")
    .replaceAll(/\d{13}/g, (digits) => isRecent(Number(digits)) ? "<time>" : digits)
}

/** Whether Java's exceptions speak: their words are those of its sources. */
const isException = (remark: string): boolean => /Exception|Error:|\bat org\.|java\.|Cannot invoke/.test(remark)

/** Remarks in which nothing but words of an exception is, are one. */
const remarkOf = (remark: string | undefined, options: Options): string | null => {
  // Java's answers have that from the start.
  if (remark === undefined || remark === "" || remark === "not set any response code") return null
  if (isException(remark)) return "<exception>"
  // Lines after the first point to the documentation.
  return text(remark, options).replace(/(by offset failed|by the offset), \d+/, "$1, <position>").replace(
    /\s*See https?:\S+ for further details\.?/g,
    ""
  ).trim()
}

const sorted = (values: ReadonlyArray<Plain>): ReadonlyArray<Plain> =>
  values.map((value) => [JSON.stringify(value), value] as const)
    .sort(([left], [right]) => left < right ? -1 : left > right ? 1 : 0)
    .map(([, value]) => value)

/** Members that say where something lies, or when, or count what only one server counts; 0 and -1 say that there is none. */
const figures: Readonly<Record<string, string>> = {
  physicOffset: "<position>",
  dataVersion: "<version>",
  mappingDataVersion: "<version>",
  delayTime: "<duration>",
  topicPutTps: "<rate>",
  consumeTps: "<rate>",
  totalDiff: "<count>",
  totalInflightDiff: "<count>",
  clientAddr: "<client>",
  remoteIP: "<client>"
}

const unsteady: ReadonlySet<string> = new Set(["<rate>", "<count>", "<version>"])

/** Members whose own members are named by whoever made them. */
const tables: ReadonlySet<string> = new Set([
  "brokerAddrTable",
  "clusterAddrTable",
  "consumeStatsList",
  "data",
  "forbiddenTable",
  "groupTopicMap",
  "messageRequestModeMap",
  "offsetTable",
  "pullOffsetTable",
  "subscriptionGroupTable",
  "table",
  "topicConfigTable",
  "topicList"
])

class Normalizer {
  private readonly options: Options
  private readonly listing: boolean

  constructor(options: Options, request: number) {
    this.options = options
    this.listing = listings.has(request)
  }

  /** @param table whether it is one of the tables of which only some entries are to be seen */
  value(value: unknown, table = false): Plain {
    if (value === null || value === undefined) return null
    // Java's greatest long, or as near to it as a number comes that holds it exactly.
    if (typeof value === "number" && value >= Number.MAX_SAFE_INTEGER) return "<greatest>"
    if (typeof value === "number") return isRecent(value) ? "<time>" : Object.is(value, -0) ? 0 : value
    if (typeof value === "string") return text(value, this.options)
    if (typeof value === "boolean") return value
    if (Array.isArray(value)) {
      const shown = value.filter((one) => !table || typeof one !== "string" || this.isShown(one))
        .map((one) => this.value(one, table))
      return sorted(table ? shown.filter((one) => JSON.stringify(one) !== "{}") : shown)
    }
    if (value instanceof Map) return sorted([...value].map(([key, one]) => [this.value(key), this.value(one)]))
    return this.object(value as Readonly<Record<string, unknown>>, table)
  }

  private object(value: Readonly<Record<string, unknown>>, table: boolean): Plain {
    const result: Record<string, Plain> = {}
    for (const key of Object.keys(value).sort()) {
      const one = value[key]
      if (one === null || one === undefined || (table && !this.isShown(key))) continue
      const number = table ? undefined : figures[key]
      result[text(key, this.options)] = number !== undefined && (unsteady.has(number) || (one !== 0 && one !== -1))
        ? number
        : this.value(one, this.listing && !table && tables.has(key))
    }
    return result
  }

  private isShown(name: string): boolean {
    return name.includes(this.options.prefix)
  }
}

/** Parts of info strings are in the order in which queues were looked at. */
const infos: ReadonlySet<string> = new Set(["startOffsetInfo", "msgOffsetInfo", "orderCountInfo"])

/** Ids that brokers give to messages without one. Those of the generator begin with AC11. */
const messageId = (value: string): string => /^(?!AC11)([0-9A-F]{32}|[0-9A-F]{56})$/.test(value) ? "<id>" : value

const extField = (name: string, value: string, options: Options): Plain => {
  if (name === "transactionId") return messageId(value)
  if (infos.has(name)) return sorted(value.split(";"))
  if (name === "queueOffset" && options.shared === true) return "<shared>"
  if (name === "reviveQid") return value === "999" ? value : "<revive queue>"
  if (name === "recallHandle") {
    const handle = RecallHandle.decode(value)
    return handle === undefined
      ? value
      : [handle.topic, handle.brokerName, handle.uniqKey, text(String(handle.deliverTimestamp), options)]
  }
  // Of messages in order it is counted from the first pop on, in milliseconds.
  if (name === "invisibleTime" && Number(value) % 1_000 !== 0) return "<duration>"
  if (name === "indexLastUpdatePhyoffset") return value === "0" ? value : "<position>"
  // How far a version has come is nobody else's.
  if (name === "version") return "<version>"
  if (name === "totalTopicNum" || name === "totalGroupNum" || name.endsWith("TopicCount")) return "<count>"
  return text(value, options)
}

/** POP_CK: start, time, invisible time, revive queue, mark, broker, queue, offset. */
const checkpoint = (value: string): string =>
  value.split(" ").map((part, index) =>
    index === 1 ? "<time>" : index === 3 && part !== "999" ? "<revive queue>" : part
  )
    .join(" ")

const property = (name: string, value: string, options: Options): string =>
  name === "POP_CK" ? checkpoint(value) : name === "UNIQ_KEY" ? messageId(value) : text(value, options)

/** A stored message, as plain data. */
export const messageOf = (message: StoredMessage.StoredMessage, options: Options): Plain => ({
  topic: message.topic,
  queueId: message.queueId,
  queueOffset: message.queueOffset,
  flag: message.flag,
  sysFlag: message.sysFlag,
  bornTimestamp: isRecent(message.bornTimestamp) ? "<time>" : message.bornTimestamp,
  bornHost: text(message.bornHost, options),
  storeTimestamp: isRecent(message.storeTimestamp) ? "<time>" : message.storeTimestamp,
  storeHost: text(message.storeHost, options),
  reconsumeTimes: message.reconsumeTimes,
  preparedTransactionOffset: message.preparedTransactionOffset === 0 ? 0 : "<position>",
  bodyCrc: message.bodyCrc,
  body: Buffer.from(message.body).toString("latin1"),
  properties: Object.fromEntries(
    Object.keys(message.properties).sort().map((name) => [name, property(name, message.properties[name]!, options)])
  )
})

const bodyOf = (request: number, { body, code }: Answer, options: Options): Plain => {
  if (body.length === 0) return null
  if (propertiesBodies.has(request)) return "<properties>"
  if (messageBodies.has(request) && code === 0) {
    const decoded = StoredMessage.decodeAll(body)
    return decoded.violation === undefined
      ? sorted(decoded.messages.map((message) => messageOf(message, options)))
      : "<malformed>"
  }
  if (figuresOnly.has(request)) return "<figures>"
  const value = FastJson.parse(body)
  return FastJson.isViolation(value) ? body.toString("latin1") : new Normalizer(options, request).value(value)
}

/** What a server answered. */
export const outcomeOf = (request: number, answer: Answer | Silence, options: Options): Outcome => {
  if (typeof answer === "string") return { request, code: answer, remark: null, extFields: {}, body: null }
  return {
    request,
    code: answer.code,
    // With success nobody looks at it, and why a POP got nothing depends on how late it was looked at.
    remark: answer.code === ResponseCode.SUCCESS || answer.code === ResponseCode.POLLING_TIMEOUT
      ? null
      : remarkOf(answer.remark, options),
    extFields: Object.fromEntries(
      Object.keys(answer.extFields).sort().map((name) => [name, extField(name, answer.extFields[name]!, options)])
    ),
    body: bodyOf(request, answer, options)
  }
}

/** One place in which two outcomes differ. */
export interface Difference {
  readonly request: number
  /** Such as `code`, `extFields.offset`, `body.0.properties.TAGS`. */
  readonly path: string
  readonly embedded: Plain | undefined
  readonly real: Plain | undefined
}

const isObject = (value: Plain | undefined): value is { readonly [key: string]: Plain } =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const walk = (
  path: string,
  embedded: Plain | undefined,
  real: Plain | undefined,
  add: (path: string, embedded: Plain | undefined, real: Plain | undefined) => void
): void => {
  if (Array.isArray(embedded) && Array.isArray(real) && embedded.length === real.length) {
    for (let i = 0; i < real.length; i++) walk(`${path}.${i}`, embedded[i] as Plain, real[i] as Plain, add)
  } else if (isObject(embedded) && isObject(real)) {
    for (const key of new Set([...Object.keys(embedded), ...Object.keys(real)])) {
      walk(`${path}.${key}`, embedded[key], real[key], add)
    }
  } else if (JSON.stringify(embedded) !== JSON.stringify(real)) add(path, embedded, real)
}

/** Where two outcomes of a request differ. What follows from another code is not told beside it. */
export const differences = (embedded: Outcome, real: Outcome): ReadonlyArray<Difference> => {
  const { request } = embedded
  const found: Array<Difference> = []
  const add = (path: string, ours: Plain | undefined, theirs: Plain | undefined) =>
    void found.push({ request, path, embedded: ours, real: theirs })
  if (embedded.code !== real.code) {
    add("code", [embedded.code, embedded.remark], [real.code, real.remark])
    return found
  }
  // What exceptions say is of no use to clients, and neither is which they are.
  if (embedded.remark !== "<exception>" && real.remark !== "<exception>") {
    walk("remark", embedded.remark, real.remark, add)
  }
  walk("extFields", embedded.extFields, real.extFields, add)
  walk("body", embedded.body, real.body, add)
  return found
}
