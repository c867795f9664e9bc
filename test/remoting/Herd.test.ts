import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import * as MemoryTransport from "../../src/remoting/MemoryTransport.ts"
import * as Reconnection from "../../src/remoting/Reconnection.ts"
import { scripted } from "./peers.ts"
import { balanced, client, echoCode, network, now, pass, settle, start } from "./support.ts"

/** How many of the times lie in each 10 ms. */
const bins = (times: ReadonlyArray<number>, count: number): ReadonlyArray<number> => {
  const filled = Array.from({ length: count }, () => 0)
  for (const time of times) filled[Math.min(count - 1, Math.floor(time / 10))]++
  return filled
}

const spread = (before: "goAway" | "close") =>
  Effect.gen(function*() {
    const count = 1_000
    const net = yield* network
    let dying = false
    const first = yield* scripted(1, {
      command: ({ command, peer }) => {
        if (!dying) peer.answer(command)
        else if (before === "goAway") peer.goAway(command)
        else peer.end()
      }
    })
    const survivors = [
      yield* scripted(2, { command: ({ command, peer }) => peer.answer(command) }),
      yield* scripted(3, { command: ({ command, peer }) => peer.answer(command) })
    ]
    net.balance(balanced, [first.address])
    const clients = yield* Effect.forEach(Array.from({ length: count }), () => client({}, Reconnection.make()))
    yield* Effect.forEach(clients, (c) => c.invoke(balanced, { code: echoCode }))
    net.balance(balanced, survivors.map((survivor) => survivor.address))
    dying = true
    const epoch = yield* now
    // Repeatable, so that a closed connection is followed by a re-dial, too.
    const fibers = yield* Effect.forEach(
      clients,
      (c) => Effect.forkChild(c.invoke(balanced, { code: echoCode }, { repeatable: true }))
    )
    yield* pass(100)
    yield* Effect.forEach(fibers, Fiber.join)
    yield* settle
    return survivors.flatMap((survivor) => survivor.peers.map((peer) => peer.openedAt - epoch))
  }).pipe(Effect.provide(MemoryTransport.layer), Random.withSeed("herd"))

describe("1,000 clients of one server that goes away at once", () => {
  it.effect("come to the survivors spread over 50 ms: no 10 ms see more than 1.5 times the mean", () =>
    Effect.gen(function*() {
      const times = yield* spread("goAway")
      assert.strictEqual(times.length, 1_000)
      assert.isTrue(times.every((time) => time >= 0 && time <= 50))
      for (const bin of bins(times, 5)) assert.isAtMost(bin, 1.5 * 200)
    }))

  it.effect("whose server just closes come spread over 50 ms and more, too", () =>
    Effect.gen(function*() {
      const times = yield* spread("close")
      assert.strictEqual(times.length, 1_000)
      for (const bin of bins(times, 6)) assert.isAtMost(bin, 1.5 * 200)
    }))

  it.effect("that are down for long do not meet again: re-dials of the same attempt are spread over its delay", () =>
    Effect.gen(function*() {
      const net = yield* network
      net.fault("10.0.0.1:1", "refuse")
      const clients = yield* Effect.forEach(Array.from({ length: 200 }), () => client({}, Reconnection.make()))
      yield* Effect.forEach(
        clients,
        (c) => start(Effect.exit(c.invoke("10.0.0.1:1", { code: echoCode }, { timeout: "1 minute" })))
      )
      yield* pass("5 seconds")
      const perStep: Array<number> = []
      for (let step = 0, before = net.dials("10.0.0.1:1"); step < 40; step++) {
        yield* pass(100)
        perStep.push(net.dials("10.0.0.1:1") - before)
        before = net.dials("10.0.0.1:1")
      }
      const mean = perStep.reduce((sum, dials) => sum + dials, 0) / perStep.length
      assert.isAbove(mean, 1)
      assert.isAtMost(Math.max(...perStep), Math.max(20, 4 * mean))
    }).pipe(Effect.provide(MemoryTransport.layer), Random.withSeed("down")))
})
