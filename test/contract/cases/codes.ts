import { assert } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type { ApiError } from "../../../src/client/ClientError.ts"
import * as MqClient from "../../../src/client/MqClient.ts"
import * as MqClientApi from "../../../src/client/MqClientApi.ts"
import { ResponseCode } from "../../../src/protocol/ResponseCode.ts"
import { Backend } from "../Backend.ts"
import { specify, type Subject } from "../Case.ts"
import * as Client from "../Client.ts"

/** The client's requests, and the first broker, where clients of the backend find it. */
const setting = () =>
  Effect.gen(function*() {
    const backend = yield* Backend
    const topic = backend.fresh("codes")
    yield* backend.createTopic(topic)
    const api = yield* Client.get(MqClientApi.MqClientApi)
    const [[brokerName, direct]] = [...backend.brokers]
    const address = backend.offers.has("proxy") ? backend.nameServers[0] : direct
    const send = (fields: { readonly topic?: string; readonly queueId?: number; readonly defaultTopic?: string }) =>
      api.sendMessage(address, {
        producerGroup: "contract-producers",
        topic,
        defaultTopic: "TBW102",
        defaultTopicQueueNums: 4,
        queueId: 0,
        sysFlag: 0,
        bornTimestamp: 0,
        flag: 0,
        properties: "",
        reconsumeTimes: 0,
        unitMode: false,
        batch: false,
        brokerName,
        ...fields
      }, Buffer.from("x"))
    return { address, api, backend, brokerName, send, topic }
  })

/** What a broker refused something with. */
const refusal = <A, R>(ask: Effect.Effect<A, ApiError, R>) =>
  Effect.map(Effect.flip(ask), (error) => error._tag === "BrokerError" ? error : assert.fail(String(error)))

