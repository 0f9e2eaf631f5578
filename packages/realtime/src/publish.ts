import { createBreakerState, type BreakerDecisions, type BreakerState } from '@msc/core/breaker-state'
import type * as Core from '@msc/core'
import type { Realtime } from './create-realtime.ts'
import type { InTime } from './in-time.ts'
import type { OutgoingMessage, RealtimeDriver } from './driver.ts'

/** What the client has loaded already. */
export interface PublishTools extends Pick<typeof Core, 'ConfigError' | 'UnavailableError' | 'emit'> {
  readonly driver: RealtimeDriver
  readonly clock: Core.Clock
  readonly inTime: InTime
  /** One for each engine, by which its health knows. */
  readonly breaker: { state: BreakerState }
}

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
export async function publishNow(
  [topic, event, payload, given]: Parameters<Realtime['publish']>,
  tools: PublishTools,
): Promise<void> {
  const { driver, clock, inTime, ConfigError, UnavailableError, emit } = tools
  const send = driver.publish?.bind(driver)
  if (!send) {
    throw new ConfigError(`[msc/realtime] [${driver.name}] can not publish without a channel.`, {
      code: 'REALTIME_NO_PUBLISH',
      hint: 'Use its broadcast().',
    })
  }
  // Of what can't be written the backend never hears, so it must not count as its failure.
  try {
    JSON.stringify(payload)
  } catch (error) {
    throw unwritable(ConfigError, topic, error)
  }
  const message: OutgoingMessage = { topic, event, payload, private: given?.private ?? false }
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
    outcome = 'ok'
  } finally {
    emit('realtime.publish', { topic, event, outcome }, from)
  }
}

/** A refusal that a retry can't mend is at least an answer. Never throws: the probe would stay taken. */
function isAnswer(error: unknown): boolean {
  try {
    return (error as { retryable?: unknown }).retryable === false
  } catch {
    return false
  }
}

/** The error for what JSON can't carry: a cycle, a BigInt, or what a `toJSON` of the application throws. */
export function unwritable(Config: typeof Core.ConfigError, topic: string, cause: unknown): Core.ConfigError {
  return new Config(`[msc/realtime] What is sent to ${topic} can not be written as JSON.`, {
    code: 'REALTIME_PAYLOAD_INVALID',
    hint: 'Pass text in place of a BigInt, and ids in place of objects that refer to each other.',
    cause,
  })
}

/** What `publish` is given for a row's change: see `publishChange`. */
export function messageOf(
  change: Parameters<Realtime['publishChange']>[0],
): [event: string, payload: Record<string, unknown>, options: { private: true }] {
  const { table, type, record, old } = change
  const payload = { operation: type, schema: 'public', table, record: record ?? null, old_record: old ?? null }
  return [type, payload, { private: true }]
}
