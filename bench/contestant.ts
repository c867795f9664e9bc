import * as Effect from "effect/Effect"
import { requestBody } from "./request.ts"

/** What a load is made of: so many workers, each sending its next request when the last one was answered. */
export class Load {
  answers = 0
  /** Milliseconds from answer to answer; with one worker that is the latency of a request. */
  readonly latencies: Array<number> = []
  readonly idle: Promise<void>
  private readonly timed: boolean
  private workers: number
  private stopping = false
  private lastAnswerAt = 0
  private settle!: () => void

  constructor(workers: number) {
    this.workers = workers
    this.timed = workers === 1
    this.idle = new Promise((resolve) => {
      this.settle = resolve
    })
  }

  /** Counts an answer; whether the worker shall go on. */
  answered(): boolean {
    this.answers++
    if (this.timed) {
      const now = performance.now()
      this.latencies.push(now - this.lastAnswerAt)
      this.lastAnswerAt = now
    }
    if (!this.stopping) {
      return true
    }
    if (--this.workers === 0) {
      this.settle()
    }
    return false
  }

  /** Forgets what was counted so far. */
  restart(): void {
    this.answers = 0
    this.latencies.length = 0
    this.lastAnswerAt = performance.now()
  }

  /** Lets every worker end with its next answer. */
  stop(): Promise<void> {
    this.stopping = true
    return this.idle
  }
}

/** A client under test, connected. Whatever fails in it ends the process. */
export interface Contestant {
  /** Starts the workers of a load. */
  readonly drive: (load: Load, workers: number) => void
}

export type Connect = (port: number) => Promise<Contestant>

/** A client that hands the body of the answer to a callback. */
export interface CallbackClient {
  readonly request: (body: Uint8Array, onAnswer: (body: Uint8Array | undefined) => void) => void
}

export const driveCallbacks = (client: CallbackClient): Contestant => ({
  drive: (load, workers) => {
    for (let worker = 0; worker < workers; worker++) {
      const onAnswer = () => {
        if (load.answered()) {
          client.request(requestBody, onAnswer)
        }
      }
      client.request(requestBody, onAnswer)
    }
  }
})

export const drivePromises = (invoke: () => Promise<unknown>): Contestant => ({
  drive: (load, workers) => {
    const work = async () => {
      do {
        await invoke()
      } while (load.answered())
    }
    for (let worker = 0; worker < workers; worker++) {
      void work()
    }
  }
})

/** One fiber per worker. */
export const driveEffects = <E>(invoke: () => Effect.Effect<unknown, E>): Contestant => ({
  drive: (load, workers) => {
    const work = Effect.gen(function*() {
      do {
        yield* invoke()
      } while (load.answered())
    })
    for (let worker = 0; worker < workers; worker++) {
      void Effect.runPromise(work)
    }
  }
})
