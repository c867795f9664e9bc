/**
 * One connection: parser, write arena, pending table. Client and server use it
 * alike, since both send requests and answer them. It is a plain class: every
 * method runs on the event loop, and Effect begins above it.
 */
import { FrameArena } from "../protocol/FrameArena.ts"
import type { LanguageCode } from "../protocol/LanguageCode.ts"
import type { ProtocolViolation as Violation } from "../protocol/ProtocolViolation.ts"
import type { FrameLimits } from "../protocol/RemotingCodec.ts"
import { encodeFrame, FrameParser } from "../protocol/RemotingCodec.ts"
import type { ExtFields, RemotingCommand, SerializeType } from "../protocol/RemotingCommand.ts"
import { onewayFlag, responseFlag } from "../protocol/RemotingCommand.ts"
import { ResponseCode } from "../protocol/ResponseCode.ts"
import { describe } from "./Describe.ts"
import { OpaqueTable } from "./internal/opaqueTable.ts"
import type { CallOwner, CallTable, PendingCall } from "./internal/pendingCall.ts"
import { sizeOf, Stage } from "./internal/pendingCall.ts"
import type { Reason } from "./RemotingError.ts"
import {
  ChannelClosed,
  FrameTooLarge,
  HookFailed,
  InvalidRequest,
  ProtocolViolation,
  RemotingError,
  TlsFailed
} from "./RemotingError.ts"
import type { RemotingReply, RemotingRequest } from "./RemotingRequest.ts"
import type { Futures } from "./ResponseFutures.ts"
import type { Connection } from "./Transport.ts"

/** What all channels of a client or server have in common. */
export interface ChannelSettings {
  /** Announced language code. */
  readonly language: LanguageCode
  /** Announced version. */
  readonly version: number
  /** Header codec of what is sent. */
  readonly serialization: SerializeType
  readonly limits: FrameLimits
  /** Bytes of requests that may wait for a socket that does not take them. */
  readonly maxUnsentBytes: number
  /** Stop reading from a peer that does not read what we send (as RocketMQ servers do). */
  readonly pauseReads: boolean
  /** Bytes moved, for metrics. */
  readonly traffic: { bytesIn: number; bytesOut: number }
}

/** Who looks after a channel. */
export interface ChannelOwner {
  /** The peer asks something. */
  readonly request: (channel: RemotingChannel, command: RemotingCommand) => void
  /** GO_AWAY came for a request that nobody waits for any more. */
  readonly goAway: (channel: RemotingChannel) => void
  /** Nothing is pending any more. Called on draining channels. */
  readonly drained: (channel: RemotingChannel) => void
  /** The channel has ended. Called before its calls are `lost`. */
  readonly closed: (channel: RemotingChannel, reason: Reason) => void
}

/** Applies hooks and the signature to a request, for one physical attempt. Throws when a hook does. */
export type Prepare = (request: RemotingRequest) => RemotingRequest

/** Is told of each answer. */
export type Observe = (request: RemotingRequest, response: RemotingCommand) => void

interface QueuedReply {
  readonly opaque: number
  readonly reply: RemotingReply
}

const noFields: ExtFields = Object.freeze(Object.create(null))

/** Bytes encoded before they are handed to the socket within one turn. */
const writeChunk = 262_144

/**
 * An alert of the peer, above all. Over TLS 1.3 a server looks at the client's
 * certificate only after the client has finished its handshake.
 */
const isTlsError = (cause: unknown): boolean =>
  cause instanceof Error && "code" in cause && /^ERR_(SSL|TLS)_/.test(String(cause.code))

/** What is broken by a request that is too large, rather than wrong. */
const sizeKinds: ReadonlySet<string> = new Set(["FrameTooLarge", "HeaderTooLarge", "TooManyExtFields"])

/** What hooks and signatures look at: the custom header as a record. */
const withRecord = (request: RemotingRequest): RemotingRequest =>
  request.prepared === undefined
    ? request
    : { ...request, extFields: request.prepared.toRecord(), prepared: undefined }

const refusal = (call: PendingCall) => ({ address: call.address, code: call.request.code, outcome: call.outcome })

