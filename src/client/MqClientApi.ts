/**
 * The requests of producers, consumers and routes, typed: one function each.
 *
 * An answer that is no success is a `BrokerError`, with the outcome that its
 * code stands for; no answer is a `RemotingError`; an answer that lacks
 * something is a `MalformedResponse`. A `brokerName` in a header is needed where
 * a proxy is to forward the request (RocketMQ 5.3.3 `AbstractRemotingActivity`).
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import { BatchAckMessageRequestBody } from "../protocol/body/BatchAck.ts"
import { CheckClientRequestBody } from "../protocol/body/CheckClientRequestBody.ts"
import { GetConsumerListByGroupResponseBody } from "../protocol/body/ConsumerList.ts"
import { HeartbeatData } from "../protocol/body/HeartbeatData.ts"
import { LockBatchRequestBody, LockBatchResponseBody, UnlockBatchRequestBody } from "../protocol/body/LockBatch.ts"
import { QueryAssignmentRequestBody, QueryAssignmentResponseBody } from "../protocol/body/QueryAssignment.ts"
import { QueryCorrectionOffsetBody } from "../protocol/body/QueryCorrectionOffset.ts"
import { SetMessageRequestModeRequestBody } from "../protocol/body/SetMessageRequestMode.ts"
import { TopicRouteData } from "../protocol/body/TopicRouteData.ts"
import * as Client from "../protocol/header/ClientManagement.ts"
import * as ConsumerOffset from "../protocol/header/ConsumerOffset.ts"
import { ConsumerSendMsgBackRequestHeader } from "../protocol/header/ConsumerSendMsgBack.ts"
import type { HeaderCodec } from "../protocol/header/HeaderCodec.ts"
import { GetRouteInfoRequestHeader } from "../protocol/header/NameServer.ts"
import * as Pop from "../protocol/header/PopMessage.ts"
import { PullMessageRequestHeader, PullMessageResponseHeader } from "../protocol/header/PullMessage.ts"
import * as Query from "../protocol/header/QueryMessage.ts"
import * as Offset from "../protocol/header/QueueOffset.ts"
import { RecallMessageRequestHeader, RecallMessageResponseHeader } from "../protocol/header/RecallMessage.ts"
import type { SendMessageRequestHeader } from "../protocol/header/SendMessage.ts"
import { SendMessageRequestHeaderV2, SendMessageResponseHeader } from "../protocol/header/SendMessage.ts"
import { EndTransactionRequestHeader } from "../protocol/header/Transaction.ts"
import type { ExtFields, RemotingCommand } from "../protocol/RemotingCommand.ts"
import { RequestCode } from "../protocol/RequestCode.ts"
import { ResponseCode } from "../protocol/ResponseCode.ts"
import type { Address } from "../remoting/Address.ts"
import type { InvokeOptions, Service as RemotingService } from "../remoting/RemotingClient.ts"
import { RemotingClient } from "../remoting/RemotingClient.ts"
import type { RemotingError } from "../remoting/RemotingError.ts"
import type { ApiError } from "./ClientError.ts"
import type { Answer, Coded } from "./internal/rpc.ts"
import * as Rpc from "./internal/rpc.ts"

/** A request that is answered. */
type Ask<Header, A> = (
  address: Address,
  header: Header,
  options?: InvokeOptions
) => Effect.Effect<A, ApiError>

/** A request with a body that is answered. */
type AskWith<Header, Body, A> = (
  address: Address,
  header: Header,
  body: Body,
  options?: InvokeOptions
) => Effect.Effect<A, ApiError>

/** A request that consists of its body and is answered. */
type AskBody<Body, A> = (
  address: Address,
  body: Body,
  options?: BodyOptions
) => Effect.Effect<A, ApiError>

/** A request that is not answered. */
type Tell<Header> = (
  address: Address,
  header: Header,
  options?: InvokeOptions
) => Effect.Effect<void, RemotingError>

