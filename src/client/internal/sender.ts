/**
 * The way of a message from the app to a broker.
 *
 * Its first attempt is plain code under one `Effect.callback`: validation,
 * route, queue, header, request, and the answer. Whatever does not go as it
 * mostly goes – no route yet, no room, a failed attempt – is left to an Effect
 * that takes its place. Each step more that is taken per message costs 1 to 3 %
 * of the rate at 64 in flight, and a timer or fork some 30 %.
 */
import * as Cause from "effect/Cause"
import type * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Effectable from "effect/Effectable"
import * as Exit from "effect/Exit"
import { isViolation } from "../../protocol/header/HeaderCodec.ts"
import * as SendAnswer from "../../protocol/header/SendAnswer.ts"
import { SendMessageRequestHeaderV2, SendMessageResponseHeader } from "../../protocol/header/SendMessage.ts"
import * as MessageProperties from "../../protocol/message/MessageProperties.ts"
import { autoCreateTopic } from "../../protocol/message/Names.ts"
import { FieldsTemplate } from "../../protocol/PreparedFields.ts"
import type { ExtFields, RemotingCommand } from "../../protocol/RemotingCommand.ts"
import { ResponseCode } from "../../protocol/ResponseCode.ts"
import type { Fork } from "../../remoting/Fibers.ts"
import type { InvokeOptions, Service as RemotingService } from "../../remoting/RemotingClient.ts"
import type { Outcome, RemotingError } from "../../remoting/RemotingError.ts"
import { worst } from "../../remoting/RemotingError.ts"
import type { RemotingRequest } from "../../remoting/RemotingRequest.ts"
import type { ApiError, BrokerError, SendAttempt } from "../ClientError.ts"
import {
  brokerError,
  ClientError,
  clientError,
  DeadlineExceeded,
  fromApiError,
  keptAttempts,
  MalformedResponse,
  NoQueue,
  SendFailed,
  ShuttingDown,
  TooManyMessages,
  TopicNotFound
} from "../ClientError.ts"
import type { Message, SendResult, SendStatus } from "../Message.ts"
import type { MessageQueue, Service as RoutesService } from "../TopicRoutes.ts"
import type { HealthRegistry } from "./brokerHealth.ts"
import type { Additions, OutgoingSettings } from "./outgoing.ts"
import * as Outgoing from "./outgoing.ts"
import * as Refusals from "./refusals.ts"
import type { Entry, Waiter } from "./sendGate.ts"
import { SendGate } from "./sendGate.ts"
import type { UniqKeys } from "./uniqKeys.ts"
import type { WriteTarget } from "./writeRoute.ts"
import { WriteRoute } from "./writeRoute.ts"

/**
 * A proxy gives the route of the default topic for one that does not exist, and refuses the message: no topic has the
 * type that it takes that one to have (RocketMQ 5.5.0 `DefaultTopicMessageTypeValidator`).
 */
const isMissingTopic = ({ code, remark }: BrokerError): boolean =>
  code === ResponseCode.MESSAGE_ILLEGAL && remark !== undefined && remark.includes("expected type is UNSPECIFIED")

/** See `Producer.Delivery`. */
export type Delivery = "atLeastOnce" | "atMostOnce"

/** See `Producer.QueueSelector`. */
export type QueueSelector = (queues: ReadonlyArray<MessageQueue>, message: Message) => MessageQueue | undefined

/** What one send asks for, resolved: one object serves all sends that ask for the same. */
export interface SendSettings {
  readonly timeoutMillis: number
  readonly delivery: Delivery
  readonly queue: MessageQueue | undefined
  readonly selector: QueueSelector | undefined
  /** Of a first attempt when the message may go to another address instead. */
  readonly moving: InvokeOptions
  /** Of a first attempt when it may not. */
  readonly staying: InvokeOptions
  /** Of a first attempt at the only broker of a route. */
  readonly alone: InvokeOptions
}

/** What senders are made of. */
export interface SenderParts {
  readonly remoting: RemotingService
  readonly routes: RoutesService
  readonly clock: Clock.Clock
  readonly fork: Fork
  readonly random: () => number
  readonly uniqKeys: UniqKeys
  readonly health: HealthRegistry
  /** The group, as brokers name it. */
  readonly group: string
  readonly wrap: (topic: string) => string
  readonly outgoing: OutgoingSettings
  readonly retries: number
  readonly retryCodes: ReadonlySet<number>
  readonly queuesOfNewTopics: number
  readonly maxMessages: number
  readonly maxBytes: number
}

/** Counts for metrics. */
export interface SenderCounters {
  acknowledged: number
  notSent: number
  notProcessed: number
  unknown: number
  interrupted: number
  /** Attempts beyond the first. */
  retries: number
  /** Bytes of bodies that were acknowledged, as they were sent. */
  bytes: number
}

/** One topic that is sent to. */
class TopicState {
  readonly topic: string
  /** The topic as brokers name it. */
  readonly wireName: string
  route: WriteRoute | undefined = undefined
  /** Whose turn it is. */
  turn: number
  /** Messages have been sent by sharding key. */
  sharded = false
  /** When the name servers last had their say because sends failed, in monotonic milliseconds. */
  askedAt = -Infinity

