/** What clients and brokers have to say about a run. */
import type { ChannelEvent } from "effect-rocketmq/remoting/ChannelEvent"
import * as RemotingClient from "effect-rocketmq/remoting/RemotingClient"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Requests from "./Requests.ts"
import type { Server } from "./Server.ts"

/** An event and when it was seen, by `performance.now()`. */
export interface TimedEvent extends ChannelEvent {
  readonly at: number
}

/** Collects the events of a client from now on, until the scope closes. */
export const record = (client: RemotingClient.Service): Effect.Effect<ReadonlyArray<TimedEvent>, never, Scope.Scope> =>
  Effect.gen(function*() {
    const events: Array<TimedEvent> = []
    yield* client.events.pipe(
      Stream.runForEach((event) => Effect.sync(() => void events.push({ ...event, at: performance.now() }))),
      Effect.forkScoped({ startImmediately: true })
    )
    return events
  })

/** How many messages of a topic the brokers have stored together. */
export const storedMessages = (brokers: ReadonlyArray<Server>, topic: string) =>
  Effect.gen(function*() {
    const client = yield* RemotingClient.RemotingClient
    const answers = yield* Effect.forEach(brokers, ({ address }) => client.invoke(address, Requests.maxOffset(topic)))
    return answers.reduce((sum, { extFields }) => sum + Number(extFields.offset), 0)
  })
