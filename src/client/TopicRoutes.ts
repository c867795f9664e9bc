/**
 * Where topics are: their queues, and the brokers that have them, as the name
 * servers say.
 */
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import type { TopicRouteData } from "../protocol/body/TopicRouteData.ts"
import type { Address } from "../remoting/Address.ts"
import type { ClientError } from "./ClientError.ts"

/** One queue of a topic. */
export interface MessageQueue {
  readonly topic: string
  /** For a static topic a name that stands for all brokers, see {@link TopicRoute.brokerNameOf}. */
  readonly brokerName: string
  readonly queueId: number
}

/** A broker: a master and its slaves. */
export interface BrokerRoute {
  readonly brokerName: string
  readonly cluster: string
  /** By broker id; 0 is the master. */
  readonly addresses: ReadonlyMap<number, Address>
  /** The address of the master; `undefined` while there is none. */
  readonly master: Address | undefined
}

/** The route of a topic at one moment: a new object when it changes, the same one while it does not. */
export interface TopicRoute {
  readonly topic: string
  /** What the name server answered. */
  readonly data: TopicRouteData
  /** Queues to send to: of brokers that may be written to and whose master is there. By broker name and queue id. */
  readonly writeQueues: ReadonlyArray<MessageQueue>
  /** Queues to receive from. By broker name and queue id. */
  readonly readQueues: ReadonlyArray<MessageQueue>
  /** The brokers that have queues of the topic, by name. */
  readonly brokers: ReadonlyMap<string, BrokerRoute>
  /**
   * The broker that has a queue now. The queue's own, except for a static
   * topic, whose queues move between brokers; `undefined`: none has it.
   */
  readonly brokerNameOf: (queue: MessageQueue) => string | undefined
  /** The topic does not exist yet: this is where the brokers would create it (the route of `TBW102`). */
  readonly autoCreated: boolean
  /** The name servers give the queues of this topic in a fixed order (`orderTopicConf`). */
  readonly ordered: boolean
}

/** A broker as an address is known by: several, where a proxy or a load balancer stands for them. */
export interface BrokerAt {
  readonly brokerName: string
  readonly brokerId: number
}

/** How {@link Service.get} is to look for a route. */
export interface GetOptions {
  /** Where the topic does not exist, take the route along which brokers create it. Default: `false`. */
  readonly create?: boolean | undefined
  /** Default: 3 seconds. */
  readonly timeout?: Duration.Input | undefined
}

/** See {@link TopicRoutes}. */
export interface Service {
  /** The route that is known, whether or not the topic exists yet. Synchronous, for the hot path. */
  readonly getUnsafe: (topic: string) => TopicRoute | undefined
  /**
   * The route that is known, or the one that the name servers give now; all who
   * ask for one topic at a time share one request. Fails with `TopicNotFound`,
   * `RouteInvalid`, `NoNameServers`, `NameServersFailed`, `AccessDenied` or
   * `DeadlineExceeded`.
   */
  readonly get: (topic: string, options?: GetOptions) => Effect.Effect<TopicRoute, ClientError>
  /** Asks the name servers now. When that fails, the known route stays. */
  readonly refresh: (topic: string, options?: GetOptions) => Effect.Effect<TopicRoute, ClientError>
  /**
   * Has the name servers asked soon, in a fiber of its own: at once, unless the
   * topic was asked for within the last second. For whoever finds out on the hot
   * path that a route is wrong.
   */
  readonly refreshSoon: (topic: string) => void
  /** The brokers of all routes, by address, at this moment. */
  readonly brokerAddresses: () => ReadonlyMap<Address, ReadonlyArray<BrokerAt>>
  /** A broker of any route, by name. */
  readonly broker: (brokerName: string) => BrokerRoute | undefined
  /** The address of a broker's master. */
  readonly masterOf: (brokerName: string) => Address | undefined
  /** Each route that is new or has changed, from now on. */
  readonly changes: Stream.Stream<TopicRoute>
  /**
   * Runs with addresses that have become brokers' addresses, before the route
   * that names them is handed out, until the scope closes. It is waited for;
   * what it fails with is logged.
   */
  readonly onNewAddresses: <R>(
    prepare: (addresses: ReadonlyArray<Address>) => Effect.Effect<unknown, unknown, R>
  ) => Effect.Effect<void, never, R | Scope.Scope>
}

/** The routes. */
export class TopicRoutes extends Context.Service<TopicRoutes, Service>()("effect-rocketmq/client/TopicRoutes") {}
