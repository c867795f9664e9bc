import { assert, describe, it } from "@effect/vitest"
import { format, parse } from "../../src/remoting/Address.ts"

describe("parse", () => {
  it("takes host and port apart", () => {
    assert.deepStrictEqual(parse("127.0.0.1:9876"), { host: "127.0.0.1", port: 9_876 })
    assert.deepStrictEqual(parse("broker-0.svc.cluster.local:10911"), {
      host: "broker-0.svc.cluster.local",
      port: 10_911
    })
    assert.deepStrictEqual(parse("h:1"), { host: "h", port: 1 })
    assert.deepStrictEqual(parse("h:65535"), { host: "h", port: 65_535 })
  })

  it("takes the brackets of an IPv6 literal off", () => {
    assert.deepStrictEqual(parse("[::1]:9876"), { host: "::1", port: 9_876 })
    assert.deepStrictEqual(parse("[fe80::1%eth0]:9876"), { host: "fe80::1%eth0", port: 9_876 })
  })

  for (
    const bad of [
      "",
      ":",
      "host",
      "host:",
      ":9876",
      "host:0",
      "host:65536",
      "host:99999",
      "host:123456",
      "host:-1",
      "host:+1",
      "host:1e3",
      "host:9876 ",
      "host:98.76",
      "::1:9876",
      "[]:9876",
      "ho st:9876",
      "http://host:9876",
      "user@host:9876",
      "a:1;b:2"
    ]
  ) {
    it(`refuses ${JSON.stringify(bad)}`, () => {
      assert.isUndefined(parse(bad))
    })
  }
})

describe("format", () => {
  it("puts brackets around an IPv6 literal, and is undone by parse", () => {
    assert.strictEqual(format("10.0.0.1", 80), "10.0.0.1:80")
    assert.strictEqual(format("::1", 80), "[::1]:80")
    for (const [host, port] of [["broker", 1], ["::1", 65_535], ["10.0.0.1", 10_911]] as const) {
      assert.deepStrictEqual(parse(format(host, port)), { host, port })
    }
  })
})