export class RemotingChannel implements CallTable {
  readonly id: string
  readonly address: string
  /** Counts the dials of its address, from 1. */
  readonly generation: number
  readonly connection: Connection
  /** No new requests; those in flight finish. */
  draining = false
  closed = false
  /** A response other than GO_AWAY has come. */
  answered = false
  /** Something has come since the housekeeper looked. */
  heard = true
  /** A request was submitted since the housekeeper looked. */
  used = true
  /** Monotonic milliseconds at which it was established. */
  readonly since: number
  /** When the housekeeper last found it heard, and used. */
  lastHeard: number
  lastUsed: number
  /** A probe is on its way. */
  probing = false
  /** Commands received. */
  commands = 0
  /** Commands that had been received when the housekeeper last looked, and when it first saw the frame that is unfinished. */
  commandsSeen = 0
  frameSince: number | undefined = undefined
  /** Its last bytes may still be on their way out. */
  endedGracefully = false
  /** Handlers of the peer's requests that are running or suspended. */
  handlers = 0
  /** Of those, the ones that are not suspended. */
  running = 0
  /** Set by the owner once connected: hooks and signature, if any. */
  prepare: Prepare | undefined = undefined
  observe: Observe | undefined = undefined

  private readonly calls = new OpaqueTable()
  private readonly settings: ChannelSettings
  private readonly futures: Futures
  private readonly owner: ChannelOwner
  private readonly parser: FrameParser
  private readonly arena = new FrameArena()
  private queue: Array<PendingCall> = []
  /** Unsettled requests in `queue`. */
  private queued = 0
  private queuedBytes = 0
  private replies: Array<QueuedReply> = []
  private repliesBytes = 0
  private oneways: Array<PendingCall> = []
  private flushing = false
  private ending = false
  private scheduled = false
  private blocked = false
  private turn = 0
  private turnKnown = false

  constructor(
    id: string,
    address: string,
    generation: number,
    connection: Connection,
    settings: ChannelSettings,
    futures: Futures,
    owner: ChannelOwner
  ) {
    this.id = id
    this.address = address
    this.generation = generation
    this.connection = connection
    this.settings = settings
    this.futures = futures
    this.owner = owner
    this.parser = new FrameParser(settings.limits)
    this.since = futures.now()
    this.lastHeard = this.since
    this.lastUsed = this.since
    futures.open(this)
  }

  /** Starts reading. */
  start(): void {
    this.connection.attach({
      onData: this.onData,
      onDrain: this.onDrain,
      onClose: (cause) => this.end(this.brokenReason(cause))
    })
  }

  private brokenReason(cause: unknown): Reason {
    if (cause === undefined) return this.closedReason("the peer closed the connection")
    const text = describe(cause).trim()
    return isTlsError(cause)
      ? new TlsFailed({ address: this.address, outcome: "Unknown", detail: `the connection broke: ${text}`, cause })
      : this.closedReason(`the connection broke: ${text}`, cause)
  }

  /** Requests that are written and unanswered. */
  get inFlight(): number {
    return this.calls.size
  }
  /** Requests that are on this channel, written or not. */
  get pending(): number {
    return this.calls.size + this.queued
  }
  /** Bytes of an unfinished frame. */
  get bufferedBytes(): number {
    return this.parser.bufferedBytes
  }
  /** Nothing holds a draining channel open. */
  get idle(): boolean {
    return this.calls.size === 0 && this.queued === 0 && this.handlers === 0 && this.replies.length === 0
  }

  has(opaque: number): boolean {
    return this.calls.get(opaque) !== undefined
  }

  /**
   * Monotonic milliseconds, read at most twice in a turn of the event loop that
   * ends with a write: a reading a request costs 3 % of the rate at 64 in flight.
   */
  now(): number {
    if (this.scheduled && this.turnKnown) return this.turn
    this.turn = this.futures.now()
    this.turnKnown = this.scheduled
    return this.turn
  }

  /** Takes a request to be written in this turn. `false`: too many bytes are waiting already. */
  send(call: PendingCall): boolean {
    const full = this.blocked && this.queuedBytes + call.size > this.settings.maxUnsentBytes
    // Whether the peer is alive at all must be found out above all when it takes nothing.
    if (full && !call.options.vital) return false
    call.stage = Stage.Queued
    call.table = this
    call.opaque = 0
    this.queue.push(call)
    this.queued++
    this.queuedBytes += call.size
    this.used = true
    this.schedule()
    return true
  }

  /** Answers a request of the peer. Answers leave on a draining channel too. */
  reply(opaque: number, reply: RemotingReply): void {
    if (this.closed) return
    if (reply.body !== undefined && !(reply.body instanceof Uint8Array)) {
      this.reply(opaque, { code: ResponseCode.SYSTEM_ERROR, remark: "the body of the response is not a Uint8Array" })
      return
    }
    this.repliesBytes += sizeOf(reply)
    if (this.blocked && this.repliesBytes > this.settings.maxUnsentBytes) {
      // It asks without reading what it is answered.
      this.end(this.closedReason("the peer does not read its answers", new Error("too many unsent bytes")))
      return
    }
    this.replies.push({ opaque, reply })
    this.schedule()
  }

