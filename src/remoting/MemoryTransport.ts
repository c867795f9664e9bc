/**
 * A network in memory: no ports, no sockets, and under `TestClock` no time
 * passes that the test does not let pass. Bytes are handed over as tasks of
 * Effect's scheduler, which is what `TestClock.adjust` waits for;
 * `node:stream`'s pairs deliver outside it.
 */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import * as Scheduler from "effect/Scheduler"
import type * as Scope from "effect/Scope"
import { format } from "./Address.ts"
import { ListenFailed } from "./RemotingError.ts"
import type { Connection, ConnectionHandler } from "./Transport.ts"
import { DialError, Transport } from "./Transport.ts"

/**
 * What the network does to an address:
 *
 * - `refuse`: dials are refused; open connections go on.
 * - `blackHole`: dials hang, and bytes of open connections vanish both ways,
 *   as behind a firewall that drops packets.
 */
export type Fault = "refuse" | "blackHole"

/** Which of several servers behind one address the next connection goes to. `undefined` refuses it. */
export type Pick = "roundRobin" | "random" | ((targets: ReadonlyArray<string>) => string | undefined)

/** What the network does to every connection. */
export interface NetworkOptions {
  /** How long bytes travel, one way. Default: no time. */
  readonly latency?: Duration.Input | undefined
  /** How long a dial takes. Default: no time. */
  readonly connectLatency?: Duration.Input | undefined
  /** Bytes that may be under way in one direction before the sender is pushed back. Default: 1 MiB. */
  readonly window?: number | undefined
  /** Cuts the stream into chunks of 1 to so many bytes, at random. Default: a chunk per write. */
  readonly maxChunk?: number | undefined
}

/** The network's controls, for tests. */
export interface Network {
  /** Sets the servers behind an address that is none itself. */
  readonly balance: (address: string, targets: ReadonlyArray<string>, pick?: Pick) => void
  /** Sets the records of a host name. */
  readonly resolve: (name: string, ips: ReadonlyArray<string>) => void
  /** Sets or (`undefined`) lifts a fault of an address. */
  readonly fault: (address: string, fault: Fault | undefined) => void
  /** Breaks the open connections of a server: both sides see a reset. */
  readonly reset: (address: string) => void
  /** Open connections of a server. */
  readonly connections: (address: string) => number
  /** Dials that reached an address (a server's or a balanced one), refused ones included. */
  readonly dials: (address: string) => number
}

/** The controls as a service. */
export class MemoryNetwork extends Context.Service<MemoryNetwork, Network>()(
  "effect-rocketmq/remoting/MemoryNetwork"
) {}

interface Host {
  readonly accept: (connection: Connection) => void
}

const resetError = () => Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" })

class MemoryConnection implements Connection {
  readonly encrypted = false
  readonly remote: string
  readonly local: string
  readonly unsentBytes = 0
  private readonly net: Net
  private readonly host: string
  private readonly closedBoth: () => void
  private other!: MemoryConnection
  private handler: ConnectionHandler | undefined
  private inbox: Array<Uint8Array> = []
  private underWay = 0
  private paused = false
  private blocked = false
  private ending = false
  private closed = false

  constructor(net: Net, host: string, local: string, remote: string, closedBoth: () => void) {
    this.net = net
    this.host = host
    this.local = local
    this.remote = remote
    this.closedBoth = closedBoth
  }

  /** Ties two ends together. */
  static pair(client: MemoryConnection, server: MemoryConnection): void {
    client.other = server
    server.other = client
  }

  // Copied, so that the caller may reuse its buffer at once.
  readonly write = (bytes: Uint8Array): boolean => {
    if (this.closed || this.ending) return true
    this.underWay += bytes.length
    const chunks = this.net.cut(Uint8Array.from(bytes))
    this.net.deliver(() => {
      for (const chunk of chunks) this.other.arrive(chunk)
    })
    this.blocked = this.underWay > this.net.window
    return !this.blocked
  }
  readonly end = (): void => {
    if (this.closed || this.ending) return
    this.ending = true
    this.net.deliver(() => {
      this.other.finish(undefined)
      this.finish(undefined)
    })
  }
  readonly destroy = (): void => {
    if (this.closed) return
    this.closed = true
    this.inbox = []
    this.net.deliver(() => this.other.finish(undefined))
    this.net.schedule(() => this.handler?.onClose(undefined))
    this.closedIfBoth()
  }
  readonly reset = (): void => this.finish(resetError())
  readonly pause = (): void => {
    this.paused = true
  }
  readonly resume = (): void => {
    this.paused = false
    this.net.schedule(() => this.drainInbox())
  }
  readonly attach = (handler: ConnectionHandler): void => {
    this.handler = handler
    this.net.schedule(() => this.drainInbox())
  }
  readonly defer = (task: () => void): void => this.net.schedule(task)

