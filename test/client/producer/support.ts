/** Producers on a client whose routes the test sets, and brokers that do as they are told, on a network in memory. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { ClientError } from "../../../src/client/ClientError.ts"
import { clientError, TopicNotFound } from "../../../src/client/ClientError.ts"
import { Heartbeats } from "../../../src/client/Heartbeats.ts"
import { MqClient } from "../../../src/client/MqClient.ts"
import * as MqClientApi from "../../../src/client/MqClientApi.ts"
import * as Producer from "../../../src/client/Producer.ts"
import type { ProducerHandlers, Reply } from "../../../src/client/ServerRequests.ts"
import { ServerRequests } from "../../../src/client/ServerRequests.ts"
import type { BrokerRoute, GetOptions, MessageQueue, TopicRoute } from "../../../src/client/TopicRoutes.ts"
import { TopicRoutes } from "../../../src/client/TopicRoutes.ts"
import { isViolation } from "../../../src/protocol/header/HeaderCodec.ts"
import type { SendMessageRequestHeader } from "../../../src/protocol/header/SendMessage.ts"
import { SendMessageRequestHeaderV2 } from "../../../src/protocol/header/SendMessage.ts"
import * as MessageId from "../../../src/protocol/message/MessageId.ts"
import * as MessageProperties from "../../../src/protocol/message/MessageProperties.ts"
import * as Namespace from "../../../src/protocol/message/Namespace.ts"
import type { RemotingCommand } from "../../../src/protocol/RemotingCommand.ts"
import { RequestCode } from "../../../src/protocol/RequestCode.ts"
import type * as RemotingClient from "../../../src/remoting/RemotingClient.ts"
import { RemotingClient as RemotingClientService } from "../../../src/remoting/RemotingClient.ts"
import type { RemotingReply } from "../../../src/remoting/RemotingRequest.ts"
import * as RemotingServer from "../../../src/remoting/RemotingServer.ts"
import { client } from "../../remoting/support.ts"

/** A broker, by name and by port on 10.0.0.1. */
export interface BrokerSpec {
  readonly name: string
  readonly port: number
  readonly queues?: number
}

const addressOf = (port: number) => `10.0.0.1:${port}`

/** A route in which each broker has 2 queues unless said otherwise. */
export const route = (
  topic: string,
  brokers: ReadonlyArray<BrokerSpec>,
  more: Partial<TopicRoute> = {}
): TopicRoute => {
  const queues: ReadonlyArray<MessageQueue> = brokers.flatMap(({ name, queues: count = 2 }) =>
    Array.from({ length: count }, (_, queueId) => ({ topic, brokerName: name, queueId }))
  )
  return {
    topic,
    data: { brokerDatas: [], queueDatas: [], filterServerTable: {} },
    writeQueues: queues,
    readQueues: queues,
    brokers: new Map(brokers.map(({ name, port }): [string, BrokerRoute] => [
      name,
      {
        brokerName: name,
        cluster: "DefaultCluster",
        addresses: new Map([[0, addressOf(port)]]),
        master: addressOf(port)
      }
    ])),
    brokerNameOf: (queue) => queue.brokerName,
    autoCreated: false,
    ordered: false,
    ...more
  }
}

/** Routes that the test sets. */
export class FakeRoutes {
  readonly known = new Map<string, TopicRoute>()
  /** What the name servers would say now. */
  readonly served = new Map<string, TopicRoute>()
  readonly gets: Array<string> = []
  readonly refreshes: Array<string> = []
  readonly soon: Array<string> = []
  /** How each route was asked for that was not known. */
  readonly options: Array<GetOptions | undefined> = []
  /** The name servers take so long. */
  delayMillis = 0

  /** A route that is known, and that name servers know. */
  set(one: TopicRoute): void {
    this.known.set(one.topic, one)
    this.served.set(one.topic, one)
  }

  private ask(topic: string, options?: GetOptions): Effect.Effect<TopicRoute, ClientError> {
    this.options.push(options)
    const wait = Math.min(this.delayMillis, Number(options?.timeout ?? 3_000))
    return Effect.andThen(
      wait > 0 ? Effect.sleep(wait) : Effect.void,
      Effect.suspend(() => {
        const found = this.served.get(topic)
        if (found === undefined) {
          return Effect.fail(clientError(new TopicNotFound({ topic, nameServers: ["10.0.0.9:9876"] })))
        }
        this.known.set(topic, found)
        return Effect.succeed(found)
      })
    )
  }

