/**
 * JSON as RocketMQ's servers and clients write it with fastjson, which is not always JSON: numbers and objects as keys
 * of objects (`{0:"a"}`, `{{"queueId":1}:5}`), single quotes, keys without quotes, and references to what was written
 * before (`{"$ref":"$.a[0]"}`, `$` the whole, `@` and `..` the containing object and the one around it).
 *
 * Source: fastjson 1.2.83 as RocketMQ up to 5.3.3 uses it, and fastjson2 2.0.59 of RocketMQ 5.5.0, which writes no
 * references.
 */

/** A text that is not even fastjson's JSON, as plain data; recognised by `isViolation`. */
export interface JsonViolation {
  /** Where in the text, in UTF-16 code units. */
  readonly offset: number
  /** What is wrong, in words; quotes nothing of the text. */
  readonly detail: string
}

/** A class, so that nothing that was parsed passes for a violation. */
class Violation implements JsonViolation {
  readonly offset: number
  readonly detail: string

  constructor(offset: number, detail: string) {
    this.offset = offset
    this.detail = detail
  }
}

/** Whether parsing failed. */
export const isViolation = (value: unknown): value is JsonViolation => value instanceof Violation

/** How deeply values may be nested. RocketMQ's own bodies stay below 10. */
const maxDepth = 64

const quote = 0x22
const apostrophe = 0x27
const comma = 0x2c
const minus = 0x2d
const zero = 0x30
const nine = 0x39
const colon = 0x3a
const openingBracket = 0x5b
const backslash = 0x5c
const closingBracket = 0x5d
const openingBrace = 0x7b
const closingBrace = 0x7d

/** The control characters that fastjson takes for space are those of JSON, form feed and backspace. */
const isSpace = (character: number): boolean =>
  character === 0x20 || character === 0x0a || character === 0x0d || character === 0x09 || character === 0x0c ||
  character === 0x08 || character === 0xfeff

