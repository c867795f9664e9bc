/** What RocketMQ's broker says of names (RocketMQ 5.3.3 `TopicValidator`). */
import * as Names from "../../../protocol/message/Names.ts"
import * as MqVersion from "../../../protocol/MqVersion.ts"

const allowed = /^[%|a-zA-Z0-9_-]*$/

const isBlank = (text: string): boolean => text.trim() === ""

/** Why it is no topic, in the broker's words; `undefined` when it is one. */
export const topicProblem = (topic: string): string | undefined => {
  if (isBlank(topic)) return "The specified topic is blank."
  if (!allowed.test(topic)) {
    return `The specified topic: ${topic}, contains illegal characters, allowing only ^[%|a-zA-Z0-9_-]+$`
  }
  if (Names.isRetryTopic(topic) || Names.isDlqTopic(topic)) {
    return topic.length > 255
      ? `The specified topic is DLQ or Retry topic: ${topic}, and it's longer than topic max length: 255`
      : undefined
  }
  return topic.length > 127
    ? `The specified topic: ${topic}, is longer than topic max length: 127`
    : undefined
}

/** Why it is no group, in the broker's words; `undefined` when it is one. */
export const groupProblem = (group: string): string | undefined => {
  if (isBlank(group)) return "The specified group is blank."
  if (!allowed.test(group)) {
    return `The specified group: ${group}, contains illegal characters, allowing only ^[%|a-zA-Z0-9_-]+$`
  }
  return group.length > 120 ? `The specified group: ${group}, is longer than group max length: 120` : undefined
}

/** What RocketMQ 5.3.3 `FAQUrl.suggestTodo` adds to its remarks. */
export const seeFaq = "\nSee https://rocketmq.apache.org/docs/bestPractice/06FAQ for further details."

/** The name of a version in Java's enum. */
export const versionName = (ordinal: number): string => {
  const release = MqVersion.releaseOf(ordinal)
  return release === undefined ? "HIGHER_VERSION" : `V${release.replace(/[.-]/g, "_")}`
}
