/** Spans of requests, by OpenTelemetry's conventions for messaging and RPC. */
import * as Effect from "effect/Effect"
import type { RemotingCommand } from "../../protocol/RemotingCommand.ts"
import { requestCodeName } from "../../protocol/RequestCode.ts"
import { parse } from "../Address.ts"
import type { RemotingError } from "../RemotingError.ts"
import type { RemotingRequest } from "../RemotingRequest.ts"

/** One client span around a request, over all its attempts. Bodies, ext fields and keys stay out of it. */
export const traced = (
  address: string,
  request: RemotingRequest,
  oneway: boolean,
  call: Effect.Effect<RemotingCommand | undefined, RemotingError>
): Effect.Effect<RemotingCommand | undefined, RemotingError> => {
  const method = requestCodeName(request.code) ?? String(request.code)
  const target = parse(address)
  return Effect.useSpan(
    `rocketmq ${method}`,
    {
      kind: "client",
      attributes: {
        "messaging.system": "rocketmq",
        "rpc.system": "rocketmq-remoting",
        "rpc.method": method,
        "rocketmq.request.code": request.code,
        "rocketmq.request.oneway": oneway,
        "messaging.message.body.size": request.body?.length ?? 0,
        ...(target === undefined ? {} : { "server.address": target.host, "server.port": target.port })
      }
    },
    (span) =>
      call.pipe(
        Effect.tap((response) =>
          Effect.sync(() => {
            if (response !== undefined) span.attribute("rocketmq.response.code", response.code)
          })
        ),
        Effect.tapError((error) =>
          Effect.sync(() => {
            span.attribute("error.type", error.reason._tag)
            span.attribute("rocketmq.request.outcome", error.outcome)
          })
        )
      )
  )
}
