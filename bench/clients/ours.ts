/** The package's client as it comes: one fiber per request in flight. */
import { connectOurs } from "../ourClient.ts"

export const connect = connectOurs({})
