/**
 * The answer to a message that was stored, read without making ext fields of it.
 *
 * Each send ends here: from the bytes it takes 0.27 µs, by way of a record of ext fields 1.2 µs (Node 24.21).
 */
import type { RemotingCommand } from "../RemotingCommand.ts"

/** What is read of an answer; see `SendMessageResponseHeader`. A field that is not there is `undefined` or `NaN`. */
export class SendAnswer {
  /** The offset id; those of a batch's messages, separated by commas. */
  msgId: string | undefined = undefined
  /** `NaN` when it is no integer that a number holds exactly. */
  queueId: number = Number.NaN
  /** `NaN` when it is no integer that a number holds exactly. */
  queueOffset: number = Number.NaN
  transactionId: string | undefined = undefined
  recallHandle: string | undefined = undefined
  /** The region of the broker. */
  regionId: string | undefined = undefined
  /** Whether the broker wants the message traced; it does unless it says `false`. */
  traceOn: boolean = true
}

const quote = 0x22
const zero = 0x30

/** An answer names its region each time, and most brokers have none. */
const defaultRegion = "DefaultRegion"

/** Digits that a number holds exactly, whichever they are. */
const exactDigits = 15

const integer = /^[+-]?\d+$/

const parse = (text: string | undefined): number => {
  const value = text !== undefined && integer.test(text) ? Number(text) : Number.NaN
  return Number.isSafeInteger(value) ? value : Number.NaN
}

const parseAt = (frame: Buffer, start: number, end: number): number => {
  if (end - start > exactDigits || end === start) {
    return parse(frame.toString("latin1", start, end))
  }
  let value = 0
  for (let at = start; at < end; at++) {
    const digit = frame[at] - zero
    if (digit < 0 || digit > 9) {
      return parse(frame.toString("latin1", start, end))
    }
    value = value * 10 + digit
  }
  return value
}

const isText = (frame: Buffer, start: number, end: number, text: string): boolean => {
  if (end - start !== text.length) {
    return false
  }
  for (let i = 0; i < text.length; i++) {
    if (frame[start + i] !== text.charCodeAt(i)) {
      return false
    }
  }
  return true
}

/** Reads a JSON header in the usual layout: `{"code":0,"extFields":{"key":"value",…`, texts without escapes. */
const readScanned = (frame: Buffer, start: number): SendAnswer => {
  const answer = new SendAnswer()
  let at = start + "{\"code\":".length
  while (frame[at] !== 0x2c) {
    at++
  }
  // Without ext fields the next member is the flag.
  if (frame[at + 2] !== 0x65) {
    return answer
  }
  at += ",\"extFields\":{".length
  while (frame[at] === quote) {
    const key = at + 1
    let keyEnd = key
    while (frame[keyEnd] !== quote) {
      keyEnd++
    }
    const value = keyEnd + 3
    let valueEnd = value
    while (frame[valueEnd] !== quote) {
      valueEnd++
    }
    // The keys that matter differ in their length.
    switch (keyEnd - key) {
      case 5:
        if (isText(frame, key, keyEnd, "msgId")) {
          answer.msgId = frame.toString("latin1", value, valueEnd)
        }
        break
      case 7:
        if (isText(frame, key, keyEnd, "queueId")) {
          answer.queueId = parseAt(frame, value, valueEnd)
        }
        break
      case 8:
        if (isText(frame, key, keyEnd, "TRACE_ON")) {
          answer.traceOn = !isText(frame, value, valueEnd, "false")
        }
        break
      case 10:
        if (isText(frame, key, keyEnd, "MSG_REGION")) {
          answer.regionId = isText(frame, value, valueEnd, defaultRegion)
            ? defaultRegion
            : frame.toString("latin1", value, valueEnd)
        }
        break
      case 11:
        if (isText(frame, key, keyEnd, "queueOffset")) {
          answer.queueOffset = parseAt(frame, value, valueEnd)
        }
        break
      case 12:
        if (isText(frame, key, keyEnd, "recallHandle")) {
          answer.recallHandle = frame.toString("latin1", value, valueEnd)
        }
        break
      case 13:
        if (isText(frame, key, keyEnd, "transactionId")) {
          answer.transactionId = frame.toString("latin1", value, valueEnd)
        }
        break
    }
    at = valueEnd + 1
    if (frame[at] === 0x2c) {
      at++
    }
  }
  return answer
}

/** What an answer to SEND_MESSAGE and its kin says, whatever its code. */
export const read = (response: RemotingCommand): SendAnswer => {
  const scanned = response.readScanned(readScanned)
  if (scanned !== undefined) {
    return scanned
  }
  const { msgId, MSG_REGION, queueId, queueOffset, recallHandle, TRACE_ON, transactionId } = response.extFields
  const answer = new SendAnswer()
  answer.msgId = msgId
  answer.queueId = parse(queueId)
  answer.queueOffset = parse(queueOffset)
  answer.transactionId = transactionId
  answer.recallHandle = recallHandle
  answer.regionId = MSG_REGION
  answer.traceOn = TRACE_ON !== "false"
  return answer
}