  /** Of a settled call. */
  remove(call: PendingCall, stage: number): void {
    if (stage === Stage.Written) this.calls.delete(call.opaque)
    else if (stage === Stage.Queued) {
      this.unqueue(call)
      // Settled requests leave the queue when it is written; while the socket
      // takes nothing, they would pile up.
      if (!this.flushing && this.queue.length > 64 && this.queued < this.queue.length / 2) {
        this.queue = this.queue.filter((one) => this.isQueued(one))
      }
    }
    if (this.draining) this.checkDrained()
  }

  /**
   * No new requests from now on. Returns those of the owner that were not
   * written yet: they go elsewhere. What was asked of this very peer stays.
   */
  retire(owner: CallOwner): ReadonlyArray<PendingCall> {
    this.draining = true
    const unwritten = this.queue.filter((call) => this.isQueued(call) && call.owner === owner)
    this.queue = this.queue.filter((call) => this.isQueued(call) && call.owner !== owner)
    for (const call of unwritten) {
      this.unqueue(call)
      call.table = undefined
      call.stage = Stage.Waiting
    }
    return unwritten
  }

  /** Tells the owner if nothing holds the channel open any more. */
  checkDrained(): void {
    if (this.draining && !this.ending && this.idle) this.owner.drained(this)
  }

  /** Closes after what was written has left. Nothing may be pending. */
  finish(reason: Reason): void {
    this.end(reason, true)
  }

  /** The one way in which a channel ends: everything on it is settled or handed back. */
  end(reason: Reason, gracefully = false): void {
    if (this.closed || this.ending) return
    this.ending = true
    if (gracefully) this.flush()
    this.closed = true
    this.endedGracefully = gracefully
    this.parser.stop()
    if (gracefully) this.connection.end()
    else this.connection.destroy()
    this.futures.close(this)
    // Copied first: those who are told may submit the next request.
    const written = [...this.calls.take(), ...this.oneways]
    const unwritten = this.queue.filter((call) => this.isQueued(call))
    this.queue = []
    this.queued = 0
    this.queuedBytes = 0
    this.replies = []
    this.oneways = []
    for (const call of written) call.table = undefined
    for (const call of unwritten) call.table = undefined
    this.owner.closed(this, reason)
    for (const call of written) if (call.stage !== Stage.Settled) call.owner.lost(call, reason)
    for (const call of unwritten) if (call.stage !== Stage.Settled) call.owner.lost(call, reason)
  }

  /** A `ChannelClosed` that speaks of this channel. */
  closedReason(detail: string, cause?: unknown): ChannelClosed {
    return new ChannelClosed({
      address: this.address,
      channelId: this.id,
      outcome: "Unknown",
      detail,
      ...(cause === undefined ? {} : { cause })
    })
  }

  /** Ends the channel because of what the peer sent. */
  violated(violation: Omit<Violation, "kind"> & { readonly kind: string }): void {
    this.end(
      new ProtocolViolation({
        address: this.address,
        outcome: "Unknown",
        kind: violation.kind,
        offset: violation.offset,
        detail: `the peer broke the protocol at byte ${violation.offset} of a frame: ${violation.message}`
      })
    )
  }

  private isQueued(call: PendingCall): boolean {
    return call.stage === Stage.Queued && call.table === this
  }

  private unqueue(call: PendingCall): void {
    this.queued--
    this.queuedBytes -= call.size
  }

  private schedule(): void {
    if (this.scheduled || this.blocked) return
    this.scheduled = true
    this.turnKnown = false
    this.connection.defer(this.flush)
  }

  /** Encodes what waits, straight into one arena, and writes it: one write a turn. */
  private readonly flush = (): void => {
    this.scheduled = false
    if (this.closed || this.blocked || this.flushing) return
    this.flushing = true
    for (let index = 0; index < this.replies.length; index++) this.encodeReply(this.replies[index]!)
    this.replies.length = 0
    this.repliesBytes = 0
    let index = 0
    while (index < this.queue.length && !this.closed) {
      const call = this.queue[index++]!
      if (!this.isQueued(call)) continue
      this.encodeRequest(call)
      if (this.arena.length >= writeChunk && !this.write()) break
    }
    this.flushing = false
    if (this.closed) return
    if (index >= this.queue.length) this.queue.length = 0
    else this.queue = this.queue.slice(index)
    if (this.arena.length > 0) this.write()
    if (this.draining) this.checkDrained()
  }

