/**
 * Runs a plan: clients and servers on a network in memory, in virtual time, on
 * a scheduler that the run itself drives. Everything that is seen is judged by
 * the rules of `history.ts`; what a run must leave behind is checked here.
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { LanguageCode } from "../../src/protocol/LanguageCode.ts"
import * as MqVersion from "../../src/protocol/MqVersion.ts"
import type { RemotingCommand } from "../../src/protocol/RemotingCommand.ts"
import { RequestCode } from "../../src/protocol/RequestCode.ts"
import { ResponseCode } from "../../src/protocol/ResponseCode.ts"
import type { ChannelEvent, LinkState } from "../../src/remoting/ChannelEvent.ts"
import type { Policy } from "../../src/remoting/Reconnection.ts"
import * as Reconnection from "../../src/remoting/Reconnection.ts"
import * as RemotingClient from "../../src/remoting/RemotingClient.ts"
import type { RemotingError } from "../../src/remoting/RemotingError.ts"
import type { Peer } from "../../src/remoting/RemotingHandler.ts"
import type { RemotingReply, RemotingRequest } from "../../src/remoting/RemotingRequest.ts"
import * as RemotingServer from "../../src/remoting/RemotingServer.ts"
import { isRepeatable } from "../../src/remoting/Repeatable.ts"
import * as ResponseFutures from "../../src/remoting/ResponseFutures.ts"
import { Transport } from "../../src/remoting/Transport.ts"
import type { Attempt, Call, Execution, Refusal, Settlement } from "../support/history.ts"
import { checkEvents, checkHistory } from "../support/history.ts"
import type { WireLog } from "./overheard.ts"
import type { ClientPlan, Operation, Plan, ServerPlan, Steps, Work } from "./simulationPlan.ts"
import type { ServerWire } from "./simulationWire.ts"
import { contentOf, meddleWith, overhear, release } from "./simulationWire.ts"
import type { Report, RunOptions } from "./simulationWorld.ts"
import { World } from "./simulationWorld.ts"

const balanced = "10.0.0.100:8080"
const addressOf = (server: number): string => `10.0.0.${server + 1}:8080`

interface LiveCall extends Call {
  readonly by: string
  readonly settlements: Array<Settlement>
}

interface Server {
  readonly index: number
  readonly plan: ServerPlan
  readonly wire: ServerWire
  registrations: "take" | "fail" | "ignore"
  incarnation: number
  draining: boolean
  running: { readonly service: RemotingServer.Service; readonly scope: Scope.Closeable } | undefined
}

interface Client {
  readonly name: string
  readonly index: number
  readonly plan: ClientPlan
  readonly service: RemotingClient.Service
  readonly futures: ResponseFutures.Futures
  /** Requests that its futures were given. */
  submitted: number
  readonly scope: Scope.Closeable
  readonly events: Array<ChannelEvent>
  registration: Scope.Closeable | undefined
  /** It has had a registration all its life, and its policies never give up. */
  steady: boolean
}

const workField = (work: Work): string => "millis" in work ? `${work.kind} ${work.millis}` : work.kind

const steps = (policy: Policy, limit: Steps): Policy =>
  limit === undefined ? policy : Schedule.upTo(policy, { times: limit })

/** Some handlers are told to fail. */
const expected = (_level: string, message: string): boolean => message.startsWith("the handler of request")

class Run extends World {
  private readonly plan: Plan
  private readonly calls: Array<LiveCall> = []
  private readonly unsettled = new Map<LiveCall, Fiber.Fiber<unknown, unknown>>()
  private readonly executions: Array<Execution> = []
  private readonly attempts: Array<Attempt> = []
  private readonly refusals: Array<Refusal> = []
  private readonly wireLog: WireLog
  private readonly servers: Array<Server>
  private readonly clients: Array<Client> = []
  private readonly everyClient: Array<Client> = []
  /** Servers on their way out. */
  private closings = 0
  private ids = 0
  private blackHoles = false

