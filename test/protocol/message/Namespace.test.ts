import { assert, describe, it } from "@effect/vitest"
import * as Namespace from "../../../src/protocol/message/Namespace.ts"
import { goldenNamespaces } from "./messages.ts"

describe("names in namespaces", () => {
  for (const { name, namespace, namespaceOf, unwrapped, wrapped } of goldenNamespaces) {
    it(`are those of Java: ${name} and ${namespace === "" ? "no namespace" : namespace}`, () => {
      assert.strictEqual(Namespace.wrap(namespace, name), wrapped)
      assert.strictEqual(Namespace.unwrap(namespace, name), unwrapped)
      assert.strictEqual(Namespace.namespaceOf(name), namespaceOf)
    })
  }

  it("come back out of them", () => {
    for (const name of ["topic", "%RETRY%group", "%DLQ%group", "TBW102"]) {
      assert.strictEqual(Namespace.unwrap("ns", Namespace.wrap("ns", name)), name)
    }
  })

  it("are wrapped once, and the system's not at all", () => {
    assert.strictEqual(Namespace.wrap("ns", Namespace.wrap("ns", "topic")), "ns%topic")
    assert.strictEqual(Namespace.wrap("ns", "rmq_sys_x"), "rmq_sys_x")
    assert.isFalse(Namespace.isWrapped("ns", "TBW102"))
  })

  it("make the retry topic of a group", () => {
    assert.strictEqual(Namespace.wrapRetryTopic("ns", "group"), "%RETRY%ns%group")
    assert.strictEqual(Namespace.wrapRetryTopic("", "group"), "%RETRY%group")
  })
})
