/**
 * Runs a plan against a whole embedded cluster: name servers, brokers, proxies
 * and clients with producers, in memory and in virtual time. Sends are judged
 * by the rules of `history.ts`, for which a message in a store is an execution;
 * what else must hold of the stores and of the clients is checked here.
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import { ClientError } from "../../src/client/ClientError.ts"
import type { Message, ReceivedMessage, SendResult } from "../../src/client/Message.ts"
import { text } from "../../src/client/Message.ts"
import * as MqClient from "../../src/client/MqClient.ts"
import * as Producer from "../../src/client/Producer.ts"
import { TopicRoutes } from "../../src/client/TopicRoutes.ts"
import { replyTopic, scheduleTopic, transactionHalfTopic } from "../../src/protocol/message/Names.ts"
import { PropertyName } from "../../src/protocol/message/PropertyName.ts"
import { RequestCode } from "../../src/protocol/RequestCode.ts"
import { ResponseCode } from "../../src/protocol/ResponseCode.ts"
import * as Reconnection from "../../src/remoting/Reconnection.ts"
import * as RemotingClient from "../../src/remoting/RemotingClient.ts"
import * as ResponseFutures from "../../src/remoting/ResponseFutures.ts"
import { Transport } from "../../src/remoting/Transport.ts"
import * as Embedded from "../../src/testing/EmbeddedRocketMQ.ts"
import * as Fault from "../../src/testing/Fault.ts"
import type { Call, Execution, Refusal, Settlement } from "../support/history.ts"
import { checkHistory } from "../support/history.ts"
import type { Decision, Met, Operation, Plan, ProducerPlan, Send, ServerFault, Which } from "./clusterSimulationPlan.ts"
import type { SendAttempt, WireLog } from "./clusterSimulationWire.ts"
import { contentOf, idProperty, overhear } from "./clusterSimulationWire.ts"
import type { Report, RunOptions } from "./simulationWorld.ts"
import { World } from "./simulationWorld.ts"

const topics = {
  plain: "plain",
  made: "made",
  ordered: "orders",
  delayed: "later",
  transaction: "payments",
  request: "questions"
}
const timerTopic = "rmq_sys_wheel_timer"
const replies = replyTopic("DefaultCluster")
const brokerNames = ["broker-a", "broker-b"]
const delayMillis = [0, 1_000, 5_000, 10_000]

/** What is known of a transaction. */
interface Transaction {
  /** The local transaction was begun, with the half message stored safely. */
  begun: boolean
  /** What became of it; `undefined`: nothing yet, or whoever decides was interrupted. */
  decided: "Commit" | "Rollback" | undefined
  /** What is answered when a broker asks and nothing was decided. */
  readonly check: Decision
}

interface LiveCall extends Call {
  readonly by: LiveProducer
  readonly kind: Send["kind"] | "reply"
  readonly settlements: Array<Settlement>
  readonly bodies: ReadonlyArray<string>
  /** It has one queue for all its attempts. */
  readonly fixed: boolean
  /** The one before it in its chain. */
  readonly after: LiveCall | undefined
  readonly startedAt: number
  result: SendResult | undefined
  transaction: Transaction | undefined
  /** `undefined`: it was not, or a refusal says so. `Unknown`: nobody heard whether it was. */
  recalled: "Recalled" | "Unknown" | undefined
}

interface LiveProducer {
  readonly name: string
  readonly client: Client
  readonly index: number
  readonly plan: ProducerPlan
  readonly service: Producer.Service
  readonly scope: Scope.Closeable
  closed: boolean
}

interface Client {
  readonly name: string
  readonly index: number
  readonly scope: Scope.Closeable
  readonly services: Context.Context<Producer.Dependencies>
  readonly futures: ResponseFutures.Futures
  readonly producers: Array<LiveProducer>
}

/** Where a message was found. */
interface Stored {
  readonly store: string
  readonly broker: string
  /** The store is lost. */
  readonly lost: boolean
  readonly topic: string
  readonly message: ReceivedMessage
}

/** Clients warn of what goes wrong around them; an error would be one of their own. */
const expected = (level: string): boolean => level === "Warn"

const codesOf = (met: Met): ReadonlyArray<number> | undefined => {
  switch (met) {
    case "sends":
      return Fault.sends
    case "transactions":
      return [RequestCode.END_TRANSACTION]
    case "heartbeats":
      return [RequestCode.HEART_BEAT]
    case "routes":
      return [RequestCode.GET_ROUTEINFO_BY_TOPIC]
    case "registrations":
      return [RequestCode.REGISTER_BROKER, RequestCode.UNREGISTER_BROKER]
    case "all":
      return undefined
  }
}

const immediate = {
  loseAnswer: Fault.loseAnswer,
  duplicateAnswer: Fault.duplicateAnswer,
  closeConnection: Fault.closeConnection,
  busy: Fault.busy,
  diskFull: Fault.diskFull,
  noPermission: Fault.noPermission
}

