/**
 * A TCP load balancer that runs inside the test process, on real sockets, with faults at the turn of a knob.
 *
 * It knows nothing of the bytes it carries: connections are spread over targets by a policy, and each one is copied
 * both ways until both sides have ended it. Back-pressure and half-closed connections pass through. A target that
 * cannot be reached is passed over for the next; when none is left, the client's connection is reset.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Net from "node:net"
import * as Address from "../remoting/Address.ts"

/**
 * How a new connection finds its target.
 *
 * - `roundRobin`: each target in turn, in the order in which they were added.
 * - `random`: evenly, by Effect's `Random`.
 * - `leastConnections`: the target with the fewest open connections; the one added first where several are equal.
 * - `sticky`: a client's IP address keeps its target for as long as that is one; the first choice is round robin. When
 *   the target cannot be reached the connection goes elsewhere, and the next one tries the old target again.
 */
export type Policy = "roundRobin" | "random" | "leastConnections" | "sticky"

/** What a balancer is made of. Addresses are `host:port`, an IPv6 host in brackets: `[::1]:9876`. */
export interface Options {
  /** Where connections go at first. Repeated addresses count once. */
  readonly targets: ReadonlyArray<Address.Address>
  readonly policy: Policy
  /** The address to listen on. Default `127.0.0.1`. */
  readonly host?: string | undefined
  /** The port to listen on. Default 0: one that the system chooses. */
  readonly port?: number | undefined
}

/** A snapshot of what a balancer has done and holds. */
export interface ConnectionCounts {
  /** Connections accepted since the start, the refused ones included. */
  readonly accepted: number
  /** Accepted connections that were reset at once: by the `refuse` fault, or because no target could be reached. */
  readonly refused: number
  /** Connections that exist now, black holes included. */
  readonly open: number
  /** Those by target: every present target, and removed ones while they still have connections. */
  readonly byTarget: ReadonlyMap<Address.Address, number>
}

/**
 * A balancer cannot listen, or was asked for something that makes no sense.
 *
 * `subject` is the address or duration in question.
 */
export class LoadBalancerError extends Schema.TaggedError<LoadBalancerError>(
  "effect-rocketmq/testing/LoadBalancer/LoadBalancerError"
)("LoadBalancerError", {
  reason: Schema.Literals(["ListenFailed", "InvalidAddress", "UnknownTarget", "InvalidDelay"]),
  subject: Schema.String,
  cause: Schema.optionalKey(Schema.Defect())
}) {
  override get message(): string {
    switch (this.reason) {
      case "ListenFailed":
        return `cannot listen on ${this.subject}`
      case "InvalidAddress":
        return `not an address of the form host:port: ${this.subject}`
      case "UnknownTarget":
        return `${this.subject} is not a target, nor has it connections`
      case "InvalidDelay":
        return `not a finite delay: ${this.subject}`
    }
  }
}

/**
 * A running balancer. It ends with the scope it was made in: listener and connections are destroyed.
 *
 * A fault applies to one target, or without an argument to all of them, those added later included. Naming an address
 * that is neither a target nor has connections left is a `LoadBalancerError` with reason `UnknownTarget`.
 */
