/** How a proxy words what went wrong (RocketMQ 5.3.3 `AbstractRemotingActivity.writeErrResponse`). */
import { ResponseCode } from "../../../protocol/ResponseCode.ts"
import type { RemotingError } from "../../../remoting/RemotingError.ts"

/** Why a proxy does not do what it was asked: the answer. */
export class ProxyFailure {
  readonly _tag = "ProxyFailure"
  readonly code: number
  readonly remark: string | undefined
  constructor(code: number, remark: string | undefined) {
    this.code = code
    this.remark = remark
  }
}

/** RocketMQ 5.3.3 `MQClientException` for a topic without route. */
export const noRoute = (topic: string): ProxyFailure =>
  new ProxyFailure(
    ResponseCode.TOPIC_NOT_EXIST,
    `CODE: 17  DESC: No topic route info in name server for the topic: ${topic}\n` +
      "For more information, please visit the url, https://rocketmq.apache.org/docs/bestPractice/06FAQ"
  )

/** A value is missing that RocketMQ stumbles over. */
export const nullPointer = new ProxyFailure(ResponseCode.SYSTEM_ERROR, undefined)

/** A request to a broker or name server was not answered. */
export const notAnswered = (error: RemotingError): ProxyFailure => {
  const { reason } = error
  const remark = reason._tag === "Timeout"
    ? `wait response on the channel <${reason.address}> timeout ${reason.timeoutMillis}(ms)`
    : reason._tag === "ConnectFailed"
    ? `connect to <${reason.address}> failed`
    : `send request to <${reason.address}> failed`
  return new ProxyFailure(ResponseCode.SYSTEM_ERROR, remark)
}

/** The message is not of the kind that its topic is for. */
export const wrongType = (expected: string, actual: string): ProxyFailure =>
  new ProxyFailure(
    ResponseCode.MESSAGE_ILLEGAL,
    `TopicMessageType validate failed, the expected type is ${expected}, but actual type is ${actual}`
  )
