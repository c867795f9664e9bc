/** The second phase of transactions: what the app decides, and what brokers ask about. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Semaphore from "effect/Semaphore"
import { CommitOrRollback, type EndTransactionRequestHeader } from "../../protocol/header/Transaction.ts"
import { parseOffsetId } from "../../protocol/message/MessageId.ts"
import { PropertyName } from "../../protocol/message/PropertyName.ts"
import type { Address } from "../../remoting/Address.ts"
import { describe } from "../../remoting/Describe.ts"
import type { Fork } from "../../remoting/Fibers.ts"
import type { ClientError } from "../ClientError.ts"
import { DecodeFailed } from "../ClientError.ts"
import type { ReceivedMessage, SendResult } from "../Message.ts"
import * as Message from "../Message.ts"
import type { Service as Api } from "../MqClientApi.ts"
import type { TransactionCheck } from "../ServerRequests.ts"

/** See `Producer.TransactionDecision`. */
export type Decision = "Commit" | "Rollback" | "Unknown"

const codes: Readonly<Record<Decision, number>> = {
  Commit: CommitOrRollback.commit,
  Rollback: CommitOrRollback.rollback,
  Unknown: CommitOrRollback.unknown
}

/** Remarks end up in the broker's log. */
const maxRemark = 1_000

const remarkOf = (what: string, cause: Cause.Cause<unknown>): string =>
  `${what}: ${describe(Cause.squash(cause))}`.slice(0, maxRemark)

/** Where a half message is. */
export interface HalfAt {
  readonly topic: string
  /** The broker that took it; queues of static topics move on. */
  readonly brokerName: string
  /** The broker's address at this moment: it may move while the local transaction runs. */
  readonly address: () => Address | undefined
}

/** What the second phase needs of its producer. */
export interface TransactionHost {
  readonly api: Api
  readonly group: string
  readonly namespace: string
  readonly fork: Fork
  readonly timeoutMillis: number
}

/** Tells the broker what was decided. Returns whether the broker has said that it knows. */
const tell = (
  host: TransactionHost,
  address: Address,
  header: EndTransactionRequestHeader,
  remark: string | undefined
): Effect.Effect<boolean> => {
  const options = { timeout: host.timeoutMillis, remark }
  // Brokers answer to a decision only.
  const request = header.commitOrRollback === CommitOrRollback.unknown
    ? Effect.as(host.api.endTransactionOneway(address, header, { ...options, failFast: true }), false)
    : Effect.as(host.api.endTransaction(address, header, options), true)
  return Effect.catch(request, (error) =>
    Effect.as(
      Effect.logWarning(
        `${address} was not told what became of transaction ${header.transactionId ?? header.msgId}, and will ask`,
        error
      ),
      false
    ))
}

/** The end of a transaction whose half message was stored. */
const end = (
  host: TransactionHost,
  half: SendResult,
  at: HalfAt,
  decision: Decision,
  remark: string | undefined
): Effect.Effect<boolean> => {
  const stored = parseOffsetId(half.offsetId)
  const address = at.address()
  if (stored === undefined || address === undefined) {
    return Effect.as(
      Effect.logWarning(
        `nobody can be told what became of transaction ${half.messageId}: ` +
          (address === undefined
            ? `broker ${at.brokerName} is not known any more`
            : `${JSON.stringify(half.offsetId)} is no offset id`)
      ),
      false
    )
  }
  return tell(
    host,
    address,
    {
      topic: at.topic,
      producerGroup: host.group,
      tranStateTableOffset: half.queueOffset,
      commitLogOffset: stored.offset,
      commitOrRollback: codes[decision],
      fromTransactionCheck: false,
      msgId: half.messageId,
      transactionId: half.transactionId ?? half.messageId,
      brokerName: at.brokerName
    },
    remark
  )
}

/** What became of a transaction. */
export interface Ended {
  readonly half: SendResult
  readonly state: Decision
  readonly acknowledged: boolean
}

/**
 * Half message, local transaction, end. What was decided is told even when the
 * caller is interrupted meanwhile.
 *
 * @param locate finds the broker that has the half message
 */
