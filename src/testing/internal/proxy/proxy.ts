/**
 * An embedded RocketMQ proxy, as the stock one serves the Remoting protocol in cluster mode.
 *
 * Source of behaviour and remarks: RocketMQ 5.3.3, module `proxy`.
 */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import * as BodyCodec from "../../../protocol/body/BodyCodec.ts"
import { ConsumerConnection } from "../../../protocol/body/Connections.ts"
import { GetConsumerListByGroupResponseBody } from "../../../protocol/body/ConsumerList.ts"
import { HeartbeatData } from "../../../protocol/body/HeartbeatData.ts"
import { LockBatchRequestBody } from "../../../protocol/body/LockBatch.ts"
import { TopicConfigAndQueueMapping } from "../../../protocol/body/TopicConfig.ts"
import * as TopicRouteData from "../../../protocol/body/TopicRouteData.ts"
import * as HeaderCodec from "../../../protocol/header/HeaderCodec.ts"
import {
  CheckTransactionStateRequestHeader,
  EndTransactionRequestHeader
} from "../../../protocol/header/Transaction.ts"
import * as MessageProperties from "../../../protocol/message/MessageProperties.ts"
import * as Names from "../../../protocol/message/Names.ts"
import { PropertyName } from "../../../protocol/message/PropertyName.ts"
import * as StoredMessage from "../../../protocol/message/StoredMessage.ts"
import type { RemotingCommand } from "../../../protocol/RemotingCommand.ts"
import { RequestCode } from "../../../protocol/RequestCode.ts"
import { ResponseCode } from "../../../protocol/ResponseCode.ts"
import type { Address } from "../../../remoting/Address.ts"
import type * as RemotingClient from "../../../remoting/RemotingClient.ts"
import type { Peer } from "../../../remoting/RemotingHandler.ts"
import type { RemotingReply, RemotingRequest } from "../../../remoting/RemotingRequest.ts"
import * as InnerClient from "../cluster/innerClient.ts"
import { flag, integer } from "../cluster/javaFields.ts"
import type { Duties, Serving, Surroundings } from "../cluster/Node.ts"
import type { Hub } from "./clients.ts"
import { Clients } from "./clients.ts"
import * as Failures from "./failures.ts"
import { RefreshingCache } from "./RefreshingCache.ts"
import type { ProxySettings } from "./Settings.ts"
import * as Settings from "./Settings.ts"
import { Transactions } from "./transactions.ts"

export { Hub } from "./clients.ts"

/** What a proxy is made of. */
export interface ProxyOptions {
  readonly settings: Partial<ProxySettings>
  /** Shared by all proxies of the cluster. */
  readonly hub: Hub
  /** Where the name servers are now. */
  readonly nameServers: () => ReadonlyArray<Address>
  /** Whose brokers know the consumer groups. */
  readonly cluster: string
  /** The address that routes name in place of brokers'. */
  readonly advertised: () => Address
}

type Reply = Effect.Effect<RemotingReply | undefined, Failures.ProxyFailure>

/** Timeouts towards brokers, in milliseconds. */
const requestMillis = 3_000
const recallMillis = 2_000
const pullExtraMillis = 10_000

/** RocketMQ 5.3.3 `ClusterServiceManager`, and `ProxyConfig.transactionDataExpireScanPeriodMillis`. */
const scanMillis = 10_000

/** RocketMQ 5.3.3 `ClusterTransactionService.TRANS_HEARTBEAT_CLIENT_ID`. */
const transactionClientId = "rmq-proxy-producer-client"

/** RocketMQ 5.3.3 `ProxyConfig.transactionHeartbeatBatchNum`. */
const groupsInHeartbeat = 100

/** The version from which routes are standard JSON whether or not that was asked for: V4_9_4. */
const standardJsonVersion = 401

/** The bit of a pull's flags that says that it brings its subscription (RocketMQ 5.3.3 `PullSysFlag`). */
const subscriptionBit = 4

const masterId = 0

