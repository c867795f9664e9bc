import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as ChildProcess from "node:child_process"
import * as Path from "node:path"

// The example that is a test.
await import("../../examples/testclock.test.ts")

interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs an example to its end, or sends it what Ctrl-C sends as soon as it has said this. */
const run = (
  file: string,
  args: ReadonlyArray<string> = [],
  interruptAt?: string
): Effect.Effect<Ended> =>
  Effect.callback<Ended>((resume) => {
    const child = ChildProcess.spawn(
      process.execPath,
      ["--conditions=effect-rocketmq:source", Path.join(import.meta.dirname, "../../examples", file), ...args],
      { stdio: ["ignore", "pipe", "pipe"], env: { PATH: process.env["PATH"] } }
    )
    let stdout = ""
    let stderr = ""
    let interrupted = false
    child.stdout.on("data", (chunk: Buffer) => {
      stdout += chunk.toString()
      if (interruptAt !== undefined && !interrupted && stdout.includes(interruptAt)) {
        interrupted = child.kill("SIGINT")
      }
    })
    child.stderr.on("data", (chunk: Buffer) => {
      stderr += chunk.toString()
    })
    child.on("close", (code) => resume(Effect.succeed({ code, stdout, stderr })))
    return Effect.sync(() => child.kill("SIGKILL"))
  })

describe("the examples", () => {
  const says = (file: string, lines: ReadonlyArray<string>) =>
    it.live(`${file} runs`, () =>
      Effect.gen(function*() {
        const { code, stderr, stdout } = yield* run(file)
        assert.strictEqual(code, 0, stderr)
        assert.strictEqual(stdout, lines.map((line) => `${line}\n`).join(""))
      }))

  says("layer.ts", ["orders is on broker-a"])
  says("goaway-policy.ts", ["before the restart: broker-a", "during the restart: broker-b"])
  says("tls.ts", ["answered: hello", "refused, NotSent"])
  says("producer.ts", [
    "sent: SendOk after 1 attempt",
    "sent as one: 2 messages",
    "in order: 1 queue for 3",
    "refused: the body is empty, NotSent"
  ])
  says("typed-topic.ts", ["received: 3 of order-1, placed in 2026", "not sent: no order for orders"])
  says("transaction.ts", [
    "order-1: Commit",
    "order-2: no unicorn, and no message either",
    "consumers get: order-1: horse"
  ])
  says("promise.ts", ["sent: SendOk, SendOk, SendOk", "rejected: InvalidName"])
})

describe("the demo", () => {
  const numbers = [
    "requests",
    "failed",
    "unknown",
    "lost",
    "duplicated",
    "goAways",
    "swaps",
    "connects",
    "maxLatencyMs"
  ]

  it.live(
    "prints one line of JSON, in which nothing failed while servers drained, and nothing was lost",
    () =>
      Effect.gen(function*() {
        const { code, stderr, stdout } = yield* run("demo/main.ts", ["--json", "--rounds", "1"])
        assert.strictEqual(stderr, "")
        assert.strictEqual(code, 0)
        assert.strictEqual(stdout.indexOf("\n"), stdout.length - 1)
        const results: Record<string, Record<string, number>> = JSON.parse(stdout)
        assert.deepStrictEqual(Object.keys(results), ["drain", "drainWithoutGoAway", "abrupt"])
        for (const result of Object.values(results)) {
          assert.deepStrictEqual(Object.keys(result), numbers)
          for (const value of Object.values(result)) assert.isTrue(Number.isInteger(value))
          assert.isAbove(result["requests"]!, 1_000)
          assert.strictEqual(result["lost"], 0)
          assert.strictEqual(result["duplicated"], 0)
          assert.isAtMost(result["unknown"]!, result["failed"]!)
        }
        const { abrupt, drain, drainWithoutGoAway } = results
        assert.strictEqual(drain!["failed"], 0)
        assert.isAbove(drain!["swaps"]!, 0)
        assert.isAbove(drainWithoutGoAway!["failed"]!, 0)
        assert.isAbove(abrupt!["unknown"]!, 0)
      }),
    60_000
  )

  it.live("shows plain lines where there is no terminal, and ends at Ctrl-C", () =>
    Effect.gen(function*() {
      const { code, stderr, stdout } = yield* run("demo/main.ts", [], "server A drains")
      assert.include(stdout, "1 of 3  drain:")
      assert.notInclude(stdout, "\u001b")
      assert.strictEqual(stderr, "")
      assert.strictEqual(code, 130)
    }))

  it.live("explains its options when it does not understand them", () =>
    Effect.gen(function*() {
      const all = yield* Effect.forEach(
        [["--rounds", "0"], ["--other"]],
        (args) => run("demo/main.ts", args),
        { concurrency: 2 }
      )
      for (const { code, stderr, stdout } of all) {
        assert.strictEqual(code, 2)
        assert.strictEqual(stdout, "")
        assert.match(stderr, /usage: npm run demo/)
      }
    }))
})
