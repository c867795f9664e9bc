import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import * as MemoryTransport from "../../src/remoting/MemoryTransport.ts"
import type { Connection } from "../../src/remoting/Transport.ts"
import { Transport } from "../../src/remoting/Transport.ts"
import { network, now, pass, settle, start } from "./support.ts"

/** What one side of a connection has seen. */
const watch = (connection: Connection) => {
  const seen = { text: "", chunks: [] as Array<number>, drained: 0, closed: 0, cause: undefined as unknown }
  connection.attach({
    onData: (chunk) => {
      seen.text += Buffer.from(chunk).toString()
      seen.chunks.push(chunk.length)
    },
    onDrain: () => seen.drained++,
    onClose: (cause) => {
      seen.closed++
      seen.cause = cause
    }
  })
  return { connection, seen }
}

type Side = ReturnType<typeof watch>

/** Listens on `10.0.0.1` and keeps who connects. */
const listen = (port?: number) =>
  Effect.gen(function*() {
    const transport = yield* Transport
    const accepted: Array<Side> = []
    const listener = yield* transport.listen({ host: "10.0.0.1", port }, (connection) => {
      accepted.push(watch(connection))
    })
    return { ...listener, accepted }
  })

const connect = (address: string, avoid: ReadonlyArray<string> = [], timeoutMillis = 1_000) =>
  Effect.gen(function*() {
    const transport = yield* Transport
    const [host, port] = address.split(":")
    return watch(yield* transport.connect({ host, port: Number(port), avoid: new Set(avoid), timeoutMillis }))
  })

const pair = Effect.gen(function*() {
  const server = yield* listen(1)
  const client = yield* connect(server.address)
  return { client, server: server.accepted[0] }
})