const faultOf = (fault: ServerFault, target: Fault.Target): Fault.Fault => {
  switch (fault.kind) {
    case "slow":
      return Fault.slow(fault.millis, target)
    case "late":
      return Fault.late(fault.millis, target)
    case "fail":
      return Fault.refuse({ code: ResponseCode.SYSTEM_ERROR, remark: "it was told to fail" }, target)
    default:
      return immediate[fault.kind](target)
  }
}

const statuses = ["SUCCESS", "FLUSH_DISK_TIMEOUT", "FLUSH_SLAVE_TIMEOUT", "SLAVE_NOT_AVAILABLE"] as const

class Run extends World {
  private readonly plan: Plan
  private readonly calls: Array<LiveCall> = []
  private readonly unsettled = new Map<LiveCall, Fiber.Fiber<unknown, unknown>>()
  /** Messages of stores that were lost. */
  private readonly lost: Array<Stored> = []
  /** How often each broker began with an empty store. */
  private readonly stores: Array<number> = [1, 1]
  private readonly attempts: Array<SendAttempt> = []
  private readonly refusals: Array<Refusal> = []
  private readonly wireLog: WireLog
  private readonly clients: Array<Client> = []
  private readonly callsById = new Map<string, LiveCall>()
  private readonly replied = new Set<string>()
  private rocketmq!: Embedded.Service
  private queues: number
  private opened = 0
  private made = 0
  private ids = 0
  private closings = 0
  /** What must hold once those who can do something have done it. */
  private readonly afterwards: Array<() => void> = []
  /** Nobody sends any more. */
  private isOver = false

  constructor(plan: Plan, options: RunOptions) {
    super(plan, options, expected)
    this.plan = plan
    this.queues = plan.queues
    this.wireLog = {
      now: () => this.now(),
      attempts: this.attempts,
      refusals: this.refusals,
      problem: (line) => this.problem(line),
      trace: this.isTraced ? (line, bytes) => this.trace(line, bytes) : undefined
    }
  }

  run(): Report {
    return this.report(() => {
      this.begin()
      for (const step of this.plan.steps) {
        this.count(step.type)
        this.trace(`step ${JSON.stringify(step)}`)
        this.operate(step)
        this.scheduler.run(step.tasks)
        this.look()
      }
      this.finish()
    })
  }

  private look(): void {
    if (this.scheduler.idle) { for (const check of this.afterwards.splice(0)) check() }
  }

  // --- who there is ---------------------------------------------------------

  private begin(): void {
    const { balance, proxies, queues, shutdownWaitMillis, slave } = this.plan
    const fiber = this.fork(
      Embedded.make({
        nameServers: 2,
        brokers: [{ name: brokerNames[0]!, slaves: slave ? 1 : 0 }, { name: brokerNames[1]! }],
        topics: [
          { name: topics.plain, queues },
          { name: topics.ordered, queues, messageType: "FIFO" },
          { name: topics.delayed, queues, messageType: "DELAY" },
          { name: topics.transaction, queues, messageType: "TRANSACTION" },
          { name: topics.request, queues }
        ],
        proxies: proxies ? 2 : 0,
        balance,
        shutdownWaitTime: shutdownWaitMillis,
        journalLimit: 0,
        // They are asked for as long as it takes, and soon.
        brokerSettings: { transactionTimeOut: 1_000, transactionCheckInterval: 4_000, transactionCheckMax: 1_000 },
        proxySettings: { transactionHeartbeatPeriodSecond: 3 }
      }).pipe(Scope.provide(this.scope), Effect.provideContext(this.context))
    )
    this.wait(5_000, () => fiber.pollUnsafe() !== undefined, 1)
    const exit = fiber.pollUnsafe()
    if (exit === undefined || Exit.isFailure(exit)) throw new Error("the cluster did not start")
    this.rocketmq = exit.value
    this.rocketmq.journal.listen(({ at, code, name, outcome, responseCode, server }) => {
      this.count(outcome)
      if (this.isTraced) this.trace(`${server} ${name} of ${at}: ${outcome} ${responseCode}`)
      if (outcome === "Failed") this.problem(`${server} failed over ${name} (${code})`)
    })
    this.plan.clients.forEach((_, index) => this.open(index))
  }

  private server({ index, role }: Which): Embedded.Server {
    switch (role) {
      case "broker":
        return this.rocketmq.broker(brokerNames[index])
      case "slave":
        return this.rocketmq.broker(brokerNames[0], 1)
      case "nameServer":
        return this.rocketmq.nameServers[index]!
      case "proxy":
        return this.rocketmq.proxies[index]!
    }
  }

  private get servers(): ReadonlyArray<Embedded.Server> {
    const { brokers, nameServers, proxies } = this.rocketmq
    return [...nameServers, ...brokers, ...proxies]
  }