  readonly service: TopicRoutes["Service"] = {
    getUnsafe: (topic) => this.known.get(topic),
    get: (topic, options) =>
      Effect.suspend(() => {
        this.gets.push(topic)
        const known = this.known.get(topic)
        return known === undefined ? this.ask(topic, options) : Effect.succeed(known)
      }),
    refresh: (topic, options) =>
      Effect.suspend(() => {
        this.refreshes.push(topic)
        return this.ask(topic, options)
      }),
    refreshSoon: (topic) => {
      this.soon.push(topic)
    },
    brokerAddresses: () => new Map(),
    broker: (name) => [...this.known.values()].map((one) => one.brokers.get(name)).find((one) => one !== undefined),
    masterOf: (name) => this.service.broker(name)?.master,
    changes: Stream.empty,
    onNewAddresses: () => Effect.void
  }
}

/** What servers may ask of a client, said by the test. */
export class FakeServerRequests {
  readonly producers = new Map<string, ProducerHandlers>()
  readonly expected = new Map<string, (reply: Reply) => void>()

  readonly service: ServerRequests["Service"] = {
    registerProducer: <R>(group: string, handlers: ProducerHandlers<R>) =>
      Effect.contextWith<R, void, never, R | Scope.Scope>((context) =>
        Effect.asVoid(Effect.acquireRelease(
          Effect.sync(() => {
            const check = handlers.checkTransactionState
            this.producers.set(group, {
              checkTransactionState: check === undefined
                ? undefined
                : (question) => Effect.provideContext(check(question), context)
            })
          }),
          () => Effect.sync(() => this.producers.delete(group))
        ))
      ),
    registerConsumer: () => Effect.void,
    expectReply: (correlationId, deliver) => {
      this.expected.set(correlationId, deliver)
      return () => {
        this.expected.delete(correlationId)
      }
    }
  }
}

/** A SEND as a broker received it. */
export interface ReceivedSend {
  readonly at: number
  readonly code: number
  readonly header: SendMessageRequestHeader
  readonly properties: MessageProperties.MessageProperties
  readonly body: Uint8Array
  readonly command: RemotingCommand
}

/** What a broker does with the n-th SEND, from 0. `undefined`: it stores it. */
export type Behaviour = (send: ReceivedSend, index: number) => Effect.Effect<RemotingReply | undefined> | undefined

/** A broker that keeps what it is sent. */
export const broker = (
  port: number,
  options: {
    readonly behave?: Behaviour | undefined
    readonly delayMillis?: number | undefined
    readonly server?: RemotingServer.RemotingServerOptions | undefined
  } = {}
) =>
  Effect.gen(function*() {
    const server = yield* RemotingServer.make({
      host: "10.0.0.1",
      port,
      metrics: false,
      ...options.server
    })
    const sends: Array<ReceivedSend> = []
    const others: Array<RemotingCommand> = []
    const stored: Array<ReceivedSend> = []
    const control = { behave: options.behave, delayMillis: options.delayMillis ?? 0 }
    const codes: ReadonlyArray<number> = [
      RequestCode.SEND_MESSAGE_V2,
      RequestCode.SEND_BATCH_MESSAGE,
      RequestCode.SEND_REPLY_MESSAGE_V2
    ]
    for (const code of codes) {
      yield* server.handle(code, (command) =>
        Effect.gen(function*() {
          const header = SendMessageRequestHeaderV2.decode(command.extFields)
          if (isViolation(header)) return { code: 1, remark: `${header.field} ${header.detail}` }
          const send: ReceivedSend = {
            at: yield* Clock.currentTimeMillis,
            code,
            header,
            properties: MessageProperties.decode(header.properties),
            body: Uint8Array.from(command.body ?? []),
            command
          }
          sends.push(send)
          const behaviour = control.behave?.(send, sends.length - 1)
          if (control.delayMillis > 0) yield* Effect.sleep(control.delayMillis)
          if (behaviour !== undefined) return yield* behaviour
          stored.push(send)
          return acknowledgement(send, port, stored.length)
        }))
    }
    yield* server.handleOther((command) =>
      Effect.sync(() => {
        others.push(command)
        return { code: 0 }
      })
    )
    return { ...server, sends, stored, others, control }
  })

