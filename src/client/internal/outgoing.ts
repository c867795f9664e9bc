/** From what an app sends to what goes on the wire; all that can be said against a message is said here. */
import * as DateTime from "effect/DateTime"
import * as Compression from "../../protocol/message/Compression.ts"
import * as MessageBatch from "../../protocol/message/MessageBatch.ts"
import * as MessageProperties from "../../protocol/message/MessageProperties.ts"
import * as Names from "../../protocol/message/Names.ts"
import { isReserved, keySeparator, PropertyName } from "../../protocol/message/PropertyName.ts"
import * as SysFlag from "../../protocol/message/SysFlag.ts"
import { RequestCode } from "../../protocol/RequestCode.ts"
import type { ClientError } from "../ClientError.ts"
import type { Message } from "../Message.ts"
import { millisOf } from "./millis.ts"
import * as Refusals from "./refusals.ts"

/** How bodies are compressed. */
export interface CompressionSettings {
  readonly type: Compression.CompressionType
  readonly level: number | undefined
  /** From how many bytes on. */
  readonly threshold: number
}

/** What all messages of a producer have in common. */
export interface OutgoingSettings {
  /** Namespace of the first kind; empty for none. */
  readonly namespace: string
  readonly maxMessageSize: number
  readonly compression: CompressionSettings | undefined
}

/** The property that carries a message's id, up to the id. */
export const uniqKeyStart = `${PropertyName.UNIQ_KEY}\u0001`

/** A message that is ready to go to any queue. A plain class: one shape for what the hot path reads. */
export class Outgoing {
  /** The request code. */
  readonly code: number
  readonly messageId: string
  readonly sysFlag: number
  readonly flag: number
  /** The `UNIQ_KEY`; of a batch that of the batch. */
  readonly uniqKey: string
  /** Encoded properties beside the `UNIQ_KEY`, which comes first. */
  readonly others: string
  readonly body: Uint8Array
  readonly batch: boolean

  constructor(
    code: number,
    messageId: string,
    sysFlag: number,
    flag: number,
    uniqKey: string,
    others: string,
    body: Uint8Array,
    batch: boolean
  ) {
    this.code = code
    this.messageId = messageId
    this.sysFlag = sysFlag
    this.flag = flag
    this.uniqKey = uniqKey
    this.others = others
    this.body = body
    this.batch = batch
  }

  /** All properties, encoded. */
  get properties(): string {
    return uniqKeyStart + this.uniqKey + MessageProperties.propertySeparator + this.others
  }
}

/** What a producer adds to a message of its own accord. */
export interface Additions {
  /** Properties, encoded. */
  readonly properties: string
  readonly sysFlag: number
  readonly code: number
}

const none: Additions = { properties: "", sysFlag: 0, code: RequestCode.SEND_MESSAGE_V2 }

const encoder = new TextEncoder()

/** One property, encoded. */
export const property = (name: string, value: string): string => `${name}\u0001${value}\u0002`

/** The properties beside the `UNIQ_KEY` of a message that asks for nothing special. */
export const waits = property(PropertyName.WAIT, "true")
const doesNotWait = property(PropertyName.WAIT, "false")
const tagsStart = `${PropertyName.TAGS}\u0001`
const keysStart = `${PropertyName.KEYS}\u0001`
const shardingKeyStart = `${PropertyName.SHARDING_KEY}\u0001`

const isInt32 = (value: number): boolean => typeof value === "number" && (value | 0) === value

/** Neither empty nor blank. */
const hasText = (text: string): boolean => typeof text === "string" && text.trim() !== ""

const hasSeparator = (text: string): boolean =>
  text.includes(MessageProperties.nameValueSeparator) || text.includes(MessageProperties.propertySeparator)

const separators = "must not contain U+0001 or U+0002, which separate properties"

