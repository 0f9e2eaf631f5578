// The second edition of JSON's numbers, which engines have since 2023 to 2025: https://github.com/tc39/proposal-json-parse-with-source
interface RawJson {
  rawJSON?(text: string): unknown
  isRawJSON?(value: unknown): boolean
}
type Reviver = (key: string, value: unknown, context: { readonly source?: string } | undefined) => unknown

/** A number that may have more digits, or be larger, than JavaScript keeps. */
const LONG = /[\d.]{16}|\d[eE]/

/** Reads JSON, in which each number is still written as it was, where the engine can: by `JSON.rawJSON`. */
export function readExactly(text: string): unknown {
  const { rawJSON } = JSON as RawJson
  if (!rawJSON || !LONG.test(text)) return JSON.parse(text)
  const revive: Reviver = (_key, value, context) =>
    typeof value === 'number' && context?.source !== undefined && String(value) !== context.source
      ? rawJSON(context.source)
      : value
  return JSON.parse(text, revive as Parameters<typeof JSON.parse>[1])
}

/** Is it a number of `JSON.rawJSON`, which only looks like an object? */
export const isRaw = (value: unknown): boolean => (JSON as RawJson).isRawJSON?.(value) === true
