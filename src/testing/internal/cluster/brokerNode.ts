/** A broker of the cluster: serves its store, and tells the name servers of itself. */
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import type * as Scope from "effect/Scope"
import { zero } from "../../../protocol/body/DataVersion.ts"
import type { MessageQueue } from "../../../protocol/body/MessageQueue.ts"
import * as RegisterBroker from "../../../protocol/body/RegisterBroker.ts"
import { RegisterBrokerRequestHeader, UnRegisterBrokerRequestHeader } from "../../../protocol/header/NameServer.ts"
import { RequestCode } from "../../../protocol/RequestCode.ts"
import type { Address } from "../../../remoting/Address.ts"
import type { Handler } from "../../../remoting/RemotingHandler.ts"
import type { RemotingRequest } from "../../../remoting/RemotingRequest.ts"
import * as Broker from "../broker/Broker.ts"
import type { BrokerStore } from "../broker/BrokerStore.ts"
import type { BrokerSettings } from "../broker/Settings.ts"
import * as InnerClient from "./innerClient.ts"
import type { Duties, Serving, Surroundings } from "./Node.ts"
import { Node } from "./Node.ts"

/** RocketMQ 5.3.3 `BrokerConfig.registerNameServerPeriod`, and how long after its start a broker begins with it. */
const heartbeatMillis = 30_000
const firstHeartbeatMillis = 10_000

/** RocketMQ 5.3.3 `BrokerConfig.registerBrokerTimeoutMills`. */
const registrationMillis = 24_000

/** RocketMQ 5.3.3 `BrokerOuterAPI.unregisterBroker`. */
const unregistrationMillis = 3_000

/** What brokers of one name share: a slave serves the store of its master. */
export interface BrokerGroup {
  readonly name: string
  readonly cluster: string
  store: BrokerStore | undefined
  /** Prepares a store that is new, before anybody hears of the broker. */
  readonly provision: (broker: Broker.Broker) => void
}

export interface BrokerNodeOptions {
  readonly id: number
  readonly port: number
  readonly settings: Partial<BrokerSettings>
  readonly users: ReadonlyArray<Broker.BrokerUser> | undefined
  readonly listener: Broker.BrokerListener
  /** Where the name servers are now. */
  readonly nameServers: () => ReadonlyArray<Address>
  /** The queues of a topic that can be read, on all brokers; `undefined` when nobody has the topic. */
  readonly readQueues: (topic: string) => ReadonlyArray<MessageQueue> | undefined
}

/** A broker, and what it is made of while it lives. */
export class BrokerNode {
  readonly node: Node
  readonly id: number
  readonly group: BrokerGroup
  private readonly options: BrokerNodeOptions
  private readonly surroundings: Surroundings
  private living: Broker.Broker | undefined
  private settings: Partial<BrokerSettings>
  /** Tells the name servers, and waits for them. */
  private register: Effect.Effect<void> = Effect.void

  constructor(group: BrokerGroup, options: BrokerNodeOptions, surroundings: Surroundings) {
    this.group = group
    this.id = options.id
    this.options = options
    this.surroundings = surroundings
    this.settings = options.settings
    const name = options.id === 0 ? group.name : `${group.name}#${options.id}`
    this.node = new Node(name, options.port, surroundings, (serving) => this.live(serving))
  }

  /** The broker while it serves or drains. */
  get broker(): Broker.Broker | undefined {
    return this.node.state === "stopped" ? undefined : this.living
  }

  /** Forgets the store: the next start begins with an empty one. */
  readonly loseStore: Effect.Effect<void> = Effect.sync(() => {
    this.group.store = undefined
  })

  /** Tells the name servers of the topics as they are now. */
  readonly announce: Effect.Effect<void> = Effect.suspend(() =>
    this.node.state === "serving" ? this.register : Effect.void
  )