  constructor(topic: string, wireName: string, turn: number) {
    this.topic = topic
    this.wireName = wireName
    this.turn = turn
  }
}

/** Timeouts below this are counted from the call itself; longer ones may end early by as long as its turn had run. */
const exactMillis = 1_000

/** A message that has gone round waits before it goes round again: at first so long, then twice as long each time. */
const firstPauseMillis = 20
const maxPauseMillis = 250

/** How long sends of one topic that fail leave the name servers alone after they have asked them. */
const askSpacingMillis = 1_000

const statuses: Readonly<Record<number, SendStatus>> = {
  [ResponseCode.SUCCESS]: "SendOk",
  [ResponseCode.FLUSH_DISK_TIMEOUT]: "FlushDiskTimeout",
  [ResponseCode.FLUSH_SLAVE_TIMEOUT]: "FlushSlaveTimeout",
  [ResponseCode.SLAVE_NOT_AVAILABLE]: "SlaveNotAvailable"
}

const separator = MessageProperties.propertySeparator

/** How long closing waits for what is in flight. */
const defaultDrainMillis = 5_000

/** As many turns as what needs no time may take to finish. */
const turns = Effect.forEach(Array.from({ length: 20 }), () => Effect.yieldNow, { discard: true })

const noTargets: ReadonlyArray<WriteTarget> = []

const noAttempts: ReadonlyArray<SendAttempt> = []

/** Reasons that lie on this side: another broker would make no difference. */
const ownFaults: ReadonlySet<string> = new Set(["FrameTooLarge", "InvalidRequest", "HookFailed", "ShuttingDown"])

/** Reasons after which a broker may be gone for good. */
/**
 * GO_AWAYs that a message survives at the only broker of its route: enough to get past servers that leave a load
 * balancer, and few enough to find out soon that the topic has another broker by now.
 */
export const goAwayHops = 2

const goneReasons: ReadonlySet<string> = new Set(["GoAway", "ConnectFailed", "ChannelClosed", "Timeout"])

/** Codes that say something about the broker as a whole. */
const brokerCodes: ReadonlySet<number> = new Set([
  ResponseCode.SYSTEM_ERROR,
  ResponseCode.SYSTEM_BUSY,
  ResponseCode.SERVICE_NOT_AVAILABLE,
  ResponseCode.FLOW_CONTROL,
  ResponseCode.GO_AWAY
])

/** Codes that say something about the topic there: the last one that it has fewer queues than the route. */
const routeCodes: ReadonlySet<number> = new Set([
  ResponseCode.TOPIC_NOT_EXIST,
  ResponseCode.NO_PERMISSION,
  ResponseCode.INVALID_PARAMETER
])

/** Whether the route may be out of date. */
const mayHaveMoved = (failure: ApiError): boolean =>
  failure._tag === "RemotingError"
    ? goneReasons.has(failure.reason._tag)
    : failure._tag === "BrokerError" && failure.denial === undefined && routeCodes.has(failure.code)

/** Whether it speaks against the broker. */
const isBrokersFault = (failure: ApiError): boolean =>
  failure._tag === "RemotingError"
    ? !ownFaults.has(failure.reason._tag) && failure.reason._tag !== "TooManyRequests"
    : failure._tag === "BrokerError" && failure.denial === undefined && brokerCodes.has(failure.code)

const sameQueues = (left: WriteRoute, right: WriteRoute): boolean =>
  left.targets.length === right.targets.length &&
  left.targets.every(({ queue }, index) => {
    const other = right.queues[index]
    return queue.brokerName === other.brokerName && queue.queueId === other.queueId
  })

const isSameTarget = (left: WriteTarget, right: WriteTarget): boolean =>
  left.queueId === right.queueId && left.brokerName === right.brokerName && left.address === right.address

/** Why there is no further attempt. */
interface Verdict {
  readonly detail: string
  /** No attempt at all would have had another end. */
  readonly pointless: boolean
}

/** Whoever listens to one send; a oneway one ends with `undefined`. */
export type Resume = (effect: Effect.Effect<SendResult | undefined, ClientError>) => void

/** What is sent, and how. */
export interface Send {
  readonly message: Message
  readonly settings: SendSettings
  /** No answer is waited for. */
  readonly oneway: boolean
  /** Requests are to have spans. */
  readonly traced: boolean
  readonly additions: Additions | undefined
}

/**
 * One send, and the Effect that gives it up, for `Effect.callback` to run on
 * interruption.
 */
