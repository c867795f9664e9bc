/** Sequences of requests, from a seed. */
import { setTimeout as delay } from "node:timers/promises"
import * as MessageBatch from "../../src/protocol/message/MessageBatch.ts"
import * as MessageProperties from "../../src/protocol/message/MessageProperties.ts"
import { javaHashCode } from "../../src/protocol/message/TagsCode.ts"
import { RequestCode } from "../../src/protocol/RequestCode.ts"
import { Random } from "./Random.ts"
import type { Exchange, Popped, Sent, Session } from "./Session.ts"
import { clientCount } from "./Session.ts"
import { brokerName, clusterName } from "./Sides.ts"
import type { Step } from "./Step.ts"
import type { Answer, Fields, Request } from "./Wire.ts"

/** Years from the time of any test. */
const bornTimestamp = 1_600_000_000_000

const tags = ["red", "green", "blue"] as const
const expressions: ReadonlyArray<readonly [type: string, expression: string]> = [
  ["TAG", "*"],
  ["TAG", "red"],
  ["TAG", "red || blue"],
  ["TAG", ""],
  ["SQL92", "size > 5"],
  ["SQL92", "TAGS = 'red' AND size BETWEEN 2 AND 7"],
  ["SQL92", "color IS NULL OR size IN ('1', '3')"],
  ["SQL92", "size >"],
  ["NONE", "*"]
]

interface Topic {
  readonly name: string
  readonly queues: number
}

interface SentStep {
  readonly id: number
  readonly topic: string
  readonly uniqKey: string
  readonly key: string
}

interface Options {
  readonly repeatable?: boolean
  readonly fills?: Step["fills"]
  readonly shared?: boolean
  readonly timeout?: number
  readonly version?: number
  readonly language?: string
  readonly note?: (session: Session, request: Request, answer: Exchange[1]) => void | Promise<void>
}

const read: Options = { repeatable: true }

export class Generator {
  /** What the names of this sequence begin with. */
  readonly prefix: string
  private readonly random: Random
  private readonly steps: Array<Step> = []
  private readonly topics: Array<Topic> = []
  private readonly groups: ReadonlyArray<string>
  private readonly producerGroups: ReadonlyArray<string>
  private readonly sends: Array<SentStep> = []
  private readonly halves: Array<SentStep> = []
  private readonly timed: Array<SentStep> = []
  private readonly pops: Array<number> = []
  private next = 0
  private messages = 0
  /** In an hour, the same on both sides. */
  private readonly later: number

  /** @param run tells the names of this run from those of another */
  constructor(seed: number, run: string, now: number) {
    this.random = new Random(seed)
    this.prefix = `s${seed}-${run}`
    this.groups = [0, 1].map((number) => `${this.prefix}-group-${number}`)
    this.producerGroups = [0, 1].map((number) => `${this.prefix}-producers-${number}`)
    this.later = now + 3_600_000
  }

  /** A sequence of so many steps. */
  sequence(length: number): ReadonlyArray<Step> {
    this.createTopic(`${this.prefix}-one`, 1 + this.random.below(3), 6)
    this.createTopic(`${this.prefix}-two`, 4, 6)
    const kinds = this.kinds()
    while (this.steps.length < length) this.random.weighted(kinds)()
    return this.steps.slice(0, length)
  }

  private kinds(): ReadonlyArray<readonly [number, () => void]> {
    return [
      [14, () => this.send()],
      [3, () => this.sendBatch()],
      [3, () => this.sendDelayed()],
      [1, () => this.sendAndAwait()],
      [2, () => this.sendHalf()],
      [2, () => this.endTransaction()],
      [2, () => this.sendOdd()],
      [1, () => this.reply()],
      [2, () => this.sendOneway()],
      [10, () => this.pull()],
      [1, () => this.pullThatWaits()],
      [3, () => this.commit()],
      [3, () => this.queryOffset()],
      [4, () => this.queueOffset()],
      [3, () => this.lock()],
      [4, () => this.heartbeat()],
      [2, () => this.unregister()],
      [3, () => this.connections()],
      [1, () => this.checkClient()],
      [3, () => this.sendBack()],
      [5, () => this.pop()],
      [4, () => this.ack()],
      [2, () => this.changeInvisible()],
      [2, () => this.peek()],
      [1, () => this.popThatWaits()],
      [4, () => this.query()],
      [2, () => this.topicAdmin()],
      [2, () => this.groupAdmin()],
      [4, () => this.statistics()],
      [3, () => this.groupOffsets()],
      [2, () => this.assignment()],
      [2, () => this.recall()],
      [2, () => this.relay()],
      [3, () => this.routes()],
      [2, () => this.pairs()],
      [2, () => this.fakeBroker()],
      [1, () => this.brokerAdmin()]
    ]
  }

  // ---- building blocks ----

  private add(step: Omit<Step, "id">): number {
    const id = this.next++
    this.steps.push({ id, ...step })
    return id
  }

  /** One request to the broker, from one client. */
  private broker(
    code: number,
    fields: Fields | ((session: Session) => Fields | undefined),
    options: Options & {
      readonly body?: string | Uint8Array | ((session: Session) => string | undefined) | undefined
    } = {}
  ): number {
    const client = this.random.below(clientCount)
    return this.request((session) => session.client(client), code, fields, options)
  }

  private nameServer(code: number, fields: Fields, options: Options & { readonly body?: string } = {}): number {
    return this.request((session) => session.nameServer, code, fields, options)
  }

  private request(
    wire: (session: Session) => Session["nameServer"],
    code: number,
    fields: Fields | ((session: Session) => Fields | undefined),
    options: Options & { readonly body?: string | Uint8Array | ((session: Session) => string | undefined) | undefined }
  ): number {
    return this.add({
      name: String(code),
      repeatable: options.repeatable ?? false,
      settles: (options.fills ?? []).length === 0 && options.shared !== true,
      fills: options.fills ?? [],
      shared: options.shared ?? false,
      run: async (session) => {
        const extFields = typeof fields === "function" ? fields(session) : fields
        const body = typeof options.body === "function" ? options.body(session) : options.body
        if (extFields === undefined || (typeof options.body === "function" && body === undefined)) return []
        const request: Request = {
          code,
          extFields,
          body,
          ...(options.version === undefined ? {} : { version: options.version }),
          ...(options.language === undefined ? {} : { language: options.language })
        }
        const answer = await wire(session).ask(request, options.timeout)
        await options.note?.(session, request, answer)
        return [[request, answer]]
      }
    })
  }

