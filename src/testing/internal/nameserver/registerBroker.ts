/** The body by which a broker introduces itself, plain or deflated (RocketMQ 5.3.3 `RegisterBrokerBody`). */
import * as Zlib from "node:zlib"
import * as BodyCodec from "../../../protocol/body/BodyCodec.ts"
import { TopicQueueMappingInfo } from "../../../protocol/body/TopicRouteData.ts"

/** The version of a broker's topics. */
export const DataVersion = BodyCodec.make({
  counter: BodyCodec.withDefault(BodyCodec.long, 0),
  stateVersion: BodyCodec.withDefault(BodyCodec.long, 0),
  timestamp: BodyCodec.withDefault(BodyCodec.long, 0)
})
export interface DataVersion extends BodyCodec.Type<typeof DataVersion> {}

/** A topic as its broker has it. */
const RegisteredTopic = BodyCodec.make({
  attributes: BodyCodec.withDefault(BodyCodec.record(BodyCodec.text), {}),
  order: BodyCodec.withDefault(BodyCodec.boolean, false),
  perm: BodyCodec.withDefault(BodyCodec.int, 6),
  readQueueNums: BodyCodec.withDefault(BodyCodec.int, 16),
  topicFilterType: BodyCodec.withDefault(BodyCodec.text, "SINGLE_TAG"),
  topicName: BodyCodec.text,
  topicSysFlag: BodyCodec.withDefault(BodyCodec.int, 0),
  writeQueueNums: BodyCodec.withDefault(BodyCodec.int, 16)
})
export interface RegisteredTopic extends BodyCodec.Type<typeof RegisteredTopic> {}

const unchanged: DataVersion = { counter: 0, stateVersion: 0, timestamp: 0 }

const Wrapper = BodyCodec.object({
  dataVersion: BodyCodec.withDefault(DataVersion, unchanged),
  mappingDataVersion: BodyCodec.withDefault(DataVersion, unchanged),
  topicConfigTable: BodyCodec.withDefault(BodyCodec.record(RegisteredTopic), {}),
  topicQueueMappingInfoMap: BodyCodec.withDefault(BodyCodec.record(TopicQueueMappingInfo), {})
})

const PlainBody = BodyCodec.make({
  filterServerList: BodyCodec.withDefault(BodyCodec.list(BodyCodec.text), []),
  topicConfigSerializeWrapper: Wrapper
})

/** What a name server takes from it. */
export interface RegisterBrokerBody {
  readonly topics: ReadonlyArray<RegisteredTopic>
  readonly dataVersion: DataVersion
  /** Queues of static topics, by topic. */
  readonly queueMappings: Readonly<Record<string, TopicQueueMappingInfo>>
}

/** Inflated, no body may be larger. */
const maxInflatedBytes = 64 * 1_024 * 1_024

/** The version from which a deflated body ends in queue mappings: V5_0_0. */
const mappingsVersion = 413

/** What stands for a body that is not there. */
export const empty: RegisterBrokerBody = { topics: [], dataVersion: unchanged, queueMappings: {} }

/** As brokers write it when they do not deflate. */
export const encode = (topics: ReadonlyArray<RegisteredTopic>, dataVersion: DataVersion): Uint8Array =>
  PlainBody.encode({
    filterServerList: [],
    topicConfigSerializeWrapper: {
      dataVersion,
      mappingDataVersion: { ...dataVersion, counter: 0 },
      topicConfigTable: Object.fromEntries(topics.map((topic) => [topic.topicName, topic])),
      topicQueueMappingInfoMap: {}
    }
  })

/** `undefined`: these bytes are no such body. */
export const decode = (body: Uint8Array, compressed: boolean, version: number): RegisterBrokerBody | undefined => {
  if (compressed) {
    try {
      return decodeDeflated(body, version)
    } catch {
      return undefined
    }
  }
  const decoded = PlainBody.decode(body)
  if (BodyCodec.isViolation(decoded)) return undefined
  const { dataVersion, topicConfigTable, topicQueueMappingInfoMap } = decoded.topicConfigSerializeWrapper
  return { topics: Object.values(topicConfigTable), dataVersion, queueMappings: topicQueueMappingInfoMap }
}

const decodeDeflated = (body: Uint8Array, version: number): RegisterBrokerBody | undefined => {
  const bytes = Zlib.inflateSync(body, { maxOutputLength: maxInflatedBytes })
  let at = 0
  const int = (): number => {
    at += 4
    return bytes.readInt32BE(at - 4)
  }
  const part = (): Buffer => {
    const length = int()
    if (length < 0 || at + length > bytes.length) throw new RangeError("a part is longer than the body")
    at += length
    return bytes.subarray(at - length, at)
  }
  const dataVersion = DataVersion.decode(part())
  if (BodyCodec.isViolation(dataVersion)) return undefined
  const topics: Array<RegisteredTopic> = []
  for (let left = int(); left > 0; left--) topics.push(topicOf(part().toString("utf8")))
  // The list of filter servers, which nobody has any more.
  part()
  const queueMappings: Record<string, TopicQueueMappingInfo> = Object.create(null)
  if (version >= mappingsVersion) {
    for (let left = int(); left > 0; left--) {
      const mapping = TopicQueueMappingInfo.decode(part())
      if (BodyCodec.isViolation(mapping) || mapping.topic === undefined) return undefined
      queueMappings[mapping.topic] = mapping
    }
  }
  return { topics, dataVersion, queueMappings }
}

/** `topic readQueueNums writeQueueNums perm filterType attributes`, separated by blanks. */
const topicOf = (text: string): RegisteredTopic => {
  const [topicName, readQueueNums, writeQueueNums, perm, topicFilterType] = text.split(" ")
  return {
    topicName: topicName!,
    readQueueNums: Number(readQueueNums),
    writeQueueNums: Number(writeQueueNums),
    perm: Number(perm),
    topicFilterType: topicFilterType ?? "SINGLE_TAG",
    topicSysFlag: 0,
    order: false,
    attributes: {}
  }
}
