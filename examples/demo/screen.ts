/** What is shown while the demo runs: a live screen on a terminal, plain lines elsewhere. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

/** A server at one moment. */
export interface ServerView {
  readonly name: string
  readonly address: string
  readonly state: "serving" | "draining" | "stopped"
  readonly connections: number
  /** Requests executed so far. */
  readonly executed: number
  /** Requests answered with GO_AWAY so far. */
  readonly refused: number
}

/** A run at one moment. */
export interface View {
  readonly round: number
  readonly rounds: number
  readonly servers: ReadonlyArray<ServerView>
  readonly requests: number
  readonly failed: number
  readonly unknown: number
  readonly swaps: number
  readonly hops: number
  readonly maxLatencyMs: number
}

/** A line of the table at the end. */
export interface Row {
  readonly title: string
  readonly requests: number
  readonly failed: number
  readonly unknown: number
  readonly lost: number
  readonly duplicated: number
  readonly swaps: number
  readonly hops: number
  readonly maxLatencyMs: number
}

/** What a run begins with. */
export interface Heading {
  readonly title: string
  readonly explanation: string
  readonly position: string
}

/** Where a run is shown. */
export interface Screen {
  /** A run begins; it is looked at again and again until the scope closes. */
  readonly begin: (heading: Heading, look: Effect.Effect<View>) => Effect.Effect<void, never, Scope.Scope>
  /** Something happened. */
  readonly note: (text: string) => void
  /** A run has ended. */
  readonly finished: (row: Row) => void
  /** All runs have ended. */
  readonly end: (verdict: ReadonlyArray<string>) => void
}

const header = "effect-rocketmq: rolling restarts under load"

const number = (value: number): string => value.toLocaleString("en-US")

/** Column headings, in two lines so that the table fits a terminal of 80 columns. */
const headings: ReadonlyArray<readonly [string, string]> = [
  ["", "requests"],
  ["", "failed"],
  ["", "unknown"],
  ["", "lost"],
  ["stored", "twice"],
  ["", "swaps"],
  ["", "hops"],
  ["slowest", "request"]
]

const titleWidth = 12

/** The table of the runs that have ended. */
const table = (rows: ReadonlyArray<Row>): ReadonlyArray<string> => {
  const cells = rows.map((row) => [
    ...[row.requests, row.failed, row.unknown, row.lost, row.duplicated, row.swaps, row.hops].map(number),
    `${number(row.maxLatencyMs)} ms`
  ])
  const widths = headings.map((names, column) =>
    Math.max(...names.map((name) => name.length), ...cells.map((row) => row[column].length))
  )
  const line = (title: string, texts: ReadonlyArray<string>) =>
    title.padEnd(titleWidth) + texts.map((text, column) => "  " + text.padStart(widths[column])).join("")
  return [
    line("", headings.map(([first]) => first)),
    line("", headings.map(([, second]) => second)),
    ...rows.map((row, index) => line(row.title, cells[index]))
  ]
}

/** Nothing at all. */
export const silent: Screen = {
  begin: () => Effect.void,
  note: () => {},
  finished: () => {},
  end: () => {}
}

/** A line for everything that happens. */
export const lines = (write: (text: string) => void): Effect.Effect<Screen> =>
  Effect.map(Clock.Clock, (clock): Screen => {
    const now = (): number => Number(clock.monotonicTimeNanosUnsafe()) / 1_000_000
    const rows: Array<Row> = []
    let since = now()
    write(header + "\n")
    return {
      begin: (heading) =>
        Effect.sync(() => {
          since = now()
          write(`\n${heading.position}  ${heading.title}: ${heading.explanation}\n`)
        }),
      note: (text) => write(`${((now() - since) / 1_000).toFixed(3).padStart(9)} s  ${text}\n`),
      finished: (row) => {
        rows.push(row)
      },
      end: (verdict) => write(["", ...table(rows), "", ...verdict, ""].join("\n"))
    }
  })

const escape = "\u001b["
const paint = (code: number) => (text: string): string => `${escape}${code}m${text}${escape}0m`
const bold = paint(1)
const dim = paint(2)
const red = paint(31)
const green = paint(32)
const yellow = paint(33)

const stateColours = { serving: green, draining: yellow, stopped: red }