/** One life of a proxy. */
export const make = (
  serving: Serving,
  surroundings: Surroundings,
  options: ProxyOptions
): Effect.Effect<Duties, never, Scope.Scope> =>
  Effect.gen(function*() {
    const scope = yield* Effect.scope
    const runFork = Effect.runForkWith(yield* Effect.context<never>())
    const client = yield* InnerClient.make(surroundings.transport)
    const proxy = new ProxyServer(
      serving.address,
      client,
      () => Math.floor(surroundings.clock.currentTimeMillisUnsafe()),
      (effect) => Fiber.runIn(runFork(effect), scope),
      options
    )
    yield* Effect.acquireRelease(Effect.sync(() => proxy.join()), (leave) => Effect.sync(leave))
    yield* client.handle(RequestCode.CHECK_TRANSACTION_STATE, (request, peer) => proxy.relayCheck(request, peer))
    for (const [code, handle] of proxy.handlers()) {
      yield* serving.handle(code, (request, peer) => proxy.answer(handle(request, peer)))
    }
    return {
      channelClosed: (channelId) => proxy.channelClosed(channelId),
      begin: Effect.gen(function*() {
        yield* Effect.forkScoped(proxy.scanning)
        yield* Effect.forkScoped(proxy.transactionHeartbeats)
      })
    }
  })

class ProxyServer {
  private readonly client: RemotingClient.Service
  private readonly now: () => number
  private readonly options: ProxyOptions
  private readonly settings: ProxySettings
  private readonly clients: Clients
  private readonly transactions = new Transactions()
  /** Clusters whose brokers are told of a group with transactions. */
  private readonly transactionGroups = new Map<string, Set<string>>()
  /** Names of the brokers that were told last, by address. */
  private brokerNames: ReadonlyMap<Address, string> = new Map()
  /** `undefined`: no broker has the topic. */
  private readonly routes: RefreshingCache<TopicRouteData.TopicRouteData | undefined, Failures.ProxyFailure>
  private readonly messageTypes: RefreshingCache<string, Failures.ProxyFailure>
  /** Consumer groups that a broker was asked about. */
  private readonly groups: RefreshingCache<void, Failures.ProxyFailure>

  constructor(
    name: string,
    client: RemotingClient.Service,
    now: () => number,
    fork: (effect: Effect.Effect<void>) => unknown,
    options: ProxyOptions
  ) {
    const settings = { ...Settings.defaults, ...options.settings }
    this.client = client
    this.now = now
    this.options = options
    this.settings = settings
    this.clients = new Clients(name, options.hub, now)
    this.routes = new RefreshingCache(
      (topic) => this.loadRoute(topic),
      fork,
      now,
      () => settings.topicRouteServiceCacheRefreshSeconds * 1_000,
      () => settings.topicRouteServiceCacheExpiredSeconds * 1_000
    )
    this.messageTypes = new RefreshingCache(
      (topic) => this.loadMessageType(topic),
      fork,
      now,
      () => settings.topicConfigCacheRefreshSeconds * 1_000,
      () => settings.topicConfigCacheExpiredSeconds * 1_000
    )
    this.groups = new RefreshingCache(
      (group) => this.loadGroup(group),
      fork,
      now,
      () => settings.subscriptionGroupConfigCacheRefreshSeconds * 1_000,
      () => settings.subscriptionGroupConfigCacheExpiredSeconds * 1_000
    )
  }

  /** Other proxies tell this one of their consumers; returns what ends that. */
  join(): () => void {
    return this.options.hub.join(this.clients)
  }

  channelClosed(channelId: string): void {
    this.clients.channelClosed(channelId)
  }

