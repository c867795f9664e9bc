/** A queue of a topic, as it appears in bodies (RocketMQ 5.5.0 `common.message.MessageQueue`). */
import * as BodyCodec from "./BodyCodec.ts"

export interface MessageQueue {
  readonly topic: string
  readonly brokerName: string
  readonly queueId: number
}
export const MessageQueue: BodyCodec.BodyCodec<MessageQueue> = BodyCodec.make({
  brokerName: BodyCodec.text,
  queueId: BodyCodec.withDefault(BodyCodec.int, 0),
  topic: BodyCodec.text
})
