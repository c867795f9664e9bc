/** What servers ask of a client, handed to whoever registered for it. */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as BodyCodec from "../protocol/body/BodyCodec.ts"
import { ConsumeMessageDirectlyResult } from "../protocol/body/ConsumeMessageDirectlyResult.ts"
import { ConsumerRunningInfo } from "../protocol/body/ConsumerRunningInfo.ts"
import { GetConsumerStatusBody, ResetOffsetBody, ResetOffsetBodyForC } from "../protocol/body/ResetOffset.ts"
import { NotifyConsumerIdsChangedRequestHeader } from "../protocol/header/ClientManagement.ts"
import {
  ConsumeMessageDirectlyResultRequestHeader,
  GetConsumerRunningInfoRequestHeader,
  GetConsumerStatusRequestHeader,
  ResetOffsetRequestHeader
} from "../protocol/header/GroupAdmin.ts"
import * as HeaderCodec from "../protocol/header/HeaderCodec.ts"
import { ReplyMessageRequestHeader } from "../protocol/header/ReplyMessage.ts"
import { CheckTransactionStateRequestHeader } from "../protocol/header/Transaction.ts"
import * as MessageProperties from "../protocol/message/MessageProperties.ts"
import { PropertyName } from "../protocol/message/PropertyName.ts"
import type { StoredMessage } from "../protocol/message/StoredMessage.ts"
import { decodeAll } from "../protocol/message/StoredMessage.ts"
import type { RemotingCommand } from "../protocol/RemotingCommand.ts"
import { RequestCode } from "../protocol/RequestCode.ts"
import { ResponseCode } from "../protocol/ResponseCode.ts"
import { RemotingClient } from "../remoting/RemotingClient.ts"
import type { Peer } from "../remoting/RemotingHandler.ts"
import type { RemotingReply } from "../remoting/RemotingRequest.ts"
import type { MessageQueue } from "./TopicRoutes.ts"

/** A broker asks what became of a transaction (CHECK_TRANSACTION_STATE, 39). */
export interface TransactionCheck {
  /** The half message. */
  readonly message: StoredMessage
  readonly header: CheckTransactionStateRequestHeader
  /** Who asks: END_TRANSACTION goes to `peer.address`. */
  readonly peer: Peer
}

/** Offsets are to be reset (RESET_CONSUMER_CLIENT_OFFSET, 220). */
export interface OffsetReset {
  readonly topic: string
  readonly group: string
  /** Milliseconds since 1970 that the offsets belong to. */
  readonly timestamp: number
  readonly isForce: boolean
  readonly offsets: ReadonlyArray<{ readonly queue: MessageQueue; readonly offset: number }>
  readonly peer: Peer
}

/** A message is to be consumed now, whatever its queue's turn (CONSUME_MESSAGE_DIRECTLY, 309). */
export interface DirectConsumption {
  readonly message: StoredMessage
  readonly header: ConsumeMessageDirectlyResultRequestHeader
  readonly peer: Peer
}

/** A reply to a request message (PUSH_REPLY_MESSAGE_TO_CLIENT, 326). */
export interface Reply {
  readonly header: ReplyMessageRequestHeader
  readonly properties: MessageProperties.MessageProperties
  /** As it came, compressed where `header.sysFlag` says so. */
  readonly body: Uint8Array
  /** Milliseconds since 1970. */
  readonly arrivedAt: number
  readonly peer: Peer
}

/** What a producer group is asked. */
export interface ProducerHandlers<R = never> {
  /** Whatever it fails with is logged; the broker asks again. */
  readonly checkTransactionState?: ((check: TransactionCheck) => Effect.Effect<unknown, unknown, R>) | undefined
}

/** What a consumer group is asked. What is left out is answered as for a group that is not there. */
export interface ConsumerHandlers<R = never> {
  /** Members of the group came or went (NOTIFY_CONSUMER_IDS_CHANGED, 40). */
  readonly consumerIdsChanged?: ((peer: Peer) => Effect.Effect<unknown, unknown, R>) | undefined
  readonly resetOffset?: ((reset: OffsetReset) => Effect.Effect<unknown, unknown, R>) | undefined
  /** How far the group has come in a topic's queues (GET_CONSUMER_STATUS_FROM_CLIENT, 221). */
  readonly consumerStatus?:
    | ((
      topic: string,
      peer: Peer
    ) => Effect.Effect<ReadonlyArray<{ readonly queue: MessageQueue; readonly offset: number }>, unknown, R>)
    | undefined
  /** GET_CONSUMER_RUNNING_INFO, 307. */
  readonly runningInfo?: ((peer: Peer) => Effect.Effect<ConsumerRunningInfo, unknown, R>) | undefined
  readonly consumeMessageDirectly?:
    | ((consumption: DirectConsumption) => Effect.Effect<ConsumeMessageDirectlyResult, unknown, R>)
    | undefined
}

