/** The servers that a file's tests share, as Layers. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Broker from "./Broker.ts"
import type { HarnessError } from "./HarnessError.ts"
import * as NameServer from "./NameServer.ts"
import * as Proxy from "./Proxy.ts"
import type { Server } from "./Server.ts"
import type { RocketmqVersion } from "./Toolchain.ts"

/** A name server and a broker. */
export class Cluster extends Context.Service<Cluster, {
  readonly nameServer: Server
  readonly broker: Server
}>()("effect-rocketmq/test/Cluster") {}

/** A name server and a broker of one release; `settings`, and `flags` of the JVM, are the broker's. */
export const layer = (
  version: RocketmqVersion,
  settings: NonNullable<Broker.BrokerOptions["settings"]> = {},
  flags: NonNullable<Broker.BrokerOptions["flags"]> = []
): Layer.Layer<Cluster, HarnessError> =>
  Layer.effect(
    Cluster,
    Effect.gen(function*() {
      const nameServer = yield* NameServer.make({ version })
      const broker = yield* Broker.make({ version, nameServer, settings, flags })
      return { nameServer, broker }
    })
  )

/** A stock proxy in front of a cluster. */
export class ProxyServer extends Context.Service<ProxyServer, Server>()("effect-rocketmq/test/ProxyServer") {}

/** A stock proxy 5.5.0 in front of the cluster. */
export const proxyLayer: Layer.Layer<ProxyServer, HarnessError, Cluster> = Layer.effect(
  ProxyServer,
  // Brokers ask about transactions whom they have heard of, which is every 20 seconds by default.
  Effect.flatMap(
    Cluster,
    ({ nameServer }) => Proxy.make({ nameServer, settings: { transactionHeartbeatPeriodSecond: 1 } })
  )
)
