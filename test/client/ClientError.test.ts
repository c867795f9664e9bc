import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { Denial, Reason } from "../../src/client/ClientError.ts"
import * as Errors from "../../src/client/ClientError.ts"
import { RequestCode } from "../../src/protocol/RequestCode.ts"
import { ResponseCode } from "../../src/protocol/ResponseCode.ts"
import { ConnectFailed, RemotingError, Timeout } from "../../src/remoting/RemotingError.ts"

const address = "10.0.0.1:10911"

const answer = (code: number, remark?: string) => Errors.brokerError(address, RequestCode.SEND_MESSAGE_V2, code, remark)

const timeout = new RemotingError({
  reason: new Timeout({ address, code: 310, outcome: "Unknown", detail: "no answer in 3000 ms", timeoutMillis: 3_000 })
})
const refusedConnection = new RemotingError({
  reason: new ConnectFailed({ address, code: 310, outcome: "NotSent", detail: "ECONNREFUSED" })
})

describe("a BrokerError", () => {
  it("says who answered what to which request, what became of it, and what to do", () => {
    const error = answer(ResponseCode.SYSTEM_BUSY, "[OVERLOAD]system busy, start flow control for a while")
    assert.strictEqual(
      error.message,
      "10.0.0.1:10911 answered SEND_MESSAGE_V2 with SYSTEM_BUSY (2): [OVERLOAD]system busy, start flow control for a " +
        "while. No server processed it; it can be sent again."
    )
    assert.strictEqual(
      answer(ResponseCode.SYSTEM_ERROR).message,
      "10.0.0.1:10911 answered SEND_MESSAGE_V2 with SYSTEM_ERROR (1). Whether it was executed is unknown; send it " +
        "again only if executing it twice does no harm."
    )
    assert.strictEqual(
      answer(ResponseCode.MESSAGE_ILLEGAL, "too long").message,
      "10.0.0.1:10911 answered SEND_MESSAGE_V2 with MESSAGE_ILLEGAL (13): too long. No server processed it."
    )
  })

  it("has the number for a name where RocketMQ has none", () => {
    const error = Errors.brokerError(address, 99_999, 88_888, undefined)
    assert.strictEqual(error.codeName, "88888")
    assert.include(error.message, "99999")
  })

  it("is NotProcessed for refusals, and Unknown for everything else", () => {
    for (
      const code of [
        ResponseCode.SYSTEM_BUSY,
        ResponseCode.REQUEST_CODE_NOT_SUPPORTED,
        ResponseCode.MESSAGE_ILLEGAL,
        ResponseCode.SERVICE_NOT_AVAILABLE,
        ResponseCode.VERSION_NOT_SUPPORTED,
        ResponseCode.NO_PERMISSION,
        ResponseCode.TOPIC_NOT_EXIST,
        ResponseCode.SUBSCRIPTION_GROUP_NOT_EXIST,
        ResponseCode.INVALID_PARAMETER,
        ResponseCode.FLOW_CONTROL,
        ResponseCode.GO_AWAY
      ]
    ) {
      assert.strictEqual(answer(code).outcome, "NotProcessed", String(code))
    }
    for (
      const code of [
        ResponseCode.SYSTEM_ERROR,
        ResponseCode.TRANSACTION_FAILED,
        ResponseCode.FLUSH_DISK_TIMEOUT,
        ResponseCode.RPC_TIME_OUT,
        12_345
      ]
    ) {
      assert.strictEqual(answer(code).outcome, "Unknown", String(code))
    }
  })

  it("may be retried for the codes for which Java's producer goes to another broker", () => {
    const retried = [1, 2, 14, 16, 17, 204, 205, 1500]
    assert.deepStrictEqual([...Errors.retryResponseCodes].sort((left, right) => left - right), retried)
    for (const code of retried) assert.isTrue(answer(code).isRetryable, String(code))
    for (const code of [3, 13, 15, 22, 26, 29]) assert.isFalse(answer(code).isRetryable, String(code))
  })
})

