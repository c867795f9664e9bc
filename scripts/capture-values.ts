/**
 * Goldens of headers and bodies, for `capture-goldens.ts`: what Java writes for an object with something in every field.
 *
 * Bodies come from RocketMQ 5.5.0, which has fastjson2, and 5.3.3, which has fastjson 1.2.83. Both write the same for
 * nearly all of them; which release a text is of stands with it.
 */
import * as Effect from "effect/Effect"
import { execFile } from "node:child_process"
import { mkdirSync, writeFileSync } from "node:fs"
import { delimiter, join } from "node:path"
import { fileURLToPath } from "node:url"
import { bodyCodecs } from "../test/protocol/body/bodies.ts"
import { headerCodecs, withoutClass } from "../test/protocol/header/headers.ts"
import { HarnessError } from "../test/rocketmq/harness/HarnessError.ts"
import * as Toolchain from "../test/rocketmq/harness/Toolchain.ts"

const folder = fileURLToPath(new URL("../test/fixtures/values/", import.meta.url))

const releases = ["5.5.0", "5.3.3"] as const

/** One of our programs with the libraries of a release: the lines that it answers. */
const answers = (
  release: typeof releases[number],
  main: string,
  lines: ReadonlyArray<string>
): Effect.Effect<ReadonlyArray<string>, HarnessError> =>
  Effect.gen(function*() {
    const [programs] = (yield* Toolchain.programClassPath).split(delimiter)
    const libraries = yield* Toolchain.serverClassPath(release)
    const classPath = [programs, libraries].join(delimiter)
    return yield* Effect.callback<ReadonlyArray<string>, HarnessError>((resume) => {
      const child = execFile(
        Toolchain.java(),
        ["-Xmx256m", "-Dfile.encoding=UTF-8", "-cp", classPath, `effectrocketmq.${main}`],
        { maxBuffer: 64 << 20 },
        (error, stdout, stderr) =>
          resume(
            error === null
              ? Effect.succeed(stdout.trimEnd().split("\n"))
              : Effect.fail(new HarnessError({ message: `${main} with ${release}: ${stderr.slice(-4000)}` }))
          )
      )
      child.stdin!.end(`${lines.join("\n")}\n`)
    })
  })

const write = (file: string, goldens: ReadonlyArray<unknown>): void => {
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, file), `[\n${goldens.map((golden) => JSON.stringify(golden)).join(",\n")}\n]\n`)
  console.log(`${goldens.length} ${file}`)
}

const captureHeaders = Effect.gen(function*() {
  const names = [...headerCodecs.keys()].filter((name) => !withoutClass.has(name))
  const samples = yield* answers("5.5.0", "HeadersMain", names.map((name) => `sample ${name}`))
  const notNull = yield* answers("5.5.0", "HeadersMain", names.map((name) => `not-null ${name}`))
  write(
    "headers.json",
    names.map((name, i) => ({ name, fields: JSON.parse(samples[i]), notNull: JSON.parse(notNull[i]) }))
  )
})

const captureBodies = Effect.gen(function*() {
  const names = [...bodyCodecs.keys()]
  const lines = names.flatMap((name) => [`sample ${name}`, `empty ${name}`])
  const goldens: Array<{ readonly name: string; readonly releases: Array<string>; readonly json: string }> = []
  for (const release of releases) {
    const texts = yield* answers(release, "BodiesMain", [...lines, "sample-compressed"])
    texts.forEach((text, i) => {
      // Java's defaults for times are now.
      const json = text.replace(/"(timestamp|subVersion)":\d{13}\b/g, "\"$1\":0")
      const name = i < lines.length ? lines[i] : "compressed RegisterBrokerBody"
      const same = goldens.find((golden) => golden.name === name && golden.json === json)
      if (same === undefined) {
        goldens.push({ name, releases: [release], json })
      } else {
        same.releases.push(release)
      }
    })
  }
  write("bodies.json", goldens)
})

export const captureValues = Effect.andThen(captureHeaders, captureBodies)
