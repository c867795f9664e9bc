/** Handlers of the requests that a peer sends, on client and server alike. */
import * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import type { RemotingCommand } from "../../protocol/RemotingCommand.ts"
import { ResponseCode } from "../../protocol/ResponseCode.ts"
import { describe } from "../Describe.ts"
import type { RemotingChannel } from "../RemotingChannel.ts"
import type { Handler, Peer } from "../RemotingHandler.ts"
import type { RemotingReply } from "../RemotingRequest.ts"

/** A handler bound to the context it was registered in: runs, and tells how it ended. */
type Registered = (
  command: RemotingCommand,
  peer: Peer,
  done: (exit: Exit.Exit<RemotingReply | undefined, unknown>) => void
) => Fiber.Fiber<unknown, unknown>

/** Binds a handler to a context. */
const bind = <R>(handler: Handler<R>, context: Context.Context<R>): Registered => {
  const runFork = Effect.runForkWith(context)
  return (command, peer, done) =>
    runFork(
      Effect.onExit(Effect.suspend(() => handler(command, peer)), (exit) => {
        done(exit)
        return Exit.isFailure(exit) && !Cause.hasInterruptsOnly(exit.cause)
          ? Effect.logWarning(`the handler of request ${command.code} failed`, exit.cause)
          : Effect.void
      })
    )
}

/** RocketMQ 5.3.3 `NettyRemotingAbstract`, when its executor takes no more. */
const overload: RemotingReply = {
  code: ResponseCode.SYSTEM_BUSY,
  remark: "[OVERLOAD]system busy, start flow control for a while"
}

/** Registers a handler until the scope closes. */
export const registered = <R>(
  handler: Handler<R>,
  register: (bound: Registered) => () => void
): Effect.Effect<void, never, R | Scope.Scope> =>
  Effect.contextWith((context: Context.Context<R>) =>
    Effect.asVoid(
      Effect.acquireRelease(
        Effect.sync(() => register(bind(handler, context))),
        (unregister) => Effect.sync(unregister)
      )
    )
  )

export class Handlers {
  private readonly byCode = new Map<number, Array<Registered>>()
  /** Handlers of codes that have none; the newest counts. */
  private readonly fallbacks: Array<Registered> = []
  /** Codes whose handlers have gone, and whether the fallback has. */
  private readonly gone = new Set<number>()
  private fallbackGone = false
  private readonly fibers = new Map<RemotingChannel, Set<Fiber.Fiber<unknown, unknown>>>()
  private readonly limit: number

  /** @param limit handlers of one channel that may run at once, those that are suspended apart */
  constructor(limit: number) {
    this.limit = limit
  }

  /** The newest registration of a code is the one that counts. Returns what takes it back. */
  register(code: number, handler: Registered): () => void {
    const stack = this.byCode.get(code) ?? []
    this.byCode.set(code, stack)
    stack.push(handler)
    this.gone.delete(code)
    return () => {
      const index = stack.indexOf(handler)
      if (index >= 0) stack.splice(index, 1)
      if (stack.length > 0) return
      this.byCode.delete(code)
      this.gone.add(code)
    }
  }

  /** The handler of codes that have none. */
  registerFallback(handler: Registered): () => void {
    const { fallbacks } = this
    fallbacks.push(handler)
    this.fallbackGone = false
    return () => {
      const index = fallbacks.indexOf(handler)
      if (index >= 0) fallbacks.splice(index, 1)
      this.fallbackGone = fallbacks.length === 0
    }
  }

  find(code: number): Registered | undefined {
    const stack = this.byCode.get(code)
    return stack === undefined ? this.fallbacks[this.fallbacks.length - 1] : stack[stack.length - 1]
  }

  /** Whether a code that has no handler now had one. */
  had(code: number): boolean {
    return this.fallbackGone || this.gone.has(code)
  }

  /** The answer to codes without a handler, as RocketMQ 5.3.3 words it, its leading blank included. */
  unsupported(code: number): RemotingReply {
    return { code: ResponseCode.REQUEST_CODE_NOT_SUPPORTED, remark: ` request type ${code} not supported` }
  }

  /** Runs a handler and answers with what it returns. */
  run(handler: Registered, channel: RemotingChannel, command: RemotingCommand, peer: Peer): void {
    if (channel.running >= this.limit) {
      if (!command.isOneway) channel.reply(command.opaque, overload)
      return
    }
    channel.running++
    channel.handlers++
    const permit = new Permit(channel)
    const fiber = handler(
      command,
      { ...peer, suspend: (effect) => permit.suspend(effect) },
      (exit) => this.done(channel, command, exit)
    )
    if (fiber.pollUnsafe() !== undefined) return
    if (channel.closed) {
      // It closed the channel itself.
      fiber.interruptUnsafe()
      return
    }
    const running = this.fibers.get(channel) ?? new Set()
    this.fibers.set(channel, running)
    running.add(fiber)
    fiber.addObserver(() => running.delete(fiber))
  }

  /** The channel has closed: nobody waits for its handlers. */
  closed(channel: RemotingChannel): void {
    const running = this.fibers.get(channel)
    if (running === undefined) return
    this.fibers.delete(channel)
    for (const fiber of [...running]) fiber.interruptUnsafe()
  }

  private done(
    channel: RemotingChannel,
    command: RemotingCommand,
    exit: Exit.Exit<RemotingReply | undefined, unknown>
  ) {
    channel.running--
    channel.handlers--
    if (!command.isOneway && !channel.closed) {
      if (Exit.isFailure(exit)) {
        const error = Cause.squash(exit.cause)
        channel.reply(command.opaque, {
          code: ResponseCode.SYSTEM_ERROR,
          remark: error instanceof Error ? `${error.name}: ${error.message}` : describe(error)
        })
      } else if (exit.value !== undefined) channel.reply(command.opaque, exit.value)
    }
    channel.checkDrained()
  }
}

/** The right of one handler to run. Given back once, however often it waits at the same time. */
class Permit {
  private readonly channel: RemotingChannel
  private waits = 0

  constructor(channel: RemotingChannel) {
    this.channel = channel
  }

  suspend<A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    return Effect.suspend(() => {
      if (this.waits++ === 0) this.channel.running--
      return Effect.ensuring(
        effect,
        Effect.sync(() => {
          if (--this.waits === 0) this.channel.running++
        })
      )
    })
  }
}
