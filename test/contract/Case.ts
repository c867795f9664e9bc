/** Cases of the contract, and how a backend goes through them. */
import { assert } from "@effect/vitest"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Backend, Capability } from "./Backend.ts"

/** One sentence about the client, and what shows that it is true. */
export interface Case {
  readonly name: string
  readonly needs: ReadonlyArray<Capability>
  readonly run: Effect.Effect<void, unknown, Backend | Scope.Scope>
}

/** Cases about one subject. */
export interface Subject {
  readonly name: string
  readonly cases: ReadonlyArray<Case>
}

/** A case that needs nothing special, or names what it needs. */
export const specify = (
  name: string,
  run: Case["run"] | (() => Case["run"]),
  ...needs: ReadonlyArray<Capability>
): Case => ({ name, needs, run: typeof run === "function" ? run() : run })

export interface Suite {
  /** What the server offers. */
  readonly offers: ReadonlySet<Capability>
  /** Why the server does not offer the rest; every capability that some case needs is in here or in `offers`. */
  readonly reasons: Partial<Record<Capability, string>>
  /** The cases that do not run, by subject and name, each with the capability that it lacks. */
  readonly notOffered: Readonly<Record<string, Capability>>
  readonly describe: (subject: string, define: () => void) => void
  readonly test: (name: string, run: Case["run"]) => void
  /** A test without a backend. */
  readonly plain: (name: string, run: () => void) => void
}

/** Defines a test for each case that the server offers, and one that names those that it does not. */
export const define = (subjects: ReadonlyArray<Subject>, suite: Suite): void => {
  const left: Record<string, Capability> = {}
  for (const subject of subjects) {
    const offered = subject.cases.filter((each) => {
      const missing = each.needs.find((capability) => !suite.offers.has(capability))
      if (missing !== undefined) {
        left[`${subject.name}: ${each.name}`] = missing
      }
      return missing === undefined
    })
    if (offered.length > 0) {
      suite.describe(subject.name, () => {
        for (const each of offered) {
          suite.test(each.name, each.run)
        }
      })
    }
  }
  suite.plain("names the cases that it does not offer, and why", () => {
    assert.deepStrictEqual(left, suite.notOffered)
    for (const capability of Object.values(left)) {
      assert.isString(suite.reasons[capability], capability)
    }
  })
}