  private open(index: number): void {
    const plan = this.plan.clients[index]!
    const name = `client ${index}.${this.opened++}`
    const scope = Scope.makeUnsafe()
    const made = this.do(
      Effect.gen({ self: this as Run }, function*() {
        const futures = yield* ResponseFutures.make({ maxInFlight: plan.maxInFlight })
        const remoting = yield* RemotingClient.make({
          metrics: false,
          serialization: plan.serialization,
          connectTimeout: plan.connectMillis,
          registrationTimeout: plan.registrationMillis,
          idleTimeout: plan.idleMillis
        }).pipe(
          Effect.provideService(ResponseFutures.ResponseFutures, futures),
          Effect.provideService(Reconnection.Reconnection, Reconnection.make())
        )
        const own = Context.make(RemotingClient.RemotingClient, remoting)
        const services = yield* Layer.buildWithScope(
          MqClient.layerNoDeps({
            clientIp: `10.1.0.${index + 1}`,
            instanceName: name.replace(" ", "-"),
            nameServers: this.rocketmq.addresses()
          }),
          scope
        ).pipe(Effect.provideContext(own))
        return { futures, services: Context.merge(own, services) }
      }).pipe(
        Scope.provide(scope),
        Effect.provideContext(
          overhear(
            Context.get(this.context, Transport),
            {
              name,
              isBroker: (address) => this.isBroker(index, address),
              // A heartbeat has the time of a request, too.
              patienceMillis: Math.min(plan.registrationMillis, 3_000)
            },
            this.wireLog
          )
        )
      )
    )
    const client: Client = { name, index, scope, ...made, producers: [] }
    this.clients[index] = client
    plan.producers.forEach((_, producer) => this.produce(client, producer, undefined))
  }

  /** Whether a route that a client hands out names an address as a master's. */
  private isBroker(index: number, address: string): boolean {
    const routes = Context.get(this.clients[index]!.services, TopicRoutes)
    return Object.values(topics).some((topic) =>
      [...(routes.getUnsafe(topic)?.brokers.values() ?? [])].some(({ master }) => master === address)
    )
  }

  private produce(client: Client, index: number, drainMillis: number | undefined): void {
    const plan = this.plan.clients[client.index]!.producers[index]!
    const scope = Scope.makeUnsafe()
    const service = this.do(
      Producer.make({
        group: `group-${index}`,
        metrics: false,
        delivery: plan.delivery,
        retries: plan.retries,
        timeout: plan.timeoutMillis,
        maxInFlight: plan.maxInFlight,
        compression: { threshold: plan.threshold },
        avoidance: { failed: plan.avoidMillis },
        ...(drainMillis === undefined ? {} : { drainTimeout: drainMillis }),
        checkTransaction: (message) => Effect.sync(() => this.checked(message))
      }).pipe(Scope.provide(scope), Effect.provideContext(client.services))
    )
    client.producers[index] = {
      name: `${client.name} producer ${index}.${this.made++}`,
      client,
      index,
      plan,
      service,
      scope,
      closed: false
    }
  }

  private closeProducer(producer: LiveProducer): Effect.Effect<void> {
    producer.closed = true
    return Effect.andThen(
      Scope.close(producer.scope, Exit.void),
      Effect.sync(() => {
        // What is telling a broker how a transaction ended finishes that.
        const open = [...this.unsettled.keys()].filter(({ by, kind }) => by === producer && kind !== "transaction")
        this.afterwards.push(() => {
          for (const { id, settlements } of open) {
            if (settlements.length === 0) this.problem(`${id} was not settled when ${producer.name} was closed`)
          }
          const { inFlight, inFlightBytes, waiting } = Effect.runSync(producer.service.stats)
          if (inFlight !== 0 || waiting !== 0 || inFlightBytes !== 0) {
            this.problem(`${producer.name} is closed, with ${inFlight} in flight and ${waiting} waiting`)
          }
        })
      })
    )
  }

  private closeClient(client: Client): void {
    this.closings++
    const closing = Effect.andThen(
      Effect.forEach(client.producers, (producer) => this.closeProducer(producer), { concurrency: "unbounded" }),
      Scope.close(client.scope, Exit.void)
    )
    this.fork(closing).addObserver(() => {
      this.closings--
      const { inFlight } = client.futures.stats()
      if (inFlight !== 0) this.problem(`${client.name} is closed, with ${inFlight} requests in flight`)
    })
  }

  // --- sends ----------------------------------------------------------------

  private checked(message: ReceivedMessage): Decision {
    const call = this.callsById.get(message.properties[idProperty] ?? "")
    const transaction = call?.transaction
    if (call === undefined || transaction === undefined) {
      this.problem(`a broker asked about ${message.properties[idProperty]}, which is no transaction`)
      return "Rollback"
    }
    this.count("asked")
    if (transaction.decided !== undefined) return transaction.decided
    if (call.settlements.length === 0) return "Unknown"
    return transaction.begun ? transaction.check : "Rollback"
  }