  /** Every code that a proxy serves; all others it does not know. */
  handlers(): ReadonlyArray<readonly [code: number, handle: (request: RemotingCommand, peer: Peer) => Reply]> {
    const forward = (request: RemotingCommand) => this.forward(request, requestMillis)
    const send = (request: RemotingCommand) => this.send(request)
    const pull = (request: RemotingCommand) => this.pull(request)
    const lock = (request: RemotingCommand) => this.lock(request)
    // The stock proxy has these in its table, and no code for them: nobody is ever answered.
    const silent = (): Reply => Effect.undefined
    return [
      [RequestCode.SEND_MESSAGE, send],
      [RequestCode.SEND_MESSAGE_V2, send],
      [RequestCode.SEND_BATCH_MESSAGE, send],
      [RequestCode.CONSUMER_SEND_MSG_BACK, forward],
      [RequestCode.END_TRANSACTION, (request) => this.endTransaction(request)],
      [RequestCode.RECALL_MESSAGE, (request) => this.recall(request)],
      [RequestCode.HEART_BEAT, (request, peer) => this.heartbeat(request, peer)],
      [RequestCode.UNREGISTER_CLIENT, (request, peer) => this.unregister(request, peer)],
      [RequestCode.CHECK_CLIENT_CONFIG, () => Effect.succeed({ remark: "" })],
      [RequestCode.PULL_MESSAGE, pull],
      [RequestCode.LITE_PULL_MESSAGE, pull],
      // Read as a pull, which it is none.
      [RequestCode.POP_MESSAGE, pull],
      [RequestCode.UPDATE_CONSUMER_OFFSET, forward],
      [RequestCode.ACK_MESSAGE, silent],
      [RequestCode.CHANGE_MESSAGE_INVISIBLETIME, silent],
      [RequestCode.GET_CONSUMER_CONNECTION_LIST, (request) => this.consumerConnections(request)],
      [RequestCode.GET_CONSUMER_LIST_BY_GROUP, (request) => this.consumerList(request)],
      [RequestCode.GET_MAX_OFFSET, forward],
      [RequestCode.GET_MIN_OFFSET, forward],
      [RequestCode.QUERY_CONSUMER_OFFSET, forward],
      [RequestCode.SEARCH_OFFSET_BY_TIMESTAMP, forward],
      [RequestCode.LOCK_BATCH_MQ, lock],
      [RequestCode.UNLOCK_BATCH_MQ, lock],
      [RequestCode.GET_ROUTEINFO_BY_TOPIC, (request) => this.route(request)]
    ]
  }

  /** Every answer says region and trace; a failure becomes one. */
  answer(reply: Reply): Effect.Effect<RemotingReply | undefined> {
    return Effect.map(
      Effect.catchTag(
        reply,
        "ProxyFailure",
        ({ code, remark }) => Effect.succeed<RemotingReply>({ code, remark })
      ),
      (one) =>
        one === undefined ? undefined : {
          ...one,
          extFields: {
            ...one.extFields,
            [PropertyName.MSG_REGION]: this.settings.regionId,
            [PropertyName.TRACE_ON]: String(this.settings.traceOn)
          }
        }
    )
  }

  // Routes

  private loadRoute(topic: string): Effect.Effect<TopicRouteData.TopicRouteData | undefined, Failures.ProxyFailure> {
    const request: RemotingRequest = {
      code: RequestCode.GET_ROUTEINFO_BY_TOPIC,
      extFields: { topic, acceptStandardJsonOnly: "true" }
    }
    return Effect.flatMap(this.askNameServer(request, requestMillis), (response) => {
      if (response.code === ResponseCode.TOPIC_NOT_EXIST) return Effect.undefined
      const route = TopicRouteData.TopicRouteData.decode(response.body)
      return response.code !== ResponseCode.SUCCESS || BodyCodec.isViolation(route)
        ? Effect.fail(new Failures.ProxyFailure(response.code || ResponseCode.SYSTEM_ERROR, response.remark))
        : Effect.succeed(route.queueDatas.length === 0 || route.brokerDatas.length === 0 ? undefined : route)
    })
  }

  /** Asks the first name server that answers. */
  private askNameServer(
    request: RemotingRequest,
    timeout: number
  ): Effect.Effect<RemotingCommand, Failures.ProxyFailure> {
    const [first, ...others] = this.options.nameServers().map((address) => this.ask(address, request, timeout))
    if (first === undefined) return Effect.fail(new Failures.ProxyFailure(ResponseCode.SYSTEM_ERROR, undefined))
    return others.reduce((attempt, next) => Effect.catch(attempt, () => next), first)
  }

  private ask(
    address: Address,
    request: RemotingRequest,
    timeout: number
  ): Effect.Effect<RemotingCommand, Failures.ProxyFailure> {
    return Effect.mapError(InnerClient.ask(this.client, address, request, timeout), Failures.notAnswered)
  }

  private routeOf(topic: string): Effect.Effect<TopicRouteData.TopicRouteData, Failures.ProxyFailure> {
    return Effect.flatMap(
      this.routes.get(topic),
      (route) => route === undefined ? Effect.fail(Failures.noRoute(topic)) : Effect.succeed(route)
    )
  }

