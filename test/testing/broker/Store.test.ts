import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Schema from "effect/Schema"
import type { MessageProperties } from "../../../src/protocol/message/MessageProperties.ts"
import * as StoredMessage from "../../../src/protocol/message/StoredMessage.ts"
import * as SysFlag from "../../../src/protocol/message/SysFlag.ts"
import { javaHashCode } from "../../../src/protocol/message/TagsCode.ts"
import { Agenda } from "../../../src/testing/internal/broker/Agenda.ts"
import type { NewMessage, ReadFilter } from "../../../src/testing/internal/broker/BrokerStore.ts"
import { BrokerStore } from "../../../src/testing/internal/broker/BrokerStore.ts"
import { defaults } from "../../../src/testing/internal/broker/Settings.ts"

const integer = (minimum: number, maximum: number) =>
  Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum, maximum })))

const message = (topic: string, body: string, properties: MessageProperties = {}, queueId = 0): NewMessage => ({
  topic,
  queueId,
  flag: 0,
  sysFlag: 0,
  body: Buffer.from(body),
  properties,
  bornTimestamp: 1,
  bornHost: "10.0.0.2:1234",
  storeHost: "10.0.0.1:10911",
  reconsumeTimes: 0,
  preparedTransactionOffset: 0
})

/** A store, and a clock for it. */
const made = () => {
  const clock = { time: 1_000 }
  return { clock, store: new BrokerStore(() => clock.time) }
}

const everything: ReadFilter = { byTagsCode: () => true, byMessage: undefined }

const texts = (messages: ReadonlyArray<Uint8Array>): ReadonlyArray<string> =>
  messages.map((bytes) => {
    const { messages: [decoded] } = StoredMessage.decodeAll(bytes)
    return Buffer.from(decoded!.body).toString()
  })

describe("the log", () => {
  it("holds messages one behind the other, each knowing its place", () => {
    const { store } = made()
    const first = store.put(message("orders", "one", { TAGS: "red" }), defaults)
    const second = store.put(message("orders", "two"), defaults)
    assert.strictEqual(first.physicalOffset, 0)
    assert.strictEqual(second.physicalOffset, first.size)
    assert.strictEqual(store.log.maxOffset, first.size + second.size)
    assert.strictEqual(store.messageAt(second.physicalOffset)?.physicalOffset, second.physicalOffset)
    assert.strictEqual(store.messageAt(second.physicalOffset)?.queueOffset, 1)
    for (const offset of [1, first.size - 1, store.log.maxOffset, -1, 1e15]) {
      assert.isUndefined(store.messageAt(offset), String(offset))
    }
  })

  it("leaves the end of a file blank when a message and 8 bytes do not fit", () => {
    const { store } = made()
    const { size } = store.put(message("orders", "x"), defaults)
    const room = (bytes: number) => {
      const other = made().store
      const settings = { ...defaults, mappedFileSizeCommitLog: bytes }
      return [1, 2, 3].map(() => other.put(message("orders", "x"), settings).physicalOffset)
    }
    assert.deepStrictEqual(room(2 * size + 8), [0, size, 2 * size + 8])
    assert.deepStrictEqual(room(2 * size + 7), [0, 2 * size + 7, 4 * size + 14])
  })

  it.prop(
    "gives back what was stored, wherever files and segments end",
    [Arbitrary.array(integer(0, 40_000)), integer(45_000, 200_000)],
    ([sizes, mappedFileSizeCommitLog]) => {
      const { store } = made()
      const placed = sizes.map((size, index) =>
        store.put(message("orders", String(index).padEnd(size, "."), {}, index % 2), {
          ...defaults,
          mappedFileSizeCommitLog
        })
      )
      placed.forEach(({ physicalOffset, queueId, queueOffset, size }, index) => {
        const body = String(index).padEnd(sizes[index]!, ".")
        assert.strictEqual(Buffer.from(store.messageAt(physicalOffset)!.body).toString(), body)
        assert.strictEqual(Buffer.from(store.messageIn("orders", queueId, queueOffset)!.body).toString(), body)
        // Never across the end of a file.
        const file = Math.floor(physicalOffset / mappedFileSizeCommitLog)
        assert.strictEqual(Math.floor((physicalOffset + size + 7) / mappedFileSizeCommitLog), file)
      })
    }
  )
})

