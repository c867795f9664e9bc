import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import * as MemoryTransport from "../../src/remoting/MemoryTransport.ts"
import * as Reconnection from "../../src/remoting/Reconnection.ts"
import { type Received, scripted } from "./peers.ts"
import { client, echoCode, network, now, pass, readCode, start } from "./support.ts"

/** What a connection does. */
const behaviours = ["answer", "late", "stall", "goAway", "close", "closeAtOnce", "reset"] as const

type Behaviour = (typeof behaviours)[number]

interface Script {
  readonly connections: ReadonlyArray<Behaviour>
  /** Milliseconds that each dial takes. */
  readonly dials: ReadonlyArray<number>
  /** Between which times dials are refused. */
  readonly refused: readonly [number, number]
  readonly requests: ReadonlyArray<{
    readonly at: number
    readonly timeout: number
    readonly code: number
    readonly oneway: boolean
    readonly failFast: boolean
  }>
}

const make: Effect.Effect<Script> = Effect.gen(function*() {
  const below = (bound: number) => Effect.map(Random.next, (random) => Math.floor(random * bound))
  const many = <A>(count: number, one: Effect.Effect<A>) => Effect.all(Array.from({ length: count }, () => one))
  const from = yield* below(1_000)
  return {
    connections: yield* many(6, Effect.map(below(behaviours.length), (index) => behaviours[index])),
    dials: yield* many(6, Effect.map(below(8), (value) => value < 4 ? 0 : value < 7 ? value * 20 : 1_000)),
    refused: [from, from + (yield* below(400))],
    requests: yield* many(
      3,
      Effect.all({
        at: below(200),
        timeout: Effect.map(below(1_500), (value) => value + 1),
        code: Effect.map(below(2), (value) => value === 0 ? echoCode : readCode),
        oneway: Effect.map(below(6), (value) => value === 0),
        failFast: Effect.map(below(5), (value) => value === 0)
      })
    )
  }
})

/** Conversions between clock units are off by less. */
const rounding = 0.001

const run = (script: Script) =>
  Effect.gen(function*() {
    const net = yield* network
    const epoch = yield* now
    const refusals = new Map<string, number>()
    const idOf = ({ command }: Received) => command.extFields.id
    const server = yield* scripted(1, {
      open: (peer) => {
        if (script.connections[peer.index % 6] === "closeAtOnce") peer.end()
      },
      command: (received) => {
        const { command, peer } = received
        switch (script.connections[peer.index % 6]) {
          case "answer":
            return peer.answer(command)
          case "goAway":
            if (!command.isOneway) refusals.set(idOf(received), (refusals.get(idOf(received)) ?? 0) + 1)
            return peer.goAway(command)
          case "close":
            return peer.end()
          case "reset":
            return net.reset("10.0.0.1:1")
          case "late":
            return Effect.runForkWith(context)(Effect.delay(Effect.sync(() => peer.answer(command)), 300))
          default:
            return undefined
        }
      }
    })
    const context = yield* Effect.context<never>()
    let dials = 0
    const c = yield* client({
      mapAddress: (address) => Effect.delay(Effect.succeed(address), script.dials[dials++ % 6])
    }, Reconnection.make())
    yield* start(Effect.gen(function*() {
      yield* Effect.sleep(script.refused[0])
      net.fault(server.address, "refuse")
      yield* Effect.sleep(script.refused[1] - script.refused[0])
      net.fault(server.address, undefined)
    }))
    const calls = yield* Effect.forEach(script.requests, (request, index) =>
      start(Effect.gen(function*() {
        yield* Effect.sleep(request.at)
        const { code, failFast, timeout } = request
        const extFields = { id: String(index) }
        const exit = yield* Effect.exit(
          request.oneway
            ? c.invokeOneway(server.address, { code, extFields }, { failFast, timeout })
            : Effect.asVoid(c.invoke(server.address, { code, extFields }, { failFast, timeout }))
        )
        return { exit, at: (yield* now) - epoch }
      })))
    yield* pass(1_700)
    for (const [index, call] of calls.entries()) {
      const { at, oneway, timeout } = script.requests[index]
      const done = call.pollUnsafe()
      assert(done !== undefined && Exit.isSuccess(done), `request ${index} has not settled`)
      const deadline = at + timeout
      assert.isAtMost(done.value.at, deadline + rounding, `request ${index} settled after its deadline`)
      const written = server.received.filter((received) => idOf(received) === String(index))
      const last = Math.max(0, ...written.map((received) => received.at - epoch))
      assert.isAtMost(last, deadline + rounding, `request ${index} was written after its deadline`)
      assert.isAtMost(last, done.value.at + rounding, `request ${index} was written after it had settled`)
      if (Exit.isSuccess(done.value.exit)) continue
      const error = yield* Effect.flip(done.value.exit)
      assert.strictEqual(error._tag, "RemotingError")
      if (error.reason._tag === "Timeout") assert.closeTo(done.value.at, deadline, rounding)
      const processed = written.length - (refusals.get(String(index)) ?? 0)
      if (error.outcome === "NotSent") assert.strictEqual(written.length, 0, `request ${index} was sent`)
      if (error.outcome === "NotProcessed") assert.strictEqual(processed, 0, `request ${index} was processed`)
      if (oneway || error.outcome !== "Unknown") continue
      if (script.requests[index].code === echoCode) {
        assert.isAtMost(processed, 1, `request ${index} was repeated`)
      }
    }
    assert.deepInclude(yield* c.stats, { inFlight: 0 })
    yield* pass("3 seconds")
    assert.isTrue(server.received.every((received) => received.at - epoch <= 1_700))
  }).pipe(Effect.provide(MemoryTransport.layer), Effect.scoped)

describe("a deadline", () => {
  it.effect(
    "holds whatever servers do: 1,000 scripts of GO_AWAY, stall, close, reset, refusal, slow connect",
    () =>
      Effect.gen(function*() {
        for (let seed = 0; seed < 1_000; seed++) {
          yield* Effect.gen(function*() {
            const script = yield* make
            yield* Effect.catchDefect(
              run(script),
              (defect) =>
                Effect.die(new Error(`seed ${seed}: ${String(defect)}\n${JSON.stringify(script)}`, { cause: defect }))
            )
          }).pipe(Random.withSeed(`deadline ${seed}`))
        }
      }),
    60_000
  )

  it.effect("is the caller's, over all attempts together: GO_AWAY, a broken connection, refused dials", () =>
    Effect.gen(function*() {
      const net = yield* network
      const server = yield* scripted(1, {
        command: ({ command, peer }) => {
          if (peer.index === 0) peer.goAway(command)
        }
      })
      const c = yield* client()
      const fiber = yield* start(
        Effect.flip(c.invoke(server.address, { code: readCode }, { timeout: 1_000 })).pipe(Effect.andThen(now))
      )
      yield* pass(600)
      assert.strictEqual(server.received.length, 2)
      net.fault(server.address, "refuse")
      net.reset(server.address)
      yield* pass(399)
      assert.isUndefined(fiber.pollUnsafe())
      yield* pass(1)
      assert.strictEqual(yield* Fiber.join(fiber), 1_000)
    }).pipe(Effect.provide(MemoryTransport.layer)))
})
