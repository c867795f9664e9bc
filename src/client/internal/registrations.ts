/** Which channels the client's groups are registered on, as its heartbeats tell its listeners. */
import type { Address } from "../../remoting/Address.ts"

export class Registrations {
  /** Whether the groups are to be registered at an address. */
  appliesTo: (address: Address) => boolean = () => false
  private readonly channels = new Set<string>()

  /** The server of a channel has answered the registration. */
  answered(channelId: string): void {
    this.channels.add(channelId)
  }

  /** A channel has closed. */
  closed(channelId: string): void {
    this.channels.delete(channelId)
  }

  /** Whether a channel is in use, and its registration is still to come. */
  isAwaited(address: Address, channelId: string): boolean {
    return !this.channels.has(channelId) && this.appliesTo(address)
  }
}
