/** Java reads what we write, and says what we say: `MessageMain` is asked about messages, ids and bodies of any kind. */
import { assert, describe, layer } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Compression from "../../src/protocol/message/Compression.ts"
import * as MessageBatch from "../../src/protocol/message/MessageBatch.ts"
import * as MessageId from "../../src/protocol/message/MessageId.ts"
import * as MessageProperties from "../../src/protocol/message/MessageProperties.ts"
import * as Names from "../../src/protocol/message/Names.ts"
import * as RecallHandle from "../../src/protocol/message/RecallHandle.ts"
import * as StoredMessage from "../../src/protocol/message/StoredMessage.ts"
import {
  batchMessage,
  canonicalHost,
  compressible,
  goldenCompressed,
  hexOf,
  host,
  type JavaBatchMessage,
  type JavaMessage,
  long,
  properties,
  storedMessage,
  text
} from "../protocol/message/messages.ts"
import type { HarnessError } from "./harness/HarnessError.ts"
import * as JavaProcess from "./harness/JavaProcess.ts"

class Java extends Context.Service<Java, JavaProcess.Conversation>()("test/Java") {
  static readonly layer = Layer.effect(Java, JavaProcess.converse("MessageMain", []))
}

const ask = (...words: ReadonlyArray<string>): Effect.Effect<unknown, HarnessError, Java> =>
  Effect.flatMap(Java, (java) => Effect.map(java.ask(words.join(" ")), (line) => JSON.parse(line) as unknown))

const hexWord = (bytes: Uint8Array | string): string => {
  const hex = hexOf(typeof bytes === "string" ? Buffer.from(bytes) : bytes)
  return hex === "" ? "-" : hex
}

const runs = { arbitrary: { runs: 100 } }