  /** `false`: the socket pushes back. */
  private write(): boolean {
    const { arena, connection } = this
    this.settings.traffic.bytesOut += arena.length
    const open = connection.write(arena.view())
    if (connection.unsentBytes === 0) arena.reset()
    else arena.detach()
    if (!open) {
      this.blocked = true
      if (this.settings.pauseReads) connection.pause()
    }
    if (this.oneways.length > 0) {
      const oneways = this.oneways
      this.oneways = []
      for (const call of oneways) this.futures.succeed(call, undefined)
    }
    return open
  }

  private readonly onDrain = (): void => {
    if (!this.blocked || this.closed) return
    this.blocked = false
    if (this.settings.pauseReads) this.connection.resume()
    this.schedule()
  }

  private encodeRequest(call: PendingCall): void {
    this.unqueue(call)
    let request = call.request
    if (this.prepare !== undefined) {
      try {
        request = this.prepare(withRecord(request))
      } catch (cause) {
        this.refuse(
          call,
          new HookFailed({ ...refusal(call), detail: `a hook failed: ${describe(cause)}`, cause })
        )
        return
      }
    }
    const settings = this.settings
    const opaque = this.futures.nextOpaque()
    let violation: Violation | undefined
    try {
      violation = encodeFrame(
        this.arena,
        request.code,
        call.oneway ? onewayFlag : 0,
        opaque,
        request.language ?? settings.language,
        request.version ?? settings.version,
        request.remark,
        request.prepared ?? request.extFields ?? noFields,
        request.body,
        request.serialization ?? settings.serialization,
        settings.limits.maxFrameSize
      )
    } catch (cause) {
      // A field that is not what its type says must not take the other requests along.
      this.refuse(call, new InvalidRequest({ ...refusal(call), detail: "the request cannot be encoded", cause }))
      return
    }
    if (violation !== undefined) {
      this.refuse(
        call,
        sizeKinds.has(violation.kind)
          ? new FrameTooLarge({ ...refusal(call), detail: `the request does not fit a frame: ${violation.message}` })
          : new InvalidRequest({ ...refusal(call), detail: `the request cannot be encoded: ${violation.message}` })
      )
      return
    }
    call.stage = Stage.Written
    call.opaque = opaque
    if (call.oneway) this.oneways.push(call)
    else this.calls.add(call)
  }

  /** The request has left the queue already, so it must not be removed from it again. */
  private refuse(call: PendingCall, reason: Reason): void {
    call.table = undefined
    this.futures.fail(call, new RemotingError({ reason }))
  }

  private encodeReply({ opaque, reply }: QueuedReply): void {
    const settings = this.settings
    const encode = (answer: RemotingReply) =>
      encodeFrame(
        this.arena,
        answer.code ?? ResponseCode.SUCCESS,
        responseFlag,
        opaque,
        settings.language,
        settings.version,
        answer.remark,
        answer.extFields ?? noFields,
        answer.body,
        settings.serialization,
        settings.limits.maxFrameSize
      )
    let failure: string | undefined
    try {
      failure = encode(reply)?.message
    } catch (cause) {
      failure = describe(cause)
    }
    if (failure === undefined) return
    // The peer waits for an answer: it gets one that fits.
    encode({ code: ResponseCode.SYSTEM_ERROR, remark: `the response does not fit a frame: ${failure}` })
  }

  private readonly onData = (chunk: Uint8Array): void => {
    this.heard = true
    this.settings.traffic.bytesIn += chunk.length
    const violation = this.parser.push(chunk, this.onCommand)
    if (violation !== undefined) this.violated(violation)
  }

  private readonly onCommand = (command: RemotingCommand): void => {
    this.commands++
    // The flag first: a request of the peer may carry the opaque of one of ours.
    if (!command.isResponse) {
      this.owner.request(this, command)
      return
    }
    const call = this.calls.get(command.opaque)
    if (call === undefined) {
      this.futures.dropped++
      if (command.code === ResponseCode.GO_AWAY) this.owner.goAway(this)
      return
    }
    if (this.observe !== undefined) this.observe(withRecord(call.request), command)
    if (command.code === ResponseCode.GO_AWAY) {
      this.calls.delete(command.opaque)
      call.table = undefined
      call.stage = Stage.Waiting
      call.owner.refused(call, this, command)
      this.checkDrained()
      return
    }
    this.answered = true
    this.futures.succeed(call, command)
  }
}
