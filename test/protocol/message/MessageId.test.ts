import { assert, describe, it } from "@effect/vitest"
import * as MessageId from "../../../src/protocol/message/MessageId.ts"
import { bytes, canonicalHost, goldenOffsetIds, host, int32, long } from "./messages.ts"

describe("offset ids", () => {
  for (const { host: storeHost, id, offset } of goldenOffsetIds) {
    it(`are those of Java: ${storeHost}`, () => {
      assert.strictEqual(MessageId.createOffsetId(storeHost, offset), id)
      assert.deepStrictEqual(MessageId.parseOffsetId(id), { host: canonicalHost(storeHost), offset })
    })
  }

  it.prop("lead back to host and offset", [host, long], ([storeHost, offset]) => {
    const id = MessageId.createOffsetId(storeHost, offset)
    assert.deepStrictEqual(MessageId.parseOffsetId(id), { host: storeHost, offset })
    assert.deepStrictEqual(MessageId.parseOffsetId(id.toLowerCase()), { host: storeHost, offset })
  })

  it("are not made of anything else", () => {
    for (const storeHost of ["", "broker:1", "1.2.3:4", "1.2.3.4", "1.2.3.4:65536", "::1:1", "[1.2.3.4]:1"]) {
      assert.throws(() => MessageId.createOffsetId(storeHost, 1), RangeError)
    }
    for (const offset of [-1, 0.5, 2 ** 53, Number.NaN]) {
      assert.throws(() => MessageId.createOffsetId("1.2.3.4:5", offset), RangeError)
    }
  })

  it("are made right for more hosts than are remembered", () => {
    for (let round = 0; round < 2; round++) {
      for (let i = 0; i < 200; i++) {
        const id = MessageId.createOffsetId(`1.2.3.${i}:10911`, i)
        assert.deepStrictEqual(MessageId.parseOffsetId(id), { host: `1.2.3.${i}:10911`, offset: i })
      }
    }
  })

  it("are nothing else", () => {
    const id = "7F00000100002A9F0000000000000001"
    assert.isDefined(MessageId.parseOffsetId(id))
    for (
      const other of [
        "",
        id.slice(1),
        `${id}0`,
        id.replace("F", "G"),
        id.replace("00002A9F", "00012A9F"),
        `${id},${id}`
      ]
    ) {
      assert.isUndefined(MessageId.parseOffsetId(other), other)
    }
    assert.isUndefined(MessageId.parseOffsetId("7F00000100002A9F0020000000000000"))
    assert.isUndefined(MessageId.parseOffsetId("7F00000100002A9FFFFFFFFFFFFFFFFF"))
    assert.deepStrictEqual(MessageId.parseOffsetId("7F00000100002A9F001FFFFFFFFFFFFF"), {
      host: "127.0.0.1:10911",
      offset: Number.MAX_SAFE_INTEGER
    })
  })
})

describe("UNIQ_KEYs", () => {
  it("are laid out as Java's", () => {
    const id = "FD0000000000000000000000000000025A4A4E0E2F2A7A4EBFDA0003"
    const parts = {
      ip: Uint8Array.from([0xfd, ...Array.from({ length: 14 }, () => 0), 2]),
      process: 0x5a4a,
      salt: 0x4e0e2f2a,
      millisSinceMonth: 0x7a4ebfda,
      counter: 3
    }
    assert.strictEqual(MessageId.uniqKey(parts), id)
    assert.deepStrictEqual(MessageId.parseUniqKey(id), parts)
  })

  it("count on from 0 after their largest counter", () => {
    const prefix = MessageId.uniqKeyPrefix(Uint8Array.of(127, 0, 0, 1), 70_000, -1)
    assert.strictEqual(prefix, "7F0000011170FFFFFFFF")
    assert.strictEqual(MessageId.uniqKeyOf(prefix, 5, 65_535), `${prefix}00000005FFFF`)
    assert.strictEqual(MessageId.uniqKeyOf(prefix, 2 ** 32 + 5, 65_536), `${prefix}000000050000`)
  })

  it.prop("lead back to their parts", [bytes(16), int32, int32, int32, int32], ([noise, a, b, c, d]) => {
    const parts = {
      ip: Uint8Array.from({ length: a % 2 === 0 ? 4 : 16 }, (_, i) => noise[i] ?? 0),
      process: a & 0xffff,
      salt: b >>> 0,
      millisSinceMonth: c >>> 0,
      counter: d & 0xffff
    }
    assert.deepStrictEqual(MessageId.parseUniqKey(MessageId.uniqKey(parts)), parts)
  })

  it("are nothing else", () => {
    for (const other of ["", "x", "0".repeat(31), "0".repeat(40), "g".repeat(32)]) {
      assert.isUndefined(MessageId.parseUniqKey(other))
    }
  })
})
