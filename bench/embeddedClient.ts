/** The embedded RocketMQ, in a process of its own: `embeddedClient.ts <milliseconds of a window>`. */
import * as Effect from "effect/Effect"
import * as ManagedRuntime from "effect/ManagedRuntime"
import { setTimeout as sleep } from "node:timers/promises"
import { RequestCode } from "../src/protocol/RequestCode.ts"
import { RemotingClient } from "../src/remoting/RemotingClient.ts"
import { EmbeddedRocketMQ } from "../src/testing/EmbeddedRocketMQ.ts"
import * as TestRocketMQ from "../src/testing/TestRocketMQ.ts"
import { driveEffects, Load } from "./contestant.ts"
import { extFields, requestBody } from "./request.ts"
import { median } from "./statistics.ts"

export interface EmbeddedTimes {
  /** From the beginning of the layer to the first route, as each test of a file builds it but the first. */
  readonly startMs: number
  /** The same in a process that has built none before: most of it is code that runs for the first time. */
  readonly firstStartMs: number
  /** Sends a second in memory, of those on TCP, both in this process. */
  readonly sendsVsTcp: number
  /** Memory per stored message beside its body. */
  readonly bytesPerMessage: number
}

const topic = extFields.b
const options = { topics: [topic] }
const inFlight = 64
const stored = 20_000

const start = async (runtime: ManagedRuntime.ManagedRuntime<TestRocketMQ.Services, unknown>) => {
  const { broker, client, nameServer } = await runtime.runPromise(Effect.gen(function*() {
    const rocketmq = yield* EmbeddedRocketMQ
    return {
      client: yield* RemotingClient,
      nameServer: rocketmq.addresses()[0],
      broker: rocketmq.broker().address
    }
  }))
  const route = await runtime.runPromise(
    client.invoke(nameServer, { code: RequestCode.GET_ROUTEINFO_BY_TOPIC, extFields: { topic } })
  )
  if (route.code !== 0) {
    throw new Error(`no route: ${route.code} ${route.remark}`)
  }
  let turn = 0
  return () =>
    client.invoke(broker, {
      code: RequestCode.SEND_MESSAGE_V2,
      extFields: { ...extFields, e: String(turn++ & 3) },
      body: requestBody
    })
}

const ratePerMs = async (send: Awaited<ReturnType<typeof start>>, windowMs: number): Promise<number> => {
  const load = new Load(inFlight)
  driveEffects(send).drive(load, inFlight)
  await sleep(windowMs / 2)
  load.restart()
  const begin = performance.now()
  await sleep(windowMs)
  const result = load.answers / (performance.now() - begin)
  await load.stop()
  return result
}

const memory = async (): Promise<number> => {
  globalThis.gc!()
  await sleep(100)
  globalThis.gc!()
  const { external, heapUsed } = process.memoryUsage()
  return heapUsed + external
}

const timedStart = async () => {
  const begin = performance.now()
  const runtime = ManagedRuntime.make(TestRocketMQ.layerWith(options))
  const send = await start(runtime)
  return { runtime, send, millis: performance.now() - begin }
}

const { millis: firstStartMs, runtime: first, send: sendFirst } = await timedStart()
const starts: Array<number> = []
for (let count = 0; count < 9; count++) {
  const { millis, runtime } = await timedStart()
  starts.push(millis)
  await runtime.dispose()
}
const startMs = median(starts)

const sendAll = (count: number) =>
  first.runPromise(
    Effect.forEach(
      Array.from({ length: count }),
      () => Effect.flatMap(sendFirst(), ({ code }) => code === 0 ? Effect.void : Effect.die(code)),
      { concurrency: inFlight, discard: true }
    )
  )
// The journal, which remembers so many requests, is full from then on.
await sendAll(stored)
const before = await memory()
await sendAll(stored)
const bytesPerMessage = (await memory() - before) / stored - requestBody.length
await first.dispose()

const windowMs = Number(process.argv[2])
const rates = { memory: 0, tcp: 0 }
for (let round = 0; round < 4; round++) {
  const name = round % 2 === 0 ? "memory" : "tcp"
  const runtime = name === "memory"
    ? ManagedRuntime.make(TestRocketMQ.layerWith(options))
    : ManagedRuntime.make(TestRocketMQ.layerTcp(options))
  rates[name] += await ratePerMs(await start(runtime), windowMs)
  await runtime.dispose()
}
const times: EmbeddedTimes = { startMs, firstStartMs, sendsVsTcp: rates.memory / rates.tcp, bytesPerMessage }
process.send!(times, () => process.exit())