  private topic(): Topic {
    return this.random.pick(this.topics)
  }

  /** Mostly a topic that exists. */
  private anyTopic(): string {
    return this.random.chance(95) ? this.topic().name : `${this.prefix}-none`
  }

  private group(): string {
    return this.random.pick(this.groups)
  }

  private queueId(topic: Topic): string {
    const { random } = this
    return String(random.chance(94) ? random.below(topic.queues) : random.pick([-1, topic.queues, 100]))
  }

  private uniqKey(): string {
    // No address of this machine begins with AC11.
    return `AC11${this.prefix}K${++this.messages}`.padEnd(32, "0")
  }

  private properties(more: Fields = {}): { readonly text: string; readonly uniqKey: string; readonly key: string } {
    const { random } = this
    const uniqKey = this.uniqKey()
    const key = `key-${random.below(4)}`
    const properties: Record<string, string> = {
      UNIQ_KEY: uniqKey,
      KEYS: key,
      WAIT: random.chance(80) ? "true" : "false"
    }
    if (random.chance(70)) properties["TAGS"] = random.pick(tags)
    if (random.chance(50)) properties["size"] = String(random.below(10))
    if (random.chance(20)) properties["color"] = "ré\u4e2d"
    if (random.chance(10)) properties["KEYS"] = `${key} other`
    if (random.chance(5)) properties["__SHARDINGKEY"] = `order-${random.below(3)}`
    return { text: MessageProperties.encode({ ...properties, ...more }), uniqKey, key }
  }

  private body(): string {
    return "x".repeat(this.random.below(40)) + this.messages
  }

  // ---- topics and groups ----

  private createTopic(name: string, queues: number, perm: number, more: Fields = {}, isTopic = true): void {
    this.broker(RequestCode.UPDATE_AND_CREATE_TOPIC, {
      topic: name,
      defaultTopic: "TBW102",
      readQueueNums: String(queues),
      writeQueueNums: String(queues),
      perm: String(perm),
      topicFilterType: "SINGLE_TAG",
      topicSysFlag: "0",
      order: "false",
      ...more
    })
    if (isTopic && !this.topics.some((topic) => topic.name === name)) this.topics.push({ name, queues })
  }

  private topicAdmin(): void {
    const { random } = this
    random.weighted<() => void>([
      [
        3,
        () =>
          this.createTopic(
            `${this.prefix}-more-${random.below(3)}`,
            1 + random.below(4),
            random.pick([6, 6, 6, 4, 2, 0]),
            {
              order: random.pick(["true", "false"]),
              topicSysFlag: String(random.below(4)),
              attributes: random.pick([
                "",
                "+message.type=FIFO",
                "+message.type=DELAY",
                "+message.type=NONE",
                "-message.type"
              ])
            }
          )
      ],
      [1, () => this.createTopic(this.topics[0]!.name, this.topics[0]!.queues, random.pick([6, 4, 2]))],
      [1, () => this.createTopic(random.pick(["SCHEDULE_TOPIC_XXXX", "with blank", ""]), 1, 6, {}, false)],
      [1, () =>
        void this.broker(RequestCode.UPDATE_AND_CREATE_TOPIC_LIST, {}, {
          body: JSON.stringify({
            topicConfigList: [1, 2].map((number) => ({
              topicName: `${this.prefix}-listed-${number}`,
              readQueueNums: number,
              writeQueueNums: number,
              perm: 6
            }))
          })
        })],
      [1, () =>
        void this.broker(RequestCode.DELETE_TOPIC_IN_BROKER, {
          topic: random.pick([`${this.prefix}-more-0`, `${this.prefix}-listed-1`, "SELF_TEST_TOPIC", "TBW102"])
        })],
      [3, () => void this.broker(RequestCode.GET_TOPIC_CONFIG, { topic: this.anyTopic() }, read)],
      [1, () => void this.broker(RequestCode.GET_ALL_TOPIC_CONFIG, {}, read)],
      [1, () => void this.broker(RequestCode.GET_SYSTEM_TOPIC_LIST_FROM_BROKER, {}, read)]
    ])()
  }

  private groupAdmin(): void {
    const { random } = this
    const config = (groupName: string) => ({
      groupName,
      consumeEnable: random.chance(90),
      consumeBroadcastEnable: random.chance(70),
      consumeFromMinEnable: true,
      consumeMessageOrderly: random.chance(20),
      retryQueueNums: 1 + random.below(2),
      retryMaxTimes: random.pick([16, 1, 0]),
      brokerId: 0,
      whichBrokerWhenConsumeSlowly: 1,
      notifyConsumerIdsChangedEnable: random.chance(80),
      ...(random.chance(20) ? { groupSysFlag: 1 } : {})
    })
    random.weighted<() => void>([
      [4, () =>
        void this.broker(RequestCode.UPDATE_AND_CREATE_SUBSCRIPTIONGROUP, {}, {
          body: JSON.stringify(config(random.chance(90) ? this.group() : "with blank"))
        })],
      [1, () =>
        void this.broker(RequestCode.UPDATE_AND_CREATE_SUBSCRIPTIONGROUP_LIST, {}, {
          body: JSON.stringify({ groupConfigList: [1, 2].map((number) => config(`${this.prefix}-listed-${number}`)) })
        })],
      [3, () =>
        void this.broker(RequestCode.GET_SUBSCRIPTIONGROUP_CONFIG, {
          group: random.pick([...this.groups, `${this.prefix}-new-group`])
        }, read)],
      [1, () => void this.broker(RequestCode.GET_ALL_SUBSCRIPTIONGROUP_CONFIG, {}, read)],
      [1, () =>
        void this.broker(RequestCode.DELETE_SUBSCRIPTIONGROUP, {
          groupName: random.pick([`${this.prefix}-listed-1`, this.groups[1]!]),
          cleanOffset: random.pick(["true", "false"])
        })],
      [2, () =>
        void this.broker(RequestCode.UPDATE_AND_GET_GROUP_FORBIDDEN, {
          group: this.group(),
          topic: this.topics[1]!.name,
          ...(random.chance(70) ? { readable: random.pick(["true", "true", "false"]) } : {})
        })]
    ])()
  }

  // ---- sends ----

