import type { JournalEntry } from '@msc/core'
import type { Signal } from './signals.ts'

/** Turns a signal into a journal record for devtools. Servers write it; browsers post it. */
export function toRecord(signal: Signal): JournalEntry {
  const { id, kind, timestamp, traceId, user, release, ...rest } = signal
  return {
    kind,
    ts: timestamp,
    name: nameOf(signal),
    ...('fingerprint' in signal && { fingerprint: signal.fingerprint }),
    ...(traceId !== undefined && { traceId }),
    ...(typeof user?.id === 'string' && { userId: user.id }),
    ...(release !== undefined && { release }),
    payload: { eventId: id, user, ...rest },
  }
}

function nameOf(signal: Signal): string {
  switch (signal.kind) {
    case 'error':
      return `${signal.errors[0]?.name ?? 'Error'}: ${signal.message}`
    case 'message':
    case 'log':
    case 'feedback':
      return signal.message
    case 'span':
    case 'metric':
      return signal.name
    case 'check-in':
      return `${signal.monitor}: ${signal.status}`
    case 'session':
      return signal.status
    case 'drops':
      return signal.counts.map(({ kind, count, reason }) => `${count} ${kind}: ${reason}`).join(', ')
  }
}
