/**
 * What the codec costs per frame, in microseconds: `node bench/codec.ts [--json]`.
 *
 * Each number is the lower quartile of many short batches, so that those which the machine disturbs do not count. The
 * frames are those of a producer: SEND_MESSAGE_V2 requests with 14 ext fields are encoded without a body, SEND_MESSAGE
 * answers with a JSON header are pushed through the parser as far as a client needs them to settle a request. 64 frames
 * that differ in what differs in reality are used in turn.
 */
import { fileURLToPath } from "node:url"
import { FrameArena } from "../src/protocol/FrameArena.ts"
import { LanguageCode } from "../src/protocol/LanguageCode.ts"
import * as MqVersion from "../src/protocol/MqVersion.ts"
import { defaultFrameLimits, encodeFrame, FrameParser } from "../src/protocol/RemotingCodec.ts"
import type { ExtFields, RemotingCommand, SerializeType } from "../src/protocol/RemotingCommand.ts"
import { RequestCode } from "../src/protocol/RequestCode.ts"

/** Microseconds per frame. */
export interface CodecTimes {
  readonly encodeBinaryUs: number
  readonly encodeJsonUs: number
  readonly decodeUs: number
}

/** So many different frames are used in turn. */
export const frames = 64
const roundsPerBatch = 20
const batches = 400

/** Microseconds per frame of a round, which goes through `frames` of them. */
export const lowerQuartileUs = (round: () => void): number => {
  const times: Array<number> = []
  for (let batch = 0; batch < 2 * batches; batch++) {
    const begin = process.hrtime.bigint()
    for (let i = 0; i < roundsPerBatch; i++) {
      round()
    }
    const end = process.hrtime.bigint()
    if (batch >= batches) {
      times.push(Number(end - begin) / 1000 / (roundsPerBatch * frames))
    }
  }
  return times.sort((a, b) => a - b)[batches >>> 2]
}

const sendFields = (i: number): ExtFields => ({
  a: "order-producer-group",
  b: "order-events",
  c: "TBW102",
  d: "4",
  e: String(i % 8),
  f: "0",
  g: String(1_760_000_000_000 + i),
  h: "0",
  i: `KEYS\u0001order-${1000 + i}\u0002UNIQ_KEY\u00017F000001${
    (0x18B4AAC2 + i).toString(16)
  }0000\u0002WAIT\u0001true\u0002`,
  j: "0",
  k: "false",
  l: "16",
  m: "false",
  n: "broker-a"
})

/** The cost of encoding a SEND_MESSAGE_V2 request without its body. */
export const encodeUs = (serialization: SerializeType): number => {
  const arena = new FrameArena(128 * 1024)
  const requests = Array.from({ length: frames }, (_, i) => sendFields(i))
  let opaque = 1_000_000
  return lowerQuartileUs(() => {
    for (let i = 0; i < frames; i++) {
      const violation = encodeFrame(
        arena,
        RequestCode.SEND_MESSAGE_V2,
        0,
        opaque++,
        LanguageCode.OTHER,
        MqVersion.current,
        undefined,
        requests[i],
        undefined,
        serialization,
        defaultFrameLimits.maxFrameSize
      )
      if (violation !== undefined) {
        throw new Error(violation.message)
      }
    }
    arena.reset()
  })
}

/** As RocketMQ 5.5.0 answers SEND_MESSAGE_V2: a header of 282 to 290 bytes. */
const answer = (i: number): Buffer => {
  const arena = new FrameArena()
  encodeFrame(
    arena,
    0,
    1,
    1_000_000 + i,
    LanguageCode.JAVA,
    MqVersion.current,
    undefined,
    {
      queueId: String(i % 8),
      transactionId: `7F000001${(0x18B4AAC2 + i).toString(16).toUpperCase()}0000000000000000`,
      msgId: `7F00000100002A9F${(0xDE600 + 227 * i).toString(16).toUpperCase().padStart(16, "0")}`,
      TRACE_ON: "true",
      MSG_REGION: "DefaultRegion",
      queueOffset: String(12_345 + i)
    },
    undefined,
    "JSON",
    defaultFrameLimits.maxFrameSize
  )
  return arena.detach()
}

/**
 * The cost of a SEND_MESSAGE answer: parsed, validated and handed over as a command whose code, flag and opaque are
 * read. `perChunk` answers (a divisor of 64) arrive together, as they do when as many requests are in flight.
 */
export const decodeUs = (perChunk: number): number => {
  const answers = Array.from({ length: frames }, (_, i) => answer(i))
  const chunks = Array.from(
    { length: frames / perChunk },
    (_, i) => Buffer.concat(answers.slice(i * perChunk, (i + 1) * perChunk))
  )
  const parser = new FrameParser(defaultFrameLimits)
  let opaques = 0
  const onCommand = (command: RemotingCommand): void => {
    if (command.code === 0 && command.isResponse) {
      opaques += command.opaque
    }
  }
  const result = lowerQuartileUs(() => {
    for (const chunk of chunks) {
      parser.push(chunk, onCommand)
    }
  })
  if (opaques !== 2 * batches * roundsPerBatch * (frames * 1_000_000 + frames * (frames - 1) / 2)) {
    throw new Error("answers were lost")
  }
  return result
}

/** All three. */
export const codecTimes = (): CodecTimes => ({
  encodeBinaryUs: encodeUs("ROCKETMQ"),
  encodeJsonUs: encodeUs("JSON"),
  decodeUs: decodeUs(frames)
})

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const times = codecTimes()
  if (process.argv.includes("--json")) {
    console.log(JSON.stringify(times))
  } else {
    for (const [name, us] of Object.entries({ ...times, "decodeUs, alone in its chunk": decodeUs(1) })) {
      console.log(`${name.padEnd(30)} ${us.toFixed(3)} µs`)
    }
  }
}
