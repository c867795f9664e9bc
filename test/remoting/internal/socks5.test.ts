import { assert, describe, it } from "@effect/vitest"
import * as Socks5 from "../../../src/remoting/internal/socks5.ts"

const bytes = (...values: ReadonlyArray<number>) => Buffer.from(values)

const plain = (host: string, port = 9_876) => Socks5.make({ host, port, username: undefined, password: undefined })

const hex = (sent: Uint8Array | undefined) => sent === undefined ? undefined : Buffer.from(sent).toString("hex")

/** The request that follows a proxy's choice of no authentication. */
const requestOf = (host: string, port?: number) => hex(plain(host, port).push(bytes(5, 0)).send)

describe("the greeting", () => {
  it("offers no authentication without a user name", () => {
    assert.strictEqual(hex(plain("h").greeting), "050100")
  })

  it("offers a password, too, with a user name", () => {
    const negotiation = Socks5.make({ host: "h", port: 1, username: "u", password: "p" })
    assert.strictEqual(hex(negotiation.greeting), "05020002")
  })
})

describe("the request", () => {
  it("names an IPv4 address, a host name, or an IPv6 address, and the port", () => {
    assert.strictEqual(requestOf("10.1.2.255", 0x1234), "050100010a0102ff1234")
    assert.strictEqual(requestOf("broker", 80), `0501000306${Buffer.from("broker").toString("hex")}0050`)
    assert.strictEqual(requestOf("::1", 80), `05010004${"0".repeat(31)}10050`)
    assert.strictEqual(requestOf("fe80::abcd:1", 80), "05010004fe8000000000000000000000abcd00010050")
    assert.strictEqual(requestOf("1:2:3:4:5:6:7:8", 80), "05010004000100020003000400050006000700080050")
    assert.strictEqual(requestOf("::", 80), `05010004${"0".repeat(32)}0050`)
  })

  it("takes what only looks like an IPv4 address for a name", () => {
    assert.strictEqual(requestOf("256.1.1.1", 80), `0501000309${Buffer.from("256.1.1.1").toString("hex")}0050`)
  })
})

describe("a negotiation", () => {
  it("is done when the proxy has connected; what follows its answer is not lost", () => {
    const negotiation = plain("h")
    assert.isFalse(negotiation.push(bytes(5, 0)).done)
    const step = negotiation.push(bytes(5, 0, 0, 1, 10, 0, 0, 1, 0, 80, 0xca, 0xfe))
    assert.isTrue(step.done)
    assert.isUndefined(step.failure)
    assert.strictEqual(hex(step.rest), "cafe")
  })

  for (
    const [type, address] of [
      ["IPv4", [1, 10, 0, 0, 1]],
      ["IPv6", [4, ...Array.from({ length: 16 }, () => 7)]],
      ["a name", [3, 3, 97, 98, 99]]
    ] as const
  ) {
    it(`understands an answer with ${type}, byte by byte`, () => {
      const negotiation = plain("h")
      const answer = bytes(5, 0, 5, 0, 0, ...address, 0, 80)
      for (const [index, byte] of answer.entries()) {
        const step = negotiation.push(bytes(byte))
        assert.strictEqual(step.done, index === answer.length - 1, `byte ${index}`)
        assert.isUndefined(step.failure)
        assert.strictEqual(step.send !== undefined, index === 1)
      }
    })
  }

  it("sends user name and password where the proxy wants them, in UTF-8", () => {
    const negotiation = Socks5.make({ host: "h", port: 1, username: "ü", password: "pw" })
    assert.strictEqual(hex(negotiation.push(bytes(5, 2)).send), "0102c3bc027077")
    assert.strictEqual(hex(negotiation.push(bytes(1, 0)).send), "0501000301680001")
  })

  it("sends neither where the proxy does not want them", () => {
    const negotiation = Socks5.make({ host: "h", port: 1, username: "u", password: "p" })
    assert.strictEqual(hex(negotiation.push(bytes(5, 0)).send), "0501000301680001")
  })

  const failures: ReadonlyArray<readonly [string, ReadonlyArray<Buffer>, RegExp]> = [
    ["no SOCKS5 proxy", [Buffer.from("HTTP/1.1 400")], /not a SOCKS5 proxy/],
    ["no method", [bytes(5, 0xff)], /user name and password/],
    ["a method that was not offered", [bytes(5, 2)], /user name and password/],
    ["a refusal", [bytes(5, 0), bytes(5, 5, 0, 1, 0, 0, 0, 0, 0, 0)], /connection refused/],
    ["an unreachable host", [bytes(5, 0), bytes(5, 4, 0, 1, 0)], /host unreachable/],
    ["an unknown reply", [bytes(5, 0), bytes(5, 99, 0, 1, 0)], /99/],
    ["an unknown address type", [bytes(5, 0), bytes(5, 0, 0, 9, 0)], /address type 9/],
    ["an answer of another version", [bytes(5, 0), bytes(4, 0, 0, 1, 0, 0, 0, 0, 0, 0)], /SOCKS5/]
  ]
  for (const [what, chunks, expected] of failures) {
    it(`fails on ${what}`, () => {
      const negotiation = plain("h")
      const steps = chunks.map((chunk) => negotiation.push(chunk))
      assert.match(steps.at(-1)?.failure ?? "", expected)
      assert.isFalse(steps.at(-1)?.done)
    })
  }

  it("fails on a refused password", () => {
    const negotiation = Socks5.make({ host: "h", port: 1, username: "u", password: "p" })
    negotiation.push(bytes(5, 2))
    assert.match(negotiation.push(bytes(1, 1)).failure ?? "", /refused the user name or password/)
  })

  it("fails on a user name or password that its length byte cannot say", () => {
    for (const [username, password] of [["u".repeat(256), "p"], ["u", "p".repeat(256)]] as const) {
      const negotiation = Socks5.make({ host: "h", port: 1, username, password })
      assert.match(negotiation.push(bytes(5, 2)).failure ?? "", /longer than 255/)
    }
  })

  it("fails on a host name that its length byte cannot say", () => {
    assert.match(plain("h".repeat(256)).push(bytes(5, 0)).failure ?? "", /longer than 255/)
  })
})
