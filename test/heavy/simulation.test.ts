/**
 * Clients and servers under random faults in virtual time: 2,000 seeds of 200
 * operations each, judged by the rules of `test/support/history.ts`. For other
 * seeds, and to look into one, see `simulationSeeds.ts`.
 */
import { describe } from "@effect/vitest"
import { simulate } from "./simulation.ts"
import { planOf } from "./simulationPlan.ts"
import { breaksNoRule, isTheSameAgain, meets } from "./simulationSeeds.ts"

const simulation = { planOf, simulate }

describe("a simulation", () => {
  breaksNoRule(simulation)
  isTheSameAgain(simulation)
  meets(simulation, [
    ...["Connect", "Active", "GoAway", "Draining", "Reconnected", "Idle", "Exception", "Close"],
    ...["Acknowledged", "Refused", "Sent", "NotSent", "NotProcessed", "Unknown", "Interrupted"],
    ...["drain", "stop", "reset", "fault", "answers", "registrations", "register", "unregister", "reopen", "askBack"]
  ])
})
