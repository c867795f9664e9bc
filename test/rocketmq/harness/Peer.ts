/** The official Java client 5.5.0 and mqadmin in one JVM: see `java/src/main/java/effectrocketmq/PeerMain.java`. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { HarnessError } from "./HarnessError.ts"
import * as JavaProcess from "./JavaProcess.ts"

/** A message as it is handed to the official producer. */
export interface PeerMessage {
  readonly topic: string
  readonly body: Uint8Array
  readonly tags?: string
  readonly keys?: ReadonlyArray<string>
  readonly flag?: number
  readonly waitStoreMsgOk?: boolean
  readonly delayLevel?: number
  readonly delayMillis?: number
  readonly deliverAtMillis?: number
  readonly priority?: number
  readonly shardingKey?: string
  readonly properties?: Readonly<Record<string, string>>
}

export interface PeerSendOptions {
  readonly group?: string
  readonly namespace?: string
  readonly compressType?: "ZLIB" | "LZ4" | "ZSTD"
  readonly timeoutMillis?: number
}

export interface PeerSendResult {
  /** `SEND_OK`, `FLUSH_DISK_TIMEOUT`, … */
  readonly status: string
  readonly msgId: string
  readonly offsetMsgId?: string
  readonly brokerName: string
  readonly queueId: number
  readonly queueOffset: number
  readonly transactionId?: string
  readonly recallHandle?: string
  readonly regionId?: string
}

/** A message as the official consumer hands it out; the body is decompressed. */
export interface PeerReceived {
  readonly topic: string
  readonly brokerName: string
  readonly queueId: number
  readonly queueOffset: number
  readonly msgId: string
  readonly offsetMsgId: string
  readonly flag: number
  readonly sysFlag: number
  readonly storeSize: number
  readonly bodyCrc: number
  /** In base64. */
  readonly body: string
  readonly bornTimestamp: number
  readonly bornHost: string
  readonly storeTimestamp: number
  readonly reconsumeTimes: number
  readonly preparedTransactionOffset: number
  readonly tags?: string
  readonly keys?: string
  readonly transactionId?: string
  readonly delayLevel: number
  readonly waitStoreMsgOk: boolean
  readonly properties: Readonly<Record<string, string>>
}

/** A consumer in a group. */
export interface PeerSubscription {
  /** Its name; part of its client id. */
  readonly id: string
  readonly group: string
  readonly topic: string
  /** Default: `*`. */
  readonly expression?: string
  /** Whether the expression is one of SQL92. Default: `false`, tags. */
  readonly sql?: boolean
  readonly orderly?: boolean
  readonly broadcasting?: boolean
  /** The broker divides the queues, and says whether to pop. */
  readonly pop?: boolean
  readonly maxReconsumeTimes?: number
}

/** What a consumer was given. */
export interface PeerPulled {
  readonly topic: string
  readonly brokerName: string
  readonly queueId: number
  readonly queueOffset: number
  readonly msgId: string
  readonly reconsumeTimes: number
  readonly tags?: string
  /** As text. */
  readonly body: string
}

/** What a push consumer was given once. */
export interface PeerDelivery extends PeerPulled {
  /** Id of the consumer. */
  readonly consumer: string
  /** Not when it failed. */
  readonly taken: boolean
}

/** Messages that a consumer pulls by itself. */
export interface PeerPull {
  readonly id: string
  readonly group: string
  readonly topic: string
  /** How many are waited for. */
  readonly count: number
  readonly timeoutMillis?: number
}

export type LocalTransactionState = "COMMIT_MESSAGE" | "ROLLBACK_MESSAGE" | "UNKNOW"

