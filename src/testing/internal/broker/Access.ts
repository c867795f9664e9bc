/** Who may ask what (RocketMQ 5.3.3, module `auth`: authentication and authorization of requests). */
import { createHmac, timingSafeEqual } from "node:crypto"
import { signedText } from "../../../protocol/AclSignature.ts"
import { HeartbeatData } from "../../../protocol/body/HeartbeatData.ts"
import { LockBatchRequestBody } from "../../../protocol/body/LockBatch.ts"
import * as Names from "../../../protocol/message/Names.ts"
import * as MqVersion from "../../../protocol/MqVersion.ts"
import type { RemotingCommand } from "../../../protocol/RemotingCommand.ts"
import { RequestCode } from "../../../protocol/RequestCode.ts"
import { ResponseCode } from "../../../protocol/ResponseCode.ts"
import type { RemotingReply } from "../../../remoting/RemotingRequest.ts"
import type { BrokerUser, Call } from "./BrokerApi.ts"

/** What a request wants of a topic or group. */
interface Wish {
  readonly kind: "Topic" | "Group"
  readonly name: string
  /** One of them is enough. */
  readonly actions: ReadonlyArray<"publish" | "subscribe">
}

const topic = (
  name: string | undefined,
  ...actions: Wish["actions"]
): ReadonlyArray<Wish> => [{ kind: "Topic", name: name ?? "", actions }]

const group = (
  name: string | undefined
): ReadonlyArray<Wish> => [{ kind: "Group", name: name ?? "", actions: ["subscribe"] }]

const read = (name: string | undefined): ReadonlyArray<Wish> =>
  name !== undefined && Names.isRetryTopic(name) ? [] : topic(name, "subscribe")

/** What a request wants; nothing: anybody whose signature is right may ask. `undefined`: only super users. */
const wishes = ({ body, code, extFields: fields }: RemotingCommand): ReadonlyArray<Wish> | undefined => {
  switch (code) {
    case RequestCode.SEND_MESSAGE:
      return Names.isRetryTopic(fields.topic ?? "")
        ? group(fields.group ?? groupOf(fields.topic!))
        : topic(fields.topic, "publish")
    case RequestCode.SEND_MESSAGE_V2:
    case RequestCode.SEND_BATCH_MESSAGE:
      return Names.isRetryTopic(fields.b ?? "") ? group(fields.a ?? groupOf(fields.b!)) : topic(fields.b, "publish")
    case RequestCode.RECALL_MESSAGE:
      return topic(fields.topic, "publish")
    case RequestCode.END_TRANSACTION:
      return fields.topic === undefined || fields.topic.trim() === "" ? [] : topic(fields.topic, "publish")
    case RequestCode.CONSUMER_SEND_MSG_BACK:
      return group(fields.group)
    case RequestCode.PULL_MESSAGE:
    case RequestCode.POP_MESSAGE:
    case RequestCode.ACK_MESSAGE:
    case RequestCode.CHANGE_MESSAGE_INVISIBLETIME:
    case RequestCode.QUERY_CONSUMER_OFFSET:
    case RequestCode.UPDATE_CONSUMER_OFFSET:
    case RequestCode.PEEK_MESSAGE:
    case RequestCode.NOTIFICATION:
    case RequestCode.POLLING_INFO:
      return [...read(fields.topic), ...group(fields.consumerGroup)]
    case RequestCode.QUERY_MESSAGE:
    case RequestCode.VIEW_MESSAGE_BY_ID:
    case RequestCode.GET_MAX_OFFSET:
    case RequestCode.GET_MIN_OFFSET:
    case RequestCode.SEARCH_OFFSET_BY_TIMESTAMP:
    case RequestCode.GET_EARLIEST_MSG_STORETIME:
      return fields.topic === undefined ? [] : topic(fields.topic, "subscribe", "publish")
    case RequestCode.GET_CONSUMER_LIST_BY_GROUP:
      return group(fields.consumerGroup)
    case RequestCode.UNREGISTER_CLIENT:
      return fields.consumerGroup === undefined ? [] : group(fields.consumerGroup)
    case RequestCode.HEART_BEAT:
      return heartbeatWishes(body)
    case RequestCode.LOCK_BATCH_MQ:
    case RequestCode.UNLOCK_BATCH_MQ:
      return lockWishes(body)
    // RocketMQ asks for nothing there.
    case RequestCode.LITE_PULL_MESSAGE:
    case RequestCode.SEND_REPLY_MESSAGE:
    case RequestCode.SEND_REPLY_MESSAGE_V2:
    case RequestCode.BATCH_ACK_MESSAGE:
    case RequestCode.CHECK_CLIENT_CONFIG:
    case RequestCode.QUERY_ASSIGNMENT:
      return []
    default:
      return undefined
  }
}

