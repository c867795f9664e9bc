import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as ChildProcess from "node:child_process"
import * as Net from "node:net"
import * as Path from "node:path"
import { Producer } from "../../src/client/Producer.ts"
import { parse } from "../../src/remoting/Address.ts"
import { EmbeddedRocketMQ } from "../../src/testing/EmbeddedRocketMQ.ts"
import * as TestRocketMQ from "../../src/testing/TestRocketMQ.ts"

const send = (body: string) => Effect.flatMap(Producer, (producer) => producer.send({ topic: "Orders", body }))

/** Listens on a port until the scope closes. */
const take = (port: number) =>
  Effect.acquireRelease(
    Effect.callback<Net.Server>((resume) => {
      const server = Net.createServer()
      server.listen({ host: "127.0.0.1", port }, () => resume(Effect.succeed(server)))
    }),
    (server) => Effect.sync(() => server.close())
  )

describe("on TCP", () => {
  it.live("a server that restarts keeps its address, and clients find it again", () =>
    Effect.gen(function*() {
      const rocketmq = yield* EmbeddedRocketMQ
      const before = rocketmq.brokers.map(({ address }) => address)
      yield* send("first")
      yield* Effect.forEach(rocketmq.brokers, (broker) => broker.restart({ graceful: false }))
      assert.deepStrictEqual(rocketmq.brokers.map(({ address }) => address), before)
      yield* send("second")
      assert.strictEqual(rocketmq.messages("Orders").length, 2)
    }).pipe(Effect.provide(TestRocketMQ.layerTcp({ brokers: 2, topics: ["Orders"] }))))

  it.live("a server whose port was taken meanwhile moves, and is found where it is", () =>
    Effect.gen(function*() {
      const rocketmq = yield* EmbeddedRocketMQ
      yield* send("first")
      for (const server of [rocketmq.broker(), rocketmq.proxies[0]!]) {
        const before = server.address
        yield* server.stop
        yield* take(parse(before)!.port)
        yield* server.start
        assert.notStrictEqual(server.address, before)
      }
      yield* send("second")
      assert.strictEqual(rocketmq.messages("Orders").length, 2)
    }).pipe(
      Effect.provide(TestRocketMQ.layerTcp({
        proxies: 1,
        topics: ["Orders"],
        proxySettings: { topicRouteServiceCacheRefreshSeconds: 0 },
        producer: { delivery: "atLeastOnce", timeout: "10 seconds" }
      })),
      Effect.scoped
    ))
})

describe("npm run broker", () => {
  const root = Path.resolve(import.meta.dirname, "../..")
  const start = (...args: ReadonlyArray<string>) =>
    ChildProcess.spawn(
      process.execPath,
      ["--conditions=effect-rocketmq:source", "examples/broker/main.ts", ...args],
      { cwd: root, stdio: ["ignore", "pipe", "pipe"] }
    )

  it.live("prints its ports, says that it is in memory only, and ends at Ctrl-C", () =>
    Effect.callback<void>((resume) => {
      const child = start("--topic", "orders", "--proxies", "1")
      let output = ""
      let interrupted = false
      child.stdout.on("data", (chunk) => {
        output += String(chunk)
        if (!interrupted && output.includes("Name servers for clients: 127.0.0.1:")) {
          interrupted = child.kill("SIGINT")
        }
      })
      child.on("close", (code) =>
        resume(Effect.sync(() => {
          assert.include(output, "in memory only")
          assert.match(output, /broker-a +127\.0\.0\.1:\d+\n/)
          assert.match(output, /all proxies +127\.0\.0\.1:\d+\n/)
          assert.match(output, /broker-a serves on/)
          assert.strictEqual(code, 130)
        })))
      return Effect.sync(() => void child.kill("SIGKILL"))
    }))

  it.live("explains its options when it does not understand them", () =>
    Effect.callback<void>((resume) => {
      const child = start("--brokers", "0")
      let errors = ""
      child.stderr.on("data", (chunk) => {
        errors += String(chunk)
      })
      child.on("close", (code) =>
        resume(Effect.sync(() => {
          assert.strictEqual(code, 2)
          assert.match(errors, /usage: npm run broker/)
        })))
      return Effect.sync(() => void child.kill("SIGKILL"))
    }))
})
