/**
 * What a consumer group wants of a topic.
 *
 * Source: RocketMQ 5.5.0 `remoting.protocol.heartbeat.SubscriptionData`, `remoting.protocol.filter.FilterAPI`.
 */
import { javaHashCode } from "../message/TagsCode.ts"
import * as BodyCodec from "./BodyCodec.ts"

/** A subscription. */
export const SubscriptionData = BodyCodec.make({
  classFilterMode: BodyCodec.withDefault(BodyCodec.boolean, false),
  /** The hashes of `tagsSet`, with which the broker filters. */
  codeSet: BodyCodec.withDefault(BodyCodec.list(BodyCodec.int), []),
  /** `TAG` or `SQL92`. */
  expressionType: BodyCodec.withDefault(BodyCodec.text, "TAG"),
  /** The expression: `*`, `tagA || tagB`, or SQL. */
  subString: BodyCodec.withDefault(BodyCodec.text, "*"),
  /** When the subscription was made, in milliseconds since the epoch; brokers keep the latest. */
  subVersion: BodyCodec.withDefault(BodyCodec.long, 0),
  /** The tags of a `TAG` expression; empty: all messages. */
  tagsSet: BodyCodec.withDefault(BodyCodec.list(BodyCodec.text), []),
  topic: BodyCodec.text
})
export interface SubscriptionData extends BodyCodec.Type<typeof SubscriptionData> {}

/** `String.trim` of Java: what is not above a blank goes. */
const trim = (text: string): string => {
  let start = 0
  let end = text.length
  while (start < end && text.charCodeAt(start) <= 0x20) {
    start++
  }
  while (start < end && text.charCodeAt(end - 1) <= 0x20) {
    end--
  }
  return text.slice(start, end)
}

/**
 * The subscription to the messages of `topic` that an expression selects. Without an expression, or with `*`, a `TAG`
 * subscription is to all of them.
 *
 * @param subVersion now, in milliseconds since the epoch
 * @returns `undefined` for what Java refuses: an empty `SQL92` expression, and one of nothing but `||`
 */
export const buildSubscriptionData = (
  topic: string,
  expression: string,
  expressionType: "TAG" | "SQL92",
  subVersion: number
): SubscriptionData | undefined => {
  const common = { classFilterMode: false, expressionType, subVersion, topic }
  if (expressionType === "SQL92") {
    return expression === "" ? undefined : { ...common, codeSet: [], subString: expression, tagsSet: [] }
  }
  if (expression === "" || expression === "*") {
    return { ...common, codeSet: [], subString: "*", tagsSet: [] }
  }
  const parts = expression.split("||")
  if (parts.every((part) => part === "")) {
    return undefined
  }
  const tagsSet = [...new Set(parts.map(trim).filter((tag) => tag !== ""))]
  return { ...common, codeSet: [...new Set(tagsSet.map(javaHashCode))], subString: expression, tagsSet }
}
