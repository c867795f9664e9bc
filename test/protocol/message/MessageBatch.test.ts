import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as MessageBatch from "../../../src/protocol/message/MessageBatch.ts"
import * as MessageProperties from "../../../src/protocol/message/MessageProperties.ts"
import { batchMessage, bytes, goldenBatches, hexOf } from "./messages.ts"

const described = (messages: ReadonlyArray<MessageBatch.BatchMessage>) =>
  messages.map(({ body, flag, properties }) => ({ flag, bodyHex: hexOf(body), properties: { ...properties } }))

const decoded = (body: Uint8Array): ReadonlyArray<MessageBatch.BatchMessage> => {
  const messages = MessageBatch.decode(body)
  if (MessageBatch.isViolation(messages)) {
    assert.fail(messages.detail)
  }
  return messages
}

const kindOf = (body: Uint8Array): string => {
  const messages = MessageBatch.decode(body)
  return MessageBatch.isViolation(messages) ? messages.kind : `${messages.length} messages`
}

describe("batches", () => {
  for (const { expect, hex, name } of goldenBatches) {
    it(`of Java are read and written: ${name}`, () => {
      const body = Buffer.from(hex, "hex")
      const messages = decoded(body)
      assert.deepStrictEqual(described(messages), expect)
      assert.strictEqual(hexOf(MessageBatch.encode(messages)), hex)
    })

    it(`are refused where they are cut off: ${name}`, () => {
      const body = Buffer.from(hex, "hex")
      const sizes = decoded(body).map((_, i, all) => MessageBatch.encode(all.slice(0, i + 1)).length)
      for (let size = 1; size < body.length; size++) {
        assert.strictEqual(
          kindOf(body.subarray(0, size)),
          sizes.includes(size) ? `${sizes.indexOf(size) + 1} messages` : "Truncated"
        )
      }
    })
  }

  it.prop("come back as they were", [Arbitrary.array(batchMessage, { maxLength: 5 })], ([messages]) => {
    assert.deepStrictEqual(described(decoded(MessageBatch.encode(messages))), described(messages))
  })

  it("take properties that are encoded already", () => {
    const message = { flag: 1, body: Buffer.from("b") }
    const properties = { TAGS: "t", é: "日" }
    assert.deepStrictEqual(
      MessageBatch.encode([{ ...message, properties: MessageProperties.encode(properties) }]),
      MessageBatch.encode([{ ...message, properties }])
    )
  })

  it("have no room for more properties than a short can count", () => {
    const message = { flag: 0, body: Buffer.alloc(0) }
    const text = "x".repeat(MessageProperties.maxBytes)
    assert.lengthOf(decoded(MessageBatch.encode([{ ...message, properties: text }])), 1)
    assert.throws(() => MessageBatch.encode([{ ...message, properties: `${text}x` }]), RangeError)
  })

  it("give bodies as views", () => {
    const body = MessageBatch.encode([{ flag: 0, body: Buffer.from("abc"), properties: {} }])
    assert.strictEqual(decoded(body)[0].body.buffer, body.buffer)
  })

  it("may say any size, magic and checksum, as for Java", () => {
    const body = Buffer.from(MessageBatch.encode([{ flag: 0, body: Buffer.from("abc"), properties: { a: "b" } }]))
    body.fill(0xff, 0, 12)
    assert.strictEqual(kindOf(body), "1 messages")
  })

  it("are refused for lengths that cannot be", () => {
    const body = MessageBatch.encode([{ flag: 0, body: Buffer.from("abc"), properties: { a: "b" } }])
    const changed = (at: number, hex: string): Buffer => {
      const copy = Buffer.from(body)
      copy.write(hex, at, "hex")
      return copy
    }
    assert.strictEqual(kindOf(changed(16, "ffffffff")), "InvalidLength")
    assert.strictEqual(kindOf(changed(16, "80000000")), "InvalidLength")
    assert.strictEqual(kindOf(changed(16, "7fffffff")), "Truncated")
    assert.strictEqual(kindOf(changed(23, "ffff")), "InvalidLength")
    assert.strictEqual(kindOf(changed(23, "7fff")), "Truncated")
  })

  it.prop("are read or refused, whatever the bytes", [bytes(80)], ([junk]) => {
    const messages = MessageBatch.decode(junk)
    if (MessageBatch.isViolation(messages)) {
      assert.isAtMost(messages.offset, junk.length)
    }
  }, { arbitrary: { runs: 1000 } })
})
