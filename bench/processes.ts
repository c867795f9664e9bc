import type { ChildProcess, Serializable } from "node:child_process"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { fileURLToPath } from "node:url"
import type { ServerQuestion, ServerState } from "./echoServer.ts"
import { canPin } from "./machine.ts"

type Role = "server" | "client"

const children = new Set<ChildProcess>()
process.on("exit", () => children.forEach((child) => child.kill("SIGKILL")))
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => process.exit(1))
}

/** Starts a module of the bench, the server on core 0 and clients on core 1 where the machine allows it. */
const start = (role: Role, module: string, args: ReadonlyArray<string>): ChildProcess => {
  const core = role === "server" ? "0" : "1"
  const command = [process.execPath, ...process.execArgv, fileURLToPath(new URL(module, import.meta.url)), ...args]
  const [file, ...rest] = canPin ? ["taskset", "-c", core, ...command] : command
  const child = spawn(file, rest, { stdio: ["ignore", "ignore", "inherit", "ipc"] })
  children.add(child)
  child.once("exit", () => children.delete(child))
  return child
}

/** The next message of a process; fails if it ends first. */
const nextMessage = (child: ChildProcess): Promise<unknown> =>
  new Promise((resolve, reject) => {
    const onMessage = (message: unknown) => {
      child.off("exit", onExit)
      resolve(message)
    }
    const onExit = (code: number | null, signal: string | null) => {
      child.off("message", onMessage)
      reject(new Error(`${child.spawnargs.join(" ")} ended with ${code ?? signal}`))
    }
    child.once("message", onMessage)
    child.once("exit", onExit)
  })

/** Runs a client module until it has sent its one message. */
export const runClient = async <A>(module: string, args: ReadonlyArray<string>): Promise<A> => {
  const child = start("client", module, args)
  const result = await nextMessage(child) as A
  if (child.exitCode === null) {
    await once(child, "exit")
  }
  return result
}

/** What outlives any window, and shows that a program will not end by itself. */
const endlessMs = 120_000

/** Runs a program to its end, on whichever core; the last line that it printed, as JSON, and when it was started. */
export const runProgram = async <A>(
  file: string,
  args: ReadonlyArray<string>,
  cwd: string
): Promise<{ readonly result: A; readonly startedAt: number }> => {
  const startedAt = Date.now()
  const child = spawn(file, args, { cwd, stdio: ["ignore", "pipe", "inherit"], timeout: endlessMs })
  children.add(child)
  child.once("exit", () => children.delete(child))
  let output = ""
  child.stdout!.setEncoding("utf8").on("data", (chunk: string) => {
    output += chunk
  })
  const [code, signal] = await once(child, "close") as [number | null, string | null]
  if (code !== 0) {
    throw new Error(`${[file, ...args].join(" ")} ended with ${code ?? signal}\n${output}`)
  }
  return { result: JSON.parse(output.trim().split("\n").at(-1)!), startedAt }
}

/** A process that answers each message with one. */
export interface Conversation<Question, Answer> {
  readonly pid: number
  readonly ask: (question: Question) => Promise<Answer>
  readonly stop: () => void
}

const converse = <Question, Answer>(child: ChildProcess): Conversation<Question, Answer> => ({
  pid: child.pid!,
  ask: (question) => {
    const answer = nextMessage(child) as Promise<Answer>
    child.send(question as Serializable)
    return answer
  },
  stop: () => child.kill()
})

export interface EchoServer extends Conversation<ServerQuestion, ServerState> {
  readonly port: number
}

export const startServer = async (mode: "echo" | "silent"): Promise<EchoServer> => {
  const child = start("server", "./echoServer.ts", [mode])
  const port = await nextMessage(child) as number
  return { port, ...converse<ServerQuestion, ServerState>(child) }
}

/** Starts a client module that sends one message when it is ready, and answers each one that it gets. */
export const startClient = async <Question, Answer>(
  module: string,
  args: ReadonlyArray<string>
): Promise<Conversation<Question, Answer>> => {
  const child = start("client", module, args)
  await nextMessage(child)
  return converse(child)
}