export const codes: Subject = {
  name: "answers of brokers",
  cases: [
    specify(
      "NO_PERMISSION: nobody but brokers sends to the topic",
      Effect.gen(function*() {
        const { address, send } = yield* setting()
        const error = yield* refusal(send({ topic: "SCHEDULE_TOPIC_XXXX" }))
        assert.strictEqual(error.code, ResponseCode.NO_PERMISSION)
        assert.strictEqual(error.codeName, "NO_PERMISSION")
        assert.strictEqual(error.address, address)
        assert.strictEqual(error.remark, "Sending message to topic[SCHEDULE_TOPIC_XXXX] is forbidden.")
        assert.strictEqual(error.outcome, "NotProcessed")
        assert.isTrue(error.isRetryable)
        assert.isUndefined(error.denial)
      })
    ),
    specify(
      "TOPIC_NOT_EXIST: the topic is neither there nor to be created",
      Effect.gen(function*() {
        const { backend, send } = yield* setting()
        const nowhere = backend.fresh("nowhere")
        const error = yield* refusal(send({ topic: nowhere, defaultTopic: backend.fresh("no-default") }))
        assert.strictEqual(error.code, ResponseCode.TOPIC_NOT_EXIST)
        assert.strictEqual(error.outcome, "NotProcessed")
        assert.include(error.remark, nowhere)
      }),
      "brokers"
    ),
    specify(
      "MESSAGE_ILLEGAL: a proxy takes a topic that does not exist for one of another type",
      Effect.gen(function*() {
        const { backend, send } = yield* setting()
        const error = yield* refusal(send({ topic: backend.fresh("nowhere") }))
        assert.strictEqual(error.code, ResponseCode.MESSAGE_ILLEGAL)
        assert.strictEqual(error.outcome, "NotProcessed")
        assert.isFalse(error.isRetryable)
      }),
      "proxy"
    ),
    specify(
      "INVALID_PARAMETER: the topic has no queue of that number",
      Effect.gen(function*() {
        const { send } = yield* setting()
        const error = yield* refusal(send({ queueId: 99 }))
        assert.strictEqual(error.code, ResponseCode.INVALID_PARAMETER)
        assert.strictEqual(error.outcome, "NotProcessed")
        assert.isFalse(error.isRetryable)
      }),
      "codes of 5.x"
    ),
    specify(
      "INVALID_PARAMETER: the topic's name is none",
      Effect.gen(function*() {
        const { send } = yield* setting()
        const error = yield* refusal(send({ topic: "two words" }))
        assert.strictEqual(error.code, ResponseCode.INVALID_PARAMETER)
      }),
      "codes of 5.x",
      "brokers"
    ),
    specify(
      "QUERY_NOT_FOUND: nobody has consumed from the queue",
      Effect.gen(function*() {
        const { address, api, brokerName, topic } = yield* setting()
        const error = yield* refusal(api.queryConsumerOffset(address, {
          consumerGroup: "contract-nobody",
          topic,
          queueId: 0,
          setZeroIfNotFound: false,
          brokerName
        }))
        assert.strictEqual(error.code, ResponseCode.QUERY_NOT_FOUND)
      }),
      "codes of 5.x"
    ),
    specify(
      "SUCCESS: the offsets of a queue",
      Effect.gen(function*() {
        const { address, api, backend, brokerName, send, topic } = yield* setting()
        yield* send({})
        yield* send({})
        yield* backend.readUntil(topic, 2)
        const queue = { topic, queueId: 0, brokerName }
        assert.strictEqual((yield* api.getMaxOffset(address, { ...queue, committed: true })).offset, 2)
        assert.strictEqual((yield* api.getMinOffset(address, queue)).offset, 0)
        assert.strictEqual((yield* api.searchOffset(address, { ...queue, timestamp: 0 })).offset, 0)
      })
    ),
    specify(
      "SUCCESS: a consumer's offset is what it was set to",
      Effect.gen(function*() {
        const { address, api, backend, brokerName, send, topic } = yield* setting()
        yield* send({})
        const consumerGroup = backend.fresh("contract-consumers")
        const queue = { consumerGroup, topic, queueId: 0, brokerName }
        // The group comes to be by its first heartbeat.
        yield* api.heartbeat(address, {
          clientID: "contract@codes",
          producerDataSet: [],
          consumerDataSet: [{
            groupName: consumerGroup,
            consumeType: "CONSUME_PASSIVELY",
            messageModel: "CLUSTERING",
            consumeFromWhere: "CONSUME_FROM_FIRST_OFFSET",
            subscriptionDataSet: [],
            unitMode: false
          }],
          heartbeatFingerprint: 0,
          withoutSub: false
        })
        yield* api.updateConsumerOffset(address, { ...queue, commitOffset: 1 })
        const found = yield* api.queryConsumerOffset(address, queue)
        assert.strictEqual(found.offset, 1)
        const { consumerIdList } = yield* api.getConsumerListByGroup(address, { consumerGroup, brokerName })
        assert.deepStrictEqual([...new Set(consumerIdList)], ["contract@codes"])
        yield* api.unregisterClient(address, { clientID: "contract@codes", consumerGroup, brokerName })
      })
    ),
    specify(
      "SUCCESS: a queue is locked for one client at a time",
      Effect.gen(function*() {
        const { address, api, backend, brokerName, topic } = yield* setting()
        const consumerGroup = backend.fresh("contract-consumers")
        const mqSet = [{ topic, brokerName, queueId: 0 }]
        const lock = (clientId: string) =>
          Effect.map(
            api.lockBatchMq(address, { consumerGroup, clientId, onlyThisBroker: false, mqSet }, { brokerName }),
            ({ lockOKMQSet }) => lockOKMQSet.length
          )
        assert.strictEqual(yield* lock("first"), 1)
        assert.strictEqual(yield* lock("second"), 0)
        yield* api.unlockBatchMq(
          address,
          { consumerGroup, clientId: "first", onlyThisBroker: false, mqSet },
          { brokerName }
        )
        assert.strictEqual(yield* lock("second"), 1)
      })
    ),
    specify(
      "REQUEST_CODE_NOT_SUPPORTED: a proxy does not know messages by their ids",
      Effect.gen(function*() {
        const { address, api, brokerName } = yield* setting()
        const error = yield* refusal(api.viewMessage(address, { offset: 0, brokerName }))
        assert.strictEqual(error.code, ResponseCode.REQUEST_CODE_NOT_SUPPORTED)
        assert.strictEqual(error.outcome, "NotProcessed")
      }),
      "proxy"
    ),
    specify(
      "SUCCESS: a message by its key, and by where it is",
      Effect.gen(function*() {
        const { address, api, backend, topic } = yield* setting()
        const producer = yield* Client.producer()
        yield* producer.send({ topic, body: "found", keys: "needle" })
        const [stored] = yield* backend.readUntil(topic, 1)
        const found = yield* api.viewMessage(address, { offset: stored.physicalOffset })
        assert.include(Buffer.from(found).toString("utf8"), "found")
        const byKey = api.queryMessage(address, {
          topic,
          key: "needle",
          maxNum: 8,
          beginTimestamp: 0,
          endTimestamp: Number.MAX_SAFE_INTEGER
        })
        // Brokers fill their index behind the log.
        assert.isTrue(
          yield* backend.eventually(
            Effect.match(byKey, {
              onFailure: () => false,
              onSuccess: ({ body }) => Buffer.from(body ?? []).toString("utf8").includes("found")
            })
          )
        )
      }),
      "brokers"
    ),
    specify(
      "QUERY_NOT_FOUND: there is no message of that key",
      Effect.gen(function*() {
        const { address, api, topic } = yield* setting()
        const error = yield* refusal(
          api.queryMessage(address, {
            topic,
            key: "nobody-has-it",
            maxNum: 8,
            beginTimestamp: 0,
            endTimestamp: Number.MAX_SAFE_INTEGER
          })
        )
        assert.strictEqual(error.code, ResponseCode.QUERY_NOT_FOUND)
      }),
      "brokers"
    )
  ]
}

