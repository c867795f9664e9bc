/** What the tests on real sockets build on. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as ChildProcess from "node:child_process"
import * as Net from "node:net"
import * as Path from "node:path"
import * as Transport from "../../src/remoting/Transport.ts"

export const host = "127.0.0.1"

/** Runs on TCP with these options. */
export const over = (options: Transport.TcpOptions) =>
  Effect.provideService(Transport.Transport, Transport.make(options))

/** Runs on plain TCP. */
export const overTcp = over({})

/** A raw TCP server on a port of its own, in the current scope. Returns its port. */
export const rawServer = (
  onSocket: (socket: Net.Socket) => void,
  options: { readonly host?: string; readonly port?: number } = {}
): Effect.Effect<number, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.callback<{ readonly server: Net.Server; readonly sockets: Set<Net.Socket> }>((resume) => {
      const sockets = new Set<Net.Socket>()
      const server = Net.createServer((socket) => {
        sockets.add(socket)
        socket.on("error", () => {})
        socket.on("close", () => sockets.delete(socket))
        onSocket(socket)
      })
      server.on("error", (error) => resume(Effect.die(error)))
      server.listen({ host: options.host ?? host, port: options.port ?? 0 }, () =>
        resume(Effect.succeed({ server, sockets })))
    }),
    ({ server, sockets }) =>
      Effect.sync(() => {
        server.close()
        for (const socket of sockets) {
          socket.destroy()
        }
      })
  ).pipe(Effect.map(({ server }) => {
    const bound = server.address()
    return typeof bound === "object" && bound !== null ? bound.port : 0
  }))

/** Waits until something is so, looking every few milliseconds; dies when it never is. */
export const until = (what: string, condition: () => boolean, millis = 5_000): Effect.Effect<void> =>
  Effect.gen(function*() {
    while (!condition()) yield* Effect.sleep(5)
  }).pipe(
    Effect.timeoutOrElse({ duration: millis, orElse: () => Effect.die(new Error(`not in ${millis} ms: ${what}`)) })
  )

/** A server in a process of its own. */
export interface ServerProcess {
  readonly address: string
  /** Sends a signal to the process. */
  readonly signal: (signal: NodeJS.Signals) => Effect.Effect<void>
}

/** Starts `serverProcess.ts`; the process is killed when the scope closes. */
export const serverProcess: Effect.Effect<ServerProcess, never, Scope.Scope> = Effect.gen(function*() {
  const child = yield* Effect.acquireRelease(
    Effect.sync(() =>
      ChildProcess.spawn(
        process.execPath,
        ["--conditions=effect-rocketmq:source", Path.join(import.meta.dirname, "serverProcess.ts")],
        // What vitest tells its workers is not for this one.
        { stdio: ["pipe", "pipe", "inherit"], env: { PATH: process.env["PATH"] } }
      )
    ),
    (started) => Effect.sync(() => started.kill("SIGKILL"))
  )
  const address = yield* Effect.callback<string>((resume) => {
    let said = ""
    child.stdout.on("data", (chunk: Buffer) => {
      said += chunk.toString()
      if (said.includes("\n")) resume(Effect.succeed(said.trim()))
    })
    child.on("exit", (code) => resume(Effect.die(new Error(`the server's process ended with ${code}`))))
  }).pipe(Effect.timeout("10 seconds"), Effect.orDie)
  return { address, signal: (signal) => Effect.sync(() => void child.kill(signal)) }
})
