/**
 * Addresses in messages: 4 or 16 bytes of IP, then the port as an integer of 4 bytes. As a text they are `1.2.3.4:5` or
 * `[::1]:5`, IPv6 as RFC 5952 writes it.
 */

/** An address in bytes. */
export interface HostPort {
  /** 4 or 16 bytes. */
  readonly ip: Uint8Array
  readonly port: number
}

const v4Text = (bytes: Uint8Array, at: number): string =>
  `${bytes[at]}.${bytes[at + 1]}.${bytes[at + 2]}.${bytes[at + 3]}`

const v6Text = (bytes: Uint8Array, at: number): string => {
  const groups = Array.from({ length: 8 }, (_, i) => (bytes[at + 2 * i] << 8) | bytes[at + 2 * i + 1])
  let zerosAt = -1
  let zeros = 1
  for (let i = 0; i < 8; i++) {
    let end = i
    while (end < 8 && groups[end] === 0) {
      end++
    }
    if (end - i > zeros) {
      zerosAt = i
      zeros = end - i
    }
    i = Math.max(i, end - 1)
  }
  const text = (from: number, to: number): string => groups.slice(from, to).map((group) => group.toString(16)).join(":")
  return zerosAt < 0 ? text(0, 8) : `${text(0, zerosAt)}::${text(zerosAt + zeros, 8)}`
}

/** The text of the address at `at`, whose IP has `ipSize` bytes. */
export const format = (bytes: Uint8Array, at: number, ipSize: 4 | 16, port: number): string =>
  ipSize === 4 ? `${v4Text(bytes, at)}:${port}` : `[${v6Text(bytes, at)}]:${port}`

const v4Pattern = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/

const parseV4 = (text: string): ReadonlyArray<number> | undefined => {
  const match = v4Pattern.exec(text)
  if (match === null) {
    return undefined
  }
  const bytes = match.slice(1).map(Number)
  return bytes.every((byte) => byte < 256) ? bytes : undefined
}

const groupPattern = /^[0-9a-fA-F]{1,4}$/

/** The bytes of groups joined by colons; the last one may be an IPv4 address. */
const parseGroups = (text: string, last: boolean): Array<number> | undefined => {
  const bytes: Array<number> = []
  if (text === "") {
    return bytes
  }
  const groups = text.split(":")
  for (let i = 0; i < groups.length; i++) {
    const group = groups[i]
    const v4 = last && i === groups.length - 1 ? parseV4(group) : undefined
    if (v4 !== undefined) {
      bytes.push(...v4)
    } else if (groupPattern.test(group)) {
      const value = parseInt(group, 16)
      bytes.push(value >> 8, value & 0xff)
    } else {
      return undefined
    }
  }
  return bytes
}

const parseV6 = (text: string): ReadonlyArray<number> | undefined => {
  const zerosAt = text.indexOf("::")
  if (zerosAt < 0) {
    const bytes = parseGroups(text, true)
    return bytes?.length === 16 ? bytes : undefined
  }
  const head = parseGroups(text.slice(0, zerosAt), false)
  const tail = parseGroups(text.slice(zerosAt + 2), true)
  if (head === undefined || tail === undefined || head.length + tail.length > 14) {
    return undefined
  }
  return [...head, ...Array.from({ length: 16 - head.length - tail.length }, () => 0), ...tail]
}

/** The bytes of an IP address in a text, without brackets; `undefined` when it is none. */
export const parseIp = (text: string): Uint8Array | undefined => {
  const bytes = parseV4(text) ?? parseV6(text)
  return bytes === undefined ? undefined : Uint8Array.from(bytes)
}

const portPattern = /^\d{1,5}$/

/** The bytes of an address in a text; `undefined` when it is none. */
export const parse = (text: string): HostPort | undefined => {
  const colon = text.lastIndexOf(":")
  const portText = text.slice(colon + 1)
  const port = Number(portText)
  if (colon < 1 || !portPattern.test(portText) || port > 65535) {
    return undefined
  }
  const bracketed = text[0] === "[" && text[colon - 1] === "]"
  const bytes = bracketed ? parseV6(text.slice(1, colon - 1)) : parseV4(text.slice(0, colon))
  return bytes === undefined ? undefined : { ip: Uint8Array.from(bytes), port }
}