  private swallowed(): boolean {
    return this.net.faults.get(this.host) === "blackHole"
  }
  private arrive(chunk: Uint8Array): void {
    if (this.closed || this.swallowed()) return
    this.inbox.push(chunk)
    this.drainInbox()
  }
  private drainInbox(): void {
    while (!this.paused && !this.closed && this.handler !== undefined && this.inbox.length > 0) {
      const chunk = this.inbox.shift()!
      this.other.taken(chunk.length)
      this.handler.onData(chunk)
    }
  }
  private taken(bytes: number): void {
    this.underWay -= bytes
    if (!this.blocked || this.underWay > 0) return
    this.blocked = false
    this.net.schedule(() => {
      if (!this.closed) this.handler?.onDrain()
    })
  }
  private finish(cause: unknown): void {
    if (this.closed || (cause === undefined && this.swallowed())) return
    this.drainInbox()
    if (this.closed) return
    this.closed = true
    this.inbox = []
    this.handler?.onClose(cause)
    this.closedIfBoth()
    // A side whose peer has gone can only go too.
    if (!this.other.closed && !this.other.ending) this.net.deliver(() => this.other.finish(cause))
  }
  private closedIfBoth(): void {
    if (this.closed && this.other.closed) this.closedBoth()
  }
}

/** Tasks that run before other fibers get their turn. */
const tasksPerTurn = 1_000

class Net {
  readonly hosts = new Map<string, Host>()
  readonly balanced = new Map<string, { targets: ReadonlyArray<string>; pick: Pick; next: number }>()
  readonly records = new Map<string, ReadonlyArray<string>>()
  readonly faults = new Map<string, Fault>()
  readonly open = new Map<string, Set<MemoryConnection>>()
  readonly dialled = new Map<string, number>()
  readonly window: number
  private readonly dispatch: (task: () => void) => void
  private tasks: Array<() => void> = []
  private running = false
  private readonly latency: Duration.Duration
  private readonly connectMillis: number
  private readonly maxChunk: number | undefined
  private readonly random: { nextDoubleUnsafe(): number }
  private readonly fork: (effect: Effect.Effect<void>) => unknown
  private nextPort = 40_000

  constructor(
    options: NetworkOptions,
    random: { nextDoubleUnsafe(): number },
    dispatch: (task: () => void) => void,
    fork: (effect: Effect.Effect<void>) => unknown
  ) {
    this.window = options.window ?? 1_048_576
    this.latency = Duration.fromInputUnsafe(options.latency ?? 0)
    this.connectMillis = Duration.toMillis(options.connectLatency ?? 0)
    this.maxChunk = options.maxChunk
    this.random = random
    this.dispatch = dispatch
    this.fork = fork
  }

  /**
   * Runs a task in a later turn of the scheduler. What a task schedules runs
   * in the same turn: a request, its answer and what follows from it take one,
   * so `TestClock.adjust`, which gives everybody a turn, does not overtake them.
   */
  schedule(task: () => void): void {
    if (this.tasks.push(task) === 1 && !this.running) this.dispatch(this.run)
  }

  private readonly run = (): void => {
    this.running = true
    let done = 0
    try {
      // Two sides that answer each other for ever must not keep the others out.
      while (done < tasksPerTurn && done < this.tasks.length) this.tasks[done++]!()
    } finally {
      this.tasks = this.tasks.slice(done)
      this.running = false
      if (this.tasks.length > 0) this.dispatch(this.run)
    }
  }

  /** Runs a task when bytes sent now arrive. Of equal delays the earlier comes first, so order is kept. */
  deliver(task: () => void): void {
    if (Duration.isZero(this.latency)) this.schedule(task)
    else this.fork(Effect.andThen(Effect.sleep(this.latency), Effect.sync(task)))
  }

  cut(bytes: Uint8Array): ReadonlyArray<Uint8Array> {
    if (this.maxChunk === undefined) return [bytes]
    const chunks: Array<Uint8Array> = []
    for (let at = 0; at < bytes.length;) {
      const size = 1 + Math.floor(this.random.nextDoubleUnsafe() * this.maxChunk)
      chunks.push(bytes.subarray(at, at + size))
      at += size
    }
    return chunks
  }

  pickTarget(address: string): string | undefined {
    const entry = this.balanced.get(address)
    if (entry === undefined) return address
    if (typeof entry.pick === "function") return entry.pick(entry.targets)
    if (entry.targets.length === 0) return undefined
    const index = entry.pick === "random"
      ? Math.floor(this.random.nextDoubleUnsafe() * entry.targets.length)
      : entry.next++ % entry.targets.length
    return entry.targets[index]
  }

  count(address: string): void {
    this.dialled.set(address, (this.dialled.get(address) ?? 0) + 1)
  }

