/** Queues divided among consumers by the broker (RocketMQ 5.3.3 `QueryAssignmentProcessor`). */
import type { MessageQueue } from "../../../protocol/body/MessageQueue.ts"
import { QueryAssignmentRequestBody, QueryAssignmentResponseBody } from "../../../protocol/body/QueryAssignment.ts"
import {
  MessageRequestModeSerializeWrapper,
  SetMessageRequestModeRequestBody
} from "../../../protocol/body/SetMessageRequestMode.ts"
import * as Names from "../../../protocol/message/Names.ts"
import { RequestCode } from "../../../protocol/RequestCode.ts"
import { ResponseCode } from "../../../protocol/ResponseCode.ts"
import type { RemotingReply } from "../../../remoting/RemotingRequest.ts"
import type { Call } from "./BrokerApi.ts"
import type { BrokerCore, Handles } from "./BrokerCore.ts"
import { decodeBody, JavaException } from "./BrokerCore.ts"

type Strategy = (
  clientId: string,
  queues: ReadonlyArray<MessageQueue>,
  clients: ReadonlyArray<string>
) => ReadonlyArray<MessageQueue>

/** A run of neighbours for each client, the first ones longer by one. */
const averagely: Strategy = (clientId, queues, clients) => {
  const index = clients.indexOf(clientId)
  if (index < 0) return []
  const rest = queues.length % clients.length
  const size = queues.length <= clients.length
    ? 1
    : Math.floor(queues.length / clients.length) + (rest > 0 && index < rest ? 1 : 0)
  const start = rest > 0 && index < rest ? index * size : index * size + rest
  return queues.slice(start, start + size)
}

/** One each, in turn. */
const byCircle: Strategy = (clientId, queues, clients) => {
  const index = clients.indexOf(clientId)
  return index < 0 ? [] : queues.filter((_, at) => at % clients.length === index)
}

const strategies: ReadonlyMap<string, Strategy> = new Map([["AVG", averagely], ["AVG_BY_CIRCLE", byCircle]])

const compare = (left: string | number, right: string | number): number => left < right ? -1 : left > right ? 1 : 0

const inOrder = (queues: ReadonlyArray<MessageQueue>): ReadonlyArray<MessageQueue> =>
  [...queues].sort((left, right) =>
    compare(left.topic, right.topic) || compare(left.brokerName, right.brokerName) ||
    compare(left.queueId, right.queueId)
  )

/** QUERY_ASSIGNMENT, SET_MESSAGE_REQUEST_MODE, GET_ALL_MESSAGE_REQUEST_MODE. */
export const make = (core: BrokerCore): Handles => {
  const { settings, store } = core

  const ownQueues = (topic: string): ReadonlyArray<MessageQueue> | undefined => {
    const config = store.topics.get(topic)
    if (config === undefined || (config.perm & 4) === 0) return undefined
    return Array.from(
      { length: config.readQueueNums },
      (_, queueId) => ({ topic, brokerName: core.name, queueId })
    )
  }

  const forPop = (
    strategy: Strategy,
    clientId: string,
    queues: ReadonlyArray<MessageQueue>,
    clients: ReadonlyArray<string>,
    share: number
  ): ReadonlyArray<MessageQueue> => {
    if (share <= 0 || share >= clients.length - 1) {
      // All of them pop from all queues: one assignment for each broker.
      return [...new Map(queues.map((queue) => [queue.brokerName, { ...queue, queueId: -1 }])).values()]
    }
    const index = clients.indexOf(clientId)
    if (clients.length > queues.length) return index < 0 ? [] : [queues[index % queues.length]!]
    if (index < 0) return strategy(clientId, queues, clients)
    const members = Array.from({ length: share + 1 }, (_, step) => clients[(index + step) % clients.length]!)
    return members.flatMap((member) => strategy(member, queues, clients))
  }

  const query = (call: Call): RemotingReply => {
    const { clientId, consumerGroup, messageModel, strategyName, topic } = decodeBody(
      QueryAssignmentRequestBody,
      call,
      {
        clientId: ""
      }
    )
    if (messageModel === undefined) {
      throw new JavaException("java.lang.NullPointerException", "there is no messageModel")
    }
    const set = store.requestModes.get(topic)?.get(consumerGroup)
    const mode = set?.mode ?? "PULL"
    const share = set === undefined ? settings.defaultPopShareQueueNum : set.popShareQueueNum
    const answer = (queues: ReadonlyArray<MessageQueue> | undefined): RemotingReply => ({
      body: QueryAssignmentResponseBody.encode({
        messageQueueAssignments: queues?.map((messageQueue) => ({ messageQueue, mode }))
      })
    })
    const queues = (core.readQueues ?? ownQueues)(topic)
    if (messageModel === "BROADCASTING" || queues === undefined) return answer(queues)
    const group = core.clients.consumerGroup(consumerGroup)
    const strategy = strategies.get(strategyName ?? "")
    // None: the client keeps what it has.
    if (group === undefined || strategy === undefined || queues.length === 0) return answer(undefined)
    const clients = [...group.clients.values()].map((client) => client.clientId).sort(compare)
    const all = inOrder(queues)
    return answer(
      mode === "POP" ? forPop(strategy, clientId, all, clients, share) : strategy(clientId, all, clients)
    )
  }

  const setMode = (call: Call): RemotingReply => {
    const body = decodeBody(SetMessageRequestModeRequestBody, call)
    const { consumerGroup, topic } = body
    if (Names.isRetryTopic(topic)) {
      return { code: ResponseCode.NO_PERMISSION, remark: "retry topic is not allowed to set mode" }
    }
    if (store.topics.get(topic) === undefined) {
      return { code: ResponseCode.TOPIC_NOT_EXIST, remark: `topic[${topic}] not exist` }
    }
    if (store.groups.find(consumerGroup, settings) === undefined) {
      return { code: ResponseCode.SUBSCRIPTION_GROUP_NOT_EXIST, remark: "subscription group does not exist" }
    }
    const groups = store.requestModes.get(topic) ?? new Map<string, SetMessageRequestModeRequestBody>()
    store.requestModes.set(topic, groups)
    groups.set(consumerGroup, body)
    return { code: ResponseCode.SUCCESS }
  }

  const allModes = (): RemotingReply => {
    const messageRequestModeMap: Record<string, Record<string, SetMessageRequestModeRequestBody>> = Object.create(null)
    for (const [topic, groups] of store.requestModes) {
      messageRequestModeMap[topic] = Object.assign(Object.create(null), Object.fromEntries(groups))
    }
    return { body: MessageRequestModeSerializeWrapper.encode({ messageRequestModeMap }) }
  }

  return [
    [RequestCode.QUERY_ASSIGNMENT, query],
    [RequestCode.SET_MESSAGE_REQUEST_MODE, setMode],
    [RequestCode.GET_ALL_MESSAGE_REQUEST_MODE, allModes]
  ]
}
