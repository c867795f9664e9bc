/**
 * What an app sends with.
 *
 * ```ts
 * const program = Effect.gen(function*() {
 *   const producer = yield* Producer.Producer
 *   return yield* producer.send({ topic: "orders", body: "hello", keys: "order-1" })
 * }).pipe(Effect.provide(Producer.layer({ group: "shop", nameServers: ["127.0.0.1:9876"] })))
 * ```
 *
 * A message that is not acknowledged goes on to another queue, at another
 * broker first, as long as the caller's time allows, with the same message id:
 * see {@link Delivery} for what that means.
 */
import * as Clock from "effect/Clock"
import * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import * as Scope from "effect/Scope"
import type { CompressionType } from "../protocol/message/Compression.ts"
import * as Names from "../protocol/message/Names.ts"
import { PropertyName } from "../protocol/message/PropertyName.ts"
import * as RecallHandle from "../protocol/message/RecallHandle.ts"
import * as SysFlag from "../protocol/message/SysFlag.ts"
import { RequestCode } from "../protocol/RequestCode.ts"
import { makeFork } from "../remoting/Fibers.ts"
import type { InvokeOptions } from "../remoting/RemotingClient.ts"
import { RemotingClient } from "../remoting/RemotingClient.ts"
import { defined, ensure } from "../remoting/Settings.ts"
import { ClientError, clientError, DeadlineExceeded, fromApiError, NoQueue, retryResponseCodes } from "./ClientError.ts"
import { Heartbeats } from "./Heartbeats.ts"
import { HealthRegistry } from "./internal/brokerHealth.ts"
import { millisOf } from "./internal/millis.ts"
import type { Additions } from "./internal/outgoing.ts"
import * as Outgoing from "./internal/outgoing.ts"
import * as Metrics from "./internal/producerMetrics.ts"
import * as Refusals from "./internal/refusals.ts"
import * as Requests from "./internal/requests.ts"
import type { Send, SendSettings } from "./internal/sender.ts"
import { goAwayHops, Sender } from "./internal/sender.ts"
import * as Tracing from "./internal/sendTracing.ts"
import * as Transactions from "./internal/transactions.ts"
import * as UniqKeys from "./internal/uniqKeys.ts"
import type { Message, ReceivedMessage, SendResult } from "./Message.ts"
import * as MqClient from "./MqClient.ts"
import { MqClientApi } from "./MqClientApi.ts"
import { ServerRequests } from "./ServerRequests.ts"
import type { MessageQueue } from "./TopicRoutes.ts"
import { TopicRoutes } from "./TopicRoutes.ts"

/**
 * What may become of a message about which it is not known whether a broker has
 * stored it: there was no answer, or the answer was that something broke.
 *
 * - `atLeastOnce`: it is sent again, with the same message id. It may be stored
 *   more than once, and consumers must cope with that, as with RocketMQ always.
 * - `atMostOnce`: it is not sent again, and the send fails with the outcome
 *   `Unknown`.
 *
 * Either way a message that no broker has looked at is sent again.
 */
export type Delivery = "atLeastOnce" | "atMostOnce"

/** Chooses one of a topic's queues; `undefined` fails the send. What it throws is a defect. */
export type QueueSelector = (queues: ReadonlyArray<MessageQueue>, message: Message) => MessageQueue | undefined

/**
 * How one send is to be treated. A message with a `queue`, a `selector` or a
 * sharding key goes to that one queue, whatever happens to it: it is sent again
 * there, or the send fails. Not to be changed after it was given: a producer
 * keeps what it made of it.
 */
export interface SendOptions {
  /**
   * From the call to the acknowledgement, over all attempts; of a request, to
   * the reply; of a transaction, that of the half message alone. What leaves no
   * time (0, less, no duration at all) fails with `DeadlineExceeded` before
   * anything is sent. `Infinity` waits without end, also for a broker that holds
   * its connection and says nothing. Default: the producer's, 3 seconds.
   */
  readonly timeout?: Duration.Input | undefined
  /** Default: the producer's, `atLeastOnce`. */
  readonly delivery?: Delivery | undefined
  /** The queue that the message goes to. */
  readonly queue?: MessageQueue | undefined
  /** Chooses the queue that the message goes to. */
  readonly selector?: QueueSelector | undefined
}

