/**
 * The languages that a command can say its sender is written in.
 *
 * Source: RocketMQ 5.3.2 and later `remoting.protocol.LanguageCode`. A JSON header carries the name, a ROCKETMQ binary
 * header the number in one byte.
 */

/**
 * Every language by its name in RocketMQ. `NODE_JS` is unknown to servers before 5.3.2, some of which fail on an unknown
 * language in rarely used requests; `OTHER` is known to all.
 */
export const LanguageCode = {
  JAVA: 0,
  CPP: 1,
  DOTNET: 2,
  PYTHON: 3,
  DELPHI: 4,
  ERLANG: 5,
  RUBY: 6,
  OTHER: 7,
  HTTP: 8,
  GO: 9,
  PHP: 10,
  OMS: 11,
  RUST: 12,
  NODE_JS: 13
} as const

/** The number of a language. */
export type LanguageCode = (typeof LanguageCode)[keyof typeof LanguageCode]

const names: ReadonlyArray<string> = Object.keys(LanguageCode)

const codeByName: ReadonlyMap<string, LanguageCode> = new Map(Object.entries(LanguageCode))

/** The name of a language such as `"OTHER"` for 7, or `undefined` for a number that stands for none. */
export const languageName = (code: number): string | undefined => names[code]

/** The number of a language such as 7 for `"OTHER"`, or `undefined` for a name that is not a language's. */
export const languageCode = (name: string): LanguageCode | undefined => codeByName.get(name)