  constructor(plan: Plan, options: RunOptions) {
    super(plan, options, expected)
    this.plan = plan
    this.servers = plan.servers.map((server, index) => ({
      index,
      plan: server,
      wire: { held: false, holding: new Set(), open: false, answers: [] },
      registrations: "take",
      incarnation: 0,
      draining: false,
      running: undefined
    }))
    this.wireLog = {
      now: () => this.now(),
      attempts: this.attempts,
      refusals: this.refusals,
      problem: (text) => this.problem(text),
      trace: this.isTraced ? (line, bytes) => this.trace(line, bytes) : undefined
    }
    this.balance()
    for (const server of this.servers) this.start(server)
    plan.clients.forEach((_, index) => this.open(index))
  }

  run(): Report {
    return this.report(() => {
      for (const step of this.plan.steps) {
        this.count(step.type)
        this.operate(step)
        this.scheduler.run(step.tasks)
      }
      this.finish()
    })
  }

  // --- who there is ---------------------------------------------------------

  private balance(): void {
    const targets = this.servers.map(({ index }) => addressOf(index))
    const { balance } = this.plan
    this.network.balance(
      balanced,
      targets,
      balance === "leastConnections"
        ? (all) =>
          all.filter((_, index) => this.servers[index]!.running !== undefined)
            .sort((left, right) => this.network.connections(left) - this.network.connections(right))[0]
        : balance === "first"
        ? (all) => all.find((_, index) => this.servers[index]!.running !== undefined)
        : balance
    )
  }

  private execute(
    id: string,
    by: string,
    command: RemotingCommand,
    peer: Peer
  ): Effect.Effect<RemotingReply | undefined, Error> {
    const execution = { id, at: this.now(), by, content: contentOf(command) }
    this.executions.push(execution)
    this.trace(`executed ${id} by ${by}`)
    const reply: RemotingReply = { extFields: { id, by } }
    const [kind, millis] = (command.extFields.work ?? "answer").split(" ")
    switch (kind) {
      case "sleep":
        return Effect.as(Effect.sleep(Number(millis)), reply)
      case "poll":
        return Effect.as(peer.suspend(Effect.sleep(Number(millis))), reply)
      case "never":
        return Effect.never
      case "fail":
        return Effect.fail(new Error(`${id} ${by}`))
      default:
        return Effect.succeed(reply)
    }
  }

  private start(server: Server): void {
    if (server.running !== undefined) return
    const by = `server ${server.index}.${++server.incarnation}`
    server.wire.open = false
    const { plan } = server
    const scope = Scope.makeUnsafe()
    const service = this.do(
      Effect.gen({ self: this as Run }, function*() {
        const made = yield* RemotingServer.make({
          host: `10.0.0.${server.index + 1}`,
          port: 8080,
          metrics: false,
          maxHandlers: plan.maxHandlers,
          idleTimeout: plan.idleMillis,
          shutdownWaitTime: plan.shutdownWaitMillis,
          enableShutdownGracefully: plan.graceful
        })
        yield* made.handle(RequestCode.HEART_BEAT, (command, peer) => {
          const { id } = command.extFields
          // A probe is no registration.
          if (id === undefined) return Effect.succeed({})
          return Effect.map(this.execute(id, by, command, peer), (reply) => {
            if (server.registrations === "ignore") return undefined
            return server.registrations === "fail" ? { ...reply, code: ResponseCode.SYSTEM_ERROR } : reply
          })
        })
        yield* made.handleOther((command, peer) => this.execute(command.extFields.id ?? "", by, command, peer))
        return made
      }).pipe(
        Scope.provide(scope),
        Effect.provideContext(meddleWith(Context.get(this.context, Transport), server.wire, by, this.wireLog))
      )
    )
    server.wire.open = true
    server.running = { service, scope }
  }

  /** Lets a server drain and go. */
  private drain(server: Server): void {
    const { running } = server
    if (running === undefined || server.draining) return
    server.draining = true
    const close = Scope.close(running.scope, Exit.void)
    this.goes(server, server.plan.graceful ? close : Effect.andThen(running.service.drain, close))
  }

  /** Stops a server at once, whether it drains or not. */
  private stop(server: Server): void {
    const { running } = server
    if (running === undefined) return
    // A drain that was begun takes its time, and closes the scope itself.
    const { stop } = running.service
    this.goes(server, server.draining ? stop : Effect.andThen(stop, Scope.close(running.scope, Exit.void)))
  }

