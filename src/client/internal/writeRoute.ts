/** A topic's route as a producer looks at it, and the choice of a queue. */
import { javaHashCode } from "../../protocol/message/TagsCode.ts"
import type { FieldsTemplate } from "../../protocol/PreparedFields.ts"
import type { Address } from "../../remoting/Address.ts"
import type { MessageQueue, TopicRoute } from "../TopicRoutes.ts"
import type { BrokerHealth, HealthRegistry } from "./brokerHealth.ts"

/** A queue to send to, and all that a request to it needs. */
export class WriteTarget {
  /** By the names that the app uses. */
  readonly queue: MessageQueue
  /** The broker that has the queue. */
  readonly brokerName: string
  readonly address: Address
  readonly queueId: number
  /** `queueId` as the header has it. */
  readonly queueIdText: string
  readonly health: BrokerHealth
  /** Headers of most messages to this queue, made when first needed. */
  template: FieldsTemplate | undefined = undefined
  /** The same for messages that carry nothing of their own. */
  bareTemplate: FieldsTemplate | undefined = undefined

  constructor(queue: MessageQueue, brokerName: string, address: Address, health: BrokerHealth) {
    this.queue = queue
    this.brokerName = brokerName
    this.address = address
    this.queueId = queue.queueId
    this.queueIdText = String(queue.queueId)
    this.health = health
  }
}

/** What speaks against a queue behind an address that this message has been sent to, and of a broker that it has. */
const triedAddress = 1
const triedBroker = 4
/** Of two queues of such a broker it is rather the other one. */
const triedQueue = 0.5

/** The queues of a route that can be sent to. Made anew for each new route. */
export class WriteRoute {
  readonly route: TopicRoute
  readonly targets: ReadonlyArray<WriteTarget>
  /** The same queues in the same order, by the names that the app uses. */
  readonly queues: ReadonlyArray<MessageQueue>
  /** They are behind more than one address, so whoever cannot be served at one may be at another. */
  readonly several: boolean

  constructor(route: TopicRoute, topic: string, health: HealthRegistry) {
    const targets: Array<WriteTarget> = []
    const addresses = new Set<Address>()
    for (const queue of route.writeQueues) {
      const brokerName = route.brokerNameOf(queue)
      const address = brokerName === undefined ? undefined : route.brokers.get(brokerName)?.master
      if (brokerName === undefined || address === undefined) continue
      addresses.add(address)
      const named = queue.topic === topic ? queue : { ...queue, topic }
      targets.push(new WriteTarget(named, brokerName, address, health.of(brokerName)))
    }
    this.route = route
    this.targets = targets
    this.queues = targets.map((target) => target.queue)
    this.several = addresses.size > 1
  }

  /** The target of a queue; `undefined`: it cannot be sent to, or not any more. */
  find(brokerName: string, queueId: number): WriteTarget | undefined {
    return this.targets.find((target) => target.queueId === queueId && target.queue.brokerName === brokerName)
  }

  /**
   * The queue of a sharding key: the one that Java's `SelectMessageQueueByHash`
   * (RocketMQ 5.3.3) chooses.
   */
  ofShardingKey(key: string): WriteTarget {
    return this.targets[Math.abs(javaHashCode(key) % this.targets.length)]
  }

  /**
   * The queue whose turn it is, of the brokers that do best; for a message that
   * has been sent before, at a broker and a queue that it has not been sent to.
   *
   * @param turn where to begin, from 0
   */
  choose(turn: number, now: number, tried: ReadonlyArray<WriteTarget>): WriteTarget {
    const { targets } = this
    const size = targets.length
    let best: WriteTarget | undefined
    let least = Infinity
    for (let step = 0; step < size && least > 0; step++) {
      const target = targets[(turn + step) % size]
      const points = target.health.standing(now) + against(target, tried)
      if (points < least) {
        best = target
        least = points
      }
    }
    return best!
  }

  /** Whether there is a queue at an address that this message has not been sent to. */
  hasUntried(tried: ReadonlyArray<WriteTarget>): boolean {
    return this.targets.some((target) => against(target, tried) === 0)
  }
}

/** The longer ago it was, the less it speaks against a broker. */
const against = (target: WriteTarget, tried: ReadonlyArray<WriteTarget>): number => {
  let points = 0
  let queue = 0
  for (let index = 0; index < tried.length; index++) {
    const one = tried[index]
    if (one.brokerName === target.brokerName) {
      points = triedBroker + index
      if (one.queueId === target.queueId) queue = triedQueue
    } else if (one.address === target.address && points === 0) points = triedAddress
  }
  return points + queue
}