export class SendCall extends Effectable.Class<void> {
  readonly sender: Sender
  readonly state: TopicState
  readonly outgoing: Outgoing.Outgoing
  readonly message: Message
  readonly settings: SendSettings
  readonly oneway: boolean
  readonly traced: boolean
  readonly resume: Resume
  readonly size: number
  /** Milliseconds since 1970. */
  readonly bornAt: number
  /** Monotonic milliseconds. */
  readonly startedAt: number
  readonly deadline: number
  /** It had to wait for room, so some of its time is gone. */
  hasWaited = false
  /** The one queue that the message may go to. */
  fixed: WriteTarget | undefined = undefined
  /** Where the present attempt goes, and since when. */
  target: WriteTarget | undefined = undefined
  attemptAt = 0
  attempts = 0
  /** Attempts that failed in a way that counts against the retries. */
  counted = 0
  /** The first ones and the last ones. */
  failures: ReadonlyArray<SendAttempt> = noAttempts
  /** Where it has been, each queue once, the last one last. */
  tried: ReadonlyArray<WriteTarget> = noTargets
  /** The route that was last gone by. */
  route: WriteRoute | undefined = undefined
  /** Of all attempts that have ended. */
  outcome: Outcome = "NotSent"
  waiter: Waiter | undefined = undefined
  /** Gives the request of the first attempt up. */
  request: Effect.Effect<void> | undefined = undefined
  /** It takes part in what is in flight. */
  live = false
  // Intrusive list of what is in flight: a Set costs ten times as much.
  previous: SendCall | undefined = undefined
  next: SendCall | undefined = undefined

  constructor(
    sender: Sender,
    state: TopicState,
    outgoing: Outgoing.Outgoing,
    send: Send,
    bornAt: number,
    startedAt: number,
    resume: Resume
  ) {
    super()
    this.sender = sender
    this.state = state
    this.outgoing = outgoing
    this.message = send.message
    this.settings = send.settings
    this.oneway = send.oneway
    this.traced = send.traced
    this.resume = resume
    this.size = outgoing.body.length
    this.bornAt = bornAt
    this.startedAt = startedAt
    this.deadline = startedAt + send.settings.timeoutMillis
  }

  override asEffect(): Effect.Effect<void> {
    return Effect.suspend(() => this.sender.abandon(this))
  }
}

const refuse = (resume: Resume, error: ClientError): undefined => resume(Exit.fail(error)) as undefined

/** Sends the messages of one producer. */
export class Sender {
  readonly counters: SenderCounters = {
    acknowledged: 0,
    notSent: 0,
    notProcessed: 0,
    unknown: 0,
    interrupted: 0,
    retries: 0,
    bytes: 0
  }
  readonly gate: SendGate
  readonly parts: SenderParts
  private readonly topics = new Map<string, TopicState>()
  private head: SendCall | undefined = undefined
  /** Sends in flight, and what else is being done for somebody. */
  private active = 0
  private closing = false
  private readonly idle = Deferred.makeUnsafe<void>()
  private readonly terminated = Deferred.makeUnsafe<void>()
  private wall = 0
  private monotonic = 0
  private turnKnown = false
  private lastBornAt = Number.NaN
  private lastBornText = ""

  constructor(parts: SenderParts) {
    this.parts = parts
    this.gate = new SendGate(parts.maxMessages, parts.maxBytes, {
      now: () => this.exactNow(),
      after: (millis, then) =>
        parts.fork(Effect.andThen(millis > 0 ? Effect.sleep(millis) : Effect.yieldNow, Effect.sync(then)))
    })
  }

  // --- time -------------------------------------------------------------------

  /** Monotonic milliseconds. */
  exactNow(): number {
    return Number(this.parts.clock.monotonicTimeNanosUnsafe()) / 1_000_000
  }

  /** The same, read once in a turn of the event loop: a reading a message costs 2 % of the rate at 64 in flight. */
  private now(): number {
    this.readClocks()
    return this.monotonic
  }

  private readClocks(): void {
    if (this.turnKnown) return
    // Sleeps of a test clock may end between two milliseconds.
    this.wall = Math.floor(this.parts.clock.currentTimeMillisUnsafe())
    this.monotonic = this.exactNow()
    this.turnKnown = true
    queueMicrotask(this.endTurn)
  }

  private readonly endTurn = (): void => {
    this.turnKnown = false
  }

  // --- the way in ---------------------------------------------------------------

  /** Sends one message. Returns what gives it up. */
  start(send: Send, resume: Resume): Effect.Effect<void> | undefined {
    if (this.closing) return refuse(resume, this.closed("NotSent"))
    const state = this.topicState(send.message.topic)
    if (state instanceof ClientError) return refuse(resume, state)
    this.readClocks()
    const outgoing = Outgoing.single(
      send.message,
      this.parts.uniqKeys.next(this.wall),
      this.parts.outgoing,
      send.additions
    )
    return outgoing instanceof ClientError ? refuse(resume, outgoing) : this.admit(state, outgoing, send, resume)
  }

  /** Sends several messages as one. Returns what gives them up. */
  startBatch(
    messages: ReadonlyArray<Message>,
    send: Omit<Send, "message">,
    context: ((message: Message) => string) | undefined,
    resume: Resume
  ): Effect.Effect<void> | undefined {
    if (this.closing) return refuse(resume, this.closed("NotSent"))
    if (!Array.isArray(messages)) return refuse(resume, Refusals.invalidMessage("", "batch", "is no array"))
    const [message] = messages as ReadonlyArray<Message>
    if (messages.length === 0) return refuse(resume, Refusals.invalidMessage("", "batch", "is empty"))
    if (!Outgoing.isMessage(message)) return refuse(resume, Refusals.noMessage())
    const state = this.topicState(message.topic)
    if (state instanceof ClientError) return refuse(resume, state)
    this.readClocks()
    const { outgoing: settings, uniqKeys } = this.parts
    const messageIds = messages.map(() => uniqKeys.next(this.wall))
    const outgoing = Outgoing.batch(messages, messageIds, uniqKeys.next(this.wall), settings, context)
    return outgoing instanceof ClientError
      ? refuse(resume, outgoing)
      : this.admit(state, outgoing, { ...send, message }, resume)
  }

