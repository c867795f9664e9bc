import type { Environment } from "./machine.ts"
import type { Measure, Place, Results } from "./measures.ts"
import { aaControl, measures, notMeasured, places, sendControl, standing } from "./measures.ts"
import type { Played } from "./rounds.ts"
import type { Sends } from "./sends.ts"
import { sendAbsolute, senderNames, sendRatio } from "./sends.ts"
import type { Estimate } from "./statistics.ts"

const format = (value: number, unit: Measure["unit"]): string => {
  switch (unit) {
    case "ratio":
      return value.toFixed(2)
    case "share":
      return `${(value * 100).toFixed(1)} %`
    case "µs":
      return `${value.toFixed(2)} µs`
    case "ms":
      return `${value.toFixed(1)} ms`
    case "bytes":
      return `${Math.round(value)} B`
  }
}

const interval = ({ interval: [low, high] }: Estimate, unit: Measure["unit"]): string =>
  `${format(low, unit)} … ${format(high, unit)}`

/** Columns as wide as their widest cell; the first to the left, the others to the right. */
const table = (rows: ReadonlyArray<ReadonlyArray<string>>): string => {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)))
  return rows
    .map((row) =>
      row.map((cell, column) => column === 0 ? cell.padEnd(widths[column]) : cell.padStart(widths[column])).join("  ")
    )
    .join("\n")
}

const stands = { goal: "reaches the goal", floor: "above the floor", below: "BELOW THE FLOOR" } as const

const measureTable = (results: Results): string =>
  table([
    ["", "floor", "goal", "measured", "95 % interval", "stands"],
    ...measures.flatMap((measure) => {
      const { unit } = measure
      const estimate = measure.of(results)
      return estimate === undefined ? [] : [[
        measure.label,
        format(measure.floor, unit),
        format(measure.goal, unit),
        format(estimate.value, unit),
        interval(estimate, unit),
        stands[standing(measure, estimate.value)]
      ]]
    })
  ])

const placeTable = (all: ReadonlyArray<Place>): string =>
  table([
    ["64 in flight", "requests/s", "of limit", "95 % interval", "CPU/request", "of limit", "95 % interval"],
    ...all.map((place) => [
      place.name,
      Math.round(place.rate.value).toLocaleString("en"),
      format(place.rateVsLimit.value, "ratio"),
      interval(place.rateVsLimit, "ratio"),
      format(place.cpu.value, "µs"),
      format(place.cpuVsLimit.value, "ratio"),
      interval(place.cpuVsLimit, "ratio")
    ])
  ])

const sendTable = (sends: Sends): string =>
  table([
    ["sends, 64 in flight", "messages/s", "of limit", "CPU/message", "of limit", "first after", "RSS"],
    ...senderNames.map((name) => [
      name,
      Math.round(sendAbsolute(sends, name, (sample) => sample.messagesPerSecond).value).toLocaleString("en"),
      format(sendRatio(sends, name, "limit", (sample) => sample.messagesPerSecond).value, "ratio"),
      format(sendAbsolute(sends, name, (sample) => sample.cpuMicros).value, "µs"),
      format(sendRatio(sends, name, "limit", (sample) => sample.cpuMicros).value, "ratio"),
      format(sendAbsolute(sends, name, (sample) => sample.firstMs).value, "ms"),
      `${Math.round(sendAbsolute(sends, name, (sample) => sample.rssBytes).value / 1e6)} MB`
    ])
  ])

export const humanReport = (results: Results, machine: Environment, played: Played): string => {
  const control = aaControl(results)
  return [
    measureTable(results),
    placeTable(places(results.rounds)),
    "missing" in results.sends ? `Not measured: ${notMeasured(results).join(", ")}.` : sendTable(results.sends),
    [
      `Control, the limit against itself: ${format(control.value, "ratio")}, ${interval(control, "ratio")}.`,
      ...[sendControl(results)].flatMap((sends) =>
        sends === undefined ? [] : [`The same for sends: ${format(sends.value, "ratio")}, ${interval(sends, "ratio")}.`]
      ),
      `Rounds that count: ${played.rounds.length}; rounds disturbed by others: ${played.disturbed}.`,
      `Node ${machine.node}, commit ${machine.commit}, ${machine.kernel}, ${machine.cores} × ${machine.cpu}` +
      (machine.pinned ? ", server and client on a core each." : ", processes not bound to cores.")
    ].join("\n")
  ].join("\n\n")
}

/** The medians, by field. */
export const jsonReport = (results: Results): Record<string, number> =>
  Object.fromEntries([
    ...[...measures, { field: "aaControl", of: aaControl }, { field: "sendAaControl", of: sendControl }]
      .flatMap(({ field, of }) => {
        const estimate = of(results)
        return estimate === undefined ? [] : [[field, estimate.value]]
      }),
    ...places(results.rounds)
      .filter(({ name }) => name.startsWith("java"))
      .flatMap((place) => [
        [`${place.name}Rps64VsLimit`, place.rateVsLimit.value],
        [`${place.name}Cpu64VsLimit`, place.cpuVsLimit.value]
      ])
  ])