describe("a queue", () => {
  const filled = (count: number) => {
    const { clock, store } = made()
    for (let index = 0; index < count; index++) {
      clock.time = 1_000 + 10 * index
      store.put(message("orders", String(index), index % 2 === 0 ? { TAGS: "even" } : { TAGS: "odd" }), defaults)
    }
    return { clock, store }
  }

  it("is read from an offset, as many messages and bytes as asked for", () => {
    const { store } = filled(10)
    const read = (offset: number, limit: number, bytes = 100_000, filter = everything) =>
      store.read("orders", 0, offset, limit, bytes, filter, defaults)
    const some = read(2, 3)
    assert.deepStrictEqual([some.status, some.nextBeginOffset, some.minOffset, some.maxOffset], ["FOUND", 5, 0, 10])
    assert.deepStrictEqual(texts(some.messages), ["2", "3", "4"])
    assert.deepStrictEqual(some.queueOffsets, [2, 3, 4])
    // The first one comes whatever its size.
    assert.deepStrictEqual(texts(read(2, 3, 1).messages), ["2"])
    const even = { ...everything, byTagsCode: (code: number) => code === javaHashCode("even") }
    assert.deepStrictEqual(texts(read(1, 2, 100_000, even).messages), ["2", "4"])
    assert.strictEqual(read(1, 2, 100_000, even).nextBeginOffset, 5)
    const none = read(0, 32, 100_000, { ...everything, byMessage: () => false })
    assert.deepStrictEqual([none.status, none.nextBeginOffset], ["NO_MATCHED_MESSAGE", 10])
    assert.deepStrictEqual([read(10, 1).status, read(10, 1).nextBeginOffset], ["OFFSET_OVERFLOW_ONE", 10])
    assert.deepStrictEqual([read(11, 1).status, read(11, 1).nextBeginOffset], ["OFFSET_OVERFLOW_BADLY", 10])
    assert.strictEqual(store.read("orders", 1, 0, 1, 100, everything, defaults).status, "NO_MESSAGE_IN_QUEUE")
  })

  it("finds offsets by time", () => {
    const { store } = filled(5)
    const at = (time: number) =>
      (["LOWER", "UPPER"] as const).map((boundary) => store.offsetByTime("orders", 0, time, boundary))
    assert.deepStrictEqual(at(0), [0, 0])
    assert.deepStrictEqual(at(1_000), [0, 0])
    assert.deepStrictEqual(at(1_015), [2, 1])
    assert.deepStrictEqual(at(1_020), [2, 2])
    assert.deepStrictEqual(at(1_040), [4, 4])
    assert.deepStrictEqual(at(1_041), [5, 4])
  })

  it.prop(
    "finds the first and the last of messages of the same time",
    [Arbitrary.array(integer(0, 3)), integer(999, 1_050)],
    ([steps, time]) => {
      const { clock, store } = made()
      const times = steps.map((step, index) => {
        clock.time += step
        store.put(message("orders", String(index)), defaults)
        return clock.time
      })
      const first = times.findIndex((one) => one >= time)
      const last = times.findLastIndex((one) => one <= time)
      assert.strictEqual(store.offsetByTime("orders", 0, time, "LOWER"), first < 0 ? times.length : first)
      assert.strictEqual(store.offsetByTime("orders", 0, time, "UPPER"), Math.max(0, last))
    }
  )

  it("begins later once messages have expired", () => {
    const { clock, store } = filled(10)
    store.put(message("bills", "late", {}, 3), defaults)
    store.expire(1_050)
    const queue = store.findQueue("orders", 0)!
    assert.deepStrictEqual([queue.minOffset, queue.maxOffset], [5, 10])
    assert.strictEqual(store.log.minOffset, queue.position(5))
    const small = store.read("orders", 0, 4, 1, 100, everything, defaults)
    assert.deepStrictEqual([small.status, small.nextBeginOffset], ["OFFSET_TOO_SMALL", 5])
    assert.deepStrictEqual(texts(store.read("orders", 0, 5, 1, 100, everything, defaults).messages), ["5"])
    assert.isUndefined(store.messageAt(0))
    assert.strictEqual(store.storeTimestampIn("orders", 0, 4), -1)
    clock.time = 9_000
    store.expire(9_000)
    assert.deepStrictEqual([queue.minOffset, queue.maxOffset], [10, 10])
    assert.strictEqual(store.put(message("orders", "new"), defaults).queueOffset, 10)
  })
})