  /** Routes as clients are to see them: all brokers are here. */
  private route(request: RemotingCommand): Reply {
    const { topic } = request.extFields
    if (topic === undefined) return Effect.fail(Failures.nullPointer)
    return Effect.map(this.routeOf(topic), ({ brokerDatas, queueDatas }) => {
      const address = this.options.advertised()
      const route: TopicRouteData.TopicRouteData = {
        queueDatas,
        brokerDatas: brokerDatas.map(({ brokerAddrs, brokerName, cluster }) => ({
          cluster,
          brokerName,
          brokerAddrs: new Map([...brokerAddrs.keys()].map((id) => [id, address])),
          enableActingMaster: false
        })),
        filterServerTable: {}
      }
      const standard = request.version >= standardJsonVersion ||
        flag(request.extFields, "acceptStandardJsonOnly") === true
      return { body: standard ? TopicRouteData.encodeStandard(route) : TopicRouteData.TopicRouteData.encode(route) }
    })
  }

  /** The broker's master. `undefined`: it has none now. */
  private masterOf(brokerName: string): Effect.Effect<Address | undefined, Failures.ProxyFailure> {
    return Effect.map(
      // Each broker has a topic of its own name.
      this.routeOf(brokerName),
      ({ brokerDatas }) => brokerDatas.find((broker) => broker.brokerName === brokerName)?.brokerAddrs.get(masterId)
    )
  }

  // Forwarding

  private forward(request: RemotingCommand, timeout: number, fields = request.extFields): Reply {
    const v2 = request.code === RequestCode.SEND_MESSAGE_V2 || request.code === RequestCode.SEND_BATCH_MESSAGE
    const brokerName = v2 ? fields["n"] : fields["bname"]
    return brokerName === undefined
      ? Effect.succeed({
        code: ResponseCode.VERSION_NOT_SUPPORTED,
        remark: "Request doesn't have field bname"
      })
      : this.forwardTo(brokerName, request, timeout, fields)
  }

  /** The request as it came, language and version of its client included. */
  private forwardTo(brokerName: string, request: RemotingCommand, timeout: number, fields = request.extFields): Reply {
    const forwarded: RemotingRequest = {
      code: request.code,
      extFields: fields,
      body: request.body,
      remark: request.remark,
      language: request.language,
      version: request.version,
      serialization: request.serialization
    }
    return Effect.flatMap(this.masterOf(brokerName), (address): Reply => {
      if (request.isOneway) {
        return address === undefined
          ? Effect.undefined
          : Effect.as(
            Effect.ignore(this.client.invokeOneway(address, forwarded, { timeout, failFast: true })),
            undefined
          )
      }
      // Without an address RocketMQ's client asks a name server, which does not know what is meant.
      const asked = address === undefined
        ? this.askNameServer(forwarded, timeout)
        : this.ask(address, forwarded, timeout)
      return Effect.map(asked, replyOf)
    })
  }

  // Sending

  private send(request: RemotingCommand): Reply {
    const fields = request.extFields
    const v1 = request.code === RequestCode.SEND_MESSAGE
    const topic = v1 ? fields["topic"] : fields["b"]
    if (topic === undefined) return Effect.fail(Failures.nullPointer)
    const properties = MessageProperties.decode((v1 ? fields["properties"] : fields["i"]) ?? "")
    const type = messageTypeOf(properties)
    const plain = !Names.isRetryTopic(topic) && !Names.isDlqTopic(topic)
    const forward = this.forward(request, requestMillis)
    const subscribed = plain && type === "TRANSACTION"
      ? Effect.andThen(this.expectChecks((v1 ? fields["producerGroup"] : fields["a"]) ?? "null", topic), forward)
      : forward
    const checked = this.settings.enableTopicMessageTypeCheck && plain &&
      properties[PropertyName.TRANSFER_FLAG] === undefined
    return checked ? Effect.andThen(this.checkType(topic, type), subscribed) : subscribed
  }

  private checkType(topic: string, actual: string): Effect.Effect<void, Failures.ProxyFailure> {
    return Effect.flatMap(
      Effect.catch(this.messageTypes.get(topic), () => Effect.succeed("UNSPECIFIED")),
      (expected) =>
        actual === "UNSPECIFIED" || (actual !== expected && expected !== "MIXED")
          ? Effect.fail(Failures.wrongType(expected, actual))
          : Effect.void
    )
  }

