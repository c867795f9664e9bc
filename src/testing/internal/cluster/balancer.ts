/** Several proxies behind one address: the network's own in memory, a TCP load balancer on sockets. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Address } from "../../../remoting/Address.ts"
import type { Network } from "../../../remoting/MemoryTransport.ts"
import * as LoadBalancer from "../../LoadBalancer.ts"
import type { Node } from "./Node.ts"

/** How a new connection finds its proxy. */
export type Policy = "roundRobin" | "random"

/** One address for several proxies. A proxy that cannot be reached is passed over. */
export interface Balancer {
  readonly address: Address
  /** Names of the proxies that new connections go to. */
  readonly targets: () => ReadonlyArray<string>
  /** New connections go to this proxy too. */
  readonly add: (proxy: Node) => Effect.Effect<void>
  /** New connections no longer go to this proxy; those that exist go on. */
  readonly remove: (proxy: Node) => Effect.Effect<void>
  /** A proxy serves again, perhaps at another address. */
  readonly moved: (proxy: Node, before: Address) => Effect.Effect<void>
  /** Open connections to a proxy. */
  readonly connections: (proxy: Node) => Effect.Effect<number>
}

/** On a network in memory. */
export const inMemory = (
  network: Network,
  address: Address,
  policy: Policy,
  proxies: ReadonlyArray<Node>,
  random: { nextDoubleUnsafe(): number }
): Balancer => {
  const listed = new Set(proxies)
  let next = 0
  const pick = (): Address | undefined => {
    const reachable = [...listed].filter(({ state }) => state !== "stopped")
    const index = policy === "random" ? Math.floor(random.nextDoubleUnsafe() * reachable.length) : next++
    return reachable[index % reachable.length]?.address
  }
  network.balance(address, [], pick)
  return {
    address,
    targets: () => [...listed].map(({ name }) => name),
    add: (proxy) => Effect.sync(() => void listed.add(proxy)),
    remove: (proxy) => Effect.sync(() => void listed.delete(proxy)),
    moved: () => Effect.void,
    connections: (proxy) => Effect.sync(() => network.connections(proxy.address))
  }
}

/** On sockets, on that port, or on any other when somebody has taken it. */
export const onTcp = (
  host: string,
  port: number,
  policy: Policy,
  proxies: ReadonlyArray<Node>
): Effect.Effect<Balancer, LoadBalancer.LoadBalancerError, Scope.Scope> => {
  const on = (wanted: number) =>
    LoadBalancer.make({ host, port: wanted, policy, targets: proxies.map(({ address }) => address) })
  return Effect.map(
    Effect.catch(on(port), (error) => port === 0 ? Effect.fail(error) : on(0)),
    (balancer): Balancer => {
      const listed = new Set(proxies)
      // Addresses of servers that listen are addresses.
      const add = (proxy: Node) => Effect.orDie(balancer.addTarget(proxy.address))
      return {
        address: balancer.address,
        targets: () => [...listed].map(({ name }) => name),
        add: (proxy) =>
          Effect.suspend(() => {
            listed.add(proxy)
            return add(proxy)
          }),
        remove: (proxy) =>
          Effect.suspend(() => {
            listed.delete(proxy)
            return Effect.asVoid(balancer.removeTarget(proxy.address))
          }),
        moved: (proxy, before) =>
          listed.has(proxy) && before !== proxy.address
            ? Effect.andThen(balancer.removeTarget(before), add(proxy))
            : Effect.void,
        connections: (proxy) => Effect.map(balancer.connections, ({ byTarget }) => byTarget.get(proxy.address) ?? 0)
      }
    }
  )
}