  private v2(topic: string, queueId: string, properties: string, more: Fields = {}): Fields {
    return {
      a: this.random.pick(this.producerGroups),
      b: topic,
      c: "TBW102",
      d: "4",
      e: queueId,
      f: "0",
      g: String(bornTimestamp + this.messages),
      h: String(this.random.below(3)),
      i: properties,
      j: "0",
      k: "false",
      m: "false",
      n: brokerName,
      ...more
    }
  }

  private v1(topic: string, queueId: string, properties: string): Fields {
    const { a, b, c, d, e, f, g, h, i, j, k } = this.v2(topic, queueId, properties) as Record<string, string>
    return {
      producerGroup: a!,
      topic: b!,
      defaultTopic: c!,
      defaultTopicQueueNums: d!,
      queueId: e!,
      sysFlag: f!,
      bornTimestamp: g!,
      flag: h!,
      properties: i!,
      reconsumeTimes: j!,
      unitMode: k!
    }
  }

  private noting(topic: string): { readonly note: NonNullable<Options["note"]>; readonly bind: (id: number) => void } {
    let step = -1
    return {
      note: (session, _request, answer) => session.noteSent(step, topic, answer),
      bind: (id) => {
        step = id
      }
    }
  }

  private send(): void {
    const { random } = this
    const topic = this.topic()
    const { key, text, uniqKey } = this.properties()
    // Which of several queues a broker picks is its own affair, and so is all that follows from it.
    const queueId = random.chance(3) && topic === this.topics[0] && topic.queues === 1
      ? "-1"
      : String(random.chance(97) ? random.below(topic.queues) : random.pick([topic.queues, 100]))
    const { bind, note } = this.noting(topic.name)
    const isV1 = random.chance(20)
    const id = this.broker(
      isV1 ? RequestCode.SEND_MESSAGE : RequestCode.SEND_MESSAGE_V2,
      isV1
        ? this.v1(topic.name, queueId, text)
        : this.v2(topic.name, queueId, text, random.chance(10) ? { f: "1" } : {}),
      { body: this.body(), fills: [[topic.name, Number(queueId)]], note }
    )
    bind(id)
    this.sends.push({ id, topic: topic.name, uniqKey, key })
  }

  private sendBatch(): void {
    const topic = this.topic()
    const queueId = String(this.random.below(topic.queues))
    const parts = Array.from({ length: 1 + this.random.below(4) }, () => ({ body: this.body(), ...this.properties() }))
    const { bind, note } = this.noting(topic.name)
    const id = this.broker(
      RequestCode.SEND_BATCH_MESSAGE,
      this.v2(topic.name, queueId, MessageProperties.encode({ WAIT: "true" }), { m: "true" }),
      {
        body: MessageBatch.encode(
          parts.map(({ body, text }) => ({
            flag: 0,
            body: Buffer.from(body),
            properties: MessageProperties.decode(text)
          }))
        ),
        fills: [[topic.name, Number(queueId)]],
        note
      }
    )
    bind(id)
    this.sends.push({ id, topic: topic.name, uniqKey: parts[0]!.uniqKey, key: parts[0]!.key })
  }

  private sendDelayed(): void {
    const { random } = this
    const topic = this.topic()
    const more = random.pick<Fields>([
      // None of them is due before the test is over.
      { DELAY: String(9 + random.below(12)) },
      { TIMER_DELIVER_MS: String(this.later) },
      { TIMER_DELAY_SEC: "3600" },
      { TIMER_DELAY_MS: "3600000" },
      { TIMER_DELIVER_MS: String(this.later + 864_000_000) },
      { TIMER_DELAY_SEC: "soon" },
      { DELAY: "9", TIMER_DELAY_SEC: "3600" }
    ])
    const { key, text, uniqKey } = this.properties(more)
    const { bind, note } = this.noting(topic.name)
    const id = this.broker(
      RequestCode.SEND_MESSAGE_V2,
      this.v2(topic.name, String(random.below(topic.queues)), text),
      { body: this.body(), shared: true, note }
    )
    bind(id)
    this.timed.push({ id, topic: topic.name, uniqKey, key })
  }

  /** One that is delivered while we wait, and what it is then. */
  private sendAndAwait(): void {
    const topic = this.topics[this.random.below(2)]!
    const queueId = this.random.below(topic.queues)
    const { text } = this.properties(this.random.pick<Fields>([{ DELAY: "1" }, { TIMER_DELAY_MS: "1100" }]))
    const send: Request = {
      code: RequestCode.SEND_MESSAGE_V2,
      extFields: this.v2(topic.name, String(queueId), text),
      body: this.body()
    }
    const fields = this.pullFields(topic.name, String(queueId), {
      consumerGroup: this.groups[0]!,
      sysFlag: "4",
      subscription: "*",
      expressionType: "TAG",
      maxMsgNums: "32"
    })
    this.add({
      name: "310 with a short delay, 11",
      repeatable: false,
      settles: true,
      fills: [],
      shared: true,
      run: async (session) => {
        const before = await session.maxOffset(topic.name, queueId)
        const sent = await session.client(0).ask(send)
        if (before === undefined || typeof sent === "string" || sent.code !== 0) return [[send, sent]]
        for (let attempt = 0; attempt < 100; attempt++) {
          if ((await session.maxOffset(topic.name, queueId)) !== before) break
          await delay(50)
        }
        const request: Request = { code: RequestCode.PULL_MESSAGE, extFields: { ...fields, queueOffset: before } }
        return [[send, sent], [request, await session.client(0).ask(request)]]
      }
    })
  }

  private sendHalf(): void {
    const topic = this.topic()
    const group = this.random.pick(this.producerGroups)
    const { key, text, uniqKey } = this.properties({ TRAN_MSG: "true", PGROUP: group })
    const { bind, note } = this.noting(topic.name)
    const id = this.broker(
      RequestCode.SEND_MESSAGE_V2,
      { ...this.v2(topic.name, String(this.random.below(topic.queues)), text, { f: "4" }), a: group },
      { body: this.body(), shared: true, note }
    )
    bind(id)
    this.halves.push({ id, topic: topic.name, uniqKey, key })
  }

