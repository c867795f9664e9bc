/**
 * The name servers: one is kept while it serves, and the next is taken when it
 * fails or goes away.
 */
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type { Address } from "../remoting/Address.ts"
import type { InvokeOptions } from "../remoting/RemotingClient.ts"
import type { ApiError, BrokerError, ClientError } from "./ClientError.ts"

/** How {@link Service.use} is to ask. */
export interface UseOptions {
  /** For all name servers together. Default: 3 seconds. */
  readonly timeout?: Duration.Input | undefined
  /** What is asked for, in words, for the error. */
  readonly detail?: string | undefined
  /** Whether another name server may know better than the one that answered so. Default: none does. */
  readonly elsewhere?: ((error: BrokerError) => boolean) | undefined
}

/** See {@link NameServers}. */
export interface Service {
  /** The addresses, at this moment. */
  readonly addresses: () => ReadonlyArray<Address>
  /**
   * Asks a name server, and the next one where it fails, goes away or is not
   * ready, until one answers or the time is up; each gets its share of the time.
   * `ask` must do no harm when it is executed twice. Fails with `NoNameServers`,
   * with `NameServersFailed`, or with what an answer other than success says.
   */
  readonly use: <A, R>(
    ask: (address: Address, options: InvokeOptions) => Effect.Effect<A, ApiError, R>,
    options?: UseOptions
  ) => Effect.Effect<A, ClientError, R>
}

/** The name servers. */
export class NameServers extends Context.Service<NameServers, Service>()("effect-rocketmq/client/NameServers") {}
