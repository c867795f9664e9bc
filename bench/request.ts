import { LanguageCode } from "../src/protocol/LanguageCode.ts"
import * as MqVersion from "../src/protocol/MqVersion.ts"
import { RequestCode } from "../src/protocol/RequestCode.ts"

/** The request that every contestant sends: a SEND_MESSAGE_V2 as a producer writes it, 1 KiB of body. */
export const requestCode = RequestCode.SEND_MESSAGE_V2

/** Protocol version announced by every contestant, and by the server. */
export const protocolVersion = MqVersion.current

/** Language announced by every contestant. */
export const language = LanguageCode.OTHER

export const extFields: Readonly<Record<string, string>> = {
  a: "bench_producer",
  b: "BenchTopic",
  c: "TBW102",
  d: "4",
  e: "2",
  f: "0",
  g: "1750000000000",
  h: "0",
  i: "UNIQ_KEY\u00017F0000010A2B18B4AAC2057C1E6F002A\u0002WAIT\u0001true\u0002",
  j: "0",
  k: "false",
  l: "0",
  m: "false",
  n: "broker-a"
}

export const requestBody: Uint8Array = Buffer.alloc(1024, "0123456789abcdef")

/** The JSON header of the request, in the order of keys of a Java peer. */
export const requestHeader = (opaque: number): string =>
  JSON.stringify({
    code: requestCode,
    extFields,
    flag: 0,
    language: "OTHER",
    opaque,
    serializeTypeCurrentRPC: "JSON",
    version: protocolVersion
  })
