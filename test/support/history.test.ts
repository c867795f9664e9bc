import { assert, describe, it } from "@effect/vitest"
import type { ChannelEvent, ChannelEventType } from "../../src/remoting/ChannelEvent.ts"
import type { Attempt, Call, Execution, History, Rule, Settlement } from "./history.ts"
import { checkEvents, checkHistory } from "./history.ts"

const call = (settlements: ReadonlyArray<Settlement>, fields?: Partial<Call>): Call => ({
  id: "1",
  oneway: false,
  repeatable: false,
  deadline: 100,
  content: "content",
  settlements,
  ...fields
})
const executed = (fields?: Partial<Execution>): Execution => ({
  id: "1",
  at: 5,
  by: "a",
  content: "content",
  ...fields
})
const sent = (fields?: Partial<Attempt>): Attempt => ({
  id: "1",
  at: 1,
  sender: "client",
  opaque: 1,
  content: "content",
  ...fields
})
const refused = { id: "1", at: 4 }
const acknowledged: Settlement = { kind: "Acknowledged", at: 10, id: "1", by: "a" }
const failed = (kind: "NotSent" | "NotProcessed" | "Unknown"): Settlement => ({ kind, at: 10, detail: "" })

const rules = (history: History): ReadonlyArray<Rule> => checkHistory(history).map(({ rule }) => rule)

describe("a history", () => {
  it("of requests that were answered, repeated, refused, lost and given up breaks no rule", () => {
    assert.deepStrictEqual(
      checkHistory({
        calls: [
          call([acknowledged]),
          call([{ ...acknowledged, id: "2", by: "b" }], { id: "2", repeatable: true }),
          call([failed("NotProcessed")], { id: "3" }),
          call([failed("Unknown")], { id: "4" }),
          call([{ kind: "Interrupted", at: 10 }], { id: "5" }),
          call([failed("NotSent")], { id: "6" }),
          call([{ kind: "Sent", at: 10 }], { id: "7", oneway: true }),
          call([{ kind: "Refused", at: 10 }], { id: "8" })
        ],
        executions: [
          executed(),
          executed({ id: "2" }),
          executed({ id: "2", by: "b" }),
          executed({ id: "4", at: 500 })
        ],
        wire: {
          attempts: [
            sent(),
            sent({ opaque: 2 }),
            sent({ id: "2", opaque: 3 }),
            sent({ id: "2", opaque: 4 }),
            sent({ id: "3", opaque: 5 }),
            sent({ id: "4", opaque: 6 }),
            sent({ id: "5", opaque: 7 }),
            sent({ id: "7", opaque: 8 }),
            sent({ id: "8", opaque: 9 })
          ],
          refusals: [refused, { id: "3", at: 4 }]
        }
      }),
      []
    )
  })

  it("tells a request that was never settled, and one that was settled twice", () => {
    assert.deepStrictEqual(rules({ calls: [call([])], executions: [] }), ["settled exactly once"])
    assert.deepStrictEqual(rules({ calls: [call([acknowledged, acknowledged])], executions: [executed()] }), [
      "settled exactly once"
    ])
  })

  it("tells a settlement after the deadline", () => {
    const late = { calls: [call([{ ...failed("Unknown"), at: 101 }])], executions: [] }
    assert.deepStrictEqual(rules(late), ["settled by its deadline"])
    assert.deepStrictEqual(rules({ ...late, tolerance: 1 }), [])
  })

  it("tells an acknowledgement without an execution, or by another server than the one that executed", () => {
    const calls = [call([acknowledged])]
    assert.deepStrictEqual(rules({ calls, executions: [] }), ["acknowledged means executed"])
    assert.deepStrictEqual(rules({ calls, executions: [executed({ by: "b" })] }), ["acknowledged means executed"])
  })

  it("tells the answer to another request", () => {
    assert.deepStrictEqual(rules({ calls: [call([{ ...acknowledged, id: "2" }])], executions: [executed()] }), [
      "the answer is its own"
    ])
  })

  it("tells a second execution of what is not repeatable, and of nothing else", () => {
    const executions = [executed(), executed({ by: "b" })]
    assert.deepStrictEqual(rules({ calls: [call([failed("Unknown")])], executions }), [
      "not repeatable means executed at most once"
    ])
    assert.deepStrictEqual(rules({ calls: [call([failed("Unknown")], { repeatable: true })], executions }), [])
  })

  for (const kind of ["NotSent", "NotProcessed"] as const) {
    it(`tells the execution of a request that ended ${kind}, repeatable or not`, () => {
      for (const repeatable of [false, true]) {
        assert.deepStrictEqual(rules({ calls: [call([failed(kind)], { repeatable })], executions: [executed()] }), [
          "NotSent and NotProcessed mean never executed"
        ])
      }
    })
  }

  it("tells the execution of a request that was refused", () => {
    assert.deepStrictEqual(rules({ calls: [call([{ kind: "Refused", at: 10 }])], executions: [executed()] }), [
      "refused means not executed"
    ])
  })

  it("tells the execution of what nobody asked, and of something else than was asked", () => {
    assert.deepStrictEqual(rules({ calls: [], executions: [executed()] }), ["executed means asked"])
    assert.deepStrictEqual(rules({ calls: [call([acknowledged])], executions: [executed({ content: "other" })] }), [
      "executed as asked"
    ])
  })

  it("is itself wrong when two calls have one id", () => {
    assert.throws(() => checkHistory({ calls: [call([acknowledged]), call([acknowledged])], executions: [] }))
  })
})

