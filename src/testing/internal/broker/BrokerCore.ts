/** What the request handlers of a broker share. */
import type * as Effect from "effect/Effect"
import * as BodyCodec from "../../../protocol/body/BodyCodec.ts"
import * as FastJson from "../../../protocol/body/FastJson.ts"
import type { MessageQueue } from "../../../protocol/body/MessageQueue.ts"
import * as HeaderCodec from "../../../protocol/header/HeaderCodec.ts"
import * as Names from "../../../protocol/message/Names.ts"
import { PropertyName } from "../../../protocol/message/PropertyName.ts"
import * as SysFlag from "../../../protocol/message/SysFlag.ts"
import type { ExtFields } from "../../../protocol/RemotingCommand.ts"
import type { RemotingReply } from "../../../remoting/RemotingRequest.ts"
import { Agenda } from "./Agenda.ts"
import type { BrokerConditions, BrokerListener, BrokerUser, Call } from "./BrokerApi.ts"
import type { BrokerStore, NewMessage, Placed, StoreListener } from "./BrokerStore.ts"
import { Clients } from "./Clients.ts"
import { QueueLocks } from "./QueueLocks.ts"
import type { BrokerSettings } from "./Settings.ts"
import { Stats } from "./Stats.ts"
import { timerTopic } from "./TopicTable.ts"

/** Answers a request: at once, later, or (`undefined`) not at all. What it throws is answered as SYSTEM_ERROR. */
export type Handle = (call: Call) => RemotingReply | undefined | Effect.Effect<RemotingReply | undefined>

/** Handlers by request code. */
export type Handles = ReadonlyArray<readonly [code: number, handle: Handle]>

/** How an attempt to store ended (RocketMQ 5.3.3 `PutMessageStatus`). */
export type PutStatus =
  | "PUT_OK"
  | "FLUSH_DISK_TIMEOUT"
  | "FLUSH_SLAVE_TIMEOUT"
  | "SLAVE_NOT_AVAILABLE"
  | "SERVICE_NOT_AVAILABLE"
  | "MESSAGE_ILLEGAL"
  | "PROPERTIES_SIZE_EXCEEDED"
  | "OS_PAGE_CACHE_BUSY"
  | "WHEEL_TIMER_MSG_ILLEGAL"
  | "WHEEL_TIMER_NOT_ENABLE"

/** What an attempt to store came to; `placed` is empty unless something was stored. */
export interface PutResult {
  readonly status: PutStatus
  readonly placed: ReadonlyArray<Placed>
}

/** Plain parts of a broker. */
export interface CoreOptions {
  readonly name: string
  readonly cluster: string
  readonly id: number
  readonly address: string
  readonly store: BrokerStore
  readonly settings: BrokerSettings
  readonly users: ReadonlyArray<BrokerUser> | undefined
  /** The queues of a topic that can be read, on all brokers. */
  readonly readQueues: ((topic: string) => ReadonlyArray<MessageQueue> | undefined) | undefined
  readonly listener: BrokerListener | undefined
  /** Epoch milliseconds. */
  readonly now: () => number
  /** From 0 to less than 1. */
  readonly random: () => number
  /** Runs an effect in the background, in the broker's scope. */
  readonly fork: (effect: Effect.Effect<void>) => void
}

/** The state of a running broker. */
export class BrokerCore {
  readonly name: string
  readonly cluster: string
  readonly id: number
  readonly address: string
  readonly store: BrokerStore
  readonly settings: BrokerSettings
  readonly users: ReadonlyArray<BrokerUser> | undefined
  readonly readQueues: ((topic: string) => ReadonlyArray<MessageQueue> | undefined) | undefined
  readonly listener: BrokerListener | undefined
  readonly now: () => number
  readonly random: () => number
  readonly fork: (effect: Effect.Effect<void>) => void
  readonly agenda = new Agenda()
  readonly clients: Clients
  readonly locks: QueueLocks
  readonly stats: Stats
  readonly conditions: BrokerConditions = { diskFull: false, pageCacheBusy: false, putStatus: "SUCCESS" }
  readonly startedAt: number
  /** What is to be undone when the broker stops. */
  readonly disposers: Array<() => void> = []
  /** Code of the request whose handler runs now. */
  executing: number | undefined = undefined

