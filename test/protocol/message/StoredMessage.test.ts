import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Schema from "effect/Schema"
import * as Compression from "../../../src/protocol/message/Compression.ts"
import * as MessageBatch from "../../../src/protocol/message/MessageBatch.ts"
import type * as MessageProperties from "../../../src/protocol/message/MessageProperties.ts"
import * as StoredMessage from "../../../src/protocol/message/StoredMessage.ts"
import * as SysFlag from "../../../src/protocol/message/SysFlag.ts"
import {
  batchMessage,
  bytes,
  canonicalHost,
  goldenInnerBatches,
  goldenStored,
  hexOf,
  type JavaMessage,
  storedMessage
} from "./messages.ts"

const limit = 1_000_000

/** A message as Java describes it. */
const javaMessage = (message: StoredMessage.StoredMessage): JavaMessage => {
  const body = StoredMessage.decodeBody(message, limit)
  if (Compression.isFailure(body)) {
    assert.fail(body.detail)
  }
  const { body: _, properties, ...fields } = message
  return {
    ...fields,
    sysFlag: body.length === 0 ? message.sysFlag : SysFlag.withoutCompressed(message.sysFlag),
    bodyHex: hexOf(body),
    properties: { ...properties },
    offsetId: StoredMessage.offsetId(message)
  }
}

const canonical = (message: JavaMessage): JavaMessage => ({
  ...message,
  bornHost: canonicalHost(message.bornHost),
  storeHost: canonicalHost(message.storeHost)
})

const input: StoredMessage.StoredMessageInput = {
  topic: "topic",
  queueId: 1,
  queueOffset: 2,
  physicalOffset: 3,
  flag: 4,
  sysFlag: 0,
  bornTimestamp: 5,
  bornHost: "1.2.3.4:5",
  storeTimestamp: 6,
  storeHost: "5.6.7.8:9",
  reconsumeTimes: 0,
  preparedTransactionOffset: 0,
  body: Buffer.from("body"),
  properties: { TAGS: "t" }
}

const one = (encoded: Uint8Array): StoredMessage.StoredMessage => {
  const { messages, violation } = StoredMessage.decodeAll(encoded)
  assert.isUndefined(violation)
  assert.lengthOf(messages, 1)
  return messages[0]
}

const kindOf = (encoded: Uint8Array): string | undefined => StoredMessage.decodeAll(encoded).violation?.kind

const changed = (encoded: Uint8Array, at: number, hex: string): Buffer => {
  const copy = Buffer.from(encoded)
  copy.write(hex, at, "hex")
  return copy
}

const comparable = (message: StoredMessage.StoredMessage) => ({
  ...message,
  body: hexOf(message.body),
  properties: { ...message.properties }
})

describe("messages that Java stored", () => {
  for (const { expect, hex, name } of goldenStored) {
    it(`are decoded: ${name}`, () => {
      const { messages, violation } = StoredMessage.decodeAll(Buffer.from(hex, "hex"))
      assert.deepStrictEqual(messages.map(javaMessage), expect.map(canonical))
      assert.strictEqual(
        violation?.kind,
        name.includes("cut off") ? "Truncated" : name.includes("blank") ? "UnknownMagic" : undefined
      )
    })
  }

  const single = goldenStored.filter(({ expect, name }) => expect.length === 1 && !/cut off|blank/.test(name))

  it.each(single)("are encoded to the same bytes: $name", ({ hex }) => {
    assert.strictEqual(hexOf(StoredMessage.encode(one(Buffer.from(hex, "hex")))), hex)
  })

  it.each(single)("are refused where they are cut off: $name", ({ hex }) => {
    const whole = Buffer.from(hex, "hex")
    for (let size = 1; size < whole.length; size++) {
      const { messages, violation } = StoredMessage.decodeAll(whole.subarray(0, size))
      assert.lengthOf(messages, 0)
      assert.strictEqual(violation?.kind, "Truncated")
    }
  })
})

