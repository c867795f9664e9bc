/** Request–reply: a message that is answered by another one, over the brokers. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Random from "effect/Random"
import * as Compression from "../../protocol/message/Compression.ts"
import { replyTopic } from "../../protocol/message/Names.ts"
import * as Namespace from "../../protocol/message/Namespace.ts"
import { PropertyName } from "../../protocol/message/PropertyName.ts"
import * as SysFlag from "../../protocol/message/SysFlag.ts"
import { RequestCode } from "../../protocol/RequestCode.ts"
import { ResponseCode } from "../../protocol/ResponseCode.ts"
import type { Address } from "../../remoting/Address.ts"
import type { Outcome } from "../../remoting/RemotingError.ts"
import {
  ClientError,
  clientError,
  DeadlineExceeded,
  DecodeFailed,
  NotSupported,
  RequestTimeout
} from "../ClientError.ts"
import type { ReceivedMessage, SendResult } from "../Message.ts"
import { splitKeys } from "../Message.ts"
import type { Service as Api } from "../MqClientApi.ts"
import type { Reply, Service as ServerRequests } from "../ServerRequests.ts"
import type { Service as Routes, TopicRoute } from "../TopicRoutes.ts"
import type { Additions } from "./outgoing.ts"
import { property } from "./outgoing.ts"
import * as Refusals from "./refusals.ts"

/** What this is called where it is not to be had. */
const feature = "request–reply"

const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, "0")

/** A random UUID (version 4), which is what Java's client takes. */
const correlationId: Effect.Effect<string> = Effect.gen(function*() {
  const words: Array<string> = []
  for (let word = 0; word < 4; word++) words.push(hex(yield* Random.nextIntBetween(0, 0xffff_ffff), 8))
  const [first, second, third, fourth] = words
  const version = `4${second.slice(5)}`
  const variant = `${hex((Number.parseInt(third[0], 16) & 0x3) | 0x8, 1)}${third.slice(1, 4)}`
  return `${first}-${second.slice(0, 4)}-${version}-${variant}-${third.slice(4)}${fourth}`
})

const maxBodySize = 67_108_864

/** Java writes hosts with a slash before them. */
const plainHost = (text: string): string => text.slice(text.lastIndexOf("/") + 1)

/** A reply as the app gets it, or why it cannot be read. */
const received = (reply: Reply, namespace: string): ReceivedMessage | ClientError => {
  const { header, properties } = reply
  const topic = Namespace.unwrap(namespace, header.topic)
  const messageId = properties[PropertyName.UNIQ_KEY] ?? ""
  let body = reply.body
  if (SysFlag.isCompressed(header.sysFlag)) {
    const type = SysFlag.compressionType(header.sysFlag)
    const inflated = type === undefined
      ? Compression.failure("UnknownType", "its flags stand for no known compression")
      : Compression.decompress(type, body, maxBodySize)
    if (!(inflated instanceof Uint8Array)) {
      return clientError(new DecodeFailed({ topic, messageId, detail: inflated.detail }))
    }
    body = inflated
  }
  return {
    topic,
    brokerName: header.brokerName ?? "",
    queueId: header.queueId,
    queueOffset: 0,
    messageId,
    offsetId: "",
    body,
    tags: properties[PropertyName.TAGS],
    keys: splitKeys(properties[PropertyName.KEYS]),
    properties,
    flag: header.flag,
    sysFlag: SysFlag.withoutCompressed(header.sysFlag),
    bornTimestamp: header.bornTimestamp,
    bornHost: plainHost(header.bornHost),
    storeTimestamp: header.storeTimestamp,
    storeHost: plainHost(header.storeHost),
    reconsumeTimes: header.reconsumeTimes,
    preparedTransactionOffset: 0,
    transactionId: undefined
  }
}

/** A time that no request comes to the end of, and that the sum of it and any date is a number of Java's. */
const forEver = String(Number.MAX_SAFE_INTEGER)

/** How long whoever replies has for it, as a property. */
const ttlOf = (timeoutMillis: number): string =>
  timeoutMillis < Number.MAX_SAFE_INTEGER ? String(Math.ceil(timeoutMillis)) : forEver

/** What requests need of their producer. */
export interface RequestHost {
  readonly api: Api
  readonly routes: Routes
  readonly serverRequests: ServerRequests
  readonly clientId: string
  readonly namespace: string
}

/**
 * Finds out whether those who serve a topic do request–reply at all: proxies
 * do not, and would let each request run into its timeout. They are told apart
 * by a question that every broker answers and no proxy knows (RocketMQ 5.5.0
 * `RemotingProtocolServer`), once an address.
 */
export class ReplySupport {
  private readonly host: RequestHost
  private readonly known = new Map<Address, boolean>()

  constructor(host: RequestHost) {
    this.host = host
  }

  check(route: TopicRoute, timeoutMillis: number): Effect.Effect<void, ClientError> {
    return Effect.suspend(() => {
      const [queue] = route.writeQueues
      const brokerName = queue === undefined ? undefined : route.brokerNameOf(queue)
      const address = brokerName === undefined ? undefined : route.brokers.get(brokerName)?.master
      if (address === undefined) return Effect.void
      const known = this.known.get(address)
      if (known !== undefined) return known ? Effect.void : Effect.fail(notSupported(address))
      const question = { topic: route.topic, queueId: queue.queueId, brokerName }
      return this.host.api.getEarliestMsgStoretime(address, question, { timeout: timeoutMillis }).pipe(
        Effect.matchEffect({
          onSuccess: () => this.learn(address, true),
          // Any other failure says nothing: the request itself may do better.
          onFailure: (error) =>
            error._tag !== "BrokerError"
              ? Effect.void
              : this.learn(address, error.code !== ResponseCode.REQUEST_CODE_NOT_SUPPORTED)
        })
      )
    })
  }

