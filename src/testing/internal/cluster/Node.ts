/** One server of the cluster through all its lives: started, drained, stopped, started again. */
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import * as Stream from "effect/Stream"
import { LanguageCode } from "../../../protocol/LanguageCode.ts"
import type { RemotingCommand } from "../../../protocol/RemotingCommand.ts"
import type { Address } from "../../../remoting/Address.ts"
import { parse } from "../../../remoting/Address.ts"
import type { ListenFailed } from "../../../remoting/RemotingError.ts"
import type { Handler, Peer } from "../../../remoting/RemotingHandler.ts"
import type { RemotingReply } from "../../../remoting/RemotingRequest.ts"
import * as RemotingServer from "../../../remoting/RemotingServer.ts"
import { Transport } from "../../../remoting/Transport.ts"
import type * as Embedded from "../../EmbeddedRocketMQ.ts"
import type * as Fault from "../../Fault.ts"
import type { Outcome } from "../../Journal.ts"
import type { Plan } from "./FaultTable.ts"
import { FaultTable } from "./FaultTable.ts"
import type { RequestJournal } from "./RequestJournal.ts"

/** What a server registers its handlers on: each of them is told to the journal, and meets faults. */
export type Serving = Pick<RemotingServer.Service, "address" | "events" | "peers" | "handle" | "handleOther">

/** What a server does in one life. */
export interface Duties {
  /** A connection has closed. */
  readonly channelClosed?: ((channelId: string) => void) | undefined
  /** Runs once requests are served, in the life's scope: what goes on in the background is forked here. */
  readonly begin?: Effect.Effect<void, never, Scope.Scope> | undefined
  /** Runs when a drain begins, before the first GO_AWAY. */
  readonly leave?: Effect.Effect<void> | undefined
}

/** What all servers of a cluster share. */
export interface Surroundings {
  readonly transport: Transport["Service"]
  readonly clock: Clock.Clock
  readonly random: { nextDoubleUnsafe(): number }
  readonly journal: RequestJournal
  /** Ends with the cluster. */
  readonly scope: Scope.Scope
  readonly host: string
  readonly shutdownWaitMillis: number
  /** Something happened that a person who watches wants to read. */
  readonly note: (text: string) => void
}

export type State = "serving" | "draining" | "stopped"

interface Life {
  readonly scope: Scope.Closeable
  readonly service: RemotingServer.Service
  readonly duties: Duties
}

export class Node {
  readonly name: string
  private readonly surroundings: Surroundings
  private readonly make: (serving: Serving) => Effect.Effect<Duties, never, Scope.Scope>
  private readonly faults: FaultTable
  private life: Life | undefined
  private bound: Address
  private current: State = "stopped"
  private past: Embedded.ServerStats = { connections: 0, requests: 0, goAways: 0 }

  /** @param make begins a life: registers the handlers, and waits for nothing */
  constructor(
    name: string,
    port: number,
    surroundings: Surroundings,
    make: (serving: Serving) => Effect.Effect<Duties, never, Scope.Scope>
  ) {
    this.name = name
    this.surroundings = surroundings
    this.make = make
    this.faults = new FaultTable(surroundings.random)
    this.bound = `${surroundings.host}:${port}`
  }

  /** Where it listens, or listened last. */
  get address(): Address {
    return this.bound
  }

  get state(): State {
    return this.current
  }

  /** One start at a time: who comes second finds the server running. */
  private readonly starting = Semaphore.makeUnsafe(1)

  readonly start: Effect.Effect<void, ListenFailed> = this.starting.withPermit(Effect.suspend(() => {
    if (this.life !== undefined) return Effect.void
    return Effect.gen({ self: this }, function*() {
      const { note, scope: cluster } = this.surroundings
      const scope = yield* Scope.fork(cluster)
      const door = { open: false }
      const born = Effect.gen({ self: this }, function*() {
        const service = yield* this.listen(door)
        const duties = yield* this.make(this.observed(service))
        door.open = true
        const { channelClosed } = duties
        this.bound = service.address
        this.life = { scope, service, duties }
        this.current = "serving"
        if (channelClosed !== undefined) {
          yield* Effect.forkScoped(
            Stream.runForEach(service.events, (event) =>
              Effect.sync(() => {
                if (event.type === "Close") channelClosed(event.channelId)
              })),
            { startImmediately: true }
          )
        }
        note(`${this.name} serves on ${service.address}`)
        if (duties.begin !== undefined) yield* duties.begin
      })
      yield* Effect.onError(Scope.provide(born, scope), (cause) => {
        if (this.life?.scope === scope) {
          this.life = undefined
          this.current = "stopped"
        }
        return Scope.close(scope, Exit.failCause(cause))
      })
    })
  }))

