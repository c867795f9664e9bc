/**
 * Ext fields as Java servers read them: what is missing or unreadable is `undefined`, and the server goes on
 * (RocketMQ 5.3.3 `RemotingCommand.decodeCommandCustomHeader`).
 */
import type { ExtFields } from "../../../protocol/RemotingCommand.ts"
import { ResponseCode } from "../../../protocol/ResponseCode.ts"
import type { RemotingReply } from "../../../remoting/RemotingRequest.ts"

/** `Integer.parseInt` or `Long.parseLong`. */
export const integer = (fields: ExtFields, name: string): number | undefined => {
  const text = fields[name]
  if (text === undefined || !/^[+-]?\d{1,19}$/.test(text)) return undefined
  return Number(text)
}

/** `Integer.parseInt`. */
export const int = (fields: ExtFields, name: string): number | undefined => {
  const value = integer(fields, name)
  return value === undefined || value < -0x8000_0000 || value > 0x7fff_ffff ? undefined : value
}

/** `Boolean.parseBoolean`. */
export const flag = (fields: ExtFields, name: string): boolean | undefined => {
  const text = fields[name]
  return text === undefined ? undefined : text.toLowerCase() === "true"
}

/** How a Java server answers when it stumbles over a value that is not there. */
export const nullPointer: RemotingReply = {
  code: ResponseCode.SYSTEM_ERROR,
  remark: "java.lang.NullPointerException"
}