  private learn(address: Address, supported: boolean): Effect.Effect<void, ClientError> {
    this.known.set(address, supported)
    return supported ? Effect.void : Effect.fail(notSupported(address))
  }
}

const notSupported = (address: Address): ClientError =>
  clientError(new NotSupported({ what: feature, by: `${address}, which is a proxy` }))

/**
 * A request and its reply.
 *
 * @param topic as brokers name it
 * @param send sends the request within so many milliseconds
 */
export const request = (
  host: RequestHost,
  support: ReplySupport,
  names: { readonly topic: string; readonly wireName: string },
  timeoutMillis: number,
  send: (additions: Additions) => Effect.Effect<SendResult, ClientError>
): Effect.Effect<ReceivedMessage, ClientError> =>
  Effect.gen(function*() {
    const late = (outcome: Outcome) =>
      Effect.fail(clientError(
        new DeadlineExceeded({ detail: `sending a request to topic ${names.topic}`, timeoutMillis, outcome })
      ))
    // Not a number is no time either.
    if (!(timeoutMillis > 0)) return yield* late("NotSent")
    const id = yield* correlationId
    const reply = Deferred.makeUnsafe<ReceivedMessage, ClientError>()
    let begun = false
    let sent = false
    const prepare = Effect.gen(function*() {
      const route = yield* host.routes.get(names.wireName, { create: true, timeout: timeoutMillis })
      yield* support.check(route, timeoutMillis)
      // The reply comes by a broker that knows this client: any of the cluster, so all must.
      const clusters = new Set([...route.brokers.values()].map((broker) => broker.cluster))
      for (const cluster of clusters) {
        if (host.routes.getUnsafe(replyTopic(cluster)) === undefined) {
          // Without a timeout: the request can do without it, so nobody is asked for it more than once.
          yield* Effect.ignore(host.routes.get(replyTopic(cluster)))
        }
      }
    })
    const asking = prepare.pipe(
      Effect.andThen(Effect.suspend(() => {
        begun = true
        return send({
          code: RequestCode.SEND_MESSAGE_V2,
          sysFlag: 0,
          properties: property(PropertyName.CORRELATION_ID, id) +
            property(PropertyName.REPLY_TO_CLIENT, host.clientId) +
            property(PropertyName.TTL, ttlOf(timeoutMillis))
        })
      })),
      Effect.andThen(Effect.suspend(() => {
        sent = true
        return Deferred.await(reply)
      }))
    )
    return yield* Effect.acquireUseRelease(
      Effect.sync(() =>
        host.serverRequests.expectReply(id, (arrived) => {
          const message = received(arrived, host.namespace)
          Deferred.doneUnsafe(reply, message instanceof ClientError ? Exit.fail(message) : Exit.succeed(message))
        })
      ),
      () =>
        // A reply may overtake the broker's answer to the request.
        Effect.raceFirst(Deferred.await(reply), asking).pipe(
          Effect.timeoutOrElse({
            duration: timeoutMillis,
            orElse: () =>
              sent
                ? Effect.fail(
                  clientError(new RequestTimeout({ topic: names.topic, correlationId: id, timeoutMillis }))
                )
                : late(begun ? "Unknown" : "NotSent")
          })
        ),
      (forget) => Effect.sync(forget)
    )
  })

/** What a reply carries beside its body, and where it goes; or why the message cannot be replied to. */
export const replyTo = (
  to: ReceivedMessage
): { readonly topic: string; readonly additions: Additions } | ClientError => {
  if (typeof to !== "object" || to === null || typeof to.properties !== "object" || to.properties === null) {
    return Refusals.invalidMessage("", "message", "to reply to is none that was received")
  }
  const cluster = to.properties[PropertyName.CLUSTER]
  const id = to.properties[PropertyName.CORRELATION_ID]
  const client = to.properties[PropertyName.REPLY_TO_CLIENT]
  const missing = cluster === undefined
    ? PropertyName.CLUSTER
    : id === undefined
    ? PropertyName.CORRELATION_ID
    : client === undefined
    ? PropertyName.REPLY_TO_CLIENT
    : undefined
  if (missing !== undefined) {
    return Refusals.invalidMessage(
      to.topic,
      "properties",
      `lack ${missing}: message ${to.messageId} is no request that a broker has stored`
    )
  }
  const ttl = to.properties[PropertyName.TTL]
  return {
    topic: replyTopic(cluster),
    additions: {
      code: RequestCode.SEND_REPLY_MESSAGE_V2,
      sysFlag: 0,
      properties: property(PropertyName.MSG_TYPE, "reply") +
        property(PropertyName.CORRELATION_ID, id) +
        property(PropertyName.REPLY_TO_CLIENT, client) +
        (ttl === undefined ? "" : property(PropertyName.TTL, ttl))
    }
  }
}

/** A reply that a proxy has refused is one that it does not know. */
export const explained = (error: ClientError): ClientError =>
  error.reason._tag === "Refused" && error.reason.error.code === ResponseCode.REQUEST_CODE_NOT_SUPPORTED
    ? notSupported(error.reason.error.address)
    : error