export interface LoadBalancer {
  /** Where it listens, `host:port`. */
  readonly address: Address.Address
  /** The present targets in the order in which they were added. */
  readonly targets: Effect.Effect<ReadonlyArray<Address.Address>>
  /** How many connections there are and have been. */
  readonly connections: Effect.Effect<ConnectionCounts>
  /** Adds a target at the end of the list; one that is there already stays where it is. */
  readonly addTarget: (target: Address.Address) => Effect.Effect<void, LoadBalancerError>
  /** New connections no longer go to this target; existing ones go on. False when it was none. */
  readonly removeTarget: (target: Address.Address) => Effect.Effect<boolean>
  /**
   * Ends connections with a FIN in both directions. What the balancer still held of them is lost. The system sends a
   * reset in place of the FIN where received bytes have not been read yet.
   */
  readonly closeAll: (target?: Address.Address) => Effect.Effect<void, LoadBalancerError>
  /**
   * Fault: a new connection is accepted by the system and reset at once; the listener stays. With a target: those
   * connections that the policy gives to it, with no attempt at another. Existing connections go on.
   */
  readonly refuse: (target?: Address.Address) => Effect.Effect<void, LoadBalancerError>
  /**
   * Fault: connections, new and existing, stay open while all bytes vanish, either way. The target hears nothing of
   * new ones. An end or a reset of one side is not passed on to the other, so each side sees a half-open peer. A black
   * hole stays one until `closeAll`, `reset` or the end of the scope, since bytes are missing from its stream.
   */
  readonly blackHole: (target?: Address.Address) => Effect.Effect<void, LoadBalancerError>
  /** Fault, once: existing connections are reset (RST), both sides of them. */
  readonly reset: (target?: Address.Address) => Effect.Effect<void, LoadBalancerError>
  /**
   * Fault: every byte and every FIN is delivered so much later than it arrived, in both directions, in order, on new
   * and existing connections. Time is that of Effect's `Clock`. A direction that holds 4 MiB stops reading until some
   * of it is due. A reset is passed on at once. A target's own delay takes the place of the one for all.
   */
  readonly delay: (duration: Duration.Input, target?: Address.Address) => Effect.Effect<void, LoadBalancerError>
  /**
   * Takes back `refuse`, `blackHole` and `delay`: of one target, or without an argument those of every target and those
   * for all. Bytes already delayed still arrive when they were due.
   */
  readonly clear: (target?: Address.Address) => Effect.Effect<void, LoadBalancerError>
}

/**
 * Starts a balancer; fails with `ListenFailed` or `InvalidAddress`. `Clock` and `Random` are taken from the calling
 * fiber once, here.
 */
export const make: (options: Options) => Effect.Effect<LoadBalancer, LoadBalancerError, Scope.Scope> = Effect
  .fnUntraced(
    function*(options) {
      const host = options.host ?? "127.0.0.1"
      const port = options.port ?? 0
      const clock = yield* Clock.Clock
      const random = yield* Random.Random
      const run = Effect.runForkWith(yield* Effect.context<never>())
      const balancer = new Balancer(options.policy, clock, random, run)
      for (const target of options.targets) yield* balancer.addTarget(target)
      yield* Effect.acquireRelease(balancer.listen(host, port), () => balancer.close)
      return {
        address: Address.format(host, balancer.port),
        targets: Effect.sync(() => balancer.listed.map((target) => target.address)),
        connections: Effect.sync(() => balancer.counts()),
        addTarget: (target) => balancer.addTarget(target),
        removeTarget: (target) => Effect.sync(() => balancer.removeTarget(target)),
        closeAll: (target) => balancer.forEachConnection(target, (connection) => connection.close()),
        refuse: (target) =>
          balancer.setFault(target, (faults) => {
            faults.refuse = true
          }),
        blackHole: (target) =>
          balancer.setFault(target, (faults) => {
            faults.blackHole = true
          }).pipe(
            Effect.andThen(balancer.forEachConnection(target, (connection) => connection.turnBlackHole()))
          ),
        reset: (target) => balancer.forEachConnection(target, (connection) => connection.reset()),
        delay: (duration, target) => {
          const nanos = Duration.fromInput(duration).pipe(Option.flatMap(Duration.toNanos))
          if (Option.isNone(nanos)) {
            return Effect.fail(new LoadBalancerError({ reason: "InvalidDelay", subject: String(duration) }))
          }
          return balancer.setFault(target, (faults) => {
            faults.delay = nanos.value
          })
        },
        clear: (target) => balancer.clear(target)
      }
    }
  )

const maxHeldBytes = 4 * 1024 * 1024

interface Faults {
  refuse: boolean
  blackHole: boolean
  delay: bigint | undefined
}

const noFaults = (): Faults => ({ refuse: false, blackHole: false, delay: undefined })

const clearFaults = (faults: Faults): void => {
  Object.assign(faults, noFaults())
}

class Target {
  readonly address: string
  readonly host: string
  readonly port: number
  readonly faults = noFaults()
  readonly connections = new Set<Connection>()
  listed = true

  constructor(address: string, host: string, port: number) {
    this.address = address
    this.host = host
    this.port = port
  }
}

