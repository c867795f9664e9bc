/**
 * The wire of a simulation: listens to what clients write and hear, and does
 * to the answers of servers what no server would do by itself.
 */
import * as Context from "effect/Context"
import { defaultFrameLimits, FrameParser } from "../../src/protocol/RemotingCodec.ts"
import type { RemotingCommand } from "../../src/protocol/RemotingCommand.ts"
import { RequestCode } from "../../src/protocol/RequestCode.ts"
import { ResponseCode } from "../../src/protocol/ResponseCode.ts"
import type { Connection, ConnectionHandler } from "../../src/remoting/Transport.ts"
import { Transport } from "../../src/remoting/Transport.ts"
import type { WireLog } from "./overheard.ts"
import { Overheard, overhearing } from "./overheard.ts"
import type { AnswerFault } from "./simulationPlan.ts"

/** All of a request that must stay as it was asked, whatever happens to it. */
export const contentOf = (request: {
  readonly code: number
  readonly extFields?: Readonly<Record<string, string>> | undefined
  readonly body?: Uint8Array | undefined
  readonly remark?: string | undefined
  readonly language?: number | undefined
  readonly version?: number | undefined
}): string => {
  const { body, code, extFields, language, remark, version } = request
  return `${code} ${extFields?.id} ${extFields?.work} ${remark} ${language} ${version} ${body?.length ?? 0} ${
    body?.[0]
  }`
}

const noteAttempt = (command: RemotingCommand, sender: string, log: WireLog): void => {
  const { id } = command.extFields
  // Probes have none.
  if (id === undefined) return
  log.attempts.push({ id, at: log.now(), sender, opaque: command.opaque, content: contentOf(command) })
}

/** Whose connections are overheard. */
export interface Listened {
  readonly name: string
  readonly goAwayEnabled: boolean
  /** What stands for the registration that it has now, if it has one. */
  readonly registration: () => unknown
}

/** One client's end of one connection. */
class ClientsEnd extends Overheard {
  private readonly client: Listened
  /** The registration that there was when it was dialled. */
  private readonly registration: unknown
  private registered = false
  private readonly ids = new Map<number, string>()
  private retired = false
  /** Opaques of registrations without an answer that lets requests through. */
  private readonly registering = new Set<number>()
  private users = 0

  constructor(connection: Connection, client: Listened, log: WireLog) {
    super(connection, client.name, log)
    this.client = client
    this.registration = client.registration()
  }

  protected written(command: RemotingCommand): void {
    if (command.isResponse) return
    const { id } = command.extFields
    if (id !== undefined) this.ids.set(command.opaque, id)
    noteAttempt(command, this.sender, this.log)
    // A probe may have been on its way into a socket that took nothing.
    if (this.retired && id !== undefined) {
      this.log.problem(`${this.sender} wrote ${id} to a channel that had answered GO_AWAY`)
    }
    if (command.code === RequestCode.HEART_BEAT) {
      if (id === undefined) return
      this.registering.add(command.opaque)
      this.registered = true
      if (this.users > 0) this.log.problem(`${this.sender} wrote requests before the registration ${id}`)
    } else {
      this.users++
      const { registration } = this
      if (registration !== undefined && registration === this.client.registration() && !this.registered) {
        this.log.problem(`${this.sender} wrote ${id} without a registration`)
      }
      if (this.registering.size > 0) this.log.problem(`${this.sender} wrote ${id} before its registration was answered`)
    }
  }

  protected heard(command: RemotingCommand): void {
    if (!command.isResponse) return
    const id = this.ids.get(command.opaque)
    this.ids.delete(command.opaque)
    if (command.code === ResponseCode.GO_AWAY) {
      if (this.client.goAwayEnabled) this.retired = true
      if (id !== undefined) this.log.refusals.push({ id, at: this.log.now() })
    } else if (command.code === ResponseCode.SUCCESS) this.registering.delete(command.opaque)
  }
}

/** What is to happen to the connections of one server. */
export interface ServerWire {
  /** Nothing gets through, either way, until it is lifted; nothing is lost. */
  held: boolean
  readonly holding: Set<Meddling>
  /** Its handlers are registered. */
  open: boolean
  /** Happens to the next answers, one each. */
  readonly answers: Array<AnswerFault>
}