  private endTransaction(): void {
    const { random } = this
    const half = random.chance(90) ? this.halves.at(-1 - random.below(2)) : this.sends.at(-1)
    if (half === undefined) return this.sendHalf()
    const outcome = random.pick(["8", "8", "12", "0"])
    const group = random.pick(this.producerGroups)
    const fromTransactionCheck = random.chance(20) ? "true" : "false"
    this.broker(
      RequestCode.END_TRANSACTION,
      (session) => {
        const sent = session.sent.get(half.id)
        return sent === undefined ? undefined : {
          topic: half.topic,
          producerGroup: group,
          tranStateTableOffset: String(sent.queueOffset),
          commitLogOffset: String(sent.position),
          commitOrRollback: outcome,
          fromTransactionCheck,
          msgId: half.uniqKey,
          transactionId: half.uniqKey
        }
      },
      {
        fills: [0, 1, 2, 3].map((queueId) => [half.topic, queueId] as const),
        // "Unknown" is not answered.
        timeout: outcome === "0" ? 100 : 5_000
      }
    )
  }

  /** What brokers refuse, or make a topic for. */
  private sendOdd(): void {
    const { random } = this
    const { text } = this.properties()
    const made = `${this.prefix}-made-${random.below(2)}`
    const send = (topic: string, more: Fields = {}, queueId = "0", body = this.body()) =>
      void this.broker(RequestCode.SEND_MESSAGE_V2, this.v2(topic, queueId, text, more), {
        body,
        fills: [[topic, Number(queueId)]]
      })
    random.weighted<() => void>([
      [4, () => {
        send(made, { d: String(1 + random.below(9)) })
        if (!this.topics.some(({ name }) => name === made)) this.topics.push({ name: made, queues: 1 })
      }],
      [1, () => send(`${this.prefix}-none`, { c: `${this.prefix}-none` })],
      [1, () => send(random.pick(["SCHEDULE_TOPIC_XXXX", "RMQ_SYS_TRANS_HALF_TOPIC", "with blank", "x".repeat(200)]))],
      [2, () => send(`%RETRY%${this.group()}`, { j: String(random.below(20)), l: random.pick(["16", "3"]) })],
      [1, () => send(`%DLQ%${this.group()}`)],
      [1, () => send(this.topic().name, {}, "0", "")],
      [1, () => send(this.topic().name, { i: MessageProperties.encode({ big: "x".repeat(33_000) }) })],
      [1, () => send(this.topic().name, { i: "no property\u0001\u0002a\u0001b" })],
      [1, () => send(this.topic().name, { i: MessageProperties.encode({ INNER_NUM: "2" }) })],
      [1, () => send(this.topic().name, { k: "true" })]
    ])()
  }

  private reply(): void {
    const to = this.clientId(this.random.below(clientCount))
    const properties = MessageProperties.encode({
      CORRELATION_ID: "1",
      TTL: "1000",
      MSG_TYPE: "reply",
      ...(this.random.chance(85) ? { REPLY_TO_CLIENT: this.random.chance(85) ? to : "nobody" } : {})
    })
    const topic = `${clusterName}_REPLY_TOPIC`
    const isV1 = this.random.chance(30)
    this.broker(
      isV1 ? RequestCode.SEND_REPLY_MESSAGE : RequestCode.SEND_REPLY_MESSAGE_V2,
      isV1 ? this.v1(topic, "0", properties) : this.v2(topic, "0", properties),
      { body: this.body(), shared: true }
    )
  }

  /** What became of it the next requests show. */
  private sendOneway(): void {
    const topic = this.topic()
    const queueId = this.random.below(topic.queues)
    const client = this.random.below(clientCount)
    const { text } = this.properties()
    const request: Request = {
      code: RequestCode.SEND_MESSAGE_V2,
      extFields: this.v2(topic.name, String(queueId), text),
      body: this.body()
    }
    this.add({
      name: "oneway 310",
      repeatable: false,
      settles: false,
      fills: [[topic.name, queueId]],
      shared: false,
      run: (session) => {
        session.client(client).tell(request)
        return Promise.resolve([])
      }
    })
    this.broker(RequestCode.GET_MAX_OFFSET, { topic: topic.name, queueId: String(queueId) }, read)
  }

  // ---- pulls ----

  private pullFields(topic: string, queueId: string, more: Fields = {}): Fields {
    const [type, expression] = this.random.pick(expressions)
    return {
      consumerGroup: this.group(),
      topic,
      queueId,
      queueOffset: String(this.random.pick([0, 0, 0, 1, 2, 3, 10])),
      maxMsgNums: String(this.random.pick([1, 2, 32, 32])),
      // Mostly with a subscription of its own, seldom with that of the heartbeat; with or without an offset.
      sysFlag: String((this.random.chance(80) ? 4 : 0) | (this.random.chance(20) ? 1 : 0)),
      commitOffset: String(this.random.below(4)),
      suspendTimeoutMillis: "0",
      subscription: expression,
      subVersion: String(this.random.pick([0, 1, bornTimestamp + 100_000])),
      expressionType: type,
      ...more
    }
  }

  private pull(): void {
    const topic = this.topic()
    const name = this.random.chance(96) ? topic.name : `${this.prefix}-none`
    const code = this.random.chance(80) ? RequestCode.PULL_MESSAGE : RequestCode.LITE_PULL_MESSAGE
    this.broker(code, this.pullFields(name, this.queueId(topic)))
  }

  /** It waits at the end of the queue until a message comes. */
  private pullThatWaits(): void {
    const topic = this.topics[this.random.below(2)]!
    const queueId = this.random.below(topic.queues)
    const { text } = this.properties()
    const fields = this.pullFields(topic.name, String(queueId), {
      sysFlag: "6",
      suspendTimeoutMillis: "15000",
      subscription: "*",
      expressionType: "TAG"
    })
    const send: Request = {
      code: RequestCode.SEND_MESSAGE_V2,
      extFields: this.v2(topic.name, String(queueId), text),
      body: this.body()
    }
    this.add({
      name: "11 that waits, 310",
      repeatable: false,
      settles: true,
      fills: [[topic.name, queueId]],
      shared: false,
      run: async (session) => {
        const end = await session.maxOffset(topic.name, queueId)
        if (end === undefined || end === "0") return []
        const request: Request = { code: RequestCode.PULL_MESSAGE, extFields: { ...fields, queueOffset: end } }
        const pulled = session.client(0).ask(request)
        // Requests of one connection are taken up in their order, those of two are not.
        const probe: Request = {
          code: RequestCode.GET_MIN_OFFSET,
          extFields: { topic: topic.name, queueId: String(queueId) }
        }
        await session.client(0).ask(probe)
        const sent = await session.client(1).ask(send)
        if (typeof sent !== "string" && sent.code !== 0) return [[send, sent]]
        return [[send, sent], [request, await pulled]]
      }
    })
  }

