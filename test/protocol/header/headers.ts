/** All codecs of headers, and what Java has to say of each. */
import * as Authentication from "../../../src/protocol/header/Authentication.ts"
import * as BrokerAdmin from "../../../src/protocol/header/BrokerAdmin.ts"
import * as ClientManagement from "../../../src/protocol/header/ClientManagement.ts"
import * as ConsumerOffset from "../../../src/protocol/header/ConsumerOffset.ts"
import * as ConsumerSendMsgBack from "../../../src/protocol/header/ConsumerSendMsgBack.ts"
import * as GroupAdmin from "../../../src/protocol/header/GroupAdmin.ts"
import type { HeaderCodec } from "../../../src/protocol/header/HeaderCodec.ts"
import * as NameServer from "../../../src/protocol/header/NameServer.ts"
import * as PopMessage from "../../../src/protocol/header/PopMessage.ts"
import * as PullMessage from "../../../src/protocol/header/PullMessage.ts"
import * as QueryMessage from "../../../src/protocol/header/QueryMessage.ts"
import * as QueueOffset from "../../../src/protocol/header/QueueOffset.ts"
import * as RecallMessage from "../../../src/protocol/header/RecallMessage.ts"
import * as ReplyMessage from "../../../src/protocol/header/ReplyMessage.ts"
import * as SendMessage from "../../../src/protocol/header/SendMessage.ts"
import * as TopicAdmin from "../../../src/protocol/header/TopicAdmin.ts"
import * as Transaction from "../../../src/protocol/header/Transaction.ts"

export type Header = Readonly<Record<string, string | number | boolean>>

const isCodec = (value: unknown): value is HeaderCodec<Header> =>
  typeof value === "object" && value !== null && "encode" in value && "decode" in value

const exported: Readonly<Record<string, unknown>> = {
  ...Authentication,
  ...BrokerAdmin,
  ...ClientManagement,
  ...ConsumerOffset,
  ...ConsumerSendMsgBack,
  ...GroupAdmin,
  ...NameServer,
  ...PopMessage,
  ...PullMessage,
  ...QueryMessage,
  ...QueueOffset,
  ...RecallMessage,
  ...ReplyMessage,
  ...SendMessage,
  ...TopicAdmin,
  ...Transaction
}

/** Every codec by the name of its class in Java. */
export const headerCodecs: ReadonlyMap<string, HeaderCodec<Header>> = new Map(
  Object.entries(exported).filter((entry): entry is [string, HeaderCodec<Header>] => isCodec(entry[1]))
)

/** Those for which Java has no class. */
export const withoutClass: ReadonlySet<string> = new Set(["BrokerRequestHeader", "HeartbeatResponseHeader"])
