/**
 * How fast the client is, beside what the platform allows: `npm run bench -- [options]`.
 *
 *     --short           fewer and shorter rounds, at most four minutes in all; twelve otherwise
 *     --peers           beside it the official Java client, sync and async; takes as long again, needs a JDK and Maven
 *     --json            the medians as one line of JSON
 *     --check           exit with 1 if a measure surely misses its floor; those without a real server, 0.7 of it
 *     --samples <file>  the environment and every single sample of the rounds, as lines of JSON
 *
 * Sends are measured on a real broker, beside the official Java producer. Without a JDK and Maven they are left out, and
 * it is said which measures that leaves out.
 *
 * All contestants talk to the same echo server in turn, each in a fresh process, in an order that changes from round to
 * round. What is reported are medians of ratios, each between two clients in the same round: absolute rates depend on
 * the state of the machine more than on the client.
 */
import { writeFileSync } from "node:fs"
import { parseArgs } from "node:util"
import type { CodecTimes } from "./codec.ts"
import type { EmbeddedTimes } from "./embeddedClient.ts"
import { environment } from "./machine.ts"
import { aaControl, failsCheck, isVoid, measures, notMeasured, sendControl } from "./measures.ts"
import { runClient, startClient, startServer } from "./processes.ts"
import { humanReport, jsonReport } from "./report.ts"
import type { Entry } from "./rounds.ts"
import { playRounds } from "./rounds.ts"
import { measureSends } from "./sends.ts"

const { values: options } = parseArgs({
  options: {
    short: { type: "boolean", default: false },
    peers: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    check: { type: "boolean", default: false },
    samples: { type: "string" }
  }
})

const entry = (name: string, client: string, ...inFlight: ReadonlyArray<number>): Entry => ({
  name,
  module: "./loadClient.ts",
  client,
  inFlight
})

const entries: ReadonlyArray<Entry> = [
  entry("limit", "limit", 64),
  entry("ours", "ours", 64, 1024, 1),
  entry("raw", "raw", 64, 1024, 1),
  entry("oursWithoutMetrics", "oursWithoutMetrics", 64),
  entry("limitAgain", "limit", 64),
  entry("bareCallback", "bareCallback", 64),
  entry("perWrite", "perWrite", 64)
]

const peers: ReadonlyArray<Entry> = [
  { name: "javaSync", module: "./javaClient.ts", client: "sync", inFlight: [64] },
  { name: "javaAsync", module: "./javaClient.ts", client: "async", inFlight: [64] }
]

const plan = options.short
  ? {
    rounds: 4,
    warmUpMs: { node: 1500, warm: 300, jvm: 5000 },
    measuredMs: 400,
    codecRuns: 1,
    memoryRuns: 1,
    swaps: { runs: 1, each: 5 },
    embedded: { runs: 3, windowMs: 250 },
    sends: { rounds: 4, warmUpMs: { node: 1500, jvm: 4000 }, measuredMs: 800, brokerWarmUpMs: 4000 }
  }
  : {
    rounds: 11,
    warmUpMs: { node: 2500, warm: 500, jvm: 10_000 },
    measuredMs: 1000,
    codecRuns: 5,
    memoryRuns: 3,
    swaps: { runs: 3, each: 7 },
    embedded: { runs: 7, windowMs: 1000 },
    sends: { rounds: 11, warmUpMs: { node: 2500, jvm: 8000 }, measuredMs: 1500, brokerWarmUpMs: 10_000 }
  }

const progress = (line: string): void => {
  if (process.stderr.isTTY) {
    process.stderr.write(`\r\x1b[K${line}`)
  }
}

/** Runs one task after the other, so that they do not disturb each other. */
const repeat = async <A>(times: number, task: () => Promise<A>): Promise<ReadonlyArray<A>> => {
  const results: Array<A> = []
  while (results.length < times) {
    results.push(await task())
  }
  return results
}

