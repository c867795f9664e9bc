/** The faults of one server, and what they make of a request. */
import * as Duration from "effect/Duration"
import type { RemotingCommand } from "../../../protocol/RemotingCommand.ts"
import type { RemotingReply } from "../../../remoting/RemotingRequest.ts"
import type * as Fault from "../../Fault.ts"

/** What is to go wrong with one request. */
export interface Plan {
  /** Milliseconds before it is executed. */
  slow: number
  /** Milliseconds before it is answered. */
  late: number
  lost: boolean
  duplicated: boolean
  closed: boolean
  /** The answer of a request that is not executed. */
  refused: RemotingReply | undefined
  /** Set once it was executed and is not going to be answered. */
  executed: boolean
}

interface Active {
  readonly fault: Fault.Fault
  readonly codes: ReadonlySet<number> | undefined
  left: number
}

export class FaultTable {
  private active: Array<Active> = []
  private readonly random: { nextDoubleUnsafe(): number }

  constructor(random: { nextDoubleUnsafe(): number }) {
    this.random = random
  }

  /** Adds a fault; returns what lifts it. */
  inject(fault: Fault.Fault): () => void {
    const entry: Active = {
      fault,
      codes: fault.codes === undefined ? undefined : new Set(fault.codes),
      left: fault.times ?? Infinity
    }
    this.active.push(entry)
    return () => {
      this.active = this.active.filter((other) => other !== entry)
    }
  }

  clear(): void {
    this.active = []
  }

  /** What goes wrong with a request; `undefined`: nothing. */
  plan(request: RemotingCommand): Plan | undefined {
    if (this.active.length === 0) return undefined
    let plan: Plan | undefined
    for (const entry of this.active) {
      const { codes, fault } = entry
      if (entry.left <= 0 || codes?.has(request.code) === false || fault.when?.(request) === false) continue
      if (fault.probability !== undefined && this.random.nextDoubleUnsafe() >= fault.probability) continue
      entry.left--
      plan ??= { slow: 0, late: 0, lost: false, duplicated: false, closed: false, refused: undefined, executed: false }
      add(plan, fault.consequence)
    }
    if (plan !== undefined) this.active = this.active.filter(({ left }) => left > 0)
    return plan
  }
}

const add = (plan: Plan, consequence: Fault.Consequence): void => {
  switch (consequence._tag) {
    case "Slow":
      plan.slow += Duration.toMillis(consequence.delay)
      break
    case "Late":
      plan.late += Duration.toMillis(consequence.delay)
      break
    case "LoseAnswer":
      plan.lost = true
      break
    case "DuplicateAnswer":
      plan.duplicated = true
      break
    case "CloseConnection":
      plan.closed = true
      break
    case "Refuse":
      plan.refused ??= consequence.reply
  }
}
