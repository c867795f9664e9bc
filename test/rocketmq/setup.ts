import * as Effect from "effect/Effect"
import * as Toolchain from "./harness/Toolchain.ts"

/** Before the first test: a missing tool ends the run at once, and no test waits for Maven. */
export default async (): Promise<void> => {
  const all = Effect.all([
    Toolchain.programClassPath,
    Toolchain.serverClassPath("5.5.0"),
    Toolchain.serverClassPath("5.3.3"),
    Toolchain.serverClassPath("4.9.7")
  ])
  const result = await Effect.runPromise(Effect.result(all))
  if (result._tag === "Failure") {
    // An error thrown here is reported as "No test files found", with this message below.
    console.error(result.failure.message)
    process.exit(1)
  }
}
