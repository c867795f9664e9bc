/**
 * Mutated messages, batches, properties and compressed bodies against their decoders: 10⁵ of them, or `FUZZ_MESSAGES`.
 * `FUZZ_SEED` replays a run.
 */
import { assert, describe, it } from "@effect/vitest"
import { promisify } from "node:util"
import * as Compression from "../../src/protocol/message/Compression.ts"
import * as MessageBatch from "../../src/protocol/message/MessageBatch.ts"
import * as MessageId from "../../src/protocol/message/MessageId.ts"
import * as MessageProperties from "../../src/protocol/message/MessageProperties.ts"
import type { MessageViolation } from "../../src/protocol/message/MessageViolation.ts"
import * as RecallHandle from "../../src/protocol/message/RecallHandle.ts"
import * as StoredMessage from "../../src/protocol/message/StoredMessage.ts"
import { generator } from "../protocol/frames.ts"
import {
  goldenBatches,
  goldenCompressed,
  goldenInnerBatches,
  goldenProperties,
  goldenStored
} from "../protocol/message/messages.ts"
import { leastMilliseconds, mutated, pick, type Random, slowMs, usedBytes } from "./mutated.ts"

const count = Number(process.env["FUZZ_MESSAGES"] ?? 100_000)
const seed = Number(process.env["FUZZ_SEED"] ?? Math.trunc(Math.random() * 2 ** 32))

/** Bodies may not grow beyond this. */
const limit = 100_000

const bytesOf = ({ hex }: { readonly hex: string }): Buffer => Buffer.from(hex, "hex")

const stored = [...goldenStored, ...goldenInnerBatches].map(bytesOf)
const tokens = [
  "\u0001",
  "\u0002",
  "\u0001\u0002",
  "a\u0001b\u0002",
  "\u00ff\u00ff\u00ff\u00ff",
  "\u007f\u00ff\u00ff\u00ff",
  "é日😀"
]
  .map((token) => Buffer.from(token, "latin1"))

const checkViolation = (violation: MessageViolation | undefined, size: number): void => {
  if (violation !== undefined && (violation.offset < 0 || violation.offset > size || violation.detail === "")) {
    throw new Error(`a violation that is not sound: ${JSON.stringify(violation)}`)
  }
}

const isInt32 = (value: number): boolean => (value | 0) === value

const checkStored = (bytes: Buffer): void => {
  const { messages, violation } = StoredMessage.decodeAll(bytes)
  checkViolation(violation, bytes.length)
  for (const message of messages) {
    const body = StoredMessage.decodeBody(message, limit)
    const inner = StoredMessage.expandInnerBatch(message, limit)
    checkViolation(inner.violation, Math.max(limit, bytes.length))
    const sound = isInt32(message.queueId) && isInt32(message.flag) && isInt32(message.sysFlag) &&
      Number.isSafeInteger(message.queueOffset) && Number.isSafeInteger(message.physicalOffset) &&
      Number.isSafeInteger(message.bornTimestamp) && Number.isSafeInteger(message.storeTimestamp) &&
      (Compression.isFailure(body) || body.length <= Math.max(limit, message.body.length))
    if (!sound) {
      throw new Error("a message that is not sound")
    }
    if (message.physicalOffset >= 0 && MessageId.parseOffsetId(StoredMessage.offsetId(message)) === undefined) {
      throw new Error("an offset id that leads nowhere")
    }
    // Bytes that are no text become others when they are encoded, and perhaps too many.
    const text = MessageProperties.encode(message.properties) + message.topic
    if (!text.includes("\ufffd")) {
      const again = StoredMessage.decodeAll(StoredMessage.encode(message)).messages
      assert.deepStrictEqual(again, [message])
    }
  }
}

const checkBatch = (bytes: Buffer): void => {
  const messages = MessageBatch.decode(bytes)
  if (MessageBatch.isViolation(messages)) {
    checkViolation(messages, bytes.length)
  }
}

const checkCompressed = (type: Compression.CompressionType) => (bytes: Buffer): void => {
  const body = Compression.decompress(type, bytes, limit)
  if (Compression.isFailure(body) ? body.detail === "" : body.length > limit) {
    throw new Error("a body that is not sound")
  }
}

const checkText = (bytes: Buffer): void => {
  const text = bytes.toString("utf8")
  const decoded = MessageProperties.decode(text)
  assert.deepStrictEqual({ ...MessageProperties.decode(MessageProperties.encode(decoded)) }, { ...decoded })
  RecallHandle.decode(bytes.toString("latin1"))
  MessageId.parseOffsetId(text)
  MessageId.parseUniqKey(bytes.toString("hex"))
}

interface Target {
  readonly name: string
  readonly corpus: ReadonlyArray<Buffer>
  readonly check: (bytes: Buffer) => void
}

const targets: ReadonlyArray<Target> = [
  { name: "stored", corpus: stored, check: checkStored },
  { name: "stored", corpus: stored, check: checkStored },
  { name: "batch", corpus: goldenBatches.map(bytesOf), check: checkBatch },
  { name: "text", corpus: goldenProperties.map(bytesOf), check: checkText },
  ...(["ZLIB", "LZ4", "LZ4", "ZSTD"] as const).map((type) => ({
    name: type,
    corpus: goldenCompressed.filter(({ expect }) => expect.type === type).map(bytesOf),
    check: checkCompressed(type)
  }))
]

const nextInput = (random: Random, { corpus }: Target): Buffer => {
  let bytes = pick(random, corpus)
  for (let changes = 1 + random(3); changes > 0 && bytes.length > 0; changes--) {
    bytes = mutated(bytes, random, corpus, tokens)
  }
  return bytes
}

const turn = promisify(setImmediate)

describe(`fuzzing messages, FUZZ_SEED=${seed} FUZZ_MESSAGES=${count}`, () => {
  it("never throws, never stalls, never leaks", async () => {
    const random = generator(seed)
    let usedEarly = 0
    for (let i = 0; i < count; i++) {
      // What zlib could not inflate, Node lets go of on a later turn of its loop.
      if (i % 1000 === 0 || i === Math.floor(count / 10)) {
        await turn()
      }
      const target = pick(random, targets)
      const bytes = nextInput(random, target)
      try {
        assert.isAtMost(leastMilliseconds(() => target.check(bytes)), slowMs)
      } catch (error) {
        throw new Error(`${target.name} ${i} of FUZZ_SEED=${seed}: ${bytes.toString("hex")}`, { cause: error })
      }
      if (i === Math.floor(count / 10)) {
        usedEarly = usedBytes()
      }
    }
    await turn()
    assert.isAtMost(usedBytes() - usedEarly, 1024 * 1024)
    assert.deepStrictEqual(Object.keys(Object.prototype), [])
  })
})
