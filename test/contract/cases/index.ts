import type { Subject } from "../Case.ts"
import { codes, identity } from "./codes.ts"
import { delays } from "./delays.ts"
import { refusals } from "./refusals.ts"
import { requests } from "./requests.ts"
import { routes } from "./routes.ts"
import { batches, compression, sends } from "./sends.ts"
import { transactions } from "./transactions.ts"

/** The whole contract. */
export const contract: ReadonlyArray<Subject> = [
  routes,
  identity,
  sends,
  batches,
  compression,
  delays,
  transactions,
  requests,
  refusals,
  codes
]
