/** Tells the client's way from server to server, from its events and its answers. */
import type { ChannelEvent } from "effect-rocketmq/remoting/ChannelEvent"

/** A way that has not ended yet. */
interface Leaving {
  readonly server: string
  readonly since: number
  /** An answer of the server that is being left can only come over a new connection. */
  readonly broken: boolean
}

/** Times are in milliseconds on any one clock. */
export class Moves {
  /** Connections that were established. */
  connects = 0
  private readonly note: (text: string) => void
  private server: string | undefined
  private leaving: Leaving | undefined
  /** The connection that carries new requests. */
  private generation = 0

  constructor(note: (text: string) => void) {
    this.note = note
  }

  event(event: ChannelEvent, at: number): void {
    switch (event.type) {
      case "Connect":
        this.connects++
        return
      case "Active":
        this.generation = event.generation
        return
      case "GoAway":
        this.leave(`got GO_AWAY on connection ${event.generation}`, at, false)
        return
      case "Close":
        // The end of a connection that the client has left already is no news.
        if (event.generation === this.generation) this.leave(`lost connection ${event.generation}`, at, true)
        return
      default:
    }
  }

  /** An answer came from a server. */
  answered(server: string, at: number): void {
    const { leaving } = this
    if (leaving === undefined) {
      // A late answer of a server that was left changes nothing.
      this.server ??= server
      return
    }
    if (server === leaving.server && !leaving.broken) return
    this.leaving = undefined
    this.server = server
    const where = server === leaving.server ? `is back on ${server}` : `moved from ${leaving.server} to ${server}`
    this.note(`client ${where} after ${(at - leaving.since).toFixed(0)} ms`)
  }

  private leave(how: string, at: number, broken: boolean): void {
    if (this.server === undefined) return
    if (this.leaving === undefined) {
      this.leaving = { server: this.server, since: at, broken }
      this.note(`client ${how}, to server ${this.server}`)
    } else this.note(`client ${how} too, and tries again`)
  }
}
