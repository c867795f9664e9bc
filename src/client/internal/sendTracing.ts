/** Spans of sends, by OpenTelemetry's conventions for messaging, and their context in the messages. */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Tracer from "effect/Tracer"
import type { ClientError } from "../ClientError.ts"
import type { Message, SendResult } from "../Message.ts"
import { property } from "./outgoing.ts"

/**
 * Whether the current fiber's spans go anywhere. The native tracer keeps spans
 * that nobody exports, at 770 ns each.
 */
export const isTraced = (): boolean => {
  const { tracer, tracerEnabled } = Fiber.getCurrent()!.cache
  return tracer !== undefined && tracer !== Tracer.nativeTracer && tracerEnabled
}

/** The span's context as W3C Trace Context has it. */
const traceparent = (span: Tracer.Span): string =>
  `00-${span.traceId.padStart(32, "0")}-${span.spanId}-${span.sampled ? "01" : "00"}`

/** What a vendor added to the context. Effect's spans have none; those of `@effect/opentelemetry` wrap one that has. */
const tracestate = (span: Tracer.Span): string | undefined => {
  const { span: wrapped } = span as {
    readonly span?: {
      readonly spanContext?: () => { readonly traceState?: { readonly serialize: () => string } | undefined }
    }
  }
  const state = wrapped?.spanContext?.().traceState?.serialize()
  return state === undefined || state === "" ? undefined : state
}

/** The properties that carry the span's context, but for those that the app has set itself. */
export const contextOf = (span: Tracer.Span, message: Message): string => {
  const own = message.properties
  if (
    typeof own === "object" && own !== null && (Object.hasOwn(own, "traceparent") || Object.hasOwn(own, "tracestate"))
  ) return ""
  const state = tracestate(span)
  return property("traceparent", traceparent(span)) + (state === undefined ? "" : property("tracestate", state))
}

const typeOf = (message: Message, half: boolean): string =>
  half
    ? "transaction"
    : message.delay !== undefined || message.deliverAt !== undefined || (message.delayLevel ?? 0) > 0
    ? "delay"
    : message.shardingKey !== undefined
    ? "fifo"
    : message.priority !== undefined
    ? "priority"
    : "normal"

/** What a span says of a message. Bodies, keys and the app's properties stay out of it. */
export const attributesOf = (
  message: Message,
  client: { readonly group: string; readonly clientId: string; readonly namespace: string | undefined },
  half: boolean
): Record<string, unknown> => ({
  "messaging.system": "rocketmq",
  "messaging.operation.name": "send",
  "messaging.operation.type": "send",
  "messaging.destination.name": message.topic,
  "messaging.client.id": client.clientId,
  "messaging.rocketmq.client_group": client.group,
  "messaging.rocketmq.message.type": typeOf(message, half),
  ...(client.namespace === undefined ? {} : { "messaging.rocketmq.namespace": client.namespace }),
  ...(message.tags === undefined ? {} : { "messaging.rocketmq.message.tag": message.tags }),
  ...(message.delayLevel === undefined ? {} : { "messaging.rocketmq.message.delay_time_level": message.delayLevel })
})

/** One producer span around a send, over all its attempts. */
export const traced = (
  name: string,
  attributes: Record<string, unknown>,
  send: (span: Tracer.Span) => Effect.Effect<SendResult | undefined, ClientError>
): Effect.Effect<SendResult | undefined, ClientError> =>
  Effect.useSpan(name, { kind: "producer", attributes }, (span) =>
    send(span).pipe(
      Effect.withParentSpan(span),
      Effect.tap((result) =>
        Effect.sync(() => {
          if (result === undefined) return
          span.attribute("messaging.message.id", result.messageId)
          span.attribute("messaging.destination.partition.id", String(result.queue.queueId))
          span.attribute("rocketmq.broker.name", result.queue.brokerName)
          span.attribute("rocketmq.send.status", result.status)
          span.attribute("rocketmq.send.attempts", result.attempts)
        })
      ),
      Effect.tapError((error) =>
        Effect.sync(() => {
          span.attribute("error.type", error.reason._tag)
          span.attribute("rocketmq.send.outcome", error.outcome)
        })
      )
    ))
