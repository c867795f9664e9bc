/**
 * RocketMQ on this machine's TCP ports, for trying things out: name server, broker and proxies in one process, in
 * memory only. Any client can connect; what it sends is gone when this ends.
 *
 *     npm run broker                                  a name server and a broker
 *     npm run broker -- --brokers 2 --proxies 3       more of them
 *     npm run broker -- --topic orders --topic audit  topics that exist from the start
 *     npm run broker -- --quiet                       no line for what happens
 *
 * Ports are RocketMQ's own where they are free, and others where they are not; they are printed. SIGINT stops it.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as EmbeddedRocketMQ from "effect-rocketmq/testing/EmbeddedRocketMQ"
import * as Effect from "effect/Effect"
import { parseArgs } from "node:util"

const usage = "usage: npm run broker -- [--brokers N] [--proxies N] [--topic NAME]... [--host HOST] [--quiet]"

interface Options {
  readonly brokers: number
  readonly proxies: number
  readonly topics: ReadonlyArray<string>
  readonly host: string
  readonly quiet: boolean
}

const count = (text: string | undefined, otherwise: number, least: number): number => {
  const value = Number(text ?? otherwise)
  if (!Number.isInteger(value) || value < least || value > 20) throw new RangeError(usage)
  return value
}

const readOptions = (): Options | undefined => {
  try {
    const { values } = parseArgs({
      options: {
        brokers: { type: "string" },
        proxies: { type: "string" },
        topic: { type: "string", multiple: true },
        host: { type: "string" },
        quiet: { type: "boolean" }
      }
    })
    return {
      brokers: count(values.brokers, 1, 1),
      proxies: count(values.proxies, 0, 0),
      topics: values.topic ?? [],
      host: values.host ?? "127.0.0.1",
      quiet: values.quiet === true
    }
  } catch {
    return undefined
  }
}

const print = (line: string): void => {
  process.stdout.write(`${line}\n`)
}

const serve = (options: Options) =>
  Effect.gen(function*() {
    const rocketmq = yield* EmbeddedRocketMQ.EmbeddedRocketMQ
    print("RocketMQ is up, in memory only: what it stores is gone when it stops.")
    for (const { address, name } of [...rocketmq.nameServers, ...rocketmq.brokers, ...rocketmq.proxies]) {
      print(`  ${name.padEnd(14)}${address}`)
    }
    if (rocketmq.balancer !== undefined) print(`  ${"all proxies".padEnd(14)}${rocketmq.balancer.address}`)
    print(`Name servers for clients: ${rocketmq.nameServers.map(({ address }) => address).join(";")}`)
    return yield* Effect.never
  }).pipe(
    Effect.provide(EmbeddedRocketMQ.layerTcp({
      brokers: options.brokers,
      proxies: options.proxies,
      topics: options.topics,
      host: options.host,
      ports: { nameServer: 9_876, broker: 10_911, proxy: 8_081, balancer: 8_080 },
      ...(options.quiet ? {} : { trace: (line) => print(`${new Date().toISOString().slice(11, 23)} ${line}`) })
    }))
  )

const options = readOptions()
if (options === undefined) {
  process.stderr.write(`${usage}\n`)
  process.exitCode = 2
} else NodeRuntime.runMain(serve(options))