describe("keys", () => {
  it("find messages, those of the topic between two times", () => {
    const { clock, store } = made()
    const put = (body: string, properties: MessageProperties, topic = "orders") =>
      store.put(message(topic, body, properties), defaults)
    put("one", { KEYS: "a b", UNIQ_KEY: "u1" })
    clock.time = 9_000
    put("two", { KEYS: "b" })
    put("three", { KEYS: "b" }, "bills")
    const find = (key: string, begin = 0, end = 100_000, limit = 32) =>
      store.find("orders", key, limit, begin, end).map((at) => Buffer.from(store.messageAt(at)!.body).toString())
    assert.deepStrictEqual(find("a"), ["one"])
    assert.deepStrictEqual(find("b"), ["one", "two"])
    assert.deepStrictEqual(find("u1"), ["one"])
    assert.deepStrictEqual(find("c"), [])
    assert.deepStrictEqual(find("b", 5_000), ["two"])
    assert.deepStrictEqual(find("b", 0, 5_000), ["one"])
    // Of too many, those that came last.
    assert.deepStrictEqual(find("b", 0, 100_000, 1), ["two"])
  })

  it("are found among many", () => {
    const { store } = made()
    const places = Array.from(
      { length: 5_000 },
      (_, index) => store.put(message("orders", "", { KEYS: `key-${index}` }), defaults).physicalOffset
    )
    for (let index = 0; index < places.length; index += 97) {
      assert.deepStrictEqual(store.find("orders", `key-${index}`, 32, 0, 10_000), [places[index]])
    }
  })
})

describe("a store", () => {
  it("does not show half messages and rollbacks in queues", () => {
    const { store } = made()
    for (const sysFlag of [SysFlag.transactionPrepared, SysFlag.transactionRollback]) {
      store.put({ ...message("orders", "x"), sysFlag }, defaults)
    }
    assert.strictEqual(store.findQueue("orders", 0)?.maxOffset, 0)
    assert.strictEqual(store.put(message("orders", "y"), defaults).queueOffset, 0)
  })

  it("tells of messages in the order in which they were stored, batches at once", () => {
    const { store } = made()
    const heard: Array<string> = []
    store.listeners.add(({ queueOffset, topic }) =>
      heard.push(`${topic} ${queueOffset} of ${store.findQueue(topic, 0)?.maxOffset}`)
    )
    store.putAll([message("orders", "a"), message("orders", "b")], defaults)
    store.put(message("bills", "c"), defaults)
    assert.deepStrictEqual(heard, ["orders 0 of 2", "orders 1 of 2", "bills 0 of 1"])
  })

  it("takes little more memory than the messages in their stored layout", () => {
    const { store } = made()
    for (let index = 0; index < 20_000; index++) {
      store.put(message("orders", "x".repeat(200), { UNIQ_KEY: index.toString(16).padStart(32, "0") }), defaults)
    }
    assert.isAtLeast(store.log.allocated, store.log.maxOffset)
    assert.isBelow(store.log.allocated - store.log.maxOffset, 4_200_000)
    // Beside the body.
    assert.isBelow(store.log.maxOffset / 20_000 - 200, 150)
  })
})

describe("an agenda", () => {
  it.prop(
    "gives entries by time, those of the same time as they were added",
    [Arbitrary.array(Arbitrary.all({ at: integer(0, 20), cancelled: Arbitrary.schema(Schema.Boolean) }))],
    ([entries]) => {
      const agenda = new Agenda()
      const ran: Array<number> = []
      const cancels = entries.map(({ at }, index) => agenda.add(at, () => ran.push(index)))
      entries.forEach(({ cancelled }, index) => {
        if (cancelled) cancels[index]!()
        if (cancelled) cancels[index]!()
      })
      const expected = entries.flatMap(({ at, cancelled }, index) => cancelled ? [] : [{ at, index }])
        .sort((left, right) => left.at - right.at || left.index - right.index)
      assert.strictEqual(agenda.size, expected.length)
      assert.strictEqual(agenda.earliest(), expected[0]?.at ?? Infinity)
      for (let due = agenda.takeDue(10); due !== undefined; due = agenda.takeDue(10)) due.run()
      assert.deepStrictEqual(ran, expected.filter(({ at }) => at <= 10).map(({ index }) => index))
      for (let due = agenda.takeDue(20); due !== undefined; due = agenda.takeDue(20)) due.run()
      assert.deepStrictEqual(ran, expected.map(({ index }) => index))
      assert.strictEqual(agenda.size, 0)
    }
  )

  it("does not keep all that was taken back", () => {
    const agenda = new Agenda()
    const ran: Array<number> = []
    for (let index = 0; index < 10_000; index++) {
      const cancel = agenda.add(10_000 - index, () => ran.push(index))
      if (index % 100 !== 0) cancel()
    }
    assert.strictEqual(agenda.size, 100)
    for (let due = agenda.takeDue(1e9); due !== undefined; due = agenda.takeDue(1e9)) due.run()
    assert.deepStrictEqual(ran, Array.from({ length: 100 }, (_, index) => 9_900 - 100 * index))
  })

  it("tells when an entry comes before all others", () => {
    const agenda = new Agenda()
    const told: Array<number> = []
    agenda.onEarlier = () => told.push(agenda.earliest())
    for (const at of [10, 20, 5, 5, 1]) agenda.add(at, () => {})
    assert.deepStrictEqual(told, [10, 5, 1])
  })
})