const frameMillis = 100

/** Rates are taken over so many frames. */
const rateFrames = 5

/** Cuts a line to a width, leaving its colours whole. */
const cut = (line: string, width: number): string => {
  const [first, ...coloured] = line.split(escape)
  let room = Math.max(0, width - first.length)
  let result = first.slice(0, width)
  for (const part of coloured) {
    const text = part.indexOf("m") + 1
    result += escape + part.slice(0, text) + part.slice(text, text + room)
    room = Math.max(0, room - (part.length - text))
  }
  return result
}

/** A picture that is drawn over itself, ten times a second. */
export const live = (terminal: NodeJS.WriteStream): Effect.Effect<Screen, never, Scope.Scope> =>
  Effect.gen(function*() {
    const clock = yield* Clock.Clock
    const now = (): number => Number(clock.monotonicTimeNanosUnsafe()) / 1_000_000
    const rows: Array<Row> = []
    let notes: Array<string> = []
    let since = now()
    let drawn = 0

    const draw = (content: ReadonlyArray<string>): void => {
      const width = terminal.columns || 80
      const shown = content.slice(0, Math.max(1, (terminal.rows || 24) - 1))
      const up = drawn === 0 ? "" : `${escape}${drawn}F`
      terminal.write(up + shown.map((line) => `${cut(line, width)}${escape}K\n`).join("") + `${escape}J`)
      drawn = shown.length
    }

    const history: Array<ReadonlyArray<number>> = []
    const rateOf = (view: View, index: number): number => {
      const oldest = history[0]
      return (view.servers[index].executed - oldest[index]) / (Math.max(1, history.length - 1) * frameMillis / 1_000)
    }

    const server = (view: View, index: number): string => {
      const { address, connections, name, refused, state } = view.servers[index]
      return ` ${bold(name.padEnd(8))}${address.padEnd(17)}${stateColours[state](state.padEnd(10))}` +
        String(connections).padStart(11) + number(Math.round(rateOf(view, index))).padStart(13) +
        number(refused).padStart(12)
    }

    const picture = (heading: Heading, view: View): ReadonlyArray<string> => {
      history.push(view.servers.map(({ executed }) => executed))
      if (history.length > rateFrames + 1) history.shift()
      const failed = `failed ${number(view.failed)}`
      const seconds = ((now() - since) / 1_000).toFixed(1)
      const above = [
        `${bold(header)}  ${dim(`${heading.position}, round ${view.round} of ${view.rounds}, ${seconds} s`)}`,
        `${bold(heading.title)}: ${heading.explanation}`,
        "",
        dim(" server  address          state     connections   requests/s    GO_AWAYs"),
        ...view.servers.map((_, index) => server(view, index)),
        "",
        ` requests ${number(view.requests)}   ${view.failed === 0 ? green(failed) : red(failed)}   ` +
        `unknown ${number(view.unknown)}   swaps ${view.swaps}   hops ${view.hops}   ` +
        `slowest ${number(Math.round(view.maxLatencyMs))} ms`,
        ""
      ]
      const below = rows.length === 0 ? [] : ["", ...table(rows)]
      const room = Math.min(12, Math.max(1, (terminal.rows || 24) - 1 - above.length - below.length))
      const newest = notes.slice(-room)
      return [...above, ...newest, ...new Array<string>(room - newest.length).fill(""), ...below]
    }

    yield* Effect.acquireRelease(
      Effect.sync(() => terminal.write(`${escape}?25l`)),
      () => Effect.sync(() => terminal.write(`${escape}?25h`))
    )

    return {
      begin: (heading, look) => {
        since = now()
        notes = []
        history.length = 0
        const frame = Effect.map(look, (view) => draw(picture(heading, view)))
        return Effect.asVoid(Effect.forkScoped(Effect.forever(Effect.andThen(frame, Effect.sleep(frameMillis)))))
      },
      note: (text) => {
        const line = `${((now() - since) / 1_000).toFixed(3).padStart(9)} s  ${text}`
        notes.push(text.startsWith("client moved") ? bold(line) : dim(line))
      },
      finished: (row) => {
        rows.push(row)
      },
      end: (verdict) => draw([bold(header), "", ...table(rows), "", ...verdict])
    }
  })
