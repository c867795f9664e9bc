/**
 * One directory per process of ours for everything that servers write, and the promise that neither it nor a server
 * outlives this process: see `reaper.ts`.
 */
import { type ChildProcess, spawn } from "node:child_process"
import { mkdirSync, mkdtempSync } from "node:fs"
import type { Socket } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

interface Workspace {
  readonly directory: string
  readonly reaper: ChildProcess
}

let workspace: Workspace | undefined
let directories = 0

const open = (): Workspace => {
  if (workspace === undefined) {
    const directory = mkdtempSync(join(tmpdir(), "effect-rocketmq-"))
    const reaper = spawn(process.execPath, [fileURLToPath(new URL("reaper.ts", import.meta.url)), directory], {
      detached: true,
      stdio: ["pipe", "ignore", "ignore"]
    })
    reaper.unref()
    const input = reaper.stdin as Socket
    input.unref()
    // Without the reaper there is no promise to keep; the scopes still clean up.
    input.on("error", () => {})
    workspace = { directory, reaper }
  }
  return workspace
}

/** A new, empty directory with a name that begins as given. */
export const makeDirectory = (name: string): string => {
  const directory = join(open().directory, `${name}-${++directories}`)
  mkdirSync(directory)
  return directory
}

/** From now on the process group of `pid` is killed when this process ends. */
export const guard = (pid: number): void => {
  open().reaper.stdin!.write(`+${pid}\n`)
}

/** The process group of `pid` has ended. */
export const release = (pid: number): void => {
  open().reaper.stdin!.write(`-${pid}\n`)
}
