/** What a client writes and hears, for a simulation to judge. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { defaultFrameLimits, FrameParser } from "../../src/protocol/RemotingCodec.ts"
import type { RemotingCommand } from "../../src/protocol/RemotingCommand.ts"
import type { Connection, ConnectionHandler } from "../../src/remoting/Transport.ts"
import { Transport } from "../../src/remoting/Transport.ts"
import type { Attempt, Refusal } from "../support/history.ts"

/** What is noted down of the wire. */
export interface WireLog<A extends Attempt = Attempt> {
  readonly now: () => number
  readonly attempts: Array<A>
  readonly refusals: Array<Refusal>
  readonly problem: (text: string) => void
  /** Every write and every chunk, where a trace is wanted. */
  readonly trace: ((line: string, bytes: Uint8Array) => void) | undefined
}

/** One client's end of one connection, overheard. */
export abstract class Overheard<A extends Attempt = Attempt> implements Connection {
  readonly remote: string
  readonly local: string
  readonly encrypted = false
  readonly pause: () => void
  readonly resume: () => void
  readonly end: () => void
  readonly destroy: () => void
  readonly defer: (task: () => void) => void
  protected readonly sender: string
  protected readonly log: WireLog<A>
  private readonly connection: Connection
  private readonly outgoing = new FrameParser(defaultFrameLimits)
  private readonly incoming = new FrameParser(defaultFrameLimits)

  constructor(connection: Connection, sender: string, log: WireLog<A>) {
    this.connection = connection
    this.sender = sender
    this.log = log
    this.remote = connection.remote
    this.local = connection.local
    this.pause = connection.pause
    this.resume = connection.resume
    this.end = connection.end
    this.destroy = connection.destroy
    this.defer = connection.defer
  }

  /** The client wrote it. */
  protected abstract written(command: RemotingCommand): void

  /** It came to the client, which does not know of it yet. */
  protected abstract heard(command: RemotingCommand): void

  get unsentBytes(): number {
    return this.connection.unsentBytes
  }

  readonly write = (bytes: Uint8Array): boolean => {
    this.log.trace?.(`${this.local} > ${this.remote}`, bytes)
    const violation = this.outgoing.push(bytes, (command) => this.written(command))
    if (violation !== undefined) this.log.problem(`${this.sender} wrote what is no frame: ${violation.message}`)
    if (this.outgoing.bufferedBytes > 0) this.log.problem(`${this.sender} wrote a part of a frame`)
    return this.connection.write(bytes)
  }

  readonly attach = (handler: ConnectionHandler): void => {
    this.connection.attach({
      onData: (chunk) => {
        this.log.trace?.(`${this.local} < ${this.remote}`, chunk)
        this.incoming.push(chunk, (command) => this.heard(command))
        handler.onData(chunk)
      },
      onDrain: handler.onDrain,
      onClose: handler.onClose
    })
  }
}

/** The transport of one client, whose connections are overheard. */
export const overhearing = (
  transport: Transport["Service"],
  overheard: (connection: Connection) => Connection
): Context.Context<Transport> =>
  Context.make(Transport, {
    ...transport,
    connect: (target) => Effect.map(transport.connect(target), overheard)
  })
