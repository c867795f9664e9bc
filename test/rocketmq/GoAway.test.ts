import { assert, describe, it } from "@effect/vitest"
import type { ChannelEvent } from "effect-rocketmq/remoting/ChannelEvent"
import * as RemotingClient from "effect-rocketmq/remoting/RemotingClient"
import * as LoadBalancer from "effect-rocketmq/testing/LoadBalancer"
import * as Effect from "effect/Effect"
import * as Broker from "./harness/Broker.ts"
import * as History from "./harness/History.ts"
import * as Load from "./harness/Load.ts"
import * as NameServer from "./harness/NameServer.ts"
import * as Requests from "./harness/Requests.ts"
import type { Server } from "./harness/Server.ts"

const rate = 500
const drainSeconds = 3

/** What every run under load must come to when servers drain: everything answered, nothing twice, in one swap. */
const assertServed = (report: Load.LoadReport) => {
  assert.deepStrictEqual(Load.countFailures(report), {})
  assert.deepStrictEqual(report.refused, {})
  assert.strictEqual(report.succeeded, report.requests)
  assert.isAbove(report.requests, rate)
}

/**
 * Sends `request` at a steady rate through a load balancer, round robin, in front of two servers; a second later SIGTERM
 * for the one that has the connection; goes on until that one has closed its sockets and a second more.
 */
const terminateUnderLoad = (
  first: Server,
  second: Server,
  request: (
    client: RemotingClient.Service,
    address: string,
    index: number
  ) => ReturnType<RemotingClient.Service["invoke"]>
) =>
  Effect.gen(function*() {
    const balancer = yield* LoadBalancer.make({ targets: [first.address, second.address], policy: "roundRobin" })
    const client = yield* RemotingClient.RemotingClient
    const events = yield* History.record(client)
    const load = yield* Load.start(rate, (index) => request(client, balancer.address, index))
    yield* Effect.sleep("1 second")
    const before = yield* balancer.connections
    assert.strictEqual(before.byTarget.get(first.address), 1)

    yield* first.terminate
    yield* first.awaitClosed
    yield* Effect.sleep("1 second")
    const report = yield* load.finish
    const { byTarget } = yield* balancer.connections
    assert.strictEqual(byTarget.get(first.address), 0)
    assert.strictEqual(byTarget.get(second.address), 1)
    return { report, events, stats: yield* client.stats }
  })

/** What happened to the channels from the first GO_AWAY on: the event and the connection that it is about. */
const fromGoAway = (events: ReadonlyArray<ChannelEvent>): ReadonlyArray<string> =>
  events.slice(events.findIndex(({ type }) => type === "GoAway")).map(({ generation, type }) => `${type} ${generation}`)

const oneSwap = ["GoAway 1", "Draining 1", "Connect 2", "Active 2", "Reconnected 2", "Close 1"]

for (const version of ["5.5.0", "5.3.3"] as const) {
  describe(`a client of ${version} behind a load balancer, under load`, () => {
    it.live("moves to the second name server when the first is told to shut down gracefully", () =>
      Effect.gen(function*() {
        const nameServer = NameServer.make({ version, drainSeconds })
        const [first, second] = yield* Effect.all([nameServer, nameServer], { concurrency: 2 })
        // The topic of the cluster itself, which a name server knows from its broker.
        yield* Broker.make({ version, nameServer: first, moreNameServers: [second] })
        const { events, report, stats } = yield* terminateUnderLoad(
          first,
          second,
          (client, address) => client.invoke(address, Requests.route("TBW102"))
        )
        assertServed(report)
        assert.deepStrictEqual(fromGoAway(events), oneSwap)
        assert.strictEqual(stats.swaps, 1)
      }).pipe(Effect.provide(RemotingClient.layer)))

    it.live("moves to the second broker when the first is told to shut down gracefully, and stores everything once", () =>
      Effect.gen(function*() {
        const nameServer = yield* NameServer.make({ version })
        const [first, second] = yield* Effect.all([
          Broker.make({ version, nameServer, name: "broker-a", drainSeconds }),
          Broker.make({ version, nameServer, name: "broker-b", drainSeconds })
        ], { concurrency: 2 })
        for (const broker of [first, second]) {
          yield* Broker.createTopic("go-away", { broker, nameServer })
        }
        const body = Buffer.alloc(1024, "x")
        const { events, report, stats } = yield* terminateUnderLoad(
          first,
          second,
          (client, address) => client.invoke(address, Requests.send("go-away", body))
        )
        assertServed(report)
        assert.deepStrictEqual(fromGoAway(events), oneSwap)
        assert.strictEqual(stats.swaps, 1)

        yield* first.kill
        yield* first.start
        assert.strictEqual(yield* History.storedMessages([first, second], "go-away"), report.succeeded)
      }).pipe(Effect.provide(RemotingClient.layer)))
  })
}
