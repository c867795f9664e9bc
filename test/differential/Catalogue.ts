/** A valid request of every code that the embedded broker and name server serve. */
import * as MessageBatch from "../../src/protocol/message/MessageBatch.ts"
import * as MessageProperties from "../../src/protocol/message/MessageProperties.ts"
import { RequestCode } from "../../src/protocol/RequestCode.ts"
import type { Fields } from "./Wire.ts"

/** The names that a request is made with, and what earlier requests came to. */
export interface Names {
  readonly topic: string
  readonly group: string
  readonly producerGroup: string
  readonly clientId: string
  readonly brokerName: string
  readonly cluster: string
  /** Physical offset of a stored message on the server that is asked. */
  readonly position: number
  /** Its offset id. */
  readonly offsetId: string
  /** Its UNIQ_KEY. */
  readonly uniqKey: string
}

export interface Example {
  readonly code: number
  readonly on: "broker" | "nameServer"
  readonly fields: (names: Names) => Fields
  readonly body?: ((names: Names) => string | Uint8Array) | undefined
}

/** A time that all messages were born at: years from the time of any test. */
export const bornTimestamp = 1_600_000_000_000

const broker = (code: number, fields: Example["fields"], body?: Example["body"]): Example => ({
  code,
  on: "broker",
  fields,
  body
})

const nameServer = (code: number, fields: Example["fields"], body?: Example["body"]): Example => ({
  code,
  on: "nameServer",
  fields,
  body
})

const none = (): Fields => ({})

const properties = ({ uniqKey }: Names): string =>
  MessageProperties.encode({ UNIQ_KEY: uniqKey, KEYS: "key", TAGS: "tag", WAIT: "true" })

const sendFields = (names: Names, more: Fields = {}): Fields => ({
  producerGroup: names.producerGroup,
  topic: names.topic,
  defaultTopic: "TBW102",
  defaultTopicQueueNums: "4",
  queueId: "0",
  sysFlag: "0",
  bornTimestamp: String(bornTimestamp),
  flag: "0",
  properties: properties(names),
  reconsumeTimes: "0",
  unitMode: "false",
  batch: "false",
  maxReconsumeTimes: "16",
  ...more
})

const sendFieldsV2 = (names: Names, more: Fields = {}): Fields => ({
  a: names.producerGroup,
  b: names.topic,
  c: "TBW102",
  d: "4",
  e: "0",
  f: "0",
  g: String(bornTimestamp),
  h: "0",
  i: properties(names),
  j: "0",
  k: "false",
  l: "16",
  m: "false",
  n: names.brokerName,
  ...more
})

const pullFields = ({ group, topic }: Names): Fields => ({
  consumerGroup: group,
  topic,
  queueId: "0",
  queueOffset: "0",
  maxMsgNums: "2",
  sysFlag: "4",
  commitOffset: "0",
  suspendTimeoutMillis: "0",
  subscription: "*",
  subVersion: "1",
  expressionType: "TAG"
})

const reply = ({ clientId }: Names): string =>
  MessageProperties.encode({ CORRELATION_ID: "1", REPLY_TO_CLIENT: clientId, TTL: "1000", MSG_TYPE: "reply" })

const checkpoint = ({ brokerName }: Names): string => `0 ${bornTimestamp} 60000 0 0 ${brokerName} 0 0`

const locks = ({ brokerName, clientId, group, topic }: Names): string =>
  JSON.stringify({
    consumerGroup: group,
    clientId,
    onlyThisBroker: false,
    mqSet: [{ brokerName, queueId: 0, topic }]
  })

const groupConfig = (groupName: string) => ({
  groupName,
  brokerId: 0,
  consumeBroadcastEnable: true,
  consumeEnable: true,
  consumeFromMinEnable: true,
  notifyConsumerIdsChangedEnable: true,
  retryMaxTimes: 16,
  retryQueueNums: 1,
  whichBrokerWhenConsumeSlowly: 1
})

export const heartbeatBody = ({ clientId, group, producerGroup, topic }: Names): string =>
  JSON.stringify({
    clientID: clientId,
    heartbeatFingerprint: 0,
    producerDataSet: [{ groupName: producerGroup }],
    consumerDataSet: [{
      groupName: group,
      consumeType: "CONSUME_PASSIVELY",
      messageModel: "CLUSTERING",
      consumeFromWhere: "CONSUME_FROM_LAST_OFFSET",
      unitMode: false,
      subscriptionDataSet: [{
        classFilterMode: false,
        topic,
        subString: "*",
        tagsSet: [],
        codeSet: [],
        subVersion: 1,
        expressionType: "TAG"
      }]
    }],
    withoutSub: false
  })

