/** Heartbeats and who is connected (RocketMQ 5.3.3 `ClientManageProcessor`, `ConsumerManageProcessor`). */
import * as Effect from "effect/Effect"
import { CheckClientRequestBody } from "../../../protocol/body/CheckClientRequestBody.ts"
import { ConsumerConnection, ProducerConnection, ProducerTableInfo } from "../../../protocol/body/Connections.ts"
import { GetConsumerListByGroupResponseBody } from "../../../protocol/body/ConsumerList.ts"
import type { ConsumerData } from "../../../protocol/body/HeartbeatData.ts"
import { HeartbeatData } from "../../../protocol/body/HeartbeatData.ts"
import type { SubscriptionData } from "../../../protocol/body/SubscriptionData.ts"
import {
  GetConsumerListByGroupRequestHeader,
  NotifyConsumerIdsChangedRequestHeader,
  UnregisterClientRequestHeader
} from "../../../protocol/header/ClientManagement.ts"
import {
  GetConsumerConnectionListRequestHeader,
  GetProducerConnectionListRequestHeader
} from "../../../protocol/header/GroupAdmin.ts"
import * as Names from "../../../protocol/message/Names.ts"
import { RequestCode } from "../../../protocol/RequestCode.ts"
import { ResponseCode } from "../../../protocol/ResponseCode.ts"
import type { RemotingReply } from "../../../remoting/RemotingRequest.ts"
import type { Call } from "./BrokerApi.ts"
import type { BrokerCore, Handles } from "./BrokerCore.ts"
import { decodeBody, headerOf, isNullBody, JavaException, lenientText, objectOf } from "./BrokerCore.ts"
import type { Client } from "./Clients.ts"
import * as Sql92 from "./Sql92.ts"
import { isTagType } from "./Subscriptions.ts"

/** How often clients that were not heard of are looked for. */
const scanMillis = 10_000