/** How a request that consists of its body is to be treated. */
export interface BodyOptions extends InvokeOptions {
  /** The broker that a proxy is to forward it to. */
  readonly brokerName?: string | undefined
}

/** A message was stored, more or less safely. */
export interface SendMessageResponse {
  /** SUCCESS (0), FLUSH_DISK_TIMEOUT (10), SLAVE_NOT_AVAILABLE (11) or FLUSH_SLAVE_TIMEOUT (12). */
  readonly code: number
  readonly header: SendMessageResponseHeader
  /** All fields of the answer. */
  readonly extFields: ExtFields
}

/** Messages, or none. */
export interface PullMessageResponse extends Coded<PullMessageResponseHeader> {
  /**
   * SUCCESS (0): `body` holds messages. PULL_NOT_FOUND (19): there are none.
   * PULL_RETRY_IMMEDIATELY (20): none matched. PULL_OFFSET_MOVED (21): the
   * offset is not in the queue, `nextBeginOffset` is.
   */
  readonly code: number
}

/** Messages, or none. */
export interface PopMessageResponse {
  /**
   * SUCCESS (0): `body` holds messages. PULL_NOT_FOUND (19), POLLING_TIMEOUT
   * (210): there are none. POLLING_FULL (209): none, and too many wait already.
   */
  readonly code: number
  /** There with SUCCESS. */
  readonly header: Pop.PopMessageResponseHeader | undefined
  readonly body: Uint8Array | undefined
}

/** Messages, or none. */
export interface PeekMessageResponse extends Coded<Pop.PopMessageResponseHeader> {
  /** SUCCESS (0), or PULL_NOT_FOUND (19): there are none. */
  readonly code: number
}

/** What a server answers to a heartbeat. */
export interface HeartbeatResponse {
  readonly header: Client.HeartbeatResponseHeader
  /** The server's version, an ordinal of `MqVersion`. */
  readonly version: number
}

/** Messages that have a key. */
export interface QueryMessageResponse {
  readonly header: Query.QueryMessageResponseHeader
  /** Stored messages, of which some may only have a key with the same hash. */
  readonly body: Uint8Array | undefined
}

/** See {@link MqClientApi}. */
export interface Service {
  // --- producers ---------------------------------------------------------------

  /** SEND_MESSAGE_V2 (310), or SEND_BATCH_MESSAGE (320) when the header says that the body is a batch. */
  readonly sendMessage: AskWith<SendMessageRequestHeader, Uint8Array, SendMessageResponse>
  /** The same without an answer. */
  readonly sendMessageOneway: (
    address: Address,
    header: SendMessageRequestHeader,
    body: Uint8Array,
    options?: InvokeOptions
  ) => Effect.Effect<void, RemotingError>
  /** SEND_REPLY_MESSAGE_V2 (325): the reply to a request message. Proxies do not know it. */
  readonly sendReplyMessage: AskWith<SendMessageRequestHeader, Uint8Array, SendMessageResponse>
  /** RECALL_MESSAGE (370). */
  readonly recallMessage: Ask<RecallMessageRequestHeader, RecallMessageResponseHeader>
  /**
   * END_TRANSACTION (37). A broker does not answer a `commitOrRollback` of
   * unknown (0): that is for {@link endTransactionOneway}.
   */
  readonly endTransaction: (
    address: Address,
    header: EndTransactionRequestHeader,
    options?: TransactionOptions
  ) => Effect.Effect<void, ApiError>
  /** END_TRANSACTION without an answer. */
  readonly endTransactionOneway: (
    address: Address,
    header: EndTransactionRequestHeader,
    options?: TransactionOptions
  ) => Effect.Effect<void, RemotingError>

  // --- consumers ---------------------------------------------------------------

