/** The two that are compared, and what makes them alike. */
import type * as EmbeddedRocketMQ from "../../src/testing/EmbeddedRocketMQ.ts"

/** Addresses of one RocketMQ, `host:port`. */
export interface Addresses {
  readonly broker: string
  readonly nameServer: string
}

export interface Sides<T> {
  readonly embedded: T
  readonly real: T
}

export const brokerName = "broker-a"
export const clusterName = "DefaultCluster"

const common = {
  // POP looks at the retry topic first by chance.
  popFromRetryProbability: 0,
  // Nobody is asked about half messages meanwhile.
  transactionCheckInterval: 3_600_000
}

/** What the embedded one is told. */
export const embeddedOptions: EmbeddedRocketMQ.Options = { brokerSettings: common, journalLimit: 1 }

/**
 * What the real broker is told: what the embedded one has switched on from the start, what keeps files small, and what
 * keeps three of its threads from taking a core. One writes down which transactions have ended: once there were some, it
 * turns without a pause when none ended for an interval. One turns until its first interval is over, and one compares a
 * wheel of 37 MB with its file, byte by byte, each time. Nobody reads here what they write.
 */
export const realSettings: Readonly<Record<string, string | number | boolean>> = {
  ...common,
  enablePropertyFilter: true,
  recallMessageEnable: true,
  traceTopicEnable: true,
  mappedFileSizeConsumeQueue: 20_000,
  transactionOpBatchInterval: 3_600_000,
  transactionMetricFlushInterval: 1_000,
  timerFlushIntervalMs: 3_600_000
}

/** What the real broker's JVM is told: where a machine has an address of IPv6, ids of messages are longer by 24 digits. */
export const realFlags: ReadonlyArray<string> = ["-Djava.net.preferIPv4Stack=true"]