/** What is known of messages that were sent as one. */
export interface BatchResult extends SendResult {
  /** The ids that the client gave the messages, in their order. */
  readonly messageIds: ReadonlyArray<string>
  /** Where the broker stored them; one id where it stored them as one message. */
  readonly offsetIds: ReadonlyArray<string>
}

/**
 * What becomes of a half message: consumers get it, it is forgotten, or the
 * broker asks again later.
 */
export type TransactionDecision = "Commit" | "Rollback" | "Unknown"

/** What became of a transaction. */
export interface TransactionResult extends SendResult {
  /** `Rollback` too when the half message was not stored safely; then the local transaction was not run. */
  readonly state: TransactionDecision
  /** The broker has said that it knows. If not, it asks (`checkTransaction`). */
  readonly acknowledged: boolean
  readonly transactionId: string
}

/** How bodies are compressed. */
export interface CompressionOptions {
  /** Default: ZLIB, which all clients can read. LZ4 and ZSTD need clients of version 5. */
  readonly type?: CompressionType | undefined
  /** Default: 5. */
  readonly level?: number | undefined
  /** From how many bytes on. Default: 4,096. */
  readonly threshold?: number | undefined
}

/** For how long a broker is left alone that did not do well, as long as there are others. */
export interface AvoidanceOptions {
  /** After a failure; twice as long after each further one. Default: 1 second. */
  readonly failed?: Duration.Input | undefined
  /** At most. Default: 30 seconds. */
  readonly max?: Duration.Input | undefined
  /** An acknowledgement that took this long is slow: its broker is left alone for four times as long. Default: 550 ms. */
  readonly slow?: Duration.Input | undefined
}

/** Options of a producer. */
export interface ProducerOptions<R = never> {
  /** The producer's group: brokers ask any of its members about transactions. */
  readonly group: string
  /** Timeout of sends that name none, see {@link SendOptions.timeout}, and of ends of transactions. Default: 3 seconds. */
  readonly timeout?: Duration.Input | undefined
  /** Default: `atLeastOnce`. */
  readonly delivery?: Delivery | undefined
  /**
   * How many more times a message is sent that a broker has answered with a code
   * of `retryResponseCodes`, or perhaps stored. Attempts that no broker looked at
   * do not count. Default: 2.
   */
  readonly retries?: number | undefined
  /** Response codes after which a message is sent again. Default: `ClientError.retryResponseCodes`. */
  readonly retryResponseCodes?: Iterable<number> | undefined
  /** Default: ZLIB from 4,096 bytes on; `false`: none. Batches are not compressed, nor what would not get smaller. */
  readonly compression?: CompressionOptions | false | undefined
  /** The most bytes of a body, and of a batch as a whole. Default: 4 MiB, which is what brokers take. */
  readonly maxMessageSize?: number | undefined
  /** Messages in flight, at most; more wait for their turn, within their timeout. Default: 10,000. */
  readonly maxInFlight?: number | undefined
  /** Bytes of bodies in flight, at most. Default: 64 MiB. */
  readonly maxInFlightBytes?: number | undefined
  /** How many queues a topic gets that brokers create when it is first sent to. Default: 4. */
  readonly queuesOfNewTopics?: number | undefined
  readonly avoidance?: AvoidanceOptions | undefined
  /**
   * How long closing the scope waits for what is in flight. Default: 5 seconds,
   * and no time while the clock stands still, as a `TestClock` does.
   */
  readonly drainTimeout?: Duration.Input | undefined
  /**
   * Says what became of a transaction about which a broker asks. A failure is
   * logged and taken for `Unknown`. Default: nobody does, and the broker forgets
   * the message after asking in vain 15 times (RocketMQ 5.3.3 `transactionCheckMax`).
   */
  readonly checkTransaction?:
    | ((message: ReceivedMessage) => Effect.Effect<TransactionDecision, unknown, R>)
    | undefined
  /** How many transactions are checked at a time. Default: 16. */
  readonly maxTransactionChecks?: number | undefined
  /** Whether messages carry the context of their span, as W3C `traceparent`. Default: `true`. */
  readonly propagateTrace?: boolean | undefined
  /** Value of the metrics' attribute `producer`. Names in use get a number. Default: the group. */
  readonly name?: string | undefined
  /** Whether to register metrics. Default: `true`. */
  readonly metrics?: boolean | undefined
}

