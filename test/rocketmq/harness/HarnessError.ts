import * as Schema from "effect/Schema"

/** Something outside the package is missing or failed: a tool, a download, a server that did not start. */
export class HarnessError extends Schema.TaggedError<HarnessError>()("HarnessError", {
  message: Schema.String
}) {}