  private goes(server: Server, effect: Effect.Effect<void>): void {
    const { running } = server
    this.closings++
    this.fork(effect).addObserver(() => {
      this.closings--
      if (server.running !== running) return
      server.running = undefined
      server.draining = false
    })
  }

  private open(index: number): void {
    const plan = this.plan.clients[index]!
    const name = `client ${index}.${this.everyClient.length}`
    const scope = Scope.makeUnsafe()
    const backoff = (base: number, cap: number, limit: Steps, first?: number) =>
      steps(Reconnection.backoff({ base, cap, jitter: plan.jitter, ...(first === undefined ? {} : { first }) }), limit)
    const policies = Reconnection.make({
      goAway: backoff(25, 250, plan.goAwaySteps, 50),
      reconnect: backoff(50, 5_000, plan.reconnectSteps),
      retryUnknown: backoff(10, 250, undefined),
      replay: (code) => plan.replaySends || code !== RequestCode.SEND_MESSAGE,
      goAwayEnabled: plan.goAwayEnabled
    })
    const events: Array<ChannelEvent> = []
    const made = this.do(
      Effect.gen({ self: this as Run }, function*() {
        const futures = yield* ResponseFutures.make(
          {
            maxInFlight: plan.maxInFlight,
            ...(plan.firstOpaque === undefined ? {} : { firstOpaque: plan.firstOpaque })
          }
        )
        const service = yield* RemotingClient.make({
          metrics: false,
          version: plan.version,
          serialization: plan.serialization,
          connectTimeout: plan.connectMillis,
          registrationTimeout: plan.registrationMillis,
          probeAfter: plan.probeAfterMillis,
          probeTimeout: plan.probeMillis,
          idleTimeout: plan.idleMillis,
          maxUnsentBytes: plan.maxUnsentBytes,
          maxHandlers: plan.maxHandlers,
          limits: { maxFrameSize: plan.maxFrameSize }
        }).pipe(
          Effect.provideService(ResponseFutures.ResponseFutures, futures),
          Effect.provideService(Reconnection.Reconnection, policies)
        )
        yield* service.handle(
          RequestCode.NOTIFY_CONSUMER_IDS_CHANGED,
          (command, peer) => this.execute(command.extFields.id ?? "", name, command, peer)
        )
        return { service, futures }
      }).pipe(
        Scope.provide(scope),
        Effect.provideContext(
          overhear(Context.get(this.context, Transport), {
            name,
            goAwayEnabled: plan.goAwayEnabled,
            registration: () => this.clients[index]?.name === name ? this.clients[index]!.registration : undefined
          }, this.wireLog)
        )
      )
    )
    const client: Client = {
      name,
      index,
      plan,
      ...made,
      submitted: 0,
      scope,
      events,
      registration: undefined,
      steady: plan.registered && plan.goAwaySteps === undefined && plan.reconnectSteps === undefined
    }
    const submit = made.futures.submit.bind(made.futures)
    made.futures.submit = (call) => {
      client.submitted++
      return submit(call)
    }
    this.clients[index] = client
    this.everyClient.push(client)
    Fiber.runIn(
      this.fork(
        Stream.runForEach(made.service.events, (event) =>
          Effect.sync(() => {
            events.push(event)
            this.count(event.type)
            this.trace(`${name} ${event.type} ${event.generation} ${event.address} ${event.reason}`)
          }))
      ),
      this.scope
    )
    this.scheduler.run()
    if (plan.registered) this.register(client)
  }

  private register(client: Client): void {
    if (client.registration !== undefined) return
    const scope = Scope.makeUnsafe()
    const timeoutMillis = client.plan.registrationMillis
    this.do(
      client.service.onValidate((peer) =>
        Effect.flatMap(
          this.followed(
            { by: client.name, oneway: false, repeatable: false, timeoutMillis, version: client.plan.version },
            { code: RequestCode.HEART_BEAT },
            (request) => peer.invoke(request, { timeout: timeoutMillis })
          ),
          (response) => response?.code === ResponseCode.SUCCESS ? Effect.void : Effect.fail(new Error("not registered"))
        )
      ).pipe(Scope.provide(scope))
    )
    client.registration = scope
  }

