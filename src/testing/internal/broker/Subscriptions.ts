/** What a subscription selects (RocketMQ 5.3.3 `FilterAPI`, `ExpressionMessageFilter`). */
import type { SubscriptionData } from "../../../protocol/body/SubscriptionData.ts"
import { buildSubscriptionData } from "../../../protocol/body/SubscriptionData.ts"
import type { MessageProperties } from "../../../protocol/message/MessageProperties.ts"
import * as Names from "../../../protocol/message/Names.ts"
import { PropertyName } from "../../../protocol/message/PropertyName.ts"
import type { BrokerCore } from "./BrokerCore.ts"
import type { ReadFilter } from "./BrokerStore.ts"
import { decode } from "./BrokerStore.ts"
import * as Sql92 from "./Sql92.ts"

/** Whether an expression of that type is one of tags. */
export const isTagType = (type: string | undefined): boolean => type === undefined || type === "" || type === "TAG"

/** The subscription that a request brings with it; `undefined` when it is none. */
export const fromRequest = (
  topic: string,
  expression: string | undefined,
  type: string | undefined,
  subVersion: number
): SubscriptionData | undefined => {
  if (type === undefined || type === "TAG") return buildSubscriptionData(topic, expression ?? "", "TAG", subVersion)
  if (expression === undefined || expression === "") return undefined
  return {
    classFilterMode: false,
    codeSet: [],
    // Whatever the type: one that nobody knows is found out later.
    expressionType: type,
    subString: expression,
    subVersion,
    tagsSet: [],
    topic
  }
}

/** Tells messages apart, before and after their properties are read. */
export interface SubscriptionFilter extends ReadFilter {
  /** Whether the message that arrived is one, by its properties. */
  readonly byProperties: ((properties: MessageProperties) => boolean) | undefined
}

const everything: SubscriptionFilter = { byTagsCode: () => true, byMessage: undefined, byProperties: undefined }

/** Compiled expressions, as RocketMQ caches them. */
const cached = 100

/** The filters of a broker. */
export class Filters {
  private readonly compiled = new Map<string, Sql92.Filter | undefined>()
  private readonly core: BrokerCore

  constructor(core: BrokerCore) {
    this.core = core
  }

  /** The filter of an expression; `undefined` when it is none. */
  compile(expression: string, type: string): Sql92.Filter | undefined {
    if (type !== "SQL92") return undefined
    if (this.compiled.has(expression)) return this.compiled.get(expression)
    if (this.compiled.size >= cached) this.compiled.clear()
    const filter = Sql92.compile(expression)
    this.compiled.set(expression, filter)
    return filter
  }

  /**
   * The filter of a group's subscription. An expression that cannot be compiled selects everything, as in RocketMQ;
   * where that matters the caller has looked before.
   */
  of(subscription: SubscriptionData, group: string): SubscriptionFilter {
    if (subscription.classFilterMode) return everything
    if (isTagType(subscription.expressionType)) {
      if (subscription.subString === "*") return everything
      const codes = new Set(subscription.codeSet)
      return { ...everything, byTagsCode: (code) => codes.has(code) }
    }
    const filter = this.compile(subscription.subString, subscription.expressionType)
    const { core } = this
    if (core.settings.filterSupportRetry && Names.isRetryTopic(subscription.topic)) {
      // A message that comes again is measured by what the group wanted of its first topic.
      return properties((message) => {
        const original = core.clients.subscription(group, message[PropertyName.RETRY_TOPIC] ?? "")
        if (original === undefined || isTagType(original.expressionType)) return true
        return this.compile(original.subString, original.expressionType)?.(message) ?? true
      })
    }
    return filter === undefined ? everything : properties(filter)
  }
}

const properties = (filter: Sql92.Filter): SubscriptionFilter => ({
  byTagsCode: () => true,
  byMessage: (message) => {
    const decoded = decode(message)
    return decoded !== undefined && filter(decoded.properties)
  },
  byProperties: filter
})
