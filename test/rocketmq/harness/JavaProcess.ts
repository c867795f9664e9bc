import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { type ChildProcess, spawn } from "node:child_process"
import { closeSync, openSync, readFileSync, rmSync } from "node:fs"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { HarnessError } from "./HarnessError.ts"
import * as Toolchain from "./Toolchain.ts"
import * as Workspace from "./Workspace.ts"

export interface JavaOptions {
  readonly classPath: string
  readonly main: string
  readonly args: ReadonlyArray<string>
  /** Where the process runs and writes; also its home directory. */
  readonly directory: string
  /** Further arguments of the JVM, such as `-Xmx192m` and `-Dkey=value`. */
  readonly flags: ReadonlyArray<string>
}

const commonFlags = (directory: string): ReadonlyArray<string> => [
  "-XX:+UseSerialGC",
  "-XX:-UsePerfData",
  `-Duser.home=${directory}`,
  `-Djava.io.tmpdir=${directory}`,
  "-Dfile.encoding=UTF-8",
  "--add-exports=java.base/jdk.internal.ref=ALL-UNNAMED",
  "--add-exports=java.base/sun.nio.ch=ALL-UNNAMED",
  "--add-opens=java.base/java.nio=ALL-UNNAMED",
  "--add-opens=java.base/sun.nio.ch=ALL-UNNAMED",
  "--add-opens=java.base/java.lang=ALL-UNNAMED"
]

const start = (options: JavaOptions, stdio: "log" | "pipe", log: string): ChildProcess => {
  const file = openSync(log, "a")
  try {
    const child = spawn(
      Toolchain.java(),
      [...commonFlags(options.directory), ...options.flags, "-cp", options.classPath, options.main, ...options.args],
      {
        cwd: options.directory,
        // A group of its own, so that a signal to ours does not reach it and one to it reaches all it starts.
        detached: true,
        // Variables such as NAMESRV_ADDR or ROCKETMQ_HOME of whoever runs the tests must not steer the servers.
        env: { PATH: process.env.PATH ?? "", HOME: options.directory, LANG: "C.UTF-8" },
        stdio: stdio === "log" ? ["ignore", file, file] : ["pipe", "pipe", file]
      }
    )
    const pid = child.pid
    if (pid !== undefined) {
      Workspace.guard(pid)
      child.once("exit", () => Workspace.release(pid))
    }
    return child
  } finally {
    closeSync(file)
  }
}

/** A JVM that runs in the background and writes to `stdout.log` in its directory. */
export class JavaProcess {
  readonly exited: Promise<string>
  private readonly child: ChildProcess
  private readonly log: string
  private ended: string | undefined

  constructor(options: JavaOptions) {
    this.log = join(options.directory, "stdout.log")
    this.child = start(options, "log", this.log)
    this.exited = new Promise((resolve) => {
      const end = (how: string) => {
        this.ended = how
        resolve(how)
      }
      this.child.once("exit", (code, signal) => end(signal ?? `exit code ${code}`))
      this.child.once("error", (cause) => end(String(cause)))
    })
  }

  /** How the process ended: a signal's name or an exit code. `undefined` while it runs. */
  get ending(): string | undefined {
    return this.ended
  }

  signal(signal: "SIGTERM" | "SIGKILL" | "SIGSTOP" | "SIGCONT"): void {
    if (this.ended === undefined && this.child.pid !== undefined) {
      try {
        process.kill(-this.child.pid, signal)
      } catch {
        // It has ended, and the event is still to come.
      }
    }
  }

  /** The last `lines` lines of what the process printed. */
  logTail(lines: number): string {
    return readFileSync(this.log, "utf8").trimEnd().split("\n").slice(-lines).join("\n")
  }
}

/** A Java program spoken to over its standard input and output, a line at a time. */
export interface Conversation {
  /** Writes a line and waits for the next line of the answer. */
  readonly ask: (line: string) => Effect.Effect<string, HarnessError>
}

const spawnProgram = (
  main: string,
  args: ReadonlyArray<string>,
  flags: ReadonlyArray<string>
): Effect.Effect<{ readonly child: ChildProcess; readonly errors: () => string }, HarnessError, Scope.Scope> =>
  Effect.flatMap(Toolchain.programClassPath, (classPath) =>
    Effect.acquireRelease(
      Effect.sync(() => {
        const directory = Workspace.makeDirectory(main)
        const log = join(directory, "stderr.log")
        const options = { classPath, main: `effectrocketmq.${main}`, args, directory, flags }
        const child = start(options, "pipe", log)
        let spoken: string | undefined
        const closed = new Promise<void>((resolve) => {
          child.once("close", () => {
            spoken = readFileSync(log, "utf8")
            resolve()
          })
        })
        // A write to a program that died is reported by its exit.
        child.stdin!.on("error", () => {})
        return { child, directory, closed, errors: () => (spoken ?? readFileSync(log, "utf8")).slice(-4000) }
      }),
      ({ child, closed, directory }) =>
        Effect.promise(async () => {
          child.kill("SIGKILL")
          await closed
          rmSync(directory, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 })
        })
    ))

/** Runs one of our Java programs to its end; what it printed. */
export const runProgram = (
  main: string,
  args: ReadonlyArray<string>,
  flags: ReadonlyArray<string> = ["-Xmx256m"]
): Effect.Effect<string, HarnessError> =>
  Effect.scoped(
    Effect.flatMap(spawnProgram(main, args, flags), ({ child, errors }) =>
      Effect.callback<string, HarnessError>((resume) => {
        let output = ""
        child.stdout!.setEncoding("utf8").on("data", (chunk: string) => {
          output += chunk
        })
        child.once("error", (cause) =>
          resume(Effect.fail(new HarnessError({ message: String(cause) }))))
        child.once("close", (code, signal) => {
          resume(
            code === 0
              ? Effect.succeed(output)
              : Effect.fail(new HarnessError({ message: `${main} ended with ${signal ?? code}\n${errors()}` }))
          )
        })
        child.stdin!.end()
      }))
  )

/** Starts one of our Java programs and keeps it until the scope closes. */
export const converse = (
  main: string,
  args: ReadonlyArray<string>,
  flags: ReadonlyArray<string> = ["-Xmx256m"]
): Effect.Effect<Conversation, HarnessError, Scope.Scope> =>
  Effect.map(spawnProgram(main, args, flags), ({ child, errors }) => {
    const answers: Array<string> = []
    const waiting: Array<(answer: Effect.Effect<string, HarnessError>) => void> = []
    let ended: HarnessError | undefined
    createInterface({ input: child.stdout! }).on("line", (line) => {
      const waiter = waiting.shift()
      if (waiter === undefined) {
        answers.push(line)
      } else {
        waiter(Effect.succeed(line))
      }
    })
    child.once("close", (code, signal) => {
      ended = new HarnessError({ message: `${main} ended with ${signal ?? code}\n${errors()}` })
      for (const waiter of waiting.splice(0)) {
        waiter(Effect.fail(ended))
      }
    })
    return {
      ask: (line) =>
        Effect.callback<string, HarnessError>((resume) => {
          child.stdin!.write(`${line}\n`)
          const answer = answers.shift()
          if (answer !== undefined) {
            resume(Effect.succeed(answer))
          } else if (ended !== undefined) {
            resume(Effect.fail(ended))
          } else {
            waiting.push(resume)
          }
        })
    }
  })
