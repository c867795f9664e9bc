/** Sends to a real broker: what a producer costs beside the limit and beside the official Java one. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Toolchain from "../test/rocketmq/harness/Toolchain.ts"
import type { SendBroker } from "./broker.ts"
import * as Broker from "./broker.ts"
import { runProgram } from "./processes.ts"
import { orderOf } from "./rounds.ts"
import { buildSenders } from "./senderBuild.ts"
import type { SendOptions, SendSample } from "./senders/load.ts"
import type { Estimate } from "./statistics.ts"
import { estimate } from "./statistics.ts"

export type SenderName = "limit" | "ours" | "limitAgain" | "javaSync" | "javaAsync"

/** A sample, and how long its process took to the acknowledgement of its first message. */
export interface SenderSample extends SendSample {
  readonly firstMs: number
}

export type SendRound = ReadonlyMap<SenderName, SenderSample>

export interface SendPlan {
  readonly rounds: number
  readonly warmUpMs: { readonly node: number; readonly jvm: number }
  readonly measuredMs: number
  /** Milliseconds for which the limit sends before the first round, so that the broker's JVM is warm. */
  readonly brokerWarmUpMs: number
}

export interface SendObserver {
  readonly onRun: (round: number, name: string) => void
  readonly onSample: (round: number, name: string, sample: SenderSample) => void
}

export interface Sends {
  readonly rounds: ReadonlyArray<SendRound>
}

export const senderNames: ReadonlyArray<SenderName> = ["limit", "ours", "javaSync", "javaAsync", "limitAgain"]

const inFlight = 64

/** The JVM as it comes: no word about its heap, as there is none about Node's. Its logs go where all of it is removed. */
const javaFlags = (home: string): ReadonlyArray<string> => [`-Duser.home=${home}`, "-Dfile.encoding=UTF-8"]

interface Sender {
  readonly file: string
  readonly args: (options: SendOptions) => ReadonlyArray<string>
}

const nodeSender = (directory: string, name: string): Sender => ({
  file: process.execPath,
  args: (options) => [join(directory, "senders", `${name}.js`), JSON.stringify(options)]
})

const javaSender = (classPath: string, home: string, mode: "sync" | "async"): Sender => ({
  file: Toolchain.java(),
  args: (options) => [
    ...javaFlags(home),
    "-cp",
    classPath,
    "effectrocketmq.SendBenchMain",
    "--mode",
    mode,
    "--name-server",
    options.nameServer,
    "--topic",
    options.topic,
    "--in-flight",
    String(options.inFlight),
    "--warm-up",
    String(options.warmUpMs / 1000),
    "--seconds",
    String(options.measuredMs / 1000)
  ]
})

const play = async (
  broker: SendBroker,
  senders: Readonly<Record<SenderName, Sender>>,
  home: string,
  plan: SendPlan,
  observer: SendObserver
): Promise<ReadonlyArray<SendRound>> => {
  const run = async (name: SenderName, warmUpMs: number, measuredMs: number): Promise<SenderSample> => {
    const { nameServer, port, queues, topic } = broker
    const options: SendOptions = { nameServer, port, topic, queues, inFlight, warmUpMs, measuredMs }
    const sender = senders[name]
    const { result, startedAt } = await runProgram<SendSample>(sender.file, sender.args(options), home)
    return { ...result, firstMs: result.firstAt - startedAt }
  }
  let acknowledged = (await run("limit", plan.brokerWarmUpMs, 1)).acknowledged
  const rounds: Array<SendRound> = []
  for (let number = 0; number < plan.rounds; number++) {
    const round = new Map<SenderName, SenderSample>()
    for (const name of orderOf(senderNames, number)) {
      observer.onRun(number, name)
      const sample = await run(name, name.startsWith("java") ? plan.warmUpMs.jvm : plan.warmUpMs.node, plan.measuredMs)
      acknowledged += sample.acknowledged
      round.set(name, sample)
      observer.onSample(number, name, sample)
    }
    rounds.push(round)
  }
  const stored = await broker.stored()
  if (stored !== acknowledged) {
    throw new Error(`${acknowledged} messages were acknowledged and ${stored} are stored`)
  }
  return rounds
}

/** Measures, or says why it cannot. */
export const measureSends = async (
  plan: SendPlan,
  observer: SendObserver
): Promise<Sends | { readonly missing: string }> => {
  const classPath = await Effect.runPromise(Effect.result(Toolchain.programClassPath))
  if (classPath._tag === "Failure") {
    return { missing: classPath.failure.message }
  }
  const directory = buildSenders()
  const home = mkdtempSync(join(tmpdir(), "effect-rocketmq-bench-"))
  const scope = Scope.makeUnsafe()
  try {
    const broker = await Effect.runPromise(Scope.provide(Broker.make, scope))
    const senders = {
      limit: nodeSender(directory, "limit"),
      limitAgain: nodeSender(directory, "limit"),
      ours: nodeSender(directory, "ours"),
      javaSync: javaSender(classPath.success, home, "sync"),
      javaAsync: javaSender(classPath.success, home, "async")
    }
    return { rounds: await play(broker, senders, home, plan, observer) }
  } finally {
    await Effect.runPromise(Scope.close(scope, Exit.void))
    rmSync(home, { recursive: true, force: true })
  }
}

export type SendQuantity = (sample: SenderSample) => number

/** What a sender has of another one's, paired in each round. */
export const sendRatio = (
  { rounds }: Sends,
  name: SenderName,
  against: SenderName,
  quantity: SendQuantity
): Estimate => estimate(rounds.map((round) => quantity(round.get(name)!) / quantity(round.get(against)!)))

/** What a sender has in the median round. */
export const sendAbsolute = ({ rounds }: Sends, name: SenderName, quantity: SendQuantity): Estimate =>
  estimate(rounds.map((round) => quantity(round.get(name)!)))