  /** Notes down a call that is made now. */
  private noted(
    by: LiveProducer,
    kind: LiveCall["kind"],
    options: Producer.SendOptions,
    message: Omit<Message, "body">,
    how: {
      readonly count?: number
      readonly bodyBytes?: number
      readonly fixed?: boolean
      readonly after?: LiveCall | undefined
    } = {}
  ): { readonly call: LiveCall; readonly messages: ReadonlyArray<Message> } {
    const number = ++this.ids
    const id = `m${number}`
    const timeoutMillis = (options.timeout ?? by.plan.timeoutMillis) as number
    const tags = `tag${number % 3}`
    const messages = Array.from({ length: how.count ?? 1 }, (_, index): Message => ({
      ...message,
      tags,
      keys: id,
      body: `${id}/${index}${"·".repeat(how.bodyBytes ?? 0)}`,
      properties: { [idProperty]: id }
    }))
    const call: LiveCall = {
      id,
      by,
      kind,
      oneway: kind === "oneway",
      repeatable: kind !== "oneway" && (options.delivery ?? by.plan.delivery) === "atLeastOnce",
      deadline: this.now() + timeoutMillis,
      content: contentOf(message.topic, {
        TAGS: tags,
        KEYS: id,
        ...(message.shardingKey === undefined ? {} : { __SHARDINGKEY: message.shardingKey })
      }),
      settlements: [],
      bodies: messages.map(({ body }) => String(body)),
      fixed: how.fixed === true,
      after: how.after,
      startedAt: this.now(),
      result: undefined,
      transaction: undefined,
      recalled: undefined
    }
    this.calls.push(call)
    this.callsById.set(id, call)
    this.trace(`${by.name} ${kind} ${id}`)
    return { call, messages }
  }

  private settled(call: LiveCall, exit: Exit.Exit<SendResult | ReceivedMessage | void, unknown>): void {
    const settlement = this.settlementOf(call, exit)
    call.settlements.push(settlement)
    this.count(settlement.kind)
    this.trace(`settled ${call.id} ${settlement.kind} ${"detail" in settlement ? settlement.detail : ""}`)
  }

  private settlementOf(call: LiveCall, exit: Exit.Exit<SendResult | ReceivedMessage | void, unknown>): Settlement {
    const at = this.now()
    const { id, result } = call
    if (Exit.isFailure(exit)) {
      const error = Cause.squash(exit.cause)
      if (Cause.hasInterruptsOnly(exit.cause)) return { kind: "Interrupted", at }
      if (error instanceof ClientError) {
        const { outcome, reason } = error
        this.count(reason._tag)
        return { kind: outcome, at, detail: `${reason._tag}: ${error.message}` }
      }
      // That of the local transaction.
      if (result !== undefined) return { kind: "Acknowledged", at, id, by: whereOf(call, result) }
      this.problem(`${id} ended with a defect: ${Cause.pretty(exit.cause)}`)
      return { kind: "Unknown", at, detail: String(error) }
    }
    if (call.oneway) return { kind: "Sent", at }
    if (call.kind === "request") {
      this.count("replied")
      const answer = text(exit.value as ReceivedMessage)
      if (answer !== `re: ${id}`) this.problem(`${id} got the reply ${answer}`)
      // That the broker has stored it is not said, and follows.
      return { kind: "Acknowledged", at, id, by: "stored" }
    }
    call.result = exit.value as SendResult
    return { kind: "Acknowledged", at, id, by: whereOf(call, call.result) }
  }

  private followed<A extends SendResult | ReceivedMessage | void, E>(call: LiveCall, sent: Effect.Effect<A, E>): void {
    // On its own stack the call may be settled before anybody can listen.
    const fiber = this.fork(sent)
    this.unsettled.set(call, fiber)
    fiber.addObserver((exit) => {
      this.unsettled.delete(call)
      this.settled(call, exit)
    })
  }

  private send(by: LiveProducer, operation: Operation & { readonly type: "send" }): void {
    const { delivery, send, timeoutMillis } = operation
    const { service } = by
    const options: Producer.SendOptions = {
      ...(timeoutMillis === undefined ? {} : { timeout: timeoutMillis }),
      ...(delivery === undefined ? {} : { delivery })
    }
    this.count(send.kind)
    switch (send.kind) {
      case "send":
        for (let left = send.count; left > 0; left--) {
          const { call, messages } = this.noted(by, send.kind, options, { topic: topics[send.topic] }, {
            bodyBytes: send.bodyBytes
          })
          this.followed(call, service.send(messages[0]!, options))
        }
        break
      case "oneway":
        for (let left = send.count; left > 0; left--) {
          const { call, messages } = this.noted(by, send.kind, options, { topic: topics[send.topic] })
          this.followed(call, service.sendOneway(messages[0]!, options))
        }
        break
      case "batch": {
        const { call, messages } = this.noted(by, send.kind, options, { topic: topics[send.topic] }, {
          count: send.count
        })
        this.followed(call, service.sendBatch(messages, options))
        break
      }
      case "ordered":
        this.chain(by, send, options, undefined, send.count)
        break
      case "delayed": {
        const { call, messages } = this.noted(by, send.kind, options, {
          topic: topics.delayed,
          ...(send.level > 0 ? { delayLevel: send.level } : { delay: send.millis })
        })
        this.followed(
          call,
          Effect.tap(service.send(messages[0]!, options), (result) =>
            Effect.sync(() => {
              if (send.recall && result.recallHandle !== undefined) this.recall(call, result.recallHandle)
            }))
        )
        break
      }
      case "transaction": {
        const { call, messages } = this.noted(by, send.kind, options, { topic: topics.transaction })
        const transaction: Transaction = { begun: false, decided: undefined, check: send.check }
        call.transaction = transaction
        const { local } = send
        const decide = Effect.suspend((): Effect.Effect<Decision, string> => {
          switch (local.kind) {
            case "fail":
              transaction.decided = "Rollback"
              return Effect.fail("the local transaction was told to fail")
            case "interrupt":
              return Effect.interrupt
            case "decide":
              if (local.decision !== "Unknown") transaction.decided = local.decision
              return Effect.succeed(local.decision)
          }
        })
        // Telling the broker has a timeout of its own.
        Object.assign(call, { deadline: call.deadline + local.millis + by.plan.timeoutMillis })
        this.followed(
          call,
          service.sendInTransaction(messages[0]!, (half) => {
            call.result = half
            transaction.begun = true
            if (half.status !== "SendOk") this.problem(`${call.id} began after ${half.status}`)
            return Effect.delay(decide, local.millis)
          }, options)
        )
        break
      }
      case "request": {
        const { call, messages } = this.noted(by, send.kind, options, { topic: topics.request })
        this.followed(call, service.request(messages[0]!, options))
      }
    }
  }

