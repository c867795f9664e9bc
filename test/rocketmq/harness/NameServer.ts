import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { HarnessError } from "./HarnessError.ts"
import { probe } from "./Probe.ts"
import * as Server from "./Server.ts"
import * as Toolchain from "./Toolchain.ts"

/** GET_ROUTEINFO_BY_TOPIC. */
const routeCode = 105

export interface NameServerOptions {
  readonly version: Toolchain.RocketmqVersion
  /**
   * Answer GO_AWAY for so many seconds after SIGTERM (`enableShutdownGracefully`; 5.x only). By default it closes its
   * sockets at once.
   */
  readonly drainSeconds?: number
  /** Further settings of its properties file. */
  readonly settings?: Readonly<Record<string, string | number | boolean>>
}

/** Starts a real name server; done when it answers requests. */
export const make = (options: NameServerOptions): Effect.Effect<Server.Server, HarnessError, Scope.Scope> =>
  Effect.gen(function*() {
    const classPath = yield* Toolchain.serverClassPath(options.version)
    const port = yield* Server.freePort()
    const directory = yield* Server.makeDirectory(`name-server-${options.version}`)
    const file = join(directory, "namesrv.properties")
    yield* Effect.sync(() => {
      mkdirSync(join(directory, "conf"))
      for (const name of ["logback_namesrv.xml", "rmq.namesrv.logback.xml"]) {
        writeFileSync(join(directory, "conf", name), Server.logback)
      }
      writeFileSync(
        file,
        Server.properties({
          listenPort: port,
          bindAddress: "127.0.0.1",
          enableShutdownGracefully: options.drainSeconds !== undefined,
          shutdownWaitTimeSeconds: options.drainSeconds ?? 0,
          ...options.settings
        })
      )
    })
    return yield* Server.make({
      name: `name server ${options.version}`,
      port,
      directory,
      java: {
        classPath,
        main: "org.apache.rocketmq.namesrv.NamesrvStartup",
        args: ["-c", file],
        flags: ["-Xmx192m", `-Drocketmq.home.dir=${directory}`]
      },
      // "No such topic" is an answer too.
      ready: () => probe(port, routeCode, { topic: "any" }).then(() => true)
    })
  })
