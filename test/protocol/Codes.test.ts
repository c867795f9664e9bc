import { assert, describe, it } from "@effect/vitest"
import { LanguageCode, languageCode, languageName } from "../../src/protocol/LanguageCode.ts"
import { RequestCode, requestCodeName } from "../../src/protocol/RequestCode.ts"
import { ResponseCode, responseCodeName } from "../../src/protocol/ResponseCode.ts"

describe("codes", () => {
  it("of requests have the numbers and names of RocketMQ 5.5.0", () => {
    assert.strictEqual(Object.keys(RequestCode).length, 164)
    assert.strictEqual(RequestCode.SEND_MESSAGE_V2, 310)
    assert.strictEqual(requestCodeName(310), "SEND_MESSAGE_V2")
    assert.strictEqual(requestCodeName(200050), "POP_MESSAGE")
    assert.strictEqual(requestCodeName(200079), "TRIGGER_LITE_DISPATCH")
    assert.isUndefined(requestCodeName(9999))
  })

  it("of responses have the numbers and names of RocketMQ 5.5.0", () => {
    assert.strictEqual(Object.keys(ResponseCode).length, 68)
    assert.strictEqual(ResponseCode.GO_AWAY, 1500)
    assert.strictEqual(responseCodeName(1500), "GO_AWAY")
    assert.strictEqual(responseCodeName(0), "SUCCESS")
    assert.strictEqual(responseCodeName(-1000), "RPC_UNKNOWN")
    assert.isUndefined(responseCodeName(9999))
  })

  it("stand for one name each", () => {
    for (const codes of [RequestCode, ResponseCode, LanguageCode]) {
      assert.strictEqual(new Set<number>(Object.values(codes)).size, Object.keys(codes).length)
    }
  })

  it("of languages are found by name and by number", () => {
    for (const [name, code] of Object.entries(LanguageCode)) {
      assert.strictEqual(languageName(code), name)
      assert.strictEqual(languageCode(name), code)
    }
    assert.strictEqual(LanguageCode.OTHER, 7)
    assert.strictEqual(LanguageCode.NODE_JS, 13)
    for (const unknown of [-1, 14, 1.5, 255]) {
      assert.isUndefined(languageName(unknown))
    }
    for (const unknown of ["", "java", "KOTLIN", "__proto__", "toString"]) {
      assert.isUndefined(languageCode(unknown))
    }
  })
})
