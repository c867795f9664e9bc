/**
 * Packs the package and looks at it as its users will: what is in the tarball, what publint and attw say of it, and
 * what can be imported once it is installed in an empty project. Expects `dist` to have been built.
 */
import { spawnSync } from "node:child_process"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"

const root = Path.resolve(import.meta.dirname, "..")
const bin = (name: string): string => Path.join(root, "node_modules/.bin", name)

const problems: Array<string> = []
const problem = (message: string): void => {
  problems.push(message)
}

/** Runs a command; a failure is a problem, with all that the command said. */
const run = (command: string, args: ReadonlyArray<string>, cwd: string): string => {
  const result = spawnSync(command, args, { cwd, encoding: "utf8", maxBuffer: 64 * 1024 * 1024 })
  if (result.status !== 0) {
    const said = [result.error?.message, result.stdout, result.stderr].filter(Boolean).join("\n")
    problem(`${Path.basename(command)} ${args.join(" ")}\n${said}`)
  }
  return result.stdout
}

const versionOf = (name: string): string => {
  const manifest = Fs.readFileSync(Path.join(root, "node_modules", name, "package.json"), "utf8")
  return `${name}@${(JSON.parse(manifest) as { readonly version: string }).version}`
}

const checkFiles = (files: ReadonlySet<string>): void => {
  const documents = ["package.json", "README.md", "LICENSE", "CHANGELOG.md", "AGENTS.md"]
  for (const file of documents) if (!files.has(file)) problem(`the tarball lacks ${file}`)
  for (const file of files) {
    if (!documents.includes(file) && !/^(src\/.+\.ts|dist\/.+\.(js|d\.ts)(\.map)?)$/.test(file)) {
      problem(`the tarball holds ${file}`)
    }
  }
  const sources = Array.from(files).filter((file) => file.startsWith("src/"))
  const expected = new Set(sources.flatMap((file) => {
    const module = `dist/${file.slice("src/".length, -".ts".length)}`
    return [`${module}.js`, `${module}.js.map`, `${module}.d.ts`, `${module}.d.ts.map`]
  }))
  for (const file of expected) if (!files.has(file)) problem(`the tarball lacks ${file}`)
  for (const file of files) {
    if (file.startsWith("dist/") && !expected.has(file)) problem(`the tarball holds ${file}, which has no source`)
  }
}

const checkImports = (directory: string, open: ReadonlyArray<string>, closed: ReadonlyArray<string>): void => {
  Fs.writeFileSync(
    Path.join(directory, "imports.js"),
    `const codeOf = (name) => import(name).then(() => "imported", (error) => error.code ?? String(error))
const results = {}
for (const name of ${JSON.stringify([...open, ...closed])}) results[name] = await codeOf(name)
console.log(JSON.stringify(results))
`
  )
  const results = JSON.parse(run(process.execPath, ["imports.js"], directory) || "{}") as Record<string, string>
  for (const name of open) if (results[name] !== "imported") problem(`import "${name}": ${results[name]}`)
  for (const name of closed) {
    if (results[name] !== "ERR_PACKAGE_PATH_NOT_EXPORTED") problem(`import "${name}" should fail: ${results[name]}`)
  }
}

/** Types as a user's compiler sees them; the second file is wrong, and must be found to be. */
const checkTypes = (directory: string, names: ReadonlyArray<string>): void => {
  const imports = names.map((name, i) => `import * as m${i} from "${name}"\nexport { m${i} }`).join("\n")
  Fs.writeFileSync(Path.join(directory, "imports.ts"), `${imports}\n`)
  Fs.writeFileSync(
    Path.join(directory, "wrong.ts"),
    `import * as LoadBalancer from "effect-rocketmq/testing/LoadBalancer"
// @ts-expect-error: the targets' type is declared in another module of the package
export const options: LoadBalancer.Options = { targets: [1], policy: "random" }
`
  )
  for (const [module, resolution] of [["nodenext", "nodenext"], ["esnext", "bundler"]]) {
    Fs.writeFileSync(
      Path.join(directory, "tsconfig.json"),
      JSON.stringify({
        compilerOptions: {
          module,
          moduleResolution: resolution,
          target: "es2023",
          strict: true,
          noEmit: true,
          skipLibCheck: true,
          types: []
        },
        files: ["imports.ts", "wrong.ts"]
      })
    )
    run(bin("tsc"), ["-p", "tsconfig.json"], directory)
  }
}

const directory = Fs.mkdtempSync(Path.join(Os.tmpdir(), "effect-rocketmq-package-"))
try {
  const packed = run("npm", ["pack", "--ignore-scripts", "--json", "--pack-destination", directory], root)
  const [{ filename, files }] = JSON.parse(packed) as [
    { readonly filename: string; readonly files: ReadonlyArray<{ readonly path: string }> }
  ]
  const tarball = Path.join(directory, filename)
  const paths = files.map(({ path }) => path)
  checkFiles(new Set(paths))

  const modules = paths
    .filter((path) => path.startsWith("src/"))
    .map((path) => path.slice("src/".length, -".ts".length))
  // What the exports map closes beside internal/: modules that others are made of, whose types are not for users.
  const { exports } = JSON.parse(Fs.readFileSync(Path.join(root, "package.json"), "utf8")) as {
    readonly exports: Readonly<Record<string, unknown>>
  }
  const isClosed = (module: string): boolean => module.includes("internal/") || exports[`./${module}`] === null
  const open = modules.filter((module) => module !== "index" && !isClosed(module))
  // Folders that can be imported as one, such as testing.
  const folders = Object.keys(exports).filter((path) => /^\.\/\w+$/.test(path)).map((path) => path.slice("./".length))
  const names = ["effect-rocketmq", ...[...folders, ...open].map((module) => `effect-rocketmq/${module}`)]
  const closed = [
    ...modules.filter(isClosed),
    "remoting/internal/x",
    "index",
    "src/index.ts",
    "dist/index.js"
  ].map((module) => `effect-rocketmq/${module}`)

  run(bin("publint"), ["run", tarball, "--strict"], root)
  run(bin("attw"), [tarball, "--profile", "esm-only", "--no-emoji", "--include-entrypoints", ...folders, ...open], root)

  const project = Path.join(directory, "project")
  Fs.mkdirSync(project)
  Fs.writeFileSync(Path.join(project, "package.json"), JSON.stringify({ private: true, type: "module" }))
  const peers = ["effect", "@effect/platform-node"].map(versionOf)
  run("npm", ["install", "--prefer-offline", "--no-audit", "--no-fund", "--ignore-scripts", tarball, ...peers], project)
  checkImports(project, names, closed)
  checkTypes(project, names)
  if (problems.length === 0) {
    console.log(`package: ${paths.length} files, ${names.length} modules to import, ${closed.length} closed`)
  }
} finally {
  Fs.rmSync(directory, { recursive: true, force: true })
}
for (const message of problems) console.error(`package: ${message}`)
process.exitCode = problems.length === 0 ? 0 : 1
