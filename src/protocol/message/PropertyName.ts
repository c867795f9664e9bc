/**
 * The names of the properties that clients and brokers themselves put on messages.
 *
 * Source: RocketMQ 5.5.0 `common.message.MessageConst`; the keys here are its values where those can be one.
 */

/** Names of system properties. What follows a name says who sets it and what the value is. */
export const PropertyName = {
  /** Producer: keys to find the message by, joined by `keySeparator`. */
  KEYS: "KEYS",
  /** Producer: the tag that consumers filter by. */
  TAGS: "TAGS",
  /** Producer: `"false"` when the broker may answer before the message is stored; otherwise `"true"`. */
  WAIT: "WAIT",
  /** Producer: the delay level, from `"1"`. */
  DELAY: "DELAY",
  /** Consumer and broker: the topic that a message of a retry topic was first sent to. */
  RETRY_TOPIC: "RETRY_TOPIC",
  /** Broker, on a message of a retry topic: the group that it is retried for. */
  ORIGIN_GROUP: "ORIGIN_GROUP",
  /** Broker: the topic of a message that waits in a system topic (delayed, half of a transaction). */
  REAL_TOPIC: "REAL_TOPIC",
  /** Broker: the queue id that belongs to `REAL_TOPIC`. */
  REAL_QID: "REAL_QID",
  /** Producer: `"true"` on the half message of a transaction. */
  TRAN_MSG: "TRAN_MSG",
  /** Producer: its group, for the broker to ask about a transaction. */
  PGROUP: "PGROUP",
  /** Consumer, on what it has pulled: the smallest offset of the queue. */
  MIN_OFFSET: "MIN_OFFSET",
  /** Consumer, on what it has pulled: the offset after the last of the queue. */
  MAX_OFFSET: "MAX_OFFSET",
  BUYER_ID: "BUYER_ID",
  /** Consumer and broker: the offset message id of a message that is retried. */
  ORIGIN_MESSAGE_ID: "ORIGIN_MESSAGE_ID",
  TRANSFER_FLAG: "TRANSFER_FLAG",
  CORRECTION_FLAG: "CORRECTION_FLAG",
  MQ2_FLAG: "MQ2_FLAG",
  /** Consumer: how often a message was delivered again, when it goes back as a message of its own. */
  RECONSUME_TIME: "RECONSUME_TIME",
  /** Broker: its region. */
  MSG_REGION: "MSG_REGION",
  /** Broker: `"false"` when the message is not to be traced. */
  TRACE_ON: "TRACE_ON",
  /** Producer: the message id that a client makes (`MessageId.uniqKey`). */
  UNIQ_KEY: "UNIQ_KEY",
  TRANS_OFFSET: "TRANS_OFFSET",
  EXTEND_UNIQ_INFO: "EXTEND_UNIQ_INFO",
  /** Consumer: how often a message may be delivered again, with `RECONSUME_TIME`. */
  MAX_RECONSUME_TIMES: "MAX_RECONSUME_TIMES",
  /** Consumer: when its listener got the message, in milliseconds since 1970. */
  CONSUME_START_TIME: "CONSUME_START_TIME",
  /** Producer, on a batch: the number of its messages. */
  INNER_NUM: "INNER_NUM",
  /** Broker, on an inner batch: the queue offset of its first message. */
  INNER_BASE: "INNER_BASE",
  DUP_INFO: "DUP_INFO",
  /** Producer: the seconds for which the broker does not ask about a transaction. */
  CHECK_IMMUNITY_TIME_IN_SECONDS: "CHECK_IMMUNITY_TIME_IN_SECONDS",
  /** Broker: the queue offset of the half message that this message completes. */
  TRAN_PREPARED_QUEUE_OFFSET: "TRAN_PREPARED_QUEUE_OFFSET",
  /** Producer: the transaction id, `__transactionId__`. */
  TRANSACTION_ID: "__transactionId__",
  /** Broker: how often it has asked about a transaction. */
  TRANSACTION_CHECK_TIMES: "TRANSACTION_CHECK_TIMES",
  /** Producer: its namespace. */
  INSTANCE_ID: "INSTANCE_ID",
  /** Request and reply: joins the two. */
  CORRELATION_ID: "CORRELATION_ID",
  /** Request and reply: the client id of who asks. */
  REPLY_TO_CLIENT: "REPLY_TO_CLIENT",
  /** Request and reply: the milliseconds that who asks waits. */
  TTL: "TTL",
  /** Requester, on a reply: when it arrived, in milliseconds since 1970. */
  ARRIVE_TIME: "ARRIVE_TIME",
  /** Broker, on a reply: when it was pushed, in milliseconds since 1970. */
  PUSH_REPLY_TIME: "PUSH_REPLY_TIME",
  /** Broker: its cluster, for the reply topic of a request. */
  CLUSTER: "CLUSTER",
  /** Producer: `"reply"` on a reply. */
  MSG_TYPE: "MSG_TYPE",
  /** Consumer and broker: the receipt of a popped message. */
  POP_CK: "POP_CK",
  POP_CK_OFFSET: "POP_CK_OFFSET",
  /** Consumer and broker: when the message was first popped, in milliseconds since 1970; `1ST_POP_TIME`. */
  FIRST_POP_TIME: "1ST_POP_TIME",
  /** Producer: what messages that stay in order have in common; `__SHARDINGKEY`. */
  SHARDING_KEY: "__SHARDINGKEY",
  /** Producer: the light topic inside the topic; `__LITE_TOPIC`. */
  LITE_TOPIC: "__LITE_TOPIC",
  /** Broker: the queue id that a message is forwarded to; `PROPERTY_FORWARD_QUEUE_ID`. */
  FORWARD_QUEUE_ID: "PROPERTY_FORWARD_QUEUE_ID",
  REDIRECT: "REDIRECT",
  /** Producer: the light message queues that the message goes to as well, joined by commas. */
  INNER_MULTI_DISPATCH: "INNER_MULTI_DISPATCH",
  /** Broker: the offsets in the queues of `INNER_MULTI_DISPATCH`, joined by commas. */
  INNER_MULTI_QUEUE_OFFSET: "INNER_MULTI_QUEUE_OFFSET",
  TRACE_CONTEXT: "TRACE_CONTEXT",
  /** Producer: deliver after so many seconds. */
  TIMER_DELAY_SEC: "TIMER_DELAY_SEC",
  /** Producer: deliver at this time, in milliseconds since 1970. */
  TIMER_DELIVER_MS: "TIMER_DELIVER_MS",
  /** Consumer: the born host of a message that goes back; `__BORNHOST`. */
  BORN_HOST: "__BORNHOST",
  /** Consumer: the born timestamp of a message that goes back. */
  BORN_TIMESTAMP: "BORN_TIMESTAMP",
  TIMER_ENQUEUE_MS: "TIMER_ENQUEUE_MS",
  TIMER_DEQUEUE_MS: "TIMER_DEQUEUE_MS",
  TIMER_ROLL_TIMES: "TIMER_ROLL_TIMES",
  /** Broker: when a timer message is due, in milliseconds since 1970. */
  TIMER_OUT_MS: "TIMER_OUT_MS",
  /** Broker: the message id of the timer message that this one recalls. */
  TIMER_DEL_UNIQKEY: "TIMER_DEL_UNIQKEY",
  TIMER_ROLL_LABEL: "TIMER_ROLL_LABEL",
  TIMER_DELAY_LEVEL: "TIMER_DELAY_LEVEL",
  /** Producer: deliver after so many milliseconds. */
  TIMER_DELAY_MS: "TIMER_DELAY_MS",
  /** Broker: a checksum of the whole stored message; `__CRC32#`. */
  CRC32: "__CRC32#",
  /** Broker: the topic that a message of a dead letter topic comes from. */
  DLQ_ORIGIN_TOPIC: "DLQ_ORIGIN_TOPIC",
  /** Broker: the offset message id that a message of a dead letter topic had there. */
  DLQ_ORIGIN_MESSAGE_ID: "DLQ_ORIGIN_MESSAGE_ID",
  /** Producer, from RocketMQ 5.4 on: the priority, from `"0"`; `_SYS_MSG_PRIORITY_`. */
  PRIORITY: "_SYS_MSG_PRIORITY_",
  /** Consumer, never sent: the system flag of the topic pulled from. */
  TRANSIENT_TOPIC_SYS_FLAG: "__RMQ.TRANSIENT.TOPIC_SYS_FLAG",
  /** Consumer, never sent: the system flag of the group that pulled. */
  TRANSIENT_GROUP_SYS_FLAG: "__RMQ.TRANSIENT.GROUP_SYS_FLAG"
} as const

