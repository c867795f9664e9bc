/** The limit: header from a template, the answer's header scanned for its opaque alone, callbacks, a write per tick. */
import type { CallbackClient, Connect } from "../contestant.ts"
import { driveCallbacks } from "../contestant.ts"
import { requestHeader } from "../request.ts"
import {
  bodyStart,
  connect as connectSocket,
  framePrefixLength,
  FrameSplitter,
  FrameTemplates,
  scanOpaque,
  TickWriter
} from "../wire.ts"

export const makeLimit = async (port: number): Promise<CallbackClient> => {
  const socket = await connectSocket(port)
  const writer = new TickWriter(socket)
  const templates = new FrameTemplates(requestHeader)
  const pending = new Map<number, (body: Uint8Array) => void>()
  const splitter = new FrameSplitter((buffer, start, end) => {
    const bodyAt = bodyStart(buffer, start)
    const opaque = scanOpaque(buffer, start + framePrefixLength, bodyAt)
    const onAnswer = pending.get(opaque)!
    pending.delete(opaque)
    onAnswer(buffer.subarray(bodyAt, end))
  })
  socket.on("data", (chunk) => splitter.push(chunk))
  let nextOpaque = 0
  return {
    request: (body, onAnswer) => {
      const opaque = nextOpaque++
      pending.set(opaque, onAnswer)
      templates.write(writer, opaque, body)
    }
  }
}

export const connect: Connect = async (port) => driveCallbacks(await makeLimit(port))
