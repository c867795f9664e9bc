/**
 * One address: its current channel, those that drain, and those who wait.
 *
 * A GO_AWAY or a broken connection is answered by one supervised fiber, owned
 * by the client's scope and never by a caller. It dials, validates and only
 * then lets requests flow. Everything that decides about requests is plain
 * code that runs in one turn, so no request is ever between two states.
 */
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Pull from "effect/Pull"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import type { RemotingCommand } from "../protocol/RemotingCommand.ts"
import { RequestCode } from "../protocol/RequestCode.ts"
import type { Address } from "./Address.ts"
import { parse } from "./Address.ts"
import type { ChannelEvent, ChannelEventType, LinkState, LinkStatus } from "./ChannelEvent.ts"
import { describe } from "./Describe.ts"
import type { Fork } from "./Fibers.ts"
import type { DirectCalls } from "./internal/directCalls.ts"
import * as Failures from "./internal/failures.ts"
import type { Handlers } from "./internal/handlers.ts"
import { tendFrame, tendTraffic } from "./internal/housekeeping.ts"
import type { CallOwner, CallTable, PendingCall, RetryStep } from "./internal/pendingCall.ts"
import { Stage } from "./internal/pendingCall.ts"
import type { Policy, ReconnectionPolicies } from "./Reconnection.ts"
import type { ChannelOwner, ChannelSettings, Observe, Prepare } from "./RemotingChannel.ts"
import { RemotingChannel } from "./RemotingChannel.ts"
import type { Reason } from "./RemotingError.ts"
import {
  ConnectFailed,
  CredentialsFailed,
  GoAway,
  InvalidAddress,
  RegistrationFailed,
  RemotingError,
  ShuttingDown,
  TlsFailed,
  worst
} from "./RemotingError.ts"
import type { Peer } from "./RemotingHandler.ts"
import type { Futures } from "./ResponseFutures.ts"
import type { Connection, DialError, Transport } from "./Transport.ts"

/** Runs on each fresh channel before anything else flows there. A failure ends that channel. */
export type Registration = (channel: Peer) => Effect.Effect<unknown, unknown>

/** Counts for metrics. */
export interface LinkCounters {
  goAways: number
  swaps: number
  hops: number
  replays: number
  redials: number
}

/** Durations in milliseconds. */
export interface LinkTimes {
  readonly connect: number
  readonly registration: number
  readonly probeAfter: number
  readonly probe: number
  readonly idle: number
  readonly frame: number
}

/** What a link needs of its client. */
export interface LinkHost {
  readonly futures: Futures
  readonly transport: Transport["Service"]
  readonly policies: ReconnectionPolicies
  readonly settings: ChannelSettings
  readonly handlers: Handlers
  readonly direct: DirectCalls
  /** The registrations that apply to an address at this moment, in the order in which they were given. */
  readonly registrationsOf: (address: Address) => ReadonlyArray<Registration>
  readonly times: LinkTimes
  readonly counters: LinkCounters
  readonly scope: Scope.Scope
  readonly fork: Fork
  readonly emit: (event: ChannelEvent) => void
  readonly mapAddress: (address: Address) => Effect.Effect<Address, unknown>
  /** Hooks and signature for a fresh channel; the credentials are asked for anew. */
  readonly preparation: (address: Address, connection: Connection) => Effect.Effect<Prepare | undefined, unknown>
  readonly observation: (address: Address) => Observe | undefined
  readonly repeatable: (code: number) => boolean
  readonly nextChannelId: () => string
  readonly closing: () => boolean
}

/** Why a link dials. */
type Trigger = "demand" | "goAway" | "broken"

/** A channel that lived this long and answered something ends an outage. */
const healthyMillis = 1_000

/** An address that was bad this long ago may be good again. */
const avoidMillis = 30_000

/** How long a closed connection may take to send its last bytes. */
const lingerMillis = 1_000

/** No dial gets less time than this, or one slow SYN would fail them all. */
const minDialMillis = 250

const newStep = (policy: Policy): Effect.Effect<RetryStep> => Schedule.toStepWithSleep(policy)

/** Sleeps for one step of a policy. `false`: the policy is done. */
const stepped = (step: RetryStep, error: RemotingError): Effect.Effect<boolean> =>
  Pull.matchEffect(step(error), {
    onSuccess: () => Effect.succeed(true),
    onDone: () => Effect.succeed(false),
    onFailure: () => Effect.succeed(false)
  })

