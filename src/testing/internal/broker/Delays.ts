/** Delivers what was delayed: by level (RocketMQ 5.3.3 `ScheduleMessageService`) or to a time (`TimerMessageStore`). */
import * as Names from "../../../protocol/message/Names.ts"
import { PropertyName } from "../../../protocol/message/PropertyName.ts"
import type { StoredMessage } from "../../../protocol/message/StoredMessage.ts"
import type { BrokerCore } from "./BrokerCore.ts"
import { properties } from "./BrokerCore.ts"
import type { NewMessage, Placed, Timer } from "./BrokerStore.ts"
import { decode } from "./BrokerStore.ts"
import { timerTopic } from "./TopicTable.ts"

/** When a delivery could not be stored it is tried again after so many milliseconds. */
const retryMillis = 1_000

/** Starts the deliveries of a master. */
export const start = (core: BrokerCore): void => {
  const { agenda, settings, store } = core
  const armed = new Set<number>()

  const armLevel = (level: number): void => {
    if (armed.has(level)) return
    const queue = store.findQueue(Names.scheduleTopic, level - 1)
    const next = store.delayOffsets.get(level) ?? 0
    if (queue === undefined || next >= queue.maxOffset) return
    armed.add(level)
    store.delayOffsets.set(level, next)
    const stored = store.storeTimestampIn(Names.scheduleTopic, level - 1, Math.max(next, queue.minOffset))
    agenda.add(stored + (store.delays(settings)[level - 1] ?? 0), () => deliverLevel(level))
  }

  const deliverLevel = (level: number): void => {
    armed.delete(level)
    const queue = store.queue(Names.scheduleTopic, level - 1)
    const delay = store.delays(settings)[level - 1] ?? 0
    let next = Math.max(store.delayOffsets.get(level) ?? 0, queue.minOffset)
    for (; next < queue.maxOffset; next++) {
      const message = store.messageIn(Names.scheduleTopic, level - 1, next)
      if (message === undefined) continue
      if (message.storeTimestamp + delay > core.now()) break
      const real = message.properties[PropertyName.REAL_TOPIC]
      // RocketMQ discards it: a half message must not be delayed.
      if (real === undefined || real === Names.transactionHalfTopic) continue
      const due = redeliver(message, {
        [PropertyName.DELAY]: undefined,
        [PropertyName.TIMER_DELIVER_MS]: undefined,
        [PropertyName.TIMER_DELAY_SEC]: undefined
      })
      if (core.put(due).placed.length > 0) continue
      store.delayOffsets.set(level, next)
      armed.add(level)
      agenda.add(core.now() + retryMillis, () => deliverLevel(level))
      return
    }
    store.delayOffsets.set(level, next)
    armLevel(level)
  }

  const armSlot = (slot: number): void => {
    agenda.add(slot + settings.timerPrecisionMs, () => deliverSlot(slot))
  }

  const deliverSlot = (slot: number): void => {
    const waiting = store.timers.get(slot) ?? []
    store.timers.delete(slot)
    const messages = waiting.map((timer) => [timer, read(timer)] as const)
    const recalled = new Set(messages.map(([, message]) => message?.properties[PropertyName.TIMER_DEL_UNIQKEY]))
    const left: Array<Timer> = []
    for (const [timer, message] of messages) {
      if (message === undefined || message.properties[PropertyName.TIMER_DEL_UNIQKEY] !== undefined) continue
      const real = message.properties[PropertyName.REAL_TOPIC]
      if (real === undefined || recalled.has(`${real}+${message.properties[PropertyName.UNIQ_KEY]}`)) continue
      const marked = properties(message.properties, {
        [PropertyName.TIMER_ENQUEUE_MS]: String(message.storeTimestamp),
        [PropertyName.TIMER_DEQUEUE_MS]: String(core.now())
      })
      const due = redeliver({ ...message, properties: marked }, {
        [PropertyName.REAL_TOPIC]: undefined,
        [PropertyName.REAL_QID]: undefined
      })
      if (core.put(due).placed.length === 0) left.push(timer)
    }
    if (left.length === 0) return
    store.timers.set(slot, left)
    agenda.add(core.now() + retryMillis, () => deliverSlot(slot))
  }

  const read = (timer: Timer): StoredMessage | undefined => {
    const bytes = store.log.read(timer.physicalOffset, timer.size)
    return bytes === undefined ? undefined : decode(bytes)
  }

  core.onStored((placed: Placed) => {
    if (placed.topic === Names.scheduleTopic) armLevel(placed.queueId + 1)
    else if (placed.topic === timerTopic) {
      const slot = Number(placed.properties[PropertyName.TIMER_OUT_MS])
      const timer = { physicalOffset: placed.physicalOffset, size: placed.size }
      const waiting = store.timers.get(slot)
      if (waiting !== undefined) waiting.push(timer)
      else {
        store.timers.set(slot, [timer])
        armSlot(slot)
      }
    }
  })
  for (const slot of store.timers.keys()) armSlot(slot)
  for (let level = 1; level <= store.delays(settings).length; level++) armLevel(level)
}

/**
 * The message as it goes to its real topic. What is stored keeps the properties that it waited with, as in RocketMQ 5.5.0:
 * `changes` count on the way alone.
 */
export const redeliver = (
  message: StoredMessage,
  changes: Readonly<Record<string, string | undefined>>
): NewMessage => ({
  topic: message.properties[PropertyName.REAL_TOPIC]!,
  queueId: Number(message.properties[PropertyName.REAL_QID] ?? 0),
  flag: message.flag,
  sysFlag: message.sysFlag,
  body: message.body,
  properties: properties(message.properties, { [PropertyName.WAIT]: "false", ...changes }),
  stored: message.properties,
  bornTimestamp: message.bornTimestamp,
  bornHost: message.bornHost,
  storeHost: message.storeHost,
  reconsumeTimes: message.reconsumeTimes,
  preparedTransactionOffset: 0
})
