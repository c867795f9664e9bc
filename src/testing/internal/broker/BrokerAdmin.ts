/** The broker itself as an administrator sees it (RocketMQ 5.3.3 `AdminBrokerProcessor`). */
import { BrokerStatsData } from "../../../protocol/body/BrokerStats.ts"
import { DataVersion as DataVersionBody } from "../../../protocol/body/DataVersion.ts"
import { KVTable } from "../../../protocol/body/KVTable.ts"
import { ViewBrokerStatsDataRequestHeader } from "../../../protocol/header/BrokerAdmin.ts"
import * as MqVersion from "../../../protocol/MqVersion.ts"
import { RequestCode } from "../../../protocol/RequestCode.ts"
import { ResponseCode } from "../../../protocol/ResponseCode.ts"
import type { RemotingReply } from "../../../remoting/RemotingRequest.ts"
import type { Call } from "./BrokerApi.ts"
import type { BrokerCore, Handles } from "./BrokerCore.ts"
import { headerOf } from "./BrokerCore.ts"
import * as DataVersion from "./DataVersion.ts"
import { toProperties, update } from "./Settings.ts"
import { versionName } from "./validation.ts"

/** Settings that must not be changed from outside. */
const blackList: ReadonlySet<string> = new Set(["brokerConfigPath", "rocketmqHome", "configBlackList"])

const escapes: Readonly<Record<string, string>> = { t: "\t", n: "\n", r: "\r", f: "\f" }