export class RemotingLink implements CallTable, CallOwner, ChannelOwner {
  readonly address: Address
  current: RemotingChannel | undefined = undefined
  private readonly host: LinkHost
  private readonly waiting = new Set<PendingCall>()
  private waitingBytes = 0
  /** Repeatable calls whose connection broke and whose schedule has not come to the next attempt. */
  private readonly repeating = new Set<PendingCall>()
  private readonly drainingChannels = new Set<RemotingChannel>()
  private readonly scopes = new Map<RemotingChannel, Scope.Closeable>()
  private readonly avoid = new Map<string, number>()
  private validating: RemotingChannel | undefined = undefined
  private endValidation: () => void = () => {}
  private status: LinkStatus = "Idle"
  private generation: number
  /** Generation of the last channel that was active, for `Reconnected`. */
  private activeGeneration = 0
  private trigger: Trigger = "demand"
  /** The last channel that was active ended by GO_AWAY. */
  private wentAway = false
  /** The last dial got as far as a registration, which was answered with GO_AWAY. */
  private turnedAway = false
  /** Why the address is down; `undefined` while it is not known to be. */
  private failure: Reason | undefined = undefined
  /** When a connection ended or was last tried: what is known of the address dates from then. */
  private knownAt = -Infinity
  private used = true
  private lastUsed = 0
  private connecting = false
  /** Somebody who did not wait wants to know whether the address is back. */
  private scouting = false
  private goAwayStep: RetryStep | undefined = undefined
  private reconnectStep: RetryStep | undefined = undefined
  private lastEvent: ChannelEvent | undefined = undefined

  /** @param generation the one before the first of this link */
  constructor(host: LinkHost, address: Address, generation: number) {
    this.host = host
    this.address = address
    this.generation = generation
  }

  // --- requests -------------------------------------------------------------

  /** Takes a new call. Those that wait for a channel may not hold more bytes than one that does not take them. */
  submit(call: PendingCall): void {
    const { maxUnsentBytes } = this.host.settings
    if (this.current === undefined && this.waitingBytes + call.size > maxUnsentBytes) {
      this.host.futures.fail(call, Failures.tooMany(call, maxUnsentBytes, "unsent bytes"))
    } else this.send(call)
  }

  /** Writes a call to the current channel, or lets it wait for one. */
  private send(call: PendingCall): void {
    const channel = this.current
    if (channel === undefined) {
      this.used = true
      this.park(call)
      return
    }
    if (call.hops > 0) this.host.counters.replays++
    if (!channel.send(call)) {
      this.host.futures.fail(call, Failures.tooMany(call, this.host.settings.maxUnsentBytes, "unsent bytes"))
    }
  }

  private park(call: PendingCall): void {
    const { futures } = this.host
    if (this.host.closing()) {
      futures.fail(call, Failures.shuttingDown(call))
      return
    }
    if (call.options.failFast && !this.isStale()) {
      const error = this.failure === undefined ? this.unwelcome(call) : Failures.unavailable(call, this.failure)
      if (error !== undefined) {
        futures.fail(call, error)
        this.scouting = true
        this.connect()
        return
      }
    }
    call.stage = Stage.Waiting
    call.table = this
    this.waiting.add(call)
    this.waitingBytes += call.size
    this.connect()
  }

  /** What a call that can go elsewhere fails with while the servers of the address send registrations away. */
  private unwelcome(call: PendingCall): RemotingError | undefined {
    return this.turnedAway && call.options.goAwayHops === 0
      ? Failures.goAway(call, "the server answered GO_AWAY to a registration", this.failure)
      : undefined
  }

  has(): boolean {
    return false
  }

  remove(call: PendingCall): void {
    if (this.waiting.delete(call)) this.waitingBytes -= call.size
    else this.repeating.delete(call)
  }

  refused(call: PendingCall, channel: RemotingChannel, _response: RemotingCommand): void {
    const { counters, futures, policies } = this.host
    counters.goAways++
    call.hops++
    call.outcome = worst(call.outcome, "NotProcessed")
    if (!policies.goAwayEnabled) {
      futures.fail(call, Failures.goAway(call, "the server answered GO_AWAY, and moving requests is switched off"))
      return
    }
    this.goAwaySeen(channel)
    if (!policies.replay(call.request.code)) {
      futures.fail(call, Failures.goAway(call, "the server answered GO_AWAY, and the policy does not replay this code"))
    } else if (call.hops > call.options.goAwayHops) {
      futures.fail(call, Failures.goAway(call, `${call.hops} connections answered GO_AWAY`))
    } else this.send(call)
  }

