/** One side of a sequence: its connections, and what came of the requests so far. */
import * as MessageId from "../../src/protocol/message/MessageId.ts"
import * as StoredMessage from "../../src/protocol/message/StoredMessage.ts"
import { RequestCode } from "../../src/protocol/RequestCode.ts"
import type { Addresses } from "./Sides.ts"
import { brokerName } from "./Sides.ts"
import type { Answer, Fields, Request, Silence } from "./Wire.ts"
import { Wire } from "./Wire.ts"

/** A message that was stored, where it lies on this side. */
export interface Sent {
  readonly topic: string
  readonly queueId: number
  readonly queueOffset: number
  readonly offsetId: string
  readonly position: number
  readonly recallHandle: string | undefined
}

/** A message that was popped. */
export interface Popped {
  readonly topic: string
  readonly group: string
  readonly queueId: number
  readonly offset: number
  readonly checkpoint: string
}

/** How many clients a sequence has, each on a connection of its own. */
export const clientCount = 3

/** A request and its answer. */
export type Exchange = readonly [request: Request, answer: Answer | Silence]

export class Session {
  readonly sent = new Map<number, Sent>()
  readonly popped = new Map<number, ReadonlyArray<Popped>>()
  readonly clients: ReadonlyArray<Wire>
  readonly nameServer: Wire
  readonly address: string

  private constructor(clients: ReadonlyArray<Wire>, nameServer: Wire, address: string) {
    this.clients = clients
    this.nameServer = nameServer
    this.address = address
  }

  static async open({ broker, nameServer }: Addresses): Promise<Session> {
    const clients = await Promise.all(Array.from({ length: clientCount }, () => Wire.open(broker)))
    return new Session(clients, await Wire.open(nameServer), broker)
  }

  close(): void {
    for (const wire of this.clients) wire.close()
    this.nameServer.close()
  }

  client(index: number): Wire {
    return this.clients[index % clientCount]!
  }

  /** Notes where the message of a send went. */
  noteSent(step: number, topic: string, answer: Answer | Silence): void {
    if (typeof answer === "string" || answer.code !== 0) return
    const { msgId = "", queueId, queueOffset, recallHandle } = answer.extFields
    const [offsetId = ""] = msgId.split(",")
    this.sent.set(step, {
      topic,
      queueId: Number(queueId),
      queueOffset: Number(queueOffset),
      offsetId,
      position: MessageId.parseOffsetId(offsetId)?.offset ?? 0,
      recallHandle
    })
  }

  /** Notes what a POP handed out, in the order of queues and offsets. */
  notePopped(step: number, fields: Fields, answer: Answer | Silence): void {
    if (typeof answer === "string" || answer.code !== 0) return
    const { invisibleTime, popTime, reviveQid, startOffsetInfo = "" } = answer.extFields
    const starts = new Map(
      startOffsetInfo.split(";").map((entry) => {
        const [mark, queueId, start] = entry.split(" ")
        return [`${mark}@${queueId}`, start] as const
      })
    )
    const popped = StoredMessage.decodeAll(answer.body).messages.map((message): Popped => {
      const { queueId, queueOffset } = message
      return {
        topic: message.topic,
        group: fields["consumerGroup"]!,
        queueId,
        offset: queueOffset,
        checkpoint: message.properties["POP_CK"] ??
          [starts.get(`0@${queueId}`), popTime, invisibleTime, reviveQid, "0", brokerName, queueId, queueOffset].join(
            " "
          )
      }
    })
    this.popped.set(step, popped.sort((left, right) => left.queueId - right.queueId || left.offset - right.offset))
  }

  maxOffset(topic: string, queueId: number): Promise<string | undefined> {
    return this.offset(RequestCode.GET_MAX_OFFSET, topic, queueId)
  }

  minOffset(topic: string, queueId: number): Promise<string | undefined> {
    return this.offset(RequestCode.GET_MIN_OFFSET, topic, queueId)
  }

  private async offset(code: number, topic: string, queueId: number): Promise<string | undefined> {
    const answer = await this.client(0).ask({ code, extFields: { topic, queueId: String(queueId) } })
    return typeof answer === "string" ? answer : answer.extFields["offset"]
  }
}
