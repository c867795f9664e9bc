/**
 * Runs as a process of its own, beside one that starts servers, and cleans up after it, however it ended: when its
 * standard input closes, it kills every process group that is still announced and removes the directory given as its
 * argument. Lines: `+pid` and `-pid`.
 */
import { rmSync } from "node:fs"
import { createInterface } from "node:readline"

const directory = process.argv[2]!
const groups = new Set<number>()

// A signal to the terminal's whole process group must not end this process before its work is done.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(signal, () => {})
}

createInterface({ input: process.stdin }).on("line", (line) => {
  const pid = Number(line.slice(1))
  if (line.startsWith("+")) {
    groups.add(pid)
  } else {
    groups.delete(pid)
  }
}).on("close", () => {
  for (const pid of groups) {
    try {
      process.kill(-pid, "SIGKILL")
    } catch {
      // It has ended by itself.
    }
  }
  // A process that is about to die may still be writing files.
  rmSync(directory, { recursive: true, force: true, maxRetries: 50, retryDelay: 100 })
})
