/** The cases that no backend of a kind offers, by name, each with the capability that it lacks, and why it does. */
import type { Capability } from "./Backend.ts"

type Cases = Readonly<Record<string, Capability>>
type Reasons = Partial<Record<Capability, string>>

/** Of brokers. */
export const byBrokers: Cases = {
  "requests: fail with NotSupported where a proxy stands between": "proxy",
  "transactions: that end through a proxy, which tells nobody: the broker asks": "proxy",
  "refusals, before anything is sent: of a topic that does not exist, where none is created": "proxy",
  "answers of brokers: REQUEST_CODE_NOT_SUPPORTED: a proxy does not know messages by their ids": "proxy",
  "answers of brokers: MESSAGE_ILLEGAL: a proxy takes a topic that does not exist for one of another type": "proxy"
}

/** Of proxies. */
export const byProxies: Cases = {
  "a route: for a topic that the brokers would create is that of the default topic, with at most four queues of each":
    "auto-create",
  "a route: is found once the topic exists: that it did not is believed for a second": "routes at once",
  "a route: is the same object while nothing changes, and a new one when the topic has": "routes at once",
  "clients: are known as producers of their groups before their first message is answered": "brokers",
  "clients: with several groups are known in all of them": "brokers",
  "clients: are still known when they have sent nothing for ten minutes": "brokers",
  "clients: are forgotten when they close": "brokers",
  "sends: are answered with the broker's region, and whether it wants traces": "brokers",
  "sends: to a topic that does not exist create it": "auto-create",
  "transactions: that commit: consumers get the message once the local transaction has ended, not before":
    "ends of transactions",
  "transactions: that roll back: consumers never get the message, and no broker asks": "ends of transactions",
  "transactions: whose local transaction fails are rolled back, and the failure is the caller's":
    "ends of transactions",
  "requests: are answered by whoever gets the message": "request and reply",
  "requests: at once get their own replies each, compressed ones too": "request and reply",
  "requests: that nobody answers in time fail with RequestTimeout": "request and reply",
  "requests: whose client is gone cannot be replied to, and the broker says so": "request and reply",
  "answers of brokers: TOPIC_NOT_EXIST: the topic is neither there nor to be created": "brokers",
  "answers of brokers: INVALID_PARAMETER: the topic's name is none": "brokers",
  "answers of brokers: SUCCESS: a message by its key, and by where it is": "brokers",
  "answers of brokers: QUERY_NOT_FOUND: there is no message of that key": "brokers"
}

/** Of servers whose clock is the machine's. */
export const inRealTime: Cases = {
  "a route: is refreshed every 30 seconds": "virtual time",
  "clients: are still known when they have sent nothing for ten minutes": "virtual time"
}

/** Of RocketMQ 4.9.7. */
export const by497: Cases = {
  "batches: are stored with the ids of the messages": "ids in batches",
  "delays: of two seconds: consumers get the message then, not before": "timer messages",
  "delays: until a time: consumers get the message then, not before": "timer messages",
  "delays: end when the message is recalled: consumers never get it": "recall",
  "answers of brokers: INVALID_PARAMETER: the topic has no queue of that number": "codes of 5.x",
  "answers of brokers: INVALID_PARAMETER: the topic's name is none": "codes of 5.x",
  "answers of brokers: QUERY_NOT_FOUND: nobody has consumed from the queue": "codes of 5.x"
}

/** Why brokers do not. */
export const reasonsOfBrokers: Reasons = {
  proxy: "clients of this backend talk to brokers",
  "virtual time": "the clock of a real server is the machine's"
}

/** Why proxies do not. */
export const reasonsOfProxies: Reasons = {
  "auto-create": "a proxy lets no message create a topic",
  "routes at once": "a proxy asks the name server again after 20 seconds",
  brokers: "clients of this backend talk to a proxy",
  "ends of transactions": "a proxy knows no transaction before its broker has asked about it, and tells nobody its end",
  "request and reply": "a proxy does not know SEND_REPLY_MESSAGE",
  "virtual time": "the clock of a real server is the machine's"
}

/** Why 4.9.7 does not. */
export const reasonsOf497: Reasons = {
  ...reasonsOfBrokers,
  "codes of 5.x": "4.9.7 answers SYSTEM_ERROR where 5.x has codes of their own",
  "ids in batches": "4.9.7 puts the properties of a batch behind those of its messages, its id too",
  recall: "4.9.7 knows no RECALL_MESSAGE",
  "timer messages": "4.9.7 delays by level alone"
}
