/**
 * Namespaces of the first kind, which are part of the names of topics and groups: `namespace%name`, and
 * `%RETRY%namespace%group` and `%DLQ%namespace%group`. Names of the system are in no namespace.
 *
 * Source: RocketMQ 5.3.3 `remoting.protocol.NamespaceUtil`.
 */
import * as Names from "./Names.ts"

const separator = "%"

const isSystem = (name: string): boolean => Names.isSystemTopic(name) || Names.isSystemGroup(name)

/** How many characters of `%RETRY%` or `%DLQ%` a name begins with. */
const prefixLength = (name: string): number =>
  Names.isRetryTopic(name) ? Names.retryPrefix.length : Names.isDlqTopic(name) ? Names.dlqPrefix.length : 0

/** Whether a topic or group is in the namespace. */
export const isWrapped = (namespace: string, name: string): boolean =>
  namespace !== "" && !isSystem(name) && name.startsWith(namespace + separator, prefixLength(name))

/**
 * The name inside a namespace. A name that is in it already, one of the system, and any name when the namespace is empty
 * stays as it is.
 */
export const wrap = (namespace: string, name: string): string => {
  if (namespace === "" || name === "" || isSystem(name) || isWrapped(namespace, name)) {
    return name
  }
  const prefix = prefixLength(name)
  return name.slice(0, prefix) + namespace + separator + name.slice(prefix)
}

/** The name without its namespace. A name that is not in the namespace stays as it is. */
export const unwrap = (namespace: string, name: string): string => {
  if (!isWrapped(namespace, name)) {
    return name
  }
  const prefix = prefixLength(name)
  return name.slice(0, prefix) + name.slice(prefix + namespace.length + separator.length)
}

/** The retry topic of a group, by its name outside the namespace. */
export const wrapRetryTopic = (namespace: string, group: string): string => Names.retryTopic(wrap(namespace, group))

/** The namespace that a topic or group is in; empty when in none. */
export const namespaceOf = (name: string): string => {
  if (isSystem(name)) {
    return ""
  }
  const prefix = prefixLength(name)
  const end = name.indexOf(separator, prefix)
  return end > prefix ? name.slice(prefix, end) : ""
}
