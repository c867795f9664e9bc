/**
 * Clients with producers against a whole embedded cluster under random faults
 * in virtual time: 2,000 seeds of 200 operations each. Sends are judged by the
 * rules of `test/support/history.ts`, stores and clients by those of
 * `clusterSimulation.ts`. For other seeds, and to look into one, see
 * `simulationSeeds.ts`.
 */
import { describe } from "@effect/vitest"
import { loadSimulation } from "./simulationRuns.ts"
import { testSimulation } from "./simulationSeeds.ts"

const simulation = await loadSimulation("clusterSimulation")

describe("a simulation of a cluster", () => {
  testSimulation("clusterSimulation", simulation, [
    ...["Acknowledged", "Sent", "NotSent", "NotProcessed", "Unknown", "Interrupted"],
    ...["SendFailed", "DeadlineExceeded", "TooManyMessages", "NoQueue", "TopicNotFound", "NameServersFailed"],
    ...["ShuttingDown", "NotSupported", "RequestTimeout"],
    ...["send", "ordered", "batch", "oneway", "delayed", "transaction", "request", "reply"],
    ...["replied", "recalled", "asked", "transaction Commit", "transaction Rollback"],
    ...["drain", "stop", "start", "lostStore", "reset", "network", "status", "topic", "reopen", "reproduce"],
    ...["loseAnswer", "duplicateAnswer", "closeConnection", "busy", "diskFull", "noPermission", "fail", "slow", "late"],
    ...["Answered", "Unanswered", "Lost", "Refused"]
  ])
})