  /**
   * On the port of the last life, or on any other when somebody has taken it meanwhile. Whoever connects before the
   * handlers are there is sent away: it would be told that its requests are not supported.
   */
  private readonly listen = (
    door: { readonly open: boolean }
  ): Effect.Effect<RemotingServer.Service, ListenFailed, Scope.Scope> => {
    const { host, shutdownWaitMillis } = this.surroundings
    const transport: Transport["Service"] = {
      ...this.surroundings.transport,
      listen: (where, accept) =>
        this.surroundings.transport.listen(where, (connection) => {
          if (door.open) accept(connection)
          else connection.destroy()
        })
    }
    const on = (port: number | undefined) =>
      RemotingServer.make({
        host,
        port,
        language: LanguageCode.JAVA,
        shutdownWaitTime: shutdownWaitMillis,
        // As many as wait for a thread of RocketMQ's own (`BrokerConfig.sendThreadPoolQueueCapacity`).
        maxHandlers: 10_000,
        metrics: false
      }).pipe(Effect.provideService(Transport, transport))
    const port = parse(this.bound)?.port
    return port === undefined ? on(undefined) : Effect.catchTag(on(port), "ListenFailed", () => on(undefined))
  }

  /** Stops at once: connections close, and nothing that runs is answered. */
  readonly stop: Effect.Effect<void> = Effect.suspend(() => {
    const { life } = this
    if (life === undefined) return Effect.void
    this.life = undefined
    return Effect.gen({ self: this }, function*() {
      yield* life.service.stop
      this.past = { ...sum(this.past, yield* life.service.stats), connections: 0 }
      yield* Scope.close(life.scope, Exit.void)
      this.current = "stopped"
      this.surroundings.note(`${this.name} has stopped`)
    })
  })

  /**
   * Stops as servers with `enableShutdownGracefully` do: requests of clients that know it are answered GO_AWAY until
   * the wait is over. Ends when the server has stopped.
   */
  readonly drain: Effect.Effect<void> = Effect.suspend(() => {
    const { life } = this
    if (life === undefined || this.current === "draining") return Effect.void
    this.current = "draining"
    this.surroundings.note(`${this.name} drains`)
    return (life.duties.leave ?? Effect.void).pipe(
      Effect.andThen(life.service.drain),
      // It may have been stopped meanwhile, and started again.
      Effect.andThen(Effect.suspend(() => this.life === life ? this.stop : Effect.void))
    )
  })

  readonly inject = (fault: Fault.Fault): Effect.Effect<void> => Effect.sync(() => void this.faults.inject(fault))

  readonly injectScoped = (fault: Fault.Fault): Effect.Effect<void, never, Scope.Scope> =>
    Effect.asVoid(
      Effect.acquireRelease(Effect.sync(() => this.faults.inject(fault)), (lift) => Effect.sync(lift))
    )

  readonly clearFaults: Effect.Effect<void> = Effect.sync(() => this.faults.clear())

  readonly stats: Effect.Effect<Embedded.ServerStats> = Effect.suspend(() =>
    this.life === undefined
      ? Effect.succeed(this.past)
      : Effect.map(this.life.service.stats, (stats) => sum(this.past, stats))
  )

  private observed(service: RemotingServer.Service): Serving {
    return {
      address: service.address,
      events: service.events,
      peers: service.peers,
      handle: (code, handler) => service.handle(code, this.observe(handler)),
      handleOther: (handler) => service.handleOther(this.observe(handler))
    }
  }

  private observe<R>(handler: Handler<R>): Handler<R> {
    const { clock, journal } = this.surroundings
    return (request, peer) => {
      const entry = journal.begin(this.name, Math.floor(clock.currentTimeMillisUnsafe()), peer.address, request)
      const plan = this.faults.plan(request)
      return Effect.onExit(
        plan === undefined
          ? Effect.suspend(() => handler(request, peer))
          : faulty(plan, handler, request, peer),
        (exit) => {
          journal.end(
            entry,
            outcomeOf(exit, request, plan),
            exit._tag === "Success" && exit.value !== undefined ? exit.value.code ?? 0 : undefined
          )
          return Effect.void
        }
      )
    }
  }
}

const sum = (left: Embedded.ServerStats, right: Embedded.ServerStats): Embedded.ServerStats => ({
  connections: left.connections + right.connections,
  requests: left.requests + right.requests,
  goAways: left.goAways + right.goAways
})

const faulty = <R>(
  plan: Plan,
  handler: Handler<R>,
  request: RemotingCommand,
  peer: Peer
): Effect.Effect<RemotingReply | undefined, unknown, R> =>
  Effect.gen(function*() {
    if (plan.slow > 0) yield* peer.suspend(Effect.sleep(plan.slow))
    if (plan.refused !== undefined) return plan.refused
    const reply = yield* handler(request, peer)
    if (plan.late > 0) yield* peer.suspend(Effect.sleep(plan.late))
    if (plan.closed || plan.lost) {
      plan.executed = true
      if (plan.closed) peer.close()
      return undefined
    }
    if (plan.duplicated && reply !== undefined && !request.isOneway) peer.answer(request.opaque, reply)
    return reply
  })

const outcomeOf = (
  exit: Exit.Exit<RemotingReply | undefined, unknown>,
  request: RemotingCommand,
  plan: Plan | undefined
): Outcome => {
  if (plan?.executed === true) return "Lost"
  if (Exit.isFailure(exit)) return Exit.hasInterrupts(exit) ? "Interrupted" : "Failed"
  if (plan?.refused !== undefined) return "Refused"
  return exit.value === undefined || request.isOneway ? "Unanswered" : "Answered"
}