/** What begins the names of properties that are not stored. */
export const transientPrefix = "__RMQ.TRANSIENT."

/** What joins several keys in `PropertyName.KEYS`. */
export const keySeparator = " "

const reserved: ReadonlySet<string> = new Set([
  PropertyName.TRACE_ON,
  PropertyName.MSG_REGION,
  PropertyName.KEYS,
  PropertyName.TAGS,
  PropertyName.WAIT,
  PropertyName.DELAY,
  PropertyName.RETRY_TOPIC,
  PropertyName.ORIGIN_GROUP,
  PropertyName.REAL_TOPIC,
  PropertyName.REAL_QID,
  PropertyName.TRAN_MSG,
  PropertyName.PGROUP,
  PropertyName.MIN_OFFSET,
  PropertyName.MAX_OFFSET,
  PropertyName.BUYER_ID,
  PropertyName.ORIGIN_MESSAGE_ID,
  PropertyName.TRANSFER_FLAG,
  PropertyName.CORRECTION_FLAG,
  PropertyName.MQ2_FLAG,
  PropertyName.RECONSUME_TIME,
  PropertyName.UNIQ_KEY,
  PropertyName.MAX_RECONSUME_TIMES,
  PropertyName.CONSUME_START_TIME,
  PropertyName.POP_CK,
  PropertyName.POP_CK_OFFSET,
  PropertyName.FIRST_POP_TIME,
  PropertyName.TRAN_PREPARED_QUEUE_OFFSET,
  PropertyName.DUP_INFO,
  PropertyName.EXTEND_UNIQ_INFO,
  PropertyName.INSTANCE_ID,
  PropertyName.CORRELATION_ID,
  PropertyName.REPLY_TO_CLIENT,
  PropertyName.TTL,
  PropertyName.ARRIVE_TIME,
  PropertyName.PUSH_REPLY_TIME,
  PropertyName.CLUSTER,
  PropertyName.MSG_TYPE,
  PropertyName.INNER_MULTI_QUEUE_OFFSET,
  PropertyName.TIMER_DELAY_MS,
  PropertyName.TIMER_DELAY_SEC,
  PropertyName.TIMER_DELIVER_MS,
  PropertyName.TIMER_ENQUEUE_MS,
  PropertyName.TIMER_DEQUEUE_MS,
  PropertyName.TIMER_ROLL_TIMES,
  PropertyName.TIMER_OUT_MS,
  PropertyName.TIMER_DEL_UNIQKEY,
  PropertyName.TIMER_DELAY_LEVEL,
  PropertyName.BORN_HOST,
  PropertyName.BORN_TIMESTAMP,
  PropertyName.DLQ_ORIGIN_TOPIC,
  PropertyName.DLQ_ORIGIN_MESSAGE_ID,
  PropertyName.CRC32,
  PropertyName.PRIORITY,
  PropertyName.LITE_TOPIC
])

/**
 * Whether a user must not put a property of this name on a message: those of `MessageConst.STRING_HASH_SET`. As in Java
 * not all of `PropertyName` are: `__SHARDINGKEY`, `TRACE_CONTEXT` and `INNER_MULTI_DISPATCH`, for instance, are not.
 */
export const isReserved = (name: string): boolean => reserved.has(name)
