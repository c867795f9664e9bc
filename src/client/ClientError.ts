/**
 * What can go wrong between an app and its brokers.
 *
 * A {@link ClientError} is what the client layer fails with: its `reason` says
 * what went wrong and where, its `outcome` what became of what was asked for.
 * A {@link BrokerError} is one answer of one server that is not a success.
 */
import * as Schema from "effect/Schema"
import { requestCodeName } from "../protocol/RequestCode.ts"
import { ResponseCode, responseCodeName } from "../protocol/ResponseCode.ts"
import { Outcome, RemotingError, worst } from "../remoting/RemotingError.ts"

// --- what is said of every failure -------------------------------------------

const fates: Record<Outcome, string> = {
  NotSent: "Nothing was sent",
  NotProcessed: "No server processed it",
  Unknown: "Whether it was executed is unknown"
}

const advise = (outcome: Outcome): string =>
  outcome === "Unknown" ? "send it again only if executing it twice does no harm" : "it can be sent again"

/** What happened, what became of it, and what to do. */
const say = (failure: { readonly outcome: Outcome; readonly isRetryable: boolean }, what: string, todo?: string) => {
  const advice = todo ?? (failure.isRetryable ? advise(failure.outcome) : undefined)
  return `${what}. ${fates[failure.outcome]}${advice === undefined ? "" : `; ${advice}`}.`
}

// --- answers of servers --------------------------------------------------------

/**
 * Codes after which RocketMQ's producer goes to another broker: Java's
 * `DefaultMQProducer.retryResponseCodes` of 5.3.3.
 */
export const retryResponseCodes: ReadonlySet<number> = new Set([
  ResponseCode.SYSTEM_ERROR,
  ResponseCode.SYSTEM_BUSY,
  ResponseCode.SERVICE_NOT_AVAILABLE,
  ResponseCode.NO_PERMISSION,
  ResponseCode.TOPIC_NOT_EXIST,
  ResponseCode.NO_BUYER_ID,
  ResponseCode.NOT_IN_CURRENT_UNIT,
  ResponseCode.GO_AWAY
])

/** Codes that pass, which a producer does not get: flow control of pulls, and subscriptions that a heartbeat brings. */
const passing: ReadonlySet<number> = new Set([
  ResponseCode.FLOW_CONTROL,
  ResponseCode.NOT_LEADER_FOR_QUEUE,
  ResponseCode.SUBSCRIPTION_NOT_EXIST,
  ResponseCode.SUBSCRIPTION_NOT_LATEST,
  ResponseCode.POLLING_FULL,
  ResponseCode.POLLING_TIMEOUT
])

/**
 * Codes that RocketMQ 5.3.3 answers before it changes anything: refusals, and
 * queries that found nothing. SYSTEM_ERROR is not among them: it is also what
 * a store answers that failed half-way.
 */
const refusals: ReadonlySet<number> = new Set([
  ResponseCode.SYSTEM_BUSY,
  ResponseCode.REQUEST_CODE_NOT_SUPPORTED,
  ResponseCode.MESSAGE_ILLEGAL,
  ResponseCode.SERVICE_NOT_AVAILABLE,
  ResponseCode.VERSION_NOT_SUPPORTED,
  ResponseCode.NO_PERMISSION,
  ResponseCode.TOPIC_NOT_EXIST,
  ResponseCode.PULL_NOT_FOUND,
  ResponseCode.PULL_RETRY_IMMEDIATELY,
  ResponseCode.PULL_OFFSET_MOVED,
  ResponseCode.QUERY_NOT_FOUND,
  ResponseCode.SUBSCRIPTION_PARSE_FAILED,
  ResponseCode.SUBSCRIPTION_NOT_EXIST,
  ResponseCode.SUBSCRIPTION_NOT_LATEST,
  ResponseCode.SUBSCRIPTION_GROUP_NOT_EXIST,
  ResponseCode.FILTER_DATA_NOT_EXIST,
  ResponseCode.FILTER_DATA_NOT_LATEST,
  ResponseCode.INVALID_PARAMETER,
  ResponseCode.NO_BUYER_ID,
  ResponseCode.NOT_IN_CURRENT_UNIT,
  ResponseCode.CONSUMER_NOT_ONLINE,
  ResponseCode.NO_MESSAGE,
  ResponseCode.POLLING_FULL,
  ResponseCode.POLLING_TIMEOUT,
  ResponseCode.BROKER_NOT_EXIST,
  ResponseCode.FLOW_CONTROL,
  ResponseCode.NOT_LEADER_FOR_QUEUE,
  ResponseCode.ILLEGAL_OPERATION,
  ResponseCode.GO_AWAY,
  ResponseCode.LMQ_QUOTA_EXCEEDED,
  ResponseCode.USER_NOT_EXIST,
  ResponseCode.POLICY_NOT_EXIST
])

