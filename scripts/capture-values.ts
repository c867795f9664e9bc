/**
 * Goldens of headers and bodies, for `capture-goldens.ts`: what Java writes for an object with something in every field.
 *
 * Bodies come from RocketMQ 5.5.0, which has fastjson2, and 5.3.3, which has fastjson 1.2.83. Both write the same for
 * nearly all of them; which release a text is of stands with it.
 */
import * as Effect from "effect/Effect"
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { bodyCodecs } from "../test/protocol/body/bodies.ts"
import { headerCodecs, withoutClass } from "../test/protocol/header/headers.ts"
import { answers, releases } from "../test/rocketmq/harness/JavaValues.ts"

const folder = fileURLToPath(new URL("../test/fixtures/values/", import.meta.url))

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
      const json = lines[i]?.startsWith("empty") === true
        ? text.replace(/"(timestamp|subVersion)":\d+/g, "\"$1\":0")
        : text
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