class Balancer {
  readonly clock: Clock.Clock
  readonly run: (effect: Effect.Effect<void>) => Fiber.Fiber<void>
  readonly faults = noFaults()
  readonly connections = new Set<Connection>()
  listed: Array<Target> = []
  private readonly policy: Policy
  private readonly random: Random.Random
  /** The listed targets, and removed ones that still have connections. */
  private readonly byAddress = new Map<string, Target>()
  private readonly stickyTargets = new Map<string, Target>()
  private readonly server: Net.Server
  /** Where the next round begins in `listed`. */
  private next = 0
  private accepted = 0
  private refused = 0
  private closed = false

  constructor(
    policy: Policy,
    clock: Clock.Clock,
    random: Random.Random,
    run: (effect: Effect.Effect<void>) => Fiber.Fiber<void>
  ) {
    this.policy = policy
    this.clock = clock
    this.random = random
    this.run = run
    this.server = Net.createServer(
      { allowHalfOpen: true, noDelay: true, pauseOnConnect: true },
      (client) => this.accept(client)
    )
  }

  listen(host: string, port: number): Effect.Effect<void, LoadBalancerError> {
    return Effect.callback((resume) => {
      const fail = (cause: unknown) =>
        resume(
          Effect.fail(new LoadBalancerError({ reason: "ListenFailed", subject: Address.format(host, port), cause }))
        )
      // Stays attached: a failed accept later on must not end the process.
      this.server.on("error", fail)
      try {
        this.server.listen({ host, port }, () => resume(Effect.void))
      } catch (cause) {
        fail(cause)
      }
    })
  }

  get port(): number {
    const bound = this.server.address()
    return bound !== null && typeof bound === "object" ? bound.port : 0
  }

  readonly close: Effect.Effect<void> = Effect.callback((resume) => {
    this.closed = true
    this.server.close(() => resume(Effect.void))
    for (const connection of this.connections) connection.close()
  })

  addTarget(address: string): Effect.Effect<void, LoadBalancerError> {
    return Effect.suspend(() => {
      const known = this.byAddress.get(address)
      if (known === undefined) {
        const parsed = Address.parse(address)
        if (parsed === undefined) {
          return Effect.fail(new LoadBalancerError({ reason: "InvalidAddress", subject: address }))
        }
        const target = new Target(address, parsed.host, parsed.port)
        this.byAddress.set(address, target)
        this.listed.push(target)
      } else if (!known.listed) {
        known.listed = true
        this.listed.push(known)
      }
      return Effect.void
    })
  }

  removeTarget(address: string): boolean {
    const target = this.byAddress.get(address)
    if (target === undefined || !target.listed) return false
    const index = this.listed.indexOf(target)
    this.listed.splice(index, 1)
    if (index < this.next) this.next--
    target.listed = false
    for (const [client, assigned] of this.stickyTargets) {
      if (assigned === target) this.stickyTargets.delete(client)
    }
    this.forgetIfGone(target)
    return true
  }

  counts(): ConnectionCounts {
    const byTarget = new Map<string, number>()
    for (const target of this.byAddress.values()) byTarget.set(target.address, target.connections.size)
    return { accepted: this.accepted, refused: this.refused, open: this.connections.size, byTarget }
  }

  setFault(address: string | undefined, change: (faults: Faults) => void): Effect.Effect<void, LoadBalancerError> {
    return address === undefined
      ? Effect.sync(() => change(this.faults))
      : this.withTarget(address, (target) => change(target.faults))
  }

  clear(address: string | undefined): Effect.Effect<void, LoadBalancerError> {
    if (address !== undefined) return this.setFault(address, clearFaults)
    return Effect.sync(() => {
      clearFaults(this.faults)
      for (const target of this.byAddress.values()) clearFaults(target.faults)
    })
  }

  forEachConnection(
    address: string | undefined,
    f: (connection: Connection) => void
  ): Effect.Effect<void, LoadBalancerError> {
    return address === undefined
      ? Effect.sync(() => this.connections.forEach(f))
      : this.withTarget(address, (target) => target.connections.forEach(f))
  }

  forgetIfGone(target: Target): void {
    if (!target.listed && target.connections.size === 0) this.byAddress.delete(target.address)
  }