  private loadMessageType(topic: string): Effect.Effect<string, Failures.ProxyFailure> {
    return Effect.flatMap(this.routes.get(topic), (route) => {
      const broker = route?.brokerDatas[0]
      const address = broker === undefined ? undefined : addressOf(broker)
      if (address === undefined) return Effect.succeed("UNSPECIFIED")
      const request: RemotingRequest = {
        code: RequestCode.GET_TOPIC_CONFIG,
        extFields: { topic, lo: "true", bname: broker!.brokerName }
      }
      return Effect.flatMap(this.ask(address, request, requestMillis), (response) => {
        const config = TopicConfigAndQueueMapping.decode(response.body)
        return response.code !== ResponseCode.SUCCESS || BodyCodec.isViolation(config)
          ? Effect.fail(new Failures.ProxyFailure(response.code || ResponseCode.SYSTEM_ERROR, response.remark))
          : Effect.succeed(config.attributes["message.type"] ?? "NORMAL")
      })
    })
  }

  private recall(request: RemotingCommand): Reply {
    const { topic } = request.extFields
    const forward = this.forward(request, recallMillis)
    if (!this.settings.enableTopicMessageTypeCheck) return forward
    return topic === undefined
      ? Effect.fail(Failures.nullPointer)
      : Effect.andThen(this.checkType(topic, "DELAY"), forward)
  }

  // Transactions

  /** From now on brokers of the topic's cluster are told that the group can be asked here. */
  private expectChecks(group: string, topic: string): Effect.Effect<void> {
    return Effect.ignore(Effect.map(this.routeOf(topic), ({ brokerDatas }) => {
      const clusters = this.transactionGroups.get(group) ?? new Set()
      this.transactionGroups.set(group, clusters)
      for (const { cluster } of brokerDatas) clusters.add(cluster)
    }))
  }

  readonly transactionHeartbeats: Effect.Effect<void> = Effect.suspend(() =>
    Effect.forever(Effect.andThen(
      Effect.sleep(this.settings.transactionHeartbeatPeriodSecond * 1_000),
      Effect.suspend(() => this.tellBrokersOfGroups())
    ))
  )

  private tellBrokersOfGroups(): Effect.Effect<void> {
    const groups = new Map<string, Array<string>>()
    for (const [group, clusters] of [...this.transactionGroups]) {
      if (!this.clients.hasProducers(group)) this.transactionGroups.delete(group)
      else for (const cluster of clusters) groups.set(cluster, [...(groups.get(cluster) ?? []), group])
    }
    if (groups.size === 0) return Effect.void
    return Effect.gen({ self: this }, function*() {
      const names = new Map<Address, string>()
      for (const [cluster, members] of groups) {
        // Each cluster has a topic of its own name, which all its brokers have.
        const route = yield* Effect.catch(this.routeOf(cluster), () => Effect.undefined)
        for (const broker of route?.brokerDatas ?? []) {
          const address = addressOf(broker)
          if (address === undefined) continue
          names.set(address, broker.brokerName)
          for (let at = 0; at < members.length; at += groupsInHeartbeat) {
            const body = HeartbeatData.encode({
              clientID: transactionClientId,
              producerDataSet: members.slice(at, at + groupsInHeartbeat).map((groupName) => ({ groupName })),
              consumerDataSet: [],
              heartbeatFingerprint: 0,
              withoutSub: false
            })
            yield* Effect.ignore(
              this.client.invokeOneway(address, { code: RequestCode.HEART_BEAT, body }, {
                timeout: requestMillis,
                failFast: true
              })
            )
          }
        }
      }
      this.brokerNames = names
    })
  }

