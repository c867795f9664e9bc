/**
 * JSON bodies: typed values and the JSON that stands for them, as RocketMQ writes and reads it with fastjson.
 *
 * A body is described once and both written and read from that. Reading is as lenient as Java's where that loses
 * nothing: unknown members are ignored, a member that is missing or `null` takes Java's default, numbers and booleans may
 * come as texts. What Java would read as `null` and then stumble over is a violation, with the path of the value.
 *
 * These are not Schemas, because fastjson's JSON needs its own reading at every level (keys that are objects, numbers as
 * keys) and is written back in that same form, which a Java peer needs.
 */
import * as FastJson from "./FastJson.ts"

/** A body that could not be decoded, as plain data; recognised by `isViolation`. */
export interface BodyViolation {
  /** Where in the body: `$` is the whole, `$.queueDatas[0].perm` a member. */
  readonly path: string
  /** What is wrong, in words; quotes nothing of what was received. */
  readonly detail: string
}

/** A class, so that no body, whatever its members, passes for a violation. */
class Violation implements BodyViolation {
  readonly path: string
  readonly detail: string

  constructor(path: string, detail: string) {
    this.path = path
    this.detail = detail
  }
}

/** A violation, for codecs that are not made by `make`. */
export const violation = (path: string, detail: string): BodyViolation => new Violation(path, detail)

/** Whether decoding failed. */
export const isViolation = (value: unknown): value is BodyViolation => value instanceof Violation

/** The state of decoding one body. */
export interface Reading {
  /** What went wrong first: the path is put together on the way out. */
  violation: { path: string; readonly detail: string } | undefined
  /** How many values may still be read: references can make a small text stand for a huge value. */
  valuesLeft: number
}

/** Which JSON to write: fastjson's, with numbers as keys unquoted, or such as any JSON parser takes. */
export type Dialect = "FastJson" | "Standard"

/** A kind of value inside a body. */
export interface Shape<T> {
  /** The value of a JSON value, or `undefined`: when `reading` has no violation then, as if it were missing. */
  readonly read: (json: unknown, reading: Reading) => T | undefined
  /** The JSON of a value. */
  readonly write: (value: T, dialect: Dialect) => string
}

/** Writes a body and reads it back. */
export interface BodyCodec<T> extends Shape<T> {
  /** The body of `value`, in UTF-8. Members that are `undefined` are left out. */
  readonly encode: (value: T) => Uint8Array
  /** The value of a body, or what is wrong with it; that there is none is wrong too. Never throws. */
  readonly decode: (bytes: Uint8Array | undefined) => T | BodyViolation
}

/** What a codec or shape reads and writes. */
export type Type<S> = S extends Shape<infer T> ? T : never

const fail = (reading: Reading, detail: string): undefined => {
  reading.violation ??= { path: "", detail }
  return undefined
}

/** Puts `step` before the path of a violation. */
const within = (reading: Reading, step: string): undefined => {
  if (reading.violation !== undefined) {
    reading.violation.path = step + reading.violation.path
  }
  return undefined
}

/** Counts values; fails when there are more than the text can stand for without references to references. */
const spend = (reading: Reading, count: number): boolean => {
  reading.valuesLeft -= count
  if (reading.valuesLeft < 0) {
    fail(reading, "is much larger than its text")
    return false
  }
  return true
}

/** A text. Numbers and booleans become one, as in Java. */
export const text: Shape<string> = {
  read: (json, reading) =>
    typeof json === "string"
      ? json
      : typeof json === "number" || typeof json === "boolean"
      ? String(json)
      : fail(reading, "is not a text"),
  write: (value) => JSON.stringify(value)
}

const numberText = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$/

const toNumber = (json: unknown): number =>
  typeof json === "number" ? json : typeof json === "string" && numberText.test(json) ? Number(json) : Number.NaN

