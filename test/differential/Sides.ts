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

/** What the real broker is told: what the embedded one has switched on from the start, and what keeps files small. */
export const realSettings: Readonly<Record<string, string | number | boolean>> = {
  ...common,
  enablePropertyFilter: true,
  recallMessageEnable: true,
  traceTopicEnable: true,
  mappedFileSizeConsumeQueue: 20_000
}
