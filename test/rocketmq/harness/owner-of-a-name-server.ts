/** Starts a name server, prints where it is, and waits to be ended. */
import * as Effect from "effect/Effect"
import * as NameServer from "./NameServer.ts"

const main = Effect.gen(function*() {
  const { directory, port } = yield* NameServer.make({ version: "5.5.0" })
  console.log(JSON.stringify({ directory, port }))
  return yield* Effect.never
})

// Until a signal ends it: nothing here reacts to one.
setInterval(() => {}, 60_000)
await Effect.runPromise(Effect.scoped(main))