  private live(serving: Serving): Effect.Effect<Duties, never, Scope.Scope> {
    return Effect.gen({ self: this }, function*() {
      const { group, options } = this
      const client = yield* InnerClient.make(this.surroundings.transport)
      const changed = Latch.makeUnsafe(false)
      let changes = 0
      let announced = 0
      let leaving = false

      const ask = (request: RemotingRequest, timeoutMillis: number): Effect.Effect<void> =>
        Effect.forEach(
          options.nameServers(),
          (address) =>
            // A name server that is away hears of it when it is back.
            Effect.ignore(InnerClient.ask(client, address, request, timeoutMillis)),
          { concurrency: "unbounded", discard: true }
        )

      const register = Effect.suspend(() => {
        if (leaving) return Effect.void
        announced = changes
        return ask(registrationOf(broker.registration()), registrationMillis)
      })

      /** A topic that a request has made is known to the name servers before the request is answered. */
      const announcing = <R>(handler: Handler<R>): Handler<R> => (request, peer) =>
        Effect.flatMap(
          handler(request, peer),
          (reply) => announced === changes ? Effect.succeed(reply) : Effect.as(register, reply)
        )

      const broker = yield* Broker.make({
        server: {
          address: serving.address,
          events: serving.events,
          peers: serving.peers,
          handle: (code, handler) => serving.handle(code, announcing(handler))
        },
        store: group.store,
        name: group.name,
        cluster: group.cluster,
        id: this.id,
        settings: this.settings,
        users: options.users,
        readQueues: options.readQueues,
        listener: {
          ...options.listener,
          topicsChanged: () => {
            changes++
            changed.openUnsafe()
            options.listener.topicsChanged?.()
          }
        }
      })
      if (group.store === undefined) group.provision(broker)
      group.store = broker.store
      this.settings = broker.settings
      this.living = broker
      this.register = register

      const heartbeats = Effect.sleep(firstHeartbeatMillis).pipe(
        Effect.andThen(Effect.forever(Effect.andThen(register, Effect.sleep(heartbeatMillis))))
      )
      // What changes by time alone, no request tells of.
      const changesByTime = Effect.forever(Effect.gen(function*() {
        yield* changed.await
        changed.closeUnsafe()
        if (announced !== changes) yield* register
      }))
      return {
        begin: Effect.gen(function*() {
          yield* register
          yield* Effect.forkScoped(heartbeats)
          yield* Effect.forkScoped(changesByTime)
        }),
        leave: Effect.suspend(() => {
          leaving = true
          return ask(unregistrationOf(broker), unregistrationMillis)
        })
      }
    })
  }
}

const registrationOf = (registration: Broker.Registration): RemotingRequest => {
  const { brokerAddr, brokerId, brokerName, clusterName, dataVersion, haServerAddr, topicConfigTable } = registration
  const body = RegisterBroker.RegisterBrokerBody.encode({
    filterServerList: [],
    topicConfigSerializeWrapper: {
      dataVersion,
      mappingDataVersion: zero,
      topicConfigTable: Object.fromEntries(topicConfigTable.map((topic) => [topic.topicName, topic])),
      topicQueueMappingDetailMap: {},
      topicQueueMappingInfoMap: {}
    }
  })
  return {
    code: RequestCode.REGISTER_BROKER,
    extFields: RegisterBrokerRequestHeader.encode({
      brokerName,
      brokerAddr,
      clusterName,
      haServerAddr,
      brokerId,
      enableActingMaster: false,
      compressed: false,
      bodyCrc32: RegisterBroker.bodyCrc32(body)
    }),
    body
  }
}

const unregistrationOf = (broker: Broker.Broker): RemotingRequest => ({
  code: RequestCode.UNREGISTER_BROKER,
  extFields: UnRegisterBrokerRequestHeader.encode({
    brokerName: broker.name,
    brokerAddr: broker.address,
    clusterName: broker.cluster,
    brokerId: broker.id
  })
})
