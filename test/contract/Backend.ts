/**
 * What the contract suite runs against: the embedded RocketMQ under virtual time, or real servers. A case knows nothing
 * of which; where it asks for something that not every server has, it names the {@link Capability}.
 */
import { decodeAll, decodeBody, type StoredMessage } from "effect-rocketmq/protocol/message/StoredMessage"
import { RequestCode } from "effect-rocketmq/protocol/RequestCode"
import { ResponseCode } from "effect-rocketmq/protocol/ResponseCode"
import * as RemotingClient from "effect-rocketmq/remoting/RemotingClient"
import type { RemotingError } from "effect-rocketmq/remoting/RemotingError"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"

/** What not every server offers. */
export type Capability =
  /** A topic that does not exist is created by the first message, after the default topic. */
  | "auto-create"
  /** What name servers know of topics and brokers is known at once; proxies look after 20 seconds. */
  | "routes at once"
  /** Clients talk to brokers at their own addresses. */
  | "brokers"
  /** Clients talk to a proxy. */
  | "proxy"
  /** Delivery at a time, not by level alone (5.0 and newer). */
  | "timer messages"
  /** RECALL_MESSAGE (5.3.2 and newer). */
  | "recall"
  /** SEND_REPLY_MESSAGE and PUSH_REPLY_MESSAGE_TO_CLIENT. */
  | "request and reply"
  /** Messages of a batch keep the ids that their producer gave them. */
  | "ids in batches"
  /** A broker hears of the end of a transaction from whoever ends it. */
  | "ends of transactions"
  /** What a send gets wrong is told by the codes of 5.x. */
  | "codes of 5.x"
  /** Minutes pass at once. */
  | "virtual time"

export interface TopicOptions {
  /** Of each broker. Default: 1. */
  readonly queues?: number
  /** Default: as many as `queues`. */
  readonly readQueues?: number
  /** 4 may be read, 2 may be written, 6 both. Default: 6. */
  readonly permission?: number
  /** The `message.type` of 5.x, where the server has such: `NORMAL`, `FIFO`, `DELAY`, `TRANSACTION`, `PRIORITY`. */
  readonly type?: string
}

export interface BackendOptions {
  readonly name: string
  readonly offers: ReadonlySet<Capability>
  /** What an app is given as its name servers: those, or a proxy. */
  readonly nameServers: ReadonlyArray<string>
  /** The name server of the brokers, behind a proxy too. */
  readonly nameServer: string
  /** The brokers, by name. */
  readonly brokers: ReadonlyMap<string, string>
  /** Connections of its own for whoever builds it. */
  readonly connections: (options?: RemotingClient.RemotingClientOptions) => Layer.Layer<RemotingClient.RemotingClient>
  /** Lets time pass: virtual, or real. */
  readonly pass: (duration: Duration.Input) => Effect.Effect<void>
}

/** The server as an observer sees it, not the client under test. */
export interface Service extends BackendOptions {
  /** A name that no other case has. */
  readonly fresh: (prefix: string) => string
  readonly createTopic: (topic: string, options?: TopicOptions) => Effect.Effect<void, RemotingError>
  /** All messages of a topic as they are stored, by broker, queue and offset. */
  readonly read: (topic: string) => Effect.Effect<ReadonlyArray<StoredMessage>, RemotingError>
  /** The messages of a topic as soon as there are so many; after so long those that there are. 20 seconds by default. */
  readonly readUntil: (
    topic: string,
    count: number,
    within?: Duration.Input
  ) => Effect.Effect<ReadonlyArray<StoredMessage>, RemotingError>
  /** The ids of the clients that the brokers know as producers of a group; of a proxy, its own. */
  readonly producers: (group: string) => Effect.Effect<ReadonlyArray<string>, RemotingError>
  /** Repeats `check` until it holds, letting time pass; `false` if it does not hold within the time (10 s by default). */
  readonly eventually: <E, R>(
    check: Effect.Effect<boolean, E, R>,
    within?: Duration.Input
  ) => Effect.Effect<boolean, E, R>
}

/** See {@link Service}. */
export class Backend extends Context.Service<Backend, Service>()("effect-rocketmq/test/contract/Backend") {}

/** The body of a message, inflated, as text. */
export const bodyText = (message: StoredMessage): string => {
  const body = decodeBody(message, 64 << 20)
  if (!(body instanceof Uint8Array)) {
    throw new Error(body.detail)
  }
  return Buffer.from(body).toString("utf8")
}

const readers = "contract-readers"
const step = 50

let names = 0

interface Route {
  readonly queueDatas: ReadonlyArray<{
    readonly brokerName: string
    readonly readQueueNums: number
    readonly writeQueueNums: number
    readonly perm: number
  }>
}

const json = (body: Uint8Array | undefined): unknown => JSON.parse(Buffer.from(body ?? []).toString("utf8"))

