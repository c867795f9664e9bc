/**
 * The second phase of transactions: END_TRANSACTION (37), CHECK_TRANSACTION_STATE (39), and RESUME_CHECK_HALF_MESSAGE
 * (323).
 *
 * Source: RocketMQ 5.5.0 `remoting.protocol.header`, `common.sysflag.MessageSysFlag`.
 */
import * as HeaderCodec from "./HeaderCodec.ts"

/** What becomes of a half message: the values of `commitOrRollback`. */
export const CommitOrRollback = {
  /** Not known yet: the broker asks again. */
  unknown: 0,
  commit: 8,
  rollback: 12
} as const

/** END_TRANSACTION. */
export const EndTransactionRequestHeader = HeaderCodec.makeRequest({
  topic: HeaderCodec.optional(HeaderCodec.text),
  producerGroup: HeaderCodec.text,
  /** The queue offset of the half message: that of the answer to its SEND, or of the broker's question. */
  tranStateTableOffset: HeaderCodec.long,
  /** The commit log offset of the half message: that of its offset id, or of the broker's question. */
  commitLogOffset: HeaderCodec.long,
  /** One of `CommitOrRollback`. */
  commitOrRollback: HeaderCodec.int,
  /** Whether this answers a CHECK_TRANSACTION_STATE. */
  fromTransactionCheck: HeaderCodec.withDefault(HeaderCodec.boolean, false),
  /** The `UNIQ_KEY` of the message. */
  msgId: HeaderCodec.text,
  transactionId: HeaderCodec.optional(HeaderCodec.text)
})
export interface EndTransactionRequestHeader extends HeaderCodec.Type<typeof EndTransactionRequestHeader> {}

/** CHECK_TRANSACTION_STATE, which brokers and proxies send to producers, oneway; the body is the half message. */
export const CheckTransactionStateRequestHeader = HeaderCodec.makeRequest({
  topic: HeaderCodec.optional(HeaderCodec.text),
  tranStateTableOffset: HeaderCodec.long,
  commitLogOffset: HeaderCodec.long,
  msgId: HeaderCodec.optional(HeaderCodec.text),
  transactionId: HeaderCodec.optional(HeaderCodec.text),
  offsetMsgId: HeaderCodec.optional(HeaderCodec.text)
})
export interface CheckTransactionStateRequestHeader
  extends HeaderCodec.Type<typeof CheckTransactionStateRequestHeader>
{}

/** RESUME_CHECK_HALF_MESSAGE: the broker asks again about a half message that it gave up. */
export const ResumeCheckHalfMessageRequestHeader = HeaderCodec.makeRequest({
  topic: HeaderCodec.optional(HeaderCodec.text),
  /** The offset id. */
  msgId: HeaderCodec.optional(HeaderCodec.text)
})
export interface ResumeCheckHalfMessageRequestHeader
  extends HeaderCodec.Type<typeof ResumeCheckHalfMessageRequestHeader>
{}