  // --- requests -------------------------------------------------------------

  /** Notes down a call that is made now. */
  private noted(how: How, request: RemotingRequest): { readonly call: LiveCall; readonly request: RemotingRequest } {
    const id = `r${++this.ids}`
    const asked = { ...request, extFields: { ...request.extFields, id } }
    const call: LiveCall = {
      id,
      by: how.by,
      oneway: how.oneway,
      repeatable: how.repeatable && !how.oneway,
      deadline: this.now() + how.timeoutMillis,
      goAwayHops: how.goAwayHops,
      content: contentOf({ language: LanguageCode.OTHER, version: how.version, ...asked }),
      settlements: []
    }
    this.calls.push(call)
    return { call, request: asked }
  }

  private settled(how: How, call: LiveCall, exit: Exit.Exit<RemotingCommand | void, RemotingError>): void {
    const settlement = settlementOf(exit, this.now())
    call.settlements.push(settlement)
    this.count(settlement.kind)
    this.trace(`settled ${call.id} ${settlement.kind} ${"detail" in settlement ? settlement.detail : ""}`)
    // Clients from before GO_AWAY are served until the handlers have gone.
    if (
      Exit.isSuccess(exit) && exit.value?.code === ResponseCode.REQUEST_CODE_NOT_SUPPORTED &&
      how.version > MqVersion.goAwayGate
    ) {
      this.problem(`${call.id} found no handler, yet every server has one`)
    }
  }

  /** A call as part of an effect. */
  private followed<A extends RemotingCommand | void>(
    how: How,
    request: RemotingRequest,
    invoke: (request: RemotingRequest) => Effect.Effect<A, RemotingError>
  ): Effect.Effect<A, RemotingError> {
    return Effect.suspend(() => {
      const { call, request: asked } = this.noted(how, request)
      return Effect.onExit(invoke(asked), (exit) => Effect.sync(() => this.settled(how, call, exit)))
    })
  }

  private ask(client: Client, operation: Operation & { readonly type: "ask" }): void {
    const { bodyBytes, code, failFast, goAwayHops, oneway, remark, repeatable, target, timeoutMillis } = operation
    const address = target < 0 ? balanced : addressOf(target)
    const how = {
      by: client.name,
      oneway,
      repeatable: repeatable ?? isRepeatable(code),
      timeoutMillis,
      version: client.plan.version,
      goAwayHops
    }
    const options = { timeout: timeoutMillis, goAwayHops, repeatable, failFast }
    const { call, request } = this.noted(how, {
      code,
      extFields: { work: workField(operation.work) },
      ...(remark === undefined ? {} : { remark }),
      ...(bodyBytes === 0 ? {} : { body: Buffer.alloc(bodyBytes, this.ids) })
    })
    const fiber = this.fork<RemotingCommand | void, RemotingError>(
      oneway ? client.service.invokeOneway(address, request, options) : client.service.invoke(address, request, options)
    )
    this.unsettled.set(call, fiber)
    fiber.addObserver((exit) => {
      this.unsettled.delete(call)
      this.settled(how, call, exit)
    })
  }

  private askBack(server: Server, operation: Operation & { readonly type: "askBack" }): void {
    const { running } = server
    if (running === undefined) return
    const { timeoutMillis } = operation
    const how = {
      by: `server ${server.index}.${server.incarnation}`,
      oneway: false,
      repeatable: false,
      timeoutMillis,
      version: MqVersion.current
    }
    const request = {
      code: RequestCode.NOTIFY_CONSUMER_IDS_CHANGED,
      extFields: { work: workField(operation.work) }
    }
    this.fork(
      Effect.flatMap(running.service.peers, (peers) => {
        const peer = peers[operation.peer % peers.length]
        return peer === undefined
          ? Effect.void
          : Effect.ignore(this.followed(how, request, (asked) => peer.invoke(asked, { timeout: timeoutMillis })))
      })
    )
  }

  // --- operations -----------------------------------------------------------