/** What a producer has done since it was made, and what it is doing. */
export interface ProducerStats {
  /** Sends that were acknowledged; a batch is one. */
  readonly acknowledged: number
  /** Sends that failed, by outcome. */
  readonly notSent: number
  readonly notProcessed: number
  readonly unknown: number
  /** Sends given up by their callers. */
  readonly interrupted: number
  /** Attempts beyond the first. */
  readonly retries: number
  readonly inFlight: number
  readonly inFlightBytes: number
  /** Sends that wait for room. */
  readonly waiting: number
}

/** See {@link Producer}. */
export interface Service {
  /** The group, as the app names it. */
  readonly group: string
  readonly clientId: string
  /**
   * Sends a message, and succeeds when a broker has acknowledged it.
   *
   * Fails before anything is sent with `InvalidName`, `InvalidMessage`,
   * `MessageTooLarge`, `TooManyMessages`, `ShuttingDown`; for want of a route with
   * `TopicNotFound`, `NoQueue`, `RouteInvalid`, `NoNameServers`,
   * `NameServersFailed`, `DeadlineExceeded`; with `AccessDenied` or `Refused` when
   * a broker says what any other would say as well, `Failed` when this client
   * cannot send it, `MalformedResponse` when the acknowledgement cannot be read;
   * and with `SendFailed`, which has the attempts, otherwise.
   */
  readonly send: (message: Message, options?: SendOptions) => Effect.Effect<SendResult, ClientError>
  /**
   * Sends messages of one topic as one, to one queue: all are stored or none is.
   * They cannot be delayed. Fails as `send` does.
   */
  readonly sendBatch: (
    messages: ReadonlyArray<Message>,
    options?: SendOptions
  ) => Effect.Effect<BatchResult, ClientError>
  /**
   * Sends a message and succeeds when it was handed to a connection: nobody says
   * whether it was stored.
   */
  readonly sendOneway: (message: Message, options?: SendOptions) => Effect.Effect<void, ClientError>
  /**
   * Sends a message that consumers get only if `local` decides to commit. `local`
   * runs once the broker has stored the message. When it fails, the message is
   * rolled back and the failure is the caller's; when it is interrupted, or
   * decides `Unknown`, the broker asks later, see `checkTransaction`.
   *
   * That the broker could not be told, for which it has the producer's timeout,
   * is no failure: see `acknowledged`. Whoever interrupts this while it is told
   * waits until it is.
   */
  readonly sendInTransaction: <E, R>(
    message: Message,
    local: (half: SendResult) => Effect.Effect<TransactionDecision, E, R>,
    options?: SendOptions
  ) => Effect.Effect<TransactionResult, ClientError | E, R>
  /**
   * Takes a timer message back that was not delivered yet, and returns its
   * message id. Needs a broker with `recallMessageEnable`.
   */
  readonly recall: (
    topic: string,
    recallHandle: string,
    options?: { readonly timeout?: Duration.Input | undefined }
  ) => Effect.Effect<string, ClientError>
  /**
   * Sends a message and waits for the reply of whoever consumes it. Fails with
   * `RequestTimeout` when there is none within the timeout, and with
   * `NotSupported` where a proxy stands between.
   */
  readonly request: (message: Message, options?: SendOptions) => Effect.Effect<ReceivedMessage, ClientError>
  /** Replies to a request. Fails with `InvalidMessage` when the message is none. */
  readonly reply: (
    to: ReceivedMessage,
    body: Uint8Array | string,
    options?: ReplyOptions
  ) => Effect.Effect<SendResult, ClientError>
  /** The queues of a topic that can be sent to, at this moment. */
  readonly queues: (topic: string) => Effect.Effect<ReadonlyArray<MessageQueue>, ClientError>
  /** Counts, at this moment. */
  readonly stats: Effect.Effect<ProducerStats>
}

