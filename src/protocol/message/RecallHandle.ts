/**
 * What a broker answers to a timer message with, for it to be recalled by.
 *
 * Source: RocketMQ 5.3.3 `common.producer.RecallMessageHandle`.
 */

/** The parts of a recall handle. */
export interface RecallHandle {
  readonly topic: string
  readonly brokerName: string
  /** When the message is due, in milliseconds since 1970. */
  readonly deliverTimestamp: number
  /** The `UNIQ_KEY` of the message. */
  readonly uniqKey: string
}

const version = "v1"
const separator = " "
const integer = /^-?\d{1,16}$/
const base64Url = /^[A-Za-z0-9_-]*={0,2}$/

/** The text of a recall handle: URL-safe base64, with padding, of `v1 topic brokerName deliverTimestamp uniqKey`. */
export const encode = (handle: RecallHandle): string => {
  const text = Buffer
    .from([version, handle.topic, handle.brokerName, handle.deliverTimestamp, handle.uniqKey].join(separator))
    .toString("base64url")
  return text.padEnd(Math.ceil(text.length / 4) * 4, "=")
}

/** The parts of a recall handle, or `undefined` when it is none. */
export const decode = (handle: string): RecallHandle | undefined => {
  if (typeof handle !== "string" || !base64Url.test(handle)) {
    return undefined
  }
  const items = Buffer.from(handle, "base64url").toString("utf8").split(separator)
  if (items.length < 5 || items[0] !== version || items[4] === "" || !integer.test(items[3])) {
    return undefined
  }
  const deliverTimestamp = Number(items[3])
  return Number.isSafeInteger(deliverTimestamp)
    ? { topic: items[1], brokerName: items[2], deliverTimestamp, uniqKey: items[4] }
    : undefined
}
