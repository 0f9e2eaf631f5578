import type { Clock } from '../time/clock.ts'
import type { Box } from './box.ts'

/** What a backend is kept from at the moment, because it asked for that. */
export interface Limited {
  readonly kinds: readonly string[] | 'all'
  /** Milliseconds from now until the last of it ends. */
  readonly forMs: number
}

/** `undefined` while the backend takes everything. */
export function limitedNow<T>({ queue: { limits }, heldUntil, clock }: Box<T>): Limited | undefined {
  const now = clock.monotonic()
  const all = Math.max(limits.all, heldUntil) - now
  if (all > 0) return { kinds: 'all', forMs: all }
  const running = [...limits.byKind].filter(([, until]) => until > now)
  if (running.length === 0) return undefined
  return {
    kinds: running.map(([kind]) => kind),
    forMs: Math.max(...running.map(([, until]) => until)) - now,
  }
}

/**
 * Which of several sinks are asked to wait, and until when, for the health of whoever sends to them; `undefined` while all
 * of them take everything.
 */
export function describeLimits(
  sinks: readonly { readonly driver: { readonly name: string }; limited(): Limited | undefined }[],
  clock: Pick<Clock, 'now'>,
): string | undefined {
  const sentences = sinks.flatMap(({ driver, limited }) => {
    const limit = limited()
    if (!limit) return []
    const what = limit.kinds === 'all' ? 'nothing' : `no ${limit.kinds.slice(0, MAX_SHOWN).join(', ')}`
    const until = new Date(Math.round(clock.now() + limit.forMs)).toISOString()
    return [`${driver.name} asked to be sent ${what} until ${until}.`]
  })
  return sentences.length === 0 ? undefined : sentences.join(' ')
}

const MAX_SHOWN = 10