  lost(call: PendingCall, reason: Reason): void {
    const { futures } = this.host
    if (this.host.closing()) {
      futures.fail(call, Failures.closed(call, reason))
      return
    }
    if (call.stage !== Stage.Written) {
      call.stage = Stage.Waiting
      this.send(call)
      return
    }
    const error = Failures.closed(call, reason)
    if (call.oneway || !(call.options.repeatable ?? this.host.repeatable(call.request.code))) {
      futures.fail(call, error)
      return
    }
    call.outcome = "Unknown"
    call.stage = Stage.Waiting
    call.table = this
    this.repeating.add(call)
    this.host.fork(this.repeat(call, error))
  }

  /** Sends a repeatable call again when its schedule says so. */
  private repeat(call: PendingCall, error: RemotingError): Effect.Effect<void> {
    const known = call.retry === undefined ? newStep(this.host.policies.retryUnknown) : Effect.succeed(call.retry)
    return known.pipe(
      Effect.flatMap((step) => {
        call.retry = step
        return stepped(step, error)
      }),
      Effect.map((again) => {
        if (!this.repeating.delete(call)) return
        if (again) this.send(call)
        else this.host.futures.fail(call, error)
      })
    )
  }

  expired(call: PendingCall): RemotingError {
    const millis = call.options.timeoutMillis
    if (call.stage === Stage.Written) return Failures.timeout(call, `no answer in ${millis} ms`)
    if (call.outcome === "Unknown") {
      return Failures.timeout(call, `its connection broke, and it could not be repeated in ${millis} ms`, this.failure)
    }
    if (call.hops > 0) {
      return Failures.goAway(
        call,
        `no server took it in ${millis} ms; ${call.hops} connections answered GO_AWAY`,
        this.failure
      )
    }
    if (this.turnedAway) {
      return Failures.goAway(
        call,
        `no connection in ${millis} ms; the registrations were answered with GO_AWAY`,
        this.failure
      )
    }
    if (call.stage === Stage.Queued) {
      return Failures.timeout(call, `the connection did not take it in ${millis} ms`)
    }
    return this.failure === undefined
      ? Failures.timeout(call, `no connection in ${millis} ms`)
      : Failures.unavailable(call, this.failure)
  }

  // --- channels -------------------------------------------------------------

  request(channel: RemotingChannel, command: RemotingCommand): void {
    const { direct, handlers } = this.host
    const registered = handlers.find(command.code)
    if (registered === undefined) {
      if (!command.isOneway) channel.reply(command.opaque, handlers.unsupported(command.code))
      return
    }
    handlers.run(registered, channel, command, direct.peer(channel))
  }

  goAway(channel: RemotingChannel): void {
    if (this.host.policies.goAwayEnabled) this.goAwaySeen(channel)
  }

  drained(channel: RemotingChannel): void {
    // Make before break: the server must not see the client go before it has
    // come back. When the swap has ended, this is asked again.
    if (this.connecting) return
    channel.finish(channel.closedReason("everything on it was answered"))
  }

  closed(channel: RemotingChannel, reason: Reason): void {
    this.host.handlers.closed(channel)
    this.release(channel)
    // The dial that made it tells its story, unless it is not to go on.
    if (channel === this.validating) {
      this.endValidation()
      if (this.host.closing()) this.tell("Close", channel, reason.detail)
      return
    }
    if (this.drainingChannels.delete(channel)) {
      this.tellEnd(channel, reason)
      return
    }
    if (channel !== this.current) return
    this.current = undefined
    this.status = "Idle"
    this.wentAway = false
    this.healthCheck(channel)
    if (!this.host.closing()) {
      this.trigger = "broken"
      this.failure = reason
      this.knownAt = this.host.futures.now()
      this.shun(channel)
    }
    this.tellEnd(channel, reason)
    this.connect()
  }

  private tellEnd(channel: RemotingChannel, reason: Reason): void {
    if (reason._tag !== "ShuttingDown" && (reason._tag !== "ChannelClosed" || reason.cause !== undefined)) {
      this.tell("Exception", channel, reason.detail, reason.cause ?? reason)
    }
    this.tell("Close", channel, reason.detail, reason.cause)
  }

