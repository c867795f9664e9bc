import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as RemotingError from "../../src/remoting/RemotingError.ts"

const timeout = new RemotingError.Timeout({
  address: "10.0.0.1:1",
  code: 310,
  opaque: 7,
  outcome: "Unknown",
  timeoutMillis: 3_000,
  detail: "no answer in 3000 ms"
})

describe("RemotingError", () => {
  it("says what, where, why, and what that means for the request", () => {
    const error = new RemotingError.RemotingError({ reason: timeout })
    assert.strictEqual(
      error.message,
      "request 310 (opaque 7) to 10.0.0.1:1: no answer in 3000 ms. Whether the server executed it is unknown; " +
        "send it again only if executing it twice does no harm."
    )
    assert.instanceOf(error, Error)
    assert.strictEqual(error.outcome, "Unknown")
    assert.isTrue(error.isRetryable)
    assert.strictEqual(error.cause, timeout)
  })

  it("claims nothing about sending again where that is of no use", () => {
    const { message } = new RemotingError.FrameTooLarge({
      address: "10.0.0.1:1",
      code: 310,
      outcome: "NotSent",
      detail: "too large"
    })
    assert.strictEqual(message, "request 310 to 10.0.0.1:1: too large. It was not sent.")
  })

  it("speaks of the address alone where no request is concerned", () => {
    const { message } = new RemotingError.ConnectFailed({
      address: "10.0.0.1:1",
      outcome: "NotSent",
      detail: "connection refused"
    })
    assert.strictEqual(message, "connection refused [10.0.0.1:1]")
  })

  it.effect("is caught by its reason", () =>
    Effect.gen(function*() {
      const caught = yield* Effect.fail(new RemotingError.RemotingError({ reason: timeout })).pipe(
        Effect.catchReason("RemotingError", "Timeout", (reason) => Effect.succeed(reason.timeoutMillis))
      )
      assert.strictEqual(caught, 3_000)
    }))

  it.effect("goes through JSON and back", () =>
    Effect.gen(function*() {
      const error = new RemotingError.RemotingError({ reason: timeout })
      const codec = Schema.toCodecJson(RemotingError.RemotingError)
      const encoded = yield* Schema.encodeEffect(codec)(error)
      const decoded = yield* Schema.decodeEffect(codec)(JSON.parse(JSON.stringify(encoded)))
      assert.instanceOf(decoded, RemotingError.RemotingError)
      assert.strictEqual(decoded.message, error.message)
      assert.strictEqual(decoded.reason._tag, "Timeout")
    }))

  it("never calls a lasting failure retryable", () => {
    const fields = { address: "10.0.0.1:1", outcome: "NotSent", detail: "a test" } as const
    const lasting = [
      new RemotingError.InvalidAddress(fields),
      new RemotingError.InvalidRequest(fields),
      new RemotingError.FrameTooLarge(fields),
      new RemotingError.HookFailed(fields),
      new RemotingError.ShuttingDown(fields),
      new RemotingError.TlsFailed(fields),
      new RemotingError.ProtocolViolation({ ...fields, kind: "InvalidJson", offset: 8 })
    ]
    const passing = [
      new RemotingError.ConnectFailed(fields),
      new RemotingError.CredentialsFailed(fields),
      new RemotingError.RegistrationFailed(fields),
      new RemotingError.ChannelClosed(fields),
      new RemotingError.GoAway({ ...fields, hops: 1 }),
      new RemotingError.TooManyRequests({ ...fields, limit: 1 }),
      timeout
    ]
    assert.deepStrictEqual(lasting.map((reason) => reason.isRetryable), lasting.map(() => false))
    assert.deepStrictEqual(passing.map((reason) => reason.isRetryable), passing.map(() => true))
  })
})

describe("worst", () => {
  it("is the least certain of two outcomes", () => {
    const { worst } = RemotingError
    const outcomes = ["NotSent", "NotProcessed", "Unknown"] as const
    for (const [left, one] of outcomes.entries()) {
      for (const [right, other] of outcomes.entries()) {
        assert.strictEqual(worst(one, other), outcomes[Math.max(left, right)])
      }
    }
  })
})
