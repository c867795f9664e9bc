/**
 * Holds README.md and the pages in docs to what they say: their TypeScript blocks compile and run, their commands exist.
 *
 * A block opened by ```ts title="name.ts" becomes that file; one that imports @effect/vitest is run by vitest, any other
 * by node. A block opened by ```sh title="ci" is run as it stands, by bash; the lines of other sh blocks may only name
 * npm scripts that exist.
 */
import { spawnSync } from "node:child_process"
import * as Fs from "node:fs"
import * as Path from "node:path"

const root = Path.resolve(import.meta.dirname, "..")
const bin = (name: string): string => Path.join(root, "node_modules/.bin", name)

interface Block {
  readonly language: string
  readonly title: string | undefined
  readonly line: number
  readonly text: string
}

const blocksOf = (markdown: string): ReadonlyArray<Block> =>
  Array.from(
    markdown.matchAll(/^```(\w+)(?: title="([^"]+)")?[^\n]*\n([\s\S]*?)^```$/gm),
    ({ 1: language, 2: title, 3: text, index }) => ({
      language,
      title,
      text,
      line: markdown.slice(0, index).split("\n").length
    })
  )

const problems: Array<string> = []
let checked = 0

/** The page that is looked at. */
let page = "README.md"

const run = (block: Block, command: string, args: ReadonlyArray<string>, cwd: string): void => {
  const result = spawnSync(command, args, {
    cwd,
    encoding: "utf8",
    timeout: 120_000,
    killSignal: "SIGKILL",
    maxBuffer: 64 * 1024 * 1024
  })
  if (result.status === 0) {
    checked++
    return
  }
  const said = [result.error?.message, result.stdout, result.stderr].filter(Boolean).join("\n")
  problems.push(`${page}:${block.line}: ${Path.basename(command)} ${args.join(" ")}\n${said}`)
}

const checkExamples = (blocks: ReadonlyArray<Block>): void => {
  // Inside the repository, so that the package finds itself by its name.
  Fs.mkdirSync(Path.join(root, ".tmp"), { recursive: true })
  const directory = Fs.mkdtempSync(Path.join(root, ".tmp/readme-"))
  try {
    const named = blocks.filter((block) => block.title !== undefined && /^[\w.-]+\.ts$/.test(block.title))
    for (const block of blocks) {
      if (!named.includes(block)) problems.push(`${page}:${block.line}: a ts block needs title="name.ts"`)
    }
    for (const { text, title } of named) Fs.writeFileSync(Path.join(directory, title!), text)
    Fs.writeFileSync(
      Path.join(directory, "tsconfig.json"),
      JSON.stringify({ extends: "../../tsconfig.json", include: ["*.ts"], exclude: ["vitest.config.ts"] })
    )
    Fs.writeFileSync(
      Path.join(directory, "vitest.config.ts"),
      `import config from "../../vitest.config.ts"
export default { ...config, root: import.meta.dirname, test: { include: ["*.ts"], exclude: ["vitest.config.ts"] } }
`
    )
    const isTest = (block: Block) => block.text.includes("\"@effect/vitest\"")
    if (!named.some(isTest)) problems.push(`${page}: no example is a test`)
    if (page === "README.md" && named.every(isTest)) problems.push(`${page}: no example is a program`)
    if (named.length > 0) run(named[0], bin("tsc"), ["-p", "tsconfig.json"], directory)
    for (const block of named) {
      if (isTest(block)) {
        run(block, bin("vitest"), ["run", "--config", "vitest.config.ts", `./${block.title}`], directory)
      } else {
        run(block, process.execPath, ["--conditions=effect-rocketmq:source", block.title!], directory)
      }
    }
  } finally {
    Fs.rmSync(directory, { recursive: true, force: true })
  }
}

const checkCommands = (blocks: ReadonlyArray<Block>): void => {
  const manifest = JSON.parse(Fs.readFileSync(Path.join(root, "package.json"), "utf8")) as {
    readonly scripts: Readonly<Record<string, string>>
  }
  for (const block of blocks) {
    if (block.title === "ci") run(block, "bash", ["-euo", "pipefail", "-c", block.text], root)
    for (const [, script, test] of block.text.matchAll(/\bnpm (?:run ([\w:-]+)|(test)\b)/g)) {
      if (Object.hasOwn(manifest.scripts, script ?? test)) checked++
      else problems.push(`${page}:${block.line}: there is no npm script ${script ?? test}`)
    }
  }
}

const docs = Fs.readdirSync(Path.join(root, "docs")).filter((name) => name.endsWith(".md")).sort()
for (page of ["README.md", ...docs.map((name) => `docs/${name}`)]) {
  const blocks = blocksOf(Fs.readFileSync(Path.join(root, page), "utf8"))
  checkCommands(blocks.filter(({ language }) => language === "sh"))
  checkExamples(blocks.filter(({ language }) => language === "ts"))
  if (page !== "README.md") continue
  for (const command of ["npm ci && npm run demo", "npm ci && npm test"]) {
    if (!blocks.some(({ text }) => text.includes(command))) problems.push(`${page}: no sh block says ${command}`)
  }
}
if (problems.length === 0) console.log(`README and docs: ${checked} commands and examples checked`)
for (const message of problems) console.error(message)
process.exitCode = problems.length === 0 ? 0 : 1
