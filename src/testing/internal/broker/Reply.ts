/** Answers of request–reply, which the broker hands to who asked (RocketMQ 5.3.3 `ReplyMessageProcessor`). */
import * as Effect from "effect/Effect"
import { ReplyMessageRequestHeader } from "../../../protocol/header/ReplyMessage.ts"
import type { SendMessageRequestHeader } from "../../../protocol/header/SendMessage.ts"
import * as MessageId from "../../../protocol/message/MessageId.ts"
import * as MessageProperties from "../../../protocol/message/MessageProperties.ts"
import { PropertyName } from "../../../protocol/message/PropertyName.ts"
import { RequestCode } from "../../../protocol/RequestCode.ts"
import { ResponseCode } from "../../../protocol/ResponseCode.ts"
import type { RemotingReply } from "../../../remoting/RemotingRequest.ts"
import type { Call } from "./BrokerApi.ts"
import type { BrokerCore, Handles } from "./BrokerCore.ts"
import { properties } from "./BrokerCore.ts"
import { bodyOf, checkSend, queueOf, sendExtFields, sendHeader } from "./Send.ts"

/** How long who asked may take to confirm. */
const pushTimeout = 10_000

/** SEND_REPLY_MESSAGE and its second version. */
export const make = (core: BrokerCore): Handles => {
  const { settings } = core

  const reply = (call: Call): RemotingReply | Effect.Effect<RemotingReply> => {
    const header = sendHeader(call)
    const body = bodyOf(call)
    const checked = checkSend(core, call, header)
    if ("refused" in checked) return { ...checked.refused, extFields: sendExtFields(core) }
    const queueId = queueOf(core, header, checked.topic)
    const received = properties(MessageProperties.decode(header.properties), {
      [PropertyName.MSG_REGION]: settings.regionId,
      [PropertyName.TRACE_ON]: String(settings.traceOn)
    })
    return Effect.map(push(call, header, received, body), (problem): RemotingReply => {
      const stored = settings.storeReplyMessageEnable
        ? core.put({
          topic: header.topic,
          queueId,
          flag: header.flag,
          sysFlag: 0,
          body,
          properties: received,
          bornTimestamp: header.bornTimestamp,
          bornHost: call.peer.address,
          storeHost: core.address,
          reconsumeTimes: header.reconsumeTimes,
          preparedTransactionOffset: 0
        }).placed[0]
        : undefined
      const where = stored === undefined
        ? { msgId: "0", queueOffset: "0" }
        : {
          msgId: MessageId.createOffsetId(core.address, stored.physicalOffset),
          queueOffset: String(stored.queueOffset)
        }
      const known = problem === undefined || stored !== undefined
      return {
        code: problem === undefined ? ResponseCode.SUCCESS : ResponseCode.SYSTEM_ERROR,
        remark: problem,
        extFields: { ...sendExtFields(core), ...(known ? { ...where, queueId: String(queueId) } : {}) }
      }
    })
  }

  /** Hands the answer on; returns what went wrong, in the broker's words. */
  const push = (
    call: Call,
    header: SendMessageRequestHeader,
    received: MessageProperties.MessageProperties,
    body: Uint8Array
  ): Effect.Effect<string | undefined> => {
    const clientId = received[PropertyName.REPLY_TO_CLIENT]
    if (clientId === undefined) return Effect.succeed("reply message properties[REPLY_TO_CLIENT] is null")
    const client = core.clients.producer(clientId)
    if (client === undefined) {
      return Effect.succeed(`push reply message fail, channel of <${clientId}> not found.`)
    }
    const failed = `push reply message to ${clientId}fail.`
    const request = {
      code: RequestCode.PUSH_REPLY_MESSAGE_TO_CLIENT,
      extFields: ReplyMessageRequestHeader.encode({
        ...header,
        properties: MessageProperties.encode(
          properties(received, { [PropertyName.PUSH_REPLY_TIME]: String(core.now()) })
        ),
        brokerName: undefined,
        bornHost: call.peer.address,
        storeHost: core.address,
        storeTimestamp: core.now()
      }),
      body
    }
    return Effect.match(client.peer.invoke(request, { timeout: pushTimeout }), {
      onSuccess: (answer) => answer.code === ResponseCode.SUCCESS ? undefined : failed,
      onFailure: () => failed
    })
  }

  return [
    [RequestCode.SEND_REPLY_MESSAGE, reply],
    [RequestCode.SEND_REPLY_MESSAGE_V2, reply]
  ]
}