  /** Has a topic sent to by another name than the client gives it. */
  declare(topic: string, wireName: string): void {
    if (!this.topics.has(topic)) this.topics.set(topic, this.newState(topic, wireName))
  }

  private newState(topic: string, wireName: string): TopicState {
    return new TopicState(topic, wireName, Math.floor(this.parts.random() * 0xffff))
  }

  private topicState(topic: string): TopicState | ClientError {
    const known = this.topics.get(topic)
    if (known !== undefined) return known
    const wireName = typeof topic === "string" ? this.parts.wrap(topic) : topic
    const invalid = Outgoing.checkTopic(wireName)
    if (invalid !== undefined) return invalid
    const state = this.newState(topic, wireName)
    this.topics.set(topic, state)
    return state
  }

  /** Takes in a message that is as it must be; it waits for room, if there is none. */
  private admit(
    state: TopicState,
    outgoing: Outgoing.Outgoing,
    send: Send,
    resume: Resume
  ): Effect.Effect<void> {
    const { timeoutMillis } = send.settings
    const startedAt = timeoutMillis < exactMillis ? this.exactNow() : this.monotonic
    const call = new SendCall(this, state, outgoing, send, this.wall, startedAt, resume)
    // Not a number is no time either.
    if (!(timeoutMillis > 0)) {
      const full = this.gate.full(call.size) !== undefined
      this.keepOut(call, full ? this.tooMany(call) : this.deadlineExceeded(call))
    } else if (this.gate.tryEnter(call.size)) this.begin(call)
    else {
      call.hasWaited = true
      call.waiter = this.gate.wait(call.size, call.deadline, (entry) => this.waited(call, entry))
    }
    return call
  }

  private waited(call: SendCall, entry: Entry): void {
    call.waiter = undefined
    if (entry === "entered") this.begin(call)
    else this.keepOut(call, entry === "closed" ? this.closed("NotSent") : this.tooMany(call))
  }

  private keepOut(call: SendCall, error: ClientError): void {
    this.counters.notSent++
    call.resume(Exit.fail(error))
  }

  private tooMany(call: SendCall): ClientError {
    const kind = this.gate.full(call.size) ?? "messages"
    const limit = kind === "messages" ? this.gate.maxMessages : this.gate.maxBytes
    return clientError(new TooManyMessages({ kind, limit }))
  }

  // --- the first attempt --------------------------------------------------------

  private begin(call: SendCall): void {
    const { head } = this
    call.live = true
    call.next = head
    if (head !== undefined) head.previous = call
    this.head = call
    this.active++
    const route = this.knownRoute(call.state)
    // Requests that are to have spans are made by `invoke`.
    if (call.traced || route === undefined) {
      this.goOnSoon(call, undefined)
      return
    }
    let target: WriteTarget | undefined
    try {
      target = this.firstTarget(call, route)
    } catch (defect) {
      this.release(call)
      this.counters.notSent++
      call.resume(Exit.die(defect))
      return
    }
    if (target === undefined) {
      this.goOnSoon(call, undefined)
      return
    }
    this.aim(call, route, target, this.now())
    const moves = route.several && call.fixed === undefined
    const options = call.hasWaited
      ? this.optionsOf(call, moves)
      : moves
      ? call.settings.moving
      : call.fixed === undefined
      ? call.settings.alone
      : call.settings.staying
    const request = this.parts.remoting.submitUnsafe(
      target.address,
      this.requestTo(call, target),
      options,
      call.oneway,
      (exit) => this.answered(call, exit)
    )
    // It may have been answered already, and the call be over.
    if (call.live && call.target === target) call.request = request
  }

  private answered(call: SendCall, exit: Exit.Exit<RemotingCommand | undefined, RemotingError>): void {
    if (!call.live) return
    const { request } = call
    call.request = undefined
    const result = Exit.isSuccess(exit) ? this.resultOf(call, exit.value) : errorOf(exit)
    if (result === undefined && Exit.isFailure(exit)) {
      // A defect of the client below.
      call.target?.health.undecided()
      this.counters.unknown++
      this.release(call)
      call.resume(Effect.die(Cause.squash(exit.cause)))
      return
    }
    if (result instanceof Error) {
      // Without a request it is answered within `submitUnsafe`.
      if (request === undefined) this.goOnSoon(call, result)
      else call.resume(this.goOn(call, result))
      return
    }
    this.acknowledged(call)
    this.release(call)
    call.resume(Exit.succeed(result))
  }

  /** The route that is known now, in the producer's form; `undefined` when there is no queue in it. */
  private knownRoute(state: TopicState): WriteRoute | undefined {
    const route = this.parts.routes.getUnsafe(state.wireName)
    if (route === undefined) return undefined
    const known = state.route
    if (known !== undefined && known.route === route) return known.targets.length === 0 ? undefined : known
    const made = new WriteRoute(route, state.topic, this.parts.health)
    if (state.sharded && known !== undefined && known.targets.length > 0 && !sameQueues(known, made)) {
      this.parts.fork(
        Effect.logWarning(
          `topic ${state.topic} has ${made.targets.length} queues to send to, and had ${known.targets.length}: ` +
            "messages of a sharding key may go to another queue than before"
        )
      )
    }
    state.route = made
    return made.targets.length === 0 ? undefined : made
  }

