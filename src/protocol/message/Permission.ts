/**
 * The bits of the permission that a topic's queues or a broker have.
 *
 * Source: RocketMQ 5.3.3 `common.constant.PermName`.
 */

/** New topics may take their settings from this one. */
export const inherit = 1

/** Messages may be sent. */
export const write = 2

/** Messages may be consumed. */
export const read = 4

/** The broker is preferred. */
export const priority = 8

/** Whether messages may be consumed. */
export const isReadable = (permission: number): boolean => (permission & read) !== 0

/** Whether messages may be sent. */
export const isWritable = (permission: number): boolean => (permission & write) !== 0

/** Whether new topics may take their settings from this one. */
export const isInherited = (permission: number): boolean => (permission & inherit) !== 0

/** Whether the broker is preferred. */
export const isPriority = (permission: number): boolean => (permission & priority) !== 0

/** Whether this is a permission for a topic: none but the bits `read`, `write` and `inherit`. */
export const isValid = (permission: number): boolean =>
  Number.isInteger(permission) && permission >= 0 && permission < priority

/** Three letters, as `RW-`. */
export const format = (permission: number): string =>
  `${isReadable(permission) ? "R" : "-"}${isWritable(permission) ? "W" : "-"}${isInherited(permission) ? "X" : "-"}`
