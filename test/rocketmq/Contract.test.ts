import { describe, it as plainIt, layer, type Vitest } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { Backend, Capability } from "../contract/Backend.ts"
import * as Case from "../contract/Case.ts"
import { contract } from "../contract/cases/index.ts"
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
) =>
  Case.define(contract, {
    offers,
    reasons,
    notOffered,
    describe,
    test: (name, run) => it.effect(name, () => run),
    plain: (name, run) => plainIt(name, run)
  })

const needsVirtualTime = {
  "a route: is refreshed every 30 seconds": "virtual time",
  "clients: are still known when they have sent nothing for ten minutes": "virtual time"
} as const

const needsProxy = {
  "requests: fail with NotSupported where a proxy stands between": "proxy",
  "refusals, before anything is sent: of a topic that does not exist, where none is created": "proxy",
  "answers of brokers: REQUEST_CODE_NOT_SUPPORTED: a proxy does not know messages by their ids": "proxy"
} as const

const reasons = {
  "virtual time": "the clock of a real server is the machine's",
  proxy: "clients of this backend talk to brokers"
}

const offers550: ReadonlySet<Capability> = new Set<Capability>([
  "auto-create",
  "routes at once",
  "brokers",
  "timer messages",
  "recall",
  "request and reply",
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
  )("a broker", (it) => define(it, offers550, reasons, { ...needsVirtualTime, ...needsProxy }))

  const offersProxy: ReadonlySet<Capability> = new Set<Capability>([
    "proxy",
    "timer messages",
    "recall",
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
    )("in front of it", (it) =>
      define(it, offersProxy, {
        ...reasons,
        "auto-create": "a proxy lets no message create a topic",
        "routes at once": "a proxy asks the name server again after 20 seconds",
        brokers: "clients of this backend talk to a proxy",
        "request and reply": "a proxy does not know SEND_REPLY_MESSAGE"
      }, {}))
  })
})

const offers497: ReadonlySet<Capability> = new Set<Capability>([
  "auto-create",
  "routes at once",
  "brokers",
  "request and reply"
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
      define(it, offers497, {
        ...reasons,
        "timer messages": "4.9.7 delays by level alone",
        recall: "4.9.7 knows no RECALL_MESSAGE",
        "codes of 5.x": "4.9.7 answers SYSTEM_ERROR where 5.x has codes of their own"
      }, { ...needsVirtualTime, ...needsProxy }))
  }
)
