import { assert, describe, it } from "@effect/vitest"
import { spawnSync } from "node:child_process"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"

const root = Path.resolve(import.meta.dirname, "../..")
const effectSources = Path.join(root, "node_modules/effect/src")

interface Snippet {
  /** Where the lines would stand. A directory: a file of their own in it. */
  readonly where: string
  readonly lines: string
}

interface Finding {
  readonly filename: string
  readonly code: string
}

/** Lints the snippets as if they stood in the repository, and says for each which rules object to it, and how often. */
const lint = (snippets: ReadonlyArray<Snippet>): ReadonlyArray<ReadonlyArray<string>> => {
  // Below the directory where oxlint starts, a configuration may hold no options.
  const config = Fs.readFileSync(Path.join(root, ".oxlintrc.json"), "utf8").replace(/^ *"options": .*,$/m, "")
  const directory = Fs.mkdtempSync(Path.join(Os.tmpdir(), "effect-rocketmq-lint-"))
  try {
    const files = snippets.map(({ lines, where }, index) => {
      const path = where.endsWith("/") ? `${where}snippet${index}.ts` : where
      // Snippets for one and the same file stand in clones of the repository beside each other.
      let clone = 0
      while (Fs.existsSync(Path.join(directory, String(clone), path))) clone++
      const file = Path.join(String(clone), path)
      Fs.mkdirSync(Path.dirname(Path.join(directory, file)), { recursive: true })
      Fs.writeFileSync(Path.join(directory, String(clone), ".oxlintrc.json"), config)
      Fs.writeFileSync(Path.join(directory, file), `${lines}\n`)
      return file
    })
    const run = spawnSync(
      process.execPath,
      [Path.join(root, "node_modules/oxlint/bin/oxlint"), "--format=json", "."],
      { cwd: directory, encoding: "utf8", maxBuffer: 64 * 1024 * 1024 }
    )
    assert.strictEqual(run.stderr, "")
    const { diagnostics } = JSON.parse(run.stdout) as { readonly diagnostics: ReadonlyArray<Finding> }
    return files.map((file) =>
      diagnostics.filter(({ filename }) => filename === file).map(({ code }) => /\((.*)\)/.exec(code)![1])
    )
  } finally {
    Fs.rmSync(directory, { recursive: true })
  }
}

const importOf = (module: string): string => `import * as X from ${JSON.stringify(module)}\nexport const x = X`

const layers = ["protocol", "remoting", "client", "testing"]

