/** One run: a fleet, a producer, load, and every server restarted in turn, round after round. */
import * as RemotingClient from "effect-rocketmq/remoting/RemotingClient"
import * as TestRocketMQ from "effect-rocketmq/testing/TestRocketMQ"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { Verdict } from "./history.ts"
import { History } from "./history.ts"
import * as Load from "./load.ts"
import { Moves } from "./moves.ts"
import type { Screen, View } from "./screen.ts"
import { makeFleet, options, readStore } from "./servers.ts"

export interface Scenario {
  readonly key: "drain" | "drainWithoutGoAway" | "abrupt"
  readonly title: string
  readonly explanation: string
  /** Servers drain before they stop. */
  readonly graceful: boolean
  /** The client moves on after GO_AWAY. */
  readonly goAwayEnabled: boolean
}

export const scenarios: ReadonlyArray<Scenario> = [
  {
    key: "drain",
    title: "drain",
    explanation: "servers answer GO_AWAY before they stop, and the client moves on",
    graceful: true,
    goAwayEnabled: true
  },
  {
    key: "drainWithoutGoAway",
    title: "go-away off",
    explanation: "servers answer GO_AWAY, the client stays, and callers get it as an error",
    graceful: true,
    goAwayEnabled: false
  },
  {
    key: "abrupt",
    title: "abrupt stop",
    explanation: "servers stop at once and leave what they were executing unanswered",
    graceful: false,
    goAwayEnabled: true
  }
]

/** What came of a run. */
export interface Result extends Verdict {
  /** GO_AWAY answers that the client received. */
  readonly goAways: number
  /** Connections that took the place of one whose server went away. */
  readonly swaps: number
  /** Connects that followed a GO_AWAY: more than one a swap where the new connection met GO_AWAY too. */
  readonly hops: number
  /** Connections made. */
  readonly connects: number
}

/** Load before the first restart and after the last one. */
const calmMillis = 300

/** What is embedded, and its client. No message is sent twice, whatever becomes of the first attempt. */
const layerOf = (scenario: Scenario) =>
  TestRocketMQ.layerTcp({
    ...options,
    reconnection: { goAwayEnabled: scenario.goAwayEnabled },
    producer: {
      delivery: "atMostOnce",
      retries: 0,
      // A producer that is answered GO_AWAY tries again: here, until before the server has stopped.
      timeout: scenario.goAwayEnabled ? "3 seconds" : "300 millis"
    }
  })

/** Runs a scenario. Everything it starts has ended when it has. */
export const run = (scenario: Scenario, position: string, rounds: number, screen: Screen) =>
  Effect.gen(function*() {
    const clock = yield* Clock.Clock
    const now = (): number => Number(clock.monotonicTimeNanosUnsafe()) / 1_000_000
    const history = new History()
    const moves = new Moves(screen.note)
    const client = yield* RemotingClient.RemotingClient
    const fleet = yield* makeFleet(screen.note, (server) => moves.answered(server, now()))
    yield* Effect.forkScoped(
      Stream.runForEach(client.events, (event) => Effect.sync(() => moves.event(event, now()))),
      { startImmediately: true }
    )
    let round = 1

    const look = Effect.gen(function*() {
      const stats = yield* client.stats
      const servers = yield* Effect.forEach(fleet.servers, (one) =>
        Effect.gen(function*() {
          const { goAways, requests } = yield* one.server.stats
          return {
            name: one.name,
            address: one.server.address,
            state: one.server.state,
            connections: yield* fleet.connections(one),
            executed: requests,
            refused: goAways
          }
        }))
      return {
        round,
        rounds,
        servers,
        requests: history.requests,
        failed: history.failed,
        unknown: history.unknown,
        swaps: stats.swaps,
        hops: stats.hops,
        maxLatencyMs: history.maxLatencyMs
      } satisfies View
    })

    yield* screen.begin({ title: scenario.title, explanation: scenario.explanation, position }, look)
    const stop = yield* Load.start(history)
    yield* Effect.sleep(calmMillis)
    for (; round <= rounds; round++) {
      for (const server of fleet.servers) yield* fleet.restart(server, scenario.graceful)
    }
    round = rounds
    yield* Effect.sleep(calmMillis)
    yield* stop
    yield* readStore(history)
    const { goAways, hops, swaps } = yield* client.stats
    const result: Result = { ...history.verdict(), goAways, swaps, hops, connects: moves.connects }
    screen.finished({ title: scenario.title, ...result })
    return result
  }).pipe(Effect.scoped, Effect.provide(layerOf(scenario)))
