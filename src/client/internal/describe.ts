/** What went wrong, in words, whatever was thrown or failed with. */
export const describe = (cause: unknown): string => {
  if (cause instanceof Error) return cause.message
  try {
    return String(cause)
  } catch {
    // An object without a prototype has no text.
    return Object.prototype.toString.call(cause)
  }
}
