/** One contestant in a process of its own: `loadClient.ts <client> <port> <server's pid> <windows as JSON>`. */
import { setTimeout as sleep } from "node:timers/promises"
import type { Connect } from "./contestant.ts"
import { Load } from "./contestant.ts"
import { watchMachine } from "./machine.ts"

export interface Window {
  readonly inFlight: number
  readonly warmUpMs: number
  readonly measuredMs: number
}

export interface Sample {
  readonly inFlight: number
  readonly requestsPerSecond: number
  /** CPU time of the client's process per request, in microseconds. */
  readonly cpuMicros: number
  /** Median latency in microseconds, for one in flight. */
  readonly p50Micros: number | undefined
  /** Share of the machine's time that went to others. */
  readonly lost: number
}

const measure = async (connect: Connect, port: number, serverPid: number, window: Window): Promise<Sample> => {
  const contestant = await connect(port)
  const load = new Load(window.inFlight)
  contestant.drive(load, window.inFlight)
  await sleep(window.warmUpMs)
  globalThis.gc!()
  load.restart()
  const lost = watchMachine(serverPid)
  const cpu = process.cpuUsage()
  const start = performance.now()
  let elapsedMs = 0
  do {
    if (elapsedMs > 10_000) {
      throw new Error(`no answer in 10 seconds with ${window.inFlight} in flight`)
    }
    await sleep(window.measuredMs)
    elapsedMs = performance.now() - start
  } while (load.answers === 0)
  const used = process.cpuUsage(cpu)
  const cpuMicros = used.user + used.system
  const share = lost(cpuMicros / 1e6)
  const { answers } = load
  const latencies = load.latencies.slice().sort((a, b) => a - b)
  await load.stop()
  return {
    inFlight: window.inFlight,
    requestsPerSecond: answers / elapsedMs * 1000,
    cpuMicros: cpuMicros / answers,
    p50Micros: latencies.length === 0 ? undefined : latencies[latencies.length >> 1] * 1000,
    lost: share
  }
}

const [client, port, serverPid, windows] = process.argv.slice(2)
const { connect } = await import(`./clients/${client}.ts`) as { readonly connect: Connect }
const samples: Array<Sample> = []
for (const window of JSON.parse(windows) as ReadonlyArray<Window>) {
  samples.push(await measure(connect, Number(port), Number(serverPid), window))
}
process.send!(samples, () => process.exit())
