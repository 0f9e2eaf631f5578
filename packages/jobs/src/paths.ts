/** A dotted path into an event: `data.userId`, `ts`. Names as JavaScript and CEL both have them. */
export function isPath(path: string): boolean {
  return /^(data|id|name|ts)(\.[A-Za-z_]\w*)*$/.test(path)
}

/** What is at `path`; `undefined` where there is nothing. Own properties only. */
export function valueAt(root: unknown, path: string): unknown {
  let value = root
  for (const part of path.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined
    value = (value as Record<string, unknown>)[part]
  }
  return value
}

/** What two events share, as text to compare: only strings, numbers, booleans and null can be equal. */
export function comparable(value: unknown): string | undefined {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return JSON.stringify(value)
  return typeof value === 'number' && Number.isFinite(value) ? JSON.stringify(value) : undefined
}
