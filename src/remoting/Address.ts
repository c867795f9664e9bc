/**
 * Addresses of RocketMQ servers: `host:port`, as routes and name-server lists
 * spell them. The host is everything before the last colon, so an IPv6 host
 * keeps its brackets (`[::1]:9876`), as in RocketMQ 5.3.3 `RemotingHelper`.
 */

/** A server's address, `host:port`. */
export type Address = string

/** An address taken apart. */
export interface HostAndPort {
  /** Host name or IP literal, without brackets. */
  readonly host: string
  /** TCP port, 1 to 65535. */
  readonly port: number
}

/** Takes `host:port` apart. `undefined` when it is not one. */
export const parse = (address: Address): HostAndPort | undefined => {
  const colon = address.lastIndexOf(":")
  if (colon <= 0) return undefined
  const digits = address.slice(colon + 1)
  if (!/^\d{1,5}$/.test(digits)) return undefined
  const port = Number(digits)
  if (port < 1 || port > 65_535) return undefined
  let host = address.slice(0, colon)
  if (host.startsWith("[") && host.endsWith("]")) host = host.slice(1, -1)
  else if (host.includes(":")) return undefined
  if (host === "" || /[\s/@]/.test(host)) return undefined
  return { host, port }
}

/** Puts a host and a port together, with brackets around an IPv6 literal. */
export const format = (host: string, port: number): Address =>
  host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`