const number = (isValid: (value: number) => boolean, expected: string): Shape<number> => ({
  read: (json, reading) => {
    const value = toNumber(json)
    // Adding 0 turns -0 into 0.
    return isValid(value) ? value + 0 : fail(reading, `is not ${expected}`)
  },
  write: (value) => Number.isFinite(value) ? String(value) : "null"
})

/** An integer of 32 bits. */
export const int: Shape<number> = number((value) => (value | 0) === value, "an integer of 32 bits")

/** A Java `long`. What a number does not hold exactly (beyond ±(2^53 − 1)) is a violation. */
export const long: Shape<number> = number(Number.isSafeInteger, "an integer of 53 bits")

/** A Java `double`, which Java writes as `null` when it is not finite. */
export const double: Shape<number> = number(Number.isFinite, "a number")

/** A boolean, or its text in any case, or a number: 1 is `true`. */
export const boolean: Shape<boolean> = {
  read: (json, reading) => {
    const value = typeof json === "string" ? json.toLowerCase() : json
    return value === true || value === "true" || value === 1 || value === "1"
      ? true
      : value === false || value === "false" || value === 0 || value === "0"
      ? false
      : fail(reading, "is not a boolean")
  },
  write: String
}

/** Bytes, as base64. */
export const base64: Shape<Uint8Array> = {
  read: (json, reading) =>
    typeof json === "string" && /^[\w+/-]*={0,2}$/.test(json)
      ? new Uint8Array(Buffer.from(json, "base64"))
      : fail(reading, "is not base64"),
  write: (value) => `"${Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("base64")}"`
}

/** The name of one of a Java enum's constants, or its ordinal. One that is unknown counts as missing, as in Java. */
export const enumeration = <const T extends string>(...names: ReadonlyArray<T>): Shape<T> => ({
  read: (json, reading) =>
    typeof json === "string"
      ? names.find((name) => name === json)
      : typeof json === "number"
      ? names[json]
      : fail(reading, `is none of ${names.join(", ")}`),
  write: (value) => JSON.stringify(value)
})

const isRecord = (json: unknown): json is Readonly<Record<string, unknown>> =>
  typeof json === "object" && json !== null && !Array.isArray(json) && !(json instanceof Map)

/** One element of a container: its value, or `undefined` and a violation when there is none. */
const readElement = <T>(shape: Shape<T>, json: unknown, reading: Reading): T | undefined => {
  const value = json === null || json === undefined ? undefined : shape.read(json, reading)
  return value === undefined ? fail(reading, "is missing") : value
}

/** A Java `List` or `Set`. */
export const list = <T>(element: Shape<T>): Shape<ReadonlyArray<T>> => ({
  read: (json, reading) => {
    if (!Array.isArray(json)) {
      return fail(reading, "is not an array")
    }
    const values: Array<T> = []
    if (spend(reading, json.length)) {
      for (let i = 0; i < json.length; i++) {
        const value = readElement(element, json[i], reading)
        if (value === undefined) {
          return within(reading, `[${i}]`)
        }
        values.push(value)
      }
    }
    return values
  },
  write: (values, dialect) => `[${values.map((value) => element.write(value, dialect)).join(",")}]`
})

/** A record without entries, for defaults: without a prototype like every record that is read. */
export const noEntries: Readonly<Record<string, never>> = Object.freeze(Object.create(null))

const step = (key: string): string => /^\w{1,64}$/.test(key) ? `.${key}` : `[${JSON.stringify(key.slice(0, 64))}]`

/** A Java `Map` with texts as keys: a record, without a prototype when it was read. `null` values are left out. */
export const record = <T>(element: Shape<T>): Shape<Readonly<Record<string, T>>> => ({
  read: (json, reading) => {
    if (!isRecord(json)) {
      return fail(reading, "is not an object")
    }
    const values: Record<string, T> = Object.create(null)
    const keys = Object.keys(json)
    if (spend(reading, keys.length)) {
      for (const key of keys) {
        if (json[key] !== null) {
          const value = readElement(element, json[key], reading)
          if (value === undefined) {
            return within(reading, step(key))
          }
          values[key] = value
        }
      }
    }
    return values
  },
  write: (values, dialect) =>
    `{${Object.keys(values).map((key) => `${JSON.stringify(key)}:${element.write(values[key], dialect)}`).join(",")}}`
})

