/** Requests that no client sends: every code with fields that are missing, malformed or absurd, and bodies likewise. */
import type { Example, Names } from "./Catalogue.ts"
import type { Request } from "./Wire.ts"

export interface BadRequest {
  /** What is wrong, in words. */
  readonly name: string
  readonly request: (names: Names) => Request
}

/** Instead of what a field is to be. */
const absurd: ReadonlyArray<readonly [name: string, value: string]> = [
  ["a word", "abc"],
  ["empty", ""],
  ["blank", " "],
  ["-1", "-1"],
  ["2^31", "2147483648"],
  ["2^63 - 1", "9223372036854775807"],
  ["too long for any integer", "99999999999999999999"],
  ["very long", "x".repeat(300)],
  ["not ASCII", "é中"]
]

const bodies: ReadonlyArray<readonly [name: string, value: string | Uint8Array | undefined]> = [
  ["missing", undefined],
  ["{}", "{}"],
  ["[]", "[]"],
  ["null", "null"],
  ["a word", "garbage"],
  ["a number", "123"],
  ["bytes", Uint8Array.of(0, 1, 2, 0xff, 0xfe, 0x7b)]
]

/** All that can be wrong with a request. */
export const badRequests = ({ body, code, fields }: Example, names: Names): ReadonlyArray<BadRequest> => {
  const content = (of: Names) => body?.(of)
  const cases: Array<BadRequest> = [
    { name: "no header", request: (of) => ({ code, body: content(of) }) },
    { name: "an empty header", request: (of) => ({ code, extFields: {}, body: content(of) }) },
    {
      name: "fields that nobody knows",
      request: (of) => ({ code, extFields: { ...fields(of), __proto__x: "1", constructor: "2" }, body: content(of) })
    },
    {
      name: "a version of the future",
      request: (of) => ({ code, extFields: fields(of), body: content(of), version: 999_999 })
    },
    {
      name: "a language of nobody",
      request: (of) => ({ code, extFields: fields(of), body: content(of), language: "KLINGON" })
    }
  ]
  for (const field of Object.keys(fields(names))) {
    cases.push({
      name: `${field} missing`,
      request: (of) => {
        const { [field]: _, ...rest } = fields(of)
        return { code, extFields: rest, body: content(of) }
      }
    })
    for (const [what, value] of absurd) {
      cases.push({
        name: `${field} ${what}`,
        request: (of) => ({ code, extFields: { ...fields(of), [field]: value }, body: content(of) })
      })
    }
  }
  for (const [what, value] of bodies) {
    cases.push({ name: `body ${what}`, request: (of) => ({ code, extFields: fields(of), body: value }) })
  }
  const valid = content(names)
  if (typeof valid === "string" && valid.startsWith("{")) {
    cases.push({
      name: "body cut off",
      request: (of) => ({ code, extFields: fields(of), body: String(content(of)).slice(0, -5) })
    })
    for (const member of Object.keys(JSON.parse(valid) as object)) {
      const changed = (value: unknown) => (of: Names): Request => ({
        code,
        extFields: fields(of),
        body: JSON.stringify({ ...JSON.parse(String(content(of))) as object, [member]: value })
      })
      cases.push({ name: `body without ${member}`, request: changed(undefined) })
      cases.push({ name: `body with ${member} null`, request: changed(null) })
      cases.push({ name: `body with ${member} a word`, request: changed("abc") })
      cases.push({ name: `body with ${member} -1`, request: changed(-1) })
      cases.push({ name: `body with ${member} an empty list`, request: changed([]) })
    }
  }
  return cases
}
