/**
 * Captures golden frames from real servers and from the official Java client, and golden messages from Java's own
 * encoders:
 *
 *     node scripts/capture-goldens.ts [frames | messages | values]
 *
 * Starts Apache RocketMQ 5.5.0 and 4.9.7, puts a recording relay in front of every server, drives it with the official
 * Java client in both serializations, and writes each kind of frame once to `test/fixtures/golden/real-*.json`. What a
 * frame means is stated by Java's own decoder, so that the files can judge ours. Messages, their ids and compressed
 * bodies are made by `MessageMain` and written to `test/fixtures/messages`, headers and JSON bodies by `HeadersMain` and
 * `BodiesMain` to `test/fixtures/values`. Needs a JDK and Maven.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { connect, createServer, type Socket } from "node:net"
import { join } from "node:path"
import { setTimeout as delay } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import * as Broker from "../test/rocketmq/harness/Broker.ts"
import { HarnessError } from "../test/rocketmq/harness/HarnessError.ts"
import * as JavaProcess from "../test/rocketmq/harness/JavaProcess.ts"
import * as NameServer from "../test/rocketmq/harness/NameServer.ts"
import { probe } from "../test/rocketmq/harness/Probe.ts"
import * as Proxy from "../test/rocketmq/harness/Proxy.ts"
import type { Server } from "../test/rocketmq/harness/Server.ts"
import { captureValues } from "./capture-values.ts"

const folder = fileURLToPath(new URL("../test/fixtures/golden/", import.meta.url))
const messagesFolder = fileURLToPath(new URL("../test/fixtures/messages/", import.meta.url))
const maxFiles = 60
const maxBytes = 200 * 1024

type Serialization = "json" | "binary"

interface Golden {
  readonly file: string
  readonly source: string
  readonly description: string
  readonly frame: Buffer
}

interface Relay {
  readonly address: string
  readonly port: number
  /** Forgets what was recorded so far. */
  readonly clear: () => void
  readonly sent: Array<Buffer>
  readonly received: Array<Buffer>
}

/** Splits a stream of bytes into frames by their lengths alone. */
const recorder = (frames: Array<Buffer>) => {
  let rest = Buffer.alloc(0)
  return (chunk: Buffer): void => {
    rest = Buffer.concat([rest, chunk])
    while (rest.length >= 4 && rest.length >= 4 + rest.readInt32BE(0)) {
      const end = 4 + rest.readInt32BE(0)
      frames.push(Buffer.from(rest.subarray(0, end)))
      rest = rest.subarray(end)
    }
  }
}

/** Listens in front of a server and records what passes in either direction. */
const makeRelay = (target: Server): Effect.Effect<Relay, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.callback<Relay & { readonly close: () => void }>((resume) => {
      const sent: Array<Buffer> = []
      const received: Array<Buffer> = []
      const sockets = new Set<Socket>()
      const server = createServer((client) => {
        const upstream = connect(target.port, "127.0.0.1")
        client.on("data", recorder(sent)).pipe(upstream)
        upstream.on("data", recorder(received)).pipe(client)
        for (const [one, other] of [[client, upstream], [upstream, client]] as const) {
          sockets.add(one)
          one.on("error", () => {})
          one.on("close", () => {
            sockets.delete(one)
            other.destroy()
          })
        }
      })
      server.listen(0, "127.0.0.1", () => {
        const { port } = server.address() as { readonly port: number }
        resume(Effect.succeed({
          address: `127.0.0.1:${port}`,
          port,
          sent,
          received,
          clear: () => {
            sent.length = 0
            received.length = 0
          },
          close: () => {
            server.close()
            for (const socket of sockets) {
              socket.destroy()
            }
          }
        }))
      })
    }),
    ({ close }) => Effect.sync(close)
  )

const requestNames: Readonly<Record<string, string>> = {
  route: "GET_ROUTEINFO_BY_TOPIC",
  "route-of-unknown-topic": "GET_ROUTEINFO_BY_TOPIC for a topic that does not exist",
  heartbeat: "HEART_BEAT",
  unregister: "UNREGISTER_CLIENT",
  send: "SEND_MESSAGE_V2",
  "send-batch": "SEND_BATCH_MESSAGE",
  "query-offset": "QUERY_CONSUMER_OFFSET",
  "unknown-code": "code 9999, which no server knows, without ext fields"
}

const brokerOperations = ["send", "send-batch", "heartbeat", "query-offset", "unregister", "unknown-code"]
const nameServerOperations = ["route", "route-of-unknown-topic"]

/** What Java's decoder says about a frame. */
interface Expectation {
  readonly code: number
  readonly flag: number
  readonly opaque: number
}

interface Exchange {
  readonly operation: string
  /** The response code that the Java client ended with; -1 when it gave up without one. */
  readonly code: number
  readonly request: Buffer
  readonly answer: Buffer
  /** A request that the server sent meanwhile. */
  readonly push: Buffer | undefined
}

