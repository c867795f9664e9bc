/**
 * Names of topics and groups: which are valid, and which are the system's.
 *
 * Source: RocketMQ 5.5.0 `common.topic.TopicValidator`, `client.Validators`, `common.MixAll`, `common.KeyBuilder`.
 */

/** What is wrong with a name. */
export interface InvalidName {
  readonly detail: string
}

/** The longest name of a topic that is neither a retry nor a dead letter topic. */
export const maxTopicLength = 127

/** The longest name of a group, so that names of retry topics made of it fit. */
export const maxGroupLength = 120

/** The longest name of a retry or dead letter topic. */
export const maxRetryTopicLength = 255

/** What begins the name of a group's retry topic. */
export const retryPrefix = "%RETRY%"

/** What begins the name of a group's dead letter topic. */
export const dlqPrefix = "%DLQ%"

/** What begins the name of a light message queue. */
export const lmqPrefix = "%LMQ%"

/** The topic that brokers take settings from for a topic that is created by a send. */
export const autoCreateTopic = "TBW102"

/** Where brokers keep messages with a delay level. */
export const scheduleTopic = "SCHEDULE_TOPIC_XXXX"

/** Where brokers keep half messages. */
export const transactionHalfTopic = "RMQ_SYS_TRANS_HALF_TOPIC"

/** Where brokers note which half messages are settled. */
export const transactionOpTopic = "RMQ_SYS_TRANS_OP_HALF_TOPIC"

/** Where brokers move half messages that they have asked about too often. */
export const transactionCheckMaxTopic = "TRANS_CHECK_MAX_TIME_TOPIC"

/** Where clients send traces to. */
export const traceTopic = "RMQ_SYS_TRACE_TOPIC"

/** The group name that stands for a producer without one; not to be used. */
export const defaultProducerGroup = "DEFAULT_PRODUCER"

/** The group name that stands for a consumer without one; not to be used. */
export const defaultConsumerGroup = "DEFAULT_CONSUMER"

/** The group of a client's own producer, which consumers send back messages with. */
export const innerProducerGroup = "CLIENT_INNER_PRODUCER"

const systemTopicPrefix = "rmq_sys_"
const systemGroupPrefix = "CID_RMQ_SYS_"
const rocksdbHalfTopic = "RMQ_SYS_ROCKSDB_TRANS_HALF_TOPIC"
const rocksdbOpTopic = "RMQ_SYS_ROCKSDB_TRANS_OP_HALF_TOPIC"
const selfTestTopic = "SELF_TEST_TOPIC"
const offsetMovedTopic = "OFFSET_MOVED_EVENT"

/** The topics that belong to the system by their whole name; more do by their prefix, see `isSystemTopic`. */
export const systemTopics: ReadonlySet<string> = new Set([
  autoCreateTopic,
  scheduleTopic,
  "BenchmarkTest",
  transactionHalfTopic,
  rocksdbHalfTopic,
  traceTopic,
  transactionOpTopic,
  rocksdbOpTopic,
  transactionCheckMaxTopic,
  selfTestTopic,
  offsetMovedTopic,
  "CHECKPOINT_TOPIC"
])

/** The topics that nobody but brokers may send to. */
export const sendForbiddenTopics: ReadonlySet<string> = new Set([
  scheduleTopic,
  transactionHalfTopic,
  rocksdbHalfTopic,
  transactionOpTopic,
  rocksdbOpTopic,
  transactionCheckMaxTopic,
  selfTestTopic,
  offsetMovedTopic
])

const allowed = /^[%|a-zA-Z0-9_-]+$/

const validate = (kind: string, name: string, maxLength: number): InvalidName | undefined => {
  if (name === "") {
    return { detail: `the name of a ${kind} is empty` }
  }
  if (name.length > maxLength) {
    return { detail: `the name of a ${kind} has ${name.length} characters, at most ${maxLength} are allowed` }
  }
  if (!allowed.test(name)) {
    return { detail: `the name of a ${kind} has characters other than letters of ASCII, digits, %, |, _ and -` }
  }
  return undefined
}

/** What is wrong with the name of a topic; `undefined` when nothing is. System topics have valid names. */
export const validateTopic = (topic: string): InvalidName | undefined =>
  validate("topic", topic, isRetryTopic(topic) || isDlqTopic(topic) ? maxRetryTopicLength : maxTopicLength)

/** What is wrong with the name of a group; `undefined` when nothing is. */
export const validateGroup = (group: string): InvalidName | undefined => validate("group", group, maxGroupLength)

/** Whether a topic belongs to the system. */
export const isSystemTopic = (topic: string): boolean => systemTopics.has(topic) || topic.startsWith(systemTopicPrefix)

/** Whether nobody but brokers may send to a topic. */
export const isSendForbidden = (topic: string): boolean => sendForbiddenTopics.has(topic)

/** Whether a group belongs to the system. */
export const isSystemGroup = (group: string): boolean => group.startsWith(systemGroupPrefix)

/** The topic that messages go to which a group failed to consume. */
export const retryTopic = (group: string): string => retryPrefix + group

/** The topic that messages go to which a group failed to consume too often. */
export const dlqTopic = (group: string): string => dlqPrefix + group

/** The topic that replies to requests go to. */
export const replyTopic = (cluster: string): string => `${cluster}_REPLY_TOPIC`

/** The retry topic of a group that pops a topic, as brokers name it unless they are told otherwise. */
export const popRetryTopicV1 = (topic: string, group: string): string => `${retryPrefix}${group}_${topic}`

/**
 * The retry topic of a group that pops a topic, as brokers with `enableRetryTopicV2` name it: the plus sign, which no
 * name may have, keeps group and topic apart.
 */
export const popRetryTopicV2 = (topic: string, group: string): string => `${retryPrefix}${group}+${topic}`

/** The topic that a group's pop retry topic, v1 or v2, is made for; any other topic is its own. */
export const normalTopic = (topic: string, group: string): string => {
  const start = retryPrefix.length + group.length
  return topic.startsWith(retryPrefix + group) && (topic[start] === "+" || topic[start] === "_")
    ? topic.slice(start + 1)
    : topic
}

/**
 * The group of a retry topic; `undefined` when the topic is none. As in Java what is made for popping by the first rule
 * yields `group_topic`, for nothing says where the group ends.
 */
export const parseGroup = (topic: string): string | undefined => {
  if (!isRetryTopic(topic)) {
    return undefined
  }
  const plus = topic.indexOf("+", retryPrefix.length)
  return topic.slice(retryPrefix.length, plus < 0 ? topic.length : plus)
}

/** Whether a topic is a retry topic. */
export const isRetryTopic = (topic: string): boolean => topic.startsWith(retryPrefix)

/** Whether a topic is a dead letter topic. */
export const isDlqTopic = (topic: string): boolean => topic.startsWith(dlqPrefix)

/** Whether a topic is a light message queue. */
export const isLmq = (topic: string): boolean => topic.startsWith(lmqPrefix)
