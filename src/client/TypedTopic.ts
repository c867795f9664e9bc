/**
 * A topic whose messages have bodies of one type: its name, and a Schema that
 * bodies are encoded with when they are sent and decoded with when they are
 * received.
 *
 * ```ts
 * const orders = TypedTopic.json("orders", Schema.Struct({ id: Schema.String, placed: Schema.Date }))
 *
 * const program = Effect.gen(function*() {
 *   yield* orders.send({ id: "order-1", placed: new Date() }, { keys: "order-1" })
 * })
 * ```
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { describe } from "../remoting/Describe.ts"
import type { ClientError } from "./ClientError.ts"
import { clientError, DecodeFailed, EncodeFailed } from "./ClientError.ts"
import type { Message, ReceivedMessage, SendResult } from "./Message.ts"
import type { BatchResult, SendOptions } from "./Producer.ts"
import { Producer } from "./Producer.ts"

/** What a message has beside its topic and its body. */
export interface MessageFields extends Omit<Message, "topic" | "body"> {}

/** See the module. `RD` and `RE` are the services that decoding and encoding need. */
export interface TypedTopic<A, RD = never, RE = never> {
  readonly name: string
  /** The body that a value is sent as. Fails with `EncodeFailed`. */
  readonly encode: (value: A) => Effect.Effect<Uint8Array, ClientError, RE>
  /** The value of a message that was received. Fails with `DecodeFailed`. */
  readonly decode: (message: ReceivedMessage) => Effect.Effect<A, ClientError, RD>
  /** The message for a value. Fails with `EncodeFailed`. */
  readonly message: (value: A, fields?: MessageFields) => Effect.Effect<Message, ClientError, RE>
  /** Sends a value, as `Producer.send` sends a message; fails with `EncodeFailed` too. */
  readonly send: (
    value: A,
    fields?: MessageFields,
    options?: SendOptions
  ) => Effect.Effect<SendResult, ClientError, RE | Producer>
  /** Sends values as one batch, all with the same fields. */
  readonly sendBatch: (
    values: ReadonlyArray<A>,
    fields?: MessageFields,
    options?: SendOptions
  ) => Effect.Effect<BatchResult, ClientError, RE | Producer>
}

/** Bytes to values and back; failures are whatever they are. */
interface BodyCodec<A, RD, RE> {
  readonly encode: (value: A) => Effect.Effect<Uint8Array, unknown, RE>
  readonly decode: (body: Uint8Array) => Effect.Effect<A, unknown, RD>
}

const encoder = new TextEncoder()
/** Fails where there is no UTF-8, instead of putting U+FFFD in its place. */
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

const make = <A, RD, RE>(name: string, codec: BodyCodec<A, RD, RE>): TypedTopic<A, RD, RE> => {
  const encode = (value: A) =>
    Effect.mapError(
      codec.encode(value),
      (cause) => clientError(new EncodeFailed({ topic: name, detail: describe(cause), cause }))
    )
  const message = (value: A, fields?: MessageFields) =>
    Effect.map(encode(value), (body): Message => ({ ...fields, topic: name, body }))
  return {
    name,
    encode,
    decode: (received) =>
      Effect.mapError(
        codec.decode(received.body),
        (cause) =>
          clientError(
            new DecodeFailed({ topic: received.topic, messageId: received.messageId, detail: describe(cause), cause })
          )
      ),
    message,
    send: (value, fields, options) =>
      Effect.flatMap(message(value, fields), (one) => Producer.use((producer) => producer.send(one, options))),
    sendBatch: (values, fields, options) =>
      Effect.flatMap(
        Effect.forEach(values, (value) => message(value, fields)),
        (messages) => Producer.use((producer) => producer.sendBatch(messages, options))
      )
  }
}

const attempt = <A>(f: () => A): Effect.Effect<A, unknown> => Effect.try({ try: f, catch: (cause) => cause })

/** Bodies are JSON, whatever the schema encodes to: what JSON lacks is encoded as its codec for JSON says. */
export const json = <A, I, RD = never, RE = never>(
  name: string,
  schema: Schema.Codec<A, I, RD, RE>
): TypedTopic<A, RD, RE> => {
  const codec = Schema.toCodecJson(schema)
  const encodeJson = Schema.encodeEffect(codec)
  const decodeJson = Schema.decodeEffect(codec)
  return make(name, {
    encode: (value) => Effect.flatMap(encodeJson(value), (data) => attempt(() => encoder.encode(JSON.stringify(data)))),
    decode: (body) => Effect.flatMap(attempt(() => JSON.parse(decoder.decode(body))), decodeJson)
  })
}

/** Bodies are the text that the schema encodes to, as UTF-8. */
export const text = <A, RD = never, RE = never>(
  name: string,
  schema: Schema.Codec<A, string, RD, RE>
): TypedTopic<A, RD, RE> => {
  const encodeText = Schema.encodeEffect(schema)
  const decodeText = Schema.decodeEffect(schema)
  return make(name, {
    encode: (value) => Effect.map(encodeText(value), (data) => encoder.encode(data)),
    decode: (body) => Effect.flatMap(attempt(() => decoder.decode(body)), (data) => decodeText(data))
  })
}

/** Bodies are the bytes that the schema encodes to. */
export const bytes = <A, RD = never, RE = never>(
  name: string,
  schema: Schema.Codec<A, Uint8Array, RD, RE>
): TypedTopic<A, RD, RE> => {
  const encodeBytes = Schema.encodeEffect(schema)
  const decodeBytes = Schema.decodeEffect(schema)
  return make(name, {
    encode: (value) => encodeBytes(value),
    decode: (body) => decodeBytes(body)
  })
}