const judge = (decoder: JavaProcess.Conversation, frame: Buffer) =>
  Effect.map(decoder.ask(frame.toString("hex")), (line) => JSON.parse(line) as Expectation)

/** The Java client, the relay to a server, and the decoder that tells answers from pushes. */
interface Capture {
  readonly client: JavaProcess.Conversation
  readonly relay: Relay
  readonly decoder: JavaProcess.Conversation
}

/** Lets the Java client perform one operation through the relay: the first request, and what came back. */
const exchange = ({ client, decoder, relay }: Capture, operation: string) =>
  Effect.gen(function*() {
    relay.clear()
    const line = yield* client.ask(`${operation} ${relay.address}`)
    const { code } = JSON.parse(line) as { readonly code: number }
    if (operation === "heartbeat") {
      // A broker's push to the new consumer comes before or after its answer.
      yield* Effect.promise(() => delay(300))
    }
    const request = relay.sent[0]
    let answer: Buffer | undefined
    let push: Buffer | undefined
    for (const frame of relay.received) {
      const { flag } = yield* judge(decoder, frame)
      if ((flag & 1) === 0) {
        push ??= frame
      } else {
        answer ??= frame
      }
    }
    if (request === undefined || answer === undefined) {
      return yield* new HarnessError({ message: `Nothing was recorded of ${operation}: ${line}` })
    }
    return { operation, code, request, answer, push } satisfies Exchange
  })

const makeClient = (serialization: Serialization) =>
  JavaProcess.converse("CaptureClientMain", [], [
    "-Xmx256m",
    `-Drocketmq.serialize.type=${serialization === "json" ? "JSON" : "ROCKETMQ"}`
  ])

/** The topic that the first send creates reaches the name server a moment later. */
const awaitRoute = (nameServer: Server) =>
  Effect.promise(async () => {
    while ((await probe(nameServer.port, 105, { topic: "golden-topic" })).code !== 0) {
      await delay(50)
    }
  })

const requestGolden = (serialization: Serialization, { operation, request }: Exchange): Golden => ({
  file: `real-java-5.5.0-${operation}-request-${serialization}`,
  source: "Apache RocketMQ 5.5.0, official Java client",
  description: `Request ${requestNames[operation]} with a ${serialization} header`,
  frame: request
})

const answerGolden = (
  version: string,
  role: string,
  serialization: Serialization,
  { answer, operation }: Exchange
): Golden => ({
  file: `real-${version}-${role}-${operation}-answer-to-${serialization}`,
  source: `Apache RocketMQ ${version}, ${role}`,
  description: `Answer to ${requestNames[operation]}, asked with a ${serialization} header`,
  frame: answer
})

const pushGolden = (version: string, serialization: Serialization, push: Buffer): Golden => ({
  file: `real-${version}-broker-notify-consumer-ids-changed-${serialization}`,
  source: `Apache RocketMQ ${version}, broker`,
  description: `Oneway NOTIFY_CONSUMER_IDS_CHANGED that follows a HEART_BEAT sent with a ${serialization} header`,
  frame: push
})

/** Answers to requests after SIGTERM, until one of them is the GO_AWAY with which the Java client gives up. */
const goAway = (capture: Capture, server: Server, role: string, operation: string) =>
  Effect.gen(function*() {
    yield* exchange(capture, operation)
    yield* server.terminate
    for (let attempt = 0; attempt < 100; attempt++) {
      const { answer, code } = yield* exchange(capture, operation)
      if (code === -1) {
        return {
          file: `real-5.5.0-${role}-go-away`,
          source: `Apache RocketMQ 5.5.0, ${role}`,
          description: `GO_AWAY in answer to ${requestNames[operation]} while the ${role} shuts down gracefully`,
          frame: answer
        } satisfies Golden
      }
      yield* Effect.promise(() => delay(20))
    }
    return yield* new HarnessError({ message: `The ${role} never answered GO_AWAY` })
  })