  private operate(operation: Operation): void {
    switch (operation.type) {
      case "ask":
        for (let left = operation.count; left > 0; left--) this.ask(this.clients[operation.client]!, operation)
        break
      case "askBack":
        this.askBack(this.servers[operation.server]!, operation)
        break
      case "interrupt": {
        const fibers = [...this.unsettled.values()]
        fibers[operation.which % fibers.length]?.interruptUnsafe()
        break
      }
      case "drain":
        this.drain(this.servers[operation.server]!)
        break
      case "stop":
        this.stop(this.servers[operation.server]!)
        break
      case "start":
        this.start(this.servers[operation.server]!)
        break
      case "reset":
        this.network.reset(addressOf(operation.server))
        break
      case "fault":
        this.fault(operation.target, operation.fault)
        break
      case "answers": {
        const { answers } = this.servers[operation.server]!.wire
        for (let left = operation.count; left > 0; left--) answers.push(operation.fault)
        break
      }
      case "registrations":
        this.servers[operation.server]!.registrations = operation.answer
        break
      case "register":
        this.register(this.clients[operation.client]!)
        break
      case "unregister": {
        const client = this.clients[operation.client]!
        if (client.registration !== undefined) this.fork(Scope.close(client.registration, Exit.void))
        client.registration = undefined
        client.steady = false
        break
      }
      case "reopen":
        this.closeClient(this.clients[operation.client]!)
        this.open(operation.client)
        break
      case "pass":
        this.pass(operation.millis)
    }
  }

  private fault(target: number, fault: "refuse" | "blackHole" | "hold" | undefined): void {
    const address = target < 0 ? balanced : addressOf(target)
    const wire = this.servers[target]?.wire
    if (fault === "hold") {
      if (wire !== undefined) wire.held = true
      return
    }
    if (fault === "blackHole") this.blackHoles = true
    this.network.fault(address, fault)
    if (wire !== undefined && fault === undefined) release(wire)
  }

  private closeClient(client: Client): void {
    const open = [...this.unsettled.keys()].filter((call) => call.by === client.name)
    // What was under way may have its own reason to end.
    const { idle } = this.scheduler
    this.fork(Scope.close(client.scope, Exit.void))
    this.scheduler.run()
    for (const call of open) {
      const settlement = call.settlements[0]
      if (settlement === undefined) this.problem(`${call.id} was not settled when ${client.name} was closed`)
      else if (idle && "detail" in settlement && !settlement.detail.startsWith("ShuttingDown")) {
        this.problem(`${call.id} ended with ${settlement.detail} when ${client.name} was closed`)
      }
    }
  }

  // --- the end --------------------------------------------------------------

  private finish(): void {
    for (let target = -1; target < this.servers.length; target++) this.fault(target, undefined)
    for (const server of this.servers) {
      server.wire.answers.length = 0
      server.registrations = "take"
    }
    this.scheduler.run()
    const last = Math.max(this.now(), ...[...this.unsettled.keys()].map((call) => call.deadline))
    this.pass(last - this.now() + 1)
    for (const call of this.unsettled.keys()) this.problem(`${call.id} was never settled`)
    this.restart()
    for (const client of this.clients) this.recover(client)
    this.wait(20_000, () => this.clients.every((client) => this.links(client).every((link) => link.draining === 0)))
    for (const client of this.clients) {
      for (const link of this.links(client)) {
        // One may be a probe.
        if (link.waiting > 0 || link.inFlight > 1 || link.draining > 0) {
          this.problem(
            `${client.name} ${link.address}: ${link.waiting} waiting, ${link.inFlight} in flight, ${link.draining} draining`
          )
        }
        const seen = client.events.findLast((event) => event.address === link.address)
        if (seen !== link.lastEvent) {
          this.problem(
            `${client.name} ${link.address}: ${link.lastEvent?.type} is its state, ${seen?.type} was told last`
          )
        }
      }
    }
    for (const client of this.clients) this.closeClient(client)
    this.pass(2_000)
    if (!this.blackHoles) this.disconnected("after the clients were closed")
    for (const server of this.servers) this.stop(server)
    this.wait(12_000, () => this.closings === 0)
    this.pass(2_000)
    this.disconnected("after everything was closed")
    this.end()
    this.judge()
  }

