/** What is checked in stands by itself: it names no machine, no directory of one, and no registry. */
import { execFileSync } from "node:child_process"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"

const root = Path.resolve(import.meta.dirname, "..")
const git = (...args: ReadonlyArray<string>): string => execFileSync("git", args, { cwd: root, encoding: "utf8" })

const escape = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")

const forbidden: ReadonlyArray<readonly [what: string, pattern: RegExp]> = [
  ["the path of this clone", new RegExp(escape(`${root}${Path.sep}`))],
  ["the home directory", new RegExp(`${escape(Os.homedir())}[\\\\/]`)],
  ["an absolute path", /(^|[\s"'`(=:])\/(work|tmp|home|root|Users|opt|mnt|var\/folders)\//],
  ["a drive letter", /(^|[\s"'`(=])[A-Z]:\\\\?[A-Za-z]/],
  [
    "a package registry",
    /registry\.(npmjs|yarnpkg)\b|\bnpm\.pkg\.github\b|\brepo1?\.maven\b|art[i]factory|"resolved": "https?:/i
  ]
]

let found = 0
for (const file of git("ls-files", "--cached", "--others", "--exclude-standard", "-z").split("\0")) {
  const path = Path.join(root, file)
  if (file === "" || !Fs.existsSync(path) || !Fs.statSync(path).isFile()) continue
  const bytes = Fs.readFileSync(path)
  if (bytes.includes(0)) continue
  bytes.toString("utf8").split("\n").forEach((line, i) => {
    for (const [what, pattern] of forbidden) {
      if (!pattern.test(line)) continue
      found++
      console.error(`${file}:${i + 1}: names ${what}: ${line.trim().slice(0, 160)}`)
    }
  })
}
if (found === 0) console.log("repository: names no machine and no registry")
process.exitCode = found === 0 ? 0 : 1
