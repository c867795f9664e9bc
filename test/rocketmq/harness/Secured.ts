/** A cluster 5.5.0 whose broker authenticates and authorizes (ACL 2.0). Its name server, as every one, does neither. */
import type { Credentials } from "effect-rocketmq/remoting/Credentials"
import * as RemotingClient from "effect-rocketmq/remoting/RemotingClient"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import { randomBytes } from "node:crypto"
import * as Broker from "./Broker.ts"
import { HarnessError } from "./HarnessError.ts"
import * as NameServer from "./NameServer.ts"
import type { Server } from "./Server.ts"

/** AUTH_CREATE_USER. */
const createUserCode = 3001
/** UPDATE_AND_CREATE_TOPIC. */
const createTopicCode = 17

const authentication = "org.apache.rocketmq.auth.authentication.provider"
const authorization = "org.apache.rocketmq.auth.authorization.provider"

export interface SecuredCluster {
  readonly nameServer: Server
  readonly broker: Server
  /** May do everything. */
  readonly administrator: Credentials
  /** Is known and may do nothing. */
  readonly stranger: Credentials
  readonly createTopic: (topic: string) => Effect.Effect<void, HarnessError>
}

const secret = () => Redacted.make(randomBytes(12).toString("hex"))

export const make: Effect.Effect<SecuredCluster, HarnessError, Scope.Scope> = Effect.gen(function*() {
  const nameServer = yield* NameServer.make({ version: "5.5.0" })
  const administrator: Credentials = { accessKey: "administrator", secretKey: secret() }
  const stranger: Credentials = { accessKey: "stranger", secretKey: secret() }
  const { accessKey } = administrator
  const secretKey = Redacted.value(administrator.secretKey)
  const broker = yield* Broker.make({
    version: "5.5.0",
    nameServer,
    settings: {
      authenticationEnabled: true,
      authenticationProvider: `${authentication}.DefaultAuthenticationProvider`,
      authenticationMetadataProvider: `${authentication}.LocalAuthenticationMetadataProvider`,
      initAuthenticationUser: JSON.stringify({ username: accessKey, password: secretKey }),
      innerClientAuthenticationCredentials: JSON.stringify({ accessKey, secretKey }),
      authorizationEnabled: true,
      authorizationProvider: `${authorization}.DefaultAuthorizationProvider`,
      authorizationMetadataProvider: `${authorization}.LocalAuthorizationMetadataProvider`
    }
  })

  const administrate = (code: number, extFields: Record<string, string>, body?: Uint8Array) =>
    Effect.flatMap(RemotingClient.RemotingClient, (client) => client.invoke(broker.address, { code, extFields, body }))
      .pipe(
        Effect.provide(RemotingClient.layerWith({ credentials: administrator, metrics: false })),
        Effect.catch((cause) => Effect.fail(new HarnessError({ message: String(cause) }))),
        Effect.flatMap((answer) =>
          answer.code === 0
            ? Effect.void
            : Effect.fail(new HarnessError({ message: `Code ${code}: ${answer.code} ${answer.remark}` }))
        )
      )

  yield* administrate(
    createUserCode,
    { username: stranger.accessKey },
    Buffer.from(JSON.stringify({
      username: stranger.accessKey,
      password: Redacted.value(stranger.secretKey),
      userType: "Normal"
    }))
  )
  return {
    nameServer,
    broker,
    administrator,
    stranger,
    createTopic: (topic) =>
      administrate(createTopicCode, {
        topic,
        defaultTopic: "TBW102",
        readQueueNums: "1",
        writeQueueNums: "1",
        perm: "6",
        topicFilterType: "SINGLE_TAG",
        topicSysFlag: "0",
        order: "false"
      }).pipe(Effect.andThen(Broker.awaitRoute(topic, [broker], nameServer)))
  }
})
