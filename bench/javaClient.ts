/**
 * The official Java client in place of a contestant: `javaClient.ts <sync|async> <port> <server's pid> <windows as JSON>`.
 * Its requests carry no ext fields. Needs a JDK and Maven.
 */
import * as Effect from "effect/Effect"
import type { EchoOptions } from "../test/rocketmq/harness/EchoClient.ts"
import * as EchoClient from "../test/rocketmq/harness/EchoClient.ts"
import type { Sample, Window } from "./loadClient.ts"
import { requestBody, requestCode } from "./request.ts"

const measure = async (mode: EchoOptions["mode"], port: string, window: Window): Promise<Sample> => {
  const result = await Effect.runPromise(EchoClient.run({
    address: `127.0.0.1:${port}`,
    mode,
    code: requestCode,
    body: requestBody.length,
    inFlight: window.inFlight,
    warmUp: window.warmUpMs / 1000,
    window: { seconds: window.measuredMs / 1000 }
  }))
  if (result.failed > 0) {
    throw new Error(`requests of the Java client failed: ${JSON.stringify(result.failures)}`)
  }
  return {
    inFlight: window.inFlight,
    requestsPerSecond: result.requestsPerSecond,
    cpuMicros: result.cpuMicrosPerRequest,
    p50Micros: result.latencyMicros.p50,
    lost: 0
  }
}

const [mode, port, , windows] = process.argv.slice(2)
const samples: Array<Sample> = []
for (const window of JSON.parse(windows) as ReadonlyArray<Window>) {
  samples.push(await measure(mode as EchoOptions["mode"], port, window))
}
process.send!(samples, () => process.exit())
