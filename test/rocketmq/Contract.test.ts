import { assert, describe, it as plainIt, layer, type Vitest } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { Backend, Capability } from "../contract/Backend.ts"
import * as Case from "../contract/Case.ts"
import { contract } from "../contract/cases/index.ts"
import * as NotOffered from "../contract/notOffered.ts"
import * as Cluster from "./harness/Cluster.ts"
import * as RealBackend from "./harness/RealBackend.ts"
import { brokerName } from "./harness/Requests.ts"

/**
 * What would take minutes by default. What became of half messages is noted 3 seconds later by default, which would be
 * after the first check.
 */
const impatient = {
  transactionTimeOut: 1_000,
  transactionCheckInterval: 1_000,
  transactionOpBatchInterval: 50,
  // A check counts when there is nobody to ask, too.
  transactionCheckMax: 60
}

const define = (
  it: Vitest.MethodsNonLive<Backend>,
  offers: ReadonlySet<Capability>,
  reasons: Partial<Record<Capability, string>>,
  notOffered: Readonly<Record<string, Capability>>
) => {
  const left = Case.define(contract, { offers, describe, test: (name, run) => it.effect(name, () => run) })
  plainIt("names the cases that it does not offer, and why", () => {
    assert.deepStrictEqual(left, notOffered)
    assert.includeMembers(Object.keys(reasons), Object.values(left))
  })
}

const offers550: ReadonlySet<Capability> = new Set<Capability>([
  "auto-create",
  "routes at once",
  "brokers",
  "timer messages",
  "recall",
  "request and reply",
  "ids in batches",
  "ends of transactions",
  "codes of 5.x"
])

layer(Cluster.layer("5.5.0", { ...impatient, recallMessageEnable: true }), {
  timeout: "3 minutes",
  excludeTestServices: true
})("the contract, with RocketMQ 5.5.0", (it) => {
  it.layer(
    RealBackend.layer(
      Effect.map(Cluster.Cluster, ({ broker, nameServer }) => ({
        name: "broker 5.5.0",
        offers: offers550,
        nameServer,
        brokers: { [brokerName]: broker }
      }))
    ),
    { timeout: "1 minute" }
  )(
    "a broker",
    (it) => define(it, offers550, NotOffered.reasonsOfBrokers, { ...NotOffered.inRealTime, ...NotOffered.byBrokers })
  )

  const offersProxy: ReadonlySet<Capability> = new Set<Capability>([
    "proxy",
    "timer messages",
    "recall",
    "ids in batches",
    "codes of 5.x"
  ])

  it.layer(Cluster.proxyLayer, { timeout: "3 minutes" })("a proxy", (it) => {
    it.layer(
      RealBackend.layer(
        Effect.gen(function*() {
          const { broker, nameServer } = yield* Cluster.Cluster
          const proxy = yield* Cluster.ProxyServer
          return {
            name: "proxy 5.5.0",
            offers: offersProxy,
            nameServer,
            brokers: { [brokerName]: broker },
            proxy
          }
        })
      ),
      { timeout: "1 minute" }
    )(
      "in front of it",
      (it) =>
        define(it, offersProxy, NotOffered.reasonsOfProxies, { ...NotOffered.inRealTime, ...NotOffered.byProxies })
    )
  })
})

const offers497: ReadonlySet<Capability> = new Set<Capability>([
  "auto-create",
  "routes at once",
  "brokers",
  "request and reply",
  "ends of transactions"
])

layer(Cluster.layer("4.9.7", impatient), { timeout: "3 minutes", excludeTestServices: true })(
  "the contract, with RocketMQ 4.9.7",
  (it) => {
    it.layer(
      RealBackend.layer(
        Effect.map(Cluster.Cluster, ({ broker, nameServer }) => ({
          name: "broker 4.9.7",
          offers: offers497,
          nameServer,
          brokers: { [brokerName]: broker }
        }))
      ),
      { timeout: "1 minute" }
    )("a broker", (it) =>
      define(it, offers497, NotOffered.reasonsOf497, {
        ...NotOffered.inRealTime,
        ...NotOffered.byBrokers,
        ...NotOffered.by497
      }))
  }
)
