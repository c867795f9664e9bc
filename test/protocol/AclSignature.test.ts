import { assert, describe, it } from "@effect/vitest"
import { createHmac } from "node:crypto"
import { signedText, signRequest } from "../../src/protocol/AclSignature.ts"

const credentials = { accessKey: "RocketMQ", secretKey: "12345678" }

const hmac = (secretKey: string, content: string): string =>
  createHmac("sha1", secretKey).update(content, "utf8").digest("base64")

describe("signRequest", () => {
  it("makes the signature of AclSignerTest", () => {
    assert.deepStrictEqual({ ...signRequest({}, undefined, credentials) }, {
      AccessKey: "RocketMQ",
      Signature: "IUc8rrO/0gDch8CjObLQsW2rsiA="
    })
  })

  it("signs the values ordered by key, then the body", () => {
    const body = Buffer.from("tMQ")
    for (const extFields of [{ b: "ke", a: "oc" }, { a: "oc", b: "ke" }]) {
      assert.strictEqual(
        signRequest(extFields, body, { ...credentials, accessKey: "R" })["Signature"],
        "IUc8rrO/0gDch8CjObLQsW2rsiA="
      )
    }
  })

  it("signs a security token too", () => {
    const signed = signRequest({ a: "a" }, undefined, { ...credentials, securityToken: "token" })
    assert.strictEqual(signed["SecurityToken"], "token")
    assert.strictEqual(signed["Signature"], hmac("12345678", "RocketMQtokena"))
  })

  it("orders keys by UTF-16 code units, as Java does", () => {
    const extFields = { "\uffff": "5", "😀": "4", "é": "3", b: "2", Z: "1", "10": "0b", "9": "0c" }
    assert.strictEqual(signedText(extFields), "0b0c12345")
  })

  it("signs text and secret as UTF-8", () => {
    assert.strictEqual(
      signRequest({ a: "日本" }, undefined, { accessKey: "é", secretKey: "ключ" })["Signature"],
      hmac("ключ", "é日本")
    )
  })

  it("replaces an earlier signature, so that signing again gives the same", () => {
    const body = Buffer.from("body")
    const once = signRequest({ a: "1", z: "2" }, body, { ...credentials, securityToken: "token" })
    assert.deepStrictEqual(signRequest(once, body, { ...credentials, securityToken: "token" }), once)
    assert.deepStrictEqual(
      signRequest(once, body, credentials),
      signRequest({ a: "1", z: "2" }, body, credentials)
    )
  })

  it("leaves the fields that it is given alone, and those without a value out", () => {
    const extFields = Object.freeze({ a: "1", b: undefined }) as unknown as Record<string, string>
    const signed = signRequest(extFields, undefined, credentials)
    assert.deepStrictEqual(Object.keys(extFields), ["a", "b"])
    assert.deepStrictEqual(Object.keys(signed).sort(), ["AccessKey", "Signature", "a"])
  })

  it("has plain keys whatever they are called", () => {
    const extFields: Record<string, string> = Object.create(null)
    extFields["__proto__"] = "p"
    const signed = signRequest(extFields, undefined, credentials)
    assert.strictEqual(signed["__proto__"], "p")
    assert.strictEqual(signed["Signature"], hmac("12345678", "RocketMQp"))
  })
})