/** See {@link ServerRequests}. */
export interface Service {
  /** Hands what brokers ask a producer group to `handlers`, until the scope closes. The newest registration counts. */
  readonly registerProducer: <R = never>(
    group: string,
    handlers: ProducerHandlers<R>
  ) => Effect.Effect<void, never, R | Scope.Scope>
  /** Hands what brokers ask a consumer group to `handlers`, until the scope closes. The newest registration counts. */
  readonly registerConsumer: <R = never>(
    group: string,
    handlers: ConsumerHandlers<R>
  ) => Effect.Effect<void, never, R | Scope.Scope>
  /**
   * Hands the reply with a correlation id to `deliver`, once. Plain code, since
   * it runs per request: returns what takes the expectation back.
   */
  readonly expectReply: (correlationId: string, deliver: (reply: Reply) => void) => () => void
}

/** The requests of servers. */
export class ServerRequests extends Context.Service<ServerRequests, Service>()(
  "effect-rocketmq/client/ServerRequests"
) {}

/** What the newest registration of each group says. */
class Groups<H> {
  private readonly stacks = new Map<string, Array<H>>()

  /** Returns what takes it back. */
  add(group: string, handlers: H): () => void {
    const stack = this.stacks.get(group) ?? []
    this.stacks.set(group, stack)
    stack.push(handlers)
    return () => {
      stack.splice(stack.indexOf(handlers), 1)
      if (stack.length === 0 && this.stacks.get(group) === stack) this.stacks.delete(group)
    }
  }

  find(group: string): H | undefined {
    const stack = this.stacks.get(group)
    return stack?.[stack.length - 1]
  }
}

/** A function that needs nothing any more. */
const bind = <A extends ReadonlyArray<unknown>, B, R>(
  handle: ((...args: A) => Effect.Effect<B, unknown, R>) | undefined,
  context: Context.Context<R>
): ((...args: A) => Effect.Effect<B, unknown>) | undefined =>
  handle === undefined ? undefined : (...args) => Effect.provideContext(Effect.suspend(() => handle(...args)), context)

/** A request that cannot be read. Whoever waits for an answer is told. */
const unreadable = (what: string): Effect.Effect<never, Error> => Effect.fail(new Error(what))

const headerOf = <H>(codec: HeaderCodec.HeaderCodec<H>, request: RemotingCommand): Effect.Effect<H, Error> => {
  const header = codec.decode(request.extFields)
  return HeaderCodec.isViolation(header) ? unreadable(`${header.field} ${header.detail}`) : Effect.succeed(header)
}

const messageOf = (request: RemotingCommand): Effect.Effect<StoredMessage, Error> => {
  const { messages, violation } = decodeAll(request.body ?? new Uint8Array(0))
  const message = messages[0]
  if (message !== undefined) return Effect.succeed(message)
  return unreadable(violation === undefined ? "it carries no message" : `its message: ${violation.detail}`)
}

const offsetsOf = (request: RemotingCommand): Effect.Effect<OffsetReset["offsets"], Error> => {
  if (request.body === undefined) return Effect.succeed([])
  const table = ResetOffsetBody.decode(request.body)
  if (!BodyCodec.isViolation(table)) {
    return Effect.succeed(table.offsetTable.map(([queue, offset]) => ({ queue, offset })))
  }
  // Brokers send clients that announce C++ a list.
  const list = ResetOffsetBodyForC.decode(request.body)
  return BodyCodec.isViolation(list)
    ? unreadable(`${table.path} ${table.detail}`)
    : Effect.succeed(
      list.offsetTable.map(({ brokerName, offset, queueId, topic }) => ({
        queue: { topic, brokerName, queueId },
        offset
      }))
    )
}

/** What RocketMQ 5.3.3 `ClientRemotingProcessor` answers for a group that the client does not have. */
const noSuchGroup = (group: string): RemotingReply => ({
  code: ResponseCode.SYSTEM_ERROR,
  remark: `The Consumer Group <${group}> not exist in this consumer`
})

/** RocketMQ 5.3.3 `ClientRemotingProcessor.receiveReplyMessage`. */
const replyFailed: RemotingReply = { code: ResponseCode.SYSTEM_ERROR, remark: "process reply message fail" }

/** Requests that RocketMQ's client never answers, even where an answer was asked for. */
const unanswered = Effect.as(undefined)

