/** What a client's and a server's housekeeper look for on every channel, again and again. */
import type { RemotingChannel } from "../RemotingChannel.ts"

/** Notes when something last came and when something was last asked: the hot path only raises flags. */
export const tendTraffic = (channel: RemotingChannel, now: number): void => {
  if (channel.heard) {
    channel.heard = false
    channel.lastHeard = now
  }
  if (channel.used || channel.pending > 0 || channel.handlers > 0) {
    channel.used = false
    channel.lastUsed = now
  }
}

/** A frame that was begun must be finished: a peer that trickles holds memory and blocks what is behind it. */
export const tendFrame = (channel: RemotingChannel, now: number, limitMillis: number): void => {
  if (channel.bufferedBytes === 0) channel.frameSince = undefined
  else if (channel.frameSince === undefined || channel.commands !== channel.commandsSeen) {
    channel.commandsSeen = channel.commands
    channel.frameSince = now
  } else if (now - channel.frameSince >= limitMillis) {
    channel.violated({
      kind: "FrameStalled",
      offset: channel.bufferedBytes,
      message: `the frame was not finished in ${limitMillis} ms`
    })
  }
}
