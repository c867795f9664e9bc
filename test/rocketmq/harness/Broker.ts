import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as delay } from "node:timers/promises"
import { HarnessError } from "./HarnessError.ts"
import { probe } from "./Probe.ts"
import * as Server from "./Server.ts"
import * as Toolchain from "./Toolchain.ts"

/** GET_ROUTEINFO_BY_TOPIC. */
const routeCode = 105
/** UPDATE_AND_CREATE_TOPIC. */
const createTopicCode = 17
/** Every broker that creates topics on demand registers this one. */
const templateTopic = "TBW102"

export const clusterName = "DefaultCluster"

export interface BrokerOptions {
  readonly version: Toolchain.RocketmqVersion
  /** `broker-a` by default. Brokers of one name server need different names. */
  readonly name?: string
  readonly nameServer: Server.Server
  /** Name servers beside that one, where the broker registers too. */
  readonly moreNameServers?: ReadonlyArray<Server.Server>
  /**
   * Answer GO_AWAY for so many seconds after SIGTERM (`enableShutdownGracefully`; 5.x only). By default it closes its
   * sockets at once.
   */
  readonly drainSeconds?: number
  /** Further settings of its properties file. */
  readonly settings?: Readonly<Record<string, string | number | boolean>>
  /** Further arguments of its JVM. */
  readonly flags?: ReadonlyArray<string>
}

/** Starts a real broker with a store of its own; done when it answers requests and its name servers know it. */
export const make = (options: BrokerOptions): Effect.Effect<Server.Server, HarnessError, Scope.Scope> =>
  Effect.gen(function*() {
    const name = options.name ?? "broker-a"
    const nameServers = [options.nameServer, ...options.moreNameServers ?? []]
    const classPath = yield* Toolchain.serverClassPath(options.version)
    // The port of its fast server and that of its replication lie beside it.
    const port = yield* Server.freePort(-2, 1)
    const directory = yield* Server.makeDirectory(`${name}-${options.version}`)
    const file = join(directory, "broker.conf")
    yield* Effect.sync(() => {
      mkdirSync(join(directory, "conf"))
      for (const each of ["logback_broker.xml", "rmq.broker.logback.xml"]) {
        writeFileSync(join(directory, "conf", each), Server.logback)
      }
      writeFileSync(
        file,
        Server.properties({
          brokerClusterName: clusterName,
          brokerName: name,
          brokerId: 0,
          brokerIP1: "127.0.0.1",
          brokerIP2: "127.0.0.1",
          bindAddress: "127.0.0.1",
          listenPort: port,
          haListenPort: port + 1,
          namesrvAddr: nameServers.map(({ address }) => address).join(";"),
          storePathRootDir: join(directory, "store"),
          storePathCommitLog: join(directory, "store", "commitlog"),
          mappedFileSizeCommitLog: 64 << 20,
          // A multiple of the 20 bytes of an entry.
          mappedFileSizeConsumeQueue: 60_000,
          maxIndexNum: 1000,
          maxHashSlotNum: 500,
          diskMaxUsedSpaceRatio: 99,
          brokerRole: "ASYNC_MASTER",
          flushDiskType: "ASYNC_FLUSH",
          autoCreateTopicEnable: true,
          autoCreateSubscriptionGroup: true,
          authenticationEnabled: false,
          authorizationEnabled: false,
          // 200 ms by default, which a busy machine exceeds now and then.
          waitTimeMillsInSendQueue: 3000,
          enableShutdownGracefully: options.drainSeconds !== undefined,
          shutdownWaitTimeSeconds: options.drainSeconds ?? 0,
          ...options.settings
        })
      )
    })
    const ready = async () => {
      // A broker knows no routes, and says so: an answer all the same.
      await probe(port, routeCode, {})
      const routes = await Promise.all(
        nameServers.map((nameServer) =>
          probe(nameServer.port, routeCode, { topic: templateTopic, acceptStandardJsonOnly: "true" })
        )
      )
      return routes.every(({ body }) => body.includes(`"127.0.0.1:${port}"`))
    }
    return yield* Server.make({
      name: `broker ${name} ${options.version}`,
      port,
      directory,
      java: {
        classPath,
        main: "org.apache.rocketmq.broker.BrokerStartup",
        args: ["-c", file],
        flags: ["-Xmx512m", "-XX:MaxDirectMemorySize=512m", `-Drocketmq.home.dir=${directory}`, ...options.flags ?? []]
      },
      ready
    })
  })

const routed = async (
  topic: string,
  brokers: ReadonlyArray<Server.Server>,
  nameServer: Server.Server
): Promise<void> => {
  for (let attempt = 0; attempt < 800; attempt++) {
    const route = await probe(nameServer.port, routeCode, { topic, acceptStandardJsonOnly: "true" })
    if (brokers.every(({ address }) => route.body.includes(`"${address}"`))) {
      return
    }
    await delay(50)
  }
  throw new Error(`The name server heard nothing of ${topic}`)
}

export interface TopicOptions {
  /** Of each broker. One by default. */
  readonly queues?: number
  /** As many as `queues` by default. */
  readonly readQueues?: number
  /** 4 may be read, 2 may be written, 6 both. 6 by default. */
  readonly permission?: number
  /** Attributes of 5.x, such as `message.type`. */
  readonly attributes?: Readonly<Record<string, string>>
}

/**
 * Makes a topic; done when the name server has a route that names every broker. A proxy serves a topic from then on: it
 * does not let the first message create one.
 */
export const createTopic = (
  topic: string,
  on: { readonly broker: Server.Server | ReadonlyArray<Server.Server>; readonly nameServer: Server.Server },
  options?: TopicOptions
): Effect.Effect<void, HarnessError> =>
  Effect.tryPromise({
    try: async () => {
      const queues = options?.queues ?? 1
      const brokers = Array.isArray(on.broker)
        ? on.broker as ReadonlyArray<Server.Server>
        : [on.broker as Server.Server]
      const attributes = Object.entries(options?.attributes ?? {}).map(([name, value]) => `+${name}=${value}`)
      for (const broker of brokers) {
        const made = await probe(broker.port, createTopicCode, {
          topic,
          defaultTopic: templateTopic,
          readQueueNums: `${options?.readQueues ?? queues}`,
          writeQueueNums: `${queues}`,
          perm: `${options?.permission ?? 6}`,
          topicFilterType: "SINGLE_TAG",
          topicSysFlag: "0",
          order: "false",
          attributes: attributes.join(",")
        })
        if (made.code !== 0) {
          throw new Error(`The broker did not create ${topic}: ${made.code} ${made.remark}`)
        }
      }
      await routed(topic, brokers, on.nameServer)
    },
    catch: (cause) => new HarnessError({ message: String(cause) })
  })

/** Done when the name server has a route of the topic that names every broker. */
export const awaitRoute = (
  topic: string,
  brokers: ReadonlyArray<Server.Server>,
  nameServer: Server.Server
): Effect.Effect<void, HarnessError> =>
  Effect.tryPromise({
    try: () => routed(topic, brokers, nameServer),
    catch: (cause) => new HarnessError({ message: String(cause) })
  })