const measureMemory = async (): Promise<number> => {
  const server = await startServer("silent")
  const bytes = await runClient<number>("./memory.ts", [String(server.port)])
  server.stop()
  return bytes
}

/** Milliseconds from the first GO_AWAY to the last answer of 1,024 requests, for several swaps of one client. */
const measureSwaps = async (swaps: number): Promise<ReadonlyArray<number>> => {
  const server = await startServer("echo")
  const client = await startClient<"swap", number>("./swap.ts", [String(server.port)])
  const times = await repeat(swaps, async () => {
    await server.ask("goAway")
    const lastAnswerAt = await client.ask("swap")
    return lastAnswerAt - (await server.ask("state")).firstGoAwayAt
  })
  const { connections } = await server.ask("state")
  if (connections !== 1 + swaps) {
    throw new Error(`${swaps} swaps took ${connections - 1} connects`)
  }
  client.stop()
  server.stop()
  return times
}

const samples: Array<object> = [environment()]
const echoServer = await startServer("echo")
const played = await playRounds(
  options.peers ? [...entries, ...peers] : entries,
  {
    rounds: plan.rounds,
    window: ({ module }, inFlight) => ({
      inFlight,
      // The more code a client has, the longer V8 takes to optimise it: after 400 ms one was seen at half its rate. The
      // windows with other loads follow in the same process.
      warmUpMs: module === "./javaClient.ts"
        ? plan.warmUpMs.jvm
        : inFlight === 64
        ? plan.warmUpMs.node
        : plan.warmUpMs.warm,
      measuredMs: plan.measuredMs
    })
  },
  echoServer,
  {
    onRun: (round, name) => progress(`round ${round + 1} of ${plan.rounds}: ${name}`),
    onSample: (round, name, sample) => samples.push({ round, name, ...sample })
  }
)
echoServer.stop()
progress("codec")
const codec = await repeat(plan.codecRuns, () => runClient<CodecTimes>("./codecClient.ts", []))
progress("memory")
const bytesPerInFlight = await repeat(plan.memoryRuns, measureMemory)
progress("swaps")
const swapMs = (await repeat(plan.swaps.runs, () => measureSwaps(plan.swaps.each))).flat()
progress("embedded")
const embedded = await repeat(
  plan.embedded.runs,
  () => runClient<EmbeddedTimes>("./embeddedClient.ts", [String(plan.embedded.windowMs)])
)
progress("broker")
const sends = await measureSends(plan.sends, {
  onRun: (round, name) => progress(`sends, round ${round + 1} of ${plan.sends.rounds}: ${name}`),
  onSample: (round, name, sample) => samples.push({ round, sends: name, ...sample })
})
progress("")

const results = { rounds: played.rounds, codec, bytesPerInFlight, swapMs, embedded, sends }
if (options.samples !== undefined) {
  const lines = [...samples, { codec, bytesPerInFlight, swapMs, embedded }].map((line) => `${JSON.stringify(line)}\n`)
  writeFileSync(options.samples, lines.join(""))
}
console.log(options.json ? JSON.stringify(jsonReport(results)) : humanReport(results, environment(), played))

if (isVoid(aaControl(results))) {
  console.error("This run is void: the machine was too restless to tell clients apart.")
}
const control = sendControl(results)
if (control !== undefined && isVoid(control)) {
  console.error("The sends of this run are void: the machine was too restless to tell senders apart.")
}
if ("missing" in sends) {
  console.error(`Not measured: ${notMeasured(results).join(", ")}. ${sends.missing}`)
}
if (options.check) {
  const failed = measures.filter((measure) => {
    // A JVM takes its memory with time: in a short run it has half of what it has in the end.
    if (options.short && measure.field === "rssVsJava") return false
    const estimate = measure.of(results)
    return estimate !== undefined && failsCheck(measure, estimate)
  })
  for (const { enough, field, floor } of failed) {
    console.error(`${field} is worse than ${enough === 1 ? "" : `${enough} of `}its floor, ${floor}`)
  }
  process.exitCode = failed.length === 0 ? 0 : 1
}
