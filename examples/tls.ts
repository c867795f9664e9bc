/**
 * TLS both ways, with the certificates that the tests use. The server is
 * addressed by IP and its certificate carries a name, as with real brokers.
 *
 *     node --conditions=effect-rocketmq:source examples/tls.ts
 */
import * as Reconnection from "effect-rocketmq/remoting/Reconnection"
import * as RemotingClient from "effect-rocketmq/remoting/RemotingClient"
import * as RemotingServer from "effect-rocketmq/remoting/RemotingServer"
import * as ResponseFutures from "effect-rocketmq/remoting/ResponseFutures"
import * as Transport from "effect-rocketmq/remoting/Transport"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Fs from "node:fs"

const pem = (name: string): string =>
  Fs.readFileSync(new URL(`../test/fixtures/tls/${name}.pem`, import.meta.url), "utf8")

const Server = RemotingServer.layerNoDeps().pipe(
  Layer.provide(Transport.layerWith({
    serverTls: {
      cert: pem("name-only"),
      key: Redacted.make(pem("name-only-key")),
      // Clients must show a certificate of this authority.
      clientCa: pem("authority")
    }
  }))
)

const clientWith = (tls: Transport.TlsClientOptions) =>
  RemotingClient.layerNoDeps().pipe(
    Layer.provide([Transport.layerWith({ tls }), ResponseFutures.layer, Reconnection.layer])
  )

const own = { ca: pem("authority"), cert: pem("client"), key: Redacted.make(pem("client-key")) }

const program = Effect.gen(function*() {
  const server = yield* RemotingServer.RemotingServer
  yield* server.handleOther(() => Effect.succeed({ remark: "hello" }))
  const ask = Effect.gen(function*() {
    const client = yield* RemotingClient.RemotingClient
    const response = yield* client.invoke(server.address, { code: 1 }, { failFast: true })
    return `answered: ${response.remark}`
  }).pipe(
    Effect.catchReason("RemotingError", "TlsFailed", (reason) => Effect.succeed(`refused, ${reason.outcome}`))
  )

  yield* Console.log(yield* Effect.provide(ask, clientWith({ ...own, serverName: "broker.test" })))
  // The certificate does not carry the address: nothing is sent.
  yield* Console.log(yield* Effect.provide(ask, clientWith(own)))
})

await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(Server)))