  /** The first GO_AWAY retires a channel: nothing new is written to it. */
  goAwaySeen(channel: RemotingChannel): void {
    if (channel === this.validating) {
      // Whatever the registrations make of it, this channel is no good.
      channel.retire(this)
      this.endValidation()
      return
    }
    if (channel !== this.current) return
    this.current = undefined
    this.status = "Idle"
    this.wentAway = true
    this.healthCheck(channel)
    this.trigger = "goAway"
    this.knownAt = this.host.futures.now()
    this.shun(channel)
    this.drainingChannels.add(channel)
    this.tell("GoAway", channel, "its server answered GO_AWAY")
    const unwritten = channel.retire(this)
    this.tell("Draining", channel, `${channel.inFlight} requests in flight finish on it`)
    for (const call of unwritten) this.send(call)
    this.connect()
  }

  /** Looks after silent, unused and stuck channels. Called twice a second. */
  tend(now: number): void {
    const { times } = this.host
    for (const channel of [this.current, this.validating, ...this.drainingChannels]) {
      if (channel !== undefined) tendFrame(channel, now, times.frame)
    }
    for (const channel of [...this.drainingChannels]) {
      tendTraffic(channel, now)
      // Requests have deadlines; handlers and answers that nobody reads have none.
      if (channel.pending === 0 && now - channel.lastHeard >= times.idle) {
        channel.end(channel.closedReason(`it was to drain, and was silent for ${times.idle} ms`))
      }
    }
    if (this.used || this.current !== undefined) {
      this.used = false
      this.lastUsed = now
    }
    const channel = this.current
    if (channel === undefined) return
    tendTraffic(channel, now)
    const registered = this.registered
    if (!registered && now - channel.lastUsed >= times.idle) {
      this.current = undefined
      this.status = "Idle"
      this.wentAway = false
      this.drainingChannels.add(channel)
      this.tell("Idle", channel, `unused for ${times.idle} ms`)
      channel.retire(this)
      channel.checkDrained()
      return
    }
    if (!channel.probing && now - channel.lastHeard >= times.probeAfter && (registered || channel.pending > 0)) {
      this.probe(channel)
    }
  }

  /** Whether nothing is left that this link would be needed for: what it knows of the address is stale too. */
  forgettable(now: number): boolean {
    return this.current === undefined && this.waiting.size === 0 && this.repeating.size === 0 &&
      this.drainingChannels.size === 0 && !this.connecting && now - this.lastUsed >= this.host.times.idle
  }

  /** A hook that looks at answers threw. */
  hookFailed(cause: unknown): void {
    this.emit("Exception", this.current?.id ?? "", this.generation, `a hook failed: ${describe(cause)}`, cause)
  }

  /**
   * Runs the registrations again, on the channel that is open and beside what
   * flows on it. Where there is none, one is dialled, and they run there first.
   */
  revalidate(): Effect.Effect<void, unknown> {
    const registrations = this.host.registrationsOf(this.address)
    const channel = this.current
    if (channel === undefined || registrations.length === 0) {
      this.connect()
      return Effect.void
    }
    return this.register(channel, registrations, Effect.never)
  }

  /** Settles everything, closes everything. */
  shutdown(): void {
    // First those who wait: what becomes of a registration is not their concern any more.
    for (const call of [...this.waiting, ...this.repeating]) this.host.futures.fail(call, Failures.shuttingDown(call))
    const reason = this.shuttingDown()
    for (const channel of [this.current, this.validating, ...this.drainingChannels]) channel?.end(reason)
  }

  state(): LinkState {
    return {
      address: this.address,
      status: this.status,
      generation: this.generation,
      channelId: this.current?.id,
      waiting: this.waiting.size + this.repeating.size,
      inFlight: this.current?.inFlight ?? 0,
      draining: this.drainingChannels.size,
      lastEvent: this.lastEvent
    }
  }

