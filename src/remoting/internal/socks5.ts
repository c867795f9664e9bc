/**
 * The client's side of a SOCKS5 negotiation (RFC 1928, user name and password
 * by RFC 1929), as bytes in and bytes out.
 */

/** What a chunk of the proxy's answer led to. */
export interface Step {
  /** Bytes to send now. */
  readonly send?: Uint8Array
  /** Why the negotiation failed. */
  readonly failure?: string
  /** The proxy has connected; `rest` follows its answer. */
  readonly done: boolean
  readonly rest: Buffer
}

const replies: Record<number, string> = {
  1: "general failure",
  2: "connection not allowed by its rules",
  3: "network unreachable",
  4: "host unreachable",
  5: "connection refused",
  6: "time to live expired",
  7: "command not supported",
  8: "address type not supported"
}

const none = Buffer.alloc(0)
const proceed = (send?: Uint8Array): Step =>
  send === undefined ? { done: false, rest: none } : { send, done: false, rest: none }
const fail = (failure: string): Step => ({ failure, done: false, rest: none })

const ipv4 = (host: string): ReadonlyArray<number> | undefined => {
  const parts = host.split(".")
  return parts.length === 4 && parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) < 256)
    ? parts.map(Number)
    : undefined
}

const ipv6 = (host: string): Uint8Array | undefined => {
  if (!host.includes(":")) return undefined
  const [head, tail] = host.split("::") as [string, string | undefined]
  const words = (text: string) => text === "" ? [] : text.split(":").map((word) => Number.parseInt(word, 16))
  const left = words(head)
  const right = tail === undefined ? [] : words(tail)
  const all = left.concat(new Array<number>(Math.max(0, 8 - left.length - right.length)).fill(0), right)
  const bytes = Buffer.alloc(16)
  all.slice(0, 8).forEach((word, index) => bytes.writeUInt16BE(word & 0xffff, index * 2))
  return bytes
}

const requestFor = (host: string, port: number): Uint8Array => {
  const v4 = ipv4(host)
  const v6 = ipv6(host)
  const name = Buffer.from(host, "utf8")
  const address = v4 !== undefined
    ? Buffer.from([1, ...v4])
    : v6 !== undefined
    ? Buffer.concat([Buffer.from([4]), v6])
    : Buffer.concat([Buffer.from([3, name.length]), name])
  return Buffer.concat([Buffer.from([5, 1, 0]), address, Buffer.from([port >> 8, port & 0xff])])
}

/** Starts a negotiation: send `greeting`, then `push` what the proxy says. */
export const make = (options: {
  readonly host: string
  readonly port: number
  readonly username: string | undefined
  readonly password: string | undefined
}) => {
  const withPassword = options.username !== undefined
  const ask = (): Step => {
    if (Buffer.byteLength(options.host) > 255) return fail("cannot be told a host name longer than 255 bytes")
    stage = "connect"
    return proceed(requestFor(options.host, options.port))
  }
  let stage: "method" | "auth" | "connect" = "method"
  let held: Buffer = none

  const step = (): Step => {
    if (stage === "method") {
      if (held.length < 2) return proceed()
      const [version, method] = held
      held = held.subarray(2)
      if (version !== 5) return fail("is not a SOCKS5 proxy")
      if (method === 2 && withPassword) {
        stage = "auth"
        const user = Buffer.from(options.username, "utf8")
        const password = Buffer.from(options.password ?? "", "utf8")
        if (user.length > 255 || password.length > 255) return fail("user name or password is longer than 255 bytes")
        return proceed(Buffer.concat([Buffer.from([1, user.length]), user, Buffer.from([password.length]), password]))
      }
      if (method !== 0) return fail(withPassword ? "accepts no password" : "wants a user name and password")
      return ask()
    }
    if (stage === "auth") {
      if (held.length < 2) return proceed()
      const status = held[1]
      held = held.subarray(2)
      if (status !== 0) return fail("refused the user name or password")
      return ask()
    }
    if (held.length < 5) return proceed()
    if (held[0] !== 5) return fail("is not a SOCKS5 proxy")
    if (held[1] !== 0) return fail(replies[held[1]!] ?? `answered ${held[1]}`)
    const type = held[3]
    const length = type === 1 ? 10 : type === 4 ? 22 : type === 3 ? 7 + held[4]! : 0
    if (length === 0) return fail(`answered with address type ${type}`)
    if (held.length < length) return proceed()
    return { done: true, rest: held.subarray(length) }
  }

  return {
    greeting: Buffer.from(withPassword ? [5, 2, 0, 2] : [5, 1, 0]) as Uint8Array,
    push: (chunk: Uint8Array): Step => {
      held = held.length === 0 ? Buffer.from(chunk) : Buffer.concat([held, chunk])
      return step()
    }
  }
}
