/** How often a table was changed: what a broker tells the name server so that only changes travel. */
import type { DataVersion } from "../../../protocol/body/DataVersion.ts"

/** The version after a change. */
export const next = (version: DataVersion, now: number): DataVersion => ({
  stateVersion: version.stateVersion,
  timestamp: now,
  counter: version.counter + 1
})

/** The version of a table that was never changed. */
export const initial = (now: number): DataVersion => ({ stateVersion: 0, timestamp: now, counter: 0 })