const registered = ({ brokerName, cluster }: Names): Fields => ({
  brokerName,
  brokerAddr: "127.0.0.1:1",
  clusterName: cluster,
  brokerId: "0"
})

const dataVersion = { counter: 1, stateVersion: 0, timestamp: 1 }

export const catalogue: ReadonlyArray<Example> = [
  broker(RequestCode.SEND_MESSAGE, (names) => sendFields(names), () => "body"),
  broker(RequestCode.SEND_MESSAGE_V2, (names) => sendFieldsV2(names), () => "body"),
  broker(
    RequestCode.SEND_BATCH_MESSAGE,
    (names) => sendFieldsV2(names, { i: MessageProperties.encode({ WAIT: "true" }), m: "true" }),
    ({ uniqKey }) =>
      MessageBatch.encode(
        [1, 2].map((number) => ({
          flag: 0,
          body: Buffer.from(`body ${number}`),
          properties: { UNIQ_KEY: uniqKey.slice(0, -1) + number }
        }))
      )
  ),
  broker(
    RequestCode.SEND_REPLY_MESSAGE,
    (names) => sendFields(names, { topic: `${names.cluster}_REPLY_TOPIC`, properties: reply(names) }),
    () => "reply"
  ),
  broker(
    RequestCode.SEND_REPLY_MESSAGE_V2,
    (names) => sendFieldsV2(names, { b: `${names.cluster}_REPLY_TOPIC`, i: reply(names) }),
    () => "reply"
  ),
  broker(RequestCode.PULL_MESSAGE, pullFields),
  broker(RequestCode.LITE_PULL_MESSAGE, pullFields),
  broker(RequestCode.QUERY_MESSAGE, ({ topic, uniqKey }) => ({
    topic,
    key: uniqKey,
    maxNum: "32",
    beginTimestamp: "0",
    endTimestamp: "9223372036854775807",
    _UNIQUE_KEY_QUERY: "true"
  })),
  broker(RequestCode.VIEW_MESSAGE_BY_ID, ({ position, topic }) => ({ topic, offset: String(position) })),
  broker(RequestCode.QUERY_CONSUMER_OFFSET, ({ group, topic }) => ({ consumerGroup: group, topic, queueId: "0" })),
  broker(RequestCode.UPDATE_CONSUMER_OFFSET, ({ group, topic }) => ({
    consumerGroup: group,
    topic,
    queueId: "0",
    commitOffset: "1"
  })),
  broker(RequestCode.SEARCH_OFFSET_BY_TIMESTAMP, ({ topic }) => ({
    topic,
    queueId: "0",
    timestamp: "1000",
    boundaryType: "LOWER"
  })),
  broker(RequestCode.GET_MAX_OFFSET, ({ topic }) => ({ topic, queueId: "0", committed: "true" })),
  broker(RequestCode.GET_MIN_OFFSET, ({ topic }) => ({ topic, queueId: "0" })),
  broker(RequestCode.GET_EARLIEST_MSG_STORETIME, ({ topic }) => ({ topic, queueId: "0" })),
  broker(RequestCode.QUERY_CORRECTION_OFFSET, ({ group, topic }) => ({
    filterGroups: "",
    compareGroup: group,
    topic
  })),
  broker(RequestCode.HEART_BEAT, none, heartbeatBody),
  broker(RequestCode.UNREGISTER_CLIENT, ({ clientId, group, producerGroup }) => ({
    clientID: clientId,
    producerGroup,
    consumerGroup: group
  })),
  broker(
    RequestCode.CHECK_CLIENT_CONFIG,
    none,
    ({ clientId, group, topic }) =>
      JSON.stringify({
        clientId,
        group,
        subscriptionData: { topic, subString: "a > 1", expressionType: "SQL92", subVersion: 1 }
      })
  ),
  broker(RequestCode.GET_CONSUMER_LIST_BY_GROUP, ({ group }) => ({ consumerGroup: group })),
  broker(RequestCode.GET_CONSUMER_CONNECTION_LIST, ({ group }) => ({ consumerGroup: group })),
  broker(RequestCode.GET_PRODUCER_CONNECTION_LIST, ({ producerGroup }) => ({ producerGroup })),
  broker(RequestCode.GET_ALL_PRODUCER_INFO, none),
  broker(RequestCode.CONSUMER_SEND_MSG_BACK, ({ group, offsetId, position, topic }) => ({
    offset: String(position),
    group,
    delayLevel: "10",
    originMsgId: offsetId,
    originTopic: topic,
    unitMode: "false",
    maxReconsumeTimes: "16"
  })),
  broker(RequestCode.END_TRANSACTION, ({ position, producerGroup, topic, uniqKey }) => ({
    topic,
    producerGroup,
    tranStateTableOffset: "0",
    commitLogOffset: String(position),
    commitOrRollback: "8",
    fromTransactionCheck: "false",
    msgId: uniqKey,
    transactionId: uniqKey
  })),
  broker(RequestCode.RESUME_CHECK_HALF_MESSAGE, ({ offsetId, topic }) => ({ topic, msgId: offsetId })),
  broker(RequestCode.LOCK_BATCH_MQ, none, locks),
  broker(RequestCode.UNLOCK_BATCH_MQ, none, locks),
  broker(RequestCode.RECALL_MESSAGE, ({ brokerName, producerGroup, topic, uniqKey }) => ({
    producerGroup,
    topic,
    recallHandle: Buffer.from(`v1 ${topic} ${brokerName} ${bornTimestamp} ${uniqKey}`).toString("base64url")
  })),
  broker(RequestCode.POP_MESSAGE, ({ group, topic }) => ({
    consumerGroup: group,
    topic,
    queueId: "0",
    maxMsgNums: "1",
    invisibleTime: "600000",
    pollTime: "0",
    bornTime: "0",
    initMode: "0",
    expType: "TAG",
    exp: "*",
    order: "false",
    attemptId: "attempt"
  })),
  broker(RequestCode.ACK_MESSAGE, (names) => ({
    consumerGroup: names.group,
    topic: names.topic,
    queueId: "0",
    extraInfo: checkpoint(names),
    offset: "0"
  })),
  broker(
    RequestCode.BATCH_ACK_MESSAGE,
    none,
    ({ brokerName, group, topic }) =>
      JSON.stringify({
        brokerName,
        acks: [{ c: group, t: topic, r: "0", so: 0, q: 0, rq: 0, pt: bornTimestamp, it: 60_000, b: "AQ==" }]
      })
  ),
  broker(RequestCode.CHANGE_MESSAGE_INVISIBLETIME, (names) => ({
    consumerGroup: names.group,
    topic: names.topic,
    queueId: "0",
    extraInfo: checkpoint(names),
    offset: "0",
    invisibleTime: "600000"
  })),
  broker(RequestCode.PEEK_MESSAGE, ({ group, topic }) => ({
    consumerGroup: group,
    topic,
    queueId: "0",
    maxMsgNums: "2"
  })),
  broker(RequestCode.NOTIFICATION, ({ group, topic }) => ({
    consumerGroup: group,
    topic,
    queueId: "0",
    pollTime: "0",
    bornTime: "0",
    order: "false",
    attemptId: "attempt"
  })),
  broker(RequestCode.POLLING_INFO, ({ group, topic }) => ({ consumerGroup: group, topic, queueId: "0" })),
  broker(
    RequestCode.QUERY_ASSIGNMENT,
    none,
    ({ clientId, group, topic }) =>
      JSON.stringify({ topic, consumerGroup: group, clientId, strategyName: "AVG", messageModel: "CLUSTERING" })
  ),
  broker(
    RequestCode.SET_MESSAGE_REQUEST_MODE,
    none,
    ({ group, topic }) => JSON.stringify({ topic, consumerGroup: group, mode: "POP", popShareQueueNum: 0 })
  ),
  broker(RequestCode.GET_ALL_MESSAGE_REQUEST_MODE, none),
  broker(RequestCode.UPDATE_AND_CREATE_TOPIC, ({ topic }) => ({
    topic: `${topic}-new`,
    defaultTopic: "TBW102",
    readQueueNums: "2",
    writeQueueNums: "2",
    perm: "6",
    topicFilterType: "SINGLE_TAG",
    topicSysFlag: "0",
    order: "false",
    attributes: "",
    force: "false"
  })),
  broker(
    RequestCode.UPDATE_AND_CREATE_TOPIC_LIST,
    none,
    ({ topic }) =>
      JSON.stringify({
        topicConfigList: [{ topicName: `${topic}-listed`, readQueueNums: 2, writeQueueNums: 2, perm: 6 }]
      })
  ),
  broker(RequestCode.DELETE_TOPIC_IN_BROKER, ({ topic }) => ({ topic: `${topic}-gone` })),
  broker(RequestCode.GET_TOPIC_CONFIG, ({ topic }) => ({ topic, lo: "false" })),
  broker(RequestCode.GET_ALL_TOPIC_CONFIG, none),
  broker(RequestCode.GET_TOPIC_STATS_INFO, ({ topic }) => ({ topic })),
  broker(RequestCode.GET_SYSTEM_TOPIC_LIST_FROM_BROKER, none),
  broker(RequestCode.QUERY_TOPIC_CONSUME_BY_WHO, ({ topic }) => ({ topic })),
  broker(
    RequestCode.UPDATE_AND_CREATE_SUBSCRIPTIONGROUP,
    none,
    ({ group }) => JSON.stringify(groupConfig(`${group}-new`))
  ),
  broker(
    RequestCode.UPDATE_AND_CREATE_SUBSCRIPTIONGROUP_LIST,
    none,
    ({ group }) => JSON.stringify({ groupConfigList: [groupConfig(`${group}-listed`)] })
  ),
  broker(RequestCode.GET_ALL_SUBSCRIPTIONGROUP_CONFIG, none),
  broker(RequestCode.GET_SUBSCRIPTIONGROUP_CONFIG, ({ group }) => ({ group })),
  broker(RequestCode.DELETE_SUBSCRIPTIONGROUP, ({ group }) => ({ groupName: `${group}-gone`, cleanOffset: "true" })),
  broker(RequestCode.UPDATE_AND_GET_GROUP_FORBIDDEN, ({ group, topic }) => ({ group, topic, readable: "true" })),
  broker(RequestCode.GET_CONSUME_STATS, ({ group, topic }) => ({ consumerGroup: group, topic })),
  broker(RequestCode.GET_BROKER_CONSUME_STATS, () => ({ isOrder: "false" })),
  broker(RequestCode.GET_ALL_CONSUMER_OFFSET, none),
  broker(RequestCode.INVOKE_BROKER_TO_RESET_OFFSET, ({ group, topic }) => ({
    group: `${group}-other`,
    topic,
    queueId: "0",
    offset: "1",
    timestamp: "0",
    isForce: "true"
  })),
  broker(RequestCode.INVOKE_BROKER_TO_GET_CONSUMER_STATUS, ({ clientId, group, topic }) => ({
    topic,
    group: `${group}-other`,
    clientAddr: clientId
  })),
  broker(RequestCode.CLONE_GROUP_OFFSET, ({ group, topic }) => ({
    srcGroup: group,
    destGroup: `${group}-clone`,
    topic,
    offline: "true"
  })),
  broker(RequestCode.QUERY_TOPICS_BY_CONSUMER, ({ group }) => ({ group })),
  broker(RequestCode.QUERY_SUBSCRIPTION_BY_CONSUMER, ({ group, topic }) => ({ group, topic })),
  broker(RequestCode.QUERY_CONSUME_TIME_SPAN, ({ group, topic }) => ({ topic, group })),
  broker(RequestCode.QUERY_CONSUME_QUEUE, ({ group, topic }) => ({
    topic,
    queueId: "0",
    index: "0",
    count: "2",
    consumerGroup: group
  })),
  broker(RequestCode.GET_CONSUMER_RUNNING_INFO, ({ clientId, group }) => ({
    consumerGroup: group,
    clientId,
    jstackEnable: "false"
  })),
  broker(RequestCode.CONSUME_MESSAGE_DIRECTLY, ({ brokerName, clientId, group, offsetId, topic }) => ({
    consumerGroup: group,
    clientId,
    msgId: offsetId,
    brokerName,
    topic
  })),
  broker(RequestCode.UPDATE_BROKER_CONFIG, none, () => "defaultTopicQueueNums=8\n"),
  broker(RequestCode.GET_BROKER_CONFIG, none),
  broker(RequestCode.GET_BROKER_RUNTIME_INFO, none),
  broker(RequestCode.VIEW_BROKER_STATS_DATA, ({ topic }) => ({ statsName: "TOPIC_PUT_NUMS", statsKey: topic })),
  broker(RequestCode.GET_ALL_DELAY_OFFSET, none),
  broker(RequestCode.CLEAN_EXPIRED_CONSUMEQUEUE, none),
  broker(RequestCode.DELETE_EXPIRED_COMMITLOG, none),
  broker(RequestCode.CLEAN_UNUSED_TOPIC, none),

  nameServer(RequestCode.GET_ROUTEINFO_BY_TOPIC, ({ topic }) => ({ topic, acceptStandardJsonOnly: "true" })),
  nameServer(RequestCode.UNREGISTER_BROKER, (names) => ({ ...registered(names), brokerName: `${names.brokerName}-x` })),
  nameServer(RequestCode.BROKER_HEARTBEAT, ({ brokerName, cluster }) => ({
    clusterName: cluster,
    brokerAddr: "127.0.0.1:1",
    brokerName
  })),
  nameServer(RequestCode.QUERY_DATA_VERSION, registered, () => JSON.stringify(dataVersion)),
  nameServer(RequestCode.GET_BROKER_CLUSTER_INFO, none),
  nameServer(RequestCode.GET_BROKER_MEMBER_GROUP, ({ brokerName, cluster }) => ({ clusterName: cluster, brokerName })),
  nameServer(RequestCode.WIPE_WRITE_PERM_OF_BROKER, ({ brokerName }) => ({ brokerName: `${brokerName}-x` })),
  nameServer(RequestCode.ADD_WRITE_PERM_OF_BROKER, ({ brokerName }) => ({ brokerName: `${brokerName}-x` })),
  nameServer(RequestCode.GET_ALL_TOPIC_LIST_FROM_NAMESERVER, none),
  nameServer(RequestCode.GET_TOPICS_BY_CLUSTER, ({ cluster }) => ({ cluster })),
  nameServer(RequestCode.GET_UNIT_TOPIC_LIST, none),
  nameServer(RequestCode.GET_HAS_UNIT_SUB_TOPIC_LIST, none),
  nameServer(RequestCode.GET_HAS_UNIT_SUB_UNUNIT_TOPIC_LIST, none),
  nameServer(RequestCode.GET_SYSTEM_TOPIC_LIST_FROM_NS, none),
  nameServer(RequestCode.DELETE_TOPIC_IN_NAMESRV, ({ cluster, topic }) => ({
    topic: `${topic}-gone`,
    clusterName: cluster
  })),
  nameServer(
    RequestCode.REGISTER_TOPIC_IN_NAMESRV,
    ({ topic }) => ({ topic: `${topic}-told` }),
    ({ brokerName }) =>
      JSON.stringify({
        queueDatas: [{ brokerName, readQueueNums: 2, writeQueueNums: 2, perm: 6, topicSysFlag: 0 }],
        brokerDatas: []
      })
  ),
  nameServer(RequestCode.PUT_KV_CONFIG, ({ topic }) => ({ namespace: topic, key: "key", value: "value" })),
  nameServer(RequestCode.GET_KV_CONFIG, ({ topic }) => ({ namespace: topic, key: "key" })),
  nameServer(RequestCode.DELETE_KV_CONFIG, ({ topic }) => ({ namespace: topic, key: "key" })),
  nameServer(RequestCode.GET_KVLIST_BY_NAMESPACE, ({ topic }) => ({ namespace: topic })),
  nameServer(RequestCode.UPDATE_NAMESRV_CONFIG, none, () => "orderMessageEnable=false\n"),
  nameServer(RequestCode.GET_NAMESRV_CONFIG, none),
  // At the end: what it makes known shows in the answers to others for as long as its connection lives, and longer.
  nameServer(
    RequestCode.REGISTER_BROKER,
    (names) => ({
      ...registered(names),
      haServerAddr: "127.0.0.1:2",
      heartbeatTimeoutMillis: "120000",
      enableActingMaster: "false",
      compressed: "false",
      bodyCrc32: "0"
    }),
    ({ topic }) =>
      JSON.stringify({
        filterServerList: [],
        topicConfigSerializeWrapper: {
          dataVersion,
          mappingDataVersion: dataVersion,
          topicConfigTable: Object.fromEntries(
            ["-one", "-two"].map((end) => [
              topic + end,
              {
                topicName: topic + end,
                readQueueNums: 2,
                writeQueueNums: 2,
                perm: 6,
                order: false,
                topicFilterType: "SINGLE_TAG",
                topicSysFlag: 0
              }
            ])
          )
        }
      })
  )
]