/** A Java `Map` with integers as keys. They are unquoted on the wire, unless the JSON is to be standard. */
export const intMap = <T>(element: Shape<T>): Shape<ReadonlyMap<number, T>> => ({
  read: (json, reading) => {
    if (!isRecord(json)) {
      return fail(reading, "is not an object")
    }
    const values = new Map<number, T>()
    const keys = Object.keys(json)
    if (spend(reading, keys.length)) {
      for (const key of keys) {
        const id = /^[+-]?\d+$/.test(key) ? Number(key) : Number.NaN
        if (!Number.isSafeInteger(id)) {
          fail(reading, "is not named by an integer")
          return within(reading, step(key))
        }
        const value = readElement(element, json[key], reading)
        if (value === undefined) {
          return within(reading, step(key))
        }
        values.set(id + 0, value)
      }
    }
    return values
  },
  write: (values, dialect) => {
    const mark = dialect === "Standard" ? "\"" : ""
    return `{${[...values].map(([key, value]) => `${mark}${key}${mark}:${element.write(value, dialect)}`).join(",")}}`
  }
})

/**
 * A Java `Map` with objects as keys, as pairs: objects that are equal are not one key to a `Map`. Such a map has no
 * standard JSON.
 */
export const objectMap = <K, V>(key: Shape<K>, element: Shape<V>): Shape<ReadonlyArray<readonly [K, V]>> => ({
  read: (json, reading) => {
    const entries = json instanceof Map
      ? [...json as ReadonlyMap<unknown, unknown>]
      : isRecord(json) && Object.keys(json).length === 0
      ? []
      : undefined
    if (entries === undefined) {
      return fail(reading, "is not an object with objects as keys")
    }
    const values: Array<readonly [K, V]> = []
    if (spend(reading, entries.length)) {
      for (let i = 0; i < entries.length; i++) {
        const name = readElement(key, entries[i][0], reading)
        if (name === undefined) {
          return within(reading, `[key ${i}]`)
        }
        const value = readElement(element, entries[i][1], reading)
        if (value === undefined) {
          return within(reading, `[value ${i}]`)
        }
        values.push([name, value])
      }
    }
    return values
  },
  write: (entries, dialect) =>
    `{${entries.map(([name, value]) => `${key.write(name, dialect)}:${element.write(value, dialect)}`).join(",")}}`
})

/** A member that is more than a shape that must be there. */
export interface Member<T, Presence extends "Required" | "Optional" = "Required" | "Optional"> {
  readonly presence: Presence
  /** The name on the wire, where it is not the name in the value. */
  readonly wireName: string | undefined
  readonly shape: Shape<T>
  /** The value when the member is missing; `undefined`: a required member has none. */
  readonly absent: T | undefined
}

const toMember = <T>(shape: Shape<T> | Member<T>): Member<T> =>
  "shape" in shape ? shape : { presence: "Required", wireName: undefined, shape, absent: undefined }

/** A member that may be missing; its absence is Java's `null`. */
export const optional = <T>(shape: Shape<T>): Member<T, "Optional"> => ({
  presence: "Optional",
  wireName: undefined,
  shape,
  absent: undefined
})

/** A member that stands for `absent` when it is missing. */
export const withDefault = <T>(shape: Shape<T>, absent: NoInfer<T>): Member<T, "Required"> => ({
  presence: "Required",
  wireName: undefined,
  shape,
  absent
})

