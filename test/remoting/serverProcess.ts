/**
 * A server in a process of its own, for tests that stop a process or block an
 * event loop. It writes its address to stdout and ends when stdin does. The
 * ext field `delay` says after how many milliseconds it answers, `bytes` how
 * long the answer's body is to be.
 */
import * as RemotingServer from "effect-rocketmq/remoting/RemotingServer"
import * as Effect from "effect/Effect"

const program = Effect.gen(function*() {
  const server = yield* RemotingServer.RemotingServer
  yield* server.handleOther(({ extFields }) =>
    Effect.as(Effect.sleep(Number(extFields["delay"] ?? 0)), { body: new Uint8Array(Number(extFields["bytes"] ?? 1)) })
  )
  process.stdout.write(`${server.address}\n`)
  yield* Effect.callback<void>((resume) => {
    process.stdin.on("end", () => resume(Effect.void))
    process.stdin.resume()
  })
})

await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(RemotingServer.layer)))