/** Names that are not reserved, and yet have a field of their own. */
const fieldOf: Readonly<Record<string, string>> = {
  [PropertyName.SHARDING_KEY]: "shardingKey",
  [PropertyName.PRIORITY]: "priority",
  [PropertyName.TAGS]: "tags",
  [PropertyName.KEYS]: "keys",
  [PropertyName.WAIT]: "waitStoreMsgOk",
  [PropertyName.DELAY]: "delayLevel",
  [PropertyName.TIMER_DELAY_MS]: "delay",
  [PropertyName.TIMER_DELAY_SEC]: "delay",
  [PropertyName.TIMER_DELIVER_MS]: "deliverAt"
}

/** Whether it is what TypeScript says that it is. */
export const isMessage = (message: Message): boolean => typeof message === "object" && message !== null

/** What is wrong with a topic to send to. */
export const checkTopic = (topic: string): ClientError | undefined => {
  const invalid = typeof topic === "string" ? Names.validateTopic(topic) : { detail: "a topic is a string" }
  if (invalid !== undefined) return Refusals.invalidName("topic", topic, invalid.detail)
  return Names.isSendForbidden(topic)
    ? Refusals.invalidName("topic", topic, "only brokers may send to this topic of the system")
    : undefined
}

const bodyOf = (message: Message, limit: number): Uint8Array | ClientError => {
  const given: unknown = message.body
  if (typeof given === "string") {
    // Three bytes a character at most: only what may be too long is measured.
    if (given.length * 3 > limit) {
      const size = Buffer.byteLength(given)
      if (size > limit) return Refusals.tooLarge(message.topic, size, limit)
    }
    return given === "" ? Refusals.invalidMessage(message.topic, "body", "is empty") : encoder.encode(given)
  }
  if (!(given instanceof Uint8Array)) {
    return Refusals.invalidMessage(message.topic, "body", "is neither a Uint8Array nor a string")
  }
  if (given.length === 0) return Refusals.invalidMessage(message.topic, "body", "is empty")
  return given.length > limit ? Refusals.tooLarge(message.topic, given.length, limit) : given
}

const wrongProperty = (name: string, value: unknown): string | undefined => {
  if (!hasText(name)) return "contain one with a blank name"
  if (isReserved(name) || Object.hasOwn(fieldOf, name)) {
    return Object.hasOwn(fieldOf, name)
      ? `contain ${name}, which is reserved: set ${fieldOf[name]} instead`
      : `contain ${name}, which is reserved for the system`
  }
  if (typeof value !== "string") return `contain ${name}, whose value is not a string`
  // A pair without a value is dropped by whoever reads it (RocketMQ 5.3.3 `MessageDecoder`).
  if (!hasText(value)) return `contain ${name}, whose value is blank`
  return hasSeparator(name) || hasSeparator(value) ? `contain ${JSON.stringify(name)}, and ${separators}` : undefined
}

/**
 * The properties of a message beside its id, encoded; or what is wrong with
 * them. `extra` goes along.
 */
const propertiesOf = (message: Message, extra: string): string | ClientError => {
  const { topic } = message
  let text = message.waitStoreMsgOk === false ? doesNotWait : waits
  const { tags } = message
  if (tags !== undefined) {
    if (!hasText(tags)) return Refusals.invalidMessage(topic, "tags", "are blank")
    if (hasSeparator(tags)) return Refusals.invalidMessage(topic, "tags", separators)
    text += tagsStart + tags + MessageProperties.propertySeparator
  }
  if (message.keys !== undefined) {
    const keys = keysOf(message.keys)
    if (typeof keys !== "string") return Refusals.invalidMessage(topic, "keys", keys.detail)
    if (keys !== "") text += keysStart + keys + MessageProperties.propertySeparator
  }
  const { shardingKey } = message
  if (shardingKey !== undefined) {
    if (!hasText(shardingKey)) return Refusals.invalidMessage(topic, "shardingKey", "is blank")
    if (hasSeparator(shardingKey)) return Refusals.invalidMessage(topic, "shardingKey", separators)
    text += shardingKeyStart + shardingKey + MessageProperties.propertySeparator
  }
  if (message.priority !== undefined) {
    const { priority } = message
    if (!isInt32(priority) || priority < 0) {
      return Refusals.invalidMessage(topic, "priority", "is not an integer of 32 bits from 0")
    }
    text += property(PropertyName.PRIORITY, String(priority))
  }
  if (isDelayed(message)) {
    const timing = timingOf(message)
    if (typeof timing !== "string") return Refusals.invalidMessage(topic, timing.field, timing.detail)
    text += timing
  }
  const { properties } = message
  if (properties !== undefined) {
    if (typeof properties !== "object" || properties === null || Array.isArray(properties)) {
      return Refusals.invalidMessage(topic, "properties", "are no record of strings")
    }
    // Not for-in: a record without a prototype is walked slowly by it, and another's prototype must not be walked.
    const names = Object.keys(properties)
    for (let index = 0; index < names.length; index++) {
      const name = names[index]
      const value: unknown = properties[name]
      if (value === undefined) continue
      const wrong = wrongProperty(name, value)
      if (wrong !== undefined) return Refusals.invalidMessage(topic, "properties", wrong)
      text += property(name, value as string)
    }
  }
  return text + extra
}

