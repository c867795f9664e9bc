/** Words for what went wrong. For this layer and those above it. */
import { RemotingError } from "./RemotingError.ts"

/** What went wrong, in words, whatever was thrown or failed with. */
export const describe = (cause: unknown): string => {
  // What to do about it is said once, by the error that carries this one.
  if (cause instanceof RemotingError) return cause.reason.detail
  if (cause instanceof Error) return cause.message
  try {
    return String(cause)
  } catch {
    // An object without a prototype, such as decoded ext fields, has no text.
    return Object.prototype.toString.call(cause)
  }
}
