import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { clusterName } from "./Broker.ts"
import type { HarnessError } from "./HarnessError.ts"
import { probe } from "./Probe.ts"
import * as Server from "./Server.ts"
import * as Toolchain from "./Toolchain.ts"

/** GET_ROUTEINFO_BY_TOPIC. */
const routeCode = 105
/** Every broker that creates topics on demand registers this one. */
const templateTopic = "TBW102"

export interface ProxyOptions {
  readonly nameServer: Server.Server
  /** The port that its routes name: a load balancer's. Its own by default. */
  readonly advertisedPort?: number
  /**
   * Answer GO_AWAY for so many seconds after SIGTERM, which no proxy release can be set to: see
   * `java/src/main/java/effectrocketmq/DrainingProxyMain.java`. By default the stock proxy runs, which closes its
   * sockets at once.
   */
  readonly drainSeconds?: number
  /** Further settings of its JSON file. */
  readonly settings?: Readonly<Record<string, string | number | boolean>>
}

/**
 * Starts a real proxy 5.5.0 in front of the cluster that a broker has registered at the name server; done when it
 * answers with routes.
 */
export const make = (options: ProxyOptions): Effect.Effect<Server.Server, HarnessError, Scope.Scope> =>
  Effect.gen(function*() {
    const changed = options.drainSeconds !== undefined || options.advertisedPort !== undefined
    const classPath = yield* (changed ? Toolchain.programClassPath : Toolchain.serverClassPath("5.5.0"))
    const port = yield* Server.freePort()
    const grpcPort = yield* Server.freePort()
    const directory = yield* Server.makeDirectory("proxy-5.5.0")
    const file = join(directory, "proxy.json")
    yield* Effect.sync(() => {
      mkdirSync(join(directory, "conf"))
      writeFileSync(join(directory, "conf", "rmq.proxy.logback.xml"), Server.logback)
      writeFileSync(
        file,
        JSON.stringify({
          rocketMQClusterName: clusterName,
          proxyClusterName: clusterName,
          proxyName: `proxy-${port}`,
          proxyMode: "CLUSTER",
          namesrvAddr: options.nameServer.address,
          localServeAddr: "127.0.0.1",
          remotingAccessAddr: "127.0.0.1",
          remotingListenPort: port,
          grpcServerPort: grpcPort,
          grpcShutdownTimeSeconds: 1,
          ...options.settings
        })
      )
    })
    return yield* Server.make({
      name: "proxy 5.5.0",
      port,
      directory,
      java: {
        classPath,
        main: changed ? "effectrocketmq.DrainingProxyMain" : "org.apache.rocketmq.proxy.ProxyStartup",
        args: ["-pc", file, "-pm", "CLUSTER", "-n", options.nameServer.address],
        flags: [
          "-Xmx384m",
          `-Drocketmq.home.dir=${directory}`,
          `-Ddrain.seconds=${options.drainSeconds ?? 0}`,
          `-Dadvertised.port=${options.advertisedPort ?? port}`
        ]
      },
      ready: () => probe(port, routeCode, { topic: templateTopic }).then((answer) => answer.code === 0)
    })
  })