/** How one reply is to be treated, and what it carries beside its body. */
export interface ReplyOptions extends SendOptions {
  readonly tags?: string | undefined
  readonly keys?: Message["keys"]
  readonly properties?: Message["properties"]
}

/**
 * A producer. Closing its scope takes no more messages in, lets those in flight
 * finish, for `drainTimeout` at most, and unregisters its group.
 */
export class Producer extends Context.Service<Producer, Service>()("effect-rocketmq/client/Producer") {}

/** What a producer is built on. */
export type Dependencies = MqClient.MqClient | MqClientApi | TopicRoutes | Heartbeats | ServerRequests | RemotingClient

/** The options of requests of sends with one timeout: the same objects serve all of them. */
interface Timing {
  /** For messages that are not repeated, or that stay where they are. */
  readonly staying: InvokeOptions
  /** For those that have nowhere else to go, as far as is known. */
  readonly alone: InvokeOptions
  /** For those that go elsewhere, and are repeated there, or not. */
  readonly repeated: InvokeOptions
  readonly moving: InvokeOptions
}

/** Distinct timeouts that are remembered. */
const maxTimings = 64

/** From the options of sends to settings that are made once for all that ask for the same. */
class SettingsOf {
  readonly defaults: SendSettings
  private readonly retries: number
  private readonly timings = new Map<number, Timing>()
  private lastOptions: SendOptions | undefined = undefined
  private lastSettings: SendSettings

  constructor(timeoutMillis: number, delivery: Delivery, retries: number) {
    this.retries = retries
    this.defaults = this.make(timeoutMillis, delivery, undefined, undefined)
    this.lastSettings = this.defaults
  }

  of(options: SendOptions | undefined): SendSettings {
    if (options === undefined) return this.defaults
    if (options === this.lastOptions) return this.lastSettings
    this.lastOptions = options
    const { delivery, queue, selector, timeout } = options ?? {}
    this.lastSettings = this.make(
      millisOf(timeout, this.defaults.timeoutMillis),
      delivery ?? this.defaults.delivery,
      queue ?? undefined,
      selector ?? undefined
    )
    return this.lastSettings
  }

  private make(
    timeoutMillis: number,
    delivery: Delivery,
    queue: MessageQueue | undefined,
    selector: QueueSelector | undefined
  ): SendSettings {
    const timing = this.timing(timeoutMillis)
    const repeats = delivery === "atLeastOnce" && this.retries > 0
    return {
      timeoutMillis,
      delivery,
      queue,
      selector,
      staying: timing.staying,
      alone: timing.alone,
      moving: repeats ? timing.repeated : timing.moving
    }
  }

  private timing(timeoutMillis: number): Timing {
    const known = this.timings.get(timeoutMillis)
    if (known !== undefined) return known
    const timing = {
      staying: { timeout: timeoutMillis },
      alone: { timeout: timeoutMillis, goAwayHops },
      repeated: { timeout: timeoutMillis / 2, goAwayHops: 0, failFast: true },
      moving: { timeout: timeoutMillis, goAwayHops: 0, failFast: true }
    }
    if (this.timings.size < maxTimings) this.timings.set(timeoutMillis, timing)
    return timing
  }
}

/** The bytes of an address for message ids; of anything else, what tells it apart. */
const ipBytes = (ip: string): Uint8Array => {
  const parts = ip.split(".").map(Number)
  return parts.length === 4 && parts.every((part) => Number.isInteger(part) && part >= 0 && part <= 255)
    ? Uint8Array.from(parts)
    : Uint8Array.of(127, 0, 0, 1)
}

