/**
 * Clients and servers under random faults in virtual time: 2,000 seeds of 200
 * operations each, judged by the rules of `test/support/history.ts`. For other
 * seeds, and to look into one, see `simulationSeeds.ts`.
 */
import { describe } from "@effect/vitest"
import { loadSimulation } from "./simulationRuns.ts"
import { testSimulation } from "./simulationSeeds.ts"

const simulation = await loadSimulation("simulation")

describe("a simulation", () => {
  testSimulation("simulation", simulation, [
    ...["Connect", "Active", "GoAway", "Draining", "Reconnected", "Idle", "Exception", "Close"],
    ...["Acknowledged", "Refused", "Sent", "NotSent", "NotProcessed", "Unknown", "Interrupted"],
    ...["drain", "stop", "reset", "fault", "answers", "registrations", "register", "unregister", "reopen", "askBack"]
  ])
})
