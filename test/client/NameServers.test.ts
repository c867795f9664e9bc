import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as Random from "effect/Random"
import * as Scope from "effect/Scope"
import { createServer } from "node:http"
import type { IncomingMessage, Server } from "node:http"
import type { AddressInfo } from "node:net"
import { inspect } from "node:util"
import type { ClientError } from "../../src/client/ClientError.ts"
import { brokerError } from "../../src/client/ClientError.ts"
import * as NameServers from "../../src/client/NameServers.ts"
import { RequestCode } from "../../src/protocol/RequestCode.ts"
import { ResponseCode } from "../../src/protocol/ResponseCode.ts"
import * as MemoryTransport from "../../src/remoting/MemoryTransport.ts"
import type { InvokeOptions } from "../../src/remoting/RemotingClient.ts"
import type { RemotingServer } from "../../src/remoting/RemotingServer.ts"
import * as Servers from "../../src/remoting/RemotingServer.ts"
import { client, network, now, pass, settle, start } from "./support.ts"

/** A name server that says who it is, as told. */
const serving = (port: number, answer?: () => Effect.Effect<{ readonly code?: number; readonly remark?: string }>) =>
  Effect.gen(function*() {
    const service: RemotingServer["Service"] = yield* Servers.make({ host: "10.0.0.1", port, metrics: false })
    const asked: Array<number> = []
    yield* service.handleOther((request) =>
      Effect.suspend(() => {
        asked.push(request.code)
        return answer === undefined ? Effect.succeed({}) : answer()
      })
    )
    return { ...service, asked }
  })

/** A client's name servers, and a request that succeeds with the address that answered it. */
const using = (options: NameServers.NameServersOptions, how?: NameServers.UseOptions) =>
  Effect.gen(function*() {
    const connections = yield* client()
    const names = yield* NameServers.make(options)
    const given: Array<InvokeOptions> = []
    const ask = names.use((address, invoke) => {
      given.push(invoke)
      return Effect.flatMap(
        connections.invoke(address, { code: RequestCode.GET_ROUTEINFO_BY_TOPIC }, invoke),
        (response) =>
          response.code === 0
            ? Effect.succeed(address)
            : Effect.fail(brokerError(address, RequestCode.GET_ROUTEINFO_BY_TOPIC, response.code, response.remark))
      )
    }, how)
    return { names, ask, given }
  })

/** A web server that answers what it is told to, and its port. */
const httpServer = (answer: (request: IncomingMessage) => string) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.callback<Server>((resume) => {
        const server = createServer((request, response) => response.end(answer(request)))
        server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
      }),
      (server) => Effect.sync(() => server.close())
    ),
    (server) => (server.address() as AddressInfo).port
  )

const code = (number: number, remark?: string) => () =>
  Effect.succeed(remark === undefined ? { code: number } : { code: number, remark })

describe("a list of name servers", () => {
  it("is separated by semicolons, commas or as an array, each address once", () => {
    assert.deepStrictEqual(NameServers.parseAddresses(" a:1; b:2 ;;a:1,c:3"), ["a:1", "b:2", "c:3"])
    assert.deepStrictEqual(NameServers.parseAddresses(["a:1;b:2", "c:3"]), ["a:1", "b:2", "c:3"])
    assert.deepStrictEqual(NameServers.parseAddresses(""), [])
  })

  it("may name endpoints with a scheme, and of instances, whose name is a namespace", () => {
    const endpoint = "http://MQ_INST_123_abc.example.com:8080"
    assert.deepStrictEqual(NameServers.parseAddresses(endpoint), ["MQ_INST_123_abc.example.com:8080"])
    assert.strictEqual(NameServers.instanceOf(endpoint), "MQ_INST_123_abc")
    assert.strictEqual(NameServers.instanceOf("MQ_INST_1_b.example.com:80"), "MQ_INST_1_b")
    assert.isUndefined(NameServers.instanceOf("http://names.example.com:8080"))
    assert.deepStrictEqual(NameServers.parseAddresses("[::1]:9876"), ["[::1]:9876"])
  })

  it("says nothing of users and passwords", () => {
    assert.deepStrictEqual(NameServers.parseAddresses("http://bob:s3cret@a:1/;bob@b:2"), ["a:1", "b:2"])
  })
})

