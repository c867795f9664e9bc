/** Cases of the contract, and how a backend goes through them. */
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
  readonly describe: (subject: string, define: () => void) => void
  readonly test: (name: string, run: Case["run"]) => void
}

/**
 * Defines a test for each case that the server offers. Returns the cases that it does not, by subject and name, each with
 * the capability that it lacks.
 */
export const define = (subjects: ReadonlyArray<Subject>, suite: Suite): Readonly<Record<string, Capability>> => {
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
  return left
}
