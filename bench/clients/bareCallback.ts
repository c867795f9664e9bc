/** For orientation: the limit under `Effect.callback`, with nothing around it, one fiber per request in flight. */
import * as Effect from "effect/Effect"
import type { Connect } from "../contestant.ts"
import { driveEffects } from "../contestant.ts"
import { requestBody } from "../request.ts"
import { makeLimit } from "./limit.ts"

export const connect: Connect = async (port) => {
  const client = await makeLimit(port)
  return driveEffects(() =>
    Effect.callback<Uint8Array | undefined>((resume) =>
      client.request(requestBody, (body) => resume(Effect.succeed(body)))
    )
  )
}