  private recall(call: LiveCall, handle: string): void {
    // Until it is said: the answer of a broker that did recall it may get lost, too.
    call.recalled = "Unknown"
    this.fork(Effect.match(call.by.service.recall(topics.delayed, handle), {
      onSuccess: (messageId) => {
        call.recalled = "Recalled"
        this.count("recalled")
        if (messageId !== call.result?.messageId) this.problem(`${call.id} was recalled as ${messageId}`)
      },
      onFailure: ({ outcome }) => {
        this.count(`recall ${outcome}`)
        if (outcome !== "Unknown") call.recalled = undefined
      }
    }))
  }

  /** Sends to one queue, one after the other. */
  private chain(
    by: LiveProducer,
    send: Send & { readonly kind: "ordered" },
    options: Producer.SendOptions,
    after: LiveCall | undefined,
    left: number
  ): void {
    if (left === 0 || by.closed || this.isOver) return
    const key = `key${send.key}`
    const byKey = send.by === "key"
    const { call, messages } = this.noted(
      by,
      "ordered",
      options,
      byKey ? { topic: topics.ordered, shardingKey: key } : { topic: topics.plain },
      { fixed: true, after }
    )
    const queue = {
      topic: topics.plain,
      brokerName: brokerNames[send.key & 1]!,
      queueId: (send.key >> 1) % this.plan.queues
    }
    const sent = by.service.send(
      messages[0]!,
      byKey ? options : send.by === "queue" ? { ...options, queue } : {
        ...options,
        selector: (queues) => queues.find((one) => one.brokerName === queue.brokerName && one.queueId === queue.queueId)
      }
    )
    this.followed(
      call,
      Effect.onExit(sent, (exit) =>
        Effect.sync(() => {
          if (!Exit.hasInterrupts(exit)) this.chain(by, send, options, call, left - 1)
        }))
    )
  }

  /** Replies to all requests that are stored and were not replied to. */
  private reply(by: LiveProducer): void {
    for (const broker of brokerNames) {
      for (const question of this.rocketmq.messages({ topic: topics.request, broker })) {
        const id = question.properties[idProperty]!
        if (this.replied.has(id)) continue
        this.replied.add(id)
        const { call } = this.noted(by, "reply", {}, { topic: replies })
        Object.assign(call, { bodies: [`re: ${id}`] })
        this.followed(
          call,
          by.service.reply(question, `re: ${id}`, {
            tags: `tag${this.ids % 3}`,
            keys: call.id,
            properties: { [idProperty]: call.id }
          })
        )
      }
    }
  }

  // --- operations -----------------------------------------------------------

  private operate(operation: Operation): void {
    switch (operation.type) {
      case "send":
        this.send(this.clients[operation.client]!.producers[operation.producer]!, operation)
        break
      case "interrupt": {
        const fibers = [...this.unsettled.values()]
        fibers[operation.which % fibers.length]?.interruptUnsafe()
        break
      }
      case "reply":
        this.reply(this.clients[operation.client]!.producers[0]!)
        break
      case "drain":
        this.control(this.server(operation.server).drain)
        break
      case "stop":
        this.control(this.server(operation.server).stop)
        break
      case "start":
        this.control(Effect.orDie(this.server(operation.server).start))
        break
      case "loseStore":
        this.loseStore(operation.server.index)
        break
      case "reset":
        this.network.reset(this.server(operation.server).address)
        break
      case "clear":
        this.control(this.server(operation.server).clearFaults)
        break
      case "inject": {
        const { fault, meets, server, times } = operation
        const codes = codesOf(meets)
        this.count(fault.kind)
        this.control(this.server(server).inject(faultOf(fault, { times, codes })))
        break
      }
      case "status": {
        const { broker, status } = operation
        this.control(this.rocketmq.broker(brokerNames[broker]).setConditions({ putStatus: statuses[status]! }))
        break
      }
      case "network":
        this.network.fault(this.server(operation.server).address, operation.fault)
        break
      case "topic": {
        // Messages of queues that are taken away could not be looked at.
        this.queues = Math.max(this.queues, operation.queues)
        const { permission } = operation
        this.control(this.rocketmq.createTopic({ name: topics.plain, queues: this.queues, permission }))
        break
      }
      case "reopen":
        this.closeClient(this.clients[operation.client]!)
        this.open(operation.client)
        break
      case "reproduce": {
        const client = this.clients[operation.client]!
        this.fork(this.closeProducer(client.producers[operation.producer]!))
        this.produce(client, operation.producer, operation.drain)
        break
      }
      case "pass":
        this.pass(operation.millis)
    }
  }

