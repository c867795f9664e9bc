/** Calls on one given channel: registrations, probes, and what one side asks the other from a handler. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type { RemotingCommand } from "../../protocol/RemotingCommand.ts"
import type { RemotingChannel } from "../RemotingChannel.ts"
import type { RemotingError } from "../RemotingError.ts"
import type { Peer } from "../RemotingHandler.ts"
import type { RemotingRequest } from "../RemotingRequest.ts"
import type { Futures } from "../ResponseFutures.ts"
import * as Failures from "./failures.ts"
import type { CallOptions, CallOwner } from "./pendingCall.ts"
import { PendingCall } from "./pendingCall.ts"

/** Makes calls on channels, for one client or server. */
export class DirectCalls {
  private readonly futures: Futures
  private readonly defaults: CallOptions
  private readonly vital: CallOptions
  private readonly maxUnsentBytes: number
  private readonly owner: CallOwner

  /** @param onGoAway is told of a channel whose peer answered a direct call with GO_AWAY */
  constructor(
    futures: Futures,
    timeoutMillis: number,
    maxUnsentBytes: number,
    onGoAway: (channel: RemotingChannel) => void
  ) {
    this.futures = futures
    this.maxUnsentBytes = maxUnsentBytes
    this.defaults = { timeoutMillis, goAwayHops: 0, repeatable: false, failFast: true, vital: false }
    this.vital = { ...this.defaults, vital: true }
    this.owner = {
      refused: (call, channel) => {
        call.hops++
        onGoAway(channel)
        futures.fail(call, Failures.goAway(call, "the server answered GO_AWAY"))
      },
      lost: (call, reason) => futures.fail(call, Failures.closed(call, reason)),
      expired: (call) => Failures.timeout(call, `no answer in ${call.options.timeoutMillis} ms`)
    }
  }

  /** Starts a vital call from plain code. */
  start(
    channel: RemotingChannel,
    request: RemotingRequest,
    timeoutMillis: number,
    done: (exit: Exit.Exit<RemotingCommand | undefined, RemotingError>) => void
  ): void {
    this.submit(channel, request, false, { ...this.vital, timeoutMillis }, done)
  }

  peer(channel: RemotingChannel): Peer {
    return this.peerWith(channel, this.defaults)
  }

  /** As registrations have it. */
  vitalPeer(channel: RemotingChannel): Peer {
    return this.peerWith(channel, this.vital)
  }

  private peerWith(channel: RemotingChannel, defaults: CallOptions): Peer {
    return {
      address: channel.address,
      channelId: channel.id,
      // A two-way call never settles without a response.
      invoke: (request, options) =>
        this.call(channel, request, options?.timeout, false, defaults) as Effect.Effect<RemotingCommand, RemotingError>,
      invokeOneway: (request, options) => Effect.asVoid(this.call(channel, request, options?.timeout, true, defaults)),
      // Nothing runs here that could give way; a handler gets a peer of its own.
      suspend: (effect) => effect,
      answer: (opaque, reply) => channel.reply(opaque, reply),
      isOpen: () => !channel.closed,
      close: () => channel.end(channel.closedReason("it was closed on this side"))
    }
  }

  private call(
    channel: RemotingChannel,
    request: RemotingRequest,
    timeout: Duration.Input | undefined,
    oneway: boolean,
    defaults: CallOptions
  ): Effect.Effect<RemotingCommand | undefined, RemotingError> {
    const options = timeout === undefined ? defaults : { ...defaults, timeoutMillis: Duration.toMillis(timeout) }
    return Effect.callback((resume) => this.submit(channel, request, oneway, options, resume))
  }

  private submit(
    channel: RemotingChannel,
    request: RemotingRequest,
    oneway: boolean,
    options: CallOptions,
    done: (exit: Exit.Exit<RemotingCommand | undefined, RemotingError>) => void
  ): PendingCall {
    const { futures } = this
    const call = new PendingCall(
      futures,
      this.owner,
      channel.address,
      request,
      oneway,
      options,
      channel.now() + options.timeoutMillis,
      done
    )
    if (!futures.submit(call)) return call
    if (channel.closed) {
      futures.fail(call, Failures.closed(call, channel.closedReason("the channel is closed")))
    } else if (!channel.send(call)) {
      futures.fail(call, Failures.tooMany(call, this.maxUnsentBytes, "unsent bytes"))
    }
    return call
  }
}