  private withTarget(address: string, f: (target: Target) => void): Effect.Effect<void, LoadBalancerError> {
    return Effect.suspend(() => {
      const target = this.byAddress.get(address)
      if (target === undefined) {
        return Effect.fail(new LoadBalancerError({ reason: "UnknownTarget", subject: address }))
      }
      f(target)
      return Effect.void
    })
  }

  private accept(client: Net.Socket): void {
    // A connection may still come out of the backlog while the listener closes.
    if (this.closed) {
      client.destroy()
      return
    }
    this.accepted++
    this.dial(new Connection(this, client), client.remoteAddress ?? "", new Set())
  }

  private dial(connection: Connection, ip: string, tried: Set<Target>): void {
    const target = this.faults.refuse ? undefined : this.choose(ip, tried)
    if (target === undefined || target.faults.refuse) {
      this.refused++
      connection.reset()
      return
    }
    tried.add(target)
    connection.open(target, () => this.dial(connection, ip, tried))
  }

  private choose(ip: string, tried: ReadonlySet<Target>): Target | undefined {
    switch (this.policy) {
      case "roundRobin":
        return this.chooseInTurn(tried)
      case "random": {
        const left = this.listed.filter((target) => !tried.has(target))
        return left[Math.floor(this.random.nextDoubleUnsafe() * left.length)]
      }
      case "leastConnections": {
        let least: Target | undefined
        for (const target of this.listed) {
          if (tried.has(target)) continue
          if (least === undefined || target.connections.size < least.connections.size) least = target
        }
        return least
      }
      case "sticky": {
        const assigned = this.stickyTargets.get(ip)
        if (assigned !== undefined) return tried.has(assigned) ? this.chooseInTurn(tried) : assigned
        const first = this.chooseInTurn(tried)
        if (first !== undefined) this.stickyTargets.set(ip, first)
        return first
      }
    }
  }

  private chooseInTurn(tried: ReadonlySet<Target>): Target | undefined {
    const count = this.listed.length
    for (let i = 0; i < count; i++) {
      const index = (this.next + i) % count
      const target = this.listed[index]
      if (tried.has(target)) continue
      this.next = (index + 1) % count
      return target
    }
    return undefined
  }
}

/** One accepted connection and its counterpart at the target. */
class Connection {
  private readonly balancer: Balancer
  private readonly client: Net.Socket
  private upstream: Net.Socket | undefined
  private target: Target | undefined
  private toTarget: Direction | undefined
  private toClient: Direction | undefined
  private blackHole = false

  constructor(balancer: Balancer, client: Net.Socket) {
    this.balancer = balancer
    this.client = client
    balancer.connections.add(this)
    client.on("error", ignore)
    client.once("close", (hadError: boolean) => this.sideClosed(this.upstream, hadError))
  }

  open(target: Target, onUnreachable: () => void): void {
    this.target = target
    target.connections.add(this)
    if (this.balancer.faults.blackHole || target.faults.blackHole) {
      this.turnBlackHole()
      return
    }
    const upstream = Net.connect({ host: target.host, port: target.port, allowHalfOpen: true, noDelay: true })
    this.upstream = upstream
    const whileDialling = () => {
      this.upstream = undefined
      this.leaveTarget()
      onUnreachable()
    }
    upstream.once("error", whileDialling)
    upstream.once("connect", () => {
      upstream.off("error", whileDialling)
      upstream.on("error", ignore)
      upstream.once("close", (hadError: boolean) => this.sideClosed(this.client, hadError))
      this.toTarget = new Direction(this.balancer, target, this.client, upstream)
      this.toClient = new Direction(this.balancer, target, upstream, this.client)
      this.client.resume()
    })
  }

  turnBlackHole(): void {
    this.blackHole = true
    this.toTarget?.stop()
    this.toClient?.stop()
    if (this.upstream?.connecting === true) this.dropUpstream()
    this.client.resume()
    this.upstream?.resume()
  }

  close(): void {
    this.toTarget?.stop()
    this.toClient?.stop()
    this.client.destroy()
    if (this.upstream?.connecting === true) this.dropUpstream()
    else this.upstream?.destroy()
    this.leaveIfOver()
  }