describe("messages", () => {
  it.prop("come back as they were", [storedMessage], ([message]) => {
    const decoded = one(StoredMessage.encode(message))
    const v6 = (message.bornHost.startsWith("[") ? SysFlag.bornHostV6 : 0) |
      (message.storeHost.startsWith("[") ? SysFlag.storeHostV6 : 0)
    assert.deepStrictEqual(
      comparable(decoded),
      comparable({
        ...message,
        properties: message.properties as MessageProperties.MessageProperties,
        sysFlag: (message.sysFlag & ~0x30) | v6,
        bodyCrc: StoredMessage.bodyCrc(message.body)
      })
    )
  }, { arbitrary: { runs: 300 } })

  it.prop(
    "come one behind the other",
    [Arbitrary.array(storedMessage, { maxLength: 6 })],
    ([all]) => {
      const encoded = all.map(StoredMessage.encode)
      const { messages, violation } = StoredMessage.decodeAll(Buffer.concat(encoded))
      assert.isUndefined(violation)
      assert.deepStrictEqual(messages.map(comparable), encoded.map(one).map(comparable))
    }
  )

  it("come up to the first that is none", () => {
    const encoded = StoredMessage.encode(input)
    const { messages, violation } = StoredMessage.decodeAll(Buffer.concat([encoded, encoded, Buffer.alloc(200)]))
    assert.lengthOf(messages, 2)
    assert.deepStrictEqual(
      { kind: violation?.kind, offset: violation?.offset },
      { kind: "UnknownMagic", offset: 2 * encoded.length + 4 }
    )
  })

  it("are none in no bytes", () => {
    assert.deepStrictEqual(StoredMessage.decodeAll(Buffer.alloc(0)), { messages: [], violation: undefined })
  })

  it("may begin with any size, as for Java", () => {
    assert.isUndefined(kindOf(changed(StoredMessage.encode(input), 0, "ffffffff")))
  })

  it("have bodies that are views", () => {
    const encoded = StoredMessage.encode(input)
    assert.strictEqual(one(encoded).body.buffer, encoded.buffer)
  })

  it("may be part of a larger buffer", () => {
    const encoded = StoredMessage.encode(input)
    const larger = new Uint8Array(encoded.length + 20)
    larger.set(encoded, 7)
    assert.strictEqual(one(larger.subarray(7, 7 + encoded.length)).topic, "topic")
  })

  it("are laid out for long topics only when the topic is", () => {
    const magic = (topic: string): number => Buffer.from(StoredMessage.encode({ ...input, topic })).readInt32BE(4)
    assert.strictEqual(magic("x".repeat(127)), StoredMessage.magicV1)
    assert.strictEqual(magic("x".repeat(128)), StoredMessage.magicV2)
  })

  it("take a checksum and properties that are made already", () => {
    const decoded = one(StoredMessage.encode({ ...input, bodyCrc: 7, properties: "a\u0001b\u0002" }))
    assert.strictEqual(decoded.bodyCrc, 7)
    assert.deepStrictEqual({ ...decoded.properties }, { a: "b" })
  })

  it("are not made of what cannot be stored", () => {
    const wrong: ReadonlyArray<Partial<StoredMessage.StoredMessageInput>> = [
      { bornHost: "localhost:1" },
      { storeHost: "1.2.3.4" },
      { queueOffset: 2 ** 53 },
      { physicalOffset: 0.5 },
      { bornTimestamp: Number.NaN },
      { topic: "x".repeat(32_768) },
      { properties: "x".repeat(32_768) },
      { queueId: 2 ** 31 }
    ]
    for (const part of wrong) {
      assert.throws(() => StoredMessage.encode({ ...input, ...part }), RangeError)
    }
  })

  it("have timestamps within 53 bits, whatever a producer said", () => {
    const encoded = StoredMessage.encode(input)
    assert.strictEqual(one(changed(encoded, 40, "7fffffffffffffff")).bornTimestamp, Number.MAX_SAFE_INTEGER)
    assert.strictEqual(one(changed(encoded, 40, "8000000000000000")).bornTimestamp, Number.MIN_SAFE_INTEGER)
    assert.strictEqual(one(changed(encoded, 40, "ffffffffffffffff")).bornTimestamp, -1)
    assert.strictEqual(one(changed(encoded, 56, "7fffffffffffffff")).storeTimestamp, Number.MAX_SAFE_INTEGER)
  })

  it("are refused for what cannot be", () => {
    const encoded = StoredMessage.encode(input)
    const topicAt = 88 + 4
    assert.strictEqual(encoded[topicAt], 5)
    assert.strictEqual(kindOf(changed(encoded, 4, "daa320a8")), "UnknownMagic")
    assert.strictEqual(kindOf(changed(encoded, 20, "0020000000000000")), "UnsafeInteger")
    assert.strictEqual(kindOf(changed(encoded, 28, "7fffffffffffffff")), "UnsafeInteger")
    assert.strictEqual(kindOf(changed(encoded, 76, "8000000000000000")), "UnsafeInteger")
    assert.strictEqual(kindOf(changed(encoded, 52, "00010000")), "InvalidHost")
    assert.strictEqual(kindOf(changed(encoded, 52, "ffffffff")), "InvalidHost")
    assert.strictEqual(kindOf(changed(encoded, 68, "00010000")), "InvalidHost")
    assert.strictEqual(kindOf(changed(encoded, 84, "ffffffff")), "InvalidLength")
    assert.strictEqual(kindOf(changed(encoded, 84, "80000000")), "InvalidLength")
    assert.strictEqual(kindOf(changed(encoded, 84, "7fffffff")), "Truncated")
    assert.strictEqual(kindOf(changed(encoded, topicAt, "80")), "InvalidLength")
    assert.strictEqual(kindOf(changed(encoded, topicAt, "7f")), "Truncated")
    assert.strictEqual(kindOf(changed(encoded, topicAt + 6, "8000")), "InvalidLength")
    assert.strictEqual(kindOf(changed(encoded, topicAt + 6, "7fff")), "Truncated")
  })

  it.prop(
    "are decoded or refused, whatever was changed in their bytes",
    [storedMessage, bytes(6), Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 400 })))],
    ([message, noise, at]) => {
      const encoded = StoredMessage.encode(message)
      const copy = Buffer.from(encoded)
      copy.set(noise.subarray(0, Math.max(0, copy.length - (at % copy.length))), at % copy.length)
      const { messages, violation } = StoredMessage.decodeAll(copy)
      assert.isTrue(violation !== undefined || messages.length > 0)
      assert.isAtMost(violation?.offset ?? 0, copy.length)
    },
    { arbitrary: { runs: 1000 } }
  )
})

