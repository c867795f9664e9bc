/** What Java's own classes make of headers and bodies, in either direction. */
import * as Effect from "effect/Effect"
import { execFile } from "node:child_process"
import { delimiter } from "node:path"
import { HarnessError } from "./HarnessError.ts"
import * as Toolchain from "./Toolchain.ts"

/** 5.5.0 has fastjson2, 5.3.3 fastjson 1.2.83. */
export const releases = ["5.5.0", "5.3.3"] as const

/** `HeadersMain` or `BodiesMain` with the libraries of a release: an answer to each line. */
export const answers = (
  release: typeof releases[number],
  main: "HeadersMain" | "BodiesMain",
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