  /** Where the message goes first; `undefined`: the queue that it must go to is not in the route. */
  private firstTarget(call: SendCall, route: WriteRoute): WriteTarget | undefined {
    const { message, settings, state } = call
    let { queue } = settings
    if (settings.selector !== undefined) queue = settings.selector(route.queues, message)
    if (queue !== undefined) {
      return queue.topic === state.topic ? call.fixed = route.find(queue.brokerName, queue.queueId) : undefined
    }
    if (settings.selector !== undefined) return undefined
    if (message.shardingKey !== undefined) {
      state.sharded = true
      return call.fixed = route.ofShardingKey(message.shardingKey)
    }
    const turn = state.turn++
    if (this.parts.health.unwell === 0) return route.targets[turn % route.targets.length]
    return route.choose(turn, this.now(), noTargets)
  }

  private aim(call: SendCall, route: WriteRoute, target: WriteTarget, now: number): void {
    call.route = route
    call.target = target
    call.attemptAt = now
    call.attempts++
    target.health.chosen()
  }

  private requestTo(call: SendCall, target: WriteTarget): RemotingRequest {
    const { outgoing } = call
    const { body, code, others, uniqKey } = outgoing
    if (outgoing.sysFlag !== 0 || outgoing.flag !== 0 || outgoing.batch) {
      return {
        code,
        extFields: this.headerOf(call.state, target, outgoing, call.bornAt, outgoing.properties),
        prepared: undefined,
        body
      }
    }
    // Most messages: of their headers no more is written each time than what differs, which saves 1 µs each.
    const prepared = others === Outgoing.waits
      ? (target.bareTemplate ??= this.templateOf(call, target, separator + others)).fill(this.bornText(call), uniqKey)
      : (target.template ??= this.templateOf(call, target, "")).fill(this.bornText(call), uniqKey + separator + others)
    return { code, extFields: undefined, prepared, body }
  }

  private headerOf(
    state: TopicState,
    target: WriteTarget,
    outgoing: Outgoing.Outgoing,
    bornTimestamp: number,
    properties: string
  ): ExtFields {
    return SendMessageRequestHeaderV2.encode({
      producerGroup: this.parts.group,
      topic: state.wireName,
      defaultTopic: autoCreateTopic,
      defaultTopicQueueNums: this.parts.queuesOfNewTopics,
      queueId: target.queueId,
      sysFlag: outgoing.sysFlag,
      bornTimestamp,
      flag: outgoing.flag,
      properties,
      reconsumeTimes: 0,
      unitMode: false,
      batch: outgoing.batch,
      brokerName: target.brokerName
    })
  }

  /** What the headers of messages like this one have in common: all but its time (`g`) and its properties (`i`). */
  private templateOf({ outgoing, state }: SendCall, target: WriteTarget, after: string): FieldsTemplate {
    return new FieldsTemplate(this.headerOf(state, target, outgoing, 0, ""), "g", "i", Outgoing.uniqKeyStart, after)
  }

  /** The time of a message, as text: the last one's is mostly this one's too. */
  private bornText({ bornAt }: SendCall): string {
    if (bornAt !== this.lastBornAt) {
      this.lastBornAt = bornAt
      this.lastBornText = String(bornAt)
    }
    return this.lastBornText
  }

  /** What the broker says of the message; `undefined` of a oneway one. */
  private resultOf(call: SendCall, response: RemotingCommand | undefined): SendResult | undefined | ApiError {
    const target = call.target!
    if (response === undefined) return undefined
    const status = statuses[response.code]
    if (status === undefined) {
      return brokerError(target.address, call.outgoing.code, response.code, response.remark)
    }
    const { msgId, queueId, queueOffset, recallHandle, regionId, traceOn, transactionId } = SendAnswer.read(response)
    if (!msgId || Number.isNaN(queueId) || Number.isNaN(queueOffset)) return this.malformed(call, target, response)
    return {
      status,
      messageId: call.outgoing.messageId,
      offsetId: msgId,
      // A broker may choose another one, by priority for instance.
      queue: queueId === target.queueId ? target.queue : { ...target.queue, queueId },
      queueOffset,
      transactionId,
      regionId,
      traceOn,
      recallHandle,
      attempts: call.attempts
    }
  }

  private malformed(call: SendCall, target: WriteTarget, response: RemotingCommand): MalformedResponse {
    const header = SendMessageResponseHeader.decode(response.extFields)
    const violation = isViolation(header) ? header : { field: "msgId", detail: "is empty" }
    return new MalformedResponse({
      address: target.address,
      requestCode: call.outgoing.code,
      field: violation.field,
      detail: violation.detail
    })
  }

  // --- when the first attempt is not all ------------------------------------------

