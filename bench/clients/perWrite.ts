/** What a plain client does: JSON.stringify and JSON.parse, a Promise and a write per request. */
import type { Connect } from "../contestant.ts"
import { drivePromises } from "../contestant.ts"
import { requestBody, requestHeader } from "../request.ts"
import { bodyStart, connect as connectSocket, framePrefixLength, FrameSplitter } from "../wire.ts"

export const connect: Connect = async (port) => {
  const socket = await connectSocket(port)
  const pending = new Map<number, (body: Uint8Array) => void>()
  const splitter = new FrameSplitter((buffer, start, end) => {
    const bodyAt = bodyStart(buffer, start)
    const header = JSON.parse(buffer.toString("utf8", start + framePrefixLength, bodyAt)) as { readonly opaque: number }
    const resolve = pending.get(header.opaque)!
    pending.delete(header.opaque)
    resolve(buffer.subarray(bodyAt, end))
  })
  socket.on("data", (chunk) => splitter.push(chunk))
  let nextOpaque = 0
  return drivePromises(() =>
    new Promise((resolve) => {
      const opaque = nextOpaque++
      pending.set(opaque, resolve)
      const header = Buffer.from(requestHeader(opaque))
      const prefix = Buffer.alloc(framePrefixLength)
      prefix.writeUInt32BE(4 + header.length + requestBody.length, 0)
      prefix.writeUInt32BE(header.length, 4)
      socket.write(Buffer.concat([prefix, header, requestBody]))
    })
  )
}