  reset(): void {
    this.toTarget?.stop()
    this.toClient?.stop()
    resetSocket(this.client)
    if (this.upstream?.connecting === true) this.dropUpstream()
    else resetSocket(this.upstream)
    this.leaveIfOver()
  }

  private dropUpstream(): void {
    this.upstream?.destroy()
    this.upstream = undefined
  }

  /** A side closes without an error once it has ended both ways; the other side then ends by what it is still sent. */
  private sideClosed(other: Net.Socket | undefined, hadError: boolean): void {
    if (other?.connecting === true) this.dropUpstream()
    else if (hadError && !this.blackHole) {
      this.toTarget?.stop()
      this.toClient?.stop()
      resetSocket(other)
    }
    this.leaveIfOver()
  }

  private leaveIfOver(): void {
    if (this.client.destroyed && (this.upstream === undefined || this.upstream.destroyed)) {
      this.balancer.connections.delete(this)
      this.leaveTarget()
    }
  }

  private leaveTarget(): void {
    if (this.target === undefined) return
    this.target.connections.delete(this)
    this.balancer.forgetIfGone(this.target)
    this.target = undefined
  }
}

/** What arrived and is not due yet, or comes after something that is not; without a chunk it is the stream's end. */
interface Held {
  readonly due: bigint
  readonly chunk: Buffer | undefined
}

/** One of a connection's two directions. */
class Direction {
  private readonly balancer: Balancer
  private readonly target: Target
  private readonly from: Net.Socket
  private readonly to: Net.Socket
  private readonly held: Array<Held> = []
  private heldBytes = 0
  private blocked = false
  private stopped = false
  private releasing = false
  private releaser: Fiber.Fiber<void> | undefined

  constructor(balancer: Balancer, target: Target, from: Net.Socket, to: Net.Socket) {
    this.balancer = balancer
    this.target = target
    this.from = from
    this.to = to
    from.on("data", (chunk) => this.arrived(chunk))
    from.once("end", () => this.arrived(undefined))
    to.on("drain", () => this.unblocked())
  }

  /** What is held and what still arrives vanishes. */
  stop(): void {
    this.stopped = true
    this.held.length = 0
    this.heldBytes = 0
    if (this.releasing) this.releaser?.interruptUnsafe()
  }

  private arrived(chunk: Buffer | undefined): void {
    if (this.stopped) return
    const delay = this.target.faults.delay ?? this.balancer.faults.delay ?? 0n
    if (delay <= 0n && this.held.length === 0) {
      this.deliver(chunk)
      return
    }
    this.held.push({ due: this.balancer.clock.monotonicTimeNanosUnsafe() + delay, chunk })
    this.heldBytes += chunk?.length ?? 0
    if (this.heldBytes >= maxHeldBytes) this.from.pause()
    this.release()
  }

  private deliver(chunk: Buffer | undefined): void {
    if (chunk === undefined) {
      this.to.end()
    } else if (!this.to.write(chunk)) {
      this.blocked = true
      this.from.pause()
    }
  }

  private unblocked(): void {
    if (this.stopped) return
    this.blocked = false
    this.release()
    this.resumeReading()
  }

  private resumeReading(): void {
    if (!this.blocked && this.heldBytes < maxHeldBytes) this.from.resume()
  }

  private release(): void {
    if (this.releasing || this.blocked || this.held.length === 0) return
    this.releasing = true
    this.releaser = this.balancer.run(this.releaseAll)
  }

  private readonly releaseAll: Effect.Effect<void> = Effect.suspend(() => {
    const clock = this.balancer.clock
    while (!this.blocked && this.held.length > 0) {
      const wait = this.held[0].due - clock.monotonicTimeNanosUnsafe()
      if (wait > 0n) return Effect.flatMap(clock.sleep(Duration.nanos(wait)), () => this.releaseAll)
      const { chunk } = this.held.shift()!
      this.heldBytes -= chunk?.length ?? 0
      this.deliver(chunk)
      this.resumeReading()
    }
    this.releasing = false
    return Effect.void
  })
}

/** An error event is always followed by a close event, which is where errors are dealt with. */
const ignore = () => {}

const resetSocket = (socket: Net.Socket | undefined): void => {
  if (socket !== undefined && !socket.destroyed) socket.resetAndDestroy()
}