/** The broker's view of its clients. */
export const make = (core: BrokerCore): Handles => {
  const { clients, settings, store } = core
  /** The fingerprint of each consumer group's last heartbeat. */
  const fingerprints = new Map<string, number>()
  let scanning = false

  const scan = (): void => {
    if (scanning || clients.isEmpty) return
    scanning = true
    core.agenda.add(core.now() + scanMillis, () => {
      scanning = false
      clients.expire(settings.channelExpiredTimeout)
      scan()
    })
  }

  clients.onChange = (group, members) => {
    if (!settings.notifyConsumerIdsChangedEnable) return
    const extFields = NotifyConsumerIdsChangedRequestHeader.encode({ consumerGroup: group })
    for (const { peer } of members) {
      if (!peer.isOpen()) continue
      core.fork(Effect.ignore(peer.invokeOneway({ code: RequestCode.NOTIFY_CONSUMER_IDS_CHANGED, extFields })))
    }
  }

  const registerConsumer = (consumer: ConsumerData, client: Client, withoutSub: boolean): void => {
    const config = store.groups.find(consumer.groupName, settings)
    if (config === undefined) return
    const order = consumer.subscriptionDataSet.some(({ topic }) => store.topics.get(topic)?.order === true)
    store.topics.createBySendBack(
      Names.retryTopic(consumer.groupName),
      config.retryQueueNums,
      6,
      consumer.unitMode ? 2 : 0,
      order
    )
    clients.registerConsumer(
      consumer.groupName,
      client,
      {
        consumeType: consumer.consumeType,
        messageModel: consumer.messageModel,
        consumeFromWhere: consumer.consumeFromWhere
      },
      withoutSub ? undefined : consumer.subscriptionDataSet,
      config.notifyConsumerIdsChangedEnable
    )
  }

  const heartBeat = (call: Call): RemotingReply => {
    const { peer, request } = call
    const heartbeat = decodeBody(HeartbeatData, call)
    const fingerprint = heartbeat.heartbeatFingerprint
    const client: Client = {
      clientId: heartbeat.clientID,
      peer,
      language: request.languageName ?? "JAVA",
      version: request.version,
      heard: core.now()
    }
    let isSubChange = fingerprint === 0
    for (const consumer of heartbeat.consumerDataSet) {
      const known = fingerprints.get(consumer.groupName)
      if (known !== undefined && known !== fingerprint) isSubChange = true
      fingerprints.set(consumer.groupName, fingerprint)
      registerConsumer(consumer, { ...client }, fingerprint !== 0 && heartbeat.withoutSub)
    }
    for (const { groupName } of heartbeat.producerDataSet) clients.registerProducer(groupName, { ...client })
    scan()
    return { extFields: { IS_SUPPORT_HEART_BEAT_V2: "true", IS_SUB_CHANGE: String(isSubChange) } }
  }

  const unregister = (call: Call): RemotingReply => {
    const { clientID, consumerGroup, producerGroup } = headerOf(UnregisterClientRequestHeader, call, {
      clientID: lenientText("")
    })
    const { channelId } = call.peer
    if (producerGroup !== undefined) clients.unregisterProducer(producerGroup, channelId, clientID)
    if (consumerGroup !== undefined) {
      const config = store.groups.find(consumerGroup, settings)
      clients.unregisterConsumer(consumerGroup, channelId, config?.notifyConsumerIdsChangedEnable ?? true)
    }
    return { code: ResponseCode.SUCCESS }
  }

  const checkClient = (call: Call): RemotingReply => {
    const subscriptionData = subscriptionOf(call)
    if (subscriptionData === undefined) return { code: ResponseCode.SUCCESS }
    if (isTagType(subscriptionData.expressionType)) return { code: ResponseCode.SUCCESS }
    if (!settings.enablePropertyFilter) {
      return {
        code: ResponseCode.SYSTEM_ERROR,
        remark: `The broker does not support consumer to filter message by ${subscriptionData.expressionType}`
      }
    }
    return subscriptionData.expressionType === "SQL92" && Sql92.compile(subscriptionData.subString) !== undefined
      ? { code: ResponseCode.SUCCESS }
      : { code: ResponseCode.SUBSCRIPTION_PARSE_FAILED, remark: Sql92.invalidMessage }
  }

  /** The subscription that is to be checked; without one there is nothing wrong. */
  const subscriptionOf = (call: Call): SubscriptionData | undefined => {
    const { body } = call.request
    if (isNullBody(body)) return undefined
    const json = objectOf(body)
    if (json === undefined) throw new JavaException("com.alibaba.fastjson2.JSONException", "the body is no object")
    if (json.subscriptionData === undefined || json.subscriptionData === null) return undefined
    return decodeBody(CheckClientRequestBody, call, { clientId: "", group: "", namespace: "" }).subscriptionData
  }

  const consumerList = (call: Call): RemotingReply => {
    const { consumerGroup } = headerOf(GetConsumerListByGroupRequestHeader, call)
    const group = clients.consumerGroup(consumerGroup)
    if (group === undefined) {
      return { code: ResponseCode.SYSTEM_ERROR, remark: `no consumer for this group, ${consumerGroup}` }
    }
    // A client appears once for each of its channels.
    const consumerIdList = [...group.clients.values()].map(({ clientId }) => clientId)
    return { body: GetConsumerListByGroupResponseBody.encode({ consumerIdList }) }
  }

  const connection = ({ clientId, language, peer, version }: Client) => ({
    clientId,
    clientAddr: peer.address,
    language,
    version
  })

  const consumerConnections = (call: Call): RemotingReply => {
    const { consumerGroup } = headerOf(GetConsumerConnectionListRequestHeader, call)
    const group = clients.consumerGroup(consumerGroup)
    if (group === undefined) {
      return {
        code: ResponseCode.CONSUMER_NOT_ONLINE,
        remark: `the consumer group[${consumerGroup}] not online`
      }
    }
    return {
      body: ConsumerConnection.encode({
        connectionSet: [...group.clients.values()].map(connection),
        consumeFromWhere: group.consumeFromWhere,
        consumeType: group.consumeType,
        messageModel: group.messageModel,
        subscriptionTable: Object.assign(Object.create(null), Object.fromEntries(group.subscriptions))
      })
    }
  }

  const producerConnections = (call: Call): RemotingReply => {
    const { producerGroup } = headerOf(GetProducerConnectionListRequestHeader, call)
    const members = clients.producers(producerGroup)
    return members.length === 0
      ? { code: ResponseCode.SYSTEM_ERROR, remark: `the producer group[${producerGroup}] not exist` }
      : { body: ProducerConnection.encode({ connectionSet: members.map(connection) }) }
  }

  const allProducers = (): RemotingReply => ({
    body: ProducerTableInfo.encode({
      data: Object.assign(
        Object.create(null),
        Object.fromEntries(
          clients.allProducers().map(([group, members]) => [
            group,
            members.map(({ clientId, heard, language, peer, version }) => ({
              clientId,
              language,
              lastUpdateTimestamp: heard,
              remoteIP: `/${peer.address}`,
              version
            }))
          ])
        )
      )
    })
  })

  return [
    [RequestCode.HEART_BEAT, heartBeat],
    [RequestCode.UNREGISTER_CLIENT, unregister],
    [RequestCode.CHECK_CLIENT_CONFIG, checkClient],
    [RequestCode.GET_CONSUMER_LIST_BY_GROUP, consumerList],
    [RequestCode.GET_CONSUMER_CONNECTION_LIST, consumerConnections],
    [RequestCode.GET_PRODUCER_CONNECTION_LIST, producerConnections],
    [RequestCode.GET_ALL_PRODUCER_INFO, allProducers]
  ]
}
