import type { Clock } from '../time/clock.ts'
import type { Box } from './box.ts'

/** The kinds that a backend currently asked not to be sent. */
export interface Limited {
  readonly kinds: readonly string[] | 'all'
  /** Milliseconds from now until the last of the limits ends. */
  readonly forMs: number
}

/** Returns the current limits, or `undefined` while the backend accepts everything. */
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
 * Says for an engine's health which of its sinks are limited, and until when. Returns `undefined` while all of them accept
 * everything.
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
