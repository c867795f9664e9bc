/**
 * The package as its users have it, built to JavaScript, and senders that import it as they would: what Node needs to
 * strip types from sources must not count for the time of the first message.
 */
import { spawnSync } from "node:child_process"
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

const repository = fileURLToPath(new URL("../", import.meta.url))
const bench = join(repository, "bench")

/** What a sender is made of, and what of ours it imports by relative path. */
const sources = ["wire.ts", "senders/load.ts", "senders/limit.ts", "senders/ours.ts"]

/** Errors of types are for `npm run types` to tell; the compiler writes its output all the same. */
const compile = (output: string, ...options: ReadonlyArray<string>): void => {
  const compiler = join(repository, "node_modules/typescript/bin/tsc")
  const { stdout } = spawnSync(process.execPath, [compiler, ...options], { cwd: repository, encoding: "utf8" })
  if (!existsSync(output)) {
    throw new Error(`the compiler did not write ${output}\n${stdout}`)
  }
}

/** Builds into a directory of its own, which is gone when this process ends; its path. */
export const buildSenders = (): string => {
  // Inside `node_modules`, so that dependencies are found.
  const cache = join(repository, "node_modules/.cache")
  mkdirSync(cache, { recursive: true })
  const directory = mkdtempSync(join(cache, "bench-"))
  process.on("exit", () => rmSync(directory, { recursive: true, force: true }))
  writeFileSync(join(directory, "package.json"), JSON.stringify({ private: true, type: "module" }))
  const installed = join(directory, "node_modules/effect-rocketmq")
  mkdirSync(installed, { recursive: true })
  copyFileSync(join(repository, "package.json"), join(installed, "package.json"))
  const dist = join(installed, "dist")
  compile(join(dist, "index.js"), "-p", "tsconfig.build.json", "--outDir", dist)
  compile(
    join(directory, "senders/ours.js"),
    "--ignoreConfig",
    "--noCheck",
    "--noResolve",
    "--module",
    "nodenext",
    "--target",
    "es2023",
    "--verbatimModuleSyntax",
    "--rewriteRelativeImportExtensions",
    "--rootDir",
    bench,
    "--outDir",
    directory,
    ...sources.map((source) => join(bench, source))
  )
  return directory
}