  /** CONSUMER_SEND_MSG_BACK (36). Java gives it 5 seconds. */
  readonly consumerSendMsgBack: Ask<ConsumerSendMsgBackRequestHeader, void>
  /** PULL_MESSAGE (11). A pull that may be suspended needs a timeout longer than that. */
  readonly pullMessage: Ask<PullMessageRequestHeader, PullMessageResponse>
  /** LITE_PULL_MESSAGE (361): the pull of a consumer that assigns its queues itself. */
  readonly litePullMessage: Ask<PullMessageRequestHeader, PullMessageResponse>
  /** POP_MESSAGE (200050). Needs a timeout longer than `pollTime`. */
  readonly popMessage: Ask<Pop.PopMessageRequestHeader, PopMessageResponse>
  /** ACK_MESSAGE (200051). */
  readonly ackMessage: Ask<Pop.AckMessageRequestHeader, void>
  /** BATCH_ACK_MESSAGE (200151). Proxies do not know it. */
  readonly batchAckMessage: AskBody<BatchAckMessageRequestBody, void>
  /** CHANGE_MESSAGE_INVISIBLETIME (200053). */
  readonly changeInvisibleTime: Ask<Pop.ChangeInvisibleTimeRequestHeader, Pop.ChangeInvisibleTimeResponseHeader>
  /** PEEK_MESSAGE (200052). */
  readonly peekMessage: Ask<Pop.PeekMessageRequestHeader, PeekMessageResponse>
  /** NOTIFICATION (200054). Needs a timeout longer than `pollTime`. */
  readonly notification: Ask<Pop.NotificationRequestHeader, Pop.NotificationResponseHeader>
  /** POLLING_INFO (200055). */
  readonly pollingInfo: Ask<Pop.PollingInfoRequestHeader, Pop.PollingInfoResponseHeader>
  /** QUERY_CONSUMER_OFFSET (14). An offset that is not there is a `BrokerError` with QUERY_NOT_FOUND (22). */
  readonly queryConsumerOffset: Ask<
    ConsumerOffset.QueryConsumerOffsetRequestHeader,
    ConsumerOffset.QueryConsumerOffsetResponseHeader
  >
  /** UPDATE_CONSUMER_OFFSET (15). */
  readonly updateConsumerOffset: Ask<ConsumerOffset.UpdateConsumerOffsetRequestHeader, void>
  /** UPDATE_CONSUMER_OFFSET without an answer; a server that drains drops it. */
  readonly updateConsumerOffsetOneway: Tell<ConsumerOffset.UpdateConsumerOffsetRequestHeader>
  /** GET_MAX_OFFSET (30). */
  readonly getMaxOffset: Ask<Offset.GetMaxOffsetRequestHeader, Offset.GetMaxOffsetResponseHeader>
  /** GET_MIN_OFFSET (31). */
  readonly getMinOffset: Ask<Offset.GetMinOffsetRequestHeader, Offset.GetMinOffsetResponseHeader>
  /** SEARCH_OFFSET_BY_TIMESTAMP (29). */
  readonly searchOffset: Ask<Offset.SearchOffsetRequestHeader, Offset.SearchOffsetResponseHeader>
  /** GET_EARLIEST_MSG_STORETIME (32). */
  readonly getEarliestMsgStoretime: Ask<
    Offset.GetEarliestMsgStoretimeRequestHeader,
    Offset.GetEarliestMsgStoretimeResponseHeader
  >
  /** QUERY_CORRECTION_OFFSET (308). */
  readonly queryCorrectionOffset: Ask<ConsumerOffset.QueryCorrectionOffsetHeader, QueryCorrectionOffsetBody>
  /** GET_CONSUMER_LIST_BY_GROUP (38). A client with two connections may be in it twice. */
  readonly getConsumerListByGroup: Ask<Client.GetConsumerListByGroupRequestHeader, GetConsumerListByGroupResponseBody>
  /** LOCK_BATCH_MQ (41). */
  readonly lockBatchMq: AskBody<LockBatchRequestBody, LockBatchResponseBody>
  /** UNLOCK_BATCH_MQ (42). */
  readonly unlockBatchMq: AskBody<UnlockBatchRequestBody, void>
  /** UNLOCK_BATCH_MQ without an answer. */
  readonly unlockBatchMqOneway: (
    address: Address,
    body: UnlockBatchRequestBody,
    options?: BodyOptions
  ) => Effect.Effect<void, RemotingError>
  /** QUERY_ASSIGNMENT (400). Proxies do not know it. */
  readonly queryAssignment: AskBody<QueryAssignmentRequestBody, QueryAssignmentResponseBody>
  /** SET_MESSAGE_REQUEST_MODE (401). Proxies do not know it. */
  readonly setMessageRequestMode: AskBody<SetMessageRequestModeRequestBody, void>
  /** CHECK_CLIENT_CONFIG (46): whether the broker takes a subscription's expression. */
  readonly checkClientConfig: AskBody<CheckClientRequestBody, void>