/** A producer in the current scope. Fails with `InvalidName` when the group's name is none. */
export const make = Effect.fnUntraced(function*<R = never>(
  given: ProducerOptions<R>
): Effect.fn.Return<Service, ClientError, R | Dependencies | Scope.Scope> {
  const client = yield* MqClient.MqClient
  const api = yield* MqClientApi
  const routes = yield* TopicRoutes
  const heartbeats = yield* Heartbeats
  const serverRequests = yield* ServerRequests
  const remoting = yield* RemotingClient
  const clock = yield* Clock.Clock
  const random = yield* Random.Random
  const context = yield* Effect.context<R>()

  const { delivery = "atLeastOnce", group, retries = 2 } = given
  const invalid = typeof group === "string" ? Names.validateGroup(group) : { detail: "a group is a string" }
  if (invalid !== undefined) return yield* Effect.fail(Refusals.invalidName("group", group, invalid.detail))
  const namespace = client.namespace ?? ""
  const wireGroup = client.wrap(group)

  // Of its own: what the producer forks ends after its sends have.
  const scope = yield* Effect.flatMap(Effect.scope, Scope.fork)
  const fork = yield* Scope.provide(makeFork, scope)
  const timeoutMillis = millisOf(given.timeout, 3_000)
  const settingsOf = new SettingsOf(timeoutMillis, delivery, retries)
  const { avoidance, compression } = given
  const sender = new Sender({
    remoting,
    routes,
    clock,
    fork,
    random: () => random.nextDoubleUnsafe(),
    uniqKeys: yield* UniqKeys.make(ipBytes(client.ip)),
    health: new HealthRegistry({
      failedMillis: millisOf(avoidance?.failed, 1_000),
      maxMillis: millisOf(avoidance?.max, 30_000),
      slowMillis: millisOf(avoidance?.slow, 550)
    }, () => random.nextDoubleUnsafe()),
    group: wireGroup,
    wrap: client.wrap,
    outgoing: {
      namespace,
      maxMessageSize: given.maxMessageSize ?? 4_194_304,
      compression: compression === false ? undefined : {
        type: compression?.type ?? "ZLIB",
        level: compression?.level,
        threshold: compression?.threshold ?? 4_096
      }
    },
    retries,
    retryCodes: given.retryResponseCodes === undefined ? retryResponseCodes : new Set(given.retryResponseCodes),
    queuesOfNewTopics: given.queuesOfNewTopics ?? 4,
    maxMessages: given.maxInFlight ?? 10_000,
    maxBytes: given.maxInFlightBytes ?? 67_108_864
  })

  const identity = { group, clientId: client.clientId, namespace: client.namespace ?? client.namespaceV2 }
  const propagates = given.propagateTrace !== false

  // --- sending ------------------------------------------------------------------

  const start = (send: Send) =>
    Effect.callback<SendResult | undefined, ClientError>((resume) => sender.start(send, resume))

  const withContext = (additions: Additions | undefined, properties: string): Additions => ({
    code: additions?.code ?? RequestCode.SEND_MESSAGE_V2,
    sysFlag: additions?.sysFlag ?? 0,
    properties: (additions?.properties ?? "") + properties
  })

  const traced = (send: Send) =>
    Tracing.traced(
      `send ${send.message.topic}`,
      Tracing.attributesOf(
        send.message,
        identity,
        ((send.additions?.sysFlag ?? 0) & SysFlag.transactionPrepared) !== 0
      ),
      (span) =>
        start({
          ...send,
          traced: true,
          additions: withContext(send.additions, propagates ? Tracing.contextOf(span, send.message) : "")
        })
    )

  // The success path of a send is one callback: see `Sender`.
  const submit = (
    message: Message,
    options: SendOptions | undefined,
    oneway: boolean,
    additions: Additions | undefined
  ): Effect.Effect<SendResult | undefined, ClientError> =>
    Effect.callback((resume) => {
      if (!Outgoing.isMessage(message)) return resume(Effect.fail(Refusals.noMessage()))
      const send: Send = { message, settings: settingsOf.of(options), oneway, traced: false, additions }
      // A topic that is none is no name of a span, either.
      if (!Tracing.isTraced() || typeof message.topic !== "string") return sender.start(send, resume)
      resume(traced(send))
      return undefined
    })

  // A send that is not oneway never succeeds without a result.
  const send = (message: Message, options?: SendOptions) =>
    submit(message, options, false, undefined) as Effect.Effect<SendResult, ClientError>

  const sendAs = (message: Message, options: SendOptions | undefined, additions: Additions) =>
    submit(message, options, false, additions) as Effect.Effect<SendResult, ClientError>

  const sendBatch = (messages: ReadonlyArray<Message>, options?: SendOptions) => {
    const startBatch = (isTraced: boolean, contextOf: ((message: Message) => string) | undefined) =>
      Effect.callback<SendResult | undefined, ClientError>((resume) =>
        sender.startBatch(
          messages,
          { settings: settingsOf.of(options), oneway: false, traced: isTraced, additions: undefined },
          contextOf,
          resume
        )
      )
    const all = Effect.suspend(() => {
      // What is no batch is said where batches are checked.
      const first = Array.isArray(messages) ? messages[0] as Message : undefined
      if (typeof first?.topic !== "string" || !Tracing.isTraced()) return startBatch(false, undefined)
      return Tracing.traced(
        `send ${first.topic}`,
        { ...Tracing.attributesOf(first, identity, false), "messaging.batch.message_count": messages.length },
        (span) => startBatch(true, propagates ? (message) => Tracing.contextOf(span, message) : undefined)
      )
    })
    return Effect.map(all, (result): BatchResult => ({
      ...result!,
      messageIds: result!.messageId.split(","),
      offsetIds: result!.offsetId.split(",")
    }))
  }

  // --- transactions ---------------------------------------------------------------

  const transactions: Transactions.TransactionHost = {
    api,
    group: wireGroup,
    namespace,
    fork,
    timeoutMillis
  }

  const half: Additions = {
    code: RequestCode.SEND_MESSAGE_V2,
    sysFlag: SysFlag.transactionPrepared,
    properties: Outgoing.property(PropertyName.TRAN_MSG, "true") +
      Outgoing.property(PropertyName.PGROUP, wireGroup)
  }

  const locate = (result: SendResult): Transactions.HalfAt => {
    const topic = client.wrap(result.queue.topic)
    const queue = { ...result.queue, topic }
    const brokerName = routes.getUnsafe(topic)?.brokerNameOf(queue) ?? queue.brokerName
    const master = () => routes.getUnsafe(topic)?.brokers.get(brokerName)?.master ?? routes.masterOf(brokerName)
    const first = master()
    return { topic, brokerName, address: () => master() ?? first }
  }

  const sendInTransaction = <E, R2>(
    message: Message,
    local: (half: SendResult) => Effect.Effect<TransactionDecision, E, R2>,
    options?: SendOptions
  ): Effect.Effect<TransactionResult, ClientError | E, R2> => {
    if (!Outgoing.isMessage(message)) return Effect.fail(Refusals.noMessage())
    if (typeof local !== "function") {
      return Effect.fail(Refusals.invalidMessage(message.topic, "local", "is no function"))
    }
    if (Outgoing.isDelayed(message)) {
      return Effect.fail(
        Refusals.invalidMessage(message.topic, "delay", "is set, and a message of a transaction cannot be delayed")
      )
    }
    return Effect.map(
      sender.tracked(Transactions.run(transactions, sendAs(message, options, half), locate, local)),
      (ended) => ({
        ...ended.half,
        transactionId: ended.half.transactionId ?? ended.half.messageId,
        state: ended.state,
        acknowledged: ended.acknowledged
      })
    )
  }

  // --- recall, request, reply -----------------------------------------------------

  /** A topic as brokers name it, or what is wrong with it. */
  const wireNameOf = (topic: string): string | ClientError => {
    const name = typeof topic === "string" ? client.wrap(topic) : topic
    return Outgoing.checkTopic(name) ?? name
  }

  const recall: Service["recall"] = (topic, recallHandle, options) =>
    sender.tracked(Effect.suspend(() => {
      const wireName = wireNameOf(topic)
      if (wireName instanceof ClientError) return Effect.fail(wireName)
      if (Names.isRetryTopic(topic) || Names.isDlqTopic(topic)) {
        return Effect.fail(Refusals.invalidName("topic", topic, "it is a retry or dead letter topic"))
      }
      const handle = RecallHandle.decode(recallHandle)
      if (handle === undefined) {
        return Effect.fail(Refusals.invalidMessage(topic, "recallHandle", "is none that a broker has given"))
      }
      const millis = millisOf(options?.timeout, timeoutMillis)
      // Not a number is no time either.
      if (!(millis > 0)) {
        const detail = `recalling a message of topic ${topic}`
        return Effect.fail(clientError(new DeadlineExceeded({ detail, timeoutMillis: millis, outcome: "NotSent" })))
      }
      const deadline = sender.exactNow() + millis
      return Effect.flatMap(routes.get(wireName, { timeout: millis }), (route) => {
        // The broker by name, or a proxy that can reach it.
        const broker = route.brokers.get(handle.brokerName)?.master ?? routes.masterOf(handle.brokerName)
        const address = broker ?? [...route.brokers.values()].find(({ master }) => master !== undefined)?.master
        if (address === undefined) {
          return Effect.fail(
            clientError(new NoQueue({ topic, detail: `no broker is there, nor ${handle.brokerName}` }))
          )
        }
        return api.recallMessage(address, {
          producerGroup: wireGroup,
          topic: wireName,
          recallHandle,
          brokerName: handle.brokerName
        }, { timeout: deadline - sender.exactNow() }).pipe(
          Effect.map((header) => header.msgId),
          Effect.mapError(fromApiError)
        )
      })
    }))

  const requests: Requests.RequestHost = {
    api,
    routes,
    serverRequests,
    clientId: client.clientId,
    namespace
  }
  const support = new Requests.ReplySupport(requests)

  const request = (message: Message, options?: SendOptions) =>
    sender.tracked(Effect.suspend(() => {
      if (!Outgoing.isMessage(message)) return Effect.fail(Refusals.noMessage())
      const wireName = wireNameOf(message.topic)
      if (wireName instanceof ClientError) return Effect.fail(wireName)
      return Requests.request(
        requests,
        support,
        { topic: message.topic, wireName },
        millisOf(options?.timeout, timeoutMillis),
        (additions) => sendAs(message, options, additions)
      )
    }))

  const reply: Service["reply"] = (to, body, options) =>
    Effect.suspend(() => {
      const target = Requests.replyTo(to)
      if (!("additions" in target)) return Effect.fail(target)
      // Brokers make this topic themselves: it is in no namespace.
      sender.declare(target.topic, target.topic)
      const { keys, properties, tags, ...sendOptions } = options ?? {}
      const message: Message = { topic: target.topic, body, keys, properties, tags }
      return Effect.mapError(sendAs(message, sendOptions, target.additions), Requests.explained)
    })

  const queues = (topic: string) =>
    Effect.suspend(() => {
      const wireName = wireNameOf(topic)
      return wireName instanceof ClientError
        ? Effect.fail(wireName)
        : Effect.map(
          routes.get(wireName),
          (route) => route.writeQueues.map((queue) => queue.topic === topic ? queue : { ...queue, topic })
        )
    })

  // --- life -----------------------------------------------------------------------

  const { checkTransaction } = given
  if (checkTransaction !== undefined) {
    yield* serverRequests.registerProducer(wireGroup, {
      checkTransactionState: Transactions.checker(
        transactions,
        checkTransaction,
        given.maxTransactionChecks ?? 16,
        Effect.provideContext(context)
      )
    })
  }
  yield* heartbeats.registerProducer(wireGroup)
  if (given.metrics !== false) yield* Metrics.register(sender.counters, sender.gate, given.name ?? group)
  const drainMillis = given.drainTimeout === undefined ? undefined : Duration.toMillis(given.drainTimeout)
  // Runs before the group is unregistered.
  yield* Effect.addFinalizer(() => sender.close(drainMillis))

  return {
    group,
    clientId: client.clientId,
    send,
    sendBatch,
    sendOneway: (message, options) => submit(message, options, true, undefined) as Effect.Effect<void, ClientError>,
    sendInTransaction,
    recall,
    request,
    reply,
    queues,
    stats: Effect.sync(() => ({
      acknowledged: sender.counters.acknowledged,
      notSent: sender.counters.notSent,
      notProcessed: sender.counters.notProcessed,
      unknown: sender.counters.unknown,
      interrupted: sender.counters.interrupted,
      retries: sender.counters.retries,
      inFlight: sender.gate.messages,
      inFlightBytes: sender.gate.bytes,
      waiting: sender.gate.waiting
    }))
  }
})

