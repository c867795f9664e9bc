import { connect } from "node:net"

export interface ProbeAnswer {
  readonly code: number
  readonly remark: string | undefined
  readonly extFields: Readonly<Record<string, string>>
  readonly body: string
}

/** Announced where a server must not answer GO_AWAY: the newest version that is exempt from it (V5_3_1). */
export const versionWithoutGoAway = 475

/**
 * One request with a JSON header over a connection of its own, written here by hand so that whether a server is
 * ready does not hang on the code under test. Rejects when the connection ends first.
 */
export const probe = (
  port: number,
  code: number,
  extFields: Readonly<Record<string, string>>,
  options: { readonly version?: number; readonly timeoutMillis?: number } = {}
): Promise<ProbeAnswer> =>
  new Promise((resolve, reject) => {
    const header = Buffer.from(JSON.stringify({
      code,
      extFields,
      flag: 0,
      language: "OTHER",
      opaque: 1,
      serializeTypeCurrentRPC: "JSON",
      version: options.version ?? versionWithoutGoAway
    }))
    const lengths = Buffer.alloc(8)
    lengths.writeInt32BE(4 + header.length, 0)
    lengths.writeInt32BE(header.length, 4)
    let received = Buffer.alloc(0)
    const socket = connect(port, "127.0.0.1", () => socket.write(Buffer.concat([lengths, header])))
    const fail = (message: string) => {
      socket.destroy()
      reject(new Error(message))
    }
    socket.setTimeout(options.timeoutMillis ?? 2000, () => fail(`No answer from port ${port}`))
    socket.once("error", (cause) => fail(cause.message))
    socket.once("close", () => fail(`Port ${port} closed the connection`))
    socket.on("data", (chunk) => {
      received = Buffer.concat([received, chunk])
      if (received.length < 8 || received.length < 4 + received.readInt32BE(0)) {
        return
      }
      const end = 4 + received.readInt32BE(0)
      const headerEnd = 8 + received.readUIntBE(5, 3)
      socket.destroy()
      const answer = JSON.parse(received.toString("utf8", 8, headerEnd)) as Partial<ProbeAnswer>
      resolve({
        code: answer.code ?? 0,
        remark: answer.remark,
        extFields: answer.extFields ?? {},
        body: received.toString("utf8", headerEnd, end)
      })
    })
  })
