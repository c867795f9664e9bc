/** The package's own codec on a bare socket: callbacks in a Map, a write per tick. */
import { FrameArena } from "../../src/protocol/FrameArena.ts"
import { defaultFrameLimits, encodeFrame, FrameParser } from "../../src/protocol/RemotingCodec.ts"
import type { RemotingCommand } from "../../src/protocol/RemotingCommand.ts"
import type { Connect } from "../contestant.ts"
import { driveCallbacks } from "../contestant.ts"
import { extFields, language, protocolVersion, requestCode } from "../request.ts"
import { connect as connectSocket } from "../wire.ts"

export const connect: Connect = async (port) => {
  const socket = await connectSocket(port)
  const arena = new FrameArena(256 * 1024)
  const parser = new FrameParser(defaultFrameLimits)
  const pending = new Map<number, (body: Uint8Array | undefined) => void>()
  const onCommand = (command: RemotingCommand) => {
    const onAnswer = pending.get(command.opaque)!
    pending.delete(command.opaque)
    onAnswer(command.body)
  }
  socket.on("data", (chunk) => {
    const violation = parser.push(chunk, onCommand)
    if (violation !== undefined) {
      throw new Error(violation.message)
    }
  })
  const flush = () => {
    socket.write(arena.view())
    // A write that the kernel took whole is over when it returns.
    if (socket.writableLength === 0) {
      arena.reset()
    } else {
      arena.detach()
    }
  }
  let nextOpaque = 0
  return driveCallbacks({
    request: (body, onAnswer) => {
      const opaque = nextOpaque++
      pending.set(opaque, onAnswer)
      if (arena.length === 0) {
        queueMicrotask(flush)
      }
      const violation = encodeFrame(
        arena,
        requestCode,
        0,
        opaque,
        language,
        protocolVersion,
        undefined,
        extFields,
        body,
        "JSON",
        defaultFrameLimits.maxFrameSize
      )
      if (violation !== undefined) {
        throw new Error(violation.message)
      }
    }
  })
}
