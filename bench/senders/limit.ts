/**
 * The limit: the bytes that a producer sends, from a template for each queue; of the answer's header the opaque alone;
 * callbacks, a write per tick. Knows the broker beforehand.
 */
import {
  bodyStart,
  connect as connectSocket,
  framePrefixLength,
  FrameSplitter,
  FrameTemplates,
  scanOpaque,
  TickWriter
} from "../wire.ts"
import { SendLoad } from "./load.ts"

/** SEND_MESSAGE_V2. */
const sendMessage = 310
/** 5.5.0. */
const version = 513

/** In the order of keys of the Java producer. */
const header = (topic: string, queueId: number) => (opaque: number) =>
  JSON.stringify({
    code: sendMessage,
    extFields: {
      a: "bench_producer",
      b: topic,
      c: "TBW102",
      d: "4",
      e: String(queueId),
      f: "0",
      g: String(Date.now()),
      h: "0",
      i: "UNIQ_KEY\u00017F0000010A2B18B4AAC2057C1E6F002A\u0002WAIT\u0001true\u0002",
      j: "0",
      k: "false",
      m: "false",
      n: "broker-a"
    },
    flag: 0,
    language: "OTHER",
    opaque,
    serializeTypeCurrentRPC: "JSON",
    version
  })

const load = new SendLoad()
const { port, queues, topic } = load.options
const socket = await connectSocket(port)
const writer = new TickWriter(socket)
const templates = Array.from({ length: queues }, (_, queueId) => new FrameTemplates(header(topic, queueId)))
const pending = new Map<number, () => void>()
const splitter = new FrameSplitter((buffer, start) => {
  const opaque = scanOpaque(buffer, start + framePrefixLength, bodyStart(buffer, start))
  const onAnswer = pending.get(opaque)!
  pending.delete(opaque)
  onAnswer()
})
socket.on("data", (chunk) => splitter.push(chunk))
let nextOpaque = 0

const send = (onAnswer: () => void): void => {
  const opaque = nextOpaque++
  pending.set(opaque, onAnswer)
  templates[opaque % queues].write(writer, opaque, load.body)
}

const work = (): void =>
  send(() => {
    if (load.onAcknowledged()) {
      work()
    }
  })

await new Promise<void>((resolve) => send(resolve))
load.onFirst()
await load.run(work)
