/** The package's client with its metrics switched off. */
import { connectOurs } from "../ourClient.ts"

export const connect = connectOurs({ metrics: false })