  constructor(options: CoreOptions) {
    this.name = options.name
    this.cluster = options.cluster
    this.id = options.id
    this.address = options.address
    this.store = options.store
    this.settings = options.settings
    this.users = options.users
    this.readQueues = options.readQueues
    this.listener = options.listener
    this.now = options.now
    this.random = options.random
    this.fork = options.fork
    this.startedAt = options.now()
    this.clients = new Clients(options.now)
    this.locks = new QueueLocks(options.now, options.settings)
    this.stats = new Stats(options.now)
  }

  get isSlave(): boolean {
    return this.id !== 0
  }

  /** The address without its port, as remarks name the broker (`brokerIP1`). */
  get ip(): string {
    return this.address.slice(0, this.address.lastIndexOf(":"))
  }

  /** An integer from 0 to less than `limit`. */
  pick(limit: number): number {
    return Math.floor(this.random() * limit)
  }

  /** Is told of what is stored until the broker stops. */
  onStored(listener: StoreListener): void {
    this.store.listeners.add(listener)
    this.disposers.push(() => this.store.listeners.delete(listener))
  }

  /** Stores a message, or what waits in its place when it is delayed (RocketMQ 5.3.3 `HookUtils`). */
  put(message: NewMessage): PutResult {
    const refused = this.refusal(message)
    if (refused !== undefined) return { status: refused, placed: [] }
    const delayed = this.delay(message)
    if (delayed !== undefined) return { status: delayed, placed: [] }
    return this.append([message])
  }

  /** Stores the members of a batch together. */
  putBatch(messages: ReadonlyArray<NewMessage>): PutResult {
    for (const message of messages) {
      const refused = this.refusal(message)
      if (refused !== undefined) return { status: refused, placed: [] }
    }
    return this.append(messages)
  }

  private append(messages: ReadonlyArray<NewMessage>): PutResult {
    const placed = this.store.putAll(messages, this.settings)
    for (const { size, topic } of placed) {
      this.stats.add("TOPIC_PUT_NUMS", topic, 1)
      this.stats.add("TOPIC_PUT_SIZE", topic, size)
      this.stats.add("BROKER_PUT_NUMS", this.cluster, 1)
    }
    if (this.listener?.stored !== undefined) { for (const one of placed) this.listener.stored(one, this.executing) }
    const { putStatus } = this.conditions
    // RocketMQ waits for disk and slave only where the message says so.
    const waits = messages[0]!.properties[PropertyName.WAIT] !== "false"
    return { status: putStatus === "SUCCESS" || !waits ? "PUT_OK" : putStatus, placed }
  }

  /** Counts messages that a group has got. */
  countGot(group: string, topic: string, messages: ReadonlyArray<Uint8Array>): void {
    if (messages.length === 0) return
    this.stats.add("GROUP_GET_NUMS", `${topic}@${group}`, messages.length)
    this.stats.add("GROUP_GET_SIZE", `${topic}@${group}`, messages.reduce((size, one) => size + one.length, 0))
    this.stats.add("BROKER_GET_NUMS", this.cluster, messages.length)
  }

  private refusal(message: NewMessage): PutStatus | undefined {
    if (this.isSlave || this.conditions.diskFull || !this.store.writable) return "SERVICE_NOT_AVAILABLE"
    const topicBytes = Buffer.byteLength(message.topic)
    if (topicBytes > (Names.isRetryTopic(message.topic) ? 255 : 127)) return "MESSAGE_ILLEGAL"
    if (this.conditions.pageCacheBusy) return "OS_PAGE_CACHE_BUSY"
    const isBatch = (message.sysFlag & SysFlag.innerBatch) !== 0
    if (message.properties[PropertyName.INNER_NUM] !== undefined && !isBatch) return "MESSAGE_ILLEGAL"
    if (isBatch && this.store.topics.get(message.topic)?.attributes["queue.type"] !== "BatchCQ") {
      return "MESSAGE_ILLEGAL"
    }
    return this.storeProblem(message)
  }

  private storeProblem(message: NewMessage): PutStatus | undefined {
    if (message.body.length > this.settings.maxMessageSize) return "MESSAGE_ILLEGAL"
    const stored = message.stored ?? message.properties
    let size = 0
    for (const name of Object.keys(stored)) size += Buffer.byteLength(name) + Buffer.byteLength(stored[name]!) + 2
    return size > 32_767 ? "PROPERTIES_SIZE_EXCEEDED" : undefined
  }

