/** What the tests of messages share: those that Java made, in `test/fixtures/messages`, and any that there can be. */
import * as Arbitrary from "effect/Arbitrary"
import * as Schema from "effect/Schema"
import { readFileSync } from "node:fs"
import type { BatchMessage } from "../../../src/protocol/message/MessageBatch.ts"
import type { StoredMessage, StoredMessageInput } from "../../../src/protocol/message/StoredMessage.ts"

export interface Golden<A> {
  readonly name: string
  readonly hex: string
  /** What Java says it is. */
  readonly expect: A
}

/** A message as Java describes it: the body decompressed, and without the flag that says it is not. */
export interface JavaMessage extends Omit<StoredMessage, "body"> {
  readonly bodyHex: string
  readonly offsetId: string
}

export interface JavaBatchMessage extends Omit<BatchMessage, "body"> {
  readonly bodyHex: string
}

const goldens = <A>(kind: string): ReadonlyArray<A> =>
  JSON.parse(readFileSync(new URL(`../../fixtures/messages/${kind}.json`, import.meta.url), "utf8"))

export const goldenStored = goldens<Golden<ReadonlyArray<JavaMessage>>>("stored")
export const goldenBatches = goldens<Golden<ReadonlyArray<JavaBatchMessage>>>("batches")
export const goldenInnerBatches = goldens<Golden<ReadonlyArray<JavaMessage>>>("innerBatches")
export const goldenProperties = goldens<Golden<Readonly<Record<string, string>>>>("properties")
export const goldenCompressed = goldens<
  Golden<{ readonly type: "ZLIB" | "LZ4" | "ZSTD"; readonly size: number; readonly crc: number }>
>("compressed")
export const goldenOffsetIds = goldens<{ readonly host: string; readonly offset: number; readonly id: string }>(
  "offsetIds"
)
export const goldenRecallHandles = goldens<{
  readonly handle: string
  readonly topic: string
  readonly brokerName: string
  readonly deliverTimestamp: number
  readonly uniqKey: string
}>("recallHandles")
export const goldenNamespaces = goldens<{
  readonly namespace: string
  readonly name: string
  readonly wrapped: string
  readonly unwrapped: string
  readonly namespaceOf: string
}>("namespaces")

export const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex")

/** Java writes IPv6 addresses with all their zeros; URLs write them as RFC 5952 does. */
export const canonicalHost = (host: string): string => new URL(`rocketmq://${host}`).host

const between = (minimum: number, maximum: number) =>
  Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum, maximum })))

export const int32 = between(-(2 ** 31), 2 ** 31 - 1)

/** Offsets, small ones and such that need more than 32 bits. */
export const long = Arbitrary.flatMap(
  Arbitrary.schema(Schema.Boolean),
  (large) => large ? between(0, Number.MAX_SAFE_INTEGER) : between(0, 1000)
)

export const byte = between(0, 255)

export const bytes = (maxLength: number) =>
  Arbitrary.map(Arbitrary.array(byte, { maxLength }), (values) => Uint8Array.from(values))

/** Bytes in which there is something to compress. */
export const compressible = Arbitrary.map(
  Arbitrary.array(Arbitrary.all([bytes(12), between(0, 60)]), { maxLength: 30 }),
  (parts) => Buffer.concat(parts.flatMap(([part, times]) => Array.from({ length: times }, () => part)))
)

/** Well-formed text that is not empty and has none of the separators of properties. */
export const text = Arbitrary.map(
  Arbitrary.array(
    Arbitrary.schema(
      Schema.Literals([
        "a",
        "Z",
        "0",
        " ",
        "é",
        "日",
        "😀",
        "\u0000",
        "\u0003",
        "__proto__",
        "constructor",
        "KEYS",
        "=,;"
      ])
    ),
    { minLength: 1, maxLength: 6 }
  ),
  (parts) => parts.join("")
)

export const properties = Arbitrary.map(
  Arbitrary.array(Arbitrary.all([text, text]), { maxLength: 40 }),
  (entries): Readonly<Record<string, string>> => {
    const record: Record<string, string> = Object.create(null)
    for (const [name, value] of entries) {
      record[name] = value
    }
    return record
  }
)

const ipv4 = Arbitrary.map(Arbitrary.all([byte, byte, byte, byte]), (parts) => parts.join("."))
const group = Arbitrary.schema(Schema.Literals(["0", "0", "1", "a0", "ffff", "db8"]))
const ipv6 = Arbitrary.map(
  Arbitrary.array(group, { minLength: 8, maxLength: 8 }),
  (groups) => canonicalHost(`[${groups.join(":")}]`)
)
export const host = Arbitrary.flatMap(
  Arbitrary.schema(Schema.Boolean),
  (v6) => Arbitrary.map(Arbitrary.all([v6 ? ipv6 : ipv4, between(0, 65535)]), ([ip, port]) => `${ip}:${port}`)
)

/** A message whose body is what its system flag says: not compressed. */
export const storedMessage: Arbitrary.Arbitrary<StoredMessageInput> = Arbitrary.all({
  topic: Arbitrary.map(
    Arbitrary.all([Arbitrary.schema(Schema.Literals(["t", "%RETRY%g", "topic-é"])), between(0, 300)]),
    ([name, more]) => name + "x".repeat(more)
  ),
  queueId: int32,
  queueOffset: long,
  physicalOffset: long,
  flag: int32,
  sysFlag: Arbitrary.schema(Schema.Literals([0, 2, 4, 8, 12, 0x30, 0x80])),
  bornTimestamp: long,
  bornHost: host,
  storeTimestamp: long,
  storeHost: host,
  reconsumeTimes: int32,
  preparedTransactionOffset: long,
  body: bytes(40),
  properties
})

export const batchMessage: Arbitrary.Arbitrary<BatchMessage> = Arbitrary.all({
  flag: int32,
  body: bytes(40),
  properties
})