/**
 * Why a server that checks who asks refused a request:
 *
 * - `MissingCredentials`: the request was not signed.
 * - `WrongCredentials`: the access key is not known, or the secret key is not its own.
 * - `Forbidden`: the server knows who asks, and does not let them.
 */
export type Denial = "MissingCredentials" | "WrongCredentials" | "Forbidden"

/** Schema of {@link Denial}. */
export const Denial = Schema.Literals(["MissingCredentials", "WrongCredentials", "Forbidden"])

/**
 * What the remarks say. Authentication since 5.3.0 answers NO_PERMISSION with
 * the text alone (`auth` module of 5.3.3: `DefaultAuthenticationHandler`,
 * `AclAuthorizationHandler`); ACL 1.0 answers SYSTEM_ERROR, a proxy
 * NO_PERMISSION, with an `AclException` (`PlainPermissionManager` of 4.9.7).
 */
const remarks: ReadonlyArray<readonly [RegExp, Denial]> = [
  [/username cannot be null|No accessKey is configured/, "MissingCredentials"],
  [
    /check signature failed|Check signature failed for accessKey|No acl config for|No PlainAccessResource for accessKey/,
    "WrongCredentials"
  ],
  [
    /^User:.* (is )?not found|^create authentication context error|^Authentication failed\. Please verify/,
    "WrongCredentials"
  ],
  [
    /has no permission to access|^User:.* is disabled|No default permission for|No permission for|^Authorization failed/,
    "Forbidden"
  ],
  [/Need admin permission|AclException/, "Forbidden"]
]

const denialOf = (code: number, remark: string | undefined): Denial | undefined => {
  if (remark === undefined) return undefined
  const acl = remark.includes("AclException")
  if (code !== ResponseCode.NO_PERMISSION && !(code === ResponseCode.SYSTEM_ERROR && acl)) return undefined
  return remarks.find(([pattern]) => pattern.test(remark))?.[1]
}

const denialAdvice: Record<Denial, string> = {
  MissingCredentials: "give the client credentials",
  WrongCredentials: "check the access key and the secret key",
  Forbidden: "have the user allowed to do this"
}

/** A server answered a request, and not with success. */
export class BrokerError extends Schema.TaggedError<BrokerError>("effect-rocketmq/client/BrokerError")("BrokerError", {
  /** The server that answered, as the route names it. */
  address: Schema.String,
  requestCode: Schema.Number,
  /** Response code. */
  code: Schema.Number,
  /** RocketMQ's name of the code; the number as text where it has none. */
  codeName: Schema.String,
  /** What the server said. */
  remark: Schema.optional(Schema.String),
  /**
   * `NotProcessed`: the server refused it, and it has had no effect. `Unknown`:
   * the server failed, perhaps half-way.
   */
  outcome: Schema.Literals(["NotProcessed", "Unknown"]),
  /** Set when the server refused it because of who asked. */
  denial: Schema.optional(Denial)
}) {
  override get message(): string {
    const name = requestCodeName(this.requestCode) ?? this.requestCode
    const remark = this.remark === undefined || this.remark === "" ? "" : `: ${this.remark}`
    return say(
      this,
      `${this.address} answered ${name} with ${this.codeName} (${this.code})${remark}`,
      this.denial === undefined ? undefined : denialAdvice[this.denial]
    )
  }
  /** Whether the same may succeed another time, or at another broker. */
  get isRetryable(): boolean {
    return this.denial === undefined && (retryResponseCodes.has(this.code) || passing.has(this.code))
  }
}

