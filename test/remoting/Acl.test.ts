import { assert, describe, it } from "@effect/vitest"
import * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import * as Tracer from "effect/Tracer"
import { createHmac } from "node:crypto"
import { inspect } from "node:util"
import { RequestCode } from "../../src/protocol/RequestCode.ts"
import type { Credentials } from "../../src/remoting/Credentials.ts"
import { config, sign } from "../../src/remoting/Credentials.ts"
import * as MemoryTransport from "../../src/remoting/MemoryTransport.ts"
import { type Received, scripted } from "./peers.ts"
import { balanced, client, echoCode, network, pass, readCode, recordEvents, settle, start } from "./support.ts"

const alice: Credentials = { accessKey: "ak", secretKey: Redacted.make("sk") }

const answering = (port: number) => scripted(port, { command: ({ command, peer }) => peer.answer(command) })

/** What a server computes over what it received: all values but the signature's, by key, then the body. */
const expected = ({ command }: Received, secret: string) => {
  const hmac = createHmac("sha1", secret)
  for (const key of Object.keys(command.extFields).sort()) {
    if (key !== "Signature") hmac.update(command.extFields[key])
  }
  return hmac.update(command.body ?? Buffer.alloc(0)).digest("base64")
}

describe("a signature", () => {
  // printf '%s' 'ak1thello' | openssl dgst -sha1 -hmac sk -binary | base64
  it("is the HMAC-SHA1 of the values in the order of their keys, and the body", () => {
    const request = { code: echoCode, extFields: { topic: "t", queueId: "1" }, body: Buffer.from("hello") }
    assert.deepStrictEqual({ ...sign(request, alice).extFields }, {
      topic: "t",
      queueId: "1",
      AccessKey: "ak",
      Signature: "XkWwkitI7aGSQGkAikZJHcRmYsc="
    })
    assert.deepStrictEqual(request.extFields, { topic: "t", queueId: "1" })
  })

  // printf '%s' 'ak2tok1thello' | openssl dgst -sha1 -hmac sk2 -binary | base64
  it("covers the security token of a temporary credential", () => {
    const signed = sign(
      { code: echoCode, extFields: { topic: "t", queueId: "1" }, body: Buffer.from("hello") },
      { accessKey: "ak2", secretKey: Redacted.make("sk2"), securityToken: Redacted.make("tok") }
    )
    assert.strictEqual(signed.extFields?.SecurityToken, "tok")
    assert.strictEqual(signed.extFields?.Signature, "5ZEAoEaZcvt7oBGMOczkohN4ZJc=")
  })

  // printf '%s' 'ak€ü主题hello' | openssl dgst -sha1 -hmac sk -binary | base64
  it("is of UTF-8", () => {
    const signed = sign(
      { code: echoCode, extFields: { b: "ü", c: "主题", a: "€" }, body: Buffer.from("hello") },
      alice
    )
    assert.strictEqual(signed.extFields?.Signature, "BWrZq5/VuRk8qCJBa0fa6AbRwkk=")
  })
})