export interface Peer {
  readonly send: (
    message: PeerMessage,
    options?: PeerSendOptions & {
      readonly queue?: { readonly brokerName: string; readonly queueId: number }
      /** The queue is chosen by the hash of this text (SelectMessageQueueByHash). */
      readonly selectBy?: string
      readonly async?: boolean
    }
  ) => Effect.Effect<PeerSendResult, HarnessError>
  readonly sendOneway: (message: PeerMessage, options?: PeerSendOptions) => Effect.Effect<void, HarnessError>
  readonly sendBatch: (
    messages: ReadonlyArray<PeerMessage>,
    options?: PeerSendOptions & { readonly async?: boolean }
  ) => Effect.Effect<PeerSendResult, HarnessError>
  readonly sendInTransaction: (
    message: PeerMessage,
    options: PeerSendOptions & {
      readonly state: LocalTransactionState
      /** What a check-back is answered. */
      readonly checked?: LocalTransactionState
    }
  ) => Effect.Effect<PeerSendResult, HarnessError>
  readonly recall: (topic: string, handle: string) => Effect.Effect<string, HarnessError>
  readonly request: (
    message: PeerMessage,
    options?: PeerSendOptions & { readonly async?: boolean }
  ) => Effect.Effect<
    { readonly topic: string; readonly body: string; readonly properties: Readonly<Record<string, string>> },
    HarnessError
  >
  /**
   * All messages of a topic as soon as there are `count` of them, or after `timeoutMillis` (15,000 by default); by
   * broker, queue and offset.
   */
  readonly read: (
    topic: string,
    count: number,
    options?: { readonly namespace?: string; readonly timeoutMillis?: number }
  ) => Effect.Effect<ReadonlyArray<PeerReceived>, HarnessError>
  /** Answers every request in a topic, from now on, with "re: " and its body. */
  readonly reply: (topic: string, group: string) => Effect.Effect<void, HarnessError>
  /**
   * Starts a push consumer. A message with a property `failures` fails that often before it is taken; the second try is
   * after a second where messages are popped, and otherwise when the broker says.
   */
  readonly subscribe: (subscription: PeerSubscription) => Effect.Effect<void, HarnessError>
  /** The queues of a topic that are a push consumer's now, as `broker/queue`. */
  readonly assigned: (id: string, topic: string) => Effect.Effect<ReadonlyArray<string>, HarnessError>
  /** Has a push consumer tell brokers how far it is. */
  readonly commit: (id: string) => Effect.Effect<void, HarnessError>
  /** Ends a push consumer, which tells brokers how far it got. */
  readonly leave: (id: string) => Effect.Effect<void, HarnessError>
  /**
   * All deliveries to a group so far, as soon as `count` of them were taken, or after `timeoutMillis` (15,000 by
   * default); in the order in which they ended.
   */
  readonly consumed: (
    group: string,
    count: number,
    options?: { readonly timeoutMillis?: number }
  ) => Effect.Effect<ReadonlyArray<PeerDelivery>, HarnessError>
  /** What a lite pull consumer polls, and commits; from the beginning of all queues when they are assigned to it. */
  readonly litePull: (
    options: PeerPull & { readonly assign?: boolean }
  ) => Effect.Effect<ReadonlyArray<PeerPulled>, HarnessError>
  /** What a pull consumer reads, a message at a time, from where its group is; it notes where it got to. */
  readonly pull: (options: PeerPull) => Effect.Effect<ReadonlyArray<PeerPulled>, HarnessError>
  /** The same program for the clients of another address. */
  readonly at: (nameServer: string) => Peer
  /** What `mqadmin` prints; `-n` is added. Fails when it prints a stack trace. */
  readonly admin: (...args: ReadonlyArray<string>) => Effect.Effect<string, HarnessError>
}

const encodeMessage = (message: PeerMessage) => ({ ...message, body: Buffer.from(message.body).toString("base64") })

const peerOf = ({ ask }: JavaProcess.Conversation, nameServer: string): Peer => {
  const call = <A>(op: string, fields: object): Effect.Effect<A, HarnessError> =>
    Effect.flatMap(ask(JSON.stringify({ op, nameServer, ...fields })), (line) => {
      const answer = JSON.parse(line)
      return answer.failure === undefined
        ? Effect.succeed(answer.ok as A)
        : Effect.fail(new HarnessError({ message: `${op}: ${JSON.stringify(answer.failure)}` }))
    })
  return {
    send: (message, options) => call("send", { message: encodeMessage(message), ...options }),
    sendOneway: (message, options) => call("send", { message: encodeMessage(message), oneway: true, ...options }),
    sendBatch: (messages, options) => call("sendBatch", { messages: messages.map(encodeMessage), ...options }),
    sendInTransaction: (message, options) => call("sendInTransaction", { message: encodeMessage(message), ...options }),
    recall: (topic, handle) => call("recall", { topic, handle }),
    request: (message, options) => call("request", { message: encodeMessage(message), ...options }),
    read: (topic, count, options) => call("read", { topic, count, ...options }),
    reply: (topic, group) => call("reply", { topic, group }),
    subscribe: (subscription) => call("subscribe", subscription),
    assigned: (id, topic) => call("assigned", { id, topic }),
    commit: (id) => call("commit", { id }),
    leave: (id) => call("leave", { id }),
    consumed: (group, count, options) => call("consumed", { group, count, ...options }),
    litePull: (options) => call("litePull", options),
    pull: (options) => call("pull", options),
    at: (other) => peerOf({ ask }, other),
    admin: (...args) => call("admin", { args: [...args, "-n", nameServer] })
  }
}

/** Starts the program, for the clients of one cluster. */
export const make = (nameServer: string): Effect.Effect<Peer, HarnessError, Scope.Scope> =>
  Effect.map(
    JavaProcess.converse("PeerMain", [], [
      "-Xmx256m",
      "-XX:TieredStopAtLevel=1",
      "-Drocketmq.client.logUseSlf4j=true",
      // At least one of the client's interfaces would be found otherwise, and not always the same.
      "-Drocketmq.client.vipChannelEnabled=false",
      // Queues of a topic that came to be, such as one for retries, would wait for 20 seconds.
      "-Drocketmq.client.rebalance.waitInterval=500",
      "-Drocketmq.client.rebalance.minInterval=100"
    ]),
    (conversation) => peerOf(conversation, nameServer)
  )
