/**
 * Mistakes that the tests must notice: each breaks one rule of the swap, the
 * futures, the channel or the client layer, and the named tests must fail with it.
 * `npm run test:mutants` makes them, one at a time, in a copy.
 */
export interface Mutant {
  /** The rule that it breaks. */
  readonly breaks: string
  /** Below the repository. */
  readonly file: string
  /** Occurs exactly once in the file: otherwise the list is stale. */
  readonly search: string
  readonly replace: string
  /** Test files below `test`, at least one test of which fails. */
  readonly killedBy: ReadonlyArray<string>
}

const link = "src/remoting/RemotingLink.ts"
const channel = "src/remoting/RemotingChannel.ts"
const futures = "src/remoting/ResponseFutures.ts"
const client = "src/remoting/RemotingClient.ts"
const sender = "src/client/internal/sender.ts"
const routes = "src/client/TopicRoutes.ts"

export const mutants: ReadonlyArray<Mutant> = [
  {
    breaks: "only the current generation's GO_AWAY retires the current channel",
    file: link,
    search:
      "    if (channel !== this.current) return\n    this.current = undefined\n    this.status = \"Idle\"\n    this.wentAway = true",
    replace: "    this.current = undefined\n    this.status = \"Idle\"\n    this.wentAway = true",
    killedBy: ["remoting/GoAway.test.ts"]
  },
  {
    breaks: "the deadline spans all attempts",
    file: link,
    search: "    call.hops++\n",
    replace: "    call.hops++\n    Object.assign(call, { deadline: futures.now() + call.options.timeoutMillis })\n",
    killedBy: ["remoting/Deadlines.test.ts"]
  },
  {
    breaks: "requests in flight finish on the old channel",
    file: link,
    search: "    const unwritten = channel.retire(this)\n",
    replace: "    const unwritten = channel.retire(this)\n    channel.finish(channel.closedReason(\"too early\"))\n",
    killedBy: ["remoting/GoAway.test.ts"]
  },
  {
    breaks: "the old channel stays until the new one is active",
    file: link,
    search: "    if (this.connecting) return\n    channel.finish(",
    replace: "    channel.finish(",
    killedBy: ["remoting/GoAway.test.ts"]
  },
  {
    breaks: "registrations come before anything else",
    file: link,
    search: "registrations.length === 0 ? undefined : yield* this.validate(channel, registrations)",
    replace: "undefined as Reason | undefined",
    killedBy: ["remoting/Registration.test.ts"]
  },
  {
    breaks: "a retired channel takes no oneway request either",
    file: link,
    search: "    const channel = this.current\n    if (channel === undefined) {\n      this.used = true\n",
    replace:
      "    const channel = this.current ?? (call.oneway ? [...this.drainingChannels][0] : undefined)\n    if (channel === undefined) {\n      this.used = true\n",
    killedBy: ["remoting/GoAway.test.ts"]
  },
  {
    breaks: "requests that were not written move to the new channel",
    file: link,
    search: "    for (const call of unwritten) this.send(call)\n",
    replace: "",
    killedBy: ["remoting/GoAway.test.ts"]
  },
  {
    breaks: "all GO_AWAYs of a generation join one swap",
    file: link,
    search: "    if (this.connecting || this.current !== undefined",
    replace: "    if (this.current !== undefined",
    killedBy: ["remoting/GoAway.test.ts"]
  },
  {
    breaks: "goAwayHops bounds the hops",
    file: link,
    search: "call.hops > call.options.goAwayHops",
    replace: "call.hops > 1_000_000",
    killedBy: ["remoting/GoAway.test.ts"]
  },
  {
    breaks: "only a channel that lived and answered resets the back-off",
    file: link,
    search: "    if (channel.answered && this.host.futures.now() - channel.since >= healthyMillis) {",
    replace: "    if (channel.generation > 0) {",
    killedBy: ["remoting/BrokenConnection.test.ts"]
  },
  {
    breaks: "what was written and is not repeatable is not sent again after a break",
    file: link,
    search: "    if (call.oneway || !(call.options.repeatable ?? this.host.repeatable(call.request.code))) {",
    replace: "    if (call.oneway) {",
    killedBy: ["remoting/BrokenConnection.test.ts"]
  },
  {
    breaks: "a request that times out leaves the channel alone",
    file: link,
    search: "    if (call.stage === Stage.Written) return Failures.timeout(call, `no answer in ${millis} ms`)\n",
    replace:
      "    if (call.stage === Stage.Written) {\n      this.current?.end(this.current.closedReason(\"a timeout\"))\n      return Failures.timeout(call, `no answer in ${millis} ms`)\n    }\n",
    killedBy: ["remoting/RemotingClient.test.ts"]
  },
  {
    breaks: "a draining channel is not probed",
    file: link,
    search: "    const channel = this.current\n    if (channel === undefined) return\n    tendTraffic(channel, now)",
    replace:
      "    const channel = this.current ?? [...this.drainingChannels][0]\n    if (channel === undefined) return\n    tendTraffic(channel, now)",
    killedBy: ["remoting/HalfOpen.test.ts"]
  },
  {
    breaks: "a break after the write is no proof that nothing was executed",
    file: "src/remoting/internal/failures.ts",
    search: "call.stage === Stage.Written ? \"Unknown\" : call.outcome",
    replace: "call.stage === Stage.Written ? \"NotProcessed\" : call.outcome",
    killedBy: ["remoting/BrokenConnection.test.ts"]
  },
  {
    breaks: "each attempt has an opaque of its own",
    file: channel,
    search: "    const opaque = this.futures.nextOpaque()\n",
    replace:
      "    const opaque: number = call.hops > 0 ? Reflect.get(call, \"first\") : this.futures.nextOpaque()\n    Reflect.set(call, \"first\", opaque)\n",
    killedBy: ["remoting/GoAway.test.ts"]
  },
  {
    breaks: "the response flag comes before the opaque",
    file: channel,
    search: "    if (!command.isResponse) {\n",
    replace: "    if (!command.isResponse && !this.calls.has(command.opaque)) {\n",
    killedBy: ["remoting/ResponseFutures.test.ts"]
  },
  {
    breaks: "a deadline that has passed is noticed at once",
    file: futures,
    search: "    const wait = this.wakeAt - this.now()\n    // Never",
    replace: "    const wait = this.wakeAt + 1 - this.now()\n    // Never",
    killedBy: ["remoting/RemotingClient.test.ts"]
  },
  {
    breaks: "an interrupted request is forgotten",
    file: futures,
    search: "    this.release(call)\n    this.interrupted++\n",
    replace: "    this.interrupted++\n",
    killedBy: ["remoting/Interruption.test.ts"]
  },
  {
    breaks: "a request settles once",
    file: futures,
    search: "    call.stage = Stage.Settled\n    this.inFlight--\n",
    replace: "    this.inFlight--\n",
    killedBy: ["remoting/ResponseFutures.test.ts"]
  },
  {
    breaks: "the signature covers what the hooks made of a request",
    file: client,
    search: "sign(hooked === undefined ? request : hooked(request), identity)",
    replace: "hooked === undefined ? sign(request, identity) : hooked(sign(request, identity))",
    killedBy: ["remoting/Acl.test.ts"]
  },
  {
    breaks: "what may have been stored is not sent again with atMostOnce",
    file: sender,
    search: "    if (failure.outcome === \"Unknown\" && call.settings.delivery === \"atMostOnce\") {\n",
    replace: "    if (call.attempts > 1_000) {\n",
    killedBy: ["client/producer/Delivery.test.ts"]
  },
  {
    breaks: "a broker that says nothing does not get all of a send's time",
    file: "src/client/Producer.ts",
    search: "      repeated: { timeout: timeoutMillis / 2, ",
    replace: "      repeated: { timeout: timeoutMillis, ",
    killedBy: ["client/producer/Delivery.test.ts"]
  },
  {
    breaks: "an ordered send keeps its queue",
    file: sender,
    search: "call.fixed = route.find(fixed.queue.brokerName, fixed.queueId) ?? fixed\n",
    replace: "call.fixed = route.choose(call.state.turn++, this.exactNow(), call.tried)\n",
    killedBy: ["client/producer/Ordered.test.ts"]
  },
  {
    breaks: "a message that is on no disk yet was taken all the same",
    file: sender,
    search: "  [ResponseCode.FLUSH_DISK_TIMEOUT]: \"FlushDiskTimeout\",\n",
    replace: "",
    killedBy: ["client/producer/Send.test.ts"]
  },
  {
    breaks: "a message that is sent again has the same id",
    file: sender,
    search: "    const { body, code, others, uniqKey } = outgoing\n",
    replace: "    const { body, code, others } = outgoing\n    const uniqKey = this.parts.uniqKeys.next(this.wall)\n",
    killedBy: ["client/producer/Delivery.test.ts"]
  },
  {
    breaks: "retries end",
    file: sender,
    search: "    if (call.counted > parts.retries) {\n",
    replace: "    if (call.counted > 1_000) {\n",
    killedBy: ["client/producer/Delivery.test.ts"]
  },
  {
    breaks: "a broker that failed is left alone for a while",
    file: sender,
    search: "    if (isBrokersFault(failure)) target.health.failed(now, call.attemptAt)\n",
    replace: "    if (isBrokersFault(failure)) target.health.undecided()\n",
    killedBy: ["client/producer/Delivery.test.ts"]
  },
  {
    breaks: "a producer that closes takes no more messages in",
    file: sender,
    search: "      this.closing = true\n",
    replace: "",
    killedBy: ["client/producer/Closing.test.ts"]
  },
  {
    breaks: "whoever leaves lets the next one in",
    file: "src/client/internal/sendGate.ts",
    search: "    this.bytes -= bytes\n    if (this.live > 0) this.admit()\n",
    replace: "    this.bytes -= bytes\n",
    killedBy: ["client/producer/BackPressure.test.ts"]
  },
  {
    breaks: "a transaction whose local part failed is rolled back",
    file: "src/client/internal/transactions.ts",
    search: "else yield* end(host, half, at, \"Rollback\", remarkOf(",
    replace: "else yield* end(host, half, at, \"Commit\", remarkOf(",
    killedBy: ["client/producer/Transactions.test.ts"]
  },
  {
    breaks: "groups are registered on each fresh channel",
    file: "src/client/Heartbeats.ts",
    search: "  yield* client.onValidate(register, { appliesTo })\n",
    replace: "  yield* client.onValidate(() => Effect.void, { appliesTo })\n",
    killedBy: ["client/Heartbeats.test.ts"]
  },
  {
    breaks: "a route is handed out when its brokers know the groups",
    file: routes,
    search: "Effect.map(Effect.andThen(prepare(fresh), prepared(named)), () => {",
    replace: "Effect.map(fresh.length > 1_000 ? prepared(named) : Effect.void, () => {",
    killedBy: ["client/TopicRoutes.test.ts"]
  },
  {
    breaks: "an address that any route names is a broker's",
    file: routes,
    search: "    const index = new Map<Address, Array<BrokerAt>>()\n    const add = (broker: BrokerRoute): void => {\n",
    replace:
      "    const index = new Map<Address, Array<BrokerAt>>()\n    const add = (broker: BrokerRoute): void => {\n      for (const [address, ones] of index) if (ones.some((one) => one.brokerName === broker.brokerName)) index.delete(address)\n",
    killedBy: ["client/TopicRoutes.test.ts"]
  },
  {
    breaks: "all who ask for a topic at a time share one request",
    file: "src/client/internal/singleFlight.ts",
    search: "    if (known !== undefined) return known\n",
    replace: "",
    killedBy: ["client/TopicRoutes.test.ts"]
  },
  {
    breaks: "a name server that failed is left alone for a while",
    file: "src/client/NameServers.ts",
    search: "      } else failed(address)\n",
    replace: "      }\n",
    killedBy: ["client/NameServers.test.ts"]
  }
]