export const run = <E, R>(
  host: TransactionHost,
  send: Effect.Effect<SendResult, ClientError>,
  locate: (half: SendResult) => HalfAt,
  local: (half: SendResult) => Effect.Effect<Decision, E, R>
): Effect.Effect<Ended, ClientError | E, R> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.gen(function*() {
      const half = yield* restore(send)
      const at = locate(half)
      if (half.status !== "SendOk") {
        const acknowledged = yield* end(host, half, at, "Rollback", `the half message was answered with ${half.status}`)
        return { half, state: "Rollback" as const, acknowledged }
      }
      const exit = yield* Effect.exit(restore(Effect.suspend(() => local(half))))
      if (Exit.isSuccess(exit)) {
        if (exit.value === "Unknown") {
          host.fork(Effect.asVoid(end(host, half, at, "Unknown", undefined)))
          return { half, state: "Unknown" as const, acknowledged: false }
        }
        const acknowledged = yield* end(host, half, at, exit.value, undefined)
        return { half, state: exit.value, acknowledged }
      }
      // Whoever was interrupted does not know how far it came; nor must it wait for the broker.
      if (Cause.hasInterruptsOnly(exit.cause)) host.fork(Effect.asVoid(end(host, half, at, "Unknown", undefined)))
      else yield* end(host, half, at, "Rollback", remarkOf("the local transaction failed", exit.cause))
      return yield* Effect.failCause(exit.cause)
    })
  )

/** More questions than this are left to be asked again: what asks Java's producer holds 2,000 too (RocketMQ 5.3.3). */
const maxWaitingChecks = 2_000

/**
 * Answers questions of brokers by `check`, so many at a time, in fibers of the
 * producer's own: an answer is due whether or not the connection that the
 * question came by is still there.
 */
export const checker = <E, R>(
  host: TransactionHost,
  check: (message: ReceivedMessage) => Effect.Effect<Decision, E, R>,
  concurrency: number,
  provide: (effect: Effect.Effect<Decision, E, R>) => Effect.Effect<Decision, E>
): (question: TransactionCheck) => Effect.Effect<void> => {
  const permits = Semaphore.makeUnsafe(concurrency)
  let waiting = 0

  const answer = (question: TransactionCheck): Effect.Effect<void> =>
    Effect.gen(function*() {
      const { header, message: stored, peer } = question
      const message = Message.fromStored(stored, {
        brokerName: header.brokerName ?? "",
        namespace: host.namespace
      })
      if (!("messageId" in message)) {
        const detail = `its body cannot be inflated: ${message.detail}`
        return yield* Effect.logWarning(
          `a transaction of ${peer.address} cannot be checked`,
          new DecodeFailed({ topic: stored.topic, detail })
        )
      }
      const exit = yield* Effect.exit(provide(Effect.suspend(() => check(message))))
      if (Exit.isFailure(exit)) {
        if (Cause.hasInterruptsOnly(exit.cause)) return
        yield* Effect.logError(`checking transaction ${message.messageId} failed`, exit.cause)
      }
      yield* tell(
        host,
        peer.address,
        {
          topic: header.topic ?? stored.topic,
          producerGroup: host.group,
          tranStateTableOffset: header.tranStateTableOffset,
          commitLogOffset: header.commitLogOffset,
          commitOrRollback: codes[Exit.isSuccess(exit) ? exit.value : "Unknown"],
          fromTransactionCheck: true,
          msgId: stored.properties[PropertyName.UNIQ_KEY] ?? header.msgId ?? message.messageId,
          transactionId: header.transactionId,
          brokerName: header.brokerName
        },
        Exit.isFailure(exit) ? remarkOf("the check failed", exit.cause) : undefined
      )
    })

  return (question) =>
    Effect.suspend(() => {
      if (waiting >= maxWaitingChecks) {
        return Effect.logWarning(
          `${waiting} transaction checks wait already: ${question.peer.address} has to ask again`
        )
      }
      waiting++
      host.fork(
        permits.withPermit(answer(question)).pipe(Effect.ensuring(Effect.sync(() => waiting--)))
      )
      return Effect.void
    })
}
