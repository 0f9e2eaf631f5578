import { createRedactor, type Redactor } from '../../redact/index.ts'
import type { DropReason, KindLimit } from './receipt.ts'

/** A receipt as far as it could be understood. */
export interface ReadReceipt {
  /** By id. Ids that were never sent do no harm: nobody looks them up. */
  readonly rejected: ReadonlyMap<string, ReadRejection>
  readonly limits: readonly KindLimit[]
  /** It was not what the contract says; what could be read of it counts. */
  readonly malformed: boolean
}

interface ReadRejection {
  readonly retryable: boolean
  readonly reason: DropReason
  readonly detail?: string | undefined
}

const REASONS: ReadonlySet<unknown> = new Set<DropReason>([
  'queue full',
  'too large',
  'refused',
  'unauthorized',
  'retries exhausted',
  'closed',
  'unreadable',
  'filtered',
])

/** A limit of no time is one all the same; a backend must not be asked again at once, and again. */
const SHORTEST_LIMIT_MS = 100
/**
 * No backend is left alone for longer without being asked: one with a wrong clock, or a proxy in its place, must not
 * stop delivery for days.
 */
export const LONGEST_LIMIT_MS: number = 15 * 60_000

/**
 * Reads what a sink returned, whatever it is. A sink that returns no receipt at all has still not thrown, so its batch
 * counts as delivered: repeating it for ever would be worse.
 */
export function readReceipt(value: unknown): ReadReceipt {
  const rejected = new Map<string, ReadRejection>()
  const limits: KindLimit[] = []
  let malformed = false
  try {
    if (!isObject(value)) return { rejected, limits, malformed: true }
    for (const one of listOf(value['rejected'])) {
      const rejection = readRejection(one)
      if (!rejection || rejected.has(rejection.id)) malformed = true
      else rejected.set(rejection.id, rejection)
    }
    for (const one of listOf(value['limits'])) {
      const limit = readLimit(one)
      if (limit) limits.push(limit)
      else malformed = true
    }
  } catch {
    // A getter or a proxy that throws; or a list that is none.
    malformed = true
  }
  return { rejected, limits, malformed }
}

function readRejection(value: unknown): (ReadRejection & { readonly id: string }) | undefined {
  if (!isObject(value)) return undefined
  const { id, reason, detail } = value
  if (typeof id !== 'string') return undefined
  return {
    id,
    retryable: value['retryable'] === true,
    reason: REASONS.has(reason) ? (reason as DropReason) : 'refused',
    ...(typeof detail === 'string' && { detail: shorten(detail) }),
  }
}

function readLimit(value: unknown): KindLimit | undefined {
  if (!isObject(value)) return undefined
  const { kinds, forMs } = value
  if (typeof forMs !== 'number' || !(forMs >= 0)) return undefined
  const wait = Math.min(Math.max(forMs, SHORTEST_LIMIT_MS), LONGEST_LIMIT_MS)
  if (kinds === 'all') return { kinds, forMs: wait }
  if (!Array.isArray(kinds)) return undefined
  const known = (kinds as unknown[]).filter((kind) => typeof kind === 'string')
  return { kinds: known, forMs: wait }
}

function listOf(value: unknown): readonly unknown[] {
  if (value === undefined) return []
  if (!Array.isArray(value)) throw new TypeError('This is no list.')
  return value as unknown[]
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

const DETAIL_LENGTH = 300

let redactor: Redactor | undefined

/**
 * What a backend said, short enough to be told for each drop, and without secrets. The redactor cuts by itself, so that a
 * secret across the cut is hidden whole.
 */
export function shorten(text: string): string {
  redactor ??= createRedactor({ maxString: DETAIL_LENGTH })
  return redactor.text(text)
}