describe("decodeBody", () => {
  it("leaves a body that is not compressed as it is, however large", () => {
    assert.strictEqual(StoredMessage.decodeBody(one(StoredMessage.encode(input)), 0).toString(), "body")
  })

  for (const type of ["ZLIB", "LZ4", "ZSTD"] as const) {
    it(`decompresses ${type} up to a limit`, () => {
      const body = Buffer.alloc(1000, "abc")
      const message = one(StoredMessage.encode({
        ...input,
        sysFlag: SysFlag.compressionFlag(type),
        body: Compression.compress(type, body)
      }))
      assert.deepStrictEqual(StoredMessage.decodeBody(message, 1000), body)
      assert.include(StoredMessage.decodeBody(message, 999), { kind: "TooLarge" })
    })
  }

  it("does not know every type", () => {
    const message = one(StoredMessage.encode({ ...input, sysFlag: 0x701 }))
    assert.include(StoredMessage.decodeBody(message, limit), { kind: "UnknownType" })
  })

  it("takes no body for another", () => {
    const message = one(StoredMessage.encode({ ...input, sysFlag: SysFlag.compressed }))
    assert.include(StoredMessage.decodeBody(message, limit), { kind: "Malformed" })
  })
})

describe("expandInnerBatch", () => {
  for (const { expect, hex, name } of goldenInnerBatches) {
    it(`makes of a batch what Java makes of it: ${name}`, () => {
      const { messages, violation } = StoredMessage.expandInnerBatch(one(Buffer.from(hex, "hex")), limit)
      assert.isUndefined(violation)
      // Java also sets WAIT of all, to that of the batch: it said how the batch was to be stored.
      const withWait = messages.map((message) => ({ ...message, properties: { ...message.properties, WAIT: "true" } }))
      assert.deepStrictEqual(withWait.map(javaMessage), expect.map(canonical))
    })
  }

  it("leaves any other message as it is", () => {
    for (const sysFlag of [0, SysFlag.innerBatch, SysFlag.needUnwrap]) {
      const message = one(StoredMessage.encode({ ...input, sysFlag }))
      assert.deepStrictEqual(StoredMessage.expandInnerBatch(message, limit), {
        messages: [message],
        violation: undefined
      })
    }
  })

  it.prop("keeps every message of the batch", [Arbitrary.array(batchMessage, { maxLength: 5 })], ([all]) => {
    const sysFlag = SysFlag.innerBatch | SysFlag.needUnwrap
    const message = one(StoredMessage.encode({ ...input, sysFlag, body: MessageBatch.encode(all) }))
    const { messages } = StoredMessage.expandInnerBatch(message, limit)
    assert.deepStrictEqual(messages.map((each) => hexOf(each.body)), all.map((each) => hexOf(each.body)))
    assert.deepStrictEqual(
      messages.map((each) => each.queueOffset),
      all.map((_, i) => input.queueOffset + i)
    )
  })

  it("gives none of a batch that is broken or too large", () => {
    const sysFlag = SysFlag.innerBatch | SysFlag.needUnwrap
    const broken = one(StoredMessage.encode({ ...input, sysFlag, body: Buffer.alloc(7) }))
    assert.strictEqual(StoredMessage.expandInnerBatch(broken, limit).violation?.kind, "Truncated")
    const large = one(StoredMessage.encode({
      ...input,
      sysFlag: sysFlag | SysFlag.compressionFlag("ZLIB"),
      body: Compression.compress("ZLIB", Buffer.alloc(1000))
    }))
    assert.deepStrictEqual(StoredMessage.expandInnerBatch(large, 999).messages, [])
    assert.strictEqual(StoredMessage.expandInnerBatch(large, 999).violation?.kind, "Undecompressable")
  })
})
