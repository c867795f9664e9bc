/** From options, as users give them, to what channels work with. */
import * as Duration from "effect/Duration"
import { LanguageCode } from "../../protocol/LanguageCode.ts"
import * as MqVersion from "../../protocol/MqVersion.ts"
import type { FrameLimits } from "../../protocol/RemotingCodec.ts"
import { defaultFrameLimits } from "../../protocol/RemotingCodec.ts"
import type { SerializeType } from "../../protocol/RemotingCommand.ts"
import type { ChannelSettings } from "../RemotingChannel.ts"

/** Options that clients and servers have in common. */
interface ChannelOptions {
  readonly language?: LanguageCode | undefined
  readonly version?: number | undefined
  readonly serialization?: SerializeType | undefined
  readonly limits?: Partial<FrameLimits> | undefined
  readonly maxUnsentBytes?: number | undefined
}

/** With the defaults of both: OTHER, 5.5.0, JSON, 64 MiB that wait. */
export const channelSettings = (options: ChannelOptions, pauseReads: boolean): ChannelSettings => ({
  language: options.language ?? LanguageCode.OTHER,
  version: options.version ?? MqVersion.current,
  serialization: options.serialization ?? "JSON",
  limits: { ...defaultFrameLimits, ...options.limits },
  maxUnsentBytes: options.maxUnsentBytes ?? 67_108_864,
  pauseReads,
  traffic: { bytesIn: 0, bytesOut: 0 }
})

/** A duration in milliseconds. */
export const millis = (input: Duration.Input | undefined, fallback: number): number =>
  input === undefined ? fallback : Duration.toMillis(input)
