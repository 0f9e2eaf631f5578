import { isGathered, type Awaited, type Enqueue, type NewRun, type RunChange } from '../store.ts'
import type { RunRow, StepRow } from './rows.ts'

// Postgres takes no U+0000 and no lone surrogate, which JSON of JavaScript may have as escapes. They are stored as U+E000
// and the four digits of the escape, as is U+E000 itself.
const ODD = /(?<!\\)((?:\\\\)*)\\u(0000|d[89a-f][\da-f]{2})/g
const MARK = '\uE000'

/** JSON that Postgres takes. */
export function encode(value: unknown): string {
  const text = JSON.stringify(value)
  const marked = text.includes(MARK) ? text.replaceAll(MARK, `${MARK}e000`) : text
  // Neighbours share the backslash that the expression looks back at, so once is not enough.
  return marked.includes('\\u') ? replaceAll(marked, ODD, `$1${MARK}$2`) : marked
}

function replaceAll(text: string, pattern: RegExp, replacement: string): string {
  let result = text
  for (let next = text.replace(pattern, replacement); next !== result; next = result.replace(pattern, replacement)) {
    result = next
  }
  return result
}

const decodeJson = (text: string): string =>
  text.includes(MARK) ? text.replaceAll(/\uE000([\da-f]{4})/g, (_, hex: string) => `\\u${hex}`) : text
const decodeText = (text: string): string =>
  text.includes(MARK)
    ? text.replaceAll(/\uE000([\da-f]{4})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
    : text
const decodeMaybe = (text: string | null): string | null => (text === null ? null : decodeJson(text))

export function decodeRun<Row extends RunRow>(row: Row): Row {
  const { events, failure, result, error } = row
  return {
    ...row,
    events: decodeJson(events),
    failure: decodeMaybe(failure),
    result: decodeMaybe(result),
    error: decodeMaybe(error),
  }
}

export function decodeStep(row: StepRow): StepRow {
  return { ...row, key: decodeText(row.key), output: decodeMaybe(row.output), error: decodeMaybe(row.error) }
}

/** A value to compare is JSON inside of JSON: odd characters in it must not fail, though they will match nothing. */
const soften = (awaited: Awaited): Awaited =>
  awaited.value?.includes('\\u') ? { ...awaited, value: encode(JSON.parse(awaited.value)) } : awaited

const encodeRun = (run: NewRun): NewRun & { readonly gathered?: boolean } => ({
  ...run,
  ...(run.cancelOn && { cancelOn: run.cancelOn.map(soften) }),
  ...(isGathered(run) && { gathered: true }),
})

export function encodeBatch(batch: Enqueue): string {
  return encode({ ...batch, runs: batch.runs.map(encodeRun) })
}

export function encodeChange(change: RunChange): RunChange {
  const { waits, spawn } = change
  if (!waits && !spawn) return change
  return {
    ...change,
    ...(waits && { waits: Object.fromEntries(Object.entries(waits).map(([key, each]) => [key, soften(each)])) }),
    ...(spawn && { spawn: spawn.map(encodeRun) }),
  }
}