describe("of several name servers", () => {
  it.effect("one is kept while it serves", () =>
    Effect.gen(function*() {
      const servers = [yield* serving(1), yield* serving(2), yield* serving(3)]
      const { ask } = yield* using({ nameServers: servers.map(({ address }) => address) })
      const first = yield* ask
      for (let index = 0; index < 20; index++) assert.strictEqual(yield* ask, first)
      assert.deepStrictEqual(servers.map(({ asked }) => asked.length).sort(), [0, 0, 21])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("the first is random, so that clients spread", () =>
    Effect.gen(function*() {
      const servers = [yield* serving(1), yield* serving(2), yield* serving(3)]
      const nameServers = servers.map(({ address }) => address)
      for (let index = 0; index < 30; index++) {
        const { ask } = yield* using({ nameServers })
        yield* ask
      }
      for (const { asked } of servers) assert.isAtLeast(asked.length, 2)
    }).pipe(Effect.provide(MemoryTransport.layer), Random.withSeed("clients")))

  it.effect("the next is taken when one refuses connections, and kept", () =>
    Effect.gen(function*() {
      const net = yield* network
      const one = yield* serving(1)
      const two = yield* serving(2)
      const { ask } = yield* using({ nameServers: [one.address, two.address] })
      const first = yield* ask
      const other = first === one.address ? two.address : one.address
      net.fault(first, "refuse")
      net.reset(first)
      assert.strictEqual(yield* ask, other)
      const dials = net.dials(first)
      for (let index = 0; index < 10; index++) assert.strictEqual(yield* ask, other)
      assert.strictEqual(net.dials(first), dials)
      net.fault(first, undefined)
      yield* pass("1 minute")
      assert.strictEqual(yield* ask, other)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("the next is taken at once when one answers GO_AWAY", () =>
    Effect.gen(function*() {
      const one = yield* serving(1, code(ResponseCode.GO_AWAY))
      const two = yield* serving(2)
      const { ask } = yield* using({ nameServers: [one.address, two.address] })
      assert.strictEqual(yield* ask, two.address)
      assert.strictEqual(yield* ask, two.address)
      assert.strictEqual(yield* now, 0)
      assert.isAtMost(one.asked.length, 1)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("the next is taken when one is not ready", () =>
    Effect.gen(function*() {
      const one = yield* serving(1, code(ResponseCode.SYSTEM_ERROR, "name server not ready"))
      const two = yield* serving(2)
      const { ask } = yield* using({ nameServers: [one.address, two.address] })
      assert.strictEqual(yield* ask, two.address)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("the next is taken within the caller's time when one does not answer: each has its share", () =>
    Effect.gen(function*() {
      const silent = yield* serving(1, () => Effect.never)
      const good = yield* serving(2)
      const { ask, given } = yield* using({ nameServers: [silent.address, good.address] })
      for (let index = 0; index < 2; index++) {
        const fiber = yield* start(ask)
        yield* pass("1500 millis")
        assert.strictEqual(yield* Fiber.join(fiber), good.address)
      }
      assert.isAtMost(silent.asked.length, 1)
      for (const { timeout } of given) assert.isAtMost(Duration.toMillis(timeout!), 1_500)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("one that failed is left alone for 30 seconds, and takes its turn again", () =>
    Effect.gen(function*() {
      let failing = 1
      const busy = (port: number) =>
        serving(port, () => Effect.succeed(failing === port ? { code: ResponseCode.SYSTEM_BUSY } : {}))
      const one = yield* busy(1)
      const two = yield* busy(2)
      const { ask } = yield* using({ nameServers: [one.address, two.address] })
      assert.strictEqual(yield* ask, two.address)
      failing = 2
      yield* pass("29 seconds")
      assert.strictEqual(yield* ask, one.address)
      failing = 0
      assert.strictEqual(yield* ask, one.address)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("one that failed comes after those that only know nothing, for 30 seconds", () =>
    Effect.gen(function*() {
      const unknown = code(ResponseCode.TOPIC_NOT_EXIST)
      const answers = [unknown, unknown]
      const one = yield* serving(1, () => answers[0]())
      const two = yield* serving(2, () => answers[1]())
      const { ask } = yield* using({ nameServers: [one.address, two.address] }, { elsewhere: () => true })
      const order = Effect.map(Effect.flip(ask), ({ reason }) => {
        assert(reason._tag === "NameServersFailed")
        return reason.attempts.map(({ address }) => address)
      })
      const usual = yield* order
      answers[usual[0] === one.address ? 0 : 1] = code(ResponseCode.SYSTEM_BUSY)
      assert.deepStrictEqual(yield* order, usual)
      assert.deepStrictEqual(yield* order, [usual[1], usual[0]])
      yield* pass("30 seconds")
      assert.deepStrictEqual(yield* order, usual)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("one that serves has nearly all the time while others are known to be down", () =>
    Effect.gen(function*() {
      const down = ["10.0.0.1:11", "10.0.0.1:12", "10.0.0.1:13"]
      const good = yield* serving(2)
      const { ask, given } = yield* using({ nameServers: [...down, good.address] })
      const fiber = yield* start(ask)
      yield* pass("3 seconds")
      yield* Fiber.join(fiber)
      given.length = 0
      // Whichever were asked are known now; the others cost their share.
      yield* ask
      assert.isAtLeast(Duration.toMillis(given[0].timeout!), 750)
      assert.strictEqual(given.length, 1)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("all are tried, and the error tells of each", () =>
    Effect.gen(function*() {
      const down = "10.0.0.1:1"
      const busy = yield* serving(2, code(ResponseCode.SYSTEM_BUSY, "[OVERLOAD]"))
      const { ask } = yield* using({ nameServers: [down, busy.address] }, { detail: "where topic T is" })
      const fiber = yield* start(Effect.flip(ask))
      yield* pass("3 seconds")
      const { message, outcome, reason } = yield* Fiber.join(fiber)
      if (reason._tag !== "NameServersFailed") return assert.fail(reason._tag)
      assert.deepStrictEqual(reason.attempts.map(({ address }) => address).sort(), [down, busy.address])
      assert.strictEqual(outcome, "NotProcessed")
      assert.include(message, "where topic T is")
      assert.include(message, "[OVERLOAD]")
      assert.include(message, down)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("none is hammered while all are down", () =>
    Effect.gen(function*() {
      const net = yield* network
      const down = ["10.0.0.1:1", "10.0.0.1:2"]
      const { ask } = yield* using({ nameServers: down })
      const loop = Effect.forEach(Array.from({ length: 1_000 }), () => Effect.exit(ask), { concurrency: 100 })
      const fiber = yield* start(loop)
      yield* pass("40 seconds")
      yield* Fiber.join(fiber)
      // Fewer than two dials a second each: the pace of the connections' own policy.
      for (const address of down) assert.isBelow(net.dials(address), 80)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("an answer is an answer: no other one is asked", () =>
    Effect.gen(function*() {
      const refusing = code(ResponseCode.NO_PERMISSION, "username cannot be null.")
      const one = yield* serving(1, refusing)
      const two = yield* serving(2, refusing)
      const { ask } = yield* using({ nameServers: [one.address, two.address] })
      const { reason } = yield* Effect.flip(ask)
      assert.strictEqual(reason._tag, "AccessDenied")
      assert.strictEqual(one.asked.length + two.asked.length, 1)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("others are asked where they may know better, and nobody is blamed", () =>
    Effect.gen(function*() {
      const one = yield* serving(1, code(ResponseCode.TOPIC_NOT_EXIST))
      const two = yield* serving(2, code(ResponseCode.TOPIC_NOT_EXIST))
      const { ask } = yield* using(
        { nameServers: [one.address, two.address] },
        { elsewhere: ({ code: answer }) => answer === ResponseCode.TOPIC_NOT_EXIST }
      )
      for (let round = 1; round <= 2; round++) {
        const { reason } = yield* Effect.flip(ask)
        assert.strictEqual(reason._tag, "NameServersFailed")
        assert.deepStrictEqual([one.asked.length, two.asked.length], [round, round])
      }
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("what is the client's own fault is not tried elsewhere", () =>
    Effect.gen(function*() {
      const one = yield* serving(1)
      const two = yield* serving(2)
      const connections = yield* client()
      const names = yield* NameServers.make({ nameServers: [one.address, two.address] })
      const { reason } = yield* Effect.flip(names.use((address, invoke) =>
        connections.invoke(address, { code: 105, body: new Uint8Array(17_000_000) }, invoke)
      ))
      assert.strictEqual(reason._tag, "Failed")
      assert.strictEqual(one.asked.length + two.asked.length, 0)
    }).pipe(Effect.provide(MemoryTransport.layer)))
})

describe("a single name server", () => {
  it.effect("has all the time, and is waited for while it is dialled again", () =>
    Effect.gen(function*() {
      const net = yield* network
      const one = yield* serving(1)
      const { ask, given } = yield* using({ nameServers: one.address })
      net.fault(one.address, "refuse")
      const fiber = yield* start(ask)
      yield* pass("1 second")
      net.fault(one.address, undefined)
      yield* pass("1 second")
      assert.strictEqual(yield* Fiber.join(fiber), one.address)
      assert.strictEqual(Duration.toMillis(given[0].timeout!), 3_000)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("may be given another time", () =>
    Effect.gen(function*() {
      const one = yield* serving(1, () => Effect.never)
      const { ask } = yield* using({ nameServers: one.address }, { timeout: "500 millis" })
      const fiber = yield* start(Effect.flip(ask))
      yield* pass("499 millis")
      assert.isUndefined(fiber.pollUnsafe())
      yield* pass(1)
      assert.strictEqual((yield* Fiber.join(fiber)).reason._tag, "NameServersFailed")
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("must be known", () =>
    Effect.gen(function*() {
      const { ask } = yield* using({})
      const { message, outcome, reason } = yield* Effect.flip(ask)
      assert.deepStrictEqual([reason._tag, outcome], ["NoNameServers", "NotSent"])
      assert.include(message, "ROCKETMQ_NAMESRV_ADDR")
    }).pipe(Effect.provide(MemoryTransport.layer)))
})

describe("an address server", () => {
  /** One that answers as told, and what it was asked. */
  const addressServer = (answer: (url: string) => Effect.Effect<NameServers.FetchedText, unknown>) => {
    const urls: Array<string> = []
    const fetch: NameServers.FetchText = (url) =>
      Effect.suspend(() => {
        urls.push(url)
        return answer(url)
      })
    return { urls, fetch }
  }

  it.effect("is asked at the start and every two minutes, and what it says is used", () =>
    Effect.gen(function*() {
      const one = yield* serving(1)
      const two = yield* serving(2)
      let body = `${one.address}\r\n`
      const { fetch, urls } = addressServer(() => Effect.succeed({ status: 200, body }))
      const { ask, names } = yield* using({ addressServer: "http://names.example/list", fetch })
      assert.strictEqual(yield* ask, one.address)
      body = `${two.address};`
      yield* pass("119 seconds")
      assert.strictEqual(yield* ask, one.address)
      yield* pass("1 second")
      assert.strictEqual(yield* ask, two.address)
      assert.deepStrictEqual(names.addresses(), [two.address])
      assert.deepStrictEqual(urls, ["http://names.example/list", "http://names.example/list"])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("that adds one leaves the one that is kept", () =>
    Effect.gen(function*() {
      const one = yield* serving(1)
      const others = [yield* serving(2), yield* serving(3), yield* serving(4)].map(({ address }) => address)
      let body = one.address
      const { fetch } = addressServer(() => Effect.succeed({ status: 200, body }))
      const { ask } = yield* using({ addressServer: "http://names.example/list", fetch })
      yield* ask
      body = [...others, one.address].join(";")
      yield* pass("2 minutes")
      assert.strictEqual(yield* ask, one.address)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("has the URL that RocketMQ makes from its parts", () =>
    Effect.gen(function*() {
      const { fetch, urls } = addressServer(() => Effect.succeed({ status: 200, body: "a:1" }))
      for (
        const server of [
          { domain: "jmenv.example" },
          { domain: "jmenv.example:80", subgroup: "mine" },
          { domain: "jmenv.example", unitName: "u1" }
        ]
      ) {
        yield* NameServers.make({ addressServer: server, fetch })
      }
      assert.deepStrictEqual(urls, [
        "http://jmenv.example:8080/rocketmq/nsaddr",
        "http://jmenv.example:80/rocketmq/mine",
        "http://jmenv.example:8080/rocketmq/nsaddr-u1?nofix=1"
      ])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("that fails leaves what is known", () =>
    Effect.gen(function*() {
      const one = yield* serving(1)
      let answer: Effect.Effect<NameServers.FetchedText, unknown> = Effect.succeed({ status: 200, body: one.address })
      const { fetch } = addressServer(() => answer)
      const { ask } = yield* using({ addressServer: "http://names.example/list", fetch })
      yield* ask
      for (
        const failure of [
          Effect.fail(new Error("no route to host")),
          Effect.succeed({ status: 500, body: "a:1" }),
          Effect.succeed({ status: 200, body: " \n" }),
          Effect.die(new Error("bad")),
          Effect.never
        ]
      ) {
        answer = failure
        yield* pass("2 minutes")
        assert.strictEqual(yield* ask, one.address)
      }
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("that fails at the start is why there are none; it is asked again on demand, once for all who wait", () =>
    Effect.gen(function*() {
      const one = yield* serving(1)
      let answer: Effect.Effect<NameServers.FetchedText, unknown> = Effect.fail(new Error("no route to host"))
      const { fetch, urls } = addressServer(() => answer)
      const { ask } = yield* using({ addressServer: "http://names.example/list", fetch })
      const { message, reason } = yield* Effect.flip(ask)
      assert.strictEqual(reason._tag, "NoNameServers")
      assert.include(message, "no route to host")
      assert.include(message, "http://names.example/list")
      urls.length = 0
      answer = Effect.delay(Effect.succeed({ status: 200, body: one.address }), 100)
      const fibers = [yield* start(ask), yield* start(ask)]
      yield* pass(100)
      for (const fiber of fibers) assert.strictEqual(yield* Fiber.join(fiber), one.address)
      assert.strictEqual(urls.length, 1)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("that is silent fails its callers in time", () =>
    Effect.gen(function*() {
      const { fetch } = addressServer(() => Effect.never)
      const { ask } = yield* using({ addressServer: "http://names.example/list", fetch }, { timeout: 500 })
      const fiber = yield* start(Effect.flip(ask))
      yield* pass(500)
      assert.strictEqual((yield* Fiber.join(fiber)).reason._tag, "NoNameServers")
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("is left alone where addresses are given", () =>
    Effect.gen(function*() {
      const one = yield* serving(1)
      const { fetch, urls } = addressServer(() => Effect.succeed({ status: 200, body: "a:1" }))
      const { ask } = yield* using({ nameServers: one.address, addressServer: "http://names.example/list", fetch })
      assert.strictEqual(yield* ask, one.address)
      yield* pass("10 minutes")
      assert.deepStrictEqual(urls, [])
    }).pipe(Effect.provide(MemoryTransport.layer)))

  it.effect("is asked no more when the client closes, and those who wait are told", () =>
    Effect.gen(function*() {
      const { fetch, urls } = addressServer(() => Effect.never)
      const scope = yield* Scope.make()
      const { ask } = yield* Scope.provide(using({ addressServer: "http://names.example/list", fetch }), scope)
      const fiber = yield* start(Effect.flip(ask))
      yield* Scope.close(scope, Exit.void)
      yield* settle
      assert.strictEqual((yield* Fiber.join(fiber)).reason._tag, "ShuttingDown")
      yield* pass("10 minutes")
      assert.strictEqual(urls.length, 1)
    }).pipe(Effect.provide(MemoryTransport.layer)))

  for (
    const [what, server] of [
      ["a URL", "http://bob:s3cr%40t@names.example/list"],
      ["a URL that is none", "http://bob:s3cr/s3cr@t@names.example/list"],
      ["parts", { domain: "bob:s3cr@names.example" }]
    ] as const
  ) {
    it.effect(`whose user and password are in ${what} has them in no error and no log`, () =>
      Effect.gen(function*() {
        let answer: (url: string) => Effect.Effect<NameServers.FetchedText, unknown> = () => Effect.never
        const lines: Array<string> = []
        const logger = Logger.make(({ cause, message }) => lines.push(inspect([message, cause], { depth: 9 })))
        const errors: Array<ClientError> = []
        const urls: Array<string> = []
        yield* Effect.gen(function*() {
          const { ask } = yield* using({
            addressServer: server,
            fetch: (url) => Effect.suspend(() => (urls.push(url), answer(url)))
          })
          const fiber = yield* start(Effect.flip(ask))
          yield* pass("3 seconds")
          errors.push(yield* Fiber.join(fiber))
          answer = (url) => Effect.fail(Object.assign(new Error(`cannot get ${url}`), { url }))
          errors.push(yield* Effect.flip(ask))
          yield* pass("4 minutes")
        }).pipe(Effect.provide(Logger.layer([logger])))
        assert.include(urls[0], "bob:s3cr")
        assert.isAbove(lines.length, 0)
        for (const text of [...lines, ...errors.flatMap((error) => [error.message, inspect(error, { depth: 9 })])]) {
          assert.notMatch(text, /bob|s3cr/)
        }
        for (const { message, reason } of errors) {
          assert(reason._tag === "NoNameServers")
          assert.include(message, "http://names.example")
          assert.isTrue(reason.isRetryable)
        }
      }).pipe(Effect.provide(MemoryTransport.layer)))
  }

  it.live("gets user and password of its URL as Basic authentication from the platform's own fetch", () =>
    Effect.gen(function*() {
      const seen: Array<string | undefined> = []
      const port = yield* httpServer(({ headers }) => {
        seen.push(headers.authorization)
        return "10.0.0.1:1"
      })
      const names = yield* NameServers.make({ addressServer: `http://bob:s3cr%40t@127.0.0.1:${port}/list` })
      assert.strictEqual(yield* names.use((address) => Effect.succeed(address)), "10.0.0.1:1")
      assert.strictEqual(seen[0], `Basic ${Buffer.from("bob:s3cr@t").toString("base64")}`)
    }))

  it.live("is asked with the platform's own fetch, where none is given", () =>
    Effect.gen(function*() {
      const port = yield* httpServer(({ url }) => url === "/rocketmq/nsaddr" ? "10.0.0.1:1;10.0.0.1:2\n" : "")
      const names = yield* NameServers.make({ addressServer: `http://127.0.0.1:${port}/rocketmq/nsaddr` })
      const asked = yield* names.use((address) => Effect.succeed(address))
      assert.include(["10.0.0.1:1", "10.0.0.1:2"], asked)
      assert.deepStrictEqual(names.addresses(), ["10.0.0.1:1", "10.0.0.1:2"])
    }))
})
