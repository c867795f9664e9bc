/** From durations, as apps give them, to milliseconds. */
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"

/** A duration in milliseconds; `NaN`, which is no time, when it is none. Numbers, as most are, cost nothing. */
export const millisOf = (input: Duration.Input | undefined, fallback: number): number =>
  input === undefined || input === null
    ? fallback
    : typeof input === "number"
    ? input
    : Option.match(Duration.fromInput(input), { onNone: () => Number.NaN, onSome: Duration.toMillis })