const keysOf = (keys: string | ReadonlyArray<string>): string | { readonly detail: string } => {
  if (typeof keys === "string") {
    if (!hasText(keys)) return { detail: "are blank" }
    return hasSeparator(keys) ? { detail: separators } : keys
  }
  if (!Array.isArray(keys)) return { detail: "are neither a string nor an array of strings" }
  for (const key of keys as ReadonlyArray<string>) {
    if (!hasText(key)) return { detail: "contain a blank one" }
    if (key.includes(keySeparator)) {
      return { detail: `contain ${JSON.stringify(key)}, which has a blank in it, and blanks separate keys` }
    }
    if (hasSeparator(key)) return { detail: separators }
  }
  return keys.join(keySeparator)
}

/** Whether a message is to be delivered later than it is sent. */
export const isDelayed = (message: Message): boolean =>
  message.delay !== undefined || message.deliverAt !== undefined ||
  (message.delayLevel !== undefined && message.delayLevel !== 0)

const timingOf = (message: Message): string | { readonly field: string; readonly detail: string } => {
  const { delay, delayLevel, deliverAt } = message
  const level = delayLevel === 0 ? undefined : delayLevel
  if ([delay, deliverAt, level].filter((one) => one !== undefined).length > 1) {
    return {
      field: delay === undefined ? "deliverAt" : "delay",
      detail: "is one of several: only one of delay, delayLevel and deliverAt may be set"
    }
  }
  if (level !== undefined) {
    if (!isInt32(level) || level < 0) return { field: "delayLevel", detail: "is not an integer of 32 bits from 0" }
    return property(PropertyName.DELAY, String(level))
  }
  if (delay !== undefined) {
    const millis = Math.ceil(millisOf(delay, Number.NaN))
    return Number.isSafeInteger(millis) && millis > 0
      ? property(PropertyName.TIMER_DELAY_MS, String(millis))
      : { field: "delay", detail: "is not a finite time above 0" }
  }
  const at = DateTime.isDateTime(deliverAt) ? DateTime.toEpochMillis(deliverAt) : deliverAt
  return Number.isSafeInteger(at) && at! >= 0
    ? property(PropertyName.TIMER_DELIVER_MS, String(at))
    : { field: "deliverAt", detail: "is no time in whole milliseconds since 1970" }
}

/** Brokers store the length of the properties in a signed short. */
const tooManyProperties = (topic: string, messageId: string, others: string): ClientError | undefined => {
  const ascii = uniqKeyStart.length + messageId.length + MessageProperties.propertySeparator.length
  if (ascii + others.length * 3 <= MessageProperties.maxBytes) return undefined
  const size = ascii + Buffer.byteLength(others)
  return size > MessageProperties.maxBytes
    ? Refusals.invalidMessage(
      topic,
      "properties",
      `take ${size} bytes with those of the system, and at most ${MessageProperties.maxBytes} can be stored`
    )
    : undefined
}

