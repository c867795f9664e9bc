/**
 * The properties of a message and the one text that they are sent and stored as.
 *
 * Source: RocketMQ 5.3.3 `common.message.MessageDecoder` (`messageProperties2String`, `string2messageProperties`).
 */

/** Properties by name. Decoded ones have no prototype, so that every name, `__proto__` too, is plain data. */
export type MessageProperties = Readonly<Record<string, string>>

/** What separates a name from its value. */
export const nameValueSeparator = "\u0001"

/** What ends every property. */
export const propertySeparator = "\u0002"

/** The most bytes of UTF-8 that an encoded text may have, for brokers store its length as a signed short. */
export const maxBytes = 32767

/** Properties that do not survive being encoded and decoded. */
export interface InvalidProperty {
  /** The name of the property; `undefined` when all together are too long. */
  readonly name: string | undefined
  readonly detail: string
}

/** No properties. */
export const empty: MessageProperties = Object.freeze(Object.create(null))

/**
 * The text of properties: name, U+0001, value, U+0002 for each, in the order of the record. A property whose value is
 * `undefined` is left out, as Java leaves out one that is null.
 */
export const encode = (properties: Readonly<Record<string, string | undefined>>): string => {
  let text = ""
  for (const name of Object.keys(properties)) {
    const value = properties[name]
    if (value !== undefined && value !== null) {
      text += name + nameValueSeparator + value + propertySeparator
    }
  }
  return text
}

/**
 * The properties in a text. As in Java a property without separator, without name or without value is ignored, a value
 * may have U+0001 in it, and of a name that comes twice the last value counts.
 */
export const decode = (text: string): MessageProperties => {
  const properties: Record<string, string> = Object.create(null)
  const size = text.length
  let at = 0
  let separator = -1
  while (at < size) {
    // Searched for once only: a long text without it would be gone through again for every property.
    if (separator < at) {
      separator = text.indexOf(nameValueSeparator, at)
      if (separator < 0) {
        break
      }
    }
    let end = text.indexOf(propertySeparator, at)
    if (end < 0) {
      end = size
    }
    if (separator > at && separator < end - 1) {
      properties[text.slice(at, separator)] = text.slice(separator + 1, end)
    }
    at = end + 1
  }
  return properties
}

const hasSeparator = (text: string): boolean => text.includes(nameValueSeparator) || text.includes(propertySeparator)

/**
 * The first property that would be lost or turn into others on its way: one with an empty name or value, or with U+0001
 * or U+0002 in either. Or that all together have more than `maxBytes`. `undefined` when there is nothing wrong.
 */
export const validate = (properties: Readonly<Record<string, string | undefined>>): InvalidProperty | undefined => {
  for (const name of Object.keys(properties)) {
    const value = properties[name]
    if (value === undefined) {
      continue
    }
    if (name === "") {
      return { name, detail: "a property has an empty name" }
    }
    if (value === "") {
      return { name, detail: "the value of a property is empty" }
    }
    if (hasSeparator(name)) {
      return { name, detail: "the name of a property contains U+0001 or U+0002" }
    }
    if (hasSeparator(value)) {
      return { name, detail: "the value of a property contains U+0001 or U+0002" }
    }
  }
  const size = Buffer.byteLength(encode(properties))
  return size > maxBytes
    ? { name: undefined, detail: `the properties take ${size} bytes, at most ${maxBytes} can be stored` }
    : undefined
}