  /** Has something done to the cluster, however long it takes. */
  private control(effect: Effect.Effect<void>): void {
    this.closings++
    this.fork(effect).addObserver((exit) => {
      this.closings--
      if (Exit.isFailure(exit)) this.problem(`the cluster failed: ${Cause.pretty(exit.cause)}`)
    })
  }

  private loseStore(index: number): void {
    const broker = this.rocketmq.broker(brokerNames[index])
    this.control(broker.stop)
    this.scheduler.run()
    if (broker.state !== "stopped") return
    this.lost.push(...this.storedAt(index, true))
    this.stores[index]!++
    this.count("lostStore")
    this.control(Effect.orDie(broker.restart({ graceful: false, keepStore: false })))
  }

  // --- stores ---------------------------------------------------------------

  private storedAt(index: number, lost: boolean): ReadonlyArray<Stored> {
    const broker = brokerNames[index]!
    const store = `${broker}.${this.stores[index]}`
    return [...Object.values(topics), replies, transactionHalfTopic, scheduleTopic, timerTopic].flatMap((topic) =>
      this.rocketmq.messages({ topic, broker }).map((message) => ({ store, broker, lost, topic, message }))
    )
  }

  private everything(): ReadonlyArray<Stored> {
    return [...this.lost, ...this.storedAt(0, false), ...this.storedAt(1, false)]
  }

  // --- the end --------------------------------------------------------------

  private finish(): void {
    this.isOver = true
    this.quieten()
    const last = Math.max(this.now(), ...[...this.unsettled.keys()].map((call) => call.deadline))
    this.pass(last - this.now() + 1)
    for (const call of this.unsettled.keys()) this.problem(`${call.id} was not settled at its deadline`)
    if (!this.wait(60_000, () => this.closings === 0 && this.servers.every(({ state }) => state !== "draining"))) {
      this.problem(`${this.closings} that was begun did not end`)
    }
    for (const server of this.servers) this.control(Effect.orDie(server.start))
    this.wait(30_000, () => this.closings === 0)
    this.control(this.rocketmq.createTopic({ name: topics.plain, queues: this.queues }))
    // Name servers hear of brokers within 30 seconds, and clients of what those know within another 30.
    this.pass(65_000)
    this.recover()
    this.complete()
    this.registered()
    const clients = this.clients.map(({ services }) => Context.get(services, MqClient.MqClient).clientId)
    for (const client of this.clients) this.closeClient(client)
    this.wait(20_000, () => this.closings === 0)
    this.look()
    if (this.unsettled.size > 0) this.problem(`${this.unsettled.size} sends outlive their client`)
    this.pass(5_000)
    this.unregistered(clients)
    const stored = this.everything()
    for (const server of this.servers) this.control(server.stop)
    this.pass(5_000)
    for (const { address, name } of this.servers) {
      const open = this.network.connections(address)
      if (open > 0) this.problem(`after everything was closed, ${name} has ${open} connections`)
    }
    this.end()
    this.judge(stored)
  }

  /** Nothing goes wrong any more. */
  private quieten(): void {
    const addresses = [...this.servers.map(({ address }) => address), ...this.rocketmq.addresses()]
    for (const address of addresses) {
      this.network.fault(address, undefined)
      // Bytes that a black hole has swallowed take up the window for good; they would be sent again.
      if (this.plan.window < 10_000) this.network.reset(address)
    }
    for (const server of this.servers) this.control(server.clearFaults)
    for (const broker of this.rocketmq.brokers) this.control(broker.setConditions({ putStatus: "SUCCESS" }))
    this.scheduler.run()
  }