/** One server's end of one connection. */
class Meddling implements Connection {
  readonly remote: string
  readonly local: string
  readonly encrypted = false
  readonly pause: () => void
  readonly resume: () => void
  readonly end: () => void
  readonly destroy: () => void
  readonly defer: (task: () => void) => void
  private readonly connection: Connection
  private readonly wire: ServerWire
  private readonly sender: string
  private readonly log: WireLog
  private readonly parser = new FrameParser(defaultFrameLimits)
  private readonly late: Array<() => void> = []

  constructor(connection: Connection, wire: ServerWire, sender: string, log: WireLog) {
    this.connection = connection
    this.sender = sender
    this.log = log
    this.wire = wire
    this.remote = connection.remote
    this.local = connection.local
    this.pause = connection.pause
    this.resume = connection.resume
    this.end = () => this.later(connection.end)
    this.destroy = connection.destroy
    this.defer = connection.defer
  }

  get unsentBytes(): number {
    return this.connection.unsentBytes
  }

  readonly write = (bytes: Uint8Array): boolean => {
    const commands: Array<RemotingCommand> = []
    this.parser.push(bytes, (command) => commands.push(command))
    for (const command of commands) if (!command.isResponse) noteAttempt(command, this.sender, this.log)
    const faulty = this.wire.answers.length === 0 ? bytes : this.meddle(bytes, commands)
    if (!this.wire.held) return this.connection.write(faulty)
    const copy = Uint8Array.from(faulty)
    this.later(() => void this.connection.write(copy))
    return true
  }

  readonly attach = (handler: ConnectionHandler): void => {
    this.connection.attach({
      onData: (chunk) => this.later(() => handler.onData(chunk)),
      onDrain: handler.onDrain,
      onClose: (cause) => this.later(() => handler.onClose(cause))
    })
  }

  /** The hold was lifted. */
  release(): void {
    for (const event of this.late.splice(0)) event()
  }

  private later(event: () => void): void {
    if (!this.wire.held) {
      event()
      return
    }
    this.late.push(event)
    this.wire.holding.add(this)
  }

  /** A write is whole frames. */
  private meddle(bytes: Uint8Array, commands: ReadonlyArray<RemotingCommand>): Uint8Array {
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
    const out: Array<Uint8Array> = []
    let at = 0
    for (const command of commands) {
      const end = at + 4 + buffer.readInt32BE(at)
      const frame = buffer.subarray(at, end)
      at = end
      const fault = command.isResponse ? this.wire.answers.shift() : undefined
      switch (fault) {
        case undefined:
          out.push(frame)
          break
        case "duplicate":
          out.push(frame, frame)
          break
        case "garbage":
          out.push(Uint8Array.of(0x80, 0, 0, 0))
          break
        case "truncate":
          out.push(frame.subarray(0, frame.length >>> 1))
          this.connection.defer(this.connection.end)
          return Buffer.concat(out)
        case "reset":
          this.connection.defer(this.connection.destroy)
          return Buffer.concat(out)
        case "lose":
      }
    }
    return Buffer.concat(out)
  }
}

/** The transport as one client has it. */
export const overhear = (transport: Transport["Service"], client: Listened, log: WireLog): Context.Context<Transport> =>
  overhearing(transport, (connection) => new ClientsEnd(connection, client, log))

/** The transport as one server has it. */
export const meddleWith = (
  transport: Transport["Service"],
  wire: ServerWire,
  sender: string,
  log: WireLog
): Context.Context<Transport> =>
  Context.make(Transport, {
    ...transport,
    listen: (options, accept) =>
      transport.listen(options, (connection) => {
        if (wire.open) accept(new Meddling(connection, wire, sender, log))
        else connection.destroy()
      })
  })

/** Lets through what was held. */
export const release = (wire: ServerWire): void => {
  wire.held = false
  const holding = [...wire.holding]
  wire.holding.clear()
  for (const connection of holding) connection.release()
}
