import { createBreakerState, type BreakerDecisions, type BreakerState } from '@msc/core/breaker-state'
import type * as Core from '@msc/core'
import type { Realtime } from '../create-realtime.ts'
import type { InTime } from '../base/in-time.ts'
import type { refusal } from '../base/refusal.ts'
import { stamped, type StampTools } from '../base/stamped.ts'
import type { OutgoingMessage, RealtimeDriver } from '../driver.ts'
import { readBack, writable, type Written } from './outgoing.ts'

/** What the client has loaded already. */
export interface PublishTools extends StampTools, Pick<typeof Core, 'UnavailableError' | 'emit'> {
  readonly refusal: typeof refusal
  readonly driver: RealtimeDriver
  readonly clock: Core.Clock
  readonly inTime: InTime
  /** One for each engine, by which its health knows. */
  readonly breaker: { state: BreakerState }
  readonly stats: { published: number }
}

type Message = Parameters<Realtime['publish']>

const COOLDOWN_MS = 5000
const breakers = new WeakMap<object, BreakerDecisions>()

/** Made here, as a page that does not publish does not need one. */
function breakerOf({ breaker: seen, driver, clock, emit }: PublishTools): BreakerDecisions {
  const known = breakers.get(seen)
  if (known) return known
  const made = createBreakerState({
    threshold: 5,
    cooldownMs: COOLDOWN_MS,
    clock,
    onChange(state) {
      seen.state = state
      emit('driver.breaker', { concern: 'realtime', driver: driver.name, state })
    },
  })
  breakers.set(seen, made)
  return made
}

/** Publishes without a channel. Servers do; a page has its channels, and so does not load this first. */
export const publishNow = (written: Written, tools: PublishTools, given: Message): Promise<void> =>
  publishMessage(readBack(written, given), tools)

async function publishMessage([topic, event, content, options]: Message, tools: PublishTools): Promise<void> {
  const { driver, clock, inTime, refusal: refuse, UnavailableError, emit, stats } = tools
  const send = driver.publish?.bind(driver)
  if (!send) {
    throw refuse(`[${driver.name}] can not publish without a channel.`, 'REALTIME_NO_PUBLISH', {
      hint: 'Use its broadcast().',
    })
  }
  if (typeof topic !== 'string' || topic === '') {
    throw refuse('The topic is missing.', 'REALTIME_TOPIC_INVALID')
  }
  // Of what can't be written the backend never hears, so it must not count as its failure.
  writable(refuse, topic, content instanceof Uint8Array ? undefined : content)
  const payload = stamped(content, tools)
  const message: OutgoingMessage = { topic, event, payload, private: options?.private ?? false }
  const breaker = breakerOf(tools)
  const from = clock.monotonic()
  let outcome: 'ok' | 'error' = 'error'
  try {
    if (!breaker.tryAcquire()) {
      throw new UnavailableError(`[msc/realtime] [${driver.name}] publish was not tried: the backend keeps failing.`, {
        code: 'BREAKER_OPEN',
        hint: `It is probed again at most ${COOLDOWN_MS} ms after the last failure.`,
      })
    }
    await inTime('publish', (signal) => send([message], signal)).catch((error: unknown) => {
      if (isAnswer(error)) breaker.succeed()
      else breaker.fail()
      throw error
    })
    breaker.succeed()
    stats.published += 1
    outcome = 'ok'
  } finally {
    emit('realtime.publish', { topic, event, outcome }, from)
  }
}

/**
 * A refusal that a retry can't mend is at least an answer, and so is one for a room that is busy: other rooms are not. Never
 * throws: the probe would stay taken.
 */
function isAnswer(error: unknown): boolean {
  try {
    const { retryable, code } = error as { retryable?: unknown; code?: unknown }
    return retryable === false || code === 'REALTIME_ROOM_BUSY'
  } catch {
    return false
  }
}

/** A row's change as Supabase's `realtime.broadcast_changes` sends it. */
export function publishChange(
  written: Written,
  tools: PublishTools,
  given: Parameters<Realtime['publishChange']>,
): Promise<void> {
  const [{ table, ownerId, type, record, old }] = readBack(written, given)
  const payload = { operation: type, schema: 'public', table, record: record ?? null, old_record: old ?? null }
  return publishMessage([`feed:${table}:${ownerId}`, type, payload, { private: true }], tools)
}
