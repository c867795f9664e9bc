/**
 * Many acknowledgements at once: the body of BATCH_ACK_MESSAGE (200151).
 *
 * Source: RocketMQ 5.5.0 `remoting.protocol.body.BatchAckMessageRequestBody`, `BatchAck` and
 * `remoting.protocol.BitSetSerializerDeserializer`.
 */
import { RetryMark } from "../header/ExtraInfo.ts"
import * as BodyCodec from "./BodyCodec.ts"

/** A bit set as Java's `BitSet.toByteArray` has it: bit `i` is bit `i & 7` of byte `i >> 3`, the last byte is not 0. */
export const toBitSet = (bits: ReadonlyArray<number>): Uint8Array => {
  const bytes = new Uint8Array(bits.reduce((size, bit) => Math.max(size, (bit >>> 3) + 1), 0))
  for (const bit of bits) {
    bytes[bit >>> 3] |= 1 << (bit & 7)
  }
  return bytes
}

/** The bits that are set, in order. There may be eight for each byte. */
export const bitsOf = (bitSet: Uint8Array): ReadonlyArray<number> => {
  const bits: Array<number> = []
  for (let i = 0; i < bitSet.length; i++) {
    for (let bit = 0; bit < 8; bit++) {
      if ((bitSet[i] & 1 << bit) !== 0) {
        bits.push(8 * i + bit)
      }
    }
  }
  return bits
}

/** The messages of one pop from one queue. */
export const BatchAck = BodyCodec.make({
  /** The messages, as `toBitSet` of their queue offsets less `startOffset`. */
  bitSet: BodyCodec.named("b", BodyCodec.base64),
  consumerGroup: BodyCodec.named("c", BodyCodec.text),
  /** Milliseconds. */
  invisibleTime: BodyCodec.named("it", BodyCodec.withDefault(BodyCodec.long, 0)),
  /** Milliseconds since the epoch. */
  popTime: BodyCodec.named("pt", BodyCodec.withDefault(BodyCodec.long, 0)),
  queueId: BodyCodec.named("q", BodyCodec.withDefault(BodyCodec.int, 0)),
  retryMark: BodyCodec.named("r", BodyCodec.enumeration(RetryMark.normal, RetryMark.retryV1, RetryMark.retryV2)),
  reviveQueueId: BodyCodec.named("rq", BodyCodec.withDefault(BodyCodec.int, 0)),
  startOffset: BodyCodec.named("so", BodyCodec.withDefault(BodyCodec.long, 0)),
  /** The topic, not its retry topic: `retryMark` says which. */
  topic: BodyCodec.named("t", BodyCodec.text)
})
export interface BatchAck extends BodyCodec.Type<typeof BatchAck> {}

export const BatchAckMessageRequestBody = BodyCodec.make({
  acks: BodyCodec.withDefault(BodyCodec.list(BatchAck), []),
  brokerName: BodyCodec.optional(BodyCodec.text)
})
export interface BatchAckMessageRequestBody extends BodyCodec.Type<typeof BatchAckMessageRequestBody> {}