describe("an answer of a server that checks who asks", () => {
  const acl = (text: string) =>
    `org.apache.rocketmq.acl.common.AclException: ${text}, org.apache.rocketmq.acl.plain.PlainPermissionManager.validate`

  const cases: ReadonlyArray<readonly [string, number, string, Denial]> = [
    ["5.x, unsigned", 16, "username cannot be null.", "MissingCredentials"],
    ["5.x, unknown user", 16, "User:nobody is not found.", "WrongCredentials"],
    ["5.x, wrong password", 16, "check signature failed.", "WrongCredentials"],
    ["5.x, unknown user of an ACL", 16, "User:nobody not found.", "WrongCredentials"],
    [
      "5.x, something else about them",
      16,
      "Authentication failed. Please verify the credentials and try again.",
      "WrongCredentials"
    ],
    ["5.x, disabled user", 16, "User:bob is disabled.", "Forbidden"],
    [
      "5.x, no ACL",
      16,
      "User:bob has no permission to access Topic:T from 10.1.1.1, no matched policies.",
      "Forbidden"
    ],
    ["4.9, unsigned", 1, acl("No accessKey is configured"), "MissingCredentials"],
    ["4.9, unknown access key", 1, acl("No acl config for nobody"), "WrongCredentials"],
    ["4.9, wrong secret key", 1, acl("Check signature failed for accessKey=bob"), "WrongCredentials"],
    ["4.9, no permission", 1, acl("No default permission for T"), "Forbidden"],
    [
      "4.9, an admin's request",
      1,
      acl("Need admin permission for request code=17, but accessKey=bob is not"),
      "Forbidden"
    ],
    ["a 5.x proxy with ACL 1.0", 16, "Check signature failed for accessKey=bob", "WrongCredentials"]
  ]

  for (const [name, code, remark, denial] of cases) {
    it(`is AccessDenied: ${name}`, () => {
      const error = answer(code, remark)
      assert.strictEqual(error.denial, denial)
      assert.strictEqual(error.outcome, "NotProcessed")
      assert.isFalse(error.isRetryable)
      const { reason } = Errors.fromApiError(error)
      if (reason._tag !== "AccessDenied") return assert.fail(reason._tag)
      assert.strictEqual(reason.denial, denial)
      assert.strictEqual(reason.outcome, "NotProcessed")
      assert.match(
        reason.message,
        denial === "MissingCredentials" ? /give the client credentials/ : denial === "WrongCredentials"
          ? /check the access key and the secret key/
          : /have the user allowed/
      )
    })
  }

  it("is not AccessDenied where a topic or broker may not be written to, or a store is broken", () => {
    for (
      const [code, remark] of [
        [16, "the broker[10.0.0.1] sending message is forbidden"],
        [16, "the topic[T] sending message is forbidden"],
        [16, undefined],
        [1, "User:bob is not found."],
        [17, "username cannot be null."]
      ] as const
    ) {
      const error = answer(code, remark)
      assert.isUndefined(error.denial)
      assert.strictEqual(Errors.fromApiError(error).reason._tag, "Refused")
    }
  })
})

