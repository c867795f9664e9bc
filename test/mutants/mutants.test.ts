import { assert, describe, it } from "@effect/vitest"
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { mutants } from "./mutants.ts"

const repository = join(import.meta.dirname, "../..")

describe("the mutants", () => {
  it("are thirty-five, each of another rule", () => {
    assert.strictEqual(new Set(mutants.map(({ breaks }) => breaks)).size, 35)
  })

  for (const { breaks, file, killedBy, replace, search } of mutants) {
    it(`find what they change: ${breaks}`, () => {
      const occurrences = readFileSync(join(repository, file), "utf8").split(search).length - 1
      assert.strictEqual(occurrences, 1, `${JSON.stringify(search)} in ${file}`)
      assert.notStrictEqual(search, replace)
      for (const test of killedBy) assert.isTrue(existsSync(join(repository, "test", test)), test)
    })
  }
})
