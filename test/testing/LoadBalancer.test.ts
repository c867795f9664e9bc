import { assert, describe, it } from "@effect/vitest"
import * as LoadBalancer from "effect-rocketmq/testing/LoadBalancer"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Random from "effect/Random"
import * as Scope from "effect/Scope"
import * as Net from "node:net"

/** One socket with everything it has seen, and a way to wait for it to see more. */
class Peer {
  readonly socket: Net.Socket
  private readonly chunks: Array<Buffer> = []
  ended = false
  closed = false
  errorCode: string | undefined
  private readonly watchers = new Set<() => void>()

  constructor(socket: Net.Socket) {
    this.socket = socket
    socket.on("data", (chunk) => {
      this.chunks.push(chunk)
      this.notify()
    })
    socket.on("connect", () => this.notify())
    socket.on("end", () => {
      this.ended = true
      this.notify()
    })
    socket.on("error", (error: NodeJS.ErrnoException) => {
      this.errorCode = error.code
    })
    socket.on("close", () => {
      this.closed = true
      this.notify()
    })
  }

  get received(): Buffer {
    return Buffer.concat(this.chunks)
  }

  get text(): string {
    return this.received.toString("latin1")
  }

  until(condition: (peer: Peer) => boolean): Effect.Effect<void> {
    return Effect.callback((resume) => {
      const check = () => {
        if (!condition(this)) return
        this.watchers.delete(check)
        resume(Effect.void)
      }
      this.watchers.add(check)
      check()
    })
  }

  get reset(): Effect.Effect<void> {
    return Effect.map(this.until((seen) => seen.closed), () => assert.strictEqual(this.errorCode, "ECONNRESET"))
  }

  /** Sends a line and waits for its echo: whatever was sent before on any socket has been looked at by then. */
  roundTrip(line: string): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.socket.write(`${line}\n`)
      return this.until((seen) => seen.text.endsWith(`${line}\n`))
    })
  }

  private notify(): void {
    for (const watcher of Array.from(this.watchers)) watcher()
  }
}

interface Server {
  readonly address: string
  readonly peers: Array<Peer>
}

/** A server that greets with its name and, unless told otherwise, echoes. */
const serve = (name: string, echo = true): Effect.Effect<Server, never, Scope.Scope> =>
  Effect.suspend(() => {
    const peers: Array<Peer> = []
    const server = Net.createServer({ allowHalfOpen: true }, (socket) => {
      peers.push(new Peer(socket))
      socket.write(`${name}\n`)
      if (!echo) return
      socket.on("data", (chunk) => socket.write(chunk))
      socket.on("end", () => socket.end("bye\n"))
    })
    const listen = Effect.callback<void>((resume) => {
      server.listen(0, "127.0.0.1", () => resume(Effect.void))
    })
    const close = Effect.callback<void>((resume) => {
      server.close(() => resume(Effect.void))
      for (const peer of peers) peer.socket.destroy()
    })
    return Effect.map(
      Effect.acquireRelease(listen, () => close),
      (): Server => ({ address: `127.0.0.1:${(server.address() as Net.AddressInfo).port}`, peers })
    )
  })

const portOf = (address: string) => Number(address.slice(address.lastIndexOf(":") + 1))

const connect = (address: string, localAddress = "127.0.0.1"): Effect.Effect<Peer, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() =>
      new Peer(Net.connect({ host: "127.0.0.1", port: portOf(address), localAddress, allowHalfOpen: true }))
    ),
    (peer) => Effect.sync(() => peer.socket.destroy())
  )

const greeted = (address: string, localAddress?: string) =>
  Effect.tap(connect(address, localAddress), (peer) => peer.until((seen) => seen.text.includes("\n")))

const nameOf = (peer: Peer) => peer.text.slice(0, peer.text.indexOf("\n"))

const namesOf = (peers: ReadonlyArray<Peer>) => peers.map(nameOf).join("")

const greetedTimes = (count: number, address: string) =>
  Effect.forEach(Array.from({ length: count }), () => greeted(address))

/** Time enough for anything else on this event loop that is not held back. */
const longWhile = (probe: Peer) => Effect.forEach(Array.from({ length: 300 }), (_, i) => probe.roundTrip(String(i)))

const megabytes = (count: number) => count * 1024 * 1024

/** An address where nothing listens. */
const unreachable = Effect.map(Effect.scoped(serve("gone")), (server) => server.address)

