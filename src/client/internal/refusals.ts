/** Errors of messages that are refused before anything is sent. */
import { describe } from "../../remoting/Describe.ts"
import type { ClientError } from "../ClientError.ts"
import { clientError, InvalidMessage, InvalidName, MessageTooLarge } from "../ClientError.ts"

/** @param detail what is wrong, in a sentence */
export const invalidName = (kind: string, name: unknown, detail: string): ClientError =>
  clientError(new InvalidName({ kind, name: describe(name), detail: `is not valid: ${detail}` }))

/** @param detail what is wrong, as in "the field …" */
export const invalidMessage = (topic: string, field: string, detail: string): ClientError =>
  clientError(new InvalidMessage({ topic: describe(topic), field, detail }))

/** What is given for a message, from JavaScript, is none. */
export const noMessage = (): ClientError => invalidMessage("", "message", "is no object")

export const tooLarge = (topic: string, size: number, limit: number): ClientError =>
  clientError(new MessageTooLarge({ topic, size, limit }))