  /** With every fault lifted and every server up, every producer is served again, at once and by every broker. */
  private recover(): void {
    this.warmUp()
    const made: Array<LiveCall> = []
    for (const { producers } of this.clients) {
      for (const by of producers) {
        const options = { timeout: 3_000 }
        const ask = (topic: string, send: (message: Message) => Effect.Effect<SendResult, unknown>, more = {}) => {
          const { call, messages } = this.noted(by, "send", options, { topic }, more)
          this.followed(call, send(messages[0]!))
          this.scheduler.run()
          made.push(call)
        }
        ask(topics.plain, (message) => by.service.send(message, options))
        for (const brokerName of brokerNames) {
          const queue = { topic: topics.plain, brokerName, queueId: 0 }
          ask(topics.plain, (message) => by.service.send(message, { ...options, queue }), { fixed: true })
        }
        const { call, messages } = this.noted(by, "transaction", options, { topic: topics.transaction })
        const transaction: Transaction = { begun: true, decided: "Commit", check: "Commit" }
        call.transaction = transaction
        Object.assign(call, { deadline: call.deadline + by.plan.timeoutMillis })
        this.followed(call, by.service.sendInTransaction(messages[0]!, () => Effect.succeed("Commit"), options))
        made.push(call)
        this.pass(100)
      }
    }
    this.wait(15_000, () => made.every(({ settlements }) => settlements.length > 0))
    for (const { by, id, settlements } of made) {
      const [settlement] = settlements
      if (settlement?.kind !== "Acknowledged") {
        this.problem(`${by.name} did not recover: ${id} ${JSON.stringify(settlement)}`)
      }
    }
  }

  /**
   * A proxy that nobody has asked for long answers first with what it knew, of
   * the topic, its type and its broker, and learns meanwhile; and it finds its
   * broken connections when it needs them. What it knows is 20 seconds old
   * before it asks anew, and it asks for a type where the topic was, and for a
   * broker once the type is right: four times, one after the other. A client
   * that asks for the route every 30 seconds hears of a change meanwhile, too.
   */
  private warmUp(): void {
    if (!this.plan.proxies) return
    for (let round = 0; round < 4; round++) {
      for (const { producers } of this.clients) {
        const by = producers[0]!
        for (const topic of [topics.plain, topics.transaction]) {
          for (const brokerName of brokerNames) {
            const options = { timeout: 1_000, queue: { topic, brokerName, queueId: 0 } }
            const { call, messages } = this.noted(by, "send", options, { topic }, { fixed: true })
            this.followed(call, by.service.send(messages[0]!, options))
          }
        }
      }
      this.pass(21_000)
    }
  }

  /** What is delayed is delivered, and what was asked about is answered. */
  private complete(): void {
    this.pass(20_000)
    this.wait(60_000, () => {
      const visible = new Set(
        this.rocketmq.messages(topics.transaction).map(({ properties }) => properties[idProperty]!)
      )
      const halves = this.rocketmq.messages(transactionHalfTopic).map(({ properties }) => properties[idProperty]!)
      return halves.every((id) => visible.has(id) || this.callsById.get(id)?.transaction?.decided !== "Commit")
    }, 4_000)
  }

  private registered(): void {
    if (this.plan.proxies) return
    for (const client of this.clients) {
      const { clientId } = Context.get(client.services, MqClient.MqClient)
      for (const { service } of client.producers) {
        for (const name of brokerNames) {
          if (!this.rocketmq.broker(name).producers(service.group).includes(clientId)) {
            this.problem(`${clientId} is not registered at ${name} for ${service.group}`)
          }
        }
      }
    }
  }

  private unregistered(clients: ReadonlyArray<string>): void {
    for (const name of brokerNames) {
      for (const group of ["group-0", "group-1"]) {
        for (const clientId of this.rocketmq.broker(name).producers(group)) {
          if (clients.includes(clientId)) this.problem(`${clientId} is closed, and registered at ${name} still`)
        }
      }
    }
  }

  // --- judging --------------------------------------------------------------

  private judge(stored: ReadonlyArray<Stored>): void {
    const found = new Map<string, Array<Stored>>()
    for (const one of stored) {
      const id = one.message.properties[idProperty]
      if (id === undefined) {
        // What takes a delayed message back waits among them, under its own name.
        if (one.topic !== timerTopic) this.problem(`a message of ${one.topic} has no id`)
        continue
      }
      const known = found.get(id)
      if (known === undefined) found.set(id, [one])
      else known.push(one)
    }
    const executions: Array<Execution> = []
    for (const [id, ones] of found) {
      const call = this.callsById.get(id)
      // What nobody asked for is an execution too, which the history's rules find.
      if (call === undefined) executions.push({ id, at: 0, by: ones[0]!.store, content: "" })
      else executions.push(...this.executionsOf(call, ones))
    }
    const { attempts, calls, refusals } = this
    for (const { detail, rule, subject } of checkHistory({ calls, executions, wire: { attempts, refusals } })) {
      this.problem(`${rule}: ${subject}: ${detail}`)
    }
    for (const call of calls) {
      const ones = found.get(call.id) ?? []
      if (call.transaction !== undefined) this.judgeTransaction(call, call.transaction, ones)
      if (call.kind === "delayed") this.judgeDelayed(call, ones)
    }
    this.judgeQueues()
    this.judgeOrder(found)
  }

