/**
 * Rolling restarts under load, on real sockets: a producer with 64 messages in
 * flight, three proxies behind a load balancer, and a broker behind them, all
 * but the producer embedded; every proxy is restarted in turn, in three ways.
 *
 *     npm run demo                     a live screen, or plain lines where there is no terminal
 *     npm run demo -- --json           one line of JSON, for scripts
 *     npm run demo -- --rounds 10      restart every proxy ten times instead of three
 *
 * It fails when an acknowledged message is not stored, when one is stored
 * twice, and when one fails although the proxies drained and the client moved on.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Effect from "effect/Effect"
import { parseArgs } from "node:util"
import type { Result } from "./scenario.ts"
import { run, scenarios } from "./scenario.ts"
import * as Screen from "./screen.ts"

const usage = "usage: npm run demo -- [--json] [--rounds N]"

interface Options {
  readonly json: boolean
  readonly rounds: number
}

const readOptions = (): Options | undefined => {
  try {
    const { values } = parseArgs({ options: { json: { type: "boolean" }, rounds: { type: "string" } } })
    const rounds = Number(values.rounds ?? 3)
    return Number.isInteger(rounds) && rounds >= 1 && rounds <= 1_000
      ? { json: values.json === true, rounds }
      : undefined
  } catch {
    return undefined
  }
}

/** What must not be. */
const problemsOf = (results: ReadonlyArray<Result>): ReadonlyArray<string> =>
  scenarios.flatMap((scenario, index) => {
    const { duplicated, failed, lost, misreported } = results[index]
    const problem = (count: number, what: string) => count === 0 ? [] : [`${scenario.title}: ${count} ${what}`]
    return [
      ...problem(lost, "messages lost"),
      ...problem(duplicated, "messages stored twice"),
      ...problem(misreported, "messages stored, though their callers were told they were not"),
      ...(scenario.key === "drain" ? problem(failed, "messages failed") : [])
    ]
  })

const legend: ReadonlyArray<string> = [
  "failed    the caller got an error; unknown: of those, perhaps stored",
  "lost      acknowledged but not stored, or never settled",
  "swaps     connections replaced after GO_AWAY, by how many connects: hops"
]

const jsonOf = (results: ReadonlyArray<Result>): string =>
  JSON.stringify(
    Object.fromEntries(
      scenarios.map((scenario, index) => {
        const { connects, duplicated, failed, goAways, lost, maxLatencyMs, requests, swaps, unknown } = results[index]
        return [
          scenario.key,
          { requests, failed, unknown, lost, duplicated, goAways, swaps, connects, maxLatencyMs }
        ]
      })
    )
  )

const write = (text: string): void => {
  process.stdout.write(text)
}

const demo = (options: Options) =>
  Effect.gen(function*() {
    const screen = options.json
      ? Screen.silent
      : process.stdout.isTTY
      ? yield* Screen.live(process.stdout)
      : yield* Screen.lines(write)
    const results = yield* Effect.forEach(
      scenarios,
      (scenario, index) => run(scenario, `${index + 1} of ${scenarios.length}`, options.rounds, screen)
    )
    if (options.json) write(`${jsonOf(results)}\n`)
    else screen.end(legend)
    for (const problem of problemsOf(results)) {
      process.exitCode = 1
      process.stderr.write(`${problem}\n`)
    }
  }).pipe(Effect.scoped)

const options = readOptions()
if (options === undefined) {
  process.stderr.write(`${usage}\n`)
  process.exitCode = 2
} else NodeRuntime.runMain(demo(options))
