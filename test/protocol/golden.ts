/** Frames as RocketMQ's own servers and its Java client write them, in `test/fixtures/golden`. */
import { readdirSync, readFileSync } from "node:fs"

export interface GoldenFrame {
  readonly name: string
  readonly source: string
  readonly description: string
  /** Exactly one frame. */
  readonly hex: string
  readonly expect: {
    readonly code: number
    readonly flag: number
    readonly opaque: number
    /** A name or a number. */
    readonly language: string | number
    readonly version: number
    readonly remark?: string
    readonly extFields: Readonly<Record<string, string>>
    readonly bodyHex?: string
  }
}

const folder = new URL("../fixtures/golden/", import.meta.url)

export const goldenFrames: ReadonlyArray<GoldenFrame> = readdirSync(folder)
  .filter((name) => name.endsWith(".json"))
  .sort()
  .map((name) => Object.assign(JSON.parse(readFileSync(new URL(name, folder), "utf8")), { name: name.slice(0, -5) }))
