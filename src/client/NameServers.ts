/**
 * The name servers: one is kept while it serves, and the next is taken when it
 * fails or goes away.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"
import { ResponseCode } from "../protocol/ResponseCode.ts"
import type { Address } from "../remoting/Address.ts"
import { describe } from "../remoting/Describe.ts"
import { makeFork } from "../remoting/Fibers.ts"
import type { InvokeOptions } from "../remoting/RemotingClient.ts"
import type { ApiError, BrokerError, ClientError, NameServerAttempt } from "./ClientError.ts"
import { clientError, fromApiError, NameServersFailed, NoNameServers, worstOutcome } from "./ClientError.ts"
import { SingleFlight } from "./internal/singleFlight.ts"

/** How {@link Service.use} is to ask. */
export interface UseOptions {
  /** For all name servers together. Default: the one of {@link NameServersOptions}, 3 seconds. */
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

/** What an HTTP server answers. */
export interface FetchedText {
  readonly status: number
  readonly body: string
}

/** Gets a text from a URL, and gives up when it is interrupted. */
export type FetchText = (url: string) => Effect.Effect<FetchedText, unknown>

/** An HTTP server that knows the addresses of the name servers (RocketMQ 5.3.3 `DefaultTopAddressing`). */
export interface AddressServer {
  /** Host, with its port unless it is 8080. */
  readonly domain: string
  /** Default: `nsaddr`. */
  readonly subgroup?: string | undefined
  readonly unitName?: string | undefined
}

/** Options of the name servers. */
export interface NameServersOptions {
  /**
   * `host:port`, several as an array or separated by `;`. `http://` before a
   * host is ignored, as RocketMQ does with endpoints of instances.
   */
  readonly nameServers?: string | ReadonlyArray<string> | undefined
  /**
   * Where to ask for the addresses, at the start and every two minutes; counts
   * when there are no `nameServers`. A URL, or the parts that RocketMQ makes it
   * from: `http://<domain>:8080/rocketmq/<subgroup>`. A user and password in it
   * go along as Basic authentication, and are in no error and no log. Default: none.
   */
  readonly addressServer?: string | AddressServer | undefined
  /** How to ask the address server; it gets the URL as it was given. Default: the platform's `fetch`. */
  readonly fetch?: FetchText | undefined
  /** How often the address server is asked. Default: 2 minutes. */
  readonly addressServerInterval?: Duration.Input | undefined
  /** Timeout of what names none, over all name servers that it takes. Default: 3 seconds. */
  readonly timeout?: Duration.Input | undefined
  /** For how long one that failed is left alone while there are others. Default: 30 seconds. */
  readonly avoidFor?: Duration.Input | undefined
}

/** An endpoint of an instance: the first part of its host is a namespace (RocketMQ 5.3.3 `NameServerAddressUtils`). */
const instanceEndpoint = /^(?:\w+:\/\/)?(MQ_INST_\w+_\w+)\./

const split = (list: string | ReadonlyArray<string>): ReadonlyArray<string> =>
  (typeof list === "string" ? list.split(/[;,]/) : list.flatMap((one) => one.split(/[;,]/)))
    .map((one) => one.trim())
    .filter((one) => one !== "")

/** The addresses of a list, each once. They are not checked: a request to one that is none fails with `InvalidAddress`. */
export const parseAddresses = (list: string | ReadonlyArray<string>): ReadonlyArray<Address> => [
  ...new Set(split(list).map((one) => one.replace(/^\w+:\/\//, "").replace(/\/.*$/, "").replace(/^.*@/, "")))
]

/** The namespace that the list's endpoint of an instance (`http://MQ_INST_….host:port`) stands for, if it is one. */
export const instanceOf = (list: string | ReadonlyArray<string>): string | undefined => {
  for (const one of split(list)) {
    const instance = instanceEndpoint.exec(one)?.[1]
    if (instance !== undefined) return instance
  }
  return undefined
}

const urlOf = (server: string | AddressServer): string => {
  if (typeof server === "string") return server
  const host = /:[^@]*$/.test(server.domain) ? server.domain : `${server.domain}:8080`
  const unit = server.unitName === undefined || server.unitName === "" ? "" : `-${server.unitName}?nofix=1`
  return `http://${host}/rocketmq/${server.subgroup ?? "nsaddr"}${unit}`
}

/** A URL without user and password, for others to see. In one that is none, all up to the last @ may be both. */
const shown = (url: string): string =>
  URL.canParse(url) ? url.replace(/^(\w[\w+.-]*:\/\/)[^/?#\\]*@/, "$1") : url.replace(/^(\w[\w+.-]*:\/\/)?.*@/s, "$1")

/** `fetch` takes no URL with user and password. */
const authorization = (url: string): Record<string, string> => {
  if (!URL.canParse(url)) return {}
  const { password, username } = new URL(url)
  if (username === "" && password === "") return {}
  const both = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`
  return { authorization: `Basic ${Buffer.from(both).toString("base64")}` }
}

/** The platform's own client: this layer opens no sockets. */
const platformFetch: FetchText = (url) =>
  Effect.tryPromise({
    try: async (signal): Promise<FetchedText> => {
      const response = await fetch(shown(url), { signal, headers: authorization(url) })
      return { status: response.status, body: await response.text() }
    },
    catch: (cause) => cause
  })

/** Answers of a name server that is not ready: RocketMQ 5.3.3 `ClientRequestProcessor`, and an overloaded executor. */
const notReady: ReadonlySet<number> = new Set([
  ResponseCode.SYSTEM_ERROR,
  ResponseCode.SYSTEM_BUSY,
  ResponseCode.SERVICE_NOT_AVAILABLE
])

/** What no other name server would make better. */
const hopeless: ReadonlySet<string> = new Set([
  "ShuttingDown",
  "FrameTooLarge",
  "InvalidRequest",
  "HookFailed",
  "TooManyRequests"
])

/** Name servers in the current scope. */
export const make = Effect.fnUntraced(function*(
  options: NameServersOptions = {}
): Effect.fn.Return<Service, never, Scope.Scope> {
  const clock = yield* Clock.Clock
  const random = yield* Random.Random
  const fork = yield* makeFork
  const defaultTimeout = Duration.toMillis(options.timeout ?? "3 seconds")
  const avoidMillis = Duration.toMillis(options.avoidFor ?? "30 seconds")
  const fetchText = options.fetch ?? platformFetch
  const url = options.addressServer === undefined ? undefined : urlOf(options.addressServer)
  const addressServer = url === undefined ? undefined : shown(url)
  /** What stands before the host, and is for the address server alone. */
  const secret = url === undefined || url === addressServer
    ? undefined
    : url.slice(0, url.lastIndexOf("@") + 1).replace(/^\w[\w+.-]*:\/\//, "")
  /** Monotonic milliseconds. */
  const now = () => Number(clock.monotonicTimeNanosUnsafe()) / 1_000_000

  let addresses: ReadonlyArray<Address> = []
  /** Index of the one that is kept. */
  let current = 0
  /** Until when those that failed are left alone. */
  const avoid = new Map<Address, number>()

  const adopt = (list: ReadonlyArray<Address>): void => {
    const kept = addresses[current]
    if (list.length === addresses.length && list.every((one) => addresses.includes(one))) return
    addresses = list
    const index = kept === undefined ? -1 : list.indexOf(kept)
    // Clients that are given the same list do not all go to its first.
    current = index >= 0 ? index : Math.floor(random.nextDoubleUnsafe() * list.length)
    for (const one of avoid.keys()) if (!list.includes(one)) avoid.delete(one)
  }

  const given = parseAddresses(options.nameServers ?? [])
  adopt(given)

  // --- the address server ---------------------------------------------------

  const lookUps = new SingleFlight<string, void>(fork)

  const lookUp = (from: string): Effect.Effect<void, ClientError> =>
    fetchText(from).pipe(
      Effect.timeoutOrElse({
        duration: Duration.millis(defaultTimeout),
        orElse: () => Effect.fail(new Error(`no answer in ${defaultTimeout} ms`))
      }),
      Effect.flatMap(({ body, status }) => {
        if (status !== 200) return Effect.fail(new Error(`it answered ${status}`))
        const list = parseAddresses(body.trim().split(/[\r\n]/, 1)[0]!)
        return list.length === 0 ? Effect.fail(new Error("its answer is empty")) : Effect.sync(() => adopt(list))
      }),
      Effect.catchCause((cause) => {
        const error = Cause.squash(cause)
        const why = describe(error)
        const detail = `${addressServer} did not name any: ${secret === undefined ? why : why.replaceAll(secret, "")}`
        // Nobody knows what else of the URL is in an error of the app's own `fetch`.
        const origin = secret === undefined || options.fetch === undefined ? { cause: error } : {}
        return Effect.fail(clientError(new NoNameServers({ detail, addressServer, ...origin })))
      })
    )

  if (url !== undefined && given.length === 0) {
    const interval = options.addressServerInterval ?? "2 minutes"
    const poll = Effect.ignore(
      Effect.tapError(lookUps.run(url, lookUp(url)), (error) => Effect.logWarning(error.message))
    )
    fork(Effect.forever(Effect.andThen(poll, Effect.sleep(interval))))
  }

  const known = (timeoutMillis: number): Effect.Effect<void, ClientError> => {
    if (addresses.length > 0) return Effect.void
    if (url === undefined) {
      return Effect.fail(clientError(new NoNameServers({ detail: "neither addresses nor an address server are set" })))
    }
    return Effect.timeoutOrElse(lookUps.run(url, lookUp(url)), {
      duration: Duration.millis(timeoutMillis),
      orElse: () =>
        Effect.fail(
          clientError(
            new NoNameServers({
              detail: `${addressServer} did not answer within ${Math.round(timeoutMillis)} ms`,
              addressServer
            })
          )
        )
    })
  }

  // --- asking ----------------------------------------------------------------

  const isAvoided = (address: Address, at: number): boolean => (avoid.get(address) ?? -Infinity) > at

  /** The one that is kept, then the next ones, then those that failed lately, the one that failed first before the others. */
  const candidates = (at: number): { readonly order: ReadonlyArray<Address>; readonly healthy: number } => {
    const ring = [...addresses.slice(current), ...addresses.slice(0, current)]
    const healthy = ring.filter((one) => !isAvoided(one, at))
    const avoided = ring.filter((one) => isAvoided(one, at)).sort((left, right) => avoid.get(left)! - avoid.get(right)!)
    return { order: [...healthy, ...avoided], healthy: healthy.length }
  }

  const keep = (address: Address): void => {
    const index = addresses.indexOf(address)
    if (index < 0) return
    current = index
    avoid.delete(address)
  }

  const failed = (address: Address): void => {
    if (addresses.includes(address)) avoid.set(address, now() + avoidMillis)
  }

  const use = Effect.fnUntraced(function*<A, R>(
    ask: (address: Address, invoke: InvokeOptions) => Effect.Effect<A, ApiError, R>,
    how: UseOptions = {}
  ): Effect.fn.Return<A, ClientError, R> {
    const deadline = now() + (how.timeout === undefined ? defaultTimeout : Duration.toMillis(how.timeout))
    yield* known(deadline - now())
    const { healthy, order } = candidates(now())
    const attempts: Array<NameServerAttempt> = []
    for (let index = 0; index < order.length; index++) {
      const address = order[index]!
      const left = deadline - now()
      if (left <= 0) break
      // Those that failed lately share one share among them, so that they cost the healthy ones little.
      const shares = index < healthy ? healthy - index + (order.length > healthy ? 1 : 0) : order.length - index
      const answer = yield* Effect.result(
        shares === 1
          ? ask(address, { timeout: Duration.millis(Math.ceil(left)) })
          : ask(address, { timeout: Duration.millis(Math.ceil(left / shares)), goAwayHops: 0, failFast: true })
      )
      if (answer._tag === "Success") {
        keep(address)
        return answer.success
      }
      const error = answer.failure
      if (error._tag === "BrokerError" && (error.denial !== undefined || !notReady.has(error.code))) {
        // It serves, whatever it says.
        if (how.elsewhere?.(error) !== true) {
          keep(address)
          return yield* Effect.fail(fromApiError(error))
        }
      } else if (error._tag === "RemotingError" && hopeless.has(error.reason._tag)) {
        return yield* Effect.fail(fromApiError(error))
      } else failed(address)
      attempts.push({ address, error })
    }
    return yield* Effect.fail(
      clientError(
        new NameServersFailed({
          detail: how.detail ?? "a request",
          attempts,
          outcome: worstOutcome(attempts.map(({ error }) => error))
        })
      )
    )
  })

  return { addresses: () => addresses, use }
})

/** Name servers as a Layer. */
export const layer = (options?: NameServersOptions): Layer.Layer<NameServers> =>
  Layer.effect(NameServers, make(options))
