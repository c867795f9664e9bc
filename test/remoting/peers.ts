/** Peers that speak the protocol byte by byte, for what no well-behaved client or server does. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { FrameArena } from "../../src/protocol/FrameArena.ts"
import { LanguageCode } from "../../src/protocol/LanguageCode.ts"
import { defaultFrameLimits, encodeFrame, FrameParser } from "../../src/protocol/RemotingCodec.ts"
import type { ExtFields, RemotingCommand, SerializeType } from "../../src/protocol/RemotingCommand.ts"
import { parse } from "../../src/remoting/Address.ts"
import type { Connection } from "../../src/remoting/Transport.ts"
import { Transport } from "../../src/remoting/Transport.ts"

/** A response code: go elsewhere. */
export const goAwayCode = 1500

/** The fields of a frame; those left out are those of a Java server's plainest frame. */
export interface FrameFields {
  readonly code?: number | undefined
  readonly flag?: number | undefined
  readonly opaque?: number | undefined
  readonly language?: LanguageCode | undefined
  readonly version?: number | undefined
  readonly remark?: string | undefined
  readonly extFields?: ExtFields | undefined
  readonly body?: Uint8Array | undefined
  readonly serialization?: SerializeType | undefined
}

const arena = new FrameArena()

/** Encodes one frame. */
export const frame = (fields: FrameFields): Buffer => {
  arena.reset()
  const violation = encodeFrame(
    arena,
    fields.code ?? 0,
    fields.flag ?? 0,
    fields.opaque ?? 1,
    fields.language ?? LanguageCode.JAVA,
    fields.version ?? 513,
    fields.remark,
    fields.extFields ?? {},
    fields.body,
    fields.serialization ?? "JSON",
    defaultFrameLimits.maxFrameSize
  )
  if (violation !== undefined) throw new Error(`${violation.kind}: ${violation.message}`)
  return Buffer.from(arena.view())
}

/** A command as a peer received it. */
export interface Received {
  readonly command: RemotingCommand
  /** Milliseconds on the test's clock. */
  readonly at: number
  readonly peer: RawPeer
}

/** One end of a connection. */
export class RawPeer {
  readonly connection: Connection
  /** Counts the connections of its server from 0. */
  readonly index: number
  readonly received: Array<Received> = []
  /** Sizes of the chunks received. */
  readonly chunks: Array<number> = []
  /** When it was connected, when the last byte came, and when it was closed, in milliseconds. */
  readonly openedAt: number
  lastByteAt: number | undefined = undefined
  closedAt: number | undefined = undefined
  cause: unknown = undefined

  constructor(connection: Connection, index: number, openedAt: number) {
    this.connection = connection
    this.index = index
    this.openedAt = openedAt
  }

  /** Bytes received. */
  get bytes(): number {
    return this.chunks.reduce((sum, size) => sum + size, 0)
  }
  get closed(): boolean {
    return this.closedAt !== undefined
  }
  send(bytes: Uint8Array): void {
    this.connection.write(bytes)
  }
  /** Answers a request, with success unless the fields say otherwise. */
  answer(command: RemotingCommand, fields: FrameFields = {}): void {
    this.send(frame({ ...fields, flag: 1, opaque: command.opaque }))
  }
  /** Sends a request of this side. */
  ask(fields: FrameFields): void {
    this.send(frame(fields))
  }
  goAway(command: RemotingCommand): void {
    this.answer(command, { code: goAwayCode, remark: "please go away" })
  }
  end(): void {
    this.connection.end()
  }
}

const attach = (
  peer: RawPeer,
  clock: Clock.Clock,
  onCommand: (received: Received) => void,
  onChunk: (peer: RawPeer) => void
) => {
  const parser = new FrameParser()
  peer.connection.attach({
    onData: (chunk) => {
      peer.chunks.push(chunk.length)
      peer.lastByteAt = clock.currentTimeMillisUnsafe()
      const violation = parser.push(chunk, (command) => {
        const received = { command, at: clock.currentTimeMillisUnsafe(), peer }
        peer.received.push(received)
        onCommand(received)
      })
      if (violation !== undefined) throw new Error(`byte ${violation.offset}: ${violation.message}`)
      onChunk(peer)
    },
    onDrain: () => {},
    onClose: (cause) => {
      peer.closedAt = clock.currentTimeMillisUnsafe()
      peer.cause = cause
    }
  })
}

/** What a scripted server does. */
export interface Script {
  /** A client has connected. */
  readonly open?: ((peer: RawPeer) => void) | undefined
  /** A command has come. Without it nothing is answered. */
  readonly command?: ((received: Received) => void) | undefined
  /** A chunk has come and its commands were handled. */
  readonly chunk?: ((peer: RawPeer) => void) | undefined
}

/** A server that does as it is told, on `10.0.0.1` and the given port. */
export const scripted = (port: number, script: Script = {}) =>
  Effect.gen(function*() {
    const transport = yield* Transport
    const clock = yield* Clock.Clock
    const peers: Array<RawPeer> = []
    const received: Array<Received> = []
    const listener = yield* transport.listen({ host: "10.0.0.1", port }, (connection) => {
      const peer = new RawPeer(connection, peers.length, clock.currentTimeMillisUnsafe())
      peers.push(peer)
      attach(
        peer,
        clock,
        (one) => {
          received.push(one)
          script.command?.(one)
        },
        (one) => script.chunk?.(one)
      )
      script.open?.(peer)
    })
    return { address: listener.address, close: listener.close, peers, received }
  })

/** A client that does as it is told. */
export const dial = (address: string, onCommand: (received: Received) => void = () => {}) =>
  Effect.gen(function*() {
    const transport = yield* Transport
    const clock = yield* Clock.Clock
    const target = parse(address)
    if (target === undefined) return yield* Effect.die(new Error(`${address} is not host:port`))
    const connection = yield* Effect.orDie(transport.connect({ ...target, avoid: new Set(), timeoutMillis: 3_000 }))
    const peer = new RawPeer(connection, 0, clock.currentTimeMillisUnsafe())
    attach(peer, clock, onCommand, () => {})
    return peer
  })
