/** The official Java remoting client 5.5.0 under load: see `java/src/main/java/effectrocketmq/EchoClientMain.java`. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { HarnessError } from "./HarnessError.ts"
import * as JavaProcess from "./JavaProcess.ts"

export interface EchoOptions {
  /** `host:port`. */
  readonly address: string
  /** How requests are invoked. Of `oneway` ones, those count that were written. */
  readonly mode: "sync" | "async" | "oneway"
  /** Requests in flight at a time; for `sync` and `oneway`, threads. 64 by default. */
  readonly inFlight?: number
  /** Bytes of a body; an answer must carry the same. 1,024 by default. */
  readonly body?: number
  /** The measured window: seconds, or a number of requests. */
  readonly window: { readonly seconds: number } | { readonly count: number }
  /** Seconds before the window, not measured. None by default. */
  readonly warmUp?: number
  /** Requests a second; as many as possible by default. */
  readonly rate?: number
  /** Milliseconds. 3,000 by default. */
  readonly timeout?: number
  /** The request code. 1,000 by default. */
  readonly code?: number
  /** The version it announces; its own, 513, by default. At most 475 exempts it from GO_AWAY. */
  readonly version?: number
  /** The codec of its headers. JSON by default. */
  readonly serialization?: "JSON" | "ROCKETMQ"
}

const EchoResult = Schema.Struct({
  client: Schema.String,
  mode: Schema.String,
  inFlight: Schema.Number,
  bodyBytes: Schema.Number,
  requests: Schema.Number,
  succeeded: Schema.Number,
  failed: Schema.Number,
  /** Failures by Java's exception, `ResponseCode<n>` or `BodyDiffers`. */
  failures: Schema.Record(Schema.String, Schema.Number),
  seconds: Schema.Number,
  requestsPerSecond: Schema.Number,
  /** Processor time of the whole JVM. */
  cpuMicrosPerRequest: Schema.Number,
  latencyMicros: Schema.Struct({
    p50: Schema.Number,
    p90: Schema.Number,
    p99: Schema.Number,
    max: Schema.Number
  }),
  /** Sockets that became usable, from the start of the program on. */
  connections: Schema.Number
})

export type EchoResult = typeof EchoResult.Type

const decode = Schema.decodeUnknownEffect(Schema.fromJsonString(EchoResult))

/** Runs the client to the end of its window. */
export const run = (options: EchoOptions): Effect.Effect<EchoResult, HarnessError> => {
  const given: Record<string, string | number | undefined> = {
    address: options.address,
    mode: options.mode,
    "in-flight": options.inFlight,
    body: options.body,
    count: "count" in options.window ? options.window.count : undefined,
    seconds: "seconds" in options.window ? options.window.seconds : undefined,
    "warm-up": options.warmUp,
    rate: options.rate,
    timeout: options.timeout,
    code: options.code,
    version: options.version
  }
  const args = Object.entries(given).flatMap(([name, value]) => value === undefined ? [] : [`--${name}`, `${value}`])
  const flags = ["-Xms256m", "-Xmx256m", `-Drocketmq.serialize.type=${options.serialization ?? "JSON"}`]
  return JavaProcess.runProgram("EchoClientMain", args, flags).pipe(
    Effect.flatMap((output) =>
      Effect.mapError(
        decode(output.trim().split("\n").at(-1)),
        (cause) => new HarnessError({ message: `EchoClientMain printed\n${output}\n${cause}` })
      )
    )
  )
}
