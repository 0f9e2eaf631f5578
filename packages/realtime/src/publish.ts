import type * as Core from '@msc/core'
import type { Realtime } from './create-realtime.ts'
import type { InTime } from './in-time.ts'
import type { OutgoingMessage, RealtimeDriver } from './driver.ts'

/** What the client has loaded already. */
export interface PublishTools extends Pick<typeof Core, 'ConfigError' | 'emit'> {
  readonly driver: RealtimeDriver
  readonly clock: Core.Clock
  readonly inTime: InTime
}

/** Publishes without a channel. Servers do; a page has its channels, and so does not load this first. */
export async function publishNow(message: OutgoingMessage, tools: PublishTools): Promise<void> {
  const { driver, clock, inTime, ConfigError, emit } = tools
  const send = driver.publish?.bind(driver)
  if (!send) {
    throw new ConfigError(`[msc/realtime] [${driver.name}] can not publish without a channel.`, {
      code: 'REALTIME_NO_PUBLISH',
      hint: 'Use its broadcast().',
    })
  }
  const { topic, event } = message
  const from = clock.monotonic()
  let outcome: 'ok' | 'error' = 'error'
  try {
    await inTime('publish', (signal) => send([message], signal))
    outcome = 'ok'
  } finally {
    emit('realtime.publish', { topic, event, outcome }, from)
  }
}

/** What `publish` is given for a row's change: see `publishChange`. */
export function messageOf(
  change: Parameters<Realtime['publishChange']>[0],
): [event: string, payload: Record<string, unknown>, options: { private: true }] {
  const { table, type, record, old } = change
  const payload = { operation: type, schema: 'public', table, record: record ?? null, old_record: old ?? null }
  return [type, payload, { private: true }]
}
