/** What the codec costs, measured in a process of its own. */
import { codecTimes } from "./codec.ts"

process.send!(codecTimes(), () => process.exit())