export const identity: Subject = {
  name: "clients",
  cases: [
    specify(
      "are known as producers of their groups before their first message is answered",
      Effect.gen(function*() {
        const backend = yield* Backend
        const topic = backend.fresh("clients")
        yield* backend.createTopic(topic)
        const group = backend.fresh("contract-group")
        const services = yield* Client.producerWith({ group })
        const { clientId } = Context.get(services, MqClient.MqClient)
        const { send } = Context.get(services, Client.Producer)
        yield* send({ topic, body: "x" })
        assert.deepStrictEqual(yield* backend.producers(group), [clientId])
      }),
      "brokers"
    ),
    specify(
      "with several groups are known in all of them",
      Effect.gen(function*() {
        const backend = yield* Backend
        const topic = backend.fresh("clients")
        yield* backend.createTopic(topic)
        const groups = [backend.fresh("contract-group"), backend.fresh("contract-group")]
        const { clientId, producers } = yield* Client.producersOfOneClient(groups)
        yield* producers[0].send({ topic, body: "x" })
        for (const group of groups) {
          assert.isTrue(
            yield* backend.eventually(Effect.map(backend.producers(group), (ids) => ids.includes(clientId)))
          )
        }
      }),
      "brokers"
    ),
    specify(
      "are still known when they have sent nothing for ten minutes",
      Effect.gen(function*() {
        const backend = yield* Backend
        const topic = backend.fresh("clients")
        yield* backend.createTopic(topic)
        const group = backend.fresh("contract-group")
        const producer = yield* Client.producer({ group })
        yield* producer.send({ topic, body: "x" })
        yield* backend.pass("10 minutes")
        assert.deepStrictEqual(yield* backend.producers(group), [producer.clientId])
      }),
      "brokers",
      "virtual time"
    ),
    specify(
      "are forgotten when they close",
      Effect.gen(function*() {
        const backend = yield* Backend
        const topic = backend.fresh("clients")
        yield* backend.createTopic(topic)
        const group = backend.fresh("contract-group")
        yield* Effect.scoped(Effect.gen(function*() {
          const producer = yield* Client.producer({ group })
          yield* producer.send({ topic, body: "x" })
          assert.strictEqual((yield* backend.producers(group)).length, 1)
        }))
        assert.isTrue(yield* backend.eventually(Effect.map(backend.producers(group), (ids) => ids.length === 0)))
      }),
      "brokers"
    ),
    specify(
      "that close have nothing in flight, store all that was sent, and send no more",
      Effect.gen(function*() {
        const backend = yield* Backend
        const topic = backend.fresh("clients")
        yield* backend.createTopic(topic, { queues: 4 })
        const { producer, results } = yield* Effect.scoped(Effect.gen(function*() {
          const closing = yield* Client.producer()
          yield* closing.queues(topic)
          const sending = yield* Effect.forEach(
            Array.from({ length: 100 }, (_, index) => `${index}`),
            (body) => Effect.forkDetach(closing.send({ topic, body }), { startImmediately: true })
          )
          return { producer: closing, results: sending }
        }))
        assert.strictEqual((yield* producer.stats).inFlight, 0)
        const exits = yield* Effect.forEach(results, (fiber) => Fiber.await(fiber))
        assert.isTrue(exits.every(Exit.isSuccess))
        assert.strictEqual((yield* backend.readUntil(topic, 100)).length, 100)
        const { outcome, reason } = yield* Effect.flip(producer.send({ topic, body: "late" }))
        assert.strictEqual(reason._tag, "ShuttingDown")
        assert.strictEqual(outcome, "NotSent")
      })
    )
  ]
}
