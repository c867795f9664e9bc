/** From an answer to its typed record, or to the error that it stands for. */
import * as Exit from "effect/Exit"
import * as BodyCodec from "../../protocol/body/BodyCodec.ts"
import { HeartbeatResponseHeader } from "../../protocol/header/ClientManagement.ts"
import * as HeaderCodec from "../../protocol/header/HeaderCodec.ts"
import type { RemotingCommand } from "../../protocol/RemotingCommand.ts"
import { RequestCode } from "../../protocol/RequestCode.ts"
import { ResponseCode } from "../../protocol/ResponseCode.ts"
import type { ApiError } from "../ClientError.ts"
import { brokerError, MalformedResponse } from "../ClientError.ts"

/** A typed record, or why there is none. An Exit is an Effect that costs nothing more to run. */
export type Answer<A> = Exit.Exit<A, ApiError>

/** What is read from an answer: the record, or the violation of a codec. */
export type Read<A> = A | HeaderCodec.HeaderViolation | BodyCodec.BodyViolation

/** An answer that is no success. */
export const refused = (address: string, requestCode: number, response: RemotingCommand): Answer<never> =>
  Exit.fail(brokerError(address, requestCode, response.code, response.remark))

/** An answer that cannot be read. */
export const malformed = (address: string, requestCode: number, field: string, detail: string): Answer<never> =>
  Exit.fail(new MalformedResponse({ address, requestCode, field, detail }))

/** What was read, unless it is a violation. */
export const checked = <A>(address: string, requestCode: number, value: Read<A>): Answer<A> =>
  HeaderCodec.isViolation(value)
    ? malformed(address, requestCode, value.field, value.detail)
    : BodyCodec.isViolation(value)
    ? malformed(address, requestCode, "body", `${value.path} ${value.detail}`)
    : Exit.succeed(value)

/** The same, made into something more. */
export const checkedWith = <A, B>(
  address: string,
  requestCode: number,
  value: A | HeaderCodec.HeaderViolation,
  make: (value: A) => B
): Answer<B> =>
  HeaderCodec.isViolation(value)
    ? malformed(address, requestCode, value.field, value.detail)
    : Exit.succeed(make(value))

/** The answer to a request of which only SUCCESS is one. */
export const answered = <A>(
  address: string,
  requestCode: number,
  response: RemotingCommand,
  read: (response: RemotingCommand) => Read<A>
): Answer<A> =>
  response.code === ResponseCode.SUCCESS
    ? checked(address, requestCode, read(response))
    : refused(address, requestCode, response)

/** Reads nothing. */
export const nothing = (): void => undefined

/** Reads a header. */
export const header = <A>(codec: HeaderCodec.HeaderCodec<A>) => (response: RemotingCommand): Read<A> =>
  codec.decode(response.extFields)

/** Reads a body. */
export const body = <A>(codec: BodyCodec.BodyCodec<A>) => (response: RemotingCommand): Read<A> =>
  codec.decode(response.body)

/** An answer with a header, a body of bytes, and one of several codes. */
export interface Coded<A> {
  readonly code: number
  readonly header: A
  readonly body: Uint8Array | undefined
}

/** The answer to a request of which several codes are successes. */
export const coded = <A>(
  address: string,
  requestCode: number,
  response: RemotingCommand,
  successes: ReadonlySet<number>,
  codec: HeaderCodec.HeaderCodec<A>
): Answer<Coded<A>> => {
  if (!successes.has(response.code)) return refused(address, requestCode, response)
  const decoded = codec.decode(response.extFields)
  return HeaderCodec.isViolation(decoded)
    ? malformed(address, requestCode, decoded.field, decoded.detail)
    : Exit.succeed({ code: response.code, header: decoded, body: response.body })
}

/** The answer to a heartbeat. */
export const heartbeat = (
  address: string,
  response: RemotingCommand
): Answer<{ readonly header: HeartbeatResponseHeader; readonly version: number }> =>
  response.code === ResponseCode.SUCCESS
    ? checkedWith(address, RequestCode.HEART_BEAT, HeartbeatResponseHeader.decode(response.extFields), (decoded) => ({
      header: decoded,
      version: response.version
    }))
    : refused(address, RequestCode.HEART_BEAT, response)