  // ---- offsets ----

  private commit(): void {
    const topic = this.topic()
    this.broker(RequestCode.UPDATE_CONSUMER_OFFSET, {
      consumerGroup: this.group(),
      topic: this.anyTopic(),
      queueId: this.queueId(topic),
      commitOffset: String(this.random.pick([0, 1, 2, 3, 100, -1]))
    })
  }

  private queryOffset(): void {
    const topic = this.topic()
    this.broker(RequestCode.QUERY_CONSUMER_OFFSET, {
      consumerGroup: this.random.chance(90) ? this.group() : `${this.prefix}-new-group`,
      topic: this.random.chance(95) ? topic.name : `${this.prefix}-none`,
      queueId: this.queueId(topic),
      ...(this.random.chance(40) ? { setZeroIfNotFound: this.random.pick(["true", "false"]) } : {})
    }, read)
  }

  private queueOffset(): void {
    const { random } = this
    const topic = this.topic()
    const fields = { topic: random.chance(95) ? topic.name : `${this.prefix}-none`, queueId: this.queueId(topic) }
    random.weighted<() => void>([
      [
        3,
        () =>
          void this.broker(RequestCode.GET_MAX_OFFSET, {
            ...fields,
            ...(random.chance(20) ? { committed: "false" } : {})
          }, read)
      ],
      [2, () => void this.broker(RequestCode.GET_MIN_OFFSET, fields, read)],
      [3, () =>
        void this.broker(RequestCode.SEARCH_OFFSET_BY_TIMESTAMP, {
          ...fields,
          timestamp: random.pick(["0", "1000", "4000000000000", "-1"]),
          ...(random.chance(60) ? { boundaryType: random.pick(["LOWER", "UPPER", "upper"]) } : {})
        }, read)],
      [1, () => void this.broker(RequestCode.GET_EARLIEST_MSG_STORETIME, fields, read)]
    ])()
  }

  private lock(): void {
    const topic = this.topic()
    const client = this.clientId(this.random.below(clientCount))
    const queues = Array.from({ length: 1 + this.random.below(2) }, () => this.random.below(topic.queues))
    this.broker(this.random.chance(70) ? RequestCode.LOCK_BATCH_MQ : RequestCode.UNLOCK_BATCH_MQ, {}, {
      body: JSON.stringify({
        consumerGroup: this.group(),
        clientId: client,
        onlyThisBroker: this.random.chance(20),
        mqSet: [...new Set(queues)].map((queueId) => ({ brokerName, queueId, topic: topic.name }))
      })
    })
  }

  private groupOffsets(): void {
    const { random } = this
    const topic = this.topic()
    const group = this.group()
    random.weighted<() => void>([
      [3, () =>
        void this.broker(RequestCode.INVOKE_BROKER_TO_RESET_OFFSET, {
          group,
          topic: random.chance(95) ? topic.name : `${this.prefix}-none`,
          queueId: random.chance(50) ? "-1" : this.queueId(topic),
          ...(random.chance(50) ? { offset: String(random.below(4)) } : {}),
          timestamp: random.pick(["0", "-1", "4000000000000"]),
          isForce: random.pick(["true", "false"])
        })],
      [2, () =>
        void this.broker(RequestCode.CLONE_GROUP_OFFSET, {
          srcGroup: group,
          destGroup: random.pick(this.groups),
          topic: topic.name,
          offline: random.pick(["true", "false"])
        })],
      [1, () =>
        void this.broker(RequestCode.QUERY_CORRECTION_OFFSET, {
          filterGroups: random.pick(["", `${this.prefix}-nobody`]),
          compareGroup: group,
          topic: topic.name
        }, read)],
      [1, () => void this.broker(RequestCode.GET_ALL_CONSUMER_OFFSET, {}, read)]
    ])()
  }

  // ---- clients ----

  private clientId(number: number): string {
    return `${this.prefix}-client-${number}`
  }

  private heartbeat(): void {
    const { random } = this
    const client = random.below(clientCount)
    const [type, expression] = random.pick(expressions.slice(0, 7))
    const tagsSet = type === "TAG" && expression !== "*"
      ? expression.split("||").map((tag) => tag.trim()).filter(Boolean)
      : []
    const subscription = (topic: string) => ({
      classFilterMode: false,
      topic,
      subString: expression === "" ? "*" : expression,
      tagsSet,
      codeSet: tagsSet.map(javaHashCode),
      subVersion: bornTimestamp + this.next,
      expressionType: type
    })
    const fingerprint = random.chance(30) ? 1 + random.below(3) : 0
    const withoutSub = fingerprint !== 0 && random.chance(30)
    const consumers = this.groups.filter(() => random.chance(60)).map((groupName) => ({
      groupName,
      consumeType: random.pick(["CONSUME_PASSIVELY", "CONSUME_ACTIVELY", "CONSUME_POP"]),
      messageModel: random.chance(90) ? "CLUSTERING" : "BROADCASTING",
      consumeFromWhere: random.pick(["CONSUME_FROM_LAST_OFFSET", "CONSUME_FROM_FIRST_OFFSET"]),
      unitMode: random.chance(5),
      subscriptionDataSet: withoutSub
        ? []
        : this.topics.filter(() => random.chance(60)).map(({ name }) => subscription(name))
    }))
    const body = JSON.stringify({
      clientID: this.clientId(client),
      heartbeatFingerprint: fingerprint,
      producerDataSet: this.producerGroups.filter(() => random.chance(60)).map((groupName) => ({ groupName })),
      consumerDataSet: consumers,
      withoutSub
    })
    this.request(
      (session) => session.client(client),
      RequestCode.HEART_BEAT,
      {},
      { body, version: random.pick([475, 479, 401]), language: random.pick(["JAVA", "GO", "OTHER"]) }
    )
  }

  private unregister(): void {
    const { random } = this
    const client = random.below(clientCount)
    this.request((session) => session.client(client), RequestCode.UNREGISTER_CLIENT, {
      clientID: this.clientId(client),
      ...(random.chance(60) ? { producerGroup: random.pick(this.producerGroups) } : {}),
      ...(random.chance(60) ? { consumerGroup: this.group() } : {})
    }, {})
  }

