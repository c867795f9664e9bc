/** Looking at, and changing, what is sent. */
import type { RemotingCommand } from "../protocol/RemotingCommand.ts"
import type { Address } from "./Address.ts"
import type { RemotingRequest } from "./RemotingRequest.ts"

/**
 * Runs synchronously around each physical attempt, in the order of
 * registration, before the signature. A replay starts again from the caller's
 * request, so a hook that adds a field adds it once.
 */
export interface RpcHook {
  /** Returns what to send instead. A hook that throws ends the request with `HookFailed`. */
  readonly before?: ((address: Address, request: RemotingRequest) => RemotingRequest) | undefined
  /**
   * Is told of each answer, GO_AWAY too, with the caller's request. What it
   * throws is told as an `Exception` event; the answer reaches the caller all
   * the same.
   */
  readonly after?: ((address: Address, request: RemotingRequest, response: RemotingCommand) => void) | undefined
}