  /**
   * Goes on when the `Effect.callback` of the send has returned what gives it
   * up. Before that, a fiber that yields or is interrupted after it would go on
   * with nothing: neither that nor `goOn` would take the send out of what is in
   * flight.
   */
  private goOnSoon(call: SendCall, failure: ApiError | undefined): void {
    queueMicrotask(() => {
      if (call.live) call.resume(this.goOn(call, failure))
    })
  }

  /**
   * Goes on with a send for which the first attempt has failed or could not be
   * made, on the caller's fiber.
   */
  private goOn(call: SendCall, failure: ApiError | undefined): Effect.Effect<SendResult | undefined, ClientError> {
    return this.rest(call, failure).pipe(
      Effect.raceFirst(this.untilTerminated(() => call.target === undefined ? call.outcome : "Unknown")),
      Effect.onExit((exit) =>
        Effect.sync(() => {
          if (!call.live) return
          if (Exit.isSuccess(exit)) this.acknowledged(call)
          else this.countFailure(call, exit)
          this.release(call)
        })
      )
    )
  }

  private rest(call: SendCall, first: ApiError | undefined): Effect.Effect<SendResult | undefined, ClientError> {
    return Effect.gen({ self: this as Sender }, function*() {
      // A request that failed before `submitUnsafe` returned.
      call.request = undefined
      let failure = first
      let pause = firstPauseMillis
      for (;;) {
        if (failure !== undefined) {
          const verdict = this.judge(call, failure)
          if (verdict !== undefined) return yield* this.failed(call, failure, verdict)
          // Where it has not been, it goes at once; round again, it takes its time.
          if (!this.hasUntried(call)) {
            const wait = pause * (0.5 + 0.5 * this.parts.random())
            pause = Math.min(2 * pause, maxPauseMillis)
            if (wait >= this.remaining(call)) return yield* this.failed(call, failure, outOfTime(call))
            const until = this.exactNow() + wait
            if (mayHaveMoved(failure)) yield* this.askWhere(call)
            const left = until - this.exactNow()
            if (left > 0) yield* Effect.sleep(left)
          }
          this.counters.retries++
        }
        const [route, target] = yield* this.nextTarget(call)
        const remaining = this.remaining(call)
        if (remaining <= 0) {
          if (failure === undefined) return yield* Effect.fail(this.deadlineExceeded(call))
          return yield* this.failed(call, failure, outOfTime(call))
        }
        this.aim(call, route, target, this.exactNow())
        const answer = yield* this.attempt(call, route, target)
        const result = answer instanceof Error ? answer : this.resultOf(call, answer)
        if (!(result instanceof Error)) return result
        failure = result
      }
    })
  }

  private attempt(
    call: SendCall,
    route: WriteRoute,
    target: WriteTarget
  ): Effect.Effect<RemotingCommand | undefined | RemotingError> {
    const { remoting } = this.parts
    const options = this.optionsOf(call, route.several && call.fixed === undefined)
    const request = this.requestTo(call, target)
    return Effect.catch(
      call.oneway
        ? Effect.as(remoting.invokeOneway(target.address, request, options), undefined)
        : remoting.invoke(target.address, request, options),
      (error: RemotingError) => Effect.succeed(error)
    )
  }

  /**
   * How long an attempt may take, and what it survives. One that has somewhere
   * else to go leaves half of the time for that, and does not wait for a broker
   * that is down or going.
   */
  private optionsOf(call: SendCall, moves: boolean): InvokeOptions {
    const remaining = this.remaining(call)
    if (!moves) return call.fixed === undefined ? { timeout: remaining, goAwayHops } : { timeout: remaining }
    const repeats = call.settings.delivery === "atLeastOnce" && call.counted < this.parts.retries
    return { timeout: repeats ? remaining / 2 : remaining, goAwayHops: 0, failFast: true }
  }

  private remaining(call: SendCall): number {
    return call.deadline - this.exactNow()
  }

  /** Takes note of a failed attempt. Returns why it was the last one, if it was. */
  private judge(call: SendCall, failure: ApiError): Verdict | undefined {
    const { parts } = this
    const now = this.exactNow()
    const target = call.target!
    call.target = undefined
    const { failures } = call
    call.failures = [
      ...(failures.length < 2 * keptAttempts ? failures : failures.toSpliced(keptAttempts, 1)),
      {
        brokerName: target.brokerName,
        address: target.address,
        queueId: target.queueId,
        millis: Math.round(now - call.attemptAt),
        error: failure
      }
    ]
    call.tried = [...call.tried.filter((one) => !isSameTarget(one, target)), target]
    call.outcome = worst(call.outcome, failure.outcome)
    if (isBrokersFault(failure)) target.health.failed(now, call.attemptAt)
    else target.health.undecided()
    if (mayHaveMoved(failure)) parts.routes.refreshSoon(call.state.wireName)
    if (!this.isWorthRepeating(failure)) return { detail: "and no other attempt would be", pointless: true }
    if (failure.outcome === "Unknown" && call.settings.delivery === "atMostOnce") {
      return { detail: "and it may not be sent twice (atMostOnce)", pointless: false }
    }
    // Going elsewhere is free for a message that no broker has looked at.
    if (failure.outcome === "Unknown" || failure._tag === "BrokerError") call.counted++
    if (call.counted > parts.retries) {
      return { detail: `nor are there retries left of ${parts.retries}`, pointless: false }
    }
    return now < call.deadline ? undefined : outOfTime(call)
  }

