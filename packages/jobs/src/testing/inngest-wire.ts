/** A function as the SDK registers it. */
export interface RegisteredFunction {
  readonly id: string
  readonly triggers: readonly { readonly event?: string; readonly cron?: string }[]
  readonly steps: {
    readonly step: { readonly runtime: { readonly url: string }; readonly retries?: { readonly attempts: number } }
  }
  readonly concurrency?: readonly { readonly limit: number; readonly key?: string }[]
  readonly throttle?: {
    readonly limit: number
    readonly period: string
    readonly burst?: number
    readonly key?: string
  }
  readonly debounce?: { readonly period: string; readonly timeout?: string; readonly key?: string }
  readonly batchEvents?: { readonly maxSize: number; readonly timeout: string; readonly key?: string }
  readonly priority?: { readonly run?: string }
  readonly idempotency?: string
  readonly cancel?: readonly { readonly event: string; readonly if?: string; readonly timeout?: string }[]
}

export interface WireEventIn {
  readonly id: string
  /** As Inngest names it; absent of what it made itself. */
  readonly internalId?: string
  readonly name: string
  readonly data: unknown
  readonly ts: number
}

export interface WireRun {
  readonly id: string
  readonly functionId: string
  /** Inngest's ids of the events that started it. */
  readonly eventIds: readonly string[]
  /** Milliseconds since the epoch. */
  readonly startedAt: number
  endedAt?: number
  status: 'running' | 'completed' | 'failed' | 'cancelled'
  result?: unknown
}

const CROCKFORD = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'

/** A ULID, as Inngest names events and runs. Source: https://github.com/ulid/spec */
export function ulid(hex: string): string {
  let value = BigInt(`0x${hex}`)
  let text = ''
  for (let index = 0; index < 26; index++) {
    text = CROCKFORD[Number(value & 31n)] + text
    value >>= 5n
  }
  return text
}

/** A run as the REST API writes it. */
export function wireRun({ id, functionId, eventIds, status, startedAt, endedAt, result }: WireRun): object {
  return {
    run_id: id,
    // The API has an id of its own for the function, by which the SDK knows none.
    function_id: `00000000-0000-4000-8000-${functionId.length.toString(16).padStart(12, '0')}`,
    function_version: 1,
    event_id: eventIds[0],
    status: status[0]?.toUpperCase() + status.slice(1),
    run_started_at: new Date(startedAt).toISOString(),
    ended_at: endedAt === undefined ? null : new Date(endedAt).toISOString(),
    ...(result !== undefined && { output: result }),
  }
}

export interface Op {
  readonly id: string
  readonly op: string
  readonly name?: string
  readonly displayName?: string
  readonly data?: unknown
  readonly error?: unknown
  readonly opts?: {
    readonly timeout?: string
    readonly if?: string
    readonly function_id?: string
    readonly payload?: { readonly data?: unknown }
  }
}

/** `1d2h`, `30s`, `500ms`, or a time: milliseconds from `now`. */
export function wireMs(text: string, now: number): number {
  const at = Date.parse(text)
  if (/^\d{4}-/.test(text) && !Number.isNaN(at)) return Math.max(0, at - now)
  const units: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 }
  let total = 0
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|[smhdw])/g))
    total += Number(amount) * (units[unit as string] ?? 0)
  return total
}

/** The value of an expression that is a path: `event.data.userId`, or a number. Others are not played. */
export function evaluate(expression: string, event: unknown): unknown {
  if (/^-?\d+(\.\d+)?$/.test(expression)) return Number(expression)
  const [root, ...path] = expression.split('.')
  if (root !== 'event' && root !== 'async') throw new Error(`The server does not know the expression ${expression}`)
  let value = event
  for (const part of path) value = (value as Record<string, unknown> | null | undefined)?.[part]
  return value
}

/** `event.data.x == async.data.x`, as the SDK writes a match. */
export function isMatch(expression: string | undefined, event: WireEventIn, incoming: WireEventIn): boolean {
  if (expression === undefined) return true
  const [left = '', right = ''] = expression.split(' == ')
  return evaluate(left, event) === evaluate(right, incoming)
}
