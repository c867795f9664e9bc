/** The second phase of transactions (RocketMQ 5.3.3 `EndTransactionProcessor`, `TransactionalMessageServiceImpl`). */
import * as Effect from "effect/Effect"
import {
  CheckTransactionStateRequestHeader,
  CommitOrRollback,
  EndTransactionRequestHeader,
  ResumeCheckHalfMessageRequestHeader
} from "../../../protocol/header/Transaction.ts"
import * as MessageId from "../../../protocol/message/MessageId.ts"
import * as Names from "../../../protocol/message/Names.ts"
import { PropertyName } from "../../../protocol/message/PropertyName.ts"
import * as StoredMessage from "../../../protocol/message/StoredMessage.ts"
import * as SysFlag from "../../../protocol/message/SysFlag.ts"
import { RequestCode } from "../../../protocol/RequestCode.ts"
import { ResponseCode } from "../../../protocol/ResponseCode.ts"
import type { RemotingReply } from "../../../remoting/RemotingRequest.ts"
import type { Call } from "./BrokerApi.ts"
import type { BrokerCore, Handles, PutResult } from "./BrokerCore.ts"
import { headerOf, JavaException, lenientLong, parseLong, properties } from "./BrokerCore.ts"
import type { HalfMessage, NewMessage } from "./BrokerStore.ts"
import { redeliver } from "./Delays.ts"
import { putProblem } from "./Send.ts"

/** END_TRANSACTION and its kin. */
export const make = (core: BrokerCore): Handles => [
  [RequestCode.END_TRANSACTION, (call) => end(core, call)],
  [RequestCode.RESUME_CHECK_HALF_MESSAGE, (call) => resume(core, call)]
]

/** How long no question is asked, in milliseconds, where the message says so itself. */
const immunity = (message: StoredMessage.StoredMessage, usual: number): number | undefined => {
  const text = message.properties[PropertyName.CHECK_IMMUNITY_TIME_IN_SECONDS]
  if (text === undefined) return undefined
  const seconds = parseLong(text)
  return Number.isNaN(seconds) || seconds === -1 ? usual : seconds * 1_000
}

const outcomes: ReadonlySet<number> = new Set(Object.values(CommitOrRollback))

const end = (core: BrokerCore, call: Call): RemotingReply | undefined => {
  const { store, settings } = core
  const header = headerOf(EndTransactionRequestHeader, call, {
    tranStateTableOffset: lenientLong(),
    commitLogOffset: lenientLong()
  })
  const { commitOrRollback } = header
  if (!outcomes.has(commitOrRollback)) {
    throw new JavaException("RemotingCommandException", "commitOrRollback field wrong")
  }
  if (core.isSlave) return { code: ResponseCode.SLAVE_NOT_AVAILABLE }
  // That is not answered.
  if (commitOrRollback === CommitOrRollback.unknown) return undefined
  const half = store.messageAt(header.commitLogOffset)
  if (half === undefined) {
    return { code: ResponseCode.SYSTEM_ERROR, remark: "Find prepared transaction message failed" }
  }
  const immune = immunity(half, settings.transactionTimeOut)
  if (!header.fromTransactionCheck && immune !== undefined && core.now() - half.bornTimestamp > immune) {
    return { code: ResponseCode.ILLEGAL_OPERATION }
  }
  const group = half.properties[PropertyName.PGROUP]
  if (group === undefined) throw new JavaException("java.lang.NullPointerException", "it is no half message")
  const wrong = group !== header.producerGroup
    ? "The producer group wrong"
    : half.queueOffset !== header.tranStateTableOffset
    ? "The transaction state table offset wrong"
    : undefined
  if (wrong !== undefined) return { code: ResponseCode.SYSTEM_ERROR, remark: wrong }
  if (commitOrRollback === CommitOrRollback.rollback) {
    settle(core, half)
    return { code: ResponseCode.SUCCESS }
  }
  if (half.properties[PropertyName.REAL_TOPIC] === undefined) {
    throw new JavaException("java.lang.NullPointerException", "it is no half message")
  }
  const message: NewMessage = {
    ...redeliver(half, {
      [PropertyName.REAL_TOPIC]: undefined,
      [PropertyName.REAL_QID]: undefined,
      [PropertyName.TRAN_MSG]: undefined
    }),
    // Where it was to go is not told any more, since RocketMQ 5.5.0.
    stored: properties(half.properties, { [PropertyName.REAL_TOPIC]: undefined, [PropertyName.REAL_QID]: undefined }),
    sysFlag: SysFlag.withTransactionType(half.sysFlag, SysFlag.transactionCommit),
    preparedTransactionOffset: header.commitLogOffset
  }
  const result = core.put(message)
  if (result.placed.length === 0) return commitProblem(core, result)
  settle(core, half)
  return { code: ResponseCode.SUCCESS }
}

/** In other words than those of SEND, for a few. */
const commitProblem = (core: BrokerCore, result: PutResult): RemotingReply => {
  switch (result.status) {
    case "SERVICE_NOT_AVAILABLE":
      return { code: ResponseCode.SERVICE_NOT_AVAILABLE, remark: "Service not available now." }
    case "OS_PAGE_CACHE_BUSY":
      return { code: ResponseCode.SYSTEM_ERROR, remark: "OS page cache busy, please try another machine" }
    default:
      return putProblem(core, result)!
  }
}

/** The half message is done with: it is noted in the topic of such notes. */
const settle = (core: BrokerCore, half: StoredMessage.StoredMessage): void => {
  core.store.halves.delete(half.queueOffset)
  core.put({
    topic: Names.transactionOpTopic,
    queueId: half.queueId,
    flag: 0,
    sysFlag: 0,
    body: Buffer.from(`${half.queueOffset},`),
    properties: properties(Object.create(null), { [PropertyName.TAGS]: "d", [PropertyName.WAIT]: "false" }),
    bornTimestamp: core.now(),
    bornHost: core.address,
    storeHost: core.address,
    reconsumeTimes: 0,
    preparedTransactionOffset: 0
  })
}