  /** The messages by which a send was executed; those that came of them are none. */
  private executionsOf(call: LiveCall, ones: ReadonlyArray<Stored>): ReadonlyArray<Execution> {
    const executions: Array<Execution> = []
    ones.forEach(({ broker, message, store, topic }) => {
      const { properties, queueId, queueOffset } = message
      const body = text(message)
      if (!call.bodies.includes(body)) this.problem(`${call.id} is stored with the body ${body.slice(0, 50)}`)
      if (call.transaction !== undefined || call.kind === "delayed") {
        if (topic === topics.transaction || topic === topics.delayed) return
        // Put back to be asked about again.
        if (properties[PropertyName.TRANSACTION_CHECK_TIMES] !== undefined) return
      }
      // Of a batch the first stands for all.
      if (body !== call.bodies[0]) return
      if (call.kind === "batch") this.judgeBatch(call, ones, store, queueId, queueOffset)
      executions.push({
        id: call.id,
        at: message.storeTimestamp,
        by: call.kind === "request" ? "stored" : spot(call, broker, queueId, queueOffset),
        content: contentOf(properties[PropertyName.REAL_TOPIC] ?? topic, properties)
      })
    })
    return executions
  }

  /** All of a batch is there, one after the other. */
  private judgeBatch(call: LiveCall, ones: ReadonlyArray<Stored>, store: string, queueId: number, first: number): void {
    call.bodies.forEach((body, index) => {
      const there = ones.some(({ message, store: other }) =>
        other === store && message.queueId === queueId && message.queueOffset === first + index &&
        text(message) === body
      )
      if (!there) this.problem(`${call.id}: message ${index} of the batch is not at ${first + index}`)
    })
  }

  private judgeTransaction(call: LiveCall, transaction: Transaction, ones: ReadonlyArray<Stored>): void {
    const visible = ones.filter(({ topic }) => topic === topics.transaction)
    const halves = ones.filter(({ topic }) => topic === transactionHalfTopic)
    const decision = transaction.decided ?? (transaction.begun ? transaction.check : "Rollback")
    this.count(`transaction ${decision}`)
    if (decision === "Rollback" && visible.length > 0) {
      this.problem(`${call.id} was rolled back, and is visible at ${visible.map(({ store }) => store).join(", ")}`)
    }
    if (decision === "Commit" && visible.length === 0 && !halves.some(({ lost }) => lost)) {
      this.problem(`${call.id} was committed, and is not visible`)
    }
  }

  private judgeDelayed(call: LiveCall, ones: ReadonlyArray<Stored>): void {
    const waiting = ones.filter(({ topic }) => topic === scheduleTopic || topic === timerTopic)
    const delivered = ones.filter(({ topic }) => topic === topics.delayed)
    for (const store of new Set(ones.map((one) => one.store))) {
      const due = waiting.filter((one) => one.store === store)
      const came = delivered.filter((one) => one.store === store)
      const lost = ones.some((one) => one.store === store && one.lost)
      if (came.length > due.length || (came.length < due.length && !lost && call.recalled === undefined)) {
        this.problem(`${call.id} is ${due.length} times delayed at ${store}, and ${came.length} times delivered`)
      }
      if (call.recalled === "Recalled" && call.result?.attempts === 1 && came.length > 0) {
        this.problem(`${call.id} was recalled, and delivered`)
      }
      const [first] = due
      if (first === undefined) continue
      const { DELAY: level, TIMER_OUT_MS: at } = first.message.properties
      const earliest = at === undefined ? first.message.storeTimestamp + delayMillis[Number(level)]! : Number(at)
      for (const { message } of came) {
        if (message.storeTimestamp < Math.floor(earliest / 1_000) * 1_000) {
          this.problem(`${call.id} is due at ${earliest}, and was delivered at ${message.storeTimestamp}`)
        }
      }
    }
  }

  /** Whoever is sent to one queue is sent to no other. */
  private judgeQueues(): void {
    const queues = new Map<string, string>()
    for (const { id, queue } of this.attempts) {
      if (this.callsById.get(id)?.fixed !== true) continue
      const before = queues.get(id)
      if (before !== undefined && before !== queue) this.problem(`${id} was sent to ${before}, and then to ${queue}`)
      queues.set(id, queue)
    }
  }

  /** Of two of a chain the second is stored after the first, if the first was sent once and acknowledged. */
  private judgeOrder(found: ReadonlyMap<string, ReadonlyArray<Stored>>): void {
    for (const call of this.calls) {
      const { after } = call
      if (after?.result?.attempts !== 1) continue
      for (const first of found.get(after.id) ?? []) {
        for (const second of found.get(call.id) ?? []) {
          if (
            first.store === second.store && first.message.queueId === second.message.queueId &&
            first.message.queueOffset >= second.message.queueOffset
          ) this.problem(`${call.id} was sent after ${after.id}, and is stored before it`)
        }
      }
    }
  }
}

/** The place of a message in a store, as far as what is answered tells it. */
const spot = (call: LiveCall, broker: string, queueId: number, queueOffset: number): string =>
  call.transaction !== undefined || call.kind === "delayed" ? broker : `${broker} ${queueId} ${queueOffset}`

const whereOf = (call: LiveCall, { queue, queueOffset }: SendResult): string =>
  spot(call, queue.brokerName, queue.queueId, queueOffset)

/** Runs a plan from beginning to end. */
export const simulate = (plan: Plan, options: RunOptions = {}): Report => new Run(plan, options).run()
