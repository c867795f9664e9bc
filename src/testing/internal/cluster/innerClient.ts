/** The client by which a server of the cluster asks others. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { LanguageCode } from "../../../protocol/LanguageCode.ts"
import type { RemotingCommand } from "../../../protocol/RemotingCommand.ts"
import type { Address } from "../../../remoting/Address.ts"
import * as Reconnection from "../../../remoting/Reconnection.ts"
import * as RemotingClient from "../../../remoting/RemotingClient.ts"
import type { RemotingError } from "../../../remoting/RemotingError.ts"
import type { RemotingRequest } from "../../../remoting/RemotingRequest.ts"
import * as ResponseFutures from "../../../remoting/ResponseFutures.ts"
import { Transport } from "../../../remoting/Transport.ts"

/** An address that was down may be back: it is dialled so much later at the latest. */
const redialMillis = 10

/** Time for that dial. */
const secondTryMillis = 50

const policies = Reconnection.make({
  reconnect: Reconnection.backoff({ base: redialMillis, cap: redialMillis, jitter: false })
})

/** A client in the current scope. It speaks as RocketMQ's own, so that servers treat it as theirs. */
export const make = Effect.fnUntraced(function*(
  transport: Transport["Service"]
): Effect.fn.Return<RemotingClient.Service, never, Scope.Scope> {
  const futures = yield* ResponseFutures.make()
  return yield* RemotingClient.make({ language: LanguageCode.JAVA, metrics: false }).pipe(
    Effect.provideService(Transport, transport),
    Effect.provideService(ResponseFutures.ResponseFutures, futures),
    Effect.provideService(Reconnection.Reconnection, policies)
  )
})

/**
 * Asks as RocketMQ's servers do: it fails soon when the address cannot be reached, goes away or breaks, and nothing is
 * asked twice but what was not sent: the first who asks an address that is back finds it down.
 */
export const ask = (
  client: RemotingClient.Service,
  address: Address,
  request: RemotingRequest,
  timeoutMillis: number
): Effect.Effect<RemotingCommand, RemotingError> => {
  const attempt = client.invoke(address, request, {
    timeout: timeoutMillis,
    failFast: true,
    repeatable: false,
    goAwayHops: 1
  })
  return Effect.catch(
    attempt,
    (error) => error.outcome === "NotSent" ? Effect.delay(attempt, secondTryMillis) : Effect.fail(error)
  )
}