  private probe(channel: RemotingChannel): void {
    const millis = this.host.times.probe
    const { lastHeard } = channel
    channel.probing = true
    // Any answer is life, an error code too; an empty heartbeat registers nothing.
    this.host.direct.start(channel, { code: RequestCode.HEART_BEAT }, millis, (exit) => {
      channel.probing = false
      // Something else may have come meanwhile.
      if (Exit.isSuccess(exit) || channel.closed || channel.heard || channel.lastHeard !== lastHeard) return
      const cause = Cause.squash(exit.cause)
      // The probe may have failed before it was sent: in a hook, or for the bytes that wait.
      if (!(cause instanceof RemotingError) || cause.reason._tag !== "Timeout") return
      channel.end(channel.closedReason(`the peer is dead: it did not answer a probe in ${millis} ms`, cause.reason))
    })
  }

  /** A channel that worked for a while ends the outage: the back-offs start anew. */
  private healthCheck(channel: RemotingChannel): void {
    if (channel.answered && this.host.futures.now() - channel.since >= healthyMillis) {
      this.goAwayStep = undefined
      this.reconnectStep = undefined
    }
  }

  /** Prefers other records of the name for a while. */
  private shun(channel: RemotingChannel): void {
    const ip = parse(channel.connection.remote)?.host
    if (ip !== undefined) this.avoid.set(ip, this.host.futures.now() + avoidMillis)
  }

  private shunned(): ReadonlySet<string> {
    const now = this.host.futures.now()
    for (const [ip, until] of this.avoid) if (until <= now) this.avoid.delete(ip)
    return new Set(this.avoid.keys())
  }

  private release(channel: RemotingChannel): void {
    const scope = this.scopes.get(channel)
    if (scope === undefined) return
    this.scopes.delete(channel)
    const close = Scope.close(scope, Exit.void)
    // What was written must be able to leave before the connection is destroyed.
    this.host.fork(channel.endedGracefully ? Effect.delay(close, lingerMillis) : close)
  }

  private tell(type: ChannelEventType, channel: RemotingChannel, reason: string, cause?: unknown): void {
    this.emit(type, channel.id, channel.generation, reason, cause)
  }

  private emit(type: ChannelEventType, channelId: string, generation: number, reason: string, cause?: unknown): void {
    this.lastEvent = {
      type,
      address: this.address,
      channelId,
      generation,
      reason,
      ...(cause === undefined ? {} : { cause })
    }
    this.host.emit(this.lastEvent)
  }

  // --- the supervised swap --------------------------------------------------

  /** Whether the address is to stay connected. */
  private get registered(): boolean {
    return this.host.registrationsOf(this.address).length > 0
  }

  /** Whether a connection is worth having. */
  private get needed(): boolean {
    return this.waiting.size > 0 || this.scouting || this.registered
  }

  /** Starts the one fiber that gets a channel, unless it runs or nobody needs one. */
  private connect(): void {
    if (this.connecting || this.current !== undefined || this.host.closing() || !this.needed) return
    this.connecting = true
    this.host.fork(
      Effect.onExit(this.supervise, (exit) =>
        Effect.sync(() => {
          this.connecting = false
          if (this.host.closing()) return
          for (const channel of [...this.drainingChannels]) channel.checkDrained()
          if (Exit.isFailure(exit)) {
            this.giveUp(
              new ConnectFailed({
                address: this.address,
                outcome: "NotSent",
                detail: "the supervision of the address failed",
                cause: exit.cause
              })
            )
          }
          // Somebody who was told that it ended may have asked again already.
          if (this.waiting.size > 0 || this.scouting || this.trigger !== "demand") this.connect()
        }))
    )
  }

  /** Dials until a channel is active, the policy gives up, or nobody needs it. */
  private readonly supervise: Effect.Effect<void> = Effect.gen({ self: this as RemotingLink }, function*() {
    let error: Reason | undefined = this.failure
    for (let first = true; this.needed; first = false) {
      if (!this.isStale() && (this.trigger !== "demand" || error !== undefined)) {
        const hop = this.trigger === "goAway" && (first || error?._tag === "GoAway")
        if (!(yield* this.step(hop, error))) {
          this.giveUp(error ?? this.goAwayReason())
          return
        }
        // Everybody may have given up meanwhile.
        if (!this.needed) break
        if (hop) this.host.counters.hops++
        else this.host.counters.redials++
      }
      this.scouting = false
      this.knownAt = this.host.futures.now()
      error = yield* this.attempt
      if (error === undefined || this.host.closing()) return
      this.turnedAway = error._tag === "GoAway"
      if (this.turnedAway) {
        this.trigger = "goAway"
        for (const call of [...this.waiting]) {
          const unwelcome = call.options.failFast ? this.unwelcome(call) : undefined
          if (unwelcome !== undefined) this.host.futures.fail(call, unwelcome)
        }
      } else {
        if (this.trigger === "goAway") this.trigger = "broken"
        this.failure = error
        this.status = "Down"
        for (const call of [...this.waiting]) {
          if (call.options.failFast) this.host.futures.fail(call, Failures.unavailable(call, error))
        }
      }
    }
    this.status = this.failure === undefined ? "Idle" : "Down"
  })