describe("lint", () => {
  it("bans clocks, timers and randomness that Effect does not control from src", () => {
    const banned: Record<string, ReadonlyArray<string>> = {
      "no-restricted-globals": [
        "export const x = Date.now()",
        "export const x = new Date()",
        "export const x = Date()",
        "export const x = globalThis.Date.now()",
        "export const x = performance.now()",
        "export const x = globalThis.performance.now()",
        "setTimeout(() => {}, 1)",
        "globalThis.setTimeout(() => {}, 1)",
        "export const x = globalThis[\"setTimeout\"]",
        "setInterval(() => {}, 1)",
        "setImmediate(() => {})"
      ],
      "no-restricted-properties": [
        "export const x = Math.random()",
        "export const { random } = Math",
        "export const x = process.hrtime()",
        "export const x = process.hrtime.bigint()",
        "export const x = AbortSignal.timeout(1)",
        "export const x = crypto.randomUUID()",
        "export const x = crypto.getRandomValues(new Uint8Array(1))",
        "import * as Crypto from \"node:crypto\"\nexport const x = Crypto.randomBytes(1)"
      ],
      "no-restricted-imports": [
        importOf("node:timers"),
        importOf("node:timers/promises"),
        importOf("timers"),
        importOf("node:perf_hooks"),
        importOf("node:module")
      ]
    }
    const cases = Object.entries(banned).flatMap(([rule, snippets]) =>
      snippets.flatMap((lines) => layers.map((layer) => ({ where: `src/${layer}/`, lines, rule })))
    )
    expectRules(cases)
  })

  it("allows imports only in the order of the layers, whatever their form", () => {
    const forms = (module: string) => [
      importOf(module),
      `import { X } from "${module}"\nexport const x = X`,
      `import type { X } from "${module}"\nexport type Y = X`,
      `export * from "${module}"`,
      `export const x = await import("${module}")`
    ]
    const cases: Array<Snippet & { readonly allowed: boolean }> = []
    layers.forEach((from, i) => {
      layers.forEach((to, j) => {
        if (i === j) return
        for (const lines of forms(`../${to}/X.ts`)) cases.push({ where: `src/${from}/`, lines, allowed: j < i })
        for (const lines of forms(`../../${to}/X.ts`)) {
          cases.push({ where: `src/${from}/internal/`, lines, allowed: j < i })
        }
        for (const lines of forms(`../${to}/internal/x.ts`)) {
          cases.push({ where: `src/${from}/`, lines, allowed: false })
        }
      })
      for (const lines of forms("./internal/x.ts")) cases.push({ where: `src/${from}/`, lines, allowed: true })
      for (
        const lines of [...forms("../index.ts"), ...forms("effect-rocketmq"), ...forms(`effect-rocketmq/${from}/X`)]
      ) {
        cases.push({ where: `src/${from}/`, lines, allowed: false })
      }
    })
    for (const layer of layers) {
      cases.push({ where: "src/index.ts", lines: `export * as X from "./${layer}/internal/x.ts"`, allowed: false })
      cases.push({ where: "src/index.ts", lines: `export * as X from "./${layer}/X.ts"`, allowed: true })
    }
    expectImports(cases)
  })

  it("keeps type imports visible as imports", () => {
    const lines = "export type Y = import(\"../remoting/X.ts\").X"
    expectRules([{ where: "src/protocol/", lines, rule: "consistent-type-imports" }])
  })

  it("allows sockets in Transport, and TCP in LoadBalancer", () => {
    const modules = ["node:net", "node:tls", "node:dns", "node:dns/promises", "net", "node:dgram", "node:http"]
    expectImports(modules.flatMap((module) => [
      ...layers.map((layer) => ({ where: `src/${layer}/`, lines: importOf(module), allowed: false })),
      { where: "src/remoting/internal/", lines: importOf(module), allowed: false },
      { where: "src/remoting/Transport.ts", lines: importOf(module), allowed: true },
      { where: "src/testing/LoadBalancer.ts", lines: importOf(module), allowed: /^(node:)?net$/.test(module) }
    ]))
  })

  it("allows platform modules in Transport alone", () => {
    expectImports(["@effect/platform-node", "@effect/platform-node/NodeSocket"].flatMap((module) => [
      ...layers.map((layer) => ({ where: `src/${layer}/`, lines: importOf(module), allowed: false })),
      { where: "src/remoting/Transport.ts", lines: importOf(module), allowed: true }
    ]))
  })

  it("allows Effect by sub-path only", () => {
    const everywhere = ["src/remoting/Transport.ts", "src/remoting/", "src/client/", "examples/"]
    expectImports(everywhere.map((where) => ({ where, lines: importOf("effect"), allowed: false })))
  })

  it("allows unstable modules of the installed Effect in Transport alone", () => {
    const modules = Fs.readdirSync(effectSources, { recursive: true, encoding: "utf8" })
      .filter((file) => file.endsWith(".ts") && !file.includes("internal") && !file.endsWith("index.ts"))
      .map((file) => {
        const source = Fs.readFileSync(Path.join(effectSources, file), "utf8")
        return {
          name: `effect/${file.slice(0, -3)}`,
          stable: /@stability (\w+)/.exec(source)?.[1] === "stable"
        }
      })
    const unstable = modules.filter(({ stable }) => !stable)
    const stable = modules.filter((module) => module.stable && module.name.split("/").length === 2)
    assert.isAbove(unstable.length, 50)
    assert.isAbove(stable.length, 50)
    const importsOf = (list: ReadonlyArray<{ readonly name: string }>): string =>
      list.map(({ name }, i) => `import * as X${i} from "${name}"\nexport const x${i} = X${i}`).join("\n")
    const refused = (where: string, list: ReadonlyArray<{ readonly name: string }>): number =>
      lint([{ where, lines: importsOf(list) }])[0].filter((rule) => rule === "no-restricted-imports").length
    for (const layer of ["src/remoting/", "src/client/", "src/testing/", "src/testing/LoadBalancer.ts"]) {
      assert.strictEqual(refused(layer, unstable), unstable.length, layer)
      assert.strictEqual(refused(layer, stable), 0, layer)
    }
    assert.strictEqual(refused("src/remoting/Transport.ts", unstable), 0)
  })

  it("keeps Effect's runtime out of the protocol", () => {
    const pure = ["effect/Schema", "effect/Option", "effect/Result"]
    const running = [
      "effect/Effect",
      "effect/Clock",
      "effect/Random",
      "effect/Stream",
      "effect/Layer",
      "effect/rpc/Rpc"
    ]
    expectImports([
      ...pure.map((module) => ({ where: "src/protocol/", lines: importOf(module), allowed: true })),
      ...running.map((module) => ({ where: "src/protocol/", lines: importOf(module), allowed: false }))
    ])
  })

  it("keeps examples to what the package exports", () => {
    expectImports([
      { where: "examples/", lines: importOf("../src/remoting/RemotingClient.ts"), allowed: false },
      { where: "examples/", lines: importOf("effect-rocketmq/remoting/internal/x"), allowed: false },
      { where: "examples/", lines: importOf("effect-rocketmq/remoting/RemotingClient"), allowed: true }
    ])
  })

  it("bans tests that do not run or look at nothing", () => {
    const tests = [
      "it.only(\"\", () => assert.isTrue(true))",
      "it.effect.only(\"\", () => assert.isTrue(true))",
      "it.live.skip(\"\", () => assert.isTrue(true))",
      "it.effect.skipIf(true)(\"\", () => assert.isTrue(true))",
      "it.todo(\"\")",
      "describe.skip(\"\", () => {})"
    ]
    const header = "import { assert, describe, it } from \"@effect/vitest\"\n"
    expectRules([
      ...tests.map((test) => ({ where: "test/client/", lines: header + test, rule: "no-restricted-properties" })),
      { where: "test/client/X.test.ts", lines: `${header}it("", () => {})`, rule: "expect-expect" }
    ])
  })

  it("bans cycles, any, silenced compilers and consoles from src", () => {
    expectRules([
      { where: "src/client/a.ts", lines: "import { b } from \"./b.ts\"\nexport const a = () => b", rule: "no-cycle" },
      { where: "src/client/b.ts", lines: "import { a } from \"./a.ts\"\nexport const b = () => a", rule: "no-cycle" },
      { where: "src/client/", lines: "export const x: any = 1", rule: "no-explicit-any" },
      { where: "src/client/", lines: "// @ts-ignore\nexport const x: string = 1", rule: "ban-ts-comment" },
      { where: "src/client/", lines: "console.log(1)", rule: "no-console" },
      { where: "src/client/", lines: "export const x = require(\"node:net\")", rule: "no-require-imports" }
    ])
  })
})

const expectRules = (cases: ReadonlyArray<Snippet & { readonly rule: string }>): void =>
  lint(cases).forEach((rules, i) => {
    const { lines, rule, where } = cases[i]
    assert.include(rules, rule, `${where}: ${lines}`)
  })

const expectImports = (cases: ReadonlyArray<Snippet & { readonly allowed: boolean }>): void =>
  lint(cases).forEach((rules, i) => {
    const { allowed, lines, where } = cases[i]
    assert.strictEqual(!rules.includes("no-restricted-imports"), allowed, `${where}: ${lines}`)
  })
