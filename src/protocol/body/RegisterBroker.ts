/**
 * How a broker introduces itself to a name server: the body of REGISTER_BROKER (103).
 *
 * Source: RocketMQ 5.3.3 `remoting.protocol.body.RegisterBrokerBody`, `common.TopicConfig`, `common.MQVersion`.
 */
import { crc32 } from "node:zlib"
import * as Compression from "../message/Compression.ts"
import { MqVersion } from "../MqVersion.ts"
import * as BodyCodec from "./BodyCodec.ts"
import { DataVersion, zero } from "./DataVersion.ts"
import { TopicConfig, topicConfigSerializeWrapper, TopicQueueMappingDetail } from "./TopicConfig.ts"
import { TopicQueueMappingInfo } from "./TopicRouteData.ts"

/** All topics of a broker, and those of its queues that belong to static topics. */
export const TopicConfigAndMappingSerializeWrapper = BodyCodec.make({
  ...topicConfigSerializeWrapper,
  mappingDataVersion: BodyCodec.withDefault(DataVersion, zero),
  topicQueueMappingDetailMap: BodyCodec.withDefault(BodyCodec.record(TopicQueueMappingDetail), BodyCodec.noEntries),
  topicQueueMappingInfoMap: BodyCodec.withDefault(BodyCodec.record(TopicQueueMappingInfo), BodyCodec.noEntries)
})
export interface TopicConfigAndMappingSerializeWrapper
  extends BodyCodec.Type<typeof TopicConfigAndMappingSerializeWrapper>
{}

const noTopics: TopicConfigAndMappingSerializeWrapper = {
  dataVersion: zero,
  mappingDataVersion: zero,
  topicConfigTable: BodyCodec.noEntries,
  topicQueueMappingDetailMap: BodyCodec.noEntries,
  topicQueueMappingInfoMap: BodyCodec.noEntries
}

/** The body as JSON; `encodeCompressed` and `decodeCompressed` are for the other form. */
export const RegisterBrokerBody = BodyCodec.make({
  filterServerList: BodyCodec.withDefault(BodyCodec.list(BodyCodec.text), []),
  topicConfigSerializeWrapper: BodyCodec.withDefault(TopicConfigAndMappingSerializeWrapper, noTopics)
})
export interface RegisterBrokerBody extends BodyCodec.Type<typeof RegisterBrokerBody> {}

/** What `RegisterBrokerRequestHeader.bodyCrc32` is for a body. */
export const bodyCrc32 = (body: Uint8Array): number => crc32(body) & 0x7fffffff

const Attributes = BodyCodec.body(BodyCodec.record(BodyCodec.text))
const FilterServers = BodyCodec.body(BodyCodec.list(BodyCodec.text))

const int32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}

const part = (bytes: Uint8Array): ReadonlyArray<Uint8Array> => [int32(bytes.length), bytes]

const topicText = (topic: TopicConfig): Uint8Array =>
  Buffer.from(
    `${topic.topicName} ${topic.readQueueNums} ${topic.writeQueueNums} ${topic.perm} ${topic.topicFilterType} ` +
      Attributes.write(topic.attributes, "FastJson"),
    "utf8"
  )

/**
 * The body deflated, for a header with `compressed`. It has no `order`, `topicSysFlag`, `mappingDataVersion` and
 * `topicQueueMappingDetailMap`.
 */
export const encodeCompressed = (body: RegisterBrokerBody): Uint8Array => {
  const { dataVersion, topicConfigTable, topicQueueMappingInfoMap } = body.topicConfigSerializeWrapper
  const topics = Object.values(topicConfigTable)
  const mappings = Object.values(topicQueueMappingInfoMap)
  return Compression.compress(
    "ZLIB",
    Buffer.concat([
      ...part(DataVersion.encode(dataVersion)),
      int32(topics.length),
      ...topics.flatMap((topic) => part(topicText(topic))),
      ...part(FilterServers.encode(body.filterServerList)),
      int32(mappings.length),
      ...mappings.flatMap((mapping) => part(TopicQueueMappingInfo.encode(mapping)))
    ]),
    9
  )
}

/** Inflated, no body may be larger: 64 MiB. */
export const defaultMaxInflatedBytes = 64 * 1024 * 1024