describe("a connection in memory", () => {
  it.effect("carries bytes both ways, in order", () =>
    Effect.gen(function*() {
      const { client, server } = yield* pair
      for (const letter of "abc") client.connection.write(Buffer.from(letter))
      server.connection.write(Buffer.from("xyz"))
      yield* settle
      assert.deepStrictEqual([server.seen.text, client.seen.text], ["abc", "xyz"])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("takes a copy: the writer may use its buffer again at once", () =>
    Effect.gen(function*() {
      const { client, server } = yield* pair
      const buffer = Buffer.from("first")
      client.connection.write(buffer)
      assert.strictEqual(client.connection.unsentBytes, 0)
      buffer.write("other")
      yield* settle
      assert.strictEqual(server.seen.text, "first")
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("delivers in a later turn, never on the writer's stack", () =>
    Effect.gen(function*() {
      const { client, server } = yield* pair
      client.connection.write(Buffer.from("a"))
      assert.strictEqual(server.seen.text, "")
      yield* settle
      assert.strictEqual(server.seen.text, "a")
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("needs as long as its latency, one way, and keeps the order", () =>
    Effect.gen(function*() {
      const { client, server } = yield* pair
      client.connection.write(Buffer.from("a"))
      yield* pass(5)
      client.connection.write(Buffer.from("b"))
      yield* pass(4)
      assert.strictEqual(server.seen.text, "")
      yield* pass(1)
      assert.strictEqual(server.seen.text, "a")
      yield* pass(5)
      assert.strictEqual(server.seen.text, "ab")
    }).pipe(Effect.provide(MemoryTransport.layerWith({ latency: 10 }))))

  it.effect("is cut into chunks of at most maxChunk bytes, the same for the same seed", () => {
    const run = Effect.gen(function*() {
      const { client, server } = yield* pair
      client.connection.write(Buffer.alloc(1_000, "0123456789"))
      yield* settle
      assert.strictEqual(server.seen.text, "0123456789".repeat(100))
      assert.isTrue(server.seen.chunks.every((size) => size >= 1 && size <= 7))
      return server.seen.chunks
    }).pipe(
      Effect.scoped,
      Effect.provide(MemoryTransport.layerWith({ maxChunk: 7 })),
      Random.withSeed("chunks")
    )
    return Effect.gen(function*() {
      assert.deepStrictEqual(yield* run, yield* run)
    })
  })

  it.effect("pushes the writer back at its window, and says when there is room", () =>
    Effect.gen(function*() {
      const { client, server } = yield* pair
      server.connection.pause()
      assert.isTrue(client.connection.write(Buffer.alloc(100)))
      assert.isFalse(client.connection.write(Buffer.alloc(1)))
      yield* settle
      assert.deepStrictEqual([server.seen.chunks.length, client.seen.drained], [0, 0])
      server.connection.resume()
      yield* settle
      assert.deepStrictEqual([server.seen.chunks, client.seen.drained], [[100, 1], 1])
    }).pipe(Effect.provide(MemoryTransport.layerWith({ window: 100 }))))

  it.effect("ends after what was written, once on each side", () =>
    Effect.gen(function*() {
      const { client, server } = yield* pair
      client.connection.write(Buffer.from("last words"))
      client.connection.end()
      client.connection.end()
      yield* settle
      assert.strictEqual(server.seen.text, "last words")
      assert.deepStrictEqual([server.seen.closed, client.seen.closed], [1, 1])
      assert.isUndefined(server.seen.cause)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("takes nothing more once it has ended", () =>
    Effect.gen(function*() {
      const { client, server } = yield* pair
      client.connection.end()
      client.connection.write(Buffer.from("too late"))
      yield* settle
      client.connection.write(Buffer.from("too late"))
      server.connection.write(Buffer.from("too late"))
      yield* settle
      assert.deepStrictEqual([server.seen.text, client.seen.text], ["", ""])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("is destroyed at once on this side, in its turn on the other", () =>
    Effect.gen(function*() {
      const { client, server } = yield* pair
      server.connection.write(Buffer.from("unread"))
      client.connection.destroy()
      yield* settle
      assert.deepStrictEqual([client.seen.text, client.seen.closed, server.seen.closed], ["", 1, 1])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("is destroyed when the scope of its dial closes", () =>
    Effect.gen(function*() {
      const server = yield* listen(1)
      const scope = yield* Scope.make()
      yield* Scope.provide(connect(server.address), scope)
      yield* Scope.close(scope, Exit.void)
      yield* settle
      assert.strictEqual(server.accepted[0].seen.closed, 1)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("says who is who", () =>
    Effect.gen(function*() {
      const { client, server } = yield* pair
      assert.strictEqual(client.connection.remote, "10.0.0.1:1")
      assert.strictEqual(server.connection.local, "10.0.0.1:1")
      assert.strictEqual(server.connection.remote, client.connection.local)
      assert.isFalse(client.connection.encrypted)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("loses no byte to one adjustment of the clock, however far", () =>
    Effect.gen(function*() {
      const { client, server } = yield* pair
      const context = yield* Effect.context<never>()
      const clock = yield* Clock.Clock
      // The server answers each byte 50 ms later, and the client asks again.
      let answered = 0
      server.connection.attach({
        onData: () => {
          answered++
          Effect.runForkWith(context)(
            Effect.delay(Effect.sync(() => server.connection.write(Buffer.from("."))), 50)
          )
        },
        onDrain: () => {},
        onClose: () => {}
      })
      const at: Array<number> = []
      client.connection.attach({
        onData: () => {
          at.push(clock.currentTimeMillisUnsafe())
          if (at.length < 10) client.connection.write(Buffer.from("?"))
        },
        onDrain: () => {},
        onClose: () => {}
      })
      client.connection.write(Buffer.from("?"))
      yield* settle
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(at, Array.from({ length: 10 }, (_, index) => 50 * (index + 1)))
      assert.strictEqual(answered, 10)
    }).pipe(Effect.provide(MemoryTransport.layer)))
})

describe("a dial in memory", () => {
  it.effect("is refused where nobody listens", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(connect("10.0.0.9:9"))
      assert.strictEqual(error.kind, "Connect")
      assert.include(error.detail, "refused")
      assert.strictEqual(error.ip, "10.0.0.9")
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("is refused while a fault says so, and open connections go on", () =>
    Effect.gen(function*() {
      const net = yield* network
      const { client, server } = yield* pair
      net.fault("10.0.0.1:1", "refuse")
      yield* Effect.flip(connect("10.0.0.1:1"))
      client.connection.write(Buffer.from("still here"))
      yield* settle
      assert.strictEqual(server.seen.text, "still here")
      net.fault("10.0.0.1:1", undefined)
      yield* connect("10.0.0.1:1")
      assert.strictEqual(net.dials("10.0.0.1:1"), 3)
      assert.strictEqual(net.connections("10.0.0.1:1"), 2)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("hangs in a black hole until its time is up, and what was under way vanishes", () =>
    Effect.gen(function*() {
      const net = yield* network
      const { client, server } = yield* pair
      net.fault("10.0.0.1:1", "blackHole")
      client.connection.write(Buffer.from("lost"))
      server.connection.end()
      const fiber = yield* start(Effect.andThen(Effect.flip(connect("10.0.0.1:1", [], 700)), now))
      yield* pass("1 second")
      assert.strictEqual(yield* Fiber.join(fiber), 700)
      assert.deepStrictEqual([server.seen.text, client.seen.closed], ["", 0])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("takes connectLatency, and fails when that is longer than its time", () =>
    Effect.gen(function*() {
      const server = yield* listen(1)
      const fiber = yield* start(Effect.andThen(connect(server.address), now))
      const late = yield* start(Effect.andThen(Effect.flip(connect(server.address, [], 50)), now))
      yield* pass("1 second")
      assert.deepStrictEqual([yield* Fiber.join(fiber), yield* Fiber.join(late)], [100, 50])
      assert.strictEqual(server.accepted.length, 1)
    }).pipe(Effect.provide(MemoryTransport.layerWith({ connectLatency: 100 }))))

  it.effect("goes to the records of a name, those to avoid last, each with its share of the time", () =>
    Effect.gen(function*() {
      const net = yield* network
      net.resolve("broker", ["10.0.0.3", "10.0.0.2", "10.0.0.1"])
      const server = yield* listen(1)
      net.fault("10.0.0.2:1", "blackHole")
      const fiber = yield* start(
        connect("broker:1", ["10.0.0.3"], 900).pipe(Effect.bindTo("side"), Effect.bind("at", () => now))
      )
      yield* pass("1 second")
      const { at, side } = yield* Fiber.join(fiber)
      assert.strictEqual(at, 300)
      assert.strictEqual(side.connection.remote, "10.0.0.1:1")
      assert.strictEqual(net.dials("10.0.0.3:1"), 0)
      assert.strictEqual(server.accepted.length, 1)
    }).pipe(Effect.provide(MemoryTransport.layer)))
})

describe("a balanced address", () => {
  const dialled = (picks: Effect.Success<typeof network>, pick?: MemoryTransport.Pick) =>
    Effect.gen(function*() {
      const servers = [yield* listen(1), yield* listen(2), yield* listen(3)]
      picks.balance("10.0.0.100:1", servers.map((server) => server.address), pick)
      for (let index = 0; index < 30; index++) yield* connect("10.0.0.100:1")
      return servers.map((server) => server.accepted.length)
    })

  it.effect("leads to its targets in turn by default", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* dialled(yield* network), [10, 10, 10])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("may lead to them at random", () =>
    Effect.gen(function*() {
      const counts = yield* dialled(yield* network, "random")
      assert.isTrue(counts.every((count) => count > 3 && count < 20))
      assert.notDeepEqual(counts, [10, 10, 10])
    }).pipe(Effect.provide(MemoryTransport.layer), Random.withSeed("targets")))

  it.effect("may ask a function, which may refuse", () =>
    Effect.gen(function*() {
      const net = yield* network
      assert.deepStrictEqual(yield* dialled(net, (targets) => targets[2]), [0, 0, 30])
      net.balance("10.0.0.100:1", [], () => undefined)
      yield* Effect.flip(connect("10.0.0.100:1"))
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("is what its clients believe to have dialled", () =>
    Effect.gen(function*() {
      const net = yield* network
      const server = yield* listen(1)
      net.balance("10.0.0.100:1", [server.address])
      const client = yield* connect("10.0.0.100:1")
      assert.strictEqual(client.connection.remote, "10.0.0.100:1")
      assert.deepStrictEqual([net.dials("10.0.0.100:1"), net.dials(server.address)], [1, 1])
    }).pipe(Effect.provide(MemoryTransport.layer)))
})

describe("a reset", () => {
  it.effect("breaks every connection of a server: both sides see ECONNRESET", () =>
    Effect.gen(function*() {
      const net = yield* network
      const { client, server } = yield* pair
      net.reset("10.0.0.1:1")
      yield* settle
      for (const { seen } of [client, server]) {
        assert.strictEqual(seen.closed, 1)
        assert.strictEqual((seen.cause as NodeJS.ErrnoException).code, "ECONNRESET")
      }
      assert.strictEqual(net.connections("10.0.0.1:1"), 0)
    }).pipe(Effect.provide(MemoryTransport.layer)))
})

describe("listening in memory", () => {
  it.effect("is for one at a time, and gives a port where none is asked for", () =>
    Effect.gen(function*() {
      const first = yield* listen(1)
      const error = yield* Effect.flip(listen(1))
      assert.strictEqual(error._tag, "ListenFailed")
      const [one, two] = [yield* listen(), yield* listen()]
      assert.notStrictEqual(one.address, two.address)
      yield* first.close
      yield* listen(1)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("keeps its connections when it stops accepting", () =>
    Effect.gen(function*() {
      const server = yield* listen(1)
      const client = yield* connect(server.address)
      yield* server.close
      yield* Effect.flip(connect(server.address))
      client.connection.write(Buffer.from("still here"))
      yield* settle
      assert.strictEqual(server.accepted[0].seen.text, "still here")
    }).pipe(Effect.provide(MemoryTransport.layer)))
})