  private delay(message: NewMessage): PutStatus | undefined {
    const type = SysFlag.transactionType(message.sysFlag)
    if (type !== SysFlag.transactionNone && type !== SysFlag.transactionCommit) return undefined
    const level = delayLevel(message)
    if (level > 0) {
      const levels = this.store.delays(this.settings).length
      const actual = Math.min(level, levels)
      message.properties = properties(message.properties, {
        [PropertyName.TIMER_DELAY_MS]: undefined,
        [PropertyName.TIMER_DELAY_SEC]: undefined,
        [PropertyName.TIMER_DELIVER_MS]: undefined,
        [PropertyName.DELAY]: String(actual),
        [PropertyName.REAL_TOPIC]: message.topic,
        [PropertyName.REAL_QID]: String(message.queueId)
      })
      message.stored = undefined
      message.topic = Names.scheduleTopic
      message.queueId = actual - 1
      return undefined
    }
    return this.time(message)
  }

  /** A delivery time: the message waits in the timer's topic. */
  private time(message: NewMessage): PutStatus | undefined {
    const { topic } = message
    const present = message.properties
    if (topic === timerTopic || present[PropertyName.TIMER_OUT_MS] !== undefined) return undefined
    const seconds = present[PropertyName.TIMER_DELAY_SEC]
    const millis = present[PropertyName.TIMER_DELAY_MS]
    const at = present[PropertyName.TIMER_DELIVER_MS]
    if (seconds === undefined && millis === undefined && at === undefined) return undefined
    const { settings } = this
    if (!settings.timerWheelEnable) return "WHEEL_TIMER_NOT_ENABLE"
    const now = this.now()
    const due = seconds !== undefined
      ? now + parseLong(seconds) * 1_000
      : millis !== undefined
      ? now + parseLong(millis)
      : parseLong(at!)
    if (Number.isNaN(due)) return "WHEEL_TIMER_MSG_ILLEGAL"
    if (due <= now) {
      return present[PropertyName.TIMER_DEL_UNIQKEY] === undefined ? undefined : "WHEEL_TIMER_MSG_ILLEGAL"
    }
    if (due - now > settings.timerMaxDelaySec * 1_000) return "WHEEL_TIMER_MSG_ILLEGAL"
    const precision = settings.timerPrecisionMs
    const floored = due % precision === 0 ? due - precision : Math.floor(due / precision) * precision
    message.properties = properties(present, {
      [PropertyName.TIMER_OUT_MS]: String(floored),
      [PropertyName.REAL_TOPIC]: topic,
      [PropertyName.REAL_QID]: String(message.queueId)
    })
    message.stored = undefined
    message.topic = timerTopic
    message.queueId = 0
    return undefined
  }
}

/** What Java's broker answers when it meets something that it did not expect. */
export class JavaException extends Error {
  constructor(name: string, message: string) {
    super(message)
    this.name = name
  }
}

/** What stands for a field as it was received; `undefined`: it is as if it were missing. */
export type Reading = (text: string | undefined) => string | undefined

/**
 * An `int` that a real broker goes on without, or with `absent`, when it is missing or no such number (RocketMQ 5.3.3
 * `RemotingCommand.decodeCommandCustomHeader` logs it).
 */
export const lenientInt = (absent?: string): Reading => (text) =>
  text !== undefined && /^[+-]?\d+$/.test(text) && Math.abs(Number(text) + 0.5) < 0x8000_0000 ? text : absent

const longLimit = 2n ** 63n

/** A `long`, likewise. What a number does not hold exactly becomes the greatest or least that it does. */
export const lenientLong = (absent?: string): Reading => (text) => {
  if (text !== undefined && /^(?:0|-?[1-9]\d{0,14})$/.test(text)) return text
  if (text === undefined || !/^[+-]?\d+$/.test(text)) return absent
  const value = BigInt(text.replace("+", ""))
  if (value >= longLimit || value < -longLimit) return absent
  return String(Math.max(Number.MIN_SAFE_INTEGER, Math.min(Number.MAX_SAFE_INTEGER, Number(value))))
}