/** The producer on a client that is there already: several share it. */
export const layerNoDeps = <R = never>(
  options: ProducerOptions<R>
): Layer.Layer<Producer, ClientError, Exclude<R, Scope.Scope> | Dependencies> => Layer.effect(Producer, make(options))

/** Options of a producer and of the client that it has for itself. */
export interface ProducerTcpOptions<R = never>
  extends ProducerOptions<R>, Omit<MqClient.MqClientTcpOptions, keyof ProducerOptions>
{}

/** The options of the client alone: `timeout` is the producer's. */
const clientOptions = (options: Partial<ProducerTcpOptions<never>>): MqClient.MqClientTcpOptions => ({
  ...options,
  timeout: undefined
})

/** The producer with a client of its own, over TCP. */
export const layer = <R = never>(
  options: ProducerTcpOptions<R>
): Layer.Layer<Producer, ClientError, Exclude<R, Scope.Scope>> =>
  Layer.provide(layerNoDeps(options), MqClient.layer(clientOptions(options as ProducerTcpOptions)))

/** What {@link layerConfig} reads beside the settings of the client. */
export const config: Config.Config<Partial<ProducerOptions>> = Config.all({
  group: Config.String("PRODUCER_GROUP").pipe(Config.withDefault(undefined)),
  timeout: Config.Duration("SEND_TIMEOUT").pipe(Config.withDefault(Duration.seconds(3))),
  retries: Config.Int("SEND_RETRIES").pipe(Config.withDefault(2)),
  delivery: Config.Literals(["atLeastOnce", "atMostOnce"], "DELIVERY").pipe(Config.withDefault("atLeastOnce" as const)),
  maxMessageSize: Config.Int("MAX_MESSAGE_SIZE").pipe(Config.withDefault(4_194_304))
}).pipe(
  Config.nested("ROCKETMQ"),
  Config.map(({ group, ...others }) => group === undefined ? others : { ...others, group })
)