const capture550 = Effect.fnUntraced(function*(decoder: JavaProcess.Conversation) {
  const nameServer = yield* NameServer.make({ version: "5.5.0", drainSeconds: 5 })
  const broker = yield* Broker.make({ version: "5.5.0", nameServer, drainSeconds: 5 })
  const proxy = yield* Proxy.make({ nameServer })
  const toNameServer = yield* makeRelay(nameServer)
  const toBroker = yield* makeRelay(broker)
  const toProxy = yield* makeRelay(proxy)
  const goldens: Array<Golden> = []
  for (const serialization of ["json", "binary"] as const) {
    const client = yield* makeClient(serialization)
    const perform = (role: string, relay: Relay, operation: string) =>
      Effect.map(exchange({ client, relay, decoder }, operation), (done) => {
        if (role !== "proxy" && operation !== "route-of-unknown-topic") {
          goldens.push(requestGolden(serialization, done))
        }
        // A 5.x server answers every request with a JSON header: two examples are enough.
        if (serialization === "json" || role !== "proxy" && (operation === "send" || operation === "route")) {
          goldens.push(answerGolden("5.5.0", role, serialization, done))
          if (done.push !== undefined) {
            goldens.push(pushGolden("5.5.0", serialization, done.push))
          }
        }
      })
    for (const operation of brokerOperations) {
      yield* perform("broker", toBroker, operation)
    }
    yield* awaitRoute(nameServer)
    for (const operation of nameServerOperations) {
      yield* perform("name-server", toNameServer, operation)
    }
    if (serialization === "json") {
      for (const operation of ["route", "send", "heartbeat", "query-offset", "unregister", "unknown-code"]) {
        yield* perform("proxy", toProxy, operation)
      }
      toProxy.clear()
      yield* Effect.promise(() => probe(toProxy.port, 14, { consumerGroup: "g", topic: "t", queueId: "0" }))
      goldens.push({
        file: "real-5.5.0-proxy-missing-bname-answer-to-json",
        source: "Apache RocketMQ 5.5.0, proxy",
        description: "Answer to QUERY_CONSUMER_OFFSET without the ext field bname, asked with a JSON header",
        frame: toProxy.received[0]!
      })
    }
  }
  const client = yield* makeClient("json")
  goldens.push(yield* goAway({ client, relay: toBroker, decoder }, broker, "broker", "send"))
  goldens.push(yield* goAway({ client, relay: toNameServer, decoder }, nameServer, "name-server", "route"))
  return goldens
})

const capture497 = Effect.fnUntraced(function*(decoder: JavaProcess.Conversation) {
  const nameServer = yield* NameServer.make({ version: "4.9.7" })
  const broker = yield* Broker.make({ version: "4.9.7", nameServer })
  const toNameServer = yield* makeRelay(nameServer)
  const toBroker = yield* makeRelay(broker)
  const goldens: Array<Golden> = []
  for (const serialization of ["json", "binary"] as const) {
    const client = yield* makeClient(serialization)
    for (const operation of brokerOperations) {
      const done = yield* exchange({ client, relay: toBroker, decoder }, operation)
      goldens.push(answerGolden("4.9.7", "broker", serialization, done))
      if (done.push !== undefined) {
        goldens.push(pushGolden("4.9.7", serialization, done.push))
      }
    }
    yield* awaitRoute(nameServer)
    for (const operation of nameServerOperations) {
      const done = yield* exchange({ client, relay: toNameServer, decoder }, operation)
      goldens.push(answerGolden("4.9.7", "name-server", serialization, done))
    }
  }
  return goldens
})

const write = (decoder: JavaProcess.Conversation, goldens: ReadonlyArray<Golden>) =>
  Effect.gen(function*() {
    const files = new Map<string, string>()
    for (const { description, file, frame, source } of goldens) {
      const hex = frame.toString("hex")
      const expect = yield* judge(decoder, frame)
      files.set(`${file}.json`, `${JSON.stringify({ source, description, hex, expect }, null, 2)}\n`)
    }
    const bytes = [...files.values()].reduce((sum, text) => sum + Buffer.byteLength(text), 0)
    if (files.size !== goldens.length || files.size > maxFiles || bytes > maxBytes) {
      return yield* new HarnessError({ message: `${goldens.length} frames, ${files.size} files, ${bytes} bytes` })
    }
    mkdirSync(folder, { recursive: true })
    for (const old of readdirSync(folder)) {
      if (old.startsWith("real-")) {
        rmSync(join(folder, old))
      }
    }
    for (const [name, text] of files) {
      writeFileSync(join(folder, name), text)
    }
    console.log(`${files.size} files, ${bytes} bytes`)
  })

const captureFrames = Effect.gen(function*() {
  const decoder = yield* JavaProcess.converse("DecodeMain", [])
  const newer = yield* Effect.scoped(capture550(decoder))
  const older = yield* Effect.scoped(capture497(decoder))
  yield* write(decoder, [...newer, ...older])
})

/** One file for each kind of golden. */
const captureMessages = Effect.gen(function*() {
  const java = yield* JavaProcess.converse("MessageMain", [])
  const kinds = JSON.parse(yield* java.ask("goldens")) as Readonly<Record<string, ReadonlyArray<unknown>>>
  mkdirSync(messagesFolder, { recursive: true })
  for (const [kind, goldens] of Object.entries(kinds)) {
    const lines = goldens.map((golden) => JSON.stringify(golden))
    writeFileSync(join(messagesFolder, `${kind}.json`), `[\n${lines.join(",\n")}\n]\n`)
    console.log(`${goldens.length} ${kind}`)
  }
})

const main = Effect.gen(function*() {
  const what = process.argv[2]
  if (what === undefined || what === "frames") {
    yield* captureFrames
  }
  if (what === undefined || what === "messages") {
    yield* captureMessages
  }
  if (what === undefined || what === "values") {
    yield* captureValues
  }
})

await Effect.runPromise(Effect.scoped(main)).catch((cause: unknown) => {
  console.error(cause instanceof HarnessError ? cause.message : cause)
  process.exitCode = 1
})
