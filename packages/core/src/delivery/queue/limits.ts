import type { KindLimit } from '../sink/receipt.ts'

/** What a backend takes no more of for a while, as data. Times are of the monotonic clock. */
export interface Limits {
  readonly byKind: Map<string, number>
  all: number
}

export function createLimits(): Limits {
  return { byKind: new Map(), all: 0 }
}

/** The kinds that a backend names are its own invention, and a broken one must not fill the memory. */
const MAX_KINDS = 256

/** Remembers limits. One that is there already is only made longer. */
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

/** Forgets the limits that last longer than `until`. */
export function forgetBeyond(limits: Limits, until: number): void {
  for (const [kind, each] of limits.byKind) if (each > until) limits.byKind.delete(kind)
  if (limits.all > until) limits.all = 0
}

/** Until when a kind is limited; 0 when it is not. */
export function limitedUntil({ byKind, all }: Limits, kind: string, now: number): number {
  const until = Math.max(all, byKind.get(kind) ?? 0)
  return until > now ? until : 0
}
