import * as Effect from "effect/Effect"
import * as Net from "node:net"
import { rawServer } from "./loopback.ts"

/** A proxy that runs, and what it was told. */
export interface Proxy {
  readonly port: number
  /** `host:port` of each CONNECT, as it was asked for. */
  readonly asked: Array<string>
  /** User names and passwords given. */
  readonly given: Array<string>
}

/** What a proxy does beside relaying. */
export interface ProxyOptions {
  readonly password?: { readonly username: string; readonly password: string }
  /** Where names lead, as `host:port`. */
  readonly names?: Readonly<Record<string, string>>
  /** What CONNECT is answered with instead of 0. */
  readonly reply?: number
  /** Sends its answers byte by byte. */
  readonly trickle?: boolean
  /** Accepts and says nothing. */
  readonly silent?: boolean
}

/** A SOCKS5 proxy, as small as it can be, on a port of its own in the current scope. */
export const socksProxy = Effect.fnUntraced(function*(options: ProxyOptions = {}) {
  const asked: Array<string> = []
  const given: Array<string> = []
  const serve = (socket: Net.Socket): void => {
    let held = Buffer.alloc(0)
    let stage: "greeting" | "password" | "connect" | "relay" = "greeting"
    const send = (...bytes: ReadonlyArray<number>) => {
      if (options.trickle === true) { for (const byte of bytes) socket.write(Buffer.from([byte])) }
      else socket.write(Buffer.from(bytes))
    }
    const relay = (target: string) => {
      stage = "relay"
      const { hostname, port } = new URL(`tcp://${target}`)
      const upstream = Net.connect(Number(port), hostname, () => {
        send(5, 0, 0, 1, 127, 0, 0, 1, 0, 80)
        socket.pipe(upstream)
        upstream.pipe(socket)
      })
      upstream.on("error", () => {
        send(5, 5, 0, 1, 0, 0, 0, 0, 0, 0)
        socket.end()
      })
      socket.on("close", () => upstream.destroy())
      upstream.on("close", () => socket.destroy())
    }
    const step = (): void => {
      if (stage === "greeting" && held.length >= 2 && held.length >= 2 + held[1]) {
        const methods = [...held.subarray(2, 2 + held[1])]
        held = held.subarray(2 + held[1])
        const method = options.password === undefined ? 0 : 2
        if (!methods.includes(method)) {
          send(5, 255)
          socket.end()
          return
        }
        send(5, method)
        stage = method === 0 ? "connect" : "password"
        step()
      } else if (stage === "password" && held.length >= 2) {
        const username = held.subarray(2, 2 + held[1]).toString()
        const password = held.subarray(3 + held[1], 3 + held[1] + held[2 + held[1]]).toString()
        held = held.subarray(3 + held[1] + held[2 + held[1]])
        given.push(`${username}:${password}`)
        const right = username === options.password?.username && password === options.password.password
        send(1, right ? 0 : 1)
        if (!right) socket.end()
        stage = "connect"
        step()
      } else if (stage === "connect" && held.length >= 5) {
        const name = held[3] === 3 ? held.subarray(5, 5 + held[4]).toString() : [...held.subarray(4, 8)].join(".")
        const port = held.readUInt16BE(held[3] === 3 ? 5 + held[4] : 8)
        asked.push(`${name}:${port}`)
        if (options.reply !== undefined) {
          send(5, options.reply, 0, 1, 0, 0, 0, 0, 0, 0)
          socket.end()
        } else relay(options.names?.[name] ?? `${name}:${port}`)
      }
    }
    socket.on("data", (chunk) => {
      if (stage === "relay" || options.silent === true) return
      held = Buffer.concat([held, chunk])
      step()
    })
  }
  const port = yield* rawServer(serve)
  return { port, asked, given } satisfies Proxy
})