const untilOpen = (balancer: LoadBalancer.LoadBalancer, count: number): Effect.Effect<void> =>
  Effect.flatMap(
    balancer.connections,
    ({ open }) => open === count ? Effect.void : Effect.andThen(Effect.yieldNow, untilOpen(balancer, count))
  )

const activeResources = (kind: string) =>
  process.getActiveResourcesInfo().filter((name) => name.startsWith(kind)).length

/** Waits until the process holds no sockets but so many; the system reports a closed one a few ticks later. */
const untilOpenSockets = (count: number): Effect.Effect<void> =>
  Effect.suspend(() =>
    activeResources("TCP") === count ? Effect.void : Effect.andThen(Effect.yieldNow, untilOpenSockets(count))
  )

describe("LoadBalancer", () => {
  describe("policies", () => {
    it.live("roundRobin gives connections to the targets in turn", () =>
      Effect.gen(function*() {
        const [a, b, c] = yield* Effect.all([serve("a"), serve("b"), serve("c")])
        const balancer = yield* LoadBalancer.make({
          targets: [a.address, b.address, c.address],
          policy: "roundRobin"
        })
        assert.strictEqual(namesOf(yield* greetedTimes(7, balancer.address)), "abcabca")
      }))

    it.live("roundRobin neither skips nor repeats a target when one before it is removed", () =>
      Effect.gen(function*() {
        const [a, b, c] = yield* Effect.all([serve("a"), serve("b"), serve("c")])
        const balancer = yield* LoadBalancer.make({
          targets: [a.address, b.address, c.address],
          policy: "roundRobin"
        })
        yield* greetedTimes(2, balancer.address)
        yield* balancer.removeTarget(a.address)
        assert.strictEqual(namesOf(yield* greetedTimes(3, balancer.address)), "cbc")
      }))

    it.live("random follows Effect's Random: the same seed gives the same targets, all of them used", () =>
      Effect.gen(function*() {
        const [a, b, c] = yield* Effect.all([serve("a"), serve("b"), serve("c")])
        const run = Effect.scoped(Effect.gen(function*() {
          const balancer = yield* LoadBalancer.make({
            targets: [a.address, b.address, c.address],
            policy: "random"
          }).pipe(Random.withSeed("balancer"))
          return namesOf(yield* greetedTimes(24, balancer.address))
        }))
        const first = yield* run
        assert.strictEqual(yield* run, first)
        assert.deepStrictEqual(Array.from(new Set(first)).toSorted(), ["a", "b", "c"])
      }))

    it.live("leastConnections prefers the target with the fewest open connections", () =>
      Effect.gen(function*() {
        const [a, b] = yield* Effect.all([serve("a"), serve("b")])
        const balancer = yield* LoadBalancer.make({ targets: [a.address, b.address], policy: "leastConnections" })
        const peers = yield* greetedTimes(4, balancer.address)
        assert.strictEqual(namesOf(peers), "abab")
        for (const peer of [peers[1], peers[3]]) {
          peer.socket.end()
          yield* peer.until((seen) => seen.closed)
        }
        yield* untilOpen(balancer, 2)
        assert.strictEqual(namesOf(yield* greetedTimes(2, balancer.address)), "bb")
      }))

    it.live("sticky keeps a client address at its target while that is one", () =>
      Effect.gen(function*() {
        const [a, b] = yield* Effect.all([serve("a"), serve("b")])
        const balancer = yield* LoadBalancer.make({ targets: [a.address, b.address], policy: "sticky" })
        const from = (ip: string) => Effect.map(greeted(balancer.address, ip), nameOf)
        const names = yield* Effect.forEach(["127.0.0.1", "127.0.0.1", "127.0.0.2", "127.0.0.1", "127.0.0.2"], from)
        assert.strictEqual(names.join(""), "aabab")
        yield* balancer.removeTarget(a.address)
        assert.strictEqual(yield* from("127.0.0.1"), "b")
        yield* balancer.addTarget(a.address)
        assert.strictEqual(yield* from("127.0.0.1"), "b")
      }))

    it.live("sticky goes elsewhere only for as long as the target cannot be reached", () =>
      Effect.gen(function*() {
        const scope = yield* Scope.make()
        const a = yield* Scope.provide(serve("a"), scope)
        const b = yield* serve("b")
        const balancer = yield* LoadBalancer.make({ targets: [a.address, b.address], policy: "sticky" })
        assert.strictEqual(nameOf(yield* greeted(balancer.address)), "a")
        yield* Scope.close(scope, Exit.void)
        assert.strictEqual(nameOf(yield* greeted(balancer.address)), "b")
        const again = Net.createServer((socket) => socket.write("again\n"))
        yield* Effect.acquireRelease(
          Effect.callback<void>((resume) => {
            again.listen(portOf(a.address), "127.0.0.1", () => resume(Effect.void))
          }),
          () => Effect.sync(() => again.close())
        )
        assert.strictEqual(nameOf(yield* greeted(balancer.address)), "again")
        yield* balancer.closeAll()
      }))
  })

  describe("targets", () => {
    it.live("an unreachable target is passed over for the next", () =>
      Effect.gen(function*() {
        const dead = yield* unreachable
        const a = yield* serve("a")
        for (const policy of ["roundRobin", "random", "leastConnections", "sticky"] as const) {
          const balancer = yield* LoadBalancer.make({ targets: [dead, a.address], policy })
          assert.strictEqual(namesOf(yield* greetedTimes(3, balancer.address)), "aaa", policy)
          const { byTarget } = yield* balancer.connections
          assert.deepStrictEqual(Array.from(byTarget), [[dead, 0], [a.address, 3]], policy)
        }
      }))

    it.live("a connection is reset when no target is left", () =>
      Effect.gen(function*() {
        const balancer = yield* LoadBalancer.make({
          targets: [yield* unreachable, yield* unreachable],
          policy: "roundRobin"
        })
        yield* (yield* connect(balancer.address)).reset
        const empty = yield* LoadBalancer.make({ targets: [], policy: "random" })
        yield* (yield* connect(empty.address)).reset
        assert.deepInclude(yield* empty.connections, { accepted: 1, refused: 1, open: 0 })
      }))

    it.live("connections of a removed target go on, new ones go elsewhere", () =>
      Effect.gen(function*() {
        const [a, b] = yield* Effect.all([serve("a"), serve("b")])
        const balancer = yield* LoadBalancer.make({ targets: [a.address], policy: "roundRobin" })
        const old = yield* greeted(balancer.address)
        yield* balancer.addTarget(b.address)
        assert.isTrue(yield* balancer.removeTarget(a.address))
        assert.isFalse(yield* balancer.removeTarget(a.address))
        assert.deepStrictEqual(yield* balancer.targets, [b.address])
        assert.strictEqual(namesOf(yield* greetedTimes(2, balancer.address)), "bb")
        yield* old.roundTrip("still here")
        assert.deepStrictEqual(Array.from((yield* balancer.connections).byTarget), [[a.address, 1], [b.address, 2]])
        yield* balancer.closeAll(a.address)
        yield* old.until((seen) => seen.ended)
        assert.deepStrictEqual(Array.from((yield* balancer.connections).byTarget), [[b.address, 2]])
      }))

    it.live("a target added twice counts once", () =>
      Effect.gen(function*() {
        const a = yield* serve("a")
        const balancer = yield* LoadBalancer.make({ targets: [a.address, a.address], policy: "roundRobin" })
        yield* balancer.addTarget(a.address)
        assert.deepStrictEqual(yield* balancer.targets, [a.address])
      }))

    it.live("an address without host or port, or with a port out of range, is refused", () =>
      Effect.gen(function*() {
        for (const target of ["", "localhost", "localhost:", ":9876", "localhost:0", "localhost:65536", "::1:9876"]) {
          const error = yield* Effect.flip(LoadBalancer.make({ targets: [target], policy: "random" }))
          assert.deepInclude(error, { reason: "InvalidAddress", subject: target })
        }
        yield* LoadBalancer.make({ targets: ["[::1]:9876", "localhost:9876"], policy: "random" })
      }))

    it.live("an address that cannot be bound is ListenFailed", () =>
      Effect.gen(function*() {
        const a = yield* serve("a")
        for (const port of [portOf(a.address), 70_000]) {
          const error = yield* Effect.flip(LoadBalancer.make({ targets: [], policy: "random", port }))
          assert.deepInclude(error, { reason: "ListenFailed", subject: `127.0.0.1:${port}` })
        }
      }))
  })

  describe("streams", () => {
    it.live("a half-closed connection still carries the other direction", () =>
      Effect.gen(function*() {
        const a = yield* serve("a")
        const balancer = yield* LoadBalancer.make({ targets: [a.address], policy: "roundRobin" })
        const peer = yield* greeted(balancer.address)
        peer.socket.end("last\n")
        yield* peer.until((seen) => seen.ended)
        assert.strictEqual(peer.text, "a\nlast\nbye\n")
      }))

    it.live("a reset of one side resets the other", () =>
      Effect.gen(function*() {
        const a = yield* serve("a")
        const balancer = yield* LoadBalancer.make({ targets: [a.address], policy: "roundRobin" })
        const first = yield* greeted(balancer.address)
        a.peers[0].socket.resetAndDestroy()
        yield* first.reset
        const second = yield* greeted(balancer.address)
        second.socket.resetAndDestroy()
        yield* a.peers[1].reset
        assert.deepInclude(yield* balancer.connections, { accepted: 2, refused: 0, open: 0 })
      }))

    it.live("a side that does not read holds the other one back, and nothing is lost", () =>
      Effect.gen(function*() {
        const [a, b] = yield* Effect.all([serve("a", false), serve("b")])
        const balancer = yield* LoadBalancer.make({ targets: [a.address, b.address], policy: "roundRobin" })
        const [peer, probe] = yield* greetedTimes(2, balancer.address)
        const [upstream] = a.peers
        upstream.socket.pause()
        const bytes = Buffer.alloc(megabytes(32), 7)
        let flushed = false
        peer.socket.end(bytes, () => {
          flushed = true
        })
        yield* longWhile(probe)
        assert.isFalse(flushed)
        upstream.socket.resume()
        yield* upstream.until((seen) => seen.ended)
        assert.isTrue(upstream.received.equals(bytes))
      }))
  })

  describe("faults", () => {
    it.live("refuse resets new connections and leaves existing ones alone", () =>
      Effect.gen(function*() {
        const a = yield* serve("a")
        const balancer = yield* LoadBalancer.make({ targets: [a.address], policy: "roundRobin" })
        const old = yield* greeted(balancer.address)
        yield* balancer.refuse()
        yield* (yield* connect(balancer.address)).reset
        yield* old.roundTrip("served")
        assert.deepInclude(yield* balancer.connections, { accepted: 2, refused: 1, open: 1 })
        yield* balancer.clear()
        assert.strictEqual(nameOf(yield* greeted(balancer.address)), "a")
      }))

    it.live("refuse with a target resets what the policy gives to it", () =>
      Effect.gen(function*() {
        const [a, b] = yield* Effect.all([serve("a"), serve("b")])
        const balancer = yield* LoadBalancer.make({ targets: [a.address, b.address], policy: "roundRobin" })
        yield* balancer.refuse(a.address)
        yield* (yield* connect(balancer.address)).reset
        assert.strictEqual(nameOf(yield* greeted(balancer.address)), "b")
        yield* balancer.clear(a.address)
        assert.strictEqual(nameOf(yield* greeted(balancer.address)), "a")
      }))

    it.live("blackHole swallows the bytes of existing connections, both ways, and every end", () =>
      Effect.gen(function*() {
        const [a, b] = yield* Effect.all([serve("a"), serve("b")])
        const balancer = yield* LoadBalancer.make({ targets: [a.address, b.address], policy: "roundRobin" })
        const [mute, probe] = yield* greetedTimes(2, balancer.address)
        yield* balancer.blackHole(a.address)
        mute.socket.write("unheard")
        a.peers[0].socket.write("unheard")
        yield* probe.roundTrip("1")
        mute.socket.end()
        yield* probe.roundTrip("2")
        a.peers[0].socket.end()
        yield* probe.roundTrip("3")
        assert.strictEqual(mute.text, "a\n")
        assert.strictEqual(a.peers[0].text, "")
        assert.isFalse(mute.ended || mute.closed || a.peers[0].ended || a.peers[0].closed)
      }))

    it.live("blackHole accepts new connections that no target hears of", () =>
      Effect.gen(function*() {
        const a = yield* serve("a")
        const balancer = yield* LoadBalancer.make({ targets: [a.address], policy: "roundRobin" })
        const probe = yield* greeted(balancer.address)
        yield* balancer.blackHole(a.address)
        const mute = yield* connect(balancer.address)
        mute.socket.write("unheard")
        yield* mute.until((seen) => seen.socket.readyState === "open").pipe(Effect.andThen(Effect.yieldNow))
        assert.strictEqual(a.peers.length, 1)
        yield* balancer.clear()
        const next = yield* greeted(balancer.address)
        yield* next.roundTrip("heard")
        assert.strictEqual(mute.text, "")
        assert.isFalse(mute.ended)
        assert.strictEqual(a.peers.length, 2)
        assert.isFalse(probe.ended)
      }))

    it.live("blackHole swallows on where the other side had stopped reading", () =>
      Effect.gen(function*() {
        const [a, b] = yield* Effect.all([serve("a", false), serve("b")])
        const balancer = yield* LoadBalancer.make({ targets: [a.address, b.address], policy: "roundRobin" })
        const [peer, probe] = yield* greetedTimes(2, balancer.address)
        a.peers[0].socket.pause()
        const flushed = yield* Deferred.make<void>()
        peer.socket.write(Buffer.alloc(megabytes(32)), () => Deferred.doneUnsafe(flushed, Exit.void))
        yield* longWhile(probe)
        assert.isFalse(yield* Deferred.isDone(flushed))
        yield* balancer.blackHole(a.address)
        yield* Deferred.await(flushed)
      }))

    it.live("a black hole passes no reset on, and stays one after clear", () =>
      Effect.gen(function*() {
        const a = yield* serve("a")
        const balancer = yield* LoadBalancer.make({ targets: [a.address], policy: "roundRobin" })
        const mute = yield* greeted(balancer.address)
        yield* balancer.blackHole()
        yield* balancer.clear()
        const probe = yield* greeted(balancer.address)
        mute.socket.write("unheard")
        yield* probe.roundTrip("1")
        a.peers[0].socket.resetAndDestroy()
        yield* probe.roundTrip("2")
        assert.strictEqual(a.peers[0].text, "")
        assert.isFalse(mute.closed)
        assert.deepInclude(yield* balancer.connections, { open: 2 })
        yield* balancer.reset()
        yield* mute.reset
      }))

    it.live("reset resets both sides of existing connections, of one target or of all", () =>
      Effect.gen(function*() {
        const [a, b] = yield* Effect.all([serve("a"), serve("b")])
        const balancer = yield* LoadBalancer.make({ targets: [a.address, b.address], policy: "roundRobin" })
        const [first, second] = yield* greetedTimes(2, balancer.address)
        yield* balancer.reset(a.address)
        yield* first.reset
        yield* a.peers[0].reset
        yield* second.roundTrip("untouched")
        yield* balancer.reset()
        yield* second.reset
        yield* b.peers[0].reset
        assert.strictEqual(nameOf(yield* greeted(balancer.address)), "a")
      }))

    it.live("delay holds bytes back in both directions", () =>
      Effect.gen(function*() {
        const a = yield* serve("a")
        const balancer = yield* LoadBalancer.make({ targets: [a.address], policy: "roundRobin" })
        const peer = yield* greeted(balancer.address)
        yield* balancer.delay("20 millis")
        const started = yield* Clock.monotonicTimeNanos
        yield* peer.roundTrip("1")
        assert.isAtLeast(Number((yield* Clock.monotonicTimeNanos) - started), 40e6)
      }))

    it.live("what follows delayed bytes does not overtake them, the end included", () =>
      Effect.gen(function*() {
        const [a, b] = yield* Effect.all([serve("a"), serve("b")])
        const balancer = yield* LoadBalancer.make({ targets: [a.address, b.address], policy: "roundRobin" })
        const [peer, probe] = yield* greetedTimes(2, balancer.address)
        yield* balancer.delay("20 millis", a.address)
        peer.socket.write("1\n")
        yield* probe.roundTrip("1")
        yield* balancer.delay("1 millis", a.address)
        peer.socket.write("2\n")
        yield* probe.roundTrip("2")
        yield* balancer.clear()
        peer.socket.end("3\n")
        yield* peer.until((seen) => seen.ended)
        assert.strictEqual(peer.text, "a\n1\n2\n3\nbye\n")
      }))

    it.live("a target's own delay takes the place of the one for all", () =>
      Effect.gen(function*() {
        const [a, b] = yield* Effect.all([serve("a"), serve("b")])
        const balancer = yield* LoadBalancer.make({ targets: [a.address, b.address], policy: "roundRobin" })
        yield* balancer.delay("1 hour")
        yield* balancer.delay(0, b.address)
        const [held, free] = yield* Effect.all([connect(balancer.address), greeted(balancer.address)], {
          concurrency: "unbounded"
        })
        yield* free.roundTrip("1")
        assert.strictEqual(nameOf(free) + held.text, "b")
      }))

    it.live("a direction that holds its fill of delayed bytes stops reading", () =>
      Effect.gen(function*() {
        const [a, b] = yield* Effect.all([serve("a", false), serve("b")])
        const balancer = yield* LoadBalancer.make({ targets: [a.address, b.address], policy: "roundRobin" })
        const [peer, probe] = yield* greetedTimes(2, balancer.address)
        yield* balancer.delay("1 hour", a.address)
        let flushed = false
        peer.socket.write(Buffer.alloc(megabytes(32)), () => {
          flushed = true
        })
        yield* longWhile(probe)
        assert.isFalse(flushed)
      }))

    it.live("more bytes than are held at once all arrive after their delay, in order", () =>
      Effect.gen(function*() {
        const a = yield* serve("a", false)
        const balancer = yield* LoadBalancer.make({ targets: [a.address], policy: "roundRobin" })
        const peer = yield* greeted(balancer.address)
        yield* balancer.delay("5 millis")
        const bytes = Buffer.alloc(megabytes(16))
        for (let i = 0; i < bytes.length; i += 4) bytes.writeInt32BE(i, i)
        peer.socket.end(bytes)
        yield* a.peers[0].until((seen) => seen.ended)
        assert.isTrue(a.peers[0].received.equals(bytes))
      }))

    it.live("a fault for an address that is no target is refused", () =>
      Effect.gen(function*() {
        const balancer = yield* LoadBalancer.make({ targets: [], policy: "roundRobin" })
        const unknown = "127.0.0.1:9"
        const attempts = [
          balancer.refuse(unknown),
          balancer.blackHole(unknown),
          balancer.reset(unknown),
          balancer.delay("1 second", unknown),
          balancer.clear(unknown),
          balancer.closeAll(unknown)
        ]
        for (const attempt of attempts) {
          assert.deepInclude(yield* Effect.flip(attempt), { reason: "UnknownTarget", subject: unknown })
        }
      }))

    it.live("an infinite delay is refused", () =>
      Effect.gen(function*() {
        const balancer = yield* LoadBalancer.make({ targets: [], policy: "roundRobin" })
        assert.deepInclude(yield* Effect.flip(balancer.delay("Infinity")), { reason: "InvalidDelay" })
      }))
  })

  describe("life", () => {
    it.live("closeAll ends both sides and the balancer goes on", () =>
      Effect.gen(function*() {
        const a = yield* serve("a")
        const balancer = yield* LoadBalancer.make({ targets: [a.address], policy: "roundRobin" })
        const peer = yield* greeted(balancer.address)
        yield* balancer.closeAll()
        yield* peer.until((seen) => seen.ended)
        yield* a.peers[0].until((seen) => seen.ended)
        assert.deepInclude(yield* balancer.connections, { accepted: 1, refused: 0, open: 0 })
        assert.strictEqual(nameOf(yield* greeted(balancer.address)), "a")
      }))

    it.live("when its scope closes no listener, socket or timer is left, whatever the connections were doing", () =>
      Effect.gen(function*() {
        const [a, b] = yield* Effect.all([serve("a", false), serve("b")])
        yield* untilOpenSockets(2)
        const timers = activeResources("Timeout")
        yield* Effect.scoped(Effect.gen(function*() {
          const scope = yield* Scope.make()
          const balancer = yield* Scope.provide(
            LoadBalancer.make({ targets: [a.address], policy: "roundRobin" }),
            scope
          )
          const [stuck, halfClosed, delayed] = yield* greetedTimes(3, balancer.address)
          a.peers[0].socket.pause()
          stuck.socket.write(Buffer.alloc(megabytes(32)))
          halfClosed.socket.end()
          yield* a.peers[1].until((seen) => seen.ended)
          yield* balancer.delay("1 hour", a.address)
          delayed.socket.write("held")
          yield* balancer.addTarget(b.address)
          yield* balancer.removeTarget(a.address)
          const [hole, probe] = yield* greetedTimes(2, balancer.address)
          yield* probe.roundTrip("held by now")
          yield* balancer.blackHole(b.address)
          hole.socket.end("swallowed")
          const late = yield* connect(balancer.address)
          yield* Scope.close(scope, Exit.void)
          for (const peer of [halfClosed, delayed, hole, probe, late]) {
            yield* peer.until((seen) => seen.ended || seen.closed)
          }
          const refused = yield* connect(balancer.address)
          yield* refused.until((seen) => seen.closed)
          assert.strictEqual(refused.errorCode, "ECONNREFUSED")
        }))
        for (const peer of [...a.peers, ...b.peers]) {
          peer.socket.destroy()
          yield* peer.until((seen) => seen.closed)
        }
        yield* untilOpenSockets(2)
        assert.isAtMost(activeResources("Timeout"), timers)
      }))
  })
})
