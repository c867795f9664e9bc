import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { rmSync } from "node:fs"
import { setTimeout as delay } from "node:timers/promises"
import { HarnessError } from "./HarnessError.ts"
import { type JavaOptions, JavaProcess } from "./JavaProcess.ts"
import * as Ports from "./Ports.ts"
import * as Workspace from "./Workspace.ts"

/** A real server on a port of 127.0.0.1 that it keeps across restarts. Killed when its scope closes. */
export interface Server {
  /** `127.0.0.1:port`. */
  readonly address: string
  readonly port: number
  /** Where it keeps its files; removed when its scope closes. */
  readonly directory: string
  /** SIGTERM, without waiting for its effect. */
  readonly terminate: Effect.Effect<void>
  /** SIGKILL; done when the process is gone. */
  readonly kill: Effect.Effect<void>
  /** It stands still, its connections open, until the scope closes or `kill`. */
  readonly freeze: Effect.Effect<void, never, Scope.Scope>
  /** Done when nothing accepts connections on the port any more. A process that drained may live on for seconds. */
  readonly awaitClosed: Effect.Effect<void>
  /** Done when the process is gone: the name of the signal that ended it, or its exit code. */
  readonly awaitExit: Effect.Effect<string>
  /** Starts it again, on the same port and over the same files, once the process before is gone. */
  readonly start: Effect.Effect<void, HarnessError>
  /** SIGTERM, wait until the port is closed, kill what is left of the process, start again. */
  readonly restart: Effect.Effect<void, HarnessError>
  /** The last lines of its log. */
  readonly logTail: (lines: number) => Effect.Effect<string>
}

export interface ServerOptions {
  /** Begins the name of its directory and its messages. */
  readonly name: string
  readonly port: number
  readonly directory: string
  readonly java: Omit<JavaOptions, "directory">
  /** Whether it serves; a rejection means not yet. */
  readonly ready: () => Promise<boolean>
}

/** The optimising compiler would compete with the test for few cores and pays off only after minutes. */
const serverFlags = ["-XX:TieredStopAtLevel=1"]

const startDeadlineMillis = 90_000
const pollMillis = 25

const launch = async (options: ServerOptions, signal: AbortSignal): Promise<JavaProcess> => {
  const process = new JavaProcess({
    ...options.java,
    flags: [...serverFlags, ...options.java.flags],
    directory: options.directory
  })
  const fail = (what: string) => {
    process.signal("SIGKILL")
    return new HarnessError({ message: `The ${options.name} ${what}\n${process.logTail(40)}` })
  }
  const deadline = performance.now() + startDeadlineMillis
  while (true) {
    if (signal.aborted) {
      process.signal("SIGKILL")
      throw fail("was no longer wanted before it was ready.")
    }
    if (process.ending !== undefined) {
      throw fail(`ended before it was ready: ${process.ending}.`)
    }
    if (await options.ready().catch(() => false)) {
      return process
    }
    if (performance.now() > deadline) {
      throw fail(`was not ready after ${startDeadlineMillis / 1000} s.`)
    }
    await delay(pollMillis)
  }
}

const start = (options: ServerOptions): Effect.Effect<JavaProcess, HarnessError> =>
  Effect.tryPromise({
    try: (signal) => launch(options, signal),
    catch: (cause) => cause instanceof HarnessError ? cause : new HarnessError({ message: String(cause) })
  })

/** Starts a server and waits until it is ready. */
export const make = (options: ServerOptions): Effect.Effect<Server, HarnessError, Scope.Scope> =>
  Effect.gen(function*() {
    let process: JavaProcess | undefined
    const kill = Effect.promise(async () => {
      process?.signal("SIGKILL")
      await process?.exited
    })
    const awaitClosed = Effect.promise(async () => {
      while (await Ports.accepts(options.port)) {
        await delay(pollMillis)
      }
    })
    const terminate = Effect.sync(() => process?.signal("SIGTERM"))
    const startAgain = Effect.flatMap(
      Effect.promise(async () => process?.exited),
      () =>
        Effect.map(start(options), (started) => {
          process = started
        })
    )
    yield* Effect.addFinalizer(() =>
      Effect.andThen(
        kill,
        Effect.sync(() => rmSync(options.directory, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 }))
      )
    )
    yield* startAgain
    return {
      address: `127.0.0.1:${options.port}`,
      port: options.port,
      directory: options.directory,
      terminate,
      kill,
      freeze: Effect.acquireRelease(
        Effect.sync(() => process?.signal("SIGSTOP")),
        () => Effect.sync(() => process?.signal("SIGCONT"))
      ),
      awaitClosed,
      awaitExit: Effect.promise(async () => await process!.exited),
      start: startAgain,
      restart: terminate.pipe(Effect.andThen(awaitClosed), Effect.andThen(kill), Effect.andThen(startAgain)),
      logTail: (lines) => Effect.sync(() => process!.logTail(lines))
    }
  })

/** A Java properties file. */
export const properties = (values: Readonly<Record<string, string | number | boolean>>): string =>
  Object.entries(values).map(([key, value]) => `${key}=${value}\n`).join("")

/** What 4.9.x needs to start, and what makes every release print its log. */
export const logback = `<?xml version="1.0" encoding="UTF-8"?>
<configuration>
  <appender name="console" class="ch.qos.logback.core.ConsoleAppender">
    <encoder>
      <pattern>%d{HH:mm:ss.SSS} %-5p %c{20} - %m%n</pattern>
    </encoder>
  </appender>
  <root level="WARN">
    <appender-ref ref="console"/>
  </root>
</configuration>
`

/** A fresh directory for a server. */
export const makeDirectory = (name: string): Effect.Effect<string> => Effect.sync(() => Workspace.makeDirectory(name))

/** A free port; see {@link Ports.freePort}. */
export const freePort = (...distances: ReadonlyArray<number>): Effect.Effect<number> =>
  Effect.promise(() => Ports.freePort(...distances))