layer(Java.layer, { timeout: 180_000 })("Java", (it) => {
  describe("reads what we encode", () => {
    it.effect.prop(
      "stored messages",
      [Arbitrary.array(storedMessage, { minLength: 1, maxLength: 3 })],
      Effect.fnUntraced(function*([messages]) {
        const encoded = Buffer.concat(messages.map(StoredMessage.encode))
        const decoded = StoredMessage.decodeAll(encoded).messages
        const answer = (yield* ask("stored", hexWord(encoded))) as ReadonlyArray<JavaMessage>
        assert.strictEqual(decoded.length, messages.length)
        assert.deepStrictEqual(
          answer.map((each) => ({
            ...each,
            bornHost: canonicalHost(each.bornHost),
            storeHost: canonicalHost(each.storeHost)
          })),
          decoded.map(({ body, ...fields }) => ({
            ...fields,
            bodyHex: hexOf(body),
            properties: { ...fields.properties },
            offsetId: StoredMessage.offsetId({ ...fields, body })
          }))
        )
      }),
      runs
    )

    it.effect.prop(
      "batches",
      [Arbitrary.array(batchMessage, { maxLength: 4 })],
      Effect.fnUntraced(function*([messages]) {
        const answer = (yield* ask("batch", hexWord(MessageBatch.encode(messages)))) as ReadonlyArray<JavaBatchMessage>
        assert.deepStrictEqual(
          answer,
          messages.map(({ body, flag, properties: own }) => ({ flag, bodyHex: hexOf(body), properties: { ...own } }))
        )
      }),
      runs
    )

    it.effect.prop(
      "properties",
      [properties],
      Effect.fnUntraced(function*([record]) {
        assert.deepStrictEqual(yield* ask("properties", hexWord(MessageProperties.encode(record))), { ...record })
      }),
      runs
    )

    it.effect.prop(
      "recall handles",
      [Arbitrary.all({ topic: text, brokerName: text, uniqKey: text, deliverTimestamp: long })],
      Effect.fnUntraced(function*([parts]) {
        const one = (part: string): string => part.replaceAll(" ", "-")
        const handle = {
          topic: one(parts.topic),
          brokerName: one(parts.brokerName),
          deliverTimestamp: parts.deliverTimestamp,
          uniqKey: one(parts.uniqKey)
        }
        assert.deepStrictEqual(yield* ask("recall-handle", RecallHandle.encode(handle)), handle)
      }),
      runs
    )
  })

  describe.each(["ZLIB", "LZ4", "ZSTD"] as const)("and we, %s", (type) => {
    it.effect.prop(
      "compress and decompress alike",
      [compressible],
      Effect.fnUntraced(function*([body]) {
        assert.strictEqual(yield* ask("decompress", type, hexWord(Compression.compress(type, body))), hexOf(body))
        const compressed = Buffer.from((yield* ask("compress", type, "5", hexWord(body))) as string, "hex")
        const decompressed = Compression.decompress(type, compressed, body.length)
        assert.isTrue(decompressed instanceof Uint8Array && body.equals(decompressed))
      }),
      runs
    )

    it.effect("compress bodies of several blocks alike", () =>
      Effect.gen(function*() {
        const body = Buffer.concat([
          Buffer.alloc(3 << 20, "abcdefg"),
          Buffer.from(goldenCompressed.map(({ hex }) => hex).join(""), "hex"),
          Buffer.alloc(2 << 20)
        ])
        const answer = yield* ask("decompress", type, hexWord(Compression.compress(type, body)))
        assert.isTrue(answer === hexOf(body))
      }))

    it.effect("treat alike what follows", () =>
      Effect.gen(function*() {
        const compressed = Compression.compress(type, Buffer.from("abcdefgh".repeat(20)))
        for (const more of [compressed, Buffer.alloc(8), Buffer.from("502a4d1803000000aabbcc", "hex")]) {
          const bytes = Buffer.concat([compressed, more])
          const ours = Compression.decompress(type, bytes, 10_000)
          const theirs = yield* ask("decompress", type, hexWord(bytes))
          assert.strictEqual(
            typeof theirs === "string" ? theirs : "refused",
            ours instanceof Uint8Array ? hexOf(ours) : "refused"
          )
        }
      }))

    it.effect("refuse what is cut off", () =>
      Effect.gen(function*() {
        const compressed = Compression.compress(type, Buffer.from("abcdefgh".repeat(20)))
        for (let size = 1; size < compressed.length; size++) {
          const answer = yield* ask("decompress", type, hexWord(compressed.subarray(0, size)))
          assert.isObject(answer, `${size} of ${compressed.length}`)
        }
      }))
  })

  describe("and we", () => {
    it.effect.prop(
      "make the same offset ids",
      [host, long],
      Effect.fnUntraced(function*([address, offset]) {
        const colon = address.lastIndexOf(":")
        const ip = address.slice(0, colon).replaceAll(/[[\]]/g, "")
        const id = yield* ask("offset-id", ip, address.slice(colon + 1), `${offset}`)
        assert.strictEqual(MessageId.createOffsetId(address, offset), id)
      }),
      runs
    )

    it.effect("read the same in a UNIQ_KEY", () =>
      Effect.gen(function*() {
        const theirs = (yield* ask("new-uniq-key")) as string
        const ours = MessageId.uniqKey({
          ip: Uint8Array.of(10, 0, 0, 1),
          process: 54_321,
          salt: 1,
          millisSinceMonth: 2,
          counter: 3
        })
        for (const id of [theirs, ours]) {
          const parts = MessageId.parseUniqKey(id)!
          assert.deepStrictEqual(yield* ask("uniq-key", id), { ip: hexOf(parts.ip), process: parts.process })
          assert.strictEqual(MessageId.uniqKey(parts), id)
        }
      }))

    it.effect.prop(
      "take the same names for valid",
      [text],
      Effect.fnUntraced(function*([noise]) {
        for (const name of [noise, `a${noise}`, "x".repeat(120) + noise, `%RETRY%${"x".repeat(245)}${noise}`]) {
          assert.strictEqual(Names.validateTopic(name) === undefined, yield* ask("topic", hexWord(name)), name)
          assert.strictEqual(Names.validateGroup(name) === undefined, yield* ask("group", hexWord(name)), name)
        }
      }),
      runs
    )
  })
})
