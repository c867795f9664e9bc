/** Errors of messages that are refused before anything is sent. */
import type { ClientError } from "../ClientError.ts"
import { clientError, InvalidMessage, InvalidName, MessageTooLarge } from "../ClientError.ts"

/** @param detail what is wrong, in a sentence */
export const invalidName = (kind: string, name: string, detail: string): ClientError =>
  clientError(new InvalidName({ kind, name, detail: `is not valid: ${detail}` }))

/** @param detail what is wrong, as in "the field …" */
export const invalidMessage = (topic: string, field: string, detail: string): ClientError =>
  clientError(new InvalidMessage({ topic: String(topic), field, detail }))

export const tooLarge = (topic: string, size: number, limit: number): ClientError =>
  clientError(new MessageTooLarge({ topic, size, limit }))
