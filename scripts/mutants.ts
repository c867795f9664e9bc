/**
 * Makes each mistake of `test/mutants/mutants.ts` in a copy of the sources and
 * demands that the tests named there fail; unchanged, they must pass.
 *
 *     npm run test:mutants            all of them
 *     npm run test:mutants -- swap    those whose rule contains "swap"
 */
import { spawn } from "node:child_process"
import type { ChildProcess } from "node:child_process"
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import type { Mutant } from "../test/mutants/mutants.ts"
import { mutants } from "../test/mutants/mutants.ts"

const repository = resolve(import.meta.dirname, "..")

/** Runs at a time. */
const lanes = 2

/** A test that takes longer has failed. */
const testMillis = 10_000

/** A run that takes longer hangs, which is a failure of its tests too. */
const limitMillis = 60_000

/** The same for the runs that are to pass: of many files, on a machine that may be busy. */
const controlMillis = 240_000

const directories: Array<string> = []
const children = new Set<ChildProcess>()

const cleanUp = (): void => {
  for (const child of children) child.kill("SIGKILL")
  for (const directory of directories) rmSync(directory, { recursive: true, force: true })
}

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => {
    cleanUp()
    process.exit(1)
  })
}

/** A copy of all that the tests need. */
const copy = (): string => {
  const directory = mkdtempSync(join(tmpdir(), "effect-rocketmq-mutants-"))
  directories.push(directory)
  for (const name of ["src", "test", "package.json", "vitest.config.ts"]) {
    cpSync(join(repository, name), join(directory, name), { recursive: true })
  }
  symlinkSync(join(repository, "node_modules"), join(directory, "node_modules"))
  return directory
}

type Verdict =
  | { readonly kind: "passed"; readonly tests: number }
  | { readonly kind: "failed"; readonly test: string }
  | { readonly kind: "hung" }
  | { readonly kind: "broken"; readonly output: string }

interface JsonReport {
  readonly numPassedTests: number
  readonly numFailedTests: number
  readonly numTotalTestSuites: number
  readonly testResults: ReadonlyArray<{
    readonly status: string
    readonly assertionResults: ReadonlyArray<{ readonly status: string; readonly fullName: string }>
  }>
}

/** Runs test files, up to the first failure. */
const run = (directory: string, files: ReadonlyArray<string>, millis = limitMillis): Promise<Verdict> =>
  new Promise((done) => {
    const report = join(directory, "report.json")
    rmSync(report, { force: true })
    const child = spawn(
      process.execPath,
      [
        join(directory, "node_modules/vitest/vitest.mjs"),
        "run",
        "--bail",
        "1",
        "--maxWorkers",
        "1",
        "--testTimeout",
        String(testMillis),
        "--reporter",
        "json",
        "--outputFile",
        report,
        ...files.map((file) => join("test", file))
      ],
      { cwd: directory, stdio: ["ignore", "pipe", "pipe"] }
    )
    children.add(child)
    let output = ""
    child.stdout.on("data", (chunk) => output += String(chunk))
    child.stderr.on("data", (chunk) => output += String(chunk))
    let hung = false
    const timer = setTimeout(() => {
      hung = true
      child.kill("SIGKILL")
    }, millis)
    child.on("close", () => {
      clearTimeout(timer)
      children.delete(child)
      if (hung) {
        done({ kind: "hung" })
        return
      }
      let results: JsonReport
      try {
        results = JSON.parse(readFileSync(report, "utf8")) as JsonReport
      } catch {
        done({ kind: "broken", output })
        return
      }
      const failed = results.testResults.flatMap((file) => file.assertionResults)
        .find((test) => test.status === "failed")
      // A file that does not even load has no failed tests: that proves nothing.
      if (failed !== undefined) done({ kind: "failed", test: failed.fullName })
      else if (results.numPassedTests > 0 && results.testResults.every((file) => file.status === "passed")) {
        done({ kind: "passed", tests: results.numPassedTests })
      } else done({ kind: "broken", output: output + JSON.stringify(results.testResults).slice(0, 2_000) })
    })
  })

/** The sources with the mistake, or why there are none. */
const mutated = (source: string, mutant: Mutant): string | undefined => {
  const parts = source.split(mutant.search)
  return parts.length === 2 ? parts.join(mutant.replace) : undefined
}

const wanted = process.argv[2]
const chosen = wanted === undefined ? mutants : mutants.filter((mutant) => mutant.breaks.includes(wanted))
let killed = 0
let survived = 0

const judge = async (directory: string, mutant: Mutant): Promise<void> => {
  const path = join(directory, mutant.file)
  const source = readFileSync(path, "utf8")
  const changed = mutated(source, mutant)
  if (changed === undefined) {
    survived++
    console.log(`stale     ${mutant.breaks}: what ${mutant.file} is searched for does not occur exactly once`)
    return
  }
  const started = performance.now()
  writeFileSync(path, changed)
  const verdict = await run(directory, mutant.killedBy)
  writeFileSync(path, source)
  const seconds = `${((performance.now() - started) / 1_000).toFixed(1)} s`
  switch (verdict.kind) {
    case "failed":
      killed++
      console.log(`killed    ${mutant.breaks} (${seconds}): ${verdict.test}`)
      break
    case "hung":
      killed++
      console.log(`killed    ${mutant.breaks} (${seconds}): the tests do not end`)
      break
    case "passed":
      survived++
      console.log(`survived  ${mutant.breaks} (${seconds}): ${verdict.tests} tests passed`)
      break
    case "broken":
      survived++
      console.log(`broken    ${mutant.breaks} (${seconds}): the tests did not run\n${verdict.output}`)
  }
}

/** Whether all tests pass without any mistake: each copy runs its share of the files. */
const control = async (copies: ReadonlyArray<string>): Promise<boolean> => {
  const files = [...new Set(chosen.flatMap((mutant) => mutant.killedBy))]
  const verdicts = await Promise.all(copies.map((directory, lane): Promise<Verdict> => {
    const share = files.filter((_, index) => index % copies.length === lane)
    return share.length === 0 ? Promise.resolve({ kind: "passed", tests: 0 }) : run(directory, share, controlMillis)
  }))
  let tests = 0
  for (const verdict of verdicts) {
    if (verdict.kind === "passed") tests += verdict.tests
    else {
      const why = verdict.kind === "failed" ? verdict.test : verdict.kind === "broken" ? verdict.output : "it hung"
      console.log(`control   unchanged, the tests must pass: ${why}`)
    }
  }
  if (verdicts.some(({ kind }) => kind !== "passed")) return false
  console.log(`control   unchanged, ${tests} tests pass`)
  return true
}

try {
  const queue = [...chosen]
  const copies = Array.from({ length: lanes }, copy)
  const healthy = await control(copies)
  if (healthy) {
    await Promise.all(
      copies.map(async (directory) => {
        for (let mutant = queue.shift(); mutant !== undefined; mutant = queue.shift()) await judge(directory, mutant)
      })
    )
  }
  console.log(`${killed} killed, ${survived} survived`)
  process.exitCode = healthy && killed > 0 && survived === 0 ? 0 : 1
} finally {
  cleanUp()
}