  private isWorthRepeating(failure: ApiError): boolean {
    switch (failure._tag) {
      case "RemotingError":
        return !ownFaults.has(failure.reason._tag)
      case "BrokerError":
        return failure.denial === undefined && this.parts.retryCodes.has(failure.code)
      default:
        // It was stored, as likely as not.
        return false
    }
  }

  private failed(call: SendCall, failure: ApiError, verdict: Verdict): Effect.Effect<never, ClientError> {
    if (failure._tag === "RemotingError" && failure.reason._tag === "ShuttingDown") {
      return Effect.fail(clientError(new ShuttingDown({ what: "the client", outcome: call.outcome })))
    }
    // An earlier attempt may have been stored, which only `SendFailed` tells.
    if (failure._tag === "BrokerError" && isMissingTopic(failure) && call.outcome !== "Unknown") {
      const { address, remark } = failure
      return Effect.fail(
        clientError(
          new TopicNotFound({ topic: call.state.topic, nameServers: [address], refused: true, detail: remark })
        )
      )
    }
    if (verdict.pointless && call.failures.length === 1) return Effect.fail(fromApiError(failure))
    return Effect.fail(
      clientError(
        new SendFailed({
          topic: call.state.topic,
          messageId: call.outgoing.messageId,
          attempts: call.failures,
          attemptCount: call.attempts,
          outcome: call.outcome,
          detail: verdict.detail
        })
      )
    )
  }

  private deadlineExceeded(call: SendCall): ClientError {
    return clientError(
      new DeadlineExceeded({
        detail: `sending to topic ${call.state.topic}`,
        timeoutMillis: call.settings.timeoutMillis,
        outcome: call.outcome
      })
    )
  }

  /** Whether there is an address that the message has not been sent to. */
  private hasUntried(call: SendCall): boolean {
    return call.fixed === undefined && (this.knownRoute(call.state) ?? call.route!).hasUntried(call.tried)
  }

  private nextTarget(call: SendCall): Effect.Effect<readonly [WriteRoute, WriteTarget], ClientError> {
    return Effect.gen({ self: this as Sender }, function*() {
      const route = yield* this.routeNow(call)
      const { fixed } = call
      if (fixed !== undefined) {
        // The queue stays the same; the broker that has it may have moved.
        call.fixed = route.find(fixed.queue.brokerName, fixed.queueId) ?? fixed
        return [route, call.fixed] as const
      }
      if (call.attempts > 0) return [route, route.choose(call.state.turn++, this.exactNow(), call.tried)] as const
      const target = this.firstTarget(call, route)
      if (target !== undefined) return [route, target] as const
      yield* this.askAnew(call)
      const renewed = yield* this.routeNow(call)
      const found = this.firstTarget(call, renewed)
      if (found !== undefined) return [renewed, found] as const
      const { queue } = call.settings
      return yield* Effect.fail(this.noQueue(
        call,
        queue === undefined
          ? "the selector chose none of its queues"
          : `queue ${queue.queueId} of ${queue.brokerName} (topic ${queue.topic}) is not among those that can be written to`
      ))
    })
  }

  /** The route that is known, or that the name servers know. A send that has gone by one holds on to it. */
  private routeNow(call: SendCall): Effect.Effect<WriteRoute, ClientError> {
    return Effect.suspend(() => {
      const known = this.knownRoute(call.state) ?? call.route
      if (known !== undefined) return Effect.succeed(known)
      return Effect.flatMap(this.askAnew(call), () => {
        const found = this.knownRoute(call.state)
        return found === undefined
          ? Effect.fail(this.noQueue(call, "none can be written to"))
          : Effect.succeed(found)
      })
    })
  }

  private askAnew(call: SendCall, millis = this.remaining(call)): Effect.Effect<unknown, ClientError> {
    const { queuesOfNewTopics, routes } = this.parts
    const { wireName } = call.state
    if (!(millis > 0)) return Effect.fail(this.deadlineExceeded(call))
    const options = { create: true, defaultTopicQueueNums: queuesOfNewTopics, timeout: millis }
    const asked = routes.getUnsafe(wireName) === undefined
      ? routes.get(wireName, options)
      : routes.refresh(wireName, options)
    // The time that was left is not what the caller gave.
    return Effect.mapError(asked, (error) => {
      if (error.reason._tag !== "DeadlineExceeded") return error
      const { cause, detail, outcome } = error.reason
      const { timeoutMillis } = call.settings
      return clientError(
        new DeadlineExceeded({ detail, timeoutMillis, outcome, ...(cause === undefined ? {} : { cause }) })
      )
    })
  }

  /**
   * Has the name servers say whether the topic has moved. Not within a second of
   * the last time: many messages that go round while all brokers are down would
   * keep them busy. Those that say nothing do not get all of the time, either: a
   * broker may be back meanwhile.
   */
  private askWhere(call: SendCall): Effect.Effect<void> {
    return Effect.suspend(() => {
      const { state } = call
      if (this.exactNow() - state.askedAt < askSpacingMillis) return Effect.void
      return Effect.ensuring(
        Effect.ignore(this.askAnew(call, this.remaining(call) / 2)),
        Effect.sync(() => void (state.askedAt = this.exactNow()))
      )
    })
  }

