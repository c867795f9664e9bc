import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { spawn } from "node:child_process"
import { existsSync } from "node:fs"
import { createInterface } from "node:readline"
import { setTimeout as delay } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import * as NameServer from "./harness/NameServer.ts"
import * as Ports from "./harness/Ports.ts"

const owner = fileURLToPath(new URL("harness/owner-of-a-name-server.ts", import.meta.url))

/** Starts a process that starts a name server, and ends that process by the signal; the server's port and directory. */
const startAndSignal = (signal: "SIGINT" | "SIGKILL") =>
  Effect.callback<{ readonly port: number; readonly directory: string }, Error>((resume) => {
    const child = spawn(process.execPath, [owner], { stdio: ["ignore", "pipe", "inherit"] })
    let server: { readonly port: number; readonly directory: string } | undefined
    createInterface({ input: child.stdout }).on("line", (line) => {
      server = JSON.parse(line)
      child.kill(signal)
    })
    child.once("close", () => {
      resume(server === undefined ? Effect.fail(new Error("It started no name server")) : Effect.succeed(server))
    })
    return Effect.sync(() => child.kill("SIGKILL"))
  })

const gone = (port: number, directory: string) =>
  Effect.promise(async () => {
    for (let attempt = 0; attempt < 200; attempt++) {
      if (!existsSync(directory) && !(await Ports.accepts(port))) {
        return true
      }
      await delay(50)
    }
    return false
  })

describe("servers of the harness", () => {
  it.live("are gone, with their files, when their scope has closed", () =>
    Effect.gen(function*() {
      const { directory, port } = yield* Effect.scoped(NameServer.make({ version: "5.5.0" }))
      assert.isFalse(existsSync(directory))
      assert.isFalse(yield* Effect.promise(() => Ports.accepts(port)))
    }))

  for (const signal of ["SIGINT", "SIGKILL"] as const) {
    it.live(`do not outlive a process that ended by ${signal}`, () =>
      Effect.gen(function*() {
        const { directory, port } = yield* startAndSignal(signal)
        assert.isTrue(yield* gone(port, directory))
      }))
  }
})
