/**
 * Ext fields that are the same from request to request but for two values: what is the same is encoded once.
 *
 * A JSON header of 15 ext fields takes 1.1 µs to write from a record and 0.35 µs this way, and a record of 15 fields
 * takes 0.2 µs to make, which this way is not made at all (Node 24.21).
 */
import type { ExtFields } from "./RemotingCommand.ts"

/** As the encoder of records writes it: lone surrogates become U+FFFD. */
const quoted = (text: string): string => JSON.stringify(Buffer.from(text).toString())

/** What the ext fields of many requests have in common. */
export class FieldsTemplate {
  /** The JSON before the first value, between the two, and after the second: whole members with their commas. */
  readonly json: readonly [Uint8Array, Uint8Array, Uint8Array]
  /** How many ext fields there are. */
  readonly count: number
  private readonly fields: ExtFields
  private readonly first: string
  private readonly second: string
  private readonly before: string
  private readonly after: string

  /**
   * @param fields all ext fields, in their order on the wire; the values of `first` and `second` do not count
   * @param first the name of the field whose value comes first, a member of `fields`
   * @param second the name of the other, which comes later in `fields`
   * @param before what each second value begins with, in whole characters
   * @param after what each second value ends with
   */
  constructor(fields: ExtFields, first: string, second: string, before = "", after = "") {
    this.fields = { ...fields }
    this.first = first
    this.second = second
    this.before = before
    this.after = after
    const names = Object.keys(fields)
    this.count = names.length
    const firstAt = names.indexOf(first)
    const secondAt = names.indexOf(second)
    if (firstAt < 0 || secondAt <= firstAt) {
      throw new RangeError(`${first} and ${second} are not fields in this order`)
    }
    const members = (from: number, to: number): string =>
      names.slice(from, to).map((name) => `${quoted(name)}:${quoted(fields[name])},`).join("")
    this.json = [
      Buffer.from(`${members(0, firstAt)}${quoted(first)}:"`),
      Buffer.from(`",${members(firstAt + 1, secondAt)}${quoted(second)}:${quoted(before).slice(0, -1)}`),
      Buffer.from(`${quoted(after).slice(1)},${members(secondAt + 1, names.length)}`)
    ]
  }

  /** The ext fields of one request; `second` without what all begin and end with. */
  fill(first: string, second: string): PreparedFields {
    return new PreparedFields(this, first, second)
  }

  /** The ext fields of one request, as a record. */
  toRecord(first: string, second: string): ExtFields {
    return { ...this.fields, [this.first]: first, [this.second]: this.before + second + this.after }
  }
}

/** The ext fields of one request. Made by `FieldsTemplate.fill`. */
export class PreparedFields {
  readonly template: FieldsTemplate
  readonly first: string
  readonly second: string

  constructor(template: FieldsTemplate, first: string, second: string) {
    this.template = template
    this.first = first
    this.second = second
  }

  /** The same as a record. */
  toRecord(): ExtFields {
    return this.template.toRecord(this.first, this.second)
  }
}
