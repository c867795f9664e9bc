import { randomInt } from "node:crypto"
import { connect, createServer } from "node:net"
import { HarnessError } from "./HarnessError.ts"

const free = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    // On all interfaces, as some of the servers' ports are bound.
    const server = createServer().once("error", () => resolve(false)).listen(port, () => {
      server.close(() => resolve(true))
    })
  })

const taken = new Set<number>()

/**
 * A port for which it and its neighbours at the given distances are free. Taken from below the range out of which
 * systems choose the ports of outgoing connections, so that none of those is in the way later; never given twice by
 * one process.
 */
export const freePort = async (...distances: ReadonlyArray<number>): Promise<number> => {
  for (let attempt = 0; attempt < 200; attempt++) {
    const port = randomInt(15_000, 32_000)
    const all = [port, ...distances.map((distance) => port + distance)]
    if (all.some((each) => taken.has(each))) {
      continue
    }
    const states = await Promise.all(all.map(free))
    if (states.every((state) => state)) {
      for (const each of all) {
        taken.add(each)
      }
      return port
    }
  }
  throw new HarnessError({ message: "No free ports between 15000 and 32000" })
}

/** Whether something accepts connections on the port. */
export const accepts = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1")
    const settle = (result: boolean) => {
      socket.destroy()
      resolve(result)
    }
    socket.once("connect", () => settle(true)).once("error", () => settle(false))
  })
