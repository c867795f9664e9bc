import { assert, describe, it } from "@effect/vitest"
import * as SysFlag from "../../../src/protocol/message/SysFlag.ts"

describe("SysFlag", () => {
  it("tells the kind of compression, the old one without bits too", () => {
    assert.strictEqual(SysFlag.compressionType(0x101), "LZ4")
    assert.strictEqual(SysFlag.compressionType(0x201), "ZSTD")
    assert.strictEqual(SysFlag.compressionType(0x301), "ZLIB")
    assert.strictEqual(SysFlag.compressionType(0x001), "ZLIB")
    for (const unknown of [0x401, 0x501, 0x601, 0x701]) {
      assert.isUndefined(SysFlag.compressionType(unknown))
    }
  })

  it("gives the bits that tell", () => {
    for (const type of ["LZ4", "ZSTD", "ZLIB"] as const) {
      const flag = SysFlag.compressionFlag(type)
      assert.isTrue(SysFlag.isCompressed(flag))
      assert.strictEqual(SysFlag.compressionType(flag), type)
      assert.isFalse(SysFlag.isCompressed(SysFlag.withoutCompressed(flag)))
    }
  })

  it("changes the transaction bits and no others", () => {
    const flag = 0xf3 | SysFlag.transactionPrepared
    const changed = SysFlag.withTransactionType(flag, SysFlag.transactionRollback)
    assert.strictEqual(SysFlag.transactionType(flag), SysFlag.transactionPrepared)
    assert.strictEqual(SysFlag.transactionType(changed), SysFlag.transactionRollback)
    assert.strictEqual(SysFlag.withTransactionType(changed, SysFlag.transactionNone), 0xf3)
  })

  it("knows what is to be expanded by both of its bits", () => {
    assert.isTrue(SysFlag.isWrapped(0xc0))
    assert.isFalse(SysFlag.isWrapped(SysFlag.innerBatch))
    assert.isFalse(SysFlag.isWrapped(SysFlag.needUnwrap))
  })
})
