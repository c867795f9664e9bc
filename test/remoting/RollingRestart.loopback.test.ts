import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Random from "effect/Random"
import * as Scope from "effect/Scope"
import * as Reconnection from "../../src/remoting/Reconnection.ts"
import * as RemotingServer from "../../src/remoting/RemotingServer.ts"
import * as LoadBalancer from "../../src/testing/LoadBalancer.ts"
import type { Call, Execution, Settlement } from "../support/history.ts"
import { checkEvents, checkHistory } from "../support/history.ts"
import { host, overTcp, until } from "./loopback.ts"
import { client, echoCode, recordEvents } from "./support.ts"

// A drain in operation takes a second or longer and requests come as fast as they like: here both ends share two cores,
// and thirty drains are to take less than twenty seconds.
const cycles = 10

/** A drain lasts so long; the balancer sends connections to the dying server for the first part of it. */
const graceMillis = 500
const deregisterMillis = 100

/** Executing a request takes up to so long. */
const handlerMillis = 20

const callers = 64

/** Requests that come whether or not earlier ones were answered. */
const openLoopPerSecond = 1_000

const timeoutMillis = 3_000

describe("rolling restarts under load", () => {
  it.live(
    "of three servers behind a balancer that picks at random: none failed, none lost, none executed twice",
    () =>
      Effect.gen(function*() {
        const clock = yield* Clock.Clock
        const now = () => Number(clock.monotonicTimeNanosUnsafe()) / 1_000_000
        const calls: Array<Call> = []
        const executions: Array<Execution> = []
        const fleet = yield* Effect.scope

        const start = Effect.fnUntraced(function*(port: number) {
          const scope = yield* Scope.fork(fleet)
          const server = yield* Scope.provide(
            RemotingServer.make({
              host,
              port,
              shutdownWaitTime: graceMillis,
              // What piles up during a swap arrives all at once.
              maxHandlers: 4_096,
              metrics: false
            }),
            scope
          )
          yield* Scope.provide(
            server.handle(echoCode, ({ extFields }) =>
              Effect.flatMap(Random.next, (random) =>
                Effect.as(
                  Effect.delay(
                    Effect.sync(() => {
                      executions.push({
                        id: extFields["id"]!,
                        at: now(),
                        by: server.address,
                        content: extFields["id"]!
                      })
                    }),
                    random * handlerMillis
                  ),
                  { remark: server.address, extFields: { id: extFields["id"]! } }
                ))),
            scope
          )
          return { server, scope }
        })

        const servers = [yield* start(0), yield* start(0), yield* start(0)]
        const balancer = yield* LoadBalancer.make({
          policy: "random",
          targets: servers.map(({ server }) => server.address)
        })
        const clientScope = yield* Scope.fork(fleet)
        const c = yield* Scope.provide(client({}, Reconnection.make()), clientScope)
        const events = yield* recordEvents(c)

        const ask = Effect.suspend(() => {
          const id = String(calls.length)
          const settlements: Array<Settlement> = []
          calls.push({
            id,
            oneway: false,
            repeatable: false,
            deadline: now() + timeoutMillis,
            content: id,
            settlements
          })
          const request = { code: echoCode, extFields: { id } }
          return Effect.map(Effect.exit(c.invoke(balancer.address, request, { timeout: timeoutMillis })), (exit) => {
            const at = now()
            if (Exit.isSuccess(exit)) {
              settlements.push({
                kind: "Acknowledged",
                at,
                id: exit.value.extFields["id"] ?? "",
                by: exit.value.remark ?? ""
              })
              return
            }
            for (const reason of exit.cause.reasons) {
              if (reason._tag === "Fail") {
                settlements.push({ kind: reason.error.outcome, at, detail: reason.error.message })
              }
            }
          })
        })

        const load = { running: true }
        const closedLoop = Effect.whileLoop({ while: () => load.running, body: () => ask, step: () => {} })
        const openLoop = Effect.gen(function*() {
          const since = now()
          for (let sent = 0; load.running; yield* Effect.sleep(5)) {
            for (; sent < (now() - since) * openLoopPerSecond / 1_000; sent++) yield* Effect.forkScoped(ask)
          }
        })
        for (let caller = 0; caller < callers; caller++) yield* Effect.forkScoped(closedLoop)
        yield* Effect.forkScoped(openLoop)

        for (let cycle = 0; cycle < cycles; cycle++) {
          for (const [index, { scope, server }] of servers.entries()) {
            yield* Effect.all(
              [server.drain, Effect.delay(balancer.removeTarget(server.address), deregisterMillis)],
              { concurrency: 2 }
            )
            yield* Scope.close(scope, Exit.void)
            servers[index] = yield* start(0)
            yield* balancer.addTarget(servers[index].server.address)
          }
        }
        load.running = false
        yield* until("every request is settled", () => calls.every((call) => call.settlements.length > 0))
        const { goAways, inFlight, swaps } = yield* c.stats
        yield* Scope.close(clientScope, Exit.void)
        yield* until(
          "the end of every channel is told",
          () =>
            events.filter((event) => event.type === "Connect").length ===
              events.filter((event) => event.type === "Close").length
        )

        const failed = calls.filter((call) => call.settlements.some((settlement) => settlement.kind !== "Acknowledged"))
        assert.deepStrictEqual(failed.map((call) => call.settlements), [])
        // The loop resumes late on a busy machine: the deadline itself is the business of tests in virtual time.
        assert.deepStrictEqual(checkHistory({ calls, executions, tolerance: 1_000 }), [])
        assert.deepStrictEqual(checkEvents(events, true), [])
        assert.strictEqual(inFlight, 0)
        // Of two drains in a row at least one meets the client.
        assert.isAtLeast(swaps, cycles)
        assert.isAtLeast(goAways, swaps)
        assert.isAtLeast(calls.length, 2_000 * cycles)
      }).pipe(overTcp),
    60_000
  )
})