  /** A broker asks about a transaction: some client of the group is asked. */
  relayCheck(request: RemotingCommand, broker: Peer): Effect.Effect<undefined> {
    return Effect.suspend(() => {
      const header = CheckTransactionStateRequestHeader.decode(request.extFields)
      const { body } = request
      const message = body === undefined ? undefined : StoredMessage.decodeAll(body).messages[0]
      const group = message?.properties[PropertyName.PGROUP]
      if (HeaderCodec.isViolation(header) || message === undefined || group === undefined) return Effect.undefined
      const peer = this.clients.someProducer(group)
      const brokerName = this.brokerNames.get(broker.address)
      if (peer === undefined || brokerName === undefined) return Effect.undefined
      this.transactions.add(group, header.transactionId ?? "null", {
        brokerName,
        tranStateTableOffset: header.tranStateTableOffset,
        commitLogOffset: header.commitLogOffset,
        expiresAt: this.now() + this.settings.transactionDataExpireMillis
      })
      const relayed: RemotingRequest = {
        code: RequestCode.CHECK_TRANSACTION_STATE,
        extFields: CheckTransactionStateRequestHeader.encode({
          topic: message.topic,
          tranStateTableOffset: header.tranStateTableOffset,
          commitLogOffset: header.commitLogOffset,
          transactionId: header.transactionId,
          msgId: header.msgId
        }),
        body
      }
      return Effect.as(Effect.ignore(peer.invokeOneway(relayed, { timeout: requestMillis })), undefined)
    })
  }

  /**
   * Handed on when a broker has asked about the transaction. Otherwise it leads nowhere, and is answered with success
   * all the same: the broker will ask.
   */
  private endTransaction(request: RemotingCommand): Reply {
    const fields = request.extFields
    const commitOrRollback = integer(fields, "commitOrRollback")
    if (commitOrRollback === undefined) return Effect.fail(Failures.nullPointer)
    const producerGroup = fields["producerGroup"] ?? "null"
    const transactionId = fields["transactionId"] ?? "null"
    const data = this.transactions.take(producerGroup, transactionId, this.now())
    if (data === undefined) return Effect.succeed({})
    const ending: RemotingRequest = {
      code: RequestCode.END_TRANSACTION,
      extFields: EndTransactionRequestHeader.encode({
        topic: fields["topic"],
        producerGroup,
        tranStateTableOffset: data.tranStateTableOffset,
        commitLogOffset: data.commitLogOffset,
        commitOrRollback: commitOrRollback === commit || commitOrRollback === rollback ? commitOrRollback : 0,
        fromTransactionCheck: flag(fields, "fromTransactionCheck") === true,
        msgId: fields["msgId"] ?? "",
        transactionId
      }),
      remark: "end transaction from proxy"
    }
    return Effect.as(
      Effect.ignore(
        Effect.flatMap(this.masterOf(data.brokerName), (address) =>
          address === undefined
            ? Effect.void
            : this.client.invokeOneway(address, ending, { timeout: requestMillis, failFast: true }))
      ),
      {}
    )
  }

  // Clients

  private heartbeat(request: RemotingCommand, peer: Peer): Reply {
    const data = HeartbeatData.decode(request.body)
    if (BodyCodec.isViolation(data)) return Effect.fail(Failures.nullPointer)
    const client = this.clients.client(request, peer, data.clientID)
    for (const { groupName } of data.producerDataSet) this.clients.registerProducer(groupName, client)
    for (const consumer of data.consumerDataSet) this.clients.registerConsumer(consumer, client)
    return Effect.as(
      Effect.forEach(data.consumerDataSet, ({ groupName }) => Effect.ignore(this.groups.get(groupName)), {
        discard: true
      }),
      { remark: "" }
    )
  }

  /** The settings of a group, of some broker of the cluster: asked for them, the broker makes a group that is new. */
  private loadGroup(group: string): Effect.Effect<void, Failures.ProxyFailure> {
    return Effect.flatMap(this.routes.get(this.options.cluster), (route) => {
      const broker = route?.brokerDatas[0]
      const address = broker === undefined ? undefined : addressOf(broker)
      if (address === undefined) return Effect.void
      const request = { code: RequestCode.GET_SUBSCRIPTIONGROUP_CONFIG, extFields: { group } }
      return Effect.asVoid(this.ask(address, request, requestMillis))
    })
  }

  private unregister(request: RemotingCommand, peer: Peer): Reply {
    const { consumerGroup, producerGroup } = request.extFields
    if (producerGroup !== undefined) this.clients.unregisterProducer(producerGroup, peer)
    if (consumerGroup !== undefined) this.clients.unregisterConsumer(consumerGroup, peer)
    return Effect.succeed({ remark: "" })
  }

  private consumerList(request: RemotingCommand): Reply {
    const group = this.clients.consumers.get(request.extFields["consumerGroup"] ?? "")
    return group === undefined
      ? Effect.fail(Failures.nullPointer)
      : Effect.succeed({
        body: GetConsumerListByGroupResponseBody.encode({
          consumerIdList: [...group.clients.values()].map(({ clientId }) => clientId)
        })
      })
  }

