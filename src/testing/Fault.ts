/**
 * What an embedded server does wrong on purpose.
 *
 * ```ts
 * // The next two sends are executed, and their answers get lost.
 * yield* rocketmq.broker("broker-a").inject(Fault.loseAnswer({ codes: Fault.sends, times: 2 }))
 * ```
 */
import * as Duration from "effect/Duration"
import type { RemotingCommand } from "../protocol/RemotingCommand.ts"
import { RequestCode } from "../protocol/RequestCode.ts"
import { ResponseCode } from "../protocol/ResponseCode.ts"
import type { RemotingReply } from "../remoting/RemotingRequest.ts"

/** Which requests a fault meets. */
export interface Target {
  /** Request codes. Default: all that the fault makes sense for. */
  readonly codes?: ReadonlyArray<number> | undefined
  /** Only requests for which this holds. Default: all. */
  readonly when?: ((request: RemotingCommand) => boolean) | undefined
  /** How many requests it meets before it is over. Default: all, until it is lifted. */
  readonly times?: number | undefined
  /** The share of requests that it meets, 0 to 1, drawn from Effect's `Random`: a seed gives the same ones. Default: 1. */
  readonly probability?: number | undefined
}

/** What happens to a request that a fault meets. */
export type Consequence =
  | { readonly _tag: "Slow"; readonly delay: Duration.Duration }
  | { readonly _tag: "Late"; readonly delay: Duration.Duration }
  | { readonly _tag: "LoseAnswer" }
  | { readonly _tag: "DuplicateAnswer" }
  | { readonly _tag: "CloseConnection" }
  | { readonly _tag: "Refuse"; readonly reply: RemotingReply }

/** Something that goes wrong. */
export interface Fault extends Target {
  readonly consequence: Consequence
}

/** The codes that store messages: sends in all forms. */
export const sends: ReadonlyArray<number> = [
  RequestCode.SEND_MESSAGE,
  RequestCode.SEND_MESSAGE_V2,
  RequestCode.SEND_BATCH_MESSAGE,
  RequestCode.SEND_REPLY_MESSAGE,
  RequestCode.SEND_REPLY_MESSAGE_V2
]

/** The request waits before it is executed. */
export const slow = (delay: Duration.Input, target: Target = {}): Fault => ({
  ...target,
  consequence: { _tag: "Slow", delay: Duration.fromInputUnsafe(delay) }
})

/** The request is executed at once, and answered later. */
export const late = (delay: Duration.Input, target: Target = {}): Fault => ({
  ...target,
  consequence: { _tag: "Late", delay: Duration.fromInputUnsafe(delay) }
})

/** The request is executed and never answered. */
export const loseAnswer = (target: Target = {}): Fault => ({ ...target, consequence: { _tag: "LoseAnswer" } })

/** The request is executed once and answered twice. */
export const duplicateAnswer = (target: Target = {}): Fault => ({ ...target, consequence: { _tag: "DuplicateAnswer" } })

/** The request is executed, and instead of an answer its connection is closed, with all that is under way on it. */
export const closeConnection = (target: Target = {}): Fault => ({ ...target, consequence: { _tag: "CloseConnection" } })

/** The request is not executed, and gets this answer. */
export const refuse = (reply: RemotingReply, target: Target = {}): Fault => ({
  ...target,
  consequence: { _tag: "Refuse", reply }
})

/** Sends are refused with SYSTEM_BUSY (2), as by a broker that leaves requests in its queue for too long. */
export const busy = (target: Target = {}): Fault =>
  refuse(
    {
      code: ResponseCode.SYSTEM_BUSY,
      remark: "[TIMEOUT_CLEAN_QUEUE]broker busy, start flow control for a while, period in queue: 206ms, " +
        "size of queue: 5"
    },
    { codes: sends, ...target }
  )

/** Sends are refused with SERVICE_NOT_AVAILABLE (14), as by a broker whose disk is full. */
export const diskFull = (target: Target = {}): Fault =>
  refuse(
    {
      code: ResponseCode.SERVICE_NOT_AVAILABLE,
      remark:
        "service not available now. It may be caused by one of the following reasons: the broker's disk is full " +
        "[CL:  0.95 CQ:  0.95 INDEX:  0.95], messages are put to the slave, message store has been shut down, etc."
    },
    { codes: sends, ...target }
  )

/** Sends are refused with NO_PERMISSION (16), as by a broker that may not be written to. */
export const noPermission = (target: Target = {}): Fault =>
  refuse(
    { code: ResponseCode.NO_PERMISSION, remark: "the broker[127.0.0.1] sending message is forbidden" },
    { codes: sends, ...target }
  )
