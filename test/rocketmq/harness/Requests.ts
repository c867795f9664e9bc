/** The requests of the suite, as a RocketMQ client composes them. */
import { RequestCode } from "effect-rocketmq/protocol/RequestCode"
import type { RemotingRequest } from "effect-rocketmq/remoting/RemotingRequest"

export const brokerName = "broker-a"

/** Asks a name server or a proxy where a topic is. */
export const route = (topic: string): RemotingRequest => ({
  code: RequestCode.GET_ROUTEINFO_BY_TOPIC,
  extFields: { topic, acceptStandardJsonOnly: "true" }
})

/** Announces a client with one producer group and one consumer group. */
export const heartbeat = (client: {
  readonly clientId: string
  readonly producerGroup: string
  readonly consumerGroup: string
  readonly topic: string
}): RemotingRequest => ({
  code: RequestCode.HEART_BEAT,
  extFields: {},
  body: Buffer.from(JSON.stringify({
    clientID: client.clientId,
    producerDataSet: [{ groupName: client.producerGroup }],
    consumerDataSet: [{
      groupName: client.consumerGroup,
      consumeType: "CONSUME_PASSIVELY",
      messageModel: "CLUSTERING",
      consumeFromWhere: "CONSUME_FROM_LAST_OFFSET",
      unitMode: false,
      subscriptionDataSet: [{
        classFilterMode: false,
        topic: client.topic,
        subString: "*",
        tagsSet: [],
        codeSet: [],
        subVersion: 1,
        expressionType: "TAG"
      }]
    }],
    heartbeatFingerprint: 0,
    withoutSub: false
  }))
})

export const unregister = (client: {
  readonly clientId: string
  readonly producerGroup: string
  readonly consumerGroup: string
}): RemotingRequest => ({
  code: RequestCode.UNREGISTER_CLIENT,
  extFields: {
    clientID: client.clientId,
    producerGroup: client.producerGroup,
    consumerGroup: client.consumerGroup,
    bname: brokerName
  }
})

/** Asks which clients a consumer group has. */
export const consumers = (consumerGroup: string): RemotingRequest => ({
  code: RequestCode.GET_CONSUMER_LIST_BY_GROUP,
  extFields: { consumerGroup, bname: brokerName }
})

/** SEND_MESSAGE_V2 to queue 0 of a topic. A broker creates a topic on demand; a proxy does not. */
export const send = (topic: string, body: Uint8Array, properties = ""): RemotingRequest => ({
  code: RequestCode.SEND_MESSAGE_V2,
  extFields: {
    a: "suite-producers",
    b: topic,
    c: "TBW102",
    d: "4",
    e: "0",
    f: "0",
    g: "1700000000000",
    h: "0",
    i: properties,
    j: "0",
    k: "false",
    m: "false",
    n: brokerName,
    // Proxies before 5.3.3 look for it here.
    bname: brokerName
  },
  body
})

/** Asks a broker for the offset that the next message of queue 0 will get: how many messages it has stored. */
export const maxOffset = (topic: string): RemotingRequest => ({
  code: RequestCode.GET_MAX_OFFSET,
  extFields: { topic, queueId: "0", bname: brokerName }
})

/** Asks a broker for the message that an answer to SEND_MESSAGE_V2 named. */
export const viewMessage = (offsetMessageId: string): RemotingRequest => ({
  code: RequestCode.VIEW_MESSAGE_BY_ID,
  extFields: { offset: BigInt(`0x${offsetMessageId.slice(-16)}`).toString() }
})