/** A Java properties text. */
export const parseProperties = (text: string): ReadonlyMap<string, string> => {
  const properties = new Map<string, string>()
  const unescape = (part: string): string =>
    part.replace(
      /\\(?:u([0-9a-fA-F]{4})|(.))/gs,
      (_, hex: string | undefined, char: string | undefined) =>
        hex === undefined ? escapes[char!] ?? char! : String.fromCharCode(Number.parseInt(hex, 16))
    )
  for (const line of text.replace(/\\\r?\n[ \t\f]*/g, "").split(/\r\n|\n|\r/)) {
    const match = /^[ \t\f]*((?:\\.|[^\\=: \t\f])+)[ \t\f]*[=:]?[ \t\f]*(.*)$/s.exec(line)
    if (match === null || /^[ \t\f]*[#!]/.test(line)) continue
    properties.set(unescape(match[1]!), unescape(match[2]!))
  }
  return properties
}

/** Settings and figures. */
export const make = (core: BrokerCore): Handles => {
  const { settings, stats, store } = core
  let version = DataVersion.initial(core.now())

  const updateConfig = (call: Call): RemotingReply => {
    const { body } = call.request
    if (body === undefined) return { code: ResponseCode.SUCCESS }
    const properties = parseProperties(Buffer.from(body).toString())
    if ([...properties.keys()].some((key) => blackList.has(key))) {
      return { code: ResponseCode.NO_PERMISSION, remark: "Can not update config in black list." }
    }
    update(settings, properties)
    version = DataVersion.next(version, core.now())
    // The name server hears of it with the topics.
    if (properties.has("brokerPermission")) store.topics.touch()
    return { code: ResponseCode.SUCCESS }
  }

  const config = (): RemotingReply => ({
    extFields: { version: DataVersionBody.write(version, "FastJson") },
    body: Buffer.from(
      toProperties(settings, {
        brokerName: core.name,
        brokerClusterName: core.cluster,
        brokerId: String(core.id),
        brokerIP1: core.ip,
        listenPort: core.address.slice(core.address.lastIndexOf(":") + 1),
        brokerRole: core.isSlave ? "SLAVE" : "ASYNC_MASTER"
      })
    )
  })

  const viewStats = (call: Call): RemotingReply => {
    const { statsKey, statsName } = headerOf(ViewBrokerStatsDataRequestHeader, call)
    const data = stats.read(statsName, statsKey)
    return data === undefined
      ? { code: ResponseCode.SYSTEM_ERROR, remark: `The stats <${statsName}> <${statsKey}> not exist` }
      : { body: BrokerStatsData.encode(data) }
  }

  const runtime = (): RemotingReply => {
    const put = stats.total("BROKER_PUT_NUMS")
    const got = stats.total("BROKER_GET_NUMS")
    const size = stats.total("TOPIC_PUT_SIZE")
    const rates = (name: string): string => {
      const read = stats.read(name, core.cluster)
      const rate = (value: number | undefined) =>
        (value ?? 0).toFixed(12).replace(/\.?0+$/, (zeros) => zeros.startsWith(".") ? ".0" : "")
      return [read?.statsMinute.tps, read?.statsMinute.tps, read?.statsHour.tps].map(rate).join(" ")
    }
    const seconds = Math.floor((core.now() - core.startedAt) / 1_000)
    const span = `[ ${Math.floor(seconds / 86_400)} days, ${Math.floor(seconds / 3_600) % 24} hours, ` +
      `${Math.floor(seconds / 60) % 60} minutes, ${seconds % 60} seconds ]`
    // Requests are served as they come, and there is no disk: nothing waits, and nothing is measured of it.
    const pools = ["send", "pull", "litePull", "query", "ack"]
    const table: Record<string, string> = {
      bootTimestamp: String(core.startedAt),
      runtime: span,
      putMessageTimesTotal: String(put),
      putMessageFailedTimes: "0",
      putMessageSizeTotal: String(size),
      putMessageAverageSize: String(put === 0 ? 0 : size / put),
      putMessageEntireTimeMax: "0",
      getMessageEntireTimeMax: "0",
      dispatchMaxBuffer: "0",
      putTps: rates("BROKER_PUT_NUMS"),
      getFoundTps: rates("BROKER_GET_NUMS"),
      getMissTps: "0.0 0.0 0.0",
      getTotalTps: rates("BROKER_GET_NUMS"),
      getTransferredTps: rates("BROKER_GET_NUMS"),
      putLatency99: "0.00",
      putLatency999: "0.00",
      commitLogDiskRatio: core.conditions.diskFull ? "1.0" : "0.0",
      consumeQueueDiskRatio: "0.0",
      commitLogMinOffset: String(store.log.minOffset),
      commitLogMaxOffset: String(store.log.maxOffset),
      brokerActive: String(!core.isSlave),
      brokerVersionDesc: versionName(MqVersion.current),
      brokerVersion: String(MqVersion.current),
      msgPutTotalYesterdayMorning: "0",
      msgPutTotalTodayMorning: "0",
      msgPutTotalTodayNow: String(put),
      msgGetTotalYesterdayMorning: "0",
      msgGetTotalTodayMorning: "0",
      msgGetTotalTodayNow: String(got),
      dispatchBehindBytes: "0",
      pageCacheLockTimeMills: "0",
      earliestMessageTimeStamp: String(store.log.storeTimestamp(store.log.minOffset)),
      startAcceptSendRequestTimeStamp: "0",
      timerReadBehind: "0",
      timerOffsetBehind: "0",
      timerCongestNum: String([...store.timers.values()].reduce((sum, slot) => sum + slot.length, 0)),
      timerEnqueueTps: "0.0",
      timerDequeueTps: "0.0",
      remainTransientStoreBufferNumbs: "2147483647",
      EndTransactionQueueSize: "0",
      EndTransactionThreadPoolQueueCapacity: "100000"
    }
    for (const name of pools) {
      table[`${name}ThreadPoolQueueSize`] = "0"
      table[`${name}ThreadPoolQueueCapacity`] = "10000"
      table[`${name}ThreadPoolQueueHeadWaitTimeMills`] = "0"
    }
    for (let level = 1; level <= store.delays(settings).length; level++) {
      const queue = store.findQueue("SCHEDULE_TOPIC_XXXX", level - 1)
      const offset = store.delayOffsets.get(level)
      if (queue !== undefined && offset !== undefined) {
        table[`scheduleMessageOffset_${level}`] = `${offset},${queue.maxOffset}`
      }
    }
    return { body: KVTable.encode({ table }) }
  }

  const delayOffsets = (): RemotingReply => ({
    body: Buffer.from(
      `{"dataVersion":${DataVersionBody.write(version, "FastJson")},"offsetTable":{${
        [...store.delayOffsets].map(([level, at]) => `${level}:${at}`).join(",")
      }}}`
    )
  })

  const done = (): RemotingReply => ({ code: ResponseCode.SUCCESS })

  return [
    [RequestCode.UPDATE_BROKER_CONFIG, updateConfig],
    [RequestCode.GET_BROKER_CONFIG, config],
    [RequestCode.VIEW_BROKER_STATS_DATA, viewStats],
    [RequestCode.GET_BROKER_RUNTIME_INFO, runtime],
    [RequestCode.GET_ALL_DELAY_OFFSET, delayOffsets],
    // Nothing expires by itself, and no queue of a topic that has gone is left.
    [RequestCode.CLEAN_EXPIRED_CONSUMEQUEUE, done],
    [RequestCode.DELETE_EXPIRED_COMMITLOG, done],
    [RequestCode.CLEAN_UNUSED_TOPIC, done]
  ]
}