/** Reads the parts of an inflated body, until there is a violation. */
class PartReader {
  violation: BodyCodec.BodyViolation | undefined = undefined
  private readonly bytes: Buffer
  private at = 0

  constructor(bytes: Uint8Array) {
    this.bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  fail(violation: BodyCodec.BodyViolation): undefined {
    this.violation ??= violation
    return undefined
  }

  int(): number {
    if (this.violation !== undefined || this.at + 4 > this.bytes.length) {
      this.fail(BodyCodec.violation("$", `ends at ${this.bytes.length} inflated bytes`))
      return 0
    }
    this.at += 4
    return this.bytes.readInt32BE(this.at - 4)
  }

  part(): Buffer {
    const size = this.int()
    const start = this.at
    if (size < 0 || start + size > this.bytes.length) {
      this.fail(BodyCodec.violation("$", "has a part that is longer than the body"))
      return Buffer.alloc(0)
    }
    this.at += size
    return this.bytes.subarray(start, this.at)
  }

  value<T>(codec: BodyCodec.BodyCodec<T>): T | undefined {
    const bytes = this.part()
    if (this.violation !== undefined) {
      return undefined
    }
    const value = codec.decode(bytes)
    return BodyCodec.isViolation(value) ? this.fail(value) : value
  }
}

/** `topic readQueueNums writeQueueNums perm filterType attributes`; attributes that are no JSON are left out, as in Java. */
const readTopic = (reader: PartReader): TopicConfig | undefined => {
  const [topicName, readQueueNums, writeQueueNums, perm, topicFilterType, ...rest] = reader.part().toString("utf8")
    .split(
      " "
    )
  if (reader.violation !== undefined) {
    return undefined
  }
  const attributes = Attributes.decode(Buffer.from(rest.join(" "), "utf8"))
  const topic = TopicConfig.read(
    Object.assign(Object.create(null), { topicName, readQueueNums, writeQueueNums, perm, topicFilterType }),
    { violation: undefined, valuesLeft: 1 }
  )
  return topic === undefined || topicFilterType === undefined
    ? reader.fail(BodyCodec.violation("$.topicConfigSerializeWrapper.topicConfigTable", "has a topic that is none"))
    : { ...topic, attributes: BodyCodec.isViolation(attributes) ? BodyCodec.noEntries : attributes }
}

/**
 * The body in its deflated form, or what is wrong with it.
 *
 * @param version that of the request: from 5.0.0 on the queue mappings are there
 * @param maxInflatedBytes more are a violation; 64 MiB by default
 */
export const decodeCompressed = (
  bytes: Uint8Array | undefined,
  version: number,
  maxInflatedBytes: number = defaultMaxInflatedBytes
): RegisterBrokerBody | BodyCodec.BodyViolation => {
  if (bytes === undefined) {
    return BodyCodec.violation("$", "there is no body")
  }
  const inflated = Compression.decompress("ZLIB", bytes, maxInflatedBytes)
  if (Compression.isFailure(inflated)) {
    return BodyCodec.violation("$", inflated.detail)
  }
  const reader = new PartReader(inflated)
  const dataVersion = reader.value(DataVersion) ?? zero
  const topicConfigTable: Record<string, TopicConfig> = Object.create(null)
  for (let left = reader.int(); left > 0 && reader.violation === undefined; left--) {
    const topic = readTopic(reader)
    if (topic !== undefined) {
      topicConfigTable[topic.topicName] = topic
    }
  }
  const filterServerList = reader.value(FilterServers) ?? []
  const topicQueueMappingInfoMap: Record<string, TopicQueueMappingInfo> = Object.create(null)
  if (version >= MqVersion.V5_0_0) {
    for (let left = reader.int(); left > 0 && reader.violation === undefined; left--) {
      const mapping = reader.value(TopicQueueMappingInfo)
      if (mapping?.topic !== undefined) {
        topicQueueMappingInfoMap[mapping.topic] = mapping
      }
    }
  }
  return reader.violation ?? {
    filterServerList,
    topicConfigSerializeWrapper: { ...noTopics, dataVersion, topicConfigTable, topicQueueMappingInfoMap }
  }
}
