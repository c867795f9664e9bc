/** Sends bad input to both sides and compares the answers. */
import { setTimeout as delay } from "node:timers/promises"
import * as MessageId from "../../src/protocol/message/MessageId.ts"
import { RequestCode } from "../../src/protocol/RequestCode.ts"
import { badRequests } from "./BadInput.ts"
import type { Example, Names } from "./Catalogue.ts"
import { catalogue, heartbeatBody } from "./Catalogue.ts"
import type { Difference, Options } from "./Outcome.ts"
import { differences, outcomeOf } from "./Outcome.ts"
import type { Addresses, Sides } from "./Sides.ts"
import { brokerName, clusterName } from "./Sides.ts"
import type { Answer, Request, Silence } from "./Wire.ts"
import { Wire } from "./Wire.ts"

export interface Finding extends Difference {
  readonly code: number
  /** What was wrong with the request. */
  readonly name: string
}

export interface BadInputOptions extends Sides<Addresses> {
  /** What all names begin with. */
  readonly run: string
  /** Only these codes. Default: all. */
  readonly codes?: ReadonlyArray<number> | undefined
}

/** A pull or pop that waits is as good as one that is never answered. */
const patience = 400
/** Where the other has answered. */
const secondPatience = 15_000

/** Both answers; none where neither comes soon. */
const both = async (
  ours: Promise<Answer | Silence>,
  theirs: Promise<Answer | Silence>
): Promise<readonly [Answer | Silence, Answer | Silence]> => {
  const soon = delay(patience)
  await Promise.race([ours, theirs, soon])
  const any = await Promise.race([ours, theirs, Promise.resolve(undefined)])
  return any === undefined ? ["no answer", "no answer"] : Promise.all([ours, theirs])
}

/** Sends to queues that others use too. */
const sharedQueues: ReadonlySet<number> = new Set([
  RequestCode.SEND_REPLY_MESSAGE,
  RequestCode.SEND_REPLY_MESSAGE_V2
])

const createTopic = (topic: string): Request => ({
  code: RequestCode.UPDATE_AND_CREATE_TOPIC,
  extFields: {
    topic,
    defaultTopic: "TBW102",
    // One alone, for no broker to have a choice.
    readQueueNums: "1",
    writeQueueNums: "1",
    perm: "6",
    topicFilterType: "SINGLE_TAG",
    topicSysFlag: "0",
    order: "false"
  }
})

/** Prepares names for one code on one side: a topic with three messages, a group with a member. */
const prepare = async (wire: Wire, plain: Omit<Names, "position" | "offsetId">): Promise<Names> => {
  await wire.ask(createTopic(plain.topic))
  await wire.ask({
    code: RequestCode.HEART_BEAT,
    extFields: {},
    body: heartbeatBody({ ...plain, position: 0, offsetId: "" })
  })
  const send = catalogue.find(({ code }) => code === RequestCode.SEND_MESSAGE_V2)!
  const names = { ...plain, position: 0, offsetId: "" }
  let offsetId = ""
  for (let i = 0; i < 3; i++) {
    const sent = await wire.ask({ code: send.code, extFields: send.fields(names), body: `body ${i}` })
    if (typeof sent === "string" || sent.code !== 0) throw new Error(`no send: ${JSON.stringify(sent)}`)
    offsetId = sent.extFields.msgId!
  }
  // What is stored shows in its queue a moment later.
  for (let attempt = 0; attempt < 200; attempt++) {
    const max = await wire.ask({ code: RequestCode.GET_MAX_OFFSET, extFields: { topic: plain.topic, queueId: "0" } })
    if (typeof max !== "string" && max.extFields.offset === "3") break
  }
  return { ...plain, offsetId, position: MessageId.parseOffsetId(offsetId)!.offset }
}

const runCode = async (
  example: Example,
  options: BadInputOptions,
  found: Array<Finding>
): Promise<number> => {
  const prefix = `${options.run}-${example.code}`
  const plain = {
    topic: `${prefix}-topic`,
    group: `${prefix}-group`,
    producerGroup: `${prefix}-producers`,
    clientId: `${prefix}-client`,
    brokerName,
    cluster: clusterName,
    uniqKey: `AC11${prefix}`.padEnd(32, "0")
  }
  const open = async ({ broker, nameServer }: Addresses) => {
    const one = await Wire.open(broker)
    const names = await prepare(one, plain)
    // Brokers of the test are not those that there are.
    const own = example.on === "broker"
      ? names
      : { ...names, brokerName: `${prefix}-broker`, cluster: `${prefix}-cluster` }
    return {
      broker: one,
      wire: example.on === "broker" ? one : await Wire.open(nameServer),
      names: own,
      address: { broker, nameServer }
    }
  }
  const [embedded, real] = await Promise.all([open(options.embedded), open(options.real)])
  const outcomes: Options = {
    prefix,
    addresses: [options.embedded, options.real].flatMap(({ broker, nameServer }) => [broker, nameServer])
  }
  const cases = [
    {
      name: "nothing, before",
      request: (of: Names) => ({ code: example.code, extFields: example.fields(of), body: example.body?.(of) })
    },
    ...badRequests(example, embedded.names),
    {
      name: "nothing, afterwards",
      request: (of: Names) => ({ code: example.code, extFields: example.fields(of), body: example.body?.(of) })
    }
  ]
  for (const { name, request } of cases) {
    for (const side of [embedded, real]) {
      // A client without a name spoils a connection for those that follow.
      if (example.code === RequestCode.HEART_BEAT) side.wire.close()
      if (!side.wire.isOpen) {
        side.wire = await Wire.open(example.on === "broker" ? side.address.broker : side.address.nameServer)
        if (example.on === "broker") {
          await side.wire.ask({ code: RequestCode.HEART_BEAT, extFields: {}, body: heartbeatBody(side.names) })
        }
      }
    }
    // Asked once: what one has done and the other has not shows for ever.
    const [ours, theirs] = await both(
      embedded.wire.ask(request(embedded.names), secondPatience),
      real.wire.ask(request(real.names), secondPatience)
    )
    const compared = { ...outcomes, shared: sharedQueues.has(example.code) }
    for (
      const difference of differences(
        outcomeOf(example.code, ours, compared),
        outcomeOf(example.code, theirs, compared)
      )
    ) found.push({ ...difference, code: example.code, name })
  }
  for (const side of [embedded, real]) {
    side.wire.close()
    side.broker.close()
  }
  return cases.length
}

export const runBadInput = async (
  options: BadInputOptions
): Promise<{ readonly cases: number; readonly findings: ReadonlyArray<Finding> }> => {
  const findings: Array<Finding> = []
  let cases = 0
  // One after the other: some answers tell of what other requests did.
  for (const example of catalogue) {
    if (options.codes === undefined || options.codes.includes(example.code)) {
      cases += await runCode(example, options, findings)
    }
  }
  return { cases, findings }
}
