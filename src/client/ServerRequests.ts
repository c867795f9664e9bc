/** What servers ask of a client, handed to whoever registered for it. */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { ConsumeMessageDirectlyResult } from "../protocol/body/ConsumeMessageDirectlyResult.ts"
import type { ConsumerRunningInfo } from "../protocol/body/ConsumerRunningInfo.ts"
import type { ConsumeMessageDirectlyResultRequestHeader } from "../protocol/header/GroupAdmin.ts"
import type { ReplyMessageRequestHeader } from "../protocol/header/ReplyMessage.ts"
import type { CheckTransactionStateRequestHeader } from "../protocol/header/Transaction.ts"
import type { MessageProperties } from "../protocol/message/MessageProperties.ts"
import type { StoredMessage } from "../protocol/message/StoredMessage.ts"
import type { Peer } from "../remoting/RemotingHandler.ts"
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
  readonly properties: MessageProperties
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
