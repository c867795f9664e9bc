/** What clients of a simulated cluster write and hear. */
import type * as Context from "effect/Context"
import * as MessageBatch from "../../src/protocol/message/MessageBatch.ts"
import * as MessageProperties from "../../src/protocol/message/MessageProperties.ts"
import type { RemotingCommand } from "../../src/protocol/RemotingCommand.ts"
import { RequestCode } from "../../src/protocol/RequestCode.ts"
import { ResponseCode } from "../../src/protocol/ResponseCode.ts"
import type { Connection, Transport } from "../../src/remoting/Transport.ts"
import type { Attempt } from "../support/history.ts"
import * as Wire from "./overheard.ts"

/** A send that was handed to a socket. */
export interface SendAttempt extends Attempt {
  /** The queue that it was for. */
  readonly queue: string
}

/** What is noted down of the wire. */
export type WireLog = Wire.WireLog<SendAttempt>

/** The property by which the simulation knows a message. */
export const idProperty = "id"

/** What of a message is the same wherever it is seen. */
export const contentOf = (topic: string, properties: MessageProperties.MessageProperties): string =>
  `${topic} ${properties.TAGS} ${properties.KEYS} ${properties.__SHARDINGKEY}`

/**
 * Answers that servers give before they have stored anything. SYSTEM_ERROR is
 * none: a proxy gives it when it did not hear from the broker.
 */
const refusing: ReadonlySet<number> = new Set([
  ResponseCode.GO_AWAY,
  ResponseCode.SYSTEM_BUSY,
  // Of a name server: a proxy asks one when the broker has no master, as RocketMQ's client does without an address.
  ResponseCode.REQUEST_CODE_NOT_SUPPORTED,
  ResponseCode.SERVICE_NOT_AVAILABLE,
  ResponseCode.NO_PERMISSION,
  ResponseCode.TOPIC_NOT_EXIST,
  ResponseCode.MESSAGE_ILLEGAL,
  ResponseCode.INVALID_PARAMETER
])

const sends: ReadonlySet<number> = new Set([
  RequestCode.SEND_MESSAGE_V2,
  RequestCode.SEND_BATCH_MESSAGE,
  RequestCode.SEND_REPLY_MESSAGE_V2
])

const propertiesOf = (command: RemotingCommand): MessageProperties.MessageProperties => {
  if (command.code !== RequestCode.SEND_BATCH_MESSAGE) return MessageProperties.decode(command.extFields.i ?? "")
  const messages = MessageBatch.decode(command.body!)
  if (!Array.isArray(messages)) throw new Error("a batch cannot be read")
  return (messages as ReadonlyArray<MessageBatch.BatchMessage>)[0]!.properties
}

/** Whose connections are overheard. */
export interface Listened {
  readonly name: string
  /** Whether one of its routes names the address. */
  readonly isBroker: (address: string) => boolean
  /** How long it waits for the answer to a registration. */
  readonly patienceMillis: number
}

/** One client's end of one connection. */
class ClientsEnd extends Wire.Overheard<SendAttempt> {
  private readonly client: Listened
  /** Ids of sends that have no answer, by opaque. */
  private readonly ids = new Map<number, string>()
  /** When registrations were written that have no answer, by opaque. */
  private readonly registering = new Map<number, number>()
  private registered = false
  private retired = false

  constructor(connection: Connection, client: Listened, log: WireLog) {
    super(connection, client.name, log)
    this.client = client
  }

  protected written(command: RemotingCommand): void {
    if (command.isResponse) return
    if (command.code === RequestCode.HEART_BEAT) {
      // A probe has no body.
      if (command.body !== undefined && command.body.length > 0) this.registering.set(command.opaque, this.log.now())
      return
    }
    if (!sends.has(command.code)) return
    const { b: topic = "", e: queueId, n: brokerName } = command.extFields
    const properties = propertiesOf(command)
    const id = properties[idProperty]
    if (id === undefined) return
    this.ids.set(command.opaque, id)
    this.log.attempts.push({
      id,
      at: this.log.now(),
      sender: this.sender,
      opaque: command.opaque,
      content: contentOf(topic, properties),
      queue: `${brokerName} ${queueId}`
    })
    // A send that holds on to an old route may go where nobody knows a broker now.
    if (!this.registered && !this.hasTried() && this.client.isBroker(this.remote)) {
      this.log.problem(`${this.sender} sent ${id} to ${this.remote} before its groups were registered there`)
    }
    if (this.retired) this.log.problem(`${this.sender} sent ${id} to ${this.remote}, which had answered GO_AWAY`)
  }

  /** It asked for a registration, and heard nothing. */
  private hasTried(): boolean {
    const latest = this.log.now() - this.client.patienceMillis
    return [...this.registering.values()].some((at) => at <= latest + 0.001)
  }

  protected heard(command: RemotingCommand): void {
    if (!command.isResponse) return
    if (this.registering.delete(command.opaque)) this.registered = true
    if (command.code === ResponseCode.GO_AWAY) this.retired = true
    const id = this.ids.get(command.opaque)
    if (id === undefined) return
    this.ids.delete(command.opaque)
    if (refusing.has(command.code)) this.log.refusals.push({ id, at: this.log.now() })
  }
}

/** The transport as one client has it. */
export const overhear = (transport: Transport["Service"], client: Listened, log: WireLog): Context.Context<Transport> =>
  Wire.overhearing(transport, (connection) => new ClientsEnd(connection, client, log))
