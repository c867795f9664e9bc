import type { Socket } from "node:net"
import { createConnection } from "node:net"

/** A frame is 4 bytes of length, 1 of serialization type, 3 of header length, the header, the body. */
export const framePrefixLength = 8

export const readUint32 = (buffer: Uint8Array, at: number): number =>
  ((buffer[at] << 24) | (buffer[at + 1] << 16) | (buffer[at + 2] << 8) | buffer[at + 3]) >>> 0

export const writeUint32 = (buffer: Uint8Array, at: number, value: number): void => {
  buffer[at] = value >>> 24
  buffer[at + 1] = value >>> 16
  buffer[at + 2] = value >>> 8
  buffer[at + 3] = value
}

export const connect = (port: number): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const socket = createConnection({ host: "127.0.0.1", port, noDelay: true })
    socket.once("error", reject)
    socket.once("connect", () => {
      socket.off("error", reject)
      socket.on("close", () => {
        throw new Error("the server closed the connection")
      })
      resolve(socket)
    })
  })

type OnFrame = (buffer: Buffer, start: number, end: number) => void

/** Cuts a byte stream into frames; looks at nothing but their lengths. */
export class FrameSplitter {
  private readonly onFrame: OnFrame
  private partial: Buffer = Buffer.alloc(0)
  private held = 0

  constructor(onFrame: OnFrame) {
    this.onFrame = onFrame
  }

  push(chunk: Buffer): void {
    let offset = this.held > 0 ? this.complete(chunk) : 0
    while (chunk.length - offset >= 4) {
      const end = offset + 4 + readUint32(chunk, offset)
      if (end > chunk.length) {
        break
      }
      this.onFrame(chunk, offset, end)
      offset = end
    }
    const rest = chunk.length - offset
    if (rest > 0) {
      this.partial = Buffer.allocUnsafe(rest >= 4 ? 4 + readUint32(chunk, offset) : 4)
      this.held = chunk.copy(this.partial, 0, offset)
    }
  }

  /** Adds to the unfinished frame; the number of bytes of the chunk that were taken. */
  private complete(chunk: Buffer): number {
    let taken = 0
    if (this.held < 4) {
      taken = chunk.copy(this.partial, this.held, 0, 4 - this.held)
      this.held += taken
      if (this.held < 4) {
        return taken
      }
      const frame = Buffer.allocUnsafe(4 + readUint32(this.partial, 0))
      this.partial.copy(frame, 0, 0, 4)
      this.partial = frame
    }
    const added = chunk.copy(this.partial, this.held, taken)
    this.held += added
    if (this.held === this.partial.length) {
      this.held = 0
      this.onFrame(this.partial, 0, this.partial.length)
    }
    return taken + added
  }
}

/** Collects what is written during one tick and hands it to the socket in one write. */
export class TickWriter {
  buffer: Buffer = Buffer.allocUnsafe(256 * 1024)
  private length = 0
  private readonly lent: Array<Buffer> = []
  private readonly spare: Array<Buffer> = []
  private readonly socket: Socket
  private readonly flush = () => {
    const { buffer, socket } = this
    if (this.lent.length > 0 && socket.writableLength === 0) {
      this.spare.push(...this.lent.splice(0))
    }
    socket.write(buffer.subarray(0, this.length))
    this.length = 0
    // A write that the kernel took whole is over when it returns; otherwise the socket still reads the slab.
    if (socket.writableLength > 0) {
      this.lent.push(buffer)
      this.buffer = this.spare.pop() ?? Buffer.allocUnsafe(buffer.length)
    }
  }

  constructor(socket: Socket) {
    this.socket = socket
  }

  /** Makes room for so many bytes; the position in `buffer` where they go. */
  reserve(bytes: number): number {
    const at = this.length
    if (at === 0) {
      queueMicrotask(this.flush)
    }
    this.length = at + bytes
    if (this.length > this.buffer.length) {
      const larger = Buffer.allocUnsafe(Math.max(this.length, this.buffer.length * 2))
      this.buffer.copy(larger, 0, 0, at)
      this.buffer = larger
    }
    return at
  }
}

/**
 * Frames that differ in their opaque alone, encoded once per number of digits: the bytes before the body, with room for
 * the opaque.
 */
export class FrameTemplates {
  private readonly byDigits: Array<{ readonly bytes: Buffer; readonly opaqueAt: number }> = []

  constructor(header: (opaque: number) => string) {
    for (let digits = 1; digits <= 10; digits++) {
      const opaque = 10 ** (digits - 1)
      const json = header(opaque)
      const bytes = Buffer.alloc(framePrefixLength + json.length)
      writeUint32(bytes, 4, json.length)
      bytes.write(json, framePrefixLength, "latin1")
      this.byDigits[digits] = { bytes, opaqueAt: bytes.indexOf(`"opaque":${opaque}`) + `"opaque":`.length }
    }
  }

  write(writer: TickWriter, opaque: number, body: Uint8Array): void {
    let digits = 1
    for (let power = 10; opaque >= power; power *= 10) {
      digits++
    }
    const { bytes, opaqueAt } = this.byDigits[digits]
    const at = writer.reserve(bytes.length + body.length)
    const buffer = writer.buffer
    buffer.set(bytes, at)
    buffer.set(body, at + bytes.length)
    writeUint32(buffer, at, bytes.length - 4 + body.length)
    let rest = opaque
    for (let digitAt = at + opaqueAt + digits - 1; digitAt >= at + opaqueAt; digitAt--) {
      const quotient = (rest / 10) | 0
      buffer[digitAt] = 48 + rest - quotient * 10
      rest = quotient
    }
  }
}

/** Where the body of a frame begins. */
export const bodyStart = (buffer: Uint8Array, frameStart: number): number =>
  frameStart + framePrefixLength + (readUint32(buffer, frameStart + 4) & 0xffffff)

/**
 * The opaque in a JSON header that ends at `end`, searched backwards: in the order of a Java peer it is followed by no
 * more than a remark, the serialization type and the version.
 */
export const scanOpaque = (buffer: Uint8Array, start: number, end: number): number => {
  for (let at = end - 1; at >= start + 4; at--) {
    // "opaque" ends in the only "ue" before a colon that has a "q" ahead of it
    if (
      buffer[at] === 0x3a && buffer[at - 1] === 0x22 && buffer[at - 2] === 0x65 && buffer[at - 3] === 0x75 &&
      buffer[at - 4] === 0x71
    ) {
      let opaque = 0
      for (let digitAt = at + 1; buffer[digitAt] >= 48 && buffer[digitAt] <= 57; digitAt++) {
        opaque = opaque * 10 + buffer[digitAt] - 48
      }
      return opaque
    }
  }
  throw new Error("a JSON header without an opaque")
}