  private connections(): void {
    const { random } = this
    random.weighted<() => void>([
      [3, () => void this.broker(RequestCode.GET_CONSUMER_LIST_BY_GROUP, { consumerGroup: this.group() }, read)],
      [3, () => void this.broker(RequestCode.GET_CONSUMER_CONNECTION_LIST, { consumerGroup: this.group() }, read)],
      [
        2,
        () =>
          void this.broker(RequestCode.GET_PRODUCER_CONNECTION_LIST, {
            producerGroup: random.pick(this.producerGroups)
          }, read)
      ],
      [1, () => void this.broker(RequestCode.GET_ALL_PRODUCER_INFO, {}, read)]
    ])()
  }

  private checkClient(): void {
    const [expressionType, subString] = this.random.pick(expressions)
    this.broker(RequestCode.CHECK_CLIENT_CONFIG, {}, {
      body: JSON.stringify({
        clientId: this.clientId(0),
        group: this.group(),
        subscriptionData: { topic: this.topic().name, subString, expressionType, subVersion: 1 }
      }),
      repeatable: true
    })
  }

  /** What an administrator asks of clients through the broker. */
  private relay(): void {
    const { random } = this
    const clientId = random.chance(80) ? this.clientId(random.below(clientCount)) : "nobody"
    const sent = random.chance(80) ? this.pickSent() : undefined
    random.weighted<() => void>([
      [1, () =>
        void this.broker(RequestCode.GET_CONSUMER_RUNNING_INFO, {
          consumerGroup: this.group(),
          clientId,
          jstackEnable: "false"
        })],
      [1, () =>
        void this.broker(
          RequestCode.CONSUME_MESSAGE_DIRECTLY,
          (session) => {
            const message = sent === undefined ? undefined : session.sent.get(sent.id)
            if (sent !== undefined && message === undefined) return undefined
            return {
              consumerGroup: this.groups[0]!,
              clientId,
              msgId: message?.offsetId ?? "00",
              brokerName,
              ...(message === undefined ? {} : { topic: message.topic })
            }
          }
        )],
      [1, () =>
        void this.broker(RequestCode.INVOKE_BROKER_TO_GET_CONSUMER_STATUS, {
          topic: this.topic().name,
          group: this.group(),
          ...(random.chance(30) ? { clientAddr: clientId } : {})
        })]
    ])()
  }

  private pickSent(): SentStep | undefined {
    return this.sends.length === 0 ? undefined : this.random.pick(this.sends)
  }

  private sendBack(): void {
    const { random } = this
    const sent = this.pickSent()
    if (sent === undefined) return this.send()
    const group = this.group()
    const level = random.pick(["0", "0", "5", "10", "-1", "100"])
    const fields = { unitMode: "false", ...(random.chance(60) ? { maxReconsumeTimes: random.pick(["16", "0"]) } : {}) }
    const isWrong = random.chance(5)
    this.broker(
      RequestCode.CONSUMER_SEND_MSG_BACK,
      (session) => {
        const message = session.sent.get(sent.id)
        return message === undefined ? undefined : {
          offset: String(message.position + (isWrong ? 1 : 0)),
          group,
          delayLevel: level,
          originMsgId: message.offsetId,
          originTopic: message.topic,
          ...fields
        }
      },
      { fills: [[`%DLQ%${group}`, 0]] }
    )
  }

  // ---- POP ----

  private popFields(more: Fields = {}): Fields {
    const { random } = this
    const topic = this.topic()
    const isOrdered = random.chance(15)
    const [type, expression] = random.pick(expressions.slice(0, 4))
    return {
      consumerGroup: isOrdered ? this.groups[1]! : this.groups[0]!,
      topic: random.chance(97) ? topic.name : `${this.prefix}-none`,
      queueId: random.chance(70) ? this.queueId(topic) : "-1",
      maxMsgNums: random.chance(95) ? random.pick(["1", "2", "32"]) : "33",
      invisibleTime: "3600000",
      pollTime: "0",
      bornTime: "0",
      initMode: random.pick(["0", "0", "1"]),
      expType: type,
      exp: expression,
      order: String(isOrdered),
      ...(isOrdered && random.chance(50) ? { attemptId: `attempt-${random.below(2)}` } : {}),
      ...more
    }
  }

  private popStep(fields: Fields): void {
    // Where it begins, and so what it gets when that is not all, is chance.
    const all = fields["queueId"] === "-1" ? { ...fields, maxMsgNums: "32" } : fields
    let step = -1
    step = this.broker(RequestCode.POP_MESSAGE, all, {
      note: (session, _request, answer) => session.notePopped(step, fields, answer)
    })
    this.pops.push(step)
  }

  private pop(): void {
    this.popStep(this.popFields())
  }

  private popThatWaits(): void {
    const { random } = this
    if (random.chance(50)) {
      this.popStep(this.popFields({ pollTime: String(50 + random.below(150)), exp: "*", expType: "TAG" }))
    } else {
      const consumerGroup = this.group()
      const topic = this.topic()
      const queueId = random.pick([-1, 0])
      this.broker(RequestCode.NOTIFICATION, {
        consumerGroup,
        topic: topic.name,
        queueId: String(queueId),
        pollTime: String(random.pick([0, 60])),
        bornTime: "0",
        order: "false"
      }, {
        // A broker begins with a queue by chance and stops at the first with a message; those that it looked at exist
        // from then on. So that all of them do:
        note: async (session) => {
          if (queueId >= 0) return
          for (let id = 0; id < topic.queues; id++) await session.minOffset(topic.name, id)
        }
      })
    }
  }

  private withPopped(
    use: (popped: Popped, session: Session) => Fields | undefined
  ): (session: Session) => Fields | undefined {
    const step = this.pops[this.random.below(this.pops.length)]
    const at = this.random.below(8)
    return (session) => {
      const popped = step === undefined ? undefined : session.popped.get(step)
      return popped === undefined || popped.length === 0 ? undefined : use(popped[at % popped.length]!, session)
    }
  }