/** A `long` that may be missing, but must be one (headers that RocketMQ decodes without reflection). */
export const longOr = (absent?: string): Reading => (text) => text === undefined ? absent : lenientLong(text)(text)

/** A text that may be missing. */
export const lenientText = (absent: string): Reading => (text) => text ?? absent

/** How fields are read, by their names on the wire; the others have to be as they are described. */
export type Readings = Readonly<Record<string, Reading>>

const read = (fields: ExtFields, readings: Readings): ExtFields => {
  // A copy only where there is something to change, which is hardly ever.
  let result: Record<string, string> | undefined = undefined
  for (const name of Object.keys(readings)) {
    const value = readings[name]!(fields[name])
    if (value === fields[name]) continue
    result ??= Object.assign(Object.create(null) as Record<string, string>, fields)
    if (value === undefined) delete result[name]
    else result[name] = value
  }
  return result ?? fields
}

/**
 * The header of a request. Where it is no such header, and not by `readings` either, a real broker runs into a null,
 * which is answered as SYSTEM_ERROR.
 */
export const headerOf = <T>(codec: HeaderCodec.HeaderCodec<T>, call: Call, readings?: Readings): T =>
  headerIn(codec, call.request.extFields, readings)

/** The same, of fields that were changed before. */
export const headerIn = <T>(codec: HeaderCodec.HeaderCodec<T>, fields: ExtFields, readings?: Readings): T => {
  const header = codec.decode(readings === undefined ? fields : read(fields, readings))
  if (HeaderCodec.isViolation(header)) {
    throw new JavaException("java.lang.NullPointerException", `${header.field} ${header.detail}`)
  }
  return header
}

/**
 * The body of a request, which a real broker stumbles over when it is none.
 *
 * @param absent what stands for members that it gets by without
 */
export const decodeBody = <T>(
  codec: BodyCodec.BodyCodec<T>,
  call: Call,
  absent?: Readonly<Record<string, unknown>>
): T => {
  const body = codec.decode(absent === undefined ? call.request.body : complete(call.request.body, absent))
  if (BodyCodec.isViolation(body)) {
    throw new JavaException("java.lang.NullPointerException", `${body.path} ${body.detail}`)
  }
  return body
}

/** The body with members that it lacks. One that is no object at all stays as it is. */
const complete = (
  body: Uint8Array | undefined,
  absent: Readonly<Record<string, unknown>>
): Uint8Array | undefined => {
  const json = objectOf(body)
  if (json === undefined) return body
  const lacking = Object.keys(absent).filter((name) => json[name] === undefined || json[name] === null)
  return lacking.length === 0
    ? body
    : Buffer.from(JSON.stringify({ ...json, ...Object.fromEntries(lacking.map((name) => [name, absent[name]])) }))
}

/** The members of a body, if it is a JSON object. */
export const objectOf = (body: Uint8Array | undefined): Readonly<Record<string, unknown>> | undefined => {
  const json = body === undefined ? undefined : FastJson.parse(body)
  return typeof json === "object" && json !== null && !Array.isArray(json) && !FastJson.isViolation(json)
    ? json as Readonly<Record<string, unknown>>
    : undefined
}

/** Whether Java makes `null` of a body. */
export const isNullBody = (body: Uint8Array | undefined): boolean =>
  body === undefined || (body.length === 4 && Buffer.from(body).toString() === "null")

/** A record without prototype, as properties have it. */
export const properties = (
  from: NewMessage["properties"],
  more: Readonly<Record<string, string | undefined>>
): NewMessage["properties"] => {
  const all: Record<string, string> = Object.assign(Object.create(null), from)
  for (const name of Object.keys(more)) {
    const value = more[name]
    if (value === undefined) delete all[name]
    else all[name] = value
  }
  return all
}

/** The delay level of a message; 0 for none. */
export const delayLevel = (message: { readonly properties: NewMessage["properties"] }): number => {
  const text = message.properties[PropertyName.DELAY]
  return text === undefined ? 0 : parseIntJava(text)
}

/** `Integer.parseInt`; `NaN` when it fails. */
export const parseIntJava = (text: string): number => /^[+-]?\d{1,10}$/.test(text) ? Number(text) : NaN

/** `Long.parseLong`; `NaN` when it fails. */
export const parseLong = (text: string): number => /^[+-]?\d{1,19}$/.test(text) ? Number(text) : NaN
