import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TopicRoutes from "../../../src/client/TopicRoutes.ts"
import { Backend } from "../Backend.ts"
import { specify, type Subject } from "../Case.ts"
import * as Client from "../Client.ts"

/** Nothing listens there. */
const nobody = "127.0.0.1:9"

export const routes: Subject = {
  name: "a route",
  cases: [
    specify(
      "names the queues to send to and the queues to read from",
      Effect.gen(function*() {
        const backend = yield* Backend
        const topic = backend.fresh("routes")
        yield* backend.createTopic(topic, { queues: 2, readQueues: 4 })
        const { get } = yield* Client.get(TopicRoutes.TopicRoutes)
        const route = yield* get(topic)
        const queues = (count: number) =>
          [...backend.brokers.keys()].flatMap((brokerName) =>
            Array.from({ length: count }, (_, queueId) => ({ topic, brokerName, queueId }))
          )
        assert.deepStrictEqual(route.writeQueues, queues(2))
        assert.deepStrictEqual(route.readQueues, queues(4))
        assert.isFalse(route.autoCreated)
      })
    ),
    specify(
      "has nothing to send to where a topic may only be read",
      Effect.gen(function*() {
        const backend = yield* Backend
        const topic = backend.fresh("routes")
        yield* backend.createTopic(topic, { queues: 2, permission: 4 })
        const { get } = yield* Client.get(TopicRoutes.TopicRoutes)
        const route = yield* get(topic)
        assert.deepStrictEqual(route.writeQueues, [])
        assert.strictEqual(route.readQueues.length, 2 * backend.brokers.size)
      })
    ),
    specify(
      "has nothing to read from where a topic may only be written",
      Effect.gen(function*() {
        const backend = yield* Backend
        const topic = backend.fresh("routes")
        yield* backend.createTopic(topic, { queues: 2, permission: 2 })
        const { get } = yield* Client.get(TopicRoutes.TopicRoutes)
        const route = yield* get(topic)
        assert.strictEqual(route.writeQueues.length, 2 * backend.brokers.size)
        assert.deepStrictEqual(route.readQueues, [])
      })
    ),
    specify(
      "gives each broker's master",
      Effect.gen(function*() {
        const backend = yield* Backend
        const topic = backend.fresh("routes")
        yield* backend.createTopic(topic)
        const { get, masterOf } = yield* Client.get(TopicRoutes.TopicRoutes)
        const route = yield* get(topic)
        assert.deepStrictEqual([...route.brokers.keys()], [...backend.brokers.keys()])
        for (const [brokerName, address] of backend.brokers) {
          const master = backend.offers.has("proxy") ? backend.nameServers[0] : address
          assert.strictEqual(route.brokers.get(brokerName)?.master, master)
          assert.strictEqual(masterOf(brokerName), master)
        }
      })
    ),
    specify(
      "fails for a topic that does not exist with an error that names it and the name servers that were asked",
      Effect.gen(function*() {
        const backend = yield* Backend
        const topic = backend.fresh("nowhere")
        const { get } = yield* Client.get(TopicRoutes.TopicRoutes)
        const { reason } = yield* Effect.flip(get(topic))
        assert.strictEqual(reason._tag, "TopicNotFound")
        if (reason._tag === "TopicNotFound") {
          assert.strictEqual(reason.topic, topic)
          assert.deepStrictEqual(reason.nameServers, backend.nameServers)
          assert.include(reason.message, topic)
        }
      })
    ),
    specify(
      "for a topic that the brokers would create is that of the default topic, with at most four queues of each",
      Effect.gen(function*() {
        const backend = yield* Backend
        const topic = backend.fresh("to-be-created")
        const { get } = yield* Client.get(TopicRoutes.TopicRoutes)
        const route = yield* get(topic, { create: true })
        assert.isTrue(route.autoCreated)
        assert.strictEqual(route.writeQueues.length, 4 * backend.brokers.size)
        assert.isTrue(route.writeQueues.every((queue) => queue.topic === topic))
      }),
      "auto-create"
    ),
    specify(
      "is the same object while nothing changes, and a new one when the topic has",
      Effect.gen(function*() {
        const backend = yield* Backend
        const topic = backend.fresh("routes")
        yield* backend.createTopic(topic)
        const { get, getUnsafe, refresh } = yield* Client.get(TopicRoutes.TopicRoutes)
        const first = yield* get(topic)
        assert.strictEqual(yield* refresh(topic), first)
        assert.strictEqual(getUnsafe(topic), first)
        yield* backend.createTopic(topic, { queues: 3 })
        const second = yield* refresh(topic)
        assert.notStrictEqual(second, first)
        assert.strictEqual(second.writeQueues.length, 3 * backend.brokers.size)
        assert.strictEqual(getUnsafe(topic), second)
      }),
      "routes at once"
    ),
    specify(
      "is found once the topic exists: that it did not is believed for a second",
      Effect.gen(function*() {
        const backend = yield* Backend
        const topic = backend.fresh("late")
        const { get } = yield* Client.get(TopicRoutes.TopicRoutes)
        assert.strictEqual((yield* Effect.flip(get(topic))).reason._tag, "TopicNotFound")
        yield* backend.createTopic(topic)
        yield* backend.pass("1 second")
        assert.strictEqual((yield* get(topic)).writeQueues.length, backend.brokers.size)
      }),
      "routes at once"
    ),
    specify(
      "is refreshed every 30 seconds",
      Effect.gen(function*() {
        const backend = yield* Backend
        const topic = backend.fresh("routes")
        yield* backend.createTopic(topic)
        const { get, getUnsafe } = yield* Client.get(TopicRoutes.TopicRoutes)
        yield* get(topic)
        yield* backend.createTopic(topic, { queues: 3 })
        // A proxy's own is at most 20 seconds old.
        yield* backend.pass(backend.offers.has("proxy") ? "61 seconds" : "31 seconds")
        assert.strictEqual(getUnsafe(topic)?.writeQueues.length, 3 * backend.brokers.size)
      }),
      "virtual time"
    ),
    specify(
      "comes from the next name server where one cannot be reached",
      Effect.gen(function*() {
        const backend = yield* Backend
        const topic = backend.fresh("routes")
        yield* backend.createTopic(topic)
        const { get } = yield* Client.get(TopicRoutes.TopicRoutes, { nameServers: [nobody, ...backend.nameServers] })
        assert.strictEqual((yield* get(topic)).writeQueues.length, backend.brokers.size)
      })
    ),
    specify(
      "fails with what each name server failed with when none can be reached",
      Effect.gen(function*() {
        const backend = yield* Backend
        const { get } = yield* Client.get(TopicRoutes.TopicRoutes, { nameServers: [nobody, "127.0.0.1:10"] })
        const failing = yield* Effect.forkChild(Effect.flip(get(backend.fresh("routes"))))
        yield* backend.pass("4 seconds")
        const { outcome, reason } = yield* Fiber.join(failing)
        assert.strictEqual(reason._tag, "NameServersFailed")
        if (reason._tag === "NameServersFailed") {
          assert.sameMembers([...new Set(reason.attempts.map(({ address }) => address))], [nobody, "127.0.0.1:10"])
        }
        assert.strictEqual(outcome, "NotSent")
      })
    )
  ]
}
