/**
 * The properties of a message and the one text that they are sent and stored as.
 *
 * Source: RocketMQ 5.3.3 `common.message.MessageDecoder` (`messageProperties2String`, `string2messageProperties`).
 */

/** Properties by name. Decoded ones inherit nothing, so that every name, `__proto__` too, is plain data. */
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

/**
 * A record that inherits nothing: its prototype is empty and has none itself. Unlike one from `Object.create(null)` it
 * is no hash table from the start, which makes it three times as fast to fill.
 */
const Open = function() {} as unknown as new() => Record<string, string>
Open.prototype = Object.freeze(Object.create(null))

/** No properties. */
export const empty: MessageProperties = Object.freeze(new Open())

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

/** Of how many properties of a text the names are remembered. */
const rememberedNames = 32

/**
 * Decodes texts, see `decode`. Texts of one topic have most names in common, and in the same order: a decoder that is
 * kept for several remembers the names of the one before, which saves a third of the time.
 */
export class PropertiesDecoder {
  private readonly names: Array<string | undefined> = []

  /** The properties in a text. */
  decode(text: string): MessageProperties {
    const properties: Record<string, string> = new Open()
    const size = text.length
    let at = 0
    let separator = -1
    for (let n = 0; at < size; n++) {
      let name = this.names[n] ?? ""
      if (name !== "" && text.startsWith(name, at) && text.charCodeAt(at + name.length) === 1) {
        separator = at + name.length
      } else {
        // Searched for once only: a long text without it would be gone through again for every property.
        if (separator < at) {
          separator = text.indexOf(nameValueSeparator, at)
          if (separator < 0) {
            break
          }
        }
        name = ""
      }
      let end = text.indexOf(propertySeparator, at)
      if (end < 0) {
        end = size
      }
      if (separator > at && separator < end - 1) {
        if (name === "") {
          name = text.slice(at, separator)
          if (n < rememberedNames) {
            this.names[n] = name
          }
        }
        properties[name] = text.slice(separator + 1, end)
      }
      at = end + 1
    }
    return properties
  }
}

/**
 * The properties in a text. As in Java a property without separator, without name or without value is ignored, a value
 * may have U+0001 in it, and of a name that comes twice the last value counts.
 */
export const decode = (text: string): MessageProperties => new PropertiesDecoder().decode(text)

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
