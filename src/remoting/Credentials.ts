/**
 * Who signs requests: HMAC-SHA1 as RocketMQ's `AclClientRPCHook` does it, for
 * ACL 1.0 (4.4 to 5.3.2) and for authentication since 5.3.0, where the access
 * key is the user name and the secret key the password.
 */
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { signRequest } from "../protocol/AclSignature.ts"
import type { ExtFields } from "../protocol/RemotingCommand.ts"
import type { RemotingRequest } from "./RemotingRequest.ts"

/**
 * Credentials. The signature covers the ext fields and the body, nothing that
 * would make it fresh: whoever can read it can replay it, so use TLS with it.
 */
export interface Credentials {
  readonly accessKey: string
  readonly secretKey: Redacted.Redacted<string>
  /** Of a temporary credential. */
  readonly securityToken?: Redacted.Redacted<string> | undefined
}

const noFields: ExtFields = Object.freeze(Object.create(null))

/** Signs a request: a copy with `AccessKey`, `Signature` and, where there is a token, `SecurityToken`. */
export const sign = (request: RemotingRequest, credentials: Credentials): RemotingRequest => ({
  ...request,
  extFields: signRequest(request.extFields ?? noFields, request.body, {
    accessKey: credentials.accessKey,
    secretKey: Redacted.value(credentials.secretKey),
    securityToken: credentials.securityToken === undefined ? undefined : Redacted.value(credentials.securityToken)
  })
})

/**
 * Nobody, where none of the settings of {@link config} is there. One key
 * without the other is an error: the client would send unsigned requests.
 */
export const fromConfig: Effect.Effect<Credentials | undefined, Config.ConfigError> = Effect.gen(function*() {
  const set = yield* Config.all([
    Config.option(Config.String("ACCESS_KEY")),
    Config.option(Config.Redacted("SECRET_KEY")),
    Config.option(Config.Redacted("SECURITY_TOKEN"))
  ]).pipe(Config.nested("ROCKETMQ"))
  return set.every((one) => Option.isNone<unknown>(one)) ? undefined : yield* config
})

/** `ROCKETMQ_ACCESS_KEY`, `ROCKETMQ_SECRET_KEY` and, optionally, `ROCKETMQ_SECURITY_TOKEN`. */
export const config: Config.Config<Credentials> = Config.all({
  accessKey: Config.String("ACCESS_KEY"),
  secretKey: Config.Redacted("SECRET_KEY"),
  securityToken: Config.Redacted("SECURITY_TOKEN").pipe(Config.withDefault(undefined))
}).pipe(Config.nested("ROCKETMQ"))