/**
 * A message for the wire, or what is wrong with it. Its topic has been checked
 * by {@link checkTopic}.
 */
export const single = (
  message: Message,
  messageId: string,
  settings: OutgoingSettings,
  additions: Additions = none
): Outgoing | ClientError => {
  let body = bodyOf(message, settings.maxMessageSize)
  if (!(body instanceof Uint8Array)) return body
  const flag = message.flag ?? 0
  if (!isInt32(flag)) return Refusals.invalidMessage(message.topic, "flag", "is not an integer of 32 bits")
  const { compression, namespace } = settings
  const others = propertiesOf(
    message,
    namespace === "" ? additions.properties : property(PropertyName.INSTANCE_ID, namespace) + additions.properties
  )
  if (typeof others !== "string") return others
  const excess = tooManyProperties(message.topic, messageId, others)
  if (excess !== undefined) return excess
  let sysFlag = additions.sysFlag
  if (compression !== undefined && body.length >= compression.threshold) {
    const compressed = Compression.compress(compression.type, body, compression.level)
    if (compressed.length < body.length) {
      body = compressed
      sysFlag |= SysFlag.compressionFlag(compression.type)
    }
  }
  return new Outgoing(additions.code, messageId, sysFlag, flag, messageId, others, body, false)
}

/**
 * Messages as one batch, or what is wrong with them; `messageIds` has one for
 * each and one for all. The messages' own ids are in the batch, as in Java
 * (RocketMQ 5.3.3 `DefaultMQProducer.batch`).
 *
 * @param context what each of them gets of its span, encoded
 */
export const batch = (
  messages: ReadonlyArray<Message>,
  messageIds: ReadonlyArray<string>,
  batchId: string,
  settings: OutgoingSettings,
  context: ((message: Message) => string) | undefined
): Outgoing | ClientError => {
  const [first] = messages
  const { topic } = first
  const wait = first.waitStoreMsgOk !== false
  const parts: Array<MessageBatch.BatchMessageInput> = []
  for (let index = 0; index < messages.length; index++) {
    const message = messages[index]
    const refuse = (field: string, detail: string) =>
      Refusals.invalidMessage(topic, field, `of message ${index} ${detail}`)
    if (!isMessage(message)) return refuse("message", "is no object")
    if (message.topic !== topic) return refuse("topic", "is another one than the first message's")
    if (isDelayed(message)) return refuse("delay", "is set, and messages of a batch cannot be delayed")
    if ((message.waitStoreMsgOk !== false) !== wait) {
      return refuse("waitStoreMsgOk", "differs from the first message's")
    }
    if (message.shardingKey !== first.shardingKey) {
      return refuse("shardingKey", "differs from the first message's, and a batch goes to one queue")
    }
    const body = bodyOf(message, settings.maxMessageSize)
    if (!(body instanceof Uint8Array)) return body
    const flag = message.flag ?? 0
    if (!isInt32(flag)) return refuse("flag", "is not an integer of 32 bits")
    const others = propertiesOf(message, context?.(message) ?? "")
    if (typeof others !== "string") return others
    const excess = tooManyProperties(topic, messageIds[index], others)
    if (excess !== undefined) return excess
    const properties = uniqKeyStart + messageIds[index] + MessageProperties.propertySeparator + others
    parts.push({ flag, body, properties })
  }
  if (Names.isRetryTopic(topic)) {
    return Refusals.invalidMessage(topic, "topic", "is a retry topic, which no batch can go to")
  }
  const body = MessageBatch.encode(parts)
  if (body.length > settings.maxMessageSize) return Refusals.tooLarge(topic, body.length, settings.maxMessageSize)
  const instance = settings.namespace === "" ? "" : property(PropertyName.INSTANCE_ID, settings.namespace)
  return new Outgoing(
    RequestCode.SEND_BATCH_MESSAGE,
    messageIds.join(","),
    0,
    0,
    batchId,
    (wait ? waits : doesNotWait) + instance,
    body,
    true
  )
}