/** What a broker answers that has stored a message. */
export const acknowledgement = (send: ReceivedSend, port: number, count: number): RemotingReply => ({
  code: 0,
  extFields: {
    msgId: MessageId.createOffsetId(addressOf(port), count * 1_000),
    queueId: String(send.header.queueId),
    queueOffset: String(count - 1),
    MSG_REGION: "DefaultRegion",
    TRACE_ON: "true"
  }
})

/** Answers with a code. */
export const answer = (code: number, remark?: string): Effect.Effect<RemotingReply> =>
  Effect.succeed(remark === undefined ? { code } : { code, remark })

/** Never answers. */
export const silence: Effect.Effect<undefined> = Effect.never

/** What a producer of a test stands on. */
export const world = (options?: {
  readonly remoting?: RemotingClient.RemotingClientOptions
  readonly namespace?: string
  /** Puts something between the producer and its connections. */
  readonly between?: (remoting: RemotingClient.Service) => RemotingClient.Service
}) =>
  Effect.gen(function*() {
    const connected = yield* client(options?.remoting)
    const remoting = options?.between === undefined ? connected : options.between(connected)
    const routes = new FakeRoutes()
    const serverRequests = new FakeServerRequests()
    const registered: Array<string> = []
    const namespace = options?.namespace
    const identity: MqClient["Service"] = {
      clientId: "10.0.0.7@test",
      ip: "10.0.0.7",
      namespace,
      namespaceV2: undefined,
      wrap: (name) => namespace === undefined ? name : Namespace.wrap(namespace, name),
      unwrap: (name) => namespace === undefined ? name : Namespace.unwrap(namespace, name)
    }
    const heartbeats: Heartbeats["Service"] = {
      clientId: identity.clientId,
      registerProducer: (group) =>
        Effect.asVoid(Effect.acquireRelease(
          Effect.sync(() => registered.push(`+${group}`)),
          () => Effect.sync(() => registered.push(`-${group}`))
        )),
      registerConsumer: () => Effect.void,
      send: Effect.void
    }
    const make = <R = never>(producer?: Partial<Producer.ProducerOptions<R>>) =>
      Producer.make({ group: "producers", metrics: false, ...producer }).pipe(
        Effect.provideService(RemotingClientService, remoting),
        Effect.provideService(MqClientApi.MqClientApi, MqClientApi.make(remoting)),
        Effect.provideService(TopicRoutes, routes.service),
        Effect.provideService(Heartbeats, heartbeats),
        Effect.provideService(ServerRequests, serverRequests.service),
        Effect.provideService(MqClient, identity)
      )
    return { remoting, routes, serverRequests, registered, make }
  })

/** A producer, and one broker with two queues of `topic`. */
export const single = <R = never>(
  options?: Partial<Producer.ProducerOptions<R>>,
  behave?: Behaviour,
  more?: Parameters<typeof world>[0]
) =>
  Effect.gen(function*() {
    const a = yield* broker(1, { behave })
    const w = yield* world(more)
    const wire = more?.namespace === undefined ? "topic" : `${more.namespace}%topic`
    w.routes.set(route(wire, [{ name: "a", port: 1 }]))
    const producer = yield* w.make(options)
    return { ...w, a, producer }
  })

/** A producer, and two brokers with two queues of `topic` each. */
export const pair = <R = never>(
  options?: Partial<Producer.ProducerOptions<R>>,
  behaviours: { readonly a?: Behaviour; readonly b?: Behaviour } = {},
  more?: Parameters<typeof world>[0]
) =>
  Effect.gen(function*() {
    const a = yield* broker(1, { behave: behaviours.a })
    const b = yield* broker(2, { behave: behaviours.b })
    const w = yield* world(more)
    w.routes.set(route("topic", [{ name: "a", port: 1 }, { name: "b", port: 2 }]))
    const producer = yield* w.make(options)
    return { ...w, a, b, producer }
  })

/** The reason of a failure. */
export const reasonOf = <A, R>(effect: Effect.Effect<A, ClientError, R>) =>
  Effect.map(Effect.flip(effect), (error) => error.reason)