/** The error that an answer stands for. */
export const brokerError = (
  address: string,
  requestCode: number,
  code: number,
  remark: string | undefined
): BrokerError => {
  const denial = denialOf(code, remark)
  return new BrokerError({
    address,
    requestCode,
    code,
    codeName: responseCodeName(code) ?? String(code),
    ...(remark === undefined ? {} : { remark }),
    // Who may ask is found out before anything else, whatever code says so.
    outcome: denial !== undefined || refusals.has(code) ? "NotProcessed" : "Unknown",
    ...(denial === undefined ? {} : { denial })
  })
}

/** A server answered with success, and the answer lacks something or holds what it must not. */
export class MalformedResponse
  extends Schema.TaggedError<MalformedResponse>("effect-rocketmq/client/MalformedResponse")("MalformedResponse", {
    address: Schema.String,
    requestCode: Schema.Number,
    /** The field of the header, or `body`. */
    field: Schema.String,
    detail: Schema.String
  })
{
  override get message(): string {
    const name = requestCodeName(this.requestCode) ?? this.requestCode
    return say(this, `the answer of ${this.address} to ${name} is malformed: ${this.field} ${this.detail}`)
  }
  /** It was executed as likely as not. */
  get outcome(): Outcome {
    return "Unknown"
  }
  get isRetryable(): boolean {
    return false
  }
}

/** What one request to one server can fail with. */
export type ApiError = RemotingError | BrokerError | MalformedResponse

/** Schema of {@link ApiError}. */
export const ApiError = Schema.Union([RemotingError, BrokerError, MalformedResponse])

// --- reasons --------------------------------------------------------------------

/** The name of a topic, group or the like is none that RocketMQ takes. */
export class InvalidName extends Schema.TaggedError<InvalidName>("effect-rocketmq/client/InvalidName")("InvalidName", {
  /** What is named, such as `topic`. */
  kind: Schema.String,
  name: Schema.String,
  detail: Schema.String
}) {
  override get message(): string {
    return say(this, `the ${this.kind} ${JSON.stringify(this.name)} ${this.detail}`)
  }
  get outcome(): Outcome {
    return "NotSent"
  }
  get isRetryable(): boolean {
    return false
  }
}

/** A message that no broker would take. */
export class InvalidMessage extends Schema.TaggedError<InvalidMessage>("effect-rocketmq/client/InvalidMessage")(
  "InvalidMessage",
  {
    topic: Schema.String,
    /** The part of the message. */
    field: Schema.String,
    detail: Schema.String
  }
) {
  override get message(): string {
    const where = this.topic === "" ? "" : ` to topic ${this.topic}`
    return say(this, `a message${where} is not valid: ${this.field} ${this.detail}`)
  }
  get outcome(): Outcome {
    return "NotSent"
  }
  get isRetryable(): boolean {
    return false
  }
}

/** A message, or a batch as a whole, is larger than the limit. */
export class MessageTooLarge extends Schema.TaggedError<MessageTooLarge>("effect-rocketmq/client/MessageTooLarge")(
  "MessageTooLarge",
  {
    topic: Schema.String,
    /** Bytes. */
    size: Schema.Number,
    /** Bytes. */
    limit: Schema.Number
  }
) {
  override get message(): string {
    return say(this, `a message to topic ${this.topic} has ${this.size} bytes, and the limit is ${this.limit}`)
  }
  get outcome(): Outcome {
    return "NotSent"
  }
  get isRetryable(): boolean {
    return false
  }
}

/** A value could not be encoded as the body of a message. */
export class EncodeFailed extends Schema.TaggedError<EncodeFailed>("effect-rocketmq/client/EncodeFailed")(
  "EncodeFailed",
  { topic: Schema.String, detail: Schema.String, cause: Schema.optional(Schema.Defect()) }
) {
  override get message(): string {
    return say(this, `a body for topic ${this.topic} cannot be encoded: ${this.detail}`)
  }
  get outcome(): Outcome {
    return "NotSent"
  }
  get isRetryable(): boolean {
    return false
  }
}

/** The body of a message that was received could not be decoded. */
export class DecodeFailed extends Schema.TaggedError<DecodeFailed>("effect-rocketmq/client/DecodeFailed")(
  "DecodeFailed",
  {
    topic: Schema.String,
    messageId: Schema.optional(Schema.String),
    detail: Schema.String,
    cause: Schema.optional(Schema.Defect())
  }
) {
  override get message(): string {
    const which = this.messageId === undefined ? "a message" : `message ${this.messageId}`
    return say(this, `the body of ${which} of topic ${this.topic} cannot be decoded: ${this.detail}`)
  }
  get outcome(): Outcome {
    return "NotSent"
  }
  get isRetryable(): boolean {
    return false
  }
}

