/**
 * Custom headers: typed records and the ext fields that stand for them on the wire.
 *
 * A header is described once, field by field, and read by client and server alike. Unlike Java, which logs a missing or
 * unreadable field and goes on with `null` or 0 (RocketMQ 5.3.3 `RemotingCommand.decodeCommandCustomHeader`), decoding
 * says which field it was.
 */
import type { ExtFields } from "../RemotingCommand.ts"

/** A header that could not be decoded, as plain data. Made by the codecs alone; recognised by `isViolation`. */
export interface HeaderViolation {
  /** The field, by its name in the record. */
  readonly field: string
  /** What is wrong with it, in words; quotes nothing of what was received. */
  readonly detail: string
}

/** A class, so that no header, whatever its fields, passes for a violation. */
class Violation implements HeaderViolation {
  readonly field: string
  readonly detail: string

  constructor(field: string, detail: string) {
    this.field = field
    this.detail = detail
  }
}

/** Whether decoding failed. */
export const isViolation = (value: unknown): value is HeaderViolation => value instanceof Violation

/** A violation, for codecs that are not made by `make`. */
export const violation = (field: string, detail: string): HeaderViolation => new Violation(field, detail)

/** Writes a header as ext fields and reads it back. */
export interface HeaderCodec<T> {
  /** The ext fields of `header`, in the order of its description; what is `undefined` is left out. */
  readonly encode: (header: T) => ExtFields
  /** The header in `fields`, or its first field that is missing or unreadable. Other ext fields are ignored. */
  readonly decode: (fields: ExtFields) => T | HeaderViolation
}

/** How one field travels. `Required` and `Optional` tell the two kinds of members apart in the record's type. */
export interface Field<T, Presence extends "Required" | "Optional" = "Required" | "Optional"> {
  readonly presence: Presence
  /** The name on the wire, where it is not the name in the record. */
  readonly wireName: string | undefined
  /** What the field must be, in words. */
  readonly expected: string
  /** The value of a text, `undefined` when it stands for none. */
  readonly read: (text: string) => T | undefined
  /** The value when the field is missing; `undefined`: a required field has none. */
  readonly absent: T | undefined
}

/** The fields of a header by their names in the record. */
export type Fields = Readonly<Record<string, Field<string | number | boolean>>>

/** The record that `Fields` describe. */
export type TypeOf<F extends Fields> =
  & { readonly [K in keyof F as F[K] extends Field<infer _, "Required"> ? K : never]: ValueOf<F[K]> }
  & { readonly [K in keyof F as F[K] extends Field<infer _, "Optional"> ? K : never]?: ValueOf<F[K]> | undefined }

type ValueOf<F> = F extends Field<infer T> ? T : never

/** The record that a codec reads and writes. */
export type Type<C> = C extends HeaderCodec<infer T> ? T : never

const required = <T>(expected: string, read: (text: string) => T | undefined): Field<T, "Required"> => ({
  presence: "Required",
  wireName: undefined,
  expected,
  read,
  absent: undefined
})

const integer = /^[+-]?\d+$/

// Adding 0 to what was read turns -0 into 0.

/** An integer as Java's `Integer.parseInt` and `Long.parseLong` read it, `NaN` when `text` is none. */
const parseInteger = (text: string): number => integer.test(text) ? Number(text) : Number.NaN

const readInt = (text: string): number | undefined => {
  const value = parseInteger(text)
  return value >= -0x80000000 && value <= 0x7fffffff ? value + 0 : undefined
}

const readLong = (text: string): number | undefined => {
  const value = parseInteger(text)
  return Number.isSafeInteger(value) ? value + 0 : undefined
}

const readSaturatingLong = (text: string): number | undefined => {
  const value = parseInteger(text)
  return Number.isNaN(value)
    ? undefined
    : Math.min(Math.max(value, Number.MIN_SAFE_INTEGER), Number.MAX_SAFE_INTEGER) + 0
}

/** A text. */
export const text: Field<string, "Required"> = required("a text", (value) => value)

/** An integer of 32 bits. */
export const int: Field<number, "Required"> = required("an integer of 32 bits", readInt)

/** A Java `long`. What a number does not hold exactly (beyond ±(2^53 − 1)) is a violation. */
export const long: Field<number, "Required"> = required("an integer of 53 bits", readLong)

/** A Java `long` of which only the order matters: beyond ±(2^53 − 1) it decodes to that limit. */
export const saturatingLong: Field<number, "Required"> = required("an integer", readSaturatingLong)

/** A boolean as Java's `Boolean.parseBoolean` reads it: "true" in any case, and everything else is `false`. */
export const boolean: Field<boolean, "Required"> = required(
  "a boolean",
  (value) => value === "true" || value.toLowerCase() === "true"
)

/** One of a few texts, whatever their case on the wire. */
export const literal = <const T extends string>(...values: ReadonlyArray<T>): Field<T, "Required"> =>
  required(values.join(" or "), (value) => {
    const upperCase = value.toUpperCase()
    return values.find((candidate) => candidate.toUpperCase() === upperCase)
  })

/** A field that may be missing. */
export const optional = <T>(field: Field<T, "Required">): Field<T, "Optional"> => ({ ...field, presence: "Optional" })

/** A field that stands for `absent` when it is missing. */
export const withDefault = <T>(field: Field<T, "Required">, absent: NoInfer<T>): Field<T, "Required"> => ({
  ...field,
  absent
})

/** A field with another name on the wire than in the record. */
export const named = <T, P extends "Required" | "Optional">(wireName: string, field: Field<T, P>): Field<T, P> => ({
  ...field,
  wireName
})

/** The codec of the header with these fields. */
export const make = <const F extends Fields>(fields: F): HeaderCodec<TypeOf<F>> => {
  const names = Object.keys(fields)
  const wireNames = names.map((name) => fields[name].wireName ?? name)
  return {
    encode: (header) => {
      const values = header as Readonly<Record<string, string | number | boolean | undefined>>
      const extFields: Record<string, string> = {}
      for (let i = 0; i < names.length; i++) {
        const value = values[names[i]]
        if (value !== undefined) {
          extFields[wireNames[i]] = typeof value === "string" ? value : String(value)
        }
      }
      return extFields
    },
    decode: (extFields) => {
      const header: Record<string, string | number | boolean> = {}
      for (let i = 0; i < names.length; i++) {
        const name = names[i]
        const field = fields[name]
        const received: string | undefined = extFields[wireNames[i]]
        if (received === undefined) {
          if (field.absent !== undefined) {
            header[name] = field.absent
          } else if (field.presence === "Required") {
            return violation(name, "is missing")
          }
        } else {
          const value = field.read(received)
          if (value === undefined) {
            return violation(name, `is not ${field.expected}`)
          }
          header[name] = value
        }
      }
      return header as TypeOf<F>
    }
  }
}

/** What every request to a broker may carry. */
export interface Request {
  /** The broker that is meant, `bname` on the wire: proxies refuse requests without it, brokers do not look at it. */
  readonly brokerName?: string | undefined
}

/** The record of a request with these fields. */
export type RequestOf<F extends Fields> = TypeOf<F> & Request

/** The codec of a request to a broker: `fields`, and the broker's name. */
export const makeRequest = <const F extends Fields>(fields: F): HeaderCodec<RequestOf<F>> => {
  // The compiler cannot see through TypeOf that its type is that of `fields` with one member more.
  const codec: unknown = make({ ...fields, brokerName: named("bname", optional(text)) })
  return codec as HeaderCodec<RequestOf<F>>
}
