/**
 * The embedded RocketMQ beside a real 5.5.0: the same requests, the same answers, but for ids, hosts and times.
 *
 * `DIFFERENTIAL_SEQUENCES` says how many sequences are tried (500 by default), `DIFFERENTIAL_SEED` which is the first (1).
 */
import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { RequestCode } from "../../src/protocol/RequestCode.ts"
import * as EmbeddedRocketMQ from "../../src/testing/EmbeddedRocketMQ.ts"
import { runBadInput } from "../differential/BadInputRun.ts"
import { catalogue } from "../differential/Catalogue.ts"
import { check, describeFailure, sequenceLength } from "../differential/Check.ts"
import {
  knownAs,
  type KnownDifference,
  knownInSequences,
  knownWithBadInput,
  notServed
} from "../differential/KnownDifferences.ts"
import type { Addresses, Sides } from "../differential/Sides.ts"
import { embeddedOptions, realFlags, realSettings } from "../differential/Sides.ts"
import { Wire } from "../differential/Wire.ts"
import * as Cluster from "./harness/Cluster.ts"

const sequences = Number(process.env["DIFFERENTIAL_SEQUENCES"] ?? 500)
const firstSeed = Number(process.env["DIFFERENTIAL_SEED"] ?? 1)

const sides: Effect.Effect<Sides<Addresses>, never, Cluster.Cluster | EmbeddedRocketMQ.EmbeddedRocketMQ> = Effect.gen(
  function*() {
    const { broker, nameServer } = yield* Cluster.Cluster
    const embedded = yield* EmbeddedRocketMQ.EmbeddedRocketMQ
    return {
      embedded: { broker: embedded.broker().address, nameServer: embedded.nameServers[0]!.address },
      real: { broker: broker.address, nameServer: nameServer.address }
    }
  }
)

/** Known differences that did not occur. */
const gone = (known: ReadonlyArray<KnownDifference>, seen: ReadonlySet<KnownDifference>): ReadonlyArray<string> =>
  known.filter((one) => !seen.has(one)).map(({ what }) => what)

const ask = async (address: string, code: number): Promise<boolean> => {
  const wire = await Wire.open(address)
  const answer = await wire.ask({ code, extFields: {} }, 1_000)
  wire.close()
  return typeof answer === "string" || answer.code !== 3
}

layer(
  Layer.merge(
    Cluster.layer("5.5.0", realSettings, realFlags),
    Layer.orDie(EmbeddedRocketMQ.layerTcp(embeddedOptions))
  ),
  { timeout: 180_000, excludeTestServices: true }
)("The embedded RocketMQ and a real one", (it) => {
  // First: later the real one has much to tell where everything is asked for.
  it.effect("answer bad input alike, and go on", () =>
    Effect.gen(function*() {
      const { findings } = yield* Effect.flatMap(sides, (both) =>
        Effect.promise(() => runBadInput({ ...both, run: "bad" })))
      const seen = new Set<KnownDifference>()
      const unknown = findings.filter((finding) => {
        const known = knownAs(knownWithBadInput, finding, finding.name)
        if (known !== undefined) {
          seen.add(known)
        }
        return known === undefined
      })
      assert.deepStrictEqual(unknown, [])
      assert.deepStrictEqual(gone(knownWithBadInput, seen), [], "differences that occur no more")
    }), 120_000)

  it.effect(`answer ${sequences} sequences of ${sequenceLength} requests alike`, () =>
    Effect.gen(function*() {
      const both = yield* sides
      const result = yield* Effect.promise(() => check({ ...both, sequences, firstSeed, known: knownInSequences }))
      if (result.failure !== undefined) {
        assert.fail(describeFailure(result.failure))
      }
      if (sequences >= 500) {
        assert.deepStrictEqual(gone(knownInSequences, result.seen), [], "differences that occur no more")
        // What sequences leave out, only bad input asks for.
        assert.deepStrictEqual(
          catalogue.map(({ code }) => code).filter((code) => !result.codes.has(code)).sort((a, b) => a - b),
          [
            RequestCode.UPDATE_BROKER_CONFIG,
            RequestCode.GET_ALL_DELAY_OFFSET,
            RequestCode.GET_SYSTEM_TOPIC_LIST_FROM_NS,
            RequestCode.UPDATE_NAMESRV_CONFIG,
            RequestCode.RESUME_CHECK_HALF_MESSAGE
          ]
        )
      }
    }), 600_000)

  it.effect("serve the same codes, but for some that are no client's", () =>
    Effect.gen(function*() {
      const { embedded, real } = yield* sides
      const missing: Array<number> = []
      for (const code of Object.values(RequestCode)) {
        const [ours, theirs] = yield* Effect.promise(async () => [
          await ask(embedded.broker, code) || await ask(embedded.nameServer, code),
          await ask(real.broker, code) || await ask(real.nameServer, code)
        ])
        if (ours) assert.isTrue(catalogue.some((example) => example.code === code), `${code} is not in the catalogue`)
        if (ours !== theirs) missing.push(code)
      }
      assert.deepStrictEqual(missing.sort((a, b) => a - b), [...notServed.keys()])
    }), 120_000)
})