  private restart(): void {
    this.wait(12_000, () => this.servers.every((server) => !server.draining))
    for (const server of this.servers) this.start(server)
  }

  /** With every fault lifted and every server up, every address serves again. */
  private recover(client: Client): void {
    const how = {
      by: client.name,
      oneway: false,
      repeatable: true,
      timeoutMillis: 60_000,
      version: client.plan.version
    }
    for (const target of [-1, ...this.servers.keys()]) {
      const address = target < 0 ? balanced : addressOf(target)
      const asked = this.followed(
        how,
        { code: RequestCode.QUERY_CONSUMER_OFFSET },
        (request) => client.service.invoke(address, request, { timeout: how.timeoutMillis })
      )
      // A policy that gives up leaves the rest to its caller.
      const fiber = this.fork(Effect.exit(Effect.retry(asked, Schedule.upTo(Schedule.spaced(500), { times: 20 }))))
      this.wait(90_000, () => fiber.pollUnsafe() !== undefined)
      const exit = fiber.pollUnsafe()
      if (exit === undefined || Exit.isFailure(exit) || Exit.isFailure(exit.value)) {
        this.problem(
          `${client.name} did not find back to ${address}: ${exit === undefined ? "no end" : JSON.stringify(exit)}`
        )
      }
    }
  }

  /** A client with a registration closes no channel that went away before the next one is active. */
  private madeBeforeBroken(client: Client): void {
    const active = new Map<string, number>()
    for (const { address, generation, reason, type } of client.events) {
      if (type === "Active") active.set(address, generation)
      if (type === "Close" && reason === "everything on it was answered" && (active.get(address) ?? 0) <= generation) {
        this.problem(`${client.name} ${address}: generation ${generation} was closed before the next was active`)
      }
    }
  }

  private links(client: Client): ReadonlyArray<LinkState> {
    return [...this.do(client.service.links).values()]
  }

  private disconnected(when: string): void {
    for (const { index } of this.servers) {
      const open = this.network.connections(addressOf(index))
      if (open > 0) this.problem(`${when}, server ${index} has ${open} connections`)
    }
  }

  private judge(): void {
    const { attempts, calls, executions, refusals } = this
    for (const { detail, rule, subject } of checkHistory({ calls, executions, wire: { attempts, refusals } })) {
      this.problem(`${rule}: ${subject}: ${detail}`)
    }
    for (const client of this.everyClient) {
      for (const { detail, rule, subject } of checkEvents(client.events, true)) {
        this.problem(`${rule}: ${client.name} ${subject}: ${detail}`)
      }
      if (client.steady) this.madeBeforeBroken(client)
      const { inFlight, interrupted, notProcessed, notSent, succeeded, unknown } = client.futures.stats()
      const sum = succeeded + notSent + notProcessed + unknown + interrupted
      if (inFlight !== 0 || sum !== client.submitted) {
        this.problem(`${client.name}: ${client.submitted} submitted, ${sum} settled, ${inFlight} in flight`)
      }
    }
  }
}

/** How a call is made. */
interface How {
  readonly by: string
  readonly oneway: boolean
  readonly repeatable: boolean
  readonly timeoutMillis: number
  readonly version: number
  readonly goAwayHops?: number | undefined
}

const settlementOf = (exit: Exit.Exit<RemotingCommand | void, RemotingError>, at: number): Settlement => {
  if (Exit.isFailure(exit)) {
    const error = Cause.findErrorOption(exit.cause)
    if (error._tag === "None") return { kind: "Interrupted", at }
    const { outcome, reason } = error.value
    return { kind: outcome, at, detail: `${reason._tag}: ${reason.detail}` }
  }
  const response = exit.value
  if (response === undefined) return { kind: "Sent", at }
  const failed = /^Error: (\S+) (.*)$/.exec(response.remark ?? "")
  const id = failed?.[1] ?? response.extFields.id
  const by = failed?.[2] ?? response.extFields.by
  return id === undefined || by === undefined ? { kind: "Refused", at } : { kind: "Acknowledged", at, id, by }
}

/** Runs a plan from beginning to end. */
export const simulate = (plan: Plan, options: RunOptions = {}): Report => new Run(plan, options).run()