const groupOf = (retryTopic: string): string => retryTopic.slice(Names.retryPrefix.length)

const heartbeatWishes = (body: Uint8Array | undefined): ReadonlyArray<Wish> => {
  const heartbeat = HeartbeatData.decode(body)
  if (!("consumerDataSet" in heartbeat)) return []
  return heartbeat.consumerDataSet.flatMap((consumer) => [
    ...group(consumer.groupName),
    ...consumer.subscriptionDataSet.flatMap((subscription) => read(subscription.topic))
  ])
}

const lockWishes = (body: Uint8Array | undefined): ReadonlyArray<Wish> => {
  const lock = LockBatchRequestBody.decode(body)
  if (!("mqSet" in lock)) return []
  return [...group(lock.consumerGroup), ...lock.mqSet.flatMap((queue) => read(queue.topic))]
}

/** From it on, a query says in its signature which kind of key it asks for (V4_9_3). */
const signsQueryFlag = MqVersion.ordinalOf("4.9.3") ?? 399

const isSigned = ({ body, extFields, version }: RemotingCommand, { secretKey }: BrokerUser): boolean => {
  const given = extFields.Signature
  if (given === undefined) return false
  const { _UNIQUE_KEY_QUERY: _flag, ...rest } = extFields
  const text = signedText(version <= signsQueryFlag ? rest : extFields)
  const hmac = createHmac("sha1", secretKey).update(text, "utf8")
  if (body !== undefined) hmac.update(body)
  const expected = Buffer.from(hmac.digest("base64"))
  const actual = Buffer.from(given)
  return actual.length === expected.length && timingSafeEqual(actual, expected)
}

const matches = (allowed: ReadonlyArray<string> | undefined, name: string): boolean =>
  allowed?.some((one) => one === name || one === "*" || (one.endsWith("*") && name.startsWith(one.slice(0, -1)))) ===
    true

const permits = (user: BrokerUser, { actions, name }: Wish): boolean =>
  actions.some((action) => matches(action === "publish" ? user.publish : user.subscribe, name))

/** Why the request is refused; `undefined` when it may be served. */
export const refusal = (users: ReadonlyArray<BrokerUser> | undefined, call: Call): RemotingReply | undefined => {
  if (users === undefined) return undefined
  const refused = (remark: string): RemotingReply => ({ code: ResponseCode.NO_PERMISSION, remark })
  const { request } = call
  const name = request.extFields.AccessKey
  if (name === undefined || name === "") return refused("username cannot be null.")
  const user = users.find((one) => one.accessKey === name)
  if (user === undefined) return refused(`User:${name} is not found.`)
  if (!isSigned(request, user)) return refused("check signature failed.")
  if (user.superUser ?? (user.publish === undefined && user.subscribe === undefined)) return undefined
  const ip = call.peer.address.slice(0, call.peer.address.lastIndexOf(":"))
  const denied = (key: string): RemotingReply =>
    refused(`User:${name} has no permission to access ${key} from ${ip}, no matched policies.`)
  const wanted = wishes(request)
  if (wanted === undefined) return denied("Cluster:*")
  const lacking = wanted.find((wish) => !permits(user, wish))
  return lacking === undefined ? undefined : denied(`${lacking.kind}:${lacking.name}`)
}
