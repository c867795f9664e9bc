/** Attributes of topics and how they are changed (RocketMQ 5.3.3 `AttributeParser`, `AttributeUtil`, `TopicAttributes`). */

interface Attribute {
  readonly changeable: boolean
  /** Throws when it is no value. */
  readonly verify: (value: string) => void
}

/** Why attributes cannot be changed so, in the broker's words. */
export class AttributeError extends Error {}

const oneOf = (changeable: boolean, ...values: ReadonlyArray<string>): Attribute => ({
  changeable,
  verify: (value) => {
    if (!values.includes(value)) throw new AttributeError(`value is not in set: [${values.join(", ")}]`)
  }
})

const known: ReadonlyMap<string, Attribute> = new Map<string, Attribute>([
  ["queue.type", oneOf(false, "BatchCQ", "SimpleCQ")],
  ["cleanup.policy", oneOf(false, "COMPACTION", "DELETE")],
  ["message.type", oneOf(true, "UNSPECIFIED", "MIXED", "TRANSACTION", "PRIORITY", "FIFO", "DELAY", "LITE", "NORMAL")],
  ["reserve.time", {
    changeable: true,
    verify: (value) => {
      if (!/^[+-]?\d+$/.test(value)) throw new AttributeError(`For input string: "${value}"`)
      if (BigInt(value.replace("+", "")) < -1n) {
        throw new AttributeError("value is not in range(-1, 9223372036854775807)")
      }
    }
  }]
])

/** Changes in a text such as `+message.type=FIFO,-reserve.time`, with their signs. */
export const parse = (text: string | undefined): ReadonlyMap<string, string> => {
  const changes = new Map<string, string>()
  if (text === undefined || text === "") return changes
  for (const part of text.split(",")) {
    const equals = part.indexOf("=")
    const key = equals < 0 ? part : part.slice(0, equals)
    if (equals < 0 && !key.includes("-")) throw new AttributeError(`delete attribute format is wrong: ${key}`)
    if (equals >= 0 && !key.includes("+")) throw new AttributeError(`add/alter attribute format is wrong: ${key}`)
    if (changes.has(key)) throw new AttributeError(`key duplication: ${key}`)
    changes.set(key, equals < 0 ? "" : part.slice(equals + 1).split("=")[0]!)
  }
  return changes
}

/** The attributes of a topic after changes; `current` is `undefined` for one that is created. */
export const alter = (
  current: Readonly<Record<string, string>> | undefined,
  changes: ReadonlyMap<string, string>
): Readonly<Record<string, string>> => {
  const result: Record<string, string> = Object.assign(Object.create(null), current)
  const seen = new Set<string>()
  for (const [signed, value] of changes) {
    const key = signed.slice(1)
    if (key === "" || key.includes("+") || key.includes("-")) throw new AttributeError("kv string format wrong.")
    if (seen.has(key)) throw new AttributeError(`alter duplication key. key: ${key}`)
    seen.add(key)
    const removes = signed.startsWith("-")
    if (current === undefined && !signed.startsWith("+")) {
      throw new AttributeError(`only add attribute is supported while creating topic. key: ${key}`)
    }
    if (current !== undefined && removes && !Object.hasOwn(current, key)) {
      throw new AttributeError(`attempt to delete a nonexistent key: ${key}`)
    }
    if (!removes && !signed.startsWith("+")) throw new AttributeError(`wrong format key: ${key}`)
    const attribute = known.get(key)
    if (attribute === undefined) throw new AttributeError(`unsupported key: ${key}`)
    if (current !== undefined && !attribute.changeable) {
      throw new AttributeError(`attempt to update an unchangeable attribute. key: ${key}`)
    }
    if (removes) delete result[key]
    else {
      attribute.verify(value)
      result[key] = value
    }
  }
  return result
}