  // --- clients -------------------------------------------------------------------

  /** HEART_BEAT (34), on whichever channel is open. `Heartbeats` sends those that register. */
  readonly heartbeat: AskBody<HeartbeatData, HeartbeatResponse>
  /** UNREGISTER_CLIENT (35). */
  readonly unregisterClient: Ask<Client.UnregisterClientRequestHeader, void>
  /** UNREGISTER_CLIENT without an answer. */
  readonly unregisterClientOneway: Tell<Client.UnregisterClientRequestHeader>

  // --- routes and messages ---------------------------------------------------------

  /** GET_ROUTEINFO_BY_TOPIC (105), of a name server or a proxy. */
  readonly getRouteInfoByTopic: Ask<GetRouteInfoRequestHeader, TopicRouteData>
  /** QUERY_MESSAGE (12). That there is none is a `BrokerError` with QUERY_NOT_FOUND (22). */
  readonly queryMessage: Ask<Query.QueryMessageRequestHeader, QueryMessageResponse>
  /** VIEW_MESSAGE_BY_ID (33): one stored message. */
  readonly viewMessage: Ask<Query.ViewMessageRequestHeader, Uint8Array>
}

/** How END_TRANSACTION is to be treated. */
export interface TransactionOptions extends InvokeOptions {
  /** Why, for the broker's log: what the local transaction failed with. */
  readonly remark?: string | undefined
}

/** The requests. */
export class MqClientApi extends Context.Service<MqClientApi, Service>()("effect-rocketmq/client/MqClientApi") {}

/** RocketMQ 5.3.3 `MQClientAPIImpl.processSendResponse`. */
const sendSuccesses: ReadonlySet<number> = new Set([
  ResponseCode.SUCCESS,
  ResponseCode.FLUSH_DISK_TIMEOUT,
  ResponseCode.SLAVE_NOT_AVAILABLE,
  ResponseCode.FLUSH_SLAVE_TIMEOUT
])

/** RocketMQ 5.3.3 `MQClientAPIImpl.processPullResponse`. */
const pullSuccesses: ReadonlySet<number> = new Set([
  ResponseCode.SUCCESS,
  ResponseCode.PULL_NOT_FOUND,
  ResponseCode.PULL_RETRY_IMMEDIATELY,
  ResponseCode.PULL_OFFSET_MOVED
])

/** RocketMQ 5.3.3 `MQClientAPIImpl.processPopResponse`, beside SUCCESS. */
const popEmpty: ReadonlySet<number> = new Set([
  ResponseCode.PULL_NOT_FOUND,
  ResponseCode.POLLING_FULL,
  ResponseCode.POLLING_TIMEOUT
])

/** RocketMQ 5.3.3 `MQClientAPIImpl.processPeekResponse`. */
const peekSuccesses: ReadonlySet<number> = new Set([ResponseCode.SUCCESS, ResponseCode.PULL_NOT_FOUND])

const forwarded = (brokerName: string | undefined): ExtFields | undefined =>
  brokerName === undefined ? undefined : { bname: brokerName }

