/** The client by which a server of the cluster asks others. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { LanguageCode } from "../../../protocol/LanguageCode.ts"
import * as Reconnection from "../../../remoting/Reconnection.ts"
import * as RemotingClient from "../../../remoting/RemotingClient.ts"
import * as ResponseFutures from "../../../remoting/ResponseFutures.ts"
import { Transport } from "../../../remoting/Transport.ts"

/** A client in the current scope. It speaks as RocketMQ's own, so that servers treat it as theirs. */
export const make = Effect.fnUntraced(function*(
  transport: Transport["Service"]
): Effect.fn.Return<RemotingClient.Service, never, Scope.Scope> {
  const futures = yield* ResponseFutures.make()
  return yield* RemotingClient.make({ language: LanguageCode.JAVA, metrics: false }).pipe(
    Effect.provideService(Transport, transport),
    Effect.provideService(ResponseFutures.ResponseFutures, futures),
    Effect.provideService(Reconnection.Reconnection, Reconnection.make())
  )
})