/** No name server is known. */
export class NoNameServers extends Schema.TaggedError<NoNameServers>("effect-rocketmq/client/NoNameServers")(
  "NoNameServers",
  {
    detail: Schema.String,
    /** The URL that they were asked for at, without user and password; `undefined`: none is set, either. */
    addressServer: Schema.optional(Schema.String),
    cause: Schema.optional(Schema.Defect())
  }
) {
  override get message(): string {
    const todo = this.isRetryable ? undefined : "set nameServers or ROCKETMQ_NAMESRV_ADDR"
    return say(this, `no name server is known: ${this.detail}`, todo)
  }
  get outcome(): Outcome {
    return "NotSent"
  }
  /** An address server may do better another time. */
  get isRetryable(): boolean {
    return this.addressServer !== undefined
  }
}

/** One name server that could not help. */
export interface NameServerAttempt {
  readonly address: string
  readonly error: ApiError
}

const listed = (attempts: ReadonlyArray<{ readonly address: string; readonly error: ApiError }>): string =>
  attempts.map(({ address, error }) => `${address}: ${summary(error)}`).join("; ")

/** What an error says, without what became of the request: that is said once, by what carries it. */
const summary = (error: ApiError): string => {
  switch (error._tag) {
    case "RemotingError":
      return error.reason.detail
    case "BrokerError":
      return `${error.codeName} (${error.code})${error.remark === undefined ? "" : ` ${error.remark}`}`
    default:
      return `malformed answer: ${error.field} ${error.detail}`
  }
}

/** Every name server that was asked failed. */
export class NameServersFailed
  extends Schema.TaggedError<NameServersFailed>("effect-rocketmq/client/NameServersFailed")("NameServersFailed", {
    /** What was asked for. */
    detail: Schema.String,
    /** In the order in which they were asked. */
    attempts: Schema.Array(Schema.Struct({ address: Schema.String, error: ApiError })),
    outcome: Outcome
  })
{
  override get message(): string {
    return say(this, `no name server answered ${this.detail} (${listed(this.attempts)})`)
  }
  get isRetryable(): boolean {
    return this.attempts.some(({ error }) => error.isRetryable)
  }
}

/** The name servers do not know the topic. */
export class TopicNotFound extends Schema.TaggedError<TopicNotFound>("effect-rocketmq/client/TopicNotFound")(
  "TopicNotFound",
  {
    topic: Schema.String,
    /** Those that were asked and do not know it. */
    nameServers: Schema.Array(Schema.String),
    /** It was a message that they refused for it. */
    refused: Schema.optional(Schema.Boolean),
    detail: Schema.optional(Schema.String)
  }
) {
  override get message(): string {
    const more = this.detail === undefined ? "" : ` (${this.detail})`
    return say(
      this,
      `topic ${this.topic} does not exist; asked ${this.nameServers.join(", ")}${more}`,
      "create it, or let the brokers create topics (autoCreateTopicEnable)"
    )
  }
  get outcome(): Outcome {
    return this.refused === true ? "NotProcessed" : "NotSent"
  }
  /** Whoever creates it makes it succeed. */
  get isRetryable(): boolean {
    return true
  }
}

/** The topic has no queue that will do. */
export class NoQueue extends Schema.TaggedError<NoQueue>("effect-rocketmq/client/NoQueue")("NoQueue", {
  topic: Schema.String,
  /** Why none will do: none is writable, or none has that number. */
  detail: Schema.String
}) {
  override get message(): string {
    return say(this, `topic ${this.topic} has no queue for this: ${this.detail}`)
  }
  get outcome(): Outcome {
    return "NotSent"
  }
  get isRetryable(): boolean {
    return true
  }
}

/** A name server answered with a route that is none. */
export class RouteInvalid extends Schema.TaggedError<RouteInvalid>("effect-rocketmq/client/RouteInvalid")(
  "RouteInvalid",
  { topic: Schema.String, address: Schema.String, detail: Schema.String }
) {
  override get message(): string {
    return say(this, `the route of topic ${this.topic} that ${this.address} gave is not valid: ${this.detail}`)
  }
  get outcome(): Outcome {
    return "NotSent"
  }
  get isRetryable(): boolean {
    return false
  }
}