  private isStale(): boolean {
    return this.host.futures.now() - this.knownAt >= avoidMillis
  }

  private shuttingDown(): ShuttingDown {
    return new ShuttingDown({ address: this.address, outcome: "Unknown", detail: "the client is closing" })
  }

  private goAwayReason(): GoAway {
    return new GoAway({
      address: this.address,
      outcome: "NotProcessed",
      hops: 1,
      detail: "the server answered GO_AWAY"
    })
  }

  /** Waits as the policy says. `false`: it says to give up. */
  private step(hop: boolean, error: Reason | undefined): Effect.Effect<boolean> {
    const input = new RemotingError({ reason: error ?? this.goAwayReason() })
    const run = (step: RetryStep) => stepped(step, input)
    if (hop) {
      if (this.goAwayStep !== undefined) return run(this.goAwayStep)
      return Effect.flatMap(newStep(this.host.policies.goAway), (step) => run(this.goAwayStep = step))
    }
    if (this.reconnectStep !== undefined) return run(this.reconnectStep)
    return Effect.flatMap(newStep(this.host.policies.reconnect), (step) => run(this.reconnectStep = step))
  }

  /** The policy is done: those who wait learn why. The next request starts anew. */
  private giveUp(reason: Reason): void {
    this.goAwayStep = undefined
    this.reconnectStep = undefined
    this.trigger = "demand"
    this.scouting = false
    this.status = "Down"
    const { futures } = this.host
    for (const call of [...this.waiting]) {
      futures.fail(
        call,
        call.hops > 0 || reason._tag === "GoAway"
          ? Failures.goAway(call, `the go-away policy gave up after ${call.hops} connections`, this.failure)
          : Failures.unavailable(call, reason)
      )
    }
  }

  /** One dial with its validation. Returns why it did not lead to an active channel. */
  private readonly attempt: Effect.Effect<Reason | undefined> = Effect.gen({ self: this as RemotingLink }, function*() {
    const id = this.host.nextChannelId()
    const generation = ++this.generation
    this.status = "Connecting"
    const scope = yield* Scope.fork(this.host.scope)
    const connected = yield* Effect.result(Scope.provide(this.dial(id, generation), scope))
    if (connected._tag === "Failure") {
      yield* Scope.close(scope, Exit.void)
      const reason = connected.failure
      if (!this.host.closing()) this.emit("Exception", id, generation, reason.detail, reason.cause ?? reason)
      return reason
    }
    const channel = connected.success
    this.scopes.set(channel, scope)
    if (this.host.closing()) {
      channel.end(this.shuttingDown())
      return this.shuttingDown()
    }
    this.validating = channel
    channel.start()
    this.tell("Connect", channel, `connected to ${channel.connection.remote}`)
    const registrations = this.host.registrationsOf(this.address)
    const failure = registrations.length === 0 ? undefined : yield* this.validate(channel, registrations)
    this.validating = undefined
    if (this.host.closing()) return this.shuttingDown()
    const refusal = channel.draining ? this.goAwayReason() : failure
    if (refusal !== undefined || channel.closed) {
      return this.discard(channel, refusal)
    }
    this.activate(channel, registrations.length > 0)
    return undefined
  })

  private discard(channel: RemotingChannel, refusal: Reason | undefined): Reason {
    const reason = refusal ?? channel.closedReason("the peer closed the fresh connection")
    this.shun(channel)
    if (reason._tag === "GoAway") this.tell("GoAway", channel, "its server answered GO_AWAY to a registration")
    else this.tell("Exception", channel, reason.detail, reason.cause ?? reason)
    if (channel.closed) this.tell("Close", channel, reason.detail)
    else {
      this.drainingChannels.add(channel)
      channel.retire(this)
      channel.finish(channel.closedReason(reason.detail))
    }
    return reason
  }

