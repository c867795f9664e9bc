import { execFileSync, spawnSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { availableParallelism, cpus, release, type } from "node:os"

/** A tick of /proc, the kernel's USER_HZ, in seconds. */
const tickSeconds = 0.01

const fieldsOf = (line: string): ReadonlyArray<number> => line.trim().split(/ +/).map(Number)

/** CPU seconds of the machine, and of one process, since they started; undefined where there is no /proc. */
const readTicks = (pid: number) => {
  try {
    // user nice system idle iowait irq softirq steal; the guest columns after them are contained in user and nice
    const machine = fieldsOf(readFileSync("/proc/stat", "latin1").split("\n", 1)[0].slice("cpu".length)).slice(0, 8)
    const [user, nice, system, , , irq, softIrq, stolen] = machine
    // what follows the name in parentheses: state, 10 numbers, user time, system time
    const process = fieldsOf(readFileSync(`/proc/${pid}/stat`, "latin1").replace(/^.*\) \S/s, ""))
    return {
      total: machine.reduce((sum, ticks) => sum + ticks, 0) * tickSeconds,
      busy: (user + nice + system + irq + softIrq) * tickSeconds,
      stolen: stolen * tickSeconds,
      process: (process[10] + process[11]) * tickSeconds
    }
  } catch {
    return undefined
  }
}

/** Starts to watch how much of the machine goes to others than the server and this process. */
export const watchMachine = (serverPid: number) => {
  const before = readTicks(serverPid)
  /** The share of the machine's time that others had: other processes, and other guests of the hypervisor. */
  return (ownSeconds: number): number => {
    const after = readTicks(serverPid)
    if (before === undefined || after === undefined || after.total <= before.total) {
      return 0
    }
    const others = after.busy - before.busy - (after.process - before.process) - ownSeconds
    return (after.stolen - before.stolen + Math.max(0, others)) / (after.total - before.total)
  }
}

/** Whether processes can be bound to a core, with one for the server and one for the client. */
export const canPin: boolean = availableParallelism() >= 2 &&
  [0, 1].every((core) => spawnSync("taskset", ["-c", String(core), "true"]).status === 0)

const commit = (): string => {
  try {
    return execFileSync("git", ["rev-parse", "--short", "HEAD"], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"]
    })
      .trim()
  } catch {
    return "unknown"
  }
}

export interface Environment {
  readonly node: string
  readonly kernel: string
  readonly cpu: string
  readonly cores: number
  /** Whether processes are bound to cores. */
  readonly pinned: boolean
  readonly commit: string
}

export const environment = (): Environment => ({
  node: process.version,
  kernel: `${type()} ${release()}`,
  cpu: cpus()[0]?.model ?? "unknown",
  cores: availableParallelism(),
  pinned: canPin,
  commit: commit()
})