describe("a client with credentials", () => {
  it.effect("signs every request: two-way, oneway, registrations", () =>
    Effect.gen(function*() {
      const server = yield* answering(1)
      const c = yield* client({ credentials: alice })
      yield* c.onValidate((channel) => channel.invoke({ code: RequestCode.HEART_BEAT, body: Buffer.from("{}") }))
      yield* c.invoke(server.address, { code: echoCode, extFields: { topic: "t" }, body: Buffer.from("b") })
      yield* c.invokeOneway(server.address, { code: echoCode })
      yield* settle
      assert.strictEqual(server.received.length, 3)
      for (const received of server.received) {
        assert.strictEqual(received.command.extFields.AccessKey, "ak")
        assert.strictEqual(received.command.extFields.Signature, expected(received, "sk"))
      }
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("signs last: what a hook adds is covered", () =>
    Effect.gen(function*() {
      const server = yield* answering(1)
      const c = yield* client({
        credentials: alice,
        hooks: [{ before: (_, request) => ({ ...request, extFields: { ...request.extFields, added: "late" } }) }]
      })
      yield* c.invoke(server.address, { code: echoCode, extFields: { topic: "t" } })
      const [received] = server.received
      assert.strictEqual(received.command.extFields.added, "late")
      assert.strictEqual(received.command.extFields.Signature, expected(received, "sk"))
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("asks for them anew for each connection, and signs a replay anew with what it got", () =>
    Effect.gen(function*() {
      const net = yield* network
      const first = yield* scripted(1, { command: ({ command, peer }) => peer.goAway(command) })
      const second = yield* answering(2)
      let dials = 0
      net.balance(balanced, [first.address, second.address], ([one, two]) => dials++ === 0 ? one : two)
      let asked = 0
      const c = yield* client({
        credentials: Effect.sync(() => ({
          accessKey: `ak${++asked}`,
          secretKey: Redacted.make(`sk${asked}`)
        })),
        hooks: [{
          before: (_, request) => ({ ...request, extFields: { ...request.extFields, attempt: String(asked) } })
        }]
      })
      const fiber = yield* start(c.invoke(balanced, { code: echoCode, extFields: { topic: "t" } }))
      yield* pass(10)
      yield* Fiber.join(fiber)
      yield* c.invoke(balanced, { code: echoCode })
      assert.strictEqual(asked, 2)
      const [one] = first.received
      const [two, three] = second.received
      assert.deepStrictEqual([one, two, three].map(({ command }) => command.extFields.AccessKey), ["ak1", "ak2", "ak2"])
      assert.strictEqual(one.command.extFields.Signature, expected(one, "sk1"))
      assert.strictEqual(two.command.extFields.Signature, expected(two, "sk2"))
      assert.strictEqual(two.command.extFields.attempt, "2")
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("fails with CredentialsFailed, NotSent, when there are none by the deadline, and dials on", () =>
    Effect.gen(function*() {
      const server = yield* answering(1)
      let fails = true
      const c = yield* client({
        credentials: Effect.suspend(() => fails ? Effect.fail(new Error("the vault is sealed")) : Effect.succeed(alice))
      })
      const fiber = yield* start(Effect.flip(c.invoke(server.address, { code: echoCode }, { timeout: 500 })))
      yield* pass(500)
      const error = yield* Fiber.join(fiber)
      assert.deepStrictEqual([error.reason._tag, error.outcome], ["CredentialsFailed", "NotSent"])
      assert.include(error.message, "the vault is sealed")
      assert.isTrue(server.peers.every((peer) => peer.closed && peer.received.length === 0))
      fails = false
      const again = yield* start(c.invoke(server.address, { code: echoCode }))
      yield* pass("1 second")
      yield* Fiber.join(again)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("survives credentials that die", () =>
    Effect.gen(function*() {
      const server = yield* answering(1)
      const c = yield* client({ credentials: Effect.die(new Error("broken vault")) })
      const error = yield* Effect.flip(c.invoke(server.address, { code: echoCode }, { failFast: true }))
      assert.deepStrictEqual([error.reason._tag, error.outcome], ["CredentialsFailed", "NotSent"])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("warns once that requests are signed but not encrypted", () => {
    const lines: Array<string> = []
    return Effect.gen(function*() {
      const [one, two] = [yield* answering(1), yield* answering(2)]
      const c = yield* client({ credentials: alice })
      yield* c.invoke(one.address, { code: echoCode })
      yield* c.invoke(two.address, { code: echoCode })
      const warnings = lines.filter((line) => line.includes("TLS"))
      assert.strictEqual(warnings.length, 1)
    }).pipe(
      Effect.provide(Logger.layer([Logger.make(({ message }) => void lines.push(String(message)))])),
      Effect.provide(MemoryTransport.layer)
    )
  })

  it.effect("may read them from the configuration", () =>
    Effect.gen(function*() {
      const provider = ConfigProvider.fromUnknown({
        ROCKETMQ: { ACCESS_KEY: "ak", SECRET_KEY: "sk", SECURITY_TOKEN: "token" }
      })
      const read = yield* config.parse(provider)
      assert.strictEqual(read.accessKey, "ak")
      assert.strictEqual(Redacted.value(read.secretKey), "sk")
      assert.strictEqual(Redacted.value(read.securityToken!), "token")
      const none = yield* Config.option(config).parse(ConfigProvider.fromUnknown({}))
      assert.strictEqual(none._tag, "None")
    }))
})

describe("secrets", () => {
  it.effect("are in no error, event, log line, span, metric or print-out", () => {
    const canary = "canary-4711"
    const heard: Array<unknown> = []
    let spans = 0
    let lines = 0
    const span = (options: Parameters<Tracer.Tracer["span"]>[0]) => {
      const native = Tracer.nativeTracer.span(options)
      heard.push(native)
      spans++
      return native
    }
    return Effect.gen(function*() {
      const net = yield* network
      const server = yield* scripted(1, {
        command: ({ command, peer }) => {
          if (command.code === echoCode) peer.answer(command)
          if (command.code === 1) peer.goAway(command)
          if (command.code === 2) peer.send(Buffer.alloc(8))
        }
      })
      const c = yield* client({
        credentials: {
          accessKey: "ak",
          secretKey: Redacted.make(canary),
          securityToken: Redacted.make(`${canary}-token`)
        },
        hooks: [{
          before: (_, request) => {
            if (request.code === 3) throw new Error("bad hook")
            return request
          }
        }]
      })
      const events = yield* recordEvents(c)
      const request = (code: number) => ({ code, extFields: { password: canary }, body: Buffer.from(canary) })
      const errors: Array<unknown> = []
      for (const [code, timeout] of [[1, 50], [4, 50], [2, 500], [3, 500]] as const) {
        const fiber = yield* start(Effect.flip(c.invoke(server.address, request(code), { timeout })))
        yield* pass(500)
        errors.push(yield* Fiber.join(fiber))
      }
      net.fault(server.address, "refuse")
      net.reset(server.address)
      const refused = yield* start(Effect.flip(c.invoke(server.address, request(readCode), { timeout: 500 })))
      yield* pass(500)
      errors.push(yield* Fiber.join(refused))
      yield* Effect.logError("all of it", ...errors)
      const exit = yield* Effect.exit(Effect.fail(errors[0]))
      heard.push(errors, events, yield* c.links, yield* c.stats, c, exit, Exit.isFailure(exit) && exit.cause)
      assert.strictEqual(errors.length, 5)
      assert.strictEqual(spans, 5)
      assert.isAtLeast(lines, 2)
      for (const one of heard.flat()) {
        for (
          const print of [
            inspect(one, { depth: 12, showHidden: true, maxStringLength: Infinity }),
            String(one),
            JSON.stringify(one, (_, value: unknown) => typeof value === "bigint" ? String(value) : value) ?? ""
          ]
        ) {
          assert.isFalse(print.includes(canary), print)
          assert.isFalse(print.includes("Signature"), print)
        }
      }
    }).pipe(
      Effect.withTracer(Tracer.make({ span })),
      Effect.provide(Logger.layer([Logger.make((line) => {
        heard.push(Logger.formatStructured.log(line))
        lines++
      })])),
      Effect.provide(MemoryTransport.layer)
    )
  })

  it.effect("are not in what the events stream says of credentials that failed", () =>
    Effect.gen(function*() {
      const server = yield* answering(1)
      const c = yield* client({ credentials: Effect.fail(new Error("no credentials today")) })
      const first = yield* start(Stream.runHead(c.events))
      yield* start(Effect.exit(c.invoke(server.address, { code: echoCode }, { failFast: true })))
      const event = yield* Fiber.join(first)
      assert(event._tag === "Some")
      assert.strictEqual(event.value.type, "Exception")
      assert.include(event.value.reason, "no credentials today")
    }).pipe(Effect.provide(MemoryTransport.layer)))
})