/** A backend whose servers are observed over connections of its own. */
export const make = (options: BackendOptions): Effect.Effect<Service, never, RemotingClient.RemotingClient> =>
  Effect.gen(function*() {
    const client = yield* RemotingClient.RemotingClient

    const route = (topic: string): Effect.Effect<Route | undefined, RemotingError> =>
      Effect.map(
        client.invoke(options.nameServer, {
          code: RequestCode.GET_ROUTEINFO_BY_TOPIC,
          extFields: { topic, acceptStandardJsonOnly: "true" }
        }),
        ({ body, code }) => code === ResponseCode.SUCCESS ? json(body) as Route : undefined
      )

    const eventually = <E, R>(
      check: Effect.Effect<boolean, E, R>,
      within: Duration.Input = "10 seconds"
    ): Effect.Effect<boolean, E, R> => {
      const attempt = (left: number): Effect.Effect<boolean, E, R> =>
        Effect.flatMap(check, (holds) =>
          holds || left === 0
            ? Effect.succeed(holds)
            : Effect.andThen(options.pass(step), Effect.suspend(() => attempt(left - 1))))
      return attempt(Math.ceil(Duration.toMillis(within) / step))
    }

    const readQueue = (address: string, brokerName: string, topic: string, queueId: number) =>
      Effect.gen(function*() {
        const messages: Array<StoredMessage> = []
        let offset = 0
        while (true) {
          const answer = yield* client.invoke(address, {
            code: RequestCode.PULL_MESSAGE,
            extFields: {
              consumerGroup: readers,
              topic,
              queueId: `${queueId}`,
              queueOffset: `${offset}`,
              maxMsgNums: "32",
              // The subscription is in the request.
              sysFlag: "4",
              commitOffset: "0",
              suspendTimeoutMillis: "0",
              subscription: "*",
              subVersion: "0",
              expressionType: "TAG",
              bname: brokerName
            }
          })
          if (answer.code !== ResponseCode.SUCCESS) {
            return messages
          }
          const decoded = decodeAll(answer.body!)
          if (decoded.violation !== undefined) {
            return yield* Effect.die(new Error(`What ${brokerName} stored is malformed: ${decoded.violation.detail}`))
          }
          messages.push(...decoded.messages)
          offset = Number(answer.extFields.nextBeginOffset)
        }
      })

    const read: Service["read"] = (topic) =>
      Effect.gen(function*() {
        const found = yield* route(topic)
        const messages: Array<StoredMessage> = []
        for (const [brokerName, address] of options.brokers) {
          const queues = found?.queueDatas.find((each) => each.brokerName === brokerName)?.readQueueNums ?? 0
          for (let queueId = 0; queueId < queues; queueId++) {
            messages.push(...(yield* readQueue(address, brokerName, topic, queueId)))
          }
        }
        return messages
      })

    return {
      ...options,
      fresh: (prefix) => `${prefix}-${++names}`,
      eventually,
      read,
      readUntil: (topic, count, within = "20 seconds") =>
        Effect.gen(function*() {
          yield* eventually(Effect.map(read(topic), (messages) => messages.length >= count), within)
          return yield* read(topic)
        }),
      createTopic: (topic, topicOptions) =>
        Effect.gen(function*() {
          const queues = topicOptions?.queues ?? 1
          for (const address of options.brokers.values()) {
            const made = yield* client.invoke(address, {
              code: RequestCode.UPDATE_AND_CREATE_TOPIC,
              extFields: {
                topic,
                defaultTopic: "TBW102",
                readQueueNums: `${topicOptions?.readQueues ?? queues}`,
                writeQueueNums: `${queues}`,
                perm: `${topicOptions?.permission ?? 6}`,
                topicFilterType: "SINGLE_TAG",
                topicSysFlag: "0",
                order: "false",
                attributes: topicOptions?.type === undefined ? "" : `+message.type=${topicOptions.type}`
              }
            })
            if (made.code !== ResponseCode.SUCCESS) {
              return yield* Effect.die(new Error(`${address} did not create ${topic}: ${made.code} ${made.remark}`))
            }
          }
          const routed = Effect.map(
            route(topic),
            (found) =>
              found !== undefined && found.queueDatas.length === options.brokers.size &&
              found.queueDatas.every(({ perm, writeQueueNums }) =>
                writeQueueNums === queues && perm === (topicOptions?.permission ?? 6)
              )
          )
          if (!(yield* eventually(routed))) {
            return yield* Effect.die(new Error(`The name server heard nothing of ${topic}`))
          }
        }),
      producers: (group) =>
        Effect.gen(function*() {
          const ids = new Set<string>()
          for (const address of options.brokers.values()) {
            const answer = yield* client.invoke(address, {
              code: RequestCode.GET_PRODUCER_CONNECTION_LIST,
              extFields: { producerGroup: group }
            })
            if (answer.code === ResponseCode.SUCCESS) {
              const { connectionSet } = json(answer.body) as {
                readonly connectionSet: ReadonlyArray<{ readonly clientId: string }>
              }
              for (const { clientId } of connectionSet) {
                ids.add(clientId)
              }
            }
          }
          return [...ids]
        })
    }
  })