/** RESUME_CHECK_HALF_MESSAGE: a half message that was given up is asked about again. */
const resume = (core: BrokerCore, call: Call): RemotingReply => {
  const header = headerOf(ResumeCheckHalfMessageRequestHeader, call)
  const id = header.msgId === undefined ? undefined : MessageId.parseOffsetId(header.msgId)
  const message = id === undefined ? undefined : core.store.messageAt(id.offset)
  if (message === undefined) {
    return { code: ResponseCode.SYSTEM_ERROR, remark: "Put message back to RMQ_SYS_TRANS_HALF_TOPIC failed." }
  }
  const checked = properties(message.properties, { [PropertyName.TRANSACTION_CHECK_TIMES]: "0" })
  return putBack(core, { ...message, properties: checked }) === undefined
    ? { code: ResponseCode.SYSTEM_ERROR, remark: "Put message back to RMQ_SYS_TRANS_HALF_TOPIC failed." }
    : { code: ResponseCode.SUCCESS }
}

/** Stores a half message once more, at the end of their queue; returns where. */
const putBack = (core: BrokerCore, message: StoredMessage.StoredMessage): HalfMessage | undefined => {
  const result = core.put({
    topic: Names.transactionHalfTopic,
    queueId: 0,
    flag: 0,
    sysFlag: message.sysFlag,
    body: message.body,
    properties: message.properties,
    bornTimestamp: message.bornTimestamp,
    bornHost: message.bornHost,
    storeHost: message.storeHost,
    reconsumeTimes: 0,
    preparedTransactionOffset: 0
  })
  const [placed] = result.placed
  if (placed === undefined) return undefined
  return { queueOffset: placed.queueOffset, physicalOffset: placed.physicalOffset }
}

/** Starts asking about half messages whose producers have not said what becomes of them. */
export const start = (core: BrokerCore): void => {
  const { agenda, settings, store } = core
  let armed = false

  /** Rounds come at fixed times, none while there is nothing to ask about. */
  const arm = (): void => {
    if (armed || store.halves.size === 0) return
    armed = true
    const interval = Math.max(1, settings.transactionCheckInterval)
    const rounds = Math.floor((core.now() - core.startedAt) / interval) + 1
    agenda.add(core.startedAt + rounds * interval, () => {
      armed = false
      round()
      arm()
    })
  }

  const round = (): void => {
    const now = core.now()
    for (const half of [...store.halves.values()].sort((a, b) => a.queueOffset - b.queueOffset)) {
      const message = store.messageAt(half.physicalOffset)
      if (message === undefined) {
        store.halves.delete(half.queueOffset)
        continue
      }
      const checks = Number(message.properties[PropertyName.TRANSACTION_CHECK_TIMES] ?? 0)
      if (checks >= settings.transactionCheckMax && checks > 0) {
        discard(message)
        store.halves.delete(half.queueOffset)
        continue
      }
      if (message.storeTimestamp >= now) break
      const age = now - message.bornTimestamp
      const immune = immunity(message, settings.transactionTimeOut)
      if (immune !== undefined) {
        if (age <= immune) continue
      } else if (age >= 0 && age <= settings.transactionTimeOut) break
      const counted = properties(message.properties, {
        [PropertyName.TRANSACTION_CHECK_TIMES]: String(checks + 1)
      })
      const again = putBack(core, { ...message, properties: counted })
      if (again === undefined) continue
      store.halves.delete(half.queueOffset)
      ask(again)
    }
  }

  const discard = (message: StoredMessage.StoredMessage): void => {
    const topic = Names.transactionCheckMaxTopic
    if (store.topics.get(topic) === undefined) store.topics.createBySendBack(topic, 1, 6, 0)
    core.put({
      topic,
      queueId: 0,
      flag: message.flag,
      sysFlag: message.sysFlag,
      body: message.body,
      properties: message.properties,
      bornTimestamp: message.bornTimestamp,
      bornHost: message.bornHost,
      storeHost: message.storeHost,
      reconsumeTimes: message.reconsumeTimes,
      preparedTransactionOffset: 0
    })
  }

  const ask = (half: HalfMessage): void => {
    const message = store.messageAt(half.physicalOffset)!
    const client = core.clients.availableProducer(message.properties[PropertyName.PGROUP] ?? "")
    if (client === undefined) return
    const uniqKey = message.properties[PropertyName.UNIQ_KEY]
    core.fork(
      Effect.ignore(
        client.peer.invokeOneway({
          code: RequestCode.CHECK_TRANSACTION_STATE,
          extFields: CheckTransactionStateRequestHeader.encode({
            topic: Names.transactionHalfTopic,
            commitLogOffset: half.physicalOffset,
            offsetMsgId: MessageId.createOffsetId(message.storeHost, half.physicalOffset),
            msgId: uniqKey,
            transactionId: uniqKey,
            tranStateTableOffset: half.queueOffset,
            brokerName: core.name
          }),
          body: StoredMessage.encode({
            ...message,
            topic: message.properties[PropertyName.REAL_TOPIC] ?? message.topic,
            queueId: Number(message.properties[PropertyName.REAL_QID] ?? 0)
          })
        })
      )
    )
  }

  core.onStored(({ physicalOffset, queueOffset, topic }) => {
    if (topic !== Names.transactionHalfTopic) return
    store.halves.set(queueOffset, { queueOffset, physicalOffset })
    arm()
  })
  arm()
}