/** Takes the requests of servers, in the current scope. */
export const make = Effect.gen(function*(): Effect.fn.Return<Service, never, Scope.Scope | RemotingClient> {
  const client = yield* RemotingClient
  const clock = yield* Clock.Clock
  const producers = new Groups<ProducerHandlers>()
  const consumers = new Groups<ConsumerHandlers>()
  const replies = new Map<string, (reply: Reply) => void>()

  yield* client.handle(RequestCode.CHECK_TRANSACTION_STATE, (request, peer) =>
    Effect.gen(function*() {
      const header = yield* headerOf(CheckTransactionStateRequestHeader, request)
      const message = yield* messageOf(request)
      const check = producers.find(message.properties[PropertyName.PGROUP] ?? "")?.checkTransactionState
      return check === undefined ? undefined : yield* unanswered(check({ message, header, peer }))
    }))

  yield* client.handle(RequestCode.NOTIFY_CONSUMER_IDS_CHANGED, (request, peer) =>
    Effect.gen(function*() {
      const { consumerGroup } = yield* headerOf(NotifyConsumerIdsChangedRequestHeader, request)
      const changed = consumers.find(consumerGroup)?.consumerIdsChanged
      return changed === undefined ? undefined : yield* unanswered(changed(peer))
    }))

  yield* client.handle(RequestCode.RESET_CONSUMER_CLIENT_OFFSET, (request, peer) =>
    Effect.gen(function*() {
      const { group, isForce, timestamp, topic } = yield* headerOf(ResetOffsetRequestHeader, request)
      const offsets = yield* offsetsOf(request)
      const reset = consumers.find(group)?.resetOffset
      return reset === undefined
        ? undefined
        : yield* unanswered(reset({ topic, group, timestamp, isForce, offsets, peer }))
    }))

  yield* client.handle(RequestCode.GET_CONSUMER_STATUS_FROM_CLIENT, (request, peer) =>
    Effect.gen(function*() {
      const { group, topic } = yield* headerOf(GetConsumerStatusRequestHeader, request)
      const status = consumers.find(group)?.consumerStatus
      // RocketMQ answers an unknown group with an empty table.
      const offsets = status === undefined ? [] : yield* status(topic, peer)
      return {
        body: GetConsumerStatusBody.encode({
          consumerTable: {},
          messageQueueTable: offsets.map(({ offset, queue }) => [queue, offset] as const)
        })
      }
    }))

  yield* client.handle(RequestCode.GET_CONSUMER_RUNNING_INFO, (request, peer) =>
    Effect.gen(function*() {
      const { consumerGroup } = yield* headerOf(GetConsumerRunningInfoRequestHeader, request)
      const runningInfo = consumers.find(consumerGroup)?.runningInfo
      return runningInfo === undefined
        ? noSuchGroup(consumerGroup)
        : { body: ConsumerRunningInfo.encode(yield* runningInfo(peer)) }
    }))

  yield* client.handle(RequestCode.CONSUME_MESSAGE_DIRECTLY, (request, peer) =>
    Effect.gen(function*() {
      const header = yield* headerOf(ConsumeMessageDirectlyResultRequestHeader, request)
      const consume = consumers.find(header.consumerGroup)?.consumeMessageDirectly
      if (consume === undefined) return noSuchGroup(header.consumerGroup)
      const message = yield* messageOf(request)
      return { body: ConsumeMessageDirectlyResult.encode(yield* consume({ message, header, peer })) }
    }))

  const receive = (request: RemotingCommand, peer: Peer): RemotingReply => {
    const header = ReplyMessageRequestHeader.decode(request.extFields)
    if (HeaderCodec.isViolation(header)) return replyFailed
    const properties = MessageProperties.decode(header.properties)
    const correlationId = properties[PropertyName.CORRELATION_ID] ?? ""
    const deliver = replies.get(correlationId)
    // One that nobody waits for any more is none of the broker's business.
    if (deliver === undefined) return {}
    replies.delete(correlationId)
    deliver({
      header,
      properties,
      body: request.body ?? new Uint8Array(0),
      arrivedAt: Math.floor(clock.currentTimeMillisUnsafe()),
      peer
    })
    return {}
  }

  yield* client.handle(RequestCode.PUSH_REPLY_MESSAGE_TO_CLIENT, (request, peer) =>
    Effect.catchCause(
      Effect.sync(() => receive(request, peer)),
      (cause) => Effect.as(Effect.logWarning("a reply could not be delivered", cause), replyFailed)
    ))

  const registered = <H>(groups: Groups<H>, group: string, handlers: H) =>
    Effect.asVoid(
      Effect.acquireRelease(Effect.sync(() => groups.add(group, handlers)), (remove) => Effect.sync(remove))
    )

  return {
    registerProducer: <R>(group: string, handlers: ProducerHandlers<R>) =>
      Effect.contextWith((context: Context.Context<R>) =>
        registered(producers, group, { checkTransactionState: bind(handlers.checkTransactionState, context) })
      ),
    registerConsumer: <R>(group: string, handlers: ConsumerHandlers<R>) =>
      Effect.contextWith((context: Context.Context<R>) =>
        registered(consumers, group, {
          consumerIdsChanged: bind(handlers.consumerIdsChanged, context),
          resetOffset: bind(handlers.resetOffset, context),
          consumerStatus: bind(handlers.consumerStatus, context),
          runningInfo: bind(handlers.runningInfo, context),
          consumeMessageDirectly: bind(handlers.consumeMessageDirectly, context)
        })
      ),
    expectReply: (correlationId, deliver) => {
      replies.set(correlationId, deliver)
      return () => {
        if (replies.get(correlationId) === deliver) replies.delete(correlationId)
      }
    }
  }
})

/** The requests of servers, as a Layer. */
export const layer: Layer.Layer<ServerRequests, never, RemotingClient> = Layer.effect(ServerRequests, make)