  private ack(): void {
    if (this.pops.length === 0) return this.pop()
    if (this.random.chance(25)) {
      const fields = this.withPopped(({ checkpoint, group, topic }) => {
        const [so, pt, it, rq, r, , q, offset] = checkpoint.split(" ")
        const bit = Number(offset) - Number(so)
        const bits = Buffer.alloc((bit >> 3) + 1)
        bits[bit >> 3] = 1 << (bit & 7)
        return {
          body: JSON.stringify({
            brokerName,
            acks: [{
              c: group,
              t: topic,
              r,
              so: Number(so),
              q: Number(q),
              rq: Number(rq),
              pt: Number(pt),
              it: Number(it),
              b: bits.toString("base64")
            }]
          })
        }
      })
      this.broker(RequestCode.BATCH_ACK_MESSAGE, {}, { body: (session) => fields(session)?.["body"] })
      return
    }
    const shift = this.random.chance(5) ? 1_000 : 0
    this.broker(
      RequestCode.ACK_MESSAGE,
      this.withPopped(({ checkpoint, group, offset, queueId, topic }) => ({
        consumerGroup: group,
        topic,
        queueId: String(queueId),
        extraInfo: checkpoint,
        offset: String(offset + shift)
      }))
    )
  }

  private changeInvisible(): void {
    if (this.pops.length === 0) return this.pop()
    this.broker(
      RequestCode.CHANGE_MESSAGE_INVISIBLETIME,
      this.withPopped(({ checkpoint, group, offset, queueId, topic }) => ({
        consumerGroup: group,
        topic,
        queueId: String(queueId),
        extraInfo: checkpoint,
        offset: String(offset),
        invisibleTime: "7200000"
      }))
    )
  }

  private peek(): void {
    const topic = this.topic()
    this.random.weighted<() => void>([
      [2, () =>
        void this.broker(RequestCode.PEEK_MESSAGE, {
          consumerGroup: this.group(),
          topic: this.random.chance(95) ? topic.name : `${this.prefix}-none`,
          queueId: this.random.chance(80) ? this.queueId(topic) : "-1",
          maxMsgNums: "32"
        })],
      [1, () =>
        void this.broker(RequestCode.POLLING_INFO, {
          consumerGroup: this.group(),
          topic: topic.name,
          queueId: this.queueId(topic)
        }, read)]
    ])()
  }

  // ---- queries ----

  private query(): void {
    const { random } = this
    const sent = this.pickSent()
    if (sent === undefined) return this.send()
    const isUnique = random.chance(40)
    random.weighted<() => void>([
      [3, () =>
        void this.broker(RequestCode.QUERY_MESSAGE, {
          topic: random.chance(90) ? sent.topic : this.topic().name,
          key: isUnique ? sent.uniqKey : random.chance(90) ? sent.key : "no key",
          maxNum: String(random.pick([1, 2, 32, 1_000])),
          beginTimestamp: random.pick(["0", "0", "4000000000000"]),
          endTimestamp: random.pick(["9223372036854775807", "4000000000000", "1"]),
          _UNIQUE_KEY_QUERY: String(isUnique)
        }, read)],
      [2, () =>
        void this.broker(
          RequestCode.VIEW_MESSAGE_BY_ID,
          (session) => {
            const message = session.sent.get(sent.id)
            return message === undefined ? undefined : { topic: sent.topic, offset: String(message.position) }
          },
          read
        )],
      [1, () => void this.broker(RequestCode.VIEW_MESSAGE_BY_ID, { offset: "9000000000000" }, read)],
      [2, () =>
        void this.broker(RequestCode.QUERY_CONSUME_QUEUE, {
          topic: random.chance(95) ? sent.topic : `${this.prefix}-none`,
          queueId: String(random.below(3)),
          index: String(random.below(3)),
          count: String(random.pick([1, 5, 100])),
          ...(random.chance(50) ? { consumerGroup: this.group() } : {})
        }, read)]
    ])()
  }

  private statistics(): void {
    const { random } = this
    const topic = this.anyTopic()
    const group = this.group()
    random.weighted<() => void>([
      [2, () => void this.broker(RequestCode.GET_TOPIC_STATS_INFO, { topic }, read)],
      [3, () =>
        void this.broker(RequestCode.GET_CONSUME_STATS, {
          consumerGroup: group,
          ...(random.chance(60) ? { topic } : {})
        }, read)],
      [
        1,
        () => void this.broker(RequestCode.GET_BROKER_CONSUME_STATS, { isOrder: random.pick(["true", "false"]) }, read)
      ],
      [1, () => void this.broker(RequestCode.QUERY_CONSUME_TIME_SPAN, { topic, group }, read)],
      [1, () => void this.broker(RequestCode.QUERY_TOPIC_CONSUME_BY_WHO, { topic }, read)],
      [1, () => void this.broker(RequestCode.QUERY_TOPICS_BY_CONSUMER, { group }, read)],
      [
        1,
        () =>
          void this.broker(RequestCode.QUERY_SUBSCRIPTION_BY_CONSUMER, {
            group,
            ...(random.chance(80) ? { topic } : {})
          }, read)
      ],
      [1, () =>
        void this.broker(RequestCode.VIEW_BROKER_STATS_DATA, {
          statsName: random.pick(["TOPIC_PUT_NUMS", "TOPIC_PUT_SIZE", "GROUP_GET_NUMS", "NO_SUCH"]),
          statsKey: random.pick([topic, `${topic}@${group}`])
        }, read)]
    ])()
  }

  private assignment(): void {
    const { random } = this
    const topic = this.anyTopic()
    const consumerGroup = this.group()
    random.weighted<() => void>([
      [3, () =>
        void this.broker(RequestCode.QUERY_ASSIGNMENT, {}, {
          body: JSON.stringify({
            topic,
            consumerGroup,
            clientId: this.clientId(random.below(clientCount)),
            strategyName: random.pick(["AVG", "AVG_BY_CIRCLE", "NONE"]),
            messageModel: random.chance(90) ? "CLUSTERING" : "BROADCASTING"
          }),
          repeatable: true
        })],
      [2, () =>
        void this.broker(RequestCode.SET_MESSAGE_REQUEST_MODE, {}, {
          body: JSON.stringify({
            topic: random.chance(90) ? topic : `%RETRY%${consumerGroup}`,
            consumerGroup,
            mode: random.pick(["POP", "PULL"]),
            popShareQueueNum: random.pick([0, -1, 1])
          })
        })],
      [1, () => void this.broker(RequestCode.GET_ALL_MESSAGE_REQUEST_MODE, {}, read)]
    ])()
  }