/**
 * The producer with a client of its own, over TCP, from configuration:
 * `ROCKETMQ_PRODUCER_GROUP`, `ROCKETMQ_SEND_TIMEOUT`, `ROCKETMQ_SEND_RETRIES`,
 * `ROCKETMQ_DELIVERY` (`atLeastOnce`, `atMostOnce`), `ROCKETMQ_MAX_MESSAGE_SIZE`,
 * and what `MqClient.layerConfig` reads: name servers, credentials, TLS,
 * namespaces. Options given here, unless they are `undefined`, come first.
 */
export const layerConfig = <R = never>(
  options: Partial<Omit<ProducerTcpOptions<R>, "tls" | "transport">> = {}
): Layer.Layer<Producer, ClientError | Config.ConfigError, Exclude<R, Scope.Scope>> =>
  Layer.effect(
    Producer,
    Effect.gen(function*() {
      const { group, ...all }: Partial<ProducerOptions<R>> = { ...(yield* config), ...defined(options) }
      yield* ensure(group !== undefined, "no producer group: set ROCKETMQ_PRODUCER_GROUP")
      yield* ensure(millisOf(all.timeout, 1) > 0, "ROCKETMQ_SEND_TIMEOUT must be longer than nothing")
      yield* ensure((all.retries ?? 0) >= 0, `ROCKETMQ_SEND_RETRIES must not be negative, and is ${all.retries}`)
      yield* ensure(
        (all.maxMessageSize ?? 1) > 0,
        `ROCKETMQ_MAX_MESSAGE_SIZE must be above 0, and is ${all.maxMessageSize}`
      )
      return yield* make({ ...all, group: group! })
    })
  ).pipe(Layer.provide(MqClient.layerConfig(clientOptions(options as ProducerTcpOptions))))
