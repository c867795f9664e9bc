import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/testing/TestClock"
import * as Reconnection from "../../src/remoting/Reconnection.ts"
import * as RemotingClient from "../../src/remoting/RemotingClient.ts"
import * as ResponseFutures from "../../src/remoting/ResponseFutures.ts"
import * as Transport from "../../src/remoting/Transport.ts"
import * as EmbeddedRocketMQ from "../../src/testing/EmbeddedRocketMQ.ts"
import * as Backend from "./Backend.ts"
import * as Case from "./Case.ts"
import { contract } from "./cases/index.ts"
import * as NotOffered from "./notOffered.ts"

const offersBroker: ReadonlySet<Backend.Capability> = new Set<Backend.Capability>([
  "auto-create",
  "routes at once",
  "brokers",
  "timer messages",
  "recall",
  "request and reply",
  "ids in batches",
  "ends of transactions",
  "codes of 5.x",
  "virtual time"
])

const offersProxy: ReadonlySet<Backend.Capability> = new Set<Backend.Capability>([
  "proxy",
  "timer messages",
  "recall",
  "ids in batches",
  "codes of 5.x",
  "virtual time"
])

/** What takes a minute by default, so that cases need not wait for longer here than with real brokers. */
const impatient = { transactionTimeOut: 1_000, transactionCheckInterval: 1_000 }

/** Connections in the network of the embedded RocketMQ. */
const connections = (options?: RemotingClient.RemotingClientOptions) =>
  Layer.fresh(RemotingClient.layerNoDeps({ metrics: false, ...options })).pipe(
    Layer.provide([Layer.fresh(ResponseFutures.layer), Reconnection.layer])
  )

/** An embedded RocketMQ of its own for whoever builds it. */
const embedded = (
  name: string,
  offers: ReadonlySet<Backend.Capability>,
  options: EmbeddedRocketMQ.Options
): Layer.Layer<Backend.Backend> =>
  Layer.effect(
    Backend.Backend,
    Effect.gen(function*() {
      const rocketmq = yield* EmbeddedRocketMQ.EmbeddedRocketMQ
      const transport = yield* Transport.Transport
      return yield* Backend.make({
        name,
        offers,
        nameServers: rocketmq.addresses(),
        nameServer: rocketmq.nameServers[0].address,
        brokers: new Map(rocketmq.brokers.map(({ address, brokerName }) => [brokerName, address])),
        connections: (remoting) => Layer.provide(connections(remoting), Layer.succeed(Transport.Transport, transport)),
        pass: TestClock.adjust
      })
    })
  ).pipe(
    Layer.provide(connections()),
    Layer.provide(Layer.fresh(EmbeddedRocketMQ.layerMemory({ brokerSettings: impatient, ...options })))
  )

const define = (
  name: string,
  offers: ReadonlySet<Backend.Capability>,
  options: EmbeddedRocketMQ.Options,
  reasons: Partial<Record<Backend.Capability, string>>,
  notOffered: Readonly<Record<string, Backend.Capability>>
) =>
  describe(`with ${name}`, () => {
    const left = Case.define(contract, {
      offers,
      describe,
      test: (title, run) => it.effect(title, () => Effect.provide(run, embedded(name, offers, options)))
    })
    it("names the cases that it does not offer, and why", () => {
      assert.deepStrictEqual(left, notOffered)
      assert.includeMembers(Object.keys(reasons), Object.values(left))
    })
  })

describe("the contract, with the embedded RocketMQ in memory", () => {
  define("a broker", offersBroker, {}, NotOffered.reasonsOfBrokers, NotOffered.byBrokers)

  define(
    "a proxy in front of a broker",
    offersProxy,
    // Brokers ask about transactions whom they have heard of.
    {
      proxies: 1,
      proxySettings: { transactionHeartbeatPeriodSecond: 1 },
      brokerSettings: { ...impatient, transactionCheckMax: 60 }
    },
    NotOffered.reasonsOfProxies,
    NotOffered.byProxies
  )
})