  private noQueue(call: SendCall, detail: string): ClientError {
    return clientError(new NoQueue({ topic: call.state.topic, detail }))
  }

  // --- the way out -----------------------------------------------------------------

  /** Everything is undone before anybody is resumed: whoever is may send the next message on this stack. */
  private release(call: SendCall): void {
    const { next, previous } = call
    call.live = false
    if (previous === undefined) this.head = next
    else previous.next = next
    if (next !== undefined) next.previous = previous
    call.next = undefined
    call.previous = undefined
    this.finished()
    this.gate.exit(call.size)
  }

  private finished(): void {
    this.active--
    if (this.active === 0 && this.closing) Deferred.doneUnsafe(this.idle, Exit.void)
  }

  private acknowledged(call: SendCall): void {
    const now = this.now()
    const { health } = call.target!
    // That a connection took it says nothing about who is at its other end.
    if (call.oneway) health.undecided()
    else health.succeeded(now, now - call.attemptAt)
    this.counters.acknowledged++
    this.counters.bytes += call.size
  }

  private countFailure(call: SendCall, exit: Exit.Exit<unknown, ClientError>): void {
    call.target?.health.undecided()
    const interrupted = Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause)
    // A selector that throws is a defect, before anything is sent.
    const outcome = errorOf(exit)?.outcome ?? call.outcome
    if (interrupted) this.counters.interrupted++
    else if (outcome === "NotSent") this.counters.notSent++
    else if (outcome === "NotProcessed") this.counters.notProcessed++
    else this.counters.unknown++
  }

  /** Nobody waits for a send any more. */
  abandon(call: SendCall): Effect.Effect<void> {
    const { request, waiter } = call
    call.request = undefined
    if (waiter !== undefined) {
      call.waiter = undefined
      this.counters.interrupted++
      this.gate.leave(waiter)
    } else if (call.live) {
      call.target?.health.undecided()
      this.counters.interrupted++
      this.release(call)
    }
    return request ?? Effect.void
  }

  /** Does something for somebody, as one of the things that closing waits for and in the end breaks off. */
  tracked<A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E | ClientError, R> {
    return Effect.suspend((): Effect.Effect<A, E | ClientError, R> => {
      if (this.closing) return Effect.fail(this.closed("NotSent"))
      this.active++
      return effect.pipe(
        Effect.raceFirst(this.untilTerminated(() => "Unknown")),
        Effect.ensuring(Effect.sync(() => this.finished()))
      )
    })
  }

  private untilTerminated(outcome: () => Outcome): Effect.Effect<never, ClientError> {
    return Effect.flatMap(Deferred.await(this.terminated), () => Effect.fail(this.closed(outcome())))
  }

  /** The error of whoever is too late. */
  closed(outcome: Outcome): ClientError {
    return clientError(new ShuttingDown({ what: "the producer", outcome }))
  }

  /**
   * Takes nothing in any more, waits for what is in flight, and ends what is
   * left: after so many milliseconds, or, unless it is said how many, when the
   * clock stands still, as in a test that nobody moves on, where waiting would
   * have no end.
   */
  close(drainMillis: number | undefined): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.closing = true
      this.gate.close()
      if (this.active === 0) return Effect.void
      const drained = Effect.raceFirst(Deferred.await(this.idle), Effect.sleep(drainMillis ?? defaultDrainMillis))
      if (drainMillis !== undefined) return Effect.andThen(drainMillis > 0 ? drained : Effect.void, this.terminate)
      const before = this.parts.clock.monotonicTimeNanosUnsafe()
      return turns.pipe(
        Effect.andThen(
          Effect.suspend(() =>
            this.active === 0 || this.parts.clock.monotonicTimeNanosUnsafe() === before ? Effect.void : drained
          )
        ),
        Effect.andThen(this.terminate)
      )
    })
  }

  private readonly terminate: Effect.Effect<void> = Effect.suspend(() => {
    const calls: Array<SendCall> = []
    for (let call = this.head; call !== undefined; call = call.next) if (call.request !== undefined) calls.push(call)
    // Those that go on as Effects end by this.
    Deferred.doneUnsafe(this.terminated, Exit.void)
    return Effect.forEach(calls, (call) => {
      const { request } = call
      if (!call.live || request === undefined) return Effect.void
      call.request = undefined
      call.target?.health.undecided()
      this.counters.unknown++
      this.release(call)
      return Effect.andThen(request, Effect.sync(() => call.resume(Exit.fail(this.closed("Unknown")))))
    }, { discard: true })
  })
}

/** Of a failed exit: its error; of one that was interrupted or died, `undefined`. */
const errorOf = <E>(exit: Exit.Exit<unknown, E>): E | undefined => {
  if (Exit.isSuccess(exit)) return undefined
  for (const reason of exit.cause.reasons) if (reason._tag === "Fail") return reason.error
  return undefined
}

const outOfTime = (call: SendCall): Verdict => ({
  detail: `nor is there time left of ${call.settings.timeoutMillis} ms`,
  pointless: false
})