  /** Connects to one IP address; `remote` is what the client believes to have dialled. */
  connect(ip: string, port: number, timeoutMillis: number): Effect.Effect<MemoryConnection, DialError> {
    const late = (spent: number) =>
      Effect.delay(
        Effect.fail(new DialError("Connect", `no connection in ${Math.round(timeoutMillis)} ms`, undefined, ip)),
        Math.max(0, timeoutMillis - spent)
      )
    if (this.connectMillis > timeoutMillis) return late(0)
    return Effect.delay(
      Effect.suspend(() => {
        const remote = format(ip, port)
        this.count(remote)
        const refused = Effect.fail(
          new DialError("Connect", `cannot connect to ${remote}: connection refused`, undefined, ip)
        )
        if (this.faults.get(remote) === "blackHole") return late(this.connectMillis)
        if (this.faults.get(remote) === "refuse") return refused
        const target = this.pickTarget(remote)
        if (target === undefined) return refused
        if (target !== remote) this.count(target)
        const host = this.hosts.get(target)
        if (this.faults.get(target) === "blackHole") return late(this.connectMillis)
        if (host === undefined || this.faults.get(target) === "refuse") return refused
        const local = format("127.0.0.1", this.nextPort++)
        const peers = this.open.get(target) ?? new Set()
        this.open.set(target, peers)
        const closed = () => void peers.delete(server)
        const client = new MemoryConnection(this, target, local, remote, closed)
        const server = new MemoryConnection(this, target, target, local, closed)
        MemoryConnection.pair(client, server)
        peers.add(server)
        host.accept(server)
        return Effect.succeed(client)
      }),
      this.connectMillis
    )
  }

  listen(host: string, port: number | undefined, accept: (connection: Connection) => void) {
    const address = format(host, port ?? this.nextPort++)
    return Effect.suspend(() => {
      if (this.hosts.has(address)) {
        return Effect.fail(new ListenFailed({ address, cause: new Error("the address is in use") }))
      }
      const bound = { accept }
      this.hosts.set(address, bound)
      // Closed twice, it must not take the address from the next one that listens there.
      const close = Effect.sync(() => {
        if (this.hosts.get(address) === bound) this.hosts.delete(address)
      })
      return Effect.succeed({ address, close })
    })
  }
}

const make = Effect.fnUntraced(function*(options: NetworkOptions): Effect.fn.Return<
  Context.Context<Transport | MemoryNetwork>,
  never,
  Scope.Scope
> {
  const scheduler = yield* Scheduler.Scheduler
  const random = yield* Random.Random
  const scope = yield* Effect.scope
  const context = yield* Effect.context<never>()
  const dispatcher = scheduler.makeDispatcher()
  const runFork = Effect.runForkWith(context)
  const net = new Net(
    options,
    random,
    (task) => dispatcher.scheduleTask(task, 0),
    (effect) => Fiber.runIn(runFork(effect), scope)
  )

  const transport: Transport["Service"] = {
    connect: (target) => {
      const records = net.records.get(target.host) ?? [target.host]
      const preferred = records.filter((ip) => !target.avoid.has(ip))
      const candidates = preferred.concat(records.filter((ip) => target.avoid.has(ip)))
      const share = target.timeoutMillis / candidates.length
      const one = (ip: string) => net.connect(ip, target.port, share)
      const dial = candidates.slice(1).reduce(
        (attempt, ip) => Effect.catch(attempt, () => one(ip)),
        one(candidates[0]!)
      )
      return Effect.acquireRelease(dial, (connection) => Effect.sync(connection.destroy), { interruptible: true })
    },
    listen: (where, accept) =>
      Effect.acquireRelease(
        net.listen(where.host ?? "127.0.0.1", where.port, accept),
        (listener) => listener.close
      )
  }

  const network: Network = {
    balance: (address, targets, pick) => {
      const previous = net.balanced.get(address)
      net.balanced.set(address, { targets, pick: pick ?? previous?.pick ?? "roundRobin", next: previous?.next ?? 0 })
    },
    resolve: (name, ips) => void net.records.set(name, ips),
    fault: (address, fault) => {
      if (fault === undefined) net.faults.delete(address)
      else net.faults.set(address, fault)
    },
    reset: (address) => {
      for (const connection of [...(net.open.get(address) ?? [])]) connection.reset()
    },
    connections: (address) => net.open.get(address)?.size ?? 0,
    dials: (address) => net.dialled.get(address) ?? 0
  }
  return Context.make(Transport, transport).pipe(Context.add(MemoryNetwork, network))
})

/** A network of its own, as a Layer: {@link Transport} for both sides and {@link MemoryNetwork} for the test. */
export const layerWith = (options: NetworkOptions): Layer.Layer<Transport | MemoryNetwork> =>
  Layer.effectContext(make(options))

/** A network without delays. */
export const layer: Layer.Layer<Transport | MemoryNetwork> = layerWith({})
