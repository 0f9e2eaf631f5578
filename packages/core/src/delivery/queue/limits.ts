import type { KindLimit } from '../sink/receipt.ts'

/** The times until which a backend accepts no more of a kind, by the monotonic clock. */
export interface Limits {
  readonly byKind: Map<string, number>
  all: number
}

export function createLimits(): Limits {
  return { byKind: new Map(), all: 0 }
}

/** The number of kinds to remember: the backend chooses their names, and a broken one must not fill the memory. */
const MAX_KINDS = 256

/** Adds limits. An existing limit is only ever extended. */
export function limit(limits: Limits, news: readonly KindLimit[], now: number): void {
  const { byKind } = limits
  for (const [kind, until] of byKind) if (until <= now) byKind.delete(kind)
  for (const { kinds, forMs } of news) {
    const until = now + forMs
    if (kinds === 'all') {
      limits.all = Math.max(limits.all, until)
      continue
    }
    for (const kind of kinds) {
      if (byKind.size < MAX_KINDS || byKind.has(kind)) byKind.set(kind, Math.max(byKind.get(kind) ?? 0, until))
    }
  }
}

/** Removes limits that last longer than `until`. */
export function forgetBeyond(limits: Limits, until: number): void {
  for (const [kind, each] of limits.byKind) if (each > until) limits.byKind.delete(kind)
  if (limits.all > until) limits.all = 0
}

/** Returns the time until which a kind is limited, or 0 when it is not. */
export function limitedUntil({ byKind, all }: Limits, kind: string, now: number): number {
  const until = Math.max(all, byKind.get(kind) ?? 0)
  return until > now ? until : 0
}
