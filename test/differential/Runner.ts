/** Runs a sequence on both sides and compares what comes of it. */
import { setTimeout as delay } from "node:timers/promises"
import type { Difference, Options, Outcome } from "./Outcome.ts"
import { differences, outcomeOf } from "./Outcome.ts"
import type { Exchange } from "./Session.ts"
import { Session } from "./Session.ts"
import type { Addresses, Sides } from "./Sides.ts"
import type { Step } from "./Step.ts"
import type { Request } from "./Wire.ts"

/** How often, and how long apart in milliseconds, a real broker is asked until it shows what it has stored. */
const attempts = 40
const pause = (attempt: number): Promise<void> => delay(attempt < 5 ? 2 : attempt < 20 ? 10 : 50)

/** Differences that a step showed. */
export interface Deviation {
  readonly step: Step
  readonly request: Request
  readonly difference: Difference
}

export interface RunResult {
  readonly requests: number
  /** What the embedded one was asked, in order. */
  readonly asked: ReadonlyArray<Request>
  readonly deviations: ReadonlyArray<Deviation>
  /** How often each code was asked, and how often it succeeded. */
  readonly codes: ReadonlyMap<number, readonly [asked: number, succeeded: number]>
}

/** Whether a difference is known and may be passed over. */
export type IsKnown = (deviation: Deviation) => boolean

export interface RunOptions extends Sides<Addresses> {
  readonly prefix: string
  readonly isKnown: IsKnown
  /** Stop at the first difference that is not known. */
  readonly stopAtFirst?: boolean | undefined
}

type Queues = Map<string, readonly [topic: string, queueId: number]>

/** Waits until the real broker's queues show what the embedded one's do. */
const settle = async (dirty: Queues, sessions: Sides<Session>): Promise<void> => {
  const queues = [...dirty.values()]
  dirty.clear()
  await Promise.all(queues.map(async ([topic, queueId]) => {
    const expected = await sessions.embedded.maxOffset(topic, queueId)
    for (let attempt = 0; attempt < attempts; attempt++) {
      if ((await sessions.real.maxOffset(topic, queueId)) === expected) return
      await pause(attempt)
    }
  }))
}

export const run = async (steps: ReadonlyArray<Step>, options: RunOptions): Promise<RunResult> => {
  const { embedded, isKnown, prefix, real, stopAtFirst } = options
  const sessions = { embedded: await Session.open(embedded), real: await Session.open(real) }
  const addresses = [embedded, real].flatMap(({ broker, nameServer }) => [broker, nameServer])
  const deviations: Array<Deviation> = []
  const codes = new Map<number, readonly [number, number]>()
  const dirty: Queues = new Map()
  const asked: Array<Request> = []

  const compare = (
    step: Step,
    ours: ReadonlyArray<Exchange>,
    theirs: ReadonlyArray<Exchange>
  ): ReadonlyArray<Deviation> => {
    const outcomes: Options = { addresses, prefix, shared: step.shared }
    const outcome = ([request, answer]: Exchange): Outcome => outcomeOf(request.code, answer, outcomes)
    if (ours.length !== theirs.length) {
      const request = (ours[0] ?? theirs[0])![0]
      const difference = { request: request.code, path: "requests", embedded: ours.length, real: theirs.length }
      return [{ step, request, difference }]
    }
    return ours.flatMap((exchange, index) =>
      differences(outcome(exchange), outcome(theirs[index]!)).map((difference) => ({
        step,
        request: exchange[0],
        difference
      }))
    )
  }

  try {
    for (const step of steps) {
      if (step.settles) await settle(dirty, sessions)
      let [ours, theirs] = await Promise.all([step.run(sessions.embedded), step.run(sessions.real)])
      let found = compare(step, ours, theirs)
      for (let attempt = 0; step.repeatable && found.some((one) => !isKnown(one)) && attempt < attempts; attempt++) {
        await pause(attempt)
        ;[ours, theirs] = await Promise.all([step.run(sessions.embedded), step.run(sessions.real)])
        found = compare(step, ours, theirs)
      }
      for (const [request, answer] of ours) {
        asked.push(request)
        const [times, succeeded] = codes.get(request.code) ?? [0, 0]
        codes.set(request.code, [times + 1, succeeded + (typeof answer !== "string" && answer.code === 0 ? 1 : 0)])
      }
      for (const [topic, queueId] of step.fills) {
        const answer = ours[0]?.[1]
        const chosen = queueId >= 0
          ? queueId
          : answer === undefined || typeof answer === "string"
          ? 0
          : Number(answer.extFields["queueId"] ?? 0)
        dirty.set(`${topic} ${chosen}`, [topic, chosen])
      }
      deviations.push(...found)
      if (stopAtFirst === true && found.some((one) => !isKnown(one))) break
    }
  } finally {
    sessions.embedded.close()
    sessions.real.close()
  }
  return { requests: asked.length, asked, deviations, codes }
}

/**
 * Leaves out steps as long as the sequence still fails: larger parts first, single steps last.
 *
 * @param fails whether that many steps still show the difference; each attempt needs names of its own
 */
export const shrink = async <T>(
  steps: ReadonlyArray<T>,
  fails: (steps: ReadonlyArray<T>) => Promise<boolean>,
  limit = 200
): Promise<ReadonlyArray<T>> => {
  let current = steps
  let tried = 0
  for (let size = Math.ceil(current.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let start = current.length - size; start > -size && tried < limit; start -= size) {
      const candidate = current.filter((_, index) => index < start || index >= start + size)
      if (candidate.length === current.length) continue
      tried++
      if (await fails(candidate)) current = candidate
    }
  }
  return current
}

/** A request as a failure shows it. */
export const describeRequest = ({ body, code, extFields }: Request): string =>
  `${code} ${JSON.stringify(extFields ?? {})}${
    body === undefined || body.length === 0
      ? ""
      : ` ${
        typeof body === "string" ? body : `${body.length} bytes ${Buffer.from(body).toString("hex").slice(0, 200)}`
      }`
  }`