describe("a history with its wire", () => {
  const wire = (
    settlement: Settlement,
    attempts: ReadonlyArray<Attempt>,
    refusals: ReadonlyArray<{ readonly id: string; readonly at: number }>,
    executions: ReadonlyArray<Execution> = [],
    repeatable = false
  ) => rules({ calls: [call([settlement], { repeatable })], executions, wire: { attempts, refusals } })

  it("tells an execution that nothing was sent for", () => {
    assert.deepStrictEqual(wire(acknowledged, [], [], [executed()]), ["executed no more often than sent"])
  })

  it("tells a request that ended NotSent and was sent", () => {
    assert.deepStrictEqual(wire(failed("NotSent"), [sent()], []), ["NotSent means never handed to a socket"])
  })

  it("tells a request that ended NotProcessed with an attempt that nobody refused", () => {
    assert.deepStrictEqual(wire(failed("NotProcessed"), [sent(), sent({ opaque: 2 })], [refused], [], true), [
      "NotProcessed means every attempt was refused"
    ])
  })

  it("tells a second attempt of what is not repeatable, unless the first was refused", () => {
    const twice = [sent(), sent({ opaque: 2 })]
    assert.deepStrictEqual(wire(failed("Unknown"), twice, []), ["resent only after GO_AWAY"])
    assert.deepStrictEqual(wire(failed("Unknown"), twice, [refused]), [])
    assert.deepStrictEqual(wire(failed("Unknown"), twice, [], [], true), [])
  })

  it("tells a request that made more hops than it was allowed", () => {
    const hopped = (goAwayHops: number | undefined) =>
      rules({
        calls: [call([failed("NotProcessed")], { goAwayHops })],
        executions: [],
        wire: { attempts: [sent(), sent({ opaque: 2 })], refusals: [refused, refused] }
      })
    assert.deepStrictEqual(hopped(0), ["no more hops than allowed"])
    assert.deepStrictEqual(hopped(1), [])
    assert.deepStrictEqual(hopped(undefined), [])
  })

  it("tells an attempt that sent something else", () => {
    assert.deepStrictEqual(wire(failed("Unknown"), [sent({ content: "other" })], []), ["sent as asked"])
  })

  it("tells an attempt after the caller had its result", () => {
    assert.deepStrictEqual(wire(failed("Unknown"), [sent({ at: 11 })], []), ["nothing sent after settlement"])
  })

  it("tells an opaque that one sender used twice", () => {
    const twice = (other: Partial<Attempt>) => wire(failed("Unknown"), [sent(), sent(other)], [refused])
    assert.deepStrictEqual(twice({}), ["an opaque is used once"])
    assert.deepStrictEqual(twice({ sender: "other" }), [])
    assert.deepStrictEqual(twice({ opaque: 2 }), [])
  })
})

describe("events", () => {
  const told = (...events: ReadonlyArray<readonly [ChannelEventType, generation: number]>): Array<ChannelEvent> =>
    events.map(([type, generation]) => ({
      type,
      address: "a:1",
      channelId: `channel ${generation}`,
      generation,
      reason: ""
    }))
  const broken = (events: ReadonlyArray<ChannelEvent>, ended = true): ReadonlyArray<Rule> =>
    checkEvents(events, ended).map(({ rule }) => rule)

  it("of a swap, a failed dial, a refused registration, a break and an idle channel break no rule", () => {
    assert.deepStrictEqual(
      broken(
        told(
          ["Connect", 1],
          ["Active", 1],
          ["GoAway", 1],
          ["Draining", 1],
          ["Exception", 2],
          ["Connect", 3],
          ["GoAway", 3],
          ["Close", 3],
          ["Connect", 4],
          ["Active", 4],
          ["Reconnected", 4],
          ["Close", 1],
          ["Exception", 4],
          ["Close", 4],
          ["Connect", 5],
          ["Active", 5],
          ["Reconnected", 5],
          ["Idle", 5],
          ["Close", 5]
        )
      ),
      []
    )
  })

  it("tell a channel that begins in the middle", () => {
    assert.deepStrictEqual(broken(told(["Active", 1], ["Close", 1])), ["a channel has one life"])
  })

  it("tell what comes after the end", () => {
    assert.deepStrictEqual(broken(told(["Connect", 1], ["Close", 1], ["Exception", 1]), false), [
      "a channel has one life"
    ])
    assert.deepStrictEqual(broken(told(["Exception", 1], ["Close", 1]), false), ["a channel has one life"])
  })

  it("tell a channel that never closed, once the client has", () => {
    const open = told(["Connect", 1], ["Active", 1])
    assert.deepStrictEqual(broken(open), ["a channel has one life"])
    assert.deepStrictEqual(broken(open, false), [])
  })

  it("tell a generation that counts backwards, and one with two channels", () => {
    assert.deepStrictEqual(broken(told(["Connect", 2], ["Close", 2], ["Connect", 1], ["Close", 1])), [
      "one channel a generation"
    ])
    const [connect, close] = told(["Connect", 1], ["Close", 1])
    assert.deepStrictEqual(broken([connect!, { ...close!, channelId: "another" }]), ["one channel a generation"])
  })

  it("tell a second channel beside the current one", () => {
    assert.deepStrictEqual(
      broken(told(["Connect", 1], ["Active", 1], ["Connect", 2], ["Active", 2]), false),
      ["one current channel"]
    )
  })

  it("tell a second go-away of one generation", () => {
    const events = told(["Connect", 1], ["Active", 1], ["GoAway", 1], ["Draining", 1], ["GoAway", 1], ["Close", 1])
    assert.include(broken(events), "one swap a go-away")
  })
})