  private activate(channel: RemotingChannel, registered: boolean): void {
    const previous = this.activeGeneration
    this.current = channel
    this.activeGeneration = channel.generation
    this.status = "Active"
    this.failure = undefined
    this.turnedAway = false
    this.trigger = "demand"
    this.tell("Active", channel, registered ? "its registrations are answered" : "connected")
    if (previous > 0) {
      if (this.wentAway) this.host.counters.swaps++
      this.tell(
        "Reconnected",
        channel,
        `takes the place of generation ${previous} ${this.wentAway ? "after GO_AWAY" : "after its connection ended"}`
      )
    }
    const calls = [...this.waiting].sort((left, right) => left.sequence - right.sequence)
    this.waiting.clear()
    this.waitingBytes = 0
    for (const call of calls) if (call.stage !== Stage.Settled) this.send(call)
  }

  private validate(
    channel: RemotingChannel,
    registrations: ReadonlyArray<Registration>
  ): Effect.Effect<Reason | undefined> {
    this.status = "Validating"
    // Nobody waits for registrations on a channel that has become useless.
    const useless = Effect.callback<never, Error>((resume) => {
      this.endValidation = () => resume(Effect.fail(new Error("the connection ended")))
    })
    return this.register(channel, registrations, useless).pipe(
      Effect.as(undefined),
      Effect.catchCause((failure) => {
        const cause = Cause.squash(failure)
        return Effect.succeed(
          new RegistrationFailed({
            address: this.address,
            outcome: "NotSent",
            detail: `the registration on the fresh connection failed: ${describe(cause)}`,
            cause
          })
        )
      })
    )
  }

  /** Runs registrations on a channel, until `ended` fails or their time is up. */
  private register(
    channel: RemotingChannel,
    registrations: ReadonlyArray<Registration>,
    ended: Effect.Effect<never, unknown>
  ): Effect.Effect<void, unknown> {
    const millis = this.host.times.registration
    const peer = this.host.direct.vitalPeer(channel)
    return Effect.forEach(registrations, (register) => register(peer), { discard: true }).pipe(
      Effect.raceFirst(ended),
      Effect.timeoutOrElse({
        duration: Duration.millis(millis),
        orElse: () => Effect.fail(new Error(`it took longer than ${millis} ms`))
      })
    )
  }

  private readonly dial = (id: string, generation: number): Effect.Effect<RemotingChannel, Reason, Scope.Scope> => {
    const fields = { address: this.address, outcome: "NotSent" as const }
    const { host } = this
    return Effect.gen({ self: this as RemotingLink }, function*() {
      const mapped = yield* Effect.mapError(
        Effect.catchDefect(host.mapAddress(this.address), Effect.fail),
        (cause) =>
          new ConnectFailed({ ...fields, detail: `the address could not be mapped: ${describe(cause)}`, cause })
      )
      const target = parse(mapped)
      if (target === undefined) {
        return yield* Effect.fail<Reason>(
          new InvalidAddress({ ...fields, detail: `${JSON.stringify(mapped)} is not host:port` })
        )
      }
      const connection = yield* Effect.mapError(
        host.transport.connect({ ...target, avoid: this.shunned(), timeoutMillis: this.dialMillis() }),
        (error: DialError): Reason => {
          if (error.ip !== undefined) this.avoid.set(error.ip, host.futures.now() + avoidMillis)
          const reason = {
            ...fields,
            detail: error.detail,
            ...(error.cause === undefined ? {} : { cause: error.cause })
          }
          return error.kind === "Tls" ? new TlsFailed(reason) : new ConnectFailed(reason)
        }
      )
      const prepare = yield* Effect.mapError(
        Effect.catchDefect(host.preparation(this.address, connection), Effect.fail),
        (cause) => new CredentialsFailed({ ...fields, detail: `no credentials: ${describe(cause)}`, cause })
      )
      const channel = new RemotingChannel(id, this.address, generation, connection, host.settings, host.futures, this)
      channel.prepare = prepare
      channel.observe = host.observation(this.address)
      return channel
    })
  }

  /** Half of what the most patient caller has left, so that one dial does not use up everybody's time. */
  private dialMillis(): number {
    let longest = -Infinity
    for (const call of this.waiting) longest = Math.max(longest, call.deadline)
    const configured = this.host.times.connect
    if (longest === -Infinity) return configured
    return Math.min(configured, Math.max(minDialMillis, (longest - this.host.futures.now()) / 2))
  }
}