/** A member with another name on the wire than in the value. */
export const named: {
  <T, P extends "Required" | "Optional">(wireName: string, member: Member<T, P>): Member<T, P>
  <T>(wireName: string, shape: Shape<T>): Member<T, "Required">
} = <T>(wireName: string, member: Shape<T> | Member<T>): Member<T, never> => ({
  ...toMember(member),
  presence: toMember(member).presence as never,
  wireName
})

/** Any shape. */
interface AnyShape {
  readonly read: (json: unknown, reading: Reading) => unknown
  readonly write: (value: never, dialect: Dialect) => string
}

/** The members of an object by their names in the value. A bare shape is a member that must be there. */
export type Members = Readonly<
  Record<
    string,
    AnyShape | {
      readonly presence: "Required" | "Optional"
      readonly wireName: string | undefined
      readonly shape: AnyShape
      readonly absent: unknown
    }
  >
>

/** The object that `Members` describe. */
export type TypeOf<M extends Members> =
  & { readonly [K in keyof M as M[K] extends Member<infer _, "Optional"> ? never : K]: ValueOf<M[K]> }
  & { readonly [K in keyof M as M[K] extends Member<infer _, "Optional"> ? K : never]?: ValueOf<M[K]> | undefined }

type ValueOf<M> = M extends Member<infer T> ? T : M extends Shape<infer T> ? T : never

/** An object with these members. */
export const object = <const M extends Members>(members: M): Shape<TypeOf<M>> => {
  const names = Object.keys(members)
  const described = names.map((name) => {
    const member = toMember(members[name] as Shape<unknown> | Member<unknown>)
    return { ...member, wireName: member.wireName ?? name }
  })
  return {
    read: (json, reading) => {
      if (!isRecord(json)) {
        return fail(reading, "is not an object")
      }
      const value: Record<string, unknown> = {}
      if (spend(reading, 1)) {
        for (let i = 0; i < names.length; i++) {
          const { absent, presence, shape, wireName } = described[i]
          const received = json[wireName]
          const read = received === undefined || received === null ? undefined : shape.read(received, reading)
          if (reading.violation !== undefined) {
            return within(reading, `.${wireName}`)
          }
          if (read !== undefined) {
            value[names[i]] = read
          } else if (absent !== undefined) {
            value[names[i]] = absent
          } else if (presence === "Required") {
            fail(reading, "is missing")
            return within(reading, `.${wireName}`)
          }
        }
      }
      return value as TypeOf<M>
    },
    write: (value, dialect) => {
      const values = value as Readonly<Record<string, unknown>>
      let json = ""
      for (let i = 0; i < names.length; i++) {
        const member = values[names[i]]
        if (member !== undefined) {
          const { shape, wireName } = described[i]
          json += `${json === "" ? "" : ","}"${wireName}":${shape.write(member, dialect)}`
        }
      }
      return `{${json}}`
    }
  }
}

/** How many values a body may hold for each character of its text: more than that takes references to references. */
const valuesPerCharacter = 16

/** The codec of a body of that shape. */
export const body = <T>(shape: Shape<T>): BodyCodec<T> => ({
  read: shape.read,
  write: shape.write,
  encode: (value) => Buffer.from(shape.write(value, "FastJson"), "utf8"),
  decode: (bytes) => {
    if (bytes === undefined || bytes.length === 0) {
      return violation("$", "there is no body")
    }
    const json = FastJson.parse(bytes)
    if (FastJson.isViolation(json)) {
      return violation("$", `is not JSON at character ${json.offset}: ${json.detail}`)
    }
    const reading: Reading = { violation: undefined, valuesLeft: valuesPerCharacter * bytes.length }
    const value = shape.read(json, reading)
    return reading.violation !== undefined
      ? violation(`$${reading.violation.path}`, reading.violation.detail)
      : value ?? violation("$", "is missing")
  }
})

/** The codec of the body that is an object with these members. */
export const make = <const M extends Members>(members: M): BodyCodec<TypeOf<M>> => body(object(members))
