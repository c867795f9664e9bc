/** What the tests of the embedded RocketMQ build on. */
import { assert } from "@effect/vitest"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/testing/TestClock"
import { SendMessageRequestHeaderV2 } from "../../src/protocol/header/SendMessage.ts"
import * as MessageProperties from "../../src/protocol/message/MessageProperties.ts"
import type { RemotingCommand } from "../../src/protocol/RemotingCommand.ts"
import { RequestCode } from "../../src/protocol/RequestCode.ts"
import * as Reconnection from "../../src/remoting/Reconnection.ts"
import * as RemotingClient from "../../src/remoting/RemotingClient.ts"
import type { RemotingRequest } from "../../src/remoting/RemotingRequest.ts"
import * as ResponseFutures from "../../src/remoting/ResponseFutures.ts"
import * as EmbeddedRocketMQ from "../../src/testing/EmbeddedRocketMQ.ts"

/** A client of its own in the current scope. */
export const makeClient = (options?: RemotingClient.RemotingClientOptions) =>
  Effect.gen(function*() {
    const futures = yield* ResponseFutures.make()
    return yield* RemotingClient.make({ metrics: false, ...options }).pipe(
      Effect.provideService(ResponseFutures.ResponseFutures, futures),
      Effect.provideService(Reconnection.Reconnection, Reconnection.make())
    )
  })

/** A client on whatever transport there is. */
export const clientLayer = Layer.effect(RemotingClient.RemotingClient, makeClient())

/** An embedded RocketMQ in memory, and a client. */
export const inMemory = (options?: EmbeddedRocketMQ.Options) =>
  Layer.provideMerge(clientLayer, EmbeddedRocketMQ.layerMemory(options))

/** Asks the first name server. */
export const askNameServer = Effect.fnUntraced(function*(request: RemotingRequest) {
  const rocketmq = yield* EmbeddedRocketMQ.EmbeddedRocketMQ
  const client = yield* RemotingClient.RemotingClient
  return yield* client.invoke(rocketmq.nameServers[0]!.address, request)
})

/** Lets time pass while an effect runs. */
export const whilePassing = Effect.fnUntraced(
  function*<A, E, R>(duration: Duration.Input, effect: Effect.Effect<A, E, R>) {
    const fiber = yield* Effect.forkChild(effect, { startImmediately: true })
    yield* TestClock.adjust(duration)
    return yield* Fiber.join(fiber)
  }
)

/** The body as text. */
export const textOf = (response: RemotingCommand): string => Buffer.from(response.body ?? []).toString("utf8")

/** The body as JSON. */
export const jsonOf = (response: RemotingCommand): unknown => JSON.parse(textOf(response))

/** Fails unless the answer is success. */
export const assertSuccess = (response: RemotingCommand): void =>
  assert.deepStrictEqual({ code: response.code, remark: response.remark }, { code: 0, remark: undefined })

/** A send of one message to a queue of its broker's choice. */
export const sendRequest = (
  topic: string,
  body: string,
  options: {
    readonly queueId?: number | undefined
    readonly brokerName?: string | undefined
    readonly properties?: MessageProperties.MessageProperties | undefined
    readonly version?: number | undefined
    readonly sysFlag?: number | undefined
  } = {}
): RemotingRequest => ({
  code: RequestCode.SEND_MESSAGE_V2,
  extFields: SendMessageRequestHeaderV2.encode({
    producerGroup: "producers",
    topic,
    defaultTopic: "TBW102",
    defaultTopicQueueNums: 4,
    queueId: options.queueId ?? 0,
    sysFlag: options.sysFlag ?? 0,
    bornTimestamp: 0,
    flag: 0,
    properties: MessageProperties.encode(options.properties ?? {}),
    reconsumeTimes: 0,
    unitMode: false,
    batch: false,
    brokerName: options.brokerName ?? "broker-a"
  }),
  body: Buffer.from(body),
  version: options.version
})

/** Sends to the first broker. */
export const send = Effect.fnUntraced(function*(
  topic: string,
  body: string,
  options: Parameters<typeof sendRequest>[2] & { readonly goAwayHops?: number | undefined } = {}
) {
  const rocketmq = yield* EmbeddedRocketMQ.EmbeddedRocketMQ
  const client = yield* RemotingClient.RemotingClient
  return yield* client.invoke(rocketmq.broker(options.brokerName).address, sendRequest(topic, body, options), {
    goAwayHops: options.goAwayHops
  })
})
