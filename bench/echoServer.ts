/**
 * The server of the bench, a process of its own: answers as a Java peer does, as fast as it can, so that it is the
 * client that is measured. It sends its port first, and then answers each message of its parent with its state.
 *
 * Modes, by argument:
 *
 * - `echo`: the body goes back. After the message `"goAway"` every connection accepted before it is answered GO_AWAY.
 * - `silent`: reads and never answers.
 */
import type { AddressInfo } from "node:net"
import { createServer } from "node:net"
import { protocolVersion } from "./request.ts"
import { bodyStart, framePrefixLength, FrameSplitter, FrameTemplates, scanOpaque, TickWriter } from "./wire.ts"

export type ServerQuestion = "goAway" | "state"

export interface ServerState {
  /** Connections accepted so far. */
  readonly connections: number
  /** When the first GO_AWAY since the last switch was answered, in milliseconds of the machine's monotonic clock. */
  readonly firstGoAwayAt: number
}

const answer = (fields: { readonly code: number; readonly remark?: string }) =>
  new FrameTemplates((opaque) =>
    JSON.stringify({
      code: fields.code,
      extFields: {},
      flag: 1,
      language: "JAVA",
      opaque,
      ...(fields.remark === undefined ? {} : { remark: fields.remark }),
      serializeTypeCurrentRPC: "JSON",
      version: protocolVersion
    })
  )

const silent = process.argv[2] === "silent"
const success = answer({ code: 0 })
const goAway = answer({ code: 1500, remark: "please go away" })
const noBody = new Uint8Array(0)
let drainedBefore = 0
let connections = 0
let firstGoAwayAt = 0
let open = 0

// While somebody is connected the server never sleeps: how long a core takes to wake up is not the client's doing.
const stayAwake = () => {
  if (open > 0) {
    setImmediate(stayAwake)
  }
}

const server = createServer({ noDelay: true }, (socket) => {
  socket.on("error", () => socket.destroy())
  const number = connections++
  open++
  if (open === 1) {
    stayAwake()
  }
  socket.on("close", () => open--)
  if (silent) {
    socket.resume()
    return
  }
  const writer = new TickWriter(socket)
  const splitter = new FrameSplitter((buffer, start, end) => {
    const bodyAt = bodyStart(buffer, start)
    const opaque = scanOpaque(buffer, start + framePrefixLength, bodyAt)
    if (number < drainedBefore) {
      if (firstGoAwayAt === 0) {
        firstGoAwayAt = Number(process.hrtime.bigint()) / 1e6
      }
      goAway.write(writer, opaque, noBody)
    } else {
      success.write(writer, opaque, buffer.subarray(bodyAt, end))
    }
  })
  socket.on("data", (chunk) => splitter.push(chunk))
})

process.on("message", (question: ServerQuestion) => {
  if (question === "goAway") {
    drainedBefore = connections
    firstGoAwayAt = 0
  }
  const state: ServerState = { connections, firstGoAwayAt }
  process.send!(state)
})
process.on("disconnect", () => process.exit())

server.listen(0, "127.0.0.1", () => process.send!((server.address() as AddressInfo).port))
