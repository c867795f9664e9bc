/**
 * A connection that sends whatever it is told, valid or not. Written by hand, headers in JSON: what is compared must not
 * hang on the code under test, and that would not send most of it.
 */
import { connect, type Socket } from "node:net"
import { versionWithoutGoAway } from "../rocketmq/harness/Probe.ts"

export type Fields = Readonly<Record<string, string>>

export interface Request {
  readonly code: number
  /** Left out: the header has none at all. */
  readonly extFields?: Fields | undefined
  readonly body?: Uint8Array | string | undefined
  /** Default: 475, which no draining server sends away. */
  readonly version?: number | undefined
  /** Name of the language. Default: `JAVA`. */
  readonly language?: string | undefined
}

export interface Answer {
  readonly code: number
  readonly remark: string | undefined
  readonly extFields: Fields
  readonly body: Buffer
}

/** What came instead of an answer. */
export type Silence = "no answer" | "closed"

interface Header {
  readonly code: number
  readonly flag?: number
  readonly opaque: number
  readonly remark?: string
  readonly extFields?: Fields
}

const frame = (header: object, body: Uint8Array | string | undefined): Buffer => {
  const head = Buffer.from(JSON.stringify(header))
  const content = typeof body === "string" ? Buffer.from(body) : body ?? Buffer.alloc(0)
  const lengths = Buffer.alloc(8)
  lengths.writeInt32BE(4 + head.length + content.length, 0)
  lengths.writeInt32BE(head.length, 4)
  return Buffer.concat([lengths, head, content])
}

export class Wire {
  /** What the server asked us, in order. */
  readonly asked: Array<Answer> = []
  /** What to answer the server; `undefined`: nothing. */
  respond: (request: Answer) => { readonly code: number; readonly body?: string } | undefined = () => ({ code: 0 })
  private readonly socket: Socket
  private readonly pending = new Map<number, (answer: Answer | Silence) => void>()
  private received: Buffer = Buffer.alloc(0)
  private opaque = 0
  private closed = false

  private constructor(socket: Socket) {
    this.socket = socket
    socket.setNoDelay(true)
    socket.on("data", (chunk) => this.receive(chunk))
    const end = () => {
      this.closed = true
      for (const settle of [...this.pending.values()]) settle("closed")
      this.pending.clear()
    }
    socket.on("error", end)
    socket.on("close", end)
  }

  /** @param address `host:port` */
  static open(address: string): Promise<Wire> {
    const colon = address.lastIndexOf(":")
    return new Promise((resolve, reject) => {
      const socket = connect(Number(address.slice(colon + 1)), address.slice(0, colon))
      socket.once("error", reject)
      socket.once("connect", () => {
        socket.off("error", reject)
        resolve(new Wire(socket))
      })
    })
  }

  get isOpen(): boolean {
    return !this.closed
  }

  close(): void {
    this.closed = true
    this.socket.destroy()
  }

  /** Asks; `timeoutMillis` without an answer count as silence. */
  ask(request: Request, timeoutMillis = 10_000): Promise<Answer | Silence> {
    if (this.closed) return Promise.resolve("closed")
    const opaque = ++this.opaque
    return new Promise((resolve) => {
      const timer = setTimeout(() => settle("no answer"), timeoutMillis)
      const settle = (answer: Answer | Silence): void => {
        clearTimeout(timer)
        this.pending.delete(opaque)
        resolve(answer)
      }
      this.pending.set(opaque, settle)
      this.write(request, opaque, 0)
    })
  }

  /** Tells, and expects no answer. */
  tell(request: Request): void {
    if (!this.closed) this.write(request, ++this.opaque, 2)
  }

  private write({ body, code, extFields, language, version }: Request, opaque: number, flag: number): void {
    this.socket.write(frame({
      code,
      ...(extFields === undefined ? {} : { extFields }),
      flag,
      language: language ?? "JAVA",
      opaque,
      serializeTypeCurrentRPC: "JSON",
      version: version ?? versionWithoutGoAway
    }, body))
  }

  private receive(chunk: Buffer): void {
    this.received = this.received.length === 0 ? chunk : Buffer.concat([this.received, chunk])
    while (this.received.length >= 8) {
      const end = 4 + this.received.readInt32BE(0)
      if (this.received.length < end) return
      const headerEnd = 8 + this.received.readUIntBE(5, 3)
      const header = JSON.parse(this.received.toString("utf8", 8, headerEnd)) as Header
      const body = Buffer.from(this.received.subarray(headerEnd, end))
      this.received = this.received.subarray(end)
      const answer = { code: header.code, remark: header.remark, extFields: header.extFields ?? {}, body }
      if (((header.flag ?? 0) & 1) !== 0) this.pending.get(header.opaque)?.(answer)
      else this.serve(header, answer)
    }
  }

  private serve(header: Header, request: Answer): void {
    this.asked.push(request)
    if (((header.flag ?? 0) & 2) !== 0) return
    const answer = this.respond(request)
    if (answer === undefined) return
    this.socket.write(frame({
      code: answer.code,
      flag: 1,
      language: "JAVA",
      opaque: header.opaque,
      serializeTypeCurrentRPC: "JSON",
      version: versionWithoutGoAway
    }, answer.body))
  }
}
