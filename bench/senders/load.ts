/** What senders have in common: what they are told, what they say, and how a window is measured. */
import { setTimeout as sleep } from "node:timers/promises"

/** The first argument of a sender, as JSON. */
export interface SendOptions {
  /** `host:port`. */
  readonly nameServer: string
  /** Of the broker. */
  readonly port: number
  readonly topic: string
  /** Write queues of the topic. */
  readonly queues: number
  readonly inFlight: number
  readonly warmUpMs: number
  /** 0: end with the first message. */
  readonly measuredMs: number
}

/** What a sender prints at its end, as one line of JSON. */
export interface SendSample {
  /** Milliseconds of the wall clock at which the first message was acknowledged. */
  readonly firstAt: number
  readonly messagesPerSecond: number
  /** CPU time of the sender's process per message, in microseconds. */
  readonly cpuMicros: number
  /** Resident memory when the window ended. */
  readonly rssBytes: number
  /** Messages acknowledged in all. */
  readonly acknowledged: number
}

/** Messages after which an engine has optimised what it will. */
const warmUpMessages = 50_000

/** So many workers, each sending its next message when the last one was acknowledged. */
export class SendLoad {
  readonly options: SendOptions = JSON.parse(process.argv[2])
  readonly body: Uint8Array = Buffer.alloc(1024, "x")
  acknowledged = 0
  private firstAt = 0
  private workers = 0
  private stopping = false
  private settle: () => void = () => {}

  /** Counts a message; whether the worker shall go on. */
  onAcknowledged(): boolean {
    this.acknowledged++
    if (!this.stopping) {
      return true
    }
    if (--this.workers === 0) {
      this.settle()
    }
    return false
  }

  /** To be called when the first message, sent alone, was acknowledged. */
  onFirst(): void {
    this.acknowledged++
    this.firstAt = Date.now()
  }

  /** Starts the workers, measures the window, prints the sample and ends the process. */
  async run(startWorker: () => void): Promise<void> {
    const { inFlight, measuredMs, warmUpMs } = this.options
    let measured = { messagesPerSecond: 0, cpuMicros: 0, rssBytes: 0 }
    if (measuredMs > 0) {
      this.workers = inFlight
      for (let worker = 0; worker < inFlight; worker++) {
        startWorker()
      }
      // On a busy machine few messages are sent in that time, and an engine optimises what it has run often.
      const latest = performance.now() + 3 * warmUpMs
      await sleep(warmUpMs)
      while (this.acknowledged < warmUpMessages && performance.now() < latest) {
        await sleep(100)
      }
      const before = this.acknowledged
      const cpu = process.cpuUsage()
      const start = performance.now()
      await sleep(measuredMs)
      const { system, user } = process.cpuUsage(cpu)
      const seconds = (performance.now() - start) / 1000
      const messages = this.acknowledged - before
      measured = {
        messagesPerSecond: messages / seconds,
        cpuMicros: (user + system) / messages,
        rssBytes: process.memoryUsage.rss()
      }
      await new Promise<void>((resolve) => {
        this.settle = resolve
        this.stopping = true
      })
    }
    const sample: SendSample = { firstAt: this.firstAt, ...measured, acknowledged: this.acknowledged }
    process.stdout.write(`${JSON.stringify(sample)}\n`, () => process.exit())
  }
}
