/**
 * The hash that brokers filter messages by tag with.
 *
 * Source: `java.lang.String.hashCode`; RocketMQ 5.3.3 `common.message.MessageExtBrokerInner.tagsString2tagsCode`.
 */

/** `String.hashCode` of Java: a signed integer of 32 bits over the UTF-16 code units. */
export const javaHashCode = (text: string): number => {
  let hash = 0
  for (let i = 0; i < text.length; i++) {
    hash = (Math.imul(31, hash) + text.charCodeAt(i)) | 0
  }
  return hash
}

/** The tags code of a message with these tags: their hash, or 0 without. */
export const tagsCode = (tags: string | undefined): number => tags === undefined ? 0 : javaHashCode(tags)
