import { assert, describe, it } from "@effect/vitest"
import * as MqVersion from "../../src/protocol/MqVersion.ts"

describe("MqVersion", () => {
  const known: ReadonlyArray<readonly [string, number]> = [
    ["4.0.0", 213],
    ["4.1.0-SNAPSHOT", 232],
    ["4.3.0", 273],
    ["4.9.0", 393],
    ["4.9.9", 411],
    ["5.0.0-SNAPSHOT", 412],
    ["5.0.0", 413],
    ["5.0.9", 431],
    ["5.1.4", 441],
    ["5.3.1", 475],
    ["5.3.2-SNAPSHOT", 476],
    ["5.3.2", 477],
    ["5.5.0", 513],
    ["5.9.9", 611]
  ]

  for (const [release, ordinal] of known) {
    it(`${release} is ${ordinal}`, () => {
      assert.strictEqual(MqVersion.ordinalOf(release), ordinal)
      assert.strictEqual(MqVersion.releaseOf(ordinal), release)
    })
  }

  it("has constants that agree with the rule", () => {
    for (const [name, ordinal] of Object.entries(MqVersion.MqVersion)) {
      if (ordinal >= 212 && ordinal < MqVersion.MqVersion.HIGHER_VERSION) {
        const release = name.slice(1).replace("_SNAPSHOT", "-SNAPSHOT").replaceAll("_", ".")
        assert.strictEqual(MqVersion.ordinalOf(release), ordinal, name)
      }
    }
  })

  it("knows no other releases", () => {
    for (const text of ["", "5", "5.3", "5.3.10", "3.4.9", "6.0.0", "v5.3.2", "5.3.2 ", "5.3.2-RC1"]) {
      assert.isUndefined(MqVersion.ordinalOf(text))
    }
    for (const ordinal of [-1, 0, 211, 612, 613, 32767, 413.5, NaN]) {
      assert.isUndefined(MqVersion.releaseOf(ordinal))
    }
  })

  it("is announced as 5.5.0, above the gate of GO_AWAY", () => {
    assert.strictEqual(MqVersion.current, 513)
    assert.strictEqual(MqVersion.goAwayGate, 475)
  })
})