/** The requests over a client. */
export const make = (client: RemotingService): Service => {
  /** Asks with a header, and reads what SUCCESS comes with. */
  const ask = <Header, A>(
    code: number,
    codec: HeaderCodec<Header>,
    read: (response: RemotingCommand) => Rpc.Read<A>
  ): Ask<Header, A> =>
  (address, header, options) =>
    Effect.flatMap(
      client.invoke(address, { code, extFields: codec.encode(header) }, options),
      (response) => Rpc.answered(address, code, response, read)
    )

  /** Asks with a header, and reads a header and bytes of which several codes are successes. */
  const askCoded = <Header, A>(
    code: number,
    codec: HeaderCodec<Header>,
    successes: ReadonlySet<number>,
    answer: HeaderCodec<A>
  ): Ask<Header, Coded<A>> =>
  (address, header, options) =>
    Effect.flatMap(
      client.invoke(address, { code, extFields: codec.encode(header) }, options),
      (response) => Rpc.coded(address, code, response, successes, answer)
    )

  /** Asks with a body. */
  const askBody = <Body, A>(
    code: number,
    codec: { readonly encode: (body: Body) => Uint8Array },
    read: (response: RemotingCommand) => Rpc.Read<A>
  ): AskBody<Body, A> =>
  (address, body, options) =>
    Effect.flatMap(
      client.invoke(address, { code, extFields: forwarded(options?.brokerName), body: codec.encode(body) }, options),
      (response) => Rpc.answered(address, code, response, read)
    )

  const tell = <Header>(code: number, codec: HeaderCodec<Header>): Tell<Header> => (address, header, options) =>
    client.invokeOneway(address, { code, extFields: codec.encode(header) }, options)

  const sent = (address: Address, code: number, response: RemotingCommand): Answer<SendMessageResponse> => {
    if (!sendSuccesses.has(response.code)) return Rpc.refused(address, code, response)
    const { extFields } = response
    return Rpc.checkedWith(address, code, SendMessageResponseHeader.decode(extFields), (header) => ({
      code: response.code,
      header,
      extFields
    }))
  }

  const send = (code: number | undefined): Service["sendMessage"] => (address, header, body, options) => {
    const requestCode = code ?? (header.batch ? RequestCode.SEND_BATCH_MESSAGE : RequestCode.SEND_MESSAGE_V2)
    // Hot path: one operator over the request.
    return Effect.flatMap(
      client.invoke(
        address,
        { code: requestCode, extFields: SendMessageRequestHeaderV2.encode(header), body },
        options
      ),
      (response) => sent(address, requestCode, response)
    )
  }

  const popped = (address: Address, response: RemotingCommand): Answer<PopMessageResponse> => {
    const { body, code } = response
    if (popEmpty.has(code)) return Exit.succeed({ code, header: undefined, body })
    if (code !== ResponseCode.SUCCESS) return Rpc.refused(address, RequestCode.POP_MESSAGE, response)
    return Rpc.checkedWith(
      address,
      RequestCode.POP_MESSAGE,
      Pop.PopMessageResponseHeader.decode(response.extFields),
      (header) => ({ code, header, body })
    )
  }

  return {
    sendMessage: send(undefined),
    sendMessageOneway: (address, header, body, options) =>
      client.invokeOneway(
        address,
        {
          code: header.batch ? RequestCode.SEND_BATCH_MESSAGE : RequestCode.SEND_MESSAGE_V2,
          extFields: SendMessageRequestHeaderV2.encode(header),
          body
        },
        options
      ),
    sendReplyMessage: send(RequestCode.SEND_REPLY_MESSAGE_V2),
    recallMessage: ask(
      RequestCode.RECALL_MESSAGE,
      RecallMessageRequestHeader,
      Rpc.header(RecallMessageResponseHeader)
    ),
    endTransaction: (address, header, options) =>
      Effect.flatMap(
        client.invoke(
          address,
          {
            code: RequestCode.END_TRANSACTION,
            extFields: EndTransactionRequestHeader.encode(header),
            remark: options?.remark
          },
          options
        ),
        (response) => Rpc.answered(address, RequestCode.END_TRANSACTION, response, Rpc.nothing)
      ),
    endTransactionOneway: (address, header, options) =>
      client.invokeOneway(
        address,
        {
          code: RequestCode.END_TRANSACTION,
          extFields: EndTransactionRequestHeader.encode(header),
          remark: options?.remark
        },
        options
      ),

    consumerSendMsgBack: ask(
      RequestCode.CONSUMER_SEND_MSG_BACK,
      ConsumerSendMsgBackRequestHeader,
      Rpc.nothing
    ),
    pullMessage: askCoded(
      RequestCode.PULL_MESSAGE,
      PullMessageRequestHeader,
      pullSuccesses,
      PullMessageResponseHeader
    ),
    litePullMessage: askCoded(
      RequestCode.LITE_PULL_MESSAGE,
      PullMessageRequestHeader,
      pullSuccesses,
      PullMessageResponseHeader
    ),
    popMessage: (address, header, options) =>
      Effect.flatMap(
        client.invoke(
          address,
          { code: RequestCode.POP_MESSAGE, extFields: Pop.PopMessageRequestHeader.encode(header) },
          options
        ),
        (response) => popped(address, response)
      ),
    ackMessage: ask(RequestCode.ACK_MESSAGE, Pop.AckMessageRequestHeader, Rpc.nothing),
    batchAckMessage: askBody(RequestCode.BATCH_ACK_MESSAGE, BatchAckMessageRequestBody, Rpc.nothing),
    changeInvisibleTime: ask(
      RequestCode.CHANGE_MESSAGE_INVISIBLETIME,
      Pop.ChangeInvisibleTimeRequestHeader,
      Rpc.header(Pop.ChangeInvisibleTimeResponseHeader)
    ),
    peekMessage: askCoded(
      RequestCode.PEEK_MESSAGE,
      Pop.PeekMessageRequestHeader,
      peekSuccesses,
      Pop.PopMessageResponseHeader
    ),
    notification: ask(
      RequestCode.NOTIFICATION,
      Pop.NotificationRequestHeader,
      Rpc.header(Pop.NotificationResponseHeader)
    ),
    pollingInfo: ask(
      RequestCode.POLLING_INFO,
      Pop.PollingInfoRequestHeader,
      Rpc.header(Pop.PollingInfoResponseHeader)
    ),
    queryConsumerOffset: ask(
      RequestCode.QUERY_CONSUMER_OFFSET,
      ConsumerOffset.QueryConsumerOffsetRequestHeader,
      Rpc.header(ConsumerOffset.QueryConsumerOffsetResponseHeader)
    ),
    updateConsumerOffset: ask(
      RequestCode.UPDATE_CONSUMER_OFFSET,
      ConsumerOffset.UpdateConsumerOffsetRequestHeader,
      Rpc.nothing
    ),
    updateConsumerOffsetOneway: tell(
      RequestCode.UPDATE_CONSUMER_OFFSET,
      ConsumerOffset.UpdateConsumerOffsetRequestHeader
    ),
    getMaxOffset: ask(
      RequestCode.GET_MAX_OFFSET,
      Offset.GetMaxOffsetRequestHeader,
      Rpc.header(Offset.GetMaxOffsetResponseHeader)
    ),
    getMinOffset: ask(
      RequestCode.GET_MIN_OFFSET,
      Offset.GetMinOffsetRequestHeader,
      Rpc.header(Offset.GetMinOffsetResponseHeader)
    ),
    searchOffset: ask(
      RequestCode.SEARCH_OFFSET_BY_TIMESTAMP,
      Offset.SearchOffsetRequestHeader,
      Rpc.header(Offset.SearchOffsetResponseHeader)
    ),
    getEarliestMsgStoretime: ask(
      RequestCode.GET_EARLIEST_MSG_STORETIME,
      Offset.GetEarliestMsgStoretimeRequestHeader,
      Rpc.header(Offset.GetEarliestMsgStoretimeResponseHeader)
    ),
    queryCorrectionOffset: ask(
      RequestCode.QUERY_CORRECTION_OFFSET,
      ConsumerOffset.QueryCorrectionOffsetHeader,
      Rpc.body(QueryCorrectionOffsetBody)
    ),
    getConsumerListByGroup: ask(
      RequestCode.GET_CONSUMER_LIST_BY_GROUP,
      Client.GetConsumerListByGroupRequestHeader,
      Rpc.body(GetConsumerListByGroupResponseBody)
    ),
    lockBatchMq: askBody(RequestCode.LOCK_BATCH_MQ, LockBatchRequestBody, Rpc.body(LockBatchResponseBody)),
    unlockBatchMq: askBody(RequestCode.UNLOCK_BATCH_MQ, UnlockBatchRequestBody, Rpc.nothing),
    unlockBatchMqOneway: (address, body, options) =>
      client.invokeOneway(
        address,
        {
          code: RequestCode.UNLOCK_BATCH_MQ,
          extFields: forwarded(options?.brokerName),
          body: UnlockBatchRequestBody.encode(body)
        },
        options
      ),
    queryAssignment: askBody(
      RequestCode.QUERY_ASSIGNMENT,
      QueryAssignmentRequestBody,
      Rpc.body(QueryAssignmentResponseBody)
    ),
    setMessageRequestMode: askBody(
      RequestCode.SET_MESSAGE_REQUEST_MODE,
      SetMessageRequestModeRequestBody,
      Rpc.nothing
    ),
    checkClientConfig: askBody(RequestCode.CHECK_CLIENT_CONFIG, CheckClientRequestBody, Rpc.nothing),

    heartbeat: (address, body, options) =>
      Effect.flatMap(
        client.invoke(
          address,
          {
            code: RequestCode.HEART_BEAT,
            extFields: forwarded(options?.brokerName),
            body: HeartbeatData.encode(body)
          },
          options
        ),
        (response) => Rpc.heartbeat(address, response)
      ),
    unregisterClient: ask(RequestCode.UNREGISTER_CLIENT, Client.UnregisterClientRequestHeader, Rpc.nothing),
    unregisterClientOneway: tell(RequestCode.UNREGISTER_CLIENT, Client.UnregisterClientRequestHeader),

    getRouteInfoByTopic: ask(
      RequestCode.GET_ROUTEINFO_BY_TOPIC,
      GetRouteInfoRequestHeader,
      Rpc.body(TopicRouteData)
    ),
    queryMessage: (address, header, options) =>
      Effect.flatMap(
        client.invoke(
          address,
          { code: RequestCode.QUERY_MESSAGE, extFields: Query.QueryMessageRequestHeader.encode(header) },
          options
        ),
        (response): Answer<QueryMessageResponse> =>
          response.code === ResponseCode.SUCCESS
            ? Rpc.checkedWith(
              address,
              RequestCode.QUERY_MESSAGE,
              Query.QueryMessageResponseHeader.decode(response.extFields),
              (answer) => ({ header: answer, body: response.body })
            )
            : Rpc.refused(address, RequestCode.QUERY_MESSAGE, response)
      ),
    viewMessage: (address, header, options) =>
      Effect.flatMap(
        client.invoke(
          address,
          { code: RequestCode.VIEW_MESSAGE_BY_ID, extFields: Query.ViewMessageRequestHeader.encode(header) },
          options
        ),
        (response): Answer<Uint8Array> =>
          response.code !== ResponseCode.SUCCESS
            ? Rpc.refused(address, RequestCode.VIEW_MESSAGE_BY_ID, response)
            : response.body === undefined
            ? Rpc.malformed(address, RequestCode.VIEW_MESSAGE_BY_ID, "body", "is missing")
            : Exit.succeed(response.body)
      )
  }
}

/** The requests over the client in the context. */
export const layer: Layer.Layer<MqClientApi, never, RemotingClient> = Layer.effect(
  MqClientApi,
  Effect.map(RemotingClient, make)
)