const reasons: ReadonlyArray<readonly [Reason, Reason["outcome"], boolean, ReadonlyArray<string>]> = [
  [
    new Errors.InvalidName({ kind: "topic", name: "a b", detail: "contains a blank" }),
    "NotSent",
    false,
    ["topic", "\"a b\"", "contains a blank"]
  ],
  [
    new Errors.InvalidMessage({ topic: "T", field: "body", detail: "is empty" }),
    "NotSent",
    false,
    ["topic T", "body is empty"]
  ],
  [new Errors.MessageTooLarge({ topic: "T", size: 10, limit: 9 }), "NotSent", false, ["10 bytes", "limit is 9"]],
  [new Errors.EncodeFailed({ topic: "T", detail: "no number" }), "NotSent", false, ["topic T", "no number"]],
  [
    new Errors.DecodeFailed({ topic: "T", messageId: "M", detail: "no number" }),
    "NotSent",
    false,
    ["message M", "topic T", "no number"]
  ],
  [new Errors.NoNameServers({ detail: "none set" }), "NotSent", false, ["none set", "ROCKETMQ_NAMESRV_ADDR"]],
  [
    new Errors.NoNameServers({ detail: "http://a did not answer", addressServer: "http://a" }),
    "NotSent",
    true,
    ["http://a did not answer", "it can be sent again"]
  ],
  [
    new Errors.NameServersFailed({
      detail: "where topic T is",
      attempts: [{ address, error: refusedConnection }, { address: "b:1", error: answer(2, "busy") }],
      outcome: "NotProcessed"
    }),
    "NotProcessed",
    true,
    ["where topic T is", `${address}: ECONNREFUSED`, "b:1: SYSTEM_BUSY (2) busy"]
  ],
  [
    new Errors.TopicNotFound({ topic: "T", nameServers: ["a:1", "b:1"] }),
    "NotSent",
    true,
    ["topic T does not exist", "asked a:1, b:1", "autoCreateTopicEnable"]
  ],
  [new Errors.NoQueue({ topic: "T", detail: "none is writable" }), "NotSent", true, ["topic T", "none is writable"]],
  [
    new Errors.RouteInvalid({ topic: "T", address, detail: "body $ is missing" }),
    "NotSent",
    false,
    ["topic T", address, "$ is missing"]
  ],
  [new Errors.Refused({ error: answer(13, "too long") }), "NotProcessed", false, ["MESSAGE_ILLEGAL", "too long"]],
  [new Errors.Failed({ error: timeout }), "Unknown", true, ["no answer in 3000 ms", address]],
  [
    new Errors.SendFailed({
      topic: "T",
      messageId: "M",
      attempts: [
        { brokerName: "a", address, queueId: 1, millis: 5, error: refusedConnection },
        { brokerName: "b", address: "b:1", queueId: 2, millis: 3_000, error: timeout }
      ],
      attemptCount: 2,
      outcome: "Unknown",
      detail: "and its time is up"
    }),
    "Unknown",
    true,
    [
      "message M to topic T",
      `queue 1 of a (${address}), 5 ms: ECONNREFUSED`,
      "queue 2 of b (b:1), 3000 ms: no answer",
      "its time is up"
    ]
  ],
  [
    new Errors.SendFailed({
      topic: "T",
      attempts: Array.from({ length: 100 }, (_, index) => ({
        brokerName: "a",
        address,
        queueId: index,
        millis: index,
        error: refusedConnection
      })),
      attemptCount: 120,
      outcome: "NotSent",
      detail: "and its time is up"
    }),
    "NotSent",
    true,
    [
      `queue 2 of a (${address}), 2 ms: ECONNREFUSED; 114 more; queue 97 of a (${address}), 97 ms`,
      `queue 99 of a (${address}), 99 ms`
    ]
  ],
  [
    new Errors.DeadlineExceeded({ detail: "waiting for room", timeoutMillis: 5, outcome: "NotSent" }),
    "NotSent",
    true,
    ["5 ms", "waiting for room"]
  ],
  [new Errors.TooManyMessages({ kind: "bytes", limit: 7 }), "NotSent", true, ["7 bytes"]],
  [
    new Errors.RequestTimeout({ topic: "T", correlationId: "c", timeoutMillis: 9 }),
    "Unknown",
    true,
    ["request c", "topic T", "9 ms"]
  ],
  [
    new Errors.NotSupported({ what: "request and reply", by: "a proxy" }),
    "NotSent",
    false,
    ["request and reply is not supported by a proxy"]
  ],
  [new Errors.ShuttingDown({ what: "the producer", outcome: "NotSent" }), "NotSent", false, [
    "the producer is closing"
  ]],
  [
    new Errors.MalformedResponse({ address, requestCode: 310, field: "msgId", detail: "is missing" }),
    "Unknown",
    false,
    [address, "SEND_MESSAGE_V2", "msgId is missing"]
  ]
]

const fates = {
  NotSent: "Nothing was sent",
  NotProcessed: "No server processed it",
  Unknown: "Whether it was executed is unknown"
}

describe("a ClientError", () => {
  for (const [reason, outcome, isRetryable, words] of reasons) {
    if (reason._tag === "Failed") continue
    it(`${reason._tag} says what happened, where, what became of it, and what to do`, () => {
      const error = Errors.clientError(reason)
      assert.strictEqual(error.reason, reason)
      assert.strictEqual(error.cause, reason)
      assert.strictEqual(error.outcome, outcome)
      assert.strictEqual(error.isRetryable, isRetryable)
      for (const word of [...words, fates[outcome]]) assert.include(error.message, word)
      if (isRetryable) assert.match(error.message, /; .+\.$/)
    })
  }

  it("Failed says what its RemotingError says", () => {
    const error = Errors.fromApiError(timeout)
    assert.strictEqual(error.message, timeout.message)
    assert.deepStrictEqual([error.reason._tag, error.outcome, error.isRetryable], ["Failed", "Unknown", true])
  })

  it.effect("is caught by its reason", () =>
    Effect.gen(function*() {
      const failing: Effect.Effect<string, Errors.ClientError> = Effect.fail(
        Errors.clientError(new Errors.TopicNotFound({ topic: "T", nameServers: ["a:1"] }))
      )
      const caught = yield* failing.pipe(
        Effect.catchReason("ClientError", "TopicNotFound", ({ topic }) => Effect.succeed(`no ${topic}`))
      )
      assert.strictEqual(caught, "no T")
    }))

  it("has the least certain outcome of several", () => {
    assert.strictEqual(Errors.worstOutcome([]), "NotSent")
    assert.strictEqual(Errors.worstOutcome([refusedConnection, answer(2)]), "NotProcessed")
    assert.strictEqual(Errors.worstOutcome([answer(2), timeout, refusedConnection]), "Unknown")
  })
})