  private consumerConnections(request: RemotingCommand): Reply {
    const { consumerGroup = "null" } = request.extFields
    const group = this.clients.consumers.get(consumerGroup)
    if (group === undefined) {
      return Effect.succeed({
        code: ResponseCode.CONSUMER_NOT_ONLINE,
        remark: `the consumer group[${consumerGroup}] not online`
      })
    }
    return Effect.succeed({
      body: ConsumerConnection.encode({
        connectionSet: [...group.clients.values()].map(({ address, clientId, languageName, version }) => ({
          clientAddr: address,
          clientId,
          language: languageName,
          version
        })),
        consumeFromWhere: group.consumeFromWhere,
        consumeType: group.consumeType,
        messageModel: group.messageModel,
        subscriptionTable: Object.fromEntries(group.subscriptions)
      })
    })
  }

  readonly scanning: Effect.Effect<void> = Effect.forever(
    Effect.andThen(
      Effect.sleep(scanMillis),
      Effect.sync(() => {
        this.clients.expire(this.settings.channelExpiredTimeout)
        this.transactions.expire(this.now())
      })
    )
  )

  // Receiving

  private pull(request: RemotingCommand): Reply {
    const fields = request.extFields
    const sysFlag = integer(fields, "sysFlag")
    const suspendMillis = integer(fields, "suspendTimeoutMillis")
    if (sysFlag === undefined || suspendMillis === undefined) return Effect.fail(Failures.nullPointer)
    const timeout = suspendMillis + pullExtraMillis
    if ((sysFlag & subscriptionBit) !== 0) return this.forward(request, timeout)
    const group = this.clients.consumers.get(fields["consumerGroup"] ?? "")
    if (group === undefined) {
      return Effect.succeed({
        code: ResponseCode.SUBSCRIPTION_NOT_LATEST,
        remark: "the consumer's subscription not latest"
      })
    }
    const subscription = group.subscriptions.get(fields["topic"] ?? "")
    if (subscription === undefined) {
      return Effect.succeed({
        code: ResponseCode.SUBSCRIPTION_NOT_EXIST,
        remark: "the consumer's subscription not exist"
      })
    }
    return this.forward(request, timeout, {
      ...fields,
      sysFlag: String(sysFlag | subscriptionBit),
      subscription: subscription.subString,
      expressionType: subscription.expressionType
    })
  }

  private lock(request: RemotingCommand): Reply {
    const asked = LockBatchRequestBody.decode(request.body)
    if (BodyCodec.isViolation(asked)) return Effect.fail(Failures.nullPointer)
    const [first] = asked.mqSet
    return first === undefined
      ? Effect.succeed({ body: LockBatchRequestBody.encode(asked), remark: "MessageQueue set is empty" })
      : this.forwardTo(first.brokerName, request, requestMillis)
  }
}

const commit = 8
const rollback = 12

const replyOf = (response: RemotingCommand): RemotingReply => ({
  code: response.code,
  extFields: response.extFields,
  body: response.body,
  remark: response.remark
})

/** RocketMQ 5.3.3 `BrokerData.selectBrokerAddr`: the master, or else some slave. */
const addressOf = ({ brokerAddrs }: TopicRouteData.BrokerData): Address | undefined =>
  brokerAddrs.get(masterId) ?? [...brokerAddrs.values()][0]

/** RocketMQ 5.5.0 `TopicMessageType.parseFromMessageProperty`. */
const messageTypeOf = (properties: MessageProperties.MessageProperties): string => {
  if (properties[PropertyName.TRAN_MSG] === "true") return "TRANSACTION"
  const delayed = [
    PropertyName.DELAY,
    PropertyName.TIMER_DELIVER_MS,
    PropertyName.TIMER_DELAY_SEC,
    PropertyName.TIMER_DELAY_MS
  ]
  if (delayed.some((name) => properties[name] !== undefined)) return "DELAY"
  if (properties[PropertyName.SHARDING_KEY] !== undefined) return "FIFO"
  if (properties[PropertyName.PRIORITY] !== undefined) return "PRIORITY"
  return properties[PropertyName.LITE_TOPIC] === undefined ? "NORMAL" : "LITE"
}