  private recall(): void {
    const { random } = this
    const timed = this.timed.at(-1 - random.below(3)) ?? this.timed.at(-1)
    if (timed === undefined) return this.sendDelayed()
    const odd = random.chance(30) ? random.pick(["", "garbage", "djEgYSBiIDEgYw=="]) : undefined
    const topic = random.chance(90) ? timed.topic : this.anyTopic()
    this.broker(RequestCode.RECALL_MESSAGE, (session) => {
      const handle = odd ?? session.sent.get(timed.id)?.recallHandle
      return handle === undefined ? undefined : { producerGroup: this.producerGroups[0]!, topic, recallHandle: handle }
    })
  }

  private brokerAdmin(): void {
    const code = this.random.pick([
      RequestCode.GET_BROKER_CONFIG,
      RequestCode.GET_BROKER_RUNTIME_INFO,
      RequestCode.CLEAN_EXPIRED_CONSUMEQUEUE,
      RequestCode.DELETE_EXPIRED_COMMITLOG,
      RequestCode.CLEAN_UNUSED_TOPIC,
      // Nobody serves that.
      12_345
    ])
    this.broker(code, {})
  }

  // ---- name server ----

  private routes(): void {
    const { random } = this
    random.weighted<() => void>([
      [5, () =>
        void this.nameServer(RequestCode.GET_ROUTEINFO_BY_TOPIC, {
          topic: this.anyTopic(),
          ...(random.chance(60) ? { acceptStandardJsonOnly: random.pick(["true", "false"]) } : {})
        }, { ...read, version: random.pick([475, 399]) })],
      [1, () => void this.nameServer(RequestCode.GET_ALL_TOPIC_LIST_FROM_NAMESERVER, {}, read)],
      [1, () => void this.nameServer(RequestCode.GET_TOPICS_BY_CLUSTER, { cluster: clusterName }, read)],
      [1, () => void this.nameServer(RequestCode.GET_UNIT_TOPIC_LIST, {}, read)],
      [1, () => void this.nameServer(RequestCode.GET_HAS_UNIT_SUB_TOPIC_LIST, {}, read)],
      [1, () => void this.nameServer(RequestCode.GET_HAS_UNIT_SUB_UNUNIT_TOPIC_LIST, {}, read)],
      [1, () => void this.nameServer(RequestCode.GET_BROKER_MEMBER_GROUP, { clusterName, brokerName }, read)],
      [1, () => void this.nameServer(RequestCode.DELETE_TOPIC_IN_NAMESRV, { topic: `${this.prefix}-told` })],
      [1, () =>
        void this.nameServer(RequestCode.REGISTER_TOPIC_IN_NAMESRV, { topic: `${this.prefix}-told` }, {
          body: JSON.stringify({
            queueDatas: [{ brokerName, readQueueNums: 2, writeQueueNums: 3, perm: 6, topicSysFlag: 0 }],
            brokerDatas: []
          })
        })],
      [1, () => void this.nameServer(RequestCode.GET_ROUTEINFO_BY_TOPIC, { topic: `${this.prefix}-told` }, read)],
      [1, () => void this.nameServer(RequestCode.GET_NAMESRV_CONFIG, {}, read)],
      [1, () => void this.nameServer(12_345, {})]
    ])()
  }

  private pairs(): void {
    const { random } = this
    const namespace = random.pick([this.prefix, `${this.prefix}-two`])
    const key = `${this.prefix}-key-${random.below(2)}`
    random.weighted<() => void>([
      [2, () => void this.nameServer(RequestCode.PUT_KV_CONFIG, { namespace, key, value: String(random.below(10)) })],
      [2, () => void this.nameServer(RequestCode.GET_KV_CONFIG, { namespace, key }, read)],
      [1, () => void this.nameServer(RequestCode.DELETE_KV_CONFIG, { namespace, key })],
      [1, () => void this.nameServer(RequestCode.GET_KVLIST_BY_NAMESPACE, { namespace }, read)]
    ])()
  }

  /** A broker of this sequence's own, which the name server hears of. */
  private fakeBroker(): void {
    const { random } = this
    const id = random.pick(["0", "0", "1"])
    const own = {
      brokerName: `${this.prefix}-broker`,
      brokerAddr: `127.0.0.1:${id}`,
      clusterName: `${this.prefix}-cluster`,
      brokerId: id
    }
    const dataVersion = { counter: random.below(3), stateVersion: 0, timestamp: 1 }
    const topics = ["-a", "-b", "-c"].filter(() => random.chance(70)).map((end) => `${this.prefix}${end}`)
    random.weighted<() => void>([
      [3, () =>
        void this.nameServer(RequestCode.REGISTER_BROKER, {
          ...own,
          haServerAddr: "127.0.0.1:2",
          ...(random.chance(30) ? { enableActingMaster: random.pick(["true", "false"]) } : {}),
          ...(random.chance(10) ? { bodyCrc32: "1" } : {})
        }, {
          body: JSON.stringify({
            filterServerList: [],
            topicConfigSerializeWrapper: {
              dataVersion,
              mappingDataVersion: dataVersion,
              topicConfigTable: Object.fromEntries(topics.map((topicName) => [topicName, {
                topicName,
                readQueueNums: 1 + random.below(3),
                writeQueueNums: 1 + random.below(3),
                perm: 6,
                order: false,
                topicFilterType: "SINGLE_TAG",
                topicSysFlag: random.below(4)
              }]))
            }
          })
        })],
      [1, () => void this.nameServer(RequestCode.UNREGISTER_BROKER, own)],
      [1, () => void this.nameServer(RequestCode.BROKER_HEARTBEAT, own)],
      [1, () => void this.nameServer(RequestCode.QUERY_DATA_VERSION, own, { body: JSON.stringify(dataVersion) })],
      [1, () => void this.nameServer(RequestCode.WIPE_WRITE_PERM_OF_BROKER, { brokerName: own.brokerName })],
      [1, () => void this.nameServer(RequestCode.ADD_WRITE_PERM_OF_BROKER, { brokerName: own.brokerName })],
      [2, () => void this.nameServer(RequestCode.GET_ROUTEINFO_BY_TOPIC, { topic: `${this.prefix}-a` }, read)],
      [1, () =>
        void this.nameServer(RequestCode.GET_BROKER_MEMBER_GROUP, {
          clusterName: own.clusterName,
          brokerName: own.brokerName
        }, read)],
      [1, () => void this.nameServer(RequestCode.GET_TOPICS_BY_CLUSTER, { cluster: own.clusterName }, read)],
      [1, () => void this.nameServer(RequestCode.GET_BROKER_CLUSTER_INFO, {}, read)]
    ])()
  }
}

export type { Answer, Sent }
