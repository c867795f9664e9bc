import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Reconnection from "../src/remoting/Reconnection.ts"
import * as RemotingClient from "../src/remoting/RemotingClient.ts"
import * as ResponseFutures from "../src/remoting/ResponseFutures.ts"
import * as Transport from "../src/remoting/Transport.ts"
import type { Connect } from "./contestant.ts"
import { driveEffects } from "./contestant.ts"
import { extFields, requestBody, requestCode } from "./request.ts"

/** The go-away policy without its jitter: what is left of a swap is its own cost. */
const withoutJitter = Reconnection.layerWith({
  goAway: Reconnection.backoff({ first: 0, base: 25, cap: 250, jitter: false })
})

/** The request of the bench, by the package's client, which lives as long as the process. */
export const openClient = async (port: number, options: RemotingClient.RemotingClientOptions = {}) => {
  const layer = RemotingClient.layerNoDeps(options).pipe(
    Layer.provide([Transport.layer, ResponseFutures.layer, withoutJitter])
  )
  const client = await ManagedRuntime.make(layer).runPromise(RemotingClient.RemotingClient)
  const address = `127.0.0.1:${port}`
  return () => client.invoke(address, { code: requestCode, extFields, body: requestBody })
}

export const connectOurs = (options: RemotingClient.RemotingClientOptions): Connect => async (port) =>
  driveEffects(await openClient(port, options))