/** A server that checks who asks refused the request: the credentials are missing or wrong, or do not suffice. */
export class AccessDenied extends Schema.TaggedError<AccessDenied>("effect-rocketmq/client/AccessDenied")(
  "AccessDenied",
  { denial: Denial, error: BrokerError }
) {
  override get cause(): BrokerError {
    return this.error
  }
  override get message(): string {
    return this.error.message
  }
  get outcome(): Outcome {
    return this.error.outcome
  }
  get isRetryable(): boolean {
    return false
  }
}

/** A server answered with a code that is no success. */
export class Refused extends Schema.TaggedError<Refused>("effect-rocketmq/client/Refused")("Refused", {
  error: BrokerError
}) {
  override get cause(): BrokerError {
    return this.error
  }
  override get message(): string {
    return this.error.message
  }
  get outcome(): Outcome {
    return this.error.outcome
  }
  get isRetryable(): boolean {
    return this.error.isRetryable
  }
}

/** There was no answer. */
export class Failed extends Schema.TaggedError<Failed>("effect-rocketmq/client/Failed")("Failed", {
  error: RemotingError
}) {
  override get cause(): RemotingError {
    return this.error
  }
  override get message(): string {
    return this.error.message
  }
  get outcome(): Outcome {
    return this.error.outcome
  }
  get isRetryable(): boolean {
    return this.error.isRetryable
  }
}

/** One attempt of a send. */
export interface SendAttempt {
  readonly brokerName: string
  readonly address: string
  readonly queueId: number
  /** How long it took. */
  readonly millis: number
  readonly error: ApiError
}

/** Attempts that an error keeps, first ones and last ones each: a send that goes round for long has thousands. */
export const keptAttempts = 8

/** Attempts that a message tells of, first ones and last ones each. */
const maxTold = 3

/** No attempt of a send was acknowledged. */
export class SendFailed extends Schema.TaggedError<SendFailed>("effect-rocketmq/client/SendFailed")("SendFailed", {
  topic: Schema.String,
  messageId: Schema.optional(Schema.String),
  /** In their order; of more than 16 the first 8 and the last 8. */
  attempts: Schema.Array(Schema.Struct({
    brokerName: Schema.String,
    address: Schema.String,
    queueId: Schema.Int,
    millis: Schema.Number,
    error: ApiError
  })),
  /** How many there were. */
  attemptCount: Schema.Int,
  /** The least certain one of all attempts. */
  outcome: Outcome,
  /** Why there was no further attempt. */
  detail: Schema.String
}) {
  override get cause(): ApiError | undefined {
    return this.attempts[this.attempts.length - 1]?.error
  }
  override get message(): string {
    const told = ({ address, brokerName, error, millis, queueId }: SendAttempt) =>
      `queue ${queueId} of ${brokerName} (${address}), ${millis} ms: ${summary(error)}`
    const left = this.attemptCount - 2 * maxTold
    const tries = left <= 0
      ? this.attempts.map(told).join("; ")
      : [
        ...this.attempts.slice(0, maxTold).map(told),
        `${left} more`,
        ...this.attempts.slice(-maxTold).map(told)
      ].join("; ")
    const which = this.messageId === undefined ? "" : ` ${this.messageId}`
    return say(this, `message${which} to topic ${this.topic} was not acknowledged, ${this.detail} (${tries})`)
  }
  get isRetryable(): boolean {
    return this.attempts[this.attempts.length - 1]?.error.isRetryable ?? true
  }
}

/** The caller's time was up before there was anything to report. */
export class DeadlineExceeded extends Schema.TaggedError<DeadlineExceeded>("effect-rocketmq/client/DeadlineExceeded")(
  "DeadlineExceeded",
  {
    /** What was being done. */
    detail: Schema.String,
    timeoutMillis: Schema.Number,
    outcome: Outcome,
    cause: Schema.optional(Schema.Defect())
  }
) {
  override get message(): string {
    return say(this, `${this.timeoutMillis} ms were not enough: ${this.detail}`)
  }
  get isRetryable(): boolean {
    return true
  }
}

