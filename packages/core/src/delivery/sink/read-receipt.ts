import { createRedactor, type Redactor } from '../../redact/index.ts'
import type { DropReason, KindLimit } from './receipt.ts'

/** The readable part of a receipt. */
export interface ReadReceipt {
  /** Rejections by id. Ids that were never sent are harmless, because nothing looks them up. */
  readonly rejected: ReadonlyMap<string, ReadRejection>
  readonly limits: readonly KindLimit[]
  /** True if the receipt violates the contract. Its readable part still counts. */
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

/** The shortest limit in milliseconds: after a limit of 0 the backend must still not be called in a tight loop. */
const SHORTEST_LIMIT_MS = 100
/**
 * The longest limit in milliseconds: a backend with a wrong clock, or a proxy in front of it, must not stop delivery for
 * days.
 */
export const LONGEST_LIMIT_MS: number = 15 * 60_000

/**
 * Reads a sink's result, whatever it is. A sink that returns no receipt has not thrown either, so its batch counts as
 * delivered: to repeat it forever would be worse.
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
    // A getter or a proxy threw, or a list is not an array.
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
  if (!Array.isArray(value)) throw new TypeError('This is not a list.')
  return value as unknown[]
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

const DETAIL_LENGTH = 300

let redactor: Redactor | undefined

/**
 * Shortens and redacts a backend's message for use in each drop. The redactor makes the cut, so that a secret across the
 * cut is removed completely.
 */
export function shorten(text: string): string {
  redactor ??= createRedactor({ maxString: DETAIL_LENGTH })
  return redactor.text(text)
}