const numberToken = /-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/y
/** What may stand for a key or a literal without quotes. */
const bareToken = /[^\s:,{}[\]"']+/y

const simpleEscapes: Readonly<Record<string, string>> = {
  "\"": "\"",
  "'": "'",
  "\\": "\\",
  "/": "/",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
  0: "\0",
  1: "\x01",
  2: "\x02",
  3: "\x03",
  4: "\x04",
  5: "\x05",
  6: "\x06",
  7: "\x07"
}

type JsonRecord = Record<string, unknown>
/** An object with objects for keys. Keys are compared by identity: two equal ones are two entries. */
type ObjectKeyed = Map<unknown, unknown>
type Container = Array<unknown> | JsonRecord | ObjectKeyed

/** How Java writes a `MessageQueue` as a text: what fastjson uses in the path of a reference into a map of queues. */
const queueText = (key: unknown): string | undefined => {
  const { brokerName, queueId, topic } = (key ?? {}) as JsonRecord
  return typeof brokerName === "string" && typeof queueId === "number" && typeof topic === "string"
    ? `MessageQueue [topic=${topic}, brokerName=${brokerName}, queueId=${queueId}]`
    : undefined
}

/**
 * The reader. Every reading method moves `at` past what it read, or sets `violation` and returns something meaningless.
 */
class Reader {
  violation: Violation | undefined = undefined
  private readonly text: string
  private at = 0
  /** The containers around the present position, outermost first; each is already in its parent. */
  private readonly open: Array<Container> = []
  /** Under which key the value that begins here lies in the innermost container. */
  private key: unknown = undefined
  /** The values of maps of queues by their keys' texts, for the maps that a reference led into. */
  private readonly byQueue: Map<ObjectKeyed, Map<unknown, unknown>> = new Map()

  constructor(text: string) {
    this.text = text
  }

  read(): unknown {
    const value = this.readValue()
    this.peek()
    if (this.at < this.text.length) {
      this.fail("there is more after the value")
    }
    return value
  }

  private fail(detail: string): undefined {
    this.violation ??= new Violation(Math.min(this.at, this.text.length), detail)
    return undefined
  }

  /** The next character that is not space, without moving past it; -1 at the end. */
  private peek(): number {
    const text = this.text
    for (; this.at < text.length; this.at++) {
      const character = text.charCodeAt(this.at)
      if (!isSpace(character)) {
        return character
      }
    }
    return -1
  }

  private readValue(): unknown {
    const character = this.peek()
    switch (character) {
      case openingBrace:
        return this.readObject()
      case openingBracket:
        return this.readArray()
      case quote:
      case apostrophe:
        return this.readString(character)
      default:
        return character === minus || (character >= zero && character <= nine) ? this.readNumber() : this.readLiteral()
    }
  }

  private readNumber(): number | undefined {
    numberToken.lastIndex = this.at
    const token = numberToken.exec(this.text)
    if (token === null) {
      return this.fail("not a number")
    }
    this.at = numberToken.lastIndex
    return Number(token[0])
  }

  private readLiteral(): unknown {
    bareToken.lastIndex = this.at
    switch (bareToken.exec(this.text)?.[0]) {
      case "true":
        this.at += 4
        return true
      case "false":
        this.at += 5
        return false
      case "null":
        this.at += 4
        return null
      // What Java reads as null.
      case "NaN":
        this.at += 3
        return null
      case "undefined":
        this.at += 9
        return null
      default:
        return this.fail("expected a value")
    }
  }

  private readString(mark: number): string {
    const text = this.text
    let from = this.at + 1
    let value = ""
    for (let at = from; at < text.length; at++) {
      const character = text.charCodeAt(at)
      if (character === mark) {
        this.at = at + 1
        return value + text.slice(from, at)
      }
      if (character === backslash) {
        value += text.slice(from, at)
        const letter = text.charAt(at + 1)
        const digits = letter === "u" ? 4 : letter === "x" ? 2 : 0
        if (digits > 0) {
          const code = text.slice(at + 2, at + 2 + digits)
          if (code.length !== digits || !/^[\da-fA-F]*$/.test(code)) {
            break
          }
          value += String.fromCharCode(Number.parseInt(code, 16))
        } else {
          const simple = letter === "" ? undefined : simpleEscapes[letter]
          if (simple === undefined) {
            break
          }
          value += simple
        }
        at += 1 + digits
        from = at + 1
      }
    }
    this.fail("a text that does not end, or has an escape that there is none")
    return ""
  }

  private enter(container: Container): boolean {
    if (this.open.length === maxDepth) {
      this.fail(`nested more than ${maxDepth} deep`)
      return false
    }
    if (this.open.length > 0 && this.key !== detached) {
      this.put(this.open[this.open.length - 1], this.key, container)
    }
    this.open.push(container)
    return true
  }

  private put(container: Container, key: unknown, value: unknown): void {
    if (container instanceof Map) {
      container.set(key, value)
      this.byQueue.get(container)?.set(queueText(key), value)
    } else if (Array.isArray(container)) {
      container[key as number] = value
    } else {
      container[key as string] = value
    }
  }

  private readArray(): Array<unknown> {
    const array: Array<unknown> = []
    if (!this.enter(array)) {
      return array
    }
    this.at++
    if (this.peek() === closingBracket) {
      this.at++
    } else {
      do {
        const index = array.length
        this.key = index
        array[index] = this.readValue()
      } while (this.goesOn(closingBracket))
    }
    this.open.pop()
    return array
  }

  /** Whether another member follows; else moves past the end of the container. */
  private goesOn(end: number): boolean {
    if (this.violation !== undefined) {
      return false
    }
    const character = this.peek()
    if (character === comma) {
      this.at++
      return true
    }
    if (character === end) {
      this.at++
    } else {
      this.fail(`expected "," or "${String.fromCharCode(end)}"`)
    }
    return false
  }

  private readObject(): unknown {
    const start = this.at
    this.at++
    const first = this.peek()
    if (first === quote && this.text.startsWith("\"$ref\"", this.at)) {
      const path = this.readReference()
      if (path !== undefined) {
        return this.resolve(path)
      }
      this.at = start + 1
    }
    const container: JsonRecord | ObjectKeyed = first === openingBrace || first === openingBracket
      ? new Map()
      : Object.create(null)
    if (!this.enter(container)) {
      return container
    }
    if (this.peek() === closingBrace) {
      this.at++
    } else {
      do {
        const key = this.readKey(container)
        if (this.violation !== undefined) {
          break
        }
        if (this.peek() !== colon) {
          this.fail("expected \":\"")
          break
        }
        this.at++
        this.key = key
        this.put(container, key, this.readValue())
      } while (this.goesOn(closingBrace))
    }
    this.open.pop()
    return container
  }

  private readKey(container: JsonRecord | ObjectKeyed): unknown {
    const character = this.peek()
    if (container instanceof Map) {
      if (character !== openingBrace) {
        return this.fail("expected an object as key")
      }
      this.key = detached
      return this.readObject()
    }
    if (character === quote || character === apostrophe) {
      return this.readString(character)
    }
    bareToken.lastIndex = this.at
    const token = bareToken.exec(this.text)
    if (token === null) {
      return this.fail("expected a key")
    }
    this.at = bareToken.lastIndex
    return token[0]
  }

  /** The path of a reference whose key begins here; `undefined` when the object is none, or not to its end. */
  private readReference(): string | undefined {
    this.at += "\"$ref\"".length
    if (this.peek() !== colon) {
      return undefined
    }
    this.at++
    if (this.peek() !== quote) {
      return undefined
    }
    const path = this.readString(quote)
    if (this.peek() !== closingBrace) {
      return undefined
    }
    this.at++
    return path
  }

  /** What a reference from the present position means; `null`, as in Java, when it leads nowhere. */
  private resolve(path: string): unknown {
    const open = this.open
    if (path === "@" || path === "..") {
      return open[open.length - (path === "@" ? 1 : 2)] ?? null
    }
    let value: unknown = open.length > 0 && path.startsWith("$") ? open[0] : null
    for (let at = 1; at < path.length && value !== null;) {
      let segment = ""
      if (path[at] === "[") {
        const end = path.indexOf("]", at)
        if (end < 0) {
          return null
        }
        segment = path.slice(at + 1, end)
        at = end + 1
      } else if (path[at] === ".") {
        // A backslash comes before every character that is no letter, no digit and below 129.
        for (at++; at < path.length && path[at] !== "." && path[at] !== "["; at++) {
          if (path[at] === "\\") {
            at++
          }
          segment += path[at] ?? ""
        }
      } else {
        return null
      }
      value = value instanceof Map ? this.lookUp(value, segment) : member(value, segment)
    }
    return value
  }

  /**
   * What a path's segment means in a map with objects for keys: the value of the queue with that text, or a key, all of
   * which are named `null`, so that only the one of a map with one key is known.
   */
  private lookUp(map: ObjectKeyed, segment: string): unknown {
    if (segment === "null") {
      return map.size === 1 ? [...map.keys()][0] : null
    }
    let byQueue = this.byQueue.get(map)
    if (byQueue === undefined) {
      byQueue = new Map()
      for (const [key, value] of map) {
        byQueue.set(queueText(key), value)
      }
      this.byQueue.set(map, byQueue)
    }
    return byQueue.get(segment) ?? null
  }
}

/** That a container is a key, and no member of the one around it. */
const detached = Symbol("detached")

const member = (value: unknown, segment: string): unknown => {
  if (typeof value !== "object" || value === null) {
    return null
  }
  return Array.isArray(value)
    ? value[/^\d+$/.test(segment) ? Number(segment) : value.length] ?? null
    : (value as JsonRecord)[segment] ?? null
}

/**
 * Parses a text, or its bytes in UTF-8. Never throws, and takes time in proportion to the text.
 *
 * Objects come as records without a prototype, so that every key, `__proto__` too, is plain data; of a key that comes
 * twice the last one counts. An object with objects for keys comes as a `Map`. References are resolved to the very object
 * that they mean, which may be one that contains them: what is returned may be shared, and cyclic. `NaN` is `null`, and
 * so is a reference that leads nowhere, as in Java.
 */
export const parse = (json: string | Uint8Array): unknown => {
  const text = typeof json === "string"
    ? json
    : Buffer.from(json.buffer, json.byteOffset, json.byteLength).toString("utf8")
  const reader = new Reader(text)
  const value = reader.read()
  return reader.violation ?? value
}