/** Too much is in flight already. */
export class TooManyMessages extends Schema.TaggedError<TooManyMessages>("effect-rocketmq/client/TooManyMessages")(
  "TooManyMessages",
  {
    /** What is limited. */
    kind: Schema.Literals(["messages", "bytes"]),
    limit: Schema.Number
  }
) {
  override get message(): string {
    return say(this, `the limit of ${this.limit} ${this.kind} in flight is reached`)
  }
  get outcome(): Outcome {
    return "NotSent"
  }
  get isRetryable(): boolean {
    return true
  }
}

/** A request was sent, and no reply came in time. */
export class RequestTimeout extends Schema.TaggedError<RequestTimeout>("effect-rocketmq/client/RequestTimeout")(
  "RequestTimeout",
  {
    topic: Schema.String,
    correlationId: Schema.String,
    timeoutMillis: Schema.Number
  }
) {
  override get message(): string {
    return say(
      this,
      `no reply to request ${this.correlationId} on topic ${this.topic} within ${this.timeoutMillis} ms`
    )
  }
  /** The request was stored; whoever consumes it may be at work. */
  get outcome(): Outcome {
    return "Unknown"
  }
  get isRetryable(): boolean {
    return true
  }
}

/** The server, or this client, does not do this. */
export class NotSupported extends Schema.TaggedError<NotSupported>("effect-rocketmq/client/NotSupported")(
  "NotSupported",
  {
    /** What is not supported. */
    what: Schema.String,
    /** By whom: an address, or what kind of server it is. */
    by: Schema.String
  }
) {
  override get message(): string {
    return say(this, `${this.what} is not supported by ${this.by}`)
  }
  get outcome(): Outcome {
    return "NotSent"
  }
  get isRetryable(): boolean {
    return false
  }
}

/** The client is being closed. */
export class ShuttingDown extends Schema.TaggedError<ShuttingDown>("effect-rocketmq/client/ShuttingDown")(
  "ShuttingDown",
  {
    /** What is closing. */
    what: Schema.String,
    outcome: Outcome
  }
) {
  override get message(): string {
    return say(this, `${this.what} is closing`)
  }
  get isRetryable(): boolean {
    return false
  }
}

/** Every way in which an operation of the client layer can fail. */
export const Reason = Schema.Union([
  InvalidName,
  InvalidMessage,
  MessageTooLarge,
  EncodeFailed,
  DecodeFailed,
  NoNameServers,
  NameServersFailed,
  TopicNotFound,
  NoQueue,
  RouteInvalid,
  AccessDenied,
  Refused,
  Failed,
  SendFailed,
  DeadlineExceeded,
  TooManyMessages,
  RequestTimeout,
  NotSupported,
  ShuttingDown,
  MalformedResponse
])

/** Every way in which an operation of the client layer can fail. */
export type Reason = typeof Reason.Type

/**
 * The failure of an operation of the client layer. Match on the reason with
 * `Effect.catchReason("ClientError", "TopicNotFound", …)`.
 */
export class ClientError extends Schema.TaggedError<ClientError>("effect-rocketmq/client/ClientError")("ClientError", {
  reason: Reason
}) {
  /** The reason. A getter, since a property would make every print of an error twice as long. */
  override get cause(): Reason {
    return this.reason
  }
  override get message(): string {
    return this.reason.message
  }
  /** What became of what was asked for. */
  get outcome(): Outcome {
    return this.reason.outcome
  }
  /** Whether the same may succeed another time (whether asking again is safe, `outcome` says). */
  get isRetryable(): boolean {
    return this.reason.isRetryable
  }
}

/** A failure with its reason. */
export const clientError = (reason: Reason): ClientError => new ClientError({ reason })

/** The failure of an operation that consists of one request. */
export const fromApiError = (error: ApiError): ClientError => {
  switch (error._tag) {
    case "RemotingError":
      return clientError(new Failed({ error }))
    case "BrokerError":
      return clientError(
        error.denial === undefined ? new Refused({ error }) : new AccessDenied({ denial: error.denial, error })
      )
    default:
      return clientError(error)
  }
}

/** The least certain outcome of several requests; `NotSent` when there was none. */
export const worstOutcome = (errors: Iterable<{ readonly outcome: Outcome }>): Outcome => {
  let outcome: Outcome = "NotSent"
  for (const error of errors) outcome = worst(outcome, error.outcome)
  return outcome
}
