/**
 * Several messages as one body: that of SEND_BATCH_MESSAGE, and that of an inner batch in a broker's store.
 *
 * Each message is: size 4 bytes, magic 4, checksum 4, flag 4, body length 4, body, properties length 2, properties.
 * Numbers are signed and big-endian. As in Java magic and checksum are written as 0 and, like the size, not looked at.
 *
 * Source: RocketMQ 5.3.3 `common.message.MessageDecoder` (`encodeMessages`, `decodeMessages`).
 */
import * as MessageProperties from "./MessageProperties.ts"
import * as MessageViolation from "./MessageViolation.ts"

/** A message of a batch. */
export interface BatchMessage {
  readonly flag: number
  readonly body: Uint8Array
  readonly properties: MessageProperties.MessageProperties
}

/** A message to be put into a batch; its properties may have been encoded before. */
export interface BatchMessageInput {
  readonly flag: number
  readonly body: Uint8Array
  readonly properties: MessageProperties.MessageProperties | string
}

const fixedSize = 22
const flagOffset = 12
const bodyLengthOffset = 16
const bodyOffset = 20

/**
 * The body of a batch.
 *
 * @throws RangeError when the properties of a message take more than `MessageProperties.maxBytes`
 */
export const encode = (messages: ReadonlyArray<BatchMessageInput>): Uint8Array => {
  const texts: Array<string> = []
  let size = 0
  for (const { body, properties } of messages) {
    const text = typeof properties === "string" ? properties : MessageProperties.encode(properties)
    const textSize = Buffer.byteLength(text)
    if (textSize > MessageProperties.maxBytes) {
      throw new RangeError(`The properties of a message take ${textSize} bytes`)
    }
    texts.push(text)
    size += fixedSize + body.length + textSize
  }
  const bytes = Buffer.allocUnsafe(size)
  let at = 0
  for (let i = 0; i < messages.length; i++) {
    const { body, flag } = messages[i]
    const lengthAt = at + bodyOffset + body.length
    const textSize = bytes.write(texts[i], lengthAt + 2, "utf8")
    const next = lengthAt + 2 + textSize
    bytes.writeInt32BE(next - at, at)
    bytes.fill(0, at + 4, at + flagOffset)
    bytes.writeInt32BE(flag, at + flagOffset)
    bytes.writeInt32BE(body.length, at + bodyLengthOffset)
    bytes.set(body, at + bodyOffset)
    bytes.writeInt16BE(textSize, lengthAt)
    at = next
  }
  return bytes
}

/** The messages of a batch, their bodies as views of `bytes`, or what is wrong with the first that is not one. */
export const decode = (bytes: Uint8Array): ReadonlyArray<BatchMessage> | MessageViolation.MessageViolation => {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  const end = buffer.length
  const messages: Array<BatchMessage> = []
  let at = 0
  while (at < end) {
    if (end - at < fixedSize) {
      return MessageViolation.make("Truncated", end, "the batch ends inside a message")
    }
    const bodyLength = buffer.readInt32BE(at + bodyLengthOffset)
    if (bodyLength < 0) {
      return MessageViolation.make("InvalidLength", at + bodyLengthOffset, `a body's length of ${bodyLength}`)
    }
    if (bodyLength > end - at - fixedSize) {
      return MessageViolation.make("Truncated", end, "the batch ends inside a body")
    }
    const lengthAt = at + bodyOffset + bodyLength
    const textSize = buffer.readInt16BE(lengthAt)
    if (textSize < 0) {
      return MessageViolation.make("InvalidLength", lengthAt, `the properties' length of ${textSize}`)
    }
    const next = lengthAt + 2 + textSize
    if (next > end) {
      return MessageViolation.make("Truncated", end, "the batch ends inside the properties")
    }
    messages.push({
      flag: buffer.readInt32BE(at + flagOffset),
      body: buffer.subarray(at + bodyOffset, lengthAt),
      properties: MessageProperties.decode(buffer.toString("utf8", lengthAt + 2, next))
    })
    at = next
  }
  return messages
}

/** Whether what `decode` returned is a violation, not messages. */
export const isViolation = (
  result: ReadonlyArray<BatchMessage> | MessageViolation.MessageViolation
): result is MessageViolation.MessageViolation => !Array.isArray(result)
